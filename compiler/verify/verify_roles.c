// Roles as what they allow: each verb on each resource by itself, however the rules put them together.
#include <string.h>

#include "base/arena.h"
#include "base/map.h"
#include "base/text.h"
#include "data/value.h"
#include "verify/verify_internal.h"

enum { SHOWN = 3 };

#define RBAC_GROUP_NAME "rbac.authorization.k8s.io"

// The items of a list of texts.
struct words {
    const struct value *list; // NULL if there are none
    size_t count;
};

static struct words words_of(const struct value *rule, const char *key) {
    const struct value *list = value_get(rule, key);
    const bool is_list = list && list->kind == VALUE_LIST && list->count;
    return (struct words){is_list ? list : NULL, is_list ? list->count : 0};
}

// Without names a rule is about all of them: one "".
static struct words names_of(const struct value *rule) {
    struct words names = words_of(rule, "resourceNames");
    if (!names.list) names.count = 1;
    return names;
}

static const char *word_at(const struct words *words, size_t index) {
    const struct value *word = words->list ? words->list->as.items[index] : NULL;
    return word && word->kind == VALUE_STRING ? word->as.string : "";
}

// "delete deployments.apps x"
static void add_rule(struct arena *arena, const struct value *rule, struct set *rights) {
    const struct words verbs = words_of(rule, "verbs"), groups = words_of(rule, "apiGroups"),
                       resources = words_of(rule, "resources"), names = names_of(rule),
                       urls = words_of(rule, "nonResourceURLs");
    for (size_t v = 0; v < verbs.count; v++) {
        for (size_t u = 0; u < urls.count; u++)
            set_add(rights, arena_printf(arena, "%s %s", word_at(&verbs, v), word_at(&urls, u)));
        for (size_t r = 0; r < resources.count; r++)
            for (size_t g = 0; g < groups.count; g++)
                for (size_t n = 0; n < names.count; n++) {
                    const char *group = word_at(&groups, g), *name = word_at(&names, n);
                    set_add(rights, arena_printf(arena, "%s %s%s%s%s%s", word_at(&verbs, v), word_at(&resources, r),
                                                 *group ? "." : "", group, *name ? " " : "", name));
                }
    }
}

// "ServiceAccount a/b"; the API group of a subject is the one that it has by default, or one that means nothing.
static void add_subject(struct arena *arena, const struct value *subject, struct set *subjects) {
    const char *namespace = value_get_string(subject, "namespace"), *kind = value_get_string(subject, "kind");
    const char *group = value_get_string(subject, "apiGroup");
    const char *own = strcmp(kind, "ServiceAccount") == 0 ? "" : RBAC_GROUP_NAME;
    const bool is_usual = !*group || strcmp(group, own) == 0;
    set_add(subjects, arena_printf(arena, "%s%s%s %s%s%s", is_usual ? "" : group, is_usual ? "" : "/", kind, namespace,
                                   *namespace ? "/" : "", value_get_string(subject, "name")));
}

static void read_set(struct arena *arena, const struct value *object, const char *key,
                     void (*add)(struct arena *arena, const struct value *item, struct set *set), struct set *ret_set) {
    const struct value *list = value_get(object, key);
    set_init(ret_set, arena);
    for (size_t i = 0; list && list->kind == VALUE_LIST && i < list->count; i++) add(arena, list->as.items[i], ret_set);
}

static void differ(struct arena *arena, struct admission_differences *differences, const char *field,
                   const char *text) {
    const struct admission_difference difference = {ADMISSION_OTHER, field, text};
    ARENA_PUSH(arena, differences->items, differences->count, difference);
}

// What only the first has.
static void report_beyond(struct arena *arena, struct admission_differences *differences, const char *field,
                          const char *what, const struct set *some, const struct set *others) {
    size_t count = 0;
    const char **names = set_beyond(arena, some, others, &count);
    if (!count) return;
    struct text text;
    text_init(&text, arena);
    text_add_string(&text, what);
    for (size_t i = 0; i < count && i < SHOWN; i++) text_printf(&text, "%s `%s`", i ? "," : "", names[i]);
    if (count > SHOWN) text_printf(&text, " and %zu more", count - SHOWN);
    differ(arena, differences, field, text_string(&text));
}

static void compare_sets(struct arena *arena, const struct value *wanted, const struct value *found, const char *key,
                         void (*add)(struct arena *arena, const struct value *item, struct set *set), const char *less,
                         const char *more, struct admission_differences *differences) {
    struct set of_wanted, of_found;
    read_set(arena, wanted, key, add, &of_wanted);
    read_set(arena, found, key, add, &of_found);
    report_beyond(arena, differences, key, less, &of_wanted, &of_found);
    report_beyond(arena, differences, key, more, &of_found, &of_wanted);
}

// Roles that gather the rules of others by labels: what these labels give away is no label of a tool.
static void compare_aggregation(struct arena *arena, const struct value *wanted, const struct value *found,
                                struct admission_differences *differences) {
    static const char aggregates[] = "rbac.authorization.k8s.io/aggregate-to-";
    const struct value *labels = value_dig(found, "metadata", "labels", NULL);
    if (value_get(found, "aggregationRule"))
        differ(arena, differences, "aggregationRule", "is there: a controller writes its rules");
    for (size_t i = 0; labels && labels->kind == VALUE_MAP && i < labels->count; i++) {
        const char *key = labels->as.entries[i].key;
        if (strncmp(key, aggregates, sizeof aggregates - 1) != 0) continue;
        if (value_get(value_dig(wanted, "metadata", "labels", NULL), key)) continue;
        differ(arena, differences, arena_printf(arena, "the label %s", key),
               "was added: it gives what the role allows, to whoever has another role");
    }
}

// What a binding binds, but for its name.
static void compare_references(struct arena *arena, const struct value *wanted, const struct value *found,
                               struct admission_differences *differences) {
    const struct value *of_wanted = value_get(wanted, "roleRef"), *of_found = value_get(found, "roleRef");
    const char *group = value_get_string(of_found, "apiGroup"), *kind = value_get_string(of_found, "kind");
    if (!of_wanted) return;
    if (*group && strcmp(group, RBAC_GROUP_NAME) != 0)
        differ(arena, differences, "roleRef.apiGroup",
               arena_printf(arena, "is '%s', not '" RBAC_GROUP_NAME "'", group));
    if (strcmp(kind, value_get_string(of_wanted, "kind")) != 0)
        differ(arena, differences, "roleRef.kind",
               arena_printf(arena, "is '%s', not '%s'", kind, value_get_string(of_wanted, "kind")));
}

// Of service accounts; pods get the token where nothing is said.
static void compare_mounting(struct arena *arena, const struct value *wanted, const struct value *found,
                             struct admission_differences *differences) {
    static const char field[] = "automountServiceAccountToken";
    const struct value *of_wanted = value_get(wanted, field), *of_found = value_get(found, field);
    const bool mounted = !of_found || of_found->kind != VALUE_BOOL || of_found->as.boolean;
    if (of_wanted && of_wanted->as.boolean != mounted)
        differ(arena, differences, field,
               mounted ? "is true, not false: pods that run as it get its token" : "is false, not true");
}

void verify_compare_roles(struct arena *arena, const struct value *wanted, const struct value *found,
                          struct admission_differences *differences) {
    compare_sets(arena, wanted, found, "rules", add_rule, "do not allow", "allow more:", differences);
    compare_sets(arena, wanted, found, "subjects", add_subject, "do not have", "have as well", differences);
    compare_aggregation(arena, wanted, found, differences);
    compare_references(arena, wanted, found, differences);
    compare_mounting(arena, wanted, found, differences);
}
