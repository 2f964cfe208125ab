// CEL expressions: what is accepted, what is refused and where, what they come to, what they read, their text.
// The order is cmocka's.
// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
// clang-format on

#include <string.h>

#include "base/arena.h"
#include "cel/cel.h"
#include "data/value.h"

struct fixture {
    struct arena arena;
    jmp_buf exhausted;
    struct cel_env env;
};

static struct value *labels(struct arena *arena, const char *app) {
    struct value *map = value_map(arena);
    value_set_string(arena, map, "app", app);
    return map;
}

static struct value *object(struct arena *arena, const char *app, int64_t replicas) {
    struct value *made = value_map(arena), *metadata = value_map(arena), *spec = value_map(arena);
    struct value *list = value_list(arena);
    value_append(arena, list, value_string(arena, "a"));
    value_append(arena, list, value_int(arena, 2));
    value_set_string(arena, metadata, "name", "web");
    value_set(arena, metadata, "labels", labels(arena, app));
    value_set(arena, spec, "replicas", value_int(arena, replicas));
    value_set(arena, spec, "ratio", value_double(arena, 1.5));
    value_set(arena, spec, "nothing", value_null(arena));
    value_set(arena, spec, "mixed", list);
    value_set(arena, made, "metadata", metadata);
    value_set(arena, made, "spec", spec);
    return made;
}

static int set_up(void **state) {
    static struct fixture fixture;
    struct arena *arena = &fixture.arena;
    arena_init(arena, &fixture.exhausted);
    struct value *request = value_map(arena), *user = value_map(arena), *groups = value_list(arena);
    value_append(arena, groups, value_string(arena, "devs"));
    value_set(arena, user, "groups", groups);
    value_set_string(arena, request, "operation", "UPDATE");
    value_set(arena, request, "userInfo", user);
    fixture.env = (struct cel_env){.object = object(arena, "web", 3), .request = request};
    *state = &fixture;
    return 0;
}

static int tear_down(void **state) {
    struct fixture *fixture = *state;
    arena_release(&fixture->arena);
    return 0;
}

enum { OLDEST = 30, NEWEST = 37 };

static const struct cel_expr *parsed(struct fixture *fixture, const char *text) {
    struct cel_problem problem;
    const struct cel_expr *expr = cel_parse(&fixture->arena, text, NEWEST, &problem);
    if (!expr) fail_msg("%s is refused at %zu: %s", text, problem.offset, problem.text);
    return expr;
}

static void assert_result(struct fixture *fixture, enum cel_result expected, const char *text) {
    const char *error = "";
    const enum cel_result result = cel_evaluate(parsed(fixture, text), &fixture->env, &fixture->arena, &error);
    if (result != expected) fail_msg("%s is %d and not %d: %s", text, (int)result, (int)expected, error);
}

static struct cel_problem refusal(struct fixture *fixture, const char *text, unsigned minor) {
    struct cel_problem problem = {0};
    if (cel_parse(&fixture->arena, text, minor, &problem)) fail_msg("%s is accepted", text);
    return problem;
}

static void assert_refused(struct fixture *fixture, const char *text, size_t at, const char *part) {
    const struct cel_problem problem = refusal(fixture, text, NEWEST);
    if (problem.offset != at) fail_msg("%s is refused at %zu: %s", text, problem.offset, problem.text);
    if (!strstr(problem.text, part)) fail_msg("%s is refused for another reason: %s", text, problem.text);
    assert_int_equal(problem.refusal, CEL_INVALID);
}

static void assert_unsupported(struct fixture *fixture, const char *text) {
    assert_int_equal(refusal(fixture, text, NEWEST).refusal, CEL_UNSUPPORTED);
}

static void assert_since(struct fixture *fixture, unsigned since, const char *text) {
    struct cel_problem problem;
    assert_non_null(cel_parse(&fixture->arena, text, since, &problem));
    if (since == OLDEST) return;
    problem = refusal(fixture, text, since - 1);
    assert_int_equal(problem.refusal, CEL_NEWER);
    assert_int_equal(problem.since, since);
}

static void evaluates_what_is_there(void **state) {
    assert_result(*state, CEL_TRUE, "object.metadata.labels.app == 'web'");
    assert_result(*state, CEL_TRUE, "object.spec.replicas > 2 && object.spec.ratio < 2");
    assert_result(*state, CEL_FALSE, "object.spec.replicas in [1, 2]");
    assert_result(*state, CEL_TRUE, "'devs' in request.userInfo.groups");
    assert_result(*state, CEL_TRUE, "oldObject == null && namespaceObject == null");
    assert_result(*state, CEL_TRUE, "object.spec.mixed == [dyn('a'), dyn(2.0)]");
    assert_result(*state, CEL_TRUE, "(object.spec.replicas > 1 ? 'many' : 'few').startsWith('m')");
}

