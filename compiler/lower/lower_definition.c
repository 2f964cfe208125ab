// CustomResourceDefinitions → resources of the catalog. What the API server would refuse is an error here: a lock on
// what will never be served holds nothing.
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/text.h"
#include "data/value.h"
#include "data/yamlio.h"
#include "front/load.h"
#include "kubernetes/catalog.h"
#include "kubernetes/kube.h"
#include "lower/lower.h"
#include "report/diag.h"
#include "report/source.h"

#define API "apiextensions.k8s.io"

enum { SHOWN_BYTES = 80 };

static const struct yaml_keys in_names[] = {
    {"plural", NULL}, {"singular", NULL}, {"kind", NULL}, {"shortNames", NULL}, {NULL, NULL}};
static const struct yaml_keys in_scale[] = {{"specReplicasPath", NULL}, {NULL, NULL}};
static const struct yaml_keys nothing[] = {{NULL, NULL}};
static const struct yaml_keys in_subresources[] = {{"status", nothing}, {"scale", in_scale}, {NULL, NULL}};
static const struct yaml_keys in_schema[] = {{"openAPIV3Schema", nothing}, {NULL, NULL}};
static const struct yaml_keys in_version[] = {
    {"name", NULL}, {"served", NULL}, {"storage", NULL}, {"schema", in_schema}, {"subresources", in_subresources},
    {NULL, NULL}};
static const struct yaml_keys in_service[] = {{"namespace", NULL}, {"name", NULL}, {NULL, NULL}};
static const struct yaml_keys in_client[] = {{"url", NULL}, {"service", in_service}, {NULL, NULL}};
static const struct yaml_keys in_webhook[] = {
    {"clientConfig", in_client}, {"conversionReviewVersions", NULL}, {NULL, NULL}};
static const struct yaml_keys in_conversion[] = {{"strategy", NULL}, {"webhook", in_webhook}, {NULL, NULL}};
static const struct yaml_keys in_spec[] = {
    {"group", NULL}, {"scope", NULL}, {"names", in_names}, {"versions", in_version}, {"conversion", in_conversion},
    {NULL, NULL}};
static const struct yaml_keys in_metadata[] = {{"name", NULL}, {NULL, NULL}};
// Lists of objects are objects that hold some.
static const struct yaml_keys in_object[6] = {{"apiVersion", NULL}, {"kind", NULL},       {"metadata", in_metadata},
                                              {"spec", in_spec},    {"items", in_object}, {NULL, NULL}};

struct definition {
    struct resource resource;
    const char *file;
};

struct reading {
    struct lowering *lowering;
    uint32_t source;
    struct word from; // the path that names the file
    const struct yaml_document *document;
    size_t last_place;         // that was asked for: the next one is near
    const struct value *about; // the definition
    struct definition **definitions;
    size_t count; // of all files
};

// ---- what is wrong ----

static struct span place_of(struct reading *reading, const struct value *value) {
    const struct yaml_place *place = value ? yaml_place_of(reading->document, value, &reading->last_place) : NULL;
    return place ? (struct span){reading->source, place->begin, place->end} : (struct span){reading->source, 0, 0};
}

// The text as a message shows it.
static const char *shown(const struct reading *reading, const char *text) {
    return text_shortened(reading->lowering->arena, text, SHOWN_BYTES);
}

static bool is_template_at(const struct reading *reading, uint32_t offset) {
    const struct source_location location = source_locate(reading->lowering->sources, reading->source, offset);
    for (size_t i = 0; i + 1 < location.line_len; i++)
        if (location.line_text[i] == '{' && location.line_text[i + 1] == '{') return true;
    return false;
}

// Reports at the place, with the way out: that of templates, if there is one on the line.
static void complain(const struct reading *reading, struct span place, const char *message, const char *help) {
    struct diags *diags = reading->lowering->diags;
    diag_report(diags, DIAG_DEFINITION, place, "%s", message);
    if (reading->from.span.file != place.file) diag_relate(diags, reading->from.span, "this file is read from here");
    if (is_template_at(reading, place.begin))
        diag_help(diags, "this is a template of a Helm chart; render it first: helm template --include-crds CHART > "
                         "crds.yaml");
    else
        diag_help(diags, "%s", help);
}

