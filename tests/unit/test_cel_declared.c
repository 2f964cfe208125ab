// CEL expressions of whole policies: variables with their types, parameters, the authorizer, messages.
#include "support.h"

#include <string.h>

#include "cel/cel.h"
#include "data/value.h"

struct asked {
    struct cel_access_review review;
    size_t times;
};

static bool remember(void *context, const struct cel_access_review *review) {
    struct asked *asked = context;
    asked->review = *review;
    asked->times++;
    return review->name && strcmp(review->name, "red") == 0;
}

static const struct cel_expr *parsed(struct fixture *fixture, const struct cel_declarations *declarations,
                                     enum cel_output output, const char *text) {
    struct cel_problem problem = {0};
    const struct cel_expr *expr = cel_parse_declared(&fixture->arena, text, 30, declarations, output, &problem);
    if (!expr) print_message("%s: %s\n", text, problem.text);
    assert_non_null(expr);
    return expr;
}

static void assert_refused(struct fixture *fixture, const struct cel_declarations *declarations, enum cel_output output,
                           const char *text) {
    struct cel_problem problem = {0};
    assert_null(cel_parse_declared(&fixture->arena, text, 30, declarations, output, &problem));
    assert_int_equal(problem.refusal, CEL_INVALID);
}

static void variables_have_the_type_of_their_expression(void **state) {
    struct fixture *fixture = *state;
    const struct cel_declarations none = {0};
    const struct cel_definition definitions[] = {
        {"n", parsed(fixture, &none, CEL_OUTPUT_ANY, "1 + 1")},
        {"names", parsed(fixture, &none, CEL_OUTPUT_ANY, "['a', 'b']")},
        {"anything", parsed(fixture, &none, CEL_OUTPUT_ANY, "object.x")},
        {"user", parsed(fixture, &none, CEL_OUTPUT_ANY, "request.userInfo")},
    };
    const struct cel_declarations declarations = {.definitions = definitions, .definition_count = 4};
    parsed(fixture, &declarations, CEL_OUTPUT_BOOL, "variables.n == 2 && 'a' in variables.names");
    parsed(fixture, &declarations, CEL_OUTPUT_BOOL, "variables.anything.y == 2 && has(variables.n)");
    // A struct is declared as dyn: its fields are not looked at.
    parsed(fixture, &declarations, CEL_OUTPUT_BOOL, "variables.user.nothing == 2");
    assert_refused(fixture, &declarations, CEL_OUTPUT_BOOL, "variables.n == 'a'");
    assert_refused(fixture, &declarations, CEL_OUTPUT_BOOL, "variables.names.exists(x, x == 1)");
    assert_refused(fixture, &declarations, CEL_OUTPUT_BOOL, "variables.later == 1");
    assert_refused(fixture, &declarations, CEL_OUTPUT_BOOL, "variables.n");
}

static void variables_are_evaluated_once_and_when_they_are_read(void **state) {
    struct fixture *fixture = *state;
    struct asked asked = {0};
    const struct cel_authorizer authorizer = {remember, &asked};
    const struct cel_declarations authorized = {.authorizer = true};
    const struct cel_definition definitions[] = {
        {"may",
         parsed(fixture, &authorized, CEL_OUTPUT_ANY,
                "authorizer.group('klock.dev').resource('locks').namespace('a').name('red').check('use').allowed()")},
        {"fails", parsed(fixture, &authorized, CEL_OUTPUT_ANY, "object.x")},
    };
    const struct cel_declarations declarations = {
        .authorizer = true, .definitions = definitions, .definition_count = 2};
    struct cel_env env = {.object = value_map(&fixture->arena), .authorizer = &authorizer};
    env.composition = cel_compose(&fixture->arena, &declarations);
    const char *error = NULL;
    const struct cel_expr *twice = parsed(fixture, &declarations, CEL_OUTPUT_BOOL,
                                          "[1, 2].all(may, variables.may) && (variables.may || variables.fails)");
    assert_int_equal(cel_evaluate(twice, &env, &fixture->arena, &error), CEL_TRUE);
    assert_int_equal(asked.times, 1);
    assert_string_equal(asked.review.group, "klock.dev");
    assert_string_equal(asked.review.resource, "locks");
    assert_string_equal(asked.review.namespace, "a");
    assert_string_equal(asked.review.verb, "use");
    const struct cel_expr *fails = parsed(fixture, &declarations, CEL_OUTPUT_BOOL, "variables.fails == 1");
    assert_int_equal(cel_evaluate(fails, &env, &fixture->arena, &error), CEL_ERROR);
    assert_string_equal(error, "composited variable \"fails\" fails to evaluate: no such key: x");
    // Of a message, there is no authorizer.
    env.authorizer = NULL;
    env.composition = cel_compose(&fixture->arena, &declarations);
    assert_int_equal(cel_evaluate(twice, &env, &fixture->arena, &error), CEL_ERROR);
}

static void definitions_cost_once(void **state) {
    struct fixture *fixture = *state;
    const struct cel_declarations none = {0};
    const struct cel_definition first = {"one", parsed(fixture, &none, CEL_OUTPUT_ANY, "1 + 2 + 3")};
    const struct cel_declarations before = {.definitions = &first, .definition_count = 1};
    const struct cel_definition definitions[] = {
        first, {"two", parsed(fixture, &before, CEL_OUTPUT_ANY, "variables.one + variables.one + variables.one")}};
    const struct cel_declarations declarations = {.definitions = definitions, .definition_count = 2};
    const struct cel_expr *expr =
        parsed(fixture, &declarations, CEL_OUTPUT_BOOL, "variables.two == 18 && variables.two > 0");
    struct cel_cost cost = {0};
    const struct cel_env env = {.composition = cel_compose(&fixture->arena, &declarations), .cost = &cost};
    const char *error = NULL;
    assert_int_equal(cel_evaluate(expr, &env, &fixture->arena, &error), CEL_TRUE);
    assert_int_equal(cost.expression, 6);
    assert_int_equal(cost.definitions, 2 + 8);
    assert_int_equal(cost.dearest, 8);
    // Costs add up, and what is known costs nothing.
    assert_int_equal(cel_evaluate(expr, &env, &fixture->arena, &error), CEL_TRUE);
    assert_int_equal(cost.expression, 12);
    assert_int_equal(cost.definitions, 2 + 8);
}

