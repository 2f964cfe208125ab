// Sealed actors: which locks keep others from becoming them, and who passes these.
#include "compile_support.h"

#define RBAC(kind) kind ".rbac.authorization.k8s.io"

#define ASSERT_FACTS(state, compilation, id, facts)                                                                    \
    assert_string_equal(facts_of((state), lock_with_id((compilation), (id))), (facts))

// What is kept of one account, however many ways there are.
static void every_way_to_become_an_account_is_a_lock(void **state) {
    const struct compilation *compilation = compile(state, "actor a = sa ns/x, sa ns/y sealed\n");
    assert_string_equal(derived_ids(state, compilation),
                        "a (sealed clusterrolebindings)\n"
                        "a (sealed clusterroles)\n"
                        "a (sealed cronjobs in ns)\n"
                        "a (sealed pods in ns)\n"
                        "a (sealed podtemplates in ns)\n"
                        "a (sealed revisions in ns)\n"
                        "a (sealed rolebindings)\n"
                        "a (sealed roles in ns)\n"
                        "a (sealed secrets in ns)\n"
                        "a (sealed tokens in ns)\n"
                        "a (sealed workloads in ns)\n"
                        "a (sealed workloads in ns) (required order metadata annotations "
                        "deprecated.deployment.rollback.to of deployments)\n");
    ASSERT_FACTS(state, compilation, "a (sealed tokens in ns)",
                 "serviceaccounts in ns\ndenies, acts token\nselects (name in x y)\n");
    ASSERT_FACTS(state, compilation, "a (sealed secrets in ns)",
                 "secrets in ns\nrequires (not (and (field /type in kubernetes.io/service-account-token) (annotation "
                 "kubernetes.io/service-account.name in x y)))\n"
                 "changing type metadata/annotations/kubernetes.io/service-account.name\n");
    ASSERT_FACTS(state, compilation, "a (sealed pods in ns)",
                 "pods in ns\ndenies create update, acts exec attach portforward proxy\n"
                 "selects (field /spec/serviceAccountName in x y)\n"
                 "changing spec/containers/[*]/image spec/initContainers/[*]/image spec/ephemeralContainers\n");
    ASSERT_FACTS(state, compilation, "a (sealed workloads in ns)",
                 "daemonsets.apps deployments.apps replicasets.apps statefulsets.apps jobs.batch "
                 "replicationcontrollers in ns\n"
                 "requires (not (field /spec/template/spec/serviceAccountName in x y))\nchanging spec/template\n");
    ASSERT_FACTS(state, compilation, "a (sealed cronjobs in ns)",
                 "cronjobs.batch in ns\n"
                 "requires (not (field /spec/jobTemplate/spec/template/spec/serviceAccountName in x y))\n"
                 "changing spec/jobTemplate/spec/template\n");
    ASSERT_FACTS(state, compilation, "a (sealed podtemplates in ns)",
                 "podtemplates in ns\nrequires (not (field /template/spec/serviceAccountName in x y))\n"
                 "changing template\n");
}

static void accounts_are_sealed_where_they_are(void **state) {
    const struct compilation *compilation = compile(state, "actor a = sa one/x, sa two/y, sa one/z sealed\n");
    ASSERT_FACTS(state, compilation, "a (sealed tokens in one)",
                 "serviceaccounts in one\ndenies, acts token\nselects (name in x z)\n");
    ASSERT_FACTS(state, compilation, "a (sealed tokens in two)",
                 "serviceaccounts in two\ndenies, acts token\nselects (name in y)\n");
    assert_int_equal(compilation->policies.lock_count, 2 * 9 + 3);
}

