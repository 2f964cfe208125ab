// Webhook configurations that others wrote, or that a cluster has, as YAML: what they stop when they are down, and
// which locks would refuse them.
#ifndef KLOCK_HOOKS_H
#define KLOCK_HOOKS_H

#include <stddef.h>

struct arena;
struct diags;
struct policies;
struct source_input;
struct sources;

struct hooks_audit {
    struct arena *arena;
    struct diags *diags;
    struct sources *sources;           // inputs are added to them
    const struct source_input *inputs; // streams of YAML or JSON
    size_t input_count;
    const struct policies *policies;
};

// Reports what is found, and what cannot be read.
void hooks_audit(const struct hooks_audit *audit);

#endif
