// Tests judged by decide, and their JSON; see cases.h.
#include "decide/cases.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/map.h"
#include "base/text.h"
#include "data/value.h"

static const char *const verdict_names[] = {
    [VERDICT_ALLOWED] = "allowed", [VERDICT_WARNED] = "warned", [VERDICT_DENIED] = "denied"};

static bool counts(const struct lock *lock, enum verdict verdict) {
    return (verdict == VERDICT_DENIED && (lock->mode & MODE_DENY)) ||
           (verdict == VERDICT_WARNED && (lock->mode & MODE_WARN));
}

// Which part of the lock refuses the request: a lock that was made of it, or a guard that is part of it; "" for what it
// says itself.
static const char *refusing_part(struct arena *arena, const struct request *request, const struct lock *lock) {
    const char *part = lock_part(arena, lock),
               *guard = *part ? NULL : reason_guard(decide_reason(arena, request, lock).kind);
    return guard ? guard : part;
}

static bool begins_with(const char *part, const char *words) {
    const size_t len = strlen(words);
    return strncmp(part, words, len) == 0 && (!part[len] || part[len] == ' ');
}

static bool is_called(const struct decision *decision, const struct hook_name *hook) {
    for (size_t i = 0; i < decision->called_count; i++)
        if (strcmp(decision->called[i]->name, hook->name) == 0 &&
            strcmp(decision->called[i]->policy, hook->policy) == 0)
            return true;
    return false;
}

static bool calls_as_expected(const struct test_case *one, const struct decision *decision) {
    const bool wanted = one->about == CASE_CALLED;
    for (size_t i = 0; i < one->hook_count; i++)
        if (is_called(decision, &one->hooks[i]) != wanted) return false;
    return wanted || one->hook_count || !decision->called_count;
}

static bool is_as_expected(struct arena *arena, const struct test_case *one, const struct decision *decision) {
    if (one->about != CASE_OF_VERDICT) return calls_as_expected(one, decision);
    if (decision->verdict != one->expected) return false;
    if (!one->by_lock) return true;
    for (size_t i = 0; i < decision->refusal_count; i++) {
        const struct lock *lock = decision->refusals[i].lock;
        if (counts(lock, one->expected) && strcmp(lock->name, one->by_lock) == 0 &&
            strcmp(lock->policy, one->by_policy) == 0 &&
            (!one->by_part || begins_with(refusing_part(arena, &one->request, lock), one->by_part)))
            return true;
    }
    return false;
}

static int compare_tests(const void *a, const void *b) {
    const struct span x = (*(const struct test_block *const *)a)->span,
                      y = (*(const struct test_block *const *)b)->span;
    if (x.file != y.file) return x.file < y.file ? -1 : 1;
    return (x.begin > y.begin) - (x.begin < y.begin);
}

size_t cases_count(const struct policies *policies) {
    size_t count = 0;
    for (size_t i = 0; i < policies->test_count; i++) count += policies->tests[i]->case_count;
    return count;
}

static bool is_about_resource(const struct lock *lock, const struct request *request) {
    // A binding that is an object of its own stands for one of a pod.
    const char *resource = request->resource, *other = strcmp(resource, "bindings") == 0 ? "pods" : resource;
    for (size_t i = 0; i < lock->scope.target_count; i++) {
        const char *name = lock->scope.targets[i].name;
        if (!name || strcmp(name, resource) == 0 || strcmp(name, other) == 0) return true;
    }
    return false;
}

static bool is_about_namespace(const struct lock *lock, const struct request *request) {
    const struct object_scope *scope = &lock->scope;
    if (scope->where != IN_NAMESPACES) return true;
    for (size_t i = 0; i < scope->namespace_count && request->namespaced; i++)
        if (strcmp(scope->namespaces[i], request->namespace) == 0) return true;
    return false;
}

static struct policies *with_locks(struct arena *arena, const struct policies *policies, const struct request *request,
                                   bool (*may_reach)(const struct lock *lock, const struct request *request)) {
    struct policies *few = ARENA_NEW(arena, struct policies);
    *few = *policies;
    few->locks = NULL;
    few->lock_count = 0;
    for (size_t i = 0; i < policies->lock_count; i++)
        if (may_reach(policies->locks[i], request)) ARENA_PUSH(arena, few->locks, few->lock_count, policies->locks[i]);
    return few;
}

