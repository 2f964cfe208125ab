// Makes the expressions of a policy say no more than its requests can ask: what its rules fix is folded, and a variable
// is left only where it says something that is used more than once.
#include <stdint.h>
#include <string.h>

#include "base/arena.h"
#include "base/limits.h"
#include "base/map.h"
#include "cel/cel_build.h"
#include "cel/cel_rewrite.h"
#include "cel/cel_specialize.h"
#include "cel/cel_tree.h"
#include "emit/vap_internal.h"
#include "emit/vap_policy.h"

// ---- what the rules fix ----

// What is known of the requests of a rule on one resource, in the order of the subjects.
enum subject {
    SUBJECT_OPERATION,
    SUBJECT_RESOURCE,
    SUBJECT_SUBRESOURCE,
    SUBJECT_ACTION,
    SUBJECT_OLD,
    SUBJECT_NEW,
    SUBJECT_NAMESPACED,
    SUBJECT_IN_NAMESPACE,
    SUBJECT_COUNT
};

static struct cel_node **make_subjects(struct arena *arena) {
    static const char *const texts[SUBJECT_COUNT] = {[SUBJECT_OPERATION] = "request.operation",
                                                     [SUBJECT_RESOURCE] = "variables.resource",
                                                     [SUBJECT_SUBRESOURCE] = "variables.subresource",
                                                     [SUBJECT_ACTION] = "variables.action",
                                                     [SUBJECT_OLD] = "oldObject != null",
                                                     [SUBJECT_NEW] = "object != null",
                                                     [SUBJECT_NAMESPACED] = "has(request.namespace)",
                                                     [SUBJECT_IN_NAMESPACE] = "namespaceObject != null"};
    struct cel_node **subjects = ARENA_ARRAY(arena, struct cel_node *, SUBJECT_COUNT);
    for (size_t i = 0; i < SUBJECT_COUNT; i++) subjects[i] = cel_quote(arena, texts[i]);
    return subjects;
}

static void add_case(struct arena *arena, struct cel_known *known, const struct plan_policy *policy,
                     const struct plan_rule *rule, const char *resource, const char *operation) {
    const char *slash = strchr(resource, '/'), *subresource = slash ? slash + 1 : "";
    const size_t len = slash ? (size_t)(slash - resource) : strlen(resource);
    const bool is_family = *resource == '*' || *rule->group == '*', is_objects = policy->shape == SHAPE_OBJECTS;
    const char *plural = arena_copy(arena, resource, len), *name = plural;
    if (*rule->group) name = arena_printf(arena, "%s.%s", plural, rule->group);
    if (policy->shape == SHAPE_BINDINGS) name = "pods"; // a binding can be an object of its own as well
    const bool is_namespace = !*rule->group && strcmp(plural, "namespaces") == 0;
    struct cel_node **values = ARENA_ARRAY(arena, struct cel_node *, SUBJECT_COUNT);
    values[SUBJECT_OPERATION] = cel_string(arena, operation);
    values[SUBJECT_SUBRESOURCE] = cel_string(arena, subresource);
    values[SUBJECT_IN_NAMESPACE] = cel_boolean(arena, rule->namespaced);
    if (!is_family) values[SUBJECT_RESOURCE] = cel_string(arena, name);
    if (!is_family || rule->namespaced)
        values[SUBJECT_NAMESPACED] = cel_boolean(arena, rule->namespaced || is_namespace);
    if (!is_family && is_objects)
        values[SUBJECT_ACTION] =
            cel_string(arena, arena_printf(arena, "%s%s%s %s", name, slash ? "/" : "", subresource, operation));
    if (is_objects) {
        values[SUBJECT_OLD] = cel_boolean(arena, strcmp(operation, "CREATE") != 0);
        values[SUBJECT_NEW] = cel_boolean(arena, strcmp(operation, "DELETE") != 0);
    }
    ARENA_PUSH(arena, known->cases, known->case_count, values);
}