static void all_accounts_of_a_namespace_are_sealed_at_once(void **state) {
    const struct compilation *compilation = compile(state, "actor a = serviceaccounts ns, sa ns/x sealed\n");
    ASSERT_FACTS(state, compilation, "a (sealed tokens in ns)", "serviceaccounts in ns\ndenies, acts token\n");
    ASSERT_FACTS(state, compilation, "a (sealed secrets in ns)",
                 "secrets in ns\nrequires (not (and (field /type in kubernetes.io/service-account-token) (annotation "
                 "kubernetes.io/service-account.name)))\n"
                 "changing type metadata/annotations/kubernetes.io/service-account.name\n");
    ASSERT_FACTS(state, compilation, "a (sealed pods in ns)",
                 "pods in ns\ndenies create update, acts exec attach portforward proxy\n"
                 "selects (field /spec/serviceAccountName)\n"
                 "changing spec/containers/[*]/image spec/initContainers/[*]/image spec/ephemeralContainers\n");
    // Whatever its pods run as is one of them, `default` where the template names none.
    ASSERT_FACTS(state, compilation, "a (sealed podtemplates in ns)",
                 "podtemplates in ns\nrequires (false)\nchanging template\n");
    ASSERT_FACTS(state, compilation, "a (sealed cronjobs in ns)",
                 "cronjobs.batch in ns\nrequires (false)\nchanging spec/jobTemplate/spec/template\n");
}

static void a_template_that_names_no_account_runs_as_the_default_one(void **state) {
    const struct compilation *compilation = compile(state, "actor a = sa ns/default, sa ns/x sealed\n");
    ASSERT_FACTS(state, compilation, "a (sealed podtemplates in ns)",
                 "podtemplates in ns\nrequires (not (or (not (field /template/spec/serviceAccountName)) (field "
                 "/template/spec/serviceAccountName in default x )))\nchanging template\n");
    assert_judged(state, "actor a = sa ns/default sealed\n",
                  "as user u\n"
                  "create podtemplates ns/t field template.spec.x = 1\nexpect denied by a\n"
                  "create deployments ns/t field spec.template.spec.x = 1\nexpect denied by a\n"
                  "create deployments ns/t field spec.template.spec.serviceAccountName = other\nexpect allowed\n"
                  "create deployments other/t field spec.template.spec.x = 1\nexpect allowed\n");
}

// ---- RBAC ----

#define IMPERSONATES(verbs, groups, resources)                                                                         \
    "(and (field $0/verbs/[*] in " verbs ") (field $0/resources/[*] in " resources                                     \
    ") (field $0/apiGroups/[*] in " groups ")"
#define NAMED(names) " (or (not (field $0/resourceNames/[*])) (field $0/resourceNames/[*] in " names ")))"
#define OF_ACCOUNTS(names)                                                                                             \
    IMPERSONATES("* impersonate", "* ", "* serviceaccounts")                                                           \
    names " " IMPERSONATES("* create", "* ", "* serviceaccounts/token */token") names                                  \
        " " IMPERSONATES("* impersonate:serviceaccount", "* authentication.k8s.io", "* serviceaccounts") names
#define OF_PEOPLE(resource, names)                                                                                     \
    IMPERSONATES("* impersonate", "* ", "* " resource)                                                                 \
    NAMED(names) " " IMPERSONATES("* impersonate:user-info", "* authentication.k8s.io", "* " resource) NAMED(names)
// Who fills the default roles.
#define AGGREGATION                                                                                                    \
    "(and (user in system:serviceaccount:kube-system:clusterrole-aggregation-controller "                              \
    "system:kube-controller-manager) (name in admin edit))"
#define DEFAULTS                                                                                                       \
    "cluster-admin admin edit system:aggregate-to-edit system:kube-controller-manager system:node "                    \
    "system:controller:clusterrole-aggregation-controller"

static void roles_that_impersonate_are_refused(void **state) {
    const struct compilation *compilation =
        compile(state, "actor a = sa ns/x, sa ns/y, user u, user v, group g sealed\n");
    ASSERT_FACTS(
        state, compilation, "a (sealed roles in ns)",
        RBAC("roles") " in ns\nrequires (not (any /rules (or " OF_ACCOUNTS(NAMED("x y")) ")))\nchanging rules\n");
    ASSERT_FACTS(state, compilation, "a (sealed clusterroles)",
                 RBAC("clusterroles") "\nrequires (not (any /rules (or " OF_ACCOUNTS(NAMED("x y")) " " OF_PEOPLE(
                     "users", "u v") " " OF_PEOPLE("groups", "g") ")))\nchanging rules\n");
}

// No name stands for all of them, so a rule with any names will do.
static void any_name_is_one_of_all_accounts(void **state) {
    ASSERT_FACTS(state, compile(state, "actor a = serviceaccounts ns sealed\n"), "a (sealed roles in ns)",
                 RBAC("roles") " in ns\nrequires (not (any /rules (or " OF_ACCOUNTS(")") ")))\nchanging rules\n");
}

