// Locks of one structure: what of them differs, and what finds them; see plan.h.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/limits.h"
#include "base/map.h"
#include "base/names.h"
#include "base/text.h"
#include "cel/cel.h"
#include "data/value.h"
#include "emit/plan_internal.h"
#include "kubernetes/catalog.h"

// ---- structure: everything about a lock but its constants, as text ----

static void add_targets(struct text *text, const struct target *targets, size_t count) {
    for (size_t i = 0; i < count; i++)
        text_printf(text, " %s.%s", targets[i].name ? targets[i].name : "*", targets[i].group ? targets[i].group : "*");
}

// Two locks may share a table exactly when their structures are the same text.
const char *plan_skeleton(struct arena *arena, const struct lock *lock) {
    struct text text;
    text_init(&text, arena);
    const unsigned marks[] = {(unsigned)(lock->origin != ORIGIN_WRITTEN) + lock_is_of_consent(lock),
                              lock->scope.where,
                              lock->denies != 0,
                              (lock->acts & ACT_SCALE) != 0,
                              lock->requires ? 1U + lock->ratchets : 0,
                              lock->all_but_paths,
                              lock->exemption,
                              lock->guard_labels,
                              lock->guard_label_in,
                              lock->guard_owners};
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++) {
        if (i) text_add_char(&text, ' ');
        text_add_number(&text, marks[i]);
    }
    text_add_char(&text, '|');
    if (lock->scope.subresource) text_printf(&text, "%s|", lock->scope.subresource);
    if (scope_has_wildcard(&lock->scope)) add_targets(&text, lock->scope.targets, lock->scope.target_count);
    text_add_char(&text, '|');
    add_targets(&text, lock->scope.excepts, lock->scope.except_count);
    for (size_t i = 0; lock->scope.where == IN_ANY_NAMESPACE && i < lock->scope.namespace_count; i++)
        text_printf(&text, " %s", lock->scope.namespaces[i]);
    text_add_char(&text, '|');
    if (lock->scope.namespace_selector) formula_print(&text, lock->scope.namespace_selector, FORMULA_SKELETON);
    // What ConfigMaps fill in of messages no column could hold.
    if (lock->source) text_printf(&text, "%s|", lock->id);
    if (lock->keeps_source) text_add_string(&text, "names|");
    formula_print(&text, lock->selects, FORMULA_SKELETON);
    formula_print(&text, lock->condition, FORMULA_SKELETON);
    if (lock->requires) formula_print(&text, lock->requires, FORMULA_SKELETON);
    if (lock->names_actors) formula_print(&text, lock->names_actors, FORMULA_SKELETON);
    for (size_t i = 0; i < lock->path_count; i++) {
        text_add_char(&text, ' ');
        path_print(&text, &lock->paths[i]);
    }
    text_add_char(&text, '|');
    for (size_t i = 0; i < lock->passes.other_count; i++)
        formula_print(&text, lock->passes.others[i], FORMULA_SKELETON);
    const bool glass = lock->break_glass.user_count || lock->break_glass.group_count || lock->break_glass.other_count;
    text_add_string(&text, glass ? "|1" : "|0");
    for (size_t i = 0; i < lock->break_glass.other_count; i++)
        formula_print(&text, lock->break_glass.others[i], FORMULA_SKELETON);
    return text_string(&text);
}

// ---- the model ----

static void copy_subjects(struct arena *arena, struct subjects *subjects) {
    struct formula **others = subjects->others;
    const size_t count = subjects->other_count;
    subjects->others = NULL;
    subjects->other_count = 0;
    for (size_t i = 0; i < count; i++)
        ARENA_PUSH(arena, subjects->others, subjects->other_count, formula_copy(arena, others[i]));
}

static struct lock *copy_lock(struct arena *arena, const struct lock *lock) {
    struct lock *copy = ARENA_NEW(arena, struct lock);
    *copy = *lock;
    copy->scope.namespace_selector = formula_copy(arena, lock->scope.namespace_selector);
    copy->selects = formula_copy(arena, lock->selects);
    copy->condition = formula_copy(arena, lock->condition);
    copy->requires = formula_copy(arena, lock->requires);
    copy_subjects(arena, &copy->passes);
    copy_subjects(arena, &copy->break_glass);
    return copy;
}

