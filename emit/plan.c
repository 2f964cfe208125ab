// Grouping of locks into policies; see plan.h and the reasons in docs/output.md.
#include "plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arena.h"
#include "catalog.h"
#include "limits.h"
#include "names.h"
#include "plan_parts.h"
#include "text.h"

// ---- policies ----

// Versions that the source asks for beside the preferred ones: their locks see objects of another form.
static const char *versions_of(struct arena *arena, const struct ir_lock *lock) {
    struct text text;
    text_init(&text, arena);
    for (size_t i = 0; i < lock->scope.target_count; i++) {
        const struct ir_target *target = &lock->scope.targets[i];
        if (target->version && strcmp(target->version, target->resource->version) != 0)
            text_printf(&text, "-%s", target->version);
    }
    return text_string(&text);
}

static const char *name_policy(struct arena *arena, const struct ir_lock *lock, const char *shape) {
    const char *mode = "";
    switch (lock->mode) {
    case MODE_DENY | MODE_AUDIT: mode = "-deny-audit"; break;
    case MODE_WARN: mode = "-warn"; break;
    case MODE_WARN | MODE_AUDIT: mode = "-warn-audit"; break;
    case MODE_AUDIT: mode = "-audit"; break;
    default: break;
    }
    const char *suffix =
        arena_printf(arena, "-%s%s%s%s", shape, mode, lock->fail_open ? "-ignore" : "", versions_of(arena, lock));
    // Static manifests end in a suffix of their own, so room is left for it. Resources can be named at such length that
    // the policy's own name has none.
    const size_t room = LIMIT_NAME - sizeof "-999.static.k8s.io", own = strlen(suffix);
    if (own > room / 2) return names_fitting(arena, arena_printf(arena, "%s%s", lock->policy, suffix), room);
    return arena_printf(arena, "%s%s", names_fitting(arena, lock->policy, room - own), suffix);
}

struct group {
    const char *name;
    struct family family;
    const struct ir_lock **locks;
    const char **structures; // of the locks
    size_t count, structure_count, bytes;
    struct names known; // structures
    size_t part;        // from 1; more only when one object cannot hold them all
};

// About what a structure adds, which all locks that have it share: its text, several times over, and what is always
// there.
static size_t structure_weight(const char *structure) {
    enum { TIMES = 16, ALWAYS = 1500 };
    return TIMES * strlen(structure) + ALWAYS;
}

// The group of that name with room for the lock. What the API server stores in one object is bounded, and so is what
// this fills of it: the rest is for the text around the locks and for the bookkeeping of those who apply it.
static struct group *group_for(struct arena *arena, struct names *known, struct group ***groups, size_t *count,
                               const char *name, const char *structure, size_t bytes) {
    enum { ROOM = LIMIT_OBJECT_BYTES / 3 * 2 };
    struct group *group = names_get(known, name);
    size_t part = 1;
    if (group && group->bytes + bytes + (names_get(&group->known, structure) ? 0 : structure_weight(structure)) <= ROOM)
        return group;
    if (group) part = group->part + 1;
    group = ARENA_NEW(arena, struct group);
    group->name = part > 1 ? arena_printf(arena, "%s-%zu", name, part) : name;
    group->part = part;
    names_init(&group->known, arena);
    names_set(known, name, group);
    ARENA_PUSH(arena, *groups, *count, group);
    return group;
}

static int compare_policies(const void *a, const void *b) {
    return strcmp(((const struct plan_policy *)a)->name, ((const struct plan_policy *)b)->name);
}

// Whether several kinds of object have the subresources of the shape.
static bool has_own_parent(enum shape shape) {
    return shape == SHAPE_SCALE || shape == SHAPE_CONNECT;
}

