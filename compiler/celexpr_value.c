// Values of CEL: how they are made, taken apart, compared, reckoned with and converted, as cel-go does it: values of
// different kinds are unequal, and numbers of different kinds compare by what they are worth.
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arena.h"
#include "celexpr_parts.h"
#include "text.h"
#include "value.h"

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

void val_push(struct evaluation *e, val *list, val item) {
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

static int compare_int_double(int64_t integer, double number) {
    if (number >= 9223372036854775808.0) return -1;
    if (number < -9223372036854775808.0) return 1;
    const int64_t whole = (int64_t)number;
    if (whole != integer) return order(integer<whole, integer> whole);
    const double fraction = number - (double)whole;
    return order(fraction > 0, fraction < 0);
}

static int compare_uint_double(uint64_t natural, double number) {
    if (number < 0) return 1;
    if (number >= 18446744073709551616.0) return -1;
    const uint64_t whole = (uint64_t)number;
    if (whole != natural) return order(natural<whole, natural> whole);
    return order(number - (double)whole > 0, false);
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

static int compare_text(struct cel_string a, struct cel_string b) {
    const size_t len = a.len < b.len ? a.len : b.len;
    const int result = len ? memcmp(a.bytes, b.bytes, len) : 0;
    return result ? order(result<0, result> 0) : order(a.len<b.len, a.len> b.len);
}

bool val_same_text(struct cel_string a, struct cel_string b) {
    return a.len == b.len && compare_text(a, b) == 0;
}

bool val_map_find(struct evaluation *e, val map, val key, val *ret_value) {
    for (size_t i = 0, count = val_map_count(map); i < count; i++) {
        if (!val_equal(e, val_map_key(map, i), key)) continue;
        *ret_value = val_map_value(map, i);
        return true;
    }
    return false;
}

static bool equal_lists(struct evaluation *e, val a, val b) {
    if (val_list_count(a) != val_list_count(b)) return false;
    for (size_t i = 0, count = val_list_count(a); i < count; i++)
        if (!val_equal(e, val_list_item(a, i), val_list_item(b, i))) return false;
    return true;
}

static bool equal_maps(struct evaluation *e, val a, val b) {
    if (val_map_count(a) != val_map_count(b)) return false;
    for (size_t i = 0, count = val_map_count(a); i < count; i++) {
        val other;
        if (!val_map_find(e, b, val_map_key(a, i), &other) || !val_equal(e, val_map_value(a, i), other)) return false;
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
    case CEL_KIND_STRING: return val_same_text(a.as.string, b.as.string);
    case CEL_KIND_LIST: return equal_lists(e, a, b);
    case CEL_KIND_MAP: return equal_maps(e, a, b);
    case CEL_KIND_TYPE: return a.as.type == b.as.type;
    case CEL_KIND_INT:
    case CEL_KIND_UINT:
    case CEL_KIND_DOUBLE:
    case CEL_KIND_ERROR: break;
    }
    return false;
}

bool val_compare(val a, val b, int *ret_order) {
    if (val_is_number(a) && val_is_number(b)) {
        if (is_nan(a) || is_nan(b)) return false;
        *ret_order = compare_numbers(a, b);
        return true;
    }
    if (a.kind != b.kind) return false;
    if (a.kind == CEL_KIND_BOOL) {
        *ret_order = order(!a.as.boolean && b.as.boolean, a.as.boolean && !b.as.boolean);
        return true;
    }
    if (a.kind != CEL_KIND_STRING) return false;
    *ret_order = compare_text(a.as.string, b.as.string);
    return true;
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
    if (a.kind == CEL_KIND_STRING) {
        const size_t len = a.as.string.len + b.as.string.len;
        if (!cel_spend(e, len)) return cel_too_long();
        struct text text;
        text_init(&text, e->arena);
        text_add(&text, a.as.string.bytes, a.as.string.len);
        text_add(&text, b.as.string.bytes, b.as.string.len);
        return val_of_text(&text);
    }
    if (!cel_spend(e, val_list_count(a) + val_list_count(b))) return cel_too_long();
    val joined = {.kind = CEL_KIND_LIST};
    for (size_t i = 0, count = val_list_count(a); i < count; i++) val_push(e, &joined, val_list_item(a, i));
    for (size_t i = 0, count = val_list_count(b); i < count; i++) val_push(e, &joined, val_list_item(b, i));
    return joined;
}

val val_arithmetic(struct evaluation *e, enum cel_function function, val a, val b) {
    if (a.kind != b.kind) return val_no_overload();
    if (a.kind == CEL_KIND_INT) return int_arithmetic(function, a.as.integer, b.as.integer);
    if (a.kind == CEL_KIND_UINT) return uint_arithmetic(function, a.as.natural, b.as.natural);
    if (a.kind == CEL_KIND_DOUBLE) return double_arithmetic(function, a.as.number, b.as.number);
    if (function == CEL_FN_ADD && (a.kind == CEL_KIND_STRING || a.kind == CEL_KIND_LIST)) return concatenate(e, a, b);
    return val_no_overload();
}

val val_negate(val v) {
    if (v.kind == CEL_KIND_DOUBLE) return val_of_double(-v.as.number);
    if (v.kind != CEL_KIND_INT) return val_no_overload();
    return v.as.integer == INT64_MIN ? overflow() : val_of_int(-v.as.integer);
}

// ---- conversions ----

// A NUL-terminated copy, or NULL when the text holds a NUL or a blank, which no number does.
static const char *number_text(struct evaluation *e, struct cel_string string) {
    for (size_t i = 0; i < string.len; i++)
        if (string.bytes[i] == '\0' || strchr(" \t\n\v\f\r", string.bytes[i])) return NULL;
    return string.len ? arena_copy(e->arena, string.bytes, string.len) : NULL;
}

static bool all_digits(const char *text) {
    for (const char *c = text; *c; c++)
        if (*c < '0' || *c > '9') return false;
    return *text;
}

static val int_of_string(struct evaluation *e, struct cel_string string) {
    const char *text = number_text(e, string);
    if (!text || !all_digits(text + (*text == '-' || *text == '+'))) return val_error("type conversion error");
    errno = 0;
    const long long number = strtoll(text, NULL, 10);
    return errno ? val_error("type conversion error") : val_of_int(number);
}

static val uint_of_string(struct evaluation *e, struct cel_string string) {
    const char *text = number_text(e, string);
    if (!text || !all_digits(text)) return val_error("type conversion error");
    errno = 0;
    const unsigned long long number = strtoull(text, NULL, 10);
    return errno ? val_error("type conversion error") : val_of_uint(number);
}

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

// Go reads underscores between digits, and no underscores elsewhere; NULL for those.
static const char *without_underscores(struct evaluation *e, const char *text) {
    struct text out;
    text_init(&out, e->arena);
    for (const char *c = text; *c; c++) {
        if (*c != '_')
            text_add_char(&out, *c);
        else if (c == text || !is_digit(c[-1]) || !is_digit(c[1]))
            return NULL;
    }
    return text_string(&out);
}

static val double_of_string(struct evaluation *e, struct cel_string string) {
    const val refused = val_error("type conversion error");
    const char *text = number_text(e, string);
    if (text) text = without_underscores(e, text);
    // nan(…), a signed nan and hexadecimal digits without an exponent are C's alone.
    if (!text || strchr(text, '(')) return refused;
    const bool is_signed = *text == '-' || *text == '+';
    if (is_signed && strpbrk(text, "aA") && !strpbrk(text, "xX")) return refused;
    if (strpbrk(text, "xX") && !strpbrk(text, "pP")) return refused;
    char *end = NULL;
    const double number = strtod(text, &end);
    const bool written = strpbrk(text, "iI") != NULL;
    return *end || end == text || (isinf(number) && !written) ? refused : val_of_double(number);
}

static val bool_of_string(struct cel_string string) {
    static const char *const yes[] = {"1", "t", "T", "true", "TRUE", "True"};
    static const char *const no[] = {"0", "f", "F", "false", "FALSE", "False"};
    for (size_t i = 0; i < sizeof yes / sizeof *yes; i++) {
        if (val_same_text(string, (struct cel_string){yes[i], strlen(yes[i])})) return val_of_bool(true);
        if (val_same_text(string, (struct cel_string){no[i], strlen(no[i])})) return val_of_bool(false);
    }
    return val_error("type conversion error");
}

static val to_int(struct evaluation *e, val v) {
    switch (v.kind) {
    case CEL_KIND_INT: return v;
    case CEL_KIND_UINT: return v.as.natural > INT64_MAX ? overflow() : val_of_int((int64_t)v.as.natural);
    case CEL_KIND_DOUBLE:
        // cel-go leaves out both ends of the range, as they are not exact.
        if (!(v.as.number > -9223372036854775808.0 && v.as.number < 9223372036854775808.0)) return overflow();
        return val_of_int((int64_t)v.as.number);
    case CEL_KIND_STRING: return int_of_string(e, v.as.string);
    case CEL_KIND_ERROR:
    case CEL_KIND_NULL:
    case CEL_KIND_BOOL:
    case CEL_KIND_LIST:
    case CEL_KIND_MAP:
    case CEL_KIND_TYPE: break;
    }
    return val_no_overload();
}

static val to_uint(struct evaluation *e, val v) {
    switch (v.kind) {
    case CEL_KIND_UINT: return v;
    case CEL_KIND_INT: return v.as.integer < 0 ? overflow() : val_of_uint((uint64_t)v.as.integer);
    case CEL_KIND_DOUBLE:
        if (!(v.as.number >= 0 && v.as.number < 18446744073709551616.0)) return overflow();
        return val_of_uint((uint64_t)v.as.number);
    case CEL_KIND_STRING: return uint_of_string(e, v.as.string);
    case CEL_KIND_ERROR:
    case CEL_KIND_NULL:
    case CEL_KIND_BOOL:
    case CEL_KIND_LIST:
    case CEL_KIND_MAP:
    case CEL_KIND_TYPE: break;
    }
    return val_no_overload();
}

static val to_double(struct evaluation *e, val v) {
    switch (v.kind) {
    case CEL_KIND_DOUBLE: return v;
    case CEL_KIND_INT: return val_of_double((double)v.as.integer);
    case CEL_KIND_UINT: return val_of_double((double)v.as.natural);
    case CEL_KIND_STRING: return double_of_string(e, v.as.string);
    case CEL_KIND_ERROR:
    case CEL_KIND_NULL:
    case CEL_KIND_BOOL:
    case CEL_KIND_LIST:
    case CEL_KIND_MAP:
    case CEL_KIND_TYPE: break;
    }
    return val_no_overload();
}

// As Go's %g writes it: the fewest digits that read back as the same number, with an exponent when it is below -4 or
// above 5.
static val string_of_double(struct evaluation *e, double number) {
    if (isnan(number)) return val_of_string("NaN", 3);
    if (isinf(number)) return number > 0 ? val_of_string("+Inf", 4) : val_of_string("-Inf", 4);
    char text[40];
    int digits = 1;
    for (; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*e", digits - 1, number);
        const double back = strtod(text, NULL);
        if (!(back < number) && !(back > number)) break;
    }
    const int exponent = (int)strtol(strchr(text, 'e') + 1, NULL, 10);
    if (exponent >= -4 && exponent < 6) {
        const int decimals = digits - 1 - exponent;
        snprintf(text, sizeof text, "%.*f", decimals > 0 ? decimals : 0, number);
    }
    return val_of_string(arena_copy(e->arena, text, strlen(text)), strlen(text));
}

static val to_string(struct evaluation *e, val v) {
    char text[32];
    switch (v.kind) {
    case CEL_KIND_STRING: return v;
    case CEL_KIND_BOOL: return v.as.boolean ? val_of_string("true", 4) : val_of_string("false", 5);
    case CEL_KIND_DOUBLE: return string_of_double(e, v.as.number);
    case CEL_KIND_INT: snprintf(text, sizeof text, "%lld", (long long)v.as.integer); break;
    case CEL_KIND_UINT: snprintf(text, sizeof text, "%llu", (unsigned long long)v.as.natural); break;
    case CEL_KIND_ERROR:
    case CEL_KIND_NULL:
    case CEL_KIND_LIST:
    case CEL_KIND_MAP:
    case CEL_KIND_TYPE: return val_no_overload();
    }
    return val_of_string(arena_copy(e->arena, text, strlen(text)), strlen(text));
}

val val_convert(struct evaluation *e, enum cel_function function, val v) {
    switch ((int)function) {
    case CEL_FN_DYN: return v;
    case CEL_FN_BOOL:
        if (v.kind == CEL_KIND_BOOL) return v;
        return v.kind == CEL_KIND_STRING ? bool_of_string(v.as.string) : val_no_overload();
    case CEL_FN_INT: return to_int(e, v);
    case CEL_FN_UINT: return to_uint(e, v);
    case CEL_FN_DOUBLE: return to_double(e, v);
    case CEL_FN_STRING: return to_string(e, v);
    default: return val_no_overload();
    }
}

struct cel_value cel_convert(enum cel_function function, struct cel_value value, struct arena *arena) {
    struct evaluation e = {.arena = arena};
    return val_convert(&e, function, value);
}