// Only cluster roles impersonate users and groups.
static void users_and_groups_have_nothing_in_namespaces(void **state) {
    assert_string_equal(derived_ids(state, compile(state, "actor a = user u, group g sealed\n")),
                        "a (sealed clusterrolebindings)\na (sealed clusterroles)\n");
    assert_string_equal(derived_ids(state, compile(state, "actor a = uid x sealed\n")),
                        "a (sealed clusterrolebindings)\na (sealed clusterroles)\n");
}

static void a_part_of_who_it_is_is_sealed_as_well(void **state) {
    assert_non_null(strstr(derived_ids(state, compile(state, "actor a = sa ns/x and uid u sealed\n")),
                           "a (sealed tokens in ns)\n"));
    assert_non_null(
        strstr(derived_ids(state, compile(state, "actor b = sa ns/x\nactor a = b with extra k = v sealed\n")),
               "a (sealed tokens in ns)\n"));
}

static const char grants[] = "grant two to user u {\nresources cm\nnamespace d, c\nallow get\n}\n"
                             "grant one to a {\nresources cm\nnamespace c\nallow get\n}\n"
                             "grant other to user v {\nresources cm\nnamespace e\nallow get\n}\n"
                             "grant nodes to group g {\nresources nodes\nallow get\n}\n";

static void bindings_of_what_the_actor_may_are_refused(void **state) {
    const struct compilation *compilation = compile(
        state, arena_printf(arena_of(state), "policy p\nactor a = sa ns/x, user u, group g sealed\n%s", grants));
    ASSERT_FACTS(state, compilation, "a (sealed clusterrolebindings)",
                 RBAC("clusterrolebindings") "\nrequires (not (or (field /roleRef/name in " DEFAULTS
                                             ") (field /roleRef/name in p:nodes p:one p:two)))\nchanging roleRef "
                                             "subjects\n");
    ASSERT_FACTS(state, compilation, "a (sealed rolebindings)",
                 RBAC("rolebindings") " in * and kube-node-lease kube-public kube-system\nrequires (not (or (field "
                                      "/roleRef/name in p:nodes p:one p:two) (and "
                                      "(namespace in ns) (field /roleRef/name in " DEFAULTS
                                      "))))\nchanging roleRef subjects\n");
    compilation = compile(state, "actor a = sa ns/x sealed\n");
    ASSERT_FACTS(state, compilation, "a (sealed clusterrolebindings)",
                 RBAC("clusterrolebindings") "\nrequires (not (field /roleRef/name in " DEFAULTS
                                             "))\nchanging roleRef subjects\n");
    ASSERT_FACTS(state, compilation, "a (sealed rolebindings)",
                 RBAC("rolebindings") " in ns\nrequires (not (and (namespace in ns) (field /roleRef/name in " DEFAULTS
                                      ")))\nchanging roleRef subjects\n");
}

static void grants_to_all_accounts_are_those_of_the_actor_that_is_them(void **state) {
    const char *text = facts_of(
        state, lock_with_id(compile(state, "policy p\nactor a = serviceaccounts ci sealed\ngrant g to serviceaccounts "
                                           "ci {\nresources cm\nnamespace c\nallow get\n}\ngrant h to sa other/x "
                                           "{\nresources cm\nnamespace c\nallow get\n}\n"),
                            "a (sealed rolebindings)"));
    assert_non_null(strstr(text, "(field /roleRef/name in p:g)"));
    assert_non_null(strstr(text, " in c ci\n"));
}

// Another policy has roles of its own.
static void grants_of_another_policy_are_not_the_actors(void **state) {
    const struct compilation *compilation =
        COMPILE_FILES(state, {"a.klock", "policy a\nactor a = user u sealed\n"},
                      {"b.klock", "policy b\ngrant g to user u {\nresources cm\nnamespace c\nallow get\n}\n"});
    assert_string_equal(derived_ids(state, compilation), "a (sealed clusterrolebindings)\na (sealed clusterroles)\n");
}

