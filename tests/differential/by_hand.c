// See by_hand.h.
#include "tests/differential/by_hand.h"

#include <string.h>

#include "admission/admission.h"
#include "base/arena.h"
#include "base/text.h"
#include "data/json.h"
#include "data/value.h"
#include "decide/cases.h"
#include "tests/differential/agreement.h"

static const char *const verdict_names[] = {
    [VERDICT_ALLOWED] = "allowed", [VERDICT_WARNED] = "warned", [VERDICT_DENIED] = "denied"};

static struct value *member(struct arena *arena, struct value *map, const char *key, struct value *otherwise) {
    struct value *present = value_get(map, key);
    if (!present) value_set(arena, map, key, present = otherwise);
    return present;
}

static void add_text(struct arena *arena, struct value *map, const char *key) {
    member(arena, map, key, value_string(arena, ""));
}

// A case says what it is about; the rest is as it is most often.
static struct value *completed(struct arena *arena, const struct value *partial) {
    struct value *request = value_copy(arena, partial);
    struct value *user = member(arena, request, "user", value_map(arena));
    const struct value *old_object = value_get(request, "oldObject");
    const char *operation = value_get_string(request, "operation");
    add_text(arena, request, "subresource");
    add_text(arena, request, "namespace");
    add_text(arena, request, "name");
    add_text(arena, user, "username");
    add_text(arena, user, "uid");
    member(arena, user, "groups", value_list(arena));
    member(arena, user, "extra", value_map(arena));
    member(arena, request, "grants", value_list(arena));
    member(arena, request, "deleteCollection", value_bool(arena, false));
    member(arena, request, "oldObject", value_null(arena));
    member(arena, request, "namespaceObject", value_null(arena));
    const struct value *object = value_get(request, "object");
    const bool is_missing = !object || object->kind == VALUE_NULL;
    if (!is_missing) return request;
    if (strcmp(operation, "UPDATE") != 0 || !old_object || old_object->kind != VALUE_MAP) {
        value_set(arena, request, "object", value_null(arena));
        return request;
    }
    // An update changes something, and of that nobody asks.
    struct value *changed = value_copy(arena, old_object);
    struct value *metadata = member(arena, changed, "metadata", value_map(arena));
    value_set_string(arena, member(arena, metadata, "annotations", value_map(arena)), "klock.dev/changed", "yes");
    value_set(arena, request, "object", changed);
    return request;
}

static bool is_named(const struct admission_answer *answer, const char *lock) {
    for (size_t i = 0; i < answer->refusal_count; i++)
        if (strstr(answer->refusals[i].message, lock)) return true;
    for (size_t i = 0; i < answer->warning_count; i++)
        if (strstr(answer->warnings[i].message, lock)) return true;
    return false;
}

static void judge(struct arena *arena, const struct admission *admission, const struct value *one,
                  struct text *problems) {
    const struct value *expected = value_get(one, "expect");
    const char *verdict = value_get_string(expected, "verdict"), *lock = value_get_string(expected, "lock"),
               *title = value_get_string(one, "test"), *error = NULL;
    struct request request;
    struct admission_answer answer;
    if (!cases_read_request(arena, completed(arena, value_get(one, "request")), &request, &error)) {
        text_printf(problems, "%s: %s\n", title, error);
        return;
    }
    admission_review(arena, admission, &(struct admission_question){.request = &request}, &answer);
    if (strcmp(verdict_names[answer.verdict], verdict) != 0)
        text_printf(problems, "%s: %s instead of %s\n", title, verdict_names[answer.verdict], verdict);
    else if (answer.verdict != VERDICT_ALLOWED && *lock && !is_named(&answer, lock))
        text_printf(problems, "%s: no message names %s\n", title, lock);
}

const char *by_hand_problems(struct arena *arena, const char *manifest, const char *cases, size_t *ret_count) {
    const char *error = NULL;
    *ret_count = 0;
    const struct admission *admission = agreement_read_text(arena, manifest, 30, &error);
    if (!admission) return error;
    const struct value *json = json_read(arena, cases, strlen(cases), &error);
    if (!json) return error;
    struct text problems;
    text_init(&problems, arena);
    // What is stored beside a request of another kind is no part of what klockc writes.
    const struct value *list = value_get(json, "cases");
    for (size_t i = 0; list && i < list->count; i++) {
        if (value_dig(list->as.items[i], "request", "stored", NULL)) continue;
        judge(arena, admission, list->as.items[i], &problems);
        (*ret_count)++;
    }
    return problems.len ? text_string(&problems) : NULL;
}
