// Webhooks that keep the cluster, each other or themselves from working, and what requests do not tell them.
#include <string.h>

#include "base/arena.h"
#include "base/text.h"
#include "check/check_internal.h"
#include "kubernetes/catalog.h"
#include "report/diag.h"

// What a webhook needs to run: its pods and whoever makes them, where it is found, what it mounts, who leads.
static const struct kube_resource_name needed[] = {
    {"", "pods"},
    {"", "services"},
    {"", "endpoints"},
    {"discovery.k8s.io", "endpointslices"},
    {"", "configmaps"},
    {"", "secrets"},
    {"apps", "deployments"},
    {"apps", "replicasets"},
    {"", "serviceaccounts"},
    {"coordination.k8s.io", "leases"},
};
// What cert-manager writes to renew a certificate.
static const struct kube_resource_name renewed[] = {
    {"", "secrets"}, {"cert-manager.io", "certificates"}, {"cert-manager.io", "certificaterequests"}};

static bool takes_in(const struct webhook *webhook, const struct kube_resource_name *resource) {
    for (size_t i = 0; i < webhook->scope.target_count; i++) {
        const struct target *target = &webhook->scope.targets[i];
        if (target->subresource || !(webhook_operations(webhook, target) & OPS_WRITE)) continue;
        if ((!target->group || strcmp(target->group, resource->group) == 0) &&
            (!target->name || strcmp(target->name, resource->name) == 0))
            return true;
    }
    return false;
}

static bool is_in(const struct webhook *webhook, const char *namespace) {
    for (size_t i = 0; i < webhook->kept_out_count; i++)
        if (strcmp(webhook->kept_out[i], namespace) == 0) return false;
    return scope_may_be_in(&webhook->scope, namespace);
}

// Conditions that nothing there may meet are nobody's promise, but those on names and on who asks are.
static bool is_narrowed(const struct webhook *webhook) {
    return webhook->labels || webhook->selects || webhook->condition ||
           (webhook->consent && webhook->consents_strictly);
}

// What of these the webhook answers for in the namespace; NULL for nothing.
static const struct kube_resource_name *answers_for(const struct webhook *webhook, const char *namespace,
                                                    const struct kube_resource_name *resources, size_t count) {
    if (webhook->fail_open || is_narrowed(webhook) || !is_in(webhook, namespace)) return NULL;
    for (size_t i = 0; i < count; i++)
        if (takes_in(webhook, &resources[i])) return &resources[i];
    return NULL;
}

static const struct kube_resource_name *answers_for_needs(const struct webhook *webhook, const struct webhook *other) {
    if (!other->service) return NULL;
    return answers_for(webhook, other->service_namespace, needed, sizeof needed / sizeof *needed);
}

static enum diag_code deadlock(const struct checking *checking) {
    return checking->of_others ? DIAG_WEBHOOKS_DEADLOCK : DIAG_WEBHOOK_DEADLOCK;
}

// What is to be done, as it is written in a policy and in a configuration.
static void help(const struct checking *checking, const char *in_policy, const char *in_configuration) {
    diag_help(checking->diags, "%s", checking->of_others ? in_configuration : in_policy);
}

static void check_itself(const struct checking *checking, const struct webhook *webhook) {
    const struct kube_resource_name *own = answers_for_needs(webhook, webhook);
    if (!own) return;
    diag_report(checking->diags, deadlock(checking), webhook->span,
                "webhook '%s' answers for %s in namespace '%s', where it runs: once it is down, it stays down",
                webhook->name, own->name, webhook->service_namespace);
    help(checking, "leave that namespace out, narrow it by labels, or write: on failure allow",
         "leave that namespace out by a namespaceSelector, narrow it by an objectSelector, or write: failurePolicy: "
         "Ignore");
}

