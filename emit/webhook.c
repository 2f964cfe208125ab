// Webhooks → Mutating- and ValidatingWebhookConfiguration. Every default of the API server is written out, as in vap.c.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/limits.h"
#include "base/names.h"
#include "base/text.h"
#include "cel/cel_build.h"
#include "cel/cel_print.h"
#include "cel/cel_rewrite.h"
#include "data/value.h"
#include "emit/manifest.h"
#include "emit/plan_internal.h"
#include "emit/vap_internal.h"
#include "emit/vap_policy.h"
#include "kubernetes/catalog.h"
#include "report/diag.h"

#define NAMESPACE_NAME "kubernetes.io/metadata.name" // a label that the API server keeps true

// ---- rules ----

static const char *resource_text(struct arena *arena, const struct target *target) {
    const char *name = target->name ? target->name : "*";
    return target->subresource ? arena_printf(arena, "%s/%s", name, target->subresource) : name;
}

static bool is_field(const struct formula *part) {
    const bool reads = part->kind == FORMULA_FIELD || part->kind == FORMULA_ANY || part->kind == FORMULA_ALL;
    return part->kind == FORMULA_CEL || (reads && part->path.variable < 0 && !path_is_metadata(&part->path));
}

// Fields are read in one version; whatever else is asked is the same in all.
static const char *version_of(const struct webhook *webhook, const struct target *target) {
    const bool reads = formula_any(webhook->selects, is_field) || formula_any(webhook->condition, is_field);
    if (target->version) return target->version;
    return reads && target->resource && !target->subresource ? target->resource->version : "*";
}

enum rule_scope { RULE_NAMESPACED, RULE_CLUSTER, RULE_ANYWHERE };

static enum rule_scope scope_of(const struct webhook *webhook, const struct target *target) {
    if (target->resource) return target->resource->namespaced ? RULE_NAMESPACED : RULE_CLUSTER;
    if (webhook->scope.where == IN_CLUSTER) return RULE_CLUSTER;
    return webhook->in_cluster ? RULE_ANYWHERE : RULE_NAMESPACED;
}

struct rules {
    struct plan_rule *items;
    enum rule_scope *scopes;
    size_t count;
};

static void add_rule(struct arena *arena, struct rules *rules, const struct webhook *webhook,
                     const struct target *target) {
    const struct plan_rule wanted = {.group = target->group ? target->group : "*",
                                     .version = version_of(webhook, target),
                                     .operations = webhook_operations(webhook, target),
                                     .namespaced = scope_of(webhook, target) != RULE_CLUSTER};
    const enum rule_scope scope = scope_of(webhook, target);
    if (!wanted.operations) return;
    size_t i = 0;
    for (; i < rules->count; i++)
        if (strcmp(rules->items[i].group, wanted.group) == 0 && strcmp(rules->items[i].version, wanted.version) == 0 &&
            rules->items[i].operations == wanted.operations && rules->scopes[i] == scope)
            break;
    if (i == rules->count) {
        size_t scopes = rules->count;
        ARENA_PUSH(arena, rules->scopes, scopes, scope);
        ARENA_PUSH(arena, rules->items, rules->count, wanted);
    }
    ARENA_PUSH(arena, rules->items[i].resources, rules->items[i].resource_count, resource_text(arena, target));
}

// Those of the targets that `takes` takes.
static struct rules rules_of(struct arena *arena, const struct webhook *webhook, const struct formula *formula,
                             bool (*takes)(const struct formula *formula, const struct target *target)) {
    struct rules rules = {0};
    for (size_t i = 0; i < webhook->scope.target_count; i++)
        if (takes(formula, &webhook->scope.targets[i])) add_rule(arena, &rules, webhook, &webhook->scope.targets[i]);
    for (size_t i = 0; i < rules.count; i++)
        qsort(rules.items[i].resources, rules.items[i].resource_count, sizeof *rules.items[i].resources,
              compare_strings);
    return rules;
}

static bool takes_all(const struct formula *formula, const struct target *target) {
    (void)formula, (void)target;
    return true;
}

