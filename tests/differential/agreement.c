// See agreement.h; tests/e2e/differential/compare.go holds the API server's own code against decide in the same way.
#include "tests/differential/agreement.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/text.h"
#include "data/value.h"
#include "data/yamlio.h"
#include "driver.h"

static const char *const verdict_names[] = {
    [VERDICT_ALLOWED] = "allowed", [VERDICT_WARNED] = "warned", [VERDICT_DENIED] = "denied"};

struct admission *agreement_read(struct arena *arena, const struct compilation *compilation, const char **ret_error) {
    const struct value **objects = NULL;
    size_t count = 0;
    for (size_t i = 0; i < compilation->manifest.count; i++) {
        struct text text;
        text_init(&text, arena);
        yaml_print(&text, compilation->manifest.objects[i].value);
        const struct value *object = yaml_read(arena, text_string(&text), text.len, ret_error);
        if (!object) return NULL;
        ARENA_PUSH(arena, objects, count, object);
    }
    return admission_read(arena, objects, count, compilation->options.kubernetes_minor, ret_error);
}

// The documents of a stream are parted by lines of "---"; comments alone are none.
struct admission *agreement_read_text(struct arena *arena, const char *manifest, unsigned minor,
                                      const char **ret_error) {
    const struct value **objects = NULL;
    size_t count = 0;
    for (const char *at = manifest; at;) {
        const char *end = strstr(at, "\n---");
        const char *document = arena_copy(arena, at, end ? (size_t)(end - at) + 1 : strlen(at));
        at = end ? end + 4 : NULL;
        const struct value *object = yaml_read(arena, document, strlen(document), ret_error);
        if (!object && !strstr(document, "\nkind:") && strncmp(document, "kind:", 5) != 0) continue;
        if (!object) return NULL;
        ARENA_PUSH(arena, objects, count, object);
    }
    return admission_read(arena, objects, count, minor, ret_error);
}

// ---- what is different ----

struct agreement {
    struct arena *arena;
    const struct request *request;
    const struct decision *decision; // NULL where nobody decided
    const struct admission_answer *answer;
    struct text problems;
};

