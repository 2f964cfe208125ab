// The decision, row by row of what a lock means.
#include "compile_support.h"
#include "describe/describe.h"

#define LOCK(clauses)                                                                                                  \
    "actor jonny = sa default/jonny\nlock l {\n  resources configmaps\n  namespace default\n" clauses "\n}\n"
#define POD_LOCK(clauses) "lock l {\n  resources pods\n  namespace default\n" clauses "\n}\n"
#define RED " labels aura=red "
#define BLUE " labels aura=blue "
#define DENIED "\nexpect denied by l\n"
#define ALLOWED "\nexpect allowed\n"

static void a_lock_holds_in_its_scope(void **state) {
    assert_judged(state, LOCK("labels aura=red\ndeny write"),
                  "as user u\n"
                  "delete cm default/n" RED DENIED "delete cm other/n" RED ALLOWED
                  "delete secrets default/n" RED ALLOWED "delete-collection cm default/n" RED DENIED
                  "create cm default/n" RED DENIED "delete cm default/n" BLUE ALLOWED "delete cm default/n" ALLOWED);
}

static void any_namespace_leaves_out_those_of_the_system(void **state) {
    assert_judged(state,
                  "lock l {\n  resources configmaps\n  namespace *, kube-public\n  all objects\n  deny delete\n exempt "
                  "lifecycle guard no owners }\n",
                  "as user u\n"
                  "delete cm a/n" DENIED "delete cm kube-system/n" ALLOWED "delete cm kube-node-lease/n" ALLOWED
                  "delete cm kube-public/n" DENIED);
}

static void labeled_namespaces_are_those_with_the_labels(void **state) {
    assert_judged(state,
                  "lock l {\n  resources configmaps\n  namespace labeled env=prod\n  all objects\n  deny delete\n "
                  "guard no owners, no namespace\n}\n",
                  "as user u\n"
                  "delete cm a/n" ALLOWED "in namespace labels env=prod\ndelete cm a/n" DENIED
                  "in namespace labels env=test\ndelete cm a/n" ALLOWED);
}

static void a_namespaced_wildcard_never_touches_the_cluster(void **state) {
    assert_judged(state,
                  "lock l {\n  resources *\n  except resources secrets\n  namespace default\n  all objects\n  deny "
                  "delete\n guard no owners, no namespace\n}\n",
                  "as user u\n"
                  "delete cm default/n" DENIED "delete nodes n" ALLOWED "delete leases default/n" ALLOWED
                  "delete secrets default/n" ALLOWED "delete deploy default/n" DENIED);
}

static void selection_is_by_the_stored_object_except_for_create(void **state) {
    assert_judged(state, LOCK("labels aura=red\ndeny update\nguard none"),
                  "as user u\n"
                  "update cm default/n" RED "->" BLUE DENIED "update cm default/n" BLUE "->" RED ALLOWED
                  "create cm default/n" RED ALLOWED);
    assert_judged(state, LOCK("labels aura=red\ndeny create"),
                  "as user u\ncreate cm default/n" RED DENIED "create cm default/n" BLUE ALLOWED);
}

static void the_label_guard_keeps_objects_in(void **state) {
    assert_judged(state, LOCK("labels aura=red\ndeny delete\nexclusive jonny"),
                  "as user u\n"
                  "update cm default/n" RED "->" BLUE DENIED "update cm default/n" RED "->" DENIED
                  "update cm default/n" RED "-> labels aura=red, here=too" ALLOWED "update cm default/n" BLUE
                  "->" RED ALLOWED "as jonny\nupdate cm default/n" RED "->" BLUE ALLOWED);
    assert_judged(state, LOCK("labels aura=red\ndeny delete\nguard none"),
                  "as user u\nupdate cm default/n" RED "->" BLUE ALLOWED);
    assert_judged(state, LOCK("labels aura=red\ndeny create"), "as user u\nupdate cm default/n" RED "->" BLUE ALLOWED);
    assert_judged(state, LOCK("labels aura=red\ndeny delete\nguard label-in"),
                  "as user u\nupdate cm default/n" BLUE "->" RED DENIED);
}

