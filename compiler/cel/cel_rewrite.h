// Trees of CEL made into others. What is given stays as it is; parts that do not change are shared.
#ifndef KLOCK_CEL_REWRITE_H
#define KLOCK_CEL_REWRITE_H

#include <stddef.h>

struct arena;
struct cel_node;

typedef struct cel_node *cel_change(struct arena *arena, struct cel_node *node, void *context);

// The node with each child as `change` makes it; the node itself if it leaves all as they are.
struct cel_node *cel_change_children(struct arena *arena, struct cel_node *node, cel_change *change, void *context);

// The same value, said shorter: true and false fold away, what an operand of && and || repeats is dropped, not equal is
// one operator, a conditional between true and false is its condition, being in a list of one is being equal. Layout
// and parentheses that a tree does not need are lost; what a user wrote stays as it was written. A bool may become a
// value whose type the API server does not know, where the whole of a validation has to be one that it does.
struct cel_node *cel_simplify(struct arena *arena, struct cel_node *node);

struct cel_inlined {
    const char *name;
    struct cel_node *expression;
};

// With every variables.NAME replaced by what it stands for, for expressions that have no variables. A variable reads
// those before it alone; a name that is not among them is left. NULL where a macro binds a name that the API server
// gives, which expressions would then find in place of what they mean. The result shares what is used several times,
// and is as large as all of it when it is printed.
struct cel_node *cel_inline(struct arena *arena, struct cel_node *node, const struct cel_inlined *variables,
                            size_t count);

#endif
