// RE2 patterns: what is accepted, what is refused and where, what matches; globs.
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
#include "data/regex.h"

struct fixture {
    struct arena arena;
    jmp_buf exhausted;
};

static int set_up(void **state) {
    static struct fixture fixture;
    arena_init(&fixture.arena, &fixture.exhausted);
    *state = &fixture;
    return 0;
}

static int tear_down(void **state) {
    struct fixture *fixture = *state;
    arena_release(&fixture->arena);
    return 0;
}

static bool matches(struct fixture *fixture, const char *pattern, const char *text) {
    const char *error = NULL;
    size_t offset = 0;
    const struct regex *regex = regex_compile(&fixture->arena, pattern, &error, &offset);
    if (!regex) fail_msg("%s is refused: %s", pattern, error);
    return regex_match(regex, text, strlen(text), &fixture->arena);
}

static void assert_refused(struct fixture *fixture, const char *pattern, size_t at, const char *part) {
    const char *error = NULL;
    size_t offset = SIZE_MAX;
    if (regex_compile(&fixture->arena, pattern, &error, &offset)) fail_msg("%s is accepted", pattern);
    if (offset != at) fail_msg("%s is refused at %zu: %s", pattern, offset, error);
    if (!strstr(error, part)) fail_msg("%s is refused for another reason: %s", pattern, error);
}

static void matches_anywhere_unless_anchored(void **state) {
    assert_true(matches(*state, "b", "abc"));
    assert_false(matches(*state, "^b", "abc"));
    assert_false(matches(*state, "b$", "abc"));
    assert_true(matches(*state, "^abc$", "abc"));
    assert_true(matches(*state, "\\Aabc\\z", "abc"));
    assert_true(matches(*state, "", ""));
    assert_false(matches(*state, "^$", "x"));
}

static void lines_count_only_under_their_flag(void **state) {
    assert_false(matches(*state, "^b$", "a\nb"));
    assert_true(matches(*state, "(?m)^b$", "a\nb\nc"));
    assert_false(matches(*state, "a$", "a\n"));
    assert_false(matches(*state, "^a.b$", "a\nb"));
    assert_true(matches(*state, "(?s)^a.b$", "a\nb"));
}

static void classes_hold_what_is_written(void **state) {
    assert_true(matches(*state, "^[a-c]+$", "abc"));
    assert_false(matches(*state, "^[^a-c]$", "b"));
    assert_true(matches(*state, "^[^a]$", "\n"));
    assert_true(matches(*state, "^[]a]+$", "a]"));
    assert_true(matches(*state, "^[[:alpha:]_]+$", "a_Z"));
    assert_true(matches(*state, "^[[:^alpha:]]$", "1"));
    assert_true(matches(*state, "^[\\d-]+$", "1-2"));
    assert_true(matches(*state, "^[a-]$", "-"));
    assert_true(matches(*state, "^\\S\\W\\D$", "x--"));
    assert_false(matches(*state, "\\s", "\v"));
    assert_true(matches(*state, "[[:space:]]", "\v"));
}

static void characters_are_code_points(void **state) {
    assert_true(matches(*state, "^.$", "\xe2\x82\xac"));
    assert_true(matches(*state, "^[\xc3\xa0-\xc3\xbf]$", "\xc3\xa9"));
    assert_true(matches(*state, "^\\x{20ac}\\x41\\101\\t$",
                        "\xe2\x82\xac"
                        "AA\t"));
    assert_true(matches(*state, "^.$", "\xf0\x9f\x94\x92"));
}

static void repetitions_have_their_bounds(void **state) {
    assert_true(matches(*state, "^a{2,3}$", "aaa"));
    assert_false(matches(*state, "^a{2,3}$", "aaaa"));
    assert_false(matches(*state, "^a{2,}$", "a"));
    assert_true(matches(*state, "^(ab?)*?$", "aaba"));
    assert_true(matches(*state, "^(a*)*$", "aaa"));
    assert_true(matches(*state, "^a{0}b$", "b"));
    assert_true(matches(*state, "^a{,2}$", "a{,2}"));
    assert_true(matches(*state, "^(a|b|)c$", "c"));
}

