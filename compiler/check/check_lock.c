// Checks of the resolved locks: what they leave open, whom they starve, and what they are to each other.
#include <string.h>

#include "base/arena.h"
#include "base/map.h"
#include "base/names.h"
#include "base/text.h"
#include "check/check_parts.h"
#include "data/value.h"
#include "kubernetes/account.h"
#include "kubernetes/catalog.h"
#include "report/diag.h"

static bool covers(const struct object_scope *scope, const char *group, const char *resource) {
    for (size_t i = 0; i < scope->target_count; i++)
        if (scope->targets[i].name && strcmp(scope->targets[i].name, resource) == 0 &&
            strcmp(scope->targets[i].group, group) == 0)
            return true;
    return false;
}

static void check_reads(const struct checking *checking, const struct lock *lock) {
    if (!covers(&lock->scope, "", "secrets")) return;
    diag_report(checking->diags, DIAG_READS_STAY_OPEN, lock->span, "lock '%s' keeps nobody from reading the secrets",
                lock->name);
    diag_help(checking->diags,
              "admission never sees reads: withhold get, list and watch by RBAC; if it is known: allow %s",
              diag_info(DIAG_READS_STAY_OPEN)->code);
}

// Fields that controllers write, where `changing` names them. What is not here is not asked for.
static const struct {
    const char *controller, *plural, *path;
} written[] = {
    {"node-controller", "nodes", "spec taints"},
    {"persistent-volume-binder", "persistentvolumeclaims", "spec volumeName"},
    {"persistent-volume-binder", "persistentvolumes", "spec claimRef"},
    {"kube-scheduler", "persistentvolumeclaims", "metadata annotations"},
    {"kube-scheduler", "persistentvolumes", "spec claimRef"},
    {"expand-controller", "persistentvolumes", "spec capacity"},
    {"pvc-protection-controller", "persistentvolumeclaims", "metadata finalizers"},
    {"pv-protection-controller", "persistentvolumes", "metadata finalizers"},
    {"service-cidrs-controller", "servicecidrs", "metadata finalizers"},
    {"job-controller", "pods", "metadata finalizers"},
    {"bootstrap-signer", "configmaps", "data"},
    {"root-ca-cert-publisher", "configmaps", "data"},
    {"deployment-controller", "replicasets", "spec replicas"},
    {"endpoint-controller", "endpoints", "subsets"},
    {"endpointslice-controller", "endpointslices", "endpoints"},
    {"clusterrole-aggregation-controller", "clusterroles", "rules"},
};

// Whether one of the two leads to the other: changing either changes both.
static bool paths_meet(const struct field_path *path, const char *keys) {
    for (size_t i = 0; i < path->count && *keys; i++) {
        const size_t len = strcspn(keys, " ");
        const char *key = path->segments[i].key;
        if (key && (strlen(key) != len || strncmp(key, keys, len) != 0)) return false;
        keys += len + (keys[len] == ' ');
    }
    return true;
}

// Whether an update by the controller changes what the lock is about.
static bool is_written(const struct lock *lock, const char *controller, const char *plural) {
    if (!lock->path_count) return true;
    for (size_t i = 0; i < sizeof written / sizeof *written; i++) {
        if (strcmp(written[i].controller, controller) != 0 || strcmp(written[i].plural, plural) != 0) continue;
        bool meet = false;
        for (size_t j = 0; j < lock->path_count && !meet; j++) meet = paths_meet(&lock->paths[j], written[i].path);
        if (meet != lock->all_but_paths) return true;
    }
    return false;
}

// A user that is a prefix is that of some node.
const char *check_controller_of(const struct kube_exemption *exemption) {
    const char *name = strrchr(exemption->user, ':') + 1;
    return *name ? name : "kubelet";
}

// Who writes nothing but objects of this name, or where it is NULL of a kind that no lock can tell: tokens that were
// made for accounts, pods that empty volumes.
static const struct {
    const char *controller, *plural, *name;
} particular[] = {
    {"bootstrap-signer", "configmaps", "cluster-info"},
    {"root-ca-cert-publisher", "configmaps", "kube-root-ca.crt"},
    {"service-account-controller", "serviceaccounts", "default"},
    {"kube-controller-manager", "serviceaccounts", NULL},
    {"legacy-service-account-token-cleaner", "secrets", NULL},
    {"token-cleaner", "secrets", NULL},
    {"persistent-volume-binder", "pods", NULL},
};

static bool has_value(const struct formula *expr, const char *string) {
    for (size_t i = 0; i < expr->value_count; i++)
        if (expr->values[i]->kind == VALUE_STRING && strcmp(expr->values[i]->as.string, string) == 0) return true;
    return false;
}

// Whether the lock hardly means what the controller writes.
static bool misses(const struct lock *lock, const char *controller, const char *plural) {
    const struct formula *selects = lock->selects;
    for (size_t i = 0; i < sizeof particular / sizeof *particular; i++) {
        if (strcmp(particular[i].controller, controller) != 0 || strcmp(particular[i].plural, plural) != 0) continue;
        const bool named = particular[i].name && selects->kind == FORMULA_NAME && selects->compare == CMP_IN &&
                           has_value(selects, particular[i].name);
        return selects->kind != FORMULA_TRUE && !named;
    }
    return false;
}

bool check_means(const struct lock *lock, const struct kube_exemption *exemption, const struct resource *resource) {
    if (exemption->namespace && !scope_may_be_in(&lock->scope, exemption->namespace)) return false;
    return !misses(lock, check_controller_of(exemption), resource->plural);
}

