// The resolved policy: what locks, grants and accounts mean, as plain data. No syntax, no CEL, no YAML. `decide` reads
// it offline and `plan` turns it into policies; the two are held against each other by the tests.
#ifndef KLOCK_IR_H
#define KLOCK_IR_H

#include <stdbool.h>
#include <stddef.h>

#include "base/span.h"

struct arena;
struct cel_expr;
struct regex;
struct value;

enum operation { OP_CREATE = 1, OP_UPDATE = 2, OP_DELETE = 4, OP_CONNECT = 8 };
enum { OPS_WRITE = OP_CREATE | OP_UPDATE | OP_DELETE, OPS_STORED = OP_UPDATE | OP_DELETE };

// A family of requests in which the objects mean the same. Beside the objects themselves, with the subresources that
// carry the whole object, these are subresources whose requests carry nothing of the object but its name.
enum shape {
    SHAPE_OBJECTS,
    SHAPE_EVICTIONS, // CREATE of pods/eviction: a delete of the pod
    SHAPE_SCALE,     // UPDATE of x/scale: an update of spec.replicas
    SHAPE_CONNECT,   // CONNECT to exec, attach, portforward, proxy
    SHAPE_BINDINGS,  // CREATE of pods/binding
    SHAPE_TOKENS,    // CREATE of serviceaccounts/token
    SHAPE_COUNT,
};

// What is done to an object through such a subresource.
enum act {
    ACT_EVICT = 1,
    ACT_SCALE = 2,
    ACT_EXEC = 4,
    ACT_ATTACH = 8,
    ACT_PORTFORWARD = 16,
    ACT_PROXY = 32,
    ACT_BIND = 64,
    ACT_TOKEN = 128,
};
enum { ACTS_CONNECT = ACT_EXEC | ACT_ATTACH | ACT_PORTFORWARD | ACT_PROXY };

struct ir_act {
    enum act act;
    enum shape shape;
    const char *subresource;
    enum operation operation; // of the request
    enum operation means;     // what it is for the object
};
extern const struct ir_act ir_acts[];
extern const size_t ir_act_count;
// NULL when the subresource is none of them.
const struct ir_act *ir_act_of(const char *subresource);

// ---- formulas ----

// Which state of the object an atom reads. SELF is the state that decides membership: the stored object for UPDATE and
// DELETE, the new one for CREATE; `require` and the label guard read the same formula with SELF being the new object.
enum state { STATE_SELF, STATE_OLD, STATE_NEW };

enum ir_kind {
    IR_TRUE,
    IR_FALSE,
    IR_AND, // operands
    IR_OR,
    IR_NOT,
    IR_LABEL,           // the label `key`
    IR_ANNOTATION,      // the annotation `key`
    IR_NAME,            // the object's own name
    IR_NAMESPACE,       // the request's namespace; "" for cluster-scoped objects
    IR_NAMESPACE_LABEL, // the label `key` of the request's namespace
    IR_FIELD,           // the value at `path` below the object or a variable
    IR_USER,
    IR_UID,
    IR_GROUP,     // values[0] is one of the requester's groups
    IR_MAY,       // the requester passes an authorizer check of the verb `key` on the lock
    IR_EXTRA,     // values[0] is one of the requester's extra values for `key`
    IR_RESOURCE,  // the resource is one of `values`: "pods", "deployments.apps"
    IR_OPERATION, // the operation is one of `operations`
    IR_ANY,       // some element of the list at `path` satisfies operands[0]
    IR_ALL,       // every element does; true when there is no list
    IR_CEL,
    IR_LABEL_KEY, // some label: its key
    IR_ANNOTATION_KEY,
};

// What is asked of the text or value an atom reads. All are false when it is absent.
enum ir_test {
    TEST_EXISTS,
    TEST_IN, // equals one of `values`
    TEST_LT, // compared with values[0]: numbers with numbers, text with text by bytes, anything else is false; labels,
             // annotations and names are compared with a number when they are integers, as selectors do
    TEST_LE,
    TEST_GT,
    TEST_GE,
    TEST_MATCHES,  // text matched by the RE2 pattern values[0]
    TEST_CONTAINS, // text with values[0] in it, or a list with an element equal to it
    TEST_EQ,       // equals the one that it is compared with: the quantity values[0], or what operands[0] reads
};

struct ir_segment {
    const char *key;           // NULL: each element of a list
    const struct regex *regex; // of labels and annotations: the keys that it matches; `key` is what was written
    const char *pattern;       // the same as text
};

struct ir_path {
    int variable; // index of the any/all variable it starts at, counted from the outermost; -1: the object
    const struct ir_segment *segments;
    size_t count;
};

