// What the parts share that build the expressions of a policy: the state, and their entry points.
#ifndef KLOCK_VAP_INTERNAL_H
#define KLOCK_VAP_INTERNAL_H

#include <stdbool.h>
#include <string.h>

#include "base/map.h"
#include "base/text.h"
#include "cel/cel_build.h"
#include "cel/cel_print.h"
#include "cel/cel_tree.h"
#include "emit/plan.h"

struct vap_policy;
struct vap_variable;

// ---- the state of building one policy ----

enum base {
#define VARIABLE(name, expression) BASE_##name,
#include "emit/vap_base.def"
#undef VARIABLE
    BASE_COUNT
};

enum { VAP_DEPTH = 16 }; // of what is remembered of variables

struct builder {
    struct arena *arena;
    const struct plan_policy *policy;
    const struct plan_table *table;
    struct vap_policy *made; // the tables' variables are added here
    struct set names;
    struct map maps;                   // of constants, by name: struct vap_parts
    struct map once;                   // of these: name → those that differ, of struct vap_numbered
    struct cel_node *used[BASE_COUNT]; // variables.NAME, where it is used
    struct cel_node *always, *never;   // true and false
    const char *self;                  // "stored" or "new": what STATE_SELF reads at the moment
    bool skip_keys;                    // atoms of the key are known to hold
    bool is_typed;                     // the API server knows all fields of the objects
    bool exempt;                       // of the new object, what controllers write is read as it is stored
    int depth;                         // of any / all and [*]
    bool is_map[VAP_DEPTH];            // of the elements that any / all have bound
    struct {
        const char *namespace;
        bool is_met; // whether some lock may hold something there
    } met;
};

static inline void vap_read_stored(struct builder *builder) {
    builder->self = "stored";
}

static inline void vap_read_new(struct builder *builder) {
    builder->self = "new";
}

static inline bool vap_reads_new(const struct builder *builder) {
    return strcmp(builder->self, "new") == 0;
}

// ---- vap_base.c ----

// The variable as an expression; it is written because it was asked for.
struct cel_node *vap_use(struct builder *builder, enum base base);
#define USE(name) vap_use(builder, BASE_##name)
// The expression of the variable `resource` where objects themselves are asked about.
struct cel_node *vap_resource(struct arena *arena);
// Whether the rules leave the resource out of what wildcards take in.
bool vap_is_excluded(const struct plan_policy *policy, const char *group, const char *resource);
// Whether some request that the policy sees may be about the resource.
bool vap_sees(const struct builder *builder, const char *group, const char *resource);
// What even a lock that lets nothing through is not for.
struct cel_node *vap_always_exempt(struct builder *builder);
// Adds the variables that are used, and those that they use.
void vap_add_base_variables(struct builder *builder, struct vap_variable **variables, size_t *count);

// ---- vap.c ----

// As the API server has them; where they are not scoped, they are of every scope.
struct value *vap_rules(struct arena *arena, const struct plan_rule *rules, size_t count, bool scoped);

// ---- vap_reduce.c ----

void vap_reduce(struct arena *arena, const struct plan_policy *plan, struct vap_policy *policy);
// The same of the match condition alone, which no variables are left for.
void vap_reduce_condition(struct arena *arena, const struct plan_policy *plan, struct vap_policy *policy);

// ---- vap_shorten.c ----

// The same for requests that reach the policy. What a user wrote stays as it was written.
struct cel_node *vap_shorten(struct arena *arena, const struct plan_policy *plan, struct cel_node *node);

// ---- vap_assume.c ----

// The same, without what it asks again.
struct cel_node *vap_assume(struct arena *arena, struct cel_node *node);

// ---- vap_summary.c ----

// A line for each lock of the policy, in English; where they are many, how many.
const char *vap_summary(struct arena *arena, const struct plan_policy *policy);

// ---- vap_match.c ----

// A validation refuses what is everything of `all` and nothing of `none`.
struct vap_refusal {
    struct cel_nodes all, none;
};
struct vap_refusal vap_refusal_of(struct arena *arena, struct cel_node *validation);
struct cel_node *vap_refused(struct arena *arena, const struct vap_refusal *refusal);
// What all of them have, and is taken from them.
struct vap_refusal vap_common(struct arena *arena, struct vap_refusal *refusals, size_t count);

// Makes a match condition of what all validations ask for; it may still read variables.
void vap_match(struct arena *arena, const struct plan_policy *plan, struct vap_policy *policy);

// ---- vap_bind.c ----

// Whether it has constants of tables, which are read in parts, or CEL of a user, which may cost as much as a variable
// may.
bool vap_needs_variables(const struct vap_policy *policy);
// The condition without variables, which must not be of these, for requests of these operations. Part of it becomes a
// value whose type the API server does not know; as a whole it stays one that it does.
struct cel_node *vap_bind_all(struct arena *arena, struct cel_node *node, unsigned operations,
                              const struct vap_policy *policy);
// ---- vap_constant.c ----

