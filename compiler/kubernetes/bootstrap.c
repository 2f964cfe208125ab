#include "kubernetes/bootstrap.h"

#include <string.h>

const struct kube_bootstrap_role kube_bootstrap_roles[] = {
#define ROLE(name, labels, aggregates, minors) {name, labels, aggregates, minors},
#include "kubernetes/bootstrap.def"
};
const size_t kube_bootstrap_role_count = sizeof kube_bootstrap_roles / sizeof *kube_bootstrap_roles;

const struct kube_bootstrap_rule kube_bootstrap_rules[] = {
#define RULE(namespace, role, verbs, groups, resources, names, urls, minors)                                           \
    {namespace, role, verbs, groups, resources, names, urls, minors},
#include "kubernetes/bootstrap.def"
};
const size_t kube_bootstrap_rule_count = sizeof kube_bootstrap_rules / sizeof *kube_bootstrap_rules;

const struct kube_bootstrap_subject kube_bootstrap_subjects[] = {
#define USER(namespace, binding, role_namespace, role, name, minors)                                                   \
    {namespace, binding, role_namespace, role, false, name, minors},
#define GROUP(namespace, binding, role_namespace, role, name, minors)                                                  \
    {namespace, binding, role_namespace, role, true, name, minors},
#include "kubernetes/bootstrap.def"
};
const size_t kube_bootstrap_subject_count = sizeof kube_bootstrap_subjects / sizeof *kube_bootstrap_subjects;

// "1.30 1.33": no minor that has been is followed by an older one.
static const char *last_of(const char *minors) {
    const char *last = strrchr(minors, ' ');
    return last ? last + 1 : minors;
}

// cluster-admin is in every server's, so that the last one of its minors is the newest.
bool kube_bootstrap_is_current(const char *minors) {
    const char *newest = "";
    for (size_t i = 0; i < kube_bootstrap_role_count && !*newest; i++)
        if (strcmp(kube_bootstrap_roles[i].name, "cluster-admin") == 0)
            newest = last_of(kube_bootstrap_roles[i].minors);
    return strcmp(last_of(minors), newest) == 0;
}
