// Locks made from other locks; see lower_derive.h.
#include "lower/lower_derive.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/limits.h"
#include "base/map.h"
#include "base/names.h"
#include "base/text.h"
#include "data/value.h"
#include "kubernetes/catalog.h"
#include "report/diag.h"

// ---- formulas ----

struct field_path derive_path(struct arena *arena, int variable, const char *keys) {
    struct field_path path = {.variable = variable};
    struct segment *segments = NULL;
    while (*keys) {
        const size_t len = strcspn(keys, " ");
        const char *key = arena_copy(arena, keys, len);
        const struct segment segment = {.key = strcmp(key, "*") == 0 ? NULL : key};
        ARENA_PUSH(arena, segments, path.count, segment);
        keys += len + (keys[len] == ' ');
    }
    path.segments = segments;
    return path;
}

struct formula *derive_exists(struct arena *arena, int variable, const char *keys) {
    struct formula *atom = formula_new(arena, FORMULA_FIELD);
    atom->compare = CMP_EXISTS;
    atom->path = derive_path(arena, variable, keys);
    return atom;
}

static void add_values(struct arena *arena, struct formula *atom, const struct texts *texts) {
    atom->compare = CMP_IN;
    for (size_t i = 0; i < texts->count; i++) {
        const struct value *value = value_string(arena, texts->items[i]);
        ARENA_PUSH(arena, atom->values, atom->value_count, value);
    }
}

struct formula *derive_field_in(struct arena *arena, int variable, const char *keys, const struct texts *texts) {
    struct formula *atom = derive_exists(arena, variable, keys);
    add_values(arena, atom, texts);
    return atom;
}

struct formula *derive_field_is(struct arena *arena, int variable, const char *keys, const char *text) {
    const struct texts one = {&text, 1};
    return derive_field_in(arena, variable, keys, &one);
}

struct formula *derive_in(struct arena *arena, enum formula_kind kind, const char *key, const struct texts *texts) {
    struct formula *atom = formula_new(arena, kind);
    atom->key = key;
    add_values(arena, atom, texts);
    return atom;
}

struct formula *derive_any(struct arena *arena, const char *keys, struct formula *formula) {
    struct formula *any = formula_new(arena, FORMULA_ANY);
    any->path = derive_path(arena, -1, keys);
    ARENA_PUSH(arena, any->operands, any->operand_count, formula);
    return any;
}

// ---- locks ----

static bool names_object(const struct formula *part) {
    return part->kind == FORMULA_NAME || part->kind == FORMULA_NAMESPACE || part->kind == FORMULA_NAMESPACE_LABEL;
}

// Whether the formula can be asked of a request for any object.
static bool is_about_request(const struct formula *expr) {
    return formula_needs_name_only(expr) && !formula_any(expr, names_object);
}

// What says nothing of another object: where that has no such thing, the absence of something holds, and so does what
// is asked of all elements of a list.
static bool is_of_the_object(const struct formula *part) {
    return part->kind == FORMULA_NAME || part->kind == FORMULA_NAMESPACE || part->kind == FORMULA_CEL ||
           part->kind == FORMULA_NOT || part->kind == FORMULA_ALL || part->state != STATE_SELF;
}

static bool reads_namespace(const struct formula *part) {
    return part->kind == FORMULA_NAMESPACE_LABEL;
}

// What `unless` asks is asked of the object that the guard looks at: consent that is given there counts.
static bool is_consent(const struct formula *part) {
    return part->kind == FORMULA_NOT && !formula_any(part->operands[0], is_of_the_object);
}

struct formula *derive_condition(struct lowering *lowering, const struct formula *condition, bool of_namespace) {
    struct arena *arena = lowering->arena;
    struct formula *kept = formula_new(arena, FORMULA_TRUE);
    const bool chain = condition->kind == FORMULA_AND;
    for (size_t i = 0; i < (chain ? condition->operand_count : 1); i++) {
        const struct formula *part = chain ? condition->operands[i] : condition;
        if (is_about_request(part))
            kept = formula_and(arena, kept, formula_copy(arena, part));
        else if (is_consent(part) && (of_namespace || !formula_any(part, reads_namespace)))
            kept = formula_and(arena, kept, formula_of_namespace(arena, part));
    }
    return kept;
}

