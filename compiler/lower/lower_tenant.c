// Tenants → whose namespaces there are, who that is, and what they may use. The grants and locks of tenants are lowered
// as if they were written: see front/tenants.c.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/limits.h"
#include "base/suggest.h"
#include "base/text.h"
#include "data/quantity.h"
#include "data/value.h"
#include "front/ast_make.h"
#include "front/tenants.h"
#include "kubernetes/account.h"
#include "kubernetes/facts.h"
#include "kubernetes/kube.h"
#include "lower/lower.h"
#include "report/diag.h"

// ---- where it is ----

static void report(struct lowering *lowering, enum diag_code code, struct span span, const char *message,
                   const char *help) {
    diag_report(lowering->diags, code, span, "%s", message);
    diag_help(lowering->diags, "%s", help);
}

static const struct tenant_tool *tool_of(const struct ast_subject *subject, const char **ret_namespace) {
    const bool is_name = subject->kind == AST_SUBJECT_ACTOR || subject->kind == AST_SUBJECT_PRESET;
    const struct tenant_tool *tool = is_name ? tenant_tool_find(subject->name.text) : NULL;
    if (tool) *ret_namespace = subject->kind == AST_SUBJECT_PRESET ? subject->extra_value.text : tool->namespace;
    return tool;
}

void lower_tenant_tools(struct lowering *lowering, const struct ast_item *item) {
    const struct ast_clause *deployer = lower_find_clause(item, AST_CLAUSE_TENANT_DEPLOYER);
    for (size_t i = 0; deployer && i < deployer->subjects.count; i++) {
        const char *namespace = NULL;
        const struct tenant_tool *tool = tool_of(deployer->subjects.items[i], &namespace);
        if (tool && namespace) map_set(&lowering->tenant_tools, namespace, (void *)(uintptr_t)tool);
    }
}

// What deploys tenants from there; NULL for nothing.
static const char *tool_in(const struct lowering *lowering, const char *namespace) {
    const struct tenant_tool *tool = map_get(&lowering->tenant_tools, namespace);
    return tool ? tool->name : NULL;
}

// Whether the API server, or what deploys tenants, writes there by itself.
static const char *other_owner(const struct lowering *lowering, const char *namespace) {
    if (text_is_among(kube_system_namespaces, kube_system_namespace_count, namespace)) return "the control plane";
    if (strcmp(namespace, "default") == 0) return "everybody, and the API server writes there";
    return tool_in(lowering, namespace);
}

static void add_namespace(struct lowering *lowering, struct word word, struct tenant *tenant) {
    struct arena *arena = lowering->arena;
    if (!lower_check_namespace(lowering, word)) return;
    const char *owner = other_owner(lowering, word.text);
    if (owner) {
        diag_report(lowering->diags, DIAG_BAD_VALUE, word.span, "'%s' cannot be a tenant's: it belongs to %s",
                    word.text, owner);
        diag_help(lowering->diags, "give tenants namespaces of their own");
        return;
    }
    const struct tenant *other = map_get(&lowering->tenants, word.text);
    if (other == tenant) {
        report(lowering, DIAG_DUPLICATE, word.span, arena_printf(arena, "'%s' is named twice", word.text),
               "name each namespace once");
        return;
    }
    if (other) {
        diag_report(lowering->diags, DIAG_DUPLICATE, word.span, "namespace '%s' belongs to two tenants", word.text);
        diag_relate(lowering->diags, other->span, "this one has it as well");
        diag_help(lowering->diags, "a namespace has one tenant; members of both may be listed there");
        return;
    }
    map_set(&lowering->tenants, word.text, tenant);
    ARENA_PUSH(arena, tenant->namespaces, tenant->namespace_count, word.text);
}

// ---- who it is ----

// Why nobody of that name is let be one of a tenant's; NULL where somebody is. Who is a member is kept out of all other
// namespaces: of the control plane, and of what deploys, that would be the end.
static const char *problem_of(const struct lowering *lowering, const char *name, bool is_group, bool is_member) {
    struct arena *arena = lowering->arena;
    static const char system[] = "system:";
    for (const char *c = name; *c; c++)
        if ((unsigned char)*c < ' ') return "has a name of several lines, and each line of a Namespace names one";
    if (strncmp(name, system, sizeof system - 1) != 0) return NULL;
    const bool is_account = is_group ? account_is_group(name) : account_is_user(name);
    size_t len = 0;
    const char *namespace = is_account ? account_namespace(name, &len) : NULL;
    if (!namespace || !len) return is_group ? "has members of everywhere" : "is of the control plane";
    const char *copy = arena_copy(arena, namespace, len);
    const bool is_system = text_is_among(kube_system_namespaces, kube_system_namespace_count, copy);
    if (is_system && (is_member || is_group)) return "is of the control plane";
    return is_member && tool_in(lowering, copy) ? arena_printf(arena, "is where %s runs", tool_in(lowering, copy))
                                                : NULL;
}