// Whether the lock refuses some of what the controller has to do.
static bool refuses_work(const struct checking *checking, const struct lock *lock, size_t index) {
    const struct kube_exemption *exemption = &kube_exemptions[index];
    const struct resource *resource = checking->around.exempted[index];
    const char *own = lock->scope.subresource;
    const bool about = own ? text_has_word(exemption->subresources, own)
                           : !*exemption->subresources || *exemption->subresources == ' ';
    if (exemption->level <= lock->exemption || !about || !resource || !check_takes_in(&lock->scope, resource))
        return false;
    if (!check_means(lock, exemption, resource)) return false;
    unsigned operations = lock->denies;
    if (check_asks_author(checking, lock, exemption, resource)) operations |= OP_UPDATE;
    operations &= exemption->operations;
    if (!is_written(lock, check_controller_of(exemption), resource->plural)) operations &= ~(unsigned)OP_UPDATE;
    return operations != 0;
}

// Controllers whose own work on the locked resources the lock would refuse.
static void check_starvation(const struct checking *checking, const struct lock *lock) {
    if (lock->exemption == EXEMPT_CONTROLLERS || !(lock->mode & MODE_DENY)) return;
    struct text names;
    text_init(&names, checking->arena);
    size_t count = 0;
    for (size_t i = 0; i < kube_exemption_count; i++) {
        if (!refuses_work(checking, lock, i)) continue;
        const char *name = check_controller_of(&kube_exemptions[i]);
        if (strstr(text_string(&names), name)) continue;
        if (count++ < 3) text_printf(&names, "%s%s", names.len ? ", " : "", name);
    }
    if (!count) return;
    if (count > 3) text_printf(&names, " and %zu more", count - 3);
    diag_report(checking->diags, DIAG_STARVES_CONTROLLER, lock->span,
                "lock '%s' refuses what its objects' controllers do: %s", lock->name, text_string(&names));
    diag_help(checking->diags, "add 'exempt controllers', or accept it: allow %s",
              diag_info(DIAG_STARVES_CONTROLLER)->code);
}

static void check_policies(const struct checking *checking, const struct lock *lock) {
    static const char group[] = "admissionregistration.k8s.io";
    for (size_t i = 0; i < lock->scope.target_count; i++) {
        const struct target *target = &lock->scope.targets[i];
        if (target->group && strcmp(target->group, group) != 0) continue;
        if (!target->name && lock->scope.where == IN_CLUSTER) {
            diag_report(checking->diags, DIAG_POLICIES_NOT_LOCKED, lock->span,
                        "lock '%s' does not take in admission policies and their bindings", lock->name);
            diag_help(checking->diags, "withhold write access to %s by RBAC; if it is known: allow %s", group,
                      diag_info(DIAG_POLICIES_NOT_LOCKED)->code);
        } else if (target->name && (strstr(target->name, "admissionpolic")) && !checking->is_static) {
            diag_report(checking->diags, DIAG_BAD_TARGET, target->span, "the API server evaluates no policy for '%s'",
                        target->name);
            diag_help(checking->diags, "only --target static can lock them; otherwise withhold write access by RBAC");
        }
    }
}

static bool is_named(const struct object_scope *scope, const struct kube_resource_name *name) {
    const struct target *const lists[] = {scope->targets, scope->excepts};
    const size_t counts[] = {scope->target_count, scope->except_count};
    for (size_t list = 0; list < 2; list++)
        for (size_t i = 0; i < counts[list]; i++)
            if (lists[list][i].name && strcmp(lists[list][i].name, name->name) == 0 &&
                (strcmp(lists[list][i].group, name->group) == 0 || strcmp(name->name, "events") == 0))
                return true;
    return false;
}

// What a wildcard leaves out and could be deleted; reviews are never there, and policies have a warning of their own.
static void check_left_out(const struct checking *checking, const struct lock *lock) {
    static const struct kube_resource_name kinds[] = {{"coordination.k8s.io", "leases"}, {"", "events"}};
    if (lock->scope.where == IN_CLUSTER || !(lock->denies & OPS_STORED)) return;
    for (size_t i = 0; i < lock->scope.target_count; i++) {
        const struct target *target = &lock->scope.targets[i];
        struct text out;
        text_init(&out, checking->arena);
        for (size_t j = 0; j < sizeof kinds / sizeof *kinds && !target->name; j++) {
            const bool events = !*kinds[j].group && target->group && strcmp(target->group, "events.k8s.io") == 0;
            if ((!target->group || events || strcmp(target->group, kinds[j].group) == 0) &&
                !is_named(&lock->scope, &kinds[j]))
                text_printf(&out, "%s%s", out.len ? " and " : "", kinds[j].name);
        }
        if (!out.len) continue;
        diag_report(checking->diags, DIAG_WILDCARD_LEAVES_OUT, target->span,
                    "lock '%s' does not take in %s, which wildcards leave out", lock->name, text_string(&out));
        diag_help(
            checking->diags,
            "name them beside the wildcard if they are meant, or behind 'except resources'; or accept it: allow %s",
            diag_info(DIAG_WILDCARD_LEAVES_OUT)->code);
        return;
    }
}

// Requests that reach the locked object by a subresource whose own object carries no labels.
static void check_subresources(const struct checking *checking, const struct lock *lock) {
    struct text open;
    text_init(&open, checking->arena);
    for (size_t i = 0; i < lock->scope.target_count; i++)
        for (size_t j = 0; j < kube_act_count; j++) {
            const struct target *target = &lock->scope.targets[i];
            const struct kube_act *act = &kube_acts[j];
            const bool denied = (lock->acts & act->act) || (act->act == ACT_SCALE && lock_requires_replicas(lock) &&
                                                            lock->scope.where != IN_CLUSTER);
            const bool has = !target->resource || text_has_word(target->resource->subresources, act->subresource);
            const enum cover cover = lock->covers[act->shape];
            // What a wildcard has beside pods cannot be looked up.
            const bool covered = cover == COVER_BY_NAME ||
                                 (cover == COVER_BY_PARAMS && (target->resource || act->shape == SHAPE_EVICTIONS));
            if (denied && has && !covered)
                text_printf(&open, "%s%s/%s", open.len ? ", " : "", target->resource ? target->name : "*",
                            act->subresource);
        }
    if (!open.len) return;
    diag_report(checking->diags, DIAG_SUBRESOURCES_OPEN, lock->span, "lock '%s' does not see requests for %s",
                lock->name, text_string(&open));
    diag_help(checking->diags, "withhold them by RBAC; if it is known: allow %s",
              diag_info(DIAG_SUBRESOURCES_OPEN)->code);
}

