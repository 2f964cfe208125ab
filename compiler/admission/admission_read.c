// Objects → policies and bindings, with what an API server refuses of them.
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admission/admission_internal.h"
#include "base/arena.h"
#include "base/text.h"

// An API group that nobody serves, whose locks stand for the permission to pass them.
#define LOCKS_GROUP "klock.dev"

struct reader {
    struct arena *arena;
    struct admission *admission;
    unsigned minor;
    const char *object; // "ValidatingAdmissionPolicy payments-objects"
    const char *error;
    jmp_buf failed;
};

__attribute__((format(printf, 2, 3))) static _Noreturn void refuse(struct reader *r, const char *format, ...) {
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    r->error = arena_printf(r->arena, "%s: %s", r->object, text);
    longjmp(r->failed, 1);
}

// ---- values ----

// A misspelt field would be dropped silently.
static void check_fields(struct reader *r, const struct value *map, const char *what, const char *known) {
    if (!map) return;
    if (map->kind != VALUE_MAP) refuse(r, "%s is not a map", what);
    for (size_t i = 0; i < map->count; i++)
        if (!text_has_word(known, map->as.entries[i].key))
            refuse(r, "%s has no field '%s'", what, map->as.entries[i].key);
}

static const struct value *get_list(struct reader *r, const struct value *map, const char *key) {
    const struct value *list = value_get(map, key);
    if (list && list->kind != VALUE_LIST) refuse(r, "%s is not a list", key);
    return list;
}

static const struct value *get_strings(struct reader *r, const struct value *map, const char *key) {
    const struct value *list = get_list(r, map, key);
    for (size_t i = 0; list && i < list->count; i++)
        if (list->as.items[i]->kind != VALUE_STRING) refuse(r, "%s holds something that is not a string", key);
    return list;
}

static const struct value *require_strings(struct reader *r, const struct value *map, const char *key) {
    const struct value *list = get_strings(r, map, key);
    if (!list || !list->count) refuse(r, "%s is required", key);
    return list;
}

static const char *require_string(struct reader *r, const struct value *map, const char *key) {
    const char *text = value_get_string(map, key);
    if (!*text) refuse(r, "%s is required", key);
    return text;
}

static const char *get_word(struct reader *r, const struct value *map, const char *key, const char *words,
                            const char *otherwise) {
    const struct value *value = value_get(map, key);
    if (!value) return otherwise;
    if (value->kind != VALUE_STRING || !text_has_word(words, value->as.string))
        refuse(r, "%s is not one of: %s", key, words);
    return value->as.string;
}

static void check_words(struct reader *r, const struct value *list, const char *what, const char *words) {
    for (size_t i = 0; i < list->count; i++) {
        const char *word = list->as.items[i]->as.string;
        if (!text_has_word(words, word)) refuse(r, "%s: '%s' is not one of: %s", what, word, words);
        for (size_t j = 0; j < i; j++)
            if (strcmp(list->as.items[j]->as.string, word) == 0) refuse(r, "%s has '%s' twice", what, word);
    }
}

static bool has_word(const struct value *list, const char *word) {
    for (size_t i = 0; list && i < list->count; i++)
        if (strcmp(list->as.items[i]->as.string, word) == 0) return true;
    return false;
}

// ---- matching ----

static void check_requirement(struct reader *r, const struct value *requirement) {
    check_fields(r, requirement, "a requirement", "key operator values");
    (void)require_string(r, requirement, "key");
    const char *operator= get_word(r, requirement, "operator", "In NotIn Exists DoesNotExist", "");
    const struct value *values = get_strings(r, requirement, "values");
    const bool needs_values = strcmp(operator, "In") == 0 || strcmp(operator, "NotIn") == 0;
    if (!*operator|| needs_values !=(values && values->count)) refuse(r, "a requirement is incomplete");
}

// NULL when it selects everything.
static const struct value *read_selector(struct reader *r, const struct value *map, const char *key) {
    const struct value *selector = value_get(map, key);
    check_fields(r, selector, key, "matchLabels matchExpressions");
    const struct value *labels = value_get(selector, "matchLabels"), *list = get_list(r, selector, "matchExpressions");
    if (labels && labels->kind != VALUE_MAP) refuse(r, "matchLabels is not a map");
    for (size_t i = 0; labels && i < labels->count; i++)
        if (labels->as.entries[i].value->kind != VALUE_STRING)
            refuse(r, "matchLabels holds something that is not a string");
    for (size_t i = 0; list && i < list->count; i++) check_requirement(r, list->as.items[i]);
    return (labels && labels->count) || (list && list->count) ? selector : NULL;
}

