// Grouping of locks into policies, tables and columns; see plan.h and the reasons in docs/output.md.
#include "plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arena.h"
#include "catalog.h"
#include "celexpr.h"
#include "limits.h"
#include "names.h"
#include "text.h"
#include "value.h"

// ---- structure: everything about a lock but its constants, as text ----

// With its length, so that no text can look like two, or like a part of the structure.
static void add_text(struct text *text, const char *part) {
    text_printf(text, "%zu:%s", strlen(part), part);
}

static void add_path(struct text *text, const struct ir_path *path) {
    text_printf(text, "%d", path->variable);
    for (size_t i = 0; i < path->count; i++) {
        text_add_char(text, '/');
        if (path->segments[i].key)
            add_text(text, path->segments[i].key);
        else
            text_add_char(text, '*');
    }
}

static char type_letter(const struct ir_expr *expr) {
    bool strings = true;
    for (size_t i = 0; i < expr->value_count; i++) strings &= expr->values[i]->kind == VALUE_STRING;
    return strings ? 's' : 'n';
}

static void add_structure(struct text *text, const struct ir_expr *expr) {
    text_printf(text, "(%d %d %d %d %u", (int)expr->kind, (int)expr->state, (int)expr->test, expr->frozen,
                expr->operations);
    text_add_char(text, ' ');
    if (expr->key) add_text(text, expr->key);
    if (expr->kind == IR_FIELD || expr->kind == IR_ANY || expr->kind == IR_ALL) add_path(text, &expr->path);
    if (expr->value_count) text_add_char(text, type_letter(expr));
    if (expr->kind == IR_CEL && expr->cel) add_text(text, cel_text(expr->cel));
    for (size_t i = 0; i < expr->operand_count; i++) add_structure(text, expr->operands[i]);
    text_add_char(text, ')');
}

static void add_targets(struct text *text, const struct ir_target *targets, size_t count) {
    for (size_t i = 0; i < count; i++)
        text_printf(text, " %s.%s", targets[i].name ? targets[i].name : "*", targets[i].group ? targets[i].group : "*");
}

static bool has_wildcard(const struct ir_scope *scope) {
    for (size_t i = 0; i < scope->target_count; i++)
        if (!scope->targets[i].resource) return true;
    return false;
}

// Two locks may share a table exactly when their structures are the same text.
static const char *structure_of(struct arena *arena, const struct ir_lock *lock) {
    struct text text;
    text_init(&text, arena);
    text_printf(&text, "%d %d %d %d %d %d %d %d %d %d|", lock->derived, (int)lock->scope.where, lock->denies != 0,
                (lock->acts & ACT_SCALE) != 0, lock->requires != NULL, lock->all_but_paths, (int)lock->exemption,
                lock->guard_labels, lock->guard_label_in, lock->guard_owners);
    if (lock->scope.subresource) text_printf(&text, "%s|", lock->scope.subresource);
    if (has_wildcard(&lock->scope)) add_targets(&text, lock->scope.targets, lock->scope.target_count);
    text_add_char(&text, '|');
    add_targets(&text, lock->scope.excepts, lock->scope.except_count);
    for (size_t i = 0; lock->scope.where == IN_ANY_NAMESPACE && i < lock->scope.namespace_count; i++)
        text_printf(&text, " %s", lock->scope.namespaces[i]);
    text_add_char(&text, '|');
    if (lock->scope.namespace_selector) add_structure(&text, lock->scope.namespace_selector);
    add_structure(&text, lock->selects);
    add_structure(&text, lock->condition);
    if (lock->requires) add_structure(&text, lock->requires);
    for (size_t i = 0; i < lock->path_count; i++) {
        text_add_char(&text, ' ');
        add_path(&text, &lock->paths[i]);
    }
    text_add_char(&text, '|');
    for (size_t i = 0; i < lock->passes.other_count; i++) add_structure(&text, lock->passes.others[i]);
    text_printf(&text, "|%d", lock->glass.user_count + lock->glass.group_count + lock->glass.other_count > 0);
    for (size_t i = 0; i < lock->glass.other_count; i++) add_structure(&text, lock->glass.others[i]);
    return text_string(&text);
}

static bool path_reads_fields(const struct ir_path *path) {
    return path->variable < 0 &&
           !(path->count && path->segments[0].key && strcmp(path->segments[0].key, "metadata") == 0);
}

static bool formula_reads_fields(const struct ir_expr *expr) {
    if (expr->kind == IR_CEL) return true;
    if ((expr->kind == IR_FIELD || expr->kind == IR_ANY || expr->kind == IR_ALL) && path_reads_fields(&expr->path))
        return true;
    for (size_t i = 0; i < expr->operand_count; i++)
        if (formula_reads_fields(expr->operands[i])) return true;
    return false;
}

bool plan_reads_fields(const struct ir_lock *lock) {
    for (size_t i = 0; i < lock->path_count; i++)
        if (path_reads_fields(&lock->paths[i])) return true;
    return formula_reads_fields(lock->selects) || formula_reads_fields(lock->condition) ||
           (lock->requires && formula_reads_fields(lock->requires));
}

// ---- the model ----

static struct ir_expr *copy_expr(struct arena *arena, const struct ir_expr *expr) {
    if (!expr) return NULL;
    struct ir_expr *copy = ARENA_NEW(arena, struct ir_expr);
    *copy = *expr;
    copy->operands = NULL;
    copy->operand_count = 0;
    for (size_t i = 0; i < expr->operand_count; i++)
        ARENA_PUSH(arena, copy->operands, copy->operand_count, copy_expr(arena, expr->operands[i]));
    return copy;
}