// ---- /scale of custom resources, which writes the field that their definition names ----

static bool is_below_spec(const struct field_path *path) {
    return path->variable < 0 && path->count && path->segments[0].key && strcmp(path->segments[0].key, "spec") == 0;
}

static bool is_replicas(const struct field_path *path) {
    return path->count == 2 && path->segments[1].key && strcmp(path->segments[1].key, "replicas") == 0;
}

static bool reads_spec(const struct formula *expr) {
    bool reads = expr && is_below_spec(&expr->path) && !is_replicas(&expr->path);
    for (size_t i = 0; expr && i < expr->operand_count && !reads; i++) reads = reads_spec(expr->operands[i]);
    return reads;
}

// Whether the lock is about a field that might be the one, and lets /scale be written all the same.
static bool misses_scale(const struct lock *lock) {
    if (!(lock->mode & MODE_DENY) || lock->scope.subresource || (lock->acts & ACT_SCALE)) return false;
    if (reads_spec(lock->requires)) return true;
    bool names = false;
    for (size_t i = 0; i < lock->path_count && !lock->all_but_paths && !names; i++)
        names = is_below_spec(&lock->paths[i]) && !is_replicas(&lock->paths[i]);
    return names && (lock->denies & OP_UPDATE);
}

static void check_scale_of_custom(const struct checking *checking, const struct lock *lock) {
    if (!misses_scale(lock)) return;
    for (size_t i = 0; i < check_part_count(lock); i++) {
        const struct lock_object part = check_part(lock, i);
        for (size_t j = 0; j < part.scope.target_count; j++) {
            const struct resource *resource = part.scope.targets[j].resource;
            if (!resource || resource->declared.file == SPAN_NOWHERE || part.scope.targets[j].subresource ||
                !text_has_word(resource->subresources, "scale") || check_holds_scale(checking, lock, &part, resource))
                continue;
            diag_report(checking->diags, DIAG_SUBRESOURCES_OPEN, lock->span,
                        "lock '%s' does not see requests for %s/scale, which may write another field than "
                        "spec.replicas",
                        lock->name, resource->plural);
            diag_help(checking->diags,
                      "deny scale as well, in a lock of its own; or if its definition names spec.replicas: allow %s",
                      diag_info(DIAG_SUBRESOURCES_OPEN)->code);
            return;
        }
    }
}

// ---- what lies around the locked objects ----

#define RBAC_BINDINGS "rbac.authorization.k8s.io", "clusterrolebindings"

// Labels that controllers put on what they make; the template of whoever wrote the workload lacks them.
static const char added_labels[] =
    "apps.kubernetes.io/pod-index batch.kubernetes.io/controller-uid batch.kubernetes.io/job-completion-index "
    "batch.kubernetes.io/job-name controller-revision-hash controller-uid job-name pod-template-generation "
    "pod-template-hash statefulset.kubernetes.io/pod-name";

// Such a label without which nothing is selected; NULL where there is none.
static const char *needed_label(const struct formula *expr) {
    if (expr->kind == FORMULA_LABEL) return text_has_word(added_labels, expr->key) ? expr->key : NULL;
    if (expr->kind != FORMULA_AND && expr->kind != FORMULA_OR) return NULL;
    const char *needed = NULL;
    for (size_t i = 0; i < expr->operand_count; i++) {
        const char *label = needed_label(expr->operands[i]);
        if (!label && expr->kind == FORMULA_OR) return NULL;
        if (label) needed = label;
    }
    return needed;
}

// Whether the workloads that own such objects of the part are held. Where labels say which are meant, one kind of them
// is taken for the right one; else it may be any kind.
static bool is_owner_held(const struct checking *checking, const struct lock *lock, const struct lock_object *part,
                          const struct resource *owned) {
    // Jobs have owners in cron jobs alone, whose templates are elsewhere.
    const bool by_template = formula_is_by_labels(part->selects) && !needed_label(part->selects);
    if (by_template && check_has_derived(checking, lock, ORIGIN_GUARD_OWNERS)) return true;
    size_t owners = 0, held = 0;
    for (size_t i = 0; i < kube_workload_count; i++) {
        const struct surrounding *workload = &checking->around.workloads[i];
        bool owns = false;
        for (size_t j = 0; j < workload->owned_count; j++) owns |= workload->owned[j] == owned;
        owners += owns;
        // Who passes is made to delete by a change as well.
        held += owns && check_holds_alike(checking, lock, part, workload->itself, by_template) &&
                (lock->exemption != EXEMPT_CONTROLLERS ||
                 check_holds_changes(checking, lock, part, workload->itself, by_template));
    }
    return by_template ? held > 0 : held == owners;
}

static bool has_wildcard_for(const struct object_scope *scope, const struct resource *resource) {
    for (size_t i = 0; i < scope->target_count; i++)
        if (scope->targets[i].resource == resource) return false;
    return true;
}

static void report_owners(const struct checking *checking, const struct lock *lock, const struct lock_object *part,
                          const struct resource *owned) {
    diag_report(checking->diags, DIAG_CONTROLLER_NOT_LOCKED, lock->span,
                "lock '%s' holds %s, and not every workload that owns them is held", lock->name, owned->plural);
    const char *code = diag_info(DIAG_CONTROLLER_NOT_LOCKED)->code, *label = needed_label(part->selects);
    if (label)
        diag_help(checking->diags,
                  "controllers add the label '%s' themselves: lock the workload, by its name or labels, and accept it: "
                  "allow %s",
                  label, code);
    else if (formula_is_by_labels(part->selects) && !has_wildcard_for(&part->scope, owned))
        diag_help(checking->diags,
                  lock->part_count ? "write a lock with 'guard owners' for each object, or accept it: allow %s"
                                   : "add 'guard owners', lock the workloads, or accept it: allow %s",
                  code);
    else if (part->selects->kind == FORMULA_TRUE)
        diag_help(checking->diags, "lock every kind of workload there as well, all objects; or accept it: allow %s",
                  code);
    else
        diag_help(checking->diags,
                  "lock the workloads that own them, by their names or labels, and accept it: allow %s", code);
}

