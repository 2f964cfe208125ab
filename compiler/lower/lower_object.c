// Object clauses → scope and selection.
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/suggest.h"
#include "base/text.h"
#include "data/value.h"
#include "front/clauses.h"
#include "kubernetes/catalog.h"
#include "kubernetes/kube.h"
#include "lower/lower.h"
#include "report/diag.h"

const struct ast_clause *lower_find_clause(const struct ast_item *item, enum ast_clause_kind kind) {
    const struct ast_clauses *clauses = &item->as.block.clauses;
    for (size_t i = 0; i < clauses->count; i++)
        if (clauses->items[i]->kind == kind) return clauses->items[i];
    return NULL;
}

void lower_check_repeated(struct lowering *lowering, const struct ast_item *item) {
    const struct ast_clauses *clauses = &item->as.block.clauses;
    for (size_t i = 0; i < clauses->count; i++) {
        const enum ast_clause_kind kind = clauses->items[i]->kind;
        const struct ast_clause *first = lower_find_clause(item, kind);
        if (first == clauses->items[i] || clause_info(kind)->repeats) continue;
        diag_report(lowering->diags, DIAG_REPEATED_CLAUSE, clauses->items[i]->keyword, "this clause appears twice");
        diag_relate(lowering->diags, first->keyword, "the first is here");
        diag_help(lowering->diags, "combine them: with commas in lists, with 'and' in conditions");
    }
}

// The declaration that the unknown name stands for, with capitals where something is to be filled in.
static const char *declaration_of(struct arena *arena, const char *name) {
    const bool kind = *name >= 'A' && *name <= 'Z';
    const char *dot = strchr(name, '.');
    const char *first = dot ? arena_copy(arena, name, (size_t)(dot - name)) : name;
    return arena_printf(arena, "resource %s.%s/VERSION namespaced kind %s", kind ? "PLURAL" : first,
                        dot ? dot + 1 : "GROUP", kind ? first : "KIND");
}

// What GROUP/PLURAL and GROUP/VERSION/PLURAL, as manifests have it, mean; NULL for others.
static const struct resource *turned_of(const struct lowering *lowering, struct word word, const char *name) {
    const char *last = strrchr(word.text, '/');
    if (!last || text_has_word("status scale", last + 1)) return NULL;
    return catalog_find(lowering->catalog,
                        strchr(name, '.') ? arena_printf(lowering->arena, "%s.%s", last + 1, name) : last + 1);
}

static void unknown_resource(struct lowering *lowering, struct word word, const char *name) {
    const struct catalog *catalog = lowering->catalog;
    struct arena *arena = lowering->arena;
    diag_report(lowering->diags, DIAG_UNKNOWN_RESOURCE, word.span, "unknown resource '%s'", name);
    const char *near = catalog_nearest(catalog, name);
    const char *dot = strchr(name, '.');
    const struct resource *turned = turned_of(lowering, word, name);
    const struct resource *other = dot ? catalog_find(catalog, arena_copy(arena, name, (size_t)(dot - name))) : NULL;
    if (turned) {
        near = catalog_name(arena, turned);
        diag_help(lowering->diags, "the group follows a dot: did you mean '%s'?", near);
        diag_fix(lowering->diags, word.span, near);
    } else if (word.quoted && strchr(name, '*')) {
        diag_help(lowering->diags, "write a wildcard without quotes: %s", name);
    } else if (near) {
        // What stands behind the name, a version or a subresource, stays.
        struct span span = word.span;
        if (!word.quoted) span.end = span.begin + (uint32_t)strlen(name);
        diag_help(lowering->diags, "did you mean '%s'?", near);
        diag_fix(lowering->diags, span, near);
    } else if (other) {
        diag_help(lowering->diags, "did you mean '%s'? If not, declare it: %s", catalog_name(arena, other),
                  declaration_of(arena, name));
    } else if (kube_is_dns_subdomain(name) || (*name >= 'A' && *name <= 'Z')) {
        diag_help(lowering->diags, "declare it: %s", declaration_of(arena, name));
    } else {
        diag_help(lowering->diags, "a resource is its plural, PLURAL.GROUP, or its kind");
    }
}

