// A JSON-like value: the objects of requests and tests, and the documents that are emitted.
#ifndef KLOCK_VALUE_H
#define KLOCK_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;

enum value_kind { VALUE_NULL, VALUE_BOOL, VALUE_INT, VALUE_DOUBLE, VALUE_STRING, VALUE_LIST, VALUE_MAP };

struct value_entry {
    const char *key;
    struct value *value;
};

// Strings hold no NUL byte and are valid UTF-8. Maps keep the order in which keys were set; keys are unique.
struct value {
    enum value_kind kind;
    size_t count; // of items or entries
    union {
        bool boolean;
        int64_t integer;
        double number;
        const char *string;
        struct value **items;
        struct value_entry *entries;
    } as;
};

struct value *value_null(struct arena *arena);
struct value *value_bool(struct arena *arena, bool boolean);
struct value *value_int(struct arena *arena, int64_t integer);
struct value *value_double(struct arena *arena, double number);
// The string is not copied.
struct value *value_string(struct arena *arena, const char *string);
struct value *value_list(struct arena *arena);
struct value *value_map(struct arena *arena);

void value_append(struct arena *arena, struct value *list, struct value *item);
// Adds the key, or replaces what it held. Neither key nor value is copied.
void value_set(struct arena *arena, struct value *map, const char *key, struct value *value);
void value_set_string(struct arena *arena, struct value *map, const char *key, const char *string);

// The map at the key, made where none is there.
struct value *value_map_at(struct arena *arena, struct value *map, const char *key);

// What the key holds, or NULL: for a missing key, a value that is no map, and a NULL value.
struct value *value_get(const struct value *map, const char *key);
// The same over a chain of keys that ends with NULL.
struct value *value_dig(const struct value *map, ...) __attribute__((sentinel));
// The string the key holds, or "" when there is none.
const char *value_get_string(const struct value *map, const char *key);

struct value *value_copy(struct arena *arena, const struct value *value);

// Equality as CEL has it: an integer equals the double that it becomes, the order of map keys does not count,
// values of different kinds differ.
bool value_equal(const struct value *a, const struct value *b);
bool value_is_number(const struct value *value);
// -1, 0 or 1; both must be numbers.
int value_compare_numbers(const struct value *a, const struct value *b);

#endif