static void the_label_guard_covers_metadata_through_subresources(void **state) {
    assert_judged(state, POD_LOCK("labels aura=red\ndeny delete"),
                  "as user u\n"
                  "update pods/status default/n" RED "->" BLUE DENIED "update pods/status default/n" RED
                  "-> labels aura=red field status.x = 1" ALLOWED "update pods/resize default/n" RED "->" BLUE DENIED);
    assert_judged(state, POD_LOCK("labels aura=red\ndeny update"),
                  "as user u\n"
                  "update pods/status default/n" RED "-> labels aura=red field status.x = 1" ALLOWED
                  "update pods/ephemeralcontainers default/n" RED "-> labels aura=red field spec.x = 1" DENIED
                  "update pods/resize default/n" RED "-> labels aura=red field spec.x = 1" DENIED);
}

static void the_guard_does_not_count_status_or_conditions(void **state) {
    assert_judged(state, POD_LOCK("labels aura=red\nwhere field status.phase = Running\ndeny delete"),
                  "as user u\n"
                  "update pods/status default/n" RED
                  "field status.phase = Running -> labels aura=red field status.phase = Pending" ALLOWED
                  "update pods/status default/n" RED
                  "field status.phase = Running -> labels aura=red field status.phase = Failed" DENIED
                  "update pods default/n" RED "field status.phase = Running ->" BLUE
                  "field status.phase = Running" DENIED);
    assert_judged(state, LOCK("labels aura=red\ndeny delete\nunless label free"),
                  "as user u\n"
                  "update cm default/n" RED "-> labels aura=red, free=x" ALLOWED
                  "delete cm default/n labels aura=red, free=x" ALLOWED "delete cm default/n" RED DENIED);
}

static void when_holds_and_unless_does_not(void **state) {
    assert_judged(state, LOCK("all objects\ndeny delete\nwhen label a\nunless label b"),
                  "as user u\ndelete cm default/n labels a=1" DENIED "delete cm default/n" ALLOWED
                  "delete cm default/n labels a=1, b=1" ALLOWED);
}

static void actors_pass(void **state) {
    assert_judged(
        state,
        LOCK("all objects\ndeny delete\nexclusive jonny, group g, uid x, user a and group b, user e with extra k = v"),
        "as jonny\ndelete cm default/n" ALLOWED "as user u, group g\ndelete cm default/n" ALLOWED
        "as user u, uid x\ndelete cm default/n" ALLOWED "as user a\ndelete cm default/n" DENIED
        "as user a, group b\ndelete cm default/n" ALLOWED "as user b, group b\ndelete cm default/n" DENIED
        "as user e with extra k = v\ndelete cm default/n" ALLOWED
        "as user e with extra k = w\ndelete cm default/n" DENIED "as user xjonny\ndelete cm default/n" DENIED
        "as group \"system:masters\"\ndelete cm default/n" DENIED "as sa other/jonny\ndelete cm default/n" DENIED
        "as user jonny\ndelete cm default/n" DENIED);
}

static void updates_that_change_nothing_pass(void **state) {
    assert_judged(state, LOCK("name n\ndeny update"),
                  "as user u\n"
                  "update cm default/n field data.a = 1 -> field data.a = 1" ALLOWED
                  "update cm default/n field data.a = 1 -> field data.a = 2" DENIED
                  "update cm default/n -> labels a=b" DENIED "update cm default/n -> annotations a=b" DENIED
                  "update cm default/n -> field metadata.resourceVersion = 5" ALLOWED
                  "update cm default/n -> field metadata.managedFields = x" ALLOWED
                  "update cm default/n -> object \"\"\"{metadata: {finalizers: [a/b]}}\"\"\"" DENIED
                  "update cm default/n -> object \"\"\"{metadata: {ownerReferences: [{name: x}]}}\"\"\"" DENIED
                  "update cm default/n -> object \"\"\"{metadata: {labels: {}, finalizers: []}}\"\"\"" ALLOWED);
}

