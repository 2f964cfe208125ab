// Values of CEL: how they are made, taken apart, compared and reckoned with, as cel-go does it: values of different
// kinds are unequal, and numbers of different kinds compare by what they are worth.
#include <math.h>
#include <string.h>

#include "base/arena.h"
#include "base/text.h"
#include "cel/cel_internal.h"
#include "data/value.h"

// ---- making values ----

val val_error(const char *text) {
    return (val){.kind = CEL_KIND_ERROR, .as.error = text};
}

val val_no_overload(void) {
    return val_error("no such overload");
}

val val_of_bool(bool boolean) {
    return (val){.kind = CEL_KIND_BOOL, .as.boolean = boolean};
}

val val_of_int(int64_t integer) {
    return (val){.kind = CEL_KIND_INT, .as.integer = integer};
}

val val_of_uint(uint64_t natural) {
    return (val){.kind = CEL_KIND_UINT, .as.natural = natural};
}

val val_of_double(double number) {
    return (val){.kind = CEL_KIND_DOUBLE, .as.number = number};
}

val val_of_string(const char *bytes, size_t len) {
    return (val){.kind = CEL_KIND_STRING, .as.string = {bytes, len}};
}

val val_of_bytes(const char *bytes, size_t len) {
    return (val){.kind = CEL_KIND_BYTES, .as.string = {bytes, len}};
}

val val_of_duration(int64_t nanos) {
    return (val){.kind = CEL_KIND_DURATION, .as.integer = nanos};
}

val val_some(struct evaluation *e, val inner) {
    val *held = ARENA_NEW(e->arena, val);
    *held = inner;
    return (val){.kind = CEL_KIND_OPTIONAL, .as.inner = held};
}

val val_none(void) {
    return (val){.kind = CEL_KIND_OPTIONAL};
}

val val_of_text(const struct text *text) {
    return val_of_string(text_string(text), text->len);
}

val val_of_data(const struct value *data) {
    if (!data) return (val){.kind = CEL_KIND_NULL};
    switch (data->kind) {
    case VALUE_NULL: return (val){.kind = CEL_KIND_NULL};
    case VALUE_BOOL: return val_of_bool(data->as.boolean);
    case VALUE_INT: return val_of_int(data->as.integer);
    case VALUE_DOUBLE: return val_of_double(data->as.number);
    case VALUE_STRING: return val_of_string(data->as.string, strlen(data->as.string));
    case VALUE_LIST: return (val){.kind = CEL_KIND_LIST, .data = data};
    case VALUE_MAP: return (val){.kind = CEL_KIND_MAP, .data = data};
    }
    return (val){.kind = CEL_KIND_NULL};
}

bool val_is_number(val v) {
    return v.kind == CEL_KIND_INT || v.kind == CEL_KIND_UINT || v.kind == CEL_KIND_DOUBLE;
}

// Items weigh more than steps, as they take memory.
enum { STEPS_PER_ITEM = 8 };

void val_push(struct evaluation *e, val *list, val item) {
    if (!cel_spend(e, STEPS_PER_ITEM)) return; // the evaluation is over
    ARENA_PUSH(e->arena, list->as.list.items, list->as.list.count, item);
}

// ---- lists and maps ----

size_t val_list_count(val list) {
    return list.data ? list.data->count : list.as.list.count;
}

val val_list_item(val list, size_t i) {
    return list.data ? val_of_data(list.data->as.items[i]) : list.as.list.items[i];
}

size_t val_map_count(val map) {
    return map.data ? map.data->count : map.as.list.count / 2;
}

val val_map_key(val map, size_t i) {
    if (!map.data) return map.as.list.items[i * 2];
    const char *key = map.data->as.entries[i].key;
    return val_of_string(key, strlen(key));
}

val val_map_value(val map, size_t i) {
    return map.data ? val_of_data(map.data->as.entries[i].value) : map.as.list.items[i * 2 + 1];
}

// ---- comparison ----

static int order(bool less, bool greater) {
    return greater - less;
}

// As cel-go does: a whole number is compared as the double that it becomes.
static int compare_int_double(int64_t integer, double number) {
    if (number > 9223372036854775808.0) return -1;
    if (number < -9223372036854775808.0) return 1;
    return order((double)integer<number, (double)integer> number);
}

static int compare_uint_double(uint64_t natural, double number) {
    if (number < 0) return 1;
    if (number > 18446744073709551616.0) return -1;
    return order((double)natural<number, (double)natural> number);
}