static void parameters_are_there_if_they_are_declared(void **state) {
    struct fixture *fixture = *state;
    const struct cel_declarations none = {0}, declared = {.params = true};
    struct cel_problem problem = {0};
    assert_null(cel_parse_declared(&fixture->arena, "params.x == 1", 30, &none, CEL_OUTPUT_BOOL, &problem));
    struct value *params = value_map(&fixture->arena);
    value_set(&fixture->arena, params, "x", value_int(&fixture->arena, 1));
    const struct cel_env env = {.params = params}, absent = {0};
    const char *error = NULL;
    const struct cel_expr *expr = parsed(fixture, &declared, CEL_OUTPUT_BOOL, "params.x == 1");
    assert_int_equal(cel_evaluate(expr, &env, &fixture->arena, &error), CEL_TRUE);
    assert_int_equal(
        cel_evaluate(parsed(fixture, &declared, CEL_OUTPUT_BOOL, "params == null"), &absent, &fixture->arena, &error),
        CEL_TRUE);
}

static void whole_numbers_are_compared_as_doubles(void **state) {
    struct fixture *fixture = *state;
    const struct cel_declarations none = {0};
    const struct cel_env env = {0};
    const char *error = NULL;
    const struct cel_expr *expr =
        parsed(fixture, &none, CEL_OUTPUT_BOOL,
               "dyn(9007199254740993) == dyn(9007199254740992.0) && dyn(9007199254740993u) == "
               "dyn(9007199254740992.0) && dyn(9007199254740995) != dyn(9007199254740992.0) && dyn(1) < dyn(1.5)");
    assert_int_equal(cel_evaluate(expr, &env, &fixture->arena, &error), CEL_TRUE);
}

static void messages_are_strings(void **state) {
    struct fixture *fixture = *state;
    const struct cel_declarations none = {0};
    const struct cel_env env = {0};
    const char *text = NULL, *error = NULL;
    assert_true(cel_evaluate_string(parsed(fixture, &none, CEL_OUTPUT_STRING, "'a' + 'b'"), &env, &fixture->arena,
                                    &text, &error));
    assert_string_equal(text, "ab");
    assert_true(cel_evaluate_string(parsed(fixture, &none, CEL_OUTPUT_STRING_OR_NULL, "null"), &env, &fixture->arena,
                                    &text, &error));
    assert_null(text);
    assert_false(cel_evaluate_string(parsed(fixture, &none, CEL_OUTPUT_STRING, "'a'.substring(7)"), &env,
                                     &fixture->arena, &text, &error));
    assert_refused(fixture, &none, CEL_OUTPUT_STRING, "null");
    assert_refused(fixture, &none, CEL_OUTPUT_STRING_OR_NULL, "1");
    assert_refused(fixture, &none, CEL_OUTPUT_STRING, "object.x");
}

static void questions_to_the_authorizer_have_their_order(void **state) {
    struct fixture *fixture = *state;
    const struct cel_declarations declared = {.authorizer = true}, none = {0};
    assert_refused(fixture, &declared, CEL_OUTPUT_BOOL, "authorizer.resource('pods').check('get').allowed()");
    assert_refused(fixture, &declared, CEL_OUTPUT_BOOL, "authorizer.group('').check('get').allowed()");
    struct cel_problem problem = {0};
    assert_null(cel_parse_declared(&fixture->arena, "authorizer == authorizer", 30, &none, CEL_OUTPUT_BOOL, &problem));
    struct asked asked = {0};
    const struct cel_authorizer authorizer = {remember, &asked};
    const struct cel_env env = {.authorizer = &authorizer};
    const char *error = NULL;
    const struct cel_expr *path =
        parsed(fixture, &declared, CEL_OUTPUT_BOOL,
               "authorizer.serviceAccount('ns', 'sa').path('/healthz').check('get').allowed()");
    assert_int_equal(cel_evaluate(path, &env, &fixture->arena, &error), CEL_FALSE);
    assert_string_equal(asked.review.path, "/healthz");
    assert_string_equal(asked.review.account_namespace, "ns");
    assert_string_equal(asked.review.account, "sa");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(variables_have_the_type_of_their_expression, support_setup, support_teardown),
        cmocka_unit_test_setup_teardown(variables_are_evaluated_once_and_when_they_are_read, support_setup,
                                        support_teardown),
        cmocka_unit_test_setup_teardown(definitions_cost_once, support_setup, support_teardown),
        cmocka_unit_test_setup_teardown(parameters_are_there_if_they_are_declared, support_setup, support_teardown),
        cmocka_unit_test_setup_teardown(whole_numbers_are_compared_as_doubles, support_setup, support_teardown),
        cmocka_unit_test_setup_teardown(messages_are_strings, support_setup, support_teardown),
        cmocka_unit_test_setup_teardown(questions_to_the_authorizer_have_their_order, support_setup, support_teardown),
    };
    return cmocka_run_group_tests_name("cel_declared", tests, NULL, NULL);
}
