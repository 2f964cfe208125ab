#include "cli/cli_kubectl.h"

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/cli_files.h"

extern char **environ;

// Starts the program with its standard output in the pipe; gives 0 or an error.
static int start(const char *program, char **words, const int ends[2], pid_t *ret_child) {
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t pipes;
    int error = posix_spawn_file_actions_init(&actions);
    if (error != 0) return error;
    error = posix_spawnattr_init(&attributes);
    if (error == 0) {
        // We ignore closed pipes; nobody else need to.
        sigemptyset(&pipes);
        sigaddset(&pipes, SIGPIPE);
        posix_spawnattr_setsigdefault(&attributes, &pipes);
        posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
        posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
        posix_spawn_file_actions_addclose(&actions, ends[0]);
        posix_spawn_file_actions_addclose(&actions, ends[1]);
        error = posix_spawnp(ret_child, program, &actions, &attributes, words, environ);
        posix_spawnattr_destroy(&attributes);
    }
    posix_spawn_file_actions_destroy(&actions);
    return error;
}

static bool wait_for(pid_t child, const char *program) {
    int status = 0;
    while (waitpid(child, &status, 0) == -1) {
        if (errno == EINTR) continue;
        cli_complain("%s: %s", program, strerror(errno));
        return false;
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return true;
    if (WIFEXITED(status))
        cli_complain("%s ended with status %d", program, WEXITSTATUS(status));
    else
        cli_complain("%s was ended by signal %d", program, WTERMSIG(status));
    return false;
}

static char **arguments_of(const struct cli *cli, const char *program, const char *const *words) {
    struct strings arguments = {0};
    strings_add(&arguments, program);
    if (cli->context != NULL) {
        char *context = cli_format("--context=%s", cli->context);
        strings_add(&arguments, context);
        free(context);
    }
    for (; *words != NULL; words++) strings_add(&arguments, *words);
    char **items = cli_realloc(arguments.items, arguments.count + 1, sizeof *items);
    items[arguments.count] = NULL;
    return items;
}

static void release(char **items) {
    for (char **item = items; *item != NULL; item++) free(*item);
    free(items);
}

bool kubectl_run(const struct cli *cli, const char *const *words, struct buffer *ret_output) {
    const char *program = cli->kubectl != NULL ? cli->kubectl : "kubectl";
    int ends[2];
    if (pipe(ends) != 0) {
        cli_complain("%s: %s", program, strerror(errno));
        return false;
    }
    char **arguments = arguments_of(cli, program, words);
    pid_t child = -1;
    const int error = start(program, arguments, ends, &child);
    release(arguments);
    close(ends[1]);
    bool fine = error == 0;
    if (fine)
        fine = files_read(ends[0], program, ret_output);
    else
        cli_complain("%s: %s; name another with --kubectl", program, strerror(error));
    close(ends[0]);
    return (error != 0 || wait_for(child, program)) && fine;
}