// Whether nothing but workloads is known to own such objects.
static bool is_of_workloads(const struct checking *checking, const struct lock *lock) {
    size_t owned = 0;
    for (size_t i = 0; i < lock->scope.target_count; i++) {
        bool found = false;
        for (size_t j = 0; j < kube_workload_count && !found; j++)
            for (size_t k = 0; k < checking->around.workloads[j].owned_count && !found; k++)
                found = checking->around.workloads[j].owned[k] == lock->scope.targets[i].resource;
        owned += found;
    }
    return owned == lock->scope.target_count;
}

// What anything else owns goes with it, through the garbage collector.
static void check_any_owner(const struct checking *checking, const struct lock *lock) {
    if (lock->guard_owners || lock->exemption == EXEMPT_NONE || is_of_workloads(checking, lock)) return;
    const struct target *target = &lock->scope.targets[0];
    const bool one = target->resource && lock->scope.target_count == 1;
    diag_report(checking->diags, DIAG_CONTROLLER_NOT_LOCKED, lock->span,
                "lock '%s' lets %s be deleted with an object that owns them", lock->name,
                one ? target->resource->plural : "its objects");
    diag_help(checking->diags, "add 'guard owners', or accept it: allow %s",
              diag_info(DIAG_CONTROLLER_NOT_LOCKED)->code);
}

// Whose pods, jobs or replica sets go with a workload that nobody locks; and all others whose owners nobody knows.
static void check_owners(const struct checking *checking, const struct lock *lock) {
    for (size_t i = 0; i < check_part_count(lock); i++) {
        const struct lock_object part = check_part(lock, i);
        for (size_t j = 0; j < kube_workload_count; j++) {
            const struct surrounding *workload = &checking->around.workloads[j];
            for (size_t k = 0; k < workload->owned_count; k++)
                if (check_takes_in(&part.scope, workload->owned[k]) &&
                    !is_owner_held(checking, lock, &part, workload->owned[k])) {
                    report_owners(checking, lock, &part, workload->owned[k]);
                    return;
                }
        }
    }
    check_any_owner(checking, lock);
}

static void report_children(const struct checking *checking, const struct lock *lock, const struct lock_object *part,
                            const struct surrounding *workload, const struct resource *owned) {
    diag_report(checking->diags, DIAG_CHILDREN_NOT_LOCKED, lock->span,
                "lock '%s' holds %s, and nothing holds the %s that they own", lock->name, workload->itself->plural,
                owned->plural);
    const char *code = diag_info(DIAG_CHILDREN_NOT_LOCKED)->code;
    if (part->selects->kind == FORMULA_TRUE) {
        struct text all;
        text_init(&all, checking->arena);
        for (size_t i = 0; i < workload->owned_count; i++)
            text_printf(&all, "%s%s", i ? ", " : "", workload->owned[i]->plural);
        diag_help(checking->diags, "lock all %s there as well, or accept it: allow %s", text_string(&all), code);
    } else if (!formula_is_by_labels(part->selects)) {
        diag_help(checking->diags, "lock what they own by its labels, in a lock of its own, and accept it: allow %s",
                  code);
    } else {
        const bool cascades = !lock->part_count && !lock->path_count && !lock->requires &&
                              !has_wildcard_for(&part->scope, workload->itself);
        diag_help(checking->diags, "%s, or accept it: allow %s",
                  cascades ? "add 'cascade'" : "lock what they own by the same labels", code);
    }
}

static void check_children(const struct checking *checking, const struct lock *lock) {
    if (check_has_derived(checking, lock, ORIGIN_CASCADE)) return;
    for (size_t i = 0; i < check_part_count(lock); i++) {
        const struct lock_object part = check_part(lock, i);
        for (size_t j = 0; j < kube_workload_count; j++) {
            const struct surrounding *workload = &checking->around.workloads[j];
            const bool by_labels = formula_is_by_labels(part.selects);
            if (!check_takes_in(&part.scope, workload->itself)) continue;
            for (size_t k = 0; k < workload->owned_count; k++)
                if (!check_holds_alike(checking, lock, &part, workload->owned[k], by_labels)) {
                    report_children(checking, lock, &part, workload, workload->owned[k]);
                    return;
                }
        }
    }
}

// Whether the group is one of the API server's own, which has no definitions.
static bool is_built_in(const char *group) {
    size_t count;
    const struct resource *resources = catalog_built_in(&count);
    for (size_t i = 0; i < count; i++)
        if (strcmp(resources[i].group, group) == 0) return true;
    return false;
}

// What has definitions that nobody keeps; NULL where there is nothing of the kind.
static const char *open_definition(const struct checking *checking, const struct lock *lock,
                                   const struct target *target) {
    struct arena *arena = checking->arena;
    const struct resource *definitions = checking->around.definitions;
    if (!target->resource && !target->group) {
        const char *scope = lock->scope.where == IN_CLUSTER ? "scope Cluster" : "scope Namespaced";
        return check_holds_object(checking, lock, definitions, scope) ? NULL : "definitions of custom resources";
    }
    if (target->resource ? target->resource->declared.file == SPAN_NOWHERE : is_built_in(target->group)) return NULL;
    if (check_holds_object(checking, lock, definitions, arena_printf(arena, "group %s", target->group))) return NULL;
    if (!target->resource) return arena_printf(arena, "definitions of *.%s", target->group);
    const char *name = arena_printf(arena, "name %s", catalog_name(arena, target->resource));
    return check_holds_object(checking, lock, definitions, name)
               ? NULL
               : arena_printf(arena, "definition of %s", target->resource->plural);
}

