// The evaluator of CEL expressions, with the semantics of cel-go: errors are values that && and || may absorb.
#include <string.h>

#include "arena.h"
#include "celexpr.h"
#include "celexpr_parts.h"
#include "text.h"
#include "value.h"

// The API server stops an expression at a million units of cost; this is far above what fits in them, and only keeps an
// evaluation from running away.
enum { MAX_STEPS = 20000000 };

struct frame {
    const struct cel_node *binder;
    val value;
    const struct frame *outer;
};

bool cel_spend(struct evaluation *e, size_t steps) {
    e->steps += steps;
    return e->steps <= MAX_STEPS;
}

val cel_too_long(void) {
    return val_error("the evaluation takes too long");
}

// ---- access ----

static val no_such_key(struct evaluation *e, val key) {
    if (key.kind != CEL_KIND_STRING) return val_error("no such key");
    struct text text;
    text_init(&text, e->arena);
    text_add_string(&text, "no such key: ");
    text_add(&text, key.as.string.bytes, key.as.string.len);
    return val_error(text_string(&text));
}

static val index_into(struct evaluation *e, val container, val key) {
    if (container.kind == CEL_KIND_MAP) {
        val found;
        return val_map_find(e, container, key, &found) ? found : no_such_key(e, key);
    }
    if (container.kind != CEL_KIND_LIST) return val_no_overload();
    int64_t index = 0;
    if (!val_to_index(key, &index)) return val_error("unsupported index type");
    if (index < 0 || (uint64_t)index >= val_list_count(container)) return val_error("index out of bounds");
    return val_list_item(container, (size_t)index);
}

static val is_in(struct evaluation *e, val item, val container) {
    val found;
    if (container.kind == CEL_KIND_MAP) return val_of_bool(val_map_find(e, container, item, &found));
    if (container.kind != CEL_KIND_LIST) return val_no_overload();
    for (size_t i = 0, count = val_list_count(container); i < count; i++)
        if (val_equal(e, val_list_item(container, i), item)) return val_of_bool(true);
    return val_of_bool(false);
}

static val size_of(val v) {
    if (v.kind == CEL_KIND_STRING) return val_of_int((int64_t)utf8_length(v.as.string.bytes, v.as.string.len));
    if (v.kind == CEL_KIND_LIST) return val_of_int((int64_t)val_list_count(v));
    if (v.kind == CEL_KIND_MAP) return val_of_int((int64_t)val_map_count(v));
    return val_no_overload();
}

static val select_field(struct evaluation *e, val target, const char *name) {
    if (target.kind == CEL_KIND_ERROR) return target;
    const val key = val_of_string(name, strlen(name));
    val found;
    if (target.kind != CEL_KIND_MAP) return target.kind == CEL_KIND_LIST ? val_no_overload() : no_such_key(e, key);
    return val_map_find(e, target, key, &found) ? found : no_such_key(e, key);
}

static val has_field(struct evaluation *e, val target, const char *name) {
    val found;
    if (target.kind == CEL_KIND_ERROR) return target;
    if (target.kind == CEL_KIND_LIST) return val_no_overload();
    if (target.kind != CEL_KIND_MAP) return val_of_bool(false);
    return val_of_bool(val_map_find(e, target, val_of_string(name, strlen(name)), &found));
}

// ---- nodes ----

static val evaluate(struct evaluation *e, const struct cel_node *node);

enum { MAX_ARGUMENTS = 4 }; // of any overload

static val type_of(val v) {
    return (val){.kind = CEL_KIND_TYPE, .as.type = v.kind};
}

