// Test blocks → requests and what is expected of them.
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/text.h"
#include "data/value.h"
#include "kubernetes/account.h"
#include "kubernetes/catalog.h"
#include "lower/lower.h"
#include "report/diag.h"

// Who asks and where, as the steps so far have said.
struct setting {
    bool has_user;
    const char *user, *uid;
    const char **groups;
    size_t group_count;
    struct value *extra;
    const char **grants;
    size_t grant_count;
    struct value *namespace_labels;
    bool namespace_terminating;
    const struct value **given;
    size_t given_count;
};

static void add_group(struct arena *arena, struct setting *setting, const char *group) {
    for (size_t i = 0; i < setting->group_count; i++)
        if (strcmp(setting->groups[i], group) == 0) return;
    ARENA_PUSH(arena, setting->groups, setting->group_count, group);
}

static void set_user(struct lowering *lowering, struct setting *setting, const char *user, struct span span) {
    if (*setting->user && strcmp(setting->user, user) != 0) {
        diag_report(lowering->diags, DIAG_BAD_TEST, span, "a requester is one user, and '%s' is already named",
                    setting->user);
        diag_help(lowering->diags, "the subjects after 'as' describe one requester together");
    }
    setting->user = user;
}

// Groups that the API server gives to every service account.
static void add_account_groups(struct arena *arena, struct setting *setting) {
    const char *namespace, *name;
    if (!account_parse(arena, setting->user, &namespace, &name)) return;
    add_group(arena, setting, ACCOUNT_GROUP_OF_ALL);
    add_group(arena, setting, account_group(arena, namespace));
}

// Makes the requester satisfy the formula: the first alternative of a disjunction serves.
static void impersonate(struct lowering *lowering, struct setting *setting, const struct formula *formula,
                        struct span span) {
    struct arena *arena = lowering->arena;
    switch (formula->kind) {
    case FORMULA_USER: set_user(lowering, setting, formula->values[0]->as.string, span); break;
    case FORMULA_UID: setting->uid = formula->values[0]->as.string; break;
    case FORMULA_GROUP: add_group(arena, setting, formula->values[0]->as.string); break;
    case FORMULA_EXTRA: {
        if (!setting->extra) setting->extra = value_map(arena);
        struct value *values = value_get(setting->extra, formula->key);
        if (!values) value_set(arena, setting->extra, formula->key, values = value_list(arena));
        value_append(arena, values, value_string(arena, formula->values[0]->as.string));
        break;
    }
    case FORMULA_MAY: ARENA_PUSH(arena, setting->grants, setting->grant_count, formula->key); break;
    case FORMULA_AND:
        for (size_t i = 0; i < formula->operand_count; i++) impersonate(lowering, setting, formula->operands[i], span);
        break;
    case FORMULA_OR: impersonate(lowering, setting, formula->operands[0], span); break;
    default: break; // reported where the subject was
    }
}

static void set_requester(struct lowering *lowering, struct unit *unit, const struct ast_step *step,
                          struct setting *setting) {
    // Only the requester is another; the namespace stays as it was described.
    *setting = (struct setting){.has_user = true,
                                .user = "",
                                .uid = "",
                                .namespace_labels = setting->namespace_labels,
                                .namespace_terminating = setting->namespace_terminating,
                                .given = setting->given,
                                .given_count = setting->given_count};
    for (size_t i = 0; i < step->subjects.count; i++) {
        const struct ast_subjects one = {&step->subjects.items[i], 1};
        struct subjects subjects = {0};
        lower_subjects(lowering, unit, &one, &subjects);
        const struct span span = step->subjects.items[i]->span;
        if (lower_refuse_computed(lowering, &subjects, span, "a requester cannot have a computed name")) continue;
        if (subjects.user_count)
            set_user(lowering, setting, subjects.users[0], span);
        else if (subjects.group_count)
            add_group(lowering->arena, setting, subjects.groups[0]);
        else if (subjects.other_count)
            impersonate(lowering, setting, subjects.others[0], span);
        const struct ast_subject *subject = step->subjects.items[i];
        if (subject->kind == AST_SUBJECT_SERVICE_ACCOUNTS && !*setting->user)
            setting->user = account_user(lowering->arena, subject->name.text, "default");
    }
    if (!*setting->user) setting->user = "somebody";
    add_account_groups(lowering->arena, setting);
    add_group(lowering->arena, setting, "system:authenticated");
}

