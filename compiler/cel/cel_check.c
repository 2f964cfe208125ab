// The checker of CEL expressions: names, fields, literals and calls as cel-go's checker has them. What it refuses, the
// API server refuses when the policy is created.
#include <string.h>

#include "base/arena.h"
#include "cel/cel_checker.h"

void cel_require_bool(struct checker *c, const struct cel_node *node, const char *where) {
    if (!cel_is_assignable(c, node->type, &cel_bool))
        cel_fail(c->parser, node->span.begin, "%s needs a bool, but this has type %s", where,
                 cel_type_name(node->type));
}

static type name_type(struct checker *c, struct cel_node *node, const struct cel_named_type *named) {
    if (named->since > c->parser->minor)
        cel_fail_newer(c->parser, node->span.begin, named->since, "the type '%s'", named->name);
    node->kind = CEL_NODE_IDENT;
    node->is_type = true;
    node->literal = (struct cel_value){.kind = CEL_KIND_TYPE, .as.type = named->kind};
    return cel_new_type(c, CEL_TYPE_TYPE, named->type, NULL);
}

static bool find_bound(struct checker *c, struct cel_node *node, type *ret_type) {
    for (const struct scope *scope = c->scope; scope; scope = scope->outer) {
        const struct cel_node *binder = scope->binder;
        const bool is_second = binder->second_variable && strcmp(binder->second_variable, node->name) == 0;
        if (!is_second && strcmp(binder->variable, node->name) != 0) continue;
        node->binder = binder;
        node->is_second = is_second;
        *ret_type = is_second ? scope->second : scope->first;
        return true;
    }
    return false;
}

static type check_ident(struct checker *c, struct cel_node *node) {
    type bound = NULL;
    if (find_bound(c, node, &bound)) return bound;
    const struct cel_variable_row *variable = cel_find_variable(c, node->name);
    if (variable) {
        node->global = variable->variable;
        c->parser->expr->reads[node->global] = true;
        return variable->type;
    }
    const struct cel_named_type *named = cel_find_named_type(node->name);
    if (!named) cel_refuse_name(c, node, node->name);
    return name_type(c, node, named);
}

// "a.b.c" when the node is that and nothing else, or NULL.
static const char *qualified_name(struct checker *c, const struct cel_node *node) {
    if (node->kind == CEL_NODE_IDENT) return node->name;
    if (node->kind != CEL_NODE_SELECT || node->optional_field) return NULL;
    const char *prefix = qualified_name(c, node->target);
    return prefix ? arena_printf(c->arena, "%s.%s", prefix, node->name) : NULL;
}

// Whether the node reads a definition of the policy: variables.NAME.
static bool find_definition(struct checker *c, struct cel_node *node, type *ret_type) {
    const struct cel_declarations *declarations = c->parser->declarations;
    type bound = NULL;
    if (node->target->kind != CEL_NODE_IDENT || strcmp(node->target->name, "variables") != 0) return false;
    if (!declarations->definition_count || find_bound(c, node->target, &bound)) return false;
    if (node->optional_field)
        cel_fail_unsupported(c->parser, node->span.begin, "klockc does not evaluate optional variables");
    for (size_t i = 0; i < declarations->definition_count; i++) {
        if (strcmp(declarations->definitions[i].name, node->name) != 0) continue;
        node->definition = i + 1;
        *ret_type = declarations->definitions[i].expr->type;
        return true;
    }
    cel_fail(c->parser, node->span.begin, "the policy has no variable '%s' before this", node->name);
}

// Fields of what an optional holds are optional.
static type check_field(struct checker *c, struct cel_node *node) {
    type found = NULL;
    if (find_definition(c, node, &found)) return found;
    cel_check_node(c, node->target);
    bool is_optional = false;
    const type target = cel_unwrapped(node->target->type, &is_optional);
    if (target->kind == CEL_TYPE_MAP) found = cel_substituted(c, target->second);
    if (target->kind == CEL_TYPE_VAR) cel_is_assignable(c, &cel_dyn, target);
    if (target->kind == CEL_TYPE_VAR || target->kind == CEL_TYPE_DYN) found = &cel_dyn;
    if (target->kind == CEL_TYPE_STRUCT) {
        for (const struct cel_field *field = target->fields; field->name; field++)
            if (strcmp(field->name, node->name) == 0) found = field->type;
        if (!found) cel_fail(c->parser, node->span.begin, "%s has no field '%s'", target->name, node->name);
    }
    if (!found)
        cel_fail(c->parser, node->span.begin, "%s has no fields, so no '%s'", cel_type_name(target), node->name);
    return is_optional || node->optional_field ? cel_optional_of(c, found) : found;
}

