// The tree and its spans, and what is reported when there is none. Whole trees are in tests/golden/syntax.
#include "support.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/text.h"
#include "front/parse.h"

// The text parses without a report; gives its first item.
static const struct ast_item *accept(struct fixture *fixture, const char *text) {
    const struct ast_file *file = support_parse(fixture, text);
    for (size_t i = 0; i < fixture->diags.count; i++) print_message("%s\n", fixture->diags.items[i].message);
    assert_int_equal(fixture->diags.count, 0);
    return file->first;
}

// The text gives this one report.
static const struct diagnostic *refuse(struct fixture *fixture, const char *text, enum diag_code code, const char *at) {
    support_parse(fixture, text);
    support_assert_only(fixture, code, at);
    return &fixture->diags.items[0];
}

static const struct ast_clause *first_clause(const struct ast_item *item) {
    assert_true(item->as.block.clauses.count > 0);
    return item->as.block.clauses.items[0];
}

// ---- trees ----

static void takes_an_empty_file(void **state) {
    assert_null(accept(*state, ""));
    assert_null(accept(*state, " # nothing\n"));
}

static void spans_cover_what_was_written(void **state) {
    struct fixture *fixture = *state;
    const struct ast_item *lock = accept(fixture, "lock a on b, c {\n"
                                                  "  deny  update , delete  # why\n"
                                                  "  unless not (label x = y or name != z)\n"
                                                  "}\n"
                                                  "policy p");
    assert_string_equal(support_written(fixture, lock->keyword), "lock");
    assert_string_equal(support_written(fixture, lock->name.span), "a");
    assert_string_equal(support_written(fixture, lock->as.block.objects.items[1].span), "c");
    const struct span whole = lock->span;
    assert_int_equal(whole.begin, 0);
    assert_string_equal(support_written(fixture, (struct span){0, whole.end - 1, whole.end}), "}");
    const struct ast_clause *deny = lock->as.block.clauses.items[0];
    assert_string_equal(support_written(fixture, deny->span), "deny  update , delete");
    assert_string_equal(support_written(fixture, deny->keyword), "deny");
    const struct ast_clause *unless = lock->as.block.clauses.items[1];
    assert_string_equal(support_written(fixture, unless->expr->span), "not (label x = y or name != z)");
    const struct ast_expr *either = unless->expr->operands[0];
    assert_string_equal(support_written(fixture, either->span), "(label x = y or name != z)");
    assert_string_equal(support_written(fixture, either->operands[0]->span), "label x = y");
    assert_string_equal(support_written(fixture, either->operands[1]->values.items[0].span), "z");
    assert_string_equal(support_written(fixture, lock->next->span), "policy p");
}

static void path_segments_have_spans(void **state) {
    struct fixture *fixture = *state;
    const struct ast_clause *clause =
        first_clause(accept(fixture, "lock a { changing spec.containers[*].image, metadata.labels[\"a/b\"] }"));
    const struct ast_path path = clause->paths.items[0];
    assert_int_equal(path.count, 4);
    assert_string_equal(path.items[1].key, "containers");
    assert_string_equal(support_written(fixture, path.items[1].span), "containers");
    assert_null(path.items[2].key);
    assert_string_equal(support_written(fixture, path.items[3].span), "image");
    assert_string_equal(support_written(fixture, path.span), "spec.containers[*].image");
    assert_string_equal(clause->paths.items[1].items[2].key, "a/b");
    assert_string_equal(support_written(fixture, clause->paths.items[1].items[2].span), "\"a/b\"");
}

static void keywords_are_names_where_names_are_expected(void **state) {
    struct fixture *fixture = *state;
    accept(fixture, "policy policy\n"
                    "object object { resources resources, deny\n namespace namespace, lock, labeled\n"
                    "  name name, not, in labels labels, test = deny, not = x, in in (in, notin), not not }\n"
                    "lock on on on, lock { deny deny, mode mode mode, on on error error }\n"
                    "actor lock = lock, sealed, new and new, in in in\n"
                    "actor actor = new user user, group group with extra with = extra sealed by by\n"
                    "grant to to to on on { allow allow, on }\n"
                    "test test { update update update labels labels = labels -> terminating object object\n"
                    "  as as, flux in namespace, flux in namespace labels labels = in expect denied by by\n"
                    "  in namespace terminating create create expect labels labels = x expect allowed }");
}

