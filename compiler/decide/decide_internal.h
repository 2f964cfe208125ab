// What the parts of the decision share.
#ifndef KLOCK_DECIDE_INTERNAL_H
#define KLOCK_DECIDE_INTERNAL_H

#include "decide/decide.h"

struct value;

// ---- decide_formula.c ----

// Only CEL can fail, and failure is absorbed as CEL absorbs it: no beside a failure is no, yes or a failure is yes.
enum truth { NO, YES, FAILED };
enum truth truth_of(bool holds);
enum truth truth_and(enum truth a, enum truth b);
enum truth truth_or(enum truth a, enum truth b);
enum truth truth_not(enum truth a);

// A variable bound by any / all.
struct binding {
    const struct value *value;
    const struct binding *outer;
    int index;
};

// Whether who asks is anybody that locks let past for what keeps the cluster alive, which is asked of many locks.
struct identity {
    bool is_known, is_exempt;
};

struct view {
    struct arena *arena;
    const struct request *request;
    const struct value *self, *stored; // `self` is what STATE_SELF reads; `stored` what decides membership
    const struct value *source;        // the ConfigMap that is the lock, or that names who passes it; NULL if none does
    const struct binding *binding;
    bool exempt; // what controllers write is read as it is stored
    struct identity *identity;
};

enum truth decide_evaluate(const struct view *view, const struct formula *expr);
// The formula with `self` as the state it reads.
enum truth decide_holds(const struct view *view, const struct formula *formula, const struct value *self);
// Whether a text satisfies the atom; NULL, which is none, never does.
bool decide_test_text(const struct view *view, const struct formula *atom, const char *text);
// Whether the atom reads what controllers write themselves: of what is selected by fields they move most, while pods
// are what they are made as.
bool decide_is_controllers(const struct request *request, const struct formula *atom);
bool decide_in_group(const struct request *request, const char *group);
// False for NULL and whatever is no list.
bool decide_has_element(const struct value *list, const struct value *item);

// ---- decide_source.c ----

// Whether a lock can be read from the object, which is a ConfigMap.
bool decide_is_source(struct arena *arena, const struct value *object);
// Whether the ConfigMap that is the lock selects the object. One that no lock can be read from selects everything.
bool decide_source_selects(struct arena *arena, const struct value *source, const struct value *object);
// Whether it names the requester; false for NULL.
bool decide_source_names(struct arena *arena, const struct value *source, const struct request *request);
// The next of the ConfigMaps that are the lock where the request is, `at` being 0 before the first: of those that are
// given, and the stored object. NULL behind the last.
const struct value *decide_next_source(const struct lock *lock, const struct request *request, size_t *at);
// What whoever is refused reads.
const char *decide_message(struct arena *arena, const struct lock *lock, const struct value *source);

// ---- decide_scope.c ----

bool decide_in_resources(const struct object_scope *scope, const struct request *request);
enum truth decide_in_namespaces(const struct view *view, const struct object_scope *scope);
bool decide_has_name(const char **names, size_t count, const char *name);
// How the lock reaches the request, which may carry nothing of the object but its name.
enum cover decide_cover_of(const struct lock *lock, const struct request *request);

// ---- decide_webhook.c ----

// Adds the webhooks of the kind that are called for the request.
void decide_webhooks(const struct view *view, const struct policies *policies, bool mutating,
                     struct decision *decision);

// ---- decide_change.c ----

// A field of the metadata; NULL where it is absent, null or empty, which are one.
const struct value *decide_metadata_field(const struct value *object, const char *key);
// Whether an update changes what the lock is about; through most subresources only metadata can be written.
bool decide_changes(const struct view *view, const struct lock *lock, bool metadata_only);
// Whether the new object has what the lock is about the changes of. What guards add looks at all that is made.
bool decide_brings(const struct view *view, const struct lock *lock);
// Whether something that the formula reads below the object (-1), or below the variable of that index, differs between
// two states. `depth` is the index of the next variable.
bool decide_reads_differ(const struct view *view, const struct formula *expr, int root, int depth,
                         const struct value *old, const struct value *new);
bool decide_changes_owners(const struct request *request);
// How many of labels, annotations, owners and finalizers, all of the metadata that is anybody's to change.
enum extent { CONTENT = 2, ALL_BUT_FINALIZERS, ALL_FIELDS };
// Whether an update leaves everything as it is, as far as this much of the metadata goes.
bool decide_keeps(const struct view *view, enum extent extent);

// ---- decide_exempt.c ----

// Whether the control plane passes the lock at this level for what the request does.
bool decide_is_exempt(const struct view *view, const struct lock *lock, enum exemption level);
// By name alone nobody can tell that the object is being deleted already.
bool decide_is_known_terminating(const struct request *request, const struct lock *lock);

#endif
