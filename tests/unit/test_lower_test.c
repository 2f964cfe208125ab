// Test blocks → requests.
#include "compile_support.h"

#define LOCK                                                                                                           \
    "lock l {\n  resources configmaps\n  namespace default\n  name n\n  deny delete\n exempt lifecycle guard no "      \
    "owners, no namespace }\n"

static struct compilation *compile_steps(void **state, const char *steps) {
    return compile(state,
                   arena_printf(arena_of(state), LOCK "actor jonny = sa default/jonny\ntest \"t\" {\n%s\n}\n", steps));
}

static const struct test_case *case_of(void **state, const char *steps) {
    const struct compilation *compilation = compile_steps(state, steps);
    assert_no_errors(compilation);
    assert_int_equal(compilation->policies.tests[0]->case_count, 1);
    return &compilation->policies.tests[0]->cases[0];
}

static void every_refusal_has_its_code_and_place(void **state) {
    static const struct {
        const char *steps, *code, *at;
    } rows[] = {
        {"as user u\ndelete cm a/n", "K0602", "delete cm a/n"},
        {"as user u\ndelete cm a/n\ndelete cm a/m\nexpect allowed", "K0602", "delete cm a/n"},
        {"as user u\nexpect allowed\ndelete cm a/n\nexpect allowed", "K0601", "expect allowed"},
        {"as user u", "K0601", "\"t\""},
        {"delete cm a/n\nexpect allowed", "K0601", "delete"},
        {"as user u, user v\ndelete cm a/n\nexpect allowed", "K0601", "user v"},
        {"as user u\ndelete cm n\nexpect allowed", "K0601", "n"},
        {"as user u\ndelete nodes a/n\nexpect allowed", "K0601", "a/n"},
        {"as user u\ndelete cms a/n\nexpect allowed", "K0103", "cms"},
        {"as user u\ndelete cm a/n labels x=1 -> labels x=2\nexpect allowed", "K0601", "labels x=2"},
        {"as user u\ncreate cm a/n object \"- a\"\nexpect allowed", "K0601", "\"- a\""},
        {"as user u\ncreate cm a/n object \"a: &x b\"\nexpect allowed", "K0601", "\"a: &x b\""},
        {"as user u\ncreate cm a/n field data[*].x = 1\nexpect allowed", "K0601", "*"},
        {"as user u\ndelete cm a/n\nexpect denied by nothing", "K0101", "nothing"},
        {"as nobody\ndelete cm a/n\nexpect allowed", "K0101", "nobody"},
        {"as user u\nupdate pods/nothing a/n\nexpect allowed", "K0103", "pods/nothing"},
        {"as user u\nupdate cm/status a/n\nexpect allowed", "K0103", "cm/status"},
        {"as user u\ndelete pods/status a/n\nexpect allowed", "K0407", "pods/status"},
        {"as user u\nscale cm a/n\nexpect allowed", "K0407", "cm"},
        {"as user u\nevict cm a/n\nexpect allowed", "K0407", "cm"},
        {"as user u\nconnect pods a/n\nexpect allowed", "K0407", "pods"},
        {"as user u\ncreate pods/exec a/n\nexpect allowed", "K0407", "pods/exec"},
        {"grants unlock\nas user u\ndelete cm a/n\nexpect allowed", "K0601", "grants unlock"},
        {"as user u\ncreate pods/binding a/n -> field spec.x = y\nexpect allowed", "K0601", "field spec.x = y"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct compilation *compilation = compile_steps(state, rows[i].steps);
        if (count_of(compilation, rows[i].code) != 1) print_message("%s\n", rows[i].steps);
        assert_reports(compilation, rows[i].code, rows[i].at);
    }
}

static void a_service_account_is_in_its_groups(void **state) {
    const struct request *request = &case_of(state, "as jonny\ndelete cm a/n\nexpect allowed")->request;
    assert_string_equal(request->user, "system:serviceaccount:default:jonny");
    assert_int_equal(request->group_count, 3);
    assert_string_equal(request->groups[0], "system:serviceaccounts");
    assert_string_equal(request->groups[1], "system:serviceaccounts:default");
    assert_string_equal(request->groups[2], "system:authenticated");
}

static void subjects_describe_one_requester(void **state) {
    const struct request *request =
        &case_of(state, "as user u, group a, group b, uid x and user u with extra k = v\ndelete cm a/n\nexpect allowed")
             ->request;
    assert_string_equal(request->user, "u");
    assert_string_equal(request->uid, "x");
    assert_int_equal(request->group_count, 3);
    assert_string_equal(value_get(request->extra, "k")->as.items[0]->as.string, "v");
}

static void operations_have_the_states_they_have_in_the_cluster(void **state) {
    const struct request *request = &case_of(state, "as user u\ncreate cm a/n labels x=1\nexpect allowed")->request;
    assert_int_equal(request->operation, OP_CREATE);
    assert_null(request->old_object);
    assert_string_equal(value_get_string(value_dig(request->object, "metadata", "labels", NULL), "x"), "1");
    request = &case_of(state, "as user u\ndelete cm a/n\nexpect allowed")->request;
    assert_null(request->object);
    assert_non_null(request->old_object);
    assert_null(value_dig(request->old_object, "metadata", "labels", NULL));
    request =
        &case_of(state, "as user u\nupdate cm a/n labels x=1 terminating -> field data.k = 5\nexpect allowed")->request;
    assert_null(value_dig(request->object, "metadata", "labels", NULL));
    assert_int_equal(value_dig(request->object, "data", "k", NULL)->as.integer, 5);
    assert_non_null(value_dig(request->old_object, "metadata", "deletionTimestamp", NULL));
    assert_non_null(value_dig(request->object, "metadata", "deletionTimestamp", NULL));
    request = &case_of(state, "as user u\nupdate cm a/n\nexpect allowed")->request;
    assert_false(value_equal(request->object, request->old_object));
    request = &case_of(state, "as user u\ndelete-collection cm a/n\nexpect allowed")->request;
    assert_true(request->collection);
    assert_int_equal(request->operation, OP_DELETE);
}

static void the_namespace_is_as_it_was_described(void **state) {
    const struct request *request =
        &case_of(state, "in namespace labels env=prod terminating\nas user u\ndelete cm a/n\nexpect allowed")->request;
    assert_string_equal(value_get_string(value_dig(request->namespace_object, "metadata", "labels", NULL), "env"),
                        "prod");
    assert_string_equal(value_get_string(value_dig(request->namespace_object, "metadata", "labels", NULL),
                                         "kubernetes.io/metadata.name"),
                        "a");
    assert_non_null(value_dig(request->namespace_object, "metadata", "deletionTimestamp", NULL));
    assert_null(case_of(state, "as user u\ndelete nodes n\nexpect allowed")->request.namespace_object);
}

static void an_object_is_read_and_completed(void **state) {
    const struct request *request = &case_of(state, "as user u\ncreate deploy a/n object \"\"\"{metadata: {labels: {a: "
                                                    "b}}, spec: {replicas: 3}}\"\"\" labels c=d\nexpect allowed")
                                         ->request;
    assert_string_equal(value_get_string(request->object, "apiVersion"), "apps/v1");
    assert_string_equal(value_get_string(request->object, "kind"), "Deployment");
    assert_string_equal(value_get_string(value_get(request->object, "metadata"), "name"), "n");
    assert_int_equal(value_dig(request->object, "metadata", "labels", NULL)->count, 2);
    assert_int_equal(value_dig(request->object, "spec", "replicas", NULL)->as.integer, 3);
}

static void steps_are_numbered_by_request(void **state) {
    const struct compilation *compilation = compile_steps(
        state,
        "as user u\ndelete cm default/n\nexpect denied\nexpect denied by l\ndelete cm default/m\nexpect allowed");
    assert_no_errors(compilation);
    const struct test_block *test = compilation->policies.tests[0];
    assert_int_equal(test->case_count, 3);
    assert_int_equal(test->cases[1].step, 1);
    assert_string_equal(test->cases[1].by_lock, "l");
    assert_string_equal(test->cases[1].by_policy, "test");
    assert_int_equal(test->cases[2].step, 2);
}

static void parts_are_named_by_their_words(void **state) {
    const struct compilation *compilation = compile_steps(
        state,
        "as user u\nupdate cm default/n\nexpect denied by l (guard labels)\nexpect denied by l ( guard\nlabels )");
    const struct test_block *test = compilation->policies.tests[0];
    assert_int_equal(test->case_count, 2);
    assert_string_equal(test->cases[0].by_part, "guard labels");
    assert_string_equal(test->cases[1].by_part, "guard labels");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        SENTENCE(every_refusal_has_its_code_and_place), SENTENCE(a_service_account_is_in_its_groups),
        SENTENCE(subjects_describe_one_requester),      SENTENCE(operations_have_the_states_they_have_in_the_cluster),
        SENTENCE(the_namespace_is_as_it_was_described), SENTENCE(an_object_is_read_and_completed),
        SENTENCE(steps_are_numbered_by_request),        SENTENCE(parts_are_named_by_their_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
