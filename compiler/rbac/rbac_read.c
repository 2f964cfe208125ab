// Streams of YAML → roles and bindings. What is no RBAC is skipped.
#include <string.h>

#include "base/arena.h"
#include "base/text.h"
#include "data/objects.h"
#include "data/value.h"
#include "kubernetes/account.h"
#include "rbac/rbac_internal.h"
#include "report/diag.h"
#include "report/source.h"

#define GROUP_NAME "rbac.authorization.k8s.io"

// A document that was read, with its places by their values once somebody asks for one.
struct origin_document {
    struct yaml_document document;
    uint32_t file;
    const struct yaml_place **table; // open addressing; a power of two
    size_t capacity;
};

struct reading {
    const struct rbac_audit *audit;
    struct rbac *rbac;
    struct origin_document *document;
};

// ---- places ----

static size_t slot_of(const struct origin_document *document, const struct value *value) {
    const uintptr_t key = (uintptr_t)value / sizeof(void *);
    size_t at = (size_t)(key * 0x9e3779b97f4a7c15U) & (document->capacity - 1);
    while (document->table[at] && document->table[at]->value != value) at = (at + 1) & (document->capacity - 1);
    return at;
}

struct span rbac_span(const struct rbac *rbac, const struct written *written) {
    struct origin_document *document = written->document;
    if (!document || !written->value) return span_none();
    if (!document->table) {
        for (document->capacity = 16; document->capacity < document->document.place_count * 2;) document->capacity *= 2;
        document->table = ARENA_ARRAY(rbac->arena, const struct yaml_place *, document->capacity);
        for (size_t i = 0; i < document->document.place_count; i++) {
            const struct yaml_place *place = &document->document.places[i];
            document->table[slot_of(document, place->value)] = place;
        }
    }
    const struct yaml_place *place = document->table[slot_of(document, written->value)];
    return place ? (struct span){document->file, place->begin, place->end} : span_none();
}

static struct written written_at(const struct reading *r, const struct value *value) {
    return (struct written){r->document, value};
}

// ---- subjects ----

static const char *label_of(struct arena *arena, bool is_group, const char *name) {
    const char *namespace, *account;
    if (is_group && strcmp(name, ACCOUNT_GROUP_OF_ALL) == 0) return "every service account";
    if (is_group && account_is_group(name))
        return arena_printf(arena, "serviceaccounts %s", name + strlen(ACCOUNT_GROUP_PREFIX));
    if (!is_group && account_parse(arena, name, &namespace, &account))
        return arena_printf(arena, "serviceaccount %s/%s", namespace, account);
    return arena_printf(arena, "%s %s", is_group ? "group" : "user", name);
}

struct subject *rbac_subject(struct rbac *rbac, bool is_group, const char *name) {
    struct arena *arena = rbac->arena;
    const char *key = arena_printf(arena, "%c%s", is_group ? 'g' : 'u', name);
    struct subject *subject = map_get(&rbac->subjects, key);
    if (subject) return subject;
    const char *namespace = NULL, *account;
    subject = ARENA_NEW(arena, struct subject);
    if (is_group || !account_parse(arena, name, &namespace, &account)) namespace = NULL;
    *subject = (struct subject){
        .is_group = is_group, .name = name, .label = label_of(arena, is_group, name), .account = namespace};
    map_set(&rbac->subjects, key, subject);
    return subject;
}

// ---- objects ----

static void refuse(struct reading *r, struct span span, const char *help, const char *problem) {
    struct diags *diags = r->audit->diags;
    diag_report(diags, DIAG_NOT_RBAC, span, "%s", problem);
    diag_help(diags, "%s", help);
}

static void refuse_value(struct reading *r, const struct value *value, const char *problem) {
    const struct written at = written_at(r, value);
    refuse(r, rbac_span(r->rbac, &at),
           "hand over what an API server takes: 'kubectl apply --dry-run=server' says the same", problem);
}

