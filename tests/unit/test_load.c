// Files, includes and policies, all from memory.
#include "compile_support.h"

#include "front/paths.h"

#define LOCK(name) "lock " name " {\n  resources configmaps\n  namespace default\n  name " name "\n  deny update\n}\n"
#define LOCK_OF(name, actor)                                                                                           \
    "lock " name " {\n  resources configmaps\n  namespace default\n  name " name "\n  deny update\n  exclusive " actor \
    "\n}\n"

static void what_becomes_an_object_belongs_to_a_policy_with_a_name(void **state) {
    static const struct {
        const char *text, *at; // NULL: nothing is reported
    } rows[] = {{LOCK("l"), "lock"},
                {"actor a = user u\ngrant g to a {\n  resources pods\n  namespace n\n  allow get\n}\n", "grant"},
                {"actor a = new sa default/a\n", "actor"},
                {"policy p\n" LOCK("l"), NULL},
                {LOCK("l") "policy p\n", NULL}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct file file = {"team/locks.klock", rows[i].text};
        const struct compilation *compilation = compile_as_written(state, &file, 1);
        if (rows[i].at)
            assert_reports_only(compilation, "K0008", rows[i].at);
        else
            assert_clean(compilation);
        assert_true((compilation->manifest.count == 0) == (rows[i].at != NULL));
    }
    // What only declares needs no name, also where its file is called what no policy can be.
    const struct file both[] = {{"a.klock", "policy p\ninclude \"My actors.klock\"\n" LOCK_OF("l", "jonny")},
                                {"My actors.klock", "actor jonny = user jonny\n"}};
    assert_no_errors(compile_as_written(state, both, 2));
}

static void a_policy_has_a_name_that_kubernetes_takes(void **state) {
    assert_reports_only(compile(state, "policy Payments\n" LOCK("l")), "K0104", "Payments");
    assert_reports_only(compile(state, "policy a\npolicy b\n" LOCK("l")), "K0402", "policy");
}

static void includes_are_found_beside_the_including_file(void **state) {
    const struct compilation *compilation =
        COMPILE_FILES(state, {"a/main.klock", "include \"sub/actors.klock\"\n" LOCK_OF("l", "jonny")},
                      {"a/sub/actors.klock", "actor jonny = user jonny\n"});
    assert_no_errors(compilation);
    assert_string_equal(lock_named(compilation, "l")->exclusive.users[0], "jonny");
}

static void names_are_visible_through_chains_of_includes(void **state) {
    assert_no_errors(COMPILE_FILES(state, {"main.klock", "include \"a.klock\"\n" LOCK_OF("l", "jonny")},
                                   {"a.klock", "include \"b.klock\"\n" LOCK("k")},
                                   {"b.klock", "actor jonny = user jonny\n"}));
}

static void names_are_not_visible_without_an_include(void **state) {
    assert_reports(
        COMPILE_FILES(state, {"main.klock", LOCK_OF("l", "jonny")}, {"b.klock", "actor jonny = user jonny\n"}), "K0101",
        "jonny");
    assert_reports(COMPILE_FILES(state, {"main.klock", "actor jonny = user jonny\ninclude \"b.klock\"\n"},
                                 {"b.klock", LOCK_OF("l", "jonny")}),
                   "K0101", "jonny");
}

static void a_diamond_of_includes_is_one_file(void **state) {
    const struct compilation *compilation =
        COMPILE_FILES(state, {"main.klock", "policy p\ninclude \"a.klock\"\ninclude \"b.klock\"\n"},
                      {"a.klock", "policy p\ninclude \"c.klock\"\n" LOCK_OF("a", "jonny")},
                      {"b.klock", "policy p\ninclude \"c.klock\"\n" LOCK_OF("b", "jonny")},
                      {"c.klock", "policy p\nactor jonny = user jonny\n" LOCK("c")});
    assert_no_errors(compilation);
    assert_int_equal(compilation->policies.lock_count, 3);
}

