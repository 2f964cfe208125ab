// What the parts of the export share.
#ifndef KLOCK_CHAINSAW_INTERNAL_H
#define KLOCK_CHAINSAW_INTERNAL_H

#include <stdbool.h>

#include "chainsaw/chainsaw.h"

struct value;

// What everything is called that the test makes for itself; groups of requesters begin with it.
#define CHAINSAW_NAME "klock-chainsaw"

#define CHAINSAW_ADMISSION "admissionregistration.k8s.io/v1"
#define CHAINSAW_BINDING "ValidatingAdmissionPolicyBinding"

// ---- chainsaw_complete.c ----

// The object with all that an API server asks for beside what the test says of it. One that is to be stored has pods
// that nobody schedules, so that nothing is started.
struct value *chainsaw_complete(struct arena *arena, const struct request *request, const struct value *said,
                                bool stored);
// The JSON merge patch that makes one object of the other; NULL where they are the same.
struct value *chainsaw_difference(struct arena *arena, const struct value *before, const struct value *after);

// ---- chainsaw_obstacle.c ----

// Why a test of Chainsaw cannot ask the case; NULL where it can.
const char *chainsaw_obstacle(const struct chainsaw *chainsaw, const struct judged_case *judged);
// Whether every cluster has such an object by itself, so that none is made.
bool chainsaw_stands(const char *group, const char *resource, const char *namespace, const char *name);
// The definition that a cluster needs for the resource; NULL for what it serves by itself.
const char *chainsaw_definition(struct arena *arena, const char *group, const char *resource);

// ---- chainsaw_world.c ----

// An object that is there, or is not, while a case is asked.
struct thing {
    const char *key;
    const char *group, *version, *kind, *resource, *namespace, *name;
    const struct value *said;   // what decides whether two are the same; NULL: it is not there
    const struct value *object; // what is stored; NULL where it is not there, or is there by itself
};

// Cases that agree on what is there.
struct world {
    struct thing *things;
    size_t count;
    const struct judged_case **cases;
    size_t case_count;
};

// Puts every case into the first world that it agrees with; the cases are in their order in each.
void chainsaw_worlds(const struct chainsaw *chainsaw, const struct judged_case *const *cases, size_t count,
                     struct world **ret_worlds, size_t *ret_count);
const struct thing *world_find(const struct world *world, const char *key);
bool thing_is_namespace(const struct thing *thing);
// Whether ConfigMaps are locks, so that one more or less of them changes what is decided.
bool chainsaw_has_sources(const struct chainsaw *chainsaw);

// ---- chainsaw_request.c ----

// The operation that sends the request as its requester and checks the answer.
struct value *chainsaw_request(const struct chainsaw *chainsaw, const struct judged_case *judged);
// The group that a requester is in who is granted the verb on locks.
const char *chainsaw_grant_group(struct arena *arena, const char *verb);
// "deployments.apps", as kubectl is told.
const char *chainsaw_resource(struct arena *arena, const char *group, const char *version, const char *resource);
// The text as one word of a shell.
const char *chainsaw_word(struct arena *arena, const char *text);
// "payments.klock:12"
const char *chainsaw_place(const struct chainsaw *chainsaw, const struct judged_case *judged);

// ---- chainsaw_access.c ----

// The roles and bindings by which the requesters of the cases come as far as admission.
void chainsaw_access(const struct chainsaw *chainsaw, const struct judged_case *const *cases, size_t count,
                     struct value *operations);

// ---- chainsaw_mark.c ----

// Policies that refuse what nobody but the test makes: once they do, an API server acts on all that came before.
void chainsaw_mark_policies(const struct chainsaw *chainsaw, struct value *operations);
void chainsaw_mark_bindings(const struct chainsaw *chainsaw, struct value *operations);
// What is stored behind everything else of the world, of each kind that is looked up.
void chainsaw_mark_objects(const struct chainsaw *chainsaw, size_t world, struct value *operations);
void chainsaw_await_marks(const struct chainsaw *chainsaw, size_t world, struct value *operations);
// Deletes the bindings, behind all others.
void chainsaw_unmark(struct arena *arena, struct value *operations);
struct value *chainsaw_await_no_mark(struct arena *arena);

// ---- chainsaw.c ----

// Maps with one entry for what there is but one of: {key: value}.
struct value *chainsaw_only(struct arena *arena, const char *key, struct value *value);
struct value *chainsaw_create(struct arena *arena, const struct value *object);
struct value *chainsaw_delete(struct arena *arena, const char *api_version, const char *kind, const char *namespace,
                              const char *name);
// Those with the label.
struct value *chainsaw_delete_bindings(struct arena *arena, const char *key, const char *label);
// An object with its metadata.
struct value *chainsaw_object(struct arena *arena, const char *api_version, const char *kind, const char *namespace,
                              const char *name);
const char *chainsaw_api_version(struct arena *arena, const char *group, const char *version);

#endif
