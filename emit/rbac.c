// Grants and accounts → ServiceAccount, Role, RoleBinding and their cluster-wide kin.
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/map.h"
#include "base/names.h"
#include "base/text.h"
#include "data/value.h"
#include "emit/manifest.h"
#include "emit/plan.h"
#include "kubernetes/catalog.h"
#include "policy/policy.h"

#define RBAC_GROUP_NAME "rbac.authorization.k8s.io"

static struct value *sorted_list(struct arena *arena, const char **strings, size_t count) {
    struct value *list = value_list(arena);
    if (count) qsort(strings, count, sizeof *strings, compare_strings);
    for (size_t i = 0; i < count; i++) value_append(arena, list, value_string(arena, strings[i]));
    return list;
}

// What the API server asks RBAC about those who impersonate: for each thing that they say to be, whether they may
// `impersonate` it. Where the grant allows some requests only, the verbs are others (constrained impersonation): each
// says in which of three ways, and `impersonate-on` what may be done so.
static const char *manner_of(const struct impersonated *one) {
    switch (one->kind) {
    case IMPERSONATED_ACCOUNT: return "serviceaccount";
    case IMPERSONATED_NODE: return "arbitrary-node";
    case IMPERSONATED_USER:
    case IMPERSONATED_GROUP:
    case IMPERSONATED_UID:
    case IMPERSONATED_EXTRA: break;
    }
    return "user-info";
}

static bool is_constrained(const struct grant *grant) {
    return grant->impersonated_count > 0 && grant->verb_count > 0;
}

// The verbs on the scope.
static struct value *verbs_of(struct arena *arena, const struct grant *grant) {
    if (!is_constrained(grant)) return sorted_list(arena, grant->verbs, grant->verb_count);
    const char **verbs = NULL;
    size_t count = 0;
    struct set known;
    set_init(&known, arena);
    for (size_t i = 0; i < grant->impersonated_count; i++) {
        if (!set_add(&known, manner_of(&grant->impersonated[i]))) continue;
        for (size_t j = 0; j < grant->verb_count; j++)
            ARENA_PUSH(
                arena, verbs, count,
                arena_printf(arena, "impersonate-on:%s:%s", manner_of(&grant->impersonated[i]), grant->verbs[j]));
    }
    return sorted_list(arena, verbs, count);
}

// The resource that stands for the identity, in its group.
static const char *identity_of(struct arena *arena, const struct impersonated *one, bool constrained,
                               const char **ret_group) {
    *ret_group = constrained ? "authentication.k8s.io" : "";
    switch (one->kind) {
    case IMPERSONATED_NODE: return constrained ? "nodes" : "users";
    case IMPERSONATED_USER: return "users";
    case IMPERSONATED_GROUP: return "groups";
    case IMPERSONATED_ACCOUNT: return "serviceaccounts";
    case IMPERSONATED_UID: *ret_group = "authentication.k8s.io"; return "uids";
    case IMPERSONATED_EXTRA: break;
    }
    *ret_group = "authentication.k8s.io";
    return arena_printf(arena, "userextras/%s", one->key);
}

// One rule for each resource, of those identities that are asked for in the namespace.
static void add_impersonation(struct arena *arena, const struct grant *grant, const char *namespace,
                              struct value *rules) {
    for (size_t i = 0; i < grant->impersonated_count;) {
        const struct impersonated *first = &grant->impersonated[i];
        const char **names = NULL, *group;
        size_t count = 0;
        // They are sorted by kind, namespace and key.
        for (; i < grant->impersonated_count; i++) {
            const struct impersonated *one = &grant->impersonated[i];
            if (one->kind != first->kind || strcmp(one->key, first->key) != 0 ||
                strcmp(one->namespace, first->namespace) != 0)
                break;
            const bool as_user = one->kind == IMPERSONATED_NODE && !is_constrained(grant);
            ARENA_PUSH(arena, names, count, as_user ? arena_printf(arena, "system:node:%s", one->name) : one->name);
        }
        if (strcmp(first->namespace, namespace) != 0) continue;
        const char *resource = identity_of(arena, first, is_constrained(grant), &group);
        const char *verb =
            is_constrained(grant) ? arena_printf(arena, "impersonate:%s", manner_of(first)) : "impersonate";
        struct value *rule = value_map(arena);
        value_set(arena, rule, "apiGroups", sorted_list(arena, &group, 1));
        value_set(arena, rule, "resourceNames", sorted_list(arena, names, count));
        value_set(arena, rule, "resources", sorted_list(arena, &resource, 1));
        value_set(arena, rule, "verbs", sorted_list(arena, &verb, 1));
        value_append(arena, rules, rule);
    }
}

