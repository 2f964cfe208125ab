// Chains of very many operands, which people write by generator.
#include "compile_support.h"

#include "cel/cel_build.h"
#include "cel/cel_print.h"
#include "cel/cel_rewrite.h"
#include "cel/cel_tree.h"

enum { MANY = 500 };

static const char *simple_text(void **state, struct cel_node *node) {
    struct text text;
    text_init(&text, arena_of(state));
    cel_print(&text, cel_simplify(arena_of(state), node));
    return text_string(&text);
}

static struct cel_node *chain_of(void **state, enum cel_node_kind kind, size_t (*which)(size_t), size_t count) {
    struct arena *arena = arena_of(state);
    struct cel_node *chain = cel_boolean(arena, kind == CEL_NODE_AND);
    for (size_t i = 0; i < count; i++) {
        struct cel_node *operand = cel_name(arena, arena_printf(arena, "a%zu", which(i)));
        chain = kind == CEL_NODE_AND ? cel_and(arena, chain, operand) : cel_or(arena, chain, operand);
    }
    return chain;
}

static const char *names_between(void **state, const char *between) {
    struct text text;
    text_init(&text, arena_of(state));
    for (size_t i = 0; i < MANY; i++) text_printf(&text, "%sa%zu", i ? between : "", i);
    return text_string(&text);
}

static size_t each_once(size_t i) {
    return i;
}

static size_t each_twice(size_t i) {
    return i % MANY;
}

static size_t neighbours(size_t i) {
    return i / 2;
}

static void each_operand_of_many_is_said_once(void **state) {
    const char *any = names_between(state, " || "), *all = names_between(state, " && ");
    assert_string_equal(simple_text(state, chain_of(state, CEL_NODE_OR, each_once, MANY)), any);
    assert_string_equal(simple_text(state, chain_of(state, CEL_NODE_OR, each_twice, MANY + MANY)), any);
    assert_string_equal(simple_text(state, chain_of(state, CEL_NODE_OR, neighbours, MANY + MANY)), any);
    assert_string_equal(simple_text(state, chain_of(state, CEL_NODE_AND, each_twice, MANY + MANY)), all);
}

// What the chain has said is left out of what it holds, however far away that was.
static void many_operands_are_known_within_others(void **state) {
    struct arena *arena = arena_of(state);
    struct cel_node *chain = chain_of(state, CEL_NODE_OR, each_once, MANY);
    struct cel_node *both = cel_and(arena, cel_name(arena, "b"), cel_not(arena, cel_name(arena, "a7")));
    struct cel_node *either = cel_and(arena, cel_name(arena, "c"), cel_or(arena, both, cel_name(arena, "a400")));
    assert_string_equal(simple_text(state, cel_or(arena, chain, either)),
                        arena_printf(arena, "%s || c && b && !a7", names_between(state, " || ")));
}

static struct cel_node *is_text(struct arena *arena, size_t name, const char *text) {
    return cel_eq(arena, cel_name(arena, arena_printf(arena, "a%zu", name)), cel_string(arena, text));
}

// One that the last operand took in is found where it is, and no more where it was.
static void texts_of_one_name_become_a_list(void **state) {
    struct arena *arena = arena_of(state);
    struct cel_node *chain = cel_boolean(arena, false);
    struct text text;
    text_init(&text, arena);
    for (size_t i = 0; i < MANY; i++) {
        chain = cel_or(arena, chain, is_text(arena, i, "x"));
        chain = cel_or(arena, chain, is_text(arena, i, "y"));
        text_printf(&text, "%sa%zu in ['x', 'y']", i ? " || " : "", i);
    }
    assert_string_equal(simple_text(state, chain), text_string(&text));
    chain = cel_or(arena, chain, is_text(arena, 3, "x"));
    assert_string_equal(simple_text(state, chain), arena_printf(arena, "%s || a3 == 'x'", text_string(&text)));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        SENTENCE(each_operand_of_many_is_said_once),
        SENTENCE(many_operands_are_known_within_others),
        SENTENCE(texts_of_one_name_become_a_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
