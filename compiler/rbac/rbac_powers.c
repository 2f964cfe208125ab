// What a rule lets somebody do.
#include <string.h>

#include "base/text.h"
#include "kubernetes/facts.h"
#include "rbac/rbac_internal.h"

struct power {
    enum { IN_CLUSTER, IN_NAMESPACE } scope;
    const char *verbs, *group, *resources, *text;
};
static const struct power all_powers[] = {
#define POWER(name, scope, verbs, group, resources, text) {scope, verbs, group, resources, text},
#include "rbac/rbac_powers.def"
#undef POWER
};

bool rbac_power_is_of_cluster(enum power_bit bit) {
    return all_powers[bit].scope == IN_CLUSTER;
}

// "impersonating users and groups, creating tokens"
const char *rbac_powers_text(struct arena *arena, powers which) {
    static const char impersonating[] = "impersonating ";
    struct text text;
    text_init(&text, arena);
    if (which & POWER_OF(MAKE_SECRETS)) which &= ~POWER_OF(READ_SECRETS); // which it says
    static const powers pairs[][2] = {{POWER_OF(IMPERSONATE_USERS), POWER_OF(ASSUME_USERS)},
                                      {POWER_OF(IMPERSONATE_GROUPS), POWER_OF(ASSUME_GROUPS)},
                                      {POWER_OF(IMPERSONATE_ACCOUNTS), POWER_OF(ASSUME_ACCOUNTS)}};
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
        if (which & pairs[i][0]) which &= ~pairs[i][1];
    const char *before = "";
    for (size_t i = 0; i < POWER_COUNT; i++) {
        if (!(which & ((powers)1 << i))) continue;
        which &= ~((powers)1 << i);
        const char *item = all_powers[i].text;
        const bool again = strncmp(before, impersonating, strlen(impersonating)) == 0 &&
                           strncmp(item, impersonating, strlen(impersonating)) == 0;
        text_printf(&text, "%s%s",
                    !text.len ? ""
                    : which   ? ", "
                              : " and ",
                    again ? item + strlen(impersonating) : item);
        before = item;
    }
    return text_string(&text);
}

bool rbac_names(const struct rule *rule, const char *name) {
    return !rule->names.count || texts_has(&rule->names, name);
}

// The next word of a list of ours, which is moved behind it; "" at its end.
static const char *next_word(const char **list, char word[64]) {
    const size_t len = strcspn(*list, " ");
    memcpy(word, *list, len); // the longest is certificatesigningrequests/approval
    word[len] = '\0';
    *list += len + ((*list)[len] == ' ');
    return word;
}

static bool has_group(const struct rule *rule, const char *group) {
    return texts_has(&rule->groups, group) || texts_has(&rule->groups, "*");
}

// As the authorizer answers. A request that makes an object, or deletes many, has no name that a rule could ask for.
static bool allows(const struct rule *rule, const char *verb, const char *group, char *resource) {
    char *slash = strchr(resource, '/');
    const bool nameless = !slash && (strcmp(verb, "create") == 0 || strcmp(verb, "deletecollection") == 0);
    if (slash) *slash = '\0';
    const struct rbac_request request = {
        .verb = verb,
        .group = group,
        .resource = resource,
        .subresource = slash ? slash + 1 : "",
        .name = rule->names.count && !nameless ? rule->names.items[0] : "",
    };
    return rbac_rule_allows(rule, &request);
}

static bool allows_some(const struct rule *rule, const char *verbs, const char *group, const char *resources) {
    char verb[64], resource[64];
    if (!has_group(rule, group)) return false;
    while (*next_word(&verbs, verb))
        for (const char *list = resources; *next_word(&list, resource);)
            if (allows(rule, verb, group, resource)) return true;
    return false;
}

static bool writes_workloads(const struct rule *rule) {
    for (size_t i = 0; i < kube_workload_count; i++)
        if (allows_some(rule, "create update patch", kube_workloads[i].group, kube_workloads[i].plural)) return true;
    return false;
}

// Whose certificates the API server takes for users or nodes. An approver may be given all signers of a domain.
static bool has_client_signer(const struct rule *rule) {
    return rbac_names(rule, KUBE_CLIENT_SIGNER) || rbac_names(rule, KUBE_KUBELET_SIGNER) ||
           rbac_names(rule, "kubernetes.io/*");
}

bool rbac_is_everything(const struct rule *rule) {
    return texts_has(&rule->verbs, "*") && texts_has(&rule->groups, "*") && texts_has(&rule->resources, "*") &&
           !rule->names.count;
}

// Whatever the verb, which a lock chooses.
static bool names_locks(const struct rule *rule) {
    return has_group(rule, "klock.dev") && (texts_has(&rule->resources, "locks") || texts_has(&rule->resources, "*"));
}

static bool holds(const struct rule *rule, enum power_bit bit) {
    const struct power *power = &all_powers[bit];
    if (bit == POWER_EVERYTHING_BIT) return rbac_is_everything(rule);
    if (bit == POWER_WILDCARD_BIT) return rule->is_wildcard;
    if (bit == POWER_WORKLOADS_BIT) return writes_workloads(rule);
    if (bit == POWER_LOCKS_BIT) return names_locks(rule);
    return allows_some(rule, power->verbs, power->group, power->resources) &&
           (bit != POWER_SIGNERS_BIT || has_client_signer(rule));
}

powers rbac_powers_of(const struct rule *rule) {
    powers result = 0;
    for (size_t i = 0; i < POWER_COUNT; i++)
        if (holds(rule, (enum power_bit)i)) result |= (powers)1 << i;
    return result;
}
