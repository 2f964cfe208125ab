// What an update changes, as CEL; the second reading of what decide says.
#include <string.h>

#include "base/arena.h"
#include "base/text.h"
#include "emit/vap_internal.h"
#include "kubernetes/catalog.h"

// ---- what changes ----

struct cel_node *vap_path_present(struct builder *builder, const struct field_path *path, struct cel_node *root) {
    const struct formula probe = {.kind = FORMULA_FIELD, .path = *path, .compare = CMP_EXISTS};
    return vap_walk_path(builder, &probe, root, true, 0, vap_test_value);
}

struct cel_node *vap_path(struct arena *arena, struct cel_node *root, const struct field_path *path) {
    struct cel_node *node = root;
    for (size_t i = 0; i < path->count; i++) node = cel_child(arena, node, path->segments[i].key);
    return node;
}

// What the elements of a list hold, as decide's projection has it: [*] gives the list of what each element has there.
static struct cel_node *projection(struct builder *builder, struct cel_node *subject, const struct field_path *path,
                                   size_t segment) {
    struct arena *arena = builder->arena;
    if (segment == path->count) return subject;
    const char *key = path->segments[segment].key;
    if (key) return projection(builder, cel_child(arena, subject, key), path, segment + 1);
    const struct field_path rest = {
        .variable = -1, .segments = path->segments + segment + 1, .count = path->count - segment - 1};
    const struct formula probe = {.kind = FORMULA_FIELD, .path = rest, .compare = CMP_EXISTS};
    const char *variable = vap_bound(builder, 'e', builder->depth++);
    struct cel_node *element = cel_name(arena, variable);
    // Only up to the next [*], below which a list that is not there is no reason to leave the element out.
    size_t keys = 0;
    while (keys < rest.count && rest.segments[keys].key) keys++;
    struct formula head = probe;
    head.path.count = keys;
    struct cel_node *present =
        vap_walk_path(builder, &head, element, false, 0, keys < rest.count ? vap_list_end : vap_test_value);
    struct cel_node *inner = projection(builder, element, &rest, 0);
    builder->depth--;
    struct cel_node *kept =
        cel_is_bool(present, true) ? subject : cel_macro(arena, subject, "filter", variable, present);
    return inner == element ? kept : cel_macro(arena, kept, "map", variable, inner);
}

// Whether the path up to its first [*] is there, and is a list if one follows.
static struct cel_node *projectable(struct builder *builder, const struct field_path *path, struct cel_node *root) {
    size_t keys = 0;
    while (keys < path->count && path->segments[keys].key) keys++;
    if (keys == path->count) return vap_path_present(builder, path, root);
    const struct formula probe = {.kind = FORMULA_FIELD,
                                  .path = {.variable = -1, .segments = path->segments, .count = keys},
                                  .compare = CMP_EXISTS};
    return vap_walk_path(builder, &probe, root, true, 0, vap_list_end);
}

// metadata.labels and its like count as empty when they are not there.
static struct cel_node *metadata_variable(struct builder *builder, const struct field_path *path, bool new) {
    if (path->count < 2 || !path->segments[0].key || strcmp(path->segments[0].key, "metadata") != 0) return NULL;
    const char *field = path->segments[1].key ? path->segments[1].key : "";
    if (strcmp(field, "labels") == 0) return new ? USE(newLabels) : USE(labels);
    if (strcmp(field, "annotations") == 0) return new ? USE(newAnnotations) : USE(annotations);
    if (strcmp(field, "ownerReferences") == 0) return new ? USE(newOwners) : USE(owners);
    if (strcmp(field, "finalizers") == 0) return new ? USE(newFinalizers) : USE(finalizers);
    return NULL;
}

// A key of one map is another in the other map, where `equal` is not so, or not there; unless it is set aside.
static struct cel_node *keys_differ_aside(struct arena *arena, const char *key, struct cel_node *aside,
                                          struct cel_node *equal, struct cel_node *old, struct cel_node *new) {
    struct cel_node *k = cel_name(arena, key), *same = cel_and(arena, cel_in(arena, k, old), equal);
    struct cel_node *kept = cel_macro(arena, new, "all", key, cel_or(arena, aside, same)),
                    *there = cel_macro(arena, old, "all", key, cel_or(arena, aside, cel_in(arena, k, new)));
    return cel_or(arena, cel_not(arena, kept), cel_not(arena, there));
}

