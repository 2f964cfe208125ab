// What stands in emitted objects, found by reading their text again.
#ifndef KLOCK_READBACK_H
#define KLOCK_READBACK_H

struct arena;
struct manifest;
struct value;

// Prints the objects as YAML and as JSON and reads both. Gives a map: "objects", each with its kind and metadata;
// "values", the strings and keys outside of expressions; "constants", the string literals of expressions, and "fields",
// the names that these select; "messages", what people are told; "shape", the conditions without their constants. NULL
// and the reason where the two texts are read differently, or an expression is none.
struct value *readback(struct arena *arena, const struct manifest *manifest, const char **ret_error);

#endif
