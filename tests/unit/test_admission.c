// Emitted objects judged as an API server would: what they match, how they are bound, what comes of errors.
#include "support.h"

#include <string.h>

#include "admission/admission.h"
#include "base/text.h"
#include "data/value.h"
#include "data/yamlio.h"
#include "decide/cases.h"

static const struct value *read_yaml(struct fixture *fixture, const char *text) {
    const char *error = NULL;
    const struct value *value = yaml_read(&fixture->arena, text, strlen(text), &error);
    if (!value) print_message("%s\n%s\n", error, text);
    assert_non_null(value);
    return value;
}

static const struct value *object(struct fixture *fixture, const char *kind, const char *name, const char *spec) {
    return read_yaml(fixture, arena_printf(&fixture->arena,
                                           "{apiVersion: admissionregistration.k8s.io/v1, kind: %s, metadata: {name: "
                                           "%s}, spec: %s}",
                                           kind, name, spec));
}

static const struct value *policy(struct fixture *fixture, const char *name, const char *spec) {
    return object(fixture, "ValidatingAdmissionPolicy", name, spec);
}

static const struct value *binding(struct fixture *fixture, const char *name, const char *spec) {
    return object(fixture, "ValidatingAdmissionPolicyBinding", name, spec);
}

#define ALL_PODS "{apiGroups: [''], apiVersions: ['*'], operations: ['*'], resources: ['pods']}"
#define DENIES "{policyName: p, validationActions: [Deny]}"
#define REFUSING "validations: [{expression: 'false', message: no}]"

static const struct admission *read_all(struct fixture *fixture, const struct value *const *objects, size_t count) {
    const char *error = NULL;
    const struct admission *admission = admission_read(&fixture->arena, objects, count, 30, &error);
    if (!admission) print_message("%s\n", error);
    assert_non_null(admission);
    return admission;
}

static void override(struct fixture *fixture, struct value *map, const struct value *with) {
    for (size_t i = 0; with && i < with->count; i++) {
        struct value *present = value_get(map, with->as.entries[i].key);
        if (present && present->kind == VALUE_MAP && strcmp(with->as.entries[i].key, "user") == 0)
            override(fixture, present, with->as.entries[i].value);
        else
            value_set(&fixture->arena, map, with->as.entries[i].key, with->as.entries[i].value);
    }
}

// What a row does not say of its request.
static const struct value *completed(struct fixture *fixture, const char *request) {
    struct value *whole =
        value_copy(&fixture->arena,
                   read_yaml(fixture, "{subresource: '', namespace: '', name: '', user: {username: mary, uid: '', "
                                      "groups: [], extra: {}}, grants: [], object: null, oldObject: null, "
                                      "namespaceObject: null, deleteCollection: false}"));
    override(fixture, whole, read_yaml(fixture, request));
    return whole;
}

static struct admission_answer ask(struct fixture *fixture, const struct admission *admission, const char *request) {
    struct request read;
    struct admission_answer answer;
    const char *error = NULL;
    const bool is_request = cases_read_request(&fixture->arena, completed(fixture, request), &read, &error);
    if (!is_request) print_message("%s\n", error);
    assert_true(is_request);
    admission_review(&fixture->arena, admission, &(struct admission_question){.request = &read}, &answer);
    return answer;
}

// The answer of one policy with one binding.
static struct admission_answer ask_one(struct fixture *fixture, const char *policy_spec, const char *binding_spec,
                                       const char *request) {
    const struct value *objects[] = {policy(fixture, "p", policy_spec), binding(fixture, "b", binding_spec)};
    return ask(fixture, read_all(fixture, objects, 2), request);
}

#define POD(operation) POD_WITH(operation, "")
#define POD_WITH(operation, more)                                                                                      \
    "{operation: " operation ", group: '', version: v1, resource: pods, kind: Pod, scope: Namespaced, namespace: a, "  \
    "name: x, user: {username: mary}" more "}"
#define DEPLOYMENT(version)                                                                                            \
    "{operation: UPDATE, group: apps, version: " version ", resource: deployments, kind: Deployment, scope: "          \
    "Namespaced, namespace: a, name: x, object: {spec: {}}, oldObject: {spec: {}}}"
