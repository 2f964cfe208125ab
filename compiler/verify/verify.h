// Objects that somebody else has handled since they were compiled, held against the policies: what kustomize, Helm or
// Flux made of them, or what a cluster has. What is compared is what they mean. What does not count: their order, what
// API servers add, and labels and annotations of tools.
#ifndef KLOCK_VERIFY_H
#define KLOCK_VERIFY_H

#include <stdbool.h>
#include <stddef.h>

struct arena;
struct diags;
struct manifest;
struct source_input;
struct sources;

struct verification {
    struct arena *arena;
    struct diags *diags;
    struct sources *sources; // inputs are added to them, unless they are of a cluster
    unsigned minor;          // the oldest server
    bool of_cluster;         // what kubectl gives out: nobody reads it, so that problems are about the policy's places
    const struct source_input *inputs; // streams of YAML or JSON
    size_t input_count;
};

// Reports what of the wanted objects is missing, or means something else, and what is left of them that is not wanted
// any more. Anchors are wanted as well, unless they are NULL.
void verify(const struct verification *verification, const struct manifest *wanted, const struct manifest *anchors);

#endif
