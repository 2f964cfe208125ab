// Facts about control planes, as tables with their sources beside them: what locks never keep from them, what
// controllers write, and who is let through for what.
#ifndef KLOCK_FACTS_H
#define KLOCK_FACTS_H

#include <stdbool.h>
#include <stddef.h>

// The names that wildcards always leave out: leases, events, the review kinds, and policies, for which the API server
// does not evaluate policies.
struct kube_resource_name {
    const char *group, *name;
};
extern const struct kube_resource_name kube_never_locked[];
extern const size_t kube_never_locked_count;
// The two groups that events are in: pkg/kubeapiserver/default_storage_factory_builder.go (AddCohabitatingResources).
extern const char *const kube_groups_of_events[2];
// The namespaces that `namespace *` leaves out unless they are named.
extern const char *const kube_system_namespaces[];
extern const size_t kube_system_namespace_count;

// Whether the label or annotation is one of those that the control plane itself writes on objects that are there: what
// is selected by it moves with it. Of the labels and annotations of such resources all are taken from elsewhere.
bool kube_is_controllers_key(const char *key);
bool kube_has_taken_labels(const char *group, const char *resource);
bool kube_has_taken_annotations(const char *group, const char *resource);

// What a lock lets through of the lines of exemptions.def: those of its own level, and of lower ones.
enum exemption { EXEMPT_ALWAYS, EXEMPT_NONE = EXEMPT_ALWAYS, EXEMPT_LIFECYCLE, EXEMPT_CONTROLLERS };

enum exemption_limit {
    NO_LIMIT,
    ONLY_TERMINATING, // while the namespace is being deleted
    ONLY_OWNERSHIP,   // of updates those that change no more than owner references and finalizers
    ONLY_AS_ITSELF,   // not in the name of the controller manager, which the garbage collector may have as well
};

// One line of exemptions.def: an identity of the control plane, and what of its work nobody keeps from it.
struct kube_exemption {
    enum exemption level;
    const char *user;                      // exact, or a prefix where it ends with a colon
    const char *group;                     // the group that must be there as well; NULL if none
    const char *namespace;                 // NULL: every namespace
    const char *resource_group, *resource; // NULL: every resource
    const char *subresources;              // blank-separated; "" is the main resource, "*" all
    unsigned operations;                   // of the request, so that an eviction is a create
    enum exemption_limit limit;
};
extern const struct kube_exemption kube_exemptions[];
extern const size_t kube_exemption_count;
// Whether the identity is a service account, which may have the controller manager's name instead of its own.
bool kube_exempts_account(const struct kube_exemption *exemption);
bool kube_exemption_is_shared(const struct kube_exemption *exemption);

// Who the controllers of a cluster are: each an account of its own, all the controller manager, or nobody knows which.
enum kube_controllers { CONTROLLERS_BOTH, CONTROLLERS_SEPARATE, CONTROLLERS_SHARED };
// Whether a controller may come as its account, and as the manager.
bool kube_has_accounts(enum kube_controllers controllers);
bool kube_has_manager(enum kube_controllers controllers);
// Whether the name is what the exemption is for in such a cluster. Of ONLY_AS_ITSELF it is never the manager.
bool kube_exempts(const struct kube_exemption *exemption, enum kube_controllers controllers, const char *user);
// Clusters whose controllers run without credentials of their own know them all by this name.
#define KUBE_CONTROLLER_MANAGER "system:kube-controller-manager"
#define KUBE_CONTROLLERS "system:serviceaccount:kube-system:"
// One line of workloads.def.
struct kube_workload {
    const char *group, *api_version, *plural, *kind;
    const char *template_labels; // blank-separated keys
    const char *owns;            // plural[.group], blank-separated
};
extern const struct kube_workload kube_workloads[];
extern const size_t kube_workload_count;
// One line of derived.def: what goes with an owner that is no workload.
struct kube_derived {
    const char *group, *plural;
    const char *owner_version, *owner_kind;
};
extern const struct kube_derived kube_derived[];
extern const size_t kube_derived_count;
// One line of orders.def: what makes a controller write fields of an object.
struct kube_order {
    enum exemption exemption; // that lets the controller through
    const char *group, *plural;
    const char *told_by, *writes; // paths, blank-separated; of what is written several, between commas
};
extern const struct kube_order kube_orders[];
extern const size_t kube_order_count;
extern const char *const kube_node_labels[];
extern const size_t kube_node_label_count;
// The namespaces that nobody deletes.
bool kube_is_immortal_namespace(const char *name);

// One line of written.def: a field that a controller writes of objects that are there.
struct kube_written {
    const char *controller, *plural, *path;
};
extern const struct kube_written kube_written[];
extern const size_t kube_written_count;
// One line of particular.def: of what a controller writes only some objects.
struct kube_particular {
    const char *controller, *plural;
    const char *name; // NULL: no lock can tell which
    bool obsolete;    // nobody has asked for them in years
};
extern const struct kube_particular kube_particulars[];
extern const size_t kube_particular_count;
// One line of made.def: what a controller makes.
struct kube_made {
    const char *controller, *plural;
    bool random_name;
    const char *labels, *labels_of_some; // that it puts on by itself; blank-separated
    const char *workload;                // whose template it goes by; NULL if none
    const char *labels_from, *rest_from; // paths in the workload, blank-separated; NULL without one
    const char *annotations;             // blank-separated; NULL where it may have others, and other labels
};
extern const struct kube_made kube_made[];
extern const size_t kube_made_count;
// One line of copied.def: what else gets its annotations from something that users write.
struct kube_copied {
    const char *group, *plural;
    const char *from_group, *from; // what users write
    const char *path;              // blank-separated; "" for its own metadata
    bool unreadable;               // all that is at the path counts
};
extern const struct kube_copied kube_copied[];
extern const size_t kube_copied_count;
// Whether the label is put on what some controller makes, so that the template of its workload lacks it.
bool kube_is_added_label(const char *key);

// What a cluster lacks where no more objects of the resource can be made; NULL where nothing is known.
const char *kube_missed(const char *plural);
// What the status of a built-in resource says for others; NULL where nobody goes by it.
const char *kube_status_says(const char *group, const char *plural);

// One line of shared.def: an identity that many share.
struct kube_shared {
    enum { SHARED_GROUP, SHARED_USER, SHARED_ACCOUNT } kind;
    const char *name; // of an account without its namespace
    const char *who;
};
extern const struct kube_shared kube_shared[];
extern const size_t kube_shared_count;

#define KUBE_AUTHENTICATED "system:authenticated"
#define KUBE_NODES "system:nodes"
// The groups of a node, an account of kube-system or another user of the control plane, ending with NULL.
const char *const *kube_groups_of(const char *user);
#define KUBE_NODE_PREFIX "system:node:" // NODE
// Who signs certificates that the API server takes for users: k8s.io/api/certificates/v1/types.go.
#define KUBE_CLIENT_SIGNER "kubernetes.io/kube-apiserver-client"
#define KUBE_KUBELET_SIGNER "kubernetes.io/kube-apiserver-client-kubelet"
// The label of a namespace that is its name: the API server puts it on, and on again.
#define KUBE_NAME_LABEL "kubernetes.io/metadata.name"
#define KUBE_GARBAGE_COLLECTOR "system:serviceaccount:kube-system:generic-garbage-collector"

#endif
