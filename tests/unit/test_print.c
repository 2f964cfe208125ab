// Trees that no parser made, printed as source and read again.
#include "support.h"

#include <string.h>

#include "base/text.h"
#include "front/ast_dump.h"
#include "front/ast_make.h"
#include "front/ast_print.h"

static const char *const awkward[] = {
    "",
    "a b",
    "\"",
    "\\",
    "\\n",
    "say \"please\"",
    "one\ntwo\n",
    "ends with \"\nquotes\"",
    "three \"\"\"\nquotes",
    "tab\tand\nline",
    "carriage\r\nreturn",
    "\x01\x7f",
    "ünïcode 🔒",
    "no\xc2\xa0"
    "break",
    "# no comment",
    "{ } ( ) , = -> !",
    "*",
    "*.apps",
    "-",
    "-5x-",
    "a.",
    ".a",
    "deny",
    "not",
    "labeled",
    "user",
    "true",
    "5",
};

static const char *dump(struct fixture *fixture, const struct ast_file *file) {
    struct text text;
    text_init(&text, &fixture->arena);
    ast_dump(&text, file);
    return text_string(&text);
}

static const char *print(struct fixture *fixture, const struct ast_file *file) {
    struct text text;
    text_init(&text, &fixture->arena);
    ast_print(&text, file);
    return text_string(&text);
}

static void expect_same_tree(struct fixture *fixture, const struct ast_file *file) {
    const char *source = print(fixture, file);
    const struct ast_file *again = support_parse(fixture, source);
    if (fixture->diags.count) print_message("%s\n%s\n", fixture->diags.items[0].message, source);
    assert_int_equal(fixture->diags.count, 0);
    assert_string_equal(dump(fixture, again), dump(fixture, file));
    assert_string_equal(print(fixture, again), source);
}

static struct words words_of(struct arena *arena, struct word first, struct word second) {
    return make_words(arena, make_words(arena, (struct words){0}, first), second);
}

static struct ast_subjects one_subject(struct arena *arena, struct ast_subject *subject) {
    return make_subjects(arena, (struct ast_subjects){0}, subject);
}

static struct ast_clauses add_clause(struct arena *arena, struct ast_clauses clauses, struct ast_clause *clause) {
    return make_clauses(arena, clauses, clause);
}

static struct ast_expr *compare_label(struct arena *arena, struct word key, enum ast_comparison comparison,
                                      struct word value) {
    return make_predicate(arena, AST_EXPR_LABEL, span_none(), key, make_compare(arena, comparison, make_value(value)));
}

// A lock that has the word wherever one may stand.
static struct ast_item *lock_about(struct arena *arena, struct word word, const char *text) {
    const struct span none = span_none();
    const struct word field = make_string("spec"), keys = make_string(text);
    struct ast_path path = make_path_key(arena, make_path(none), none, field);
    path = make_path_key(arena, make_path_each(arena, path, none, none), none, keys);
    struct ast_expr *label = compare_label(arena, word, AST_NE, word);
    struct ast_expr *cel = make_predicate(arena, AST_EXPR_CEL, none, word, make_compare_none());
    struct ast_expr *read =
        make_field(arena, AST_STATE_OLD, none, path,
                   make_compare(arena, AST_EQ, make_reading(arena, AST_EXPR_ANNOTATION, none, word)));
    struct ast_expr *either = make_chain(arena, AST_EXPR_OR, none, label, make_not(arena, none, cel));
    struct ast_subject *user = make_subject(arena, AST_SUBJECT_USER, none, word);
    struct ast_subject *both = make_subject_and(arena, none, make_subject_extra(arena, none, user, word, word),
                                                make_subject(arena, AST_SUBJECT_GROUP, none, word));
    struct ast_clauses clauses = {0};
    clauses = add_clause(arena, clauses,
                         make_clause(arena, AST_CLAUSE_NAMESPACE, none, none, words_of(arena, word, make_word("*"))));
    clauses = add_clause(
        arena, clauses,
        make_clause_expr(arena, AST_CLAUSE_WHEN, none, none, make_chain(arena, AST_EXPR_AND, none, either, read)));
    clauses = add_clause(arena, clauses,
                         make_clause_subjects(arena, AST_CLAUSE_EXCLUSIVE, none, none, one_subject(arena, both)));
    clauses = add_clause(
        arena, clauses,
        make_clause_paths(arena, AST_CLAUSE_CHANGING, none, none, make_paths(arena, (struct ast_paths){0}, path)));
    clauses = add_clause(arena, clauses, make_clause_word(arena, AST_CLAUSE_MESSAGE, none, none, word));
    clauses = add_clause(arena, clauses,
                         make_accept(arena, none, none, make_words(arena, (struct words){0}, make_word("K0203")),
                                     (struct words){0}, make_string(text)));
    return make_block(arena, AST_ITEM_LOCK, none, none, word, (struct ast_subjects){0}, words_of(arena, word, word),
                      clauses);
}

