// Says without variables what a policy says with them: [EXPRESSION].exists(name, …) binds a name where it is used.
#include <string.h>

#include "base/arena.h"
#include "base/text.h"
#include "cel/cel_build.h"
#include "cel/cel_rewrite.h"
#include "cel/cel_tree.h"
#include "emit/vap_internal.h"
#include "emit/vap_policy.h"

// ---- how often a variable is used ----

static bool is_use(const struct cel_node *node, const char *name) {
    const char *variable = cel_variable_of(node);
    return variable && strcmp(variable, name) == 0;
}

static size_t count_uses(const struct cel_node *node, const char *name) {
    if (cel_is_plain(node)) return 0;
    if (is_use(node, name)) return 1;
    size_t count = node->target ? count_uses(node->target, name) : 0;
    for (size_t i = 0; i < node->count; i++) count += count_uses(node->args[i], name);
    return count;
}

// What bind_here makes.
static bool is_binding(const struct cel_node *node) {
    return cel_is_macro(node) && node->target->kind == CEL_NODE_LIST && node->target->count == 1 &&
           strcmp(node->name, "exists") == 0;
}

static bool is_used_in_loop(const struct cel_node *node, const char *name) {
    if (cel_is_plain(node)) return false;
    if (node->target && is_used_in_loop(node->target, name)) return true;
    const bool loops = cel_is_macro(node) && !is_binding(node);
    for (size_t i = 0; i < node->count; i++)
        if (loops ? count_uses(node->args[i], name) > 0 : is_used_in_loop(node->args[i], name)) return true;
    return false;
}

// ---- where it can be read ----

static unsigned operation_named(const struct cel_node *node) {
    return cel_is_quoted(node, "CREATE")   ? OP_CREATE
           : cel_is_quoted(node, "UPDATE") ? OP_UPDATE
           : cel_is_quoted(node, "DELETE") ? OP_DELETE
                                           : OP_CONNECT;
}

static bool is_operation(const struct cel_node *node) {
    return node->kind == CEL_NODE_SELECT && node->target->kind == CEL_NODE_IDENT &&
           strcmp(node->target->name, "request") == 0 && strcmp(node->name, "operation") == 0;
}

// Of these operations, those of which the test may be true (or false); all of them if it does not tell.
static unsigned left_by(const struct cel_node *test, unsigned operations, bool outcome) {
    if (cel_is_call(test, "!_")) return left_by(test->args[0], operations, !outcome);
    const enum cel_node_kind decisive = outcome ? CEL_NODE_AND : CEL_NODE_OR;
    if (test->kind == decisive && !test->spelling)
        for (size_t i = 0; i < test->count; i++) operations = left_by(test->args[i], operations, outcome);
    const bool is_equal = cel_is_call(test, "_==_"), is_different = cel_is_call(test, "_!=_");
    if (!is_equal && !is_different) return operations;
    if (is_operation(test->args[0])) {
        const unsigned named = operation_named(test->args[1]);
        return operations & (is_equal == outcome ? named : ~named);
    }
    return operations;
}

// Whether requests of these operations have what the expression reads: there is no old object when one is created, and
// no new one when it is deleted.
static bool can_be_read(const struct cel_node *node, unsigned operations, const struct vap_policy *policy) {
    if (node->kind == CEL_NODE_LITERAL || !operations) return true;
    if (node->kind == CEL_NODE_IDENT) {
        if (strcmp(node->name, "object") == 0) return !(operations & OP_DELETE);
        if (strcmp(node->name, "oldObject") == 0) return !(operations & (OP_CREATE | OP_CONNECT));
        return true;
    }
    for (size_t i = 0; i < policy->variable_count; i++)
        if (is_use(node, policy->variables[i].name))
            return can_be_read(policy->variables[i].expression, operations, policy);
    if (node->target && !can_be_read(node->target, operations, policy)) return false;
    for (size_t i = 0; i < node->count; i++) {
        if (!can_be_read(node->args[i], operations, policy)) return false;
        if (node->kind == CEL_NODE_AND || node->kind == CEL_NODE_OR)
            operations = left_by(node->args[i], operations, node->kind == CEL_NODE_AND);
        if (cel_is_call(node, "_?_:_") && i == 0)
            return can_be_read(node->args[1], left_by(node->args[0], operations, true), policy) &&
                   can_be_read(node->args[2], left_by(node->args[0], operations, false), policy);
    }
    return true;
}

// ---- where it is bound ----

struct binding {
    const struct vap_policy *policy;
    const struct vap_variable *variable;
    struct cel_node *value; // what stands for the variable where it is used
};

static struct cel_node *with_value(struct arena *arena, struct cel_node *node, void *context) {
    struct binding *binding = context;
    if (is_use(node, binding->variable->name)) return binding->value;
    return cel_change_children(arena, node, with_value, context);
}

