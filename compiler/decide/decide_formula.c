// Formulas, evaluated on a request.
#include "decide/decide_internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/text.h"
#include "cel/cel.h"
#include "data/quantity.h"
#include "data/regex.h"
#include "data/value.h"

enum truth truth_of(bool holds) {
    return holds ? YES : NO;
}

enum truth truth_and(enum truth a, enum truth b) {
    return a == NO || b == NO ? NO : a == FAILED || b == FAILED ? FAILED : YES;
}

enum truth truth_or(enum truth a, enum truth b) {
    return a == YES || b == YES ? YES : a == FAILED || b == FAILED ? FAILED : NO;
}

enum truth truth_not(enum truth a) {
    return a == FAILED ? FAILED : truth_of(a == NO);
}

// ---- atoms ----

static bool is_short_integer(const char *text) {
    text += *text == '-';
    const size_t digits = strspn(text, "0123456789");
    return digits >= 1 && digits <= 18 && !text[digits];
}

// Of an order, or of what is worth the same.
static bool holds_order(enum comparison compare, int order) {
    if (compare == CMP_LT) return order < 0;
    if (compare == CMP_LE) return order <= 0;
    if (compare == CMP_GT) return order > 0;
    if (compare == CMP_GE) return order >= 0;
    return order == 0;
}

// Compares what both are worth; what is no quantity compares with none.
static bool test_quantity(enum comparison compare, const char *left, const char *right) {
    struct quantity a, b;
    return left && right && quantity_parse(left, &a) && quantity_parse(right, &b) &&
           holds_order(compare, quantity_compare(&a, &b));
}

// The fewest digits that are read as the same number.
static const char *double_text(struct arena *arena, double number) {
    const char *text = "";
    for (int digits = 1; digits <= 17; digits++) {
        text = arena_printf(arena, "%.*g", digits, number);
        if (strtod(text, NULL) >= number && strtod(text, NULL) <= number) break;
    }
    return text;
}

// A text, or a number as text; NULL for every other value.
static const char *measure(struct arena *arena, const struct value *value) {
    if (!value) return NULL;
    switch (value->kind) {
    case VALUE_STRING: return value->as.string;
    case VALUE_INT: return arena_printf(arena, "%lld", (long long)value->as.integer);
    case VALUE_DOUBLE: return double_text(arena, value->as.number);
    case VALUE_NULL:
    case VALUE_BOOL:
    case VALUE_LIST:
    case VALUE_MAP: break;
    }
    return NULL;
}

// Whether the value is the text, or a whole number or boolean that is written so.
static bool is_written(struct arena *arena, const struct value *value, const char *text) {
    if (value->kind == VALUE_BOOL) return strcmp(text, value->as.boolean ? "true" : "false") == 0;
    const char *own = value->kind == VALUE_DOUBLE ? NULL : measure(arena, value);
    return own && strcmp(own, text) == 0;
}

// What is on the other side of a comparison: a text, or a field.
struct side {
    const char *text;
    const struct value *value;
};
static struct side other_side(const struct view *view, const struct formula *reading);

static bool compare_text(const struct view *view, const struct formula *expr, const char *text) {
    const struct side other = other_side(view, expr->operands[0]);
    if (!other.text && !other.value) return false;
    if (expr->compare != CMP_EQ)
        return test_quantity(expr->compare, text, other.text ? other.text : measure(view->arena, other.value));
    return other.text ? strcmp(text, other.text) == 0 : is_written(view->arena, other.value, text);
}

bool decide_has_element(const struct value *list, const struct value *item) {
    for (size_t i = 0; list && list->kind == VALUE_LIST && i < list->count; i++)
        if (value_equal(list->as.items[i], item)) return true;
    return false;
}

