// Objects of tests say what matters to locks; API servers ask for more.
#include <string.h>

#include "base/arena.h"
#include "base/text.h"
#include "chainsaw/chainsaw_internal.h"
#include "data/value.h"
#include "data/yamlio.h"

static const struct template {
    const char *group, *kind, *yaml; // NAME and NAMESPACE are those of the object
}
templates[] = {
#define TEMPLATE(group, kind, yaml) {group, kind, yaml},
#include "chainsaw/templates.def"
#undef TEMPLATE
};

#define IMAGE "registry.example/image:1"

static const char *replace(struct arena *arena, const char *text, const char *word, const char *by) {
    struct text out;
    text_init(&out, arena);
    for (const char *at; (at = strstr(text, word)); text = at + strlen(word)) {
        text_add(&out, text, (size_t)(at - text));
        text_add_string(&out, by);
    }
    text_add_string(&out, text);
    return text_string(&out);
}

static struct value *template_of(struct arena *arena, const struct request *request, const char *group,
                                 const char *kind) {
    for (size_t i = 0; i < sizeof templates / sizeof *templates; i++) {
        if (strcmp(templates[i].group, group) != 0 || strcmp(templates[i].kind, kind) != 0) continue;
        const char *text = replace(arena, templates[i].yaml, "NAMESPACE", request->namespace), *error;
        text = replace(arena, text, "NAME", request->name);
        struct value *value = yaml_read(arena, text, strlen(text), &error);
        if (value) return value;
    }
    return value_map(arena);
}

// Lays the fields of a map over another. Lists are values.
static void lay_over(struct arena *arena, struct value *under, const struct value *over) {
    for (size_t i = 0; i < over->count; i++) {
        const struct value_entry *entry = &over->as.entries[i];
        struct value *there = value_get(under, entry->key);
        if (there && there->kind == VALUE_MAP && entry->value->kind == VALUE_MAP)
            lay_over(arena, there, entry->value);
        else
            value_set(arena, under, entry->key, value_copy(arena, entry->value));
    }
}

static void set_default(struct arena *arena, struct value *map, const char *key, const char *text) {
    if (map->kind == VALUE_MAP && !value_get(map, key)) value_set_string(arena, map, key, text);
}

static void fill_containers(struct arena *arena, struct value *spec, const char *list) {
    struct value *containers = value_get(spec, list);
    if (!containers || containers->kind != VALUE_LIST) return;
    for (size_t i = 0; i < containers->count; i++) {
        set_default(arena, containers->as.items[i], "name", arena_printf(arena, "%.1s%zu", list, i));
        set_default(arena, containers->as.items[i], "image", IMAGE);
    }
}

// Pod Security admission, which the namespace asks for, is not what the test is about.
static bool is_secured(const struct request *request) {
    static const char prefix[] = "pod-security.kubernetes.io/";
    const struct value *labels = value_dig(request->namespace_object, "metadata", "labels", NULL);
    bool is_secured = false;
    for (size_t i = 0; labels && i < labels->count; i++)
        is_secured |= strncmp(labels->as.entries[i].key, prefix, sizeof prefix - 1) == 0;
    return is_secured;
}

static void set_default_bool(struct arena *arena, struct value *map, const char *key, bool boolean) {
    if (!value_get(map, key)) value_set(arena, map, key, value_bool(arena, boolean));
}

// As the level `restricted` has it, where the test says nothing else.
static void secure(struct arena *arena, struct value *spec) {
    static const char *const lists[] = {"containers", "initContainers"};
    struct value *of_pod = value_map_at(arena, spec, "securityContext");
    set_default_bool(arena, of_pod, "runAsNonRoot", true);
    set_default(arena, value_map_at(arena, of_pod, "seccompProfile"), "type", "RuntimeDefault");
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        struct value *list = value_get(spec, lists[i]);
        for (size_t j = 0; list && list->kind == VALUE_LIST && j < list->count; j++) {
            if (list->as.items[j]->kind != VALUE_MAP) continue;
            struct value *context = value_map_at(arena, list->as.items[j], "securityContext");
            set_default_bool(arena, context, "allowPrivilegeEscalation", false);
            struct value *capabilities = value_map_at(arena, context, "capabilities");
            if (value_get(capabilities, "drop")) continue;
            struct value *drop = value_list(arena);
            value_append(arena, drop, value_string(arena, "ALL"));
            value_set(arena, capabilities, "drop", drop);
        }
    }
}

static void fill_pod(struct arena *arena, const struct request *request, struct value *spec, bool stored) {
    const struct value *containers = value_get(spec, "containers");
    if (!containers || containers->kind != VALUE_LIST || !containers->count) {
        struct value *list = value_list(arena);
        value_append(arena, list, value_map(arena));
        value_set(arena, spec, "containers", list);
    }
    fill_containers(arena, spec, "containers");
    fill_containers(arena, spec, "initContainers");
    fill_containers(arena, spec, "ephemeralContainers");
    if (stored) set_default(arena, spec, "schedulerName", CHAINSAW_NAME);
    if (is_secured(request)) secure(arena, spec);
}

