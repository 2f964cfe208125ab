// What the parts of the plan share.
#ifndef KLOCK_PLAN_PARTS_H
#define KLOCK_PLAN_PARTS_H

#include "base/map.h"
#include "emit/plan.h"

struct arena;

// What locks on objects are about; each has policies of its own.
enum concern { CONCERN_OBJECTS, CONCERN_GUARDS, CONCERN_IDENTITY, CONCERN_COUNT };

// The resources of a policy on objects.
struct reach {
    const char *key;        // no two have the same
    const char **resources; // sorted; families before others
    size_t count;
    size_t named;             // so many of them, from the first on, are part of the policy's name
    const struct set *known;  // the same resources
    const struct reach *into; // that of the policy; itself unless another takes it in
    struct reach *next;       // of the same policy of the source, concern, mode and failures
};

// What the policies of one name have in common beside their locks.
struct family {
    enum shape shape;
    enum cover cover;
    const struct reach *reach; // of SHAPE_OBJECTS; NULL with `from_configmaps`
    bool from_configmaps;      // the lock of one name, which ConfigMaps are, and what is made of it
    enum concern concern;      // of SHAPE_OBJECTS
    const struct resource
        *parent;       // of SHAPE_SCALE and SHAPE_CONNECT; NULL for whatever of the group has the subresource
    const char *group; // of these without a parent; "*" for every group
};

// ---- plan_reach.c ----

// All reaches of a compilation: first every lock that is written is added, then every lock, then all are settled, and
// then each can be asked for.
struct reaches {
    struct arena *arena;
    struct map written, structures, gathered, sets, manners;
    struct gathered *first;
};
void plan_init_reaches(struct reaches *reaches, struct arena *arena);
void plan_add_written(struct reaches *reaches, struct lock *lock);
void plan_add_reach(struct reaches *reaches, const struct lock *lock, const char *structure);
void plan_settle_reaches(struct reaches *reaches);
enum concern plan_concern(const struct reaches *reaches, const struct lock *lock);
// That of the policy the lock belongs into.
const struct reach *plan_reach_of(const struct reaches *reaches, const struct lock *lock, const char *structure);

// ---- plan_table.c ----

// Everything about a lock but its constants, as text: two locks may share a table exactly when it is the same.
const char *plan_skeleton(struct arena *arena, const struct lock *lock);
// Groups the locks by their structures, which stand in the same order.
void plan_make_tables(struct arena *arena, struct plan_policy *policy, const struct lock **locks,
                      const char **structures, size_t count);
// About how many bytes a lock adds to the text of its policy: its name once a column, its constants, its message.
size_t plan_weight(struct arena *arena, const struct lock *lock);

// ---- plan_message.c ----

// Finds what the messages of the table, whose keys are known, have in common.
void plan_compose_messages(struct arena *arena, struct plan_table *table);

// ---- plan_rules.c ----

// The rules of SHAPE_OBJECTS, and of every other shape; there also the parameters that are looked up.
void plan_make_rules(struct arena *arena, struct plan_policy *policy, const struct lock **locks, size_t count);
void plan_make_covering_rules(struct arena *arena, struct plan_policy *policy, const struct family *family,
                              const struct lock **locks, size_t count);
// Which of the requests that the rules name are left alone, whatever the shape.
void plan_select(struct arena *arena, struct plan_policy *policy, const struct lock **locks, size_t count);
// The parameters of a policy whose locks are ConfigMaps.
void plan_make_source(struct arena *arena, struct plan_policy *policy);
bool plan_denies_act(const struct lock *lock, const struct kube_act *act);

#endif