// The policies with no locks but those that requests for the resource in the namespace may reach: of a thousand cases,
// each is decided by some of the locks.
static const struct policies *about(struct arena *arena, const struct policies *policies, struct map *known,
                                    const struct request *request) {
    const char *resource = request->resource;
    const char *key = request->namespaced ? arena_printf(arena, "%s %s", resource, request->namespace) : resource;
    struct policies *few = map_get(known, key);
    if (few) return few;
    const char *everywhere = arena_printf(arena, "%s *", resource);
    struct policies *of_resource = map_get(known, everywhere);
    if (!of_resource) {
        of_resource = with_locks(arena, policies, request, is_about_resource);
        map_set(known, everywhere, of_resource);
    }
    few = with_locks(arena, of_resource, request, is_about_namespace);
    map_set(known, key, few);
    return few;
}

void cases_judge(struct arena *arena, const struct policies *policies, struct judged_case **ret_cases,
                 size_t *ret_count) {
    *ret_cases = NULL;
    *ret_count = 0;
    const struct test_block **tests = ARENA_ARRAY(arena, const struct test_block *, policies->test_count);
    for (size_t i = 0; i < policies->test_count; i++) tests[i] = policies->tests[i];
    qsort(tests, policies->test_count, sizeof *tests, compare_tests);
    struct map known;
    map_init(&known, arena);
    for (size_t i = 0; i < policies->test_count; i++)
        for (size_t j = 0; j < tests[i]->case_count; j++) {
            struct judged_case judged = {.test = tests[i], .test_case = &tests[i]->cases[j]};
            const struct request *request = &judged.test_case->request;
            decide(arena, about(arena, policies, &known, request), request, &judged.decision);
            judged.passed = is_as_expected(arena, judged.test_case, &judged.decision);
            ARENA_PUSH(arena, *ret_cases, *ret_count, judged);
        }
}

static const char *expected_calls(struct arena *arena, const struct test_case *one) {
    struct text text;
    text_init(&text, arena);
    text_add_string(&text, one->about == CASE_CALLED ? "called" : "not called");
    for (size_t i = 0; i < one->hook_count; i++) text_printf(&text, "%s%s", i ? ", " : " by ", one->hooks[i].name);
    return text_string(&text);
}

const char *cases_expected(struct arena *arena, const struct test_case *one) {
    if (one->about != CASE_OF_VERDICT) return expected_calls(arena, one);
    const char *verdict = verdict_names[one->expected];
    if (!one->by_lock) return verdict;
    return one->by_part ? arena_printf(arena, "%s by %s (%s)", verdict, one->by_lock, one->by_part)
                        : arena_printf(arena, "%s by %s", verdict, one->by_lock);
}

const char *cases_actual(struct arena *arena, const struct judged_case *judged) {
    const struct decision *decision = &judged->decision;
    struct text text;
    text_init(&text, arena);
    text_add_string(&text, verdict_names[decision->verdict]);
    size_t shown = 0;
    for (size_t i = 0; i < decision->refusal_count; i++) {
        const struct lock *lock = decision->refusals[i].lock;
        if (!counts(lock, decision->verdict)) continue;
        const char *part = refusing_part(arena, &judged->test_case->request, lock);
        text_printf(&text, "%s%s", shown++ ? ", " : " by ", lock->name);
        if (*part) text_printf(&text, " (%s)", part);
    }
    if (judged->test_case->about == CASE_OF_VERDICT) return text_string(&text);
    for (size_t i = 0; i < decision->called_count; i++)
        text_printf(&text, "%s%s", i ? ", " : ", and called by ", decision->called[i]->name);
    if (!decision->called_count) text_add_string(&text, ", and not called");
    return text_string(&text);
}

// Whether the test asks about the lock: where it names none, about all that are written.
static bool is_asked_about(struct arena *arena, const struct test_case *one, const struct lock *lock) {
    if (!one->by_lock) return !lock->origin;
    return strcmp(lock->name, one->by_lock) == 0 && strcmp(lock->policy, one->by_policy) == 0 &&
           begins_with(lock_part(arena, lock), one->by_part ? one->by_part : "");
}

static void add_reason(struct arena *arena, struct judged_case *judged, const struct lock *lock) {
    const struct case_reason added = {lock, decide_reason(arena, &judged->test_case->request, lock)};
    ARENA_PUSH(arena, judged->reasons, judged->reason_count, added);
}