static void the_same_path_in_other_words_is_the_same_file(void **state) {
    const struct compilation *compilation = COMPILE_FILES(
        state, {"x/main.klock", "include \"./y/../a.klock\"\ninclude \"a.klock\"\n"}, {"x//a.klock", LOCK("l")});
    assert_clean(compilation);
    assert_int_equal(compilation->policies.lock_count, 1);
}

static void cycles_of_includes_are_refused(void **state) {
    assert_reports(COMPILE_FILES(state, {"a.klock", "include \"a.klock\"\n" LOCK("l")}), "K0006", "\"a.klock\"");
    assert_reports(COMPILE_FILES(state, {"a.klock", "include \"b.klock\"\n" LOCK("l")},
                                 {"b.klock", "include \"c.klock\"\n"}, {"c.klock", "include \"a.klock\"\n"}),
                   "K0006", "\"a.klock\"");
}

static void includes_stay_below_the_root(void **state) {
    static const char *const bad[] = {
        "/etc/passwd", "../b.klock", "x/../../b.klock", "..", "http://example.com/a.klock", "a/../../../b"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        const struct compilation *compilation =
            COMPILE_FILES(state, {"dir/a.klock", arena_printf(arena_of(state), "include \"%s\"\n" LOCK("l"), bad[i])});
        assert_reports_only(compilation, "K0006", arena_printf(arena_of(state), "\"%s\"", bad[i]));
    }
}

static void what_cannot_be_read_is_said_at_the_include(void **state) {
    const struct compilation *compilation =
        COMPILE_FILES(state, {"nowhere/a.klock", "include \"not-there.klock\"\n" LOCK("l")});
    assert_reports_only(compilation, "K0007", "\"not-there.klock\"");
    assert_true(compilation->loader.failed);
}

static void chains_of_includes_have_an_end(void **state) {
    enum { COUNT = 70 };
    struct file files[COUNT];
    struct arena *arena = arena_of(state);
    for (int i = 0; i < COUNT; i++)
        files[i] =
            (struct file){arena_printf(arena, "f%d.klock", i), arena_printf(arena, "include \"f%d.klock\"\n", i + 1)};
    files[COUNT - 1].text = LOCK("l");
    const struct compilation *compilation = compile_files(state, files, COUNT);
    assert_reports_only(compilation, "K0006", "\"f65.klock\"");
}

static void files_of_one_policy_see_each_other(void **state) {
    const struct compilation *compilation = COMPILE_FILES(state, {"a.klock", "policy p\n" LOCK_OF("l", "jonny")},
                                                          {"b.klock", "policy p\nactor jonny = user jonny\n"});
    assert_no_errors(compilation);
    assert_int_equal(compilation->manifest.count, 2);
    assert_reports(COMPILE_FILES(state, {"a.klock", "policy p\n" LOCK("l")}, {"b.klock", "policy p\n" LOCK("l")}),
                   "K0102", "l");
}

static void two_policies_are_apart(void **state) {
    const struct compilation *compilation = COMPILE_FILES(state, {"a.klock", LOCK("l")}, {"b.klock", LOCK("l")});
    assert_clean(compilation);
    assert_int_equal(compilation->policies.lock_count, 2);
    assert_int_equal(compilation->manifest.count, 4);
    object_named(compilation, "ValidatingAdmissionPolicy", "", "a-objects--configmaps");
    object_named(compilation, "ValidatingAdmissionPolicy", "", "b-objects--configmaps");
}

// One of the files says it for all of the policy, and for no other.
static void a_policy_is_against_insiders_as_a_whole(void **state) {
    static const char lock[] = "lock l {\n  resources cm\n  namespace a\n  name n\n  deny update\n}\n";
    struct arena *arena = arena_of(state);
    const struct file said = {"a.klock", "policy p against insiders\n"},
                      silent = {"b.klock", arena_printf(arena, "policy p\n%s", lock)},
                      other = {"c.klock", arena_printf(arena, "policy q\n%s", lock)},
                      denied = {"d.klock", "policy p against accidents\n"},
                      unknown = {"e.klock", "policy p against everybody\n"};
    const struct compilation *compilation = COMPILE_FILES(state, silent, said, other);
    assert_no_errors(compilation);
    for (size_t i = 0; i < compilation->policies.lock_count; i++) {
        const struct lock *one = compilation->policies.locks[i];
        assert_int_equal(one->insiders, strcmp(one->policy, "p") == 0);
    }
    assert_false(lock_named(COMPILE_FILES(state, silent, denied), "l")->insiders);
    assert_false(lock_named(COMPILE_FILES(state, silent), "l")->insiders);
    assert_reports_only(COMPILE_FILES(state, silent, said, denied), "K0403", "accidents");
    assert_reports_only(COMPILE_FILES(state, denied, silent, said), "K0403", "accidents");
    assert_reports_only(COMPILE_FILES(state, silent, unknown), "K0408", "everybody");
}