static struct cel_known known_of(struct arena *arena, const struct plan_policy *policy) {
    struct cel_known known = {.subjects = make_subjects(arena), .subject_count = SUBJECT_COUNT};
    for (size_t i = 0; i < policy->rule_count; i++)
        for (size_t j = 0; j < policy->rules[i].resource_count; j++)
            for (size_t k = 0; k < KUBE_OPERATION_COUNT; k++)
                if (policy->rules[i].operations & kube_operations[k].operation)
                    add_case(arena, &known, policy, &policy->rules[i], policy->rules[i].resources[j],
                             kube_operations[k].name);
    return known;
}

// ---- what is used how often ----

struct use {
    size_t times;
    bool in_loop; // of a macro, which would evaluate it for each element
};

struct reduction {
    struct arena *arena;
    const struct plan_policy *plan;
    struct cel_known known;
    struct vap_policy *policy;
    struct use *uses; // of the variables
    struct map index; // name → use
    struct cel_inlined *in_place;
    size_t in_place_count;
    struct cel_nodes settled; // expressions that folding leaves as they are
};

static void count_uses(struct reduction *reduction, const struct cel_node *node, bool in_loop) {
    if (cel_is_plain(node)) return;
    const char *variable = cel_variable_of(node);
    if (variable) {
        struct use *use = map_get(&reduction->index, variable);
        if (use) *use = (struct use){use->times + 1, use->in_loop || in_loop};
        return;
    }
    if (node->target) count_uses(reduction, node->target, in_loop);
    const bool loops = cel_is_macro(node);
    for (size_t i = 0; i < node->count; i++) count_uses(reduction, node->args[i], in_loop || loops);
}

// Calls the function for every expression but constant ones.
static void each_expression(struct reduction *reduction,
                            void (*visit)(struct reduction *reduction, struct cel_node **expression)) {
    struct vap_policy *policy = reduction->policy;
    for (size_t i = 0; i < policy->variable_count; i++)
        if (!policy->variables[i].is_table) visit(reduction, &policy->variables[i].expression);
    for (size_t i = 0; i < policy->validation_count; i++) {
        visit(reduction, &policy->validations[i].expression);
        if (policy->validations[i].message_expression) visit(reduction, &policy->validations[i].message_expression);
    }
    if (policy->break_glass) visit(reduction, &policy->break_glass);
    if (policy->match) visit(reduction, &policy->match);
}

static void count_in(struct reduction *reduction, struct cel_node **expression) {
    count_uses(reduction, *expression, false);
}

static void count_all(struct reduction *reduction) {
    const struct vap_policy *policy = reduction->policy;
    reduction->uses = ARENA_ARRAY(reduction->arena, struct use, policy->variable_count + 1);
    map_init(&reduction->index, reduction->arena);
    for (size_t i = 0; i < policy->variable_count; i++)
        map_set(&reduction->index, policy->variables[i].name, &reduction->uses[i]);
    each_expression(reduction, count_in);
}

// ---- what stands in place ----

// Nothing to evaluate: a literal, or what is below a name.
static bool is_short(const struct cel_node *node) {
    if (node->kind == CEL_NODE_LITERAL || node->kind == CEL_NODE_IDENT) return true;
    if (node->kind == CEL_NODE_MAP) return !node->count;
    if (node->kind == CEL_NODE_SELECT) return !node->optional_field && is_short(node->target);
    const bool is_dyn = node->kind == CEL_NODE_CALL && !node->target && strcmp(node->name, "dyn") == 0;
    return is_dyn &&
           (node->args[0]->kind == CEL_NODE_IDENT || (node->args[0]->kind == CEL_NODE_MAP && !node->args[0]->count));
}

static bool is_constant_list(const struct cel_node *node) {
    if (node->kind != CEL_NODE_LIST) return false;
    for (size_t i = 0; i < node->count; i++)
        if (node->args[i]->kind != CEL_NODE_LITERAL) return false;
    return true;
}

static bool stands_in_place(const struct vap_variable *variable, const struct use *use) {
    if (variable->is_table || variable->expression->spelling) return false; // CEL of the user is apart, see vap_formula
    return is_short(variable->expression) ||
           (use->times == 1 && (!use->in_loop || is_constant_list(variable->expression)));
}

