// Manifests and cases that are written by hand: what the judge of emitted objects is itself held against.
#ifndef KLOCK_BY_HAND_H
#define KLOCK_BY_HAND_H

#include <stddef.h>

struct arena;

// Asks admission about every case of NAME.json with the objects of NAME.yaml, each given as its text. Gives what is
// wrong, a line each, or NULL; and the number of cases.
const char *by_hand_problems(struct arena *arena, const char *manifest, const char *cases, size_t *ret_count);

#endif
