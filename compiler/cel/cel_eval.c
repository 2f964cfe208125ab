// The evaluator of CEL expressions, with the semantics of cel-go: errors are values that && and || may absorb.
#include <limits.h>
#include <string.h>

#include "base/arena.h"
#include "base/text.h"
#include "cel/cel.h"
#include "cel/cel_internal.h"
#include "data/value.h"

// The API server's limit of cost is what ends an evaluation; this is far above what fits in it, and only keeps one from
// running away where a unit of cost is much work.
enum { MAX_STEPS = 20000000 };

bool cel_spend(struct evaluation *e, size_t steps) {
    e->steps += steps;
    return e->steps <= MAX_STEPS && e->cost <= CEL_COST_LIMIT;
}

void cel_charge(struct evaluation *e, uint64_t cost) {
    e->cost = cost > UINT64_MAX - e->cost ? UINT64_MAX : e->cost + cost;
}

val cel_differs(void) {
    return val_error("API servers of different releases answer differently");
}

val cel_too_long(void) {
    return val_error("the evaluation takes too long");
}

// ---- operators and functions of any kind of value ----

val cel_call_lazily(struct evaluation *e, const struct cel_node *node, const val *args, size_t count) {
    (void)e, (void)node, (void)args, (void)count;
    return val_no_overload(); // evaluate_call knows them
}

val cel_call_not(struct evaluation *e, const struct cel_node *node, const val *args, size_t count) {
    (void)e, (void)node, (void)count;
    return args[0].kind == CEL_KIND_BOOL ? val_of_bool(!args[0].as.boolean) : val_no_overload();
}

val cel_call_negate(struct evaluation *e, const struct cel_node *node, const val *args, size_t count) {
    (void)e, (void)node, (void)count;
    return val_negate(args[0]);
}

val cel_call_equal(struct evaluation *e, const struct cel_node *node, const val *args, size_t count) {
    for (size_t i = 0; i < count; i++) {
        const val *inner = args[i].kind == CEL_KIND_OPTIONAL ? args[i].as.inner : NULL;
        if (inner && inner->kind == CEL_KIND_ERROR) return *inner;
    }
    const bool equal = val_equal(e, args[0], args[1]);
    if (node->function == CEL_FN_NOT_EQUAL) return val_of_bool(!equal);
    return val_have_no_equality(args[0], args[1]) ? val_no_overload() : val_of_bool(equal);
}

val cel_call_order(struct evaluation *e, const struct cel_node *node, const val *args, size_t count) {
    (void)e, (void)count;
    return val_ordered(node->function, args[0], args[1]);
}

val cel_call_arithmetic(struct evaluation *e, const struct cel_node *node, const val *args, size_t count) {
    (void)count;
    return val_arithmetic(e, node->function, args[0], args[1]);
}

val cel_call_in(struct evaluation *e, const struct cel_node *node, const val *args, size_t count) {
    (void)node, (void)count;
    const val item = args[0], container = args[1];
    val found;
    if (container.kind == CEL_KIND_MAP) return val_of_bool(val_map_find(e, container, item, &found));
    if (container.kind != CEL_KIND_LIST) return val_no_overload();
    for (size_t i = 0, items = val_list_count(container); i < items; i++)
        if (val_equal(e, val_list_item(container, i), item)) return val_of_bool(true);
    return val_of_bool(false);
}

val cel_call_size(struct evaluation *e, const struct cel_node *node, const val *args, size_t count) {
    (void)e, (void)node, (void)count;
    const val v = args[0];
    if (v.kind == CEL_KIND_STRING) return val_of_int((int64_t)utf8_length(v.as.string.bytes, v.as.string.len));
    if (v.kind == CEL_KIND_BYTES) return val_of_int((int64_t)v.as.string.len);
    if (v.kind == CEL_KIND_LIST) return val_of_int((int64_t)val_list_count(v));
    if (v.kind == CEL_KIND_MAP) return val_of_int((int64_t)val_map_count(v));
    return val_no_overload();
}