#define NODE "{operation: DELETE, group: '', version: v1, resource: nodes, kind: Node, scope: Cluster, name: x}"
#define NAMESPACE(operation, old, new)                                                                                 \
    "{operation: " operation ", group: '', version: v1, resource: namespaces, kind: Namespace, scope: Cluster, name: " \
    "a, oldObject: {metadata: {labels: {env: " old "}}}, object: {metadata: {labels: {env: " new "}}}}"

static const struct {
    const char *constraints, *request;
    bool matches;
} rows[] = {
    // Groups, resources, subresources.
    {"resourceRules: [" ALL_PODS "]", POD("CREATE"), true},
    {"resourceRules: [" ALL_PODS "]", NODE, false},
    {"resourceRules: [" ALL_PODS "]", POD_WITH("CREATE", ", subresource: eviction"), false},
    {"resourceRules: [{apiGroups: [''], apiVersions: [v1], operations: [CREATE], resources: [pods/eviction]}]",
     POD_WITH("CREATE", ", subresource: eviction"), true},
    {"resourceRules: [{apiGroups: [''], apiVersions: [v1], operations: [CREATE], resources: [pods/eviction]}]",
     POD("CREATE"), false},
    {"resourceRules: [{apiGroups: [''], apiVersions: [v1], operations: [CREATE], resources: ['pods/*']}]",
     POD_WITH("CREATE", ", subresource: eviction"), true},
    {"resourceRules: [{apiGroups: [''], apiVersions: [v1], operations: [CREATE], resources: ['pods/*']}]",
     POD("CREATE"), true},
    {"resourceRules: [{apiGroups: ['*'], apiVersions: ['*'], operations: [CREATE], resources: ['*']}]", POD("CREATE"),
     true},
    {"resourceRules: [{apiGroups: ['*'], apiVersions: ['*'], operations: [CREATE], resources: ['*']}]",
     POD_WITH("CREATE", ", subresource: eviction"), false},
    {"resourceRules: [{apiGroups: ['*'], apiVersions: ['*'], operations: [CREATE], resources: ['*/eviction']}]",
     POD_WITH("CREATE", ", subresource: eviction"), true},
    {"resourceRules: [{apiGroups: ['*'], apiVersions: ['*'], operations: [CREATE], resources: [pod, podsecurity]}]",
     POD("CREATE"), false},
    {"resourceRules: [{apiGroups: [apps], apiVersions: ['*'], operations: ['*'], resources: ['*']}]", POD("CREATE"),
     false},
    // Operations.
    {"resourceRules: [{apiGroups: [''], apiVersions: [v1], operations: [UPDATE, DELETE], resources: [pods]}]",
     POD("DELETE"), true},
    {"resourceRules: [{apiGroups: [''], apiVersions: [v1], operations: [UPDATE, DELETE], resources: [pods]}]",
     POD("CREATE"), false},
    // Scope.
    {"resourceRules: [{apiGroups: [''], apiVersions: [v1], operations: ['*'], resources: ['*'], scope: Cluster}]", NODE,
     true},
    {"resourceRules: [{apiGroups: [''], apiVersions: [v1], operations: ['*'], resources: ['*'], scope: Namespaced}]",
     NODE, false},
    {"resourceRules: [{apiGroups: [''], apiVersions: [v1], operations: ['*'], resources: ['*'], scope: Cluster}]",
     POD("CREATE"), false},
    {"resourceRules: [{apiGroups: [''], apiVersions: [v1], operations: ['*'], resources: ['*'], scope: Cluster}]",
     NAMESPACE("DELETE", "a", "a"), true},
    {"resourceRules: [{apiGroups: [''], apiVersions: [v1], operations: ['*'], resources: ['*'], scope: Namespaced}]",
     NAMESPACE("DELETE", "a", "a"), false},
    // Names, and what a delete of a collection lacks.
    {"resourceRules: [{apiGroups: [''], apiVersions: [v1], operations: ['*'], resources: [pods], resourceNames: [x]}]",
     POD("DELETE"), true},
    {"resourceRules: [{apiGroups: [''], apiVersions: [v1], operations: ['*'], resources: [pods], resourceNames: [y]}]",
     POD("DELETE"), false},
    {"resourceRules: [{apiGroups: [''], apiVersions: [v1], operations: ['*'], resources: [pods], resourceNames: [x]}]",
     POD_WITH("DELETE", ", deleteCollection: true"), false},
    // What is excluded.
    {"resourceRules: [" ALL_PODS "], excludeResourceRules: [" ALL_PODS "]", POD("CREATE"), false},
    {"resourceRules: [" ALL_PODS "], excludeResourceRules: [{apiGroups: [''], apiVersions: [v1], operations: "
     "[UPDATE], resources: [pods]}]",
     POD("CREATE"), true},
    // Versions: cron jobs are served in v1, deployments as well; v1beta9 is served nowhere.
    {"resourceRules: [{apiGroups: [autoscaling], apiVersions: [v1], operations: ['*'], resources: "
     "[horizontalpodautoscalers]}]",
     "{operation: DELETE, group: autoscaling, version: v2, resource: horizontalpodautoscalers, kind: "
     "HorizontalPodAutoscaler, scope: Namespaced, namespace: a, name: x}",
     true},
    {"matchPolicy: Exact, resourceRules: [{apiGroups: [autoscaling], apiVersions: [v1], operations: ['*'], resources: "
     "[horizontalpodautoscalers]}]",
     "{operation: DELETE, group: autoscaling, version: v2, resource: horizontalpodautoscalers, kind: "
     "HorizontalPodAutoscaler, scope: Namespaced, namespace: a, name: x}",
     false},
    {"resourceRules: [{apiGroups: [apps], apiVersions: [v1beta9], operations: ['*'], resources: [deployments]}]",
     DEPLOYMENT("v1"), false},
    {"resourceRules: [{apiGroups: [example.com], apiVersions: [v1], operations: ['*'], resources: [things]}]",
     "{operation: DELETE, group: example.com, version: v2, resource: things, kind: Thing, scope: Namespaced, "
     "namespace: a, name: x}",
     true},
    // Selectors of objects: the new or the old one.
    {"resourceRules: [" ALL_PODS "], objectSelector: {matchLabels: {env: red}}",
     POD_WITH("CREATE", ", object: {metadata: {labels: {env: red}}}"), true},
    {"resourceRules: [" ALL_PODS "], objectSelector: {matchLabels: {env: red}}",
     POD_WITH("CREATE", ", object: {metadata: {labels: {env: blue}}}"), false},
    {"resourceRules: [" ALL_PODS "], objectSelector: {matchLabels: {env: red}}",
     POD_WITH("UPDATE", ", object: {}, oldObject: {metadata: {labels: {env: red}}}"), true},
    {"resourceRules: [" ALL_PODS "], objectSelector: {matchExpressions: [{key: env, operator: Exists}]}", POD("CREATE"),
     false},
    {"resourceRules: [" ALL_PODS "], objectSelector: {matchExpressions: [{key: env, operator: DoesNotExist}]}",
     POD("CREATE"), true},
    {"resourceRules: [" ALL_PODS "], objectSelector: {matchExpressions: [{key: env, operator: NotIn, values: [red]}]}",
     POD("CREATE"), true},
    {"resourceRules: [" ALL_PODS "], objectSelector: {matchExpressions: [{key: env, operator: In, values: [a, red]}]}",
     POD_WITH("CREATE", ", object: {metadata: {labels: {env: red}}}"), true},
    // Selectors of namespaces: outside of them everything is selected.
    {"resourceRules: [" ALL_PODS "], namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: a}}", POD("CREATE"),
     true},
    {"resourceRules: [" ALL_PODS "], namespaceSelector: {matchLabels: {env: red}}",
     POD_WITH("CREATE", ", namespaceObject: {metadata: {labels: {env: red}}}"), true},
    {"resourceRules: [" ALL_PODS "], namespaceSelector: {matchLabels: {env: red}}", POD("CREATE"), false},
    {"resourceRules: [{apiGroups: [''], apiVersions: [v1], operations: ['*'], resources: [nodes]}], "
     "namespaceSelector: {matchLabels: {env: red}}",
     NODE, true},
    // Of a Namespace, the labels that are written count, and for a delete those that are stored.
    {"resourceRules: [{apiGroups: [''], apiVersions: [v1], operations: ['*'], resources: [namespaces]}], "
     "namespaceSelector: {matchLabels: {env: red}}",
     NAMESPACE("UPDATE", "blue", "red"), true},
    {"resourceRules: [{apiGroups: [''], apiVersions: [v1], operations: ['*'], resources: [namespaces]}], "
     "namespaceSelector: {matchLabels: {env: red}}",
     NAMESPACE("UPDATE", "red", "blue"), false},
    {"resourceRules: [{apiGroups: [''], apiVersions: [v1], operations: ['*'], resources: [namespaces]}], "
     "namespaceSelector: {matchLabels: {env: red}}",
     NAMESPACE("DELETE", "red", "blue"), true},
    // Reviews reach no policy at all, and policies none but those in files.
    {"resourceRules: [{apiGroups: ['*'], apiVersions: ['*'], operations: ['*'], resources: ['*']}]",
     "{operation: CREATE, group: authorization.k8s.io, version: v1, resource: subjectaccessreviews, kind: "
     "SubjectAccessReview, scope: Cluster}",
     false},
    {"resourceRules: [{apiGroups: ['*'], apiVersions: ['*'], operations: ['*'], resources: ['*']}]",
     "{operation: DELETE, group: admissionregistration.k8s.io, version: v1, resource: validatingadmissionpolicies, "
     "kind: ValidatingAdmissionPolicy, scope: Cluster, name: x}",
     false},
};

