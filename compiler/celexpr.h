// The escape hatch: a CEL expression written in a policy. It is checked as the API server checks a validation when the
// policy is created, and evaluated offline over request data. What is accepted here is accepted by Kubernetes 1.30 and
// later; some of what they accept is refused with a message that says "not supported".
#ifndef KLOCK_CELEXPR_H
#define KLOCK_CELEXPR_H

#include <stdbool.h>
#include <stddef.h>

struct arena;
struct cel_expr;
struct value;

// NULL with *ret_error and the byte offset of the mistake when the expression cannot be used. The expression keeps
// pointers into the arena, none into the text.
struct cel_expr *cel_parse(struct arena *arena, const char *text, const char **ret_error, size_t *ret_offset);

// What an expression sees; NULL means null. Fields that are absent from a request are absent from its map.
struct cel_env {
    const struct value *object, *old_object, *request, *namespace_object;
};

enum cel_result { CEL_FALSE, CEL_TRUE, CEL_ERROR };

// *ret_error is set for CEL_ERROR only.
enum cel_result cel_evaluate(const struct cel_expr *expr, const struct cel_env *env, struct arena *scratch,
                             const char **ret_error);

// Whether the expression reads object, oldObject, request or namespaceObject.
bool cel_reads(const struct cel_expr *expr, const char *variable);

// The expression on one line: comments and line breaks outside strings are blanks, strings with line breaks are
// written with escapes.
const char *cel_text(const struct cel_expr *expr);

#endif