static void in_namespace_begins_a_step_only_in_tests(void **state) {
    struct fixture *fixture = *state;
    const struct ast_item *lock = accept(fixture, "lock test { exclusive flux in namespace labels a = b }\n"
                                                  "test \"t\" { as flux in namespace labels a = b }");
    assert_int_equal(lock->as.block.clauses.count, 2);
    const struct ast_subject *flux = first_clause(lock)->subjects.items[0];
    assert_int_equal(flux->kind, AST_SUBJECT_PRESET);
    assert_string_equal(flux->extra_value.text, "namespace");
    const struct ast_item *test = lock->next;
    assert_int_equal(test->as.test.count, 2);
    assert_int_equal(test->as.test.steps[0]->subjects.items[0]->kind, AST_SUBJECT_ACTOR);
    assert_int_equal(test->as.test.steps[1]->kind, AST_STEP_IN_NAMESPACE);
}

static void new_creates_only_before_a_subject(void **state) {
    struct fixture *fixture = *state;
    const struct ast_item *actor = accept(fixture, "actor a = new sa x/y\nactor b = new\nactor c = new, new\n"
                                                   "actor d = user x with extra k = new\nactor e = user f");
    assert_true(actor->as.actor.create);
    assert_string_equal(support_written(fixture, actor->as.actor.create_at), "new");
    for (actor = actor->next; actor; actor = actor->next) assert_false(actor->as.actor.create);
}

static void a_version_may_be_joined_or_not(void **state) {
    struct fixture *fixture = *state;
    const struct ast_item *joined =
        accept(fixture, "resource x.y/v1 cluster resource x.y /v1 cluster resource x.y cluster");
    assert_string_equal(joined->name.text, "x.y");
    assert_string_equal(support_written(fixture, joined->name.span), "x.y");
    assert_string_equal(joined->as.resource.version.text, "v1");
    assert_string_equal(support_written(fixture, joined->as.resource.version.span), "v1");
    assert_string_equal(joined->next->name.text, "x.y");
    assert_string_equal(joined->next->as.resource.version.text, "v1");
    assert_null(joined->next->next->as.resource.version.text);
}

static void strings_are_never_wildcards_or_levels(void **state) {
    struct fixture *fixture = *state;
    const struct ast_item *lock = accept(fixture, "lock a { namespace \"*\", * exempt \"none\", none }");
    const struct ast_clause *namespace = lock->as.block.clauses.items[0];
    assert_true(namespace->words.items[0].quoted);
    assert_false(namespace->words.items[1].quoted);
    const struct ast_clause *exempt = lock->as.block.clauses.items[1];
    assert_int_equal(exempt->subjects.count, 1);
    assert_int_equal(exempt->words.count, 1);
}

static void warnings_are_accepted_and_verbs_allowed(void **state) {
    struct fixture *fixture = *state;
    const struct ast_item *lock = accept(fixture, "lock a { accept K0203, k0206 \"why\" accept full-selector }\n"
                                                  "grant g to a { allow get, K0203 accept K0203 allow * }\n"
                                                  "accept commanded, K0203 \"x\"\naccept accept");
    const struct ast_clauses clauses = lock->as.block.clauses;
    assert_int_equal(clauses.count, 2);
    assert_int_equal(clauses.items[0]->kind, AST_CLAUSE_ACCEPT);
    assert_int_equal(clauses.items[0]->words.count, 2);
    assert_string_equal(clauses.items[0]->reason.text, "why");
    assert_null(clauses.items[1]->reason.text);
    const struct ast_item *grant = lock->next, *item = grant->next;
    static const enum ast_clause_kind kinds[] = {AST_CLAUSE_ALLOW, AST_CLAUSE_ACCEPT, AST_CLAUSE_ALLOW};
    for (size_t i = 0; i < 3; i++) assert_int_equal(grant->as.block.clauses.items[i]->kind, kinds[i]);
    assert_int_equal(item->kind, AST_ITEM_ACCEPT);
    assert_null(item->name.text);
    assert_int_equal(item->as.accept->words.count, 2);
    assert_string_equal(item->as.accept->words.items[1].text, "K0203");
    assert_string_equal(item->as.accept->reason.text, "x");
    assert_string_equal(item->next->as.accept->words.items[0].text, "accept");
}