static void rules_and_selectors_match(void **state) {
    struct fixture *fixture = *state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *spec = arena_printf(&fixture->arena, "{matchConstraints: {%s}, " REFUSING "}", rows[i].constraints);
        const struct admission_answer answer = ask_one(fixture, spec, DENIES, rows[i].request);
        if ((answer.verdict == VERDICT_DENIED) != rows[i].matches)
            print_message("%s\n%s\n", rows[i].constraints, rows[i].request);
        assert_int_equal(answer.verdict == VERDICT_DENIED, rows[i].matches);
    }
}

#define CONSTRAINTS "matchConstraints: {resourceRules: [" ALL_PODS "]}"

static void expressions_see_the_version_that_matches(void **state) {
    struct fixture *fixture = *state;
    const struct admission_answer answer = ask_one(
        fixture,
        "{matchConstraints: {resourceRules: [{apiGroups: [autoscaling], apiVersions: [v1], operations: ['*'], "
        "resources: [horizontalpodautoscalers]}]}, validations: [{expression: \"!(request.kind.version == 'v1' && "
        "request.requestKind.version == 'v2' && oldObject.apiVersion == 'autoscaling/v1')\"}]}",
        DENIES,
        "{operation: DELETE, group: autoscaling, version: v2, resource: horizontalpodautoscalers, kind: "
        "HorizontalPodAutoscaler, scope: Namespaced, namespace: a, name: x}");
    assert_int_equal(answer.verdict, VERDICT_DENIED);
}

