// Checks of grants: what they lead to beyond what they say, and exclusive actors that none lets act.
#include <string.h>

#include "base/arena.h"
#include "base/map.h"
#include "base/text.h"
#include "check/check_internal.h"
#include "kubernetes/account.h"
#include "report/diag.h"

static bool takes_in(const struct object_scope *scope, const char *group, const char *resource) {
    for (size_t i = 0; i < scope->target_count; i++) {
        const struct target *target = &scope->targets[i];
        if ((!target->group || strcmp(target->group, group) == 0) &&
            (!target->name || strcmp(target->name, resource) == 0))
            return true;
    }
    return false;
}

static void warn(const struct checking *checking, const struct grant *grant, const char *verb, const char *why) {
    diag_report(checking->diags, DIAG_DANGEROUS_GRANT, grant->span, "grant '%s' allows '%s': %s", grant->name, verb,
                why);
    diag_help(checking->diags, "remove the verb, or write: accept %s", diag_info(DIAG_DANGEROUS_GRANT)->name);
}

// Whether it says so by name, or by every verb on one of the resources that have it.
static bool allows(const struct grant *grant, const char *verb, const char *group, const char *const *resources) {
    bool has = text_is_among(grant->verbs, grant->verb_count, verb);
    for (size_t i = 0; resources[i] && !has; i++) has = takes_in(&grant->scope, group, resources[i]);
    return has && grant_allows(grant, verb);
}

static void check_verbs(const struct checking *checking, const struct grant *grant) {
    static const char group[] = "rbac.authorization.k8s.io";
    static const char *const roles[] = {"roles", "clusterroles", NULL}, *const identities[] = {"users", "groups",
                                                                                               "serviceaccounts", NULL};
    if (allows(grant, "impersonate", "", identities))
        warn(checking, grant, "impersonate", "admission sees the impersonated identity, not who took it");
    if (allows(grant, "bind", group, roles)) warn(checking, grant, "bind", "the holder can bind roles beyond its own");
    if (allows(grant, "escalate", group, roles))
        warn(checking, grant, "escalate", "the holder can extend roles beyond its own");
}

// The subject's name as locks know it.
static const char *name_of(const struct checking *checking, const struct rbac_subject *subject) {
    return subject->kind == RBAC_SERVICE_ACCOUNT ? account_user(checking->arena, subject->namespace, subject->name)
                                                 : subject->name;
}

// Whether all to whom it is granted may become the actor anyway, or pass the lock anyway.
static bool all_pass(const struct checking *checking, const struct grant *grant, const struct lock *lock) {
    for (size_t i = 0; i < grant->subject_count; i++) {
        const bool is_group = grant->subjects[i].kind == RBAC_GROUP;
        const char *name = name_of(checking, &grant->subjects[i]);
        const struct subjects *passes = &lock->passes;
        if (!(is_group ? text_is_among(passes->groups, passes->group_count, name)
                       : text_is_among(passes->users, passes->user_count, name)))
            return false;
    }
    return grant->subject_count > 0;
}

// Whether all to whom it is granted are the tenant's. Its accounts are, by their namespace.
static bool all_are_of(const struct checking *checking, const struct grant *grant, const struct tenant *tenant) {
    for (size_t i = 0; i < grant->subject_count; i++) {
        const struct rbac_subject *subject = &grant->subjects[i];
        const bool is_at_home = subject->kind == RBAC_SERVICE_ACCOUNT &&
                                text_is_among(tenant->namespaces, tenant->namespace_count, subject->namespace);
        if (!is_at_home && !tenant_names(tenant->members, subject->kind == RBAC_GROUP, name_of(checking, subject)))
            return false;
    }
    return grant->subject_count > 0;
}

// The name by which locks know who is impersonated, and whether it is a group; NULL where locks go by other things.
static const char *identity_of(const struct checking *checking, const struct impersonated *one, bool *ret_group) {
    *ret_group = one->kind == IMPERSONATED_GROUP;
    switch (one->kind) {
    case IMPERSONATED_USER:
    case IMPERSONATED_GROUP: return one->name;
    case IMPERSONATED_ACCOUNT: return account_user(checking->arena, one->namespace, one->name);
    case IMPERSONATED_NODE: return arena_printf(checking->arena, "system:node:%s", one->name);
    case IMPERSONATED_UID:
    case IMPERSONATED_EXTRA: break;
    }
    return NULL;
}