struct atoms {
    struct arena *arena;
    const struct formula **items;
    size_t count;
};

static void collect(struct atoms *atoms, const struct formula *expr) {
    if (!expr) return;
    if (expr->value_count) ARENA_PUSH(atoms->arena, atoms->items, atoms->count, expr);
    for (size_t i = 0; i < expr->operand_count; i++) collect(atoms, expr->operands[i]);
}

// The atoms with constants, in an order that is the same for all locks of one structure.
static struct atoms atoms_of(struct arena *arena, const struct lock *lock) {
    struct atoms atoms = {.arena = arena};
    collect(&atoms, lock->scope.namespace_selector);
    collect(&atoms, lock->selects);
    collect(&atoms, lock->condition);
    collect(&atoms, lock->requires);
    for (size_t i = 0; i < lock->passes.other_count; i++) collect(&atoms, lock->passes.others[i]);
    for (size_t i = 0; i < lock->break_glass.other_count; i++) collect(&atoms, lock->break_glass.others[i]);
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

static bool is_cell_of(const struct plan_column *column, size_t row, const char *const *texts, size_t count) {
    if (column->counts[row] != count) return false;
    for (size_t i = 0; i < count; i++)
        if (column->values[row][i]->kind != VALUE_STRING || strcmp(column->values[row][i]->as.string, texts[i]) != 0)
            return false;
    return true;
}

static void set_texts(struct arena *arena, struct plan_column *column, size_t row, const char *const *texts,
                      size_t count) {
    if (row && is_cell_of(column, row - 1, texts, count)) { // as in most columns
        set_row(column, row, column->values[row - 1], count);
        return;
    }
    const struct value **values = ARENA_ARRAY(arena, const struct value *, count);
    for (size_t i = 0; i < count; i++) values[i] = value_string(arena, texts[i]);
    set_row(column, row, values, count);
}

static bool same_cell(const struct plan_column *column, size_t row, const struct plan_column *other, size_t other_row) {
    if (column->counts[row] != other->counts[other_row]) return false;
    if (column->values[row] == other->values[other_row]) return true;
    for (size_t i = 0; i < column->counts[row]; i++)
        if (column->values[row][i]->kind != other->values[other_row][i]->kind ||
            !value_equal(column->values[row][i], other->values[other_row][i]))
            return false;
    return true;
}

static bool same_column(const struct plan_column *a, const struct plan_column *b, size_t rows) {
    for (size_t row = 0; row < rows; row++)
        if (!same_cell(a, row, b, row)) return false;
    return true;
}

static void settle(struct plan_column *column, size_t rows) {
    column->uniform = true;
    for (size_t i = 1; i < rows && column->uniform; i++) column->uniform = same_cell(column, 0, column, i);
}

// Of the objects themselves the operations; of what connects to them the subresources.
static void set_operations(struct arena *arena, struct plan_column *column, size_t row, const struct lock *lock,
                           enum shape shape) {
    const char *texts[4];
    const unsigned operations = lock->denies;
    size_t count = 0;
    if (shape != SHAPE_OBJECTS) {
        for (size_t i = 0; i < kube_act_count; i++)
            if (kube_acts[i].shape == shape && (lock->acts & kube_acts[i].act))
                texts[count++] = kube_acts[i].subresource;
        set_texts(arena, column, row, texts, count);
        return;
    }
    if (operations & OP_CREATE) texts[count++] = "CREATE";
    if (operations & OP_UPDATE) texts[count++] = "UPDATE";
    if (operations & OP_DELETE) texts[count++] = "DELETE";
    set_texts(arena, column, row, texts, count);
}

static void set_resources(struct arena *arena, struct plan_column *column, size_t row,
                          const struct object_scope *scope) {
    const char **texts = ARENA_ARRAY(arena, const char *, scope->target_count);
    size_t count = 0;
    for (size_t i = 0; i < scope->target_count; i++)
        if (scope->targets[i].resource) texts[count++] = catalog_name(arena, scope->targets[i].resource);
    if (count) qsort(texts, count, sizeof *texts, compare_strings);
    set_texts(arena, column, row, texts, count);
}

static enum plan_type column_type(const struct formula *atom) {
    if (atom->compare == CMP_IN && (atom->kind != FORMULA_GROUP && atom->kind != FORMULA_EXTRA))
        return formula_has_texts(atom) ? PLAN_STRINGS : PLAN_SCALARS;
    return formula_has_texts(atom) ? PLAN_STRING : PLAN_NUMBER;
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
        const struct lock *lock = table->locks[row];
        const struct atoms own = atoms_of(arena, lock);
        for (size_t i = 0; i < atoms.count; i++)
            set_row(&table->columns[i], row, own.items[i]->values, own.items[i]->value_count);
        set_resources(arena, &table->resources, row, &lock->scope);
        set_texts(arena, &table->namespaces, row, lock->scope.namespaces, lock->scope.namespace_count);
        set_operations(arena, &table->operations, row, lock, shape);
        set_texts(arena, &table->users, row, lock->passes.users, lock->passes.user_count);
        set_texts(arena, &table->groups, row, lock->passes.groups, lock->passes.group_count);
        set_texts(arena, &table->glass_users, row, lock->break_glass.users, lock->break_glass.user_count);
        set_texts(arena, &table->glass_groups, row, lock->break_glass.groups, lock->break_glass.group_count);
        set_texts(arena, &table->messages, row, &lock->message, 1);
    }
    for (size_t i = 0; i < atoms.count; i++) {
        settle(&table->columns[i], rows);
        for (size_t j = 0; j < i && !table->columns[i].uniform; j++)
            if (table->columns[j].type == table->columns[i].type &&
                same_column(&table->columns[j], &table->columns[i], rows))
                table->columns[i].name = table->columns[j].name;
    }
    struct plan_column *const common[] = {&table->resources,    &table->namespaces, &table->operations,
                                          &table->users,        &table->groups,     &table->glass_users,
                                          &table->glass_groups, &table->messages};
    for (size_t i = 0; i < sizeof common / sizeof *common; i++) settle(common[i], rows);
}