static struct cel_node *key_matches(struct arena *arena, const char *key, const struct segment *segment) {
    return cel_method(arena, cel_name(arena, key), "matches", cel_string(arena, segment->pattern));
}

// A label or annotation whose key matches is another, or there in one state only.
static struct cel_node *keys_change(struct builder *builder, const struct segment *segment, struct cel_node *old,
                                    struct cel_node *new) {
    struct arena *arena = builder->arena;
    struct cel_node *k = cel_name(arena, "k"), *aside = cel_not(arena, key_matches(arena, "k", segment));
    struct cel_node *equal = cel_eq(arena, cel_at(arena, old, k), cel_at(arena, new, k));
    return keys_differ_aside(arena, "k", aside, equal, old, new);
}

static struct cel_node *path_changes(struct builder *builder, const struct field_path *path) {
    struct arena *arena = builder->arena;
    struct cel_node *old_root = metadata_variable(builder, path, false),
                    *new_root = metadata_variable(builder, path, true);
    struct field_path rest = *path;
    if (old_root && path->count == 3 && path->segments[2].regex)
        return keys_change(builder, &path->segments[2], old_root, new_root);
    if (old_root) {
        rest.segments += 2;
        rest.count -= 2;
    } else {
        old_root = USE(old);
        new_root = USE(new);
    }
    if (!rest.count) return cel_ne(arena, old_root, new_root);
    if (rest.count == 1 && path->count == 3 && rest.segments[0].key)
        return cel_ne(arena, cel_optional_at(arena, old_root, rest.segments[0].key),
                      cel_optional_at(arena, new_root, rest.segments[0].key));
    if (rest.count == path->count) {
        struct cel_node *was = vap_optional_path(builder, path, old_root),
                        *is = vap_optional_path(builder, path, new_root);
        if (was && is) return cel_ne(arena, was, is);
    }
    // Check each step for being a map, except the roots, which always are maps or lists.
    struct cel_node *was = rest.segments[0].key ? projectable(builder, &rest, old_root) : builder->always;
    struct cel_node *is = rest.segments[0].key ? projectable(builder, &rest, new_root) : builder->always;
    struct cel_node *before = projection(builder, old_root, &rest, 0), *after = projection(builder, new_root, &rest, 0);
    struct cel_node *differs = cel_ne(arena, before, after);
    if (cel_is_bool(was, true)) return differs;
    struct cel_node *both = cel_parenthesized(arena, cel_if(arena, is, differs, builder->always));
    return cel_parenthesized(arena, cel_if(arena, was, both, is));
}

// `except changing`: the keys at one level are compared, leaving aside those that lead to an excepted path.
static struct cel_node *differs_aside(struct builder *builder, const struct field_path *const *paths, size_t count,
                                      size_t depth, struct cel_node *old, struct cel_node *new);

// What is under the key is called by the name within the test; an empty map where nothing is.
static struct cel_node *with_child(struct arena *arena, struct cel_node *map, const char *key, const char *name,
                                   struct cel_node *test) {
    struct cel_node **child = ARENA_NEW(arena, struct cel_node *);
    *child = cel_if(arena, cel_has_child(arena, map, key), cel_child(arena, map, key), cel_map(arena, NULL, 0));
    return cel_macro(arena, cel_list(arena, child, 1), "exists", name, test);
}

static struct cel_node *key_differs_aside(struct builder *builder, const struct field_path *const *paths, size_t count,
                                          size_t depth, const char *key, struct cel_node *old, struct cel_node *new) {
    struct arena *arena = builder->arena;
    const struct field_path **below = NULL;
    size_t below_count = 0;
    for (size_t i = 0; i < count; i++)
        if (strcmp(paths[i]->segments[depth].key, key) == 0) {
            if (paths[i]->count == depth + 1) return builder->never;
            ARENA_PUSH(arena, below, below_count, paths[i]);
        }
    // Missing counts as an empty map, anything but a map is compared whole.
    const char *was = arena_printf(arena, "was%zu", depth), *is = arena_printf(arena, "is%zu", depth);
    struct cel_node *old_child = cel_name(arena, was), *new_child = cel_name(arena, is);
    struct cel_node *maps = cel_and(arena, cel_is_type(arena, old_child, "map"), cel_is_type(arena, new_child, "map"));
    struct cel_node *inner = differs_aside(builder, below, below_count, depth + 1, old_child, new_child);
    struct cel_node *differs = cel_if(arena, maps, inner, cel_ne(arena, old_child, new_child));
    return with_child(arena, old, key, was, with_child(arena, new, key, is, differs));
}