static void case_is_folded_under_its_flag(void **state) {
    assert_true(matches(*state, "(?i)^KuBe$", "kUbE"));
    assert_true(matches(*state, "^(?i:a)b$", "Ab"));
    assert_false(matches(*state, "^(?i:a)b$", "AB"));
    assert_true(matches(*state, "(?i)^k$", "\xe2\x84\xaa"));
    assert_true(matches(*state, "(?i)^[[:lower:]]$", "S"));
    assert_false(matches(*state, "(?i)^[^a]$", "A"));
    assert_false(matches(*state, "(?i)a(?-i)b", "AB"));
}

static void words_have_boundaries(void **state) {
    assert_true(matches(*state, "\\bweb\\b", "a web b"));
    assert_false(matches(*state, "\\bweb\\b", "webs"));
    assert_true(matches(*state, "web\\B", "webs"));
}

static void quoted_text_is_literal(void **state) {
    assert_true(matches(*state, "^\\Qa.b*\\E+$", "a.b**"));
    assert_true(matches(*state, "\\Q(", "("));
}

static void refuses_what_the_server_refuses(void **state) {
    assert_refused(*state, "a(b", 3, "missing )");
    assert_refused(*state, "a)b", 1, "without a matching (");
    assert_refused(*state, "ab[c", 2, "missing ]");
    assert_refused(*state, "a|*", 2, "nothing to repeat");
    assert_refused(*state, "a**", 2, "cannot follow");
    assert_refused(*state, "x[b-a]", 2, "comes after its last");
    assert_refused(*state, "a\\1", 1, "backreferences");
    assert_refused(*state, "a\\", 1, "backslash");
    assert_refused(*state, "\\q", 0, "escape");
    assert_refused(*state, "\\x{110000}", 0, "escape");
    assert_refused(*state, "(?=a)", 0, "group syntax");
    assert_refused(*state, "(?<=a)", 0, "name of a group");
    assert_refused(*state, "[[:foo:]]", 1, "no such character class");
    assert_refused(*state, "a{1001}", 1, "1000");
    assert_refused(*state, "a{2,1}", 1, "greater than its second");
    assert_refused(*state, "(a{100}){11}", 8, "1000");
    assert_refused(*state, "a\xff", 1, "UTF-8");
}

static void says_what_is_not_supported(void **state) {
    assert_refused(*state, "a\\p{Greek}", 1, "not supported");
    assert_refused(*state, "[\\PL]", 1, "not supported");
    assert_refused(*state, "(?i)\xc3\xa9", 4, "not supported");
}

static void repeated(char *out, const char *part, size_t times) {
    *out = '\0';
    for (size_t i = 0; i < times; i++) out = strcpy(out, part) + strlen(part);
}

static void size_and_depth_are_bounded(void **state) {
    static char pattern[400000];
    repeated(pattern, "(((a{10}){10}){10})", 200);
    assert_refused(*state, pattern, 0, "too large");
    repeated(pattern, "(", 100000);
    repeated(pattern + 100000, "a", 1);
    repeated(pattern + 100001, ")", 100000);
    const char *error = NULL;
    size_t offset = 0;
    struct fixture *fixture = *state;
    assert_null(regex_compile(&fixture->arena, pattern, &error, &offset));
    assert_non_null(strstr(error, "nested too deeply"));
}

static void time_is_linear(void **state) {
    static char text[20001];
    repeated(text, "a", 20000);
    assert_false(matches(*state, "^(a*)*(a|a)*(a?){30}b$", text));
}

static bool globbed(struct fixture *fixture, const char *glob, const char *text) {
    return matches(fixture, regex_from_glob(&fixture->arena, glob), text);
}

