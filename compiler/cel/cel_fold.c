// The macros of CEL expressions: a loop each, or a variable for what an optional holds. Each costs what it costs
// cel-go, which writes them out as loops over an accumulator and goes on behind errors.
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

// The accumulator read, and one call.
enum { STEP_COST = 2 };

static void count_one(struct evaluation *e, const struct cel_node *node, struct fold *fold) {
    const val holds = cel_evaluate_node(e, node->args[0]);
    const bool matches = holds.kind == CEL_KIND_BOOL && holds.as.boolean;
    if (matches) cel_charge(e, STEP_COST);
    fold->matched += matches;
    if (holds.kind != CEL_KIND_BOOL)
        fold->result = problem_of(holds);
    else if (fold->result.kind != CEL_KIND_ERROR)
        fold->result = val_of_bool(fold->matched == 1);
}

static bool is_settled(const struct cel_node *node, const struct fold *fold) {
    return fold->result.kind == CEL_KIND_BOOL && fold->result.as.boolean == (node->macro == CEL_MACRO_EXISTS);
}

// all() and exists() ask first whether to go on, exists() by a negation.
static void charge_question(struct evaluation *e, const struct cel_node *node) {
    cel_charge(e, node->macro == CEL_MACRO_EXISTS ? STEP_COST + 1 : STEP_COST);
}

