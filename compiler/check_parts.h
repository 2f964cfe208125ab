// The families of checks; see check.h.
#ifndef KLOCK_CHECK_PARTS_H
#define KLOCK_CHECK_PARTS_H

#include "check.h"
#include "ir.h"
#include "scope.h"

struct checking {
    struct arena *arena;
    struct diags *diags;
    const struct ir *ir;
    bool is_static;
    unsigned minor;      // the oldest server
    struct names locked; // of check_locks: where which resources are locked
    struct names sealed; // users that nobody else can become
    struct names scaled; // locks of which it is said that autoscalers pass them
};

// check_source.c: what the text of one block shows: selectors, namespaces, subjects.
void check_item(const struct checking *checking, const struct ast_item *item);
// check_lock.c: what a lock leaves open or starves, and locks against each other.
void check_locks(struct checking *checking);
// check_grant.c: what grants lead to.
void check_grants(const struct checking *checking);

#endif
