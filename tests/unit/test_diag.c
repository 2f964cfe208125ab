// The list of diagnostics, the table of codes, and every printed form.
#include "support.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "data/json.h"
#include "data/value.h"
#include "report/diag_print.h"

static struct span at(uint32_t file, uint32_t begin, uint32_t end) {
    return (struct span){file, begin, end};
}

static void codes_and_names_are_unique(void **state) {
    (void)state;
    for (int i = 0; i < DIAG_COUNT; i++) {
        const struct diag_info *info = diag_info((enum diag_code)i);
        assert_int_equal(strlen(info->code), 5);
        assert_int_equal(info->code[0], 'K');
        assert_true(strlen(info->summary) > 0);
        assert_ptr_equal(diag_find(info->code), info);
        assert_ptr_equal(diag_find(info->name), info);
    }
    assert_ptr_equal(diag_find("k0003"), diag_info(DIAG_SYNTAX));
    assert_null(diag_find("K9999"));
    assert_null(diag_find(""));
}

static void sorts_and_drops_what_is_said_twice(void **state) {
    struct fixture *fixture = *state;
    struct diags *diags = &fixture->diags;
    diag_report(diags, DIAG_SYNTAX, at(1, 5, 6), "in the second file");
    diag_report(diags, DIAG_UNKNOWN_NAME, at(0, 9, 10), "later code");
    diag_report(diags, DIAG_SYNTAX, at(0, 9, 10), "same");
    diag_report(diags, DIAG_SYNTAX, at(0, 9, 10), "same");
    diag_report(diags, DIAG_SYNTAX, at(0, 9, 10), "other words");
    diag_report(diags, DIAG_SYNTAX, span_none(), "nowhere");
    diag_report(diags, DIAG_FULL_SELECTOR, at(0, 1, 2), "a warning");
    assert_int_equal(diags->errors, 6);
    diags_sort(diags);
    static const char *const expected[] = {"a warning",  "other words",        "same",
                                           "later code", "in the second file", "nowhere"};
    assert_int_equal(diags->count, 6);
    assert_int_equal(diags->errors, 5);
    for (size_t i = 0; i < diags->count; i++) assert_string_equal(diags->items[i].message, expected[i]);
    assert_int_equal(diags->items[0].severity, SEVERITY_WARNING);
}

static void keeps_a_bounded_number(void **state) {
    struct fixture *fixture = *state;
    for (uint32_t i = 0; i < DIAG_MAX_REPORTED + 500; i++) {
        diag_report(&fixture->diags, DIAG_SYNTAX, at(0, i, i + 1), "number %u", i);
        diag_help(&fixture->diags, "help %u", i);
        diag_relate(&fixture->diags, at(0, 0, 1), "here");
    }
    assert_int_equal(fixture->diags.count, DIAG_MAX_REPORTED);
    assert_int_equal(fixture->diags.errors, DIAG_MAX_REPORTED + 500);
    diags_sort(&fixture->diags);
    struct text text;
    text_init(&text, &fixture->arena);
    diag_print(&text, &fixture->diags, &fixture->sources, DIAG_FORMAT_HUMAN, false);
    assert_non_null(strstr(text_string(&text), "500 more errors"));
}

static void warnings_that_became_errors_are_shown_and_counted_once(void **state) {
    struct fixture *fixture = *state;
    for (uint32_t i = 0; i < 4; i++) diag_report(&fixture->diags, DIAG_FULL_SELECTOR, at(0, i / 2, 9), "same");
    diag_report(&fixture->diags, DIAG_SYNTAX, at(0, 1, 2), "an error");
    diags_promote_warnings(&fixture->diags);
    diags_sort(&fixture->diags);
    assert_int_equal(fixture->diags.count, 3);
    assert_int_equal(fixture->diags.errors, 3);
    struct text text;
    text_init(&text, &fixture->arena);
    diag_print(&text, &fixture->diags, &fixture->sources, DIAG_FORMAT_HUMAN, false);
    assert_null(strstr(text_string(&text), "more errors"));
}

