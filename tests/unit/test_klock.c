// The library's interface, as a stranger uses it.
#include "compile_support.h"

#include "klock/klock.h"

static const char lock[] = "policy p\nlock l {\n  resources configmaps\n  namespace default\n  name n\n  deny delete\n "
                           " guard no owners, no namespace\n}\n"
                           "test \"t\" {\n  as user u\n  delete cm default/n\n  expect denied by l\n  delete cm "
                           "default/m\n  expect denied\n}\n";

static struct klock_diagnostic diagnostic_of(const struct klock_compiler *compiler, size_t index) {
    struct klock_diagnostic diagnostic = {.size = sizeof diagnostic};
    assert_true(klock_diagnostic_at(compiler, index, &diagnostic));
    return diagnostic;
}

static struct klock_object object_of(struct klock_compiler *compiler, size_t index) {
    struct klock_object object = {.size = sizeof object};
    assert_true(klock_object_at(compiler, index, &object));
    return object;
}

static struct klock_test test_of(struct klock_compiler *compiler, size_t index) {
    struct klock_test test = {.size = sizeof test};
    assert_true(klock_test_at(compiler, index, &test));
    return test;
}

static struct klock_compiler *compiler_of(const char *text, const struct klock_options *options) {
    struct klock_compiler *compiler = klock_new(options);
    assert_non_null(compiler);
    klock_add_buffer(compiler, "dir/p.klock", text, strlen(text));
    return compiler;
}

// klock_add_rbac and others of its form, with what is added by them.
typedef void adder(struct klock_compiler *compiler, const char *name, const char *bytes, size_t len);

// The compiler of what was compiled with one text that was added; no policy where that is NULL.
static struct klock_compiler *compiled_with(const char *policy, adder *add, const char *name, const char *text,
                                            enum klock_status status) {
    struct klock_compiler *compiler = policy ? compiler_of(policy, NULL) : klock_new(NULL);
    if (add) add(compiler, name, text, strlen(text));
    assert_int_equal(klock_compile(compiler), status);
    return compiler;
}

static void assert_reported(const struct klock_compiler *compiler, size_t index, const char *code, const char *file,
                            unsigned line) {
    const struct klock_diagnostic diagnostic = diagnostic_of(compiler, index);
    assert_string_equal(diagnostic.code, code);
    assert_string_equal(diagnostic.place.file, file);
    assert_int_equal(diagnostic.place.line, line);
}

// What cannot be read has a code of its own, and what comes after compiling is refused.
static void check_adder(adder *add, const char *text, const char *code) {
    struct klock_compiler *compiler = compiled_with(NULL, add, "bad.yaml", "a: &a [*a]", KLOCK_ERRORS);
    assert_string_equal(diagnostic_of(compiler, 0).code, code);
    klock_free(compiler);

    compiler = klock_new(NULL);
    add(compiler, "empty.yaml", NULL, 0);
    assert_int_equal(klock_compile(compiler), KLOCK_OK);
    add(compiler, "late.yaml", text, strlen(text));
    assert_int_equal(klock_compile(compiler), KLOCK_ERRORS);
    assert_string_equal(diagnostic_of(compiler, 0).code, "K0007");
    klock_free(compiler);
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
    const struct klock_object object = object_of(compiler, 0);
    assert_string_equal(object.kind, "ValidatingAdmissionPolicy");
    assert_string_equal(object.namespace_, "");
    assert_string_equal(object.name, "p-objects--configmaps");
    assert_string_equal(object.file, "validatingadmissionpolicy-p-objects--configmaps.yaml");
    assert_int_equal(object.len, strlen(object.yaml));
    assert_int_equal(strncmp(klock_output_text(compiler, "yaml"), object.yaml, object.len), 0);
    assert_int_equal(*klock_output_text(compiler, "json"), '{');
    assert_null(klock_output_text(compiler, "xml"));
    assert_int_equal(klock_source_count(compiler), 1);
    assert_string_equal(klock_source_at(compiler, 0), "dir/p.klock");
    klock_free(compiler);
}

static const char widgets[] = "apiVersion: v1\nkind: ConfigMap\n---\napiVersion: apiextensions.k8s.io/v1\n"
                              "kind: CustomResourceDefinition\nmetadata: {name: widgets.example.com}\nspec:\n"
                              "  group: example.com\n  scope: Namespaced\n  names: {plural: widgets, kind: Widget}\n"
                              "  versions:\n  - {name: v1, served: true, storage: true, schema: {openAPIV3Schema: "
                              "{type: object}}}\n";

