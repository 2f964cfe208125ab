// The steps of the test: what is there is stored while no lock acts, then the locks act, and each request is a dry run,
// so that none changes what the next one finds.
#include "chainsaw/chainsaw.h"

#include <string.h>

#include "base/arena.h"
#include "base/map.h"
#include "base/text.h"
#include "chainsaw/chainsaw_internal.h"
#include "data/value.h"
#include "data/yamlio.h"

// ---- values ----

struct value *chainsaw_only(struct arena *arena, const char *key, struct value *value) {
    struct value *map = value_map(arena);
    value_set(arena, map, key, value);
    return map;
}

const char *chainsaw_api_version(struct arena *arena, const char *group, const char *version) {
    return *group ? arena_printf(arena, "%s/%s", group, version) : version;
}

struct value *chainsaw_object(struct arena *arena, const char *api_version, const char *kind, const char *namespace,
                              const char *name) {
    struct value *object = value_map(arena), *metadata = value_map(arena);
    value_set_string(arena, object, "apiVersion", api_version);
    value_set_string(arena, object, "kind", kind);
    value_set_string(arena, metadata, "name", name);
    if (*namespace) value_set_string(arena, metadata, "namespace", namespace);
    value_set(arena, object, "metadata", metadata);
    return object;
}

static struct value *on_resource(struct arena *arena, const char *operation, const struct value *object) {
    return chainsaw_only(arena, operation, chainsaw_only(arena, "resource", value_copy(arena, object)));
}

struct value *chainsaw_create(struct arena *arena, const struct value *object) {
    return on_resource(arena, "create", object);
}

struct value *chainsaw_delete(struct arena *arena, const char *api_version, const char *kind, const char *namespace,
                              const char *name) {
    struct value *reference = value_map(arena);
    value_set_string(arena, reference, "apiVersion", api_version);
    value_set_string(arena, reference, "kind", kind);
    if (*namespace) value_set_string(arena, reference, "namespace", namespace);
    value_set_string(arena, reference, "name", name);
    return chainsaw_only(arena, "delete", chainsaw_only(arena, "ref", reference));
}

struct value *chainsaw_delete_bindings(struct arena *arena, const char *key, const char *label) {
    struct value *reference = value_map(arena);
    value_set_string(arena, reference, "apiVersion", CHAINSAW_ADMISSION);
    value_set_string(arena, reference, "kind", CHAINSAW_BINDING);
    value_set(arena, reference, "labels", chainsaw_only(arena, key, value_string(arena, label)));
    return chainsaw_only(arena, "delete", chainsaw_only(arena, "ref", reference));
}

// ---- steps ----

struct steps {
    const struct chainsaw *chainsaw;
    struct arena *arena;
    struct value *list;
    const char **policies; // of the source, of which there are bindings
    size_t policy_count;
    const struct thing **live; // what is stored
    size_t live_count;
};

static struct value *add_step(struct steps *steps, const char *name, struct value *operations) {
    struct value *step = value_map(steps->arena);
    value_set_string(steps->arena, step, "name", name);
    value_set(steps->arena, step, "try", operations);
    value_append(steps->arena, steps->list, step);
    return step;
}

static void add(struct steps *steps, struct value *operations, struct value *operation) {
    value_append(steps->arena, operations, operation);
}

// ---- what is there ----

// " env=test tier-": what makes the labels of a namespace, or its annotations, those after.
static const char *changed_pairs(struct arena *arena, const struct value *before, const struct value *after) {
    struct text words;
    text_init(&words, arena);
    for (size_t i = 0; before && i < before->count; i++) {
        const char *key = before->as.entries[i].key;
        if (!value_get(after, key)) text_printf(&words, " %s", chainsaw_word(arena, arena_printf(arena, "%s-", key)));
    }
    for (size_t i = 0; after && i < after->count; i++) {
        const char *key = after->as.entries[i].key, *value = after->as.entries[i].value->as.string;
        if (value_get(before, key) && strcmp(value_get_string(before, key), value) == 0) continue;
        text_printf(&words, " %s", chainsaw_word(arena, arena_printf(arena, "%s=%s", key, value)));
    }
    return text_string(&words);
}