static void messages_are_one_clean_line(void **state) {
    struct fixture *fixture = *state;
    char *huge = arena_alloc(&fixture->arena, 100001);
    for (size_t i = 0; i < 50000; i++) memcpy(huge + 2 * i, "\xc3\xa9", 2);
    diag_report(&fixture->diags, DIAG_SYNTAX, span_none(), "a\nb\tc\x1b[%s", "\xff");
    diag_report(&fixture->diags, DIAG_SYNTAX, span_none(), "x%s", huge);
    assert_string_equal(fixture->diags.items[0].message, "a b c [\xef\xbf\xbd");
    const char *clipped = fixture->diags.items[1].message;
    assert_true(strlen(clipped) <= 1000);
    assert_int_equal(utf8_valid_prefix(clipped, strlen(clipped)), strlen(clipped));
    assert_string_equal(clipped + strlen(clipped) - 3, "\xe2\x80\xa6");
}

// ---- printing ----

static const char *print(struct fixture *fixture, enum diag_format format) {
    struct text text;
    text_init(&text, &fixture->arena);
    diag_print(&text, &fixture->diags, &fixture->sources, format, false);
    return text_string(&text);
}

// Two sources; one error with everything, one warning in the second file, one error nowhere.
static void report_samples(struct fixture *fixture) {
    static const char first[] = "lock a {\n\t\xc3\xa9 denny <x>\n}\n";
    source_add(&fixture->sources, &fixture->diags, "dir/a b.klock", first, sizeof first - 1);
    source_add(&fixture->sources, &fixture->diags, "b.klock", "policy p", 8);
    diag_report(&fixture->diags, DIAG_SYNTAX, at(0, 13, 18), "unexpected 'denny' & \"so\", 100%%");
    diag_relate(&fixture->diags, at(0, 7, 8), "the block begins here");
    diag_help(&fixture->diags, "did you mean 'deny'?");
    diag_fix(&fixture->diags, at(0, 13, 18), "deny");
    diag_report(&fixture->diags, DIAG_FULL_SELECTOR, at(1, 7, 8), "everything");
    diag_report(&fixture->diags, DIAG_INPUT, span_none(), "no such file");
    diags_sort(&fixture->diags);
}

static void prints_for_people(void **state) {
    struct fixture *fixture = *state;
    report_samples(fixture);
    assert_string_equal(print(fixture, DIAG_FORMAT_HUMAN),
                        "dir/a b.klock:2:4: error: unexpected 'denny' & \"so\", 100% [K0003 syntax]\n"
                        "    2 | \t\xc3\xa9 denny <x>\n"
                        "      | \t  ^~~~~\n"
                        "dir/a b.klock:1:8: note: the block begins here\n"
                        "    1 | lock a {\n"
                        "      |        ^\n"
                        "help: did you mean 'deny'?\n"
                        "b.klock:1:8: warning: everything [K0203 full-selector]\n"
                        "    1 | policy p\n"
                        "      |        ^\n"
                        "klockc: error: no such file [K0007 input]\n");
}

static void says_the_same_of_three_or_more_once(void **state) {
    struct fixture *fixture = *state;
    static const char text[] = "a\nb\nc\nd\ne\nf\n";
    static const char *const names[] = {"a", "b", "c", "d", "e", "f"};
    source_add(&fixture->sources, &fixture->diags, "x.klock", text, sizeof text - 1);
    for (uint32_t i = 0; i < 6; i++) {
        diag_report(&fixture->diags, DIAG_FULL_SELECTOR, at(0, 2 * i, 2 * i + 1),
                    "lock '%s' takes in all of a node's pods", names[i]);
        diag_help(&fixture->diags, i == 4 ? "another way out" : "a way out");
    }
    diag_report(&fixture->diags, DIAG_EMPTY_SELECTOR, at(0, 0, 1), "lock '%s' takes in all of a node's pods", "a");
    diag_report(&fixture->diags, DIAG_EMPTY_SELECTOR, at(0, 2, 3), "lock '%s' takes in all of a node's pods", "b");
    diags_sort(&fixture->diags);
    const char *printed = print(fixture, DIAG_FORMAT_HUMAN);
    assert_non_null(strstr(printed,
                           "x.klock:1:1: warning: lock 'a' takes in all of a node's pods [K0203 full-selector]\n"
                           "    1 | a\n"
                           "      | ^\n"
                           "help: a way out\n"
                           "note: the same of 4 others: 'b' (line 2), 'c' (line 3), 'd' (line 4), 'f' (line 6)\n"));
    assert_null(strstr(printed, "x.klock:2:1: warning: lock 'b' takes in all of a node's pods [K0203"));
    // What differs in its way out, and what there is but twice, is said by itself.
    assert_non_null(strstr(printed, "x.klock:5:1: warning: lock 'e'"));
    assert_non_null(strstr(printed, "x.klock:2:1: warning: lock 'b' takes in all of a node's pods [K0202"));
    // For tools there are all of them.
    assert_non_null(strstr(print(fixture, DIAG_FORMAT_JSON), "lock 'f' takes in"));
}

