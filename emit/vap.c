// Plan → ValidatingAdmissionPolicy and binding. Every default of the API server is written out, so that nothing that
// compares the object with the cluster sees a difference.
#include <string.h>

#include "base/arena.h"
#include "base/limits.h"
#include "base/text.h"
#include "cel/cel_print.h"
#include "data/value.h"
#include "emit/manifest.h"
#include "emit/plan.h"
#include "emit/vap_internal.h"
#include "emit/vap_policy.h"
#include "report/diag.h"

static struct value *string_list(struct arena *arena, const char *const *strings, size_t count) {
    struct value *list = value_list(arena);
    for (size_t i = 0; i < count; i++) value_append(arena, list, value_string(arena, strings[i]));
    return list;
}

static struct value *operations_of(struct arena *arena, unsigned operations) {
    struct value *list = value_list(arena);
    for (size_t i = 0; i < KUBE_OPERATION_COUNT; i++)
        if (operations & kube_operations[i].operation)
            value_append(arena, list, value_string(arena, kube_operations[i].name));
    return list;
}

struct value *vap_rules(struct arena *arena, const struct plan_rule *rules, size_t count, bool scoped) {
    struct value *list = value_list(arena);
    for (size_t i = 0; i < count; i++) {
        struct value *rule = value_map(arena);
        value_set(arena, rule, "apiGroups", string_list(arena, &rules[i].group, 1));
        value_set(arena, rule, "apiVersions", string_list(arena, &rules[i].version, 1));
        value_set(arena, rule, "operations", operations_of(arena, rules[i].operations));
        value_set(arena, rule, "resources", string_list(arena, rules[i].resources, rules[i].resource_count));
        value_set_string(arena, rule, "scope", !scoped ? "*" : rules[i].namespaced ? "Namespaced" : "Cluster");
        value_append(arena, list, rule);
    }
    return list;
}

// With one of the values; without values, with any.
static struct value *label_selector(struct arena *arena, const char *key, const char *const *values, size_t count) {
    struct value *selector = value_map(arena), *requirement = value_map(arena), *requirements = value_list(arena);
    if (count == 1) {
        value_set_string(arena, requirement, key, values[0]);
        value_set(arena, selector, "matchLabels", requirement);
        return selector;
    }
    value_set_string(arena, requirement, "key", key);
    value_set_string(arena, requirement, "operator", count ? "In" : "Exists");
    if (count) value_set(arena, requirement, "values", string_list(arena, values, count));
    value_append(arena, requirements, requirement);
    value_set(arena, selector, "matchExpressions", requirements);
    return selector;
}

static struct value *constraints_of(struct arena *arena, const struct plan_policy *policy) {
    struct value *constraints = value_map(arena);
    if (policy->excluded_count)
        value_set(arena, constraints, "excludeResourceRules",
                  vap_rules(arena, policy->excluded, policy->excluded_count, false));
    value_set_string(arena, constraints, "matchPolicy", "Equivalent");
    // The API server keeps this label of namespaces true.
    value_set(arena, constraints, "namespaceSelector",
              policy->namespace_count
                  ? label_selector(arena, "kubernetes.io/metadata.name", policy->namespaces, policy->namespace_count)
                  : value_map(arena));
    const struct plan_selector *objects = &policy->objects;
    value_set(arena, constraints, "objectSelector",
              objects->key ? label_selector(arena, objects->key, objects->values, objects->value_count)
                           : value_map(arena));
    value_set(arena, constraints, "resourceRules", vap_rules(arena, policy->rules, policy->rule_count, true));
    return constraints;
}

// What the API server's parser would refuse is refused here, where the source can be shown.
static void check_expression(struct manifest *manifest, const struct plan_policy *policy, const struct text *text,
                             size_t nesting) {
    enum { LIMIT_NESTING = 200 }; // CEL's parser recurses at most 250 deep; a bracket is one or more of these
    const struct span span = policy->tables[0].locks[0]->span;
    const size_t length = utf8_length(text->data, text->len);
    if (length > LIMIT_CEL_CODE_POINTS) {
        diag_report(manifest->diags, DIAG_EXPRESSION_TOO_LARGE, span,
                    "policy '%s' needs an expression of %zu code points; the API server accepts %d", policy->name,
                    length, LIMIT_CEL_CODE_POINTS);
        diag_help(manifest->diags, "shorten lists and conditions, or split the lock");
    } else if (nesting > LIMIT_NESTING) {
        diag_report(manifest->diags, DIAG_EXPRESSION_TOO_LARGE, span,
                    "policy '%s' needs an expression that nests too deeply for the API server", policy->name);
        diag_help(manifest->diags, "nest fewer parentheses, any and all");
    }
}

static struct value *expression_text(struct manifest *manifest, const struct plan_policy *policy,
                                     const struct cel_node *expression) {
    struct text text;
    text_init(&text, arena_scratch(manifest->arena));
    const size_t nesting = cel_print_on_lines(&text, expression);
    check_expression(manifest, policy, &text, nesting);
    return value_string(manifest->arena, arena_copy(manifest->arena, text_string(&text), text.len));
}

// A text that is as short-lived as the trees.
static void set_copy(struct arena *arena, struct value *map, const char *key, const char *text) {
    value_set_string(arena, map, key, arena_copy(arena, text, strlen(text)));
}

