// Roles and bindings as an API server has them: with the roles that are built in, with what others aggregate, and with
// the groups that everybody is in.
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/text.h"
#include "data/value.h"
#include "kubernetes/account.h"
#include "kubernetes/bootstrap.h"
#include "kubernetes/facts.h"
#include "rbac/rbac_internal.h"
#include "report/diag.h"

// ---- rules ----

static void add_sorted(struct text *text, const struct texts *words) {
    struct arena *arena = text->arena;
    const char **sorted = ARENA_ARRAY(arena, const char *, words->count);
    for (size_t i = 0; i < words->count; i++) sorted[i] = *words->items[i] ? words->items[i] : "core";
    if (words->count > 1) qsort(sorted, words->count, sizeof *sorted, compare_strings);
    text_add_char(text, '|');
    for (size_t i = 0; i < words->count; i++) {
        if (i) text_add_char(text, ' ');
        text_add_string(text, sorted[i]);
    }
}

static bool is_built_in_group(const char *group) {
    static const char end[] = ".k8s.io";
    const size_t len = strlen(group);
    return text_has_word("apps batch autoscaling policy extensions", group) || !len || strcmp(group, "*") == 0 ||
           (len > strlen(end) && strcmp(group + len - strlen(end), end) == 0);
}

static bool is_wildcard(const struct rule *rule) {
    if (rbac_is_everything(rule) || rule->names.count) return false;
    if (!texts_has(&rule->verbs, "*") && !texts_has(&rule->resources, "*")) return false;
    for (size_t i = 0; i < rule->groups.count; i++)
        if (is_built_in_group(rule->groups.items[i])) return rule->resources.count > 0;
    return false;
}

void rbac_finish_rule(struct rbac *rbac, struct rule *rule) {
    struct text text;
    text_init(&text, rbac->arena);
    add_sorted(&text, &rule->verbs);
    add_sorted(&text, &rule->groups);
    add_sorted(&text, &rule->resources);
    add_sorted(&text, &rule->names);
    add_sorted(&text, &rule->urls);
    rule->text = text_string(&text);
    // Thousands of roles have the same few rules.
    const struct rule *same = map_get(&rbac->rules, rule->text);
    rule->is_wildcard = same ? same->is_wildcard : is_wildcard(rule);
    rule->powers = same ? same->powers : rbac_powers_of(rule);
    if (!same) map_set(&rbac->rules, rule->text, rule);
}

// ---- what every API server has ----

static struct texts words_of(struct arena *arena, const char *list) {
    struct texts texts = {0};
    while (*list) {
        const size_t len = strcspn(list, " ");
        texts_push(arena, &texts, arena_copy(arena, list, len));
        list += len + (list[len] == ' ');
    }
    return texts;
}

static const char *identity_of(struct arena *arena, const char *namespace, const char *name) {
    return arena_printf(arena, "%s/%s", namespace, name);
}

static struct role *add_built_in(struct rbac *rbac, const char *namespace, const char *name) {
    struct role *role = ARENA_NEW(rbac->arena, struct role);
    *role = (struct role){.namespace = namespace, .name = name};
    map_set(&rbac->roles, identity_of(rbac->arena, namespace, name), role);
    ARENA_PUSH(rbac->arena, rbac->ordered, rbac->role_count, role);
    return role;
}

static void set_pair(struct arena *arena, struct value *map, const char *pair) {
    const size_t len = strcspn(pair, "=");
    value_set_string(arena, map, arena_copy(arena, pair, len), pair + len + 1);
}

// The ClusterRoles that the newest servers have, unless they were read.
static void add_built_in_cluster_roles(struct rbac *rbac, struct set *added) {
    struct arena *arena = rbac->arena;
    for (size_t i = 0; i < kube_bootstrap_role_count; i++) {
        const struct kube_bootstrap_role *built_in = &kube_bootstrap_roles[i];
        const char *identity = identity_of(arena, "", built_in->name);
        if (!kube_bootstrap_is_current(built_in->minors) || map_get(&rbac->roles, identity)) continue;
        struct role *role = add_built_in(rbac, "", built_in->name);
        set_add(added, identity);
        struct value *labels = value_map(arena), *selectors = value_list(arena);
        const struct texts pairs = words_of(arena, built_in->labels), selected = words_of(arena, built_in->aggregates);
        for (size_t j = 0; j < pairs.count; j++) set_pair(arena, labels, pairs.items[j]);
        for (size_t j = 0; j < selected.count; j++) {
            struct value *selector = value_map(arena), *match = value_map(arena);
            set_pair(arena, match, selected.items[j]);
            value_set(arena, selector, "matchLabels", match);
            value_append(arena, selectors, selector);
        }
        role->labels = labels;
        if (selectors->count) role->aggregation = selectors;
    }
}

