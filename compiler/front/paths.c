// Paths as texts; see paths.h.
#include "front/paths.h"

#include <stddef.h>
#include <string.h>

#include "base/arena.h"
#include "base/text.h"

const char *path_normalize(struct arena *arena, const char *path) {
    const char **parts = NULL;
    size_t count = 0;
    const bool absolute = *path == '/';
    for (const char *at = path; *at;) {
        const size_t len = strcspn(at, "/");
        const char *part = arena_copy(arena, at, len);
        at += len + (at[len] == '/');
        if (!*part || strcmp(part, ".") == 0) continue;
        const bool up = strcmp(part, "..") == 0;
        if (up && count && strcmp(parts[count - 1], "..") != 0)
            count--;
        else if (!up || !absolute)
            ARENA_PUSH(arena, parts, count, part);
    }
    struct text text;
    text_init(&text, arena);
    if (absolute) text_add_char(&text, '/');
    for (size_t i = 0; i < count; i++) text_printf(&text, "%s%s", i ? "/" : "", parts[i]);
    return text_string(&text);
}

const char *path_directory(struct arena *arena, const char *path) {
    const char *slash = strrchr(path, '/');
    if (!slash) return "";
    return arena_copy(arena, path, slash == path ? 1 : (size_t)(slash - path));
}

bool path_is_below(const char *root, const char *path) {
    if (strcmp(path, "..") == 0 || strncmp(path, "../", 3) == 0) {
        // The root must go up at least as far.
        const size_t len = strlen(root);
        return len && strncmp(path, root, len) == 0 && path[len] == '/' && strncmp(path + len + 1, "..", 2) != 0;
    }
    if (!*root) return *path != '/';
    if (strcmp(root, "/") == 0) return *path == '/';
    const size_t len = strlen(root);
    return strncmp(path, root, len) == 0 && path[len] == '/';
}

const char *path_join(struct arena *arena, const char *directory, const char *path) {
    return *directory ? arena_printf(arena, strcmp(directory, "/") == 0 ? "%s%s" : "%s/%s", directory, path) : path;
}

bool path_is_pattern(const char *path) {
    return strpbrk(path, "*?") != NULL;
}

// Behind the code point that begins there.
static const char *behind(const char *text) {
    do text++;
    while (((unsigned char)*text & 0xc0U) == 0x80);
    return text;
}

// The last `*` takes one character more wherever what follows it does not fit, so that nothing is tried twice.
bool path_matches(const char *pattern, const char *name) {
    const char *star = NULL, *taken = NULL;
    if (*name == '.' && *pattern != '.') return false;
    while (*name) {
        if (*pattern == '*') {
            star = ++pattern;
            taken = name;
        } else if (*pattern == '?') {
            pattern++;
            name = behind(name);
        } else if (*pattern && *pattern == *name) {
            pattern++;
            name++;
        } else if (star) {
            pattern = star;
            name = taken = behind(taken);
        } else {
            return false;
        }
    }
    while (*pattern == '*') pattern++;
    return !*pattern;
}