static struct ast_item *test_about(struct arena *arena, struct word word) {
    const struct span none = span_none();
    const struct ast_pairs pairs = make_pairs(arena, (struct ast_pairs){0}, word, word);
    struct ast_object_state *before = make_state_labels(arena, make_state(arena), none, pairs);
    struct ast_object_state *after =
        make_state_object(make_state_annotations(arena, make_state(arena), none, pairs), none, word);
    struct ast_steps steps = {0};
    steps = make_steps(arena, steps,
                       make_step_as(arena, none, one_subject(arena, make_subject(arena, AST_SUBJECT_UID, none, word))));
    steps = make_steps(arena, steps, make_step_operation(arena, none, make_word("update"), word, word, before, after));
    steps =
        make_steps(arena, steps, make_step_expect(arena, none, AST_EXPECT_DENIED, word, words_of(arena, word, word)));
    return make_test(arena, none, none, word, steps);
}

static void awkward_texts_come_again(void **state) {
    struct fixture *fixture = *state;
    for (size_t i = 0; i < sizeof awkward / sizeof *awkward; i++) {
        struct arena *arena = &fixture->arena;
        struct ast_file *file = make_file(arena, 0);
        make_file_item(file, make_item(arena, AST_ITEM_POLICY, span_none(), span_none(), make_string(awkward[i])));
        make_file_item(file, lock_about(arena, make_string(awkward[i]), awkward[i]));
        make_file_item(file, test_about(arena, make_string(awkward[i])));
        expect_same_tree(fixture, file);
    }
}

// What an unquoted word would be read as is nothing that a tree should have to know.
static void words_are_quoted_where_they_would_be_read_as_something_else(void **state) {
    struct fixture *fixture = *state;
    struct arena *arena = &fixture->arena;
    for (size_t i = 0; i < sizeof awkward / sizeof *awkward; i++) {
        struct ast_file *file = make_file(arena, 0);
        make_file_item(file, lock_about(arena, make_word(awkward[i]), awkward[i]));
        make_file_item(file, test_about(arena, make_word(awkward[i])));
        const char *source = print(fixture, file);
        const struct ast_file *again = support_parse(fixture, source);
        if (fixture->diags.count) print_message("%s\n%s\n", fixture->diags.items[0].message, source);
        assert_int_equal(fixture->diags.count, 0);
        assert_string_equal(again->first->name.text, awkward[i]);
        assert_string_equal(print(fixture, again), source);
    }
}

static void expect_source(struct fixture *fixture, const char *source) {
    const struct ast_file *file = support_parse(fixture, source);
    assert_int_equal(fixture->diags.count, 0);
    assert_string_equal(print(fixture, file), source);
}

static void words_keep_their_quotes_and_keywords_are_names(void **state) {
    expect_source(*state,
                  "lock l {\n"
                  "  resources  *, pods\n"
                  "  namespace  labeled not=x, (not), !deny, user in (a, -5)\n"
                  "  where      label not = labeled and label not in (group, \"user\") or not (name = a or field in)\n"
                  "  exempt     controllers, \"none\", test\n"
                  "}\n");
}