static void actions_say_what_comes_of_a_refusal(void **state) {
    struct fixture *fixture = *state;
    const char *spec = "{" CONSTRAINTS ", " REFUSING "}";
    struct admission_answer answer =
        ask_one(fixture, spec, "{policyName: p, validationActions: [Warn]}", POD("CREATE"));
    assert_int_equal(answer.verdict, VERDICT_WARNED);
    assert_string_equal(answer.warnings[0].message, "no");
    answer = ask_one(fixture, spec, "{policyName: p, validationActions: [Audit]}", POD("CREATE"));
    assert_int_equal(answer.verdict, VERDICT_ALLOWED);
    assert_int_equal(answer.audited_count, 1);
    answer = ask_one(fixture, spec, "{policyName: p, validationActions: [Deny, Audit]}", POD("CREATE"));
    assert_int_equal(answer.verdict, VERDICT_DENIED);
    assert_string_equal(answer.refusals[0].policy, "p");
    assert_string_equal(answer.refusals[0].binding, "b");
    assert_int_equal(answer.audited_count, 1);
    const char *elsewhere = "{policyName: p, validationActions: [Deny], matchResources: {namespaceSelector: "
                            "{matchLabels: {env: red}}}}";
    assert_int_equal(ask_one(fixture, spec, elsewhere, POD("CREATE")).verdict, VERDICT_ALLOWED);
}

