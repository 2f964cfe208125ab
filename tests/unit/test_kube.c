// Kubernetes' rules for names.
#include "compile_support.h"

#include "kubernetes/kube.h"

static const char *repeated(void **state, char c, size_t count) {
    char *text = arena_alloc(arena_of(state), count + 1);
    memset(text, c, count);
    return text;
}

static void namespaces_are_dns_labels(void **state) {
    static const char *const good[] = {"a", "0", "default", "kube-system", "1a", "a--b"};
    static const char *const bad[] = {"", "-a", "a-", "A", "a.b", "a_b", "a/b", "\xc3\xa4", "a b"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) assert_true(kube_is_dns_label(good[i]));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) assert_false(kube_is_dns_label(bad[i]));
    assert_true(kube_is_dns_label(repeated(state, 'a', 63)));
    assert_false(kube_is_dns_label(repeated(state, 'a', 64)));
}

static void most_names_are_dns_subdomains(void **state) {
    static const char *const good[] = {"a", "a.b", "widgets.example.com", "0.1", "a-b.c-d"};
    static const char *const bad[] = {"", ".", "a.", ".a", "a..b", "a.-b", "A.b", "a_b", "a/b"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) assert_true(kube_is_dns_subdomain(good[i]));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) assert_false(kube_is_dns_subdomain(bad[i]));
    assert_true(kube_is_dns_subdomain(repeated(state, 'a', 253)));
    assert_false(kube_is_dns_subdomain(repeated(state, 'a', 254)));
}

static void every_name_is_a_path_segment(void **state) {
    static const char *const good[] = {"a", "system:node", "A_b", "...", "a b", "\xc3\xa4"};
    static const char *const bad[] = {"", ".", "..", "a/b", "a%b"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) assert_true(kube_is_path_segment(good[i]));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) assert_false(kube_is_path_segment(bad[i]));
    assert_true(kube_is_path_segment(repeated(state, 'a', 253)));
    assert_false(kube_is_path_segment(repeated(state, 'a', 254)));
}

static void label_keys_may_have_a_prefix(void **state) {
    static const char *const good[] = {"a", "A", "a.b", "a_b", "app.kubernetes.io/name", "x/Y_z"};
    static const char *const bad[] = {"", "/", "a/", "/a", "a/b/c", "-a", "a-", "A.b/c", "a b", "a:b", "\xc3\xa4"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) assert_true(kube_is_label_key(good[i]));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) assert_false(kube_is_label_key(bad[i]));
    assert_true(kube_is_label_key(repeated(state, 'a', 63)));
    assert_false(kube_is_label_key(repeated(state, 'a', 64)));
    assert_true(kube_is_label_key(arena_printf(arena_of(state), "%s/a", repeated(state, 'a', 253))));
    assert_false(kube_is_label_key(arena_printf(arena_of(state), "%s/a", repeated(state, 'a', 254))));
}

static void label_values_may_be_empty(void **state) {
    static const char *const good[] = {"", "a", "Red", "1.2", "a_b-c"};
    static const char *const bad[] = {"-", "a-", ".a", "a/b", "a b", "a:b"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) assert_true(kube_is_label_value(good[i]));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) assert_false(kube_is_label_value(bad[i]));
    assert_true(kube_is_label_value(repeated(state, 'a', 63)));
    assert_false(kube_is_label_value(repeated(state, 'a', 64)));
}

static void versions_are_those_of_apis(void **state) {
    static const char *const good[] = {"v1", "v12", "v1alpha1", "v2beta12"};
    static const char *const bad[] = {"", "v", "1", "v1a", "v1alpha", "v1beta1x", "v1gamma1", "V1", "scale"};
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) assert_true(kube_is_version(good[i]));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) assert_false(kube_is_version(bad[i]));
}

// The example of the documentation on versions of custom resources.
static void the_first_of_versions_is_the_preferred_one(void **state) {
    static const char *const versions[] = {"v10",       "v2",        "v1",   "v11beta2", "v10beta3", "v3beta1",
                                           "v12alpha1", "v11alpha2", "foo1", "foo10",    "v"};
    (void)state;
    for (size_t i = 0; i < sizeof versions / sizeof *versions; i++)
        for (size_t j = 0; j < sizeof versions / sizeof *versions; j++) {
            const int order = kube_compare_versions(versions[i], versions[j]);
            assert_int_equal((order > 0) - (order < 0), (i > j) - (i < j));
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        SENTENCE(namespaces_are_dns_labels),
        SENTENCE(most_names_are_dns_subdomains),
        SENTENCE(every_name_is_a_path_segment),
        SENTENCE(label_keys_may_have_a_prefix),
        SENTENCE(label_values_may_be_empty),
        SENTENCE(versions_are_those_of_apis),
        SENTENCE(the_first_of_versions_is_the_preferred_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