// The form that accepted warnings once is an error that shows the new one.
static void allow_accepts_nothing_any_more(void **state) {
    static const struct {
        const char *text, *help;
    } rows[] = {
        {"lock l { allow K0203 }", "write: accept full-selector \"reason\""},
        {"lock l { allow full-selector, K0205 \"why\" }",
         "write: accept full-selector, actor-without-grant \"reason\""},
        {"grant g to a { allow K0302 }", "write: accept dangerous-grant \"reason\""},
        {"object o { allow K0203 }", "write: accept full-selector \"reason\""},
        {"actor a = user u allow K0303", "write: accept default-subject \"reason\""},
        {"actor a = user u sealed by user v allow K0220, K0303 \"why\"",
         "write: accept seal-leaves-open, default-subject \"reason\""},
        {"actor a = user u sealed allow K9999", "write: accept K9999 \"reason\""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct fixture *fixture = *state;
        fixture->diags.count = fixture->diags.errors = 0;
        support_parse(fixture, rows[i].text);
        assert_int_equal(fixture->diags.count, 1);
        assert_int_equal(fixture->diags.items[0].code, DIAG_SYNTAX);
        assert_string_equal(fixture->diags.items[0].help, rows[i].help);
    }
}

static void a_policy_says_whom_it_is_against(void **state) {
    struct fixture *fixture = *state;
    const struct ast_item *policy =
        accept(fixture, "policy p against insiders\npolicy against\npolicy a against against");
    assert_string_equal(policy->name.text, "p");
    assert_string_equal(policy->as.policy.against.text, "insiders");
    assert_string_equal(policy->next->name.text, "against");
    assert_null(policy->next->as.policy.against.text);
    assert_string_equal(policy->next->next->as.policy.against.text, "against");
}

static void guards_are_added_and_taken_away(void **state) {
    struct fixture *fixture = *state;
    const struct ast_item *lock = accept(
        fixture,
        "lock a { guard owners, no namespace, crd, no no guard no owners guard \"no\", yes guard guard, no guard }");
    static const struct {
        const char *words, *removed;
    } rows[] = {{"owners crd", "namespace no"}, {"", "owners"}, {"no yes", ""}, {"guard", "guard"}};
    assert_int_equal(lock->as.block.clauses.count, sizeof rows / sizeof *rows);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct ast_clause *clause = lock->as.block.clauses.items[i];
        const struct words *lists[] = {&clause->words, &clause->removed};
        const char *expected[] = {rows[i].words, rows[i].removed};
        for (size_t j = 0; j < 2; j++) {
            struct text text;
            text_init(&text, &fixture->arena);
            for (size_t k = 0; k < lists[j]->count; k++)
                text_printf(&text, "%s%s", k ? " " : "", lists[j]->items[k].text);
            assert_string_equal(text_string(&text), expected[j]);
        }
    }
}

// `no` is a name everywhere else.
static void no_is_a_name_outside_of_guards(void **state) {
    accept(*state,
           "actor no = user no\nlock no { resources no, no namespace no labels no, no=no exclusive no, user no\n"
           "unless label no and label accept = no message no }\naccept no, no");
}

static void comma_and_and_bind_alike(void **state) {
    struct fixture *fixture = *state;
    const struct ast_item *object = accept(fixture, "object o { labels a, b and c or d, e }");
    const struct ast_expr *expr = first_clause(object)->expr;
    assert_int_equal(expr->kind, AST_EXPR_OR);
    assert_int_equal(expr->operand_count, 2);
    assert_int_equal(expr->operands[0]->operand_count, 3);
    assert_int_equal(expr->operands[1]->operand_count, 2);
}

