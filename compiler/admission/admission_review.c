// The answer to a request: what every policy that matches it decides, through each of its bindings and parameters.
#include <string.h>

#include "admission/admission_internal.h"
#include "base/arena.h"
#include "base/limits.h"
#include "base/text.h"

struct review {
    struct arena *arena;
    const struct admission *admission;
    struct admission_attributes attributes;
    struct cel_authorizer authorizer;
    struct admission_answer *answer;
};

// A policy that matches, with one of its bindings and parameters.
struct invocation {
    const struct admission_policy *policy;
    const struct admission_binding *binding;
    const struct value *object, *old_object, *request, *params; // in the version that the policy's rules name
};

// ---- requests that reach no policy ----

static bool is_never_admitted(const struct request *request) {
    return strcmp(request->group, "authentication.k8s.io") == 0 || strcmp(request->group, "authorization.k8s.io") == 0;
}

// Policies are kept from locking themselves out; those that are files of the API server see even these.
static bool is_kept_from(const struct request *request, const char *policy) {
    static const char suffix[] = ".static.k8s.io";
    const size_t len = strlen(policy), suffix_len = sizeof suffix - 1;
    if (strcmp(request->group, "admissionregistration.k8s.io") != 0) return false;
    if (!text_has_word("validatingadmissionpolicies validatingadmissionpolicybindings mutatingadmissionpolicies "
                       "mutatingadmissionpolicybindings",
                       request->resource))
        return false;
    return len < suffix_len || strcmp(policy + len - suffix_len, suffix) != 0;
}

// ---- the authorizer ----

static bool is_granted(const struct admission *admission, const struct cel_access_review *asked) {
    if (!admission->has_roles) return true;
    for (size_t i = 0; i < admission->grant_count; i++)
        if (strcmp(admission->grants[i].verb, asked->verb) == 0 && asked->name &&
            strcmp(admission->grants[i].name, asked->name) == 0)
            return true;
    return false;
}

// As a server with RBAC answers that gives the requester what the request grants, through the roles of the manifest
// where it has any.
static bool authorizes(void *context, const struct cel_access_review *asked) {
    const struct review *review = context;
    const struct request *request = review->attributes.request;
    if (asked->account) return admission_account_may(review->arena, review->admission, asked);
    for (size_t i = 0; i < request->group_count; i++)
        if (strcmp(request->groups[i], "system:masters") == 0) return true;
    if (!asked->resource || strcmp(asked->resource, "locks") != 0 || strcmp(asked->group, "klock.dev") != 0)
        return false;
    for (size_t i = 0; i < request->grant_count; i++)
        if (strcmp(request->grants[i], asked->verb) == 0) return is_granted(review->admission, asked);
    return false;
}

// ---- the answer ----

static void add_error(struct review *review, const char *error) {
    ARENA_PUSH(review->arena, review->answer->errors, review->answer->error_count, error);
}

static void add_refusal(struct review *review, const char *policy, const char *binding, const char *message,
                        bool failed) {
    const struct admission_refusal refusal = {policy, binding, message, failed};
    ARENA_PUSH(review->arena, review->answer->refusals, review->answer->refusal_count, refusal);
}

// What a validation refuses goes where the binding's actions say.
static void add_denial(struct review *review, const struct invocation *call, const char *message, bool failed) {
    struct admission_answer *answer = review->answer;
    const struct admission_refusal denial = {call->policy->name, call->binding->name, message, failed};
    if (call->binding->denies) ARENA_PUSH(review->arena, answer->refusals, answer->refusal_count, denial);
    if (call->binding->warns) ARENA_PUSH(review->arena, answer->warnings, answer->warning_count, denial);
    if (call->binding->audits) ARENA_PUSH(review->arena, answer->audited, answer->audited_count, denial);
}

static void add_failure(struct review *review, const struct invocation *call, const char *message) {
    add_error(review, message);
    if (!call->policy->fail_open) add_denial(review, call, message, true);
}

// Different values of one key, which come of parameters, are joined.
static void add_annotation(struct review *review, const char *policy, const char *key, const char *value) {
    struct admission_answer *answer = review->answer;
    const char *whole = arena_printf(review->arena, "%s/%s", policy, key);
    for (size_t i = 0; i < answer->annotation_count; i++) {
        struct admission_annotation *present = &answer->annotations[i];
        if (strcmp(present->key, whole) != 0) continue;
        if (strcmp(present->value, value) != 0)
            present->value = arena_printf(review->arena, "%s, %s", present->value, value);
        return;
    }
    const struct admission_annotation annotation = {whole, value};
    ARENA_PUSH(review->arena, answer->annotations, answer->annotation_count, annotation);
}

