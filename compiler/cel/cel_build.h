// Trees of CEL, built by us: what the parser would make of their text, without a check. Nodes may be shared, so none is
// changed once it is made. Everything lives in the arena; names are kept as they are, strings are copied nowhere.
#ifndef KLOCK_CEL_BUILD_H
#define KLOCK_CEL_BUILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;
struct cel_expr;
struct cel_node;
struct value;

// ---- literals ----

struct cel_node *cel_boolean(struct arena *arena, bool boolean);
struct cel_node *cel_integer(struct arena *arena, int64_t integer);
struct cel_node *cel_string(struct arena *arena, const char *string);
// A list of them.
struct cel_node *cel_strings(struct arena *arena, const char *const *strings, size_t count);
// A boolean, number, string or null.
struct cel_node *cel_scalar(struct arena *arena, const struct value *value);
// Takes the array over.
struct cel_node *cel_list(struct arena *arena, struct cel_node **items, size_t count);
// The same of keys and values in turn; count is that of the entries.
struct cel_node *cel_map(struct arena *arena, struct cel_node **entries, size_t count);

// ---- names and what is below them ----

struct cel_node *cel_name(struct arena *arena, const char *name);
struct cel_node *cel_select(struct arena *arena, struct cel_node *target, const char *field);
// variables.NAME
struct cel_node *cel_var(struct arena *arena, const char *name);
struct cel_node *cel_at(struct arena *arena, struct cel_node *target, struct cel_node *key);
// target.key, or target['key'] where the key is no name; and whether it is there.
struct cel_node *cel_child(struct arena *arena, struct cel_node *target, const char *key);
struct cel_node *cel_has_child(struct arena *arena, struct cel_node *target, const char *key);

// The optional target.?key, or target[?'key'] where the key is no name; target[?'key'] of a map; and what is below an
// optional, which is optional as well.
struct cel_node *cel_optional_child(struct arena *arena, struct cel_node *target, const char *key);
struct cel_node *cel_optional_at(struct arena *arena, struct cel_node *target, const char *key);
struct cel_node *cel_further_child(struct arena *arena, struct cel_node *optional, const char *key);

// ---- operators ----

// true and false fold away, chains of one operator become one node.
struct cel_node *cel_and(struct arena *arena, struct cel_node *left, struct cel_node *right);
struct cel_node *cel_or(struct arena *arena, struct cel_node *left, struct cel_node *right);
// Of what is negated already, what it was: in parentheses, if it would need them to be negated.
struct cel_node *cel_not(struct arena *arena, struct cel_node *operand);
// All of them.
struct cel_node *cel_all(struct arena *arena, struct cel_node *const *operands, size_t count);
// A binary operator such as "<" or "in".
struct cel_node *cel_binary(struct arena *arena, struct cel_node *left, const char *operator, struct cel_node * right);
struct cel_node *cel_eq(struct arena *arena, struct cel_node *left, struct cel_node *right);
struct cel_node *cel_ne(struct arena *arena, struct cel_node *left, struct cel_node *right);
// subject == 'string'
struct cel_node *cel_is_string(struct arena *arena, struct cel_node *subject, const char *string);
struct cel_node *cel_in(struct arena *arena, struct cel_node *item, struct cel_node *list);
struct cel_node *cel_if(struct arena *arena, struct cel_node *condition, struct cel_node *yes, struct cel_node *no);

// ---- functions ----

// name(argument)
struct cel_node *cel_call(struct arena *arena, const char *name, struct cel_node *argument);
// target.name(argument); without an argument if it is NULL.
struct cel_node *cel_method(struct arena *arena, struct cel_node *target, const char *name, struct cel_node *argument);
struct cel_node *cel_method_of_two(struct arena *arena, struct cel_node *target, const char *name,
                                   struct cel_node *first, struct cel_node *second);
// target.macro(variable, body), as exists, all, filter and map are.
struct cel_node *cel_macro(struct arena *arena, struct cel_node *target, const char *macro, const char *variable,
                           struct cel_node *body);
// type(subject) == name
struct cel_node *cel_is_type(struct arena *arena, struct cel_node *subject, const char *name);

// ---- text ----

// CEL as text of ours, which unit tests parse: ends the program if it is none.
struct cel_node *cel_quote(struct arena *arena, const char *text);
// An expression of the user, printed in parentheses as it was written.
struct cel_node *cel_written(struct arena *arena, const struct cel_expr *expr);

// A node like this one, for the caller to change.
struct cel_node *cel_copy(struct arena *arena, const struct cel_node *node);

// ---- layout ----

struct cel_node *cel_parenthesized(struct arena *arena, struct cel_node *node);

// ---- questions ----

bool cel_is_bool(const struct cel_node *node, bool boolean);
bool cel_is_text(const struct cel_node *node);
// A literal, or a list that was made of literals: nothing in it is to be found or changed.
bool cel_is_plain(const struct cel_node *node);
bool cel_is_quoted(const struct cel_node *node, const char *string);
// Whether it binds a name to each element of its target.
bool cel_is_macro(const struct cel_node *node);
// The variable of a policy that it reads; NULL if it is something else.
const char *cel_variable_of(const struct cel_node *node);
// Whether both are the same tree, however they were written.
bool cel_same(const struct cel_node *a, const struct cel_node *b);
// One number for trees that are the same, and as a rule another for others.
size_t cel_hash(const struct cel_node *node);

#endif
