// The library's interface, as a stranger uses it.
#include "compile_support.h"

#include "klock/klock.h"

static const char lock[] =
    "policy p\nlock l {\n  resources configmaps\n  namespace default\n  name n\n  deny delete\n}\n"
    "test \"t\" {\n  as user u\n  delete cm default/n\n  expect denied by l\n  delete cm "
    "default/m\n  expect denied\n}\n";

static struct klock_compiler *compiler_of(const char *text, const struct klock_options *options) {
    struct klock_compiler *compiler = klock_new(options);
    assert_non_null(compiler);
    klock_add_buffer(compiler, "dir/p.klock", text, strlen(text));
    return compiler;
}

static void freeing_nothing_and_using_nothing_is_fine(void **state) {
    (void)state;
    klock_free(NULL);
    struct klock_compiler *compiler = klock_new(NULL);
    assert_int_equal(klock_diagnostic_count(compiler), 0);
    assert_int_equal(klock_object_count(compiler), 0);
    assert_int_equal(klock_test_count(compiler), 0);
    assert_int_equal(klock_source_count(compiler), 0);
    klock_free(compiler);
    compiler = klock_new(NULL);
    assert_int_equal(klock_compile(compiler), KLOCK_OK);
    assert_int_equal(klock_object_count(compiler), 0);
    assert_string_equal(klock_output_text(compiler, "yaml"), "");
    klock_free(compiler);
}

static void a_policy_becomes_objects(void **state) {
    (void)state;
    struct klock_compiler *compiler = compiler_of(lock, NULL);
    assert_int_equal(klock_compile(compiler), KLOCK_OK);
    assert_int_equal(klock_object_count(compiler), 2);
    const struct klock_object object = klock_object_at(compiler, 0);
    assert_string_equal(object.kind, "ValidatingAdmissionPolicy");
    assert_string_equal(object.namespace_, "");
    assert_string_equal(object.name, "p-objects");
    assert_string_equal(object.file, "validatingadmissionpolicy-p-objects.yaml");
    assert_int_equal(object.len, strlen(object.yaml));
    assert_int_equal(strncmp(klock_output_text(compiler, "yaml"), object.yaml, object.len), 0);
    assert_int_equal(*klock_output_text(compiler, "json"), '{');
    assert_null(klock_output_text(compiler, "xml"));
    assert_int_equal(klock_source_count(compiler), 1);
    assert_string_equal(klock_source_at(compiler, 0), "dir/p.klock");
    klock_free(compiler);
}

static void errors_have_places_and_leave_no_output(void **state) {
    (void)state;
    static const char *const formats[] = {"human", "json", "sarif", "github", "junit"};
    struct klock_compiler *compiler = compiler_of("# \xc3\xa4\nlock l { deny \xc3\xa4 }\n", NULL);
    assert_int_equal(klock_compile(compiler), KLOCK_ERRORS);
    assert_true(klock_diagnostic_count(compiler) > 0);
    const struct klock_diagnostic diagnostic = klock_diagnostic_at(compiler, 0);
    assert_true(diagnostic.is_error);
    assert_string_equal(diagnostic.file, "dir/p.klock");
    assert_int_equal(diagnostic.line, 2);
    assert_int_equal(klock_object_count(compiler), 0);
    assert_string_equal(klock_output_text(compiler, "yaml"), "");
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
        assert_true(strlen(klock_diagnostics_text(compiler, formats[i], i % 2)) > 0);
    assert_null(klock_diagnostics_text(compiler, "xml", false));
    const char *error = NULL;
    assert_null(klock_decide(compiler, "{}", 2, &error));
    assert_non_null(error);
    klock_free(compiler);
}

static void a_file_that_is_not_there_is_an_input_error(void **state) {
    (void)state;
    struct klock_compiler *compiler = klock_new(NULL);
    klock_add_file(compiler, "not/there.klock");
    assert_int_equal(klock_compile(compiler), KLOCK_INPUT);
    assert_string_equal(klock_diagnostic_at(compiler, 0).code, "K0007");
    assert_null(klock_diagnostic_at(compiler, 0).file);
    klock_free(compiler);
}

static void warnings_can_be_errors(void **state) {
    (void)state;
    static const char warned[] =
        "policy p\nlock l {\n  resources secrets\n  namespace default\n  name n\n  deny delete\n}\n";
    struct klock_compiler *compiler = compiler_of(warned, NULL);
    assert_int_equal(klock_compile(compiler), KLOCK_OK);
    assert_false(klock_diagnostic_at(compiler, 0).is_error);
    klock_free(compiler);
    const struct klock_options options = {.warnings_as_errors = true};
    compiler = compiler_of(warned, &options);
    assert_int_equal(klock_compile(compiler), KLOCK_ERRORS);
    assert_true(klock_diagnostic_at(compiler, 0).is_error);
    assert_int_equal(klock_object_count(compiler), 0);
    klock_free(compiler);
}

static void servers_that_are_too_old_are_refused(void **state) {
    (void)state;
    static const struct {
        struct klock_options options;
        enum klock_status status;
    } rows[] = {{{.kubernetes_minor = 29}, KLOCK_ERRORS},
                {{.kubernetes_minor = 30}, KLOCK_OK},
                {{.target = KLOCK_TARGET_STATIC}, KLOCK_OK},
                {{.target = KLOCK_TARGET_STATIC, .kubernetes_minor = 35}, KLOCK_ERRORS}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct klock_compiler *compiler = compiler_of(lock, &rows[i].options);
        assert_int_equal(klock_compile(compiler), rows[i].status);
        klock_free(compiler);
    }
}