static void definitions_are_added(void **state) {
    (void)state;
    static const char on_widgets[] = "policy p lock l { resources widgets namespace a name n deny delete }";
    klock_free(compiled_with(on_widgets, NULL, NULL, NULL, KLOCK_ERRORS));
    struct klock_compiler *compiler = compiled_with(on_widgets, klock_add_definitions, "crds", widgets, KLOCK_OK);
    assert_non_null(strstr(klock_output_text(compiler, "yaml"), "resources: [widgets]"));
    klock_add_definitions(compiler, "late", widgets, sizeof widgets - 1);
    assert_null(klock_output_text(compiler, "yaml"));
    klock_free(compiler);

    compiler = compiled_with(lock, klock_add_definitions, "none", "kind: A\n", KLOCK_ERRORS);
    size_t at = 0;
    while (at + 1 < klock_diagnostic_count(compiler) && strcmp(diagnostic_of(compiler, at).code, "K0010") != 0) at++;
    assert_string_equal(diagnostic_of(compiler, at).code, "K0010");
    assert_string_equal(diagnostic_of(compiler, at).place.file, "none");
    klock_free(compiler);

    compiler = compiled_with(lock, klock_add_definitions, "wrong", "kind: [\n", KLOCK_ERRORS);
    assert_int_equal(diagnostic_of(compiler, 0).related_count, 0);
    klock_free(compiler);
}

static void a_tool_gets_its_annotations(void **state) {
    (void)state;
    struct klock_options options = {.size = sizeof options, .gitops = "argocd"};
    struct klock_compiler *compiler = compiler_of(lock, &options);
    assert_int_equal(klock_compile(compiler), KLOCK_OK);
    assert_non_null(strstr(object_of(compiler, 0).yaml, "argocd.argoproj.io/sync-wave: \"-2\""));
    assert_non_null(strstr(object_of(compiler, 1).yaml, "argocd.argoproj.io/sync-wave: \"-1\""));
    klock_free(compiler);
    compiler = compiler_of(lock, NULL);
    assert_int_equal(klock_compile(compiler), KLOCK_OK);
    assert_null(strstr(klock_output_text(compiler, "yaml"), "argocd"));
    klock_free(compiler);
    options.gitops = "argo";
    assert_null(klock_new(&options));
}

static void a_policy_is_printed_as_source(void **state) {
    (void)state;
    static const char text[] = "policy p lock l { resources podz namespace a deny delete exclusive nobody }",
                      tidy[] = "policy p\n\nlock l {\n  resources  podz\n  namespace  a\n"
                               "  deny       delete\n  exclusive  nobody\n}\n";
    struct klock_compiler *compiler = klock_new(NULL);
    klock_add_buffer(compiler, "p.klock", text, sizeof text - 1);
    assert_null(klock_source_text(compiler, 0));
    assert_int_equal(klock_parse(compiler), KLOCK_OK);
    assert_string_equal(klock_source_text(compiler, 0), tidy);
    assert_null(klock_source_text(compiler, 1));
    assert_null(klock_output_text(compiler, "yaml"));
    // Names are looked up only by compiling.
    assert_int_equal(klock_compile(compiler), KLOCK_ERRORS);
    assert_null(klock_source_text(compiler, 0));
    klock_free(compiler);
}

static void policies_are_named_once_also_where_nothing_is_left_of_them(void **state) {
    (void)state;
    static const char there[] = "policy b lock l { resources secrets namespace a name n deny delete guard no owners }",
                      over[] = "policy a lock m { resources secrets namespace a name n deny delete active until "
                               "2020-01-01 }\n",
                      more[] = "policy b actor x = user y";
    const struct klock_options options = {.size = sizeof options, .date = "2021-01-01"};
    struct klock_compiler *compiler = klock_new(&options);
    klock_add_buffer(compiler, "one.klock", there, sizeof there - 1);
    klock_add_buffer(compiler, "two.klock", over, sizeof over - 1);
    klock_add_buffer(compiler, "three.klock", more, sizeof more - 1);
    assert_int_equal(klock_policy_count(compiler), 0);
    assert_int_equal(klock_compile(compiler), KLOCK_OK);
    assert_int_equal(klock_policy_count(compiler), 2);
    assert_string_equal(klock_policy_at(compiler, 0), "a");
    assert_string_equal(klock_policy_at(compiler, 1), "b");
    assert_null(klock_policy_at(compiler, 2));
    klock_free(compiler);
}

static void nothing_of_a_broken_policy_is_printed_as_source(void **state) {
    (void)state;
    struct klock_compiler *compiler = klock_new(NULL);
    klock_add_buffer(compiler, "p.klock", "lock {", 6);
    assert_int_equal(klock_parse(compiler), KLOCK_ERRORS);
    assert_null(klock_source_text(compiler, 0));
    klock_add_buffer(compiler, "q.klock", "policy q", 8);
    assert_int_equal(klock_source_count(compiler), 1);
    klock_free(compiler);
}