static bool compare_value(const struct view *view, const struct formula *expr, const struct value *value) {
    const struct side other = other_side(view, expr->operands[0]);
    if (!other.text && !other.value) return false;
    if (expr->compare == CMP_CONTAINS)
        return decide_has_element(value, other.text ? value_string(view->arena, other.text) : other.value);
    if (expr->compare != CMP_EQ)
        return test_quantity(expr->compare, measure(view->arena, value),
                             other.text ? other.text : measure(view->arena, other.value));
    return other.text ? is_written(view->arena, value, other.text) : value_equal(value, other.value);
}

bool decide_test_text(const struct view *view, const struct formula *expr, const char *text) {
    if (!text) return false;
    if (expr->operand_count) return compare_text(view, expr, text);
    if (expr->quantity) return test_quantity(expr->compare, text, expr->values[0]->as.string);
    switch (expr->compare) {
    case CMP_EXISTS: return true;
    case CMP_IN:
        for (size_t i = 0; i < expr->value_count; i++)
            if (strcmp(expr->values[i]->as.string, text) == 0) return true;
        return false;
    case CMP_LT:
    case CMP_LE:
    case CMP_GT:
    case CMP_GE: {
        const struct value *limit = expr->values[0];
        if (limit->kind == VALUE_STRING) return holds_order(expr->compare, strcmp(text, limit->as.string));
        if (!is_short_integer(text)) return false;
        const long long number = strtoll(text, NULL, 10);
        return holds_order(expr->compare, (number > limit->as.integer) - (number < limit->as.integer));
    }
    case CMP_MATCHES: return expr->regex && regex_match(expr->regex, text, strlen(text), view->arena);
    case CMP_EQ: // is of the two above
    case CMP_CONTAINS: break;
    }
    return strstr(text, expr->values[0]->as.string) != NULL;
}

static bool test_value(const struct view *view, const struct formula *expr, const struct value *value) {
    const struct value *other = expr->value_count ? expr->values[0] : NULL;
    if (expr->is_text) return decide_test_text(view, expr, value->kind == VALUE_STRING ? value->as.string : NULL);
    if (expr->operand_count) return compare_value(view, expr, value);
    if (expr->quantity) return test_quantity(expr->compare, measure(view->arena, value), other->as.string);
    switch (expr->compare) {
    case CMP_EXISTS: return true;
    case CMP_IN:
        for (size_t i = 0; i < expr->value_count; i++)
            if (value_equal(expr->values[i], value)) return true;
        return false;
    case CMP_LT:
    case CMP_LE:
    case CMP_GT:
    case CMP_GE:
        if (value_is_number(value) && value_is_number(other))
            return holds_order(expr->compare, value_compare_numbers(value, other));
        return value->kind == VALUE_STRING && other->kind == VALUE_STRING &&
               holds_order(expr->compare, strcmp(value->as.string, other->as.string));
    case CMP_MATCHES:
        return value->kind == VALUE_STRING && expr->regex &&
               regex_match(expr->regex, value->as.string, strlen(value->as.string), view->arena);
    case CMP_EQ: // is of the two above
    case CMP_CONTAINS: break;
    }
    if (value->kind == VALUE_STRING && other->kind == VALUE_STRING)
        return strstr(value->as.string, other->as.string) != NULL;
    return decide_has_element(value, other);
}

// Whether some value that the path leads to satisfies the test.
static bool test_path(const struct view *view, const struct formula *expr, const struct value *at, size_t segment) {
    if (!at) return false;
    if (segment == expr->path.count) return test_value(view, expr, at);
    const char *key = expr->path.segments[segment].key;
    if (key) return test_path(view, expr, value_get(at, key), segment + 1);
    for (size_t i = 0; at->kind == VALUE_LIST && i < at->count; i++)
        if (test_path(view, expr, at->as.items[i], segment + 1)) return true;
    return false;
}

