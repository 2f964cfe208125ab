// What a test of Chainsaw cannot ask, and why: it has a kubectl, an administrator's rights, and a cluster that is used.
#include <string.h>

#include "base/arena.h"
#include "chainsaw/chainsaw_internal.h"
#include "data/value.h"

#define ENDS ".k8s.io"

static bool ends_with(const char *text, const char *end) {
    const size_t len = strlen(text), end_len = strlen(end);
    return len >= end_len && strcmp(text + len - end_len, end) == 0;
}

static bool begins_with(const char *text, const char *begin) {
    return strncmp(text, begin, strlen(begin)) == 0;
}

static bool is_group(const struct request *request, const char *group) {
    return strcmp(request->group, group) == 0;
}

// ---- what every cluster has ----

// A name that ends in `*` is one that begins so; namespace "*" is any.
static const struct {
    const char *group, *resource, *namespace, *name;
} standing[] = {
    {"", "namespaces", "", "default"},
    {"", "namespaces", "", "kube-node-lease"},
    {"", "namespaces", "", "kube-public"},
    {"", "namespaces", "", "kube-system"},
    {"", "serviceaccounts", "*", "default"},
    {"", "configmaps", "*", "kube-root-ca.crt"},
    {"", "services", "default", "kubernetes"},
    {"", "endpoints", "default", "kubernetes"},
    {"discovery.k8s.io", "endpointslices", "default", "kubernetes"},
    {"rbac.authorization.k8s.io", "clusterroles", "", "admin"},
    {"rbac.authorization.k8s.io", "clusterroles", "", "cluster-admin"},
    {"rbac.authorization.k8s.io", "clusterroles", "", "edit"},
    {"rbac.authorization.k8s.io", "clusterroles", "", "view"},
    {"rbac.authorization.k8s.io", "clusterroles", "", "system:*"},
    {"rbac.authorization.k8s.io", "clusterrolebindings", "", "cluster-admin"},
    {"rbac.authorization.k8s.io", "clusterrolebindings", "", "system:*"},
    {"rbac.authorization.k8s.io", "roles", "*", "system:*"},
    {"rbac.authorization.k8s.io", "rolebindings", "*", "system:*"},
    {"scheduling.k8s.io", "priorityclasses", "", "system-*"},
};

static bool is_named(const char *pattern, const char *name) {
    const size_t len = strlen(pattern);
    return len && pattern[len - 1] == '*' ? strncmp(pattern, name, len - 1) == 0 : strcmp(pattern, name) == 0;
}

bool chainsaw_stands(const char *group, const char *resource, const char *namespace, const char *name) {
    for (size_t i = 0; i < sizeof standing / sizeof *standing; i++)
        if (strcmp(standing[i].group, group) == 0 && strcmp(standing[i].resource, resource) == 0 &&
            is_named(standing[i].namespace, namespace) && is_named(standing[i].name, name))
            return true;
    return false;
}

const char *chainsaw_definition(struct arena *arena, const char *group, const char *resource) {
    if (!strchr(group, '.') || ends_with(group, ENDS)) return NULL;
    return arena_printf(arena, "%s.%s", resource, group);
}

// Whether the definition is one that the tests themselves need, so that it has to be there beforehand.
static bool is_needed(const struct chainsaw *chainsaw, const struct request *request) {
    if (strcmp(request->resource, "customresourcedefinitions") != 0) return false;
    for (size_t i = 0; i < chainsaw->case_count; i++) {
        const struct request *other = &chainsaw->cases[i].test_case->request;
        const char *definition = chainsaw_definition(chainsaw->arena, other->group, other->resource);
        if (definition && strcmp(definition, request->name) == 0) return true;
    }
    return false;
}

// ---- what is stored ----

// Whether it says more of the object than which one it is.
static bool says_more(const struct value *object) {
    for (size_t i = 0; object && i < object->count; i++) {
        const char *key = object->as.entries[i].key;
        if (strcmp(key, "metadata") != 0 && strcmp(key, "apiVersion") != 0 && strcmp(key, "kind") != 0) return true;
    }
    const struct value *metadata = value_get(object, "metadata");
    for (size_t i = 0; metadata && i < metadata->count; i++) {
        const char *key = metadata->as.entries[i].key;
        if (strcmp(key, "name") != 0 && strcmp(key, "namespace") != 0) return true;
    }
    return false;
}