static void changing_narrows_updates(void **state) {
    assert_judged(state, LOCK("name n\ndeny update\nchanging data.a, metadata.labels"),
                  "as user u\n"
                  "update cm default/n -> field data.a = 1" DENIED "update cm default/n -> field data.b = 1" ALLOWED
                  "update cm default/n -> labels x=y" DENIED "update cm default/n -> annotations x=y" ALLOWED);
    assert_judged(state, LOCK("name n\ndeny update\nexcept changing data.a"),
                  "as user u\n"
                  "update cm default/n -> field data.a = 1" ALLOWED "update cm default/n -> field data.b = 1" DENIED
                  "update cm default/n field data.a = 1 -> field data.a = 2 labels x=y" DENIED);
    assert_judged(state, LOCK("name n\ndeny update\nchanging data.list[*].x"),
                  "as user u\n"
                  "update cm default/n object \"\"\"{data: {list: [{x: 1, y: 1}]}}\"\"\" -> object \"\"\"{data: {list: "
                  "[{x: 1, y: 2}]}}\"\"\"" ALLOWED "update cm default/n object \"\"\"{data: {list: [{x: 1}]}}\"\"\" -> "
                  "object \"\"\"{data: {list: [{x: 2}]}}\"\"\"" DENIED);
}

static void require_reads_the_new_object(void **state) {
    assert_judged(state, LOCK("all objects\nrequire label owner\nexclusive jonny"),
                  "as user u\n"
                  "create cm default/n" DENIED "create cm default/n labels owner=x" ALLOWED
                  "update cm default/n labels owner=x -> labels a=b" DENIED
                  "update cm default/n -> labels owner=x" ALLOWED "delete cm default/n" ALLOWED
                  "as jonny\ncreate cm default/n" ALLOWED);
}

static void lifecycle_is_let_through(void **state) {
    assert_judged(state, LOCK("all objects\ndeny update, delete\nexempt lifecycle"),
                  "as user u\n"
                  "delete cm default/n terminating" ALLOWED
                  "update cm default/n object \"\"\"{metadata: {finalizers: [a/b, c/d]}}\"\"\" terminating -> object "
                  "\"\"\"{metadata: {finalizers: [a/b]}}\"\"\"" ALLOWED
                  "update cm default/n object \"\"\"{metadata: {finalizers: [a/b]}}\"\"\" terminating -> object "
                  "\"\"\"{metadata: {finalizers: [c/d]}}\"\"\"" DENIED
                  "update cm default/n terminating -> labels a=b" DENIED
                  "as sa kube-system/namespace-controller\ndelete cm default/n" DENIED
                  "in namespace terminating\ndelete cm default/n" ALLOWED
                  "as user \"system:kube-controller-manager\"\ndelete cm default/n" ALLOWED
                  "as sa kube-system/other\ndelete cm default/n" DENIED);
    assert_judged(state, LOCK("all objects\ndeny update, delete\nexempt none"),
                  "as user u\ndelete cm default/n terminating" DENIED);
    assert_judged(state, POD_LOCK("all objects\ndeny delete\nexempt lifecycle\nguard no owners"),
                  "as user \"system:node:a\", group \"system:nodes\"\ndelete pods default/n" ALLOWED
                  "as user \"system:node:a\"\ndelete pods default/n" DENIED
                  "as user x, group \"system:nodes\"\ndelete pods default/n" DENIED
                  "as sa kube-system/generic-garbage-collector\ndelete pods default/n" ALLOWED
                  "as sa kube-system/replicaset-controller\ndelete pods default/n" DENIED);
    assert_judged(state, POD_LOCK("all objects\ndeny delete\nexempt controllers"),
                  "as sa kube-system/replicaset-controller\ndelete pods default/n" ALLOWED);
}

