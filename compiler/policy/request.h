// Requests as admission sees them, and the tests of a policy, which are requests and what is expected.
#ifndef KLOCK_REQUEST_H
#define KLOCK_REQUEST_H

#include <stdbool.h>
#include <stddef.h>

#include "base/span.h"
#include "kubernetes/operations.h"

struct formula;
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
    const struct value **given;              // ConfigMaps that are there, of which some may be locks
    size_t given_count;
};

// What decides about a request under one lock; of several, what comes last.
enum reason_kind {
    // The lock lets it pass:
    REASON_NOT_REACHED, // the request carries nothing of the object, and the lock does not look it up
    REASON_OTHER_RESOURCE,
    REASON_OTHER_NAMESPACE,
    REASON_NO_SOURCE, // there is no ConfigMap that is the lock
    REASON_NOT_SELECTED,
    REASON_OTHER_OPERATION,
    REASON_UNCHANGED, // it writes nothing that the lock is about
    REASON_SATISFIED, // it keeps to what is required
    REASON_CONDITION, // `when` does not hold, or `unless` does
    REASON_EXEMPT,    // it is the control plane's work
    REASON_PASSES,    // its requester is an actor
    REASON_GLASS,     // and one of break-glass alone
    // The lock refuses it:
    REASON_FAILED, // an expression cannot be evaluated
    REASON_REQUIRED,
    REASON_ENTERS,  // guard label-in
    REASON_OWNERS,  // guard owners
    REASON_ACTORS,  // guard labels: others would be its actors
    REASON_RELEASE, // guard labels: `when` would no longer hold, or the exempt request would take it out
    REASON_LEAVES,  // guard labels: it would no longer be selected
    REASON_DENIED,
};
struct reason {
    enum reason_kind kind;
    const struct formula *part; // of REASON_REQUIRED, what is broken; else NULL
};
// Which guard of the lock itself refuses: "guard labels"; NULL for none.
const char *reason_guard(enum reason_kind kind);

struct test_case {
    struct span span; // of the operation
    size_t step;      // from 1 within its test
    struct request request;
    enum verdict expected;
    // What the case is about instead of the verdict: which webhooks are called, or not; no name is any.
    enum { CASE_OF_VERDICT, CASE_CALLED, CASE_NOT_CALLED } about;
    struct hook_name {
        const char *policy, *name;
    } * hooks;
    size_t hook_count;
    const char *by_policy, *by_lock; // the lock that must be among those that refuse; NULL: any
    const char *by_part;             // which of its parts: "guard namespace", or what that begins; NULL: any
};

struct test_block {
    const char *policy, *title;
    struct span span;
    struct test_case *cases;
    size_t case_count;
};

#endif