static const char *stored_obstacle(const struct value *object) {
    static const struct {
        const char *key, *why;
    } kept[] = {
        {"deletionTimestamp", "an object that is being deleted cannot be made"},
        {"finalizers", "an object with finalizers could not be removed after the test"},
        {"ownerReferences", "the garbage collector deletes an object whose owner is not there"},
        {"uid", "the API server itself chooses the uid"},
        {"resourceVersion", "the API server itself writes the resourceVersion"},
        {"generation", "the API server itself writes the generation"},
        {"creationTimestamp", "the API server itself writes the creationTimestamp"},
        {"managedFields", "the API server itself writes managedFields"},
        {"generateName", "an object with that name was not made of generateName"},
    };
    const struct value *metadata = value_get(object, "metadata");
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
        if (value_get(metadata, kept[i].key)) return kept[i].why;
    return value_get(object, "status") ? "the control plane itself writes the status of what is stored" : NULL;
}

static const char *kind_obstacle(const struct request *request, const struct value *stored) {
    const char *kind = request->kind;
    if (stored && value_get(stored, "webhooks") && ends_with(kind, "WebhookConfiguration"))
        return "the webhooks that it configures would be called";
    if (stored && strcmp(kind, "APIService") == 0) return "kubectl would look for the API that it announces";
    if (stored && strcmp(value_get_string(stored, "type"), "kubernetes.io/service-account-token") == 0)
        return "the control plane itself writes and deletes the tokens of service accounts";
    static const struct {
        const char *kind, *field;
    } certificates[] = {{"CertificateSigningRequest", "request"},
                        {"ClusterTrustBundle", "trustBundle"},
                        {"PodCertificateRequest", "pkixPublicKey"}};
    const struct value *object = stored ? stored : request->object;
    for (size_t i = 0; i < sizeof certificates / sizeof *certificates; i++)
        if (strcmp(kind, certificates[i].kind) == 0 && !value_dig(object, "spec", certificates[i].field, NULL))
            return "the test gives no certificate, or no request for one";
    return NULL;
}

static const char *standing_obstacle(const struct chainsaw *chainsaw, const struct request *request,
                                     const struct value *stored) {
    const bool needed = is_needed(chainsaw, request);
    if (!needed && !chainsaw_stands(request->group, request->resource, request->namespace, request->name)) return NULL;
    if (!stored) return "the cluster has such an object already";
    return says_more(stored) ? "the object belongs to the cluster, and is left as it is" : NULL;
}

static const char *object_obstacle(const struct chainsaw *chainsaw, const struct request *request) {
    const bool creates = request->operation == OP_CREATE && !*request->subresource;
    const struct value *stored = creates ? NULL : request->old_object;
    const char *why = standing_obstacle(chainsaw, request, stored);
    if (!why) why = kind_obstacle(request, stored);
    return why || creates ? why : stored_obstacle(stored);
}

static const char *given_obstacle(const struct request *request) {
    for (size_t i = 0; i < request->given_count; i++) {
        const struct value *metadata = value_get(request->given[i], "metadata");
        const char *why = stored_obstacle(request->given[i]);
        if (why) return why;
        if (chainsaw_stands("", "configmaps", value_get_string(metadata, "namespace"),
                            value_get_string(metadata, "name")))
            return "the ConfigMap belongs to the cluster, and is left as it is";
    }
    return NULL;
}

static const char *namespace_obstacle(const struct request *request) {
    const struct value *metadata = value_get(request->namespace_object, "metadata");
    const struct value *labels = value_get(metadata, "labels");
    if (!metadata) return NULL;
    if (value_get(metadata, "deletionTimestamp")) return "nobody can say for how long a namespace is being deleted";
    if (labels && labels->count > 1 && chainsaw_stands("", "namespaces", "", request->namespace))
        return "the namespace belongs to the cluster, and its labels are left as they are";
    return NULL;
}

// ---- who asks ----

static bool has_group(const struct request *request, const char *group) {
    for (size_t i = 0; i < request->group_count; i++)
        if (strcmp(request->groups[i], group) == 0) return true;
    return false;
}

static bool asks_authorizer(const struct policies *policies) {
    for (size_t i = 0; i < policies->lock_count; i++)
        if (lock_asks_authorizer(policies->locks[i])) return true;
    return false;
}