static void copy_subjects(struct arena *arena, struct ir_subjects *subjects) {
    struct ir_expr **others = subjects->others;
    const size_t count = subjects->other_count;
    subjects->others = NULL;
    subjects->other_count = 0;
    for (size_t i = 0; i < count; i++)
        ARENA_PUSH(arena, subjects->others, subjects->other_count, copy_expr(arena, others[i]));
}

static struct ir_lock *copy_lock(struct arena *arena, const struct ir_lock *lock) {
    struct ir_lock *copy = ARENA_NEW(arena, struct ir_lock);
    *copy = *lock;
    copy->scope.namespace_selector = copy_expr(arena, lock->scope.namespace_selector);
    copy->selects = copy_expr(arena, lock->selects);
    copy->condition = copy_expr(arena, lock->condition);
    copy->requires = copy_expr(arena, lock->requires);
    copy_subjects(arena, &copy->passes);
    copy_subjects(arena, &copy->glass);
    return copy;
}

struct atoms {
    struct arena *arena;
    const struct ir_expr **items;
    size_t count;
};

static void collect(struct atoms *atoms, const struct ir_expr *expr) {
    if (!expr) return;
    if (expr->value_count) ARENA_PUSH(atoms->arena, atoms->items, atoms->count, expr);
    for (size_t i = 0; i < expr->operand_count; i++) collect(atoms, expr->operands[i]);
}

// The atoms with constants, in an order that is the same for all locks of one structure.
static struct atoms atoms_of(struct arena *arena, const struct ir_lock *lock) {
    struct atoms atoms = {.arena = arena};
    collect(&atoms, lock->scope.namespace_selector);
    collect(&atoms, lock->selects);
    collect(&atoms, lock->condition);
    collect(&atoms, lock->requires);
    for (size_t i = 0; i < lock->passes.other_count; i++) collect(&atoms, lock->passes.others[i]);
    for (size_t i = 0; i < lock->glass.other_count; i++) collect(&atoms, lock->glass.others[i]);
    return atoms;
}

// ---- columns ----

static void init_column(struct arena *arena, struct plan_column *column, const char *name, enum plan_type type,
                        size_t rows) {
    *column = (struct plan_column){.name = name, .type = type};
    column->values = ARENA_ARRAY(arena, const struct value **, rows);
    column->counts = ARENA_ARRAY(arena, size_t, rows);
}

static void set_row(struct plan_column *column, size_t row, const struct value **values, size_t count) {
    column->values[row] = values;
    column->counts[row] = count;
}

static void set_texts(struct arena *arena, struct plan_column *column, size_t row, const char *const *texts,
                      size_t count) {
    const struct value **values = ARENA_ARRAY(arena, const struct value *, count);
    for (size_t i = 0; i < count; i++) values[i] = value_string(arena, texts[i]);
    set_row(column, row, values, count);
}

static bool same_row(const struct plan_column *column, size_t a, size_t b) {
    if (column->counts[a] != column->counts[b]) return false;
    for (size_t i = 0; i < column->counts[a]; i++)
        if (column->values[a][i]->kind != column->values[b][i]->kind ||
            !value_equal(column->values[a][i], column->values[b][i]))
            return false;
    return true;
}

static void settle(struct plan_column *column, size_t rows) {
    column->uniform = true;
    for (size_t i = 1; i < rows && column->uniform; i++) column->uniform = same_row(column, 0, i);
}

// Of the objects themselves the operations; of what connects to them the subresources.
static void set_operations(struct arena *arena, struct plan_column *column, size_t row, const struct ir_lock *lock,
                           enum shape shape) {
    const char *texts[4];
    const unsigned operations = lock->denies;
    size_t count = 0;
    if (shape != SHAPE_OBJECTS) {
        for (size_t i = 0; i < ir_act_count; i++)
            if (ir_acts[i].shape == shape && (lock->acts & ir_acts[i].act)) texts[count++] = ir_acts[i].subresource;
        set_texts(arena, column, row, texts, count);
        return;
    }
    if (operations & OP_CREATE) texts[count++] = "CREATE";
    if (operations & OP_UPDATE) texts[count++] = "UPDATE";
    if (operations & OP_DELETE) texts[count++] = "DELETE";
    set_texts(arena, column, row, texts, count);
}

static void set_resources(struct arena *arena, struct plan_column *column, size_t row, const struct ir_scope *scope) {
    const char **texts = ARENA_ARRAY(arena, const char *, scope->target_count);
    size_t count = 0;
    for (size_t i = 0; i < scope->target_count; i++)
        if (scope->targets[i].resource) texts[count++] = catalog_name(arena, scope->targets[i].resource);
    if (count) qsort(texts, count, sizeof *texts, compare_strings);
    set_texts(arena, column, row, texts, count);
}

static enum plan_type column_type(const struct ir_expr *atom) {
    if (atom->test == TEST_IN && (atom->kind != IR_GROUP && atom->kind != IR_EXTRA))
        return type_letter(atom) == 's' ? PLAN_STRINGS : PLAN_SCALARS;
    return type_letter(atom) == 's' ? PLAN_STRING : PLAN_NUMBER;
}

