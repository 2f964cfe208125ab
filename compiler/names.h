// A map from names to whatever they stand for; keys are compared as text. Lives in an arena, is never shrunk.
#ifndef KLOCK_NAMES_H
#define KLOCK_NAMES_H

#include <stddef.h>

struct arena;

struct names {
    struct arena *arena;
    struct names_slot {
        const char *name;
        void *value;
    } * slots;
    size_t count, capacity;
};

void names_init(struct names *names, struct arena *arena);
// NULL when the name is unknown.
void *names_get(const struct names *names, const char *name);
// Adds the name or replaces what it stands for; the key is not copied and the value must not be NULL.
void names_set(struct names *names, const char *name, void *value);
// FNV-1a of the text: the same on every machine.
size_t names_hash(const char *text);
// The name, or one of at most that many bytes that is cut and ends in a hash of the whole.
const char *names_fitting(struct arena *arena, const char *name, size_t limit);

#endif
