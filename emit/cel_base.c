// Variables that say the same in every policy, and who is exempt from locks.
#include <string.h>

#include "arena.h"
#include "catalog.h"
#include "cel.h"
#include "cel_parts.h"
#include "text.h"

static const char *const base_names[] = {
#define VARIABLE(name, expression) #name,
#include "cel_base.def"
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
    case BASE_finishing:
        return policy->shape == SHAPE_EVICTIONS && policy->by_params ? "has(variables.old.metadata.deletionTimestamp)"
                                                                     : "false";
    default: return NULL;
    }
}

static const char *const base_expressions[] = {
#define VARIABLE(name, expression) expression,
#include "cel_base.def"
#undef VARIABLE
};

const char *cel_use(struct printer *printer, enum base base) {
    printer->used[base] = true;
    return arena_printf(printer->arena, "variables.%s", base_names[base]);
}

// ---- exemptions ----

static bool is_account(const struct ir_exemption *exemption) {
    return strncmp(exemption->user, "system:serviceaccount:", 22) == 0;
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

static bool is_same_job(const struct ir_exemption *a, const struct ir_exemption *b) {
    return b->level == a->level && strcmp(a->user, b->user) == 0 && b->resource &&
           strcmp(a->subresources, b->subresources) == 0 && a->operations == b->operations;
}

// The resources of the exemption and of those behind it that differ in nothing else, which are then done with.
static struct piece of_resources(struct printer *printer, size_t *at) {
    struct arena *arena = printer->arena;
    const struct ir_exemption *first = &ir_exemptions[*at];
    const char **names = NULL;
    size_t count = 0;
    for (size_t i = *at; i < ir_exemption_count && is_same_job(first, &ir_exemptions[i]); i++) {
        const struct ir_exemption *exemption = &ir_exemptions[i];
        *at = i;
        if (!rules_have(printer->policy, exemption->resource_group, exemption->resource)) continue;
        const char *name = *exemption->resource_group
                               ? arena_printf(arena, "%s.%s", exemption->resource, exemption->resource_group)
                               : exemption->resource;
        ARENA_PUSH(arena, names, count, name);
    }
    if (count == 1) return piece_print(arena, LEVEL_RELATION, "%s == '%s'", USE(resource), names[0]);
    struct text list;
    text_init(&list, arena);
    cel_add_string_list(&list, names, count);
    return piece_print(arena, LEVEL_RELATION, "%s in %s", USE(resource), text_string(&list));
}

// Whose name begins with the user, and who is in the group.
static struct piece is_member(struct printer *printer, const char *user, const char *group) {
    return piece_print(printer->arena, LEVEL_AND, "%s.startsWith('%s') && '%s' in %s", USE(user), user, group,
                       USE(groups));
}

// Where owners are guarded, what the garbage collector does to objects is `of_owned` and no longer let through whole.
static struct piece lifecycle(struct printer *printer, bool of_owned) {
    struct arena *arena = printer->arena;
    struct piece result = piece_print(arena, LEVEL_UNARY, "%s", USE(finishing));
    for (size_t i = 0; i < ir_exemption_count; i++) {
        const struct ir_exemption *exemption = &ir_exemptions[i];
        if (exemption->level != EXEMPT_LIFECYCLE) continue;
        if (exemption->resource && !rules_have(printer->policy, exemption->resource_group, exemption->resource))
            continue;
        struct piece one = piece_always;
        if (exemption->limit == ONLY_TERMINATING)
            one = piece_print(arena, LEVEL_UNARY, "%s", USE(namespaceTerminating));
        if (exemption->resource) one = piece_and(arena, one, of_resources(printer, &i));
        if (exemption->group)
            one = piece_and(arena, one, is_member(printer, exemption->user, exemption->group));
        else if (is_account(exemption))
            one = piece_and(arena, one,
                            piece_print(arena, LEVEL_RELATION, "%s in ['%s', '" IR_CONTROLLER_MANAGER "']", USE(user),
                                        exemption->user));
        else
            one = piece_and(arena, one, piece_print(arena, LEVEL_RELATION, "%s == '%s'", USE(user), exemption->user));
        const bool covering = printer->policy->shape != SHAPE_OBJECTS, limited = exemption->limit == ONLY_OWNERSHIP;
        if (strcmp(exemption->subresources, "*") != 0 && !covering) continue;
        const bool kept = of_owned && strcmp(exemption->user, IR_GARBAGE_COLLECTOR) == 0;
        unsigned operations = exemption->operations;
        if (kept) operations &= ~(unsigned)OP_DELETE;
        if (limited && covering) operations &= ~(unsigned)OP_UPDATE;
        if (operations != OPS_WRITE || covering) one = piece_and(arena, one, cel_operations(printer, operations));
        if (limited && !covering)
            one = piece_and(arena, one, piece_print(arena, LEVEL_UNARY, "!%s", USE(contentChanged)));
        result = piece_or(arena, result, one);
    }
    return result;
}

static void add_action(struct arena *arena, struct text *list, const char *user, const char *action) {
    struct text item;
    text_init(&item, arena);
    cel_add_string(&item, user ? arena_printf(arena, "%s %s", user, action) : action);
    if (!strstr(text_string(list), text_string(&item)))
        text_printf(list, "%s%s", list->len ? ",\n  " : "", text_string(&item));
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
    for (size_t i = 0; i < ir_workload_count; i++)
        if (!i || strcmp(ir_workloads[i].kind, ir_workloads[i - 1].kind) != 0)
            text_printf(&text, "%s'%s %s'", i ? ", " : "", ir_workloads[i].api_version, ir_workloads[i].kind);
    text_add_string(&text, "])");
    return text_string(&text);
}

// Whether the identity's job reaches through one of the subresources of the shape.
static bool reaches_shape(const struct ir_exemption *exemption, enum shape shape) {
    for (size_t i = 0; i < ir_act_count; i++)
        if (ir_acts[i].shape == shape && catalog_list_has(exemption->subresources, ir_acts[i].subresource)) return true;
    return false;
}

// Who does what, as one constant list: the cost of a lookup does not grow with it. Nodes are the one identity that is a
// group.
static struct piece controllers(struct printer *printer, bool of_owned) {
    static const char nodes[] = "system:nodes", node_prefix[] = "system:node:";
    struct arena *arena = printer->arena;
    struct text by_user, by_manager, by_node;
    text_init(&by_user, arena);
    text_init(&by_manager, arena);
    text_init(&by_node, arena);
    for (size_t i = 0; i < ir_exemption_count && printer->policy->shape == SHAPE_OBJECTS; i++) {
        const struct ir_exemption *exemption = &ir_exemptions[i];
        if (exemption->level != EXEMPT_CONTROLLERS || !exemption->resource ||
            !rules_have(printer->policy, exemption->resource_group, exemption->resource))
            continue;
        const char *resource = *exemption->resource_group
                                   ? arena_printf(arena, "%s.%s", exemption->resource, exemption->resource_group)
                                   : exemption->resource;
        static const struct {
            unsigned bit;
            const char *name;
        } operations[] = {{OP_CREATE, "CREATE"}, {OP_UPDATE, "UPDATE"}, {OP_DELETE, "DELETE"}};
        // A leading blank stands for the object itself.
        const char *at = exemption->subresources;
        do {
            const size_t len = strcspn(at, " ");
            const char *subresource = arena_copy(arena, at, len);
            at += len + (at[len] == ' ');
            for (size_t k = 0; k < 3; k++) {
                if (!(exemption->operations & operations[k].bit) || (len && operations[k].bit != OP_UPDATE)) continue;
                const char *action =
                    arena_printf(arena, "%s%s%s %s", resource, len ? "/" : "", subresource, operations[k].name);
                if (exemption->group)
                    add_action(arena, &by_node, NULL, action);
                else
                    add_action(arena, &by_user, exemption->user, action);
                if (is_account(exemption)) add_action(arena, &by_manager, NULL, action);
            }
        } while (*at);
    }
    struct piece result = piece_print(arena, LEVEL_UNARY, "%s", of_owned ? USE(lifecycleOfOwned) : USE(lifecycle));
    // What a workload made goes with it.
    const struct piece deletes = cel_operations(printer, OP_DELETE);
    if (of_owned && !piece_is(deletes, piece_never))
        result = piece_or(arena, result,
                          piece_and(arena, deletes,
                                    piece_print(arena, LEVEL_AND, "%s in ['%s', '" IR_CONTROLLER_MANAGER "'] && %s",
                                                USE(user), IR_GARBAGE_COLLECTOR, USE(controlled))));
    // Where nothing but the name is known, it is one subresource that the policy is about.
    for (size_t i = 0; i < ir_exemption_count && printer->policy->shape != SHAPE_OBJECTS; i++) {
        const struct ir_exemption *exemption = &ir_exemptions[i];
        if (exemption->level != EXEMPT_CONTROLLERS || !reaches_shape(exemption, printer->policy->shape) ||
            (exemption->resource && !rules_have(printer->policy, exemption->resource_group, exemption->resource)))
            continue;
        const struct piece user = is_account(exemption)
                                      ? piece_print(arena, LEVEL_RELATION, "%s in ['%s', '" IR_CONTROLLER_MANAGER "']",
                                                    USE(user), exemption->user)
                                      : piece_print(arena, LEVEL_RELATION, "%s == '%s'", USE(user), exemption->user);
        result = piece_or(arena, result, piece_and(arena, user, cel_operations(printer, exemption->operations)));
    }
    if (by_node.len)
        result = piece_or(
            arena, result,
            piece_and(arena, is_member(printer, node_prefix, nodes),
                      piece_print(arena, LEVEL_RELATION, "%s in [\n  %s\n]", USE(action), text_string(&by_node))));
    if (!by_user.len) return result;
    result = piece_or(arena, result,
                      piece_print(arena, LEVEL_RELATION, "%s + ' ' + %s in [\n  %s\n]", USE(user), USE(action),
                                  text_string(&by_user)));
    return piece_or(arena, result,
                    piece_print(arena, LEVEL_AND, "%s == '" IR_CONTROLLER_MANAGER "' && %s in [\n  %s\n]", USE(user),
                                USE(action), text_string(&by_manager)));
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
    if (printer->used[BASE_controlled] && !expressions[BASE_controlled])
        expressions[BASE_controlled] = controlled(printer);
    if (printer->used[BASE_lifecycle]) expressions[BASE_lifecycle] = lifecycle(printer, false).text;
    if (printer->used[BASE_lifecycleOfOwned]) expressions[BASE_lifecycleOfOwned] = lifecycle(printer, true).text;
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
