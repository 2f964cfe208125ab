// What calls cost, as API servers count it while they evaluate: cel-go's interpreter/runtimecost.go, the trackers of
// its extensions (ext/lists.go, ext/sets.go) and Kubernetes' own CallCost (k8s.io/apiserver/pkg/cel/library/cost.go).
// Where the servers that are counted for differ, the largest counts.
#include "base/text.h"
#include "cel/cel_internal.h"

// The first minors that count otherwise, by their cel-go.
enum {
    OPTIONALS_HAVE_SIZES_SINCE = 33,
    AFFIXES_COUNT_SINCE = 37,             // what is looked for counts, and not what it is looked for in
    PATTERNS_COUNT_EVERYWHERE_SINCE = 37, // matches(text, pattern) as text.matches(pattern)
};

static uint64_t larger(uint64_t a, uint64_t b) {
    return a > b ? a : b;
}

static uint64_t smaller(uint64_t a, uint64_t b) {
    return a < b ? a : b;
}

// What the dearest of the servers counts that some of them count in one way before that minor, and in another since
// then.
static uint64_t largest(const struct evaluation *e, unsigned minor, uint64_t before, uint64_t since) {
    if (e->newest < minor) return before;
    return e->minor >= minor ? since : larger(before, since);
}

// cel-go multiplies doubles, so that some products are above what they should be.
static uint64_t part_of(uint64_t size, double factor) {
    return (uint64_t)((double)size * factor);
}

static uint64_t rounded_up(uint64_t size, double factor) {
    const double product = (double)size * factor;
    const uint64_t whole = (uint64_t)product;
    return whole + ((double)whole < product);
}

#define TEXT_FACTOR 0.1
#define PATTERN_FACTOR 0.25

enum { LIST_COST = 10, CHECK_COST = 350000 };

static uint64_t size_of(val v) {
    switch ((int)v.kind) {
    case CEL_KIND_STRING: return utf8_length(v.as.string.bytes, v.as.string.len);
    case CEL_KIND_BYTES: return v.as.string.len;
    case CEL_KIND_LIST: return val_list_count(v);
    case CEL_KIND_MAP: return val_map_count(v);
    case CEL_KIND_IP: return v.as.address.is_v6 ? 16 : 4;
    case CEL_KIND_CIDR: return (v.as.address.bits + 7u) / 8u;
    default: return 1;
    }
}

// Recursion follows the depth of the value.
static uint64_t size_within(const struct evaluation *e, val v) {
    if (v.kind != CEL_KIND_OPTIONAL || !v.as.inner) return size_of(v);
    return largest(e, OPTIONALS_HAVE_SIZES_SINCE, 1, size_within(e, *v.as.inner));
}

static uint64_t text_cost(uint64_t size) {
    return rounded_up(size, TEXT_FACTOR);
}

// Recursion follows the depth of the value.
static uint64_t traversal_cost(val v) {
    uint64_t cost = 0;
    switch ((int)v.kind) {
    case CEL_KIND_STRING:
    case CEL_KIND_BYTES: return part_of(v.as.string.len, TEXT_FACTOR);
    case CEL_KIND_LIST:
        for (size_t i = 0, count = val_list_count(v); i < count; i++) cost += traversal_cost(val_list_item(v, i));
        return cost;
    case CEL_KIND_MAP:
        for (size_t i = 0, count = val_map_count(v); i < count; i++)
            cost += traversal_cost(val_map_key(v, i)) + traversal_cost(val_map_value(v, i));
        return cost;
    default: return 1;
    }
}

static uint64_t pattern_cost(uint64_t text_size, uint64_t pattern_size) {
    return text_cost(text_size + 1) * rounded_up(pattern_size, PATTERN_FACTOR);
}

static bool is_own_kind(val v) {
    switch ((int)v.kind) {
    case CEL_KIND_QUANTITY:
    case CEL_KIND_URL:
    case CEL_KIND_IP:
    case CEL_KIND_CIDR:
    case CEL_KIND_SEMVER:
    case CEL_KIND_FORMAT:
    case CEL_KIND_AUTHORIZATION: return true;
    default: return false;
    }
}

static uint64_t comparison_cost(const struct evaluation *e, const val *args) {
    return text_cost(smaller(size_within(e, args[0]), size_within(e, args[1])));
}

static uint64_t affix_cost(const struct evaluation *e, const val *args) {
    return largest(e, AFFIXES_COUNT_SINCE, text_cost(size_of(args[0])), text_cost(size_of(args[1])));
}

static uint64_t matches_cost(const struct evaluation *e, const struct cel_node *node, const val *args) {
    const uint64_t cost = pattern_cost(size_of(args[0]), size_of(args[1]));
    return node->target ? cost : largest(e, PATTERNS_COUNT_EVERYWHERE_SINCE, 1, cost);
}

static uint64_t new_list_cost(uint64_t size) {
    return size + 1 + LIST_COST;
}

static uint64_t flatten_cost(const val *args, size_t count) {
    const bool has_depth = count == 2 && args[1].kind == CEL_KIND_INT && args[1].as.integer >= 0;
    return new_list_cost(part_of(size_of(args[0]), has_depth ? (double)args[1].as.integer : 1.0));
}

