// Grouping: what shares a policy, a table, a key; what does not grow with the number of locks.
#include "compile_support.h"

#include "base/limits.h"
#include "base/map.h"
#include "base/names.h"

typedef void add_lock(struct text *text, int i);

static const struct plan *plan_text(void **state, const char *text) {
    return plan_of(state, compile(state, text));
}

static const struct plan *plan_many(void **state, add_lock *add, int count) {
    struct text text;
    text_init(&text, arena_of(state));
    for (int i = 0; i < count; i++) add(&text, i);
    return plan_text(state, text_string(&text));
}

static void by_label(struct text *text, int i) {
    text_printf(text, "lock l%d {\n resources configmaps\n namespace a\n labels k=v%d\n deny update\n}\n", i, i);
}
static void by_name(struct text *text, int i) {
    text_printf(text, "lock l%d {\n resources configmaps\n namespace a\n name n%d\n deny update\n}\n", i, i);
}
static void by_namespace(struct text *text, int i) {
    text_printf(text, "lock l%d {\n resources configmaps\n namespace ns%d\n labels k=v\n deny update\n}\n", i, i);
}
static void by_actor(struct text *text, int i) {
    text_printf(text,
                "lock l%d {\n resources configmaps\n namespace a\n labels k=v\n deny update\n exclusive user u%d, "
                "group g%d\n}\n",
                i, i, i);
}
static void by_message(struct text *text, int i) {
    text_printf(text,
                "lock l%d {\n resources configmaps\n namespace a\n labels k=v\n deny update\n message \"m %d\"\n}\n", i,
                i);
}
static void by_operations(struct text *text, int i) {
    static const char *const operations[] = {"update", "create, update", "update, delete", "write"};
    text_printf(
        text,
        "lock l%d {\n resources configmaps\n namespace a\n labels k=v%d\n deny %s\n guard no owners, no namespace\n}\n",
        i, i, operations[i % 4]);
}
static void by_resources(struct text *text, int i) {
    static const char *const resources[] = {"configmaps", "secrets", "services, configmaps", "limitranges"};
    text_printf(text, "lock l%d {\n resources %s\n namespace a\n labels k=v%d\n deny update\n}\n", i, resources[i % 4],
                i);
}
static void by_field(struct text *text, int i) {
    text_printf(text, "lock l%d {\n resources configmaps\n namespace a\n where field data.k = v%d\n deny update\n}\n",
                i, i);
}
static void by_uid(struct text *text, int i) {
    text_printf(text,
                "lock l%d {\n resources configmaps\n namespace a\n labels k=v\n deny update\n exclusive uid u%d\n}\n",
                i, i);
}

static void constants_never_add_policies_or_tables(void **state) {
    add_lock *const ways[] = {by_label,      by_name,      by_namespace, by_actor, by_message,
                              by_operations, by_resources, by_field,     by_uid};
    static const int counts[] = {1, 100, 1000};
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++)
        for (size_t j = 0; j < sizeof counts / sizeof *counts; j++) {
            const struct plan *plan = plan_many(state, ways[i], counts[j]);
            assert_int_equal(plan->count, 1);
            assert_int_equal(plan->policies[0].table_count, 1);
            assert_int_equal(plan->policies[0].tables[0].row_count, counts[j]);
            assert_string_equal(plan->policies[0].name, "test-objects--configmaps");
        }
}

static void what_differs_is_a_column_and_the_rest_is_in_place(void **state) {
    const struct plan_table *table = &plan_many(state, by_actor, 3)->policies[0].tables[0];
    assert_false(table->users.uniform);
    assert_false(table->groups.uniform);
    assert_false(table->messages.uniform);
    assert_true(table->operations.uniform);
    assert_true(table->resources.uniform);
    assert_true(table->namespaces.uniform);
    assert_int_equal(table->atom_count, 1);
    assert_true(table->columns[0].uniform);
    assert_string_equal(table->users.values[1][0]->as.string, "u1");
}

