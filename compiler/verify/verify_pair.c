// Which found object is which wanted one: by its name, or, where nothing has that name, by what it means.
#include <string.h>

#include "base/arena.h"
#include "base/names.h"
#include "data/value.h"
#include "verify/verify_internal.h"

bool verify_compare(const struct verification *verification, const struct value *wanted, const struct found *found,
                    struct admission_differences *ret_differences, const char **ret_error) {
    *ret_differences = (struct admission_differences){0};
    switch (found->kind) {
    case MANIFEST_POLICY:
    case MANIFEST_BINDING:
        return admission_compare(verification->arena, wanted, found->value, verification->minor, ret_differences,
                                 ret_error);
    case MANIFEST_CLUSTER_ROLE:
    case MANIFEST_CLUSTER_ROLE_BINDING:
    case MANIFEST_ROLE:
    case MANIFEST_ROLE_BINDING:
    case MANIFEST_SERVICE_ACCOUNT:
        verify_compare_roles(verification->arena, wanted, found->value, ret_differences);
        return true;
    case MANIFEST_MUTATING_WEBHOOKS:
    case MANIFEST_VALIDATING_WEBHOOKS:
        verify_compare_webhooks(verification->arena, wanted, found->value, ret_differences);
        return true;
    case MANIFEST_NAMESPACE:
    case MANIFEST_QUOTA:
    case MANIFEST_PROJECT:
        verify_compare_tenants(verification->arena, found->kind, wanted, found->value, ret_differences);
        return true;
    case MANIFEST_KINDS: break;
    }
    return true;
}

static bool means_the_same(const struct verification *verification, const struct manifest_object *wanted,
                           const struct found *found) {
    struct admission_differences differences;
    const char *error = NULL;
    return verify_compare(verification, wanted->value, found, &differences, &error) && !differences.count;
}

// A tool that renames puts something before or behind all names, or sets all namespaces. CEL names accounts, which no
// tool knows: an account under another name is another account, and so is a namespace.
static bool may_be(const struct verification *verification, const struct manifest_object *wanted,
                   const struct found *found) {
    if (found->is_taken || found->kind != wanted->kind) return false;
    if (strcmp(found->policy, names_of_label(verification->arena, wanted->policy)) != 0) return false;
    const bool is_named = strcmp(found->name, wanted->name) == 0;
    if (wanted->kind == MANIFEST_SERVICE_ACCOUNT || wanted->kind == MANIFEST_NAMESPACE) return is_named;
    return is_named || (strstr(found->name, wanted->name) && means_the_same(verification, wanted, found));
}

// The one that adds least to the name.
static struct found *find_likely(const struct verification *verification, const struct findings *findings,
                                 const struct manifest_object *wanted) {
    struct found *likely = NULL;
    for (size_t i = 0; i < findings->count; i++) {
        struct found *found = findings->items[i];
        if (likely && strlen(found->name) >= strlen(likely->name)) continue;
        if (may_be(verification, wanted, found)) likely = found;
    }
    return likely;
}

static void add_wanted(struct arena *arena, const struct manifest *manifest, bool are_anchors, struct pairs *pairs) {
    for (size_t i = 0; i < manifest->count; i++) {
        const struct pair pair = {.wanted = &manifest->objects[i], .is_anchor = are_anchors};
        ARENA_PUSH(arena, pairs->items, pairs->count, pair);
    }
}

void verify_pair(const struct verification *verification, const struct manifest *wanted, const struct manifest *anchors,
                 const struct findings *findings, struct pairs *ret_pairs) {
    struct arena *arena = verification->arena;
    *ret_pairs = (struct pairs){0};
    map_init(&ret_pairs->by_identity, arena);
    add_wanted(arena, wanted, false, ret_pairs);
    if (anchors) add_wanted(arena, anchors, true, ret_pairs);
    for (size_t i = 0; i < ret_pairs->count; i++) {
        struct pair *pair = &ret_pairs->items[i];
        const struct manifest_object *object = pair->wanted;
        const char *identity = verify_identity(arena, object->kind, object->namespace, object->name);
        map_set(&ret_pairs->by_identity, identity, pair);
        pair->found = map_get(&findings->by_identity, identity);
        if (pair->found) pair->found->is_taken = true;
    }
    for (size_t i = 0; i < ret_pairs->count; i++) {
        struct pair *pair = &ret_pairs->items[i];
        if (pair->found || pair->is_anchor) continue;
        pair->found = find_likely(verification, findings, pair->wanted);
        if (!pair->found) continue;
        pair->found->is_taken = true;
        pair->is_renamed = strcmp(pair->found->name, pair->wanted->name) != 0;
        pair->is_moved =
            verify_is_namespaced(pair->wanted->kind) && strcmp(pair->found->namespace, pair->wanted->namespace) != 0;
    }
}
