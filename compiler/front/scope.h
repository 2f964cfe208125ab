// Names → declarations. A declaration is visible in its policy and in every file that includes its file.
#ifndef KLOCK_SCOPE_H
#define KLOCK_SCOPE_H

#include "base/map.h"
#include "front/ast.h"

struct arena;
struct diags;

// One source file of the compilation.
struct unit {
    struct ast_file *file;
    const char *policy;
    struct span policy_span; // of its `policy` item; SPAN_NOWHERE when the file's stem serves
    struct unit **includes;
    size_t include_count;
    size_t visit; // number of the last search that came here
};

struct declaration {
    const struct ast_item *item;
    struct unit *unit;
    struct declaration *next; // of the same kind and name, elsewhere
    void *meaning;            // what later stages made of it
    bool in_progress;         // being worked out: meeting it again is a cycle
};

struct scope {
    struct arena *arena;
    struct diags *diags;
    struct map kinds[AST_ITEM_TEST + 1]; // name → struct declaration *
    size_t visits;
};

// Enters every declaration of the units; reports names that are declared twice in one policy.
void scope_init(struct scope *scope, struct arena *arena, struct diags *diags, struct unit **units, size_t count);

// The declaration that the name means in this unit, or NULL after reporting it unknown. `what` is the word for
// messages.
struct declaration *scope_find(struct scope *scope, struct unit *unit, enum ast_item_kind kind, struct word name);
// Whether something of that kind and name is visible in the unit.
bool scope_has(struct scope *scope, struct unit *unit, enum ast_item_kind kind, const char *name);
// The declaration of an item itself; NULL when it is a duplicate.
struct declaration *scope_declaration(const struct scope *scope, const struct unit *unit, const struct ast_item *item);

#endif
