// Nearest names.
#include "support.h"

#include "base/suggest.h"

static const char *const names[] = {"deny", "exclusive", "message", "on", "mode", "resources", "delete"};

static const char *nearest(const char *word) {
    return suggest_nearest(word, names, sizeof names / sizeof *names);
}

static void finds_what_was_meant(void **state) {
    (void)state;
    assert_string_equal(nearest("denny"), "deny");
    assert_string_equal(nearest("dney"), "deny");
    assert_string_equal(nearest("Deny"), "deny");
    assert_string_equal(nearest("exclusiv"), "exclusive");
    assert_string_equal(nearest("resorces"), "resources");
    assert_string_equal(nearest("onn"), "on");
    assert_string_equal(nearest("deleet"), "delete");
}

static void is_silent_when_nothing_is_near(void **state) {
    (void)state;
    assert_null(nearest(""));
    assert_null(nearest("x"));
    assert_null(nearest("pods"));
    assert_null(nearest("unrelated"));
    assert_null(nearest("a-word-that-is-far-longer-than-any-name-that-anybody-would-ever-think-of"));
    assert_null(suggest_nearest("deny", NULL, 0));
}

static void prefers_the_nearest_and_then_the_first(void **state) {
    (void)state;
    static const char *const near[] = {"abcde", "abcdx", "abcdy"};
    assert_string_equal(suggest_nearest("abcdz", near, 3), "abcde");
    assert_string_equal(suggest_nearest("abcdy", near, 3), "abcdy");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_what_was_meant),
        cmocka_unit_test(is_silent_when_nothing_is_near),
        cmocka_unit_test(prefers_the_nearest_and_then_the_first),
    };
    return cmocka_run_group_tests_name("suggest", tests, NULL, NULL);
}
