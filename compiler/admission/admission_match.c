// Which requests a policy or binding is about: rules, versions, selectors.
#include <string.h>

#include "admission/admission_internal.h"
#include "base/text.h"
#include "kubernetes/catalog.h"

static bool has(const struct value *list, const char *text) {
    for (size_t i = 0; i < list->count; i++)
        if (strcmp(list->as.items[i]->as.string, text) == 0) return true;
    return false;
}

static bool has_or_any(const struct value *list, const char *text) {
    return has(list, "*") || has(list, text);
}

// ---- label selectors ----

static bool meets(const struct value *requirement, const struct value *labels) {
    const char *operator= value_get_string(requirement, "operator");
    const struct value *label = value_get(labels, value_get_string(requirement, "key")),
                       *values = value_get(requirement, "values");
    const bool is_there = label && label->kind == VALUE_STRING;
    if (strcmp(operator, "Exists") == 0) return is_there;
    if (strcmp(operator, "DoesNotExist") == 0) return !is_there;
    const bool is_one = is_there && has(values, label->as.string);
    return strcmp(operator, "In") == 0 ? is_one : !is_one;
}

bool admission_selects(const struct value *selector, const struct value *labels) {
    const struct value *exact = value_get(selector, "matchLabels"), *list = value_get(selector, "matchExpressions");
    for (size_t i = 0; exact && i < exact->count; i++) {
        const struct value *label = value_get(labels, exact->as.entries[i].key);
        if (!label || !value_equal(label, exact->as.entries[i].value)) return false;
    }
    for (size_t i = 0; list && i < list->count; i++)
        if (!meets(list->as.items[i], labels)) return false;
    return true;
}

static const struct value *labels_of(const struct value *object) {
    return value_dig(object, "metadata", "labels", NULL);
}

static bool is_on_namespaces(const struct admission_attributes *attributes) {
    return strcmp(attributes->request->resource, "namespaces") == 0;
}

static bool selects_namespace(const struct value *selector, const struct admission_attributes *attributes) {
    if (!selector) return true;
    if (!*attributes->namespace && !is_on_namespaces(attributes)) return true;
    return admission_selects(selector, attributes->namespace_labels);
}

static bool selects_object(const struct value *selector, const struct admission_attributes *attributes) {
    const struct value *object = attributes->object, *old_object = attributes->old_object;
    if (!selector) return true;
    return (object && admission_selects(selector, labels_of(object))) ||
           (old_object && admission_selects(selector, labels_of(old_object)));
}

// ---- rules ----

static bool is_resource(const char *rule, const struct request *request) {
    const size_t len = strcspn(rule, "/");
    const char *subresource = rule[len] ? rule + len + 1 : "";
    const bool any = len == 1 && *rule == '*';
    if (!any && (strncmp(rule, request->resource, len) != 0 || request->resource[len])) return false;
    return strcmp(subresource, "*") == 0 || strcmp(subresource, request->subresource) == 0;
}

static bool has_resource(const struct value *list, const struct request *request) {
    for (size_t i = 0; i < list->count; i++)
        if (is_resource(list->as.items[i]->as.string, request)) return true;
    return false;
}

// Requests for a Namespace carry it as their namespace, and are of cluster scope none the less.
static bool is_in_scope(const char *scope, const struct admission_attributes *attributes) {
    const bool namespaced = *attributes->namespace && !admission_is_namespace(attributes->request);
    return strcmp(scope, "*") == 0 || namespaced == (strcmp(scope, "Namespaced") == 0);
}

static bool rule_matches(const struct admission_rule *rule, const struct admission_attributes *attributes,
                         const struct admission_form *form) {
    const struct request *request = attributes->request;
    return is_in_scope(rule->scope, attributes) && has_or_any(rule->operations, attributes->operation) &&
           has_or_any(rule->groups, form->group) && has_or_any(rule->versions, form->version) &&
           has_resource(rule->resources, request) &&
           (!rule->names || !rule->names->count || has(rule->names, attributes->name));
}

static bool rules_match(const struct admission_rule *rules, size_t count, const struct admission_attributes *attributes,
                        const struct admission_form *form) {
    for (size_t i = 0; i < count; i++)
        if (rule_matches(&rules[i], attributes, form)) return true;
    return false;
}

// ---- forms ----

static const struct resource *built_in(const char *group, const char *plural) {
    size_t count = 0;
    const struct resource *resources = catalog_built_in(&count);
    for (size_t i = 0; i < count; i++)
        if (strcmp(resources[i].plural, plural) == 0 && strcmp(resources[i].group, group) == 0) return &resources[i];
    return NULL;
}

// Which versions of a custom resource are served nobody says, so those count that policies speak of.
static bool is_served(const struct admission *admission, const char *plural, const struct admission_form *form) {
    const struct resource *resource = built_in(form->group, plural);
    if (resource) return text_has_word(resource->versions, form->version);
    for (size_t i = 0; i < admission->version_count; i++) {
        const struct admission_version *named = &admission->versions[i];
        if (strcmp(named->version, form->version) == 0 && strcmp(named->resource, plural) == 0 &&
            strcmp(named->group, form->group) == 0)
            return true;
    }
    return false;
}

// Of another version than the request's, one can only match if the rule names it.
static bool other_version_matches(const struct admission *admission, const struct admission_rule *rules, size_t count,
                                  const struct admission_attributes *attributes, struct admission_form *ret_form) {
    const struct request *request = attributes->request;
    for (size_t i = 0; i < count; i++)
        for (size_t v = 0; v < rules[i].versions->count; v++) {
            const struct admission_form form = {request->group, rules[i].versions->as.items[v]->as.string};
            if (!rule_matches(&rules[i], attributes, &form)) continue;
            if (!is_served(admission, request->resource, &form)) continue;
            *ret_form = form;
            return true;
        }
    return false;
}

// Events stand in two groups, which have the same objects: pkg/kubeapiserver (AddCohabitatingResources). Both have v1
// alone.
static bool other_group_matches(const struct admission_rule *rules, size_t count,
                                const struct admission_attributes *attributes, struct admission_form *ret_form) {
    static const struct admission_form core = {"", "v1"}, own = {"events.k8s.io", "v1"};
    const struct request *request = attributes->request;
    if (strcmp(request->resource, "events") != 0) return false;
    if (!*request->group)
        *ret_form = own;
    else if (strcmp(request->group, own.group) == 0)
        *ret_form = core;
    else
        return false;
    return rules_match(rules, count, attributes, ret_form);
}

static bool any_matches(const struct admission *admission, const struct admission_rule *rules, size_t count,
                        bool is_exact, const struct admission_attributes *attributes, struct admission_form *ret_form) {
    *ret_form = (struct admission_form){attributes->request->group, attributes->request->version};
    if (rules_match(rules, count, attributes, ret_form)) return true;
    if (is_exact) return false;
    return other_version_matches(admission, rules, count, attributes, ret_form) ||
           other_group_matches(rules, count, attributes, ret_form);
}

bool admission_matches(const struct admission *admission, const struct admission_match *match,
                       const struct admission_attributes *attributes, struct admission_form *ret_form) {
    struct admission_form excluded;
    *ret_form = (struct admission_form){attributes->request->group, attributes->request->version};
    if (!selects_namespace(match->namespace_selector, attributes)) return false;
    if (!selects_object(match->object_selector, attributes)) return false;
    if (any_matches(admission, match->excluded, match->excluded_count, match->is_exact, attributes, &excluded))
        return false;
    if (!match->rule_count) return true;
    return any_matches(admission, match->rules, match->rule_count, match->is_exact, attributes, ret_form);
}
