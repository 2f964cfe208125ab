// What is made for tenants: what a Namespace says of its tenant, what is limited, and what Argo CD may deploy.
#include <string.h>

#include "base/arena.h"
#include "base/names.h"
#include "base/text.h"
#include "data/quantity.h"
#include "data/value.h"
#include "verify/verify_internal.h"

static void differ(struct arena *arena, struct admission_differences *differences, const char *field,
                   const char *wanted, const char *found) {
    const char *text = !*wanted ? arena_printf(arena, "is %s, and should not be there", found)
                       : *found ? arena_printf(arena, "is %s, not %s", found, wanted)
                                : arena_printf(arena, "is not there, and should be %s", wanted);
    const struct admission_difference difference = {ADMISSION_OTHER, field, text};
    ARENA_PUSH(arena, differences->items, differences->count, difference);
}

// What is there, labels and annotations, is compared of every object. One label more may take pods out: such as by the
// version of the level.
static void compare_namespaces(struct arena *arena, const struct value *wanted, const struct value *found,
                               struct admission_differences *differences) {
    static const char security[] = "pod-security.kubernetes.io/";
    const struct value *a = value_dig(wanted, "metadata", "labels", NULL),
                       *b = value_dig(found, "metadata", "labels", NULL);
    for (size_t i = 0; b && i < b->count; i++) {
        const char *key = b->as.entries[i].key;
        if (strncmp(key, security, sizeof security - 1) == 0 && !value_get(a, key))
            differ(arena, differences, arena_printf(arena, "metadata.labels[%s]", key), "", value_get_string(b, key));
    }
}

static const char *amount_of(struct arena *arena, const struct value *amount) {
    if (!amount) return "";
    if (amount->kind == VALUE_INT) return arena_printf(arena, "%lld", (long long)amount->as.integer);
    return amount->kind == VALUE_STRING ? amount->as.string : "no quantity";
}

// What says that only some of the pods count.
static void compare_scopes(struct arena *arena, const struct value *found, struct admission_differences *differences) {
    static const char *const fields[] = {"scopes", "scopeSelector"};
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        const struct value *value = value_dig(found, "spec", fields[i], NULL);
        if (value && value->count) differ(arena, differences, arena_printf(arena, "spec.%s", fields[i]), "", "set");
    }
}

// An API server writes 0.5 as 500m.
static bool is_same_amount(const char *wanted, const char *found) {
    struct quantity a, b;
    return quantity_parse(wanted, &a) && quantity_parse(found, &b) && quantity_compare(&a, &b) == 0;
}

static void compare_quotas(struct arena *arena, const struct value *wanted, const struct value *found,
                           struct admission_differences *differences) {
    const struct value *a = value_dig(wanted, "spec", "hard", NULL), *b = value_dig(found, "spec", "hard", NULL);
    compare_scopes(arena, found, differences);
    for (size_t i = 0; i < a->count; i++) {
        const char *key = a->as.entries[i].key, *amount = amount_of(arena, value_get(b, key));
        if (!is_same_amount(a->as.entries[i].value->as.string, amount))
            differ(arena, differences, arena_printf(arena, "spec.hard[%s]", key), a->as.entries[i].value->as.string,
                   amount);
    }
}

// Fields of an AppProject that let somebody do less, or only say something (AppProjectSpec in
// pkg/apis/application/v1alpha1/types.go of Argo CD 3.6). All others give rights: roles, inside of Argo CD, and those
// that it gets one day.
static bool gives_nothing(const char *field) {
    return text_has_word("clusterResourceBlacklist description namespaceResourceBlacklist namespaceResourceWhitelist "
                         "orphanedResources permitOnlyProjectScopedClusters signatureKeys sourceIntegrity syncWindows",
                         field);
}

static bool is_empty(const struct value *value) {
    return !value || value->kind == VALUE_NULL ||
           ((value->kind == VALUE_LIST || value->kind == VALUE_MAP) && !value->count);
}

static void compare_projects(struct arena *arena, const struct value *wanted, const struct value *found,
                             struct admission_differences *differences) {
    const struct value *a = value_get(wanted, "spec"), *b = value_get(found, "spec");
    for (size_t i = 0; i < a->count; i++) {
        const char *key = a->as.entries[i].key;
        const struct value *value = value_get(b, key);
        const struct admission_difference difference = {ADMISSION_OTHER, arena_printf(arena, "spec.%s", key),
                                                        is_empty(value) ? "is not there" : "is another"};
        if (!value || !value_equal(a->as.entries[i].value, value))
            ARENA_PUSH(arena, differences->items, differences->count, difference);
    }
    for (size_t i = 0; b && b->kind == VALUE_MAP && i < b->count; i++) {
        const struct value_entry *entry = &b->as.entries[i];
        if (!value_get(a, entry->key) && !is_empty(entry->value) && !gives_nothing(entry->key))
            differ(arena, differences, arena_printf(arena, "spec.%s", entry->key), "", "set");
    }
}

void verify_compare_tenants(struct arena *arena, enum manifest_kind kind, const struct value *wanted,
                            const struct value *found, struct admission_differences *differences) {
    if (kind == MANIFEST_NAMESPACE)
        compare_namespaces(arena, wanted, found, differences);
    else if (kind == MANIFEST_QUOTA)
        compare_quotas(arena, wanted, found, differences);
    else
        compare_projects(arena, wanted, found, differences);
}