static void errors_have_places_and_leave_no_output(void **state) {
    (void)state;
    static const char *const formats[] = {"human", "json", "sarif", "github", "gitlab", "junit"};
    struct klock_compiler *compiler = compiler_of("# \xc3\xa4\nlock l { deny \xc3\xa4 }\n", NULL);
    assert_int_equal(klock_compile(compiler), KLOCK_ERRORS);
    assert_true(klock_diagnostic_count(compiler) > 0);
    const struct klock_diagnostic diagnostic = diagnostic_of(compiler, 0);
    assert_true(diagnostic.is_error);
    assert_string_equal(diagnostic.place.file, "dir/p.klock");
    assert_int_equal(diagnostic.place.line, 2);
    assert_int_equal(klock_object_count(compiler), 0);
    assert_null(klock_output_text(compiler, "yaml"));
    assert_null(klock_anchors(compiler, "yaml"));
    assert_null(klock_test_cases(compiler));
    size_t asked, left_out;
    assert_null(klock_test_export(compiler, "chainsaw", &asked, &left_out));
    assert_null(klock_description(compiler, "human"));
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
    assert_string_equal(diagnostic_of(compiler, 0).code, "K0007");
    assert_null(diagnostic_of(compiler, 0).place.file);
    klock_free(compiler);
}

static void warnings_can_be_errors(void **state) {
    (void)state;
    static const char warned[] =
        "policy p\nlock l {\n  resources secrets\n  namespace default\n  name n\n  deny delete\n  guard no owners\n}\n";
    struct klock_compiler *compiler = compiler_of(warned, NULL);
    assert_int_equal(klock_compile(compiler), KLOCK_OK);
    assert_false(diagnostic_of(compiler, 0).is_error);
    klock_free(compiler);
    const struct klock_options options = {.size = sizeof options, .warnings_as_errors = true};
    compiler = compiler_of(warned, &options);
    assert_int_equal(klock_compile(compiler), KLOCK_ERRORS);
    assert_true(diagnostic_of(compiler, 0).is_error);
    assert_int_equal(klock_object_count(compiler), 0);
    klock_free(compiler);
}

static void what_became_of_the_objects_is_verified(void **state) {
    (void)state;
    struct klock_compiler *compiler = compiler_of(lock, NULL);
    assert_int_equal(klock_verify(compiler, KLOCK_RENDERED), KLOCK_BUSY);
    assert_int_equal(klock_compile(compiler), KLOCK_OK);
    const char *text = klock_output_text(compiler, "yaml");
    klock_add_rendered(compiler, "out.yaml", text, strlen(text));
    assert_int_equal(klock_verify(compiler, KLOCK_RENDERED), KLOCK_OK);
    assert_int_equal(klock_diagnostic_count(compiler), 0);
    klock_free(compiler);

    compiler = compiler_of(lock, NULL);
    klock_add_rendered(compiler, "out.yaml", NULL, 0);
    assert_int_equal(klock_compile(compiler), KLOCK_OK);
    assert_int_equal(klock_verify(compiler, KLOCK_RENDERED), KLOCK_ERRORS);
    assert_string_equal(diagnostic_of(compiler, 0).code, "K0712");
    assert_null(klock_output_text(compiler, "yaml"));
    klock_free(compiler);

    compiler = compiler_of("lock l {", NULL);
    assert_int_equal(klock_compile(compiler), KLOCK_ERRORS);
    const size_t count = klock_diagnostic_count(compiler);
    assert_int_equal(klock_verify(compiler, KLOCK_CLUSTER), KLOCK_ERRORS);
    assert_int_equal(klock_diagnostic_count(compiler), count);
    klock_free(compiler);
}

static void rbac_is_looked_at_with_and_without_a_policy(void **state) {
    (void)state;
    static const char rbac[] = "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRoleBinding\n"
                               "metadata: {name: all}\nroleRef: {kind: ClusterRole, name: cluster-admin}\n"
                               "subjects: [{kind: User, name: alice}]\n";
    struct klock_compiler *compiler = compiled_with(NULL, klock_add_rbac, "rbac.yaml", rbac, KLOCK_OK);
    assert_int_equal(klock_diagnostic_count(compiler), 1);
    assert_reported(compiler, 0, "K0801", "rbac.yaml", 3);
    klock_free(compiler);

    compiler = compiled_with(lock, NULL, NULL, NULL, KLOCK_OK);
    const size_t count = klock_diagnostic_count(compiler);
    klock_free(compiler);

    compiler = compiled_with(lock, klock_add_rbac, "rbac.yaml", rbac, KLOCK_OK);
    assert_int_equal(klock_diagnostic_count(compiler), count + 1);
    assert_reported(compiler, count, "K0801", "rbac.yaml", 3);
    assert_non_null(klock_output_text(compiler, "yaml"));
    klock_free(compiler);

    check_adder(klock_add_rbac, rbac, "K0813");
}