// About the definition as a whole, or about a value in it.
static const char *refuse(struct reading *reading, const struct value *value, const char *message, const char *help) {
    const struct value *name = value_dig(reading->about, "metadata", "name", NULL);
    complain(reading, place_of(reading, value ? value : name ? name : reading->about), message, help);
    return NULL;
}

// ---- the parts of a definition ----

// The text under a key of the map, which every definition has; NULL after reporting.
static const char *text_under(struct reading *reading, const struct value *map, const char *path, const char *key) {
    struct arena *arena = reading->lowering->arena;
    const struct value *value = value_get(map, key);
    if (value && value->kind == VALUE_STRING && *value->as.string) return value->as.string;
    return refuse(
        reading, value,
        arena_printf(arena, value ? "%s%s of the definition is not a text" : "the definition has no %s%s", path, key),
        "klockc takes what the API server takes: compare with the file that the project published");
}

static const char *label_under(struct reading *reading, const struct value *map, const char *key) {
    struct arena *arena = reading->lowering->arena;
    const char *text = text_under(reading, map, "spec.names.", key);
    if (!text) return NULL;
    const bool kind = strcmp(key, "kind") == 0;
    if (kube_is_dns_1035_label(kind ? text_lower(arena, text) : text)) return text;
    return refuse(
        reading, value_get(map, key),
        arena_printf(arena, "'%s' is not a name that the API server takes for a %s", shown(reading, text), key),
        kind ? "a kind is made of at most 63 letters, digits and '-'"
             : "use at most 63 lower-case letters, digits and '-', a letter first");
}

// The names in lower case, separated by blanks; NULL after reporting.
static const char *short_names(struct reading *reading, const struct value *names) {
    const struct value *list = value_get(names, "shortNames");
    struct text text;
    text_init(&text, reading->lowering->arena);
    if (list && list->kind == VALUE_NULL) list = NULL;
    if (list && list->kind != VALUE_LIST)
        return refuse(reading, list, "shortNames is a list of names", "write: shortNames: [NAME]");
    for (size_t i = 0; list && i < list->count; i++) {
        const struct value *item = list->as.items[i];
        const bool fine = item->kind == VALUE_STRING && kube_is_dns_1035_label(item->as.string);
        if (!fine)
            return refuse(reading, item, "this is not a name that the API server takes for a short name",
                          "use at most 63 lower-case letters, digits and '-', a letter first");
        if (!text_has_word(text_string(&text), item->as.string))
            text_printf(&text, "%s%s", i ? " " : "", item->as.string);
    }
    return text_string(&text);
}

static bool read_flag(struct reading *reading, const struct value *version, const char *key, bool *ret_flag) {
    const struct value *value = value_get(version, key);
    if (value && value->kind == VALUE_BOOL) {
        *ret_flag = value->as.boolean;
        return true;
    }
    refuse(reading, value ? value : version,
           arena_printf(reading->lowering->arena,
                        value ? "'%s' is neither true nor false" : "the version does not say '%s'", key),
           arena_printf(reading->lowering->arena, "write %s: true or %s: false", key, key));
    return false;
}

// What the version has beside the object itself; what one version has, requests may be for.
static bool add_subresources(struct reading *reading, const struct value *version, struct resource *resource) {
    const struct value *subresources = value_get(version, "subresources");
    const struct value *scale = value_get(subresources, "scale");
    const struct value *path = value_get(scale, "specReplicasPath");
    const bool has_status = value_get(subresources, "status") || text_has_word(resource->subresources, "status");
    bool has_scale = text_has_word(resource->subresources, "scale");
    if (scale && scale->kind != VALUE_NULL) {
        if (!path || path->kind != VALUE_STRING || strncmp(path->as.string, ".spec.", 6) != 0) {
            refuse(reading, path ? path : scale, "scale does not say which field below spec it writes",
                   "write: specReplicasPath: .spec.replicas");
            return false;
        }
        // Where versions differ, no path is that of all.
        const char *replicas = path->as.string + 1;
        resource->replicas = !has_scale || strcmp(resource->replicas, replicas) == 0 ? replicas : "";
        has_scale = true;
    }
    resource->subresources = has_scale ? has_status ? "scale status" : "scale" : has_status ? "status" : "";
    return true;
}