static void ambiguous_resource(struct lowering *lowering, struct word word, const char *name,
                               const struct resources *resources) {
    struct text list;
    text_init(&list, lowering->arena);
    for (size_t i = 0; i < resources->count; i++)
        text_printf(&list, "%s%s", i ? i + 1 == resources->count ? " or " : ", " : "",
                    catalog_name(lowering->arena, resources->items[i]));
    diag_report(lowering->diags, DIAG_UNKNOWN_RESOURCE, word.span, "'%s' may be any of %zu resources", name,
                resources->count);
    if (!resources->items[0]->project)
        diag_relate(lowering->diags, resources->items[0]->declared, "one is declared here");
    diag_help(lowering->diags, "choose one: %s", text_string(&list));
}

static void unknown_version(struct lowering *lowering, struct word word, const char *name,
                            const struct resource *resource, const char *version) {
    diag_report(lowering->diags, DIAG_UNKNOWN_RESOURCE, word.span, "'%s' has no version '%s'", name, version);
    if (resource->built_in) {
        diag_help(lowering->diags, "it is served as %s", resource->versions);
        return;
    }
    if (resource->project) {
        diag_help(lowering->diags,
                  "%s has %s; if the cluster has another release, declare it: resource %s/%s %s kind %s",
                  resource->source, resource->versions, catalog_name(lowering->arena, resource), version,
                  resource->namespaced ? "namespaced" : "cluster", resource->kind);
        return;
    }
    diag_relate(lowering->diags, resource->declared, "declared here");
    if (*resource->versions)
        diag_help(lowering->diags, "it is declared as %s", resource->versions);
    else
        diag_help(lowering->diags, "give the version where it is declared: resource %s/%s …",
                  catalog_name(lowering->arena, resource), version);
}

const struct resource *lower_resource(struct lowering *lowering, struct word word, const char **ret_version) {
    const char *slash = strchr(word.text, '/');
    const char *name = slash ? arena_copy(lowering->arena, word.text, (size_t)(slash - word.text)) : word.text;
    *ret_version = NULL;
    if (slash && !kube_is_version(slash + 1)) {
        diag_report(lowering->diags, DIAG_UNKNOWN_RESOURCE, word.span, "'%s' is not a version of '%s'", slash + 1,
                    name);
        diag_help(lowering->diags, "API versions look like v1 or v1beta1");
        return NULL;
    }
    const struct resource *resource = catalog_find(lowering->catalog, name);
    if (!resource) {
        unknown_resource(lowering, word, name);
        return NULL;
    }
    const struct resources *others = catalog_others(lowering->catalog, name);
    if (others) {
        ambiguous_resource(lowering, word, name, others);
        return NULL;
    }
    if (slash) {
        *ret_version = slash + 1;
        if (!catalog_has_version(resource, slash + 1)) unknown_version(lowering, word, name, resource, slash + 1);
    }
    return resource;
}

bool lower_is_custom(const struct target *target) {
    return target->resource && !target->resource->built_in;
}

const struct resource *lower_resource_part(struct lowering *lowering, struct word word, const char **ret_version,
                                           const char **ret_subresource) {
    const char *slash = strrchr(word.text, '/');
    *ret_subresource = NULL;
    if (!slash || kube_is_version(slash + 1)) return lower_resource(lowering, word, ret_version);
    struct word parent = word;
    parent.text = arena_copy(lowering->arena, word.text, (size_t)(slash - word.text));
    const char *before = strchr(parent.text, '/');
    const char *name = before ? arena_copy(lowering->arena, parent.text, (size_t)(before - parent.text)) : parent.text;
    if (!catalog_find(lowering->catalog, name)) {
        unknown_resource(lowering, word, name);
        return NULL;
    }
    // The short name of a project's kind may be a group, as in apps/deployments.
    const struct resource *turned = turned_of(lowering, word, name);
    if (turned && strcmp(turned->group, name) == 0) {
        unknown_resource(lowering, word, name);
        return NULL;
    }
    const struct resource *resource = lower_resource(lowering, parent, ret_version);
    if (!resource) return NULL;
    if (!text_has_word(resource->subresources, slash + 1)) {
        diag_report(lowering->diags, DIAG_UNKNOWN_RESOURCE, word.span, "'%s' has no subresource '%s'", resource->plural,
                    slash + 1);
        if (*resource->subresources)
            diag_help(lowering->diags, "it has: %s", resource->subresources);
        else
            diag_help(lowering->diags, "it has none");
        return NULL;
    }
    *ret_subresource = slash + 1;
    return resource;
}