static void fill_columns(struct arena *arena, struct plan_table *table, enum shape shape) {
    const size_t rows = table->row_count;
    const struct atoms atoms = atoms_of(arena, table->model);
    table->atoms = atoms.items;
    table->atom_count = atoms.count;
    table->columns = ARENA_ARRAY(arena, struct plan_column, atoms.count);
    for (size_t i = 0; i < atoms.count; i++)
        init_column(arena, &table->columns[i], arena_printf(arena, "Values%zu", i + 1), column_type(atoms.items[i]),
                    rows);
    init_column(arena, &table->resources, "Resources", PLAN_STRINGS, rows);
    init_column(arena, &table->namespaces, "Namespaces", PLAN_STRINGS, rows);
    init_column(arena, &table->operations, "Operations", PLAN_STRINGS, rows);
    init_column(arena, &table->users, "Users", PLAN_STRINGS, rows);
    init_column(arena, &table->groups, "Groups", PLAN_STRINGS, rows);
    init_column(arena, &table->glass_users, "GlassUsers", PLAN_STRINGS, rows);
    init_column(arena, &table->glass_groups, "GlassGroups", PLAN_STRINGS, rows);
    init_column(arena, &table->messages, "Messages", PLAN_STRING, rows);
    for (size_t row = 0; row < rows; row++) {
        const struct ir_lock *lock = table->locks[row];
        const struct atoms own = atoms_of(arena, lock);
        for (size_t i = 0; i < atoms.count; i++)
            set_row(&table->columns[i], row, own.items[i]->values, own.items[i]->value_count);
        set_resources(arena, &table->resources, row, &lock->scope);
        set_texts(arena, &table->namespaces, row, lock->scope.namespaces, lock->scope.namespace_count);
        set_operations(arena, &table->operations, row, lock, shape);
        set_texts(arena, &table->users, row, lock->passes.users, lock->passes.user_count);
        set_texts(arena, &table->groups, row, lock->passes.groups, lock->passes.group_count);
        set_texts(arena, &table->glass_users, row, lock->glass.users, lock->glass.user_count);
        set_texts(arena, &table->glass_groups, row, lock->glass.groups, lock->glass.group_count);
        set_texts(arena, &table->messages, row, &lock->message, 1);
    }
    for (size_t i = 0; i < atoms.count; i++) settle(&table->columns[i], rows);
    struct plan_column *const common[] = {&table->resources,    &table->namespaces, &table->operations,
                                          &table->users,        &table->groups,     &table->glass_users,
                                          &table->glass_groups, &table->messages};
    for (size_t i = 0; i < sizeof common / sizeof *common; i++) settle(common[i], rows);
}

// ---- keys ----

// A lock that names more values than this for one key is found by its other keys.
enum { MAX_KEYS_OF_LOCK = 256 };

static bool is_plain_text_path(const struct ir_expr *atom) {
    for (size_t i = 0; i < atom->path.count; i++)
        if (!atom->path.segments[i].key) return false;
    return atom->path.variable < 0 && !atom->frozen && type_letter(atom) == 's';
}

// Atoms that stand alone in the conjunction and name exact texts. Labels, names and namespaces have no slash, so that
// they join with one; annotations and fields may hold any text, so that one of them can be the last part of a key.
static bool can_be_key(const struct ir_expr *atom, bool last) {
    if (atom->test != TEST_IN || atom->state != STATE_SELF || !atom->value_count) return false;
    if (last) return atom->kind == IR_ANNOTATION || (atom->kind == IR_FIELD && is_plain_text_path(atom));
    return atom->kind == IR_LABEL || atom->kind == IR_NAME || atom->kind == IR_NAMESPACE_LABEL;
}

static void add_key_atoms(struct arena *arena, struct plan_table *table, const struct ir_expr *formula, bool last) {
    const bool chain = formula && formula->kind == IR_AND;
    for (size_t i = 0; formula && i < (chain ? formula->operand_count : 1); i++) {
        const struct ir_expr *atom = chain ? formula->operands[i] : formula;
        if (!can_be_key(atom, last)) continue;
        ARENA_PUSH(arena, table->key_atoms, table->key_count, atom);
        if (last) return;
    }
}

static const struct plan_column *column_of(const struct plan_table *table, const struct ir_expr *atom) {
    static const struct plan_column none = {.uniform = true}; // of atoms without constants
    for (size_t i = 0; i < table->atom_count; i++)
        if (table->atoms[i] == atom) return &table->columns[i];
    return &none;
}

struct key_entry {
    const char *key;
    size_t row;
};

static int compare_keys(const void *a, const void *b) {
    const struct key_entry *x = a, *y = b;
    const int order = strcmp(x->key, y->key);
    return order ? order : (x->row > y->row) - (x->row < y->row);
}

// Extends each of the keys so far by each value of the column.
static void extend(struct arena *arena, const char ***keys, size_t *count, const struct plan_column *column,
                   size_t row) {
    const char **extended = NULL;
    size_t extended_count = 0;
    for (size_t i = 0; i < *count; i++)
        for (size_t j = 0; j < column->counts[row]; j++)
            ARENA_PUSH(arena, extended, extended_count,
                       arena_printf(arena, "%s/%s", (*keys)[i], column->values[row][j]->as.string));
    *keys = extended;
    *count = extended_count;
}

static size_t keys_of_row(const struct plan_table *table, size_t row) {
    size_t product = table->key_namespace ? table->namespaces.counts[row] : 1;
    if (table->key_resource) product *= table->resources.counts[row];
    for (size_t i = 0; i < table->key_count; i++) {
        product *= column_of(table, table->key_atoms[i])->counts[row];
        if (product > MAX_KEYS_OF_LOCK) return product;
    }
    return product;
}

static bool too_many_keys(const struct plan_table *table) {
    for (size_t row = 0; row < table->row_count; row++)
        if (keys_of_row(table, row) > MAX_KEYS_OF_LOCK) return true;
    return false;
}

