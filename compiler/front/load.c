// Files, includes and the names of policies; see load.h.
#include "front/load.h"

#include <string.h>

#include "base/arena.h"
#include "base/limits.h"
#include "base/text.h"
#include "front/load_internal.h"
#include "front/parse.h"
#include "front/paths.h"
#include "kubernetes/kube.h"
#include "report/diag.h"
#include "report/source.h"

// ---- texts ----

static struct loaded *find(const struct loader *loader, const char *path) {
    for (size_t i = 0; i < loader->file_count; i++)
        if (strcmp(loader->files[i]->path, path) == 0) return loader->files[i];
    return NULL;
}

static struct loaded *add(struct loader *loader, const char *name, const char *root, const char *bytes, size_t len) {
    struct loaded *file = ARENA_NEW(loader->arena, struct loaded);
    file->name = arena_copy(loader->arena, name, strlen(name));
    file->path = path_normalize(loader->arena, name);
    file->root = root ? root : path_directory(loader->arena, file->path);
    file->source = source_add(loader->sources, loader->diags, file->name, bytes, len);
    ARENA_PUSH(loader->arena, loader->files, loader->file_count, file);
    return file;
}

static const char *given_root(struct loader *loader) {
    return loader->root ? path_normalize(loader->arena, loader->root) : NULL;
}

void load_add_buffer(struct loader *loader, const char *name, const char *bytes, size_t len) {
    add(loader, name, given_root(loader), bytes, len);
}

const char *load_bytes(struct loader *loader, const char *path, struct span span, size_t *ret_len) {
    const char *reason = NULL;
    const bool included = span.file != SPAN_NOWHERE;
    const char *bytes = loader->reader->read(loader->reader->context, loader->arena, path, included, ret_len, &reason);
    if (bytes) return bytes;
    loader->failed = true;
    diag_report(loader->diags, DIAG_INPUT, span, "cannot read '%s': %s", path, reason);
    return NULL;
}

static struct loaded *read_and_add(struct loader *loader, const char *path, const char *root, struct span span) {
    size_t len = 0;
    const char *bytes = load_bytes(loader, path, span, &len);
    return bytes ? add(loader, path, root, bytes, len) : NULL;
}

void load_add_file(struct loader *loader, const char *path) {
    if (!find(loader, path_normalize(loader->arena, path))) read_and_add(loader, path, given_root(loader), span_none());
}

// ---- policies and includes ----

static const char *stem(struct arena *arena, const char *path) {
    const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path, *dot = strrchr(base, '.');
    return arena_copy(arena, base, dot && dot != base ? (size_t)(dot - base) : strlen(base));
}

static void name_policy(struct loader *loader, struct loaded *file) {
    struct unit *unit = &file->unit;
    unit->policy_span = span_none();
    for (struct ast_item *item = unit->file->first; item; item = item->next) {
        if (item->kind != AST_ITEM_POLICY || !item->name.text) continue;
        if (unit->policy) {
            diag_report(loader->diags, DIAG_REPEATED_CLAUSE, item->keyword, "a file belongs to one policy");
            diag_relate(loader->diags, unit->policy_span, "named here");
            diag_help(loader->diags, "split the file");
            continue;
        }
        unit->policy = item->name.text;
        unit->policy_span = item->name.span;
    }
    // What makes no object may be of a policy without a name; the stem is what tells it from others.
    if (!unit->policy) unit->policy = stem(loader->arena, file->path);
    if (unit->policy_span.file == SPAN_NOWHERE || kube_is_dns_subdomain(unit->policy)) return;
    diag_report(loader->diags, DIAG_BAD_NAME, unit->policy_span, "'%.80s%s' is not a name for a policy", unit->policy,
                strlen(unit->policy) > 80 ? "…" : "");
    diag_help(loader->diags, "use at most 253 lower-case letters, digits, '-' and '.'");
}

static void refuse_path(struct loader *loader, const char *form, struct word path, const char *reason,
                        const char *help) {
    diag_report(loader->diags, DIAG_INCLUDE, path.span, "%s \"%s\" %s", form, path.text, reason);
    diag_help(loader->diags, "%s", help);
}

const char *load_path(struct loader *loader, const struct loaded *file, const char *form, struct word path) {
    struct arena *arena = loader->arena;
    if (*path.text == '/' || strstr(path.text, "://")) {
        refuse_path(loader, form, path, "is not a relative path", "name a file below the root, relative to this file");
        return NULL;
    }
    const char *target = path_normalize(arena, path_join(arena, path_directory(arena, file->path), path.text));
    if (path_is_below(file->root, target)) return target;
    refuse_path(loader, form, path, "leaves the root", "compile the directory above, or use --root DIR");
    return NULL;
}

bool load_stays(struct loader *loader, const struct loaded *file, const char *form, struct word named,
                const char *path) {
    if (!loader->reader->leads_out || !loader->reader->leads_out(loader->arena, file->root, path)) return true;
    named.text = path;
    refuse_path(loader, form, named, "is a link that leaves the root",
                "copy the file into the root, or use --root DIR with a directory that holds both");
    return false;
}