static struct cel_node *differs_aside(struct builder *builder, const struct field_path *const *paths, size_t count,
                                      size_t depth, struct cel_node *old, struct cel_node *new) {
    struct arena *arena = builder->arena;
    const char **keys = NULL;
    size_t key_count = 0;
    const char *variable = arena_printf(arena, "k%zu", depth);
    struct cel_node *aside = builder->never; // whatever key matches a pattern is left aside as well
    for (size_t i = 0; i < count; i++) {
        const struct segment *segment = &paths[i]->segments[depth];
        if (segment->regex) {
            aside = cel_or(arena, aside, key_matches(arena, variable, segment));
            continue;
        }
        bool known = false;
        for (size_t j = 0; j < key_count && !known; j++) known = strcmp(keys[j], paths[i]->segments[depth].key) == 0;
        if (!known) ARENA_PUSH(arena, keys, key_count, paths[i]->segments[depth].key);
    }
    const char **named = ARENA_ARRAY(arena, const char *, key_count + 1);
    for (size_t i = 0; i < key_count; i++) named[i] = keys[i];
    size_t named_count = key_count;
    if (depth == 0 && !text_has_word(key_count ? keys[0] : "", "metadata")) {
        bool metadata = false;
        for (size_t i = 0; i < key_count; i++) metadata |= strcmp(keys[i], "metadata") == 0;
        if (!metadata) named[named_count++] = "metadata";
    }
    struct cel_node *k = cel_name(arena, variable);
    if (named_count || cel_is_bool(aside, false))
        aside = cel_or(arena, aside, cel_in(arena, k, cel_strings(arena, named, named_count)));
    struct cel_node *equal = cel_eq(arena, cel_at(arena, new, k), cel_at(arena, old, k));
    struct cel_node *result = keys_differ_aside(arena, variable, aside, equal, old, new);
    for (size_t i = 0; i < key_count; i++) {
        if (depth == 0 && strcmp(keys[i], "metadata") == 0) continue;
        result = cel_or(arena, result, key_differs_aside(builder, paths, count, depth, keys[i], old, new));
    }
    return result;
}

static struct cel_node *metadata_differs_aside(struct builder *builder, const struct field_path *const *paths,
                                               size_t count) {
    static const char *const fields[] = {"labels", "annotations", "ownerReferences", "finalizers"};
    struct arena *arena = builder->arena;
    struct cel_node *result = builder->never;
    for (size_t f = 0; f < sizeof fields / sizeof *fields; f++) {
        const struct segment segments[] = {{.key = "metadata"}, {.key = fields[f]}};
        const struct field_path field = {.variable = -1, .segments = segments, .count = 2};
        struct cel_node *old = metadata_variable(builder, &field, false),
                        *new = metadata_variable(builder, &field, true);
        const struct field_path **below = NULL;
        size_t below_count = 0;
        bool excepted = false;
        for (size_t i = 0; i < count; i++) {
            if (paths[i]->count < 2 || strcmp(paths[i]->segments[0].key, "metadata") != 0 ||
                strcmp(paths[i]->segments[1].key, fields[f]) != 0)
                continue;
            excepted |= paths[i]->count == 2;
            ARENA_PUSH(arena, below, below_count, paths[i]);
        }
        if (excepted) continue;
        // Below labels and annotations a path is one key; lists have no keys to leave aside.
        const bool map = f < 2 && below_count;
        result = cel_or(arena, result,
                        map ? differs_aside(builder, below, below_count, 2, old, new) : cel_ne(arena, old, new));
    }
    return result;
}

// ---- what a new object brings ----

