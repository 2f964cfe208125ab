// Formulas of the resolved policy as CEL: atoms, paths, quantifiers.
#include <string.h>

#include "base/arena.h"
#include "base/names.h"
#include "base/text.h"
#include "cel/cel.h"
#include "data/quantity.h"
#include "data/value.h"
#include "emit/vap_internal.h"
#include "emit/vap_policy.h"
#include "kubernetes/catalog.h"

// ---- atoms ----

// Text that equals one of the constants of the column.
struct cel_node *vap_is_in(struct builder *builder, struct cel_node *subject, const struct plan_column *column) {
    struct arena *arena = builder->arena;
    if (column->uniform && column->counts[0] == 1) {
        return cel_eq(arena, subject, cel_scalar(arena, column->values[0][0]));
    }
    return cel_in(arena, subject, vap_constant(builder, column));
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

static struct cel_node *matches(struct arena *arena, struct cel_node *subject, const char *pattern) {
    return cel_method(arena, subject, "matches", cel_string(arena, pattern));
}

// The subject has one of the three types.
static struct cel_node *is_one_type(struct arena *arena, struct cel_node *subject, const char *one, const char *other,
                                    const char *third) {
    return cel_or(arena, cel_or(arena, cel_is_type(arena, subject, one), cel_is_type(arena, subject, other)),
                  cel_is_type(arena, subject, third));
}

// That the subject, a text, is a quantity; only then is quantity() asked, which fails otherwise.
static struct cel_node *is_quantity(struct builder *builder, struct cel_node *text) {
    struct arena *arena = builder->arena;
    return cel_and(arena,
                   cel_binary(arena, cel_method(arena, text, "size", NULL), "<", cel_integer(arena, QUANTITY_BYTES)),
                   matches(arena, text, QUANTITY_PATTERN));
}

static struct cel_node *compare_quantities(struct builder *builder, enum comparison compare, struct cel_node *left,
                                           struct cel_node *right) {
    struct arena *arena = builder->arena;
    struct cel_node *order =
        cel_method(arena, cel_call(arena, "quantity", left), "compareTo", cel_call(arena, "quantity", right));
    return cel_binary(arena, order, relation(compare), cel_integer(arena, 0));
}

// A field whose value is text or a number can be read as text.
static struct cel_node *is_measure(struct builder *builder, struct cel_node *subject) {
    return is_one_type(builder->arena, subject, "string", "int", "double");
}

static struct cel_node *as_text(struct builder *builder, struct cel_node *subject) {
    return cel_call(builder->arena, "string", subject);
}

// The test of a quantity against the constant.
static struct cel_node *test_quantity(struct builder *builder, const struct formula *atom, struct cel_node *text) {
    struct cel_node *constant = vap_constant(builder, vap_column_of(builder, atom));
    return cel_and(builder->arena, is_quantity(builder, text),
                   compare_quantities(builder, atom->compare, text, constant));
}

// What is on the other side of a comparison, and when it is there.
struct side {
    struct cel_node *subject;
    bool is_text;
    struct cel_node *present;
};

static struct side other_side(struct builder *builder, const struct formula *reading);

// A field and a text are equal when the field is written so.
static struct cel_node *is_written(struct builder *builder, struct cel_node *field, struct cel_node *text) {
    struct arena *arena = builder->arena;
    return cel_and(arena, is_one_type(arena, field, "string", "int", "bool"),
                   cel_eq(arena, as_text(builder, field), text));
}

static struct cel_node *compare_sides(struct builder *builder, enum comparison compare, const struct side *left,
                                      const struct side *right) {
    struct arena *arena = builder->arena;
    if (compare == CMP_CONTAINS)
        return cel_and(arena, cel_is_type(arena, left->subject, "list"), cel_in(arena, right->subject, left->subject));
    if (compare == CMP_EQ) {
        if (left->is_text == right->is_text) return cel_eq(arena, left->subject, right->subject);
        return left->is_text ? is_written(builder, right->subject, left->subject)
                             : is_written(builder, left->subject, right->subject);
    }
    struct cel_node *result = builder->always;
    const struct side *const sides[] = {left, right};
    struct cel_node *texts[2];
    for (size_t i = 0; i < 2; i++) {
        texts[i] = sides[i]->subject;
        if (!sides[i]->is_text) {
            result = cel_and(arena, result, is_measure(builder, texts[i]));
            texts[i] = as_text(builder, texts[i]);
        }
        result = cel_and(arena, result, is_quantity(builder, texts[i]));
    }
    return cel_and(arena, result, compare_quantities(builder, compare, texts[0], texts[1]));
}

static struct cel_node *compare_reading(struct builder *builder, const struct formula *atom, struct cel_node *subject,
                                        bool is_text) {
    const struct side left = {subject, is_text, builder->always}, right = other_side(builder, atom->operands[0]);
    return cel_and(builder->arena, right.present, compare_sides(builder, atom->compare, &left, &right));
}

// ---- tests ----

// The test of an atom that reads text which is there.
static struct cel_node *test_text(struct builder *builder, const struct formula *atom, struct cel_node *subject) {
    struct arena *arena = builder->arena;
    const struct plan_column *column = vap_column_of(builder, atom);
    if (atom->operand_count) return compare_reading(builder, atom, subject, true);
    if (atom->quantity) return test_quantity(builder, atom, subject);
    switch (atom->compare) {
    case CMP_EXISTS: return builder->always;
    case CMP_EQ: break; // is of the two above
    case CMP_IN: return vap_is_in(builder, subject, column);
    case CMP_LT:
    case CMP_LE:
    case CMP_GT:
    case CMP_GE:
        if (!compares_numbers(column))
            return cel_binary(arena, subject, relation(atom->compare), vap_constant(builder, column));
        return cel_and(
            arena, matches(arena, subject, "^-?[0-9]{1,18}$"),
            cel_binary(arena, cel_call(arena, "int", subject), relation(atom->compare), vap_constant(builder, column)));
    case CMP_MATCHES: return cel_method(arena, subject, "matches", vap_constant(builder, column));
    case CMP_CONTAINS: return cel_method(arena, subject, "contains", vap_constant(builder, column));
    }
    return builder->never;
}

static bool has_empty(const struct plan_column *column, size_t rows) {
    for (size_t row = 0; row < rows; row++)
        for (size_t i = 0; i < column->counts[row]; i++)
            if (!*column->values[row][i]->as.string) return true;
    return false;
}

// Whether the atom asks for one of some texts that are not empty, so that the empty one can stand for none.
static bool asks_for_text(const struct builder *builder, const struct formula *atom) {
    return atom->compare == CMP_IN && !atom->operand_count && !atom->quantity && formula_has_texts(atom) &&
           !has_empty(vap_column_of(builder, atom), builder->table->row_count);
}

static struct cel_node *or_empty(struct builder *builder, struct cel_node *optional) {
    return cel_method(builder->arena, optional, "orValue", cel_string(builder->arena, ""));
}

// The test of what an optional holds; NULL where that takes more than one look at it.
static struct cel_node *test_optional_value(struct builder *builder, const struct formula *atom,
                                            struct cel_node *optional) {
    if (atom->compare == CMP_EXISTS && !atom->is_text) return cel_method(builder->arena, optional, "hasValue", NULL);
    if (!asks_for_text(builder, atom)) return NULL;
    return vap_is_in(builder, or_empty(builder, optional), vap_column_of(builder, atom));
}

// Text held by a map under the atom's key.
static struct cel_node *test_key(struct builder *builder, const struct formula *atom, struct cel_node *map) {
    struct arena *arena = builder->arena;
    if (asks_for_text(builder, atom)) return test_optional_value(builder, atom, cel_optional_at(arena, map, atom->key));
    struct cel_node *key = cel_string(arena, atom->key);
    struct cel_node *present = cel_in(arena, key, map);
    return cel_and(arena, present, test_text(builder, atom, cel_at(arena, map, key)));
}

struct cel_node *vap_test_key(struct builder *builder, const struct formula *atom, struct cel_node *key) {
    return test_text(builder, atom, key);
}

// Some key of the map passes the test.
static struct cel_node *test_keys(struct builder *builder, const struct formula *atom, struct cel_node *map) {
    struct arena *arena = builder->arena;
    const char *variable = vap_bound(builder, 'e', builder->depth++);
    struct cel_node *key = cel_name(arena, variable), *test = test_text(builder, atom, key);
    builder->depth--;
    if (atom->not_of_node)
        test = cel_and(arena, test,
                       cel_not(arena, cel_in(arena, key, cel_strings(arena, kube_node_labels, kube_node_label_count))));
    return cel_macro(arena, map, "exists", variable, test);
}

static struct cel_node *is_filled(struct builder *builder, struct cel_node *subject) {
    return cel_ne(builder->arena, subject, cel_string(builder->arena, ""));
}

// Text that is "" where the request has none.
static struct cel_node *test_optional(struct builder *builder, const struct formula *atom, struct cel_node *subject) {
    struct cel_node *test = test_text(builder, atom, subject);
    if (atom->compare == CMP_IN && !atom->operand_count &&
        !has_empty(vap_column_of(builder, atom), builder->table->row_count))
        return test;
    return cel_and(builder->arena, is_filled(builder, subject), test);
}

// A value of any kind that is there.
struct cel_node *vap_test_value(struct builder *builder, const struct formula *atom, struct cel_node *subject) {
    struct arena *arena = builder->arena;
    const struct plan_column *column = vap_column_of(builder, atom);
    if (atom->is_text) return cel_and(arena, cel_is_type(arena, subject, "string"), test_text(builder, atom, subject));
    if (atom->operand_count) return compare_reading(builder, atom, subject, false);
    if (atom->quantity)
        return cel_and(arena, is_measure(builder, subject), test_quantity(builder, atom, as_text(builder, subject)));
    switch (atom->compare) {
    case CMP_EXISTS: return builder->always;
    case CMP_EQ: break; // is of the two above
    case CMP_IN: return vap_is_in(builder, subject, column);
    case CMP_LT:
    case CMP_LE:
    case CMP_GT:
    case CMP_GE: {
        struct cel_node *typed = compares_numbers(column) ? cel_or(arena, cel_is_type(arena, subject, "int"),
                                                                   cel_is_type(arena, subject, "double"))
                                                          : cel_is_type(arena, subject, "string");
        return cel_and(arena, typed,
                       cel_binary(arena, subject, relation(atom->compare), vap_constant(builder, column)));
    }
    case CMP_MATCHES:
        return cel_and(arena, cel_is_type(arena, subject, "string"),
                       cel_method(arena, subject, "matches", vap_constant(builder, column)));
    case CMP_CONTAINS: {
        struct cel_node *wanted = vap_constant(builder, column);
        struct cel_node *listed = cel_and(arena, cel_is_type(arena, subject, "list"), cel_in(arena, wanted, subject));
        if (column->type != PLAN_STRING) return listed;
        return cel_or(
            arena,
            cel_and(arena, cel_is_type(arena, subject, "string"), cel_method(arena, subject, "contains", wanted)),
            listed);
    }
    }
    return builder->never;
}

// ---- paths ----

const char *vap_bound(struct builder *builder, char letter, int number) {
    return arena_printf(builder->arena, "%c%d", letter, number);
}

// Whether there is nothing but a map where the path's first keys lead, if there is anything: API servers see to that
// for metadata, and for whatever they know the fields of.
static bool is_map_or_absent(const struct builder *builder, const struct field_path *path, size_t count) {
    static const char typed[] = "spec status template jobTemplate roleRef", maps[] = "labels annotations";
    size_t i = 0;
    while (i < count && path->segments[i].key && text_has_word(typed, path->segments[i].key)) i++;
    if (i && !builder->is_typed) return false;
    if (i < count && path->segments[i].key && strcmp(path->segments[i].key, "metadata") == 0) {
        i++;
        if (i < count && path->segments[i].key && text_has_word(maps, path->segments[i].key)) i++;
    }
    return i == count;
}

static bool binds_map(const struct builder *builder, int variable) {
    return variable < VAP_DEPTH && builder->is_map[variable];
}

// The same for lists, whose elements are maps or not.
static bool is_list_or_absent(const struct builder *builder, const struct field_path *path, size_t count) {
    static const char lists[] =
        "subjects ownerReferences containers initContainers ephemeralContainers verbs apiGroups "
        "resources resourceNames finalizers";
    if (!count || !path->segments[count - 1].key) return false;
    const char *key = path->segments[count - 1].key;
    if (!text_has_word(lists, key)) return false; // of roles, the rules may be null
    if (path->variable >= 0) return count == 1 && binds_map(builder, path->variable);
    const bool of_metadata = strcmp(key, "ownerReferences") == 0 || strcmp(key, "finalizers") == 0;
    return (builder->is_typed || of_metadata) && is_map_or_absent(builder, path, count - 1);
}

static struct cel_node *is_list(struct builder *builder, const struct field_path *path, size_t count,
                                struct cel_node *subject) {
    if (is_list_or_absent(builder, path, count)) return builder->always;
    return cel_is_type(builder->arena, subject, "list");
}

struct cel_node *vap_optional_path(struct builder *builder, const struct field_path *path, struct cel_node *root) {
    if (!path->count || !path->segments[path->count - 1].key) return NULL;
    if (!is_map_or_absent(builder, path, path->count - 1)) return NULL;
    struct cel_node *node = cel_optional_child(builder->arena, root, path->segments[0].key);
    for (size_t i = 1; i < path->count; i++) node = cel_further_child(builder->arena, node, path->segments[i].key);
    return node;
}

// The list that the path's first keys lead to, empty where there is none; NULL where something else could be there.
static struct cel_node *list_or_empty(struct builder *builder, const struct field_path *path, size_t count,
                                      struct cel_node *root) {
    if (!is_list_or_absent(builder, path, count)) return NULL;
    struct cel_node *node = cel_optional_child(builder->arena, root, path->segments[0].key);
    for (size_t i = 1; i < count; i++) node = cel_further_child(builder->arena, node, path->segments[i].key);
    return cel_method(builder->arena, node, "orValue", cel_list(builder->arena, NULL, 0));
}

static size_t leading_keys(const struct field_path *path) {
    size_t keys = 0;
    while (keys < path->count && path->segments[keys].key) keys++;
    return keys;
}

struct cel_node *vap_walk_path(struct builder *builder, const struct formula *atom, struct cel_node *subject,
                               bool known_map, size_t segment, vap_path_end finish) {
    struct arena *arena = builder->arena;
    if (segment == atom->path.count) return finish(builder, atom, subject);
    const char *key = atom->path.segments[segment].key;
    if (!segment && known_map && finish == vap_test_value) {
        struct cel_node *optional = vap_optional_path(builder, &atom->path, subject);
        struct cel_node *test = optional ? test_optional_value(builder, atom, optional) : NULL;
        if (test) return test;
    }
    const size_t keys = leading_keys(&atom->path);
    if (!segment && known_map && keys < atom->path.count) {
        struct cel_node *list = list_or_empty(builder, &atom->path, keys, subject);
        if (list) return vap_walk_path(builder, atom, list, true, keys, finish);
    }
    if (key) {
        struct cel_node *guard = cel_and(arena, known_map ? builder->always : cel_is_type(arena, subject, "map"),
                                         cel_has_child(arena, subject, key));
        const bool maps = known_map && is_map_or_absent(builder, &atom->path, segment + 1);
        return cel_and(arena, guard,
                       vap_walk_path(builder, atom, cel_child(arena, subject, key), maps, segment + 1, finish));
    }
    const char *element = vap_bound(builder, 'e', builder->depth++);
    struct cel_node *rest = vap_walk_path(builder, atom, cel_name(arena, element), false, segment + 1, finish);
    builder->depth--;
    return cel_and(arena, is_list(builder, &atom->path, segment, subject),
                   cel_macro(arena, subject, "exists", element, rest));
}

static struct cel_node *fields_of_exempt(struct builder *builder, const struct formula *atom) {
    if (!vap_sees(builder, "", "pods") || path_is_metadata(&atom->path)) return USE(stored);
    return USE(ownFields);
}

static bool sees_endpoints(const struct builder *builder) {
    return vap_sees(builder, "", "endpoints") || vap_sees(builder, "discovery.k8s.io", "endpointslices");
}

static struct cel_node *labels_of_new(struct builder *builder, const char *key) {
    if (!builder->exempt) return USE(newLabels);
    if (!key || kube_is_controllers_key(key)) return USE(labels);
    return sees_endpoints(builder) ? USE(ownLabels) : USE(newLabels);
}

static struct cel_node *annotations_of_new(struct builder *builder, const char *key) {
    if (!builder->exempt) return USE(newAnnotations);
    if (!key || kube_is_controllers_key(key)) return USE(annotations);
    return sees_endpoints(builder) || vap_sees(builder, "apps", "replicasets") ? USE(ownAnnotations)
                                                                               : USE(newAnnotations);
}

static struct cel_node *root_of(struct builder *builder, const struct formula *atom) {
    if (atom->path.variable >= 0) return cel_name(builder->arena, vap_bound(builder, 'v', atom->path.variable));
    switch (atom->state) {
    case STATE_OLD: return USE(old);
    case STATE_NEW: return USE(new);
    case STATE_SELF: break;
    }
    if (!vap_reads_new(builder) || atom->reads_stored) return USE(stored);
    return builder->exempt ? fields_of_exempt(builder, atom) : USE(new);
}

// spec.replicas of the new object, which a write to scale carries by itself.
static bool is_new_replicas(const struct builder *builder, const struct formula *atom) {
    const bool new = atom->state == STATE_NEW || (atom->state == STATE_SELF && vap_reads_new(builder));
    return builder->policy->shape == SHAPE_SCALE && new &&path_is_replicas(&atom->path);
}

static struct cel_node *walk(struct builder *builder, const struct formula *atom, vap_path_end finish) {
    if (is_new_replicas(builder, atom)) return finish(builder, atom, USE(newReplicas));
    const bool is_map = atom->path.variable < 0 || binds_map(builder, atom->path.variable);
    return vap_walk_path(builder, atom, root_of(builder, atom), is_map, 0, finish);
}

// ---- formulas ----

static struct cel_node *quantifier_end(struct builder *builder, const struct formula *expr, struct cel_node *subject) {
    struct arena *arena = builder->arena;
    struct cel_node *body = vap_formula(builder, expr->operands[0]);
    const char *macro = expr->kind == FORMULA_ANY ? "exists" : "all";
    struct cel_node *test = cel_macro(arena, subject, macro, vap_bound(builder, 'v', builder->depth - 1), body);
    return cel_and(arena, is_list(builder, &expr->path, expr->path.count, subject), test);
}

struct cel_node *vap_list_end(struct builder *builder, const struct formula *expr, struct cel_node *subject) {
    return is_list(builder, &expr->path, expr->path.count, subject);
}

static bool varies(const struct builder *builder, const struct formula *expr) {
    if (expr->value_count && !vap_column_of(builder, expr)->uniform) return true;
    for (size_t i = 0; i < expr->operand_count; i++)
        if (varies(builder, expr->operands[i])) return true;
    return false;
}

// The formula without what differs between the rows, so that it holds whenever the formula holds for some row.
static struct formula *without_rows(struct builder *builder, const struct formula *expr, bool positive) {
    struct arena *arena = builder->arena;
    struct formula *copy = ARENA_NEW(arena, struct formula);
    const bool differs = (expr->value_count && !vap_column_of(builder, expr)->uniform) ||
                         (formula_compares_readings(expr) && varies(builder, expr));
    if (differs) {
        copy->kind = positive ? FORMULA_TRUE : FORMULA_FALSE;
        return copy;
    }
    if (!expr->operand_count) return NULL; // as it is
    *copy = *expr;
    copy->operands = NULL;
    copy->operand_count = 0;
    for (size_t i = 0; i < expr->operand_count; i++) {
        struct formula *operand = without_rows(builder, expr->operands[i], positive == (expr->kind != FORMULA_NOT));
        ARENA_PUSH(arena, copy->operands, copy->operand_count, operand ? operand : expr->operands[i]);
    }
    return copy;
}

// A list of the requester's making is gone through once for all rows, and once more for each only if its constants
// matter.
static struct cel_node *screened(struct builder *builder, const struct formula *expr, struct cel_node *test) {
    const struct plan_table *table = builder->table;
    struct arena *arena = builder->arena;
    if (builder->depth || table->row_count < 2) return test;
    if (varies(builder, expr))
        return expr->kind == FORMULA_ANY ? cel_and(arena, vap_formula(builder, without_rows(builder, expr, true)), test)
                                         : test;
    const char *name = vap_table_variable(arena, table, "Screen");
    return vap_add_once(builder, name, test);
}

// Whether the elements of the list are maps, whatever they hold.
static bool has_maps(const struct builder *builder, const struct field_path *path) {
    static const char objects[] = "rules subjects ownerReferences containers initContainers ephemeralContainers";
    const char *key = path->count ? path->segments[path->count - 1].key : NULL;
    if (!key || !text_has_word(objects, key) || path->variable >= 0) return false;
    return (builder->is_typed || strcmp(key, "ownerReferences") == 0) &&
           is_map_or_absent(builder, path, path->count - 1);
}

int vap_bind(struct builder *builder, const struct formula *quantifier) {
    if (builder->depth < VAP_DEPTH) builder->is_map[builder->depth] = has_maps(builder, &quantifier->path);
    return builder->depth++;
}

static struct cel_node *quantifier(struct builder *builder, const struct formula *expr) {
    vap_bind(builder, expr);
    const bool is_map = expr->path.variable < 0 || binds_map(builder, expr->path.variable);
    struct cel_node *list =
        is_map ? list_or_empty(builder, &expr->path, expr->path.count, root_of(builder, expr)) : NULL;
    struct cel_node *test = list ? quantifier_end(builder, expr, list) : walk(builder, expr, quantifier_end);
    // Without a list there is nothing that could fail.
    if (expr->kind == FORMULA_ALL && !list)
        test = cel_or(builder->arena, cel_not(builder->arena, walk(builder, expr, vap_list_end)), test);
    builder->depth--;
    return screened(builder, expr, test);
}

// ---- the other side ----

// Only what guards add says of labels and annotations which state it means. Of all keys, controllers may write any.
static struct cel_node *labels_of(struct builder *builder, const struct formula *expr) {
    if (expr->state == STATE_NEW) return USE(newLabels);
    return expr->state == STATE_SELF && vap_reads_new(builder) && !expr->reads_stored
               ? labels_of_new(builder, expr->key)
               : USE(labels);
}

static struct cel_node *annotations_of(struct builder *builder, const struct formula *expr) {
    if (expr->state == STATE_NEW) return USE(newAnnotations);
    return expr->state == STATE_SELF && vap_reads_new(builder) && !expr->reads_stored
               ? annotations_of_new(builder, expr->key)
               : USE(annotations);
}

static struct cel_node *presence_end(struct builder *builder, const struct formula *atom, struct cel_node *subject) {
    if (!atom->is_text) return builder->always;
    return cel_is_type(builder->arena, subject, "string");
}

static struct side field_side(struct builder *builder, const struct formula *reading) {
    if (is_new_replicas(builder, reading)) return (struct side){USE(newReplicas), false, builder->always};
    struct cel_node *root = root_of(builder, reading);
    return (struct side){
        .subject = vap_path(builder->arena, root, &reading->path),
        .is_text = reading->is_text,
        .present = vap_walk_path(builder, reading, root, reading->path.variable < 0, 0, presence_end),
    };
}

static struct side map_side(struct builder *builder, const struct formula *reading, struct cel_node *map) {
    struct cel_node *key = cel_string(builder->arena, reading->key);
    return (struct side){
        .subject = cel_at(builder->arena, map, key),
        .is_text = true,
        .present = cel_in(builder->arena, key, map),
    };
}

// Text that is "" where the request has none.
static struct side optional_side(struct builder *builder, struct cel_node *subject) {
    return (struct side){subject, true, is_filled(builder, subject)};
}

// A name that is put together; nobody's where a part of it is absent or empty.
static struct side joined_side(struct builder *builder, const struct formula *join) {
    struct arena *arena = builder->arena;
    struct side name = {.is_text = true, .present = builder->always};
    for (size_t i = 0; i < join->operand_count; i++) {
        const struct side part = other_side(builder, join->operands[i]);
        name.subject = name.subject ? cel_binary(arena, name.subject, "+", part.subject) : part.subject;
        name.present = cel_and(arena, name.present, part.present);
        if (join->operands[i]->kind != FORMULA_TEXT)
            name.present = cel_and(arena, name.present, is_filled(builder, part.subject));
    }
    if (join->not_system)
        name.present =
            cel_and(arena, name.present,
                    cel_not(arena, cel_method(arena, name.subject, "startsWith", cel_string(arena, "system:"))));
    return name;
}

static struct side other_side(struct builder *builder, const struct formula *reading) {
    switch (reading->kind) {
    case FORMULA_TEXT:
        return (struct side){vap_constant(builder, vap_column_of(builder, reading)), true, builder->always};
    case FORMULA_JOIN: return joined_side(builder, reading);
    case FORMULA_LABEL: return map_side(builder, reading, labels_of(builder, reading));
    case FORMULA_ANNOTATION: return map_side(builder, reading, annotations_of(builder, reading));
    case FORMULA_NAMESPACE_LABEL: return map_side(builder, reading, USE(namespaceLabels));
    case FORMULA_NAME: return optional_side(builder, USE(name));
    case FORMULA_NAMESPACE: return optional_side(builder, USE(namespaceName));
    case FORMULA_FIELD: return field_side(builder, reading);
    default: return optional_side(builder, USE(user));
    }
}

static bool is_key_atom(const struct builder *builder, const struct formula *expr) {
    for (size_t i = 0; builder->skip_keys && i < builder->table->key_count; i++)
        if (builder->table->key_atoms[i] == expr) return true;
    return false;
}

struct cel_node *vap_operation(struct builder *builder) {
    return cel_select(builder->arena, cel_name(builder->arena, "request"), "operation");
}

struct cel_node *vap_is_operation(struct builder *builder, const char *name) {
    return cel_is_string(builder->arena, vap_operation(builder), name);
}

struct cel_node *vap_operations(struct builder *builder, unsigned operations) {
    struct arena *arena = builder->arena;
    const char *names[3];
    size_t count = 0;
    if (operations & OP_CREATE) names[count++] = "CREATE";
    if (operations & OP_UPDATE) names[count++] = "UPDATE";
    if (operations & OP_DELETE) names[count++] = "DELETE";
    // A request that carries nothing of the object stands for one operation on it.
    for (size_t i = 0; i < kube_act_count; i++)
        if (kube_acts[i].shape == builder->policy->shape)
            return operations & kube_acts[i].means ? builder->always : builder->never;
    if (!count) return builder->never;
    if (count == 1) return vap_is_operation(builder, names[0]);
    return cel_in(arena, vap_operation(builder), cel_strings(arena, names, count));
}

// A variable, so that locks which ask the same, as guards do, ask once.
static struct cel_node *may(struct builder *builder, const char *verb) {
    struct arena *arena = builder->arena;
    const char *lock = builder->table->locks[0]->name;
    const char *name = arena_printf(arena, "may%s_x%s", names_identifier(arena, arena_printf(arena, "-%s", verb)),
                                    names_identifier(arena, arena_printf(arena, "-%s", lock)));
    struct cel_node *check = cel_quote(arena, "authorizer.group('klock.dev').resource('locks')");
    check = cel_method(arena, check, "namespace", USE(namespaceName));
    check = cel_method(arena, check, "name", cel_string(arena, lock));
    check = cel_method(arena, check, "check", cel_string(arena, verb));
    return vap_add_once(builder, name, cel_method(arena, check, "allowed", NULL));
}

static struct cel_node *is_line(struct arena *arena, const char *kind, struct cel_node *name, struct cel_node *lines) {
    return cel_in(arena, cel_binary(arena, cel_string(arena, kind), "+", name), lines);
}

// A variable, since it is long and in few locks only.
static struct cel_node *is_of_tenant(struct builder *builder) {
    struct arena *arena = builder->arena;
    struct cel_node *lines = USE(tenantMembers), *group = cel_name(arena, "g");
    struct cel_node *of_user = is_line(arena, "user ", USE(user), lines),
                    *of_group = cel_macro(arena, USE(groups), "exists", "g", is_line(arena, "group ", group, lines));
    return cel_or(arena, of_user, of_group);
}

// Some group of the requester is the one that is asked for, or matches.
static struct cel_node *test_groups(struct builder *builder, const struct formula *expr) {
    struct arena *arena = builder->arena;
    if (expr->compare == CMP_IN) return cel_in(arena, vap_constant(builder, vap_column_of(builder, expr)), USE(groups));
    const struct side name = expr->operand_count ? other_side(builder, expr->operands[0]) : (struct side){0};
    if (!name.is_text) return test_keys(builder, expr, USE(groups));
    return cel_and(arena, name.present, cel_in(arena, name.subject, USE(groups)));
}

// The group that an alternative asks for, where all locks of the table agree; else NULL.
static struct cel_node *group_of(struct builder *builder, const struct formula *expr) {
    if (expr->kind != FORMULA_GROUP || expr->compare != CMP_IN) return NULL;
    struct cel_node *name = vap_constant(builder, vap_column_of(builder, expr));
    return cel_is_text(name) ? name : NULL;
}

// Many groups, as members of tenants are, are one question.
static struct cel_node *alternatives(struct builder *builder, const struct formula *chain) {
    enum { FEW = 4 };
    struct arena *arena = builder->arena;
    struct cel_node **names = NULL, *result = builder->never;
    size_t count = 0, group_count = 0;
    for (size_t i = 0; i < chain->operand_count; i++) group_count += chain->operands[i]->kind == FORMULA_GROUP;
    for (size_t i = 0; i < chain->operand_count; i++) {
        struct cel_node *name = group_count > FEW ? group_of(builder, chain->operands[i]) : NULL;
        if (name)
            ARENA_PUSH(arena, names, count, name);
        else
            result = cel_or(arena, result, vap_formula(builder, chain->operands[i]));
    }
    if (!count) return result;
    struct cel_node *is_one = cel_in(arena, cel_name(arena, "g"), cel_list(arena, names, count));
    return cel_or(arena, result, cel_macro(arena, USE(groups), "exists", "g", is_one));
}

static struct cel_node *test_extra(struct builder *builder, const struct formula *expr) {
    struct arena *arena = builder->arena;
    struct cel_node *key = cel_string(arena, expr->key), *extra = USE(extra);
    const struct side wanted =
        expr->operand_count ? other_side(builder, expr->operands[0])
                            : (struct side){vap_constant(builder, vap_column_of(builder, expr)), true, builder->always};
    return cel_and(arena, cel_and(arena, wanted.present, cel_in(arena, key, extra)),
                   cel_in(arena, wanted.subject, cel_at(arena, extra, key)));
}

struct cel_node *vap_formula(struct builder *builder, const struct formula *expr) {
    struct arena *arena = builder->arena;
    struct cel_node *result;
    if (is_key_atom(builder, expr)) return builder->always;
    switch (expr->kind) {
    case FORMULA_TRUE: return builder->always;
    case FORMULA_FALSE: return builder->never;
    case FORMULA_AND:
        result = builder->always;
        for (size_t i = 0; i < expr->operand_count; i++)
            result = cel_and(arena, result, vap_formula(builder, expr->operands[i]));
        return result;
    case FORMULA_OR: return alternatives(builder, expr);
    case FORMULA_NOT: return cel_not(arena, vap_formula(builder, expr->operands[0]));
    case FORMULA_LABEL: return test_key(builder, expr, labels_of(builder, expr));
    case FORMULA_ANNOTATION: return test_key(builder, expr, annotations_of(builder, expr));
    case FORMULA_NAME: return test_optional(builder, expr, USE(name));
    case FORMULA_NAMESPACE: return test_optional(builder, expr, USE(namespaceName));
    case FORMULA_NAMESPACE_LABEL: return test_key(builder, expr, USE(namespaceLabels));
    case FORMULA_LABEL_KEY: return test_keys(builder, expr, labels_of(builder, expr));
    case FORMULA_ANNOTATION_KEY: return test_keys(builder, expr, annotations_of(builder, expr));
    case FORMULA_FIELD: return walk(builder, expr, vap_test_value);
    case FORMULA_USER: return test_optional(builder, expr, USE(user));
    case FORMULA_UID: return test_optional(builder, expr, USE(uid));
    case FORMULA_GROUP: return test_groups(builder, expr);
    case FORMULA_MAY: return may(builder, expr->key);
    case FORMULA_TENANT: return is_of_tenant(builder);
    case FORMULA_EXTRA: return test_extra(builder, expr);
    case FORMULA_RESOURCE: return vap_is_in(builder, USE(resource), vap_column_of(builder, expr));
    case FORMULA_OPERATION: return vap_operations(builder, expr->operations);
    case FORMULA_ANY:
    case FORMULA_ALL: return quantifier(builder, expr);
    // As a variable it has the limit of cost to itself, and to exceed that is an error as any other: where it stood
    // within an expression, nothing before or behind it would count.
    case FORMULA_CEL: return vap_add_once(builder, "written", cel_written(arena, expr->cel));
    case FORMULA_SOURCE_SELECTS: return vap_source_selects(builder, expr);
    case FORMULA_IS_SOURCE: return vap_is_source(builder, expr);
    case FORMULA_TEXT:
    case FORMULA_JOIN: break; // stand on the other side alone
    }
    return builder->never;
}

// The selection, read from the stored or the new object. With a table, the key's part of it is that the lock is found.
struct cel_node *vap_selection(struct builder *builder, bool of_new) {
    struct arena *arena = builder->arena;
    const struct plan_table *table = builder->table;
    if (of_new) vap_read_new(builder);
    struct cel_node *found = builder->always;
    if (of_new && table->key_count)
        found = cel_in(arena, cel_name(arena, ROW), cel_var(arena, vap_lookup_variable(arena, table, "NewLocks")));
    builder->skip_keys = table->key_value_count > 0;
    struct cel_node *rest = vap_formula(builder, table->model->selects);
    builder->skip_keys = false;
    vap_read_stored(builder);
    return cel_and(arena, found, rest);
}

// What else of the new object has to be for the lock to hold it, and for its actors to be who they are.
static struct cel_node *condition_of_new(struct builder *builder) {
    const struct lock *model = builder->table->model;
    struct cel_node *piece = builder->always;
    vap_read_new(builder);
    if (lock_guards_condition(model)) piece = vap_formula(builder, model->condition);
    if (model->names_actors) piece = cel_and(builder->arena, piece, vap_formula(builder, model->names_actors));
    vap_read_stored(builder);
    return piece;
}

struct cel_node *vap_still_held(struct builder *builder) {
    return cel_and(builder->arena, vap_selection(builder, true), condition_of_new(builder));
}

// Whether the formula reads anything of the new object that is not for controllers to write.
static bool reads_of_others(const struct builder *builder, const struct formula *expr) {
    bool reads = false;
    if (expr->kind == FORMULA_LABEL || expr->kind == FORMULA_ANNOTATION)
        reads = !expr->reads_stored && expr->state == STATE_SELF && !kube_is_controllers_key(expr->key);
    else if (expr->kind == FORMULA_FIELD || expr->kind == FORMULA_ANY || expr->kind == FORMULA_ALL)
        reads = !expr->reads_stored && expr->state == STATE_SELF && expr->path.variable < 0 &&
                !path_is_metadata(&expr->path) && vap_sees(builder, "", "pods");
    for (size_t i = 0; i < expr->operand_count && !reads; i++) reads = reads_of_others(builder, expr->operands[i]);
    return reads;
}

// Whether the new object's key is made of nothing that an exempt request is asked about in another way.
static bool has_plain_key(const struct builder *builder) {
    const struct plan_table *table = builder->table;
    bool plain = !sees_endpoints(builder);
    for (size_t i = 0; i < table->key_count && plain; i++) {
        const struct formula *atom = table->key_atoms[i];
        if (atom->kind == FORMULA_LABEL) plain = !kube_is_controllers_key(atom->key);
        if (atom->kind == FORMULA_ANNOTATION)
            plain = !kube_is_controllers_key(atom->key) && !vap_sees(builder, "apps", "replicasets");
        if (atom->kind == FORMULA_FIELD) plain = false;
    }
    return plain;
}

static struct cel_node *outside(struct builder *builder, const char *const *resources, size_t count) {
    return cel_not(builder->arena,
                   cel_in(builder->arena, USE(resource), cel_strings(builder->arena, resources, count)));
}

// Of which requests the formula reads something that is not for controllers to write.
static struct cel_node *where_of_others(struct builder *builder, const struct formula *expr) {
    static const char *const taken[] = {"endpoints", "endpointslices.discovery.k8s.io", "replicasets.apps"};
    enum { LABELS = 2, ANNOTATIONS = 3 };
    struct arena *arena = builder->arena;
    struct cel_node *where = builder->never;
    const bool asks = !expr->reads_stored && expr->state == STATE_SELF;
    if (expr->kind == FORMULA_LABEL && asks && !kube_is_controllers_key(expr->key))
        where = outside(builder, taken, LABELS);
    if (expr->kind == FORMULA_ANNOTATION && asks && !kube_is_controllers_key(expr->key))
        where = outside(builder, taken, ANNOTATIONS);
    if ((expr->kind == FORMULA_FIELD || expr->kind == FORMULA_ANY || expr->kind == FORMULA_ALL) && asks &&
        expr->path.variable < 0 && !path_is_metadata(&expr->path))
        where = cel_is_string(arena, USE(resource), "pods");
    for (size_t i = 0; i < expr->operand_count; i++)
        where = cel_or(arena, where, where_of_others(builder, expr->operands[i]));
    return where;
}

struct cel_node *vap_still_held_by_exempt(struct builder *builder) {
    struct arena *arena = builder->arena;
    const struct lock *model = builder->table->model;
    const bool guards = (lock_guards_condition(model) && reads_of_others(builder, model->condition)) ||
                        (model->names_actors && reads_of_others(builder, model->names_actors));
    if (!reads_of_others(builder, model->selects) && !guards) return builder->always;
    builder->exempt = true;
    struct cel_node *selection;
    if (has_plain_key(builder)) {
        selection = vap_selection(builder, true);
    } else {
        vap_read_new(builder);
        selection = vap_formula(builder, model->selects);
        vap_read_stored(builder);
    }
    struct cel_node *held = cel_and(arena, selection, condition_of_new(builder));
    builder->exempt = false;
    // Written CEL may fail, and where nothing of others is read nobody asks.
    if (!formula_has_cel(model->selects)) return held;
    struct cel_node *others = where_of_others(builder, model->selects);
    if (lock_guards_condition(model)) others = cel_or(arena, others, where_of_others(builder, model->condition));
    if (model->names_actors) others = cel_or(arena, others, where_of_others(builder, model->names_actors));
    return cel_or(arena, cel_not(arena, others), held);
}
