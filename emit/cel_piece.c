// Literals, and text that knows how tightly it binds; see cel_parts.h.
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/text.h"
#include "data/value.h"
#include "emit/cel.h"
#include "emit/cel_parts.h"

// ---- literals ----

void cel_add_string(struct text *text, const char *string) {
    const size_t len = strlen(string);
    text_add_char(text, '\'');
    for (size_t at = 0; at < len;) {
        const size_t begin = at;
        const uint32_t code = utf8_next(string, len, &at);
        const bool substitution = code == '$' && (string[at] == '{' || string[at] == '$');
        if (code == '\\' || code == '\'')
            text_printf(text, "\\%c", (char)code);
        else if (code >= ' ' && code < 0x7f && !substitution)
            text_add(text, string + begin, at - begin);
        else if (code <= 0xffff)
            text_printf(text, "\\u%04x", (unsigned)code);
        else
            text_printf(text, "\\U%08x", (unsigned)code);
    }
    text_add_char(text, '\'');
}

void cel_add_scalar(struct text *text, const struct value *value) {
    switch (value->kind) {
    case VALUE_BOOL: text_add_string(text, value->as.boolean ? "true" : "false"); break;
    case VALUE_INT: text_printf(text, "%lld", (long long)value->as.integer); break;
    case VALUE_DOUBLE: {
        char digits[40];
        snprintf(digits, sizeof digits, "%.17g", value->as.number);
        text_printf(text, "%s%s", digits, strpbrk(digits, ".e") ? "" : ".0");
        break;
    }
    case VALUE_STRING: cel_add_string(text, value->as.string); break;
    case VALUE_NULL:
    case VALUE_LIST:
    case VALUE_MAP: text_add_string(text, "null"); break;
    }
}

const char *cel_quoted(struct arena *arena, const char *string) {
    struct text text;
    text_init(&text, arena);
    cel_add_string(&text, string);
    return text_string(&text);
}

void cel_add_string_list(struct text *text, const char *const *strings, size_t count) {
    text_add_char(text, '[');
    for (size_t i = 0; i < count; i++) {
        if (i) text_add_string(text, ", ");
        cel_add_string(text, strings[i]);
    }
    text_add_char(text, ']');
}

// ---- pieces: text that knows how tightly it binds ----

const struct piece piece_always = {"true", LEVEL_UNARY}, piece_never = {"false", LEVEL_UNARY};

bool piece_is(struct piece piece, struct piece constant) {
    return strcmp(piece.text, constant.text) == 0;
}

struct piece piece_print(struct arena *arena, enum level level, const char *format, ...) {
    va_list args;
    va_start(args, format);
    const int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    char *text = arena_alloc(arena, (size_t)len + 1);
    va_start(args, format);
    vsnprintf(text, (size_t)len + 1, format, args);
    va_end(args);
    return (struct piece){text, level};
}

struct piece piece_at_least(struct arena *arena, struct piece piece, enum level level) {
    return piece.level >= level ? piece : piece_print(arena, LEVEL_UNARY, "(%s)", piece.text);
}

static struct piece join(struct arena *arena, struct piece a, struct piece b, enum level level) {
    return piece_print(arena, level, "%s %s %s", piece_at_least(arena, a, level).text, level == LEVEL_AND ? "&&" : "||",
                       piece_at_least(arena, b, level).text);
}

struct piece piece_and(struct arena *arena, struct piece a, struct piece b) {
    if (piece_is(a, piece_always) || piece_is(b, piece_never)) return b;
    if (piece_is(b, piece_always) || piece_is(a, piece_never)) return a;
    return join(arena, a, b, LEVEL_AND);
}

struct piece piece_or(struct arena *arena, struct piece a, struct piece b) {
    if (piece_is(a, piece_never) || piece_is(b, piece_always)) return b;
    if (piece_is(b, piece_never) || piece_is(a, piece_always)) return a;
    return join(arena, a, b, LEVEL_OR);
}

struct piece piece_not(struct arena *arena, struct piece a) {
    if (piece_is(a, piece_always)) return piece_never;
    if (piece_is(a, piece_never)) return piece_always;
    if (a.level == LEVEL_UNARY && a.text[0] == '!') return (struct piece){a.text + 1, LEVEL_UNARY};
    return piece_print(arena, LEVEL_UNARY, "!%s", piece_at_least(arena, a, LEVEL_UNARY).text);
}