bool decide_is_controllers(const struct request *request, const struct formula *expr) {
    const bool pods = !*request->group && strcmp(request->resource, "pods") == 0;
    switch (expr->kind) {
    case FORMULA_LABEL:
        return kube_is_controllers_key(expr->key) || kube_has_taken_labels(request->group, request->resource);
    case FORMULA_ANNOTATION:
        return kube_is_controllers_key(expr->key) || kube_has_taken_annotations(request->group, request->resource);
    case FORMULA_FIELD:
    case FORMULA_ANY:
    case FORMULA_ALL: return !pods || path_is_metadata(&expr->path);
    case FORMULA_LABEL_KEY:
    case FORMULA_ANNOTATION_KEY:
    case FORMULA_SOURCE_SELECTS: return true;
    default: return false;
    }
}

static const struct value *state_of(const struct view *view, const struct formula *expr) {
    switch (expr->state) {
    case STATE_SELF:
        return expr->reads_stored || (view->exempt && decide_is_controllers(view->request, expr)) ? view->stored
                                                                                                  : view->self;
    case STATE_OLD: return view->request->old_object;
    case STATE_NEW: return view->request->object;
    }
    return NULL;
}

static const struct value *root_of(const struct view *view, const struct formula *expr) {
    if (expr->path.variable < 0) return state_of(view, expr);
    for (const struct binding *binding = view->binding; binding; binding = binding->outer)
        if (binding->index == expr->path.variable) return binding->value;
    return NULL;
}

static const char *text_at(const struct value *value) {
    return value && value->kind == VALUE_STRING ? value->as.string : NULL;
}

static const char *or_absent(const char *text) {
    return text && *text ? text : NULL;
}

static const char *namespace_of(const struct request *request) {
    return request->namespaced ? request->namespace : "";
}

static const char *resource_name(struct arena *arena, const struct request *request) {
    return *request->group ? arena_printf(arena, "%s.%s", request->resource, request->group) : request->resource;
}

static const char *text_of(const struct view *view, const struct formula *atom) {
    const struct request *request = view->request;
    switch (atom->kind) {
    case FORMULA_LABEL: return text_at(value_dig(state_of(view, atom), "metadata", "labels", atom->key, NULL));
    case FORMULA_ANNOTATION:
        return text_at(value_dig(state_of(view, atom), "metadata", "annotations", atom->key, NULL));
    case FORMULA_NAME: return or_absent(text_at(value_dig(state_of(view, atom), "metadata", "name", NULL)));
    case FORMULA_NAMESPACE: return or_absent(namespace_of(request));
    case FORMULA_NAMESPACE_LABEL:
        return text_at(value_dig(request->namespace_object, "metadata", "labels", atom->key, NULL));
    case FORMULA_USER: return or_absent(request->user);
    case FORMULA_UID: return or_absent(request->uid);
    case FORMULA_TEXT: return atom->values[0]->as.string;
    default: return NULL;
    }
}

// What the operands read, one behind the other; NULL where one of them is absent or empty.
static const char *joined(const struct view *view, const struct formula *join) {
    static const char system[] = "system:";
    struct text text;
    text_init(&text, view->arena);
    for (size_t i = 0; i < join->operand_count; i++) {
        const char *part = text_of(view, join->operands[i]);
        if (!part || !*part) return NULL;
        text_add_string(&text, part);
    }
    const char *name = text_string(&text);
    return join->not_system && strncmp(name, system, sizeof system - 1) == 0 ? NULL : name;
}

static struct side other_side(const struct view *view, const struct formula *reading) {
    if (reading->kind == FORMULA_JOIN) return (struct side){.text = joined(view, reading)};
    if (reading->kind != FORMULA_FIELD) return (struct side){.text = text_of(view, reading)};
    const struct value *at = root_of(view, reading);
    for (size_t i = 0; at && i < reading->path.count; i++) at = value_get(at, reading->path.segments[i].key);
    if (reading->is_text) return (struct side){.text = text_at(at)};
    return (struct side){.value = at};
}