static void other_structures_are_other_tables(void **state) {
    static const char head[] = " resources configmaps\n namespace a\n deny update\n";
    static const char *const different[] = {
        "labels k=v",
        "labels j=v",
        "labels k!=v",
        "labels k=v, j=w",
        "annotations k=v",
        "name n",
        "labels k",
        "labels k=v\n guard none",
        "labels k=v\n exempt none",
        "labels k=v\n when label x",
        "labels k=v\n require label x",
        "labels k=v\n changing data",
        "labels k=v\n except changing data",
        "where field data.k = v",
        "where field data.k = 5",
        "where field data.k.v = x",
        "where field data[\"k/v\"] = x",
        "where field data[*] = v",
        "where field data[\"*\"] = v",
        "where field data[\"k.v\"] = x",
        "where label k like \"v*\"",
        "where label k contains v",
        "labels k=v\n exclusive user u with extra a = b",
        "labels k=v\n exclusive user u with extra \"a b\" = c",
        "labels k=v\n break-glass user g",
        "where any data.x as x (x.k = v)",
        "where all data.x as x (x.k = v)",
        "where operation in (update)",
        "where operation in (update, delete)",
        "labels k=v\n changing data[\"a/b\"]",
        "labels k=v\n changing data.a.b",
        "labels k=v\n changing data.a, data.b",
    };
    enum { COUNT = sizeof different / sizeof *different };
    struct text text;
    text_init(&text, arena_of(state));
    for (int i = 0; i < COUNT; i++) text_printf(&text, "lock l%d {\n%s %s\n}\n", i, head, different[i]);
    const struct plan *plan = plan_text(state, text_string(&text));
    assert_int_equal(plan->count, 1);
    assert_int_equal(plan->policies[0].table_count, COUNT);
}

static void modes_and_failures_are_policies_of_their_own(void **state) {
    static const char *const ways[][2] = {{"", "test-objects--configmaps"},
                                          {"mode warn", "test-objects-warn--configmaps"},
                                          {"mode audit", "test-objects-audit--configmaps"},
                                          {"mode deny, audit", "test-objects-deny-audit--configmaps"},
                                          {"mode warn, audit", "test-objects-warn-audit--configmaps"},
                                          {"on error allow", "test-objects-ignore--configmaps"},
                                          {"mode warn\n on error allow", "test-objects-warn-ignore--configmaps"}};
    struct text text;
    text_init(&text, arena_of(state));
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++)
        text_printf(&text, "lock l%zu {\n resources configmaps\n namespace a\n labels k=v\n deny update\n %s\n}\n", i,
                    ways[i][0]);
    const struct plan *plan = plan_text(state, text_string(&text));
    assert_int_equal(plan->count, sizeof ways / sizeof *ways);
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++)
        assert_int_equal(policy_named(plan, ways[i][1])->lock_count, 1);
}

static void keys_find_the_locks_of_a_request(void **state) {
    const struct plan_table *table = &plan_many(state, by_label, 3)->policies[0].tables[0];
    assert_true(table->key_namespace);
    assert_int_equal(table->key_count, 1);
    assert_int_equal(table->key_value_count, 3);
    assert_string_equal(table->keys[0], "/a/v0");
    assert_int_equal(table->key_row_counts[0], 1);

    table = &plan_many(state, by_actor, 3)->policies[0].tables[0];
    assert_int_equal(table->key_value_count, 1);
    assert_int_equal(table->key_row_counts[0], 3);

    assert_int_equal(plan_many(state, by_label, 1)->policies[0].tables[0].key_value_count, 0);
}

static void a_lock_with_many_values_does_not_multiply(void **state) {
    struct text text;
    text_init(&text, arena_of(state));
    for (int i = 0; i < 2; i++) {
        text_printf(&text, "lock l%d {\n resources configmaps\n namespace a0", i);
        for (int j = 1; j < 100; j++) text_printf(&text, ", a%d", j);
        text_printf(&text, "\n name n0");
        for (int j = 1; j < 100; j++) text_printf(&text, ", n%d%d", i, j);
        text_add_string(&text, "\n deny update\n}\n");
    }
    assert_true(plan_text(state, text_string(&text))->policies[0].tables[0].key_value_count <= 256);
}

