// How two policies or two bindings differ in what they mean: fields as they were read, expressions as trees.
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admission/admission_internal.h"
#include "base/arena.h"
#include "base/map.h"
#include "base/text.h"
#include "cel/cel_build.h"
#include "cel/cel_print.h"
#include "cel/cel_tree.h"

enum { SHOWN_BYTES = 160 }; // of an expression or a message

struct comparing {
    struct arena *arena;
    struct admission_differences *differences;
};

__attribute__((format(printf, 4, 5))) static void differ(struct comparing *c, enum admission_effect effect,
                                                         const char *field, const char *format, ...) {
    char text[1000];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    text[utf8_valid_prefix(text, strlen(text))] = '\0';
    const struct admission_difference difference = {effect, field, arena_copy(c->arena, text, strlen(text))};
    ARENA_PUSH(c->arena, c->differences->items, c->differences->count, difference);
}

// ---- texts ----

static const char *shortened(struct arena *arena, const char *text) {
    return text_shortened(arena, text, SHOWN_BYTES);
}

static const char *sorted_words(struct arena *arena, const struct value *list) {
    const char **words = ARENA_ARRAY(arena, const char *, list ? list->count : 0);
    const size_t count = list ? list->count : 0;
    for (size_t i = 0; i < count; i++) words[i] = list->as.items[i]->as.string;
    if (count) qsort(words, count, sizeof *words, compare_strings);
    struct text text;
    text_init(&text, arena);
    text_add_char(&text, '[');
    for (size_t i = 0; i < count; i++) text_printf(&text, "%s%s", i ? ", " : "", *words[i] ? words[i] : "\"\"");
    text_add_char(&text, ']');
    return text_string(&text);
}

static const char *print_node(struct arena *arena, const struct cel_node *node) {
    struct text text;
    text_init(&text, arena);
    cel_print(&text, node);
    return shortened(arena, text_string(&text));
}

// ---- expressions ----

static bool has_same_form(const struct cel_node *a, const struct cel_node *b) {
    return a->kind == b->kind && a->kind != CEL_NODE_LITERAL && a->count == b->count && !a->target == !b->target &&
           (a->name == b->name || (a->name && b->name && strcmp(a->name, b->name) == 0));
}

// The only child in which the two differ, by number, the target being the first; NULL where it is not one alone.
static const struct cel_node *only_difference(const struct cel_node *a, const struct cel_node *b,
                                              const struct cel_node **ret_other) {
    const struct cel_node *found = NULL;
    if (!has_same_form(a, b)) return NULL;
    if (a->target && !cel_same(a->target, b->target)) {
        found = a->target;
        *ret_other = b->target;
    }
    for (size_t i = 0; i < a->count; i++) {
        if (cel_same(a->args[i], b->args[i])) continue;
        if (found) return NULL;
        found = a->args[i];
        *ret_other = b->args[i];
    }
    return found;
}

static bool is_leaf(const struct cel_node *node) {
    return node->kind == CEL_NODE_LITERAL || node->kind == CEL_NODE_IDENT;
}

// The tree as it is written: the one that is checked has constants worked out, which print as nothing.
static const struct cel_node *tree_of(struct arena *arena, const struct cel_expr *expr) {
    struct cel_problem problem;
    return cel_read(arena, cel_text(expr), &problem); // never NULL: it was read before
}

static bool has_entry(const struct cel_node *map, const struct cel_node *key, const struct cel_node *value) {
    for (size_t i = 0; i < map->count; i += 2)
        if (cel_same(map->args[i], key) && cel_same(map->args[i + 1], value)) return true;
    return false;
}

// The first entry that only the first of two maps has, and how many more: a table has one for each lock.
static const char *print_entries(struct arena *arena, const struct cel_node *map, const struct cel_node *other) {
    const char *first = NULL;
    size_t count = 0;
    for (size_t i = 0; i < map->count; i += 2) {
        if (has_entry(other, map->args[i], map->args[i + 1])) continue;
        if (!first)
            first =
                arena_printf(arena, "`%s: %s`", print_node(arena, map->args[i]), print_node(arena, map->args[i + 1]));
        count++;
    }
    if (!first) return "nothing";
    return count > 1 ? arena_printf(arena, "%s and %zu more entries", first, count - 1) : first;
}

static const char *print_difference(struct arena *arena, const struct cel_node *node, const struct cel_node *other) {
    if (node->kind == CEL_NODE_MAP && other->kind == CEL_NODE_MAP) return print_entries(arena, node, other);
    return arena_printf(arena, "`%s`", print_node(arena, node));
}

