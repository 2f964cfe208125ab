// What follows from how a lock is made; see policy.h.
#include "policy/policy.h"

#include <string.h>

#include "base/arena.h"
#include "base/text.h"
#include "policy/known.h"

static const struct {
    const char *text, *refusal, *way;
} origins[] = {
    {NULL, NULL, NULL},
#define ORIGIN(name, text, refusal, way) {text, refusal, way},
#include "policy/origins.def"
#undef ORIGIN
};

const char *origin_text(enum origin origin) {
    return origins[origin].text;
}

const char *origin_refusal(enum origin origin) {
    return origins[origin].refusal;
}

const char *origin_way(enum origin origin) {
    return origins[origin].way;
}

static const struct guard_info guards[] = {
#define GUARD(name, word, when, what) {word, GUARDED_##when, what},
#include "policy/guards.def"
#undef GUARD
};

const struct guard_info *guard_info(size_t index) {
    return &guards[index];
}

unsigned guard_find(const char *word) {
    for (size_t i = 0; i < GUARD_COUNT; i++)
        if (strcmp(guards[i].word, word) == 0) return 1u << i;
    return 0;
}

bool policies_are_against_insiders(const struct policies *policies, const char *policy) {
    return text_is_among(policies->insiders, policies->insider_count, policy);
}

bool scope_may_be_in(const struct object_scope *scope, const char *namespace) {
    const bool named = text_is_among(scope->namespaces, scope->namespace_count, namespace);
    switch (scope->where) {
    case IN_CLUSTER: return false;
    case IN_NAMESPACES: return named;
    case IN_ANY_NAMESPACE:
        return named || !text_is_among(kube_system_namespaces, kube_system_namespace_count, namespace);
    case IN_LABELED_NAMESPACES: break;
    }
    return true;
}

bool scope_has_wildcard(const struct object_scope *scope) {
    for (size_t i = 0; i < scope->target_count; i++)
        if (!scope->targets[i].resource) return true;
    return false;
}

bool lock_guards_condition(const struct lock *lock) {
    return !formula_is_immutable(lock->condition) && !formula_has_cel(lock->condition);
}

bool subjects_have(const struct subjects *subjects, const struct identity *identity) {
    bool have = text_is_among(subjects->users, subjects->user_count, identity->user);
    for (size_t i = 0; identity->groups[i] && !have; i++)
        have = text_is_among(subjects->groups, subjects->group_count, identity->groups[i]);
    for (size_t i = 0; i < subjects->other_count && !have; i++)
        have = known_of(subjects->others[i], known_of_identity, identity) == KNOWN_TRUE;
    return have;
}

// Whether the lock never asks this requester.
static bool leaves_out(const struct lock *lock, const struct identity *identity) {
    return known_of(lock->condition, known_of_identity, identity) == KNOWN_FALSE ||
           subjects_have(&lock->passes, identity) || subjects_have(&lock->break_glass, identity);
}

bool lock_stops_collector(struct arena *arena, const struct lock *lock) {
    const struct identity account = {arena, KUBE_GARBAGE_COLLECTOR, kube_groups_of(KUBE_GARBAGE_COLLECTOR)},
                          manager = {arena, KUBE_CONTROLLER_MANAGER, kube_groups_of(KUBE_CONTROLLER_MANAGER)};
    if (!lock->guard_owners && lock->exemption != EXEMPT_NONE) return false;
    return !(kube_has_accounts(lock->controllers) && leaves_out(lock, &account)) &&
           !(kube_has_manager(lock->controllers) && leaves_out(lock, &manager));
}

bool lock_sees_replicas(const struct lock *lock) {
    bool named = false;
    for (size_t i = 0; i < lock->path_count && !named; i++) {
        const struct field_path *path = &lock->paths[i];
        const bool spec = path->segments[0].key && strcmp(path->segments[0].key, "spec") == 0;
        named = (spec && path->count == 1) || path_is_replicas(path);
    }
    return !lock->path_count || named != lock->all_but_paths;
}