static void check_definitions(const struct checking *checking, const struct lock *lock) {
    const char *open = NULL;
    if (check_has_derived(checking, lock, ORIGIN_GUARD_CRD)) return;
    for (size_t i = 0; i < lock->scope.target_count && !open; i++)
        open = open_definition(checking, lock, &lock->scope.targets[i]);
    if (!open) return;
    diag_report(checking->diags, DIAG_DEFINITION_NOT_GUARDED, lock->span,
                "lock '%s' does not keep the %s, with which all of them go", lock->name, open);
    diag_help(checking->diags, "add 'guard crd', or accept it: allow %s", diag_info(DIAG_DEFINITION_NOT_GUARDED)->code);
}

// The namespace of the part that nobody keeps; "" for others than named ones, NULL where all are kept.
static const char *open_namespace(const struct checking *checking, const struct lock *lock,
                                  const struct object_scope *scope) {
    switch (scope->where) {
    case IN_CLUSTER: return NULL;
    case IN_ANY_NAMESPACE: return check_holds_object(checking, lock, checking->around.namespaces, NULL) ? NULL : "";
    case IN_LABELED_NAMESPACES: return check_holds_labeled(checking, lock, scope->namespace_selector) ? NULL : "";
    case IN_NAMESPACES: break;
    }
    for (size_t i = 0; i < scope->namespace_count; i++)
        if (!check_holds_namespace(checking, lock, scope->namespaces[i])) return scope->namespaces[i];
    return NULL;
}

static void check_namespaces(const struct checking *checking, const struct lock *lock) {
    const char *open = NULL;
    bool any = false;
    if (check_has_derived(checking, lock, ORIGIN_GUARD_NAMESPACE)) return;
    for (size_t i = 0; i < check_part_count(lock); i++) {
        const struct lock_object part = check_part(lock, i);
        if (!open) open = open_namespace(checking, lock, &part.scope);
        any |= part.scope.where == IN_ANY_NAMESPACE;
    }
    if (!open) return;
    const char *which = *open ? arena_printf(checking->arena, " '%s'", open) : "";
    diag_report(checking->diags, DIAG_NAMESPACE_NOT_GUARDED, lock->span,
                "lock '%s' does not keep the namespace%s, with which its objects go", lock->name, which);
    diag_help(checking->diags,
              any ? "lock the namespaces, all objects, or accept it: allow %s"
                  : "add 'guard namespace', or accept it: allow %s",
              diag_info(DIAG_NAMESPACE_NOT_GUARDED)->code);
}

static void check_deputies(struct checking *checking, const struct lock *lock) {
    if (!(lock->mode & MODE_DENY) || !(lock->acts & ACT_SCALE) || !lock->covers[SHAPE_SCALE] ||
        lock->exemption != EXEMPT_CONTROLLERS || check_has_derived(checking, lock, ORIGIN_AUTOSCALERS))
        return;
    // Changing those that are there is one way, making another is the other. One scales in its own namespace alone.
    bool held = true;
    for (size_t i = 0; i < check_part_count(lock) && held; i++) {
        const struct lock_object part = check_part(lock, i);
        held =
            part.scope.where == IN_CLUSTER || check_holds_writes(checking, lock, &part, checking->around.autoscalers);
    }
    if (held) return;
    // What a guard adds is said once with its lock.
    const char *said = arena_printf(checking->arena, "%s %s", lock->policy, lock->name);
    if (map_get(&checking->scaled, said)) return;
    map_set(&checking->scaled, said, checking);
    diag_report(checking->diags, DIAG_SCALED_BY_DEPUTY, lock->span,
                "whoever writes an autoscaler scales what lock '%s' holds", lock->name);
    diag_help(checking->diags,
              "lock all horizontalpodautoscalers there as well, create and update, or accept it: allow %s",
              diag_info(DIAG_SCALED_BY_DEPUTY)->code);
}

// An account, or all of a namespace, is said once, at the first of its locks that does not accept it; check sees to
// that.
static void check_seal(const struct checking *checking, const struct lock *lock, const char *name) {
    size_t len;
    const char *namespace = account_namespace(name, &len);
    if (!namespace || map_get(&checking->sealed, name)) return;
    const char *all = account_group(checking->arena, arena_copy(checking->arena, namespace, len));
    if (map_get(&checking->sealed, all)) return;
    const bool group = account_is_group(name);
    diag_report(
        checking->diags, DIAG_ACTOR_NOT_SEALED, lock->span,
        group ? "whoever can become one of '%s' passes as it does" : "whoever can become '%s' passes as it does", name);
    diag_help(checking->diags, "declare it an actor that is 'sealed', or accept it: allow %s",
              diag_info(DIAG_ACTOR_NOT_SEALED)->code);
}

// Those that the formula asks for.
static void check_seals_in(const struct checking *checking, const struct lock *lock, const struct formula *expr) {
    const bool names = (expr->kind == FORMULA_USER && expr->compare == CMP_IN) || expr->kind == FORMULA_GROUP;
    for (size_t i = 0; names && i < expr->value_count; i++) check_seal(checking, lock, expr->values[i]->as.string);
    for (size_t i = 0; i < expr->operand_count && expr->kind != FORMULA_NOT; i++)
        check_seals_in(checking, lock, expr->operands[i]);
}

static void check_seals_of(const struct checking *checking, const struct lock *lock, const struct subjects *subjects) {
    for (size_t i = 0; i < subjects->user_count; i++) check_seal(checking, lock, subjects->users[i]);
    for (size_t i = 0; i < subjects->group_count; i++) check_seal(checking, lock, subjects->groups[i]);
    for (size_t i = 0; i < subjects->other_count; i++) check_seals_in(checking, lock, subjects->others[i]);
}