static void not_binds_tightest(void **state) {
    struct fixture *fixture = *state;
    const struct ast_item *object = accept(fixture, "object o { labels !a, not b or ! (c or d) }");
    const struct ast_expr *expr = first_clause(object)->expr;
    assert_int_equal(expr->kind, AST_EXPR_OR);
    assert_int_equal(expr->operands[0]->kind, AST_EXPR_AND);
    assert_int_equal(expr->operands[0]->operands[1]->kind, AST_EXPR_NOT);
    assert_int_equal(expr->operands[1]->operands[0]->kind, AST_EXPR_OR);
}

static void annotation_selectors_are_about_annotations(void **state) {
    struct fixture *fixture = *state;
    const struct ast_item *object = accept(fixture, "object o { annotations a = b, !(c or d) }");
    const struct ast_expr *expr = first_clause(object)->expr;
    assert_int_equal(expr->operands[0]->kind, AST_EXPR_ANNOTATION);
    assert_int_equal(expr->operands[1]->operands[0]->operands[1]->kind, AST_EXPR_ANNOTATION);
}

static void variables_end_with_their_parentheses(void **state) {
    struct fixture *fixture = *state;
    const struct ast_item *lock =
        accept(fixture, "lock a { when any spec.a[*] as x (x.b = 1 and all x.c as y (y.d = 2 or x.e = 3)) }");
    const struct ast_expr *any = first_clause(lock)->expr;
    assert_int_equal(any->kind, AST_EXPR_ANY);
    assert_string_equal(any->key.text, "x");
    assert_int_equal(any->operand_count, 1);
    assert_int_equal(any->operands[0]->operands[0]->kind, AST_EXPR_FIELD);
    assert_string_equal(any->operands[0]->operands[0]->path.items[0].key, "x");
}

static void refuses_a_variable_outside_its_scope(void **state) {
    refuse(*state, "lock a { when any p as x (x.b = 1) and x.c = 2 }", DIAG_SYNTAX, "x.c");
}

static void refuses_a_path_without_field(void **state) {
    const struct diagnostic *diagnostic =
        refuse(*state, "lock a { when spec.replicas > 3 }", DIAG_SYNTAX, "spec.replicas");
    assert_non_null(strstr(diagnostic->help, "field spec.replicas"));
}

static void refuses_a_variable_that_reads_like_a_condition(void **state) {
    refuse(*state, "lock a { when any p as user (user = 1) }", DIAG_SYNTAX, "user");
}

static void parses_webhooks(void **state) {
    static const enum ast_clause_kind kinds[] = {
        AST_CLAUSE_SERVICE, AST_CLAUSE_CA,         AST_CLAUSE_ON,      AST_CLAUSE_RESOURCES,    AST_CLAUSE_ACCOUNT,
        AST_CLAUSE_CONSENT, AST_CLAUSE_ON_FAILURE, AST_CLAUSE_TIMEOUT, AST_CLAUSE_SIDE_EFFECTS, AST_CLAUSE_REINVOKE,
    };
    struct fixture *fixture = *state;
    const struct ast_item *webhook = accept(
        fixture, "webhook a.b.c mutating { service a/b path \"}\" port 1 ca from cert-manager a/b on create, update\n"
                 "resources pods on failure allow\n}\npolicy p");
    const struct ast_clause *service = webhook->as.block.clauses.items[0];
    assert_int_equal(webhook->kind, AST_ITEM_WEBHOOK);
    assert_string_equal(webhook->name.text, "a.b.c");
    assert_string_equal(webhook->as.block.kind.text, "mutating");
    assert_string_equal(service->words.items[1].text, "}");
    assert_string_equal(service->words.items[2].text, "1");
    assert_int_equal(webhook->next->kind, AST_ITEM_POLICY);
    webhook =
        accept(fixture, "webhook a.b.c mutating { service a/b\nca file x\non create\nresources on\naccount sa a/b\n"
                        "consent strict annotation k by user on\non failure deny\ntimeout 5s\n"
                        "side effects none on dry run\nreinvoke if needed }");
    assert_int_equal(webhook->as.block.clauses.count, sizeof kinds / sizeof *kinds);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        assert_int_equal(webhook->as.block.clauses.items[i]->kind, kinds[i]);
    assert_int_equal(webhook->as.block.clauses.items[5]->subjects.count, 1);
    assert_non_null(webhook->as.block.clauses.items[8]->mode.text);
}

