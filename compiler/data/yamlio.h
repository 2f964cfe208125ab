// YAML to values and back, through libyaml. The only place that includes yaml.h; which scalars are quoted is decided
// here.
#ifndef KLOCK_YAMLIO_H
#define KLOCK_YAMLIO_H

#include <stddef.h>

struct arena;
struct text;
struct value;

// One document of plain data: no anchors, tags or keys that stand twice. NULL and the reason when it is not.
struct value *yaml_read(struct arena *arena, const char *bytes, size_t len, const char **ret_error);

// Adds the value as one document that begins with "---".
void yaml_print(struct text *text, const struct value *document);

#endif
