// The escape hatch: a CEL expression written in a policy. It is checked as the API server checks a validation when the
// policy is created, and evaluated offline over request data. What is accepted here is accepted by the server that is
// named and by later ones.
#ifndef KLOCK_CEL_H
#define KLOCK_CEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;
struct cel_expr;
struct cel_node;
struct value;

enum cel_refusal {
    CEL_INVALID,     // the API server refuses it
    CEL_NEWER,       // servers before 1.`since` refuse it
    CEL_UNSUPPORTED, // the API server may take it, klockc does not evaluate it
};

struct cel_problem {
    enum cel_refusal refusal;
    const char *text;
    size_t offset; // the byte of the mistake
    unsigned since;
};

// NULL with *ret_problem when the expression cannot be used on servers from 1.`minor` on. The expression keeps pointers
// into the arena, none into the text.
struct cel_expr *cel_parse(struct arena *arena, const char *text, unsigned minor, struct cel_problem *ret_problem);

// The tree of a text that is not checked; NULL with *ret_problem when it is none.
struct cel_node *cel_read(struct arena *arena, const char *text, struct cel_problem *ret_problem);

// A variable of a ValidatingAdmissionPolicy.
struct cel_definition {
    const char *name;
    const struct cel_expr *expr;
};

// What an expression of a whole ValidatingAdmissionPolicy sees besides the request. The definitions are those before
// it, and have the types that the API server infers for them.
struct cel_declarations {
    bool params, authorizer;
    const struct cel_definition *definitions;
    size_t definition_count;
};

// What an expression may evaluate to: validations and match conditions are bools, messages strings, audit annotations
// strings or null, variables anything.
enum cel_output { CEL_OUTPUT_BOOL, CEL_OUTPUT_STRING, CEL_OUTPUT_STRING_OR_NULL, CEL_OUTPUT_ANY };

// The same as cel_parse, for an expression of a policy as the API server has it.
struct cel_expr *cel_parse_declared(struct arena *arena, const char *text, unsigned minor,
                                    const struct cel_declarations *declarations, enum cel_output output,
                                    struct cel_problem *ret_problem);

// What is asked of an authorizer. NULL for what was not said; with a path the rest is NULL.
struct cel_access_review {
    const char *path, *group, *resource, *subresource, *namespace, *name, *verb;
    const char *account_namespace, *account; // of the service account, if it is not about the requester
};

struct cel_authorizer {
    bool (*allows)(void *context, const struct cel_access_review *review);
    void *context;
};

struct cel_composition;
// The values of the definitions for one request: each is evaluated when it is first read. In the arena, as its values
// are.
struct cel_composition *cel_compose(struct arena *arena, const struct cel_declarations *declarations);

// What API servers count while they evaluate, and what they stop at: k8s.io/apiserver/pkg/apis/cel/config.go.
enum {
    CEL_COST_LIMIT = 1000000,               // PerCallLimit: of an expression, and of each definition
    CEL_COST_BUDGET = 10000000,             // RuntimeCELCostBudget: of validations and messages, and of annotations
    CEL_COST_BUDGET_OF_CONDITIONS = 2500000 // RuntimeCELCostBudgetMatchConditions
};

// What evaluations cost, as servers with StrictCostEnforcementForVAP count it: all from 1.32 on; before, functions of
// Kubernetes' own libraries cost one unit where that is off. Where servers differ, the largest counts. A definition
// costs where it is first read, and never again in its composition.
struct cel_cost {
    uint64_t expression;  // without its definitions
    uint64_t definitions; // that were evaluated for it
    uint64_t dearest;     // of all these, each of which has the limit to itself
};

// What an expression sees; NULL means null. Fields that are absent from a request are absent from its map.
struct cel_env {
    const struct value *object, *old_object, *request, *namespace_object, *params;
    const struct cel_authorizer *authorizer; // NULL: to read it is an error
    struct cel_composition *composition;     // NULL if there are no definitions
    struct cel_cost *cost;                   // what evaluations add their cost to; NULL if nobody asks
    unsigned newest;                         // the newest minor that costs are counted for; 0: all that are known
};

enum cel_result { CEL_FALSE, CEL_TRUE, CEL_ERROR };

// An evaluation that costs more than CEL_COST_LIMIT is an error. *ret_error is set for CEL_ERROR only.
enum cel_result cel_evaluate(const struct cel_expr *expr, const struct cel_env *env, struct arena *scratch,
                             const char **ret_error);
// The string that an expression of CEL_OUTPUT_STRING or CEL_OUTPUT_STRING_OR_NULL evaluates to; *ret_string is NULL
// for null. False with *ret_error when it fails.
bool cel_evaluate_string(const struct cel_expr *expr, const struct cel_env *env, struct arena *scratch,
                         const char **ret_string, const char **ret_error);

// Whether the expression reads object, oldObject, request or namespaceObject.
bool cel_reads(const struct cel_expr *expr, const char *variable);

// A path below the object that an expression reads; without keys it is the object itself.
struct cel_path {
    const char **keys;
    size_t count;
};

// What the expression reads of `object`: all that its value depends on besides the other variables. Behind an index
// that is no constant text, the whole list or map counts.
struct cel_path *cel_object_paths(const struct cel_expr *expr, struct arena *arena, size_t *ret_count);

// The expression on one line: comments and line breaks outside strings are blanks, strings with line breaks are
// written with escapes.
const char *cel_text(const struct cel_expr *expr);

#endif