// The tenant that it is one of and whose namespaces the lock is about, but none that all holders of the grant are of as
// well.
static bool is_of_other_tenant(const struct checking *checking, const struct grant *grant, const struct lock *lock,
                               const char *name, bool is_group) {
    const struct policies *policies = checking->policies;
    bool is_other = false;
    for (size_t i = 0; i < policies->tenant_count && !is_other && lock_passes_tenants(lock); i++) {
        const struct tenant *tenant = policies->tenants[i];
        is_other = strcmp(tenant->policy, lock->policy) == 0 && tenant_names(tenant->members, is_group, name) &&
                   !all_are_of(checking, grant, tenant);
    }
    return is_other;
}

static bool is_let_through(const struct lock *lock, const char *name, bool is_group) {
    const struct subjects *passes = &lock->passes, *glass = &lock->break_glass;
    return is_group ? text_is_among(passes->groups, passes->group_count, name) ||
                          text_is_among(glass->groups, glass->group_count, name)
                    : text_is_among(passes->users, passes->user_count, name) ||
                          text_is_among(glass->users, glass->user_count, name);
}

// Whether the policy itself says that those of the grant may become it.
static bool is_theirs(const struct checking *checking, const struct grant *grant, const char *name, bool is_group) {
    for (size_t i = 0; i < checking->policies->lock_count; i++) {
        const struct lock *lock = checking->policies->locks[i];
        if (lock->seals_actor && is_let_through(lock, name, is_group) && all_pass(checking, grant, lock)) return true;
    }
    return false;
}

// Admission sees whom somebody impersonates, and not who they are: of the locks that those pass, the first.
static void check_impersonated(const struct checking *checking, const struct grant *grant) {
    for (size_t i = 0; i < grant->impersonated_count; i++) {
        bool is_group = false;
        const char *name = identity_of(checking, &grant->impersonated[i], &is_group);
        if (!name || is_theirs(checking, grant, name, is_group)) continue;
        for (size_t j = 0; j < checking->policies->lock_count; j++) {
            const struct lock *lock = checking->policies->locks[j];
            if (lock->origin && !lock->seals_actor) continue;
            const bool leads = is_let_through(lock, name, is_group) && !all_pass(checking, grant, lock);
            if (!leads && !is_of_other_tenant(checking, grant, lock, name, is_group)) continue;
            diag_report(checking->diags, DIAG_DANGEROUS_GRANT, grant->span,
                        lock->seals_actor ? "grant '%s' lets its holders impersonate '%s', and actor '%s' is sealed"
                                          : "grant '%s' lets its holders impersonate '%s', who passes lock '%s'",
                        grant->name, name, lock->name);
            diag_relate(checking->diags, lock->span, lock->seals_actor ? "the actor" : "the lock");
            diag_help(checking->diags, "leave '%s' out, or write: accept %s", name,
                      diag_info(DIAG_DANGEROUS_GRANT)->name);
            return;
        }
    }
}

static void check_bound(const struct checking *checking, const struct grant *grant) {
    if (!grant->bound || strcmp(grant->bound, "cluster-admin") != 0) return;
    diag_report(checking->diags, DIAG_DANGEROUS_GRANT, grant->span,
                "grant '%s' gives ClusterRole cluster-admin, which allows everything", grant->name);
    diag_help(checking->diags, "bind admin or edit, or write: accept %s", diag_info(DIAG_DANGEROUS_GRANT)->name);
}

// Who may change policies and bindings unlocks everything.
static void check_policies(const struct checking *checking, const struct grant *grant) {
    static const char group[] = "admissionregistration.k8s.io";
    static const char *const writes[] = {"update", "patch", "delete", "deletecollection"};
    if (grant->scope.where == IN_NAMESPACES) return; // there are none
    if (!takes_in(&grant->scope, group, "validatingadmissionpolicies") &&
        !takes_in(&grant->scope, group, "validatingadmissionpolicybindings"))
        return;
    for (size_t i = 0; i < sizeof writes / sizeof *writes; i++) {
        if (!grant_allows(grant, writes[i])) continue;
        diag_report(checking->diags, DIAG_POLICY_GRANT, grant->span,
                    "grant '%s' allows '%s' on admission policies, so its holder can unlock everything", grant->name,
                    writes[i]);
        diag_help(checking->diags, "name whoever applies this policy: deployer SUBJECT; or write: accept %s",
                  diag_info(DIAG_POLICY_GRANT)->name);
        return;
    }
}

