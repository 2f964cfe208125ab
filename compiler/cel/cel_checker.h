// What the parts of the checker of CEL expressions share.
#ifndef KLOCK_CEL_CHECKER_H
#define KLOCK_CEL_CHECKER_H

#include "cel/cel_tree.h"

typedef const struct cel_type *type;

struct scope {
    const struct cel_node *binder;
    type first, second; // of its variables
    const struct scope *outer;
};

struct binding {
    type *bound;
    type before;
};

struct checker {
    struct cel_parser *parser;
    struct arena *arena;
    const struct scope *scope;
    // Bindings made since the last choice, to be undone when an overload does not fit.
    struct binding *trail;
    size_t trail_count;
    struct cel_node **aggregates; // those whose items must be of one type
    size_t aggregate_count;
    unsigned formats; // calls of format() around the node, whose arguments may be of mixed types
};

// ---- cel_types.c ----

extern const struct cel_type cel_dyn, cel_null, cel_bool, cel_int, cel_uint, cel_double, cel_text_type, cel_bytes,
    cel_timestamp, cel_duration, cel_quantity, cel_url, cel_ip, cel_cidr, cel_semver, cel_named_format,
    cel_authorizer_type, cel_path_check, cel_group_check, cel_resource_check, cel_authorization_decision;

struct cel_type *cel_new_type(struct checker *c, enum cel_type_kind kind, type first, type second);
type cel_list_of(struct checker *c, type item);
type cel_optional_of(struct checker *c, type inner);
type cel_new_variable(struct checker *c);
// Follows bound variables at the top.
type cel_resolved(type t);
// With the variable replaced by what it is bound to, or by dyn.
type cel_settled(type t);
// The type with everything in it that is bound replaced, so that a later widening of the variable does not reach it.
type cel_substituted(struct checker *c, type t);
// What an optional holds, and whether it is one.
type cel_unwrapped(type t, bool *ret_is_optional);
// The type that the API server declares for a variable with an expression of this type.
type cel_declared_type(struct checker *c, type t);
// Whether something in it is not known yet.
bool cel_is_open(type t);
// Whether a variable is part of it, known or not.
bool cel_has_variable(type t);
bool cel_same_type(type a, type b);
bool cel_less_specific(type a, type b);
void cel_undo_to(struct checker *c, size_t mark);
bool cel_assign(struct checker *c, type a, type b);
// The same, and leaves no trace when they are not assignable.
bool cel_is_assignable(struct checker *c, type a, type b);
const char *cel_type_name(type t);

// ---- cel_declared.c: what the API server declares ----

struct cel_variable_row {
    const char *name;
    enum cel_variable variable;
    type type;
};
const struct cel_variable_row *cel_find_variable(const struct checker *c, const char *name);

struct cel_named_type {
    const char *name;
    unsigned since;
    type type;
    enum cel_kind kind;
};
const struct cel_named_type *cel_find_named_type(const char *name);
// What to say of a name that is none of them; never NULL.
_Noreturn void cel_refuse_name(struct checker *c, const struct cel_node *node, const char *name);

// ---- cel_overloads.c ----

// The type of a call by the overloads that fit, whose meaning the node gets.
type cel_check_overloads(struct checker *c, struct cel_node *node);
// Whether the API server works it out when it compiles; what is in it has been asked before.
bool cel_is_constant(const struct cel_node *node);
// Whether there is a function of that name in any release.
bool cel_is_function(const char *name);
// The type of CONDITION ? YES : NO.
type cel_check_branches(struct checker *c, struct cel_node *yes, struct cel_node *no);

// ---- cel_macros.c ----

// Whether the call is a macro of the release, or of a later one, which is refused.
bool cel_check_macro(struct checker *c, struct cel_node *node, type *ret_type);

// ---- cel_check.c ----

void cel_check_node(struct checker *c, struct cel_node *node);
void cel_require_bool(struct checker *c, const struct cel_node *node, const char *where);

#endif
