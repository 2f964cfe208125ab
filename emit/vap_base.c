// Variables that say the same in every policy, and who is exempt from locks.
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/map.h"
#include "base/text.h"
#include "cel/cel_tree.h"
#include "emit/vap_internal.h"
#include "emit/vap_policy.h"
#include "kubernetes/catalog.h"

static const char *const base_names[] = {
#define VARIABLE(name, expression) #name,
#include "emit/vap_base.def"
#undef VARIABLE
};

// What these variables say where the request is not about the object itself: the object is the parameter, or nothing of
// it is known but the name.
static const char *covering_expression(const struct plan_policy *policy, enum base base) {
    switch (base) {
    // A binding can be an object of its own as well.
    case BASE_resource: return policy->shape == SHAPE_BINDINGS ? "'pods'" : NULL;
    case BASE_old:
    case BASE_stored: return "dyn(params)";
    case BASE_new:
        if (policy->shape == SHAPE_BINDINGS) return NULL; // the binding, whose metadata goes to the pod
        return policy->shape == SHAPE_SCALE ? "dyn(params)" : "dyn({})";
    case BASE_name: return policy->by_params ? "variables.stored.metadata.name" : "variables.requestName";
    // To a port or with a scheme, proxies are asked for as NAME:PORT and SCHEME:NAME:PORT.
    case BASE_requestName:
        return policy->shape == SHAPE_CONNECT
                   ? "!has(request.name) ? '' : request.name.split(':').size() == 3 ? request.name.split(':')[1]"
                     " : request.name.split(':')[0]"
                   : NULL;
    case BASE_namespaceTerminating: return "namespaceObject != null && has(namespaceObject.metadata.deletionTimestamp)";
    case BASE_controlled:
    case BASE_adopted: return policy->by_params ? NULL : "false";
    case BASE_terminating: return policy->by_params ? NULL : "false"; // by name alone nobody can tell
    case BASE_finishing:
        return policy->shape == SHAPE_EVICTIONS && policy->by_params ? "has(variables.old.metadata.deletionTimestamp)"
                                                                     : "false";
    default: return NULL;
    }
}

static const char *const base_expressions[] = {
#define VARIABLE(name, expression) expression,
#include "emit/vap_base.def"
#undef VARIABLE
};

struct cel_node *vap_use(struct builder *builder, enum base base) {
    if (!builder->used[base]) builder->used[base] = cel_var(builder->arena, base_names[base]);
    return builder->used[base];
}

struct cel_node *vap_resource(struct arena *arena) {
    return cel_quote(arena, base_expressions[BASE_resource]);
}

// ---- exemptions ----

// Whether the rule takes in the resource or, where the subresource is not "", that of it.
static bool rule_names(const char *rule, const char *resource, const char *subresource) {
    const char *slash = strchr(rule, '/');
    const size_t len = slash ? (size_t)(slash - rule) : strlen(rule);
    if (strcmp(slash ? slash + 1 : "", subresource) != 0) return false;
    return *rule == '*' || (strlen(resource) == len && strncmp(rule, resource, len) == 0);
}

// Of a resource that servers serve only when they are told to, nobody knows where it is.
static bool may_be_scoped(const char *group, const char *resource, bool namespaced) {
    size_t count;
    const struct resource *resources = catalog_built_in(&count);
    for (size_t i = 0; i < count; i++)
        if (strcmp(resources[i].group, group) == 0 && strcmp(resources[i].plural, resource) == 0)
            return resources[i].namespaced == namespaced;
    return true;
}

bool vap_is_excluded(const struct plan_policy *policy, const char *group, const char *resource) {
    for (size_t i = 0; i < policy->excluded_count; i++)
        for (size_t j = 0; j < policy->excluded[i].resource_count; j++)
            if (strcmp(policy->excluded[i].group, group) == 0 &&
                strcmp(policy->excluded[i].resources[j], resource) == 0)
                return true;
    return false;
}

