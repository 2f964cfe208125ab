// What lies around the locked objects: their owners and what they own, their definitions and namespaces, and whoever
// has a controller scale them.
#include <string.h>

#include "base/arena.h"
#include "base/map.h"
#include "base/text.h"
#include "check/check_internal.h"
#include "kubernetes/catalog.h"
#include "report/diag.h"

// ---- owners and what they own ----

// A label that controllers put on what they make, without which nothing is selected; NULL where there is none.
static const char *needed_label(const struct formula *expr) {
    if (expr->kind == FORMULA_LABEL) return kube_is_added_label(expr->key) ? expr->key : NULL;
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
                "lock '%s' does not stop changes to the workloads that own its %s", lock->name, owned->plural);
    const char *code = diag_info(DIAG_CONTROLLER_NOT_LOCKED)->name, *label = needed_label(part->selects);
    if (label)
        diag_help(checking->diags,
                  "controllers add the label '%s' themselves: lock the workload by its name or labels, and write: "
                  "accept %s",
                  label, code);
    else if (formula_is_by_labels(part->selects) && !has_wildcard_for(&part->scope, owned))
        diag_help(checking->diags,
                  lock->part_count ? "write a lock with 'guard owners' for each object, or write: accept %s"
                                   : "add 'guard owners', lock the workloads, or write: accept %s",
                  code);
    else if (part->selects->kind == FORMULA_TRUE)
        diag_help(checking->diags, "lock all objects of every kind of workload there as well, or write: accept %s",
                  code);
    else
        diag_help(checking->diags, "lock the workloads that own them by name or labels, or write: accept %s", code);
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

// Whether the owners are among the objects: all that there is in the namespaces. Hardly anything has an owner outside.
static bool takes_in_owners(const struct lock *lock) {
    bool everything = false;
    if (lock->insiders) return false;
    for (size_t i = 0; i < lock->scope.target_count && lock->scope.where != IN_CLUSTER; i++)
        everything |= !lock->scope.targets[i].resource && !lock->scope.targets[i].group;
    return everything && lock->selects->kind == FORMULA_TRUE;
}

// What anything else owns goes with it, through the garbage collector.
static void check_any_owner(const struct checking *checking, const struct lock *lock) {
    if (lock_stops_collector(checking->arena, lock) || is_of_workloads(checking, lock) || takes_in_owners(lock)) return;
    const struct target *target = &lock->scope.targets[0];
    const bool one = target->resource && lock->scope.target_count == 1;
    const char *what = one ? target->resource->plural : "its objects",
               *code = diag_info(DIAG_CONTROLLER_NOT_LOCKED)->name;
    // Else a condition or actor leaves the collector out, whatever is guarded.
    const bool guard = !lock->guard_owners && lock->exemption != EXEMPT_NONE;
    diag_report(checking->diags, DIAG_CONTROLLER_NOT_LOCKED, lock->span,
                guard ? "lock '%s' lets %s be deleted through their owners"
                      : "lock '%s' lets %s be deleted through their owners: it does not apply to the garbage collector",
                lock->name, what);
    diag_help(checking->diags,
              guard ? "add 'guard owners', or write: accept %s" : "lock their owners as well, or write: accept %s",
              code);
}

// Warns when an unlocked workload owns locked pods, jobs or replica sets, or when the owners of other objects are
// unknown.
void check_owners(struct checking *checking, const struct lock *lock) {
    // Who deletes a workload means its pods, and everything else outlives its owner.
    if (!lock->insiders && (lock->guards & GUARD_OWNERS)) {
        check_any_owner(checking, lock);
        return;
    }
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
                "lock '%s' covers %s, but the %s they own are not locked", lock->name, workload->itself->plural,
                owned->plural);
    const char *code = diag_info(DIAG_CHILDREN_NOT_LOCKED)->name;
    if (part->selects->kind == FORMULA_TRUE) {
        struct text all;
        text_init(&all, checking->arena);
        for (size_t i = 0; i < workload->owned_count; i++)
            text_printf(&all, "%s%s", i ? ", " : "", workload->owned[i]->plural);
        diag_help(checking->diags, "lock all %s there as well, or write: accept %s", text_string(&all), code);
    } else if (!formula_is_by_labels(part->selects)) {
        diag_help(checking->diags, "lock what they own by its labels in another lock, or write: accept %s", code);
    } else {
        const bool cascades = !lock->part_count && !lock->path_count && !lock->requires &&
                              !has_wildcard_for(&part->scope, workload->itself);
        diag_help(checking->diags, "%s, or write: accept %s",
                  cascades ? "add 'cascade'" : "lock what they own by the same labels", code);
    }
}

void check_children(struct checking *checking, const struct lock *lock) {
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
    if (target->resource ? target->resource->built_in : is_built_in(target->group)) return NULL;
    if (check_holds_object(checking, lock, definitions, arena_printf(arena, "group %s", target->group))) return NULL;
    if (!target->resource) return arena_printf(arena, "definitions of *.%s", target->group);
    const char *name = arena_printf(arena, "name %s", catalog_name(arena, target->resource));
    return check_holds_object(checking, lock, definitions, name)
               ? NULL
               : arena_printf(arena, "definition of %s", target->resource->plural);
}