static struct texts groups_of(struct arena *arena, const char *list) {
    struct texts groups = words_of(arena, list);
    for (size_t i = 0; i < groups.count; i++)
        if (strcmp(groups.items[i], "core") == 0) groups.items[i] = "";
    return groups;
}

static void add_built_in_roles(struct rbac *rbac) {
    struct arena *arena = rbac->arena;
    struct set added;
    set_init(&added, arena);
    add_built_in_cluster_roles(rbac, &added);
    for (size_t i = 0; i < kube_bootstrap_rule_count; i++) {
        const struct kube_bootstrap_rule *built_in = &kube_bootstrap_rules[i];
        if (!kube_bootstrap_is_current(built_in->minors)) continue;
        const char *identity = identity_of(arena, built_in->namespace, built_in->role);
        struct role *role = map_get(&rbac->roles, identity);
        if (!role && *built_in->namespace) {
            role = add_built_in(rbac, built_in->namespace, built_in->role);
            set_add(&added, identity);
        }
        if (!role || !set_has(&added, identity)) continue;
        const struct rule rule = {
            .verbs = words_of(arena, built_in->verbs),
            .groups = groups_of(arena, built_in->groups),
            .resources = words_of(arena, built_in->resources),
            .names = words_of(arena, built_in->names),
            .urls = words_of(arena, built_in->urls),
            .role = role,
        };
        ARENA_PUSH(arena, role->own, role->own_count, rule);
    }
}

// What any of the servers has: clusters are older, or were.
static void mark_usual_rules(struct rbac *rbac) {
    struct arena *arena = rbac->arena;
    struct set usual;
    set_init(&usual, arena);
    for (size_t i = 0; i < kube_bootstrap_rule_count; i++) {
        const struct kube_bootstrap_rule *rule = &kube_bootstrap_rules[i];
        set_add(&usual, arena_printf(arena, "%s/%s|%s|%s|%s|%s|%s", rule->namespace, rule->role, rule->verbs,
                                     rule->groups, rule->resources, rule->names, rule->urls));
    }
    for (size_t i = 0; i < rbac->role_count; i++) {
        struct role *role = rbac->ordered[i];
        for (size_t j = 0; j < role->own_count; j++)
            role->own[j].is_usual =
                set_has(&usual, arena_printf(arena, "%s/%s%s", role->namespace, role->name, role->own[j].text));
    }
}

static void mark_usual_subjects(struct rbac *rbac) {
    struct arena *arena = rbac->arena;
    for (size_t i = 0; i < kube_bootstrap_subject_count; i++) {
        const struct kube_bootstrap_subject *usual = &kube_bootstrap_subjects[i];
        struct binding *binding = map_get(&rbac->known_bindings, identity_of(arena, usual->namespace, usual->binding));
        if (!binding || strcmp(binding->role_name, usual->role) != 0 ||
            binding->of_cluster_role == !!*usual->role_namespace)
            continue;
        for (size_t j = 0; j < binding->subject_count; j++) {
            struct bound *bound = &binding->subjects[j];
            if (bound->subject->is_group == usual->is_group && strcmp(bound->subject->name, usual->name) == 0)
                bound->is_usual = true;
        }
    }
}

// ---- aggregation ----

static bool has_label(const struct value *labels, const char *key, const char *value) {
    const struct value *found = value_get(labels, key);
    return found && found->kind == VALUE_STRING && strcmp(found->as.string, value) == 0;
}

static bool is_among(const struct value *labels, const char *key, const struct value *values) {
    for (size_t i = 0; values && values->kind == VALUE_LIST && i < values->count; i++)
        if (values->as.items[i]->kind == VALUE_STRING && has_label(labels, key, values->as.items[i]->as.string))
            return true;
    return false;
}

static bool satisfies(const struct value *labels, const struct value *expression) {
    const char *key = value_get_string(expression, "key"), *operator= value_get_string(expression, "operator");
    const struct value *values = value_get(expression, "values");
    if (strcmp(operator, "In") == 0) return is_among(labels, key, values);
    if (strcmp(operator, "NotIn") == 0) return !is_among(labels, key, values);
    if (strcmp(operator, "Exists") == 0) return value_get(labels, key) != NULL;
    return strcmp(operator, "DoesNotExist") == 0 && !value_get(labels, key);
}

