// Checks of the resolved locks: what they leave open, whom they starve, and what they are to each other.
#include <string.h>

#include "arena.h"
#include "catalog.h"
#include "check_parts.h"
#include "diag.h"
#include "names.h"
#include "text.h"
#include "value.h"

static bool covers(const struct ir_scope *scope, const char *group, const char *resource) {
    for (size_t i = 0; i < scope->target_count; i++)
        if (scope->targets[i].name && strcmp(scope->targets[i].name, resource) == 0 &&
            strcmp(scope->targets[i].group, group) == 0)
            return true;
    return false;
}

static void check_reads(const struct checking *checking, const struct ir_lock *lock) {
    if (!covers(&lock->scope, "", "secrets")) return;
    struct diagnostic *diagnostic = diag_report(checking->diags, DIAG_READS_STAY_OPEN, lock->span,
                                                "lock '%s' keeps nobody from reading the secrets", lock->name);
    diag_help(checking->diags, diagnostic,
              "admission never sees reads: withhold get, list and watch by RBAC; if it is known: allow %s",
              diag_info(DIAG_READS_STAY_OPEN)->code);
}

// Controllers whose own work on the locked resources the lock would refuse.
static void check_starvation(const struct checking *checking, const struct ir_lock *lock) {
    if (lock->exemption == EXEMPT_CONTROLLERS || !(lock->mode & MODE_DENY) || lock->path_count) return;
    struct text names;
    text_init(&names, checking->arena);
    size_t count = 0;
    for (size_t i = 0; i < ir_exemption_count; i++) {
        const struct ir_exemption *exemption = &ir_exemptions[i];
        const bool main_resource = !*exemption->subresources || *exemption->subresources == ' ';
        if (exemption->level != EXEMPT_CONTROLLERS || !main_resource || !(exemption->operations & lock->denies) ||
            !covers(&lock->scope, exemption->resource_group, exemption->resource))
            continue;
        const char *colon = strrchr(exemption->user, ':'), *name = colon + 1;
        // These write one object of a fixed name in each namespace: a lock that selects hardly means it.
        if (catalog_list_has("root-ca-cert-publisher service-account-controller", name) &&
            lock->selects->kind != IR_TRUE)
            continue;
        if (strstr(text_string(&names), name)) continue;
        if (count++ < 3) text_printf(&names, "%s%s", names.len ? ", " : "", name);
    }
    if (!count) return;
    if (count > 3) text_printf(&names, " and %zu more", count - 3);
    struct diagnostic *diagnostic =
        diag_report(checking->diags, DIAG_STARVES_CONTROLLER, lock->span,
                    "lock '%s' refuses what its objects' controllers do: %s", lock->name, text_string(&names));
    diag_help(checking->diags, diagnostic, "add 'exempt controllers', or accept it: allow %s",
              diag_info(DIAG_STARVES_CONTROLLER)->code);
}

static void check_policies(const struct checking *checking, const struct ir_lock *lock) {
    static const char group[] = "admissionregistration.k8s.io";
    for (size_t i = 0; i < lock->scope.target_count; i++) {
        const struct ir_target *target = &lock->scope.targets[i];
        if (target->group && strcmp(target->group, group) != 0) continue;
        if (!target->name && lock->scope.where == IN_CLUSTER) {
            struct diagnostic *diagnostic =
                diag_report(checking->diags, DIAG_POLICIES_NOT_LOCKED, lock->span,
                            "lock '%s' does not take in admission policies and their bindings", lock->name);
            diag_help(checking->diags, diagnostic, "withhold write access to %s by RBAC; if it is known: allow %s",
                      group, diag_info(DIAG_POLICIES_NOT_LOCKED)->code);
        } else if (target->name && (strstr(target->name, "admissionpolic")) && !checking->is_static) {
            struct diagnostic *diagnostic = diag_report(checking->diags, DIAG_BAD_TARGET, target->span,
                                                        "the API server evaluates no policy for '%s'", target->name);
            diag_help(checking->diags, diagnostic,
                      "only --target static can lock them; otherwise withhold write access by RBAC");
        }
    }
}

