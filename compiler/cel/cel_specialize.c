// Specialises trees; see cel_specialize.h.
#include "cel/cel_specialize.h"

#include <string.h>

#include "base/arena.h"
#include "cel/cel_build.h"
#include "cel/cel_tree.h"

// Which cases are left: open[i] of case i.
struct scope {
    struct arena *arena;
    const struct cel_known *known;
    const bool *open;
    struct cel_node *yes, *no;
};

static struct cel_node *truth(const struct scope *scope, bool boolean) {
    return boolean ? scope->yes : scope->no;
}

// Most nodes are not even of its kind.
static bool is_same(const struct cel_node *node, const struct cel_node *subject) {
    return node->kind == subject->kind && node->count == subject->count && strcmp(node->name, subject->name) == 0 &&
           cel_same(node, subject);
}

// Notes which subject the node is, and whether something of it may be known: most of a tree is about other things, and
// is left alone at once.
static void look_at(const struct scope *scope, struct cel_node *node) {
    if (node->subjects == scope->known->subjects) return;
    node->subjects = scope->known->subjects;
    node->subject = 0;
    node->reads_subject = false;
    if (node->kind == CEL_NODE_LITERAL || node->kind == CEL_NODE_IDENT || node->spelling) return;
    for (size_t j = 0; j < scope->known->subject_count && !node->subject; j++)
        if (is_same(node, scope->known->subjects[j])) node->subject = j + 1;
    node->reads_subject = node->subject > 0;
    for (size_t i = 0; i < node->count + 1; i++) {
        struct cel_node *part = i < node->count ? node->args[i] : node->target;
        if (!part) continue;
        look_at(scope, part);
        node->reads_subject = node->reads_subject || part->reads_subject;
    }
}

static bool reads_subject(const struct scope *scope, struct cel_node *node) {
    look_at(scope, node);
    return node->reads_subject;
}

// ---- what a node is in one case ----

static struct cel_node *value_in(const struct scope *scope, struct cel_node *node, size_t i);

static struct cel_node *joined(const struct scope *scope, const struct cel_node *left, const struct cel_node *right) {
    if (!left || !right || left->literal.kind != CEL_KIND_STRING || right->literal.kind != CEL_KIND_STRING) return NULL;
    return cel_string(scope->arena, arena_printf(scope->arena, "%s%s", left->literal.as.string.bytes,
                                                 right->literal.as.string.bytes));
}

static struct cel_node *equals(const struct scope *scope, const struct cel_node *left, const struct cel_node *right,
                               bool equal) {
    if (!left || !right) return NULL;
    return truth(scope, cel_same(left, right) == equal);
}

static struct cel_node *is_listed(const struct scope *scope, struct cel_node *item, const struct cel_node *list,
                                  size_t i) {
    if (list->kind != CEL_NODE_LIST) return NULL;
    bool all_known = item != NULL;
    for (size_t k = 0; k < list->count; k++) {
        const struct cel_node *value = value_in(scope, list->args[k], i);
        if (item && value && cel_same(item, value)) return scope->yes;
        all_known = all_known && value && !list->args[k]->optional_item;
    }
    return all_known || !list->count ? scope->no : NULL;
}

static struct cel_node *chain_in(const struct scope *scope, const struct cel_node *node, size_t i, bool absorbing) {
    bool all_known = true;
    for (size_t k = 0; k < node->count; k++) {
        struct cel_node *value = value_in(scope, node->args[k], i);
        if (value && cel_is_bool(value, absorbing)) return value;
        all_known = all_known && value;
    }
    return all_known ? truth(scope, !absorbing) : NULL;
}

