// Regular expressions in RE2's syntax as Go's regexp has it, since that is what CEL's `matches` runs in the API server.
// Matching is linear in the text: a set of states walks over its code points.
#ifndef KLOCK_REGEX_H
#define KLOCK_REGEX_H

#include <stdbool.h>
#include <stddef.h>

struct arena;
struct regex;

// NULL when the API server would refuse the pattern, and when it is valid but not supported here (\p{…}, folding of
// letters beyond ASCII, programs that are too large); *ret_error says which, *ret_offset is the byte where it shows.
// Pattern and program live in the arena.
struct regex *regex_compile(struct arena *arena, const char *pattern, const char **ret_error, size_t *ret_offset);

// Whether the pattern matches anywhere in the text, which must be valid UTF-8.
bool regex_match(const struct regex *regex, const char *text, size_t len, struct arena *scratch);

// The pattern of a glob that must match the whole text: `*` is any run of characters, `?` is one, the rest is literal.
char *regex_from_glob(struct arena *arena, const char *glob);

#endif