// The users that the grant names, service accounts among them.
static const char **users_of(struct arena *arena, const struct grant *grant, size_t *ret_count) {
    const char **users = ARENA_ARRAY(arena, const char *, grant->subject_count);
    *ret_count = 0;
    for (size_t i = 0; i < grant->subject_count; i++) {
        const struct rbac_subject *subject = &grant->subjects[i];
        if (subject->kind == RBAC_SERVICE_ACCOUNT)
            users[(*ret_count)++] = account_user(arena, subject->namespace, subject->name);
        if (subject->kind == RBAC_USER) users[(*ret_count)++] = subject->name;
    }
    return users;
}

// What grants are held against, by namespace: neither grants nor locks are few.
struct users {
    const char **items;
    size_t count;
};
struct locks {
    const struct lock **items;
    size_t count;
};
struct held {
    struct users accounts; // that locks are exclusive to
    struct locks secrets,
        secrets_by_label;               // locks on secrets with exclusive actors: all, and those that name no namespace
    struct map accounts_in, secrets_in; // namespace → struct users *, struct locks *
    struct map tenants;                 // namespace → struct tenant *
};

static void hold_account(struct arena *arena, struct held *held, struct map *known, const char *user) {
    const char *namespace, *name;
    if (!account_parse(arena, user, &namespace, &name) || map_get(known, user)) return;
    map_set(known, user, held);
    ARENA_PUSH(arena, held->accounts.items, held->accounts.count, user);
    struct users *users = map_get(&held->accounts_in, namespace);
    if (!users) map_set(&held->accounts_in, namespace, users = ARENA_NEW(arena, struct users));
    ARENA_PUSH(arena, users->items, users->count, user);
}

static void hold_secrets(struct arena *arena, struct held *held, const struct lock *lock) {
    // What keeps some people out reserves nothing.
    const bool about_some = (formula_reads(lock->condition) & READS_REQUESTER) != 0;
    if (about_some || !lock->exclusive.label_count || !takes_in(&lock->scope, "", "secrets")) return;
    ARENA_PUSH(arena, held->secrets.items, held->secrets.count, lock);
    if (lock->scope.where != IN_NAMESPACES)
        ARENA_PUSH(arena, held->secrets_by_label.items, held->secrets_by_label.count, lock);
    for (size_t i = 0; lock->scope.where == IN_NAMESPACES && i < lock->scope.namespace_count; i++) {
        struct locks *locks = map_get(&held->secrets_in, lock->scope.namespaces[i]);
        if (!locks) map_set(&held->secrets_in, lock->scope.namespaces[i], locks = ARENA_NEW(arena, struct locks));
        ARENA_PUSH(arena, locks->items, locks->count, lock);
    }
}

static void hold(const struct checking *checking, struct held *held) {
    struct map known;
    *held = (struct held){0};
    map_init(&known, checking->arena);
    map_init(&held->accounts_in, checking->arena);
    map_init(&held->secrets_in, checking->arena);
    map_init(&held->tenants, checking->arena);
    for (size_t i = 0; i < checking->policies->tenant_count; i++) {
        struct tenant *tenant = checking->policies->tenants[i];
        for (size_t j = 0; j < tenant->namespace_count; j++) map_set(&held->tenants, tenant->namespaces[j], tenant);
    }
    for (size_t i = 0; i < checking->policies->lock_count; i++) {
        const struct lock *lock = checking->policies->locks[i];
        for (size_t j = 0; j < lock->exclusive.user_count; j++)
            hold_account(checking->arena, held, &known, lock->exclusive.users[j]);
        hold_secrets(checking->arena, held, lock);
    }
}

// The first of them that is not granted to itself.
static const char *other_account(const struct users *accounts, const char **users, size_t count) {
    for (size_t i = 0; accounts && i < accounts->count; i++)
        if (!text_is_among(users, count, accounts->items[i])) return accounts->items[i];
    return NULL;
}