static struct value *pairs_to_map(struct arena *arena, const struct ast_pairs *pairs, struct value *map) {
    for (size_t i = 0; i < pairs->count; i++)
        value_set(arena, map, pairs->items[i].key.text, value_string(arena, pairs->items[i].value.text));
    return map;
}

static void set_field(struct lowering *lowering, struct value *object, const struct ast_field_value *field) {
    struct value *at = object;
    for (size_t i = 0; i < field->path.count; i++) {
        const char *key = field->path.items[i].key;
        if (!key) {
            diag_report(lowering->diags, DIAG_BAD_TEST, field->path.items[i].span,
                        "'[*]' does not name a single field to set");
            diag_help(lowering->diags, "write the list with object \"\"\"…\"\"\"");
            return;
        }
        if (i + 1 < field->path.count)
            at = value_map_at(lowering->arena, at, key);
        else
            value_set(lowering->arena, at, key, value_copy(lowering->arena, lower_value(lowering, field->value)));
    }
}

static struct value *bad_object(struct lowering *lowering, const struct ast_object_state *state, const char *problem,
                                const char *help) {
    diag_report(lowering->diags, DIAG_BAD_TEST, state->object.span, "%s", problem);
    diag_help(lowering->diags, "%s", help);
    return NULL;
}

// What 'kubectl get -o yaml' prints of several objects, as a List or as its items.
static const struct value *items_of(const struct value *object) {
    if (object->kind == VALUE_LIST) return object;
    const char *kind = value_get_string(object, "kind");
    const size_t len = strlen(kind), end = strlen("List");
    const struct value *items = value_get(object, "items");
    return len >= end && strcmp(kind + len - end, "List") == 0 && items && items->kind == VALUE_LIST ? items : NULL;
}

static bool is_text(const struct value *map, const char *key, const char *text) {
    const char *said = value_get_string(map, key);
    return !*said || strcmp(said, text) == 0;
}

// Whether the object may be the one that the step names: what it does not say, the step says.
static bool is_meant(const struct value *object, const struct resource *resource, const char *namespace,
                     const char *name) {
    const struct value *metadata = value_get(object, "metadata");
    return object->kind == VALUE_MAP && (resource->kind_unsaid || is_text(object, "kind", resource->kind)) &&
           is_text(metadata, "name", name) && (!resource->namespaced || is_text(metadata, "namespace", namespace));
}

// The object as it is written; NULL after reporting.
static struct value *read_object(struct lowering *lowering, const struct ast_object_state *state,
                                 const struct resource *resource, const char *namespace, const char *name) {
    struct arena *arena = lowering->arena;
    const char *error = NULL;
    const char *meant = arena_printf(arena, "%s %s%s%s", resource->plural, resource->namespaced ? namespace : "",
                                     resource->namespaced ? "/" : "", name);
    struct value *object = lowering->read_yaml(arena, state->object.text, strlen(state->object.text), &error);
    if (!object)
        return bad_object(lowering, state, arena_printf(arena, "the object is not a YAML mapping: %s", error),
                          "write one object as 'kubectl get -o yaml' prints it, without anchors and tags");
    const struct value *items = items_of(object);
    if (items) {
        size_t at = items->count, count = 0;
        for (size_t i = 0; i < items->count; i++)
            if (is_meant(items->as.items[i], resource, namespace, name)) at = i, count++;
        if (count == 1) return value_copy(arena, items->as.items[at]);
        return bad_object(
            lowering, state,
            arena_printf(arena, count ? "the list has %s more than once" : "there is no %s in the list", meant),
            "a state is one object: the one that the step names");
    }
    if (object->kind != VALUE_MAP)
        return bad_object(lowering, state, "the object is not a YAML mapping: a value of another kind",
                          "write the object's fields: object \"\"\"{spec: {…}}\"\"\"");
    if (is_meant(object, resource, namespace, name)) return object;
    const struct value *metadata = value_get(object, "metadata");
    const char *kind = value_get_string(object, "kind"), *in = value_get_string(metadata, "namespace");
    const char *named = value_get_string(metadata, "name");
    return bad_object(lowering, state,
                      arena_printf(arena, "the step is about %s, but the object is %.80s%s%.80s%s%.80s", meant, kind,
                                   *kind && *named ? " " : "", in, *in ? "/" : "", named),
                      "its kind, name and namespace may be left out: the step says them");
}

