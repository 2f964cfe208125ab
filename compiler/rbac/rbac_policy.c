// What is found about the locks of a policy: who holds the verb that one asks for, and who can become an actor. Who
// passes is decided by `decide`, as for every other judge.
#include <string.h>

#include "base/arena.h"
#include "base/names.h"
#include "base/text.h"
#include "data/value.h"
#include "decide/decide.h"
#include "kubernetes/account.h"
#include "kubernetes/facts.h"
#include "policy/policy.h"
#include "rbac/rbac_internal.h"

// Somebody who passes locks and could be somebody else in disguise.
struct actor {
    struct subject *subject;
    const char *account; // the name of a service account within its namespace; NULL for others, and for all of one
    bool is_sealed;
    const struct lock **locks; // that it passes
    size_t lock_count;
    const struct lock **seals; // of sealed actors, those that it passes
    size_t seal_count;
};

struct search {
    struct reporting *reporting;
    struct arena *arena;
    const struct policies *policies;
    struct actor **actors;
    size_t actor_count;
    struct map by_subject;
    struct map verdicts; // lock and subject → &yes, &no
    struct map tenants;  // policy → struct value *
};

// ---- who passes ----

static void groups_of(struct arena *arena, const struct subject *subject, struct request *request) {
    const char **groups = ARENA_ARRAY(arena, const char *, 4);
    size_t count = 0;
    if (subject->is_group) groups[count++] = subject->name;
    if (subject->account) {
        groups[count++] = ACCOUNT_GROUP_OF_ALL;
        groups[count++] = account_group(arena, subject->account);
    }
    groups[count++] = KUBE_AUTHENTICATED;
    request->groups = groups;
    request->group_count = count;
}

// A namespace that belongs to all tenants of the policy.
static const struct value *namespace_of_tenants(struct search *s, const char *policy) {
    struct value *namespace = map_get(&s->tenants, policy);
    if (namespace) return namespace;
    struct text members;
    text_init(&members, s->arena);
    for (size_t i = 0; i < s->policies->tenant_count; i++)
        if (strcmp(s->policies->tenants[i]->policy, policy) == 0)
            text_printf(&members, "%s\n", s->policies->tenants[i]->members);
    struct value *metadata = value_map(s->arena), *annotations = value_map(s->arena);
    namespace = value_map(s->arena);
    value_set_string(s->arena, annotations, NAMES_TENANT_MEMBERS, text_string(&members));
    value_set(s->arena, metadata, "annotations", annotations);
    value_set(s->arena, namespace, "metadata", metadata);
    map_set(&s->tenants, policy, namespace);
    return namespace;
}

static bool passes(struct search *s, const struct lock *lock, const struct subject *subject, const char *verb) {
    struct request request = {
        .operation = OP_UPDATE,
        .group = "",
        .version = "",
        .resource = "",
        .kind = "",
        .subresource = "",
        .namespace = "",
        .name = "",
        .user = subject->is_group ? "" : subject->name,
        .uid = "",
        .grants = &verb,
        .grant_count = verb != NULL,
        .namespace_object = namespace_of_tenants(s, lock->policy),
    };
    groups_of(s->arena, subject, &request);
    return decide_is_actor(s->arena, lock, &request);
}

static bool passes_alone(struct search *s, const struct lock *lock, const struct subject *subject) {
    static bool yes = true, no = false;
    const char *key =
        arena_printf(s->arena, "%s/%s/%c%s", lock->policy, lock->name, subject->is_group ? 'g' : 'u', subject->name);
    bool *verdict = map_get(&s->verdicts, key);
    if (!verdict) map_set(&s->verdicts, key, verdict = passes(s, lock, subject, NULL) ? &yes : &no);
    return *verdict;
}

// ---- actors ----

static bool is_sealed(const struct search *s, const struct subject *subject) {
    const struct policies *policies = s->policies;
    const char *all = subject->account ? account_group(s->arena, subject->account) : "";
    for (size_t i = 0; i < policies->sealed_count; i++)
        if (strcmp(policies->sealed[i], subject->name) == 0 || strcmp(policies->sealed[i], all) == 0) return true;
    return false;
}

static void add_actor(struct search *s, const struct lock *lock, bool is_group, const char *name) {
    struct rbac *rbac = s->reporting->rbac;
    struct subject *subject = rbac_subject(rbac, is_group, name);
    const char *key = arena_printf(s->arena, "%c%s", is_group ? 'g' : 'u', name);
    struct actor *actor = map_get(&s->by_subject, key);
    if (!actor) {
        const char *namespace;
        actor = ARENA_NEW(s->arena, struct actor);
        actor->subject = subject;
        if (subject->account) account_parse(s->arena, name, &namespace, &actor->account);
        actor->is_sealed = is_sealed(s, subject);
        map_set(&s->by_subject, key, actor);
        ARENA_PUSH(s->arena, s->actors, s->actor_count, actor);
    }
    ARENA_PUSH(s->arena, actor->locks, actor->lock_count, lock);
}