static void kinds_that_policies_become_are_known(void **state) {
    (void)state;
    assert_true(klock_makes("admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration"));
    assert_true(klock_makes("rbac.authorization.k8s.io/v1beta1", "Role"));
    assert_true(klock_makes("v1", "ServiceAccount"));
    assert_false(klock_makes("example.com/v1", "ServiceAccount"));
    assert_false(klock_makes("v1", "ConfigMap"));
    assert_false(klock_makes("", ""));
}

static void webhooks_are_looked_at_without_a_policy(void **state) {
    (void)state;
    static const char hooks[] = "apiVersion: admissionregistration.k8s.io/v1\nkind: MutatingWebhookConfiguration\n"
                                "metadata: {name: all}\nwebhooks: [{name: a.b.c, clientConfig: {url: 'https://h/'},\n"
                                "  rules: [{apiGroups: ['*'], operations: ['*'], resources: ['*']}]}]\n";
    struct klock_compiler *compiler = compiled_with(NULL, klock_add_webhooks, "hooks.yaml", hooks, KLOCK_OK);
    assert_int_equal(klock_diagnostic_count(compiler), 1);
    assert_reported(compiler, 0, "K0826", "hooks.yaml", 5);
    klock_free(compiler);

    check_adder(klock_add_webhooks, hooks, "K0830");
}

