// Constants of tables: written in place when all locks agree, else looked up in constant maps.
#include <string.h>

#include "arena.h"
#include "cel.h"
#include "cel_parts.h"
#include "limits.h"
#include "text.h"
#include "value.h"

void cel_add_variable(struct printer *printer, const char *name, const char *expression) {
    const struct cel_variable variable = {name, expression};
    ARENA_PUSH(printer->arena, printer->cel->variables, printer->cel->variable_count, variable);
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
    text_init(&map->text, printer->arena);
}

static const char *part_name(struct arena *arena, const char *name, size_t part) {
    return part > 1 ? arena_printf(arena, "%s%zu", name, part) : name;
}

void cel_map_end(struct cel_map *map) {
    text_add_string(&map->text, "\n}");
    map->parts++;
    cel_add_variable(map->printer, part_name(map->printer->arena, map->name, map->parts), text_string(&map->text));
    text_init(&map->text, map->printer->arena);
}

void cel_map_add(struct cel_map *map, const char *key, const char *value) {
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
    const char *name = arena_printf(printer->arena, "%s%s", table->name, column->name);
    size_t parts = 0; // of the map, if it was written before
    for (size_t i = 0; i < printer->cel->variable_count; i++)
        if (strcmp(printer->cel->variables[i].name, part_name(printer->arena, name, parts + 1)) == 0) parts++;
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

const struct plan_column *cel_column_of(const struct printer *printer, const struct ir_expr *atom) {
    const struct plan_table *table = printer->table;
    static const struct plan_column none = {.uniform = true}; // of atoms without constants
    for (size_t i = 0; i < table->atom_count; i++)
        if (table->atoms[i] == atom) return &table->columns[i];
    return &none;
}