static bool add_target(struct lowering *lowering, struct word word, struct target **targets, size_t *count) {
    struct target target = {.span = word.span};
    if (!word.quoted && strcmp(word.text, "*") == 0) {
        // every resource of every group
    } else if (!word.quoted && strncmp(word.text, "*.", 2) == 0) {
        target.group = strcmp(word.text, "*.core") == 0 ? "" : word.text + 2;
        if (*target.group && !catalog_knows_group(lowering->catalog, target.group)) {
            diag_report(lowering->diags, DIAG_UNKNOWN_RESOURCE, word.span, "unknown group '%s'", target.group);
            diag_help(lowering->diags, "declare one of its resources: resource PLURAL.%s namespaced", target.group);
            return false;
        }
    } else if (!word.quoted && strchr(word.text, '*')) {
        lower_not_supported(lowering, word.span, "a wildcard of subresources");
        return false;
    } else {
        target.resource = lower_resource_part(lowering, word, &target.version, &target.subresource);
        if (!target.resource) return false;
        target.group = target.resource->group;
        target.name = target.resource->plural;
    }
    for (size_t i = 0; i < *count; i++) {
        const struct target *known = &(*targets)[i];
        const bool same_part = known->subresource && target.subresource
                                   ? strcmp(known->subresource, target.subresource) == 0
                                   : known->subresource == target.subresource;
        if (known->resource == target.resource && target.resource && same_part) return true;
    }
    ARENA_PUSH(lowering->arena, *targets, *count, target);
    return true;
}

static void add_targets(struct lowering *lowering, const struct ast_clause *clause, struct target **targets,
                        size_t *count, bool *failed) {
    for (size_t i = 0; i < clause->words.count; i++)
        if (!add_target(lowering, clause->words.items[i], targets, count)) *failed = true;
}

static bool is_system_namespace(const char *name) {
    for (size_t i = 0; i < kube_system_namespace_count; i++)
        if (strcmp(name, kube_system_namespaces[i]) == 0) return true;
    return false;
}

void lower_add_namespaces(struct lowering *lowering, const struct ast_item *item, const struct ast_clause *clause,
                          struct object_meaning *meaning) {
    struct object_scope *scope = &meaning->scope;
    scope->where = IN_NAMESPACES;
    for (size_t i = 0; i < clause->words.count; i++) {
        const struct word word = clause->words.items[i];
        if (!word.quoted && strcmp(word.text, "*") == 0) scope->where = IN_ANY_NAMESPACE;
    }
    for (size_t i = 0; i < clause->words.count; i++) {
        const struct word word = clause->words.items[i];
        if (!word.quoted && strcmp(word.text, "*") == 0) continue;
        if (!lower_check_namespace(lowering, word)) {
            meaning->failed = true;
            continue;
        }
        // What webhooks are kept out of, lower_webhook.c knows.
        if (scope->where == IN_ANY_NAMESPACE && !is_system_namespace(word.text) &&
            !(item && item->kind == AST_ITEM_WEBHOOK)) {
            diag_report(lowering->diags, DIAG_UNUSED_CLAUSE, word.span, "'*' already covers namespace '%s'", word.text);
            diag_help(lowering->diags,
                      "next to '*', only kube-system, kube-public and kube-node-lease have to be named");
            continue;
        }
        bool known = false;
        for (size_t j = 0; j < scope->namespace_count && !known; j++)
            known = strcmp(scope->namespaces[j], word.text) == 0;
        if (!known) ARENA_PUSH(lowering->arena, scope->namespaces, scope->namespace_count, word.text);
    }
    if (scope->namespace_count)
        qsort(scope->namespaces, scope->namespace_count, sizeof *scope->namespaces, compare_strings);
}

