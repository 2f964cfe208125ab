// Which locks on objects share a policy: those whose structures reach the same resources, so that no request is asked
// about locks on others, and one more lock changes no policy but its own. See docs/output.md.
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/map.h"
#include "base/text.h"
#include "emit/plan_internal.h"
#include "kubernetes/catalog.h"

// What is written is about the locked objects themselves, and so is what it would not hold without, as far as that is
// on the same resources. Guards are about others that these depend on, and identity is about whoever could act as an
// actor.
static enum concern concern_of_origin(const struct lock *lock) {
    if (lock->seals_actor) return CONCERN_IDENTITY;
    switch (lock->origin) {
    case ORIGIN_GUARD_NAMESPACE:
    case ORIGIN_GUARD_NAMESPACE_LABELS:
    case ORIGIN_GUARD_CRD:
    case ORIGIN_GUARD_API_SERVICES:
    case ORIGIN_GUARD_OWNERS:
    case ORIGIN_GUARD_VOLUMES:
    case ORIGIN_GUARD_LOCKS:
    case ORIGIN_LOCKS_FORM:
    case ORIGIN_CASCADE:
    case ORIGIN_AUTOSCALERS:
    case ORIGIN_SURPLUS:
    case ORIGIN_STATIC: return CONCERN_GUARDS;
    case ORIGIN_GUARD_OUTPUT:
    case ORIGIN_GUARD_CERTIFICATES:
    case ORIGIN_GUARD_BOOTSTRAP_TOKENS:
    case ORIGIN_SEAL_ROLES:
    case ORIGIN_SEAL_BINDINGS:
    case ORIGIN_SEAL_TOKENS:
    case ORIGIN_SEAL_PODS:
    case ORIGIN_SEAL_TEMPLATES:
    case ORIGIN_SEAL_REVISIONS: return CONCERN_IDENTITY;
    default: return CONCERN_OBJECTS;
    }
}

// ---- resources by name ----

static bool is_other_version(const struct target *target) {
    return target->version && strcmp(target->version, target->resource->version) != 0;
}

// "pods"; "*.apps" and "*" for families; "v1beta1.widgets.example.com" where the source asks for another version than
// the preferred one: such locks see objects of another form.
static const char *target_name(struct arena *arena, const struct target *target) {
    if (!target->resource) return target->group ? arena_printf(arena, "*.%s", target->group) : "*";
    const char *name = catalog_name(arena, target->resource);
    return is_other_version(target) ? arena_printf(arena, "%s.%s", target->version, name) : name;
}

// ---- concerns ----

// The lock as it is written, whose name those have that are made from it. It may be on objects of both scopes.
static const char *written_key(struct arena *arena, const struct lock *lock) {
    return arena_printf(arena, "%s\n%d %s", lock->policy, lock->scope.where == IN_CLUSTER, lock->name);
}

static bool has_target(const struct lock *lock, const struct target *target) {
    for (size_t i = 0; i < lock->scope.target_count; i++)
        if (lock->scope.targets[i].resource == target->resource) return true;
    return false;
}

static bool is_on_same(const struct lock *lock, const struct lock *written) {
    if (!written || lock->mode != written->mode || lock->fail_open != written->fail_open) return false;
    for (size_t i = 0; i < lock->scope.target_count; i++)
        if (!has_target(written, &lock->scope.targets[i])) return false;
    return true;
}

static const struct lock *written_of(const struct reaches *reaches, const struct lock *lock) {
    if (lock->origin == ORIGIN_WRITTEN) return lock;
    const struct lock *written = map_get(&reaches->written, written_key(reaches->arena, lock));
    return is_on_same(lock, written) ? written : NULL;
}

enum concern plan_concern(const struct reaches *reaches, const struct lock *lock) {
    const enum concern concern = concern_of_origin(lock);
    return concern == CONCERN_OBJECTS && !written_of(reaches, lock) ? CONCERN_GUARDS : concern;
}

// Policy, concern, mode and what happens on errors; locks that differ in one share nothing.
static void add_manner(const struct reaches *reaches, struct text *text, const struct lock *lock) {
    const unsigned marks[] = {plan_concern(reaches, lock), lock->mode, lock->fail_open};
    text_add_string(text, lock->policy);
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++) {
        text_add_char(text, i ? ' ' : '\n');
        text_add_number(text, marks[i]);
    }
}

static void add_versions(struct arena *arena, struct text *text, const struct lock *lock) {
    for (size_t i = 0; i < lock->scope.target_count; i++) {
        const struct target *target = &lock->scope.targets[i];
        if (is_other_version(target)) text_printf(text, "\n%s", target_name(arena, target));
    }
}

// ---- what structures reach ----

struct gathered {
    const char *manner;
    enum concern concern;
    struct set known;
    const char **resources;
    size_t count;
    struct reach *reach; // once all locks are gathered
    struct gathered *next;
};

static const char *manner_of(const struct reaches *reaches, const struct lock *lock) {
    struct text text;
    text_init(&text, reaches->arena);
    add_manner(reaches, &text, lock);
    return text_string(&text);
}

static const char *structure_key(const struct reaches *reaches, const struct lock *lock, const char *structure) {
    struct text key;
    text_init(&key, reaches->arena);
    add_manner(reaches, &key, lock);
    add_versions(reaches->arena, &key, lock);
    text_add_string(&key, "\n\n");
    text_add_string(&key, structure);
    return text_string(&key);
}

