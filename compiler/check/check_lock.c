// The table of what is checked of locks, and what one lock shows by itself or beside others.
#include <assert.h>
#include <string.h>

#include "base/arena.h"
#include "base/map.h"
#include "base/text.h"
#include "check/check_internal.h"
#include "kubernetes/catalog.h"
#include "report/diag.h"

static const char policies_group[] = "admissionregistration.k8s.io";

static void check_policies(struct checking *checking, const struct lock *lock) {
    for (size_t i = 0; i < lock->scope.target_count; i++) {
        const struct target *target = &lock->scope.targets[i];
        if (target->name || (target->group && strcmp(target->group, policies_group) != 0) ||
            lock->scope.where != IN_CLUSTER)
            continue;
        diag_report(checking->diags, DIAG_POLICIES_NOT_LOCKED, lock->span,
                    "lock '%s' does not cover admission policies and their bindings", lock->name);
        diag_help(checking->diags, "withhold write access to %s with RBAC, or write: accept %s", policies_group,
                  diag_info(DIAG_POLICIES_NOT_LOCKED)->name);
    }
}

// The API server does not ask policies about policies.
static void check_not_evaluated(struct checking *checking, const struct lock *lock) {
    for (size_t i = 0; i < lock->scope.target_count && !checking->is_static; i++) {
        const struct target *target = &lock->scope.targets[i];
        if (!target->name || strcmp(target->group, policies_group) != 0 || !strstr(target->name, "admissionpolic"))
            continue;
        diag_report(checking->diags, DIAG_BAD_TARGET, target->span,
                    "the API server does not evaluate policies for '%s'", target->name);
        diag_help(checking->diags, "only --target static can lock them; otherwise withhold write access with RBAC");
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
static void check_left_out(struct checking *checking, const struct lock *lock) {
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
                    "lock '%s' does not cover %s, which wildcards leave out", lock->name, text_string(&out));
        diag_help(checking->diags,
                  "name them next to the wildcard to include them, or in 'except resources' to leave them out; or "
                  "write: accept %s",
                  diag_info(DIAG_WILDCARD_LEAVES_OUT)->name);
        return;
    }
}

static void report_unserved(struct checking *checking, const struct lock *lock, const struct target *target,
                            unsigned since) {
    diag_report(checking->diags, DIAG_VERSION_NOT_SERVED, target->span,
                "lock '%s' does not see %s/%s on servers before 1.%u", lock->name,
                catalog_name(checking->arena, target->resource), target->resource->version, since);
    diag_help(checking->diags, "name a version that they serve, or compile with --kubernetes 1.%u", since);
}

// Which release of a project a cluster has is not known here: whoever writes the version has looked.
static void report_unsaid(struct checking *checking, const struct lock *lock, const struct target *target) {
    const struct resource *resource = target->resource;
    const char *name =
        arena_printf(checking->arena, "%s/%s", catalog_name(checking->arena, resource), resource->version);
    const bool reads = lock_reads_fields(lock);
    diag_report(checking->diags, DIAG_VERSION_NOT_SERVED, target->span,
                reads ? "lock '%s' reads fields of %s, and sees nothing where the cluster does not serve that version"
                      : "lock '%s' looks up %s, and nothing is scaled where the cluster does not serve that version",
                lock->name, name);
    diag_help(checking->diags, "write %s, or the version that 'kubectl api-resources' shows; %s has %s", name,
              resource->source, resource->versions);
    if (!target->subresource && !target->implied) diag_fix(checking->diags, target->span, name);
}

static void check_versions(struct checking *checking, const struct lock *lock) {
    const bool reads = lock_reads_fields(lock), looks_up = lock->covers[SHAPE_SCALE] == COVER_BY_PARAMS;
    for (size_t i = 0; i < lock->scope.target_count; i++) {
        const struct target *target = &lock->scope.targets[i];
        const struct resource *resource = target->resource;
        const unsigned since = resource ? catalog_served_since(resource) : 0;
        if (!resource || target->implied) continue;
        if (reads && since > checking->minor && (!target->version || strcmp(target->version, resource->version) == 0))
            report_unserved(checking, lock, target, since);
        if (resource->project && !target->version &&
            (reads || (looks_up && text_has_word(resource->subresources, "scale"))))
            report_unsaid(checking, lock, target);
    }
}