static struct value *relabel(struct arena *arena, const struct thing *before, const struct thing *after) {
    static const char *const pairs[][2] = {{"label", "labels"}, {"annotate", "annotations"}};
    struct text script;
    text_init(&script, arena);
    for (size_t i = 0; i < 2; i++) {
        const char *changed = changed_pairs(arena, value_dig(before->said, "metadata", pairs[i][1], NULL),
                                            value_dig(after->said, "metadata", pairs[i][1], NULL));
        if (*changed)
            text_printf(&script, "kubectl %s --overwrite namespaces %s%s\n", pairs[i][0], after->name, changed);
    }
    return chainsaw_only(arena, "script", chainsaw_only(arena, "content", value_string(arena, text_string(&script))));
}

// Whether the thing may stay as it is: what the next cases do not speak of is nothing to them, but for locks.
static bool may_stay(const struct steps *steps, const struct thing *thing, const struct world *next) {
    const struct thing *wanted = world_find(next, thing->key);
    if (wanted) return wanted->said && value_equal(wanted->said, thing->said);
    return !chainsaw_has_sources(steps->chainsaw) || *thing->group || strcmp(thing->resource, "configmaps") != 0;
}

// Takes away, of the namespaces or of everything else, what should not be there.
static void clear(struct steps *steps, struct value *operations, const struct world *next, bool namespaces,
                  struct set *gone) {
    struct arena *arena = steps->arena;
    const struct thing **kept = NULL;
    size_t count = 0;
    for (size_t i = 0; i < steps->live_count; i++) {
        const struct thing *thing = steps->live[i], *wanted = world_find(next, thing->key);
        if (set_has(gone, thing->namespace)) continue;
        if (thing_is_namespace(thing) != namespaces || may_stay(steps, thing, next)) {
            ARENA_PUSH(arena, kept, count, thing);
        } else if (namespaces && wanted->said) {
            add(steps, operations, relabel(arena, thing, wanted));
            ARENA_PUSH(arena, kept, count, wanted);
        } else {
            add(steps, operations,
                chainsaw_delete(arena, chainsaw_api_version(arena, thing->group, thing->version), thing->kind,
                                thing->namespace, thing->name));
            if (namespaces) set_add(gone, thing->name);
        }
    }
    steps->live = kept;
    steps->live_count = count;
}

static bool is_live(const struct steps *steps, const char *key) {
    for (size_t i = 0; i < steps->live_count; i++)
        if (strcmp(steps->live[i]->key, key) == 0) return true;
    return false;
}

static void store(struct steps *steps, struct value *operations, const struct world *world, bool namespaces) {
    struct arena *arena = steps->arena;
    for (size_t i = 0; i < world->count; i++) {
        const struct thing *thing = &world->things[i];
        if (!thing->object || thing_is_namespace(thing) != namespaces || is_live(steps, thing->key)) continue;
        add(steps, operations, chainsaw_create(arena, thing->object));
        ARENA_PUSH(arena, steps->live, steps->live_count, thing);
        // API servers refuse pods whose account is not there, and it is made a moment after its namespace.
        if (namespaces)
            add(steps, operations,
                on_resource(arena, "assert", chainsaw_object(arena, "v1", "ServiceAccount", thing->name, "default")));
    }
}

// Namespaces first: with one goes all that is in it.
static void prepare(struct steps *steps, const struct world *world, size_t number) {
    struct value *operations = value_list(steps->arena);
    struct set gone;
    set_init(&gone, steps->arena);
    clear(steps, operations, world, true, &gone);
    clear(steps, operations, world, false, &gone);
    store(steps, operations, world, true);
    store(steps, operations, world, false);
    chainsaw_mark_objects(steps->chainsaw, number, operations);
    if (operations->count) add_step(steps, "what is there", operations);
}

// ---- locks ----

