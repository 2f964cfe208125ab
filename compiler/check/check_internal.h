// The families of checks; see check.h.
#ifndef KLOCK_CHECK_INTERNAL_H
#define KLOCK_CHECK_INTERNAL_H

#include "base/texts.h"
#include "check/check.h"
#include "front/scope.h"
#include "policy/policy.h"

struct resource;
struct text;

// A built-in workload and what it owns.
struct surrounding {
    const struct resource *itself, **owned;
    size_t owned_count;
};

// Resources that lead to locked objects of others.
struct surroundings {
    const struct resource *namespaces, *definitions, *autoscalers, *volumes, *claims, *signing_requests;
    struct surrounding *workloads;    // as in kube_workloads
    struct surrounding *commands;     // as in check_commands, with what they are given by
    const struct resource **exempted; // as in kube_exemptions; NULL where one is about every resource
    const struct resource **resources;
    size_t count;
};

struct checking {
    struct arena *arena;
    struct diags *diags;
    const struct policies *policies;
    bool is_static;
    bool of_others; // the webhooks are in configurations that no policy wrote
    unsigned minor; // the oldest server
    struct surroundings around;
    struct map held;           // of check_holds.c: what is denied, of which objects, and where, and by which locks
    struct map passers;        // of check_passers.c: of how many locks
    struct map *label_keepers; // of check_labels.c: which locks on namespaces keep which of their labels
    struct last_passers *last_passers;
    struct text *entry;                // room for one of them
    struct check_noted *noted;         // of each built-in resource
    struct check_formula_texts *texts; // of the formulas that were asked for last
    const struct ast_item **blocks;    // of all locks, by place
    size_t block_count;
    struct set derived; // the locks that guards and cascades made
    struct set sealed;  // users that nobody else can become
    struct set scaled;  // locks of which it is said that autoscalers pass them
    struct set crowded; // those of which it is said that a surplus has their objects deleted
};

// check_source.c: what the text of one block shows: selectors, namespaces, subjects.
void check_item(const struct checking *checking, const char *policy, const struct ast_item *item);
// check_lock.c: what a lock leaves open or starves, and locks against each other.
void check_locks(struct checking *checking);

// What controllers do to objects, for whoever writes those that they go by.
struct check_command {
    enum exemption level; // at which they pass
    unsigned operations;
    const char *group, *plural;
    const char *given_by; // plural[.group], blank-separated
    const char *by;       // the same for readers
};
extern const struct check_command check_commands[];
extern const size_t check_command_count;

// check_around.c: what others do to the objects for whoever has them do it.
void check_volumes(struct checking *checking, const struct lock *lock);
void check_claims(struct checking *checking, const struct lock *lock);
void check_surplus(struct checking *checking, const struct lock *lock);
void check_commanded(struct checking *checking, const struct lock *lock);
void check_scaled_away(struct checking *checking, const struct lock *lock);

// check_owners.c: what goes with something else, and by whom it is scaled.
void check_owners(struct checking *checking, const struct lock *lock);
void check_children(struct checking *checking, const struct lock *lock);
void check_definitions(struct checking *checking, const struct lock *lock);
void check_namespaces(struct checking *checking, const struct lock *lock);
void check_namespace_labels(struct checking *checking, const struct lock *lock);
void check_deputies(struct checking *checking, const struct lock *lock);

// check_requests.c: requests that a lock does not see.
void check_subresources(struct checking *checking, const struct lock *lock);
void check_scale_of_custom(struct checking *checking, const struct lock *lock);
void check_status(struct checking *checking, const struct lock *lock);

// check_starve.c: whom it keeps from the work of the control plane.
void check_starvation(struct checking *checking, const struct lock *lock);

// check_actors.c: who passes beside those that it names. The last is about all locks of a policy.
void check_seals(struct checking *checking, const struct lock *lock);
void check_rights(struct checking *checking, const struct lock *lock);
void check_operator(struct checking *checking, const struct lock *lock);
void check_approval(struct checking *checking, const struct lock *lock);
void check_identities(const struct checking *checking);

// ---- check_place.c ----

// What of a lock a warning is about. It stands at the clause that says so, or else at the lock's name: a clause in the
// block of an object is another's.
enum topic {
    ABOUT_RESOURCES,
    ABOUT_PLACE,
    ABOUT_DENIED,
    ABOUT_CHANGES,
    ABOUT_REQUIRED,
    ABOUT_ACTORS,
    ABOUT_EXEMPTION,
    ABOUT_CONDITION,
    ABOUT_CASCADE,
    ABOUT_GUARDS,
};
void check_index_blocks(struct checking *checking, struct unit *const *units, size_t unit_count);
struct span check_place(const struct checking *checking, const struct lock *lock, enum topic topic);
// The same, but the place of the part itself where it stands in the block.
struct span check_place_of(const struct checking *checking, const struct lock *lock, const struct formula *part,
                           enum topic topic);

