// Builds trees of CEL; see cel_build.h.
#include "cel/cel_build.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/text.h"
#include "cel/cel.h"
#include "cel/cel_print.h"
#include "cel/cel_tree.h"
#include "data/value.h"

static struct cel_node *new_node(struct arena *arena, enum cel_node_kind kind) {
    struct cel_node *node = ARENA_NEW(arena, struct cel_node);
    node->kind = kind;
    return node;
}

static struct cel_node *with_args(struct arena *arena, enum cel_node_kind kind, struct cel_node *const *args,
                                  size_t count) {
    struct cel_node *node = new_node(arena, kind);
    node->args = ARENA_ARRAY(arena, struct cel_node *, count);
    for (size_t i = 0; i < count; i++) node->args[i] = args[i];
    node->count = count;
    return node;
}

static struct cel_node *named(struct arena *arena, const char *name, struct cel_node *const *args, size_t count) {
    struct cel_node *node = with_args(arena, CEL_NODE_CALL, args, count);
    node->name = name;
    return node;
}

// ---- literals ----

static struct cel_node *new_literal(struct arena *arena, struct cel_value value) {
    struct cel_node *node = new_node(arena, CEL_NODE_LITERAL);
    node->literal = value;
    return node;
}

struct cel_node *cel_boolean(struct arena *arena, bool boolean) {
    return new_literal(arena, (struct cel_value){.kind = CEL_KIND_BOOL, .as.boolean = boolean});
}

struct cel_node *cel_integer(struct arena *arena, int64_t integer) {
    return new_literal(arena, (struct cel_value){.kind = CEL_KIND_INT, .as.integer = integer});
}

struct cel_node *cel_string(struct arena *arena, const char *string) {
    const struct cel_string bytes = {string, strlen(string)};
    return new_literal(arena, (struct cel_value){.kind = CEL_KIND_STRING, .as.string = bytes});
}

struct cel_node *cel_strings(struct arena *arena, const char *const *strings, size_t count) {
    struct cel_node *node = with_args(arena, CEL_NODE_LIST, NULL, 0);
    node->args = ARENA_ARRAY(arena, struct cel_node *, count);
    for (; node->count < count; node->count++) node->args[node->count] = cel_string(arena, strings[node->count]);
    node->is_constant = true;
    return node;
}

struct cel_node *cel_copy(struct arena *arena, const struct cel_node *node) {
    struct cel_node *copy = ARENA_NEW(arena, struct cel_node);
    *copy = *node;
    copy->subjects = NULL;
    copy->is_simple = false;
    return copy;
}

struct cel_node *cel_scalar(struct arena *arena, const struct value *value) {
    switch (value->kind) {
    case VALUE_BOOL: return cel_boolean(arena, value->as.boolean);
    case VALUE_INT: return cel_integer(arena, value->as.integer);
    case VALUE_DOUBLE:
        return new_literal(arena, (struct cel_value){.kind = CEL_KIND_DOUBLE, .as.number = value->as.number});
    case VALUE_STRING: return cel_string(arena, value->as.string);
    case VALUE_NULL:
    case VALUE_LIST:
    case VALUE_MAP: break;
    }
    return new_literal(arena, (struct cel_value){.kind = CEL_KIND_NULL});
}

struct cel_node *cel_list(struct arena *arena, struct cel_node **items, size_t count) {
    struct cel_node *node = new_node(arena, CEL_NODE_LIST);
    node->args = items;
    node->count = count;
    node->is_constant = true;
    for (size_t i = 0; i < count && node->is_constant; i++) node->is_constant = items[i]->kind == CEL_NODE_LITERAL;
    return node;
}

struct cel_node *cel_map(struct arena *arena, struct cel_node **entries, size_t count) {
    struct cel_node *node = new_node(arena, CEL_NODE_MAP);
    node->args = entries;
    node->count = 2 * count;
    return node;
}

// ---- names and what is below them ----

struct cel_node *cel_name(struct arena *arena, const char *name) {
    struct cel_node *node = new_node(arena, CEL_NODE_IDENT);
    node->name = name;
    return node;
}

