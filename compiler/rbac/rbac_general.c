// What is found whatever the policy: who holds everything, or what leads there.
#include <string.h>

#include "base/arena.h"
#include "base/text.h"
#include "kubernetes/account.h"
#include "kubernetes/facts.h"
#include "policy/policy.h"
#include "rbac/rbac_internal.h"

#define AS_ACCOUNT (POWER_OF(IMPERSONATE_ACCOUNTS) | POWER_OF(ASSUME_ACCOUNTS))
#define ANY_ACCOUNT (POWER_OF(TOKENS) | POWER_OF(PODS) | POWER_OF(WORKLOADS) | POWER_OF(ENTER) | POWER_OF(EPHEMERAL))

// ---- shares ----

static void add_rule(struct arena *arena, struct share *share, const struct rule *rule) {
    ARENA_PUSH(arena, share->rules, share->rule_count, rule);
    share->powers |= rule->powers;
}

static bool is_master(const struct subject *subject) {
    return subject->is_group && strcmp(subject->name, "system:masters") == 0;
}

static void drop_powers_of_cluster(struct share *share) {
    for (size_t i = 0; i < POWER_COUNT && *share->binding->namespace; i++)
        if (rbac_power_is_of_cluster((enum power_bit)i)) share->powers &= ~((powers)1 << i);
}

size_t rbac_shares(const struct rbac *rbac, const struct binding *binding, struct share ret_shares[2]) {
    struct arena *arena = rbac->arena;
    size_t count = 0;
    if (!binding->role || !binding->role->powers) return 0;
    for (size_t usual = 0; usual < 2; usual++) {
        struct share share = {.binding = binding};
        for (size_t i = 0; i < binding->subject_count; i++) {
            struct subject *subject = binding->subjects[i].subject;
            if (binding->subjects[i].is_usual != (usual == 1) || is_master(subject)) continue;
            ARENA_PUSH(arena, share.subjects, share.subject_count, subject);
        }
        if (!share.subject_count) continue;
        for (size_t i = 0; i < binding->role->rule_count; i++)
            if (!usual || !binding->role->rules[i]->is_usual) add_rule(arena, &share, binding->role->rules[i]);
        drop_powers_of_cluster(&share);
        if (share.powers) ret_shares[count++] = share;
    }
    return count;
}

static const struct rule *rule_with(const struct share *share, powers any) {
    for (size_t i = 0; i < share->rule_count; i++)
        if (share->rules[i]->powers & any) return share->rules[i];
    return NULL;
}

// ---- what is looked for ----

// One of `first` by the binding, and one of `second`, if there is any, by whatever bindings.
struct search {
    enum diag_code code;
    powers first, second;
    const char *what; // "may …"; what it is of may follow
    const char *remedy;
    bool lists; // the powers are said one by one
};

static const struct search searches[] = {
    {DIAG_RBAC_ESCALATE, POWER_OF(ESCALATE_CLUSTER), POWER_OF(WRITE_CLUSTER_ROLES),
     "may gain every right by changing ClusterRoles",
     "withhold escalate: without it nobody writes roles beyond their own rights", false},
    {DIAG_RBAC_ESCALATE, POWER_OF(ESCALATE), POWER_OF(WRITE_ROLES),
     "may gain every right in a namespace by changing Roles",
     "withhold escalate: without it nobody writes roles beyond their own rights", false},
    {DIAG_RBAC_BIND, POWER_OF(BIND), POWER_OF(WRITE_CLUSTER_BINDINGS) | POWER_OF(WRITE_BINDINGS), "may bind",
     "name with resourceNames the roles that are meant", false},
    {DIAG_RBAC_IMPERSONATE,
     POWER_OF(IMPERSONATE_USERS) | POWER_OF(IMPERSONATE_GROUPS) | POWER_OF(IMPERSONATE_ACCOUNTS) |
         POWER_OF(ASSUME_USERS) | POWER_OF(ASSUME_GROUPS) | POWER_OF(ASSUME_ACCOUNTS) | POWER_OF(ASSUME_NODES),
     0, "may act as somebody else, by", "name with resourceNames who is meant", true},
    {DIAG_RBAC_NODES_PROXY, POWER_OF(NODES_PROXY), 0, "may run commands in every pod through the API of kubelets",
     "grant nodes/metrics, nodes/stats, nodes/log or nodes/healthz instead of nodes/proxy", false},
    {DIAG_RBAC_CERTIFICATES, POWER_OF(APPROVE), POWER_OF(SIGNERS), "may approve client certificates in anybody's name",
     "name with resourceNames the signers that are meant, and none that signs for users", false},
    {DIAG_RBAC_POLICIES, POWER_OF(POLICIES), 0, "may change or delete admission policies, and with them every lock",
     "grant that to nobody but your deployment, or name with resourceNames the policies that are meant", false},
};

