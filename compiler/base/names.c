// Open addressing with linear probing; see names.h.
#include "base/names.h"

#include <inttypes.h>
#include <string.h>

#include "base/arena.h"
#include "base/limits.h"
#include "base/text.h"

void names_init(struct names *names, struct arena *arena) {
    *names = (struct names){.arena = arena};
}

uint64_t names_hash(const char *text) {
    uint64_t hash = 14695981039346656037U;
    for (const unsigned char *byte = (const unsigned char *)text; *byte; byte++) hash = (hash ^ *byte) * 1099511628211U;
    return hash;
}

// The slot that holds the name or would take it; capacity is a power of two with room left.
static struct names_slot *slot_of(const struct names *names, const char *name) {
    const size_t mask = names->capacity - 1;
    for (size_t i = (size_t)names_hash(name) & mask;; i = (i + 1) & mask) {
        struct names_slot *slot = &names->slots[i];
        if (!slot->name || strcmp(slot->name, name) == 0) return slot;
    }
}

void *names_get(const struct names *names, const char *name) {
    return names->count ? slot_of(names, name)->value : NULL;
}

static void grow(struct names *names) {
    const struct names old = *names;
    names->capacity = old.capacity ? old.capacity * 2 : 16;
    names->slots = ARENA_ARRAY(names->arena, struct names_slot, names->capacity);
    for (size_t i = 0; i < old.capacity; i++)
        if (old.slots[i].name) *slot_of(names, old.slots[i].name) = old.slots[i];
}

void names_set(struct names *names, const char *name, void *value) {
    if (names->count * 4 >= names->capacity * 3) grow(names);
    struct names_slot *slot = slot_of(names, name);
    if (!slot->name) names->count++;
    *slot = (struct names_slot){name, value};
}

bool names_add(struct names *names, const char *name) {
    if (names_get(names, name)) return false;
    names_set(names, name, names);
    return true;
}

// ---- names that are put together ----

static bool is_lower(char c) {
    return c >= 'a' && c <= 'z';
}

static bool is_plain(char c) {
    return is_lower(c) || (c >= '0' && c <= '9');
}

const char *names_part(struct arena *arena, const char *text) {
    struct text part;
    text_init(&part, arena);
    for (const char *c = text; *c; c++) {
        // A separator that stands alone between two letters or digits, which stay as well.
        const bool separates = (*c == '-' || *c == '.') && c > text && is_plain(c[-1]) && is_plain(c[1]);
        if (is_plain(*c) || separates)
            text_add_char(&part, *c);
        else
            text_printf(&part, "---%02x", (unsigned)(unsigned char)*c);
    }
    return text_string(&part);
}

const char *names_identifier(struct arena *arena, const char *text) {
    struct text identifier;
    text_init(&identifier, arena);
    for (const char *c = text; *c; c++) {
        if (is_plain(*c))
            text_add_char(&identifier, *c);
        else if (*c == '-' && is_lower(c[1]))
            text_add_char(&identifier, (char)(*++c - 'a' + 'A'));
        else
            text_printf(&identifier, "_%02x", (unsigned)(unsigned char)*c);
    }
    return text_string(&identifier);
}

const char *names_fitting(struct arena *arena, const char *name, size_t limit, const char *mark) {
    enum { DIGITS = 16 };
    if (strlen(name) <= limit) return name;
    size_t kept = limit - DIGITS - strlen(mark);
    while (kept && strchr(".-", name[kept - 1])) kept--; // no part of a name may begin or end with a hyphen
    return arena_printf(arena, "%.*s%s%016" PRIx64, (int)kept, name, mark, names_hash(name));
}

const char *names_of_object(struct arena *arena, const char *name) {
    return names_fitting(arena, name, LIMIT_NAME, "---x"); // which names_part never writes
}

const char *names_of_grant(struct arena *arena, const char *policy, const char *grant) {
    return names_fitting(arena, arena_printf(arena, "%s:%s", policy, grant), LIMIT_NAME, "_");
}

const char *names_of_verb(struct arena *arena, const char *policy, const char *verb, const char *lock) {
    return names_fitting(arena, arena_printf(arena, "%s_%s:%s", policy, verb, lock), LIMIT_NAME, "_");
}

const char *names_of_label(struct arena *arena, const char *policy) {
    return names_fitting(arena, policy, LIMIT_LABEL_NAME, "_"); // which no policy has in its name
}
