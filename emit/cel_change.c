// What an update changes, as CEL; the second reading of what decide.c says.
#include <string.h>

#include "base/arena.h"
#include "base/text.h"
#include "emit/cel_parts.h"
#include "kubernetes/catalog.h"

// ---- what changes ----

struct piece cel_path_present(struct printer *printer, const struct field_path *path, const char *root) {
    const struct formula probe = {.kind = FORMULA_FIELD, .path = *path, .compare = CMP_EXISTS};
    return cel_walk_path(printer, &probe, root, true, 0, cel_test_value);
}

const char *cel_path_text(struct arena *arena, const char *root, const struct field_path *path, size_t count) {
    const char *text = root;
    for (size_t i = 0; i < count; i++) text = cel_child(arena, text, path->segments[i].key);
    return text;
}

// What the elements of a list hold, as decide's projection has it: [*] gives the list of what each element has there.
static const char *projection(struct printer *printer, const char *subject, const struct field_path *path,
                              size_t segment) {
    struct arena *arena = printer->arena;
    if (segment == path->count) return subject;
    const char *key = path->segments[segment].key;
    if (key) return projection(printer, cel_child(arena, subject, key), path, segment + 1);
    const struct field_path rest = {
        .variable = -1, .segments = path->segments + segment + 1, .count = path->count - segment - 1};
    const struct formula probe = {.kind = FORMULA_FIELD, .path = rest, .compare = CMP_EXISTS};
    const char *element = arena_printf(arena, "e%d", printer->depth++);
    // Only up to the next [*], below which a list that is not there is no reason to leave the element out.
    size_t keys = 0;
    while (keys < rest.count && rest.segments[keys].key) keys++;
    struct formula head = probe;
    head.path.count = keys;
    const struct piece present =
        cel_walk_path(printer, &head, element, false, 0, keys < rest.count ? cel_list_end : cel_test_value);
    const char *inner = projection(printer, element, &rest, 0);
    printer->depth--;
    const char *kept = piece_is(present, piece_always)
                           ? subject
                           : arena_printf(arena, "%s.filter(%s, %s)", subject, element, present.text);
    return strcmp(inner, element) == 0 ? kept : arena_printf(arena, "%s.map(%s, %s)", kept, element, inner);
}

// Whether the path up to its first [*] is there, and is a list if one follows.
static struct piece projectable(struct printer *printer, const struct field_path *path, const char *root) {
    size_t keys = 0;
    while (keys < path->count && path->segments[keys].key) keys++;
    if (keys == path->count) return cel_path_present(printer, path, root);
    const struct formula probe = {.kind = FORMULA_FIELD,
                                  .path = {.variable = -1, .segments = path->segments, .count = keys},
                                  .compare = CMP_EXISTS};
    return cel_walk_path(printer, &probe, root, true, 0, cel_list_end);
}

// metadata.labels and its like count as empty when they are not there.
static const char *metadata_variable(struct printer *printer, const struct field_path *path, bool new) {
    if (path->count < 2 || !path->segments[0].key || strcmp(path->segments[0].key, "metadata") != 0) return NULL;
    const char *field = path->segments[1].key ? path->segments[1].key : "";
    if (strcmp(field, "labels") == 0) return new ? USE(newLabels) : USE(labels);
    if (strcmp(field, "annotations") == 0) return new ? USE(newAnnotations) : USE(annotations);
    if (strcmp(field, "ownerReferences") == 0) return new ? USE(newOwners) : USE(owners);
    if (strcmp(field, "finalizers") == 0) return new ? USE(newFinalizers) : USE(finalizers);
    return NULL;
}

// A label or annotation whose key matches is another, or there in one state only.
static struct piece keys_change(struct printer *printer, const struct segment *segment, const char *old,
                                const char *new) {
    const char *pattern = cel_quoted(printer->arena, segment->pattern);
    return piece_print(
        printer->arena, LEVEL_OR,
        "!%s.all(k, !k.matches(%s) || k in %s && %s[k] == %s[k]) || !%s.all(k, !k.matches(%s) || k in %s)", new,
        pattern, old, old, new, old, pattern, new);
}

