// Which requests are in the scope of a lock, as far as that does not take the state of an object.
#include "decide/decide_internal.h"

#include <string.h>

// Asked of every lock: most texts are one and the same, or differ at once.
static bool same(const char *one, const char *other) {
    return one == other || (*one == *other && strcmp(one, other) == 0);
}

// The API server has events in two groups, which are one for it.
static bool is_same_group(const struct target *target, const struct request *request) {
    static const char groups[] = "events.k8s.io";
    if (!target->group || same(target->group, request->group)) return true;
    return target->name && strcmp(target->name, "events") == 0 &&
           ((!*target->group && strcmp(request->group, groups) == 0) ||
            (!*request->group && strcmp(target->group, groups) == 0));
}

static bool matches_target(const struct target *target, const struct request *request) {
    return (!target->name || same(target->name, request->resource)) && is_same_group(target, request);
}

static bool is_never_locked(const struct request *request) {
    for (size_t i = 0; i < kube_never_locked_count; i++)
        if (strcmp(kube_never_locked[i].group, request->group) == 0 &&
            strcmp(kube_never_locked[i].name, request->resource) == 0)
            return true;
    return false;
}

bool decide_in_resources(const struct object_scope *scope, const struct request *request) {
    for (size_t i = 0; i < scope->except_count; i++)
        if (matches_target(&scope->excepts[i], request)) return false;
    for (size_t i = 0; i < scope->target_count; i++)
        if (matches_target(&scope->targets[i], request) && (scope->targets[i].name || !is_never_locked(request)))
            return true;
    return false;
}

bool decide_has_name(const char **names, size_t count, const char *name) {
    for (size_t i = 0; i < count; i++)
        if (same(names[i], name)) return true;
    return false;
}

enum truth decide_in_namespaces(const struct view *view, const struct object_scope *scope) {
    const struct request *request = view->request;
    if (scope->where == IN_CLUSTER) return truth_of(!request->namespaced);
    if (!request->namespaced) return NO;
    const bool named = decide_has_name(scope->namespaces, scope->namespace_count, request->namespace);
    if (scope->where == IN_NAMESPACES) return truth_of(named);
    if (scope->where == IN_LABELED_NAMESPACES) return decide_evaluate(view, scope->namespace_selector);
    for (size_t i = 0; i < kube_system_namespace_count; i++)
        if (strcmp(kube_system_namespaces[i], request->namespace) == 0) return truth_of(named);
    return YES;
}

enum cover decide_cover_of(const struct lock *lock, const struct request *request) {
    const struct kube_act *act = kube_act_of(request->subresource);
    if (!act) return COVER_BY_PARAMS;
    const enum cover cover = lock->covers[act->shape];
    // What a wildcard takes in cannot be looked up, but for pods that are evicted.
    if (cover != COVER_BY_PARAMS || act->shape == SHAPE_EVICTIONS) return cover;
    for (size_t i = 0; i < lock->scope.target_count; i++)
        if (lock->scope.targets[i].name && matches_target(&lock->scope.targets[i], request)) return COVER_BY_PARAMS;
    return COVER_NONE;
}
