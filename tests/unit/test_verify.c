// What is found in objects that others have handled, and what is no finding.
#include "compile_support.h"

#include "data/yamlio.h"
#include "report/diag.h"
#include "report/source.h"
#include "verify/verify.h"

static const char policy[] = "policy good\n"
                             "actor bot = new sa default/bot\n"
                             "lock keep {\n"
                             "  resources configmaps\n  namespace default\n  name settings\n"
                             "  deny update, delete\n  exclusive bot\n  guard no owners, no namespace\n"
                             "}\n"
                             "lock doors {\n"
                             "  resources pods\n  namespace default\n  labels a=b\n"
                             "  deny exec\n  guard no owners, no labels, no namespace\n"
                             "}\n"
                             "grant read to bot { resources configmaps  namespace default  allow get, list }\n";

// With variables, messages that are computed, and a record of break-glass.
static const char tables[] =
    "policy tables\nactor sre = group sre\n"
    "lock one { resources configmaps  namespace default  name a  deny delete  exclusive user x  break-glass sre  "
    "guard no owners, no namespace }\n"
    "lock two { resources configmaps  namespace default  name b  deny delete  exclusive user y  break-glass sre  "
    "guard no owners, no namespace }\n"
    "lock three { resources configmaps  namespace default  name c  deny delete  exclusive user z  break-glass sre  "
    "guard no owners, no namespace }\n";

static const char deployed[] = "policy good\ndeployer group ops\n"
                               "lock keep {\n  resources configmaps\n  namespace default\n  name settings\n"
                               "  deny delete\n  guard no owners, no namespace\n}\n";

static const char teams[] = "policy good\ndeployer group ops\n"
                            "tenant one {\n  namespaces one\n  members group one\n  role edit\n  deployer argocd\n"
                            "  pod security baseline, warn restricted\n  quota pods 5, cpu 500m\n}\n";

// The text with every occurrence replaced, of which there is one at least.
static const char *replaced(struct arena *arena, const char *text, const char *from, const char *to) {
    struct text result;
    text_init(&result, arena);
    assert_non_null(strstr(text, from));
    for (const char *at; (at = strstr(text, from)); text = at + strlen(from)) {
        text_add(&result, text, (size_t)(at - text));
        text_add_string(&result, to);
    }
    text_add_string(&result, text);
    return text_string(&result);
}

// The document of that kind and name, with its "---".
static const char *document(struct arena *arena, const char *text, const char *kind, const char *name) {
    for (const char *at = text; at;) {
        const char *next = strstr(at + 1, "\n---");
        const char *one = next ? arena_copy(arena, at, (size_t)(next + 1 - at)) : at;
        at = next ? next + 1 : NULL;
        if (strstr(one, arena_printf(arena, "\nkind: %s\n", kind)) &&
            (strstr(one, arena_printf(arena, "\n  name: %s\n", name)) ||
             strstr(one, arena_printf(arena, "\n  name: \"%s\"\n", name))))
            return one;
    }
    fail_msg("there is no %s %s", kind, name);
    return NULL;
}

static void add(struct compilation *compilation, const char *text) {
    const struct source_input input = {"rendered.yaml", text, strlen(text)};
    ARENA_PUSH(compilation->arena, compilation->renderings.items, compilation->renderings.count, input);
}

// "K0703 K0703 K0705"; "" for nothing.
static const char *codes_of(const struct compilation *compilation) {
    struct text text;
    text_init(&text, compilation->arena);
    for (size_t i = 0; i < compilation->diags.count; i++)
        text_printf(&text, "%s%s", i ? " " : "", diag_info(compilation->diags.items[i].code)->code);
    return text_string(&text);
}

static const char *verified(void **state, const char *source, const char *text) {
    struct compilation *compilation = compile(state, source);
    add(compilation, text);
    driver_verify(compilation, false);
    const char *codes = codes_of(compilation);
    for (size_t i = 0; i < compilation->diags.count; i++) {
        assert_non_null(compilation->diags.items[i].help);
        print_message("%s\n", compilation->diags.items[i].message);
    }
    return codes;
}

static const char *rendered(void **state, const char *source) {
    return output_text(state, compile(state, source));
}

static void what_is_compiled_is_verified(void **state) {
    assert_string_equal(verified(state, policy, rendered(state, policy)), "");
}

