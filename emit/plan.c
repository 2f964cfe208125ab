// Grouping of locks into policies; see plan.h and the reasons in docs/output.md.
#include "emit/plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/limits.h"
#include "base/map.h"
#include "base/names.h"
#include "base/text.h"
#include "emit/plan_internal.h"
#include "kubernetes/catalog.h"

// ---- policies ----

// Locks of one family share policies. It is known by its parts: names are made from them, and never compared.
static const char *key_of(struct arena *arena, const struct lock *lock, const struct family *family,
                          const char *const *versions, size_t version_count) {
    struct text text;
    text_init(&text, arena);
    text_printf(&text, "%s\n%d %d %u %d\n%s\n%s", lock->policy, (int)family->shape, (int)family->cover, lock->mode,
                lock->fail_open, family->parent ? family->parent->plural : "*",
                family->parent  ? family->parent->group
                : family->group ? family->group
                                : "");
    for (size_t i = 0; i < version_count; i++) text_printf(&text, "\n%s", versions[i]);
    return text_string(&text);
}

// "v1beta1.widgets.example.com" where the source asks for another version than the preferred one: such locks see
// objects of another form. Sorted, each once.
static void versions_of(struct arena *arena, const struct lock *lock, const char ***ret_versions, size_t *ret_count) {
    const char **versions = NULL;
    size_t count = 0;
    for (size_t i = 0; i < lock->scope.target_count; i++) {
        const struct target *target = &lock->scope.targets[i];
        if (!target->version || strcmp(target->version, target->resource->version) == 0) continue;
        const char *version = arena_printf(arena, "%s.%s", target->version, catalog_name(arena, target->resource));
        ARENA_PUSH(arena, versions, count, version);
    }
    if (count) qsort(versions, count, sizeof *versions, compare_strings);
    *ret_count = 0;
    for (size_t i = 0; i < count; i++)
        if (!i || strcmp(versions[i - 1], versions[i]) != 0) versions[(*ret_count)++] = versions[i];
    *ret_versions = versions;
}

// Whether several kinds of object have the subresources of the shape.
static bool has_own_parent(enum shape shape) {
    return shape == SHAPE_SCALE || shape == SHAPE_CONNECT;
}

// The policy, words of ours, of which the first says the shape and which no two families have alike, and behind a mark
// each the texts of the user's. So a name can be read back: whatever policies, groups and labels are called, two
// families have two names.
static const char *name_of(struct arena *arena, const struct lock *lock, const struct family *family,
                           const char *const *versions, size_t version_count, size_t part) {
    static const char *const shapes[SHAPE_COUNT] = {"objects", "evictions", "scale", "connect", "bindings", "tokens"};
    const char *mode = "";
    switch (lock->mode) {
    case MODE_DENY | MODE_AUDIT: mode = "-deny-audit"; break;
    case MODE_WARN: mode = "-warn"; break;
    case MODE_WARN | MODE_AUDIT: mode = "-warn-audit"; break;
    case MODE_AUDIT: mode = "-audit"; break;
    default: break;
    }
    const bool every = has_own_parent(family->shape) && !family->parent;
    struct text text;
    text_init(&text, arena);
    text_printf(&text, "%s-%s%s%s%s%s", names_part(arena, lock->policy), shapes[family->shape], every ? "-all" : "",
                family->cover == COVER_BY_NAME && !every ? "-by-name" : "", mode, lock->fail_open ? "-ignore" : "");
    if (part > 1) text_printf(&text, "-%zu", part);
    const char *parent = family->parent                             ? catalog_name(arena, family->parent)
                         : every && strcmp(family->group, "*") != 0 ? family->group
                                                                    : NULL;
    if (parent) text_printf(&text, NAMES_MARK "%s", names_part(arena, parent));
    for (size_t i = 0; i < version_count; i++) text_printf(&text, NAMES_MARK "%s", names_part(arena, versions[i]));
    return text_string(&text);
}

struct batch {
    const char *name;
    struct family family;
    const struct lock **locks;
    const char **structures; // of the locks
    size_t count, structure_count, bytes;
    struct set known; // structures
    size_t part;      // from 1; more only when one object cannot hold them all
};

// About what a structure adds, which all locks that have it share: its text, several times over, and what is always
// there.
static size_t skeleton_weight(const char *structure) {
    enum { TIMES = 16, ALWAYS = 1500 };
    return TIMES * strlen(structure) + ALWAYS;
}

// The batch of that family with room for the lock, or a new one. What the API server stores in one object is bounded,
// and so is what this fills of it: the rest is for the text around the locks and for the bookkeeping of those who apply
// it.
static struct batch *batch_for(struct arena *arena, struct map *known, struct batch ***batches, size_t *count,
                               const char *key, const char *structure, size_t bytes) {
    enum { ROOM = LIMIT_OBJECT_BYTES / 3 * 2 };
    struct batch *last = map_get(known, key);
    if (last && last->bytes + bytes + (set_has(&last->known, structure) ? 0 : skeleton_weight(structure)) <= ROOM)
        return last;
    struct batch *batch = ARENA_NEW(arena, struct batch);
    batch->part = last ? last->part + 1 : 1;
    set_init(&batch->known, arena);
    map_set(known, key, batch);
    ARENA_PUSH(arena, *batches, *count, batch);
    return batch;
}

