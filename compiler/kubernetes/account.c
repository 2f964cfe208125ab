// See account.h. The names are those of k8s.io/apiserver/pkg/authentication/serviceaccount.
#include "kubernetes/account.h"

#include <string.h>

#include "base/arena.h"

enum { USER_PREFIX = sizeof ACCOUNT_USER_PREFIX - 1, GROUP_PREFIX = sizeof ACCOUNT_GROUP_PREFIX - 1 };

bool account_is_user(const char *user) {
    return strncmp(user, ACCOUNT_USER_PREFIX, USER_PREFIX) == 0;
}

bool account_is_group(const char *group) {
    return strncmp(group, ACCOUNT_GROUP_PREFIX, GROUP_PREFIX) == 0;
}

const char *account_user(struct arena *arena, const char *namespace, const char *name) {
    return arena_printf(arena, ACCOUNT_USER_PREFIX "%s:%s", namespace, name);
}

const char *account_group(struct arena *arena, const char *namespace) {
    return arena_printf(arena, ACCOUNT_GROUP_PREFIX "%s", namespace);
}

bool account_parse(struct arena *arena, const char *user, const char **ret_namespace, const char **ret_name) {
    const char *namespace = user + USER_PREFIX, *colon = account_is_user(user) ? strchr(namespace, ':') : NULL;
    if (!colon) return false;
    *ret_namespace = arena_copy(arena, namespace, (size_t)(colon - namespace));
    *ret_name = colon + 1;
    return true;
}

const char *account_namespace(const char *user_or_group, size_t *ret_len) {
    const bool user = account_is_user(user_or_group);
    if (!user && !account_is_group(user_or_group)) return NULL;
    const char *namespace = user_or_group + (user ? USER_PREFIX : GROUP_PREFIX);
    *ret_len = strcspn(namespace, ":");
    return namespace;
}
