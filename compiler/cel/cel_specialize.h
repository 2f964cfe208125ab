// Trees of CEL for requests of which something is known.
#ifndef KLOCK_CEL_SPECIALIZE_H
#define KLOCK_CEL_SPECIALIZE_H

#include <stddef.h>

struct arena;
struct cel_node;

// The requests that an expression is for, as cases: in each of them some subjects have known values. A subject is any
// tree whose names no macro binds.
struct cel_known {
    struct cel_node **subjects;
    size_t subject_count;
    struct cel_node ***cases; // cases[i][j]: the literal that subject j is in case i; NULL: nobody knows
    size_t case_count;
};

// The same value in all these cases, said with what is known: a comparison that all decide is a constant, what a list
// holds for none of them is dropped, and behind an operand of && or ||, or a condition, only those cases count that
// leave it open. What a user wrote stays as it was written. Without cases it is the node itself.
struct cel_node *cel_specialize(struct arena *arena, struct cel_node *node, const struct cel_known *known);

#endif
