// Texts: what is refused, and how places are found.
#include "support.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"

static uint32_t add(struct fixture *fixture, const char *bytes, size_t len) {
    return source_add(&fixture->sources, &fixture->diags, "a.klock", bytes, len);
}

static void refuse(struct fixture *fixture, const char *bytes, size_t len, uint32_t begin, uint32_t end) {
    const uint32_t source = add(fixture, bytes, len);
    assert_false(fixture->sources.items[source].usable);
    support_assert_only(fixture, DIAG_BAD_TEXT, NULL);
    assert_int_equal(fixture->diags.items[0].span.begin, begin);
    assert_int_equal(fixture->diags.items[0].span.end, end);
    assert_non_null(fixture->diags.items[0].help);
}

static void takes_utf8(void **state) {
    struct fixture *fixture = *state;
    static const char text[] = "# \xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80\n";
    const uint32_t source = add(fixture, text, sizeof text - 1);
    assert_true(fixture->sources.items[source].usable);
    assert_int_equal(fixture->diags.count, 0);
    assert_string_equal(fixture->sources.items[source].text, text);
}

static void takes_the_empty_text(void **state) {
    struct fixture *fixture = *state;
    const uint32_t source = add(fixture, "", 0);
    assert_true(fixture->sources.items[source].usable);
    const struct source_location at = source_locate(&fixture->sources, source, 0);
    assert_int_equal(at.line, 1);
    assert_int_equal(at.column, 1);
    assert_int_equal(at.line_len, 0);
}

static void refuses_a_byte_order_mark(void **state) {
    refuse(*state, "\xef\xbb\xbfpolicy p", 11, 0, 3);
}

static void refuses_utf16(void **state) {
    refuse(*state, "\xff\xfep\0o\0", 6, 0, 2);
}

static void refuses_a_nul_byte(void **state) {
    refuse(*state, "policy p\n\0\n", 11, 9, 10);
}

static void refuses_bad_utf8(void **state) {
    refuse(*state, "policy p # \xc3(", 13, 11, 12);
}

static void refuses_overlong_utf8(void **state) {
    refuse(*state, "# \xe0\x80\xaf", 5, 2, 3);
}

static void refuses_surrogates(void **state) {
    refuse(*state, "# \xed\xa0\x80", 5, 2, 3);
}

static void reports_the_first_defect_only(void **state) {
    refuse(*state,
           "a\xff"
           "b\xff\xfe",
           5, 1, 2);
}

static void refuses_what_is_too_large(void **state) {
    struct fixture *fixture = *state;
    char *bytes = calloc(1, (size_t)LIMIT_SOURCE_BYTES + 1);
    assert_non_null(bytes);
    memset(bytes, '\n', (size_t)LIMIT_SOURCE_BYTES + 1);
    const uint32_t at_limit = add(fixture, bytes, LIMIT_SOURCE_BYTES);
    assert_true(fixture->sources.items[at_limit].usable);
    const uint32_t beyond = add(fixture, bytes, (size_t)LIMIT_SOURCE_BYTES + 1);
    free(bytes);
    assert_false(fixture->sources.items[beyond].usable);
    support_assert_only(fixture, DIAG_BAD_TEXT, NULL);
    assert_int_equal(fixture->diags.items[0].span.file, beyond);
}

static void counts_lines_and_code_points(void **state) {
    struct fixture *fixture = *state;
    static const char text[] = "one\r\nt\xc3\xa9o\n\nlast";
    const uint32_t source = add(fixture, text, sizeof text - 1);
    static const struct {
        uint32_t offset;
        unsigned line, column;
        const char *line_text;
    } cases[] = {
        {0, 1, 1, "one"}, {3, 1, 4, "one"},   {5, 2, 1, "t\xc3\xa9o"}, {8, 2, 3, "t\xc3\xa9o"}, {9, 2, 4, "t\xc3\xa9o"},
        {10, 3, 1, ""},   {11, 4, 1, "last"}, {15, 4, 5, "last"},      {99, 4, 5, "last"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct source_location at = source_locate(&fixture->sources, source, cases[i].offset);
        assert_int_equal(at.line, cases[i].line);
        assert_int_equal(at.column, cases[i].column);
        assert_int_equal(at.line_len, strlen(cases[i].line_text));
        assert_memory_equal(at.line_text, cases[i].line_text, at.line_len);
        assert_string_equal(at.file, "a.klock");
    }
}

// Every offset of a text with long and short lines, against a count from the start.
static void agrees_with_counting(void **state) {
    struct fixture *fixture = *state;
    char text[20000];
    for (size_t i = 0; i < sizeof text; i++) text[i] = i % 97 == 0 && (i < 5000 || i > 15000) ? '\n' : 'x';
    const uint32_t source = add(fixture, text, sizeof text);
    unsigned line = 1, column = 1;
    for (uint32_t i = 0; i <= sizeof text; i++) {
        const struct source_location at = source_locate(&fixture->sources, source, i);
        assert_int_equal(at.line, line);
        assert_int_equal(at.column, column);
        if (i == sizeof text) break;
        line += text[i] == '\n';
        column = text[i] == '\n' ? 1 : column + 1;
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, support_setup, support_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(takes_utf8),
        TEST(takes_the_empty_text),
        TEST(refuses_a_byte_order_mark),
        TEST(refuses_utf16),
        TEST(refuses_a_nul_byte),
        TEST(refuses_bad_utf8),
        TEST(refuses_overlong_utf8),
        TEST(refuses_surrogates),
        TEST(reports_the_first_defect_only),
        TEST(refuses_what_is_too_large),
        TEST(counts_lines_and_code_points),
        TEST(agrees_with_counting),
    };
    return cmocka_run_group_tests_name("source", tests, NULL, NULL);
}
