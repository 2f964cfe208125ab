// Which cases can be asked without anything being stored anew between them: locks keep the administrator out as well,
// so that what is there can only be changed while they are lifted.
#include <string.h>

#include "base/arena.h"
#include "chainsaw/chainsaw_internal.h"
#include "data/value.h"

static bool is(const struct thing *thing, const char *resource) {
    return !*thing->group && strcmp(thing->resource, resource) == 0;
}

bool thing_is_namespace(const struct thing *thing) {
    return is(thing, "namespaces");
}

bool chainsaw_has_sources(const struct chainsaw *chainsaw) {
    for (size_t i = 0; i < chainsaw->policies->lock_count; i++)
        if (chainsaw->policies->locks[i]->source) return true;
    return false;
}

const struct thing *world_find(const struct world *world, const char *key) {
    for (size_t i = 0; i < world->count; i++)
        if (strcmp(world->things[i].key, key) == 0) return &world->things[i];
    return NULL;
}

// ---- what a case asks for ----

struct needs {
    const struct chainsaw *chainsaw;
    struct world world;
};

// What is asked for first counts: the object of the request comes before what goes with it.
static void need(struct needs *needs, struct thing thing) {
    struct arena *arena = needs->chainsaw->arena;
    thing.key = arena_printf(arena, "%s/%s %s/%s", thing.group, thing.resource, thing.namespace, thing.name);
    if (world_find(&needs->world, thing.key)) return;
    if (chainsaw_stands(thing.group, thing.resource, thing.namespace, thing.name)) thing.object = NULL;
    ARENA_PUSH(arena, needs->world.things, needs->world.count, thing);
}

// A namespace as whatever is stored in it needs it: of one that is an object itself, without what API servers add.
static const struct value *plain_namespace(struct arena *arena, const struct value *object) {
    struct value *plain =
        chainsaw_object(arena, "v1", "Namespace", "", value_get_string(value_get(object, "metadata"), "name"));
    for (int i = 0; i < 2; i++) {
        const char *key = i ? "annotations" : "labels";
        const struct value *pairs = value_dig(object, "metadata", key, NULL);
        struct value *kept = value_map(arena);
        for (size_t j = 0; pairs && pairs->kind == VALUE_MAP && j < pairs->count; j++)
            if (strcmp(pairs->as.entries[j].key, "kubernetes.io/metadata.name") != 0 &&
                pairs->as.entries[j].value->kind == VALUE_STRING)
                value_set(arena, kept, pairs->as.entries[j].key, pairs->as.entries[j].value);
        if (kept->count) value_set(arena, value_get(plain, "metadata"), key, kept);
    }
    return plain;
}

static void need_namespace(struct needs *needs, const char *name, const struct value *object) {
    struct arena *arena = needs->chainsaw->arena;
    const struct value *plain =
        object ? plain_namespace(arena, object) : chainsaw_object(arena, "v1", "Namespace", "", name);
    need(needs, (struct thing){.group = "",
                               .version = "v1",
                               .kind = "Namespace",
                               .resource = "namespaces",
                               .namespace = "",
                               .name = name,
                               .said = plain,
                               .object = plain});
}

// An object of the core group that is as it is said, or bare.
static void need_core(struct needs *needs, const char *kind, const char *resource, const struct value *said,
                      const char *namespace, const char *name) {
    if (!said) said = chainsaw_object(needs->chainsaw->arena, "v1", kind, namespace, name);
    need(needs, (struct thing){.group = "",
                               .version = "v1",
                               .kind = kind,
                               .resource = resource,
                               .namespace = namespace,
                               .name = name,
                               .said = said,
                               .object = said});
}

static void need_object(struct needs *needs, const struct request *request) {
    struct arena *arena = needs->chainsaw->arena;
    const bool creates = request->operation == OP_CREATE && !*request->subresource;
    const struct value *said = creates ? NULL : request->old_object;
    if (said && strcmp(request->resource, "namespaces") == 0 && !*request->group) {
        need_namespace(needs, request->name, said);
        return;
    }
    need(needs, (struct thing){.group = request->group,
                               .version = request->version,
                               .kind = request->kind,
                               .resource = request->resource,
                               .namespace = request->namespace,
                               .name = request->name,
                               .said = said,
                               .object = said ? chainsaw_complete(arena, request, said, true) : NULL});
}

// API servers ask for the account of a pod.
static void need_account(struct needs *needs, const struct request *request) {
    if (*request->group || strcmp(request->resource, "pods") != 0) return;
    const struct value *states[] = {request->old_object, request->object};
    for (size_t i = 0; i < 2; i++) {
        const char *name = value_get_string(value_get(states[i], "spec"), "serviceAccountName");
        if (*name) need_core(needs, "ServiceAccount", "serviceaccounts", NULL, request->namespace, name);
    }
}

static struct world needs_of(const struct chainsaw *chainsaw, const struct judged_case *judged) {
    const struct request *request = &judged->test_case->request;
    struct needs needs = {.chainsaw = chainsaw};
    need_object(&needs, request);
    if (request->namespaced) need_namespace(&needs, request->namespace, request->namespace_object);
    need_account(&needs, request);
    for (size_t i = 0; i < request->given_count; i++) {
        const struct value *metadata = value_get(request->given[i], "metadata");
        const char *namespace = value_get_string(metadata, "namespace");
        need_namespace(&needs, namespace, NULL);
        need_core(&needs, "ConfigMap", "configmaps", request->given[i], namespace, value_get_string(metadata, "name"));
    }
    return needs.world;
}

// ---- which go together ----

static bool agrees(const struct thing *a, const struct thing *b) {
    return a->said && b->said ? value_equal(a->said, b->said) : a->said == b->said;
}

static bool has_config_maps_of(const struct world *world, const struct world *other) {
    for (size_t i = 0; i < other->count; i++)
        if (is(&other->things[i], "configmaps") && other->things[i].said && !world_find(world, other->things[i].key))
            return false;
    return true;
}

static bool takes(const struct world *world, const struct world *needs, bool has_sources) {
    for (size_t i = 0; i < needs->count; i++) {
        const struct thing *there = world_find(world, needs->things[i].key);
        if (there && !agrees(there, &needs->things[i])) return false;
    }
    return !has_sources || (has_config_maps_of(world, needs) && has_config_maps_of(needs, world));
}

static void put(struct arena *arena, struct world *world, const struct world *needs, const struct judged_case *judged) {
    for (size_t i = 0; i < needs->count; i++)
        if (!world_find(world, needs->things[i].key)) ARENA_PUSH(arena, world->things, world->count, needs->things[i]);
    ARENA_PUSH(arena, world->cases, world->case_count, judged);
}

void chainsaw_worlds(const struct chainsaw *chainsaw, const struct judged_case *const *cases, size_t count,
                     struct world **ret_worlds, size_t *ret_count) {
    const bool has_sources = chainsaw_has_sources(chainsaw);
    *ret_worlds = NULL;
    *ret_count = 0;
    for (size_t i = 0; i < count; i++) {
        const struct world needs = needs_of(chainsaw, cases[i]);
        size_t at = 0;
        while (at < *ret_count && !takes(&(*ret_worlds)[at], &needs, has_sources)) at++;
        if (at == *ret_count) ARENA_PUSH(chainsaw->arena, *ret_worlds, *ret_count, (struct world){0});
        put(chainsaw->arena, &(*ret_worlds)[at], &needs, cases[i]);
    }
}