// What a webhook converts, it can make look like anything.
static void check_conversion(struct checking *checking, const struct lock *lock) {
    for (size_t i = 0; i < lock->scope.target_count && lock_reads_fields(lock); i++) {
        const struct target *target = &lock->scope.targets[i];
        if (!target->resource || !target->resource->converter || target->implied) continue;
        diag_report(checking->diags, DIAG_CONVERTED, target->span,
                    "lock '%s' reads fields of %s as %s converts them from other versions", lock->name,
                    target->resource->plural, target->resource->converter);
        diag_relate(checking->diags, target->resource->declared, "defined here");
        diag_help(checking->diags,
                  "keep what runs the webhook from the same people, and say how: accept %s \"…\"; or have one version "
                  "only",
                  diag_info(DIAG_CONVERTED)->name);
    }
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
        // Whom else a ConfigMap lets pass, nobody knows here.
        if (lock->origin || lock->source || !lock->exclusive.user_count) continue;
        const char *key = check_formula(checking->arena, lock->selects);
        struct bucket *bucket = map_get(&buckets, key);
        if (!bucket) map_set(&buckets, key, bucket = ARENA_NEW(checking->arena, struct bucket));
        for (size_t j = 0; j < bucket->count && j < COMPARED; j++) {
            const struct lock *other = bucket->locks[j];
            if (!contradict(lock, other)) continue;
            const bool later = lock->span.file != other->span.file || lock->span.begin > other->span.begin;
            const struct lock *at = later ? lock : other, *first = later ? other : lock;
            diag_report(checking->diags, DIAG_NOBODY_CAN_ACT, check_place(checking, at, ABOUT_ACTORS),
                        "nobody passes both lock '%s' and lock '%s', which cover the same objects", first->name,
                        at->name);
            diag_relate(checking->diags, check_place(checking, first, ABOUT_ACTORS), "exclusive to other actors");
            diag_help(checking->diags,
                      "a request has to pass every lock: to allow either actor, write one lock with both");
            break;
        }
        ARENA_PUSH(checking->arena, bucket->locks, bucket->count, lock);
    }
}

// ---- all of them ----

// Which locks a check looks at.
enum asked {
    EVERY_LOCK,    // those that guards made as well
    WRITTEN_LOCKS, // those of the policy's own
    DENYING_LOCKS, // of these the ones that refuse
    KEEPING_LOCKS, // of these the ones that keep objects from being deleted
};

// Against whom: what nobody does by mistake is no warning in a policy against accidents.
enum against { ACCIDENTS, INSIDERS };