// Those who pass in some tenant's namespaces: the lines of its Namespaces name them.
static void add_tenants(struct search *s, const struct lock *lock) {
    static const char group[] = "group ", user[] = "user ";
    for (size_t i = 0; i < s->policies->tenant_count; i++) {
        const struct tenant *tenant = s->policies->tenants[i];
        for (const char *at = tenant->members; strcmp(tenant->policy, lock->policy) == 0 && *at;) {
            const size_t len = strcspn(at, "\n");
            const char *line = arena_copy(s->arena, at, len);
            const bool is_group = strncmp(line, group, sizeof group - 1) == 0;
            add_actor(s, lock, is_group, line + (is_group ? sizeof group : sizeof user) - 1);
            at += len + (at[len] == '\n');
        }
    }
}

// Whom the formula asks for by an exact name.
static void add_actors_in(struct search *s, const struct lock *lock, const struct formula *expr) {
    if (expr->kind == FORMULA_TENANT) add_tenants(s, lock);
    const bool named = (expr->kind == FORMULA_USER || expr->kind == FORMULA_GROUP) && expr->compare == CMP_IN;
    for (size_t i = 0; named && i < expr->value_count; i++)
        if (expr->values[i]->kind == VALUE_STRING)
            add_actor(s, lock, expr->kind == FORMULA_GROUP, expr->values[i]->as.string);
    for (size_t i = 0; i < expr->operand_count && expr->kind != FORMULA_NOT; i++)
        add_actors_in(s, lock, expr->operands[i]);
}

static void add_actors(struct search *s, const struct lock *lock, const struct subjects *subjects) {
    for (size_t i = 0; i < subjects->user_count; i++) add_actor(s, lock, false, subjects->users[i]);
    for (size_t i = 0; i < subjects->group_count; i++) add_actor(s, lock, true, subjects->groups[i]);
    for (size_t i = 0; i < subjects->other_count; i++) add_actors_in(s, lock, subjects->others[i]);
}

// ---- becoming one ----

#define AS_ACCOUNT (POWER_OF(IMPERSONATE_ACCOUNTS) | POWER_OF(ASSUME_ACCOUNTS) | POWER_OF(TOKENS))
#define IN_NAMESPACE_OF_ACCOUNT                                                                                        \
    (POWER_OF(PODS) | POWER_OF(WORKLOADS) | POWER_OF(ENTER) | POWER_OF(EPHEMERAL) | POWER_OF(MAKE_SECRETS))
// What admission does not see, so that no seal holds against it.
#define UNSEEN (POWER_OF(IMPERSONATE_ACCOUNTS) | POWER_OF(ASSUME_ACCOUNTS) | POWER_OF(READ_SECRETS))
#define AS_USER (POWER_OF(IMPERSONATE_USERS) | POWER_OF(ASSUME_USERS))
#define AS_GROUP (POWER_OF(IMPERSONATE_GROUPS) | POWER_OF(ASSUME_GROUPS))

static bool is_group_of_accounts(const struct subject *subject) {
    return subject->is_group && account_is_group(subject->name);
}

static const char *namespace_of(const struct actor *actor) {
    return is_group_of_accounts(actor->subject) ? actor->subject->name + strlen(ACCOUNT_GROUP_PREFIX)
                                                : actor->subject->account;
}

// The ways to the actor that the rule opens, in the namespace of the actor or everywhere.
static powers ways_of(const struct rule *rule, const struct actor *actor) {
    const struct subject *subject = actor->subject;
    const char *name = actor->account ? actor->account : subject->name;
    powers ways = 0;
    if (namespace_of(actor)) {
        ways = rule->powers & (IN_NAMESPACE_OF_ACCOUNT | POWER_OF(READ_SECRETS));
        if (!actor->account || rbac_names(rule, name)) ways |= rule->powers & AS_ACCOUNT;
        if (actor->is_sealed) ways &= UNSEEN;
        if (!actor->account && rbac_names(rule, subject->name)) ways |= rule->powers & AS_GROUP;
    } else if (rbac_names(rule, name)) {
        ways = rule->powers & (subject->is_group ? AS_GROUP : AS_USER);
    }
    return ways;
}

