// klockc post-render: a post-renderer of Helm. It takes the stream that a chart renders to, and gives it back with the
// objects of policies behind it: Helm 3 applies in this order, and Helm 4 applies kinds that it does not know last as
// well.
#include <setjmp.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/text.h"
#include "cli/cli_files.h"
#include "cli/cli_function.h"
#include "cli/cli_policy.h"
#include "data/value.h"

#define STDIN "standard input"

// The definitions on the lines on which they stand in the stream, so that messages say these.
static void collect_definitions(struct function *function) {
    bool some = false;
    for (size_t i = 0; i < function->items.count; i++) some = some || items_is_definition(&function->items.items[i]);
    for (size_t i = 0; some && i < function->items.count; i++) {
        const struct item *item = &function->items.items[i];
        const char *bytes = function->items.bytes + item->from;
        const size_t len = item->to - item->from;
        if (items_is_definition(item)) {
            buffer_add(&function->definitions, bytes, len);
            continue;
        }
        for (size_t at = 0; at < len; at++)
            if (bytes[at] == '\n') buffer_puts(&function->definitions, "\n");
    }
}

// Gives the objects that are added to the stream.
static struct value *run(const struct cli *cli, struct function *function, int *ret_status) {
    struct value *added = value_list(function->arena);
    collect_definitions(function);
    struct klock_compiler *compiler =
        policy_compile_with(cli, STDIN, function->definitions.data, function->definitions.len, ret_status);
    if (compiler == NULL) return added;
    if (!policy_show_diagnostics(cli, compiler) && *ret_status == CLI_FINE) *ret_status = CLI_USAGE;
    if (*ret_status == CLI_FINE) added = function_replace(function, compiler, function_objects(function, compiler));
    klock_free(compiler);
    return added;
}

// All of it, or nothing: Helm takes what it is given for the whole release.
static int print(struct function *function, const struct value *added) {
    struct text text;
    function_print_items(function, added, &text);
    if (function->errors > 0) return CLI_FAILED;
    if (text.len == 0) {
        cli_complain("there is nothing on " STDIN ", and no lock is in force: Helm would delete the release's objects");
        return CLI_FAILED;
    }
    return files_print(STDOUT_FILENO, "standard output", text_string(&text), text.len) ? CLI_FINE : CLI_USAGE;
}

static int render(const struct cli *cli, struct function *function) {
    struct buffer bytes = {0};
    const char *error = NULL;
    int status = CLI_USAGE;
    if (function_read_input(&bytes, &error)) {
        if (error == NULL) items_read_stream(&function->items, function->arena, bytes.data, bytes.len, &error);
        if (error != NULL) {
            cli_complain(STDIN ": %s", error);
        } else {
            const struct value *added = run(cli, function, &status);
            if (status == CLI_FINE) status = print(function, added);
        }
    }
    buffer_free(&bytes);
    return status;
}

int cli_post_render(const struct cli *cli) {
    for (size_t i = 0; i < cli->argument_count; i++) {
        if (strcmp(cli->arguments[i], "-") != 0) continue;
        cli_complain("-: " STDIN " is what Helm renders; name the files of the policy");
        return CLI_USAGE;
    }
    struct arena arena;
    jmp_buf exhausted;
    if (setjmp(exhausted)) cli_out_of_memory();
    arena_init(&arena, &exhausted);
    struct function function = {.arena = &arena, .results = value_list(&arena), .config = {.role = AS_TRANSFORMER}};
    const int status = render(cli, &function);
    buffer_free(&function.definitions);
    arena_release(&arena);
    return status;
}
