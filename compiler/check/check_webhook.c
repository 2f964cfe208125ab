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

// Some resources, and which of their subresources are written to the same end.
struct needs {
    const struct kube_resource_name *resources;
    size_t count;
    bool (*writes)(const struct kube_resource_name *resource, const char *subresource);
};

static bool is_resource(const struct kube_resource_name *resource, const char *group, const char *name) {
    return (!group || strcmp(group, resource->group) == 0) && (!name || strcmp(name, resource->name) == 0);
}

// The scheduler and the node that it is on start a pod, and exemptions.def has what they write. What ends one starts
// nothing, and in the status of what is theirs controllers say how far they are, which holds no pod up.
static bool starts_pods(const struct kube_resource_name *resource, const char *subresource) {
    const struct kube_act *act = kube_act_of(subresource);
    for (size_t i = 0; i < kube_exemption_count; i++) {
        const struct kube_exemption *exemption = &kube_exemptions[i];
        const bool starts =
            strcmp(exemption->user, KUBE_NODE_PREFIX) == 0 || strcmp(exemption->user, "system:kube-scheduler") == 0;
        if (starts && exemption->resource && (!act || act->means != OP_DELETE) &&
            is_resource(resource, exemption->resource_group, exemption->resource) &&
            text_has_word(exemption->subresources, subresource))
            return true;
    }
    return false;
}

// cert-manager has the state of a renewal in the status: pkg/controller/certificates and certificaterequests.
static bool renews(const struct kube_resource_name *resource, const char *subresource) {
    return *resource->group && strcmp(subresource, "status") == 0;
}

static const struct needs needs_to_run = {needed, sizeof needed / sizeof *needed, starts_pods};
static const struct needs needs_to_renew = {renewed, sizeof renewed / sizeof *renewed, renews};

// Whether the target is of the resource. A wildcard of a policy leaves out what no lock is on either.
static bool is_of(const struct checking *checking, const struct webhook *webhook, const struct target *target,
                  const struct kube_resource_name *resource) {
    if (!is_resource(resource, target->group, target->name)) return false;
    for (size_t i = 0; !target->name && !checking->of_others && i < kube_never_locked_count; i++)
        if (is_resource(resource, kube_never_locked[i].group, kube_never_locked[i].name)) return false;
    for (size_t i = 0; !target->name && i < webhook->scope.except_count; i++)
        if (is_resource(resource, webhook->scope.excepts[i].group, webhook->scope.excepts[i].name)) return false;
    return true;
}

