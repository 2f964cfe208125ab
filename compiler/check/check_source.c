// Checks of what one block says: selectors that match too much or nothing, namespaces of the control plane, identities
// that many share.
#include <string.h>

#include "base/arena.h"
#include "check/check_internal.h"
#include "kubernetes/account.h"
#include "report/diag.h"

// ---- selectors: tried on every combination of values that can make a difference ----

enum { MAX_KEYS = 12, MAX_COMBINATIONS = 4096 };

struct trial {
    const char *keys[MAX_KEYS];
    const char **values[MAX_KEYS]; // all values that the selector names for the key
    size_t value_counts[MAX_KEYS];
    size_t key_count;
    size_t chosen[MAX_KEYS]; // 0: absent; 1: some other value; 2…: values[chosen - 2]
    bool decidable;
};

static size_t key_index(struct trial *trial, const char *key) {
    size_t i = 0;
    while (i < trial->key_count && strcmp(trial->keys[i], key) != 0) i++;
    if (i == trial->key_count && i < MAX_KEYS) trial->keys[trial->key_count++] = key;
    return i;
}

static void gather(struct arena *arena, struct trial *trial, const struct ast_expr *expr) {
    if (expr->kind == AST_EXPR_LABEL || expr->kind == AST_EXPR_ANNOTATION) {
        const size_t key = key_index(trial, expr->key.text);
        if (key == MAX_KEYS || expr->comparison > AST_NOT_IN || expr->reading_count) {
            trial->decidable = false;
            return;
        }
        for (size_t i = 0; i < expr->values.count; i++)
            ARENA_PUSH(arena, trial->values[key], trial->value_counts[key], expr->values.items[i].text);
    } else if (expr->kind != AST_EXPR_AND && expr->kind != AST_EXPR_OR && expr->kind != AST_EXPR_NOT) {
        trial->decidable = false;
    }
    for (size_t i = 0; i < expr->operand_count; i++) gather(arena, trial, expr->operands[i]);
}

static bool is_listed(const struct trial *trial, const struct ast_expr *expr, size_t key) {
    if (trial->chosen[key] < 2) return false;
    const char *value = trial->values[key][trial->chosen[key] - 2];
    for (size_t i = 0; i < expr->values.count; i++)
        if (strcmp(expr->values.items[i].text, value) == 0) return true;
    return false;
}

static bool matches(struct trial *trial, const struct ast_expr *expr) {
    switch (expr->kind) {
    case AST_EXPR_AND:
        for (size_t i = 0; i < expr->operand_count; i++)
            if (!matches(trial, expr->operands[i])) return false;
        return true;
    case AST_EXPR_OR:
        for (size_t i = 0; i < expr->operand_count; i++)
            if (matches(trial, expr->operands[i])) return true;
        return false;
    case AST_EXPR_NOT: return !matches(trial, expr->operands[0]);
    default: break;
    }
    const size_t key = key_index(trial, expr->key.text);
    if (expr->comparison == AST_EXISTS) return trial->chosen[key] != 0;
    const bool listed = is_listed(trial, expr, key);
    return expr->comparison == AST_EQ || expr->comparison == AST_IN ? listed : !listed;
}

static bool next_combination(struct trial *trial) {
    for (size_t i = 0; i < trial->key_count; i++) {
        if (++trial->chosen[i] < trial->value_counts[i] + 2) return true;
        trial->chosen[i] = 0;
    }
    return false;
}

static void check_selector(const struct checking *checking, const struct ast_clause *clause) {
    struct trial trial = {.decidable = true};
    gather(checking->arena, &trial, clause->expr);
    size_t combinations = 1;
    for (size_t i = 0; i < trial.key_count && trial.decidable; i++) {
        combinations *= trial.value_counts[i] + 2;
        if (combinations > MAX_COMBINATIONS) trial.decidable = false;
    }
    if (!trial.decidable) return;
    const char *what = clause->kind == AST_CLAUSE_ANNOTATIONS ? "annotations" : "labels";
    const bool without = matches(&trial, clause->expr); // no key is there
    bool some = false, every = true;
    do {
        const bool one = matches(&trial, clause->expr);
        some |= one;
        every &= one;
    } while (next_combination(&trial));
    if (!some) {
        diag_report(checking->diags, DIAG_EMPTY_SELECTOR, clause->keyword, "this never matches: no %s can satisfy it",
                    what);
        diag_help(checking->diags, "',' and 'and' require both sides; use 'or' or 'in (…)' for alternatives");
    } else if (every) {
        diag_report(checking->diags, DIAG_FULL_SELECTOR, clause->keyword, "this always matches: all %s satisfy it",
                    what);
        diag_help(checking->diags, "write 'all objects' if every object is meant");
    } else if (without) {
        diag_report(checking->diags, DIAG_NEGATIVE_SELECTOR, clause->keyword,
                    "this also matches objects without any %s", what);
        diag_help(checking->diags, "also require that the key exists, or write: accept %s",
                  diag_info(DIAG_NEGATIVE_SELECTOR)->name);
    }
}

// ---- namespaces and fields ----

static bool is_system(const char *namespace) {
    for (size_t i = 0; i < kube_system_namespace_count; i++)
        if (strcmp(namespace, kube_system_namespaces[i]) == 0) return true;
    return false;
}

static void check_namespace_clause(const struct checking *checking, const struct ast_clause *clause) {
    for (size_t i = 0; i < clause->words.count; i++) {
        const struct word word = clause->words.items[i];
        if (!is_system(word.text)) continue;
        diag_report(checking->diags, DIAG_SYSTEM_NAMESPACE, word.span, "'%s' belongs to the control plane", word.text);
        diag_help(checking->diags,
                  "its controllers and add-ons write there all the time; if that is intended: accept %s",
                  diag_info(DIAG_SYSTEM_NAMESPACE)->name);
    }
}

