// Tokens, one by one.
#include "support.h"

#include <string.h>

#include "front/ast_build.h"
#include "front/lexer.h"
#include "klock_parser.h"

static struct lexer lexer_over(struct fixture *fixture, const char *text) {
    const uint32_t source = source_add(&fixture->sources, &fixture->diags, "test.klock", text, strlen(text));
    const struct source *added = &fixture->sources.items[source];
    const unsigned char *begin = (const unsigned char *)added->text;
    return (struct lexer){
        .arena = &fixture->arena,
        .diags = &fixture->diags,
        .file = source,
        .begin = begin,
        .cursor = begin,
        .limit = begin + added->len,
    };
}

// The text gives these kinds and then its end.
static void expect_kinds(struct fixture *fixture, const char *text, size_t count, const int *kinds) {
    struct lexer lexer = lexer_over(fixture, text);
    for (size_t i = 0; i < count; i++) assert_int_equal(lexer_next(&lexer).kind, kinds[i]);
    assert_int_equal(lexer_next(&lexer).kind, TOK_END);
    assert_int_equal(lexer_next(&lexer).kind, TOK_END);
}

// The text is one token of the kind.
static struct token expect_one(struct fixture *fixture, const char *text, int kind, const char *word) {
    struct lexer lexer = lexer_over(fixture, text);
    const struct token token = lexer_next(&lexer);
    assert_int_equal(token.kind, kind);
    assert_string_equal(token.word.text, word);
    assert_int_equal(token.word.quoted, kind == TOK_STRING);
    assert_int_equal(token.span.begin, 0);
    assert_int_equal(token.span.end, strlen(text));
    assert_int_equal(lexer_next(&lexer).kind, TOK_END);
    return token;
}

static void reads_words(void **state) {
    static const char *const words[] = {
        "a",
        "_",
        "5",
        "1.30",
        "deployments.apps",
        "app.kubernetes.io/name",
        "default/jonny-op",
        "system:masters",
        "system:node:n1",
        "2026-01-01T00:00:00Z",
        "deployments.apps/v1",
        "a/b/c",
        "a--b",
        "a..b",
        "deny-it",
        "denys",
        "deny.it",
        "deny/it",
        "Deny",
        "a_b_",
    };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) expect_one(*state, words[i], TOK_WORD, words[i]);
}

static void reads_keywords(void **state) {
    expect_one(*state, "deny", TOK_DENY, "deny");
    expect_one(*state, "break-glass", TOK_BREAK_GLASS, "break-glass");
    expect_one(*state, "delete-collection", TOK_DELETE_COLLECTION, "delete-collection");
    expect_one(*state, "serviceaccounts", TOK_SERVICEACCOUNTS, "serviceaccounts");
    expect_one(*state, "notin", TOK_NOTIN, "notin");
}

static void reads_wildcards(void **state) {
    static const char *const wildcards[] = {"*.group", "*.events.k8s.io", "pods/*", "*/scale", "*/*", "*.apps/v1"};
    expect_one(*state, "*", TOK_STAR, "*");
    for (size_t i = 0; i < sizeof wildcards / sizeof *wildcards; i++)
        expect_one(*state, wildcards[i], TOK_WILDCARD, wildcards[i]);
}

static void words_end_with_letter_digit_or_underscore(void **state) {
    static const int arrow[] = {TOK_WORD, TOK_ARROW, TOK_WORD};
    expect_kinds(*state, "red->blue", 3, arrow);
    static const int each[] = {TOK_WORD, TOK_OPEN_BRACKET, TOK_STAR, TOK_CLOSE_BRACKET, TOK_DOT, TOK_WORD};
    expect_kinds(*state, "spec.containers[*].image", 6, each);
    static const int version[] = {TOK_WORD, TOK_SLASH, TOK_WORD};
    expect_kinds(*state, "x.y /v1", 3, version);
}

