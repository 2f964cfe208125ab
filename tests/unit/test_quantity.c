// Quantities: what is one, and what it is worth. tests/e2e holds them against the API server's own.
#include "support.h"

#include <string.h>

#include "data/quantity.h"

static struct quantity parsed(const char *text) {
    struct quantity quantity;
    if (!quantity_parse(text, &quantity)) fail_msg("'%s' is no quantity", text);
    return quantity;
}

static void spellings_are_worth_the_same(void **state) {
    (void)state;
    static const char *const same[][2] = {
        {"10Gi", "10240Mi"},
        {"1", "1000m"},
        {"1k", "1000"},
        {"1e3", "1k"},
        {"1E3", "1000.000"},
        {"0.5", "500m"},
        {".5", "+0.5"},
        {"5.", "5"},
        {"1Ki", "1024"},
        {"0.5Ki", "512"},
        {"0", "-0"},
        {"0", "0Ei"},
        {"000", "0.0"},
        {"1E", "1000P"},
        {"1e-9", "1n"},
        {"1e-99", "1n"},
        {"0.1n", "1n"},
        {"-0.1n", "-1n"},
        {"1.0000000001", "1000000001n"},
        {"0.9999999999", "1"},
        {"16Ei", "9223372036854775807"},
        {"-16Ei", "-9223372036854775807"},
        {"16000Ei", "8Ei"},
        {"1u", "1000n"},
    };
    for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
        const struct quantity a = parsed(same[i][0]), b = parsed(same[i][1]);
        if (quantity_compare(&a, &b)) fail_msg("%s is not %s", same[i][0], same[i][1]);
    }
}

static void quantities_are_ordered(void **state) {
    (void)state;
    static const char *const rising[] = {"-1e99", "-1Gi",  "-1",   "-1n",  "0",    "1n",   "999m", "1",
                                         "9Gi",   "9.5Gi", "10Gi", "16Ei", "1e19", "1e20", "1e99"};
    for (size_t i = 0; i + 1 < sizeof rising / sizeof *rising; i++) {
        const struct quantity a = parsed(rising[i]), b = parsed(rising[i + 1]);
        assert_int_equal(quantity_compare(&a, &b), -1);
        assert_int_equal(quantity_compare(&b, &a), 1);
    }
}

static void other_texts_are_none(void **state) {
    (void)state;
    static const char *const others[] = {
        "",     "+",     "-",           ".",
        "Ki",   "m",     "e3",          "1e",
        "1e+",  "1e100", "1e999999999", "1K",
        "1ki",  "1mi",   "1GiB",        "1 Gi",
        " 1",   "1 ",    "1.2.3",       "0x10",
        "1,5",  "--1",   "1ee3",        "1e3m",
        "1Gii", "ten",   "1\n",         "1111111111111111111111111111111111111111111111111111111111111111",
    };
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        struct quantity quantity;
        if (quantity_parse(others[i], &quantity)) fail_msg("'%s' is taken for a quantity", others[i]);
    }
    parsed("111111111111111111111111111111111111111111111111111111111111111");
    parsed("99999999999999999999999999999999999999999999999999999999999.9Ei");
}

#define TEST(name) cmocka_unit_test(name)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(spellings_are_worth_the_same),
        TEST(quantities_are_ordered),
        TEST(other_texts_are_none),
    };
    return cmocka_run_group_tests_name("quantity", tests, NULL, NULL);
}
