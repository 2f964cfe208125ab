// Labels of namespaces: what goes by them can be got past by whoever changes them, where no lock keeps them. A lock on
// namespaces keeps a label in three ways: it denies changing it, it lets nobody take a namespace out of its selection,
// or lets nobody bring one in. It does so for the namespaces that it is on, which may be more than those that are asked
// for, and each label may have a lock of its own.
#include <string.h>

#include "base/arena.h"
#include "base/map.h"
#include "check/check_internal.h"
#include "data/value.h"

// A lock on namespaces, and what of their labels it keeps as it is.
struct label_keeper {
    const struct lock *lock;
    const struct formula *selects;
    bool all;           // every label
    struct texts keys;  // or these
    bool stays, enters; // no namespace is taken out of its selection, or brought into it
};

struct label_keepers {
    const struct label_keeper **items;
    size_t count;
};

// ---- what follows from what ----

static bool is_label(const struct formula *expr) {
    return (expr->kind == FORMULA_LABEL || expr->kind == FORMULA_NAMESPACE_LABEL) && !expr->operand_count;
}

// Whether it asks what selectors of the API server do.
static bool is_selecting(const struct formula *expr) {
    return is_label(expr) && (expr->compare == CMP_EXISTS || expr->compare == CMP_IN);
}

// How many of the values of the one the other has as well.
static size_t common(const struct formula *a, const struct formula *b) {
    size_t count = 0;
    for (size_t i = 0; i < a->value_count; i++)
        for (size_t j = 0; j < b->value_count; j++)
            if (value_equal(a->values[i], b->values[j])) {
                count++;
                break;
            }
    return count;
}

static bool is_same(struct arena *arena, const struct formula *a, const struct formula *b) {
    return strcmp(check_formula(arena, formula_of_namespace(arena, a)),
                  check_formula(arena, formula_of_namespace(arena, b))) == 0;
}

// Between two requirements on labels, or two that are the same.
static bool requirement_entails(struct arena *arena, const struct formula *a, const struct formula *b) {
    const bool lacks = a->kind == FORMULA_NOT, other_lacks = b->kind == FORMULA_NOT;
    const struct formula *one = lacks ? a->operands[0] : a, *other = other_lacks ? b->operands[0] : b;
    if (is_label(one) != is_label(other) || (is_label(one) && strcmp(one->key, other->key) != 0)) return false;
    if (!is_selecting(one) || !is_selecting(other)) return is_same(arena, a, b);
    const bool one_is_in = one->compare == CMP_IN, other_is_in = other->compare == CMP_IN;
    if (!other_lacks) return !lacks && (!other_is_in || (one_is_in && common(one, other) == one->value_count));
    if (lacks && one->compare == CMP_EXISTS) return true;
    if (lacks) return one_is_in && other_is_in && common(other, one) == other->value_count;
    return one_is_in && other_is_in && !common(one, other);
}

static bool entails(struct arena *arena, const struct formula *a, const struct formula *b) {
    if (b->kind == FORMULA_TRUE) return true;
    bool all = b->kind == FORMULA_AND || a->kind == FORMULA_OR, any = false;
    if (b->kind == FORMULA_AND) {
        for (size_t i = 0; i < b->operand_count; i++) all &= entails(arena, a, b->operands[i]);
        return all;
    }
    if (a->kind == FORMULA_OR) {
        for (size_t i = 0; i < a->operand_count; i++) all &= entails(arena, a->operands[i], b);
        return all;
    }
    for (size_t i = 0; i < b->operand_count && b->kind == FORMULA_OR; i++) any |= entails(arena, a, b->operands[i]);
    for (size_t i = 0; i < a->operand_count && a->kind == FORMULA_AND; i++) any |= entails(arena, a->operands[i], b);
    return any || requirement_entails(arena, a, b);
}

// ---- what locks keep ----

static void add_keys(struct arena *arena, const struct formula *expr, struct texts *keys) {
    if (is_label(expr)) texts_add(arena, keys, expr->key);
    for (size_t i = 0; i < expr->operand_count; i++) add_keys(arena, expr->operands[i], keys);
}

