// Paths as texts, so that nothing depends on the machine.
#ifndef KLOCK_PATHS_H
#define KLOCK_PATHS_H

#include <stdbool.h>

struct arena;

// Without "." and "..", as far as the text tells; "" is the current directory.
const char *path_normalize(struct arena *arena, const char *path);
// What is before the last slash.
const char *path_directory(struct arena *arena, const char *path);
// The path below the directory; both are normalized.
const char *path_join(struct arena *arena, const char *directory, const char *path);
// Whether the path, which is normalized as the root is, lies below it.
bool path_is_below(const char *root, const char *path);

bool path_is_pattern(const char *path);
// Whether the name is of the pattern: `*` is any characters, `?` one. A dot at the beginning is taken by a dot alone.
bool path_matches(const char *pattern, const char *name);

#endif