// The chain of includes that leads back to where it began.
static const char *cycle_text(struct loader *loader, const struct loaded *from, const struct loaded *to) {
    const char *text = to->name;
    for (const struct loaded *at = from; at && at != to; at = at->included_by)
        text = arena_printf(loader->arena, "%s → %s", at->name, text);
    return arena_printf(loader->arena, "%s → %s", to->name, text);
}

static void load(struct loader *loader, struct loaded *file, unsigned depth);

static void include(struct loader *loader, struct loaded *file, struct word path, unsigned depth) {
    struct arena *arena = loader->arena;
    const char *target = load_path(loader, file, "include", path);
    if (!target || !load_stays(loader, file, "include", path, target)) return;
    if (depth >= LIMIT_INCLUDE_DEPTH) {
        refuse_path(loader, "include", path, "is nested too deeply", "flatten the chain of includes");
        return;
    }
    struct loaded *included = find(loader, target);
    if (!included) included = read_and_add(loader, target, file->root, path.span);
    if (!included) return;
    if (included->progress == IN_PROGRESS) {
        refuse_path(loader, "include", path,
                    arena_printf(arena, "forms a cycle: %s", cycle_text(loader, file, included)),
                    "move what both need into a third file");
        return;
    }
    struct unit *unit = &included->unit;
    ARENA_PUSH(arena, file->unit.includes, file->unit.include_count, unit);
    if (included->progress == WAITING) {
        included->included_by = file;
        load(loader, included, depth + 1);
    }
}

// What is in them is no source: a key that was named by mistake is shown nowhere.
static void load_authority(struct loader *loader, const struct loaded *file, const struct ast_item *webhook) {
    static const char form[] = "ca file";
    for (size_t i = 0; i < webhook->as.block.clauses.count; i++) {
        const struct ast_clause *clause = webhook->as.block.clauses.items[i];
        if (clause->kind != AST_CLAUSE_CA || strcmp(clause->words.items[0].text, "file") != 0) continue;
        struct authority_file read = {.from = clause->words.items[1]};
        const char *path = load_path(loader, file, form, read.from);
        if (!path || !load_stays(loader, file, form, read.from, path)) continue;
        read.bytes = load_bytes(loader, path, read.from.span, &read.len);
        if (read.bytes) ARENA_PUSH(loader->arena, loader->authority_files, loader->authority_file_count, read);
    }
}

static void load(struct loader *loader, struct loaded *file, unsigned depth) {
    file->progress = IN_PROGRESS;
    file->unit.file = parse_file(loader->arena, loader->diags, loader->sources, file->source);
    name_policy(loader, file);
    bool empty = true;
    for (struct ast_item *item = file->unit.file->first; item; item = item->next) {
        empty = false;
        if (item->kind == AST_ITEM_INCLUDE && item->name.text) include(loader, file, item->name, depth);
        if (item->kind == AST_ITEM_RESOURCES_FROM) load_definitions(loader, file, item->as.paths);
        if (item->kind == AST_ITEM_WEBHOOK) load_authority(loader, file, item);
    }
    if (empty && loader->sources->items[file->source].usable && !loader->diags->errors) {
        const struct span start = {file->source, 0, 0};
        diag_report(loader->diags, DIAG_NO_POLICY, start, "the file declares nothing");
        diag_help(loader->diags, "a policy needs at least one lock or grant");
    }
    file->progress = DONE;
}

void load_units(struct loader *loader, struct unit ***ret_units, size_t *ret_count) {
    // Includes add to the list while it is walked.
    for (size_t i = 0; i < loader->file_count; i++)
        if (loader->files[i]->progress == WAITING) load(loader, loader->files[i], 0);
    *ret_units = ARENA_ARRAY(loader->arena, struct unit *, loader->file_count);
    *ret_count = loader->file_count;
    for (size_t i = 0; i < loader->file_count; i++) (*ret_units)[i] = &loader->files[i]->unit;
}

static void index_items(const struct loader *loader, struct loaded *file) {
    for (const struct ast_item *item = file->unit.file->first; item; item = item->next)
        if (!item->made) ARENA_PUSH(loader->arena, file->items, file->item_count, item);
}

static const struct ast_item *item_in(const struct loaded *file, struct span span) {
    size_t begin = 0, end = file->item_count;
    while (begin < end) {
        const size_t middle = begin + (end - begin) / 2;
        const struct ast_item *item = file->items[middle];
        if (item->span.begin <= span.begin && span.begin < item->span.end) return item;
        if (item->span.begin <= span.begin)
            begin = middle + 1;
        else
            end = middle;
    }
    return NULL;
}

static const struct ast_item *item_at(const struct loader *loader, struct span span) {
    for (size_t i = 0; i < loader->file_count; i++) {
        struct loaded *file = loader->files[i];
        if (!file->unit.file || file->unit.file->source != span.file) continue;
        if (!file->items) index_items(loader, file);
        return item_in(file, span);
    }
    return NULL;
}

const char *load_origin(const struct loader *loader, struct span span) {
    const struct ast_item *item = item_at(loader, span);
    const char *file = loader->sources->items[span.file].name, *slash = strrchr(file, '/');
    const char *name = item && item->name.text ? item->name.text : "deployer";
    return arena_printf(loader->arena, "%s#%s", slash ? slash + 1 : file, name);
}
