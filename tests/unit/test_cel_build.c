// Trees of CEL: what is built folds, what is printed reads back as the same tree, what is rewritten means the same.
#include "compile_support.h"

#include <stdio.h>

#include "cel/cel.h"
#include "cel/cel_build.h"
#include "cel/cel_print.h"
#include "cel/cel_rewrite.h"
#include "cel/cel_specialize.h"
#include "cel/cel_tree.h"
#include "emit/vap_policy.h"

static const char *printed(void **state, const struct cel_node *node) {
    struct text text;
    text_init(&text, arena_of(state));
    cel_print(&text, node);
    return text_string(&text);
}

static struct cel_node *read_back(void **state, const char *text) {
    struct cel_problem problem = {0};
    struct cel_node *node = cel_read(arena_of(state), text, &problem);
    if (!node) fail_msg("%s: %s", problem.text, text);
    return node;
}

#define NAME(letter) cel_name(arena, #letter)
#define PRINTS(node, text) assert_string_equal(printed(state, node), text)

static void true_and_false_fold(void **state) {
    struct arena *arena = arena_of(state);
    struct cel_node *yes = cel_boolean(arena, true), *no = cel_boolean(arena, false), *a = NAME(a);
    assert_ptr_equal(cel_and(arena, yes, a), a);
    assert_ptr_equal(cel_and(arena, a, yes), a);
    assert_ptr_equal(cel_and(arena, a, no), no);
    assert_ptr_equal(cel_or(arena, no, a), a);
    assert_ptr_equal(cel_or(arena, a, no), a);
    assert_ptr_equal(cel_or(arena, a, yes), yes);
    assert_ptr_equal(cel_not(arena, cel_not(arena, a)), a);
    assert_true(cel_is_bool(cel_not(arena, yes), false));
    assert_true(cel_is_bool(cel_not(arena, no), true));
}

static void parentheses_stand_where_the_tree_needs_them(void **state) {
    struct arena *arena = arena_of(state);
    struct cel_node *a = NAME(a), *b = NAME(b), *c = NAME(c);
    PRINTS(cel_and(arena, cel_or(arena, a, b), c), "(a || b) && c");
    PRINTS(cel_or(arena, cel_and(arena, a, b), c), "a && b || c");
    PRINTS(cel_and(arena, a, cel_and(arena, b, c)), "a && b && c");
    PRINTS(cel_not(arena, cel_eq(arena, a, b)), "!(a == b)");
    PRINTS(cel_not(arena, cel_not(arena, cel_eq(arena, a, b))), "(a == b)");
    PRINTS(cel_eq(arena, cel_in(arena, a, b), c), "(a in b) == c");
    PRINTS(cel_binary(arena, a, "-", cel_binary(arena, b, "-", c)), "a - (b - c)");
    PRINTS(cel_binary(arena, cel_binary(arena, a, "-", b), "*", c), "(a - b) * c");
    PRINTS(cel_if(arena, cel_if(arena, a, b, c), b, cel_if(arena, a, b, c)), "(a ? b : c) ? b : a ? b : c");
    PRINTS(cel_select(arena, cel_if(arena, a, b, c), "d"), "(a ? b : c).d");
    PRINTS(cel_not(arena, cel_select(arena, a, "d")), "!a.d");
    PRINTS(cel_method(arena, cel_integer(arena, -1), "size", NULL), "(-1).size()");
}

static void keys_are_names_where_they_can_be(void **state) {
    struct arena *arena = arena_of(state);
    struct cel_node *a = NAME(a);
    PRINTS(cel_child(arena, a, "spec"), "a.spec");
    PRINTS(cel_child(arena, a, "in"), "a['in']");
    PRINTS(cel_child(arena, a, "it's"), "a['it\\'s']");
    PRINTS(cel_has_child(arena, a, "spec"), "has(a.spec)");
    PRINTS(cel_has_child(arena, a, "1"), "'1' in a");
}

