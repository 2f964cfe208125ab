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

#endif
