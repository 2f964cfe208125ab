// JSON through cJSON; see json.h.
//
// cJSON keeps numbers as doubles and is lenient. So numbers are written as raw text; and before it reads a text, the
// text is scanned for what cJSON would let pass, and the spelling of its numbers is kept beside cJSON's tree.
#include "data/json.h"

#include <cJSON.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/limits.h"
#include "base/text.h"
#include "data/value.h"

// ---- out ----

// NULL when memory runs out. Owned by the caller.
static cJSON *to_cjson(const struct value *value);

static bool add_children(cJSON *parent, const struct value *value) {
    for (size_t i = 0; i < value->count; i++) {
        const struct value *child = value->kind == VALUE_MAP ? value->as.entries[i].value : value->as.items[i];
        cJSON *item = to_cjson(child);
        if (!item) return false;
        const bool added = value->kind == VALUE_MAP ? cJSON_AddItemToObject(parent, value->as.entries[i].key, item)
                                                    : cJSON_AddItemToArray(parent, item);
        if (!added) {
            cJSON_Delete(item);
            return false;
        }
    }
    return true;
}

// The fewest digits that read as the same number; cJSON itself is content with a similar one.
static cJSON *number_to_cjson(double number) {
    if (!isfinite(number)) return cJSON_CreateNull();
    char digits[32];
    for (int precision = 15; precision <= 17; precision++) {
        snprintf(digits, sizeof digits, "%.*g", precision, number);
        if (strtod(digits, NULL) == number) break;
    }
    if (!strpbrk(digits, ".e")) strcat(digits, ".0"); // it stays a double for whoever reads it
    return cJSON_CreateRaw(digits);
}

static cJSON *to_cjson(const struct value *value) {
    cJSON *tree = NULL;
    switch (value->kind) {
    case VALUE_NULL: return cJSON_CreateNull();
    case VALUE_BOOL: return cJSON_CreateBool(value->as.boolean);
    case VALUE_INT: {
        char digits[32];
        snprintf(digits, sizeof digits, "%" PRId64, value->as.integer);
        return cJSON_CreateRaw(digits);
    }
    case VALUE_DOUBLE: return number_to_cjson(value->as.number);
    case VALUE_STRING: return cJSON_CreateString(value->as.string);
    case VALUE_LIST: tree = cJSON_CreateArray(); break;
    case VALUE_MAP: tree = cJSON_CreateObject(); break;
    }
    if (tree && !add_children(tree, value)) {
        cJSON_Delete(tree);
        return NULL;
    }
    return tree;
}

static bool new_line(struct text *text, size_t depth) {
    bool added = text_try_add(text, "\n", 1);
    while (added && depth-- > 0) added = text_try_add(text, "  ", 2);
    return added;
}

// Lays out what cJSON printed on one line.
static bool lay_out(struct text *text, const char *json) {
    size_t depth = 0;
    bool added = true;
    for (const char *at = json; *at && added; at++) {
        const char *start = at;
        switch (*at) {
        case '"':
            for (at++; *at != '"'; at++) at += *at == '\\';
            added = text_try_add(text, start, (size_t)(at - start) + 1);
            break;
        case '{':
        case '[':
            added = text_try_add(text, at, 1);
            if (at[1] == '}' || at[1] == ']') {
                added = added && text_try_add(text, ++at, 1);
            } else {
                added = added && new_line(text, ++depth);
            }
            break;
        case '}':
        case ']': added = new_line(text, --depth) && text_try_add(text, at, 1); break;
        case ',': added = text_try_add(text, ",", 1) && new_line(text, depth); break;
        case ':': added = text_try_add(text, ": ", 2); break;
        default: added = text_try_add(text, at, 1);
        }
    }
    return added;
}

void json_print(struct text *text, const struct value *value, bool pretty) {
    cJSON *tree = to_cjson(value);
    char *json = tree ? cJSON_PrintUnformatted(tree) : NULL;
    bool added = json != NULL;
    if (added) added = pretty ? lay_out(text, json) : text_try_add(text, json, strlen(json));
    cJSON_free(json);
    cJSON_Delete(tree);
    if (!added) arena_exhausted(text->arena);
}

// ---- in ----

struct reader {
    struct arena *arena;
    const char *text; // NUL-terminated
    size_t len;
    const char **numbers; // where each starts, in the order of the text
    size_t number_count, next_number;
    const char *error;
};

static bool fail(struct reader *reader, const char *at, const char *what) {
    unsigned line = 1;
    for (const char *c = reader->text; c < at; c++) line += *c == '\n';
    if (!reader->error) reader->error = arena_printf(reader->arena, "line %u: %s", line, what);
    return false;
}

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static const char *skip_digits(const char *at) {
    while (is_digit(*at)) at++;
    return at;
}

// Moves *at behind the number.
static bool scan_number(struct reader *reader, const char **at) {
    const char *const start = *at;
    const char *digits = start + (*start == '-');
    const char *end = skip_digits(digits);
    bool valid = end > digits && !(*digits == '0' && end > digits + 1);
    if (*end == '.') {
        digits = end + 1;
        end = skip_digits(digits);
        valid = valid && end > digits;
    }
    if (*end == 'e' || *end == 'E') {
        digits = end + 1 + (end[1] == '+' || end[1] == '-');
        end = skip_digits(digits);
        valid = valid && end > digits;
    }
    if (!valid) return fail(reader, start, "not a valid JSON number");
    ARENA_PUSH(reader->arena, reader->numbers, reader->number_count, start);
    *at = end;
    return true;
}