static void what_is_absent_is_an_error(void **state) {
    assert_result(*state, CEL_ERROR, "object.metadata.uid == ''");
    assert_result(*state, CEL_ERROR, "request.name == 'x'");
    assert_result(*state, CEL_ERROR, "oldObject.spec.replicas == 1");
    assert_result(*state, CEL_FALSE, "has(request.name)");
    assert_result(*state, CEL_TRUE, "has(object.spec.nothing)");
    assert_result(*state, CEL_ERROR, "has(object.status.phase)");
}

static void logic_absorbs_errors_on_either_side(void **state) {
    assert_result(*state, CEL_TRUE, "request.name == 'x' || true");
    assert_result(*state, CEL_FALSE, "request.name == 'x' && false");
    assert_result(*state, CEL_ERROR, "request.name == 'x' || false");
    assert_result(*state, CEL_TRUE, "object.spec.mixed.exists(x, x > 1)");
    assert_result(*state, CEL_ERROR, "object.spec.mixed.all(x, x > 1)");
    assert_result(*state, CEL_ERROR, "object.spec.mixed.exists_one(x, x > 1)");
}

static void arithmetic_fails_instead_of_wrapping(void **state) {
    assert_result(*state, CEL_ERROR, "9223372036854775807 + object.spec.replicas > 0");
    assert_result(*state, CEL_ERROR, "object.spec.replicas / 0 == 0");
    assert_result(*state, CEL_ERROR, "object.spec.replicas + 1.0 == 4.0");
    assert_result(*state, CEL_TRUE, "-9223372036854775808 < 0");
}

static void macros_bind_their_variable(void **state) {
    assert_result(*state, CEL_TRUE, "[1, 2].all(object, object > 0)");
    assert_result(*state, CEL_TRUE, "[[1], [2, 3]].map(l, l.map(x, x + l[0])) == [[2], [4, 5]]");
    assert_result(*state, CEL_TRUE, "object.metadata.labels.all(k, k == 'app')");
    assert_refused(*state, "[1].all(x, true) && x == 1", 20, "no variable 'x'");
}

static void strings_are_read_as_cel_reads_them(void **state) {
    assert_result(*state, CEL_TRUE,
                  "'\\x41\\u00e9\\101' == 'A\xc3\xa9"
                  "A'");
    assert_result(*state, CEL_TRUE, "r'a\\b' == \"a\\\\b\"");
    assert_result(*state, CEL_TRUE, "'''a\r\n'b''' == 'a\\n\\'b'");
    assert_result(*state, CEL_TRUE, "size('\xc3\xa9\\u0000') == 2");
    assert_refused(*state, "'a' == 'b", 7, "not closed");
    assert_refused(*state, "'\\ud800' == ''", 1, "not a valid character");
}

static void refuses_what_the_server_refuses(void **state) {
    assert_refused(*state, "object.a ==", 11, "the end of the expression");
    assert_refused(*state, "a b", 2, "a name is not expected");
    assert_refused(*state, "objekt == null", 0, "no variable 'objekt'");
    assert_refused(*state, "frob(1)", 0, "no function 'frob'");
    assert_refused(*state, "true && request.user == 'x'", 8, "no field 'user'");
    assert_refused(*state, "object.spec.flag", 0, "must be a bool");
    assert_refused(*state, "'a'", 0, "must be a bool, but this has type string");
    assert_refused(*state, "1 == 'a'", 0, "int and string");
    assert_refused(*state, "'a'.contains('b', 'c')", 0, "'contains'");
    assert_refused(*state, "['a', object.b] == []", 6, "must have one type");
    assert_refused(*state, "'a'.matches('(')", 12, "missing )");
    assert_refused(*state, "9223372036854775808 > 0", 0, "too large");
    assert_refused(*state, "int('x') == 1", 0, "converted by int");
    assert_refused(*state, "[1].all(a.b, true)", 8, "must be a name");
    assert_refused(*state, "while == 1", 0, "reserved");
    assert_refused(*state, "has(object)", 4, "needs a field");
    assert_refused(*state, "", 0, "the end of the expression");
}

static void says_what_is_not_evaluated(void **state) {
    assert_unsupported(*state, "params.x == 1");
    assert_unsupported(*state, "true || variables.x");
    assert_unsupported(*state, "authorizer.group('').check('x').allowed()");
    assert_unsupported(*state, "google.protobuf.Struct == int");
    assert_unsupported(*state, ".object == null");
    assert_unsupported(*state, "object.`a` == 1");
    assert_unsupported(*state, "'a'.matches('\\\\pL')");
}

