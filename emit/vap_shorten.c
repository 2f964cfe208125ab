// Says shorter what is specific to requests of one policy, where cel_simplify knows of no requests.
#include <string.h>

#include "base/arena.h"
#include "cel/cel_rewrite.h"
#include "cel/cel_tree.h"
#include "emit/vap_internal.h"

// All kinds have the same metadata, which the API server's type checker knows.
static bool is_metadata_of_any(const struct cel_node *node) {
    return node->kind == CEL_NODE_SELECT && !node->optional_field && strcmp(node->name, "metadata") == 0 &&
           cel_is_call(node->target, "dyn") && node->target->args[0]->kind == CEL_NODE_IDENT;
}

static size_t plural_length(const char *resource) {
    return strcspn(resource, "/");
}

static bool is_same_plural(const char *one, const char *other) {
    const size_t len = plural_length(one);
    return len == plural_length(other) && strncmp(one, other, len) == 0;
}

static bool rule_has_plural(const struct plan_rule *rule, const char *resource) {
    for (size_t i = 0; i < rule->resource_count; i++)
        if (is_same_plural(rule->resources[i], resource)) return true;
    return false;
}

// Whether the plural alone says which resource of the policy it is.
static bool is_told_by_plural(const struct plan_policy *plan) {
    if (plan->shape == SHAPE_BINDINGS) return false; // the variable says what is bound
    for (size_t i = 0; i < plan->rule_count; i++)
        for (size_t j = 0; j < plan->rules[i].resource_count; j++) {
            const char *resource = plan->rules[i].resources[j];
            if (*plan->rules[i].group == '*' || *resource == '*') return false;
            for (size_t k = 0; k < i; k++)
                if (strcmp(plan->rules[k].group, plan->rules[i].group) != 0 &&
                    rule_has_plural(&plan->rules[k], resource))
                    return false;
        }
    return true;
}

struct shortening {
    bool by_plural;
    const struct cel_node *resource; // what the variable of that name stands for
};

static bool is_resource(const struct shortening *shortening, const struct cel_node *node) {
    const char *variable = cel_variable_of(node);
    return (variable && strcmp(variable, "resource") == 0) || cel_same(node, shortening->resource);
}

static bool is_texts(const struct cel_node *node) {
    if (node->kind != CEL_NODE_LIST) return cel_is_text(node);
    for (size_t i = 0; i < node->count; i++)
        if (!cel_is_text(node->args[i])) return false;
    return true;
}

static bool compares_resource(const struct shortening *shortening, const struct cel_node *node) {
    return (cel_is_call(node, "_==_") || cel_is_call(node, "_!=_") || cel_is_call(node, "_in_")) &&
           is_texts(node->args[1]) && is_resource(shortening, node->args[0]);
}

static struct cel_node *plural_of(struct arena *arena, const struct cel_node *name) {
    const char *text = name->literal.as.string.bytes;
    return cel_string(arena, arena_copy(arena, text, strcspn(text, ".")));
}

static struct cel_node *by_plural(struct arena *arena, const struct cel_node *node) {
    const struct cel_node *texts = node->args[1];
    struct cel_node *plural = cel_quote(arena, "request.resource.resource");
    if (cel_is_text(texts))
        return cel_is_call(node, "_==_") ? cel_eq(arena, plural, plural_of(arena, texts))
                                         : cel_ne(arena, plural, plural_of(arena, texts));
    struct cel_node **plurals = ARENA_ARRAY(arena, struct cel_node *, texts->count + 1);
    for (size_t i = 0; i < texts->count; i++) plurals[i] = plural_of(arena, texts->args[i]);
    return cel_in(arena, plural, cel_list(arena, plurals, texts->count));
}

// request.?subResource.orValue('') compared with '': the API server leaves out what is empty.
static bool asks_for_no_subresource(const struct cel_node *node) {
    if (!cel_is_call(node, "_==_") && !cel_is_call(node, "_!=_")) return false;
    const struct cel_node *value = node->args[0];
    return value->kind == CEL_NODE_CALL && value->target && strcmp(value->name, "orValue") == 0 &&
           value->target->kind == CEL_NODE_SELECT && value->target->optional_field &&
           strcmp(value->target->name, "subResource") == 0 && cel_is_text(node->args[1]) &&
           !node->args[1]->literal.as.string.len;
}

static struct cel_node *shorter(struct arena *arena, struct cel_node *node, void *context) {
    const struct shortening *shortening = context;
    if (node->spelling || node->kind == CEL_NODE_LITERAL) return node;
    if (is_metadata_of_any(node)) return cel_select(arena, node->target->args[0], node->name);
    if (shortening->by_plural && compares_resource(shortening, node)) return by_plural(arena, node);
    if (asks_for_no_subresource(node)) {
        struct cel_node *has = cel_quote(arena, "has(request.subResource)");
        return cel_is_call(node, "_==_") ? cel_not(arena, has) : has;
    }
    return cel_change_children(arena, node, shorter, context);
}

struct cel_node *vap_shorten(struct arena *arena, const struct plan_policy *plan, struct cel_node *node) {
    struct shortening shortening = {is_told_by_plural(plan), vap_resource(arena)};
    return shorter(arena, node, &shortening);
}