static bool is_of_labels(const struct field_path *path) {
    return path_is_metadata(path) &&
           (path->count == 1 || (path->segments[1].key && strcmp(path->segments[1].key, "labels") == 0));
}

// What of the labels the lock keeps from being changed.
static void read_denied(struct arena *arena, const struct lock *lock, struct label_keeper *keeper) {
    bool any = false, all = !lock->path_count;
    for (size_t i = 0; i < lock->path_count; i++) {
        const struct field_path *path = &lock->paths[i];
        if (!is_of_labels(path)) continue;
        any = true;
        if (path->count < 3 || !path->segments[2].key)
            all = true;
        else if (!lock->all_but_paths)
            texts_add(arena, &keeper->keys, path->segments[2].key);
    }
    keeper->all = lock->all_but_paths ? !any : all;
}

// Whether an update that is let through could take a namespace out of the selection first.
static bool can_be_left(const struct lock *lock, const struct label_keeper *keeper) {
    return !lock->origin && !lock->guard_labels && !formula_is_immutable(keeper->selects) &&
           !(keeper->all && (!lock->path_count || formula_is_by_labels(keeper->selects)));
}

static void add_keeper(const struct checking *checking, const char *kind, const char *of,
                       const struct label_keeper *keeper) {
    struct map *map = checking->label_keepers;
    const char *key = arena_printf(checking->arena, "%s %s", kind, of);
    struct label_keepers *keepers = map_get(map, key);
    if (!keepers) map_set(map, key, keepers = ARENA_NEW(checking->arena, struct label_keepers));
    ARENA_PUSH(checking->arena, keepers->items, keepers->count, keeper);
}

static void index_part(const struct checking *checking, const struct lock *lock, const struct lock_object *part) {
    struct arena *arena = checking->arena;
    struct label_keeper *keeper = ARENA_NEW(arena, struct label_keeper);
    *keeper = (struct label_keeper){
        .lock = lock, .selects = part->selects, .stays = lock->guard_labels, .enters = lock->guard_label_in};
    if (lock->denies & OP_UPDATE) read_denied(arena, lock, keeper);
    if (can_be_left(lock, keeper)) keeper->all = false, keeper->keys = (struct texts){0};
    // A namespace may go from one of several selections to another.
    for (size_t i = 0; i < lock->part_count && lock->part_count > 1; i++)
        if (check_takes_in(&lock->parts[i].scope, checking->around.namespaces) &&
            !entails(arena, lock->parts[i].selects, part->selects))
            keeper->stays = false;
    if (!keeper->all && !keeper->keys.count && !keeper->stays && !keeper->enters) return;
    for (size_t i = 0; part->selects->kind != FORMULA_TRUE && i < formula_part_count(part->selects); i++)
        add_keeper(checking, "part", check_formula(arena, formula_part(part->selects, i)), keeper);
    struct texts keys = {0};
    add_keys(arena, part->selects, &keys);
    for (size_t i = 0; i < keeper->keys.count; i++) texts_add(arena, &keys, keeper->keys.items[i]);
    for (size_t i = 0; i < keys.count; i++) add_keeper(checking, "key", keys.items[i], keeper);
    if (keeper->all) add_keeper(checking, "all", "", keeper);
}

void check_index_labels(struct checking *checking) {
    checking->label_keepers = ARENA_NEW(checking->arena, struct map);
    map_init(checking->label_keepers, checking->arena);
    for (size_t i = 0; i < checking->policies->lock_count; i++) {
        const struct lock *lock = checking->policies->locks[i];
        if (!(lock->mode & MODE_DENY) || lock->scope.subresource || lock->condition->kind != FORMULA_TRUE) continue;
        for (size_t j = 0; j < check_part_count(lock); j++) {
            const struct lock_object part = check_part(lock, j);
            if (check_takes_in(&part.scope, checking->around.namespaces) && !formula_has_cel(part.selects))
                index_part(checking, lock, &part);
        }
    }
}

// ---- what is asked ----

// For whom a label is to be kept: for a lock, or for a webhook, which nobody passes.
struct label_question {
    const struct checking *checking;
    const struct lock *lock;        // NULL for a webhook
    const struct formula *selector; // that the namespace meets; NULL for nothing
};

