// Simplifies and inlines; see cel_rewrite.h.
#include "cel/cel_rewrite.h"

#include <string.h>

#include "base/arena.h"
#include "base/map.h"
#include "cel/cel_build.h"
#include "cel/cel_tree.h"
#include "data/regex.h"

struct cel_node *cel_change_children(struct arena *arena, struct cel_node *node, cel_change *change, void *context) {
    if (cel_is_plain(node)) return node;
    struct cel_node *target = node->target ? change(arena, node->target, context) : NULL, **args = NULL;
    for (size_t i = 0; i < node->count; i++) {
        struct cel_node *arg = change(arena, node->args[i], context);
        if (arg == node->args[i]) continue;
        if (!args) {
            args = ARENA_ARRAY(arena, struct cel_node *, node->count);
            memcpy(args, node->args, node->count * sizeof *args);
        }
        args[i] = arg;
    }
    if (!args && target == node->target) return node;
    struct cel_node *copy = cel_copy(arena, node);
    copy->target = target;
    if (args) copy->args = args;
    copy->spelling = NULL;
    return copy;
}

// ---- simpler ----

static struct cel_node *simpler(struct arena *arena, struct cel_node *node, void *context);

// A chain that is made, of what may be thousands of operands: where they are many, they are found by their hashes, and
// one more does not copy the others.
struct making {
    struct arena *arena;
    enum cel_node_kind kind;
    const struct cel_node *own; // the chain that nobody else has yet, whose operands are an array to push to
    struct said {
        size_t hash, operand; // from 1; 0 for a free slot
    } * slots;
    size_t capacity, known; // so many operands stand there
};

enum { FEW = 8 };

static struct said *slot_of(struct said *slots, size_t capacity, size_t hash) {
    size_t i = hash & (capacity - 1);
    while (slots[i].operand && slots[i].hash != hash) i = (i + 1) & (capacity - 1);
    return &slots[i];
}

// Of two operands with one hash, the earlier one is not found any more: what repeats it stays.
static void note_operand(struct making *making, const struct cel_node *chain) {
    if (2 * making->known >= making->capacity) {
        const size_t capacity = making->capacity ? 2 * making->capacity : 64;
        struct said *slots = ARENA_ARRAY(making->arena, struct said, capacity);
        for (size_t i = 0; i < making->capacity; i++)
            if (making->slots[i].operand) *slot_of(slots, capacity, making->slots[i].hash) = making->slots[i];
        making->slots = slots;
        making->capacity = capacity;
    }
    const size_t hash = cel_hash(chain->args[making->known]);
    struct said *slot = slot_of(making->slots, making->capacity, hash);
    *slot = (struct said){hash, ++making->known};
}

static bool is_noted(struct making *making, const struct cel_node *chain, const struct cel_node *operand) {
    while (making->known < chain->count) note_operand(making, chain);
    const size_t found = slot_of(making->slots, making->capacity, cel_hash(operand))->operand;
    return found && cel_same(chain->args[found - 1], operand);
}

// Whether the operand is said already, in a chain of the kind or alone.
static bool is_said(struct making *making, const struct cel_node *result, const struct cel_node *operand) {
    if (result->kind != making->kind) return cel_same(result, operand);
    if (result->count > FEW) return is_noted(making, result, operand);
    for (size_t i = 0; i < result->count; i++)
        if (cel_same(result->args[i], operand)) return true;
    return false;
}

static bool is_bare_chain(const struct cel_node *node, enum cel_node_kind kind) {
    return node->kind == kind && !node->spelling && !node->in_parentheses;
}

// The chain as one that nobody else has.
static struct cel_node *owned(struct making *making, struct cel_node *chain) {
    if (making->own == chain) return chain;
    struct cel_node *copy = cel_copy(making->arena, chain);
    copy->args = NULL;
    copy->count = 0;
    for (size_t i = 0; i < chain->count; i++) ARENA_PUSH(making->arena, copy->args, copy->count, chain->args[i]);
    making->own = copy;
    return copy;
}

