// What the parts of the CEL printer share: pieces of text, the state of printing, and the parts' entry points.
#ifndef KLOCK_CEL_PARTS_H
#define KLOCK_CEL_PARTS_H

#include <stdbool.h>
#include <string.h>

#include "base/map.h"
#include "base/text.h"
#include "emit/plan.h"

struct cel_policy;
struct cel_variable;

// ---- cel_piece.c ----

// How tightly the outermost operator binds.
enum level { LEVEL_OR, LEVEL_AND, LEVEL_RELATION, LEVEL_UNARY };

struct piece {
    const char *text;
    enum level level;
};

extern const struct piece piece_always, piece_never; // true and false, which and / or / not simplify

bool piece_is(struct piece piece, struct piece constant);
struct piece piece_print(struct arena *arena, enum level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
// The piece, in parentheses if it binds less tightly.
struct piece piece_at_least(struct arena *arena, struct piece piece, enum level level);
struct piece piece_and(struct arena *arena, struct piece a, struct piece b);
struct piece piece_or(struct arena *arena, struct piece a, struct piece b);
struct piece piece_not(struct arena *arena, struct piece a);

void cel_add_scalar(struct text *text, const struct value *value);
const char *cel_quoted(struct arena *arena, const char *string);
void cel_add_string_list(struct text *text, const char *const *strings, size_t count);

// ---- the state of printing one policy ----

enum base {
#define VARIABLE(name, expression) BASE_##name,
#include "emit/cel_base.def"
#undef VARIABLE
    BASE_COUNT
};

struct printer {
    struct arena *arena;
    const struct plan_policy *policy;
    const struct plan_table *table;
    struct cel_policy *cel; // the tables' variables are added here
    struct set names;
    struct map once, counts; // of these; NAME = EXPRESSION; how many expressions have a name
    bool used[BASE_COUNT];
    const char *self; // "stored" or "new": what STATE_SELF reads at the moment
    bool skip_keys;   // atoms of the key are known to hold
    bool exempt;      // of the new object, what controllers write is read as it is stored
    int depth;        // of any / all and [*]
};

static inline void cel_read_stored(struct printer *printer) {
    printer->self = "stored";
}

static inline void cel_read_new(struct printer *printer) {
    printer->self = "new";
}

static inline bool cel_reads_new(const struct printer *printer) {
    return strcmp(printer->self, "new") == 0;
}

// ---- cel_base.c ----

// The variable as an expression; it is written because it was asked for.
const char *cel_use(struct printer *printer, enum base base);
#define USE(name) cel_use(printer, BASE_##name)
// Whether some request that the policy sees may be about the resource.
bool cel_sees(const struct printer *printer, const char *group, const char *resource);
// What even a lock that lets nothing through is not for.
struct piece cel_always_exempt(struct printer *printer);
// Adds the variables that are used, and those that they use.
void cel_add_base_variables(struct printer *printer, struct cel_variable **variables, size_t *count);

// ---- cel_constant.c ----

// The variable of a table that the suffix, which begins with a capital letter, says more of.
const char *cel_table_variable(struct arena *arena, const struct plan_table *table, const char *suffix);
void cel_add_variable(struct printer *printer, const char *name, const char *expression);
// The variable that says this; made under that name, or that name and a number, if there is none.
const char *cel_add_once(struct printer *printer, const char *name, const char *expression);

// A constant map, cut into as many variables as the limit of one expression asks for.
struct cel_map {
    struct printer *printer;
    const char *name;
    struct text text;
    struct set keys;
    size_t parts;
};
void cel_map_begin(struct cel_map *map, struct printer *printer, const char *name);
// The value is CEL, the key is text.
void cel_map_add(struct cel_map *map, const char *key, const char *value);
void cel_map_end(struct cel_map *map);
// Looks the key, which is CEL, up in all parts; `missing` is what it gives when none has it, NULL if one always has.
const char *cel_lookup(struct printer *printer, const char *name, size_t parts, const char *key, const char *missing);

// The name of the row in a table's comprehensions.
#define ROW "lock"
// The column: written in place when all rows agree, else looked up by the row's name, which `row_name` evaluates to.
const char *cel_constant_of(struct printer *printer, const struct plan_column *column, const char *row_name);
const char *cel_constant(struct printer *printer, const struct plan_column *column);
const struct plan_column *cel_column_of(const struct printer *printer, const struct formula *atom);

// ---- cel_formula.c ----

struct piece cel_formula(struct printer *printer, const struct formula *expr);
// The selection, read from the stored or the new object. With a table, the key's part of it is that the lock is found.
struct piece cel_selection(struct printer *printer, bool of_new);
// That the lock would hold the new object as well; that it would but for what controllers write of it.
struct piece cel_still_held(struct printer *printer);
struct piece cel_still_held_by_exempt(struct printer *printer);
struct piece cel_operations(struct printer *printer, unsigned operations);
// The subject equals one of the column's constants.
struct piece cel_is_in(struct printer *printer, const char *subject, const struct plan_column *column);

// Prints what is asked of the value at the end of a path.
typedef struct piece (*cel_path_end)(struct printer *printer, const struct formula *atom, const char *subject);
// Follows the atom's path from the subject, guarding every step.
struct piece cel_walk_path(struct printer *printer, const struct formula *atom, const char *subject, bool known_map,
                           size_t segment, cel_path_end finish);
// Whether a formula about the keys of a map is about this one.
struct piece cel_test_key(struct printer *printer, const struct formula *atom, const char *key);
struct piece cel_test_value(struct printer *printer, const struct formula *atom, const char *subject);
struct piece cel_list_end(struct printer *printer, const struct formula *expr, const char *subject);
struct piece cel_has_key(struct arena *arena, const char *parent, const char *key);
const char *cel_child(struct arena *arena, const char *parent, const char *key);
struct piece cel_is_map(struct arena *arena, const char *subject);
struct piece cel_is_list(struct arena *arena, const char *subject);

// ---- cel_change.c ----

// That the update changes something the lock is about.
struct piece cel_changes(struct printer *printer);
// The same for an update of which only the metadata counts.
struct piece cel_metadata_changes(struct printer *printer);
// That the new object has something that the lock is about, where `changing` names it.
struct piece cel_brings(struct printer *printer);
// That the update changes something that the formula reads of the object.
struct piece cel_reads_differ(struct printer *printer, const struct formula *formula);
struct piece cel_path_present(struct printer *printer, const struct field_path *path, const char *root);
const char *cel_path_text(struct arena *arena, const char *root, const struct field_path *path, size_t count);

#endif