static void check_each_other(const struct checking *checking, const struct webhook *webhook,
                             const struct webhook *other) {
    if (webhook->service && other->service && strcmp(webhook->service_namespace, other->service_namespace) == 0) return;
    const struct kube_resource_name *there = answers_for_needs(webhook, other);
    const struct kube_resource_name *here = there ? answers_for_needs(other, webhook) : NULL;
    if (!here) return;
    diag_report(checking->diags, deadlock(checking), other->span,
                "webhooks '%s' and '%s' answer for %s and %s of each other's namespaces: once both are down, they stay "
                "down",
                webhook->name, other->name, there->name, here->name);
    diag_relate(checking->diags, webhook->span, "the other");
    help(checking, "leave the namespace of the other out of one of them, or write: on failure allow",
         "leave the namespace of the other out of one of them by a namespaceSelector, or write: failurePolicy: Ignore");
}

static void check_renewal(const struct checking *checking, const struct webhook *webhook) {
    if (webhook->authority < AUTHORITY_FROM_CERTIFICATE || !strchr(webhook->ca, '/')) return;
    const char *namespace = arena_copy(checking->arena, webhook->ca, strcspn(webhook->ca, "/"));
    const struct kube_resource_name *own = answers_for(webhook, namespace, renewed, sizeof renewed / sizeof *renewed);
    if (!own || answers_for_needs(webhook, webhook)) return;
    diag_report(checking->diags, deadlock(checking), webhook->span,
                "webhook '%s' answers for %s in namespace '%s', by which its own certificate is renewed", webhook->name,
                own->name, namespace);
    help(checking, "leave that namespace out, narrow it by labels, or write: on failure allow",
         "leave that namespace out by a namespaceSelector, narrow it by an objectSelector, or write: failurePolicy: "
         "Ignore");
}

// What stops in the cluster when nobody answers for it.
static const struct {
    struct kube_resource_name name;
    const char *stops;
} stopping[] = {
    {{"", "nodes"}, "nodes can neither join nor be drained"},
    {{"", "namespaces"}, "no namespace can be made, labelled or ended"},
    {{"apiextensions.k8s.io", "customresourcedefinitions"}, "no operator can be installed or upgraded"},
    {{"rbac.authorization.k8s.io", "clusterroles"}, "API servers cannot write their own roles when they start"},
    {{"rbac.authorization.k8s.io", "clusterrolebindings"}, "API servers cannot write their own roles when they start"},
    {{"", "persistentvolumes"}, "no volume can be made or bound"},
    {{"storage.k8s.io", "volumeattachments"}, "no volume can be attached"},
    {{"certificates.k8s.io", "certificatesigningrequests"}, "kubelets cannot renew their certificates"},
    {{"apiregistration.k8s.io", "apiservices"}, "API servers cannot say what they serve when they start"},
};

static void check_stops(const struct checking *checking, const struct webhook *webhook) {
    if (webhook->fail_open || is_narrowed(webhook)) return;
    for (size_t i = 0; i < webhook->scope.target_count; i++) {
        const struct target *target = &webhook->scope.targets[i];
        if (!target->name && !target->group && !target->subresource) {
            diag_report(checking->diags, DIAG_WEBHOOK_STOPS, target->span,
                        "while webhook '%s' is down, nothing can be written %s", webhook->name,
                        webhook->in_cluster ? "in the cluster" : "in these namespaces");
            help(checking,
                 arena_printf(checking->arena,
                              "name the resources that it is about, or write: on failure allow; or: accept %s",
                              diag_info(DIAG_WEBHOOK_STOPS)->name),
                 "name the resources that it is about, or write: failurePolicy: Ignore");
        }
        for (size_t j = 0; target->name && j < sizeof stopping / sizeof *stopping; j++) {
            if (target->subresource || strcmp(target->name, stopping[j].name.name) != 0 ||
                (target->group && strcmp(target->group, stopping[j].name.group) != 0))
                continue;
            if (strcmp(target->name, "namespaces") == 0 &&
                (webhook->scope.where == IN_NAMESPACES || (checking->of_others && webhook->scope.where == IN_CLUSTER)))
                continue;
            diag_report(checking->diags, DIAG_WEBHOOK_STOPS, target->span, "while webhook '%s' is down, %s",
                        webhook->name, stopping[j].stops);
            help(checking,
                 arena_printf(checking->arena,
                              "narrow it by name, labels or conditions (unless user like \"system:*\"), or write: on "
                              "failure allow; or: accept %s",
                              diag_info(DIAG_WEBHOOK_STOPS)->name),
                 "narrow it by an objectSelector or matchConditions, or write: failurePolicy: Ignore");
        }
    }
}