// What kubectl, API servers, Flux, Helm and Argo CD add, and what does not change the meaning.
static const struct {
    const char *from, *to;
} harmless[] = {
    {"labels: {", "labels: {kustomize.toolkit.fluxcd.io/name: x, "},
    {"labels: {app.kubernetes.io/managed-by: klockc", "labels: {app.kubernetes.io/managed-by: Helm"},
    {"annotations:\n", "annotations:\n    argocd.argoproj.io/tracking-id: 'x'\n"},
    {"\nmetadata:\n", "\nmetadata:\n  uid: 1-2\n  resourceVersion: '7'\n  generation: 3\n  creationTimestamp: null\n"
                      "  managedFields: [{manager: kubectl}]\n"},
    {"\nspec:\n", "\nstatus: {observedGeneration: 1, typeChecking: {}}\nspec:\n"},
    {"  validationActions: [Deny]\n", "  matchResources: {matchPolicy: Equivalent, namespaceSelector: {}, "
                                      "objectSelector: {}}\n  validationActions: [Deny]\n"},
    {"    matchPolicy: Equivalent\n", ""},
    {"    objectSelector: {}\n", ""},
    {"operations: [UPDATE, DELETE]", "operations: [DELETE, UPDATE]"},
    {"{matchLabels: {kubernetes.io/metadata.name: default}}",
     "{matchExpressions: [{key: kubernetes.io/metadata.name, operator: In, values: [default]}]}"},
    {"verbs: [get, list]", "verbs: [list, get, list]"},
    {"klock.dev/source: \"test.klock#", "klock.dev/source: \"stdin#"},
    {"request.namespace == 'default'", "(request.namespace\n        ==     \"default\")"},
};

static void what_others_add_is_no_finding(void **state) {
    const char *text = rendered(state, policy);
    for (size_t i = 0; i < sizeof harmless / sizeof *harmless; i++) {
        print_message("%s\n", harmless[i].to);
        assert_string_equal(verified(state, policy, replaced(arena_of(state), text, harmless[i].from, harmless[i].to)),
                            "");
    }
}