static void names_stay_when_a_lock_is_added(void **state) {
    struct text text;
    text_init(&text, arena_of(state));
    for (int i = 0; i < 20; i++) by_label(&text, i);
    for (int i = 20; i < 40; i++) by_name(&text, i);
    text_add_string(&text,
                    "lock a {\n resources configmaps\n namespace a\n labels k=v, !x\n deny delete\n guard no "
                    "owners, no namespace\n}\nlock b "
                    "{\n resources configmaps\n namespace a\n labels k=w, !x\n deny delete\n guard no owners, no "
                    "namespace\n}\n");
    const struct plan *before = plan_text(state, text_string(&text));
    text_add_string(&text, "lock aaa {\n resources configmaps\n namespace a\n where field data.k = v\n deny write\n "
                           "guard no owners, no namespace\n}\n");
    by_label(&text, 99);
    const struct plan *after = plan_text(state, text_string(&text));
    assert_int_equal(after->count, before->count);
    assert_int_equal(after->policies[0].table_count, before->policies[0].table_count + 1);
    for (size_t i = 0; i < before->policies[0].table_count; i++) {
        const struct plan_table *table = &before->policies[0].tables[i];
        bool found = false;
        for (size_t j = 0; j < after->policies[0].table_count; j++)
            found |= strcmp(after->policies[0].tables[j].name, table->name) == 0 &&
                     strcmp(after->policies[0].tables[j].rows[0], table->rows[0]) == 0;
        assert_true(found);
    }
}

// Tables whose keys are called the same must still be told apart in the CEL of one policy.
static void tables_never_share_a_name(void **state) {
    struct text text;
    text_init(&text, arena_of(state));
    for (int i = 0; i < 400; i++)
        for (int j = 0; j < 2; j++)
            text_printf(&text,
                        "lock l%dx%d {\n resources configmaps\n namespace a\n labels k=v%d\n deny update\n when label "
                        "x%d\n}\n",
                        i, j, j, i);
    const struct plan *plan = plan_text(state, text_string(&text));
    for (size_t p = 0; p < plan->count; p++)
        for (size_t i = 0; i < plan->policies[p].table_count; i++)
            for (size_t j = 0; j < i; j++)
                if (plan->policies[p].tables[i].row_count > 1 && plan->policies[p].tables[j].row_count > 1)
                    assert_string_not_equal(plan->policies[p].tables[i].name, plan->policies[p].tables[j].name);
}

static void an_object_that_grows_too_large_is_split(void **state) {
    struct text text;
    char *message = arena_alloc(arena_of(state), 2001);
    memset(message, 'm', 2000);
    text_init(&text, arena_of(state));
    for (int i = 0; i < 1000; i++)
        text_printf(&text, "lock l%d {\n resources configmaps\n namespace a\n name n%d\n deny update\n message %s\n}\n",
                    i, i, message);
    const struct compilation *compilation = compile(state, text_string(&text));
    const struct plan *plan = plan_of(state, compilation);
    assert_true(plan->count > 2);
    size_t locks = 0;
    for (size_t i = 0; i < plan->count; i++) locks += plan->policies[i].lock_count;
    assert_int_equal(locks, 1000);
    policy_named(plan, "test-objects--configmaps");
    policy_named(plan, "test-objects-2--configmaps");
    assert_no_errors(compilation);
}

static void locks_without_anything_in_common_are_split_as_well(void **state) {
    struct text text;
    text_init(&text, arena_of(state));
    for (int i = 0; i < 1500; i++)
        text_printf(&text,
                    "lock l%d {\n resources configmaps\n namespace a\n labels k%d=v\n deny update\n unless field "
                    "data.f%d.a.b.c.d = x or label x%d\n changing data.g%d.a.b, data.h.i\n}\n",
                    i, i, i, i, i);
    assert_no_errors(compile(state, text_string(&text)));
}

static const char *rules_text(void **state, const struct plan_policy *policy) {
    struct text text;
    text_init(&text, arena_of(state));
    for (size_t i = 0; i < policy->rule_count; i++) {
        const struct plan_rule *rule = &policy->rules[i];
        text_printf(&text, "%u %s:", rule->operations, rule->namespaced ? "namespaced" : "cluster");
        for (size_t j = 0; j < rule->resource_count; j++) text_printf(&text, " %s", rule->resources[j]);
        text_add_char(&text, ';');
    }
    return text_string(&text);
}