static struct cel_node *bind_here(struct arena *arena, struct cel_node *node, unsigned operations,
                                  struct binding *binding) {
    if (!can_be_read(binding->variable->expression, operations, binding->policy)) {
        struct binding in_place = {.variable = binding->variable, .value = binding->variable->expression};
        return with_value(arena, node, &in_place);
    }
    struct cel_node **item = ARENA_ARRAY(arena, struct cel_node *, 1);
    item[0] = binding->variable->expression;
    return cel_macro(arena, cel_list(arena, item, 1), "exists", binding->variable->name,
                     with_value(arena, node, binding));
}

static bool is_condition(const struct cel_node *node) {
    if (node->kind == CEL_NODE_AND || node->kind == CEL_NODE_OR) return true;
    return node->kind == CEL_NODE_CALL && strcmp(node->name, "!_") == 0;
}

static struct cel_node *bind_within(struct arena *arena, struct cel_node *node, unsigned operations,
                                    struct binding *binding);

// Where it is used in several operands, it is bound around these: what stands before them spares its evaluation. Unless
// it can be read only behind what one of them asks.
static struct cel_node *bind_in_chain(struct arena *arena, struct cel_node *node, unsigned operations,
                                      struct binding *binding) {
    const char *name = binding->variable->name;
    const bool is_and = node->kind == CEL_NODE_AND;
    struct cel_node *(*const join)(struct arena *, struct cel_node *, struct cel_node *) = is_and ? cel_and : cel_or;
    size_t last = node->count - 1;
    while (!count_uses(node->args[last], name)) last--;
    struct cel_node *result = cel_boolean(arena, is_and);
    for (size_t i = 0; i < node->count; i++) {
        struct cel_node *part = node->args[i];
        if (count_uses(part, name)) {
            if (i < last && can_be_read(binding->variable->expression, operations, binding->policy)) {
                while (i < last) part = join(arena, part, node->args[++i]);
                part = bind_here(arena, part, operations, binding);
            } else {
                part = bind_within(arena, part, operations, binding);
            }
        }
        result = join(arena, result, part);
        operations = left_by(node->args[i], operations, is_and);
    }
    return result;
}

// Of a condition, the innermost that holds every use.
static struct cel_node *bind_within(struct arena *arena, struct cel_node *node, unsigned operations,
                                    struct binding *binding) {
    if (node->kind == CEL_NODE_AND || node->kind == CEL_NODE_OR) return bind_in_chain(arena, node, operations, binding);
    if (is_condition(node) && (is_condition(node->args[0]) || is_binding(node->args[0])))
        return cel_not(arena, bind_within(arena, node->args[0], operations, binding));
    if (is_binding(node) && !count_uses(node->target, binding->variable->name))
        return cel_macro(arena, node->target, "exists", node->args[0]->name,
                         bind_within(arena, node->args[1], operations, binding));
    return bind_here(arena, node, operations, binding);
}

// Whether it is said shorter where it is used than by a name.
static bool is_short_in_place(struct arena *arena, const struct vap_variable *variable, size_t uses) {
    enum { BINDING = 80 }; // what a name takes, and the reader's patience
    struct text text;
    text_init(&text, arena);
    cel_print(&text, variable->expression);
    return uses * text.len <= text.len + uses * strlen(variable->name) + BINDING;
}

static struct cel_node *without(struct arena *arena, struct cel_node *node, unsigned operations,
                                const struct vap_policy *policy, const struct vap_variable *variable) {
    const char *name = variable->name;
    const size_t count = count_uses(node, name);
    if (!count) return node;
    if (!is_used_in_loop(node, name) && (count == 1 || is_short_in_place(arena, variable, count))) {
        struct binding in_place = {policy, variable, variable->expression};
        return with_value(arena, node, &in_place);
    }
    struct binding named = {policy, variable, cel_name(arena, name)};
    return bind_within(arena, node, operations, &named);
}

// ---- policies ----

static bool uses_variables(const struct cel_node *node) {
    if (node->kind == CEL_NODE_LITERAL) return false;
    if (cel_variable_of(node)) return true;
    bool uses = node->target && uses_variables(node->target);
    for (size_t i = 0; i < node->count && !uses; i++) uses = uses_variables(node->args[i]);
    return uses;
}

bool vap_needs_variables(const struct vap_policy *policy) {
    for (size_t i = 0; i < policy->variable_count; i++)
        if (policy->variables[i].is_table || policy->variables[i].expression->spelling) return true;
    for (size_t i = 0; i < policy->validation_count; i++) {
        const struct cel_node *message = policy->validations[i].message_expression;
        if (message && uses_variables(message)) return true;
    }
    return policy->break_glass != NULL;
}

struct cel_node *vap_bind_all(struct arena *arena, struct cel_node *node, unsigned operations,
                              const struct vap_policy *policy) {
    // From the last to the first: an expression that is put in place uses earlier ones.
    for (size_t i = policy->variable_count; i-- > 0;)
        node = without(arena, node, operations, policy, &policy->variables[i]);
    return node;
}
