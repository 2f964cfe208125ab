// Unified diffs.
#ifndef KLOCK_CLI_DIFF_H
#define KLOCK_CLI_DIFF_H

#include "cli/cli_buffer.h"

struct diff_side {
    const char *name; // "/dev/null" for a file that is not there
    const char *bytes;
    size_t len;
};

// Adds nothing when both sides hold the same bytes.
void diff_add(struct buffer *out, struct diff_side old, struct diff_side new);

#endif
