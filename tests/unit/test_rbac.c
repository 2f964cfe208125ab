// Who may do what by RBAC, and what is found in it.
#include "compile_support.h"

#include "rbac/rbac.h"
#include "report/diag.h"
#include "report/source.h"

#define ROLE(kind, where, name, rules)                                                                                 \
    "---\napiVersion: rbac.authorization.k8s.io/v1\nkind: " kind "\nmetadata: {name: \"" name "\"" where               \
    "}\nrules:\n" rules
#define BINDING(kind, where, name, role_kind, role, subjects)                                                          \
    "---\napiVersion: rbac.authorization.k8s.io/v1\nkind: " kind "\nmetadata: {name: \"" name "\"" where               \
    "}\nroleRef: {kind: " role_kind ", name: \"" role "\"}\nsubjects:\n" subjects
#define RULE(verbs, groups, resources, more)                                                                           \
    "- {verbs: [" verbs "], apiGroups: [" groups "], resources: [" resources "]" more "}\n"
#define USER(name) "- {kind: User, name: \"" name "\"}\n"
#define GROUP(name) "- {kind: Group, name: \"" name "\"}\n"
#define ACCOUNT(namespace, name) "- {kind: ServiceAccount, namespace: " namespace ", name: " name "}\n"
// Somebody holds these rules in the cluster, or in a namespace.
#define HELD(subjects, rules)                                                                                          \
    ROLE("ClusterRole", "", "r", rules) BINDING("ClusterRoleBinding", "", "b", "ClusterRole", "r", subjects)
#define HELD_IN(namespace, subjects, rules)                                                                            \
    ROLE("ClusterRole", "", "r-" namespace, rules)                                                                     \
    BINDING("RoleBinding", ", namespace: " namespace, "b-" namespace, "ClusterRole", "r-" namespace, subjects)

// ---- who may do what ----

static const struct rbac *read_rbac(void **state, const char *yaml, struct diags *diags) {
    struct arena *arena = arena_of(state);
    struct sources *sources = ARENA_NEW(arena, struct sources);
    sources->arena = arena;
    diags_init(diags, arena);
    const struct source_input input = {"rbac.yaml", yaml, strlen(yaml)};
    const struct rbac_audit audit = {
        .arena = arena, .diags = diags, .sources = sources, .inputs = &input, .input_count = 1};
    return rbac_read(&audit);
}

// "get apps/deployments/scale web in shop" of the user, who is in the group.
static bool may(void **state, const char *yaml, const char *user, const char *group, const char *verb,
                const char *api_group, const char *resource, const char *subresource, const char *name,
                const char *namespace) {
    struct diags diags;
    const struct rbac *rbac = read_rbac(state, yaml, &diags);
    assert_int_equal(diags.count, 0);
    const char *const groups[] = {group};
    const struct rbac_request request = {user,     groups,      1,    verb,      api_group,
                                         resource, subresource, name, namespace, NULL};
    return rbac_allows(rbac, &request);
}

static bool may_visit(void **state, const char *urls, const char *path) {
    struct diags diags;
    const char *rule = arena_printf(arena_of(state), "- {verbs: [get], nonResourceURLs: [%s]}\n", urls);
    const char *yaml = arena_printf(arena_of(state), "%s%s%s", ROLE("ClusterRole", "", "r", ""), rule,
                                    BINDING("ClusterRoleBinding", "", "b", "ClusterRole", "r", USER("u"))
                                        BINDING("RoleBinding", ", namespace: a", "c", "ClusterRole", "r", USER("v")));
    const struct rbac *rbac = read_rbac(state, yaml, &diags);
    struct rbac_request request = {.user = "v",
                                   .verb = "get",
                                   .group = "",
                                   .resource = "",
                                   .subresource = "",
                                   .name = "",
                                   .namespace = "a",
                                   .path = path};
    assert_false(rbac_allows(rbac, &request)); // paths are in no namespace
    request.user = "u";
    return rbac_allows(rbac, &request);
}