// Of a lock that is to refuse and does not, the part of it that came nearest to it.
static void explain_missing(struct arena *arena, const struct policies *policies, struct judged_case *judged) {
    const struct lock *nearest = NULL;
    enum reason_kind last = REASON_NOT_REACHED;
    for (size_t i = 0; i < policies->lock_count; i++) {
        const struct lock *lock = policies->locks[i];
        if (!is_asked_about(arena, judged->test_case, lock)) continue;
        const enum reason_kind kind = decide_reason(arena, &judged->test_case->request, lock).kind;
        if (nearest && kind <= last) continue;
        nearest = lock;
        last = kind;
    }
    if (nearest) add_reason(arena, judged, nearest);
}

void cases_explain(struct arena *arena, const struct policies *policies, struct judged_case *judged) {
    enum { SHOWN = 3 };
    for (size_t i = 0; i < judged->decision.refusal_count && judged->reason_count < SHOWN; i++)
        if (counts(judged->decision.refusals[i].lock, judged->decision.verdict))
            add_reason(arena, judged, judged->decision.refusals[i].lock);
    if (judged->test_case->about != CASE_OF_VERDICT) return;
    if (judged->test_case->expected != VERDICT_ALLOWED) explain_missing(arena, policies, judged);
}

// ---- JSON ----

static void set_or_null(struct arena *arena, struct value *map, const char *key, const struct value *value) {
    value_set(arena, map, key, value ? value_copy(arena, value) : value_null(arena));
}

static struct value *request_json(struct arena *arena, const struct request *request) {
    struct value *json = value_map(arena), *user = value_map(arena), *groups = value_list(arena),
                 *grants = value_list(arena);
    value_set_string(arena, json, "operation", kube_operation_name(request->operation));
    value_set_string(arena, json, "group", request->group);
    value_set_string(arena, json, "version", request->version);
    value_set_string(arena, json, "resource", request->resource);
    value_set_string(arena, json, "kind", request->kind);
    value_set_string(arena, json, "subresource", request->subresource);
    value_set_string(arena, json, "scope", request->namespaced ? "Namespaced" : "Cluster");
    value_set_string(arena, json, "namespace", request->namespace);
    value_set_string(arena, json, "name", request->name);
    value_set_string(arena, user, "username", request->user);
    value_set_string(arena, user, "uid", request->uid);
    for (size_t i = 0; i < request->group_count; i++)
        value_append(arena, groups, value_string(arena, request->groups[i]));
    value_set(arena, user, "groups", groups);
    value_set(arena, user, "extra", request->extra ? value_copy(arena, request->extra) : value_map(arena));
    value_set(arena, json, "user", user);
    for (size_t i = 0; i < request->grant_count; i++)
        value_append(arena, grants, value_string(arena, request->grants[i]));
    value_set(arena, json, "grants", grants);
    set_or_null(arena, json, "object", request->object);
    set_or_null(arena, json, "oldObject", request->old_object);
    set_or_null(arena, json, "namespaceObject", request->namespace_object);
    value_set(arena, json, "deleteCollection", value_bool(arena, request->collection));
    struct value *given = value_list(arena);
    for (size_t i = 0; i < request->given_count; i++) value_append(arena, given, value_copy(arena, request->given[i]));
    value_set(arena, json, "given", given);
    return json;
}

struct value *cases_decision_json(struct arena *arena, const struct decision *decision) {
    struct value *json = value_map(arena), *locks = value_list(arena), *messages = value_list(arena),
                 *broken = value_list(arena), *failed = value_list(arena), *called = value_list(arena);
    value_set_string(arena, json, "verdict", verdict_names[decision->verdict]);
    for (size_t i = 0; i < decision->refusal_count; i++) {
        value_append(arena, locks, value_string(arena, decision->refusals[i].lock->name));
        value_append(arena, messages, value_string(arena, decision->refusals[i].message));
    }
    for (size_t i = 0; i < decision->glass_use_count; i++)
        value_append(arena, broken, value_string(arena, decision->glass_uses[i]->id));
    for (size_t i = 0; i < decision->failed_count; i++)
        value_append(arena, failed, value_string(arena, decision->failed[i]->name));
    value_set(arena, json, "locks", locks);
    value_set(arena, json, "messages", messages);
    value_set(arena, json, "breakGlass", broken);
    value_set(arena, json, "failed", failed);
    for (size_t i = 0; i < decision->called_count; i++)
        value_append(arena, called, value_string(arena, decision->called[i]->name));
    value_set(arena, json, "called", called);
    return json;
}

