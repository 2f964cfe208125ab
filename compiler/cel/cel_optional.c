// Optionals of CEL: a value, or none.
#include "cel/cel_internal.h"

// What optional.ofNonZeroValue() takes for nothing; values of other kinds are never zero.
static bool is_zero(val v) {
    switch ((int)v.kind) {
    case CEL_KIND_NULL: return true;
    case CEL_KIND_BOOL: return !v.as.boolean;
    case CEL_KIND_INT:
    case CEL_KIND_DURATION: return v.as.integer == 0;
    case CEL_KIND_UINT: return v.as.natural == 0;
    case CEL_KIND_DOUBLE: return !(v.as.number < 0) && !(v.as.number > 0) && !(v.as.number != v.as.number);
    case CEL_KIND_STRING:
    case CEL_KIND_BYTES: return v.as.string.len == 0;
    case CEL_KIND_LIST: return val_list_count(v) == 0;
    case CEL_KIND_MAP: return val_map_count(v) == 0;
    case CEL_KIND_TIMESTAMP: return v.as.time.seconds == -62135596800 && v.as.time.nanos == 0; // the year 1
    default: return false;
    }
}

val cel_call_optional(struct evaluation *e, const struct cel_node *node, const val *args, size_t count) {
    if (!count) return val_none();
    if (node->function == CEL_FN_OPTIONAL_OF) return val_some(e, args[0]);
    if (node->function == CEL_FN_OPTIONAL_OF_NON_ZERO) return is_zero(args[0]) ? val_none() : val_some(e, args[0]);
    if (args[0].kind != CEL_KIND_OPTIONAL) return val_no_overload();
    const val *inner = args[0].as.inner;
    if (node->function == CEL_FN_HAS_VALUE) return val_of_bool(inner != NULL);
    return inner ? *inner : val_error("optional.none() dereference");
}

static val unwrap(struct evaluation *e, val list) {
    val made = {.kind = CEL_KIND_LIST};
    for (size_t i = 0, count = val_list_count(list); i < count; i++) {
        const val item = val_list_item(list, i);
        if (item.kind != CEL_KIND_OPTIONAL) return val_error("the value is not optional");
        if (item.as.inner) val_push(e, &made, *item.as.inner);
    }
    return made;
}

val cel_call_optional_list(struct evaluation *e, const struct cel_node *node, const val *args, size_t count) {
    (void)count;
    if (args[0].kind != CEL_KIND_LIST) return val_no_overload();
    if (node->function == CEL_FN_UNWRAP || node->function == CEL_FN_UNWRAP_OPT) return unwrap(e, args[0]);
    const size_t items = val_list_count(args[0]);
    if (!items) return val_none();
    return val_some(e, val_list_item(args[0], node->function == CEL_FN_FIRST ? 0 : items - 1));
}