static void rules_are_read_as_the_authorizer_reads_them(void **state) {
    static const char some[] = HELD(USER("u") GROUP("g"), RULE("get", "apps", "deployments, \"*/scale\"", "")
                                                              RULE("update", "\"\"", "pods", ", resourceNames: [web]"));
    assert_true(may(state, some, "u", "", "get", "apps", "deployments", "", "x", "shop"));
    assert_true(may(state, some, "x", "g", "get", "apps", "deployments", "", "", ""));
    assert_true(may(state, some, "u", "", "get", "apps", "anything", "scale", "", ""));
    assert_true(may(state, some, "u", "", "update", "", "pods", "", "web", "shop"));
    assert_false(may(state, some, "u", "", "update", "", "pods", "", "", "shop"));
    assert_false(may(state, some, "u", "", "update", "", "pods", "", "other", "shop"));
    assert_false(may(state, some, "u", "", "get", "apps", "deployments", "status", "", ""));
    assert_false(may(state, some, "u", "", "get", "", "deployments", "", "", ""));
    assert_false(may(state, some, "u", "", "list", "apps", "deployments", "", "", ""));
    assert_false(may(state, some, "g", "u", "get", "apps", "deployments", "", "", ""));
    static const char all[] = HELD(USER("u"), RULE("\"*\"", "\"*\"", "\"*\"", ""));
    assert_true(may(state, all, "u", "", "anything", "any", "thing", "part", "x", "y"));
}

static void a_role_binding_gives_in_its_namespace_alone(void **state) {
    static const char some[] = HELD_IN("shop", ACCOUNT("shop", "web"), RULE("get", "\"\"", "nodes, pods", ""));
    static const char web[] = "system:serviceaccount:shop:web";
    assert_true(may(state, some, web, "", "get", "", "pods", "", "", "shop"));
    assert_false(may(state, some, web, "", "get", "", "pods", "", "", "blog"));
    assert_false(may(state, some, web, "", "get", "", "nodes", "", "", ""));
}

static void paths_end_with_any_number_of_stars(void **state) {
    assert_true(may_visit(state, "/healthz", "/healthz"));
    assert_false(may_visit(state, "/healthz", "/healthz/etcd"));
    assert_true(may_visit(state, "\"/healthz/*\"", "/healthz/etcd"));
    assert_true(may_visit(state, "\"/healthz**\"", "/healthz"));
    assert_true(may_visit(state, "\"*\"", "/any"));
    assert_false(may_visit(state, "\"\"", "/any"));
}

static void an_account_is_of_the_namespace_of_its_binding(void **state) {
    static const char some[] = ROLE("Role", ", namespace: shop", "r", RULE("get", "\"\"", "pods", ""))
        BINDING("RoleBinding", ", namespace: shop", "b", "Role", "r", "- {kind: ServiceAccount, name: web}\n");
    assert_true(may(state, some, "system:serviceaccount:shop:web", "", "get", "", "pods", "", "", "shop"));
}