val cel_call_type(struct evaluation *e, const struct cel_node *node, const val *args, size_t count) {
    (void)e, (void)node, (void)count;
    return (val){.kind = CEL_KIND_TYPE, .as.type = args[0].kind};
}

val cel_call_convert(struct evaluation *e, const struct cel_node *node, const val *args, size_t count) {
    (void)count;
    return val_convert(e, node->function, args[0]);
}

// ---- nodes ----

static cel_implementation *const implementations[] = {
#define FUNCTION(function, name, since, implementation, cost) implementation,
#define OVERLOAD(function, style, signature)
#include "cel/cel_functions.def"
#undef FUNCTION
#undef OVERLOAD
};

enum { MAX_ARGUMENTS = 4 }; // of any overload

static val evaluate_conditional(struct evaluation *e, const struct cel_node *node) {
    const val condition = cel_evaluate_node(e, node->args[0]);
    if (condition.kind == CEL_KIND_ERROR) return condition;
    if (condition.kind != CEL_KIND_BOOL) return val_no_overload();
    return cel_evaluate_part(e, node->args[condition.as.boolean ? 1 : 2]);
}

// or() and orValue() look at their argument only if there is no value.
static val evaluate_alternative(struct evaluation *e, const struct cel_node *node) {
    enum { NEEDS_OPTIONAL_SINCE = 37 }; // before, cel-go gave back what is none
    const val first = cel_evaluate_node(e, node->target);
    if (first.kind == CEL_KIND_ERROR) return first;
    if (first.kind != CEL_KIND_OPTIONAL) return e->minor < NEEDS_OPTIONAL_SINCE ? cel_differs() : val_no_overload();
    if (!first.as.inner) return cel_evaluate_node(e, node->args[0]);
    return node->function == CEL_FN_OR ? first : *first.as.inner;
}

// cel-go evaluates one or two arguments before it looks at them, and charges for the call. Of functions with more, and
// of those that it binds or compiles in the same way, it takes the first error, as where it looks for the overload when
// it evaluates; operators are bound once for all of theirs.
static bool stops_at_errors(const struct cel_node *node, size_t count) {
    const bool is_operator = *node->name == '_';
    return count > 2 || node->function == CEL_FN_FORMAT || node->regex || (!node->overload && !is_operator);
}

static bool is_primitive(enum cel_kind kind) {
    return kind == CEL_KIND_BOOL || kind == CEL_KIND_INT || kind == CEL_KIND_UINT || kind == CEL_KIND_DOUBLE ||
           kind == CEL_KIND_STRING;
}

// The API server makes a set of the list when it compiles; to look into it costs nothing.
static bool is_search_in_constants(const struct cel_node *node) {
    if (node->function != CEL_FN_IN || !node->overload || !node->args[1]->is_constant) return false;
    const struct cel_node *list = node->args[1];
    if (list->kind != CEL_NODE_LIST) return false;
    for (size_t i = 0; i < list->count; i++)
        if (list->args[i]->kind != CEL_NODE_LITERAL || !is_primitive(list->args[i]->literal.kind)) return false;
    return true;
}

static val evaluate_call(struct evaluation *e, const struct cel_node *node) {
    if (node->function == CEL_FN_CONDITIONAL) return evaluate_conditional(e, node);
    if (node->function == CEL_FN_OR || node->function == CEL_FN_OR_VALUE) return evaluate_alternative(e, node);
    if (node->function == CEL_FN_INDEX || node->function == CEL_FN_OPTIONAL_INDEX) return cel_access(e, node);
    // cel-go compiles this to false, whatever is on the left.
    if (node->function == CEL_FN_IN && node->args[1]->kind == CEL_NODE_LIST && !node->args[1]->count)
        return val_of_bool(false);
    val args[MAX_ARGUMENTS];
    const size_t count = node->count + (node->target ? 1 : 0);
    size_t failed = count;
    for (size_t i = count; i-- > 0;) args[i] = val_error("");
    for (size_t i = 0; i < count; i++) {
        args[i] = cel_evaluate_node(e, !node->target ? node->args[i] : i ? node->args[i - 1] : node->target);
        if (args[i].kind != CEL_KIND_ERROR || failed < count) continue;
        failed = i;
        if (i + 1 < count && stops_at_errors(node, count)) return args[i];
    }
    const val result = failed < count ? args[failed] : implementations[node->function](e, node, args, count);
    if (!is_search_in_constants(node)) cel_charge(e, cel_call_cost(e, node, args, count, result));
    return result;
}