static struct piece path_changes(struct printer *printer, const struct field_path *path) {
    struct arena *arena = printer->arena;
    const char *old_root = metadata_variable(printer, path, false), *new_root = metadata_variable(printer, path, true);
    struct field_path rest = *path;
    if (old_root && path->count == 3 && path->segments[2].regex)
        return keys_change(printer, &path->segments[2], old_root, new_root);
    if (old_root) {
        rest.segments += 2;
        rest.count -= 2;
    } else {
        old_root = USE(old);
        new_root = USE(new);
    }
    if (!rest.count) return piece_print(arena, LEVEL_RELATION, "%s != %s", old_root, new_root);
    // Whoever is no map behind its root is asked first; the roots themselves always are maps or lists.
    const struct piece was = rest.segments[0].key ? projectable(printer, &rest, old_root) : piece_always;
    const struct piece is = rest.segments[0].key ? projectable(printer, &rest, new_root) : piece_always;
    const char *before = projection(printer, old_root, &rest, 0), *after = projection(printer, new_root, &rest, 0);
    const struct piece differs = piece_print(arena, LEVEL_RELATION, "%s != %s", before, after);
    if (piece_is(was, piece_always)) return differs;
    return piece_print(arena, LEVEL_UNARY, "(%s ? (%s ? %s : true) : %s)", piece_at_least(arena, was, LEVEL_OR).text,
                       is.text, differs.text, is.text);
}

// `except changing`: the keys at one level are compared, leaving aside those that lead to an excepted path.
static struct piece differs_aside(struct printer *printer, const struct field_path *const *paths, size_t count,
                                  size_t depth, const char *old, const char *new);

static struct piece key_differs_aside(struct printer *printer, const struct field_path *const *paths, size_t count,
                                      size_t depth, const char *key, const char *old, const char *new) {
    struct arena *arena = printer->arena;
    const struct field_path **below = NULL;
    size_t below_count = 0;
    for (size_t i = 0; i < count; i++)
        if (strcmp(paths[i]->segments[depth].key, key) == 0) {
            if (paths[i]->count == depth + 1) return piece_never;
            ARENA_PUSH(arena, below, below_count, paths[i]);
        }
    // Missing counts as an empty map, anything but a map is compared whole.
    const char *old_child = cel_child(arena, old, key), *new_child = cel_child(arena, new, key);
    const struct piece old_has = cel_has_key(arena, old, key), new_has = cel_has_key(arena, new, key);
    const char *old_map = arena_printf(arena, "(%s ? %s : {})", old_has.text, old_child);
    const char *new_map = arena_printf(arena, "(%s ? %s : {})", new_has.text, new_child);
    const struct piece maps = piece_and(arena, cel_is_map(arena, old_map), cel_is_map(arena, new_map));
    const struct piece inner = differs_aside(printer, below, below_count, depth + 1, old_map, new_map);
    const struct piece whole =
        piece_print(arena, LEVEL_OR, "%s != %s || %s && %s != %s", piece_at_least(arena, old_has, LEVEL_UNARY).text,
                    piece_at_least(arena, new_has, LEVEL_UNARY).text, piece_at_least(arena, old_has, LEVEL_AND).text,
                    old_child, new_child);
    return piece_print(arena, LEVEL_UNARY, "(%s ? %s : %s)", maps.text, inner.text, whole.text);
}

static struct piece differs_aside(struct printer *printer, const struct field_path *const *paths, size_t count,
                                  size_t depth, const char *old, const char *new) {
    struct arena *arena = printer->arena;
    const char **keys = NULL;
    size_t key_count = 0;
    struct text patterns; // whatever key matches one of them is left aside as well
    text_init(&patterns, arena);
    for (size_t i = 0; i < count; i++) {
        const struct segment *segment = &paths[i]->segments[depth];
        if (segment->regex) {
            text_printf(&patterns, "k%zu.matches(%s) || ", depth, cel_quoted(arena, segment->pattern));
            continue;
        }
        bool known = false;
        for (size_t j = 0; j < key_count && !known; j++) known = strcmp(keys[j], paths[i]->segments[depth].key) == 0;
        if (!known) ARENA_PUSH(arena, keys, key_count, paths[i]->segments[depth].key);
    }
    struct text list;
    text_init(&list, arena);
    const char **named = ARENA_ARRAY(arena, const char *, key_count + 1);
    for (size_t i = 0; i < key_count; i++) named[i] = keys[i];
    size_t named_count = key_count;
    if (depth == 0 && !text_has_word(key_count ? keys[0] : "", "metadata")) {
        bool metadata = false;
        for (size_t i = 0; i < key_count; i++) metadata |= strcmp(keys[i], "metadata") == 0;
        if (!metadata) named[named_count++] = "metadata";
    }
    cel_add_string_list(&list, named, named_count);
    const char *k = arena_printf(arena, "k%zu", depth);
    const char *aside = named_count || !patterns.len
                            ? arena_printf(arena, "%s%s in %s || ", text_string(&patterns), k, text_string(&list))
                            : text_string(&patterns);
    struct piece result =
        piece_print(arena, LEVEL_OR, "!%s.all(%s, %s%s in %s && %s[%s] == %s[%s]) || !%s.all(%s, %s%s in %s)", new, k,
                    aside, k, old, new, k, old, k, old, k, aside, k, new);
    for (size_t i = 0; i < key_count; i++) {
        if (depth == 0 && strcmp(keys[i], "metadata") == 0) continue;
        result = piece_or(arena, result, key_differs_aside(printer, paths, count, depth, keys[i], old, new));
    }
    return result;
}

