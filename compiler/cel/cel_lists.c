// Functions of CEL on lists: Kubernetes' own, sets, and those of cel-go's extension.
#include <string.h>

#include "base/arena.h"
#include "base/text.h"
#include "cel/cel_internal.h"

static val join(struct evaluation *e, val list, struct cel_string separator) {
    struct text text;
    text_init(&text, e->arena);
    for (size_t i = 0, count = val_list_count(list); i < count; i++) {
        const val item = val_list_item(list, i);
        if (item.kind != CEL_KIND_STRING) return val_no_overload();
        if (!cel_spend(e, item.as.string.len + separator.len)) return cel_too_long();
        if (i) text_add(&text, separator.bytes, separator.len);
        text_add(&text, item.as.string.bytes, item.as.string.len);
    }
    return val_of_text(&text);
}

static val list_index_of(struct evaluation *e, val list, val item, bool last) {
    int64_t found = -1;
    for (size_t i = 0, count = val_list_count(list); i < count; i++) {
        if (!val_equal(e, val_list_item(list, i), item)) continue;
        found = (int64_t)i;
        if (!last) break;
    }
    return val_of_int(found);
}

static bool has_order(val v) {
    return val_is_number(v) || v.kind == CEL_KIND_BOOL || v.kind == CEL_KIND_STRING || v.kind == CEL_KIND_BYTES ||
           v.kind == CEL_KIND_TIMESTAMP || v.kind == CEL_KIND_DURATION;
}

// min, max and isSorted: items that have no order among each other are passed over, as the API server does.
static val by_order(enum cel_function function, val list) {
    const size_t count = val_list_count(list);
    if (!count)
        return function == CEL_FN_IS_SORTED
                   ? val_of_bool(true)
                   : val_error(function == CEL_FN_MIN ? "min called on empty list" : "max called on empty list");
    val best = val_list_item(list, 0);
    if (!has_order(best)) return val_no_overload();
    for (size_t i = 1; i < count; i++) {
        const val item = val_list_item(list, i);
        int result = 0;
        if (!has_order(item)) return val_no_overload();
        const bool known = val_compare(best, item, &result);
        if (function == CEL_FN_IS_SORTED) {
            if (known && result > 0) return val_of_bool(false);
            best = item;
        } else if (known && (function == CEL_FN_MIN ? result > 0 : result < 0)) {
            best = item;
        }
    }
    return function == CEL_FN_IS_SORTED ? val_of_bool(true) : best;
}

static val sum(struct evaluation *e, const struct cel_node *node, val list) {
    val total = val_of_int(0);
    const size_t count = val_list_count(list);
    // What the sum of nothing is, the static type tells.
    if (!count && node->type->kind == CEL_TYPE_DOUBLE) total = val_of_double(0);
    if (!count && node->type->kind == CEL_TYPE_UINT) total = val_of_uint(0);
    if (!count && node->type->kind == CEL_TYPE_DURATION) total = val_of_duration(0);
    for (size_t i = 0; i < count; i++) {
        const val item = val_list_item(list, i);
        if (!val_is_number(item) && item.kind != CEL_KIND_DURATION) return val_no_overload();
        if (i == 0) {
            total = item;
            continue;
        }
        total = val_arithmetic(e, CEL_FN_ADD, total, item);
        if (total.kind == CEL_KIND_ERROR) return total;
    }
    return total;
}

val cel_call_list(struct evaluation *e, const struct cel_node *node, const val *args, size_t count) {
    if (args[0].kind != CEL_KIND_LIST) return val_no_overload();
    switch ((int)node->function) {
    case CEL_FN_JOIN:
        if (count == 2 && args[1].kind != CEL_KIND_STRING) return val_no_overload();
        return join(e, args[0], count == 2 ? args[1].as.string : (struct cel_string){"", 0});
    case CEL_FN_SUM: return sum(e, node, args[0]);
    default: return by_order(node->function, args[0]);
    }
}

val cel_call_index_of(struct evaluation *e, const struct cel_node *node, const val *args, size_t count) {
    if (args[0].kind == CEL_KIND_STRING) return cel_call_string(e, node, args, count);
    if (args[0].kind != CEL_KIND_LIST || count != 2) return val_no_overload();
    return list_index_of(e, args[0], args[1], node->function == CEL_FN_LAST_INDEX_OF);
}

// ---- sets ----

static bool holds(struct evaluation *e, val list, val item) {
    for (size_t i = 0, count = val_list_count(list); i < count; i++)
        if (val_equal(e, val_list_item(list, i), item)) return true;
    return false;
}

static bool holds_all(struct evaluation *e, val list, val items) {
    for (size_t i = 0, count = val_list_count(items); i < count; i++)
        if (!holds(e, list, val_list_item(items, i))) return false;
    return true;
}

val cel_call_sets(struct evaluation *e, const struct cel_node *node, const val *args, size_t count) {
    (void)count;
    const val a = args[0], b = args[1];
    if (a.kind != CEL_KIND_LIST || b.kind != CEL_KIND_LIST) return val_no_overload();
    if (node->function == CEL_FN_SETS_CONTAINS) return val_of_bool(holds_all(e, a, b));
    if (node->function == CEL_FN_SETS_EQUIVALENT) return val_of_bool(holds_all(e, a, b) && holds_all(e, b, a));
    for (size_t i = 0, items = val_list_count(a); i < items; i++)
        if (holds(e, b, val_list_item(a, i))) return val_of_bool(true);
    return val_of_bool(false);
}

