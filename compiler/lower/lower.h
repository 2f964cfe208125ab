// Trees of all files in, resolved policy out: names, sugar and defaults are gone. Reports everything that makes a
// declaration meaningless; what is merely unwise is the business of check.
#ifndef KLOCK_LOWER_H
#define KLOCK_LOWER_H

#include "front/ast.h"
#include "front/scope.h"
#include "policy/policy.h"

struct arena;
struct catalog;
struct diags;
struct definitions;
struct resource;
struct sources;
struct yaml_keys;
struct yaml_stream;

// A lock whose guards become locks of their own once everything is known that they may refer to.
struct guarded {
    struct unit *unit;
    const struct ast_item *item;
    const struct object_meaning **parts; // what it is on
    size_t part_count;
    struct lock **locks; // what became of it
    size_t lock_count;
    bool none; // it says `guard none`
};

struct lowering {
    struct arena *arena;
    struct diags *diags;
    const struct sources *sources;
    struct catalog *catalog;
    struct scope scope;
    struct policies *policies;
    const char *date; // of --at; NULL if none
    unsigned minor;   // the oldest server, 30 for 1.30
    enum kube_controllers controllers;
    bool is_static; // no parameters: what needs them stays open, with a warning
    struct guarded **guarded;
    size_t guarded_count;
    struct map rules;        // of lower_seal.c: formulas about rules of roles
    size_t derived_actors;   // of the locks that guards and sealed actors added
    struct map deployers;    // policy → struct deployer *
    struct map roles;        // those behind `may`: POLICY/LOCK/VERB → struct grant *
    struct map outputs;      // the policies for which RBAC is written
    struct map tenants;      // namespace → struct tenant *
    struct map tenant_tools; // namespace → the name of what deploys some tenant from there
    struct map projects;     // of Argo CD, "NAMESPACE/NAME" → struct tenant *
    struct set wrong_grants; // "policy/name" of those that have errors
    struct map granted;      // lower_seal.c: policy and who → struct grants *
    size_t inactive;         // locks that are left out because of their dates
    unsigned nested_actors;  // being worked out, each for the one before
    // Reads the YAML of a test's object: NULL and the reason when it is not one document of plain data.
    struct value *(*read_yaml)(struct arena *arena, const char *text, size_t len, const char **ret_error);
    // Reads the documents of a file of definitions.
    void (*read_definitions)(struct arena *arena, const char *bytes, size_t len, const struct yaml_keys *keys,
                             struct yaml_stream *ret_stream);
    const struct authority_file *authority_files; // what `ca file` names
    size_t authority_file_count;
    const struct definitions *definitions; // what `resources from` names
    size_t definition_count;
};

// Fills lowering->policies, which is usable only when no error was reported.
void lower(struct lowering *lowering, struct unit **units, size_t unit_count);

// Declares a resource where nothing else is declared under its name; reports what is, and differs.
void lower_declare(struct lowering *lowering, const struct resource *resource);

// ---- the parts, one file each ----

// lower_definition.c
// Declares what the CustomResourceDefinitions in files define.
void lower_definitions(struct lowering *lowering);

// lower_expr.c
extern const char lower_label_key_rule[];
struct expr_context {
    struct unit *unit;
    bool namespace_labels; // `labels` are those of the namespace
    const struct expr_context *outer;
    const char *variable; // bound by any/all in this context; NULL at the outermost
    bool requires;        // of `require`: what is compared with something old holds where there is nothing old
    bool negated;         // below an odd number of `not`
    bool of_webhooks;     // the variable is an element of `webhooks`
};
// lower_hooks.c: what is asked of a webhook that `any webhooks` or `all webhooks` binds.
struct formula *lower_webhook_question(struct lowering *lowering, const struct expr_context *context,
                                       const struct ast_expr *expr);
// That every webhook of a configuration is no wider than the one of its name was before the change.
struct formula *lower_narrows(struct lowering *lowering, struct span span);
struct formula *lower_expr(struct lowering *lowering, const struct expr_context *context, const struct ast_expr *expr);
struct field_path lower_path(struct lowering *lowering, const struct expr_context *context,
                             const struct ast_path *path);
