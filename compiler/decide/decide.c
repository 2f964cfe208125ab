// The formula of what a lock refuses, evaluated; see decide.h.
#include "decide/decide.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/text.h"
#include "cel/cel.h"
#include "data/quantity.h"
#include "data/regex.h"
#include "data/value.h"
#include "kubernetes/catalog.h"

// Only CEL can fail, and failure is absorbed as CEL absorbs it: no beside a failure is no, yes or a failure is yes.
enum truth { NO, YES, FAILED };

static enum truth truth_of(bool holds) {
    return holds ? YES : NO;
}

static enum truth both(enum truth a, enum truth b) {
    return a == NO || b == NO ? NO : a == FAILED || b == FAILED ? FAILED : YES;
}

static enum truth either(enum truth a, enum truth b) {
    return a == YES || b == YES ? YES : a == FAILED || b == FAILED ? FAILED : NO;
}

static enum truth negate(enum truth a) {
    return a == FAILED ? FAILED : truth_of(a == NO);
}

// A variable bound by any / all.
struct binding {
    const struct value *value;
    const struct binding *outer;
    int index;
};

struct view {
    struct arena *arena;
    const struct request *request;
    const struct value *self, *stored; // `self` is what STATE_SELF reads; `stored` what decides membership
    const struct binding *binding;
    bool exempt; // what controllers write is read as it is stored
};

// ---- atoms ----

static bool is_short_integer(const char *text) {
    text += *text == '-';
    const size_t digits = strspn(text, "0123456789");
    return digits >= 1 && digits <= 18 && !text[digits];
}

static bool holds_order(enum comparison compare, int order) {
    switch (compare) {
    case CMP_LT: return order < 0;
    case CMP_LE: return order <= 0;
    case CMP_GT: return order > 0;
    case CMP_GE: return order >= 0;
    case CMP_EQ: return order == 0;
    case CMP_EXISTS:
    case CMP_IN:
    case CMP_MATCHES:
    case CMP_CONTAINS: break;
    }
    return false;
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

static bool has_element(const struct value *list, const struct value *item) {
    for (size_t i = 0; list->kind == VALUE_LIST && i < list->count; i++)
        if (value_equal(list->as.items[i], item)) return true;
    return false;
}

static bool compare_value(const struct view *view, const struct formula *expr, const struct value *value) {
    const struct side other = other_side(view, expr->operands[0]);
    if (!other.text && !other.value) return false;
    if (expr->compare == CMP_CONTAINS)
        return has_element(value, other.text ? value_string(view->arena, other.text) : other.value);
    if (expr->compare != CMP_EQ)
        return test_quantity(expr->compare, measure(view->arena, value),
                             other.text ? other.text : measure(view->arena, other.value));
    return other.text ? is_written(view->arena, value, other.text) : value_equal(value, other.value);
}

static bool test_text(const struct view *view, const struct formula *expr, const char *text) {
    if (!text) return false;
    if (expr->operand_count) return compare_text(view, expr, text);
    if (expr->quantity) return test_quantity(expr->compare, text, expr->values[0]->as.string);
    switch (expr->compare) {
    case CMP_EXISTS: return true;
    case CMP_EQ: break; // is of the two above
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
    case CMP_CONTAINS: return strstr(text, expr->values[0]->as.string) != NULL;
    }
    return false;
}

static bool test_value(const struct view *view, const struct formula *expr, const struct value *value) {
    const struct value *other = expr->value_count ? expr->values[0] : NULL;
    if (expr->is_text) return test_text(view, expr, value->kind == VALUE_STRING ? value->as.string : NULL);
    if (expr->operand_count) return compare_value(view, expr, value);
    if (expr->quantity) return test_quantity(expr->compare, measure(view->arena, value), other->as.string);
    switch (expr->compare) {
    case CMP_EXISTS: return true;
    case CMP_EQ: break; // is of the two above
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
    case CMP_CONTAINS:
        if (value->kind == VALUE_STRING && other->kind == VALUE_STRING)
            return strstr(value->as.string, other->as.string) != NULL;
        return has_element(value, other);
    }
    return false;
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

// Of what is selected by fields controllers move most; pods are what they are made as.
static bool is_controllers(const struct request *request, const struct formula *expr) {
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
    case FORMULA_ANNOTATION_KEY: return true;
    default: return false;
    }
}

static const struct value *state_of(const struct view *view, const struct formula *expr) {
    switch (expr->state) {
    case STATE_SELF:
        return expr->reads_stored || (view->exempt && is_controllers(view->request, expr)) ? view->stored : view->self;
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
    default: return NULL;
    }
}

static struct side other_side(const struct view *view, const struct formula *reading) {
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
        if (!left_out && test_text(view, expr, key)) return true;
    }
    return false;
}

static bool in_group(const struct request *request, const char *group) {
    for (size_t i = 0; i < request->group_count; i++)
        if (strcmp(request->groups[i], group) == 0) return true;
    return false;
}