static void marks_the_first_line_only_and_cuts_long_ones(void **state) {
    struct fixture *fixture = *state;
    char line[1003];
    memset(line, 'x', sizeof line);
    line[500] = '\n';
    source_add(&fixture->sources, &fixture->diags, "long.klock", line, sizeof line);
    diag_report(&fixture->diags, DIAG_SYNTAX, at(0, 499, 510), "at the end");
    const char *printed = print(fixture, DIAG_FORMAT_HUMAN);
    assert_null(strstr(printed, "~"));
    for (const char *begin = printed, *end; (end = strchr(begin, '\n')); begin = end + 1)
        assert_true(end - begin < 200);
    assert_non_null(strstr(printed, "| \xe2\x80\xa6xxx"));
}

static void prints_texts_that_are_not_utf8(void **state) {
    struct fixture *fixture = *state;
    source_add(&fixture->sources, &fixture->diags, "bin\n.klock", "a\xff\x1b[31m\0b", 9);
    const char *printed = print(fixture, DIAG_FORMAT_HUMAN);
    assert_int_equal(utf8_valid_prefix(printed, strlen(printed)), strlen(printed));
    assert_null(strchr(printed, '\x1b'));
}

static void colours_only_for_people(void **state) {
    struct fixture *fixture = *state;
    report_samples(fixture);
    for (int format = DIAG_FORMAT_HUMAN; format <= DIAG_FORMAT_JUNIT; format++) {
        struct text text;
        text_init(&text, &fixture->arena);
        diag_print(&text, &fixture->diags, &fixture->sources, (enum diag_format)format, true);
        assert_int_equal(strchr(text_string(&text), '\x1b') != NULL, format == DIAG_FORMAT_HUMAN);
    }
}

static struct value *read_json(struct fixture *fixture, const char *json) {
    const char *error = NULL;
    struct value *value = json_read(&fixture->arena, json, strlen(json), &error);
    assert_non_null(value);
    return value;
}

static int64_t integer_at(const struct value *map, const char *key) {
    const struct value *value = value_get(map, key);
    assert_non_null(value);
    assert_int_equal(value->kind, VALUE_INT);
    return value->as.integer;
}

static void prints_json(void **state) {
    struct fixture *fixture = *state;
    report_samples(fixture);
    const struct value *list = read_json(fixture, print(fixture, DIAG_FORMAT_JSON));
    assert_int_equal(list->count, 3);
    const struct value *first = list->as.items[0];
    assert_string_equal(value_get_string(first, "code"), "K0003");
    assert_string_equal(value_get_string(first, "name"), "syntax");
    assert_string_equal(value_get_string(first, "severity"), "error");
    assert_string_equal(value_get_string(first, "message"), "unexpected 'denny' & \"so\", 100%");
    assert_string_equal(value_get_string(first, "file"), "dir/a b.klock");
    assert_int_equal(integer_at(first, "line"), 2);
    assert_int_equal(integer_at(first, "column"), 4);
    assert_int_equal(integer_at(first, "endLine"), 2);
    assert_int_equal(integer_at(first, "endColumn"), 9);
    assert_int_equal(integer_at(first, "offset"), 13);
    assert_int_equal(integer_at(first, "endOffset"), 18);
    assert_string_equal(value_get_string(first, "help"), "did you mean 'deny'?");
    assert_string_equal(value_get_string(value_get(first, "fix"), "text"), "deny");
    assert_int_equal(integer_at(value_get(first, "fix"), "offset"), 13);
    assert_string_equal(value_get_string(value_get(first, "related"), "message"), "the block begins here");
    assert_int_equal(integer_at(value_get(first, "related"), "column"), 8);
    assert_string_equal(value_get_string(list->as.items[1], "severity"), "warning");
    assert_null(value_get(list->as.items[2], "file"));
}