// The variable of a table that the suffix, which begins with a capital letter, says more of.
const char *vap_table_variable(struct arena *arena, const struct plan_table *table, const char *suffix);
// The same of what finds its rows, which it may share.
const char *vap_lookup_variable(struct arena *arena, const struct plan_table *table, const char *suffix);
void vap_add_variable(struct builder *builder, const char *name, struct cel_node *expression);
// The variable that says this, as an expression; made under that name, or that name and a number, if there is none.
struct cel_node *vap_add_once(struct builder *builder, const char *name, struct cel_node *expression);

// A constant map, cut into as many variables as the limit of one expression asks for, and into smaller ones where an
// expression costs by its length.
struct vap_map {
    struct builder *builder;
    const char *name;
    struct text part; // the one that is made
    size_t count;     // of its entries
    struct set keys;
    struct vap_parts {
        const char **first; // key of each part
        size_t count;
        const char *last; // key so far
        bool is_sorted;
    } * parts;
};
void vap_map_begin(struct vap_map *map, struct builder *builder, const char *name);
// The value is CEL.
void vap_map_add(struct vap_map *map, const char *key, const struct text *value);
void vap_map_end(struct vap_map *map);
// Looks the key up in the part that has it; `missing` is what it gives when none has it, NULL if one always has.
struct cel_node *vap_lookup(struct builder *builder, const char *name, struct cel_node *key, struct cel_node *missing);

// The name of the row in a table's comprehensions.
#define ROW "lock"
// The column: written in place when all rows agree, else looked up by the row's name, which `row_name` evaluates to.
struct cel_node *vap_constant_of(struct builder *builder, const struct plan_column *column, struct cel_node *row_name);
struct cel_node *vap_constant(struct builder *builder, const struct plan_column *column);
const struct plan_column *vap_column_of(const struct builder *builder, const struct formula *atom);

// ---- vap_formula.c ----

// The variable of a macro: the letter and the number.
const char *vap_bound(struct builder *builder, char letter, int number);
// The number of the variable that any / all binds; the depth is one more then.
int vap_bind(struct builder *builder, const struct formula *quantifier);
// request.operation, and that it is this one.
struct cel_node *vap_operation(struct builder *builder);
struct cel_node *vap_is_operation(struct builder *builder, const char *operation);

struct cel_node *vap_formula(struct builder *builder, const struct formula *expr);
// The selection, read from the stored or the new object. With a table, the key's part of it is that the lock is found.
struct cel_node *vap_selection(struct builder *builder, bool of_new);
// That the lock would hold the new object as well; that it would but for what controllers write of it.
struct cel_node *vap_still_held(struct builder *builder);
struct cel_node *vap_still_held_by_exempt(struct builder *builder);
struct cel_node *vap_operations(struct builder *builder, unsigned operations);
// The subject equals one of the column's constants.
struct cel_node *vap_is_in(struct builder *builder, struct cel_node *subject, const struct plan_column *column);

// Says what is asked of the value at the end of a path.
typedef struct cel_node *(*vap_path_end)(struct builder *builder, const struct formula *atom, struct cel_node *subject);
// Follows the atom's path from the subject, guarding every step.
struct cel_node *vap_walk_path(struct builder *builder, const struct formula *atom, struct cel_node *subject,
                               bool known_map, size_t segment, vap_path_end finish);
// The path below the object as an optional; NULL where something else than a map could be in between.
struct cel_node *vap_optional_path(struct builder *builder, const struct field_path *path, struct cel_node *root);
// Whether a formula about the keys of a map is about this one.
struct cel_node *vap_test_key(struct builder *builder, const struct formula *atom, struct cel_node *key);
struct cel_node *vap_test_value(struct builder *builder, const struct formula *atom, struct cel_node *subject);
struct cel_node *vap_list_end(struct builder *builder, const struct formula *expr, struct cel_node *subject);

// ---- vap_source.c ----

// That the labels are those which the ConfigMap asks for that is the parameter; that the object is such a ConfigMap.
struct cel_node *vap_source_selects(struct builder *builder, const struct formula *expr);
struct cel_node *vap_is_source(struct builder *builder, const struct formula *expr);
// That the ConfigMap names the requester: the parameter, or the stored object where the lock keeps it; false elsewhere.
struct cel_node *vap_source_names(struct builder *builder);
// That the parameter has the label that the policy's locks have.
struct cel_node *vap_is_of_source(struct builder *builder);
// The message with what the ConfigMap fills in.
struct cel_node *vap_source_message(struct arena *arena, const char *message);

// ---- vap_change.c ----

// That the update changes something the lock is about.
struct cel_node *vap_changes(struct builder *builder);
// The same for an update of which only the metadata counts.
struct cel_node *vap_metadata_changes(struct builder *builder);
// That the new object has something that the lock is about, where `changing` names it.
struct cel_node *vap_brings(struct builder *builder);
// That the update changes something that the formula reads of the object.
struct cel_node *vap_reads_differ(struct builder *builder, const struct formula *formula);
struct cel_node *vap_path_present(struct builder *builder, const struct field_path *path, struct cel_node *root);
// The path below the root.
struct cel_node *vap_path(struct arena *arena, struct cel_node *root, const struct field_path *path);

#endif
