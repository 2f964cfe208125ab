// The objects of the output: what all of them have, policies and bindings, their order.
#include "compile_support.h"

static const char policy[] = "policy p\nactor a = new sa default/x\nlock l {\n  resources configmaps\n  namespace "
                             "default\n  labels k=v\n  deny update\n  exclusive a\n}\n"
                             "grant g to a {\n  resources configmaps\n  namespace b, a\n  allow update\n}\ngrant c to "
                             "a {\n  resources nodes\n  allow get\n}\n";

static const char *string_at(const struct value *value, const char *key) {
    return value_get_string(value, key);
}

static void objects_come_in_the_order_of_application(void **state) {
    static const char *const expected[][3] = {
        {"ServiceAccount", "default", "x"},
        {"ClusterRole", "", "p:c"},
        {"ClusterRoleBinding", "", "p:c"},
        {"Role", "a", "p:g"},
        {"Role", "b", "p:g"},
        {"RoleBinding", "a", "p:g"},
        {"RoleBinding", "b", "p:g"},
        {"ValidatingAdmissionPolicy", "", "p-objects--configmaps"},
        {"ValidatingAdmissionPolicyBinding", "", "p-objects--configmaps"},
    };
    const struct compilation *compilation = compile(state, policy);
    assert_no_errors(compilation);
    assert_int_equal(compilation->manifest.count, sizeof expected / sizeof *expected);
    for (size_t i = 0; i < compilation->manifest.count; i++) {
        assert_string_equal(manifest_kind_name(compilation->manifest.objects[i].kind), expected[i][0]);
        assert_string_equal(compilation->manifest.objects[i].namespace, expected[i][1]);
        assert_string_equal(compilation->manifest.objects[i].name, expected[i][2]);
    }
}

static void every_object_says_whose_it_is_and_where_it_comes_from(void **state) {
    const struct compilation *compilation = compile(state, policy);
    for (size_t i = 0; i < compilation->manifest.count; i++) {
        const struct value *object = compilation->manifest.objects[i].value, *metadata = value_get(object, "metadata");
        assert_string_equal(string_at(value_get(metadata, "labels"), "app.kubernetes.io/managed-by"), "klockc");
        assert_string_equal(string_at(value_get(metadata, "labels"), "klock.dev/policy"), "p");
        assert_int_equal(strncmp(string_at(value_get(metadata, "annotations"), "klock.dev/source"), "test.klock#", 11),
                         0);
        assert_null(value_get(object, "status"));
        assert_true(*string_at(object, "apiVersion") != '\0');
    }
    const struct value *role = object_named(compilation, "Role", "a", "p:g");
    assert_string_equal(string_at(value_dig(role, "metadata", "annotations", NULL), "klock.dev/source"),
                        "test.klock#g");
}

static void policies_write_out_what_the_server_would_add(void **state) {
    const struct value *spec = value_get(
        object_named(compile(state, policy), "ValidatingAdmissionPolicy", "", "p-objects--configmaps"), "spec");
    assert_string_equal(string_at(spec, "failurePolicy"), "Fail");
    const struct value *constraints = value_get(spec, "matchConstraints");
    assert_string_equal(string_at(constraints, "matchPolicy"), "Equivalent");
    assert_non_null(value_dig(constraints, "namespaceSelector", "matchLabels", NULL));
    assert_non_null(value_get(constraints, "objectSelector"));
    assert_null(value_get(constraints, "excludeResourceRules"));
    const struct value *rule = value_get(constraints, "resourceRules")->as.items[0];
    assert_string_equal(string_at(rule, "scope"), "Namespaced");
    assert_string_equal(value_get(rule, "apiVersions")->as.items[0]->as.string, "*");
    assert_null(value_get(rule, "resourceNames"));
    const struct value *validation = value_get(spec, "validations")->as.items[0];
    assert_string_equal(string_at(validation, "reason"), "Forbidden");
    assert_null(strchr(string_at(validation, "message"), '\n'));
    assert_null(value_get(spec, "auditAnnotations"));
}

