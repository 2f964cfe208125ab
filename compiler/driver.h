// The pipeline from sources to objects: driver_compile reads like a table of contents.
#ifndef KLOCK_DRIVER_H
#define KLOCK_DRIVER_H

#include "base/arena.h"
#include "emit/manifest.h"
#include "front/load.h"
#include "klock/klock.h"
#include "policy/policy.h"
#include "report/diag.h"
#include "report/source.h"

struct compilation {
    struct arena *arena;
    struct klock_options options; // complete: no defaults left
    struct diags diags;
    struct sources sources;
    struct loader loader;
    struct unit **units; // of the files that were read
    size_t unit_count;
    struct policies policies;
    struct manifest manifest; // empty after errors
};

void driver_init(struct compilation *compilation, struct arena *arena, const struct klock_options *options);
// What was added to the loader becomes diagnostics, a resolved policy and, without errors, objects.
void driver_compile(struct compilation *compilation);
// The permanent policies beside what was compiled; of every built-in kind if there were no sources.
void driver_anchors(struct compilation *compilation, struct manifest *ret_anchors);

#endif