// An empty selector selects everything.
static bool is_selected(const struct value *labels, const struct value *selector) {
    const struct value *match = value_get(selector, "matchLabels"), *list = value_get(selector, "matchExpressions");
    if (selector->kind != VALUE_MAP) return false;
    for (size_t i = 0; match && match->kind == VALUE_MAP && i < match->count; i++) {
        const struct value *value = match->as.entries[i].value;
        if (value->kind != VALUE_STRING || !has_label(labels, match->as.entries[i].key, value->as.string)) return false;
    }
    for (size_t i = 0; list && list->kind == VALUE_LIST && i < list->count; i++)
        if (!satisfies(labels, list->as.items[i])) return false;
    return true;
}

static void add_rule(struct rbac *rbac, struct role *role, struct set *texts, const struct rule *rule) {
    if (!set_add(texts, rule->text)) return;
    ARENA_PUSH(rbac->arena, role->rules, role->rule_count, rule);
    role->powers |= rule->powers;
}

static void complete_role(struct rbac *rbac, struct role *role);

static void add_selected(struct rbac *rbac, struct role *role, struct set *texts, const struct value *selector) {
    for (size_t i = 0; i < rbac->role_count; i++) {
        struct role *other = rbac->ordered[i];
        if (*other->namespace || other == role || !is_selected(other->labels, selector)) continue;
        complete_role(rbac, other);
        for (size_t j = 0; j < other->rule_count; j++) add_rule(rbac, role, texts, other->rules[j]);
    }
}

// What is aggregated goes first: the role's own rules are copies of it, and the place where it is written says more.
static void complete_role(struct rbac *rbac, struct role *role) {
    if (role->state != ROLE_OPEN) return; // a circle adds nothing
    role->state = ROLE_BUSY;
    if (!role->aggregation || role->aggregation->kind != VALUE_LIST) {
        role->rules = ARENA_ARRAY(rbac->arena, const struct rule *, role->own_count);
        for (size_t i = 0; i < role->own_count; i++) {
            role->rules[role->rule_count++] = &role->own[i];
            role->powers |= role->own[i].powers;
        }
    } else {
        struct set texts;
        set_init(&texts, rbac->arena);
        for (size_t i = 0; i < role->aggregation->count; i++)
            add_selected(rbac, role, &texts, role->aggregation->as.items[i]);
        for (size_t i = 0; i < role->own_count; i++) add_rule(rbac, role, &texts, &role->own[i]);
    }
    role->state = ROLE_DONE;
}

// ---- who holds what ----

static powers powers_everywhere(void) {
    return ~(powers)0;
}

static powers powers_in_namespaces(void) {
    powers result = 0;
    for (size_t i = 0; i < POWER_COUNT; i++)
        if (!rbac_power_is_of_cluster((enum power_bit)i)) result |= (powers)1 << i;
    return result;
}

static void hold(struct rbac *rbac, const struct binding *binding) {
    struct arena *arena = rbac->arena;
    if (!binding->role || !binding->role->powers) return;
    const powers given = binding->role->powers & (*binding->namespace ? powers_in_namespaces() : powers_everywhere());
    for (size_t i = 0; i < binding->subject_count; i++) {
        struct subject *subject = binding->subjects[i].subject;
        if (!*binding->namespace) {
            subject->powers |= given;
            subject->holds_everything |= (given & POWER_OF(EVERYTHING)) != 0;
            continue;
        }
        const char *key =
            arena_printf(arena, "%s/%c%s", binding->namespace, subject->is_group ? 'g' : 'u', subject->name);
        powers *held = map_get(&rbac->held, key);
        if (!held) map_set(&rbac->held, key, held = ARENA_NEW(arena, powers));
        *held |= given;
    }
}

static powers held_by_itself(const struct rbac *rbac, bool is_group, const char *name, const char *namespace) {
    struct arena *arena = rbac->arena;
    const struct subject *subject = map_get(&rbac->subjects, arena_printf(arena, "%c%s", is_group ? 'g' : 'u', name));
    if (!subject) return 0;
    const powers *held =
        *namespace ? map_get(&rbac->held, arena_printf(arena, "%s/%c%s", namespace, is_group ? 'g' : 'u', name)) : NULL;
    return subject->powers | (held ? *held : 0);
}

static powers held_with_groups(const struct rbac *rbac, const struct subject *subject, const char *namespace) {
    powers result = held_by_itself(rbac, subject->is_group, subject->name, namespace);
    if (!subject->is_group && strcmp(subject->name, "system:anonymous") != 0)
        result |= held_by_itself(rbac, true, KUBE_AUTHENTICATED, namespace);
    if (!subject->account) return result;
    return result | held_by_itself(rbac, true, ACCOUNT_GROUP_OF_ALL, namespace) |
           held_by_itself(rbac, true, account_group(rbac->arena, subject->account), namespace);
}