static void servers_that_are_too_old_and_days_that_are_none_are_refused(void **state) {
    (void)state;
    enum { OPTIONS = sizeof(struct klock_options) };
    static const struct {
        struct klock_options options;
        enum klock_status status;
    } rows[] = {{{.size = OPTIONS, .kubernetes_minor = 29}, KLOCK_ERRORS},
                {{.size = OPTIONS, .kubernetes_minor = 30}, KLOCK_OK},
                {{.size = OPTIONS, .target = KLOCK_TARGET_STATIC}, KLOCK_OK},
                {{.size = OPTIONS, .target = KLOCK_TARGET_STATIC, .kubernetes_minor = 35}, KLOCK_ERRORS},
                {{.size = OPTIONS, .date = "2026-02-28"}, KLOCK_OK},
                {{.size = OPTIONS, .date = "2026-02-29"}, KLOCK_ERRORS},
                {{.size = OPTIONS, .date = ""}, KLOCK_ERRORS}};
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

static void tests_are_exported(void **state) {
    (void)state;
    static const char text[] =
        "policy p\nlock keep { resources configmaps namespace default name c deny delete guard none }\n"
        "test \"t\" {\n  as user alice\n  delete configmaps default/c\n  expect denied by keep\n"
        "  as user system:node:n, group system:nodes\n  delete configmaps default/c\n"
        "  expect denied by keep\n}\n";
    struct klock_compiler *compiler = compiler_of(text, NULL);
    size_t asked, left_out;
    assert_null(klock_test_export(compiler, "chainsaw", &asked, &left_out));
    assert_int_equal(klock_compile(compiler), KLOCK_OK);
    assert_null(klock_test_export(compiler, "kuttl", &asked, &left_out));
    const char *first = klock_test_export(compiler, "chainsaw", &asked, &left_out);
    assert_non_null(strstr(first, "chainsaw.kyverno.io/v1alpha1"));
    assert_int_equal(asked, 1);
    assert_int_equal(left_out, 1);
    assert_string_equal(klock_test_export(compiler, "chainsaw", &asked, &left_out), first);
    klock_free(compiler);

    compiler = compiler_of(
        "policy p\nlock keep { resources configmaps namespace default name c deny delete guard none }\n", NULL);
    assert_int_equal(klock_compile(compiler), KLOCK_OK);
    assert_string_equal(klock_test_export(compiler, "chainsaw", &asked, &left_out), "");
    assert_int_equal(asked + left_out, 0);
    klock_free(compiler);
}

static void tests_are_judged_and_requests_decided(void **state) {
    (void)state;
    struct klock_compiler *compiler = compiler_of(lock, NULL);
    assert_int_equal(klock_compile(compiler), KLOCK_OK);
    assert_int_equal(klock_test_count(compiler), 2);
    assert_true(test_of(compiler, 0).passed);
    const struct klock_test failed = test_of(compiler, 1);
    assert_false(failed.passed);
    assert_int_equal(failed.step, 2);
    assert_int_equal(failed.line, 14);
    assert_string_equal(failed.title, "t");
    assert_string_equal(failed.expected, "denied");
    assert_string_equal(failed.actual, "allowed");
    assert_true(strlen(klock_test_cases(compiler)) > 100);
    size_t asked = 1, left_out = 1;
    assert_null(klock_test_export(compiler, "chainsaw", &asked, &left_out));
    assert_int_equal(asked + left_out, 0);

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
    assert_non_null(strstr(klock_explain(compiler, "resource hr"), "helmreleases.helm.toolkit.fluxcd.io"));
    assert_non_null(strstr(klock_explain(compiler, "resource pods"), "every API server"));
    assert_non_null(strstr(klock_explain(compiler, "resource"), "certificates.cert-manager.io"));
    assert_null(klock_explain(compiler, "resource nothing"));
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
            assert_string_not_equal(object_of(compiler, i).file, object_of(compiler, j).file);
    klock_free(compiler);
}

static void diagnostics_have_ends_related_places_and_fixes(void **state) {
    (void)state;
    static const char text[] = "policy p\nlock l {\n  resources configmapz\n  namespace a\n"
                               "  message \"\xc3\xa4\" namespace b\n  deny delete\n}\n";
    struct klock_compiler *compiler = compiler_of(text, NULL);
    assert_int_equal(klock_compile(compiler), KLOCK_ERRORS);
    size_t related = 0, fixes = 0;
    for (size_t i = 0; i < klock_diagnostic_count(compiler); i++) {
        const struct klock_diagnostic diagnostic = diagnostic_of(compiler, i);
        assert_true(diagnostic.place.begin <= diagnostic.place.end && diagnostic.place.end <= strlen(text));
        struct klock_related other = {.size = sizeof other};
        struct klock_fix fix = {.size = sizeof fix};
        assert_false(klock_related_at(compiler, i, diagnostic.related_count, &other));
        assert_false(klock_fix_at(compiler, i, diagnostic.fix_count, &fix));
        if (klock_related_at(compiler, i, 0, &other)) {
            related++;
            assert_string_equal(other.label, "the first is here");
            assert_int_equal(other.place.line, 4);
            assert_int_equal(other.place.column, 3);
            assert_int_equal(other.place.end_line, 4);
            assert_int_equal(other.place.end_column, 3 + strlen("namespace"));
            assert_int_equal(diagnostic.place.line, 5);
            assert_int_equal(diagnostic.place.column, 15); // characters, not bytes
            assert_int_equal(diagnostic.place.end_column, 15 + strlen("namespace"));
        }
        if (klock_fix_at(compiler, i, 0, &fix)) {
            fixes++;
            assert_string_equal(fix.text, "configmaps");
            assert_int_equal(fix.place.end - fix.place.begin, strlen("configmapz"));
            assert_memory_equal(text + fix.place.begin, "configmapz", strlen("configmapz"));
        }
    }
    assert_int_equal(related, 1);
    assert_int_equal(fixes, 1);
    klock_free(compiler);
}

static void an_index_that_is_not_there_is_refused(void **state) {
    (void)state;
    struct klock_compiler *compiler = compiler_of(lock, NULL);
    assert_int_equal(klock_compile(compiler), KLOCK_OK);
    const size_t behind[] = {klock_object_count(compiler) + klock_diagnostic_count(compiler) + 2, SIZE_MAX};
    for (size_t i = 0; i < 2; i++) {
        struct klock_diagnostic diagnostic = {.size = sizeof diagnostic};
        struct klock_related other = {.size = sizeof other};
        struct klock_fix fix = {.size = sizeof fix};
        struct klock_object object = {.size = sizeof object};
        struct klock_test test = {.size = sizeof test};
        assert_false(klock_diagnostic_at(compiler, behind[i], &diagnostic));
        assert_false(klock_related_at(compiler, behind[i], 0, &other));
        assert_false(klock_fix_at(compiler, behind[i], 0, &fix));
        assert_false(klock_object_at(compiler, behind[i], &object));
        assert_false(klock_test_at(compiler, behind[i], &test));
        assert_null(klock_source_at(compiler, behind[i]));
        assert_null(klock_directory_at(compiler, behind[i]));
        assert_null(object.kind);
    }
    klock_free(compiler);
}

static void structures_have_the_size_that_the_caller_knows(void **state) {
    (void)state;
    struct klock_compiler *compiler = compiler_of(lock, NULL);
    assert_int_equal(klock_compile(compiler), KLOCK_OK);
    struct {
        struct klock_object known;
        size_t later[2];
    } newer = {.known = {.size = sizeof newer}, .later = {1, 1}};
    assert_true(klock_object_at(compiler, 0, &newer.known));
    assert_int_equal(newer.known.size, sizeof newer);
    assert_string_equal(newer.known.name, "p-objects--configmaps");
    assert_int_equal(newer.later[0] + newer.later[1], 0);
    struct klock_object small = {.size = sizeof small - 1};
    assert_false(klock_object_at(compiler, 0, &small));
    assert_null(small.kind);
    klock_free(compiler);
}

static void options_that_cannot_be_followed_give_no_compiler(void **state) {
    (void)state;
    struct {
        struct klock_options known;
        size_t later;
    } newer = {.known = {.size = sizeof newer}};
    struct klock_compiler *compiler = klock_new(&newer.known);
    assert_non_null(compiler);
    klock_free(compiler);
    newer.later = 1;
    assert_null(klock_new(&newer.known));
    const struct klock_options none = {0}, small = {.size = offsetof(struct klock_options, context)},
                               target = {.size = sizeof target, .target = (enum klock_target)2},
                               controllers = {.size = sizeof controllers, .controllers = (enum klock_controllers)3};
    assert_null(klock_new(&none));
    assert_null(klock_new(&small));
    assert_null(klock_new(&target));
    assert_null(klock_new(&controllers));
}

// ---- files from memory ----

struct memory {
    const struct file *files;
    size_t count, asked;
    const char *root;
    struct klock_compiler *compiler; // asked while it runs, if there is one
};

static void read_memory(void *context, const char *path, struct klock_file *file) {
    struct memory *memory = context;
    memory->asked++;
    if (memory->compiler) {
        const char *error = NULL;
        assert_int_equal(klock_compile(memory->compiler), KLOCK_BUSY);
        assert_null(klock_decide(memory->compiler, "[]", 2, &error));
        assert_non_null(error);
        assert_null(klock_explain(memory->compiler, NULL));
        assert_int_equal(klock_object_count(memory->compiler), 0);
        klock_add_buffer(memory->compiler, "more.klock", lock, strlen(lock));
    }
    if (strcmp(path, "secret.klock") == 0) klock_file_refuse(file, "permission\ndenied");
    for (size_t i = 0; i < memory->count; i++) {
        const size_t half = strlen(memory->files[i].text) / 2;
        if (strcmp(memory->files[i].name, path) != 0) continue;
        klock_file_give(file, memory->files[i].text, half);
        klock_file_give(file, memory->files[i].text + half, strlen(memory->files[i].text) - half);
    }
}

static struct klock_compiler *compiler_reading(struct memory *memory) {
    const struct klock_options options = {
        .size = sizeof options, .read = read_memory, .context = memory, .root = memory->root};
    struct klock_compiler *compiler = klock_new(&options);
    assert_non_null(compiler);
    return compiler;
}

static void files_and_includes_can_come_from_memory(void **state) {
    (void)state;
    static const struct file files[] = {
        {"a/main.klock",
         "policy p\ninclude \"x/../actors.klock\"\nlock l {\n  resources configmaps\n  namespace default\n"
         "  name n\n  deny delete\n  exclusive jonny\n}\n"},
        {"a/actors.klock", "policy p\nactor jonny = user jonny\n"}};
    struct memory memory = {.files = files, .count = 2};
    struct klock_compiler *compiler = compiler_reading(&memory);
    klock_add_file(compiler, "a/main.klock");
    assert_int_equal(klock_compile(compiler), KLOCK_OK);
    assert_int_equal(memory.asked, 2);
    assert_int_equal(klock_source_count(compiler), 2);
    assert_string_equal(klock_source_at(compiler, 1), "a/actors.klock");
    klock_free(compiler);
}

#define DEFINITION(plural)                                                                                             \
    "{apiVersion: apiextensions.k8s.io/v1, kind: CustomResourceDefinition, metadata: {name: " plural                   \
    ".example.com}, spec: {group: example.com, scope: Namespaced, names: {plural: " plural                             \
    ", kind: Widget}, versions: [{name: v1, served: true, storage: true, schema: {openAPIV3Schema: {}}}]}}"

static void definitions_can_come_from_memory(void **state) {
    (void)state;
    static const struct file files[] = {
        {"a/main.klock",
         "policy p\nresources from \"../crds/*/*.yaml\"\nlock l {\n  resources widgets, gadgets\n  namespace default\n"
         "  name n\n  deny delete\n}\n"},
        {"crds/", "one\ntwo\n.three\n../crds\nempty"},
        {"crds/one/", "w.yaml\nREADME\n"},
        {"crds/two/", "g.yaml"},
        {"crds/one/w.yaml", DEFINITION("widgets")},
        {"crds/two/g.yaml", DEFINITION("gadgets")}};
    struct memory memory = {.files = files, .count = sizeof files / sizeof *files, .root = "."};
    struct klock_compiler *compiler = compiler_reading(&memory);
    klock_add_file(compiler, "a/main.klock");
    assert_int_equal(klock_compile(compiler), KLOCK_OK);
    assert_int_equal(klock_source_count(compiler), 3);
    assert_string_equal(klock_source_at(compiler, 1), "crds/one/w.yaml");
    assert_string_equal(klock_source_at(compiler, 2), "crds/two/g.yaml");
    assert_null(klock_source_text(compiler, 1));
    // Where a further file would be found.
    assert_int_equal(klock_directory_count(compiler), 3);
    assert_string_equal(klock_directory_at(compiler, 0), "crds");
    assert_string_equal(klock_directory_at(compiler, 1), "crds/one");
    assert_string_equal(klock_directory_at(compiler, 2), "crds/two");
    klock_free(compiler);

    // A reader that knows no directories.
    memory.count = 1;
    compiler = compiler_reading(&memory);
    klock_add_file(compiler, "a/main.klock");
    assert_int_equal(klock_compile(compiler), KLOCK_INPUT);
    assert_string_equal(diagnostic_of(compiler, 0).message, "cannot list 'crds': there is no such file");
    klock_free(compiler);
}

static void what_memory_does_not_have_is_an_input_error(void **state) {
    (void)state;
    static const struct {
        const char *path, *message;
    } rows[] = {{"none.klock", "cannot read 'none.klock': there is no such file"},
                {"secret.klock", "cannot read 'secret.klock': permission denied"},
                // The disk is not asked.
                {"/dev/null", "cannot read '/dev/null': there is no such file"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct memory memory = {0};
        struct klock_compiler *compiler = compiler_reading(&memory);
        klock_add_file(compiler, rows[i].path);
        assert_int_equal(klock_compile(compiler), KLOCK_INPUT);
        assert_string_equal(diagnostic_of(compiler, 0).message, rows[i].message);
        klock_free(compiler);
    }
}

static void the_reader_gets_nothing_out_of_a_compiler_that_runs(void **state) {
    (void)state;
    static const struct file files[] = {{"p.klock", lock}};
    struct memory memory = {.files = files, .count = 1};
    struct klock_compiler *compiler = memory.compiler = compiler_reading(&memory);
    klock_add_file(compiler, "p.klock");
    assert_int_equal(memory.asked, 1);
    // What it added is not there, and that is said.
    assert_int_equal(klock_compile(compiler), KLOCK_ERRORS);
    assert_int_equal(klock_source_count(compiler), 1);
    klock_free(compiler);
}

// ---- decisions ----

// A request that the lock refuses, without one key of those that are needed, or with another.
#define REQUEST                                                                                                        \
    "{\"operation\": \"DELETE\", \"group\": \"\", \"version\": \"v1\", \"resource\": \"configmaps\", \"kind\": "       \
    "\"ConfigMap\", \"subresource\": \"\", \"scope\": \"Namespaced\", \"namespace\": \"default\", \"name\": \"n\", "   \
    "\"user\": {\"username\": \"u\", \"uid\": \"\", \"groups\": [], \"extra\": {}}, \"grants\": [], \"object\": "      \
    "null, "                                                                                                           \
    "\"oldObject\": {\"metadata\": {\"name\": \"n\", \"namespace\": \"default\"}}, \"namespaceObject\": null, "        \
    "\"deleteCollection\": false}"

static void requests_are_decided_only_when_nothing_has_to_be_guessed(void **state) {
    static const char *const keys[] = {
        "operation",       "group",     "version", "resource", "kind",      "subresource",
        "scope",           "namespace", "name",    "user",     "username",  "uid",
        "groups",          "extra",     "grants",  "object",   "oldObject", "namespaceObject",
        "deleteCollection"};
    static const char *const bad[] = {"",     "x",      "5",    "{}",        "[{}]",
                                      "null", "[null]", "[[]]", REQUEST ",", "[" REQUEST ", {}]"};
    struct klock_compiler *compiler = compiler_of(lock, NULL);
    assert_int_equal(klock_compile(compiler), KLOCK_OK);
    const char *error = NULL, *decision = klock_decide(compiler, REQUEST, strlen(REQUEST), &error);
    assert_non_null(decision);
    assert_non_null(strstr(decision, "\"denied\""));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_null(klock_decide(compiler, bad[i], strlen(bad[i]), &error));
        assert_non_null(error);
    }
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        // One letter more, and the key is missing.
        const char *quoted = arena_printf(arena_of(state), "\"%s\":", keys[i]), *at = strstr(REQUEST, quoted);
        assert_non_null(at);
        const char *misspelt = arena_printf(arena_of(state), "%.*s\"%sx\"%s", (int)(at - REQUEST), REQUEST, keys[i],
                                            at + strlen(quoted) - 1);
        assert_null(klock_decide(compiler, misspelt, strlen(misspelt), &error));
        assert_non_null(strstr(error, keys[i]));
        const char *added =
            arena_printf(arena_of(state), "%.*s\"%sx\": 1, %s", (int)(at - REQUEST), REQUEST, keys[i], at);
        assert_null(klock_decide(compiler, added, strlen(added), &error));
        assert_non_null(strstr(error, "is not a known key"));
    }
    assert_null(klock_decide(compiler, "x", 1, NULL));
    klock_free(compiler);
}

