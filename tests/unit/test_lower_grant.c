// Grants → RBAC, as data and as objects.
#include "compile_support.h"

static struct compilation *compile_grant(void **state, const char *to, const char *clauses) {
    return compile(
        state,
        arena_printf(arena_of(state), "actor jonny = sa default/jonny, user j\ngrant g to %s {\n%s\n}\n", to, clauses));
}

static void every_refusal_has_its_code_and_place(void **state) {
    static const struct {
        const char *to, *clauses, *code, *at;
    } rows[] = {
        {"jonny", "resources pods\nnamespace a", "K0401", "g"},
        {"jonny", "allow get", "K0401", "g"},
        {"jonny", "resources pods\nallow get", "K0405", "resources pods"},
        {"jonny", "resources pods\nnamespace a\nallow gett", "K0108", "gett"},
        {"jonny", "resources pods\nnamespace a\nallow *", "K0301", "*"},
        {"jonny", "resources *\nnamespace a\nallow get", "K0301", "allow get"},
        {"jonny", "resources pods\nnamespace a\nallow wildcard", "K0401", "wildcard"},
        {"jonny", "resources *\nnamespace a\nallow wildcard", "K0401", "wildcard"},
        {"jonny", "resources pods\nnamespace a\nallow wildcard, get", "K0414", "wildcard"},
        {"jonny", "resources pods\nnamespace a\nname Not_A_Name\nallow get", "K0104", "Not_A_Name"},
        {"jonny", "resources pods\nnamespace a\nname n\nallow get, create", "K0304", "create"},
        {"jonny", "resources pods\nnamespace a\nname n\nallow deletecollection", "K0304", "deletecollection"},
        {"uid u", "resources pods\nnamespace a\nallow get", "K0305", "uid u"},
        {"user a and group b", "resources pods\nnamespace a\nallow get", "K0305", "user a and group b"},
        {"jonny", "resources pods\nnamespace a\nlabels x\nallow get", "K0305", "labels"},
        {"jonny", "resources pods\nnamespace a\nwhere label x\nallow get", "K0305", "where"},
        {"jonny", "resources pods\nnamespace labeled x\nallow get", "K0305", "namespace labeled"},
        {"jonny", "resources *\nexcept resources pods\nnamespace a\nallow wildcard, get", "K0305", "g"},
        {"nobody", "resources pods\nnamespace a\nallow get", "K0101", "nobody"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct compilation *compilation = compile_grant(state, rows[i].to, rows[i].clauses);
        if (count_of(compilation, rows[i].code) != 1) print_message("%s\n", rows[i].clauses);
        assert_reports(compilation, rows[i].code, rows[i].at);
        assert_int_equal(compilation->manifest.count, 0);
    }
    assert_reports(compile_grant(state, "jonny", "resources configmaps\nnamespace a\ndeny update\nallow get"), "K0003",
                   "deny");
}

static void a_grant_on_an_object_does_not_say_where_again(void **state) {
    static const char *const clauses[] = {"namespace b", "cluster", "resources pods\nnamespace b"};
    for (size_t i = 0; i < sizeof clauses / sizeof *clauses; i++) {
        const struct compilation *compilation =
            compile(state, arena_printf(arena_of(state),
                                        "object o {\n  resources configmaps\n  namespace a\n  labels x\n}\ngrant g to "
                                        "user u on o {\n  %s\n  allow get\n}\n",
                                        clauses[i]));
        assert_true(count_of(compilation, "K0403") > 0);
        assert_int_equal(compilation->manifest.count, 0);
    }
}

static void verbs_and_subjects_are_sorted_and_there_once(void **state) {
    const struct compilation *compilation =
        compile_grant(state, "user z, jonny, group g, user j", "resources pods\nnamespace a\nallow watch, get, get");
    assert_no_errors(compilation);
    const struct grant *grant = grant_named(compilation, "g");
    assert_int_equal(grant->verb_count, 2);
    assert_string_equal(grant->verbs[0], "get");
    assert_int_equal(grant->subject_count, 4);
    assert_int_equal(grant->subjects[0].kind, RBAC_SERVICE_ACCOUNT);
    assert_string_equal(grant->subjects[0].namespace, "default");
    assert_string_equal(grant->subjects[1].name, "j");
    assert_int_equal(grant->subjects[3].kind, RBAC_GROUP);
}

static void a_grant_has_a_role_in_each_namespace(void **state) {
    const struct compilation *compilation =
        compile_grant(state, "jonny", "resources deployments, pods, cm\nnamespace b, a\nname n\nallow get, update");
    assert_no_errors(compilation);
    assert_int_equal(compilation->manifest.count, 4);
    const struct value *role = object_named(compilation, "Role", "b", "test:g");
    const struct value *rules = value_get(role, "rules");
    assert_int_equal(rules->count, 2);
    assert_string_equal(value_get(rules->as.items[0], "apiGroups")->as.items[0]->as.string, "");
    assert_string_equal(value_get(rules->as.items[0], "resources")->as.items[0]->as.string, "configmaps");
    assert_string_equal(value_get(rules->as.items[1], "apiGroups")->as.items[0]->as.string, "apps");
    assert_string_equal(value_get(rules->as.items[1], "resourceNames")->as.items[0]->as.string, "n");
    const struct value *binding = object_named(compilation, "RoleBinding", "a", "test:g");
    assert_string_equal(value_get_string(value_get(binding, "roleRef"), "kind"), "Role");
    assert_string_equal(value_get_string(value_get(binding, "roleRef"), "name"), "test:g");
    const struct value *account = value_get(binding, "subjects")->as.items[0];
    assert_string_equal(value_get_string(account, "kind"), "ServiceAccount");
    assert_string_equal(value_get_string(account, "namespace"), "default");
    assert_null(value_get(account, "apiGroup"));
    assert_string_equal(value_get_string(value_get(binding, "subjects")->as.items[1], "apiGroup"),
                        "rbac.authorization.k8s.io");
}

static void what_has_no_namespace_is_granted_in_the_cluster(void **state) {
    static const char *const clauses[] = {"resources nodes\nallow get", "resources configmaps\nnamespace *\nallow get"};
    for (size_t i = 0; i < 2; i++) {
        const struct compilation *compilation = compile_grant(state, "jonny", clauses[i]);
        assert_no_errors(compilation);
        assert_int_equal(compilation->manifest.count, 2);
        object_named(compilation, "ClusterRole", "", "test:g");
        object_named(compilation, "ClusterRoleBinding", "", "test:g");
    }
}

static void wildcards_are_granted_when_they_are_meant(void **state) {
    const struct compilation *compilation =
        compile_grant(state, "jonny", "resources *.apps, *\nnamespace a\nallow wildcard, *");
    assert_no_errors(compilation);
    const struct value *rules = value_get(object_named(compilation, "Role", "a", "test:g"), "rules");
    assert_string_equal(value_get(rules->as.items[0], "apiGroups")->as.items[0]->as.string, "*");
    assert_string_equal(value_get(rules->as.items[0], "resources")->as.items[0]->as.string, "*");
    assert_string_equal(value_get(rules->as.items[0], "verbs")->as.items[0]->as.string, "*");
}

static void subresources_are_granted_as_they_are_written(void **state) {
    const struct compilation *compilation = compile_grant(
        state, "jonny",
        "resources pods/exec, deployments/v1/scale, pods/eviction\nnamespace a\nname n\nallow create, update");
    assert_no_errors(compilation);
    const struct value *rules = value_get(object_named(compilation, "Role", "a", "test:g"), "rules");
    const struct value *core = value_get(rules->as.items[0], "resources"),
                       *apps = value_get(rules->as.items[1], "resources");
    assert_int_equal(core->count, 2);
    assert_string_equal(core->as.items[0]->as.string, "pods/eviction");
    assert_string_equal(core->as.items[1]->as.string, "pods/exec");
    assert_int_equal(apps->count, 1);
    assert_string_equal(apps->as.items[0]->as.string, "deployments/scale");
    // Below a name things are created; beside an object without one they are not.
    assert_reports(compile_grant(state, "jonny", "resources pods/exec, pods\nnamespace a\nname n\nallow create"),
                   "K0304", "create");
    assert_reports(compile_grant(state, "may unlock", "resources pods\nnamespace a\nallow get"), "K0305", "may unlock");
}

static void two_grants_never_become_one_object(void **state) {
    static const char grant[] = "grant %s to user u {\n  resources configmaps\n  namespace default\n  allow get\n}\n";
    struct arena *arena = arena_of(state);
    const struct compilation *compilation = COMPILE_FILES(state, {"a.klock", arena_printf(arena, grant, "b-c")},
                                                          {"a-b.klock", arena_printf(arena, grant, "c")});
    assert_no_errors(compilation);
    object_named(compilation, "Role", "default", "a:b-c");
    object_named(compilation, "Role", "default", "a-b:c");
}

static void names_of_roles_are_names_that_kubernetes_takes(void **state) {
    static const char *const names[] = {"\"a/b\"", "\"a%b\""};
    for (size_t i = 0; i < 2; i++)
        assert_reports(
            compile(state,
                    arena_printf(arena_of(state),
                                 "grant %s to user u {\n  resources configmaps\n  namespace default\n  allow get\n}\n",
                                 names[i])),
            "K0104", names[i]);
    char *name = arena_alloc(arena_of(state), 301);
    memset(name, 'x', 300);
    const struct compilation *compilation = compile(
        state,
        arena_printf(arena_of(state),
                     "grant %s to user u {\n  resources configmaps\n  namespace default\n  allow get\n}\n", name));
    assert_no_errors(compilation);
    assert_int_equal(strlen(compilation->manifest.objects[0].name), 253);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        SENTENCE(every_refusal_has_its_code_and_place),
        SENTENCE(a_grant_on_an_object_does_not_say_where_again),
        SENTENCE(verbs_and_subjects_are_sorted_and_there_once),
        SENTENCE(a_grant_has_a_role_in_each_namespace),
        SENTENCE(what_has_no_namespace_is_granted_in_the_cluster),
        SENTENCE(wildcards_are_granted_when_they_are_meant),
        SENTENCE(subresources_are_granted_as_they_are_written),
        SENTENCE(two_grants_never_become_one_object),
        SENTENCE(names_of_roles_are_names_that_kubernetes_takes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