static void add_urls(struct arena *arena, const struct grant *grant, struct value *rules) {
    if (!grant->url_count) return;
    struct value *rule = value_map(arena);
    value_set(arena, rule, "nonResourceURLs", sorted_list(arena, grant->urls, grant->url_count));
    value_set(arena, rule, "verbs", verbs_of(arena, grant));
    value_append(arena, rules, rule);
}

// One rule for each API group.
static void add_resources(struct arena *arena, const struct grant *grant, struct value *rules) {
    const char **groups = NULL;
    size_t group_count = 0;
    for (size_t i = 0; i < grant->scope.target_count; i++) {
        const char *group = grant->scope.targets[i].group ? grant->scope.targets[i].group : "*";
        bool known = false;
        for (size_t j = 0; j < group_count && !known; j++) known = strcmp(groups[j], group) == 0;
        if (!known) ARENA_PUSH(arena, groups, group_count, group);
    }
    if (group_count) qsort(groups, group_count, sizeof *groups, compare_strings);
    for (size_t i = 0; i < group_count; i++) {
        const char **resources = NULL;
        size_t count = 0;
        for (size_t j = 0; j < grant->scope.target_count; j++) {
            const struct target *target = &grant->scope.targets[j];
            if (strcmp(target->group ? target->group : "*", groups[i]) != 0) continue;
            const char *resource = target->name ? target->name : "*";
            if (target->subresource) resource = arena_printf(arena, "%s/%s", resource, target->subresource);
            ARENA_PUSH(arena, resources, count, resource);
        }
        struct value *rule = value_map(arena);
        value_set(arena, rule, "apiGroups", sorted_list(arena, &groups[i], 1));
        if (grant->name_count)
            value_set(arena, rule, "resourceNames", sorted_list(arena, grant->names, grant->name_count));
        value_set(arena, rule, "resources", sorted_list(arena, resources, count));
        value_set(arena, rule, "verbs", verbs_of(arena, grant));
        value_append(arena, rules, rule);
    }
}

static struct value *subjects_of(struct arena *arena, const struct rbac_subject *accounts, size_t count) {
    struct value *subjects = value_list(arena);
    for (size_t i = 0; i < count; i++) {
        struct value *subject = value_map(arena);
        const bool account = accounts[i].kind == RBAC_SERVICE_ACCOUNT;
        if (!account) value_set_string(arena, subject, "apiGroup", RBAC_GROUP_NAME);
        value_set_string(arena, subject, "kind",
                         account                         ? "ServiceAccount"
                         : accounts[i].kind == RBAC_USER ? "User"
                                                         : "Group");
        value_set_string(arena, subject, "name", accounts[i].name);
        if (account) value_set_string(arena, subject, "namespace", accounts[i].namespace);
        value_append(arena, subjects, subject);
    }
    return subjects;
}

static void add_binding(struct manifest *manifest, const char *policy, const char *namespace, const char *name,
                        struct span span, const char *role_kind, const char *role, const struct rbac_subject *accounts,
                        size_t count) {
    struct arena *arena = manifest->arena;
    struct value *binding = manifest_add(manifest, *namespace ? MANIFEST_ROLE_BINDING : MANIFEST_CLUSTER_ROLE_BINDING,
                                         policy, namespace, name, span);
    struct value *reference = value_map(arena);
    value_set_string(arena, reference, "apiGroup", RBAC_GROUP_NAME);
    value_set_string(arena, reference, "kind", role_kind);
    value_set_string(arena, reference, "name", role);
    value_set(arena, binding, "roleRef", reference);
    value_set(arena, binding, "subjects", subjects_of(arena, accounts, count));
}