static void check_line(struct lowering *lowering, const struct ast_subject *subject, const char *name, bool is_group,
                       bool is_member) {
    const char *problem = problem_of(lowering, name, is_group, is_member);
    if (!problem) return;
    diag_report(lowering->diags, DIAG_BAD_VALUE, subject->span, "%s '%s' cannot be of a tenant: it %s",
                is_group ? "group" : "user", text_shortened(lowering->arena, name, 80), problem);
    diag_help(lowering->diags, is_member ? "name the team's own users, groups and service accounts"
                                         : "name what else writes there by its own user, group or service account");
}

// What is no exact name cannot be said by the Namespace.
static void add_lines(struct lowering *lowering, struct unit *unit, const struct ast_item *item,
                      enum ast_clause_kind kind, const char ***lines, size_t *count) {
    struct arena *arena = lowering->arena;
    const struct ast_clause *clause = lower_find_clause(item, kind);
    const bool is_member = kind == AST_CLAUSE_MEMBERS;
    for (size_t i = 0; clause && i < clause->words.count; i++)
        report(
            lowering, DIAG_BAD_VALUE, clause->words.items[i].span,
            arena_printf(arena, "'%s' is no subject", clause->words.items[i].text),
            "name who writes in the tenant's namespaces besides it, such as: exempt cert-manager; controllers of the "
            "control plane always do");
    for (size_t i = 0; clause && i < clause->subjects.count; i++) {
        struct subjects who = {0};
        lower_subjects(lowering, unit, &(struct ast_subjects){&clause->subjects.items[i], 1}, &who);
        if (who.other_count)
            report(lowering, DIAG_BAD_VALUE, clause->subjects.items[i]->span,
                   "a tenant consists of users, groups and service accounts",
                   "name them as they are: user NAME, group NAME, serviceaccount NAMESPACE/NAME");
        for (size_t j = 0; j < who.user_count; j++)
            check_line(lowering, clause->subjects.items[i], who.users[j], false, is_member);
        for (size_t j = 0; j < who.group_count; j++)
            check_line(lowering, clause->subjects.items[i], who.groups[j], true, is_member);
        for (size_t j = 0; j < who.user_count; j++)
            ARENA_PUSH(arena, *lines, *count, arena_printf(arena, "user %s", who.users[j]));
        for (size_t j = 0; j < who.group_count; j++)
            ARENA_PUSH(arena, *lines, *count, arena_printf(arena, "group %s", who.groups[j]));
    }
}

// Members, what runs in the namespaces, and what else writes there.
static const char *members_of(struct lowering *lowering, struct unit *unit, const struct ast_item *item,
                              const struct tenant *tenant) {
    struct arena *arena = lowering->arena;
    const char **lines = NULL;
    size_t count = 0;
    add_lines(lowering, unit, item, AST_CLAUSE_MEMBERS, &lines, &count);
    add_lines(lowering, unit, item, AST_CLAUSE_EXEMPT, &lines, &count);
    for (size_t i = 0; i < tenant->namespace_count; i++)
        ARENA_PUSH(arena, lines, count, arena_printf(arena, "group %s", account_group(arena, tenant->namespaces[i])));
    if (count) qsort(lines, count, sizeof *lines, compare_strings);
    struct text text;
    text_init(&text, arena);
    for (size_t i = 0; i < count; i++)
        if (!i || strcmp(lines[i - 1], lines[i]) != 0) text_printf(&text, "%s%s", i ? "\n" : "", lines[i]);
    if (text.len > LIMIT_ANNOTATIONS) {
        diag_report(lowering->diags, DIAG_OBJECT_TOO_LARGE, item->name.span,
                    "the members of tenant '%s' take %zu bytes; the API server takes about %d as annotations",
                    item->name.text, text.len, LIMIT_ANNOTATIONS);
        diag_help(lowering->diags, "name groups instead of their users");
    }
    return text_string(&text);
}

// ---- what deploys it ----

// Its AppProject has its name; Argo CD keeps one for itself, and another policy may have one of that name.
static bool note_project(struct lowering *lowering, const struct ast_item *item, const char *namespace,
                         struct tenant *tenant) {
    const char *place = arena_printf(lowering->arena, "%s/%s", namespace, tenant->name);
    const struct tenant *other = map_get(&lowering->projects, place);
    if (strcmp(tenant->name, "default") == 0) {
        report(lowering, DIAG_BAD_NAME, item->name.span, "Argo CD has a project 'default' of its own",
               "give the tenant another name: its AppProject is called like it");
        return false;
    }
    if (other && other != tenant) {
        diag_report(lowering->diags, DIAG_DUPLICATE, item->name.span,
                    "a tenant of another policy has the AppProject '%s' as well", tenant->name);
        diag_relate(lowering->diags, other->span, "that one");
        diag_help(lowering->diags, "give one of the tenants another name: its AppProject is called like it");
        return false;
    }
    map_set(&lowering->projects, place, tenant);
    return true;
}

