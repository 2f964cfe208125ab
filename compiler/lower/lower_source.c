// `locks from configmaps`: which ConfigMaps are the lock, and the locks that keep these.
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/text.h"
#include "base/texts.h"
#include "data/value.h"
#include "front/clauses.h"
#include "kubernetes/catalog.h"
#include "lower/lower_derive.h"
#include "report/diag.h"

// ---- which ConfigMaps ----

static void bad_selector(struct lowering *lowering, struct span span) {
    diag_report(lowering->diags, DIAG_BAD_VALUE, span, "locks are ConfigMaps with one label, and with this one alone");
    diag_help(lowering->diags, "write a label and its values: locks from configmaps labeled klock.dev/lock=true");
}

static struct lock_source *read_source(struct lowering *lowering, struct unit *unit, const struct ast_clause *clause) {
    const struct expr_context context = {.unit = unit};
    const struct formula *label = lower_expr(lowering, &context, clause->expr);
    const bool compares = label->compare == CMP_EXISTS || label->compare == CMP_IN;
    if (label->kind != FORMULA_LABEL || !compares || label->operand_count || !formula_has_texts(label)) {
        bad_selector(lowering, clause->expr->span);
        return NULL;
    }
    struct lock_source *source = ARENA_NEW(lowering->arena, struct lock_source);
    source->key = label->key;
    for (size_t i = 0; i < label->value_count; i++)
        ARENA_PUSH(lowering->arena, source->values, source->value_count, label->values[i]->as.string);
    if (source->value_count) qsort(source->values, source->value_count, sizeof *source->values, compare_strings);
    return source;
}

// Of the label with its values.
static struct formula *about_label(struct arena *arena, enum formula_kind kind, const struct lock_source *source) {
    const struct texts values = {source->values, source->value_count};
    struct formula *atom = derive_in(arena, kind, source->key, &values);
    if (!values.count) atom->compare = CMP_EXISTS;
    return atom;
}

// ---- what such a lock cannot be ----

static void check_resource(struct lowering *lowering, struct word word) {
    const char *version = NULL;
    const struct resource *resource = lower_resource(lowering, word, &version);
    if (!resource || (!*resource->group && strcmp(resource->plural, "configmaps") == 0 && !version)) return;
    lower_not_supported(lowering, word.span, "a lock from other objects than ConfigMaps");
}

static void check_clauses(struct lowering *lowering, const struct ast_item *item) {
    static const struct {
        enum ast_clause_kind kind;
        const char *what;
    } refused[] = {
        {AST_CLAUSE_CASCADE, "'cascade' in a lock from ConfigMaps"},
        {AST_CLAUSE_BREAK_GLASS, "'break-glass' in a lock from ConfigMaps"},
    };
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        const struct ast_clause *clause = lower_find_clause(item, refused[i].kind);
        if (clause) lower_not_supported(lowering, clause->keyword, refused[i].what);
    }
    const struct ast_clause *guard = lower_find_clause(item, AST_CLAUSE_GUARD),
                            *deny = lower_find_clause(item, AST_CLAUSE_DENY);
    for (size_t i = 0; guard && i < guard->words.count; i++) {
        const struct word word = guard->words.items[i];
        if (guard_find(word.text) && !text_has_word("labels label-in namespace crd locks", word.text))
            lower_not_supported(lowering, word.span,
                                arena_printf(lowering->arena, "'guard %s' in a lock from ConfigMaps", word.text));
    }
    for (size_t i = 0; deny && i < deny->words.count; i++) {
        const struct word word = deny->words.items[i];
        if (text_has_word("connect all evict scale exec attach portforward proxy", word.text))
            lower_not_supported(lowering, word.span,
                                arena_printf(lowering->arena, "'deny %s' in a lock from ConfigMaps", word.text));
    }
}

static void check_targets(struct lowering *lowering, const struct ast_clause *clause,
                          const struct object_meaning *part) {
    if (part->scope.where == IN_CLUSTER && part->scope.target_count) {
        diag_report(lowering->diags, DIAG_CONFLICTING_CLAUSES, part->scope.targets[0].span,
                    "a ConfigMap is in a namespace, and '%s' are in none",
                    part->scope.targets[0].name ? part->scope.targets[0].name : "these objects");
        diag_relate(lowering->diags, clause->keyword, "locks come from ConfigMaps here");
        diag_help(lowering->diags, "write a lock of their own for cluster-scoped objects");
        return;
    }
    for (size_t i = 0; i < part->scope.target_count; i++) {
        const struct target *target = &part->scope.targets[i];
        if (!target->resource)
            lower_not_supported(lowering, target->span, "a wildcard in a lock from ConfigMaps");
        else if (target->subresource)
            lower_not_supported(lowering, target->span, "a subresource in a lock from ConfigMaps");
    }
}