static bool is_settled(const struct reduction *reduction, const struct cel_node *expression) {
    for (size_t i = 0; i < reduction->settled.count; i++)
        if (reduction->settled.items[i] == expression) return true;
    return false;
}

static void specialize(struct reduction *reduction, struct cel_node **expression) {
    struct arena *arena = reduction->arena;
    if (is_settled(reduction, *expression)) return;
    struct cel_node *special = cel_simplify(arena, cel_specialize(arena, *expression, &reduction->known)),
                    *result = cel_simplify(arena, vap_assume(arena, special));
    if (cel_same(result, *expression)) ARENA_PUSH(arena, reduction->settled.items, reduction->settled.count, result);
    *expression = result;
}

static void put_in_place(struct reduction *reduction, struct cel_node **expression) {
    struct cel_node *result = cel_inline(reduction->arena, *expression, reduction->in_place, reduction->in_place_count);
    if (result) *expression = result;
}

// True if there is nothing to put in place any more.
static bool put_all_in_place(struct reduction *reduction) {
    const struct vap_policy *policy = reduction->policy;
    count_all(reduction);
    reduction->in_place = NULL;
    reduction->in_place_count = 0;
    for (size_t i = 0; i < policy->variable_count; i++) {
        if (!reduction->uses[i].times || !stands_in_place(&policy->variables[i], &reduction->uses[i])) continue;
        const struct cel_inlined one = {policy->variables[i].name, policy->variables[i].expression};
        ARENA_PUSH(reduction->arena, reduction->in_place, reduction->in_place_count, one);
    }
    if (reduction->in_place_count) each_expression(reduction, put_in_place);
    return !reduction->in_place_count;
}

// What nothing uses; true if there was such a variable, which may have used others.
static bool drop_unused(struct reduction *reduction) {
    struct vap_policy *policy = reduction->policy;
    size_t kept = 0;
    count_all(reduction);
    for (size_t i = 0; i < policy->variable_count; i++)
        if (reduction->uses[i].times) policy->variables[kept++] = policy->variables[i];
    const bool dropped = kept < policy->variable_count;
    policy->variable_count = kept;
    return dropped;
}

// Two locks may refuse the same and differ in what they say: one message is all that is shown.
static void drop_repeated(struct vap_policy *policy) {
    size_t kept = 0;
    for (size_t i = 0; i < policy->validation_count; i++) {
        bool repeated = false;
        for (size_t j = 0; j < kept && !repeated; j++)
            repeated = cel_same(policy->validations[i].expression, policy->validations[j].expression);
        if (!repeated) policy->validations[kept++] = policy->validations[i];
    }
    policy->validation_count = kept;
}

// ---- how it is said ----

static void shorten(struct reduction *reduction, struct cel_node **expression) {
    *expression = cel_simplify(reduction->arena, vap_shorten(reduction->arena, reduction->plan, *expression));
}

// ---- the parts together ----

static void put_in_place_what_may(struct reduction *reduction) {
    do {
        while (drop_unused(reduction)) continue;
    } while (!put_all_in_place(reduction));
    while (drop_unused(reduction)) continue;
}

static void reduce(struct reduction *reduction) {
    enum { ROUNDS = 20 }; // each puts something in place
    bool done = false;
    for (size_t i = 0; i < ROUNDS && !done; i++) {
        each_expression(reduction, specialize);
        while (drop_unused(reduction)) continue;
        done = put_all_in_place(reduction);
    }
    while (drop_unused(reduction)) continue;
}

// What is known is folded by now: how it is said does not tell any more what it is about.
static void say(struct reduction *reduction) {
    each_expression(reduction, shorten);
    put_in_place_what_may(reduction);
}

static unsigned operations_known(const struct reduction *reduction) {
    unsigned known = 0;
    for (size_t i = 0; i < reduction->known.case_count; i++)
        for (size_t j = 0; j < KUBE_OPERATION_COUNT; j++)
            if (cel_is_quoted(reduction->known.cases[i][SUBJECT_OPERATION], kube_operations[j].name))
                known |= kube_operations[j].operation;
    return known;
}

