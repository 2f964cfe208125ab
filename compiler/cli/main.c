// klockc: reads the command line and runs a verb. Everything else is in the library and in cli_*.
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli_buffer.h"
#include "cli/cli_files.h"
#include "cli/cli_options.h"

// kustomize up to 5.6 calls functions without arguments, and plugins by the name of their kind.
static const char *const function_names[] = {"klockc-fn", "KlockPolicy"};

static bool is_called_as_function(const char *program) {
    const char *slash = strrchr(program, '/'), *name = slash != NULL ? slash + 1 : program;
    for (size_t i = 0; i < sizeof function_names / sizeof *function_names; i++)
        if (strcmp(name, function_names[i]) == 0) return true;
    return false;
}

// The words behind the program's name, and the verb that the name stands for before them; the caller frees the list.
static char **words_of(int count, char **words, int *ret_count) {
    static char verb[] = "fn";
    const int behind = count > 0 ? count - 1 : 0;
    const bool named = count > 0 && is_called_as_function(words[0]);
    char **list = cli_realloc(NULL, (size_t)behind + 1, sizeof *list);
    if (named) list[0] = verb;
    for (int i = 0; i < behind; i++) list[i + named] = words[i + 1];
    *ret_count = behind + named;
    return list;
}

int main(int count, char **words) {
    // A closed pipe is an error of a write, with a message.
    signal(SIGPIPE, SIG_IGN);
    files_guard_standard_descriptors();
    struct cli cli = {0};
    int status = CLI_USAGE;
    int meant = 0;
    char **list = words_of(count, words, &meant);
    if (cli_read(&cli, meant, list)) status = cli.help ? cli_help(&cli) : cli.verb->run(&cli);
    free(cli.arguments);
    free(list);
    return status;
}