// Says where the trees of the two part, in the words around it.
static void differ_in_expression(struct comparing *c, const char *field, const struct cel_expr *wanted,
                                 const struct cel_expr *found) {
    const struct cel_node *of_wanted = tree_of(c->arena, wanted), *of_found = tree_of(c->arena, found);
    for (const struct cel_node *deeper, *other = NULL; (deeper = only_difference(of_wanted, of_found, &other));) {
        if (is_leaf(deeper) || is_leaf(other) || of_wanted->kind == CEL_NODE_MAP) break;
        of_wanted = deeper;
        of_found = other;
    }
    differ(c, ADMISSION_OTHER, field, "says %s where the policy says %s",
           print_difference(c->arena, of_found, of_wanted), print_difference(c->arena, of_wanted, of_found));
}

static bool is_same_expression(const struct comparing *c, const struct cel_expr *a, const struct cel_expr *b) {
    if (!a || !b) return a == b;
    return strcmp(cel_text(a), cel_text(b)) == 0 || cel_same(tree_of(c->arena, a), tree_of(c->arena, b));
}

static const struct admission_expression *find_key(const struct admission_expression *items, size_t count,
                                                   const char *key) {
    for (size_t i = 0; i < count; i++)
        if (strcmp(items[i].key, key) == 0) return &items[i];
    return NULL;
}

// Expressions that are known by a key. What it means that one is too many or missing, the caller knows.
static void compare_keyed(struct comparing *c, const char *field, const struct admission_expression *wanted,
                          size_t wanted_count, const struct admission_expression *found, size_t found_count,
                          enum admission_effect missing, enum admission_effect added) {
    for (size_t i = 0; i < wanted_count; i++) {
        const char *of_one = arena_printf(c->arena, "%s '%s'", field, wanted[i].key);
        const struct admission_expression *other = find_key(found, found_count, wanted[i].key);
        if (!other)
            differ(c, missing, of_one, "is gone");
        else if (!is_same_expression(c, wanted[i].expr, other->expr))
            differ_in_expression(c, of_one, wanted[i].expr, other->expr);
    }
    for (size_t i = 0; i < found_count; i++)
        if (!find_key(wanted, wanted_count, found[i].key))
            differ(c, added, arena_printf(c->arena, "%s '%s'", field, found[i].key), "was added: `%s`",
                   print_node(c->arena, tree_of(c->arena, found[i].expr)));
}

// One more that nobody reads means nothing, and one less that somebody reads does not compile.
static void compare_variables(struct comparing *c, const struct cel_declarations *wanted,
                              const struct cel_declarations *found) {
    for (size_t i = 0; i < wanted->definition_count; i++)
        for (size_t j = 0; j < found->definition_count; j++) {
            const struct cel_definition *one = &wanted->definitions[i], *other = &found->definitions[j];
            if (strcmp(one->name, other->name) == 0 && !is_same_expression(c, one->expr, other->expr))
                differ_in_expression(c, arena_printf(c->arena, "the variable '%s'", one->name), one->expr, other->expr);
        }
}

// ---- validations ----

static bool has_same_answer(const struct comparing *c, const struct admission_validation *a,
                            const struct admission_validation *b) {
    return strcmp(a->message, b->message) == 0 && strcmp(a->reason, b->reason) == 0 &&
           is_same_expression(c, a->message_expression, b->message_expression);
}

static const struct admission_validation *take(const struct comparing *c, const struct admission_policy *policy,
                                               bool *taken, const struct admission_validation *wanted, bool exactly) {
    for (size_t i = 0; i < policy->validation_count; i++) {
        const struct admission_validation *found = &policy->validations[i];
        if (taken[i] || !is_same_expression(c, found->condition.expr, wanted->condition.expr)) continue;
        if (exactly && !has_same_answer(c, found, wanted)) continue;
        taken[i] = true;
        return found;
    }
    return NULL;
}

static const struct admission_validation *take_any(const struct admission_policy *policy, bool *taken) {
    for (size_t i = 0; i < policy->validation_count; i++) {
        if (taken[i]) continue;
        taken[i] = true;
        return &policy->validations[i];
    }
    return NULL;
}