static struct cel_node *path_brings(struct builder *builder, const struct field_path *path) {
    struct arena *arena = builder->arena;
    struct cel_node *root = metadata_variable(builder, path, true);
    if (!root) return vap_path_present(builder, path, USE(new));
    const struct field_path rest = {.variable = -1, .segments = path->segments + 2, .count = path->count - 2};
    if (rest.count && rest.segments[0].regex)
        return cel_macro(arena, root, "exists", "k", key_matches(arena, "k", &rest.segments[0]));
    // The roots are there as empty maps and lists where the object has none.
    return rest.count ? vap_path_present(builder, &rest, root)
                      : cel_binary(arena, cel_method(arena, root, "size", NULL), ">", cel_integer(arena, 0));
}

struct cel_node *vap_brings(struct builder *builder) {
    const struct lock *model = builder->table->model;
    struct cel_node *result = builder->never;
    if (!lock_narrows_creates(model)) return builder->always;
    for (size_t i = 0; i < model->path_count; i++)
        result = cel_or(builder->arena, result, path_brings(builder, &model->paths[i]));
    return result;
}

// ---- what a formula reads ----

static struct cel_node *list_reads(struct builder *builder, const struct formula *quantifier, struct cel_node *root,
                                   bool known_map);

static struct cel_node *list_of(struct arena *arena, struct cel_node *item) {
    struct cel_node **items = ARENA_NEW(arena, struct cel_node *);
    *items = item;
    return cel_list(arena, items, 1);
}

struct element_reads {
    struct cel_node **items;
    size_t count;
};

// What the formula reads of an element of a list, which is bound to the variable of that index: a list of lists, empty
// where nothing is there, so that nothing moves from one element to another unseen.
static void add_element_reads(struct builder *builder, const struct formula *formula, int variable,
                              struct element_reads *reads) {
    struct arena *arena = builder->arena;
    const bool quantifier = formula->kind == FORMULA_ANY || formula->kind == FORMULA_ALL;
    if (formula->path.variable == variable && (formula->kind == FORMULA_FIELD || quantifier)) {
        const struct field_path *path = &formula->path;
        struct cel_node *element = cel_name(arena, vap_bound(builder, 'v', variable));
        struct cel_node *there = path->count ? projectable(builder, path, element) : builder->always, *read;
        if (path->count && path->segments[0].key) there = cel_and(arena, cel_is_type(arena, element, "map"), there);
        if (quantifier) {
            read = list_reads(builder, formula, element, false);
        } else {
            read = list_of(arena, projection(builder, element, path, 0));
            if (!cel_is_bool(there, true)) read = cel_if(arena, there, read, cel_list(arena, NULL, 0));
        }
        // What is read is of several types, which a list takes only as dyn.
        ARENA_PUSH(arena, reads->items, reads->count, cel_call(arena, "dyn", read));
    }
    builder->depth += quantifier;
    for (size_t i = 0; i < formula->operand_count; i++)
        add_element_reads(builder, formula->operands[i], variable, reads);
    builder->depth -= quantifier;
}

static struct cel_node *list_reads(struct builder *builder, const struct formula *quantifier, struct cel_node *root,
                                   bool known_map) {
    struct arena *arena = builder->arena;
    const int variable = vap_bind(builder, quantifier);
    struct element_reads reads = {0};
    add_element_reads(builder, quantifier->operands[0], variable, &reads);
    builder->depth--;
    struct cel_node *there = vap_walk_path(builder, quantifier, root, known_map, 0, vap_list_end);
    struct cel_node *of_each = cel_macro(arena, vap_path(arena, root, &quantifier->path), "map",
                                         vap_bound(builder, 'v', variable), cel_list(arena, reads.items, reads.count));
    return cel_parenthesized(arena, cel_if(arena, there, of_each, cel_list(arena, NULL, 0)));
}

static struct cel_node *key_changes(struct builder *builder, const char *field, const char *key) {
    const struct segment segments[] = {{.key = "metadata"}, {.key = field}, {.key = key}};
    const struct field_path path = {.variable = -1, .segments = segments, .count = 3};
    return path_changes(builder, &path);
}

struct reads {
    struct cel_node *differ;
    struct cel_node **known; // each once
    size_t known_count;
};

static void add_differing(struct builder *builder, struct reads *reads, struct cel_node *one) {
    for (size_t i = 0; i < reads->known_count; i++)
        if (cel_same(reads->known[i], one)) return;
    ARENA_PUSH(builder->arena, reads->known, reads->known_count, one);
    reads->differ = cel_or(builder->arena, reads->differ, one);
}