static void select_by(struct arena *arena, struct object_meaning *meaning, struct formula *formula, bool labels) {
    struct formula **part = labels ? &meaning->by_labels : &meaning->by_others;
    *part = formula_and(arena, *part, formula_copy(arena, formula));
    meaning->selects = formula_and(arena, meaning->selects, formula);
}

static void add_names(struct lowering *lowering, const struct ast_clause *clause, bool for_grant,
                      struct object_meaning *meaning) {
    struct formula *atom = formula_new(lowering->arena, FORMULA_NAME);
    atom->compare = CMP_IN;
    for (size_t i = 0; i < clause->words.count; i++) {
        const struct word word = clause->words.items[i];
        if (!lower_check_name(lowering, word, for_grant)) meaning->failed = true;
        bool known = false;
        for (size_t j = 0; j < meaning->name_count && !known; j++) known = strcmp(meaning->names[j], word.text) == 0;
        if (known) continue;
        ARENA_PUSH(lowering->arena, meaning->names, meaning->name_count, word.text);
        const struct value *value = value_string(lowering->arena, word.text);
        ARENA_PUSH(lowering->arena, atom->values, atom->value_count, value);
    }
    if (meaning->name_count) qsort(meaning->names, meaning->name_count, sizeof *meaning->names, compare_strings);
    select_by(lowering->arena, meaning, atom, false);
}

// What the block says of where its objects are, and one resource of each sort among them, if there is any.
struct whereabouts {
    const struct ast_clause *resources, *namespace, *labeled, *cluster;
    const struct ast_clause *where; // whichever of the two about namespaces is there
    const struct target *namespaced, *global, *wildcard;
};

// A Namespace is in the namespace that it is.
static bool is_namespaces(const struct target *target) {
    return target->resource && !target->subresource && !*target->group && strcmp(target->name, "namespaces") == 0;
}

static struct whereabouts whereabouts_of(const struct ast_item *item, const struct object_meaning *meaning) {
    struct whereabouts at = {
        .resources = lower_find_clause(item, AST_CLAUSE_RESOURCES),
        .namespace = lower_find_clause(item, AST_CLAUSE_NAMESPACE),
        .labeled = lower_find_clause(item, AST_CLAUSE_NAMESPACE_LABELED),
        .cluster = lower_find_clause(item, AST_CLAUSE_CLUSTER),
    };
    at.where = at.namespace ? at.namespace : at.labeled;
    for (size_t i = 0; i < meaning->scope.target_count; i++) {
        const struct target *target = &meaning->scope.targets[i];
        if (!target->resource)
            at.wildcard = target;
        else if (target->resource->namespaced || (at.where && item->kind != AST_ITEM_GRANT && is_namespaces(target)))
            at.namespaced = target;
        else
            at.global = target;
    }
    return at;
}

static void report_mixed(struct lowering *lowering, const struct ast_item *item, const struct whereabouts *at) {
    diag_report(lowering->diags, DIAG_MIXED_SCOPE, at->global->span, "'%s' is cluster-scoped and '%s' is namespaced",
                at->global->name, at->namespaced ? at->namespaced->name : "*");
    if (at->namespaced) diag_relate(lowering->diags, at->namespaced->span, "namespaced");
    if (item->kind == AST_ITEM_GRANT)
        diag_help(lowering->diags, "write a grant for each scope");
    else if (at->where)
        diag_help(lowering->diags, "add a line to lock both: cluster");
    else
        diag_help(lowering->diags, "add a namespace clause for '%s', and 'cluster' for '%s'",
                  at->namespaced ? at->namespaced->name : "*", at->global->name);
}

// What a block with clauses about namespaces and `cluster` has to have.
static bool has_both(struct lowering *lowering, const struct ast_item *item, const struct whereabouts *at) {
    if ((at->namespaced || at->wildcard) && (at->global || at->wildcard) && item->kind != AST_ITEM_GRANT) return true;
    diag_report(lowering->diags, DIAG_CONFLICTING_CLAUSES, at->cluster->keyword, "'cluster' together with 'namespace'");
    diag_relate(lowering->diags, at->where->keyword, "the namespace is here");
    diag_help(lowering->diags, "%s",
              item->kind == AST_ITEM_GRANT ? "write a grant for each scope"
              : at->global                 ? "remove the namespace: nothing here is in one"
                                           : "remove 'cluster': everything here is in a namespace");
    return false;
}