// ---- keys ----

// A lock that names more values than this for one key is found by its other keys.
enum { MAX_KEYS_OF_LOCK = 256 };

static bool is_plain_text_path(const struct formula *atom) {
    for (size_t i = 0; i < atom->path.count; i++)
        if (!atom->path.segments[i].key) return false;
    return atom->path.variable < 0 && !atom->reads_stored && formula_has_texts(atom);
}

// Atoms that stand alone in the conjunction and name exact texts. Labels, names and namespaces have no slash, so that
// they join with one; annotations and fields may hold any text, so that one of them can be the last part of a key.
static bool can_be_key(const struct formula *atom, bool last) {
    if (atom->compare != CMP_IN || atom->state != STATE_SELF || !atom->value_count) return false;
    if (last) return atom->kind == FORMULA_ANNOTATION || (atom->kind == FORMULA_FIELD && is_plain_text_path(atom));
    return atom->kind == FORMULA_LABEL || atom->kind == FORMULA_NAME || atom->kind == FORMULA_NAMESPACE_LABEL;
}

static void add_key_atoms(struct arena *arena, struct plan_table *table, const struct formula *formula, bool last) {
    const bool chain = formula && formula->kind == FORMULA_AND;
    for (size_t i = 0; formula && i < (chain ? formula->operand_count : 1); i++) {
        const struct formula *atom = chain ? formula->operands[i] : formula;
        if (!can_be_key(atom, last)) continue;
        ARENA_PUSH(arena, table->key_atoms, table->key_count, atom);
        if (last) return;
    }
}

