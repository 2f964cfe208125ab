// Which requests a policy sees, and what of the cluster it looks up; see plan.h.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/limits.h"
#include "base/map.h"
#include "base/names.h"
#include "base/text.h"
#include "data/value.h"
#include "emit/plan_internal.h"
#include "kubernetes/catalog.h"

// ---- rules ----

// What the rules must let through to the policy for one resource.
struct demand {
    const char *group, *name;        // "*" for wildcards
    const struct resource *resource; // NULL for wildcards
    const char *version;
    unsigned operations;
    bool namespaced, meta, body; // which full-kind subresources
    const char **subresources;   // and those that locks are about
    size_t subresource_count;
};

static void add_demand(struct arena *arena, struct demand **demands, size_t *count, const struct lock *lock,
                       const struct target *target) {
    const bool guards = lock->guard_labels || lock->guard_label_in || lock->guard_owners;
    const char *group = target->group ? target->group : "*", *name = target->name ? target->name : "*";
    const bool namespaced = lock->scope.where != IN_CLUSTER;
    const char *version = target->version                               ? target->version
                          : target->resource && lock_reads_fields(lock) ? target->resource->version
                                                                        : "*";
    const char *subresource = lock->scope.subresource;
    unsigned operations = subresource ? 0 : lock->denies;
    if (guards) operations |= OP_UPDATE;
    if (lock->requires && !subresource) operations |= OP_CREATE | OP_UPDATE;
    if (!operations && !subresource) return; // only denied through subresources that carry nothing of the object
    struct demand *demand = NULL;
    for (size_t i = 0; i < *count && !demand; i++)
        if (strcmp((*demands)[i].group, group) == 0 && strcmp((*demands)[i].name, name) == 0 &&
            (*demands)[i].namespaced == namespaced)
            demand = &(*demands)[i];
    if (!demand) {
        const struct demand added = {
            .group = group, .name = name, .resource = target->resource, .version = version, .namespaced = namespaced};
        ARENA_PUSH(arena, *demands, *count, added);
        demand = &(*demands)[*count - 1];
    }
    if (strcmp(demand->version, "*") == 0) demand->version = version;
    demand->operations |= operations;
    demand->meta |= guards || lock_sees_metadata(lock);
    demand->body |= (operations & OP_UPDATE) != 0;
    if (subresource) ARENA_PUSH(arena, demand->subresources, demand->subresource_count, subresource);
}

static void add_rule(struct arena *arena, struct plan_rule **rules, size_t *count, const struct demand *demand,
                     const char *resource, unsigned operations) {
    struct plan_rule *rule = NULL;
    for (size_t i = 0; i < *count && !rule; i++) {
        struct plan_rule *known = &(*rules)[i];
        if (strcmp(known->group, demand->group) == 0 && strcmp(known->version, demand->version) == 0 &&
            known->operations == operations && known->namespaced == demand->namespaced)
            rule = known;
    }
    if (!rule) {
        const struct plan_rule added = {.group = demand->group,
                                        .version = demand->version,
                                        .operations = operations,
                                        .namespaced = demand->namespaced};
        ARENA_PUSH(arena, *rules, *count, added);
        rule = &(*rules)[*count - 1];
    }
    ARENA_PUSH(arena, rule->resources, rule->resource_count, resource);
}

static int compare_rules(const void *a, const void *b) {
    const struct plan_rule *x = a, *y = b;
    int order = strcmp(x->group, y->group);
    if (!order) order = strcmp(x->version, y->version);
    if (!order) order = (x->namespaced < y->namespaced) - (x->namespaced > y->namespaced);
    return order ? order : (x->operations < y->operations) - (x->operations > y->operations);
}

static void add_subresources(struct arena *arena, struct plan_policy *policy, const struct demand *demand) {
    static const char *const full_kind[] = {"approval", "ephemeralcontainers", "finalize", "resize", "status"};
    for (size_t i = 0; i < sizeof full_kind / sizeof *full_kind; i++) {
        bool wanted = kube_subresource_class(full_kind[i]) == SUBRESOURCE_META ? demand->meta : demand->body;
        for (size_t j = 0; j < demand->subresource_count; j++)
            wanted |= strcmp(demand->subresources[j], full_kind[i]) == 0;
        if (!wanted || (demand->resource && !text_has_word(demand->resource->subresources, full_kind[i]))) continue;
        policy->has_subresources = true;
        add_rule(arena, &policy->rules, &policy->rule_count, demand,
                 arena_printf(arena, "%s/%s", demand->name, full_kind[i]), OP_UPDATE);
    }
}

