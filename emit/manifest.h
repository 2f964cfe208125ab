// The objects of the output, as values, in the order in which they should be applied. What every object carries
// (names, labels, source) is put in here.
#ifndef KLOCK_MANIFEST_H
#define KLOCK_MANIFEST_H

#include <stdbool.h>
#include <stddef.h>

#include "base/span.h"

struct arena;
struct diags;
struct policies;
struct plan;
struct plan_policy;
struct text;
struct value;

// In the order of application.
enum manifest_kind {
    MANIFEST_NAMESPACE,
    MANIFEST_QUOTA,
    MANIFEST_SERVICE_ACCOUNT,
    MANIFEST_CLUSTER_ROLE,
    MANIFEST_CLUSTER_ROLE_BINDING,
    MANIFEST_ROLE,
    MANIFEST_ROLE_BINDING,
    MANIFEST_POLICY,
    MANIFEST_BINDING,
    MANIFEST_MUTATING_WEBHOOKS,
    MANIFEST_VALIDATING_WEBHOOKS,
    MANIFEST_PROJECT, // of Argo CD
    MANIFEST_KINDS,
};

struct manifest_object {
    enum manifest_kind kind;
    const char *policy;           // of the source
    const char *namespace, *name; // namespace is "" for cluster-scoped objects
    struct value *value;
    struct span span; // where the object comes from, for problems with it
    size_t bytes;     // of its texts; manifest_sort knows
};

struct manifest {
    struct arena *arena;
    struct diags *diags;
    // Gives "file#item" of a place; set by the caller, who knows the sources.
    const char *(*locate)(void *context, struct span span);
    void *context;
    bool sync_waves; // of Argo CD, on policies and bindings
    struct manifest_object *objects;
    size_t count;
};

const char *manifest_kind_name(enum manifest_kind kind);
// The kind in the API group that it is written for, whatever the version; false when it is none of ours.
bool manifest_find_kind(const char *api_version, const char *kind, enum manifest_kind *ret_kind);
// Adds an object with its metadata and gives it, so that the caller adds the rest. The span may be SPAN_NOWHERE when
// several places stand behind the object.
struct value *manifest_add(struct manifest *manifest, enum manifest_kind kind, const char *policy,
                           const char *namespace, const char *name, struct span span);
// The text is not copied.
void manifest_annotate(struct arena *arena, struct value *object, const char *key, const char *text);
// The bytes of the texts of a value, without what YAML or JSON add.
size_t manifest_bytes(const struct value *value);
// Sorts by kind, namespace and name; reports objects that the API server could not store.
void manifest_sort(struct manifest *manifest);
// Reports what is there twice where an API server, or a reader of YAML, would go on with one of them: objects, keys of
// maps, variables, match conditions and audit annotations of a policy. Names are made so that it finds nothing; if it
// does, klockc is at fault, and nothing is written. To be called when all is sorted.
void manifest_verify(struct manifest *manifest);

// objects.c: all of them, sorted and verified.
void objects_emit(struct manifest *manifest, const struct policies *policies, const struct plan *plan, bool is_static);
// vap.c: policies and bindings; reports expressions beyond the API server's limits. The suffix is appended
// to every name.
void vap_emit(struct manifest *manifest, const struct plan *plan, const char *name_suffix);
// webhook.c: for each policy of the source a configuration of mutating and one of validating webhooks.
void webhooks_emit(struct manifest *manifest, const struct policies *policies);
// anchors.c: policies that do nothing, one for each kind of parameters that the plan has; NULL for every built-in kind
// that can be one.
void anchors_emit(struct manifest *manifest, const struct plan *plan);
// tenant.c: the namespaces of tenants, what is limited there, and what Argo CD may deploy to them.
void tenants_emit(struct manifest *manifest, const struct policies *policies);
// rbac.c: accounts, roles and role bindings.
void rbac_emit(struct manifest *manifest, const struct policies *policies);
// For whoever applies a policy, a role that is enough for the objects there are: called after all others.
void rbac_emit_deployers(struct manifest *manifest, const struct policies *policies, const struct plan *plan);

// manifest_print.c
// Appends all objects as one text: "yaml" (a stream) or "json" (a List); false for another format.
bool manifest_print(struct text *text, const struct manifest *manifest, const char *format);
// The name for a file of the object's own: no two objects have the same.
const char *manifest_file_name(struct arena *arena, const struct manifest_object *object);

#endif