static struct value *rules_value(struct arena *arena, const struct webhook *webhook) {
    const struct rules rules = rules_of(arena, webhook, NULL, takes_all);
    struct value *list = vap_rules(arena, rules.items, rules.count, true);
    for (size_t i = 0; i < rules.count; i++)
        if (rules.scopes[i] == RULE_ANYWHERE) value_set_string(arena, list->as.items[i], "scope", "*");
    return list;
}

// ---- selectors ----

static struct value *requirement(struct arena *arena, const char *key, const char *operator) {
    struct value *requirement = value_map(arena);
    value_set_string(arena, requirement, "key", key);
    value_set_string(arena, requirement, "operator", operator);
    return requirement;
}

static struct value *requirement_in(struct arena *arena, const char *key, const char *operator,
                                    const char * const * texts, size_t count) {
    struct value *one = requirement(arena, key, operator), *values = value_list(arena);
    for (size_t i = 0; i < count; i++) value_append(arena, values, value_string(arena, texts[i]));
    value_set(arena, one, "values", values);
    return one;
}

// What the labels have to be, as matchLabels where one value is asked for.
static void add_requirements(struct arena *arena, struct value *exact, struct value *expressions,
                             const struct formula *formula) {
    for (size_t i = 0; i < formula_part_count(formula); i++) {
        const struct formula *atom = formula_part(formula, i);
        const bool negated = atom->kind == FORMULA_NOT;
        if (negated) atom = atom->operands[0];
        if (atom->compare == CMP_EXISTS) {
            value_append(arena, expressions, requirement(arena, atom->key, negated ? "DoesNotExist" : "Exists"));
        } else if (!negated && atom->value_count == 1 && !value_get(exact, atom->key)) {
            value_set_string(arena, exact, atom->key, atom->values[0]->as.string);
        } else {
            const char **texts = ARENA_ARRAY(arena, const char *, atom->value_count);
            for (size_t j = 0; j < atom->value_count; j++) texts[j] = atom->values[j]->as.string;
            value_append(arena, expressions,
                         requirement_in(arena, atom->key, negated ? "NotIn" : "In", texts, atom->value_count));
        }
    }
}

static struct value *selector(struct arena *arena, struct value *exact, struct value *expressions) {
    struct value *made = value_map(arena);
    if (expressions->count) value_set(arena, made, "matchExpressions", expressions);
    if (exact->count) value_set(arena, made, "matchLabels", exact);
    return made;
}

static struct value *namespace_selector(struct arena *arena, const struct webhook *webhook) {
    struct value *exact = value_map(arena), *expressions = value_list(arena);
    const struct object_scope *scope = &webhook->scope;
    if (scope->where == IN_LABELED_NAMESPACES) add_requirements(arena, exact, expressions, scope->namespace_selector);
    if (scope->where == IN_NAMESPACES)
        value_append(arena, expressions,
                     requirement_in(arena, NAMESPACE_NAME, "In", scope->namespaces, scope->namespace_count));
    else if (webhook->kept_out_count)
        value_append(arena, expressions,
                     requirement_in(arena, NAMESPACE_NAME, "NotIn", webhook->kept_out, webhook->kept_out_count));
    return selector(arena, exact, expressions);
}

static struct value *object_selector(struct arena *arena, const struct webhook *webhook) {
    struct value *exact = value_map(arena), *expressions = value_list(arena);
    if (webhook_selects_by_labels(webhook)) add_requirements(arena, exact, expressions, webhook->labels);
    return selector(arena, exact, expressions);
}

// ---- match conditions ----

struct emitter {
    struct manifest *manifest;
    struct arena *scratch; // of the trees, of which nothing stays
    const struct webhook *webhook;
    struct map *accounts; // what is asked of accounts, which many webhooks may share
};

static struct cel_node *subresource(struct arena *arena) {
    return cel_quote(arena, "request.?subResource.orValue('')");
}

