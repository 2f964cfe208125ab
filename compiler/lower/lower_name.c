// Names of objects that a policy writes: one that no object can have would make a lock that never holds.
#include <string.h>

#include "base/arena.h"
#include "kubernetes/catalog.h"
#include "kubernetes/kube.h"
#include "lower/lower.h"
#include "report/diag.h"

const char *lower_id(struct arena *arena, const char *name, const char *part) {
    // So that `a` has a part `status` and "a (status)" is somebody else.
    const bool ambiguous = *name && name[strlen(name) - 1] == ')';
    return part || ambiguous ? arena_printf(arena, "%s (%s)", name, part ? part : "") : name;
}

bool lower_check_name(struct lowering *lowering, struct word word, bool for_grant) {
    // Only RBAC would take these two, and who writes them means a pattern.
    const bool pattern = strpbrk(word.text, "*?") != NULL;
    if (kube_is_path_segment(word.text) && !pattern) return true;
    diag_report(lowering->diags, DIAG_BAD_NAME, word.span, "'%.80s' is not a valid object name", word.text);
    if (pattern && for_grant)
        diag_help(lowering->diags, "RBAC compares names literally: name each object");
    else if (pattern)
        diag_help(lowering->diags, "names are compared literally; for a pattern write: where name like \"%s\"",
                  word.text);
    else
        diag_help(lowering->diags, "names have at most 253 characters, no '/' and no '%%', and are not '.' or '..'");
    return false;
}

bool lower_check_namespace(struct lowering *lowering, struct word word) {
    if (kube_is_dns_label(word.text)) return true;
    diag_report(lowering->diags, DIAG_BAD_NAME, word.span, "'%s' is not a valid namespace name", word.text);
    diag_help(lowering->diags, "at most 63 lower-case letters, digits and '-'");
    return false;
}

// Whether an object of that kind can have the name.
static bool takes(const struct resource *resource, const char *name) {
    switch (catalog_name_rule(resource)) {
    case NAMES_ARE_SEGMENTS: break;
    case NAMES_ARE_SUBDOMAINS: return kube_is_dns_subdomain(name);
    case NAMES_ARE_LABELS: return kube_is_dns_label(name);
    }
    return true;
}

// Reports the name when none of the resources can have it; what is no name anywhere has been reported.
static void check_word(struct lowering *lowering, struct word word, const struct object_scope *scope) {
    if (!kube_is_path_segment(word.text) || strpbrk(word.text, "*?") || !scope->target_count) return;
    bool labels = true;
    for (size_t i = 0; i < scope->target_count; i++) {
        const struct resource *resource = scope->targets[i].resource;
        if (!resource || takes(resource, word.text)) return;
        labels = labels && catalog_name_rule(resource) == NAMES_ARE_LABELS;
    }
    diag_report(lowering->diags, DIAG_BAD_NAME, word.span, "no object of '%s' can be named '%.80s'",
                scope->targets[0].name, word.text);
    diag_relate(lowering->diags, scope->targets[0].span, "this resource");
    diag_help(lowering->diags, "%s",
              labels
                  ? "such names are at most 63 lower-case letters, digits and '-', with a letter or digit at both ends"
                  : "such names are lower-case letters, digits, '-' and '.', with a letter or digit at both ends");
}

static void check_expr(struct lowering *lowering, const struct ast_expr *expr, const struct object_scope *scope) {
    const bool whole = expr->comparison >= AST_EQ && expr->comparison <= AST_NOT_IN;
    for (size_t i = 0; expr->kind == AST_EXPR_NAME && whole && i < expr->values.count; i++)
        check_word(lowering, expr->values.items[i], scope);
    for (size_t i = 0; i < expr->operand_count; i++) check_expr(lowering, expr->operands[i], scope);
}

void lower_check_names(struct lowering *lowering, const struct ast_item *item, const struct object_scope *scope) {
    for (size_t i = 0; i < item->as.block.clauses.count; i++) {
        const struct ast_clause *clause = item->as.block.clauses.items[i];
        for (size_t j = 0; clause->kind == AST_CLAUSE_NAME && j < clause->words.count; j++)
            check_word(lowering, clause->words.items[j], scope);
        if (clause->expr && clause->kind != AST_CLAUSE_NAMESPACE_LABELED) check_expr(lowering, clause->expr, scope);
    }
}
