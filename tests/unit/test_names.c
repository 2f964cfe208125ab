// The map from names to what they stand for.
#include "compile_support.h"

#include "../../compiler/names.h"

static void an_empty_map_knows_nothing(void **state) {
    struct names names;
    names_init(&names, arena_of(state));
    assert_null(names_get(&names, ""));
    assert_null(names_get(&names, "pods"));
}

static void gives_what_was_set_and_the_last_of_it(void **state) {
    struct names names;
    int one = 1, two = 2;
    names_init(&names, arena_of(state));
    names_set(&names, "a", &one);
    names_set(&names, "", &two);
    assert_ptr_equal(names_get(&names, "a"), &one);
    assert_ptr_equal(names_get(&names, ""), &two);
    names_set(&names, "a", &two);
    assert_ptr_equal(names_get(&names, "a"), &two);
    assert_int_equal(names.count, 2);
}

static void compares_text_and_not_addresses(void **state) {
    struct names names;
    char key[] = "lock", same[] = "lock", other[] = "lock2";
    names_init(&names, arena_of(state));
    names_set(&names, key, key);
    assert_ptr_equal(names_get(&names, same), key);
    assert_null(names_get(&names, other));
}

static void keeps_everything_while_it_grows(void **state) {
    enum { COUNT = 5000 };
    struct names names;
    static int values[COUNT];
    names_init(&names, arena_of(state));
    for (int i = 0; i < COUNT; i++) names_set(&names, arena_printf(arena_of(state), "name%d", i), &values[i]);
    assert_int_equal(names.count, COUNT);
    assert_true(names.capacity < 4 * COUNT);
    for (int i = 0; i < COUNT; i++)
        assert_ptr_equal(names_get(&names, arena_printf(arena_of(state), "name%d", i)), &values[i]);
    assert_null(names_get(&names, "name5000"));
}

static void hashes_the_same_everywhere(void **state) {
    (void)state;
    // FNV-1a's own test vectors.
    assert_true(names_hash("") == (size_t)14695981039346656037U);
    assert_true(names_hash("a") == (size_t)12638187200555641996U);
    assert_true(names_hash("foobar") == (size_t)0x85944171f73967e8U);
}

static void cuts_names_between_their_parts(void **state) {
    assert_string_equal(names_fitting(arena_of(state), "abcdefghijkl", 12), "abcdefghijkl");
    const char *cut = names_fitting(arena_of(state), "abcdefghijklm", 12);
    assert_int_equal(strlen(cut), 12);
    assert_memory_equal(cut, "abc-", 4);
    assert_memory_equal(names_fitting(arena_of(state), "a.-defghijklm", 12), "a-", 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        SENTENCE(an_empty_map_knows_nothing),      SENTENCE(gives_what_was_set_and_the_last_of_it),
        SENTENCE(compares_text_and_not_addresses), SENTENCE(keeps_everything_while_it_grows),
        SENTENCE(hashes_the_same_everywhere),      SENTENCE(cuts_names_between_their_parts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