#define OBJECTS "good-objects--configmaps"
static const struct {
    const char *kind, *name, *from, *to, *codes;
} changes[] = {
    {"ValidatingAdmissionPolicyBinding", OBJECTS, "[Deny]", "[Audit]", "K0703"},
    {"ValidatingAdmissionPolicyBinding", OBJECTS, "[Deny]", "[Deny, Audit]", "K0702"},
    {"ValidatingAdmissionPolicyBinding", OBJECTS, "[Deny]", "[Deny, Warn]", "K0702"}, // which no server takes
    {"ValidatingAdmissionPolicyBinding", OBJECTS, "\nspec:\n",
     "\nspec:\n  matchResources: {namespaceSelector: {matchLabels: {a: b}}}\n", "K0704"},
    {"ValidatingAdmissionPolicyBinding", OBJECTS, "\nspec:\n",
     "\nspec:\n  matchResources: {resourceRules: [{apiGroups: [''], apiVersions: [v1], operations: [DELETE], "
     "resources: [configmaps]}]}\n",
     "K0704"},
    {"ValidatingAdmissionPolicyBinding", OBJECTS, "policyName: " OBJECTS, "policyName: other", "K0705"},
    {"ValidatingAdmissionPolicyBinding", OBJECTS, "policyName: " OBJECTS, "policyName: good-connect--pods", "K0702"},
    {"ValidatingAdmissionPolicyBinding", OBJECTS, "  labels", "  deletionTimestamp: 2026-11-29T00:00:00Z\n  labels",
     "K0701"},
    {"ValidatingAdmissionPolicyBinding", OBJECTS, "  labels", "  namespace: newns\n  labels", "K0709"},
    {"ValidatingAdmissionPolicyBinding", "good-connect--pods", "matchLabels: {a: b}", "matchLabels: {a: b, c: d}",
     "K0704"},
    {"ValidatingAdmissionPolicyBinding", "good-connect--pods", "matchLabels: {a: b}", "matchLabels: {a: c}", "K0704"},
    {"ValidatingAdmissionPolicyBinding", "good-connect--pods", "matchLabels: {a: b}", "matchLabels: {}", "K0702"},
    {"ValidatingAdmissionPolicyBinding", "good-connect--pods", "paramRef: {", "paramRef: {namespace: x, ", "K0704"},
    {"ValidatingAdmissionPolicy", OBJECTS, "failurePolicy: Fail", "failurePolicy: Ignore", "K0703"},
    {"ValidatingAdmissionPolicy", OBJECTS, "operations: [UPDATE, DELETE]", "operations: [UPDATE]", "K0704"},
    {"ValidatingAdmissionPolicy", OBJECTS, "operations: [UPDATE, DELETE]", "operations: ['*']", "K0702"},
    {"ValidatingAdmissionPolicy", OBJECTS, "matchPolicy: Equivalent", "matchPolicy: Exact", "K0704"},
    {"ValidatingAdmissionPolicy", OBJECTS, "objectSelector: {}", "objectSelector: {matchLabels: {a: b}}", "K0704"},
    {"ValidatingAdmissionPolicy", OBJECTS, "\n  matchConstraints:\n",
     "\n  matchConstraints:\n    excludeResourceRules: [{apiGroups: [''], apiVersions: [v1], operations: [DELETE], "
     "resources: [configmaps]}]\n",
     "K0704"},
    {"ValidatingAdmissionPolicy", OBJECTS, "\n  validations:\n", "\n  validations:\n  - expression: 'true'\n", "K0702"},
    {"ValidatingAdmissionPolicy", OBJECTS, "reason: Forbidden", "reason: Invalid", "K0702"},
    {"ValidatingAdmissionPolicy", OBJECTS, "denied, there", "refused, there", "K0702"},
    {"ValidatingAdmissionPolicy", OBJECTS, "default:bot", "default:me", "K0702"},
    {"ValidatingAdmissionPolicy", OBJECTS, "request.userInfo.username", "request.userInfo.usernames", "K0702"},
    {"ValidatingAdmissionPolicy", OBJECTS, "klock.dev/summary: \"", "klock.dev/summary: \"not ", "K0710"},
    {"ValidatingAdmissionPolicy", OBJECTS, "klock.dev/policy: good", "klock.dev/policy: bad", "K0710"},
    {"ValidatingAdmissionPolicy", OBJECTS, "klock.dev/policy: good", "a: b", "K0710"},
    {"ValidatingAdmissionPolicy", "good-connect--pods", "kind: Pod}", "kind: Node}", "K0702"},
    {"ValidatingAdmissionPolicy", OBJECTS, "admissionregistration.k8s.io/v1\n",
     "admissionregistration.k8s.io/v1beta1\n", "K0702"},
    {"Role", "good:read", "verbs: [get, list]", "verbs: [get]", "K0702"},
    {"Role", "good:read", "verbs: [get, list]", "verbs: ['*', get, list]", "K0702"},
    {"Role", "good:read", "  labels: {", "  labels: {rbac.authorization.k8s.io/aggregate-to-admin: 'true', ", "K0702"},
    {"Role", "good:read", "namespace: default", "namespace: newns", "K0708"},
    {"RoleBinding", "good:read", "name: bot, namespace: default", "name: bot, namespace: newns", "K0702 K0702"},
    {"RoleBinding", "good:read", "kind: Role\n", "kind: ClusterRole\n", "K0702"},
    {"ServiceAccount", "bot", "namespace: default", "namespace: newns", "K0708"},
    {"ServiceAccount", "bot", "automountServiceAccountToken: false", "automountServiceAccountToken: true", "K0702"},
    {"ServiceAccount", "bot", "automountServiceAccountToken: false\n", "", "K0702"},
    {"ServiceAccount", "bot", "name: bot", "name: p-bot", "K0701 K0706"},
};

static void every_change_of_an_object_is_found(void **state) {
    const char *text = rendered(state, policy);
    struct arena *arena = arena_of(state);
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        const char *one = document(arena, text, changes[i].kind, changes[i].name);
        const char *changed = replaced(arena, one, changes[i].from, changes[i].to);
        print_message("%s %s: %s\n", changes[i].kind, changes[i].name, changes[i].to);
        assert_string_equal(verified(state, policy, replaced(arena, text, one, changed)), changes[i].codes);
    }
}

