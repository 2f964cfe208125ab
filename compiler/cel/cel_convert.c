// Conversions of CEL between kinds of values, as cel-go and Go's strconv read and write them.
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/text.h"
#include "cel/cel_internal.h"

static val overflow(void) {
    return val_error("integer overflow");
}

static val refused(void) {
    return val_error("type conversion error");
}

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
    if (!text || !all_digits(text + (*text == '-' || *text == '+'))) return refused();
    errno = 0;
    const long long number = strtoll(text, NULL, 10);
    return errno ? refused() : val_of_int(number);
}

static val uint_of_string(struct evaluation *e, struct cel_string string) {
    const char *text = number_text(e, string);
    if (!text || !all_digits(text)) return refused();
    errno = 0;
    const unsigned long long number = strtoull(text, NULL, 10);
    return errno ? refused() : val_of_uint(number);
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
    const char *text = number_text(e, string);
    if (text) text = without_underscores(e, text);
    // nan(…), a signed nan and hexadecimal digits without an exponent are C's alone.
    if (!text || strchr(text, '(')) return refused();
    const bool is_signed = *text == '-' || *text == '+';
    if (is_signed && strpbrk(text, "aA") && !strpbrk(text, "xX")) return refused();
    if (strpbrk(text, "xX") && !strpbrk(text, "pP")) return refused();
    char *end = NULL;
    const double number = strtod(text, &end);
    const bool written = strpbrk(text, "iI") != NULL;
    return *end || end == text || (isinf(number) && !written) ? refused() : val_of_double(number);
}

static val bool_of_string(struct cel_string string) {
    static const char *const yes[] = {"1", "t", "T", "true", "TRUE", "True"};
    static const char *const no[] = {"0", "f", "F", "false", "FALSE", "False"};
    for (size_t i = 0; i < sizeof yes / sizeof *yes; i++) {
        if (val_same_text(string, (struct cel_string){yes[i], strlen(yes[i])})) return val_of_bool(true);
        if (val_same_text(string, (struct cel_string){no[i], strlen(no[i])})) return val_of_bool(false);
    }
    return refused();
}

static val to_int(struct evaluation *e, val v) {
    switch ((int)v.kind) {
    case CEL_KIND_INT: return v;
    case CEL_KIND_DURATION: return val_of_int(v.as.integer);
    case CEL_KIND_TIMESTAMP: return val_of_int(v.as.time.seconds);
    case CEL_KIND_UINT: return v.as.natural > INT64_MAX ? overflow() : val_of_int((int64_t)v.as.natural);
    case CEL_KIND_DOUBLE:
        // cel-go leaves out both ends of the range, as they are not exact.
        if (!(v.as.number > -9223372036854775808.0 && v.as.number < 9223372036854775808.0)) return overflow();
        return val_of_int((int64_t)v.as.number);
    case CEL_KIND_STRING: return int_of_string(e, v.as.string);
    default: break;
    }
    return val_no_overload();
}

static val to_uint(struct evaluation *e, val v) {
    switch ((int)v.kind) {
    case CEL_KIND_UINT: return v;
    case CEL_KIND_INT: return v.as.integer < 0 ? overflow() : val_of_uint((uint64_t)v.as.integer);
    case CEL_KIND_DOUBLE:
        if (!(v.as.number >= 0 && v.as.number < 18446744073709551616.0)) return overflow();
        return val_of_uint((uint64_t)v.as.number);
    case CEL_KIND_STRING: return uint_of_string(e, v.as.string);
    default: break;
    }
    return val_no_overload();
}