static struct cel_node *with_one_more(struct making *making, struct cel_node *result, struct cel_node *operand) {
    const bool folds = operand->kind == making->kind || operand->kind == CEL_NODE_LITERAL;
    if (folds || !is_bare_chain(result, making->kind)) {
        struct cel_node *made = making->kind == CEL_NODE_AND ? cel_and(making->arena, result, operand)
                                                             : cel_or(making->arena, result, operand);
        if (made != result && made != operand && made->count == 2) making->own = made; // room for two is an array
        return made;
    }
    result = owned(making, result);
    ARENA_PUSH(making->arena, result->args, result->count, operand);
    return result;
}

static bool is_chain(const struct cel_node *node) {
    return (node->kind == CEL_NODE_AND || node->kind == CEL_NODE_OR) && !node->spelling;
}

// The chain of so many operands that are the first ones of the chain.
static struct cel_node *first_of(struct arena *arena, struct cel_node *chain, size_t count) {
    if (count < 2) return count ? chain->args[0] : cel_boolean(arena, chain->kind == CEL_NODE_AND);
    struct cel_node *first = cel_copy(arena, chain);
    first->in_parentheses = false;
    first->count = count;
    return first;
}

// The operand where those before it are known not to decide: what it repeats of them, within chains, is what leaves the
// decision open. It stands there as it is, not negated, so that an error is one in both places.
static struct cel_node *without_said(struct making *making, struct cel_node *operand, const struct cel_node *result) {
    struct arena *arena = making->arena;
    if (is_said(making, result, operand)) return cel_boolean(arena, making->kind == CEL_NODE_AND);
    if (!is_chain(operand)) return operand;
    struct making shorter = {.arena = arena, .kind = operand->kind};
    struct cel_node *made = NULL;
    for (size_t i = 0; i < operand->count; i++) {
        struct cel_node *part = without_said(making, operand->args[i], result);
        if (!made && part == operand->args[i]) continue; // as most do
        if (!made) made = first_of(arena, operand, i);
        made = with_one_more(&shorter, made, part);
    }
    return made ? made : operand;
}

static bool is_text(const struct cel_node *node) {
    return cel_is_text(node) && !node->optional_item;
}

// The texts one of which the operand says that its subject is; none if it says something else.
static size_t texts_of(const struct cel_node *operand, struct cel_node *const **ret_texts) {
    if (operand->spelling) return 0;
    const bool is_equal = cel_is_call(operand, "_==_") && is_text(operand->args[1]);
    *ret_texts = is_equal ? &operand->args[1] : NULL;
    if (is_equal) return 1;
    if (!cel_is_call(operand, "_in_") || operand->args[1]->kind != CEL_NODE_LIST || operand->args[1]->spelling)
        return 0;
    const struct cel_node *list = operand->args[1];
    for (size_t i = 0; i < list->count; i++)
        if (!is_text(list->args[i])) return 0;
    *ret_texts = list->args;
    return list->count;
}

// That the subject is one of the texts of both; NULL where they have no subject in common.
static struct cel_node *either_text(struct arena *arena, const struct cel_node *one, const struct cel_node *other) {
    struct cel_node *const *first, *const *second;
    const size_t first_count = texts_of(one, &first), second_count = texts_of(other, &second);
    if (!first_count || !second_count || !cel_same(one->args[0], other->args[0])) return NULL;
    struct cel_node **texts = ARENA_ARRAY(arena, struct cel_node *, first_count + second_count);
    size_t count = 0;
    while (count < first_count) {
        texts[count] = first[count];
        count++;
    }
    for (size_t i = 0; i < second_count; i++) {
        bool known = false;
        for (size_t k = 0; k < count && !known; k++) known = cel_same(texts[k], second[i]);
        if (!known) texts[count++] = second[i];
    }
    return cel_in(arena, one->args[0], cel_list(arena, texts, count));
}

// The disjunction with one more operand, which the last one may take in.
static struct cel_node *with_operand(struct making *making, struct cel_node *result, struct cel_node *operand) {
    const bool is_chain_of_or = result->kind == CEL_NODE_OR && !result->spelling;
    struct cel_node *merged =
        either_text(making->arena, is_chain_of_or ? result->args[result->count - 1] : result, operand);
    if (!merged) return with_one_more(making, result, operand);
    if (!is_chain_of_or) return merged;
    result = owned(making, result);
    result->args[result->count - 1] = merged;
    if (making->known == result->count) making->known--; // it is another one now
    return result;
}

