// The pipeline from sources to objects. Every stage reads what it needs from the compilation and leaves there what it
// makes.
#ifndef KLOCK_DRIVER_H
#define KLOCK_DRIVER_H

#include "base/arena.h"
#include "emit/manifest.h"
#include "emit/plan.h"
#include "front/load.h"
#include "hooks/hooks.h"
#include "klock/klock.h"
#include "kubernetes/catalog.h"
#include "lower/lower.h"
#include "policy/policy.h"
#include "rbac/rbac.h"
#include "report/diag.h"
#include "report/source.h"
#include "verify/verify.h"

struct compilation {
    struct arena *arena;
    struct klock_options options; // complete: no defaults left
    struct diags diags;
    struct sources sources;
    struct loader loader;
    struct unit **units; // of the files that were read
    size_t unit_count;
    bool loaded;
    struct catalog catalog;
    struct lowering lowering;
    struct policies policies;
    struct plan plan;
    struct manifest manifest; // empty after errors
    // What is handed over beside the policies, for the most part nothing.
    struct inputs {
        struct source_input *items;
        size_t count;
    } renderings, // what was made of the manifest elsewhere, for driver_verify
        rbac, hooks;
};

// Makes a compilation ready for what is added to its loader, which reads from disk unless it is given another reader.
// The options are those of klock.h, whatever their size says; NULL gives the defaults.
void driver_init(struct compilation *compilation, struct arena *arena, const struct klock_options *options);
// Reads and parses what was added to the loader, once, and nothing more; driver_compile goes on from there.
void driver_parse(struct compilation *compilation);
// What was added to the loader becomes diagnostics, a resolved policy and, without errors, objects. To be called once.
void driver_compile(struct compilation *compilation);
// The permanent policies beside what was compiled; of every built-in kind if there were no sources. Empty after errors.
void driver_anchors(struct compilation *compilation, struct manifest *ret_anchors);
// Holds the renderings, or what a cluster has, against the manifest, and there against the anchors as well. What is
// reported takes the place of what compiling reported.
void driver_verify(struct compilation *compilation, bool of_cluster);

#endif