// The list of texts under the key; false, after a report, where it is something else.
static bool read_texts(struct reading *r, const struct value *map, const char *key, struct texts *ret_texts) {
    const struct value *list = value_get(map, key);
    *ret_texts = (struct texts){0};
    if (!list || list->kind == VALUE_NULL) return true;
    if (list->kind != VALUE_LIST) {
        refuse_value(r, list, arena_printf(r->rbac->arena, "'%s' is no list", key));
        return false;
    }
    ret_texts->items = ARENA_ARRAY(r->rbac->arena, const char *, list->count);
    for (size_t i = 0; i < list->count; i++) {
        if (list->as.items[i]->kind != VALUE_STRING) {
            refuse_value(r, list->as.items[i], arena_printf(r->rbac->arena, "'%s' has something that is no text", key));
            return false;
        }
        ret_texts->items[ret_texts->count++] = list->as.items[i]->as.string;
    }
    return true;
}

static void read_rules(struct reading *r, struct role *role, const struct value *rules) {
    if (!rules || rules->kind == VALUE_NULL) return;
    if (rules->kind != VALUE_LIST) {
        refuse_value(r, rules, "'rules' is no list");
        return;
    }
    role->own = ARENA_ARRAY(r->rbac->arena, struct rule, rules->count);
    for (size_t i = 0; i < rules->count; i++) {
        const struct value *value = rules->as.items[i];
        struct rule *rule = &role->own[role->own_count];
        if (value->kind != VALUE_MAP) {
            refuse_value(r, value, "a rule that is no map");
            continue;
        }
        *rule = (struct rule){.at = written_at(r, value), .role = role};
        if (read_texts(r, value, "verbs", &rule->verbs) && read_texts(r, value, "apiGroups", &rule->groups) &&
            read_texts(r, value, "resources", &rule->resources) &&
            read_texts(r, value, "resourceNames", &rule->names) && read_texts(r, value, "nonResourceURLs", &rule->urls))
            role->own_count++;
    }
}

static const char *key_of(struct arena *arena, const char *namespace, const char *name) {
    return arena_printf(arena, "%s/%s", namespace, name);
}

// kubectl applies one after the other: the last one is what stays.
static void read_role(struct reading *r, const struct value *object, const char *namespace, const struct value *name) {
    struct rbac *rbac = r->rbac;
    const char *key = key_of(rbac->arena, namespace, name->as.string);
    struct role *role = map_get(&rbac->roles, key);
    if (!role) {
        role = ARENA_NEW(rbac->arena, struct role);
        map_set(&rbac->roles, key, role);
        ARENA_PUSH(rbac->arena, rbac->ordered, rbac->role_count, role);
    }
    *role = (struct role){
        .namespace = namespace,
        .name = name->as.string,
        .at = written_at(r, name),
        .labels = value_dig(object, "metadata", "labels", NULL),
        .aggregation = *namespace ? NULL : value_dig(object, "aggregationRule", "clusterRoleSelectors", NULL),
    };
    read_rules(r, role, value_get(object, "rules"));
}

static struct subject *read_subject(struct reading *r, const struct value *value, const char *namespace) {
    const char *kind = value_get_string(value, "kind"), *name = value_get_string(value, "name"),
               *in = value_get_string(value, "namespace");
    if (!*name) {
        refuse_value(r, value, "a subject without a name");
    } else if (strcmp(kind, "ServiceAccount") == 0) {
        if (!*in) in = namespace;
        if (*in) return rbac_subject(r->rbac, false, account_user(r->rbac->arena, in, name));
        refuse_value(r, value, "a service account without its namespace");
    } else if (strcmp(kind, "User") == 0 || strcmp(kind, "Group") == 0) {
        return rbac_subject(r->rbac, *kind == 'G', name);
    } else {
        refuse_value(r, value, "a subject that is no User, Group or ServiceAccount");
    }
    return NULL;
}

static void read_binding(struct reading *r, const struct value *object, const char *namespace,
                         const struct value *name) {
    struct rbac *rbac = r->rbac;
    const struct value *reference = value_get(object, "roleRef"), *subjects = value_get(object, "subjects");
    const char *kind = value_get_string(reference, "kind"), *role = value_get_string(reference, "name");
    const bool of_cluster_role = strcmp(kind, "ClusterRole") == 0;
    if (!*role || (!of_cluster_role && (strcmp(kind, "Role") != 0 || !*namespace))) {
        refuse_value(r, reference ? reference : name, "a binding whose roleRef names no role");
        return;
    }
    const char *key = key_of(rbac->arena, namespace, name->as.string);
    struct binding *binding = map_get(&rbac->known_bindings, key);
    if (!binding) {
        binding = ARENA_NEW(rbac->arena, struct binding);
        map_set(&rbac->known_bindings, key, binding);
        ARENA_PUSH(rbac->arena, rbac->bindings, rbac->binding_count, binding);
    }
    *binding = (struct binding){
        .namespace = namespace,
        .name = name->as.string,
        .at = written_at(r, name),
        .role_name = role,
        .of_cluster_role = of_cluster_role,
    };
    if (!subjects || subjects->kind != VALUE_LIST) return;
    binding->subjects = ARENA_ARRAY(rbac->arena, struct bound, subjects->count);
    for (size_t i = 0; i < subjects->count; i++) {
        struct subject *subject = read_subject(r, subjects->as.items[i], namespace);
        bool known = !subject;
        for (size_t j = 0; j < binding->subject_count && !known; j++) known = binding->subjects[j].subject == subject;
        if (!known) binding->subjects[binding->subject_count++] = (struct bound){.subject = subject};
    }
}

