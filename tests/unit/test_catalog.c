// Built-in and declared resources, and the words that find them.
#include "compile_support.h"

#include "base/names.h"
#include "base/text.h"
#include "kubernetes/catalog.h"

static struct catalog *catalog_of(void **state) {
    struct catalog *catalog = ARENA_NEW(arena_of(state), struct catalog);
    catalog_init(catalog, arena_of(state));
    return catalog;
}

static void assert_finds(const struct catalog *catalog, const char *word, const char *group, const char *plural) {
    const struct resource *resource = catalog_find(catalog, word);
    if (!resource) fail_msg("'%s' is not found", word);
    assert_string_equal(resource->group, group);
    assert_string_equal(resource->plural, plural);
}

static void finds_a_resource_by_every_word_that_kubectl_takes(void **state) {
    const struct catalog *catalog = catalog_of(state);
    static const char *const words[] = {"pods", "pod", "po", "Pod", "POD"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) assert_finds(catalog, words[i], "", "pods");
    static const char *const deployments[] = {"deployments", "deploy", "Deployment", "deployments.apps",
                                              "deployment.apps"};
    for (size_t i = 0; i < sizeof deployments / sizeof *deployments; i++)
        assert_finds(catalog, deployments[i], "apps", "deployments");
    assert_finds(catalog, "networkpolicies.networking.k8s.io", "networking.k8s.io", "networkpolicies");
    assert_finds(catalog, "cm", "", "configmaps");
}

static void knows_nothing_else(void **state) {
    const struct catalog *catalog = catalog_of(state);
    static const char *const words[] = {"", "pode", "pods.apps", "deployments.extensions", "*", "pods.", ".apps"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) assert_null(catalog_find(catalog, words[i]));
    assert_null(catalog_get(catalog, "apps", "pods"));
    assert_null(catalog_get(catalog, "apps", "deploy"));
    assert_null(catalog_get(catalog, "", "po"));
}

static void the_core_group_wins_where_several_have_the_word(void **state) {
    const struct catalog *catalog = catalog_of(state);
    assert_finds(catalog, "events", "", "events");
    assert_finds(catalog, "events.events.k8s.io", "events.k8s.io", "events");
}

static void knows_scope_and_subresources(void **state) {
    const struct catalog *catalog = catalog_of(state);
    assert_true(catalog_find(catalog, "pods")->namespaced);
    assert_false(catalog_find(catalog, "nodes")->namespaced);
    assert_false(catalog_find(catalog, "namespaces")->namespaced);
    assert_true(text_has_word(catalog_find(catalog, "pods")->subresources, "eviction"));
    assert_true(text_has_word(catalog_find(catalog, "deployments")->subresources, "scale"));
    assert_false(text_has_word(catalog_find(catalog, "configmaps")->subresources, "scale"));
    assert_false(text_has_word(catalog_find(catalog, "bindings")->verbs, "delete"));
}

static void knows_groups(void **state) {
    const struct catalog *catalog = catalog_of(state);
    assert_true(catalog_knows_group(catalog, "apps"));
    assert_true(catalog_knows_group(catalog, ""));
    assert_false(catalog_knows_group(catalog, "app"));
}

static struct resource declared(const char *plural, const char *kind, const char *group) {
    return (struct resource){
        .plural = plural,
        .singular = "",
        .kind = kind,
        .group = group,
        .version = "v1",
        .versions = "v1",
        .namespaced = true,
        .short_names = "",
        .verbs = "get",
        .subresources = "",
        .declared = {0, 0, 1},
        .replicas = "",
    };
}

