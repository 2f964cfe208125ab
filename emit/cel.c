// Formulas and tables as CEL; see cel.h.
#include "cel.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "arena.h"
#include "catalog.h"
#include "celexpr.h"
#include "limits.h"
#include "names.h"
#include "plan.h"
#include "text.h"
#include "value.h"

// ---- literals ----

void cel_add_string(struct text *text, const char *string) {
    const size_t len = strlen(string);
    text_add_char(text, '\'');
    for (size_t at = 0; at < len;) {
        const size_t begin = at;
        const uint32_t code = utf8_next(string, len, &at);
        const bool substitution = code == '$' && (string[at] == '{' || string[at] == '$');
        if (code == '\\' || code == '\'') text_printf(text, "\\%c", (char)code);
        else if (code >= ' ' && code < 0x7f && !substitution) text_add(text, string + begin, at - begin);
        else if (code <= 0xffff) text_printf(text, "\\u%04x", (unsigned)code);
        else text_printf(text, "\\U%08x", (unsigned)code);
    }
    text_add_char(text, '\'');
}

static void add_scalar(struct text *text, const struct value *value) {
    switch (value->kind) {
    case VALUE_BOOL: text_add_string(text, value->as.boolean ? "true" : "false"); break;
    case VALUE_INT: text_printf(text, "%lld", (long long)value->as.integer); break;
    case VALUE_DOUBLE: {
        char digits[40];
        snprintf(digits, sizeof digits, "%.17g", value->as.number);
        text_printf(text, "%s%s", digits, strpbrk(digits, ".e") ? "" : ".0");
        break;
    }
    case VALUE_STRING: cel_add_string(text, value->as.string); break;
    case VALUE_NULL:
    case VALUE_LIST:
    case VALUE_MAP: text_add_string(text, "null"); break;
    }
}

static const char *quoted(struct arena *arena, const char *string) {
    struct text text;
    text_init(&text, arena);
    cel_add_string(&text, string);
    return text_string(&text);
}

static void add_string_list(struct text *text, const char *const *strings, size_t count) {
    text_add_char(text, '[');
    for (size_t i = 0; i < count; i++) {
        if (i) text_add_string(text, ", ");
        cel_add_string(text, strings[i]);
    }
    text_add_char(text, ']');
}

// ---- pieces: text that knows how tightly it binds ----

enum level { LEVEL_OR, LEVEL_AND, LEVEL_RELATION, LEVEL_UNARY };

struct piece {
    const char *text;
    enum level level;
};

static const struct piece always = {"true", LEVEL_UNARY}, never = {"false", LEVEL_UNARY};

static bool is_piece(struct piece piece, struct piece constant) {
    return strcmp(piece.text, constant.text) == 0;
}

__attribute__((format(printf, 3, 4))) static struct piece print(struct arena *arena, enum level level, const char *format, ...) {
    va_list args;
    va_start(args, format);
    const int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    char *text = arena_alloc(arena, (size_t)len + 1);
    va_start(args, format);
    vsnprintf(text, (size_t)len + 1, format, args);
    va_end(args);
    return (struct piece){text, level};
}

static struct piece at_least(struct arena *arena, struct piece piece, enum level level) {
    return piece.level >= level ? piece : print(arena, LEVEL_UNARY, "(%s)", piece.text);
}

static struct piece join(struct arena *arena, struct piece a, struct piece b, enum level level) {
    return print(arena, level, "%s %s %s", at_least(arena, a, level).text, level == LEVEL_AND ? "&&" : "||",
                 at_least(arena, b, level).text);
}

static struct piece piece_and(struct arena *arena, struct piece a, struct piece b) {
    if (is_piece(a, always) || is_piece(b, never)) return b;
    if (is_piece(b, always) || is_piece(a, never)) return a;
    return join(arena, a, b, LEVEL_AND);
}

static struct piece piece_or(struct arena *arena, struct piece a, struct piece b) {
    if (is_piece(a, never) || is_piece(b, always)) return b;
    if (is_piece(b, never) || is_piece(a, always)) return a;
    return join(arena, a, b, LEVEL_OR);
}

static struct piece piece_not(struct arena *arena, struct piece a) {
    if (is_piece(a, always)) return never;
    if (is_piece(a, never)) return always;
    if (a.level == LEVEL_UNARY && a.text[0] == '!') return (struct piece){a.text + 1, LEVEL_UNARY};
    return print(arena, LEVEL_UNARY, "!%s", at_least(arena, a, LEVEL_UNARY).text);
}

// ---- variables that say the same in every policy ----

// VARIABLE(name, expression); a variable may use those before it. Only those that are used are written.
#define NEW_FIELD(field, empty)                                                                                        \
    "has(variables.new.metadata) && has(variables.new.metadata." field ") ? variables.new.metadata." field " : " empty
#define STORED_FIELD(field, empty) "has(variables.stored.metadata." field ") ? variables.stored.metadata." field " : " empty
#define VARIABLES                                                                                                      \
    VARIABLE(user, "has(request.userInfo.username) ? request.userInfo.username : ''")                                  \
    VARIABLE(uid, "has(request.userInfo.uid) ? request.userInfo.uid : ''")                                             \
    VARIABLE(groups, "has(request.userInfo.groups) ? request.userInfo.groups : []")                                    \
    VARIABLE(extra, "has(request.userInfo.extra) ? request.userInfo.extra : {}")                                       \
    VARIABLE(resource, "request.resource.group == '' ? request.resource.resource"                                      \
                       " : request.resource.resource + '.' + request.resource.group")                                  \
    VARIABLE(subresource, "has(request.subResource) ? request.subResource : ''")                                       \
    VARIABLE(action, "variables.resource + (variables.subresource == '' ? '' : '/' + variables.subresource)"           \
                     " + ' ' + request.operation")                                                                     \
    VARIABLE(body, "variables.subresource in ['', 'ephemeralcontainers', 'resize']")                                   \
    VARIABLE(namespaceName, "has(request.namespace) && variables.resource != 'namespaces' ? request.namespace : ''")   \
    VARIABLE(namespaceLabels, "namespaceObject != null && has(namespaceObject.metadata.labels)"                        \
                              " ? namespaceObject.metadata.labels : {}")                                               \
    VARIABLE(namespaceTerminating, "namespaceObject != null && has(namespaceObject.metadata.deletionTimestamp)")       \
    VARIABLE(old, "oldObject != null ? dyn(oldObject) : dyn({})")                                                      \
    VARIABLE(new, "object != null ? dyn(object) : dyn({})")                                                            \
    VARIABLE(stored, "request.operation == 'CREATE' ? variables.new : variables.old")                                  \
    VARIABLE(name, "has(variables.stored.metadata.name) ? variables.stored.metadata.name : ''")                        \
    VARIABLE(labels, STORED_FIELD("labels", "{}"))                                                                     \
    VARIABLE(newLabels, NEW_FIELD("labels", "{}"))                                                                     \
    VARIABLE(annotations, STORED_FIELD("annotations", "{}"))                                                           \
    VARIABLE(newAnnotations, NEW_FIELD("annotations", "{}"))                                                           \
    VARIABLE(owners, STORED_FIELD("ownerReferences", "[]"))                                                            \
    VARIABLE(newOwners, NEW_FIELD("ownerReferences", "[]"))                                                            \
    VARIABLE(finalizers, STORED_FIELD("finalizers", "[]"))                                                             \
    VARIABLE(newFinalizers, NEW_FIELD("finalizers", "[]"))                                                             \
    VARIABLE(changedButFinalizers,                                                                                     \
             "request.operation == 'UPDATE' && (variables.labels != variables.newLabels"                               \
             " || variables.annotations != variables.newAnnotations || variables.owners != variables.newOwners"        \
             " || !variables.new.all(k, k == 'metadata'"                                                               \
             " || k in variables.old && variables.new[k] == variables.old[k])"                                         \
             " || !variables.old.all(k, k == 'metadata' || k in variables.new))")                                      \
    VARIABLE(changed, "request.operation == 'UPDATE' && (variables.finalizers != variables.newFinalizers"              \
                      " || variables.changedButFinalizers)")                                                           \
    VARIABLE(finishing, "has(variables.old.metadata) && has(variables.old.metadata.deletionTimestamp)"                 \
                        " && (request.operation == 'DELETE' || request.operation == 'UPDATE'"                          \
                        " && !variables.changedButFinalizers"                                                          \
                        " && variables.newFinalizers.all(f, f in variables.finalizers))")                              \
    VARIABLE(lifecycle, NULL)                                                                                          \
    VARIABLE(controllers, NULL)

