// format() and strings.quote() of CEL, as cel-go's string extension writes values in the locale en_US, which it always
// does in the API server.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/text.h"
#include "cel/cel_internal.h"

// ---- the format string ----

enum { DEFAULT_PRECISION = 6, MAX_PRECISION = 1000000 };

struct clause {
    char letter;
    int precision;
};

// Reads what is behind a percent sign; false when it is no clause.
static bool read_clause(struct cel_string format, size_t *at, struct clause *ret_clause) {
    ret_clause->precision = DEFAULT_PRECISION;
    if (*at < format.len && format.bytes[*at] == '.') {
        const size_t begin = ++*at;
        ret_clause->precision = 0;
        for (; *at < format.len && format.bytes[*at] >= '0' && format.bytes[*at] <= '9'; ++*at)
            if (ret_clause->precision <= MAX_PRECISION)
                ret_clause->precision = ret_clause->precision * 10 + format.bytes[*at] - '0';
        if (*at == begin || ret_clause->precision > MAX_PRECISION) return false;
    }
    if (*at >= format.len) return false;
    ret_clause->letter = format.bytes[(*at)++];
    return ret_clause->letter && strchr("sdfebxXo", ret_clause->letter);
}

// ---- values ----

struct printer {
    struct evaluation *e;
    struct text *text;
    const char *error;
};

static void print_value(struct printer *p, val v);

static void refuse(struct printer *p, const char *error) {
    if (!p->error) p->error = error;
}

