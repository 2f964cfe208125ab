// The policy of a KlockPolicy: reading it below the working directory, compiling it, testing it.
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/text.h"
#include "cli/cli_files.h"
#include "cli/cli_function.h"
#include "cli/cli_policy.h"

// No file is called so: the items that are definitions.
#define ITEMS "<items>"

enum { MOST_BYTES = 64 * 1024 * 1024, CHUNK = 64 * 1024 };

// ---- reading ----

static void give_directory(struct klock_file *file, const char *path) {
    DIR *stream = opendir(path);
    if (stream == NULL) {
        klock_file_refuse(file, strerror(errno));
        return;
    }
    klock_file_give(file, "", 0);
    for (const struct dirent *entry; (entry = readdir(stream)) != NULL;) {
        klock_file_give(file, entry->d_name, strlen(entry->d_name));
        klock_file_give(file, "\n", 1);
    }
    closedir(stream);
}

static void give_file(struct klock_file *file, const char *path) {
    struct stat status;
    // Opening a pipe would wait for somebody who writes to it.
    if (stat(path, &status) != 0 || !S_ISREG(status.st_mode)) {
        klock_file_refuse(file, "it is not a regular file");
        return;
    }
    const int descriptor = open(path, O_RDONLY);
    if (descriptor == -1) {
        klock_file_refuse(file, strerror(errno));
        return;
    }
    static char chunk[CHUNK];
    ssize_t len = 0;
    klock_file_give(file, "", 0);
    // What is larger than a policy may be is refused for that.
    for (size_t total = 0; total <= MOST_BYTES; total += (size_t)len) {
        len = read(descriptor, chunk, sizeof chunk);
        if (len <= 0) break;
        klock_file_give(file, chunk, (size_t)len);
    }
    if (len < 0) klock_file_refuse(file, strerror(errno));
    close(descriptor);
}

static void read_below(void *context, const char *path, struct klock_file *file) {
    (void)context;
    struct stat status;
    const size_t len = strlen(path);
    if (stat(path, &status) != 0) {
        klock_file_refuse(file, strerror(errno));
        return;
    }
    if (!files_are_same(".", path) && !files_lead_below(".", path))
        klock_file_refuse(file, "it is a link that leaves the directory of the kustomization");
    else if (len > 0 && path[len - 1] == '/')
        give_directory(file, path);
    else
        give_file(file, path);
}

// ---- definitions among the items ----

static void collect_definitions(struct function *function) {
    struct buffer *out = &function->definitions;
    unsigned line = 1;
    function->defined = ARENA_ARRAY(function->arena, struct defined, function->items.count);
    for (size_t i = 0; i < function->items.count; i++) {
        const struct item *item = &function->items.items[i];
        struct text text;
        if (!items_is_definition(item)) continue;
        text_init(&text, function->arena);
        items_add_document(&text, &function->items, item);
        function->defined[function->defined_count++] = (struct defined){item, line};
        for (size_t j = 0; j < text.len; j++) line += text.data[j] == '\n';
        buffer_add(out, text_string(&text), text.len);
    }
}

static const struct item *defined_at(const struct function *function, unsigned line) {
    const struct item *found = NULL;
    for (size_t i = 0; i < function->defined_count && function->defined[i].line <= line; i++)
        found = function->defined[i].item;
    return found;
}

// ---- compiling ----

// Adds the file, or what is in the directory; false after a result.
static bool add_path(struct function *function, struct klock_compiler *compiler, size_t index) {
    const char *path = function->config.files[index];
    const char *field = arena_printf(function->arena, "spec.files[%zu]", index);
    struct stat status;
    if (stat(path, &status) != 0) return function_refuse(function, field, "'%s': %s", path, strerror(errno));
    if (!S_ISDIR(status.st_mode)) {
        klock_add_file(compiler, path);
        return true;
    }
    if (!files_are_same(".", path) && !files_lead_below(".", path))
        return function_refuse(function, field, "'%s' is a link that leaves the directory of the kustomization", path);
    struct strings found = {0};
    const bool fine = files_find(path, FILES_POLICIES, ".", &found);
    for (size_t i = 0; fine && i < found.count; i++) klock_add_file(compiler, found.items[i]);
    strings_free(&found);
    return fine || function_refuse(function, field, "there is no policy to be found in '%s'", path);
}