static void what_makes_a_tenant_is_found(void **state) {
    static const struct {
        const char *kind, *from, *to, *codes;
    } edits[] = {
        {"Namespace", "klock.dev/tenant: one", "klock.dev/tenant: two", "K0710"},
        {"Namespace", "enforce: baseline", "enforce: privileged", "K0710"},
        {"Namespace", "      group one\n", "      group one\n      group system:masters\n", "K0710"},
        {"Namespace", "    klock.dev/tenant-members: |-\n", "    other: |-\n", "K0710"},
        {"Namespace", "  labels:\n", "  labels:\n    pod-security.kubernetes.io/enforce-version: v1.0\n", "K0702"},
        {"Namespace", "  labels:\n", "  labels:\n    kubernetes.io/metadata.name: one\n", ""},
        {"Namespace", "metadata:\n", "spec: {finalizers: [kubernetes]}\nmetadata:\n", ""},
        {"ResourceQuota", "pods: \"5\"", "pods: \"6\"", "K0702"},
        {"ResourceQuota", ", pods: \"5\"", "", "K0702"},
        {"ResourceQuota", "cpu: \"500m\"", "cpu: \"0.5\"", ""},
        {"ResourceQuota", "pods: \"5\"", "pods: 5", ""},
        {"ResourceQuota", "spec:\n", "spec:\n  scopes: [BestEffort]\n", "K0702"},
        {"ResourceQuota", "spec:\n",
         "spec:\n  scopeSelector: {matchExpressions: [{scopeName: PriorityClass, operator: Exists}]}\n", "K0702"},
        {"AppProject", "  sourceNamespaces: [one]\n", "  sourceNamespaces: [one, two]\n", "K0702"},
        {"AppProject", "defaultServiceAccount: one", "defaultServiceAccount: default", "K0702"},
        {"AppProject",
         "  sourceRepos:", "  clusterResourceWhitelist: [{group: '*', kind: '*'}]\n  sourceRepos:", "K0702"},
        {"AppProject", "  sourceRepos:", "  clusterResourceWhitelist: []\n  sourceRepos:", ""},
        {"AppProject", "  sourceRepos: [\"*\"]\n", "", "K0702"},
        {"AppProject", "  sourceRepos:",
         "  roles: [{name: all, groups: [two], policies: ['p, proj:one:all, applications, *, one/*, allow']}]\n"
         "  sourceRepos:",
         "K0702"},
        {"AppProject", "  sourceRepos:", "  roles: []\n  sourceRepos:", ""},
        {"AppProject", "  sourceRepos:", "  rightsOfTomorrow: true\n  sourceRepos:", "K0702"},
        {"AppProject", "  sourceRepos:",
         "  description: of one\n  clusterResourceBlacklist: [{group: '*', kind: '*'}]\n"
         "  namespaceResourceBlacklist: [{group: '', kind: Secret}]\n"
         "  namespaceResourceWhitelist: [{group: apps, kind: Deployment}]\n  orphanedResources: {warn: true}\n"
         "  permitOnlyProjectScopedClusters: true\n  signatureKeys: [{keyID: A}]\n"
         "  sourceIntegrity: {git: {policies: []}}\n"
         "  syncWindows: [{kind: deny, schedule: '* * * * *', duration: 1h}]\n  sourceRepos:",
         ""},
    };
    const char *text = rendered(state, teams);
    struct arena *arena = arena_of(state);
    for (size_t i = 0; i < sizeof edits / sizeof *edits; i++) {
        const char *one = document(arena, text, edits[i].kind, "one");
        const char *changed = replaced(arena, one, edits[i].from, edits[i].to);
        print_message("%s: %s\n", edits[i].kind, edits[i].to);
        assert_string_equal(verified(state, teams, replaced(arena, text, one, changed)), edits[i].codes);
    }
}

