// Answers for the differential test. Every line of standard input is
// {"policy": TEXT, "minor": 30, "controllers": 0, "requests": [REQUEST, …], "manifest": BOOL}, with requests as
// klock_test_cases prints them and the controllers of klock.h; every
// line of standard output is
// {"status": "ok|errors|input|memory", "diagnostics": TEXT, "decisions": […], "judged": […]},
// where every request is decided by the policy, and judged as an API server would with the objects that are emitted:
// {"problem": TEXT if the two differ, and the server's answer}. With "manifest", decisions are over the library's
// public interface, and there are "manifest": YAML and "json": JSON as well. With "read": true, "read" is what stands
// in the objects: readback.h.
//
// {"objects": YAML, "minor": 30, "requests": [REQUEST, …]} asks about a manifest, whoever wrote it: the answer is
// {"judged": […]}, or {"refused": TEXT} where an API server of that minor would not take the objects.
//
// {"rbac": YAML, "requests": [{"user", "groups", "verb", "group", "resource", "subresource", "name", "namespace",
// "path"}, …]} asks what that RBAC allows: the answer is {"allowed": [BOOL, …]}, or {"diagnostics": TEXT}. "path" is ""
// of a resource.
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/text.h"
#include "data/json.h"
#include "data/value.h"
#include "decide/cases.h"
#include "driver.h"
#include "klock/klock.h"
#include "rbac/rbac.h"
#include "report/diag_print.h"
#include "tests/differential/agreement.h"
#include "tests/differential/readback.h"

static const char *const status_names[] = {[KLOCK_OK] = "ok",
                                           [KLOCK_ERRORS] = "errors",
                                           [KLOCK_INPUT] = "input",
                                           [KLOCK_INTERNAL] = "internal",
                                           [KLOCK_MEMORY] = "memory"};

static void set_text(struct arena *arena, struct value *map, const char *key, const char *text) {
    value_set_string(arena, map, key, text ? arena_copy(arena, text, strlen(text)) : "");
}

static void decide_all(struct arena *arena, struct klock_compiler *compiler, const struct value *question,
                       struct value *answer) {
    struct text requests;
    text_init(&requests, arena);
    const struct value *list = value_get(question, "requests");
    if (!list) return;
    json_print(&requests, list, false);
    const char *error = NULL;
    const char *decisions = klock_decide(compiler, text_string(&requests), requests.len, &error);
    struct value *read = decisions ? json_read(arena, decisions, strlen(decisions), &error) : NULL;
    if (read)
        value_set(arena, answer, "decisions", read);
    else
        set_text(arena, answer, "error", error ? error : "memory ran out");
}

// Of "minor" and "controllers", a number of klock.h, what is there.
static struct klock_options options_of(const struct value *question) {
    const struct value *minor = value_get(question, "minor"), *controllers = value_get(question, "controllers");
    return (struct klock_options){.size = sizeof(struct klock_options),
                                  .kubernetes_minor = minor ? (unsigned)minor->as.integer : 0,
                                  .controllers = controllers ? (enum klock_controllers)controllers->as.integer : 0};
}

static void ask_library(struct arena *arena, const struct value *question, struct value *answer) {
    const char *policy = value_get_string(question, "policy");
    const struct klock_options options = options_of(question);
    struct klock_compiler *compiler = klock_new(&options);
    enum klock_status status = KLOCK_MEMORY;
    if (compiler) {
        klock_add_buffer(compiler, "policy.klock", policy, strlen(policy));
        status = klock_compile(compiler);
    }
    set_text(arena, answer, "status", status_names[status]);
    if (status != KLOCK_MEMORY)
        set_text(arena, answer, "diagnostics", klock_diagnostics_text(compiler, "human", false));
    if (status == KLOCK_OK) {
        set_text(arena, answer, "manifest", klock_output_text(compiler, "yaml"));
        set_text(arena, answer, "json", klock_output_text(compiler, "json"));
        decide_all(arena, compiler, question, answer);
    }
    klock_free(compiler);
}

static struct value *judge_one(struct arena *arena, const struct admission *admission, const struct policies *policies,
                               const struct value *json, struct value *decisions, const char **ret_error) {
    struct request request;
    struct decision decision;
    struct admission_answer given;
    if (!cases_read_request(arena, json, &request, ret_error)) return NULL;
    decide(arena, policies, &request, &decision);
    const char *problem = agreement_problem(arena, admission, &request, &decision, &given);
    struct value *judged = agreement_answer_json(arena, &given);
    if (problem) value_set_string(arena, judged, "problem", problem);
    value_append(arena, decisions, cases_decision_json(arena, &decision));
    return judged;
}

static void judge_all(struct arena *arena, const struct compilation *compilation, const struct value *question,
                      struct value *answer) {
    const struct value *requests = value_get(question, "requests");
    struct value *judged = value_list(arena), *decisions = value_list(arena);
    const char *error = NULL;
    const struct admission *admission = agreement_read(arena, compilation, &error);
    if (!admission) {
        value_set_string(arena, answer, "refused", error);
        return;
    }
    for (size_t i = 0; requests && i < requests->count; i++) {
        struct value *one =
            judge_one(arena, admission, &compilation->policies, requests->as.items[i], decisions, &error);
        if (!one) {
            value_set_string(arena, answer, "error", error);
            return;
        }
        value_append(arena, judged, one);
    }
    value_set(arena, answer, "judged", judged);
    if (!value_get(answer, "decisions")) value_set(arena, answer, "decisions", decisions);
}

static void read_again(struct arena *arena, const struct compilation *compilation, struct value *answer) {
    const char *error = NULL;
    struct value *read = readback(arena, &compilation->manifest, &error);
    if (read)
        value_set(arena, answer, "read", read);
    else
        value_set_string(arena, answer, "refused", error);
}