static void check_carried(const struct checking *checking, const struct webhook *webhook) {
    struct webhook_condition *conditions;
    const size_t count = webhook_conditions(checking->arena, webhook, &conditions);
    for (size_t i = 0; i < webhook->scope.target_count; i++) {
        const struct target *target = &webhook->scope.targets[i];
        bool asked = true;
        if (webhook_carries(target)) continue;
        for (size_t j = 0; j < count; j++) asked &= webhook_asks(conditions[j].formula, target->subresource);
        if (asked && !webhook->consent) continue;
        const bool strict = webhook->consent && webhook->consents_strictly;
        if (strict)
            diag_report(checking->diags, DIAG_WEBHOOK_NOT_CARRIED, target->span,
                        "requests for %s/%s carry no annotations that could consent: webhook '%s' is never called for "
                        "them",
                        target->name, target->subresource, webhook->name);
        else
            diag_report(checking->diags, DIAG_WEBHOOK_NOT_CARRIED, target->span,
                        "requests for %s/%s do not carry all that webhook '%s' asks of the object: what they lack is "
                        "not asked",
                        target->name, target->subresource, webhook->name);
        diag_help(checking->diags, "%s, or write: accept %s",
                  strict ? "leave it out, or make it a webhook of its own" : "make it a webhook of its own",
                  diag_info(DIAG_WEBHOOK_NOT_CARRIED)->name);
    }
}

// The requirement of the selector that wants the label not to be there, or not to be so; NULL where it wants it.
static const struct formula *find_denied(const struct formula *selector, const struct formula *label) {
    for (size_t i = 0; i < formula_part_count(selector); i++) {
        const struct formula *part = formula_part(selector, i);
        if (part->kind == FORMULA_NOT && part->operands[0] == label) return part;
    }
    return NULL;
}

// Where labels say which namespaces it is called in, who takes them off, or puts them on, is past it.
static void check_selector(const struct checking *checking, const struct webhook *webhook) {
    const struct formula *open = check_open_selector(checking, NULL, &webhook->scope);
    if (!open) return;
    const struct formula *denied = find_denied(webhook->scope.namespace_selector, open);
    const struct span span = denied && !open->span.end ? denied->span : open->span;
    const char *accept = diag_info(DIAG_CONDITION_NOT_GUARDED)->name;
    diag_report(
        checking->diags, DIAG_CONDITION_NOT_GUARDED, span.end ? span : webhook->span,
        "webhook '%s' depends on the namespace label '%s', which anyone who can update the namespace can change",
        webhook->name, open->key);
    if (denied)
        diag_help(checking->diags,
                  "keep the label off by a lock: resources namespaces, all objects, deny update, changing "
                  "metadata.labels[\"%s\"], exclusive …; or write: accept %s",
                  open->key, accept);
    else
        diag_help(checking->diags,
                  "keep the label by a lock: resources namespaces, labels …, deny delete, exclusive …; or write: "
                  "accept %s",
                  accept);
}

void check_webhooks(const struct checking *checking) {
    const struct policies *policies = checking->policies;
    for (size_t i = 0; i < policies->webhook_count; i++) {
        const struct webhook *webhook = policies->webhooks[i];
        if (!webhook->scope.target_count) continue;
        check_itself(checking, webhook);
        check_renewal(checking, webhook);
        check_stops(checking, webhook);
        if (!checking->of_others) {
            check_carried(checking, webhook);
            check_selector(checking, webhook);
        }
        for (size_t j = 0; !webhook->fail_open && j < i; j++)
            check_each_other(checking, policies->webhooks[j], webhook);
    }
}

void check_webhooks_of_others(struct arena *arena, struct diags *diags, const struct policies *others) {
    check_webhooks(&(struct checking){.arena = arena, .diags = diags, .policies = others, .of_others = true});
}
