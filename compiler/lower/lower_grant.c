// Grants → what RBAC is to allow.
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/names.h"
#include "base/suggest.h"
#include "base/text.h"
#include "front/clauses.h"
#include "kubernetes/account.h"
#include "kubernetes/catalog.h"
#include "lower/lower.h"
#include "report/diag.h"

static const char *const verbs[] = {
    "get",  "list",     "watch",       "create",  "update", "patch", "delete", "deletecollection",
    "bind", "escalate", "impersonate", "approve", "sign",   "use",   "attest"};

// Of requests that are about no resource, the methods of HTTP.
static const char *const methods[] = {"get", "head", "post", "put", "patch", "delete", "options"};

struct verbs {
    const char *const *words;
    size_t count;
    const char *what;
};
static const struct verbs resource_verbs = {verbs, sizeof verbs / sizeof *verbs,
                                            "RBAC verbs are get, list, watch, create, update, patch, delete, …"};
static const struct verbs url_verbs = {
    methods, sizeof methods / sizeof *methods,
    "on URLs the verbs are the methods of HTTP: get, head, post, put, patch, delete and options"};

static bool is_every_url(const char *url) {
    return strcmp(url, "*") == 0 || strcmp(url, "/*") == 0;
}

// What may be done as somebody else is a verb of its own for each, and none for all.
static void check_named_verbs(struct lowering *lowering, const struct ast_clause *allow) {
    for (size_t i = 0; i < allow->words.count; i++) {
        if (strcmp(allow->words.items[i].text, "*") != 0) continue;
        diag_report(lowering->diags, DIAG_NOT_GRANTABLE, allow->words.items[i].span,
                    "RBAC has no word for every verb that is done as somebody else");
        diag_help(lowering->diags, "name the verbs; or leave out what is allowed: who impersonates does whatever the "
                                   "impersonated may");
    }
}

// 'wildcard' says that a '*' is meant; it gives nothing by itself.
static void check_wildcard(struct lowering *lowering, const struct word *wildcard, const struct word *star,
                           const struct grant *grant) {
    bool any = star != NULL;
    for (size_t i = 0; i < grant->scope.target_count; i++) any = any || !grant->scope.targets[i].resource;
    for (size_t i = 0; i < grant->url_count; i++) any = any || is_every_url(grant->urls[i]);
    if (!grant->verb_count) {
        diag_report(lowering->diags, DIAG_MISSING_CLAUSE, wildcard->span, "grant '%s' allows no verb", grant->name);
        diag_help(lowering->diags, "name the verbs as well: allow wildcard, get; for every verb: allow wildcard, *");
    } else if (!any) {
        diag_report(lowering->diags, DIAG_UNUSED_CLAUSE, wildcard->span, "'wildcard' in a grant without '*'");
        diag_help(lowering->diags, "'wildcard' confirms a '*', and there is none: remove it");
    }
}

static void add_verbs(struct lowering *lowering, const struct ast_clause *allow, struct grant *grant,
                      bool *ret_wildcard) {
    const struct verbs *known_verbs = grant->url_count ? &url_verbs : &resource_verbs;
    const struct word *star = NULL, *wildcard = NULL;
    bool unknown = false;
    for (size_t i = 0; i < allow->words.count; i++) {
        const struct word *word = &allow->words.items[i];
        if (strcmp(word->text, "wildcard") == 0) {
            *ret_wildcard = true;
            wildcard = word;
            continue;
        }
        if (strcmp(word->text, "*") == 0) {
            star = word;
        } else if (!text_is_among(known_verbs->words, known_verbs->count, word->text)) {
            diag_report(lowering->diags, DIAG_UNKNOWN_OPERATION, word->span, "unknown verb '%s'", word->text);
            const char *near = suggest_nearest(word->text, known_verbs->words, known_verbs->count);
            diag_help(lowering->diags, near ? "did you mean '%s'?" : "%s", near ? near : known_verbs->what);
            unknown = true;
            continue;
        }
        if (!text_is_among(grant->verbs, grant->verb_count, word->text))
            ARENA_PUSH(lowering->arena, grant->verbs, grant->verb_count, word->text);
    }
    if (star && !*ret_wildcard) {
        diag_report(lowering->diags, DIAG_WILDCARD_GRANT, star->span, "this grants every verb");
        diag_help(lowering->diags, "name the verbs, or confirm it: allow wildcard, *");
    }
    if (wildcard && !unknown) check_wildcard(lowering, wildcard, star, grant);
    if (grant->verb_count) qsort(grant->verbs, grant->verb_count, sizeof *grant->verbs, compare_strings);
}

