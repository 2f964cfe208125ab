// What the files of loading share.
#ifndef KLOCK_LOAD_INTERNAL_H
#define KLOCK_LOAD_INTERNAL_H

#include "front/load.h"

enum progress { WAITING, IN_PROGRESS, DONE };

struct loaded {
    const char *name; // as it is shown
    const char *path; // normalized: what tells files apart
    const char *root; // normalized directory that its includes may not leave
    uint32_t source;
    struct unit unit;
    enum progress progress;
    struct loaded *included_by;
    const struct ast_item **items; // that are written in it, as they stand there; made by load_origin
    size_t item_count;
};

// What a file names, as a normalized path below the file's root; NULL after reporting. `form` is the item that it
// stands in.
const char *load_path(struct loader *loader, const struct loaded *file, const char *form, struct word path);
// Whether the file is below the root behind links as well; false after reporting.
bool load_stays(struct loader *loader, const struct loaded *file, const char *form, struct word named,
                const char *path);
// The bytes of a file that is named there; NULL after reporting.
const char *load_bytes(struct loader *loader, const char *path, struct span span, size_t *ret_len);

// load_definitions.c
// Reads the files that the paths name.
void load_definitions(struct loader *loader, const struct loaded *file, struct words paths);

#endif