static void rules_are_the_union_of_what_locks_need(void **state) {
    const struct plan *plan = plan_text(
        state, "lock a {\n resources pods\n namespace a\n labels k=v\n deny delete\n guard no owners, no "
               "namespace\n}\nlock b {\n resources "
               "nodes\n name n\n deny delete\n guard no owners\n}\n"
               "lock c {\n resources configmaps\n namespace a\n name n\n deny create\n}\n"
               "lock d {\n resources configmaps, secrets\n namespace a\n name n\n deny delete\n guard no owners, no "
               "namespace\n}\n");
    assert_string_equal(rules_text(state, policy_named(plan, "test-objects--pods")),
                        "6 namespaced: pods;2 namespaced: pods/ephemeralcontainers pods/resize pods/status;");
    assert_string_equal(rules_text(state, policy_named(plan, "test-objects--nodes")),
                        "6 cluster: nodes;2 cluster: nodes/status;");
    assert_string_equal(rules_text(state, policy_named(plan, "test-objects--configmaps")),
                        "7 namespaced: configmaps;6 namespaced: secrets;");
    assert_int_equal(policy_named(plan, "test-objects--configmaps")->excluded_count, 0);
}

// The API server refuses a rule with `*` beside other resources, or `*/status` beside `pods/status`.
static void a_wildcard_stands_alone_in_its_rule(void **state) {
    static const char *const ways[] = {
        "lock a {\n resources *.apps, deployments\n namespace a\n labels k=v\n deny write\n guard no owners, no "
        "namespace\n}\n",
        "lock a {\n resources *.apps\n namespace a\n labels k=v\n deny write\n guard no owners, no namespace\n}\nlock "
        "b {\n resources deployments\n "
        "namespace a\n labels k=v\n deny write\n}\n",
        "lock a {\n resources *\n namespace a\n labels k=v\n deny write\n guard no owners, no namespace\n}\nlock b {\n "
        "resources deployments, leases\n "
        "namespace a\n labels k=v\n deny write\n}\n",
    };
    for (size_t w = 0; w < sizeof ways / sizeof *ways; w++) {
        const struct plan *plan = plan_text(state, ways[w]);
        for (size_t i = 0; i < plan->policies[0].rule_count; i++) {
            const struct plan_rule *rule = &plan->policies[0].rules[i];
            for (size_t j = 0; j < rule->resource_count; j++)
                for (size_t k = 0; k < rule->resource_count; k++) {
                    const char *star = rule->resources[j], *other = rule->resources[k], *sub = strchr(other, '/');
                    if (strcmp(star, "*") == 0 && j != k) assert_non_null(sub);
                    if (strncmp(star, "*/", 2) == 0 && j != k && sub) assert_string_not_equal(sub + 1, star + 2);
                }
        }
    }
}

static void wildcards_leave_out_what_is_never_locked(void **state) {
    const struct plan *plan = plan_text(state, "lock a {\n resources *\n namespace a\n labels k=v\n deny update\n}\n");
    const struct plan_policy *policy = plan->policies;
    while (policy < plan->policies + plan->count && policy->shape != SHAPE_OBJECTS) policy++;
    assert_true(policy < plan->policies + plan->count && policy->excluded_count > 0);
    bool leases = false;
    for (size_t i = 0; i < policy->excluded_count; i++)
        for (size_t j = 0; j < policy->excluded[i].resource_count; j++)
            leases |= strcmp(policy->excluded[i].resources[j], "leases") == 0;
    assert_true(leases);
}