static void on_is_a_name_where_one_is_expected(void **state) {
    struct fixture *fixture = *state;
    const struct ast_item *lock = accept(
        fixture, "lock l { labels on=create, on, a in (on) name on\nexclusive user on\ndeny update on error deny }");
    assert_int_equal(lock->as.block.clauses.count, 5);
    assert_int_equal(lock->as.block.clauses.items[4]->kind, AST_CLAUSE_ON_ERROR);
}

// ---- reports ----

static void suggests_the_clause_that_was_meant(void **state) {
    const struct diagnostic *diagnostic = refuse(*state, "lock a {\n denny update\n}", DIAG_SYNTAX, "denny");
    assert_string_equal(diagnostic->help, "did you mean 'deny'?");
    assert_string_equal(diagnostic->fix_text, "deny");
}

static void suggests_items_steps_and_expectations(void **state) {
    struct fixture *fixture = *state;
    support_parse(fixture, "lok a { deny x }\ntest \"t\" {\n updat pods x\n expect alowed\n}");
    assert_int_equal(fixture->diags.count, 3);
    assert_string_equal(fixture->diags.items[0].fix_text, "lock");
    assert_string_equal(fixture->diags.items[1].fix_text, "update");
    assert_string_equal(fixture->diags.items[2].fix_text, "allowed");
}

static void ten_mistakes_give_ten_reports(void **state) {
    struct fixture *fixture = *state;
    support_parse(fixture, "lock a onn b {\n"
                           "  denny update\n"
                           "  exclusiv c\n"
                           "  unless label (x)\n"
                           "  mode deny\n"
                           "  message \"open\n"
                           "  ticket \xc3\xa9\n"
                           "  labels a = \n"
                           "}\n"
                           "object o {\n"
                           "  deny update\n"
                           "  resources pods configmaps\n"
                           "}\n"
                           "actor = b\n"
                           "policy p\n");
    static const enum diag_code codes[] = {
        DIAG_SYNTAX,    DIAG_SYNTAX, DIAG_SYNTAX, DIAG_SYNTAX, DIAG_BAD_TOKEN,
        DIAG_BAD_TOKEN, DIAG_SYNTAX, DIAG_SYNTAX, DIAG_SYNTAX, DIAG_SYNTAX,
    };
    support_assert_codes(fixture, sizeof codes / sizeof *codes, codes);
}

static void goes_on_behind_a_mistake(void **state) {
    struct fixture *fixture = *state;
    const struct ast_file *file = support_parse(fixture, "lock a {\n"
                                                         "  deny update\n"
                                                         "  mesage x y z { a { b } }\n"
                                                         "  owner me\n"
                                                         "}\n"
                                                         "junk junk\n"
                                                         "policy p\n");
    assert_int_equal(fixture->diags.count, 2);
    const struct ast_clauses clauses = file->first->as.block.clauses;
    assert_int_equal(clauses.items[clauses.count - 1]->kind, AST_CLAUSE_OWNER);
    assert_int_equal(file->last->kind, AST_ITEM_POLICY);
}

static void a_clause_behind_an_open_parenthesis_is_read(void **state) {
    struct fixture *fixture = *state;
    const struct ast_file *file = support_parse(fixture, "lock a {\n labels (x = y\n deny update\n}");
    support_assert_only(fixture, DIAG_SYNTAX, "deny");
    assert_int_equal(first_clause(file->first)->kind, AST_CLAUSE_DENY);
}

static void finds_the_block_that_is_not_closed(void **state) {
    struct fixture *fixture = *state;
    const struct ast_file *file =
        support_parse(fixture, "lock a {\n  deny update,\n\nobject b {\n  resources pods\n}\n");
    support_assert_only(fixture, DIAG_SYNTAX, "object");
    assert_string_equal(support_written(fixture, fixture->diags.items[0].related), "{");
    assert_int_equal(file->last->kind, AST_ITEM_OBJECT);
    assert_int_equal(file->last->as.block.clauses.count, 1);
}

