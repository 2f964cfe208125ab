// The parameters of a binding: objects of the kind that its policy names.
#include <string.h>

#include "admission/admission_internal.h"
#include "base/arena.h"
#include "kubernetes/catalog.h"

// What the catalog does not know is taken to be a custom resource in namespaces.
static bool is_namespaced(const struct admission_policy *policy) {
    size_t count = 0;
    const struct resource *resources = catalog_built_in(&count);
    for (size_t i = 0; i < count; i++)
        if (strcmp(resources[i].kind, policy->param_kind) == 0 && strcmp(resources[i].group, policy->param_group) == 0)
            return resources[i].namespaced;
    return true;
}

// In whichever version an object is written, the API server has it in that of the parameters.
static bool is_of_kind(const struct admission_policy *policy, const struct value *object) {
    const char *api_version = value_get_string(object, "apiVersion"), *slash = strchr(api_version, '/');
    const size_t len = slash ? (size_t)(slash - api_version) : 0;
    return strcmp(value_get_string(object, "kind"), policy->param_kind) == 0 && strlen(policy->param_group) == len &&
           strncmp(api_version, policy->param_group, len) == 0;
}

struct selection {
    struct arena *arena;
    const struct admission_policy *policy;
    const char *namespace, *name; // NULL: any
    const struct value *selector;
    const struct value **items;
    size_t count;
};

static void add(struct selection *selection, const struct value *object) {
    if (!object || !is_of_kind(selection->policy, object)) return;
    const struct value *metadata = value_get(object, "metadata");
    if (selection->namespace && strcmp(value_get_string(metadata, "namespace"), selection->namespace) != 0) return;
    if (selection->name && strcmp(value_get_string(metadata, "name"), selection->name) != 0) return;
    if (!admission_selects(selection->selector, value_get(metadata, "labels"))) return;
    const struct admission_kind kind = {selection->policy->param_group, selection->policy->param_version,
                                        selection->policy->param_kind};
    const struct value *param = admission_converted(selection->arena, object, &kind);
    ARENA_PUSH(selection->arena, selection->items, selection->count, param);
}

// Whether the object is the one that the request is about, which is as the request has it.
static bool is_stored(const struct admission_attributes *attributes, const struct value *object) {
    const struct value *stored = attributes->stored;
    const struct value *a = value_get(object, "metadata"), *b = value_get(stored, "metadata");
    return stored && strcmp(value_get_string(object, "kind"), value_get_string(stored, "kind")) == 0 &&
           strcmp(value_get_string(a, "name"), value_get_string(b, "name")) == 0 &&
           strcmp(value_get_string(a, "namespace"), value_get_string(b, "namespace")) == 0;
}

static bool choose_namespace(struct selection *selection, const struct value *reference,
                             const struct admission_attributes *attributes, const char **ret_error) {
    const char *namespace = value_get_string(reference, "namespace");
    if (!is_namespaced(selection->policy)) {
        if (*namespace) *ret_error = "paramRef.namespace must not be provided for a cluster-scoped `paramKind`";
        return !*namespace;
    }
    selection->namespace = *namespace ? namespace : attributes->namespace;
    if (!*selection->namespace)
        *ret_error = "cannot use namespaced paramRef in policy binding that matches cluster-scoped resources";
    return *selection->namespace;
}

bool admission_params(struct arena *arena, const struct admission *admission, const struct admission_binding *binding,
                      const struct admission_attributes *attributes, const struct value ***ret_params,
                      size_t *ret_count, const char **ret_error) {
    static const struct value *none[] = {NULL};
    const struct value *reference = binding->param_ref;
    *ret_params = none;
    *ret_count = 1;
    if (!binding->policy->has_params || !reference) return true;
    struct selection selection = {
        .arena = arena, .policy = binding->policy, .selector = value_get(reference, "selector")};
    if (value_get(reference, "name")) selection.name = value_get_string(reference, "name");
    if (!choose_namespace(&selection, reference, attributes, ret_error)) return false;
    for (size_t i = 0; i < attributes->request->given_count; i++)
        if (!is_stored(attributes, attributes->request->given[i])) add(&selection, attributes->request->given[i]);
    for (size_t i = 0; i < admission->other_count; i++) add(&selection, admission->others[i]);
    add(&selection, attributes->stored);
    add(&selection, attributes->beside);
    *ret_params = selection.items;
    *ret_count = selection.count;
    if (selection.count || strcmp(value_get_string(reference, "parameterNotFoundAction"), "Deny") != 0) return true;
    *ret_error = "no params found for policy binding with `Deny` parameterNotFoundAction";
    return false;
}