static void errors_count_as_the_failure_policy_says(void **state) {
    struct fixture *fixture = *state;
    const char *failing = "{" CONSTRAINTS ", validations: [{expression: 'object.x == 1'}]}";
    struct admission_answer answer = ask_one(fixture, failing, DENIES, POD("CREATE"));
    assert_int_equal(answer.verdict, VERDICT_DENIED);
    assert_true(answer.refusals[0].failed);
    assert_string_equal(answer.refusals[0].message, "expression 'object.x == 1' resulted in error: no such key: x");
    const char *open = "{failurePolicy: Ignore, " CONSTRAINTS ", validations: [{expression: 'object.x == 1'}]}";
    answer = ask_one(fixture, open, DENIES, POD("CREATE"));
    assert_int_equal(answer.verdict, VERDICT_ALLOWED);
    assert_int_equal(answer.error_count, 1);
    // Of an audit annotation, an error refuses even where nothing else would.
    const char *annotated = "{" CONSTRAINTS ", auditAnnotations: [{key: k, valueExpression: 'string(object.x)'}]}";
    answer = ask_one(fixture, annotated, "{policyName: p, validationActions: [Audit]}", POD("CREATE"));
    assert_int_equal(answer.verdict, VERDICT_DENIED);
}

static void one_false_condition_is_enough(void **state) {
    struct fixture *fixture = *state;
    static const struct {
        const char *conditions, *failure_policy;
        enum verdict verdict;
    } cases[] = {
        {"{name: a, expression: 'true'}", "Fail", VERDICT_DENIED},
        {"{name: a, expression: 'false'}", "Fail", VERDICT_ALLOWED},
        {"{name: a, expression: 'object.x == 1'}", "Fail", VERDICT_DENIED},
        {"{name: a, expression: 'object.x == 1'}", "Ignore", VERDICT_ALLOWED},
        {"{name: a, expression: 'object.x == 1'}, {name: b, expression: 'false'}", "Fail", VERDICT_ALLOWED},
        // Conditions do not see the namespace.
        {"{name: a, expression: 'namespaceObject != null'}", "Fail", VERDICT_ALLOWED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *spec =
            arena_printf(&fixture->arena, "{failurePolicy: %s, " CONSTRAINTS ", matchConditions: [%s], " REFUSING "}",
                         cases[i].failure_policy, cases[i].conditions);
        assert_int_equal(ask_one(fixture, spec, DENIES, POD("CREATE")).verdict, cases[i].verdict);
    }
}

// ---- limits of cost ----

#define CHECK "authorizer.path(''/x'').check(''get'').allowed()" // 350 000 units
#define OUT_OF_BUDGET "validation failed due to running out of cost budget, no further validation rules will be run"

// As many lines of a list, each of the text.
static const char *repeated(struct fixture *fixture, size_t times, const char *text) {
    struct text all;
    text_init(&all, &fixture->arena);
    for (size_t i = 0; i < times; i++) text_printf(&all, "%s%s", i ? ", " : "", text);
    return text_string(&all);
}

// A text that takes some 385 000 units to come to.
static const char *dear_text(struct fixture *fixture) {
    const char *items = repeated(fixture, 50, "1");
    return arena_printf(&fixture->arena,
                        "[%s].all(a, [%s].all(b, [%s].all(c, true))) ? request.userInfo.username : request.name", items,
                        items, items);
}

static struct admission_answer ask_open_and_closed(struct fixture *fixture, const char *spec, bool refuses) {
    const char *open = arena_printf(&fixture->arena, "{failurePolicy: Ignore, " CONSTRAINTS ", %s}", spec);
    assert_int_equal(ask_one(fixture, open, DENIES, POD("CREATE")).verdict, VERDICT_ALLOWED);
    const char *closed = arena_printf(&fixture->arena, "{failurePolicy: Fail, " CONSTRAINTS ", %s}", spec);
    const struct admission_answer answer = ask_one(fixture, closed, DENIES, POD("CREATE"));
    assert_int_equal(answer.verdict, refuses ? VERDICT_DENIED : VERDICT_ALLOWED);
    return answer;
}

static void an_expression_has_a_limit(void **state) {
    struct fixture *fixture = *state;
    struct admission_answer answer =
        ask_open_and_closed(fixture, "validations: [{expression: '[1, 2].all(x, !" CHECK ")'}]", false);
    assert_int_equal(answer.cost.expression, 2 * (350000 + 7) + 1);
    answer = ask_open_and_closed(fixture, "validations: [{expression: '[1, 2, 3].all(x, !" CHECK ") || true'}]", true);
    assert_non_null(strstr(answer.refusals[0].message, "operation cancelled: actual cost limit exceeded"));
    // A variable has a limit of its own, and fails as others do.
    ask_open_and_closed(fixture,
                        "variables: [{name: v, expression: '[1, 2, 3].all(x, !" CHECK
                        ")'}], validations: [{expression: 'variables.v || true'}]",
                        false);
}

static void validations_have_a_budget(void **state) {
    struct fixture *fixture = *state;
    const char *one = "{expression: '!" CHECK "'}";
    const char *within = arena_printf(&fixture->arena, "validations: [%s]", repeated(fixture, 28, one));
    const char *beyond = arena_printf(&fixture->arena, "validations: [%s]", repeated(fixture, 29, one));
    ask_open_and_closed(fixture, within, false);
    const struct admission_answer answer = ask_open_and_closed(fixture, beyond, true);
    assert_int_equal(answer.refusal_count, 1);
    assert_string_equal(answer.refusals[0].message, OUT_OF_BUDGET);
    // What is a variable costs once.
    const char *shared =
        arena_printf(&fixture->arena, "variables: [{name: v, expression: '!" CHECK "'}], validations: [%s]",
                     repeated(fixture, 40, "{expression: variables.v}"));
    assert_int_equal(ask_open_and_closed(fixture, shared, false).cost.validations, 350000 + 4 + 40 * 2);
}

static void messages_have_what_is_left(void **state) {
    struct fixture *fixture = *state;
    const char *checks = repeated(fixture, 28, "{expression: '!" CHECK "'}"), *dear = dear_text(fixture);
    const char *held =
        arena_printf(&fixture->arena, "validations: [{expression: 'true', messageExpression: '%s'}]", dear);
    assert_true(ask_open_and_closed(fixture, held, false).cost.validations > 380000);
    const char *spent =
        arena_printf(&fixture->arena, "validations: [%s, {expression: 'true', messageExpression: '%s'}]", checks, dear);
    const struct admission_answer answer = ask_open_and_closed(fixture, spent, true);
    assert_int_equal(answer.refusal_count, 29);
    assert_string_equal(answer.refusals[28].message, "failed messageExpression: " OUT_OF_BUDGET);
}

static void conditions_have_a_budget(void **state) {
    struct fixture *fixture = *state;
    static const struct {
        size_t count;
        const char *last;
        bool refuses;
    } cases[] = {{7, "true", true}, {7, "false", false}, {8, "true", true}, {8, "false", true}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct text conditions;
        text_init(&conditions, &fixture->arena);
        for (size_t j = 0; j < cases[i].count; j++)
            text_printf(&conditions, "{name: c%zu, expression: '!" CHECK "'}, ", j);
        const char *spec = arena_printf(&fixture->arena,
                                        "matchConditions: [%s{name: last, expression: '%s'}], "
                                        "validations: [{expression: 'object.x == 1'}]",
                                        text_string(&conditions), cases[i].last);
        const struct admission_answer answer = ask_open_and_closed(fixture, spec, cases[i].refuses);
        if (cases[i].count == 8) assert_string_equal(answer.refusals[0].message, OUT_OF_BUDGET);
        if (cases[i].count == 7) assert_int_equal(answer.cost.conditions, 7 * (350000 + 4));
    }
}

static void annotations_have_a_budget(void **state) {
    struct fixture *fixture = *state;
    for (size_t count = 20; count <= 30; count += 10) {
        struct text annotations;
        text_init(&annotations, &fixture->arena);
        for (size_t i = 0; i < count; i++)
            text_printf(&annotations, "%s{key: k%zu, valueExpression: '%s'}", i ? ", " : "", i, dear_text(fixture));
        const char *spec = arena_printf(&fixture->arena, "auditAnnotations: [%s]", text_string(&annotations));
        const struct admission_answer answer = ask_open_and_closed(fixture, spec, count == 30);
        assert_int_equal(answer.annotation_count, count == 30 ? 0 : count);
        if (count == 30) assert_string_equal(answer.refusals[0].message, OUT_OF_BUDGET);
    }
}

static void messages_fall_back(void **state) {
    struct fixture *fixture = *state;
    static const struct {
        const char *validation, *message;
    } cases[] = {
        {"{expression: ' false '}", "failed expression: false"},
        {"{expression: 'false', message: ' no '}", "no"},
        {"{expression: 'false', message: no, messageExpression: \"' by ' + request.userInfo.username + ' '\"}",
         "by mary"},
        {"{expression: 'false', message: no, messageExpression: 'string(object.x)'}", "no"},
        {"{expression: 'false', message: no, messageExpression: \"' '\"}", "no"},
        {"{expression: 'false', message: no, messageExpression: \"'a\\\\nb'\"}", "no"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *spec = arena_printf(&fixture->arena, "{" CONSTRAINTS ", validations: [%s]}", cases[i].validation);
        const struct admission_answer answer = ask_one(fixture, spec, DENIES, POD("CREATE"));
        assert_int_equal(answer.refusal_count, 1);
        assert_string_equal(answer.refusals[0].message, cases[i].message);
    }
}

static void annotations_are_recorded(void **state) {
    struct fixture *fixture = *state;
    const char *spec = "{" CONSTRAINTS ", auditAnnotations: [{key: who, valueExpression: "
                       "'request.userInfo.username'}, {key: none, valueExpression: 'null'}]}";
    const struct admission_answer answer = ask_one(fixture, spec, DENIES, POD("CREATE"));
    assert_int_equal(answer.verdict, VERDICT_ALLOWED);
    assert_int_equal(answer.annotation_count, 1);
    assert_string_equal(answer.annotations[0].key, "p/who");
    assert_string_equal(answer.annotations[0].value, "mary");
}

#define PARAM_REF(reference) "{policyName: p, validationActions: [Deny], paramRef: {" reference "}}"
#define EVICTION(more) POD_WITH("CREATE", ", subresource: eviction" more)

static void parameters_are_looked_up(void **state) {
    struct fixture *fixture = *state;
    static const struct {
        const char *reference, *stored;
        enum verdict verdict;
    } cases[] = {
        {"selector: {}, parameterNotFoundAction: Allow", "{}", VERDICT_DENIED},
        {"selector: {}, parameterNotFoundAction: Allow", "null", VERDICT_ALLOWED},
        {"selector: {}, parameterNotFoundAction: Deny", "null", VERDICT_DENIED},
        {"selector: {matchLabels: {env: red}}, parameterNotFoundAction: Allow", "{}", VERDICT_ALLOWED},
        {"selector: {matchLabels: {env: red}}, parameterNotFoundAction: Allow", "{metadata: {labels: {env: red}}}",
         VERDICT_DENIED},
        {"name: x, parameterNotFoundAction: Allow", "{}", VERDICT_DENIED},
        {"name: y, parameterNotFoundAction: Allow", "{}", VERDICT_ALLOWED},
        {"name: x, namespace: other, parameterNotFoundAction: Allow", "{}", VERDICT_ALLOWED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *bound = arena_printf(&fixture->arena, PARAM_REF("%s"), cases[i].reference);
        const char *spec = "{matchConstraints: {resourceRules: [{apiGroups: [''], apiVersions: [v1], operations: "
                           "[CREATE], resources: [pods/eviction]}]}, paramKind: {apiVersion: v1, kind: Pod}, "
                           "validations: [{expression: 'params.metadata.name != request.name', message: no}]}";
        const char *request = arena_printf(&fixture->arena, EVICTION(", oldObject: %s"), cases[i].stored);
        assert_int_equal(ask_one(fixture, spec, bound, request).verdict, cases[i].verdict);
    }
}

static void the_authorizer_is_asked_of_locks(void **state) {
    struct fixture *fixture = *state;
    const char *spec =
        "{" CONSTRAINTS ", variables: [{name: may, expression: \"authorizer.group('klock.dev').resource('locks')"
        ".namespace('').name('red').check('unlock').allowed()\"}], validations: [{expression: variables.may, message: "
        "no}]}";
    const struct value *objects[] = {
        policy(fixture, "p", spec), binding(fixture, "b", DENIES),
        read_yaml(fixture, "{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: r}, rules: "
                           "[{apiGroups: [klock.dev], resources: [locks], resourceNames: [blue], verbs: [unlock]}]}")};
    const char *granted = POD_WITH("CREATE", ", grants: [unlock]");
    assert_int_equal(ask(fixture, read_all(fixture, objects, 2), granted).verdict, VERDICT_ALLOWED);
    assert_int_equal(ask(fixture, read_all(fixture, objects, 2), POD("CREATE")).verdict, VERDICT_DENIED);
    // Where there are roles, they must be of this lock.
    assert_int_equal(ask(fixture, read_all(fixture, objects, 3), granted).verdict, VERDICT_DENIED);
    const char *master = "{operation: CREATE, group: '', version: v1, resource: pods, kind: Pod, scope: Namespaced, "
                         "namespace: a, name: x, user: {username: root, groups: ['system:masters']}}";
    assert_int_equal(ask(fixture, read_all(fixture, objects, 3), master).verdict, VERDICT_ALLOWED);
}

static void scale_has_neither_labels_nor_zero(void **state) {
    struct fixture *fixture = *state;
    const char *spec =
        "{matchConstraints: {resourceRules: [{apiGroups: [apps], apiVersions: [v1], operations: [UPDATE], "
        "resources: [deployments/scale]}]}, validations: [{expression: \"!(object.kind == 'Scale' && "
        "!has(object.metadata.labels) && !has(object.spec.replicas) && oldObject.spec.replicas == 3)\"}]}";
    const char *request = "{operation: UPDATE, group: apps, version: v1, resource: deployments, kind: Deployment, "
                          "subresource: scale, scope: Namespaced, namespace: a, name: x, object: {metadata: {labels: "
                          "{a: b}}, spec: {replicas: 0}}, oldObject: {spec: {replicas: 3}}}";
    assert_int_equal(ask_one(fixture, spec, DENIES, request).verdict, VERDICT_DENIED);
}

static void what_a_server_refuses_is_refused(void **state) {
    struct fixture *fixture = *state;
    static const struct {
        const char *policy, *binding, *says;
    } cases[] = {
        {"{" CONSTRAINTS ", " REFUSING ", failurepolicy: Fail}", DENIES, "no field 'failurepolicy'"},
        {"{" CONSTRAINTS ", validations: [{expression: '1 + 1'}]}", DENIES, "must be a bool"},
        {"{" CONSTRAINTS ", validations: [{expression: 'variables.x'}]}", DENIES, "variables"},
        {"{matchConstraints: {}, " REFUSING "}", DENIES, "resourceRules"},
        {"{" CONSTRAINTS ", " REFUSING "}", "{policyName: q, validationActions: [Deny]}", "no policy 'q'"},
        {"{" CONSTRAINTS ", " REFUSING "}", "{policyName: p, validationActions: [Deny, Warn]}", "exclude each other"},
        {"{" CONSTRAINTS ", " REFUSING "}", "{policyName: p, validationActions: [deny]}", "not one of"},
        {"{" CONSTRAINTS ", " REFUSING "}", PARAM_REF("selector: {}, parameterNotFoundAction: Allow"), "no parameters"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct value *objects[] = {policy(fixture, "p", cases[i].policy),
                                         binding(fixture, "b", cases[i].binding)};
        const char *error = NULL;
        assert_null(admission_read(&fixture->arena, objects, 2, 30, &error));
        if (!strstr(error, cases[i].says)) print_message("%s\n", error);
        assert_non_null(strstr(error, cases[i].says));
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, support_setup, support_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(rules_and_selectors_match),
        TEST(expressions_see_the_version_that_matches),
        TEST(actions_say_what_comes_of_a_refusal),
        TEST(errors_count_as_the_failure_policy_says),
        TEST(one_false_condition_is_enough),
        TEST(an_expression_has_a_limit),
        TEST(validations_have_a_budget),
        TEST(messages_have_what_is_left),
        TEST(conditions_have_a_budget),
        TEST(annotations_have_a_budget),
        TEST(messages_fall_back),
        TEST(annotations_are_recorded),
        TEST(parameters_are_looked_up),
        TEST(the_authorizer_is_asked_of_locks),
        TEST(scale_has_neither_labels_nor_zero),
        TEST(what_a_server_refuses_is_refused),
    };
    return cmocka_run_group_tests_name("admission", tests, NULL, NULL);
}
