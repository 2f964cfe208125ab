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
static const size_t verb_count = sizeof verbs / sizeof *verbs;

static bool is_verb(const char *word) {
    for (size_t i = 0; i < verb_count; i++)
        if (strcmp(word, verbs[i]) == 0) return true;
    return false;
}

// 'wildcard' says that a '*' is meant; it gives nothing by itself.
static void check_wildcard(struct lowering *lowering, const struct word *wildcard, const struct word *star,
                           const struct grant *grant) {
    bool any = star != NULL;
    for (size_t i = 0; i < grant->scope.target_count; i++) any = any || !grant->scope.targets[i].resource;
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
        } else if (!is_verb(word->text)) {
            diag_report(lowering->diags, DIAG_UNKNOWN_OPERATION, word->span, "unknown verb '%s'", word->text);
            const char *near = suggest_nearest(word->text, verbs, verb_count);
            diag_help(lowering->diags,
                      near ? "did you mean '%s'?"
                           : "RBAC verbs are get, list, watch, create, update, patch, delete, …%s",
                      near ? near : "");
            unknown = true;
            continue;
        }
        bool known = false;
        for (size_t j = 0; j < grant->verb_count && !known; j++) known = strcmp(grant->verbs[j], word->text) == 0;
        if (!known) ARENA_PUSH(lowering->arena, grant->verbs, grant->verb_count, word->text);
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
    if (!meaning && !item->as.block.objects.count && !own->failed) {
        diag_report(lowering->diags, DIAG_MISSING_CLAUSE, item->name.span, "grant '%s' names no resources",
                    item->name.text);
        diag_help(lowering->diags, "add: on OBJECT, or a clause such as: resources pods");
    }
    return meaning;
}

// What is said of the grant as a whole.
static void check_head(struct lowering *lowering, const struct ast_item *item) {
    if (!lower_find_clause(item, AST_CLAUSE_ALLOW)) {
        diag_report(lowering->diags, DIAG_MISSING_CLAUSE, item->name.span, "grant '%s' allows nothing",
                    item->name.text);
        diag_help(lowering->diags, "add a clause such as: allow get, list, update");
    }
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
        diag_report(lowering->diags, DIAG_NOT_GRANTABLE, item->name.span,
                    "RBAC cannot exclude resources from a wildcard");
    if (scope->where == IN_LABELED_NAMESPACES && from_object) {
        diag_report(lowering->diags, DIAG_NOT_GRANTABLE, item->name.span, "RBAC cannot select namespaces by label");
        diag_help(lowering->diags, "name resources and namespaces in the grant itself, without 'on'");
    }
}

void lower_grant(struct lowering *lowering, struct unit *unit, const struct ast_item *item) {
    struct arena *arena = lowering->arena;
    lower_check_repeated(lowering, item);
    check_clauses(lowering, item);
    const struct ast_clause *allow = lower_find_clause(item, AST_CLAUSE_ALLOW);
    struct object_meaning *own = ARENA_NEW(arena, struct object_meaning);
    lower_object_clauses(lowering, unit, item, own);
    const struct object_meaning *meaning = granted_object(lowering, unit, item, own);
    check_head(lowering, item);

    struct grant *grant = ARENA_NEW(arena, struct grant);
    *grant = (struct grant){.policy = unit->policy,
                            .name = item->name.text,
                            .role = names_of_grant(arena, unit->policy, item->name.text),
                            .span = item->name.span};
    lower_rbac_subjects(lowering, unit, item, grant);
    if (!meaning || !allow) return;

    const struct object_meaning *named = own->name_count ? own : meaning;
    grant->scope = meaning->scope;
    grant->names = named->names;
    grant->name_count = named->name_count;
    if (!own->has_scope) lower_check_names(lowering, item, &meaning->scope);
    bool wildcard = false;
    add_verbs(lowering, allow, grant, &wildcard);
    check_names(lowering, named, allow, grant);
    check_scope(lowering, item, &grant->scope, !own->has_scope, wildcard);
    ARENA_PUSH(arena, lowering->policies->grants, lowering->policies->grant_count, grant);
}