static void compare_answers(struct comparing *c, const char *field, const struct admission_validation *wanted,
                            const struct admission_validation *found) {
    if (strcmp(wanted->message, found->message) != 0)
        differ(c, ADMISSION_OTHER, field, "has the message \"%s\" where the policy has \"%s\"",
               shortened(c->arena, found->message), shortened(c->arena, wanted->message));
    if (strcmp(wanted->reason, found->reason) != 0)
        differ(c, ADMISSION_OTHER, field, "has the reason %s, not %s", found->reason, wanted->reason);
    if (is_same_expression(c, wanted->message_expression, found->message_expression)) return;
    if (wanted->message_expression && found->message_expression)
        differ_in_expression(c, arena_printf(c->arena, "messageExpression of %s", field), wanted->message_expression,
                             found->message_expression);
    else
        differ(c, ADMISSION_OTHER, field,
               found->message_expression ? "has a messageExpression" : "has lost its messageExpression");
}

// In which order they stand does not count: all have to hold.
static void compare_validations(struct comparing *c, const struct admission_policy *wanted,
                                const struct admission_policy *found) {
    bool *taken = ARENA_ARRAY(c->arena, bool, found->validation_count);
    const struct admission_validation **pairs =
        ARENA_ARRAY(c->arena, const struct admission_validation *, wanted->validation_count);
    for (size_t exactly = 2; exactly-- > 0;)
        for (size_t i = 0; i < wanted->validation_count; i++)
            if (!pairs[i]) pairs[i] = take(c, found, taken, &wanted->validations[i], exactly);
    for (size_t i = 0; i < wanted->validation_count; i++) {
        const struct admission_validation *one = &wanted->validations[i];
        const char *field = arena_printf(c->arena, "validation %zu", i + 1);
        if (pairs[i]) {
            compare_answers(c, field, one, pairs[i]);
            continue;
        }
        const struct admission_validation *other = take_any(found, taken);
        if (other)
            differ_in_expression(c, field, one->condition.expr, other->condition.expr);
        else
            differ(c, ADMISSION_NARROWER, field, "is gone: `%s`",
                   print_node(c->arena, tree_of(c->arena, one->condition.expr)));
    }
    for (const struct admission_validation *more; (more = take_any(found, taken));)
        differ(c, ADMISSION_OTHER, "spec.validations", "has one more: `%s`",
               print_node(c->arena, tree_of(c->arena, more->condition.expr)));
}

// ---- matching ----

static void add_requirement(struct arena *arena, struct set *requirements, const char *key, const char *operator,
                            const char * values) {
    set_add(requirements, arena_printf(arena, "%s %s%s%s", key, operator, * values ? " " : "", values));
}

static void read_requirements(struct arena *arena, const struct value *selector, struct set *ret_requirements) {
    const struct value *exact = value_get(selector, "matchLabels"), *list = value_get(selector, "matchExpressions");
    set_init(ret_requirements, arena);
    for (size_t i = 0; exact && i < exact->count; i++)
        add_requirement(arena, ret_requirements, exact->as.entries[i].key, "In",
                        arena_printf(arena, "[%s]", exact->as.entries[i].value->as.string));
    for (size_t i = 0; list && i < list->count; i++) {
        const struct value *values = value_get(list->as.items[i], "values");
        add_requirement(arena, ret_requirements, value_get_string(list->as.items[i], "key"),
                        value_get_string(list->as.items[i], "operator"),
                        values && values->count ? sorted_words(arena, values) : "");
    }
}

// What only the first of them asks for; "" if nothing.
static const char *beyond(struct arena *arena, const struct set *some, const struct set *others) {
    size_t count = 0;
    const char **names = set_beyond(arena, some, others, &count);
    struct text text;
    text_init(&text, arena);
    for (size_t i = 0; i < count; i++) text_printf(&text, "%s%s", i ? " and " : "", names[i]);
    return shortened(arena, text_string(&text));
}

static void compare_selectors(struct comparing *c, const char *field, const struct value *wanted,
                              const struct value *found) {
    struct set of_wanted, of_found;
    read_requirements(c->arena, wanted, &of_wanted);
    read_requirements(c->arena, found, &of_found);
    const char *lost = beyond(c->arena, &of_wanted, &of_found), *added = beyond(c->arena, &of_found, &of_wanted);
    if (*added && *lost)
        differ(c, ADMISSION_NARROWER, field, "asks for `%s` instead of `%s`", added, lost);
    else if (*added)
        differ(c, ADMISSION_NARROWER, field, "asks for `%s` as well", added);
    else if (*lost)
        differ(c, ADMISSION_OTHER, field, "does not ask for `%s`", lost);
}

static bool has_word(const struct value *list, const char *word) {
    for (size_t i = 0; list && i < list->count; i++)
        if (strcmp(list->as.items[i]->as.string, word) == 0) return true;
    return false;
}