static bool scan_string(struct reader *reader, const char **at) {
    const char *c = *at + 1;
    for (; *c && *c != '"'; c++) {
        if ((unsigned char)*c < 0x20) return fail(reader, c, "a control character in a string");
        if (*c != '\\') continue;
        if (strncmp(c, "\\u0000", 6) == 0) return fail(reader, c, "a NUL character in a string");
        if (!*++c) break;
    }
    if (!*c) return fail(reader, *at, "a string that is not closed");
    *at = c + 1;
    return true;
}

static bool scan(struct reader *reader) {
    const char *at = reader->text;
    size_t depth = 0;
    while (at < reader->text + reader->len) {
        switch (*at) {
        case '"':
            if (!scan_string(reader, &at)) return false;
            continue;
        case '{':
        case '[':
            if (++depth > LIMIT_VALUE_DEPTH) return fail(reader, at, "nested too deeply");
            break;
        case '}':
        case ']': depth -= depth > 0; break;
        default:
            if (*at != '-' && !is_digit(*at)) break;
            if (!scan_number(reader, &at)) return false;
            continue;
        }
        at++;
    }
    return true;
}

static struct value *to_value(struct reader *reader, const cJSON *tree);

static struct value *to_number(struct reader *reader, const cJSON *tree) {
    const char *const at = reader->numbers[reader->next_number++];
    char *end = NULL;
    errno = 0;
    const long long integer = strtoll(at, &end, 10);
    if (*end != '.' && *end != 'e' && *end != 'E' && errno == 0) return value_int(reader->arena, integer);
    if (isinf(tree->valuedouble)) {
        fail(reader, at, "a number that is too large");
        return NULL;
    }
    return value_double(reader->arena, tree->valuedouble);
}

static struct value *to_map(struct reader *reader, const cJSON *tree) {
    struct value *map = value_map(reader->arena);
    for (const cJSON *item = tree->child; item; item = item->next) {
        const struct value_entry entry = {arena_copy(reader->arena, item->string, strlen(item->string)),
                                          to_value(reader, item)};
        if (!entry.value) return NULL;
        ARENA_PUSH(reader->arena, map->as.entries, map->count, entry);
    }
    const char **keys = ARENA_ARRAY(reader->arena, const char *, map->count);
    for (size_t i = 0; i < map->count; i++) keys[i] = map->as.entries[i].key;
    qsort(keys, map->count, sizeof *keys, compare_strings);
    for (size_t i = 1; i < map->count; i++) {
        if (strcmp(keys[i - 1], keys[i]) != 0) continue;
        if (!reader->error) reader->error = arena_printf(reader->arena, "the key '%s' appears twice", keys[i]);
        return NULL;
    }
    return map;
}

static struct value *to_value(struct reader *reader, const cJSON *tree) {
    if (cJSON_IsNull(tree)) return value_null(reader->arena);
    if (cJSON_IsBool(tree)) return value_bool(reader->arena, cJSON_IsTrue(tree));
    if (cJSON_IsNumber(tree)) return to_number(reader, tree);
    if (cJSON_IsString(tree))
        return value_string(reader->arena, arena_copy(reader->arena, tree->valuestring, strlen(tree->valuestring)));
    if (cJSON_IsObject(tree)) return to_map(reader, tree);
    struct value *list = value_list(reader->arena);
    for (const cJSON *item = tree->child; item; item = item->next) {
        struct value *value = to_value(reader, item);
        if (!value) return NULL;
        value_append(reader->arena, list, value);
    }
    return list;
}

// Frees the tree also when the arena runs out meanwhile.
static struct value *convert(struct reader *reader, cJSON *tree) {
    struct arena *const arena = reader->arena;
    jmp_buf *const outer = arena->exhausted;
    jmp_buf here;
    if (setjmp(here)) {
        cJSON_Delete(tree);
        arena->exhausted = outer;
        arena_exhausted(arena);
    }
    arena->exhausted = &here;
    struct value *const value = to_value(reader, tree);
    cJSON_Delete(tree);
    arena->exhausted = outer;
    return value;
}

struct value *json_read(struct arena *arena, const char *bytes, size_t len, const char **ret_error) {
    struct reader reader = {.arena = arena, .text = arena_copy(arena, bytes, len), .len = len};
    struct value *value = NULL;
    const size_t valid = utf8_valid_prefix(bytes, len);
    const char *nul = len ? memchr(bytes, '\0', len) : NULL;
    if (nul) {
        reader.error = "not text: it contains a NUL byte";
    } else if (valid < len) {
        fail(&reader, reader.text + valid, "not UTF-8");
    } else if (scan(&reader)) {
        const char *end = NULL;
        cJSON *tree = cJSON_ParseWithLengthOpts(reader.text, len + 1, &end, true);
        if (tree) {
            value = convert(&reader, tree);
        } else {
            fail(&reader, end ? end : reader.text, len ? "not JSON" : "there is no JSON");
        }
    }
    if (!value) *ret_error = reader.error;
    return value;
}