static void bindings_act_as_the_mode_says(void **state) {
    static const struct {
        const char *mode, *name, *actions;
    } rows[] = {{"deny", "test-objects--configmaps", "Deny"},
                {"warn", "test-objects-warn--configmaps", "Warn"},
                {"audit", "test-objects-audit--configmaps", "Audit"},
                {"deny, audit", "test-objects-deny-audit--configmaps", "DenyAudit"},
                {"audit, warn", "test-objects-warn-audit--configmaps", "WarnAudit"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct compilation *compilation =
            compile_lock(state, arena_printf(arena_of(state), "name n\ndeny update\nmode %s", rows[i].mode), "");
        const struct value *spec =
            value_get(object_named(compilation, "ValidatingAdmissionPolicyBinding", "", rows[i].name), "spec");
        struct text actions;
        text_init(&actions, arena_of(state));
        for (size_t j = 0; j < value_get(spec, "validationActions")->count; j++)
            text_add_string(&actions, value_get(spec, "validationActions")->as.items[j]->as.string);
        assert_string_equal(text_string(&actions), rows[i].actions);
        assert_string_equal(string_at(spec, "policyName"), rows[i].name);
    }
}

static void failing_open_is_ignore(void **state) {
    const struct compilation *compilation = compile_lock(state, "name n\ndeny update\non error allow", "");
    assert_string_equal(string_at(value_get(object_named(compilation, "ValidatingAdmissionPolicy", "",
                                                         "test-objects-ignore--configmaps"),
                                            "spec"),
                                  "failurePolicy"),
                        "Ignore");
}

static void break_glass_is_written_to_the_audit_log(void **state) {
    const struct compilation *compilation = compile_lock(state, "name n\ndeny update\nbreak-glass user b", "");
    const struct value *spec =
        value_get(object_named(compilation, "ValidatingAdmissionPolicy", "", "test-objects--configmaps"), "spec");
    assert_int_equal(value_get(spec, "auditAnnotations")->count, 1);
    assert_true(*string_at(value_get(spec, "auditAnnotations")->as.items[0], "valueExpression") != '\0');
}

static void static_manifests_have_a_suffix(void **state) {
    const struct compilation *compilation = compile_static(state, policy);
    assert_no_errors(compilation);
    assert_int_equal(compilation->manifest.count, 4);
    const struct value *binding =
        object_named(compilation, "ValidatingAdmissionPolicyBinding", "", "p-objects--configmaps.static.k8s.io");
    assert_string_equal(string_at(value_get(binding, "spec"), "policyName"), "p-objects--configmaps.static.k8s.io");
}

static void long_policy_names_fit_into_labels(void **state) {
    char *name = arena_alloc(arena_of(state), 101);
    memset(name, 'x', 100);
    const struct compilation *compilation = compile(
        state,
        arena_printf(arena_of(state),
                     "policy %s\nlock l {\n resources configmaps\n namespace a\n name n\n deny update\n}\n", name));
    assert_int_equal(strlen(string_at(value_dig(compilation->manifest.objects[0].value, "metadata", "labels", NULL),
                                      "klock.dev/policy")),
                     63);
}

// The rules of a role, each on a line: "GROUPS RESOURCES NAMES: VERBS".
static const char *rules_text(void **state, const struct value *role) {
    static const char *const lists[] = {"apiGroups", "resources", "resourceNames", "verbs"};
    struct text text;
    text_init(&text, arena_of(state));
    const struct value *rules = value_get(role, "rules");
    for (size_t i = 0; i < rules->count; i++)
        for (size_t j = 0; j < 4; j++) {
            const struct value *list = value_get(rules->as.items[i], lists[j]);
            for (size_t k = 0; list && k < list->count; k++)
                text_printf(&text, "%s%s", k ? "," : "", list->as.items[k]->as.string);
            text_add_char(&text, "|||\n"[j]);
        }
    return text_string(&text);
}

// Enough for what is there, and for nothing else.
static void deployers_may_write_what_there_is(void **state) {
    const struct compilation *compilation = compile(
        state,
        arena_printf(arena_of(state),
                     "%sdeployer sa x/y, user d\nlock m {\n  resources pods\n  namespace default\n  labels k=v\n  "
                     "deny exec\n  guard none\n}\n",
                     policy));
    assert_no_errors(compilation);
    assert_string_equal(rules_text(state, object_named(compilation, "Role", "a", "p-deployer")),
                        "rbac.authorization.k8s.io|roles||create\n"
                        "rbac.authorization.k8s.io|roles|p-deployer,p:g|delete,get,patch,update\n"
                        "rbac.authorization.k8s.io|rolebindings||create\n"
                        "rbac.authorization.k8s.io|rolebindings|p-deployer,p:g|delete,get,patch,update\n"
                        "|configmaps||update\n");
    assert_string_equal(rules_text(state, object_named(compilation, "Role", "default", "p-deployer")),
                        "|serviceaccounts||create\n|serviceaccounts|x|delete,get,patch,update\n"
                        "rbac.authorization.k8s.io|roles||create\n"
                        "rbac.authorization.k8s.io|roles|p-deployer|delete,get,patch,update\n"
                        "rbac.authorization.k8s.io|rolebindings||create\n"
                        "rbac.authorization.k8s.io|rolebindings|p-deployer|delete,get,patch,update\n");
    assert_string_equal(rules_text(state, object_named(compilation, "ClusterRole", "", "p-deployer")),
                        "rbac.authorization.k8s.io|clusterroles||create\n"
                        "rbac.authorization.k8s.io|clusterroles|p-deployer,p:c|delete,get,patch,update\n"
                        "rbac.authorization.k8s.io|clusterrolebindings||create\n"
                        "rbac.authorization.k8s.io|clusterrolebindings|p-deployer,p:c|delete,get,patch,update\n"
                        "admissionregistration.k8s.io|validatingadmissionpolicies||create\n"
                        "admissionregistration.k8s.io|validatingadmissionpolicies|p-connect--pods,p-objects--"
                        "configmaps|delete,get,patch,update\n"
                        "admissionregistration.k8s.io|validatingadmissionpolicybindings||create\n"
                        "admissionregistration.k8s.io|validatingadmissionpolicybindings|p-connect--pods,p-objects--"
                        "configmaps|delete,get,patch,"
                        "update\n"
                        "|nodes||get\n|pods||get,list\n");
    const struct value *subjects = value_get(object_named(compilation, "RoleBinding", "b", "p-deployer"), "subjects");
    assert_int_equal(subjects->count, 2);
    assert_string_equal(string_at(subjects->as.items[0], "namespace"), "x");
    assert_string_equal(string_at(subjects->as.items[1], "name"), "d");
}

static void a_deployer_has_nothing_of_other_policies(void **state) {
    const struct compilation *compilation = COMPILE_FILES(
        state, {"p.klock", policy},
        {"q.klock", "policy q\ndeployer user d\nlock l {\n  resources cm\n  namespace a\n  name n\n  deny "
                    "delete\n}\n"});
    assert_no_errors(compilation);
    assert_null(strstr(rules_text(state, object_named(compilation, "ClusterRole", "", "q-deployer")), "p-"));
    for (size_t i = 0; i < compilation->manifest.count; i++)
        if (strcmp(compilation->manifest.objects[i].name, "q-deployer") == 0)
            assert_string_equal(compilation->manifest.objects[i].namespace, "");
}

// Its label is shorter than its name, by which its objects are found.
static void a_deployer_of_a_long_name_has_its_objects(void **state) {
    char *name = arena_alloc(arena_of(state), 101);
    memset(name, 'x', 100);
    const struct compilation *compilation = compile(
        state,
        arena_printf(arena_of(state),
                     "policy %s\ndeployer user d\nlock l {\n resources cm\n namespace a\n name n\n deny delete\n}\n",
                     name));
    assert_no_errors(compilation);
    const char *role = arena_printf(arena_of(state), "%s-deployer", name);
    assert_non_null(strstr(rules_text(state, object_named(compilation, "ClusterRole", "", role)), "x-objects"));
}

static void rights_are_roles_without_bindings(void **state) {
    const struct compilation *compilation = compile_lock(state, "name n\ndeny update\nexclusive may unlock", "");
    assert_string_equal(rules_text(state, object_named(compilation, "ClusterRole", "", "test_unlock:l")),
                        "klock.dev|locks|l|unlock\n");
    assert_int_equal(compilation->manifest.count, 3);
}

// Of a grant to somebody with a dollar sign in the name, whether the binding tells Flux to replace no variables.
static bool is_kept_from_substitution(void **state, const char *name) {
    const struct compilation *compilation = compile(
        state,
        arena_printf(arena_of(state),
                     "policy test\ngrant g to group \"%s\" {\n resources cm\n namespace a\n allow get\n}\n", name));
    assert_no_errors(compilation);
    assert_null(value_dig(object_named(compilation, "Role", "a", "test:g"), "metadata", "annotations",
                          "kustomize.toolkit.fluxcd.io/substitute", NULL));
    return value_dig(object_named(compilation, "RoleBinding", "a", "test:g"), "metadata", "annotations",
                     "kustomize.toolkit.fluxcd.io/substitute", NULL);
}

static void names_of_people_are_no_variables(void **state) {
    assert_true(is_kept_from_substitution(state, "team-${{x}"));
    assert_true(is_kept_from_substitution(state, "a$$b"));
    assert_false(is_kept_from_substitution(state, "a$b"));
    assert_false(is_kept_from_substitution(state, "$"));
}

static void nothing_is_emitted_when_anything_is_wrong(void **state) {
    assert_int_equal(compile(state, arena_printf(arena_of(state), "%slock m {\n}\n", policy))->manifest.count, 0);
}

static struct value *policy_value(struct compilation *compilation) {
    for (size_t i = 0; i < compilation->manifest.count; i++)
        if (compilation->manifest.objects[i].kind == MANIFEST_POLICY) return compilation->manifest.objects[i].value;
    fail_msg("there is no policy");
    return NULL;
}

// What is verified before anything is written, in manifests that are broken on purpose.
static void what_is_there_twice_is_an_internal_error(void **state) {
    struct compilation *compilation = compile(state, policy);
    manifest_verify(&compilation->manifest);
    assert_no_errors(compilation);

    compilation = compile(state, policy);
    struct value *spec = value_dig(policy_value(compilation), "spec", NULL);
    const struct value_entry again = spec->as.entries[0];
    ARENA_PUSH(arena_of(state), spec->as.entries, spec->count, again);
    manifest_verify(&compilation->manifest);
    assert_int_equal(count_of(compilation, "K0009"), 1);

    compilation = compile(state, policy);
    static const char *const lists[][2] = {
        {"variables", "name"}, {"matchConditions", "name"}, {"auditAnnotations", "key"}};
    for (size_t i = 0; i < 3; i++) {
        struct value *list = value_list(arena_of(state)), *item = value_map(arena_of(state));
        value_set_string(arena_of(state), item, lists[i][1], "same");
        value_append(arena_of(state), list, item);
        value_append(arena_of(state), list, item);
        value_set(arena_of(state), value_dig(policy_value(compilation), "spec", NULL), lists[i][0], list);
    }
    manifest_verify(&compilation->manifest);
    assert_int_equal(count_of(compilation, "K0009"), 3);

    compilation = compile(state, policy);
    const struct manifest_object last = compilation->manifest.objects[compilation->manifest.count - 1];
    ARENA_PUSH(arena_of(state), compilation->manifest.objects, compilation->manifest.count, last);
    manifest_verify(&compilation->manifest);
    assert_int_equal(count_of(compilation, "K0009"), 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        SENTENCE(objects_come_in_the_order_of_application),
        SENTENCE(every_object_says_whose_it_is_and_where_it_comes_from),
        SENTENCE(policies_write_out_what_the_server_would_add),
        SENTENCE(bindings_act_as_the_mode_says),
        SENTENCE(failing_open_is_ignore),
        SENTENCE(break_glass_is_written_to_the_audit_log),
        SENTENCE(static_manifests_have_a_suffix),
        SENTENCE(long_policy_names_fit_into_labels),
        SENTENCE(deployers_may_write_what_there_is),
        SENTENCE(a_deployer_has_nothing_of_other_policies),
        SENTENCE(a_deployer_of_a_long_name_has_its_objects),
        SENTENCE(rights_are_roles_without_bindings),
        SENTENCE(names_of_people_are_no_variables),
        SENTENCE(nothing_is_emitted_when_anything_is_wrong),
        SENTENCE(what_is_there_twice_is_an_internal_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
