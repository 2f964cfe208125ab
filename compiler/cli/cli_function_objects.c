// The objects of policies among the items that a function is given: which they are, how they are replaced, and how all
// of it is printed.
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/names.h"
#include "base/text.h"
#include "cli/cli_files.h"
#include "cli/cli_function.h"
#include "data/value.h"
#include "data/yamlio.h"

enum { MOST_BYTES = 64 * 1024 * 1024 };

// ---- objects of ours among the items ----

bool function_owns(struct function *function, const struct item *item, struct klock_compiler *compiler) {
    if (item->policy[0] == '\0' || !klock_makes(item->api_version, item->kind)) return false;
    for (size_t i = 0; i < klock_policy_count(compiler); i++)
        if (strcmp(names_of_label(function->arena, klock_policy_at(compiler, i)), item->policy) == 0) return true;
    return false;
}

// A namespace on what is in none means nothing, and so does another version of the same kind.
bool function_is_same(const struct item *item, const struct value *object) {
    const struct value *metadata = value_get(object, "metadata");
    const char *namespace = value_get_string(metadata, "namespace");
    return klock_makes(item->api_version, item->kind) && strcmp(item->kind, value_get_string(object, "kind")) == 0 &&
           strcmp(item->name, value_get_string(metadata, "name")) == 0 &&
           (*namespace == '\0' || strcmp(item->namespace, namespace) == 0);
}

// Policies and webhooks are named by nothing but their bindings, which tools that rename know.
bool function_is_named(const struct item *item) {
    static const char admission[] = "admissionregistration.k8s.io/";
    return strncmp(item->api_version, admission, sizeof admission - 1) != 0;
}

// Labels and annotations that others put on the object stay on it: kustomize and kpt know it by some of them.
static void keep_foreign(struct arena *arena, struct value *object, const struct value *before, const char *key) {
    struct value *metadata = value_get(object, "metadata"), *own = value_get(metadata, key);
    const struct value *others = value_dig(before, "metadata", key, NULL);
    for (size_t i = 0; others != NULL && others->kind == VALUE_MAP && i < others->count; i++) {
        const struct value_entry *entry = &others->as.entries[i];
        if (strncmp(entry->key, "klock.dev/", strlen("klock.dev/")) == 0 || value_get(own, entry->key) != NULL)
            continue;
        if (own == NULL) {
            own = value_map(arena);
            value_set(arena, metadata, key, own);
        }
        value_set(arena, own, entry->key, value_copy(arena, entry->value));
    }
}

struct value *function_objects(struct function *function, struct klock_compiler *compiler) {
    struct value *list = value_list(function->arena);
    for (size_t i = 0; i < klock_object_count(compiler); i++) {
        struct klock_object object = {.size = sizeof object};
        const char *error = NULL;
        if (!klock_object_at(compiler, i, &object)) cli_out_of_memory();
        struct value *value = yaml_read(function->arena, object.yaml, object.len, &error);
        if (value == NULL) {
            function_refuse(function, NULL, "%s %s cannot be read back: %s", object.kind, object.name, error);
            break;
        }
        value_append(function->arena, list, value);
    }
    return list;
}

static void refuse_item(struct function *function, const struct item *item, const char *from, const char *why) {
    const bool namespaced = item->namespace[0] != '\0', is_of_policy = item->policy[0] != '\0';
    const struct result result = {
        .message =
            arena_printf(function->arena, "%s %s%s%s%s%s%s %s", item->kind, item->namespace, namespaced ? "/" : "",
                         item->name, is_of_policy ? " of policy " : "", item->policy, from, why),
        .file = item->path,
        .item = item,
    };
    function_add_result(function, &result);
    function_say(function, result.message);
}

void function_refuse_item(struct function *function, const struct item *item, const char *why) {
    refuse_item(function, item, "", why);
}

// Where it is from, as far as that is known.
static void refuse_placed(struct function *function, const struct item *item, const char *why) {
    struct arena *arena = function->arena;
    const char *from = "";
    if (item->path[0] != '\0')
        from = arena_printf(arena, ", from %s,", item->path);
    else if (function->items.is_stream)
        from = arena_printf(arena, ", on line %u of standard input,", item->line);
    refuse_item(function, item, from, why);
}

static const struct value *find_object(const struct item *item, const struct value *objects) {
    if (!klock_makes(item->api_version, item->kind)) return NULL;
    for (size_t i = 0; i < objects->count; i++)
        if (function_is_same(item, objects->as.items[i])) return objects->as.items[i];
    return NULL;
}