static void add_subject(struct lowering *lowering, struct grant *grant, int kind, const char *namespace,
                        const char *name) {
    for (size_t i = 0; i < grant->subject_count; i++)
        if ((int)grant->subjects[i].kind == kind && strcmp(grant->subjects[i].name, name) == 0 &&
            strcmp(grant->subjects[i].namespace, namespace) == 0)
            return;
    struct rbac_subject subject = {.namespace = namespace, .name = name};
    subject.kind = kind == RBAC_SERVICE_ACCOUNT ? RBAC_SERVICE_ACCOUNT : kind == RBAC_USER ? RBAC_USER : RBAC_GROUP;
    ARENA_PUSH(lowering->arena, grant->subjects, grant->subject_count, subject);
}

static int compare_subjects(const void *a, const void *b) {
    const struct rbac_subject *x = a, *y = b;
    if (x->kind != y->kind) return x->kind < y->kind ? -1 : 1;
    const int order = strcmp(x->namespace, y->namespace);
    return order ? order : strcmp(x->name, y->name);
}

void lower_rbac_subjects(struct lowering *lowering, struct unit *unit, const struct ast_item *item,
                         struct grant *grant) {
    for (size_t i = 0; i < item->as.block.to.count; i++) {
        const struct ast_subject *written = item->as.block.to.items[i];
        struct ast_subject *one[] = {item->as.block.to.items[i]};
        const struct ast_subjects list = {one, 1};
        struct subjects subjects = {0};
        lower_subjects(lowering, unit, &list, &subjects);
        if (lower_refuse_computed(lowering, &subjects, written->span, "RBAC cannot compute names")) continue;
        if (subjects.other_count) {
            diag_report(lowering->diags, DIAG_NOT_GRANTABLE, written->span,
                        "RBAC can only name users, groups and service accounts");
            diag_help(lowering->diags, "grant to an actor without 'uid', 'may', 'and' and 'with extra'");
        }
        for (size_t j = 0; j < subjects.user_count; j++) {
            const char *namespace, *name;
            if (account_parse(lowering->arena, subjects.users[j], &namespace, &name))
                add_subject(lowering, grant, RBAC_SERVICE_ACCOUNT, namespace, name);
            else
                add_subject(lowering, grant, RBAC_USER, "", subjects.users[j]);
        }
        for (size_t j = 0; j < subjects.group_count; j++)
            add_subject(lowering, grant, RBAC_GROUP, "", subjects.groups[j]);
    }
    if (grant->subject_count) qsort(grant->subjects, grant->subject_count, sizeof *grant->subjects, compare_subjects);
}

// Whoever may impersonate whomever they like may do everything.
static void check_impersonation(struct lowering *lowering, const struct ast_clause *allow, const struct grant *grant) {
    for (size_t i = 0; i < allow->words.count && !grant->name_count; i++) {
        if (strcmp(allow->words.items[i].text, "impersonate") != 0) continue;
        diag_report(lowering->diags, DIAG_NOT_GRANTABLE, allow->words.items[i].span,
                    "this lets the holder become whomever they like");
        diag_help(lowering->diags, "say whom instead: may impersonate SUBJECT");
    }
}