// What is there beside the object has to be said where it may be a lock.
static void configmaps_that_may_be_locks_are_given(void **state) {
    static const char from_configmaps[] = "policy p\nlock l { resources configmaps  namespace default  locks from "
                                          "configmaps labeled lock  deny delete  exclusive user root }\n";
    static const struct {
        const char *given, *verdict; // NULL: none
    } cases[] = {
        {"[]", "\"allowed\""},
        {"[{\"metadata\": {\"name\": \"c\", \"namespace\": \"default\", \"labels\": {\"lock\": \"\"}}}]", "\"denied\""},
        {"[{\"metadata\": {\"name\": \"c\", \"namespace\": \"other\", \"labels\": {\"lock\": \"\"}}}]", "\"allowed\""},
        {"{}", NULL},
        {"[1]", NULL},
    };
    struct klock_compiler *compiler = compiler_of(from_configmaps, NULL);
    assert_int_equal(klock_compile(compiler), KLOCK_OK);
    const char *error = NULL;
    assert_null(klock_decide(compiler, REQUEST, strlen(REQUEST), &error));
    assert_non_null(strstr(error, "'given' of the request is missing"));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *request = arena_printf(arena_of(state), "{\"given\": %s, %s", cases[i].given, &REQUEST[1]);
        const char *decision = klock_decide(compiler, request, strlen(request), &error);
        if (cases[i].verdict)
            assert_non_null(strstr(decision, cases[i].verdict));
        else
            assert_non_null(strstr(error, "'given'"));
    }
    klock_free(compiler);
}

