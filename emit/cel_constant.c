// Constants of tables: written in place when all locks agree, else looked up in constant maps.
#include <string.h>

#include "base/arena.h"
#include "base/limits.h"
#include "base/map.h"
#include "base/text.h"
#include "data/value.h"
#include "emit/cel.h"
#include "emit/cel_parts.h"

// ---- names ----
//
// Those of cel_base.def have no underscore. Those of tables have one before a capital letter or a number, those of
// locks begin with a word of ours and have them before hexadecimal digits and x and y. No two of these can meet, and
// each is made in a way that can be read back; what is given twice all the same is a mistake of ours that nothing may
// be written with.

const char *cel_table_variable(struct arena *arena, const struct plan_table *table, const char *suffix) {
    return arena_printf(arena, "%s_%s", table->name, suffix);
}

static const char *part_name(struct arena *arena, const char *name, size_t part) {
    return part > 1 ? arena_printf(arena, "%s_%zu", name, part) : name;
}

void cel_add_variable(struct printer *printer, const char *name, const char *expression) {
    const struct cel_variable variable = {name, expression};
    if (!set_add(&printer->names, name)) printer->cel->repeated = name;
    ARENA_PUSH(printer->arena, printer->cel->variables, printer->cel->variable_count, variable);
}

const char *cel_add_once(struct printer *printer, const char *name, const char *expression) {
    const char *key = arena_printf(printer->arena, "%s = %s", name, expression), *known = map_get(&printer->once, key);
    if (known) return known;
    size_t *count = map_get(&printer->counts, name);
    if (!count) map_set(&printer->counts, name, count = ARENA_NEW(printer->arena, size_t));
    char *own = arena_printf(printer->arena, "%s", part_name(printer->arena, name, ++*count));
    map_set(&printer->once, key, own);
    cel_add_variable(printer, own, expression);
    return own;
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

static void add_cell(struct text *text, const struct plan_column *column, size_t row, bool mixed) {
    const bool list = column->type == PLAN_STRINGS || column->type == PLAN_SCALARS;
    if (list) text_add_char(text, '[');
    for (size_t i = 0; i < column->counts[row]; i++) {
        if (i) text_add_string(text, ", ");
        if (mixed) text_add_string(text, "dyn(");
        cel_add_scalar(text, column->values[row][i]);
        if (mixed) text_add_char(text, ')');
    }
    if (list) text_add_char(text, ']');
}

// Room is left for one entry that is larger than most.
enum { MAP_BYTES = LIMIT_CEL_CODE_POINTS * 9 / 10 };

void cel_map_begin(struct cel_map *map, struct printer *printer, const char *name) {
    *map = (struct cel_map){.printer = printer, .name = name};
    set_init(&map->keys, printer->arena);
    text_init(&map->text, printer->arena);
}

void cel_map_end(struct cel_map *map) {
    text_add_string(&map->text, "\n}");
    map->parts++;
    cel_add_variable(map->printer, part_name(map->printer->arena, map->name, map->parts), text_string(&map->text));
    text_init(&map->text, map->printer->arena);
}

void cel_map_add(struct cel_map *map, const char *key, const char *value) {
    if (!set_add(&map->keys, key)) map->printer->cel->repeated = key;
    if (map->text.len > MAP_BYTES - strlen(key) - strlen(value)) cel_map_end(map);
    text_add_string(&map->text, map->text.len ? ",\n  " : "{\n  ");
    cel_add_string(&map->text, key);
    text_printf(&map->text, ": %s", value);
}

// Looks the key up in all parts; `missing` is what it gives when no part has it, NULL if one always has.
const char *cel_lookup(struct printer *printer, const char *name, size_t parts, const char *key, const char *missing) {
    struct text text;
    text_init(&text, printer->arena);
    for (size_t part = 1; part <= parts; part++) {
        const char *variable = part_name(printer->arena, name, part);
        if (part == parts && !missing)
            text_printf(&text, "variables.%s[%s]", variable, key);
        else
            text_printf(&text, "%s in variables.%s ? variables.%s[%s] : ", key, variable, variable, key);
    }
    if (missing) text_add_string(&text, missing);
    return missing || parts > 1 ? arena_printf(printer->arena, "(%s)", text_string(&text)) : text_string(&text);
}

// The column as CEL: written in place when all rows agree, else looked up by the row's name, which `row` evaluates to.
const char *cel_constant_of(struct printer *printer, const struct plan_column *column, const char *row_name) {
    const struct plan_table *table = printer->table;
    const bool mixed = is_mixed(column, table->row_count);
    struct text text;
    text_init(&text, printer->arena);
    if (column->uniform) {
        add_cell(&text, column, 0, mixed);
        return text_string(&text);
    }
    const char *name = cel_table_variable(printer->arena, table, column->name);
    size_t parts = 0; // of the map, if it was written before
    while (set_has(&printer->names, part_name(printer->arena, name, parts + 1))) parts++;
    if (!parts) {
        struct cel_map map;
        cel_map_begin(&map, printer, name);
        for (size_t row = 0; row < table->row_count; row++) {
            struct text cell;
            text_init(&cell, printer->arena);
            add_cell(&cell, column, row, mixed);
            cel_map_add(&map, table->rows[row], text_string(&cell));
        }
        cel_map_end(&map);
        parts = map.parts;
    }
    return cel_lookup(printer, name, parts, row_name, NULL);
}

const char *cel_constant(struct printer *printer, const struct plan_column *column) {
    return cel_constant_of(printer, column, ROW);
}

const struct plan_column *cel_column_of(const struct printer *printer, const struct formula *atom) {
    const struct plan_table *table = printer->table;
    static const struct plan_column none = {.uniform = true}; // of atoms without constants
    for (size_t i = 0; i < table->atom_count; i++)
        if (table->atoms[i] == atom) return &table->columns[i];
    return &none;
}
