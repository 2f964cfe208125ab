// klockc fn: a function of kustomize and kpt. It takes a ResourceList, or the file of a KlockPolicy and a stream of
// documents, and gives the same with the objects of a policy.
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/text.h"
#include "cli/cli_files.h"
#include "cli/cli_function.h"
#include "cli/cli_policy.h"
#include "data/value.h"
#include "data/yamlio.h"

enum { MOST_BYTES = 64 * 1024 * 1024 };

// ---- objects of ours among the items ----

static const struct {
    const char *group, *kind;
    bool namespaced;
    bool in_expressions; // they may name it, where nobody can rewrite it
} emitted[] = {
    {"admissionregistration.k8s.io", "ValidatingAdmissionPolicy", false, false},
    {"admissionregistration.k8s.io", "ValidatingAdmissionPolicyBinding", false, false},
    {"rbac.authorization.k8s.io", "ClusterRole", false, true},
    {"rbac.authorization.k8s.io", "ClusterRoleBinding", false, true},
    {"rbac.authorization.k8s.io", "Role", true, true},
    {"rbac.authorization.k8s.io", "RoleBinding", true, true},
    {"", "ServiceAccount", true, true},
};

// The row of the kind; the number of rows where klockc emits no such thing.
static size_t kind_of(const char *api_version, const char *kind) {
    const char *slash = strchr(api_version, '/');
    const size_t len = slash != NULL ? (size_t)(slash - api_version) : 0;
    size_t row = 0;
    for (; row < sizeof emitted / sizeof *emitted; row++)
        if (strlen(emitted[row].group) == len && strncmp(emitted[row].group, api_version, len) == 0 &&
            strcmp(emitted[row].kind, kind) == 0)
            break;
    return row;
}

static bool is_of_policies(const struct item *item, struct klock_compiler *compiler) {
    if (item->policy[0] == '\0' || kind_of(item->api_version, item->kind) == sizeof emitted / sizeof *emitted)
        return false;
    for (size_t i = 0; i < klock_policy_count(compiler); i++)
        if (strcmp(klock_policy_at(compiler, i), item->policy) == 0) return true;
    return false;
}