// Who may create pods in the namespace of a service account may run as it.
static void check_pods(const struct checking *checking, const struct held *held, const struct grant *grant) {
    if (!grant_allows(grant, "create") || !takes_in(&grant->scope, "", "pods")) return;
    size_t count = 0;
    const char **users = users_of(checking->arena, grant, &count), *other = NULL;
    if (grant->scope.where != IN_NAMESPACES) other = other_account(&held->accounts, users, count);
    for (size_t i = 0; grant->scope.where == IN_NAMESPACES && i < grant->scope.namespace_count && !other; i++)
        other = other_account(map_get(&held->accounts_in, grant->scope.namespaces[i]), users, count);
    if (other) warn(checking, grant, "create pods", arena_printf(checking->arena, "a pod there can run as %s", other));
}

// Who may make the tokens of a service account may act as it.
static void check_tokens(const struct checking *checking, const struct held *held, const struct grant *grant) {
    bool takes = false;
    for (size_t i = 0; i < grant->scope.target_count; i++) {
        const struct target *target = &grant->scope.targets[i];
        takes |= target->subresource && strcmp(target->subresource, "token") == 0 && target->name &&
                 strcmp(target->name, "serviceaccounts") == 0;
    }
    if (!takes || !grant_allows(grant, "create")) return;
    size_t count = 0;
    const char **users = users_of(checking->arena, grant, &count);
    for (size_t i = 0; i < held->accounts.count; i++) {
        const char *namespace = NULL, *name = NULL, *user = held->accounts.items[i];
        if (!account_parse(checking->arena, user, &namespace, &name) || text_is_among(users, count, user)) continue;
        if (grant->name_count && !text_is_among(grant->names, grant->name_count, name)) continue;
        if (grant->scope.where == IN_NAMESPACES &&
            !text_is_among(grant->scope.namespaces, grant->scope.namespace_count, namespace))
            continue;
        warn(checking, grant, "create serviceaccounts/token",
             arena_printf(checking->arena, "with such a token its holder acts as %s", user));
        return;
    }
}

// Whether the lock lets the tenants of these namespaces through, and all holders of the grant are theirs, or there are
// none.
static bool is_at_home(const struct checking *checking, const struct held *held, const struct grant *grant,
                       const struct lock *lock) {
    if (!lock_passes_tenants(lock) || grant->scope.where != IN_NAMESPACES) return false;
    bool home = true;
    for (size_t i = 0; i < grant->scope.namespace_count && home; i++) {
        const struct tenant *tenant = map_get(&held->tenants, grant->scope.namespaces[i]);
        home = !tenant || strcmp(tenant->policy, lock->policy) != 0 || all_are_of(checking, grant, tenant);
    }
    return home;
}

// The first of them whose actors are others than those of the grant.
static const struct lock *lock_of_others(const struct checking *checking, const struct held *held,
                                         const struct grant *grant, const struct locks *locks, const char **users,
                                         size_t count) {
    for (size_t i = 0; locks && i < locks->count; i++) {
        const struct subjects *exclusive = &locks->items[i]->exclusive;
        bool shared = is_at_home(checking, held, grant, locks->items[i]);
        for (size_t j = 0; j < exclusive->user_count && !shared; j++)
            shared = text_is_among(users, count, exclusive->users[j]);
        if (!shared) return locks->items[i];
    }
    return NULL;
}

// A grant of reads on secrets that a lock keeps to others.
static void check_secret_reads(const struct checking *checking, const struct held *held, const struct grant *grant) {
    if (!takes_in(&grant->scope, "", "secrets") || !grant_allows(grant, "get list watch")) return;
    size_t count = 0;
    const char **users = users_of(checking->arena, grant, &count);
    const bool anywhere = grant->scope.where != IN_NAMESPACES;
    const struct lock *lock =
        lock_of_others(checking, held, grant, anywhere ? &held->secrets : &held->secrets_by_label, users, count);
    for (size_t i = 0; !anywhere && i < grant->scope.namespace_count && !lock; i++)
        lock =
            lock_of_others(checking, held, grant, map_get(&held->secrets_in, grant->scope.namespaces[i]), users, count);
    if (!lock) return;
    diag_report(checking->diags, DIAG_READ_GRANT, grant->span,
                "grant '%s' can read the secrets that lock '%s' reserves for others", grant->name, lock->name);
    diag_relate(checking->diags, lock->span, "the lock");
    diag_help(checking->diags, "remove get, list and watch, or write: accept %s", diag_info(DIAG_READ_GRANT)->name);
}

// ---- exclusive actors without a grant ----