static void selectors_are_those_of_kubectl(void **state) {
    static const struct {
        const char *selector;
        bool selects;
    } cases[] = {
        {"{}", true},
        {"{matchLabels: {a: b}}", true},
        {"{matchLabels: {a: c}}", false},
        {"{matchLabels: {a: b, x: y}}", false},
        {"{matchExpressions: [{key: a, operator: In, values: [c, b]}]}", true},
        {"{matchLabels: {t: t}, matchExpressions: [{key: a, operator: NotIn, values: [c, b]}]}", false},
        {"{matchLabels: {t: t}, matchExpressions: [{key: x, operator: NotIn, values: [c, b]}]}", true},
        {"{matchExpressions: [{key: a, operator: Exists}]}", true},
        {"{matchLabels: {t: t}, matchExpressions: [{key: a, operator: DoesNotExist}]}", false},
        {"{matchLabels: {t: t}, matchExpressions: [{key: x, operator: DoesNotExist}]}", true},
        {"{matchExpressions: [{key: a, operator: Exists}, {key: x, operator: Exists}]}", false},
        {"{matchLabels: {a: c}}, {matchLabels: {a: b}}", true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *yaml =
            arena_printf(arena_of(state),
                         "%s---\napiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: all}\n"
                         "aggregationRule: {clusterRoleSelectors: [%s]}\n",
                         ROLE("ClusterRole", ", labels: {a: b, t: t}", "r", RULE("get", "example.com", "things", ""))
                             BINDING("ClusterRoleBinding", "", "b", "ClusterRole", "all", USER("u")),
                         cases[i].selector);
        print_message("%s\n", cases[i].selector);
        assert_int_equal(may(state, yaml, "u", "", "get", "example.com", "things", "", "", ""), cases[i].selects);
    }
}

// ---- what is found ----

static const char *found(void **state, const char *policy, const char *yaml) {
    struct klock_compiler *compiler = klock_new(NULL);
    if (policy) klock_add_buffer(compiler, "p.klock", policy, strlen(policy));
    klock_add_rbac(compiler, "rbac.yaml", yaml, strlen(yaml));
    klock_compile(compiler);
    struct text text;
    text_init(&text, arena_of(state));
    for (size_t i = 0; i < klock_diagnostic_count(compiler); i++) {
        struct klock_diagnostic diagnostic = {.size = sizeof diagnostic};
        assert_true(klock_diagnostic_at(compiler, i, &diagnostic));
        assert_non_null(diagnostic.help);
        assert_non_null(diagnostic.place.file);
        print_message("%s %s\n", diagnostic.code, diagnostic.message);
        if (strncmp(diagnostic.code, "K08", 3) == 0 || strcmp(diagnostic.code, "K0212") == 0)
            text_printf(&text, "%s%s", text.len ? " " : "", diagnostic.code);
    }
    klock_free(compiler);
    return text_string(&text);
}

static void halves_are_no_finding(void **state) {
    static const struct {
        const char *yaml, *codes;
    } cases[] = {
        {HELD(USER("u"), RULE("escalate", "rbac.authorization.k8s.io", "clusterroles", "")), ""},
        {HELD(USER("u"), RULE("escalate, update", "rbac.authorization.k8s.io", "clusterroles", "")), "K0803"},
        {HELD(USER("u"), RULE("update", "rbac.authorization.k8s.io", "clusterroles", "")), ""},
        {HELD(USER("u"), RULE("bind", "rbac.authorization.k8s.io", "roles", "")), ""},
        {HELD(USER("u"), RULE("bind, create", "rbac.authorization.k8s.io", "clusterroles, rolebindings", "")), "K0804"},
        {HELD(USER("u"), RULE("bind, create", "example.com", "clusterroles, rolebindings", "")), ""},
        {HELD(USER("u"), RULE("impersonate", "\"\"", "users", "")), "K0805"},
        {HELD(USER("u"), RULE("impersonate", "\"\"", "uids", "")), ""},
        {HELD(USER("u"), RULE("\"impersonate:arbitrary-node\"", "authentication.k8s.io", "nodes", "")), "K0805"},
        {HELD(USER("u"), RULE("\"impersonate-on:user-info:get\"", "\"\"", "pods", "")), ""},
        {HELD(USER("u"), RULE("get", "\"\"", "nodes", "")), ""},
        {HELD(USER("u"), RULE("get", "\"\"", "\"*/proxy\"", "")), "K0806"},
        {HELD(USER("u"), RULE("create", "\"\"", "nodes/proxy", "")), "K0806"},
        {HELD(USER("u"), RULE("update", "\"certificates.k8s.io\"", "certificatesigningrequests/approval", "")), ""},
        {HELD(USER("u"), RULE("update", "\"certificates.k8s.io\"", "certificatesigningrequests/approval", "")
                             RULE("approve", "\"certificates.k8s.io\"", "signers", ", resourceNames: [example.com/x]")),
         ""},
        {HELD(USER("u"), RULE("update", "\"certificates.k8s.io\"", "certificatesigningrequests/approval", "")
                             RULE("approve", "\"certificates.k8s.io\"", "signers", "")),
         "K0807"},
        {HELD(USER("u"),
              RULE("update", "\"certificates.k8s.io\"", "certificatesigningrequests/approval", "")
                  RULE("approve", "\"certificates.k8s.io\"", "signers", ", resourceNames: [\"kubernetes.io/*\"]")),
         "K0807"},
        {HELD(USER("u"), RULE("create", "\"\"", "pods", "")), "K0808"},
        {HELD(USER("u"), RULE("create", "\"\"", "pods", ", resourceNames: [web]")), ""},
        {HELD(USER("u"), RULE("patch", "apps", "deployments", ", resourceNames: [web]")), "K0808"},
        {HELD(USER("u"), RULE("create", "\"\"", "secrets", "")), ""},
        {HELD(USER("u"), RULE("list", "\"\"", "secrets", "")), ""},
        {HELD(USER("u"), RULE("create, list", "\"\"", "secrets", "")), "K0808"},
        {HELD(USER("u"), RULE("delete", "admissionregistration.k8s.io", "validatingadmissionpolicies", "")), "K0809"},
        {HELD(USER("u"), RULE("create, get", "admissionregistration.k8s.io", "validatingadmissionpolicies", "")), ""},
        {HELD(USER("u"), RULE("delete", "admissionregistration.k8s.io", "validatingwebhookconfigurations", "")), ""},
        {HELD(USER("u"), RULE("\"*\"", "example.com", "\"*\"", "")), ""},
        {HELD(USER("u"), RULE("\"*\"", "apps", "controllerrevisions", "")), "K0802"},
        {HELD(USER("u"), RULE("get", "\"*\"", "\"*\"", "")), "K0802"},
        {HELD(USER("u"), RULE("get", "\"*\"", "pods", "")), ""},
        {HELD(USER("u"), RULE("\"*\"", "\"*\"", "\"*\"", ", resourceNames: [x]")),
         "K0803 K0804 K0805 K0806 K0808 K0809"},
        {HELD(GROUP("system:masters"), RULE("\"*\"", "\"*\"", "\"*\"", "")), ""},
        {HELD(" []\n", RULE("\"*\"", "\"*\"", "\"*\"", "")), ""},
        // What is in a namespace.
        {HELD_IN("a", USER("u"), RULE("\"*\"", "\"*\"", "\"*\"", "")), ""},
        {HELD_IN("kube-system", USER("u"), RULE("\"*\"", "\"*\"", "\"*\"", "")), "K0801"},
        {HELD_IN("kube-system", USER("u"), RULE("create", "\"\"", "serviceaccounts/token", "")), "K0808"},
        {HELD_IN("kube-system", USER("u"), RULE("get", "\"\"", "nodes/proxy", "")), ""},
        {HELD(ACCOUNT("a", "one"), RULE("get", "\"\"", "nodes/proxy", ""))
             HELD_IN("a", USER("u") ACCOUNT("a", "one"), RULE("impersonate", "\"\"", "serviceaccounts", "")),
         "K0806 K0808"},
        {HELD(ACCOUNT("a", "one"), RULE("get", "\"\"", "nodes/proxy", ""))
             HELD_IN("a", ACCOUNT("a", "one"), RULE("impersonate", "\"\"", "serviceaccounts", "")),
         "K0806"},
        {HELD(ACCOUNT("a", "one"), RULE("get", "\"\"", "nodes/proxy", ""))
             HELD_IN("b", USER("u"), RULE("impersonate", "\"\"", "serviceaccounts", "")),
         "K0806"},
        {HELD(GROUP("system:authenticated"), RULE("get", "\"\"", "nodes/proxy", ""))
             HELD_IN("a", ACCOUNT("a", "one"), RULE("create", "\"\"", "pods", "")),
         "K0806"},
        // By name, only what holds more.
        {HELD(USER("u"), RULE("create", "\"\"", "serviceaccounts/token", ", resourceNames: [one]")), ""},
        {HELD(ACCOUNT("a", "one"), RULE("get", "\"\"", "nodes/proxy", ""))
             HELD_IN("a", USER("u"), RULE("create", "\"\"", "serviceaccounts/token", ", resourceNames: [two]")),
         "K0806"},
        {HELD(ACCOUNT("a", "one"), RULE("get", "\"\"", "nodes/proxy", ""))
             HELD_IN("a", USER("u"), RULE("create", "\"\"", "serviceaccounts/token", ", resourceNames: [one]")),
         "K0806 K0808"},
        {HELD(ACCOUNT("a", "one"), RULE("create", "\"\"", "pods", ""))
             HELD_IN("a", USER("u"), RULE("impersonate", "\"\"", "serviceaccounts", "")),
         "K0808 K0808"},
        {HELD_IN("kube-system", USER("u"),
                 RULE("create", "\"\"", "serviceaccounts/token", ", resourceNames: [job-controller]")),
         "K0808"},
        {BINDING("ClusterRoleBinding", "", "b", "ClusterRole", "gone", USER("u")), "K0812"},
        {BINDING("RoleBinding", ", namespace: a", "b", "Role", "gone", USER("u")), "K0812"},
        {BINDING("ClusterRoleBinding", "", "b", "ClusterRole", "gone", " []\n"), ""},
        {BINDING("ClusterRoleBinding", "", "b", "ClusterRole", "view", USER("u")), ""},
        // Of what every server binds, only what is more.
        {BINDING("ClusterRoleBinding", "", "system:kube-controller-manager", "ClusterRole",
                 "system:kube-controller-manager", USER("system:kube-controller-manager")),
         ""},
        {BINDING("ClusterRoleBinding", "", "system:kube-controller-manager", "ClusterRole",
                 "system:kube-controller-manager", USER("u")),
         "K0802 K0808"},
        {BINDING("ClusterRoleBinding", "", "other", "ClusterRole", "system:kube-controller-manager",
                 USER("system:kube-controller-manager")),
         "K0802 K0808"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        print_message("%zu\n", i);
        assert_string_equal(found(state, NULL, cases[i].yaml), cases[i].codes);
    }
}

static const char policy[] =
    "policy p\ndeployer user release\nactor bot = sa a/bot\nactor sealed-bot = sa b/bot sealed by user release\n"
    "lock one { resources configmaps  namespace c  name x  exclusive bot  guard none }\n"
    "lock two { resources configmaps  namespace c  name y  exclusive sealed-bot, user carol and may pass  guard none "
    "}\n"
    "lock three { resources nodes  name z  exclusive may drain  guard none }\n";

#define TOKENS RULE("create", "\"\"", "serviceaccounts/token", "")
#define DRAIN RULE("drain", "\"klock.dev\"", "locks", ", resourceNames: [three]")
#define PASS RULE("pass", "\"klock.dev\"", "locks", "")
#define POLICIES(name)                                                                                                 \
    RULE("delete", "admissionregistration.k8s.io", "validatingadmissionpolicies", ", resourceNames: [\"" name "\"]")

static void who_passes_is_what_the_policy_says(void **state) {
    static const struct {
        const char *yaml, *codes;
    } cases[] = {
        {HELD_IN("a", USER("u"), TOKENS), "K0810"},
        {HELD_IN("a", ACCOUNT("a", "bot"), TOKENS), ""},
        {HELD_IN("c", USER("u"), TOKENS), ""},
        {HELD_IN("b", USER("u"), TOKENS), ""}, // which admission sees
        {HELD_IN("b", USER("u"), RULE("impersonate", "\"\"", "serviceaccounts", "")), "K0810"},
        {HELD_IN("b", USER("u"), RULE("impersonate", "\"\"", "serviceaccounts", ", resourceNames: [other]")), ""},
        {HELD_IN("b", USER("u"), RULE("get", "\"\"", "secrets", "")), "K0810"},
        {HELD_IN("b", USER("release"), RULE("get", "\"\"", "secrets", "")), ""},
        {HELD_IN("a", USER("release"), RULE("get", "\"\"", "secrets", "")), "K0810"},
        {HELD(USER("u"), RULE("impersonate", "\"\"", "users", ", resourceNames: [dora]")), "K0805"},
        {HELD(USER("u"), RULE("impersonate", "\"\"", "users", ", resourceNames: [carol]")), "K0805 K0810"},
        {HELD(USER("u"), DRAIN), "K0811"},
        {HELD(USER("release"), DRAIN), ""},   // whose role holds it
        {HELD_IN("c", USER("u"), DRAIN), ""}, // nodes are in no namespace
        {HELD(USER("u"), PASS), ""},          // who is not carol
        {HELD(USER("carol"), PASS), "K0811"},
        {HELD_IN("c", USER("carol"), PASS), "K0811"},
        {HELD_IN("a", USER("carol"), PASS), ""},
        {HELD_IN("c", USER("carol"), RULE("pass", "\"klock.dev\"", "locks", ", resourceNames: [three]")), ""},
        {HELD(USER("u"), POLICIES("p-objects--configmaps")), "K0809"},
        {HELD(USER("release"), POLICIES("p-objects--configmaps")), ""},
        {HELD(USER("u"), POLICIES("others")), ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        print_message("%zu\n", i);
        assert_string_equal(found(state, policy, cases[i].yaml), cases[i].codes);
    }
}

static void what_is_accepted_is_of_one_binding(void **state) {
    static const char tokens[] = HELD_IN("kube-system", USER("u"), TOKENS);
    static const struct {
        const char *accepts, *codes;
    } cases[] = {
        {"accept rbac-accounts of rolebinding kube-system/b-kube-system \"why\"", ""},
        {"accept K0808 of RoleBinding kube-system/b-kube-system", ""},
        {"accept rbac-accounts", ""},
        {"accept rbac-accounts accept rbac-accounts of rolebinding kube-system/b-kube-system", ""},
        {"accept rbac-accounts of rolebinding other/b-kube-system", "K0212 K0808"},
        {"accept rbac-accounts of clusterrolebinding b-kube-system", "K0212 K0808"},
        {"accept rbac-bind of rolebinding kube-system/b-kube-system", "K0212 K0808"},
        {"accept rbac-bind, rbac-accounts", "K0212"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        print_message("%s\n", cases[i].accepts);
        assert_string_equal(found(state, cases[i].accepts, tokens), cases[i].codes);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        SENTENCE(rules_are_read_as_the_authorizer_reads_them),
        SENTENCE(a_role_binding_gives_in_its_namespace_alone),
        SENTENCE(paths_end_with_any_number_of_stars),
        SENTENCE(an_account_is_of_the_namespace_of_its_binding),
        SENTENCE(selectors_are_those_of_kubectl),
        SENTENCE(halves_are_no_finding),
        SENTENCE(who_passes_is_what_the_policy_says),
        SENTENCE(what_is_accepted_is_of_one_binding),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