// The formula for requests of these rules, which are all of one shape.
static struct cel_node *condition_for(struct arena *arena, const struct emitter *emitter, const struct formula *formula,
                                      bool either, const struct rules *rules, enum shape shape) {
    const struct webhook *webhook = emitter->webhook;
    struct lock *lock = ARENA_NEW(arena, struct lock);
    *lock = (struct lock){.policy = webhook->policy,
                          .name = webhook->name,
                          .id = webhook->name,
                          .span = webhook->span,
                          .scope = webhook->scope,
                          .selects = formula_copy(arena, formula),
                          .condition = formula_new(arena, FORMULA_TRUE),
                          .message = ""};
    struct plan_policy plan = {.shape = shape,
                               .policy = webhook->policy,
                               .name = webhook->name,
                               .avoids_variables = true,
                               .rules = rules->items,
                               .rule_count = rules->count,
                               .lock_count = 1};
    const struct lock *locks[] = {lock};
    const char *structures[] = {plan_skeleton(arena, lock)};
    plan_make_tables(arena, &plan, locks, structures, 1);
    return vap_make_condition(arena, &plan, either);
}

static bool carries_enough(const struct formula *formula, const struct target *target) {
    const struct kube_act *act = target->subresource ? kube_act_of(target->subresource) : NULL;
    if (!act) return true;
    return act->act == ACT_SCALE && webhook_asks(formula, target->subresource);
}

static struct cel_node *is_subresource(struct arena *arena, const char *name) {
    return cel_is_string(arena, subresource(arena), name);
}

// What is asked of requests for objects, and of those that carry less as far as they go.
static struct cel_node *condition_of(struct arena *arena, const struct emitter *emitter,
                                     const struct webhook_condition *condition) {
    const struct webhook *webhook = emitter->webhook;
    const struct rules rules = rules_of(arena, webhook, condition->formula, carries_enough);
    struct cel_node *result =
        rules.count ? condition_for(arena, emitter, condition->formula, condition->either, &rules, SHAPE_OBJECTS)
                    : cel_boolean(arena, true);
    for (size_t i = 0; i < webhook->scope.target_count; i++) {
        const struct target *target = &webhook->scope.targets[i];
        if (carries_enough(condition->formula, target)) continue;
        struct rules alone = {0};
        add_rule(arena, &alone, webhook, target);
        struct cel_node *here = is_subresource(arena, target->subresource);
        if (!webhook_asks(condition->formula, target->subresource))
            result = cel_or(arena, here, result);
        else
            result = cel_if(arena, here,
                            condition_for(arena, emitter, condition->formula, false, &alone,
                                          kube_act_of(target->subresource)->shape),
                            result);
    }
    return cel_simplify(arena, result);
}

static unsigned operations_of(const struct webhook *webhook) {
    unsigned operations = 0;
    for (size_t i = 0; i < webhook->scope.target_count; i++)
        operations |= webhook_operations(webhook, &webhook->scope.targets[i]);
    return operations;
}

// The object as it is stored, or as it is to be stored first.
static struct cel_node *stored(struct arena *arena, const struct webhook *webhook) {
    const unsigned operations = operations_of(webhook);
    if (!(operations & OP_CREATE)) return cel_name(arena, "oldObject");
    if (operations == OP_CREATE) return cel_name(arena, "object");
    return cel_parenthesized(arena, cel_quote(arena, "request.operation == 'CREATE' ? object : oldObject"));
}

// The annotation is a list of webhooks. What carries none of the object's annotations has none.
static struct cel_node *consent_of(struct arena *arena, const struct webhook *webhook) {
    struct cel_node *list = cel_select(arena, stored(arena, webhook), "metadata");
    list = cel_optional_at(arena, cel_optional_child(arena, list, "annotations"), webhook->consent);
    list = cel_method(arena, list, "orValue", cel_string(arena, webhook->consents_strictly ? "" : "*"));
    list = cel_method(arena, list, "split", cel_string(arena, ","));
    const char *const names[] = {"*", webhook->name};
    struct cel_node *named = cel_in(arena, cel_method(arena, cel_name(arena, "n"), "trim", NULL),
                                    cel_strings(arena, names, sizeof names / sizeof *names));
    struct cel_node *result = cel_macro(arena, list, "exists", "n", named);
    for (size_t i = 0; i < webhook->scope.target_count; i++) {
        const struct target *target = &webhook->scope.targets[i];
        if (webhook_carries(target)) continue;
        struct cel_node *here = is_subresource(arena, target->subresource);
        result =
            webhook->consents_strictly ? cel_and(arena, cel_not(arena, here), result) : cel_or(arena, here, result);
    }
    return result;
}

