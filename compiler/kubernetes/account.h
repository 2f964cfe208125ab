// Service accounts as admission sees them: a user of a certain name, in two groups.
#ifndef KLOCK_ACCOUNT_H
#define KLOCK_ACCOUNT_H

#include <stdbool.h>
#include <stddef.h>

struct arena;

#define ACCOUNT_USER_PREFIX "system:serviceaccount:"   // NAMESPACE:NAME
#define ACCOUNT_GROUP_PREFIX "system:serviceaccounts:" // NAMESPACE
#define ACCOUNT_GROUP_OF_ALL "system:serviceaccounts"

// Whether the user is a service account, or what a cluster would take for one.
bool account_is_user(const char *user);
// Whether the group is that of all accounts of a namespace.
bool account_is_group(const char *group);

// The user that the account is; in the arena.
const char *account_user(struct arena *arena, const char *namespace, const char *name);
// The group of all accounts of the namespace; in the arena.
const char *account_group(struct arena *arena, const char *namespace);

// Divides the user. False, and nothing is set, where it is no service account; the namespace is copied into the arena,
// the name is part of the user.
bool account_parse(struct arena *arena, const char *user, const char **ret_namespace, const char **ret_name);
// The namespace in the name of such a user or group, of *ret_len bytes and not terminated; NULL where it is neither.
const char *account_namespace(const char *user_or_group, size_t *ret_len);

#endif