static void read_rbac(struct reading *r, const struct value *object, const char *kind) {
    const struct value *metadata = value_get(object, "metadata"), *name = value_get(metadata, "name");
    const bool is_binding = strstr(kind, "Binding") != NULL, of_cluster = strncmp(kind, "Cluster", 7) == 0;
    if (!name || name->kind != VALUE_STRING || !*name->as.string) {
        refuse_value(r, object, arena_printf(r->rbac->arena, "a %s without a name", kind));
        return;
    }
    // Rendered for `kubectl -n` or `helm -n`, the namespace is not written.
    const char *namespace = of_cluster ? "" : value_get_string(metadata, "namespace");
    if (!of_cluster && !*namespace) namespace = "default";
    if (is_binding)
        read_binding(r, object, namespace, name);
    else
        read_role(r, object, namespace, name);
}

static bool is_rbac_kind(const char *kind) {
    return text_has_word("ClusterRole ClusterRoleBinding Role RoleBinding", kind);
}

static void read_object(void *context, const struct value *object, const char *version, const char *kind) {
    struct reading *r = context;
    if (!*kind || !*version) {
        refuse_value(r, object, "this is no object: it needs apiVersion and kind");
    } else if (is_rbac_kind(kind) && strcmp(version, GROUP_NAME "/v1") == 0) {
        read_rbac(r, object, kind);
    } else if (is_rbac_kind(kind) && strncmp(version, GROUP_NAME "/", strlen(GROUP_NAME "/")) == 0) {
        refuse_value(r, value_get(object, "apiVersion"),
                     "Kubernetes has no RBAC of this version since 1.22: it is " GROUP_NAME "/v1");
    }
}

// ---- streams ----

// Neither annotations nor managedFields are read, which are most of what a cluster prints.
static const struct yaml_keys metadata_keys[] = {{"name", NULL}, {"namespace", NULL}, {"labels", NULL}, {NULL, NULL}};
static const struct yaml_keys object_keys[10] = {
    {"apiVersion", NULL}, {"kind", NULL},     {"metadata", metadata_keys}, {"rules", NULL}, {"aggregationRule", NULL},
    {"roleRef", NULL},    {"subjects", NULL}, {"items", object_keys},      {NULL, NULL},
};

static void read_input(struct reading *r, const struct source_input *input) {
    const struct rbac_audit *audit = r->audit;
    struct arena *arena = r->rbac->arena;
    const uint32_t file = source_add(audit->sources, audit->diags, input->name, input->bytes, input->len);
    const struct source *source = &audit->sources->items[file];
    if (!source->usable) return;
    struct yaml_stream stream;
    yaml_read_stream(arena, source->text, source->len, object_keys, &stream);
    for (size_t i = 0; i < stream.count; i++) {
        r->document = ARENA_NEW(arena, struct origin_document);
        *r->document = (struct origin_document){.document = stream.documents[i], .file = file};
        objects_each(arena, stream.documents[i].value, read_object, r);
    }
    if (stream.error)
        refuse(r, (struct span){file, stream.error_at, stream.error_at + 1},
               "hand over plain YAML or JSON: 'kubectl create --dry-run=client --validate=false -o yaml -f FILE' "
               "writes out "
               "anchors and aliases",
               stream.error);
}

void rbac_read_inputs(const struct rbac_audit *audit, struct rbac *rbac) {
    struct reading r = {.audit = audit, .rbac = rbac};
    for (size_t i = 0; i < audit->input_count; i++) read_input(&r, &audit->inputs[i]);
}
