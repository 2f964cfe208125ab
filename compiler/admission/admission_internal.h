// What the parts of this room share: policies as they were read, and a request as the API server has it.
#ifndef KLOCK_ADMISSION_INTERNAL_H
#define KLOCK_ADMISSION_INTERNAL_H

#include "admission/admission.h"
#include "cel/cel.h"
#include "data/value.h"

// ---- objects ----

// Fields that are lists are values of lists of strings, or NULL.
struct admission_rule {
    const struct value *groups, *versions, *operations, *resources, *names;
    const char *scope;
};

struct admission_match {
    const struct value *namespace_selector, *object_selector; // NULL: everything
    struct admission_rule *rules, *excluded;
    size_t rule_count, excluded_count;
    bool is_exact; // of versions
};

struct admission_expression {
    const char *key; // of a match condition or audit annotation
    const char *text;
    const struct cel_expr *expr;
};

struct admission_validation {
    struct admission_expression condition;
    const struct cel_expr *message_expression; // NULL if none
    const char *message;                       // "" if none
    const char *reason;
};

struct admission_policy {
    const char *name;
    bool fail_open, has_params;
    const char *param_group, *param_version, *param_kind;
    struct admission_match match;
    struct cel_declarations declarations;
    struct admission_expression *conditions, *annotations;
    size_t condition_count, annotation_count;
    struct admission_validation *validations;
    size_t validation_count;
};

struct admission_binding {
    const char *name, *policy_name;
    const struct admission_policy *policy;
    bool has_match;
    struct admission_match match;
    const struct value *param_ref; // NULL if none
    bool denies, warns, audits;
};

struct admission_webhook {
    const char *name;
    bool is_mutating, fail_open;
    struct admission_match match;
    struct admission_expression *conditions;
    size_t condition_count;
};

struct admission_grant {
    const char *verb, *name; // of a lock
};

// A version that some policy names of a resource.
struct admission_version {
    const char *group, *resource, *version;
};

struct admission {
    struct admission_policy *policies;  // sorted by name
    struct admission_binding *bindings; // by policy and name
    size_t policy_count, binding_count;
    struct admission_webhook *webhooks; // mutating ones first
    size_t webhook_count;
    const struct value **others;
    size_t other_count;
    struct admission_grant *grants;
    size_t grant_count;
    bool has_roles; // for authorizer checks on locks
    struct admission_version *versions;
    size_t version_count;
};

// ---- admission_read.c ----

// One object, which is not held against others: a binding may come without its policy.
struct admission *admission_read_alone(struct arena *arena, const struct value *object, unsigned minor,
                                       const char **ret_error);

// ---- admission_attributes.c: a request as the API server hands it to its plugins ----

struct admission_kind {
    const char *group, *version, *kind;
};

struct admission_attributes {
    const struct request *request;
    const char *operation;
    struct admission_kind kind;   // of the objects in the request
    const char *namespace, *name; // of a Namespace, the namespace is itself
    const struct value *object, *old_object;
    const struct value *namespace_object; // as it is stored, NULL outside of namespaces
    const struct value *stored, *beside;  // objects that are there
    const struct value *namespace_labels; // that selectors of namespaces see; a server keeps its name among them
};

// In which of the forms that a server gives the request's objects a policy sees them: it converts from one to another.
struct admission_form {
    const char *group, *version;
};

void admission_complete(struct arena *arena, const struct admission_question *question,
                        struct admission_attributes *ret_attributes);
// The objects of the request's resource in that form.
struct admission_kind admission_kind_of(const struct request *request, const struct admission_form *form);
bool admission_is_namespace(const struct request *request);
// A partial object with its identity.
struct value *admission_identified(struct arena *arena, const struct value *partial, const struct admission_kind *kind,
                                   const char *namespace, const char *name);
// The object in another version.
const struct value *admission_converted(struct arena *arena, const struct value *object,
                                        const struct admission_kind *kind);
const char *admission_api_version(struct arena *arena, const struct admission_kind *kind);
// `request` of expressions, for rules that match the resource in that form.
struct value *admission_request_value(struct arena *arena, const struct admission_attributes *attributes,
                                      const struct admission_form *form, const struct admission_kind *kind);

// ---- admission_match.c ----

// Gives the form in which the rules match, which is the request's where they have it.
bool admission_matches(const struct admission *admission, const struct admission_match *match,
                       const struct admission_attributes *attributes, struct admission_form *ret_form);
bool admission_selects(const struct value *selector, const struct value *labels);

// ---- admission_webhook.c ----

// Whether rules and selectors send the request to the webhook; gives the form in which they match.
bool admission_calls(const struct admission *admission, const struct admission_webhook *webhook,
                     const struct admission_attributes *attributes, struct admission_form *ret_form);
// Whether the roles of the manifest let the service account do what is asked.
bool admission_account_may(struct arena *arena, const struct admission *admission,
                           const struct cel_access_review *asked);

// ---- admission_params.c ----

// The parameters of a binding; one NULL where it has none. False with the reason when the binding is at fault.
bool admission_params(struct arena *arena, const struct admission *admission, const struct admission_binding *binding,
                      const struct admission_attributes *attributes, const struct value ***ret_params,
                      size_t *ret_count, const char **ret_error);

#endif