// Of impersonation in the whole cluster there is a finding of its own.
static powers ways_to_accounts(powers held, bool in_namespace) {
    powers ways = held & (ANY_ACCOUNT | (in_namespace ? AS_ACCOUNT : 0));
    if ((held & POWER_OF(MAKE_SECRETS)) && (held & POWER_OF(READ_SECRETS))) ways |= POWER_OF(MAKE_SECRETS);
    return ways;
}

// Whether an account that holds this everywhere is worth becoming.
static bool is_worth(powers held) {
    bool is = (held & POWER_OF(EVERYTHING)) || ways_to_accounts(held, false);
    for (size_t i = 0; i < sizeof searches / sizeof *searches && !is; i++)
        is = (held & searches[i].first) && (!searches[i].second || (held & searches[i].second));
    return is;
}

// ---- texts ----

static const char *names_text(struct arena *arena, const struct rule *rule) {
    if (!rule->names.count) return "";
    return arena_printf(arena, " (%s)", rbac_list(arena, rule->names.items, rule->names.count));
}

static const char *place_text(struct arena *arena, const struct binding *binding) {
    return *binding->namespace ? arena_printf(arena, " in namespace %s", binding->namespace) : "";
}

// ---- findings ----

static void report(struct reporting *reporting, const struct share *share, enum diag_code code, const struct rule *rule,
                   const char *what, const char *remedy) {
    const struct finding finding = {code, share->binding, rule, share->subjects, share->subject_count, what, remedy};
    rbac_report(reporting, &finding);
}

// Without the subjects that hold everything already, by this binding or another.
static bool without_masters_of_all(struct arena *arena, const struct share *share, struct share *ret_share) {
    *ret_share = *share;
    ret_share->subjects = NULL;
    ret_share->subject_count = 0;
    for (size_t i = 0; i < share->subject_count; i++)
        if (!share->subjects[i]->holds_everything)
            ARENA_PUSH(arena, ret_share->subjects, ret_share->subject_count, share->subjects[i]);
    return ret_share->subject_count > 0;
}

static void report_everything(struct reporting *reporting, const struct share *share) {
    struct arena *arena = reporting->rbac->arena;
    const struct rule *rule = rule_with(share, POWER_OF(EVERYTHING));
    report(reporting, share, DIAG_RBAC_EVERYTHING, rule,
           *share->binding->namespace
               ? arena_printf(arena, "may do everything in namespace %s", share->binding->namespace)
               : "may do everything in the cluster",
           "grant by name what it needs");
}

static const char *or_all(struct arena *arena, const struct texts *texts, const char *all, const char *none) {
    if (!texts->count) return none;
    if (texts_has(texts, "*")) return all;
    const char **named = ARENA_ARRAY(arena, const char *, texts->count);
    for (size_t i = 0; i < texts->count; i++) named[i] = *texts->items[i] ? texts->items[i] : "core";
    return rbac_list(arena, named, texts->count);
}

static const char *groups_text(struct arena *arena, const struct texts *groups) {
    return arena_printf(arena, "%s%s",
                        texts_has(groups, "*") ? ""
                        : groups->count > 1    ? "groups "
                                               : "group ",
                        or_all(arena, groups, "every group", "none"));
}

