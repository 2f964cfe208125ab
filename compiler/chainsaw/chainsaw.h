// The tests of policies as a test of Chainsaw, which asks a cluster what klockc test asks the policies.
#ifndef KLOCK_CHAINSAW_H
#define KLOCK_CHAINSAW_H

#include <stddef.h>

#include "decide/cases.h"
#include "emit/manifest.h"
#include "report/source.h"

struct arena;
struct text;

struct chainsaw {
    struct arena *arena;
    const struct sources *sources;
    const struct policies *policies;
    const struct manifest *manifest; // for policies, bindings and nothing else of it
    const struct manifest *anchors;  // since bindings come and go
    const struct judged_case *cases; // each as it is expected
    size_t case_count;
};

// Appends one document, and before it a comment on each case that no test of Chainsaw can ask. Nothing is appended
// where none can be asked.
void chainsaw_print(const struct chainsaw *chainsaw, struct text *text, size_t *ret_asked, size_t *ret_left_out);

#endif
