// Who passes a lock, held against who passes another: users, groups and formulas, never what RBAC or an authenticator
// might know of them.
#include <stdint.h>
#include <string.h>

#include "base/arena.h"
#include "base/map.h"
#include "check/check_internal.h"
#include "data/value.h"
#include "kubernetes/account.h"

static bool has_text(const char **texts, size_t count, const char *text) {
    size_t low = 0, high = count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        const int order = strcmp(texts[middle], text);
        if (!order) return true;
        if (order < 0) low = middle + 1;
        if (order > 0) high = middle;
    }
    return false;
}

// Every service account is in these groups.
static bool has_account(const struct subjects *subjects, const char *user) {
    size_t len, group_len;
    const char *namespace = account_is_user(user) ? account_namespace(user, &len) : NULL;
    if (!namespace) return false;
    for (size_t i = 0; i < subjects->group_count; i++) {
        const char *group = subjects->groups[i];
        if (strcmp(group, ACCOUNT_GROUP_OF_ALL) == 0) return true;
        const char *of = account_is_group(group) ? account_namespace(group, &group_len) : NULL;
        if (of && group_len == len && strncmp(of, namespace, len) == 0) return true;
    }
    return false;
}

static bool has_user(const struct subjects *subjects, const char *user) {
    return has_text(subjects->users, subjects->user_count, user) || has_account(subjects, user);
}

static bool is_same(const struct formula *a, const struct formula *b) {
    // A right is asked for by the name of the lock, and CEL is not compared.
    if (a->kind != b->kind || a->state != b->state || a->compare != b->compare || a->kind == FORMULA_MAY ||
        a->kind == FORMULA_CEL || a->value_count != b->value_count || a->operand_count != b->operand_count ||
        a->path.count || a->operations != b->operations || (a->key && strcmp(a->key, b->key) != 0))
        return false;
    for (size_t i = 0; i < a->value_count; i++)
        if (!value_equal(a->values[i], b->values[i])) return false;
    for (size_t i = 0; i < a->operand_count; i++)
        if (!is_same(a->operands[i], b->operands[i])) return false;
    return true;
}

// Whether everybody for whom the formula holds is one of the subjects.
static bool has_formula(const struct subjects *subjects, const struct formula *expr) {
    for (size_t i = 0; i < subjects->other_count; i++)
        if (is_same(expr, subjects->others[i])) return true;
    bool all = expr->value_count > 0 || expr->kind == FORMULA_OR, any = false;
    if (expr->kind == FORMULA_USER && expr->compare == CMP_IN)
        for (size_t i = 0; i < expr->value_count; i++) all &= has_user(subjects, expr->values[i]->as.string);
    else if (expr->kind == FORMULA_GROUP)
        for (size_t i = 0; i < expr->value_count; i++)
            all &= has_text(subjects->groups, subjects->group_count, expr->values[i]->as.string);
    else if (expr->kind != FORMULA_OR)
        all = false;
    for (size_t i = 0; i < expr->operand_count; i++) {
        if (expr->kind == FORMULA_OR) all &= has_formula(subjects, expr->operands[i]);
        if (expr->kind == FORMULA_AND) any |= has_formula(subjects, expr->operands[i]);
    }
    return all || any;
}

// Whether each of the first is one of the second, or of the third where there is one.
static bool are_among(const struct subjects *subjects, const struct subjects *a, const struct subjects *b) {
    for (size_t i = 0; i < subjects->user_count; i++)
        if (!has_user(a, subjects->users[i]) && !(b && has_user(b, subjects->users[i]))) return false;
    for (size_t i = 0; i < subjects->group_count; i++)
        if (!has_text(a->groups, a->group_count, subjects->groups[i]) &&
            !(b && has_text(b->groups, b->group_count, subjects->groups[i])))
            return false;
    for (size_t i = 0; i < subjects->other_count; i++)
        if (!has_formula(a, subjects->others[i]) && !(b && has_formula(b, subjects->others[i]))) return false;
    return true;
}

// Locks from ConfigMaps hold where there are some, and for whom these name; who asks is such a lock of the same ones,
// or knows of none.
static bool holds_as_long(const struct lock *lock, const struct lock *other) {
    return !lock->keeps_source && (!lock->source || lock->source == other->source);
}

// What others pass in an emergency alone is recorded, so that passing without it is more.
bool check_lets_fewer_pass(const struct lock *lock, const struct lock *other) {
    return lock == other ||
           (holds_as_long(lock, other) && are_among(&lock->passes, &other->passes, NULL) &&
            are_among(&lock->break_glass, &other->passes, &other->break_glass) && lock->fail_open <= other->fail_open);
}

// ---- keys ----

static void add_keys(struct arena *arena, const struct subjects *subjects, struct texts *passers) {
    for (size_t i = 0; i < subjects->user_count; i++)
        texts_push(arena, passers, arena_printf(arena, "user %s", subjects->users[i]));
    for (size_t i = 0; i < subjects->group_count; i++)
        texts_push(arena, passers, arena_printf(arena, "group %s", subjects->groups[i]));
    for (size_t i = 0; i < subjects->other_count; i++)
        texts_push(arena, passers, arena_printf(arena, "formula %s", check_formula(arena, subjects->others[i])));
}

// The locks that guards make of one lock share its lists, and come one after the other.
static bool share_lists(const struct subjects *a, const struct subjects *b) {
    return a->users == b->users && a->user_count == b->user_count && a->groups == b->groups &&
           a->group_count == b->group_count && a->others == b->others && a->other_count == b->other_count;
}

struct texts check_passers(const struct checking *checking, const struct lock *lock) {
    struct last_passers *last = checking->last_passers;
    if (!last->lock || !share_lists(&last->lock->passes, &lock->passes) ||
        !share_lists(&last->lock->break_glass, &lock->break_glass)) {
        last->passers = (struct texts){0};
        add_keys(checking->arena, &lock->passes, &last->passers);
        add_keys(checking->arena, &lock->break_glass, &last->passers);
        last->lock = lock;
    }
    return last->passers;
}

void check_count_passers(struct checking *checking) {
    checking->last_passers = ARENA_NEW(checking->arena, struct last_passers);
    map_init(&checking->passers, checking->arena);
    for (size_t i = 0; i < checking->policies->lock_count; i++) {
        const struct texts passers = check_passers(checking, checking->policies->locks[i]);
        for (size_t j = 0; j < passers.count; j++) {
            size_t *count = map_get(&checking->passers, passers.items[j]);
            if (!count) map_set(&checking->passers, passers.items[j], count = ARENA_NEW(checking->arena, size_t));
            ++*count;
        }
    }
}

const char *check_rarest_passer(const struct checking *checking, const struct lock *lock) {
    const struct texts passers = check_passers(checking, lock);
    const char *rarest = "";
    size_t least = SIZE_MAX;
    for (size_t i = 0; i < passers.count; i++) {
        const size_t *count = map_get(&checking->passers, passers.items[i]);
        if (*count >= least) continue;
        least = *count;
        rarest = passers.items[i];
    }
    return rarest;
}