// roleRef cannot be changed. It does not need to be: role and binding share their name, so that another role is another
// binding as well. Without accounts, the role is for others to bind. Gives the role.
static struct value *add_pair(struct manifest *manifest, const char *policy, const char *namespace, const char *name,
                              struct span span, struct value *rules, const struct rbac_subject *accounts,
                              size_t count) {
    struct arena *arena = manifest->arena;
    const bool cluster = !*namespace;
    struct value *role =
        manifest_add(manifest, cluster ? MANIFEST_CLUSTER_ROLE : MANIFEST_ROLE, policy, namespace, name, span);
    value_set(arena, role, "rules", rules);
    if (count)
        add_binding(manifest, policy, namespace, name, span, cluster ? "ClusterRole" : "Role", name, accounts, count);
    return role;
}

// The namespaces in which the grant allows something, each once; "" is the cluster.
static const char **places_of(struct arena *arena, const struct grant *grant, size_t *ret_count) {
    const char **places = NULL;
    struct set known;
    set_init(&known, arena);
    *ret_count = 0;
    const bool on_resources = grant->scope.target_count || grant->bound;
    for (size_t i = 0; on_resources && grant->scope.where == IN_NAMESPACES && i < grant->scope.namespace_count; i++)
        if (set_add(&known, grant->scope.namespaces[i]))
            ARENA_PUSH(arena, places, *ret_count, grant->scope.namespaces[i]);
    if (((on_resources && grant->scope.where != IN_NAMESPACES) || grant->url_count) && set_add(&known, ""))
        ARENA_PUSH(arena, places, *ret_count, "");
    for (size_t i = 0; i < grant->impersonated_count; i++)
        if (set_add(&known, grant->impersonated[i].namespace))
            ARENA_PUSH(arena, places, *ret_count, grant->impersonated[i].namespace);
    return places;
}

static bool is_on_resources_in(const struct grant *grant, const char *namespace) {
    if (grant->scope.where != IN_NAMESPACES) return !*namespace;
    return text_is_among(grant->scope.namespaces, grant->scope.namespace_count, namespace);
}

static void add_grant(struct manifest *manifest, const struct grant *grant, const char *namespace) {
    struct arena *arena = manifest->arena;
    if (grant->bound) {
        add_binding(manifest, grant->policy, namespace, grant->binding, grant->span, "ClusterRole", grant->bound,
                    grant->subjects, grant->subject_count);
        return;
    }
    struct value *rules = value_list(arena);
    if (is_on_resources_in(grant, namespace)) add_resources(arena, grant, rules);
    if (!*namespace) add_urls(arena, grant, rules);
    add_impersonation(arena, grant, namespace, rules);
    struct value *role = add_pair(manifest, grant->policy, namespace, grant->role, grant->span, rules, grant->subjects,
                                  grant->subject_count);
    for (size_t i = 0; i < grant->aggregated_count; i++)
        value_set_string(arena, value_get(value_get(role, "metadata"), "labels"),
                         arena_printf(arena, "rbac.authorization.k8s.io/aggregate-to-%s", grant->aggregated[i]),
                         "true");
}

void rbac_emit(struct manifest *manifest, const struct policies *policies) {
    for (size_t i = 0; i < policies->account_count; i++) {
        const struct account *account = policies->accounts[i];
        struct value *object = manifest_add(manifest, MANIFEST_SERVICE_ACCOUNT, account->policy, account->namespace,
                                            account->name, account->span);
        value_set(manifest->arena, object, "automountServiceAccountToken",
                  value_bool(manifest->arena, account->automount));
    }
    for (size_t i = 0; i < policies->grant_count; i++) {
        size_t count = 0;
        const char **places = places_of(manifest->arena, policies->grants[i], &count);
        for (size_t j = 0; j < count; j++) add_grant(manifest, policies->grants[i], places[j]);
    }
}

// ---- who applies all this ----