// One decisive operand decides, errors before and behind it do not count.
static val evaluate_chain(struct evaluation *e, const struct cel_node *node) {
    const bool decisive = node->kind == CEL_NODE_OR;
    val result = val_of_bool(!decisive);
    for (size_t i = 0; i < node->count; i++) {
        const val operand = cel_evaluate_node(e, node->args[i]);
        if (operand.kind == CEL_KIND_BOOL && operand.as.boolean == decisive) return operand;
        if (operand.kind == CEL_KIND_BOOL || result.kind == CEL_KIND_ERROR) continue;
        result = operand.kind == CEL_KIND_ERROR ? operand : val_no_overload();
    }
    return result;
}

// False when an optional item is without a value; errors are there.
static bool evaluate_item(struct evaluation *e, const struct cel_node *node, val *ret_item) {
    *ret_item = cel_evaluate_node(e, node);
    if (!node->optional_item || ret_item->kind == CEL_KIND_ERROR) return true;
    if (ret_item->kind != CEL_KIND_OPTIONAL)
        *ret_item = val_error("cannot initialize an optional item from a value that is not an optional");
    else if (!ret_item->as.inner)
        return false;
    else
        *ret_item = *ret_item->as.inner;
    return true;
}

enum { LIST_COST = 10, MAP_COST = 30 }; // whatever is in them

static val evaluate_list(struct evaluation *e, const struct cel_node *node) {
    val list = {.kind = CEL_KIND_LIST};
    for (size_t i = 0; i < node->count && list.kind == CEL_KIND_LIST; i++) {
        val item;
        if (!evaluate_item(e, node->args[i], &item)) continue;
        if (item.kind == CEL_KIND_ERROR)
            list = item;
        else
            val_push(e, &list, item);
    }
    cel_charge(e, LIST_COST);
    return list;
}

static val evaluate_entries(struct evaluation *e, const struct cel_node *node) {
    val map = {.kind = CEL_KIND_MAP};
    for (size_t i = 0; i < node->count; i += 2) {
        const val key = cel_evaluate_node(e, node->args[i]);
        if (key.kind == CEL_KIND_ERROR) return key;
        if (key.kind == CEL_KIND_BYTES) return val_error("bytes cannot be the key of a map");
        val value;
        if (!evaluate_item(e, node->args[i + 1], &value))
            val_remove(e, &map, key);
        else if (value.kind == CEL_KIND_ERROR)
            return value;
        else
            val_set(e, &map, key, value);
    }
    return map;
}

static val evaluate_map(struct evaluation *e, const struct cel_node *node) {
    const val map = evaluate_entries(e, node);
    cel_charge(e, MAP_COST);
    return map;
}

static val read_variable(struct evaluation *e, const struct cel_node *node, const struct frame *frame) {
    if (node->is_second) return frame->second;
    if (frame->unread_cost) {
        cel_charge(e, *frame->unread_cost);
        *frame->unread_cost = 0;
    }
    return frame->first;
}

static val evaluate_ident(struct evaluation *e, const struct cel_node *node) {
    if (node->is_type) return node->literal;
    for (const struct frame *frame = e->frame; frame; frame = frame->outer)
        if (frame->binder == node->binder) return read_variable(e, node, frame);
    switch (node->global) {
    case CEL_OBJECT: return val_of_data(e->env->object);
    case CEL_OLD_OBJECT: return val_of_data(e->env->old_object);
    case CEL_REQUEST: return val_of_data(e->env->request);
    case CEL_NAMESPACE_OBJECT: return val_of_data(e->env->namespace_object);
    case CEL_PARAMS: return val_of_data(e->env->params);
    case CEL_AUTHORIZER_VARIABLE: return cel_authorizer_value(e);
    case CEL_VARIABLES: break;
    }
    return val_error("no such variable");
}