// ---- expressions ----

static bool is_space(uint32_t c) {
    return c == ' ' || (c >= '\t' && c <= '\r') || c == 0x85 || c == 0xa0 || c == 0x1680 ||
           (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x202f || c == 0x205f || c == 0x3000;
}

static const char *trimmed(struct arena *arena, const char *text) {
    const size_t len = strlen(text);
    size_t begin = len, end = 0;
    for (size_t at = 0; at < len;) {
        const size_t start = at;
        if (is_space(utf8_next(text, len, &at))) continue;
        if (begin == len) begin = start;
        end = at;
    }
    return begin < end ? arena_copy(arena, text + begin, end - begin) : "";
}

static const char *failure_of(struct review *review, const char *expression, const char *error) {
    return arena_printf(review->arena, "expression '%s' resulted in error: %s", expression, error);
}

// What may be spent on expressions that are evaluated one after the other.
struct budget {
    uint64_t whole, left;
};

static const char out_of_budget[] =
    "validation failed due to running out of cost budget, no further validation rules will be run";

static struct budget budget_of(uint64_t whole) {
    return (struct budget){whole, whole};
}

static void note_most(uint64_t *most, uint64_t cost) {
    if (cost > *most) *most = cost;
}

static bool spend(struct review *review, struct budget *budget, const struct cel_cost *cost) {
    const uint64_t spent = cost->definitions + cost->expression;
    review->answer->cost.total += spent;
    note_most(&review->answer->cost.expression, cost->dearest);
    const bool suffices = spent <= budget->left;
    budget->left = suffices ? budget->left - spent : 0;
    return suffices;
}

// Variables are evaluated anew for conditions, validations, messages and annotations, as these do not see the same.
static struct cel_env environment(struct review *review, const struct invocation *call) {
    return (struct cel_env){
        .object = call->object,
        .old_object = call->old_object,
        .request = call->request,
        .namespace_object =
            admission_is_namespace(review->attributes.request) ? NULL : review->attributes.namespace_object,
        .params = call->params,
        .composition = cel_compose(review->arena, &call->policy->declarations),
    };
}

// False when the budget does not suffice.
static bool ask(struct review *review, const struct cel_expr *expr, struct cel_env *env, struct budget *budget,
                enum cel_result *ret_result, const char **ret_error) {
    struct cel_cost cost = {0};
    env->cost = &cost;
    *ret_result = cel_evaluate(expr, env, review->arena, ret_error);
    return spend(review, budget, &cost);
}

// The same of a text; *ret_error is NULL when it is one, or null.
static bool ask_text(struct review *review, const struct cel_expr *expr, struct cel_env *env, struct budget *budget,
                     const char **ret_text, const char **ret_error) {
    struct cel_cost cost = {0};
    env->cost = &cost;
    *ret_text = NULL;
    if (cel_evaluate_string(expr, env, review->arena, ret_text, ret_error)) *ret_error = NULL;
    return spend(review, budget, &cost);
}

// ---- a policy ----

// False when a condition is false, or cannot be evaluated: then *ret_error says why. All are evaluated in any case.
static bool all_hold(struct review *review, const struct admission_expression *conditions, size_t count,
                     struct cel_env *env, const char **ret_error) {
    env->namespace_object = NULL;
    env->authorizer = &review->authorizer;
    struct budget budget = budget_of(CEL_COST_BUDGET_OF_CONDITIONS);
    bool meets = true, suffices = true;
    for (size_t i = 0; i < count && suffices; i++) {
        const struct admission_expression *condition = &conditions[i];
        const char *error = NULL;
        enum cel_result result = CEL_ERROR;
        suffices = ask(review, condition->expr, env, &budget, &result, &error);
        meets = meets && result != CEL_FALSE;
        if (result != CEL_ERROR) continue;
        error = failure_of(review, condition->text, error);
        *ret_error = *ret_error ? arena_printf(review->arena, "%s, %s", *ret_error, error) : error;
    }
    note_most(&review->answer->cost.conditions, budget.whole - budget.left);
    if (!suffices) *ret_error = out_of_budget;
    if (!meets && suffices) *ret_error = NULL;
    return meets && !*ret_error;
}

static bool meets_conditions(struct review *review, const struct invocation *call, const char **ret_error) {
    struct cel_env env = environment(review, call);
    return all_hold(review, call->policy->conditions, call->policy->condition_count, &env, ret_error);
}

// What became of a validation, of its message or of an annotation.
struct outcome {
    enum cel_result result;
    const char *text, *error;
};

// What became of a policy: the error that takes the place of all else, or NULL, and the outcomes.
struct outcomes {
    const char *error, *message_error;
    struct outcome *validations, *messages, *annotations;
};

static void evaluate_validations(struct review *review, const struct invocation *call, struct outcomes *outcomes) {
    const size_t count = call->policy->validation_count;
    struct budget budget = budget_of(CEL_COST_BUDGET);
    struct cel_env env = environment(review, call);
    env.authorizer = &review->authorizer;
    outcomes->validations = ARENA_ARRAY(review->arena, struct outcome, count);
    outcomes->messages = ARENA_ARRAY(review->arena, struct outcome, count);
    for (size_t i = 0; i < count && !outcomes->error; i++) {
        struct outcome *outcome = &outcomes->validations[i];
        if (!ask(review, call->policy->validations[i].condition.expr, &env, &budget, &outcome->result, &outcome->error))
            outcomes->error = out_of_budget;
    }
    // Messages are evaluated whether they will be shown or not, and with what is left.
    env = environment(review, call);
    for (size_t i = 0; i < count && !outcomes->error && !outcomes->message_error; i++) {
        const struct cel_expr *expr = call->policy->validations[i].message_expression;
        struct outcome *outcome = &outcomes->messages[i];
        if (expr && !ask_text(review, expr, &env, &budget, &outcome->text, &outcome->error))
            outcomes->message_error = arena_printf(review->arena, "failed messageExpression: %s", out_of_budget);
    }
    note_most(&review->answer->cost.validations, budget.whole - budget.left);
}

static void evaluate_annotations(struct review *review, const struct invocation *call, struct outcomes *outcomes) {
    const size_t count = call->policy->annotation_count;
    struct budget budget = budget_of(CEL_COST_BUDGET);
    struct cel_env env = environment(review, call);
    outcomes->annotations = ARENA_ARRAY(review->arena, struct outcome, count);
    for (size_t i = 0; i < count && !outcomes->error; i++) {
        struct outcome *outcome = &outcomes->annotations[i];
        if (!ask_text(review, call->policy->annotations[i].expr, &env, &budget, &outcome->text, &outcome->error))
            outcomes->error = out_of_budget;
    }
    note_most(&review->answer->cost.annotations, budget.whole - budget.left);
}

// A message that could not be evaluated, has several lines or is too long is not shown.
static const char *message_of(struct review *review, const struct admission_validation *validation,
                              const struct outcome *outcome) {
    const char *message = outcome->text ? trimmed(review->arena, outcome->text) : "";
    if (strlen(message) > LIMIT_MESSAGE_BYTES || strchr(message, '\n')) message = "";
    if (!*message) message = trimmed(review->arena, validation->message);
    if (*message) return message;
    return arena_printf(review->arena, "failed expression: %s", trimmed(review->arena, validation->condition.text));
}

static void validate(struct review *review, const struct invocation *call, const struct outcomes *outcomes) {
    for (size_t i = 0; i < call->policy->validation_count; i++) {
        const struct admission_validation *validation = &call->policy->validations[i];
        const struct outcome *outcome = &outcomes->validations[i];
        if (outcome->result == CEL_ERROR)
            add_failure(review, call, failure_of(review, validation->condition.text, outcome->error));
        else if (outcomes->message_error)
            add_failure(review, call, outcomes->message_error);
        else if (outcome->result == CEL_FALSE)
            add_denial(review, call, message_of(review, validation, &outcomes->messages[i]), false);
    }
}

// An annotation that cannot be evaluated refuses, whatever the binding's actions are.
static void annotate(struct review *review, const struct invocation *call, const struct outcomes *outcomes) {
    enum { MAX_VALUE = 10 * 1024 };
    for (size_t i = 0; i < call->policy->annotation_count; i++) {
        const struct admission_expression *annotation = &call->policy->annotations[i];
        const struct outcome *outcome = &outcomes->annotations[i];
        if (outcome->error) {
            const char *error = failure_of(review, annotation->text, outcome->error);
            add_error(review, error);
            if (!call->policy->fail_open) add_refusal(review, call->policy->name, call->binding->name, error, true);
            continue;
        }
        const char *value = outcome->text ? trimmed(review->arena, outcome->text) : "";
        if (strlen(value) > MAX_VALUE) value = arena_copy(review->arena, value, MAX_VALUE);
        if (*value) add_annotation(review, call->policy->name, annotation->key, value);
    }
}

static void invoke(struct review *review, const struct invocation *call) {
    const char *error = NULL;
    if (!meets_conditions(review, call, &error)) {
        if (error && !call->policy->fail_open) add_failure(review, call, error);
        return;
    }
    struct outcomes outcomes = {0};
    evaluate_validations(review, call, &outcomes);
    if (!outcomes.error) evaluate_annotations(review, call, &outcomes);
    if (outcomes.error) {
        add_failure(review, call, outcomes.error);
        return;
    }
    validate(review, call, &outcomes);
    annotate(review, call, &outcomes);
}

static void bind(struct review *review, const struct admission_binding *binding, const struct admission_form *form) {
    struct arena *arena = review->arena;
    struct admission_form ignored;
    const char *error = NULL;
    const struct value **params = NULL;
    size_t count = 0;
    if (binding->has_match && !admission_matches(review->admission, &binding->match, &review->attributes, &ignored))
        return;
    if (!admission_params(arena, review->admission, binding, &review->attributes, &params, &count, &error)) {
        error = arena_printf(arena, "failed to configure binding: %s", error);
        if (!binding->policy->fail_open) add_refusal(review, binding->policy_name, binding->name, error, true);
        return;
    }
    const struct admission_kind kind = admission_kind_of(review->attributes.request, form);
    struct invocation call = {
        .policy = binding->policy,
        .binding = binding,
        .object = admission_converted(arena, review->attributes.object, &kind),
        .old_object = admission_converted(arena, review->attributes.old_object, &kind),
        .request = admission_request_value(arena, &review->attributes, form, &kind),
    };
    for (size_t i = 0; i < count; i++) {
        call.params = params[i];
        invoke(review, &call);
    }
}

// ---- webhooks ----

static void call_webhook(struct review *review, const struct admission_webhook *webhook) {
    struct arena *arena = review->arena;
    struct admission_form form;
    const char *error = NULL;
    if (!admission_calls(review->admission, webhook, &review->attributes, &form)) return;
    const struct admission_kind kind = admission_kind_of(review->attributes.request, &form);
    struct cel_env env = {
        .object = admission_converted(arena, review->attributes.object, &kind),
        .old_object = admission_converted(arena, review->attributes.old_object, &kind),
        .request = admission_request_value(arena, &review->attributes, &form, &kind),
    };
    if (all_hold(review, webhook->conditions, webhook->condition_count, &env, &error)) {
        ARENA_PUSH(arena, review->answer->called, review->answer->called_count, webhook->name);
    } else if (error) {
        add_error(review, error);
        if (!webhook->fail_open) add_refusal(review, webhook->name, NULL, error, true);
    }
}

static void call_webhooks(struct review *review, bool mutating) {
    for (size_t i = 0; i < review->admission->webhook_count; i++)
        if (review->admission->webhooks[i].is_mutating == mutating)
            call_webhook(review, &review->admission->webhooks[i]);
}

void admission_review(struct arena *arena, const struct admission *admission, const struct admission_question *question,
                      struct admission_answer *ret_answer) {
    struct review review = {.arena = arena, .admission = admission, .answer = ret_answer};
    *ret_answer = (struct admission_answer){.verdict = VERDICT_ALLOWED};
    if (is_never_admitted(question->request)) return;
    review.authorizer = (struct cel_authorizer){authorizes, &review};
    admission_complete(arena, question, &review.attributes);
    call_webhooks(&review, true);
    const struct admission_policy *matched = NULL, *passed = NULL;
    struct admission_form form = {0};
    for (size_t i = 0; i < admission->binding_count; i++) {
        const struct admission_binding *binding = &admission->bindings[i];
        const struct admission_policy *policy = binding->policy;
        if (policy == passed) continue;
        if (policy != matched) {
            const bool matches = !is_kept_from(question->request, policy->name) &&
                                 admission_matches(admission, &policy->match, &review.attributes, &form);
            *(matches ? &matched : &passed) = policy;
            if (!matches) continue;
        }
        bind(&review, binding, &form);
    }
    if (!ret_answer->refusal_count) call_webhooks(&review, false);
    if (ret_answer->refusal_count)
        ret_answer->verdict = VERDICT_DENIED;
    else if (ret_answer->warning_count)
        ret_answer->verdict = VERDICT_WARNED;
}