enum base {
#define VARIABLE(name, expression) BASE_##name,
    VARIABLES
#undef VARIABLE
        BASE_COUNT
};

static const char *const base_names[] = {
#define VARIABLE(name, expression) #name,
    VARIABLES
#undef VARIABLE
};

static const char *const base_expressions[] = {
#define VARIABLE(name, expression) expression,
    VARIABLES
#undef VARIABLE
};

// ---- printing state ----

struct printer {
    struct arena *arena;
    const struct plan_policy *policy;
    const struct plan_table *table;
    struct cel_policy *cel;      // the tables' variables are added here
    bool used[BASE_COUNT];
    const char *self, *self_labels, *self_annotations; // what STATE_SELF reads at the moment
    bool skip_keys;                                    // atoms of the key are known to hold
    int depth;                                         // of any / all and [*]
};

static const char *use(struct printer *printer, enum base base) {
    printer->used[base] = true;
    return arena_printf(printer->arena, "variables.%s", base_names[base]);
}

#define USE(name) use(printer, BASE_##name)

static void read_stored(struct printer *printer) {
    printer->self = "stored";
}

static void read_new(struct printer *printer) {
    printer->self = "new";
}

static bool reads_new(const struct printer *printer) {
    return strcmp(printer->self, "new") == 0;
}

static void add_variable(struct printer *printer, const char *name, const char *expression) {
    const struct cel_variable variable = {name, expression};
    ARENA_PUSH(printer->arena, printer->cel->variables, printer->cel->variable_count, variable);
}

// ---- constants of tables ----

// The row variable of a table's comprehensions.
#define ROW "lock"

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
        add_scalar(text, column->values[row][i]);
        if (mixed) text_add_char(text, ')');
    }
    if (list) text_add_char(text, ']');
}

// A constant map, cut into as many variables as the limit of one expression asks for.
struct map_printer {
    struct printer *printer;
    const char *name;
    struct text text;
    size_t parts;
};

// Room is left for one entry that is larger than most.
enum { MAP_BYTES = LIMIT_CEL_CODE_POINTS * 9 / 10 };

static void begin_map(struct map_printer *map, struct printer *printer, const char *name) {
    *map = (struct map_printer){.printer = printer, .name = name};
    text_init(&map->text, printer->arena);
}

static const char *part_name(struct arena *arena, const char *name, size_t part) {
    return part > 1 ? arena_printf(arena, "%s%zu", name, part) : name;
}

static void end_part(struct map_printer *map) {
    text_add_string(&map->text, "\n}");
    map->parts++;
    add_variable(map->printer, part_name(map->printer->arena, map->name, map->parts), text_string(&map->text));
    text_init(&map->text, map->printer->arena);
}

static void add_entry(struct map_printer *map, const char *key, const char *value) {
    if (map->text.len > MAP_BYTES - strlen(key) - strlen(value)) end_part(map);
    text_add_string(&map->text, map->text.len ? ",\n  " : "{\n  ");
    cel_add_string(&map->text, key);
    text_printf(&map->text, ": %s", value);
}

// Looks the key up in all parts; `missing` is what it gives when no part has it, NULL if one always has.
static const char *lookup(struct printer *printer, const char *name, size_t parts, const char *key, const char *missing) {
    struct text text;
    text_init(&text, printer->arena);
    for (size_t part = 1; part <= parts; part++) {
        const char *variable = part_name(printer->arena, name, part);
        if (part == parts && !missing) text_printf(&text, "variables.%s[%s]", variable, key);
        else text_printf(&text, "%s in variables.%s ? variables.%s[%s] : ", key, variable, variable, key);
    }
    if (missing) text_add_string(&text, missing);
    return missing || parts > 1 ? arena_printf(printer->arena, "(%s)", text_string(&text)) : text_string(&text);
}

// The column as CEL: written in place when all rows agree, else looked up by the row's name, which `row` evaluates to.
static const char *constant_of(struct printer *printer, const struct plan_column *column, const char *row_name) {
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
        struct map_printer map;
        begin_map(&map, printer, name);
        for (size_t row = 0; row < table->row_count; row++) {
            struct text cell;
            text_init(&cell, printer->arena);
            add_cell(&cell, column, row, mixed);
            add_entry(&map, table->rows[row], text_string(&cell));
        }
        end_part(&map);
        parts = map.parts;
    }
    return lookup(printer, name, parts, row_name, NULL);
}

static const char *constant(struct printer *printer, const struct plan_column *column) {
    return constant_of(printer, column, ROW);
}

static const struct plan_column *column_of(const struct printer *printer, const struct ir_expr *atom) {
    for (size_t i = 0; i < printer->table->atom_count; i++)
        if (printer->table->atoms[i] == atom) return &printer->table->columns[i];
    return NULL;
}

// ---- atoms ----

// Text that equals one of the constants of the column.
static struct piece is_in(struct printer *printer, const char *subject, const struct plan_column *column) {
    struct arena *arena = printer->arena;
    if (column->uniform && column->counts[0] == 1) {
        struct text text;
        text_init(&text, arena);
        add_scalar(&text, column->values[0][0]);
        return print(arena, LEVEL_RELATION, "%s == %s", subject, text_string(&text));
    }
    return print(arena, LEVEL_RELATION, "%s in %s", subject, constant(printer, column));
}

static const char *relation(enum ir_test test) {
    switch (test) {
    case TEST_LT: return "<";
    case TEST_LE: return "<=";
    case TEST_GT: return ">";
    case TEST_GE: return ">=";
    case TEST_EXISTS:
    case TEST_IN:
    case TEST_MATCHES:
    case TEST_CONTAINS: break;
    }
    return "==";
}

static bool compares_numbers(const struct plan_column *column) {
    return column->type == PLAN_NUMBER;
}

// The test of an atom that reads text which is there.
static struct piece test_text(struct printer *printer, const struct ir_expr *atom, const char *subject) {
    struct arena *arena = printer->arena;
    const struct plan_column *column = column_of(printer, atom);
    switch (atom->test) {
    case TEST_EXISTS: return always;
    case TEST_IN: return is_in(printer, subject, column);
    case TEST_LT:
    case TEST_LE:
    case TEST_GT:
    case TEST_GE:
        if (!compares_numbers(column))
            return print(arena, LEVEL_RELATION, "%s %s %s", subject, relation(atom->test), constant(printer, column));
        return print(arena, LEVEL_AND, "%s.matches('^-?[0-9]{1,18}$') && int(%s) %s %s", subject, subject, relation(atom->test),
                     constant(printer, column));
    case TEST_MATCHES: return print(arena, LEVEL_UNARY, "%s.matches(%s)", subject, constant(printer, column));
    case TEST_CONTAINS: return print(arena, LEVEL_UNARY, "%s.contains(%s)", subject, constant(printer, column));
    }
    return never;
}