static void finds_the_block_that_is_not_closed_at_the_end(void **state) {
    struct fixture *fixture = *state;
    const struct ast_file *file = support_parse(fixture, "lock a {\n  deny update\n");
    support_assert_only(fixture, DIAG_SYNTAX, NULL);
    assert_int_equal(fixture->diags.items[0].span.begin, 23);
    assert_string_equal(support_written(fixture, fixture->diags.items[0].related), "{");
    assert_int_equal(file->first->as.block.clauses.count, 1);
}

static void an_open_raw_string_is_the_only_report(void **state) {
    refuse(*state, "lock a {\n  message \"\"\"x\n}\n", DIAG_BAD_TOKEN, "\"\"\"");
}

static void reports_a_brace_too_many(void **state) {
    refuse(*state, "lock a { deny update }\n}\npolicy p", DIAG_SYNTAX, NULL);
    assert_int_equal(((struct fixture *)*state)->diags.items[0].span.begin, 23);
}

static void reports_a_head_without_name_and_reads_its_block(void **state) {
    struct fixture *fixture = *state;
    support_parse(fixture, "lock {\n denny x\n}\ntest {\n expekt allowed\n}\nwebhook x foo { bar }\npolicy p");
    assert_int_equal(fixture->diags.count, 6);
}

static void clauses_of_locks_are_refused_elsewhere(void **state) {
    struct fixture *fixture = *state;
    const struct ast_file *file = support_parse(fixture, "object o { resources pods deny update }");
    support_assert_only(fixture, DIAG_SYNTAX, "deny");
    assert_int_equal(file->first->as.block.clauses.count, 1);
}

static void refuses_verbs_in_a_lock(void **state) {
    refuse(*state, "lock l { allow get }", DIAG_SYNTAX, "allow");
}

static void refuses_paths_that_are_none(void **state) {
    refuse(*state, "lock l { changing metadata.labels.a/b }", DIAG_SYNTAX, "metadata.labels.a/b");
}

static void refuses_list_indexes(void **state) {
    refuse(*state, "lock l { changing spec.containers[0].image }", DIAG_SYNTAX, "0");
}

static void reads_nothing_of_a_bad_text(void **state) {
    struct fixture *fixture = *state;
    assert_null(support_parse(fixture, "policy p \xff")->first);
    support_assert_only(fixture, DIAG_BAD_TEXT, "\xff");
}

// ---- limits ----

static const char *repeat(struct fixture *fixture, const char *before, const char *part, size_t count,
                          const char *behind) {
    struct text text;
    text_init(&text, &fixture->arena);
    text_add_string(&text, before);
    for (size_t i = 0; i < count; i++) text_add_string(&text, part);
    text_add_string(&text, behind);
    return text_string(&text);
}

static void parentheses_up_to_the_limit(void **state) {
    struct fixture *fixture = *state;
    const char *close = repeat(fixture, "label a", ")", LIMIT_EXPR_DEPTH, "}");
    accept(fixture, repeat(fixture, "lock a { when ", "(", LIMIT_EXPR_DEPTH, close));
    refuse(fixture, repeat(fixture, "lock a { when ", "(", LIMIT_EXPR_DEPTH + 1, close), DIAG_TOO_DEEP, NULL);
}

static void expressions_up_to_the_limit(void **state) {
    struct fixture *fixture = *state;
    accept(fixture, repeat(fixture, "lock a { when ", "not ", LIMIT_EXPR_DEPTH - 1, "label a }"));
    refuse(fixture, repeat(fixture, "lock a { when ", "not ", LIMIT_EXPR_DEPTH, "label a }"), DIAG_TOO_DEEP, NULL);
}

static void subjects_up_to_the_limit(void **state) {
    struct fixture *fixture = *state;
    accept(fixture, repeat(fixture, "actor a = user x", " and group y", LIMIT_EXPR_DEPTH - 1, ""));
    refuse(fixture, repeat(fixture, "actor a = user x", " and group y", LIMIT_EXPR_DEPTH, ""), DIAG_TOO_DEEP, NULL);
}

