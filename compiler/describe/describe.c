// Collects what is said of each policy; see describe.h.
#include "describe/describe.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/text.h"
#include "describe/describe_internal.h"
#include "kubernetes/account.h"
#include "kubernetes/catalog.h"
#include "report/diag.h"
#include "report/source.h"

struct describing {
    struct arena *arena;
    const struct policies *policies;
    const struct diags *diags;
    const struct sources *sources;
};

static void push(struct arena *arena, struct phrases *phrases, const char *phrase) {
    for (size_t i = 0; i < phrases->count; i++)
        if (strcmp(phrases->items[i], phrase) == 0) return;
    ARENA_PUSH(arena, phrases->items, phrases->count, phrase);
}

// The locks of one name, which stand together: those that are written and those that are made of them.
struct family {
    struct lock *const *locks;
    size_t count;
};

static bool is_written(const struct lock *lock) {
    return lock->origin == ORIGIN_WRITTEN && !lock->seals_actor;
}

// ---- ways around it ----

// Whether the first takes the second in; subresources count as their objects.
static bool takes_in(const struct target *a, const struct target *b) {
    if (!a->resource) return !a->group || (b->group && strcmp(a->group, b->group) == 0);
    return b->resource && strcmp(a->resource->group, b->resource->group) == 0 &&
           strcmp(a->resource->plural, b->resource->plural) == 0;
}

// Whether the written lock may be about something in each of these places.
static bool is_there(const struct lock *written, const struct object_scope *scope) {
    bool there = (written->scope.where == IN_CLUSTER) == (scope->where == IN_CLUSTER);
    for (size_t i = 0; i < scope->namespace_count; i++) there &= scope_may_be_in(&written->scope, scope->namespaces[i]);
    return there;
}

static bool has_target(const struct family *family, const struct object_scope *scope, const struct target *target) {
    for (size_t i = 0; i < family->count; i++) {
        const struct lock *lock = family->locks[i];
        if (!is_written(lock) || !is_there(lock, scope)) continue;
        for (size_t j = 0; j < lock->scope.target_count; j++)
            if (takes_in(&lock->scope.targets[j], target)) return true;
    }
    return false;
}

// Whether the lock is about objects that the written ones are not about.
static bool is_outside(const struct family *family, const struct lock *lock) {
    for (size_t i = 0; i < lock->scope.target_count; i++)
        if (!has_target(family, &lock->scope, &lock->scope.targets[i])) return true;
    return false;
}

// What a wildcard reaches depends on what is denied.
static const char *way_of(enum origin origin, const struct lock *const *locks, size_t count) {
    unsigned acts = 0;
    for (size_t i = 0; i < count; i++) acts |= locks[i]->acts;
    if (origin != ORIGIN_REACHED) return origin_way(origin);
    if (!(acts & ACTS_CONNECT)) return "scaling the objects";
    return acts & ACT_SCALE ? "scaling the objects, and connecting to them" : "connecting to the objects";
}

// What the locks of that origin refuse, on the objects of the written locks or outside of them.
static void collect_origin(struct arena *arena, const struct family *family, enum origin origin, bool outside,
                           struct phrases *phrases) {
    const struct lock **locks = ARENA_ARRAY(arena, const struct lock *, family->count);
    size_t count = 0;
    struct text text;
    for (size_t i = 0; i < family->count; i++)
        if (family->locks[i]->origin == origin && is_outside(family, family->locks[i]) == outside)
            locks[count++] = family->locks[i];
    if (!count) return;
    text_init(&text, arena);
    text_add_string(&text, way_of(origin, locks, count));
    if (outside) {
        text_add_string(&text, ": ");
        describe_reach(&text, locks, count);
    }
    push(arena, phrases, text_string(&text));
}

static void collect_own_ways(struct arena *arena, const struct lock *lock, struct phrases *closed) {
    if (lock->guard_labels && !formula_is_immutable(lock->selects))
        push(arena, closed,
             formula_is_by_labels(lock->selects) ? "relabelling an object, so that the lock no longer selects it"
                                                 : "changing an object, so that the lock no longer selects it");
    if (lock->guard_labels && lock_guards_condition(lock))
        push(arena, closed, "changing what the condition of the lock reads");
    if (lock->guard_label_in) push(arena, closed, "bringing other people's objects under the lock");
    if (lock->guard_owners)
        push(arena, closed,
             lock_stops_collector(arena, lock) ? "deleting the owners of the objects, or giving them other owners"
                                               : "giving the objects other owners");
    if (lock->covers[SHAPE_EVICTIONS]) push(arena, closed, "evicting the pods");
    if (lock->covers[SHAPE_SCALE]) push(arena, closed, "scaling the objects");
}

