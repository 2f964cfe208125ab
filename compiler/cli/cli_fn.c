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

// ---- what each role does ----

// What is there already would be there twice.
static void generate(struct function *function, struct klock_compiler *compiler, const struct value *objects) {
    for (size_t i = 0; i < function->items.count; i++)
        if (function_owns(function, &function->items.items[i], compiler))
            function_refuse_item(function, &function->items.items[i],
                                 "is here already; a KlockPolicy with 'as: transformer' replaces it");
    (void)function_check_others(function, compiler, objects);
}

// Expressions name accounts and roles as the policy does, whatever kustomize calls the objects.
static void check_names(struct function *function, struct klock_compiler *compiler, const struct value *objects) {
    for (size_t i = 0; i < function->items.count; i++) {
        const struct item *item = &function->items.items[i];
        if (!function_owns(function, item, compiler) || !function_is_named(item)) continue;
        size_t at = 0;
        while (at < objects->count && !function_is_same(item, objects->as.items[at])) at++;
        if (at == objects->count)
            function_refuse_item(
                function, item,
                "is not made by this policy: it is left over, or was renamed or moved, and the expressions of "
                "the policy name what they are about as the policy does; keep namePrefix, nameSuffix and "
                "namespace away from it");
    }
}

// kustomize writes on whatever a function gives back, and then refuses a validator that has changed something: of
// nothing that is given back, it takes all to be as it was. Others take what is given back as it is.
static void validate(struct function *function, struct klock_compiler *compiler) {
    const struct value *objects = function_objects(function, compiler);
    function_test(function, compiler);
    check_names(function, compiler, objects);
    (void)function_check_others(function, compiler, objects);
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
            added = function_objects(function, compiler);
            generate(function, compiler, added);
            break;
        case AS_TRANSFORMER: added = function_replace(function, compiler, function_objects(function, compiler)); break;
        }
    }
    klock_free(compiler);
    return added;
}

// ---- the two protocols ----

static int print(struct function *function, const struct value *added) {
    struct text text;
    function_print_items(function, added, &text);
    if (function->errors > 0 && function->items.is_stream) return CLI_FAILED; // kustomize would read what is printed
    if (!files_print(STDOUT_FILENO, "standard output", text_string(&text), text.len)) return CLI_USAGE;
    return function->errors > 0 ? CLI_FAILED : CLI_FINE;
}

static int run_on_list(const struct cli *cli, struct function *function) {
    static const char empty[] = "apiVersion: config.kubernetes.io/v1\nkind: ResourceList\nitems: []\n";
    struct buffer bytes = {0};
    const char *error = NULL, *ignored = NULL;
    struct value *added = value_list(function->arena);
    if (!function_read_input(&bytes, &error)) return CLI_USAGE;
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
    } else if (function_read_input(&bytes, &error)) {
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
