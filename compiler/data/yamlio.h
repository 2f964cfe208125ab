// YAML to values and back, through libyaml. The only place that includes yaml.h; which scalars are quoted is decided
// here.
#ifndef KLOCK_YAMLIO_H
#define KLOCK_YAMLIO_H

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

// Where a value stands; a map is where its first key is.
struct yaml_place {
    const struct value *value;
    uint32_t begin, end;
};

struct yaml_document {
    struct value *value; // never NULL
    struct yaml_place *places;
    size_t place_count;
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

// Adds the value as one document that begins with "---".
void yaml_print(struct text *text, const struct value *document);

#endif
