// The growable buffer and UTF-8.
#include "support.h"

#include <limits.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>

#include "base/format.h"
#include "base/text.h"

static void grows(void **state) {
    struct fixture *fixture = *state;
    struct text text;
    text_init(&text, &fixture->arena);
    assert_string_equal(text_string(&text), "");
    for (int i = 0; i < 1000; i++) text_printf(&text, "%d,", i);
    assert_int_equal(text.len, strlen(text.data));
    assert_memory_equal(text.data, "0,1,2,3,", 8);
    assert_string_equal(text.data + text.len - 8, "998,999,");
    text_add(&text, "ab\0c", 4);
    text_add_char(&text, '!');
    assert_memory_equal(text.data + text.len - 5, "ab\0c!", 6);
}

static void lowers_ascii_alone(void **state) {
    struct fixture *fixture = *state;
    assert_string_equal(text_lower(&fixture->arena, "HelmRelease-1@[AZ] \xc3\x84"), "helmrelease-1@[az] \xc3\x84");
}

static void agrees_on_every_code_point(void **state) {
    (void)state;
    for (uint32_t c = 1; c <= 0x10ffff; c++) {
        char bytes[4];
        const size_t len = utf8_encode(c, bytes);
        const bool surrogate = c >= 0xd800 && c <= 0xdfff;
        assert_int_equal(utf8_valid_prefix(bytes, len), surrogate ? 0 : len);
        if (surrogate) continue;
        size_t at = 0;
        assert_int_equal(utf8_next(bytes, len, &at), c);
        assert_int_equal(at, len);
        assert_int_equal(utf8_length(bytes, len), 1);
    }
}

static void finds_the_first_bad_byte(void **state) {
    (void)state;
    static const struct {
        const char *bytes;
        size_t valid;
    } cases[] = {
        {"abc", 3},
        {"", 0},
        {"a\x80", 1},
        {"a\xc3", 1},
        {"a\xc3\xa9\xc3", 3},
        {"\xc0\x80", 0},
        {"\xe0\x80\x80", 0},
        {"\xf5\x80\x80\x80", 0},
        {"ab\xf0\x8f\xbf\xbf", 2},
        {"\xf4\x90\x80\x80", 0},
        {"\xe2\x82", 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(utf8_valid_prefix(cases[i].bytes, strlen(cases[i].bytes)), cases[i].valid);
}

// The library's own formatting says what vsnprintf says, whatever there is room for.
__attribute__((format(printf, 1, 2))) static void formats(const char *format, ...) {
    char ours[64], theirs[64];
    for (size_t size = 0; size <= sizeof ours; size++) {
        va_list args;
        memset(ours, '#', sizeof ours);
        memset(theirs, '#', sizeof theirs);
        va_start(args, format);
        const int wanted = vsnprintf(theirs, size, format, args);
        va_end(args);
        va_start(args, format);
        assert_int_equal(format_print(ours, size, format, args), wanted);
        va_end(args);
        assert_memory_equal(ours, theirs, sizeof ours);
    }
}

static void formats_as_the_system_does(void **state) {
    (void)state;
    formats("plain");
    formats("%s", "");
    formats("%s and %s", "one", "another");
    formats("%d %d %d", 0, -12345, INT_MAX);
    formats("%d%u", INT_MIN, UINT_MAX);
    formats("%zu|%c|%s", SIZE_MAX, 'c', "after");
    formats("%s %02x %.*s %s", "left to", 10, 3, "the system", "from the start");
    formats("%zd %s", (ssize_t)-5, "too");
    formats("100 %% of %s", "it");
    formats("%s is longer than all that is there: %s", "what is printed here",
            "0123456789012345678901234567890123456789012345678901234567890123456789");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, support_setup, support_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(formats_as_the_system_does), TEST(grows), TEST(lowers_ascii_alone), TEST(agrees_on_every_code_point),
        TEST(finds_the_first_bad_byte),
    };
    return cmocka_run_group_tests_name("text", tests, NULL, NULL);
}
