// What is unwise about a policy that means something: holes, starved controllers, grants that reach too far. Reports
// warnings that can be accepted in place, and what only the whole policy shows to be wrong.
#ifndef KLOCK_CHECK_H
#define KLOCK_CHECK_H

#include <stdbool.h>
#include <stddef.h>

struct arena;
struct diags;
struct policies;
struct unit;

// Takes away the warnings that their block accepts with `allow CODE`, and reports acceptances of nothing.
void check(struct arena *arena, struct diags *diags, const struct policies *policies, struct unit *const *units,
           size_t unit_count, bool is_static, unsigned minor);

// Reports which webhooks of others keep the cluster, each other or themselves from working. The policies have no more
// than webhooks.
void check_webhooks_of_others(struct arena *arena, struct diags *diags, const struct policies *others);

// ---- check_whole.c: what is asked of the compilation as a whole ----

// The oldest minor that the target can have: 30 for 1.30.
unsigned check_oldest_minor(bool is_static);
// Reports servers that are too old for the target, and a date that is none; the date is NULL if none was given.
void check_target(struct diags *diags, bool is_static, unsigned minor, const char *date);
// Reports every file that makes objects without saying which policy they belong to.
void check_named(struct diags *diags, struct unit *const *units, size_t unit_count);
// Reports that nothing comes of the sources: applied with pruning, that would take every lock away.
void check_empty(struct diags *diags, bool is_static);

#endif