static void the_order_of_files_and_items_does_not_matter(void **state) {
    static const struct file one = {"one.klock",
                                    "policy p\nactor jonny = user jonny\n" LOCK("b") LOCK_OF("a", "jonny")};
    static const struct file two = {
        "two.klock", "policy p\n" LOCK("d") LOCK_OF("c", "jonny") "grant g to jonny {\n  resources configmaps\n  "
                                                                  "namespace default\n  allow get, delete\n}\n"};
    static const struct file three = {"three.klock", "include \"one.klock\"\n" LOCK_OF("x", "jonny")};
    static const struct file turned = {"one.klock",
                                       "policy p\n" LOCK_OF("a", "jonny") LOCK("b") "actor jonny = user jonny\n"};
    const char *expected = output_text(state, COMPILE_FILES(state, one, two, three));
    assert_true(strlen(expected) > 1000);
    assert_string_equal(output_text(state, COMPILE_FILES(state, three, two, one)), expected);
    assert_string_equal(output_text(state, COMPILE_FILES(state, two, one, three)), expected);
    // The grant's line stays, and locks have none when there are several.
    assert_string_equal(output_text(state, COMPILE_FILES(state, two, turned, three)), expected);
}

static void declared_resources_mean_the_same_in_any_order(void **state) {
    static const struct file a = {"a.klock", "resource widgets.a.example.com namespaced\n"};
    static const struct file b = {"b.klock", "resource gadgets.b.example.com namespaced\n"};
    static const struct file use = {"c.klock", "lock l {\n  resources widgets, gadgets\n  namespace default\n  all "
                                               "objects\n  deny update\n}\n"};
    const char *expected = output_text(state, COMPILE_FILES(state, a, b, use));
    assert_string_equal(output_text(state, COMPILE_FILES(state, b, a, use)), expected);
    assert_string_equal(output_text(state, COMPILE_FILES(state, use, b, a)), expected);
}

static void a_plural_of_two_groups_is_written_with_its_group(void **state) {
    static const struct file a = {"a.klock", "resource widgets.a.example.com/v1 namespaced kind Widget\n"};
    static const struct file b = {"b.klock", "resource widgets.b.example.com/v1 namespaced kind Widget\n"};
    static const char *const words[] = {"widgets", "Widget", "widget"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        const char *text =
            arena_printf(arena_of(state),
                         "lock l {\n  resources %s\n  namespace default\n  all objects\n  deny update\n}\n", words[i]);
        assert_reports_only(COMPILE_FILES(state, a, b, {"c.klock", text}), "K0103", words[i]);
    }
    assert_no_errors(COMPILE_FILES(state, a, b,
                                   {"c.klock", "lock l {\n  resources widgets.b.example.com\n  namespace default\n  "
                                               "all objects\n  deny update\n}\n"}));
    // What is built in keeps its words: the core group has no other.
    assert_no_errors(compile(state,
                             "resource pods.metrics.example.com/v1 namespaced kind PodMetrics\nlock l {\n  resources "
                             "pods\n  namespace default\n  all objects\n  deny update\n}\n"));
}

