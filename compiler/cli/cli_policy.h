// Policies on the command line, compiled.
#ifndef KLOCK_CLI_POLICY_H
#define KLOCK_CLI_POLICY_H

#include "cli/cli.h"

// The name of standard input in messages; a policy that does not say its name is named so.
#define CLI_STDIN_NAME "stdin"

// The exit status; does not return when memory ran out.
int policy_status(enum klock_status status);
// Compiles what the arguments name. NULL, after a message, when there is nothing that could be compiled: *ret_status is
// the exit status then. Otherwise *ret_status is CLI_FINE, CLI_FAILED, CLI_USAGE or CLI_INTERNAL, and the diagnostics
// tell why.
struct klock_compiler *policy_compile(const struct cli *cli, int *ret_status);
// Writes the diagnostics for people to standard error; false when they could not be written.
bool policy_show_diagnostics(const struct cli *cli, struct klock_compiler *compiler);
// Writes a text that the library gave out, or leaves because memory ran out.
bool policy_print(const char *text);

#endif