// Text held by a map under the atom's key.
static struct piece test_key(struct printer *printer, const struct ir_expr *atom, const char *map) {
    struct arena *arena = printer->arena;
    const char *key = quoted(arena, atom->key);
    const struct piece present = print(arena, LEVEL_RELATION, "%s in %s", key, map);
    return piece_and(arena, present, test_text(printer, atom, arena_printf(arena, "%s[%s]", map, key)));
}

// Text that is "" where the request has none.
static struct piece test_optional(struct printer *printer, const struct ir_expr *atom, const char *subject) {
    const struct piece test = test_text(printer, atom, subject);
    if (atom->test == TEST_IN) return test;
    return piece_and(printer->arena, print(printer->arena, LEVEL_RELATION, "%s != ''", subject), test);
}

// A value of any kind that is there.
static struct piece test_value(struct printer *printer, const struct ir_expr *atom, const char *subject) {
    struct arena *arena = printer->arena;
    const struct plan_column *column = column_of(printer, atom);
    switch (atom->test) {
    case TEST_EXISTS: return always;
    case TEST_IN: return is_in(printer, subject, column);
    case TEST_LT:
    case TEST_LE:
    case TEST_GT:
    case TEST_GE: {
        const struct piece typed = compares_numbers(column)
                                       ? print(arena, LEVEL_OR, "type(%s) == int || type(%s) == double", subject, subject)
                                       : print(arena, LEVEL_RELATION, "type(%s) == string", subject);
        return piece_and(arena, typed, print(arena, LEVEL_RELATION, "%s %s %s", subject, relation(atom->test), constant(printer, column)));
    }
    case TEST_MATCHES:
        return print(arena, LEVEL_AND, "type(%s) == string && %s.matches(%s)", subject, subject, constant(printer, column));
    case TEST_CONTAINS: {
        const char *wanted = constant(printer, column);
        const struct piece listed = print(arena, LEVEL_AND, "type(%s) == list && %s in %s", subject, wanted, subject);
        if (column->type != PLAN_STRING) return listed;
        return piece_or(arena, print(arena, LEVEL_AND, "type(%s) == string && %s.contains(%s)", subject, subject, wanted), listed);
    }
    }
    return never;
}

// ---- paths ----