static bool is_printable(struct printer *p, uint32_t c) {
    static const struct {
        uint32_t lo, hi;
    } known[] = {{0x20, 0x7e},     {0xa1, 0xac},     {0xae, 0x377},    {0x400, 0x52f},
                 {0x3040, 0x3040}, {0x3041, 0x3096}, {0x30a1, 0x30fa}, {0x4e00, 0x9fff}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (c >= known[i].lo && c <= known[i].hi) return true;
    if (c > 0xa0) refuse(p, "klockc does not know whether format() prints a character as it is");
    return false;
}

// As Go's %q writes a string.
static void print_quoted(struct printer *p, struct cel_string string) {
    static const char special[] = "\a\b\f\n\r\t\v\\\"", letters[] = "abfnrtv\\\"";
    text_add_char(p->text, '"');
    for (size_t at = 0; at < string.len;) {
        const size_t begin = at;
        const uint32_t c = utf8_next(string.bytes, string.len, &at);
        const char *found = c && c < 0x80 ? strchr(special, (int)c) : NULL;
        if (found)
            text_printf(p->text, "\\%c", letters[found - special]);
        else if (is_printable(p, c))
            text_add(p->text, string.bytes + begin, at - begin);
        else
            text_printf(p->text, c < 0x80 ? "\\x%02x" : "\\u%04x", (unsigned)c);
    }
    text_add_char(p->text, '"');
}

static void print_string_of(struct printer *p, val v) {
    const val string = val_convert(p->e, CEL_FN_STRING, v);
    if (string.kind != CEL_KIND_STRING)
        refuse(p, string.as.error);
    else if (!cel_spend(p->e, string.as.string.len))
        refuse(p, cel_too_long().as.error);
    else
        text_add(p->text, string.as.string.bytes, string.as.string.len);
}

static void print_list(struct printer *p, val list) {
    text_add_char(p->text, '[');
    for (size_t i = 0, count = val_list_count(list); i < count && !p->error; i++) {
        if (i) text_add_string(p->text, ", ");
        print_value(p, val_list_item(list, i));
    }
    text_add_char(p->text, ']');
}

struct entry {
    struct cel_string key, value;
};

static struct cel_string printed(struct printer *p, val v) {
    struct text text, *outer = p->text;
    text_init(&text, p->e->arena);
    p->text = &text;
    print_value(p, v);
    p->text = outer;
    return (struct cel_string){text_string(&text), text.len};
}

static int compare_entries(const void *a, const void *b) {
    const struct entry *left = a, *right = b;
    return val_compare_text(left->key, right->key);
}

static void print_map(struct printer *p, val map) {
    const size_t count = val_map_count(map);
    struct entry *entries = ARENA_ARRAY(p->e->arena, struct entry, count);
    for (size_t i = 0; i < count && !p->error; i++) {
        const val key = val_map_key(map, i);
        if (key.kind == CEL_KIND_DOUBLE) refuse(p, "no formatting function for map keys of type double");
        entries[i] = (struct entry){printed(p, key), printed(p, val_map_value(map, i))};
    }
    if (p->error) return;
    qsort(entries, count, sizeof *entries, compare_entries);
    text_add_char(p->text, '{');
    for (size_t i = 0; i < count; i++) {
        text_add_string(p->text, i ? ", " : "");
        text_add(p->text, entries[i].key.bytes, entries[i].key.len);
        text_add_char(p->text, ':');
        text_add(p->text, entries[i].value.bytes, entries[i].value.len);
    }
    text_add_char(p->text, '}');
}

static void print_double_inside(struct printer *p, double number) {
    if (isnan(number))
        text_add_string(p->text, "\"NaN\"");
    else if (isinf(number))
        text_add_string(p->text, number > 0 ? "\"+Inf\"" : "\"-Inf\"");
    else
        text_printf(p->text, "%.*f", DEFAULT_PRECISION, number);
}

// A value within a list or a map. Recursion follows the depth of the value.
static void print_value(struct printer *p, val v) {
    if (!cel_spend(p->e, 1)) refuse(p, cel_too_long().as.error);
    if (p->error) return;
    switch ((int)v.kind) {
    case CEL_KIND_NULL: text_add_string(p->text, "null"); return;
    case CEL_KIND_LIST: print_list(p, v); return;
    case CEL_KIND_MAP: print_map(p, v); return;
    case CEL_KIND_DOUBLE: print_double_inside(p, v.as.number); return;
    case CEL_KIND_STRING: print_quoted(p, v.as.string); return;
    case CEL_KIND_BYTES: {
        const val string = val_convert(p->e, CEL_FN_STRING, v);
        if (string.kind == CEL_KIND_ERROR) refuse(p, string.as.error);
        text_add_char(p->text, 'b');
        if (!p->error) print_quoted(p, string.as.string);
        return;
    }
    case CEL_KIND_TYPE: text_add_string(p->text, val_kind_name(v.as.type)); return;
    case CEL_KIND_TIMESTAMP:
    case CEL_KIND_DURATION:
        text_add_string(p->text, v.kind == CEL_KIND_TIMESTAMP ? "timestamp(\"" : "duration(\"");
        print_string_of(p, v);
        text_add_string(p->text, "\")");
        return;
    case CEL_KIND_BOOL:
    case CEL_KIND_INT:
    case CEL_KIND_UINT: print_string_of(p, v); return;
    default: refuse(p, "no formatting function for the value");
    }
}

// ---- clauses ----

static void print_string(struct printer *p, val v) {
    switch ((int)v.kind) {
    case CEL_KIND_LIST:
    case CEL_KIND_MAP:
    case CEL_KIND_NULL:
    case CEL_KIND_TYPE: print_value(p, v); return;
    case CEL_KIND_STRING:
    case CEL_KIND_BYTES:
    case CEL_KIND_BOOL:
    case CEL_KIND_INT:
    case CEL_KIND_UINT:
    case CEL_KIND_DOUBLE:
    case CEL_KIND_TIMESTAMP:
    case CEL_KIND_DURATION: print_string_of(p, v); return;
    default: refuse(p, "the value cannot be formatted as a string");
    }
}

// The number of a double, or of a text that says what no literal can.
static bool read_double(val v, double *ret_number) {
    if (v.kind == CEL_KIND_DOUBLE) {
        *ret_number = v.as.number;
        return true;
    }
    if (v.kind != CEL_KIND_STRING) return false;
    *ret_number = val_text_is(v.as.string, "NaN") ? NAN : val_text_is(v.as.string, "-Infinity") ? -INFINITY : INFINITY;
    return isnan(*ret_number) || *ret_number < 0 || val_text_is(v.as.string, "Infinity");
}

static const char *special_double(double number) {
    if (isnan(number)) return "NaN";
    return number > 0 ? "\xe2\x88\x9e" : "-\xe2\x88\x9e"; // infinity
}

static char *number_text(struct printer *p, const char *format, int precision, double number) {
    const size_t size = (size_t)precision + 400;
    if (!cel_spend(p->e, size)) refuse(p, cel_too_long().as.error);
    if (p->error) return NULL;
    char *text = arena_alloc(p->e->arena, size);
    // Both formats are constants of this file.
    if (*format == 'f')
        snprintf(text, size, "%.*f", precision, number);
    else
        snprintf(text, size, "%.*e", precision, number);
    return text;
}

static void print_fixed(struct printer *p, val v, int precision) {
    double number = 0;
    if (!read_double(v, &number)) {
        refuse(p, "fixed-point clause can only be used on doubles");
        return;
    }
    if (!isfinite(number)) {
        text_add_string(p->text, special_double(number));
        return;
    }
    const char *text = number_text(p, "f", precision, fabs(number));
    if (!text) return;
    if (number < 0) text_add_char(p->text, '-');
    const size_t digits = strcspn(text, ".");
    for (size_t i = 0; i < digits; i++) {
        if (i && (digits - i) % 3 == 0) text_add_char(p->text, ',');
        text_add_char(p->text, text[i]);
    }
    text_add_string(p->text, text + digits);
}

// 1.052033×10⁰³, in as many columns as the precision says, which always is six digits.
static void print_scientific(struct printer *p, val v, int width) {
    static const char *const raised[] = {"\xe2\x81\xb0", "\xc2\xb9",     "\xc2\xb2",     "\xc2\xb3",
                                         "\xe2\x81\xb4", "\xe2\x81\xb5", "\xe2\x81\xb6", "\xe2\x81\xb7",
                                         "\xe2\x81\xb8", "\xe2\x81\xb9"};
    enum { PRINTED_SO_SINCE = 33 }; // by golang.org/x/text
    double number = 0;
    if (p->e->minor < PRINTED_SO_SINCE) {
        refuse(p, cel_differs().as.error);
        return;
    }
    if (!read_double(v, &number)) {
        refuse(p, "scientific clause can only be used on doubles");
        return;
    }
    struct text text;
    text_init(&text, p->e->arena);
    if (!isfinite(number)) {
        text_add_string(&text, special_double(number));
    } else {
        const char *digits = number_text(p, "e", DEFAULT_PRECISION, fabs(number));
        if (!digits) return;
        if (number < 0) text_add_char(&text, '-');
        const char *exponent = strchr(digits, 'e');
        text_add(&text, digits, (size_t)(exponent - digits));
        text_add_string(&text, "\xc3\x97"
                               "10");
        if (exponent[1] == '-') text_add_string(&text, "\xe2\x81\xbb");
        for (const char *c = exponent + 2; *c; c++) text_add_string(&text, raised[*c - '0']);
    }
    if (!cel_spend(p->e, (size_t)width)) refuse(p, cel_too_long().as.error);
    for (size_t i = utf8_length(text_string(&text), text.len); i < (size_t)width && !p->error; i++)
        text_add_char(p->text, ' ');
    text_add(p->text, text_string(&text), text.len);
}

static void print_based(struct printer *p, val v, unsigned base, bool upper) {
    char digits[65];
    size_t at = sizeof digits;
    uint64_t rest = v.as.natural;
    if (v.kind == CEL_KIND_BOOL) rest = v.as.boolean;
    const bool is_negative = v.kind == CEL_KIND_INT && v.as.integer < 0;
    if (is_negative) rest = -rest;
    do {
        digits[--at] = (upper ? "0123456789ABCDEF" : "0123456789abcdef")[rest % base];
        rest /= base;
    } while (rest);
    if (is_negative) text_add_char(p->text, '-');
    text_add(p->text, digits + at, sizeof digits - at);
}

static void print_integer(struct printer *p, val v, char letter) {
    const bool is_integer = v.kind == CEL_KIND_INT || v.kind == CEL_KIND_UINT;
    if (!is_integer && !(letter == 'b' && v.kind == CEL_KIND_BOOL))
        refuse(p, "the clause can only be used on integers");
    else
        print_based(p, v, letter == 'b' ? 2 : letter == 'o' ? 8 : letter == 'd' ? 10 : 16, letter == 'X');
}

static void print_hexadecimal(struct printer *p, val v, char letter) {
    if (v.kind != CEL_KIND_STRING && v.kind != CEL_KIND_BYTES) {
        print_integer(p, v, letter);
        return;
    }
    if (!cel_spend(p->e, v.as.string.len * 2)) refuse(p, cel_too_long().as.error);
    for (size_t i = 0; i < v.as.string.len && !p->error; i++)
        text_printf(p->text, letter == 'X' ? "%02X" : "%02x", (unsigned)(unsigned char)v.as.string.bytes[i]);
}

static void print_clause(struct printer *p, struct clause clause, val v) {
    switch (clause.letter) {
    case 's': print_string(p, v); return;
    case 'f': print_fixed(p, v, clause.precision); return;
    case 'e': print_scientific(p, v, clause.precision); return;
    case 'x':
    case 'X': print_hexadecimal(p, v, clause.letter); return;
    default: print_integer(p, v, clause.letter); return;
    }
}

static val print_all(struct evaluation *e, struct cel_string format, val list) {
    struct text text;
    text_init(&text, e->arena);
    struct printer p = {e, &text, NULL};
    size_t used = 0;
    if (!cel_spend(e, format.len)) return cel_too_long();
    for (size_t at = 0; at < format.len && !p.error;) {
        const char c = format.bytes[at++];
        if (c != '%') {
            text_add_char(&text, c);
            continue;
        }
        if (at < format.len && format.bytes[at] == '%') {
            text_add_char(&text, format.bytes[at++]);
            continue;
        }
        struct clause clause;
        if (used >= val_list_count(list)) return val_error("an argument of format() is missing");
        if (!read_clause(format, &at, &clause)) return val_error("could not parse formatting clause");
        print_clause(&p, clause, val_list_item(list, used++));
    }
    return p.error ? val_error(p.error) : val_of_text(&text);
}

static val quote(struct evaluation *e, struct cel_string string) {
    static const char special[] = "\a\b\f\n\r\t\v\\\"", letters[] = "abfnrtv\\\"";
    struct text text;
    text_init(&text, e->arena);
    if (!cel_spend(e, string.len)) return cel_too_long();
    text_add_char(&text, '"');
    for (size_t i = 0; i < string.len; i++) {
        const char c = string.bytes[i];
        const char *found = c ? strchr(special, c) : NULL;
        if (found) text_add_char(&text, '\\');
        text_add_char(&text, found ? letters[found - special] : c);
    }
    text_add_char(&text, '"');
    return val_of_text(&text);
}

val cel_call_format(struct evaluation *e, const struct cel_node *node, const val *args, size_t count) {
    (void)count;
    if (args[0].kind != CEL_KIND_STRING) return val_no_overload();
    if (node->function == CEL_FN_QUOTE) return quote(e, args[0].as.string);
    return args[1].kind == CEL_KIND_LIST ? print_all(e, args[0].as.string, args[1]) : val_no_overload();
}

// ---- the check of a literal format with literal arguments, when the API server compiles ----

static bool takes(char letter, enum cel_type_kind kind) {
    const bool is_integer = kind == CEL_TYPE_INT || kind == CEL_TYPE_UINT;
    switch (letter) {
    case 's': return kind != CEL_TYPE_STRUCT && kind != CEL_TYPE_OPTIONAL;
    case 'f':
    case 'e': return kind == CEL_TYPE_DOUBLE || kind == CEL_TYPE_STRING;
    case 'b': return is_integer || kind == CEL_TYPE_BOOL;
    case 'x':
    case 'X': return is_integer || kind == CEL_TYPE_STRING || kind == CEL_TYPE_BYTES;
    default: return is_integer;
    }
}

// Recursion is bounded by the depth of the tree.
static void check_argument(struct cel_parser *p, const struct cel_node *arg, char letter) {
    const struct cel_type *type = arg->type;
    while (type->kind == CEL_TYPE_VAR && *type->bound) type = *type->bound;
    const bool is_dyn = type->kind == CEL_TYPE_DYN || type->kind == CEL_TYPE_VAR;
    if (!is_dyn && !takes(letter, type->kind))
        cel_fail(p, arg->span.begin, "the clause %%%c of format() does not accept this argument", letter);
    if (letter != 's' || (arg->kind != CEL_NODE_LIST && arg->kind != CEL_NODE_MAP)) return;
    for (size_t i = 0; i < arg->count; i++) check_argument(p, arg->args[i], letter);
}

void cel_check_format(struct cel_parser *p, const struct cel_node *call) {
    const struct cel_node *target = call->target, *list = call->args[0];
    if (target->kind != CEL_NODE_LITERAL || target->literal.kind != CEL_KIND_STRING || list->kind != CEL_NODE_LIST)
        return;
    const struct cel_string format = target->literal.as.string;
    size_t used = 0;
    for (size_t at = 0; at < format.len;) {
        if (format.bytes[at++] != '%') continue;
        struct clause clause;
        if (at < format.len && format.bytes[at] == '%') {
            at++;
            continue;
        }
        if (used >= list->count) cel_fail(p, list->span.begin, "format() has more clauses than arguments");
        if (!read_clause(format, &at, &clause))
            cel_fail(p, target->span.begin, "in format(), %% must be followed by %%, s, d, f, e, b, x, X or o");
        check_argument(p, list->args[used++], clause.letter);
    }
    if (used < list->count) cel_fail(p, list->span.begin, "format() has more arguments than clauses");
}