// Whether requests for it reach the policy. Where rules name nothing, only what is in their scope does.
static bool reaches(const struct plan_policy *policy, const char *group, const char *resource, const char *subresource,
                    unsigned operations) {
    if (vap_is_excluded(policy, group, resource)) return false;
    for (size_t i = 0; i < policy->rule_count; i++) {
        const struct plan_rule *rule = &policy->rules[i];
        if (!(rule->operations & operations)) continue;
        if (strcmp(rule->group, "*") != 0 && strcmp(rule->group, group) != 0) continue;
        for (size_t j = 0; j < rule->resource_count; j++)
            if (rule_names(rule->resources[j], resource, subresource) &&
                (*rule->resources[j] != '*' || may_be_scoped(group, resource, rule->namespaced)))
                return true;
    }
    return false;
}

// Whether the resource of the rule is this one or a subresource of it.
static bool is_parent(const char *rule, const char *resource) {
    const size_t len = strlen(resource);
    return strncmp(rule, resource, len) == 0 && (!rule[len] || rule[len] == '/');
}

static bool rules_have(const struct plan_policy *policy, const char *group, const char *resource) {
    for (size_t i = 0; i < policy->rule_count; i++) {
        const struct plan_rule *rule = &policy->rules[i];
        if (strcmp(rule->group, "*") != 0 && strcmp(rule->group, group) != 0) continue;
        for (size_t j = 0; j < rule->resource_count; j++)
            if (*rule->resources[j] == '*' || is_parent(rule->resources[j], resource)) return true;
    }
    return false;
}

bool vap_sees(const struct builder *builder, const char *group, const char *resource) {
    return rules_have(builder->policy, group, resource);
}

static bool is_prefix(const char *user) {
    return user[strlen(user) - 1] == ':';
}

static bool has_accounts(const struct builder *builder) {
    return kube_has_accounts(builder->policy->controllers);
}

static bool has_manager(const struct builder *builder) {
    return kube_has_manager(builder->policy->controllers);
}

static struct cel_node *account(struct builder *builder) {
    return cel_quote(builder->arena, has_manager(builder) ? "variables.user.startsWith('" KUBE_CONTROLLERS "')"
                                                            " ? variables.user.substring(34)"
                                                            " : variables.user == '" KUBE_CONTROLLER_MANAGER
                                                            "' ? variables.user : ''"
                                                          : "variables.user.startsWith('" KUBE_CONTROLLERS "')"
                                                            " ? variables.user.substring(34) : ''");
}

// The user is the account, or the controller manager that may do its work.
static struct cel_node *is_account_or_manager(struct builder *builder, const char *account) {
    const char *users[2];
    size_t count = 0;
    if (has_accounts(builder)) users[count++] = account;
    if (has_manager(builder)) users[count++] = KUBE_CONTROLLER_MANAGER;
    return cel_in(builder->arena, USE(user), cel_strings(builder->arena, users, count));
}

// Who the line is about. Where controllers have no accounts of their own, they are all the controller manager.
static struct cel_node *identity(struct builder *builder, const struct kube_exemption *exemption) {
    struct arena *arena = builder->arena;
    struct cel_node *user = USE(user), *result;
    if (kube_exempts_account(exemption) && !has_accounts(builder) && !kube_exemption_is_shared(exemption))
        return builder->never;
    if (kube_exemption_is_shared(exemption))
        result = is_account_or_manager(builder, exemption->user);
    else if (is_prefix(exemption->user))
        result = cel_method(arena, user, "startsWith", cel_string(arena, exemption->user));
    else
        result = cel_is_string(arena, user, exemption->user);
    if (exemption->group)
        result = cel_and(arena, result, cel_in(arena, cel_string(arena, exemption->group), USE(groups)));
    return result;
}

// Lines that differ in the work alone.
static bool is_same_pass(const struct kube_exemption *a, const struct kube_exemption *b) {
    const bool same_place =
        a->namespace && b->namespace ? strcmp(a->namespace, b->namespace) == 0 : a->namespace == b->namespace;
    return a->level == b->level && strcmp(a->user, b->user) == 0 && same_place && a->limit == b->limit && a->resource &&
           b->resource;
}

// Whether some lock of the policy can hold something there.
static bool may_be_in(const struct plan_policy *policy, const char *namespace) {
    for (size_t i = 0; i < policy->table_count; i++)
        for (size_t j = 0; j < policy->tables[i].row_count; j++)
            if (scope_may_be_in(&policy->tables[i].locks[j]->scope, namespace)) return true;
    return false;
}

