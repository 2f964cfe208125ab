// Who is let past a lock for what keeps the cluster alive; see decide_internal.h.
#include "decide/decide_internal.h"

#include <string.h>

#include "base/text.h"
#include "data/value.h"

static bool only_removes_finalizers(const struct view *view) {
    const struct value *old = view->request->old_object, *new = view->request->object;
    if (!decide_keeps(view, ALL_BUT_FINALIZERS)) return false;
    const struct value *kept = decide_metadata_field(new, "finalizers");
    for (size_t i = 0; kept && kept->kind == VALUE_LIST && i < kept->count; i++)
        if (!decide_has_element(decide_metadata_field(old, "finalizers"), kept->as.items[i])) return false;
    return true;
}

static bool covers_subresource(const char *subresources, const char *subresource) {
    if (strcmp(subresources, "*") == 0) return true;
    if (!*subresource) return !*subresources || *subresources == ' ';
    return text_has_word(subresources, subresource);
}

// Most requesters are told apart from all of them by their first letter.
static bool is_identity(const struct kube_exemption *exemption, const struct request *request,
                        enum kube_controllers controllers) {
    const char *user = request->user;
    if (*user != *exemption->user && *user != *KUBE_CONTROLLER_MANAGER) return false;
    return kube_exempts(exemption, controllers, user) &&
           (!exemption->group || decide_in_group(request, exemption->group));
}

static bool is_work(const struct kube_exemption *exemption, const struct request *request) {
    if (exemption->namespace && strcmp(exemption->namespace, request->namespace) != 0) return false;
    if (!covers_subresource(exemption->subresources, request->subresource)) return false;
    return !exemption->resource || (strcmp(exemption->resource, request->resource) == 0 &&
                                    strcmp(exemption->resource_group, request->group) == 0);
}

bool decide_is_known_terminating(const struct request *request, const struct lock *lock) {
    return decide_cover_of(lock, request) == COVER_BY_PARAMS &&
           value_dig(request->old_object, "metadata", "deletionTimestamp", NULL);
}

// Kinds of other groups may have the same names.
static bool is_workload(const struct value *owner) {
    const char *version = value_get_string(owner, "apiVersion"), *kind = value_get_string(owner, "kind");
    for (size_t i = 0; version && kind && i < kube_workload_count; i++)
        if (strcmp(kube_workloads[i].api_version, version) == 0 && strcmp(kube_workloads[i].kind, kind) == 0)
            return true;
    return false;
}

static bool is_claim(const struct request *request) {
    return !*request->group && strcmp(request->resource, "persistentvolumeclaims") == 0;
}

// Whether a controller made the object beside its owner, such as the EndpointSlices of a Service.
static bool is_derived_from(const struct request *request, const struct value *owner) {
    const char *version = value_get_string(owner, "apiVersion"), *kind = value_get_string(owner, "kind");
    for (size_t i = 0; i < kube_derived_count; i++) {
        const struct kube_derived *derived = &kube_derived[i];
        if (strcmp(derived->plural, request->resource) == 0 && strcmp(derived->group, request->group) == 0 &&
            strcmp(derived->owner_version, version) == 0 && strcmp(derived->owner_kind, kind) == 0)
            return true;
    }
    return false;
}

// Whether a workload made the object and looks after it, or a controller beside what owns it. A claim that is there can
// be given to a workload.
static bool is_controlled(const struct request *request) {
    const struct value *owners = decide_metadata_field(request->old_object, "ownerReferences");
    if (is_claim(request)) return false;
    for (size_t i = 0; owners && owners->kind == VALUE_LIST && i < owners->count; i++) {
        const struct value *owner = owners->as.items[i], *controller = value_get(owner, "controller");
        if (is_derived_from(request, owner)) return true;
        if (controller && controller->kind == VALUE_BOOL && controller->as.boolean && is_workload(owner)) return true;
    }
    return false;
}

static bool owns(const struct value *object, const struct value *uid) {
    const struct value *owners = decide_metadata_field(object, "ownerReferences");
    for (size_t i = 0; owners && owners->kind == VALUE_LIST && i < owners->count; i++) {
        const struct value *own = value_get(owners->as.items[i], "uid");
        if (own && value_equal(own, uid)) return true;
    }
    return false;
}