static val call(struct evaluation *e, const struct cel_node *node, const val *args, size_t count) {
    switch (node->function) {
    case CEL_FN_CONDITIONAL: break; // evaluated lazily
    case CEL_FN_NOT: return args[0].kind == CEL_KIND_BOOL ? val_of_bool(!args[0].as.boolean) : val_no_overload();
    case CEL_FN_NEGATE: return val_negate(args[0]);
    case CEL_FN_EQUAL: return val_of_bool(val_equal(e, args[0], args[1]));
    case CEL_FN_NOT_EQUAL: return val_of_bool(!val_equal(e, args[0], args[1]));
    case CEL_FN_LESS:
    case CEL_FN_LESS_EQUAL:
    case CEL_FN_GREATER:
    case CEL_FN_GREATER_EQUAL: return val_ordered(node->function, args[0], args[1]);
    case CEL_FN_ADD:
    case CEL_FN_SUBTRACT:
    case CEL_FN_MULTIPLY:
    case CEL_FN_DIVIDE:
    case CEL_FN_MODULO: return val_arithmetic(e, node->function, args[0], args[1]);
    case CEL_FN_IN: return is_in(e, args[0], args[1]);
    case CEL_FN_INDEX: return index_into(e, args[0], args[1]);
    case CEL_FN_SIZE: return size_of(args[0]);
    case CEL_FN_TYPE: return type_of(args[0]);
    case CEL_FN_DYN:
    case CEL_FN_BOOL:
    case CEL_FN_INT:
    case CEL_FN_UINT:
    case CEL_FN_DOUBLE:
    case CEL_FN_STRING: return val_convert(e, node->function, args[0]);
    case CEL_FN_CONTAINS:
    case CEL_FN_ENDS_WITH:
    case CEL_FN_STARTS_WITH:
    case CEL_FN_MATCHES:
    case CEL_FN_CHAR_AT:
    case CEL_FN_INDEX_OF:
    case CEL_FN_LAST_INDEX_OF:
    case CEL_FN_JOIN:
    case CEL_FN_LOWER_ASCII:
    case CEL_FN_UPPER_ASCII:
    case CEL_FN_REPLACE:
    case CEL_FN_SPLIT:
    case CEL_FN_SUBSTRING:
    case CEL_FN_TRIM:
    case CEL_FN_IS_SORTED:
    case CEL_FN_MIN:
    case CEL_FN_MAX:
    case CEL_FN_SUM:
        if (args[0].kind == CEL_KIND_STRING) return cel_call_string(e, node, args, count);
        return args[0].kind == CEL_KIND_LIST ? cel_call_list(e, node, args, count) : val_no_overload();
    case CEL_FN_COUNT: break;
    }
    return val_no_overload();
}

static val evaluate_conditional(struct evaluation *e, const struct cel_node *node) {
    const val condition = evaluate(e, node->args[0]);
    if (condition.kind == CEL_KIND_ERROR) return condition;
    if (condition.kind != CEL_KIND_BOOL) return val_no_overload();
    return evaluate(e, node->args[condition.as.boolean ? 1 : 2]);
}

static val evaluate_call(struct evaluation *e, const struct cel_node *node) {
    if (node->function == CEL_FN_CONDITIONAL) return evaluate_conditional(e, node);
    // cel-go compiles this to false, whatever is on the left.
    if (node->function == CEL_FN_IN && node->args[1]->kind == CEL_NODE_LIST && !node->args[1]->count)
        return val_of_bool(false);
    val args[MAX_ARGUMENTS];
    size_t count = 0;
    if (node->target) args[count++] = evaluate(e, node->target);
    for (size_t i = 0; i < node->count; i++) args[count++] = evaluate(e, node->args[i]);
    for (size_t i = 0; i < count; i++)
        if (args[i].kind == CEL_KIND_ERROR) return args[i];
    return call(e, node, args, count);
}

// One decisive operand decides, errors before and behind it do not count.
static val evaluate_chain(struct evaluation *e, const struct cel_node *node) {
    const bool decisive = node->kind == CEL_NODE_OR;
    val result = val_of_bool(!decisive);
    for (size_t i = 0; i < node->count; i++) {
        const val operand = evaluate(e, node->args[i]);
        if (operand.kind == CEL_KIND_BOOL && operand.as.boolean == decisive) return operand;
        if (operand.kind == CEL_KIND_BOOL || result.kind == CEL_KIND_ERROR) continue;
        result = operand.kind == CEL_KIND_ERROR ? operand : val_no_overload();
    }
    return result;
}

static val evaluate_list(struct evaluation *e, const struct cel_node *node) {
    val list = {.kind = CEL_KIND_LIST};
    for (size_t i = 0; i < node->count; i++) {
        const val item = evaluate(e, node->args[i]);
        if (item.kind == CEL_KIND_ERROR) return item;
        val_push(e, &list, item);
    }
    return list;
}

// A key that comes again replaces the value, unless it is a number of another kind.
static void set_entry(struct evaluation *e, val *map, val key, val value) {
    for (size_t i = 0; i < map->as.list.count; i += 2) {
        if (map->as.list.items[i].kind != key.kind || !val_equal(e, map->as.list.items[i], key)) continue;
        map->as.list.items[i + 1] = value;
        return;
    }
    val_push(e, map, key);
    val_push(e, map, value);
}

static val evaluate_map(struct evaluation *e, const struct cel_node *node) {
    val map = {.kind = CEL_KIND_MAP};
    for (size_t i = 0; i < node->count; i += 2) {
        const val key = evaluate(e, node->args[i]);
        if (key.kind == CEL_KIND_ERROR) return key;
        const val value = evaluate(e, node->args[i + 1]);
        if (value.kind == CEL_KIND_ERROR) return value;
        set_entry(e, &map, key, value);
    }
    return map;
}

// What the macro has gathered so far.
struct fold {
    val result;
    int64_t matched;
};

