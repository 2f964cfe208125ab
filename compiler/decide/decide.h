// What the policy says of one request: the reference that the emitted manifests must agree with. Reads the resolved
// policy and nothing that is emitted; written apart from the plan on purpose.
#ifndef KLOCK_DECIDE_H
#define KLOCK_DECIDE_H

#include "policy/policy.h"

struct arena;

struct refusal {
    const struct lock *lock;
    const char *message; // that whoever is refused reads
    bool failed;         // a CEL expression of the lock could not be evaluated, which refuses unless `on error allow`
};

struct decision {
    enum verdict verdict;     // by the locks' modes: audit alone is no verdict
    struct refusal *refusals; // in the order of the locks, whatever their mode
    size_t refusal_count;
    const struct lock **glass_uses; // locks that were passed by break-glass alone
    size_t glass_use_count;
    const struct lock **failed; // locks with a CEL expression that could not be evaluated and that mattered, whatever
    size_t failed_count;        // they say of errors
    const struct webhook *
        *called; // in the order of the webhooks: mutating ones, and validating ones if nothing refuses
    size_t called_count;
    bool webhook_failures; // a condition of a webhook could not be evaluated
};

// Total: an absent map, name or list is never an error. The arrays are in the arena.
void decide(struct arena *arena, const struct policies *policies, const struct request *request,
            struct decision *ret_decision);

// What decides about the request under this lock.
struct reason decide_reason(struct arena *arena, const struct request *request, const struct lock *lock);

// Whether the lock lets the requester pass as one of its actors, by break-glass as well, whatever is requested: of the
// request, only who asks and what an authorizer would grant is looked at.
bool decide_is_actor(struct arena *arena, const struct lock *lock, const struct request *request);

// The request as the API server's CEL sees it (`request`): absent where the server leaves a field out.
struct value *decide_request_value(struct arena *arena, const struct request *request);

#endif
