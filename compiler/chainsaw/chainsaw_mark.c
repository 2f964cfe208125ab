// When the locks act, and when no longer: API servers learn of policies and of what these look up a moment later.
#include <string.h>

#include "base/arena.h"
#include "base/text.h"
#include "chainsaw/chainsaw_internal.h"
#include "data/value.h"

#define LEASES "coordination.k8s.io"
#define ACTS "the locks act"
#define MARK "mark" // the label CHAINSAW_NAME of what is looked up

// ---- which kinds are looked up ----

static const struct request config_maps = {
    .group = "", .version = "v1", .kind = "ConfigMap", .resource = "configmaps", .namespace = "default"};

static bool looks_up(const struct manifest *manifest, const char *api_version, const char *kind) {
    for (size_t i = 0; i < manifest->count; i++) {
        const struct value *looked_up = value_dig(manifest->objects[i].value, "spec", "paramKind", NULL);
        if (strcmp(value_get_string(looked_up, "kind"), kind) == 0 &&
            strcmp(value_get_string(looked_up, "apiVersion"), api_version) == 0)
            return true;
    }
    return false;
}

// A request of each kind that some case is about and some policy looks up. What is custom is the cluster's, which may
// ask for more of an object than is known here.
static const struct request **marked(const struct chainsaw *chainsaw, size_t *ret_count) {
    struct arena *arena = chainsaw->arena;
    const struct request **marked = NULL;
    *ret_count = 0;
    if (chainsaw_has_sources(chainsaw)) ARENA_PUSH(arena, marked, *ret_count, &config_maps);
    for (size_t i = 0; i < chainsaw->case_count; i++) {
        const struct request *request = &chainsaw->cases[i].test_case->request;
        bool known = !request->namespaced || chainsaw_definition(arena, request->group, request->resource);
        for (size_t j = 0; j < *ret_count; j++) known |= strcmp(marked[j]->kind, request->kind) == 0;
        if (!known &&
            looks_up(chainsaw->manifest, chainsaw_api_version(arena, request->group, request->version), request->kind))
            ARENA_PUSH(arena, marked, *ret_count, request);
    }
    return marked;
}

static const char *name_of(struct arena *arena, const struct request *kind) {
    return kind ? arena_printf(arena, CHAINSAW_NAME "-%s", kind->resource) : CHAINSAW_NAME;
}

static struct value *label(struct arena *arena) {
    return chainsaw_only(arena, CHAINSAW_NAME, value_string(arena, MARK));
}

static struct value *labelled(struct arena *arena, struct value *object) {
    value_set(arena, value_get(object, "metadata"), "labels", label(arena));
    return object;
}

// ---- policies ----

// Families of resources that are locked leave out leases.
static struct value *rules(struct arena *arena) {
    static const char *const fields[][2] = {
        {"apiGroups", LEASES}, {"apiVersions", "*"}, {"operations", "CREATE"}, {"resources", "leases"}};
    struct value *rule = value_map(arena), *list = value_list(arena);
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        struct value *one = value_list(arena);
        value_append(arena, one, value_string(arena, fields[i][1]));
        value_set(arena, rule, fields[i][0], one);
    }
    value_append(arena, list, rule);
    return chainsaw_only(arena, "resourceRules", list);
}

// Refuses a Lease of the test's name; where it looks up a kind, one that is called after it and the object of the kind
// that is there.
static struct value *policy_of(struct arena *arena, const struct request *kind) {
    struct value *policy = labelled(arena, chainsaw_object(arena, CHAINSAW_ADMISSION, "ValidatingAdmissionPolicy", "",
                                                           name_of(arena, kind))),
                 *spec = value_map(arena), *validations = value_list(arena), *validation = value_map(arena);
    value_set_string(arena, validation, "expression",
                     kind ? arena_printf(arena, "request.name != params.metadata.name + '-%s'", kind->resource)
                          : "request.name != '" CHAINSAW_NAME "'");
    value_set_string(arena, validation, "message", ACTS);
    value_append(arena, validations, validation);
    if (kind) {
        struct value *looked_up = value_map(arena);
        value_set_string(arena, looked_up, "apiVersion", chainsaw_api_version(arena, kind->group, kind->version));
        value_set_string(arena, looked_up, "kind", kind->kind);
        value_set(arena, spec, "paramKind", looked_up);
    }
    value_set(arena, spec, "matchConstraints", rules(arena));
    value_set(arena, spec, "validations", validations);
    value_set(arena, policy, "spec", spec);
    return policy;
}

