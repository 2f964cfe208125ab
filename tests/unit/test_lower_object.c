// Object clauses → scope; every way in which a scope is wrong.
#include "compile_support.h"

struct row {
    const char *clauses, *code, *at;
};

static void assert_rows(void **state, const struct row *rows, size_t count) {
    for (size_t i = 0; i < count; i++) {
        const struct compilation *compilation =
            compile(state, arena_printf(arena_of(state), "lock l {\n%s\n  deny update\n}\n", rows[i].clauses));
        if (count_of(compilation, rows[i].code) != 1) print_message("%s\n", rows[i].clauses);
        assert_reports(compilation, rows[i].code, rows[i].at);
        assert_true(compilation->diags.errors > 0);
        assert_int_equal(compilation->manifest.count, 0);
    }
}
#define ASSERT_ROWS(state, rows) assert_rows((state), (rows), sizeof(rows) / sizeof *(rows))

static void resources_and_namespaces_belong_together(void **state) {
    static const struct row rows[] = {
        {"resources pods\nname n", "K0405", "resources pods"},
        {"resources *\nname n", "K0405", "resources *"},
        {"resources *.apps\nname n", "K0405", "resources *.apps"},
        {"resources pods, nodes\nname n", "K0404", "nodes"},
        {"resources nodes, pods\nnamespace a\nname n", "K0404", "nodes"},
        {"resources nodes\nnamespace a\nname n", "K0403", "namespace"},
        {"resources nodes\nnamespace labeled a\nname n", "K0403", "namespace labeled"},
        {"resources pods\ncluster\nname n", "K0403", "cluster"},
        {"resources pods\ncluster\nnamespace a\nname n", "K0403", "cluster"},
        {"resources pods\nnamespace a\nnamespace labeled b\nname n", "K0403", "namespace labeled"},
        {"resources pods\nnamespace *, default\nname n", "K0414", "default"},
    };
    ASSERT_ROWS(state, rows);
}

static void names_must_exist(void **state) {
    static const struct row rows[] = {
        {"resources podz\nnamespace a\nname n", "K0103", "podz"},
        {"resources widgets.example.com\nnamespace a\nname n", "K0103", "widgets.example.com"},
        {"resources deployments/v9\nnamespace a\nname n", "K0103", "deployments/v9"},
        {"resources *.example.com\nnamespace a\nname n", "K0103", "*.example.com"},
        {"resources \"*\"\nnamespace a\nname n", "K0103", "\"*\""},
        {"resources pods\nnamespace A\nname n", "K0104", "A"},
        {"resources pods\nnamespace \"*\"\nname n", "K0104", "\"*\""},
        {"resources pods\nnamespace a\nname a/b", "K0104", "a/b"},
        {"resources pods\nnamespace a\nname \"\"", "K0104", "\"\""},
    };
    ASSERT_ROWS(state, rows);
}

static void names_are_those_that_objects_can_have(void **state) {
    static const struct row rows[] = {
        {"resources pods\nnamespace a\nname \"web-*\"", "K0104", "\"web-*\""},
        {"resources pods\nnamespace a\nname \"web-?\"", "K0104", "\"web-?\""},
        {"resources pods\nnamespace a\nname \".\"", "K0104", "\".\""},
        {"resources pods\nnamespace a\nname \"..\"", "K0104", "\"..\""},
        {"resources pods\nnamespace a\nname \"a%b\"", "K0104", "\"a%b\""},
        {"resources pods\nnamespace a\nname Web", "K0104", "Web"},
        {"resources pods\nnamespace a\nname a_b", "K0104", "a_b"},
        {"resources pods\nnamespace a\nwhere name = \"web-*\"", "K0104", "\"web-*\""},
        {"resources pods\nnamespace a\nwhere not (name in (Web, web) or label x)", "K0104", "Web"},
        {"resources pods\nnamespace a\nall objects\nwhen name != a_b", "K0104", "a_b"},
        {"resources ns\nname \"team-*\"", "K0104", "\"team-*\""},
        {"resources ns\nname a.b", "K0104", "a.b"},
        {"resources clusterroles\nname \"system:*\"", "K0104", "\"system:*\""},
    };
    ASSERT_ROWS(state, rows);
    static const char *const fine[] = {
        "resources clusterroles\nname system:controller:x, A_b",  "resources *\nnamespace a\nname A_b",
        "resources pods, roles\nnamespace a\nname A_b",           "resources ipaddresses\nname \"2001:db8::1\"",
        "resources pods\nnamespace a\nwhere name like \"web-*\"", "resources pods\nnamespace a\nname a.b"};
    for (size_t i = 0; i < sizeof fine / sizeof *fine; i++)
        assert_no_errors(compile(state, arena_printf(arena_of(state), "lock l {\n%s\n  deny update\n}\n", fine[i])));
    // Resources that are declared need not be custom ones, whose names are known.
    assert_no_errors(compile(state, "resource images.image.openshift.io/v1 cluster kind Image\nlock l {\n  resources "
                                    "images\n  name \"sha256:A_b\"\n  deny update\n}\n"));
    assert_reports(compile(state, "object o {\n  resources pods\n  namespace a\n}\nlock l on o {\n  name A\n  deny "
                                  "update\n}\n"),
                   "K0104", "A");
    assert_reports(compile(state, "object o {\n  resources pods\n  namespace a\n  name A\n}\nlock l on o {\n  deny "
                                  "update\n}\n"),
                   "K0104", "A");
}