val cel_call_includes(struct evaluation *e, const struct cel_node *node, const val *args, size_t count) {
    (void)node, (void)count;
    if (args[0].kind == CEL_KIND_LIST) return val_of_bool(holds(e, args[0], args[1]));
    return val_of_bool(val_equal(e, args[0], args[1]));
}

// ---- new lists ----

static val slice(struct evaluation *e, val list, val begin, val end) {
    if (begin.kind != CEL_KIND_INT || end.kind != CEL_KIND_INT) return val_no_overload();
    const int64_t from = begin.as.integer, to = end.as.integer;
    if (from < 0 || to < from || (uint64_t)to > val_list_count(list)) return val_error("invalid bounds of slice()");
    val made = {.kind = CEL_KIND_LIST};
    for (size_t i = (size_t)from; i < (size_t)to; i++) val_push(e, &made, val_list_item(list, i));
    return made;
}

// Recursion follows the depth of the value.
static void flatten(struct evaluation *e, val list, int64_t levels, val *made) {
    for (size_t i = 0, count = val_list_count(list); i < count && cel_spend(e, 1); i++) {
        const val item = val_list_item(list, i);
        if (item.kind == CEL_KIND_LIST && levels > 0)
            flatten(e, item, levels - 1, made);
        else
            val_push(e, made, item);
    }
}

static val range(struct evaluation *e, val size) {
    if (size.kind != CEL_KIND_INT) return val_no_overload();
    if (size.as.integer < 0) return val_error("lists.range: size must be non-negative");
    val made = {.kind = CEL_KIND_LIST};
    for (int64_t i = 0; i < size.as.integer; i++) {
        if (!cel_spend(e, 1)) return cel_too_long();
        val_push(e, &made, val_of_int(i));
    }
    return made;
}

static val reverse(struct evaluation *e, val list) {
    val made = {.kind = CEL_KIND_LIST};
    for (size_t i = val_list_count(list); i-- > 0;) val_push(e, &made, val_list_item(list, i));
    return made;
}

static val distinct(struct evaluation *e, val list) {
    val made = {.kind = CEL_KIND_LIST};
    for (size_t i = 0, count = val_list_count(list); i < count && cel_spend(e, 1); i++)
        if (!holds(e, made, val_list_item(list, i))) val_push(e, &made, val_list_item(list, i));
    return made;
}

val cel_call_new_list(struct evaluation *e, const struct cel_node *node, const val *args, size_t count) {
    if (node->function == CEL_FN_RANGE) return range(e, args[0]);
    if (args[0].kind != CEL_KIND_LIST) return val_no_overload();
    val made = {.kind = CEL_KIND_LIST};
    switch ((int)node->function) {
    case CEL_FN_SLICE: return slice(e, args[0], args[1], args[2]);
    case CEL_FN_REVERSE: return reverse(e, args[0]);
    case CEL_FN_DISTINCT: return distinct(e, args[0]);
    default: break;
    }
    if (count == 2 && args[1].kind != CEL_KIND_INT) return val_no_overload();
    if (count == 2 && args[1].as.integer < 0) return val_error("level must be non-negative");
    flatten(e, args[0], count == 2 ? args[1].as.integer : 1, &made);
    return made;
}

// ---- sorting ----

// Merges two runs of places that are sorted by their keys.
static void merge(val keys, const size_t *from, size_t begin, size_t middle, size_t end, size_t *to) {
    size_t left = begin, right = middle;
    for (size_t i = begin; i < end; i++) {
        int result = -1;
        if (left < middle && right < end)
            (void)val_compare(val_list_item(keys, from[right]), val_list_item(keys, from[left]), &result);
        const bool takes_right = right < end && (left == middle || result < 0);
        to[i] = takes_right ? from[right++] : from[left++];
    }
}

val cel_sort(struct evaluation *e, val list, val keys) {
    const size_t count = val_list_count(list);
    if (count != val_list_count(keys)) return val_no_overload();
    if (!count) return list;
    const enum cel_kind kind = val_list_item(keys, 0).kind;
    if (!has_order(val_list_item(keys, 0))) return val_error("list elements must be comparable");
    for (size_t i = 0; i < count; i++)
        if (val_list_item(keys, i).kind != kind) return val_error("list elements must have the same type");
    size_t *places = ARENA_ARRAY(e->arena, size_t, count), *others = ARENA_ARRAY(e->arena, size_t, count);
    for (size_t i = 0; i < count; i++) places[i] = i;
    for (size_t width = 1; width < count; width *= 2) {
        if (!cel_spend(e, count)) return cel_too_long();
        for (size_t begin = 0; begin < count; begin += 2 * width) {
            const size_t middle = begin + width < count ? begin + width : count;
            const size_t end = middle + width < count ? middle + width : count;
            merge(keys, places, begin, middle, end, others);
        }
        size_t *swapped = places;
        places = others;
        others = swapped;
    }
    val made = {.kind = CEL_KIND_LIST};
    for (size_t i = 0; i < count; i++) val_push(e, &made, val_list_item(list, places[i]));
    return made;
}

val cel_call_sort(struct evaluation *e, const struct cel_node *node, const val *args, size_t count) {
    (void)node, (void)count;
    return args[0].kind == CEL_KIND_LIST ? cel_sort(e, args[0], args[0]) : val_no_overload();
}