static void report_wildcard(struct reporting *reporting, const struct share *share, const struct rule *rule) {
    struct arena *arena = reporting->rbac->arena;
    powers matter = 0;
    for (size_t i = 0; i < sizeof searches / sizeof *searches; i++)
        if (!searches[i].second || (share->powers & searches[i].second)) matter |= searches[i].first;
    matter |= ways_to_accounts(rule->powers, false);
    matter &= rule->powers & (*share->binding->namespace ? share->powers : ~(powers)0);
    const char *what = arena_printf(arena, "may %s %s of %s%s%s%s", or_all(arena, &rule->verbs, "do everything to", ""),
                                    or_all(arena, &rule->resources, "every resource", ""),
                                    groups_text(arena, &rule->groups), place_text(arena, share->binding),
                                    matter ? ", which includes " : "", rbac_powers_text(arena, matter));
    report(reporting, share, DIAG_RBAC_WILDCARD, rule, what, "name verbs, resources and groups");
}

// The subjects for which the second half of the search holds as well.
static bool with_second(const struct rbac *rbac, const struct share *share, powers second, struct share *ret_share) {
    *ret_share = *share;
    if (!second || (share->powers & second)) return true;
    ret_share->subjects = NULL;
    ret_share->subject_count = 0;
    for (size_t i = 0; i < share->subject_count; i++)
        if (rbac_held(rbac, share->subjects[i], share->binding->namespace) & second)
            ARENA_PUSH(rbac->arena, ret_share->subjects, ret_share->subject_count, share->subjects[i]);
    return ret_share->subject_count > 0;
}

// Whether a rule about policies names only those that no policy here has become.
static bool is_about_others(const struct rbac_audit *audit, const struct rule *rule) {
    if (!rule->names.count || !audit->object_count) return false;
    for (size_t i = 0; i < audit->object_count; i++)
        if (rbac_names(rule, audit->objects[i])) return false;
    return true;
}

bool rbac_is_deployer(const struct policies *policies, const struct subject *subject) {
    for (size_t i = 0; i < policies->deployer_count; i++) {
        const struct deployer *deployer = policies->deployers[i];
        const struct subjects *named = &deployer->subjects;
        const char **names = subject->is_group ? named->groups : named->users;
        for (size_t j = 0; j < (subject->is_group ? named->group_count : named->user_count); j++)
            if (strcmp(names[j], subject->name) == 0) return true;
    }
    return false;
}

static bool without_deployers(const struct rbac_audit *audit, struct arena *arena, struct share *share) {
    struct share rest = *share;
    rest.subjects = NULL;
    rest.subject_count = 0;
    for (size_t i = 0; i < share->subject_count; i++)
        if (!rbac_is_deployer(audit->policies, share->subjects[i]))
            ARENA_PUSH(arena, rest.subjects, rest.subject_count, share->subjects[i]);
    *share = rest;
    return share->subject_count > 0;
}

static const char *what_of(struct arena *arena, const struct search *search, const struct share *share,
                           const struct rule *rule) {
    if (search->code == DIAG_RBAC_BIND)
        return arena_printf(arena, "may bind %s to anybody%s",
                            rule->names.count ? rbac_list(arena, rule->names.items, rule->names.count) : "every role",
                            place_text(arena, share->binding));
    if (!search->lists) return arena_printf(arena, "%s%s", search->what, place_text(arena, share->binding));
    return arena_printf(arena, "%s %s%s%s", search->what,
                        rbac_powers_text(arena, rule->powers & search->first & share->powers), names_text(arena, rule),
                        place_text(arena, share->binding));
}