static void clauses_that_say_nothing_are_refused(void **state) {
    static const struct row rows[] = {
        {"namespace a\nname n", "K0401", "l"},
        {"resources pods\nexcept resources services\nnamespace a\nname n", "K0414", "except resources"},
        {"resources pods\nnamespace a\nall objects\nname n", "K0403", "all objects"},
        {"resources pods\nnamespace a\nall objects\nlabels x", "K0403", "all objects"},
        {"resources pods\nnamespace a", "K0406", "l"},
        {"resources pods\nresources services\nnamespace a\nname n", "K0402", "resources"},
        {"resources pods\nnamespace a\nnamespace b\nname n", "K0402", "namespace"},
        {"resources pods\nnamespace a\nlabels a\nlabels b", "K0402", "labels"},
    };
    ASSERT_ROWS(state, rows);
}

static void objects_take_object_clauses_only(void **state) {
    assert_reports(compile(state, "object o {\n  resources pods\n  namespace a\n  deny update\n}\n"), "K0003", "deny");
    assert_reports(compile(state, "object o {\n  namespace a\n  name n\n}\n"), "K0401", "o");
    assert_reports(compile(state, "object o {\n  resources pods\n}\n"), "K0405", "resources pods");
}

static void a_lock_on_an_object_does_not_say_where_again(void **state) {
    static const char *const clauses[] = {"resources pods", "namespace b", "namespace labeled x", "cluster",
                                          "except resources pods"};
    for (size_t i = 0; i < sizeof clauses / sizeof *clauses; i++) {
        const struct compilation *compilation = compile(
            state,
            arena_printf(
                arena_of(state),
                "object o {\n  resources pods\n  namespace a\n  name n\n}\nlock l on o {\n  %s\n  deny update\n}\n",
                clauses[i]));
        assert_true(count_of(compilation, "K0403") > 0);
        assert_int_equal(compilation->manifest.count, 0);
    }
}

static const struct object_scope *scope_of(void **state, const char *clauses) {
    const struct compilation *compilation =
        compile(state, arena_printf(arena_of(state), "lock l {\n%s\n  name n\n  deny update\n}\n", clauses));
    assert_no_errors(compilation);
    return &lock_named(compilation, "l")->scope;
}

static void scopes_are_what_was_said(void **state) {
    const struct object_scope *scope = scope_of(state, "resources po, Deployment, pods\nnamespace b, a, b");
    assert_int_equal(scope->where, IN_NAMESPACES);
    assert_int_equal(scope->target_count, 2);
    assert_string_equal(scope->targets[1].group, "apps");
    assert_int_equal(scope->namespace_count, 2);
    assert_string_equal(scope->namespaces[0], "a");

    scope = scope_of(state, "resources configmaps\nnamespace *, kube-system");
    assert_int_equal(scope->where, IN_ANY_NAMESPACE);
    assert_int_equal(scope->namespace_count, 1);
    assert_string_equal(scope->namespaces[0], "kube-system");

    scope = scope_of(state, "resources configmaps\nnamespace labeled env=prod");
    assert_int_equal(scope->where, IN_LABELED_NAMESPACES);
    assert_string_equal(formula_text(state, scope->namespace_selector), "(namespace-label env in prod)");

    assert_int_equal(scope_of(state, "resources nodes")->where, IN_CLUSTER);
    assert_int_equal(scope_of(state, "resources nodes\ncluster")->where, IN_CLUSTER);

    scope = scope_of(state, "resources *.apps, *\nexcept resources daemonsets\nnamespace a");
    assert_null(scope->targets[0].name);
    assert_string_equal(scope->targets[0].group, "apps");
    assert_null(scope->targets[1].group);
    assert_string_equal(scope->excepts[0].name, "daemonsets");
}

static void versions_are_kept_as_they_are_written(void **state) {
    assert_string_equal(scope_of(state, "resources deployments/v1\nnamespace a")->targets[0].version, "v1");
    assert_null(scope_of(state, "resources deployments\nnamespace a")->targets[0].version);
}

static void several_objects_are_selected_one_by_one(void **state) {
    const struct compilation *compilation =
        compile(state, "object a {\n  resources pods\n  namespace x\n  name n\n}\nobject b {\n  resources configmaps\n "
                       " namespace y\n  labels k\n}\n"
                       "object c {\n  resources nodes\n  name m\n}\nlock l on a, b, c {\n  deny update\n}\n");
    assert_no_errors(compilation);
    assert_int_equal(compilation->policies.lock_count, 2);
    assert_string_equal(formula_text(state, compilation->policies.locks[0]->selects),
                        "(or (and (resource in pods) (namespace in x) (name in n)) (and (resource in configmaps) "
                        "(namespace in y) (label k)))");
    assert_string_equal(formula_text(state, compilation->policies.locks[1]->selects), "(name in m)");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        SENTENCE(resources_and_namespaces_belong_together),
        SENTENCE(names_must_exist),
        SENTENCE(names_are_those_that_objects_can_have),
        SENTENCE(clauses_that_say_nothing_are_refused),
        SENTENCE(objects_take_object_clauses_only),
        SENTENCE(a_lock_on_an_object_does_not_say_where_again),
        SENTENCE(scopes_are_what_was_said),
        SENTENCE(versions_are_kept_as_they_are_written),
        SENTENCE(several_objects_are_selected_one_by_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