static const char *diagnostics_of(struct arena *arena, const struct compilation *compilation) {
    struct text text;
    text_init(&text, arena);
    diag_print(&text, &compilation->diags, &compilation->sources, DIAG_FORMAT_HUMAN, false);
    return text_string(&text);
}

static bool is_true(const struct value *question, const char *key) {
    const struct value *flag = value_get(question, key);
    return flag && flag->kind == VALUE_BOOL && flag->as.boolean;
}

// The objects are judged as they are before they become text of the library.
static void judge(struct arena *arena, const struct value *question, struct value *answer) {
    const char *policy = value_get_string(question, "policy");
    struct compilation compilation;
    const struct klock_options options = options_of(question);
    driver_init(&compilation, arena, &options);
    load_add_buffer(&compilation.loader, "policy.klock", policy, strlen(policy));
    driver_compile(&compilation);
    if (!value_get(answer, "status"))
        value_set_string(arena, answer, "status", compilation.diags.errors ? "errors" : "ok");
    if (compilation.diags.errors) {
        value_set_string(arena, answer, "diagnostics", diagnostics_of(arena, &compilation));
        return;
    }
    judge_all(arena, &compilation, question, answer);
    if (is_true(question, "read")) read_again(arena, &compilation, answer);
}

// The requests as the manifest answers them.
static void judge_manifest(struct arena *arena, const char *manifest, const struct value *question,
                           struct value *answer) {
    const struct value *minor = value_get(question, "minor"), *requests = value_get(question, "requests");
    struct value *judged = value_list(arena);
    const char *error = NULL;
    const struct admission *admission =
        agreement_read_text(arena, manifest, minor ? (unsigned)minor->as.integer : 0, &error);
    if (!admission) {
        value_set_string(arena, answer, "refused", error);
        return;
    }
    for (size_t i = 0; requests && i < requests->count; i++) {
        struct request request;
        struct admission_answer given;
        if (!cases_read_request(arena, requests->as.items[i], &request, &error)) {
            value_set_string(arena, answer, "error", error);
            return;
        }
        const char *problem = agreement_problem(arena, admission, &request, NULL, &given);
        struct value *one = agreement_answer_json(arena, &given);
        if (problem) value_set_string(arena, one, "problem", problem);
        value_append(arena, judged, one);
    }
    value_set(arena, answer, "judged", judged);
}

static bool is_allowed(struct arena *arena, const struct rbac *rbac, const struct value *question) {
    const struct value *groups = value_get(question, "groups");
    const char **names = ARENA_ARRAY(arena, const char *, groups ? groups->count : 0);
    for (size_t i = 0; groups && i < groups->count; i++) names[i] = groups->as.items[i]->as.string;
    const char *path = value_get_string(question, "path");
    const struct rbac_request request = {
        .user = value_get_string(question, "user"),
        .groups = names,
        .group_count = groups ? groups->count : 0,
        .verb = value_get_string(question, "verb"),
        .group = value_get_string(question, "group"),
        .resource = value_get_string(question, "resource"),
        .subresource = value_get_string(question, "subresource"),
        .name = value_get_string(question, "name"),
        .namespace = value_get_string(question, "namespace"),
        .path = *path ? path : NULL,
    };
    return rbac_allows(rbac, &request);
}

static void ask_rbac(struct arena *arena, const char *yaml, const struct value *question, struct value *answer) {
    const struct value *requests = value_get(question, "requests");
    struct value *allowed = value_list(arena);
    struct diags diags;
    struct sources sources = {.arena = arena};
    diags_init(&diags, arena);
    const struct source_input input = {"rbac.yaml", yaml, strlen(yaml)};
    const struct rbac_audit audit = {
        .arena = arena, .diags = &diags, .sources = &sources, .inputs = &input, .input_count = 1};
    const struct rbac *rbac = rbac_read(&audit);
    struct text text;
    text_init(&text, arena);
    diag_print(&text, &diags, &sources, DIAG_FORMAT_HUMAN, false);
    value_set_string(arena, answer, "diagnostics", text_string(&text));
    for (size_t i = 0; !diags.errors && requests && i < requests->count; i++)
        value_append(arena, allowed, value_bool(arena, is_allowed(arena, rbac, requests->as.items[i])));
    value_set(arena, answer, "allowed", allowed);
}

static struct value *answer_to(struct arena *arena, const char *line, size_t len) {
    struct value *answer = value_map(arena);
    const char *error = NULL;
    const struct value *question = json_read(arena, line, len, &error);
    if (!question) {
        set_text(arena, answer, "error", error);
        return answer;
    }
    if (value_get(question, "objects")) {
        judge_manifest(arena, value_get_string(question, "objects"), question, answer);
        return answer;
    }
    if (value_get(question, "rbac")) {
        ask_rbac(arena, value_get_string(question, "rbac"), question, answer);
        return answer;
    }
    if (is_true(question, "manifest")) ask_library(arena, question, answer);
    judge(arena, question, answer);
    return answer;
}

int main(void) {
    char *line = NULL;
    size_t capacity = 0;
    for (ssize_t len; (len = getline(&line, &capacity, stdin)) > 0;) {
        struct arena arena;
        jmp_buf exhausted;
        arena_init(&arena, &exhausted);
        if (setjmp(exhausted)) {
            puts("{\"status\": \"memory\"}");
        } else {
            struct text text;
            text_init(&text, &arena);
            json_print(&text, answer_to(&arena, line, (size_t)len), false);
            puts(text_string(&text));
        }
        // The other side may wait for this answer before it asks again.
        fflush(stdout);
        arena_release(&arena);
    }
    free(line);
    return EXIT_SUCCESS;
}
