// Whatever allocation fails, the library says so, and loses nothing (the sanitizer build sees to that).
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <klock/klock.h>

// The linker sends every allocation through these (--wrap).
void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);

static bool counting;
static size_t before_failure; // allocations that still succeed; all that follow fail

static bool fails(void) {
    if (!counting) return false;
    if (before_failure == 0) return true;
    before_failure--;
    return false;
}

void *__wrap_malloc(size_t size) {
    return fails() ? NULL : __real_malloc(size);
}
void *__wrap_calloc(size_t count, size_t size) {
    return fails() ? NULL : __real_calloc(count, size);
}
void *__wrap_realloc(void *old, size_t size) {
    return fails() ? NULL : __real_realloc(old, size);
}

static const char policy[] =
    "policy p\n"
    "actor jonny = new serviceaccount default/jonny\n"
    "object app {\n"
    "  resources pods, configmaps\n"
    "  namespace default\n"
    "  labels aura=red, tier in (db, cache)\n"
    "}\n"
    "lock red on app {\n"
    "  deny update, delete\n"
    "  exclusive jonny\n"
    "  when name matches \"^a.*\" and cel \"\"\"object != null\"\"\"\n guard no owners, no namespace\n}\n"
    "grant op to jonny on app { allow get, list }\n"
    "test \"denied\" {\n"
    "  as user alice\n"
    "  delete pods default/abc labels aura=red, tier=db\n"
    "  expect denied by red\n"
    "}\n";
static const char tested[] = "policy p\n"
                             "lock red { resources pods, configmaps namespace default labels aura=red deny update, "
                             "delete exempt lifecycle guard none }\n"
                             "test \"denied\" {\n"
                             "  as user alice\n"
                             "  delete pods default/abc labels aura=red\n"
                             "  expect denied by red\n"
                             "}\n";
static const char mistakes[] = "policy p\nlock a { resources podz deny delte }\nactor b = c\n";

// Everything a program asks of the library. Says whether memory lasted.
static bool use(const char *text) {
    struct klock_compiler *compiler = klock_new(NULL);
    if (!compiler) return false;
    klock_add_buffer(compiler, "p.klock", text, strlen(text));
    const enum klock_status status = klock_compile(compiler);
    bool lasted = status != KLOCK_MEMORY;
    if (lasted) {
        static const char *const forms[] = {"human", "json", "sarif", "github", "gitlab", "junit"};
        for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
            lasted = klock_diagnostics_text(compiler, forms[i], false) && lasted;
        lasted = klock_explain(compiler, NULL) && lasted;
    }
    if (lasted && status == KLOCK_OK) {
        lasted = klock_output_text(compiler, "yaml") && lasted;
        lasted = klock_output_text(compiler, "json") && lasted;
        lasted = klock_test_cases(compiler) && lasted;
        lasted = klock_description(compiler, "human") && lasted;
        static const char request[] =
            "{\"operation\": \"DELETE\", \"group\": \"\", \"version\": \"v1\", \"resource\": \"pods\", \"kind\": "
            "\"Pod\", "
            "\"subresource\": \"\", \"scope\": \"Namespaced\", \"namespace\": \"default\", \"name\": \"x\", \"user\": "
            "{\"username\": \"alice\", \"uid\": \"\", \"groups\": [], \"extra\": {}}, \"grants\": [], \"object\": "
            "null, "
            "\"oldObject\": {}, \"namespaceObject\": null, \"deleteCollection\": false}";
        const char *error = NULL;
        lasted = klock_decide(compiler, request, sizeof request - 1, &error) && lasted;
        if (error) fail_msg("%s", error);
        for (size_t i = 0; i < klock_object_count(compiler); i++) {
            struct klock_object object = {.size = sizeof object};
            lasted = klock_object_at(compiler, i, &object) && lasted;
        }
        struct klock_test test = {.size = sizeof test};
        lasted = klock_test_count(compiler) == 1 && klock_test_at(compiler, 0, &test) && lasted;
        // Half of what there is, so that something is found.
        const char *objects = klock_output_text(compiler, "yaml"),
                   *more = objects ? strstr(objects, "kind: Val") : NULL;
        if (more) klock_add_rendered(compiler, "out.yaml", objects, (size_t)(strstr(more, "\n---") - objects));
        const enum klock_status verified = klock_verify(compiler, KLOCK_RENDERED);
        lasted = more && verified != KLOCK_MEMORY && lasted;
        if (lasted) assert_int_equal(verified, KLOCK_ERRORS);
    }
    klock_free(compiler);
    return lasted;
}

static void exhaust(const char *text) {
    for (size_t n = 0; n < 100000; n++) {
        before_failure = n;
        counting = true;
        const bool lasted = use(text);
        counting = false;
        if (lasted) {
            assert_true(n > 0);
            return;
        }
    }
    fail_msg("memory never lasts");
}

static void survives_every_failure_of_a_good_policy(void **state) {
    (void)state;
    exhaust(policy);
}

static void survives_every_failure_of_a_policy_with_mistakes(void **state) {
    (void)state;
    exhaust(mistakes);
}

// A long text, most of it by libyaml, which allocates for every word: some of the failures.
static void survives_failures_of_an_export(void **state) {
    (void)state;
    bool lasted = false;
    size_t failures = 0;
    for (before_failure = 0; !lasted; failures++) {
        const size_t n = failures * 97;
        struct klock_compiler *compiler = klock_new(NULL);
        klock_add_buffer(compiler, "p.klock", tested, strlen(tested));
        assert_int_equal(klock_compile(compiler), KLOCK_OK);
        size_t asked, left_out;
        before_failure = n;
        counting = true;
        lasted = klock_test_export(compiler, "chainsaw", &asked, &left_out) != NULL;
        counting = false;
        assert_int_equal(klock_compile(compiler), lasted ? KLOCK_OK : KLOCK_MEMORY);
        klock_free(compiler);
    }
    assert_true(failures > 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(survives_every_failure_of_a_good_policy),
        cmocka_unit_test(survives_every_failure_of_a_policy_with_mistakes),
        cmocka_unit_test(survives_failures_of_an_export),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