static void every_expression_counts(void **state) {
    static const struct {
        const char *from, *to, *codes;
    } edits[] = {
        {"'two': ['y'],", "'two': ['y', 'me'],", "K0702"},
        {"'/default/b': ['two'],", "", "K0702"},
        {"  auditAnnotations:\n", "  auditAnnotations:\n  - {key: more, valueExpression: \"'x'\"}\n", "K0702"},
        {"- key: break-glass", "- key: other", "K0702 K0702"},
        {"  variables:\n", "  variables:\n  - {name: unused, expression: \"1\"}\n", ""},
        {"  variables:\n", "  matchConditions: [{name: never, expression: \"false\"}]\n  variables:\n", "K0704"},
        {" of policy tables; only '", " of policy tables, only '", "K0702 K0702"},
    };
    const char *text = rendered(state, tables);
    for (size_t i = 0; i < sizeof edits / sizeof *edits; i++) {
        print_message("%s\n", edits[i].to);
        assert_string_equal(verified(state, tables, replaced(arena_of(state), text, edits[i].from, edits[i].to)),
                            edits[i].codes);
    }
}

static void every_missing_object_is_found(void **state) {
    const char *text = rendered(state, policy);
    struct arena *arena = arena_of(state);
    const struct compilation *compilation = compile(state, policy);
    for (size_t i = 0; i < compilation->manifest.count; i++) {
        const struct manifest_object *object = &compilation->manifest.objects[i];
        const char *one = document(arena, text, manifest_kind_name(object->kind), object->name);
        // A binding of nothing is no finding of its own.
        assert_string_equal(verified(state, policy, replaced(arena, text, one, "")), "K0701");
    }
}

static void a_stream_without_objects_names_what_is_missing(void **state) {
    static const char *const nothing[] = {"", "---\n", "# nothing\n---\n...\n",
                                          "{apiVersion: v1, kind: List, items: []}",
                                          "{apiVersion: v1, kind: Pod, metadata: {name: x}}"};
    for (size_t i = 0; i < sizeof nothing / sizeof *nothing; i++) {
        struct compilation *compilation = compile(state, policy);
        add(compilation, nothing[i]);
        driver_verify(compilation, false);
        assert_string_equal(codes_of(compilation), "K0712");
        assert_non_null(strstr(compilation->diags.items[0].message, "ServiceAccount 'bot'"));
        assert_int_equal(compilation->manifest.count, 0);
    }
}

static void what_is_no_stream_of_objects_is_an_error(void **state) {
    static const struct {
        const char *text, *codes;
    } garbage[] = {
        {"Error: there is no such chart\n", "K0713"},
        {"a: b\n", "K0713"},
        {"- a\n", "K0713"},
        {"a: [\n", "K0713"},
        {"kind: Pod\n", "K0713"},
        {"{apiVersion: v1, kind: List, items: [a]}", "K0713"},
        {"a: &x b\n", "K0713"},
        {"\xff\xfe", "K0001"},
        {"a: \x80\n", "K0001"},
    };
    for (size_t i = 0; i < sizeof garbage / sizeof *garbage; i++)
        assert_string_equal(verified(state, policy, garbage[i].text), garbage[i].codes);
    // Beside what is fine it is an error as well.
    const char *text = rendered(state, policy);
    assert_string_equal(verified(state, policy, arena_printf(arena_of(state), "%s---\na: b\n", text)), "K0713");
}

// What is behind a fault may be there or not.
static void of_what_is_not_read_nothing_is_said(void **state) {
    static const struct {
        const char *text, *codes;
    } faults[] = {
        {"---\na: &x {b: c}\nd: *x\n", "K0713"},
        {"---\na: [\n", "K0713"},
        {"---\na: !t b\n", "K0713"},
        {"---\na: b\na: c\n", "K0713"},
    };
    struct arena *arena = arena_of(state);
    const char *text = rendered(state, policy);
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        size_t cuts = 0;
        for (const char *at = text; at; at = strstr(at + 1, "\n---"), cuts++) {
            const size_t len = at == text ? 0 : (size_t)(at + 1 - text);
            const char *before = arena_copy(arena, text, len);
            const char *cut = arena_printf(arena, "%s%s%s", before, faults[i].text, text + len);
            assert_string_equal(verified(state, policy, cut), faults[i].codes);
        }
        assert_true(cuts > 5);
    }
    // What was read before is compared.
    const char *softened = replaced(arena, text, "[Deny]", "[Audit]");
    assert_non_null(strstr(verified(state, policy, arena_printf(arena, "%s---\na: [\n", softened)), "K0703"));
    // Nor does another file say what is in the one that could not be read.
    struct compilation *compilation = compile(state, policy);
    const char *role = document(arena, text, "Role", "good:read");
    add(compilation, "\xff");
    add(compilation, role);
    driver_verify(compilation, false);
    assert_string_equal(codes_of(compilation), "K0001");
    compilation = compile(state, policy);
    add(compilation, "\xff");
    add(compilation, role);
    driver_verify(compilation, true);
    assert_string_equal(codes_of(compilation), "K0713");
    // An object that is none hides nothing.
    const char *without = replaced(arena, text, role, "---\na: b\n");
    assert_non_null(strstr(verified(state, policy, without), "K0701"));
}