// Every resource has a scope, and the block must say the same. Whether it does; the first that does not is reported.
static bool check_whereabouts(struct lowering *lowering, const struct ast_item *item, const struct whereabouts *at) {
    struct diags *diags = lowering->diags;
    if (item->as.block.template && at->global) {
        diag_report(diags, DIAG_CONFLICTING_CLAUSES, at->global->span,
                    "a tenant's role is bound in the tenant's namespaces, and '%s' is cluster-scoped",
                    at->global->name);
        diag_relate(diags, item->as.block.role, "the grant is this tenant's role");
        diag_help(diags, "write another grant for it: grant NAME to %s { resources %s allow … }", item->name.text,
                  at->global->name);
    } else if (at->namespace && at->labeled) {
        diag_report(diags, DIAG_CONFLICTING_CLAUSES, at->labeled->keyword, "two clauses say where the objects are");
        diag_relate(diags, at->namespace->keyword, "the other is here");
        diag_help(diags, "keep one; the other can be a condition: where namespace in (…)");
    } else if (at->cluster && at->where) {
        return has_both(lowering, item, at);
    } else if (at->global && (at->namespaced || (at->wildcard && at->where))) {
        report_mixed(lowering, item, at);
    } else if (at->where && at->global) {
        diag_report(diags, DIAG_CONFLICTING_CLAUSES, at->where->keyword, "'%s' is cluster-scoped and has no namespace",
                    at->global->name);
        diag_relate(diags, at->global->span, "cluster-scoped");
        diag_help(diags, "remove the namespace clause");
    } else if (at->cluster && at->namespaced) {
        diag_report(diags, DIAG_CONFLICTING_CLAUSES, at->cluster->keyword, "'%s' is namespaced", at->namespaced->name);
        diag_relate(diags, at->namespaced->span, "namespaced");
        diag_help(diags, "name the namespace instead of 'cluster'");
    } else if (!at->where && !at->cluster && (at->namespaced || at->wildcard)) {
        diag_report(diags, DIAG_NO_NAMESPACE, at->resources->span, "'%s' without a namespace",
                    at->namespaced ? at->namespaced->name : "*");
        diag_help(diags, "add one: namespace default, namespace *, namespace labeled KEY=VALUE%s",
                  at->namespaced ? "" : ", or cluster");
    } else {
        return true;
    }
    return false;
}

// ---- one block, several scopes ----

enum half { IN_A_NAMESPACE, OF_THE_CLUSTER, A_NAMESPACE };

static bool is_in_half(const struct target *target, enum half half, bool both) {
    if (!target->resource) return half == IN_A_NAMESPACE || (half == OF_THE_CLUSTER && both);
    if (target->resource->namespaced) return half == IN_A_NAMESPACE;
    return half == (is_namespaces(target) ? A_NAMESPACE : OF_THE_CLUSTER);
}

// Namespaces that are told by name, by their labels, or all but those of the system.
static struct formula *select_namespaces(struct arena *arena, const struct object_scope *scope) {
    if (scope->where == IN_LABELED_NAMESPACES) return formula_of_namespace(arena, scope->namespace_selector);
    struct formula *named = formula_new(arena, FORMULA_FALSE);
    for (size_t i = 0; i < scope->namespace_count; i++)
        named = formula_or(arena, named, formula_is(arena, FORMULA_NAME, NULL, scope->namespaces[i]));
    if (scope->where == IN_NAMESPACES) return named;
    struct formula *system = formula_new(arena, FORMULA_FALSE);
    for (size_t i = 0; i < kube_system_namespace_count; i++)
        system = formula_or(arena, system, formula_is(arena, FORMULA_NAME, NULL, kube_system_namespaces[i]));
    return formula_or(arena, formula_not(arena, system), named);
}