static type check_select(struct checker *c, struct cel_node *node) {
    const char *name = qualified_name(c, node);
    const struct cel_named_type *named = name ? cel_find_named_type(name) : NULL;
    return named ? name_type(c, node, named) : check_field(c, node);
}

// The type of an item; with a question mark in front it must be an optional, and is what that holds.
static type type_of_item(struct checker *c, struct cel_node *item) {
    cel_check_node(c, item);
    if (!item->optional_item) return item->type;
    bool is_optional = false;
    const type inner = cel_unwrapped(item->type, &is_optional);
    if (!is_optional && inner->kind != CEL_TYPE_DYN)
        cel_fail(c->parser, item->span.begin, "a question mark needs an optional after it, but this has type %s",
                 cel_type_name(inner));
    return inner;
}

static void remember_aggregate(struct checker *c, struct cel_node *node) {
    if (!c->formats) ARENA_PUSH(c->arena, c->aggregates, c->aggregate_count, node);
}

static type check_list(struct checker *c, struct cel_node *node) {
    type item = NULL;
    for (size_t i = 0; i < node->count; i++) {
        const type next = type_of_item(c, node->args[i]);
        if (!item)
            item = next;
        else if (!cel_is_assignable(c, item, next))
            item = &cel_dyn; // unless it is an argument of format(), check_homogeneous refuses it
        else if (!cel_less_specific(item, next))
            item = next;
    }
    remember_aggregate(c, node);
    return cel_list_of(c, item ? item : cel_new_variable(c));
}

static type check_map(struct checker *c, struct cel_node *node) {
    type joined[2] = {NULL, NULL};
    for (size_t i = 0; i < node->count; i++) {
        type *join = &joined[i % 2];
        const type next = type_of_item(c, node->args[i]);
        if (!*join)
            *join = next;
        else if (!cel_is_assignable(c, *join, next))
            *join = &cel_dyn;
        else if (!cel_less_specific(*join, next))
            *join = next;
    }
    for (size_t i = 0; i < node->count; i += 2)
        if (node->args[i]->kind == CEL_NODE_LITERAL && node->args[i]->literal.kind == CEL_KIND_BYTES)
            cel_fail(c->parser, node->args[i]->span.begin, "bytes cannot be the key of a map");
    remember_aggregate(c, node);
    if (!node->count) return cel_new_type(c, CEL_TYPE_MAP, cel_new_variable(c), cel_new_variable(c));
    return cel_new_type(c, CEL_TYPE_MAP, joined[0], joined[1]);
}

// What the API server compares of an item; it gives up on what stands behind a question mark and may be anything.
static type compared_type(struct checker *c, const struct cel_node *item) {
    if (!item->optional_item) return item->type;
    bool is_optional = false;
    const type inner = cel_unwrapped(item->type, &is_optional);
    if (!is_optional)
        cel_fail(c->parser, item->span.begin, "a question mark needs an optional after it, but this may be anything");
    return inner;
}

// The API server refuses literals of mixed types even where dyn would join them, but not in the arguments of format().
static void check_homogeneous(struct checker *c, const struct cel_node *node) {
    const size_t step = node->kind == CEL_NODE_MAP ? 2 : 1;
    for (size_t i = 0; i < node->count; i++) {
        const type own = compared_type(c, node->args[i]), first = compared_type(c, node->args[i % step]);
        if (cel_same_type(first, own)) continue;
        cel_fail(c->parser, node->args[i]->span.begin,
                 "the %s must have one type, but have %s and %s (use string(…) or dyn(…))",
                 step == 1 ? "items of a list"
                 : i % 2   ? "values of a map"
                           : "keys of a map",
                 cel_type_name(first), cel_type_name(own));
    }
}

static type check_has(struct checker *c, struct cel_node *node) {
    const struct cel_node *field = node->args[0];
    if (field->kind != CEL_NODE_SELECT || field->optional_field)
        cel_fail(c->parser, field->span.begin, "has() needs a field, as in has(a.b)");
    node->kind = CEL_NODE_HAS;
    node->target = field->target;
    node->name = field->name;
    node->count = 0;
    check_field(c, node);
    return &cel_bool;
}

