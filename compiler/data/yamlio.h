// YAML to values and back, through libyaml. The only place that includes yaml.h; which scalars are quoted is decided
// here.
#ifndef KLOCK_YAMLIO_H
#define KLOCK_YAMLIO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;
struct text;
struct value;

// One document of plain data: no anchors, tags or keys that stand twice. NULL and the reason when it is not.
struct value *yaml_read(struct arena *arena, const char *bytes, size_t len, const char **ret_error);

// Which keys of maps are read, at any depth of lists; what is under others is skipped.
struct yaml_keys {
    const char *key;               // NULL behind the last one
    const struct yaml_keys *below; // NULL: everything
};

// Where a value stands, for messages; a map is where its first key is.
struct yaml_place {
    const struct value *value;
    uint32_t begin, end;
    // All of it, for whoever cuts it out. A map or list that is no flow begins with its first key or dash and ends
    // where the next thing begins, behind comments and line ends.
    uint32_t from, to;
    bool flow; // { } or [ ]
};

struct yaml_document {
    struct value *value; // never NULL
    struct yaml_place *places;
    size_t place_count;
    uint32_t from; // its "---", or its value where it has none
};

struct yaml_stream {
    struct yaml_document *documents; // those before the error
    size_t count;
    const char *error; // NULL if all could be read
    uint32_t error_at;
};

// Any number of documents of plain data, which are valid UTF-8. Keys that are skipped may stand twice.
void yaml_read_stream(struct arena *arena, const char *bytes, size_t len, const struct yaml_keys *keys,
                      struct yaml_stream *ret_stream);

// Where a value of the document stands; NULL where it is none of it. The search begins at *near, from 0, and leaves
// there what it found: values that are asked for in order are found at once.
const struct yaml_place *yaml_place_of(const struct yaml_document *document, const struct value *value, size_t *near);

// Adds the value as one document that begins with "---".
void yaml_print(struct text *text, const struct value *document);

#endif