const struct lock_source *lower_source(struct lowering *lowering, struct unit *unit, const struct ast_item *item,
                                       const struct object_meaning **objects, size_t count) {
    const struct ast_clause *clause = lower_find_clause(item, AST_CLAUSE_LOCKS_FROM);
    struct arena *arena = lowering->arena;
    if (!clause) return NULL;
    check_resource(lowering, clause->words.items[0]);
    if (lowering->is_static)
        lower_not_supported(lowering, clause->keyword, "a lock from ConfigMaps in static manifests");
    if (policies_are_against_insiders(lowering->policies, unit->policy))
        lower_not_supported(lowering, clause->keyword, "a lock from ConfigMaps in a policy against insiders");
    check_clauses(lowering, item);
    if (!lower_find_clause(item, AST_CLAUSE_EXCLUSIVE)) {
        diag_report(lowering->diags, DIAG_MISSING_CLAUSE, clause->keyword,
                    "lock '%s' says of nobody that they may undo what others lock", item->name.text);
        diag_help(lowering->diags, "whoever makes a ConfigMap may name nobody: add 'exclusive', such as: exclusive may "
                                   "unlock");
    }
    const struct lock_source *source = read_source(lowering, unit, clause);
    for (size_t i = 0; i < count; i++) {
        struct object_meaning *part = ARENA_NEW(arena, struct object_meaning);
        check_targets(lowering, clause, objects[i]);
        *part = *objects[i];
        if (source)
            part->selects = formula_and(arena, part->selects, about_label(arena, FORMULA_SOURCE_SELECTS, source));
        part->narrowed = true;
        objects[i] = part;
    }
    return source;
}

// ---- what keeps them ----

static struct formula *is_source(struct arena *arena) {
    struct formula *is = formula_new(arena, FORMULA_IS_SOURCE), *data = derive_exists(arena, -1, "data"),
                   *binary = derive_exists(arena, -1, "binaryData");
    ARENA_PUSH(arena, is->operands, is->operand_count, data);
    ARENA_PUSH(arena, is->operands, is->operand_count, binary);
    return is;
}

static struct lock *on_sources(struct lowering *lowering, const struct guarded *guarded,
                               const struct object_scope *scope, enum origin origin, const char *number) {
    const struct lock *from = guarded->locks[0];
    struct lock *lock = derive_lock_in(lowering, from, scope, "", "configmaps", origin, number);
    lock->selects = about_label(lowering->arena, FORMULA_LABEL, from->source);
    lock->source = NULL;
    return lock;
}

// To change or to delete one is to unlock.
static void keep_sources(struct lowering *lowering, const struct guarded *guarded, const struct object_scope *scope,
                         const char *number) {
    static const char *const named[] = {"those whom the ConfigMap names"};
    const char **labels = ARENA_ARRAY(lowering->arena, const char *, 1);
    struct lock *lock = on_sources(lowering, guarded, scope, ORIGIN_GUARD_LOCKS, number);
    labels[0] = named[0];
    const struct subjects others = {.labels = labels, .label_count = 1};
    lower_add_subjects(lowering->arena, &lock->exclusive, &others);
    lower_add_subjects(lowering->arena, &lock->passes, &others);
    lock->denies = OPS_STORED;
    lock->guard_labels = lock->guard_owners = lock->keeps_source = true;
    derive_add(lowering, guarded->item, lock);
}

// One that says no lock would lock everything; nobody makes it, nor makes a lock of what is there.
static void check_form(struct lowering *lowering, const struct guarded *guarded, const struct object_scope *scope,
                       const char *number) {
    struct lock *lock = on_sources(lowering, guarded, scope, ORIGIN_LOCKS_FORM, number);
    lock->exclusive = lock->passes = lock->break_glass = (struct subjects){0};
    lock->requires = is_source(lowering->arena);
    lock->ratchets = lock->guard_label_in = true;
    derive_add(lowering, guarded->item, lock);
}

void derive_sources(struct lowering *lowering, const struct guarded *guarded,
                    const char *(*number)(struct arena *arena, size_t index)) {
    const struct word *word = derive_find_guard(guarded->item, "locks");
    if (!guarded->locks[0]->source) {
        derive_nothing_to_guard(lowering, word, "is not from ConfigMaps",
                                "it keeps the ConfigMaps of 'locks from configmaps labeled …'");
        return;
    }
    for (size_t i = 0; i < guarded->part_count; i++) {
        const struct object_scope *scope = &guarded->parts[i]->scope;
        if (guarded->locks[0]->guards & GUARD_LOCKS) keep_sources(lowering, guarded, scope, number(lowering->arena, i));
        check_form(lowering, guarded, scope, number(lowering->arena, i));
    }
}