__attribute__((format(printf, 2, 3))) static void differ(struct agreement *c, const char *format, ...) {
    char text[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    text_printf(&c->problems, "%s%s", c->problems.len ? "; " : "", text);
}

static const char *trimmed(struct arena *arena, const char *text) {
    while (*text == ' ') text++;
    size_t len = strlen(text);
    while (len && text[len - 1] == ' ') len--;
    return arena_copy(arena, text, len);
}

static bool shows(const struct admission_refusal *refusals, size_t count, const char *text) {
    for (size_t i = 0; i < count; i++)
        if (strstr(refusals[i].message, text)) return true;
    return false;
}

// A lock that refuses alone is the one whose message is shown.
static void compare_message(struct agreement *c) {
    const struct decision *decision = c->decision;
    if (decision->refusal_count != 1 || decision->failed_count || decision->verdict != c->answer->verdict) return;
    if (decision->verdict == VERDICT_ALLOWED) return;
    const char *message = trimmed(c->arena, decision->refusals[0].message);
    if (!shows(c->answer->refusals, c->answer->refusal_count, message) &&
        !shows(c->answer->warnings, c->answer->warning_count, message))
        differ(c, "the message of lock %s is not shown: \"%s\"", decision->refusals[0].lock->name, message);
}

// The name behind the last "(lock " or "(actor " that belongs to a policy; NULL if there is none.
static const char *named_lock(struct arena *arena, const char *message) {
    const char *found = NULL;
    for (const char *at = strchr(message, '('); at; at = strchr(at + 1, '(')) {
        const char *name = strncmp(at, "(lock ", 6) == 0 ? at + 6 : strncmp(at, "(actor ", 7) == 0 ? at + 7 : NULL;
        if (!name) continue;
        const size_t len = strcspn(name, " ");
        if (strncmp(name + len, " of policy ", 11) == 0) found = arena_copy(arena, name, len);
    }
    return found;
}

static void compare_named(struct agreement *c, const struct admission_refusal *refusals, size_t count) {
    for (size_t i = 0; i < count; i++) {
        const char *name = named_lock(c->arena, refusals[i].message);
        bool refuses = !name || refusals[i].failed;
        for (size_t j = 0; j < c->decision->refusal_count && !refuses; j++)
            refuses = strcmp(c->decision->refusals[j].lock->name, name) == 0;
        if (!refuses) differ(c, "a message names lock %s, which does not refuse", name);
    }
}

// What fails may do so in the annotation of break-glass, which refuses and records nothing.
static void compare_audit(struct agreement *c) {
    bool may = false, must = false;
    for (size_t i = 0; i < c->decision->refusal_count; i++) {
        const struct refusal *refusal = &c->decision->refusals[i];
        if (!(refusal->lock->mode & MODE_AUDIT)) continue;
        may = true;
        must = must || !refusal->failed;
    }
    const bool recorded = c->answer->audited_count > 0;
    if (recorded ? !may : must)
        differ(c, "a refusal is recorded: klockc %s, API server %s", recorded ? "no" : "yes", recorded ? "yes" : "no");
}

// "lock red, blue broken by mary" → the locks; NULL when it is not that.
static const char **broken_locks(struct agreement *c, const struct admission_annotation *annotation, size_t *count,
                                 const char **locks) {
    static const char begin[] = "lock ", end[] = " broken by";
    const char *slash = strrchr(annotation->key, '/'), *by = strstr(annotation->value, end);
    if (!slash || strcmp(slash, "/break-glass") != 0 || strncmp(annotation->value, begin, sizeof begin - 1) != 0 ||
        !by) {
        differ(c, "unexpected audit annotation %s: \"%s\"", annotation->key, annotation->value);
        return locks;
    }
    const char *who = by + sizeof end - 1;
    if (strcmp(*who == ' ' ? who + 1 : who, trimmed(c->arena, c->request->user)) != 0)
        differ(c, "the audit annotation names \"%s\"", who);
    for (const char *at = annotation->value + sizeof begin - 1; at < by;) {
        const char *comma = strstr(at, ", ");
        const size_t len = (size_t)((comma && comma < by ? comma : by) - at);
        const char *name = arena_copy(c->arena, at, len);
        // A lock on a wildcard beside a resource may be in two policies that see the same request.
        if (!text_is_among(locks, *count, name)) ARENA_PUSH(c->arena, locks, *count, name);
        at += len + 2;
    }
    return locks;
}

static void compare_glass(struct agreement *c) {
    const char **locks = NULL;
    size_t count = 0;
    for (size_t i = 0; i < c->answer->annotation_count; i++)
        locks = broken_locks(c, &c->answer->annotations[i], &count, locks);
    // A failure elsewhere in the policy takes the annotation with it.
    if (c->answer->error_count) return;
    size_t found = 0;
    for (size_t i = 0; i < c->decision->glass_use_count; i++)
        if (text_is_among(locks, count, c->decision->glass_uses[i]->id))
            found++;
        else
            differ(c, "break-glass of lock %s is not recorded", c->decision->glass_uses[i]->id);
    if (found != count) differ(c, "break-glass is recorded of %zu locks instead of %zu", count, found);
}

static void compare_calls(struct agreement *c) {
    const struct decision *decision = c->decision;
    for (size_t i = 0; i < decision->called_count; i++)
        if (!text_is_among(c->answer->called, c->answer->called_count, decision->called[i]->name))
            differ(c, "webhook %s is not called", decision->called[i]->name);
    for (size_t i = 0; i < c->answer->called_count; i++) {
        bool called = false;
        for (size_t j = 0; j < decision->called_count && !called; j++)
            called = strcmp(decision->called[j]->name, c->answer->called[i]) == 0;
        if (!called) differ(c, "webhook %s is called", c->answer->called[i]);
    }
}

static void compare(struct agreement *c) {
    if (c->decision->verdict != c->answer->verdict)
        differ(c, "klockc: %s, API server: %s", verdict_names[c->decision->verdict], verdict_names[c->answer->verdict]);
    if (c->answer->error_count && !c->decision->failed_count && !c->decision->webhook_failures)
        differ(c, "the API server cannot evaluate an expression: %s", c->answer->errors[0]);
    compare_message(c);
    compare_named(c, c->answer->refusals, c->answer->refusal_count);
    compare_named(c, c->answer->warnings, c->answer->warning_count);
    compare_audit(c);
    compare_glass(c);
    compare_calls(c);
}

// ---- other forms of a request ----

// Proxies are asked for by NAME, NAME:PORT and SCHEME:NAME:PORT.
static void ask_with_ports(struct agreement *c, const struct admission *admission) {
    static const char *const forms[] = {"%s:8080", "https:%s:8443", "http:%s:"};
    if (strcmp(c->request->subresource, "proxy") != 0 || c->request->operation != OP_CONNECT) return;
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        const char *at = strstr(forms[i], "%s");
        const struct admission_question question = {
            .request = c->request,
            .asked = arena_printf(c->arena, "%.*s%s%s", (int)(at - forms[i]), forms[i], c->request->name, at + 2)};
        struct admission_answer answer;
        admission_review(c->arena, admission, &question, &answer);
        if (answer.verdict != c->answer->verdict)
            differ(c, "asked as %s: %s", question.asked, verdict_names[answer.verdict]);
    }
}