// system:masters passes every authorizer check.
static bool may(const struct request *request, const char *verb) {
    if (in_group(request, "system:masters")) return true;
    for (size_t i = 0; i < request->grant_count; i++)
        if (strcmp(request->grants[i], verb) == 0) return true;
    return false;
}

static bool has_extra(const struct request *request, const char *key, const char *wanted) {
    const struct value *values = value_get(request->extra, key);
    for (size_t i = 0; values && values->kind == VALUE_LIST && i < values->count; i++)
        if (values->as.items[i]->kind == VALUE_STRING && strcmp(values->as.items[i]->as.string, wanted) == 0)
            return true;
    return false;
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
    if (*request->namespace) value_set_string(arena, result, "namespace", request->namespace);
    const char *operation = request->operation == OP_CREATE   ? "CREATE"
                            : request->operation == OP_UPDATE ? "UPDATE"
                            : request->operation == OP_DELETE ? "DELETE"
                                                              : "CONNECT";
    value_set_string(arena, result, "operation", operation);
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
    case CEL_ERROR: return FAILED;
    }
    return FAILED;
}

// ---- formulas ----

static enum truth evaluate(const struct view *view, const struct formula *expr);

static enum truth quantify(const struct view *view, const struct formula *expr) {
    const struct value *at = root_of(view, expr);
    for (size_t i = 0; at && i < expr->path.count; i++) at = value_get(at, expr->path.segments[i].key);
    enum truth result = truth_of(expr->kind == FORMULA_ALL);
    if (!at || at->kind != VALUE_LIST) return result;
    for (size_t i = 0; i < at->count; i++) {
        const struct binding binding = {at->as.items[i], view->binding, view->binding ? view->binding->index + 1 : 0};
        struct view inner = *view;
        inner.binding = &binding;
        const enum truth one = evaluate(&inner, expr->operands[0]);
        result = expr->kind == FORMULA_ALL ? both(result, one) : either(result, one);
    }
    return result;
}

static enum truth evaluate(const struct view *view, const struct formula *expr) {
    const struct request *request = view->request;
    enum truth result = NO;
    switch (expr->kind) {
    case FORMULA_TRUE: return YES;
    case FORMULA_FALSE: return NO;
    case FORMULA_AND:
        result = YES;
        for (size_t i = 0; i < expr->operand_count; i++) result = both(result, evaluate(view, expr->operands[i]));
        return result;
    case FORMULA_OR:
        for (size_t i = 0; i < expr->operand_count; i++) result = either(result, evaluate(view, expr->operands[i]));
        return result;
    case FORMULA_NOT: return negate(evaluate(view, expr->operands[0]));
    case FORMULA_LABEL:
    case FORMULA_ANNOTATION:
    case FORMULA_NAME:
    case FORMULA_NAMESPACE:
    case FORMULA_NAMESPACE_LABEL:
    case FORMULA_USER:
    case FORMULA_UID: return truth_of(test_text(view, expr, text_of(view, expr)));
    case FORMULA_LABEL_KEY:
    case FORMULA_ANNOTATION_KEY: return truth_of(has_key_like(view, expr));
    case FORMULA_FIELD: return truth_of(test_path(view, expr, root_of(view, expr), 0));
    case FORMULA_GROUP: return truth_of(in_group(request, expr->values[0]->as.string));
    case FORMULA_MAY: return truth_of(may(request, expr->key));
    case FORMULA_EXTRA: return truth_of(has_extra(request, expr->key, expr->values[0]->as.string));
    case FORMULA_RESOURCE: return truth_of(test_text(view, expr, resource_name(view->arena, request)));
    case FORMULA_OPERATION: return truth_of((expr->operations & request->operation) != 0);
    case FORMULA_ANY:
    case FORMULA_ALL: return quantify(view, expr);
    case FORMULA_CEL: return evaluate_cel(view, expr);
    }
    return NO;
}

// The formula with `self` as the state it reads.
static enum truth holds(const struct view *view, const struct formula *formula, const struct value *self) {
    struct view shifted = *view;
    shifted.self = self;
    return evaluate(&shifted, formula);
}

// ---- scope ----

// The API server has events in two groups, which are one for it.
static bool is_same_group(const struct target *target, const struct request *request) {
    static const char groups[] = "events.k8s.io";
    if (!target->group || strcmp(target->group, request->group) == 0) return true;
    return target->name && strcmp(target->name, "events") == 0 &&
           ((!*target->group && strcmp(request->group, groups) == 0) ||
            (!*request->group && strcmp(target->group, groups) == 0));
}

static bool matches_target(const struct target *target, const struct request *request) {
    return is_same_group(target, request) && (!target->name || strcmp(target->name, request->resource) == 0);
}

static bool is_never_locked(const struct request *request) {
    for (size_t i = 0; i < kube_never_locked_count; i++)
        if (strcmp(kube_never_locked[i].group, request->group) == 0 &&
            strcmp(kube_never_locked[i].name, request->resource) == 0)
            return true;
    return false;
}