// Whether some key of the labels or annotations matches.
static bool has_key_like(const struct view *view, const struct formula *expr) {
    const char *field = expr->kind == FORMULA_LABEL_KEY ? "labels" : "annotations";
    const struct value *map = value_dig(state_of(view, expr), "metadata", field, NULL);
    for (size_t i = 0; map && map->kind == VALUE_MAP && i < map->count; i++) {
        const char *key = map->as.entries[i].key;
        bool left_out = false;
        for (size_t j = 0; j < kube_node_label_count && expr->not_of_node; j++)
            left_out |= strcmp(kube_node_labels[j], key) == 0;
        if (!left_out && decide_test_text(view, expr, key)) return true;
    }
    return false;
}

static bool has_group(const struct view *view, const struct formula *expr) {
    for (size_t i = 0; i < view->request->group_count; i++)
        if (decide_test_text(view, expr, view->request->groups[i])) return true;
    return false;
}

bool decide_in_group(const struct request *request, const char *group) {
    for (size_t i = 0; i < request->group_count; i++)
        if (strcmp(request->groups[i], group) == 0) return true;
    return false;
}

// system:masters passes every authorizer check.
static bool may(const struct request *request, const char *verb) {
    if (decide_in_group(request, "system:masters")) return true;
    for (size_t i = 0; i < request->grant_count; i++)
        if (strcmp(request->grants[i], verb) == 0) return true;
    return false;
}

static bool is_of_tenant(const struct view *view, const char *annotation) {
    const struct request *request = view->request;
    const char *lines = text_at(value_dig(request->namespace_object, "metadata", "annotations", annotation, NULL));
    if (!lines) return false;
    bool is_of = request->user && tenant_names(lines, false, request->user);
    for (size_t i = 0; i < request->group_count && !is_of; i++) is_of = tenant_names(lines, true, request->groups[i]);
    return is_of;
}

static bool has_extra(const struct view *view, const struct formula *expr) {
    const struct value *values = value_get(view->request->extra, expr->key);
    for (size_t i = 0; values && values->kind == VALUE_LIST && i < values->count; i++)
        if (values->as.items[i]->kind == VALUE_STRING && decide_test_text(view, expr, values->as.items[i]->as.string))
            return true;
    return false;
}

// An API server takes the name of a Namespace, in the path of the request, for the namespace as well.
static const char *path_namespace(const struct request *request) {
    if (strcmp(request->resource, "namespaces") != 0 || *request->group) return request->namespace;
    return request->collection ? "" : request->name;
}

struct value *decide_request_value(struct arena *arena, const struct request *request) {
    struct value *result = value_map(arena), *kind = value_map(arena), *resource = value_map(arena),
                 *user = value_map(arena);
    value_set_string(arena, kind, "group", request->group);
    value_set_string(arena, kind, "version", request->version);
    value_set_string(arena, kind, "kind", request->kind);
    value_set_string(arena, resource, "group", request->group);
    value_set_string(arena, resource, "version", request->version);
    value_set_string(arena, resource, "resource", request->resource);
    value_set(arena, result, "kind", kind);
    value_set(arena, result, "resource", resource);
    if (*request->subresource) value_set_string(arena, result, "subResource", request->subresource);
    value_set(arena, result, "requestKind", kind);
    value_set(arena, result, "requestResource", resource);
    if (*request->subresource) value_set_string(arena, result, "requestSubResource", request->subresource);
    if (*request->name && !request->collection) value_set_string(arena, result, "name", request->name);
    const char *namespace = path_namespace(request);
    if (*namespace) value_set_string(arena, result, "namespace", namespace);
    value_set_string(arena, result, "operation", kube_operation_name(request->operation));
    if (*request->user) value_set_string(arena, user, "username", request->user);
    if (*request->uid) value_set_string(arena, user, "uid", request->uid);
    struct value *groups = value_list(arena);
    for (size_t i = 0; i < request->group_count; i++)
        value_append(arena, groups, value_string(arena, request->groups[i]));
    if (groups->count) value_set(arena, user, "groups", groups);
    if (request->extra && request->extra->count) value_set(arena, user, "extra", value_copy(arena, request->extra));
    value_set(arena, result, "userInfo", user);
    value_set(arena, result, "dryRun", value_bool(arena, false));
    return result;
}