static void read_deployers(struct lowering *lowering, const struct ast_item *item, struct tenant *tenant) {
    const struct ast_clause *clause = lower_find_clause(item, AST_CLAUSE_TENANT_DEPLOYER);
    for (size_t i = 0; clause && i < clause->subjects.count; i++) {
        const struct ast_subject *one = clause->subjects.items[i];
        const char *namespace = NULL;
        const struct tenant_tool *tool = tool_of(one, &namespace);
        if (!tool) {
            report(lowering, DIAG_BAD_VALUE, one->span, "a tenant is deployed by flux or argocd",
                   "write: deployer flux; or where it does not run in its usual namespace: deployer flux in NAMESPACE");
            continue;
        }
        if (one->kind == AST_SUBJECT_PRESET && !lower_check_namespace(lowering, one->extra_value)) continue;
        if (tool->project && note_project(lowering, item, namespace, tenant)) tenant->projects = namespace;
        tenant->account = tenant->name;
    }
}

// ---- what its pods may be, and what it may use ----

static bool check_word(struct lowering *lowering, struct word word, const char *const *known, size_t count,
                       const char *what) {
    if (text_is_among(known, count, word.text)) return true;
    const char *near = suggest_nearest(word.text, known, count);
    diag_report(lowering->diags, DIAG_BAD_VALUE, word.span, "unknown %s '%s'", what, word.text);
    if (near) {
        diag_help(lowering->diags, "did you mean '%s'?", near);
        diag_fix(lowering->diags, word.span, near);
    } else {
        struct text list;
        text_init(&list, lowering->arena);
        for (size_t i = 0; i < count; i++)
            text_printf(&list, "%s%s", !i ? "" : i + 1 < count ? ", " : " and ", known[i]);
        diag_help(lowering->diags, "there are %s", text_string(&list));
    }
    return false;
}

static void read_security(struct lowering *lowering, const struct ast_item *item, struct tenant *tenant) {
    static const char *const levels[] = {"privileged", "baseline", "restricted"};
    const struct ast_clause *clause = lower_find_clause(item, AST_CLAUSE_POD_SECURITY);
    for (size_t i = 0; clause && i + 1 < clause->words.count; i += 2) {
        const struct word mode = clause->words.items[i], level = clause->words.items[i + 1];
        if (mode.text && !check_word(lowering, mode, security_modes, SECURITY_MODES, "mode")) continue;
        if (!check_word(lowering, level, levels, sizeof levels / sizeof *levels, "level")) continue;
        size_t at = SECURITY_ENFORCE;
        while (mode.text && strcmp(security_modes[at], mode.text) != 0) at++;
        if (tenant->security[at])
            report(lowering, DIAG_REPEATED_CLAUSE, level.span, "this mode has a level already",
                   "pods are refused by one level, and may be warned about and audited by others: pod security "
                   "baseline, warn restricted");
        tenant->security[at] = level.text;
    }
}

static const struct quota {
    const char *name;
    bool is_whole;
} quotas[] = {
#define QUOTA(name, is_whole) {name, is_whole},
#include "kubernetes/quotas.def"
#undef QUOTA
};

// Objects of a kind, resources of nodes, storage of a class: the API server takes any name with a group. And pages of
// any size.
static bool is_of_many(const char *name) {
    static const char requested[] = "requests.", pages[] = "hugepages-";
    if (strchr(name, '/')) return kube_is_label_key(name);
    if (strncmp(name, requested, sizeof requested - 1) == 0) name += sizeof requested - 1;
    return strncmp(name, pages, sizeof pages - 1) == 0 && kube_is_label_key(name);
}

static const struct quota *quota_of(struct lowering *lowering, struct word what) {
    static const struct quota grouped = {NULL, true}, pages = {NULL, false};
    const char *known[sizeof quotas / sizeof *quotas];
    for (size_t i = 0; i < sizeof quotas / sizeof *quotas; i++) {
        if (strcmp(quotas[i].name, what.text) == 0) return &quotas[i];
        known[i] = quotas[i].name;
    }
    if (is_of_many(what.text)) return strchr(what.text, '/') ? &grouped : &pages;
    const char *near = suggest_nearest(what.text, known, sizeof known / sizeof *known);
    diag_report(lowering->diags, DIAG_BAD_VALUE, what.span, "a ResourceQuota does not limit '%.80s'", what.text);
    if (near) {
        diag_help(lowering->diags, "did you mean '%s'?", near);
        diag_fix(lowering->diags, what.span, near);
    } else {
        diag_help(lowering->diags, "it limits pods, cpu, memory, requests.storage, services.loadbalancers, … and, as "
                                   "count/RESOURCE.GROUP, the objects of any kind");
    }
    return NULL;
}