static int compare_versions(const void *a, const void *b) {
    return kube_compare_versions(*(const char *const *)a, *(const char *const *)b);
}

// The versions that are served, the preferred one first, and what they have.
static bool read_versions(struct reading *reading, const struct value *spec, struct resource *resource) {
    struct arena *arena = reading->lowering->arena;
    const struct value *versions = value_get(spec, "versions");
    const char **served = NULL;
    size_t count = 0, stored = 0;
    struct set seen;
    set_init(&seen, arena);
    for (size_t i = 0; versions && versions->kind == VALUE_LIST && i < versions->count; i++) {
        const struct value *version = versions->as.items[i], *named = value_get(version, "name");
        const char *name = value_get_string(version, "name");
        bool is_served = false, is_stored = false;
        if (!named || !kube_is_dns_1035_label(name))
            return refuse(reading, named ? named : version,
                          "this is not a name that the API server takes for a version",
                          "versions look like v1 or v1beta1");
        if (!set_add(&seen, name))
            return refuse(reading, named, arena_printf(arena, "version '%s' appears twice", name),
                          "remove one of them");
        if (!read_flag(reading, version, "served", &is_served) || !read_flag(reading, version, "storage", &is_stored))
            return false;
        if (!value_dig(version, "schema", "openAPIV3Schema", NULL))
            return refuse(
                reading, named,
                arena_printf(arena, "version '%s' has no schema, so the API server refuses the definition", name),
                "say it in schema.openAPIV3Schema; where all fields are taken: {type: object, "
                "x-kubernetes-preserve-unknown-fields: true}");
        stored += is_stored;
        if (!is_served) continue;
        if (!add_subresources(reading, version, resource)) return false;
        ARENA_PUSH(arena, served, count, name);
    }
    if (!count)
        return refuse(reading, versions, "the definition serves no version, so there are no such objects",
                      "remove the file, or serve a version: served: true");
    if (stored != 1)
        return refuse(reading, versions,
                      arena_printf(arena, "%s is stored, so the API server refuses the definition",
                                   stored ? "more than one version" : "no version"),
                      "exactly one version has storage: true");
    qsort(served, count, sizeof *served, compare_versions);
    struct text text;
    text_init(&text, arena);
    for (size_t i = 0; i < count; i++) text_printf(&text, "%s%s", i ? " " : "", served[i]);
    resource->version = served[0];
    resource->versions = text_string(&text);
    return true;
}

static bool lists_text(const struct value *list, const char *text) {
    for (size_t i = 0; list && list->kind == VALUE_LIST && i < list->count; i++) {
        const struct value *item = list->as.items[i];
        if (item->kind == VALUE_STRING && strcmp(item->as.string, text) == 0) return true;
    }
    return false;
}

// Who converts objects from one version to another; false after reporting.
static bool read_conversion(struct reading *reading, const struct value *spec, struct resource *resource) {
    struct arena *arena = reading->lowering->arena;
    const struct value *conversion = value_get(spec, "conversion"), *versions = value_get(spec, "versions");
    if (!conversion || conversion->kind == VALUE_NULL) return true;
    const char *strategy = text_under(reading, conversion, "spec.conversion.", "strategy");
    if (!strategy) return false;
    const struct value *webhook = value_get(conversion, "webhook");
    if (webhook && webhook->kind == VALUE_NULL) webhook = NULL;
    if (strcmp(strategy, "None") == 0) {
        if (!webhook) return true;
        return refuse(reading, webhook, "a webhook is named, but the conversion is None",
                      "write strategy: Webhook, or take the webhook out");
    }
    if (strcmp(strategy, "Webhook") != 0)
        return refuse(reading, value_get(conversion, "strategy"),
                      arena_printf(arena, "'%s' is not a conversion", shown(reading, strategy)),
                      "a conversion is None or Webhook");
    const struct value *client = value_get(webhook, "clientConfig"), *service = value_get(client, "service");
    const char *url = value_get_string(client, "url"), *name = value_get_string(service, "name");
    const char *namespace = value_get_string(service, "namespace");
    if (!*url == !*name || !*name != !*namespace)
        return refuse(reading, client ? client : value_get(conversion, "strategy"),
                      "the conversion does not say which webhook it is",
                      "write webhook.clientConfig with a url, or with the namespace and name of a service");
    const struct value *reviews = value_get(webhook, "conversionReviewVersions");
    if (!lists_text(reviews, "v1") && !lists_text(reviews, "v1beta1"))
        return refuse(reading, reviews ? reviews : webhook,
                      "the webhook takes no version of ConversionReview that the API server sends",
                      "write: conversionReviewVersions: [v1]");
    // Without another version, nothing is converted.
    if (versions->count > 1)
        resource->converter = *url ? arena_printf(arena, "the webhook '%s'", shown(reading, url))
                                   : arena_printf(arena, "the webhook of service '%s/%s'", shown(reading, namespace),
                                                  shown(reading, name));
    return true;
}