static void knows_what_projects_define(void **state) {
    struct catalog *catalog = catalog_of(state);
    static const char *const words[] = {"helmreleases",
                                        "helmrelease",
                                        "HelmRelease",
                                        "HR",
                                        "hr",
                                        "helmreleases.helm.toolkit.fluxcd.io",
                                        "HelmRelease.helm.toolkit.fluxcd.io"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        assert_finds(catalog, words[i], "helm.toolkit.fluxcd.io", "helmreleases");
    const struct resource *machines = catalog_find(catalog, "machinedeployments");
    assert_string_equal(machines->project, "cluster-api");
    assert_string_equal(machines->subresources, "scale status");
    assert_string_equal(machines->replicas, "spec.replicas");
    assert_true(machines->namespaced && machines->defined && !machines->built_in);
    assert_false(catalog_find(catalog, "clusterissuers")->namespaced);
    assert_true(catalog_knows_group(catalog, "cert-manager.io"));
    assert_string_equal(catalog_nearest(catalog, "helmrelase"), "helmrelease");

    assert_int_equal(catalog_others(catalog, "backups")->count, 3);
    assert_null(catalog_others(catalog, "backups.velero.io"));
    assert_null(catalog_others(catalog, "nodes")); // Longhorn has some as well
}

static void what_is_declared_goes_before_what_projects_define(void **state) {
    struct catalog *catalog = catalog_of(state);
    const struct resource other = declared("backups", "Backup", "example.com");
    const struct resource same = declared("certificates", "Certificate", "cert-manager.io");
    assert_null(catalog_declare(catalog, &other));
    assert_null(catalog_declare(catalog, &same));
    assert_ptr_equal(catalog_find(catalog, "Backup"), &other);
    assert_null(catalog_others(catalog, "backups"));
    assert_ptr_equal(catalog_find(catalog, "certificates"), &same);
    assert_ptr_equal(catalog_find(catalog, "cert"), &same); // by the short name that the project gives it
}

static void takes_declared_resources_once(void **state) {
    struct catalog *catalog = catalog_of(state);
    const struct resource widgets = declared("widgets", "Widget", "example.com");
    struct resource pods = widgets;
    assert_null(catalog_declare(catalog, &widgets));
    assert_finds(catalog, "widgets", "example.com", "widgets");
    assert_finds(catalog, "Widget", "example.com", "widgets");
    assert_finds(catalog, "widgets.example.com", "example.com", "widgets");
    assert_true(catalog_knows_group(catalog, "example.com"));
    assert_ptr_equal(catalog_declare(catalog, &widgets), &widgets);

    pods.plural = "pods";
    pods.kind = "Pod";
    assert_null(catalog_declare(catalog, &pods));
    assert_finds(catalog, "pods", "", "pods");
    assert_null(catalog_others(catalog, "pods"));
    assert_finds(catalog, "pods.example.com", "example.com", "pods");
}

static void a_word_of_several_declared_resources_is_none_of_theirs(void **state) {
    struct catalog *catalog = catalog_of(state);
    const struct resource one = declared("clusters", "Cluster", "one.example.com");
    struct resource two = one, other = one;
    two.group = "two.example.com";
    assert_null(catalog_declare(catalog, &one));
    assert_null(catalog_others(catalog, "clusters"));
    assert_null(catalog_declare(catalog, &two));
    assert_int_equal(catalog_others(catalog, "clusters")->count, 2);
    assert_int_equal(catalog_others(catalog, "Cluster")->count, 2);
    assert_null(catalog_others(catalog, "clusters.two.example.com"));
    assert_finds(catalog, "clusters.two.example.com", "two.example.com", "clusters");
    assert_ptr_equal(catalog_get(catalog, "two.example.com", "clusters"), &two);

    // A kind that is the plural of another resource.
    other.plural = "others";
    other.kind = "Clusters";
    assert_null(catalog_declare(catalog, &other));
    assert_finds(catalog, "clusters.one.example.com", "one.example.com", "clusters");
    assert_null(catalog_others(catalog, "clusters.one.example.com"));
}

static void names_are_what_the_api_server_takes(void **state) {
    struct catalog *catalog = catalog_of(state);
    assert_int_equal(catalog_name_rule(catalog_find(catalog, "pods")), NAMES_ARE_SUBDOMAINS);
    assert_int_equal(catalog_name_rule(catalog_find(catalog, "ns")), NAMES_ARE_LABELS);
    assert_int_equal(catalog_name_rule(catalog_find(catalog, "clusterroles")), NAMES_ARE_SEGMENTS);
    assert_int_equal(catalog_name_rule(catalog_find(catalog, "ipaddresses")), NAMES_ARE_SEGMENTS);
    assert_int_equal(catalog_name_rule(catalog_find(catalog, "apiservices")), NAMES_ARE_SEGMENTS);
}

static void lists_are_compared_word_by_word(void **state) {
    (void)state;
    assert_true(text_has_word("a b c", "a"));
    assert_true(text_has_word("a b c", "c"));
    assert_true(text_has_word("abc", "abc"));
    assert_false(text_has_word("abc", "ab"));
    assert_false(text_has_word("ab", "abc"));
    assert_false(text_has_word("", "a"));
    assert_false(text_has_word("a b", ""));
}

static void names_have_their_group_unless_it_is_core(void **state) {
    const struct catalog *catalog = catalog_of(state);
    assert_string_equal(catalog_name(arena_of(state), catalog_find(catalog, "po")), "pods");
    assert_string_equal(catalog_name(arena_of(state), catalog_find(catalog, "deploy")), "deployments.apps");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        SENTENCE(finds_a_resource_by_every_word_that_kubectl_takes),
        SENTENCE(knows_nothing_else),
        SENTENCE(the_core_group_wins_where_several_have_the_word),
        SENTENCE(knows_scope_and_subresources),
        SENTENCE(knows_groups),
        SENTENCE(knows_what_projects_define),
        SENTENCE(what_is_declared_goes_before_what_projects_define),
        SENTENCE(takes_declared_resources_once),
        SENTENCE(a_word_of_several_declared_resources_is_none_of_theirs),
        SENTENCE(names_are_what_the_api_server_takes),
        SENTENCE(lists_are_compared_word_by_word),
        SENTENCE(names_have_their_group_unless_it_is_core),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