// Of derived locks those on RBAC, whom those behind `sealed by` and deployers pass as well.
static void check_seals(const struct checking *checking, const struct lock *lock) {
    if (!(lock->mode & MODE_DENY) || (lock->origin && !covers(&lock->scope, RBAC_BINDINGS))) return;
    check_seals_of(checking, lock, &lock->passes);
    check_seals_of(checking, lock, &lock->glass);
}

static void check_rights(const struct checking *checking, const struct lock *lock) {
    if (!lock_asks_authorizer(lock)) return;
    diag_report(checking->diags, DIAG_ADMINISTRATORS_PASS, lock->span,
                "whoever may do everything passes lock '%s': cluster-admin and system:masters do", lock->name);
    diag_help(checking->diags, "name the actors, or accept it: allow %s", diag_info(DIAG_ADMINISTRATORS_PASS)->code);
}

// ---- what is said of objects ----

// Built-in resources whose status others go by.
static const struct {
    const char *group, *plural, *says;
} statuses[] = {
    {"", "nodes", "addresses, conditions and capacity"},
    {"", "pods", "addresses and readiness"},
    {"", "resourcequotas", "what is used"},
    {"", "services", "the addresses of load balancers"},
    {"apiextensions.k8s.io", "customresourcedefinitions", "accepted names and stored versions"},
    {"apiregistration.k8s.io", "apiservices", "whether it is available"},
    {"certificates.k8s.io", "certificatesigningrequests", "the certificate"},
    {"networking.k8s.io", "ingresses", "the addresses of load balancers"},
    {"policy", "poddisruptionbudgets", "how many pods may be evicted"},
    {"resource.k8s.io", "resourceclaims", "the devices that are allocated"},
    {"storage.k8s.io", "volumeattachments", "whether it is attached"},
};

static const char *what_status_says(const struct resource *resource) {
    for (size_t i = 0; resource && i < sizeof statuses / sizeof *statuses; i++)
        if (strcmp(statuses[i].group, resource->group) == 0 && strcmp(statuses[i].plural, resource->plural) == 0)
            return statuses[i].says;
    return NULL;
}

// A lock on changes of the whole of such an object, where the status can be written all the same.
static void check_status(const struct checking *checking, const struct lock *lock) {
    if (lock->scope.subresource || !(lock->denies & OP_UPDATE) || lock->path_count) return;
    for (size_t i = 0; i < check_part_count(lock); i++) {
        const struct lock_object part = check_part(lock, i);
        for (size_t j = 0; j < part.scope.target_count; j++) {
            const struct resource *resource = part.scope.targets[j].resource;
            const char *says = part.scope.targets[j].subresource ? NULL : what_status_says(resource);
            if (!says || check_holds_status(checking, lock, &part, resource)) continue;
            diag_report(checking->diags, DIAG_STATUS_NOT_LOCKED, lock->span,
                        "lock '%s' leaves the status of %s to whoever may write it: %s", lock->name, resource->plural,
                        says);
            diag_help(checking->diags,
                      "name %s/status among the resources as well, with 'exempt controllers', or accept it: allow %s",
                      catalog_name(checking->arena, resource), diag_info(DIAG_STATUS_NOT_LOCKED)->code);
            return;
        }
    }
}

static bool names_account(const struct formula *expr) {
    const char *name = expr->value_count && expr->values[0]->kind == VALUE_STRING ? expr->values[0]->as.string : "";
    bool names = account_is_user(name) || account_is_group(name);
    for (size_t i = 0; i < expr->operand_count && !names; i++) names = names_account(expr->operands[i]);
    return names;
}

// The status of custom resources is locked with the rest, and somebody has to write it.
static void check_operator(const struct checking *checking, const struct lock *lock) {
    const struct subjects *passes = &lock->passes;
    bool passed = false;
    for (size_t i = 0; i < passes->user_count; i++) passed |= account_is_user(passes->users[i]);
    for (size_t i = 0; i < passes->group_count; i++) passed |= account_is_group(passes->groups[i]);
    for (size_t i = 0; i < passes->other_count; i++) passed |= names_account(passes->others[i]);
    if (!lock->implied || passed) return;
    diag_report(checking->diags, DIAG_STATUS_WITHOUT_OPERATOR, lock->span,
                "lock '%s' holds the status of %s as well, and no service account passes it", lock->name,
                lock->scope.targets[0].name);
    diag_help(
        checking->diags,
        "name their operator: exempt serviceaccount NAMESPACE/NAME; or say which fields are meant: changing spec; "
        "or accept it: allow %s",
        diag_info(DIAG_STATUS_WITHOUT_OPERATOR)->code);
}

static const char *open_label(const struct checking *checking, const struct lock *lock, const struct formula *expr) {
    if (expr->kind == FORMULA_NAMESPACE_LABEL && !expr->frozen)
        return check_holds_label(checking, lock, expr->key) ? NULL : expr->key;
    const char *open = NULL;
    for (size_t i = 0; i < expr->operand_count && !open; i++) open = open_label(checking, lock, expr->operands[i]);
    return open;
}

// What `when` asks of the namespace, somebody may change there.
static void check_namespace_labels(const struct checking *checking, const struct lock *lock) {
    const char *open = open_label(checking, lock, lock->condition);
    if (!open || check_has_derived(checking, lock, ORIGIN_GUARD_NAMESPACE_LABELS)) return;
    diag_report(checking->diags, DIAG_CONDITION_NOT_GUARDED, lock->span,
                "lock '%s' holds by the label '%s' of the namespace, which whoever may write the namespace changes",
                lock->name, open);
    diag_help(checking->diags,
              lock->scope.where == IN_ANY_NAMESPACE
                  ? "select the namespaces by it, with 'guard namespace': namespace labeled …; or accept it: allow %s"
                  : "add 'guard namespace', or accept it: allow %s",
              diag_info(DIAG_CONDITION_NOT_GUARDED)->code);
}