struct cel_node *cel_select(struct arena *arena, struct cel_node *target, const char *field) {
    struct cel_node *node = new_node(arena, CEL_NODE_SELECT);
    node->target = target;
    node->name = field;
    return node;
}

struct cel_node *cel_var(struct arena *arena, const char *name) {
    return cel_select(arena, cel_name(arena, "variables"), name);
}

struct cel_node *cel_at(struct arena *arena, struct cel_node *target, struct cel_node *key) {
    return named(arena, "_[_]", (struct cel_node *[]){target, key}, 2);
}

// A key with an underscore could be written as a name as well.
static bool is_selectable(const char *key) {
    static const char reserved[] =
        "true false null in as break const continue else for function if import let loop package "
        "namespace return var void while";
    const size_t len = strlen(key);
    if (!len || strspn(key, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") != len) return false;
    return (*key < '0' || *key > '9') && !text_has_word(reserved, key);
}

struct cel_node *cel_child(struct arena *arena, struct cel_node *target, const char *key) {
    return is_selectable(key) ? cel_select(arena, target, key) : cel_at(arena, target, cel_string(arena, key));
}

struct cel_node *cel_has_child(struct arena *arena, struct cel_node *target, const char *key) {
    return is_selectable(key) ? cel_call(arena, "has", cel_select(arena, target, key))
                              : cel_in(arena, cel_string(arena, key), target);
}

struct cel_node *cel_optional_at(struct arena *arena, struct cel_node *target, const char *key) {
    return named(arena, "_[?_]", (struct cel_node *[]){target, cel_string(arena, key)}, 2);
}

struct cel_node *cel_further_child(struct arena *arena, struct cel_node *optional, const char *key) {
    return is_selectable(key) ? cel_select(arena, optional, key) : cel_optional_at(arena, optional, key);
}

struct cel_node *cel_optional_child(struct arena *arena, struct cel_node *target, const char *key) {
    if (!is_selectable(key)) return cel_optional_at(arena, target, key);
    struct cel_node *node = cel_select(arena, target, key);
    node->optional_field = true;
    return node;
}

// ---- operators ----

static size_t operand_count(const struct cel_node *node, enum cel_node_kind kind) {
    return node->kind == kind && !node->in_parentheses ? node->count : 1;
}

static void add_operands(struct cel_node *chain, struct cel_node *node) {
    if (operand_count(node, chain->kind) == 1) {
        chain->args[chain->count++] = node;
        return;
    }
    for (size_t i = 0; i < node->count; i++) chain->args[chain->count++] = node->args[i];
}

static struct cel_node *chain_of(struct arena *arena, enum cel_node_kind kind, struct cel_node *left,
                                 struct cel_node *right) {
    struct cel_node *node = new_node(arena, kind);
    node->args = ARENA_ARRAY(arena, struct cel_node *, operand_count(left, kind) + operand_count(right, kind));
    add_operands(node, left);
    add_operands(node, right);
    return node;
}

bool cel_is_bool(const struct cel_node *node, bool boolean) {
    return node->kind == CEL_NODE_LITERAL && node->literal.kind == CEL_KIND_BOOL &&
           node->literal.as.boolean == boolean && !node->in_parentheses;
}

bool cel_is_plain(const struct cel_node *node) {
    return node->kind == CEL_NODE_LITERAL || node->is_constant;
}

bool cel_is_text(const struct cel_node *node) {
    return node->kind == CEL_NODE_LITERAL && node->literal.kind == CEL_KIND_STRING;
}

bool cel_is_macro(const struct cel_node *node) {
    return node->kind == CEL_NODE_CALL && node->target && node->count > 1 && node->args[0]->kind == CEL_NODE_IDENT &&
           text_has_word("all exists exists_one filter map", node->name);
}

const char *cel_variable_of(const struct cel_node *node) {
    const bool is_below = node->kind == CEL_NODE_SELECT && node->target->kind == CEL_NODE_IDENT;
    return is_below && strcmp(node->target->name, "variables") == 0 ? node->name : NULL;
}

bool cel_is_quoted(const struct cel_node *node, const char *string) {
    return cel_is_text(node) && node->literal.as.string.len == strlen(string) &&
           memcmp(node->literal.as.string.bytes, string, strlen(string)) == 0;
}

struct cel_node *cel_and(struct arena *arena, struct cel_node *left, struct cel_node *right) {
    if (cel_is_bool(left, true) || cel_is_bool(right, false)) return right;
    if (cel_is_bool(right, true) || cel_is_bool(left, false)) return left;
    return chain_of(arena, CEL_NODE_AND, left, right);
}

struct cel_node *cel_or(struct arena *arena, struct cel_node *left, struct cel_node *right) {
    if (cel_is_bool(left, false) || cel_is_bool(right, true)) return right;
    if (cel_is_bool(right, false) || cel_is_bool(left, true)) return left;
    return chain_of(arena, CEL_NODE_OR, left, right);
}

struct cel_node *cel_not(struct arena *arena, struct cel_node *operand) {
    if (cel_is_bool(operand, true) || cel_is_bool(operand, false))
        return cel_boolean(arena, cel_is_bool(operand, false));
    if (operand->kind == CEL_NODE_CALL && strcmp(operand->name, "!_") == 0 && !operand->in_parentheses) {
        struct cel_node *inner = operand->args[0];
        return cel_binds_tightly(inner) ? inner : cel_parenthesized(arena, inner);
    }
    return named(arena, "!_", &operand, 1);
}

// As the parser names it.
static const char *operator_name(const char *operator) {
    static const char *const names[] = {"_==_", "_!=_", "_<_", "_<=_", "_>_", "_>=_",
                                        "_in_", "_+_",  "_-_", "_*_",  "_/_", "_%_"};
    const size_t len = strlen(operator);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strncmp(names[i] + 1, operator, len) == 0 && strlen(names[i]) == len + 2) return names[i];
    abort();
}

struct cel_node *cel_binary(struct arena *arena, struct cel_node *left, const char *operator, struct cel_node * right) {
    return named(arena, operator_name(operator), (struct cel_node *[]){left, right}, 2);
}

struct cel_node *cel_eq(struct arena *arena, struct cel_node *left, struct cel_node *right) {
    return named(arena, "_==_", (struct cel_node *[]){left, right}, 2);
}

struct cel_node *cel_ne(struct arena *arena, struct cel_node *left, struct cel_node *right) {
    return named(arena, "_!=_", (struct cel_node *[]){left, right}, 2);
}

struct cel_node *cel_is_string(struct arena *arena, struct cel_node *subject, const char *string) {
    return cel_eq(arena, subject, cel_string(arena, string));
}

struct cel_node *cel_in(struct arena *arena, struct cel_node *item, struct cel_node *list) {
    return named(arena, "_in_", (struct cel_node *[]){item, list}, 2);
}

struct cel_node *cel_if(struct arena *arena, struct cel_node *condition, struct cel_node *yes, struct cel_node *no) {
    return named(arena, "_?_:_", (struct cel_node *[]){condition, yes, no}, 3);
}

// ---- functions ----

struct cel_node *cel_call(struct arena *arena, const char *name, struct cel_node *argument) {
    return named(arena, name, &argument, 1);
}

struct cel_node *cel_method(struct arena *arena, struct cel_node *target, const char *name, struct cel_node *argument) {
    struct cel_node *node = named(arena, name, &argument, argument ? 1 : 0);
    node->target = target;
    return node;
}

struct cel_node *cel_method_of_two(struct arena *arena, struct cel_node *target, const char *name,
                                   struct cel_node *first, struct cel_node *second) {
    struct cel_node *node = named(arena, name, (struct cel_node *[]){first, second}, 2);
    node->target = target;
    return node;
}

struct cel_node *cel_macro(struct arena *arena, struct cel_node *target, const char *macro, const char *variable,
                           struct cel_node *body) {
    struct cel_node *node = named(arena, macro, (struct cel_node *[]){cel_name(arena, variable), body}, 2);
    node->target = target;
    return node;
}

struct cel_node *cel_is_type(struct arena *arena, struct cel_node *subject, const char *name) {
    return cel_eq(arena, cel_call(arena, "type", subject), cel_name(arena, name));
}

// ---- text ----

struct cel_node *cel_quote(struct arena *arena, const char *text) {
    struct cel_problem problem;
    struct cel_node *node = cel_read(arena, text, &problem);
    if (!node) abort();
    return node;
}

struct cel_node *cel_written(struct arena *arena, const struct cel_expr *expr) {
    struct cel_node *node = cel_copy(arena, expr->root);
    node->spelling = expr->text;
    node->in_parentheses = true;
    return node;
}

// ---- layout ----

struct cel_node *cel_parenthesized(struct arena *arena, struct cel_node *node) {
    struct cel_node *copy = cel_copy(arena, node);
    copy->in_parentheses = true;
    return copy;
}

struct cel_node *cel_all(struct arena *arena, struct cel_node *const *operands, size_t count) {
    struct cel_node *node = cel_boolean(arena, true);
    for (size_t i = 0; i < count; i++) node = cel_and(arena, node, operands[i]);
    return node;
}

// ---- questions ----

static bool same_literal(const struct cel_value *a, const struct cel_value *b) {
    if (a->kind != b->kind) return false;
    switch (a->kind) {
    case CEL_KIND_BOOL: return a->as.boolean == b->as.boolean;
    case CEL_KIND_INT: return a->as.integer == b->as.integer;
    case CEL_KIND_UINT: return a->as.natural == b->as.natural;
    case CEL_KIND_DOUBLE: return memcmp(&a->as.number, &b->as.number, sizeof a->as.number) == 0;
    case CEL_KIND_STRING:
    case CEL_KIND_BYTES:
        return a->as.string.len == b->as.string.len &&
               memcmp(a->as.string.bytes, b->as.string.bytes, a->as.string.len) == 0;
    default: return a->kind == CEL_KIND_NULL;
    }
}

static bool same_name(const char *a, const char *b) {
    return a == b || (a && b && strcmp(a, b) == 0);
}

bool cel_same(const struct cel_node *a, const struct cel_node *b) {
    if (a == b) return true;
    if (!a || !b || a->kind != b->kind || a->count != b->count || !same_name(a->name, b->name) ||
        !same_name(a->variable, b->variable) || !same_name(a->second_variable, b->second_variable) ||
        a->optional_field != b->optional_field || a->optional_item != b->optional_item)
        return false;
    if (a->kind == CEL_NODE_LITERAL) return same_literal(&a->literal, &b->literal);
    if (!cel_same(a->target, b->target)) return false;
    for (size_t i = 0; i < a->count; i++)
        if (!cel_same(a->args[i], b->args[i])) return false;
    return true;
}

static size_t mixed(size_t hash, size_t word) {
    return (hash ^ word) * 1099511628211U;
}

static size_t hash_of_name(size_t hash, const char *name) {
    return name ? mixed(hash, (size_t)text_hash(name)) : mixed(hash, 1);
}

static size_t hash_of_literal(size_t hash, const struct cel_value *literal) {
    hash = mixed(hash, literal->kind);
    switch (literal->kind) {
    case CEL_KIND_BOOL: return mixed(hash, literal->as.boolean);
    case CEL_KIND_INT: return mixed(hash, (size_t)literal->as.integer);
    case CEL_KIND_STRING:
    case CEL_KIND_BYTES:
        for (size_t i = 0; i < literal->as.string.len; i++)
            hash = mixed(hash, (unsigned char)literal->as.string.bytes[i]);
        return hash;
    default: return hash;
    }
}

static size_t hash_of_node(size_t hash, const struct cel_node *node) {
    if (!node) return mixed(hash, 0);
    hash = hash_of_name(mixed(mixed(hash, node->kind), node->count), node->name);
    if (node->kind == CEL_NODE_LITERAL) return hash_of_literal(hash, &node->literal);
    hash = hash_of_node(hash, node->target);
    for (size_t i = 0; i < node->count; i++) hash = hash_of_node(hash, node->args[i]);
    return hash;
}

size_t cel_hash(const struct cel_node *node) {
    const size_t hash = hash_of_node(0, node);
    return hash ^ hash >> (sizeof hash * 4); // for whoever looks at the last bits alone
}
