// The map from names to what they stand for.
#include "compile_support.h"

#include "base/map.h"
#include "base/names.h"
#include "base/text.h"

static void an_empty_map_knows_nothing(void **state) {
    struct map names;
    map_init(&names, arena_of(state));
    assert_null(map_get(&names, ""));
    assert_null(map_get(&names, "pods"));
}

static void gives_what_was_set_and_the_last_of_it(void **state) {
    struct map names;
    int one = 1, two = 2;
    map_init(&names, arena_of(state));
    map_set(&names, "a", &one);
    map_set(&names, "", &two);
    assert_ptr_equal(map_get(&names, "a"), &one);
    assert_ptr_equal(map_get(&names, ""), &two);
    map_set(&names, "a", &two);
    assert_ptr_equal(map_get(&names, "a"), &two);
    assert_int_equal(names.count, 2);
}

static void compares_text_and_not_addresses(void **state) {
    struct map names;
    char key[] = "lock", same[] = "lock", other[] = "lock2";
    map_init(&names, arena_of(state));
    map_set(&names, key, key);
    assert_ptr_equal(map_get(&names, same), key);
    assert_null(map_get(&names, other));
}

static void keeps_everything_while_it_grows(void **state) {
    enum { COUNT = 5000 };
    struct map names;
    static int values[COUNT];
    map_init(&names, arena_of(state));
    for (int i = 0; i < COUNT; i++) map_set(&names, arena_printf(arena_of(state), "name%d", i), &values[i]);
    assert_int_equal(names.count, COUNT);
    assert_true(names.capacity < 4 * COUNT);
    for (int i = 0; i < COUNT; i++)
        assert_ptr_equal(map_get(&names, arena_printf(arena_of(state), "name%d", i)), &values[i]);
    assert_null(map_get(&names, "name5000"));
}

static void hashes_the_same_everywhere(void **state) {
    (void)state;
    // FNV-1a's own test vectors.
    assert_true(text_hash("") == 14695981039346656037U);
    assert_true(text_hash("a") == 12638187200555641996U);
    assert_true(text_hash("foobar") == 0x85944171f73967e8U);
}

static void cuts_names_between_their_parts(void **state) {
    struct arena *arena = arena_of(state);
    assert_string_equal(names_fitting(arena, "abcdefghijklmnopqrstu", 21, "_"), "abcdefghijklmnopqrstu");
    const char *cut = names_fitting(arena, "abcdefghijklmnopqrstuv", 21, "_");
    assert_int_equal(strlen(cut), 21);
    assert_memory_equal(cut, "abcd_", 5);
    assert_memory_equal(names_fitting(arena, "a.-defghijklmnopqrstuv", 20, "_"), "a_", 2);
}

// Texts that differ in what names cannot hold, or that are written like what stands for it.
static const char *const near[] = {
    "a",   "a-b",  "a--b",     "a---b", "a.b",     "a..b",  "a.-b",      "a-.b", "a_b",   "a/b",     "aB",
    "AB",  "ab",   "a-2",      "a2",    "a-2db",   "a_2db", "a---2db",   "a-",   "-a",    "a(b)",    "a (b)",
    "a b", "a  b", "a2d2db",   "a_2fb", "a---2fb", "a-x",   "ax",        "aX",   "a---x", "a--x",    "a__b",
    "a-B", "a.B",  "\303\244", "a-b-c", "aBC",     "a-bC",  "a---2f--b", "a:b",  "a::b",  "tierNew", "tier-new"};
enum { NEAR = sizeof near / sizeof *near };

static void two_texts_never_become_one_name(void **state) {
    struct arena *arena = arena_of(state);
    struct set parts, identifiers;
    set_init(&parts, arena);
    set_init(&identifiers, arena);
    for (size_t i = 0; i < NEAR; i++) {
        const char *part = names_part(arena, near[i]), *identifier = names_identifier(arena, near[i]);
        if (!set_add(&parts, part)) fail_msg("'%s' is the second '%s'", near[i], part);
        if (!set_add(&identifiers, identifier)) fail_msg("'%s' is the second '%s'", near[i], identifier);
        // The marks are left to us: two hyphens that stand alone, an underscore before no digit.
        for (const char *c = part; *c; c++)
            if (strspn(c, "-") == 2 && (c == part || c[-1] != '-')) fail_msg("'%s' has a mark in it", part);
        for (const char *c = identifier; (c = strchr(c, '_')); c++)
            if (strspn(c + 1, "0123456789abcdef") < 2) fail_msg("'%s' has a mark in it", identifier);
    }
    // Nor do two pairs, wherever the mark is put.
    struct set pairs;
    set_init(&pairs, arena);
    for (size_t i = 0; i < NEAR; i++)
        for (size_t j = 0; j < NEAR; j++) {
            const char *pair = arena_printf(arena, "%s-objects" NAMES_MARK "%s", names_part(arena, near[i]),
                                            names_part(arena, near[j]));
            if (!set_add(&pairs, pair)) fail_msg("'%s' and '%s' are the second '%s'", near[i], near[j], pair);
        }
    assert_string_equal(names_part(arena, "widgets.my-group.example.com"), "widgets.my-group.example.com");
    assert_string_equal(names_part(arena, "app.kubernetes.io/name"), "app.kubernetes.io---2fname");
    assert_string_equal(names_identifier(arena, "tier-new"), "tierNew");
}

static void roles_are_called_after_all_that_they_are_of(void **state) {
    struct arena *arena = arena_of(state);
    assert_string_equal(names_of_grant(arena, "a-b", "c"), "a-b:c");
    assert_string_equal(names_of_grant(arena, "a", "b-c"), "a:b-c");
    assert_string_equal(names_of_verb(arena, "a", "unlock", "b"), "a_unlock:b");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        SENTENCE(an_empty_map_knows_nothing),      SENTENCE(gives_what_was_set_and_the_last_of_it),
        SENTENCE(compares_text_and_not_addresses), SENTENCE(keeps_everything_while_it_grows),
        SENTENCE(hashes_the_same_everywhere),      SENTENCE(cuts_names_between_their_parts),
        SENTENCE(two_texts_never_become_one_name), SENTENCE(roles_are_called_after_all_that_they_are_of),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