// A word as a field's value: unquoted numbers and booleans are typed, everything else is text.
const struct value *lower_value(struct lowering *lowering, struct word word);

// lower_subject.c
// Adds who they are to the subjects that are there.
void lower_add_subjects(struct arena *arena, struct subjects *subjects, const struct subjects *added);
struct formula *lower_actor_formula(struct lowering *lowering, struct unit *unit, struct word name);
void lower_subjects(struct lowering *lowering, struct unit *unit, const struct ast_subjects *subjects,
                    struct subjects *ret_subjects);
// Whether a user, group or uid can be called so; false after reporting.
bool lower_check_identity(struct lowering *lowering, struct word word, const char *what);
void lower_actor(struct lowering *lowering, struct unit *unit, const struct ast_item *item);
// Splits NS/NAME; false after reporting.
bool lower_service_account(struct lowering *lowering, struct word word, const char **ret_namespace,
                           const char **ret_name);

// lower_impersonate.c
// Adds whom the holder may impersonate; constrained: the grant allows some requests only.
void lower_impersonation(struct lowering *lowering, struct unit *unit, const struct ast_clause *clause,
                         struct grant *grant, bool constrained);

// lower_computed.c: names of subjects that the request and the object give
// What a name is put together from, as FORMULA_JOIN: texts, and what stands in `{…}` of a quoted word. NULL after
// reporting.
struct formula *lower_join(struct lowering *lowering, struct word word);
// The text that it is where nothing in it is read; else NULL.
const char *lower_join_text(const struct formula *join);
// The requester's user, group or service account has this name. NULL for no account's name, after reporting.
struct formula *lower_computed(struct lowering *lowering, enum formula_kind kind, struct formula *join);
struct formula *lower_computed_account(struct lowering *lowering, struct word word, const struct formula *join);
// Reports subjects whose names are computed where no object is at hand; whether there are any.
bool lower_refuse_computed(struct lowering *lowering, const struct subjects *subjects, struct span span,
                           const char *message);
// That what gives the lock's actors their names stays as it is stored; NULL where nothing of the object does.
struct formula *lower_names_actors(struct arena *arena, const struct lock *lock);
// What an object is to the one that subjects were written for.
enum object_relation {
    SAME_OBJECT,
    OWNED_OBJECT,  // it has the same labels
    OBJECT_BESIDE, // it is in the same namespace
    ITS_NAMESPACE,
    OTHER_OBJECT,
};
// The subjects for such an object. Those whose names it cannot tell are left out.
struct subjects lower_subjects_of(struct arena *arena, const struct subjects *from, enum object_relation relation);

// lower_object.c: the object clauses of one block
struct object_meaning {
    struct object_scope scope;
    bool has_scope;          // `resources` was said
    struct formula *selects; // FORMULA_TRUE when nothing narrows
    bool narrowed, all_objects;
    const struct ast_clause *all_clause;
    const char **names; // of `name`, for grants
    size_t name_count;
    const struct ast_clause *name_clause, *labels_clause;
    struct formula *by_labels, *by_others; // selects, as `labels` says and as the other clauses do; NULL for none
    struct object_scope whole;             // before it was divided
    bool failed;                           // something was reported; the rest may be missing
    bool of_namespaces;          // it is the Namespace objects of a block that is about what is in them as well
    struct object_meaning *next; // of the same block: the objects of another scope; NULL if there are none
};
void lower_object_clauses(struct lowering *lowering, struct unit *unit, const struct ast_item *item,
                          struct object_meaning *ret_meaning);
// The same on no resources yet.
struct object_meaning *lower_without_targets(struct arena *arena, const struct object_meaning *meaning);
// The meaning of a declared object, worked out once; NULL after reporting.
const struct object_meaning *lower_object(struct lowering *lowering, struct unit *unit, struct word name);
// The clause of that kind; later ones of the same kind are reported by lower_check_repeated.
const struct ast_clause *lower_find_clause(const struct ast_item *item, enum ast_clause_kind kind);
void lower_check_repeated(struct lowering *lowering, const struct ast_item *item);
const struct resource *lower_resource(struct lowering *lowering, struct word word, const char **ret_version);
// RESOURCE[/VERSION][/SUBRESOURCE]; the subresource is NULL where none is written.
const struct resource *lower_resource_part(struct lowering *lowering, struct word word, const char **ret_version,
                                           const char **ret_subresource);