static void read_definition(struct reading *reading) {
    struct arena *arena = reading->lowering->arena;
    const struct value *spec = value_get(reading->about, "spec"), *names = value_get(spec, "names");
    const struct value *metadata = value_get(reading->about, "metadata");
    struct resource resource = {
        .verbs = CATALOG_CUSTOM_VERBS,
        .subresources = "",
        .replicas = "",
        .defined = true,
    };
    const char *name = text_under(reading, metadata, "metadata.", "name");
    if (!name || !(resource.group = text_under(reading, spec, "spec.", "group"))) return;
    if (!strchr(resource.group, '.') || !kube_is_dns_subdomain(resource.group)) {
        refuse(reading, value_get(spec, "group"),
               arena_printf(arena, "'%s' is not a group that the API server takes", shown(reading, resource.group)),
               "a group is a domain with a dot: example.com");
        return;
    }
    if (!(resource.plural = label_under(reading, names, "plural"))) return;
    if (!(resource.kind = label_under(reading, names, "kind"))) return;
    const char *expected = catalog_name(arena, &resource);
    if (strcmp(name, expected) != 0) {
        refuse(reading, value_get(metadata, "name"),
               arena_printf(arena, "the definition is named '%s', but defines '%s'", shown(reading, name), expected),
               "its name is its plural, a dot and its group: the API server refuses others");
        return;
    }
    const struct value *singular = value_get(names, "singular");
    const bool named = singular && !(singular->kind == VALUE_STRING && !*singular->as.string);
    resource.singular = named ? label_under(reading, names, "singular") : text_lower(arena, resource.kind);
    if (!resource.singular || !(resource.short_names = short_names(reading, names))) return;
    const char *scope = text_under(reading, spec, "spec.", "scope");
    if (!scope) return;
    resource.namespaced = strcmp(scope, "Namespaced") == 0;
    if (!resource.namespaced && strcmp(scope, "Cluster") != 0) {
        refuse(reading, value_get(spec, "scope"), arena_printf(arena, "'%s' is not a scope", shown(reading, scope)),
               "a scope is Namespaced or Cluster");
        return;
    }
    if (!read_versions(reading, spec, &resource) || !read_conversion(reading, spec, &resource)) return;
    resource.declared = place_of(reading, value_get(metadata, "name"));
    struct definition *definition = ARENA_NEW(arena, struct definition);
    *definition = (struct definition){resource, reading->lowering->sources->items[reading->source].name};
    ARENA_PUSH(arena, reading->definitions, reading->count, definition);
}

// ---- files ----