static type check_call(struct checker *c, struct cel_node *node) {
    if (!node->target && node->count == 1 && strcmp(node->name, "has") == 0) return check_has(c, node);
    type found = NULL;
    if (cel_check_macro(c, node, &found)) return found;
    if (strcmp(node->name, "format") == 0) c->formats++;
    for (size_t i = 0; i < node->count; i++) cel_check_node(c, node->args[i]);
    // The target becomes part of the name where that is the name of a function: optional.of(1).
    const char *prefix = node->target ? qualified_name(c, node->target) : NULL;
    const char *whole = prefix ? arena_printf(c->arena, "%s.%s", prefix, node->name) : NULL;
    if (whole && cel_is_function(whole)) {
        node->name = whole;
        node->target = NULL;
    }
    if (node->target) cel_check_node(c, node->target);
    found = cel_check_overloads(c, node);
    if (node->function == CEL_FN_FORMAT) cel_check_format(c->parser, node);
    return found;
}

static type literal_type(const struct cel_value *literal) {
    switch ((int)literal->kind) {
    case CEL_KIND_NULL: return &cel_null;
    case CEL_KIND_BOOL: return &cel_bool;
    case CEL_KIND_INT: return &cel_int;
    case CEL_KIND_UINT: return &cel_uint;
    case CEL_KIND_DOUBLE: return &cel_double;
    case CEL_KIND_STRING: return &cel_text_type;
    case CEL_KIND_BYTES: return &cel_bytes;
    default: return &cel_dyn;
    }
}

// Recursion is bounded by the depth of the tree, which the builders limit.
static type type_of(struct checker *c, struct cel_node *node) {
    switch (node->kind) {
    case CEL_NODE_LITERAL:
        if (node->beyond_int) cel_fail(c->parser, node->span.begin, "the number is too large");
        return literal_type(&node->literal);
    case CEL_NODE_IDENT: return check_ident(c, node);
    case CEL_NODE_SELECT: return check_select(c, node);
    case CEL_NODE_CALL: return check_call(c, node);
    case CEL_NODE_AND:
    case CEL_NODE_OR:
        for (size_t i = 0; i < node->count; i++) {
            cel_check_node(c, node->args[i]);
            cel_require_bool(c, node->args[i], node->kind == CEL_NODE_AND ? "&&" : "||");
        }
        return &cel_bool;
    case CEL_NODE_LIST: return check_list(c, node);
    case CEL_NODE_MAP: return check_map(c, node);
    case CEL_NODE_HAS:
    case CEL_NODE_MACRO: break; // made by check_call
    }
    return node->type;
}

void cel_check_node(struct checker *c, struct cel_node *node) {
    enum { EXEMPT_AT_ANY_DEPTH_SINCE = 31 };
    const unsigned formats = c->formats;
    const bool is_aggregate = node->kind == CEL_NODE_LIST || node->kind == CEL_NODE_MAP;
    if (!is_aggregate && c->parser->minor < EXEMPT_AT_ANY_DEPTH_SINCE) c->formats = 0;
    node->type = type_of(c, node);
    node->is_constant = cel_is_constant(node);
    c->formats = formats;
}

static void check_output(struct cel_parser *p, const struct cel_node *root) {
    const type result = cel_settled(root->type);
    if (p->output == CEL_OUTPUT_ANY) return;
    if (p->output != CEL_OUTPUT_BOOL) {
        const bool is_null = result->kind == CEL_TYPE_NULL && p->output == CEL_OUTPUT_STRING_OR_NULL;
        if (result->kind != CEL_TYPE_STRING && !is_null)
            cel_fail(p, root->span.begin, "the expression must be a string, but this has type %s",
                     cel_type_name(result));
        return;
    }
    if (result->kind == CEL_TYPE_DYN)
        cel_fail(p, root->span.begin,
                 "the expression must be a bool, but this may be anything: compare it, as in … == true");
    if (result->kind != CEL_TYPE_BOOL)
        cel_fail(p, root->span.begin, "the expression must be a bool, but this has type %s", cel_type_name(result));
}

void cel_check(struct cel_parser *p, struct cel_node *root) {
    struct checker c = {.parser = p, .arena = p->arena};
    cel_check_node(&c, root);
    for (size_t i = 0; i < c.aggregate_count; i++) check_homogeneous(&c, c.aggregates[i]);
    p->expr->type = cel_declared_type(&c, root->type);
    check_output(p, root);
}
