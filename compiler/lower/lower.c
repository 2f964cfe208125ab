// All trees → the resolved policy; the parts are in lower_*.c.
#include "lower/lower.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/map.h"
#include "base/text.h"
#include "kubernetes/catalog.h"
#include "kubernetes/kube.h"
#include "report/diag.h"

void lower_not_supported(struct lowering *lowering, struct span span, const char *what) {
    diag_report(lowering->diags, DIAG_NOT_SUPPORTED, span, "%s is not supported yet", what);
    diag_help(lowering->diags, "klockc refuses it rather than ignore it; remove it");
}

static bool have_same_words(const char *a, const char *b) {
    return strlen(a) == strlen(b) && text_has_words(a, b);
}

// In what the two differ; NULL where they say the same. What a declaration leaves open, a definition may say.
static const char *difference(const struct resource *known, const struct resource *resource) {
    const bool defined = known->defined;
    if (known->namespaced != resource->namespaced) return "scope";
    if (strcmp(known->kind, resource->kind) != 0 && !(defined && resource->kind_unsaid)) return "kind";
    if (strcmp(known->version, resource->version) != 0 && !(defined && !*resource->versions)) return "version";
    if (!have_same_words(known->subresources, resource->subresources)) return "subresources";
    if (!defined || !resource->defined) return NULL;
    if (strcmp(known->versions, resource->versions) != 0) return "versions";
    if (strcmp(known->replicas, resource->replicas) != 0) return "specReplicasPath";
    if (!known->converter != !resource->converter ||
        (known->converter && strcmp(known->converter, resource->converter) != 0))
        return "conversion";
    if (strcmp(known->singular, resource->singular) != 0 || !have_same_words(known->short_names, resource->short_names))
        return "names";
    return NULL;
}

void lower_declare(struct lowering *lowering, const struct resource *resource) {
    const struct resource *known = catalog_declare(lowering->catalog, resource);
    if (!known) return;
    const char *name = catalog_name(lowering->arena, resource);
    if (known->built_in) {
        diag_report(lowering->diags, DIAG_DUPLICATE, resource->declared, "resource '%s' is built in", name);
        diag_help(lowering->diags, "every server has it: %s",
                  resource->defined ? "leave its definition out" : "remove the declaration");
        return;
    }
    // Files of one compilation may each declare what they use, as long as they say the same.
    const char *what = difference(known, resource);
    if (!what) return;
    diag_report(lowering->diags, DIAG_DUPLICATE, resource->declared, "resource '%s' is declared twice, differently",
                name);
    diag_relate(lowering->diags, known->declared, "first declared here");
    diag_help(lowering->diags, "the two differ in their %s: keep the one that the cluster has", what);
}

static void lower_custom_resource(struct lowering *lowering, const struct ast_item *item) {
    struct arena *arena = lowering->arena;
    const struct word name = item->name;
    const char *dot = strchr(name.text, '.');
    if (!dot || !kube_is_dns_subdomain(name.text)) {
        diag_report(lowering->diags, DIAG_BAD_NAME, name.span, "'%s' does not name a resource of a group", name.text);
        diag_help(lowering->diags, "write PLURAL.GROUP, for example widgets.example.com");
        return;
    }
    const char *version = item->as.resource.version.text;
    if (version && !kube_is_version(version)) {
        diag_report(lowering->diags, DIAG_BAD_NAME, item->as.resource.version.span, "'%s' is not an API version",
                    version);
        diag_help(lowering->diags, "API versions look like v1 or v1beta1");
        return;
    }
    struct text subresources;
    text_init(&subresources, arena);
    for (size_t i = 0; i < item->as.resource.subresources.count; i++) {
        const struct word word = item->as.resource.subresources.items[i];
        if (strcmp(word.text, "status") != 0 && strcmp(word.text, "scale") != 0) {
            diag_report(lowering->diags, DIAG_BAD_VALUE, word.span, "custom resources have no subresource '%s'",
                        word.text);
            diag_help(lowering->diags, "they may have status and scale");
        }
        text_printf(&subresources, "%s%s", i ? " " : "", word.text);
    }
    const char *plural = arena_copy(arena, name.text, (size_t)(dot - name.text));
    struct resource *resource = ARENA_NEW(arena, struct resource);
    *resource = (struct resource){
        .plural = plural,
        .singular = "",
        .kind = item->as.resource.kind.text ? item->as.resource.kind.text : plural,
        .group = dot + 1,
        .version = version ? version : "*",
        .versions = version ? version : "",
        .namespaced = item->as.resource.namespaced,
        .short_names = "",
        .verbs = CATALOG_CUSTOM_VERBS,
        .subresources = text_string(&subresources),
        .declared = name.span,
        .kind_unsaid = !item->as.resource.kind.text,
        .replicas = "",
    };
    lower_declare(lowering, resource);
}

