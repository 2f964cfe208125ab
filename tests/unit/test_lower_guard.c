// Guards, cascades and what static manifests add: the locks that are made, and every way in which they are refused.
#include "compile_support.h"

#include "base/limits.h"

#define LOCK(clauses) "lock l {\n" clauses "\n}\n"
// What a lock of objects that may not be deleted has without a word, taken away where a test is about something else.
#define ALONE "no owners, no namespace"
#define UNGUARDED "\nguard " ALONE
#define PODS LOCK("resources pods\nnamespace b, a\nlabels k=v\ndeny delete\nexclusive user u\n%s")

// Who fills the default roles.
#define AGGREGATION                                                                                                    \
    "(and (user in system:serviceaccount:kube-system:clusterrole-aggregation-controller "                              \
    "system:kube-controller-manager) (name in admin edit))"

// The facts of the lock with the id, in the policy.
#define ASSERT_FACTS(state, policy, id, facts)                                                                         \
    do {                                                                                                               \
        const struct compilation *made = compile((state), (policy));                                                   \
        assert_no_errors(made);                                                                                        \
        assert_string_equal(facts_of((state), lock_with_id(made, (id))), (facts));                                     \
    } while (0)

static const char *pods_with(void **state, const char *clauses) {
    return arena_printf(arena_of(state), PODS, clauses);
}

// The guards as words, in the order of guards.def; those that close all that they can with a mark.
static const char *guards_of(void **state, const struct lock *lock) {
    struct text text;
    text_init(&text, arena_of(state));
    for (size_t i = 0; i < GUARD_COUNT; i++)
        if (lock->guards & (1u << i))
            text_printf(&text, "%s%s%s", text.len ? " " : "", guard_info(i)->word, lock->full & (1u << i) ? "!" : "");
    return text_string(&text);
}

static const struct lock *written_lock(const struct compilation *compilation) {
    for (size_t i = 0; i < compilation->policies.lock_count; i++)
        if (!compilation->policies.locks[i]->origin) return compilation->policies.locks[i];
    fail();
    return NULL;
}

#define WIDGETS "resource widgets.example.com/v1 namespaced kind Widget\n"