// As a rule names it; NULL for nothing.
static const char *taken_in(const struct checking *checking, const struct webhook *webhook,
                            const struct kube_resource_name *resource, const struct needs *needs) {
    for (size_t i = 0; i < webhook->scope.target_count; i++) {
        const struct target *target = &webhook->scope.targets[i];
        const char *subresource = target->subresource;
        if (target->outside || !(webhook_operations(webhook, target) & OPS_WRITE) ||
            !is_of(checking, webhook, target, resource) || (subresource && !needs->writes(resource, subresource)))
            continue;
        return subresource ? arena_printf(checking->arena, "%s/%s", resource->name, subresource) : resource->name;
    }
    return NULL;
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
static const char *answers_for(const struct checking *checking, const struct webhook *webhook, const char *namespace,
                               const struct needs *needs) {
    const char *name = NULL;
    if (webhook->fail_open || is_narrowed(webhook) || !is_in(webhook, namespace)) return NULL;
    for (size_t i = 0; i < needs->count && !name; i++) name = taken_in(checking, webhook, &needs->resources[i], needs);
    return name;
}

static const char *answers_for_needs(const struct checking *checking, const struct webhook *webhook,
                                     const struct webhook *other) {
    return other->service ? answers_for(checking, webhook, other->service_namespace, &needs_to_run) : NULL;
}

static enum diag_code deadlock(const struct checking *checking) {
    return checking->of_others ? DIAG_WEBHOOKS_DEADLOCK : DIAG_WEBHOOK_DEADLOCK;
}

// What is to be done, as it is written in a policy and in a configuration.
static void help(const struct checking *checking, const char *in_policy, const char *in_configuration) {
    diag_help(checking->diags, "%s", checking->of_others ? in_configuration : in_policy);
}

static void check_itself(const struct checking *checking, const struct webhook *webhook) {
    const char *own = answers_for_needs(checking, webhook, webhook);
    if (!own) return;
    diag_report(checking->diags, deadlock(checking), webhook->span,
                "webhook '%s' answers for %s in namespace '%s', where it runs: once it is down, it stays down",
                webhook->name, own, webhook->service_namespace);
    help(checking, "leave that namespace out, narrow it by labels, or write: on failure allow",
         "leave that namespace out by a namespaceSelector, narrow it by an objectSelector, or write: failurePolicy: "
         "Ignore");
}

static void check_each_other(const struct checking *checking, const struct webhook *webhook,
                             const struct webhook *other) {
    if (webhook->service && other->service && strcmp(webhook->service_namespace, other->service_namespace) == 0) return;
    const char *there = answers_for_needs(checking, webhook, other);
    const char *here = there ? answers_for_needs(checking, other, webhook) : NULL;
    if (!here) return;
    diag_report(checking->diags, deadlock(checking), other->span,
                "webhooks '%s' and '%s' answer for %s and %s of each other's namespaces: once both are down, they stay "
                "down",
                webhook->name, other->name, there, here);
    diag_relate(checking->diags, webhook->span, "the other");
    help(checking, "leave the namespace of the other out of one of them, or write: on failure allow",
         "leave the namespace of the other out of one of them by a namespaceSelector, or write: failurePolicy: Ignore");
}

static void check_renewal(const struct checking *checking, const struct webhook *webhook) {
    if (webhook->authority < AUTHORITY_FROM_CERTIFICATE || !strchr(webhook->ca, '/')) return;
    const char *namespace = arena_copy(checking->arena, webhook->ca, strcspn(webhook->ca, "/"));
    const char *own = answers_for(checking, webhook, namespace, &needs_to_renew);
    if (!own || answers_for_needs(checking, webhook, webhook)) return;
    diag_report(checking->diags, deadlock(checking), webhook->span,
                "webhook '%s' answers for %s in namespace '%s', by which its own certificate is renewed", webhook->name,
                own, namespace);
    help(checking, "leave that namespace out, narrow it by labels, or write: on failure allow",
         "leave that namespace out by a namespaceSelector, narrow it by an objectSelector, or write: failurePolicy: "
         "Ignore");
}

#define EVERYWHERE "*" // in all namespaces

// What stops in the cluster when nobody answers for it. Whose work it is, and that it is done through these
// subresources, is in exemptions.def, but for what API servers and drivers of volumes write themselves.
static const struct stop {
    struct kube_resource_name name;
    const char *subresources; // blank-separated; "" for the objects themselves
    const char *namespace;    // NULL for what is in none
    unsigned operations;
    const char *stops;
} stopping[] = {
    {{"", "nodes"}, "", NULL, OPS_WRITE, "nodes can neither join nor be drained"},
    {{"", "nodes"}, "status", NULL, OP_UPDATE, "nodes cannot report how they are, and new ones do not become ready"},
    {{"", "namespaces"}, "", NULL, OPS_WRITE, "no namespace can be made, labelled or ended"},
    {{"", "namespaces"}, "finalize", NULL, OP_UPDATE, "no namespace can be ended"},
    {{"apiextensions.k8s.io", "customresourcedefinitions"},
     "",
     NULL,
     OPS_WRITE,
     "no operator can be installed or upgraded"},
    // Served once it is established: k8s.io/apiextensions-apiserver/pkg/controller/establish.
    {{"apiextensions.k8s.io", "customresourcedefinitions"},
     "status",
     NULL,
     OP_UPDATE,
     "no operator can be installed or upgraded"},
    {{"rbac.authorization.k8s.io", "clusterroles"},
     "",
     NULL,
     OPS_WRITE,
     "API servers cannot write their own roles when they start"},
    {{"rbac.authorization.k8s.io", "clusterrolebindings"},
     "",
     NULL,
     OPS_WRITE,
     "API servers cannot write their own roles when they start"},
    {{"", "persistentvolumes"}, "", NULL, OPS_WRITE, "no volume can be made or bound"},
    {{"", "persistentvolumes"}, "status", NULL, OP_UPDATE, "no volume can be bound"},
    {{"storage.k8s.io", "volumeattachments"}, "", NULL, OPS_WRITE, "no volume can be attached"},
    // The driver says there that it is: github.com/kubernetes-csi/external-attacher.
    {{"storage.k8s.io", "volumeattachments"}, "status", NULL, OP_UPDATE, "no volume can be attached"},
    {{"certificates.k8s.io", "certificatesigningrequests"},
     " approval status",
     NULL,
     OPS_WRITE,
     "kubelets cannot renew their certificates"},
    {{"apiregistration.k8s.io", "apiservices"},
     "",
     NULL,
     OPS_WRITE,
     "API servers cannot say what they serve when they start"},
    {{"authentication.k8s.io", "tokenreviews"},
     "",
     NULL,
     OP_CREATE,
     "kubelets and other servers cannot ask whose token they are given"},
    {{"authorization.k8s.io", "subjectaccessreviews"},
     "",
     NULL,
     OP_CREATE,
     "kubelets and other servers cannot ask who may do what"},
    {{"coordination.k8s.io", "leases"},
     "",
     "kube-node-lease",
     OP_CREATE | OP_UPDATE,
     "nodes count as failed, and their pods are evicted"},
    {{"coordination.k8s.io", "leases"},
     "",
     "kube-system",
     OP_CREATE | OP_UPDATE,
     "the scheduler and the controller manager stop, since they cannot go on leading"},
    {{"", "serviceaccounts"}, "token", "kube-system", OP_CREATE, "controllers get no tokens"},
    {{"", "serviceaccounts"}, "token", EVERYWHERE, OP_CREATE, "no pod that has a token can start"},
    {{"", "pods"}, "binding", EVERYWHERE, OP_CREATE, "no pod can be scheduled"},
    {{"", "pods"}, "status", EVERYWHERE, OP_UPDATE, "no pod can become ready"},
};

// Whether it is called where the work is done.
static bool reaches(const struct checking *checking, const struct webhook *webhook, const struct target *target,
                    const struct stop *stop) {
    const enum where where = webhook->scope.where;
    if (stop->namespace && target->outside) return false;
    if (stop->namespace && strcmp(stop->namespace, EVERYWHERE) == 0)
        return where == (checking->of_others ? IN_LABELED_NAMESPACES : IN_ANY_NAMESPACE);
    if (stop->namespace) return is_in(webhook, stop->namespace);
    if (!target->name && !webhook->in_cluster) return false;
    return strcmp(stop->name.name, "namespaces") != 0 ||
           (where != IN_NAMESPACES && !(checking->of_others && where == IN_CLUSTER));
}

// All that stops with the target, as one text, and whether all of it is in namespaces; NULL for nothing.
static const char *stops_with(const struct checking *checking, const struct webhook *webhook,
                              const struct target *target, bool *ret_there) {
    const char *stops = NULL, *last = "";
    for (size_t i = 0; i < sizeof stopping / sizeof *stopping; i++) {
        const struct stop *stop = &stopping[i];
        const char *subresource = target->subresource;
        const bool written = subresource ? text_has_word(stop->subresources, subresource)
                                         : !*stop->subresources || *stop->subresources == ' ';
        if (!written || !(webhook_operations(webhook, target) & stop->operations) ||
            !is_of(checking, webhook, target, &stop->name) || !reaches(checking, webhook, target, stop) ||
            strcmp(stop->stops, last) == 0)
            continue;
        stops = stops ? arena_printf(checking->arena, "%s; %s", stops, stop->stops) : stop->stops;
        last = stop->stops;
        *ret_there &= stop->namespace != NULL;
    }
    return stops;
}

static void check_stops(const struct checking *checking, const struct webhook *webhook) {
    if (webhook->fail_open || is_narrowed(webhook)) return;
    const char *accept = diag_info(DIAG_WEBHOOK_STOPS)->name;
    for (size_t i = 0; i < webhook->scope.target_count; i++) {
        const struct target *target = &webhook->scope.targets[i];
        const bool everything = !target->name && !target->group && !target->subresource;
        bool there = true;
        const char *stops = everything ? NULL : stops_with(checking, webhook, target, &there);
        if (everything) {
            diag_report(checking->diags, DIAG_WEBHOOK_STOPS, target->span,
                        "while webhook '%s' is down, nothing can be written %s", webhook->name,
                        target->outside       ? "outside of namespaces"
                        : webhook->in_cluster ? "in the cluster"
                                              : "in these namespaces");
            help(checking,
                 arena_printf(checking->arena,
                              "name the resources that it is about, or write: on failure allow; or: accept %s", accept),
                 "name the resources that it is about, or write: failurePolicy: Ignore");
        } else if (stops) {
            diag_report(checking->diags, DIAG_WEBHOOK_STOPS, target->span, "while webhook '%s' is down, %s",
                        webhook->name, stops);
            help(checking,
                 arena_printf(checking->arena,
                              "%s (unless user like \"system:*\"), or write: on failure allow; or: accept %s",
                              there ? "name the namespaces that it is about, narrow it by conditions"
                                    : "narrow it by name, labels or conditions",
                              accept),
                 there ? "leave these namespaces out by a namespaceSelector, narrow it by matchConditions, or write: "
                         "failurePolicy: Ignore"
                       : "narrow it by an objectSelector or matchConditions, or write: failurePolicy: Ignore");
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