static void a_million_parentheses(void **state) {
    struct fixture *fixture = *state;
    const struct ast_file *file =
        support_parse(fixture, repeat(fixture, "lock a {\n when ", "(", 1000000, "label a\n deny update\n}\n"));
    support_assert_only(fixture, DIAG_TOO_DEEP, NULL);
    assert_int_equal(first_clause(file->first)->kind, AST_CLAUSE_DENY);
}

static void a_million_negations(void **state) {
    struct fixture *fixture = *state;
    refuse(fixture, repeat(fixture, "lock a {\n when ", "not (", 1000000, "\n}\n"), DIAG_TOO_DEEP, NULL);
}

static void a_full_stack_is_reported(void **state) {
    struct fixture *fixture = *state;
    const char *part = repeat(fixture, "", "!", 30, "(");
    refuse(fixture, repeat(fixture, "lock a { when ", part, 90, ""), DIAG_TOO_DEEP, NULL);
}

static void chains_stay_flat(void **state) {
    struct fixture *fixture = *state;
    const char *text = repeat(fixture, "lock a { when label x", " and label y", 199999, "}");
    const struct ast_expr *expr = first_clause(accept(fixture, text))->expr;
    assert_int_equal(expr->kind, AST_EXPR_AND);
    assert_int_equal(expr->operand_count, 200000);
    assert_int_equal(expr->depth, 2);
}

static void many_mistakes_are_counted(void **state) {
    struct fixture *fixture = *state;
    support_parse(fixture, repeat(fixture, "", "lock a {\n denny\n}\n", 5000, ""));
    assert_int_equal(fixture->diags.count, DIAG_MAX_REPORTED);
    assert_int_equal(fixture->diags.errors, 5000);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, support_setup, support_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(takes_an_empty_file),
        TEST(spans_cover_what_was_written),
        TEST(path_segments_have_spans),
        TEST(keywords_are_names_where_names_are_expected),
        TEST(in_namespace_begins_a_step_only_in_tests),
        TEST(new_creates_only_before_a_subject),
        TEST(a_version_may_be_joined_or_not),
        TEST(strings_are_never_wildcards_or_levels),
        TEST(warnings_are_accepted_and_verbs_allowed),
        TEST(allow_accepts_nothing_any_more),
        TEST(a_policy_says_whom_it_is_against),
        TEST(guards_are_added_and_taken_away),
        TEST(no_is_a_name_outside_of_guards),
        TEST(comma_and_and_bind_alike),
        TEST(not_binds_tightest),
        TEST(annotation_selectors_are_about_annotations),
        TEST(variables_end_with_their_parentheses),
        TEST(refuses_a_variable_outside_its_scope),
        TEST(refuses_a_path_without_field),
        TEST(refuses_a_variable_that_reads_like_a_condition),
        TEST(parses_webhooks),
        TEST(on_is_a_name_where_one_is_expected),
        TEST(suggests_the_clause_that_was_meant),
        TEST(suggests_items_steps_and_expectations),
        TEST(ten_mistakes_give_ten_reports),
        TEST(goes_on_behind_a_mistake),
        TEST(a_clause_behind_an_open_parenthesis_is_read),
        TEST(finds_the_block_that_is_not_closed),
        TEST(finds_the_block_that_is_not_closed_at_the_end),
        TEST(an_open_raw_string_is_the_only_report),
        TEST(reports_a_brace_too_many),
        TEST(reports_a_head_without_name_and_reads_its_block),
        TEST(clauses_of_locks_are_refused_elsewhere),
        TEST(refuses_verbs_in_a_lock),
        TEST(refuses_paths_that_are_none),
        TEST(refuses_list_indexes),
        TEST(reads_nothing_of_a_bad_text),
        TEST(parentheses_up_to_the_limit),
        TEST(expressions_up_to_the_limit),
        TEST(subjects_up_to_the_limit),
        TEST(a_million_parentheses),
        TEST(a_million_negations),
        TEST(a_full_stack_is_reported),
        TEST(chains_stay_flat),
        TEST(many_mistakes_are_counted),
    };
    return cmocka_run_group_tests_name("parse", tests, NULL, NULL);
}