// Most exemptions are in one and the same.
static bool is_met(struct builder *builder, const struct kube_exemption *exemption) {
    if (!exemption->namespace) return true;
    if (!builder->met.namespace || strcmp(builder->met.namespace, exemption->namespace) != 0) {
        builder->met.namespace = exemption->namespace;
        builder->met.is_met = may_be_in(builder->policy, exemption->namespace);
    }
    return builder->met.is_met;
}

struct actions {
    struct action {
        const char *resource, *subresource;
        unsigned operation;
        const char *text; // as the variable `action` tells it
    } * items;
    size_t count;
};

// What the line lets through, as `action` tells it, of what reaches the policy.
static void add_actions(struct builder *builder, const struct kube_exemption *exemption, struct actions *actions) {
    static const struct {
        unsigned bit;
        const char *name;
    } operations[] = {{OP_CREATE, "CREATE"}, {OP_UPDATE, "UPDATE"}, {OP_DELETE, "DELETE"}};
    struct arena *arena = builder->arena;
    const char *group = exemption->resource_group, *resource = exemption->resource, *at = exemption->subresources;
    const char *name = *group ? arena_printf(arena, "%s.%s", resource, group) : resource;
    if (!is_met(builder, exemption)) return;
    do {
        // A leading blank stands for the object itself.
        const size_t len = strcspn(at, " ");
        const char *subresource = arena_copy(arena, at, len);
        at += len + (at[len] == ' ');
        for (size_t k = 0; k < sizeof operations / sizeof *operations; k++) {
            if (!(exemption->operations & operations[k].bit) ||
                !reaches(builder->policy, group, resource, subresource, operations[k].bit))
                continue;
            const struct action action = {
                name, subresource, operations[k].bit,
                arena_printf(arena, "%s%s%s %s", name, len ? "/" : "", subresource, operations[k].name)};
            ARENA_PUSH(arena, actions->items, actions->count, action);
        }
    } while (*at);
}

static struct cel_node *is_one_of_actions(struct builder *builder, const struct actions *actions) {
    struct arena *arena = builder->arena;
    const char **texts = ARENA_ARRAY(arena, const char *, actions->count);
    for (size_t i = 0; i < actions->count; i++) texts[i] = actions->items[i].text;
    return cel_in(arena, USE(action), cel_strings(arena, texts, actions->count));
}

static void add_resource(struct arena *arena, struct actions *list, const struct action *action) {
    for (size_t i = 0; i < list->count; i++)
        if (strcmp(list->items[i].resource, action->resource) == 0) return;
    ARENA_PUSH(arena, list->items, list->count, *action);
}

// Of one subresource and operation. What the rules say by themselves is left out later.
static struct cel_node *is_on(struct builder *builder, const struct actions *actions, const struct action *first) {
    struct arena *arena = builder->arena;
    struct actions same = {0};
    for (size_t i = 0; i < actions->count; i++)
        if (actions->items[i].operation == first->operation &&
            strcmp(actions->items[i].subresource, first->subresource) == 0)
            add_resource(arena, &same, &actions->items[i]);
    const char **resources = ARENA_ARRAY(arena, const char *, same.count);
    for (size_t i = 0; i < same.count; i++) resources[i] = same.items[i].resource;
    struct cel_node *result = cel_in(arena, USE(resource), cel_strings(arena, resources, same.count));
    result = cel_and(arena, cel_is_string(arena, USE(subresource), first->subresource), result);
    return cel_and(arena, result, vap_operations(builder, first->operation));
}

static bool is_first_of_kind(const struct actions *actions, size_t i) {
    for (size_t j = 0; j < i; j++)
        if (actions->items[j].operation == actions->items[i].operation &&
            strcmp(actions->items[j].subresource, actions->items[i].subresource) == 0)
            return false;
    return true;
}

static bool has_family(const struct plan_policy *policy) {
    for (size_t i = 0; i < policy->rule_count; i++)
        for (size_t j = 0; j < policy->rules[i].resource_count; j++)
            if (*policy->rules[i].resources[j] == '*') return true;
    return false;
}

