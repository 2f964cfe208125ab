// Configurations of webhooks, webhook by webhook: what is compiled says every field, so that each is compared as it is.
#include <string.h>

#include "base/arena.h"
#include "data/value.h"
#include "verify/verify_internal.h"

static void add(struct arena *arena, struct admission_differences *differences, enum admission_effect effect,
                const char *webhook, const char *field, const char *text) {
    const struct admission_difference difference = {effect,
                                                    *field ? arena_printf(arena, "webhooks[%s].%s", webhook, field)
                                                           : arena_printf(arena, "webhooks[%s]", webhook),
                                                    text};
    ARENA_PUSH(arena, differences->items, differences->count, difference);
}

// What a field that is not there stands for.
static bool is_empty(const struct value *value) {
    return !value || value->kind == VALUE_NULL ||
           ((value->kind == VALUE_MAP || value->kind == VALUE_LIST) && !value->count);
}

static bool same(const struct value *a, const struct value *b);

static bool has_item(const struct value *list, const struct value *item) {
    for (size_t i = 0; i < list->count; i++)
        if (same(list->as.items[i], item)) return true;
    return false;
}

// Lists of rules, requirements and words mean the same in any order.
static bool same(const struct value *a, const struct value *b) {
    if (is_empty(a) || is_empty(b)) return is_empty(a) && is_empty(b);
    if (a->kind != b->kind) return false;
    if (a->kind == VALUE_LIST) {
        for (size_t i = 0; i < a->count; i++)
            if (!has_item(b, a->as.items[i])) return false;
        return a->count == b->count;
    }
    if (a->kind != VALUE_MAP) return value_equal(a, b);
    for (size_t i = 0; i < a->count; i++)
        if (!same(a->as.entries[i].value, value_get(b, a->as.entries[i].key))) return false;
    for (size_t i = 0; i < b->count; i++)
        if (!is_empty(b->as.entries[i].value) && !value_get(a, b->as.entries[i].key)) return false;
    return true;
}

// Whoever injects the authority owns it.
static const struct value *without_authority(struct arena *arena, const struct value *config) {
    struct value *copy = value_map(arena);
    for (size_t i = 0; config && config->kind == VALUE_MAP && i < config->count; i++)
        if (strcmp(config->as.entries[i].key, "caBundle") != 0)
            value_set(arena, copy, config->as.entries[i].key, value_copy(arena, config->as.entries[i].value));
    return copy;
}

static void compare_field(struct arena *arena, const char *webhook, const char *key, const struct value *wanted,
                          const struct value *found, struct admission_differences *differences) {
    if (strcmp(key, "clientConfig") == 0 && !value_get(wanted, "caBundle")) found = without_authority(arena, found);
    if (same(wanted, found)) return;
    const bool softer = strcmp(key, "failurePolicy") == 0 && found && found->kind == VALUE_STRING &&
                        strcmp(found->as.string, "Ignore") == 0;
    const bool plain = wanted && found && wanted->kind == VALUE_STRING && found->kind == VALUE_STRING;
    add(arena, differences, softer ? ADMISSION_SOFTER : ADMISSION_OTHER, webhook, key,
        plain    ? arena_printf(arena, "is '%s', not '%s'", found->as.string, wanted->as.string)
        : wanted ? "is another"
                 : "is not of the policy");
}

static const struct value *find(const struct value *list, const char *name) {
    for (size_t i = 0; list && list->kind == VALUE_LIST && i < list->count; i++)
        if (strcmp(value_get_string(list->as.items[i], "name"), name) == 0) return list->as.items[i];
    return NULL;
}

static void compare(struct arena *arena, const char *name, const struct value *wanted, const struct value *found,
                    struct admission_differences *differences) {
    for (size_t i = 0; i < wanted->count; i++) {
        const char *key = wanted->as.entries[i].key;
        compare_field(arena, name, key, wanted->as.entries[i].value, value_get(found, key), differences);
    }
    for (size_t i = 0; i < found->count; i++) {
        const char *key = found->as.entries[i].key;
        if (!value_get(wanted, key)) compare_field(arena, name, key, NULL, found->as.entries[i].value, differences);
    }
}

void verify_compare_webhooks(struct arena *arena, const struct value *wanted, const struct value *found,
                             struct admission_differences *differences) {
    const struct value *own = value_get(wanted, "webhooks"), *others = value_get(found, "webhooks");
    bool ordered = others && others->kind == VALUE_LIST && own->count == others->count;
    for (size_t i = 0; i < own->count; i++) {
        const struct value *webhook = own->as.items[i];
        const char *name = value_get_string(webhook, "name");
        const struct value *other = find(others, name);
        if (!other)
            add(arena, differences, ADMISSION_NARROWER, name, "", "is gone");
        else
            compare(arena, name, webhook, other, differences);
        ordered = ordered && other == others->as.items[i];
    }
    for (size_t i = 0; others && others->kind == VALUE_LIST && i < others->count; i++) {
        const char *name = value_get_string(others->as.items[i], "name");
        if (!find(own, name)) add(arena, differences, ADMISSION_OTHER, name, "", "is not of the policy");
    }
    if (!ordered && !differences->count)
        add(arena, differences, ADMISSION_OTHER, value_get_string(own->as.items[0], "name"), "", "is not in its place");
}