// Controllers do their work; what an owner takes along is no work of theirs.
static void controllers_are_let_through_and_owners_take_nothing_along(void **state) {
    static const char collected[] = "as sa kube-system/generic-garbage-collector\ndelete pods default/n";
    struct arena *arena = arena_of(state);
    assert_judged(state, POD_LOCK("all objects"),
                  "as sa kube-system/replicaset-controller\ndelete pods default/n" ALLOWED
                  "as sa default/replicaset-controller\ndelete pods default/n" DENIED "as user u\n"
                  "delete pods default/n" DENIED "update pods default/n -> labels a=b" DENIED
                  "evict pods default/n" DENIED "create pods default/n" ALLOWED);
    assert_judged(state, POD_LOCK("all objects"), arena_printf(arena, "%s%s", collected, DENIED));
    assert_judged(state, POD_LOCK("all objects\nguard no owners"), arena_printf(arena, "%s%s", collected, ALLOWED));
    assert_judged(state, POD_LOCK("all objects\nexempt none\nguard no owners"),
                  arena_printf(arena, "%s%s", collected, DENIED));
}

static void acts_are_denied_through_their_subresources(void **state) {
    assert_judged(state, POD_LOCK("labels aura=red\ndeny exec, evict\nguard none"),
                  "as user u\n"
                  "connect pods/exec default/n" RED DENIED "connect pods/attach default/n" RED ALLOWED
                  "connect pods/exec default/n" BLUE ALLOWED "connect pods/exec other/n" RED ALLOWED
                  "evict pods default/n" RED DENIED "delete pods default/n" RED ALLOWED "evict pods default/n" ALLOWED);
    assert_judged(state, POD_LOCK("labels aura=red\ndeny all\ncover connect never"),
                  "as user u\nconnect pods/exec default/n" RED ALLOWED "evict pods default/n" RED DENIED);
    assert_judged(state, "lock l {\n  resources deployments\n  namespace default\n  name n\n  deny scale\n}\n",
                  "as user u\nscale deployments default/n field spec.replicas = 1" DENIED
                  "scale deployments default/m field spec.replicas = 1" ALLOWED
                  "update deployments default/n -> labels a=b" ALLOWED);
    assert_judged(state, "lock l {\n  resources pods/status\n  namespace default\n  name n\n  deny update\n}\n",
                  "as user u\nupdate pods/status default/n -> field status.x = 1" DENIED
                  "update pods default/n -> labels a=b" ALLOWED "delete pods default/n" ALLOWED);
}

static void rights_are_what_the_authorizer_grants(void **state) {
    assert_judged(state, LOCK("name n\ndeny delete\nexclusive may unlock, jonny"),
                  "as user u\ndelete cm default/n" DENIED "grants unlock\ndelete cm default/n" ALLOWED
                  "as user v\ndelete cm default/n" DENIED "grants other\ndelete cm default/n" DENIED
                  "as jonny\ndelete cm default/n" ALLOWED);
    assert_judged(state, "actor a = user u and may unlock\n" LOCK("name n\ndeny delete\nexclusive a"),
                  "as user u\ndelete cm default/n" DENIED "grants unlock\ndelete cm default/n" ALLOWED
                  "as user v\ngrants unlock\ndelete cm default/n" DENIED);
}

static void guards_refuse_in_the_name_of_their_lock(void **state) {
    assert_judged(state, POD_LOCK("labels aura=red\ndeny delete\nexclusive user u\nguard namespace, owners"),
                  "as user v\n"
                  "delete namespaces default" DENIED "delete namespaces other" ALLOWED
                  "create deployments default/d field spec.template.metadata.labels.aura = red" DENIED
                  "create deployments default/d field spec.template.metadata.labels.aura = blue" ALLOWED
                  "create deployments other/d field spec.template.metadata.labels.aura = red" ALLOWED
                  "as sa kube-system/generic-garbage-collector\ndelete pods default/n" RED DENIED
                  "as user u\ndelete namespaces default" ALLOWED);
}

static void modes_give_verdicts(void **state) {
    assert_judged(state, LOCK("all objects\ndeny delete\nmode warn"),
                  "as user u\ndelete cm default/n\nexpect warned by l");
    assert_judged(state, LOCK("all objects\ndeny delete\nmode audit"), "as user u\ndelete cm default/n" ALLOWED);
    assert_judged(state, LOCK("all objects\ndeny delete\nmode deny, audit"), "as user u\ndelete cm default/n" DENIED);
    assert_judged(state, LOCK("all objects\ndeny delete\nbreak-glass user b"),
                  "as user b\ndelete cm default/n" ALLOWED "as user u\ndelete cm default/n" DENIED);
}