static void nothing_is_decided_before_compiling(void **state) {
    (void)state;
    struct klock_compiler *compiler = compiler_of(lock, NULL);
    const char *error = NULL;
    assert_null(klock_decide(compiler, "[]", 2, &error));
    assert_non_null(strstr(error, "klock_compile"));
    assert_int_equal(klock_compile(compiler), KLOCK_OK);
    assert_int_equal(klock_compile(compiler), KLOCK_OK);
    assert_non_null(klock_decide(compiler, "[]", 2, &error));
    assert_true(klock_object_count(compiler) > 0);

    klock_add_buffer(compiler, "late.klock", lock, strlen(lock));
    assert_int_equal(klock_compile(compiler), KLOCK_ERRORS);
    assert_null(klock_decide(compiler, "[]", 2, &error));
    assert_int_equal(klock_object_count(compiler), 0);
    klock_free(compiler);
}

static void tests_are_judged_and_requests_decided(void **state) {
    (void)state;
    struct klock_compiler *compiler = compiler_of(lock, NULL);
    assert_int_equal(klock_compile(compiler), KLOCK_OK);
    assert_int_equal(klock_test_count(compiler), 2);
    assert_true(klock_test_at(compiler, 0).passed);
    const struct klock_test failed = klock_test_at(compiler, 1);
    assert_false(failed.passed);
    assert_int_equal(failed.step, 2);
    assert_int_equal(failed.line, 13);
    assert_string_equal(failed.title, "t");
    assert_string_equal(failed.expected, "denied");
    assert_string_equal(failed.actual, "allowed");
    assert_true(strlen(klock_test_cases(compiler)) > 100);

    static const char *const bad[] = {
        "", "x", "5", "{}", "[{}]", "{\"operation\": 5}", "null", "[null]", "{\"operation\": \"DELETE\"}", "[[]]"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        const char *error = NULL;
        const char *result = klock_decide(compiler, bad[i], strlen(bad[i]), &error);
        if (!result && !error) fail_msg("'%s' is refused without a reason", bad[i]);
    }
    const char *error = NULL;
    assert_string_equal(klock_decide(compiler, "[]", 2, &error), "[]");
    klock_free(compiler);
}

static void codes_are_explained(void **state) {
    (void)state;
    struct klock_compiler *compiler = klock_new(NULL);
    assert_non_null(strstr(klock_explain(compiler, "k0203"), "full-selector"));
    assert_string_equal(klock_explain(compiler, "full-selector"), klock_explain(compiler, "K0203"));
    assert_null(klock_explain(compiler, "K9999"));
    assert_null(klock_explain(compiler, ""));
    assert_non_null(strstr(klock_explain(compiler, NULL), "K0901"));
    klock_free(compiler);
}

static void compilers_are_independent_and_copy_what_they_get(void **state) {
    (void)state;
    char text[sizeof lock], name[] = "p.klock";
    memcpy(text, lock, sizeof lock);
    struct klock_compiler *one = klock_new(NULL), *two = compiler_of("lock {", NULL);
    klock_add_buffer(one, name, text, strlen(text));
    memset(text, 'x', sizeof text);
    memset(name, 'x', sizeof name);
    assert_int_equal(klock_compile(two), KLOCK_ERRORS);
    assert_int_equal(klock_compile(one), KLOCK_OK);
    klock_free(two);
    assert_int_equal(klock_object_count(one), 2);
    klock_free(one);
}

static void every_object_has_a_file_of_its_own(void **state) {
    (void)state;
    static const char grant[] =
        "policy %s\ngrant %s to user u {\n  resources configmaps\n  namespace %s\n  allow get\n}\n";
    struct klock_compiler *compiler = klock_new(NULL);
    const char *one = arena_printf(arena_of(state), grant, "b", "c-d", "a"),
               *two = arena_printf(arena_of(state), grant, "c", "d", "a-b");
    klock_add_buffer(compiler, "b.klock", one, strlen(one));
    klock_add_buffer(compiler, "c.klock", two, strlen(two));
    assert_int_equal(klock_compile(compiler), KLOCK_OK);
    for (size_t i = 0; i < klock_object_count(compiler); i++)
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(klock_object_at(compiler, i).file, klock_object_at(compiler, j).file);
    klock_free(compiler);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        SENTENCE(freeing_nothing_and_using_nothing_is_fine),
        SENTENCE(a_policy_becomes_objects),
        SENTENCE(errors_have_places_and_leave_no_output),
        SENTENCE(a_file_that_is_not_there_is_an_input_error),
        SENTENCE(warnings_can_be_errors),
        SENTENCE(servers_that_are_too_old_are_refused),
        SENTENCE(nothing_is_decided_before_compiling),
        SENTENCE(tests_are_judged_and_requests_decided),
        SENTENCE(codes_are_explained),
        SENTENCE(compilers_are_independent_and_copy_what_they_get),
        SENTENCE(every_object_has_a_file_of_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