// RBAC honours resourceNames only where the request carries a name.
static void check_names(struct lowering *lowering, const struct object_meaning *meaning, const struct ast_clause *allow,
                        const struct grant *grant) {
    if (!grant->name_count) return;
    for (size_t i = 0; i < allow->words.count; i++) {
        const struct word word = allow->words.items[i];
        if (!text_has_word("create deletecollection", word.text)) continue;
        // A subresource is created below a name.
        bool below = strcmp(word.text, "create") == 0;
        for (size_t j = 0; j < grant->scope.target_count; j++) below = below && grant->scope.targets[j].subresource;
        if (below) continue;
        diag_report(lowering->diags, DIAG_RESOURCE_NAMES, word.span, "'%s' cannot be granted by name", word.text);
        diag_relate(lowering->diags, meaning->name_clause->span, "the names");
        diag_help(lowering->diags, "such requests carry no name: allow '%s' in a grant without 'name'", word.text);
    }
}

static void check_clauses(struct lowering *lowering, const struct ast_item *item) {
    for (size_t i = 0; i < item->as.block.clauses.count; i++) {
        const struct ast_clause *clause = item->as.block.clauses.items[i];
        switch (clause_in(clause->kind, AST_ITEM_GRANT)) {
        case CLAUSE_YES: break;
        case CLAUSE_UNSELECTABLE:
            diag_report(lowering->diags, DIAG_NOT_GRANTABLE, clause->keyword, "RBAC cannot select by this");
            diag_help(lowering->diags,
                      "a grant has resources, namespaces and names; a lock can narrow what the holder may change");
            break;
        case CLAUSE_PLACE:
            if (!item->as.block.objects.count) break;
            diag_report(lowering->diags, DIAG_CONFLICTING_CLAUSES, clause->keyword,
                        "the object after 'on' already says where it is");
            diag_relate(lowering->diags, item->as.block.objects.items[0].span, "the object");
            diag_help(lowering->diags, "remove this clause, or the object");
            break;
        case CLAUSE_NO:
            diag_report(lowering->diags, DIAG_UNUSED_CLAUSE, clause->keyword, "this clause belongs to locks");
            diag_help(lowering->diags, "a grant neither locks nor unlocks");
            break;
        }
    }
}

// The one object that the grant is about; NULL where none is, which is reported.
static const struct object_meaning *granted_object(struct lowering *lowering, struct unit *unit,
                                                   const struct ast_item *item, const struct object_meaning *own) {
    const struct object_meaning *meaning = own->has_scope ? own : NULL;
    for (size_t i = 0; i < item->as.block.objects.count; i++) {
        const struct object_meaning *object = lower_object(lowering, unit, item->as.block.objects.items[i]);
        if (!object) continue;
        if (object->next) {
            diag_report(lowering->diags, DIAG_MIXED_SCOPE, item->as.block.objects.items[i].span,
                        "object '%s' is in namespaces and in the cluster", item->as.block.objects.items[i].text);
            diag_help(lowering->diags, "write a grant for each scope, without 'on'");
        }
        if (meaning) {
            diag_report(lowering->diags, DIAG_CONFLICTING_CLAUSES, item->as.block.objects.items[i].span,
                        "a grant covers one object");
            diag_help(lowering->diags, "write a grant for each object");
        }
        meaning = object;
    }
    return meaning;
}

// The clauses of a grant that say what it gives; NULL those that it has not.
struct giving {
    const struct ast_clause *allow, *urls, *impersonate, *role, *aggregate, *namespace;
    bool on_resources;
};

static struct giving giving_of(const struct ast_item *item, const struct object_meaning *own) {
    return (struct giving){
        .allow = lower_find_clause(item, AST_CLAUSE_ALLOW),
        .urls = lower_find_clause(item, AST_CLAUSE_URLS),
        .impersonate = lower_find_clause(item, AST_CLAUSE_IMPERSONATE),
        .role = lower_find_clause(item, AST_CLAUSE_ROLE),
        .aggregate = lower_find_clause(item, AST_CLAUSE_AGGREGATE),
        .namespace = lower_find_clause(item, AST_CLAUSE_NAMESPACE),
        .on_resources = own->has_scope || own->failed || item->as.block.objects.count > 0,
    };
}

// What a grant is called, and where: of one that is made for a tenant, as its role is.
static struct word name_of(const struct ast_item *item) {
    return item->as.block.template ? item->as.block.template->name : item->name;
}

