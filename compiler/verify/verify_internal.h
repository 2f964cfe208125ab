// What the parts of this room share: objects that were found, and the wanted ones with what was found for them.
#ifndef KLOCK_VERIFY_INTERNAL_H
#define KLOCK_VERIFY_INTERNAL_H

#include "admission/admission.h"
#include "base/map.h"
#include "base/span.h"
#include "emit/manifest.h"
#include "verify/verify.h"

// ---- verify_read.c: streams become objects ----

// An object of a kind that klockc makes.
struct found {
    enum manifest_kind kind;
    const char *namespace, *name; // as it is written, also where the kind has no namespaces
    const char *policy;           // its label; "" if none
    const struct value *value;
    struct span span; // of its name
    bool is_taken;    // for a wanted one
};

struct findings {
    struct found **items;
    size_t count;
    struct map by_identity;
    size_t object_count; // of all kinds
    bool is_cut;         // some of the input could not be read: what is not here may be there
};

void verify_read(const struct verification *verification, struct findings *ret_findings);
bool verify_is_namespaced(enum manifest_kind kind);
// Of an object, as a key.
const char *verify_identity(struct arena *arena, enum manifest_kind kind, const char *namespace, const char *name);

// ---- verify_roles.c ----

// How roles and their bindings differ, but for the role that a binding names.
void verify_compare_roles(struct arena *arena, const struct value *wanted, const struct value *found,
                          struct admission_differences *differences);

// ---- verify_webhooks.c ----

// How configurations of webhooks differ. What cert-manager writes into them is no difference.
void verify_compare_webhooks(struct arena *arena, const struct value *wanted, const struct value *found,
                             struct admission_differences *differences);

// ---- verify_tenants.c ----

// How Namespaces, ResourceQuotas and AppProjects differ in what is said there of a tenant.
void verify_compare_tenants(struct arena *arena, enum manifest_kind kind, const struct value *wanted,
                            const struct value *found, struct admission_differences *differences);

// ---- verify_pair.c: which object is which ----

struct pair {
    const struct manifest_object *wanted;
    struct found *found; // NULL if none
    bool is_renamed, is_moved, is_anchor;
};

struct pairs {
    struct pair *items;
    size_t count;
    struct map by_identity; // of the wanted ones
};

// False with the reason when an API server would not take what was found.
bool verify_compare(const struct verification *verification, const struct value *wanted, const struct found *found,
                    struct admission_differences *ret_differences, const char **ret_error);
void verify_pair(const struct verification *verification, const struct manifest *wanted, const struct manifest *anchors,
                 const struct findings *findings, struct pairs *ret_pairs);

#endif
