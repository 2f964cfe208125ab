// The RBAC that every API server makes when it starts; bootstrap.def has it, from servers. Lists are separated by
// blanks; "core" is the API group without a name.
#ifndef KLOCK_BOOTSTRAP_H
#define KLOCK_BOOTSTRAP_H

#include <stdbool.h>
#include <stddef.h>

// A ClusterRole.
struct kube_bootstrap_role {
    const char *name, *labels; // KEY=VALUE
    const char *aggregates;    // labels, one of which the aggregated roles have; "" where it has rules of its own
    const char *minors;
};
extern const struct kube_bootstrap_role kube_bootstrap_roles[];
extern const size_t kube_bootstrap_role_count;

struct kube_bootstrap_rule {
    const char *namespace, *role; // namespace "" of a ClusterRole
    const char *verbs, *groups, *resources, *names, *urls;
    const char *minors;
};
extern const struct kube_bootstrap_rule kube_bootstrap_rules[];
extern const size_t kube_bootstrap_rule_count;

// One subject of one binding.
struct kube_bootstrap_subject {
    const char *namespace, *binding;   // namespace "" of a ClusterRoleBinding
    const char *role_namespace, *role; // namespace "" of a ClusterRole
    bool is_group;
    const char *name; // of an account, that of its user
    const char *minors;
};
extern const struct kube_bootstrap_subject kube_bootstrap_subjects[];
extern const size_t kube_bootstrap_subject_count;

// Whether the newest of the servers that the table is from is among these minors.
bool kube_bootstrap_is_current(const char *minors);

#endif