static bool in_resources(const struct object_scope *scope, const struct request *request) {
    for (size_t i = 0; i < scope->except_count; i++)
        if (matches_target(&scope->excepts[i], request)) return false;
    for (size_t i = 0; i < scope->target_count; i++)
        if (matches_target(&scope->targets[i], request) && (scope->targets[i].name || !is_never_locked(request)))
            return true;
    return false;
}

static bool has_name(const char **names, size_t count, const char *name) {
    for (size_t i = 0; i < count; i++)
        if (strcmp(names[i], name) == 0) return true;
    return false;
}

static enum truth in_namespaces(const struct view *view, const struct object_scope *scope) {
    const struct request *request = view->request;
    if (scope->where == IN_CLUSTER) return truth_of(!request->namespaced);
    if (!request->namespaced) return NO;
    const bool named = has_name(scope->namespaces, scope->namespace_count, request->namespace);
    if (scope->where == IN_NAMESPACES) return truth_of(named);
    if (scope->where == IN_LABELED_NAMESPACES) return evaluate(view, scope->namespace_selector);
    for (size_t i = 0; i < kube_system_namespace_count; i++)
        if (strcmp(kube_system_namespaces[i], request->namespace) == 0) return truth_of(named);
    return YES;
}

// ---- what changes ----

static const struct value *metadata_field(const struct value *object, const char *key) {
    const struct value *field = value_dig(object, "metadata", key, NULL);
    return field && field->kind != VALUE_NULL &&
                   !((field->kind == VALUE_MAP || field->kind == VALUE_LIST) && !field->count)
               ? field
               : NULL;
}

static bool same(const struct value *a, const struct value *b) {
    return a && b ? value_equal(a, b) : a == b;
}

// The paths that `except changing` leaves aside, below the point that was reached: those whose first `depth` keys led
// here.
struct aside {
    const struct field_path *paths;
    size_t count, depth;
    const bool *here; // which of them lead here
};

static bool leads_to(const struct segment *segment, const char *key, struct arena *arena) {
    return segment->regex ? regex_match(segment->regex, key, strlen(key), arena) : strcmp(segment->key, key) == 0;
}

static bool differs(struct arena *arena, const struct value *old, const struct value *new, const struct aside *aside);

// Whether the key differs, leaving aside what is below the excepted paths.
static bool key_differs(struct arena *arena, const char *key, const struct value *old, const struct value *new,
                        const struct aside *aside) {
    bool *here = ARENA_ARRAY(arena, bool, aside->count), any = false;
    for (size_t i = 0; i < aside->count; i++) {
        here[i] = aside->here[i] && leads_to(&aside->paths[i].segments[aside->depth], key, arena);
        if (here[i] && aside->paths[i].count == aside->depth + 1) return false;
        any |= here[i];
    }
    if (!any) return !same(old, new);
    const struct aside below = {aside->paths, aside->count, aside->depth + 1, here};
    return differs(arena, old, new, &below);
}

// A missing map, or what is no map, counts as empty where something below it is excepted: otherwise adding the excepted
// field to an object that had no such map would be a change of something else.
static bool differs(struct arena *arena, const struct value *old, const struct value *new, const struct aside *aside) {
    const bool maps = (!old || old->kind == VALUE_MAP) && (!new || new->kind == VALUE_MAP);
    if (!maps) return !same(old, new);
    for (size_t i = 0; old && i < old->count; i++) {
        const char *key = old->as.entries[i].key;
        if (key_differs(arena, key, old->as.entries[i].value, value_get(new, key), aside)) return true;
    }
    for (size_t i = 0; new &&i < new->count; i++) {
        const char *key = new->as.entries[i].key;
        if (!value_get(old, key) && key_differs(arena, key, NULL, new->as.entries[i].value, aside)) return true;
    }
    return false;
}

static const char *const metadata_fields[] = {"labels", "annotations", "ownerReferences", "finalizers"};
enum { CONTENT = 2, ALL_BUT_FINALIZERS, ALL_FIELDS }; // how many of them

// An object with only those parts of its metadata that are anybody's to change, or the first of them.
static struct value *changeable(struct arena *arena, const struct value *object, size_t fields) {
    struct value *result = value_map(arena), *metadata = value_map(arena);
    for (size_t i = 0; object && i < object->count; i++) {
        const struct value_entry *entry = &object->as.entries[i];
        if (strcmp(entry->key, "metadata") != 0) value_set(arena, result, entry->key, entry->value);
    }
    for (size_t i = 0; i < fields; i++) {
        const struct value *field = metadata_field(object, metadata_fields[i]);
        if (field) value_set(arena, metadata, metadata_fields[i], value_copy(arena, field));
    }
    value_set(arena, result, "metadata", metadata);
    return result;
}

