// What all emitted objects have in common; see manifest.h.
#include "emit/manifest.h"
#include "base/names.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/limits.h"
#include "base/map.h"
#include "data/value.h"
#include "report/diag.h"

static const struct {
    const char *api_version, *kind;
} kinds[] = {
    [MANIFEST_NAMESPACE] = {"v1", "Namespace"},
    [MANIFEST_QUOTA] = {"v1", "ResourceQuota"},
    [MANIFEST_SERVICE_ACCOUNT] = {"v1", "ServiceAccount"},
    [MANIFEST_CLUSTER_ROLE] = {"rbac.authorization.k8s.io/v1", "ClusterRole"},
    [MANIFEST_CLUSTER_ROLE_BINDING] = {"rbac.authorization.k8s.io/v1", "ClusterRoleBinding"},
    [MANIFEST_ROLE] = {"rbac.authorization.k8s.io/v1", "Role"},
    [MANIFEST_ROLE_BINDING] = {"rbac.authorization.k8s.io/v1", "RoleBinding"},
    [MANIFEST_POLICY] = {"admissionregistration.k8s.io/v1", "ValidatingAdmissionPolicy"},
    [MANIFEST_BINDING] = {"admissionregistration.k8s.io/v1", "ValidatingAdmissionPolicyBinding"},
    [MANIFEST_MUTATING_WEBHOOKS] = {"admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration"},
    [MANIFEST_VALIDATING_WEBHOOKS] = {"admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration"},
    [MANIFEST_PROJECT] = {"argoproj.io/v1alpha1", "AppProject"},
};

const char *manifest_kind_name(enum manifest_kind kind) {
    return kinds[kind].kind;
}

static bool is_same_group(const char *api_version, const char *other) {
    const char *slash = strchr(api_version, '/'), *other_slash = strchr(other, '/');
    const size_t len = slash ? (size_t)(slash - api_version) : 0;
    return len == (other_slash ? (size_t)(other_slash - other) : 0) && strncmp(api_version, other, len) == 0;
}

bool manifest_find_kind(const char *api_version, const char *kind, enum manifest_kind *ret_kind) {
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (strcmp(kinds[i].kind, kind) != 0) continue;
        *ret_kind = (enum manifest_kind)i;
        return is_same_group(api_version, kinds[i].api_version);
    }
    return false;
}

struct value *manifest_add(struct manifest *manifest, enum manifest_kind kind, const char *policy,
                           const char *namespace, const char *name, struct span span) {
    struct arena *arena = manifest->arena;
    struct value *object = value_map(arena), *metadata = value_map(arena), *labels = value_map(arena);
    value_set_string(arena, object, "apiVersion", kinds[kind].api_version);
    value_set_string(arena, object, "kind", kinds[kind].kind);
    value_set_string(arena, metadata, "name", name);
    if (*namespace) value_set_string(arena, metadata, "namespace", namespace);
    value_set_string(arena, labels, "app.kubernetes.io/managed-by", "klockc");
    value_set_string(arena, labels, "klock.dev/policy", names_of_label(arena, policy));
    value_set(arena, metadata, "labels", labels);
    value_set(arena, object, "metadata", metadata);
    if (span.file != SPAN_NOWHERE)
        manifest_annotate(arena, object, "klock.dev/source", manifest->locate(manifest->context, span));
    // Below 0, where everything else is: applied before it, and removed after it. Accounts and roles stay there: the
    // namespace that they are in may be applied with them.
    if (manifest->sync_waves && kind == MANIFEST_POLICY)
        manifest_annotate(arena, object, "argocd.argoproj.io/sync-wave", "-2");
    if (manifest->sync_waves && kind == MANIFEST_BINDING)
        manifest_annotate(arena, object, "argocd.argoproj.io/sync-wave", "-1");
    const struct manifest_object added = {kind, policy, namespace, name, object, span, 0};
    ARENA_PUSH(arena, manifest->objects, manifest->count, added);
    return object;
}

void manifest_annotate(struct arena *arena, struct value *object, const char *key, const char *text) {
    struct value *metadata = value_get(object, "metadata"), *annotations = value_get(metadata, "annotations");
    if (!annotations) value_set(arena, metadata, "annotations", annotations = value_map(arena));
    value_set_string(arena, annotations, key, text);
}

static int compare_objects(const void *a, const void *b) {
    const struct manifest_object *x = a, *y = b;
    if (x->kind != y->kind) return x->kind < y->kind ? -1 : 1;
    const int order = strcmp(x->namespace, y->namespace);
    return order ? order : strcmp(x->name, y->name);
}