static enum truth evaluate_cel(const struct view *view, const struct formula *expr) {
    const struct cel_env env = {
        .object = view->request->object,
        .old_object = view->request->old_object,
        .request = decide_request_value(view->arena, view->request),
        .namespace_object = view->request->namespace_object,
    };
    const char *error = NULL;
    if (!expr->cel) return FAILED;
    switch (cel_evaluate(expr->cel, &env, view->arena, &error)) {
    case CEL_FALSE: return NO;
    case CEL_TRUE: return YES;
    case CEL_ERROR: break;
    }
    return FAILED;
}

// ---- formulas ----

static enum truth quantify(const struct view *view, const struct formula *expr) {
    const struct value *at = root_of(view, expr);
    for (size_t i = 0; at && i < expr->path.count; i++) at = value_get(at, expr->path.segments[i].key);
    enum truth result = truth_of(expr->kind == FORMULA_ALL);
    if (!at || at->kind != VALUE_LIST) return result;
    for (size_t i = 0; i < at->count; i++) {
        const struct binding binding = {at->as.items[i], view->binding, view->binding ? view->binding->index + 1 : 0};
        struct view inner = *view;
        inner.binding = &binding;
        const enum truth one = decide_evaluate(&inner, expr->operands[0]);
        result = expr->kind == FORMULA_ALL ? truth_and(result, one) : truth_or(result, one);
    }
    return result;
}

enum truth decide_evaluate(const struct view *view, const struct formula *expr) {
    const struct request *request = view->request;
    enum truth result = NO;
    switch (expr->kind) {
    case FORMULA_TRUE: return YES;
    case FORMULA_FALSE: return NO;
    case FORMULA_AND:
        result = YES;
        for (size_t i = 0; i < expr->operand_count; i++)
            result = truth_and(result, decide_evaluate(view, expr->operands[i]));
        return result;
    case FORMULA_OR:
        for (size_t i = 0; i < expr->operand_count; i++)
            result = truth_or(result, decide_evaluate(view, expr->operands[i]));
        return result;
    case FORMULA_NOT: return truth_not(decide_evaluate(view, expr->operands[0]));
    case FORMULA_LABEL:
    case FORMULA_ANNOTATION:
    case FORMULA_NAME:
    case FORMULA_NAMESPACE:
    case FORMULA_NAMESPACE_LABEL:
    case FORMULA_USER:
    case FORMULA_UID: return truth_of(decide_test_text(view, expr, text_of(view, expr)));
    case FORMULA_LABEL_KEY:
    case FORMULA_ANNOTATION_KEY: return truth_of(has_key_like(view, expr));
    case FORMULA_FIELD: return truth_of(test_path(view, expr, root_of(view, expr), 0));
    case FORMULA_GROUP: return truth_of(has_group(view, expr));
    case FORMULA_MAY: return truth_of(may(request, expr->key));
    case FORMULA_TENANT: return truth_of(is_of_tenant(view, expr->key));
    case FORMULA_EXTRA: return truth_of(has_extra(view, expr));
    case FORMULA_RESOURCE: return truth_of(decide_test_text(view, expr, resource_name(view->arena, request)));
    case FORMULA_OPERATION: return truth_of((expr->operations & request->operation) != 0);
    case FORMULA_ANY:
    case FORMULA_ALL: return quantify(view, expr);
    case FORMULA_CEL: return evaluate_cel(view, expr);
    case FORMULA_SOURCE_SELECTS:
        return truth_of(decide_source_selects(view->arena, view->source, state_of(view, expr)));
    case FORMULA_IS_SOURCE: return truth_of(decide_is_source(view->arena, state_of(view, expr)));
    case FORMULA_TEXT:
    case FORMULA_JOIN: break; // stand on the other side alone
    }
    return NO;
}

enum truth decide_holds(const struct view *view, const struct formula *formula, const struct value *self) {
    struct view shifted = *view;
    shifted.self = self;
    return decide_evaluate(&shifted, formula);
}