static void prints_an_empty_list(void **state) {
    struct fixture *fixture = *state;
    assert_string_equal(print(fixture, DIAG_FORMAT_HUMAN), "");
    assert_string_equal(print(fixture, DIAG_FORMAT_JSON), "[]\n");
    assert_string_equal(print(fixture, DIAG_FORMAT_GITHUB), "");
}

static void prints_sarif(void **state) {
    struct fixture *fixture = *state;
    report_samples(fixture);
    const struct value *log = read_json(fixture, print(fixture, DIAG_FORMAT_SARIF));
    assert_string_equal(value_get_string(log, "version"), "2.1.0");
    const struct value *run = value_get(log, "runs")->as.items[0];
    const struct value *rules = value_dig(run, "tool", "driver", "rules", NULL);
    const struct value *results = value_get(run, "results");
    assert_int_equal(rules->count, DIAG_COUNT);
    assert_int_equal(results->count, 3);
    for (size_t i = 0; i < results->count; i++) {
        const struct value *result = results->as.items[i];
        const struct value *rule = rules->as.items[integer_at(result, "ruleIndex")];
        assert_string_equal(value_get_string(rule, "id"), value_get_string(result, "ruleId"));
    }
    const struct value *first = results->as.items[0];
    const struct value *place = value_get(value_get(first, "locations")->as.items[0], "physicalLocation");
    assert_string_equal(value_get_string(value_get(place, "artifactLocation"), "uri"), "dir/a%20b.klock");
    assert_int_equal(integer_at(value_get(place, "region"), "startColumn"), 4);
    assert_int_equal(value_get(first, "relatedLocations")->count, 1);
    assert_int_equal(value_get(first, "fixes")->count, 1);
    assert_null(value_get(results->as.items[2], "locations"));
    assert_int_equal(value_get(first, "suppressions")->count, 0);
}

static const char *fingerprint_at(const struct value *results, size_t index) {
    return value_get_string(value_get(results->as.items[index], "partialFingerprints"), "klockc/v1");
}

static void what_is_accepted_is_suppressed_in_sarif(void **state) {
    struct fixture *fixture = *state;
    report_samples(fixture);
    struct diags *diags = &fixture->diags;
    const struct acceptance accepted[] = {{DIAG_FULL_SELECTOR, "everything", at(1, 7, 8), "it is meant"},
                                          {DIAG_FULL_SELECTOR, "everything", at(1, 0, 1), NULL}};
    for (size_t i = 0; i < 2; i++) ARENA_PUSH(diags->arena, diags->accepted, diags->accepted_count, accepted[i]);
    const struct value *log = read_json(fixture, print(fixture, DIAG_FORMAT_SARIF));
    const struct value *results = value_get(value_get(log, "runs")->as.items[0], "results");
    assert_int_equal(results->count, 5);
    const struct value *first = results->as.items[3], *second = results->as.items[4];
    assert_string_equal(value_get_string(first, "ruleId"), "K0203");
    assert_string_equal(value_get_string(first, "level"), "note");
    const struct value *suppression = value_get(first, "suppressions")->as.items[0];
    assert_string_equal(value_get_string(suppression, "kind"), "inSource");
    assert_string_equal(value_get_string(suppression, "justification"), "it is meant");
    assert_null(value_get(value_get(second, "suppressions")->as.items[0], "justification"));
    // The same words in the same file are told apart, and differ from those of other files.
    assert_string_not_equal(fingerprint_at(results, 3), fingerprint_at(results, 4));
    assert_string_not_equal(fingerprint_at(results, 0), fingerprint_at(results, 3));
}

