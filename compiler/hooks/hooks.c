// Streams of YAML → webhooks, as if a policy had them, which are checked like those of policies; and each configuration
// asked of the locks, as if somebody whom none lets pass created it.
#include "hooks/hooks.h"

#include <string.h>

#include "base/arena.h"
#include "base/text.h"
#include "check/check.h"
#include "data/objects.h"
#include "data/value.h"
#include "data/yamlio.h"
#include "decide/decide.h"
#include "policy/policy.h"
#include "policy/request.h"
#include "report/diag.h"
#include "report/source.h"

#define GROUP_NAME "admissionregistration.k8s.io"
#define INJECTED_FROM "cert-manager.io/inject-ca-from"

enum { DEFAULT_PORT = 443 };

struct reading {
    const struct hooks_audit *audit;
    struct arena *arena;
    struct policies *others; // has the webhooks alone
    const struct yaml_document *document;
    size_t near;
    uint32_t file;
};

// ---- places ----

static struct span span_of(struct reading *r, const struct value *value) {
    const struct yaml_place *place = value ? yaml_place_of(r->document, value, &r->near) : NULL;
    return place ? (struct span){r->file, place->begin, place->end} : span_none();
}

static void refuse(struct reading *r, struct span span, const char *problem) {
    diag_report(r->audit->diags, DIAG_NOT_WEBHOOKS, span, "%s", problem);
    diag_help(r->audit->diags, "hand over what an API server takes: 'kubectl apply --dry-run=server' says the same");
}

static size_t count_of(const struct value *list) {
    return list && list->kind == VALUE_LIST ? list->count : 0;
}

static const char *text_at(const struct value *list, size_t i) {
    return list->as.items[i]->kind == VALUE_STRING ? list->as.items[i]->as.string : "";
}

static bool has_text(const struct value *list, const char *text) {
    for (size_t i = 0; i < count_of(list); i++)
        if (strcmp(text_at(list, i), text) == 0) return true;
    return false;
}

static bool is_empty(const struct value *value) {
    return !value || value->kind == VALUE_NULL || (value->kind != VALUE_MAP && value->kind != VALUE_LIST) ||
           !value->count;
}

// ---- for what a webhook is called ----

static unsigned operations_of(const struct value *rule) {
    const struct value *names = value_get(rule, "operations");
    const bool all = has_text(names, "*");
    unsigned operations = 0;
    for (size_t i = 0; i < KUBE_OPERATION_COUNT; i++)
        if (all || has_text(names, kube_operations[i].name)) operations |= kube_operations[i].operation;
    return operations;
}

// "deployments/scale" in a group, wildcards among them.
static struct target target_of(struct reading *r, const char *group, const char *resource) {
    const char *slash = strchr(resource, '/');
    const size_t len = slash ? (size_t)(slash - resource) : strlen(resource);
    struct target target = {.group = group, .name = arena_copy(r->arena, resource, len)};
    if (strcmp(group, "*") == 0) target.group = NULL;
    if (strcmp(target.name, "*") == 0) target.name = NULL;
    if (slash && strcmp(slash + 1, "*") != 0) target.subresource = slash + 1;
    return target;
}

static void read_rule(struct reading *r, struct webhook *webhook, const struct value *rule) {
    const struct value *groups = value_get(rule, "apiGroups"), *resources = value_get(rule, "resources");
    const unsigned operations = operations_of(rule);
    if (!(operations & OPS_WRITE)) return;
    webhook->operations |= operations;
    webhook->in_cluster |= strcmp(value_get_string(rule, "scope"), "Namespaced") != 0;
    for (size_t i = 0; i < count_of(groups); i++)
        for (size_t j = 0; j < count_of(resources); j++) {
            struct target target = target_of(r, text_at(groups, i), text_at(resources, j));
            target.span = span_of(r, resources->as.items[j]);
            if (target.span.file == SPAN_NOWHERE) target.span = webhook->span;
            target.outside = !target.name && strcmp(value_get_string(rule, "scope"), "Cluster") == 0;
            ARENA_PUSH(r->arena, webhook->scope.targets, webhook->scope.target_count, target);
        }
}

static void add_namespaces(struct reading *r, const struct value *values, const char ***names, size_t *count) {
    for (size_t i = 0; i < count_of(values); i++) ARENA_PUSH(r->arena, *names, *count, text_at(values, i));
}