// Wildcards never take in what the control plane writes at every heartbeat, unless another lock names it.
static void add_exclusions(struct arena *arena, struct plan_policy *policy, const struct demand *demands,
                           size_t count) {
    bool wildcard = false;
    for (size_t i = 0; i < count; i++) wildcard |= !demands[i].resource;
    for (size_t i = 0; i < kube_never_locked_count && wildcard; i++) {
        const struct kube_resource_name *never = &kube_never_locked[i];
        bool named = false;
        for (size_t j = 0; j < count; j++)
            named |= strcmp(demands[j].group, never->group) == 0 && strcmp(demands[j].name, never->name) == 0;
        const struct demand excluded = {.group = never->group, .version = "*"};
        if (!named) add_rule(arena, &policy->excluded, &policy->excluded_count, &excluded, never->name, OPS_WRITE);
    }
}

static bool rule_has(const struct plan_rule *rule, const char *resource) {
    for (size_t i = 0; i < rule->resource_count; i++)
        if (strcmp(rule->resources[i], resource) == 0) return true;
    return false;
}

// The API server refuses `*` beside other resources, and `*/status` beside another resource's status.
static void drop_covered(struct arena *arena, struct plan_rule *rule) {
    size_t kept = 0;
    const bool every = rule_has(rule, "*");
    for (size_t i = 0; i < rule->resource_count; i++) {
        const char *resource = rule->resources[i], *slash = strchr(resource, '/');
        const bool covered = *resource != '*' && (slash ? rule_has(rule, arena_printf(arena, "*%s", slash)) : every);
        if (!covered) rule->resources[kept++] = resource;
    }
    rule->resource_count = kept;
}

void plan_make_rules(struct arena *arena, struct plan_policy *policy, const struct lock **locks, size_t count) {
    struct demand *demands = NULL;
    size_t demand_count = 0;
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < locks[i]->scope.target_count; j++)
            add_demand(arena, &demands, &demand_count, locks[i], &locks[i]->scope.targets[j]);
    for (size_t i = 0; i < demand_count; i++) {
        if (demands[i].operations)
            add_rule(arena, &policy->rules, &policy->rule_count, &demands[i], demands[i].name, demands[i].operations);
        add_subresources(arena, policy, &demands[i]);
    }
    add_exclusions(arena, policy, demands, demand_count);
    qsort(policy->rules, policy->rule_count, sizeof *policy->rules, compare_rules);
    for (size_t i = 0; i < policy->rule_count; i++) {
        qsort(policy->rules[i].resources, policy->rules[i].resource_count, sizeof *policy->rules[i].resources,
              compare_strings);
        drop_covered(arena, &policy->rules[i]);
    }
    if (policy->excluded_count)
        qsort(policy->excluded, policy->excluded_count, sizeof *policy->excluded, compare_rules);
}

// ---- parameters ----

// The i-th condition that an object must meet whatever else holds; NULL: there are no more.
static const struct formula *condition_of(const struct formula *selects, size_t i) {
    if (selects->kind == FORMULA_AND) return i < selects->operand_count ? selects->operands[i] : NULL;
    return i == 0 ? selects : NULL;
}

static const struct formula *required_label(const struct lock *lock, const char *key) {
    const struct formula *atom;
    for (size_t i = 0; (atom = condition_of(lock->selects, i)); i++)
        if (atom->kind == FORMULA_LABEL && atom->state == STATE_SELF && strcmp(atom->key, key) == 0) return atom;
    return NULL;
}