static struct value *spec_of_template(struct arena *arena, struct value *spec) {
    return value_map_at(arena, value_map_at(arena, spec, "template"), "spec");
}

// Pods that a controller makes would be in the way of those that tests speak of.
static void keep_still(struct arena *arena, const char *group, const char *kind, struct value *spec) {
    if (strcmp(group, "batch") == 0) {
        if (!value_get(spec, "suspend")) value_set(arena, spec, "suspend", value_bool(arena, true));
    } else if (strcmp(kind, "DaemonSet") != 0 && !value_get(spec, "replicas")) {
        value_set(arena, spec, "replicas", value_int(arena, 0));
    }
}

// What pods are made of here, and the labels by which their maker finds them.
static void fill_workload(struct arena *arena, const struct request *request, struct value *object, bool stored) {
    const char *group = request->group, *kind = request->kind;
    struct value *spec = value_map_at(arena, object, "spec");
    if (stored) keep_still(arena, group, kind, spec);
    if (strcmp(kind, "CronJob") == 0) spec = value_map_at(arena, value_map_at(arena, spec, "jobTemplate"), "spec");
    fill_pod(arena, request, spec_of_template(arena, spec), stored);
    struct value *selector = value_get(spec, "selector");
    if (strcmp(group, "apps") == 0) selector = value_get(selector, "matchLabels");
    if (strcmp(group, "batch") == 0 || !selector || selector->kind != VALUE_MAP) return;
    struct value *metadata = value_map_at(arena, value_map_at(arena, spec, "template"), "metadata");
    lay_over(arena, value_map_at(arena, metadata, "labels"), selector);
}

static void fill_rules(struct arena *arena, struct value *role) {
    struct value *rules = value_get(role, "rules");
    for (size_t i = 0; rules && rules->kind == VALUE_LIST && i < rules->count; i++) {
        static const char *const texts[][2] = {{"apiGroups", ""}, {"resources", "pods"}, {"verbs", "get"}};
        struct value *rule = rules->as.items[i];
        for (size_t j = value_get(rule, "nonResourceURLs") ? 2 : 0; j < 3; j++) {
            if (rule->kind != VALUE_MAP || value_get(rule, texts[j][0])) continue;
            struct value *list = value_list(arena);
            value_append(arena, list, value_string(arena, texts[j][1]));
            value_set(arena, rule, texts[j][0], list);
        }
    }
}

static void fill_subjects(struct arena *arena, struct value *binding) {
    const char *namespace = value_get_string(value_get(binding, "metadata"), "namespace");
    struct value *subjects = value_get(binding, "subjects");
    for (size_t i = 0; subjects && subjects->kind == VALUE_LIST && i < subjects->count; i++) {
        struct value *subject = subjects->as.items[i];
        set_default(arena, subject, "kind", "User");
        set_default(arena, subject, "name", "somebody");
        if (strcmp(value_get_string(subject, "kind"), "ServiceAccount") != 0)
            set_default(arena, subject, "apiGroup", "rbac.authorization.k8s.io");
        else
            set_default(arena, subject, "namespace", *namespace ? namespace : "default");
    }
}

// What a type of Secrets asks for.
static void fill_secret(struct arena *arena, struct value *secret) {
    static const struct {
        const char *type, *key, *value;
    } asked[] = {
        {"kubernetes.io/dockercfg", ".dockercfg", "e30="},
        {"kubernetes.io/dockerconfigjson", ".dockerconfigjson", "e30="},
        {"kubernetes.io/basic-auth", "username", "a2xvY2s="},
        {"kubernetes.io/ssh-auth", "ssh-privatekey", "a2xvY2s="},
        {"kubernetes.io/tls", "tls.crt", ""},
        {"kubernetes.io/tls", "tls.key", ""},
    };
    const char *type = value_get_string(secret, "type");
    for (size_t i = 0; i < sizeof asked / sizeof *asked; i++)
        if (strcmp(asked[i].type, type) == 0)
            set_default(arena, value_map_at(arena, secret, "data"), asked[i].key, asked[i].value);
}

static void fill_owners(struct arena *arena, struct value *metadata) {
    struct value *owners = value_get(metadata, "ownerReferences");
    for (size_t i = 0; owners && owners->kind == VALUE_LIST && i < owners->count; i++) {
        struct value *owner = owners->as.items[i];
        set_default(arena, owner, "apiVersion", "v1");
        set_default(arena, owner, "kind", "ConfigMap");
        set_default(arena, owner, "name", "owner");
        set_default(arena, owner, "uid", arena_printf(arena, "00000000-0000-0000-0000-%012zu", i));
    }
}

