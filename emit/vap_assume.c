// What a condition has asked for already holds behind it, however deep it is asked again: a request that changes the
// owners is not one that changes nothing.
#include <string.h>

#include "base/arena.h"
#include "cel/cel_rewrite.h"
#include "cel/cel_tree.h"
#include "emit/vap_internal.h"

// Whether nothing can fail of it, so that it is true or false in both places. Variables of ours never fail where they
// are asked for.
static bool is_plain(const struct cel_node *node) {
    if (node->spelling) return false;
    if (node->kind == CEL_NODE_LITERAL || node->kind == CEL_NODE_IDENT) return true;
    if (node->kind == CEL_NODE_LIST || node->kind == CEL_NODE_MAP) return !node->count;
    if (node->kind == CEL_NODE_SELECT)
        return node->target->kind == CEL_NODE_IDENT ||
               (strcmp(node->target->kind == CEL_NODE_SELECT ? node->target->name : "", "metadata") == 0 &&
                node->optional_field);
    return node->kind == CEL_NODE_CALL && node->target && strcmp(node->name, "orValue") == 0 &&
           is_plain(node->target) && is_plain(node->args[0]);
}

static bool is_comparison(const struct cel_node *node) {
    return (cel_is_call(node, "_==_") || cel_is_call(node, "_!=_")) && !node->spelling && is_plain(node->args[0]) &&
           is_plain(node->args[1]);
}

struct facts {
    struct facts *outer;
    const struct cel_node *fact;
};

static bool is_same_pair(const struct cel_node *a, const struct cel_node *b) {
    return cel_same(a->args[0], b->args[0]) && cel_same(a->args[1], b->args[1]);
}

// The node where the facts hold.
static struct cel_node *known(struct arena *arena, struct cel_node *node, void *context) {
    struct facts *facts = context;
    if (node->spelling || node->kind == CEL_NODE_LITERAL) return node;
    if (is_comparison(node))
        for (const struct facts *known = facts; known; known = known->outer)
            if (is_same_pair(node, known->fact)) return cel_boolean(arena, strcmp(node->name, known->fact->name) == 0);
    if (node->kind != CEL_NODE_AND) return cel_change_children(arena, node, known, context);
    struct cel_node *result = cel_boolean(arena, true);
    for (size_t i = 0; i < node->count; i++) {
        struct cel_node *operand = known(arena, node->args[i], facts);
        result = cel_and(arena, result, operand);
        if (!is_comparison(operand)) continue;
        struct facts *more = ARENA_NEW(arena, struct facts);
        *more = (struct facts){facts, operand};
        facts = more;
    }
    return result;
}

struct cel_node *vap_assume(struct arena *arena, struct cel_node *node) {
    return known(arena, node, NULL);
}
