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
static const char *key_of(struct arena *arena, const struct lock *lock, const struct family *family) {
    if (family->reach) return family->reach->key;
    if (family->from_configmaps)
        return arena_printf(arena, "\n\n%s\n%u %d\n%s", lock->policy, lock->mode, lock->fail_open, lock->name);
    return arena_printf(arena, "\n%s\n%d %d %u %d\n%s\n%s", lock->policy, (int)family->shape, (int)family->cover,
                        lock->mode, lock->fail_open, family->parent ? family->parent->plural : "*",
                        family->parent  ? family->parent->group
                        : family->group ? family->group
                                        : "");
}

// Whether several kinds of object have the subresources of the shape.
static bool has_own_parent(enum shape shape) {
    return shape == SHAPE_SCALE || shape == SHAPE_CONNECT;
}

// "*" is every resource, and "*.GROUP" those of the group.
static bool is_every(const char *resource) {
    return strcmp(resource, "*") == 0;
}

static void add_resources(struct text *text, const struct reach *reach) {
    for (size_t i = 0; i < reach->named; i++) {
        const char *resource = reach->resources[i];
        if (is_every(resource)) continue;
        if (*resource == '*') resource += strlen("*.");
        text_printf(text, NAMES_MARK "%s", *resource ? names_part(text->arena, resource) : "core");
    }
}

// The word of ours for families.
static const char *family_word(const struct reach *reach) {
    if (*reach->resources[0] != '*') return "";
    return is_every(reach->resources[0]) && reach->named > 1 ? "-all-and" : "-all";
}

// The policy, words of ours, of which the first says the shape and which no two families have alike, and behind a mark
// each the texts of the user's. So a name can be read back: whatever policies, groups and labels are called, two
// families have two names.
static const char *name_of(struct arena *arena, const struct lock *lock, const struct family *family, size_t part) {
    static const char *const shapes[SHAPE_COUNT] = {NULL, "evictions", "scale", "connect", "bindings", "tokens"};
    static const char *const concerns[CONCERN_COUNT] = {"objects", "guards", "identity"};
    const char *mode = "";
    switch (lock->mode) {
    case MODE_DENY | MODE_AUDIT: mode = "-deny-audit"; break;
    case MODE_WARN: mode = "-warn"; break;
    case MODE_WARN | MODE_AUDIT: mode = "-warn-audit"; break;
    case MODE_AUDIT: mode = "-audit"; break;
    default: break;
    }
    const struct reach *reach = family->reach;
    const bool every = !reach && has_own_parent(family->shape) && !family->parent;
    struct text text;
    text_init(&text, arena);
    text_printf(&text, "%s-%s%s%s%s%s", names_part(arena, lock->policy),
                reach                     ? concerns[family->concern]
                : family->from_configmaps ? "locks"
                                          : shapes[family->shape],
                reach   ? family_word(reach)
                : every ? "-all"
                        : "",
                family->cover == COVER_BY_NAME && !every ? "-by-name" : "", mode, lock->fail_open ? "-ignore" : "");
    if (part > 1) text_printf(&text, "-%zu", part);
    if (reach) {
        add_resources(&text, reach);
        return text_string(&text);
    }
    if (family->from_configmaps) {
        text_printf(&text, NAMES_MARK "%s", names_part(arena, lock->name));
        return text_string(&text);
    }
    const char *parent = family->parent                             ? catalog_name(arena, family->parent)
                         : every && strcmp(family->group, "*") != 0 ? family->group
                                                                    : NULL;
    if (parent) text_printf(&text, NAMES_MARK "%s", names_part(arena, parent));
    return text_string(&text);
}

struct batch {
    struct family family;
    const struct lock **locks;
    const char **structures; // of the locks
    size_t count, structure_count, bytes;
    struct set known; // structures
    size_t part;      // from 1; more only when one object cannot hold them all
    bool is_part;     // there are more
};

// The batches of a compilation, and the last of each family by its key.
struct batches {
    struct arena *arena;
    struct map known;
    struct batch **items;
    size_t count;
};

// About what a structure adds, which all locks that have it share: its text, several times over, and what is always
// there.
static size_t skeleton_weight(const char *structure) {
    enum { TIMES = 24, ALWAYS = 1500 };
    return TIMES * strlen(structure) + ALWAYS;
}

// The batch of that family with room for the lock, or a new one. What the API server stores in one object is bounded,
// and so is what this fills of it: the rest is for the text around the locks and for the bookkeeping of those who apply
// it.
static struct batch *batch_for(struct batches *batches, const char *key, const struct lock *lock, const char *structure,
                               size_t bytes) {
    enum { ROOM = LIMIT_OBJECT_BYTES / 3 * 2, MORE = ROOM / 10 };
    struct arena *arena = batches->arena;
    struct batch *last = map_get(&batches->known, key);
    // What is made of one lock stays together, as far as it goes: it is looked up together.
    const bool belongs = last && strcmp(last->locks[last->count - 1]->name, lock->name) == 0;
    if (last && !set_has(&last->known, structure)) bytes += skeleton_weight(structure);
    if (last && last->bytes + bytes <= ROOM + (belongs ? MORE : 0)) return last;
    struct batch *batch = ARENA_NEW(arena, struct batch);
    batch->part = last ? last->part + 1 : 1;
    if (last) last->is_part = batch->is_part = true;
    set_init(&batch->known, arena);
    map_set(&batches->known, key, batch);
    ARENA_PUSH(arena, batches->items, batches->count, batch);
    return batch;
}

static int compare_policies(const void *a, const void *b) {
    return strcmp(((const struct plan_policy *)a)->name, ((const struct plan_policy *)b)->name);
}