static void every_shape_is_a_policy_of_its_own(void **state) {
    static const struct {
        const char *name, *rules, *kind; // NULL: not by params
    } rows[] = {
        {"p-evictions", "1 namespaced: pods/eviction;", "Pod"},
        {"p-evictions-by-name", "1 namespaced: pods/eviction;", NULL},
        {"p-connect--pods", "8 namespaced: pods/attach pods/exec;", "Pod"},
        {"p-connect-by-name--pods", "8 namespaced: pods/exec;", NULL},
        {"p-connect-by-name--services", "8 namespaced: services/proxy;", NULL},
        {"p-connect-by-name--nodes", "8 cluster: nodes/proxy;", NULL},
        {"p-scale--deployments.apps", "2 namespaced: deployments/scale;", "Deployment"},
        {"p-tokens-by-name", "1 namespaced: serviceaccounts/token;", NULL},
        {"p-tokens", "1 namespaced: serviceaccounts/token;", "ServiceAccount"},
        {"p-bindings-by-name", "1 namespaced: bindings pods/binding;", NULL},
    };
    const struct plan *plan = plan_text(
        state,
        "policy p\n"
        "lock a {\n resources pods\n namespace b, a\n labels k in (w, v)\n deny exec, attach, evict\n guard none\n}\n"
        "lock b {\n resources pods\n namespace a\n name n\n deny exec, evict\n}\n"
        "lock c {\n resources services\n namespace a\n name n\n deny proxy\n}\n"
        "lock d {\n resources nodes\n name n\n deny proxy\n}\n"
        "lock e {\n resources deployments/scale\n namespace a\n labels k=v\n deny scale\n guard none\n}\n"
        "lock f {\n resources sa/token\n namespace a\n name n\n deny create\n}\n"
        "lock g {\n resources sa/token\n namespace a\n labels k=v\n deny create\n guard none\n}\n"
        "lock h {\n resources pods/binding\n namespace a\n name n\n deny create\n}\n");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct plan_policy *policy = policy_named(plan, rows[i].name);
        assert_string_equal(rules_text(state, policy), rows[i].rules);
        assert_int_equal(policy->by_params, rows[i].kind != NULL);
        if (rows[i].kind) assert_string_equal(policy->param_kind, rows[i].kind);
    }
    assert_int_equal(plan->count, sizeof rows / sizeof *rows);
    const struct plan_policy *connect = policy_named(plan, "p-connect--pods");
    assert_int_equal(connect->selector_count, 1);
    assert_string_equal(connect->selectors[0].binding, "p-connect--pods");
    assert_string_equal(connect->selectors[0].key, "k");
    assert_int_equal(connect->selectors[0].value_count, 2);
    assert_string_equal(connect->selectors[0].values[0], "v");
    assert_int_equal(connect->namespace_count, 2);
    assert_string_equal(connect->namespaces[0], "a");
    assert_string_equal(policy_named(plan, "p-scale--deployments.apps")->param_version, "apps/v1");
}

// What the locks' labels are narrowed to, as "BINDING KEY=VALUE|VALUE;" for each binding.
static const char *selectors_text(void **state, const struct plan_policy *policy) {
    struct text text;
    text_init(&text, arena_of(state));
    for (size_t i = 0; i < policy->selector_count; i++) {
        const struct plan_selector *selector = &policy->selectors[i];
        text_printf(&text, "%s %s", selector->binding, selector->key ? selector->key : "*");
        for (size_t j = 0; j < selector->value_count; j++)
            text_printf(&text, "%c%s", j ? '|' : '=', selector->values[j]);
        text_add_string(&text, ";");
    }
    return text_string(&text);
}