static struct admission_rule read_rule(struct reader *r, const struct value *value) {
    check_fields(r, value, "a rule", "apiGroups apiVersions operations resources resourceNames scope");
    const struct admission_rule rule = {
        .groups = require_strings(r, value, "apiGroups"),
        .versions = require_strings(r, value, "apiVersions"),
        .operations = require_strings(r, value, "operations"),
        .resources = require_strings(r, value, "resources"),
        .names = get_strings(r, value, "resourceNames"),
        .scope = get_word(r, value, "scope", "* Namespaced Cluster", "*"),
    };
    check_words(r, rule.operations, "operations", "* CREATE UPDATE DELETE CONNECT");
    return rule;
}

static void read_rules(struct reader *r, const struct value *map, const char *key, struct admission_rule **ret_rules,
                       size_t *ret_count) {
    const struct value *list = get_list(r, map, key);
    for (size_t i = 0; list && i < list->count; i++) {
        const struct admission_rule rule = read_rule(r, list->as.items[i]);
        ARENA_PUSH(r->arena, *ret_rules, *ret_count, rule);
    }
}

static void read_match(struct reader *r, const struct value *value, struct admission_match *ret_match) {
    check_fields(r, value, "matching",
                 "excludeResourceRules matchPolicy namespaceSelector objectSelector resourceRules");
    ret_match->namespace_selector = read_selector(r, value, "namespaceSelector");
    ret_match->object_selector = read_selector(r, value, "objectSelector");
    ret_match->is_exact = strcmp(get_word(r, value, "matchPolicy", "Equivalent Exact", "Equivalent"), "Exact") == 0;
    read_rules(r, value, "resourceRules", &ret_match->rules, &ret_match->rule_count);
    read_rules(r, value, "excludeResourceRules", &ret_match->excluded, &ret_match->excluded_count);
}

// ---- policies ----

static struct admission_expression compile(struct reader *r, const struct cel_declarations *declarations,
                                           enum cel_output output, const struct value *map, const char *name_field,
                                           const char *field) {
    struct admission_expression made = {.text = require_string(r, map, field)};
    if (name_field) made.key = require_string(r, map, name_field);
    struct cel_problem problem = {0};
    made.expr = cel_parse_declared(r->arena, made.text, r->minor, declarations, output, &problem);
    if (!made.expr) refuse(r, "%s%s%s: %s", field, made.key ? " " : "", made.key ? made.key : "", problem.text);
    return made;
}

static void read_variables(struct reader *r, const struct value *spec, struct admission_policy *policy) {
    const struct value *list = get_list(r, spec, "variables");
    struct cel_definition *definitions = NULL;
    for (size_t i = 0; list && i < list->count; i++) {
        const struct value *variable = list->as.items[i];
        check_fields(r, variable, "a variable", "name expression");
        const struct admission_expression read =
            compile(r, &policy->declarations, CEL_OUTPUT_ANY, variable, "name", "expression");
        for (size_t j = 0; j < i; j++)
            if (strcmp(definitions[j].name, read.key) == 0) refuse(r, "the variable '%s' appears twice", read.key);
        const struct cel_definition definition = {read.key, read.expr};
        ARENA_PUSH(r->arena, definitions, policy->declarations.definition_count, definition);
        policy->declarations.definitions = definitions;
    }
}

static void check_key(struct reader *r, const struct admission_expression *items, size_t count, const char *key) {
    for (size_t i = 0; i < count; i++)
        if (strcmp(items[i].key, key) == 0) refuse(r, "'%s' appears twice", key);
}

static void read_conditions(struct reader *r, const struct value *spec, const struct cel_declarations *declarations,
                            struct admission_expression **ret_conditions, size_t *ret_count) {
    enum { MAX_CONDITIONS = 64 };
    const struct value *list = get_list(r, spec, "matchConditions");
    if (list && list->count > MAX_CONDITIONS) refuse(r, "there are more than %d match conditions", MAX_CONDITIONS);
    for (size_t i = 0; list && i < list->count; i++) {
        check_fields(r, list->as.items[i], "a match condition", "name expression");
        const struct admission_expression condition =
            compile(r, declarations, CEL_OUTPUT_BOOL, list->as.items[i], "name", "expression");
        check_key(r, *ret_conditions, *ret_count, condition.key);
        ARENA_PUSH(r->arena, *ret_conditions, *ret_count, condition);
    }
}