static struct cel_node *call_in(const struct scope *scope, const struct cel_node *node, size_t i) {
    if (cel_is_call(node, "_in_")) return is_listed(scope, value_in(scope, node->args[0], i), node->args[1], i);
    struct cel_node *values[3] = {NULL, NULL, NULL};
    if (node->target || node->count > 3) return NULL;
    const bool is_conditional = cel_is_call(node, "_?_:_");
    for (size_t k = 0; k < (is_conditional ? 1 : node->count); k++) values[k] = value_in(scope, node->args[k], i);
    if (cel_is_call(node, "_==_")) return equals(scope, values[0], values[1], true);
    if (cel_is_call(node, "_!=_")) return equals(scope, values[0], values[1], false);
    if (cel_is_call(node, "_+_")) return joined(scope, values[0], values[1]);
    if (!values[0] || values[0]->literal.kind != CEL_KIND_BOOL) return NULL;
    if (cel_is_call(node, "!_")) return truth(scope, cel_is_bool(values[0], false));
    return is_conditional ? value_in(scope, node->args[cel_is_bool(values[0], true) ? 1 : 2], i) : NULL;
}

// The literal, or NULL.
static struct cel_node *value_in(const struct scope *scope, struct cel_node *node, size_t i) {
    if (node->spelling) return NULL; // what the checker has made of it is not for us
    if (node->kind == CEL_NODE_LITERAL) return node;
    if (!reads_subject(scope, node)) return NULL;
    if (node->subject && scope->known->cases[i][node->subject - 1]) return scope->known->cases[i][node->subject - 1];
    switch (node->kind) {
    case CEL_NODE_AND: return chain_in(scope, node, i, false);
    case CEL_NODE_OR: return chain_in(scope, node, i, true);
    case CEL_NODE_CALL: return call_in(scope, node, i);
    default: return NULL;
    }
}

// ---- what it is in all that are left ----

static struct cel_node *value_of(const struct scope *scope, struct cel_node *node) {
    struct cel_node *value = NULL;
    for (size_t i = 0; i < scope->known->case_count; i++) {
        if (!scope->open[i]) continue;
        struct cel_node *here = value_in(scope, node, i);
        if (!here || (value && !cel_same(value, here))) return NULL;
        value = here;
    }
    return value;
}

// The literals that a node is, in each case that is left; NULL where that is not known.
static struct cel_node **values_of(const struct scope *scope, struct cel_node *node) {
    const bool reads = node->kind == CEL_NODE_LITERAL || reads_subject(scope, node);
    struct cel_node **values = ARENA_ARRAY(scope->arena, struct cel_node *, scope->known->case_count);
    for (size_t i = 0; reads && i < scope->known->case_count; i++)
        if (scope->open[i]) values[i] = value_in(scope, node, i);
    return values;
}

// The scope without the cases in which the values are that.
static struct scope without(const struct scope *scope, struct cel_node *const *values, bool boolean) {
    struct scope rest = *scope;
    bool *open = ARENA_ARRAY(scope->arena, bool, scope->known->case_count);
    for (size_t i = 0; i < scope->known->case_count; i++)
        open[i] = scope->open[i] && !(values[i] && cel_is_bool(values[i], boolean));
    rest.open = open;
    return rest;
}

static struct cel_node *specialized(const struct scope *scope, struct cel_node *node);

// Whether the operand says nothing that others do not: where it would decide, another that is kept decides as well.
static bool is_repeated(const struct scope *scope, struct cel_node **const *values, size_t count, const bool *dropped,
                        size_t operand, bool deciding) {
    for (size_t i = 0; i < scope->known->case_count; i++) {
        if (!scope->open[i]) continue;
        if (!values[operand][i]) return false;
        bool said = !cel_is_bool(values[operand][i], deciding);
        for (size_t k = 0; k < count && !said; k++)
            said = k != operand && !dropped[k] && values[k][i] && cel_is_bool(values[k][i], deciding);
        if (!said) return false;
    }
    return true;
}

