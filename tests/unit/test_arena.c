// What is thrown away, and what is used again.
#include "support.h"

#include <string.h>

static bool is_zero(const char *bytes, size_t len) {
    for (size_t i = 0; i < len; i++)
        if (bytes[i]) return false;
    return true;
}

static void memory_is_zero_again(void **state) {
    struct fixture *fixture = *state;
    struct arena *scratch = arena_scratch(&fixture->arena);
    enum { BLOCK = 10000, MANY = 300, LARGE = 200000 };
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < MANY; i++) {
            char *memory = arena_alloc(scratch, BLOCK);
            assert_true(is_zero(memory, BLOCK));
            memset(memory, 'x', BLOCK);
        }
        char *large = arena_alloc(scratch, LARGE);
        assert_true(is_zero(large, LARGE));
        memset(large, 'x', LARGE);
        arena_clear(scratch);
    }
}

static void the_first_arena_keeps_what_it_has(void **state) {
    struct fixture *fixture = *state;
    struct arena *scratch = arena_scratch(&fixture->arena);
    const char *kept = arena_printf(&fixture->arena, "%s %d", "kept", 1);
    assert_ptr_equal(arena_scratch(&fixture->arena), scratch);
    (void)arena_printf(scratch, "%s", "thrown away");
    arena_clear(scratch);
    assert_string_equal(kept, "kept 1");
    assert_string_equal(arena_printf(scratch, "%s", "new"), "new");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, support_setup, support_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(memory_is_zero_again),
        TEST(the_first_arena_keeps_what_it_has),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
