// Requests as admission sees them, and the tests of a policy, which are requests and what is expected.
#ifndef KLOCK_REQUEST_H
#define KLOCK_REQUEST_H

#include <stdbool.h>
#include <stddef.h>

#include "base/span.h"
#include "kubernetes/operations.h"

struct value;

enum verdict { VERDICT_ALLOWED, VERDICT_WARNED, VERDICT_DENIED };

struct request {
    enum operation operation;
    const char *group, *version, *resource, *kind, *subresource; // "" where there is none
    bool namespaced;
    const char *namespace, *name; // the object's own; "" where there is none
    const char **grants;          // verbs that an authorizer check on the lock would allow
    size_t grant_count;
    bool collection;        // one object of a delete collection: the request carries no name
    const char *user, *uid; // "" where absent
    const char **groups;
    size_t group_count;
    const struct value *extra;               // map of lists of strings, or NULL
    const struct value *object, *old_object; // NULL where the request has none
    const struct value *namespace_object;    // NULL for cluster-scoped objects
};

struct test_case {
    struct span span; // of the operation
    size_t step;      // from 1 within its test
    struct request request;
    enum verdict expected;
    const char *by_policy, *by_lock; // the lock that must be among those that refuse; NULL: any
};

struct test_block {
    const char *policy, *title;
    struct span span;
    struct test_case *cases;
    size_t case_count;
};

#endif