// Whether it is a resource that the API server does not have of its own; a wildcard is none.
bool lower_is_custom(const struct target *target);

// lower_name.c
// What tells a lock from all others of its policy and scope: its name, and for what is made of it, which part of it
// that is; NULL for none. A lock may be called anything, parts have no parenthesis.
const char *lower_id(struct arena *arena, const char *name, const char *part);
// Whether an object of some kind can have the name; false after reporting. In a grant, nothing selects by a pattern.
bool lower_check_name(struct lowering *lowering, struct word word, bool for_grant);
// Whether a namespace can have the name; false after reporting.
bool lower_check_namespace(struct lowering *lowering, struct word word);
// Fills where and namespaces of the scope from a `namespace` clause. The item may be NULL where it is no webhook.
void lower_add_namespaces(struct lowering *lowering, const struct ast_item *item, const struct ast_clause *clause,
                          struct object_meaning *meaning);
// Reports the names in the item's clauses that no object of these resources can have.
void lower_check_names(struct lowering *lowering, const struct ast_item *item, const struct object_scope *scope);

// lower_lock.c
void lower_lock(struct lowering *lowering, struct unit *unit, const struct ast_item *item);
// lower_source.c
// The ConfigMaps that are the lock, which from then on select the objects as well; NULL where it is one by itself, and
// after reporting.
const struct lock_source *lower_source(struct lowering *lowering, struct unit *unit, const struct ast_item *item,
                                       const struct object_meaning **objects, size_t count);
// lower_deny.c
// Reports words that are no operations.
void lower_check_operations(struct lowering *lowering, const struct ast_clause *deny);
// Adds what is denied on the resources of one part of the lock, which are all of them objects or all one subresource.
// Without a clause, which is NULL, that is update and delete.
void lower_deny(struct lowering *lowering, const struct ast_clause *deny, const struct object_scope *scope,
                struct lock *lock);
// The acts that requests for these resources can be.
unsigned lower_acts_in(const struct object_scope *scope);
// lower_message.c
// Writes what a refused requester reads. The item is the lock or the actor; NULL for neither.
void lower_message(struct lowering *lowering, const struct ast_item *item, struct lock *lock);
// Chooses how the lock reaches the requests that carry nothing of the object but its name.
void lower_cover(struct lowering *lowering, const struct ast_item *item, struct lock *lock);
// lower_guard.c: the locks that guards, cascades, sealed actors and static targets add.
void lower_guards(struct lowering *lowering, struct unit **units, size_t unit_count);
// lower_grant.c
void lower_grant(struct lowering *lowering, struct unit *unit, const struct ast_item *item);
// Adds those behind `to` of the item, sorted; reports subjects that RBAC cannot name.
void lower_rbac_subjects(struct lowering *lowering, struct unit *unit, const struct ast_item *item,
                         struct grant *grant);
// lower_webhook.c
void lower_webhook(struct lowering *lowering, struct unit *unit, const struct ast_item *item);
// What webhooks are held against when everything is known: grants, and who may give consent.
void lower_webhooks(struct lowering *lowering);
// lower_tenant.c
// Notes from where the tenant is deployed, before any tenant is lowered.
void lower_tenant_tools(struct lowering *lowering, const struct ast_item *item);
void lower_tenant(struct lowering *lowering, struct unit *unit, const struct ast_item *item);
void lower_test(struct lowering *lowering, struct unit *unit, const struct ast_item *item); // lower_test.c
// Whether a syntax error lies in the item: what is missing from it may be what could not be read.
bool lower_is_damaged(const struct lowering *lowering, const struct ast_item *item);
void lower_not_supported(struct lowering *lowering, struct span span, const char *what); // lower.c

#endif
