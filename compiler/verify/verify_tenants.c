// What is made for tenants: what a Namespace says of its tenant, what is limited, and what Argo CD may deploy.
#include <string.h>

#include "base/arena.h"
#include "base/names.h"
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

// Lines as one.
static const char *on_a_line(struct arena *arena, const char *text) {
    char *line = arena_printf(arena, "%s", text);
    for (char *c = line; *c; c++)
        if (*c == '\n') *c = ',';
    return line;
}

static void compare_text(struct arena *arena, const struct value *wanted, const struct value *found, const char *map,
                         const char *key, struct admission_differences *differences) {
    const char *a = value_get_string(value_dig(wanted, "metadata", map, NULL), key),
               *b = value_get_string(value_dig(found, "metadata", map, NULL), key);
    if (strcmp(a, b) == 0) return;
    differ(arena, differences, arena_printf(arena, "metadata.%s[%s]", map, key), on_a_line(arena, a),
           on_a_line(arena, b));
}

static void compare_namespaces(struct arena *arena, const struct value *wanted, const struct value *found,
                               struct admission_differences *differences) {
    const struct value *labels = value_dig(wanted, "metadata", "labels", NULL);
    for (size_t i = 0; i < labels->count; i++)
        compare_text(arena, wanted, found, "labels", labels->as.entries[i].key, differences);
    compare_text(arena, wanted, found, "annotations", NAMES_TENANT_MEMBERS, differences);
}

static const char *amount_of(struct arena *arena, const struct value *amount) {
    if (!amount) return "";
    if (amount->kind == VALUE_INT) return arena_printf(arena, "%lld", (long long)amount->as.integer);
    return amount->kind == VALUE_STRING ? amount->as.string : "no quantity";
}

// An API server writes 0.5 as 500m.
static bool is_same_amount(const char *wanted, const char *found) {
    struct quantity a, b;
    return quantity_parse(wanted, &a) && quantity_parse(found, &b) && quantity_compare(&a, &b) == 0;
}

static void compare_quotas(struct arena *arena, const struct value *wanted, const struct value *found,
                           struct admission_differences *differences) {
    const struct value *a = value_dig(wanted, "spec", "hard", NULL), *b = value_dig(found, "spec", "hard", NULL);
    for (size_t i = 0; i < a->count; i++) {
        const char *key = a->as.entries[i].key, *amount = amount_of(arena, value_get(b, key));
        if (!is_same_amount(a->as.entries[i].value->as.string, amount))
            differ(arena, differences, arena_printf(arena, "spec.hard[%s]", key), a->as.entries[i].value->as.string,
                   amount);
    }
}

// What is wanted says all that lets the tenant deploy; of what else there is, roles and windows let nobody do more.
static void compare_projects(struct arena *arena, const struct value *wanted, const struct value *found,
                             struct admission_differences *differences) {
    static const char *const fields[] = {"destinationServiceAccounts", "destinations", "sourceNamespaces",
                                         "sourceRepos", "clusterResourceWhitelist"};
    const struct value *a = value_get(wanted, "spec"), *b = value_get(found, "spec");
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        const struct value *of_a = value_get(a, fields[i]), *of_b = value_get(b, fields[i]);
        const bool same = of_a && of_b ? value_equal(of_a, of_b) : !of_a && (!of_b || !of_b->count);
        const struct admission_difference difference = {ADMISSION_OTHER, arena_printf(arena, "spec.%s", fields[i]),
                                                        "is another"};
        if (!same) ARENA_PUSH(arena, differences->items, differences->count, difference);
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