// The operands of a chain within the chain are its own.
static struct cel_node *add_simpler(struct making *making, struct cel_node *result, const struct cel_node *node) {
    for (size_t i = 0; i < node->count; i++) {
        struct cel_node *operand = without_said(making, simpler(making->arena, node->args[i], NULL), result);
        if (operand->kind == making->kind && !operand->spelling)
            result = add_simpler(making, result, operand);
        else if (!is_said(making, result, operand))
            result = making->kind == CEL_NODE_AND ? with_one_more(making, result, operand)
                                                  : with_operand(making, result, operand);
    }
    return result;
}

static struct cel_node *simpler_chain(struct arena *arena, const struct cel_node *node) {
    struct making making = {.arena = arena, .kind = node->kind};
    return add_simpler(&making, cel_boolean(arena, node->kind == CEL_NODE_AND), node);
}

static struct cel_node *simpler_not(struct arena *arena, struct cel_node *node) {
    struct cel_node *operand = node->args[0];
    if (cel_is_call(operand, "!_") && !operand->spelling) return operand->args[0];
    if (cel_is_call(operand, "_==_") && !operand->spelling) return cel_ne(arena, operand->args[0], operand->args[1]);
    if (cel_is_call(operand, "_!=_") && !operand->spelling) return cel_eq(arena, operand->args[0], operand->args[1]);
    if (cel_is_bool(operand, true) || cel_is_bool(operand, false)) return cel_not(arena, operand);
    return node;
}

static struct cel_node *simpler_conditional(struct cel_node *node) {
    struct cel_node *condition = node->args[0], *yes = node->args[1], *no = node->args[2];
    if (cel_is_bool(condition, true)) return yes;
    if (cel_is_bool(condition, false)) return no;
    return cel_is_bool(yes, true) && cel_is_bool(no, false) ? condition : node;
}

static bool is_empty(const struct cel_node *node) {
    return (node->kind == CEL_NODE_MAP || node->kind == CEL_NODE_LIST) && !node->count && !node->spelling;
}

// {}[?key].orValue(other). What an empty map has is of every type, and the API server's checker takes the first that an
// operator knows.
static bool is_of_nothing(const struct cel_node *node) {
    return node->target && strcmp(node->name, "orValue") == 0 && cel_is_call(node->target, "_[?_]") &&
           is_empty(node->target->args[0]);
}

// What is under a key of a map that may not be there.
static struct cel_node *simpler_index(struct arena *arena, struct cel_node *node) {
    struct cel_node *map = node->args[0];
    const bool is_or_empty = map->kind == CEL_NODE_CALL && map->target && strcmp(map->name, "orValue") == 0 &&
                             map->args[0]->kind == CEL_NODE_MAP && !map->args[0]->count && !map->spelling;
    if (!is_or_empty) return node;
    struct cel_node *copy = cel_copy(arena, node);
    copy->args = ARENA_ARRAY(arena, struct cel_node *, 2);
    copy->args[0] = map->target;
    copy->args[1] = node->args[1];
    return copy;
}

// API servers work out what is asked of constants when they compile it, and refuse what fails then: int('') behind a
// pattern that it does not match. So what is asked of two texts is answered here.
static bool answer_of_texts(struct arena *arena, const struct cel_node *node, bool *ret_answer) {
    const bool equal = cel_is_call(node, "_==_"), differ = cel_is_call(node, "_!=_");
    if ((equal || differ) && is_text(node->args[0]) && is_text(node->args[1])) {
        *ret_answer = cel_same(node->args[0], node->args[1]) == equal;
        return true;
    }
    const bool matches = node->target && node->count == 1 && strcmp(node->name, "matches") == 0;
    if (!matches || !is_text(node->target) || !is_text(node->args[0])) return false;
    const struct cel_string text = node->target->literal.as.string, pattern = node->args[0]->literal.as.string;
    const char *error = NULL;
    size_t offset = 0;
    const struct regex *regex = regex_compile(arena, arena_copy(arena, pattern.bytes, pattern.len), &error, &offset);
    if (!regex) return false;
    *ret_answer = regex_match(regex, text.bytes, text.len, arena);
    return true;
}