static void check_surroundings(const struct checking *checking, const struct lock *lock) {
    if (!(lock->mode & MODE_DENY)) return;
    check_rights(checking, lock);
    check_status(checking, lock);
    check_operator(checking, lock);
    if (!lock->scope.subresource) check_namespace_labels(checking, lock);
    check_commanded(checking, lock);
    if (lock->scope.subresource || !(lock->denies & OP_DELETE)) return;
    check_owners(checking, lock);
    check_children(checking, lock);
    check_definitions(checking, lock);
    check_namespaces(checking, lock);
    check_volumes(checking, lock);
    check_claims(checking, lock);
    check_scaled_away(checking, lock);
}

// ---- locks against each other ----

static bool share_name(const char **a, size_t a_count, const char **b, size_t b_count) {
    for (size_t i = 0; i < a_count; i++)
        for (size_t j = 0; j < b_count; j++)
            if (strcmp(a[i], b[j]) == 0) return true;
    return false;
}

// NULL stands for everything.
static bool same_text(const char *a, const char *b) {
    return a && b ? strcmp(a, b) == 0 : a == b;
}

static bool scopes_meet(const struct object_scope *a, const struct object_scope *b) {
    if (a->where != b->where) return false;
    if (a->where == IN_NAMESPACES && !share_name(a->namespaces, a->namespace_count, b->namespaces, b->namespace_count))
        return false;
    for (size_t i = 0; i < a->target_count; i++)
        for (size_t j = 0; j < b->target_count; j++)
            if (same_text(a->targets[i].group, b->targets[j].group) &&
                same_text(a->targets[i].name, b->targets[j].name))
                return true;
    return false;
}

// Only exact names are compared: a user may well be in a group, or carry a uid.
static bool contradict(const struct lock *a, const struct lock *b) {
    const bool comparable = a->exclusive.user_count && b->exclusive.user_count && !a->exclusive.group_count &&
                            !b->exclusive.group_count && !a->exclusive.other_count && !b->exclusive.other_count;
    return comparable && (a->denies & b->denies) && (a->mode & b->mode & MODE_DENY) &&
           a->condition->kind == FORMULA_TRUE && b->condition->kind == FORMULA_TRUE &&
           scopes_meet(&a->scope, &b->scope) &&
           !share_name(a->exclusive.users, a->exclusive.user_count, b->exclusive.users, b->exclusive.user_count);
}

struct bucket {
    const struct lock **locks;
    size_t count;
};

// Locks of the same selection whose actors have nobody in common.
static void check_contradictions(const struct checking *checking) {
    enum { COMPARED = 50 };
    struct map buckets;
    map_init(&buckets, checking->arena);
    for (size_t i = 0; i < checking->policies->lock_count; i++) {
        const struct lock *lock = checking->policies->locks[i];
        if (lock->origin || !lock->exclusive.user_count) continue;
        const char *key = check_formula(checking->arena, lock->selects);
        struct bucket *bucket = map_get(&buckets, key);
        if (!bucket) map_set(&buckets, key, bucket = ARENA_NEW(checking->arena, struct bucket));
        for (size_t j = 0; j < bucket->count && j < COMPARED; j++) {
            const struct lock *other = bucket->locks[j];
            if (!contradict(lock, other)) continue;
            const bool later = lock->span.file != other->span.file || lock->span.begin > other->span.begin;
            const struct lock *at = later ? lock : other, *first = later ? other : lock;
            diag_report(checking->diags, DIAG_NOBODY_CAN_ACT, at->span,
                        "nobody can act on what locks '%s' and '%s' both hold", first->name, at->name);
            diag_relate(checking->diags, first->span, "exclusive to others");
            diag_help(checking->diags, "every lock must be satisfied: for either actor, write one lock with both");
            break;
        }
        ARENA_PUSH(checking->arena, bucket->locks, bucket->count, lock);
    }
}

static void check_versions(const struct checking *checking, const struct lock *lock) {
    for (size_t i = 0; i < lock->scope.target_count && lock_reads_fields(lock); i++) {
        const struct target *target = &lock->scope.targets[i];
        const unsigned since = target->resource ? catalog_served_since(target->resource) : 0;
        if (since <= checking->minor || (target->version && strcmp(target->version, target->resource->version) != 0))
            continue;
        diag_report(checking->diags, DIAG_VERSION_NOT_SERVED, target->span,
                    "lock '%s' sees nothing of %s/%s on servers before 1.%u", lock->name,
                    catalog_name(checking->arena, target->resource), target->resource->version, since);
        diag_help(checking->diags, "name the version that they have, or compile with --kubernetes 1.%u", since);
    }
}

static bool is_before(struct span a, struct span b) {
    return a.file < b.file || (a.file == b.file && a.begin < b.begin);
}

// ---- once a policy: who else passes by a name ----

// Whether some controller may do to the objects what the lock denies.
static bool lets_controllers(const struct checking *checking, const struct lock *lock) {
    for (size_t i = 0; i < kube_exemption_count; i++) {
        const struct kube_exemption *exemption = &kube_exemptions[i];
        const bool collects = strcmp(exemption->user, KUBE_GARBAGE_COLLECTOR) == 0, own = !lock->scope.subresource;
        const bool reaches =
            *exemption->subresources == '*' || (own ? !*exemption->subresources || *exemption->subresources == ' '
                                                    : text_has_word(exemption->subresources, lock->scope.subresource));
        const unsigned operations = collects ? lock->guard_owners ? 0u : (unsigned)OP_DELETE : exemption->operations;
        if (exemption->level <= lock->exemption && (operations & lock->denies) && reaches &&
            exemption->limit != ONLY_TERMINATING && account_is_user(exemption->user) &&
            (!exemption->namespace || scope_may_be_in(&lock->scope, exemption->namespace)) &&
            (!exemption->resource ||
             (checking->around.exempted[i] && check_takes_in(&lock->scope, checking->around.exempted[i]))))
            return true;
    }
    return false;
}

