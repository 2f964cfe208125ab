// Where a warning about a lock stands: at the clause that it is about.
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "check/check_internal.h"
#include "front/scope.h"

static int compare_blocks(const void *a, const void *b) {
    const struct span x = (*(const struct ast_item *const *)a)->name.span,
                      y = (*(const struct ast_item *const *)b)->name.span;
    if (x.file != y.file) return x.file < y.file ? -1 : 1;
    return (x.begin > y.begin) - (x.begin < y.begin);
}

void check_index_blocks(struct checking *checking, struct unit *const *units, size_t unit_count) {
    for (size_t i = 0; i < unit_count; i++)
        for (const struct ast_item *item = units[i]->file->first; item; item = item->next)
            if (item->kind == AST_ITEM_LOCK) ARENA_PUSH(checking->arena, checking->blocks, checking->block_count, item);
    if (checking->block_count) qsort(checking->blocks, checking->block_count, sizeof *checking->blocks, compare_blocks);
}

// The block of the lock, or of the one that it was made from; NULL where it was made from none.
static const struct ast_item *block_of(const struct checking *checking, const struct lock *lock) {
    const struct ast_item wanted = {.name.span = lock->span}, *key = &wanted;
    const struct ast_item **found = NULL;
    if (checking->block_count)
        found = bsearch(&key, checking->blocks, checking->block_count, sizeof *checking->blocks, compare_blocks);
    return found ? *found : NULL;
}

// The clauses that say it, those that say it best first.
static const struct {
    enum ast_clause_kind clauses[3];
    size_t count;
    bool names_actors; // a clause without any does not say it
} topics[] = {
    [ABOUT_RESOURCES] = {{AST_CLAUSE_RESOURCES}, 1, false},
    [ABOUT_PLACE] = {{AST_CLAUSE_NAMESPACE, AST_CLAUSE_NAMESPACE_LABELED}, 2, false},
    [ABOUT_DENIED] = {{AST_CLAUSE_DENY, AST_CLAUSE_REQUIRE}, 2, false},
    [ABOUT_CHANGES] = {{AST_CLAUSE_CHANGING, AST_CLAUSE_REQUIRE}, 2, false},
    [ABOUT_REQUIRED] = {{AST_CLAUSE_REQUIRE}, 1, false},
    [ABOUT_ACTORS] = {{AST_CLAUSE_EXCLUSIVE, AST_CLAUSE_EXEMPT, AST_CLAUSE_BREAK_GLASS}, 3, true},
    [ABOUT_EXEMPTION] = {{AST_CLAUSE_EXEMPT, AST_CLAUSE_DENY}, 2, false},
    [ABOUT_CONDITION] = {{AST_CLAUSE_WHEN, AST_CLAUSE_UNLESS}, 2, false},
    [ABOUT_CASCADE] = {{AST_CLAUSE_CASCADE}, 1, false},
    [ABOUT_GUARDS] = {{AST_CLAUSE_GUARD}, 1, false},
};

static const struct ast_clause *find_clause(const struct ast_item *block, enum ast_clause_kind kind) {
    const struct ast_clauses *clauses = &block->as.block.clauses;
    for (size_t i = 0; i < clauses->count; i++)
        if (clauses->items[i]->kind == kind) return clauses->items[i];
    return NULL;
}

struct span check_place(const struct checking *checking, const struct lock *lock, enum topic topic) {
    const struct ast_item *block = block_of(checking, lock);
    for (size_t i = 0; block && i < topics[topic].count; i++) {
        const struct ast_clause *clause = find_clause(block, topics[topic].clauses[i]);
        if (clause && (clause->subjects.count || !topics[topic].names_actors)) return clause->keyword;
    }
    return lock->span;
}

struct span check_place_of(const struct checking *checking, const struct lock *lock, const struct formula *part,
                           enum topic topic) {
    const struct ast_item *block = block_of(checking, lock);
    const struct span span = part->span;
    const bool inside = block && span.end && span.file == block->span.file && span.begin >= block->span.begin &&
                        span.end <= block->span.end;
    return inside ? span : check_place(checking, lock, topic);
}