// The validation without variables, for requests of one operation; NULL: for all.
static struct cel_node *made_alone(const struct reduction *all, const struct vap_validation *validation,
                                   struct cel_node *operation) {
    struct arena *arena = all->arena;
    struct vap_policy part = *all->policy;
    struct vap_validation only = *validation;
    struct reduction reduction = {.arena = arena, .plan = all->plan, .known = all->known, .policy = &part};
    if (!operation) reduction.settled = all->settled;
    part.variables = ARENA_ARRAY(arena, struct vap_variable, part.variable_count + 1);
    memcpy(part.variables, all->policy->variables, part.variable_count * sizeof *part.variables);
    part.validations = &only;
    part.validation_count = 1;
    reduction.known.cases = ARENA_ARRAY(arena, struct cel_node **, all->known.case_count + 1);
    reduction.known.case_count = 0;
    for (size_t i = 0; i < all->known.case_count; i++)
        if (!operation || cel_same(all->known.cases[i][SUBJECT_OPERATION], operation))
            reduction.known.cases[reduction.known.case_count++] = all->known.cases[i];
    reduce(&reduction);
    say(&reduction);
    return cel_simplify(arena, vap_bind_all(arena, only.expression, operations_known(&reduction), &part));
}

static size_t length_of(struct arena *arena, const struct cel_node *node) {
    struct text text;
    text_init(&text, arena);
    cel_print(&text, node);
    return text.len;
}

// What requests of each operation are refused for, those together that are refused for the same.
struct cases {
    struct cel_node *operations[4]; // the last one of each
    struct cel_node *refused[4];
    size_t count;
};

// The operations that the rules know, unless there are requests of any other.
static size_t operations_of(const struct reduction *reduction, struct cel_node **operations) {
    size_t count = 0;
    for (size_t i = 0; i < reduction->known.case_count; i++) {
        struct cel_node *operation = reduction->known.cases[i][SUBJECT_OPERATION];
        bool is_known = false;
        for (size_t j = 0; j < count && !is_known; j++) is_known = cel_same(operations[j], operation);
        if (!is_known) operations[count++] = operation;
    }
    return count;
}

static struct cel_node *chosen(struct arena *arena, struct cel_node *test, struct cel_node *yes, struct cel_node *no) {
    if (cel_is_bool(yes, true)) return cel_or(arena, test, no);
    if (cel_is_bool(yes, false)) return cel_and(arena, cel_not(arena, test), no);
    if (cel_is_bool(no, false)) return cel_and(arena, test, yes);
    if (cel_is_bool(no, true)) return cel_or(arena, cel_not(arena, test), yes);
    return cel_parenthesized(arena, cel_if(arena, test, yes, no));
}

// The validation as one for each operation: an update has parts that a delete has not.
static struct cel_node *by_operation(const struct reduction *reduction, const struct vap_validation *validation) {
    struct arena *arena = reduction->arena;
    struct cel_node *operations[4];
    const size_t count = operations_of(reduction, operations);
    struct vap_refusal refusals[4];
    if (count < 2) return NULL;
    for (size_t i = 0; i < count; i++)
        refusals[i] = vap_refusal_of(arena, made_alone(reduction, validation, operations[i]));
    struct vap_refusal common = vap_common(arena, refusals, count);
    struct cel_node *result = vap_refused(arena, &refusals[count - 1]);
    for (size_t i = count - 1; i-- > 0;) {
        struct cel_node *test = cel_eq(arena, cel_quote(arena, "request.operation"), operations[i]);
        result = chosen(arena, test, vap_refused(arena, &refusals[i]), result);
    }
    struct vap_refusal shared = {.all = common.all}, exempt = {.none = common.none};
    return cel_not(arena,
                   cel_and(arena, vap_refused(arena, &shared), cel_and(arena, result, vap_refused(arena, &exempt))));
}