// True when this round settles it.
static bool quantify(struct evaluation *e, const struct cel_node *node, struct fold *fold) {
    charge_question(e, node);
    cel_charge(e, 1);
    const val holds = cel_evaluate_node(e, node->args[0]);
    const bool settles = holds.kind == CEL_KIND_BOOL && holds.as.boolean == (node->macro == CEL_MACRO_EXISTS);
    if (settles)
        fold->result = holds;
    else if (holds.kind != CEL_KIND_BOOL && fold->result.kind != CEL_KIND_ERROR && !is_settled(node, fold))
        fold->result = problem_of(holds);
    return settles;
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

// What is added to the accumulator, which may be an error already.
static val made_in_round(struct evaluation *e, const struct cel_node *node, const struct frame *frame,
                         bool has_failed) {
    enum { LIST_COST = 10, NAME_COST = 1 };
    const bool is_constant = node->args[node->count - 1]->is_constant; // so is a list of it
    val made = frame->first;
    cel_charge(e, NAME_COST);
    switch ((int)node->macro) {
    case CEL_MACRO_FILTER: cel_charge(e, LIST_COST + NAME_COST + 1); return made;
    case CEL_MACRO_TRANSFORM_MAP:
        if (has_failed) return made;
        cel_charge(e, NAME_COST);
        made = cel_evaluate_node(e, node->args[node->count - 1]);
        cel_charge(e, made.kind != CEL_KIND_ERROR);
        return made;
    case CEL_MACRO_TRANSFORM_ENTRY: cel_charge(e, 1); break;
    default: cel_charge(e, is_constant ? 1 : LIST_COST + 1); break;
    }
    return cel_evaluate_node(e, node->args[node->count - 1]);
}

static void collect(struct evaluation *e, const struct cel_node *node, const struct frame *frame, struct fold *fold) {
    if (node->macro == CEL_MACRO_FILTER || node->count == 2) {
        const val wanted = cel_evaluate_node(e, node->args[0]);
        if (wanted.kind != CEL_KIND_BOOL) fold->result = problem_of(wanted);
        if (wanted.kind != CEL_KIND_BOOL || !wanted.as.boolean) return;
    }
    const bool has_failed = fold->result.kind == CEL_KIND_ERROR;
    const val made = made_in_round(e, node, frame, has_failed);
    if (has_failed) return;
    const val added = add(e, node, made, frame, fold);
    if (added.kind == CEL_KIND_ERROR) fold->result = added;
}

static bool stops_early(enum cel_macro macro) {
    return macro == CEL_MACRO_ALL || macro == CEL_MACRO_EXISTS;
}

static val start_of(enum cel_macro macro) {
    if (stops_early(macro) || macro == CEL_MACRO_EXISTS_ONE) return val_of_bool(macro == CEL_MACRO_ALL);
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

static void quantify_list(struct evaluation *e, const struct cel_node *node, val range, struct frame *frame,
                          struct fold *fold) {
    for (size_t i = 0, count = val_list_count(range); i < count && cel_spend(e, 1); i++) {
        bind_round(node, range, i, frame);
        if (!quantify(e, node, fold)) continue;
        if (i + 1 < count) charge_question(e, node);
        return;
    }
}

// Servers go through maps in any order. What counts is the worst: the dearest entry that settles it comes last of those
// that are looked at.
static void quantify_map(struct evaluation *e, const struct cel_node *node, val range, struct frame *frame,
                         struct fold *fold) {
    uint64_t dearest = 0;
    size_t settling = 0;
    for (size_t i = 0, count = val_map_count(range); i < count && cel_spend(e, 1); i++) {
        bind_round(node, range, i, frame);
        const uint64_t before = e->cost;
        if (!quantify(e, node, fold)) continue;
        if (e->cost - before > dearest) dearest = e->cost - before;
        e->cost = before;
        settling++;
    }
    cel_charge(e, dearest);
    if (settling > 1) charge_question(e, node);
}

static void gather(struct evaluation *e, const struct cel_node *node, val range, struct frame *frame,
                   struct fold *fold) {
    const size_t count = range.kind == CEL_KIND_LIST ? val_list_count(range) : val_map_count(range);
    for (size_t i = 0; i < count && cel_spend(e, 1); i++) {
        bind_round(node, range, i, frame);
        if (node->macro == CEL_MACRO_EXISTS_ONE)
            count_one(e, node, fold);
        else
            collect(e, node, frame, fold);
    }
}

// cel-go gives the list a name, which it reads twice, maps it to keys and calls a function with both.
static val sorted(struct evaluation *e, const struct cel_node *node, val range, const struct fold *fold) {
    const bool has_failed = fold->result.kind == CEL_KIND_ERROR;
    const val result = has_failed                    ? fold->result
                       : range.kind == CEL_KIND_LIST ? cel_sort(e, range, fold->keys)
                                                     : val_no_overload();
    const struct cel_node call = {.function = CEL_FN_SORT_BY_KEYS, .overload = node->overload};
    const val args[] = {range, has_failed ? fold->result : fold->keys};
    cel_charge(e, 2 + cel_call_cost(e, &call, args, 2, result));
    return result;
}

static val loop(struct evaluation *e, const struct cel_node *node, val range) {
    struct fold fold = {.result = start_of(node->macro), .keys = {.kind = CEL_KIND_LIST}};
    if (range.kind != CEL_KIND_LIST && range.kind != CEL_KIND_MAP) {
        fold.result = range.kind == CEL_KIND_ERROR ? range : val_no_overload();
        return node->macro == CEL_MACRO_SORT_BY ? sorted(e, node, range, &fold) : fold.result;
    }
    struct frame frame = {.binder = node, .outer = e->frame};
    e->frame = &frame;
    if (!stops_early(node->macro))
        gather(e, node, range, &frame, &fold);
    else if (range.kind == CEL_KIND_LIST)
        quantify_list(e, node, range, &frame, &fold);
    else
        quantify_map(e, node, range, &frame, &fold);
    e->frame = frame.outer;
    cel_charge(e, node->macro == CEL_MACRO_EXISTS_ONE ? STEP_COST : 1); // the accumulator, compared with 1
    return node->macro == CEL_MACRO_SORT_BY ? sorted(e, node, range, &fold) : fold.result;
}

// cel-go asks whether there is a value, and writes the optional out a second time to give the value a name: that is
// evaluated when the name is first read, and before 1.32 in any case.
static val map_optional(struct evaluation *e, const struct cel_node *node, val optional, uint64_t cost) {
    enum { NAMED_LAZILY_SINCE = 32 };
    cel_charge(e, 1);
    if (optional.kind == CEL_KIND_ERROR) return optional;
    if (optional.kind != CEL_KIND_OPTIONAL) return val_no_overload();
    const bool is_flat = node->macro == CEL_MACRO_OPT_FLAT_MAP;
    if (!optional.as.inner || !is_flat) cel_charge(e, 1); // optional.none(), optional.of()
    if (!optional.as.inner) return optional;
    uint64_t unread_cost = cost + 1;
    const struct frame frame = {node, *optional.as.inner, {0}, &unread_cost, e->frame};
    e->frame = &frame;
    const val made = cel_evaluate_node(e, node->args[0]);
    e->frame = frame.outer;
    if (e->minor < NAMED_LAZILY_SINCE) cel_charge(e, unread_cost);
    return made.kind == CEL_KIND_ERROR || is_flat ? made : val_some(e, made);
}

val cel_fold(struct evaluation *e, const struct cel_node *node) {
    const uint64_t before = e->cost;
    const val range = cel_evaluate_node(e, node->target);
    if (node->macro == CEL_MACRO_OPT_MAP || node->macro == CEL_MACRO_OPT_FLAT_MAP)
        return map_optional(e, node, range, e->cost - before);
    return loop(e, node, range);
}
