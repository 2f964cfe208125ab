// Grants and accounts → ServiceAccount, Role, RoleBinding and their cluster-wide kin.
#include <stdlib.h>
#include <string.h>

#include "arena.h"
#include "catalog.h"
#include "ir.h"
#include "limits.h"
#include "manifest.h"
#include "names.h"
#include "text.h"
#include "value.h"

#define RBAC_GROUP_NAME "rbac.authorization.k8s.io"

static struct value *sorted_list(struct arena *arena, const char **strings, size_t count) {
    struct value *list = value_list(arena);
    if (count) qsort(strings, count, sizeof *strings, compare_strings);
    for (size_t i = 0; i < count; i++) value_append(arena, list, value_string(arena, strings[i]));
    return list;
}

// One rule for each API group.
static struct value *rules_of(struct arena *arena, const struct ir_grant *grant) {
    const char **groups = NULL;
    size_t group_count = 0;
    for (size_t i = 0; i < grant->scope.target_count; i++) {
        const char *group = grant->scope.targets[i].group ? grant->scope.targets[i].group : "*";
        bool known = false;
        for (size_t j = 0; j < group_count && !known; j++) known = strcmp(groups[j], group) == 0;
        if (!known) ARENA_PUSH(arena, groups, group_count, group);
    }
    if (group_count) qsort(groups, group_count, sizeof *groups, compare_strings);
    struct value *rules = value_list(arena);
    for (size_t i = 0; i < group_count; i++) {
        const char **resources = NULL;
        size_t count = 0;
        for (size_t j = 0; j < grant->scope.target_count; j++) {
            const struct ir_target *target = &grant->scope.targets[j];
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
        value_set(arena, rule, "verbs", sorted_list(arena, grant->verbs, grant->verb_count));
        value_append(arena, rules, rule);
    }
    return rules;
}

static struct value *subjects_of(struct arena *arena, const struct ir_grant *grant) {
    struct value *subjects = value_list(arena);
    for (size_t i = 0; i < grant->subject_count; i++) {
        struct value *subject = value_map(arena);
        const bool account = grant->subjects[i].kind == RBAC_SERVICE_ACCOUNT;
        if (!account) value_set_string(arena, subject, "apiGroup", RBAC_GROUP_NAME);
        value_set_string(arena, subject, "kind",
                         account                                ? "ServiceAccount"
                         : grant->subjects[i].kind == RBAC_USER ? "User"
                                                                : "Group");
        value_set_string(arena, subject, "name", grant->subjects[i].name);
        if (account) value_set_string(arena, subject, "namespace", grant->subjects[i].namespace);
        value_append(arena, subjects, subject);
    }
    return subjects;
}

// roleRef cannot be changed. It does not need to be: role and binding share their name, so that another role is another
// binding as well.
static void add_pair(struct manifest *manifest, const struct ir_grant *grant, const char *namespace, const char *name) {
    struct arena *arena = manifest->arena;
    const bool cluster = !*namespace;
    struct value *role = manifest_add(manifest, cluster ? MANIFEST_CLUSTER_ROLE : MANIFEST_ROLE, grant->policy,
                                      namespace, name, grant->span);
    value_set(arena, role, "rules", rules_of(arena, grant));
    if (!grant->subject_count) return; // a role for others to bind
    struct value *binding = manifest_add(manifest, cluster ? MANIFEST_CLUSTER_ROLE_BINDING : MANIFEST_ROLE_BINDING,
                                         grant->policy, namespace, name, grant->span);
    struct value *reference = value_map(arena);
    value_set_string(arena, reference, "apiGroup", RBAC_GROUP_NAME);
    value_set_string(arena, reference, "kind", cluster ? "ClusterRole" : "Role");
    value_set_string(arena, reference, "name", name);
    value_set(arena, binding, "roleRef", reference);
    value_set(arena, binding, "subjects", subjects_of(arena, grant));
}

void rbac_emit(struct manifest *manifest, const struct ir *ir) {
    for (size_t i = 0; i < ir->account_count; i++) {
        const struct ir_account *account = ir->accounts[i];
        (void)manifest_add(manifest, MANIFEST_SERVICE_ACCOUNT, account->policy, account->namespace, account->name,
                           account->span);
    }
    for (size_t i = 0; i < ir->grant_count; i++) {
        const struct ir_grant *grant = ir->grants[i];
        const char *name = names_fitting(
            manifest->arena, arena_printf(manifest->arena, "%s-%s", grant->policy, grant->name), LIMIT_NAME);
        if (grant->scope.where != IN_NAMESPACES) add_pair(manifest, grant, "", name);
        for (size_t j = 0; grant->scope.where == IN_NAMESPACES && j < grant->scope.namespace_count; j++)
            add_pair(manifest, grant, grant->scope.namespaces[j], name);
    }
}
