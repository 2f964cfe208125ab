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

static bool has_word_of(const struct texts *texts, const char *words) {
    for (size_t i = 0; i < texts->count; i++)
        if (text_has_word(words, texts->items[i])) return true;
    return texts_has(texts, "*");
}

static bool has_group(const struct rule *rule, const char *group) {
    return texts_has(&rule->groups, group) || texts_has(&rule->groups, "*");
}

// As the authorizer has it: a subresource is named whole, by its resource's `*`, or by `*`.
static bool has_resource(const struct rule *rule, const char *resource) {
    const char *slash = strchr(resource, '/');
    for (size_t i = 0; i < rule->resources.count; i++) {
        const char *item = rule->resources.items[i];
        if (strcmp(item, "*") == 0 || strcmp(item, resource) == 0) return true;
        if (slash && *item == '*' && strcmp(item + 1, slash) == 0) return true;
    }
    return false;
}

static bool has_resource_of(const struct rule *rule, const char *resources) {
    while (*resources) {
        const size_t len = strcspn(resources, " ");
        char one[64];
        if (len < sizeof one) {
            memcpy(one, resources, len);
            one[len] = '\0';
            if (has_resource(rule, one)) return true;
        }
        resources += len + (resources[len] == ' ');
    }
    return false;
}

static bool is_word(const char *word, size_t len, const char *text) {
    return strlen(text) == len && strncmp(word, text, len) == 0;
}

// A request that makes an object, or deletes many, has no name that a rule could ask for.
static bool has_verb(const struct rule *rule, const struct power *power) {
    if (!rule->names.count || strchr(power->resources, '/')) return has_word_of(&rule->verbs, power->verbs);
    for (const char *at = power->verbs; *at;) {
        const size_t len = strcspn(at, " ");
        const bool nameless = is_word(at, len, "create") || is_word(at, len, "deletecollection");
        for (size_t i = 0; i < rule->verbs.count && !nameless; i++)
            if (strcmp(rule->verbs.items[i], "*") == 0 || is_word(at, len, rule->verbs.items[i])) return true;
        at += len + (at[len] == ' ');
    }
    return false;
}

static bool writes_workloads(const struct rule *rule) {
    for (size_t i = 0; i < kube_workload_count; i++) {
        const struct kube_workload *workload = &kube_workloads[i];
        const struct power power = {IN_NAMESPACE, "create update patch", workload->group, workload->plural, ""};
        if (has_group(rule, power.group) && has_resource(rule, power.resources) && has_verb(rule, &power)) return true;
    }
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

static bool holds(const struct rule *rule, enum power_bit bit) {
    const struct power *power = &all_powers[bit];
    if (bit == POWER_EVERYTHING_BIT) return rbac_is_everything(rule);
    if (bit == POWER_WILDCARD_BIT) return rule->is_wildcard;
    if (bit == POWER_WORKLOADS_BIT) return writes_workloads(rule);
    if (!has_group(rule, power->group) || !has_resource_of(rule, power->resources)) return false;
    if (bit == POWER_LOCKS_BIT) return true;
    return has_verb(rule, power) && (bit != POWER_SIGNERS_BIT || has_client_signer(rule));
}

powers rbac_powers_of(const struct rule *rule) {
    powers result = 0;
    for (size_t i = 0; i < POWER_COUNT; i++)
        if (holds(rule, (enum power_bit)i)) result |= (powers)1 << i;
    return result;
}