static void reads_operators(void **state) {
    static const int kinds[] = {
        TOK_WORD, TOK_EQUALS, TOK_WORD,       TOK_EQUALS_EQUALS, TOK_WORD,    TOK_NOT_EQUALS, TOK_WORD,
        TOK_LESS, TOK_WORD,   TOK_LESS_EQUAL, TOK_WORD,          TOK_GREATER, TOK_WORD,       TOK_GREATER_EQUAL,
        TOK_BANG, TOK_WORD,   TOK_COMMA,      TOK_OPEN,          TOK_CLOSE,   TOK_OPEN_BRACE, TOK_CLOSE_BRACE,
    };
    expect_kinds(*state, "a=b==c!=d<e<=f>g>=!x,(){}", sizeof kinds / sizeof *kinds, kinds);
}

static void skips_comments_and_blanks(void **state) {
    static const int kinds[] = {TOK_WORD, TOK_WORD};
    expect_kinds(*state, "# deny \xc3\xa9 \"\r\n\t a # b\n  c#d", 2, kinds);
    expect_kinds(*state, "", 0, NULL);
    expect_kinds(*state, "# only", 0, NULL);
}

static void knows_what_begins_a_line(void **state) {
    struct lexer lexer = lexer_over(*state, "a b # c\n d\te\n\n f");
    static const bool first[] = {true, false, true, false, true};
    for (size_t i = 0; i < 5; i++) assert_int_equal(lexer_next(&lexer).first_on_line, first[i]);
}

static void reads_strings(void **state) {
    expect_one(*state, "\"\"", TOK_STRING, "");
    expect_one(*state, "\"a b\"", TOK_STRING, "a b");
    expect_one(*state, "\"\\\"\\\\\\n\\t\"", TOK_STRING, "\"\\\n\t");
    expect_one(*state, "\"\\u{e9}\\u{1F600}\\u{00041}\"", TOK_STRING,
               "\xc3\xa9\xf0\x9f\x98\x80"
               "A");
    expect_one(*state, "\"\xc3\xa9#{\"", TOK_STRING, "\xc3\xa9#{");
    assert_int_equal(((struct fixture *)*state)->diags.count, 0);
}

static void reads_raw_strings(void **state) {
    expect_one(*state, "\"\"\"\"\"\"", TOK_STRING, "");
    expect_one(*state, "\"\"\"a\\n \"b\"\n\"\"c\"\"\"", TOK_STRING, "a\\n \"b\"\n\"\"c");
    expect_one(*state, "\"\"\"a\r\nb\rc\"\"\"", TOK_STRING, "a\nb\rc");
    assert_int_equal(((struct fixture *)*state)->diags.count, 0);
}

static void bad_string(struct fixture *fixture, const char *text, const char *at, const char *word) {
    struct lexer lexer = lexer_over(fixture, text);
    const struct token token = lexer_next(&lexer);
    assert_int_equal(token.kind, TOK_STRING);
    assert_string_equal(token.word.text, word);
    support_assert_only(fixture, DIAG_BAD_TOKEN, at);
}

static void reports_an_unknown_escape(void **state) {
    bad_string(*state, "\"ab\\qcd\"", "\\q", "abcd");
}

static void reports_an_escaped_letter_of_several_bytes(void **state) {
    bad_string(*state, "\"\\\xc3\xa9\"", "\\\xc3\xa9", "");
}

static void reports_an_escape_without_braces(void **state) {
    bad_string(*state, "\"\\u00e9\"", "\\u", "00e9");
}

static void reports_an_escape_without_digits(void **state) {
    bad_string(*state, "\"\\u{}\"", "\\u{", "}");
}

static void reports_the_nul_character(void **state) {
    bad_string(*state, "\"\\u{0}\"", "\\u{0}", "");
}

static void reports_a_surrogate(void **state) {
    bad_string(*state, "\"\\u{D800}\"", "\\u{D800}", "");
}

static void reports_what_is_beyond_unicode(void **state) {
    bad_string(*state, "\"\\u{110000}\"", "\\u{110000}", "");
}

