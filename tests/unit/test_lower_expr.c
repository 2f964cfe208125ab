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
        {"label a >= 10Gi", "(label a >= 10Gi quantity)"},
        {"label a < 0.5", "(label a < 0.5 quantity)"},
        {"label a = name", "(label a = (name))"},
        {"label a = \"name\"", "(label a in name)"},
        {"label a in (x, user, annotation b)", "(or (label a in x) (label a = (user)) (label a = (annotation b)))"},
        {"label a != namespace", "(not (label a = (namespace)))"},
        {"label a <= label b", "(label a <= (label b))"},
        {"annotation a = namespace label b", "(annotation a = (namespace-label b))"},
        {"any label like \"a.b/*\"", "(label-key matches (?s)^a\\.b/.*$)"},
        {"any annotation matches \"x\"", "(annotation-key matches x)"},
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
        {"field spec.code = \"007\"", "(field /spec/code in 007)"},
        {"field spec.size = 10Gi", "(field /spec/size = 10Gi quantity)"},
        {"field spec.size in (1, 500m, x)", "(or (field /spec/size in 1! x) (field /spec/size = 500m quantity))"},
        {"field spec.size = 1e3", "(field /spec/size = 1e3 quantity)"},
        {"field spec.size = -1.5Gi", "(field /spec/size = -1.5Gi quantity)"},
        {"field spec.resources.limits.cpu <= 2", "(field /spec/resources/limits/cpu <= 2 quantity)"},
        {"new field spec.x >= old field spec.x", "(new-field /spec/x >= (old-field /spec/x))"},
        {"field spec.users contains user", "(field /spec/users contains (user))"},
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
    assert_refused(state, "label a < many", "K0408", "many");
    assert_refused(state, "name < 0.5", "K0408", "0.5");
    assert_refused(state, "name < 5Gi", "K0408", "5Gi");
    assert_refused(state, "label a >= false", "K0408", "false");
    assert_string_equal(where(state, "field spec.x < 0.5"), "(field /spec/x < 0.5!!)");
}

static void comparisons_mean_something(void **state) {
    assert_refused(state, "label a like user", "K0415", "user");
    assert_refused(state, "label a matches label b", "K0415", "label b");
    assert_refused(state, "annotation a contains user", "K0415", "annotation a contains user");
    assert_refused(state, "name < label b", "K0415", "name < label b");
    assert_refused(state, "label a >= user", "K0415", "label a >= user");
    assert_refused(state, "name = name", "K0415", "name = name");
    assert_refused(state, "field spec.x = field spec.x", "K0415", "field spec.x = field spec.x");
    assert_refused(state, "label a = field spec.list[*].x", "K0415", "field spec.list[*].x");
    assert_refused(state, "field spec.list contains 10Gi", "K0415", "10Gi");
    assert_refused(state, "any label = \"x\"", "K0415", "any label = \"x\"");
}

static void text_that_looks_like_something_else_is_refused(void **state) {
    static const char *const words[] = {"010", "10GiB", "5K", "30s", "1e1000", "yes", "Off", "True", "null", "NULL"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        assert_refused(state, arena_printf(arena_of(state), "field spec.x = %s", words[i]), "K0416", words[i]);
        where(state, arena_printf(arena_of(state), "field spec.x = \"%s\"", words[i]));
        where(state, arena_printf(arena_of(state), "label x = %s", words[i]));
    }
    where(state, "field spec.x in (10.0.0.1, 1.2.3, 2026-01-31, none, onwards, e5)");
}

static void keys_are_keys(void **state) {
    assert_refused(state, "field metadata.labels[\"a b\"] = x", "K0104", "\"a b\"");
    assert_refused(state, "field metadata.labels[\"*.b/x\"] = x", "K0417", "\"*.b/x\"");
    where(state, "field spec[\"*\"] = x");
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
        SENTENCE(comparisons_mean_something),
        SENTENCE(text_that_looks_like_something_else_is_refused),
        SENTENCE(keys_are_keys),
        SENTENCE(bad_patterns_and_expressions_are_refused),
        SENTENCE(unknown_words_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