static val to_double(struct evaluation *e, val v) {
    switch ((int)v.kind) {
    case CEL_KIND_DOUBLE: return v;
    case CEL_KIND_INT: return val_of_double((double)v.as.integer);
    case CEL_KIND_UINT: return val_of_double((double)v.as.natural);
    case CEL_KIND_STRING: return double_of_string(e, v.as.string);
    default: break;
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

static const char *const kind_names[] = {
    [CEL_KIND_NULL] = "null_type",
    [CEL_KIND_BOOL] = "bool",
    [CEL_KIND_INT] = "int",
    [CEL_KIND_UINT] = "uint",
    [CEL_KIND_DOUBLE] = "double",
    [CEL_KIND_STRING] = "string",
    [CEL_KIND_BYTES] = "bytes",
    [CEL_KIND_LIST] = "list",
    [CEL_KIND_MAP] = "map",
    [CEL_KIND_TYPE] = "type",
    [CEL_KIND_TIMESTAMP] = "google.protobuf.Timestamp",
    [CEL_KIND_DURATION] = "google.protobuf.Duration",
    [CEL_KIND_OPTIONAL] = "optional_type",
    [CEL_KIND_QUANTITY] = "kubernetes.Quantity",
    [CEL_KIND_URL] = "kubernetes.URL",
    [CEL_KIND_IP] = "net.IP",
    [CEL_KIND_CIDR] = "net.CIDR",
    [CEL_KIND_SEMVER] = "kubernetes.Semver",
    [CEL_KIND_FORMAT] = "kubernetes.NamedFormat",
    [CEL_KIND_AUTHORIZATION] = "kubernetes.authorization.Authorizer",
};

const char *val_kind_name(enum cel_kind kind) {
    return kind < sizeof kind_names / sizeof *kind_names && kind_names[kind] ? kind_names[kind] : "error";
}

static val to_string(struct evaluation *e, val v) {
    char text[32];
    switch ((int)v.kind) {
    case CEL_KIND_STRING: return v;
    case CEL_KIND_BYTES:
        if (utf8_valid_prefix(v.as.string.bytes, v.as.string.len) != v.as.string.len)
            return val_error("invalid UTF-8 in bytes, cannot convert to string");
        return val_of_string(v.as.string.bytes, v.as.string.len);
    case CEL_KIND_BOOL: return v.as.boolean ? val_of_string("true", 4) : val_of_string("false", 5);
    case CEL_KIND_DOUBLE: return string_of_double(e, v.as.number);
    case CEL_KIND_TIMESTAMP: return val_print_time(e, v.as.time);
    case CEL_KIND_DURATION: return val_print_duration(e, v.as.integer);
    case CEL_KIND_IP:
    case CEL_KIND_CIDR: return val_print_address(e, v);
    case CEL_KIND_INT: snprintf(text, sizeof text, "%lld", (long long)v.as.integer); break;
    case CEL_KIND_UINT: snprintf(text, sizeof text, "%llu", (unsigned long long)v.as.natural); break;
    default: return val_no_overload();
    }
    return val_of_string(arena_copy(e->arena, text, strlen(text)), strlen(text));
}

static val to_bytes(val v) {
    if (v.kind != CEL_KIND_BYTES && v.kind != CEL_KIND_STRING) return val_no_overload();
    return val_of_bytes(v.as.string.bytes, v.as.string.len);
}

static val to_timestamp(val v) {
    if (v.kind == CEL_KIND_INT) return val_time_of_seconds(v.as.integer);
    if (v.kind == CEL_KIND_STRING) return val_parse_time(v.as.string);
    return v.kind == CEL_KIND_TIMESTAMP ? v : val_no_overload();
}

static val to_duration(val v) {
    if (v.kind == CEL_KIND_STRING) return val_parse_duration(v.as.string);
    return v.kind == CEL_KIND_DURATION ? v : val_no_overload();
}

val val_convert(struct evaluation *e, enum cel_function function, val v) {
    switch ((int)function) {
    case CEL_FN_DYN: return v;
    case CEL_FN_BOOL:
        if (v.kind == CEL_KIND_BOOL) return v;
        return v.kind == CEL_KIND_STRING ? bool_of_string(v.as.string) : val_no_overload();
    case CEL_FN_BYTES: return to_bytes(v);
    case CEL_FN_INT: return to_int(e, v);
    case CEL_FN_UINT: return to_uint(e, v);
    case CEL_FN_DOUBLE: return to_double(e, v);
    case CEL_FN_STRING: return to_string(e, v);
    case CEL_FN_TIMESTAMP: return to_timestamp(v);
    case CEL_FN_DURATION: return to_duration(v);
    default: return val_no_overload();
    }
}

struct cel_value cel_convert(enum cel_function function, struct cel_value value, struct arena *arena) {
    struct evaluation e = {.arena = arena};
    return val_convert(&e, function, value);
}
