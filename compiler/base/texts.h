// A list of texts in the arena; {0} is an empty one.
#ifndef KLOCK_TEXTS_H
#define KLOCK_TEXTS_H

#include <stdbool.h>
#include <stddef.h>

struct arena;

struct texts {
    const char **items;
    size_t count;
};

// Appends the text, which is not copied.
void texts_push(struct arena *arena, struct texts *texts, const char *text);
// The same, unless it is there.
void texts_add(struct arena *arena, struct texts *texts, const char *text);
bool texts_has(const struct texts *texts, const char *text);

#endif