struct object_meaning *lower_without_targets(struct arena *arena, const struct object_meaning *meaning) {
    struct object_meaning *copy = ARENA_NEW(arena, struct object_meaning);
    *copy = *meaning;
    copy->scope.targets = NULL;
    copy->scope.target_count = 0;
    return copy;
}

// The part of the meaning that is about one of the halves; NULL where nothing is.
static struct object_meaning *half_of(struct arena *arena, const struct object_meaning *whole, enum half half,
                                      bool both) {
    struct object_meaning *part = lower_without_targets(arena, whole);
    for (size_t i = 0; i < whole->scope.target_count; i++)
        if (is_in_half(&whole->scope.targets[i], half, both))
            ARENA_PUSH(arena, part->scope.targets, part->scope.target_count, whole->scope.targets[i]);
    if (!part->scope.target_count) return NULL;
    if (half == IN_A_NAMESPACE) return part;
    if (half == A_NAMESPACE) part->selects = formula_and(arena, part->selects, select_namespaces(arena, &whole->scope));
    part->of_namespaces = half == A_NAMESPACE;
    part->narrowed |= part->of_namespaces;
    part->scope.where = IN_CLUSTER;
    part->scope.namespaces = NULL;
    part->scope.namespace_count = 0;
    part->scope.namespace_selector = NULL;
    return part;
}

// Becomes its first half; the others stand behind it.
static void split_scopes(struct arena *arena, struct object_meaning *meaning, bool both) {
    bool is_first = true;
    for (size_t i = 0; i < meaning->scope.target_count && is_first; i++)
        is_first = is_in_half(&meaning->scope.targets[i], IN_A_NAMESPACE, both) &&
                   !is_in_half(&meaning->scope.targets[i], OF_THE_CLUSTER, both);
    if (is_first && meaning->scope.target_count) return;
    const struct object_meaning whole = *meaning;
    struct object_meaning *first = NULL, **last = &first;
    for (enum half half = IN_A_NAMESPACE; half <= A_NAMESPACE; half++)
        if ((*last = half_of(arena, &whole, half, both))) last = &(*last)->next;
    *meaning = *first;
}

static void find_scope(struct lowering *lowering, const struct ast_item *item, struct object_meaning *meaning) {
    const struct whereabouts at = whereabouts_of(item, meaning);
    meaning->failed = !check_whereabouts(lowering, item, &at);
    if (meaning->failed) return;
    if (at.namespace)
        lower_add_namespaces(lowering, item, at.namespace, meaning);
    else if (!at.labeled)
        meaning->scope.where = IN_CLUSTER;
    meaning->whole = meaning->scope;
    if (at.where && item->kind != AST_ITEM_GRANT) split_scopes(lowering->arena, meaning, at.cluster != NULL);
}

// What is named beside a wildcard is there, and cannot be taken away again.
static void check_excepted(struct lowering *lowering, struct object_meaning *meaning) {
    const struct object_scope *scope = &meaning->scope;
    for (size_t i = 0; i < scope->except_count; i++)
        for (size_t j = 0; j < scope->target_count; j++) {
            const struct target *except = &scope->excepts[i], *target = &scope->targets[j];
            if (!target->resource || except->resource != target->resource || except->subresource) continue;
            diag_report(lowering->diags, DIAG_CONFLICTING_CLAUSES, except->span, "'%s' is named, and excepted",
                        except->name);
            diag_relate(lowering->diags, target->span, "named here");
            diag_help(lowering->diags, "remove one of them");
            meaning->failed = true;
        }
}