// The order of items means nothing, so it does not reach the output.
static void the_order_of_grants_does_not_matter(void **state) {
    static const char *const items[] = {"grant one to a {\nresources cm\nnamespace c\nallow get\n}\n",
                                        "grant two to a {\nresources cm\nnamespace b\nallow get\n}\n",
                                        "actor a = sa ns/x, user u sealed\n"};
    const char *facts[2];
    for (int i = 0; i < 2; i++) {
        const char *text = arena_printf(arena_of(state), "%s%s%s", items[i ? 2 : 0], items[1], items[i ? 0 : 2]);
        facts[i] = facts_of(state, lock_with_id(compile(state, text), "a (sealed rolebindings)"));
    }
    assert_string_equal(facts[0], facts[1]);
}

// ---- guard rbac says the same of a lock's actors ----

static void guard_rbac_is_about_everybody_who_passes(void **state) {
    const struct compilation *compilation = compile(
        state, "lock l {\nresources cm\nnamespace a\nname n\ndeny delete\nexclusive user u, user v\nbreak-glass "
               "user b\nguard rbac\n}\n");
    ASSERT_FACTS(
        state, compilation, "l (guard rbac clusterroles)",
        RBAC("clusterroles") "\nrequires (not (any /rules (or " OF_PEOPLE("users", "u v b") ")))\nchanging rules\n");
}

// ---- who passes, and how they are reached ----

static void only_the_actor_and_those_behind_by_pass(void **state) {
    const struct compilation *compilation =
        compile(state, "actor a = sa ns/x sealed by user d, ci\nactor ci = group ci, uid 7\ndeployer user boss\n");
    assert_no_errors(compilation);
    for (size_t i = 0; i < compilation->policies.lock_count; i++) {
        const struct lock *lock = compilation->policies.locks[i];
        const bool rbac = strcmp(lock->scope.targets[0].group, "rbac.authorization.k8s.io") == 0;
        assert_string_equal(lock->name, "a");
        assert_true(lock->origin);
        assert_string_equal(text_of(compilation, lock->span), "a");
        // The API server's own controller fills the default roles.
        const bool aggregated = strcmp(lock->id, "a (sealed clusterroles)") == 0;
        assert_string_equal(subjects_text(state, &lock->exclusive),
                            rbac ? "user boss, user d, user system:serviceaccount:ns:x, group ci, (uid in 7)"
                                 : "user d, user system:serviceaccount:ns:x, group ci, (uid in 7)");
        assert_string_equal(subjects_text(state, &lock->passes),
                            arena_printf(arena_of(state), "%s%s", subjects_text(state, &lock->exclusive),
                                         aggregated ? ", " AGGREGATION : ""));
        assert_string_equal(subjects_text(state, &lock->break_glass), "");
        assert_int_equal(lock->exemption, aggregated ? EXEMPT_LIFECYCLE : EXEMPT_CONTROLLERS);
        assert_int_equal(lock->mode, MODE_DENY);
        assert_false(lock->fail_open);
        assert_int_equal(lock->condition->kind, FORMULA_TRUE);
        assert_non_null(strstr(lock->message, "(actor a of policy test;"));
        for (size_t j = 0; j < i; j++) assert_string_not_equal(compilation->policies.locks[j]->id, lock->id);
    }
}

static void accounts_are_found_by_name_and_their_pods_are_looked_up(void **state) {
    const struct compilation *compilation = compile(state, "actor a = sa ns/x sealed\n");
    const struct lock *tokens = lock_with_id(compilation, "a (sealed tokens in ns)"),
                      *pods = lock_with_id(compilation, "a (sealed pods in ns)");
    assert_int_equal(tokens->covers[SHAPE_TOKENS], COVER_BY_NAME);
    assert_int_equal(pods->covers[SHAPE_CONNECT], COVER_BY_PARAMS);
    // Static manifests have no parameters.
    compilation = compile_static(state, "actor a = sa ns/x sealed\n");
    assert_int_equal(lock_with_id(compilation, "a (sealed tokens in ns)")->covers[SHAPE_TOKENS], COVER_BY_NAME);
    assert_int_equal(lock_with_id(compilation, "a (sealed pods in ns)")->covers[SHAPE_CONNECT], COVER_NONE);
}