// What a path leads to; behind [*] the list of what each element has there. NULL when there is nothing.
static const struct value *project(struct arena *arena, const struct value *at, const struct field_path *path,
                                   size_t segment) {
    if (!at || segment == path->count) return at;
    const char *key = path->segments[segment].key;
    if (path->segments[segment].regex) {
        // Keys by a pattern are the last of their path: what is left of the map.
        struct value *some = value_map(arena);
        for (size_t i = 0; at->kind == VALUE_MAP && i < at->count; i++)
            if (leads_to(&path->segments[segment], at->as.entries[i].key, arena))
                value_set(arena, some, at->as.entries[i].key, value_copy(arena, at->as.entries[i].value));
        return some->count ? some : NULL;
    }
    if (key) return project(arena, value_get(at, key), path, segment + 1);
    if (at->kind != VALUE_LIST) return NULL;
    struct value *all = value_list(arena);
    for (size_t i = 0; i < at->count; i++) {
        const struct value *one = project(arena, at->as.items[i], path, segment + 1);
        if (one) value_append(arena, all, value_copy(arena, one));
    }
    return all;
}

static bool is_metadata(const struct field_path *path) {
    return path->count > 1 && path->segments[0].key && strcmp(path->segments[0].key, "metadata") == 0;
}

static bool is_empty_list(const struct value *value) {
    return value && value->kind == VALUE_LIST && !value->count;
}

// The new state where only the metadata of it counts.
static struct value *with_metadata_of(struct arena *arena, const struct value *object, const struct value *other) {
    struct value *result = value_copy(arena, object);
    const struct value *metadata = value_get(other, "metadata");
    value_set(arena, result, "metadata", metadata ? value_copy(arena, metadata) : value_map(arena));
    return result;
}

// ---- what a requirement reads ----

static bool is_changeable_metadata(const struct field_path *path) {
    bool changeable = false;
    for (size_t i = 0; is_metadata(path) && i < ALL_FIELDS && path->segments[1].key; i++)
        changeable |= strcmp(path->segments[1].key, metadata_fields[i]) == 0;
    return changeable;
}

// The value that a path of the formula leads to. Lists and maps of metadata that are empty are not there.
static const struct value *read_path(struct arena *arena, const struct value *root, const struct field_path *path) {
    const bool metadata = path->variable < 0 && is_changeable_metadata(path);
    const struct value *value = project(arena, metadata ? changeable(arena, root, ALL_FIELDS) : root, path, 0);
    return metadata && is_empty_list(value) ? NULL : value;
}

static size_t length(const struct value *list) {
    return list && list->kind == VALUE_LIST ? list->count : 0;
}

// Whether a key that the atom is about is in the first map alone.
static bool has_other_key(const struct view *view, const struct formula *atom, const struct value *map,
                          const struct value *other) {
    for (size_t i = 0; map && map->kind == VALUE_MAP && i < map->count; i++) {
        const char *key = map->as.entries[i].key;
        if (test_text(view, atom, key) && !value_get(other, key)) return true;
    }
    return false;
}

// Whether something that the formula reads below the object (-1), or below the variable of that index, differs between
// two states. `depth` is the index of the next variable.
static bool reads_differ(const struct view *view, const struct formula *expr, int root, int depth,
                         const struct value *old, const struct value *new) {
    struct arena *arena = view->arena;
    const bool quantifier = expr->kind == FORMULA_ANY || expr->kind == FORMULA_ALL;
    if ((expr->kind == FORMULA_LABEL || expr->kind == FORMULA_ANNOTATION) && root < 0) {
        const char *field = expr->kind == FORMULA_LABEL ? "labels" : "annotations";
        if (!same(value_dig(old, "metadata", field, expr->key, NULL),
                  value_dig(new, "metadata", field, expr->key, NULL)))
            return true;
    }
    if ((expr->kind == FORMULA_LABEL_KEY || expr->kind == FORMULA_ANNOTATION_KEY) && root < 0) {
        const char *field = expr->kind == FORMULA_LABEL_KEY ? "labels" : "annotations";
        const struct value *before = metadata_field(old, field), *after = metadata_field(new, field);
        if (has_other_key(view, expr, before, after) || has_other_key(view, expr, after, before)) return true;
    }
    if (expr->kind == FORMULA_FIELD && expr->path.variable == root &&
        !same(read_path(arena, old, &expr->path), read_path(arena, new, &expr->path)))
        return true;
    if (quantifier && expr->path.variable == root) {
        const struct value *before = project(arena, old, &expr->path, 0), *after = project(arena, new, &expr->path, 0);
        if (length(before) != length(after)) return true;
        for (size_t i = 0; i < length(before); i++)
            if (reads_differ(view, expr->operands[0], depth, depth + 1, before->as.items[i], after->as.items[i]))
                return true;
    }
    for (size_t i = 0; i < expr->operand_count; i++)
        if (reads_differ(view, expr->operands[i], root, depth + quantifier, old, new)) return true;
    return false;
}