static void check_cel(const struct checking *checking, const struct ast_expr *expr) {
    if (expr->kind == AST_EXPR_CEL) {
        diag_report(checking->diags, DIAG_CEL_SELECTOR, expr->span,
                    "the label guard cannot follow a selection written in CEL");
        diag_help(checking->diags, "select by label, field or name, or write: accept %s",
                  diag_info(DIAG_CEL_SELECTOR)->name);
    }
    for (size_t i = 0; i < expr->operand_count; i++) check_cel(checking, expr->operands[i]);
}

// Of a condition it matters only if it reads the object.
static void check_cel_condition(const struct checking *checking, const struct ast_expr *expr) {
    if (expr->kind == AST_EXPR_CEL && (strstr(expr->key.text, "object") || strstr(expr->key.text, "oldObject"))) {
        diag_report(checking->diags, DIAG_CEL_SELECTOR, expr->span,
                    "the label guard cannot follow a condition written in CEL");
        diag_help(checking->diags,
                  "use label, annotation or field; use 'unless' for what others may change; or write: accept %s",
                  diag_info(DIAG_CEL_SELECTOR)->name);
    }
    for (size_t i = 0; i < expr->operand_count; i++) check_cel_condition(checking, expr->operands[i]);
}

static void check_status_fields(const struct checking *checking, const struct ast_expr *expr) {
    const bool has_path = expr->kind == AST_EXPR_FIELD || expr->kind == AST_EXPR_ANY || expr->kind == AST_EXPR_ALL;
    if (has_path && expr->path.count && expr->path.items[0].key && strcmp(expr->path.items[0].key, "status") == 0) {
        diag_report(checking->diags, DIAG_STATUS_SELECTOR, expr->path.span, "controllers change fields below status");
        diag_help(checking->diags,
                  "objects would come under the lock and leave it by themselves; select by spec, labels or name");
    }
    for (size_t i = 0; i < expr->operand_count; i++) check_status_fields(checking, expr->operands[i]);
}

// ---- identities that many share ----

static const struct kube_shared *find_shared(const struct ast_subject *subject) {
    const char *slash = strchr(subject->name.text, '/');
    for (size_t i = 0; i < kube_shared_count; i++) {
        const struct kube_shared *shared = &kube_shared[i];
        const char *name = shared->kind == SHARED_ACCOUNT ? (slash ? slash + 1 : "") : subject->name.text;
        const enum ast_subject_kind kind = shared->kind == SHARED_ACCOUNT ? AST_SUBJECT_SERVICE_ACCOUNT
                                           : shared->kind == SHARED_GROUP ? AST_SUBJECT_GROUP
                                                                          : AST_SUBJECT_USER;
        if (subject->kind == kind && strcmp(name, shared->name) == 0) return shared;
    }
    return NULL;
}

static void check_subject(const struct checking *checking, const struct ast_subject *subject) {
    // A conjunction is as narrow as its narrower side.
    const struct kube_shared *shared = subject->name.text ? find_shared(subject) : NULL;
    if (!shared) return;
    diag_report(checking->diags, DIAG_DEFAULT_SUBJECT, subject->span, "'%s' is a shared identity", subject->name.text);
    diag_help(checking->diags, "%s; use a dedicated identity, or write: accept %s", shared->who,
              diag_info(DIAG_DEFAULT_SUBJECT)->name);
}

static void check_subjects(const struct checking *checking, const struct ast_subjects *subjects) {
    for (size_t i = 0; i < subjects->count; i++) check_subject(checking, subjects->items[i]);
}

static void check_sealing(const struct checking *checking, const char *policy, const struct ast_item *item) {
    if (!item->as.actor.sealed || !policies_are_against_insiders(checking->policies, policy)) return;
    diag_report(checking->diags, DIAG_SEAL_LEAVES_OPEN, item->as.actor.sealed_at,
                "admission cannot see every way to become '%s'", item->name.text);
    diag_help(checking->diags,
              "withhold impersonate, csr and csr/approval, signers, nodes/proxy and reading secrets with RBAC, then "
              "write: accept %s",
              diag_info(DIAG_SEAL_LEAVES_OPEN)->name);
}

void check_item(const struct checking *checking, const char *policy, const struct ast_item *item) {
    if (item->kind == AST_ITEM_ACTOR) check_sealing(checking, policy, item);
    if (item->kind == AST_ITEM_ACTOR) check_subjects(checking, &item->as.actor.subjects);
    if (item->kind != AST_ITEM_OBJECT && item->kind != AST_ITEM_LOCK && item->kind != AST_ITEM_GRANT) return;
    check_subjects(checking, &item->as.block.to);
    for (size_t i = 0; i < item->as.block.clauses.count; i++) {
        const struct ast_clause *clause = item->as.block.clauses.items[i];
        switch (clause->kind) {
        case AST_CLAUSE_LABELS:
        case AST_CLAUSE_ANNOTATIONS: check_selector(checking, clause); break;
        case AST_CLAUSE_WHERE:
            check_status_fields(checking, clause->expr);
            check_cel(checking, clause->expr);
            break;
        case AST_CLAUSE_WHEN: check_cel_condition(checking, clause->expr); break;
        case AST_CLAUSE_NAMESPACE:
            if (item->kind != AST_ITEM_GRANT) check_namespace_clause(checking, clause);
            break;
        case AST_CLAUSE_EXCLUSIVE: check_subjects(checking, &clause->subjects); break;
        default: break;
        }
    }
}