static void fill_keys(struct arena *arena, struct plan_table *table) {
    const struct ir_lock *model = table->model;
    table->key_namespace = model->scope.where == IN_NAMESPACES;
    add_key_atoms(arena, table, model->scope.namespace_selector, false);
    add_key_atoms(arena, table, model->selects, false);
    add_key_atoms(arena, table, model->selects, true);
    while (table->key_count && too_many_keys(table)) table->key_count--;
    if (!table->key_count) table->key_resource = !has_wildcard(&model->scope);
    if (too_many_keys(table)) table->key_resource = false;
    if (too_many_keys(table)) table->key_namespace = false;
    if (!table->key_count && !table->key_namespace && !table->key_resource) return;

    struct key_entry *entries = NULL;
    size_t entry_count = 0;
    for (size_t row = 0; row < table->row_count; row++) {
        const char *empty = "";
        const char **keys = &empty;
        size_t count = 1;
        if (table->key_namespace) extend(arena, &keys, &count, &table->namespaces, row);
        if (table->key_resource) extend(arena, &keys, &count, &table->resources, row);
        for (size_t i = 0; i < table->key_count; i++)
            extend(arena, &keys, &count, column_of(table, table->key_atoms[i]), row);
        for (size_t i = 0; i < count; i++) {
            const struct key_entry entry = {keys[i], row};
            ARENA_PUSH(arena, entries, entry_count, entry);
        }
    }
    qsort(entries, entry_count, sizeof *entries, compare_keys);
    table->keys = ARENA_ARRAY(arena, const char *, entry_count);
    table->key_rows = ARENA_ARRAY(arena, const size_t *, entry_count);
    table->key_row_counts = ARENA_ARRAY(arena, size_t, entry_count);
    for (size_t i = 0; i < entry_count;) {
        size_t end = i, *rows = NULL, count = 0;
        while (end < entry_count && strcmp(entries[end].key, entries[i].key) == 0)
            ARENA_PUSH(arena, rows, count, entries[end++].row);
        table->keys[table->key_value_count] = entries[i].key;
        table->key_rows[table->key_value_count] = rows;
        table->key_row_counts[table->key_value_count++] = count;
        i = end;
    }
}

// A readable prefix for the table's variables, from what its key is made of: namespaceAura, name, resource.
static const char *name_of(struct arena *arena, const struct plan_table *table) {
    struct text text;
    text_init(&text, arena);
    if (table->key_namespace) text_add_string(&text, "namespace");
    if (table->key_resource) text_add_string(&text, text.len ? "Resource" : "resource");
    for (size_t i = 0; i < table->key_count; i++) {
        const struct ir_expr *atom = table->key_atoms[i];
        const char *word = atom->kind == IR_NAME ? "name" : atom->kind == IR_FIELD ? "field" : atom->key;
        bool capital = text.len > 0;
        for (; *word && text.len < 40; word++) {
            const bool letter = (*word >= 'a' && *word <= 'z') || (*word >= 'A' && *word <= 'Z');
            if (!letter && !(*word >= '0' && *word <= '9' && text.len)) {
                capital = text.len > 0;
                continue;
            }
            text_add_char(&text, capital && *word >= 'a' && *word <= 'z' ? (char)(*word - 'a' + 'A') : *word);
            capital = false;
        }
    }
    return text.len ? text_string(&text) : "every";
}

// ---- tables ----

static int compare_tables(const void *a, const void *b) {
    return strcmp(((const struct plan_table *)a)->locks[0]->id, ((const struct plan_table *)b)->locks[0]->id);
}

static void name_tables(struct arena *arena, struct plan_policy *policy) {
    for (size_t i = 0; i < policy->table_count; i++) policy->tables[i].name = name_of(arena, &policy->tables[i]);
    struct names counts;
    names_init(&counts, arena);
    for (size_t i = 0; i < policy->table_count; i++) {
        struct plan_table *table = &policy->tables[i];
        if (table->row_count < 2) continue;
        size_t *count = names_get(&counts, table->name);
        if (!count) names_set(&counts, table->name, count = ARENA_NEW(arena, size_t));
        ++*count;
    }
    // Only names that two tables would share are told apart, by their structure, so that a new table leaves others
    // alone.
    for (size_t i = 0; i < policy->table_count; i++) {
        struct plan_table *table = &policy->tables[i];
        const size_t *count = names_get(&counts, table->name);
        if (table->row_count < 2 || *count < 2) continue;
        table->name =
            arena_printf(arena, "%sX%08zx", table->name, names_hash(structure_of(arena, table->locks[0])) & 0xffffffff);
    }
}

// A CEL expression that fails refuses only under `on error deny`: with `allow` it must not take other locks with it.
// And an expression has room for the authorizer checks of one lock only.
static bool must_be_alone(const struct ir_lock *lock) {
    return (lock->fail_open && plan_reads_fields(lock)) || ir_asks_authorizer(lock);
}

static void make_tables(struct arena *arena, struct plan_policy *policy, const struct ir_lock **locks,
                        const char **structures, size_t count) {
    struct names known;
    names_init(&known, arena);
    struct plan_table **tables = NULL;
    size_t table_count = 0;
    for (size_t i = 0; i < count; i++) {
        const char *structure = structures[i];
        if (must_be_alone(locks[i])) structure = arena_printf(arena, "%s %s", structure, locks[i]->id);
        struct plan_table *table = names_get(&known, structure);
        if (!table) {
            table = ARENA_NEW(arena, struct plan_table);
            table->model = copy_lock(arena, locks[i]);
            names_set(&known, structure, table);
            ARENA_PUSH(arena, tables, table_count, table);
        }
        ARENA_PUSH(arena, table->locks, table->row_count, locks[i]);
    }
    policy->tables = ARENA_ARRAY(arena, struct plan_table, table_count);
    policy->table_count = table_count;
    for (size_t i = 0; i < table_count; i++) {
        struct plan_table *table = tables[i];
        table->rows = ARENA_ARRAY(arena, const char *, table->row_count);
        for (size_t row = 0; row < table->row_count; row++) table->rows[row] = table->locks[row]->id;
        fill_columns(arena, table, policy->shape);
        if (table->row_count > 1) fill_keys(arena, table);
        policy->tables[i] = *table;
    }
    qsort(policy->tables, table_count, sizeof *policy->tables, compare_tables);
    name_tables(arena, policy);
}