static void read_annotations(struct reader *r, const struct value *spec, struct admission_policy *policy) {
    const struct value *list = get_list(r, spec, "auditAnnotations");
    for (size_t i = 0; list && i < list->count; i++) {
        check_fields(r, list->as.items[i], "an audit annotation", "key valueExpression");
        const struct admission_expression annotation =
            compile(r, &policy->declarations, CEL_OUTPUT_STRING_OR_NULL, list->as.items[i], "key", "valueExpression");
        check_key(r, policy->annotations, policy->annotation_count, annotation.key);
        ARENA_PUSH(r->arena, policy->annotations, policy->annotation_count, annotation);
    }
}

static struct admission_validation read_validation(struct reader *r, const struct value *value,
                                                   const struct cel_declarations *declarations) {
    // A message may not ask the authorizer.
    struct cel_declarations *of_messages = ARENA_NEW(r->arena, struct cel_declarations);
    *of_messages = *declarations;
    of_messages->authorizer = false;
    check_fields(r, value, "a validation", "expression message messageExpression reason");
    struct admission_validation made = {
        .reason = get_word(r, value, "reason", "Unauthorized Forbidden Invalid RequestEntityTooLarge", "Invalid"),
        .condition = compile(r, declarations, CEL_OUTPUT_BOOL, value, NULL, "expression"),
        .message = value_get_string(value, "message"),
    };
    if (strchr(made.message, '\n')) refuse(r, "a message has several lines");
    if (value_get(value, "messageExpression"))
        made.message_expression = compile(r, of_messages, CEL_OUTPUT_STRING, value, NULL, "messageExpression").expr;
    return made;
}

static void read_validations(struct reader *r, const struct value *spec, struct admission_policy *policy) {
    const struct value *list = get_list(r, spec, "validations");
    for (size_t i = 0; list && i < list->count; i++) {
        const struct admission_validation validation = read_validation(r, list->as.items[i], &policy->declarations);
        ARENA_PUSH(r->arena, policy->validations, policy->validation_count, validation);
    }
    if (!policy->validation_count && !policy->annotation_count)
        refuse(r, "a policy needs validations or audit annotations");
}

static void read_param_kind(struct reader *r, const struct value *spec, struct admission_policy *policy) {
    const struct value *kind = value_get(spec, "paramKind");
    if (!kind) return;
    check_fields(r, kind, "paramKind", "apiVersion kind");
    const char *api_version = require_string(r, kind, "apiVersion"), *slash = strchr(api_version, '/');
    policy->has_params = true;
    policy->param_kind = require_string(r, kind, "kind");
    policy->param_group = slash ? arena_copy(r->arena, api_version, (size_t)(slash - api_version)) : "";
    policy->param_version = slash ? slash + 1 : api_version;
}

// Which versions of resources policies speak of.
static void note_versions(struct reader *r, const struct admission_rule *rule) {
    for (size_t g = 0; g < rule->groups->count; g++)
        for (size_t i = 0; i < rule->resources->count; i++)
            for (size_t v = 0; v < rule->versions->count; v++) {
                const char *name = rule->resources->as.items[i]->as.string;
                const struct admission_version version = {
                    .group = rule->groups->as.items[g]->as.string,
                    .resource = arena_copy(r->arena, name, strcspn(name, "/")),
                    .version = rule->versions->as.items[v]->as.string,
                };
                if (strcmp(version.version, "*") == 0) continue;
                ARENA_PUSH(r->arena, r->admission->versions, r->admission->version_count, version);
            }
}

static void read_policy(struct reader *r, const char *name, const struct value *spec) {
    struct admission_policy policy = {.name = name};
    check_fields(r, spec, "spec",
                 "auditAnnotations failurePolicy matchConditions matchConstraints paramKind validations variables");
    policy.fail_open = strcmp(get_word(r, spec, "failurePolicy", "Fail Ignore", "Fail"), "Ignore") == 0;
    read_match(r, value_get(spec, "matchConstraints"), &policy.match);
    if (!policy.match.rule_count) refuse(r, "a policy needs resourceRules");
    for (size_t i = 0; i < policy.match.rule_count; i++) note_versions(r, &policy.match.rules[i]);
    read_param_kind(r, spec, &policy);
    policy.declarations.params = policy.has_params;
    policy.declarations.authorizer = true;
    read_variables(r, spec, &policy);
    read_conditions(r, spec, &policy.declarations, &policy.conditions, &policy.condition_count);
    read_annotations(r, spec, &policy);
    read_validations(r, spec, &policy);
    ARENA_PUSH(r->arena, r->admission->policies, r->admission->policy_count, policy);
}