// Whether the API server takes the expression as it is printed; what is on lines is hardly twice as long.
static bool fits(struct arena *arena, const struct cel_node *node, size_t length) {
    struct text text;
    if (length < LIMIT_CEL_CODE_POINTS / 2) return true;
    text_init(&text, arena);
    cel_print_on_lines(&text, node);
    return text.len <= LIMIT_CEL_CODE_POINTS;
}

// As one, or by operations where that is not much longer; false, and nothing is changed, where validations are so many
// that what they share is better said once, or an expression would be so long without variables that the API server
// refuses it.
static bool leave_no_variables(struct reduction *reduction) {
    enum { MANY = 8 };
    struct arena *arena = reduction->arena;
    struct vap_policy *policy = reduction->policy;
    if (policy->validation_count > MANY) return false;
    struct cel_node **alone = ARENA_ARRAY(arena, struct cel_node *, policy->validation_count);
    for (size_t i = 0; i < policy->validation_count; i++) {
        const struct vap_validation *validation = &policy->validations[i];
        struct cel_node *whole = made_alone(reduction, validation, NULL), *split = by_operation(reduction, validation);
        const size_t length = length_of(arena, whole);
        const size_t split_length = split ? length_of(arena, split) : SIZE_MAX;
        const bool is_split = split_length < length + length / 5;
        alone[i] = is_split ? split : whole;
        if (!fits(arena, alone[i], is_split ? split_length : length)) return false;
    }
    for (size_t i = 0; i < policy->validation_count; i++) policy->validations[i].expression = alone[i];
    policy->variable_count = 0;
    return true;
}

static void make_match(struct reduction *reduction) {
    struct vap_policy *policy = reduction->policy;
    vap_match(reduction->arena, reduction->plan, policy);
    if (!policy->match) return;
    struct vap_policy part = {.variables =
                                  ARENA_ARRAY(reduction->arena, struct vap_variable, policy->variable_count + 1),
                              .variable_count = policy->variable_count,
                              .match = policy->match};
    struct reduction own = {
        .arena = reduction->arena, .plan = reduction->plan, .known = reduction->known, .policy = &part};
    memcpy(part.variables, policy->variables, part.variable_count * sizeof *part.variables);
    say(&own);
    policy->match =
        cel_simplify(reduction->arena, vap_bind_all(reduction->arena, part.match, operations_known(&own), &part));
    reduce(reduction);
}

// CEL of the user stands where it is asked for: a condition has its limit of cost to itself.
static void put_written_in_place(struct reduction *reduction) {
    struct cel_inlined *written = NULL;
    size_t count = 0;
    for (size_t i = 0; i < reduction->policy->variable_count; i++) {
        const struct vap_variable *variable = &reduction->policy->variables[i];
        const struct cel_inlined one = {variable->name, variable->expression};
        if (variable->expression->spelling) ARENA_PUSH(reduction->arena, written, count, one);
    }
    struct cel_node *condition = count ? cel_inline(reduction->arena, reduction->policy->match, written, count) : NULL;
    if (condition) reduction->policy->match = condition;
}

void vap_reduce_condition(struct arena *arena, const struct plan_policy *plan, struct vap_policy *policy) {
    struct reduction reduction = {.arena = arena, .plan = plan, .known = known_of(arena, plan), .policy = policy};
    put_written_in_place(&reduction);
    reduce(&reduction);
    say(&reduction);
    policy->match = cel_simplify(arena, vap_bind_all(arena, policy->match, operations_known(&reduction), policy));
}

void vap_reduce(struct arena *arena, const struct plan_policy *plan, struct vap_policy *policy) {
    struct reduction reduction = {.arena = arena, .plan = plan, .known = known_of(arena, plan), .policy = policy};
    reduce(&reduction);
    drop_repeated(policy);
    reduce(&reduction);
    make_match(&reduction);
    const bool may_leave = plan->avoids_variables && !vap_needs_variables(policy);
    if (!may_leave || !leave_no_variables(&reduction)) say(&reduction);
}