// A Namespace of a tenant of which nothing is said is as it is made.
static void as_made(struct lowering *lowering, const struct resource *resource, const char *name,
                    struct value *metadata) {
    const struct tenant *tenant = map_get(&lowering->tenants, name);
    if (!tenant || *resource->group || strcmp(resource->plural, "namespaces") != 0) return;
    tenant_describe_namespace(lowering->arena, tenant, value_map_at(lowering->arena, metadata, "labels"),
                              value_map_at(lowering->arena, metadata, "annotations"));
}

static struct value *make_object(struct lowering *lowering, const struct ast_object_state *state,
                                 const struct resource *resource, const char *namespace, const char *name,
                                 bool terminating) {
    struct arena *arena = lowering->arena;
    struct value *object = NULL;
    if (state->object.text) object = read_object(lowering, state, resource, namespace, name);
    if (!object) object = value_map(arena);
    const char *version = strcmp(resource->version, "*") == 0 ? "v1" : resource->version;
    value_set_string(arena, object, "apiVersion",
                     *resource->group ? arena_printf(arena, "%s/%s", resource->group, version) : version);
    value_set_string(arena, object, "kind", resource->kind);
    struct value *metadata = value_map_at(arena, object, "metadata");
    value_set_string(arena, metadata, "name", name);
    if (resource->namespaced) value_set_string(arena, metadata, "namespace", namespace);
    if (!state->given) as_made(lowering, resource, name, metadata);
    if (state->labels.count) pairs_to_map(arena, &state->labels, value_map_at(arena, metadata, "labels"));
    if (state->annotations.count)
        pairs_to_map(arena, &state->annotations, value_map_at(arena, metadata, "annotations"));
    if (terminating) {
        value_set_string(arena, metadata, "deletionTimestamp", "2026-01-01T00:00:00Z");
        value_set(arena, metadata, "deletionGracePeriodSeconds", value_int(arena, 30));
    }
    for (size_t i = 0; i < state->field_count; i++) set_field(lowering, object, &state->fields[i]);
    return object;
}

static struct value *make_namespace(struct lowering *lowering, const char *name, const struct setting *setting) {
    struct arena *arena = lowering->arena;
    struct value *namespace = value_map(arena), *metadata = value_map(arena), *status = value_map(arena);
    struct value *labels = setting->namespace_labels ? value_copy(arena, setting->namespace_labels) : value_map(arena);
    const struct tenant *tenant = map_get(&lowering->tenants, name);
    value_set_string(arena, namespace, "apiVersion", "v1");
    value_set_string(arena, namespace, "kind", "Namespace");
    value_set(arena, namespace, "metadata", metadata);
    value_set_string(arena, metadata, "name", name);
    value_set_string(arena, labels, KUBE_NAME_LABEL, name);
    value_set(arena, metadata, "labels", labels);
    if (tenant) {
        struct value *annotations = value_map(arena);
        tenant_describe_namespace(arena, tenant, labels, annotations);
        value_set(arena, metadata, "annotations", annotations);
    }
    if (setting->namespace_terminating) value_set_string(arena, metadata, "deletionTimestamp", "2026-01-01T00:00:00Z");
    value_set(arena, namespace, "status", status);
    value_set_string(arena, status, "phase", setting->namespace_terminating ? "Terminating" : "Active");
    return namespace;
}

// Splits [NS/]NAME as the scope of the resource asks; false after reporting.
static bool split_name(struct lowering *lowering, struct word word, const struct resource *resource,
                       const char **ret_namespace, const char **ret_name) {
    const char *slash = strchr(word.text, '/');
    if (resource->namespaced != (slash != NULL)) {
        diag_report(lowering->diags, DIAG_BAD_TEST, word.span, "'%s' is %s", resource->plural,
                    resource->namespaced ? "namespaced: the object needs a namespace"
                                         : "cluster-scoped: the object has no namespace");
        diag_help(lowering->diags, resource->namespaced ? "write NAMESPACE/%s" : "write the name alone, without '%s'",
                  word.text);
        return false;
    }
    *ret_namespace = slash ? arena_copy(lowering->arena, word.text, (size_t)(slash - word.text)) : "";
    *ret_name = slash ? slash + 1 : word.text;
    return true;
}

// ---- what is there beside the objects of requests ----

static bool is_text_map(const struct value *map) {
    for (size_t i = 0; map && map->kind == VALUE_MAP && i < map->count; i++)
        if (map->as.entries[i].value->kind != VALUE_STRING) return false;
    return !map || map->kind == VALUE_MAP;
}

