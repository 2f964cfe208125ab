// Macros of CEL expressions: calls that bind variables. They stay one node each, where cel-go writes them out, and have
// the types that cel-go's checker gives to what it writes.
#include <string.h>

#include "cel/cel_checker.h"

struct macro {
    const char *name;
    size_t args;
    unsigned since; // the minor of the first server that takes it
    enum cel_macro macro;
    size_t variables;
};

static const struct macro macros[] = {
    {"all", 2, 30, CEL_MACRO_ALL, 1},
    {"exists", 2, 30, CEL_MACRO_EXISTS, 1},
    {"exists_one", 2, 30, CEL_MACRO_EXISTS_ONE, 1},
    {"map", 2, 30, CEL_MACRO_MAP, 1},
    {"map", 3, 30, CEL_MACRO_MAP, 1},
    {"filter", 2, 30, CEL_MACRO_FILTER, 1},
    {"optMap", 2, 30, CEL_MACRO_OPT_MAP, 1},
    {"optFlatMap", 2, 30, CEL_MACRO_OPT_FLAT_MAP, 1},
    {"all", 3, 33, CEL_MACRO_ALL, 2},
    {"exists", 3, 33, CEL_MACRO_EXISTS, 2},
    {"exists_one", 3, 33, CEL_MACRO_EXISTS_ONE, 2},
    {"existsOne", 3, 33, CEL_MACRO_EXISTS_ONE, 2},
    {"transformList", 3, 33, CEL_MACRO_MAP, 2},
    {"transformList", 4, 33, CEL_MACRO_MAP, 2},
    {"transformMap", 3, 33, CEL_MACRO_TRANSFORM_MAP, 2},
    {"transformMap", 4, 33, CEL_MACRO_TRANSFORM_MAP, 2},
    {"transformMapEntry", 3, 33, CEL_MACRO_TRANSFORM_ENTRY, 2},
    {"transformMapEntry", 4, 33, CEL_MACRO_TRANSFORM_ENTRY, 2},
    {"sortBy", 2, 35, CEL_MACRO_SORT_BY, 1},
};

static const struct macro *find_macro(const struct cel_node *node) {
    for (size_t i = 0; node->target && i < sizeof macros / sizeof *macros; i++)
        if (macros[i].args == node->count && strcmp(macros[i].name, node->name) == 0) return &macros[i];
    return NULL;
}

static const char *variable_of(struct checker *c, const struct cel_node *node, size_t i) {
    const struct cel_node *name = node->args[i];
    if (name->kind != CEL_NODE_IDENT)
        cel_fail(c->parser, name->span.begin, "the %s argument of '%s' must be a name", i ? "second" : "first",
                 node->name);
    if (strcmp(name->name, "__result__") == 0)
        cel_fail(c->parser, name->span.begin, "'__result__' is used by CEL itself");
    return name->name;
}

static void take_variables(struct checker *c, struct cel_node *node, const struct macro *macro) {
    node->kind = CEL_NODE_MACRO;
    node->macro = macro->macro;
    node->variable = variable_of(c, node, 0);
    if (macro->variables == 2) {
        node->second_variable = variable_of(c, node, 1);
        if (strcmp(node->variable, node->second_variable) == 0)
            cel_fail(c->parser, node->args[1]->span.begin, "both variables are called '%s'", node->variable);
    }
    node->args += macro->variables;
    node->count -= macro->variables;
}

// The types of the variables: item, or key; with two of them index and item, or key and value.
static void set_types(struct checker *c, const struct cel_node *node, struct scope *scope) {
    const type range = cel_resolved(node->target->type);
    const bool two = node->second_variable != NULL;
    scope->first = scope->second = &cel_dyn;
    if (range->kind == CEL_TYPE_LIST) {
        scope->first = two ? &cel_int : range->first;
        scope->second = range->first;
    } else if (range->kind == CEL_TYPE_MAP) {
        scope->first = range->first;
        scope->second = range->second;
    } else if (range->kind == CEL_TYPE_DYN || range->kind == CEL_TYPE_VAR) {
        cel_is_assignable(c, &cel_dyn, range);
    } else {
        cel_fail(c->parser, node->target->span.begin, "%s is neither a list nor a map", cel_type_name(range));
    }
}

static void check_bodies(struct checker *c, const struct cel_node *node, struct scope *scope) {
    scope->binder = node;
    scope->outer = c->scope;
    c->scope = scope;
    for (size_t i = 0; i < node->count; i++) cel_check_node(c, node->args[i]);
    c->scope = scope->outer;
}