// ---- bindings ----

static void check_param_ref(struct reader *r, const struct value *reference) {
    if (!reference) return;
    check_fields(r, reference, "paramRef", "name namespace parameterNotFoundAction selector");
    (void)read_selector(r, reference, "selector");
    if (!*get_word(r, reference, "parameterNotFoundAction", "Allow Deny", ""))
        refuse(r, "parameterNotFoundAction is required");
    if (!*value_get_string(reference, "name") == !value_get(reference, "selector"))
        refuse(r, "paramRef needs either a name or a selector");
}

static void read_binding(struct reader *r, const char *name, const struct value *spec) {
    check_fields(r, spec, "spec", "matchResources paramRef policyName validationActions");
    struct admission_binding binding = {.name = name, .policy_name = require_string(r, spec, "policyName")};
    binding.has_match = value_get(spec, "matchResources") != NULL;
    if (binding.has_match) read_match(r, value_get(spec, "matchResources"), &binding.match);
    binding.param_ref = value_get(spec, "paramRef");
    check_param_ref(r, binding.param_ref);
    const struct value *actions = require_strings(r, spec, "validationActions");
    check_words(r, actions, "validationActions", "Deny Warn Audit");
    binding.denies = has_word(actions, "Deny");
    binding.warns = has_word(actions, "Warn");
    binding.audits = has_word(actions, "Audit");
    if (binding.denies && binding.warns) refuse(r, "Deny and Warn exclude each other");
    ARENA_PUSH(r->arena, r->admission->bindings, r->admission->binding_count, binding);
}

// ---- webhooks ----

static void read_client(struct reader *r, const struct value *config) {
    check_fields(r, config, "clientConfig", "caBundle service url");
    const struct value *service = value_get(config, "service");
    check_fields(r, service, "service", "name namespace path port");
    if (!service == !*value_get_string(config, "url")) refuse(r, "clientConfig needs either a service or a url");
}

static void read_webhook(struct reader *r, const struct value *value, bool is_mutating) {
    struct admission_webhook webhook = {.name = require_string(r, value, "name"), .is_mutating = is_mutating};
    const struct cel_declarations declarations = {.authorizer = true};
    check_fields(r, value, "a webhook",
                 is_mutating ? "admissionReviewVersions clientConfig failurePolicy matchConditions matchPolicy name "
                               "namespaceSelector objectSelector rules sideEffects timeoutSeconds reinvocationPolicy"
                             : "admissionReviewVersions clientConfig failurePolicy matchConditions matchPolicy name "
                               "namespaceSelector objectSelector rules sideEffects timeoutSeconds");
    read_client(r, value_get(value, "clientConfig"));
    webhook.fail_open = strcmp(get_word(r, value, "failurePolicy", "Fail Ignore", "Fail"), "Ignore") == 0;
    (void)require_strings(r, value, "admissionReviewVersions");
    if (!*get_word(r, value, "sideEffects", "None NoneOnDryRun", "")) refuse(r, "sideEffects is required");
    webhook.match.namespace_selector = read_selector(r, value, "namespaceSelector");
    webhook.match.object_selector = read_selector(r, value, "objectSelector");
    webhook.match.is_exact = strcmp(get_word(r, value, "matchPolicy", "Equivalent Exact", "Equivalent"), "Exact") == 0;
    read_rules(r, value, "rules", &webhook.match.rules, &webhook.match.rule_count);
    for (size_t i = 0; i < webhook.match.rule_count; i++) note_versions(r, &webhook.match.rules[i]);
    read_conditions(r, value, &declarations, &webhook.conditions, &webhook.condition_count);
    if (webhook.match.rule_count) ARENA_PUSH(r->arena, r->admission->webhooks, r->admission->webhook_count, webhook);
}

static void read_webhooks(struct reader *r, const struct value *object, bool is_mutating) {
    const struct value *list = get_list(r, object, "webhooks");
    check_fields(r, object, "the object", "apiVersion kind metadata webhooks");
    for (size_t i = 0; list && i < list->count; i++) {
        for (size_t j = 0; j < i; j++)
            if (strcmp(value_get_string(list->as.items[i], "name"), value_get_string(list->as.items[j], "name")) == 0)
                refuse(r, "the webhook '%s' appears twice", value_get_string(list->as.items[i], "name"));
        read_webhook(r, list->as.items[i], is_mutating);
    }
}

static int compare_policies(const void *a, const void *b) {
    return strcmp(((const struct admission_policy *)a)->name, ((const struct admission_policy *)b)->name);
}