// How many definitions are in it; those that cannot be read count.
static size_t read_object(struct reading *reading, const struct value *object, bool is_definition) {
    struct arena *arena = reading->lowering->arena;
    const char *version = value_get_string(object, "apiVersion"), *kind = value_get_string(object, "kind");
    const struct value *items = value_get(object, "items");
    const bool extends = strncmp(version, API "/", strlen(API "/")) == 0;
    const bool lists = extends && strcmp(kind, "CustomResourceDefinitionList") == 0;
    size_t count = 0;
    if (lists || (strcmp(version, "v1") == 0 && strcmp(kind, "List") == 0)) {
        for (size_t i = 0; items && items->kind == VALUE_LIST && i < items->count; i++)
            count += read_object(reading, items->as.items[i], lists && strcmp(version, API "/v1") == 0);
        return count;
    }
    // In a list of them, the items need not say what they are.
    if (!(extends && strcmp(kind, "CustomResourceDefinition") == 0) && !(is_definition && !*version && !*kind))
        return 0;
    reading->about = object;
    if (!*version || strcmp(version, API "/v1") == 0) {
        read_definition(reading);
    } else {
        const bool beta = strcmp(version, API "/v1beta1") == 0;
        refuse(reading, value_get(object, "apiVersion"),
               arena_printf(arena, beta ? "no API server takes %s since Kubernetes 1.22" : "klockc does not know %s",
                            shown(reading, version)),
               beta ? "write it as " API
                      "/v1, with the schema and the subresources in each of spec.versions; a cluster "
                      "that has it prints that: kubectl get crd NAME -o yaml"
                    : "definitions are of " API "/v1");
    }
    return 1;
}

static size_t read_file(struct reading *reading) {
    struct lowering *lowering = reading->lowering;
    const struct source *source = &lowering->sources->items[reading->source];
    struct yaml_stream stream;
    size_t count = 0;
    if (!source->usable) return 1; // reported
    lowering->read_definitions(lowering->arena, source->text, source->len, in_object, &stream);
    for (size_t i = 0; i < stream.count; i++) {
        reading->document = &stream.documents[i];
        reading->last_place = 0;
        reading->about = reading->document->value;
        if (reading->about->kind == VALUE_MAP) {
            count += read_object(reading, reading->about, false);
        } else if (reading->about->kind != VALUE_NULL) {
            refuse(reading, reading->about, "this is not an object of Kubernetes",
                   "'resources from' takes files of YAML or JSON that hold CustomResourceDefinitions");
            return 1;
        }
    }
    if (!stream.error) return count;
    const struct span place = {reading->source, stream.error_at, stream.error_at};
    complain(reading, place, arena_printf(lowering->arena, "this is not plain YAML: %s", stream.error),
             "klockc reads YAML and JSON without anchors, aliases, tags and keys that stand twice");
    return 1;
}

static int compare_definitions(const void *a, const void *b) {
    const struct definition *x = *(const struct definition *const *)a, *y = *(const struct definition *const *)b;
    int order = strcmp(x->resource.group, y->resource.group);
    if (!order) order = strcmp(x->resource.plural, y->resource.plural);
    if (!order) order = strcmp(x->file, y->file);
    const uint32_t i = x->resource.declared.begin, j = y->resource.declared.begin;
    return order ? order : (i > j) - (i < j);
}

void lower_definitions(struct lowering *lowering) {
    struct reading reading = {.lowering = lowering};
    bool *has_some = ARENA_ARRAY(lowering->arena, bool, lowering->sources->count);
    bool *is_read = ARENA_ARRAY(lowering->arena, bool, lowering->sources->count);
    for (size_t i = 0; i < lowering->definition_count; i++) {
        const struct definitions *definitions = &lowering->definitions[i];
        bool some = false;
        reading.from = definitions->from;
        for (size_t j = 0; j < definitions->source_count; j++) {
            reading.source = definitions->sources[j];
            if (!is_read[reading.source]) has_some[reading.source] = read_file(&reading) > 0;
            is_read[reading.source] = true;
            some |= has_some[reading.source];
        }
        if (some) continue;
        diag_report(lowering->diags, DIAG_DEFINITION, definitions->from.span,
                    "there is no CustomResourceDefinition in \"%s\"", definitions->from.text);
        diag_help(lowering->diags, "name the files that hold them, or declare the resource: resource "
                                   "widgets.example.com/v1 namespaced kind Widget");
    }
    if (reading.count) qsort(reading.definitions, reading.count, sizeof *reading.definitions, compare_definitions);
    for (size_t i = 0; i < reading.count; i++) lower_declare(lowering, &reading.definitions[i]->resource);
}