// What a selector of namespaces says by their names. By other labels a namespace may be out: then it is in none for
// sure.
static void read_namespaces(struct reading *r, struct webhook *webhook, const struct value *selector) {
    struct object_scope *scope = &webhook->scope;
    const struct value *labels = value_get(selector, "matchLabels"), *needs = value_get(selector, "matchExpressions");
    scope->where = IN_LABELED_NAMESPACES;
    bool by_others = false;
    for (size_t i = 0; labels && labels->kind == VALUE_MAP && i < labels->count; i++) {
        const struct value *value = labels->as.entries[i].value;
        if (strcmp(labels->as.entries[i].key, KUBE_NAME_LABEL) != 0 || value->kind != VALUE_STRING) {
            by_others = true;
            continue;
        }
        scope->where = IN_NAMESPACES;
        ARENA_PUSH(r->arena, scope->namespaces, scope->namespace_count, value->as.string);
    }
    for (size_t i = 0; i < count_of(needs); i++) {
        const struct value *need = needs->as.items[i], *values = value_get(need, "values");
        const char *operator= value_get_string(need, "operator");
        const bool by_name = strcmp(value_get_string(need, "key"), KUBE_NAME_LABEL) == 0;
        if (by_name && strcmp(operator, "In") == 0) {
            scope->where = IN_NAMESPACES;
            add_namespaces(r, values, &scope->namespaces, &scope->namespace_count);
        } else if (by_name && strcmp(operator, "NotIn") == 0) {
            add_namespaces(r, values, &webhook->kept_out, &webhook->kept_out_count);
        } else {
            by_others = true;
        }
    }
    if (by_others) scope->where = IN_CLUSTER;
}

// ---- webhooks ----

static void read_server(struct webhook *webhook, const struct value *object, const struct value *config) {
    const struct value *service = value_get(config, "service");
    webhook->url = value_get(config, "url") ? value_get_string(config, "url") : NULL;
    if (service && service->kind == VALUE_MAP) {
        webhook->service_namespace = value_get_string(service, "namespace");
        webhook->service = value_get_string(service, "name");
    }
    webhook->port = DEFAULT_PORT;
    const struct value *annotations = value_dig(object, "metadata", "annotations", NULL);
    webhook->ca = value_get_string(annotations, INJECTED_FROM);
    if (*webhook->ca) webhook->authority = AUTHORITY_FROM_CERTIFICATE;
}

static void read_webhook(struct reading *r, const struct value *object, const struct value *value, bool is_mutating) {
    const struct value *name = value_get(value, "name"), *rules = value_get(value, "rules");
    if (!name || name->kind != VALUE_STRING || !*name->as.string) {
        refuse(r, span_of(r, value), "a webhook without a name");
        return;
    }
    struct webhook *webhook = ARENA_NEW(r->arena, struct webhook);
    *webhook = (struct webhook){.policy = "", .name = name->as.string, .is_mutating = is_mutating};
    webhook->span = webhook->block = span_of(r, name);
    webhook->fail_open = strcmp(value_get_string(value, "failurePolicy"), "Ignore") == 0;
    read_server(webhook, object, value_get(value, "clientConfig"));
    read_namespaces(r, webhook, value_get(value, "namespaceSelector"));
    for (size_t i = 0; i < count_of(rules); i++) read_rule(r, webhook, rules->as.items[i]);
    const struct value *selector = value_get(value, "objectSelector");
    // What else is asked of a request is not read: nothing is for sure then.
    if (!is_empty(value_get(selector, "matchLabels")) || !is_empty(value_get(selector, "matchExpressions")) ||
        !is_empty(value_get(value, "matchConditions")))
        webhook->condition = formula_new(r->arena, FORMULA_TRUE);
    ARENA_PUSH(r->arena, r->others->webhooks, r->others->webhook_count, webhook);
}

// ---- what locks require ----

