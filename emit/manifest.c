// What all emitted objects have in common; see manifest.h.
#include "manifest.h"

#include <stdlib.h>
#include <string.h>

#include "arena.h"
#include "diag.h"
#include "limits.h"
#include "names.h"
#include "value.h"

static const struct {
    const char *api_version, *kind;
} kinds[] = {
    [MANIFEST_SERVICE_ACCOUNT] = {"v1", "ServiceAccount"},
    [MANIFEST_CLUSTER_ROLE] = {"rbac.authorization.k8s.io/v1", "ClusterRole"},
    [MANIFEST_CLUSTER_ROLE_BINDING] = {"rbac.authorization.k8s.io/v1", "ClusterRoleBinding"},
    [MANIFEST_ROLE] = {"rbac.authorization.k8s.io/v1", "Role"},
    [MANIFEST_ROLE_BINDING] = {"rbac.authorization.k8s.io/v1", "RoleBinding"},
    [MANIFEST_POLICY] = {"admissionregistration.k8s.io/v1", "ValidatingAdmissionPolicy"},
    [MANIFEST_BINDING] = {"admissionregistration.k8s.io/v1", "ValidatingAdmissionPolicyBinding"},
};

const char *manifest_kind_name(enum manifest_kind kind) {
    return kinds[kind].kind;
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
    value_set_string(arena, labels, "klock.dev/policy", names_fitting(arena, policy, LIMIT_LABEL_NAME));
    value_set(arena, metadata, "labels", labels);
    const char *source = span.file == SPAN_NOWHERE ? NULL : manifest->locate(manifest->context, span);
    if (source) {
        struct value *annotations = value_map(arena);
        value_set_string(arena, annotations, "klock.dev/source", source);
        value_set(arena, metadata, "annotations", annotations);
    }
    value_set(arena, object, "metadata", metadata);
    const struct manifest_object added = {kind, policy, namespace, name, object, span};
    ARENA_PUSH(arena, manifest->objects, manifest->count, added);
    return object;
}

static int compare_objects(const void *a, const void *b) {
    const struct manifest_object *x = a, *y = b;
    if (x->kind != y->kind) return x->kind < y->kind ? -1 : 1;
    const int order = strcmp(x->namespace, y->namespace);
    return order ? order : strcmp(x->name, y->name);
}

// Of its texts, without what YAML or JSON add.
static size_t bytes_of(const struct value *value) {
    size_t bytes = 0;
    if (value->kind == VALUE_STRING) bytes += strlen(value->as.string);
    for (size_t i = 0; i < value->count && value->kind == VALUE_LIST; i++) bytes += bytes_of(value->as.items[i]);
    for (size_t i = 0; i < value->count && value->kind == VALUE_MAP; i++)
        bytes += strlen(value->as.entries[i].key) + bytes_of(value->as.entries[i].value);
    return bytes;
}

static void check_size(struct manifest *manifest, const struct manifest_object *object) {
    const size_t bytes = bytes_of(object->value);
    if (bytes <= LIMIT_OBJECT_BYTES) return;
    struct diagnostic *diagnostic =
        diag_report(manifest->diags, DIAG_OBJECT_TOO_LARGE, object->span,
                    "%s '%s' would have %zu bytes; the API server stores about %d", manifest_kind_name(object->kind),
                    object->name, bytes, LIMIT_OBJECT_BYTES);
    diag_help(manifest->diags, diagnostic, "split it: over several policies, locks or grants");
}

void manifest_sort(struct manifest *manifest) {
    for (size_t i = 0; i < manifest->count; i++) check_size(manifest, &manifest->objects[i]);
    if (manifest->count) qsort(manifest->objects, manifest->count, sizeof *manifest->objects, compare_objects);
    // Policy and declaration make up a name together: a-b and c are a and b-c.
    for (size_t i = 1; i < manifest->count; i++) {
        const struct manifest_object *one = &manifest->objects[i - 1], *other = &manifest->objects[i];
        if (compare_objects(one, other) != 0) continue;
        struct diagnostic *diagnostic =
            diag_report(manifest->diags, DIAG_DUPLICATE, other->span, "two objects would be the %s '%s'",
                        manifest_kind_name(other->kind), other->name);
        if (one->span.file != SPAN_NOWHERE) diag_relate(diagnostic, one->span, "the other comes from here");
        diag_help(manifest->diags, diagnostic, "rename one of them, or its policy");
    }
}