static void objects_of_others_are_ignored(void **state) {
    const char *text = rendered(state, policy);
    assert_string_equal(verified(state, policy,
                                 arena_printf(arena_of(state),
                                              "{apiVersion: v1, kind: ConfigMap, metadata: {name: x}}\n%s---\n"
                                              "{apiVersion: example.com/v1, kind: Role, metadata: {name: x, labels: "
                                              "{klock.dev/policy: good}}}\n---\n"
                                              "{apiVersion: rbac.authorization.k8s.io/v1, kind: Role, metadata: {name: "
                                              "x, labels: {klock.dev/policy: other}}}\n",
                                              text)),
                        "");
}

static void lists_are_taken_apart(void **state) {
    struct compilation *compilation = compile(state, policy);
    struct text text;
    text_init(&text, compilation->arena);
    assert_true(manifest_print(&text, &compilation->manifest, "json"));
    assert_string_equal(verified(state, policy, text_string(&text)), "");
    // As API servers list one kind.
    text_init(&text, compilation->arena);
    text_add_string(&text, rendered(state, policy));
    text_add_string(&text, "---\n{apiVersion: rbac.authorization.k8s.io/v1, kind: RoleList, items: [{metadata: {name: "
                           "old, namespace: a, labels: {klock.dev/policy: good}}}]}\n");
    assert_string_equal(verified(state, policy, text_string(&text)), "K0706");
}

static void leftovers_are_found(void **state) {
    struct arena *arena = arena_of(state);
    const char *text = rendered(state, policy);
    const char *binding = document(arena, text, "ValidatingAdmissionPolicyBinding", OBJECTS);
    const char *more = replaced(arena, binding, "  name: " OBJECTS, "  name: good-old");
    const char *other = document(arena, text, "ValidatingAdmissionPolicy", OBJECTS);
    // The policy of a lock that was removed, and its binding.
    const char *stale = arena_printf(arena, "%s%s%s", text, replaced(arena, other, "name: " OBJECTS, "name: old"),
                                     replaced(arena, more, "policyName: " OBJECTS, "policyName: old"));
    assert_string_equal(verified(state, policy, stale), "K0706 K0706");
    // One more binding of a policy that refuses no more than the policy's own is none.
    assert_string_equal(verified(state, policy, arena_printf(arena, "%s%s", text, more)), "");
    const char *warns = replaced(arena, more, "[Deny]", "[Warn]");
    assert_string_equal(verified(state, policy, arena_printf(arena, "%s%s", text, warns)), "");
    const char *connect = document(arena, text, "ValidatingAdmissionPolicyBinding", "good-connect--pods");
    const char *wider = replaced(arena, replaced(arena, connect, "matchLabels: {a: b}", "matchLabels: {}"),
                                 "  name: good-", "  name: old-");
    assert_string_equal(verified(state, policy, arena_printf(arena, "%s%s", text, wider)), "K0706");
    // Somebody's own binding of our policy is nobody's leftover.
    const char *own = replaced(arena, wider, "klock.dev/policy", "their");
    assert_string_equal(verified(state, policy, arena_printf(arena, "%s%s", text, own)), "");
}

static void names_may_change_together(void **state) {
    struct arena *arena = arena_of(state);
    const char *text = rendered(state, policy);
    const char *whole = replaced(arena, replaced(arena, text, "name: good-", "name: p-good-"), "policyName: good-",
                                 "policyName: p-good-");
    whole = replaced(arena, whole, "name: \"good:", "name: \"p-good:");
    assert_string_equal(verified(state, policy, whole), "K0707");
    // kustomize before 5.4.3 leaves the policyName as it was.
    const char *half = replaced(arena, whole, "policyName: p-good-", "policyName: good-");
    const char *codes = verified(state, policy, half);
    assert_non_null(strstr(codes, "K0705"));
    assert_non_null(strstr(codes, "K0707"));
    // What has another name and means something else is not the same object.
    const char *softened = replaced(arena, whole, "[Deny]", "[Audit]");
    codes = verified(state, policy, softened);
    assert_non_null(strstr(codes, "K0701"));
    assert_non_null(strstr(codes, "K0706"));
}