static void every_lock_must_be_satisfied(void **state) {
    assert_judged(
        state,
        LOCK("labels a\ndeny delete\nexclusive user u") "lock m {\n  resources configmaps\n  namespace default\n  "
                                                        "labels b\n  deny delete\n  exclusive user v\n guard no "
                                                        "owners, no namespace\n}\n",
        "as user u\ndelete cm default/n labels a=1" ALLOWED "delete cm default/n labels a=1, b=1\nexpect denied by m\n"
        "as user v\ndelete cm default/n labels a=1, b=1" DENIED);
}

static void absence_and_other_types_are_no_error(void **state) {
    assert_judged(state, LOCK("where label a != x\ndeny delete"),
                  "as user u\ndelete cm default/n" DENIED "delete cm default/n labels a=y" DENIED
                  "delete cm default/n labels a=x" ALLOWED);
    assert_judged(state, LOCK("labels a=\"\"\ndeny delete"),
                  "as user u\ndelete cm default/n" ALLOWED "delete cm default/n labels a=\"\"" DENIED);
    assert_judged(state, LOCK("where field data.n > 5\ndeny delete"),
                  "as user u\ndelete cm default/n field data.n = 6" DENIED
                  "delete cm default/n field data.n = 5" ALLOWED "delete cm default/n field data.n = \"60%\"" ALLOWED
                  "delete cm default/n field data = x" ALLOWED "delete cm default/n" ALLOWED
                  "delete cm default/n field data.n = 5.5" DENIED);
    assert_judged(state, LOCK("where field data.n != 5\ndeny delete"),
                  "as user u\ndelete cm default/n" DENIED "delete cm default/n field data.n = \"5\"" DENIED
                  "delete cm default/n field data.n = 5" ALLOWED);
    assert_judged(state, LOCK("where label a < 10\ndeny delete"),
                  "as user u\ndelete cm default/n labels a=9" DENIED "delete cm default/n labels a=x" ALLOWED
                  "delete cm default/n" ALLOWED);
    assert_judged(state, LOCK("where all data.l as x (x = 1)\ndeny delete"),
                  "as user u\ndelete cm default/n" DENIED "delete cm default/n object \"data: {l: [1, 2]}\"" ALLOWED);
    assert_judged(state, LOCK("where any data.l as x (x = 1)\ndeny delete"),
                  "as user u\ndelete cm default/n" ALLOWED "delete cm default/n object \"data: {l: [1, 2]}\"" DENIED);
}

static void a_failing_expression_refuses_unless_errors_allow(void **state) {
    assert_judged(state, LOCK("where cel \"object.data.x == 'y'\"\ndeny create"),
                  "as user u\ncreate cm default/n" DENIED "create cm default/n field data.x = z" ALLOWED);
    assert_judged(state, LOCK("where cel \"object.data.x == 'y'\"\ndeny create\non error allow"),
                  "as user u\ncreate cm default/n" ALLOWED "create cm default/n field data.x = y" DENIED);
}