static bool changes(const struct view *view, const struct lock *lock, bool metadata_only) {
    const struct request *request = view->request;
    struct arena *arena = view->arena;
    const struct value *old = changeable(arena, request->old_object, ALL_FIELDS),
                       *new = changeable(arena, request->object, ALL_FIELDS);
    if (metadata_only) new = with_metadata_of(arena, old, new);
    if (!lock->path_count) return !value_equal(old, new);
    if (lock->all_but_paths) {
        bool *here = ARENA_ARRAY(arena, bool, lock->path_count);
        for (size_t i = 0; i < lock->path_count; i++) here[i] = true;
        const struct aside all = {lock->paths, lock->path_count, 0, here};
        return differs(arena, old, new, &all);
    }
    for (size_t i = 0; i < lock->path_count; i++) {
        const struct value *before = project(arena, old, &lock->paths[i], 0),
                           *after = project(arena, new, &lock->paths[i], 0);
        // Lists of metadata that are empty are not there.
        if (is_metadata(&lock->paths[i]) && is_empty_list(before)) before = NULL;
        if (is_metadata(&lock->paths[i]) && is_empty_list(after)) after = NULL;
        if (!same(before, after)) return true;
    }
    return false;
}

// ---- exemptions ----

static bool list_has(const struct value *list, const struct value *item) {
    for (size_t i = 0; list && list->kind == VALUE_LIST && i < list->count; i++)
        if (value_equal(list->as.items[i], item)) return true;
    return false;
}

static bool keeps(const struct view *view, size_t fields) {
    return value_equal(changeable(view->arena, view->request->old_object, fields),
                       changeable(view->arena, view->request->object, fields));
}

static bool only_removes_finalizers(const struct view *view) {
    const struct value *old = view->request->old_object, *new = view->request->object;
    if (!keeps(view, ALL_BUT_FINALIZERS)) return false;
    const struct value *kept = metadata_field(new, "finalizers");
    for (size_t i = 0; kept && kept->kind == VALUE_LIST && i < kept->count; i++)
        if (!list_has(metadata_field(old, "finalizers"), kept->as.items[i])) return false;
    return true;
}

static bool covers_subresource(const char *subresources, const char *subresource) {
    if (strcmp(subresources, "*") == 0) return true;
    if (!*subresource) return !*subresources || *subresources == ' ';
    return text_has_word(subresources, subresource);
}

static bool is_identity(const struct kube_exemption *exemption, const struct request *request) {
    const size_t len = strlen(exemption->user);
    if (exemption->group && !in_group(request, exemption->group)) return false;
    if (exemption->user[len - 1] == ':') return strncmp(request->user, exemption->user, len) == 0;
    return strcmp(request->user, exemption->user) == 0 ||
           (kube_exemption_is_shared(exemption) && strcmp(request->user, KUBE_CONTROLLER_MANAGER) == 0);
}

static bool is_work(const struct kube_exemption *exemption, const struct request *request) {
    if (exemption->namespace && strcmp(exemption->namespace, request->namespace) != 0) return false;
    if (!covers_subresource(exemption->subresources, request->subresource)) return false;
    return !exemption->resource || (strcmp(exemption->resource, request->resource) == 0 &&
                                    strcmp(exemption->resource_group, request->group) == 0);
}

static enum cover cover_of(const struct lock *lock, const struct request *request) {
    const struct kube_act *act = kube_act_of(request->subresource);
    if (!act) return COVER_BY_PARAMS;
    const enum cover cover = lock->covers[act->shape];
    // What a wildcard takes in cannot be looked up, but for pods that are evicted.
    if (cover != COVER_BY_PARAMS || act->shape == SHAPE_EVICTIONS) return cover;
    for (size_t i = 0; i < lock->scope.target_count; i++)
        if (lock->scope.targets[i].name && matches_target(&lock->scope.targets[i], request)) return COVER_BY_PARAMS;
    return COVER_NONE;
}

// By name alone nobody can tell that the object is being deleted already.
static bool is_known_terminating(const struct request *request, const struct lock *lock) {
    return cover_of(lock, request) == COVER_BY_PARAMS &&
           value_dig(request->old_object, "metadata", "deletionTimestamp", NULL);
}

// Kinds of other groups may have the same names.
static bool is_workload(const struct value *owner) {
    const char *version = value_get_string(owner, "apiVersion"), *kind = value_get_string(owner, "kind");
    for (size_t i = 0; version && kind && i < kube_workload_count; i++)
        if (strcmp(kube_workloads[i].api_version, version) == 0 && strcmp(kube_workloads[i].kind, kind) == 0)
            return true;
    return false;
}

static bool is_claim(const struct request *request) {
    return !*request->group && strcmp(request->resource, "persistentvolumeclaims") == 0;
}

// Whether a workload made the object and looks after it. A claim that is there can be given to one.
static bool is_controlled(const struct request *request) {
    const struct value *owners = metadata_field(request->old_object, "ownerReferences");
    if (is_claim(request)) return false;
    for (size_t i = 0; owners && owners->kind == VALUE_LIST && i < owners->count; i++) {
        const struct value *owner = owners->as.items[i], *controller = value_get(owner, "controller");
        if (controller && controller->kind == VALUE_BOOL && controller->as.boolean && is_workload(owner)) return true;
    }
    return false;
}