static int compare_int_uint(int64_t integer, uint64_t natural) {
    if (integer < 0) return -1;
    return order((uint64_t)integer<natural, (uint64_t)integer> natural);
}

// Neither is NaN.
static int compare_numbers(val a, val b) {
    if (a.kind == CEL_KIND_INT) {
        if (b.kind == CEL_KIND_INT) return order(a.as.integer<b.as.integer, a.as.integer> b.as.integer);
        if (b.kind == CEL_KIND_UINT) return compare_int_uint(a.as.integer, b.as.natural);
        return compare_int_double(a.as.integer, b.as.number);
    }
    if (a.kind == CEL_KIND_UINT) {
        if (b.kind == CEL_KIND_INT) return -compare_int_uint(b.as.integer, a.as.natural);
        if (b.kind == CEL_KIND_UINT) return order(a.as.natural<b.as.natural, a.as.natural> b.as.natural);
        return compare_uint_double(a.as.natural, b.as.number);
    }
    if (b.kind == CEL_KIND_INT) return -compare_int_double(b.as.integer, a.as.number);
    if (b.kind == CEL_KIND_UINT) return -compare_uint_double(b.as.natural, a.as.number);
    return order(a.as.number<b.as.number, a.as.number> b.as.number);
}

static bool is_nan(val v) {
    return v.kind == CEL_KIND_DOUBLE && isnan(v.as.number);
}

int val_compare_text(struct cel_string a, struct cel_string b) {
    const size_t len = a.len < b.len ? a.len : b.len;
    const int result = len ? memcmp(a.bytes, b.bytes, len) : 0;
    return result ? order(result<0, result> 0) : order(a.len<b.len, a.len> b.len);
}

bool val_same_text(struct cel_string a, struct cel_string b) {
    return a.len == b.len && val_compare_text(a, b) == 0;
}

bool val_text_is(struct cel_string a, const char *b) {
    return val_same_text(a, (struct cel_string){b, strlen(b)});
}

bool val_map_find(struct evaluation *e, val map, val key, val *ret_value) {
    for (size_t i = 0, count = val_map_count(map); i < count; i++) {
        if (!val_equal(e, val_map_key(map, i), key)) continue;
        *ret_value = val_map_value(map, i);
        return true;
    }
    return false;
}

// The place of the key among keys of its own kind, or SIZE_MAX.
static size_t place_of(struct evaluation *e, val map, val key) {
    for (size_t i = 0; i < map.as.list.count; i += 2)
        if (map.as.list.items[i].kind == key.kind && val_equal(e, map.as.list.items[i], key)) return i;
    return SIZE_MAX;
}

void val_set(struct evaluation *e, val *map, val key, val value) {
    const size_t place = place_of(e, *map, key);
    if (place != SIZE_MAX) {
        map->as.list.items[place + 1] = value;
        return;
    }
    val_push(e, map, key);
    val_push(e, map, value);
}

void val_remove(struct evaluation *e, val *map, val key) {
    const size_t place = place_of(e, *map, key);
    if (place == SIZE_MAX) return;
    map->as.list.count -= 2;
    for (size_t i = place; i < map->as.list.count; i++) map->as.list.items[i] = map->as.list.items[i + 2];
}

bool val_have_no_equality(val a, val b) {
    const bool is_opaque = a.kind == CEL_KIND_QUANTITY || a.kind == CEL_KIND_URL || a.kind == CEL_KIND_IP ||
                           a.kind == CEL_KIND_CIDR || a.kind == CEL_KIND_SEMVER || a.kind == CEL_KIND_FORMAT ||
                           a.kind == CEL_KIND_AUTHORIZATION;
    return is_opaque && a.kind != b.kind && b.kind != CEL_KIND_NULL;
}

static bool differ(struct evaluation *e, val a, val b) {
    return !val_have_no_equality(a, b) && !val_equal(e, a, b);
}

static bool equal_lists(struct evaluation *e, val a, val b) {
    if (val_list_count(a) != val_list_count(b)) return false;
    for (size_t i = 0, count = val_list_count(a); i < count; i++)
        if (differ(e, val_list_item(a, i), val_list_item(b, i))) return false;
    return true;
}

static bool equal_maps(struct evaluation *e, val a, val b) {
    if (val_map_count(a) != val_map_count(b)) return false;
    for (size_t i = 0, count = val_map_count(a); i < count; i++) {
        val other;
        if (!val_map_find(e, b, val_map_key(a, i), &other) || differ(e, val_map_value(a, i), other)) return false;
    }
    return true;
}