static struct piece metadata_differs_aside(struct printer *printer, const struct field_path *const *paths,
                                           size_t count) {
    static const char *const fields[] = {"labels", "annotations", "ownerReferences", "finalizers"};
    struct arena *arena = printer->arena;
    struct piece result = piece_never;
    for (size_t f = 0; f < sizeof fields / sizeof *fields; f++) {
        const struct segment segments[] = {{.key = "metadata"}, {.key = fields[f]}};
        const struct field_path field = {.variable = -1, .segments = segments, .count = 2};
        const char *old = metadata_variable(printer, &field, false), *new = metadata_variable(printer, &field, true);
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
        result = piece_or(arena, result,
                          map ? differs_aside(printer, below, below_count, 2, old, new)
                              : piece_print(arena, LEVEL_RELATION, "%s != %s", old, new));
    }
    return result;
}

// ---- what a new object brings ----

static struct piece path_brings(struct printer *printer, const struct field_path *path) {
    struct arena *arena = printer->arena;
    const char *root = metadata_variable(printer, path, true);
    if (!root) return cel_path_present(printer, path, USE(new));
    const struct field_path rest = {.variable = -1, .segments = path->segments + 2, .count = path->count - 2};
    if (rest.count && rest.segments[0].regex)
        return piece_print(arena, LEVEL_UNARY, "%s.exists(k, k.matches(%s))", root,
                           cel_quoted(arena, rest.segments[0].pattern));
    // The roots are there as empty maps and lists where the object has none.
    return rest.count ? cel_path_present(printer, &rest, root)
                      : piece_print(arena, LEVEL_RELATION, "%s.size() > 0", root);
}

struct piece cel_brings(struct printer *printer) {
    const struct lock *model = printer->table->model;
    struct piece result = piece_never;
    if (model->origin || !model->path_count || model->all_but_paths) return piece_always;
    for (size_t i = 0; i < model->path_count; i++)
        result = piece_or(printer->arena, result, path_brings(printer, &model->paths[i]));
    return result;
}

// ---- what a formula reads ----

static const char *list_reads(struct printer *printer, const struct formula *quantifier, const char *root,
                              bool known_map);

// What the formula reads of an element of a list, which is bound to the variable of that index: a list of lists, empty
// where nothing is there, so that nothing moves from one element to another unseen.
static void add_element_reads(struct printer *printer, const struct formula *formula, int variable, struct text *text) {
    struct arena *arena = printer->arena;
    const bool quantifier = formula->kind == FORMULA_ANY || formula->kind == FORMULA_ALL;
    if (formula->path.variable == variable && (formula->kind == FORMULA_FIELD || quantifier)) {
        const struct field_path *path = &formula->path;
        const char *element = arena_printf(arena, "v%d", variable);
        struct piece there = path->count ? projectable(printer, path, element) : piece_always;
        if (path->count && path->segments[0].key) there = piece_and(arena, cel_is_map(arena, element), there);
        if (text->len) text_add_string(text, ", ");
        // What is read is of several types, which a list takes only as dyn.
        if (quantifier)
            text_printf(text, "dyn(%s)", list_reads(printer, formula, element, false));
        else if (piece_is(there, piece_always))
            text_printf(text, "dyn([%s])", projection(printer, element, path, 0));
        else
            text_printf(text, "dyn(%s ? [%s] : [])", there.text, projection(printer, element, path, 0));
    }
    printer->depth += quantifier;
    for (size_t i = 0; i < formula->operand_count; i++)
        add_element_reads(printer, formula->operands[i], variable, text);
    printer->depth -= quantifier;
}

static const char *list_reads(struct printer *printer, const struct formula *quantifier, const char *root,
                              bool known_map) {
    struct arena *arena = printer->arena;
    const int variable = printer->depth++;
    struct text reads;
    text_init(&reads, arena);
    add_element_reads(printer, quantifier->operands[0], variable, &reads);
    printer->depth--;
    const struct piece there = cel_walk_path(printer, quantifier, root, known_map, 0, cel_list_end);
    return arena_printf(arena, "(%s ? %s.map(v%d, [%s]) : [])", there.text,
                        cel_path_text(arena, root, &quantifier->path, quantifier->path.count), variable,
                        text_string(&reads));
}

static struct piece key_changes(struct printer *printer, const char *field, const char *key) {
    const struct segment segments[] = {{.key = "metadata"}, {.key = field}, {.key = key}};
    const struct field_path path = {.variable = -1, .segments = segments, .count = 3};
    return path_changes(printer, &path);
}

