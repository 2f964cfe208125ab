// Names and what they mean where.
#include "compile_support.h"

#define LOCK_OF(name, actor)                                                                                           \
    "lock " name " {\n  resources configmaps\n  namespace default\n  name " name "\n  deny delete\n  exclusive " actor \
    "\n}\n"
#define OBJECT(name) "object " name " {\n  resources configmaps\n  namespace default\n  name n\n}\n"

static const struct diagnostic *only_one(const struct compilation *compilation) {
    assert_int_equal(compilation->diags.count, 1);
    return &compilation->diags.items[0];
}

static void an_unknown_name_suggests_the_nearest(void **state) {
    const struct compilation *compilation =
        compile(state, "actor jonny = user jonny\nactor berta = user berta\n" LOCK_OF("l", "jony"));
    assert_reports_only(compilation, "K0101", "jony");
    assert_string_equal(only_one(compilation)->fix_text, "jonny");
    assert_string_equal(text_of(compilation, only_one(compilation)->fix), "jony");
}

static void nothing_near_is_not_suggested(void **state) {
    const struct compilation *compilation = compile(state, "actor jonny = user jonny\n" LOCK_OF("l", "telescope"));
    assert_reports_only(compilation, "K0101", "telescope");
    assert_null(only_one(compilation)->fix_text);
    assert_non_null(only_one(compilation)->help);
}

static void only_what_is_visible_is_suggested(void **state) {
    const struct compilation *compilation =
        COMPILE_FILES(state, {"a.klock", LOCK_OF("l", "jony")}, {"b.klock", "actor jonny = user jonny\n"});
    assert_reports_only(compilation, "K0101", "jony");
    assert_null(only_one(compilation)->fix_text);
}

static void a_second_declaration_shows_both_places(void **state) {
    static const char *const pairs[][2] = {
        {"actor a = user x\nactor a = user y\n", "a"},
        {OBJECT("o") OBJECT("o"), "o"},
        {LOCK_OF("l", "user u") LOCK_OF("l", "user u"), "l"},
        {"grant g to user u {\n resources pods\n namespace default\n allow get\n}\ngrant g to user u {\n resources "
         "pods\n namespace default\n allow get\n}\n",
         "g"},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        const struct compilation *compilation = compile(state, pairs[i][0]);
        assert_reports(compilation, "K0102", pairs[i][1]);
        for (size_t j = 0; j < compilation->diags.count; j++) {
            const struct diagnostic *diagnostic = &compilation->diags.items[j];
            if (diagnostic->code != DIAG_DUPLICATE) continue;
            assert_string_equal(text_of(compilation, diagnostic->related), pairs[i][1]);
            assert_int_not_equal(diagnostic->related.begin, diagnostic->span.begin);
        }
    }
}

static void kinds_have_names_of_their_own(void **state) {
    assert_silent(
        compile(state, "actor same = user x\nobject same {\n  resources configmaps\n  namespace default\n  name n\n}\n"
                       "lock same on same {\n  deny delete\n  exclusive same\n}\n"
                       "grant same to same on same {\n  allow get\n}\n"),
        "K0102");
}

static void what_two_included_policies_declare_is_ambiguous(void **state) {
    assert_reports(COMPILE_FILES(state,
                                 {"main.klock", "include \"a.klock\"\ninclude \"b.klock\"\n" LOCK_OF("l", "jonny")},
                                 {"a.klock", "actor jonny = user a\n"}, {"b.klock", "actor jonny = user b\n"}),
                   "K0102", "jonny");
}

static void ones_own_declaration_comes_before_an_included_one(void **state) {
    const struct compilation *compilation =
        COMPILE_FILES(state, {"main.klock", "include \"a.klock\"\nactor jonny = user own\n" LOCK_OF("l", "jonny")},
                      {"a.klock", "actor jonny = user a\n"});
    assert_no_errors(compilation);
    assert_string_equal(lock_named(compilation, "l")->exclusive.users[0], "own");
}

static void keywords_are_names_where_names_are_expected(void **state) {
    const struct compilation *compilation = compile(
        state,
        "actor lock = user deny\nobject test {\n  resources configmaps\n  namespace lock\n  labels test=lock, deny\n}\n"
        "lock allow on test {\n  deny delete\n  exclusive lock\n}\n");
    assert_no_errors(compilation);
    assert_string_equal(lock_named(compilation, "allow")->exclusive.users[0], "deny");
    assert_string_equal(lock_named(compilation, "allow")->scope.namespaces[0], "lock");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        SENTENCE(an_unknown_name_suggests_the_nearest),
        SENTENCE(nothing_near_is_not_suggested),
        SENTENCE(only_what_is_visible_is_suggested),
        SENTENCE(a_second_declaration_shows_both_places),
        SENTENCE(kinds_have_names_of_their_own),
        SENTENCE(what_two_included_policies_declare_is_ambiguous),
        SENTENCE(ones_own_declaration_comes_before_an_included_one),
        SENTENCE(keywords_are_names_where_names_are_expected),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