static void roles_do_not_follow_new_names(void **state) {
    struct arena *arena = arena_of(state);
    const char *text = rendered(state, deployed);
    const char *renamed = replaced(arena, replaced(arena, text, "  name: good-", "  name: p-good-"),
                                   "policyName: good-", "policyName: p-good-");
    // The role says `resourceNames: [good-…]` still.
    const char *codes = verified(state, deployed, renamed);
    assert_non_null(strstr(codes, "K0705"));
    assert_non_null(strstr(codes, "K0707"));
}

static void what_stands_twice_must_be_the_same(void **state) {
    struct arena *arena = arena_of(state);
    const char *text = rendered(state, policy);
    assert_string_equal(verified(state, policy, arena_printf(arena, "%s%s", text, text)), "");
    const char *binding = document(arena, text, "ValidatingAdmissionPolicyBinding", OBJECTS);
    const char *softer = replaced(arena, binding, "[Deny]", "[Audit]");
    assert_string_equal(verified(state, policy, arena_printf(arena, "%s%s", text, softer)), "K0703 K0711");
    // What is applied last stays.
    assert_string_equal(verified(state, policy, arena_printf(arena, "%s%s", softer, text)), "K0711");
}

static void a_cluster_needs_its_anchors(void **state) {
    const char *text = rendered(state, policy);
    struct compilation *compilation = compile(state, policy);
    add(compilation, text);
    driver_verify(compilation, true);
    assert_string_equal(codes_of(compilation), "K0714 K0714");

    compilation = compile(state, policy);
    struct manifest anchors;
    struct text more;
    driver_anchors(compilation, &anchors);
    text_init(&more, compilation->arena);
    assert_true(manifest_print(&more, &anchors, "yaml"));
    add(compilation, text);
    add(compilation, text_string(&more));
    driver_verify(compilation, true);
    assert_string_equal(codes_of(compilation), "");

    // One that is not kept from those who prune.
    compilation = compile(state, policy);
    add(compilation, text);
    add(compilation, replaced(compilation->arena, text_string(&more), "Prune=false,Delete=false", "Prune=true"));
    driver_verify(compilation, true);
    assert_string_equal(codes_of(compilation), "K0710 K0710");
}

// ---- every change of every field ----

struct trial {
    struct arena *arena;
    const struct manifest *wanted, *changed;
    size_t count, unnoticed;
};

// What means the same where it is left out: defaults of API servers. The source is there for people.
static bool may_change(const char *path, bool is_removed) {
    static const char *const defaults[] = {".matchPolicy", ".namespaceSelector", ".objectSelector", ".failurePolicy",
                                           ".apiGroup"};
    if (strstr(path, "klock.dev/source")) return !is_removed;
    const char *last = strrchr(path, '.');
    for (size_t i = 0; i < sizeof defaults / sizeof *defaults; i++)
        if (is_removed && last && strcmp(last, defaults[i]) == 0) return true;
    return false;
}

static void try_change(struct trial *trial, const char *path, bool is_removed) {
    struct text text;
    text_init(&text, trial->arena);
    assert_true(manifest_print(&text, trial->changed, "yaml"));
    const struct source_input input = {"rendered.yaml", text_string(&text), text.len};
    struct diags diags;
    diags_init(&diags, trial->arena);
    struct sources sources = {.arena = trial->arena};
    const struct verification verification = {
        .arena = trial->arena, .diags = &diags, .sources = &sources, .minor = 30, .inputs = &input, .input_count = 1};
    verify(&verification, trial->wanted, NULL);
    trial->count++;
    if (diags.count || may_change(path, is_removed)) return;
    print_message("unnoticed: %s is %s\n", path, is_removed ? "removed" : "changed");
    trial->unnoticed++;
}

static void change_all(struct trial *trial, const char *path, struct value *value);