// Secrets for tokens are made to be read.
static powers without_halves(powers ways) {
    return ways & POWER_OF(READ_SECRETS) ? ways : ways & ~POWER_OF(MAKE_SECRETS);
}

static powers ways_to(const struct share *share, const struct actor *actor) {
    powers ways = 0;
    const char *namespace = namespace_of(actor);
    if (*share->binding->namespace && (!namespace || strcmp(namespace, share->binding->namespace) != 0)) return 0;
    for (size_t i = 0; i < share->rule_count; i++) ways |= ways_of(share->rules[i], actor);
    return without_halves(ways & (*share->binding->namespace ? share->powers : ~(powers)0));
}

static const struct rule *rule_to(const struct share *share, const struct actor *actor, powers ways) {
    for (size_t i = 0; i < share->rule_count; i++)
        if (ways_of(share->rules[i], actor) & ways) return share->rules[i];
    return NULL;
}

// Whether the actor is sealed by the subject: whoever passes all that seals what the actor passes.
static bool seals(struct search *s, const struct actor *actor, const struct subject *subject) {
    for (size_t i = 0; i < actor->seal_count; i++)
        if (!passes_alone(s, actor->seals[i], subject)) return false;
    return actor->seal_count > 0;
}

// The first lock that the actor passes and the subject does not; NULL where there is none.
static const struct lock *gained(struct search *s, const struct actor *actor, const struct subject *subject) {
    if (subject == actor->subject || subject->holds_everything) return NULL;
    for (size_t i = 0; i < actor->lock_count; i++)
        if (!passes_alone(s, actor->locks[i], subject)) return seals(s, actor, subject) ? NULL : actor->locks[i];
    return NULL;
}

// Of one binding, the actors that are become by it in the same ways.
struct becoming {
    powers ways;
    const char **actors;
    size_t count;
    const struct lock *lock;
    const struct rule *rule;
    bool is_sealed;
    struct subject **subjects;
    size_t subject_count;
};

static void add_becoming(struct search *s, const struct share *share, const struct actor *actor, powers ways,
                         struct becoming **list, size_t *count) {
    struct becoming found = {.ways = ways, .is_sealed = actor->is_sealed, .rule = rule_to(share, actor, ways)};
    for (size_t i = 0; i < share->subject_count; i++) {
        const struct lock *lock = gained(s, actor, share->subjects[i]);
        if (!lock) continue;
        if (!found.lock) found.lock = lock;
        ARENA_PUSH(s->arena, found.subjects, found.subject_count, share->subjects[i]);
    }
    if (!found.lock) return;
    struct becoming *same = NULL;
    for (size_t i = 0; i < *count && !same; i++) {
        struct becoming *other = &(*list)[i];
        bool is_same =
            other->ways == ways && other->is_sealed == found.is_sealed && other->subject_count == found.subject_count;
        for (size_t j = 0; is_same && j < found.subject_count; j++) is_same = other->subjects[j] == found.subjects[j];
        if (is_same) same = other;
    }
    if (!same) {
        ARENA_PUSH(s->arena, *list, *count, found);
        same = &(*list)[*count - 1];
    }
    ARENA_PUSH(s->arena, same->actors, same->count, actor->subject->label);
}

static void report_becoming(struct search *s, const struct binding *binding, const struct becoming *becoming) {
    struct arena *arena = s->arena;
    const struct lock *lock = becoming->lock;
    const struct finding finding = {
        .code = DIAG_RBAC_BECOMES_ACTOR,
        .binding = binding,
        .rule = becoming->rule,
        .subjects = becoming->subjects,
        .subject_count = becoming->subject_count,
        .what =
            arena_printf(arena, "may become %s%s, which %s lock '%s/%s', by %s", becoming->is_sealed ? "sealed " : "",
                         rbac_list(arena, becoming->actors, becoming->count), becoming->count > 1 ? "pass" : "passes",
                         lock->policy, lock->name, rbac_powers_text(arena, becoming->ways)),
        .remedy = becoming->is_sealed ? "withhold it where the actor is, or name them after 'sealed by'"
                                      : "withhold it where the actor is, or declare the actor 'sealed', against which "
                                        "admission holds most of it",
    };
    rbac_report(s->reporting, &finding);
}

static void check_becoming(struct search *s, const struct share *share) {
    struct becoming *list = NULL;
    size_t count = 0;
    if (!(share->powers & (AS_ACCOUNT | IN_NAMESPACE_OF_ACCOUNT | UNSEEN | AS_USER | AS_GROUP))) return;
    for (size_t i = 0; i < s->actor_count; i++) {
        const powers ways = ways_to(share, s->actors[i]);
        if (ways) add_becoming(s, share, s->actors[i], ways, &list, &count);
    }
    for (size_t i = 0; i < count; i++) report_becoming(s, share->binding, &list[i]);
}

