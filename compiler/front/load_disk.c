// Files of the system; see load.h.
#define _XOPEN_SOURCE 700 // realpath

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/arena.h"
#include "base/limits.h"
#include "base/text.h"
#include "front/load.h"
#include "front/paths.h"

// Why the file is not opened; NULL when it may be. To open a pipe that nobody writes to would never end; those of the
// system (/dev/stdin, the /dev/fd/63 of a shell's process substitution) are open already.
static const char *refuse_kind(const char *path, mode_t mode, bool included) {
    if (S_ISDIR(mode)) return strerror(EISDIR);
    if (included && !S_ISREG(mode)) return "it is not a regular file";
    const bool of_system = strncmp(path, "/dev/", 5) == 0 || strncmp(path, "/proc/", 6) == 0;
    if (S_ISFIFO(mode) && !of_system) return "it is a pipe; give it on standard input, with '-' as the path";
    return NULL;
}

// The whole file in the arena, or NULL and the reason; more than a source may have is cut just behind the limit, so
// that it is refused without being read to its end.
static const char *read_file(void *context, struct arena *arena, const char *path, bool included, size_t *ret_len,
                             const char **ret_reason) {
    (void)context;
    enum { CHUNK = 64 * 1024 };
    struct text text;
    text_init(&text, arena);
    char *chunk = arena_alloc(arena, CHUNK);
    struct stat status;
    *ret_reason = stat(path, &status) != 0 ? strerror(errno) : refuse_kind(path, status.st_mode, included);
    if (*ret_reason) return NULL;
    if (S_ISREG(status.st_mode) && status.st_size > 0 && status.st_size <= LIMIT_SOURCE_BYTES)
        text_reserve(&text, (size_t)status.st_size);
    FILE *file = fopen(path, "rb");
    if (!file) {
        *ret_reason = strerror(errno);
        return NULL;
    }
    bool enough = true;
    size_t got = 0;
    while (enough && text.len <= LIMIT_SOURCE_BYTES && (got = fread(chunk, 1, CHUNK, file)) > 0)
        enough = text_try_add(&text, chunk, got);
    if (ferror(file)) *ret_reason = strerror(errno);
    fclose(file);
    if (!enough) arena_exhausted(arena);
    if (*ret_reason) return NULL;
    *ret_len = text.len;
    return text_string(&text);
}

// A stream that is open may not be left behind when memory runs out: the names are allocated without leaving.
static bool list_directory(void *context, struct arena *arena, const char *path, struct names *names,
                           const char **ret_reason) {
    (void)context;
    DIR *stream = opendir(*path ? path : ".");
    if (!stream) {
        *ret_reason = strerror(errno);
        return false;
    }
    struct text text;
    text_init(&text, arena);
    bool enough = true;
    int error = 0;
    while (enough) {
        errno = 0;
        const struct dirent *entry = readdir(stream);
        if (!entry) {
            error = errno;
            break;
        }
        enough = text_try_add(&text, entry->d_name, strlen(entry->d_name) + 1);
    }
    closedir(stream);
    if (!enough) arena_exhausted(arena);
    if (error) *ret_reason = strerror(error);
    for (size_t at = 0; !error && at < text.len; at += strlen(text.data + at) + 1)
        ARENA_PUSH(arena, names->items, names->count, text.data + at);
    return !error;
}

// ---- links: where a path really leads ----

// Absolute and without links, in the arena; NULL when there is no such file.
static const char *resolve(struct arena *arena, const char *path) {
    char *real = realpath(*path ? path : ".", NULL);
    const size_t size = real ? strlen(real) + 1 : 0;
    char *copy = real ? arena_try_alloc(arena, size) : NULL;
    const bool exhausted = real ? !copy : errno == ENOMEM;
    if (copy) memcpy(copy, real, size);
    free(real);
    if (exhausted) arena_exhausted(arena);
    return copy;
}

// Whether the file, which is below the root by its name, is elsewhere by way of a link.
static bool leads_out(struct arena *arena, const char *root, const char *path) {
    const char *real_root = resolve(arena, root), *real = resolve(arena, path);
    return real_root && real && !path_is_below(real_root, real);
}

const struct load_reader load_from_disk = {.read = read_file, .list = list_directory, .leads_out = leads_out};