#define A20 "aaaaaaaaaaaaaaaaaaaa"
#define A60 A20 A20 A20
#define A80 A60 A20

// What fits is one line, what does not is broken from the outside in, and is the same.
static void what_is_long_is_broken(void **state) {
    static const struct {
        const char *text, *broken;
    } cases[] = {
        {"!(a && b)", "!(a && b)"},
        {"!(" A80 " && (" A80 " || b))", "!(\n  " A80 "\n  && (" A80 " || b)\n)"},
        {A80 " && b || " A80, A80 " && b\n  || " A80},
        {"a || " A80 " && " A80, "a\n  || " A80 "\n    && " A80},
        {"a && (" A80 " ? " A80 " : b)", "a\n  && (\n    " A80 "\n      ? " A80 "\n      : b\n  )"},
        {"[" A80 " + " A80 "].exists(x, x || " A80 A80 ")",
         "[\n  " A80 "\n  + " A80 "\n].exists(x,\n  x\n  || " A80 A80 "\n)"},
        {"f(" A80 ", " A80 ")", "f(" A80 ", " A80 ")"},
        {"{'k': " A80 ", 'l': " A80 "}", "{\n  'k': " A80 ",\n  'l': " A80 ",\n}"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct text text;
        text_init(&text, arena_of(state));
        struct cel_node *node = read_back(state, cases[i].text);
        cel_print_on_lines(&text, node);
        assert_string_equal(text_string(&text), cases[i].broken);
        assert_true(cel_same(node, read_back(state, text_string(&text))));
    }
}

static void all_is_a_chain(void **state) {
    struct arena *arena = arena_of(state);
    struct cel_node *yes = cel_boolean(arena, true), *either = cel_or(arena, NAME(a), NAME(b));
    PRINTS(cel_all(arena, (struct cel_node *[]){NAME(a), yes, either}, 3), "a && (a || b)");
    PRINTS(cel_all(arena, &yes, 1), "true");
    PRINTS(cel_all(arena, NULL, 0), "true");
}

static void nesting_is_counted_in_what_is_printed(void **state) {
    struct arena *arena = arena_of(state);
    struct text text;
    text_init(&text, arena);
    assert_int_equal(cel_print(&text, read_back(state, "a + '(((' ")), 0);
    assert_int_equal(cel_print(&text, read_back(state, "((a))[b.c(d)] + {'k': [e]}")), 2);
    struct cel_problem problem;
    const struct cel_expr *expr = cel_parse(arena, "[1].exists(x, x in [ 1,2 ])", 30, &problem);
    struct cel_node *written = cel_written(arena, expr);
    PRINTS(written, "([1].exists(x, x in [ 1,2 ]))");
    assert_int_equal(cel_print(&text, written), 3);
}

// Every form of the grammar.
static const char *const texts[] = {
    "1 + 2 * 3 - -4 == 5 && !a || b in [c, 'd', b'\\x00\\xff', 1.5, 2u, 0x10, null, true]",
    "a == (b == c) || (a < b) != (c >= d)",
    "(a - b) - (c - d) + e % f / g * -h",
    "a ? b : c ? d : (e ? f : g)",
    "{'a': 1, 'b': {}, ?'c': d}.a[b][?c].?d",
    "a.exists(x, x.all(y, y > x)).map(e, e > 1, e + 1)",
    "has(a.b.c) && !has(a['b'].c)",
    "-9223372036854775808 == -(1) && -a < 1.0e+300",
    "'\\u00e4\\n\\'\"' + \"it's ${x}\" + r'\\d' + '''a\nb'''",
    "a && (b && c) && (d || e || (f || g))",
    "!(!a) || !(a || b) || !!a",
    "[?a, b] + [] + [[]] == f(g(), -1)",
    "(a).b((c), (d))[(e)]",
};

static void check_round_trip(void **state, const char *text) {
    struct cel_node *tree = read_back(state, text);
    const char *once = printed(state, tree);
    struct cel_node *again = read_back(state, once);
    if (!cel_same(tree, again)) fail_msg("%s\nis printed as\n%s", text, once);
    assert_string_equal(printed(state, again), once);
    struct text lines;
    text_init(&lines, arena_of(state));
    cel_print_on_lines(&lines, tree);
    assert_true(cel_same(tree, read_back(state, text_string(&lines))));
}

static void what_is_printed_reads_back_as_the_same_tree(void **state) {
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) check_round_trip(state, texts[i]);
}