static bool carries_name_only(const struct request *request) {
    return request->operation == OP_CONNECT || text_has_word("eviction binding token scale", request->subresource);
}

// Who carries the name only must not be answered by what another object holds, which is among the parameters as well.
static void ask_of_other(struct agreement *c, const struct admission *admission) {
    if (!*c->request->subresource || !carries_name_only(c->request) || !c->request->old_object) return;
    struct request other = *c->request;
    other.name = "e2e-other";
    other.old_object = NULL;
    const struct admission_question alone = {.request = &other}, beside = {.request = &other, .beside = c->request};
    struct admission_answer answers[2];
    admission_review(c->arena, admission, &alone, &answers[0]);
    admission_review(c->arena, admission, &beside, &answers[1]);
    if (answers[0].verdict != answers[1].verdict)
        differ(c, "asked of %s: %s, and %s without %s", other.name, verdict_names[answers[1].verdict],
               verdict_names[answers[0].verdict], c->request->name);
}

const char *agreement_problem(struct arena *arena, const struct admission *admission, const struct request *request,
                              const struct decision *decision, struct admission_answer *ret_answer) {
    struct agreement c = {.arena = arena, .request = request, .decision = decision, .answer = ret_answer};
    text_init(&c.problems, arena);
    admission_review(arena, admission, &(struct admission_question){.request = request}, ret_answer);
    if (decision) compare(&c);
    ask_with_ports(&c, admission);
    ask_of_other(&c, admission);
    return c.problems.len ? text_string(&c.problems) : NULL;
}

// ---- JSON ----

static struct value *messages_of(struct arena *arena, const struct admission_refusal *refusals, size_t count) {
    struct value *list = value_list(arena);
    for (size_t i = 0; i < count; i++) value_append(arena, list, value_string(arena, refusals[i].message));
    return list;
}

struct value *agreement_answer_json(struct arena *arena, const struct admission_answer *answer) {
    struct value *json = value_map(arena), *annotations = value_map(arena), *errors = value_list(arena);
    value_set_string(arena, json, "verdict", verdict_names[answer->verdict]);
    value_set(arena, json, "messages", messages_of(arena, answer->refusals, answer->refusal_count));
    value_set(arena, json, "warnings", messages_of(arena, answer->warnings, answer->warning_count));
    value_set(arena, json, "audited", messages_of(arena, answer->audited, answer->audited_count));
    for (size_t i = 0; i < answer->annotation_count; i++)
        value_set_string(arena, annotations, answer->annotations[i].key, answer->annotations[i].value);
    value_set(arena, json, "annotations", annotations);
    for (size_t i = 0; i < answer->error_count; i++)
        value_append(arena, errors, value_string(arena, answer->errors[i]));
    value_set(arena, json, "errors", errors);
    value_set(arena, json, "cost", value_int(arena, (int64_t)answer->cost.total));
    return json;
}
