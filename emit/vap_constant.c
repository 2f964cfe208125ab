// Constants of tables: written in place when all locks agree, else looked up in constant maps.
#include <string.h>

#include "base/arena.h"
#include "base/limits.h"
#include "base/map.h"
#include "base/text.h"
#include "cel/cel_tree.h"
#include "data/value.h"
#include "emit/vap_internal.h"
#include "emit/vap_policy.h"

// ---- names ----
//
// Those of vap_base.def have no underscore. Those of tables have one before a capital letter or a number, those of
// locks begin with a word of ours and have them before hexadecimal digits and x and y. No two of these can meet, and
// each is made in a way that can be read back; what is given twice all the same is a mistake of ours that nothing may
// be written with.

const char *vap_table_variable(struct arena *arena, const struct plan_table *table, const char *suffix) {
    return arena_printf(arena, "%s_%s", table->name, suffix);
}

const char *vap_lookup_variable(struct arena *arena, const struct plan_table *table, const char *suffix) {
    return vap_table_variable(arena, table->shared ? table->shared : table, suffix);
}

static const char *part_name(struct arena *arena, const char *name, size_t part) {
    return part > 1 ? arena_printf(arena, "%s_%zu", name, part) : name;
}

void vap_add_variable(struct builder *builder, const char *name, struct cel_node *expression) {
    const struct vap_variable variable = {.name = name, .expression = expression};
    if (!set_add(&builder->names, name)) builder->made->repeated = name;
    ARENA_PUSH(builder->arena, builder->made->variables, builder->made->variable_count, variable);
}

// Expressions that have one name, but for their numbers.
struct numbered {
    struct vap_variable *items;
    size_t count;
};

struct cel_node *vap_add_once(struct builder *builder, const char *name, struct cel_node *expression) {
    struct arena *arena = builder->arena;
    struct numbered *known = map_get(&builder->once, name);
    if (!known) map_set(&builder->once, name, known = ARENA_NEW(arena, struct numbered));
    for (size_t i = 0; i < known->count; i++)
        if (cel_same(known->items[i].expression, expression)) return cel_var(arena, known->items[i].name);
    const struct vap_variable made = {.name = part_name(arena, name, known->count + 1), .expression = expression};
    ARENA_PUSH(arena, known->items, known->count, made);
    vap_add_variable(builder, made.name, expression);
    return cel_var(arena, made.name);
}

// ---- constants of tables ----

// Whether the constants of a column are of several kinds, which a CEL list or map takes only as dyn.
static bool is_mixed(const struct plan_column *column, size_t rows) {
    const struct value *first = NULL;
    for (size_t row = 0; row < rows; row++)
        for (size_t i = 0; i < column->counts[row]; i++) {
            if (first && first->kind != column->values[row][i]->kind) return true;
            first = column->values[row][i];
        }
    return false;
}

static struct cel_node *cell(struct arena *arena, const struct plan_column *column, size_t row, bool mixed) {
    struct cel_node **items = ARENA_ARRAY(arena, struct cel_node *, column->counts[row] + 1);
    for (size_t i = 0; i < column->counts[row]; i++) {
        items[i] = cel_scalar(arena, column->values[row][i]);
        if (mixed) items[i] = cel_call(arena, "dyn", items[i]);
    }
    const bool list = column->type == PLAN_STRINGS || column->type == PLAN_SCALARS;
    return list ? cel_list(arena, items, column->counts[row]) : items[0];
}

// The same as text.
static void print_cell(struct builder *builder, struct text *text, const struct plan_column *column, size_t row,
                       bool mixed) {
    const struct value *const *values = column->values[row];
    if (column->type != PLAN_STRINGS || mixed) {
        cel_print(text, cell(builder->arena, column, row, mixed));
        return;
    }
    const char *few[8], **strings = few;
    if (column->counts[row] > sizeof few / sizeof *few)
        strings = ARENA_ARRAY(builder->arena, const char *, column->counts[row]);
    for (size_t i = 0; i < column->counts[row]; i++) strings[i] = values[i]->as.string;
    cel_print_strings(text, strings, column->counts[row]);
}

// Of so many, a list is written once however often it is used.
enum { MANY = 8 };

// Room is left for one entry that is larger than most.
enum { MAP_BYTES = LIMIT_CEL_CODE_POINTS * 9 / 10 };

static void begin_part(struct vap_map *map) {
    text_init(&map->part, map->builder->arena);
    map->count = 0;
}

void vap_map_begin(struct vap_map *map, struct builder *builder, const char *name) {
    *map = (struct vap_map){.builder = builder, .name = name, .parts = ARENA_NEW(builder->arena, struct vap_parts)};
    map->parts->is_sorted = true;
    map_set(&builder->maps, name, map->parts);
    set_init(&map->keys, builder->arena);
    begin_part(map);
}

