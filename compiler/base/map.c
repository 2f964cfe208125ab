// Open addressing with linear probing; see map.h.
#include "base/map.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/text.h"

void map_init(struct map *map, struct arena *arena) {
    *map = (struct map){.arena = arena};
}

static uint64_t mixed(uint64_t hash, uint64_t word) {
    hash ^= word;
    hash ^= hash >> 32; // or the last of the eight bytes would not reach the bits that choose the slot
    hash *= 0x9e3779b97f4a7c15U;
    return hash ^ hash >> 32;
}

// Not text_hash, which is a part of names: eight bytes at a time, as maps of long texts are asked often.
static size_t hash_of(const char *name) {
    size_t len = strlen(name);
    uint64_t hash = len, word;
    for (; len >= sizeof word; name += sizeof word, len -= sizeof word) {
        memcpy(&word, name, sizeof word);
        hash = mixed(hash, word);
    }
    word = 0;
    memcpy(&word, name, len);
    return (size_t)mixed(hash, word);
}

// The slot that holds the name or would take it; capacity is a power of two with room left.
static struct map_slot *slot_of(const struct map *map, const char *name, size_t hash) {
    const size_t mask = map->capacity - 1;
    for (size_t i = hash & mask;; i = (i + 1) & mask) {
        struct map_slot *slot = &map->slots[i];
        if (!slot->name || (slot->hash == hash && strcmp(slot->name, name) == 0)) return slot;
    }
}

void *map_get(const struct map *map, const char *name) {
    return map->count ? slot_of(map, name, hash_of(name))->value : NULL;
}

static struct map_slot *free_slot(const struct map *map, size_t hash) {
    const size_t mask = map->capacity - 1;
    size_t i = hash & mask;
    while (map->slots[i].name) i = (i + 1) & mask;
    return &map->slots[i];
}

static void grow(struct map *map) {
    const struct map old = *map;
    map->capacity = old.capacity ? old.capacity * 2 : 4;
    map->slots = ARENA_ARRAY(map->arena, struct map_slot, map->capacity);
    for (size_t i = 0; i < old.capacity; i++)
        if (old.slots[i].name) *free_slot(map, old.slots[i].hash) = old.slots[i];
}

void map_set(struct map *map, const char *name, void *value) {
    if (map->count * 4 >= map->capacity * 3) grow(map);
    const size_t hash = hash_of(name);
    struct map_slot *slot = slot_of(map, name, hash);
    if (!slot->name) {
        map->count++;
        slot->name = name;
        slot->hash = hash;
    }
    slot->value = value;
}

void set_init(struct set *set, struct arena *arena) {
    map_init(&set->map, arena);
}

bool set_has(const struct set *set, const char *name) {
    return map_get(&set->map, name) != NULL;
}

bool set_add(struct set *set, const char *name) {
    const size_t count = set->map.count;
    map_set(&set->map, name, set);
    return set->map.count > count;
}

const char **set_beyond(struct arena *arena, const struct set *set, const struct set *others, size_t *ret_count) {
    const char **names = NULL;
    *ret_count = 0;
    for (size_t i = 0; i < set->map.capacity; i++) {
        const char *name = set->map.slots[i].name;
        if (name && !set_has(others, name)) ARENA_PUSH(arena, names, *ret_count, name);
    }
    if (*ret_count) qsort(names, *ret_count, sizeof *names, compare_strings);
    return names;
}