// Of a formula about keys, those that it is about are not the same in both maps.
static struct cel_node *keys_differ(struct builder *builder, const struct formula *atom, struct cel_node *old,
                                    struct cel_node *new) {
    struct arena *arena = builder->arena;
    const char *variable = vap_bound(builder, 'e', builder->depth++);
    struct cel_node *key = cel_name(arena, variable), *other = cel_not(arena, vap_test_key(builder, atom, key));
    builder->depth--;
    struct cel_node *kept = cel_macro(arena, old, "all", variable, cel_or(arena, other, cel_in(arena, key, new))),
                    *known = cel_macro(arena, new, "all", variable, cel_or(arena, other, cel_in(arena, key, old)));
    return cel_or(arena, cel_not(arena, kept), cel_not(arena, known));
}

static void add_reads(struct builder *builder, const struct formula *formula, struct reads *reads) {
    const bool quantifier = formula->kind == FORMULA_ANY || formula->kind == FORMULA_ALL,
               of_object = formula->path.variable < 0;
    if (formula->kind == FORMULA_LABEL) add_differing(builder, reads, key_changes(builder, "labels", formula->key));
    if (formula->kind == FORMULA_ANNOTATION)
        add_differing(builder, reads, key_changes(builder, "annotations", formula->key));
    if (formula->kind == FORMULA_LABEL_KEY)
        add_differing(builder, reads, keys_differ(builder, formula, USE(labels), USE(newLabels)));
    if (formula->kind == FORMULA_ANNOTATION_KEY)
        add_differing(builder, reads, keys_differ(builder, formula, USE(annotations), USE(newAnnotations)));
    if (formula->kind == FORMULA_FIELD && of_object)
        add_differing(builder, reads, path_changes(builder, &formula->path));
    if (quantifier && of_object)
        add_differing(builder, reads,
                      cel_ne(builder->arena, list_reads(builder, formula, USE(old), true),
                             list_reads(builder, formula, USE(new), true)));
    builder->depth += quantifier;
    for (size_t i = 0; i < formula->operand_count; i++) add_reads(builder, formula->operands[i], reads);
    builder->depth -= quantifier;
}

struct cel_node *vap_reads_differ(struct builder *builder, const struct formula *formula) {
    struct reads reads = {.differ = builder->never};
    add_reads(builder, formula, &reads);
    return reads.differ;
}

// ---- scale ----

static struct cel_node *scale_changes(struct builder *builder) {
    if (!lock_sees_replicas(builder->table->model)) return builder->never;
    return cel_ne(builder->arena, USE(replicas), USE(newReplicas));
}

struct cel_node *vap_changes(struct builder *builder) {
    struct arena *arena = builder->arena;
    const struct lock *model = builder->table->model;
    if (builder->policy->shape == SHAPE_SCALE) return scale_changes(builder);
    if (!model->path_count) return USE(changed);
    struct cel_node *result = builder->never;
    if (model->all_but_paths) {
        const struct field_path **paths = ARENA_ARRAY(arena, const struct field_path *, model->path_count);
        for (size_t i = 0; i < model->path_count; i++) paths[i] = &model->paths[i];
        result = metadata_differs_aside(builder, paths, model->path_count);
        return cel_or(arena, result, differs_aside(builder, paths, model->path_count, 0, USE(old), USE(new)));
    }
    for (size_t i = 0; i < model->path_count; i++)
        result = cel_or(arena, result, path_changes(builder, &model->paths[i]));
    return result;
}

struct cel_node *vap_metadata_changes(struct builder *builder) {
    struct arena *arena = builder->arena;
    const struct lock *model = builder->table->model;
    if (!model->path_count) return USE(metadataChanged);
    struct cel_node *result = builder->never;
    if (model->all_but_paths) {
        const struct field_path **paths = ARENA_ARRAY(arena, const struct field_path *, model->path_count);
        for (size_t i = 0; i < model->path_count; i++) paths[i] = &model->paths[i];
        return metadata_differs_aside(builder, paths, model->path_count);
    }
    for (size_t i = 0; i < model->path_count; i++)
        if (path_is_metadata(&model->paths[i])) result = cel_or(arena, result, path_changes(builder, &model->paths[i]));
    return result;
}