static void globs_match_the_whole_text(void **state) {
    struct fixture *fixture = *state;
    assert_string_equal(regex_from_glob(&fixture->arena, "web-**.?"), "(?s)^web-.*\\..$");
    assert_string_equal(regex_from_glob(&fixture->arena, "a+b"), "^a\\+b$");
    assert_string_equal(regex_to_glob(&fixture->arena, "(?s)^web-.*\\..$"), "web-*.?");
    assert_string_equal(regex_to_glob(&fixture->arena, "(?s)^$"), "");
    assert_null(regex_to_glob(&fixture->arena, "(?s)^a+$"));
    assert_null(regex_to_glob(&fixture->arena, "^a.*$"));
    assert_null(regex_to_glob(&fixture->arena, "(?s)^a.*"));
    assert_true(globbed(fixture, "web-*", "web-"));
    assert_true(globbed(fixture, "web-*", "web-a\nb"));
    assert_false(globbed(fixture, "web-*", "my-web-a"));
    assert_true(globbed(fixture, "?", "\xc3\xa9"));
    assert_false(globbed(fixture, "?", ""));
    assert_false(globbed(fixture, "", "a"));
    assert_false(globbed(fixture, "a", "a\n"));
    const char *const literal = "\\.+()|[]{}^$-/:@!#";
    assert_true(globbed(fixture, literal, literal));
}

static bool can_match(struct fixture *fixture, const char *pattern, const char *alphabet) {
    const char *error;
    size_t offset;
    return regex_can_match(regex_compile(&fixture->arena, pattern, &error, &offset), alphabet, &fixture->arena);
}

static void what_can_match_is_told(void **state) {
    static const char *const possible[] = {"a", "",    "^$",   "^a$",  "(^a|b)c",    "a*^b",
                                           "$", "x?$", "[^a]", "a{3}", "(?m)a$\\nb", "\\bx"};
    static const char *const impossible[] = {"a^b",  "a$b", "$a", "x^", "(a|b)^c", "[^\\x00-\\x{10FFFF}]",
                                             "^a$.", "b+^"};
    struct fixture *fixture = *state;
    for (size_t i = 0; i < sizeof possible / sizeof *possible; i++)
        if (!can_match(fixture, possible[i], NULL)) fail_msg("%s", possible[i]);
    for (size_t i = 0; i < sizeof impossible / sizeof *impossible; i++)
        if (can_match(fixture, impossible[i], NULL)) fail_msg("%s", impossible[i]);
    assert_false(can_match(fixture, "a b", "ab"));
    assert_false(can_match(fixture, "A", "ab"));
    assert_true(can_match(fixture, "(?i)A", "ab"));
    assert_true(can_match(fixture, "a|c", "ab"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(matches_anywhere_unless_anchored, set_up, tear_down),
        cmocka_unit_test_setup_teardown(lines_count_only_under_their_flag, set_up, tear_down),
        cmocka_unit_test_setup_teardown(classes_hold_what_is_written, set_up, tear_down),
        cmocka_unit_test_setup_teardown(characters_are_code_points, set_up, tear_down),
        cmocka_unit_test_setup_teardown(repetitions_have_their_bounds, set_up, tear_down),
        cmocka_unit_test_setup_teardown(case_is_folded_under_its_flag, set_up, tear_down),
        cmocka_unit_test_setup_teardown(words_have_boundaries, set_up, tear_down),
        cmocka_unit_test_setup_teardown(quoted_text_is_literal, set_up, tear_down),
        cmocka_unit_test_setup_teardown(refuses_what_the_server_refuses, set_up, tear_down),
        cmocka_unit_test_setup_teardown(says_what_is_not_supported, set_up, tear_down),
        cmocka_unit_test_setup_teardown(size_and_depth_are_bounded, set_up, tear_down),
        cmocka_unit_test_setup_teardown(time_is_linear, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_can_match_is_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(globs_match_the_whole_text, set_up, tear_down),
    };
    return cmocka_run_group_tests_name("regex", tests, NULL, NULL);
}
