// JSON-like values; see value.h.
#include "data/value.h"

#include <math.h>
#include <stdarg.h>
#include <string.h>

#include "base/arena.h"

static struct value *new_value(struct arena *arena, enum value_kind kind) {
    struct value *value = ARENA_NEW(arena, struct value);
    value->kind = kind;
    return value;
}

struct value *value_null(struct arena *arena) {
    return new_value(arena, VALUE_NULL);
}

struct value *value_bool(struct arena *arena, bool boolean) {
    struct value *value = new_value(arena, VALUE_BOOL);
    value->as.boolean = boolean;
    return value;
}

struct value *value_int(struct arena *arena, int64_t integer) {
    struct value *value = new_value(arena, VALUE_INT);
    value->as.integer = integer;
    return value;
}

struct value *value_double(struct arena *arena, double number) {
    struct value *value = new_value(arena, VALUE_DOUBLE);
    value->as.number = number;
    return value;
}

struct value *value_string(struct arena *arena, const char *string) {
    struct value *value = new_value(arena, VALUE_STRING);
    value->as.string = string;
    return value;
}

struct value *value_list(struct arena *arena) {
    return new_value(arena, VALUE_LIST);
}

struct value *value_map(struct arena *arena) {
    return new_value(arena, VALUE_MAP);
}

void value_append(struct arena *arena, struct value *list, struct value *item) {
    ARENA_PUSH(arena, list->as.items, list->count, item);
}

static struct value_entry *find(const struct value *map, const char *key) {
    if (!map || map->kind != VALUE_MAP) return NULL;
    for (size_t i = 0; i < map->count; i++)
        if (strcmp(map->as.entries[i].key, key) == 0) return &map->as.entries[i];
    return NULL;
}

void value_set(struct arena *arena, struct value *map, const char *key, struct value *value) {
    struct value_entry *entry = find(map, key);
    if (entry) {
        entry->value = value;
        return;
    }
    const struct value_entry added = {key, value};
    ARENA_PUSH(arena, map->as.entries, map->count, added);
}

void value_set_string(struct arena *arena, struct value *map, const char *key, const char *string) {
    value_set(arena, map, key, value_string(arena, string));
}

struct value *value_get(const struct value *map, const char *key) {
    const struct value_entry *entry = find(map, key);
    return entry ? entry->value : NULL;
}

struct value *value_map_at(struct arena *arena, struct value *map, const char *key) {
    struct value *child = value_get(map, key);
    if (child && child->kind == VALUE_MAP) return child;
    child = value_map(arena);
    value_set(arena, map, key, child);
    return child;
}

struct value *value_dig(const struct value *map, ...) {
    struct value *at = NULL;
    va_list keys;
    va_start(keys, map);
    for (const char *key; (key = va_arg(keys, const char *)); map = at) {
        at = value_get(map, key);
        if (!at) break;
    }
    va_end(keys);
    return at;
}

const char *value_get_string(const struct value *map, const char *key) {
    const struct value *value = value_get(map, key);
    return value && value->kind == VALUE_STRING ? value->as.string : "";
}

struct value *value_copy(struct arena *arena, const struct value *value) {
    if (!value) return NULL;
    struct value *copy = ARENA_NEW(arena, struct value);
    *copy = *value;
    if (value->kind == VALUE_LIST) {
        copy->count = 0;
        copy->as.items = NULL;
        for (size_t i = 0; i < value->count; i++) value_append(arena, copy, value_copy(arena, value->as.items[i]));
    } else if (value->kind == VALUE_MAP) {
        copy->count = 0;
        copy->as.entries = NULL;
        for (size_t i = 0; i < value->count; i++)
            value_set(arena, copy, value->as.entries[i].key, value_copy(arena, value->as.entries[i].value));
    }
    return copy;
}

bool value_is_number(const struct value *value) {
    return value && (value->kind == VALUE_INT || value->kind == VALUE_DOUBLE);
}

// As CEL does it: the integer becomes a double, and large ones lose their low digits.
static int compare_mixed(double number, int64_t integer) {
    if (isnan(number)) return -1;
    return (number > (double)integer) - (number < (double)integer);
}

int value_compare_numbers(const struct value *a, const struct value *b) {
    if (a->kind == VALUE_INT && b->kind == VALUE_INT)
        return (a->as.integer > b->as.integer) - (a->as.integer < b->as.integer);
    if (a->kind == VALUE_DOUBLE && b->kind == VALUE_DOUBLE)
        return (a->as.number > b->as.number) - (a->as.number < b->as.number);
    if (a->kind == VALUE_DOUBLE) return compare_mixed(a->as.number, b->as.integer);
    return -compare_mixed(b->as.number, a->as.integer);
}

static bool equal_lists(const struct value *a, const struct value *b) {
    if (a->count != b->count) return false;
    for (size_t i = 0; i < a->count; i++)
        if (!value_equal(a->as.items[i], b->as.items[i])) return false;
    return true;
}

static bool equal_maps(const struct value *a, const struct value *b) {
    if (a->count != b->count) return false;
    for (size_t i = 0; i < a->count; i++) {
        const struct value *other = value_get(b, a->as.entries[i].key);
        if (!other || !value_equal(a->as.entries[i].value, other)) return false;
    }
    return true;
}

static bool is_nan(const struct value *value) {
    return value->kind == VALUE_DOUBLE && isnan(value->as.number);
}

bool value_equal(const struct value *a, const struct value *b) {
    if (is_nan(a) || is_nan(b)) return false;
    if (value_is_number(a) && value_is_number(b)) return value_compare_numbers(a, b) == 0;
    if (a->kind != b->kind) return false;
    switch (a->kind) {
    case VALUE_NULL: return true;
    case VALUE_BOOL: return a->as.boolean == b->as.boolean;
    case VALUE_INT:
    case VALUE_DOUBLE: return value_compare_numbers(a, b) == 0;
    case VALUE_STRING: return strcmp(a->as.string, b->as.string) == 0;
    case VALUE_LIST: return equal_lists(a, b);
    case VALUE_MAP: return equal_maps(a, b);
    }
    return false;
}