static void trees_that_differ_are_not_the_same(void **state) {
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        for (size_t j = 0; j < sizeof texts / sizeof *texts; j++)
            assert_int_equal(cel_same(read_back(state, texts[i]), read_back(state, texts[j])), i == j);
    static const char *const pairs[][2] = {{"a.b", "a.?b"}, {"[a]", "[?a]"}, {"'a'", "b'a'"},    {"1", "1u"},
                                           {"1", "1.0"},    {"a()", "a"},    {"a.b()", "b(a)"},  {"a && b", "a || b"},
                                           {"1", "2"},      {"'a'", "'b'"},  {"f(a)", "f(a, a)"}};
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
        assert_false(cel_same(read_back(state, pairs[i][0]), read_back(state, pairs[i][1])));
}

static const char *example(void **state, const char *name) {
    FILE *file = fopen(arena_printf(arena_of(state), "examples/%s.klock", name), "rb");
    assert_non_null(file);
    struct text text;
    text_init(&text, arena_of(state));
    for (int c; (c = fgetc(file)) != EOF;) text_add_char(&text, (char)c);
    fclose(file);
    return text_string(&text);
}

// What the emitter built and what a reader of its text gets differ in layout alone.
static void check_built(void **state, struct cel_node *tree) {
    struct arena *arena = arena_of(state);
    const char *text = printed(state, tree);
    check_round_trip(state, text);
    struct cel_node *plain = cel_simplify(arena, tree), *read = cel_simplify(arena, read_back(state, text));
    if (!cel_same(plain, read)) fail_msg("built is not read: %s", text);
    check_round_trip(state, printed(state, plain));
}

static void expressions_of_the_examples_read_back_as_they_were_built(void **state) {
    static const char *const names[] = {"database", "delete-protection", "freeze", "operator", "payments"};
    for (size_t n = 0; n < sizeof names / sizeof *names; n++) {
        const struct plan *plan = plan_of(state, compile(state, example(state, names[n])));
        assert_true(plan->count > 0);
        for (size_t i = 0; i < plan->count; i++) {
            struct vap_policy made = {0};
            vap_make_policy(arena_of(state), &plan->policies[i], &made);
            for (size_t j = 0; j < made.variable_count; j++)
                if (made.variables[j].is_table) // which is made as text
                    check_round_trip(state, printed(state, made.variables[j].expression));
                else
                    check_built(state, made.variables[j].expression);
            for (size_t j = 0; j < made.validation_count; j++) check_built(state, made.validations[j].expression);
        }
    }
}

static void simpler_is(void **state, const char *text, const char *simple) {
    assert_string_equal(printed(state, cel_simplify(arena_of(state), read_back(state, text))), simple);
}

static void what_says_nothing_is_simplified_away(void **state) {
    simpler_is(state, "true && a && (true && b)", "a && b");
    simpler_is(state, "a && false || b", "b");
    simpler_is(state, "a || b || a", "a || b");
    simpler_is(state, "a && a", "a");
    simpler_is(state, "!(a == b) && !(a != b)", "a != b && a == b");
    simpler_is(state, "!(a < b)", "!(a < b)");
    simpler_is(state, "!(!(a in b))", "a in b");
    simpler_is(state, "a ? true : false", "a");
    simpler_is(state, "a ? false : true", "a ? false : true");
    simpler_is(state, "(true ? a : b) + (false ? a : b)", "a + b");
    simpler_is(state, "a in ['x'] || a in ['x', 'y'] || a in []", "a in ['x', 'y'] || a in []");
    simpler_is(state, "[(a)].exists(e, ((e)))", "[a].exists(e, e)");
    simpler_is(state, "!(true && a == b)", "a != b");
}