static void report_missing(struct lowering *lowering, const struct ast_item *item, const char *what, const char *help) {
    const struct word name = name_of(item);
    diag_report(lowering->diags, DIAG_MISSING_CLAUSE, name.span, "grant '%s' %s", name.text, what);
    diag_help(lowering->diags, "%s", help);
}

static void report_conflict(struct lowering *lowering, const struct ast_clause *clause, const struct ast_clause *other,
                            const char *message, const char *help) {
    diag_report(lowering->diags, DIAG_CONFLICTING_CLAUSES, clause->keyword, "%s", message);
    if (other) diag_relate(lowering->diags, other->keyword, "the other is here");
    diag_help(lowering->diags, "%s", help);
}

// A role that is there comes with what it allows, and where it is bound is all that is left to say.
static void check_role(struct lowering *lowering, const struct ast_item *item, const struct giving *giving) {
    for (size_t i = 0; i < item->as.block.clauses.count; i++) {
        const struct ast_clause *clause = item->as.block.clauses.items[i];
        if (clause->kind == AST_CLAUSE_ROLE || clause->kind == AST_CLAUSE_NAMESPACE ||
            clause->kind == AST_CLAUSE_ACCEPT)
            continue;
        report_conflict(lowering, clause, giving->role, "'role' binds a ClusterRole that is there, as it is",
                        "write another grant for what is to be allowed besides");
    }
    if (item->as.block.objects.count)
        report_conflict(lowering, giving->role, NULL, "'role' binds a ClusterRole that is there, as it is",
                        "remove 'on', or write a grant of its own");
    if (!giving->namespace)
        report_missing(lowering, item, "does not say where the role is bound",
                       "add one: namespace default; or, for the whole cluster: namespace *");
}

// Clauses that say where resources are, in a grant that is on none.
static void check_placeless(struct lowering *lowering, const struct ast_item *item) {
    for (size_t i = 0; i < item->as.block.clauses.count; i++) {
        const struct ast_clause *clause = item->as.block.clauses.items[i];
        if (clause->kind > AST_CLAUSE_ALL_OBJECTS || clause_in(clause->kind, AST_ITEM_GRANT) == CLAUSE_UNSELECTABLE)
            continue;
        diag_report(lowering->diags, DIAG_UNUSED_CLAUSE, clause->keyword,
                    "this says which objects, and the grant is "
                    "on none");
        diag_help(lowering->diags, "remove it, or add resources and verbs");
    }
}

static void check_giving(struct lowering *lowering, const struct ast_item *item, const struct giving *giving) {
    if (giving->role) {
        check_role(lowering, item, giving);
        return;
    }
    if (giving->urls && giving->on_resources)
        report_conflict(lowering, giving->urls, lower_find_clause(item, AST_CLAUSE_RESOURCES),
                        "a grant is on resources or on URLs", "write a grant for each");
    if (!giving->allow && (giving->urls || giving->on_resources || !giving->impersonate))
        report_missing(lowering, item, "allows nothing", "add a clause such as: allow get, list, update");
    else if (!giving->on_resources && !giving->urls && giving->allow)
        report_missing(lowering, item, "names no resources", "add: on OBJECT, or a clause such as: resources pods");
    else if (!giving->on_resources)
        check_placeless(lowering, item);
    if (giving->aggregate && giving->impersonate)
        report_conflict(lowering, giving->impersonate, giving->aggregate,
                        "'may impersonate' cannot be gathered into other roles",
                        "write a grant of its own to those who may");
}

// What is said of the grant as a whole.
static void check_head(struct lowering *lowering, const struct ast_item *item, const struct giving *giving) {
    check_giving(lowering, item, giving);
    if (!item->as.block.to.count && !giving->aggregate)
        report_missing(lowering, item, "is to nobody",
                       "name somebody: grant NAME to SUBJECT { … }; or roles that take it in: aggregate to view");
    if (strpbrk(item->name.text, "/%")) {
        diag_report(lowering->diags, DIAG_BAD_NAME, item->name.span, "'%s' cannot be part of a role's name",
                    item->name.text);
        diag_help(lowering->diags, "role names contain no '/' and no '%%'");
    }
}