static void collect_ways(struct arena *arena, const struct family *family, struct lock_description *description) {
    for (size_t i = 0; i < family->count; i++)
        if (is_written(family->locks[i])) collect_own_ways(arena, family->locks[i], &description->closed);
    for (enum origin origin = ORIGIN_WRITTEN + 1; origin < ORIGIN_COUNT; origin++) {
        collect_origin(arena, family, origin, false, &description->closed);
        collect_origin(arena, family, origin, true, &description->outside);
    }
}

// ---- who of the control plane passes ----

// Whether the exemption is about objects themselves, and not only about some subresource.
static bool is_of_objects(const struct kube_exemption *exemption) {
    return strcmp(exemption->subresources, "*") == 0 || !*exemption->subresources || *exemption->subresources == ' ';
}

// What the garbage collector may not where owners are guarded, and what nobody is granted.
static unsigned operations_of(const struct kube_exemption *exemption, const struct lock *lock) {
    const bool collector = strcmp(exemption->user, KUBE_GARBAGE_COLLECTOR) == 0;
    if (collector && lock->guard_owners) return 0;
    if (exemption->limit == ONLY_TERMINATING && lock->scope.where == IN_CLUSTER) return 0;
    return exemption->operations & lock->denies;
}

static bool is_about(const struct kube_exemption *exemption, const struct lock *lock) {
    if (exemption->namespace && !scope_may_be_in(&lock->scope, exemption->namespace)) return false;
    if (!is_of_objects(exemption) || !operations_of(exemption, lock)) return false;
    for (size_t i = 0; i < lock->scope.target_count; i++) {
        const struct target *target = &lock->scope.targets[i];
        if (!exemption->resource || !target->resource) return true;
        if (strcmp(exemption->resource, target->resource->plural) == 0 &&
            strcmp(exemption->resource_group, target->resource->group) == 0)
            return true;
    }
    return false;
}

static const char *identity_text(struct arena *arena, const struct kube_exemption *exemption) {
    const size_t prefix = strlen(KUBE_CONTROLLERS);
    const char *name = exemption->user;
    if (strcmp(name, "system:node:") == 0) return "kubelets";
    if (strncmp(name, KUBE_CONTROLLERS, prefix) == 0) name += prefix;
    return exemption->limit == ONLY_TERMINATING ? arena_printf(arena, "%s (in a namespace that is being deleted)", name)
                                                : name;
}

static void collect_passing(struct arena *arena, const struct lock *lock, struct phrases *passing) {
    for (size_t i = 0; i < kube_exemption_count; i++) {
        const struct kube_exemption *exemption = &kube_exemptions[i];
        if (exemption->level == EXEMPT_ALWAYS || exemption->level > lock->exemption) continue;
        if (is_about(exemption, lock)) push(arena, passing, identity_text(arena, exemption));
    }
}

// ---- what stays open ----

static bool is_about_resource(const struct lock *lock, const char *group, const char *plural) {
    for (size_t i = 0; i < lock->scope.target_count; i++) {
        const struct target *target = &lock->scope.targets[i];
        if ((!target->group || strcmp(target->group, group) == 0) &&
            (!target->name || strcmp(target->name, plural) == 0))
            return !target->subresource;
    }
    return false;
}

static bool lets_accounts(const struct lock *lock) {
    for (size_t i = 0; i < lock->passes.user_count; i++)
        if (account_is_user(lock->passes.users[i])) return true;
    return false;
}

static bool has_passers(const struct lock *lock) {
    return lock->passes.label_count || lock->exclusive.label_count || lock->break_glass.label_count;
}

// Pods and jobs go with the workload that owns them, unless that is locked as well.
static bool goes_with_workload(const struct lock *lock) {
    const bool owned = is_about_resource(lock, "", "pods") || is_about_resource(lock, "batch", "jobs");
    return owned && (lock->denies & OP_DELETE) && lock->scope.where != IN_CLUSTER &&
           !is_about_resource(lock, "apps", "deployments");
}

// What no lock could close, and what a policy against accidents does not mean to.
static void collect_open(struct arena *arena, const struct lock *lock, struct phrases *open) {
    if (lock->scope.where != IN_CLUSTER && is_about_resource(lock, "", "secrets"))
        push(arena, open, "reading the Secrets: admission never sees reads");
    if (scope_has_wildcard(&lock->scope))
        push(arena, open, "leases, events, bindings, tokens and the status of built-in kinds, unless they are named");
    if (lock->insiders && has_passers(lock))
        push(arena, open, "acting as somebody who passes, for those who may impersonate them already");
    if (lock->insiders) return;
    if (goes_with_workload(lock)) push(arena, open, "changing and deleting the workloads that own the objects");
    if (lets_accounts(lock))
        push(arena, open, "acting as a service account that passes, by its token or a pod that runs as it");
}

