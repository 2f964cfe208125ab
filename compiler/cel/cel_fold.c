// The macros of CEL expressions: a loop each, or a variable for what an optional holds.
#include "base/arena.h"
#include "cel/cel_internal.h"

static val problem_of(val condition) {
    return condition.kind == CEL_KIND_ERROR ? condition : val_no_overload();
}

// What the macro has gathered so far. Each of the functions for one round says true when the rest does not matter.
struct fold {
    val result, keys;
    int64_t matched;
};

static bool quantify(struct evaluation *e, const struct cel_node *node, struct fold *fold) {
    const val holds = cel_evaluate_node(e, node->args[0]);
    const bool is_bool = holds.kind == CEL_KIND_BOOL;
    if (node->macro == CEL_MACRO_EXISTS_ONE) {
        fold->matched += is_bool && holds.as.boolean;
        fold->result = is_bool ? val_of_bool(fold->matched == 1) : problem_of(holds);
        return !is_bool;
    }
    if (is_bool && holds.as.boolean == (node->macro == CEL_MACRO_EXISTS)) {
        fold->result = holds;
        return true;
    }
    if (!is_bool && fold->result.kind != CEL_KIND_ERROR) fold->result = problem_of(holds);
    return false;
}

static val insert(struct evaluation *e, val *map, val key, val value) {
    val found;
    if (!cel_spend(e, 1)) return cel_too_long();
    if (val_map_find(e, *map, key, &found)) return val_error("insert failed: the key already exists");
    val_push(e, map, key);
    val_push(e, map, value);
    return *map;
}

static val insert_all(struct evaluation *e, val *map, val entries) {
    if (entries.kind != CEL_KIND_MAP) return val_no_overload();
    for (size_t i = 0, count = val_map_count(entries); i < count; i++) {
        const val inserted = insert(e, map, val_map_key(entries, i), val_map_value(entries, i));
        if (inserted.kind == CEL_KIND_ERROR) return inserted;
    }
    return *map;
}

static val add(struct evaluation *e, const struct cel_node *node, val made, const struct frame *frame,
               struct fold *fold) {
    if (made.kind == CEL_KIND_ERROR) return made;
    switch ((int)node->macro) {
    case CEL_MACRO_TRANSFORM_MAP: return insert(e, &fold->result, frame->first, made);
    case CEL_MACRO_TRANSFORM_ENTRY: return insert_all(e, &fold->result, made);
    case CEL_MACRO_SORT_BY: val_push(e, &fold->keys, made); return fold->keys;
    default: val_push(e, &fold->result, made); return fold->result;
    }
}

static bool collect(struct evaluation *e, const struct cel_node *node, const struct frame *frame, struct fold *fold) {
    const bool is_filter = node->macro == CEL_MACRO_FILTER;
    if (is_filter || node->count == 2) {
        const val wanted = cel_evaluate_node(e, node->args[0]);
        if (wanted.kind != CEL_KIND_BOOL) fold->result = problem_of(wanted);
        if (wanted.kind != CEL_KIND_BOOL) return true;
        if (!wanted.as.boolean) return false;
    }
    const val made = is_filter ? frame->first : cel_evaluate_node(e, node->args[node->count - 1]);
    const val added = add(e, node, made, frame, fold);
    if (added.kind == CEL_KIND_ERROR) fold->result = added;
    return added.kind == CEL_KIND_ERROR;
}

static bool is_quantifier(enum cel_macro macro) {
    return macro == CEL_MACRO_ALL || macro == CEL_MACRO_EXISTS || macro == CEL_MACRO_EXISTS_ONE;
}

static val start_of(enum cel_macro macro) {
    if (is_quantifier(macro)) return val_of_bool(macro == CEL_MACRO_ALL);
    const bool is_map = macro == CEL_MACRO_TRANSFORM_MAP || macro == CEL_MACRO_TRANSFORM_ENTRY;
    return (val){.kind = is_map ? CEL_KIND_MAP : CEL_KIND_LIST};
}

// One variable is an item or a key, two are index and item or key and value.
static void bind_round(const struct cel_node *node, val range, size_t i, struct frame *frame) {
    if (range.kind == CEL_KIND_MAP) {
        frame->first = val_map_key(range, i);
        frame->second = val_map_value(range, i);
        return;
    }
    frame->second = val_list_item(range, i);
    frame->first = node->second_variable ? val_of_int((int64_t)i) : frame->second;
}

static val loop(struct evaluation *e, const struct cel_node *node, val range) {
    if (range.kind != CEL_KIND_LIST && range.kind != CEL_KIND_MAP) return val_no_overload();
    if (node->macro == CEL_MACRO_SORT_BY && range.kind == CEL_KIND_MAP) return val_no_overload();
    struct fold fold = {.result = start_of(node->macro), .keys = {.kind = CEL_KIND_LIST}};
    struct frame frame = {.binder = node, .outer = e->frame};
    e->frame = &frame;
    const size_t count = range.kind == CEL_KIND_LIST ? val_list_count(range) : val_map_count(range);
    for (size_t i = 0; i < count; i++) {
        bind_round(node, range, i, &frame);
        if (is_quantifier(node->macro) ? quantify(e, node, &fold) : collect(e, node, &frame, &fold)) break;
    }
    e->frame = frame.outer;
    if (node->macro != CEL_MACRO_SORT_BY || fold.result.kind == CEL_KIND_ERROR) return fold.result;
    return cel_sort(e, range, fold.keys);
}

static val map_optional(struct evaluation *e, const struct cel_node *node, val optional) {
    if (optional.kind != CEL_KIND_OPTIONAL) return val_no_overload();
    if (!optional.as.inner) return optional;
    const struct frame frame = {.binder = node, .first = *optional.as.inner, .outer = e->frame};
    e->frame = &frame;
    const val made = cel_evaluate_node(e, node->args[0]);
    e->frame = frame.outer;
    return made.kind == CEL_KIND_ERROR || node->macro == CEL_MACRO_OPT_FLAT_MAP ? made : val_some(e, made);
}

val cel_fold(struct evaluation *e, const struct cel_node *node) {
    const val range = cel_evaluate_node(e, node->target);
    if (range.kind == CEL_KIND_ERROR) return range;
    const bool is_optional = node->macro == CEL_MACRO_OPT_MAP || node->macro == CEL_MACRO_OPT_FLAT_MAP;
    return is_optional ? map_optional(e, node, range) : loop(e, node, range);
}