// ---- rules ----

// What the rules must let through to the policy for one resource.
struct demand {
    const char *group, *name;        // "*" for wildcards
    const struct resource *resource; // NULL for wildcards
    const char *version;
    unsigned operations;
    bool namespaced, meta, body; // which full-kind subresources
    const char **subresources;   // and those that locks are about
    size_t subresource_count;
};

static void add_demand(struct arena *arena, struct demand **demands, size_t *count, const struct ir_lock *lock,
                       const struct ir_target *target) {
    const bool guards = lock->guard_labels || lock->guard_label_in || lock->guard_owners;
    const char *group = target->group ? target->group : "*", *name = target->name ? target->name : "*";
    const bool namespaced = lock->scope.where != IN_CLUSTER;
    const char *version = target->version                               ? target->version
                          : target->resource && plan_reads_fields(lock) ? target->resource->version
                                                                        : "*";
    const char *subresource = lock->scope.subresource;
    unsigned operations = subresource ? 0 : lock->denies;
    if (guards) operations |= OP_UPDATE;
    if (lock->requires && !subresource) operations |= OP_CREATE | OP_UPDATE;
    if (!operations && !subresource) return; // only denied through subresources that carry nothing of the object
    struct demand *demand = NULL;
    for (size_t i = 0; i < *count && !demand; i++)
        if (strcmp((*demands)[i].group, group) == 0 && strcmp((*demands)[i].name, name) == 0 &&
            (*demands)[i].namespaced == namespaced)
            demand = &(*demands)[i];
    if (!demand) {
        const struct demand added = {
            .group = group, .name = name, .resource = target->resource, .version = version, .namespaced = namespaced};
        ARENA_PUSH(arena, *demands, *count, added);
        demand = &(*demands)[*count - 1];
    }
    if (strcmp(demand->version, "*") == 0) demand->version = version;
    demand->operations |= operations;
    demand->meta |= guards || ir_sees_metadata(lock);
    demand->body |= (operations & OP_UPDATE) != 0;
    if (subresource) ARENA_PUSH(arena, demand->subresources, demand->subresource_count, subresource);
}

static void add_rule(struct arena *arena, struct plan_rule **rules, size_t *count, const struct demand *demand,
                     const char *resource, unsigned operations) {
    struct plan_rule *rule = NULL;
    for (size_t i = 0; i < *count && !rule; i++) {
        struct plan_rule *known = &(*rules)[i];
        if (strcmp(known->group, demand->group) == 0 && strcmp(known->version, demand->version) == 0 &&
            known->operations == operations && known->namespaced == demand->namespaced)
            rule = known;
    }
    if (!rule) {
        const struct plan_rule added = {.group = demand->group,
                                        .version = demand->version,
                                        .operations = operations,
                                        .namespaced = demand->namespaced};
        ARENA_PUSH(arena, *rules, *count, added);
        rule = &(*rules)[*count - 1];
    }
    ARENA_PUSH(arena, rule->resources, rule->resource_count, resource);
}

static int compare_rules(const void *a, const void *b) {
    const struct plan_rule *x = a, *y = b;
    int order = strcmp(x->group, y->group);
    if (!order) order = strcmp(x->version, y->version);
    if (!order) order = (x->namespaced < y->namespaced) - (x->namespaced > y->namespaced);
    return order ? order : (x->operations < y->operations) - (x->operations > y->operations);
}

static void add_subresources(struct arena *arena, struct plan_policy *policy, const struct demand *demand) {
    static const char *const full_kind[] = {"approval", "ephemeralcontainers", "finalize", "resize", "status"};
    for (size_t i = 0; i < sizeof full_kind / sizeof *full_kind; i++) {
        bool wanted = ir_subresource_class(full_kind[i]) == SUBRESOURCE_META ? demand->meta : demand->body;
        for (size_t j = 0; j < demand->subresource_count; j++)
            wanted |= strcmp(demand->subresources[j], full_kind[i]) == 0;
        if (!wanted || (demand->resource && !catalog_list_has(demand->resource->subresources, full_kind[i]))) continue;
        policy->has_subresources = true;
        add_rule(arena, &policy->rules, &policy->rule_count, demand,
                 arena_printf(arena, "%s/%s", demand->name, full_kind[i]), OP_UPDATE);
    }
}

// Wildcards never take in what the control plane writes at every heartbeat, unless another lock names it.
static void add_exclusions(struct arena *arena, struct plan_policy *policy, const struct demand *demands,
                           size_t count) {
    bool wildcard = false;
    for (size_t i = 0; i < count; i++) wildcard |= !demands[i].resource;
    for (size_t i = 0; i < ir_never_locked_count && wildcard; i++) {
        const struct ir_resource_name *never = &ir_never_locked[i];
        bool named = false;
        for (size_t j = 0; j < count; j++)
            named |= strcmp(demands[j].group, never->group) == 0 && strcmp(demands[j].name, never->name) == 0;
        const struct demand excluded = {.group = never->group, .version = "*"};
        if (!named) add_rule(arena, &policy->excluded, &policy->excluded_count, &excluded, never->name, OPS_WRITE);
    }
}