static const char *requester_obstacle(const struct chainsaw *chainsaw, const struct request *request) {
    if (request->extra && request->extra->count) return "kubectl has no option for the extra of a requester";
    if (begins_with(request->user, "system:node:") || has_group(request, "system:nodes"))
        return "nodes are held to their own pods before any policy is asked";
    if (!*request->user || strcmp(request->user, "system:anonymous") == 0 ||
        has_group(request, "system:unauthenticated"))
        return "kubectl finds no resources for a requester whom nobody has authenticated";
    if (has_group(request, "system:masters") && asks_authorizer(chainsaw->policies))
        return "system:masters may do everything, whatever is granted for locks";
    return NULL;
}

// ---- what is asked ----

static const char *request_obstacle(const struct request *request) {
    static const char *const written[] = {"", "status", "scale"}, *const called[] = {
                                                                      "eviction", "binding",     "token", "exec",
                                                                      "attach",   "portforward", "proxy"};
    const bool updates = request->operation == OP_UPDATE;
    const char *const *known = updates ? written : called;
    const size_t count = updates ? sizeof written / sizeof *written : sizeof called / sizeof *called;
    bool found = !*request->subresource;
    for (size_t i = 0; i < count; i++) found |= strcmp(known[i], request->subresource) == 0;
    if (!found) return "kubectl has no command for a dry run of this subresource";
    if (request->operation == OP_DELETE && is_group(request, "") && strcmp(request->resource, "namespaces") == 0 &&
        (strcmp(request->name, "default") == 0 || begins_with(request->name, "kube-")))
        return "API servers let nobody delete this namespace";
    return NULL;
}

// ---- what API servers let nobody change ----

// But for images, which are the same for this.
static bool has_same_containers(struct arena *arena, const struct value *old, const struct value *new) {
    if (!old || !new || old->kind != VALUE_LIST || new->kind != VALUE_LIST || old->count != new->count) return false;
    for (size_t i = 0; i < old->count; i++) {
        struct value *before = value_copy(arena, old->as.items[i]), *after = value_copy(arena, new->as.items[i]);
        if (before->kind == VALUE_MAP) value_set_string(arena, before, "image", "");
        if (after->kind == VALUE_MAP) value_set_string(arena, after, "image", "");
        if (!value_equal(before, after)) return false;
    }
    return true;
}

// "pod updates may not change fields other than `spec.containers[*].image`, `spec.initContainers[*].image`,
// `spec.activeDeadlineSeconds`, `spec.tolerations` …" (ValidatePodUpdate in pkg/apis/core/validation)
static const char *pod_obstacle(struct arena *arena, const struct request *request) {
    if (!is_group(request, "") || strcmp(request->resource, "pods") != 0 || request->operation != OP_UPDATE ||
        *request->subresource)
        return NULL;
    const struct value *old = value_get(request->old_object, "spec"), *new = value_get(request->object, "spec");
    const struct value *states[] = {old, new};
    for (size_t i = 0; i < 2; i++)
        for (size_t j = 0; states[i] && states[i]->kind == VALUE_MAP && j < states[i]->count; j++) {
            const char *key = states[i]->as.entries[j].key;
            const struct value *before = value_get(old, key), *after = value_get(new, key);
            if (strcmp(key, "activeDeadlineSeconds") == 0 || strcmp(key, "tolerations") == 0) continue;
            if (before && after && value_equal(before, after)) continue;
            if ((strcmp(key, "containers") != 0 && strcmp(key, "initContainers") != 0) ||
                !has_same_containers(arena, before, after))
                return "API servers let nobody change this of a pod";
        }
    return NULL;
}

const char *chainsaw_obstacle(const struct chainsaw *chainsaw, const struct judged_case *judged) {
    const struct test_case *one = judged->test_case;
    const struct request *request = &one->request;
    if (one->about != CASE_OF_VERDICT) return "which webhooks are called is not seen by whoever asks";
    const char *why = requester_obstacle(chainsaw, request);
    if (!why) why = request_obstacle(request);
    if (!why) why = namespace_obstacle(request);
    if (!why) why = given_obstacle(request);
    if (!why) why = pod_obstacle(chainsaw->arena, request);
    return why ? why : object_obstacle(chainsaw, request);
}
