// The nearest known name to a misspelt one.
#ifndef KLOCK_SUGGEST_H
#define KLOCK_SUGGEST_H

#include <stddef.h>

// The candidate that the word was probably meant to be, the first of equals; NULL when none is near.
const char *suggest_nearest(const char *word, const char *const *candidates, size_t count);

#endif
