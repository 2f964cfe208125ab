// Source texts of a compilation: loaded once, checked once, located only while printing.
#ifndef KLOCK_SOURCE_H
#define KLOCK_SOURCE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/span.h"

struct arena;
struct diags;
struct source_mark;

struct source {
    const char *name; // as shown in messages: the path as it was given, or "<stdin>"
    const char *text; // NUL-terminated
    size_t len;
    bool usable; // text passed the checks below
    const struct source_mark *marks;
};

struct sources {
    struct arena *arena;
    struct source *items;
    size_t count;
};

// Adds a text that was read elsewhere; the bytes are copied. Reports a text that cannot be read: too large, a
// byte order mark, a NUL byte, bad UTF-8. Gives the index of the source, usable or not.
uint32_t source_add(struct sources *sources, struct diags *diags, const char *name, const char *bytes, size_t len);

// What somebody hands over beside the sources, under the name that messages show.
struct source_input {
    const char *name, *bytes;
    size_t len;
};

struct source_location {
    const char *file;
    unsigned line, column; // from 1; columns count code points
    const char *line_text; // not NUL-terminated
    size_t line_len;
};
struct source_location source_locate(const struct sources *sources, uint32_t file, uint32_t offset);

#endif