static struct cel_node *verbs_of(struct arena *arena, unsigned operations) {
    struct cel_node *result = NULL;
    for (size_t i = KUBE_OPERATION_COUNT; i-- > 0;) {
        const struct kube_operation *asked = &kube_operations[i];
        if (!(operations & asked->operation)) continue;
        const char *verbs = webhook_verbs(asked->operation), *list[2];
        size_t count = 0;
        for (const char *at = verbs; *at;) {
            const size_t len = strcspn(at, " ");
            list[count++] = arena_copy(arena, at, len);
            at += len + (at[len] == ' ');
        }
        struct cel_node *own = cel_strings(arena, list, count);
        if (result)
            own = cel_if(arena, cel_eq(arena, cel_quote(arena, "request.operation"), cel_string(arena, asked->name)),
                         own, result);
        result = own;
    }
    return result->kind == CEL_NODE_LIST ? result : cel_parenthesized(arena, result);
}

// That the account still may do what the request does. A create names no object, but for one below it.
static struct cel_node *account_of(struct arena *arena, const struct webhook *webhook) {
    const unsigned operations = operations_of(webhook);
    bool below = false;
    for (size_t i = 0; i < webhook->scope.target_count; i++) below |= webhook->scope.targets[i].subresource != NULL;
    struct cel_node *check =
        cel_method_of_two(arena, cel_name(arena, "authorizer"), "serviceAccount",
                          cel_string(arena, webhook->account_namespace), cel_string(arena, webhook->account));
    check = cel_method(arena, check, "group", cel_quote(arena, "request.resource.group"));
    check = cel_method(arena, check, "resource", cel_quote(arena, "request.resource.resource"));
    if (below) check = cel_method(arena, check, "subresource", subresource(arena));
    check = cel_method(arena, check, "namespace", cel_quote(arena, "request.?namespace.orValue('')"));
    if (operations != OP_CREATE || below) {
        const char *name = !(operations & OP_CREATE) ? "request.?name.orValue('')"
                           : !below                  ? "request.operation == 'CREATE' ? '' : request.?name.orValue('')"
                                    : "request.operation == 'CREATE' && request.?subResource.orValue('') == '' ? '' : "
                                      "request.?name.orValue('')";
        check = cel_method(arena, check, "name", cel_quote(arena, name));
    }
    check = cel_method(arena, cel_method(arena, check, "check", cel_name(arena, "v")), "allowed", NULL);
    return cel_macro(arena, verbs_of(arena, operations), "exists", "v", check);
}

static bool is_named(const struct object_scope *scope, const struct kube_resource_name *name) {
    for (size_t i = 0; i < scope->target_count; i++)
        if (scope->targets[i].name && strcmp(scope->targets[i].name, name->name) == 0 &&
            strcmp(scope->targets[i].group, name->group) == 0)
            return true;
    return false;
}

// What a wildcard leaves out: rules of webhooks cannot.
static struct cel_node *resources_of(struct arena *arena, const struct webhook *webhook) {
    const struct object_scope *scope = &webhook->scope;
    const char **names = NULL;
    size_t count = 0;
    for (size_t i = 0; i < kube_never_locked_count; i++) {
        const struct kube_resource_name *name = &kube_never_locked[i];
        if (is_named(scope, name)) continue;
        const char *text = *name->group ? arena_printf(arena, "%s.%s", name->name, name->group) : name->name;
        ARENA_PUSH(arena, names, count, text);
    }
    for (size_t i = 0; i < scope->except_count; i++)
        if (scope->excepts[i].resource)
            ARENA_PUSH(arena, names, count, catalog_name(arena, scope->excepts[i].resource));
    struct cel_node *result = cel_not(arena, cel_in(arena, vap_resource(arena), cel_strings(arena, names, count)));
    for (size_t i = 0; i < scope->except_count; i++)
        if (!scope->excepts[i].resource && scope->excepts[i].group)
            result = cel_and(
                arena, result,
                cel_ne(arena, cel_quote(arena, "request.resource.group"), cel_string(arena, scope->excepts[i].group)));
    return result;
}

