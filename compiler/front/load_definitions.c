// Files of CustomResourceDefinitions: which the paths of `resources from` name, and their bytes. What is in them is
// read in lower/lower_definition.c.
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/text.h"
#include "front/load_internal.h"
#include "front/paths.h"
#include "report/diag.h"
#include "report/source.h"

static const char form[] = "resources from";

// What is found on the way down a path.
struct search {
    struct loader *loader;
    struct word path;
    struct names found;
    bool reported;
};

static void add_matching(struct search *search, const char *directory, const char *rest, bool certain);

// Follows the rest of the path from a directory; whether that is one is certain where no pattern led to it.
static void descend(struct search *search, const char *directory, const char *rest, bool certain) {
    struct arena *arena = search->loader->arena;
    const size_t len = strcspn(rest, "/");
    const char *part = arena_copy(arena, rest, len);
    if (path_is_pattern(part))
        add_matching(search, directory, rest, certain);
    else if (rest[len])
        descend(search, path_join(arena, directory, part), rest + len + 1, certain);
    else
        ARENA_PUSH(arena, search->found.items, search->found.count, path_join(arena, directory, part));
}

static void note_search(struct loader *loader, const char *directory) {
    for (size_t i = 0; i < loader->searched.count; i++)
        if (strcmp(loader->searched.items[i], directory) == 0) return;
    ARENA_PUSH(loader->arena, loader->searched.items, loader->searched.count, directory);
}

static void add_matching(struct search *search, const char *directory, const char *rest, bool certain) {
    struct loader *loader = search->loader;
    const struct load_reader *reader = loader->reader;
    const size_t len = strcspn(rest, "/");
    const char *pattern = arena_copy(loader->arena, rest, len), *reason = "there is no file system";
    struct names names = {0};
    if (!reader->list || !reader->list(reader->context, loader->arena, directory, &names, &reason)) {
        if (!certain) return;
        loader->failed = search->reported = true;
        diag_report(loader->diags, DIAG_INPUT, search->path.span, "cannot list '%s': %s", *directory ? directory : ".",
                    reason);
        return;
    }
    note_search(loader, directory);
    if (names.count) qsort(names.items, names.count, sizeof *names.items, compare_strings);
    for (size_t i = 0; i < names.count && !search->reported; i++) {
        const char *name = names.items[i];
        if (!*name || strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || strchr(name, '/')) continue;
        if (!path_matches(pattern, name)) continue;
        const char *path = path_join(loader->arena, directory, name);
        if (rest[len])
            descend(search, path, rest + len + 1, false);
        else
            ARENA_PUSH(loader->arena, search->found.items, search->found.count, path);
    }
}

static void help_unread(struct loader *loader, const char *path) {
    const struct load_reader *reader = loader->reader;
    struct names names = {0};
    const char *reason = NULL;
    if (reader->list && reader->list(reader->context, loader->arena, path, &names, &reason))
        diag_help(loader->diags, "name the files in it: resources from \"%s/*.yaml\"", path);
    else
        diag_help(loader->diags, "paths are relative to this file");
}

static void add_source(struct loader *loader, const struct loaded *file, struct definitions *definitions,
                       const char *path) {
    uint32_t *source = map_get(&loader->definition_sources, path);
    size_t len = 0;
    if (!source) {
        if (!load_stays(loader, file, form, definitions->from, path)) return;
        const char *bytes = load_bytes(loader, path, definitions->from.span, &len);
        if (!bytes) {
            help_unread(loader, path);
            return;
        }
        source = ARENA_NEW(loader->arena, uint32_t);
        *source = source_add(loader->sources, loader->diags, path, bytes, len);
        map_set(&loader->definition_sources, path, source);
    }
    ARENA_PUSH(loader->arena, definitions->sources, definitions->source_count, *source);
}

static void load_path_of_definitions(struct loader *loader, const struct loaded *file, struct word word) {
    if (!*word.text) {
        diag_report(loader->diags, DIAG_DEFINITION, word.span, "an empty path names no file");
        diag_help(loader->diags, "write: resources from \"crds/*.yaml\"");
        return;
    }
    if (!load_path(loader, file, form, word)) return;
    // What is above the file may be called like a pattern and is none.
    const char *from = path_directory(loader->arena, file->path), *path = path_normalize(loader->arena, word.text);
    for (; strncmp(path, "../", 3) == 0; path += 3)
        from = path_normalize(loader->arena, path_join(loader->arena, from, ".."));
    struct search search = {.loader = loader, .path = word};
    const size_t errors = loader->diags->errors;
    descend(&search, from, path, true);
    if (!search.found.count && !search.reported) {
        diag_report(loader->diags, DIAG_DEFINITION, word.span, "no file matches \"%s\"", word.text);
        diag_help(loader->diags, "paths are relative to this file; '*' is any characters of a name, '?' is one, and "
                                 "neither stands for '/' or for a dot in front");
    }
    struct definitions definitions = {.from = word};
    for (size_t i = 0; i < search.found.count; i++) add_source(loader, file, &definitions, search.found.items[i]);
    if (loader->diags->errors == errors)
        ARENA_PUSH(loader->arena, loader->definitions, loader->definition_count, definitions);
}

void load_definitions(struct loader *loader, const struct loaded *file, struct words paths) {
    if (!loader->definition_sources.arena) map_init(&loader->definition_sources, loader->arena);
    for (size_t i = 0; i < paths.count; i++) load_path_of_definitions(loader, file, paths.items[i]);
}

void load_add_definitions(struct loader *loader, const char *name, const char *bytes, size_t len) {
    struct definitions definitions = {.from = {.text = arena_copy(loader->arena, name, strlen(name))}};
    const uint32_t source = source_add(loader->sources, loader->diags, definitions.from.text, bytes, len);
    definitions.from.span = (struct span){source, 0, 0};
    ARENA_PUSH(loader->arena, definitions.sources, definitions.source_count, source);
    ARENA_PUSH(loader->arena, loader->definitions, loader->definition_count, definitions);
}
