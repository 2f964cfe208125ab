// The expressions of policies as text: literals, parentheses, maps that are too long for one expression.
#include "compile_support.h"

#include "base/limits.h"
#include "cel/cel_print.h"
#include "emit/vap_policy.h"

static const char *literal(void **state, const char *string) {
    struct text text;
    text_init(&text, arena_of(state));
    cel_print_string(&text, string, strlen(string));
    return text_string(&text);
}

static void strings_are_escaped_to_printable_ascii(void **state) {
    static const struct {
        const char *string, *cel;
    } rows[] = {
        {"", "''"},
        {"red", "'red'"},
        {"it's", "'it\\'s'"},
        {"a\"b", "'a\"b'"},
        {"a\\b", "'a\\\\b'"},
        {"a\nb\t\r\x01\x7f", "'a\\u000ab\\u0009\\u000d\\u0001\\u007f'"},
        {"\xc3\xa4", "'\\u00e4'"},
        {"\xe2\x82\xac", "'\\u20ac'"},
        {"\xf0\x9f\x98\x80", "'\\U0001f600'"},
        {"${x}", "'\\u0024{x}'"},
        {"$$x", "'\\u0024$x'"},
        {"$x", "'$x'"},
        {"$", "'$'"},
        {"`{}[]()", "'`{}[]()'"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_string_equal(literal(state, rows[i].string), rows[i].cel);
}

typedef void visitor(const char *expression);

static const char *printed(void **state, const struct cel_node *expression) {
    struct text text;
    text_init(&text, arena_of(state));
    cel_print(&text, expression);
    return text_string(&text);
}

static void visit(void **state, const char *policy, visitor *see) {
    const struct plan *plan = plan_of(state, compile(state, policy));
    assert_true(plan->count > 0);
    for (size_t i = 0; i < plan->count; i++) {
        struct vap_policy made = {0};
        vap_make_policy(arena_of(state), &plan->policies[i], &made);
        assert_true(made.validation_count > 0);
        for (size_t j = 0; j < made.variable_count; j++) see(printed(state, made.variables[j].expression));
        for (size_t j = 0; j < made.validation_count; j++) {
            see(printed(state, made.validations[j].expression));
            if (made.validations[j].message_expression) see(printed(state, made.validations[j].message_expression));
        }
        if (made.break_glass) see(printed(state, made.break_glass));
    }
}

// The index behind the bracket's partner.
static size_t partner(const char *expression, size_t at) {
    size_t depth = 0;
    bool quoted = false;
    for (; expression[at]; at++) {
        if (quoted && expression[at] == '\\')
            at++;
        else if (expression[at] == '\'')
            quoted = !quoted;
        else if (!quoted && strchr("([{", expression[at]))
            depth++;
        else if (!quoted && strchr(")]}", expression[at]) && --depth == 0)
            return at + 1;
    }
    return 0;
}

static void is_well_formed(const char *expression) {
    bool quoted = false;
    assert_true(*expression && expression[strlen(expression) - 1] != '\n');
    assert_true(utf8_length(expression, strlen(expression)) <= LIMIT_CEL_CODE_POINTS);
    for (size_t at = 0; expression[at]; at++) {
        const unsigned char c = (unsigned char)expression[at];
        assert_true((c >= ' ' || c == '\n') && c < 0x7f);
        if (quoted && c == '\\') {
            at++;
            continue;
        }
        if (c == '\'') quoted = !quoted;
        if (quoted || c != '(') continue;
        const size_t behind = partner(expression, at);
        assert_true(behind > at);
        // ((x)) says nothing that (x) does not; the arguments of a function have parentheses of their own.
        const bool is_call = at && ((expression[at - 1] >= 'a' && expression[at - 1] <= 'z') ||
                                    (expression[at - 1] >= 'A' && expression[at - 1] <= 'Z'));
        if (!is_call && expression[at + 1] == '(' && partner(expression, at + 1) == behind - 1)
            fail_msg("superfluous parentheses: %.60s", expression + at);
    }
    assert_false(quoted);
}

static void expressions_are_well_formed_and_have_no_superfluous_parentheses(void **state) {
    static const char *const clauses[] = {
        "labels a=b",
        "labels a=b, c in (d, e), !f, g",
        "labels not (a or b, c) or d",
        "name n",
        "annotations k=\"x'y\"",
        "where field data.x = 5 or field data.y",
        "where any data.l as x (x.k = v and not x.j)",
        "where all data.l as x (any x.m as y (y = 1))",
        "where label a < 5 and label b like \"x*\"",
        "where field data.x[*].y matches \"a'b\"",
        "where cel \"\"\"object.metadata.name == 'x' || true\"\"\" and label a",
        "labels a=b\nwhen label c\nunless label d or label e",
        "labels a=b\nrequire label c and (label d or label e)",
        "labels a=b\nchanging data.x, metadata.labels, data.l[*].y",
        "labels a=b\nexcept changing data.x.y, metadata.annotations[\"k\"]",
        "labels a=b\nexclusive user u, group g, uid x, user y and group z\nbreak-glass user b\nguard label-in",
        "labels a=b\nexempt controllers",
        "labels a=b\nexempt none",
        "where user = u or group g or operation in (create)",
        "where namespace label x = y and namespace = default",
        "where old field data.x = 1 and new field data.x = 2",
    };
    for (size_t i = 0; i < sizeof clauses / sizeof *clauses; i++) {
        static const char lock[] = "lock l%d {\n  resources configmaps\n  namespace default\n%s\n  deny write\n  "
                                   "message \"it's ${x} \xc3\xa4\"\n}\n";
        const char *one = arena_printf(arena_of(state), lock, 1, clauses[i]);
        visit(state, one, is_well_formed);
        visit(state, arena_printf(arena_of(state), "%s%s", one, arena_printf(arena_of(state), lock, 2, clauses[i])),
              is_well_formed);
    }
}

static void shapes_and_guards_are_well_formed_as_well(void **state) {
    static const char *const policies[] = {
        "lock l {\n resources pods\n namespace a\n labels k=v\n deny all\n exclusive user u\n guard namespace, "
        "owners, rbac\n}\n",
        "lock l {\n resources pods\n namespace labeled e=p\n where not (label k = v or label j in (w, x))\n deny all\n "
        "exclusive may unlock\n guard namespace, owners\n}\n",
        "lock l {\n resources deployments, cronjobs\n namespace a\n labels k=v\n deny all\n cascade\n guard "
        "owners\n}\n",
        "resource w.example.com namespaced kind W\nlock l {\n resources w\n namespace a\n name n\n deny all\n guard "
        "crd\n}\n",
        "lock l {\n resources sa/token, pods/binding, pods/eviction\n namespace a\n name n\n deny all\n}\n",
        "actor a = sa ns/default, serviceaccounts all, user u, group g, uid x sealed by user d\ngrant g to a2 {\n "
        "resources "
        "cm\n namespace c\n allow get\n}\nactor a2 = sa ns/default, user u\ndeployer user boss\n",
        "actor a = sa one/x sealed\nactor b = sa two/y sealed by user \"it's\"\nactor c = sa three/z sealed\n",
    };
    for (size_t i = 0; i < sizeof policies / sizeof *policies; i++) visit(state, policies[i], is_well_formed);
}

static void maps_are_split_below_the_limit(void **state) {
    struct text text;
    text_init(&text, arena_of(state));
    for (int i = 0; i < 3000; i++)
        text_printf(&text,
                    "lock a-rather-long-name-for-a-lock-%d {\n resources configmaps\n namespace ns%d\n labels "
                    "app=value-of-some-length-%d\n deny update\n exclusive user user%d\n}\n",
                    i, i, i, i);
    visit(state, text_string(&text), is_well_formed);
    assert_true(strlen(output_text(state, compile(state, text_string(&text)))) > 3 * LIMIT_CEL_CODE_POINTS);
}

static void expressions_that_cannot_be_split_are_refused(void **state) {
    struct text text;
    text_init(&text, arena_of(state));
    text_add_string(&text, "lock l {\n resources configmaps\n namespace a\n deny update\n name n0");
    for (int i = 1; i < 10000; i++) text_printf(&text, ", a-name-that-is-long-%d", i);
    text_add_string(&text, "\n}\n");
    assert_reports(compile(state, text_string(&text)), "K0501", "l");
}

// Without them it would be longer than the API server takes.
static void what_is_too_long_in_place_has_variables(void **state) {
    struct text text;
    text_init(&text, arena_of(state));
    for (int i = 0; i < 300; i++)
        text_printf(&text, "object o%d {\n resources configmaps\n namespace team-%d\n labels app=app-%d\n}\n", i, i, i);
    text_add_string(&text, "lock l on o0");
    for (int i = 1; i < 300; i++) text_printf(&text, ", o%d", i);
    text_add_string(&text, " {\n deny update, delete\n}\n");
    visit(state, text_string(&text), is_well_formed);
    assert_non_null(strstr(output_text(state, compile(state, text_string(&text))), "variables:"));
}

static void deep_nesting_is_refused_and_not_emitted(void **state) {
    struct text text;
    text_init(&text, arena_of(state));
    text_add_string(&text, "lock l {\n resources configmaps\n namespace a\n deny update\n where field data");
    for (int i = 0; i < 400; i++) text_add_string(&text, "[*].x");
    text_add_string(&text, " = 1\n}\n");
    assert_true(compile(state, text_string(&text))->diags.errors > 0);
}

// Roles with many rules must not cost more with every sealed actor.
static void lists_are_gone_through_once_for_all_rows(void **state) {
    const struct plan *plan = plan_of(
        state, compile(state, "actor a = sa one/x sealed\nactor b = sa two/x sealed\nactor c = sa three/x sealed\n"));
    bool any = false;
    for (size_t i = 0; i < plan->count; i++) {
        struct vap_policy made = {0};
        vap_make_policy(arena_of(state), &plan->policies[i], &made);
        for (size_t j = 0; j < made.variable_count; j++) {
            const char *expression = printed(state, made.variables[j].expression);
            if (!strstr(made.variables[j].name, "Refusing") || !strstr(expression, "rules")) continue;
            any = true;
            assert_non_null(strstr(expression, "Screen"));
            assert_null(strstr(expression, "object).rules.exists"));
        }
    }
    assert_true(any);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        SENTENCE(strings_are_escaped_to_printable_ascii),
        SENTENCE(expressions_are_well_formed_and_have_no_superfluous_parentheses),
        SENTENCE(shapes_and_guards_are_well_formed_as_well),
        SENTENCE(maps_are_split_below_the_limit),
        SENTENCE(expressions_that_cannot_be_split_are_refused),
        SENTENCE(what_is_too_long_in_place_has_variables),
        SENTENCE(deep_nesting_is_refused_and_not_emitted),
        SENTENCE(lists_are_gone_through_once_for_all_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