// Later steps of the test find the ConfigMap, or find none of its name any more. The list is a new one: requests have
// the one that was.
static void set_given(struct lowering *lowering, const struct ast_step *step, struct setting *setting) {
    struct arena *arena = lowering->arena;
    const struct value **before = setting->given;
    const size_t count = setting->given_count;
    const char *version = NULL, *subresource = NULL, *namespace, *name;
    const struct resource *resource = lower_resource_part(lowering, step->resource, &version, &subresource);
    if (!resource) return;
    if (*resource->group || strcmp(resource->plural, "configmaps") != 0 || subresource) {
        diag_report(lowering->diags, DIAG_BAD_TEST, step->resource.span, "only ConfigMaps can be given, not '%s'",
                    step->resource.text);
        diag_help(lowering->diags,
                  "no lock looks at other objects than that of the request: say its state in the step");
        return;
    }
    if (!split_name(lowering, step->name, resource, &namespace, &name)) return;
    const struct value *object =
        step->is_gone ? NULL
                      : make_object(lowering, &step->before, resource, namespace, name, step->before.terminating);
    if (object && !is_text_map(value_get(object, "data"))) {
        diag_report(lowering->diags, DIAG_BAD_TEST, step->before.span, "the data of a ConfigMap holds texts alone");
        diag_help(lowering->diags, "quote numbers and booleans");
        return;
    }
    bool known = false;
    setting->given = NULL;
    setting->given_count = 0;
    for (size_t i = 0; i < count; i++) {
        const struct value *metadata = value_get(before[i], "metadata");
        const bool same = strcmp(value_get_string(metadata, "name"), name) == 0 &&
                          strcmp(value_get_string(metadata, "namespace"), namespace) == 0;
        known |= same;
        if (!same) ARENA_PUSH(arena, setting->given, setting->given_count, before[i]);
    }
    if (object) ARENA_PUSH(arena, setting->given, setting->given_count, object);
    if (object || known) return;
    diag_report(lowering->diags, DIAG_BAD_TEST, step->name.span, "no ConfigMap '%s' is given", step->name.text);
    diag_help(lowering->diags, "there is none unless a step before says: given configmaps %s …", step->name.text);
}

static const struct {
    const char *word;
    enum operation operation;
    const char *subresource; // that it stands for
    const char *verb;        // that the resource must have for it
} operations[] = {
    {"create", OP_CREATE, "", "create"}, {"update", OP_UPDATE, "", "update"},
    {"delete", OP_DELETE, "", "delete"}, {"delete-collection", OP_DELETE, "", "deletecollection"},
    {"connect", OP_CONNECT, "", ""},     {"evict", OP_CREATE, "eviction", ""},
    {"scale", OP_UPDATE, "scale", ""},
};

// What is asked for, of what: RESOURCE[/SUBRESOURCE], where the operation may be the subresource's only one. False
// after reporting.
static bool find_request(struct lowering *lowering, const struct ast_step *step, struct request *request,
                         const struct resource **ret_resource) {
    const char *version = NULL, *subresource = NULL;
    size_t i = 0;
    while (strcmp(operations[i].word, step->operation.text) != 0) i++; // the grammar takes no other word
    const struct resource *resource = lower_resource_part(lowering, step->resource, &version, &subresource);
    if (!resource) return false;
    const bool stands = *operations[i].subresource;
    const char *reached = stands ? operations[i].subresource : subresource ? subresource : "";
    const struct kube_act *act = kube_act_of(reached);
    bool served = !(stands && subresource) && (!*reached || text_has_word(resource->subresources, reached));
    if (act)
        served = served && act->operation == operations[i].operation;
    else if (*reached)
        served = served && operations[i].operation == OP_UPDATE && kube_subresource_class(reached) != SUBRESOURCE_OTHER;
    else
        served = served && text_has_word(resource->verbs, operations[i].verb);
    if (!served) {
        diag_report(lowering->diags, DIAG_WRONG_OPERATION, step->resource.span, "'%s' does not support operation '%s'",
                    step->resource.text, step->operation.text);
        if (*resource->subresources && operations[i].operation == OP_CONNECT)
            diag_help(lowering->diags, "name the subresource: connect %s/exec", resource->plural);
        return false;
    }
    request->operation = operations[i].operation;
    request->collection = strcmp(operations[i].word, "delete-collection") == 0;
    request->group = resource->group;
    request->version = version ? version : strcmp(resource->version, "*") == 0 ? "v1" : resource->version;
    request->resource = resource->plural;
    request->kind = resource->kind;
    request->subresource = reached;
    request->namespaced = resource->namespaced;
    *ret_resource = resource;
    return true;
}

