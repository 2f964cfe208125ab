// Checks of grants: what they lead to beyond what they say, and exclusive actors that none lets act.
#include <string.h>

#include "arena.h"
#include "check_parts.h"
#include "diag.h"
#include "names.h"
#include "value.h"

static bool has_verb(const struct ir_grant *grant, const char *verb) {
    for (size_t i = 0; i < grant->verb_count; i++)
        if (strcmp(grant->verbs[i], verb) == 0 || strcmp(grant->verbs[i], "*") == 0) return true;
    return false;
}

static bool covers(const struct ir_scope *scope, const char *group, const char *resource) {
    for (size_t i = 0; i < scope->target_count; i++) {
        const struct ir_target *target = &scope->targets[i];
        if ((!target->group || strcmp(target->group, group) == 0) && (!target->name || strcmp(target->name, resource) == 0)) return true;
    }
    return false;
}

static bool reaches_namespace(const struct ir_scope *scope, const char *namespace) {
    if (scope->where != IN_NAMESPACES) return true;
    for (size_t i = 0; i < scope->namespace_count; i++)
        if (strcmp(scope->namespaces[i], namespace) == 0) return true;
    return false;
}

static void warn(const struct checking *checking, const struct ir_grant *grant, const char *verb, const char *why) {
    struct diagnostic *diagnostic =
        diag_report(checking->diags, DIAG_DANGEROUS_GRANT, grant->span, "grant '%s' allows '%s': %s", grant->name, verb, why);
    diag_help(checking->diags, diagnostic, "withhold it, or accept it: allow %s", diag_info(DIAG_DANGEROUS_GRANT)->code);
}

static void check_verbs(const struct checking *checking, const struct ir_grant *grant) {
    if (has_verb(grant, "impersonate")) warn(checking, grant, "impersonate", "admission sees the identity that was taken, not who took it");
    if (has_verb(grant, "bind")) warn(checking, grant, "bind", "the holder can give out roles beyond its own");
    if (has_verb(grant, "escalate")) warn(checking, grant, "escalate", "the holder can widen roles beyond its own");
}

static const char *account_user(struct arena *arena, const char *namespace, const char *name) {
    return arena_printf(arena, "system:serviceaccount:%s:%s", namespace, name);
}

static bool is_subject(const struct checking *checking, const struct ir_grant *grant, const char *user) {
    for (size_t i = 0; i < grant->subject_count; i++) {
        const char *name = grant->subjects[i].kind == RBAC_SERVICE_ACCOUNT
                               ? account_user(checking->arena, grant->subjects[i].namespace, grant->subjects[i].name)
                               : grant->subjects[i].name;
        if (grant->subjects[i].kind != RBAC_GROUP && strcmp(name, user) == 0) return true;
    }
    return false;
}

// Who may create pods in the namespace of a service account may run as it.
static void check_pods(const struct checking *checking, const struct ir_grant *grant) {
    static const char prefix[] = "system:serviceaccount:";
    if (!has_verb(grant, "create") || !covers(&grant->scope, "", "pods")) return;
    for (size_t i = 0; i < checking->ir->lock_count; i++) {
        const struct ir_subjects *exclusive = &checking->ir->locks[i]->exclusive;
        for (size_t j = 0; j < exclusive->user_count; j++) {
            const char *user = exclusive->users[j];
            if (strncmp(user, prefix, sizeof prefix - 1) != 0) continue;
            const char *namespace = user + sizeof prefix - 1, *colon = strchr(namespace, ':');
            if (!colon || is_subject(checking, grant, user)) continue;
            if (!reaches_namespace(&grant->scope, arena_copy(checking->arena, namespace, (size_t)(colon - namespace)))) continue;
            warn(checking, grant, "create pods", arena_printf(checking->arena, "a pod there can run as %s", user));
            return;
        }
    }
}