// Adds one item; true when the rest does not matter any more.
static bool fold_item(struct evaluation *e, const struct cel_node *node, val item, struct fold *fold) {
    const val first = evaluate(e, node->args[0]);
    const bool is_bool = first.kind == CEL_KIND_BOOL;
    const bool yes = is_bool && first.as.boolean;
    const val problem = first.kind == CEL_KIND_ERROR ? first : val_no_overload();
    switch (node->macro) {
    case CEL_MACRO_ALL:
    case CEL_MACRO_EXISTS:
        if (is_bool && yes == (node->macro == CEL_MACRO_EXISTS)) {
            fold->result = first;
            return true;
        }
        if (!is_bool && fold->result.kind != CEL_KIND_ERROR) fold->result = problem;
        return false;
    case CEL_MACRO_EXISTS_ONE:
        fold->matched += yes;
        fold->result = is_bool ? val_of_bool(fold->matched == 1) : problem;
        return !is_bool;
    case CEL_MACRO_FILTER:
        if (yes) val_push(e, &fold->result, item);
        if (!is_bool) fold->result = problem;
        return !is_bool;
    case CEL_MACRO_MAP: {
        if (node->count == 2 && is_bool && !yes) return false;
        const val made = node->count == 1 ? first : is_bool ? evaluate(e, node->args[1]) : problem;
        if (made.kind == CEL_KIND_ERROR)
            fold->result = made;
        else
            val_push(e, &fold->result, made);
        return made.kind == CEL_KIND_ERROR;
    }
    }
    return true;
}

static val evaluate_macro(struct evaluation *e, const struct cel_node *node) {
    const val range = evaluate(e, node->target);
    if (range.kind == CEL_KIND_ERROR) return range;
    if (range.kind != CEL_KIND_LIST && range.kind != CEL_KIND_MAP) return val_no_overload();
    const bool makes_list = node->macro == CEL_MACRO_MAP || node->macro == CEL_MACRO_FILTER;
    struct fold fold = {makes_list ? (val){.kind = CEL_KIND_LIST} : val_of_bool(node->macro == CEL_MACRO_ALL), 0};
    struct frame frame = {.binder = node, .outer = e->frame};
    e->frame = &frame;
    const size_t count = range.kind == CEL_KIND_LIST ? val_list_count(range) : val_map_count(range);
    for (size_t i = 0; i < count; i++) {
        frame.value = range.kind == CEL_KIND_LIST ? val_list_item(range, i) : val_map_key(range, i);
        if (fold_item(e, node, frame.value, &fold)) break;
    }
    e->frame = frame.outer;
    return fold.result;
}

static val evaluate_ident(const struct evaluation *e, const struct cel_node *node) {
    if (node->is_type) return node->literal;
    for (const struct frame *frame = e->frame; frame; frame = frame->outer)
        if (frame->binder == node->binder) return frame->value;
    switch (node->global) {
    case CEL_OBJECT: return val_of_data(e->env->object);
    case CEL_OLD_OBJECT: return val_of_data(e->env->old_object);
    case CEL_REQUEST: return val_of_data(e->env->request);
    case CEL_NAMESPACE_OBJECT: return val_of_data(e->env->namespace_object);
    case CEL_VARIABLES: break;
    }
    return val_error("no such variable");
}

// Recursion is bounded by the depth of the tree, which the builders limit.
static val evaluate(struct evaluation *e, const struct cel_node *node) {
    if (!cel_spend(e, 1)) return cel_too_long();
    switch (node->kind) {
    case CEL_NODE_LITERAL: return node->literal;
    case CEL_NODE_IDENT: return evaluate_ident(e, node);
    case CEL_NODE_SELECT: return select_field(e, evaluate(e, node->target), node->name);
    case CEL_NODE_HAS: return has_field(e, evaluate(e, node->target), node->name);
    case CEL_NODE_CALL: return evaluate_call(e, node);
    case CEL_NODE_AND:
    case CEL_NODE_OR: return evaluate_chain(e, node);
    case CEL_NODE_LIST: return evaluate_list(e, node);
    case CEL_NODE_MAP: return evaluate_map(e, node);
    case CEL_NODE_MACRO: return evaluate_macro(e, node);
    }
    return val_no_overload();
}

enum cel_result cel_evaluate(const struct cel_expr *expr, const struct cel_env *env, struct arena *scratch,
                             const char **ret_error) {
    struct evaluation e = {.env = env, .arena = scratch};
    const val result = evaluate(&e, expr->root);
    if (e.steps > MAX_STEPS) {
        *ret_error = cel_too_long().as.error;
        return CEL_ERROR;
    }
    if (result.kind == CEL_KIND_BOOL) return result.as.boolean ? CEL_TRUE : CEL_FALSE;
    *ret_error = result.kind == CEL_KIND_ERROR ? result.as.error : "the expression is not a bool";
    return CEL_ERROR;
}
