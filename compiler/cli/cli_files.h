// Finding, reading and writing files. What fails is said on standard error, and the functions return false.
#ifndef KLOCK_CLI_FILES_H
#define KLOCK_CLI_FILES_H

#include <stdbool.h>
#include <stddef.h>

#include "cli/cli_buffer.h"

// Standard descriptors that are closed become unusable, so that no file that is opened later takes their numbers. To be
// called first.
void files_guard_standard_descriptors(void);

// What is looked for in a directory.
enum files_kind {
    FILES_POLICIES, // *.klock
    FILES_OBJECTS,  // *.yaml, *.yml and *.json
    FILES_NONE,     // no file: the directories that are searched
};

// Adds the files that PATH stands for: itself, or every one of that kind below it, sorted. Hidden entries are left out
// and links to directories are not followed; a link to a file that lies neither below PATH nor below the root, which
// may be NULL, fails. A file that does not exist is added: reading it is what fails.
bool files_find(const char *path, enum files_kind kind, const char *root, struct strings *ret_files);
bool files_is_directory(const char *path);
// Whether both paths lead to one file.
bool files_are_same(const char *a, const char *b);

// Whether the path leads to something below the directory, behind all links.
bool files_lead_below(const char *directory, const char *path);

bool files_read(int descriptor, const char *name, struct buffer *ret_bytes);
// The same, up to so many bytes.
bool files_read_some(int descriptor, const char *name, size_t most, struct buffer *ret_bytes);
// What the file holds; *ret_exists says whether there is one.
bool files_load(const char *path, struct buffer *ret_bytes, bool *ret_exists);
bool files_print(int descriptor, const char *name, const char *bytes, size_t len);

// Files that are to change together: all of them are written beside their places before the first takes its place.
struct file_change {
    const char *path;
    const char *bytes; // NULL to remove the file
    size_t len;
    bool replace_links; // a link, a pipe or a device at that path gives way to the file, instead of being written
                        // through
};
bool files_change(const struct file_change *changes, size_t count);

#endif