static void add_text(struct emitter *emitter, struct value *list, const char *name, const char *expression) {
    struct arena *arena = emitter->manifest->arena;
    struct value *condition = value_map(arena);
    value_set_string(arena, condition, "name", name);
    value_set_string(arena, condition, "expression", expression);
    value_append(arena, list, condition);
}

static const char *text_of(struct emitter *emitter, const struct cel_node *node) {
    struct text text;
    text_init(&text, emitter->scratch);
    (void)cel_print_on_lines(&text, node);
    if (utf8_length(text.data, text.len) > LIMIT_CEL_CODE_POINTS) {
        diag_report(emitter->manifest->diags, DIAG_EXPRESSION_TOO_LARGE, emitter->webhook->span,
                    "webhook '%s' needs an expression of more than %d code points", emitter->webhook->name,
                    LIMIT_CEL_CODE_POINTS);
        diag_help(emitter->manifest->diags, "shorten lists and conditions, or split the webhook");
    }
    return arena_copy(emitter->manifest->arena, text_string(&text), text.len);
}

static void add_condition(struct emitter *emitter, struct value *list, const char *name, const struct cel_node *node) {
    if (!cel_is_bool(node, true)) add_text(emitter, list, name, text_of(emitter, node));
}

static void add_account(struct emitter *emitter, struct value *list) {
    const struct webhook *webhook = emitter->webhook;
    bool below = false;
    for (size_t i = 0; i < webhook->scope.target_count; i++) below |= webhook->scope.targets[i].subresource != NULL;
    const char *key = arena_printf(emitter->manifest->arena, "%s/%s %u %d", webhook->account_namespace,
                                   webhook->account, operations_of(webhook), below);
    const char *text = map_get(emitter->accounts, key);
    if (!text) {
        text = text_of(emitter, account_of(emitter->scratch, webhook));
        map_set(emitter->accounts, key, (char *)(uintptr_t)text);
    }
    add_text(emitter, list, "account", text);
}

static struct value *match_conditions(struct emitter *emitter) {
    struct arena *arena = emitter->manifest->arena, *scratch = emitter->scratch;
    const struct webhook *webhook = emitter->webhook;
    struct value *list = value_list(arena);
    struct webhook_condition *conditions;
    const size_t count = webhook_conditions(arena, webhook, &conditions);
    if (scope_has_wildcard(&webhook->scope)) add_condition(emitter, list, "resources", resources_of(scratch, webhook));
    for (size_t i = 0; i < count; i++)
        add_condition(emitter, list, conditions[i].name, condition_of(scratch, emitter, &conditions[i]));
    if (webhook->consent) add_condition(emitter, list, "consent", consent_of(scratch, webhook));
    if (webhook->account) add_account(emitter, list);
    arena_clear(scratch);
    return list;
}

// ---- the objects ----

static struct value *client_config(struct arena *arena, const struct webhook *webhook) {
    struct value *config = value_map(arena);
    if (webhook->authority == AUTHORITY_BUNDLE) value_set_string(arena, config, "caBundle", webhook->ca);
    if (webhook->url) {
        value_set_string(arena, config, "url", webhook->url);
        return config;
    }
    struct value *service = value_map(arena);
    value_set_string(arena, service, "name", webhook->service);
    value_set_string(arena, service, "namespace", webhook->service_namespace);
    if (webhook->path) value_set_string(arena, service, "path", webhook->path);
    value_set(arena, service, "port", value_int(arena, webhook->port));
    value_set(arena, config, "service", service);
    return config;
}

