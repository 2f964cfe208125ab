// The tables of keywords and clauses, and the grammar held against them.
#include "support.h"

#include <string.h>

#include "front/ast_build.h"
#include "front/clauses.h"
#include "front/keywords.h"
#include "klock_parser.h"

// Calls the test with every keyword.
static void with_each(void **state, void (*test)(struct fixture *fixture, const struct keyword *keyword)) {
    size_t count = 0;
    support_teardown(state);
    for (int token = 0; token <= TOK_RESUME; token++) {
        const struct keyword *keyword = keyword_of(token);
        if (!keyword) continue;
        count++;
        assert_int_equal(support_setup(state), 0);
        test(*state, keyword);
        support_teardown(state);
    }
    assert_int_equal(count, KEYWORD_COUNT);
    assert_int_equal(support_setup(state), 0);
}

// Parses the text with the word in the place of each %s.
static struct ast_file *parse_with(struct fixture *fixture, const char *format, const struct keyword *keyword) {
    char text[200];
    char *end = text;
    for (const char *c = format; *c; c++) {
        const size_t len = *c == '%' ? strlen(keyword->word) : 1;
        memcpy(end, *c == '%' ? keyword->word : c, len);
        end += len;
    }
    *end = '\0';
    return support_parse(fixture, text);
}

static void expect_taken(const struct keyword *keyword, bool taken, enum keyword_position position) {
    if (taken != keyword_may_be(keyword, position)) print_message("'%s' in position %d\n", keyword->word, position);
    assert_int_equal(taken, keyword_may_be(keyword, position));
}

static void is_found_by_its_text(struct fixture *fixture, const struct keyword *keyword) {
    (void)fixture;
    assert_ptr_equal(keyword_find(keyword->word), keyword);
    assert_ptr_equal(keyword_of(keyword->token), keyword);
}

static void every_keyword_is_found(void **state) {
    with_each(state, is_found_by_its_text);
    assert_null(keyword_find("denys"));
    assert_null(keyword_of(TOK_WORD));
    assert_null(keyword_of(-1));
}

static void is_name(struct fixture *fixture, const struct keyword *keyword) {
    const struct ast_file *file = parse_with(fixture, "policy %", keyword);
    assert_int_equal(fixture->diags.count, 0);
    assert_string_equal(file->first->name.text, keyword->word);
}

static void every_keyword_is_a_name(void **state) {
    with_each(state, is_name);
}

static void is_key(struct fixture *fixture, const struct keyword *keyword) {
    parse_with(fixture, "object o { labels % or x }", keyword);
    expect_taken(keyword, fixture->diags.count == 0, KEYWORD_AS_KEY);
}

static void the_grammar_agrees_on_keys(void **state) {
    with_each(state, is_key);
}

static void is_reference(struct fixture *fixture, const struct keyword *keyword) {
    parse_with(fixture, "lock l { exclusive a, %, b }", keyword);
    expect_taken(keyword, fixture->diags.count == 0, KEYWORD_AS_REFERENCE);
}

static void the_grammar_agrees_on_references(void **state) {
    with_each(state, is_reference);
}

// A comparison without the other side is refused.
static void is_group(struct fixture *fixture, const struct keyword *keyword) {
    parse_with(fixture, "lock l { when group % or user = a }", keyword);
    expect_taken(keyword, fixture->diags.count == 0, KEYWORD_AS_GROUP);
}

static void the_grammar_agrees_on_groups(void **state) {
    with_each(state, is_group);
}

// A variable that nobody declared is refused as a whole, and what is none before its brackets.
static void is_variable(struct fixture *fixture, const struct keyword *keyword) {
    parse_with(fixture, "lock l { where %[*] = a }", keyword);
    assert_int_equal(fixture->diags.count, 1);
    expect_taken(keyword, strstr(fixture->diags.items[0].message, "[*]") != NULL, KEYWORD_AS_VARIABLE);
}

static void the_grammar_agrees_on_variables(void **state) {
    with_each(state, is_variable);
}

static void is_constant(struct fixture *fixture, const struct keyword *keyword) {
    const struct ast_file *file = parse_with(fixture, "lock l { where label a = % and label b }", keyword);
    bool taken = fixture->diags.count == 0;
    if (taken) {
        const struct ast_expr *expr = file->first->as.block.clauses.items[0]->expr;
        taken = expr->operands[0]->values.count == 1;
    }
    expect_taken(keyword, taken, KEYWORD_AS_CONSTANT);
}

static void the_grammar_agrees_on_constants(void **state) {
    with_each(state, is_constant);
}

// `any` and `all` begin a condition as well as `all` a clause.
static void words_come_in_the_order_of_the_table(void **state) {
    (void)state;
    const char *words[KEYWORD_COUNT];
    const size_t count = keyword_words(KEYWORD_READ | KEYWORD_READER, words);
    static const char *const expected[] = {"label", "annotation", "name", "namespace", "field", "user", "old", "new"};
    assert_int_equal(count, sizeof expected / sizeof *expected);
    for (size_t i = 0; i < count; i++) assert_string_equal(words[i], expected[i]);
}

static void every_clause_has_its_keyword_and_a_block(void **state) {
    (void)state;
    for (int kind = AST_CLAUSE_RESOURCES; kind <= AST_CLAUSE_REINVOKE; kind++) {
        const struct clause_info *info = clause_info(kind);
        char first[20] = "";
        memcpy(first, info->keyword, strcspn(info->keyword, " "));
        const struct keyword *keyword = keyword_find(first);
        assert_non_null(keyword);
        assert_true(keyword->begins & KEYWORD_CLAUSE);
        assert_true(info->in_lock || info->in_grant || info->in_webhook);
        assert_int_equal(clause_in(kind, AST_ITEM_TEST), CLAUSE_NO);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, support_setup, support_teardown)
        TEST(every_keyword_is_found),
        TEST(every_keyword_is_a_name),
        TEST(the_grammar_agrees_on_keys),
        TEST(the_grammar_agrees_on_groups),
        TEST(the_grammar_agrees_on_references),
        TEST(the_grammar_agrees_on_variables),
        TEST(the_grammar_agrees_on_constants),
        TEST(words_come_in_the_order_of_the_table),
        TEST(every_clause_has_its_keyword_and_a_block),
    };
    return cmocka_run_group_tests_name("keywords", tests, NULL, NULL);
}
