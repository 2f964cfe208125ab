// The tables; see facts.h.
#include "kubernetes/facts.h"

#include <string.h>

#include "base/text.h"
#include "kubernetes/account.h"
#include "kubernetes/operations.h"

const struct kube_resource_name kube_never_locked[] = {
    {"", "events"},
    {"admissionregistration.k8s.io", "mutatingadmissionpolicies"},
    {"admissionregistration.k8s.io", "mutatingadmissionpolicybindings"},
    {"admissionregistration.k8s.io", "validatingadmissionpolicies"},
    {"admissionregistration.k8s.io", "validatingadmissionpolicybindings"},
    {"authentication.k8s.io", "selfsubjectreviews"},
    {"authentication.k8s.io", "tokenreviews"},
    {"authorization.k8s.io", "localsubjectaccessreviews"},
    {"authorization.k8s.io", "selfsubjectaccessreviews"},
    {"authorization.k8s.io", "selfsubjectrulesreviews"},
    {"authorization.k8s.io", "subjectaccessreviews"},
    {"coordination.k8s.io", "leases"},
    {"events.k8s.io", "events"},
};
const size_t kube_never_locked_count = sizeof kube_never_locked / sizeof *kube_never_locked;

const char *const kube_groups_of_events[2] = {"", "events.k8s.io"};

const char *const kube_system_namespaces[] = {"kube-node-lease", "kube-public", "kube-system"};
const size_t kube_system_namespace_count = sizeof kube_system_namespaces / sizeof *kube_system_namespaces;

const char *const kube_node_labels[] = {"topology.kubernetes.io/region", "topology.kubernetes.io/zone"};
const size_t kube_node_label_count = sizeof kube_node_labels / sizeof *kube_node_labels;

// k8s.io/apiserver/pkg/admission/plugin/namespace/lifecycle (Register).
bool kube_is_immortal_namespace(const char *name) {
    return text_has_word("default kube-public kube-system", name);
}

const struct kube_written kube_written[] = {
#define WRITTEN(controller, plural, path) {controller, plural, path},
#include "kubernetes/written.def"
#undef WRITTEN
};
const size_t kube_written_count = sizeof kube_written / sizeof *kube_written;

enum { IN_USE = false, OBSOLETE = true };
const struct kube_particular kube_particulars[] = {
#define PARTICULAR(controller, plural, name, use) {controller, plural, name, use},
#include "kubernetes/particular.def"
#undef PARTICULAR
};
const size_t kube_particular_count = sizeof kube_particulars / sizeof *kube_particulars;

enum { TOLD = false, RANDOM = true };
const struct kube_made kube_made[] = {
#define MADE(controller, plural, names, labels, labels_of_some, workload, labels_from, rest_from, annotations)         \
    {controller, plural, names, labels, labels_of_some, workload, labels_from, rest_from, annotations},
#include "kubernetes/made.def"
#undef MADE
};
const size_t kube_made_count = sizeof kube_made / sizeof *kube_made;

enum { AN_OBJECT = false, KEPT_AS_IT_IS = true };
const struct kube_copied kube_copied[] = {
#define COPIED(group, plural, from_group, from, path, what) {group, plural, from_group, from, path, what},
#include "kubernetes/copied.def"
#undef COPIED
};
const size_t kube_copied_count = sizeof kube_copied / sizeof *kube_copied;

bool kube_is_added_label(const char *key) {
    for (size_t i = 0; i < kube_made_count; i++)
        if (kube_made[i].workload &&
            (text_has_word(kube_made[i].labels, key) || text_has_word(kube_made[i].labels_of_some, key)))
            return true;
    return false;
}

const char *kube_missed(const char *plural) {
#define MISSED(name, consequence)                                                                                      \
    if (strcmp(plural, name) == 0) return consequence;
#include "kubernetes/missed.def"
#undef MISSED
    return NULL;
}

const char *kube_status_says(const char *group, const char *plural) {
#define STATUS(of, name, what)                                                                                         \
    if (strcmp(group, of) == 0 && strcmp(plural, name) == 0) return what;
#include "kubernetes/statuses.def"
#undef STATUS
    return NULL;
}

const struct kube_shared kube_shared[] = {
#define SHARED(kind, name, who) {SHARED_##kind, name, who},
#include "kubernetes/shared.def"
#undef SHARED
};
const size_t kube_shared_count = sizeof kube_shared / sizeof *kube_shared;

const struct kube_workload kube_workloads[] = {
#define WORKLOAD(group, api_version, plural, kind, template_labels, owns)                                              \
    {group, api_version, plural, kind, template_labels, owns},
#include "kubernetes/workloads.def"
#undef WORKLOAD
};
const size_t kube_workload_count = sizeof kube_workloads / sizeof *kube_workloads;