static struct gathered *gathered_for(struct reaches *reaches, const struct lock *lock, const char *structure) {
    const char *name = structure_key(reaches, lock, structure);
    struct gathered *gathered = map_get(&reaches->structures, name);
    if (gathered) return gathered;
    map_set(&reaches->structures, name, gathered = ARENA_NEW(reaches->arena, struct gathered));
    set_init(&gathered->known, reaches->arena);
    gathered->manner = manner_of(reaches, lock);
    gathered->concern = plan_concern(reaches, lock);
    gathered->next = reaches->first;
    return reaches->first = gathered;
}

void plan_add_written(struct reaches *reaches, struct lock *lock) {
    if (lock->origin == ORIGIN_WRITTEN) map_set(&reaches->written, written_key(reaches->arena, lock), lock);
}

void plan_add_reach(struct reaches *reaches, const struct lock *lock, const char *structure) {
    struct arena *arena = reaches->arena;
    struct gathered *gathered = gathered_for(reaches, lock, structure);
    for (size_t i = 0; i < lock->scope.target_count; i++) {
        const char *name = target_name(arena, &lock->scope.targets[i]);
        if (set_add(&gathered->known, name)) ARENA_PUSH(arena, gathered->resources, gathered->count, name);
    }
    if (lock->origin == ORIGIN_WRITTEN) map_set(&reaches->gathered, written_key(arena, lock), gathered);
}

// ---- names ----

static size_t common_count(const struct reach *a, const struct reach *b) {
    size_t same = 0;
    while (same < a->count && same < b->count && strcmp(a->resources[same], b->resources[same]) == 0) same++;
    return same;
}

// As many of the resources, in their order, as tell it from the others of its manner.
static void tell_apart(struct reach *reach, const struct reach *first) {
    reach->named = reach->count ? 1 : 0;
    for (const struct reach *other = first; other; other = other->next) {
        const size_t same = other == reach || other->into != other ? 0 : common_count(reach, other);
        if (same >= reach->named) reach->named = same < reach->count ? same + 1 : reach->count;
    }
}

static struct reach *reach_of(struct reaches *reaches, struct gathered *gathered) {
    struct text key;
    text_init(&key, reaches->arena);
    text_add_string(&key, gathered->manner);
    if (gathered->count) qsort(gathered->resources, gathered->count, sizeof *gathered->resources, compare_strings);
    for (size_t i = 0; i < gathered->count; i++) text_printf(&key, "\n%s", gathered->resources[i]);
    const char *name = text_string(&key);
    struct reach *reach = map_get(&reaches->sets, name);
    if (reach) return reach;
    map_set(&reaches->sets, name, reach = ARENA_NEW(reaches->arena, struct reach));
    *reach = (struct reach){.key = name,
                            .resources = gathered->resources,
                            .count = gathered->count,
                            .known = &gathered->known,
                            .next = map_get(&reaches->manners, gathered->manner)};
    map_set(&reaches->manners, gathered->manner, reach);
    return reach;
}

static bool is_within(const struct reach *reach, const struct reach *other) {
    for (size_t i = 0; i < reach->count; i++)
        if (!set_has(other->known, reach->resources[i])) return false;
    return true;
}

// The widest that takes it in; of several, the first by name.
static struct reach *widest(struct reach *reach, struct reach *first) {
    struct reach *best = reach;
    for (struct reach *other = first; other; other = other->next) {
        if (other->count < best->count || (other->count == best->count && strcmp(other->key, best->key) >= 0)) continue;
        if (other->count > reach->count && is_within(reach, other)) best = other;
    }
    return best;
}

// ---- all of them ----

void plan_init_reaches(struct reaches *reaches, struct arena *arena) {
    *reaches = (struct reaches){.arena = arena};
    map_init(&reaches->structures, arena);
    map_init(&reaches->written, arena);
    map_init(&reaches->gathered, arena);
    map_init(&reaches->sets, arena);
    map_init(&reaches->manners, arena);
}

// What we add to locks is on few kinds, so that a policy takes in what is on some of its own. What is written stays
// apart, since nobody knows what comes next.
static void settle(struct gathered *gathered, struct reach *first) {
    struct reach *reach = gathered->reach;
    reach->into = gathered->concern == CONCERN_OBJECTS ? reach : widest(reach, first);
}

void plan_settle_reaches(struct reaches *reaches) {
    for (struct gathered *gathered = reaches->first; gathered; gathered = gathered->next)
        gathered->reach = reach_of(reaches, gathered);
    for (struct gathered *gathered = reaches->first; gathered; gathered = gathered->next)
        settle(gathered, map_get(&reaches->manners, gathered->manner));
    for (size_t i = 0; i < reaches->manners.capacity; i++) {
        const struct reach *first = reaches->manners.slots[i].value;
        for (struct reach *reach = reaches->manners.slots[i].value; reach; reach = reach->next)
            tell_apart(reach, first);
    }
}

// What comes with a written lock is in the policy of that lock.
const struct reach *plan_reach_of(const struct reaches *reaches, const struct lock *lock, const char *structure) {
    const struct lock *written = lock->origin == ORIGIN_WRITTEN ? NULL : written_of(reaches, lock);
    const struct gathered *gathered = NULL;
    if (written && concern_of_origin(lock) == CONCERN_OBJECTS)
        gathered = map_get(&reaches->gathered, written_key(reaches->arena, written));
    if (!gathered) gathered = map_get(&reaches->structures, structure_key(reaches, lock, structure));
    return gathered->reach->into;
}
