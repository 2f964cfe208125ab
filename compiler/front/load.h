// Files and texts in, units out: reads what is included, and names every file's policy.
#ifndef KLOCK_LOAD_H
#define KLOCK_LOAD_H

#include <stdbool.h>
#include <stddef.h>

#include "front/scope.h"

struct arena;
struct diags;
struct sources;

struct loader {
    struct arena *arena;
    struct diags *diags;
    struct sources *sources;
    const char *root; // NULL: the directory of each text that was added
    struct loaded **files;
    size_t file_count;
    bool failed; // something could not be read
};

// Registers a text; it is parsed by load_units.
void load_add_buffer(struct loader *loader, const char *name, const char *bytes, size_t len);
// Reads a file; a failure is reported and sets loader->failed.
void load_add_file(struct loader *loader, const char *path);
// Parses all files and follows their includes; gives one unit for each file that could be read.
void load_units(struct loader *loader, struct unit ***ret_units, size_t *ret_count);

#endif