struct value *cases_to_json(struct arena *arena, const struct sources *sources, const struct judged_case *cases,
                            size_t count) {
    struct value *list = value_list(arena), *json = value_map(arena);
    for (size_t i = 0; i < count; i++) {
        const struct judged_case *judged = &cases[i];
        const struct source_location location =
            source_locate(sources, judged->test_case->span.file, judged->test_case->span.begin);
        struct value *one = value_map(arena), *expect = value_map(arena);
        value_set_string(arena, one, "file", location.file);
        value_set_string(arena, one, "policy", judged->test->policy);
        value_set(arena, one, "line", value_int(arena, location.line));
        value_set_string(arena, one, "test", judged->test->title);
        value_set(arena, one, "step", value_int(arena, (int64_t)judged->test_case->step));
        value_set(arena, one, "request", request_json(arena, &judged->test_case->request));
        // Of webhooks whatever comes of the request counts.
        value_set_string(arena, expect, "verdict",
                         verdict_names[judged->test_case->about == CASE_OF_VERDICT ? judged->test_case->expected
                                                                                   : judged->decision.verdict]);
        value_set_string(arena, expect, "lock", judged->test_case->by_lock ? judged->test_case->by_lock : "");
        value_set(arena, one, "expect", expect);
        value_set(arena, one, "decision", cases_decision_json(arena, &judged->decision));
        value_append(arena, list, one);
    }
    value_set(arena, json, "cases", list);
    return json;
}

// ---- requests that are asked about: nothing is left to a default, which would be a decision about another request
// ----

struct reader {
    struct arena *arena;
    const char *error; // the first; NULL while all is well
};

static const struct value *fail(struct reader *reader, const char *key, const char *what) {
    if (!reader->error) reader->error = arena_printf(reader->arena, "'%s' of the request %s", key, what);
    return NULL;
}

static const struct value *find(const struct value *map, const char *key) {
    for (size_t i = 0; map && map->kind == VALUE_MAP && i < map->count; i++)
        if (strcmp(map->as.entries[i].key, key) == 0) return map->as.entries[i].value;
    return NULL;
}

static const struct value *read_member(struct reader *reader, const struct value *map, const char *key,
                                       enum value_kind kind) {
    static const char *const kinds[] = {"null",     "true or false", "an integer", "a number",
                                        "a string", "a list",        "a map"};
    const struct value *value = find(map, key);
    if (!value) return fail(reader, key, "is missing");
    if (value->kind == kind) return value;
    return fail(reader, key, arena_printf(reader->arena, "is not %s", kinds[kind]));
}

static const char *read_string(struct reader *reader, const struct value *map, const char *key) {
    const struct value *value = read_member(reader, map, key, VALUE_STRING);
    return value ? value->as.string : "";
}

static const struct value *read_object(struct reader *reader, const struct value *map, const char *key) {
    const struct value *value = find(map, key);
    return value && value->kind == VALUE_NULL ? NULL : read_member(reader, map, key, VALUE_MAP);
}

static const char **read_strings(struct reader *reader, const struct value *map, const char *key, size_t *ret_count) {
    const struct value *list = read_member(reader, map, key, VALUE_LIST);
    const char **strings = NULL;
    *ret_count = 0;
    for (size_t i = 0; list && i < list->count; i++) {
        if (list->as.items[i]->kind == VALUE_STRING)
            ARENA_PUSH(reader->arena, strings, *ret_count, list->as.items[i]->as.string);
        else
            fail(reader, key, "holds something that is not a string");
    }
    return strings;
}

// What is there beside the object matters to locks from ConfigMaps alone: where no policy has one it may be left out.
static void read_given(struct reader *reader, const struct value *json, struct request *ret_request) {
    const struct value *list = find(json, "given") ? read_member(reader, json, "given", VALUE_LIST) : NULL;
    for (size_t i = 0; list && i < list->count; i++) {
        if (list->as.items[i]->kind == VALUE_MAP)
            ARENA_PUSH(reader->arena, ret_request->given, ret_request->given_count, list->as.items[i]);
        else
            fail(reader, "given", "holds something that is not a map");
    }
}