static void add_to_group(struct arena *arena, struct names *known, struct group ***groups, size_t *count,
                         const struct ir_lock *lock, const struct family *family) {
    static const char *const names[SHAPE_COUNT] = {"objects", "evictions", "scale", "connect", "bindings", "tokens"};
    const char *shape = names[family->shape], *suffix = family->cover == COVER_BY_NAME ? "-by-name" : "";
    if (has_own_parent(family->shape))
        shape = family->parent ? arena_printf(arena, "%s-%s", shape, catalog_name(arena, family->parent))
                : strcmp(family->group, "*") == 0 ? arena_printf(arena, "%s-all", shape)
                                                  : arena_printf(arena, "%s-all.%s", shape, family->group);
    if (!has_own_parent(family->shape) || family->parent) shape = arena_printf(arena, "%s%s", shape, suffix);
    const size_t bytes = plan_weight(arena, lock);
    const char *structure = plan_structure(arena, lock);
    struct group *group = group_for(arena, known, groups, count, name_policy(arena, lock, shape), structure, bytes);
    group->family = *family;
    group->bytes += bytes;
    if (!names_get(&group->known, structure)) {
        names_set(&group->known, structure, group);
        group->bytes += structure_weight(structure);
    }
    ARENA_PUSH(arena, group->structures, group->structure_count, structure);
    ARENA_PUSH(arena, group->locks, group->count, lock);
}

static bool reaches(const struct ir_lock *lock, const struct ir_target *target, enum shape shape) {
    for (size_t i = 0; i < ir_act_count; i++)
        if (ir_acts[i].shape == shape && plan_denies_act(lock, &ir_acts[i]) && target->resource &&
            catalog_list_has(target->resource->subresources, ir_acts[i].subresource))
            return true;
    return !target->resource && lock->covers[shape] == COVER_BY_NAME;
}

// Whether a wildcard of the lock takes the target in, by name as well.
static bool is_taken_in(const struct ir_lock *lock, const struct ir_target *target, enum shape shape) {
    if (!target->resource || lock->covers[shape] != COVER_BY_NAME) return false;
    for (size_t i = 0; i < lock->scope.target_count; i++) {
        const struct ir_target *other = &lock->scope.targets[i];
        if (!other->resource && (!other->group || strcmp(other->group, target->group) == 0)) return true;
    }
    return false;
}

static bool has_objects(const struct ir_lock *lock) {
    return lock->denies || lock->requires || lock->guard_labels || lock->guard_label_in || lock->guard_owners;
}

void plan_make(struct arena *arena, const struct ir *ir, struct plan *ret_plan) {
    struct names known;
    names_init(&known, arena);
    struct group **groups = NULL;
    size_t group_count = 0;
    for (size_t i = 0; i < ir->lock_count; i++) {
        const struct ir_lock *lock = ir->locks[i];
        struct family family = {.shape = SHAPE_OBJECTS};
        if (has_objects(lock)) add_to_group(arena, &known, &groups, &group_count, lock, &family);
        for (enum shape shape = SHAPE_EVICTIONS; shape < SHAPE_COUNT; shape++) {
            if (!lock->covers[shape]) continue;
            family = (struct family){.shape = shape, .cover = lock->covers[shape]};
            if (!has_own_parent(shape)) add_to_group(arena, &known, &groups, &group_count, lock, &family);
            for (size_t j = 0; has_own_parent(shape) && j < lock->scope.target_count; j++) {
                const struct ir_target *target = &lock->scope.targets[j];
                family.parent = target->resource;
                family.group = target->group ? target->group : "*";
                if (reaches(lock, target, shape) && !is_taken_in(lock, target, shape))
                    add_to_group(arena, &known, &groups, &group_count, lock, &family);
            }
        }
    }
    ret_plan->count = group_count;
    ret_plan->policies = ARENA_ARRAY(arena, struct plan_policy, group_count);
    for (size_t i = 0; i < group_count; i++) {
        const struct group *group = groups[i];
        struct plan_policy *policy = &ret_plan->policies[i];
        *policy = (struct plan_policy){
            .shape = group->family.shape,
            .policy = group->locks[0]->policy,
            .name = group->name,
            .mode = group->locks[0]->mode,
            .fail_open = group->locks[0]->fail_open,
            .lock_count = group->count,
            .source = group->count == 1 ? group->locks[0]->span : span_none(),
        };
        if (policy->shape == SHAPE_OBJECTS)
            plan_make_rules(arena, policy, group->locks, group->count);
        else
            plan_make_covering_rules(arena, policy, &group->family, group->locks, group->count);
        plan_make_tables(arena, policy, group->locks, group->structures, group->count);
    }
    if (group_count) qsort(ret_plan->policies, group_count, sizeof *ret_plan->policies, compare_policies);
}
