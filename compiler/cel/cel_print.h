// Trees of CEL as text: the only place that writes parentheses and line breaks.
//
// Parentheses stand where the tree needs them, around a comparison within a comparison, and where a node says that it
// was written with them. A map on lines has a line for each entry. On lines, what is longer than one is broken:
//
//     !(            a            [a].exists(x,      a               {
//       a             && b         b                  ? b             'k': v,
//       && b          && c       )                    : c             'l': w,
//     )                                                             }
#ifndef KLOCK_CEL_PRINT_H
#define KLOCK_CEL_PRINT_H

#include <stdbool.h>
#include <stddef.h>

struct cel_node;
struct text;

// Gives how deep brackets and parentheses nest in what is printed. Of checked trees as well.
size_t cel_print(struct text *text, const struct cel_node *node);
size_t cel_print_on_lines(struct text *text, const struct cel_node *node);

// A single-quoted literal: everything that is not printable ASCII is escaped, and so is "${", which tools that
// substitute variables in manifests would take for theirs. The string is valid UTF-8.
void cel_print_string(struct text *text, const char *bytes, size_t len);

// A list of such literals.
void cel_print_strings(struct text *text, const char *const *strings, size_t count);
// One more entry of a map on lines; the first one begins it. The value is CEL.
void cel_print_entry(struct text *map, const char *key, const struct text *value);
// That map as an expression: the trees of thousands of constants would be many times as large as their text.
struct cel_node *cel_printed_map(struct text *map);

// Whether it can be negated, asked for a field or called upon as it is.
bool cel_binds_tightly(const struct cel_node *node);

#endif