static void without_a_policy_nothing_is_allowed(void **state) {
    (void)state;
    struct klock_compiler *compiler = klock_new(NULL);
    const char *error = NULL;
    assert_int_equal(klock_compile(compiler), KLOCK_OK);
    assert_null(klock_decide(compiler, "[]", 2, &error));
    assert_non_null(strstr(error, "there is no policy"));
    klock_free(compiler);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        SENTENCE(freeing_nothing_and_using_nothing_is_fine),
        SENTENCE(a_policy_becomes_objects),
        SENTENCE(definitions_are_added),
        SENTENCE(a_tool_gets_its_annotations),
        SENTENCE(a_policy_is_printed_as_source),
        SENTENCE(policies_are_named_once_also_where_nothing_is_left_of_them),
        SENTENCE(nothing_of_a_broken_policy_is_printed_as_source),
        SENTENCE(errors_have_places_and_leave_no_output),
        SENTENCE(a_file_that_is_not_there_is_an_input_error),
        SENTENCE(warnings_can_be_errors),
        SENTENCE(what_became_of_the_objects_is_verified),
        SENTENCE(rbac_is_looked_at_with_and_without_a_policy),
        SENTENCE(kinds_that_policies_become_are_known),
        SENTENCE(webhooks_are_looked_at_without_a_policy),
        SENTENCE(servers_that_are_too_old_and_days_that_are_none_are_refused),
        SENTENCE(nothing_is_decided_before_compiling),
        SENTENCE(tests_are_exported),
        SENTENCE(tests_are_judged_and_requests_decided),
        SENTENCE(codes_are_explained),
        SENTENCE(compilers_are_independent_and_copy_what_they_get),
        SENTENCE(every_object_has_a_file_of_its_own),
        SENTENCE(diagnostics_have_ends_related_places_and_fixes),
        SENTENCE(an_index_that_is_not_there_is_refused),
        SENTENCE(structures_have_the_size_that_the_caller_knows),
        SENTENCE(options_that_cannot_be_followed_give_no_compiler),
        SENTENCE(files_and_includes_can_come_from_memory),
        SENTENCE(definitions_can_come_from_memory),
        SENTENCE(what_memory_does_not_have_is_an_input_error),
        SENTENCE(the_reader_gets_nothing_out_of_a_compiler_that_runs),
        SENTENCE(requests_are_decided_only_when_nothing_has_to_be_guessed),
        SENTENCE(configmaps_that_may_be_locks_are_given),
        SENTENCE(without_a_policy_nothing_is_allowed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
