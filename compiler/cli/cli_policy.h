// Policies on the command line, compiled.
#ifndef KLOCK_CLI_POLICY_H
#define KLOCK_CLI_POLICY_H

#include "cli/cli.h"

// The name of standard input in messages; a policy that does not say its name is named so.
#define CLI_STDIN_NAME "stdin"

// The exit status; does not return when memory ran out.
int policy_status(enum klock_status status);
// Whether one of the policies is to be read from standard input.
bool policy_is_standard_input(const struct cli *cli);
// Adds the objects that a PATH stands for, a file, a directory or -, by the function of the library. False, after a
// message, when something cannot be read.
typedef void policy_add_function(struct klock_compiler *compiler, const char *name, const char *bytes, size_t len);
bool policy_add_objects(const struct cli *cli, struct klock_compiler *compiler, const char *path,
                        policy_add_function *add);
// Compiles what the arguments name. NULL, after a message, when there is nothing that could be compiled: *ret_status is
// the exit status then. Otherwise *ret_status is CLI_FINE, CLI_FAILED, CLI_USAGE or CLI_INTERNAL, and the diagnostics
// tell why.
struct klock_compiler *policy_compile(const struct cli *cli, int *ret_status);
// The same, with `len` bytes of CustomResourceDefinitions, which messages call by that name.
struct klock_compiler *policy_compile_with(const struct cli *cli, const char *name, const char *definitions, size_t len,
                                           int *ret_status);
// Writes the diagnostics for people to standard error; false when they could not be written.
bool policy_show_diagnostics(const struct cli *cli, struct klock_compiler *compiler);
// Writes a text that the library gave out, or leaves because memory ran out.
bool policy_print(const char *text);

#endif
