// Plan of one policy in, expressions out, as trees: what they look like is for cel_print to say.
#ifndef KLOCK_VAP_POLICY_H
#define KLOCK_VAP_POLICY_H

#include <stdbool.h>
#include <stddef.h>

struct arena;
struct cel_node;
struct plan_policy;

struct vap_variable {
    const char *name;
    struct cel_node *expression;
    bool is_table; // constants of locks, which nothing is to be gained from looking at
};

struct vap_validation {
    struct cel_node *expression;
    const char *message;                 // static
    struct cel_node *message_expression; // NULL if none
};

struct vap_policy {
    struct cel_node *within;        // of a part: what its locks lie between, by their keys; NULL: nobody knows
    struct cel_node *match;         // what is asked before anything else, without variables; NULL: nothing
    struct vap_variable *variables; // each uses earlier ones only
    size_t variable_count;
    struct vap_validation *validations;
    size_t validation_count;
    struct cel_node *break_glass; // value of the audit annotation; NULL if no lock has one
    const char *repeated;         // a variable or a key of a map that is there twice; never but for a mistake of ours
};

void vap_make_policy(struct arena *arena, const struct plan_policy *policy, struct vap_policy *ret_made);

// What the one lock of the policy selects by, as an expression without variables; of an update also where the new
// object is as the lock selects them, if `either`. For conditions of webhooks.
struct cel_node *vap_make_condition(struct arena *arena, const struct plan_policy *policy, bool either);

#endif
