// The runner of all checks, and the acceptances; see check.h.
#include "check.h"

#include <string.h>

#include "arena.h"
#include "check_parts.h"
#include "diag.h"

static bool has_block(const struct ast_item *item) {
    return item->kind == AST_ITEM_OBJECT || item->kind == AST_ITEM_LOCK || item->kind == AST_ITEM_GRANT;
}

static bool is_inside(struct span inner, struct span outer) {
    return inner.file == outer.file && inner.begin >= outer.begin && inner.end <= outer.end;
}

// Takes away the warnings of that code inside the block; gives how many there were.
static size_t accept(struct diags *diags, const struct diag_info *info, struct span block) {
    size_t kept = 0, accepted = 0;
    for (size_t i = 0; i < diags->count; i++) {
        const struct diagnostic *diagnostic = &diags->items[i];
        if (diagnostic->severity == SEVERITY_WARNING && diag_info(diagnostic->code) == info && is_inside(diagnostic->span, block)) accepted++;
        else diags->items[kept++] = *diagnostic;
    }
    diags->count = kept;
    return accepted;
}

static void apply_acceptance(struct diags *diags, const struct ast_item *item, const struct ast_clause *clause) {
    const struct word code = clause->words.items[0];
    const struct diag_info *info = diag_find(code.text);
    if (!info || info->severity != SEVERITY_WARNING) {
        struct diagnostic *diagnostic = diag_report(diags, DIAG_UNKNOWN_CODE, code.span, "'%s' is no warning", code.text);
        diag_help(diags, diagnostic, "'klockc explain' lists the codes; only warnings can be accepted");
    } else if (!accept(diags, info, item->span)) {
        struct diagnostic *diagnostic =
            diag_report(diags, DIAG_UNUSED_ACCEPTANCE, code.span, "there is no warning %s here to accept", info->code);
        diag_help(diags, diagnostic, "leave the clause out");
    }
}

static void apply_acceptances(struct diags *diags, const struct ast_item *item) {
    for (size_t i = 0; i < item->as.block.clauses.count; i++) {
        const struct ast_clause *clause = item->as.block.clauses.items[i];
        if (clause->kind == AST_CLAUSE_ACCEPT) apply_acceptance(diags, item, clause);
    }
}

void check(struct arena *arena, struct diags *diags, const struct ir *ir, struct unit *const *units, size_t unit_count,
           bool is_static) {
    const struct checking checking = {arena, diags, ir, is_static};
    for (size_t i = 0; i < unit_count; i++)
        for (const struct ast_item *item = units[i]->file->first; item; item = item->next) check_item(&checking, item);
    check_locks(&checking);
    check_grants(&checking);
    for (size_t i = 0; i < unit_count; i++)
        for (const struct ast_item *item = units[i]->file->first; item; item = item->next)
            if (has_block(item)) apply_acceptances(diags, item);
}
