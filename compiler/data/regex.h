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

// How many instructions the pattern became: what one character of a text costs at most.
size_t regex_size(const struct regex *regex);

struct regex_found {
    size_t begin, end; // bytes
};

// What it takes to find matches of one pattern again and again.
struct regex_finder;
struct regex_finder *regex_finder(const struct regex *regex, struct arena *arena);
// The leftmost match that begins at the byte `from` or behind it; of those the one that Go's regexp prefers.
bool regex_find(struct regex_finder *finder, const char *text, size_t len, size_t from, struct regex_found *ret_found);

// Whether some text of these characters, or of any where `alphabet` is NULL, could match. Where words begin and end is
// not looked at.
bool regex_can_match(const struct regex *regex, const char *alphabet, struct arena *scratch);

// The pattern of a glob that must match the whole text: `*` is any run of characters, `?` is one, the rest is literal.
char *regex_from_glob(struct arena *arena, const char *glob);
// The glob that means the same as the pattern, which is of the form that regex_from_glob gives for one with `*` or `?`;
// NULL for other patterns. In the arena.
char *regex_to_glob(struct arena *arena, const char *pattern);

#endif