// The label that most of the locks ask for, those for a value twice; the first by name of several, NULL where there is
// none.
static const char *common_label(struct arena *arena, const struct lock **locks, size_t count) {
    struct map weights;
    map_init(&weights, arena);
    const char *best = NULL;
    size_t most = 0;
    for (size_t i = 0; i < count; i++) {
        const struct formula *atom;
        for (size_t j = 0; (atom = condition_of(locks[i]->selects, j)); j++) {
            if (atom->kind != FORMULA_LABEL || atom->state != STATE_SELF) continue;
            size_t *weight = map_get(&weights, atom->key);
            if (!weight) map_set(&weights, atom->key, weight = ARENA_NEW(arena, size_t));
            *weight += atom->compare == CMP_IN ? 2 : 1;
            if (*weight < most || (*weight == most && strcmp(atom->key, best) > 0)) continue;
            best = atom->key;
            most = *weight;
        }
    }
    return best;
}

// Takes the locks that ask for the label away, and keeps which of its values they ask for.
static void select_label(struct arena *arena, struct plan_selector *selector, const struct lock **locks, size_t *count,
                         size_t most_values) {
    bool exact = true;
    size_t kept = 0;
    for (size_t i = 0; i < *count; i++) {
        const struct formula *atom = required_label(locks[i], selector->key);
        if (!atom) locks[kept++] = locks[i];
        if (!atom || !exact) continue;
        exact = atom->compare == CMP_IN;
        for (size_t j = 0; exact && j < atom->value_count; j++) {
            bool known = false;
            for (size_t k = 0; k < selector->value_count && !known; k++)
                known = strcmp(selector->values[k], atom->values[j]->as.string) == 0;
            if (!known) ARENA_PUSH(arena, selector->values, selector->value_count, atom->values[j]->as.string);
            exact = selector->value_count <= most_values;
        }
    }
    *count = kept;
    if (!exact) selector->value_count = 0;
    if (selector->value_count)
        qsort(selector->values, selector->value_count, sizeof *selector->values, compare_strings);
}

// After the policy; of several, with their labels, so that one more changes none of the others.
static void name_bindings(struct arena *arena, const struct plan_policy *policy) {
    for (size_t i = 0; i < policy->selector_count; i++) {
        struct plan_selector *selector = &policy->selectors[i];
        selector->binding = policy->name;
        if (policy->selector_count == 1) continue;
        selector->binding = names_of_object(
            arena, arena_printf(arena, "%s" NAMES_MARK "%s", policy->name, names_part(arena, selector->key)));
    }
}

static int compare_selectors(const void *a, const void *b) {
    return strcmp(((const struct plan_selector *)a)->key, ((const struct plan_selector *)b)->key);
}

// A selector for each label, so that few labels cover all locks. They only spare evaluations: what is locked is said by
// the expression. An object with several of the labels is evaluated once for each, and each binding goes through all
// objects of the namespace, which is cheaper than to evaluate them as long as there are few.
static void narrow_params(struct arena *arena, struct plan_policy *policy, const struct lock **locks, size_t count) {
    enum { MAX_SELECTORS = 8, MAX_VALUES = 100 };
    const struct lock **left = ARENA_ARRAY(arena, const struct lock *, count);
    memcpy(left, locks, count * sizeof(const struct lock *));
    while (count) {
        struct plan_selector selector = {.key = common_label(arena, left, count)};
        if (selector.key && policy->selector_count < MAX_SELECTORS) {
            select_label(arena, &selector, left, &count, MAX_VALUES);
        } else {
            selector.key = NULL;
            policy->selector_count = count = 0;
        }
        ARENA_PUSH(arena, policy->selectors, policy->selector_count, selector);
    }
    name_bindings(arena, policy);
    qsort(policy->selectors, policy->selector_count, sizeof *policy->selectors, compare_selectors);
}

// API servers read the selectors of all policies at every request, before they look at the rules: few values cost
// nothing, many would slow down every write.
enum { MAX_SELECTED = 5 };

// The label that all locks ask for. The API server takes a request when the old or the new object has it, so that locks
// still see who takes it off. They ask for it themselves: selectors only spare evaluations.
static void select_objects(struct arena *arena, struct plan_policy *policy, const struct lock **locks, size_t count) {
    const struct lock **left = ARENA_ARRAY(arena, const struct lock *, count);
    memcpy(left, locks, count * sizeof(const struct lock *));
    struct plan_selector selector = {.key = common_label(arena, left, count)};
    if (!selector.key) return;
    select_label(arena, &selector, left, &count, MAX_SELECTED);
    if (!count) policy->objects = selector;
}

