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
        const char *own = lock->scope.subresource;
        const bool about = own ? catalog_list_has(exemption->subresources, own)
                               : !*exemption->subresources || *exemption->subresources == ' ';
        if (exemption->level != EXEMPT_CONTROLLERS || !about || !(exemption->operations & lock->denies) ||
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
            const bool denied = (lock->acts & act->act) || (act->act == ACT_SCALE && lock->requires &&
                                                            ir_sees_replicas(lock) && lock->scope.where != IN_CLUSTER);
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

// ---- what lies around the locked objects ----

#define RBAC_BINDINGS "rbac.authorization.k8s.io", "clusterrolebindings"
#define DEFINITIONS "apiextensions.k8s.io", "customresourcedefinitions"

// Locks on the resource: in the namespace, "*" for those that name none, "" for whichever.
static const char *place(struct arena *arena, const char *group, const char *plural, const char *namespace) {
    return arena_printf(arena, "%s.%s %s", plural, group, namespace);
}

// Whether some lock keeps others from deleting such objects where this one holds, at least in one of its namespaces.
static bool is_locked_as(const struct checking *checking, const struct ir_lock *lock, const char *group,
                         const char *plural) {
    struct arena *arena = checking->arena;
    if (lock->scope.where != IN_NAMESPACES) return names_get(&checking->locked, place(arena, group, plural, ""));
    if (names_get(&checking->locked, place(arena, group, plural, "*"))) return true;
    for (size_t i = 0; i < lock->scope.namespace_count; i++)
        if (names_get(&checking->locked, place(arena, group, plural, lock->scope.namespaces[i]))) return true;
    return false;
}

// By name or by a wildcard.
static bool is_locked_elsewhere(const struct checking *checking, const struct ir_lock *lock, const char *group,
                                const char *plural) {
    return is_locked_as(checking, lock, group, plural) || is_locked_as(checking, lock, group, "*") ||
           is_locked_as(checking, lock, "*", "*");
}

// Whether what the list names is held by the lock, or by another where this one is. The last that this one holds is
// given.
static bool holds_some(const struct checking *checking, const struct ir_lock *lock, const char *list,
                       const char **ret_held) {
    bool any = false;
    while (*list) {
        const size_t len = strcspn(list, " ");
        const char *name = arena_copy(checking->arena, list, len), *dot = strchr(name, '.');
        const char *plural = dot ? arena_copy(checking->arena, name, (size_t)(dot - name)) : name;
        const char *group = dot ? dot + 1 : "";
        const bool held = covers(&lock->scope, group, plural);
        if (held && ret_held) *ret_held = plural;
        any |= held || (!ret_held && is_locked_elsewhere(checking, lock, group, plural));
        list += len + (list[len] == ' ');
    }
    return any;
}

static void check_owners(const struct checking *checking, const struct ir_lock *lock) {
    const char *open_owned = NULL, *open_owner = NULL;
    bool owner_locked = false, owned_locked = false;
    for (size_t i = 0; i < ir_workload_count; i++) {
        const struct ir_workload *workload = &ir_workloads[i];
        if (holds_some(checking, lock, workload->owns, &open_owned))
            owner_locked |= covers(&lock->scope, workload->group, workload->plural) ||
                            is_locked_elsewhere(checking, lock, workload->group, workload->plural);
        if (!covers(&lock->scope, workload->group, workload->plural)) continue;
        open_owner = workload->plural;
        owned_locked |= holds_some(checking, lock, workload->owns, NULL);
    }
    if (open_owned && !owner_locked) {
        struct diagnostic *diagnostic =
            diag_report(checking->diags, DIAG_CONTROLLER_NOT_LOCKED, lock->span,
                        "lock '%s' holds %s, and nothing holds the workloads that own them", lock->name, open_owned);
        diag_help(checking->diags, diagnostic, "add 'guard owners', lock the workloads, or accept it: allow %s",
                  diag_info(DIAG_CONTROLLER_NOT_LOCKED)->code);
    }
    if (open_owner && !owned_locked) {
        struct diagnostic *diagnostic =
            diag_report(checking->diags, DIAG_CHILDREN_NOT_LOCKED, lock->span,
                        "lock '%s' holds %s, and nothing holds what they own", lock->name, open_owner);
        diag_help(checking->diags, diagnostic, "add 'cascade', or accept it: allow %s",
                  diag_info(DIAG_CHILDREN_NOT_LOCKED)->code);
    }
}

static void check_definitions(const struct checking *checking, const struct ir_lock *lock) {
    const struct resource *custom = NULL;
    for (size_t i = 0; i < lock->scope.target_count && !custom; i++) {
        const struct resource *resource = lock->scope.targets[i].resource;
        if (!resource || resource->declared.file == SPAN_NOWHERE) continue;
        const char *name = catalog_name(checking->arena, resource);
        if (!names_get(&checking->locked, place(checking->arena, DEFINITIONS, name)) &&
            !names_get(&checking->locked, place(checking->arena, DEFINITIONS, "*")))
            custom = resource;
    }
    if (!custom) return;
    struct diagnostic *diagnostic = diag_report(
        checking->diags, DIAG_DEFINITION_NOT_GUARDED, lock->span,
        "lock '%s' does not keep the definition of %s, with which all of them go", lock->name, custom->plural);
    diag_help(checking->diags, diagnostic, "add 'guard crd', or accept it: allow %s",
              diag_info(DIAG_DEFINITION_NOT_GUARDED)->code);
}

static void check_namespaces(const struct checking *checking, const struct ir_lock *lock) {
    // The API server itself lets nobody delete these.
    bool kept = lock->scope.where == IN_NAMESPACES;
    for (size_t i = 0; i < lock->scope.namespace_count && kept; i++)
        kept = catalog_list_has("default kube-public kube-system", lock->scope.namespaces[i]);
    if (kept || lock->scope.where == IN_CLUSTER || is_locked_elsewhere(checking, lock, "", "namespaces")) return;
    struct diagnostic *diagnostic =
        diag_report(checking->diags, DIAG_NAMESPACE_NOT_GUARDED, lock->span,
                    "lock '%s' does not keep the namespace, with which its objects go", lock->name);
    diag_help(checking->diags, diagnostic,
              lock->scope.where == IN_ANY_NAMESPACE ? "lock the namespaces, or accept it: allow %s"
                                                    : "add 'guard namespace', or accept it: allow %s",
              diag_info(DIAG_NAMESPACE_NOT_GUARDED)->code);
}

static void check_deputies(struct checking *checking, const struct ir_lock *lock) {
    if (!(lock->mode & MODE_DENY) || !(lock->acts & ACT_SCALE) || !lock->covers[SHAPE_SCALE] ||
        lock->exemption != EXEMPT_CONTROLLERS)
        return;
    // Changing those that are there is one way, making another is the other.
    if ((covers(&lock->scope, "autoscaling", "horizontalpodautoscalers") && (lock->denies & OP_CREATE)) ||
        is_locked_elsewhere(checking, lock, "autoscaling", "horizontalpodautoscalers"))
        return;
    // What a guard adds is said once with its lock.
    const char *said = arena_printf(checking->arena, "%s %s", lock->policy, lock->name);
    if (names_get(&checking->scaled, said)) return;
    names_set(&checking->scaled, said, checking);
    struct diagnostic *diagnostic = diag_report(checking->diags, DIAG_SCALED_BY_DEPUTY, lock->span,
                                                "whoever writes an autoscaler scales what lock '%s' holds", lock->name);
    diag_help(checking->diags, diagnostic, "lock horizontalpodautoscalers there as well, or accept it: allow %s",
              diag_info(DIAG_SCALED_BY_DEPUTY)->code);
}

// An actor is said once, at the first of its locks that does not accept it; check sees to that.
static void check_seals(const struct checking *checking, const struct ir_lock *lock) {
    for (size_t i = 0; i < lock->exclusive.user_count; i++) {
        const char *user = lock->exclusive.users[i];
        if (strncmp(user, "system:serviceaccount:", 22) != 0 || names_get(&checking->sealed, user)) continue;
        struct diagnostic *diagnostic = diag_report(checking->diags, DIAG_ACTOR_NOT_SEALED, lock->span,
                                                    "whoever can become '%s' passes as it does", user);
        diag_help(checking->diags, diagnostic, "declare it an actor that is 'sealed', or accept it: allow %s",
                  diag_info(DIAG_ACTOR_NOT_SEALED)->code);
    }
}

static void check_rights(const struct checking *checking, const struct ir_lock *lock) {
    if (!ir_asks_authorizer(lock)) return;
    struct diagnostic *diagnostic =
        diag_report(checking->diags, DIAG_ADMINISTRATORS_PASS, lock->span,
                    "whoever may do everything passes lock '%s': cluster-admin and system:masters do", lock->name);
    diag_help(checking->diags, diagnostic, "name the actors, or accept it: allow %s",
              diag_info(DIAG_ADMINISTRATORS_PASS)->code);
}

static void check_surroundings(const struct checking *checking, const struct ir_lock *lock) {
    if (!(lock->mode & MODE_DENY)) return;
    check_seals(checking, lock);
    check_rights(checking, lock);
    if (lock->scope.subresource || !(lock->denies & OP_DELETE)) return;
    check_owners(checking, lock);
    check_definitions(checking, lock);
    check_namespaces(checking, lock);
}

// ---- locks against each other ----

static bool share_name(const char **a, size_t a_count, const char **b, size_t b_count) {
    for (size_t i = 0; i < a_count; i++)
        for (size_t j = 0; j < b_count; j++)
            if (strcmp(a[i], b[j]) == 0) return true;
    return false;
}

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

// Where which resources are kept from being deleted, or made and changed where that is what leads around a lock.
static void index_locks(struct checking *checking) {
    const struct ir *ir = checking->ir;
    struct arena *arena = checking->arena;
    names_init(&checking->locked, arena);
    names_init(&checking->sealed, arena);
    names_init(&checking->scaled, arena);
    for (size_t i = 0; i < ir->sealed_count; i++) names_set(&checking->sealed, ir->sealed[i], checking);
    for (size_t i = 0; i < ir->lock_count; i++) {
        const struct ir_lock *lock = ir->locks[i];
        const struct ir_scope *scope = &lock->scope;
        if (!(lock->mode & MODE_DENY) || !(lock->denies & (OP_DELETE | OP_CREATE)) || scope->subresource) continue;
        for (size_t j = 0; j < scope->target_count; j++) {
            const char *group = scope->targets[j].group ? scope->targets[j].group : "*",
                       *plural = scope->targets[j].name ? scope->targets[j].name : "*";
            names_set(&checking->locked, place(arena, group, plural, ""), checking);
            // A lock on some namespaces or definitions says nothing of others.
            const bool named = catalog_list_has("namespaces customresourcedefinitions", plural) &&
                               lock->selects->kind == IR_NAME && lock->selects->test == TEST_IN;
            for (size_t k = 0; named && k < lock->selects->value_count; k++)
                names_set(&checking->locked, place(arena, group, plural, lock->selects->values[k]->as.string),
                          checking);
            if (scope->where != IN_NAMESPACES && !named)
                names_set(&checking->locked, place(arena, group, plural, "*"), checking);
            for (size_t k = 0; scope->where == IN_NAMESPACES && k < scope->namespace_count; k++)
                names_set(&checking->locked, place(arena, group, plural, scope->namespaces[k]), checking);
        }
    }
}

static void check_versions(const struct checking *checking, const struct ir_lock *lock) {
    for (size_t i = 0; i < lock->scope.target_count && ir_reads_fields(lock); i++) {
        const struct ir_target *target = &lock->scope.targets[i];
        const unsigned since = target->resource ? catalog_served_since(target->resource) : 0;
        if (since <= checking->minor || (target->version && strcmp(target->version, target->resource->version) != 0))
            continue;
        struct diagnostic *diagnostic =
            diag_report(checking->diags, DIAG_VERSION_NOT_SERVED, target->span,
                        "lock '%s' sees nothing of %s/%s on servers before 1.%u", lock->name,
                        catalog_name(checking->arena, target->resource), target->resource->version, since);
        diag_help(checking->diags, diagnostic, "name the version that they have, or compile with --kubernetes 1.%u",
                  since);
    }
}

static bool is_before(struct span a, struct span b) {
    return a.file < b.file || (a.file == b.file && a.begin < b.begin);
}

// Said once a policy, at the first of its locks that let controllers pass, where others are kept from becoming actors.
static void check_controllers(const struct checking *checking) {
    const struct ir *ir = checking->ir;
    struct names firsts, told;
    names_init(&firsts, checking->arena);
    names_init(&told, checking->arena);
    for (size_t i = 0; i < ir->lock_count; i++) {
        struct ir_lock *lock = ir->locks[i];
        const struct ir_lock *first = names_get(&firsts, lock->policy);
        if (lock->derived || lock->exemption == EXEMPT_NONE || !(lock->mode & MODE_DENY)) continue;
        if (!first || is_before(lock->span, first->span)) names_set(&firsts, lock->policy, lock);
    }
    for (size_t i = 0; i < ir->lock_count && !names_get(&checking->sealed, IR_GARBAGE_COLLECTOR); i++) {
        const struct ir_lock *lock = ir->locks[i], *first = names_get(&firsts, lock->policy);
        const bool keeps_identities = lock->derived && lock->requires && covers(&lock->scope, RBAC_BINDINGS);
        if (!keeps_identities || !first || names_get(&told, lock->policy)) continue;
        names_set(&told, lock->policy, ir->locks[i]);
        struct diagnostic *diagnostic = diag_report(
            checking->diags, DIAG_CONTROLLERS_NOT_GUARDED, first->span,
            "whoever can become a controller passes the locks of policy '%s' that let it pass", lock->policy);
        diag_help(checking->diags, diagnostic, "add 'guard controllers' to one of them, or accept it: allow %s",
                  diag_info(DIAG_CONTROLLERS_NOT_GUARDED)->code);
    }
}

void check_locks(struct checking *checking) {
    index_locks(checking);
    for (size_t i = 0; i < checking->ir->lock_count; i++) {
        const struct ir_lock *lock = checking->ir->locks[i];
        check_subresources(checking, lock);
        check_deputies(checking, lock);
        if (lock->derived) continue;
        check_reads(checking, lock);
        check_starvation(checking, lock);
        check_policies(checking, lock);
        check_versions(checking, lock);
        check_surroundings(checking, lock);
    }
    check_contradictions(checking);
    check_controllers(checking);
}