// What RBAC cannot say of a scope.
static void check_scope(struct lowering *lowering, const struct ast_item *item, const struct object_scope *scope,
                        bool from_object, bool wildcard) {
    const struct ast_clause *allow = lower_find_clause(item, AST_CLAUSE_ALLOW);
    for (size_t i = 0; i < scope->target_count; i++)
        if (!scope->targets[i].resource && !wildcard) {
            diag_report(lowering->diags, DIAG_WILDCARD_GRANT, allow->span, "the grant covers every resource");
            diag_relate(lowering->diags, scope->targets[i].span, "the wildcard");
            diag_help(lowering->diags, "name the resources, or add 'wildcard' to the verbs");
        }
    if (scope->except_count)
        diag_report(lowering->diags, DIAG_NOT_GRANTABLE, name_of(item).span,
                    "RBAC cannot exclude resources from a wildcard");
    if (scope->where == IN_LABELED_NAMESPACES && from_object) {
        diag_report(lowering->diags, DIAG_NOT_GRANTABLE, name_of(item).span, "RBAC cannot select namespaces by label");
        diag_help(lowering->diags, "name resources and namespaces in the grant itself, without 'on'");
    }
}

// ---- URLs, roles that are there, and roles that take others in ----

// Whether requests to it are about no resource.
static bool is_url(const char *text) {
    const char *star = strchr(text, '*');
    if (strcmp(text, "*") == 0) return true;
    return text[0] == '/' && strcspn(text, "?#% \t\n") == strlen(text) && (!star || !star[1]);
}

// /api/VERSION/RESOURCE and /apis/GROUP/VERSION/RESOURCE: RBAC looks at the resource there, and never at the URL.
static bool is_of_resource(const char *url) {
    const bool core = strncmp(url, "/api/", 5) == 0, other = strncmp(url, "/apis/", 6) == 0;
    size_t slashes = 0;
    for (const char *c = url; *c; c++) slashes += *c == '/' && c[1];
    return (core && slashes >= 3) || (other && slashes >= 4);
}

static void add_urls(struct lowering *lowering, const struct ast_clause *clause, struct grant *grant) {
    for (size_t i = 0; i < clause->words.count; i++) {
        const struct word word = clause->words.items[i];
        if (!is_url(word.text)) {
            diag_report(lowering->diags, DIAG_BAD_NAME, word.span, "'%s' is no path of an API server", word.text);
            diag_help(lowering->diags, "write what stands behind the host, with '*' at the end at most: \"/metrics\", "
                                       "\"/healthz/*\"");
        } else if (is_of_resource(word.text)) {
            diag_report(lowering->diags, DIAG_NOT_GRANTABLE, word.span, "'%s' is the URL of a resource", word.text);
            diag_help(lowering->diags, "RBAC asks for the resource there: resources …");
        } else {
            ARENA_PUSH(lowering->arena, grant->urls, grant->url_count, word.text);
        }
    }
    if (!grant->url_count) return;
    qsort(grant->urls, grant->url_count, sizeof *grant->urls, compare_strings);
    size_t kept = 1;
    for (size_t i = 1; i < grant->url_count; i++)
        if (strcmp(grant->urls[i], grant->urls[kept - 1]) != 0) grant->urls[kept++] = grant->urls[i];
    grant->url_count = kept;
}

static void check_urls(struct lowering *lowering, const struct ast_clause *clause, const struct grant *grant,
                       bool wildcard) {
    for (size_t i = 0; i < grant->url_count && !wildcard; i++) {
        if (!is_every_url(grant->urls[i])) continue;
        diag_report(lowering->diags, DIAG_WILDCARD_GRANT, clause->span, "the grant covers every URL");
        diag_help(lowering->diags, "name the paths, or add 'wildcard' to the verbs");
        return;
    }
}

