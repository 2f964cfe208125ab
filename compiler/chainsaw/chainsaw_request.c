// A request as a script with kubectl: Chainsaw's own operations act as whoever runs it, and as nobody else.
#include <string.h>

#include "base/arena.h"
#include "base/map.h"
#include "base/text.h"
#include "chainsaw/chainsaw_internal.h"
#include "data/json.h"
#include "data/value.h"
#include "data/yamlio.h"
#include "kubernetes/account.h"

const char *chainsaw_word(struct arena *arena, const char *text) {
    const char *plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./:@%+,=-";
    if (*text && strspn(text, plain) == strlen(text)) return text;
    struct text word;
    text_init(&word, arena);
    text_add_char(&word, '\'');
    for (; *text; text++) text_add_string(&word, *text == '\'' ? "'\\''" : (char[]){*text, '\0'});
    text_add_char(&word, '\'');
    return text_string(&word);
}

const char *chainsaw_resource(struct arena *arena, const char *group, const char *version, const char *resource) {
    return *group ? arena_printf(arena, "%s.%s.%s", resource, version, group) : resource;
}

const char *chainsaw_place(const struct chainsaw *chainsaw, const struct judged_case *judged) {
    const struct span span = judged->test_case->span;
    const struct source_location location = source_locate(chainsaw->sources, span.file, span.begin);
    const char *slash = strrchr(location.file, '/');
    return arena_printf(chainsaw->arena, "%s:%u", slash ? slash + 1 : location.file, location.line);
}

const char *chainsaw_grant_group(struct arena *arena, const char *verb) {
    return arena_printf(arena, CHAINSAW_NAME ":%s", verb);
}

// ---- who ----

// An account that says no groups has those of every account of its namespace.
static bool has_own_groups(struct arena *arena, const struct request *request) {
    const char *namespace, *name;
    if (request->grant_count || !account_parse(arena, request->user, &namespace, &name)) return true;
    for (size_t i = 0; i < request->group_count; i++)
        if (strcmp(request->groups[i], "system:authenticated") != 0 &&
            strcmp(request->groups[i], ACCOUNT_GROUP_OF_ALL) != 0 &&
            strcmp(request->groups[i], account_group(arena, namespace)) != 0)
            return true;
    return false;
}

static void add_requester(struct arena *arena, struct text *script, const struct request *request) {
    text_printf(script, "kubectl --as %s", chainsaw_word(arena, request->user));
    if (*request->uid) text_printf(script, " --as-uid %s", chainsaw_word(arena, request->uid));
    // API servers add system:authenticated themselves.
    for (size_t i = 0; has_own_groups(arena, request) && i < request->group_count; i++)
        if (strcmp(request->groups[i], "system:authenticated") != 0)
            text_printf(script, " --as-group %s", chainsaw_word(arena, request->groups[i]));
    for (size_t i = 0; i < request->grant_count; i++)
        text_printf(script, " --as-group %s", chainsaw_word(arena, chainsaw_grant_group(arena, request->grants[i])));
}

// ---- what ----

static void add_create(struct arena *arena, struct text *script, const struct request *request) {
    text_add_string(script, " create --dry-run=server -f - <<'END'\n");
    yaml_print(script, chainsaw_complete(arena, request, request->object, false));
    text_add_string(script, "END\n");
}

static void add_object(struct arena *arena, struct text *script, const struct request *request, const char *verb) {
    if (request->namespaced) text_printf(script, " -n %s", chainsaw_word(arena, request->namespace));
    text_printf(script, " %s %s %s", verb,
                chainsaw_resource(arena, request->group, request->version, request->resource),
                chainsaw_word(arena, request->name));
}

static const struct value *patch_of(struct arena *arena, const struct request *request) {
    if (strcmp(request->subresource, "scale") == 0)
        return chainsaw_only(arena, "spec",
                             chainsaw_only(arena, "replicas", value_dig(request->object, "spec", "replicas", NULL)));
    const struct value *patch = chainsaw_difference(arena, chainsaw_complete(arena, request, request->old_object, true),
                                                    chainsaw_complete(arena, request, request->object, true));
    return patch ? patch : value_map(arena);
}

