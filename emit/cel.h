// Plan of one policy in, CEL text out. The only place where CEL is written; strings of the user reach it through
// cel_add_string alone.
#ifndef KLOCK_CEL_H
#define KLOCK_CEL_H

#include <stddef.h>

struct arena;
struct plan_policy;
struct text;

struct cel_variable {
    const char *name, *expression;
};

struct cel_validation {
    const char *expression;
    const char *message;            // static
    const char *message_expression; // NULL if none
};

struct cel_policy {
    struct cel_variable *variables; // each uses earlier ones only
    size_t variable_count;
    struct cel_validation *validations;
    size_t validation_count;
    const char *break_glass; // value of the audit annotation; NULL if no lock has one
    const char *repeated;    // a variable or a key of a map that is there twice; never but for a mistake of ours
};

void cel_print_policy(struct arena *arena, const struct plan_policy *policy, struct cel_policy *ret_cel);

// A single-quoted literal: everything that is not printable ASCII is escaped, and so is "${", which tools that
// substitute variables in manifests would take for theirs.
void cel_add_string(struct text *text, const char *string);

#endif
