// Webhook configurations that others wrote, or that a cluster has, as YAML: what they stop when they are down, and
// which locks would refuse them.
#ifndef KLOCK_HOOKS_H
#define KLOCK_HOOKS_H

#include <stddef.h>

struct arena;
struct diags;
struct policies;
struct sources;

// A stream of YAML or JSON.
struct hooks_input {
    const char *name, *bytes;
    size_t len;
};

struct hooks_audit {
    struct arena *arena;
    struct diags *diags;
    struct sources *sources; // inputs are added to them
    const struct hooks_input *inputs;
    size_t input_count;
    const struct policies *policies;
};

// Reports what is found, and what cannot be read.
void hooks_audit(const struct hooks_audit *audit);

#endif