static void prints_for_gitlab(void **state) {
    struct fixture *fixture = *state;
    report_samples(fixture);
    const struct value *list = read_json(fixture, print(fixture, DIAG_FORMAT_GITLAB));
    assert_int_equal(list->count, 3);
    const struct value *first = list->as.items[0], *location = value_get(first, "location");
    assert_string_equal(value_get_string(first, "check_name"), "K0003 syntax");
    assert_string_equal(value_get_string(first, "severity"), "major");
    assert_string_equal(value_get_string(first, "description"),
                        "unexpected 'denny' & \"so\", 100%; help: did you mean 'deny'?");
    assert_string_equal(value_get_string(location, "path"), "dir/a b.klock");
    assert_int_equal(integer_at(value_get(location, "lines"), "begin"), 2);
    assert_string_equal(value_get_string(list->as.items[1], "severity"), "minor");
    // What has no place has to have one there.
    assert_int_equal(integer_at(value_get(value_get(list->as.items[2], "location"), "lines"), "begin"), 1);
}

static void prints_for_github(void **state) {
    struct fixture *fixture = *state;
    report_samples(fixture);
    assert_string_equal(print(fixture, DIAG_FORMAT_GITHUB),
                        "::error file=dir/a b.klock,line=2,endLine=2,col=4,endColumn=9,title=K0003 syntax::"
                        "unexpected 'denny' & \"so\", 100%25%0Ahelp: did you mean 'deny'?\n"
                        "::warning file=b.klock,line=1,endLine=1,col=8,endColumn=9,title=K0203 full-selector::"
                        "everything\n"
                        "::error title=K0007 input::no such file\n");
}

static void prints_junit(void **state) {
    struct fixture *fixture = *state;
    report_samples(fixture);
    assert_string_equal(print(fixture, DIAG_FORMAT_JUNIT),
                        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
                        "<testsuites name=\"klockc\" tests=\"3\" failures=\"2\" errors=\"0\">\n"
                        "  <testsuite name=\"klockc\" tests=\"3\" failures=\"2\" errors=\"0\">\n"
                        "    <testcase classname=\"klockc\" name=\"dir/a b.klock\">\n"
                        "      <failure type=\"error\" message=\"unexpected 'denny' &amp; &quot;so&quot;, 100%\">"
                        "dir/a b.klock:2:4: error: unexpected 'denny' &amp; &quot;so&quot;, 100% [K0003 syntax]\n"
                        "</failure>\n"
                        "    </testcase>\n"
                        "    <testcase classname=\"klockc\" name=\"b.klock\">\n"
                        "      <system-out>b.klock:1:8: warning: everything [K0203 full-selector]\n"
                        "</system-out>\n"
                        "    </testcase>\n"
                        "    <testcase classname=\"klockc\" name=\"klockc\">\n"
                        "      <failure type=\"error\" message=\"no such file\">"
                        "klockc: error: no such file [K0007 input]\n"
                        "</failure>\n"
                        "    </testcase>\n"
                        "  </testsuite>\n"
                        "</testsuites>\n");
}

static void finds_formats_by_name(void **state) {
    (void)state;
    enum diag_format format = DIAG_FORMAT_HUMAN;
    assert_true(diag_format_find("sarif", &format));
    assert_int_equal(format, DIAG_FORMAT_SARIF);
    assert_false(diag_format_find("xml", &format));
    assert_int_equal(format, DIAG_FORMAT_SARIF);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, support_setup, support_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(codes_and_names_are_unique),
        TEST(sorts_and_drops_what_is_said_twice),
        TEST(keeps_a_bounded_number),
        TEST(warnings_that_became_errors_are_shown_and_counted_once),
        TEST(messages_are_one_clean_line),
        TEST(prints_for_people),
        TEST(says_the_same_of_three_or_more_once),
        TEST(marks_the_first_line_only_and_cuts_long_ones),
        TEST(prints_texts_that_are_not_utf8),
        TEST(colours_only_for_people),
        TEST(prints_json),
        TEST(prints_an_empty_list),
        TEST(prints_sarif),
        TEST(what_is_accepted_is_suppressed_in_sarif),
        TEST(prints_for_gitlab),
        TEST(prints_for_github),
        TEST(prints_junit),
        TEST(finds_formats_by_name),
    };
    return cmocka_run_group_tests_name("diag", tests, NULL, NULL);
}
