// JSON in and out. json.c is the only file that knows cJSON.
#ifndef KLOCK_JSON_H
#define KLOCK_JSON_H

#include <stdbool.h>
#include <stddef.h>

struct arena;
struct text;
struct value;

// Appends the value: on one line, or laid out with two blanks a level. No newline at the end. Integers are exact.
void json_print(struct text *text, const struct value *value, bool pretty);

// Reads one JSON value and nothing behind it. Stricter than JSON's parsers often are: no duplicate keys, no NUL, UTF-8
// only, no more than LIMIT_VALUE_DEPTH levels. Integers of 64 bits are exact. NULL after an error, which is then said
// in *ret_error (in the arena).
struct value *json_read(struct arena *arena, const char *bytes, size_t len, const char **ret_error);

#endif
