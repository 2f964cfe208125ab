// What the parts of the plan share.
#ifndef KLOCK_PLAN_PARTS_H
#define KLOCK_PLAN_PARTS_H

#include "emit/plan.h"

struct arena;

// What the policies of one name have in common beside their locks.
struct family {
    enum shape shape;
    enum cover cover;
    const struct resource
        *parent;       // of SHAPE_SCALE and SHAPE_CONNECT; NULL for whatever of the group has the subresource
    const char *group; // of these without a parent; "*" for every group
};

// ---- plan_table.c ----

// Everything about a lock but its constants, as text: two locks may share a table exactly when it is the same.
const char *plan_skeleton(struct arena *arena, const struct lock *lock);
// Groups the locks by their structures, which stand in the same order.
void plan_make_tables(struct arena *arena, struct plan_policy *policy, const struct lock **locks,
                      const char **structures, size_t count);
// About how many bytes a lock adds to the text of its policy: its name once a column, its constants, its message.
size_t plan_weight(struct arena *arena, const struct lock *lock);

// ---- plan_rules.c ----

// The rules of SHAPE_OBJECTS, and of every other shape; there also the parameters that are looked up.
void plan_make_rules(struct arena *arena, struct plan_policy *policy, const struct lock **locks, size_t count);
void plan_make_covering_rules(struct arena *arena, struct plan_policy *policy, const struct family *family,
                              const struct lock **locks, size_t count);
bool plan_denies_act(const struct lock *lock, const struct kube_act *act);

#endif