// Of what replaces variables in manifests: "${x}" becomes its value, and "$$" a "$".
static bool has_variable(const struct value *value) {
    if (value->kind == VALUE_STRING) return strstr(value->as.string, "${") || strstr(value->as.string, "$$");
    bool has = false;
    for (size_t i = 0; i < value->count && value->kind == VALUE_LIST; i++) has |= has_variable(value->as.items[i]);
    for (size_t i = 0; i < value->count && value->kind == VALUE_MAP; i++)
        has |= has_variable(value->as.entries[i].value);
    return has;
}

// Expressions and summaries are written so that nothing in them looks like a variable. Names of users and groups are
// what they are: with a value in its place, a role would be bound to somebody else.
static void keep_from_substitution(struct manifest *manifest, struct manifest_object *object) {
    if (has_variable(object->value))
        manifest_annotate(manifest->arena, object->value, "kustomize.toolkit.fluxcd.io/substitute", "disabled");
}

size_t manifest_bytes(const struct value *value) {
    size_t bytes = 0;
    if (value->kind == VALUE_STRING) bytes += strlen(value->as.string);
    for (size_t i = 0; i < value->count && value->kind == VALUE_LIST; i++) bytes += manifest_bytes(value->as.items[i]);
    for (size_t i = 0; i < value->count && value->kind == VALUE_MAP; i++)
        bytes += strlen(value->as.entries[i].key) + manifest_bytes(value->as.entries[i].value);
    return bytes;
}

static void check_size(struct manifest *manifest, struct manifest_object *object) {
    const size_t bytes = object->bytes = manifest_bytes(object->value);
    if (bytes <= LIMIT_OBJECT_BYTES) return;
    diag_report(manifest->diags, DIAG_OBJECT_TOO_LARGE, object->span,
                "%s '%s' would have %zu bytes; the API server stores about %d", manifest_kind_name(object->kind),
                object->name, bytes, LIMIT_OBJECT_BYTES);
    diag_help(manifest->diags, "split it: over several policies, locks or grants");
}

void manifest_sort(struct manifest *manifest) {
    for (size_t i = 0; i < manifest->count; i++) {
        keep_from_substitution(manifest, &manifest->objects[i]);
        check_size(manifest, &manifest->objects[i]);
    }
    if (manifest->count) qsort(manifest->objects, manifest->count, sizeof *manifest->objects, compare_objects);
}

// ---- verifying ----

static void report_repeated(struct manifest *manifest, const struct manifest_object *object, const char *what,
                            const char *name) {
    diag_report(manifest->diags, DIAG_INTERNAL, object->span, "%s '%s' has %s '%s' twice",
                manifest_kind_name(object->kind), object->name, what, name);
    diag_help(manifest->diags, "klockc is at fault, and wrote nothing: please report this policy");
}

static void verify_keys(struct manifest *manifest, const struct manifest_object *object, const struct value *value) {
    struct set keys;
    set_init(&keys, arena_scratch(manifest->arena));
    for (size_t i = 0; value->kind == VALUE_MAP && i < value->count; i++) {
        const struct value_entry *entry = &value->as.entries[i];
        if (!set_add(&keys, entry->key)) report_repeated(manifest, object, "the key", entry->key);
        verify_keys(manifest, object, entry->value);
    }
    for (size_t i = 0; value->kind == VALUE_LIST && i < value->count; i++)
        verify_keys(manifest, object, value->as.items[i]);
}

// A list whose elements are known by what one of their fields says.
static void verify_list(struct manifest *manifest, const struct manifest_object *object, const char *field,
                        const char *key, const char *what) {
    const struct value *list = value_dig(object->value, "spec", field, NULL);
    struct set known;
    set_init(&known, arena_scratch(manifest->arena));
    for (size_t i = 0; list && i < list->count; i++) {
        const char *name = value_get_string(list->as.items[i], key);
        if (!set_add(&known, name)) report_repeated(manifest, object, what, name);
    }
}

void manifest_verify(struct manifest *manifest) {
    for (size_t i = 0; i < manifest->count; i++) {
        const struct manifest_object *object = &manifest->objects[i];
        if (i > 0 && compare_objects(object - 1, object) == 0) {
            diag_report(manifest->diags, DIAG_INTERNAL, object->span, "two objects would be the %s '%s'",
                        manifest_kind_name(object->kind), object->name);
            if (object[-1].span.file != SPAN_NOWHERE)
                diag_relate(manifest->diags, object[-1].span, "the other comes from here");
            diag_help(manifest->diags, "klockc is at fault, and wrote nothing: please report this policy");
        }
        verify_keys(manifest, object, object->value);
        verify_list(manifest, object, "variables", "name", "the variable");
        verify_list(manifest, object, "matchConditions", "name", "the match condition");
        verify_list(manifest, object, "auditAnnotations", "key", "the audit annotation");
    }
    arena_clear(arena_scratch(manifest->arena));
}
