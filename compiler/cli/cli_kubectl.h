// kubectl, which knows how to reach a cluster and as whom.
#ifndef KLOCK_CLI_KUBECTL_H
#define KLOCK_CLI_KUBECTL_H

#include <stdbool.h>

#include "cli/cli.h"
#include "cli/cli_buffer.h"

// Adds what kubectl prints. The words are its arguments, which end with NULL; no shell reads them. False when it cannot
// be run or fails, which it or we have said then.
bool kubectl_run(const struct cli *cli, const char *const *words, struct buffer *ret_output);

#endif