static void add_manifest(struct steps *steps, struct value *operations, enum manifest_kind kind) {
    const struct manifest *manifest = steps->chainsaw->manifest;
    for (size_t i = 0; i < manifest->count; i++)
        if (manifest->objects[i].kind == kind)
            add(steps, operations, chainsaw_create(steps->arena, manifest->objects[i].value));
}

// API servers go on with what they knew of objects when the last binding that looks them up goes and comes again. A
// cluster should have anchors already, and keeps them.
static void add_anchors(struct steps *steps) {
    const struct manifest *anchors = steps->chainsaw->anchors;
    struct value *operations = value_list(steps->arena);
    for (size_t i = 0; i < anchors->count; i++)
        add(steps, operations, on_resource(steps->arena, "apply", anchors->objects[i].value));
    if (operations->count)
        value_set(steps->arena, add_step(steps, "anchors", operations), "skipDelete", value_bool(steps->arena, true));
}

static void delete_bindings(struct steps *steps, struct value *operations) {
    struct arena *arena = steps->arena;
    for (size_t i = 0; i < steps->policy_count; i++)
        add(steps, operations, chainsaw_delete_bindings(arena, "klock.dev/policy", steps->policies[i]));
    chainsaw_unmark(arena, operations);
}

// Of a step that may fail while locks act: they are lifted before Chainsaw removes what is there, since they refuse
// that.
static void guard(struct steps *steps, struct value *step) {
    struct arena *arena = steps->arena;
    struct value *operations = value_list(arena);
    delete_bindings(steps, operations);
    add(steps, operations, chainsaw_only(arena, "sleep", chainsaw_only(arena, "duration", value_string(arena, "5s"))));
    value_set(arena, step, "catch", operations);
}

static void lock(struct steps *steps, size_t world) {
    struct value *operations = value_list(steps->arena);
    if (world == 0) {
        add_manifest(steps, operations, MANIFEST_POLICY);
        chainsaw_mark_policies(steps->chainsaw, operations);
    }
    add_manifest(steps, operations, MANIFEST_BINDING);
    chainsaw_mark_bindings(steps->chainsaw, operations);
    chainsaw_await_marks(steps->chainsaw, world, operations);
    guard(steps, add_step(steps, "locks", operations));
}

static void lift(struct steps *steps) {
    struct value *operations = value_list(steps->arena);
    delete_bindings(steps, operations);
    value_append(steps->arena, operations, chainsaw_await_no_mark(steps->arena));
    guard(steps, add_step(steps, "no locks", operations));
}

// ---- requests ----

static const char *line_of(struct arena *arena, const char *text) {
    char *line = arena_copy(arena, text, strlen(text));
    for (char *c = line; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f) *c = ' ';
    return line;
}

// A step for each test, as far as its cases are in the world.
static void ask(struct steps *steps, const struct world *world) {
    for (size_t i = 0; i < world->case_count;) {
        const struct test_block *test = world->cases[i]->test;
        struct value *operations = value_list(steps->arena);
        for (; i < world->case_count && world->cases[i]->test == test; i++)
            add(steps, operations, chainsaw_request(steps->chainsaw, world->cases[i]));
        guard(steps, add_step(steps, line_of(steps->arena, test->title), operations));
    }
}

// ---- the test ----

// Bindings are deleted by the label of their policy: not those of a cluster that is in use.
static void refuse_used(struct steps *steps) {
    struct arena *arena = steps->arena;
    struct value *operations = value_list(arena);
    for (size_t i = 0; i < steps->policy_count; i++) {
        struct value *binding = value_map(arena), *labels = value_map(arena);
        value_set_string(arena, binding, "apiVersion", CHAINSAW_ADMISSION);
        value_set_string(arena, binding, "kind", CHAINSAW_BINDING);
        value_set_string(arena, labels, "klock.dev/policy", steps->policies[i]);
        value_set(arena, binding, "metadata", chainsaw_only(arena, "labels", labels));
        add(steps, operations, on_resource(arena, "error", binding));
    }
    if (operations->count) add_step(steps, "no such policy is there yet", operations);
}

