// What guards and sealed actors share: locks made from other locks, and formulas that nobody wrote.
#ifndef KLOCK_LOWER_DERIVE_H
#define KLOCK_LOWER_DERIVE_H

#include "base/texts.h"
#include "lower/lower.h"

// A lock on nothing yet. Copies policy, name, actors, break-glass, mode and exemption from the first, and the part of
// its condition that does not mention the object. It never fails open, because the requester may have made what it
// looks at. The detail, which may be NULL or empty, tells it from other locks of that name and origin.
struct lock *derive_lock(struct lowering *lowering, const struct lock *from, enum origin origin, const char *detail);
// Of a condition what can be asked of any request, and what `unless` reads, asked of the object that the guard looks
// at: a namespace that is labelled as its objects would have to be may be deleted. Labels of the namespace are those of
// the object itself where the guard is of namespaces.
struct formula *derive_condition(struct lowering *lowering, const struct formula *condition, bool of_namespace);
// Adds a resource that the API server is known to have.
void derive_target(struct lowering *lowering, struct lock *lock, const char *group, const char *plural);
// Where the lock holds: these namespaces, which are sorted here; none: every namespace, those of the system too.
void derive_namespaces(struct lowering *lowering, struct lock *lock, const char *const *namespaces, size_t count);
// Completes the lock and adds it to the policy.
void derive_add(struct lowering *lowering, const struct ast_item *item, struct lock *lock);
// Paths of `changing`; keys are separated by blanks.
void derive_changing(struct arena *arena, struct lock *lock, const char *keys);

// The word behind `guard` in the block; NULL where it is not there.
const struct word *derive_find_guard(const struct ast_item *item, const char *name);
// Reports a guard on a lock that has nothing of the kind; the word is NULL where nobody asked for it.
void derive_nothing_to_guard(struct lowering *lowering, const struct word *word, const char *what, const char *help);
// Whether objects of the resource are in the scope.
bool derive_takes_in(const struct object_scope *scope, const char *group, const char *plural);
// A lock of its own on what is of the resource in the scope.
struct lock *derive_lock_in(struct lowering *lowering, const struct lock *from, const struct object_scope *scope,
                            const char *group, const char *plural, enum origin origin, const char *detail);

// lower_around.c: what others would do to the objects of the lock, for whoever makes them. `number` tells the locks of
// one block apart; it is empty for the first.
void derive_around(struct lowering *lowering, const struct guarded *guarded, const struct lock *from,
                   const char *number);
// lower_around.c: `guard volumes`.
void derive_volumes(struct lowering *lowering, const struct guarded *guarded);
// lower_source.c: keeps the ConfigMaps that are the lock. `number` tells the locks of one block apart.
void derive_sources(struct lowering *lowering, const struct guarded *guarded,
                    const char *(*number)(struct arena *arena, size_t index));
// lower_around.c: has the locks look at what makes a controller write the fields that they keep. After all others.
void derive_orders(struct lowering *lowering);

// Adds a role for each verb that the lock asks the authorizer for, for others to bind.
void derive_roles(struct lowering *lowering, const struct lock *lock);

// The path of blank-separated keys, `*` for each element of a list, below the object (-1) or a variable.
struct field_path derive_path(struct arena *arena, int variable, const char *keys);
struct formula *derive_exists(struct arena *arena, int variable, const char *keys);
struct formula *derive_field_in(struct arena *arena, int variable, const char *keys, const struct texts *texts);
struct formula *derive_field_is(struct arena *arena, int variable, const char *keys, const char *text);
// The text that an atom of this kind reads is one of them.
struct formula *derive_in(struct arena *arena, enum formula_kind kind, const char *key, const struct texts *texts);
// Some element of the list, which is variable 0 there, satisfies the formula.
struct formula *derive_any(struct arena *arena, const char *keys, struct formula *formula);

// lower_seal.c: keeps others from writing RBAC that would let them become the lock's exclusive actors, or controllers.
void derive_rbac(struct lowering *lowering, const struct ast_item *item, const struct lock *from, bool controllers);
// lower_seal.c: keeps everybody from becoming a controller that locks let through, except by such RBAC.
void derive_controllers(struct lowering *lowering, const struct ast_item *item, const struct lock *from);
// lower_seal.c: `guard accounts`: keeps everybody from becoming a service account that a lock lets through.
void derive_accounts(struct lowering *lowering);
// lower_seal.c: keeps others from having certificates signed, and from making bootstrap tokens, which could carry any
// name.
void derive_certificates(struct lowering *lowering, const struct ast_item *item, const struct lock *from);
// Has the grants found by whom they are to; before anything else of this file.
void lower_index_grants(struct lowering *lowering);
// The lock's actors, and whoever applies the policy.
void derive_exempt_deployer(struct lowering *lowering, struct lock *lock);
// lower_seal.c: a sealed actor.
void lower_seal(struct lowering *lowering, struct unit *unit, const struct ast_item *item);

#endif
