// The runner of all checks, and the acceptances; see check.h.
#include "check/check.h"

#include <string.h>

#include "base/arena.h"
#include "base/map.h"
#include "base/text.h"
#include "check/check_internal.h"
#include "report/diag.h"

// The warnings before any acceptance, in order of place, so that thousands of blocks find theirs at once.
struct accepting {
    struct diags *diags;
    size_t count; // reported so far; acceptances add their own behind them
    bool *accepted;
};

// The first diagnostic of the file at or behind the offset.
static size_t first_at(const struct accepting *accepting, struct span block) {
    size_t begin = 0, end = accepting->count;
    while (begin < end) {
        const size_t middle = begin + (end - begin) / 2;
        const struct span span = accepting->diags->items[middle].span;
        if (span.file < block.file || (span.file == block.file && span.begin < block.begin))
            begin = middle + 1;
        else
            end = middle;
    }
    return begin;
}

// Accepts the warnings of that code inside the block; gives whether there are any. What nobody wrote accepts only what
// is so by design, which the documentation says once.
static bool accept(const struct accepting *accepting, const struct diag_info *info, struct span block,
                   const char *reason, bool is_made) {
    struct diags *diags = accepting->diags;
    bool any = false;
    for (size_t i = first_at(accepting, block); i < accepting->count; i++) {
        const struct diagnostic *diagnostic = &accepting->diags->items[i];
        if (diagnostic->span.file != block.file || diagnostic->span.begin >= block.end) break;
        if (diagnostic->span.end > block.end || diag_info(diagnostic->code) != info) continue;
        const struct acceptance acceptance = {diagnostic->code, diagnostic->message, diagnostic->span, reason};
        if (!accepting->accepted[i] && !is_made)
            ARENA_PUSH(diags->arena, diags->accepted, diags->accepted_count, acceptance);
        any = accepting->accepted[i] = true;
    }
    return any;
}

// Where what a block accepts arises: in the block, or for an item of its own anywhere in the policy.
struct reach {
    struct unit *const *units;
    size_t unit_count;
    const struct unit *unit;
    const struct ast_item *item;
};

static bool accept_in_reach(const struct accepting *accepting, const struct reach *reach, const struct diag_info *info,
                            const char *reason) {
    if (reach->item->kind != AST_ITEM_ACCEPT)
        return accept(accepting, info, reach->item->span, reason, reach->item->made);
    bool any = false;
    for (size_t i = 0; i < reach->unit_count; i++) {
        const struct unit *unit = reach->units[i];
        if (strcmp(unit->policy, reach->unit->policy) != 0) continue;
        any |= accept(accepting, info, (struct span){unit->file->source, 0, UINT32_MAX}, reason, false);
    }
    return any;
}

// What is found in RBAC is accepted where that is checked: here nothing says whether it arises.
static void check_rbac_acceptance(struct diags *diags, const struct reach *reach, const struct diag_info *info,
                                  struct word code, struct words of) {
    const char *kind = of.count ? text_lower(diags->arena, of.items[0].text) : "clusterrolebinding";
    const bool of_cluster = strcmp(kind, "clusterrolebinding") == 0;
    const char *slash = of.count ? strchr(of.items[1].text, '/') : NULL;
    if (reach->item->kind != AST_ITEM_ACCEPT) {
        diag_report(diags, DIAG_UNKNOWN_CODE, code.span, "warning %s is about RBAC, and not about this block",
                    info->name);
        diag_help(diags, "write it outside of blocks: accept %s of clusterrolebinding NAME \"reason\"", info->name);
    } else if (!of_cluster && strcmp(kind, "rolebinding") != 0) {
        diag_report(diags, DIAG_UNKNOWN_CODE, of.items[0].span, "warnings about RBAC are not of a '%s'",
                    of.items[0].text);
        diag_help(diags, "write: of clusterrolebinding NAME, or: of rolebinding NAMESPACE/NAME");
    } else if (of.count && of_cluster == (slash != NULL)) {
        diag_report(diags, DIAG_UNKNOWN_CODE, of.items[1].span,
                    of_cluster ? "'%s' has a namespace, and no ClusterRoleBinding is in one"
                               : "'%s' has no namespace, and every RoleBinding is in one",
                    of.items[1].text);
        diag_help(diags, of_cluster ? "write: of rolebinding NAMESPACE/NAME" : "write: of rolebinding NAMESPACE/%s",
                  of.items[1].text);
    }
}

