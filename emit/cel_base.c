// Variables that say the same in every policy, and who is exempt from locks.
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/map.h"
#include "base/text.h"
#include "emit/cel.h"
#include "emit/cel_parts.h"
#include "kubernetes/catalog.h"

static const char *const base_names[] = {
#define VARIABLE(name, expression) #name,
#include "emit/cel_base.def"
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
    case BASE_name: return policy->by_params ? NULL : "variables.requestName";
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
#include "emit/cel_base.def"
#undef VARIABLE
};

const char *cel_use(struct printer *printer, enum base base) {
    printer->used[base] = true;
    return arena_printf(printer->arena, "variables.%s", base_names[base]);
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

// Whether a wildcard of the policy takes the resource in where it is not named.
static bool is_excluded(const struct plan_policy *policy, const char *group, const char *resource) {
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
    if (is_excluded(policy, group, resource)) return false;
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

bool cel_sees(const struct printer *printer, const char *group, const char *resource) {
    return rules_have(printer->policy, group, resource);
}

static bool is_prefix(const char *user) {
    return user[strlen(user) - 1] == ':';
}

// Who the line is about. Where controllers have no accounts of their own, they are all the controller manager.
static struct piece identity(struct printer *printer, const struct kube_exemption *exemption) {
    struct arena *arena = printer->arena;
    const char *user = USE(user);
    struct piece result =
        kube_exemption_is_shared(exemption)
            ? piece_print(arena, LEVEL_RELATION, "%s in ['%s', '" KUBE_CONTROLLER_MANAGER "']", user, exemption->user)
        : is_prefix(exemption->user) ? piece_print(arena, LEVEL_UNARY, "%s.startsWith('%s')", user, exemption->user)
                                     : piece_print(arena, LEVEL_RELATION, "%s == '%s'", user, exemption->user);
    if (exemption->group)
        result =
            piece_and(arena, result, piece_print(arena, LEVEL_RELATION, "'%s' in %s", exemption->group, USE(groups)));
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

static bool is_met(const struct plan_policy *policy, const struct kube_exemption *exemption) {
    return !exemption->namespace || may_be_in(policy, exemption->namespace);
}

struct actions {
    const char **items;
    size_t count;
};

// What the line lets through, as `action` tells it, of what reaches the policy.
static void add_actions(struct printer *printer, const struct kube_exemption *exemption, struct actions *actions) {
    static const struct {
        unsigned bit;
        const char *name;
    } operations[] = {{OP_CREATE, "CREATE"}, {OP_UPDATE, "UPDATE"}, {OP_DELETE, "DELETE"}};
    struct arena *arena = printer->arena;
    const char *group = exemption->resource_group, *resource = exemption->resource, *at = exemption->subresources;
    const char *name = *group ? arena_printf(arena, "%s.%s", resource, group) : resource;
    if (!is_met(printer->policy, exemption)) return;
    do {
        // A leading blank stands for the object itself.
        const size_t len = strcspn(at, " ");
        const char *subresource = arena_copy(arena, at, len);
        at += len + (at[len] == ' ');
        for (size_t k = 0; k < sizeof operations / sizeof *operations; k++) {
            if (!(exemption->operations & operations[k].bit) ||
                !reaches(printer->policy, group, resource, subresource, operations[k].bit))
                continue;
            const char *action =
                arena_printf(arena, "%s%s%s %s", name, len ? "/" : "", subresource, operations[k].name);
            ARENA_PUSH(arena, actions->items, actions->count, action);
        }
    } while (*at);
}

static struct piece is_action(struct printer *printer, const struct actions *actions) {
    struct arena *arena = printer->arena;
    if (actions->count == 1) return piece_print(arena, LEVEL_RELATION, "%s == '%s'", USE(action), actions->items[0]);
    struct text list;
    text_init(&list, arena);
    cel_add_string_list(&list, actions->items, actions->count);
    return piece_print(arena, LEVEL_RELATION, "%s in %s", USE(action), text_string(&list));
}

// The limit, and whoever it is.
static struct piece pass(struct printer *printer, const struct kube_exemption *exemption) {
    struct arena *arena = printer->arena;
    struct piece result = piece_always;
    if (exemption->limit == ONLY_TERMINATING) result = piece_print(arena, LEVEL_UNARY, "%s", USE(namespaceTerminating));
    result = piece_and(arena, result, identity(printer, exemption));
    if (!exemption->namespace) return result;
    return piece_and(arena, result,
                     piece_print(arena, LEVEL_RELATION, "%s == '%s'", USE(namespaceName), exemption->namespace));
}

// A line about every resource.
static struct piece pass_everywhere(struct printer *printer, const struct kube_exemption *exemption, bool of_owned) {
    struct arena *arena = printer->arena;
    // Where owners are guarded, what the garbage collector deletes is `of_owned`.
    const bool kept = of_owned && strcmp(exemption->user, KUBE_GARBAGE_COLLECTOR) == 0;
    const unsigned operations = kept ? exemption->operations & ~(unsigned)OP_DELETE : exemption->operations;
    if (strcmp(exemption->subresources, "*") != 0) return piece_never; // no object has it
    struct piece result = pass(printer, exemption);
    if (operations != OPS_WRITE) result = piece_and(arena, result, cel_operations(printer, operations));
    if (exemption->limit == ONLY_OWNERSHIP)
        result = piece_and(arena, result, piece_print(arena, LEVEL_UNARY, "!%s", USE(contentChanged)));
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
static struct piece passes(struct printer *printer, enum exemption level, bool of_owned) {
    struct arena *arena = printer->arena;
    const struct plan_policy *policy = printer->policy;
    struct piece result = piece_never;
    for (size_t i = 0; i < kube_exemption_count; i++) {
        const struct kube_exemption *exemption = &kube_exemptions[i];
        if (exemption->level != level || is_looked_up(policy, exemption)) continue;
        if (policy->shape != SHAPE_OBJECTS) {
            if (is_met(policy, exemption) && reaches_shape(policy, exemption))
                result = piece_or(arena, result, pass(printer, exemption));
            continue;
        }
        if (!exemption->resource) {
            result = piece_or(arena, result, pass_everywhere(printer, exemption, of_owned));
            continue;
        }
        struct actions actions = {0};
        add_actions(printer, exemption, &actions);
        while (i + 1 < kube_exemption_count && is_same_pass(exemption, &kube_exemptions[i + 1]))
            add_actions(printer, &kube_exemptions[++i], &actions);
        if (actions.count)
            result = piece_or(arena, result, piece_and(arena, pass(printer, exemption), is_action(printer, &actions)));
    }
    return result;
}

static struct piece control_plane(struct printer *printer) {
    return passes(printer, EXEMPT_ALWAYS, false);
}

struct piece cel_always_exempt(struct printer *printer) {
    if (piece_is(control_plane(printer), piece_never)) return piece_never;
    return piece_print(printer->arena, LEVEL_UNARY, "%s", USE(controlPlane));
}

static struct piece lifecycle(struct printer *printer, bool of_owned) {
    struct arena *arena = printer->arena;
    const struct piece finishing = piece_print(arena, LEVEL_UNARY, "%s", USE(finishing));
    return piece_or(arena, piece_or(arena, cel_always_exempt(printer), finishing),
                    passes(printer, EXEMPT_LIFECYCLE, of_owned));
}

static const char *controlled(struct printer *printer) {
    struct text text;
    text_init(&text, printer->arena);
    if (rules_have(printer->policy, "", "persistentvolumeclaims"))
        text_printf(&text, "%s != 'persistentvolumeclaims' && ", USE(resource));
    text_printf(&text,
                "%s.exists(o, has(o.controller) && o.controller == true && has(o.kind) && has(o.apiVersion)"
                " && o.apiVersion + ' ' + o.kind in [",
                USE(owners));
    for (size_t i = 0; i < kube_workload_count; i++)
        if (!i || strcmp(kube_workloads[i].kind, kube_workloads[i - 1].kind) != 0)
            text_printf(&text, "%s'%s %s'", i ? ", " : "", kube_workloads[i].api_version, kube_workloads[i].kind);
    text_add_string(&text, "])");
    return text_string(&text);
}

// Who does what, by what is done: the cost of a lookup does not grow with it. Accounts of kube-system have no colon in
// their names, so that no other user is taken for one.
static const char *work(struct printer *printer) {
    struct arena *arena = printer->arena;
    struct map known;
    map_init(&known, arena);
    struct actions all = {0};
    for (size_t i = 0; i < kube_exemption_count; i++) {
        const struct kube_exemption *exemption = &kube_exemptions[i];
        struct actions actions = {0};
        if (exemption->level != EXEMPT_CONTROLLERS || !is_looked_up(printer->policy, exemption)) continue;
        add_actions(printer, exemption, &actions);
        for (size_t j = 0; j < actions.count; j++) {
            struct actions *who = map_get(&known, actions.items[j]);
            if (!who) {
                map_set(&known, actions.items[j], who = ARENA_NEW(arena, struct actions));
                ARENA_PUSH(arena, all.items, all.count, actions.items[j]);
            }
            ARENA_PUSH(arena, who->items, who->count, exemption->user + sizeof KUBE_CONTROLLERS - 1);
        }
    }
    if (!all.count) return NULL;
    qsort(all.items, all.count, sizeof *all.items, compare_strings);
    struct text text;
    text_init(&text, arena);
    for (size_t i = 0; i < all.count; i++) {
        const struct actions *who = map_get(&known, all.items[i]);
        text_printf(&text, "%s\n  '%s': ", i ? "," : "{", all.items[i]);
        cel_add_string_list(&text, who->items, who->count);
    }
    text_add_string(&text, "\n}");
    return text_string(&text);
}

static struct piece working(struct printer *printer) {
    const struct piece others = passes(printer, EXEMPT_CONTROLLERS, false);
    if (!work(printer)) return others;
    const char *map = USE(work), *action = USE(action);
    return piece_or(printer->arena, others,
                    piece_print(printer->arena, LEVEL_AND,
                                "%s in %s && (%s == '" KUBE_CONTROLLER_MANAGER "' || %s in %s[%s])", action, map,
                                USE(user), USE(account), map, action));
}

static struct piece controllers(struct printer *printer, bool of_owned) {
    struct arena *arena = printer->arena;
    struct piece result = piece_print(arena, LEVEL_UNARY, "%s", of_owned ? USE(lifecycleOfOwned) : USE(lifecycle));
    // What a workload made goes with it.
    const struct piece deletes = cel_operations(printer, OP_DELETE);
    if (of_owned && !piece_is(deletes, piece_never))
        result = piece_or(arena, result,
                          piece_and(arena, deletes,
                                    piece_print(arena, LEVEL_AND, "%s in ['%s', '" KUBE_CONTROLLER_MANAGER "'] && %s",
                                                USE(user), KUBE_GARBAGE_COLLECTOR, USE(controlled))));
    if (piece_is(working(printer), piece_never)) return result;
    return piece_or(arena, result, piece_print(arena, LEVEL_UNARY, "%s", USE(working)));
}

// ---- the variables that are used ----

void cel_add_base_variables(struct printer *printer, struct cel_variable **variables, size_t *count) {
    const char *expressions[BASE_COUNT];
    for (size_t i = 0; i < BASE_COUNT; i++) {
        const bool covering = printer->policy->shape != SHAPE_OBJECTS;
        const char *other = covering ? covering_expression(printer->policy, (enum base)i) : NULL;
        expressions[i] = other ? other : base_expressions[i];
    }
    if (printer->used[BASE_controllers]) expressions[BASE_controllers] = controllers(printer, false).text;
    if (printer->used[BASE_controllersOfOwned]) expressions[BASE_controllersOfOwned] = controllers(printer, true).text;
    if (printer->used[BASE_working]) expressions[BASE_working] = working(printer).text;
    if (printer->used[BASE_work]) expressions[BASE_work] = work(printer);
    if (printer->used[BASE_controlled] && !expressions[BASE_controlled])
        expressions[BASE_controlled] = controlled(printer);
    if (printer->used[BASE_lifecycle]) expressions[BASE_lifecycle] = lifecycle(printer, false).text;
    if (printer->used[BASE_lifecycleOfOwned]) expressions[BASE_lifecycleOfOwned] = lifecycle(printer, true).text;
    if (printer->used[BASE_controlPlane]) expressions[BASE_controlPlane] = control_plane(printer).text;
    // From the last to the first, so that what a used one uses is known before its turn comes.
    for (size_t i = BASE_COUNT; i-- > 0;) {
        if (!printer->used[i]) continue;
        for (size_t j = 0; j < i; j++) {
            const char *name = arena_printf(printer->arena, "variables.%s", base_names[j]);
            for (const char *at = strstr(expressions[i], name); at; at = strstr(at + 1, name)) {
                const char after = at[strlen(name)];
                const bool whole = !((after >= 'a' && after <= 'z') || (after >= 'A' && after <= 'Z'));
                printer->used[j] |= whole;
            }
        }
    }
    for (size_t i = 0; i < BASE_COUNT; i++) {
        if (!printer->used[i]) continue;
        const struct cel_variable variable = {base_names[i], expressions[i]};
        ARENA_PUSH(printer->arena, *variables, *count, variable);
    }
}