// One finding for each rule that is not said to be a wildcard.
static void apply(struct reporting *reporting, const struct search *search, const struct share *share) {
    const struct rbac_audit *audit = reporting->audit;
    struct arena *arena = reporting->rbac->arena;
    struct share both;
    if (!(share->powers & search->first) || !with_second(reporting->rbac, share, search->second, &both)) return;
    if (search->first == POWER_OF(ESCALATE) && (share->powers & POWER_OF(ESCALATE_CLUSTER))) return; // that is said
    if (search->code == DIAG_RBAC_IMPERSONATE && *share->binding->namespace) return; // a way to its accounts
    if (search->code == DIAG_RBAC_POLICIES && !without_deployers(audit, arena, &both)) return;
    for (size_t i = 0; i < share->rule_count; i++) {
        const struct rule *rule = share->rules[i];
        if (!(rule->powers & search->first & share->powers) || rule->is_wildcard) continue;
        if (search->code == DIAG_RBAC_POLICIES && is_about_others(audit, rule)) continue;
        report(reporting, &both, search->code, rule, what_of(arena, search, share, rule), search->remedy);
    }
}

// ---- becoming a service account ----

// The accounts that are worth becoming, by their namespaces. In kube-system all are, as everybody's controllers are
// there.
struct accounts {
    struct subject **items;
    size_t count;
    bool all;
};
struct worth {
    struct map by_namespace; // → struct accounts
    struct accounts everywhere;
};

static const struct accounts *accounts_of(const struct worth *worth, const struct binding *binding) {
    return *binding->namespace ? map_get(&worth->by_namespace, binding->namespace) : &worth->everywhere;
}

static const char *name_in(const struct subject *account) {
    return strrchr(account->name, ':') + 1;
}

// Whether one of them has one of the names that the rule asks for.
static bool names_one(const struct accounts *accounts, const struct rule *rule) {
    bool named = accounts->all || !rule->names.count;
    for (size_t i = 0; i < accounts->count && !named; i++) named = rbac_names(rule, name_in(accounts->items[i]));
    return named;
}

// What the rule lets somebody become accounts by. Of wildcards it is said where these are.
static powers powers_over(const struct accounts *accounts, const struct rule *rule) {
    const powers of_names = POWER_OF(TOKENS) | AS_ACCOUNT;
    if (rule->is_wildcard) return 0;
    return names_one(accounts, rule) ? rule->powers : rule->powers & ~of_names;
}

static const char *example_of(const struct accounts *accounts) {
    return accounts->count ? accounts->items[0]->label : "those of controllers";
}

// Whoever can become every account needs no namespace for it, and an account need not become itself.
static bool gains(const struct rbac *rbac, const struct share *share, const struct accounts *accounts,
                  struct subject *subject) {
    if (!*share->binding->namespace) return true;
    const bool is_alone = !accounts->all && accounts->count == 1 && accounts->items[0] == subject;
    return !is_alone && !ways_to_accounts(rbac_held(rbac, subject, ""), false);
}

static void check_accounts(struct reporting *reporting, const struct worth *worth, const struct share *share) {
    struct rbac *rbac = reporting->rbac;
    struct arena *arena = rbac->arena;
    const struct binding *binding = share->binding;
    const struct accounts *accounts = accounts_of(worth, binding);
    powers held = 0;
    for (size_t i = 0; i < share->rule_count; i++) held |= powers_over(accounts, share->rules[i]);
    const powers ways = ways_to_accounts(held & share->powers, *binding->namespace);
    if (!ways) return;
    const struct rule *rule = NULL;
    for (size_t i = 0; i < share->rule_count && !rule; i++)
        if (powers_over(accounts, share->rules[i]) & ways) rule = share->rules[i];
    struct share others = *share;
    others.subjects = NULL;
    others.subject_count = 0;
    for (size_t i = 0; i < share->subject_count; i++)
        if (gains(rbac, share, accounts, share->subjects[i]))
            ARENA_PUSH(arena, others.subjects, others.subject_count, share->subjects[i]);
    if (!others.subject_count) return;
    const char *how = rbac_powers_text(arena, ways);
    report(reporting, &others, DIAG_RBAC_ACCOUNTS, rule,
           *binding->namespace
               ? arena_printf(arena, "may become service accounts of %s, some of which hold more (%s), by %s",
                              binding->namespace, example_of(accounts), how)
               : arena_printf(arena, "may become service accounts of every namespace, by %s", how),
           "grant it in the namespaces where it works, and keep accounts with broad rights in others");
}

