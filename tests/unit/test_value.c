// JSON-like values, and JSON in and out.
#include "support.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/names.h"
#include "base/text.h"
#include "data/json.h"
#include "data/value.h"

static void keeps_the_order_of_keys(void **state) {
    struct arena *arena = &((struct fixture *)*state)->arena;
    struct value *map = value_map(arena);
    value_set_string(arena, map, "b", "1");
    value_set_string(arena, map, "a", "2");
    value_set_string(arena, map, "b", "3");
    assert_int_equal(map->count, 2);
    assert_string_equal(map->as.entries[0].key, "b");
    assert_string_equal(value_get_string(map, "b"), "3");
    assert_string_equal(value_get_string(map, "c"), "");
    assert_null(value_get(map, "c"));
    assert_null(value_get(NULL, "c"));
    assert_null(value_get(value_int(arena, 1), "c"));
}

static void digs(void **state) {
    struct arena *arena = &((struct fixture *)*state)->arena;
    struct value *outer = value_map(arena), *inner = value_map(arena);
    value_set(arena, outer, "metadata", inner);
    value_set_string(arena, inner, "name", "x");
    assert_string_equal(value_dig(outer, "metadata", "name", NULL)->as.string, "x");
    assert_null(value_dig(outer, "metadata", "namespace", NULL));
    assert_null(value_dig(outer, "spec", "name", NULL));
    assert_null(value_dig(outer, "metadata", "name", "deeper", NULL));
}

static void compares_numbers_as_cel(void **state) {
    struct arena *arena = &((struct fixture *)*state)->arena;
    assert_true(value_equal(value_int(arena, 5), value_double(arena, 5.0)));
    assert_false(value_equal(value_int(arena, 5), value_double(arena, 5.5)));
    assert_true(value_equal(value_int(arena, INT64_MAX), value_double(arena, 9223372036854775808.0)));
    assert_true(value_equal(value_int(arena, INT64_MIN), value_double(arena, -9223372036854775808.0)));
    assert_true(value_equal(value_int(arena, 9007199254740993), value_double(arena, 9007199254740992.0)));
    assert_int_equal(value_compare_numbers(value_int(arena, -1), value_double(arena, -0.5)), -1);
    assert_int_equal(value_compare_numbers(value_double(arena, 1e300), value_int(arena, INT64_MAX)), 1);
    assert_false(value_equal(value_double(arena, NAN), value_double(arena, NAN)));
    assert_false(value_equal(value_double(arena, NAN), value_int(arena, 0)));
    assert_false(value_equal(value_int(arena, 1), value_bool(arena, true)));
    assert_false(value_equal(value_string(arena, "1"), value_int(arena, 1)));
}

static struct value *read_json(struct fixture *fixture, const char *json) {
    const char *error = NULL;
    struct value *value = json_read(&fixture->arena, json, strlen(json), &error);
    if (!value) print_message("%s\n", error);
    assert_non_null(value);
    return value;
}

static void compares_and_copies_deeply(void **state) {
    struct fixture *fixture = *state;
    struct value *a = read_json(fixture, "{\"a\": [1, {\"b\": null}], \"c\": true}");
    struct value *b = read_json(fixture, "{\"c\": true, \"a\": [1.0, {\"b\": null}]}");
    struct value *c = value_copy(&fixture->arena, a);
    assert_true(value_equal(a, b));
    assert_true(value_equal(a, c));
    value_set_string(&fixture->arena, value_get(c, "a")->as.items[1], "b", "changed");
    assert_false(value_equal(a, c));
    assert_true(value_equal(a, b));
    value_append(&fixture->arena, value_get(b, "a"), value_null(&fixture->arena));
    assert_false(value_equal(a, b));
}

static void round_trip(struct fixture *fixture, const char *json) {
    struct text text;
    text_init(&text, &fixture->arena);
    json_print(&text, read_json(fixture, json), false);
    assert_string_equal(text_string(&text), json);
}

static void writes_what_it_read(void **state) {
    struct fixture *fixture = *state;
    round_trip(fixture, "null");
    round_trip(fixture, "[true,false,null,[],{}]");
    round_trip(fixture, "9007199254740993");
    round_trip(fixture, "[9223372036854775807,-9223372036854775808,1000000000000000]");
    round_trip(fixture, "[0.5,-2.25,1e+300,0.6666666666663361,0.1]");
    round_trip(fixture, "{\"b\":\"1\",\"a\":\"x\\\"\\\\\\n\\t\\u0001\xc3\xa9\xf0\x9f\x98\x80\",\"\":2}");
}

static void lays_out(void **state) {
    struct fixture *fixture = *state;
    struct text text;
    text_init(&text, &fixture->arena);
    json_print(&text, read_json(fixture, "{\"a\":[1,{\"b\\\"{,\":[]}],\"c\":{}}"), true);
    assert_string_equal(text_string(&text), "{\n"
                                            "  \"a\": [\n"
                                            "    1,\n"
                                            "    {\n"
                                            "      \"b\\\"{,\": []\n"
                                            "    }\n"
                                            "  ],\n"
                                            "  \"c\": {}\n"
                                            "}");
}

static void refuses_what_is_not_json(void **state) {
    struct fixture *fixture = *state;
    static const char *const bad[] = {
        "",
        " ",
        "{",
        "[1,]",
        "{\"a\":1,}",
        "01",
        "1.",
        "-",
        "1e",
        "+1",
        "[1] x",
        "\"a\tb\"",
        "\"\\u0000\"",
        "{\"a\":1,\"a\":2}",
        "\"\xff\"",
        "1e400",
        "\"abc",
        "nul",
        "\"\\x\"",
        "{1:2}",
        "[1 2]",
        "\"\\ud800\"",
        "'a'",
        ".5",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        const char *error = NULL;
        struct value *value = json_read(&fixture->arena, bad[i], strlen(bad[i]), &error);
        if (value) print_message("taken: %s\n", bad[i]);
        assert_null(value);
        assert_non_null(error);
    }
    const char *error = NULL;
    assert_null(json_read(&fixture->arena, "\"a\0b\"", 5, &error));
    assert_non_null(error);
}

static void names_the_line(void **state) {
    struct fixture *fixture = *state;
    const char *error = NULL;
    assert_null(json_read(&fixture->arena, "{\n\"a\": 1,\n\"b\": x}", 17, &error));
    assert_non_null(strstr(error, "line 3"));
}

static void limits_the_depth(void **state) {
    struct fixture *fixture = *state;
    char json[2 * LIMIT_VALUE_DEPTH + 2];
    const char *error = NULL;
    memset(json, '[', LIMIT_VALUE_DEPTH);
    memset(json + LIMIT_VALUE_DEPTH, ']', LIMIT_VALUE_DEPTH);
    assert_non_null(json_read(&fixture->arena, json, 2 * LIMIT_VALUE_DEPTH, &error));
    memset(json, '[', LIMIT_VALUE_DEPTH + 1);
    memset(json + LIMIT_VALUE_DEPTH + 1, ']', LIMIT_VALUE_DEPTH + 1);
    assert_null(json_read(&fixture->arena, json, sizeof json, &error));
    assert_non_null(strstr(error, "deep"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, support_setup, support_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(keeps_the_order_of_keys), TEST(digs),     TEST(compares_numbers_as_cel),  TEST(compares_and_copies_deeply),
        TEST(writes_what_it_read),     TEST(lays_out), TEST(refuses_what_is_not_json), TEST(names_the_line),
        TEST(limits_the_depth),
    };
    return cmocka_run_group_tests_name("value", tests, NULL, NULL);
}