static void ask_locks(struct reading *r, const struct value *object, const struct value *name, bool is_mutating) {
    struct decision decision;
    const struct request request = {
        .operation = OP_CREATE,
        .group = GROUP_NAME,
        .version = "v1",
        .resource = is_mutating ? "mutatingwebhookconfigurations" : "validatingwebhookconfigurations",
        .kind = is_mutating ? "MutatingWebhookConfiguration" : "ValidatingWebhookConfiguration",
        .subresource = "",
        .namespace = "",
        .name = name->as.string,
        .user = "",
        .uid = "",
        .object = object,
    };
    decide(r->arena, r->audit->policies, &request, &decision);
    for (size_t i = 0; i < decision.refusal_count; i++) {
        const struct lock *lock = decision.refusals[i].lock;
        if (!lock->requires || decide_reason(r->arena, &request, lock).kind != REASON_REQUIRED) continue;
        diag_report(r->audit->diags, DIAG_WEBHOOK_AGAINST_LOCK, span_of(r, name),
                    "'%s' is not what lock '%s' of policy '%s' requires", name->as.string, lock->name, lock->policy);
        diag_relate(r->audit->diags, lock->span, "the lock");
        diag_help(r->audit->diags,
                  "it stays as it is until somebody changes it: change what is in the way, or the lock");
    }
}

// ---- objects ----

static void read_configuration(struct reading *r, const struct value *object, bool is_mutating) {
    const struct value *name = value_dig(object, "metadata", "name", NULL), *webhooks = value_get(object, "webhooks");
    if (!name || name->kind != VALUE_STRING || !*name->as.string) {
        refuse(r, span_of(r, object), "a configuration of webhooks without a name");
        return;
    }
    if (webhooks && webhooks->kind != VALUE_LIST && webhooks->kind != VALUE_NULL) {
        refuse(r, span_of(r, webhooks), "'webhooks' is no list");
        return;
    }
    for (size_t i = 0; i < count_of(webhooks); i++) read_webhook(r, object, webhooks->as.items[i], is_mutating);
    ask_locks(r, object, name, is_mutating);
}

static void read_object(void *context, const struct value *object, const char *version, const char *kind) {
    struct reading *r = context;
    const bool is_mutating = strcmp(kind, "MutatingWebhookConfiguration") == 0;
    if (!*kind || !*version) {
        refuse(r, span_of(r, object), "this is no object: it needs apiVersion and kind");
    } else if ((is_mutating || strcmp(kind, "ValidatingWebhookConfiguration") == 0) &&
               strncmp(version, GROUP_NAME "/", strlen(GROUP_NAME "/")) == 0) {
        if (strcmp(version, GROUP_NAME "/v1") == 0)
            read_configuration(r, object, is_mutating);
        else
            refuse(r, span_of(r, value_get(object, "apiVersion")),
                   "Kubernetes has no webhooks of this version since 1.22: it is " GROUP_NAME "/v1");
    }
}

static void read_input(struct reading *r, const struct source_input *input) {
    static const struct yaml_keys metadata_keys[] = {
        {"name", NULL}, {"labels", NULL}, {"annotations", NULL}, {"ownerReferences", NULL}, {NULL, NULL}};
    static const struct yaml_keys object_keys[6] = {{"apiVersion", NULL},        {"kind", NULL},
                                                    {"metadata", metadata_keys}, {"webhooks", NULL},
                                                    {"items", object_keys},      {NULL, NULL}};
    const struct hooks_audit *audit = r->audit;
    const uint32_t file = source_add(audit->sources, audit->diags, input->name, input->bytes, input->len);
    const struct source *source = &audit->sources->items[file];
    if (!source->usable) return;
    struct yaml_stream stream;
    yaml_read_stream(r->arena, source->text, source->len, object_keys, &stream);
    r->file = file;
    for (size_t i = 0; i < stream.count; i++) {
        r->document = &stream.documents[i];
        r->near = 0;
        objects_each(r->arena, stream.documents[i].value, read_object, r);
    }
    if (stream.error) refuse(r, (struct span){file, stream.error_at, stream.error_at + 1}, stream.error);
}

void hooks_audit(const struct hooks_audit *audit) {
    const size_t errors = audit->diags->errors;
    struct policies others = {0};
    struct reading r = {.audit = audit, .arena = audit->arena, .others = &others};
    for (size_t i = 0; i < audit->input_count; i++) read_input(&r, &audit->inputs[i]);
    if (audit->diags->errors > errors) return; // half of it would give half of the truth
    check_webhooks_of_others(audit->arena, audit->diags, &others);
}