static void sealed_users_are_known(void **state) {
    const struct compilation *compilation =
        compile(state, "actor a = sa ns/x, user u, group g sealed by user d\nactor b = sa ns/y\n");
    assert_int_equal(compilation->policies.sealed_count, 3);
    assert_string_equal(compilation->policies.sealed[0], "system:serviceaccount:ns:x");
    assert_string_equal(compilation->policies.sealed[1], "u");
    assert_string_equal(compilation->policies.sealed[2], "g");
}

// A lock and an actor of one name do not get into each other's way.
static void ids_are_unique_in_a_policy(void **state) {
    const struct compilation *compilation =
        compile(state, "actor x = sa ns/x, sa other/x, serviceaccounts third sealed\n"
                       "lock x {\nresources pods\nnamespace a\nlabels k=v\ndeny all\nexclusive x\nguard namespace, "
                       "owners, rbac\nexempt lifecycle\n}\ngrant x to x {\nresources cm\nnamespace a\nallow get\n}\n");
    assert_no_errors(compilation);
    for (size_t i = 0; i < compilation->policies.lock_count; i++)
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(compilation->policies.locks[i]->id, compilation->policies.locks[j]->id);
    assert_int_equal(compilation->policies.lock_count, 1 + 2 + 3 + 2 + 2 + 2 + 3 * 9 + 3);
}

// ---- warnings and refusals ----

#define INSIDERS "policy test against insiders\n"

static void what_a_seal_leaves_open_is_said_where_it_is_written(void **state) {
    assert_reports_only(compile(state, INSIDERS "actor a = sa ns/x sealed\n"), "K0220", "sealed");
    assert_clean(compile(state, "actor a = sa ns/x sealed\n"));
    assert_clean(compile(state, INSIDERS "actor a = sa ns/x sealed\naccept K0220 \"withheld\"\n"));
    assert_clean(
        compile(state, INSIDERS "actor a = sa ns/default sealed by user d\naccept K0220, K0303 \"withheld\"\n"));
    assert_reports_only(compile(state, INSIDERS "actor a = sa ns/x sealed\naccept K0220, K0303 \"withheld\"\n"),
                        "K0212", "K0303");
    assert_reports(compile(state, "actor a = sa ns/x sealed\naccept K0101\n"), "K0107", "K0101");
    assert_reports_only(compile(state, "actor a = sa ns/x sealed by nobody\n"), "K0101", "nobody");
    // Actors accept nothing, as they once did.
    assert_reports(compile(state, "actor a = sa ns/x sealed allow K0220 \"withheld\"\n"), "K0003", "allow");
    assert_reports(compile(state, "actor a = sa ns/x allow K0303\n"), "K0003", "allow");
}

// ---- guard accounts ----

static size_t count_ids(const struct compilation *compilation, const char *name) {
    size_t count = 0;
    for (size_t i = 0; i < compilation->policies.lock_count; i++)
        count += strcmp(compilation->policies.locks[i]->id, name) == 0;
    return count;
}

#define GUARDED(name, clauses)                                                                                         \
    "lock " name " {\nresources cm\nnamespace a\nname " name "\ndeny update\n" clauses "\n}\n"

// What is made for `sealed` is made for the accounts that pass, under the name of the lock.
static void accounts_that_pass_are_sealed_for_the_lock(void **state) {
    static const char *const parts[] = {"tokens",   "secrets",      "pods",     "workloads",
                                        "cronjobs", "podtemplates", "revisions"};
    const struct compilation *compilation =
                                 compile(state, GUARDED("l", "exclusive sa ns/x, user u, group g\nguard accounts")),
                             *sealed = compile(state, "actor l = sa ns/x sealed by user u, group g\n");
    assert_no_errors(compilation);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        struct arena *arena = arena_of(state);
        const struct lock *guard =
                              lock_with_id(compilation, arena_printf(arena, "l (guard accounts %s in ns)", parts[i])),
                          *alike = lock_with_id(sealed, arena_printf(arena, "l (sealed %s in ns)", parts[i]));
        assert_string_equal(facts_of(state, guard), facts_of(state, alike));
        assert_string_equal(subjects_text(state, &guard->passes), subjects_text(state, &alike->passes));
        assert_int_equal(guard->exemption, EXEMPT_CONTROLLERS);
        assert_int_equal(guard->mode, MODE_DENY);
        assert_non_null(strstr(guard->message, "lock l of policy test"));
    }
    // RBAC is `guard rbac`'s.
    assert_null(strstr(derived_ids(state, compilation), "clusterroles"));
}