static const struct {
    void (*check)(struct checking *checking, const struct lock *lock);
    enum asked asked;
    enum against against;
    enum diag_code code; // all that it reports
    enum topic topic;    // what of the lock that is about, where the report does not say where it stands
} checks[] = {
    {check_subresources, EVERY_LOCK, ACCIDENTS, DIAG_SUBRESOURCES_OPEN, ABOUT_DENIED},
    {check_scale_of_custom, EVERY_LOCK, ACCIDENTS, DIAG_SUBRESOURCES_OPEN, ABOUT_CHANGES},
    {check_deputies, EVERY_LOCK, INSIDERS, DIAG_SCALED_BY_DEPUTY, ABOUT_EXEMPTION},
    {check_seals, EVERY_LOCK, INSIDERS, DIAG_ACTOR_NOT_SEALED, ABOUT_ACTORS},
    {check_surplus, EVERY_LOCK, INSIDERS, DIAG_SURPLUS, ABOUT_EXEMPTION},
    {check_starvation, WRITTEN_LOCKS, ACCIDENTS, DIAG_STARVES_CONTROLLER, ABOUT_DENIED},
    {check_requirement, WRITTEN_LOCKS, ACCIDENTS, DIAG_STARVES_CONTROLLER, ABOUT_REQUIRED},
    {check_not_evaluated, WRITTEN_LOCKS, ACCIDENTS, DIAG_BAD_TARGET, ABOUT_RESOURCES},
    {check_policies, WRITTEN_LOCKS, INSIDERS, DIAG_POLICIES_NOT_LOCKED, ABOUT_RESOURCES},
    {check_left_out, WRITTEN_LOCKS, INSIDERS, DIAG_WILDCARD_LEAVES_OUT, ABOUT_RESOURCES},
    {check_versions, WRITTEN_LOCKS, ACCIDENTS, DIAG_VERSION_NOT_SERVED, ABOUT_RESOURCES},
    {check_conversion, WRITTEN_LOCKS, INSIDERS, DIAG_CONVERTED, ABOUT_RESOURCES},
    {check_approval, WRITTEN_LOCKS, INSIDERS, DIAG_APPROVES_ITSELF, ABOUT_DENIED},
    {check_rights, DENYING_LOCKS, INSIDERS, DIAG_ADMINISTRATORS_PASS, ABOUT_ACTORS},
    {check_status, DENYING_LOCKS, INSIDERS, DIAG_STATUS_NOT_LOCKED, ABOUT_RESOURCES},
    {check_operator, DENYING_LOCKS, ACCIDENTS, DIAG_STATUS_WITHOUT_OPERATOR, ABOUT_DENIED},
    {check_namespace_labels, DENYING_LOCKS, ACCIDENTS, DIAG_CONDITION_NOT_GUARDED, ABOUT_CONDITION},
    {check_commanded, DENYING_LOCKS, INSIDERS, DIAG_COMMANDED, ABOUT_EXEMPTION},
    {check_owners, KEEPING_LOCKS, ACCIDENTS, DIAG_CONTROLLER_NOT_LOCKED, ABOUT_DENIED},
    {check_children, KEEPING_LOCKS, INSIDERS, DIAG_CHILDREN_NOT_LOCKED, ABOUT_RESOURCES},
    {check_definitions, KEEPING_LOCKS, ACCIDENTS, DIAG_DEFINITION_NOT_GUARDED, ABOUT_RESOURCES},
    {check_namespaces, KEEPING_LOCKS, ACCIDENTS, DIAG_NAMESPACE_NOT_GUARDED, ABOUT_PLACE},
    {check_volumes, KEEPING_LOCKS, ACCIDENTS, DIAG_VOLUME_GOES_WITH_CLAIM, ABOUT_RESOURCES},
    {check_claims, KEEPING_LOCKS, INSIDERS, DIAG_CLAIM_GOES_WITH_VOLUME, ABOUT_RESOURCES},
    {check_scaled_away, KEEPING_LOCKS, ACCIDENTS, DIAG_SCALED_AWAY, ABOUT_CASCADE},
};

static bool is_asked(const struct lock *lock, enum asked asked) {
    switch (asked) {
    case EVERY_LOCK: return true;
    case WRITTEN_LOCKS: return !lock->origin;
    case DENYING_LOCKS: return !lock->origin && (lock->mode & MODE_DENY);
    case KEEPING_LOCKS:
        return !lock->origin && (lock->mode & MODE_DENY) && !lock->scope.subresource && (lock->denies & OP_DELETE);
    }
    return false;
}

// The reports of a check, from the first of them on.
static void place_reports(const struct checking *checking, const struct lock *lock, size_t check, size_t first) {
    for (size_t i = first; i < checking->diags->count; i++) {
        struct diagnostic *report = &checking->diags->items[i];
        assert(report->code == checks[check].code || report->severity == SEVERITY_ERROR);
        if (span_same(report->span, lock->span)) report->span = check_place(checking, lock, checks[check].topic);
    }
}

void check_locks(struct checking *checking) {
    check_index_holds(checking);
    set_init(&checking->sealed, checking->arena);
    set_init(&checking->scaled, checking->arena);
    set_init(&checking->crowded, checking->arena);
    for (size_t i = 0; i < checking->policies->sealed_count; i++)
        set_add(&checking->sealed, checking->policies->sealed[i]);
    for (size_t i = 0; i < checking->policies->lock_count; i++)
        for (size_t j = 0; j < sizeof checks / sizeof *checks; j++) {
            const struct lock *lock = checking->policies->locks[i];
            if (!is_asked(lock, checks[j].asked) || (checks[j].against == INSIDERS && !lock->insiders)) continue;
            const size_t reported = checking->diags->count;
            checks[j].check(checking, lock);
            place_reports(checking, lock, j, reported);
        }
    check_contradictions(checking);
    check_identities(checking);
}