// ---- verbs on locks ----

// Each verb that the lock asks for.
static void verbs_in(struct arena *arena, const struct formula *expr, struct texts *verbs) {
    if (expr->kind == FORMULA_MAY) texts_add(arena, verbs, expr->key);
    for (size_t i = 0; i < expr->operand_count; i++) verbs_in(arena, expr->operands[i], verbs);
}

static struct texts verbs_of(struct arena *arena, const struct lock *lock) {
    struct texts verbs = {0};
    for (size_t i = 0; i < lock->passes.other_count; i++) verbs_in(arena, lock->passes.others[i], &verbs);
    for (size_t i = 0; i < lock->break_glass.other_count; i++) verbs_in(arena, lock->break_glass.others[i], &verbs);
    return verbs;
}

static void check_verb(struct search *s, const struct share *share, const struct lock *lock, const char *verb) {
    struct arena *arena = s->arena;
    const struct rbac_request request = {.user = "",
                                         .verb = verb,
                                         .group = "klock.dev",
                                         .resource = "locks",
                                         .subresource = "",
                                         .name = lock->name,
                                         .namespace = ""};
    const struct rule *rule = NULL;
    for (size_t i = 0; i < share->rule_count && !rule; i++)
        if (rbac_rule_allows(share->rules[i], &request)) rule = share->rules[i];
    if (!rule) return;
    struct finding finding = {
        .code = DIAG_RBAC_PASSES_LOCK,
        .binding = share->binding,
        .rule = rule,
        .what = arena_printf(arena, "may %s lock '%s/%s'%s%s, and so passes it", verb, lock->policy, lock->name,
                             *share->binding->namespace ? " in namespace " : "", share->binding->namespace),
        .remedy = "delete the binding where nobody is to pass the lock by it",
    };
    for (size_t i = 0; i < share->subject_count; i++) {
        struct subject *subject = share->subjects[i];
        if (!subject->holds_everything && !rbac_is_deployer(s->policies, subject) && passes(s, lock, subject, verb) &&
            !passes_alone(s, lock, subject))
            ARENA_PUSH(arena, finding.subjects, finding.subject_count, subject);
    }
    if (finding.subject_count) rbac_report(s->reporting, &finding);
}

static void check_verbs(struct search *s, const struct share *share) {
    const char *namespace = share->binding->namespace;
    for (size_t i = 0; i < s->policies->lock_count; i++) {
        const struct lock *lock = s->policies->locks[i];
        if (lock->origin || !lock_asks_authorizer(lock)) continue;
        if (*namespace && !scope_may_be_in(&lock->scope, namespace)) continue;
        const struct texts verbs = verbs_of(s->arena, lock);
        for (size_t j = 0; j < verbs.count; j++) check_verb(s, share, lock, verbs.items[j]);
    }
}

static void add_seals(struct search *s) {
    for (size_t i = 0; i < s->policies->lock_count; i++) {
        const struct lock *lock = s->policies->locks[i];
        for (size_t j = 0; j < s->actor_count && lock->seals_actor; j++) {
            struct actor *actor = s->actors[j];
            if (actor->is_sealed && passes_alone(s, lock, actor->subject))
                ARENA_PUSH(s->arena, actor->seals, actor->seal_count, lock);
        }
    }
}

void rbac_check_policies(struct reporting *reporting) {
    struct rbac *rbac = reporting->rbac;
    struct search search = {.reporting = reporting, .arena = rbac->arena, .policies = reporting->audit->policies};
    map_init(&search.by_subject, rbac->arena);
    map_init(&search.verdicts, rbac->arena);
    map_init(&search.tenants, rbac->arena);
    for (size_t i = 0; i < search.policies->lock_count; i++) {
        const struct lock *lock = search.policies->locks[i];
        if (lock->origin || !(lock->mode & MODE_DENY)) continue;
        add_actors(&search, lock, &lock->passes);
        add_actors(&search, lock, &lock->break_glass);
    }
    add_seals(&search);
    for (size_t i = 0; i < rbac->binding_count && search.policies->lock_count; i++) {
        struct share shares[2];
        const size_t count = rbac_shares(rbac, rbac->bindings[i], shares);
        for (size_t j = 0; j < count; j++) {
            check_becoming(&search, &shares[j]);
            if (shares[j].powers & POWER_OF(LOCKS)) check_verbs(&search, &shares[j]);
        }
    }
}