void lower_object_clauses(struct lowering *lowering, struct unit *unit, const struct ast_item *item,
                          struct object_meaning *ret_meaning) {
    struct object_meaning *meaning = ret_meaning;
    const struct expr_context context = {.unit = unit}, namespace_context = {.unit = unit, .namespace_labels = true};
    struct arena *arena = lowering->arena;
    *meaning = (struct object_meaning){.selects = formula_new(arena, FORMULA_TRUE)};

    const struct ast_clauses *clauses = &item->as.block.clauses;
    for (size_t i = 0; i < clauses->count; i++) {
        const struct ast_clause *clause = clauses->items[i];
        switch (clause->kind) {
        case AST_CLAUSE_RESOURCES:
            meaning->has_scope = true;
            add_targets(lowering, clause, &meaning->scope.targets, &meaning->scope.target_count, &meaning->failed);
            break;
        case AST_CLAUSE_EXCEPT_RESOURCES:
            add_targets(lowering, clause, &meaning->scope.excepts, &meaning->scope.except_count, &meaning->failed);
            break;
        case AST_CLAUSE_NAMESPACE_LABELED:
            meaning->scope.where = IN_LABELED_NAMESPACES;
            meaning->scope.namespace_selector = lower_expr(lowering, &namespace_context, clause->expr);
            break;
        case AST_CLAUSE_NAME:
            meaning->name_clause = clause;
            meaning->narrowed = true;
            add_names(lowering, clause, item->kind == AST_ITEM_GRANT, meaning);
            break;
        case AST_CLAUSE_LABELS:
        case AST_CLAUSE_ANNOTATIONS:
        case AST_CLAUSE_WHERE:
            if (clause->kind == AST_CLAUSE_LABELS) meaning->labels_clause = clause;
            meaning->narrowed = true;
            select_by(arena, meaning, lower_expr(lowering, &context, clause->expr), clause->kind == AST_CLAUSE_LABELS);
            break;
        case AST_CLAUSE_ALL_OBJECTS:
            meaning->all_objects = true;
            meaning->all_clause = clause;
            break;
        default: break;
        }
    }
    const struct ast_clause *except = lower_find_clause(item, AST_CLAUSE_EXCEPT_RESOURCES);
    bool has_wildcard = false;
    for (size_t i = 0; i < meaning->scope.target_count; i++) has_wildcard |= !meaning->scope.targets[i].resource;
    if (except && !has_wildcard && !meaning->failed) {
        diag_report(lowering->diags, DIAG_UNUSED_CLAUSE, except->keyword, "'except resources' without a wildcard");
        diag_help(lowering->diags,
                  "it excludes resources from '*' or '*.GROUP'; remove the resource from the list instead");
        meaning->failed = true;
    }
    check_excepted(lowering, meaning);
    if (meaning->all_objects && meaning->narrowed) {
        const struct ast_clause *narrowing = meaning->name_clause ? meaning->name_clause : meaning->labels_clause;
        diag_report(lowering->diags, DIAG_CONFLICTING_CLAUSES, meaning->all_clause->keyword,
                    "'all objects' together with a clause that selects some");
        if (narrowing) diag_relate(lowering->diags, narrowing->keyword, "this one");
        diag_help(lowering->diags, "keep one of them");
        meaning->failed = true;
    }
    if (meaning->has_scope && !meaning->failed) find_scope(lowering, item, meaning);
    if (meaning->has_scope && !meaning->failed) lower_check_names(lowering, item, &meaning->scope);
}

const struct object_meaning *lower_object(struct lowering *lowering, struct unit *unit, struct word name) {
    struct declaration *declaration = scope_find(&lowering->scope, unit, AST_ITEM_OBJECT, name);
    if (!declaration) return NULL;
    if (!declaration->meaning) {
        struct object_meaning *meaning = ARENA_NEW(lowering->arena, struct object_meaning);
        declaration->meaning = meaning;
        const bool outer = lowering->diags->in_damaged_block, damaged = lower_is_damaged(lowering, declaration->item);
        lowering->diags->in_damaged_block = damaged;
        lower_check_repeated(lowering, declaration->item);
        lower_object_clauses(lowering, declaration->unit, declaration->item, meaning);
        meaning->failed |= damaged;
        lowering->diags->in_damaged_block = outer;
        if (!meaning->has_scope && !meaning->failed) {
            diag_report(lowering->diags, DIAG_MISSING_CLAUSE, declaration->item->name.span,
                        "object '%s' names no resources", name.text);
            diag_help(lowering->diags, "add a clause such as: resources pods, configmaps");
            meaning->failed = true;
        }
    }
    return declaration->meaning;
}
