// The resolved policies: what locks, grants and accounts mean, as plain data. No syntax, no CEL, no YAML. `decide`
// reads it offline and `plan` turns it into objects; the two are held against each other by the tests.
#ifndef KLOCK_POLICY_H
#define KLOCK_POLICY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/span.h"
#include "kubernetes/facts.h"
#include "kubernetes/operations.h"
#include "policy/formula.h"
#include "policy/request.h"

// ---- who ----

struct subjects {
    const char **users, **groups; // exact names, sorted, each once
    size_t user_count, group_count;
    struct formula **others; // everything that is not one exact name
    size_t other_count;
    const char **labels; // for messages, in source order: "serviceaccount default/jonny-op"
    size_t label_count;
    const char **computed; // those labels whose name the object gives: "group team-{label team}"
    size_t computed_count;
};

// ---- what ----

struct resource; // catalog.h

// One resource of a lock or grant, or a family of them.
struct target {
    const char *group;               // NULL: every group
    const char *name;                // plural; NULL: every resource of the group
    const char *version;             // as written; NULL: every version
    const char *subresource;         // NULL: the objects themselves
    const struct resource *resource; // NULL for wildcards
    bool implied;                    // a subresource that the policy does not name
    bool outside;                    // a wildcard of what is in no namespace alone
    struct span span;
};

enum where { IN_CLUSTER, IN_NAMESPACES, IN_ANY_NAMESPACE, IN_LABELED_NAMESPACES };

struct object_scope {
    struct target *targets, *excepts;
    size_t target_count, except_count;
    const char *subresource; // the one that carries the whole object and that the lock is about; NULL: the objects
    enum where where;
    const char **namespaces; // sorted; with IN_ANY_NAMESPACE the system namespaces that are named beside `*`
    size_t namespace_count;
    struct formula *namespace_selector; // with IN_LABELED_NAMESPACES
};

// How a lock reaches requests that carry nothing of the object but its name.
enum cover {
    COVER_NONE,
    COVER_BY_NAME,   // the request's name is all that the selection needs
    COVER_BY_PARAMS, // the API server looks the object up: every such object of the namespace is a parameter
};

enum mode { MODE_DENY = 1, MODE_WARN = 2, MODE_AUDIT = 4 };

// Where a lock comes from: it is written, or made from one that is by what origins.def says.
enum origin {
    ORIGIN_WRITTEN,
#define ORIGIN(name, text, refusal, way) ORIGIN_##name,
#include "policy/origins.def"
#undef ORIGIN
    ORIGIN_COUNT,
};
// What such a lock is called behind the name of the written one; NULL where the clause says that.
const char *origin_text(enum origin origin);
// Why it refuses, for whoever is refused; NULL where it speaks as the written lock.
const char *origin_refusal(enum origin origin);
// The way around the written lock that it closes: "deleting the namespace"; NULL for ORIGIN_WRITTEN.
const char *origin_way(enum origin origin);

// What `guard` closes, as a set; see guards.def.
enum guard {
#define GUARD(name, word, when, what) GUARD_##name##_BIT,
#include "policy/guards.def"
#undef GUARD
    GUARD_COUNT,
#define GUARD(name, word, when, what) GUARD_##name = 1 << GUARD_##name##_BIT,
#include "policy/guards.def"
#undef GUARD
};
struct guard_info {
    const char *word;
    enum { GUARDED_ALWAYS, GUARDED_KEEPING, GUARDED_SOURCES, GUARDED_INSIDERS, GUARDED_ASKED } when;
    const char *what;
};
// By its place in guards.def.
const struct guard_info *guard_info(size_t index);
// The guard of that word; 0 where there is none.
unsigned guard_find(const char *word);

// The ConfigMaps that are the lock, each for its own namespace: those with this label. What they say is read as
// lock_source.h has it.
struct lock_source {
    const char *key;
    const char **values; // of the label, sorted; none: any
    size_t value_count;
};

// One of the objects that a lock is on.
struct lock_object {
    struct object_scope scope;
    struct formula *selects;
};

