// What the parts of this room share: roles, bindings, whom these are about, and what a rule lets them do.
#ifndef KLOCK_RBAC_INTERNAL_H
#define KLOCK_RBAC_INTERNAL_H

#include <stdint.h>

#include "base/map.h"
#include "base/span.h"
#include "base/texts.h"
#include "data/yamlio.h"
#include "rbac/rbac.h"

struct lock;
struct value;

// What somebody may do that matters for locks, as bits; see rbac_powers.def.
enum power_bit {
#define POWER(name, scope, verbs, group, resources, text) POWER_##name##_BIT,
#include "rbac/rbac_powers.def"
#undef POWER
    POWER_COUNT
};
typedef uint32_t powers;
#define POWER_OF(name) ((powers)1 << POWER_##name##_BIT)

// Where a value was read; its span is worked out when somebody asks.
struct written {
    struct origin_document *document; // NULL: it is built in
    const struct value *value;
};

struct role;

struct rule {
    struct texts verbs, groups, resources, names, urls;
    struct written at;
    const struct role *role; // where it is written
    const char *text;        // the same for rules that are the same
    bool is_usual;           // every API server gives this role that rule
    bool is_wildcard;        // everything of a group, or every verb, but not everything
    powers powers;
};

struct role {
    const char *namespace, *name; // namespace "" of a ClusterRole
    struct written at;            // its name
    struct rule *own;
    size_t own_count;
    const struct value *labels, *aggregation; // NULL if there are none
    // With those that it aggregates:
    const struct rule **rules;
    size_t rule_count;
    powers powers;
    enum { ROLE_OPEN, ROLE_BUSY, ROLE_DONE } state;
};

// A user, service accounts among them, or a group.
struct subject {
    bool is_group;
    const char *name;    // of the user or group
    const char *label;   // for people
    const char *account; // the namespace of a service account; NULL for others
    powers powers;       // held everywhere, by whatever bindings and groups
    bool holds_everything;
    powers everywhere; // and by its groups; once `is_summed`
    bool is_summed;
};

struct bound {
    struct subject *subject;
    bool is_usual; // every API server binds it so
};

struct binding {
    const char *namespace, *name; // namespace "" of a ClusterRoleBinding
    struct written at;            // its name
    const char *role_name;
    bool of_cluster_role;
    const struct role *role; // NULL where there is none of that name
    struct bound *subjects;
    size_t subject_count;
};

struct rbac {
    struct arena *arena;
    struct map roles;      // NAMESPACE/NAME → struct role
    struct role **ordered; // in order of place, built-in ones last
    size_t role_count;
    struct binding **bindings;
    size_t binding_count;
    struct map known_bindings; // the same, by NAMESPACE/NAME
    struct map rules;          // the first one of each text
    struct map subjects;       // by is_group and name
    struct map held;           // NAMESPACE/subject → powers that it holds there alone
};

// ---- rbac_read.c ----

void rbac_read_inputs(const struct rbac_audit *audit, struct rbac *rbac);
// span_none() of what is built in.
struct span rbac_span(const struct rbac *rbac, const struct written *written);
struct subject *rbac_subject(struct rbac *rbac, bool is_group, const char *name);

// ---- rbac_resolve.c ----

// Completes roles and bindings: those that are built in, aggregation, what is usual.
void rbac_resolve(struct rbac *rbac);
// Of a role that rules are read of.
void rbac_finish_rule(struct rbac *rbac, struct rule *rule);
// The powers that the subject holds in the namespace, or everywhere for "", by all of its bindings and groups.
powers rbac_held(const struct rbac *rbac, struct subject *subject, const char *namespace);
bool rbac_rule_allows(const struct rule *rule, const struct rbac_request *request);

// ---- rbac_powers.c ----

powers rbac_powers_of(const struct rule *rule);
// Whether the power is one over what is in no namespace, which no RoleBinding gives.
bool rbac_power_is_of_cluster(enum power_bit bit);
// Which powers they are, for people.
const char *rbac_powers_text(struct arena *arena, powers which);
// Whether the rule holds the power over an object of that name.
bool rbac_names(const struct rule *rule, const char *name);
bool rbac_is_everything(const struct rule *rule);

// ---- rbac_report.c ----

// The same binding gives these subjects something by this rule.
struct finding {
    enum diag_code code;
    const struct binding *binding;
    const struct rule *rule;
    struct subject **subjects;
    size_t subject_count;
    const char *what;   // "may impersonate any user"
    const char *remedy; // what to do instead of accepting it
};
// `accept CODE of clusterrolebinding NAME`.
struct rbac_acceptance {
    const struct diag_info *info;
    const char *namespace, *name; // namespace "" of a ClusterRoleBinding; name NULL: of every binding
    const char *reason;           // NULL if none was given
    struct span span;             // of the code
    bool is_used;
};

struct reporting {
    const struct rbac_audit *audit;
    struct rbac *rbac;
    struct rbac_acceptance *acceptances;
    size_t acceptance_count;
};
void rbac_report(struct reporting *reporting, const struct finding *finding);
// "group dev, user bob and 3 more".
const char *rbac_list(struct arena *arena, const char *const *items, size_t count);

// ---- rbac_general.c and rbac_policy.c ----

// Calls with the subjects of the binding that it gives more than every API server does, and with those rules. There are
// at most two: subjects that are not usual with all rules, and those that are with the others.
struct share {
    const struct binding *binding;
    struct subject **subjects;
    size_t subject_count;
    const struct rule **rules;
    size_t rule_count;
    powers powers;
};
size_t rbac_shares(const struct rbac *rbac, const struct binding *binding, struct share ret_shares[2]);

// Whether somebody applies one of the policies, and has from it what that takes.
bool rbac_is_deployer(const struct policies *policies, const struct subject *subject);

void rbac_check_general(struct reporting *reporting);
void rbac_check_policies(struct reporting *reporting);

#endif
