// Rights of the requesters, so that a policy refuses them and not RBAC.
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/map.h"
#include "base/text.h"
#include "chainsaw/chainsaw_internal.h"
#include "data/value.h"

#define RBAC_GROUP "rbac.authorization.k8s.io"

// Verbs on one resource; of the others that its requests need, those on what they are about.
struct right {
    const char *group, *resource, *verbs;
};

struct rights {
    struct arena *arena;
    struct right *items;
    size_t count;
    const char **users, **grants;
    size_t user_count, grant_count;
    struct set known;
};

static void add_verb(struct rights *rights, const char *group, const char *resource, const char *verb) {
    struct arena *arena = rights->arena;
    for (size_t i = 0; i < rights->count; i++) {
        struct right *right = &rights->items[i];
        if (strcmp(right->group, group) != 0 || strcmp(right->resource, resource) != 0) continue;
        if (!text_has_word(right->verbs, verb)) right->verbs = arena_printf(arena, "%s %s", right->verbs, verb);
        return;
    }
    ARENA_PUSH(arena, rights->items, rights->count, ((struct right){group, resource, verb}));
}

// Nobody writes rights that they have not, unless they may do that.
static void add_escalation(struct rights *rights) {
    static const char *const roles[] = {"clusterroles", "roles"};
    for (size_t i = 0; i < 2; i++) {
        add_verb(rights, RBAC_GROUP, roles[i], "bind");
        add_verb(rights, RBAC_GROUP, roles[i], "escalate");
    }
}

static void add_request(struct rights *rights, const struct request *request) {
    const char *group = request->group, *resource = request->resource;
    if (*request->subresource) resource = arena_printf(rights->arena, "%s/%s", request->resource, request->subresource);
    switch (request->operation) {
    case OP_CREATE: add_verb(rights, group, resource, "create"); break;
    case OP_CONNECT: add_verb(rights, group, resource, "create"); break;
    case OP_UPDATE: add_verb(rights, group, resource, "patch"); break;
    case OP_DELETE: add_verb(rights, group, resource, request->collection ? "deletecollection" : "delete"); break;
    }
    // kubectl looks at what it changes.
    if (request->operation != OP_CREATE) add_verb(rights, group, resource, "get");
    if (request->operation == OP_UPDATE) add_verb(rights, group, request->resource, "get");
    if (strcmp(group, RBAC_GROUP) == 0) add_escalation(rights);
    if (set_add(&rights->known, request->user))
        ARENA_PUSH(rights->arena, rights->users, rights->user_count, request->user);
    for (size_t i = 0; i < request->grant_count; i++)
        if (set_add(&rights->known, chainsaw_grant_group(rights->arena, request->grants[i])))
            ARENA_PUSH(rights->arena, rights->grants, rights->grant_count, request->grants[i]);
}

static int compare_rights(const void *a, const void *b) {
    const struct right *left = a, *right = b;
    const int order = strcmp(left->group, right->group);
    return order ? order : strcmp(left->resource, right->resource);
}

static struct value *one(struct arena *arena, const char *text) {
    struct value *list = value_list(arena);
    value_append(arena, list, value_string(arena, text));
    return list;
}

static struct value *words(struct arena *arena, const char *text) {
    const char **sorted = NULL;
    size_t count = 0;
    while (*text) {
        const size_t len = strcspn(text, " ");
        ARENA_PUSH(arena, sorted, count, arena_copy(arena, text, len));
        text += len + (text[len] == ' ');
    }
    qsort(sorted, count, sizeof *sorted, compare_strings);
    struct value *list = value_list(arena);
    for (size_t i = 0; i < count; i++) value_append(arena, list, value_string(arena, sorted[i]));
    return list;
}

static void add_rule(struct arena *arena, struct value *rules, const struct right *right) {
    struct value *rule = value_map(arena);
    value_set(arena, rule, "apiGroups", one(arena, right->group));
    value_set(arena, rule, "resources", one(arena, right->resource));
    value_set(arena, rule, "verbs", words(arena, right->verbs));
    value_append(arena, rules, rule);
}

static void add_role(struct arena *arena, struct value *operations, const char *name, struct value *rules,
                     struct value *subjects) {
    struct value *role = chainsaw_object(arena, RBAC_GROUP "/v1", "ClusterRole", "", name),
                 *binding = chainsaw_object(arena, RBAC_GROUP "/v1", "ClusterRoleBinding", "", name),
                 *reference = value_map(arena);
    value_set(arena, role, "rules", rules);
    value_set_string(arena, reference, "apiGroup", RBAC_GROUP);
    value_set_string(arena, reference, "kind", "ClusterRole");
    value_set_string(arena, reference, "name", name);
    value_set(arena, binding, "roleRef", reference);
    value_set(arena, binding, "subjects", subjects);
    value_append(arena, operations, chainsaw_create(arena, role));
    value_append(arena, operations, chainsaw_create(arena, binding));
}

static void add_subject(struct arena *arena, struct value *subjects, const char *kind, const char *name) {
    struct value *subject = value_map(arena);
    value_set_string(arena, subject, "apiGroup", RBAC_GROUP);
    value_set_string(arena, subject, "kind", kind);
    value_set_string(arena, subject, "name", name);
    value_append(arena, subjects, subject);
}

void chainsaw_access(const struct chainsaw *chainsaw, const struct judged_case *const *cases, size_t count,
                     struct value *operations) {
    struct arena *arena = chainsaw->arena;
    struct rights rights = {.arena = arena};
    set_init(&rights.known, arena);
    for (size_t i = 0; i < count; i++) add_request(&rights, &cases[i]->test_case->request);
    qsort(rights.items, rights.count, sizeof *rights.items, compare_rights);
    qsort(rights.users, rights.user_count, sizeof *rights.users, compare_strings);
    if (rights.grant_count) qsort(rights.grants, rights.grant_count, sizeof *rights.grants, compare_strings);
    struct value *rules = value_list(arena), *subjects = value_list(arena);
    for (size_t i = 0; i < rights.count; i++) add_rule(arena, rules, &rights.items[i]);
    for (size_t i = 0; i < rights.user_count; i++) add_subject(arena, subjects, "User", rights.users[i]);
    add_role(arena, operations, CHAINSAW_NAME, rules, subjects);
    for (size_t i = 0; i < rights.grant_count; i++) {
        const struct right right = {"klock.dev", "locks", rights.grants[i]};
        const char *group = chainsaw_grant_group(arena, rights.grants[i]);
        rules = value_list(arena);
        subjects = value_list(arena);
        add_rule(arena, rules, &right);
        add_subject(arena, subjects, "Group", group);
        add_role(arena, operations, group, rules, subjects);
    }
}