static void lookups_take_few_labels(void **state) {
    static const struct {
        const char *labels[3], *selectors;
    } rows[] = {
        {{"k=w", "k in (v, w)", "k=x"}, "test-connect--pods k=v|w|x;"},
        {{"k=w", "k", "k=x"}, "test-connect--pods k;"},
        {{"k=w", "j=v"}, "test-connect--pods--j j=v;test-connect--pods--k k=w;"},
        // One label serves two of the locks, though the first asks for another one first.
        {{"j=u, k=w", "k=v", "b=a"}, "test-connect--pods--b b=a;test-connect--pods--k k=v|w;"},
        {{"a.b/c=w", "D=v"}, "test-connect--pods-----44 D=v;test-connect--pods--a.b---2fc a.b/c=w;"},
        {{"a.-b=w", "D"}, "test-connect--pods-----44 D;test-connect--pods--a---2e---2db a.-b=w;"},
        {{"a/b=w", "a.b"}, "test-connect--pods--a.b a.b;test-connect--pods--a---2fb a/b=w;"},
        {{"k=w", "!j"}, "test-connect--pods *;"},
        {{"k=w", "j != v"}, "test-connect--pods *;"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct text text;
        text_init(&text, arena_of(state));
        for (int j = 0; j < 3 && rows[i].labels[j]; j++)
            text_printf(&text, "lock l%d {\n resources pods\n namespace b\n labels %s\n deny exec\n}\n", j,
                        rows[i].labels[j]);
        const struct plan *plan = plan_text(state, text_string(&text));
        assert_string_equal(selectors_text(state, policy_named(plan, "test-connect--pods")), rows[i].selectors);
    }
    struct text text;
    text_init(&text, arena_of(state));
    for (int i = 0; i < 9; i++)
        text_printf(&text, "lock l%d {\n resources pods\n namespace b\n labels k%d=v\n deny exec\n}\n", i, i);
    const struct plan *many = plan_text(state, text_string(&text));
    assert_string_equal(selectors_text(state, policy_named(many, "test-connect--pods")), "test-connect--pods *;");
}

// Where one lock holds anywhere, or too many namespaces would be listed, objects are looked up everywhere.
static void lookups_are_narrowed_to_the_namespaces_of_all_locks(void **state) {
    static const char one[] = "lock a {\n resources pods\n namespace b\n labels k=v\n deny exec\n}\n";
    assert_int_equal(policy_named(plan_text(state, one), "test-connect--pods")->namespace_count, 1);
    const char *everywhere =
        arena_printf(arena_of(state), "%slock b {\n resources pods\n namespace *\n labels j=v\n deny exec\n}\n", one);
    const struct plan_policy *policy = policy_named(plan_text(state, everywhere), "test-connect--pods");
    assert_int_equal(policy->namespace_count, 0);
    struct text text;
    text_init(&text, arena_of(state));
    text_add_string(&text, one);
    for (int i = 0; i < 100; i++)
        text_printf(&text, "lock l%d {\n resources pods\n namespace n%d\n labels k=v\n deny exec\n}\n", i, i);
    assert_int_equal(policy_named(plan_text(state, text_string(&text)), "test-connect--pods")->namespace_count, 0);
}

// What derived locks differ in are constants as well.
static void sealed_actors_share_their_tables(void **state) {
    static const int counts[] = {3, 20};
    size_t policies[2], tables[2];
    for (int c = 0; c < 2; c++) {
        struct text text;
        text_init(&text, arena_of(state));
        for (int i = 0; i < counts[c]; i++) text_printf(&text, "actor a%d = sa ns%d/x sealed by user d\n", i, i);
        const struct plan *plan = plan_text(state, text_string(&text));
        policies[c] = plan->count;
        tables[c] = 0;
        for (size_t i = 0; i < plan->count; i++) tables[c] += plan->policies[i].table_count;
    }
    assert_int_equal(policies[0], policies[1]);
    assert_int_equal(tables[0], tables[1]);
}

// Locks that read one resource in two versions see two forms of its objects, whatever else they are about.
static void a_version_belongs_to_its_resource(void **state) {
    static const char *const names[] = {"p-objects--resourceclaimtemplates.resource.k8s.io",
                                        "p-objects--resourceclaims.resource.k8s.io"};
    const struct plan *plan = plan_text(
        state,
        "policy p\n"
        "lock a {\n resources resourceclaims.resource.k8s.io/v1beta1, resourceclaimtemplates\n namespace a\n where "
        "field spec.x = y\n deny delete\n guard no owners, no namespace\n}\n"
        "lock b {\n resources resourceclaims, resourceclaimtemplates.resource.k8s.io/v1beta1\n namespace a\n where "
        "field spec.x = y\n deny delete\n guard no owners, no namespace\n}\n");
    for (size_t i = 0; i < 2; i++) {
        const struct plan_policy *policy = policy_named(plan, names[i]);
        assert_true(policy->rule_count >= 2);
        for (size_t j = 0; j < policy->rule_count; j++) {
            const bool old = strcmp(policy->rules[j].version, "v1beta1") == 0;
            const bool claims = strncmp(policy->rules[j].resources[0], "resourceclaims", 14) == 0;
            assert_int_equal(claims, old == (i == 0));
        }
    }
}

// Every family has a policy of its own under a name of its own, also among policies that are called like parts of it.
static void families_never_share_a_name(void **state) {
    static const char *const policies[] = {"p",        "p-objects",     "p-evictions",      "p-scale",
                                           "p-warn",   "p-ignore",      "p-scale--w.g.org", "p-scale-w.g.org",
                                           "p--scale", "p-objects-2",   "p-connect-all",    "p-scale-by-name",
                                           "p-audit",  "p-deny-audit",  "p-evictions.tier", "p-evictions--tier",
                                           "p.static", "p-objects.tier"};
    static const char *const groups[] = {"g.org",      "g.org-by-name", "g.org-warn",  "g.org-objects",
                                         "g.org-2",    "g.org.tier",    "g.org--tier", "g.org-evictions",
                                         "g--org.org", "g.org-scale"};
    enum { POLICIES = sizeof policies / sizeof *policies, GROUPS = sizeof groups / sizeof *groups };
    struct arena *arena = arena_of(state);
    struct file files[POLICIES];
    for (size_t i = 0; i < POLICIES; i++) {
        struct text text;
        text_init(&text, arena);
        text_printf(&text, "policy %s\n", policies[i]);
        for (size_t j = 0; j < GROUPS; j++)
            text_printf(
                &text,
                "resource w.%s/v1 namespaced kind W subresources scale\n"
                "lock n%zu {\n resources w.%s\n namespace a\n name n\n deny update, scale\n exempt lifecycle\n}\n"
                "lock t%zu {\n resources w.%s\n namespace a\n labels tier=a\n deny scale\n mode warn\n}\n"
                "lock o%zu {\n resources w.%s\n namespace a\n labels o=a\n deny scale\n mode warn\n}\n"
                "lock a%zu {\n resources *.%s\n namespace a\n name n\n deny scale\n exempt lifecycle\n on error "
                "allow\n}\n",
                groups[j], j, groups[j], j, groups[j], j, groups[j], j, groups[j]);
        text_add_string(&text, "lock e {\n resources pods\n namespace a\n labels tier=a\n deny evict\n}\n"
                               "lock f {\n resources pods\n namespace a\n labels o=a\n deny evict\n}\n");
        files[i] = (struct file){arena_printf(arena, "%zu.klock", i), text_string(&text)};
    }
    const struct compilation *compilation = compile_files(state, files, POLICIES);
    assert_no_errors(compilation);
    // Beside the objects of two kinds, one of them in two modes, evictions and bindings: of each group what is named,
    // what is looked up, and what a wildcard has.
    assert_int_equal(plan_of(state, compilation)->count, POLICIES * (5 + GROUPS * 3));
    struct set known;
    set_init(&known, arena);
    for (size_t i = 0; i < compilation->manifest.count; i++) {
        const struct manifest_object *object = &compilation->manifest.objects[i];
        if (!set_add(&known, arena_printf(arena, "%d %s", (int)object->kind, object->name)))
            fail_msg("there are two '%s'", object->name);
    }
}

static void long_policy_names_are_cut_and_stay_apart(void **state) {
    char *name = arena_alloc(arena_of(state), 254);
    memset(name, 'x', 253);
    static const char text[] =
        "policy %s\nlock l {\n resources configmaps\n namespace a\n name n\n deny update\n mode warn, "
        "audit\n on error allow\n}\n";
    const char *one = arena_printf(arena_of(state), text, name);
    name[252] = 'y';
    const char *two = arena_printf(arena_of(state), text, name);
    const struct compilation *compilation = COMPILE_FILES(state, {"a.klock", one}, {"b.klock", two});
    assert_no_errors(compilation);
    assert_int_equal(compilation->manifest.count, 4);
    for (size_t i = 0; i < 4; i++) assert_true(strlen(compilation->manifest.objects[i].name) <= LIMIT_NAME);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        SENTENCE(constants_never_add_policies_or_tables),
        SENTENCE(what_differs_is_a_column_and_the_rest_is_in_place),
        SENTENCE(other_structures_are_other_tables),
        SENTENCE(modes_and_failures_are_policies_of_their_own),
        SENTENCE(keys_find_the_locks_of_a_request),
        SENTENCE(a_lock_with_many_values_does_not_multiply),
        SENTENCE(names_stay_when_a_lock_is_added),
        SENTENCE(tables_never_share_a_name),
        SENTENCE(an_object_that_grows_too_large_is_split),
        SENTENCE(locks_without_anything_in_common_are_split_as_well),
        SENTENCE(rules_are_the_union_of_what_locks_need),
        SENTENCE(a_wildcard_stands_alone_in_its_rule),
        SENTENCE(wildcards_leave_out_what_is_never_locked),
        SENTENCE(every_shape_is_a_policy_of_its_own),
        SENTENCE(lookups_take_few_labels),
        SENTENCE(lookups_are_narrowed_to_the_namespaces_of_all_locks),
        SENTENCE(sealed_actors_share_their_tables),
        SENTENCE(a_version_belongs_to_its_resource),
        SENTENCE(families_never_share_a_name),
        SENTENCE(long_policy_names_are_cut_and_stay_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