static enum operation read_operation(struct reader *reader, const struct value *json) {
    static const enum operation operations[] = {OP_CREATE, OP_UPDATE, OP_DELETE, OP_CONNECT};
    const char *name = read_string(reader, json, "operation");
    for (size_t i = 0; i < sizeof operations / sizeof *operations; i++)
        if (strcmp(kube_operation_name(operations[i]), name) == 0) return operations[i];
    fail(reader, "operation", "is not CREATE, UPDATE, DELETE or CONNECT");
    return OP_CREATE;
}

static bool read_namespaced(struct reader *reader, const struct value *json) {
    const char *scope = read_string(reader, json, "scope");
    const bool namespaced = strcmp(scope, "Namespaced") == 0;
    if (!namespaced && strcmp(scope, "Cluster") != 0) fail(reader, "scope", "is not Namespaced or Cluster");
    return namespaced;
}

// A key that is not known is one of those that are, misspelt, or one whose meaning would be lost.
static void refuse_others(struct reader *reader, const struct value *map, const char *keys) {
    for (size_t i = 0; map && map->kind == VALUE_MAP && i < map->count; i++)
        if (!text_has_word(keys, map->as.entries[i].key)) fail(reader, map->as.entries[i].key, "is not a known key");
}

static void read_request(struct reader *reader, const struct value *json, struct request *ret_request) {
    const struct value *user = read_member(reader, json, "user", VALUE_MAP),
                       *collection = read_member(reader, json, "deleteCollection", VALUE_BOOL);
    refuse_others(reader, json,
                  "operation group version resource kind subresource scope namespace name user grants object oldObject "
                  "namespaceObject deleteCollection given");
    refuse_others(reader, user, "username uid groups extra");
    *ret_request = (struct request){
        .operation = read_operation(reader, json),
        .group = read_string(reader, json, "group"),
        .version = read_string(reader, json, "version"),
        .resource = read_string(reader, json, "resource"),
        .kind = read_string(reader, json, "kind"),
        .subresource = read_string(reader, json, "subresource"),
        .namespaced = read_namespaced(reader, json),
        .namespace = read_string(reader, json, "namespace"),
        .name = read_string(reader, json, "name"),
        .user = read_string(reader, user, "username"),
        .uid = read_string(reader, user, "uid"),
        .extra = read_member(reader, user, "extra", VALUE_MAP),
        .object = read_object(reader, json, "object"),
        .old_object = read_object(reader, json, "oldObject"),
        .namespace_object = read_object(reader, json, "namespaceObject"),
        .collection = collection && collection->as.boolean,
    };
    read_given(reader, json, ret_request);
    ret_request->groups = read_strings(reader, user, "groups", &ret_request->group_count);
    ret_request->grants = read_strings(reader, json, "grants", &ret_request->grant_count);
}

bool cases_read_request(struct arena *arena, const struct value *json, struct request *ret_request,
                        const char **ret_error) {
    struct reader reader = {.arena = arena};
    read_request(&reader, json, ret_request);
    *ret_error = reader.error;
    return !reader.error;
}

static bool has_sources(const struct policies *policies) {
    for (size_t i = 0; i < policies->lock_count; i++)
        if (policies->locks[i]->source) return true;
    return false;
}

static struct value *decide_one(struct arena *arena, const struct policies *policies, const struct value *json,
                                const char **ret_error) {
    struct request request;
    struct decision decision;
    if (!cases_read_request(arena, json, &request, ret_error)) return NULL;
    if (!find(json, "given") && has_sources(policies)) {
        *ret_error = "'given' of the request is missing: the ConfigMaps that are there, of which some may be locks";
        return NULL;
    }
    decide(arena, policies, &request, &decision);
    return cases_decision_json(arena, &decision);
}

struct value *cases_decide(struct arena *arena, const struct policies *policies, const struct value *requests,
                           const char **ret_error) {
    struct value *decisions = value_list(arena);
    const bool many = requests->kind == VALUE_LIST;
    for (size_t i = 0; i < (many ? requests->count : 1); i++) {
        struct value *decision = decide_one(arena, policies, many ? requests->as.items[i] : requests, ret_error);
        if (!decision) return NULL;
        value_append(arena, decisions, decision);
    }
    return decisions;
}