// One of the keys or items after the other is left out, and what it holds is changed.
static void change_children(struct trial *trial, const char *path, struct value *value) {
    const size_t count = value->count;
    for (size_t i = 0; i < count; i++) {
        const bool is_map = value->kind == VALUE_MAP;
        const char *below = is_map ? arena_printf(trial->arena, "%s.%s", path, value->as.entries[i].key)
                                   : arena_printf(trial->arena, "%s[%zu]", path, i);
        change_all(trial, below, is_map ? value->as.entries[i].value : value->as.items[i]);
        const struct value whole = *value;
        struct value *without = is_map ? value_map(trial->arena) : value_list(trial->arena);
        for (size_t j = 0; j < count; j++) {
            if (j == i) continue;
            if (is_map)
                value_set(trial->arena, without, whole.as.entries[j].key, whole.as.entries[j].value);
            else
                value_append(trial->arena, without, whole.as.items[j]);
        }
        *value = *without;
        try_change(trial, below, true);
        *value = whole;
    }
}

static void change_all(struct trial *trial, const char *path, struct value *value) {
    if (value->kind == VALUE_MAP || value->kind == VALUE_LIST) {
        change_children(trial, path, value);
        return;
    }
    if (value->kind == VALUE_BOOL) {
        value->as.boolean = !value->as.boolean;
        try_change(trial, path, false);
        value->as.boolean = !value->as.boolean;
        return;
    }
    assert_int_equal(value->kind, VALUE_STRING);
    const char *text = value->as.string;
    value->as.string = arena_printf(trial->arena, "%sx", text);
    try_change(trial, path, false);
    value->as.string = text;
}

static void no_change_of_a_field_goes_unnoticed(void **state) {
    static const char *const sources[] = {policy, tables, deployed};
    for (size_t s = 0; s < sizeof sources / sizeof *sources; s++) {
        const struct compilation *wanted = compile(state, sources[s]), *changed = compile(state, sources[s]);
        struct trial trial = {.arena = arena_of(state), .wanted = &wanted->manifest, .changed = &changed->manifest};
        for (size_t i = 0; i < changed->manifest.count; i++) {
            const struct manifest_object *object = &changed->manifest.objects[i];
            change_all(&trial, arena_printf(trial.arena, "%s %s", manifest_kind_name(object->kind), object->name),
                       object->value);
        }
        print_message("%zu changes\n", trial.count);
        assert_true(trial.count > 90);
        assert_int_equal(trial.unnoticed, 0);
    }
}

// Of a cluster nobody has the text: a finding points at the policy.
static void findings_in_a_cluster_are_at_the_policy(void **state) {
    struct compilation *compilation = compile(state, policy);
    const size_t sources = compilation->sources.count;
    const char *text = output_text(state, compilation);
    add(compilation, replaced(compilation->arena, text, "validationActions: [Deny]", "validationActions: [Warn]"));
    driver_verify(compilation, true);
    assert_int_equal(compilation->sources.count, sources);
    size_t softened = 0;
    for (size_t i = 0; i < compilation->diags.count; i++) {
        if (compilation->diags.items[i].code != DIAG_SOFTENED) continue;
        assert_int_equal(compilation->diags.items[i].span.file, 0);
        softened++;
    }
    assert_true(softened > 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        SENTENCE(what_is_compiled_is_verified),
        SENTENCE(what_others_add_is_no_finding),
        SENTENCE(every_change_of_an_object_is_found),
        SENTENCE(what_makes_a_tenant_is_found),
        SENTENCE(every_expression_counts),
        SENTENCE(every_missing_object_is_found),
        SENTENCE(a_stream_without_objects_names_what_is_missing),
        SENTENCE(what_is_no_stream_of_objects_is_an_error),
        SENTENCE(of_what_is_not_read_nothing_is_said),
        SENTENCE(objects_of_others_are_ignored),
        SENTENCE(lists_are_taken_apart),
        SENTENCE(leftovers_are_found),
        SENTENCE(names_may_change_together),
        SENTENCE(roles_do_not_follow_new_names),
        SENTENCE(what_stands_twice_must_be_the_same),
        SENTENCE(a_cluster_needs_its_anchors),
        SENTENCE(no_change_of_a_field_goes_unnoticed),
        SENTENCE(findings_in_a_cluster_are_at_the_policy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