static void what_makes_no_object_is_an_error(void **state) {
    static const char *const texts[] = {"policy x\n", "actor a = user u\n",
                                        "object o {\n  resources pods\n  namespace a\n}\n",
                                        "resource widgets.example.com/v1 namespaced kind Widget\n",
                                        "test \"t\" {\n  as user u\n  delete pods a/b\n  expect allowed\n}\n"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        assert_reports_only(compile(state, texts[i]), "K0005", "");
    assert_reports(compile_static(state, "grant g to user u {\n  resources pods\n  namespace a\n  allow get\n}\n"),
                   "K0005", "");
    assert_silent(compile(state, "actor a = new sa a/b\n"), "K0005");
    // Locks whose days are over leave nothing, and that is meant.
    assert_silent(compile_at(state,
                             "lock l {\n  resources configmaps\n  namespace a\n  name n\n  deny update\n  active until "
                             "2026-02-01\n}\n",
                             "2026-02-02"),
                  "K0005");
}

static void resources_may_be_declared_again_only_alike(void **state) {
    assert_clean(COMPILE_FILES(
        state, {"a.klock", "resource widgets.example.com/v1 namespaced kind Widget subresources scale, status\n"},
        {"b.klock", "resource widgets.example.com/v1 namespaced kind Widget subresources status, scale\n" LOCK("l")}));
    static const char *const others[] = {"cluster kind Widget", "namespaced kind Gadget",
                                         "namespaced kind Widget subresources scale"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        assert_reports_only(
            COMPILE_FILES(state, {"a.klock", "resource widgets.example.com namespaced kind Widget\n"},
                          {"b.klock", arena_printf(arena_of(state), "resource widgets.example.com %s\n", others[i])}),
            "K0102", "widgets.example.com");
    assert_reports_only(
        compile(state, "resource pods.metrics.k8s.io namespaced\nresource deployments.apps namespaced\n"), "K0102",
        "deployments.apps");
}

static void a_file_that_declares_nothing_is_an_error(void **state) {
    assert_reports_only(compile(state, ""), "K0005", "");
    assert_reports_only(compile(state, "# nothing\n"), "K0005", "");
}

static void patterns_are_of_names(void **state) {
    static const struct {
        const char *pattern, *name;
        bool matches;
    } rows[] = {
        {"*", "a", true},
        {"*", "", true},
        {"*", ".a", false},
        {".*", ".a", true},
        {"*.yaml", "a.yaml", true},
        {"*.yaml", "a.yaml.bak", false},
        {"*.yaml", "a.yaml.yaml", true},
        {"a?c", "abc", true},
        {"a?c",
         "a\xc3\xa4"
         "c",
         true},
        {"a?c", "ac", false},
        {"*a*b*c", "xaxbxbxc", true},
        {"*a*b*c", "xaxbxbxcx", false},
        {"**", "abc", true},
        {"[a]", "a", false},
        {"[a]", "[a]", true},
        {"", "a", false},
        {"*a*a*a*a*a*a*a*a*a*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (path_matches(rows[i].pattern, rows[i].name) != rows[i].matches)
            fail_msg("'%s' and '%s'", rows[i].pattern, rows[i].name);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        SENTENCE(patterns_are_of_names),
        SENTENCE(what_becomes_an_object_belongs_to_a_policy_with_a_name),
        SENTENCE(a_policy_has_a_name_that_kubernetes_takes),
        SENTENCE(includes_are_found_beside_the_including_file),
        SENTENCE(names_are_visible_through_chains_of_includes),
        SENTENCE(names_are_not_visible_without_an_include),
        SENTENCE(a_diamond_of_includes_is_one_file),
        SENTENCE(the_same_path_in_other_words_is_the_same_file),
        SENTENCE(cycles_of_includes_are_refused),
        SENTENCE(includes_stay_below_the_root),
        SENTENCE(what_cannot_be_read_is_said_at_the_include),
        SENTENCE(chains_of_includes_have_an_end),
        SENTENCE(files_of_one_policy_see_each_other),
        SENTENCE(two_policies_are_apart),
        SENTENCE(a_policy_is_against_insiders_as_a_whole),
        SENTENCE(the_order_of_files_and_items_does_not_matter),
        SENTENCE(declared_resources_mean_the_same_in_any_order),
        SENTENCE(a_plural_of_two_groups_is_written_with_its_group),
        SENTENCE(what_makes_no_object_is_an_error),
        SENTENCE(resources_may_be_declared_again_only_alike),
        SENTENCE(a_file_that_declares_nothing_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