static void apply_acceptance(const struct accepting *accepting, const struct reach *reach, struct word code,
                             struct words of, const char *reason) {
    struct diags *diags = accepting->diags;
    const struct diag_info *info = diag_find(code.text);
    if (!info || info->severity != SEVERITY_WARNING) {
        diag_report(diags, DIAG_UNKNOWN_CODE, code.span, "'%s' is not a warning", code.text);
        diag_help(diags, "only warnings can be accepted; 'klockc explain' lists their names");
    } else if (diag_is_about_rbac(info)) {
        check_rbac_acceptance(diags, reach, info, code, of);
    } else if (of.count) {
        diag_report(diags, DIAG_UNKNOWN_CODE, of.items[0].span, "warning %s is about policies, and not about RBAC",
                    info->name);
        diag_help(diags, "leave 'of' out");
    } else if (!accept_in_reach(accepting, reach, info, reason) && !reach->item->made) {
        diag_report(diags, DIAG_UNUSED_ACCEPTANCE, code.span, "nothing here raises warning %s", info->name);
        diag_help(diags, "remove it");
    }
}

static void apply_clause(const struct accepting *accepting, const struct reach *reach,
                         const struct ast_clause *clause) {
    for (size_t i = 0; i < clause->words.count; i++)
        apply_acceptance(accepting, reach, clause->words.items[i], clause->of, clause->reason.text);
}

static bool has_clauses(const struct ast_item *item) {
    return item->kind == AST_ITEM_OBJECT || item->kind == AST_ITEM_LOCK || item->kind == AST_ITEM_GRANT ||
           item->kind == AST_ITEM_WEBHOOK || item->kind == AST_ITEM_TENANT;
}

static void apply_acceptances(const struct accepting *accepting, const struct reach *reach) {
    const struct ast_item *item = reach->item;
    if (item->kind == AST_ITEM_ACCEPT) apply_clause(accepting, reach, item->as.accept);
    for (size_t i = 0; has_clauses(item) && i < item->as.block.clauses.count; i++) {
        const struct ast_clause *clause = item->as.block.clauses.items[i];
        if (clause->kind == AST_CLAUSE_ACCEPT) apply_clause(accepting, reach, clause);
    }
}

// Half of a block would give half-true warnings: drops those of blocks that have errors; gives whether it has.
static bool drop_of_broken(const struct accepting *accepting, const struct ast_item *item) {
    bool broken = false;
    for (size_t pass = 0; pass < 2 && (pass == 0 || broken); pass++)
        for (size_t i = first_at(accepting, item->span); i < accepting->count; i++) {
            const struct diagnostic *diagnostic = &accepting->diags->items[i];
            if (diagnostic->span.file != item->span.file || diagnostic->span.begin > item->span.end) break;
            if (diagnostic->severity == SEVERITY_ERROR)
                broken = true;
            else if (pass == 1)
                accepting->accepted[i] = true;
        }
    return broken;
}

// Drops what is accepted, and what is said of one actor at every other of its locks.
static void settle(struct arena *arena, const struct accepting *accepting) {
    struct diags *diags = accepting->diags;
    struct map said;
    map_init(&said, arena);
    size_t kept = 0;
    for (size_t i = 0; i < diags->count; i++) {
        const struct diagnostic *diagnostic = &diags->items[i];
        bool drop = i < accepting->count && accepting->accepted[i];
        const bool of_actor = diagnostic->code == DIAG_ACTOR_WITHOUT_GRANT || diagnostic->code == DIAG_ACTOR_NOT_SEALED;
        if (!drop && of_actor) {
            drop = map_get(&said, diagnostic->message) != NULL;
            map_set(&said, diagnostic->message, diags);
        }
        if (drop)
            diags->warnings--;
        else
            diags->items[kept++] = *diagnostic;
    }
    diags->count = kept;
}

void check(struct arena *arena, struct diags *diags, const struct policies *policies, struct unit *const *units,
           size_t unit_count, bool is_static, unsigned minor) {
    // Reports have an arena of their own: what they were found with is needed no more.
    struct arena *scratch = arena_scratch(arena);
    struct checking checking = {
        .arena = scratch, .diags = diags, .policies = policies, .is_static = is_static, .minor = minor};
    for (size_t i = 0; i < unit_count; i++)
        for (const struct ast_item *item = units[i]->file->first; item; item = item->next)
            check_item(&checking, units[i]->policy, item);
    check_index_blocks(&checking, units, unit_count);
    check_locks(&checking);
    check_grants(&checking);
    check_webhooks(&checking);
    diags_order(diags);
    const struct accepting accepting = {diags, diags->count, ARENA_ARRAY(scratch, bool, diags->count)};
    for (size_t i = 0; i < unit_count; i++)
        for (const struct ast_item *item = units[i]->file->first; item; item = item->next)
            if (!drop_of_broken(&accepting, item))
                apply_acceptances(&accepting, &(struct reach){units, unit_count, units[i], item});
    settle(scratch, &accepting);
    arena_clear(scratch);
}