// Whether an object that is there gets another owner. Claims get theirs from the controller of stateful sets.
static bool is_adopted(const struct request *request) {
    const struct value *owners = decide_metadata_field(request->object, "ownerReferences");
    if (request->operation != OP_UPDATE || is_claim(request)) return false;
    for (size_t i = 0; owners && owners->kind == VALUE_LIST && i < owners->count; i++) {
        const struct value *uid = value_get(owners->as.items[i], "uid");
        if (uid && !owns(request->old_object, uid)) return true;
    }
    return false;
}

// What the identity may do under this lock. Where owners are guarded, an object outlives its owner, unless that is a
// workload, or what a controller made the object beside: then the guard keeps the workload, or the lock lets the
// controller delete the object as it is.
static unsigned exempt_operations(const struct kube_exemption *exemption, const struct request *request,
                                  const struct lock *lock) {
    const bool collector = strcmp(exemption->user, KUBE_GARBAGE_COLLECTOR) == 0;
    if (!collector || !lock->guard_owners) return exemption->operations;
    const bool known = decide_cover_of(lock, request) == COVER_BY_PARAMS;
    if (lock->exemption == EXEMPT_CONTROLLERS && known && is_controlled(request)) return exemption->operations;
    return exemption->operations & ~(unsigned)OP_DELETE;
}

static bool is_namespace_terminating(const struct request *request) {
    const bool is_namespace = !*request->group && strcmp(request->resource, "namespaces") == 0;
    return value_dig(is_namespace ? request->old_object : request->namespace_object, "metadata", "deletionTimestamp",
                     NULL) != NULL;
}

// Rights are to make an eviction, not to delete the pod.
static unsigned operation_of(const struct request *request) {
    const struct kube_act *act = kube_act_of(request->subresource);
    return act ? act->operation : request->operation;
}

static bool applies(const struct kube_exemption *exemption, const struct view *view, const struct lock *lock,
                    enum exemption level) {
    const struct request *request = view->request;
    if (exemption->level > level || !is_identity(exemption, request, lock->controllers)) return false;
    if (!(exempt_operations(exemption, request, lock) & operation_of(request))) return false;
    if (!is_work(exemption, request)) return false;
    if (exemption->limit == ONLY_TERMINATING) return is_namespace_terminating(request);
    if (exemption->limit == ONLY_OWNERSHIP && request->operation == OP_UPDATE) return decide_keeps(view, CONTENT);
    return true;
}

// Whoever it is, what is being deleted may go.
static bool lets_go(const struct view *view, const struct lock *lock) {
    const struct request *request = view->request;
    if (!decide_is_known_terminating(request, lock)) return false;
    return request->operation == OP_DELETE || (request->operation == OP_UPDATE && only_removes_finalizers(view));
}

static bool is_any_identity(const struct view *view, enum kube_controllers controllers) {
    struct identity *identity = view->identity;
    if (identity->is_known) return identity->is_exempt;
    identity->is_known = true;
    const char *last = NULL; // many that follow each other are of the same one
    for (size_t i = 0; i < kube_exemption_count && !identity->is_exempt; i++) {
        if (kube_exemptions[i].user == last && !kube_exemptions[i].group) continue;
        identity->is_exempt = is_identity(&kube_exemptions[i], view->request, controllers);
        last = kube_exemptions[i].group ? NULL : kube_exemptions[i].user;
    }
    return identity->is_exempt;
}

bool decide_is_exempt(const struct view *view, const struct lock *lock, enum exemption level) {
    // Nor do controllers take objects in, which they could then delete.
    if (level == EXEMPT_CONTROLLERS && lock->guard_owners && is_adopted(view->request)) level = EXEMPT_LIFECYCLE;
    if (level != EXEMPT_NONE && lets_go(view, lock)) return true;
    if (!is_any_identity(view, lock->controllers)) return false;
    for (size_t i = 0; i < kube_exemption_count; i++)
        if (applies(&kube_exemptions[i], view, lock, level)) return true;
    return false;
}