// "cascade status 2": what is made from a lock that was made itself says so.
static const char *part_name(struct arena *arena, const struct lock *from, enum origin origin, const char *detail) {
    const char *before = from->origin == ORIGIN_CASCADE ? origin_text(ORIGIN_CASCADE) : "", *text = origin_text(origin);
    if (!text) return detail;
    return arena_printf(arena, "%s%s%s%s%s", before, *before ? " " : "", text, detail && *detail ? " " : "",
                        detail ? detail : "");
}

static enum object_relation relation_of(enum origin origin) {
    switch (origin) {
    case ORIGIN_SCALE:
    case ORIGIN_POD_STATUS:
    case ORIGIN_JOB_STATUS:
    case ORIGIN_ADOPTION:
    case ORIGIN_DEADLINE:
    case ORIGIN_TIME_TO_LIVE:
    case ORIGIN_COUNTERS:
    case ORIGIN_CLOCK:
    case ORIGIN_ORDER:
    case ORIGIN_REQUIRED_ORDER: return SAME_OBJECT;
    case ORIGIN_CASCADE: return OWNED_OBJECT;
    case ORIGIN_BINDINGS:
    case ORIGIN_GUARD_OWNERS:
    case ORIGIN_AUTOSCALERS:
    case ORIGIN_CONSENT_TEMPLATES:
    case ORIGIN_SURPLUS: return OBJECT_BESIDE;
    case ORIGIN_GUARD_NAMESPACE:
    case ORIGIN_GUARD_NAMESPACE_LABELS: return ITS_NAMESPACE;
    default: return OTHER_OBJECT; // whoever passes here could become any of the actors
    }
}

static void add_actors(struct lowering *lowering, const struct lock *from, enum object_relation relation,
                       struct lock *lock) {
    struct arena *arena = lowering->arena;
    const struct subjects exclusive = lower_subjects_of(arena, &from->exclusive, relation),
                          passes = lower_subjects_of(arena, &from->passes, relation),
                          glass = lower_subjects_of(arena, &from->break_glass, relation);
    lower_add_subjects(arena, &lock->exclusive, &exclusive);
    lower_add_subjects(arena, &lock->passes, &passes);
    lower_add_subjects(arena, &lock->break_glass, &glass);
}

struct lock *derive_lock(struct lowering *lowering, const struct lock *from, enum origin origin, const char *detail) {
    struct lock *lock = ARENA_NEW(lowering->arena, struct lock);
    *lock = (struct lock){
        .policy = from->policy,
        .name = from->name,
        .origin = origin,
        .seals_actor = from->seals_actor,
        .id = lower_id(lowering->arena, from->name, part_name(lowering->arena, from, origin, detail)),
        .span = from->span,
        .block = from->block,
        .scope = {.where = IN_CLUSTER},
        .selects = formula_new(lowering->arena, FORMULA_TRUE),
        .condition = is_about_request(from->condition) ? from->condition : formula_new(lowering->arena, FORMULA_TRUE),
        .exemption = from->exemption,
        .mode = from->mode,
        .insiders = from->insiders,
        .source = from->source,
    };
    add_actors(lowering, from, relation_of(origin), lock);
    return lock;
}

void derive_target(struct lowering *lowering, struct lock *lock, const char *group, const char *plural) {
    const struct resource *resource = catalog_get(lowering->catalog, group, plural);
    const struct target target = {
        .group = resource->group, .name = resource->plural, .resource = resource, .span = lock->span};
    ARENA_PUSH(lowering->arena, lock->scope.targets, lock->scope.target_count, target);
}

void derive_namespaces(struct lowering *lowering, struct lock *lock, const char *const *namespaces, size_t count) {
    struct object_scope *scope = &lock->scope;
    scope->where = count ? IN_NAMESPACES : IN_ANY_NAMESPACE;
    for (size_t i = 0; i < count; i++)
        ARENA_PUSH(lowering->arena, scope->namespaces, scope->namespace_count, namespaces[i]);
    for (size_t i = 0; i < kube_system_namespace_count && !count; i++)
        ARENA_PUSH(lowering->arena, scope->namespaces, scope->namespace_count, kube_system_namespaces[i]);
    qsort(scope->namespaces, scope->namespace_count, sizeof *scope->namespaces, compare_strings);
}

void derive_changing(struct arena *arena, struct lock *lock, const char *keys) {
    const struct field_path path = derive_path(arena, -1, keys);
    ARENA_PUSH(arena, lock->paths, lock->path_count, path);
}