// An annotation that no policy mentions, so that an `update` with one state changes something.
#define TOUCHED "klock.dev/touched"

static const struct value *replicas_of(const struct value *object) {
    const struct value *replicas = value_dig(object, "spec", "replicas", NULL);
    return replicas && replicas->kind == VALUE_INT ? replicas : NULL;
}

// The parent with its new number of replicas: the one that is written behind the arrow, else one more than before. The
// server's default of one is in the stored parent as well.
static struct value *scaled(struct arena *arena, struct value *stored, const struct ast_step *step) {
    const struct value *before = replicas_of(stored);
    if (!before) value_set(arena, value_map_at(arena, stored, "spec"), "replicas", value_int(arena, 1));
    int64_t replicas = (before ? before->as.integer : 1) + 1;
    for (size_t i = 0; step->has_arrow && i < step->after.field_count; i++) {
        const struct ast_path *path = &step->after.fields[i].path;
        const bool named = path->count == 2 && path->items[0].key && path->items[1].key &&
                           strcmp(path->items[0].key, "spec") == 0 && strcmp(path->items[1].key, "replicas") == 0;
        if (named) replicas = strtoll(step->after.fields[i].value.text, NULL, 10);
    }
    struct value *object = value_copy(arena, stored);
    value_set(arena, value_map_at(arena, object, "spec"), "replicas", value_int(arena, replicas));
    return object;
}

// Whether the step can be asked as it is written.
static bool check_step(struct lowering *lowering, const struct ast_step *step, const struct setting *setting,
                       const struct request *request, bool binds) {
    const struct ast_object_state *carried = &step->after;
    if (step->has_arrow && request->operation != OP_UPDATE && !binds) {
        diag_report(lowering->diags, DIAG_BAD_TEST, step->after.span, "only an update has two states");
        diag_help(lowering->diags, "a create has the new state, a delete the stored one");
    } else if (!setting->has_user) {
        diag_report(lowering->diags, DIAG_BAD_TEST, step->operation.span, "this request has no requester");
        diag_help(lowering->diags, "name the requester first: as user NAME");
    } else if (binds && step->has_arrow && (carried->field_count || carried->terminating || carried->object.text)) {
        diag_report(lowering->diags, DIAG_BAD_TEST, step->after.span,
                    "a binding passes only labels and annotations to the pod");
        diag_help(lowering->diags, "write the pod before the arrow and what the binding carries after it");
    } else {
        return true;
    }
    return false;
}

// What a binding carries goes to the pod.
static struct value *make_binding(struct arena *arena, const struct ast_step *step) {
    struct value *binding = value_map(arena), *metadata = value_map_at(arena, binding, "metadata");
    pairs_to_map(arena, &step->after.labels, value_map_at(arena, metadata, "labels"));
    pairs_to_map(arena, &step->after.annotations, value_map_at(arena, metadata, "annotations"));
    return binding;
}

// The state behind the arrow; without one, the same with a label that no policy mentions, so that something changes.
static struct value *make_updated(struct lowering *lowering, const struct ast_step *step,
                                  const struct resource *resource, const struct request *request,
                                  const struct value *stored) {
    struct arena *arena = lowering->arena;
    const bool terminating = step->before.terminating || step->after.terminating;
    if (step->has_arrow)
        return make_object(lowering, &step->after, resource, request->namespace, request->name, terminating);
    struct value *touched = value_copy(arena, stored);
    value_set_string(arena, value_map_at(arena, value_map_at(arena, touched, "metadata"), "annotations"), TOUCHED,
                     "true");
    return touched;
}