static bool rule_has(const struct plan_rule *rule, const char *resource) {
    for (size_t i = 0; i < rule->resource_count; i++)
        if (strcmp(rule->resources[i], resource) == 0) return true;
    return false;
}

// The API server refuses `*` beside other resources, and `*/status` beside another resource's status.
static void drop_covered(struct arena *arena, struct plan_rule *rule) {
    size_t kept = 0;
    const bool every = rule_has(rule, "*");
    for (size_t i = 0; i < rule->resource_count; i++) {
        const char *resource = rule->resources[i], *slash = strchr(resource, '/');
        const bool covered = *resource != '*' && (slash ? rule_has(rule, arena_printf(arena, "*%s", slash)) : every);
        if (!covered) rule->resources[kept++] = resource;
    }
    rule->resource_count = kept;
}

static void make_rules(struct arena *arena, struct plan_policy *policy, const struct ir_lock **locks, size_t count) {
    struct demand *demands = NULL;
    size_t demand_count = 0;
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < locks[i]->scope.target_count; j++)
            add_demand(arena, &demands, &demand_count, locks[i], &locks[i]->scope.targets[j]);
    for (size_t i = 0; i < demand_count; i++) {
        if (demands[i].operations)
            add_rule(arena, &policy->rules, &policy->rule_count, &demands[i], demands[i].name, demands[i].operations);
        add_subresources(arena, policy, &demands[i]);
    }
    add_exclusions(arena, policy, demands, demand_count);
    qsort(policy->rules, policy->rule_count, sizeof *policy->rules, compare_rules);
    for (size_t i = 0; i < policy->rule_count; i++) {
        qsort(policy->rules[i].resources, policy->rules[i].resource_count, sizeof *policy->rules[i].resources,
              compare_strings);
        drop_covered(arena, &policy->rules[i]);
    }
    if (policy->excluded_count)
        qsort(policy->excluded, policy->excluded_count, sizeof *policy->excluded, compare_rules);
}

// ---- policies ----

// Versions that the source asks for beside the preferred ones: their locks see objects of another form.
static const char *versions_of(struct arena *arena, const struct ir_lock *lock) {
    struct text text;
    text_init(&text, arena);
    for (size_t i = 0; i < lock->scope.target_count; i++) {
        const struct ir_target *target = &lock->scope.targets[i];
        if (target->version && strcmp(target->version, target->resource->version) != 0)
            text_printf(&text, "-%s", target->version);
    }
    return text_string(&text);
}

static const char *name_policy(struct arena *arena, const struct ir_lock *lock, const char *shape) {
    const char *mode = "";
    switch (lock->mode) {
    case MODE_DENY | MODE_AUDIT: mode = "-deny-audit"; break;
    case MODE_WARN: mode = "-warn"; break;
    case MODE_WARN | MODE_AUDIT: mode = "-warn-audit"; break;
    case MODE_AUDIT: mode = "-audit"; break;
    default: break;
    }
    const char *suffix =
        arena_printf(arena, "-%s%s%s%s", shape, mode, lock->fail_open ? "-ignore" : "", versions_of(arena, lock));
    // Static manifests end in a suffix of their own, so room is left for it. Resources can be named at such length that
    // the policy's own name has none.
    const size_t room = LIMIT_NAME - sizeof "-999.static.k8s.io", own = strlen(suffix);
    if (own > room / 2) return names_fitting(arena, arena_printf(arena, "%s%s", lock->policy, suffix), room);
    return arena_printf(arena, "%s%s", names_fitting(arena, lock->policy, room - own), suffix);
}

// What the policies of one name have in common beside their locks.
struct family {
    enum shape shape;
    enum cover cover;
    const struct resource
        *parent;       // of SHAPE_SCALE and SHAPE_CONNECT; NULL for whatever of the group has the subresource
    const char *group; // of these without a parent; "*" for every group
};

struct group {
    const char *name;
    struct family family;
    const struct ir_lock **locks;
    const char **structures; // of the locks
    size_t count, structure_count, bytes;
    struct names known; // structures
    size_t part;        // from 1; more only when one object cannot hold them all
};

// About what a lock adds to the text of its policy: its name once a column, its constants, its message.
static size_t weight(struct arena *arena, const struct ir_lock *lock) {
    enum { COLUMNS = 6, PUNCTUATION = 100 };
    const struct atoms atoms = atoms_of(arena, lock);
    size_t bytes = strlen(lock->message) + COLUMNS * strlen(lock->id) + PUNCTUATION;
    for (size_t i = 0; i < atoms.count; i++)
        for (size_t j = 0; j < atoms.items[i]->value_count; j++) {
            const struct value *value = atoms.items[i]->values[j];
            bytes += value->kind == VALUE_STRING ? 2 * strlen(value->as.string) : 20;
        }
    for (size_t i = 0; i < lock->passes.user_count; i++) bytes += strlen(lock->passes.users[i]) + 4;
    for (size_t i = 0; i < lock->passes.group_count; i++) bytes += strlen(lock->passes.groups[i]) + 4;
    for (size_t i = 0; i < lock->scope.namespace_count; i++) bytes += strlen(lock->scope.namespaces[i]) + 4;
    return bytes;
}

// About what a structure adds, which all locks that have it share: its text, several times over, and what is always
// there.
static size_t structure_weight(const char *structure) {
    enum { TIMES = 16, ALWAYS = 1500 };
    return TIMES * strlen(structure) + ALWAYS;
}