static void groups_are_named_or_compared(void **state) {
    expect_source(*state,
                  "lock l {\n"
                  "  when       group \"like\" or group like \"like\" or not group not in (\"in\", user) or group all\n"
                  "}\n");
}

static void elements_are_named_by_their_variable(void **state) {
    expect_source(*state, "lock l {\n"
                          "  require    all spec.containers as c ( c.image = field c.name and field image = a )\n"
                          "}\n");
}

static void long_conditions_and_lists_are_broken(void **state) {
    expect_source(
        *state,
        "lock l {\n"
        "  resources  a01234567890123456789, a11234567890123456789, a21234567890123456789, a31234567890123456789,\n"
        "             a41234567890123456789\n"
        "  when       label a01234567890123456789 = a01234567890123456789\n"
        "             or label b01234567890123456789 = b01234567890123456789\n"
        "             or label c01234567890123456789 = c01234567890123456789\n"
        "}\n");
}

static void webhooks_have_their_clauses_in_columns(void **state) {
    expect_source(*state, "webhook a.b.c mutating {\n"
                          "  service       a/b path \"/\" port 8443\n"
                          "  ca            from cert-manager a/b\n"
                          "  on            create, update\n"
                          "  resources     pods\n"
                          "  account       serviceaccount a/b\n"
                          "  consent       strict annotation k by user a, group b\n"
                          "  on failure    deny\n"
                          "  timeout       5s\n"
                          "  side effects  none on dry run\n"
                          "  reinvoke      if needed\n"
                          "}\n\n"
                          "webhook d.e.f validating {\n"
                          "  url        \"https://h/\"\n"
                          "  ca         file \"ca.pem\"\n"
                          "  consent\n"
                          "  reinvoke   never\n"
                          "}\n\n"
                          "test t {\n"
                          "  as      user a\n"
                          "  create  pods a/b\n"
                          "  expect  called by a.b.c, d.e.f\n"
                          "  expect  not called\n"
                          "  expect  not called by d.e.f\n"
                          "}\n");
}

static void what_is_asked_of_webhooks_is_a_word(void **state) {
    expect_source(*state,
                  "lock l {\n"
                  "  resources  validatingwebhookconfigurations\n"
                  "  require    all webhooks as w ( w narrows and not w matches everything and w timeout <= 10s )\n"
                  "             and any webhooks as w ( w excludes namespace kube-system or w on failure allow )\n"
                  "             and any webhooks as w ( w calls service a/b or w matches resource pods/exec )\n"
                  "}\n");
}

static void acceptances_and_guards_stay_as_they_are(void **state) {
    expect_source(*state, "policy p against insiders\n"
                          "\n"
                          "accept K0203, commanded \"why\"\n"
                          "accept \"no\"\n"
                          "\n"
                          "actor a = user u sealed by user v\n"
                          "\n"
                          "lock l {\n"
                          "  guard      owners, no crd, no \"a b\"\n"
                          "  accept     K0203, K0204 \"why\"\n"
                          "  accept     K0205\n"
                          "}\n"
                          "\n"
                          "lock m {\n"
                          "  guard      no namespace\n"
                          "}\n");
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, support_setup, support_teardown)
        TEST(awkward_texts_come_again),
        TEST(words_are_quoted_where_they_would_be_read_as_something_else),
        TEST(words_keep_their_quotes_and_keywords_are_names),
        TEST(groups_are_named_or_compared),
        TEST(elements_are_named_by_their_variable),
        TEST(long_conditions_and_lists_are_broken),
        TEST(webhooks_have_their_clauses_in_columns),
        TEST(what_is_asked_of_webhooks_is_a_word),
        TEST(acceptances_and_guards_stay_as_they_are),
    };
    return cmocka_run_group_tests_name("print", tests, NULL, NULL);
}