struct lock {
    const char *policy, *name;
    bool keeps_output; // what the policy itself emits is under it
    enum origin origin;
    bool seals_actor; // made for a sealed actor, whose name it has
    bool implied;     // on the status of custom resources, which the policy locks without naming it
    const char *id;   // unique among the locks of a policy and scope: the name, and for what guards add, which guard
    struct span span;
    struct span block; // the whole item
    struct object_scope scope;
    unsigned denies;           // operations on the object; 0 with a bare `require`
    unsigned acts;             // what is denied through subresources that carry nothing of it
    struct formula *selects;   // the object clauses
    struct lock_object *parts; // of a lock on several objects, each by itself; they are joined in scope and selects
    size_t part_count;         // 0 where there is but one
    struct formula *condition; // `when` and not `unless`
    struct formula *requires;  // NULL if none; its SELF is the new object
    bool ratchets;             // what breaks the requirement already is let live: see formula_ratchets
    struct field_path *paths;  // of `changing` / `except changing`
    size_t path_count;
    bool all_but_paths;
    struct subjects exclusive;        // in messages
    struct subjects passes;           // exclusive and exempt actors
    struct subjects break_glass;      // break-glass actors
    const struct lock_source *source; // what is the lock; each by itself refuses, and lets through whom it names; NULL:
                                      // the lock is there without any
    bool keeps_source;                // the objects are such ConfigMaps: whom the stored one names passes
    enum exemption exemption;
    struct formula *names_actors; // that what gives actors their names stays as it is stored, which the label guard
                                  // asks of the new object; NULL where nothing of the object does
    bool insiders;                // of a policy against insiders
    unsigned guards;              // that it has, of guards.def; 0 with `guard none`
    unsigned full;       // of these the ones that were asked for, or are against insiders: they close all that they can
    bool guard_labels;   // a non-actor's UPDATE may not take an object out of the selection, or of `when`;
                         // nor may that of an exempt one, but by what it is there to write
    bool guard_label_in; // nor put somebody else's object into it
    bool guard_owners;   // nor change its owners; and the garbage collector may not delete it
    enum cover covers[SHAPE_COUNT];    // how each shape is reached; the objects themselves always are
    enum kube_controllers controllers; // of the cluster, the same for all
    unsigned mode;
    bool fail_open;
    const char *message; // what a refused requester reads, one line
};

// ---- grants ----

// One thing that somebody who impersonates may say to be. RBAC looks at each by itself.
enum impersonated_kind {
    IMPERSONATED_USER,
    IMPERSONATED_GROUP,
    IMPERSONATED_ACCOUNT,
    IMPERSONATED_NODE, // the user system:node:NAME
    IMPERSONATED_UID,
    IMPERSONATED_EXTRA,
};
struct impersonated {
    enum impersonated_kind kind;
    const char *namespace; // of accounts; else ""
    const char *key;       // of extras; else ""
    const char *name;
};

// The verbs are allowed on the scope, or on the URLs. With somebody to impersonate they are what may be done as them,
// or, where there are no verbs, everything that they may do.
struct grant {
    const char *policy, *name;
    const char *role; // what the objects made of it are called
    struct span span;
    struct object_scope scope;
    const char **names; // resourceNames, sorted
    size_t name_count;
    const char **verbs; // sorted
    size_t verb_count;
    const char **urls; // sorted
    size_t url_count;
    struct impersonated *impersonated; // sorted
    size_t impersonated_count;
    const char **aggregated; // the roles that take these rules in; sorted
    size_t aggregated_count;
    const char *bound;   // the ClusterRole that is there and is bound; NULL: one is made
    const char *binding; // what its bindings are called
    struct rbac_subject {
        enum { RBAC_SERVICE_ACCOUNT, RBAC_USER, RBAC_GROUP } kind;
        const char *namespace, *name; // namespace of service accounts only
    } * subjects;
    size_t subject_count;
};

// Whether its holder may do one of the verbs, which have blanks between them, on its scope: not as somebody else, and
// not by a role whose rules are elsewhere.
bool grant_allows(const struct grant *grant, const char *verbs);

struct account {
    const char *policy, *namespace, *name;
    bool automount; // pods that run as it get its token
    struct span span;
};

// Who applies what is written for a policy.
struct deployer {
    const char *policy;
    struct span span;
    struct subjects subjects;
    struct rbac_subject *accounts; // the same, as RBAC names them
    size_t account_count;
};

// ---- tenants ----

// What the API server asks of pods (Pod Security admission): nothing, or to be at least of this level.
enum { SECURITY_ENFORCE, SECURITY_WARN, SECURITY_AUDIT, SECURITY_MODES };

// Of a namespace of a tenant's, which is made for it. Who its members are, the grant and the locks are the policy's.
struct tenant {
    const char *policy, *name;
    struct span span;
    const char **namespaces; // sorted
    size_t namespace_count;
    const char *members;                  // as its Namespaces say it: lines "group NAME" and "user NAME", sorted
    const char *security[SECURITY_MODES]; // NULL for none
    struct limit {
        const char *what, *amount;
    } * limits; // of each of its namespaces, sorted
    size_t limit_count;
    const char *projects; // where Argo CD looks for what a tenant may deploy; NULL if it is not deployed so
    const char *account;  // in each of the namespaces: what deploys it; NULL for none
};

// Whether one of the lines by which a Namespace says its members is about the user or group.
bool tenant_names(const char *members, bool is_group, const char *name);

// The words for the modes, as they stand in labels.
extern const char *const security_modes[SECURITY_MODES];

// Adds what the tenant's Namespaces have.
void tenant_describe_namespace(struct arena *arena, const struct tenant *tenant, struct value *labels,
                               struct value *annotations);

// ---- webhooks ----

enum webhook_authority {
    AUTHORITY_OF_SYSTEM,        // what the API server's host trusts
    AUTHORITY_BUNDLE,           // `ca`, in base64
    AUTHORITY_FROM_CERTIFICATE, // cert-manager writes it, from the Certificate NS/NAME that `ca` is
    AUTHORITY_FROM_SECRET,      // the same from a Secret
};