static bool names_users(const struct formula *expr) {
    const char *name = expr->value_count && expr->values[0]->kind == VALUE_STRING ? expr->values[0]->as.string : "";
    bool names = (expr->kind == FORMULA_USER && !account_is_user(name)) ||
                 (expr->kind == FORMULA_GROUP && !account_is_group(name));
    for (size_t i = 0; i < expr->operand_count && expr->kind != FORMULA_NOT && !names; i++)
        names = names_users(expr->operands[i]);
    return names;
}

// A user or group among them that is no service account: the name of one, or what stands for it; NULL where there is
// none.
static const char *some_user(const struct subjects *subjects) {
    for (size_t i = 0; i < subjects->user_count; i++)
        if (!account_is_user(subjects->users[i])) return subjects->users[i];
    for (size_t i = 0; i < subjects->group_count; i++)
        if (!account_is_group(subjects->groups[i])) return subjects->groups[i];
    for (size_t i = 0; i < subjects->other_count; i++)
        if (names_users(subjects->others[i])) return "an actor";
    return NULL;
}

static const char *user_of(const struct lock *lock) {
    const char *user = some_user(&lock->passes);
    return user ? user : some_user(&lock->glass);
}

// For each policy, the first of its locks of which something holds.
static void note_first(struct map *firsts, struct lock *lock) {
    const struct lock *first = map_get(firsts, lock->policy);
    if (!first || is_before(lock->span, first->span)) map_set(firsts, lock->policy, lock);
}

static void report_controllers(const struct checking *checking, const struct lock *lock) {
    diag_report(checking->diags, DIAG_CONTROLLERS_NOT_GUARDED, lock->span,
                "whoever can become a controller passes the locks of policy '%s' that let it pass", lock->policy);
    diag_help(checking->diags, "add 'guard controllers' to one of them, or accept it: allow %s",
              diag_info(DIAG_CONTROLLERS_NOT_GUARDED)->code);
}

static void report_certificates(const struct checking *checking, const struct lock *lock) {
    const char *code = diag_info(DIAG_CERTIFICATES_NOT_GUARDED)->code;
    diag_report(checking->diags, DIAG_CERTIFICATES_NOT_GUARDED, lock->span,
                "whoever has a client certificate signed passes lock '%s' as '%s'", lock->name, user_of(lock));
    diag_help(checking->diags,
              "add 'guard certificates', or withhold csr/approval, signers and bootstrap tokens by RBAC and accept it: "
              "allow %s",
              code);
}

// A lock on approval, where what asks for a kubelet's certificate needs none.
static void check_approval(const struct checking *checking, const struct lock *lock) {
    if (!lock->scope.subresource || strcmp(lock->scope.subresource, "approval") != 0 || !(lock->mode & MODE_DENY) ||
        !(lock->denies & OP_UPDATE) || check_has_derived(checking, lock, ORIGIN_GUARD_CERTIFICATES) ||
        check_holds_signing(checking, lock))
        return;
    diag_report(checking->diags, DIAG_APPROVES_ITSELF, lock->span,
                "lock '%s' keeps others from approving certificates, and those of kubelets need no approval",
                lock->name);
    diag_help(checking->diags,
              "deny create as well, of requests for the signers kubernetes.io/kube-apiserver-client and "
              "kubernetes.io/kube-apiserver-client-kubelet, as 'guard certificates' does; or accept it: allow %s",
              diag_info(DIAG_APPROVES_ITSELF)->code);
}

static void check_identities(const struct checking *checking) {
    const struct policies *policies = checking->policies;
    struct map controllers, users, keeps, told;
    map_init(&controllers, checking->arena);
    map_init(&users, checking->arena);
    map_init(&keeps, checking->arena); // policies of which it is said, or where certificates are guarded
    map_init(&told, checking->arena);
    for (size_t i = 0; i < policies->lock_count; i++) {
        struct lock *lock = policies->locks[i];
        if (!(lock->mode & MODE_DENY)) continue;
        // K0220 says it of sealed actors.
        if (lock->origin == ORIGIN_GUARD_CERTIFICATES || lock->seals_actor) map_set(&keeps, lock->policy, lock);
        if (lock->origin) continue;
        if (lets_controllers(checking, lock)) note_first(&controllers, lock);
        if (user_of(lock)) note_first(&users, lock);
    }
    for (size_t i = 0; i < policies->lock_count; i++) {
        const char *policy = policies->locks[i]->policy;
        const struct lock *let = map_get(&controllers, policy), *named = map_get(&users, policy);
        if (map_get(&told, policy)) continue;
        map_set(&told, policy, policies->locks[i]);
        if (let && !map_get(&checking->sealed, KUBE_GARBAGE_COLLECTOR)) report_controllers(checking, let);
        if (named && !map_get(&keeps, policy)) report_certificates(checking, named);
    }
}

void check_locks(struct checking *checking) {
    check_index_holds(checking);
    map_init(&checking->sealed, checking->arena);
    map_init(&checking->scaled, checking->arena);
    map_init(&checking->crowded, checking->arena);
    for (size_t i = 0; i < checking->policies->sealed_count; i++)
        map_set(&checking->sealed, checking->policies->sealed[i], checking);
    for (size_t i = 0; i < checking->policies->lock_count; i++) {
        const struct lock *lock = checking->policies->locks[i];
        check_subresources(checking, lock);
        check_scale_of_custom(checking, lock);
        check_deputies(checking, lock);
        check_seals(checking, lock);
        check_surplus(checking, lock);
        if (lock->origin) continue;
        check_reads(checking, lock);
        check_starvation(checking, lock);
        check_requirement(checking, lock);
        check_policies(checking, lock);
        check_left_out(checking, lock);
        check_versions(checking, lock);
        check_approval(checking, lock);
        check_surroundings(checking, lock);
    }
    check_contradictions(checking);
    check_identities(checking);
}
