// Resolved policy in, policies of the API server as data out: which locks share a policy, which share a validation, and
// what of them differs. Emitters print a plan and decide nothing.
#ifndef KLOCK_PLAN_H
#define KLOCK_PLAN_H

#include "policy/policy.h"

struct arena;
struct diags;

// A column of a table: one constant for each lock. When all locks have the same, it is written in place.
enum plan_type { PLAN_STRINGS, PLAN_STRING, PLAN_NUMBER, PLAN_SCALARS };

struct plan_column {
    const char *name; // of the CEL variable, when the constants differ
    enum plan_type type;
    bool uniform, shared;         // with that of the table whose lookup is shared
    const struct value ***values; // values[row][i]; one value in each row unless the type is a list
    size_t *counts;
};

// A message as words, most of which say the same in every row.
enum plan_word_kind {
    WORD_TEXT,  // the text
    WORD_LOCK,  // the name of the lock
    WORD_KEY,   // what the request has of the atom that is `key` among those of the table's key
    WORD_ACTOR, // the only one who may, as "user NAME" or "serviceaccount NAMESPACE/NAME"
};

struct plan_word {
    enum plan_word_kind kind;
    const char *text;
    size_t key;
};

struct plan_message {
    struct plan_word *words;
    size_t count;
};

// Locks of one structure. One validation serves them all: it looks up the locks that may refuse a request by a key, and
// evaluates the structure for each of them with its constants.
struct plan_table {
    const char *name;          // prefix of its CEL variables
    const struct lock **locks; // rows, sorted by name
    const char **rows;         // what the rows are called: the ids of the locks
    size_t row_count;
    struct lock *model; // the structure, with the constants of the first row; its atoms are its own

    // Columns of the structure's constants: atoms[i] of the model reads columns[i].
    const struct formula **atoms;
    struct plan_column *columns;
    size_t atom_count;
    // Columns of what every lock has.
    struct plan_column resources, namespaces, operations, users, groups, glass_users, glass_groups, messages;

    // The message that rows have which are composed; without words, each row has its own.
    struct plan_message message;
    bool *composed, composes_all;

    // With several rows: what the key is made of. The atoms are skipped when the structure is evaluated, as they are
    // known to hold for a lock that was found by them.
    bool key_namespace, key_resource;
    const struct formula **key_atoms;
    size_t key_count;
    const char **keys; // sorted; empty when there is no key: every lock is looked at
    const size_t **key_rows;
    size_t *key_row_counts;
    size_t key_value_count;
    const struct plan_table *shared; // an earlier table whose keys find the same rows, which are called alike; or NULL
};

// One entry of resourceRules.
struct plan_rule {
    const char *group, *version;
    const char **resources; // with subresources, sorted
    size_t resource_count;
    unsigned operations;
    bool namespaced;
};

// A selector of objects; one of parameters takes a binding of its own.
struct plan_selector {
    const char *binding; // its name
    const char *key;     // those with this label; NULL: all
    const char **values; // and with one of these values, sorted; none: any
    size_t value_count;
};

struct plan_policy {
    enum shape shape;
    bool by_params; // the object is looked up as a parameter of this kind, in the request's namespace
    const char *param_version, *param_kind; // "apps/v1", "Deployment"
    struct plan_selector *selectors;        // with by_params: what one of these selects is looked at; sorted by key
    size_t selector_count;
    const struct lock_source *source; // the parameters are the ConfigMaps that are its locks; NULL: they are not
    const char **namespaces;          // of all its locks, so that requests elsewhere are left alone; none: any
    size_t namespace_count;
    struct plan_selector objects; // those that all its locks ask for by a label; without a key: all
    const char *policy;           // of the source
    const char *name;             // of the object
    unsigned mode;
    bool fail_open;
    struct plan_rule *rules, *excluded;
    size_t rule_count, excluded_count;
    bool is_planned_anew;  // some servers plan an expression at each evaluation, so that it costs by its length
    bool avoids_variables; // some servers may end while a policy that has variables is changed
    enum kube_controllers controllers; // of the cluster
    bool is_part;                      // of what no object could hold: others have more locks of the same family
    bool has_subresources;             // the rules take in subresources, so that validations must tell them apart
    struct plan_table *tables;         // sorted by name
    size_t table_count;
    struct span place; // of the lock, when there is one only
    size_t lock_count;
};

// What the names of static manifests end in, for which names leave room.
#define PLAN_STATIC_SUFFIX ".static.k8s.io"

struct plan {
    struct plan_policy *policies; // sorted by name
    size_t count;
};

// Never fails; what is beyond the API server's limits is found when the text is there.
// For servers from 1.`minor` on.
void plan_make(struct arena *arena, const struct policies *policies, unsigned minor, struct plan *ret_plan);

// Whether there are parameters, and the resource that they are.
bool plan_has_params(const struct plan_policy *policy);
const char *plan_param_group(const struct plan_policy *policy);
const char *plan_param_plural(struct arena *arena, const struct plan_policy *policy);

#endif