static bool owns(const struct value *object, const struct value *uid) {
    const struct value *owners = metadata_field(object, "ownerReferences");
    for (size_t i = 0; owners && owners->kind == VALUE_LIST && i < owners->count; i++) {
        const struct value *own = value_get(owners->as.items[i], "uid");
        if (own && value_equal(own, uid)) return true;
    }
    return false;
}

// Whether an object that is there gets another owner. Claims get theirs from the controller of stateful sets.
static bool is_adopted(const struct request *request) {
    const struct value *owners = metadata_field(request->object, "ownerReferences");
    if (request->operation != OP_UPDATE || is_claim(request)) return false;
    for (size_t i = 0; owners && owners->kind == VALUE_LIST && i < owners->count; i++) {
        const struct value *uid = value_get(owners->as.items[i], "uid");
        if (uid && !owns(request->old_object, uid)) return true;
    }
    return false;
}

// What the identity may do under this lock. Where owners are guarded, an object outlives its owner, unless that is a
// workload: then the guard keeps the workload, or the lock lets its controller delete the object as it is.
static unsigned exempt_operations(const struct kube_exemption *exemption, const struct request *request,
                                  const struct lock *lock) {
    const bool collector = strcmp(exemption->user, KUBE_GARBAGE_COLLECTOR) == 0;
    if (!collector || !lock->guard_owners) return exemption->operations;
    const bool known = cover_of(lock, request) == COVER_BY_PARAMS;
    if (lock->exemption == EXEMPT_CONTROLLERS && known && is_controlled(request)) return exemption->operations;
    return exemption->operations & ~(unsigned)OP_DELETE;
}

static bool is_exempt(const struct view *view, const struct lock *lock, enum exemption level) {
    const struct request *request = view->request;
    // Nor do controllers take objects in, which they could then delete.
    if (level == EXEMPT_CONTROLLERS && lock->guard_owners && is_adopted(request)) level = EXEMPT_LIFECYCLE;
    if (level != EXEMPT_NONE && is_known_terminating(request, lock)) {
        if (request->operation == OP_DELETE) return true;
        if (request->operation == OP_UPDATE && only_removes_finalizers(view)) return true;
    }
    const bool is_namespace = !*request->group && strcmp(request->resource, "namespaces") == 0;
    const bool namespace_terminating = value_dig(is_namespace ? request->old_object : request->namespace_object,
                                                 "metadata", "deletionTimestamp", NULL) != NULL;
    // Rights are to make an eviction, not to delete the pod.
    const struct kube_act *act = kube_act_of(request->subresource);
    const unsigned operation = act ? act->operation : request->operation;
    for (size_t i = 0; i < kube_exemption_count; i++) {
        const struct kube_exemption *exemption = &kube_exemptions[i];
        if (exemption->level <= level && (exempt_operations(exemption, request, lock) & operation) &&
            is_identity(exemption, request) && is_work(exemption, request) &&
            (exemption->limit != ONLY_TERMINATING || namespace_terminating) &&
            (exemption->limit != ONLY_OWNERSHIP || request->operation != OP_UPDATE || keeps(view, CONTENT)))
            return true;
    }
    return false;
}

// ---- the decision ----

static enum truth is_one_of(const struct view *view, const struct subjects *subjects) {
    const struct request *request = view->request;
    if (*request->user && has_name(subjects->users, subjects->user_count, request->user)) return YES;
    for (size_t i = 0; i < subjects->group_count; i++)
        if (in_group(request, subjects->groups[i])) return YES;
    enum truth result = NO;
    for (size_t i = 0; i < subjects->other_count; i++) result = either(result, evaluate(view, subjects->others[i]));
    return result;
}

// What of the lock holds for the requester, as far as exemptions go.
struct holding {
    bool denies, requires; // controllers are let past what is denied, not past what is required of what they make
    bool of_controller;    // of what they write, only what they change of it counts
};

static struct holding holding_for(const struct view *view, const struct lock *lock) {
    const bool exempt = is_exempt(view, lock, lock->exemption);
    const bool lifecycle = lock->exemption == EXEMPT_CONTROLLERS ? is_exempt(view, lock, EXEMPT_LIFECYCLE) : exempt;
    return (struct holding){
        .denies = !exempt,
        .requires = lock->ratchets ? !lifecycle : !exempt,
        .of_controller = exempt && !lifecycle,
    };
}

// Whether the request breaks what the lock requires. What is broken already may stay so, and what is being deleted
// needs to be nothing any more.
static enum truth breaks(const struct view *view, const struct lock *lock, const struct holding *holding) {
    const struct request *request = view->request;
    if (!lock->requires || !holding->requires || !request->object) return NO;
    if (!lock->ratchets || request->operation != OP_UPDATE) return negate(holds(view, lock->requires, request->object));
    if (is_known_terminating(request, lock)) return NO;
    enum truth result = NO;
    for (size_t i = 0; i < formula_part_count(lock->requires); i++) {
        const struct formula *part = formula_part(lock->requires, i);
        const bool may_stay = formula_ratchets(part) || holding->of_controller;
        if (may_stay && !reads_differ(view, part, -1, 0, request->old_object, request->object)) continue;
        result = either(result, negate(holds(view, part, request->object)));
    }
    return result;
}