static val evaluate(struct evaluation *e, const struct cel_node *node) {
    switch (node->kind) {
    case CEL_NODE_LITERAL: return node->literal;
    case CEL_NODE_IDENT: return evaluate_ident(e, node);
    case CEL_NODE_SELECT: return node->definition ? cel_definition_value(e, node) : cel_access(e, node);
    case CEL_NODE_HAS: return cel_has_field(e, node);
    case CEL_NODE_CALL: return evaluate_call(e, node);
    case CEL_NODE_AND:
    case CEL_NODE_OR: return evaluate_chain(e, node);
    case CEL_NODE_LIST: return evaluate_list(e, node);
    case CEL_NODE_MAP: return evaluate_map(e, node);
    case CEL_NODE_MACRO: return cel_fold(e, node);
    }
    return val_no_overload();
}

// Recursion is bounded by the depth of the tree, which the builders limit.
val cel_evaluate_part(struct evaluation *e, const struct cel_node *node) {
    if (!cel_spend(e, 1)) return cel_too_long();
    const uint64_t before = e->cost;
    const val v = evaluate(e, node);
    if (node->is_constant) e->cost = before;
    return v;
}

val cel_evaluate_node(struct evaluation *e, const struct cel_node *node) {
    const val v = cel_evaluate_part(e, node);
    cel_charge_attribute(e, node);
    return v;
}

val cel_evaluate_whole(struct evaluation *e, const struct cel_node *root) {
    const uint64_t outer = e->cost;
    e->cost = 0;
    val result = cel_evaluate_node(e, root);
    if (e->cost > CEL_COST_LIMIT) result = val_error("operation cancelled: actual cost limit exceeded");
    if (e->steps > MAX_STEPS) result = cel_too_long();
    e->whole_cost = e->cost;
    if (e->cost > e->dearest_cost) e->dearest_cost = e->cost;
    e->cost = outer;
    return result;
}

static val evaluate_root(const struct cel_expr *expr, const struct cel_env *env, struct arena *scratch) {
    struct evaluation e = {.env = env, .arena = scratch, .minor = expr->minor, .newest = env->newest};
    if (!e.newest) e.newest = UINT_MAX;
    const val result = cel_evaluate_whole(&e, expr->root);
    if (env->cost) {
        env->cost->expression += e.whole_cost;
        env->cost->definitions += e.definitions_cost;
        if (e.dearest_cost > env->cost->dearest) env->cost->dearest = e.dearest_cost;
    }
    return result;
}

enum cel_result cel_evaluate(const struct cel_expr *expr, const struct cel_env *env, struct arena *scratch,
                             const char **ret_error) {
    const val result = evaluate_root(expr, env, scratch);
    if (result.kind == CEL_KIND_BOOL) return result.as.boolean ? CEL_TRUE : CEL_FALSE;
    *ret_error = result.kind == CEL_KIND_ERROR ? result.as.error : "the expression is not a bool";
    return CEL_ERROR;
}

bool cel_evaluate_string(const struct cel_expr *expr, const struct cel_env *env, struct arena *scratch,
                         const char **ret_string, const char **ret_error) {
    const val result = evaluate_root(expr, env, scratch);
    if (result.kind == CEL_KIND_STRING)
        *ret_string = arena_copy(scratch, result.as.string.bytes, result.as.string.len);
    else if (result.kind == CEL_KIND_NULL)
        *ret_string = NULL;
    else
        *ret_error = result.kind == CEL_KIND_ERROR ? result.as.error : "the expression is not a string";
    return result.kind == CEL_KIND_STRING || result.kind == CEL_KIND_NULL;
}