static bool check_amount(struct lowering *lowering, const struct quota *quota, struct word what, struct word amount) {
    struct quantity read;
    const char *problem = NULL;
    if (!quantity_parse(amount.text, &read))
        problem = "is no quantity";
    else if (read.negative)
        problem = "is less than nothing";
    else if (quota->is_whole && read.exponent < (int)read.count)
        problem = "is no whole number";
    if (!problem) return true;
    diag_report(lowering->diags, DIAG_BAD_VALUE, amount.span, "'%.80s' %s", amount.text, problem);
    diag_help(lowering->diags, quota->is_whole ? "write how many: %s 50" : "write an amount, such as: %s 20, %s 64Gi",
              what.text, what.text);
    return false;
}

static int compare_limits(const void *a, const void *b) {
    return strcmp(((const struct limit *)a)->what, ((const struct limit *)b)->what);
}

static void read_quota(struct lowering *lowering, const struct ast_item *item, struct tenant *tenant) {
    const struct ast_clause *clause = lower_find_clause(item, AST_CLAUSE_QUOTA);
    for (size_t i = 0; clause && i + 1 < clause->words.count; i += 2) {
        const struct word what = clause->words.items[i], amount = clause->words.items[i + 1];
        const struct quota *quota = quota_of(lowering, what);
        if (!quota || !check_amount(lowering, quota, what, amount)) continue;
        for (size_t j = 0; j < tenant->limit_count; j++)
            if (strcmp(tenant->limits[j].what, what.text) == 0)
                report(lowering, DIAG_REPEATED_CLAUSE, what.span,
                       arena_printf(lowering->arena, "'%s' is limited twice", what.text), "leave one of them out");
        const struct limit limit = {what.text, amount.text};
        ARENA_PUSH(lowering->arena, tenant->limits, tenant->limit_count, limit);
    }
    if (tenant->limit_count) qsort(tenant->limits, tenant->limit_count, sizeof *tenant->limits, compare_limits);
}

// ---- all of it ----

static void check_missing(struct lowering *lowering, const struct ast_item *item, enum ast_clause_kind kind,
                          const char *message, const char *help) {
    if (!lower_find_clause(item, kind) && !lower_is_damaged(lowering, item))
        report(lowering, DIAG_MISSING_CLAUSE, item->name.span,
               arena_printf(lowering->arena, "tenant '%s' %s", item->name.text, message), help);
}

// Namespaces, accounts and projects are called so, and a label says it.
static void check_tenant_name(struct lowering *lowering, const struct ast_item *item) {
    if (!kube_is_dns_label(item->name.text))
        report(lowering, DIAG_BAD_NAME, item->name.span,
               arena_printf(lowering->arena, "'%.80s' cannot be the name of a tenant", item->name.text),
               "its objects have its name: at most 63 lower-case letters, digits and '-'");
}

void lower_tenant(struct lowering *lowering, struct unit *unit, const struct ast_item *item) {
    struct arena *arena = lowering->arena;
    struct tenant *tenant = ARENA_NEW(arena, struct tenant);
    *tenant = (struct tenant){.policy = unit->policy, .name = item->name.text, .span = item->name.span};
    const struct ast_clause *namespaces = lower_find_clause(item, AST_CLAUSE_NAMESPACES);
    lower_check_repeated(lowering, item);
    check_tenant_name(lowering, item);
    if (lowering->is_static) lower_not_supported(lowering, item->name.span, "a tenant in static manifests");
    check_missing(lowering, item, AST_CLAUSE_NAMESPACES, "has no namespaces", "add: namespaces NAME, …");
    check_missing(lowering, item, AST_CLAUSE_MEMBERS, "has no members", "add: members group NAME");
    check_missing(lowering, item, AST_CLAUSE_ROLE, "has no role",
                  "add the ClusterRole, or the grant of the policy, that says what its members may do: role edit");
    for (size_t i = 0; namespaces && i < namespaces->words.count; i++)
        add_namespace(lowering, namespaces->words.items[i], tenant);
    if (tenant->namespace_count)
        qsort(tenant->namespaces, tenant->namespace_count, sizeof *tenant->namespaces, compare_strings);
    tenant->members = members_of(lowering, unit, item, tenant);
    read_deployers(lowering, item, tenant);
    read_security(lowering, item, tenant);
    read_quota(lowering, item, tenant);
    ARENA_PUSH(arena, lowering->policies->tenants, lowering->policies->tenant_count, tenant);
}