static int compare_policies(const void *a, const void *b) {
    return strcmp(((const struct plan_policy *)a)->name, ((const struct plan_policy *)b)->name);
}

static void add_to_batch(struct arena *arena, struct map *known, struct batch ***batches, size_t *count,
                         const struct lock *lock, const struct family *family) {
    const char **versions = NULL;
    size_t version_count = 0;
    // Of other shapes no request has the object in it, and parameters have the preferred version.
    if (family->shape == SHAPE_OBJECTS) versions_of(arena, lock, &versions, &version_count);
    const size_t bytes = plan_weight(arena, lock);
    const char *structure = plan_skeleton(arena, lock);
    const char *key = key_of(arena, lock, family, versions, version_count);
    struct batch *batch = batch_for(arena, known, batches, count, key, structure, bytes);
    if (!batch->count) batch->name = name_of(arena, lock, family, versions, version_count, batch->part);
    batch->family = *family;
    batch->bytes += bytes;
    if (set_add(&batch->known, structure)) batch->bytes += skeleton_weight(structure);
    ARENA_PUSH(arena, batch->structures, batch->structure_count, structure);
    ARENA_PUSH(arena, batch->locks, batch->count, lock);
}

static bool reaches(const struct lock *lock, const struct target *target, enum shape shape) {
    for (size_t i = 0; i < kube_act_count; i++)
        if (kube_acts[i].shape == shape && plan_denies_act(lock, &kube_acts[i]) && target->resource &&
            text_has_word(target->resource->subresources, kube_acts[i].subresource))
            return true;
    return !target->resource && lock->covers[shape] == COVER_BY_NAME;
}

// Whether a wildcard of the lock takes the target in, by name as well.
static bool is_taken_in(const struct lock *lock, const struct target *target, enum shape shape) {
    if (!target->resource || lock->covers[shape] != COVER_BY_NAME) return false;
    for (size_t i = 0; i < lock->scope.target_count; i++) {
        const struct target *other = &lock->scope.targets[i];
        if (!other->resource && (!other->group || strcmp(other->group, target->group) == 0)) return true;
    }
    return false;
}

static bool has_objects(const struct lock *lock) {
    return lock->denies || lock->requires || lock->guard_labels || lock->guard_label_in || lock->guard_owners;
}

void plan_make(struct arena *arena, const struct policies *policies, struct plan *ret_plan) {
    struct map known;
    map_init(&known, arena);
    struct batch **batches = NULL;
    size_t group_count = 0;
    for (size_t i = 0; i < policies->lock_count; i++) {
        const struct lock *lock = policies->locks[i];
        struct family family = {.shape = SHAPE_OBJECTS};
        if (has_objects(lock)) add_to_batch(arena, &known, &batches, &group_count, lock, &family);
        for (enum shape shape = SHAPE_EVICTIONS; shape < SHAPE_COUNT; shape++) {
            if (!lock->covers[shape]) continue;
            family = (struct family){.shape = shape, .cover = lock->covers[shape]};
            if (!has_own_parent(shape)) add_to_batch(arena, &known, &batches, &group_count, lock, &family);
            for (size_t j = 0; has_own_parent(shape) && j < lock->scope.target_count; j++) {
                const struct target *target = &lock->scope.targets[j];
                family.parent = target->resource;
                family.group = target->group ? target->group : "*";
                if (reaches(lock, target, shape) && !is_taken_in(lock, target, shape))
                    add_to_batch(arena, &known, &batches, &group_count, lock, &family);
            }
        }
    }
    ret_plan->count = group_count;
    ret_plan->policies = ARENA_ARRAY(arena, struct plan_policy, group_count);
    for (size_t i = 0; i < group_count; i++) {
        const struct batch *batch = batches[i];
        struct plan_policy *policy = &ret_plan->policies[i];
        *policy = (struct plan_policy){
            .shape = batch->family.shape,
            .policy = batch->locks[0]->policy,
            .name = names_fitting(arena, batch->name, LIMIT_NAME - strlen(PLAN_STATIC_SUFFIX), "---x"),
            .mode = batch->locks[0]->mode,
            .fail_open = batch->locks[0]->fail_open,
            .lock_count = batch->count,
            .source = batch->count == 1 ? batch->locks[0]->span : span_none(),
        };
        if (policy->shape == SHAPE_OBJECTS)
            plan_make_rules(arena, policy, batch->locks, batch->count);
        else
            plan_make_covering_rules(arena, policy, &batch->family, batch->locks, batch->count);
        plan_make_tables(arena, policy, batch->locks, batch->structures, batch->count);
    }
    if (group_count) qsort(ret_plan->policies, group_count, sizeof *ret_plan->policies, compare_policies);
}

const char *plan_param_plural(struct arena *arena, const struct plan_policy *policy) {
    const struct plan_rule *rule = &policy->rules[0];
    // It is on subresources; bindings as objects of their own come before those of pods.
    const char *resource = rule->resources[rule->resource_count - 1];
    return arena_copy(arena, resource, strcspn(resource, "/"));
}