static bool is_in_block(struct span span, struct span block) {
    return span.file == block.file && block.begin <= span.begin && span.end <= block.end;
}

// The warnings about the lock: those that somebody accepted, and why, and those that nobody did.
static void collect_warnings(const struct describing *describing, struct span block, struct phrases *open) {
    const struct diags *diags = describing->diags;
    for (size_t i = 0; i < diags->accepted_count; i++) {
        const struct acceptance *acceptance = &diags->accepted[i];
        if (!is_in_block(acceptance->span, block)) continue;
        const struct diag_info *info = diag_info(acceptance->code);
        push(describing->arena, open,
             arena_printf(describing->arena, "%s [%s %s]%s%s", acceptance->message, info->code, info->name,
                          acceptance->reason ? ": accepted, " : ": accepted",
                          acceptance->reason ? acceptance->reason : ""));
    }
    for (size_t i = 0; i < diags->count; i++) {
        const struct diagnostic *diagnostic = &diags->items[i];
        const struct diag_info *info = diag_info(diagnostic->code);
        if (info->severity != SEVERITY_WARNING || !is_in_block(diagnostic->span, block)) continue;
        push(describing->arena, open,
             arena_printf(describing->arena, "%s [%s %s]: a warning that nobody accepted", diagnostic->message,
                          info->code, info->name));
    }
}

// ---- all of it ----

static void locate(const struct describing *describing, struct span span, struct lock_description *description) {
    if (span.file >= describing->sources->count) return;
    const struct source_location location = source_locate(describing->sources, span.file, span.begin);
    const char *slash = strrchr(location.file, '/');
    description->file = slash ? slash + 1 : location.file;
    description->line = location.line;
}

static struct lock_description describe_family(const struct describing *describing, const struct family *family) {
    struct arena *arena = describing->arena;
    struct lock_description description = {.name = family->locks[0]->name,
                                           .what = family->locks[0]->seals_actor ? DESCRIBED_ACTOR : DESCRIBED_LOCK};
    const struct lock *first = NULL;
    locate(describing, family->locks[0]->span, &description);
    for (size_t i = 0; i < family->count; i++) {
        const struct lock *lock = family->locks[i];
        struct text sentence;
        text_init(&sentence, arena);
        if (lock->seals_actor) {
            describe_sealed(&sentence, lock);
            push(arena, &description.sentences, text_string(&sentence));
        }
        if (!is_written(lock)) continue;
        if (!lock->implied) {
            if (!first || !describe_same(&sentence, lock, first)) describe_lock(&sentence, lock);
            if (!first) first = lock;
            push(arena, &description.sentences, text_string(&sentence));
        }
        collect_passing(arena, lock, &description.passing);
        collect_open(arena, lock, &description.open);
    }
    collect_ways(arena, family, &description);
    collect_warnings(describing, family->locks[0]->block, &description.open);
    return description;
}

static bool is_of_family(const struct lock *first, const struct lock *lock) {
    return first->seals_actor == lock->seals_actor && strcmp(first->name, lock->name) == 0;
}

// As they are written.
static int compare_places(const void *left, const void *right) {
    const struct lock_description *a = left, *b = right;
    const int files = strcmp(a->file ? a->file : "", b->file ? b->file : "");
    return files ? files : (a->line > b->line) - (a->line < b->line);
}

static bool is_of_webhook(const struct policies *policies, const struct lock *lock) {
    for (size_t i = 0; i < policies->webhook_count; i++)
        if (span_same(lock->span, policies->webhooks[i]->span)) return true;
    return false;
}

static void collect_locks(const struct describing *describing, struct policy_description *policy) {
    struct lock *const *locks = describing->policies->locks;
    const size_t first = policy->lock_count;
    for (size_t i = 0; i < describing->policies->lock_count;) {
        struct family family = {&locks[i], 0};
        while (i + family.count < describing->policies->lock_count &&
               strcmp(locks[i + family.count]->policy, locks[i]->policy) == 0 &&
               is_of_family(locks[i], locks[i + family.count]))
            family.count++;
        if (strcmp(locks[i]->policy, policy->name) == 0 && !is_of_webhook(describing->policies, locks[i])) {
            const struct lock_description description = describe_family(describing, &family);
            ARENA_PUSH(describing->arena, policy->locks, policy->lock_count, description);
        }
        i += family.count;
    }
    if (policy->lock_count > first)
        qsort(policy->locks + first, policy->lock_count - first, sizeof *policy->locks, compare_places);
}