struct reads {
    struct piece differ;
    const char **known; // each once
    size_t known_count;
};

static void add_differing(struct printer *printer, struct reads *reads, struct piece one) {
    for (size_t i = 0; i < reads->known_count; i++)
        if (strcmp(reads->known[i], one.text) == 0) return;
    ARENA_PUSH(printer->arena, reads->known, reads->known_count, one.text);
    reads->differ = piece_or(printer->arena, reads->differ, one);
}

// Of a formula about keys, those that it is about are not the same in both maps.
static struct piece keys_differ(struct printer *printer, const struct formula *atom, const char *old, const char *new) {
    const char *key = arena_printf(printer->arena, "e%d", printer->depth++);
    const struct piece other =
        piece_at_least(printer->arena, piece_not(printer->arena, cel_test_key(printer, atom, key)), LEVEL_OR);
    printer->depth--;
    return piece_print(printer->arena, LEVEL_OR, "!%s.all(%s, %s || %s in %s) || !%s.all(%s, %s || %s in %s)", old, key,
                       other.text, key, new, new, key, other.text, key, old);
}

static void add_reads(struct printer *printer, const struct formula *formula, struct reads *reads) {
    const bool quantifier = formula->kind == FORMULA_ANY || formula->kind == FORMULA_ALL,
               of_object = formula->path.variable < 0;
    if (formula->kind == FORMULA_LABEL) add_differing(printer, reads, key_changes(printer, "labels", formula->key));
    if (formula->kind == FORMULA_ANNOTATION)
        add_differing(printer, reads, key_changes(printer, "annotations", formula->key));
    if (formula->kind == FORMULA_LABEL_KEY)
        add_differing(printer, reads, keys_differ(printer, formula, USE(labels), USE(newLabels)));
    if (formula->kind == FORMULA_ANNOTATION_KEY)
        add_differing(printer, reads, keys_differ(printer, formula, USE(annotations), USE(newAnnotations)));
    if (formula->kind == FORMULA_FIELD && of_object)
        add_differing(printer, reads, path_changes(printer, &formula->path));
    if (quantifier && of_object)
        add_differing(printer, reads,
                      piece_print(printer->arena, LEVEL_RELATION, "%s != %s",
                                  list_reads(printer, formula, USE(old), true),
                                  list_reads(printer, formula, USE(new), true)));
    printer->depth += quantifier;
    for (size_t i = 0; i < formula->operand_count; i++) add_reads(printer, formula->operands[i], reads);
    printer->depth -= quantifier;
}

struct piece cel_reads_differ(struct printer *printer, const struct formula *formula) {
    struct reads reads = {.differ = piece_never};
    add_reads(printer, formula, &reads);
    return reads.differ;
}

// ---- scale ----

static struct piece scale_changes(struct printer *printer) {
    if (!lock_sees_replicas(printer->table->model)) return piece_never;
    return piece_print(printer->arena, LEVEL_RELATION, "%s != %s", USE(replicas), USE(newReplicas));
}

struct piece cel_changes(struct printer *printer) {
    struct arena *arena = printer->arena;
    const struct lock *model = printer->table->model;
    if (printer->policy->shape == SHAPE_SCALE) return scale_changes(printer);
    if (!model->path_count) return piece_print(arena, LEVEL_UNARY, "%s", USE(changed));
    struct piece result = piece_never;
    if (model->all_but_paths) {
        const struct field_path **paths = ARENA_ARRAY(arena, const struct field_path *, model->path_count);
        for (size_t i = 0; i < model->path_count; i++) paths[i] = &model->paths[i];
        result = metadata_differs_aside(printer, paths, model->path_count);
        return piece_or(arena, result, differs_aside(printer, paths, model->path_count, 0, USE(old), USE(new)));
    }
    for (size_t i = 0; i < model->path_count; i++)
        result = piece_or(arena, result, path_changes(printer, &model->paths[i]));
    return result;
}

struct piece cel_metadata_changes(struct printer *printer) {
    struct arena *arena = printer->arena;
    const struct lock *model = printer->table->model;
    if (!model->path_count) return piece_print(arena, LEVEL_UNARY, "%s", USE(metadataChanged));
    struct piece result = piece_never;
    if (model->all_but_paths) {
        const struct field_path **paths = ARENA_ARRAY(arena, const struct field_path *, model->path_count);
        for (size_t i = 0; i < model->path_count; i++) paths[i] = &model->paths[i];
        return metadata_differs_aside(printer, paths, model->path_count);
    }
    for (size_t i = 0; i < model->path_count; i++)
        if (path_is_metadata(&model->paths[i]))
            result = piece_or(arena, result, path_changes(printer, &model->paths[i]));
    return result;
}