static int compare_bindings(const void *a, const void *b) {
    const struct admission_binding *x = a, *y = b;
    const int order = strcmp(x->policy_name, y->policy_name);
    return order ? order : strcmp(x->name, y->name);
}

static void join(struct reader *r) {
    struct admission *admission = r->admission;
    if (admission->policy_count)
        qsort(admission->policies, admission->policy_count, sizeof *admission->policies, compare_policies);
    if (admission->binding_count)
        qsort(admission->bindings, admission->binding_count, sizeof *admission->bindings, compare_bindings);
    for (size_t i = 0; i < admission->binding_count; i++) {
        struct admission_binding *binding = &admission->bindings[i];
        const struct admission_policy key = {.name = binding->policy_name};
        binding->policy = admission->policy_count ? bsearch(&key, admission->policies, admission->policy_count,
                                                            sizeof key, compare_policies)
                                                  : NULL;
        r->object = arena_printf(r->arena, "binding %s", binding->name);
        if (!binding->policy) refuse(r, "there is no policy '%s'", binding->policy_name);
        if (binding->param_ref && !binding->policy->has_params) refuse(r, "its policy has no parameters");
    }
}

// ---- roles ----

static void read_role(struct reader *r, const struct value *object) {
    const struct value *rules = get_list(r, object, "rules");
    for (size_t i = 0; rules && i < rules->count; i++) {
        const struct value *rule = rules->as.items[i], *verbs = get_strings(r, rule, "verbs"),
                           *names = get_strings(r, rule, "resourceNames");
        if (!has_word(get_strings(r, rule, "apiGroups"), LOCKS_GROUP)) continue;
        if (!has_word(get_strings(r, rule, "resources"), "locks")) continue;
        r->admission->has_roles = true;
        for (size_t v = 0; verbs && v < verbs->count; v++)
            for (size_t n = 0; names && n < names->count; n++) {
                const struct admission_grant grant = {verbs->as.items[v]->as.string, names->as.items[n]->as.string};
                ARENA_PUSH(r->arena, r->admission->grants, r->admission->grant_count, grant);
            }
    }
}

// ---- all of it ----

static void read_object(struct reader *r, const struct value *object) {
    const char *kind = value_get_string(object, "kind"), *api_version = value_get_string(object, "apiVersion");
    const char *name = value_get_string(value_get(object, "metadata"), "name");
    const bool is_policy = strcmp(kind, "ValidatingAdmissionPolicy") == 0;
    r->object = arena_printf(r->arena, "%s %s", kind, name);
    if (!*name) refuse(r, "an object needs a name");
    if (is_policy || strcmp(kind, "ValidatingAdmissionPolicyBinding") == 0) {
        check_fields(r, object, "the object", "apiVersion kind metadata spec");
        if (strcmp(api_version, "admissionregistration.k8s.io/v1") != 0) refuse(r, "the API version is not supported");
        if (is_policy)
            read_policy(r, name, value_get(object, "spec"));
        else
            read_binding(r, name, value_get(object, "spec"));
        return;
    }
    const bool mutates = strcmp(kind, "MutatingWebhookConfiguration") == 0;
    if (mutates || strcmp(kind, "ValidatingWebhookConfiguration") == 0) {
        read_webhooks(r, object, mutates);
        return;
    }
    if (strcmp(kind, "ClusterRole") == 0) read_role(r, object);
    ARENA_PUSH(r->arena, r->admission->others, r->admission->other_count, object);
}

static struct reader *reader_of(struct arena *arena, unsigned minor) {
    struct reader *r = ARENA_NEW(arena, struct reader);
    r->arena = arena;
    r->minor = minor;
    r->admission = ARENA_NEW(arena, struct admission);
    return r;
}

static void read_objects(struct reader *r, const struct value *const *objects, size_t count) {
    for (size_t i = 0; i < count; i++) read_object(r, objects[i]);
    join(r);
}

struct admission *admission_read(struct arena *arena, const struct value *const *objects, size_t count, unsigned minor,
                                 const char **ret_error) {
    struct reader *r = reader_of(arena, minor);
    if (setjmp(r->failed)) {
        *ret_error = r->error;
        return NULL;
    }
    read_objects(r, objects, count);
    return r->admission;
}

struct admission *admission_read_alone(struct arena *arena, const struct value *object, unsigned minor,
                                       const char **ret_error) {
    struct reader *r = reader_of(arena, minor);
    if (setjmp(r->failed)) {
        *ret_error = r->error;
        return NULL;
    }
    read_object(r, object);
    return r->admission;
}
