// A map from names to whatever they stand for, and a set of names. Names are compared as text. Both live in an arena
// and are never shrunk.
#ifndef KLOCK_MAP_H
#define KLOCK_MAP_H

#include <stdbool.h>
#include <stddef.h>

struct arena;

struct map {
    struct arena *arena;
    struct map_slot {
        const char *name;
        void *value;
        size_t hash; // of the name, which is looked at only where it is the same
    } * slots;
    size_t count, capacity;
};

void map_init(struct map *map, struct arena *arena);
// NULL when the name is unknown.
void *map_get(const struct map *map, const char *name);
// Adds the name or replaces what it stands for; the name is not copied and the value must not be NULL.
void map_set(struct map *map, const char *name, void *value);

struct set {
    struct map map;
};

void set_init(struct set *set, struct arena *arena);
bool set_has(const struct set *set, const char *name);
// Adds the name, which is not copied, and tells whether it is new.
bool set_add(struct set *set, const char *name);
// The names that are only in the first, sorted by their bytes.
const char **set_beyond(struct arena *arena, const struct set *set, const struct set *others, size_t *ret_count);

#endif