static const char *subject_key(struct arena *arena, const struct rbac_subject *subject) {
    switch (subject->kind) {
    case RBAC_SERVICE_ACCOUNT:
        return arena_printf(arena, "user %s", account_user(arena, subject->namespace, subject->name));
    case RBAC_USER: return arena_printf(arena, "user %s", subject->name);
    case RBAC_GROUP: return arena_printf(arena, "group %s", subject->name);
    }
    return "";
}

static void check_actor(const struct checking *checking, struct map *granted, const struct lock *lock, const char *kind,
                        const char *name) {
    const char *key = arena_printf(checking->arena, "%s %s", kind, name);
    // Said of every lock, so that each may accept it; check keeps the first that does not.
    if (map_get(granted, key)) return;
    diag_report(checking->diags, DIAG_ACTOR_WITHOUT_GRANT, check_place(checking, lock, ABOUT_ACTORS),
                "nothing in these files grants %s '%s' RBAC on what the lock protects", kind, name);
    diag_help(checking->diags, "a lock never grants: add a grant; or, if the RBAC is defined elsewhere: accept %s",
              diag_info(DIAG_ACTOR_WITHOUT_GRANT)->name);
}

static void check_actors(const struct checking *checking) {
    struct map granted, granting; // what has a grant, and the policies that grant anything
    map_init(&granted, checking->arena);
    map_init(&granting, checking->arena);
    for (size_t i = 0; i < checking->policies->grant_count; i++)
        map_set(&granting, checking->policies->grants[i]->policy, checking->arena);
    for (size_t i = 0; i < checking->policies->grant_count; i++) {
        const struct grant *grant = checking->policies->grants[i];
        for (size_t j = 0; j < grant->subject_count && !grant->impersonated_count; j++)
            map_set(&granted, subject_key(checking->arena, &grant->subjects[j]), checking->arena);
    }
    for (size_t i = 0; i < checking->policies->lock_count; i++) {
        const struct lock *lock = checking->policies->locks[i];
        if (lock->origin || !map_get(&granting, lock->policy)) continue;
        for (size_t j = 0; j < lock->exclusive.user_count; j++)
            check_actor(checking, &granted, lock, "user", lock->exclusive.users[j]);
        for (size_t j = 0; j < lock->exclusive.group_count; j++)
            check_actor(checking, &granted, lock, "group", lock->exclusive.groups[j]);
    }
}

// What the policy emits needs somebody to look after it.
static void check_deployers(const struct checking *checking) {
    struct map known;
    map_init(&known, checking->arena);
    for (size_t i = 0; i < checking->policies->deployer_count; i++)
        map_set(&known, checking->policies->deployers[i]->policy, checking->arena);
    for (size_t i = 0; i < checking->policies->lock_count; i++) {
        const struct lock *lock = checking->policies->locks[i];
        if (!lock->keeps_output || map_get(&known, lock->policy)) continue;
        map_set(&known, lock->policy, checking->arena);
        diag_report(checking->diags, DIAG_NO_DEPLOYER, check_place(checking, lock, ABOUT_GUARDS),
                    "lock '%s' protects the objects of policy '%s' itself, and no deployer may apply them", lock->name,
                    lock->policy);
        diag_help(checking->diags, "name whoever applies the policy: deployer SUBJECT; or write: accept %s",
                  diag_info(DIAG_NO_DEPLOYER)->name);
    }
}

void check_grants(const struct checking *checking) {
    const struct policies *policies = checking->policies;
    struct held held;
    hold(checking, &held);
    for (size_t i = 0; i < policies->grant_count; i++) {
        check_verbs(checking, policies->grants[i]);
        check_impersonated(checking, policies->grants[i]);
        check_bound(checking, policies->grants[i]);
        check_policies(checking, policies->grants[i]);
        check_pods(checking, &held, policies->grants[i]);
        check_tokens(checking, &held, policies->grants[i]);
        check_secret_reads(checking, &held, policies->grants[i]);
    }
    check_actors(checking);
    if (checking->is_static && (policies->grant_count || policies->account_count)) {
        const struct span span = policies->grant_count ? policies->grants[0]->span : policies->accounts[0]->span;
        diag_report(checking->diags, DIAG_NOT_STATIC, span,
                    "static manifests cannot hold RBAC: grants and accounts are left out");
        diag_help(checking->diags, "compile them from a file of their own with --target api");
    }
    check_deployers(checking);
}
