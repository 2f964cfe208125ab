// What the files of this room share.
#ifndef KLOCK_DESCRIBE_INTERNAL_H
#define KLOCK_DESCRIBE_INTERNAL_H

#include <stddef.h>

#include "describe/describe.h"
#include "policy/policy.h"

struct arena;

// Sentences and phrases, in the arena.
struct phrases {
    const char **items;
    size_t count;
};

// A lock as it is written, with the locks that were made of it.
struct lock_description {
    const char *name;
    enum described {
        DESCRIBED_LOCK,
        DESCRIBED_ACTOR,   // what seals the actor of this name
        DESCRIBED_WEBHOOK, // that webhook, and who may change the consent to it
        DESCRIBED_TENANT,
    } what;
    const char *file;         // without its directory
    unsigned line;            // from 1
    struct phrases sentences; // what it says; one for each kind of objects where they differ
    struct phrases closed;    // ways around it that it closes on its own objects
    struct phrases outside;   // what it refuses besides: "delete namespaces named shop: the objects would go with it"
    struct phrases passing;   // control-plane identities that it lets through
    struct phrases open;      // "… [K0218 namespace-not-guarded]: accepted, why"
};

struct policy_description {
    const char *name;
    struct lock_description *locks;
    size_t lock_count;
    struct phrases grants; // what it grants, sentences
};

struct description {
    struct policy_description *policies;
    size_t policy_count;
};

void describe_print_human(struct text *text, const struct description *description);
void describe_print_markdown(struct text *text, const struct description *description);
void describe_print_json(struct text *text, const struct description *description);

// The parts of sentences.

// "a", "a and b", "a, b and 3 more": at most `shown` of them; all if it is 0.
void describe_list(struct text *text, const char *const *items, size_t count, const char *conjunction, size_t shown);
// "pods and jobs in namespaces shop and web": what locks of one origin are on together, without what they select by.
void describe_reach(struct text *text, const struct lock *const *locks, size_t count);
// "pods and configmaps in namespace shop"
void describe_objects(struct text *text, const struct object_scope *scope, const struct formula *selects);
// "The same holds for nodes.": what is said of the lock, where it says what another does, of other objects. False, and
// nothing is added, otherwise.
bool describe_same(struct text *text, const struct lock *lock, const struct lock *before);
// The sentence of a lock that seals an actor.
void describe_sealed(struct text *text, const struct lock *lock);
// ", when …, unless …"; nothing where it always holds.
void describe_condition(struct text *text, const struct formula *condition);
// The sentences of a webhook.
void describe_webhook(struct text *text, const struct webhook *webhook);
// The sentences of a tenant.
void describe_tenant(struct text *text, const struct tenant *tenant);
// The sentence of a grant.
void describe_grant(struct text *text, const struct grant *grant);

// A formula as an expression of the language.
void describe_formula(struct text *text, const struct formula *formula);
void describe_path(struct text *text, const struct field_path *path);
// A formula that asks nothing but labels as a selector: "tier=web,!legacy". False, and nothing is added, otherwise.
bool describe_selector(struct text *text, const struct formula *formula);

#endif
