// Formulas of the resolved policy as CEL: atoms, paths, quantifiers.
#include <string.h>

#include "base/arena.h"
#include "base/names.h"
#include "base/text.h"
#include "cel/celexpr.h"
#include "data/quantity.h"
#include "data/value.h"
#include "emit/cel.h"
#include "emit/cel_parts.h"
#include "kubernetes/catalog.h"

// ---- atoms ----

// Text that equals one of the constants of the column.
struct piece cel_is_in(struct printer *printer, const char *subject, const struct plan_column *column) {
    struct arena *arena = printer->arena;
    if (column->uniform && column->counts[0] == 1) {
        struct text text;
        text_init(&text, arena);
        cel_add_scalar(&text, column->values[0][0]);
        return piece_print(arena, LEVEL_RELATION, "%s == %s", subject, text_string(&text));
    }
    return piece_print(arena, LEVEL_RELATION, "%s in %s", subject, cel_constant(printer, column));
}

static const char *relation(enum comparison compare) {
    switch (compare) {
    case CMP_LT: return "<";
    case CMP_LE: return "<=";
    case CMP_GT: return ">";
    case CMP_GE: return ">=";
    case CMP_EXISTS:
    case CMP_IN:
    case CMP_EQ:
    case CMP_MATCHES:
    case CMP_CONTAINS: break;
    }
    return "==";
}

static bool compares_numbers(const struct plan_column *column) {
    return column->type == PLAN_NUMBER;
}

// ---- quantities and readings ----

// That the subject, a text, is a quantity; only then is quantity() asked, which fails otherwise.
static struct piece is_quantity(struct printer *printer, const char *text) {
    return piece_print(printer->arena, LEVEL_AND, "%s.size() < %d && %s.matches('" QUANTITY_PATTERN "')", text,
                       QUANTITY_BYTES, text);
}

static struct piece compare_quantities(struct printer *printer, enum comparison compare, const char *left,
                                       const char *right) {
    return piece_print(printer->arena, LEVEL_RELATION, "quantity(%s).compareTo(quantity(%s)) %s 0", left, right,
                       relation(compare));
}

// A field whose value is text or a number can be read as text.
static struct piece is_measure(struct printer *printer, const char *subject) {
    return piece_print(printer->arena, LEVEL_OR, "type(%s) == string || type(%s) == int || type(%s) == double", subject,
                       subject, subject);
}

static const char *as_text(struct printer *printer, const char *subject) {
    return arena_printf(printer->arena, "string(%s)", subject);
}

// The test of a quantity against the constant.
static struct piece test_quantity(struct printer *printer, const struct formula *atom, const char *text) {
    const char *constant = cel_constant(printer, cel_column_of(printer, atom));
    return piece_and(printer->arena, is_quantity(printer, text),
                     compare_quantities(printer, atom->compare, text, constant));
}

// What is on the other side of a comparison, and when it is there.
struct side {
    const char *subject;
    bool is_text;
    struct piece present;
};

static struct side other_side(struct printer *printer, const struct formula *reading);

// A field and a text are equal when the field is written so.
static struct piece is_written(struct printer *printer, const char *field, const char *text) {
    const struct piece typed = piece_print(
        printer->arena, LEVEL_OR, "type(%s) == string || type(%s) == int || type(%s) == bool", field, field, field);
    return piece_and(printer->arena, typed,
                     piece_print(printer->arena, LEVEL_RELATION, "string(%s) == %s", field, text));
}

static struct piece compare_sides(struct printer *printer, enum comparison compare, const struct side *left,
                                  const struct side *right) {
    struct arena *arena = printer->arena;
    if (compare == CMP_CONTAINS)
        return piece_and(arena, cel_is_list(arena, left->subject),
                         piece_print(arena, LEVEL_RELATION, "%s in %s", right->subject, left->subject));
    if (compare == CMP_EQ) {
        if (left->is_text == right->is_text)
            return piece_print(arena, LEVEL_RELATION, "%s == %s", left->subject, right->subject);
        return left->is_text ? is_written(printer, right->subject, left->subject)
                             : is_written(printer, left->subject, right->subject);
    }
    struct piece result = piece_always;
    const struct side *const sides[] = {left, right};
    const char *texts[2];
    for (size_t i = 0; i < 2; i++) {
        texts[i] = sides[i]->subject;
        if (!sides[i]->is_text) {
            result = piece_and(arena, result, is_measure(printer, texts[i]));
            texts[i] = as_text(printer, texts[i]);
        }
        result = piece_and(arena, result, is_quantity(printer, texts[i]));
    }
    return piece_and(arena, result, compare_quantities(printer, compare, texts[0], texts[1]));
}