// What has to be in the cluster before.
static void add_definitions(struct steps *steps, struct value *operations, const struct judged_case *const *cases,
                            size_t count) {
    struct set known;
    set_init(&known, steps->arena);
    for (size_t i = 0; i < count; i++) {
        const struct request *request = &cases[i]->test_case->request;
        const char *name = chainsaw_definition(steps->arena, request->group, request->resource);
        if (name && set_add(&known, name))
            add(steps, operations,
                on_resource(
                    steps->arena, "assert",
                    chainsaw_object(steps->arena, "apiextensions.k8s.io/v1", "CustomResourceDefinition", "", name)));
    }
}

static void find_policies(struct steps *steps) {
    const struct manifest *manifest = steps->chainsaw->manifest;
    struct set known;
    set_init(&known, steps->arena);
    for (size_t i = 0; i < manifest->count; i++)
        if (manifest->objects[i].kind == MANIFEST_BINDING && set_add(&known, manifest->objects[i].policy))
            ARENA_PUSH(steps->arena, steps->policies, steps->policy_count, manifest->objects[i].policy);
}

static void add_all(struct steps *steps, const struct judged_case *const *cases, size_t count) {
    struct value *operations = value_list(steps->arena);
    struct world *worlds;
    size_t world_count;
    find_policies(steps);
    refuse_used(steps);
    add_definitions(steps, operations, cases, count);
    chainsaw_access(steps->chainsaw, cases, count, operations);
    add_step(steps, "requesters", operations);
    add_anchors(steps);
    chainsaw_worlds(steps->chainsaw, cases, count, &worlds, &world_count);
    for (size_t i = 0; i < world_count; i++) {
        prepare(steps, &worlds[i], i);
        lock(steps, i);
        ask(steps, &worlds[i]);
        lift(steps);
    }
}

static struct value *timeouts(struct arena *arena) {
    static const char *const operations[] = {"apply", "assert", "cleanup", "delete", "exec"};
    struct value *map = value_map(arena);
    value_set_string(arena, map, "error", "5s");
    for (size_t i = 0; i < sizeof operations / sizeof *operations; i++)
        value_set_string(arena, map, operations[i], "60s");
    return map;
}

static struct value *document(struct steps *steps) {
    struct arena *arena = steps->arena;
    const char *name = steps->policy_count == 1 ? steps->policies[0] : "klock";
    struct value *test = chainsaw_object(arena, "chainsaw.kyverno.io/v1alpha1", "Test", "", name),
                 *spec = value_map(arena);
    // Each test of the kind has the locks of the cluster to itself, and the objects in namespaces of their own.
    value_set(arena, spec, "concurrent", value_bool(arena, false));
    value_set_string(arena, spec, "namespace", "default");
    // A text in brackets would be an expression of Chainsaw's; those of policies are CEL.
    value_set(arena, spec, "template", value_bool(arena, false));
    value_set(arena, spec, "timeouts", timeouts(arena));
    value_set(arena, spec, "steps", steps->list);
    value_set(arena, test, "spec", spec);
    return test;
}

void chainsaw_print(const struct chainsaw *chainsaw, struct text *text, size_t *ret_asked, size_t *ret_left_out) {
    struct arena *arena = chainsaw->arena;
    const struct judged_case **cases = NULL;
    struct steps steps = {.chainsaw = chainsaw, .arena = arena, .list = value_list(arena)};
    struct text left_out;
    text_init(&left_out, arena);
    *ret_asked = *ret_left_out = 0;
    for (size_t i = 0; i < chainsaw->case_count; i++) {
        const struct judged_case *judged = &chainsaw->cases[i];
        const char *why = chainsaw_obstacle(chainsaw, judged);
        if (!why) {
            ARENA_PUSH(arena, cases, *ret_asked, judged);
            continue;
        }
        text_printf(&left_out, "# Left out: %s: step %zu of \"%s\": %s.\n", chainsaw_place(chainsaw, judged),
                    judged->test_case->step, line_of(arena, judged->test->title), why);
        ++*ret_left_out;
    }
    if (!*ret_asked) return;
    add_all(&steps, cases, *ret_asked);
    text_add_string(text, text_string(&left_out));
    yaml_print(text, document(&steps));
}