static bool is_same_object(const struct item *item, const struct value *object) {
    const struct value *metadata = value_get(object, "metadata");
    const size_t row = kind_of(item->api_version, item->kind);
    return row == kind_of(value_get_string(object, "apiVersion"), value_get_string(object, "kind")) &&
           strcmp(item->name, value_get_string(metadata, "name")) == 0 &&
           (!emitted[row].namespaced || strcmp(item->namespace, value_get_string(metadata, "namespace")) == 0);
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

// ---- what each role does ----

static struct value *objects_of(struct function *function, struct klock_compiler *compiler) {
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

static void refuse_item(struct function *function, const struct item *item, const char *why) {
    const bool namespaced = item->namespace[0] != '\0';
    const struct result result = {
        .message = arena_printf(function->arena, "%s %s%s%s of policy %s %s", item->kind, item->namespace,
                                namespaced ? "/" : "", item->name, item->policy, why),
        .file = item->path,
        .item = item,
    };
    function_add_result(function, &result);
    function_say(function, result.message);
}

// What is there already would be there twice.
static void generate(struct function *function, struct klock_compiler *compiler) {
    for (size_t i = 0; i < function->items.count; i++)
        if (is_of_policies(&function->items.items[i], compiler))
            refuse_item(function, &function->items.items[i],
                        "is here already; a KlockPolicy with 'as: transformer' replaces it");
}

// Replaces what is there, removes what is left over, and gives what is new.
static struct value *transform(struct function *function, struct klock_compiler *compiler, struct value *objects) {
    struct arena *arena = function->arena;
    bool *placed = ARENA_ARRAY(arena, bool, objects->count);
    for (size_t i = 0; i < function->items.count; i++) {
        struct item *item = &function->items.items[i];
        if (!is_of_policies(item, compiler)) continue;
        const char *error = NULL;
        struct value *before = items_value(&function->items, item, &error);
        size_t at = 0;
        while (at < objects->count && (placed[at] || !is_same_object(item, objects->as.items[at]))) at++;
        if (before == NULL) {
            refuse_item(function, item, arena_printf(arena, "is no plain YAML: %s", error));
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

// Expressions name accounts and roles as the policy does, whatever kustomize calls the objects.
static void check_names(struct function *function, struct klock_compiler *compiler, const struct value *objects) {
    for (size_t i = 0; i < function->items.count; i++) {
        const struct item *item = &function->items.items[i];
        if (!is_of_policies(item, compiler) || !emitted[kind_of(item->api_version, item->kind)].in_expressions)
            continue;
        size_t at = 0;
        while (at < objects->count && !is_same_object(item, objects->as.items[at])) at++;
        if (at == objects->count)
            refuse_item(function, item,
                        "is not made by this policy: it is left over, or was renamed or moved, and the expressions of "
                        "the policy name what they are about as the policy does; keep namePrefix, nameSuffix and "
                        "namespace away from it");
    }
}

// kustomize writes on whatever a function gives back, and then refuses a validator that has changed something: of
// nothing that is given back, it takes all to be as it was. Others take what is given back as it is.
static void validate(struct function *function, struct klock_compiler *compiler) {
    function_test(function, compiler);
    check_names(function, compiler, objects_of(function, compiler));
    bool tracked = false;
    for (size_t i = 0; i < function->items.count; i++) tracked = tracked || function->items.items[i].is_tracked;
    for (size_t i = 0; tracked && i < function->items.count; i++) function->items.items[i].removed = true;
}

// Gives the objects that are added to the items.
static struct value *run(const struct cli *cli, struct function *function) {
    struct value *none = value_list(function->arena);
    enum klock_status status = KLOCK_OK;
    struct klock_compiler *compiler = function_compile(function, &status);
    if (compiler == NULL) return none;
    if (!policy_show_diagnostics(cli, compiler)) function->errors++;
    struct value *added = none;
    if (status == KLOCK_OK) {
        switch (function->config.role) {
        case AS_VALIDATOR: validate(function, compiler); break;
        case AS_GENERATOR:
            generate(function, compiler);
            added = objects_of(function, compiler);
            break;
        case AS_TRANSFORMER: added = transform(function, compiler, objects_of(function, compiler)); break;
        }
    }
    klock_free(compiler);
    return added;
}

// ---- the two protocols ----

static bool read_input(struct buffer *bytes, const char **ret_error) {
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

// The text of the items and what is added; what cannot be read back is taken back.
static void print_items(struct function *function, const struct value *added, struct text *ret_text) {
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

static int print(struct function *function, const struct value *added) {
    struct text text;
    print_items(function, added, &text);
    if (function->errors > 0 && function->items.is_stream) return CLI_FAILED; // kustomize would read what is printed
    if (!files_print(STDOUT_FILENO, "standard output", text_string(&text), text.len)) return CLI_USAGE;
    return function->errors > 0 ? CLI_FAILED : CLI_FINE;
}

static int run_on_list(const struct cli *cli, struct function *function) {
    static const char empty[] = "apiVersion: config.kubernetes.io/v1\nkind: ResourceList\nitems: []\n";
    struct buffer bytes = {0};
    const char *error = NULL, *ignored = NULL;
    struct value *added = value_list(function->arena);
    if (!read_input(&bytes, &error)) return CLI_USAGE;
    if (error == NULL) items_read_list(&function->items, function->arena, bytes.data, bytes.len, &error);
    if (error != NULL) {
        function_refuse(function, NULL, "%s: klockc fn reads a ResourceList, as kustomize and kpt give it", error);
        items_read_list(&function->items, function->arena, empty, sizeof empty - 1, &ignored);
    } else if (function_read_config(function, function->items.config, "the functionConfig")) {
        added = run(cli, function);
    }
    const int status = print(function, added);
    buffer_free(&bytes);
    return status;
}

static int run_on_stream(const struct cli *cli, struct function *function, const char *path) {
    struct buffer bytes = {0}, file = {0};
    bool exists = false;
    const char *error = NULL;
    int status = CLI_USAGE;
    if (!files_load(path, &file, &exists)) return CLI_USAGE;
    if (!exists) {
        cli_complain("%s: there is no such file", path);
        return CLI_USAGE;
    }
    const struct value *config = yaml_read(function->arena, file.data, file.len, &error);
    if (config == NULL) {
        cli_complain("%s: %s", path, error);
    } else if (!function_read_config(function, config, path)) {
        status = CLI_FAILED;
    } else if (read_input(&bytes, &error)) {
        if (error == NULL) items_read_stream(&function->items, function->arena, bytes.data, bytes.len, &error);
        if (error != NULL) {
            cli_complain("standard input: %s", error);
        } else {
            status = print(function, run(cli, function));
        }
    }
    buffer_free(&bytes);
    buffer_free(&file);
    return status;
}

int cli_fn(const struct cli *cli) {
    struct arena arena;
    jmp_buf exhausted;
    if (setjmp(exhausted)) cli_out_of_memory();
    arena_init(&arena, &exhausted);
    struct function function = {.arena = &arena, .results = value_list(&arena)};
    const int status =
        cli->argument_count > 0 ? run_on_stream(cli, &function, cli->arguments[0]) : run_on_list(cli, &function);
    buffer_free(&function.definitions);
    arena_release(&arena);
    return status;
}
