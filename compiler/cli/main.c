// klockc: reads the command line and runs a verb. Everything else is in the library and in cli_*.
#include <signal.h>
#include <stdlib.h>

#include "cli/cli_files.h"
#include "cli/cli_options.h"

int main(int count, char **words) {
    // A closed pipe is an error of a write, with a message.
    signal(SIGPIPE, SIG_IGN);
    files_guard_standard_descriptors();
    struct cli cli = {0};
    int status = CLI_USAGE;
    if (cli_read(&cli, count - 1, words + 1)) status = cli.help ? cli_help(&cli) : cli.verb->run(&cli);
    free(cli.arguments);
    return status;
}