bool lower_is_damaged(const struct lowering *lowering, const struct ast_item *item) {
    for (size_t i = 0; lowering->diags->errors && i < lowering->diags->count; i++) {
        const struct diagnostic *diagnostic = &lowering->diags->items[i];
        const bool syntax =
            diagnostic->code == DIAG_SYNTAX || diagnostic->code == DIAG_BAD_TOKEN || diagnostic->code == DIAG_TOO_DEEP;
        if (syntax && diagnostic->span.file == item->span.file && diagnostic->span.begin >= item->span.begin &&
            diagnostic->span.begin <= item->span.end)
            return true;
    }
    return false;
}

// By name, so that the order of files does not count where several resources have a word.
static int compare_resources(const void *a, const void *b) {
    const struct ast_item *x = *(const struct ast_item *const *)a, *y = *(const struct ast_item *const *)b;
    const char *x_group = strchr(x->name.text, '.'), *y_group = strchr(y->name.text, '.');
    int order = strcmp(x_group ? x_group : "", y_group ? y_group : "");
    if (!order) order = strcmp(x->name.text, y->name.text);
    if (!order) order = (x->name.span.file > y->name.span.file) - (x->name.span.file < y->name.span.file);
    return order ? order : (x->name.span.begin > y->name.span.begin) - (x->name.span.begin < y->name.span.begin);
}

static void lower_custom_resources(struct lowering *lowering, struct unit **units, size_t unit_count) {
    const struct ast_item **items = NULL;
    size_t count = 0;
    for (size_t i = 0; i < unit_count; i++)
        for (const struct ast_item *item = units[i]->file->first; item; item = item->next)
            if (item->kind == AST_ITEM_RESOURCE) ARENA_PUSH(lowering->arena, items, count, item);
    if (count) qsort(items, count, sizeof *items, compare_resources);
    for (size_t i = 0; i < count; i++) lower_custom_resource(lowering, items[i]);
}

// The kind that a lock's parameters are of cannot be guessed: the API server refuses every request while it finds none.
static void check_parameters(struct lowering *lowering) {
    struct map known;
    map_init(&known, lowering->arena);
    for (size_t i = 0; i < lowering->policies->lock_count; i++) {
        const struct lock *lock = lowering->policies->locks[i];
        if (lock->covers[SHAPE_SCALE] != COVER_BY_PARAMS) continue;
        for (size_t j = 0; j < lock->scope.target_count; j++) {
            const struct resource *resource = lock->scope.targets[j].resource;
            if (!resource || resource->built_in) continue;
            if (!text_has_word(resource->subresources, "scale")) continue;
            if (*resource->versions && !resource->kind_unsaid) continue;
            const char *name = catalog_name(lowering->arena, resource);
            const char *subresources = text_has_word(resource->subresources, "status") ? "scale, status" : "scale";
            if (map_get(&known, name)) continue;
            map_set(&known, name, lowering);
            diag_report(lowering->diags, DIAG_MISSING_CLAUSE, resource->declared, "'%s' is declared without its %s",
                        name,
                        *resource->versions     ? "kind"
                        : resource->kind_unsaid ? "version and kind"
                                                : "version");
            diag_relate(lowering->diags, lock->span, "this lock looks it up when it is scaled");
            diag_help(lowering->diags,
                      "write: resource %s/%s %s kind %s subresources %s; or leave scale open: cover scale never", name,
                      *resource->versions ? resource->versions : "VERSION",
                      resource->namespaced ? "namespaced" : "cluster", resource->kind_unsaid ? "KIND" : resource->kind,
                      subresources);
        }
    }
}

static void lower_deployer(struct lowering *lowering, struct unit *unit, const struct ast_item *item) {
    struct policies *policies = lowering->policies;
    const struct deployer *first = map_get(&lowering->deployers, unit->policy);
    if (first) {
        diag_report(lowering->diags, DIAG_REPEATED_CLAUSE, item->keyword, "policy '%s' already has a deployer",
                    unit->policy);
        diag_relate(lowering->diags, first->span, "first named here");
        diag_help(lowering->diags, "combine them: deployer A, B");
        return;
    }
    struct deployer *deployer = ARENA_NEW(lowering->arena, struct deployer);
    *deployer = (struct deployer){.policy = unit->policy, .span = item->span};
    lower_subjects(lowering, unit, &item->as.block.to, &deployer->subjects);
    struct grant grant = {.policy = unit->policy};
    lower_rbac_subjects(lowering, unit, item, &grant);
    deployer->accounts = grant.subjects;
    deployer->account_count = grant.subject_count;
    ARENA_PUSH(lowering->arena, policies->deployers, policies->deployer_count, deployer);
    map_set(&lowering->deployers, unit->policy, deployer);
}