// A grant of reads on secrets that a lock keeps to others.
static void check_secret_reads(const struct checking *checking, const struct ir_grant *grant) {
    if (!covers(&grant->scope, "", "secrets") || !(has_verb(grant, "get") || has_verb(grant, "list") || has_verb(grant, "watch"))) return;
    for (size_t i = 0; i < checking->ir->lock_count; i++) {
        const struct ir_lock *lock = checking->ir->locks[i];
        bool meets = lock->scope.where != IN_NAMESPACES;
        for (size_t j = 0; j < lock->scope.namespace_count && !meets; j++) meets = reaches_namespace(&grant->scope, lock->scope.namespaces[j]);
        bool shared = false;
        for (size_t j = 0; j < lock->exclusive.user_count; j++) shared |= is_subject(checking, grant, lock->exclusive.users[j]);
        if (!meets || shared || !lock->exclusive.label_count || !covers(&lock->scope, "", "secrets")) continue;
        struct diagnostic *diagnostic = diag_report(checking->diags, DIAG_READ_GRANT, grant->span, "grant '%s' reads the secrets that lock '%s' keeps to others",
                                                    grant->name, lock->name);
        diag_relate(diagnostic, lock->span, "the lock");
        diag_help(checking->diags, diagnostic, "leave out get, list and watch, or accept it: allow %s", diag_info(DIAG_READ_GRANT)->code);
        return;
    }
}

// ---- exclusive actors without a grant ----

static const char *subject_key(struct arena *arena, const struct ir_rbac_subject *subject) {
    switch (subject->kind) {
    case RBAC_SERVICE_ACCOUNT: return arena_printf(arena, "user %s", account_user(arena, subject->namespace, subject->name));
    case RBAC_USER: return arena_printf(arena, "user %s", subject->name);
    case RBAC_GROUP: return arena_printf(arena, "group %s", subject->name);
    }
    return "";
}

static void check_actor(const struct checking *checking, struct names *granted, const struct ir_lock *lock, const char *kind, const char *name) {
    const char *key = arena_printf(checking->arena, "%s %s", kind, name);
    // Said of every lock, so that each may accept it; check keeps the first that does not.
    if (names_get(granted, key)) return;
    struct diagnostic *diagnostic = diag_report(checking->diags, DIAG_ACTOR_WITHOUT_GRANT, lock->span, "no grant here lets %s '%s' act", kind, name);
    diag_help(checking->diags, diagnostic, "a lock never grants: add a grant, or if RBAC has it elsewhere: allow %s",
              diag_info(DIAG_ACTOR_WITHOUT_GRANT)->code);
}

static void check_actors(const struct checking *checking) {
    struct names granted;
    names_init(&granted, checking->arena);
    for (size_t i = 0; i < checking->ir->grant_count; i++)
        for (size_t j = 0; j < checking->ir->grants[i]->subject_count; j++)
            names_set(&granted, subject_key(checking->arena, &checking->ir->grants[i]->subjects[j]), checking->arena);
    for (size_t i = 0; i < checking->ir->lock_count; i++) {
        const struct ir_lock *lock = checking->ir->locks[i];
        for (size_t j = 0; j < lock->exclusive.user_count; j++) check_actor(checking, &granted, lock, "user", lock->exclusive.users[j]);
        for (size_t j = 0; j < lock->exclusive.group_count; j++) check_actor(checking, &granted, lock, "group", lock->exclusive.groups[j]);
    }
}

void check_grants(const struct checking *checking) {
    const struct ir *ir = checking->ir;
    for (size_t i = 0; i < ir->grant_count; i++) {
        check_verbs(checking, ir->grants[i]);
        check_pods(checking, ir->grants[i]);
        check_secret_reads(checking, ir->grants[i]);
    }
    check_actors(checking);
    if (checking->is_static && (ir->grant_count || ir->account_count)) {
        const struct span span = ir->grant_count ? ir->grants[0]->span : ir->accounts[0]->span;
        struct diagnostic *diagnostic = diag_report(checking->diags, DIAG_NOT_STATIC, span, "static manifests hold no RBAC: grants and accounts are left out");
        diag_help(checking->diags, diagnostic, "apply them with --target api from a file of their own");
    }
}