static struct value *names_rule(struct arena *arena, const char *group, const char *resource, struct value *names,
                                const char *const *verbs, size_t verb_count) {
    struct value *rule = value_map(arena), *groups = value_list(arena), *resources = value_list(arena),
                 *list = value_list(arena);
    value_append(arena, groups, value_string(arena, group));
    value_append(arena, resources, value_string(arena, resource));
    for (size_t i = 0; i < verb_count; i++) value_append(arena, list, value_string(arena, verbs[i]));
    value_set(arena, rule, "apiGroups", groups);
    if (names) value_set(arena, rule, "resourceNames", names);
    value_set(arena, rule, "resources", resources);
    value_set(arena, rule, "verbs", list);
    return rule;
}

static void add_rule(struct arena *arena, struct value *rules, struct value *rule) {
    for (size_t i = 0; i < rules->count; i++)
        if (value_equal(rules->as.items[i], rule)) return;
    value_append(arena, rules, rule);
}

// What is written of a policy into one namespace, or outside of them.
struct place {
    const char *namespace;
    size_t *objects, count; // indices into the manifest
};

// What is written of a policy: first what is of the cluster, which is there even when it is nothing.
struct places {
    struct place **items;
    size_t count;
    const struct plan_policy **by_params;
    size_t by_params_count;
};

static struct place *place_of(struct arena *arena, struct map *known, struct places *places, const char *policy,
                              const char *namespace) {
    // Names of namespaces have no slash.
    const char *key = arena_printf(arena, "%s/%s", namespace, policy);
    struct place *place = map_get(known, key);
    if (place) return place;
    place = ARENA_NEW(arena, struct place);
    place->namespace = namespace;
    map_set(known, key, place);
    ARENA_PUSH(arena, places->items, places->count, place);
    return place;
}

// By policy, for those that have a deployer.
static void index_places(const struct manifest *manifest, const struct policies *policies, const struct plan *plan,
                         struct map *places) {
    struct map known, made;
    map_init(places, manifest->arena);
    map_init(&known, manifest->arena);
    map_init(&made, manifest->arena);
    for (size_t i = 0; i < manifest->count; i++)
        if (manifest->objects[i].kind == MANIFEST_NAMESPACE)
            map_set(&made, manifest->objects[i].name, &manifest->objects[i]);
    for (size_t i = 0; i < policies->deployer_count; i++) {
        struct places *own = ARENA_NEW(manifest->arena, struct places);
        map_set(places, policies->deployers[i]->policy, own);
        (void)place_of(manifest->arena, &known, own, policies->deployers[i]->policy, "");
    }
    for (size_t i = 0; i < manifest->count; i++) {
        const struct manifest_object *object = &manifest->objects[i];
        struct places *own = map_get(places, object->policy);
        if (!own) continue;
        // Nobody has a role in a namespace before it is there, so that who makes it may write in all of them.
        const char *namespace = map_get(&made, object->namespace) ? "" : object->namespace;
        struct place *place = place_of(manifest->arena, &known, own, object->policy, namespace);
        ARENA_PUSH(manifest->arena, place->objects, place->count, i);
    }
    for (size_t i = 0; i < plan->count; i++) {
        const struct plan_policy *policy = &plan->policies[i];
        struct places *own = plan_has_params(policy) ? map_get(places, policy->policy) : NULL;
        if (own) ARENA_PUSH(manifest->arena, own->by_params, own->by_params_count, policy);
    }
}

