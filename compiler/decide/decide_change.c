// What a request changes; see decide_internal.h.
#include "decide/decide_internal.h"

#include <string.h>

#include "base/arena.h"
#include "data/regex.h"
#include "data/value.h"

// Of metadata nothing is what is empty.
static const struct value *unless_empty(const struct value *value) {
    if (!value || value->kind == VALUE_NULL) return NULL;
    return (value->kind == VALUE_MAP || value->kind == VALUE_LIST) && !value->count ? NULL : value;
}

const struct value *decide_metadata_field(const struct value *object, const char *key) {
    return unless_empty(value_dig(object, "metadata", key, NULL));
}

static bool same(const struct value *a, const struct value *b) {
    return a && b ? value_equal(a, b) : a == b;
}

// The paths that `except changing` leaves aside, below the point that was reached: those whose first `depth` keys led
// here.
struct aside {
    const struct field_path *paths;
    size_t count, depth;
    const bool *here; // which of them lead here
};

static bool leads_to(const struct segment *segment, const char *key, struct arena *arena) {
    return segment->regex ? regex_match(segment->regex, key, strlen(key), arena) : strcmp(segment->key, key) == 0;
}

static bool differs(struct arena *arena, const struct value *old, const struct value *new, const struct aside *aside);

// Whether the key differs, leaving aside what is below the excepted paths.
static bool key_differs(struct arena *arena, const char *key, const struct value *old, const struct value *new,
                        const struct aside *aside) {
    bool *here = ARENA_ARRAY(arena, bool, aside->count), any = false;
    for (size_t i = 0; i < aside->count; i++) {
        here[i] = aside->here[i] && leads_to(&aside->paths[i].segments[aside->depth], key, arena);
        if (here[i] && aside->paths[i].count == aside->depth + 1) return false;
        any |= here[i];
    }
    if (!any) return !same(old, new);
    const struct aside below = {aside->paths, aside->count, aside->depth + 1, here};
    return differs(arena, old, new, &below);
}

// A missing map, or what is no map, counts as empty where something below it is excepted: otherwise adding the excepted
// field to an object that had no such map would be a change of something else.
static bool differs(struct arena *arena, const struct value *old, const struct value *new, const struct aside *aside) {
    const bool maps = (!old || old->kind == VALUE_MAP) && (!new || new->kind == VALUE_MAP);
    if (!maps) return !same(old, new);
    for (size_t i = 0; old && i < old->count; i++) {
        const char *key = old->as.entries[i].key;
        if (key_differs(arena, key, old->as.entries[i].value, value_get(new, key), aside)) return true;
    }
    for (size_t i = 0; new &&i < new->count; i++) {
        const char *key = new->as.entries[i].key;
        if (!value_get(old, key) && key_differs(arena, key, NULL, new->as.entries[i].value, aside)) return true;
    }
    return false;
}

static const char *const metadata_fields[] = {"labels", "annotations", "ownerReferences", "finalizers"};

// An object with only those parts of its metadata that are anybody's to change, or the first of them.
static struct value *changeable(struct arena *arena, const struct value *object, enum extent extent) {
    struct value *result = value_map(arena), *metadata = value_map(arena);
    for (size_t i = 0; object && i < object->count; i++) {
        const struct value_entry *entry = &object->as.entries[i];
        if (strcmp(entry->key, "metadata") != 0) value_set(arena, result, entry->key, entry->value);
    }
    for (size_t i = 0; i < extent; i++) {
        const struct value *field = decide_metadata_field(object, metadata_fields[i]);
        if (field) value_set(arena, metadata, metadata_fields[i], value_copy(arena, field));
    }
    value_set(arena, result, "metadata", metadata);
    return result;
}

// What a path leads to; behind [*] the list of what each element has there. NULL when there is nothing.
static const struct value *project(struct arena *arena, const struct value *at, const struct field_path *path,
                                   size_t segment) {
    if (!at || segment == path->count) return at;
    const char *key = path->segments[segment].key;
    if (path->segments[segment].regex) {
        // Keys by a pattern are the last of their path: what is left of the map.
        struct value *some = value_map(arena);
        for (size_t i = 0; at->kind == VALUE_MAP && i < at->count; i++)
            if (leads_to(&path->segments[segment], at->as.entries[i].key, arena))
                value_set(arena, some, at->as.entries[i].key, value_copy(arena, at->as.entries[i].value));
        return some->count ? some : NULL;
    }
    if (key) return project(arena, value_get(at, key), path, segment + 1);
    if (at->kind != VALUE_LIST) return NULL;
    struct value *all = value_list(arena);
    for (size_t i = 0; i < at->count; i++) {
        const struct value *one = project(arena, at->as.items[i], path, segment + 1);
        if (one) value_append(arena, all, value_copy(arena, one));
    }
    return all;
}

static bool is_metadata(const struct field_path *path) {
    return path->segments[0].key && strcmp(path->segments[0].key, "metadata") == 0;
}

// The value that a path leads to from the object, or from a variable.
static const struct value *read_path(struct arena *arena, const struct value *root, const struct field_path *path) {
    const struct value *value = project(arena, root, path, 0);
    return path->variable < 0 && is_metadata(path) ? unless_empty(value) : value;
}