static struct cel_node *is_action(struct builder *builder, const struct actions *actions) {
    struct cel_node *result = builder->never;
    if (has_family(builder->policy)) return is_one_of_actions(builder, actions);
    for (size_t i = 0; i < actions->count; i++)
        if (is_first_of_kind(actions, i))
            result = cel_or(builder->arena, result, is_on(builder, actions, &actions->items[i]));
    return result;
}

// The limit, and whoever it is.
static struct cel_node *pass(struct builder *builder, const struct kube_exemption *exemption) {
    struct arena *arena = builder->arena;
    struct cel_node *result = builder->always;
    if (exemption->limit == ONLY_TERMINATING) result = USE(namespaceTerminating);
    result = cel_and(arena, result, identity(builder, exemption));
    if (!exemption->namespace) return result;
    return cel_and(arena, result, cel_is_string(arena, USE(namespaceName), exemption->namespace));
}

// A line about every resource.
static struct cel_node *pass_everywhere(struct builder *builder, const struct kube_exemption *exemption,
                                        bool of_owned) {
    struct arena *arena = builder->arena;
    // Where owners are guarded, what the garbage collector deletes is `of_owned`.
    const bool kept = of_owned && strcmp(exemption->user, KUBE_GARBAGE_COLLECTOR) == 0;
    const unsigned operations = kept ? exemption->operations & ~(unsigned)OP_DELETE : exemption->operations;
    if (strcmp(exemption->subresources, "*") != 0) return builder->never; // no object has it
    struct cel_node *result = pass(builder, exemption);
    if (operations != OPS_WRITE) result = cel_and(arena, result, vap_operations(builder, operations));
    if (exemption->limit == ONLY_OWNERSHIP) result = cel_and(arena, result, cel_not(arena, USE(contentChanged)));
    return result;
}

// Whether the line is about the subresource of a policy of this shape.
static bool reaches_shape(const struct plan_policy *policy, const struct kube_exemption *exemption) {
    for (size_t i = 0; i < kube_act_count; i++) {
        const struct kube_act *act = &kube_acts[i];
        if (act->shape != policy->shape || !(exemption->operations & act->operation)) continue;
        // Who may change no more than owners cannot write another number of replicas.
        if (exemption->limit == ONLY_OWNERSHIP && act->operation == OP_UPDATE) continue;
        const char *subresources = exemption->subresources;
        const bool has = strcmp(subresources, "*") == 0 || text_has_word(subresources, act->subresource);
        if (has && (!exemption->resource ||
                    reaches(policy, exemption->resource_group, exemption->resource, act->subresource, act->operation)))
            return true;
    }
    return false;
}

static bool is_looked_up(const struct plan_policy *policy, const struct kube_exemption *exemption) {
    return policy->shape == SHAPE_OBJECTS && exemption->level == EXEMPT_CONTROLLERS && exemption->resource &&
           !exemption->namespace && exemption->limit == NO_LIMIT &&
           strncmp(exemption->user, KUBE_CONTROLLERS, sizeof KUBE_CONTROLLERS - 1) == 0;
}

// What lines of the level let through. Those of controllers that are accounts are looked up, see `work`.
static struct cel_node *passes(struct builder *builder, enum exemption level, bool of_owned) {
    struct arena *arena = builder->arena;
    const struct plan_policy *policy = builder->policy;
    struct cel_node *result = builder->never;
    for (size_t i = 0; i < kube_exemption_count; i++) {
        const struct kube_exemption *exemption = &kube_exemptions[i];
        if (exemption->level != level || is_looked_up(policy, exemption)) continue;
        if (policy->shape != SHAPE_OBJECTS) {
            if (is_met(builder, exemption) && reaches_shape(policy, exemption))
                result = cel_or(arena, result, pass(builder, exemption));
            continue;
        }
        if (!exemption->resource) {
            result = cel_or(arena, result, pass_everywhere(builder, exemption, of_owned));
            continue;
        }
        struct actions actions = {0};
        add_actions(builder, exemption, &actions);
        while (i + 1 < kube_exemption_count && is_same_pass(exemption, &kube_exemptions[i + 1]))
            add_actions(builder, &kube_exemptions[++i], &actions);
        if (actions.count)
            result = cel_or(arena, result, cel_and(arena, pass(builder, exemption), is_action(builder, &actions)));
    }
    return result;
}