// An atom compares with `values`, or with what the atom operands[0] reads; between two readings TEST_EQ, the orders and
// TEST_CONTAINS may stand. Texts are equal as they are; a text and a field are equal when the field is this text, or a
// whole number or boolean that is written so; two fields as CEL has it. Orders of two readings are those of quantities.
struct ir_expr {
    enum ir_kind kind;
    enum state state;
    enum ir_test test;
    const char *key;
    struct ir_path path;
    const struct value **values; // scalars
    size_t value_count;
    unsigned operations;
    const struct regex *regex;  // TEST_MATCHES
    const struct cel_expr *cel; // IR_CEL
    struct ir_expr **operands;  // of a connective, the body of IR_ANY and IR_ALL, or the other side of an atom
    size_t operand_count;
    bool quantity;    // values[0] is a quantity, and what is read is compared with it as one
    bool is_text;     // IR_FIELD: nothing but text is there, which is tested as that of a label
    bool not_of_node; // IR_LABEL_KEY: but for ir_node_labels, which the API server puts into bindings
    bool frozen; // the label guard reads it in the stored state: a field below `status`, which controllers move, and
                 // what `unless` reads, which is there to be changed
};

// ---- who ----

struct ir_subjects {
    const char **users, **groups; // exact names, sorted, each once
    size_t user_count, group_count;
    struct ir_expr **others; // everything that is not one exact name
    size_t other_count;
    const char **labels; // for messages, in source order: "serviceaccount default/jonny-op"
    size_t label_count;
};

// What a lock lets through of the lines of exemptions.def: those of its own level, and of lower ones.
enum exemption { EXEMPT_ALWAYS, EXEMPT_NONE = EXEMPT_ALWAYS, EXEMPT_LIFECYCLE, EXEMPT_CONTROLLERS };

// ---- what ----

struct resource; // catalog.h

// One resource of a lock or grant, or a family of them.
struct ir_target {
    const char *group;               // NULL: every group
    const char *name;                // plural; NULL: every resource of the group
    const char *version;             // as written; NULL: every version
    const char *subresource;         // NULL: the objects themselves
    const struct resource *resource; // NULL for wildcards
    bool implied;                    // a subresource that the policy does not name
    struct span span;
};

enum ir_where { IN_CLUSTER, IN_NAMESPACES, IN_ANY_NAMESPACE, IN_LABELED_NAMESPACES };

struct ir_scope {
    struct ir_target *targets, *excepts;
    size_t target_count, except_count;
    const char *subresource; // the one that carries the whole object and that the lock is about; NULL: the objects
    enum ir_where where;
    const char **namespaces; // sorted; with IN_ANY_NAMESPACE the system namespaces that are named beside `*`
    size_t namespace_count;
    struct ir_expr *namespace_selector; // with IN_LABELED_NAMESPACES
};

// How a lock reaches requests that carry nothing of the object but its name.
enum cover {
    COVER_NONE,
    COVER_BY_NAME,   // the request's name is all that the selection needs
    COVER_BY_PARAMS, // the API server looks the object up: every such object of the namespace is a parameter
};

enum mode { MODE_DENY = 1, MODE_WARN = 2, MODE_AUDIT = 4 };

// One of the objects that a lock is on.
struct ir_part {
    struct ir_scope scope;
    struct ir_expr *selects;
};

struct ir_lock {
    const char *policy, *name;
    bool keeps_output; // what the policy itself emits is under it
    bool derived;      // added by a guard, a cascade or a sealed actor
    bool implied;      // on the status of custom resources, which the policy locks without naming it
    const char *id;    // unique among the locks of a policy and scope: the name, and for what guards add, which guard
    struct span span;
    struct ir_scope scope;
    unsigned denies;           // operations on the object; 0 with a bare `require`
    unsigned acts;             // what is denied through subresources that carry nothing of it
    struct ir_expr *selects;   // the object clauses
    struct ir_part *parts;     // of a lock on several objects, each by itself; they are joined in scope and selects
    size_t part_count;         // 0 where there is but one
    struct ir_expr *condition; // `when` and not `unless`
    struct ir_expr *requires;  // NULL if none; its SELF is the new object
    bool ratchets;             // what breaks the requirement already is let live: see ir_ratchets
    struct ir_path *paths;     // of `changing` / `except changing`
    size_t path_count;
    bool all_but_paths;
    struct ir_subjects exclusive; // in messages
    struct ir_subjects passes;    // exclusive and exempt actors
    struct ir_subjects glass;     // break-glass actors
    enum exemption exemption;
    bool guard_labels;              // a non-actor's UPDATE may not take an object out of the selection, or of `when`;
                                    // nor may that of an exempt one, but by what it is there to write
    bool guard_label_in;            // nor put somebody else's object into it
    bool guard_owners;              // nor change its owners; and the garbage collector may not delete it
    enum cover covers[SHAPE_COUNT]; // how each shape is reached; the objects themselves always are
    unsigned mode;
    bool fail_open;
    const char *message; // what a refused requester reads, one line
};