const struct kube_derived kube_derived[] = {
#define DERIVED(group, plural, owner_version, owner_kind) {group, plural, owner_version, owner_kind},
#include "kubernetes/derived.def"
#undef DERIVED
};
const size_t kube_derived_count = sizeof kube_derived / sizeof *kube_derived;

const struct kube_order kube_orders[] = {
#define ORDER(exemption, group, plural, told_by, writes) {EXEMPT_##exemption, group, plural, told_by, writes},
#include "kubernetes/orders.def"
#undef ORDER
};
const size_t kube_order_count = sizeof kube_orders / sizeof *kube_orders;

const struct kube_exemption kube_exemptions[] = {
#define EXEMPT(level, user, group, namespace, resource_group, resource, subresources, operations, limit, source)       \
    {EXEMPT_##level, user, group, namespace, resource_group, resource, subresources, operations, limit},
#include "kubernetes/exemptions.def"
#undef EXEMPT
};
const size_t kube_exemption_count = sizeof kube_exemptions / sizeof *kube_exemptions;

const char *const *kube_groups_of(const char *user) {
    static const char *const of_node[] = {KUBE_NODES, KUBE_AUTHENTICATED, NULL},
                             *const of_account[] = {ACCOUNT_GROUP_OF_ALL, ACCOUNT_GROUP_PREFIX "kube-system",
                                                    KUBE_AUTHENTICATED, NULL},
                             *const of_others[] = {KUBE_AUTHENTICATED, NULL};
    if (account_is_user(user)) return of_account;
    return strncmp(user, KUBE_NODE_PREFIX, sizeof KUBE_NODE_PREFIX - 1) == 0 ? of_node : of_others;
}

bool kube_exempts_account(const struct kube_exemption *exemption) {
    return account_is_user(exemption->user);
}

bool kube_exemption_is_shared(const struct kube_exemption *exemption) {
    return kube_exempts_account(exemption) && exemption->limit != ONLY_AS_ITSELF;
}

bool kube_has_accounts(enum kube_controllers controllers) {
    return controllers != CONTROLLERS_SHARED;
}

bool kube_has_manager(enum kube_controllers controllers) {
    return controllers != CONTROLLERS_SEPARATE;
}

bool kube_exempts(const struct kube_exemption *exemption, enum kube_controllers controllers, const char *user) {
    const size_t len = strlen(exemption->user);
    if (exemption->user[len - 1] == ':') return strncmp(user, exemption->user, len) == 0;
    if (strcmp(user, exemption->user) == 0) return !kube_exempts_account(exemption) || kube_has_accounts(controllers);
    return kube_exemption_is_shared(exemption) && kube_has_manager(controllers) &&
           strcmp(user, KUBE_CONTROLLER_MANAGER) == 0;
}

// By their domains, and those without one. From the code of the controllers, kubelets and the API server.
static const char controllers_domains[] =
    "alpha.kubernetes.io apf.kubernetes.io apps.kubernetes.io batch.kubernetes.io beta.kubernetes.io "
    "control-plane.alpha.kubernetes.io csi.volume.kubernetes.io deployment.kubernetes.io endpoints.kubernetes.io "
    "endpointslice.kubernetes.io failure-domain.beta.kubernetes.io kube-aggregator.kubernetes.io kubernetes.io "
    "node.alpha.kubernetes.io node.kubernetes.io pv.kubernetes.io rbac.authorization.k8s.io "
    "rbac.authorization.kubernetes.io resource.kubernetes.io service.kubernetes.io statefulset.kubernetes.io "
    "topology.kubernetes.io volume.beta.kubernetes.io volume.kubernetes.io volumes.kubernetes.io";
static const char controllers_keys[] = "controller-revision-hash controller-uid job-name pod-template-generation "
                                       "pod-template-hash";

bool kube_is_controllers_key(const char *key) {
    const char *slash = strchr(key, '/');
    if (!slash) return text_has_word(controllers_keys, key);
    const size_t len = (size_t)(slash - key);
    for (const char *at = controllers_domains; *at;) {
        const size_t word = strcspn(at, " ");
        if (word == len && strncmp(at, key, len) == 0) return true;
        at += word + (at[word] == ' ');
    }
    return false;
}

// Those of endpoints are those of their service.
bool kube_has_taken_labels(const char *group, const char *resource) {
    return (!*group && strcmp(resource, "endpoints") == 0) ||
           (strcmp(group, "discovery.k8s.io") == 0 && strcmp(resource, "endpointslices") == 0);
}

// And those of replica sets are those of their deployment.
bool kube_has_taken_annotations(const char *group, const char *resource) {
    return kube_has_taken_labels(group, resource) ||
           (strcmp(group, "apps") == 0 && strcmp(resource, "replicasets") == 0);
}
