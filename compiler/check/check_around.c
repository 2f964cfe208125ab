// Checks of what others do to locked objects for whoever knows how to have it done.
#include <string.h>

#include "base/arena.h"
#include "base/map.h"
#include "check/check_internal.h"
#include "kubernetes/catalog.h"
#include "report/diag.h"

// ---- claims and volumes ----

void check_volumes(struct checking *checking, const struct lock *lock) {
    if (!check_takes_in(&lock->scope, checking->around.volumes) || check_holds_some_claims(checking, lock)) return;
    diag_report(checking->diags, DIAG_VOLUME_GOES_WITH_CLAIM, lock->span,
                "deleting a claim still deletes the volumes of lock '%s'", lock->name);
    diag_help(checking->diags, "lock persistentvolumeclaims too, or write: accept %s",
              diag_info(DIAG_VOLUME_GOES_WITH_CLAIM)->name);
}

// The other way around: a claim is no better than its volume.
void check_claims(struct checking *checking, const struct lock *lock) {
    if (!check_takes_in(&lock->scope, checking->around.claims) ||
        check_has_derived(checking, lock, ORIGIN_GUARD_VOLUMES) || check_holds_some_volumes(checking, lock))
        return;
    diag_report(checking->diags, DIAG_CLAIM_GOES_WITH_VOLUME, lock->span,
                "the volumes bound to the claims of lock '%s' can still be deleted", lock->name);
    diag_help(checking->diags, "add 'guard volumes', lock persistentvolumes too, or write: accept %s",
              diag_info(DIAG_CLAIM_GOES_WITH_VOLUME)->name);
}

// ---- surplus: controllers take in what has their labels, and delete what is too much ----

// The kinds of which a controller deletes some when it has too many, and has not made all that it counts.
static const struct resource *crowded_kind(const struct checking *checking, const struct object_scope *scope) {
    for (size_t i = 0; i < kube_workload_count; i++) {
        const struct surrounding *workload = &checking->around.workloads[i];
        for (size_t j = 0; j < workload->owned_count; j++)
            if (check_takes_in(scope, workload->owned[j])) return workload->owned[j];
    }
    return NULL;
}

// Said once with the lock, also of what it cascades to.
void check_surplus(struct checking *checking, const struct lock *lock) {
    if (!(lock->mode & MODE_DENY) || lock->scope.subresource || !(lock->denies & OP_DELETE) ||
        lock->exemption != EXEMPT_CONTROLLERS || (lock->origin && lock->origin != ORIGIN_CASCADE))
        return;
    const struct resource *open = NULL;
    for (size_t i = 0; i < check_part_count(lock) && !open; i++) {
        const struct lock_object part = check_part(lock, i);
        const struct resource *kind = crowded_kind(checking, &part.scope);
        if (kind && !check_holds_writes(checking, lock, &part, kind)) open = kind;
    }
    const char *said = arena_printf(checking->arena, "%s %s", lock->policy, lock->name);
    if (!open || !set_add(&checking->crowded, said)) return;
    const char *code = diag_info(DIAG_SURPLUS)->name;
    if (lock->guard_owners) {
        diag_report(
            checking->diags, DIAG_SURPLUS, lock->span,
            "creating pods that match a bare ReplicaSet or ReplicationController makes it delete pods of lock '%s'",
            lock->name);
        diag_help(checking->diags, "lock create and update of all pods there, or write: accept %s", code);
    } else {
        diag_report(checking->diags, DIAG_SURPLUS, lock->span,
                    "creating %s that a controller adopts makes it delete objects of lock '%s'", open->plural,
                    lock->name);
        diag_help(checking->diags, "add 'guard owners', lock create and update of all %s there, or write: accept %s",
                  open->plural, code);
    }
}

// ---- commands: what controllers that pass go by, and others may write ----

const struct check_command check_commands[] = {
#define COMMAND(level, operations, group, plural, given_by, by)                                                        \
    {EXEMPT_##level, operations, group, plural, given_by, by},
#include "kubernetes/commands.def"
#undef COMMAND
};
const size_t check_command_count = sizeof check_commands / sizeof *check_commands;

static bool is_open(const struct checking *checking, const struct lock *lock, size_t index) {
    const struct surrounding *given = &checking->around.commands[index];
    const unsigned update = lock->path_count ? 0 : OP_UPDATE;
    if (check_commands[index].level > lock->exemption || !given->itself ||
        !(check_commands[index].operations & lock->denies & (OP_DELETE | update)))
        return false;
    for (size_t i = 0; i < check_part_count(lock); i++) {
        const struct lock_object part = check_part(lock, i);
        for (size_t j = 0; j < given->owned_count && check_takes_in(&part.scope, given->itself); j++)
            if (!check_holds_all(checking, lock, &part, given->owned[j])) return true;
    }
    return false;
}

void check_commanded(struct checking *checking, const struct lock *lock) {
    if (lock->scope.subresource) return;
    size_t index = 0;
    while (index < check_command_count && !is_open(checking, lock, index)) index++;
    if (index == check_command_count) return;
    const struct check_command *command = &check_commands[index];
    diag_report(checking->diags, DIAG_COMMANDED, lock->span,
                "anyone who can write %s can make controllers %s %s of lock '%s'", command->by,
                command->operations & OP_UPDATE ? "rewrite" : "delete", command->plural, lock->name);
    diag_help(checking->diags, "withhold that with RBAC or another lock, or write: accept %s",
              diag_info(DIAG_COMMANDED)->name);
}

// ---- scaling: a workload that may not be deleted, but scaled to nothing ----

void check_scaled_away(struct checking *checking, const struct lock *lock) {
    const bool cascades = check_has_derived(checking, lock, ORIGIN_CASCADE);
    for (size_t i = 0; i < check_part_count(lock); i++) {
        const struct lock_object part = check_part(lock, i);
        for (size_t j = 0; j < kube_workload_count; j++) {
            const struct resource *workload = checking->around.workloads[j].itself;
            if (!cascades || !check_takes_in(&part.scope, workload) ||
                check_holds_changes(checking, lock, &part, workload, true))
                continue;
            diag_report(checking->diags, DIAG_SCALED_AWAY, lock->span,
                        "lock '%s' stops anyone from deleting %s and their pods, but scaling or changing one still "
                        "deletes its pods",
                        lock->name, workload->plural);
            diag_help(checking->diags, "deny update as well, or write: accept %s", diag_info(DIAG_SCALED_AWAY)->name);
            return;
        }
    }
}
