// The evaluator of CEL expressions, with the semantics of cel-go: errors are values that && and || may absorb, values
// of different kinds are unequal, and numbers of different kinds compare by what they are worth.
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arena.h"
#include "celexpr.h"
#include "celexpr_tree.h"
#include "regex.h"
#include "text.h"
#include "value.h"

typedef struct cel_value val;

// The API server stops an expression at a million units of cost; this is far above what fits in them, and only keeps an
// evaluation from running away.
enum { MAX_STEPS = 20000000 };

struct frame {
    const struct cel_node *binder;
    val value;
    const struct frame *outer;
};

struct evaluation {
    const struct cel_env *env;
    struct arena *arena;
    const struct frame *frame;
    size_t steps;
};

// ---- making values ----

static val error(const char *text) {
    return (val){.kind = CEL_KIND_ERROR, .as.error = text};
}

static val no_overload(void) {
    return error("no such overload");
}

static val of_bool(bool boolean) {
    return (val){.kind = CEL_KIND_BOOL, .as.boolean = boolean};
}

static val of_int(int64_t integer) {
    return (val){.kind = CEL_KIND_INT, .as.integer = integer};
}

static val of_uint(uint64_t natural) {
    return (val){.kind = CEL_KIND_UINT, .as.natural = natural};
}

static val of_double(double number) {
    return (val){.kind = CEL_KIND_DOUBLE, .as.number = number};
}

static val of_string(const char *bytes, size_t len) {
    return (val){.kind = CEL_KIND_STRING, .as.string = {bytes, len}};
}

static val of_text(const struct text *text) {
    return of_string(text_string(text), text->len);
}

static val of_data(const struct value *data) {
    if (!data) return (val){.kind = CEL_KIND_NULL};
    switch (data->kind) {
    case VALUE_NULL: return (val){.kind = CEL_KIND_NULL};
    case VALUE_BOOL: return of_bool(data->as.boolean);
    case VALUE_INT: return of_int(data->as.integer);
    case VALUE_DOUBLE: return of_double(data->as.number);
    case VALUE_STRING: return of_string(data->as.string, strlen(data->as.string));
    case VALUE_LIST: return (val){.kind = CEL_KIND_LIST, .data = data};
    case VALUE_MAP: return (val){.kind = CEL_KIND_MAP, .data = data};
    }
    return (val){.kind = CEL_KIND_NULL};
}

static bool is_number(val v) {
    return v.kind == CEL_KIND_INT || v.kind == CEL_KIND_UINT || v.kind == CEL_KIND_DOUBLE;
}

static void push(struct evaluation *e, val *list, val item) {
    ARENA_PUSH(e->arena, list->as.list.items, list->as.list.count, item);
}

// False when the evaluation has run for too long.
static bool spend(struct evaluation *e, size_t steps) {
    e->steps += steps;
    return e->steps <= MAX_STEPS;
}

static val too_long(void) {
    return error("the evaluation takes too long");
}

// ---- lists and maps ----

static size_t list_count(val list) {
    return list.data ? list.data->count : list.as.list.count;
}

static val list_item(val list, size_t i) {
    return list.data ? of_data(list.data->as.items[i]) : list.as.list.items[i];
}

static size_t map_count(val map) {
    return map.data ? map.data->count : map.as.list.count / 2;
}

static val map_key(val map, size_t i) {
    if (!map.data) return map.as.list.items[i * 2];
    const char *key = map.data->as.entries[i].key;
    return of_string(key, strlen(key));
}