static void the_reason_is_what_decides(void **state) {
    static const char policy[] =
        "lock l {\n  resources pods, configmaps\n  namespace default\n  labels a\n  deny delete, update\n"
        "  changing data, metadata.labels\n  when label t\n"
        "  require label r and field data.n = 5\n  exclusive group \"{label team}\"\n"
        "  break-glass user glass\n  exempt controllers\n  guard labels, label-in, owners\n"
        "  cover evictions never\n}\n"
        "lock broken {\n  resources secrets\n  namespace default\n"
        "  where cel \"object.spec.x == 1\"\n  deny delete\n}\n"
        "lock needs {\n  resources services\n  namespace default\n  require label r\n}\n"
        "lock idle {\n  resources configmaps\n  namespace default\n  labels a\n  deny create\n}\n";
    static const struct {
        const char *lock, *step;
        enum reason_kind kind;
    } rows[] = {
        {"l", "evict pods default/p labels a=b, t=x, r=x", REASON_NOT_REACHED},
        {"l", "delete secrets default/s", REASON_OTHER_RESOURCE},
        {"l", "delete cm other/c labels a=b", REASON_OTHER_NAMESPACE},
        {"l", "delete cm default/c", REASON_NOT_SELECTED},
        {"idle", "delete cm default/c labels a=b", REASON_OTHER_OPERATION},
        {"l", "update cm default/c labels a=b, t=x", REASON_UNCHANGED},
        {"needs", "create services default/s labels r=x", REASON_SATISFIED},
        {"l", "delete cm default/c labels a=b", REASON_CONDITION},
        {"l", "as sa kube-system/namespace-controller\nin namespace terminating\ndelete cm default/c labels a=b, t=x",
         REASON_EXEMPT},
        {"l", "as user u, group g\ndelete cm default/c labels a=b, t=x, team=g", REASON_PASSES},
        {"l", "as user glass\ndelete cm default/c labels a=b, t=x", REASON_GLASS},
        {"broken", "delete secrets default/s", REASON_FAILED},
        {"needs", "create services default/s labels a=b", REASON_REQUIRED},
        {"l", "update cm default/c labels t=x -> labels a=b, t=x, r=x", REASON_ENTERS},
        {"l",
         "update cm default/c labels a=b, t=x -> object \"\"\"{metadata: {labels: {a: b, t: x}, ownerReferences: "
         "[{uid: "
         "u}]}}\"\"\"",
         REASON_OWNERS},
        {"l", "update cm default/c labels a=b, t=x field data.n = 5 -> labels a=b, t=x field data.n = 6",
         REASON_DENIED},
        {"l", "delete cm default/c labels a=b, t=x", REASON_DENIED},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct arena *arena = arena_of(state);
        const struct compilation *compilation = compile(
            state, arena_printf(arena, "%stest \"t\" {\nas user u\n%s\nexpect allowed\n}\n", policy, rows[i].step));
        assert_no_errors(compilation);
        const struct request *request = &compilation->policies.tests[0]->cases[0].request;
        const struct reason reason = decide_reason(arena, request, lock_with_id(compilation, rows[i].lock));
        if (reason.kind != rows[i].kind) fail_msg("%s: %d instead of %d", rows[i].step, reason.kind, rows[i].kind);
        struct text text;
        text_init(&text, arena);
        describe_reason(&text, lock_with_id(compilation, rows[i].lock), request, &reason);
        assert_true(strlen(text_string(&text)) > strlen("lock 'l' "));
    }
}

static void the_reason_names_the_part_that_is_broken(void **state) {
    struct arena *arena = arena_of(state);
    const struct compilation *compilation = compile(
        state,
        LOCK("require label r and label s and label t") "test \"t\" {\nas user u\ncreate cm default/c "
                                                        "labels r=x, t=x" DENIED
                                                        "update cm default/c labels a=b, s=x -> labels s=x" ALLOWED
                                                        "update cm default/c labels s=x, t=x -> labels t=x" DENIED
                                                        "}\n");
    assert_no_errors(compilation);
    const struct test_case *cases = compilation->policies.tests[0]->cases;
    const struct lock *lock = lock_with_id(compilation, "l");
    const struct reason create = decide_reason(arena, &cases[0].request, lock),
                        update = decide_reason(arena, &cases[2].request, lock);
    assert_int_equal(create.kind, REASON_REQUIRED);
    assert_string_equal(create.part->key, "s");
    assert_int_equal(update.kind, REASON_REQUIRED);
    assert_string_equal(update.part->key, "s");
}

