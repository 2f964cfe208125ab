// What is said of policies, sentence by sentence.
#include "compile_support.h"

#include "describe/describe.h"

static const char *described(void **state, const char *text, const char *format) {
    const struct compilation *compilation = compile(state, text);
    struct text result;
    assert_int_equal(compilation->diags.errors, 0);
    text_init(&result, arena_of(state));
    assert_true(describe(&result, &compilation->policies, &compilation->diags, &compilation->sources, format));
    return text_string(&result);
}

// The sentence of the first lock.
static const char *sentence(void **state, const char *text) {
    const struct compilation *compilation = compile(state, text);
    struct text result;
    assert_int_equal(compilation->diags.errors, 0);
    text_init(&result, arena_of(state));
    for (size_t i = 0; i < compilation->policies.lock_count; i++)
        if (compilation->policies.locks[i]->origin == ORIGIN_WRITTEN) {
            describe_lock(&result, compilation->policies.locks[i]);
            return text_string(&result);
        }
    fail_msg("there is no lock");
    return "";
}

static void a_lock_is_a_sentence(void **state) {
    assert_string_equal(
        sentence(state, "lock l { resources pods, configmaps namespace a, b labels aura=red, tier in (x, y)\n"
                        "deny update, delete exclusive sa default/jonny, group ops break-glass user z }"),
        "Only serviceaccount default/jonny and group ops, and in an emergency user z, may update or delete pods "
        "and configmaps with labels aura=red,tier in (x, y) in namespaces a and b.");
    assert_string_equal(sentence(state, "lock l { resources nodes deny delete unless label gone mode warn }"),
                        "Nobody may delete nodes, unless label gone (only a warning).");
    assert_string_equal(
        sentence(state, "lock l { resources pods namespace * name a, b deny all break-glass group g }"),
        "Only group g, and only in an emergency, may create, update, delete or connect to pods named a or b "
        "in all namespaces except the system namespaces.");
}

static void changes_name_their_fields(void **state) {
    assert_string_equal(
        sentence(state, "lock l { resources deployments namespace labeled env=prod labels a deny update, delete\n"
                        "changing spec.replicas, metadata.labels[\"a/b\"] exempt controllers }"),
        "Nobody may delete or change spec.replicas or metadata.labels[\"a/b\"] of deployments with label a in "
        "namespaces labeled env=prod.");
    assert_string_equal(sentence(state, "lock l { resources pods namespace a all objects deny exec, attach }"),
                        "Nobody may exec into or attach to pods in namespace a.");
}

static void requirements_are_expressions(void **state) {
    assert_string_equal(
        sentence(state,
                 "lock l { resources pods namespace a\n"
                 "require all spec.containers as c ( c.image like \"r/*\" and not c.tty = true ) or label b != c\n"
                 "exclusive user u }"),
        "Pods in namespace a must satisfy, when they are created or an update changes what this reads: all "
        "spec.containers as x ( field x.image like \"r/*\" and field "
        "x.tty != true ) or label b != c (not required of user u).");
}

static void precedence_survives(void **state) {
    assert_string_equal(
        sentence(state, "lock l { resources configmaps namespace a deny delete\n"
                        "where (label a or name = b) and not (label d and annotation c = \"1 2\") }"),
        "Nobody may delete configmaps where (label a or name = b) and not (label d and annotation c = \"1 2\") in "
        "namespace a.");
}

static void line_breaks_end_no_sentence(void **state) {
    const char *text =
        sentence(state, "lock l { resources configmaps namespace a all objects deny delete exclusive user \"a\\nb\" }");
    assert_string_equal(text, "Only user a b may delete configmaps in namespace a.");
}

static void what_is_outside_stands_apart(void **state) {
    const char *text =
        described(state,
                  "lock l { resources secrets namespace a labels b deny delete guard namespace, no owners\n"
                  "accept K0215 \"nobody minds\" }",
                  "human");
    assert_non_null(strstr(text, "also refuses: deleting the namespace: namespaces named a\n"));
    assert_non_null(strstr(text, "- relabelling an object"));
    assert_non_null(strstr(text, "[K0215 controller-not-locked]"));
    assert_non_null(strstr(text, "lets through: generic-garbage-collector"));
}

static void formats_say_the_same(void **state) {
    const char *policy = "actor j = sa x/j sealed\nlock l { resources secrets namespace a annotations "
                         "c=\"b_<c>\" deny delete "
                         "exclusive j }\ngrant g to j { resources "
                         "secrets namespace a allow get }";
    const char *markdown = described(state, policy, "markdown");
    assert_non_null(strstr(markdown, "# Policy "));
    assert_non_null(strstr(markdown, "## Lock l\n"));
    assert_non_null(strstr(markdown, "b\\_\\<c\\>"));
    const char *json = described(state, policy, "json");
    assert_non_null(strstr(json, "\"kind\": \"actor\""));
    assert_non_null(strstr(json, "\"Nobody but serviceaccount x/j may act as actor j.\""));
    assert_non_null(strstr(json, "g: serviceaccount x/j may get secrets in namespace a."));
    struct text ignored;
    text_init(&ignored, arena_of(state));
    const struct compilation *compilation = compile(state, policy);
    assert_false(describe(&ignored, &compilation->policies, &compilation->diags, &compilation->sources, "xml"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        SENTENCE(a_lock_is_a_sentence), SENTENCE(changes_name_their_fields),   SENTENCE(requirements_are_expressions),
        SENTENCE(precedence_survives),  SENTENCE(line_breaks_end_no_sentence), SENTENCE(what_is_outside_stands_apart),
        SENTENCE(formats_say_the_same),
    };
    return cmocka_run_group_tests_name("describe", tests, NULL, NULL);
}