// ---- bindings ----

static void check_dangling(struct reporting *reporting, const struct binding *binding) {
    struct arena *arena = reporting->rbac->arena;
    struct share share = {.binding = binding};
    for (size_t i = 0; i < binding->subject_count; i++)
        ARENA_PUSH(arena, share.subjects, share.subject_count, binding->subjects[i].subject);
    if (share.subject_count)
        report(reporting, &share, DIAG_RBAC_DANGLING, NULL,
               "will hold whatever somebody writes into a role that is not there",
               "delete the binding, or hand over the role as well");
}

static void check_share(struct reporting *reporting, const struct worth *worth, const struct share *all) {
    struct arena *arena = reporting->rbac->arena;
    struct share share;
    if (all->powers & POWER_OF(EVERYTHING)) {
        if (!*all->binding->namespace)
            report_everything(reporting, all);
        else if (without_masters_of_all(arena, all, &share))
            report_everything(reporting, &share);
        return;
    }
    if (!without_masters_of_all(arena, all, &share)) return;
    for (size_t i = 0; i < share.rule_count; i++)
        if (share.rules[i]->is_wildcard) report_wildcard(reporting, &share, share.rules[i]);
    for (size_t i = 0; i < sizeof searches / sizeof *searches; i++) apply(reporting, &searches[i], &share);
    check_accounts(reporting, worth, &share);
}

static void add_account(struct rbac *rbac, struct worth *worth, struct subject *subject) {
    struct accounts *accounts = map_get(&worth->by_namespace, subject->account);
    if (!accounts) map_set(&worth->by_namespace, subject->account, accounts = ARENA_NEW(rbac->arena, struct accounts));
    ARENA_PUSH(rbac->arena, accounts->items, accounts->count, subject);
    ARENA_PUSH(rbac->arena, worth->everywhere.items, worth->everywhere.count, subject);
}

// What everybody holds, nobody becomes an account for.
static void find_worth(struct rbac *rbac, struct worth *worth) {
    const powers of_all =
        rbac_subject(rbac, true, KUBE_AUTHENTICATED)->powers | rbac_subject(rbac, true, ACCOUNT_GROUP_OF_ALL)->powers;
    struct accounts *system = ARENA_NEW(rbac->arena, struct accounts);
    struct map known;
    system->all = true;
    map_init(&known, rbac->arena);
    map_init(&worth->by_namespace, rbac->arena);
    map_set(&worth->by_namespace, "kube-system", system);
    for (size_t i = 0; i < rbac->binding_count; i++) {
        const struct binding *binding = rbac->bindings[i];
        for (size_t j = 0; j < binding->subject_count && !*binding->namespace; j++) {
            struct subject *subject = binding->subjects[j].subject;
            if (!subject->account || strcmp(subject->account, "kube-system") == 0 || map_get(&known, subject->name))
                continue;
            map_set(&known, subject->name, subject);
            if (is_worth(rbac_held(rbac, subject, "") & ~of_all)) add_account(rbac, worth, subject);
        }
    }
}

// What is given in a namespace leads out of it only where an account is that may do more.
void rbac_check_general(struct reporting *reporting) {
    struct rbac *rbac = reporting->rbac;
    struct worth worth = {0};
    find_worth(rbac, &worth);
    for (size_t i = 0; i < rbac->binding_count; i++) {
        const struct binding *binding = rbac->bindings[i];
        struct share shares[2];
        if (!binding->role) check_dangling(reporting, binding);
        if (!accounts_of(&worth, binding)) continue;
        const size_t count = rbac_shares(rbac, binding, shares);
        for (size_t j = 0; j < count; j++) check_share(reporting, &worth, &shares[j]);
    }
}