static const struct plan_column *column_of(const struct plan_table *table, const struct formula *atom) {
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
    const struct lock *model = table->model;
    table->key_namespace = model->scope.where == IN_NAMESPACES;
    add_key_atoms(arena, table, model->scope.namespace_selector, false);
    add_key_atoms(arena, table, model->selects, false);
    add_key_atoms(arena, table, model->selects, true);
    while (table->key_count && too_many_keys(table)) table->key_count--;
    if (!table->key_count) table->key_resource = !scope_has_wildcard(&model->scope);
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
        const struct formula *atom = table->key_atoms[i];
        const char *word = atom->kind == FORMULA_NAME ? "name" : atom->kind == FORMULA_FIELD ? "field" : atom->key;
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

// Of fewer, the constants stand in place: a table would be longer than what it saves.
enum { FEWEST_ROWS = 3 };

static int compare_tables(const void *a, const void *b) {
    return strcmp(((const struct plan_table *)a)->locks[0]->id, ((const struct plan_table *)b)->locks[0]->id);
}

// What sets the table apart from others with such a key, in words: where its locks come from, and what they ask
// besides.
static const char *words_of(struct arena *arena, const struct plan_table *table) {
    const struct lock *model = table->model;
    struct text text;
    text_init(&text, arena);
    if (model->origin != ORIGIN_WRITTEN)
        text_printf(&text, "-%s", origin_text(model->origin) ? origin_text(model->origin) : "sealed");
    if (model->condition->kind != FORMULA_TRUE) text_add_string(&text, "-when");
    if (model->requires) text_add_string(&text, "-require");
    if (model->path_count) text_add_string(&text, model->all_but_paths ? "-except-changing" : "-changing");
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] == ' ') text.data[i] = '-';
    return text_string(&text);
}

static size_t *count_of(struct map *counts, const struct plan_table *table) {
    size_t *count = map_get(counts, table->name);
    if (!count) map_set(counts, table->name, count = ARENA_NEW(counts->arena, size_t));
    return count;
}

// Gives those of several rows another name whose name another has as well.
static void rename_tables(struct arena *arena, struct plan_policy *policy,
                          const char *(*name)(struct arena *arena, const struct plan_table *table)) {
    struct map counts;
    map_init(&counts, arena);
    for (size_t i = 0; i < policy->table_count; i++)
        if (policy->tables[i].row_count > 1) ++*count_of(&counts, &policy->tables[i]);
    for (size_t i = 0; i < policy->table_count; i++) {
        struct plan_table *table = &policy->tables[i];
        if (table->row_count > 1 && *count_of(&counts, table) > 1) table->name = name(arena, table);
    }
}

static const char *name_with_words(struct arena *arena, const struct plan_table *table) {
    const char *words = words_of(arena, table);
    return *words ? arena_printf(arena, "%s_x%s", table->name, names_identifier(arena, words)) : table->name;
}

static const char *name_with_hash(struct arena *arena, const struct plan_table *table) {
    return arena_printf(arena, "%s_z%08" PRIx64, table->name,
                        text_hash(plan_skeleton(arena, table->locks[0])) & 0xffffffff);
}

// Only names that two tables would share are told apart, so that a new table leaves others alone: by words, those that
// differ in nothing that has a word by their structure, of which two may have one hash.
static void name_tables(struct arena *arena, struct plan_policy *policy) {
    for (size_t i = 0; i < policy->table_count; i++) policy->tables[i].name = name_of(arena, &policy->tables[i]);
    rename_tables(arena, policy, name_with_words);
    rename_tables(arena, policy, name_with_hash);
    struct set taken;
    set_init(&taken, arena);
    for (size_t i = 0; i < policy->table_count; i++) {
        struct plan_table *table = &policy->tables[i];
        const char *name = table->name;
        if (table->row_count < 2) continue;
        for (size_t n = 2; !set_add(&taken, table->name); n++) table->name = arena_printf(arena, "%s_y%zu", name, n);
    }
}

// A CEL expression that fails refuses only under `on error deny`: with `allow` it must not take other locks with it.
// And an expression has room for the authorizer checks of one lock only.
static bool must_be_alone(const struct lock *lock) {
    return (lock->fail_open && lock_reads_fields(lock)) || lock_asks_authorizer(lock);
}

static void add_table(struct arena *arena, struct plan_policy *policy, const struct lock **locks, size_t count) {
    struct plan_table table = {.locks = locks, .row_count = count, .model = copy_lock(arena, locks[0])};
    table.rows = ARENA_ARRAY(arena, const char *, count);
    for (size_t row = 0; row < count; row++) table.rows[row] = locks[row]->id;
    fill_columns(arena, &table, policy->shape);
    if (count > 1) fill_keys(arena, &table);
    if (count > 1) plan_compose_messages(arena, &table);
    ARENA_PUSH(arena, policy->tables, policy->table_count, table);
}

// ---- tables of the same locks ----

