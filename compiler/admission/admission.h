// What an API server's validating admission policies answer to a request, given the objects of a manifest: read back,
// matched, bound and evaluated as the plugin of k8s.io/apiserver does. Knows nothing of how the objects were made.
//
// What expressions cost is counted as the servers from that minor on count it, and has their limits. What is asked of
// the authorizer is answered by what the request says is granted, and objects are as the request has them: no defaults,
// no pruning, and between versions nothing but the version changes.
#ifndef KLOCK_ADMISSION_H
#define KLOCK_ADMISSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policy/request.h"

struct arena;
struct value;

// The policies of a manifest, compiled; beside them what may be a parameter, and what roles grant on locks.
struct admission;

// The objects of a manifest, in any order, as an API server of that minor (30 for 1.30) would take them as new ones;
// the values are kept. NULL with the reason in *ret_error, in the arena: a field that is not known, an expression that
// does not compile, a binding without its policy.
struct admission *admission_read(struct arena *arena, const struct value *const *objects, size_t count, unsigned minor,
                                 const char **ret_error);

// A request, and what a request of a policy's test does not say.
struct admission_question {
    const struct request *request;
    const char *asked;            // the name in the request where that is not the object's: of proxies; else NULL
    const struct request *beside; // its stored object is there as well; NULL if nothing is
};

struct admission_refusal {
    const char *policy, *binding; // objects; the binding is NULL where the policy itself is at fault
    const char *message;
    bool failed; // something could not be evaluated
};

struct admission_annotation {
    const char *key, *value;
};

// What was evaluated for a request, in the units of cel.h.
struct admission_cost {
    uint64_t total;
    uint64_t expression;                           // the dearest expression
    uint64_t conditions, validations, annotations; // of the policy and binding where they are dearest
};

struct admission_answer {
    enum verdict verdict;
    struct admission_refusal *refusals, *warnings, *audited; // in the order of policies and bindings; a server shows
    size_t refusal_count, warning_count, audited_count;      // the first refusal, and all warnings
    struct admission_annotation *annotations;                // of the audit log, besides what is audited
    size_t annotation_count;
    struct admission_cost cost;
    const char **errors; // of all that could not be evaluated, whether that counts or not
    size_t error_count;
    const char **called; // webhooks; validating ones only where nothing refuses
    size_t called_count;
};

// The answer and its texts are in the arena.
void admission_review(struct arena *arena, const struct admission *admission, const struct admission_question *question,
                      struct admission_answer *ret_answer);

// What an object means where it is not what another means. Of a change that an API server would not notice, such as
// the order of rules, a default that is written out, or CEL in other words of the same tree, there is none.
enum admission_effect {
    ADMISSION_OTHER,    // something else
    ADMISSION_SOFTER,   // a refusal became less
    ADMISSION_NARROWER, // less is refused
};
struct admission_difference {
    enum admission_effect effect;
    const char *field; // "spec.validationActions"
    const char *text;  // "is [Audit], not [Deny]"
};
struct admission_differences {
    struct admission_difference *items;
    size_t count;
};

// How a policy or a binding differs from one that is wanted, but for the names of both and the policy that a binding
// names. False with *ret_error when an API server would not take the object.
bool admission_compare(struct arena *arena, const struct value *wanted, const struct value *found, unsigned minor,
                       struct admission_differences *ret_differences, const char **ret_error);

#endif