// A definition says again in its spec what its name is made of.
static void fill_definition(struct arena *arena, const struct request *request, struct value *object) {
    const char *dot = strchr(request->name, '.');
    if (!dot) return;
    const char *plural = arena_copy(arena, request->name, (size_t)(dot - request->name)),
               *kind = arena_printf(arena, "Kind%s", plural);
    struct value *spec = value_map_at(arena, object, "spec"), *names = value_map_at(arena, spec, "names");
    set_default(arena, spec, "group", dot + 1);
    set_default(arena, names, "plural", plural);
    set_default(arena, names, "kind", kind);
}

static void fill_service(struct arena *arena, const struct request *request, struct value *object) {
    const char *dot = strchr(request->name, '.');
    struct value *spec = value_map_at(arena, object, "spec");
    if (!dot) return;
    set_default(arena, spec, "version", arena_copy(arena, request->name, (size_t)(dot - request->name)));
    set_default(arena, spec, "group", dot + 1);
}

// Every webhook of a configuration needs these of the one in the template.
static void fill_webhooks(struct arena *arena, const struct request *request, struct value *object) {
    static const char *const needed[] = {"name", "admissionReviewVersions", "sideEffects", "clientConfig"};
    const struct value *whole = value_get(template_of(arena, request, request->group, request->kind), "webhooks");
    struct value *webhooks = value_get(object, "webhooks");
    for (size_t i = 0; webhooks && webhooks->kind == VALUE_LIST && i < webhooks->count; i++)
        for (size_t j = 0; j < sizeof needed / sizeof *needed; j++)
            if (webhooks->as.items[i]->kind == VALUE_MAP && !value_get(webhooks->as.items[i], needed[j]))
                value_set(arena, webhooks->as.items[i], needed[j],
                          value_copy(arena, value_get(whole->as.items[0], needed[j])));
}

static void fill(struct arena *arena, const struct request *request, struct value *object, bool stored) {
    const char *group = request->group, *kind = request->kind;
    fill_owners(arena, value_map_at(arena, object, "metadata"));
    if (strcmp(kind, "Pod") == 0 && !*group) {
        fill_pod(arena, request, value_map_at(arena, object, "spec"), stored);
    } else if (strcmp(kind, "PodTemplate") == 0 && !*group) {
        fill_pod(arena, request, spec_of_template(arena, object), stored);
    } else if ((strcmp(group, "apps") == 0 && strcmp(kind, "ControllerRevision") != 0) ||
               (strcmp(group, "batch") == 0) || strcmp(kind, "ReplicationController") == 0) {
        fill_workload(arena, request, object, stored);
    } else if (strcmp(group, "rbac.authorization.k8s.io") == 0) {
        fill_rules(arena, object);
        fill_subjects(arena, object);
    } else if (strcmp(kind, "Secret") == 0 && !*group) {
        fill_secret(arena, object);
    } else if (strcmp(kind, "CustomResourceDefinition") == 0) {
        fill_definition(arena, request, object);
    } else if (strcmp(kind, "MutatingWebhookConfiguration") == 0 ||
               strcmp(kind, "ValidatingWebhookConfiguration") == 0) {
        fill_webhooks(arena, request, object);
    } else if (strcmp(kind, "APIService") == 0) {
        fill_service(arena, request, object);
    }
}

struct value *chainsaw_complete(struct arena *arena, const struct request *request, const struct value *said,
                                bool stored) {
    struct value *object = value_map(arena);
    // First what kubectl prints first.
    value_set_string(arena, object, "apiVersion", value_get_string(said, "apiVersion"));
    value_set_string(arena, object, "kind", value_get_string(said, "kind"));
    value_set(arena, object, "metadata", value_map(arena));
    lay_over(arena, object, template_of(arena, request, request->group, request->kind));
    lay_over(arena, object, said);
    fill(arena, request, object, stored);
    return object;
}

struct value *chainsaw_difference(struct arena *arena, const struct value *before, const struct value *after) {
    struct value *patch = value_map(arena);
    for (size_t i = 0; i < before->count; i++)
        if (!value_get(after, before->as.entries[i].key))
            value_set(arena, patch, before->as.entries[i].key, value_null(arena));
    for (size_t i = 0; i < after->count; i++) {
        const struct value_entry *entry = &after->as.entries[i];
        const struct value *old = value_get(before, entry->key);
        struct value *changed = entry->value;
        if (old && value_equal(old, changed)) continue;
        if (old && old->kind == VALUE_MAP && changed->kind == VALUE_MAP)
            changed = chainsaw_difference(arena, old, changed);
        if (changed) value_set(arena, patch, entry->key, changed);
    }
    return patch->count ? patch : NULL;
}
