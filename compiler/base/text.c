// Views of text, and a growable buffer; see text.h.
#include "base/text.h"

#include <stdarg.h>
#include <string.h>

#include "base/arena.h"
#include "base/format.h"

void text_init(struct text *text, struct arena *arena) {
    *text = (struct text){.arena = arena};
}

// Texts that were given out by text_string stay where they are.
static bool make_room(struct text *text, size_t len) {
    size_t capacity = text->capacity ? text->capacity : 64;
    while (capacity < text->len + len + 1) capacity *= 2;
    if (!text->data || !arena_extend(text->arena, text->data, text->capacity, capacity)) {
        char *grown = arena_try_alloc(text->arena, capacity);
        if (!grown) return false;
        if (text->len) memcpy(grown, text->data, text->len);
        text->data = grown;
    }
    text->capacity = capacity;
    return true;
}

void text_reserve(struct text *text, size_t len) {
    if (len >= SIZE_MAX / 4 - text->len || !make_room(text, len)) arena_exhausted(text->arena);
}

bool text_try_add(struct text *text, const char *bytes, size_t len) {
    if (len >= SIZE_MAX / 2 - text->len) return false;
    if (text->len + len + 1 > text->capacity && !make_room(text, len)) return false;
    if (len) memcpy(text->data + text->len, bytes, len);
    text->len += len;
    text->data[text->len] = '\0';
    return true;
}

void text_add(struct text *text, const char *bytes, size_t len) {
    if (!text_try_add(text, bytes, len)) arena_exhausted(text->arena);
}

void text_add_string(struct text *text, const char *string) {
    text_add(text, string, strlen(string));
}

void text_add_char(struct text *text, char c) {
    if (text->len + 1 < text->capacity) {
        text->data[text->len++] = c;
        text->data[text->len] = '\0';
    } else {
        text_add(text, &c, 1);
    }
}

void text_add_number(struct text *text, uint64_t number) {
    char digits[20];
    size_t at = sizeof digits;
    do digits[--at] = (char)('0' + number % 10);
    while (number /= 10);
    text_add(text, digits + at, sizeof digits - at);
}

void text_printf(struct text *text, const char *format, ...) {
    const size_t room = text->capacity - text->len;
    va_list args;
    va_start(args, format);
    int len = format_print(room ? text->data + text->len : NULL, room, format, args);
    va_end(args);
    if (len < 0) arena_exhausted(text->arena);
    if ((size_t)len >= room) {
        if ((size_t)len >= SIZE_MAX / 2 - text->len || !make_room(text, (size_t)len)) arena_exhausted(text->arena);
        va_start(args, format);
        len = format_print(text->data + text->len, text->capacity - text->len, format, args);
        va_end(args);
        if (len < 0) arena_exhausted(text->arena);
    }
    text->len += (size_t)len;
}

const char *text_string(const struct text *text) {
    return text->data ? text->data : "";
}

// Length of the sequence that starts with this byte, 0 when no sequence starts with it; *ret_bits are its payload.
static size_t sequence_length(unsigned char lead, uint32_t *ret_bits) {
    if (lead < 0x80) return *ret_bits = lead, 1;
    if (lead >= 0xc2 && lead <= 0xdf) return *ret_bits = lead & 0x1fU, 2;
    if (lead >= 0xe0 && lead <= 0xef) return *ret_bits = lead & 0x0fU, 3;
    if (lead >= 0xf0 && lead <= 0xf4) return *ret_bits = lead & 0x07U, 4;
    return 0;
}

uint32_t utf8_next(const char *bytes, size_t len, size_t *at) {
    uint32_t code_point = 0;
    const size_t count = sequence_length((unsigned char)bytes[*at], &code_point);
    for (size_t i = 1; i < count && *at + i < len; i++)
        code_point = code_point << 6 | ((unsigned char)bytes[*at + i] & 0x3fU);
    *at += count ? count : 1;
    return code_point;
}