// Without a word in policies against insiders, and nowhere else; where nobody with an account passes, there is none.
static void accounts_are_guarded_against_insiders(void **state) {
    static const struct {
        const char *clauses;
        bool accidents, insiders;
    } rows[] = {
        {"exclusive sa ns/x", false, true},
        {"exclusive sa ns/x\nguard accounts", true, true},
        {"exclusive sa ns/x\nguard no accounts", false, false},
        {"exclusive sa ns/x\nguard none", false, false},
        {"exclusive user u\nguard accounts", false, false},
        {"exclusive serviceaccounts ns\nguard accounts", false, false},
        {"guard accounts", false, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        for (int insiders = 0; insiders < 2; insiders++) {
            const struct compilation *compilation =
                compile(state, arena_printf(arena_of(state), "%s" GUARDED("l", "%s"), insiders ? INSIDERS : "",
                                            rows[i].clauses));
            assert_no_errors(compilation);
            if (count_ids(compilation, "l (guard accounts tokens in ns)") !=
                (insiders ? rows[i].insiders : rows[i].accidents))
                print_message("%s\n", rows[i].clauses);
            assert_int_equal(count_ids(compilation, "l (guard accounts tokens in ns)"),
                             insiders ? rows[i].insiders : rows[i].accidents);
        }
}

// The first lock by name has the account, whatever the order of the files.
static void each_account_is_guarded_once_for_those_who_pass(void **state) {
    static const struct file a = {"a.klock", INSIDERS GUARDED("a", "exclusive sa ns/x, sa ns/y")},
                             b = {"b.klock", INSIDERS GUARDED("b", "exclusive sa ns/y, sa ns/x")},
                             c = {"c.klock", INSIDERS GUARDED("c", "exclusive sa other/z")};
    const struct compilation *orders[] = {COMPILE_FILES(state, a, b, c), COMPILE_FILES(state, c, b, a)};
    for (size_t i = 0; i < 2; i++) {
        assert_no_errors(orders[i]);
        assert_int_equal(count_ids(orders[i], "a (guard accounts tokens in ns)"), 1);
        assert_int_equal(count_ids(orders[i], "b (guard accounts tokens in ns)"), 0);
        assert_int_equal(count_ids(orders[i], "c (guard accounts tokens in other)"), 1);
        assert_non_null(
            strstr(facts_of(state, lock_with_id(orders[i], "a (guard accounts tokens in ns)")), "(name in x y)"));
    }
    assert_string_equal(derived_ids(state, orders[0]), derived_ids(state, orders[1]));
}

// Who passes one lock with an account may not pass another as it, and what is only recorded for one is refused for the
// other.
static void an_account_is_guarded_again_where_others_pass_with_it(void **state) {
    static const char *const others[][2] = {
        {"exclusive sa ns/x, user u", "exclusive sa ns/x"},
        {"exclusive sa ns/x, group g", "exclusive sa ns/x, group h"},
        {"exclusive sa ns/x, uid u", "exclusive sa ns/x, uid v"},
        {"exclusive sa ns/x\nmode audit", "exclusive sa ns/x"},
    };
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        const struct compilation *compilation =
            compile(state, arena_printf(arena_of(state), INSIDERS GUARDED("a", "%s") GUARDED("b", "%s"), others[i][0],
                                        others[i][1]));
        assert_no_errors(compilation);
        assert_int_equal(lock_with_id(compilation, "a (guard accounts tokens in ns)")->mode,
                         lock_with_id(compilation, "a")->mode);
        assert_int_equal(lock_with_id(compilation, "b (guard accounts tokens in ns)")->mode, MODE_DENY);
    }
    // The same account in two policies is guarded by both: each stands alone.
    const struct compilation *compilation =
        COMPILE_FILES(state, {"p.klock", "policy p against insiders\n" GUARDED("a", "exclusive sa ns/x")},
                      {"q.klock", "policy q against insiders\n" GUARDED("b", "exclusive sa ns/x")});
    assert_int_equal(count_ids(compilation, "a (guard accounts tokens in ns)"), 1);
    assert_int_equal(count_ids(compilation, "b (guard accounts tokens in ns)"), 1);
}

// What only records does not keep anybody from the account.
static void an_account_that_is_guarded_in_audit_alone_is_warned_about(void **state) {
    const struct compilation *compilation = compile(state, INSIDERS GUARDED("a", "exclusive sa ns/x\nmode audit")
                                                               GUARDED("b", "exclusive sa ns/x\nguard no accounts"));
    assert_reports(compilation, "K0219", "exclusive");
    assert_silent(
        compile(state, INSIDERS GUARDED("a", "exclusive sa ns/x") GUARDED("b", "exclusive sa ns/x\nguard no accounts")),
        "K0219");
}

static void accounts_of_sealed_actors_are_guarded_already(void **state) {
    const struct compilation *compilation =
        compile(state, INSIDERS "actor x = sa ns/x sealed\n" GUARDED("l", "exclusive x, sa ns/y"));
    assert_no_errors(compilation);
    assert_int_equal(count_ids(compilation, "x (sealed tokens in ns)"), 1);
    assert_int_equal(count_ids(compilation, "l (guard accounts tokens in ns)"), 1);
    assert_non_null(
        strstr(facts_of(state, lock_with_id(compilation, "l (guard accounts tokens in ns)")), "(name in y)"));
    compilation = compile(state, INSIDERS "actor x = sa ns/x sealed\n" GUARDED("l", "exclusive x"));
    assert_int_equal(count_ids(compilation, "l (guard accounts tokens in ns)"), 0);
}

static void who_passes_the_lock_passes_its_guard_of_accounts(void **state) {
    const struct compilation *compilation =
        compile(state, INSIDERS GUARDED("l", "exclusive sa ns/x, user u\nbreak-glass user b"));
    const struct lock *tokens = lock_with_id(compilation, "l (guard accounts tokens in ns)");
    assert_string_equal(subjects_text(state, &tokens->exclusive), "user system:serviceaccount:ns:x, user u");
    assert_string_equal(subjects_text(state, &tokens->passes), "user system:serviceaccount:ns:x, user u");
    // Break-glass is for the objects, and leaves a trace there.
    assert_string_equal(subjects_text(state, &tokens->break_glass), "");
    compilation = compile(state, INSIDERS "deployer user boss\n" GUARDED("l", "exclusive sa ns/x"));
    assert_string_equal(subjects_text(state, &lock_with_id(compilation, "l (guard accounts pods in ns)")->passes),
                        "user boss, user system:serviceaccount:ns:x");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        SENTENCE(every_way_to_become_an_account_is_a_lock),
        SENTENCE(accounts_are_sealed_where_they_are),
        SENTENCE(all_accounts_of_a_namespace_are_sealed_at_once),
        SENTENCE(a_template_that_names_no_account_runs_as_the_default_one),
        SENTENCE(roles_that_impersonate_are_refused),
        SENTENCE(any_name_is_one_of_all_accounts),
        SENTENCE(users_and_groups_have_nothing_in_namespaces),
        SENTENCE(a_part_of_who_it_is_is_sealed_as_well),
        SENTENCE(bindings_of_what_the_actor_may_are_refused),
        SENTENCE(grants_to_all_accounts_are_those_of_the_actor_that_is_them),
        SENTENCE(grants_of_another_policy_are_not_the_actors),
        SENTENCE(the_order_of_grants_does_not_matter),
        SENTENCE(guard_rbac_is_about_everybody_who_passes),
        SENTENCE(only_the_actor_and_those_behind_by_pass),
        SENTENCE(accounts_are_found_by_name_and_their_pods_are_looked_up),
        SENTENCE(sealed_users_are_known),
        SENTENCE(ids_are_unique_in_a_policy),
        SENTENCE(what_a_seal_leaves_open_is_said_where_it_is_written),
        SENTENCE(accounts_that_pass_are_sealed_for_the_lock),
        SENTENCE(accounts_are_guarded_against_insiders),
        SENTENCE(each_account_is_guarded_once_for_those_who_pass),
        SENTENCE(an_account_is_guarded_again_where_others_pass_with_it),
        SENTENCE(an_account_that_is_guarded_in_audit_alone_is_warned_about),
        SENTENCE(accounts_of_sealed_actors_are_guarded_already),
        SENTENCE(who_passes_the_lock_passes_its_guard_of_accounts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