// Whatever is elsewhere no lock is about.
static void narrow_namespaces(struct arena *arena, struct plan_policy *policy, const struct lock **locks,
                              size_t count) {
    const char **namespaces = NULL;
    size_t namespace_count = 0;
    for (size_t i = 0; i < count; i++) {
        const struct object_scope *scope = &locks[i]->scope;
        if (scope->where != IN_NAMESPACES) return;
        for (size_t j = 0; j < scope->namespace_count; j++) {
            bool known = false;
            for (size_t k = 0; k < namespace_count && !known; k++)
                known = strcmp(namespaces[k], scope->namespaces[j]) == 0;
            if (!known) ARENA_PUSH(arena, namespaces, namespace_count, scope->namespaces[j]);
            if (namespace_count > MAX_SELECTED) return;
        }
    }
    qsort(namespaces, namespace_count, sizeof *namespaces, compare_strings);
    policy->namespaces = namespaces;
    policy->namespace_count = namespace_count;
}

bool plan_denies_act(const struct lock *lock, const struct kube_act *act) {
    return (lock->acts & act->act) || (act->act == ACT_SCALE && lock_requires_replicas(lock));
}

// The subresources of the shape that some lock of the policy is about.
void plan_make_covering_rules(struct arena *arena, struct plan_policy *policy, const struct family *family,
                              const struct lock **locks, size_t count) {
    static const struct {
        const char *plural, *kind;
    } only[SHAPE_COUNT] = {[SHAPE_EVICTIONS] = {"pods", "Pod"},
                           [SHAPE_BINDINGS] = {"pods", "Pod"},
                           [SHAPE_TOKENS] = {"serviceaccounts", "ServiceAccount"}};
    const struct resource *parent = family->parent;
    const char *plural = only[family->shape].plural ? only[family->shape].plural : parent ? parent->plural : "*";
    struct plan_rule rule = {
        .group = only[family->shape].plural ? ""
                 : parent                   ? parent->group
                                            : family->group,
        .version = "*",
        .namespaced = only[family->shape].plural || (parent ? parent->namespaced : locks[0]->scope.where != IN_CLUSTER),
    };
    for (size_t i = 0; i < kube_act_count; i++) {
        bool denied = false;
        for (size_t j = 0; j < count && !denied; j++) denied = plan_denies_act(locks[j], &kube_acts[i]);
        if (kube_acts[i].shape != family->shape || !denied) continue;
        if (parent && !text_has_word(parent->subresources, kube_acts[i].subresource)) continue;
        rule.operations = kube_acts[i].operation;
        ARENA_PUSH(arena, rule.resources, rule.resource_count,
                   arena_printf(arena, "%s/%s", plural, kube_acts[i].subresource));
    }
    static const char *const bindings = "bindings"; // the same as objects of their own
    if (family->shape == SHAPE_BINDINGS) ARENA_PUSH(arena, rule.resources, rule.resource_count, bindings);
    qsort(rule.resources, rule.resource_count, sizeof *rule.resources, compare_strings);
    ARENA_PUSH(arena, policy->rules, policy->rule_count, rule);
    policy->has_subresources = true;
    policy->by_params = family->cover == COVER_BY_PARAMS;
    if (!policy->by_params) return;
    const char *version = only[family->shape].plural || strcmp(parent->version, "*") == 0 ? "v1" : parent->version;
    policy->param_kind = only[family->shape].plural ? only[family->shape].kind : parent->kind;
    policy->param_version =
        only[family->shape].plural || !*parent->group ? version : arena_printf(arena, "%s/%s", parent->group, version);
    narrow_params(arena, policy, locks, count);
}

void plan_make_source(struct arena *arena, struct plan_policy *policy) {
    const struct plan_selector selector = {.binding = policy->name,
                                           .key = policy->source->key,
                                           .values = policy->source->values,
                                           .value_count = policy->source->value_count};
    policy->param_version = "v1";
    policy->param_kind = "ConfigMap";
    ARENA_PUSH(arena, policy->selectors, policy->selector_count, selector);
}

void plan_select(struct arena *arena, struct plan_policy *policy, const struct lock **locks, size_t count) {
    narrow_namespaces(arena, policy, locks, count);
    if (policy->shape == SHAPE_OBJECTS) select_objects(arena, policy, locks, count);
}
