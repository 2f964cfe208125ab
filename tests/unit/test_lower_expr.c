// Expressions → formulas.
#include "compile_support.h"

struct pair {
    const char *written, *meant;
};

static const char *where(void **state, const char *expression) {
    const struct compilation *compilation =
        compile_lock(state, arena_printf(arena_of(state), "  deny delete\n  where %s", expression),
                     "actor jonny = user jonny, group ops\n");
    assert_no_errors(compilation);
    return formula_text(state, lock_named(compilation, "l")->selects);
}

static const char *selector(void **state, const char *clause) {
    const struct compilation *compilation =
        compile_lock(state, arena_printf(arena_of(state), "  deny delete\n  %s", clause), "");
    assert_no_errors(compilation);
    return formula_text(state, lock_named(compilation, "l")->selects);
}

static void assert_refused(void **state, const char *expression, const char *code, const char *at) {
    assert_reports(compile_lock(state, arena_printf(arena_of(state), "  deny delete\n  where %s", expression), ""),
                   code, at);
}

static void every_predicate_has_its_atom(void **state) {
    static const struct pair pairs[] = {
        {"label a", "(label a)"},
        {"label a = b", "(label a in b)"},
        {"label a == b", "(label a in b)"},
        {"label a != b", "(not (label a in b))"},
        {"label a in (b, c, b)", "(label a in b c)"},
        {"label a not in (b)", "(not (label a in b))"},
        {"label a notin (b)", "(not (label a in b))"},
        {"label a < 5", "(label a < 5!)"},
        {"label a <= 5", "(label a <= 5!)"},
        {"label a > \"5\"", "(label a > 5)"},
        {"label a >= b", "(label a >= b)"},
        {"label a like \"b*\"", "(label a matches (?s)^b.*$)"},
        {"label a matches \"^b+$\"", "(label a matches ^b+$)"},
        {"label a contains b", "(label a contains b)"},
        {"label app.kubernetes.io/name = x", "(label app.kubernetes.io/name in x)"},
        {"annotation a = \"x y\"", "(annotation a in x y)"},
        {"name = n", "(name in n)"},
        {"name like \"a-?\"", "(name matches (?s)^a-.$)"},
        {"namespace != default", "(not (namespace in default))"},
        {"namespace label a", "(namespace-label a)"},
        {"user = \"system:admin\"", "(user in system:admin)"},
        {"group \"system:masters\"", "(group in system:masters)"},
        {"actor jonny", "(or (user in jonny) (group in ops))"},
        {"not actor jonny", "(not (or (user in jonny) (group in ops)))"},
        {"operation in (create, delete)", "(operation 5)"},
        {"operation in (write)", "(operation 7)"},
        {"cel \"\"\"object.metadata.name == 'x'\"\"\"", "(cel object.metadata.name == 'x')"},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
        assert_string_equal(where(state, pairs[i].written), pairs[i].meant);
}

static void fields_have_typed_values(void **state) {
    static const struct pair pairs[] = {
        {"field spec.replicas", "(field /spec/replicas)"},
        {"field spec.replicas = 3", "(field /spec/replicas in 3!)"},
        {"field spec.replicas = \"3\"", "(field /spec/replicas in 3)"},
        {"field spec.ratio = 0.5", "(field /spec/ratio in 0.5!!)"},
        {"field spec.paused = true", "(field /spec/paused in true!)"},
        {"field spec.paused = \"true\"", "(field /spec/paused in true)"},
        {"field spec.version = 1.2.3", "(field /spec/version in 1.2.3)"},
        {"field spec.code = 007", "(field /spec/code in 007)"},
        {"field spec.big = 99999999999999999999", "(field /spec/big in 1e+20!!)"},
        {"field spec.x in (1, 1, 1.0, a)", "(field /spec/x in 1! a)"},
        {"old field spec.x", "(old-field /spec/x)"},
        {"new field spec.x = y", "(new-field /spec/x in y)"},
        {"field metadata.labels[\"a/b\"] = c", "(field /metadata/labels/a/b in c)"},
        {"field spec.containers[*].image like \"x*\"", "(field /spec/containers/[*]/image matches (?s)^x.*$)"},
        {"field spec.list contains 5", "(field /spec/list contains 5!)"},
        {"field status.phase = Running", "(field /status/phase in Running frozen)"},
        {"field spec.status = x", "(field /spec/status in x)"},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
        assert_string_equal(where(state, pairs[i].written), pairs[i].meant);
}

static void connectives_nest_as_they_bind(void **state) {
    static const struct pair pairs[] = {
        {"label a and label b and label c", "(and (label a) (label b) (label c))"},
        {"label a or label b and label c", "(or (label a) (and (label b) (label c)))"},
        {"(label a or label b) and label c", "(and (or (label a) (label b)) (label c))"},
        {"not label a and label b", "(and (not (label a)) (label b))"},
        {"not not label a", "(label a)"},
        {"not (label a and label b)", "(not (and (label a) (label b)))"},
        {"! label a", "(not (label a))"},
        {"(label a and label b) and (label c and label d)", "(and (label a) (label b) (label c) (label d))"},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
        assert_string_equal(where(state, pairs[i].written), pairs[i].meant);
}

static void selectors_are_kubectls(void **state) {
    static const struct pair pairs[] = {
        {"labels aura=red", "(label aura in red)"},
        {"labels aura==red", "(label aura in red)"},
        {"labels aura=\"\"", "(label aura in )"},
        {"labels aura=red, tier in (db, cache), !legacy, canary",
         "(and (label aura in red) (label tier in db cache) (not (label legacy)) (label canary))"},
        {"labels a or b, c", "(or (label a) (and (label b) (label c)))"},
        {"labels not a and not (b or c)", "(and (not (label a)) (not (or (label b) (label c))))"},
        {"labels tier notin (a, b)", "(not (label tier in a b))"},
        {"annotations a=\"x/y z\"", "(annotation a in x/y z)"},
        {"name a, b, a", "(name in a b)"},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
        assert_string_equal(selector(state, pairs[i].written), pairs[i].meant);
}

static void object_clauses_join_with_and(void **state) {
    assert_string_equal(selector(state, "name n\n  labels a\n  annotations b\n  where label c or label d"),
                        "(and (name in n) (label a) (annotation b) (or (label c) (label d)))");
}

static void quantifiers_bind_their_variables(void **state) {
    static const struct pair pairs[] = {
        {"any spec.list as x (x.name = a)", "(any /spec/list (field $0/name in a))"},
        {"all spec.list as x (x > 5)", "(all /spec/list (field $0 > 5!))"},
        {"any spec.list as x (any x.ports as y (y.n = 1 and x.n = 2))",
         "(any /spec/list (any $0/ports (and (field $1/n in 1!) (field $0/n in 2!))))"},
        {"any spec.list as x (any x.ports as x (x.n = 1))", "(any /spec/list (any $0/ports (field $1/n in 1!)))"},
        {"any spec.list as x (field x.name = a)", "(any /spec/list (field $0/name in a))"},
        {"any spec.list as x (field spec.x = a and label b)", "(any /spec/list (and (field /spec/x in a) (label b)))"},
        {"any status.list as x (x.name = a)", "(any /status/list (field $0/name in a) frozen)"},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
        assert_string_equal(where(state, pairs[i].written), pairs[i].meant);
}

static void values_that_kubernetes_cannot_have_are_refused(void **state) {
    assert_refused(state, "label a = \"x y\"", "K0104", "\"x y\"");
    assert_refused(state, "label \"a b\"", "K0104", "\"a b\"");
    assert_refused(state, "label a/b/c", "K0104", "a/b/c");
    assert_refused(state, "annotation \"-\"", "K0104", "\"-\"");
    assert_refused(state, "namespace label \"?\"", "K0104", "\"?\"");
    assert_refused(state, "namespace label a = \"?\"", "K0104", "\"?\"");
    assert_refused(state, "namespace = Default", "K0104", "Default");
    assert_refused(state, "name = a/b", "K0104", "a/b");
}

static void order_is_for_numbers_and_text(void **state) {
    assert_refused(state, "field spec.x < true", "K0408", "true");
    assert_refused(state, "label a < 0.5", "K0408", "0.5");
    assert_refused(state, "label a >= false", "K0408", "false");
    assert_string_equal(where(state, "field spec.x < 0.5"), "(field /spec/x < 0.5!!)");
}

static void bad_patterns_and_expressions_are_refused(void **state) {
    assert_refused(state, "label a matches \"(\"", "K0409", "\"(\"");
    assert_refused(state, "name matches \"(?=x)\"", "K0409", "\"(?=x)\"");
    assert_refused(state, "cel \"object.\"", "K0410", "\"object.\"");
    assert_refused(state, "cel \"1 + 1\"", "K0410", "\"1 + 1\"");
    assert_refused(state, "cel \"\"", "K0410", "\"\"");
}

static void unknown_words_are_refused(void **state) {
    assert_refused(state, "operation in (updat)", "K0108", "updat");
    assert_refused(state, "actor nobody", "K0101", "nobody");
    assert_refused(state, "any spec.list[*].x as y (y = 1)", "K0408", "*");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        SENTENCE(every_predicate_has_its_atom),
        SENTENCE(fields_have_typed_values),
        SENTENCE(connectives_nest_as_they_bind),
        SENTENCE(selectors_are_kubectls),
        SENTENCE(object_clauses_join_with_and),
        SENTENCE(quantifiers_bind_their_variables),
        SENTENCE(values_that_kubernetes_cannot_have_are_refused),
        SENTENCE(order_is_for_numbers_and_text),
        SENTENCE(bad_patterns_and_expressions_are_refused),
        SENTENCE(unknown_words_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