// The new state where only the metadata of it counts.
static struct value *with_metadata_of(struct arena *arena, const struct value *object, const struct value *other) {
    struct value *result = value_copy(arena, object);
    const struct value *metadata = value_get(other, "metadata");
    value_set(arena, result, "metadata", metadata ? value_copy(arena, metadata) : value_map(arena));
    return result;
}

// ---- what a requirement reads ----

static size_t length(const struct value *list) {
    return list && list->kind == VALUE_LIST ? list->count : 0;
}

// Whether a key that the atom is about is in the first map alone.
static bool has_other_key(const struct view *view, const struct formula *atom, const struct value *map,
                          const struct value *other) {
    for (size_t i = 0; map && map->kind == VALUE_MAP && i < map->count; i++) {
        const char *key = map->as.entries[i].key;
        if (decide_test_text(view, atom, key) && !value_get(other, key)) return true;
    }
    return false;
}

bool decide_reads_differ(const struct view *view, const struct formula *expr, int root, int depth,
                         const struct value *old, const struct value *new) {
    struct arena *arena = view->arena;
    const bool quantifier = expr->kind == FORMULA_ANY || expr->kind == FORMULA_ALL;
    if ((expr->kind == FORMULA_LABEL || expr->kind == FORMULA_ANNOTATION) && root < 0) {
        const char *field = expr->kind == FORMULA_LABEL ? "labels" : "annotations";
        if (!same(value_dig(old, "metadata", field, expr->key, NULL),
                  value_dig(new, "metadata", field, expr->key, NULL)))
            return true;
    }
    if ((expr->kind == FORMULA_LABEL_KEY || expr->kind == FORMULA_ANNOTATION_KEY) && root < 0) {
        const char *field = expr->kind == FORMULA_LABEL_KEY ? "labels" : "annotations";
        const struct value *before = decide_metadata_field(old, field), *after = decide_metadata_field(new, field);
        if (has_other_key(view, expr, before, after) || has_other_key(view, expr, after, before)) return true;
    }
    if (expr->kind == FORMULA_FIELD && expr->path.variable == root &&
        !same(read_path(arena, old, &expr->path), read_path(arena, new, &expr->path)))
        return true;
    if (quantifier && expr->path.variable == root) {
        const struct value *before = project(arena, old, &expr->path, 0), *after = project(arena, new, &expr->path, 0);
        if (length(before) != length(after)) return true;
        for (size_t i = 0; i < length(before); i++)
            if (decide_reads_differ(view, expr->operands[0], depth, depth + 1, before->as.items[i], after->as.items[i]))
                return true;
    }
    for (size_t i = 0; i < expr->operand_count; i++)
        if (decide_reads_differ(view, expr->operands[i], root, depth + quantifier, old, new)) return true;
    return false;
}

// ---- what the lock is about ----

bool decide_changes(const struct view *view, const struct lock *lock, bool metadata_only) {
    const struct request *request = view->request;
    struct arena *arena = view->arena;
    const struct value *old = changeable(arena, request->old_object, ALL_FIELDS),
                       *new = changeable(arena, request->object, ALL_FIELDS);
    if (metadata_only) new = with_metadata_of(arena, old, new);
    if (!lock->path_count) return !value_equal(old, new);
    if (lock->all_but_paths) {
        bool *here = ARENA_ARRAY(arena, bool, lock->path_count);
        for (size_t i = 0; i < lock->path_count; i++) here[i] = true;
        const struct aside all = {lock->paths, lock->path_count, 0, here};
        return differs(arena, old, new, &all);
    }
    for (size_t i = 0; i < lock->path_count; i++)
        if (!same(read_path(arena, old, &lock->paths[i]), read_path(arena, new, &lock->paths[i]))) return true;
    return false;
}

bool decide_keeps(const struct view *view, enum extent extent) {
    return value_equal(changeable(view->arena, view->request->old_object, extent),
                       changeable(view->arena, view->request->object, extent));
}

bool decide_changes_owners(const struct request *request) {
    return !same(decide_metadata_field(request->old_object, "ownerReferences"),
                 decide_metadata_field(request->object, "ownerReferences"));
}

// Whether the object has what the path leads to. Lists and maps of metadata that are empty are not there.
static bool has_path(struct arena *arena, const struct value *at, const struct field_path *path, size_t segment) {
    if (!at) return false;
    if (segment == path->count) return true;
    const char *key = path->segments[segment].key;
    if (path->segments[segment].regex) {
        for (size_t i = 0; at->kind == VALUE_MAP && i < at->count; i++) {
            const char *own = at->as.entries[i].key;
            if (regex_match(path->segments[segment].regex, own, strlen(own), arena)) return true;
        }
        return false;
    }
    if (key) return has_path(arena, value_get(at, key), path, segment + 1);
    for (size_t i = 0; at->kind == VALUE_LIST && i < at->count; i++)
        if (has_path(arena, at->as.items[i], path, segment + 1)) return true;
    return false;
}

bool decide_brings(const struct view *view, const struct lock *lock) {
    const struct value *new = changeable(view->arena, view->request->object, ALL_FIELDS);
    bool any = !lock_narrows_creates(lock);
    for (size_t i = 0; i < lock->path_count && !any; i++) any = has_path(view->arena, new, &lock->paths[i], 0);
    return any;
}
