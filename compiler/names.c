// Open addressing with linear probing; see names.h.
#include "names.h"

#include <stdint.h>
#include <string.h>

#include "arena.h"

void names_init(struct names *names, struct arena *arena) {
    *names = (struct names){.arena = arena};
}

size_t names_hash(const char *text) {
    uint64_t hash = 14695981039346656037U;
    for (const unsigned char *byte = (const unsigned char *)text; *byte; byte++) hash = (hash ^ *byte) * 1099511628211U;
    return (size_t)hash;
}

// The slot that holds the name or would take it; capacity is a power of two with room left.
static struct names_slot *slot_of(const struct names *names, const char *name) {
    const size_t mask = names->capacity - 1;
    for (size_t i = names_hash(name) & mask;; i = (i + 1) & mask) {
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

const char *names_fitting(struct arena *arena, const char *name, size_t limit) {
    if (strlen(name) <= limit) return name;
    size_t kept = limit - 9;
    while (kept && strchr(".-", name[kept - 1])) kept--; // no part of a name may begin or end with a hyphen
    return arena_printf(arena, "%.*s-%08zx", (int)kept, name, names_hash(name) & 0xffffffff);
}