static bool same_key(const struct plan_table *a, const struct plan_table *b) {
    if (a->key_namespace != b->key_namespace || a->key_resource != b->key_resource || a->key_count != b->key_count)
        return false;
    for (size_t i = 0; i < a->key_count; i++) {
        const struct formula *one = a->key_atoms[i], *other = b->key_atoms[i];
        if (one->kind != other->kind || one->kind == FORMULA_FIELD || (one->key && strcmp(one->key, other->key) != 0))
            return false;
    }
    return true;
}

// Whether both find the same rows by the same keys.
static bool same_lookup(const struct plan_table *a, const struct plan_table *b) {
    if (a->row_count != b->row_count || a->key_value_count != b->key_value_count || !same_key(a, b)) return false;
    for (size_t row = 0; row < a->row_count; row++)
        if (strcmp(a->locks[row]->name, b->locks[row]->name) != 0) return false;
    for (size_t i = 0; i < a->key_value_count; i++) {
        if (strcmp(a->keys[i], b->keys[i]) != 0 || a->key_row_counts[i] != b->key_row_counts[i]) return false;
        for (size_t k = 0; k < a->key_row_counts[i]; k++)
            if (a->key_rows[i][k] != b->key_rows[i][k]) return false;
    }
    return true;
}

static void share_column(const struct plan_column *of, struct plan_column *column, size_t rows) {
    column->shared = !of->uniform && same_column(of, column, rows);
}

// What a lock is made of besides has the same keys and actors: it is looked up where the lock is, under its name. Uses
// of break-glass are recorded by row.
static void share_lookup(struct plan_policy *policy, size_t at) {
    struct plan_table *table = &policy->tables[at];
    for (size_t i = 0; i < at && !table->shared; i++) {
        const struct plan_table *other = &policy->tables[i];
        const bool fits = other->row_count > 1 && !other->shared && !lock_records_glass(table->model);
        if (fits && table->key_value_count && same_lookup(other, table)) table->shared = other;
    }
    if (!table->shared) return;
    table->rows = table->shared->rows;
    share_column(&table->shared->users, &table->users, table->row_count);
    share_column(&table->shared->groups, &table->groups, table->row_count);
    share_column(&table->shared->resources, &table->resources, table->row_count);
}

// Rows of lists so long that a column of them would be no expression that an API server takes.
static bool is_wide(struct arena *arena, const struct plan_table *table) {
    enum { WIDE = 4096 };
    size_t bytes = 0;
    for (size_t i = 0; i < table->row_count; i++) bytes += plan_weight(arena, table->locks[i]);
    return bytes > LIMIT_CEL_CODE_POINTS / 2 && bytes / table->row_count > WIDE;
}

void plan_make_tables(struct arena *arena, struct plan_policy *policy, const struct lock **locks,
                      const char **structures, size_t count) {
    struct map known;
    map_init(&known, arena);
    struct plan_table **tables = NULL;
    size_t table_count = 0;
    for (size_t i = 0; i < count; i++) {
        const char *structure = structures[i];
        if (must_be_alone(locks[i]))
            structure = arena_printf(arena, "%zu:%s %s", strlen(locks[i]->id), locks[i]->id, structure);
        struct plan_table *table = map_get(&known, structure);
        if (!table) {
            table = ARENA_NEW(arena, struct plan_table);
            map_set(&known, structure, table);
            ARENA_PUSH(arena, tables, table_count, table);
        }
        ARENA_PUSH(arena, table->locks, table->row_count, locks[i]);
    }
    policy->tables = NULL;
    policy->table_count = 0;
    for (size_t i = 0; i < table_count; i++) {
        const bool apart = tables[i]->row_count < FEWEST_ROWS || is_wide(arena, tables[i]);
        for (size_t row = 0; apart && row < tables[i]->row_count; row++)
            add_table(arena, policy, tables[i]->locks + row, 1);
        if (!apart) add_table(arena, policy, tables[i]->locks, tables[i]->row_count);
    }
    qsort(policy->tables, policy->table_count, sizeof *policy->tables, compare_tables);
    name_tables(arena, policy);
    for (size_t i = 0; i < policy->table_count; i++) share_lookup(policy, i);
}

// ---- sizes ----

// About what a lock adds to the text of its policy: its name once a column, its constants, its message.
size_t plan_weight(struct arena *arena, const struct lock *lock) {
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