static struct cel_node *control_plane(struct builder *builder) {
    return passes(builder, EXEMPT_ALWAYS, false);
}

struct cel_node *vap_always_exempt(struct builder *builder) {
    if (cel_is_bool(control_plane(builder), false)) return builder->never;
    return USE(controlPlane);
}

static struct cel_node *lifecycle(struct builder *builder, bool of_owned) {
    struct arena *arena = builder->arena;
    struct cel_node *finishing = USE(finishing);
    return cel_or(arena, cel_or(arena, vap_always_exempt(builder), finishing),
                  passes(builder, EXEMPT_LIFECYCLE, of_owned));
}

// Whether the object is of the resource, and the kind is that of what it was made beside.
static struct cel_node *is_derived(struct builder *builder, struct cel_node *kind) {
    struct arena *arena = builder->arena;
    struct cel_node *result = builder->never;
    for (size_t i = 0, same; i < kube_derived_count; i += same) {
        const struct kube_derived *derived = &kube_derived[i];
        const char **kinds = ARENA_ARRAY(arena, const char *, kube_derived_count);
        for (same = 0; i + same < kube_derived_count && strcmp(kube_derived[i + same].plural, derived->plural) == 0 &&
                       strcmp(kube_derived[i + same].group, derived->group) == 0;
             same++)
            kinds[same] =
                arena_printf(arena, "%s %s", kube_derived[i + same].owner_version, kube_derived[i + same].owner_kind);
        if (!rules_have(builder->policy, derived->group, derived->plural)) continue;
        const char *name = arena_printf(arena, "%s.%s", derived->plural, derived->group);
        struct cel_node *is_resource = cel_is_string(arena, USE(resource), name);
        result =
            cel_or(arena, result, cel_and(arena, is_resource, cel_in(arena, kind, cel_strings(arena, kinds, same))));
    }
    return result;
}

static struct cel_node *controlled(struct builder *builder) {
    struct arena *arena = builder->arena;
    const char **kinds = ARENA_ARRAY(arena, const char *, kube_workload_count);
    size_t count = 0;
    for (size_t i = 0; i < kube_workload_count; i++)
        if (!i || strcmp(kube_workloads[i].kind, kube_workloads[i - 1].kind) != 0)
            kinds[count++] = arena_printf(arena, "%s %s", kube_workloads[i].api_version, kube_workloads[i].kind);
    struct cel_node *kind = cel_quote(arena, "o.apiVersion + ' ' + o.kind");
    struct cel_node *goes = cel_and(arena, cel_quote(arena, "o.?controller.orValue(false)"),
                                    cel_in(arena, kind, cel_strings(arena, kinds, count)));
    goes = cel_or(arena, goes, is_derived(builder, kind));
    struct cel_node *result = cel_macro(arena, USE(owners), "exists", "o", goes);
    if (!rules_have(builder->policy, "", "persistentvolumeclaims")) return result;
    return cel_and(arena, cel_ne(arena, USE(resource), cel_string(arena, "persistentvolumeclaims")), result);
}

// Who does what, by what is done. Accounts of kube-system have no colon in their names, so that no other user is taken
// for one.
struct work {
    struct actions actions;
    struct worker {
        const char **accounts;
        size_t count;
    } * workers; // of each action
};

static void add_worker(struct arena *arena, struct work *work, const struct action *action, const char *account) {
    size_t i = 0;
    while (i < work->actions.count && strcmp(work->actions.items[i].text, action->text) != 0) i++;
    if (i == work->actions.count) {
        size_t count = i;
        const struct worker nobody = {0};
        ARENA_PUSH(arena, work->workers, count, nobody);
        ARENA_PUSH(arena, work->actions.items, work->actions.count, *action);
    }
    ARENA_PUSH(arena, work->workers[i].accounts, work->workers[i].count, account);
}

static int compare_actions(const void *a, const void *b) {
    return strcmp(((const struct action *)a)->text, ((const struct action *)b)->text);
}

