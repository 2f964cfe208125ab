// Subjects and actors → who a requester must be.
#include "compile_support.h"

static const struct subjects *exclusive(void **state, const char *subjects, const char *rest) {
    const struct compilation *compilation =
        compile_lock(state, arena_printf(arena_of(state), "  name n\n  deny delete\n  exclusive %s", subjects), rest);
    assert_no_errors(compilation);
    return &lock_named(compilation, "l")->exclusive;
}

static void assert_refused(void **state, const char *subjects, const char *code, const char *at) {
    assert_reports(
        compile_lock(state, arena_printf(arena_of(state), "  name n\n  deny delete\n  exclusive %s", subjects), ""),
        code, at);
}

static void service_accounts_are_users_of_that_name(void **state) {
    const struct subjects *subjects = exclusive(state, "serviceaccount default/jonny-op, sa kube-system/a.b", "");
    assert_int_equal(subjects->user_count, 2);
    assert_string_equal(subjects->users[0], "system:serviceaccount:default:jonny-op");
    assert_string_equal(subjects->users[1], "system:serviceaccount:kube-system:a.b");
    assert_int_equal(subjects->group_count + subjects->other_count, 0);
    assert_string_equal(subjects->labels[0], "serviceaccount default/jonny-op");
}

static void names_are_sorted_and_each_is_there_once(void **state) {
    const struct subjects *subjects =
        exclusive(state, "user b, user a, group y, user b, serviceaccounts x, group y", "");
    assert_int_equal(subjects->user_count, 2);
    assert_string_equal(subjects->users[0], "a");
    assert_string_equal(subjects->users[1], "b");
    assert_int_equal(subjects->group_count, 2);
    assert_string_equal(subjects->groups[0], "system:serviceaccounts:x");
    assert_string_equal(subjects->groups[1], "y");
}

static void what_is_no_exact_name_is_a_formula(void **state) {
    const struct subjects *subjects =
        exclusive(state, "uid u1, sa default/a and uid u2, user b with extra scope = x and group c", "");
    assert_int_equal(subjects->user_count + subjects->group_count, 0);
    assert_int_equal(subjects->other_count, 3);
    assert_string_equal(formula_text(state, subjects->others[0]), "(uid in u1)");
    assert_string_equal(formula_text(state, subjects->others[1]),
                        "(and (user in system:serviceaccount:default:a) (uid in u2))");
    assert_string_equal(formula_text(state, subjects->others[2]), "(and (user in b) (extra scope in x) (group in c))");
}

static void actors_are_what_they_are_made_of(void **state) {
    const struct subjects *subjects =
        exclusive(state, "both", "actor both = one, two\nactor two = group g, uid u\nactor one = user a\n");
    assert_string_equal(subjects->users[0], "a");
    assert_string_equal(subjects->groups[0], "g");
    assert_string_equal(formula_text(state, subjects->others[0]), "(uid in u)");
}

static void a_conjunction_with_an_actor_keeps_all_its_alternatives(void **state) {
    const struct subjects *subjects = exclusive(state, "both and uid u", "actor both = user a, user b\n");
    assert_int_equal(subjects->user_count, 0);
    assert_string_equal(formula_text(state, subjects->others[0]), "(and (or (user in a) (user in b)) (uid in u))");
}

static void messages_name_each_subject_once(void **state) {
    const struct subjects *subjects =
        exclusive(state, "three", "actor one = user a\nactor two = one, one, user b\nactor three = two, one, two\n");
    assert_int_equal(subjects->user_count, 2);
    assert_int_equal(subjects->label_count, 2);
}

// A chain of actors that each name the one before twice must not double with every link.
static void actors_of_actors_do_not_explode(void **state) {
    static const char *const joints[] = {", ", " and "};
    static const char *const firsts[] = {"user u", "uid u", "user u and uid v", "user u, uid v"};
    for (size_t i = 0; i < 8; i++) {
        struct text text;
        text_init(&text, arena_of(state));
        text_printf(&text, "actor a0 = %s\n", firsts[i / 2]);
        for (int link = 1; link <= 60; link++)
            text_printf(&text, "actor a%d = a%d%sa%d\n", link, link - 1, joints[i % 2], link - 1);
        assert_no_errors(compile_lock(state, "  name n\n  deny delete\n  exclusive a60", text_string(&text)));
    }
}

static void actors_whose_formula_has_no_end_are_refused(void **state) {
    struct text text;
    text_init(&text, arena_of(state));
    text_add_string(&text, "actor a0 = uid u\n");
    for (int link = 1; link <= 60; link++)
        text_printf(&text, "actor a%d = a%d and user x%d, a%d and user y%d\n", link, link - 1, link, link - 1, link);
    const struct compilation *compilation =
        compile_lock(state, "  name n\n  deny delete\n  exclusive a60", text_string(&text));
    assert_true(count_of(compilation, "K0004") > 0);
}

static void long_chains_of_actors_are_refused_and_not_followed(void **state) {
    struct text text;
    text_init(&text, arena_of(state));
    for (int link = 100000; link; link--) text_printf(&text, "actor a%d = a%d\n", link, link - 1);
    text_add_string(&text, "actor a0 = user u\n");
    const struct compilation *compilation =
        compile_lock(state, "  name n\n  deny delete\n  exclusive a100000", text_string(&text));
    assert_true(count_of(compilation, "K0004") > 0);
}