// Where nothing is denied of updates, the guards are all that refuses them.
static void the_reason_is_which_guard(void **state) {
    static const struct {
        const char *step;
        enum reason_kind kind;
    } rows[] = {
        {"labels a=b, t=x -> labels t=x", REASON_LEAVES},
        {"labels a=b, t=x -> labels a=b", REASON_RELEASE},
        {"labels a=b, t=x, team=x -> labels a=b, t=x, team=y", REASON_ACTORS},
        {"labels a=b, t=x, team=x -> labels a=b, t=x, team=x, other=y", REASON_OTHER_OPERATION},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct arena *arena = arena_of(state);
        const struct compilation *compilation =
            compile(state, arena_printf(arena,
                                        "lock l {\n  resources cm\n  namespace default\n  labels a\n  deny delete\n"
                                        "  when label t\n  exclusive user \"{label team}\"\n}\n"
                                        "test \"t\" {\nas user u\nupdate cm default/c %s\nexpect allowed\n}\n",
                                        rows[i].step));
        assert_no_errors(compilation);
        const struct request *request = &compilation->policies.tests[0]->cases[0].request;
        assert_int_equal(decide_reason(arena, request, lock_with_id(compilation, "l")).kind, rows[i].kind);
    }
}

// Requests that no test of a policy asks, and klock_decide may be asked.
static void subresources_that_carry_nothing_of_the_object_are_others(void **state) {
    struct arena *arena = arena_of(state);
    const struct compilation *compilation = compile(
        state, POD_LOCK("labels aura=red\ndeny update") "test \"t\" {\nas user u\nupdate pods/status default/n" RED
                                                        "->" BLUE DENIED "}\n");
    struct request request = compilation->policies.tests[0]->cases[0].request;
    struct decision decision;
    decide(arena, &compilation->policies, &request, &decision);
    assert_int_equal(decision.verdict, VERDICT_DENIED);
    request.subresource = "log";
    decide(arena, &compilation->policies, &request, &decision);
    assert_int_equal(decision.verdict, VERDICT_ALLOWED);
}

static void a_decision_tells_refusals_from_failures(void **state) {
    struct arena *arena = arena_of(state);
    const struct compilation *compilation = compile(
        state,
        LOCK("where cel \"object.data.x == 'y'\"\ndeny create") "test \"t\" {\nas user u\ncreate cm "
                                                                "default/n" DENIED
                                                                "create cm default/n field data.x = y" DENIED "}\n");
    struct decision decision;
    decide(arena, &compilation->policies, &compilation->policies.tests[0]->cases[0].request, &decision);
    assert_int_equal(decision.failed_count, 1);
    assert_true(decision.refusals[0].failed);
    decide(arena, &compilation->policies, &compilation->policies.tests[0]->cases[1].request, &decision);
    assert_int_equal(decision.failed_count, 0);
    assert_false(decision.refusals[0].failed);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        SENTENCE(a_lock_holds_in_its_scope),
        SENTENCE(any_namespace_leaves_out_those_of_the_system),
        SENTENCE(labeled_namespaces_are_those_with_the_labels),
        SENTENCE(a_namespaced_wildcard_never_touches_the_cluster),
        SENTENCE(selection_is_by_the_stored_object_except_for_create),
        SENTENCE(the_label_guard_keeps_objects_in),
        SENTENCE(the_label_guard_covers_metadata_through_subresources),
        SENTENCE(the_guard_does_not_count_status_or_conditions),
        SENTENCE(when_holds_and_unless_does_not),
        SENTENCE(actors_pass),
        SENTENCE(updates_that_change_nothing_pass),
        SENTENCE(changing_narrows_updates),
        SENTENCE(require_reads_the_new_object),
        SENTENCE(lifecycle_is_let_through),
        SENTENCE(controllers_are_let_through_and_owners_take_nothing_along),
        SENTENCE(acts_are_denied_through_their_subresources),
        SENTENCE(rights_are_what_the_authorizer_grants),
        SENTENCE(guards_refuse_in_the_name_of_their_lock),
        SENTENCE(modes_give_verdicts),
        SENTENCE(every_lock_must_be_satisfied),
        SENTENCE(absence_and_other_types_are_no_error),
        SENTENCE(a_failing_expression_refuses_unless_errors_allow),
        SENTENCE(the_reason_is_what_decides),
        SENTENCE(the_reason_is_which_guard),
        SENTENCE(the_reason_names_the_part_that_is_broken),
        SENTENCE(subresources_that_carry_nothing_of_the_object_are_others),
        SENTENCE(a_decision_tells_refusals_from_failures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
