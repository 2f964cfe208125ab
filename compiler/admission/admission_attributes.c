// A request as the API server hands it to its plugins, from what a policy's test says of it.
#include <string.h>

#include "admission/admission_internal.h"
#include "base/arena.h"

static const struct subresource_kind {
    const char *parent, *group, *name;
    struct admission_kind kind;
} subresource_kinds[] = {
#define RESOURCE(plural, singular, kind, group, version, versions, scope, short_names, verbs, subresources)
#define SUBRESOURCE(parent, group, name, kind, kind_group, kind_version, verbs)                                        \
    {parent, group, name, {kind_group, kind_version, kind}},
#include "kubernetes/resources.def"
#undef RESOURCE
#undef SUBRESOURCE
};

static const struct subresource_kind *find_subresource(const struct request *request) {
    for (size_t i = 0; i < sizeof subresource_kinds / sizeof *subresource_kinds; i++) {
        const struct subresource_kind *row = &subresource_kinds[i];
        if (strcmp(row->name, request->subresource) == 0 && strcmp(row->parent, request->resource) == 0 &&
            strcmp(row->group, request->group) == 0)
            return row;
    }
    return NULL;
}

static struct admission_form form_of(const struct request *request) {
    return (struct admission_form){request->group, request->version};
}

struct admission_kind admission_kind_of(const struct request *request, const struct admission_form *form) {
    const struct admission_kind parent = {form->group, form->version, request->kind},
                                scale = {"autoscaling", "v1", "Scale"};
    if (!*request->subresource) return parent;
    const struct subresource_kind *row = find_subresource(request);
    if (!row) return strcmp(request->subresource, "scale") == 0 ? scale : parent;
    const bool is_parent = strcmp(row->kind.kind, request->kind) == 0 && strcmp(row->kind.group, request->group) == 0;
    return is_parent ? parent : row->kind;
}

bool admission_is_namespace(const struct request *request) {
    return strcmp(request->resource, "namespaces") == 0 && !*request->group;
}

const char *admission_api_version(struct arena *arena, const struct admission_kind *kind) {
    return *kind->group ? arena_printf(arena, "%s/%s", kind->group, kind->version) : kind->version;
}

// ---- objects ----

// A map with the same entries, which can be given others.
static struct value *shallow_copy(struct arena *arena, const struct value *map) {
    struct value *copy = value_map(arena);
    for (size_t i = 0; map && map->kind == VALUE_MAP && i < map->count; i++)
        value_set(arena, copy, map->as.entries[i].key, map->as.entries[i].value);
    return copy;
}

struct value *admission_identified(struct arena *arena, const struct value *partial, const struct admission_kind *kind,
                                   const char *namespace, const char *name) {
    struct value *object = shallow_copy(arena, partial),
                 *metadata = shallow_copy(arena, value_get(partial, "metadata"));
    value_set_string(arena, object, "apiVersion", admission_api_version(arena, kind));
    value_set_string(arena, object, "kind", kind->kind);
    if (*name && !value_get(metadata, "name")) value_set_string(arena, metadata, "name", name);
    if (*namespace && !value_get(metadata, "namespace") && strcmp(kind->kind, "Namespace") != 0)
        value_set_string(arena, metadata, "namespace", namespace);
    value_set(arena, object, "metadata", metadata);
    return object;
}

const struct value *admission_converted(struct arena *arena, const struct value *object,
                                        const struct admission_kind *kind) {
    const char *api_version = admission_api_version(arena, kind);
    if (!object || strcmp(value_get_string(object, "apiVersion"), api_version) == 0) return object;
    struct value *copy = shallow_copy(arena, object);
    value_set_string(arena, copy, "apiVersion", api_version);
    value_set_string(arena, copy, "kind", kind->kind);
    return copy;
}

// The Scale of an object: it has neither labels nor annotations, and leaves out a number of zero.
static const struct value *scale_of(struct arena *arena, const struct value *parent) {
    const struct value *replicas = value_dig(parent, "spec", "replicas", NULL);
    const struct value *number = replicas ? replicas : value_int(arena, 1);
    struct value *scale = value_map(arena), *spec = value_map(arena);
    if (number->kind != VALUE_INT || number->as.integer) value_set(arena, spec, "replicas", value_copy(arena, number));
    value_set(arena, scale, "spec", spec);
    return scale;
}

static void complete_objects(struct arena *arena, struct admission_attributes *attributes) {
    const struct request *request = attributes->request;
    const struct value *object = request->object, *old_object = request->old_object, *nothing = value_map(arena);
    if (strcmp(attributes->kind.kind, "Scale") == 0) {
        object = scale_of(arena, object);
        old_object = scale_of(arena, old_object);
    }
    const bool has_new = request->operation != OP_DELETE, has_old = request->operation & OPS_STORED;
    if (has_old)
        attributes->old_object = admission_identified(arena, old_object ? old_object : nothing, &attributes->kind,
                                                      request->namespace, request->name);
    // What a connection carries are its options.
    if (request->operation == OP_CONNECT && !object)
        attributes->object = admission_converted(arena, nothing, &attributes->kind);
    else if (has_new)
        attributes->object = admission_identified(arena, object ? object : nothing, &attributes->kind,
                                                  request->namespace, request->name);
}