// Those that every cluster has, and whose rules a controller gathers by label.
static void add_aggregated(struct lowering *lowering, const struct ast_clause *clause, struct grant *grant) {
    static const char *const known[] = {"admin", "edit", "view"};
    bool asked[sizeof known / sizeof *known] = {false};
    for (size_t i = 0; i < clause->words.count; i++) {
        const struct word word = clause->words.items[i];
        size_t at = 0;
        while (at < sizeof known / sizeof *known && strcmp(known[at], word.text) != 0) at++;
        if (at < sizeof known / sizeof *known) {
            asked[at] = true;
            continue;
        }
        diag_report(lowering->diags, DIAG_UNKNOWN_NAME, word.span, "'%s' takes no other roles in", word.text);
        diag_help(lowering->diags,
                  "the roles that do are view, edit and admin; edit takes in what view does, and admin "
                  "what edit does");
    }
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (asked[i]) ARENA_PUSH(lowering->arena, grant->aggregated, grant->aggregated_count, known[i]);
}

static void check_aggregated(struct lowering *lowering, const struct giving *giving, const struct grant *grant) {
    if (!giving->aggregate || grant->scope.where != IN_NAMESPACES || !grant->scope.target_count) return;
    report_conflict(lowering, giving->namespace ? giving->namespace : giving->aggregate,
                    giving->namespace ? giving->aggregate : NULL,
                    "what other roles take in holds wherever these are bound", "write: namespace *");
}

static void bind_role(struct lowering *lowering, const struct giving *giving, struct grant *grant) {
    const struct word word = giving->role->words.items[0];
    struct object_meaning place = {0};
    if (!*word.text || strpbrk(word.text, "/%") || strcmp(word.text, ".") == 0 || strcmp(word.text, "..") == 0) {
        diag_report(lowering->diags, DIAG_BAD_NAME, word.span, "'%s' is no name of a ClusterRole", word.text);
        diag_help(lowering->diags, "name one that is there, as 'kubectl get clusterroles' shows it: role edit");
        return;
    }
    grant->bound = word.text;
    grant->binding = names_of_binding(lowering->arena, grant->policy, word.text, grant->name);
    if (!giving->namespace) return;
    lower_add_namespaces(lowering, NULL, giving->namespace, &place);
    grant->scope = place.scope;
}

static void give_rights(struct lowering *lowering, const struct ast_item *item, const struct giving *giving,
                        const struct object_meaning *own, const struct object_meaning *meaning, struct grant *grant) {
    const struct object_meaning *named = own->name_count || !meaning ? own : meaning;
    bool wildcard = false;
    if (meaning) {
        grant->scope = meaning->scope;
        grant->names = named->names;
        grant->name_count = named->name_count;
        if (!own->has_scope) lower_check_names(lowering, item, &meaning->scope);
    }
    if (giving->urls) add_urls(lowering, giving->urls, grant);
    add_verbs(lowering, giving->allow, grant, &wildcard);
    if (giving->urls) check_urls(lowering, giving->urls, grant, wildcard);
    if (giving->impersonate) check_named_verbs(lowering, giving->allow);
    if (!meaning) return;
    check_names(lowering, named, giving->allow, grant);
    check_impersonation(lowering, giving->allow, grant);
    check_scope(lowering, item, &grant->scope, !own->has_scope, wildcard);
}

// ---- the roles of tenants ----

static void report_role(struct lowering *lowering, const struct ast_item *item, struct span span, const char *message,
                        const char *help) {
    diag_report(lowering->diags, DIAG_CONFLICTING_CLAUSES, span, "%s", message);
    diag_relate(lowering->diags, item->as.block.role, "the grant is this tenant's role");
    diag_help(lowering->diags, "%s", help);
}