static struct piece compare_reading(struct printer *printer, const struct formula *atom, const char *subject,
                                    bool is_text) {
    const struct side left = {subject, is_text, piece_always}, right = other_side(printer, atom->operands[0]);
    return piece_and(printer->arena, right.present, compare_sides(printer, atom->compare, &left, &right));
}

// ---- tests ----

// The test of an atom that reads text which is there.
static struct piece test_text(struct printer *printer, const struct formula *atom, const char *subject) {
    struct arena *arena = printer->arena;
    const struct plan_column *column = cel_column_of(printer, atom);
    if (atom->operand_count) return compare_reading(printer, atom, subject, true);
    if (atom->quantity) return test_quantity(printer, atom, subject);
    switch (atom->compare) {
    case CMP_EXISTS: return piece_always;
    case CMP_EQ: break; // is of the two above
    case CMP_IN: return cel_is_in(printer, subject, column);
    case CMP_LT:
    case CMP_LE:
    case CMP_GT:
    case CMP_GE:
        if (!compares_numbers(column))
            return piece_print(arena, LEVEL_RELATION, "%s %s %s", subject, relation(atom->compare),
                               cel_constant(printer, column));
        return piece_print(arena, LEVEL_AND, "%s.matches('^-?[0-9]{1,18}$') && int(%s) %s %s", subject, subject,
                           relation(atom->compare), cel_constant(printer, column));
    case CMP_MATCHES: return piece_print(arena, LEVEL_UNARY, "%s.matches(%s)", subject, cel_constant(printer, column));
    case CMP_CONTAINS:
        return piece_print(arena, LEVEL_UNARY, "%s.contains(%s)", subject, cel_constant(printer, column));
    }
    return piece_never;
}

// Text held by a map under the atom's key.
static struct piece test_key(struct printer *printer, const struct formula *atom, const char *map) {
    struct arena *arena = printer->arena;
    const char *key = cel_quoted(arena, atom->key);
    const struct piece present = piece_print(arena, LEVEL_RELATION, "%s in %s", key, map);
    return piece_and(arena, present, test_text(printer, atom, arena_printf(arena, "%s[%s]", map, key)));
}

struct piece cel_test_key(struct printer *printer, const struct formula *atom, const char *key) {
    return test_text(printer, atom, key);
}

// Some key of the map passes the test.
static struct piece test_keys(struct printer *printer, const struct formula *atom, const char *map) {
    const char *key = arena_printf(printer->arena, "e%d", printer->depth++);
    struct piece test = test_text(printer, atom, key);
    printer->depth--;
    if (atom->not_of_node) {
        struct text list;
        text_init(&list, printer->arena);
        cel_add_string_list(&list, kube_node_labels, kube_node_label_count);
        test = piece_and(printer->arena, test,
                         piece_print(printer->arena, LEVEL_UNARY, "!(%s in %s)", key, text_string(&list)));
    }
    return piece_print(printer->arena, LEVEL_UNARY, "%s.exists(%s, %s)", map, key, test.text);
}

static bool has_empty(const struct plan_column *column, size_t rows) {
    for (size_t row = 0; row < rows; row++)
        for (size_t i = 0; i < column->counts[row]; i++)
            if (!*column->values[row][i]->as.string) return true;
    return false;
}

// Text that is "" where the request has none.
static struct piece test_optional(struct printer *printer, const struct formula *atom, const char *subject) {
    const struct piece test = test_text(printer, atom, subject);
    if (atom->compare == CMP_IN && !atom->operand_count &&
        !has_empty(cel_column_of(printer, atom), printer->table->row_count))
        return test;
    return piece_and(printer->arena, piece_print(printer->arena, LEVEL_RELATION, "%s != ''", subject), test);
}