static val map_value(val map, size_t i) {
    return map.data ? of_data(map.data->as.entries[i].value) : map.as.list.items[i * 2 + 1];
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

static bool same_text(struct cel_string a, struct cel_string b) {
    return a.len == b.len && compare_text(a, b) == 0;
}

static bool equal(struct evaluation *e, val a, val b);

static bool map_find(struct evaluation *e, val map, val key, val *ret_value) {
    for (size_t i = 0, count = map_count(map); i < count; i++) {
        if (!equal(e, map_key(map, i), key)) continue;
        *ret_value = map_value(map, i);
        return true;
    }
    return false;
}

static bool equal_lists(struct evaluation *e, val a, val b) {
    if (list_count(a) != list_count(b)) return false;
    for (size_t i = 0, count = list_count(a); i < count; i++)
        if (!equal(e, list_item(a, i), list_item(b, i))) return false;
    return true;
}

static bool equal_maps(struct evaluation *e, val a, val b) {
    if (map_count(a) != map_count(b)) return false;
    for (size_t i = 0, count = map_count(a); i < count; i++) {
        val other;
        if (!map_find(e, b, map_key(a, i), &other) || !equal(e, map_value(a, i), other)) return false;
    }
    return true;
}

// Recursion follows the depth of the values, which the readers of values and the depth of expressions bound.
static bool equal(struct evaluation *e, val a, val b) {
    e->steps++;
    if (is_number(a) && is_number(b)) return !is_nan(a) && !is_nan(b) && compare_numbers(a, b) == 0;
    if (a.kind != b.kind) return false;
    switch (a.kind) {
    case CEL_KIND_NULL: return true;
    case CEL_KIND_BOOL: return a.as.boolean == b.as.boolean;
    case CEL_KIND_STRING: return same_text(a.as.string, b.as.string);
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

// -1, 0 or 1; false when the two have no order.
static bool compare(val a, val b, int *ret_order) {
    if (is_number(a) && is_number(b)) {
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

static val ordered(enum cel_function function, val a, val b) {
    if (is_number(a) && is_number(b) && (is_nan(a) || is_nan(b))) return error("NaN values cannot be ordered");
    int result = 0;
    if (!compare(a, b, &result)) return no_overload();
    if (function == CEL_FN_LESS) return of_bool(result < 0);
    if (function == CEL_FN_LESS_EQUAL) return of_bool(result <= 0);
    if (function == CEL_FN_GREATER) return of_bool(result > 0);
    return of_bool(result >= 0);
}

// ---- arithmetic ----

static val overflow(void) {
    return error("integer overflow");
}

static val int_arithmetic(enum cel_function function, int64_t a, int64_t b) {
    int64_t result = 0;
    switch ((int)function) {
    case CEL_FN_ADD: return __builtin_add_overflow(a, b, &result) ? overflow() : of_int(result);
    case CEL_FN_SUBTRACT: return __builtin_sub_overflow(a, b, &result) ? overflow() : of_int(result);
    case CEL_FN_MULTIPLY: return __builtin_mul_overflow(a, b, &result) ? overflow() : of_int(result);
    default: break;
    }
    if (b == 0) return error(function == CEL_FN_DIVIDE ? "division by zero" : "modulus by zero");
    if (a == INT64_MIN && b == -1) return overflow();
    return of_int(function == CEL_FN_DIVIDE ? a / b : a % b);
}

static val uint_arithmetic(enum cel_function function, uint64_t a, uint64_t b) {
    uint64_t result = 0;
    switch ((int)function) {
    case CEL_FN_ADD: return __builtin_add_overflow(a, b, &result) ? overflow() : of_uint(result);
    case CEL_FN_SUBTRACT: return __builtin_sub_overflow(a, b, &result) ? overflow() : of_uint(result);
    case CEL_FN_MULTIPLY: return __builtin_mul_overflow(a, b, &result) ? overflow() : of_uint(result);
    default: break;
    }
    if (b == 0) return error(function == CEL_FN_DIVIDE ? "division by zero" : "modulus by zero");
    return of_uint(function == CEL_FN_DIVIDE ? a / b : a % b);
}

static val double_arithmetic(enum cel_function function, double a, double b) {
    switch ((int)function) {
    case CEL_FN_ADD: return of_double(a + b);
    case CEL_FN_SUBTRACT: return of_double(a - b);
    case CEL_FN_MULTIPLY: return of_double(a * b);
    case CEL_FN_DIVIDE: return of_double(a / b);
    default: return no_overload();
    }
}

static val concatenate(struct evaluation *e, val a, val b) {
    if (a.kind == CEL_KIND_STRING) {
        const size_t len = a.as.string.len + b.as.string.len;
        if (!spend(e, len)) return too_long();
        struct text text;
        text_init(&text, e->arena);
        text_add(&text, a.as.string.bytes, a.as.string.len);
        text_add(&text, b.as.string.bytes, b.as.string.len);
        return of_text(&text);
    }
    if (!spend(e, list_count(a) + list_count(b))) return too_long();
    val joined = {.kind = CEL_KIND_LIST};
    for (size_t i = 0, count = list_count(a); i < count; i++) push(e, &joined, list_item(a, i));
    for (size_t i = 0, count = list_count(b); i < count; i++) push(e, &joined, list_item(b, i));
    return joined;
}

static val arithmetic(struct evaluation *e, enum cel_function function, val a, val b) {
    if (a.kind != b.kind) return no_overload();
    if (a.kind == CEL_KIND_INT) return int_arithmetic(function, a.as.integer, b.as.integer);
    if (a.kind == CEL_KIND_UINT) return uint_arithmetic(function, a.as.natural, b.as.natural);
    if (a.kind == CEL_KIND_DOUBLE) return double_arithmetic(function, a.as.number, b.as.number);
    if (function == CEL_FN_ADD && (a.kind == CEL_KIND_STRING || a.kind == CEL_KIND_LIST)) return concatenate(e, a, b);
    return no_overload();
}

static val negate(val v) {
    if (v.kind == CEL_KIND_DOUBLE) return of_double(-v.as.number);
    if (v.kind != CEL_KIND_INT) return no_overload();
    return v.as.integer == INT64_MIN ? overflow() : of_int(-v.as.integer);
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
    if (!text || !all_digits(text + (*text == '-' || *text == '+'))) return error("type conversion error");
    errno = 0;
    const long long number = strtoll(text, NULL, 10);
    return errno ? error("type conversion error") : of_int(number);
}

static val uint_of_string(struct evaluation *e, struct cel_string string) {
    const char *text = number_text(e, string);
    if (!text || !all_digits(text)) return error("type conversion error");
    errno = 0;
    const unsigned long long number = strtoull(text, NULL, 10);
    return errno ? error("type conversion error") : of_uint(number);
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
    const val refused = error("type conversion error");
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
    return *end || end == text || (isinf(number) && !written) ? refused : of_double(number);
}

static val bool_of_string(struct cel_string string) {
    static const char *const yes[] = {"1", "t", "T", "true", "TRUE", "True"};
    static const char *const no[] = {"0", "f", "F", "false", "FALSE", "False"};
    for (size_t i = 0; i < sizeof yes / sizeof *yes; i++) {
        if (same_text(string, (struct cel_string){yes[i], strlen(yes[i])})) return of_bool(true);
        if (same_text(string, (struct cel_string){no[i], strlen(no[i])})) return of_bool(false);
    }
    return error("type conversion error");
}

static val to_int(struct evaluation *e, val v) {
    switch (v.kind) {
    case CEL_KIND_INT: return v;
    case CEL_KIND_UINT: return v.as.natural > INT64_MAX ? overflow() : of_int((int64_t)v.as.natural);
    case CEL_KIND_DOUBLE:
        // cel-go leaves out both ends of the range, as they are not exact.
        if (!(v.as.number > -9223372036854775808.0 && v.as.number < 9223372036854775808.0)) return overflow();
        return of_int((int64_t)v.as.number);
    case CEL_KIND_STRING: return int_of_string(e, v.as.string);
    case CEL_KIND_ERROR:
    case CEL_KIND_NULL:
    case CEL_KIND_BOOL:
    case CEL_KIND_LIST:
    case CEL_KIND_MAP:
    case CEL_KIND_TYPE: break;
    }
    return no_overload();
}

static val to_uint(struct evaluation *e, val v) {
    switch (v.kind) {
    case CEL_KIND_UINT: return v;
    case CEL_KIND_INT: return v.as.integer < 0 ? overflow() : of_uint((uint64_t)v.as.integer);
    case CEL_KIND_DOUBLE:
        if (!(v.as.number >= 0 && v.as.number < 18446744073709551616.0)) return overflow();
        return of_uint((uint64_t)v.as.number);
    case CEL_KIND_STRING: return uint_of_string(e, v.as.string);
    case CEL_KIND_ERROR:
    case CEL_KIND_NULL:
    case CEL_KIND_BOOL:
    case CEL_KIND_LIST:
    case CEL_KIND_MAP:
    case CEL_KIND_TYPE: break;
    }
    return no_overload();
}

static val to_double(struct evaluation *e, val v) {
    switch (v.kind) {
    case CEL_KIND_DOUBLE: return v;
    case CEL_KIND_INT: return of_double((double)v.as.integer);
    case CEL_KIND_UINT: return of_double((double)v.as.natural);
    case CEL_KIND_STRING: return double_of_string(e, v.as.string);
    case CEL_KIND_ERROR:
    case CEL_KIND_NULL:
    case CEL_KIND_BOOL:
    case CEL_KIND_LIST:
    case CEL_KIND_MAP:
    case CEL_KIND_TYPE: break;
    }
    return no_overload();
}

// As Go's %g writes it: the fewest digits that read back as the same number, with an exponent when it is below -4 or
// above 5.
static val string_of_double(struct evaluation *e, double number) {
    if (isnan(number)) return of_string("NaN", 3);
    if (isinf(number)) return number > 0 ? of_string("+Inf", 4) : of_string("-Inf", 4);
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
    return of_string(arena_copy(e->arena, text, strlen(text)), strlen(text));
}

static val to_string(struct evaluation *e, val v) {
    char text[32];
    switch (v.kind) {
    case CEL_KIND_STRING: return v;
    case CEL_KIND_BOOL: return v.as.boolean ? of_string("true", 4) : of_string("false", 5);
    case CEL_KIND_DOUBLE: return string_of_double(e, v.as.number);
    case CEL_KIND_INT: snprintf(text, sizeof text, "%lld", (long long)v.as.integer); break;
    case CEL_KIND_UINT: snprintf(text, sizeof text, "%llu", (unsigned long long)v.as.natural); break;
    case CEL_KIND_ERROR:
    case CEL_KIND_NULL:
    case CEL_KIND_LIST:
    case CEL_KIND_MAP:
    case CEL_KIND_TYPE: return no_overload();
    }
    return of_string(arena_copy(e->arena, text, strlen(text)), strlen(text));
}

static val convert(struct evaluation *e, enum cel_function function, val v) {
    switch ((int)function) {
    case CEL_FN_DYN: return v;
    case CEL_FN_BOOL:
        if (v.kind == CEL_KIND_BOOL) return v;
        return v.kind == CEL_KIND_STRING ? bool_of_string(v.as.string) : no_overload();
    case CEL_FN_INT: return to_int(e, v);
    case CEL_FN_UINT: return to_uint(e, v);
    case CEL_FN_DOUBLE: return to_double(e, v);
    case CEL_FN_STRING: return to_string(e, v);
    default: return no_overload();
    }
}

struct cel_value cel_convert(enum cel_function function, struct cel_value value, struct arena *arena) {
    struct evaluation e = {.arena = arena};
    return convert(&e, function, value);
}

// ---- strings ----

static size_t characters(struct cel_string string) {
    return utf8_length(string.bytes, string.len);
}

// The byte where the character begins that many characters from the start; the string's end when there are fewer.
static size_t byte_of(struct cel_string string, size_t character) {
    size_t at = 0;
    while (character-- && at < string.len) utf8_next(string.bytes, string.len, &at);
    return at;
}

static struct cel_string part(struct cel_string string, size_t begin, size_t end) {
    return (struct cel_string){string.bytes + begin, end - begin};
}

static bool starts_with(struct cel_string string, struct cel_string prefix) {
    return prefix.len <= string.len && same_text(part(string, 0, prefix.len), prefix);
}

// The byte where `what` is found at or behind the byte `from`, or SIZE_MAX.
static size_t find_bytes(struct cel_string string, struct cel_string what, size_t from) {
    for (size_t at = from; what.len <= string.len && at <= string.len - what.len; at++)
        if (same_text(part(string, at, at + what.len), what)) return at;
    return SIZE_MAX;
}

static val out_of_range(void) {
    return error("index out of range");
}

static val string_index_of(struct cel_string string, struct cel_string what, int64_t from) {
    if (from < 0) return out_of_range();
    const size_t count = characters(string);
    const size_t begin = (uint64_t)from > count ? count : (size_t)from;
    if (!what.len) return of_int((int64_t)begin);
    const size_t found = find_bytes(string, what, byte_of(string, begin));
    return of_int(found == SIZE_MAX ? -1 : (int64_t)characters(part(string, 0, found)));
}

static val string_last_index_of(struct cel_string string, struct cel_string what, int64_t from) {
    if (from < 0) return out_of_range();
    const size_t count = characters(string);
    if (!what.len) return of_int((uint64_t)from > count ? (int64_t)count : from);
    if ((uint64_t)from >= count) return of_int(-1);
    const size_t last = byte_of(string, (size_t)from);
    for (size_t at = last + 1; at-- > 0;)
        if (string.len - at >= what.len && same_text(part(string, at, at + what.len), what))
            return of_int((int64_t)characters(part(string, 0, at)));
    return of_int(-1);
}

static val substring(struct cel_string string, int64_t begin, int64_t end) {
    const int64_t count = (int64_t)characters(string);
    if (begin > end || begin < 0 || begin > count || end > count) return out_of_range();
    const struct cel_string found = part(string, byte_of(string, (size_t)begin), byte_of(string, (size_t)end));
    return of_string(found.bytes, found.len);
}

static val char_at(struct cel_string string, int64_t index) {
    const int64_t count = (int64_t)characters(string);
    if (index < 0 || index > count) return out_of_range();
    return index == count ? of_string("", 0) : substring(string, index, index + 1);
}

static val change_case(struct evaluation *e, struct cel_string string, char first, char last) {
    char *changed = arena_copy(e->arena, string.bytes, string.len);
    for (size_t i = 0; i < string.len; i++)
        if (changed[i] >= first && changed[i] <= last) changed[i] = (char)(changed[i] ^ 0x20);
    return of_string(changed, string.len);
}

static bool is_space(uint32_t c) {
    return (c >= '\t' && c <= '\r') || c == ' ' || c == 0x85 || c == 0xa0 || c == 0x1680 ||
           (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x202f || c == 0x205f || c == 0x3000;
}

static val trim(struct cel_string string) {
    size_t begin = SIZE_MAX, end = 0;
    for (size_t at = 0; at < string.len;) {
        const size_t here = at;
        if (is_space(utf8_next(string.bytes, string.len, &at))) continue;
        if (begin == SIZE_MAX) begin = here;
        end = at;
    }
    return begin == SIZE_MAX ? of_string("", 0) : of_string(string.bytes + begin, end - begin);
}

static val replace(struct evaluation *e, struct cel_string string, struct cel_string old, struct cel_string new,
                   int64_t times) {
    struct text text;
    text_init(&text, e->arena);
    size_t at = 0;
    for (; times != 0; times--) {
        // Nothing is found before every character and at the end.
        const size_t found = find_bytes(string, old, at);
        if (found == SIZE_MAX) break;
        text_add(&text, string.bytes + at, found - at);
        if (!spend(e, new.len + 1)) return too_long();
        text_add(&text, new.bytes, new.len);
        at = found + old.len;
        if (old.len) continue;
        if (at >= string.len) return of_text(&text);
        const size_t before = at;
        utf8_next(string.bytes, string.len, &at);
        text_add(&text, string.bytes + before, at - before);
    }
    text_add(&text, string.bytes + at, string.len - at);
    return of_text(&text);
}

static val split(struct evaluation *e, struct cel_string string, struct cel_string separator, int64_t limit) {
    val list = {.kind = CEL_KIND_LIST};
    if (limit == 0) return list;
    size_t at = 0;
    while (limit < 0 || (int64_t)list.as.list.count < limit - 1) {
        size_t end = 0, next = 0;
        if (separator.len) {
            end = find_bytes(string, separator, at);
            if (end == SIZE_MAX) break;
            next = end + separator.len;
        } else {
            if (at >= string.len) return list;
            next = at;
            utf8_next(string.bytes, string.len, &next);
            if (next == string.len) break;
            end = next;
        }
        push(e, &list, of_string(string.bytes + at, end - at));
        at = next;
    }
    if (separator.len || at < string.len) push(e, &list, of_string(string.bytes + at, string.len - at));
    return list;
}

static val join(struct evaluation *e, val list, struct cel_string separator) {
    struct text text;
    text_init(&text, e->arena);
    for (size_t i = 0, count = list_count(list); i < count; i++) {
        const val item = list_item(list, i);
        if (item.kind != CEL_KIND_STRING) return no_overload();
        if (!spend(e, item.as.string.len + separator.len)) return too_long();
        if (i) text_add(&text, separator.bytes, separator.len);
        text_add(&text, item.as.string.bytes, item.as.string.len);
    }
    return of_text(&text);
}

static val matches(struct evaluation *e, const struct cel_node *node, struct cel_string string,
                   struct cel_string pattern) {
    const struct regex *regex = node->regex;
    if (!regex) {
        const char *why = NULL;
        size_t offset = 0;
        if (pattern.len && memchr(pattern.bytes, '\0', pattern.len)) return error("a pattern with a NUL");
        regex = regex_compile(e->arena, arena_copy(e->arena, pattern.bytes, pattern.len), &why, &offset);
        if (!regex) return error(why);
    }
    if (!spend(e, string.len)) return too_long();
    return of_bool(regex_match(regex, string.bytes, string.len, e->arena));
}

// ---- lists ----

static val list_index_of(struct evaluation *e, val list, val item, bool last) {
    int64_t found = -1;
    for (size_t i = 0, count = list_count(list); i < count; i++) {
        if (!equal(e, list_item(list, i), item)) continue;
        found = (int64_t)i;
        if (!last) break;
    }
    return of_int(found);
}

static bool has_order(val v) {
    return is_number(v) || v.kind == CEL_KIND_BOOL || v.kind == CEL_KIND_STRING;
}

// min, max and isSorted: items that have no order among each other are passed over, as the API server does.
static val by_order(enum cel_function function, val list) {
    const size_t count = list_count(list);
    if (!count)
        return function == CEL_FN_IS_SORTED
                   ? of_bool(true)
                   : error(function == CEL_FN_MIN ? "min called on empty list" : "max called on empty list");
    val best = list_item(list, 0);
    if (!has_order(best)) return no_overload();
    for (size_t i = 1; i < count; i++) {
        const val item = list_item(list, i);
        int result = 0;
        if (!has_order(item)) return no_overload();
        const bool known = compare(best, item, &result);
        if (function == CEL_FN_IS_SORTED) {
            if (known && result > 0) return of_bool(false);
            best = item;
        } else if (known && (function == CEL_FN_MIN ? result > 0 : result < 0)) {
            best = item;
        }
    }
    return function == CEL_FN_IS_SORTED ? of_bool(true) : best;
}

static val sum(struct evaluation *e, const struct cel_node *node, val list) {
    val total = of_int(0);
    const size_t count = list_count(list);
    // What the sum of nothing is, the static type tells.
    if (!count && node->type->kind == CEL_TYPE_DOUBLE) total = of_double(0);
    if (!count && node->type->kind == CEL_TYPE_UINT) total = of_uint(0);
    for (size_t i = 0; i < count; i++) {
        const val item = list_item(list, i);
        if (!is_number(item)) return no_overload();
        if (i == 0) {
            total = item;
            continue;
        }
        total = arithmetic(e, CEL_FN_ADD, total, item);
        if (total.kind == CEL_KIND_ERROR) return total;
    }
    return total;
}

// ---- access ----

static val no_such_key(struct evaluation *e, val key) {
    if (key.kind != CEL_KIND_STRING) return error("no such key");
    struct text text;
    text_init(&text, e->arena);
    text_add_string(&text, "no such key: ");
    text_add(&text, key.as.string.bytes, key.as.string.len);
    return error(text_string(&text));
}

// A number as an index; false when it is none or not whole.
static bool index_of(val v, int64_t *ret_index) {
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

static val index_into(struct evaluation *e, val container, val key) {
    if (container.kind == CEL_KIND_MAP) {
        val found;
        return map_find(e, container, key, &found) ? found : no_such_key(e, key);
    }
    if (container.kind != CEL_KIND_LIST) return no_overload();
    int64_t index = 0;
    if (!index_of(key, &index)) return error("unsupported index type");
    if (index < 0 || (uint64_t)index >= list_count(container)) return error("index out of bounds");
    return list_item(container, (size_t)index);
}

static val is_in(struct evaluation *e, val item, val container) {
    val found;
    if (container.kind == CEL_KIND_MAP) return of_bool(map_find(e, container, item, &found));
    if (container.kind != CEL_KIND_LIST) return no_overload();
    for (size_t i = 0, count = list_count(container); i < count; i++)
        if (equal(e, list_item(container, i), item)) return of_bool(true);
    return of_bool(false);
}

static val size_of(val v) {
    if (v.kind == CEL_KIND_STRING) return of_int((int64_t)characters(v.as.string));
    if (v.kind == CEL_KIND_LIST) return of_int((int64_t)list_count(v));
    if (v.kind == CEL_KIND_MAP) return of_int((int64_t)map_count(v));
    return no_overload();
}

static val select_field(struct evaluation *e, val target, const char *name) {
    if (target.kind == CEL_KIND_ERROR) return target;
    const val key = of_string(name, strlen(name));
    val found;
    if (target.kind != CEL_KIND_MAP) return target.kind == CEL_KIND_LIST ? no_overload() : no_such_key(e, key);
    return map_find(e, target, key, &found) ? found : no_such_key(e, key);
}

static val has_field(struct evaluation *e, val target, const char *name) {
    val found;
    if (target.kind == CEL_KIND_ERROR) return target;
    if (target.kind == CEL_KIND_LIST) return no_overload();
    if (target.kind != CEL_KIND_MAP) return of_bool(false);
    return of_bool(map_find(e, target, of_string(name, strlen(name)), &found));
}

// ---- nodes ----

static val evaluate(struct evaluation *e, const struct cel_node *node);

enum { MAX_ARGUMENTS = 4 }; // of any overload

static bool all_strings(const val *args, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (args[i].kind != CEL_KIND_STRING) return false;
    return true;
}

// Functions of strings: the kinds of the arguments beyond the count of strings are one integer.
static val call_string(struct evaluation *e, const struct cel_node *node, const val *args, size_t count) {
    const struct cel_string s = args[0].as.string;
    const bool has_int = count > 1 && args[count - 1].kind == CEL_KIND_INT;
    const int64_t last = has_int ? args[count - 1].as.integer : -1;
    const size_t strings = has_int ? count - 1 : count;
    switch ((int)node->function) {
    case CEL_FN_SUBSTRING:
        if (count < 2 || args[1].kind != CEL_KIND_INT || !has_int) return no_overload();
        return substring(s, args[1].as.integer, count == 3 ? last : (int64_t)characters(s));
    case CEL_FN_CHAR_AT: return has_int ? char_at(s, last) : no_overload();
    default: break;
    }
    if (!all_strings(args, strings)) return no_overload();
    const struct cel_string t = strings > 1 ? args[1].as.string : (struct cel_string){"", 0};
    if (!spend(e, s.len)) return too_long();
    switch ((int)node->function) {
    case CEL_FN_LOWER_ASCII: return change_case(e, s, 'A', 'Z');
    case CEL_FN_UPPER_ASCII: return change_case(e, s, 'a', 'z');
    case CEL_FN_TRIM: return trim(s);
    default: break;
    }
    if (strings < 2) return no_overload();
    switch ((int)node->function) {
    case CEL_FN_REPLACE: return strings < 3 ? no_overload() : replace(e, s, t, args[2].as.string, last);
    case CEL_FN_SPLIT: return split(e, s, t, last);
    case CEL_FN_INDEX_OF: return string_index_of(s, t, has_int ? last : 0);
    case CEL_FN_LAST_INDEX_OF: {
        const int64_t end = (int64_t)characters(s);
        if (!has_int && !t.len) return of_int(end);
        return !has_int && s.len < t.len ? of_int(-1) : string_last_index_of(s, t, has_int ? last : end - 1);
    }
    default: break;
    }
    if (has_int) return no_overload();
    switch ((int)node->function) {
    case CEL_FN_CONTAINS: return of_bool(find_bytes(s, t, 0) != SIZE_MAX);
    case CEL_FN_STARTS_WITH: return of_bool(starts_with(s, t));
    case CEL_FN_ENDS_WITH: return of_bool(t.len <= s.len && same_text(part(s, s.len - t.len, s.len), t));
    case CEL_FN_MATCHES: return matches(e, node, s, t);
    default: return no_overload();
    }
}

static val call_list(struct evaluation *e, const struct cel_node *node, const val *args, size_t count) {
    switch ((int)node->function) {
    case CEL_FN_INDEX_OF:
    case CEL_FN_LAST_INDEX_OF:
        return count == 2 ? list_index_of(e, args[0], args[1], node->function == CEL_FN_LAST_INDEX_OF) : no_overload();
    case CEL_FN_JOIN:
        if (count == 2 && args[1].kind != CEL_KIND_STRING) return no_overload();
        return join(e, args[0], count == 2 ? args[1].as.string : (struct cel_string){"", 0});
    case CEL_FN_IS_SORTED:
    case CEL_FN_MIN:
    case CEL_FN_MAX: return by_order(node->function, args[0]);
    case CEL_FN_SUM: return sum(e, node, args[0]);
    default: return no_overload();
    }
}

static val type_of(val v) {
    return (val){.kind = CEL_KIND_TYPE, .as.type = v.kind};
}

static val call(struct evaluation *e, const struct cel_node *node, const val *args, size_t count) {
    switch (node->function) {
    case CEL_FN_CONDITIONAL: break; // evaluated lazily
    case CEL_FN_NOT: return args[0].kind == CEL_KIND_BOOL ? of_bool(!args[0].as.boolean) : no_overload();
    case CEL_FN_NEGATE: return negate(args[0]);
    case CEL_FN_EQUAL: return of_bool(equal(e, args[0], args[1]));
    case CEL_FN_NOT_EQUAL: return of_bool(!equal(e, args[0], args[1]));
    case CEL_FN_LESS:
    case CEL_FN_LESS_EQUAL:
    case CEL_FN_GREATER:
    case CEL_FN_GREATER_EQUAL: return ordered(node->function, args[0], args[1]);
    case CEL_FN_ADD:
    case CEL_FN_SUBTRACT:
    case CEL_FN_MULTIPLY:
    case CEL_FN_DIVIDE:
    case CEL_FN_MODULO: return arithmetic(e, node->function, args[0], args[1]);
    case CEL_FN_IN: return is_in(e, args[0], args[1]);
    case CEL_FN_INDEX: return index_into(e, args[0], args[1]);
    case CEL_FN_SIZE: return size_of(args[0]);
    case CEL_FN_TYPE: return type_of(args[0]);
    case CEL_FN_DYN:
    case CEL_FN_BOOL:
    case CEL_FN_INT:
    case CEL_FN_UINT:
    case CEL_FN_DOUBLE:
    case CEL_FN_STRING: return convert(e, node->function, args[0]);
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
        if (args[0].kind == CEL_KIND_STRING) return call_string(e, node, args, count);
        return args[0].kind == CEL_KIND_LIST ? call_list(e, node, args, count) : no_overload();
    case CEL_FN_COUNT: break;
    }
    return no_overload();
}

static val evaluate_conditional(struct evaluation *e, const struct cel_node *node) {
    const val condition = evaluate(e, node->args[0]);
    if (condition.kind == CEL_KIND_ERROR) return condition;
    if (condition.kind != CEL_KIND_BOOL) return no_overload();
    return evaluate(e, node->args[condition.as.boolean ? 1 : 2]);
}

static val evaluate_call(struct evaluation *e, const struct cel_node *node) {
    if (node->function == CEL_FN_CONDITIONAL) return evaluate_conditional(e, node);
    // cel-go compiles this to false, whatever is on the left.
    if (node->function == CEL_FN_IN && node->args[1]->kind == CEL_NODE_LIST && !node->args[1]->count)
        return of_bool(false);
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
    val result = of_bool(!decisive);
    for (size_t i = 0; i < node->count; i++) {
        const val operand = evaluate(e, node->args[i]);
        if (operand.kind == CEL_KIND_BOOL && operand.as.boolean == decisive) return operand;
        if (operand.kind == CEL_KIND_BOOL || result.kind == CEL_KIND_ERROR) continue;
        result = operand.kind == CEL_KIND_ERROR ? operand : no_overload();
    }
    return result;
}

static val evaluate_list(struct evaluation *e, const struct cel_node *node) {
    val list = {.kind = CEL_KIND_LIST};
    for (size_t i = 0; i < node->count; i++) {
        const val item = evaluate(e, node->args[i]);
        if (item.kind == CEL_KIND_ERROR) return item;
        push(e, &list, item);
    }
    return list;
}

// A key that comes again replaces the value, unless it is a number of another kind.
static void set_entry(struct evaluation *e, val *map, val key, val value) {
    for (size_t i = 0; i < map->as.list.count; i += 2) {
        if (map->as.list.items[i].kind != key.kind || !equal(e, map->as.list.items[i], key)) continue;
        map->as.list.items[i + 1] = value;
        return;
    }
    push(e, map, key);
    push(e, map, value);
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
    const val problem = first.kind == CEL_KIND_ERROR ? first : no_overload();
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
        fold->result = is_bool ? of_bool(fold->matched == 1) : problem;
        return !is_bool;
    case CEL_MACRO_FILTER:
        if (yes) push(e, &fold->result, item);
        if (!is_bool) fold->result = problem;
        return !is_bool;
    case CEL_MACRO_MAP: {
        if (node->count == 2 && is_bool && !yes) return false;
        const val made = node->count == 1 ? first : is_bool ? evaluate(e, node->args[1]) : problem;
        if (made.kind == CEL_KIND_ERROR)
            fold->result = made;
        else
            push(e, &fold->result, made);
        return made.kind == CEL_KIND_ERROR;
    }
    }
    return true;
}

static val evaluate_macro(struct evaluation *e, const struct cel_node *node) {
    const val range = evaluate(e, node->target);
    if (range.kind == CEL_KIND_ERROR) return range;
    if (range.kind != CEL_KIND_LIST && range.kind != CEL_KIND_MAP) return no_overload();
    const bool makes_list = node->macro == CEL_MACRO_MAP || node->macro == CEL_MACRO_FILTER;
    struct fold fold = {makes_list ? (val){.kind = CEL_KIND_LIST} : of_bool(node->macro == CEL_MACRO_ALL), 0};
    struct frame frame = {.binder = node, .outer = e->frame};
    e->frame = &frame;
    const size_t count = range.kind == CEL_KIND_LIST ? list_count(range) : map_count(range);
    for (size_t i = 0; i < count; i++) {
        frame.value = range.kind == CEL_KIND_LIST ? list_item(range, i) : map_key(range, i);
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
    case CEL_OBJECT: return of_data(e->env->object);
    case CEL_OLD_OBJECT: return of_data(e->env->old_object);
    case CEL_REQUEST: return of_data(e->env->request);
    case CEL_NAMESPACE_OBJECT: return of_data(e->env->namespace_object);
    case CEL_VARIABLES: break;
    }
    return error("no such variable");
}

// Recursion is bounded by the depth of the tree, which the builders limit.
static val evaluate(struct evaluation *e, const struct cel_node *node) {
    if (!spend(e, 1)) return too_long();
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
    return no_overload();
}

enum cel_result cel_evaluate(const struct cel_expr *expr, const struct cel_env *env, struct arena *scratch,
                             const char **ret_error) {
    struct evaluation e = {.env = env, .arena = scratch};
    const val result = evaluate(&e, expr->root);
    if (e.steps > MAX_STEPS) {
        *ret_error = too_long().as.error;
        return CEL_ERROR;
    }
    if (result.kind == CEL_KIND_BOOL) return result.as.boolean ? CEL_TRUE : CEL_FALSE;
    *ret_error = result.kind == CEL_KIND_ERROR ? result.as.error : "the expression is not a bool";
    return CEL_ERROR;
}