// Recursion follows the depth of the values, which the readers of values and the depth of expressions bound.
bool val_equal(struct evaluation *e, val a, val b) {
    e->steps++;
    if (val_is_number(a) && val_is_number(b)) return !is_nan(a) && !is_nan(b) && compare_numbers(a, b) == 0;
    if (a.kind != b.kind) return false;
    switch (a.kind) {
    case CEL_KIND_NULL: return true;
    case CEL_KIND_BOOL: return a.as.boolean == b.as.boolean;
    case CEL_KIND_STRING:
    case CEL_KIND_BYTES: return val_same_text(a.as.string, b.as.string);
    case CEL_KIND_LIST: return equal_lists(e, a, b);
    case CEL_KIND_MAP: return equal_maps(e, a, b);
    case CEL_KIND_TYPE: return a.as.type == b.as.type;
    case CEL_KIND_TIMESTAMP: return a.as.time.seconds == b.as.time.seconds && a.as.time.nanos == b.as.time.nanos;
    case CEL_KIND_DURATION: return a.as.integer == b.as.integer;
    case CEL_KIND_OPTIONAL:
        if (!a.as.inner || !b.as.inner) return a.as.inner == b.as.inner;
        return val_equal(e, *a.as.inner, *b.as.inner);
    case CEL_KIND_QUANTITY: return val_compare_quantities(e, a.as.quantity, b.as.quantity) == 0;
    case CEL_KIND_URL: return val_equal_urls(e, a.as.url, b.as.url);
    case CEL_KIND_IP:
    case CEL_KIND_CIDR: return val_equal_addresses(a.as.address, b.as.address);
    case CEL_KIND_SEMVER: return val_compare_semvers(a.as.semver, b.as.semver) == 0;
    case CEL_KIND_FORMAT: return a.as.format == b.as.format;
    case CEL_KIND_AUTHORIZATION:
    case CEL_KIND_INT:
    case CEL_KIND_UINT:
    case CEL_KIND_DOUBLE:
    case CEL_KIND_ERROR: break;
    }
    return false;
}

static int compare_times(struct cel_time a, struct cel_time b) {
    if (a.seconds != b.seconds) return order(a.seconds<b.seconds, a.seconds> b.seconds);
    return order(a.nanos<b.nanos, a.nanos> b.nanos);
}

bool val_compare(val a, val b, int *ret_order) {
    if (val_is_number(a) && val_is_number(b)) {
        if (is_nan(a) || is_nan(b)) return false;
        *ret_order = compare_numbers(a, b);
        return true;
    }
    if (a.kind != b.kind) return false;
    switch ((int)a.kind) {
    case CEL_KIND_BOOL: *ret_order = order(!a.as.boolean && b.as.boolean, a.as.boolean && !b.as.boolean); return true;
    case CEL_KIND_STRING:
    case CEL_KIND_BYTES: *ret_order = val_compare_text(a.as.string, b.as.string); return true;
    case CEL_KIND_TIMESTAMP: *ret_order = compare_times(a.as.time, b.as.time); return true;
    case CEL_KIND_DURATION: *ret_order = order(a.as.integer<b.as.integer, a.as.integer> b.as.integer); return true;
    default: return false;
    }
}

val val_ordered(enum cel_function function, val a, val b) {
    if (val_is_number(a) && val_is_number(b) && (is_nan(a) || is_nan(b)))
        return val_error("NaN values cannot be ordered");
    int result = 0;
    if (!val_compare(a, b, &result)) return val_no_overload();
    if (function == CEL_FN_LESS) return val_of_bool(result < 0);
    if (function == CEL_FN_LESS_EQUAL) return val_of_bool(result <= 0);
    if (function == CEL_FN_GREATER) return val_of_bool(result > 0);
    return val_of_bool(result >= 0);
}

bool val_to_index(val v, int64_t *ret_index) {
    if (v.kind == CEL_KIND_INT) {
        *ret_index = v.as.integer;
        return true;
    }
    if (v.kind == CEL_KIND_UINT && v.as.natural <= INT64_MAX) {
        *ret_index = (int64_t)v.as.natural;
        return true;
    }
    if (v.kind != CEL_KIND_DOUBLE || !(v.as.number > -1e18 && v.as.number < 1e18)) return false;
    *ret_index = (int64_t)v.as.number;
    return compare_int_double(*ret_index, v.as.number) == 0;
}