static void knows_since_when_there_is_what(void **state) {
    assert_since(*state, 30, "object.?spec.replicas.orValue(0) > 0");
    assert_since(*state, 30, "'%s %d'.format(['a', 1]) == 'a 1'");
    assert_since(*state, 30, "sets.contains([1], [1]) && quantity('1').isInteger() && isURL('a')");
    assert_since(*state, 31, "isIP('::1')");
    assert_since(*state, 31, "type(object) == net.IP");
    assert_since(*state, 32, "format.uuid().validate('').hasValue()");
    assert_since(*state, 32, "optional.none().optMap(x, 1).hasValue()");
    assert_since(*state, 33, "[1].all(i, v, true)");
    assert_since(*state, 33, "[1].first().hasValue()");
    assert_since(*state, 34, "isSemver('1')");
    assert_since(*state, 35, "[1].sort() == [1]");
    assert_since(*state, 35, "[1].sortBy(x, x) == [1]");
    assert_since(*state, 38, "[1].includes(1)");
}

static void optionals_are_there_or_not(void **state) {
    assert_result(*state, CEL_TRUE, "object.?spec.replicas.orValue(0) == 3 && object.?x.y.z.orValue(1) == 1");
    assert_result(*state, CEL_TRUE, "[?object.?x, ?object.spec.?replicas] == [dyn(3)]");
    assert_result(*state, CEL_TRUE, "{?'a': object.?x, 'b': dyn(1)} == {'b': dyn(1)}");
    assert_result(*state, CEL_TRUE, "object.spec.mixed[?5].orValue('no') == 'no'");
    assert_result(*state, CEL_TRUE, "optional.of(2).optMap(x, x * 2).value() == 4");
    assert_result(*state, CEL_ERROR, "optional.none().value() == 1");
    assert_refused(*state, "[?1] == [1]", 2, "needs an optional after it");
}

static void libraries_have_their_values(void **state) {
    assert_result(*state, CEL_TRUE, "timestamp('2024-02-29T12:00:00+02:00') == timestamp('2024-02-29T10:00:00Z')");
    assert_result(*state, CEL_TRUE, "timestamp('2024-07-01T12:00:00Z').getHours('Europe/Berlin') == 14");
    assert_result(*state, CEL_TRUE, "duration('1h30m').getMinutes() == 90");
    assert_result(*state, CEL_TRUE, "quantity('1.5Gi').add(quantity('512Mi')) == quantity('2Gi')");
    assert_result(*state, CEL_TRUE, "cidr('10.0.0.0/8').containsIP('10.1.2.3')");
    assert_result(*state, CEL_TRUE, "url('https://a.b:8/c?d=e').getPort() == '8'");
    assert_result(*state, CEL_TRUE, "semver('1.2.3').isLessThan(semver('1.10.0'))");
    assert_result(*state, CEL_TRUE, "format.dns1123Label().validate('A.b').value().size() == 1");
    assert_result(*state, CEL_TRUE, "'a1b22'.findAll('[0-9]+') == ['1', '22']");
    assert_result(*state, CEL_TRUE, "format.uri().validate('').hasValue()");
    assert_result(*state, CEL_ERROR, "format.uri().validate('').value()[0] == 'x'");
    assert_result(*state, CEL_ERROR, "format.uri().validate('') == optional.of(['x'])");
    assert_result(*state, CEL_ERROR, "quantity('1e999999999').isGreaterThan(quantity('1e999999999999'))");
}

static void repeated(char *out, const char *part, size_t times) {
    *out = '\0';
    for (size_t i = 0; i < times; i++) out = strcpy(out, part) + strlen(part);
}

static void depth_is_bounded(void **state) {
    static char text[100000];
    repeated(text, "(", 50000);
    struct fixture *fixture = *state;
    assert_non_null(strstr(refusal(fixture, text, NEWEST).text, "nested too deeply"));
    repeated(text, "1 + ", 101);
    strcat(text, "1 == 1");
    assert_unsupported(fixture, text);
}

static void long_chains_are_no_depth(void **state) {
    static char text[100000];
    repeated(text, "true && ", 10000);
    strcat(text, "false");
    assert_result(*state, CEL_FALSE, text);
}

static void runaway_evaluations_end(void **state) {
    const char *const text = "[1,2,3,4,5,6,7,8].map(a,'xxxxxxxxxxxxxxxx')"
                             ".map(a,a+a+a+a).map(a,a+a+a+a).map(a,a+a+a+a).map(a,a+a+a+a).map(a,a+a+a+a)"
                             ".map(a,a+a+a+a).map(a,a+a+a+a).map(a,a+a+a+a).map(a,a+a+a+a).map(a,a+a+a+a).size() == 8";
    assert_result(*state, CEL_ERROR, text);
}