// ---- grants ----

struct ir_grant {
    const char *policy, *name;
    const char *role; // what the objects made of it are called
    struct span span;
    struct ir_scope scope;
    const char **names; // resourceNames, sorted
    size_t name_count;
    const char **verbs; // sorted
    size_t verb_count;
    struct ir_rbac_subject {
        enum { RBAC_SERVICE_ACCOUNT, RBAC_USER, RBAC_GROUP } kind;
        const char *namespace, *name; // namespace of service accounts only
    } * subjects;
    size_t subject_count;
};

struct ir_account {
    const char *policy, *namespace, *name;
    struct span span;
};

// Who applies what is written for a policy.
struct ir_deployer {
    const char *policy;
    struct span span;
    struct ir_subjects subjects;
    struct ir_rbac_subject *accounts; // the same, as RBAC names them
    size_t account_count;
};

// ---- tests ----

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
};

struct ir_case {
    struct span span; // of the operation
    size_t step;      // from 1 within its test
    struct request request;
    enum verdict expected;
    const char *by_policy, *by_lock; // the lock that must be among those that refuse; NULL: any
};

struct ir_test_block {
    const char *policy, *title;
    struct span span;
    struct ir_case *cases;
    size_t case_count;
};

struct ir {
    // All sorted: by policy, then by name (accounts by namespace and name, tests by place).
    struct ir_lock **locks;
    struct ir_grant **grants;
    struct ir_account **accounts;
    struct ir_test_block **tests;
    size_t lock_count, grant_count, account_count, test_count;
    struct ir_deployer **deployers; // by policy
    size_t deployer_count;
    const char **sealed; // users that nobody else can become, and groups of accounts
    size_t sealed_count;
};

// The names that wildcards always leave out: leases, events, the review kinds, and policies, for which the API server
// does not evaluate policies.
struct ir_resource_name {
    const char *group, *name;
};
extern const struct ir_resource_name ir_never_locked[];
extern const size_t ir_never_locked_count;
// The namespaces that `namespace *` leaves out unless they are named.
extern const char *const ir_system_namespaces[];
extern const size_t ir_system_namespace_count;

// Subresources whose object is the full parent: on META only metadata can be taken out of a selection, on BODY the
// request is an update of the object like any other.
enum subresource_class { SUBRESOURCE_OTHER, SUBRESOURCE_META, SUBRESOURCE_BODY };
enum subresource_class ir_subresource_class(const char *subresource);

// Whether some target is a family of resources.
bool ir_has_wildcard(const struct ir_scope *scope);

// Whether some part of the formula satisfies the predicate, the other sides of comparisons included: all that a formula
// reads is found so. False for NULL.
bool ir_any(const struct ir_expr *expr, bool (*is)(const struct ir_expr *part));
// What some part of the formula reads, as ir_reads bits.
enum {
    IR_READS_LABELS = 1,
    IR_READS_ANNOTATIONS = 2,
    IR_READS_FIELDS = 4, // below metadata as well
    IR_READS_NAME = 8,   // of the object
    IR_READS_NAMESPACE = 16,
    IR_READS_REQUESTER = 32,
    IR_READS_OPERATION = 64,
    IR_READS_CEL = 128, // whatever it names
    IR_READS_OLD = 256, // something as it was, by that word
    IR_READS_NEW = 512,
};
unsigned ir_reads(const struct ir_expr *expr);
// Whether it is an atom whose other side is read as well.
bool ir_compares_readings(const struct ir_expr *expr);
// Whether the formula asks nothing but labels, and the requester; labels are what templates hand on.
bool ir_is_by_labels(const struct ir_expr *expr);

// Whether written CEL is part of the formula; false for NULL.
bool ir_has_cel(const struct ir_expr *expr);

// Whether the formula reads nothing of the object but its name, so that the request's name is enough.
bool ir_needs_name_only(const struct ir_expr *expr);

// Whether the formula reads no state of the object that an UPDATE could change, so that it can never cease to hold.
bool ir_is_immutable(const struct ir_expr *expr);