// Requests that reach the locked object by a subresource whose own object carries no labels.
static void check_subresources(const struct checking *checking, const struct ir_lock *lock) {
    struct text open;
    text_init(&open, checking->arena);
    for (size_t i = 0; i < lock->scope.target_count; i++)
        for (size_t j = 0; j < ir_act_count; j++) {
            const struct ir_target *target = &lock->scope.targets[i];
            const struct ir_act *act = &ir_acts[j];
            const bool denied =
                (lock->acts & act->act) || (act->act == ACT_SCALE && lock->requires && lock->scope.where != IN_CLUSTER);
            const bool has = !target->resource || catalog_list_has(target->resource->subresources, act->subresource);
            const enum cover cover = lock->covers[act->shape];
            // What a wildcard has beside pods cannot be looked up.
            const bool covered = cover == COVER_BY_NAME ||
                                 (cover == COVER_BY_PARAMS && (target->resource || act->shape == SHAPE_EVICTIONS));
            if (denied && has && !covered)
                text_printf(&open, "%s%s/%s", open.len ? ", " : "", target->resource ? target->name : "*",
                            act->subresource);
        }
    if (!open.len) return;
    struct diagnostic *diagnostic =
        diag_report(checking->diags, DIAG_SUBRESOURCES_OPEN, lock->span, "lock '%s' does not see requests for %s",
                    lock->name, text_string(&open));
    diag_help(checking->diags, diagnostic, "withhold them by RBAC; if it is known: allow %s",
              diag_info(DIAG_SUBRESOURCES_OPEN)->code);
}

// ---- locks against each other ----

static void add_values(struct text *text, const struct ir_expr *expr) {
    text_printf(text, "(%d %d %s", (int)expr->kind, (int)expr->test, expr->key ? expr->key : "");
    for (size_t i = 0; i < expr->path.count; i++)
        text_printf(text, "/%s", expr->path.segments[i].key ? expr->path.segments[i].key : "*");
    for (size_t i = 0; i < expr->value_count; i++)
        if (expr->values[i]->kind == VALUE_STRING)
            text_printf(text, " '%s'", expr->values[i]->as.string);
        else
            text_printf(text, " %lld", expr->values[i]->kind == VALUE_INT ? (long long)expr->values[i]->as.integer : 0);
    for (size_t i = 0; i < expr->operand_count; i++) add_values(text, expr->operands[i]);
    text_add_char(text, ')');
}

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

static bool scopes_meet(const struct ir_scope *a, const struct ir_scope *b) {
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
static bool contradict(const struct ir_lock *a, const struct ir_lock *b) {
    const bool comparable = a->exclusive.user_count && b->exclusive.user_count && !a->exclusive.group_count &&
                            !b->exclusive.group_count && !a->exclusive.other_count && !b->exclusive.other_count;
    return comparable && (a->denies & b->denies) && (a->mode & b->mode & MODE_DENY) && a->condition->kind == IR_TRUE &&
           b->condition->kind == IR_TRUE && scopes_meet(&a->scope, &b->scope) &&
           !share_name(a->exclusive.users, a->exclusive.user_count, b->exclusive.users, b->exclusive.user_count);
}

struct bucket {
    const struct ir_lock **locks;
    size_t count;
};

// Locks of the same selection whose actors have nobody in common.
static void check_contradictions(const struct checking *checking) {
    enum { COMPARED = 50 };
    struct names buckets;
    names_init(&buckets, checking->arena);
    for (size_t i = 0; i < checking->ir->lock_count; i++) {
        const struct ir_lock *lock = checking->ir->locks[i];
        if (lock->derived || !lock->exclusive.user_count) continue;
        struct text key;
        text_init(&key, checking->arena);
        add_values(&key, lock->selects);
        struct bucket *bucket = names_get(&buckets, text_string(&key));
        if (!bucket) names_set(&buckets, text_string(&key), bucket = ARENA_NEW(checking->arena, struct bucket));
        for (size_t j = 0; j < bucket->count && j < COMPARED; j++) {
            const struct ir_lock *other = bucket->locks[j];
            if (!contradict(lock, other)) continue;
            const bool later = lock->span.file != other->span.file || lock->span.begin > other->span.begin;
            const struct ir_lock *at = later ? lock : other, *first = later ? other : lock;
            struct diagnostic *diagnostic =
                diag_report(checking->diags, DIAG_NOBODY_CAN_ACT, at->span,
                            "nobody can act on what locks '%s' and '%s' both hold", first->name, at->name);
            diag_relate(diagnostic, first->span, "exclusive to others");
            diag_help(checking->diags, diagnostic,
                      "every lock must be satisfied: for either actor, write one lock with both");
            break;
        }
        ARENA_PUSH(checking->arena, bucket->locks, bucket->count, lock);
    }
}

void check_locks(const struct checking *checking) {
    for (size_t i = 0; i < checking->ir->lock_count; i++) {
        const struct ir_lock *lock = checking->ir->locks[i];
        check_subresources(checking, lock);
        if (lock->derived) continue;
        check_reads(checking, lock);
        check_starvation(checking, lock);
        check_policies(checking, lock);
    }
    check_contradictions(checking);
}
