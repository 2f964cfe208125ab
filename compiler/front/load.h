// Files and texts in, units out: reads what is included, and names every file's policy.
#ifndef KLOCK_LOAD_H
#define KLOCK_LOAD_H

#include <stdbool.h>
#include <stddef.h>

#include "front/scope.h"

struct arena;
struct diags;
struct sources;

struct names {
    const char **items;
    size_t count;
};

// Files of CustomResourceDefinitions: what one path of `resources from` names.
struct definitions {
    struct word from;
    uint32_t *sources;
    size_t source_count;
};

// A file of certificates that `ca file` names.
struct authority_file {
    struct word from;
    const char *bytes;
    size_t len;
};

// Where the bytes of files come from.
struct load_reader {
    // The bytes, in the arena, and their number; NULL and the reason when there are none. A file that is included has
    // to be a regular one.
    const char *(*read)(void *context, struct arena *arena, const char *path, bool included, size_t *ret_len,
                        const char **ret_reason);
    // Adds the names of what is in a directory, "" for the current one, in any order; false and the reason when it
    // cannot be listed.
    bool (*list)(void *context, struct arena *arena, const char *path, struct names *names, const char **ret_reason);
    // Whether a path that is below the root by its name is elsewhere by way of a link; NULL where there are no links.
    bool (*leads_out)(struct arena *arena, const char *root, const char *path);
    void *context;
};
extern const struct load_reader load_from_disk; // load_disk.c

struct loader {
    struct arena *arena;
    struct diags *diags;
    struct sources *sources;
    const struct load_reader *reader;
    const char *root; // NULL: the directory of each text that was added
    struct loaded **files;
    size_t file_count;
    struct definitions *definitions;
    size_t definition_count;
    struct authority_file *authority_files;
    size_t authority_file_count;
    struct map definition_sources; // path → uint32_t *
    struct names searched;         // directories in which patterns looked for files, each once, "" for the current one
    bool failed;                   // something could not be read
};

// Registers a text; it is parsed by load_units.
void load_add_buffer(struct loader *loader, const char *name, const char *bytes, size_t len);
// Registers definitions that were read elsewhere, as if some `resources from` named them.
void load_add_definitions(struct loader *loader, const char *name, const char *bytes, size_t len);
// Reads a file; a failure is reported and sets loader->failed.
void load_add_file(struct loader *loader, const char *path);
// Parses all files and follows their includes; gives one unit for each file that could be read.
void load_units(struct loader *loader, struct unit ***ret_units, size_t *ret_count);

// "payments.klock#lockred": the file and the item that a place of some unit lies in. The file's name stands alone,
// because the directory is the business of one machine, and without a line, because a comment that is written above
// changes nothing of what is below.
const char *load_origin(const struct loader *loader, struct span span);

#endif