// What the form says of the operands, each % being one of them.
static const char *filled(void **state, const char *form, const char *const operands[2]) {
    struct text text;
    text_init(&text, arena_of(state));
    for (; *form; form++)
        if (*form == '%')
            text_add_string(&text, *operands++);
        else
            text_add_char(&text, *form);
    return text_string(&text);
}

static enum cel_result result_of(void **state, const char *text) {
    struct arena *arena = arena_of(state);
    struct value *object = value_map(arena);
    value_set(arena, object, "a", value_int(arena, 1));
    value_set(arena, object, "b", value_bool(arena, true));
    value_set(arena, object, "zero", value_int(arena, 0));
    struct cel_problem problem;
    const char *error;
    const struct cel_expr *expr = cel_parse(arena, arena_printf(arena, "(%s) == true", text), 30, &problem);
    if (!expr) fail_msg("%s: %s", text, problem.text);
    return cel_evaluate(expr, &(struct cel_env){.object = object}, arena, &error);
}

static void simplifying_changes_no_result(void **state) {
    static const char *const conditions[] = {
        "object.a == 1",       "object.b",       "!object.b", "1 / object.zero == 1",
        "object.missing == 1", "object.missing", "true",      "false"};
    static const char *const forms[] = {
        "% && %", "% || %", "(% ? true : false) || !(%)", "!(!(%)) && ((%) || false)", "(%) in [(%)]", "!((%) == (%))"};
    enum { COUNT = sizeof conditions / sizeof *conditions };
    for (size_t f = 0; f < sizeof forms / sizeof *forms; f++)
        for (size_t i = 0; i < (size_t)COUNT * COUNT; i++) {
            const char *const operands[] = {conditions[i / COUNT], conditions[i % COUNT]};
            const char *text = filled(state, forms[f], operands);
            const char *simple = printed(state, cel_simplify(arena_of(state), read_back(state, text)));
            if (result_of(state, text) != result_of(state, simple)) fail_msg("%s is not %s", text, simple);
        }
}