// Whether the request is for what the lock is about: the objects, or one subresource that carries them whole.
static bool is_body(const struct lock *lock, const char *subresource) {
    if (lock->scope.subresource) return strcmp(lock->scope.subresource, subresource) == 0;
    return !*subresource || kube_subresource_class(subresource) == SUBRESOURCE_BODY;
}

static bool changes_owners(const struct request *request) {
    return !same(metadata_field(request->old_object, "ownerReferences"),
                 metadata_field(request->object, "ownerReferences"));
}

// Whether the lock would no longer hold the object.
static enum truth leaves(const struct view *view, const struct lock *lock) {
    const struct value *object = view->request->object;
    const enum truth selected = holds(view, lock->selects, object);
    return negate(lock_guards_condition(lock) ? both(selected, holds(view, lock->condition, object)) : selected);
}

// Whether the object has what the path leads to. Lists and maps of metadata that are empty are not there.
static bool has_path(struct arena *arena, const struct value *at, const struct field_path *path, size_t segment) {
    if (!at) return false;
    if (segment == path->count) return true;
    const char *key = path->segments[segment].key;
    if (path->segments[segment].regex) {
        for (size_t i = 0; at->kind == VALUE_MAP && i < at->count; i++) {
            const char *own = at->as.entries[i].key;
            if (regex_match(path->segments[segment].regex, own, strlen(own), arena)) return true;
        }
        return false;
    }
    if (key) return has_path(arena, value_get(at, key), path, segment + 1);
    for (size_t i = 0; at->kind == VALUE_LIST && i < at->count; i++)
        if (has_path(arena, at->as.items[i], path, segment + 1)) return true;
    return false;
}

// A create changes what the new object has. What guards add looks at all that is made.
static bool brings(const struct view *view, const struct lock *lock) {
    const struct value *new = changeable(view->arena, view->request->object, ALL_FIELDS);
    bool any = lock->origin || !lock->path_count || lock->all_but_paths;
    for (size_t i = 0; i < lock->path_count && !any; i++) any = has_path(view->arena, new, &lock->paths[i], 0);
    return any;
}

// Whether the request writes what the lock is about: of a delete all of it.
static bool is_about(const struct view *view, const struct lock *lock) {
    const struct request *request = view->request;
    const bool update = request->operation == OP_UPDATE, act = kube_act_of(request->subresource) != NULL;
    const bool metadata = !act && !is_body(lock, request->subresource);
    if (metadata && !(update && lock_sees_metadata(lock))) return false;
    if (update) return changes(view, lock, metadata);
    return request->operation != OP_CREATE || act || brings(view, lock);
}

static enum truth is_denied(const struct view *view, const struct lock *lock, enum truth stored) {
    const struct request *request = view->request;
    const struct kube_act *act = kube_act_of(request->subresource);
    if (act) return (lock->acts & act->act) && (act->act != ACT_SCALE || is_about(view, lock)) ? stored : NO;
    const bool update = request->operation == OP_UPDATE;
    enum truth result = NO;
    if ((lock->denies & request->operation) && is_about(view, lock)) result = stored;
    if (update && lock->guard_labels) result = either(result, both(stored, leaves(view, lock)));
    if (update && lock->guard_owners && changes_owners(request)) result = either(result, stored);
    if (update && lock->guard_label_in)
        result = either(result, both(negate(stored), holds(view, lock->selects, request->object)));
    return result;
}

static enum truth is_required(const struct view *view, const struct lock *lock, const struct holding *holding,
                              enum truth stored) {
    const struct kube_act *act = kube_act_of(view->request->subresource);
    if ((act && act->act != ACT_SCALE) || !is_about(view, lock)) return NO;
    return both(stored, breaks(view, lock, holding));
}

// Whether the formula reads what controllers do not write themselves. Quoted CEL is not about whose it is.
static bool reads_of_others(const struct request *request, const struct formula *expr) {
    bool reads = false;
    switch (expr->kind) {
    case FORMULA_LABEL:
    case FORMULA_ANNOTATION:
    case FORMULA_FIELD:
    case FORMULA_ANY:
    case FORMULA_ALL:
        reads = !expr->reads_stored && expr->state == STATE_SELF && expr->path.variable < 0 &&
                !is_controllers(request, expr);
        break;
    default: break;
    }
    for (size_t i = 0; i < expr->operand_count && !reads; i++) reads = reads_of_others(request, expr->operands[i]);
    return reads;
}