static void collect_webhook(const struct describing *describing, const struct webhook *webhook,
                            struct lock_description *description) {
    struct arena *arena = describing->arena;
    const struct policies *policies = describing->policies;
    struct text sentence;
    text_init(&sentence, arena);
    *description = (struct lock_description){.name = webhook->name, .what = DESCRIBED_WEBHOOK};
    locate(describing, webhook->span, description);
    describe_webhook(&sentence, webhook);
    push(arena, &description->sentences, text_string(&sentence));
    struct family family = {0};
    for (size_t i = 0; i < policies->lock_count; i++) {
        if (!span_same(policies->locks[i]->span, webhook->span)) continue;
        if (!family.count++) family.locks = &policies->locks[i];
    }
    for (enum origin origin = ORIGIN_WRITTEN + 1; origin < ORIGIN_COUNT && family.count; origin++)
        collect_origin(arena, &family, origin, true, &description->outside);
    if (webhook->account)
        push(arena, &description->open, "what its server does with a token of its own, which RBAC alone limits");
    collect_warnings(describing, webhook->block, &description->open);
}

static void collect_webhooks(const struct describing *describing, struct policy_description *policy) {
    for (size_t i = 0; i < describing->policies->webhook_count; i++) {
        struct lock_description description;
        if (strcmp(describing->policies->webhooks[i]->policy, policy->name) != 0) continue;
        collect_webhook(describing, describing->policies->webhooks[i], &description);
        ARENA_PUSH(describing->arena, policy->locks, policy->lock_count, description);
    }
}

static void collect_tenants(const struct describing *describing, struct policy_description *policy) {
    for (size_t i = 0; i < describing->policies->tenant_count; i++) {
        const struct tenant *tenant = describing->policies->tenants[i];
        struct lock_description description = {.name = tenant->name, .what = DESCRIBED_TENANT};
        struct text sentence;
        if (strcmp(tenant->policy, policy->name) != 0) continue;
        text_init(&sentence, describing->arena);
        locate(describing, tenant->span, &description);
        describe_tenant(&sentence, tenant);
        push(describing->arena, &description.sentences, text_string(&sentence));
        ARENA_PUSH(describing->arena, policy->locks, policy->lock_count, description);
    }
}

static void collect_grants(const struct describing *describing, struct policy_description *policy) {
    for (size_t i = 0; i < describing->policies->grant_count; i++) {
        const struct grant *grant = describing->policies->grants[i];
        struct text sentence;
        text_init(&sentence, describing->arena);
        if (strcmp(grant->policy, policy->name) != 0) continue;
        describe_grant(&sentence, grant);
        push(describing->arena, &policy->grants, text_string(&sentence));
    }
}

static void add_policy(struct arena *arena, struct description *description, const char *name) {
    for (size_t i = 0; i < description->policy_count; i++)
        if (strcmp(description->policies[i].name, name) == 0) return;
    const struct policy_description policy = {.name = name};
    ARENA_PUSH(arena, description->policies, description->policy_count, policy);
}

static int compare_policies(const void *left, const void *right) {
    return strcmp(((const struct policy_description *)left)->name, ((const struct policy_description *)right)->name);
}

static struct description collect(const struct describing *describing) {
    const struct policies *policies = describing->policies;
    struct description description = {0};
    for (size_t i = 0; i < policies->lock_count; i++)
        add_policy(describing->arena, &description, policies->locks[i]->policy);
    for (size_t i = 0; i < policies->grant_count; i++)
        add_policy(describing->arena, &description, policies->grants[i]->policy);
    for (size_t i = 0; i < policies->webhook_count; i++)
        add_policy(describing->arena, &description, policies->webhooks[i]->policy);
    if (description.policy_count)
        qsort(description.policies, description.policy_count, sizeof *description.policies, compare_policies);
    for (size_t i = 0; i < description.policy_count; i++) {
        collect_tenants(describing, &description.policies[i]);
        collect_locks(describing, &description.policies[i]);
        collect_webhooks(describing, &description.policies[i]);
        collect_grants(describing, &description.policies[i]);
    }
    return description;
}

bool describe(struct text *text, const struct policies *policies, const struct diags *diags,
              const struct sources *sources, const char *format) {
    static const struct {
        const char *name;
        void (*print)(struct text *text, const struct description *description);
    } formats[] = {
        {"human", describe_print_human}, {"markdown", describe_print_markdown}, {"json", describe_print_json}};
    const struct describing describing = {text->arena, policies, diags, sources};
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        if (strcmp(formats[i].name, format) != 0) continue;
        const struct description description = collect(&describing);
        formats[i].print(text, &description);
        return true;
    }
    return false;
}