// The group of that name with room for the lock. What the API server stores in one object is bounded, and so is what
// this fills of it: the rest is for the text around the locks and for the bookkeeping of those who apply it.
static struct group *group_for(struct arena *arena, struct names *known, struct group ***groups, size_t *count,
                               const char *name, const char *structure, size_t bytes) {
    enum { ROOM = LIMIT_OBJECT_BYTES / 3 * 2 };
    struct group *group = names_get(known, name);
    size_t part = 1;
    if (group && group->bytes + bytes + (names_get(&group->known, structure) ? 0 : structure_weight(structure)) <= ROOM)
        return group;
    if (group) part = group->part + 1;
    group = ARENA_NEW(arena, struct group);
    group->name = part > 1 ? arena_printf(arena, "%s-%zu", name, part) : name;
    group->part = part;
    names_init(&group->known, arena);
    names_set(known, name, group);
    ARENA_PUSH(arena, *groups, *count, group);
    return group;
}

static int compare_policies(const void *a, const void *b) {
    return strcmp(((const struct plan_policy *)a)->name, ((const struct plan_policy *)b)->name);
}

// Whether several kinds of object have the subresources of the shape.
static bool has_own_parent(enum shape shape) {
    return shape == SHAPE_SCALE || shape == SHAPE_CONNECT;
}

static void add_to_group(struct arena *arena, struct names *known, struct group ***groups, size_t *count,
                         const struct ir_lock *lock, const struct family *family) {
    static const char *const names[SHAPE_COUNT] = {"objects", "evictions", "scale", "connect", "bindings", "tokens"};
    const char *shape = names[family->shape], *suffix = family->cover == COVER_BY_NAME ? "-by-name" : "";
    if (has_own_parent(family->shape))
        shape = family->parent ? arena_printf(arena, "%s-%s", shape, catalog_name(arena, family->parent))
                : strcmp(family->group, "*") == 0 ? arena_printf(arena, "%s-all", shape)
                                                  : arena_printf(arena, "%s-all.%s", shape, family->group);
    if (!has_own_parent(family->shape) || family->parent) shape = arena_printf(arena, "%s%s", shape, suffix);
    const size_t bytes = weight(arena, lock);
    const char *structure = structure_of(arena, lock);
    struct group *group = group_for(arena, known, groups, count, name_policy(arena, lock, shape), structure, bytes);
    group->family = *family;
    group->bytes += bytes;
    if (!names_get(&group->known, structure)) {
        names_set(&group->known, structure, group);
        group->bytes += structure_weight(structure);
    }
    ARENA_PUSH(arena, group->structures, group->structure_count, structure);
    ARENA_PUSH(arena, group->locks, group->count, lock);
}

// ---- parameters ----

// The atom that asks for the label, where it stands alone in the conjunction.
static const struct ir_expr *required_label(const struct ir_expr *selects, const char *key) {
    const bool chain = selects->kind == IR_AND;
    for (size_t i = 0; i < (chain ? selects->operand_count : 1); i++) {
        const struct ir_expr *atom = chain ? selects->operands[i] : selects;
        if (atom->kind == IR_LABEL && (!key || strcmp(atom->key, key) == 0)) return atom;
    }
    return NULL;
}

// One binding serves all locks of the policy: its selector is the label that every one of them asks for, with the
// values they ask for. It only spares evaluations; what is locked is said by the expression.
static void narrow_params(struct arena *arena, struct plan_policy *policy, const struct ir_lock **locks, size_t count) {
    enum { MAX_VALUES = 100 };
    const struct ir_expr *first = required_label(locks[0]->selects, NULL);
    if (!first) return;
    bool exact = true;
    const char **values = NULL;
    size_t value_count = 0;
    for (size_t i = 0; i < count; i++) {
        const struct ir_expr *atom = required_label(locks[i]->selects, first->key);
        if (!atom) return;
        exact = exact && atom->test == TEST_IN;
        for (size_t j = 0; exact && j < atom->value_count; j++) {
            bool known = false;
            for (size_t k = 0; k < value_count && !known; k++)
                known = strcmp(values[k], atom->values[j]->as.string) == 0;
            if (!known) ARENA_PUSH(arena, values, value_count, atom->values[j]->as.string);
            exact = value_count <= MAX_VALUES;
        }
    }
    policy->selector_key = first->key;
    if (!exact) return;
    qsort(values, value_count, sizeof *values, compare_strings);
    policy->selector_values = values;
    policy->selector_value_count = value_count;
}

// Looking objects up in namespaces where none is locked would be for nothing.
static void narrow_namespaces(struct arena *arena, struct plan_policy *policy, const struct ir_lock **locks,
                              size_t count) {
    enum { MAX_NAMESPACES = 100 };
    const char **namespaces = NULL;
    size_t namespace_count = 0;
    for (size_t i = 0; i < count; i++) {
        const struct ir_scope *scope = &locks[i]->scope;
        if (scope->where != IN_NAMESPACES) return;
        for (size_t j = 0; j < scope->namespace_count; j++) {
            bool known = false;
            for (size_t k = 0; k < namespace_count && !known; k++)
                known = strcmp(namespaces[k], scope->namespaces[j]) == 0;
            if (!known) ARENA_PUSH(arena, namespaces, namespace_count, scope->namespaces[j]);
            if (namespace_count > MAX_NAMESPACES) return;
        }
    }
    qsort(namespaces, namespace_count, sizeof *namespaces, compare_strings);
    policy->namespaces = namespaces;
    policy->namespace_count = namespace_count;
}

static bool denies_act(const struct ir_lock *lock, const struct ir_act *act) {
    return (lock->acts & act->act) || (act->act == ACT_SCALE && lock->requires && ir_sees_replicas(lock));
}