void vap_map_end(struct vap_map *map) {
    struct arena *arena = map->builder->arena;
    struct vap_policy *made = map->builder->made;
    if (!map->parts->count) ARENA_PUSH(arena, map->parts->first, map->parts->count, "");
    vap_add_variable(map->builder, part_name(arena, map->name, map->parts->count), cel_printed_map(&map->part));
    made->variables[made->variable_count - 1].is_table = true;
    begin_part(map);
}

// A part ends where the key says so by itself, so that one more entry moves no others.
static bool begins_part(const struct vap_map *map, const char *key) {
    enum { LEAST = 32, MOST = 192, ONE_OF = 64 };
    if (!map->builder->policy->is_planned_anew || map->count < LEAST) return false;
    return map->count >= MOST || text_hash(key) % ONE_OF == 0;
}

void vap_map_add(struct vap_map *map, const char *key, const struct text *value) {
    if (!set_add(&map->keys, key)) map->builder->made->repeated = key;
    if (map->part.len > MAP_BYTES - strlen(key) - value->len || begins_part(map, key)) vap_map_end(map);
    if (!map->count++) ARENA_PUSH(map->builder->arena, map->parts->first, map->parts->count, key);
    map->parts->is_sorted = map->parts->is_sorted && (!map->parts->last || strcmp(map->parts->last, key) < 0);
    map->parts->last = key;
    cel_print_entry(&map->part, key, value);
}

struct lookup {
    struct builder *builder;
    const char *name;
    struct cel_node *key, *missing;
};

static struct cel_node *in_part(const struct lookup *lookup, size_t part, struct cel_node *missing) {
    struct arena *arena = lookup->builder->arena;
    struct cel_node *map = cel_var(arena, part_name(arena, lookup->name, part + 1)),
                    *value = cel_at(arena, map, lookup->key);
    return missing ? cel_if(arena, cel_in(arena, lookup->key, map), value, missing) : value;
}

// By halves: only the part that has the key is read.
static struct cel_node *in_range(const struct lookup *lookup, const struct vap_parts *parts, size_t begin, size_t end) {
    struct arena *arena = lookup->builder->arena;
    if (end - begin == 1) return in_part(lookup, begin, lookup->missing);
    const size_t middle = begin + (end - begin) / 2;
    struct cel_node *is_before = cel_binary(arena, lookup->key, "<", cel_string(arena, parts->first[middle]));
    return cel_if(arena, is_before, in_range(lookup, parts, begin, middle), in_range(lookup, parts, middle, end));
}

struct cel_node *vap_lookup(struct builder *builder, const char *name, struct cel_node *key, struct cel_node *missing) {
    const struct vap_parts *parts = map_get(&builder->maps, name);
    const struct lookup lookup = {builder, name, key, missing};
    struct cel_node *result = missing;
    if (parts->is_sorted) {
        result = in_range(&lookup, parts, 0, parts->count);
    } else {
        for (size_t part = parts->count; part > 0; part--) result = in_part(&lookup, part - 1, result);
    }
    return missing || parts->count > 1 ? cel_parenthesized(builder->arena, result) : result;
}

struct cel_node *vap_constant_of(struct builder *builder, const struct plan_column *column, struct cel_node *row_name) {
    const struct plan_table *table = builder->table;
    const bool mixed = is_mixed(column, table->row_count);
    if (column->uniform && column->counts[0] < MANY) return cell(builder->arena, column, 0, mixed);
    if (column->uniform) return vap_add_once(builder, "names", cell(builder->arena, column, 0, mixed));
    const char *name = vap_table_variable(builder->arena, column->shared ? table->shared : table, column->name);
    if (!map_get(&builder->maps, name)) {
        struct vap_map map;
        struct text value;
        vap_map_begin(&map, builder, name);
        text_init(&value, builder->arena);
        for (size_t row = 0; row < table->row_count; row++) {
            value.len = 0;
            print_cell(builder, &value, column, row, mixed);
            vap_map_add(&map, table->rows[row], &value);
        }
        vap_map_end(&map);
    }
    return vap_lookup(builder, name, row_name, NULL);
}

struct cel_node *vap_constant(struct builder *builder, const struct plan_column *column) {
    return vap_constant_of(builder, column, cel_name(builder->arena, ROW));
}

const struct plan_column *vap_column_of(const struct builder *builder, const struct formula *atom) {
    const struct plan_table *table = builder->table;
    static const struct plan_column none = {.uniform = true}; // of atoms without constants
    for (size_t i = 0; i < table->atom_count; i++)
        if (table->atoms[i] == atom) return &table->columns[i];
    return &none;
}
