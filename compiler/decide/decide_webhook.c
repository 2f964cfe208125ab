// Which webhooks an API server calls for a request.
#include <string.h>

#include "base/arena.h"
#include "data/value.h"
#include "decide/decide_internal.h"
#include "kubernetes/catalog.h"

// ---- rules ----

// An API server keeps from webhooks what they and policies are configured by.
static bool is_never_sent(const struct request *request) {
    return strcmp(request->group, "admissionregistration.k8s.io") == 0;
}

static bool names_it(const struct target *target, const struct request *request) {
    const char *subresource = target->subresource ? target->subresource : "";
    const struct object_scope alone = {.targets = (struct target[]){*target}, .target_count = 1};
    if (strcmp(subresource, request->subresource) != 0) return false;
    return decide_in_resources(&alone, request);
}

static bool is_in_half(const struct webhook *webhook, const struct target *target, const struct request *request) {
    if (target->resource) return target->resource->namespaced == request->namespaced;
    return request->namespaced ? webhook->scope.where != IN_CLUSTER : webhook->in_cluster;
}

static bool is_excepted(const struct webhook *webhook, const struct request *request) {
    for (size_t i = 0; i < webhook->scope.except_count; i++) {
        const struct target *except = &webhook->scope.excepts[i];
        if ((!except->group || strcmp(except->group, request->group) == 0) &&
            (!except->name || strcmp(except->name, request->resource) == 0))
            return true;
    }
    return false;
}

static bool has_rule(const struct webhook *webhook, const struct request *request) {
    if (is_never_sent(request) || is_excepted(webhook, request)) return false;
    for (size_t i = 0; i < webhook->scope.target_count; i++) {
        const struct target *target = &webhook->scope.targets[i];
        if (names_it(target, request) && is_in_half(webhook, target, request) &&
            (webhook_operations(webhook, target) & request->operation))
            return true;
    }
    return false;
}

// ---- namespaces ----

static bool is_namespace(const struct request *request) {
    return !*request->group && strcmp(request->resource, "namespaces") == 0;
}

// A Namespace is in the namespace that it is, with the labels that it is to have.
static enum truth in_namespaces(const struct view *view, const struct webhook *webhook) {
    const struct object_scope *scope = &webhook->scope;
    struct request own = *view->request;
    if (scope->where == IN_CLUSTER) return YES;
    if (is_namespace(&own)) {
        own.namespace = own.name;
        own.namespace_object = own.object && !*own.subresource ? own.object : own.old_object;
    } else if (!own.namespaced) {
        return YES;
    }
    if (scope->where == IN_NAMESPACES)
        return truth_of(decide_has_name(scope->namespaces, scope->namespace_count, own.namespace));
    if (decide_has_name(webhook->kept_out, webhook->kept_out_count, own.namespace)) return NO;
    if (scope->where == IN_ANY_NAMESPACE) return YES;
    struct view there = *view;
    there.request = &own;
    return decide_evaluate(&there, scope->namespace_selector);
}

// ---- objects ----

// Of a change, whether it holds before or after it.
static enum truth holds(const struct view *view, const struct formula *formula, bool either) {
    const struct request *request = view->request;
    const enum truth before = decide_holds(view, formula, view->stored);
    if (!either || request->operation != OP_UPDATE) return before;
    return truth_or(before, decide_holds(view, formula, request->object));
}

static enum truth meets_conditions(const struct view *view, const struct webhook *webhook) {
    struct webhook_condition *conditions;
    const size_t count = webhook_conditions(view->arena, webhook, &conditions);
    enum truth result = YES;
    if (webhook_selects_by_labels(webhook)) result = holds(view, webhook->labels, true);
    for (size_t i = 0; i < count; i++)
        if (webhook_asks(conditions[i].formula, view->request->subresource))
            result = truth_and(result, holds(view, conditions[i].formula, conditions[i].either));
    return result;
}

// As CEL's trim has it, of what an annotation is likely to hold.
static bool is_blank(char c) {
    return c == ' ' || (c >= '\t' && c <= '\r');
}

// A list of names between commas.
static bool is_listed(const char *list, const char *name) {
    while (*list) {
        const size_t len = strcspn(list, ",");
        size_t begin = 0, end = len;
        while (begin < end && is_blank(list[begin])) begin++;
        while (begin < end && is_blank(list[end - 1])) end--;
        if ((end - begin == 1 && list[begin] == '*') ||
            (end - begin == strlen(name) && strncmp(list + begin, name, end - begin) == 0))
            return true;
        list += len + (list[len] == ',');
    }
    return false;
}

static bool consents(const struct view *view, const struct webhook *webhook) {
    const struct value *list = NULL;
    if (!webhook->consent) return true;
    if (!kube_act_of(view->request->subresource))
        list = value_dig(view->stored, "metadata", "annotations", webhook->consent, NULL);
    if (!list || list->kind != VALUE_STRING) return !webhook->consents_strictly;
    return is_listed(list->as.string, webhook->name);
}

// ---- all of it ----

// What the account of a webhook may do is what it is called for: it is granted by the same policy.
static enum truth is_called(const struct view *view, const struct webhook *webhook) {
    if (!has_rule(webhook, view->request)) return NO;
    const enum truth where = in_namespaces(view, webhook);
    if (where == NO || !consents(view, webhook)) return NO;
    return truth_and(where, meets_conditions(view, webhook));
}

void decide_webhooks(const struct view *view, const struct policies *policies, bool mutating,
                     struct decision *decision) {
    for (size_t i = 0; i < policies->webhook_count; i++) {
        const struct webhook *webhook = policies->webhooks[i];
        if (webhook->is_mutating != mutating) continue;
        const enum truth called = is_called(view, webhook);
        if (called == YES) ARENA_PUSH(view->arena, decision->called, decision->called_count, webhook);
        if (called != FAILED) continue;
        // A condition that cannot be evaluated is a failure of the webhook.
        decision->webhook_failures = true;
        if (!webhook->fail_open) decision->verdict = VERDICT_DENIED;
    }
}