static bool covers_words(const struct value *outer, const struct value *inner) {
    if (has_word(outer, "*")) return true;
    for (size_t i = 0; inner && i < inner->count; i++)
        if (!has_word(outer, inner->as.items[i]->as.string)) return false;
    return true;
}

static bool covers(const struct admission_rule *outer, const struct admission_rule *inner) {
    const bool names_all = !outer->names || !outer->names->count;
    const bool names_none = !inner->names || !inner->names->count;
    return covers_words(outer->groups, inner->groups) && covers_words(outer->versions, inner->versions) &&
           covers_words(outer->operations, inner->operations) && covers_words(outer->resources, inner->resources) &&
           (names_all || (!names_none && covers_words(outer->names, inner->names))) &&
           (strcmp(outer->scope, "*") == 0 || strcmp(outer->scope, inner->scope) == 0);
}

static bool is_covered(const struct admission_rule *rules, size_t count, const struct admission_rule *rule) {
    for (size_t i = 0; i < count; i++)
        if (covers(&rules[i], rule)) return true;
    return false;
}

static const char *print_rule(struct arena *arena, const struct admission_rule *rule) {
    const bool names = rule->names && rule->names->count;
    return shortened(arena, arena_printf(arena, "%s of %s in %s %s%s%s%s%s", sorted_words(arena, rule->operations),
                                         sorted_words(arena, rule->resources), sorted_words(arena, rule->groups),
                                         sorted_words(arena, rule->versions), names ? " named " : "",
                                         names ? sorted_words(arena, rule->names) : "",
                                         strcmp(rule->scope, "*") != 0 ? ", scope " : "",
                                         strcmp(rule->scope, "*") != 0 ? rule->scope : ""));
}

// Rules that the others have not. No rule at all stands for all requests, where that is allowed.
static void compare_rules(struct comparing *c, const char *field, const struct admission_rule *wanted,
                          size_t wanted_count, const struct admission_rule *found, size_t found_count,
                          enum admission_effect less, enum admission_effect more) {
    for (size_t i = 0; i < wanted_count; i++)
        if (!is_covered(found, found_count, &wanted[i]))
            differ(c, less, field, "does not have %s", print_rule(c->arena, &wanted[i]));
    for (size_t i = 0; i < found_count; i++)
        if (!is_covered(wanted, wanted_count, &found[i]))
            differ(c, more, field, "has %s as well", print_rule(c->arena, &found[i]));
}

static void compare_match(struct comparing *c, const char *field, const struct admission_match *wanted,
                          const struct admission_match *found) {
    struct arena *arena = c->arena;
    const char *rules = arena_printf(arena, "%s.resourceRules", field);
    if (wanted->is_exact != found->is_exact)
        differ(c, found->is_exact ? ADMISSION_NARROWER : ADMISSION_OTHER, arena_printf(arena, "%s.matchPolicy", field),
               found->is_exact ? "is Exact, not Equivalent" : "is Equivalent, not Exact");
    compare_selectors(c, arena_printf(arena, "%s.namespaceSelector", field), wanted->namespace_selector,
                      found->namespace_selector);
    compare_selectors(c, arena_printf(arena, "%s.objectSelector", field), wanted->object_selector,
                      found->object_selector);
    if (!wanted->rule_count != !found->rule_count)
        differ(c, found->rule_count ? ADMISSION_NARROWER : ADMISSION_OTHER, rules,
               found->rule_count ? "is there: it was to take everything" : "is gone: it takes everything");
    else
        compare_rules(c, rules, wanted->rules, wanted->rule_count, found->rules, found->rule_count, ADMISSION_NARROWER,
                      ADMISSION_OTHER);
    compare_rules(c, arena_printf(arena, "%s.excludeResourceRules", field), wanted->excluded, wanted->excluded_count,
                  found->excluded, found->excluded_count, ADMISSION_OTHER, ADMISSION_NARROWER);
}

// ---- policies and bindings ----

static void compare_param_kinds(struct comparing *c, const struct admission_policy *wanted,
                                const struct admission_policy *found) {
    const bool same = wanted->has_params == found->has_params &&
                      (!wanted->has_params || (strcmp(wanted->param_group, found->param_group) == 0 &&
                                               strcmp(wanted->param_version, found->param_version) == 0 &&
                                               strcmp(wanted->param_kind, found->param_kind) == 0));
    if (!same)
        differ(c, ADMISSION_OTHER, "spec.paramKind", "is %s, not %s", found->has_params ? found->param_kind : "missing",
               wanted->has_params ? wanted->param_kind : "missing");
}