static enum truth is_triggered(const struct view *view, const struct lock *lock) {
    const struct request *request = view->request;
    const bool act = kube_act_of(request->subresource) != NULL;
    if (*request->subresource && !act && kube_subresource_class(request->subresource) == SUBRESOURCE_OTHER) return NO;
    // Whatever comes of it, the control plane lives.
    if (is_exempt(view, lock, EXEMPT_ALWAYS)) return NO;
    const struct holding holding = holding_for(view, lock);
    const enum truth stored = holds(view, lock->selects, view->stored);
    const enum truth required = holding.requires && lock->requires ? is_required(view, lock, &holding, stored) : NO;
    if (holding.denies) return either(is_denied(view, lock, stored), required);
    // Somebody else may have added to the request of whoever is exempt.
    if (!lock->guard_labels || request->operation != OP_UPDATE || act) return required;
    if (!reads_of_others(request, lock->selects) &&
        !(lock_guards_condition(lock) && reads_of_others(request, lock->condition)))
        return required;
    struct view exempt = *view;
    exempt.exempt = true;
    return either(required, both(is_denied(view, lock, stored), both(stored, leaves(&exempt, lock))));
}

// Everything but who asks.
static enum truth refuses(const struct view *view, const struct lock *lock) {
    if (!in_resources(&lock->scope, view->request)) return NO;
    const enum truth where = in_namespaces(view, &lock->scope);
    if (where == NO) return NO;
    return both(both(where, is_triggered(view, lock)), evaluate(view, lock->condition));
}

// A request for a subresource that carries nothing of the object stands for one about the object itself: an eviction
// for the pod's deletion, a write to scale for an update of spec.replicas. The stored object is the parent; `object`
// tells the new number of replicas.
static const struct request *about_parent(struct arena *arena, const struct request *request, struct request *room) {
    const struct kube_act *act = kube_act_of(request->subresource);
    if (!act) return request;
    *room = *request;
    room->operation = act->means;
    // A binding is no state of the pod, but what it carries goes there.
    room->object = act->act == ACT_BIND ? request->object : NULL;
    if (act->act != ACT_SCALE) return room;
    const struct value *replicas = value_dig(request->object, "spec", "replicas", NULL);
    struct value *object = request->old_object ? value_copy(arena, request->old_object) : value_map(arena);
    struct value *spec = value_get(object, "spec");
    if (!spec || spec->kind != VALUE_MAP) value_set(arena, object, "spec", spec = value_map(arena));
    value_set(arena, spec, "replicas", replicas ? value_copy(arena, replicas) : value_int(arena, 0));
    room->object = object;
    return room;
}

// A binding can be made as an object of its own, which then names the pod and is all that is known.
static const struct request *as_binding_of_pod(struct arena *arena, const struct request *request,
                                               struct request *room) {
    if (*request->group || strcmp(request->resource, "bindings") != 0 || request->operation != OP_CREATE) return NULL;
    struct value *pod = value_map(arena), *metadata = value_map(arena);
    value_set_string(arena, metadata, "name", request->name);
    value_set(arena, pod, "metadata", metadata);
    *room = *request;
    room->resource = "pods";
    room->subresource = "binding";
    room->old_object = pod;
    return room;
}

static void decide_one(struct arena *arena, const struct policies *policies, const struct request *original,
                       struct decision *ret_decision) {
    struct request room;
    const struct request *request = about_parent(arena, original, &room);
    const bool creates = request->operation == OP_CREATE && !kube_act_of(request->subresource);
    const struct value *stored = creates ? request->object : request->old_object;
    const struct view view = {.arena = arena, .request = request, .self = stored, .stored = stored};
    for (size_t i = 0; i < policies->lock_count; i++) {
        const struct lock *lock = policies->locks[i];
        if (!cover_of(lock, request)) continue;
        const enum truth held = refuses(&view, lock);
        if (held == NO) continue;
        const enum truth open = both(held, negate(is_one_of(&view, &lock->passes)));
        const enum truth glass = is_one_of(&view, &lock->break_glass);
        const bool records = lock_records_glass(lock);
        // Whether break-glass was needed must be known, because its use is recorded.
        const enum truth refused = open == FAILED && glass != NO && records ? FAILED : both(open, negate(glass));
        if (open == YES && refused == NO && records)
            ARENA_PUSH(arena, ret_decision->glass_uses, ret_decision->glass_use_count, lock);
        if (refused == FAILED) ARENA_PUSH(arena, ret_decision->failed, ret_decision->failed_count, lock);
        if (refused == NO || (refused == FAILED && lock->fail_open)) continue;
        const struct refusal refusal = {lock, refused == FAILED};
        ARENA_PUSH(arena, ret_decision->refusals, ret_decision->refusal_count, refusal);
        if (lock->mode & MODE_DENY)
            ret_decision->verdict = VERDICT_DENIED;
        else if ((lock->mode & MODE_WARN) && ret_decision->verdict == VERDICT_ALLOWED)
            ret_decision->verdict = VERDICT_WARNED;
    }
}

void decide(struct arena *arena, const struct policies *policies, const struct request *request,
            struct decision *ret_decision) {
    struct request room;
    const struct request *binding = as_binding_of_pod(arena, request, &room);
    *ret_decision = (struct decision){.verdict = VERDICT_ALLOWED};
    decide_one(arena, policies, request, ret_decision);
    if (binding) decide_one(arena, policies, binding, ret_decision);
}