static void reports_a_number_that_would_overflow(void **state) {
    bad_string(*state, "\"\\u{100000041}\"", "\\u{100000041}", "");
}

static void reports_an_unterminated_string(void **state) {
    struct fixture *fixture = *state;
    struct lexer lexer = lexer_over(fixture, "\"abc\ndef");
    assert_string_equal(lexer_next(&lexer).word.text, "abc");
    assert_int_equal(lexer_next(&lexer).kind, TOK_WORD);
    support_assert_only(fixture, DIAG_BAD_TOKEN, "\"abc");
}

static void reports_an_unterminated_string_behind_a_backslash(void **state) {
    struct fixture *fixture = *state;
    struct lexer lexer = lexer_over(fixture, "\"abc\\\ndef");
    assert_int_equal(lexer_next(&lexer).kind, TOK_STRING);
    assert_int_equal(lexer_next(&lexer).kind, TOK_WORD);
    assert_int_equal(fixture->diags.count, 2);
}

static void reports_an_unterminated_raw_string(void **state) {
    struct fixture *fixture = *state;
    struct lexer lexer = lexer_over(fixture, "a \"\"\"b\n\"\" c");
    lexer_next(&lexer);
    assert_string_equal(lexer_next(&lexer).word.text, "b\n\"\" c");
    assert_true(lexer.truncated);
    assert_int_equal(lexer_next(&lexer).kind, TOK_END);
    support_assert_only(fixture, DIAG_BAD_TOKEN, "\"\"\"");
}

static void bad_token(struct fixture *fixture, const char *text, const char *at) {
    struct lexer lexer = lexer_over(fixture, text);
    assert_int_equal(lexer_next(&lexer).kind, TOK_WORD);
    assert_int_equal(lexer_next(&lexer).kind, TOK_KLOCK_YYerror);
    assert_int_equal(lexer_next(&lexer).kind, TOK_WORD);
    support_assert_only(fixture, DIAG_BAD_TOKEN, at);
}

static void reports_foreign_letters_once(void **state) {
    bad_token(*state, "a \xc3\xa9\xe2\x82\xac b", "\xc3\xa9\xe2\x82\xac");
}

static void reports_foreign_signs(void **state) {
    bad_token(*state, "a ; b", ";");
}

static void reports_a_run_of_signs_once(void **state) {
    bad_token(*state, "a --.: b", "--.:");
}

static void says_nothing_when_quiet(void **state) {
    struct fixture *fixture = *state;
    struct lexer lexer = lexer_over(fixture, "; \"\\q\" \"\"\"");
    lexer.quiet = true;
    while (lexer_next(&lexer).kind != TOK_END) continue;
    assert_int_equal(fixture->diags.count, 0);
    assert_false(lexer.truncated);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, support_setup, support_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(reads_words),
        TEST(reads_keywords),
        TEST(reads_wildcards),
        TEST(words_end_with_letter_digit_or_underscore),
        TEST(reads_operators),
        TEST(skips_comments_and_blanks),
        TEST(knows_what_begins_a_line),
        TEST(reads_strings),
        TEST(reads_raw_strings),
        TEST(reports_an_unknown_escape),
        TEST(reports_an_escaped_letter_of_several_bytes),
        TEST(reports_an_escape_without_braces),
        TEST(reports_an_escape_without_digits),
        TEST(reports_the_nul_character),
        TEST(reports_a_surrogate),
        TEST(reports_what_is_beyond_unicode),
        TEST(reports_a_number_that_would_overflow),
        TEST(reports_an_unterminated_string),
        TEST(reports_an_unterminated_string_behind_a_backslash),
        TEST(reports_an_unterminated_raw_string),
        TEST(reports_foreign_letters_once),
        TEST(reports_foreign_signs),
        TEST(reports_a_run_of_signs_once),
        TEST(says_nothing_when_quiet),
    };
    return cmocka_run_group_tests_name("lexer", tests, NULL, NULL);
}