// Which field of the KlockPolicy names the file of a diagnostic.
static const char *field_of(struct function *function, const char *file) {
    const struct function_config *config = &function->config;
    if (config->source != NULL) return "spec.source";
    for (size_t i = 0; file != NULL && i < config->file_count; i++) {
        size_t len = strlen(config->files[i]);
        while (len > 0 && config->files[i][len - 1] == '/') len--;
        if (strncmp(file, config->files[i], len) == 0 && (file[len] == '\0' || file[len] == '/'))
            return arena_printf(function->arena, "spec.files[%zu]", i);
    }
    return "spec.files";
}

static void add_diagnostic(struct function *function, const struct klock_diagnostic *diagnostic) {
    const struct klock_place *place = &diagnostic->place;
    struct text text;
    struct result result = {
        .is_warning = !diagnostic->is_error,
        .field = field_of(function, place->file),
        .file = place->file,
        .code = diagnostic->code,
        .line = place->line,
        .column = place->column,
    };
    text_init(&text, function->arena);
    const bool inline_source =
        function->config.source != NULL && place->file != NULL && strcmp(place->file, function->config.name) == 0;
    if (inline_source) result.file = function->config.path;
    if (place->file != NULL && strcmp(place->file, ITEMS) == 0) {
        result.item = defined_at(function, place->line);
        result.file = result.item != NULL ? result.item->path : NULL;
        result.field = NULL;
        result.line = result.column = 0;
        if (result.item != NULL) text_printf(&text, "CustomResourceDefinition %s: ", result.item->name);
    } else if (place->file != NULL) {
        text_printf(&text, "%s:%u:%u: ", inline_source ? "spec.source" : place->file, place->line, place->column);
    }
    text_printf(&text, "%s (%s)", diagnostic->message, diagnostic->code);
    if (diagnostic->help != NULL) text_printf(&text, "; %s", diagnostic->help);
    result.message = text_string(&text);
    function_add_result(function, &result);
}

struct klock_compiler *function_compile(struct function *function, enum klock_status *ret_status) {
    const struct function_config *config = &function->config;
    const struct klock_options options = {
        .size = sizeof options,
        .kubernetes_minor = config->kubernetes_minor,
        .target = config->target,
        .date = config->date,
        .root = ".",
        .warnings_as_errors = config->warnings_as_errors,
        .read = read_below,
        .controllers = config->controllers,
    };
    collect_definitions(function);
    struct klock_compiler *compiler = klock_new(&options);
    if (compiler == NULL) cli_out_of_memory();
    bool fine = true;
    if (config->source != NULL) klock_add_buffer(compiler, config->name, config->source, strlen(config->source));
    for (size_t i = 0; fine && i < config->file_count; i++) fine = add_path(function, compiler, i);
    if (!fine) {
        klock_free(compiler);
        return NULL;
    }
    if (function->definitions.len > 0)
        klock_add_definitions(compiler, ITEMS, function->definitions.data, function->definitions.len);
    *ret_status = klock_compile(compiler);
    if (*ret_status == KLOCK_MEMORY || *ret_status == KLOCK_BUSY) cli_out_of_memory();
    for (size_t i = 0; i < klock_diagnostic_count(compiler); i++) {
        struct klock_diagnostic diagnostic = {.size = sizeof diagnostic};
        if (klock_diagnostic_at(compiler, i, &diagnostic)) add_diagnostic(function, &diagnostic);
    }
    return compiler;
}

// ---- testing ----

void function_test(struct function *function, struct klock_compiler *compiler) {
    for (size_t i = 0; i < klock_test_count(compiler); i++) {
        struct klock_test test = {.size = sizeof test};
        if (!klock_test_at(compiler, i, &test)) cli_out_of_memory();
        if (test.passed) continue;
        const char *file = test.file;
        const bool inline_source = function->config.source != NULL && strcmp(file, function->config.name) == 0;
        const struct result result = {
            .message = arena_printf(function->arena, "%s:%u: test failed: %s: %s (step %zu): expected %s, but it is %s",
                                    inline_source ? "spec.source" : file, test.line, test.policy, test.title, test.step,
                                    test.expected, test.actual),
            .field = field_of(function, file),
            .file = inline_source ? function->config.path : file,
            .line = test.line,
        };
        function_add_result(function, &result);
        function_say(function, result.message);
    }
}