// The subresources of the shape that some lock of the policy is about.
static void make_covering_rules(struct arena *arena, struct plan_policy *policy, const struct family *family,
                                const struct ir_lock **locks, size_t count) {
    static const struct {
        const char *plural, *kind;
    } only[SHAPE_COUNT] = {[SHAPE_EVICTIONS] = {"pods", "Pod"},
                           [SHAPE_BINDINGS] = {"pods", "Pod"},
                           [SHAPE_TOKENS] = {"serviceaccounts", "ServiceAccount"}};
    const struct resource *parent = family->parent;
    const char *plural = only[family->shape].plural ? only[family->shape].plural : parent ? parent->plural : "*";
    struct plan_rule rule = {
        .group = only[family->shape].plural ? ""
                 : parent                   ? parent->group
                                            : family->group,
        .version = "*",
        .namespaced = only[family->shape].plural || (parent ? parent->namespaced : locks[0]->scope.where != IN_CLUSTER),
    };
    for (size_t i = 0; i < ir_act_count; i++) {
        bool denied = false;
        for (size_t j = 0; j < count && !denied; j++) denied = denies_act(locks[j], &ir_acts[i]);
        if (ir_acts[i].shape != family->shape || !denied) continue;
        if (parent && !catalog_list_has(parent->subresources, ir_acts[i].subresource)) continue;
        rule.operations = ir_acts[i].operation;
        ARENA_PUSH(arena, rule.resources, rule.resource_count,
                   arena_printf(arena, "%s/%s", plural, ir_acts[i].subresource));
    }
    static const char *const bindings = "bindings"; // the same as objects of their own
    if (family->shape == SHAPE_BINDINGS) ARENA_PUSH(arena, rule.resources, rule.resource_count, bindings);
    qsort(rule.resources, rule.resource_count, sizeof *rule.resources, compare_strings);
    ARENA_PUSH(arena, policy->rules, policy->rule_count, rule);
    policy->has_subresources = true;
    policy->by_params = family->cover == COVER_BY_PARAMS;
    if (!policy->by_params) return;
    const char *version = only[family->shape].plural || strcmp(parent->version, "*") == 0 ? "v1" : parent->version;
    policy->param_kind = only[family->shape].plural ? only[family->shape].kind : parent->kind;
    policy->param_version =
        only[family->shape].plural || !*parent->group ? version : arena_printf(arena, "%s/%s", parent->group, version);
    narrow_params(arena, policy, locks, count);
    narrow_namespaces(arena, policy, locks, count);
}

static bool reaches(const struct ir_lock *lock, const struct ir_target *target, enum shape shape) {
    for (size_t i = 0; i < ir_act_count; i++)
        if (ir_acts[i].shape == shape && denies_act(lock, &ir_acts[i]) && target->resource &&
            catalog_list_has(target->resource->subresources, ir_acts[i].subresource))
            return true;
    return !target->resource && lock->covers[shape] == COVER_BY_NAME;
}

// Whether a wildcard of the lock takes the target in, by name as well.
static bool is_taken_in(const struct ir_lock *lock, const struct ir_target *target, enum shape shape) {
    if (!target->resource || lock->covers[shape] != COVER_BY_NAME) return false;
    for (size_t i = 0; i < lock->scope.target_count; i++) {
        const struct ir_target *other = &lock->scope.targets[i];
        if (!other->resource && (!other->group || strcmp(other->group, target->group) == 0)) return true;
    }
    return false;
}

static bool has_objects(const struct ir_lock *lock) {
    return lock->denies || lock->requires || lock->guard_labels || lock->guard_label_in || lock->guard_owners;
}

void plan_make(struct arena *arena, const struct ir *ir, struct plan *ret_plan) {
    struct names known;
    names_init(&known, arena);
    struct group **groups = NULL;
    size_t group_count = 0;
    for (size_t i = 0; i < ir->lock_count; i++) {
        const struct ir_lock *lock = ir->locks[i];
        struct family family = {.shape = SHAPE_OBJECTS};
        if (has_objects(lock)) add_to_group(arena, &known, &groups, &group_count, lock, &family);
        for (enum shape shape = SHAPE_EVICTIONS; shape < SHAPE_COUNT; shape++) {
            if (!lock->covers[shape]) continue;
            family = (struct family){.shape = shape, .cover = lock->covers[shape]};
            if (!has_own_parent(shape)) add_to_group(arena, &known, &groups, &group_count, lock, &family);
            for (size_t j = 0; has_own_parent(shape) && j < lock->scope.target_count; j++) {
                const struct ir_target *target = &lock->scope.targets[j];
                family.parent = target->resource;
                family.group = target->group ? target->group : "*";
                if (reaches(lock, target, shape) && !is_taken_in(lock, target, shape))
                    add_to_group(arena, &known, &groups, &group_count, lock, &family);
            }
        }
    }
    ret_plan->count = group_count;
    ret_plan->policies = ARENA_ARRAY(arena, struct plan_policy, group_count);
    for (size_t i = 0; i < group_count; i++) {
        const struct group *group = groups[i];
        struct plan_policy *policy = &ret_plan->policies[i];
        *policy = (struct plan_policy){
            .shape = group->family.shape,
            .policy = group->locks[0]->policy,
            .name = group->name,
            .mode = group->locks[0]->mode,
            .fail_open = group->locks[0]->fail_open,
            .lock_count = group->count,
            .source = group->count == 1 ? group->locks[0]->span : span_none(),
        };
        if (policy->shape == SHAPE_OBJECTS)
            make_rules(arena, policy, group->locks, group->count);
        else
            make_covering_rules(arena, policy, &group->family, group->locks, group->count);
        make_tables(arena, policy, group->locks, group->structures, group->count);
    }
    if (group_count) qsort(ret_plan->policies, group_count, sizeof *ret_plan->policies, compare_policies);
}