static void add_to_batch(struct batches *batches, const struct lock *lock, const struct family *family,
                         const char *structure) {
    struct arena *arena = batches->arena;
    const size_t bytes = plan_weight(arena, lock);
    struct batch *batch = batch_for(batches, key_of(arena, lock, family), lock, structure, bytes);
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

// Locks from ConfigMaps have policies of their own, as these are the parameters.
static bool has_reach(const struct lock *lock) {
    return has_objects(lock) && !lock->source;
}

// Every shape but the objects themselves.
static void add_covers(struct batches *batches, const struct lock *lock, const char *structure) {
    for (enum shape shape = SHAPE_EVICTIONS; shape < SHAPE_COUNT; shape++) {
        if (!lock->covers[shape]) continue;
        struct family family = {.shape = shape, .cover = lock->covers[shape]};
        if (!has_own_parent(shape)) add_to_batch(batches, lock, &family, structure);
        for (size_t j = 0; has_own_parent(shape) && j < lock->scope.target_count; j++) {
            const struct target *target = &lock->scope.targets[j];
            family.parent = target->resource;
            family.group = target->group ? target->group : "*";
            if (reaches(lock, target, shape) && !is_taken_in(lock, target, shape))
                add_to_batch(batches, lock, &family, structure);
        }
    }
}

// The lock that all are, or are made from.
static struct span source_of(const struct batch *batch) {
    for (size_t i = 1; i < batch->count; i++)
        if (!span_same(batch->locks[i]->span, batch->locks[0]->span)) return span_none();
    return batch->locks[0]->span;
}

static void make_policy(struct arena *arena, struct plan_policy *policy, const struct batch *batch) {
    const char *name = name_of(arena, batch->locks[0], &batch->family, batch->part);
    *policy = (struct plan_policy){
        .shape = batch->family.shape,
        .policy = batch->locks[0]->policy,
        .name = names_fitting(arena, name, LIMIT_NAME - strlen(PLAN_STATIC_SUFFIX), "---x"),
        .mode = batch->locks[0]->mode,
        .fail_open = batch->locks[0]->fail_open,
        .lock_count = batch->count,
        .is_part = batch->is_part,
        .source = batch->locks[0]->source,
        .place = source_of(batch),
    };
    if (policy->shape == SHAPE_OBJECTS)
        plan_make_rules(arena, policy, batch->locks, batch->count);
    else
        plan_make_covering_rules(arena, policy, &batch->family, batch->locks, batch->count);
    if (policy->source) plan_make_source(arena, policy);
    plan_select(arena, policy, batch->locks, batch->count);
    plan_make_tables(arena, policy, batch->locks, batch->structures, batch->count);
}

// The first minor whose servers plan an expression once: cel-go up to 0.23 does so at each evaluation, constants as
// well.
enum { PLANNED_ONCE_MINOR = 34 };

// The first minor whose servers never end while a policy that has variables is changed: kubernetes#135757.
enum { SAFE_VARIABLES_MINOR = 36 };

void plan_make(struct arena *arena, const struct policies *policies, unsigned minor, struct plan *ret_plan) {
    const char **structures = ARENA_ARRAY(arena, const char *, policies->lock_count);
    struct reaches reaches;
    plan_init_reaches(&reaches, arena);
    for (size_t i = 0; i < policies->lock_count; i++)
        if (has_reach(policies->locks[i])) plan_add_written(&reaches, policies->locks[i]);
    for (size_t i = 0; i < policies->lock_count; i++) {
        structures[i] = plan_skeleton(arena, policies->locks[i]);
        if (has_reach(policies->locks[i])) plan_add_reach(&reaches, policies->locks[i], structures[i]);
    }
    plan_settle_reaches(&reaches);
    struct batches batches = {.arena = arena};
    map_init(&batches.known, arena);
    for (size_t i = 0; i < policies->lock_count; i++) {
        const struct lock *lock = policies->locks[i];
        struct family family = {.shape = SHAPE_OBJECTS};
        if (has_objects(lock) && lock->source) {
            family.from_configmaps = true;
            add_to_batch(&batches, lock, &family, structures[i]);
        } else if (has_objects(lock)) {
            family.reach = plan_reach_of(&reaches, lock, structures[i]);
            family.concern = plan_concern(&reaches, lock);
            add_to_batch(&batches, lock, &family, structures[i]);
        }
        add_covers(&batches, lock, structures[i]);
    }
    ret_plan->count = batches.count;
    ret_plan->policies = ARENA_ARRAY(arena, struct plan_policy, batches.count);
    for (size_t i = 0; i < batches.count; i++) {
        make_policy(arena, &ret_plan->policies[i], batches.items[i]);
        ret_plan->policies[i].controllers = ret_plan->policies[i].tables[0].locks[0]->controllers;
        ret_plan->policies[i].is_planned_anew = minor < PLANNED_ONCE_MINOR;
        ret_plan->policies[i].avoids_variables = minor < SAFE_VARIABLES_MINOR;
    }
    if (batches.count) qsort(ret_plan->policies, batches.count, sizeof *ret_plan->policies, compare_policies);
}

bool plan_has_params(const struct plan_policy *policy) {
    return policy->by_params || policy->source;
}

const char *plan_param_group(const struct plan_policy *policy) {
    return policy->source ? "" : policy->rules[0].group;
}

const char *plan_param_plural(struct arena *arena, const struct plan_policy *policy) {
    if (policy->source) return "configmaps";
    const struct plan_rule *rule = &policy->rules[0];
    // It is on subresources; bindings as objects of their own come before those of pods.
    const char *resource = rule->resources[rule->resource_count - 1];
    return arena_copy(arena, resource, strcspn(resource, "/"));
}