static bool is_closed_to_others(const struct label_question *question, const struct lock *keeper) {
    const struct lock *lock = question->lock;
    if (!lock) return !keeper->source && !keeper->keeps_source;
    return check_level_of(keeper, question->checking->around.namespaces, OP_UPDATE) <= lock->exemption &&
           check_lets_fewer_pass(keeper, lock);
}

static bool keeps(const struct label_question *question, const struct label_keeper *keeper,
                  const struct formula *part) {
    struct arena *arena = question->checking->arena;
    // What must not come into the selection stays out of it.
    const struct formula *absent = part->kind == FORMULA_NOT ? part->operands[0] : NULL;
    bool kept =
        keeper->enters && absent && entails(arena, absent, keeper->selects) && entails(arena, keeper->selects, absent);
    const bool is_on = keeper->selects->kind == FORMULA_TRUE ||
                       (question->selector && entails(arena, question->selector, keeper->selects));
    kept |= is_on && keeper->stays && entails(arena, keeper->selects, part);
    if (!kept && is_on) {
        struct texts keys = {0};
        add_keys(arena, part, &keys);
        kept = keys.count > 0;
        for (size_t i = 0; i < keys.count && !keeper->all; i++) kept &= texts_has(&keeper->keys, keys.items[i]);
    }
    return kept && is_closed_to_others(question, keeper->lock);
}

static bool some_keeps(const struct label_question *question, const char *kind, const char *of,
                       const struct formula *part) {
    const struct label_keepers *keepers =
        map_get(question->checking->label_keepers, arena_printf(question->checking->arena, "%s %s", kind, of));
    for (size_t i = 0; keepers && i < keepers->count; i++)
        if (keeps(question, keepers->items[i], part)) return true;
    return false;
}

static bool is_kept(const struct label_question *question, const struct formula *part) {
    struct arena *arena = question->checking->arena;
    const struct formula *selector = question->selector;
    struct texts keys = {0};
    add_keys(arena, part, &keys);
    if (keys.count == 1 && strcmp(keys.items[0], KUBE_NAME_LABEL) == 0) return true; // the API server does
    for (size_t i = 0; selector && i < formula_part_count(selector); i++) {
        const struct formula *own = formula_of_namespace(arena, formula_part(selector, i));
        if (some_keeps(question, "part", check_formula(arena, own), part)) return true;
    }
    for (size_t i = 0; i < keys.count; i++)
        if (some_keeps(question, "key", keys.items[i], part)) return true;
    return some_keeps(question, "all", "", part);
}

// The first requirement that nothing keeps.
static const struct formula *find_open(const struct label_question *question, const struct formula *expr) {
    const struct formula *atom = expr->kind == FORMULA_NOT ? expr->operands[0] : expr, *open = NULL;
    if (is_label(atom) && atom->kind == FORMULA_NAMESPACE_LABEL)
        return atom->reads_stored || is_kept(question, expr) ? NULL : atom;
    if (atom->kind == FORMULA_NAMESPACE_LABEL && !atom->reads_stored) {
        // It is compared with what something else says: all that counts is that it stays.
        const struct formula key = {.kind = FORMULA_NAMESPACE_LABEL, .compare = CMP_EXISTS, .key = atom->key};
        if (!is_kept(question, &key)) return atom;
    }
    for (size_t i = 0; i < expr->operand_count && !open; i++) open = find_open(question, expr->operands[i]);
    return open;
}

const struct formula *check_open_label(const struct checking *checking, const struct lock *lock,
                                       const struct formula *expr) {
    return find_open(&(struct label_question){checking, lock, NULL}, expr);
}

const struct formula *check_open_selector(const struct checking *checking, const struct lock *lock,
                                          const struct object_scope *scope) {
    if (scope->where != IN_LABELED_NAMESPACES) return NULL;
    const struct label_question question = {checking, lock, scope->namespace_selector};
    const struct formula *open = NULL;
    for (size_t i = 0; i < formula_part_count(scope->namespace_selector) && !open; i++) {
        const struct formula *part = formula_part(scope->namespace_selector, i);
        if (part->kind != FORMULA_OR || !is_kept(&question, part)) open = find_open(&question, part);
    }
    return open;
}