static void variables_are_inlined(void **state) {
    struct arena *arena = arena_of(state);
    const struct cel_inlined variables[] = {
        {"user", read_back(state, "request.userInfo.username")},
        {"is", read_back(state, "variables.user == 'a' || variables.user == 'b'")},
        {"labels", read_back(state, "has(object.metadata.labels) ? object.metadata.labels : {}")},
    };
    static const char *const rows[][2] = {
        {"variables.user", "request.userInfo.username"},
        {"!variables.is && variables.labels['k'] == 'v'",
         "!(request.userInfo.username == 'a' || request.userInfo.username == 'b') && (has(object.metadata.labels) ? "
         "object.metadata.labels : {})['k'] == 'v'"},
        {"variables.labels.exists(k, k == variables.user)",
         "(has(object.metadata.labels) ? object.metadata.labels : {}).exists(k, k == request.userInfo.username)"},
        {"has(variables.user) && has(variables.labels.a)",
         "true && has((has(object.metadata.labels) ? object.metadata.labels : {}).a)"},
        {"variables.other + other.user", "variables.other + other.user"},
        {"[?variables.user]", "[?request.userInfo.username]"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct cel_node *before = read_back(state, rows[i][0]), *after = cel_inline(arena, before, variables, 3);
        assert_non_null(after);
        PRINTS(after, rows[i][1]);
        PRINTS(before, rows[i][0]);
    }
}

static void names_that_a_macro_binds_are_not_captured(void **state) {
    struct arena *arena = arena_of(state);
    const struct cel_inlined plain = {"user", read_back(state, "request.user")},
                             binding = {"user", read_back(state, "[1].exists(variables, variables == 1)")};
    assert_null(cel_inline(arena, read_back(state, "[1].all(request, variables.user == 1)"), &plain, 1));
    assert_null(cel_inline(arena, read_back(state, "variables.user"), &binding, 1));
    assert_non_null(cel_inline(arena, read_back(state, "[1].all(r, variables.user == 1)"), &plain, 1));
}

// Updates and deletes of a, updates of b and of its status.
static const char *specialized(void **state, const char *text) {
    static const char *const requests[][3] = {
        {"UPDATE", "a", ""}, {"DELETE", "a", ""}, {"UPDATE", "b", ""}, {"UPDATE", "b", "status"}};
    enum { REQUESTS = sizeof requests / sizeof *requests, SUBJECTS = 3 };
    struct arena *arena = arena_of(state);
    struct cel_node *subjects[] = {read_back(state, "request.operation"), read_back(state, "o.kind"),
                                   read_back(state, "o.part")};
    struct cel_node *values[REQUESTS][SUBJECTS], **cases[REQUESTS];
    for (size_t i = 0; i < REQUESTS; i++) {
        for (size_t j = 0; j < SUBJECTS; j++) values[i][j] = cel_string(arena, requests[i][j]);
        cases[i] = values[i];
    }
    const struct cel_known known = {subjects, SUBJECTS, cases, REQUESTS};
    return printed(state, cel_specialize(arena, read_back(state, text), &known));
}

static void what_the_cases_say_is_folded(void **state) {
    static const char *const rows[][2] = {
        {"x && request.operation != 'CREATE'", "x"},
        {"request.operation == 'CREATE' || x", "x"},
        {"request.operation in ['CREATE', 'DELETE']", "request.operation == 'DELETE'"},
        {"o.kind in ['a', 'b']", "true"},
        {"o.kind in ['a', x]", "o.kind in ['a', x]"},
        {"o.part == 'status' && o.kind == 'b' && request.operation == 'UPDATE'", "o.part == 'status'"},
        {"o.part == '' && o.kind == 'a' && request.operation == 'DELETE'", "request.operation == 'DELETE'"},
        {"o.kind == 'a' || o.part == 'status' || x", "o.kind == 'a' || o.part == 'status' || x"},
        {"o.part == 'status' && (o.kind == 'a' || x)", "o.part == 'status' && x"},
        {"request.operation == 'UPDATE' || o.kind == 'a' && x", "request.operation == 'UPDATE' || x"},
        {"o.part == 'status' ? o.kind == 'b' : request.operation == 'UPDATE'",
         "o.part == 'status' ? true : request.operation == 'UPDATE'"},
        {"o.kind + '/' + o.part == 'a/status'", "false"},
        {"[1].all(v, v == 1 || o.kind == 'c')", "[1].all(v, v == 1)"},
        {"!(o.kind == 'c') && y", "y"},
        {"object.kind == 'c'", "object.kind == 'c'"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_string_equal(specialized(state, rows[i][0]), rows[i][1]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        SENTENCE(true_and_false_fold),
        SENTENCE(parentheses_stand_where_the_tree_needs_them),
        SENTENCE(keys_are_names_where_they_can_be),
        SENTENCE(what_is_long_is_broken),
        SENTENCE(all_is_a_chain),
        SENTENCE(nesting_is_counted_in_what_is_printed),
        SENTENCE(what_is_printed_reads_back_as_the_same_tree),
        SENTENCE(trees_that_differ_are_not_the_same),
        SENTENCE(expressions_of_the_examples_read_back_as_they_were_built),
        SENTENCE(what_says_nothing_is_simplified_away),
        SENTENCE(simplifying_changes_no_result),
        SENTENCE(variables_are_inlined),
        SENTENCE(names_that_a_macro_binds_are_not_captured),
        SENTENCE(what_the_cases_say_is_folded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