static bool is_selectable(const char *key) {
    static const char reserved[] = "true false null in as break const continue else for function if import let loop package "
                                   "namespace return var void while";
    const size_t len = strlen(key);
    if (!len || strspn(key, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") != len) return false;
    return (*key < '0' || *key > '9') && !catalog_list_has(reserved, key);
}

static struct piece has_key(struct arena *arena, const char *parent, const char *key) {
    if (is_selectable(key)) return print(arena, LEVEL_UNARY, "has(%s.%s)", parent, key);
    return print(arena, LEVEL_RELATION, "%s in %s", quoted(arena, key), parent);
}

static const char *child(struct arena *arena, const char *parent, const char *key) {
    return is_selectable(key) ? arena_printf(arena, "%s.%s", parent, key) : arena_printf(arena, "%s[%s]", parent, quoted(arena, key));
}

static struct piece is_map(struct arena *arena, const char *subject) {
    return print(arena, LEVEL_RELATION, "type(%s) == map", subject);
}

static struct piece is_list(struct arena *arena, const char *subject) {
    return print(arena, LEVEL_RELATION, "type(%s) == list", subject);
}

// `finish` prints what is asked of the value at the end of the path.
typedef struct piece (*path_end)(struct printer *printer, const struct ir_expr *atom, const char *subject);

static struct piece walk_path(struct printer *printer, const struct ir_expr *atom, const char *subject, bool known_map, size_t segment,
                              path_end finish) {
    struct arena *arena = printer->arena;
    if (segment == atom->path.count) return finish(printer, atom, subject);
    const char *key = atom->path.segments[segment].key;
    if (key) {
        const struct piece guard = piece_and(arena, known_map ? always : is_map(arena, subject), has_key(arena, subject, key));
        return piece_and(arena, guard, walk_path(printer, atom, child(arena, subject, key), false, segment + 1, finish));
    }
    const char *element = arena_printf(arena, "e%d", printer->depth++);
    const struct piece rest = walk_path(printer, atom, element, false, segment + 1, finish);
    printer->depth--;
    return piece_and(arena, is_list(arena, subject), print(arena, LEVEL_UNARY, "%s.exists(%s, %s)", subject, element, rest.text));
}

static const char *root_of(struct printer *printer, const struct ir_expr *atom) {
    if (atom->path.variable >= 0) return arena_printf(printer->arena, "v%d", atom->path.variable);
    switch (atom->state) {
    case STATE_OLD: return USE(old);
    case STATE_NEW: return USE(new);
    case STATE_SELF: break;
    }
    return reads_new(printer) && !atom->frozen ? USE(new) : USE(stored);
}

static struct piece walk(struct printer *printer, const struct ir_expr *atom, path_end finish) {
    return walk_path(printer, atom, root_of(printer, atom), atom->path.variable < 0, 0, finish);
}

// ---- formulas ----

static struct piece formula(struct printer *printer, const struct ir_expr *expr);

static struct piece quantifier_end(struct printer *printer, const struct ir_expr *expr, const char *subject) {
    struct arena *arena = printer->arena;
    const struct piece body = formula(printer, expr->operands[0]);
    const char *macro = expr->kind == IR_ANY ? "exists" : "all";
    const struct piece test = print(arena, LEVEL_UNARY, "%s.%s(v%d, %s)", subject, macro, printer->depth - 1, body.text);
    return piece_and(arena, is_list(arena, subject), test);
}

static struct piece list_end(struct printer *printer, const struct ir_expr *expr, const char *subject) {
    (void)expr;
    return is_list(printer->arena, subject);
}

static struct piece quantifier(struct printer *printer, const struct ir_expr *expr) {
    printer->depth++;
    struct piece test = walk(printer, expr, quantifier_end);
    // Without a list there is nothing that could fail.
    if (expr->kind == IR_ALL) test = piece_or(printer->arena, piece_not(printer->arena, walk(printer, expr, list_end)), test);
    printer->depth--;
    return test;
}

static bool is_key_atom(const struct printer *printer, const struct ir_expr *expr) {
    for (size_t i = 0; printer->skip_keys && i < printer->table->key_count; i++)
        if (printer->table->key_atoms[i] == expr) return true;
    return false;
}

static struct piece operations_piece(struct printer *printer, unsigned operations) {
    struct arena *arena = printer->arena;
    const char *names[3];
    size_t count = 0;
    if (operations & OP_CREATE) names[count++] = "CREATE";
    if (operations & OP_UPDATE) names[count++] = "UPDATE";
    if (operations & OP_DELETE) names[count++] = "DELETE";
    if (!count) return never;
    if (count == 1) return print(arena, LEVEL_RELATION, "request.operation == '%s'", names[0]);
    struct text text;
    text_init(&text, arena);
    add_string_list(&text, names, count);
    return print(arena, LEVEL_RELATION, "request.operation in %s", text_string(&text));
}

static struct piece formula(struct printer *printer, const struct ir_expr *expr) {
    struct arena *arena = printer->arena;
    struct piece result;
    if (is_key_atom(printer, expr)) return always;
    switch (expr->kind) {
    case IR_TRUE: return always;
    case IR_FALSE: return never;
    case IR_AND:
        result = always;
        for (size_t i = 0; i < expr->operand_count; i++) result = piece_and(arena, result, formula(printer, expr->operands[i]));
        return result;
    case IR_OR:
        result = never;
        for (size_t i = 0; i < expr->operand_count; i++) result = piece_or(arena, result, formula(printer, expr->operands[i]));
        return result;
    case IR_NOT: return piece_not(arena, formula(printer, expr->operands[0]));
    case IR_LABEL: return test_key(printer, expr, reads_new(printer) ? USE(newLabels) : USE(labels));
    case IR_ANNOTATION: return test_key(printer, expr, reads_new(printer) ? USE(newAnnotations) : USE(annotations));
    case IR_NAME: return test_text(printer, expr, USE(name));
    case IR_NAMESPACE: return test_optional(printer, expr, USE(namespaceName));
    case IR_NAMESPACE_LABEL: return test_key(printer, expr, USE(namespaceLabels));
    case IR_FIELD: return walk(printer, expr, test_value);
    case IR_USER: return test_optional(printer, expr, USE(user));
    case IR_UID: return test_optional(printer, expr, USE(uid));
    case IR_GROUP: return print(arena, LEVEL_RELATION, "%s in %s", constant(printer, column_of(printer, expr)), USE(groups));
    case IR_EXTRA: {
        const char *key = quoted(arena, expr->key), *extra = USE(extra), *wanted = constant(printer, column_of(printer, expr));
        return print(arena, LEVEL_AND, "%s in %s && %s in %s[%s]", key, extra, wanted, extra, key);
    }
    case IR_RESOURCE: return is_in(printer, USE(resource), column_of(printer, expr));
    case IR_OPERATION: return operations_piece(printer, expr->operations);
    case IR_ANY:
    case IR_ALL: return quantifier(printer, expr);
    case IR_CEL: return print(arena, LEVEL_UNARY, "(%s)", cel_text(expr->cel));
    }
    return never;
}

// The selection, read from the stored or the new object. With a table, the key's part of it is that the lock is found.
static struct piece selection(struct printer *printer, bool of_new) {
    struct arena *arena = printer->arena;
    const struct plan_table *table = printer->table;
    if (of_new) read_new(printer);
    struct piece found = always;
    if (of_new && table->key_count) found = print(arena, LEVEL_RELATION, ROW " in variables.%sNewLocks", table->name);
    printer->skip_keys = table->key_value_count > 0;
    const struct piece rest = formula(printer, table->model->selects);
    printer->skip_keys = false;
    read_stored(printer);
    return piece_and(arena, found, rest);
}

// ---- what changes ----

static struct piece path_present(struct printer *printer, const struct ir_path *path, const char *root) {
    const struct ir_expr probe = {.kind = IR_FIELD, .path = *path, .test = TEST_EXISTS};
    return walk_path(printer, &probe, root, true, 0, test_value);
}

static const char *path_text(struct arena *arena, const char *root, const struct ir_path *path, size_t count) {
    const char *text = root;
    for (size_t i = 0; i < count; i++) text = child(arena, text, path->segments[i].key);
    return text;
}

// What the elements of a list hold, as decide's projection has it: [*] gives the list of what each element has there.
static const char *projection(struct printer *printer, const char *subject, const struct ir_path *path, size_t segment) {
    struct arena *arena = printer->arena;
    if (segment == path->count) return subject;
    const char *key = path->segments[segment].key;
    if (key) return projection(printer, child(arena, subject, key), path, segment + 1);
    const struct ir_path rest = {.variable = -1, .segments = path->segments + segment + 1, .count = path->count - segment - 1};
    const struct ir_expr probe = {.kind = IR_FIELD, .path = rest, .test = TEST_EXISTS};
    const char *element = arena_printf(arena, "e%d", printer->depth++);
    // Only up to the next [*], below which a list that is not there is no reason to leave the element out.
    size_t keys = 0;
    while (keys < rest.count && rest.segments[keys].key) keys++;
    struct ir_expr head = probe;
    head.path.count = keys;
    const struct piece present = walk_path(printer, &head, element, false, 0, keys < rest.count ? list_end : test_value);
    const char *inner = projection(printer, element, &rest, 0);
    printer->depth--;
    const char *kept = is_piece(present, always) ? subject : arena_printf(arena, "%s.filter(%s, %s)", subject, element, present.text);
    return strcmp(inner, element) == 0 ? kept : arena_printf(arena, "%s.map(%s, %s)", kept, element, inner);
}

// Whether the path up to its first [*] is there, and is a list if one follows.
static struct piece projectable(struct printer *printer, const struct ir_path *path, const char *root) {
    size_t keys = 0;
    while (keys < path->count && path->segments[keys].key) keys++;
    if (keys == path->count) return path_present(printer, path, root);
    const struct ir_expr probe = {.kind = IR_FIELD, .path = {.variable = -1, .segments = path->segments, .count = keys}, .test = TEST_EXISTS};
    return walk_path(printer, &probe, root, true, 0, list_end);
}

// metadata.labels and its like count as empty when they are not there.
static const char *metadata_variable(struct printer *printer, const struct ir_path *path, bool new) {
    if (path->count < 2 || !path->segments[0].key || strcmp(path->segments[0].key, "metadata") != 0) return NULL;
    const char *field = path->segments[1].key;
    if (strcmp(field, "labels") == 0) return new ? USE(newLabels) : USE(labels);
    if (strcmp(field, "annotations") == 0) return new ? USE(newAnnotations) : USE(annotations);
    if (strcmp(field, "ownerReferences") == 0) return new ? USE(newOwners) : USE(owners);
    return new ? USE(newFinalizers) : USE(finalizers);
}

static struct piece path_changes(struct printer *printer, const struct ir_path *path) {
    struct arena *arena = printer->arena;
    const char *old_root = metadata_variable(printer, path, false), *new_root = metadata_variable(printer, path, true);
    struct ir_path rest = *path;
    if (old_root) {
        if (path->count == 2) return print(arena, LEVEL_RELATION, "%s != %s", old_root, new_root);
        rest.segments += 2;
        rest.count -= 2;
    } else {
        old_root = USE(old);
        new_root = USE(new);
    }
    // Whoever is no map behind its root is asked first; the roots themselves always are maps or lists.
    const struct piece was = rest.segments[0].key ? projectable(printer, &rest, old_root) : always;
    const struct piece is = rest.segments[0].key ? projectable(printer, &rest, new_root) : always;
    const char *before = projection(printer, old_root, &rest, 0), *after = projection(printer, new_root, &rest, 0);
    const struct piece differs = print(arena, LEVEL_RELATION, "%s != %s", before, after);
    if (is_piece(was, always)) return differs;
    return print(arena, LEVEL_UNARY, "(%s ? (%s ? %s : true) : %s)", at_least(arena, was, LEVEL_OR).text, is.text, differs.text, is.text);
}

// `except changing`: the keys at one level are compared, leaving aside those that lead to an excepted path.
static struct piece differs_aside(struct printer *printer, const struct ir_path *const *paths, size_t count, size_t depth,
                                  const char *old, const char *new);

static struct piece key_differs_aside(struct printer *printer, const struct ir_path *const *paths, size_t count, size_t depth,
                                      const char *key, const char *old, const char *new) {
    struct arena *arena = printer->arena;
    const struct ir_path **below = NULL;
    size_t below_count = 0;
    for (size_t i = 0; i < count; i++)
        if (strcmp(paths[i]->segments[depth].key, key) == 0) {
            if (paths[i]->count == depth + 1) return never;
            ARENA_PUSH(arena, below, below_count, paths[i]);
        }
    // Missing counts as an empty map, anything but a map is compared whole.
    const char *old_child = child(arena, old, key), *new_child = child(arena, new, key);
    const struct piece old_has = has_key(arena, old, key), new_has = has_key(arena, new, key);
    const char *old_map = arena_printf(arena, "(%s ? %s : {})", old_has.text, old_child);
    const char *new_map = arena_printf(arena, "(%s ? %s : {})", new_has.text, new_child);
    const struct piece maps = piece_and(arena, is_map(arena, old_map), is_map(arena, new_map));
    const struct piece inner = differs_aside(printer, below, below_count, depth + 1, old_map, new_map);
    const struct piece whole = print(arena, LEVEL_OR, "%s != %s || %s && %s != %s", at_least(arena, old_has, LEVEL_UNARY).text,
                                     at_least(arena, new_has, LEVEL_UNARY).text, at_least(arena, old_has, LEVEL_AND).text, old_child, new_child);
    return print(arena, LEVEL_UNARY, "(%s ? %s : %s)", maps.text, inner.text, whole.text);
}

static struct piece differs_aside(struct printer *printer, const struct ir_path *const *paths, size_t count, size_t depth,
                                  const char *old, const char *new) {
    struct arena *arena = printer->arena;
    const char **keys = NULL;
    size_t key_count = 0;
    for (size_t i = 0; i < count; i++) {
        bool known = false;
        for (size_t j = 0; j < key_count && !known; j++) known = strcmp(keys[j], paths[i]->segments[depth].key) == 0;
        if (!known) ARENA_PUSH(arena, keys, key_count, paths[i]->segments[depth].key);
    }
    struct text list;
    text_init(&list, arena);
    const char **named = ARENA_ARRAY(arena, const char *, key_count + 1);
    for (size_t i = 0; i < key_count; i++) named[i] = keys[i];
    size_t named_count = key_count;
    if (depth == 0 && !catalog_list_has(key_count ? keys[0] : "", "metadata")) {
        bool metadata = false;
        for (size_t i = 0; i < key_count; i++) metadata |= strcmp(keys[i], "metadata") == 0;
        if (!metadata) named[named_count++] = "metadata";
    }
    add_string_list(&list, named, named_count);
    const char *k = arena_printf(arena, "k%zu", depth);
    struct piece result = print(arena, LEVEL_OR, "!%s.all(%s, %s in %s || %s in %s && %s[%s] == %s[%s]) || !%s.all(%s, %s in %s || %s in %s)",
                                new, k, k, text_string(&list), k, old, new, k, old, k, old, k, k, text_string(&list), k, new);
    for (size_t i = 0; i < key_count; i++) {
        if (depth == 0 && strcmp(keys[i], "metadata") == 0) continue;
        result = piece_or(arena, result, key_differs_aside(printer, paths, count, depth, keys[i], old, new));
    }
    return result;
}

static struct piece metadata_differs_aside(struct printer *printer, const struct ir_path *const *paths, size_t count) {
    static const char *const fields[] = {"labels", "annotations", "ownerReferences", "finalizers"};
    struct arena *arena = printer->arena;
    struct piece result = never;
    for (size_t f = 0; f < sizeof fields / sizeof *fields; f++) {
        const struct ir_segment segments[] = {{"metadata"}, {fields[f]}};
        const struct ir_path field = {.variable = -1, .segments = segments, .count = 2};
        const char *old = metadata_variable(printer, &field, false), *new = metadata_variable(printer, &field, true);
        const struct ir_path **below = NULL;
        size_t below_count = 0;
        bool excepted = false;
        for (size_t i = 0; i < count; i++) {
            if (paths[i]->count < 2 || strcmp(paths[i]->segments[0].key, "metadata") != 0 || strcmp(paths[i]->segments[1].key, fields[f]) != 0) continue;
            excepted |= paths[i]->count == 2;
            ARENA_PUSH(arena, below, below_count, paths[i]);
        }
        if (excepted) continue;
        // Below labels and annotations a path is one key; lists have no keys to leave aside.
        const bool map = f < 2 && below_count;
        result = piece_or(arena, result, map ? differs_aside(printer, below, below_count, 2, old, new) : print(arena, LEVEL_RELATION, "%s != %s", old, new));
    }
    return result;
}

static struct piece changes(struct printer *printer) {
    struct arena *arena = printer->arena;
    const struct ir_lock *model = printer->table->model;
    if (!model->path_count) return print(arena, LEVEL_UNARY, "%s", USE(changed));
    struct piece result = never;
    if (model->all_but_paths) {
        const struct ir_path **paths = ARENA_ARRAY(arena, const struct ir_path *, model->path_count);
        for (size_t i = 0; i < model->path_count; i++) paths[i] = &model->paths[i];
        result = metadata_differs_aside(printer, paths, model->path_count);
        return piece_or(arena, result, differs_aside(printer, paths, model->path_count, 0, USE(old), USE(new)));
    }
    for (size_t i = 0; i < model->path_count; i++) result = piece_or(arena, result, path_changes(printer, &model->paths[i]));
    return result;
}

// ---- exemptions ----

static bool is_account(const struct ir_exemption *exemption) {
    return strncmp(exemption->user, "system:serviceaccount:", 22) == 0;
}

static bool rules_have(const struct plan_policy *policy, const char *group, const char *resource) {
    for (size_t i = 0; i < policy->rule_count; i++) {
        const struct plan_rule *rule = &policy->rules[i];
        if (strcmp(rule->group, "*") != 0 && strcmp(rule->group, group) != 0) continue;
        for (size_t j = 0; j < rule->resource_count; j++)
            if (strcmp(rule->resources[j], "*") == 0 || strcmp(rule->resources[j], resource) == 0) return true;
    }
    return false;
}

static struct piece lifecycle(struct printer *printer) {
    struct arena *arena = printer->arena;
    struct piece result = print(arena, LEVEL_UNARY, "%s", USE(finishing));
    for (size_t i = 0; i < ir_exemption_count; i++) {
        const struct ir_exemption *exemption = &ir_exemptions[i];
        if (exemption->level != EXEMPT_LIFECYCLE) continue;
        if (exemption->resource && !rules_have(printer->policy, exemption->resource_group, exemption->resource)) continue;
        struct piece one = always;
        if (exemption->namespace_terminating) one = print(arena, LEVEL_UNARY, "%s", USE(namespaceTerminating));
        if (exemption->resource) {
            const char *name = *exemption->resource_group ? arena_printf(arena, "%s.%s", exemption->resource, exemption->resource_group) : exemption->resource;
            one = piece_and(arena, one, print(arena, LEVEL_RELATION, "%s == '%s'", USE(resource), name));
        }
        if (exemption->group)
            one = piece_and(arena, one, print(arena, LEVEL_AND, "%s.startsWith('%s') && '%s' in %s", USE(user), exemption->user, exemption->group, USE(groups)));
        else if (is_account(exemption))
            one = piece_and(arena, one, print(arena, LEVEL_RELATION, "%s in ['%s', '" IR_CONTROLLER_MANAGER "']", USE(user), exemption->user));
        else
            one = piece_and(arena, one, print(arena, LEVEL_RELATION, "%s == '%s'", USE(user), exemption->user));
        if (exemption->operations == OPS_STORED) one = piece_and(arena, one, print(arena, LEVEL_RELATION, "request.operation != 'CREATE'"));
        result = piece_or(arena, result, one);
    }
    return result;
}

static void add_action(struct arena *arena, struct text *list, const char *user, const char *action) {
    struct text item;
    text_init(&item, arena);
    cel_add_string(&item, user ? arena_printf(arena, "%s %s", user, action) : action);
    if (!strstr(text_string(list), text_string(&item))) text_printf(list, "%s%s", list->len ? ",\n  " : "", text_string(&item));
}

// Who does what, as one constant list: the cost of a lookup does not grow with it.
static struct piece controllers(struct printer *printer) {
    struct arena *arena = printer->arena;
    struct text by_user, by_manager;
    text_init(&by_user, arena);
    text_init(&by_manager, arena);
    for (size_t i = 0; i < ir_exemption_count; i++) {
        const struct ir_exemption *exemption = &ir_exemptions[i];
        if (exemption->level != EXEMPT_CONTROLLERS || !rules_have(printer->policy, exemption->resource_group, exemption->resource)) continue;
        const char *resource = *exemption->resource_group ? arena_printf(arena, "%s.%s", exemption->resource, exemption->resource_group) : exemption->resource;
        static const struct {
            unsigned bit;
            const char *name;
        } operations[] = {{OP_CREATE, "CREATE"}, {OP_UPDATE, "UPDATE"}, {OP_DELETE, "DELETE"}};
        // A leading blank stands for the object itself.
        const char *at = exemption->subresources;
        do {
            const size_t len = strcspn(at, " ");
            const char *subresource = arena_copy(arena, at, len);
            at += len + (at[len] == ' ');
            for (size_t k = 0; k < 3; k++) {
                if (!(exemption->operations & operations[k].bit) || (len && operations[k].bit != OP_UPDATE)) continue;
                const char *action = arena_printf(arena, "%s%s%s %s", resource, len ? "/" : "", subresource, operations[k].name);
                add_action(arena, &by_user, exemption->user, action);
                if (is_account(exemption)) add_action(arena, &by_manager, NULL, action);
            }
        } while (*at);
    }
    struct piece result = print(arena, LEVEL_UNARY, "%s", USE(lifecycle));
    if (!by_user.len) return result;
    result = piece_or(arena, result, print(arena, LEVEL_RELATION, "%s + ' ' + %s in [\n  %s\n]", USE(user), USE(action), text_string(&by_user)));
    return piece_or(arena, result, print(arena, LEVEL_AND, "%s == '" IR_CONTROLLER_MANAGER "' && %s in [\n  %s\n]", USE(user), USE(action), text_string(&by_manager)));
}

// ---- locks ----

static struct piece is_exempt(struct printer *printer) {
    switch (printer->table->model->exemption) {
    case EXEMPT_NONE: return never;
    case EXEMPT_LIFECYCLE: return print(printer->arena, LEVEL_UNARY, "%s", USE(lifecycle));
    case EXEMPT_CONTROLLERS: return print(printer->arena, LEVEL_UNARY, "%s", USE(controllers));
    }
    return never;
}

static bool is_empty(const struct plan_column *column) {
    return column->uniform && !column->counts[0];
}

static struct piece is_one_of(struct printer *printer, const struct plan_column *users, const struct plan_column *groups,
                              const struct ir_subjects *subjects) {
    struct arena *arena = printer->arena;
    struct piece result = never;
    if (!is_empty(users)) result = is_in(printer, USE(user), users);
    if (!is_empty(groups)) {
        const char *wanted = constant(printer, groups);
        result = piece_or(arena, result,
                          groups->uniform && groups->counts[0] == 1
                              ? print(arena, LEVEL_RELATION, "%s in %s", quoted(arena, groups->values[0][0]->as.string), USE(groups))
                              : print(arena, LEVEL_UNARY, "%s.exists(g, g in %s)", wanted, USE(groups)));
    }
    for (size_t i = 0; i < subjects->other_count; i++) result = piece_or(arena, result, formula(printer, subjects->others[i]));
    return result;
}

static struct piece in_targets(struct printer *printer, const struct ir_target *targets, size_t count) {
    struct arena *arena = printer->arena;
    struct piece result = never;
    for (size_t i = 0; i < count; i++) {
        if (!targets[i].group) return always;
        if (targets[i].resource)
            result = piece_or(arena, result, print(arena, LEVEL_RELATION, "%s == '%s'", USE(resource), catalog_name(arena, targets[i].resource)));
        else
            result = piece_or(arena, result, print(arena, LEVEL_RELATION, "request.resource.group == '%s'", targets[i].group));
    }
    return result;
}

static struct piece in_resources(struct printer *printer) {
    struct arena *arena = printer->arena;
    const struct plan_table *table = printer->table;
    const struct ir_scope *scope = &table->model->scope;
    bool wildcard = false;
    for (size_t i = 0; i < scope->target_count; i++) wildcard |= !scope->targets[i].resource;
    if (table->key_resource) return always;
    if (!wildcard) return is_in(printer, USE(resource), &table->resources);
    struct piece result = in_targets(printer, scope->targets, scope->target_count);
    // Explicit targets beside the wildcard are meant even where wildcards leave them out.
    struct text list;
    text_init(&list, arena);
    const char **names = ARENA_ARRAY(arena, const char *, ir_never_locked_count);
    size_t count = 0;
    for (size_t i = 0; i < ir_never_locked_count; i++) {
        bool named = false;
        for (size_t j = 0; j < scope->target_count; j++)
            named |= scope->targets[j].resource && strcmp(scope->targets[j].name, ir_never_locked[i].name) == 0 &&
                     strcmp(scope->targets[j].group, ir_never_locked[i].group) == 0;
        if (!named) names[count++] = *ir_never_locked[i].group ? arena_printf(arena, "%s.%s", ir_never_locked[i].name, ir_never_locked[i].group) : ir_never_locked[i].name;
    }
    add_string_list(&list, names, count);
    result = piece_and(arena, result, piece_not(arena, print(arena, LEVEL_RELATION, "%s in %s", USE(resource), text_string(&list))));
    if (scope->except_count) result = piece_and(arena, result, piece_not(arena, in_targets(printer, scope->excepts, scope->except_count)));
    return piece_and(arena, result, print(arena, LEVEL_RELATION, "%s %s ''", USE(namespaceName), scope->where == IN_CLUSTER ? "==" : "!="));
}

static struct piece in_namespaces(struct printer *printer) {
    struct arena *arena = printer->arena;
    const struct plan_table *table = printer->table;
    const struct ir_scope *scope = &table->model->scope;
    switch (scope->where) {
    case IN_CLUSTER: return always;
    case IN_NAMESPACES: return table->key_namespace ? always : is_in(printer, USE(namespaceName), &table->namespaces);
    case IN_LABELED_NAMESPACES: {
        printer->skip_keys = table->key_value_count > 0;
        const struct piece result = formula(printer, scope->namespace_selector);
        printer->skip_keys = false;
        return result;
    }
    case IN_ANY_NAMESPACE: {
        const char *left_out[3];
        size_t count = 0;
        for (size_t i = 0; i < ir_system_namespace_count; i++) {
            bool named = false;
            for (size_t j = 0; j < scope->namespace_count; j++) named |= strcmp(scope->namespaces[j], ir_system_namespaces[i]) == 0;
            if (!named) left_out[count++] = ir_system_namespaces[i];
        }
        if (!count) return always;
        struct text list;
        text_init(&list, arena);
        add_string_list(&list, left_out, count);
        return piece_not(arena, print(arena, LEVEL_RELATION, "%s in %s", USE(namespaceName), text_string(&list)));
    }
    }
    return always;
}

// An update that changes something the lock is about; false for every other operation.
static struct piece relevant_update(struct printer *printer) {
    const struct piece changed = changes(printer);
    if (!printer->table->model->path_count) return changed;
    return piece_and(printer->arena, operations_piece(printer, OP_UPDATE), changed);
}

static struct piece denied_operation(struct printer *printer) {
    struct arena *arena = printer->arena;
    const struct plan_table *table = printer->table;
    const unsigned denies = table->model->denies;
    if (table->operations.uniform) {
        const struct piece others = operations_piece(printer, denies & ~(unsigned)OP_UPDATE);
        return denies & OP_UPDATE ? piece_or(arena, others, relevant_update(printer)) : others;
    }
    const struct piece not_update = print(arena, LEVEL_RELATION, "request.operation != 'UPDATE'");
    return piece_and(arena, is_in(printer, "request.operation", &table->operations), piece_or(arena, not_update, relevant_update(printer)));
}

// The operations that are denied and the requirement, for requests that carry the object itself.
static struct piece body_trigger(struct printer *printer) {
    struct arena *arena = printer->arena;
    const struct ir_lock *model = printer->table->model;
    struct piece result = model->denies ? denied_operation(printer) : never;
    if (model->requires) {
        const struct piece writes = piece_or(arena, operations_piece(printer, OP_CREATE), relevant_update(printer));
        read_new(printer);
        const struct piece required = piece_not(arena, formula(printer, model->requires));
        read_stored(printer);
        result = piece_or(arena, result, piece_and(arena, writes, required));
    }
    if (printer->policy->has_subresources) result = piece_and(arena, print(arena, LEVEL_UNARY, "%s", USE(body)), result);
    return result;
}

static struct piece trigger(struct printer *printer) {
    struct arena *arena = printer->arena;
    const struct ir_lock *model = printer->table->model;
    const struct piece stored = selection(printer, false);
    struct piece refused = body_trigger(printer);
    if (model->guard_labels) {
        const struct piece leaves = piece_not(arena, selection(printer, true));
        refused = piece_or(arena, refused, piece_and(arena, print(arena, LEVEL_RELATION, "request.operation == 'UPDATE'"), leaves));
    }
    return piece_and(arena, stored, refused);
}

// Somebody else's object would come into the selection.
static struct piece enters(struct printer *printer) {
    struct arena *arena = printer->arena;
    const struct plan_table *table = printer->table;
    struct piece stored = selection(printer, false);
    if (table->key_count) stored = piece_and(arena, print(arena, LEVEL_RELATION, ROW " in variables.%sLocks", table->name), stored);
    const struct piece update = print(arena, LEVEL_RELATION, "request.operation == 'UPDATE'");
    return piece_and(arena, update, piece_and(arena, piece_not(arena, stored), selection(printer, true)));
}

// Everything that must hold beside the trigger, but who asks.
static struct piece circumstances(struct printer *printer) {
    struct arena *arena = printer->arena;
    struct piece result = piece_and(arena, in_resources(printer), in_namespaces(printer));
    return piece_and(arena, result, formula(printer, printer->table->model->condition));
}

static bool has_glass(const struct ir_lock *model) {
    return model->glass.user_count || model->glass.group_count || model->glass.other_count;
}

// One operand a line.
static const char *lines(struct arena *arena, const struct piece *operands, size_t count) {
    struct text text;
    text_init(&text, arena);
    for (size_t i = 0; i < count; i++) {
        if (is_piece(operands[i], always)) continue;
        if (text.len) text_add_string(&text, "\n  && ");
        text_add_string(&text, at_least(arena, operands[i], LEVEL_AND).text);
    }
    return text.len ? text_string(&text) : "true";
}

struct refusal_pieces {
    struct piece circumstances, trigger, enters, passes, glass;
};

static struct refusal_pieces pieces_of(struct printer *printer) {
    const struct plan_table *table = printer->table;
    struct refusal_pieces pieces = {.circumstances = circumstances(printer), .trigger = trigger(printer), .enters = never};
    if (table->model->guard_label_in) pieces.enters = enters(printer);
    pieces.passes = is_one_of(printer, &table->users, &table->groups, &table->model->passes);
    pieces.glass = has_glass(table->model) ? is_one_of(printer, &table->glass_users, &table->glass_groups, &table->model->glass) : never;
    return pieces;
}

static void add_validation(struct printer *printer, const char *expression, const char *message, const char *message_expression) {
    const struct cel_validation validation = {expression, message, message_expression};
    ARENA_PUSH(printer->arena, printer->cel->validations, printer->cel->validation_count, validation);
}

static void add_broken(struct printer *printer, const char *list) {
    struct cel_policy *cel = printer->cel;
    cel->break_glass = cel->break_glass ? arena_printf(printer->arena, "%s + %s", cel->break_glass, list) : list;
}

// A variable of one lock, called after it.
static const char *lock_variable(struct printer *printer, const char *prefix, const struct ir_lock *lock) {
    struct text text;
    text_init(&text, printer->arena);
    text_add_string(&text, prefix);
    bool plain = true, capital = true;
    for (const char *c = lock->name; *c; c++) {
        const bool lower = *c >= 'a' && *c <= 'z', digit = *c >= '0' && *c <= '9';
        if (lower || digit) text_add_char(&text, capital && lower ? (char)(*c - 'a' + 'A') : *c);
        // A blank between two digits, or what is neither, would be lost.
        plain = plain && (lower || (digit && !capital) || (*c == '-' && !capital));
        capital = *c == '-';
    }
    // Different names must stay different, and so must the two halves of a lock on objects of both scopes.
    if (!plain || text.len > 60 || lock->scope.where == IN_CLUSTER) {
        const char *whole = arena_printf(printer->arena, "%s %d", lock->name, lock->scope.where == IN_CLUSTER);
        text_printf(&text, "X%04zx", names_hash(whole) & 0xffff);
    }
    return text_string(&text);
}

// A lock of a structure of its own: its constants stand in place.
static void print_single(struct printer *printer) {
    struct arena *arena = printer->arena;
    const struct ir_lock *lock = printer->table->locks[0];
    const struct refusal_pieces pieces = pieces_of(printer);
    const struct piece trigger = piece_or(arena, pieces.trigger, pieces.enters), exempt = is_exempt(printer);
    const struct piece held[] = {pieces.circumstances, trigger, piece_not(arena, pieces.passes), piece_not(arena, exempt)};
    const char *text = lines(arena, held, 4);
    const char *expression = arena_printf(arena, "!(\n  %s\n)", text);
    if (has_glass(lock)) {
        const char *held_name = lock_variable(printer, "held", lock), *broken_name = lock_variable(printer, "broken", lock);
        add_variable(printer, held_name, text);
        add_variable(printer, broken_name, arena_printf(arena, "variables.%s && %s ? [%s] : []", held_name,
                                                        at_least(arena, pieces.glass, LEVEL_AND).text, quoted(arena, lock->name)));
        add_broken(printer, arena_printf(arena, "variables.%s", broken_name));
        expression = arena_printf(arena, "!variables.%s || %s", held_name, pieces.glass.text);
    }
    const char *dynamic = strstr(lock->message, "${") ? quoted(arena, lock->message) : NULL;
    add_validation(printer, expression, dynamic ? arena_printf(arena, "denied, there is a lock: %s", lock->name) : lock->message, dynamic);
}

static const char *key_part(struct printer *printer, const struct ir_expr *atom, bool new, struct piece *presence) {
    struct arena *arena = printer->arena;
    if (atom->kind == IR_NAME) return USE(name);
    if (atom->kind == IR_FIELD) {
        const char *root = new ? USE(new) : USE(stored), *subject = path_text(arena, root, &atom->path, atom->path.count);
        const struct piece text = print(arena, LEVEL_RELATION, "type(%s) == string", subject);
        *presence = piece_and(arena, *presence, piece_and(arena, path_present(printer, &atom->path, root), text));
        return subject;
    }
    const char *map = atom->kind == IR_NAMESPACE_LABEL ? USE(namespaceLabels)
                      : atom->kind == IR_LABEL         ? new ? USE(newLabels) : USE(labels)
                      : new                            ? USE(newAnnotations)
                                                       : USE(annotations);
    const char *key = quoted(arena, atom->key);
    *presence = piece_and(arena, *presence, print(arena, LEVEL_RELATION, "%s in %s", key, map));
    return arena_printf(arena, "%s[%s]", map, key);
}

// The key of the request: what locks are found by. "" finds none, and is no key of any lock.
static const char *request_key(struct printer *printer, bool new) {
    struct arena *arena = printer->arena;
    const struct plan_table *table = printer->table;
    struct piece presence = always;
    struct text text;
    text_init(&text, arena);
    if (table->key_namespace) text_printf(&text, "'/' + %s", USE(namespaceName));
    if (table->key_resource) text_printf(&text, "%s'/' + %s", text.len ? " + " : "", USE(resource));
    for (size_t i = 0; i < table->key_count; i++)
        text_printf(&text, "%s'/' + %s", text.len ? " + " : "", key_part(printer, table->key_atoms[i], new, &presence));
    return is_piece(presence, always) ? text_string(&text) : arena_printf(arena, "%s ? %s : ''", at_least(arena, presence, LEVEL_OR).text, text_string(&text));
}

static const char *named(struct printer *printer, const char *suffix) {
    return arena_printf(printer->arena, "%s%s", printer->table->name, suffix);
}

// The locks that the request's key finds, as a list of names.
static void add_found(struct printer *printer, size_t parts, bool new) {
    struct arena *arena = printer->arena;
    const char *key = named(printer, new ? "NewKey" : "Key");
    add_variable(printer, key, request_key(printer, new));
    const char *found = lookup(printer, named(printer, "Index"), parts, arena_printf(arena, "variables.%s", key), "[]");
    add_variable(printer, named(printer, new ? "NewLocks" : "Locks"), found);
}

static void print_index(struct printer *printer) {
    struct arena *arena = printer->arena;
    const struct plan_table *table = printer->table;
    if (!table->key_value_count) {
        struct text list;
        text_init(&list, arena);
        add_string_list(&list, table->rows, table->row_count);
        add_variable(printer, named(printer, "Locks"), text_string(&list));
        return;
    }
    struct map_printer map;
    begin_map(&map, printer, named(printer, "Index"));
    for (size_t i = 0; i < table->key_value_count; i++) {
        struct text rows;
        text_init(&rows, arena);
        const char **names = ARENA_ARRAY(arena, const char *, table->key_row_counts[i]);
        for (size_t j = 0; j < table->key_row_counts[i]; j++) names[j] = table->rows[table->key_rows[i][j]];
        add_string_list(&rows, names, table->key_row_counts[i]);
        add_entry(&map, table->keys[i], text_string(&rows));
    }
    end_part(&map);
    add_found(printer, map.parts, false);
    if (table->key_count && (table->model->guard_labels || table->model->guard_label_in)) add_found(printer, map.parts, true);
}

// Locks that share a structure: one validation, whose constants are looked up by the names of the locks it found.
static void print_table(struct printer *printer) {
    struct arena *arena = printer->arena;
    const struct plan_table *table = printer->table;
    const struct ir_lock *model = table->model;
    print_index(printer);
    const struct refusal_pieces pieces = pieces_of(printer);
    const char *locks = named(printer, "Locks"), *entering = table->key_count ? named(printer, "NewLocks") : locks;
    const char *held_name = named(printer, has_glass(model) ? "Held" : "Refusing"), *refused = named(printer, "Refusing");
    const struct piece not_passes = piece_not(arena, pieces.passes), not_exempt = piece_not(arena, is_exempt(printer));
    const struct piece held[] = {pieces.circumstances, pieces.trigger, not_passes, not_exempt};
    struct text text;
    text_init(&text, arena);
    text_printf(&text, "variables.%s.filter(" ROW ",\n  %s)", locks, lines(arena, held, 4));
    if (model->guard_label_in) {
        const struct piece entered[] = {pieces.circumstances, pieces.enters, not_passes, not_exempt};
        text_printf(&text, "\n+ variables.%s.filter(" ROW ",\n  %s)", entering, lines(arena, entered, 4));
    }
    add_variable(printer, held_name, text_string(&text));
    if (has_glass(model)) {
        const char *broken = named(printer, "Broken");
        const char *filter = arena_printf(arena, "variables.%s.filter(" ROW ", ", held_name);
        add_variable(printer, refused, arena_printf(arena, "%s%s)", filter, piece_not(arena, pieces.glass).text));
        add_variable(printer, broken, arena_printf(arena, "%s%s)", filter, pieces.glass.text));
        add_broken(printer, arena_printf(arena, "variables.%s", broken));
    }

    // The message of the first lock that refuses. It is evaluated for every request, so it must be cheap and cannot fail.
    const char *first = constant_of(printer, &table->messages, arena_printf(arena, "variables.%s[0]", refused));
    add_validation(printer, arena_printf(arena, "variables.%s.size() == 0", refused),
                   arena_printf(arena, "denied, there is a lock (policy %s)", printer->policy->policy),
                   arena_printf(arena, "variables.%s.size() > 0 ? %s : ''", refused, first));
}

// ---- the policy ----

static void add_base_variables(struct printer *printer, struct cel_variable **variables, size_t *count) {
    const char *expressions[BASE_COUNT];
    for (size_t i = 0; i < BASE_COUNT; i++) expressions[i] = base_expressions[i];
    if (printer->used[BASE_controllers]) expressions[BASE_controllers] = controllers(printer).text;
    if (printer->used[BASE_lifecycle]) expressions[BASE_lifecycle] = lifecycle(printer).text;
    // From the last to the first, so that what a used one uses is known before its turn comes.
    for (size_t i = BASE_COUNT; i-- > 0;) {
        if (!printer->used[i]) continue;
        for (size_t j = 0; j < i; j++) {
            const char *name = arena_printf(printer->arena, "variables.%s", base_names[j]);
            for (const char *at = strstr(expressions[i], name); at; at = strstr(at + 1, name)) {
                const char after = at[strlen(name)];
                const bool whole = !((after >= 'a' && after <= 'z') || (after >= 'A' && after <= 'Z'));
                printer->used[j] |= whole;
            }
        }
    }
    for (size_t i = 0; i < BASE_COUNT; i++) {
        if (!printer->used[i]) continue;
        const struct cel_variable variable = {base_names[i], expressions[i]};
        ARENA_PUSH(printer->arena, *variables, *count, variable);
    }
}

void cel_print_policy(struct arena *arena, const struct plan_policy *policy, struct cel_policy *ret_cel) {
    struct cel_policy own = {0};
    struct printer printer = {.arena = arena, .policy = policy, .cel = &own};
    read_stored(&printer);
    for (size_t i = 0; i < policy->table_count; i++) {
        printer.table = &policy->tables[i];
        if (printer.table->row_count == 1) print_single(&printer);
        else print_table(&printer);
    }
    if (own.break_glass) {
        own.break_glass = arena_printf(arena, "%s", own.break_glass);
        add_variable(&printer, "broken", own.break_glass);
        (void)use(&printer, BASE_user);
        own.break_glass = "variables.broken.size() > 0 ? 'lock ' + variables.broken.join(', ') + ' broken by ' + variables.user : ''";
    }
    struct cel_variable *variables = NULL;
    size_t count = 0;
    add_base_variables(&printer, &variables, &count);
    for (size_t i = 0; i < own.variable_count; i++) ARENA_PUSH(arena, variables, count, own.variables[i]);
    *ret_cel = own;
    ret_cel->variables = variables;
    ret_cel->variable_count = count;
}