void derive_exempt_deployer(struct lowering *lowering, struct lock *lock) {
    const struct deployer *deployer = map_get(&lowering->deployers, lock->policy);
    if (!deployer) return;
    lower_add_subjects(lowering->arena, &lock->exclusive, &deployer->subjects);
    lower_add_subjects(lowering->arena, &lock->passes, &deployer->subjects);
}

// ---- the roles behind `may VERB` ----

static void add_role(struct lowering *lowering, const struct lock *lock, const struct formula *expr) {
    struct arena *arena = lowering->arena;
    for (size_t i = 0; i < expr->operand_count; i++) add_role(lowering, lock, expr->operands[i]);
    if (expr->kind != FORMULA_MAY) return;
    const char *name = arena_printf(arena, "%s-%s", lock->name, expr->key);
    if (strpbrk(lock->name, "/%")) {
        diag_report(lowering->diags, DIAG_BAD_NAME, lock->span,
                    "'%s' cannot be part of a role's name, which 'may' needs", lock->name);
        diag_help(lowering->diags, "role names contain no '/' and no '%%'");
        return;
    }
    const char *key = arena_printf(arena, "%s/%s/%s", lock->policy, lock->name, expr->key);
    if (map_get(&lowering->roles, key)) return;
    struct grant *grant = ARENA_NEW(arena, struct grant);
    *grant = (struct grant){.policy = lock->policy,
                            .name = name,
                            .role = names_of_verb(arena, lock->policy, expr->key, lock->name),
                            .span = lock->span,
                            .scope = {.where = IN_CLUSTER}};
    const struct target target = {.group = "klock.dev", .name = "locks", .span = lock->span};
    ARENA_PUSH(arena, grant->scope.targets, grant->scope.target_count, target);
    ARENA_PUSH(arena, grant->names, grant->name_count, lock->name);
    ARENA_PUSH(arena, grant->verbs, grant->verb_count, expr->key);
    ARENA_PUSH(arena, lowering->policies->grants, lowering->policies->grant_count, grant);
    map_set(&lowering->roles, key, grant);
}

void derive_roles(struct lowering *lowering, const struct lock *lock) {
    for (size_t i = 0; i < lock->passes.other_count; i++) add_role(lowering, lock, lock->passes.others[i]);
    add_role(lowering, lock, lock->condition);
    if (lock->requires) add_role(lowering, lock, lock->requires);
}

// Whether there is room for the lock; false after reporting, once.
static bool fits(struct lowering *lowering, const struct lock *lock) {
    const size_t before = lowering->derived_actors;
    if (before > LIMIT_DERIVED_ACTORS) return false;
    lowering->derived_actors += 1 + lock->passes.user_count + lock->passes.group_count + lock->break_glass.user_count +
                                lock->break_glass.group_count;
    if (lowering->derived_actors <= LIMIT_DERIVED_ACTORS) return true;
    diag_report(lowering->diags, DIAG_TOO_MANY_DERIVED, lock->span,
                "guards and sealed actors would add locks naming more than %d actors in all", LIMIT_DERIVED_ACTORS);
    diag_help(lowering->diags,
              "each of these locks names each of %zu actors: name a group instead, or remove 'guard rbac'",
              lock->passes.user_count + lock->passes.group_count);
    return false;
}

// Whether there are ConfigMaps where the objects of the lock are: a Namespace is in the namespace that it is. Of
// requests that carry only a name, others are the parameters.
static bool is_beside_sources(const struct lock *lock) {
    const struct resource *resource = lock->scope.target_count ? lock->scope.targets[0].resource : NULL;
    const bool is_namespace = resource && !*resource->group && strcmp(resource->plural, "namespaces") == 0;
    return (lock->scope.where != IN_CLUSTER || is_namespace) && !lock->acts;
}

void derive_add(struct lowering *lowering, const struct ast_item *item, struct lock *lock) {
    if (lock->source && !is_beside_sources(lock)) lock->source = NULL;
    if (!fits(lowering, lock)) return;
    if (lock->guard_labels) lock->names_actors = lower_names_actors(lowering->arena, lock);
    lower_cover(lowering, item, lock);
    lower_message(lowering, item, lock);
    ARENA_PUSH(lowering->arena, lowering->policies->locks, lowering->policies->lock_count, lock);
}