size_t utf8_valid_prefix(const char *bytes, size_t len) {
    size_t at = 0;
    while (at < len) {
        uint32_t code_point = 0;
        const size_t count = sequence_length((unsigned char)bytes[at], &code_point);
        if (!count || count > len - at) return at;
        for (size_t i = 1; i < count; i++) {
            const unsigned char byte = (unsigned char)bytes[at + i];
            if ((byte & 0xc0U) != 0x80) return at;
            code_point = code_point << 6 | (byte & 0x3fU);
        }
        const bool overlong = (count == 3 && code_point < 0x800) || (count == 4 && code_point < 0x10000);
        const bool surrogate = code_point >= 0xd800 && code_point <= 0xdfff;
        if (overlong || surrogate || code_point > 0x10ffff) return at;
        at += count;
    }
    return len;
}

size_t utf8_encode(uint32_t code_point, char out[4]) {
    if (code_point < 0x80) {
        out[0] = (char)code_point;
        return 1;
    }
    if (code_point < 0x800) {
        out[0] = (char)(0xc0 | code_point >> 6);
        out[1] = (char)(0x80 | (code_point & 0x3f));
        return 2;
    }
    if (code_point < 0x10000) {
        out[0] = (char)(0xe0 | code_point >> 12);
        out[1] = (char)(0x80 | (code_point >> 6 & 0x3f));
        out[2] = (char)(0x80 | (code_point & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | code_point >> 18);
    out[1] = (char)(0x80 | (code_point >> 12 & 0x3f));
    out[2] = (char)(0x80 | (code_point >> 6 & 0x3f));
    out[3] = (char)(0x80 | (code_point & 0x3f));
    return 4;
}

bool utf8_is_invisible(uint32_t c) {
    return c < 0x20 || (c >= 0x7f && c <= 0xa0) || c == 0xad || (c >= 0x2000 && c <= 0x200f) ||
           (c >= 0x2028 && c <= 0x202f) || (c >= 0x205f && c <= 0x206f) || c == 0x3000 || c == 0xfeff;
}

size_t utf8_length(const char *bytes, size_t len) {
    size_t count = 0;
    for (size_t i = 0; i < len; i++) count += ((unsigned char)bytes[i] & 0xc0U) != 0x80;
    return count;
}

int compare_strings(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

const char *text_shortened(struct arena *arena, const char *text, size_t most) {
    if (strlen(text) <= most) return text;
    return arena_printf(arena, "%.*s…", (int)utf8_valid_prefix(text, most), text);
}

bool text_is_among(const char *const *texts, size_t count, const char *text) {
    for (size_t i = 0; i < count; i++)
        if (strcmp(texts[i], text) == 0) return true;
    return false;
}

bool text_has_word(const char *list, const char *word) {
    for (const char *at = list; *at;) {
        const char *letter = word;
        while (*letter && *at == *letter) at++, letter++;
        if (!*letter && (*at == ' ' || !*at)) return true;
        while (*at && *at != ' ') at++;
        at += *at == ' ';
    }
    return false;
}

bool text_has_words(const char *list, const char *words) {
    for (const char *at = words; *at;) {
        const size_t len = strcspn(at, " ");
        char word[256];
        if (len >= sizeof word) return false;
        memcpy(word, at, len);
        word[len] = '\0';
        if (!text_has_word(list, word)) return false;
        at += len + (at[len] == ' ');
    }
    return true;
}

const char *text_lower(struct arena *arena, const char *text) {
    char *lower = arena_copy(arena, text, strlen(text));
    for (char *c = lower; *c; c++)
        if (*c >= 'A' && *c <= 'Z') *c = (char)(*c + ('a' - 'A'));
    return lower;
}

uint64_t text_hash(const char *text) {
    uint64_t hash = 14695981039346656037U;
    for (const unsigned char *byte = (const unsigned char *)text; *byte; byte++) hash = (hash ^ *byte) * 1099511628211U;
    return hash;
}