static void add_update(struct arena *arena, struct text *script, const struct request *request) {
    struct text json;
    text_init(&json, arena);
    json_print(&json, patch_of(arena, request), false);
    add_object(arena, script, request, "patch");
    // A list of containers in a merge patch would take away what API servers have put into each, which nobody may.
    const bool is_pod = !*request->group && strcmp(request->resource, "pods") == 0;
    text_printf(script, " --dry-run=server --type %s", is_pod ? "strategic" : "merge");
    if (*request->subresource) text_printf(script, " --subresource %s", request->subresource);
    text_printf(script, " -p %s\n", chainsaw_word(arena, text_string(&json)));
}

// Names of roles may hold what has a meaning in URLs, or between quotes.
static void add_url_part(struct text *script, const char *text) {
    const char *plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~";
    for (; *text; text++) {
        if (strchr(plain, *text))
            text_add_char(script, *text);
        else
            text_printf(script, "%%%02X", (unsigned)(unsigned char)*text);
    }
}

static void add_path(struct text *script, const struct request *request) {
    if (*request->group)
        text_printf(script, "/apis/%s/%s", request->group, request->version);
    else
        text_printf(script, "/api/%s", request->version);
    if (request->namespaced) text_printf(script, "/namespaces/%s", request->namespace);
    text_printf(script, "/%s", request->resource);
    if (request->collection) return;
    text_add_char(script, '/');
    add_url_part(script, request->name);
    if (*request->subresource) text_printf(script, "/%s", request->subresource);
}

static void add_delete(struct arena *arena, struct text *script, const struct request *request) {
    if (!request->collection) {
        add_object(arena, script, request, "delete");
        text_add_string(script, " --dry-run=server\n");
        return;
    }
    text_add_string(script, " delete --raw '");
    add_path(script, request);
    text_add_string(script, "?dryRun=All&fieldSelector=metadata.name%3D");
    add_url_part(script, request->name);
    text_add_string(script, "'\n");
}

// There is no dry run of a connection: it fails later, since nothing runs in the pods of the test.
static void add_connect(struct text *script, const struct request *request) {
    static const struct {
        const char *subresource, *query;
    } queries[] = {{"exec", "?command=true&stdout=true"}, {"attach", "?stdout=true"}, {"portforward", "?ports=80"}};
    const bool is_proxy = strcmp(request->subresource, "proxy") == 0;
    text_printf(script, " %s --raw '", is_proxy ? "get" : "create");
    add_path(script, request);
    for (size_t i = 0; i < sizeof queries / sizeof *queries; i++)
        if (strcmp(queries[i].subresource, request->subresource) == 0) text_add_string(script, queries[i].query);
    text_printf(script, "'%s\n", is_proxy ? "" : " -f /dev/null");
}

static struct value *act_object(struct arena *arena, const struct request *request) {
    const char *namespace = request->namespace, *name = request->name;
    if (strcmp(request->subresource, "eviction") == 0)
        return chainsaw_object(arena, "policy/v1", "Eviction", namespace, name);
    if (strcmp(request->subresource, "token") == 0) {
        struct value *token = chainsaw_object(arena, "authentication.k8s.io/v1", "TokenRequest", namespace, name);
        value_set(arena, token, "spec", value_map(arena));
        return token;
    }
    struct value *binding = chainsaw_object(arena, "v1", "Binding", namespace, name), *target = value_map(arena);
    const struct value *carried = value_get(request->object, "metadata");
    for (size_t i = 0; carried && i < carried->count; i++)
        if (carried->as.entries[i].value->count)
            value_set(arena, value_get(binding, "metadata"), carried->as.entries[i].key, carried->as.entries[i].value);
    value_set_string(arena, target, "kind", "Node");
    value_set_string(arena, target, "name", CHAINSAW_NAME);
    value_set(arena, binding, "target", target);
    return binding;
}

static void add_act(struct arena *arena, struct text *script, const struct request *request) {
    text_add_string(script, " create --raw '");
    add_path(script, request);
    text_add_string(script, "?dryRun=All' -f -");
    // Nobody should find a token in what Chainsaw prints.
    if (strcmp(request->subresource, "token") == 0) text_add_string(script, " >/dev/null");
    // What is sent as it is has to be JSON.
    text_add_string(script, " <<'END'\n");
    json_print(script, act_object(arena, request), false);
    text_add_string(script, "\nEND\n");
}