// What to do about an object of somebody else's that the policy makes as well.
static const char *way_out(struct function *function, const struct item *item, bool is_listed, const char *policy) {
    if (item->policy[0] != '\0') return "leave it out of one of the two policies";
    if (is_listed) return "take it out of the List that it is in";
    const bool is_generator = function->config.role == AS_GENERATOR;
    return arena_printf(
        function->arena,
        "take it out; or, if it is to keep labels and annotations of its own, give it the label "
        "klock.dev/policy: %s, and %s",
        policy, is_generator ? "let a KlockPolicy with 'as: transformer' replace it" : "it is replaced and keeps them");
}

static void refuse_other(struct function *function, const struct item *item, bool is_listed,
                         const struct value *object) {
    const char *policy = value_get_string(value_dig(object, "metadata", "labels", NULL), "klock.dev/policy");
    refuse_placed(function, item,
                  arena_printf(function->arena, "is made by policy %s as well: %s", policy,
                               way_out(function, item, is_listed, policy)));
}

bool function_check_others(struct function *function, struct klock_compiler *compiler, const struct value *objects) {
    const size_t before = function->errors;
    for (size_t i = 0; i < function->items.count; i++) {
        const struct item *item = &function->items.items[i];
        const struct value *object = function_owns(function, item, compiler) ? NULL : find_object(item, objects);
        if (object != NULL) refuse_other(function, item, false, object);
        for (size_t j = 0; j < item->listed_count; j++) {
            const struct item *listed = &item->listed[j];
            object = find_object(listed, objects);
            if (function_owns(function, listed, compiler))
                refuse_placed(function, listed,
                              "is in a List, where it is not replaced: write it as a document of its own, or "
                              "take it out");
            else if (object != NULL)
                refuse_other(function, listed, true, object);
        }
    }
    return function->errors == before;
}

struct value *function_replace(struct function *function, struct klock_compiler *compiler, struct value *objects) {
    struct arena *arena = function->arena;
    if (!function_check_others(function, compiler, objects)) return value_list(arena);
    bool *placed = ARENA_ARRAY(arena, bool, objects->count);
    for (size_t i = 0; i < function->items.count; i++) {
        struct item *item = &function->items.items[i];
        if (!function_owns(function, item, compiler)) continue;
        const char *error = NULL;
        struct value *before = items_value(&function->items, item, &error);
        size_t at = 0;
        while (at < objects->count && (placed[at] || !function_is_same(item, objects->as.items[at]))) at++;
        if (before == NULL) {
            function_refuse_item(function, item, arena_printf(arena, "is no plain YAML: %s", error));
        } else if (at == objects->count) {
            item->removed = true;
        } else {
            struct value *object = objects->as.items[at];
            placed[at] = true;
            keep_foreign(arena, object, before, "labels");
            keep_foreign(arena, object, before, "annotations");
            if (!value_equal(object, before)) item->replacement = object;
        }
    }
    struct value *added = value_list(arena);
    for (size_t i = 0; i < objects->count; i++)
        if (!placed[i]) value_append(arena, added, objects->as.items[i]);
    return added;
}

// ---- reading and printing ----

bool function_read_input(struct buffer *bytes, const char **ret_error) {
    // One byte more than is taken, so that more is seen.
    if (!files_read_some(STDIN_FILENO, "standard input", MOST_BYTES + 1, bytes)) return false;
    if (bytes->len > MOST_BYTES) *ret_error = "there are more than 64 MiB on standard input";
    return true;
}

// What is wrong is said of what was given.
static struct value *take_back(struct function *function) {
    for (size_t i = 0; i < function->items.count; i++) {
        function->items.items[i].removed = false;
        function->items.items[i].replacement = NULL;
    }
    return value_list(function->arena);
}

void function_print_items(struct function *function, const struct value *added, struct text *ret_text) {
    if (function->errors > 0) added = take_back(function);
    text_init(ret_text, function->arena);
    items_print(ret_text, &function->items, added, function->results);
    if (items_check(&function->items, added, text_string(ret_text), ret_text->len)) return;
    function_refuse(function, NULL,
                    "the objects cannot be put among what is on standard input without changing it; its lines have to "
                    "end with a line feed");
    text_init(ret_text, function->arena);
    items_print(ret_text, &function->items, take_back(function), value_list(function->arena));
}