static void tells_what_is_read(void **state) {
    const struct cel_expr *expr = parsed(*state, "object.a == 1 && [1].all(request, request == 1)");
    assert_true(cel_reads(expr, "object"));
    assert_false(cel_reads(expr, "request"));
    assert_false(cel_reads(expr, "oldObject"));
    assert_true(cel_reads(parsed(*state, "has(namespaceObject.metadata)"), "namespaceObject"));
}

static void text_is_one_line(void **state) {
    assert_string_equal(cel_text(parsed(*state, "  object.a // why\n  == 'x // y'\n")), "object.a == 'x // y'");
    assert_string_equal(cel_text(parsed(*state, "object.a=='''x\n'y\\t'''")), "object.a=='x\\n\\'y\\x09'");
}

static void costs_are_those_of_a_server(void **state) {
    struct fixture *fixture = *state;
    // tests/fuzz/cel_oracle holds many more against servers.
    static const struct {
        const char *text;
        uint64_t cost;
    } cases[] = {
        {"1 + 1 == 2", 2},
        {"object == null", 2},
        {"has(object.metadata)", 1},
        {"true ? true : object.x == 1", 0},
        {"{'a': 1}.a == 1", 3},
        {"3 in [1, 2, 3]", 0},
        {"[3] in [[1], [2]]", 2},
        {"'abcdefghijk'.contains('k')", 2},
        {"[1, 2].all(x, x > 0)", 11},
        {"[1, 2].exists(x, x == 1)", 10},
        {"[1, 2, 3].map(x, [x]).size() == 3", 72},
        {"[1, 2].exists_one(x, x == 1)", 8},
        {"optional.of(1).optMap(x, x + 1).hasValue()", 8},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct cel_env env = fixture->env;
        struct cel_cost cost = {0};
        const char *error = NULL;
        env.cost = &cost;
        (void)cel_evaluate(parsed(fixture, cases[i].text), &env, &fixture->arena, &error);
        if (cost.expression != cases[i].cost)
            fail_msg("%s costs %u and not %u", cases[i].text, (unsigned)cost.expression, (unsigned)cases[i].cost);
        assert_int_equal(cost.dearest, cost.expression);
    }
}

static void what_is_too_dear_is_an_error(void **state) {
    struct fixture *fixture = *state;
    const char *ten = "[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]", *text = "true";
    for (unsigned depth = 2; depth <= 6; depth += 2) {
        text = arena_printf(&fixture->arena, "%s.all(a, %s.all(b, %s))", ten, ten, text);
        assert_result(fixture, depth < 6 ? CEL_TRUE : CEL_ERROR, text);
    }
    // Nothing absorbs it.
    assert_result(fixture, CEL_ERROR, arena_printf(&fixture->arena, "%s || true", text));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(evaluates_what_is_there, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_absent_is_an_error, set_up, tear_down),
        cmocka_unit_test_setup_teardown(logic_absorbs_errors_on_either_side, set_up, tear_down),
        cmocka_unit_test_setup_teardown(arithmetic_fails_instead_of_wrapping, set_up, tear_down),
        cmocka_unit_test_setup_teardown(macros_bind_their_variable, set_up, tear_down),
        cmocka_unit_test_setup_teardown(strings_are_read_as_cel_reads_them, set_up, tear_down),
        cmocka_unit_test_setup_teardown(refuses_what_the_server_refuses, set_up, tear_down),
        cmocka_unit_test_setup_teardown(says_what_is_not_evaluated, set_up, tear_down),
        cmocka_unit_test_setup_teardown(knows_since_when_there_is_what, set_up, tear_down),
        cmocka_unit_test_setup_teardown(optionals_are_there_or_not, set_up, tear_down),
        cmocka_unit_test_setup_teardown(libraries_have_their_values, set_up, tear_down),
        cmocka_unit_test_setup_teardown(depth_is_bounded, set_up, tear_down),
        cmocka_unit_test_setup_teardown(long_chains_are_no_depth, set_up, tear_down),
        cmocka_unit_test_setup_teardown(runaway_evaluations_end, set_up, tear_down),
        cmocka_unit_test_setup_teardown(costs_are_those_of_a_server, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_too_dear_is_an_error, set_up, tear_down),
        cmocka_unit_test_setup_teardown(tells_what_is_read, set_up, tear_down),
        cmocka_unit_test_setup_teardown(text_is_one_line, set_up, tear_down),
    };
    return cmocka_run_group_tests_name("cel", tests, NULL, NULL);
}