powers rbac_held(const struct rbac *rbac, struct subject *subject, const char *namespace) {
    if (*namespace) return held_with_groups(rbac, subject, namespace);
    if (!subject->is_summed) subject->everywhere = held_with_groups(rbac, subject, "");
    subject->is_summed = true;
    return subject->everywhere;
}

void rbac_resolve(struct rbac *rbac) {
    add_built_in_roles(rbac);
    for (size_t i = 0; i < rbac->role_count; i++)
        for (size_t j = 0; j < rbac->ordered[i]->own_count; j++) rbac_finish_rule(rbac, &rbac->ordered[i]->own[j]);
    mark_usual_rules(rbac);
    mark_usual_subjects(rbac);
    for (size_t i = 0; i < rbac->role_count; i++) complete_role(rbac, rbac->ordered[i]);
    for (size_t i = 0; i < rbac->binding_count; i++) {
        struct binding *binding = rbac->bindings[i];
        binding->role =
            map_get(&rbac->roles,
                    identity_of(rbac->arena, binding->of_cluster_role ? "" : binding->namespace, binding->role_name));
        hold(rbac, binding);
    }
}

// ---- the authorizer ----

static bool has_or_all(const struct texts *texts, const char *text) {
    return texts_has(texts, "*") || texts_has(texts, text);
}

static bool allows_resource(const struct rule *rule, const struct rbac_request *request) {
    const size_t len = strlen(request->resource);
    for (size_t i = 0; i < rule->resources.count; i++) {
        const char *item = rule->resources.items[i];
        if (strcmp(item, "*") == 0) return true;
        if (!*request->subresource) {
            if (strcmp(item, request->resource) == 0) return true;
            continue;
        }
        const bool whole = strncmp(item, request->resource, len) == 0 && item[len] == '/';
        const char *subresource = whole ? item + len + 1 : strncmp(item, "*/", 2) == 0 ? item + 2 : NULL;
        if (subresource && strcmp(subresource, request->subresource) == 0) return true;
    }
    return false;
}

static bool allows_path(const struct rule *rule, const char *path) {
    for (size_t i = 0; i < rule->urls.count; i++) {
        const char *url = rule->urls.items[i];
        size_t len = strlen(url);
        if (strcmp(url, path) == 0) return true;
        if (!len || url[len - 1] != '*') continue;
        while (len && url[len - 1] == '*') len--;
        if (strncmp(url, path, len) == 0) return true;
    }
    return false;
}

bool rbac_rule_allows(const struct rule *rule, const struct rbac_request *request) {
    if (!has_or_all(&rule->verbs, request->verb)) return false;
    if (request->path) return allows_path(rule, request->path);
    return has_or_all(&rule->groups, request->group) && allows_resource(rule, request) &&
           rbac_names(rule, request->name);
}

static bool is_about(const struct bound *bound, const struct rbac_request *request) {
    if (!bound->subject->is_group) return strcmp(bound->subject->name, request->user) == 0;
    for (size_t i = 0; i < request->group_count; i++)
        if (strcmp(bound->subject->name, request->groups[i]) == 0) return true;
    return false;
}

static bool gives(const struct binding *binding, const struct rbac_request *request) {
    bool about = false;
    for (size_t i = 0; i < binding->subject_count && !about; i++) about = is_about(&binding->subjects[i], request);
    for (size_t i = 0; about && i < binding->role->rule_count; i++)
        if (rbac_rule_allows(binding->role->rules[i], request)) return true;
    return false;
}

bool rbac_allows(const struct rbac *rbac, const struct rbac_request *request) {
    for (size_t i = 0; i < rbac->binding_count; i++) {
        const struct binding *binding = rbac->bindings[i];
        const bool reaches =
            !*binding->namespace || (!request->path && strcmp(binding->namespace, request->namespace) == 0);
        if (reaches && binding->role && gives(binding, request)) return true;
    }
    return false;
}

struct rbac *rbac_read(const struct rbac_audit *audit) {
    struct rbac *rbac = ARENA_NEW(audit->arena, struct rbac);
    rbac->arena = audit->arena;
    map_init(&rbac->roles, audit->arena);
    map_init(&rbac->known_bindings, audit->arena);
    map_init(&rbac->rules, audit->arena);
    map_init(&rbac->subjects, audit->arena);
    map_init(&rbac->held, audit->arena);
    rbac_read_inputs(audit, rbac);
    rbac_resolve(rbac);
    return rbac;
}