// The type of a call of a function that the macro stands for.
static type type_of_call(struct checker *c, struct cel_node *node, const char *name, type arg_type) {
    struct cel_node arg = {.kind = CEL_NODE_CALL, .type = arg_type};
    struct cel_node *args[] = {&arg};
    struct cel_node call = {.kind = CEL_NODE_CALL,
                            .span = node->span,
                            .name = name,
                            .target = node->target,
                            .args = args,
                            .count = arg_type ? 1 : 0};
    const type result = cel_check_overloads(c, &call);
    node->overload = call.overload;
    return result;
}

// Whether cel-go's checker gives the node another type when it looks again, as it makes new type variables. Recursion
// is bounded by the depth of the tree.
static bool changes_type(const struct cel_node *node) {
    if (node->kind == CEL_NODE_MACRO && node->macro != CEL_MACRO_ALL && node->macro != CEL_MACRO_EXISTS &&
        node->macro != CEL_MACRO_EXISTS_ONE)
        return true;
    if (cel_has_variable(node->type) || (node->target && changes_type(node->target))) return true;
    for (size_t i = 0; i < node->count; i++)
        if (changes_type(node->args[i])) return true;
    return false;
}

// cel-go writes the target out twice. Up to its release 0.20 both are one node, whose type must be the same twice.
static void check_twice(struct checker *c, const struct cel_node *node) {
    enum { COPIES_SINCE = 32 };
    if (c->parser->minor < COPIES_SINCE && changes_type(node->target))
        cel_fail_newer(c->parser, node->span.begin, COPIES_SINCE,
                       "'%s' on the result of a macro, an empty literal or optional.none()", node->name);
}

static type check_optional_macro(struct checker *c, struct cel_node *node) {
    check_twice(c, node);
    struct scope scope = {.first = type_of_call(c, node, "value", NULL)};
    check_bodies(c, node, &scope);
    const type made = node->args[0]->type;
    struct cel_node yes = {.type = node->macro == CEL_MACRO_OPT_MAP ? cel_optional_of(c, made) : made};
    struct cel_node no = {.type = cel_optional_of(c, cel_new_variable(c))};
    const type result = cel_check_branches(c, &yes, &no);
    if (!result)
        cel_fail(c->parser, node->args[0]->span.begin, "'%s' needs an optional, but this has type %s", node->name,
                 cel_type_name(made));
    return result;
}

static type entry_type(struct checker *c, const struct cel_node *entry) {
    const type any = cel_new_type(c, CEL_TYPE_MAP, cel_new_variable(c), cel_new_variable(c));
    if (!cel_is_assignable(c, entry->type, any))
        cel_fail(c->parser, entry->span.begin, "'transformMapEntry' needs a map, but this has type %s",
                 cel_type_name(entry->type));
    return cel_substituted(c, any);
}

static type check_loop(struct checker *c, struct cel_node *node) {
    struct scope scope = {0};
    set_types(c, node, &scope);
    check_bodies(c, node, &scope);
    const struct cel_node *last = node->args[node->count - 1];
    if (node->count == 2) cel_require_bool(c, node->args[0], node->name);
    switch (node->macro) {
    case CEL_MACRO_MAP: return cel_list_of(c, cel_substituted(c, last->type));
    case CEL_MACRO_TRANSFORM_MAP:
        return cel_new_type(c, CEL_TYPE_MAP, cel_substituted(c, scope.first), cel_substituted(c, last->type));
    case CEL_MACRO_TRANSFORM_ENTRY: return entry_type(c, last);
    case CEL_MACRO_SORT_BY: return type_of_call(c, node, "@sortByAssociatedKeys", cel_list_of(c, last->type));
    case CEL_MACRO_FILTER:
        cel_require_bool(c, last, node->name);
        return cel_list_of(c, cel_substituted(c, scope.first));
    case CEL_MACRO_ALL:
    case CEL_MACRO_EXISTS:
    case CEL_MACRO_EXISTS_ONE:
    case CEL_MACRO_OPT_MAP:
    case CEL_MACRO_OPT_FLAT_MAP: break;
    }
    cel_require_bool(c, last, node->name);
    return &cel_bool;
}

bool cel_check_macro(struct checker *c, struct cel_node *node, type *ret_type) {
    const struct macro *macro = find_macro(node);
    if (!macro) return false;
    if (macro->since > c->parser->minor)
        cel_fail_newer(c->parser, node->span.begin, macro->since, "'%s'%s", node->name,
                       macro->variables == 2 ? " with two variables" : "");
    take_variables(c, node, macro);
    cel_check_node(c, node->target);
    const bool is_optional = node->macro == CEL_MACRO_OPT_MAP || node->macro == CEL_MACRO_OPT_FLAT_MAP;
    *ret_type = is_optional ? check_optional_macro(c, node) : check_loop(c, node);
    return true;
}