static struct value *match_conditions(struct manifest *manifest, const struct plan_policy *policy,
                                      const struct cel_node *expression) {
    struct arena *arena = manifest->arena;
    struct value *condition = value_map(arena), *conditions = value_list(arena);
    value_set_string(arena, condition, "name", "may-be-refused");
    value_set(arena, condition, "expression", expression_text(manifest, policy, expression));
    value_append(arena, conditions, condition);
    return conditions;
}

static void add_policy(struct manifest *manifest, const struct plan_policy *policy, const char *name) {
    struct arena *arena = manifest->arena;
    struct vap_policy made;
    // Of the trees, which are many times as large as their text, nothing stays.
    vap_make_policy(arena_scratch(arena), policy, &made);
    if (made.repeated) {
        diag_report(manifest->diags, DIAG_INTERNAL, policy->tables[0].locks[0]->span,
                    "the expressions of policy '%s' have the name '%s' twice", name, made.repeated);
        diag_help(manifest->diags, "klockc is at fault, and wrote nothing: please report this policy");
    }
    struct value *object = manifest_add(manifest, MANIFEST_POLICY, policy->policy, "", name, policy->place);
    struct value *spec = value_map(arena), *variables = value_list(arena), *validations = value_list(arena);
    manifest_annotate(arena, object, "klock.dev/summary", vap_summary(arena, policy));
    value_set(arena, object, "spec", spec);
    value_set_string(arena, spec, "failurePolicy", policy->fail_open ? "Ignore" : "Fail");
    value_set(arena, spec, "matchConstraints", constraints_of(arena, policy));
    if (made.match) value_set(arena, spec, "matchConditions", match_conditions(manifest, policy, made.match));
    if (plan_has_params(policy)) {
        struct value *kind = value_map(arena);
        value_set_string(arena, kind, "apiVersion", policy->param_version);
        value_set_string(arena, kind, "kind", policy->param_kind);
        value_set(arena, spec, "paramKind", kind);
    }
    for (size_t i = 0; i < made.variable_count; i++) {
        struct value *variable = value_map(arena);
        set_copy(arena, variable, "name", made.variables[i].name);
        value_set(arena, variable, "expression", expression_text(manifest, policy, made.variables[i].expression));
        value_append(arena, variables, variable);
    }
    if (variables->count) value_set(arena, spec, "variables", variables);
    for (size_t i = 0; i < made.validation_count; i++) {
        struct value *validation = value_map(arena);
        value_set(arena, validation, "expression", expression_text(manifest, policy, made.validations[i].expression));
        set_copy(arena, validation, "message", made.validations[i].message);
        if (made.validations[i].message_expression)
            value_set(arena, validation, "messageExpression",
                      expression_text(manifest, policy, made.validations[i].message_expression));
        value_set_string(arena, validation, "reason", "Forbidden");
        value_append(arena, validations, validation);
    }
    value_set(arena, spec, "validations", validations);
    if (made.break_glass) {
        struct value *annotation = value_map(arena), *annotations = value_list(arena);
        value_set_string(arena, annotation, "key", "break-glass");
        value_set(arena, annotation, "valueExpression", expression_text(manifest, policy, made.break_glass));
        value_append(arena, annotations, annotation);
        value_set(arena, spec, "auditAnnotations", annotations);
    }
    arena_clear(arena_scratch(arena));
}

// The objects of the request's namespace that can be meant.
static struct value *params_of(struct arena *arena, const struct plan_selector *selector) {
    struct value *reference = value_map(arena);
    value_set_string(arena, reference, "parameterNotFoundAction", "Allow");
    value_set(arena, reference, "selector",
              selector->key ? label_selector(arena, selector->key, selector->values, selector->value_count)
                            : value_map(arena));
    return reference;
}

static void add_binding(struct manifest *manifest, const struct plan_policy *policy, const char *policy_name,
                        const char *name, const struct plan_selector *selector) {
    struct arena *arena = manifest->arena;
    struct value *object = manifest_add(manifest, MANIFEST_BINDING, policy->policy, "", name, policy->place);
    struct value *spec = value_map(arena), *actions = value_list(arena);
    if (selector) value_set(arena, spec, "paramRef", params_of(arena, selector));
    value_set_string(arena, spec, "policyName", policy_name);
    if (policy->mode & MODE_DENY) value_append(arena, actions, value_string(arena, "Deny"));
    if (policy->mode & MODE_WARN) value_append(arena, actions, value_string(arena, "Warn"));
    if (policy->mode & MODE_AUDIT) value_append(arena, actions, value_string(arena, "Audit"));
    value_set(arena, spec, "validationActions", actions);
    value_set(arena, object, "spec", spec);
}

void vap_emit(struct manifest *manifest, const struct plan *plan, const char *name_suffix) {
    for (size_t i = 0; i < plan->count; i++) {
        const struct plan_policy *policy = &plan->policies[i];
        const char *name = arena_printf(manifest->arena, "%s%s", policy->name, name_suffix);
        add_policy(manifest, policy, name);
        if (!plan_has_params(policy)) add_binding(manifest, policy, name, name, NULL);
        for (size_t j = 0; j < policy->selector_count; j++)
            add_binding(manifest, policy, name, policy->selectors[j].binding, &policy->selectors[j]);
    }
}