// What cannot be allowed in the tenant's namespaces alone, and what says that it is elsewhere. Whether there is nothing
// of that.
static bool check_tenant_role(struct lowering *lowering, const struct ast_item *item) {
    struct arena *arena = lowering->arena;
    const struct ast_item *template = item->as.block.template;
    const size_t before = lowering->diags->errors;
    const bool is_own = !template->as.block.to.count && !lower_find_clause(template, AST_CLAUSE_AGGREGATE);
    const char *another = arena_printf(arena, "write another grant for it: grant NAME to %s", item->name.text);
    for (size_t i = 0; i < template->as.block.clauses.count; i++) {
        const struct ast_clause *clause = template->as.block.clauses.items[i];
        switch (clause->kind) {
        case AST_CLAUSE_CLUSTER:
            if (is_own)
                report_role(lowering, item, clause->keyword,
                            "a tenant's role is bound in the tenant's namespaces, and this is about the cluster",
                            arena_printf(arena, "%s { … cluster … }", another));
            break;
        case AST_CLAUSE_NAMESPACE:
            if (is_own)
                report_role(lowering, item, clause->keyword, "a tenant's role is bound in the tenant's namespaces",
                            "remove this: the tenant says where");
            break;
        case AST_CLAUSE_URLS:
            report_role(lowering, item, clause->keyword,
                        "a tenant's role is bound in the tenant's namespaces, and URLs are in none",
                        arena_printf(arena, "%s { urls … allow get }", another));
            break;
        case AST_CLAUSE_IMPERSONATE:
            report_role(lowering, item, clause->keyword,
                        "a tenant's role is bound in the tenant's namespaces, and who may be impersonated is in none",
                        arena_printf(arena, "%s { may impersonate … }", another));
            break;
        case AST_CLAUSE_AGGREGATE:
            report_role(lowering, item, clause->keyword,
                        "a tenant's role is bound in the tenant's namespaces, and what other roles take in holds "
                        "wherever these are bound",
                        "write a grant for the tenant that has neither this nor a namespace");
            break;
        default: break;
        }
    }
    if (template->as.block.objects.count)
        report_role(lowering, item, template->as.block.objects.items[0].span,
                    "a tenant's role is bound in the tenant's namespaces, and the object after 'on' says where it is",
                    "write a grant for the tenant that says itself what it is about: resources …");
    return lowering->diags->errors == before;
}

static void lower_rules(struct lowering *lowering, struct unit *unit, const struct ast_item *item) {
    struct arena *arena = lowering->arena;
    lower_check_repeated(lowering, item);
    check_clauses(lowering, item);
    struct object_meaning *own = ARENA_NEW(arena, struct object_meaning);
    lower_object_clauses(lowering, unit, item, own);
    const struct object_meaning *meaning = granted_object(lowering, unit, item, own);
    const struct giving giving = giving_of(item, own);
    check_head(lowering, item, &giving);

    struct grant *grant = ARENA_NEW(arena, struct grant);
    *grant = (struct grant){.policy = unit->policy,
                            .name = item->name.text,
                            .role = names_of_grant(arena, unit->policy, item->name.text),
                            .binding = names_of_grant(arena, unit->policy, item->name.text),
                            .span = item->name.span};
    lower_rbac_subjects(lowering, unit, item, grant);
    if (giving.aggregate) add_aggregated(lowering, giving.aggregate, grant);
    if (giving.impersonate)
        lower_impersonation(lowering, unit, giving.impersonate, grant, giving.on_resources || giving.urls);
    if (giving.role)
        bind_role(lowering, &giving, grant);
    else if (giving.allow && (meaning || giving.urls))
        give_rights(lowering, item, &giving, own, meaning, grant);
    else if (!giving.impersonate)
        return;
    check_aggregated(lowering, &giving, grant);
    ARENA_PUSH(arena, lowering->policies->grants, lowering->policies->grant_count, grant);
}

void lower_grant(struct lowering *lowering, struct unit *unit, const struct ast_item *item) {
    const struct ast_item *template = item->as.block.template;
    if (item->as.block.is_template && !item->as.block.to.count) return; // only what is made of it is to somebody
    const char *key = arena_printf(lowering->arena, "%s/%s", unit->policy, name_of(item).text);
    if (template && set_has(&lowering->wrong_grants, key)) return; // one report for all tenants
    const size_t before = lowering->diags->errors;
    if (!template || check_tenant_role(lowering, item)) lower_rules(lowering, unit, item);
    if (lowering->diags->errors > before) set_add(&lowering->wrong_grants, key);
}
