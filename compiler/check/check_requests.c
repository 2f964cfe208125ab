// Requests that a lock does not see: for subresources, and for the status of its objects.
#include <string.h>

#include "base/arena.h"
#include "base/text.h"
#include "check/check_internal.h"
#include "kubernetes/catalog.h"
#include "report/diag.h"

// Requests that reach the locked object by a subresource whose own object carries no labels.
void check_subresources(struct checking *checking, const struct lock *lock) {
    struct text open;
    text_init(&open, checking->arena);
    for (size_t i = 0; i < lock->scope.target_count; i++)
        for (size_t j = 0; j < kube_act_count; j++) {
            const struct target *target = &lock->scope.targets[i];
            const struct kube_act *act = &kube_acts[j];
            const bool denied = (lock->acts & act->act) || (act->act == ACT_SCALE && lock_requires_replicas(lock) &&
                                                            lock->scope.where != IN_CLUSTER);
            const enum cover cover = lock->covers[act->shape];
            // What a wildcard has beside pods cannot be looked up.
            const bool covered = cover == COVER_BY_NAME ||
                                 (cover == COVER_BY_PARAMS && (target->resource || act->shape == SHAPE_EVICTIONS));
            if (!denied || covered) continue;
            const bool has = target->resource ? text_has_word(target->resource->subresources, act->subresource)
                                              : !check_has_derived(checking, lock, ORIGIN_REACHED);
            if (has)
                text_printf(&open, "%s%s/%s", open.len ? ", " : "", target->resource ? target->name : "*",
                            act->subresource);
        }
    if (!open.len) return;
    diag_report(checking->diags, DIAG_SUBRESOURCES_OPEN, lock->span, "lock '%s' does not see requests for %s",
                lock->name, text_string(&open));
    diag_help(checking->diags, "withhold them with RBAC, or write: accept %s", diag_info(DIAG_SUBRESOURCES_OPEN)->name);
}

// ---- /scale of custom resources, which writes the field that their definition names ----

static bool is_below_spec(const struct field_path *path) {
    return path->variable < 0 && path->count && path->segments[0].key && strcmp(path->segments[0].key, "spec") == 0;
}

// Whether the field is the one that /scale writes, or above or below it; where no definition says which that is, any
// below spec but spec.replicas, which locks see.
static bool may_be_scaled(const struct field_path *path, const char *replicas) {
    if (!is_below_spec(path) || path_is_replicas(path)) return false;
    for (size_t i = 0; *replicas && i < path->count; i++) {
        const char *key = path->segments[i].key;
        const size_t len = strcspn(replicas, ".");
        if (!key || strlen(key) != len || memcmp(key, replicas, len) != 0) return false;
        replicas += len + (replicas[len] == '.');
        if (!*replicas) return true;
    }
    return true;
}

static bool reads_scaled(const struct formula *expr, const char *replicas) {
    bool reads = expr && may_be_scaled(&expr->path, replicas);
    for (size_t i = 0; expr && i < expr->operand_count && !reads; i++)
        reads = reads_scaled(expr->operands[i], replicas);
    return reads;
}

// Whether the lock is about a field that might be the one, and lets /scale be written all the same.
static bool misses_scale(const struct lock *lock, const char *replicas) {
    if (!(lock->mode & MODE_DENY) || lock->scope.subresource || (lock->acts & ACT_SCALE)) return false;
    if (strcmp(replicas, "spec.replicas") == 0) return false;
    if (reads_scaled(lock->requires, replicas)) return true;
    bool names = false;
    for (size_t i = 0; i < lock->path_count && !lock->all_but_paths && !names; i++)
        names = may_be_scaled(&lock->paths[i], replicas);
    return names && (lock->denies & OP_UPDATE);
}

void check_scale_of_custom(struct checking *checking, const struct lock *lock) {
    for (size_t i = 0; i < check_part_count(lock); i++) {
        const struct lock_object part = check_part(lock, i);
        for (size_t j = 0; j < part.scope.target_count; j++) {
            const struct resource *resource = part.scope.targets[j].resource;
            if (!resource || resource->built_in || part.scope.targets[j].subresource ||
                !text_has_word(resource->subresources, "scale") || !misses_scale(lock, resource->replicas) ||
                check_holds_scale(checking, lock, &part, resource))
                continue;
            const char *named = diag_info(DIAG_SUBRESOURCES_OPEN)->name;
            diag_report(checking->diags, DIAG_SUBRESOURCES_OPEN, lock->span,
                        "lock '%s' does not see requests for %s/scale, which %s", lock->name, resource->plural,
                        *resource->replicas ? arena_printf(checking->arena, "write %s", resource->replicas)
                                            : "may write a field other than spec.replicas");
            if (*resource->replicas)
                diag_help(checking->diags, "deny scale as well, in a separate lock, or write: accept %s", named);
            else
                diag_help(checking->diags,
                          "deny scale as well, in a separate lock; or, if its definition names spec.replicas: "
                          "accept %s",
                          named);
            return;
        }
    }
}

// ---- the status, which another request writes ----

// A lock on changes of the whole of such an object, where the status can be written all the same.
void check_status(struct checking *checking, const struct lock *lock) {
    if (lock->scope.subresource || !(lock->denies & OP_UPDATE) || lock->path_count) return;
    for (size_t i = 0; i < check_part_count(lock); i++) {
        const struct lock_object part = check_part(lock, i);
        for (size_t j = 0; j < part.scope.target_count; j++) {
            const struct resource *resource = part.scope.targets[j].resource;
            const char *says = part.scope.targets[j].subresource || !resource
                                   ? NULL
                                   : kube_status_says(resource->group, resource->plural);
            if (!says || check_holds_status(checking, lock, &part, resource)) continue;
            diag_report(checking->diags, DIAG_STATUS_NOT_LOCKED, lock->span,
                        "lock '%s' does not cover the status of %s, which holds %s", lock->name, resource->plural,
                        says);
            diag_help(checking->diags, "add %s/status to the resources, with 'exempt controllers', or write: accept %s",
                      catalog_name(checking->arena, resource), diag_info(DIAG_STATUS_NOT_LOCKED)->name);
            return;
        }
    }
}