// The stored object that a request is about, under the kind of the resource and not that of a subresource.
static const struct value *stored_object(struct arena *arena, const struct request *request) {
    if (!request || !request->old_object) return NULL;
    const bool is_scale = strcmp(value_get_string(request->old_object, "kind"), "Scale") == 0;
    if (is_scale) return NULL;
    const struct admission_kind kind = {request->group, request->version, request->kind};
    return admission_identified(arena, request->old_object, &kind, request->namespace, request->name);
}

// Every namespace carries its name as a label. Of a request for a Namespace it is the stored one.
static const struct value *complete_namespace(struct arena *arena, const struct admission_attributes *attributes) {
    static const struct admission_kind kind = {"", "v1", "Namespace"};
    const struct request *request = attributes->request;
    if (!*attributes->namespace) return NULL;
    const struct value *partial = admission_is_namespace(request) ? request->old_object : request->namespace_object;
    struct value *namespace = admission_identified(arena, partial, &kind, "", attributes->namespace);
    struct value *metadata = value_get(namespace, "metadata"),
                 *labels = shallow_copy(arena, value_get(metadata, "labels"));
    value_set_string(arena, metadata, "name", attributes->namespace);
    value_set_string(arena, labels, "kubernetes.io/metadata.name", attributes->namespace);
    value_set(arena, metadata, "labels", labels);
    return namespace;
}

// Of what is written to a Namespace itself, the new labels count, with the one that a server gives it.
static const struct value *namespace_labels_of(struct arena *arena, const struct admission_attributes *attributes) {
    const struct request *request = attributes->request;
    const bool writes = request->operation == OP_CREATE || request->operation == OP_UPDATE;
    const bool is_own = admission_is_namespace(request) && !*request->subresource && writes;
    const struct value *labels =
        value_dig(is_own ? attributes->object : attributes->namespace_object, "metadata", "labels", NULL);
    if (!is_own || (labels && labels->kind != VALUE_MAP)) return labels;
    struct value *copy = labels ? value_copy(arena, labels) : value_map(arena);
    value_set_string(arena, copy, "kubernetes.io/metadata.name", request->name);
    return copy;
}

void admission_complete(struct arena *arena, const struct admission_question *question,
                        struct admission_attributes *ret_attributes) {
    const struct request *request = question->request;
    struct admission_attributes *attributes = ret_attributes;
    const struct admission_form form = form_of(request);
    *attributes = (struct admission_attributes){
        .request = request,
        .operation = kube_operation_name(request->operation),
        .kind = admission_kind_of(request, &form),
        .namespace = admission_is_namespace(request) ? request->name : request->namespace,
        .name = request->collection ? ""
                : question->asked   ? question->asked
                                    : request->name,
        .stored = stored_object(arena, request),
        .beside = stored_object(arena, question->beside),
    };
    attributes->namespace_object = complete_namespace(arena, attributes);
    complete_objects(arena, attributes);
    attributes->namespace_labels = namespace_labels_of(arena, attributes);
}

// ---- request ----

static void set_if_any(struct arena *arena, struct value *map, const char *key, const char *text) {
    if (*text) value_set_string(arena, map, key, text);
}

static struct value *kind_value(struct arena *arena, const struct admission_kind *kind) {
    struct value *value = value_map(arena);
    value_set_string(arena, value, "group", kind->group);
    value_set_string(arena, value, "version", kind->version);
    value_set_string(arena, value, "kind", kind->kind);
    return value;
}

static struct value *resource_value(struct arena *arena, const struct request *request,
                                    const struct admission_form *form) {
    struct value *value = value_map(arena);
    value_set_string(arena, value, "group", form->group);
    value_set_string(arena, value, "version", form->version);
    value_set_string(arena, value, "resource", request->resource);
    return value;
}

static struct value *user_value(struct arena *arena, const struct request *request) {
    struct value *user = value_map(arena), *groups = value_list(arena);
    set_if_any(arena, user, "username", request->user);
    set_if_any(arena, user, "uid", request->uid);
    for (size_t i = 0; i < request->group_count; i++)
        value_append(arena, groups, value_string(arena, request->groups[i]));
    if (groups->count) value_set(arena, user, "groups", groups);
    if (request->extra && request->extra->count) value_set(arena, user, "extra", value_copy(arena, request->extra));
    return user;
}

// Fields that are empty are not there.
struct value *admission_request_value(struct arena *arena, const struct admission_attributes *attributes,
                                      const struct admission_form *form, const struct admission_kind *kind) {
    const struct request *request = attributes->request;
    const struct admission_form own = form_of(request);
    struct value *value = value_map(arena);
    value_set(arena, value, "kind", kind_value(arena, kind));
    value_set(arena, value, "resource", resource_value(arena, request, form));
    set_if_any(arena, value, "subResource", request->subresource);
    value_set(arena, value, "requestKind", kind_value(arena, &attributes->kind));
    value_set(arena, value, "requestResource", resource_value(arena, request, &own));
    set_if_any(arena, value, "requestSubResource", request->subresource);
    set_if_any(arena, value, "name", attributes->name);
    set_if_any(arena, value, "namespace", attributes->namespace);
    value_set_string(arena, value, "operation", attributes->operation);
    value_set(arena, value, "userInfo", user_value(arena, request));
    value_set(arena, value, "dryRun", value_bool(arena, false));
    value_set(arena, value, "options", value_map(arena));
    return value;
}