// What an API server is to send to a webhook: the object clauses of a lock. Where they are about labels, annotations or
// fields, they hold when they do of the object before or after the change, as selectors of webhooks do.
struct webhook {
    const char *policy, *name;
    bool is_mutating;
    struct span span, block;
    // where it is
    const char *service_namespace, *service, *path; // path is NULL for none
    unsigned port;
    const char *url; // NULL where it is a service
    enum webhook_authority authority;
    const char *ca;
    // for what
    unsigned operations;
    struct object_scope scope; // targets may be in namespaces and outside of them, where `in_cluster` says so
    bool in_cluster;
    const char **kept_out; // namespaces, beside those that the scope does not take in; sorted
    size_t kept_out_count;
    struct formula *labels, *selects; // the clause `labels`, and all other object clauses; NULL for none
    struct formula *condition;        // `when` and not `unless`, of the stored object; NULL for none
    // by whose leave
    const char *account_namespace, *account; // NULL for none
    const char *consent;                     // the annotation; NULL for none
    bool consents_strictly;
    struct subjects consenting; // who may change the annotation, beside the accounts
    // how
    bool fail_open, side_effects, reinvokes; // side effects, but none on dry run
    unsigned timeout;                        // in seconds
};

// The verbs of RBAC of which an account holds one that may do what the request does: "create", "update patch", …
const char *webhook_verbs(enum operation operation);
// The operation of the webhook's that requests for the target can have.
unsigned webhook_operations(const struct webhook *webhook, const struct target *target);
// Whether requests for the target carry labels and annotations of the object.
bool webhook_carries(const struct target *target);
// What of a webhook is asked of objects, as one condition after the other; `either` says whether it may hold of the
// object before or after the change. What is not carried by a request is not asked of it.
struct webhook_condition {
    const char *name;
    const struct formula *formula;
    bool either;
};
size_t webhook_conditions(struct arena *arena, const struct webhook *webhook,
                          struct webhook_condition **ret_conditions);
// Whether the labels are all that the API server's selector takes, and every request carries them.
bool webhook_selects_by_labels(const struct webhook *webhook);
// Whether the formula is asked of requests for the subresource, which is "" for the objects themselves.
bool webhook_asks(const struct formula *formula, const char *subresource);

// ---- all of it ----

struct policies {
    // All sorted: by policy, then by name (accounts by namespace and name, tests by place).
    struct lock **locks;
    struct grant **grants;
    struct account **accounts;
    struct test_block **tests;
    size_t lock_count, grant_count, account_count, test_count;
    struct deployer **deployers; // by policy
    size_t deployer_count;
    const char **insiders; // the policies that are against insiders
    size_t insider_count;
    const char **sealed; // users that nobody else can become, and groups of accounts
    size_t sealed_count;
    struct webhook **webhooks; // by policy; within one in the order of the text
    size_t webhook_count;
    struct tenant **tenants; // by policy and name
    size_t tenant_count;
};

// Whether the policy of that name is against insiders, not only against accidents.
bool policies_are_against_insiders(const struct policies *policies, const char *policy);

// Whether some target is a family of resources.
bool scope_has_wildcard(const struct object_scope *scope);

// Whether something in the namespace can be in the scope.
bool scope_may_be_in(const struct object_scope *scope, const char *namespace);
// Whether the lock requires something that a write to scale could break.
bool lock_requires_replicas(const struct lock *lock);

// Whether the label guard looks at the condition as well: it reads what an UPDATE could change, in our own words.
bool lock_guards_condition(const struct lock *lock);

// Whether it is one of them by name or group, or by what is surely so of it.
struct identity;
bool subjects_have(const struct subjects *subjects, const struct identity *identity);

// Whether the garbage collector, which deletes what has lost its owner whoever took that away, may not delete the
// lock's objects: owners are guarded or nothing is let through, and no condition or actor leaves it out. The arena is
// for what is thrown away.
bool lock_stops_collector(struct arena *arena, const struct lock *lock);

// Whether the lock is about changes of spec.replicas, all that a write to scale changes.
bool lock_sees_replicas(const struct lock *lock);
// Whether the lock selects by, or looks at changes of, anything but metadata.
bool lock_reads_fields(const struct lock *lock);
// Whether the lock denies changes of metadata, which can be written through subresources such as `status` as well.
bool lock_sees_metadata(const struct lock *lock);

// Which part of the lock of that name it is: "guard namespace", "subresource status"; "" for the lock itself.
const char *lock_part(struct arena *arena, const struct lock *lock);

// Whether it keeps what objects consent to.
bool lock_is_of_consent(const struct lock *lock);
// Whether `changing` narrows creates as well: guards look at all that is made.
bool lock_narrows_creates(const struct lock *lock);

// Whether tenants pass it, each in its own namespaces.
bool lock_passes_tenants(const struct lock *lock);

bool lock_asks_authorizer(const struct lock *lock);

// Whether uses of break-glass are recorded. An annotation that cannot be evaluated refuses the request whatever the
// mode is, so that locks that refuse nobody leave it out when one of their CEL expressions could fail.
bool lock_records_glass(const struct lock *lock);

#endif