static struct value *binding_of(struct arena *arena, const struct request *kind) {
    struct value *binding = labelled(
                     arena, chainsaw_object(arena, CHAINSAW_ADMISSION, CHAINSAW_BINDING, "", name_of(arena, kind))),
                 *spec = value_map(arena), *actions = value_list(arena);
    value_append(arena, actions, value_string(arena, "Deny"));
    value_set_string(arena, spec, "policyName", name_of(arena, kind));
    if (kind) {
        struct value *reference = chainsaw_only(arena, "selector", chainsaw_only(arena, "matchLabels", label(arena)));
        value_set_string(arena, reference, "parameterNotFoundAction", "Allow");
        value_set(arena, spec, "paramRef", reference);
    }
    value_set(arena, spec, "validationActions", actions);
    value_set(arena, binding, "spec", spec);
    return binding;
}

static void add_each(const struct chainsaw *chainsaw, struct value *operations,
                     struct value *(*make)(struct arena *arena, const struct request *kind)) {
    struct arena *arena = chainsaw->arena;
    size_t count;
    const struct request **kinds = marked(chainsaw, &count);
    for (size_t i = 0; i < count; i++) value_append(arena, operations, chainsaw_create(arena, make(arena, kinds[i])));
    value_append(arena, operations, chainsaw_create(arena, make(arena, NULL)));
}

void chainsaw_mark_policies(const struct chainsaw *chainsaw, struct value *operations) {
    add_each(chainsaw, operations, policy_of);
}

void chainsaw_mark_bindings(const struct chainsaw *chainsaw, struct value *operations) {
    add_each(chainsaw, operations, binding_of);
}

void chainsaw_unmark(struct arena *arena, struct value *operations) {
    value_append(arena, operations, chainsaw_delete_bindings(arena, CHAINSAW_NAME, MARK));
}

// ---- what is looked up ----

static const char *mark_of(struct arena *arena, size_t world) {
    return arena_printf(arena, CHAINSAW_NAME "-%zu", world + 1);
}

void chainsaw_mark_objects(const struct chainsaw *chainsaw, size_t world, struct value *operations) {
    struct arena *arena = chainsaw->arena;
    size_t count;
    const struct request **kinds = marked(chainsaw, &count);
    for (size_t i = 0; i < count; i++) {
        struct request request = *kinds[i];
        request.namespace = "default";
        request.name = mark_of(arena, world);
        const struct value *object =
            labelled(arena, chainsaw_object(arena, chainsaw_api_version(arena, request.group, request.version),
                                            request.kind, request.namespace, request.name));
        value_append(arena, operations, chainsaw_create(arena, chainsaw_complete(arena, &request, object, true)));
    }
}

// ---- waiting ----

// Chainsaw tries to create something again until what is expected comes true.
static struct value *try_lease(struct arena *arena, const char *name, const char *description, bool refused) {
    struct value *create =
                     chainsaw_only(arena, "resource", chainsaw_object(arena, LEASES "/v1", "Lease", "default", name)),
                 *expectations = value_list(arena), *operation = value_map(arena);
    value_set(arena, create, "dryRun", value_bool(arena, true));
    value_append(arena, expectations,
                 chainsaw_only(arena, "check",
                               chainsaw_only(arena, "(contains($error || '', '" ACTS "'))", value_bool(arena, true))));
    if (refused) value_set(arena, create, "expect", expectations);
    value_set_string(arena, operation, "description", description);
    value_set(arena, operation, "create", create);
    return operation;
}

void chainsaw_await_marks(const struct chainsaw *chainsaw, size_t world, struct value *operations) {
    struct arena *arena = chainsaw->arena;
    size_t count;
    const struct request **kinds = marked(chainsaw, &count);
    value_append(arena, operations, try_lease(arena, CHAINSAW_NAME, "until the locks act", true));
    for (size_t i = 0; i < count; i++)
        value_append(arena, operations,
                     try_lease(arena, arena_printf(arena, "%s-%s", mark_of(arena, world), kinds[i]->resource),
                               arena_printf(arena, "until they see the %s that are there", kinds[i]->resource), true));
}

struct value *chainsaw_await_no_mark(struct arena *arena) {
    return try_lease(arena, CHAINSAW_NAME, "until no lock acts any more", false);
}