// A value of any kind that is there.
struct piece cel_test_value(struct printer *printer, const struct formula *atom, const char *subject) {
    struct arena *arena = printer->arena;
    const struct plan_column *column = cel_column_of(printer, atom);
    if (atom->is_text)
        return piece_and(arena, piece_print(arena, LEVEL_RELATION, "type(%s) == string", subject),
                         test_text(printer, atom, subject));
    if (atom->operand_count) return compare_reading(printer, atom, subject, false);
    if (atom->quantity)
        return piece_and(arena, is_measure(printer, subject), test_quantity(printer, atom, as_text(printer, subject)));
    switch (atom->compare) {
    case CMP_EXISTS: return piece_always;
    case CMP_EQ: break; // is of the two above
    case CMP_IN: return cel_is_in(printer, subject, column);
    case CMP_LT:
    case CMP_LE:
    case CMP_GT:
    case CMP_GE: {
        const struct piece typed =
            compares_numbers(column)
                ? piece_print(arena, LEVEL_OR, "type(%s) == int || type(%s) == double", subject, subject)
                : piece_print(arena, LEVEL_RELATION, "type(%s) == string", subject);
        return piece_and(arena, typed,
                         piece_print(arena, LEVEL_RELATION, "%s %s %s", subject, relation(atom->compare),
                                     cel_constant(printer, column)));
    }
    case CMP_MATCHES:
        return piece_print(arena, LEVEL_AND, "type(%s) == string && %s.matches(%s)", subject, subject,
                           cel_constant(printer, column));
    case CMP_CONTAINS: {
        const char *wanted = cel_constant(printer, column);
        const struct piece listed =
            piece_print(arena, LEVEL_AND, "type(%s) == list && %s in %s", subject, wanted, subject);
        if (column->type != PLAN_STRING) return listed;
        return piece_or(
            arena, piece_print(arena, LEVEL_AND, "type(%s) == string && %s.contains(%s)", subject, subject, wanted),
            listed);
    }
    }
    return piece_never;
}

// ---- paths ----