// By policies against accidents and against insiders.
static void some_guards_are_there_without_a_word(void **state) {
    static const struct {
        const char *clauses, *accidents, *insiders;
    } rows[] = {
        {"resources cm\nnamespace a\nlabels k=v\ndeny delete", "labels namespace owners",
         "labels! namespace! owners! rbac! accounts! controllers!"},
        {"resources cm\nnamespace a\nlabels k=v", "labels namespace owners",
         "labels! namespace! owners! rbac! accounts! controllers!"},
        {"resources cm\nnamespace labeled x=y\nlabels k=v\ndeny write", "labels namespace owners",
         "labels! namespace! owners! rbac! accounts! controllers!"},
        {"resources cm\nnamespace *\nlabels k=v\ndeny delete", "labels owners",
         "labels! owners! rbac! accounts! controllers!"},
        {"resources nodes\nlabels k=v\ndeny delete", "labels owners", "labels! owners! rbac! accounts! controllers!"},
        {"resources widgets\nnamespace a\nlabels k=v\ndeny delete", "labels namespace crd owners",
         "labels! namespace! crd! owners! rbac! accounts! controllers!"},
        {"resources widgets, cm\nnamespace *\nlabels k=v\ndeny delete", "labels crd owners",
         "labels! crd! owners! rbac! accounts! controllers!"},
        {"resources *.example.com\nnamespace a\nlabels k=v\ndeny delete", "labels namespace owners",
         "labels! namespace! owners! rbac! accounts! controllers!"},
        {"resources widgets\nnamespace a\nlabels k=v\ndeny update", "labels", "labels! rbac! accounts! controllers!"},
        {"resources deployments\nnamespace a\nlabels k=v\ndeny scale", "labels",
         "labels! rbac! accounts! controllers!"},
        {"resources cm\nnamespace a\nlabels k=v\ndeny create", "", "rbac! accounts! controllers!"},
        {"resources cm\nnamespace a\nlabels k=v\nrequire label x", "", "rbac! accounts! controllers!"},
        {"resources pods/exec\nnamespace a\nlabels k=v\ndeny exec", "labels", "labels! rbac! accounts! controllers!"},
        // What is said adds, and asks for all that the guard can close.
        {"resources cm\nnamespace a\nlabels k=v\ndeny delete\nguard owners", "labels namespace owners!",
         "labels! namespace! owners! rbac! accounts! controllers!"},
        {"resources cm\nnamespace a\nlabels k=v\ndeny delete\nguard label-in, namespace",
         "labels label-in! namespace! owners", "labels! label-in! namespace! owners! rbac! accounts! controllers!"},
        {"resources pvc\nnamespace a\nlabels k=v\ndeny delete\nguard volumes, certificates",
         "labels namespace owners volumes! certificates!",
         "labels! namespace! owners! volumes! rbac! accounts! controllers! certificates!"},
        {"resources cm\nnamespace a\nlabels k=v\ndeny delete\nexclusive user u\nguard rbac, accounts, controllers",
         "labels namespace owners rbac! accounts! controllers!",
         "labels! namespace! owners! rbac! accounts! controllers!"},
        {"resources cm\nnamespace a\nname n\ndeny update\nguard namespace", "labels namespace!",
         "labels! namespace! rbac! accounts! controllers!"},
        // One at a time is taken away, or all.
        {"resources cm\nnamespace a\nlabels k=v\ndeny delete\nguard no owners", "labels namespace",
         "labels! namespace! rbac! accounts! controllers!"},
        {"resources cm\nnamespace a\nlabels k=v\ndeny delete\nguard no labels, no namespace, no owners", "",
         "rbac! accounts! controllers!"},
        {"resources cm\nnamespace a\nlabels k=v\ndeny delete\nguard label-in, no owners, no rbac",
         "labels label-in! namespace", "labels! label-in! namespace! accounts! controllers!"},
        {"resources cm\nnamespace a\nlabels k=v\ndeny delete\nguard no rbac, no accounts, no controllers",
         "labels namespace owners", "labels! namespace! owners!"},
        {"resources widgets\nnamespace a\nlabels k=v\ndeny delete\nguard no crd", "labels namespace owners",
         "labels! namespace! owners! rbac! accounts! controllers!"},
        {"resources cm\nnamespace a\nlabels k=v\ndeny delete\nguard none", "", ""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        for (int insiders = 0; insiders < 2; insiders++) {
            const struct compilation *compilation =
                compile(state, arena_printf(arena_of(state), "policy p%s\n" WIDGETS "lock l {\n%s\n}\n",
                                            insiders ? " against insiders" : "", rows[i].clauses));
            assert_no_errors(compilation);
            const char *guards = guards_of(state, written_lock(compilation));
            if (strcmp(guards, insiders ? rows[i].insiders : rows[i].accidents) != 0)
                print_message("%s\n", rows[i].clauses);
            assert_string_equal(guards, insiders ? rows[i].insiders : rows[i].accidents);
        }
}

// Of several objects, the namespaces have to be known of all.
static void a_namespace_is_guarded_where_all_objects_have_one(void **state) {
    static const char lock[] = "object x {\nresources pods\nnamespace a\nall objects\n}\nobject y {\n%s\nall objects\n}"
                               "\nlock l on x, y {\ndeny delete\n}\n";
    static const struct {
        const char *other, *guards;
    } rows[] = {
        {"resources cm\nnamespace b", "namespace owners"},
        {"resources cm\nnamespace labeled k=v", "namespace owners"},
        {"resources cm\nnamespace *", "owners"},
        {"resources nodes", "namespace owners"}, // which are in none
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct compilation *compilation = compile(state, arena_printf(arena_of(state), lock, rows[i].other));
        assert_no_errors(compilation);
        assert_non_null(strstr(guards_of(state, written_lock(compilation)), rows[i].guards));
        assert_int_equal(strstr(derived_ids(state, compilation), "guard namespace") != NULL, i != 2);
    }
}

static void what_guards_close_is_what_locks_are_made_for(void **state) {
    const struct {
        const char *clauses, *ids;
    } rows[] = {
        {"", "l (guard namespace)\n"}, {"\nguard none", ""},
        {"\nguard no namespace", ""},  {"\nguard no owners", "l (adoption)\nl (guard namespace)\n"},
        {UNGUARDED, "l (adoption)\n"}, {"\nguard no namespace, no labels", ""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_string_equal(
            derived_ids(state, compile(state, arena_printf(arena_of(state),
                                                           LOCK("resources cm\nnamespace a\nlabels k=v\ndeny delete%s"),
                                                           rows[i].clauses))),
            rows[i].ids);
    assert_string_equal(derived_ids(state, compile(state, pods_with(state, "guard none"))), "");
    // The label guard of pods is about what their bindings carry as well.
    const struct compilation *compilation = compile(state, pods_with(state, "guard " ALONE));
    assert_string_equal(derived_ids(state, compilation), "l (adoption)\nl (bindings)\nl (deadline)\nl (status)\n");
    assert_string_equal(facts_of(state, lock_with_id(compilation, "l (bindings)")),
                        "pods in a b\ndenies, acts binding\n");
    assert_string_equal(formula_text(state, lock_with_id(compilation, "l (bindings)")->condition),
                        "(or (new-label k))");
}

// By default the garbage collector is refused; workloads, and definitions that change, only where it is asked for.
static void guards_by_default_are_about_accidents(void **state) {
    const struct compilation *compilation = compile(state, pods_with(state, ""));
    assert_string_equal(derived_ids(state, compilation),
                        "l (bindings)\nl (deadline)\nl (guard namespace)\nl (status)\n");
    assert_string_equal(facts_of(state, lock_with_id(compilation, "l")),
                        "pods in a b\ndenies delete, acts eviction\nselects (label k in v)\nguards labels owners\n");
    static const char widgets[] = WIDGETS LOCK("resources widgets\nnamespace a\nlabels k=v\ndeny delete");
    compilation = compile(state, widgets);
    assert_string_equal(derived_ids(state, compilation), "l (guard crd)\nl (guard namespace)\n");
    assert_string_equal(facts_of(state, lock_with_id(compilation, "l (guard crd)")),
                        "customresourcedefinitions.apiextensions.k8s.io\ndenies delete\n"
                        "selects (name in widgets.example.com)\nguards owners\n");
    compilation = compile(state, arena_printf(arena_of(state), "policy test against insiders\n%s", widgets));
    assert_non_null(strstr(derived_ids(state, compilation),
                           "l (guard crd apiservices)\nl (guard crd status)\nl (guard crd)\nl (guard namespace)\n"));
    assert_string_equal(facts_of(state, lock_with_id(compilation, "l (guard crd)")),
                        "customresourcedefinitions.apiextensions.k8s.io\ndenies update delete\n"
                        "selects (name in widgets.example.com)\nchanging spec\nguards owners\n");
    compilation =
        compile(state, arena_printf(arena_of(state), "policy test against insiders\n%s", pods_with(state, "")));
    assert_non_null(strstr(derived_ids(state, compilation), "l (guard owners cronjobs)\nl (guard owners)\n"));
}

static void pods_are_not_said_to_have_ended(void **state) {
    const struct compilation *compilation = compile(state, pods_with(state, "exempt none"));
    const struct lock *lock = lock_with_id(compilation, "l (status)");
    assert_string_equal(facts_of(state, lock),
                        "pods /status in a b\ndenies update\nselects (label k in v)\nchanging status/phase\n");
    assert_string_equal(formula_text(state, lock->condition), "(new-field /status/phase in Failed Succeeded)");
    assert_int_equal(lock->exemption, EXEMPT_LIFECYCLE);
    // What does not keep pods from being deleted leaves this alone.
    assert_string_equal(derived_ids(state, compile(state, LOCK("resources pods\nnamespace a\nname n\ndeny update"))),
                        "");
}

// ---- owners that others give, deadlines, counters ----

static void what_may_not_be_deleted_is_given_no_owner(void **state) {
    static const char lock[] = LOCK("resources cm\nnamespace a\nlabels k=v\ndeny delete\nunless label free%s");
    struct arena *arena = arena_of(state);
    const struct compilation *compilation = compile(state, arena_printf(arena, lock, UNGUARDED));
    const struct lock *adoption = lock_with_id(compilation, "l (adoption)");
    assert_string_equal(facts_of(state, adoption), "configmaps in a\ndenies update\nselects (label k in v)\nchanging "
                                                   "metadata/ownerReferences/[*]/uid metadata/ownerReferences/[*]/kind "
                                                   "metadata/ownerReferences/[*]/name\n");
    // Of the same objects that may not be deleted.
    assert_non_null(strstr(formula_text(state, adoption->condition), "(not (label free"));
    assert_int_equal(adoption->exemption, EXEMPT_CONTROLLERS);
    assert_string_equal(derived_ids(state, compile(state, arena_printf(arena, lock, "\nguard no namespace"))), "");
    assert_string_equal(derived_ids(state, compile(state, arena_printf(arena, lock, "\nguard none"))), "");
    assert_string_equal(derived_ids(state, compile(state, arena_printf(arena, lock, "\nexempt none" UNGUARDED))), "");
    // What cannot be asked of an update is left out.
    compilation = compile(state, LOCK("resources cm\nnamespace a\nlabels k=v\ndeny delete\nwhen operation in "
                                      "(delete) and new field data.x" UNGUARDED));
    assert_string_equal(formula_text(state, lock_with_id(compilation, "l (adoption)")->condition), "(true)");
    compilation = compile(state, LOCK("resources cm\nnamespace a\nlabels k=v\ndeny delete\nwhen operation in "
                                      "(delete) and field data.x" UNGUARDED));
    assert_string_equal(formula_text(state, lock_with_id(compilation, "l (adoption)")->condition),
                        "(and (true) (field /data/x))");
    // A whole update says it already, and part of one does not.
    assert_string_equal(
        derived_ids(state,
                    compile(state, LOCK("resources cm\nnamespace a\nlabels k=v\ndeny update, delete" UNGUARDED))),
        "");
    assert_string_equal(
        derived_ids(
            state,
            compile(state,
                    LOCK("resources cm\nnamespace a\nlabels k=v\ndeny update, delete\nchanging data" UNGUARDED))),
        "l (adoption)\n");
}

static void jobs_do_not_end_before_their_time(void **state) {
    static const char lock[] = LOCK("resources jobs\nnamespace a\nname n\ndeny delete\nguard owners, no namespace\n%s");
    struct arena *arena = arena_of(state);
    assert_string_equal(derived_ids(state, compile(state, arena_printf(arena, lock, "exempt lifecycle"))),
                        "l (clock)\nl (counters)\nl (status of jobs)\n");
    const struct compilation *compilation = compile(state, arena_printf(arena, lock, ""));
    assert_string_equal(derived_ids(state, compilation),
                        "l (clock)\nl (counters)\nl (status of jobs)\nl (surplus)\nl (time to live)\n");
    assert_string_equal(facts_of(state, lock_with_id(compilation, "l (time to live)")),
                        "jobs.batch in a\ndenies update\nselects (name in n)\nchanging spec/ttlSecondsAfterFinished\n");
    assert_string_equal(formula_text(state, lock_with_id(compilation, "l (clock)")->condition),
                        "(not (field /spec/suspend in true!))");
}

// ---- orders ----

static const char *changing_of(void **state, const char *clauses) {
    const struct compilation *compilation = compile(
        state, arena_printf(arena_of(state), LOCK("resources deployments\nnamespace a\nlabels k=v\n%s"), clauses));
    assert_no_errors(compilation);
    return strstr(facts_of(state, lock_with_id(compilation, "l")), "changing");
}

static void what_a_controller_is_told_to_write_counts_as_written(void **state) {
#define ROLLBACK "metadata/annotations/deprecated.deployment.rollback.to"
    assert_non_null(strstr(changing_of(state, "deny update\nchanging spec.template"), ROLLBACK));
    assert_non_null(strstr(changing_of(state, "deny update\nchanging spec.template.spec.containers"), ROLLBACK));
    // The controller is refused; its fields are others; or the annotation counts already.
    assert_null(strstr(changing_of(state, "deny update\nchanging spec.template\nexempt lifecycle"), ROLLBACK));
    assert_null(strstr(changing_of(state, "deny update\nchanging spec.replicas"), ROLLBACK));
    assert_null(strstr(changing_of(state, "deny update\nchanging spec, metadata.annotations"), ROLLBACK));
    const struct compilation *compilation =
        compile(state, LOCK("resources deployments\nnamespace a\nlabels k=v\ndeny update\nexcept changing "
                            "metadata.annotations"));
    assert_string_equal(derived_ids(state, compilation),
                        "l (order metadata annotations deprecated.deployment.rollback.to of deployments)\n");
}

// ---- volumes ----

static void volumes_are_kept_by_the_namespace_of_their_claims(void **state) {
    static const char lock[] = LOCK("resources pvc\nnamespace a, b\n%s\ndeny delete\nguard volumes, owners");
    struct arena *arena = arena_of(state);
    ASSERT_FACTS(state, arena_printf(arena, lock, "labels k=v"), "l (guard volumes)",
                 "persistentvolumes\ndenies update delete\nselects (field /spec/claimRef/namespace in a b)\n"
                 "changing spec/claimRef\nguards owners\n");
    ASSERT_FACTS(state, arena_printf(arena, lock, "name n"), "l (guard volumes status)",
                 "persistentvolumes /status\ndenies update\n"
                 "selects (and (field /spec/claimRef/namespace in a b) (field /spec/claimRef/name in n))\n"
                 "changing status/phase\n");
    assert_reports(compile(state, LOCK("resources pvc\nnamespace labeled x=y\nlabels k=v\ndeny delete\n"
                                       "guard volumes")),
                   "K0403", "volumes");
    assert_reports(compile(state, LOCK("resources cm\nnamespace a\nlabels k=v\ndeny delete\nguard volumes")), "K0414",
                   "volumes");
}

// ---- namespace ----

static void namespaces_are_kept_by_name_and_by_label(void **state) {
    ASSERT_FACTS(state, pods_with(state, "guard namespace"), "l (guard namespace)",
                 "namespaces\ndenies delete\nselects (name in a b)\nguards owners\n");
    ASSERT_FACTS(
        state, LOCK("resources pods\nnamespace labeled env=prod, !old\nlabels k=v\ndeny delete\nguard namespace"),
        "l (guard namespace)",
        "namespaces\ndenies delete\nselects (and (label env in prod) (not (label old)))\nguards labels owners\n");
    ASSERT_FACTS(state,
                 "object x {\nresources pods\nnamespace a\nall objects\n}\n"
                 "object y {\nresources cm\nnamespace c, a\nall objects\n}\n"
                 "lock l on x, y {\ndeny delete\nguard namespace\n}\n",
                 "l (guard namespace)", "namespaces\ndenies delete\nselects (name in a c)\nguards owners\n");
}

// The parts of a lock about subresources and cluster-scoped objects do not have the namespace guarded twice.
static void a_lock_of_several_parts_guards_once(void **state) {
    assert_string_equal(derived_ids(state, compile(state, LOCK("resources pods, pods/status, pods/exec\nnamespace "
                                                               "a\nlabels k=v\ndeny all\nguard namespace"))),
                        "l (bindings)\nl (guard namespace)\nl (status)\n");
    assert_string_equal(
        derived_ids(state, compile(state, "object x {\nresources nodes\nname n\n}\n"
                                          "object y {\nresources cm\nnamespace a\nname n\n}\n"
                                          "lock l on x, y {\ndeny delete\nguard namespace, no owners\n}\n")),
        "l (adoption 2)\nl (adoption)\nl (guard namespace)\n");
}

// ---- crd ----

static void definitions_and_api_services_are_kept(void **state) {
    static const char policy[] = WIDGETS LOCK(
        "resources widgets, pods\nnamespace a\nlabels k=v\ndeny delete\nguard crd, no owners, no namespace");
    assert_string_equal(derived_ids(state, compile(state, policy)),
                        "l (adoption)\nl (bindings)\nl (deadline)\nl (guard crd apiservices)\nl (guard crd status)\nl "
                        "(guard crd)\nl (status)\n");
    ASSERT_FACTS(state, policy, "l (guard crd)",
                 "customresourcedefinitions.apiextensions.k8s.io\ndenies update delete\n"
                 "selects (name in widgets.example.com)\nchanging spec\nguards owners\n");
    ASSERT_FACTS(state, policy, "l (guard crd status)",
                 "customresourcedefinitions.apiextensions.k8s.io /status\ndenies update\n"
                 "selects (name in widgets.example.com)\nchanging status\n");
    ASSERT_FACTS(state, policy, "l (guard crd apiservices)",
                 "apiservices.apiregistration.k8s.io\ndenies create update delete\n"
                 "selects (field /spec/group in example.com)\nchanging spec\n");
}

static void a_group_of_custom_resources_is_kept_as_a_whole(void **state) {
    ASSERT_FACTS(state, WIDGETS LOCK("resources *.example.com\nnamespace a\nlabels k=v\ndeny delete\nguard crd"),
                 "l (guard crd)",
                 "customresourcedefinitions.apiextensions.k8s.io\ndenies update delete\n"
                 "selects (field /spec/group in example.com)\nchanging spec\nguards owners\n");
}

// The API server itself writes definitions and API services, whatever the lock lets through.
static void the_api_server_passes_the_guard_of_definitions(void **state) {
    const struct compilation *compilation =
        compile(state, WIDGETS LOCK("resources widgets\nnamespace a\nlabels k=v\ndeny delete\nexempt none\nguard crd, "
                                    "namespace"));
    assert_no_errors(compilation);
    assert_int_equal(lock_with_id(compilation, "l")->exemption, EXEMPT_NONE);
    assert_int_equal(lock_with_id(compilation, "l (guard crd)")->exemption, EXEMPT_LIFECYCLE);
    assert_int_equal(lock_with_id(compilation, "l (guard crd status)")->exemption, EXEMPT_LIFECYCLE);
    assert_int_equal(lock_with_id(compilation, "l (guard crd apiservices)")->exemption, EXEMPT_LIFECYCLE);
    assert_int_equal(lock_with_id(compilation, "l (guard namespace)")->exemption, EXEMPT_NONE);
}

// ---- owners ----

static void workloads_whose_pods_are_locked_are_kept(void **state) {
    const char *policy = pods_with(state, "exempt lifecycle\nguard owners, no namespace");
    assert_string_equal(derived_ids(state, compile(state, policy)),
                        "l (bindings)\nl (deadline)\nl (guard owners cronjobs)\nl (guard owners)\nl (status)\n");
    ASSERT_FACTS(state, policy, "l (guard owners)",
                 "daemonsets.apps deployments.apps jobs.batch replicasets.apps "
                 "replicationcontrollers statefulsets.apps in a b\n"
                 "denies create update delete, acts scale\n"
                 "selects (field /spec/template/metadata/labels/k in v)\nchanging spec "
                 "metadata/annotations/deprecated.deployment.rollback.to "
                 "metadata/annotations/deployment.kubernetes.io/desired-replicas "
                 "metadata/annotations/deployment.kubernetes.io/max-replicas\nguards label-in owners\n");
    ASSERT_FACTS(state, policy, "l (guard owners cronjobs)",
                 "cronjobs.batch in a b\ndenies create update delete, acts scale\n"
                 "selects (field /spec/jobTemplate/spec/template/metadata/labels/k in v)\nchanging spec\n"
                 "guards label-in owners\n");
    ASSERT_FACTS(state, policy, "l",
                 "pods in a b\ndenies delete, acts eviction\nselects (label k in v)\nguards labels owners\n");
    assert_int_equal(lock_with_id(compile(state, policy), "l (guard owners)")->exemption, EXEMPT_CONTROLLERS);
}

static void templates_are_asked_the_whole_selection(void **state) {
    ASSERT_FACTS(state,
                 LOCK("resources replicasets\nnamespace labeled e=p\nlabels a in (b, c), not (d or !e)\ndeny "
                      "delete\nguard owners"),
                 "l (guard owners)",
                 "deployments.apps in (namespace-label e in p)\ndenies create update delete, acts scale\n"
                 "selects (and (field /spec/template/metadata/labels/a in b c) (not (or (field "
                 "/spec/template/metadata/labels/d) (not (field /spec/template/metadata/labels/e)))))\n"
                 "changing spec metadata/annotations/deprecated.deployment.rollback.to\nguards label-in owners\n");
}

// What a template does not hand on, or what no workload owns.
static void workloads_are_kept_only_where_labels_tell_them(void **state) {
    static const char *const others[] = {
        "resources pods\nnamespace a\nname n\ndeny delete",
        "resources pods\nnamespace a\nannotations k=v\ndeny delete",
        "resources pods\nnamespace a\nlabels k=v\nwhere field spec.x\ndeny delete",
        "resources pods\nnamespace a\nwhere label k = name\ndeny delete",
        "resources pods\nnamespace a\nall objects\ndeny delete",
        "resources pods/status\nnamespace a\nlabels k=v\ndeny update",
        "resources configmaps\nnamespace a\nlabels k=v\ndeny delete",
        "resources pods.example.com\nnamespace a\nlabels k=v\ndeny delete",
    };
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        const struct compilation *compilation =
            compile(state, arena_printf(arena_of(state),
                                        "resource pods.example.com namespaced\n" LOCK("%s\nguard owners"), others[i]));
        if (strstr(derived_ids(state, compilation), "owners")) print_message("%s\n", others[i]);
        assert_null(strstr(derived_ids(state, compilation), "owners"));
    }
}

// ---- cascade ----

static void what_a_workload_owns_is_locked_with_it(void **state) {
    ASSERT_FACTS(state, LOCK("resources deployments\nnamespace a\nlabels k=v\ndeny update, delete\ncascade" UNGUARDED),
                 "l (cascade)",
                 "replicasets.apps pods in a\ndenies update delete, acts eviction scale\nselects (label k in v)\n"
                 "guards labels\n");
    ASSERT_FACTS(
        state, LOCK("resources cronjobs\nnamespace a\nlabels k=v\ndeny delete\nguard owners, label-in\ncascade"),
        "l (cascade)",
        "jobs.batch pods in a\ndenies create delete, acts eviction\nselects (label k in v)\nguards labels owners\n");
    ASSERT_FACTS(state,
                 LOCK("resources statefulsets, pods, deployments\nnamespace a\nlabels k=v\ndeny create\ncascade"),
                 "l (cascade)", "replicasets.apps in a\ndenies create\nselects (label k in v)\n");
    // Who is kept from everything is kept from getting into the pods.
    ASSERT_FACTS(state, LOCK("resources daemonsets\nnamespace a\nlabels k=v\ndeny all\ncascade" UNGUARDED),
                 "l (cascade)",
                 "pods in a\ndenies create update delete, acts eviction exec attach portforward proxy\n"
                 "selects (label k in v)\nguards labels\n");
    assert_int_equal(
        lock_with_id(compile(state, LOCK("resources jobs\nnamespace a\nlabels k=v\ndeny delete\nexempt none\ncascade")),
                     "l (cascade)")
            ->exemption,
        EXEMPT_CONTROLLERS);
}

static void a_cascade_is_made_of_the_workloads_once(void **state) {
    static const char *const both[] = {"deployments, deployments/scale", "deployments/scale, deployments",
                                       "deployments/status, deployments"};
    for (size_t i = 0; i < sizeof both / sizeof *both; i++) {
        const char *policy =
            arena_printf(arena_of(state), LOCK("resources %s\nnamespace a\nlabels k=v\ndeny update\ncascade"), both[i]);
        assert_string_equal(derived_ids(state, compile(state, policy)), "l (cascade bindings)\nl (cascade)\n");
        ASSERT_FACTS(state, policy, "l (cascade)",
                     "replicasets.apps pods in a\ndenies update, acts scale\nselects (label k in v)\nguards labels\n");
    }
}

// ---- rbac ----

#define GRANT "grant g to user u {\nresources cm\nnamespace a\nallow get\n}\n"

static void what_is_written_for_the_policy_is_kept(void **state) {
    const char *policy = arena_printf(arena_of(state), "policy p\n%s" GRANT, pods_with(state, "guard rbac, " ALONE));
    static const char written[] =
        "denies update delete\nselects (and (label app.kubernetes.io/managed-by in klockc) (label klock.dev/policy in "
        "p))\nguards labels\n";
    ASSERT_FACTS(state, policy, "l (guard rbac of the cluster)",
                 arena_printf(arena_of(state),
                              "clusterroles.rbac.authorization.k8s.io clusterrolebindings.rbac.authorization.k8s.io\n"
                              "%s",
                              written));
    ASSERT_FACTS(state, policy, "l (guard rbac in namespaces)",
                 arena_printf(arena_of(state),
                              "roles.rbac.authorization.k8s.io rolebindings.rbac.authorization.k8s.io serviceaccounts "
                              "in * and kube-node-lease kube-public kube-system\n%s",
                              written));
    // Accounts are output as well; without either there is nothing of the policy to keep.
    assert_non_null(strstr(derived_ids(state, compile(state, arena_printf(arena_of(state), "%sactor x = new sa a/x\n",
                                                                          pods_with(state, "guard rbac, " ALONE)))),
                           "l (guard rbac of the cluster)\n"));
    assert_string_equal(derived_ids(state, compile(state, pods_with(state, "guard rbac, " ALONE))),
                        "l (adoption)\nl (bindings)\nl (deadline)\nl (guard rbac clusterrolebindings)\n"
                        "l (guard rbac clusterroles)\nl (status)\n");
}

// Grants of another policy are not this one's output.
static void each_policy_keeps_its_own(void **state) {
    const char *lock = arena_printf(arena_of(state), "policy one\n%s", pods_with(state, "guard rbac, " ALONE));
    const struct compilation *compilation =
        COMPILE_FILES(state, {"one.klock", lock}, {"two.klock", "policy two\n" GRANT});
    assert_string_equal(derived_ids(state, compilation),
                        "l (adoption)\nl (bindings)\nl (deadline)\nl (guard rbac clusterrolebindings)\n"
                        "l (guard rbac clusterroles)\nl (status)\n");
}

// The label of the objects is cut where the policy's name is too long for one.
static void long_policy_names_are_known_by_their_label(void **state) {
    char *name = arena_alloc(arena_of(state), 101);
    memset(name, 'x', 100);
    const struct compilation *compilation =
        compile(state, arena_printf(arena_of(state), "policy %s\n%s" GRANT, name, pods_with(state, "guard rbac")));
    assert_no_errors(compilation);
    const char *label = value_get_string(value_dig(compilation->manifest.objects[0].value, "metadata", "labels", NULL),
                                         "klock.dev/policy");
    assert_int_equal(strlen(label), LIMIT_LABEL_NAME);
    assert_non_null(strstr(facts_of(state, lock_with_id(compilation, "l (guard rbac of the cluster)")),
                           arena_printf(arena_of(state), "(label klock.dev/policy in %s)", label)));
}

// ---- what all derived locks take over ----

static void derived_locks_are_like_the_lock(void **state) {
    const struct compilation *compilation =
        compile(state, "lock l {\nresources pods\nnamespace a\nlabels k=v\ndeny delete\nexclusive user u, group g, uid "
                       "x\nexempt controllers\nbreak-glass user b\nmode deny, audit\non error allow\nguard "
                       "namespace, owners, rbac\nmessage \"of pods\"\nowner o\nticket t\n}\n" GRANT);
    assert_no_errors(compilation);
    size_t count = 0;
    for (size_t i = 0; i < compilation->policies.lock_count; i++) {
        const struct lock *lock = compilation->policies.locks[i];
        if (!lock->origin) continue;
        count++;
        assert_string_equal(lock->name, "l");
        assert_string_equal(text_of(compilation, lock->span), "l");
        assert_string_equal(subjects_text(state, &lock->exclusive), "user u, group g, (uid in x)");
        const bool aggregated = strcmp(lock->id, "l (guard rbac clusterroles)") == 0;
        assert_string_equal(subjects_text(state, &lock->passes),
                            aggregated ? "user u, group g, (uid in x), " AGGREGATION : "user u, group g, (uid in x)");
        assert_string_equal(subjects_text(state, &lock->break_glass), "user b");
        assert_int_equal(lock->mode, MODE_DENY | MODE_AUDIT);
        // What keeps the lock fails closed, whatever the lock does.
        assert_false(lock->fail_open);
        assert_int_equal(lock->exemption, aggregated ? EXEMPT_LIFECYCLE : EXEMPT_CONTROLLERS);
        // Whoever is refused must find the lock and its owner; the lock's message is about other objects.
        assert_non_null(strstr(lock->message, "(lock l of policy test;"));
        assert_non_null(strstr(lock->message, "owner: o"));
        assert_non_null(strstr(lock->message, "ticket: t"));
        assert_null(strstr(lock->message, "of pods"));
        for (size_t j = 0; j < i; j++) assert_string_not_equal(compilation->policies.locks[j]->id, lock->id);
    }
    assert_int_equal(count, 12);
}

// What can be asked of any request is kept, and what `unless` asks is asked of the object that the guard looks at: who
// may delete the objects of a namespace that is labelled may delete the namespace. Where another object could satisfy
// it by having nothing of the kind, it is left out, and the guard always holds.
static void conditions_are_read_on_what_is_guarded(void **state) {
    static const struct {
        const char *condition, *of_namespace, *of_definition;
    } rows[] = {
        {"when user = x or group y", "(or (user in x) (group in y))", "(or (user in x) (group in y))"},
        {"unless operation in (create)", "(not (operation 1))", "(not (operation 1))"},
        {"when label a", "(true)", "(true)"},
        {"when user = x and field data.y", "(user in x)", "(user in x)"},
        {"when label a or user = x", "(true)", "(true)"},
        {"when namespace = a", "(true)", "(true)"},
        {"when namespace label a = b", "(true)", "(true)"},
        {"unless label a", "(not (label a frozen))", "(not (label a frozen))"},
        {"unless annotation a = user", "(not (annotation a = (user) frozen))", "(not (annotation a = (user) frozen))"},
        {"when user = x\nunless label a", "(and (user in x) (not (label a frozen)))",
         "(and (user in x) (not (label a frozen)))"},
        {"unless namespace label a = b", "(not (label a in b frozen))", "(true)"},
        {"unless label a and namespace label b", "(not (and (label a frozen) (label b frozen)))", "(true)"},
        {"unless label a or user = x", "(not (or (label a frozen) (user in x)))",
         "(not (or (label a frozen) (user in x)))"},
        // Another object has no such label, no such list and another name.
        {"unless not label a", "(true)", "(true)"},
        {"unless label a notin (b)", "(true)", "(true)"},
        {"unless label a or not label b", "(true)", "(true)"},
        {"unless all spec.containers as c ( c.image like \"a*\" )", "(true)", "(true)"},
        {"unless name = n", "(true)", "(true)"},
        {"unless label a = name", "(true)", "(true)"},
        {"unless new field spec.a", "(true)", "(true)"},
        {"unless cel \"object.metadata.name == 'x'\"", "(true)", "(true)"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct compilation *compilation =
            compile(state, arena_printf(arena_of(state),
                                        WIDGETS LOCK("resources widgets\nnamespace a\nlabels k=v\ndeny delete\n%s"),
                                        rows[i].condition));
        assert_no_errors(compilation);
        const struct lock *of_namespace = lock_with_id(compilation, "l (guard namespace)"),
                          *of_definition = lock_with_id(compilation, "l (guard crd)");
        if (strcmp(formula_text(state, of_namespace->condition), rows[i].of_namespace) != 0)
            print_message("%s\n", rows[i].condition);
        assert_string_equal(formula_text(state, of_namespace->condition), rows[i].of_namespace);
        assert_string_equal(formula_text(state, of_definition->condition), rows[i].of_definition);
        assert_int_not_equal(lock_with_id(compilation, "l")->condition->kind, FORMULA_TRUE);
    }
}

// ---- static manifests ----

static void static_manifests_keep_the_policies_of_the_api(void **state) {
    const char *policy = pods_with(state, "guard " ALONE);
    assert_string_equal(derived_ids(state, compile_static(state, policy)),
                        "admission-configuration (static)\nl (adoption)\nl (bindings)\nl (deadline)\nl (status)\n");
    const struct compilation *compilation =
        compile_static(state, arena_printf(arena_of(state), "%sdeployer user d\n", policy));
    const struct lock *lock = lock_with_id(compilation, "admission-configuration (static)");
    assert_string_equal(
        facts_of(state, lock),
        "mutatingadmissionpolicies.admissionregistration.k8s.io mutatingadmissionpolicybindings.admissionregistration"
        ".k8s.io validatingadmissionpolicies.admissionregistration.k8s.io "
        "validatingadmissionpolicybindings.admissionregistration.k8s.io\n"
        "denies update delete\nselects (and (label app.kubernetes.io/managed-by in klockc) (label klock.dev/policy in "
        "test))\nguards labels\n");
    assert_string_equal(subjects_text(state, &lock->passes), "user d");
    assert_string_equal(subjects_text(state, &lock->exclusive), "user d");
    assert_non_null(strstr(lock->message, "(lock admission-configuration of policy test;"));
}

static void every_policy_of_static_manifests_has_one(void **state) {
    struct arena *arena = arena_of(state);
    const struct klock_options options = {.target = KLOCK_TARGET_STATIC};
    struct compilation *compilation = ARENA_NEW(arena, struct compilation);
    driver_init(compilation, arena, &options);
    for (const char *name = "abb"; *name; name++) {
        const char *text = arena_printf(
            arena, "policy %c\nlock l%zu {\nresources cm\nnamespace a\nname n\ndeny update\n}\n", *name, strlen(name));
        load_add_buffer(&compilation->loader, arena_printf(arena, "%zu.klock", strlen(name)), text, strlen(text));
    }
    driver_compile(compilation);
    assert_no_errors(compilation);
    assert_string_equal(derived_ids(state, compilation),
                        "admission-configuration (static)\nadmission-configuration (static)\n");
}

// ---- deployer ----

static void the_deployer_passes_what_guards_the_output(void **state) {
    const char *policy =
        arena_printf(arena_of(state), "deployer user d, group e\n%s" GRANT, pods_with(state, "guard rbac, namespace"));
    const struct compilation *compilation = compile(state, policy);
    assert_no_errors(compilation);
    static const char *const guards[] = {"l (guard rbac clusterrolebindings)", "l (guard rbac clusterroles)",
                                         "l (guard rbac in namespaces)", "l (guard rbac of the cluster)",
                                         "l (guard rbac rolebindings)"};
    for (size_t i = 0; i < sizeof guards / sizeof *guards; i++)
        assert_string_equal(subjects_text(state, &lock_with_id(compilation, guards[i])->passes),
                            i == 1 ? "user d, user u, group e, " AGGREGATION : "user d, user u, group e");
    assert_string_equal(subjects_text(state, &lock_with_id(compilation, "l (guard namespace)")->passes), "user u");
    assert_string_equal(subjects_text(state, &lock_with_id(compilation, "l")->passes), "user u");
}

static void a_deployer_is_that_of_its_own_policy(void **state) {
    const char *lock = arena_printf(arena_of(state), "policy one\n%s" GRANT, pods_with(state, "guard rbac"));
    const struct compilation *compilation =
        COMPILE_FILES(state, {"one.klock", lock}, {"two.klock", "policy two\ndeployer user d\n" GRANT});
    assert_no_errors(compilation);
    assert_string_equal(subjects_text(state, &lock_with_id(compilation, "l (guard rbac of the cluster)")->passes),
                        "user u");
    assert_int_equal(compilation->policies.deployer_count, 1);
    assert_string_equal(compilation->policies.deployers[0]->policy, "two");
}

static void deployers_are_one_a_policy_and_known_to_rbac(void **state) {
    static const char lock[] = "policy p\nlock l {\nresources cm\nnamespace a\nname n\ndeny delete\n}\n";
    assert_reports_only(
        COMPILE_FILES(state, {"a.klock", arena_printf(arena_of(state), "%sdeployer user a\n", lock)},
                      {"b.klock", "policy p\ngrant g to user u {\nresources cm\nnamespace a\nallow get\n}\ndeployer "
                                  "user b\n"}),
        "K0402", "deployer");
    static const char *const unknown[] = {"uid x", "user a and group b", "user a with extra k = v", "may unlock"};
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++)
        assert_reports_only(compile(state, arena_printf(arena_of(state), "%sdeployer user z, %s\n", lock, unknown[i])),
                            "K0305", unknown[i]);
    assert_reports_only(compile(state, arena_printf(arena_of(state), "%sdeployer nobody\n", lock)), "K0101", "nobody");
    const struct compilation *compilation =
        compile(state, arena_printf(arena_of(state), "%sdeployer sa x/y, group g, user z\n", lock));
    assert_no_errors(compilation);
    assert_int_equal(compilation->policies.deployers[0]->account_count, 3);
    assert_int_equal(compilation->policies.deployers[0]->accounts[0].kind, RBAC_SERVICE_ACCOUNT);
    assert_string_equal(compilation->policies.deployers[0]->accounts[0].namespace, "x");
    assert_string_equal(compilation->policies.deployers[0]->accounts[0].name, "y");
}

// ---- may ----

static void rights_become_roles_that_nobody_holds(void **state) {
    const struct compilation *compilation =
        compile(state, "lock l {\nresources cm\nnamespace a\nname n\ndeny delete\nexclusive may unlock\nunless actor "
                       "x\n}\nactor x = user u and may bypass\nlock m {\nresources cm\nnamespace a\nname m\nrequire "
                       "label k or actor y\nexclusive may unlock\n}\nactor y = may label\n");
    assert_no_errors(compilation);
    static const char *const roles[] = {"l-bypass", "l-unlock", "m-label", "m-unlock"};
    assert_int_equal(compilation->policies.grant_count, sizeof roles / sizeof *roles);
    for (size_t i = 0; i < sizeof roles / sizeof *roles; i++) {
        const struct grant *grant = compilation->policies.grants[i];
        assert_string_equal(grant->name, roles[i]);
        assert_int_equal(grant->subject_count, 0);
        assert_int_equal(grant->scope.where, IN_CLUSTER);
        assert_int_equal(grant->scope.target_count, 1);
        assert_string_equal(grant->scope.targets[0].group, "klock.dev");
        assert_string_equal(grant->scope.targets[0].name, "locks");
        assert_int_equal(grant->name_count, 1);
        assert_string_equal(grant->names[0], arena_printf(arena_of(state), "%.1s", roles[i]));
        assert_int_equal(grant->verb_count, 1);
        assert_string_equal(grant->verbs[0], roles[i] + 2);
    }
}

static void a_right_that_is_asked_for_twice_is_one_role(void **state) {
    const struct compilation *compilation =
        compile(state, "lock l {\nresources cm\nnamespace a\nname n\ndeny delete\nexclusive may unlock\nunless actor "
                       "x\n}\nactor x = user u and may unlock\n");
    assert_no_errors(compilation);
    assert_int_equal(compilation->policies.grant_count, 1);
}

// Lock and verb make up a name together.
static void roles_of_other_rights_never_share_a_name(void **state) {
    const struct compilation *compilation =
        compile(state, "lock a {\nresources cm\nnamespace a\nname n\ndeny delete\nexclusive may b-c\n}\n"
                       "lock a-b {\nresources cm\nnamespace a\nname m\ndeny delete\nexclusive may c\n}\n");
    assert_no_errors(compilation);
    object_named(compilation, "ClusterRole", "", "test_b-c:a");
    object_named(compilation, "ClusterRole", "", "test_c:a-b");
}

// ---- refusals ----

static void every_refusal_has_its_code_and_place(void **state) {
    static const struct {
        const char *policy, *code, *at;
    } rows[] = {
        {LOCK("resources nodes\nname n\ndeny delete\nguard namespace"), "K0414", "namespace"},
        {LOCK("resources pods\nnamespace *\nlabels k=v\ndeny delete\nguard namespace"), "K0403", "namespace"},
        {"object x {\nresources pods\nnamespace a\nall objects\n}\nobject y {\nresources cm\nnamespace *\nall "
         "objects\n}\nlock l on x, y {\ndeny delete\nguard namespace\n}\n",
         "K0403", "namespace"},
        {LOCK("resources pods\nnamespace a\nname n\ndeny delete\nguard owners, crd"), "K0414", "crd"},
        {LOCK("resources pods\nnamespace a\nname n\ndeny delete\nguard rbac"), "K0414", "rbac"},
        {LOCK("resources deployments\nnamespace a\nname n\ndeny delete\ncascade"), "K0403", "cascade"},
        {LOCK("resources deployments\nnamespace a\nlabels k=v\nwhere field spec.x\ndeny delete\ncascade"), "K0403",
         "cascade"},
        {LOCK("resources pods\nnamespace a\nlabels k=v\ndeny delete\ncascade"), "K0414", "cascade"},
        {LOCK("resources statefulsets, pods\nnamespace a\nlabels k=v\ndeny delete\ncascade"), "K0414", "cascade"},
        {LOCK("resources deployments/scale\nnamespace a\nlabels k=v\ndeny scale\ncascade"), "K0414", "cascade"},
        {LOCK("resources deployments\nnamespace a\nlabels k=v\ndeny scale\ncascade"), "K0403", "cascade"},
        {LOCK("resources deployments\nnamespace a\nlabels k=v\ndeny update\nchanging spec\ncascade"), "K0403",
         "cascade"},
        {LOCK("resources deployments\nnamespace a\nlabels k=v\ndeny delete\nrequire label x\ncascade"), "K0403",
         "cascade"},
        {"resource deployments.example.com namespaced\n" LOCK(
             "resources deployments.example.com\nnamespace a\nlabels k=v\ndeny delete\ncascade"),
         "K0414", "cascade"},
        {LOCK("resources cm\nnamespace a\nname n\ndeny delete\nguard none, owners"), "K0403", "guard none, owners"},
        {"lock a/b {\nresources cm\nnamespace a\nname n\ndeny delete\nexclusive may unlock\n}\n", "K0104", "a/b"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct compilation *compilation = compile(state, rows[i].policy);
        if (count_of(compilation, rows[i].code) != 1) print_message("%s\n", rows[i].policy);
        assert_reports_only(compilation, rows[i].code, rows[i].at);
        assert_int_equal(compilation->manifest.count, 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        SENTENCE(some_guards_are_there_without_a_word),
        SENTENCE(a_namespace_is_guarded_where_all_objects_have_one),
        SENTENCE(what_guards_close_is_what_locks_are_made_for),
        SENTENCE(guards_by_default_are_about_accidents),
        SENTENCE(pods_are_not_said_to_have_ended),
        SENTENCE(what_may_not_be_deleted_is_given_no_owner),
        SENTENCE(jobs_do_not_end_before_their_time),
        SENTENCE(what_a_controller_is_told_to_write_counts_as_written),
        SENTENCE(volumes_are_kept_by_the_namespace_of_their_claims),
        SENTENCE(namespaces_are_kept_by_name_and_by_label),
        SENTENCE(a_lock_of_several_parts_guards_once),
        SENTENCE(definitions_and_api_services_are_kept),
        SENTENCE(a_group_of_custom_resources_is_kept_as_a_whole),
        SENTENCE(the_api_server_passes_the_guard_of_definitions),
        SENTENCE(workloads_whose_pods_are_locked_are_kept),
        SENTENCE(templates_are_asked_the_whole_selection),
        SENTENCE(workloads_are_kept_only_where_labels_tell_them),
        SENTENCE(what_a_workload_owns_is_locked_with_it),
        SENTENCE(a_cascade_is_made_of_the_workloads_once),
        SENTENCE(what_is_written_for_the_policy_is_kept),
        SENTENCE(each_policy_keeps_its_own),
        SENTENCE(long_policy_names_are_known_by_their_label),
        SENTENCE(derived_locks_are_like_the_lock),
        SENTENCE(conditions_are_read_on_what_is_guarded),
        SENTENCE(static_manifests_keep_the_policies_of_the_api),
        SENTENCE(every_policy_of_static_manifests_has_one),
        SENTENCE(the_deployer_passes_what_guards_the_output),
        SENTENCE(a_deployer_is_that_of_its_own_policy),
        SENTENCE(deployers_are_one_a_policy_and_known_to_rbac),
        SENTENCE(rights_become_roles_that_nobody_holds),
        SENTENCE(a_right_that_is_asked_for_twice_is_one_role),
        SENTENCE(roles_of_other_rights_never_share_a_name),
        SENTENCE(every_refusal_has_its_code_and_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