void check_definitions(struct checking *checking, const struct lock *lock) {
    const char *open = NULL;
    if (check_has_derived(checking, lock, ORIGIN_GUARD_CRD)) return;
    for (size_t i = 0; i < lock->scope.target_count && !open; i++)
        open = open_definition(checking, lock, &lock->scope.targets[i]);
    if (!open) return;
    diag_report(checking->diags, DIAG_DEFINITION_NOT_GUARDED, lock->span,
                "the objects of lock '%s' are deleted with the %s", lock->name, open);
    diag_help(checking->diags, "add 'guard crd', or write: accept %s", diag_info(DIAG_DEFINITION_NOT_GUARDED)->name);
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

void check_namespaces(struct checking *checking, const struct lock *lock) {
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
                "the objects of lock '%s' are deleted with the namespace%s", lock->name, which);
    diag_help(checking->diags,
              any ? "lock all namespaces, or write: accept %s" : "add 'guard namespace', or write: accept %s",
              diag_info(DIAG_NAMESPACE_NOT_GUARDED)->name);
}

void check_deputies(struct checking *checking, const struct lock *lock) {
    if (!(lock->mode & MODE_DENY) || !(lock->acts & ACT_SCALE) || !lock->covers[SHAPE_SCALE] ||
        lock->exemption != EXEMPT_CONTROLLERS || check_has_derived(checking, lock, ORIGIN_AUTOSCALERS))
        return;
    // An autoscaler can be changed or created; both must be locked. One scales in its own namespace alone.
    bool held = true;
    for (size_t i = 0; i < check_part_count(lock) && held; i++) {
        const struct lock_object part = check_part(lock, i);
        held =
            part.scope.where == IN_CLUSTER || check_holds_writes(checking, lock, &part, checking->around.autoscalers);
    }
    if (held) return;
    // What a guard adds is said once with its lock.
    const char *said = arena_printf(checking->arena, "%s %s", lock->policy, lock->name);
    if (!set_add(&checking->scaled, said)) return;
    diag_report(checking->diags, DIAG_SCALED_BY_DEPUTY, lock->span,
                "anyone who can create a HorizontalPodAutoscaler can scale objects of lock '%s'", lock->name);
    diag_help(checking->diags,
              "lock create and update of all horizontalpodautoscalers there as well, or write: accept %s",
              diag_info(DIAG_SCALED_BY_DEPUTY)->name);
}

// ---- labels of namespaces ----

static const struct formula *open_name(const struct checking *checking, const struct lock *lock,
                                       const struct subjects *subjects) {
    const struct formula *open = NULL;
    for (size_t i = 0; i < subjects->other_count && !open; i++)
        open = check_open_label(checking, lock, subjects->others[i]);
    return open;
}

// A label of namespaces that gives an actor its name, where nothing keeps it.
static const struct formula *open_actor(const struct checking *checking, const struct lock *lock) {
    if (check_has_derived(checking, lock, ORIGIN_GUARD_NAMESPACE)) return NULL;
    const struct formula *open = open_name(checking, lock, &lock->passes);
    return open ? open : open_name(checking, lock, &lock->break_glass);
}

// A label by which the lock is about a namespace, where nothing keeps it on. What is not to be deleted has to be kept
// from going with the namespace as well: that is said of it, and the same guard does both.
static const struct formula *open_selector(const struct checking *checking, const struct lock *lock) {
    if ((lock->denies & OP_DELETE) || check_has_derived(checking, lock, ORIGIN_GUARD_NAMESPACE)) return NULL;
    const struct formula *open = NULL;
    for (size_t i = 0; i < check_part_count(lock) && !open; i++) {
        const struct lock_object part = check_part(lock, i);
        open = check_open_selector(checking, lock, &part.scope);
    }
    return open;
}

// What is asked of the namespace, somebody may change there, and so what names actors.
void check_namespace_labels(struct checking *checking, const struct lock *lock) {
    const struct formula *open = check_has_derived(checking, lock, ORIGIN_GUARD_NAMESPACE_LABELS)
                                     ? NULL
                                     : check_open_label(checking, lock, lock->condition);
    enum topic topic = ABOUT_CONDITION;
    if (!open && (open = open_selector(checking, lock))) topic = ABOUT_PLACE;
    if (!open && (open = open_actor(checking, lock))) topic = ABOUT_ACTORS;
    if (!open) return;
    diag_report(checking->diags, DIAG_CONDITION_NOT_GUARDED, check_place_of(checking, lock, open, topic),
                "lock '%s' depends on the namespace label '%s', which anyone who can update the namespace can change",
                lock->name, open->key);
    diag_help(checking->diags,
              lock->scope.where == IN_ANY_NAMESPACE
                  ? "select the namespaces by it, with 'guard namespace': namespace labeled …; or write: accept %s"
                  : "add 'guard namespace', or write: accept %s",
              diag_info(DIAG_CONDITION_NOT_GUARDED)->name);
}