// Whether the label or annotation is one of those that the control plane itself writes on objects that are there: what
// is selected by it moves with it. Of the labels and annotations of such resources all are taken from elsewhere.
bool ir_is_controllers_key(const char *key);
bool ir_has_taken_labels(const char *group, const char *resource);
bool ir_has_taken_annotations(const char *group, const char *resource);

// The parts of a requirement, each of which must hold.
size_t ir_part_count(const struct ir_expr *requirement);
const struct ir_expr *ir_part(const struct ir_expr *requirement, size_t index);

// Whether the part is about what objects are. Where the lock ratchets, an update that breaks it is refused only if it
// changes something that the part reads of the object. Other parts are about the request: they compare with the old
// object, or ask only who does what, and are held against every update.
bool ir_ratchets(const struct ir_expr *part);
// Whether the part reads a field that a write to scale changes.
bool ir_reads_replicas(const struct ir_expr *part);
// Whether the lock requires something that a write to scale could break.
bool ir_requires_replicas(const struct ir_lock *lock);

// Whether the label guard looks at the condition as well: it reads what an UPDATE could change, in our own words.
bool ir_guards_condition(const struct ir_lock *lock);

// Whether the lock is about changes of spec.replicas, all that a write to scale changes.
bool ir_sees_replicas(const struct ir_lock *lock);
bool ir_is_replicas_path(const struct ir_path *path); // spec.replicas itself
bool ir_is_metadata_path(const struct ir_path *path); // metadata itself or something below it
// The formula about the labels of a namespace, asked of the Namespace itself. A copy in the arena.
struct ir_expr *ir_of_namespace(struct arena *arena, const struct ir_expr *expr);
// Whether the lock selects by, or looks at changes of, anything but metadata.
bool ir_reads_fields(const struct ir_lock *lock);
// Whether the lock denies changes of metadata, which can be written through subresources such as `status` as well.
bool ir_sees_metadata(const struct ir_lock *lock);

// The number of authorizer checks in the formula.
size_t ir_count_checks(const struct ir_expr *expr);
bool ir_asks_authorizer(const struct ir_lock *lock);

// Whether uses of break-glass are recorded. An annotation that cannot be evaluated refuses the request whatever the
// mode is, so that locks that refuse nobody leave it out when one of their CEL expressions could fail.
bool ir_records_glass(const struct ir_lock *lock);

enum exemption_limit {
    NO_LIMIT,
    ONLY_TERMINATING, // while the namespace is being deleted
    ONLY_OWNERSHIP,   // of updates those that change no more than owner references and finalizers
    ONLY_AS_ITSELF,   // not in the name of the controller manager, which the garbage collector may have as well
};

// One line of exemptions.def: an identity of the control plane, and what of its work nobody keeps from it.
struct ir_exemption {
    enum exemption level;
    const char *user;                      // exact, or a prefix where it ends with a colon
    const char *group;                     // the group that must be there as well; NULL if none
    const char *namespace;                 // NULL: every namespace
    const char *resource_group, *resource; // NULL: every resource
    const char *subresources;              // blank-separated; "" is the main resource, "*" all
    unsigned operations;                   // of the request, so that an eviction is a create
    enum exemption_limit limit;
};
extern const struct ir_exemption ir_exemptions[];
extern const size_t ir_exemption_count;
// Whether the identity is a service account, which may have the controller manager's name instead of its own.
bool ir_is_account(const struct ir_exemption *exemption);
bool ir_is_shared(const struct ir_exemption *exemption);
// Whether something in the namespace can be in the scope.
bool ir_may_be_in(const struct ir_scope *scope, const char *namespace);
// Clusters whose controllers run without credentials of their own know them all by this name.
#define IR_CONTROLLER_MANAGER "system:kube-controller-manager"
#define IR_CONTROLLERS "system:serviceaccount:kube-system:"
// One line of workloads.def.
struct ir_workload {
    const char *group, *api_version, *plural, *kind;
    const char *template_labels; // blank-separated keys
    const char *owns;            // plural[.group], blank-separated
};
extern const struct ir_workload ir_workloads[];
extern const size_t ir_workload_count;
// One line of orders.def: what makes a controller write fields of an object.
struct ir_order {
    enum exemption exemption; // that lets the controller through
    const char *group, *plural;
    const char *told_by, *writes; // paths, blank-separated
};
extern const struct ir_order ir_orders[];
extern const size_t ir_order_count;
extern const char *const ir_node_labels[];
extern const size_t ir_node_label_count;
#define IR_GARBAGE_COLLECTOR "system:serviceaccount:kube-system:generic-garbage-collector"

#endif