// Sorted by action.
static struct work work_of(struct builder *builder) {
    struct arena *arena = builder->arena;
    struct work work = {0}, sorted = {0};
    for (size_t i = 0; i < kube_exemption_count; i++) {
        const struct kube_exemption *exemption = &kube_exemptions[i];
        struct actions actions = {0};
        if (exemption->level != EXEMPT_CONTROLLERS || !is_looked_up(builder->policy, exemption)) continue;
        add_actions(builder, exemption, &actions);
        for (size_t j = 0; j < actions.count; j++)
            add_worker(arena, &work, &actions.items[j], exemption->user + sizeof KUBE_CONTROLLERS - 1);
    }
    if (!work.actions.count) return work;
    sorted.actions.count = work.actions.count;
    sorted.actions.items = ARENA_ARRAY(arena, struct action, work.actions.count);
    sorted.workers = ARENA_ARRAY(arena, struct worker, work.actions.count);
    memcpy(sorted.actions.items, work.actions.items, work.actions.count * sizeof *work.actions.items);
    qsort(sorted.actions.items, work.actions.count, sizeof *work.actions.items, compare_actions);
    for (size_t i = 0; i < work.actions.count; i++)
        for (size_t j = 0; j < work.actions.count; j++)
            if (strcmp(sorted.actions.items[i].text, work.actions.items[j].text) == 0)
                sorted.workers[i] = work.workers[j];
    return sorted;
}

static bool same_workers(const struct worker *a, const struct worker *b) {
    if (a->count != b->count) return false;
    for (size_t i = 0; i < a->count; i++)
        if (strcmp(a->accounts[i], b->accounts[i]) != 0) return false;
    return true;
}

static size_t first_with(const struct work *work, size_t i) {
    size_t first = 0;
    while (!same_workers(&work->workers[first], &work->workers[i])) first++;
    return first;
}

// Who does many things is looked up: the cost of that does not grow with them.
static bool is_looked_up_work(const struct builder *builder, const struct work *work) {
    enum { FEW = 4 };
    size_t different = 0;
    for (size_t i = 0; i < work->actions.count; i++) different += first_with(work, i) == i;
    return different > FEW || has_family(builder->policy);
}

static struct cel_node *work_map(struct builder *builder) {
    struct arena *arena = builder->arena;
    const struct work work = work_of(builder);
    struct cel_node **entries = ARENA_ARRAY(arena, struct cel_node *, 2 * work.actions.count);
    for (size_t i = 0; i < work.actions.count; i++) {
        entries[2 * i] = cel_string(arena, work.actions.items[i].text);
        entries[2 * i + 1] = cel_strings(arena, work.workers[i].accounts, work.workers[i].count);
    }
    return cel_map(arena, entries, work.actions.count);
}

static struct cel_node *working_by_lookup(struct builder *builder) {
    struct arena *arena = builder->arena;
    struct cel_node *map = USE(work), *action = USE(action);
    struct cel_node *worker = builder->never;
    if (has_manager(builder)) worker = cel_is_string(arena, USE(user), KUBE_CONTROLLER_MANAGER);
    if (has_accounts(builder)) worker = cel_or(arena, worker, cel_in(arena, USE(account), cel_at(arena, map, action)));
    return cel_and(arena, cel_in(arena, action, map), worker);
}

// The user is one of the accounts, whose names are those in kube-system, or the controller manager.
static struct cel_node *is_worker(struct builder *builder, const struct worker *worker) {
    enum { FEW = 2 }; // of which the names stand there as they are
    struct arena *arena = builder->arena;
    if (!has_accounts(builder)) return cel_is_string(arena, USE(user), KUBE_CONTROLLER_MANAGER);
    const char **users = ARENA_ARRAY(arena, const char *, worker->count + 1);
    const bool whole = worker->count <= FEW;
    for (size_t i = 0; i < worker->count; i++)
        users[i] = whole ? arena_printf(arena, KUBE_CONTROLLERS "%s", worker->accounts[i]) : worker->accounts[i];
    users[worker->count] = KUBE_CONTROLLER_MANAGER;
    return cel_in(arena, whole ? USE(user) : USE(account),
                  cel_strings(arena, users, worker->count + has_manager(builder)));
}