// ---- arithmetic ----

static val overflow(void) {
    return val_error("integer overflow");
}

static val int_arithmetic(enum cel_function function, int64_t a, int64_t b) {
    int64_t result = 0;
    switch ((int)function) {
    case CEL_FN_ADD: return __builtin_add_overflow(a, b, &result) ? overflow() : val_of_int(result);
    case CEL_FN_SUBTRACT: return __builtin_sub_overflow(a, b, &result) ? overflow() : val_of_int(result);
    case CEL_FN_MULTIPLY: return __builtin_mul_overflow(a, b, &result) ? overflow() : val_of_int(result);
    default: break;
    }
    if (b == 0) return val_error(function == CEL_FN_DIVIDE ? "division by zero" : "modulus by zero");
    if (a == INT64_MIN && b == -1) return overflow();
    return val_of_int(function == CEL_FN_DIVIDE ? a / b : a % b);
}

static val uint_arithmetic(enum cel_function function, uint64_t a, uint64_t b) {
    uint64_t result = 0;
    switch ((int)function) {
    case CEL_FN_ADD: return __builtin_add_overflow(a, b, &result) ? overflow() : val_of_uint(result);
    case CEL_FN_SUBTRACT: return __builtin_sub_overflow(a, b, &result) ? overflow() : val_of_uint(result);
    case CEL_FN_MULTIPLY: return __builtin_mul_overflow(a, b, &result) ? overflow() : val_of_uint(result);
    default: break;
    }
    if (b == 0) return val_error(function == CEL_FN_DIVIDE ? "division by zero" : "modulus by zero");
    return val_of_uint(function == CEL_FN_DIVIDE ? a / b : a % b);
}

static val double_arithmetic(enum cel_function function, double a, double b) {
    switch ((int)function) {
    case CEL_FN_ADD: return val_of_double(a + b);
    case CEL_FN_SUBTRACT: return val_of_double(a - b);
    case CEL_FN_MULTIPLY: return val_of_double(a * b);
    case CEL_FN_DIVIDE: return val_of_double(a / b);
    default: return val_no_overload();
    }
}

static val concatenate(struct evaluation *e, val a, val b) {
    if (a.kind != CEL_KIND_LIST) {
        const size_t len = a.as.string.len + b.as.string.len;
        if (!cel_spend(e, len)) return cel_too_long();
        struct text text;
        text_init(&text, e->arena);
        text_add(&text, a.as.string.bytes, a.as.string.len);
        text_add(&text, b.as.string.bytes, b.as.string.len);
        return a.kind == CEL_KIND_BYTES ? val_of_bytes(text_string(&text), len) : val_of_text(&text);
    }
    if (!cel_spend(e, val_list_count(a) + val_list_count(b))) return cel_too_long();
    val joined = {.kind = CEL_KIND_LIST};
    for (size_t i = 0, count = val_list_count(a); i < count; i++) val_push(e, &joined, val_list_item(a, i));
    for (size_t i = 0, count = val_list_count(b); i < count; i++) val_push(e, &joined, val_list_item(b, i));
    return joined;
}

val val_arithmetic(struct evaluation *e, enum cel_function function, val a, val b) {
    if (a.kind == CEL_KIND_TIMESTAMP || a.kind == CEL_KIND_DURATION) return val_time_arithmetic(function, a, b);
    if (a.kind != b.kind) return val_no_overload();
    if (a.kind == CEL_KIND_INT) return int_arithmetic(function, a.as.integer, b.as.integer);
    if (a.kind == CEL_KIND_UINT) return uint_arithmetic(function, a.as.natural, b.as.natural);
    if (a.kind == CEL_KIND_DOUBLE) return double_arithmetic(function, a.as.number, b.as.number);
    const bool is_text = a.kind == CEL_KIND_STRING || a.kind == CEL_KIND_BYTES;
    return function == CEL_FN_ADD && (is_text || a.kind == CEL_KIND_LIST) ? concatenate(e, a, b) : val_no_overload();
}

val val_negate(val v) {
    if (v.kind == CEL_KIND_DOUBLE) return val_of_double(-v.as.number);
    if (v.kind != CEL_KIND_INT) return val_no_overload();
    return v.as.integer == INT64_MIN ? overflow() : val_of_int(-v.as.integer);
}