// The exemption's identity, as people call it.
const char *check_controller_of(const struct kube_exemption *exemption);
// Whether the lock means what the identity writes of the resource.
bool check_means(const struct lock *lock, const struct kube_exemption *exemption, const struct resource *resource);
// Whether nobody has asked the controller for such objects in years.
bool check_is_obsolete(const char *controller, const char *plural);

// check_require.c: whom a requirement keeps from making what it has to.
void check_requirement(struct checking *checking, const struct lock *lock);
// Whether a part of the requirement that is held against every update refuses those of the identity.
bool check_asks_author(const struct checking *checking, const struct lock *lock, const struct kube_exemption *exemption,
                       const struct resource *resource);

// check_passers.c: whether everybody whom a lock lets through passes another as well; the levels of exemption are the
// caller's to compare.
bool check_lets_fewer_pass(const struct lock *lock, const struct lock *other);
// Those of the lock that was asked for last.
struct last_passers {
    const struct lock *lock;
    struct texts passers;
};
// Those who pass, each as a text.
struct texts check_passers(const struct checking *checking, const struct lock *lock);
// Counts them, for the one who passes the fewest locks; "" where nobody does.
void check_count_passers(struct checking *checking);
const char *check_rarest_passer(const struct checking *checking, const struct lock *lock);

// check_holds.c: what other locks, or the same one, hold around a lock. Only what is denied to everybody whom the lock
// that asks does not let through counts.
void check_index_holds(struct checking *checking);
bool check_takes_in(const struct object_scope *scope, const struct resource *resource);
// Whether it names the resource.
bool check_names_resource(const struct object_scope *scope, const char *group, const char *resource);
// The objects that the lock is on, one by one.
size_t check_part_count(const struct lock *lock);
struct lock_object check_part(const struct lock *lock, size_t index);
// The formula as a text that is the same only for the same formula, but for what CEL says; "" for what always holds.
const char *check_formula(struct arena *arena, const struct formula *expr);
// Whether a lock of that origin was made from this one.
bool check_has_derived(const struct checking *checking, const struct lock *lock, enum origin origin);
// Whether deleting is denied: of a cluster-scoped object that is told by "name NAME", "group GROUP" or not at all; of a
// namespace; of the namespaces with these labels.
bool check_holds_object(const struct checking *checking, const struct lock *lock, const struct resource *resource,
                        const char *what);
bool check_holds_namespace(const struct checking *checking, const struct lock *lock, const char *name);
bool check_holds_labeled(const struct checking *checking, const struct lock *lock, const struct formula *selector);
// The same of objects of the resource wherever the part is: of all, or also of those alike that the part selects.
bool check_holds_alike(const struct checking *checking, const struct lock *lock, const struct lock_object *part,
                       const struct resource *resource, bool alike);
// Whether changing their spec is denied there in the same way.
bool check_holds_changes(const struct checking *checking, const struct lock *lock, const struct lock_object *part,
                         const struct resource *resource, bool alike);
// Whether making and changing such objects is denied there, whatever they are like.
bool check_holds_writes(const struct checking *checking, const struct lock *lock, const struct lock_object *part,
                        const struct resource *resource);
// Whether writing the scale subresource of the part's own objects is denied.
bool check_holds_scale(const struct checking *checking, const struct lock *lock, const struct lock_object *part,
                       const struct resource *resource);
// Whether making requests for certificates is denied: for all, or for those by which clients of the API server say who
// they are.
bool check_holds_signing(const struct checking *checking, const struct lock *lock);
// Whether writing the status of the part's own objects is denied.
bool check_holds_status(const struct checking *checking, const struct lock *lock, const struct lock_object *part,
                        const struct resource *resource);
// Whether deleting is denied of claims somewhere: where those are that use a volume, nobody can tell. And whether some
// volumes may neither be deleted nor changed.
bool check_holds_some_claims(const struct checking *checking, const struct lock *lock);
bool check_holds_some_volumes(const struct checking *checking, const struct lock *lock);
// Whether all such objects may not be written by others, there or in the cluster.
bool check_holds_all(const struct checking *checking, const struct lock *lock, const struct lock_object *part,
                     const struct resource *resource);

// Up to which level the lock lets controllers do it.
enum exemption check_level_of(const struct lock *lock, const struct resource *resource, unsigned operation);

// check_labels.c: which labels of namespaces locks keep; only what is denied to everybody whom the lock that asks does
// not let through counts.
void check_index_labels(struct checking *checking);
// A label of namespaces that the formula asks and that nobody is kept from changing; NULL where there is none.
const struct formula *check_open_label(const struct checking *checking, const struct lock *lock,
                                       const struct formula *expr);
// The same of those by which the scope selects namespaces. Without a lock, it is the scope of a webhook, which nobody
// passes.
const struct formula *check_open_selector(const struct checking *checking, const struct lock *lock,
                                          const struct object_scope *scope);

// check_webhook.c: what webhooks stop, and what they are not told.
void check_webhooks(const struct checking *checking);

// check_grant.c: what grants lead to.
void check_grants(const struct checking *checking);

#endif