// `policy NAME against insiders` in one of the files says it for all files of the policy.
static void lower_policy(struct lowering *lowering, const struct unit *unit) {
    for (const struct ast_item *item = unit->file->first; item; item = item->next) {
        if (item->kind != AST_ITEM_POLICY || !item->as.policy.against.text) continue;
        const struct word against = item->as.policy.against;
        if (strcmp(against.text, "insiders") == 0) {
            ARENA_PUSH(lowering->arena, lowering->policies->insiders, lowering->policies->insider_count, unit->policy);
        } else if (strcmp(against.text, "accidents") != 0) {
            diag_report(lowering->diags, DIAG_BAD_VALUE, against.span, "unexpected '%s'", against.text);
            diag_help(lowering->diags, "a policy is against accidents, which is the default, or against insiders");
        }
    }
}

// What another file of the policy says is not overruled in silence.
static void check_against(struct lowering *lowering, const struct unit *unit) {
    if (!policies_are_against_insiders(lowering->policies, unit->policy)) return;
    for (const struct ast_item *item = unit->file->first; item; item = item->next) {
        if (item->kind != AST_ITEM_POLICY || !item->as.policy.against.text ||
            strcmp(item->as.policy.against.text, "accidents") != 0)
            continue;
        diag_report(lowering->diags, DIAG_CONFLICTING_CLAUSES, item->as.policy.against.span,
                    "another file says that policy '%s' is against insiders", unit->policy);
        diag_help(lowering->diags,
                  "say it in one of the files; a policy against insiders is against accidents as well");
    }
}

static void lower_whole_item(struct lowering *lowering, struct unit *unit, const struct ast_item *item) {
    switch (item->kind) {
    case AST_ITEM_POLICY:
    case AST_ITEM_INCLUDE:
    case AST_ITEM_ACCEPT:
    case AST_ITEM_RESOURCE:
    case AST_ITEM_RESOURCES_FROM: break;
    case AST_ITEM_ACTOR: lower_actor(lowering, unit, item); break;
    case AST_ITEM_OBJECT: (void)lower_object(lowering, unit, item->name); break;
    case AST_ITEM_LOCK: lower_lock(lowering, unit, item); break;
    case AST_ITEM_GRANT: lower_grant(lowering, unit, item); break;
    case AST_ITEM_DEPLOYER: lower_deployer(lowering, unit, item); break;
    case AST_ITEM_WEBHOOK: lower_webhook(lowering, unit, item); break;
    case AST_ITEM_TENANT: lower_tenant(lowering, unit, item); break;
    case AST_ITEM_TEST: break;
    }
}

// The clauses of a damaged item that could be read are looked at as well, so that one run shows all mistakes; what
// comes of them is dropped.
static void lower_item(struct lowering *lowering, struct unit *unit, const struct ast_item *item) {
    if (!lower_is_damaged(lowering, item)) {
        lower_whole_item(lowering, unit, item);
        return;
    }
    const struct policies policies = *lowering->policies;
    const size_t guarded_count = lowering->guarded_count;
    lowering->diags->in_damaged_block = true;
    lower_whole_item(lowering, unit, item);
    lowering->diags->in_damaged_block = false;
    lowering->policies->lock_count = policies.lock_count;
    lowering->policies->grant_count = policies.grant_count;
    lowering->policies->account_count = policies.account_count;
    lowering->policies->deployer_count = policies.deployer_count;
    lowering->policies->webhook_count = policies.webhook_count;
    lowering->policies->tenant_count = policies.tenant_count;
    lowering->guarded_count = guarded_count;
}

// Everything is sorted by what it is called, so that the order of files and items never reaches the output.
static int compare_pairs(const char *a, const char *b, const char *c, const char *d) {
    const int order = strcmp(a, b);
    return order ? order : strcmp(c, d);
}

static int compare_locks(const void *a, const void *b) {
    const struct lock *x = *(const struct lock *const *)a, *y = *(const struct lock *const *)b;
    const int order = compare_pairs(x->policy, y->policy, x->name, y->name);
    if (order) return order;
    const int parts = strcmp(x->id, y->id);
    return parts ? parts : (x->scope.where == IN_CLUSTER) - (y->scope.where == IN_CLUSTER);
}