static struct cel_node *simpler_call(struct arena *arena, struct cel_node *node) {
    bool answer = false;
    if (answer_of_texts(arena, node, &answer)) return cel_boolean(arena, answer);
    if (cel_is_call(node, "_[?_]")) return simpler_index(arena, node);
    if (cel_is_call(node, "!_")) return simpler_not(arena, node);
    if (cel_is_call(node, "_?_:_")) return simpler_conditional(node);
    if (is_of_nothing(node)) return node->args[0];
    if (!cel_is_call(node, "_in_")) return node;
    const struct cel_node *list = node->args[1];
    if (is_empty(list) && node->args[0]->kind == CEL_NODE_LITERAL) return cel_boolean(arena, false);
    if (list->kind != CEL_NODE_LIST || list->count != 1 || list->args[0]->optional_item || list->spelling) return node;
    return cel_eq(arena, node->args[0], list->args[0]);
}

static struct cel_node *without_parentheses(struct arena *arena, struct cel_node *node) {
    if (!node->in_parentheses) return node;
    struct cel_node *copy = cel_copy(arena, node);
    copy->in_parentheses = false;
    return copy;
}

static struct cel_node *made_simpler(struct arena *arena, struct cel_node *node, void *context) {
    if (node->kind == CEL_NODE_AND || node->kind == CEL_NODE_OR) return simpler_chain(arena, node);
    struct cel_node *plain = without_parentheses(arena, cel_change_children(arena, node, simpler, context));
    if (plain->optional_item || plain->kind != CEL_NODE_CALL) return plain;
    return simpler_call(arena, plain);
}

static struct cel_node *simpler(struct arena *arena, struct cel_node *node, void *context) {
    if (node->spelling || node->is_simple) return node;
    struct cel_node *result = made_simpler(arena, node, context);
    result->is_simple = true;
    return result;
}

struct cel_node *cel_simplify(struct arena *arena, struct cel_node *node) {
    return simpler(arena, node, NULL);
}

// ---- inlined ----

// What an expression sees besides variables, and the names of types.
static bool is_given(const char *name) {
    static const char *const names[] = {"object", "oldObject",  "request",   "namespaceObject",
                                        "params", "authorizer", "variables", "bool",
                                        "bytes",  "double",     "int",       "list",
                                        "map",    "string",     "type",      "uint"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(names[i], name) == 0) return true;
    return false;
}

// Before the check, the variables of a macro are its first arguments.
static bool binds_given(const struct cel_node *node) {
    if (node->kind == CEL_NODE_CALL && node->target)
        for (size_t i = 0; i + 1 < node->count; i++)
            if (node->args[i]->kind == CEL_NODE_IDENT && is_given(node->args[i]->name)) return true;
    if (node->variable && is_given(node->variable)) return true;
    if (node->second_variable && is_given(node->second_variable)) return true;
    if (node->target && binds_given(node->target)) return true;
    for (size_t i = 0; i < node->count; i++)
        if (binds_given(node->args[i])) return true;
    return false;
}

static struct cel_node *value_of(const struct cel_node *node, const struct map *known) {
    const struct cel_node *target = node->target;
    if ((node->kind != CEL_NODE_SELECT && node->kind != CEL_NODE_HAS) || target->kind != CEL_NODE_IDENT ||
        strcmp(target->name, "variables") != 0)
        return NULL;
    return map_get(known, node->name);
}

// A variable is always there.
static bool asks_for_variable(const struct cel_node *node, const struct map *known) {
    if (node->kind == CEL_NODE_HAS) return value_of(node, known) != NULL;
    return cel_is_call(node, "has") && node->count == 1 && value_of(node->args[0], known);
}

static struct cel_node *inlined(struct arena *arena, struct cel_node *node, void *context) {
    const struct map *known = context;
    if (asks_for_variable(node, known)) return cel_boolean(arena, true);
    struct cel_node *value = value_of(node, known);
    if (!value) return cel_change_children(arena, node, inlined, context);
    if (!node->optional_item) return value;
    struct cel_node *item = ARENA_NEW(arena, struct cel_node);
    *item = *value;
    item->optional_item = true;
    return item;
}

struct cel_node *cel_inline(struct arena *arena, struct cel_node *node, const struct cel_inlined *variables,
                            size_t count) {
    struct map known;
    map_init(&known, arena);
    if (binds_given(node)) return NULL;
    for (size_t i = 0; i < count; i++) {
        if (binds_given(variables[i].expression)) return NULL;
        map_set(&known, variables[i].name, inlined(arena, variables[i].expression, &known));
    }
    return inlined(arena, node, &known);
}
