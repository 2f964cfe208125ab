// What all validations of a policy ask for, as a match condition: API servers ask it once, and first.
#include <string.h>

#include "base/arena.h"
#include "cel/cel_rewrite.h"
#include "cel/cel_tree.h"
#include "emit/vap_internal.h"
#include "emit/vap_policy.h"

static bool is_not(const struct cel_node *node) {
    return cel_is_call(node, "!_") && !node->spelling;
}

static void add_each(struct arena *arena, struct cel_nodes *list, struct cel_node *node, enum cel_node_kind chain) {
    if (node->kind != chain || node->spelling) {
        ARENA_PUSH(arena, list->items, list->count, node);
        return;
    }
    for (size_t i = 0; i < node->count; i++) add_each(arena, list, node->args[i], chain);
}

struct vap_refusal vap_refusal_of(struct arena *arena, struct cel_node *validation) {
    struct vap_refusal refusal = {0};
    struct cel_nodes parts = {0};
    if (!is_not(validation)) {
        add_each(arena, &refusal.none, validation, CEL_NODE_OR);
        return refusal;
    }
    add_each(arena, &parts, validation->args[0], CEL_NODE_AND);
    for (size_t i = 0; i < parts.count; i++) {
        if (is_not(parts.items[i]))
            add_each(arena, &refusal.none, parts.items[i]->args[0], CEL_NODE_OR);
        else
            ARENA_PUSH(arena, refusal.all.items, refusal.all.count, parts.items[i]);
    }
    return refusal;
}

struct cel_node *vap_refused(struct arena *arena, const struct vap_refusal *refusal) {
    struct cel_node *all = cel_boolean(arena, true), *none = cel_boolean(arena, false);
    for (size_t i = 0; i < refusal->all.count; i++) all = cel_and(arena, all, refusal->all.items[i]);
    for (size_t i = 0; i < refusal->none.count; i++) none = cel_or(arena, none, refusal->none.items[i]);
    return cel_and(arena, all, cel_not(arena, none));
}

static bool has(const struct cel_nodes *list, const struct cel_node *node) {
    for (size_t i = 0; i < list->count; i++)
        if (cel_same(list->items[i], node)) return true;
    return false;
}

// Match conditions see no namespace, and are asked before there are parameters.
static bool reads_what_comes_later(const struct vap_policy *policy, const struct cel_node *node) {
    if (node->kind == CEL_NODE_IDENT)
        return strcmp(node->name, "namespaceObject") == 0 || strcmp(node->name, "params") == 0 ||
               strcmp(node->name, "authorizer") == 0;
    if (node->spelling) return true;
    const char *variable = cel_variable_of(node);
    for (size_t i = 0; i < policy->variable_count && variable; i++)
        if (strcmp(policy->variables[i].name, variable) == 0)
            return policy->variables[i].is_table || reads_what_comes_later(policy, policy->variables[i].expression);
    if (node->target && reads_what_comes_later(policy, node->target)) return true;
    for (size_t i = 0; i < node->count; i++)
        if (reads_what_comes_later(policy, node->args[i])) return true;
    return false;
}

// Moves what every refusal has over to the common one; `list` finds its list.
static void move_common(struct arena *arena, const struct vap_policy *policy, struct vap_refusal *refusals,
                        size_t count, struct cel_nodes *(*list)(struct vap_refusal *), struct vap_refusal *common) {
    const struct cel_nodes first = *list(&refusals[0]);
    for (size_t i = 0; i < first.count; i++) {
        bool everywhere = !policy || !reads_what_comes_later(policy, first.items[i]);
        for (size_t j = 1; j < count && everywhere; j++) everywhere = has(list(&refusals[j]), first.items[i]);
        if (everywhere) ARENA_PUSH(arena, list(common)->items, list(common)->count, first.items[i]);
    }
    for (size_t j = 0; j < count; j++) {
        struct cel_nodes kept = {0}, all = *list(&refusals[j]);
        for (size_t i = 0; i < all.count; i++)
            if (!has(list(common), all.items[i])) ARENA_PUSH(arena, kept.items, kept.count, all.items[i]);
        *list(&refusals[j]) = kept;
    }
}

static struct cel_nodes *all_of(struct vap_refusal *refusal) {
    return &refusal->all;
}

static struct cel_nodes *none_of(struct vap_refusal *refusal) {
    return &refusal->none;
}

struct vap_refusal vap_common(struct arena *arena, struct vap_refusal *refusals, size_t count) {
    struct vap_refusal common = {0};
    move_common(arena, NULL, refusals, count, all_of, &common);
    move_common(arena, NULL, refusals, count, none_of, &common);
    return common;
}

static void match_common(struct arena *arena, const struct plan_policy *plan, struct vap_policy *policy) {
    // A single validation asks the same as soon, and a use of break-glass is recorded by what is matched.
    if (policy->validation_count < 2 || policy->break_glass || plan->shape != SHAPE_OBJECTS) return;
    struct vap_refusal common = {0}, *refusals = ARENA_ARRAY(arena, struct vap_refusal, policy->validation_count);
    for (size_t i = 0; i < policy->validation_count; i++)
        refusals[i] = vap_refusal_of(arena, policy->validations[i].expression);
    move_common(arena, policy, refusals, policy->validation_count, all_of, &common);
    move_common(arena, policy, refusals, policy->validation_count, none_of, &common);
    if (!common.all.count && !common.none.count) return;
    policy->match = vap_refused(arena, &common);
    for (size_t i = 0; i < policy->validation_count; i++)
        policy->validations[i].expression = cel_not(arena, vap_refused(arena, &refusals[i]));
}

void vap_match(struct arena *arena, const struct plan_policy *plan, struct vap_policy *policy) {
    match_common(arena, plan, policy);
    if (!policy->within || reads_what_comes_later(policy, policy->within)) return;
    policy->match = policy->match ? cel_and(arena, policy->match, policy->within) : policy->within;
}