static void compare_policies(struct comparing *c, const struct admission_policy *wanted,
                             const struct admission_policy *found) {
    if (wanted->fail_open != found->fail_open)
        differ(c, found->fail_open ? ADMISSION_SOFTER : ADMISSION_OTHER, "spec.failurePolicy",
               found->fail_open ? "is Ignore, not Fail: requests that cannot be judged pass" : "is Fail, not Ignore");
    compare_param_kinds(c, wanted, found);
    compare_match(c, "spec.matchConstraints", &wanted->match, &found->match);
    compare_variables(c, &wanted->declarations, &found->declarations);
    compare_keyed(c, "the match condition", wanted->conditions, wanted->condition_count, found->conditions,
                  found->condition_count, ADMISSION_OTHER, ADMISSION_NARROWER);
    compare_keyed(c, "the audit annotation", wanted->annotations, wanted->annotation_count, found->annotations,
                  found->annotation_count, ADMISSION_OTHER, ADMISSION_OTHER);
    compare_validations(c, wanted, found);
}

static const char *print_actions(const struct admission_binding *binding) {
    return binding->denies  ? binding->audits ? "[Deny, Audit]" : "[Deny]"
           : binding->warns ? binding->audits ? "[Warn, Audit]" : "[Warn]"
                            : "[Audit]";
}

static void compare_actions(struct comparing *c, const struct admission_binding *wanted,
                            const struct admission_binding *found) {
    const bool same =
        wanted->denies == found->denies && wanted->warns == found->warns && wanted->audits == found->audits;
    const bool loses = (wanted->warns && !found->warns) || (wanted->audits && !found->audits);
    const bool softer = wanted->denies != found->denies ? wanted->denies : loses;
    if (!same)
        differ(c, softer ? ADMISSION_SOFTER : ADMISSION_OTHER, "spec.validationActions", "is %s, not %s",
               print_actions(found), print_actions(wanted));
}

static void compare_texts(struct comparing *c, const struct value *wanted, const struct value *found, const char *key,
                          enum admission_effect effect) {
    const char *of_wanted = value_get_string(wanted, key), *of_found = value_get_string(found, key);
    if (strcmp(of_wanted, of_found) == 0) return;
    differ(c, effect, arena_printf(c->arena, "spec.paramRef.%s", key), "is %s, not %s",
           *of_found ? of_found : "missing", *of_wanted ? of_wanted : "missing");
}

// Parameters of fewer namespaces or names, or none that are not found, are fewer requests that are refused.
static void compare_params(struct comparing *c, const struct value *wanted, const struct value *found) {
    if (!wanted != !found) {
        differ(c, ADMISSION_OTHER, "spec.paramRef", found ? "is there" : "is gone");
        return;
    }
    const bool allows = strcmp(value_get_string(found, "parameterNotFoundAction"), "Allow") == 0;
    compare_texts(c, wanted, found, "name", *value_get_string(wanted, "name") ? ADMISSION_OTHER : ADMISSION_NARROWER);
    compare_texts(c, wanted, found, "namespace",
                  *value_get_string(wanted, "namespace") ? ADMISSION_OTHER : ADMISSION_NARROWER);
    compare_texts(c, wanted, found, "parameterNotFoundAction", allows ? ADMISSION_SOFTER : ADMISSION_OTHER);
    compare_selectors(c, "spec.paramRef.selector", value_get(wanted, "selector"), value_get(found, "selector"));
}

static void compare_bindings(struct comparing *c, const struct admission_binding *wanted,
                             const struct admission_binding *found) {
    compare_actions(c, wanted, found);
    compare_match(c, "spec.matchResources", &wanted->match, &found->match);
    compare_params(c, wanted->param_ref, found->param_ref);
}

bool admission_compare(struct arena *arena, const struct value *wanted, const struct value *found, unsigned minor,
                       struct admission_differences *ret_differences, const char **ret_error) {
    *ret_differences = (struct admission_differences){0};
    struct comparing c = {arena, ret_differences};
    const struct admission *one = admission_read_alone(arena, wanted, minor, ret_error);
    const struct admission *other = one ? admission_read_alone(arena, found, minor, ret_error) : NULL;
    if (!other) return false;
    if (one->policy_count && other->policy_count) compare_policies(&c, one->policies, other->policies);
    if (one->binding_count && other->binding_count) compare_bindings(&c, one->bindings, other->bindings);
    return true;
}