bool lock_sees_metadata(const struct lock *lock) {
    if (lock->scope.subresource || !((lock->denies & OP_UPDATE) || lock->requires)) return false;
    bool sees = !lock->path_count || lock->all_but_paths;
    for (size_t i = 0; i < lock->path_count && !sees; i++) sees = path_is_metadata(&lock->paths[i]);
    return sees;
}

bool lock_requires_replicas(const struct lock *lock) {
    if (!lock->requires || !lock_sees_replicas(lock)) return false;
    bool reads = !lock->ratchets;
    for (size_t i = 0; i < formula_part_count(lock->requires) && !reads; i++) {
        const struct formula *part = formula_part(lock->requires, i);
        reads = !formula_ratchets(part) || formula_reads_replicas(part);
    }
    return reads;
}

const char *reason_guard(enum reason_kind kind) {
    switch (kind) {
    case REASON_LEAVES:
    case REASON_RELEASE:
    case REASON_ACTORS: return "guard labels";
    case REASON_ENTERS: return "guard label-in";
    case REASON_OWNERS: return "guard owners";
    default: return NULL;
    }
}

const char *lock_part(struct arena *arena, const struct lock *lock) {
    const size_t name = strlen(lock->name), len = strlen(lock->id);
    return len > name + 3 ? arena_copy(arena, lock->id + name + 2, len - name - 3) : "";
}

bool lock_is_of_consent(const struct lock *lock) {
    return lock->origin == ORIGIN_CONSENT || lock->origin == ORIGIN_CONSENT_TEMPLATES;
}

bool lock_narrows_creates(const struct lock *lock) {
    return (lock->origin == ORIGIN_WRITTEN || lock_is_of_consent(lock)) && lock->path_count && !lock->all_but_paths;
}

static bool is_tenant(const struct formula *part) {
    return part->kind == FORMULA_TENANT;
}

bool lock_passes_tenants(const struct lock *lock) {
    bool passes = false;
    for (size_t i = 0; i < lock->passes.other_count && !passes; i++)
        passes = formula_any(lock->passes.others[i], is_tenant);
    return passes;
}

bool lock_asks_authorizer(const struct lock *lock) {
    size_t count = formula_count_checks(lock->selects) + formula_count_checks(lock->condition) +
                   formula_count_checks(lock->requires);
    for (size_t i = 0; i < lock->passes.other_count; i++) count += formula_count_checks(lock->passes.others[i]);
    for (size_t i = 0; i < lock->break_glass.other_count; i++)
        count += formula_count_checks(lock->break_glass.others[i]);
    return count > 0;
}

bool lock_records_glass(const struct lock *lock) {
    if (!lock->break_glass.user_count && !lock->break_glass.group_count && !lock->break_glass.other_count) return false;
    if (lock->mode & MODE_DENY) return true;
    return !formula_has_cel(lock->selects) && !formula_has_cel(lock->condition) && !formula_has_cel(lock->requires);
}

static bool path_reads_fields(const struct field_path *path) {
    return path->variable < 0 && !path_is_metadata(path);
}

static bool is_field(const struct formula *part) {
    const bool reads = part->kind == FORMULA_FIELD || part->kind == FORMULA_ANY || part->kind == FORMULA_ALL;
    return part->kind == FORMULA_CEL || (reads && path_reads_fields(&part->path));
}

bool lock_reads_fields(const struct lock *lock) {
    for (size_t i = 0; i < lock->path_count; i++)
        if (path_reads_fields(&lock->paths[i])) return true;
    return formula_any(lock->selects, is_field) || formula_any(lock->condition, is_field) ||
           formula_any(lock->requires, is_field);
}

bool grant_allows(const struct grant *grant, const char *verbs) {
    if (grant->impersonated_count) return false;
    for (size_t i = 0; i < grant->verb_count; i++)
        if (strcmp(grant->verbs[i], "*") == 0 || text_has_word(verbs, grant->verbs[i])) return true;
    return false;
}