static const char *script_of(struct arena *arena, const struct request *request) {
    struct text script;
    text_init(&script, arena);
    add_requester(arena, &script, request);
    if (request->operation == OP_CONNECT)
        add_connect(&script, request);
    else if (request->operation == OP_DELETE)
        add_delete(arena, &script, request);
    else if (request->operation == OP_UPDATE)
        add_update(arena, &script, request);
    else if (*request->subresource)
        add_act(arena, &script, request);
    else
        add_create(arena, &script, request);
    return text_string(&script);
}

// ---- what is answered ----

// A text that begins and ends as an expression of Chainsaw's would be read as one: less of it does as well.
static const char *literal(struct arena *arena, const char *text) {
    const size_t len = strcspn(text, "\n");
    return *text == '(' ? arena_copy(arena, text, len ? len - 1 : 0) : arena_copy(arena, text, len);
}

// What the refusal may say. Of several an API server tells one, and nobody knows which.
static struct value *refusals_of(struct arena *arena, const struct judged_case *judged) {
    const unsigned mode = judged->decision.verdict == VERDICT_DENIED ? MODE_DENY : MODE_WARN;
    struct value *list = value_list(arena);
    struct set known;
    set_init(&known, arena);
    for (size_t i = 0; i < judged->decision.refusal_count; i++) {
        const struct refusal *refusal = &judged->decision.refusals[i];
        const char *message = refusal->failed ? "resulted in error" : literal(arena, refusal->message);
        if ((refusal->lock->mode & mode) && set_add(&known, message))
            value_append(arena, list, value_string(arena, message));
    }
    return list;
}

static void bind(struct arena *arena, struct value *script, const struct value *refusals) {
    struct value *binding = value_map(arena), *bindings = value_list(arena);
    const bool one = refusals->count == 1;
    value_set_string(arena, binding, "name", one ? "refusal" : "refusals");
    value_set(arena, binding, "value", one ? refusals->as.items[0] : value_copy(arena, refusals));
    value_append(arena, bindings, binding);
    value_set(arena, script, "bindings", bindings);
}

static void expect(struct arena *arena, struct value *check, const char *expression, bool holds) {
    value_set(arena, check, expression, value_bool(arena, holds));
}

static struct value *check_of(struct arena *arena, const struct judged_case *judged, size_t refusals) {
    const bool denied = judged->decision.verdict == VERDICT_DENIED;
    const bool connects = judged->test_case->request.operation == OP_CONNECT;
    struct value *check = value_map(arena);
    if (!connects || denied) expect(arena, check, "($error != null)", denied);
    if (refusals == 1)
        expect(arena, check, "(contains($stderr, $refusal))", true);
    else if (refusals)
        expect(arena, check, "(length($refusals[?contains($stderr, @)]) > `0`)", true);
    else
        expect(arena, check, "(contains($stderr, 'ValidatingAdmissionPolicy'))", false);
    if (connects && !denied) expect(arena, check, "(contains($stderr, 'is forbidden'))", false);
    return check;
}

struct value *chainsaw_request(const struct chainsaw *chainsaw, const struct judged_case *judged) {
    struct arena *arena = chainsaw->arena;
    struct value *operation = value_map(arena), *script = value_map(arena);
    value_set_string(arena, operation, "description",
                     arena_printf(arena, "%s: step %zu, %s", chainsaw_place(chainsaw, judged), judged->test_case->step,
                                  cases_expected(arena, judged->test_case)));
    const struct value *refusals = refusals_of(arena, judged);
    if (judged->decision.verdict != VERDICT_ALLOWED) bind(arena, script, refusals);
    value_set_string(arena, script, "content", script_of(arena, &judged->test_case->request));
    value_set(arena, script, "check",
              check_of(arena, judged, judged->decision.verdict == VERDICT_ALLOWED ? 0 : refusals->count));
    value_set(arena, operation, "script", script);
    return operation;
}