// cel-go gives up, and counts nothing, where there is no list.
static uint64_t pairs_cost(val list) {
    if (list.kind != CEL_KIND_LIST) return 0;
    const uint64_t size = val_list_count(list);
    const enum cel_kind first = size ? val_list_item(list, 0).kind : CEL_KIND_NULL;
    const bool is_text = first == CEL_KIND_STRING || first == CEL_KIND_BYTES;
    return new_list_cost(part_of(size * size, 2.0 + (is_text ? TEXT_FACTOR : 0)));
}

// The range is looked through twice over; one that is given as a text is read before.
static uint64_t contains_cost(const struct cel_node *node, const val *args, bool is_range) {
    const uint64_t size = size_of(args[0]);
    const bool is_text = node->overload && node->overload[1] == 's';
    const uint64_t masking = is_range ? text_cost(size) + 1 : 0;
    return text_cost(size * 2) + masking + (is_text ? text_cost(size_of(args[1])) : 0);
}

static uint64_t validate_cost(const val *args) {
    if (args[0].kind != CEL_KIND_FORMAT) return 1;
    return pattern_cost(size_of(args[1]), cel_format_pattern_size(args[0].as.format));
}

enum cost {
    COST_NOTHING,
    COST_UNIT,
    COST_EQUALITY,
    COST_ORDER,
    COST_SUM,
    COST_MEMBERSHIP,
    COST_CONVERSION,
    COST_AFFIX,
    COST_SEARCH,
    COST_PATTERN,
    COST_MATCHES,
    COST_TEXT,
    COST_TEXT_TWICE,
    COST_JOIN,
    COST_TRAVERSAL,
    COST_SETS,
    COST_SETS_TWICE,
    COST_NEW_LIST,
    COST_FLATTEN,
    COST_ITEM_PAIRS,
    COST_KEY_PAIRS,
    COST_ADDRESS,
    COST_CONTAINS_IP,
    COST_CONTAINS_CIDR,
    COST_VALIDATE,
    COST_CHECK,
};

static const enum cost costs[] = {
#define FUNCTION(function, name, since, implementation, cost) COST_##cost,
#define OVERLOAD(function, style, signature)
#include "cel/cel_functions.def"
#undef FUNCTION
#undef OVERLOAD
};

// Many costs are those of one overload, and a unit where several fit.
static bool has_overload_of(const struct cel_node *node, char first, char other) {
    return node->overload && (node->overload[0] == first || node->overload[0] == other);
}

uint64_t cel_call_cost(const struct evaluation *e, const struct cel_node *node, const val *args, size_t count,
                       val result) {
    switch (costs[node->function]) {
    case COST_NOTHING: return 0;
    case COST_UNIT: return 1;
    case COST_EQUALITY: return node->function == CEL_FN_EQUAL && is_own_kind(args[0]) ? 1 : comparison_cost(e, args);
    case COST_ORDER: return has_overload_of(node, 's', 'y') ? comparison_cost(e, args) : 1;
    case COST_SUM: return has_overload_of(node, 's', 'y') ? text_cost(size_of(args[0]) + size_of(args[1])) : 1;
    case COST_MEMBERSHIP: return node->overload && node->overload[1] == 'L' ? size_of(args[1]) : 1;
    case COST_CONVERSION: {
        const char other = node->function == CEL_FN_BYTES ? 's' : 'y';
        return has_overload_of(node, other, other) ? text_cost(size_of(args[0])) : 1;
    }
    case COST_AFFIX: return affix_cost(e, args);
    case COST_SEARCH: return text_cost(size_of(args[0])) * text_cost(size_of(args[1]));
    case COST_PATTERN: return pattern_cost(size_of(args[0]), size_of(args[1]));
    case COST_MATCHES: return matches_cost(e, node, args);
    case COST_TEXT: return text_cost(size_of(args[0]));
    case COST_TEXT_TWICE: return text_cost(size_of(args[0]) * 2);
    case COST_JOIN: return text_cost(size_of(result) * 2);
    case COST_TRAVERSAL: return traversal_cost(args[0]);
    case COST_SETS: return 1 + size_of(args[0]) * size_of(args[1]);
    case COST_SETS_TWICE: return 1 + size_of(args[0]) * size_of(args[1]) * 2;
    case COST_NEW_LIST: return new_list_cost(size_of(result));
    case COST_FLATTEN: return flatten_cost(args, count);
    case COST_ITEM_PAIRS: return node->function == CEL_FN_DISTINCT || node->overload ? pairs_cost(args[0]) : 1;
    case COST_KEY_PAIRS: return node->overload ? pairs_cost(args[1]) : 1;
    case COST_ADDRESS: return node->target ? 1 : text_cost(size_of(args[0]));
    case COST_CONTAINS_IP: return contains_cost(node, args, false);
    case COST_CONTAINS_CIDR: return contains_cost(node, args, true);
    case COST_VALIDATE: return validate_cost(args);
    case COST_CHECK: return CHECK_COST;
    }
    return 1;
}