static bool make_request(struct lowering *lowering, const struct ast_step *step, const struct setting *setting,
                         struct request *ret_request) {
    struct arena *arena = lowering->arena;
    struct request *request = ret_request;
    const struct resource *resource = NULL;
    *request = (struct request){
        .namespace = "",
        .name = "",
        .user = setting->user,
        .uid = setting->uid,
        .groups = setting->groups,
        .group_count = setting->group_count,
        .extra = setting->extra,
        .grants = setting->grants,
        .grant_count = setting->grant_count,
        .given = setting->given,
        .given_count = setting->given_count,
    };
    if (!find_request(lowering, step, request, &resource)) return false;
    if (!split_name(lowering, step->name, resource, &request->namespace, &request->name)) return false;
    const struct kube_act *act = kube_act_of(request->subresource);
    const bool binds = act && act->act == ACT_BIND;
    if (!check_step(lowering, step, setting, request, binds)) return false;
    if (resource->namespaced) request->namespace_object = make_namespace(lowering, request->namespace, setting);
    struct value *first =
        make_object(lowering, &step->before, resource, request->namespace, request->name, step->before.terminating);
    // What is written of an act is the stored object that it is about.
    if (request->operation == OP_CREATE && !act)
        request->object = first;
    else
        request->old_object = first;
    if (binds && step->has_arrow)
        request->object = make_binding(arena, step);
    else if (act && act->act == ACT_SCALE)
        request->object = scaled(arena, first, step);
    else if (request->operation == OP_UPDATE)
        request->object = make_updated(lowering, step, resource, request, first);
    return true;
}

// The words as one text, as parts of locks are called.
static const char *part_text(struct arena *arena, const struct words *words) {
    struct text text;
    text_init(&text, arena);
    for (size_t i = 0; i < words->count; i++) text_printf(&text, "%s%s", i ? " " : "", words->items[i].text);
    return text_string(&text);
}

static bool begins_with(const char *part, const char *words) {
    const size_t len = strlen(words);
    return strncmp(part, words, len) == 0 && (!part[len] || part[len] == ' ');
}

// Guards that are part of the lock itself; NULL from the first that it has not.
static void add_own_guards(const struct lock *lock, const char **ret_guards) {
    size_t count = 0;
    if (lock->guard_labels) ret_guards[count++] = reason_guard(REASON_LEAVES);
    if (lock->guard_label_in) ret_guards[count++] = reason_guard(REASON_ENTERS);
    if (lock->guard_owners) ret_guards[count++] = reason_guard(REASON_OWNERS);
    ret_guards[count] = NULL;
}

// Whether some part of the lock is called so; *ret_known gets all that there are.
static bool has_part(struct lowering *lowering, const struct test_case *one, const char *words,
                     const char **ret_known) {
    struct text known;
    bool found = false;
    text_init(&known, lowering->arena);
    for (size_t i = 0; i < lowering->policies->lock_count; i++) {
        const struct lock *lock = lowering->policies->locks[i];
        if (strcmp(lock->name, one->by_lock) != 0 || strcmp(lock->policy, one->by_policy) != 0) continue;
        const char *part = lock_part(lowering->arena, lock), *guards[] = {part, NULL, NULL, NULL};
        if (!*part) add_own_guards(lock, guards);
        for (size_t j = 0; j < sizeof guards / sizeof *guards && guards[j]; j++) {
            text_printf(&known, "%s%s", known.len ? ", " : "", guards[j]);
            found |= begins_with(guards[j], words);
        }
    }
    *ret_known = text_string(&known);
    return found;
}

static void expect_part(struct lowering *lowering, const struct ast_step *step, struct test_case *one) {
    const char *words = part_text(lowering->arena, &step->words), *known;
    if (!step->words.count) return;
    one->by_part = words;
    if (has_part(lowering, one, words, &known)) return;
    diag_report(lowering->diags, DIAG_BAD_TEST,
                span_join(step->words.items[0].span, step->words.items[step->words.count - 1].span),
                "'%s' has no part called '%s'", one->by_lock, words);
    if (*known) diag_help(lowering->diags, "its parts are: %.400s", known);
}

static void expect_called(struct lowering *lowering, struct unit *unit, const struct ast_step *step,
                          struct test_case *one) {
    one->about = step->expectation == AST_EXPECT_CALLED ? CASE_CALLED : CASE_NOT_CALLED;
    for (size_t i = 0; i < step->words.count; i++) {
        const struct declaration *hook = scope_find(&lowering->scope, unit, AST_ITEM_WEBHOOK, step->words.items[i]);
        if (!hook) continue;
        const struct hook_name name = {hook->unit->policy, hook->item->name.text};
        ARENA_PUSH(lowering->arena, one->hooks, one->hook_count, name);
    }
}