static struct cel_node *chain_of(const struct scope *scope, const struct cel_node *node) {
    const bool is_and = node->kind == CEL_NODE_AND;
    struct cel_node *result = truth(scope, is_and);
    struct scope rest = *scope;
    bool *dropped = ARENA_ARRAY(scope->arena, bool, node->count);
    struct cel_node ***values = ARENA_ARRAY(scope->arena, struct cel_node **, node->count);
    for (size_t i = 0; i < node->count; i++) values[i] = values_of(scope, node->args[i]);
    for (size_t i = 0; i < node->count; i++) dropped[i] = is_repeated(scope, values, node->count, dropped, i, !is_and);
    for (size_t i = 0; i < node->count; i++) {
        if (dropped[i]) continue;
        struct cel_node *operand = specialized(&rest, node->args[i]);
        result = is_and ? cel_and(scope->arena, result, operand) : cel_or(scope->arena, result, operand);
        rest = without(&rest, values[i], !is_and);
    }
    return result;
}

static struct cel_node *conditional_of(const struct scope *scope, const struct cel_node *node) {
    struct cel_node *condition = node->args[0], *value = value_of(scope, condition);
    if (value) return specialized(scope, node->args[cel_is_bool(value, true) ? 1 : 2]);
    struct cel_node *const *values = values_of(scope, condition);
    const struct scope yes = without(scope, values, false), no = without(scope, values, true);
    return cel_if(scope->arena, specialized(scope, condition), specialized(&yes, node->args[1]),
                  specialized(&no, node->args[2]));
}

// Whether the item may be there: always, where the item is not a literal.
static bool may_be(const struct scope *scope, struct cel_node *subject, const struct cel_node *item) {
    for (size_t i = 0; i < scope->known->case_count; i++) {
        const struct cel_node *value = scope->open[i] ? value_in(scope, subject, i) : NULL;
        if (scope->open[i] && (!value || item->kind != CEL_NODE_LITERAL || cel_same(value, item))) return true;
    }
    return false;
}

static struct cel_node *membership_of(const struct scope *scope, const struct cel_node *node) {
    struct cel_node *subject = node->args[0], *list = node->args[1];
    struct cel_node **items = ARENA_ARRAY(scope->arena, struct cel_node *, list->count);
    size_t count = 0;
    for (size_t i = 0; i < list->count; i++)
        if (may_be(scope, subject, list->args[i])) items[count++] = list->args[i];
    if (!count) return cel_boolean(scope->arena, false);
    struct cel_node *item = specialized(scope, subject);
    if (count == 1 && !items[0]->optional_item) return cel_eq(scope->arena, item, items[0]);
    return cel_in(scope->arena, item, cel_list(scope->arena, items, count));
}

static struct cel_node *with_children(const struct scope *scope, struct cel_node *node) {
    struct cel_node *target = node->target ? specialized(scope, node->target) : NULL, **args = NULL;
    for (size_t i = 0; i < node->count; i++) {
        struct cel_node *arg = specialized(scope, node->args[i]);
        if (arg == node->args[i]) continue;
        if (!args) {
            args = ARENA_ARRAY(scope->arena, struct cel_node *, node->count);
            memcpy(args, node->args, node->count * sizeof *args);
        }
        args[i] = arg;
    }
    if (!args && target == node->target) return node;
    struct cel_node *copy = cel_copy(scope->arena, node);
    copy->target = target;
    if (args) copy->args = args;
    return copy;
}

static struct cel_node *specialized(const struct scope *scope, struct cel_node *node) {
    if (node->optional_item || !reads_subject(scope, node)) return node;
    struct cel_node *value = value_of(scope, node);
    if (value) return value;
    if (node->kind == CEL_NODE_AND || node->kind == CEL_NODE_OR) return chain_of(scope, node);
    if (cel_is_call(node, "_?_:_")) return conditional_of(scope, node);
    if (cel_is_call(node, "_in_") && node->args[1]->kind == CEL_NODE_LIST && value_in(scope, node->args[0], 0))
        return membership_of(scope, node);
    return with_children(scope, node);
}

struct cel_node *cel_specialize(struct arena *arena, struct cel_node *node, const struct cel_known *known) {
    if (!known->case_count) return node;
    bool *open = ARENA_ARRAY(arena, bool, known->case_count);
    for (size_t i = 0; i < known->case_count; i++) open[i] = true;
    const struct scope scope = {arena, known, open, cel_boolean(arena, true), cel_boolean(arena, false)};
    return specialized(&scope, node);
}
