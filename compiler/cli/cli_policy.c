#include "cli/cli_policy.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli_buffer.h"
#include "cli/cli_files.h"

bool cli_wants_color(const struct cli *cli, int descriptor) {
    if (cli->color != NULL && strcmp(cli->color, "auto") != 0) return strcmp(cli->color, "always") == 0;
    const char *no = getenv("NO_COLOR"), *force = getenv("CLICOLOR_FORCE"), *terminal = getenv("TERM");
    if (no != NULL && no[0] != '\0') return false;
    if (force != NULL && force[0] != '\0' && strcmp(force, "0") != 0) return true;
    return isatty(descriptor) && (terminal == NULL || strcmp(terminal, "dumb") != 0);
}

// Adds the arguments to the compiler.
static bool add_arguments(const struct cli *cli, struct klock_compiler *compiler) {
    bool stdin_read = false;
    for (size_t i = 0; i < cli->argument_count; i++) {
        const char *path = cli->arguments[i];
        bool fine = true;
        if (strcmp(path, "-") == 0) {
            if (stdin_read) continue;
            stdin_read = true;
            struct buffer bytes = {0};
            fine = files_read(STDIN_FILENO, "standard input", &bytes);
            if (fine) klock_add_buffer(compiler, CLI_STDIN_NAME, bytes.data, bytes.len);
            buffer_free(&bytes);
        } else {
            struct strings files = {0};
            fine = files_find(path, FILES_POLICIES, cli->root, &files);
            for (size_t j = 0; j < files.count && fine; j++) klock_add_file(compiler, files.items[j]);
            strings_free(&files);
        }
        if (!fine) return false;
    }
    return true;
}

bool policy_is_standard_input(const struct cli *cli) {
    for (size_t i = 0; i < cli->argument_count; i++)
        if (strcmp(cli->arguments[i], "-") == 0) return true;
    return false;
}

static bool add_object_file(struct klock_compiler *compiler, const char *path, policy_add_function *add) {
    struct buffer bytes = {0};
    const bool is_stdin = strcmp(path, "-") == 0;
    bool exists = true;
    bool fine = is_stdin ? files_read(STDIN_FILENO, "standard input", &bytes) : files_load(path, &bytes, &exists);
    if (fine && !exists) {
        cli_complain("%s: there is no such file", path);
        fine = false;
    }
    if (fine) add(compiler, is_stdin ? CLI_STDIN_NAME : path, bytes.data, bytes.len);
    buffer_free(&bytes);
    return fine;
}

bool policy_add_objects(const struct cli *cli, struct klock_compiler *compiler, const char *path,
                        policy_add_function *add) {
    struct strings files = {0};
    bool fine = files_find(path, FILES_OBJECTS, cli->root, &files);
    for (size_t i = 0; i < files.count && fine; i++) fine = add_object_file(compiler, files.items[i], add);
    strings_free(&files);
    return fine;
}

static enum klock_controllers controllers_of(const struct cli *cli) {
    if (cli->controllers != NULL && strcmp(cli->controllers, "separate") == 0) return KLOCK_CONTROLLERS_SEPARATE;
    if (cli->controllers != NULL && strcmp(cli->controllers, "shared") == 0) return KLOCK_CONTROLLERS_SHARED;
    return KLOCK_CONTROLLERS_BOTH;
}

int policy_status(enum klock_status status) {
    switch (status) {
    case KLOCK_OK: return CLI_FINE;
    case KLOCK_ERRORS: return CLI_FAILED;
    case KLOCK_INPUT: return CLI_USAGE;
    case KLOCK_INTERNAL: return CLI_INTERNAL;
    case KLOCK_MEMORY:
    case KLOCK_BUSY: break; // never: nothing is read by a callback, and what is verified was compiled
    }
    cli_out_of_memory();
}

struct klock_compiler *policy_compile(const struct cli *cli, int *ret_status) {
    return policy_compile_with(cli, NULL, NULL, 0, ret_status);
}

struct klock_compiler *policy_compile_with(const struct cli *cli, const char *name, const char *definitions, size_t len,
                                           int *ret_status) {
    struct klock_options options = {
        .size = sizeof options,
        .kubernetes_minor = cli->kubernetes_minor,
        .target = cli->target != NULL && strcmp(cli->target, "static") == 0 ? KLOCK_TARGET_STATIC : KLOCK_TARGET_API,
        .controllers = controllers_of(cli),
        .date = cli->at,
        .root = cli->root,
        .warnings_as_errors = cli->warnings_as_errors,
        .gitops = cli->gitops,
    };
    if (options.root == NULL && cli->argument_count == 1 && files_is_directory(cli->arguments[0]))
        options.root = cli->arguments[0];
    if (options.root != NULL && !files_is_directory(options.root)) {
        cli_complain("--root %s: there is no such directory", options.root);
        *ret_status = CLI_USAGE;
        return NULL;
    }
    struct klock_compiler *compiler = klock_new(&options);
    if (compiler == NULL) cli_out_of_memory();
    if (!add_arguments(cli, compiler) ||
        (cli->rbac != NULL && !policy_add_objects(cli, compiler, cli->rbac, klock_add_rbac)) ||
        (cli->webhooks != NULL && !policy_add_objects(cli, compiler, cli->webhooks, klock_add_webhooks))) {
        klock_free(compiler);
        *ret_status = CLI_USAGE;
        return NULL;
    }
    if (len > 0) klock_add_definitions(compiler, name, definitions, len);
    *ret_status = policy_status(cli->print != NULL ? klock_parse(compiler) : klock_compile(compiler));
    return compiler;
}

bool policy_show_diagnostics(const struct cli *cli, struct klock_compiler *compiler) {
    if (klock_diagnostic_count(compiler) == 0) return true;
    const char *text = klock_diagnostics_text(compiler, "human", cli_wants_color(cli, STDERR_FILENO));
    if (text == NULL) cli_out_of_memory();
    // Nobody is left to tell when standard error fails, but for the exit status.
    size_t len = strlen(text);
    while (len > 0) {
        ssize_t written = write(STDERR_FILENO, text, len);
        if (written <= 0) return false;
        text += written;
        len -= (size_t)written;
    }
    return true;
}

bool policy_print(const char *text) {
    if (text == NULL) cli_out_of_memory();
    return files_print(STDOUT_FILENO, "standard output", text, strlen(text));
}