static void many_names_are_no_trouble(void **state) {
    struct text text;
    text_init(&text, arena_of(state));
    text_add_string(&text, "actor all = user u0");
    for (int i = 1; i < 3000; i++) text_printf(&text, ", user u%d", i);
    text_add_char(&text, '\n');
    assert_int_equal(exclusive(state, "all", text_string(&text))->user_count, 3000);
}

static void an_actor_made_of_itself_is_refused(void **state) {
    assert_reports(compile(state, "actor a = a\n"), "K0105", "a");
    assert_reports(compile(state, "actor a = b\nactor b = user x, c\nactor c = a and uid u\n"), "K0105", "a");
}

static void bad_subjects_are_refused_where_they_stand(void **state) {
    assert_refused(state, "serviceaccount jonny", "K0104", "jonny");
    assert_refused(state, "sa Default/jonny", "K0104", "Default/jonny");
    assert_refused(state, "sa default/Jonny", "K0104", "default/Jonny");
    assert_refused(state, "sa default/a/b", "K0104", "default/a/b");
    assert_refused(state, "serviceaccounts a/b", "K0104", "a/b");
    assert_refused(state, "user \"\"", "K0104", "\"\"");
    assert_refused(state, "group \"\"", "K0104", "\"\"");
    assert_refused(state, "uid \"\"", "K0104", "\"\"");
    assert_refused(state, "nobody", "K0101", "nobody");
    assert_refused(state, "user a with extra \"\" = x", "K0104", "\"\"");
}

static void presets_are_the_accounts_of_known_software(void **state) {
    const struct subjects *subjects = exclusive(state, "flux, velero in backups", "");
    assert_int_equal(subjects->user_count, 4);
    assert_string_equal(subjects->users[0], "system:serviceaccount:backups:velero");
    assert_string_equal(subjects->users[1], "system:serviceaccount:backups:velero-server");
    assert_string_equal(subjects->users[2], "system:serviceaccount:flux-system:helm-controller");
    assert_string_equal(subjects->users[3], "system:serviceaccount:flux-system:kustomize-controller");
    assert_string_equal(exclusive(state, "a", "actor a = karpenter in k\n")->users[0],
                        "system:serviceaccount:k:karpenter");
    assert_refused(state, "fluxx in tools", "K0101", "fluxx");
    assert_refused(state, "flux in Tools", "K0104", "Tools");
}

static void actors_are_not_named_like_subjects_or_presets(void **state) {
    static const char *const names[] = {"user", "group", "uid",   "sa", "serviceaccount", "serviceaccounts",
                                        "may",  "flux",  "argocd"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        assert_reports(compile(state, arena_printf(arena_of(state), "actor %s = user x\n", names[i])), "K0106",
                       names[i]);
}

static void new_makes_service_accounts(void **state) {
    const struct compilation *compilation =
        compile(state, "actor a = new sa default/x, sa other/y\nactor b = new sa default/x\n");
    assert_no_errors(compilation);
    assert_int_equal(compilation->policies.account_count, 2);
    assert_string_equal(compilation->policies.accounts[0]->namespace, "default");
    assert_string_equal(compilation->policies.accounts[1]->name, "y");
    object_named(compilation, "ServiceAccount", "default", "x");
    assert_reports(compile(state, "actor a = new sa default/x, user y\n"), "K0305", "user y");
    assert_reports(compile(state, "actor a = new sa default/x and uid u\n"), "K0305", "sa default/x and uid u");
}

// What a subject is, as the formula of a lock that it passes.
static const char *computed(void **state, const char *subject) {
    const struct subjects *passes = exclusive(state, subject, "");
    assert_int_equal(passes->user_count + passes->group_count, passes->other_count ? 0 : 1);
    return passes->other_count  ? formula_text(state, passes->others[0])
           : passes->user_count ? passes->users[0]
                                : passes->groups[0];
}

static void names_are_put_together(void **state) {
    assert_string_equal(computed(state, "group \"team-{label team}\""), "(group = (join (text team-) (label team)))");
    assert_string_equal(computed(state, "user \"{annotation a.b/c}@{namespace label d}\""),
                        "(user = (join (annotation a.b/c) (text @) (namespace-label d)))");
    assert_string_equal(computed(state, "sa \"{namespace}/x-{name}\""),
                        "(user = (join (text system:serviceaccount:) (namespace) (text :x-) (name)))");
    assert_string_equal(computed(state, "sa \"x-{label a/b}/y\""),
                        "(user = (join (text system:serviceaccount:x-) (label a/b) (text :y)))");
    assert_string_equal(computed(state, "user \"a{{b}{{{{\""), "a{b}{{");
    assert_string_equal(computed(state, "group \"}\""), "}");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        SENTENCE(service_accounts_are_users_of_that_name),
        SENTENCE(names_are_sorted_and_each_is_there_once),
        SENTENCE(what_is_no_exact_name_is_a_formula),
        SENTENCE(actors_are_what_they_are_made_of),
        SENTENCE(a_conjunction_with_an_actor_keeps_all_its_alternatives),
        SENTENCE(messages_name_each_subject_once),
        SENTENCE(actors_of_actors_do_not_explode),
        SENTENCE(actors_whose_formula_has_no_end_are_refused),
        SENTENCE(long_chains_of_actors_are_refused_and_not_followed),
        SENTENCE(many_names_are_no_trouble),
        SENTENCE(an_actor_made_of_itself_is_refused),
        SENTENCE(bad_subjects_are_refused_where_they_stand),
        SENTENCE(presets_are_the_accounts_of_known_software),
        SENTENCE(actors_are_not_named_like_subjects_or_presets),
        SENTENCE(new_makes_service_accounts),
        SENTENCE(names_are_put_together),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