// What a name behind `denied by` is: a lock, a sealed actor, which refuses by its own name, or a webhook, for the lock
// that keeps who may be asked for consent.
static enum ast_item_kind refusing_kind(struct lowering *lowering, struct unit *unit, const char *name) {
    static const enum ast_item_kind kinds[] = {AST_ITEM_LOCK, AST_ITEM_ACTOR, AST_ITEM_WEBHOOK};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (scope_has(&lowering->scope, unit, kinds[i], name)) return kinds[i];
    return AST_ITEM_LOCK;
}

static void expect(struct lowering *lowering, struct unit *unit, const struct ast_step *step, struct test_case *one) {
    if (step->expectation == AST_EXPECT_CALLED || step->expectation == AST_EXPECT_NOT_CALLED) {
        expect_called(lowering, unit, step, one);
        return;
    }
    one->expected = step->expectation == AST_EXPECT_ALLOWED  ? VERDICT_ALLOWED
                    : step->expectation == AST_EXPECT_DENIED ? VERDICT_DENIED
                                                             : VERDICT_WARNED;
    if (!step->lock.text) return;
    const enum ast_item_kind kind = refusing_kind(lowering, unit, step->lock.text);
    const bool actor = kind == AST_ITEM_ACTOR;
    const struct declaration *lock = scope_find(&lowering->scope, unit, kind, step->lock);
    if (lock && actor && !lock->item->as.actor.sealed) {
        diag_report(lowering->diags, DIAG_BAD_TEST, step->lock.span, "actor '%s' is not sealed, so it refuses nothing",
                    step->lock.text);
        diag_help(lowering->diags, "name a lock, or seal the actor");
        return;
    }
    if (!lock) return;
    one->by_policy = lock->unit->policy;
    one->by_lock = lock->item->name.text;
    expect_part(lowering, step, one);
}

static void report_unexpected(struct lowering *lowering, const struct ast_step *step) {
    diag_report(lowering->diags, DIAG_TEST_WITHOUT_EXPECT, step->span, "this request has no expectation");
    diag_help(lowering->diags, "add: expect allowed, or: expect denied by LOCK");
}

void lower_test(struct lowering *lowering, struct unit *unit, const struct ast_item *item) {
    struct test_block *test = ARENA_NEW(lowering->arena, struct test_block);
    *test = (struct test_block){.policy = unit->policy, .title = item->name.text, .span = item->span};
    struct setting setting = {.user = "", .uid = ""};
    const struct ast_step *pending = NULL;
    struct request request = {0};
    bool usable = false;
    size_t asked = 0;
    for (size_t i = 0; i < item->as.test.count; i++) {
        const struct ast_step *step = item->as.test.steps[i];
        switch (step->kind) {
        case AST_STEP_AS: set_requester(lowering, unit, step, &setting); break;
        case AST_STEP_IN_NAMESPACE:
            setting.namespace_labels =
                pairs_to_map(lowering->arena, &step->namespace_labels, value_map(lowering->arena));
            setting.namespace_terminating = step->namespace_terminating;
            break;
        case AST_STEP_GIVEN: set_given(lowering, step, &setting); break;
        case AST_STEP_GRANTS:
            if (!setting.has_user) {
                diag_report(lowering->diags, DIAG_BAD_TEST, step->span, "there is no requester yet");
                diag_help(lowering->diags, "name the requester first: as user NAME");
            }
            for (size_t j = 0; j < step->words.count; j++)
                ARENA_PUSH(lowering->arena, setting.grants, setting.grant_count, step->words.items[j].text);
            break;
        case AST_STEP_OPERATION:
            if (pending) report_unexpected(lowering, pending);
            pending = step;
            asked++;
            usable = make_request(lowering, step, &setting, &request);
            break;
        case AST_STEP_EXPECT:
            if (!asked) {
                diag_report(lowering->diags, DIAG_BAD_TEST, step->span, "an expectation before any request");
                break;
            }
            pending = NULL;
            struct test_case one = {.span = step->span, .step = asked, .request = request};
            expect(lowering, unit, step, &one);
            if (usable) ARENA_PUSH(lowering->arena, test->cases, test->case_count, one);
            break;
        }
    }
    if (pending) report_unexpected(lowering, pending);
    if (!asked) {
        diag_report(lowering->diags, DIAG_BAD_TEST, item->name.span, "a test without a request");
        diag_help(lowering->diags, "add an operation such as: delete pods default/my-pod");
    }
    ARENA_PUSH(lowering->arena, lowering->policies->tests, lowering->policies->test_count, test);
}