// Objects of the kind may be made, and those of these names changed and removed.
static void add_kind(struct manifest *manifest, const struct place *place, const char *own_name,
                     enum manifest_kind kind, struct value *rules) {
    static const struct {
        const char *group, *resource;
    } resources[] = {
        [MANIFEST_NAMESPACE] = {"", "namespaces"},
        [MANIFEST_QUOTA] = {"", "resourcequotas"},
        [MANIFEST_SERVICE_ACCOUNT] = {"", "serviceaccounts"},
        [MANIFEST_CLUSTER_ROLE] = {RBAC_GROUP_NAME, "clusterroles"},
        [MANIFEST_CLUSTER_ROLE_BINDING] = {RBAC_GROUP_NAME, "clusterrolebindings"},
        [MANIFEST_ROLE] = {RBAC_GROUP_NAME, "roles"},
        [MANIFEST_ROLE_BINDING] = {RBAC_GROUP_NAME, "rolebindings"},
        [MANIFEST_POLICY] = {"admissionregistration.k8s.io", "validatingadmissionpolicies"},
        [MANIFEST_BINDING] = {"admissionregistration.k8s.io", "validatingadmissionpolicybindings"},
        [MANIFEST_MUTATING_WEBHOOKS] = {"admissionregistration.k8s.io", "mutatingwebhookconfigurations"},
        [MANIFEST_VALIDATING_WEBHOOKS] = {"admissionregistration.k8s.io", "validatingwebhookconfigurations"},
        [MANIFEST_PROJECT] = {"argoproj.io", "appprojects"},
    };
    static const char *const making[] = {"create"}, *const keeping[] = {"delete", "get", "patch", "update"};
    struct arena *arena = manifest->arena;
    const char **names = NULL;
    size_t name_count = 0;
    const bool own = *place->namespace ? kind == MANIFEST_ROLE || kind == MANIFEST_ROLE_BINDING
                                       : kind == MANIFEST_CLUSTER_ROLE || kind == MANIFEST_CLUSTER_ROLE_BINDING;
    if (own) ARENA_PUSH(arena, names, name_count, own_name);
    struct set known;
    set_init(&known, arena);
    for (size_t i = 0; i < place->count; i++) {
        const struct manifest_object *object = &manifest->objects[place->objects[i]];
        if (object->kind == kind && set_add(&known, object->name)) ARENA_PUSH(arena, names, name_count, object->name);
    }
    if (!name_count) return;
    add_rule(arena, rules, names_rule(arena, resources[kind].group, resources[kind].resource, NULL, making, 1));
    add_rule(arena, rules,
             names_rule(arena, resources[kind].group, resources[kind].resource, sorted_list(arena, names, name_count),
                        keeping, sizeof keeping / sizeof *keeping));
}

// RBAC lets nobody write a role with more than the writer has, nor bind a role that is there without being let, and a
// policy with parameters that the writer cannot read is refused as well.
static void add_needed(struct manifest *manifest, const struct places *places, const struct place *place,
                       struct value *rules) {
    static const char *const reading[] = {"get", "list"}, *const binding[] = {"bind"};
    struct arena *arena = manifest->arena;
    for (size_t i = 0; i < place->count; i++) {
        const struct manifest_object *object = &manifest->objects[place->objects[i]];
        const char *name = value_get_string(value_get(object->value, "roleRef"), "name");
        if (*name && strcmp(name, object->name) != 0) {
            struct value *names = value_list(arena);
            value_append(arena, names, value_string(arena, name));
            add_rule(arena, rules, names_rule(arena, RBAC_GROUP_NAME, "clusterroles", names, binding, 1));
        }
        if (object->kind != MANIFEST_ROLE && object->kind != MANIFEST_CLUSTER_ROLE) continue;
        const struct value *held = value_get(object->value, "rules");
        for (size_t j = 0; held && j < held->count; j++) add_rule(arena, rules, value_copy(arena, held->as.items[j]));
    }
    for (size_t i = 0; i < places->by_params_count && !*place->namespace; i++) {
        const struct plan_policy *own = places->by_params[i];
        add_rule(arena, rules,
                 names_rule(arena, plan_param_group(own), plan_param_plural(arena, own), NULL, reading,
                            sizeof reading / sizeof *reading));
    }
}

void rbac_emit_deployers(struct manifest *manifest, const struct policies *policies, const struct plan *plan) {
    struct arena *arena = manifest->arena;
    struct map known;
    index_places(manifest, policies, plan, &known);
    for (size_t i = 0; i < policies->deployer_count; i++) {
        const struct deployer *deployer = policies->deployers[i];
        const char *name =
            names_of_object(arena, arena_printf(arena, "%s-deployer", names_part(arena, deployer->policy)));
        const struct places *places = map_get(&known, deployer->policy);
        for (size_t j = 0; j < places->count; j++) {
            const struct place *place = places->items[j];
            struct value *rules = value_list(arena);
            for (size_t kind = 0; kind < MANIFEST_KINDS; kind++)
                add_kind(manifest, place, name, (enum manifest_kind)kind, rules);
            add_needed(manifest, places, place, rules);
            (void)add_pair(manifest, deployer->policy, place->namespace, name, deployer->span, rules,
                           deployer->accounts, deployer->account_count);
        }
    }
}