static bool is_selectable(const char *key) {
    static const char reserved[] =
        "true false null in as break const continue else for function if import let loop package "
        "namespace return var void while";
    const size_t len = strlen(key);
    if (!len || strspn(key, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") != len) return false;
    return (*key < '0' || *key > '9') && !text_has_word(reserved, key);
}

struct piece cel_has_key(struct arena *arena, const char *parent, const char *key) {
    if (is_selectable(key)) return piece_print(arena, LEVEL_UNARY, "has(%s.%s)", parent, key);
    return piece_print(arena, LEVEL_RELATION, "%s in %s", cel_quoted(arena, key), parent);
}

const char *cel_child(struct arena *arena, const char *parent, const char *key) {
    return is_selectable(key) ? arena_printf(arena, "%s.%s", parent, key)
                              : arena_printf(arena, "%s[%s]", parent, cel_quoted(arena, key));
}

struct piece cel_is_map(struct arena *arena, const char *subject) {
    return piece_print(arena, LEVEL_RELATION, "type(%s) == map", subject);
}

struct piece cel_is_list(struct arena *arena, const char *subject) {
    return piece_print(arena, LEVEL_RELATION, "type(%s) == list", subject);
}

struct piece cel_walk_path(struct printer *printer, const struct formula *atom, const char *subject, bool known_map,
                           size_t segment, cel_path_end finish) {
    struct arena *arena = printer->arena;
    if (segment == atom->path.count) return finish(printer, atom, subject);
    const char *key = atom->path.segments[segment].key;
    if (key) {
        const struct piece guard =
            piece_and(arena, known_map ? piece_always : cel_is_map(arena, subject), cel_has_key(arena, subject, key));
        return piece_and(arena, guard,
                         cel_walk_path(printer, atom, cel_child(arena, subject, key), false, segment + 1, finish));
    }
    const char *element = arena_printf(arena, "e%d", printer->depth++);
    const struct piece rest = cel_walk_path(printer, atom, element, false, segment + 1, finish);
    printer->depth--;
    return piece_and(arena, cel_is_list(arena, subject),
                     piece_print(arena, LEVEL_UNARY, "%s.exists(%s, %s)", subject, element, rest.text));
}

static const char *fields_of_exempt(struct printer *printer, const struct formula *atom) {
    if (!cel_sees(printer, "", "pods") || path_is_metadata(&atom->path)) return USE(stored);
    return USE(ownFields);
}

static bool sees_endpoints(const struct printer *printer) {
    return cel_sees(printer, "", "endpoints") || cel_sees(printer, "discovery.k8s.io", "endpointslices");
}

static const char *labels_of_new(struct printer *printer, const char *key) {
    if (!printer->exempt) return USE(newLabels);
    if (!key || kube_is_controllers_key(key)) return USE(labels);
    return sees_endpoints(printer) ? USE(ownLabels) : USE(newLabels);
}

static const char *annotations_of_new(struct printer *printer, const char *key) {
    if (!printer->exempt) return USE(newAnnotations);
    if (!key || kube_is_controllers_key(key)) return USE(annotations);
    return sees_endpoints(printer) || cel_sees(printer, "apps", "replicasets") ? USE(ownAnnotations)
                                                                               : USE(newAnnotations);
}

static const char *root_of(struct printer *printer, const struct formula *atom) {
    if (atom->path.variable >= 0) return arena_printf(printer->arena, "v%d", atom->path.variable);
    switch (atom->state) {
    case STATE_OLD: return USE(old);
    case STATE_NEW: return USE(new);
    case STATE_SELF: break;
    }
    if (!cel_reads_new(printer) || atom->frozen) return USE(stored);
    return printer->exempt ? fields_of_exempt(printer, atom) : USE(new);
}

// spec.replicas of the new object, which a write to scale carries by itself.
static bool is_new_replicas(const struct printer *printer, const struct formula *atom) {
    const bool new = atom->state == STATE_NEW || (atom->state == STATE_SELF && cel_reads_new(printer));
    return printer->policy->shape == SHAPE_SCALE && new &&path_is_replicas(&atom->path);
}

static struct piece walk(struct printer *printer, const struct formula *atom, cel_path_end finish) {
    if (is_new_replicas(printer, atom)) return finish(printer, atom, USE(newReplicas));
    return cel_walk_path(printer, atom, root_of(printer, atom), atom->path.variable < 0, 0, finish);
}

// ---- formulas ----

static struct piece quantifier_end(struct printer *printer, const struct formula *expr, const char *subject) {
    struct arena *arena = printer->arena;
    const struct piece body = cel_formula(printer, expr->operands[0]);
    const char *macro = expr->kind == FORMULA_ANY ? "exists" : "all";
    const struct piece test =
        piece_print(arena, LEVEL_UNARY, "%s.%s(v%d, %s)", subject, macro, printer->depth - 1, body.text);
    return piece_and(arena, cel_is_list(arena, subject), test);
}

struct piece cel_list_end(struct printer *printer, const struct formula *expr, const char *subject) {
    (void)expr;
    return cel_is_list(printer->arena, subject);
}

static bool varies(const struct printer *printer, const struct formula *expr) {
    if (expr->value_count && !cel_column_of(printer, expr)->uniform) return true;
    for (size_t i = 0; i < expr->operand_count; i++)
        if (varies(printer, expr->operands[i])) return true;
    return false;
}

// The formula without what differs between the rows, so that it holds whenever the formula holds for some row.
static struct formula *without_rows(struct printer *printer, const struct formula *expr, bool positive) {
    struct arena *arena = printer->arena;
    struct formula *copy = ARENA_NEW(arena, struct formula);
    if (expr->value_count && !cel_column_of(printer, expr)->uniform) {
        copy->kind = positive ? FORMULA_TRUE : FORMULA_FALSE;
        return copy;
    }
    if (!expr->operand_count) return NULL; // as it is
    *copy = *expr;
    copy->operands = NULL;
    copy->operand_count = 0;
    for (size_t i = 0; i < expr->operand_count; i++) {
        struct formula *operand = without_rows(printer, expr->operands[i], positive == (expr->kind != FORMULA_NOT));
        ARENA_PUSH(arena, copy->operands, copy->operand_count, operand ? operand : expr->operands[i]);
    }
    return copy;
}

// A list of the requester's making is gone through once for all rows, and once more for each only if its constants
// matter.
static struct piece screened(struct printer *printer, const struct formula *expr, struct piece test) {
    const struct plan_table *table = printer->table;
    struct arena *arena = printer->arena;
    if (printer->depth || table->row_count < 2) return test;
    if (varies(printer, expr))
        return expr->kind == FORMULA_ANY
                   ? piece_and(arena, cel_formula(printer, without_rows(printer, expr, true)), test)
                   : test;
    const char *name = cel_table_variable(arena, table, "Screen");
    return piece_print(arena, LEVEL_UNARY, "variables.%s", cel_add_once(printer, name, test.text));
}

static struct piece quantifier(struct printer *printer, const struct formula *expr) {
    printer->depth++;
    struct piece test = walk(printer, expr, quantifier_end);
    // Without a list there is nothing that could fail.
    if (expr->kind == FORMULA_ALL)
        test = piece_or(printer->arena, piece_not(printer->arena, walk(printer, expr, cel_list_end)), test);
    printer->depth--;
    return screened(printer, expr, test);
}

// ---- the other side ----

// Only what guards add says of labels and annotations which state it means. Of all keys, controllers may write any.
static const char *labels_of(struct printer *printer, const struct formula *expr) {
    if (expr->state == STATE_NEW) return USE(newLabels);
    return expr->state == STATE_SELF && cel_reads_new(printer) && !expr->frozen ? labels_of_new(printer, expr->key)
                                                                                : USE(labels);
}

static const char *annotations_of(struct printer *printer, const struct formula *expr) {
    if (expr->state == STATE_NEW) return USE(newAnnotations);
    return expr->state == STATE_SELF && cel_reads_new(printer) && !expr->frozen ? annotations_of_new(printer, expr->key)
                                                                                : USE(annotations);
}

static struct piece presence_end(struct printer *printer, const struct formula *atom, const char *subject) {
    if (!atom->is_text) return piece_always;
    return piece_print(printer->arena, LEVEL_RELATION, "type(%s) == string", subject);
}

static struct side field_side(struct printer *printer, const struct formula *reading) {
    if (is_new_replicas(printer, reading)) return (struct side){USE(newReplicas), false, piece_always};
    const char *root = root_of(printer, reading);
    return (struct side){
        .subject = cel_path_text(printer->arena, root, &reading->path, reading->path.count),
        .is_text = reading->is_text,
        .present = cel_walk_path(printer, reading, root, reading->path.variable < 0, 0, presence_end),
    };
}

static struct side map_side(struct printer *printer, const struct formula *reading, const char *map) {
    const char *key = cel_quoted(printer->arena, reading->key);
    return (struct side){
        .subject = arena_printf(printer->arena, "%s[%s]", map, key),
        .is_text = true,
        .present = piece_print(printer->arena, LEVEL_RELATION, "%s in %s", key, map),
    };
}

// Text that is "" where the request has none.
static struct side optional_side(struct printer *printer, const char *subject) {
    return (struct side){subject, true, piece_print(printer->arena, LEVEL_RELATION, "%s != ''", subject)};
}

static struct side other_side(struct printer *printer, const struct formula *reading) {
    switch (reading->kind) {
    case FORMULA_LABEL: return map_side(printer, reading, labels_of(printer, reading));
    case FORMULA_ANNOTATION: return map_side(printer, reading, annotations_of(printer, reading));
    case FORMULA_NAMESPACE_LABEL: return map_side(printer, reading, USE(namespaceLabels));
    case FORMULA_NAME: return optional_side(printer, USE(name));
    case FORMULA_NAMESPACE: return optional_side(printer, USE(namespaceName));
    case FORMULA_FIELD: return field_side(printer, reading);
    default: return optional_side(printer, USE(user));
    }
}

static bool is_key_atom(const struct printer *printer, const struct formula *expr) {
    for (size_t i = 0; printer->skip_keys && i < printer->table->key_count; i++)
        if (printer->table->key_atoms[i] == expr) return true;
    return false;
}

struct piece cel_operations(struct printer *printer, unsigned operations) {
    struct arena *arena = printer->arena;
    const char *names[3];
    size_t count = 0;
    if (operations & OP_CREATE) names[count++] = "CREATE";
    if (operations & OP_UPDATE) names[count++] = "UPDATE";
    if (operations & OP_DELETE) names[count++] = "DELETE";
    // A request that carries nothing of the object stands for one operation on it.
    for (size_t i = 0; i < kube_act_count; i++)
        if (kube_acts[i].shape == printer->policy->shape)
            return operations & kube_acts[i].means ? piece_always : piece_never;
    if (!count) return piece_never;
    if (count == 1) return piece_print(arena, LEVEL_RELATION, "request.operation == '%s'", names[0]);
    struct text text;
    text_init(&text, arena);
    cel_add_string_list(&text, names, count);
    return piece_print(arena, LEVEL_RELATION, "request.operation in %s", text_string(&text));
}

// A variable, so that locks which ask the same, as guards do, ask once.
static const char *may(struct printer *printer, const char *verb) {
    struct arena *arena = printer->arena;
    const char *lock = printer->table->locks[0]->name;
    const char *check = arena_printf(
        arena, "authorizer.group('klock.dev').resource('locks').namespace(%s).name(%s).check(%s).allowed()",
        USE(namespaceName), cel_quoted(arena, lock), cel_quoted(arena, verb));
    const char *name = arena_printf(arena, "may%s_x%s", names_identifier(arena, arena_printf(arena, "-%s", verb)),
                                    names_identifier(arena, arena_printf(arena, "-%s", lock)));
    return arena_printf(arena, "variables.%s", cel_add_once(printer, name, check));
}

struct piece cel_formula(struct printer *printer, const struct formula *expr) {
    struct arena *arena = printer->arena;
    struct piece result;
    if (is_key_atom(printer, expr)) return piece_always;
    switch (expr->kind) {
    case FORMULA_TRUE: return piece_always;
    case FORMULA_FALSE: return piece_never;
    case FORMULA_AND:
        result = piece_always;
        for (size_t i = 0; i < expr->operand_count; i++)
            result = piece_and(arena, result, cel_formula(printer, expr->operands[i]));
        return result;
    case FORMULA_OR:
        result = piece_never;
        for (size_t i = 0; i < expr->operand_count; i++)
            result = piece_or(arena, result, cel_formula(printer, expr->operands[i]));
        return result;
    case FORMULA_NOT: return piece_not(arena, cel_formula(printer, expr->operands[0]));
    case FORMULA_LABEL: return test_key(printer, expr, labels_of(printer, expr));
    case FORMULA_ANNOTATION: return test_key(printer, expr, annotations_of(printer, expr));
    case FORMULA_NAME: return test_optional(printer, expr, USE(name));
    case FORMULA_NAMESPACE: return test_optional(printer, expr, USE(namespaceName));
    case FORMULA_NAMESPACE_LABEL: return test_key(printer, expr, USE(namespaceLabels));
    case FORMULA_LABEL_KEY: return test_keys(printer, expr, labels_of(printer, expr));
    case FORMULA_ANNOTATION_KEY: return test_keys(printer, expr, annotations_of(printer, expr));
    case FORMULA_FIELD: return walk(printer, expr, cel_test_value);
    case FORMULA_USER: return test_optional(printer, expr, USE(user));
    case FORMULA_UID: return test_optional(printer, expr, USE(uid));
    case FORMULA_GROUP:
        return piece_print(arena, LEVEL_RELATION, "%s in %s", cel_constant(printer, cel_column_of(printer, expr)),
                           USE(groups));
    case FORMULA_MAY: return piece_print(arena, LEVEL_UNARY, "%s", may(printer, expr->key));
    case FORMULA_EXTRA: {
        const char *key = cel_quoted(arena, expr->key), *extra = USE(extra),
                   *wanted = cel_constant(printer, cel_column_of(printer, expr));
        return piece_print(arena, LEVEL_AND, "%s in %s && %s in %s[%s]", key, extra, wanted, extra, key);
    }
    case FORMULA_RESOURCE: return cel_is_in(printer, USE(resource), cel_column_of(printer, expr));
    case FORMULA_OPERATION: return cel_operations(printer, expr->operations);
    case FORMULA_ANY:
    case FORMULA_ALL: return quantifier(printer, expr);
    case FORMULA_CEL: return piece_print(arena, LEVEL_UNARY, "(%s)", cel_text(expr->cel));
    }
    return piece_never;
}

// The selection, read from the stored or the new object. With a table, the key's part of it is that the lock is found.
struct piece cel_selection(struct printer *printer, bool of_new) {
    struct arena *arena = printer->arena;
    const struct plan_table *table = printer->table;
    if (of_new) cel_read_new(printer);
    struct piece found = piece_always;
    if (of_new && table->key_count)
        found =
            piece_print(arena, LEVEL_RELATION, ROW " in variables.%s", cel_table_variable(arena, table, "NewLocks"));
    printer->skip_keys = table->key_value_count > 0;
    const struct piece rest = cel_formula(printer, table->model->selects);
    printer->skip_keys = false;
    cel_read_stored(printer);
    return piece_and(arena, found, rest);
}

static struct piece condition_of_new(struct printer *printer) {
    const struct lock *model = printer->table->model;
    if (!lock_guards_condition(model)) return piece_always;
    cel_read_new(printer);
    const struct piece piece = cel_formula(printer, model->condition);
    cel_read_stored(printer);
    return piece;
}

struct piece cel_still_held(struct printer *printer) {
    return piece_and(printer->arena, cel_selection(printer, true), condition_of_new(printer));
}

// Whether the formula reads anything of the new object that is not for controllers to write.
static bool reads_of_others(const struct printer *printer, const struct formula *expr) {
    bool reads = false;
    if (expr->kind == FORMULA_LABEL || expr->kind == FORMULA_ANNOTATION)
        reads = !expr->frozen && expr->state == STATE_SELF && !kube_is_controllers_key(expr->key);
    else if (expr->kind == FORMULA_FIELD || expr->kind == FORMULA_ANY || expr->kind == FORMULA_ALL)
        reads = !expr->frozen && expr->state == STATE_SELF && expr->path.variable < 0 &&
                !path_is_metadata(&expr->path) && cel_sees(printer, "", "pods");
    for (size_t i = 0; i < expr->operand_count && !reads; i++) reads = reads_of_others(printer, expr->operands[i]);
    return reads;
}

// Whether the new object's key is made of nothing that an exempt request is asked about in another way.
static bool has_plain_key(const struct printer *printer) {
    const struct plan_table *table = printer->table;
    bool plain = !sees_endpoints(printer);
    for (size_t i = 0; i < table->key_count && plain; i++) {
        const struct formula *atom = table->key_atoms[i];
        if (atom->kind == FORMULA_LABEL) plain = !kube_is_controllers_key(atom->key);
        if (atom->kind == FORMULA_ANNOTATION)
            plain = !kube_is_controllers_key(atom->key) && !cel_sees(printer, "apps", "replicasets");
        if (atom->kind == FORMULA_FIELD) plain = false;
    }
    return plain;
}

struct piece cel_still_held_by_exempt(struct printer *printer) {
    struct arena *arena = printer->arena;
    const struct lock *model = printer->table->model;
    const bool guards = lock_guards_condition(model) && reads_of_others(printer, model->condition);
    if (!reads_of_others(printer, model->selects) && !guards) return piece_always;
    printer->exempt = true;
    struct piece selection;
    if (has_plain_key(printer)) {
        selection = cel_selection(printer, true);
    } else {
        cel_read_new(printer);
        selection = cel_formula(printer, model->selects);
        cel_read_stored(printer);
    }
    const struct piece held = piece_and(arena, selection, condition_of_new(printer));
    printer->exempt = false;
    return held;
}