static int compare_grants(const void *a, const void *b) {
    const struct grant *x = *(const struct grant *const *)a, *y = *(const struct grant *const *)b;
    return compare_pairs(x->policy, y->policy, x->name, y->name);
}

// Within a policy as they are written: an API server asks mutating ones in their order.
static int compare_webhooks(const void *a, const void *b) {
    const struct webhook *x = *(const struct webhook *const *)a, *y = *(const struct webhook *const *)b;
    const int order = strcmp(x->policy, y->policy);
    if (order) return order;
    if (x->span.file != y->span.file) return x->span.file < y->span.file ? -1 : 1;
    return (x->span.begin > y->span.begin) - (x->span.begin < y->span.begin);
}

static int compare_accounts(const void *a, const void *b) {
    const struct account *x = *(const struct account *const *)a, *y = *(const struct account *const *)b;
    const int order = compare_pairs(x->namespace, y->namespace, x->name, y->name);
    return order ? order : strcmp(x->policy, y->policy);
}

static int compare_tenants(const void *a, const void *b) {
    const struct tenant *x = *(const struct tenant *const *)a, *y = *(const struct tenant *const *)b;
    return compare_pairs(x->policy, y->policy, x->name, y->name);
}

static int compare_deployers(const void *a, const void *b) {
    const struct deployer *x = *(const struct deployer *const *)a, *y = *(const struct deployer *const *)b;
    return strcmp(x->policy, y->policy);
}

static void sort(struct policies *policies) {
    if (policies->deployer_count)
        qsort(policies->deployers, policies->deployer_count, sizeof *policies->deployers, compare_deployers);
    if (policies->lock_count) qsort(policies->locks, policies->lock_count, sizeof *policies->locks, compare_locks);
    if (policies->grant_count) qsort(policies->grants, policies->grant_count, sizeof *policies->grants, compare_grants);
    if (policies->tenant_count)
        qsort(policies->tenants, policies->tenant_count, sizeof *policies->tenants, compare_tenants);
    if (policies->webhook_count)
        qsort(policies->webhooks, policies->webhook_count, sizeof *policies->webhooks, compare_webhooks);
    if (policies->account_count)
        qsort(policies->accounts, policies->account_count, sizeof *policies->accounts, compare_accounts);
    // An account that several actors are made of is one object.
    size_t kept = 0;
    for (size_t i = 0; i < policies->account_count; i++) {
        const struct account *account = policies->accounts[i];
        if (kept && strcmp(policies->accounts[kept - 1]->namespace, account->namespace) == 0 &&
            strcmp(policies->accounts[kept - 1]->name, account->name) == 0)
            continue;
        policies->accounts[kept++] = policies->accounts[i];
    }
    policies->account_count = kept;
}

void lower(struct lowering *lowering, struct unit **units, size_t unit_count) {
    for (size_t i = 0; i < unit_count; i++) lower_policy(lowering, units[i]);
    for (size_t i = 0; i < unit_count; i++) check_against(lowering, units[i]);
    map_init(&lowering->deployers, lowering->arena);
    map_init(&lowering->roles, lowering->arena);
    map_init(&lowering->outputs, lowering->arena);
    map_init(&lowering->granted, lowering->arena);
    map_init(&lowering->tenants, lowering->arena);
    map_init(&lowering->tenant_tools, lowering->arena);
    map_init(&lowering->projects, lowering->arena);
    set_init(&lowering->wrong_grants, lowering->arena);
    map_init(&lowering->rules, lowering->arena);
    lower_definitions(lowering);
    lower_custom_resources(lowering, units, unit_count);
    for (size_t i = 0; i < unit_count; i++)
        for (const struct ast_item *item = units[i]->file->first; item; item = item->next)
            if (item->kind == AST_ITEM_TENANT) lower_tenant_tools(lowering, item);
    for (size_t i = 0; i < unit_count; i++)
        for (const struct ast_item *item = units[i]->file->first; item; item = item->next)
            lower_item(lowering, units[i], item);
    lower_webhooks(lowering);
    lower_guards(lowering, units, unit_count);
    check_parameters(lowering);
    // Tests name locks, so they come last.
    for (size_t i = 0; i < unit_count; i++)
        for (const struct ast_item *item = units[i]->file->first; item; item = item->next)
            if (item->kind == AST_ITEM_TEST && !lower_is_damaged(lowering, item)) lower_test(lowering, units[i], item);
    for (size_t i = 0; i < lowering->policies->lock_count; i++)
        lowering->policies->locks[i]->controllers = lowering->controllers;
    sort(lowering->policies);
}