// One action after the other, those together that the same accounts do.
static struct cel_node *working_in_place(struct builder *builder, const struct work *work) {
    struct arena *arena = builder->arena;
    struct cel_node *result = builder->never;
    for (size_t i = 0; i < work->actions.count; i++) {
        struct actions same = {0};
        if (first_with(work, i) != i) continue;
        for (size_t j = i; j < work->actions.count; j++)
            if (first_with(work, j) == i) ARENA_PUSH(arena, same.items, same.count, work->actions.items[j]);
        result =
            cel_or(arena, result, cel_and(arena, is_action(builder, &same), is_worker(builder, &work->workers[i])));
    }
    return result;
}

static struct cel_node *working(struct builder *builder) {
    struct cel_node *others = passes(builder, EXEMPT_CONTROLLERS, false);
    const struct work work = work_of(builder);
    if (!work.actions.count) return others;
    return cel_or(builder->arena, others,
                  is_looked_up_work(builder, &work) ? working_by_lookup(builder) : working_in_place(builder, &work));
}

// Of what workloads own: what they made goes with them, though the garbage collector may not delete it otherwise.
static struct cel_node *controllers_of_owned(struct builder *builder) {
    struct arena *arena = builder->arena;
    struct cel_node *result = builder->never, *deletes = vap_operations(builder, OP_DELETE);
    if (!cel_is_bool(deletes, false)) {
        struct cel_node *collects = is_account_or_manager(builder, KUBE_GARBAGE_COLLECTOR);
        result = cel_and(arena, deletes, cel_and(arena, collects, USE(controlled)));
    }
    return cel_is_bool(working(builder), false) ? result : cel_or(arena, result, USE(working));
}

static struct cel_node *controllers(struct builder *builder) {
    struct cel_node *result = USE(lifecycle);
    return cel_is_bool(working(builder), false) ? result : cel_or(builder->arena, result, USE(working));
}

// ---- the variables that are used ----

// The expression that the base variable stands for in this policy.
static struct cel_node *expression_of(struct builder *builder, enum base base) {
    switch (base) {
    case BASE_controllers: return controllers(builder);
    case BASE_controllersOfOwned: return controllers_of_owned(builder);
    case BASE_working: return working(builder);
    case BASE_work: return work_map(builder);
    case BASE_lifecycle: return lifecycle(builder, false);
    case BASE_lifecycleOfOwned: return lifecycle(builder, true);
    case BASE_controlPlane: return control_plane(builder);
    case BASE_account: return account(builder);
    default: break;
    }
    const bool covering = builder->policy->shape != SHAPE_OBJECTS;
    const char *other = covering ? covering_expression(builder->policy, base) : NULL, *text = base_expressions[base];
    if (other) return cel_quote(builder->arena, other);
    return text ? cel_quote(builder->arena, text) : controlled(builder);
}

// Uses the variables that the expression reads.
static void use_what_is_read(struct builder *builder, const struct cel_node *node) {
    const char *variable = cel_variable_of(node);
    for (size_t i = 0; i < BASE_COUNT && variable; i++)
        if (strcmp(base_names[i], variable) == 0) (void)vap_use(builder, (enum base)i);
    if (node->target) use_what_is_read(builder, node->target);
    for (size_t i = 0; i < node->count; i++) use_what_is_read(builder, node->args[i]);
}

void vap_add_base_variables(struct builder *builder, struct vap_variable **variables, size_t *count) {
    struct cel_node *expressions[BASE_COUNT] = {0};
    // From the last to the first, so that what a used one uses is known before its turn comes.
    for (size_t i = BASE_COUNT; i-- > 0;) {
        if (!builder->used[i]) continue;
        expressions[i] = expression_of(builder, (enum base)i);
        use_what_is_read(builder, expressions[i]);
    }
    for (size_t i = 0; i < BASE_COUNT; i++) {
        if (!builder->used[i]) continue;
        const struct vap_variable variable = {.name = base_names[i], .expression = expressions[i]};
        ARENA_PUSH(builder->arena, *variables, *count, variable);
    }
}