static struct value *webhook_value(struct emitter *emitter) {
    struct arena *arena = emitter->manifest->arena;
    const struct webhook *webhook = emitter->webhook;
    struct value *made = value_map(arena), *versions = value_list(arena);
    value_append(arena, versions, value_string(arena, "v1"));
    value_set(arena, made, "admissionReviewVersions", versions);
    value_set(arena, made, "clientConfig", client_config(arena, webhook));
    value_set_string(arena, made, "failurePolicy", webhook->fail_open ? "Ignore" : "Fail");
    struct value *conditions = match_conditions(emitter);
    if (conditions->count) value_set(arena, made, "matchConditions", conditions);
    value_set_string(arena, made, "matchPolicy", "Equivalent");
    value_set_string(arena, made, "name", webhook->name);
    value_set(arena, made, "namespaceSelector", namespace_selector(arena, webhook));
    value_set(arena, made, "objectSelector", object_selector(arena, webhook));
    if (webhook->is_mutating)
        value_set_string(arena, made, "reinvocationPolicy", webhook->reinvokes ? "IfNeeded" : "Never");
    value_set(arena, made, "rules", rules_value(arena, webhook));
    value_set_string(arena, made, "sideEffects", webhook->side_effects ? "NoneOnDryRun" : "None");
    value_set(arena, made, "timeoutSeconds", value_int(arena, webhook->timeout));
    return made;
}

// The webhooks of one object.
struct configuration {
    struct value *webhooks;
    size_t bytes;
    struct span span; // of the only one
    const struct webhook *first, *injected;
    size_t part; // from 1
};

// API servers ask configurations by their names, so that parts stay in order as long as their number has one digit.
// More does not fit into one object, which is reported.
static void add_configuration(struct manifest *manifest, const struct configuration *configuration) {
    struct arena *arena = manifest->arena;
    const struct webhook *first = configuration->first, *injected = configuration->injected;
    const char *name =
        arena_printf(arena, "%s-%s", names_part(arena, first->policy), first->is_mutating ? "mutating" : "validating");
    if (configuration->part > 1) name = arena_printf(arena, "%s-%zu", name, configuration->part);
    struct value *object =
        manifest_add(manifest, first->is_mutating ? MANIFEST_MUTATING_WEBHOOKS : MANIFEST_VALIDATING_WEBHOOKS,
                     first->policy, "", names_of_object(arena, name), configuration->span);
    if (injected)
        manifest_annotate(arena, object,
                          injected->authority == AUTHORITY_FROM_SECRET ? "cert-manager.io/inject-ca-from-secret"
                                                                       : "cert-manager.io/inject-ca-from",
                          injected->ca);
    value_set(arena, object, "webhooks", configuration->webhooks);
}

static void add_configurations(struct manifest *manifest, const struct policies *policies, const char *policy,
                               bool is_mutating, struct map *accounts) {
    enum { ROOM = LIMIT_OBJECT_BYTES / 3 * 2, MOST_PARTS = 9 };
    struct arena *arena = manifest->arena;
    struct configuration configuration = {.part = 1};
    for (size_t i = 0; i < policies->webhook_count; i++) {
        const struct webhook *webhook = policies->webhooks[i];
        if (strcmp(webhook->policy, policy) != 0 || webhook->is_mutating != is_mutating) continue;
        struct emitter emitter = {manifest, arena_scratch(arena), webhook, accounts};
        struct value *made = webhook_value(&emitter);
        const size_t bytes = manifest_bytes(made);
        if (configuration.first && configuration.bytes + bytes > ROOM && configuration.part < MOST_PARTS) {
            add_configuration(manifest, &configuration);
            configuration = (struct configuration){.part = configuration.part + 1};
        }
        if (!configuration.first) configuration.webhooks = value_list(arena);
        configuration.span = configuration.first ? span_none() : webhook->span;
        if (!configuration.first) configuration.first = webhook;
        if (webhook->authority >= AUTHORITY_FROM_CERTIFICATE) configuration.injected = webhook;
        value_append(arena, configuration.webhooks, made);
        configuration.bytes += bytes;
    }
    if (configuration.first) add_configuration(manifest, &configuration);
}

void webhooks_emit(struct manifest *manifest, const struct policies *policies) {
    struct map accounts;
    map_init(&accounts, manifest->arena);
    for (size_t i = 0; i < policies->webhook_count; i++) {
        const char *policy = policies->webhooks[i]->policy;
        if (i && strcmp(policies->webhooks[i - 1]->policy, policy) == 0) continue;
        add_configurations(manifest, policies, policy, true, &accounts);
        add_configurations(manifest, policies, policy, false, &accounts);
    }
}
