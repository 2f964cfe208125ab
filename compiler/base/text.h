// Views of text, and a growable buffer in the arena.
#ifndef KLOCK_TEXT_H
#define KLOCK_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;

struct text {
    struct arena *arena;
    char *data; // NUL-terminated once anything was added
    size_t len, capacity;
};

void text_init(struct text *text, struct arena *arena);
// Makes room for so many bytes more, where it is known beforehand that they come.
void text_reserve(struct text *text, size_t len);
void text_add(struct text *text, const char *bytes, size_t len);
void text_add_string(struct text *text, const char *string);
void text_add_char(struct text *text, char c);
// In decimal digits.
void text_add_number(struct text *text, uint64_t number);
void text_printf(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
// The same as text_add, but false instead of leaving through arena->exhausted when memory runs out.
bool text_try_add(struct text *text, const char *bytes, size_t len);
// Never NULL.
const char *text_string(const struct text *text);

// Decodes the code point at bytes[*at] and moves *at behind it; the text must be valid UTF-8.
uint32_t utf8_next(const char *bytes, size_t len, size_t *at);
// The offset of the first byte that is not part of valid UTF-8, or len.
size_t utf8_valid_prefix(const char *bytes, size_t len);
// Writes the code point as UTF-8 (at most 4 bytes) and gives the number of bytes.
size_t utf8_encode(uint32_t code_point, char out[4]);
// Number of code points; the text must be valid UTF-8.
size_t utf8_length(const char *bytes, size_t len);

// The text, or its first bytes, about `most` of them, and "…": for messages. It must be valid UTF-8.
const char *text_shortened(struct arena *arena, const char *text, size_t most);
// Whether a terminal shows nothing for the code point, or a blank.
bool utf8_is_invisible(uint32_t code_point);
// Whether the text is one of them.
bool text_is_among(const char *const *texts, size_t count, const char *text);
// Whether the blank-separated list has the word.
bool text_has_word(const char *list, const char *word);
// Whether the list has every word of the other.
bool text_has_words(const char *list, const char *words);
// The text in the arena, its ASCII letters in lower case.
const char *text_lower(struct arena *arena, const char *text);
// FNV-1a of the text: the same on every machine.
uint64_t text_hash(const char *text);

// Sorts C strings by their bytes, as every list that reaches the output is sorted. For qsort over const char *.
int compare_strings(const void *a, const void *b);

#endif
