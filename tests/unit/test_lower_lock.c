// A lock's own clauses: what they mean, and every way in which they are refused.
#include "compile_support.h"

#include "base/limits.h"

struct row {
    const char *clauses, *code, *at;
};

static const struct lock *lock_with(void **state, const char *clauses) {
    const struct compilation *compilation = compile_lock(state, clauses, "actor jonny = user jonny\n");
    assert_no_errors(compilation);
    return lock_named(compilation, "l");
}

static void every_refusal_has_its_code_and_place(void **state) {
    static const struct row rows[] = {
        {"name n\ndeny updat", "K0108", "updat"},
        {"name n\ndeny get", "K0108", "get"},
        {"name n\ndeny connect", "K0407", "connect"},
        {"name n\ndeny evict", "K0407", "evict"},
        {"name n\ndeny exec, update", "K0407", "exec"},
        {"name n\ndeny update\ndeny delete", "K0402", "deny"},
        {"name n\ndeny update\nmode deny, warn", "K0403", "mode deny, warn"},
        {"name n\ndeny update\nmode loud", "K0408", "loud"},
        {"labels a\ndeny update\nguard none, labels", "K0403", "guard none, labels"},
        {"labels a\ndeny update\nguard dog", "K0408", "dog"},
        {"labels a\ndeny update\nguard crd", "K0414", "crd"},
        {"labels a\ndeny update\nguard rbac", "K0414", "rbac"},
        {"labels a\ndeny update\ncascade", "K0414", "cascade"},
        {"name n\ndeny update\nexclusive may Unlock", "K0104", "Unlock"},
        {"name n\ndeny update\nexclusive may a, may b, may c", "K0501", "l"},
        {"name n\ndeny update\nexclusive may a\nbreak-glass user x", "K0403", "break-glass"},
        {"name n\ndeny update\nbreak-glass may a", "K0403", "break-glass"},
        {"name n\ndeny update\nguard label-in", "K0414", "label-in"},
        {"name n\ndeny update\nexempt none, controllers", "K0403", "exempt none, controllers"},
        {"name n\ndeny update\nexempt controllers, lifecycle", "K0403", "exempt controllers, lifecycle"},
        {"name n\ndeny update\nexempt controllers, controllers", "K0403", "exempt controllers, controllers"},
        {"name n\ndeny update\nexempt controller", "K0101", "controller"},
        {"name n\ndeny update\nexempt nobody", "K0408", "nobody"},
        {"name n\ndeny update\nexempt lifecycle, user u", "K0408", "user u"},
        {"name n\ndeny update\nexempt group g and user u", "K0408", "group g and user u"},
        {"name n\ndeny update\nexempt may unlock", "K0408", "may unlock"},
        {"labels a\ndeny delete\nguard none, no owners", "K0403", "guard none, no owners"},
        {"labels a\ndeny delete\nguard owners, no owners", "K0403", "owners"},
        {"labels a\ndeny delete\nguard no rbac, labels, rbac", "K0403", "rbac"},
        {"labels a\ndeny delete\nguard no dog", "K0408", "dog"},
        {"labels a\ndeny delete\nguard no none", "K0408", "none"},
        {"labels a\ndeny delete\nguard no owners\nguard no namespace", "K0402", "guard"},
        {"name n\ndeny update\ncover connect by name", "K0414", "connect"},
        {"name n\ndeny update\ncover evictions never", "K0414", "evictions"},
        {"name n\ndeny update\nchanging data\nexcept changing binaryData", "K0403", "except changing"},
        {"name n\ndeny delete\nchanging data", "K0414", "changing"},
        {"name n\ndeny delete\nexcept changing data", "K0414", "except changing"},
        {"name n\ndeny update\nchanging metadata.uid", "K0408", "metadata.uid"},
        {"name n\ndeny update\nexcept changing spec.list[*].x", "K0901", "*"},
        {"name n\ndeny update\nmessage \"a\\nb\"", "K0408", "\"a\\nb\""},
        {"name n\ndeny update\nowner \"a\\tb\"", "K0408", "\"a\\tb\""},
        {"name n\ndeny update\nticket \"\"", "K0408", "\"\""},
        {"name n\ndeny update\non error maybe", "K0408", "maybe"},
        {"name n\ndeny update\nactive from tomorrow", "K0408", "tomorrow"},
        {"name n\ndeny update\nactive from 2026-13-01", "K0408", "2026-13-01"},
        {"name n\ndeny update\nactive from 2026-01-01", "K0411", "active from 2026-01-01"},
        {"name n\ndeny update\nallow get", "K0003", "allow"},
        {"name n\ndeny update\nallow K0203", "K0003", "allow"},
        {"name n\ndeny update\nallow K0203, full-selector \"why\"", "K0003", "allow"},
        {"name n\ndeny update\naccept K9999", "K0107", "K9999"},
        {"name n\ndeny update\naccept unknown-name", "K0107", "unknown-name"},
        {"name n\ndeny update\nexclusive nobody", "K0101", "nobody"},
        {"name n\ndeny update\nbreak-glass nobody", "K0101", "nobody"},
        {"name n\ndeny update\nwhen actor nobody", "K0101", "nobody"},
        {"name n\ndeny update\nrequire label \"?\"", "K0104", "\"?\""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct compilation *compilation = compile_lock(state, rows[i].clauses, "");
        if (count_of(compilation, rows[i].code) != 1) print_message("%s\n", rows[i].clauses);
        assert_reports(compilation, rows[i].code, rows[i].at);
        assert_true(compilation->diags.errors > 0);
        assert_int_equal(compilation->manifest.count, 0);
    }
}

static void operations_must_be_those_of_the_resource(void **state) {
    assert_reports(compile(state, "lock l {\n  resources bindings\n  namespace a\n  name n\n  deny delete\n}\n"),
                   "K0407", "delete");
    assert_no_errors(compile(state, "lock l {\n  resources bindings\n  namespace a\n  name n\n  deny create\n}\n"));
    assert_no_errors(compile(state, "lock l {\n  resources pods\n  namespace a\n  name n\n  deny all\n}\n"));
    assert_reports(compile(state, "lock l {\n  resources pods/exec\n  namespace a\n  name n\n  deny update\n}\n"),
                   "K0407", "update");
    assert_reports(compile(state, "lock l {\n  resources pods/*\n  namespace a\n  name n\n  deny update\n}\n"), "K0901",
                   "pods/*");
    assert_reports(compile(state, "lock l {\n  resources pods/nothing\n  namespace a\n  name n\n  deny update\n}\n"),
                   "K0103", "pods/nothing");
    assert_no_errors(compile(state, "lock l {\n  resources configmaps\n  namespace a\n  name n\n  deny all\n}\n"));
}

// Those that carry the whole object are a scope of their own; the others are what is done to the object.
static void subresources_are_locked_apart_from_their_objects(void **state) {
    static const struct {
        const char *resources, *deny, *id, *facts;
    } rows[] = {
        {"pods/status", "update", "l (subresource status)",
         "pods /status in a\ndenies update\nselects (label k in v)\nguards labels\n"},
        {"pods, pods/status", "update", "l", "pods in a\ndenies update\nselects (label k in v)\nguards labels\n"},
        {"pods, pods/exec", "write, exec", "l (subresource exec)",
         "pods in a\ndenies, acts exec\nselects (label k in v)\nguards labels\n"},
        {"pods/exec, pods/attach", "connect", "l (subresource attach)",
         "pods in a\ndenies, acts attach\nselects (label k in v)\nguards labels\n"},
        {"pods/eviction", "create", "l (subresource eviction)",
         "pods in a\ndenies, acts eviction\nselects (label k in v)\nguards labels\n"},
        {"pods/binding", "all", "l (subresource binding)",
         "pods in a\ndenies, acts binding\nselects (label k in v)\nguards labels\n"},
        {"sa/token", "write", "l (subresource token)",
         "serviceaccounts in a\ndenies, acts token\nselects (label k in v)\nguards labels\n"},
        {"deployments/scale", "update", "l (subresource scale)",
         "deployments.apps in a\ndenies, acts scale\nselects (label k in v)\nguards labels\n"},
        {"deployments/v1/scale, statefulsets/scale", "scale", "l (subresource scale)",
         "deployments.apps statefulsets.apps in a\ndenies, acts scale\nselects (label k in v)\nguards labels\n"},
        {"pods", "evict", "l", "pods in a\ndenies, acts eviction\nselects (label k in v)\nguards labels\n"},
        {"services", "connect", "l", "services in a\ndenies, acts proxy\nselects (label k in v)\nguards labels\n"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct compilation *compilation = compile(
            state,
            arena_printf(
                arena_of(state),
                "lock l {\n  resources %s\n  namespace a\n  labels k=v\n  deny %s\n guard no owners, no namespace\n}\n",
                rows[i].resources, rows[i].deny));
        assert_no_errors(compilation);
        assert_string_equal(facts_of(state, lock_with_id(compilation, rows[i].id)), rows[i].facts);
    }
}

static void subresources_take_what_requests_for_them_are(void **state) {
    static const struct {
        const char *resources, *clauses, *code, *at;
    } rows[] = {
        {"pods/status", "deny delete", "K0407", "delete"},
        {"pods/exec", "deny write", "K0407", "write"},
        {"pods/eviction", "deny delete", "K0407", "delete"},
        {"deployments/scale", "deny create", "K0407", "create"},
        {"pods/status", "deny exec", "K0407", "exec"},
        {"pods", "deny scale", "K0407", "scale"},
        {"deployments/v9/scale", "deny scale", "K0103", "deployments/v9/scale"},
        {"pods/scale", "deny scale", "K0103", "pods/scale"},
        {"pods, pods/exec", "deny update, exec\nrequire label x", "K0414", "require"},
        {"deployments/scale", "deny scale\nrequire label x", "K0414", "require"},
        {"pods/exec", "deny exec\nchanging spec", "K0414", "changing"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct compilation *compilation =
            compile(state, arena_printf(arena_of(state), "lock l {\n  resources %s\n  namespace a\n  name n\n  %s\n}\n",
                                        rows[i].resources, rows[i].clauses));
        if (count_of(compilation, rows[i].code) != 1) print_message("%s %s\n", rows[i].resources, rows[i].clauses);
        assert_reports_only(compilation, rows[i].code, rows[i].at);
    }
    assert_no_errors(
        compile(state, "lock l {\n  resources pods/status\n  namespace a\n  name n\n  require label x\n}\n"));
}

static void covers_are_chosen_by_what_selects(void **state) {
    static const struct {
        const char *clauses;
        enum cover evictions, connect;
    } rows[] = {
        {"name n\ndeny all", COVER_BY_NAME, COVER_BY_NAME},
        {"labels k=v\ndeny all", COVER_BY_PARAMS, COVER_BY_PARAMS},
        {"name n\ndeny all\ncover connect by params", COVER_BY_NAME, COVER_BY_PARAMS},
        {"labels k=v\ndeny all\ncover evictions never", COVER_NONE, COVER_BY_PARAMS},
        {"labels k=v\ndeny all\ncover never", COVER_NONE, COVER_NONE},
        {"name n\ndeny exec", COVER_NONE, COVER_BY_NAME},
        {"name n\ndeny evict", COVER_BY_NAME, COVER_NONE},
        {"where cel \"true\"\ndeny all", COVER_NONE, COVER_NONE},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct compilation *compilation =
            compile(state, arena_printf(arena_of(state), "lock l {\n  resources pods\n  namespace a\n%s\n}\n",
                                        rows[i].clauses));
        assert_no_errors(compilation);
        assert_int_equal(lock_with_id(compilation, "l")->covers[SHAPE_EVICTIONS], rows[i].evictions);
        assert_int_equal(lock_with_id(compilation, "l")->covers[SHAPE_CONNECT], rows[i].connect);
    }
}

static void dates_decide_on_the_day_of_the_compilation(void **state) {
    static const struct {
        const char *active, *date;
        bool in;
    } rows[] = {
        {"from 2026-02-01", "2026-01-31", false},
        {"from 2026-02-01", "2026-02-01", true},
        {"until 2026-02-01", "2026-02-01", true},
        {"until 2026-02-01", "2026-02-02", false},
        {"from 2026-02-01 until 2026-02-03", "2026-02-02", true},
        {"from 2026-02-01 until 2026-02-03", "2026-02-01", true},
        {"from 2026-02-01 until 2026-02-03", "2026-02-03", true},
        {"from 2026-02-01 until 2026-02-01", "2026-02-01", true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *text = arena_printf(arena_of(state),
                                        "lock l {\n  resources configmaps\n  namespace a\n  name n\n  deny update\n  "
                                        "active %s\n}\n",
                                        rows[i].active);
        const struct compilation *compilation = compile_at(state, text, rows[i].date);
        assert_no_errors(compilation);
        assert_int_equal(compilation->policies.lock_count, rows[i].in);
        assert_int_equal(count_of(compilation, "K0213"), !rows[i].in);
    }
    assert_reports(compile_at(state,
                              "lock l {\n  resources configmaps\n  namespace a\n  name n\n  deny update\n  active from "
                              "2026-02-02 until 2026-02-01\n}\n",
                              "2026-01-01"),
                   "K0403", "active from 2026-02-02 until 2026-02-01");
    static const char *const times[] = {"2026-02-01T12:00:00Z", "2026-02-01T12:00", "2026-02-01Z", "2026-02"};
    for (size_t i = 0; i < sizeof times / sizeof *times; i++)
        assert_reports(compile_at(state,
                                  arena_printf(arena_of(state),
                                               "lock l {\n  resources configmaps\n  namespace a\n  name n\n  deny "
                                               "update\n  active until %s\n}\n",
                                               times[i]),
                                  "2026-01-01"),
                       "K0408", times[i]);
}

static void what_is_looked_up_has_a_version_and_a_kind(void **state) {
    static const struct {
        const char *declared, *clauses;
        bool fine;
    } rows[] = {
        {" namespaced", "labels a\n  deny update", false},
        {" namespaced kind Rollout", "labels a\n  deny update", false},
        {"/v1alpha1 namespaced", "labels a\n  deny scale", false},
        {"/v1alpha1 namespaced", "labels a\n  require field spec.replicas < 9", false},
        {"/v1alpha1 namespaced kind Rollout", "labels a\n  deny update", true},
        {" namespaced", "name n\n  deny update", true},
        {" namespaced", "name n\n  deny update\n  cover scale by params", false},
        {" namespaced", "labels a\n  deny update\n  cover scale never", true},
        {" namespaced", "labels a\n  deny delete", true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct compilation *compilation = compile(
            state, arena_printf(arena_of(state),
                                "resource rollouts.argoproj.io%s subresources scale\nlock l {\n  resources rollouts\n  "
                                "namespace a\n  %s\n}\n",
                                rows[i].declared, rows[i].clauses));
        if (rows[i].fine)
            assert_no_errors(compilation);
        else
            assert_reports(compilation, "K0401", "rollouts.argoproj.io");
    }
}

static void operations_add_up(void **state) {
    assert_int_equal(lock_with(state, "name n\ndeny create, delete")->denies, OP_CREATE | OP_DELETE);
    assert_int_equal(lock_with(state, "name n\ndeny write")->denies, OPS_WRITE);
    assert_int_equal(lock_with(state, "name n\nrequire label a")->denies, 0);
}

static void when_and_unless_are_one_condition(void **state) {
    const struct lock *lock = lock_with(state, "name n\ndeny delete\nwhen label a\nunless label b or label c");
    assert_string_equal(formula_text(state, lock->condition),
                        "(and (label a) (not (or (label b frozen) (label c frozen))))");
    assert_string_equal(formula_text(state, lock_with(state, "name n\ndeny delete")->condition), "(true)");
}

static void a_condition_narrows_enough(void **state) {
    static const char *const narrowing[] = {"all objects",     "when label a",  "unless label a",
                                            "require label a", "changing data", "except changing data",
                                            "where label a",   "annotations a"};
    for (size_t i = 0; i < sizeof narrowing / sizeof *narrowing; i++)
        lock_with(state, arena_printf(arena_of(state), "deny update\n%s", narrowing[i]));
}

static void the_label_guard_is_on_where_it_has_something_to_guard(void **state) {
    assert_true(lock_with(state, "labels a\ndeny delete")->guard_labels);
    assert_true(lock_with(state, "where field data.x\ndeny delete")->guard_labels);
    assert_false(lock_with(state, "labels a\ndeny create")->guard_labels);
    assert_false(lock_with(state, "labels a\ndeny delete\nguard none")->guard_labels);
    assert_false(lock_with(state, "name n\ndeny delete")->guard_labels);
    assert_true(lock_with(state, "labels a\nrequire label b\nguard labels")->guard_labels);
    assert_false(lock_with(state, "labels a\nrequire label b")->guard_labels);
    assert_false(lock_with(state, "where field status.phase = x\ndeny delete")->guard_labels);
    assert_true(lock_with(state, "labels a\ndeny delete\nguard label-in")->guard_label_in);
    assert_true(lock_with(state, "labels a\ndeny delete\nguard label-in")->guard_labels);
    assert_false(lock_with(state, "labels a\ndeny delete")->guard_label_in);
}

static void without_a_word_update_and_delete_are_denied(void **state) {
    assert_int_equal(lock_with(state, "name n")->denies, OPS_STORED);
    assert_int_equal(lock_with(state, "name n\nexclusive jonny")->denies, OPS_STORED);
    // A requirement says what it refuses.
    assert_int_equal(lock_with(state, "name n\nrequire label a")->denies, 0);
    assert_int_equal(lock_with(state, "name n\nrequire label a\ndeny delete")->denies, OP_DELETE);
    assert_int_equal(lock_with(state, "name n\nchanging data")->path_count, 1);
    static const struct {
        const char *resources, *id, *facts;
    } rows[] = {
        {"pods", "l", "pods in a\ndenies update delete, acts eviction\nselects (label k in v)\nguards labels\n"},
        {"deployments", "l",
         "deployments.apps in a\ndenies update delete, acts scale\nselects (label k in v)\nguards labels\n"},
        {"services", "l", "services in a\ndenies update delete\nselects (label k in v)\nguards labels\n"},
        {"services, services/status", "l (subresource status)",
         "services /status in a\ndenies update\nselects (label k in v)\nguards labels\n"},
        {"pods/exec", "l (subresource exec)", "pods in a\ndenies, acts exec\nselects (label k in v)\nguards labels\n"},
        {"deployments/scale", "l (subresource scale)",
         "deployments.apps in a\ndenies, acts scale\nselects (label k in v)\nguards labels\n"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct compilation *compilation =
            compile(state, arena_printf(arena_of(state),
                                        "lock l {\n  resources %s\n  namespace a\n  labels k=v\n  guard no owners, no "
                                        "namespace\n}\n",
                                        rows[i].resources));
        assert_no_errors(compilation);
        assert_string_equal(facts_of(state, lock_with_id(compilation, rows[i].id)), rows[i].facts);
    }
}

static void controllers_are_exempt_where_nothing_else_is_said(void **state) {
    assert_int_equal(lock_with(state, "name n\ndeny delete")->exemption, EXEMPT_CONTROLLERS);
    assert_int_equal(lock_with(state, "name n\ndeny delete\nexempt controllers")->exemption, EXEMPT_CONTROLLERS);
    assert_int_equal(lock_with(state, "name n\ndeny delete\nexempt lifecycle")->exemption, EXEMPT_LIFECYCLE);
    assert_int_equal(lock_with(state, "name n\ndeny delete\nexempt none")->exemption, EXEMPT_NONE);
}

static void everybody_who_passes_is_exclusive(void **state) {
    const struct lock *lock = lock_with(state, "name n\ndeny delete\nexclusive jonny, user berta");
    assert_string_equal(subjects_text(state, &lock->passes), "user berta, user jonny");
    assert_string_equal(subjects_text(state, &lock->exclusive), "user berta, user jonny");
    // Who is said to be exempt is told where to stand.
    const struct compilation *compilation = compile_lock(state, "name n\nexempt controllers, user u", "");
    assert_reports(compilation, "K0408", "user u");
    assert_string_equal(compilation->diags.items[0].help, "list those who may after 'exclusive': exclusive user u");
}

static void modes_and_failures(void **state) {
    assert_int_equal(lock_with(state, "name n\ndeny delete")->mode, MODE_DENY);
    assert_int_equal(lock_with(state, "name n\ndeny delete\nmode audit, deny")->mode, MODE_DENY | MODE_AUDIT);
    assert_int_equal(lock_with(state, "name n\ndeny delete\nmode warn")->mode, MODE_WARN);
    assert_false(lock_with(state, "name n\ndeny delete\non error deny")->fail_open);
    assert_true(lock_with(state, "name n\ndeny delete\non error allow")->fail_open);
}

static void changing_metadata_is_changing_its_parts(void **state) {
    assert_int_equal(lock_with(state, "name n\ndeny update\nchanging metadata")->path_count, 4);
    const struct lock *lock = lock_with(state, "name n\ndeny update\nexcept changing metadata.labels[\"a/b\"], spec");
    assert_true(lock->all_but_paths);
    assert_int_equal(lock->path_count, 2);
    assert_string_equal(lock->paths[0].segments[2].key, "a/b");
}

static void messages_name_lock_labels_actors_and_the_way_out(void **state) {
    const char *message =
        lock_with(
            state,
            "labels b=2, a in (x, y), !c\ndeny delete\nexclusive jonny\nmessage \"hands off\"\nunless   label\n  ok\n"
            "owner team-x\nticket T-1\nbreak-glass user anna")
            ->message;
    static const char *const parts[] = {"denied, there is a lock: map[a:x|y b:2 c:^*]: hands off ",
                                        "lock l of policy test",
                                        "only user jonny may",
                                        "unless label ok",
                                        "break-glass: user anna",
                                        "owner: team-x",
                                        "ticket: T-1"};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (!strstr(message, parts[i])) fail_msg("'%s' is not in '%s'", parts[i], message);
    assert_non_null(strstr(lock_with(state, "name n\ndeny delete")->message, "nobody may"));
}

// The API server refuses a policy whose message has a line break, wherever it comes from.
static void messages_are_one_line_whatever_is_in_them(void **state) {
    const struct compilation *compilation =
        compile(state, "lock \"a\\nb\" {\n  resources configmaps\n  namespace default\n  name n\n  deny delete\n  "
                       "exclusive user \"x\\ny\"\n"
                       "  unless annotation k = \"\"\"p\nq\"\"\"\n}\n");
    for (size_t i = 0; i < compilation->policies.lock_count; i++)
        for (const char *c = compilation->policies.locks[i]->message; *c; c++) assert_true((unsigned char)*c >= ' ');
}

static void messages_have_an_end(void **state) {
    char *long_text = arena_alloc(arena_of(state), LIMIT_MESSAGE_BYTES + 1);
    memset(long_text, 'x', LIMIT_MESSAGE_BYTES);
    const char *clause = arena_printf(arena_of(state), "message %s", long_text);
    assert_reports(compile_lock(state, arena_printf(arena_of(state), "name n\ndeny delete\n%s", clause), ""), "K0408",
                   clause);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        SENTENCE(every_refusal_has_its_code_and_place),
        SENTENCE(operations_must_be_those_of_the_resource),
        SENTENCE(subresources_are_locked_apart_from_their_objects),
        SENTENCE(subresources_take_what_requests_for_them_are),
        SENTENCE(covers_are_chosen_by_what_selects),
        SENTENCE(dates_decide_on_the_day_of_the_compilation),
        SENTENCE(what_is_looked_up_has_a_version_and_a_kind),
        SENTENCE(operations_add_up),
        SENTENCE(when_and_unless_are_one_condition),
        SENTENCE(a_condition_narrows_enough),
        SENTENCE(the_label_guard_is_on_where_it_has_something_to_guard),
        SENTENCE(without_a_word_update_and_delete_are_denied),
        SENTENCE(controllers_are_exempt_where_nothing_else_is_said),
        SENTENCE(everybody_who_passes_is_exclusive),
        SENTENCE(modes_and_failures),
        SENTENCE(changing_metadata_is_changing_its_parts),
        SENTENCE(messages_name_lock_labels_actors_and_the_way_out),
        SENTENCE(messages_are_one_line_whatever_is_in_them),
        SENTENCE(messages_have_an_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
