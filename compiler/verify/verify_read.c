// Streams of YAML → objects with their places.
#include <string.h>

#include "base/arena.h"
#include "base/text.h"
#include "data/objects.h"
#include "data/value.h"
#include "data/yamlio.h"
#include "report/diag.h"
#include "report/source.h"
#include "verify/verify_internal.h"

struct reading {
    const struct verification *verification;
    struct findings *findings;
    const struct source_input *input;
    const struct yaml_document *document;
    size_t last_place; // near which the next one is
    uint32_t file;     // SPAN_NOWHERE of a cluster
};

bool verify_is_namespaced(enum manifest_kind kind) {
    return kind == MANIFEST_SERVICE_ACCOUNT || kind == MANIFEST_ROLE || kind == MANIFEST_ROLE_BINDING ||
           kind == MANIFEST_QUOTA || kind == MANIFEST_PROJECT;
}

// A namespace on what has none means nothing to an API server.
const char *verify_identity(struct arena *arena, enum manifest_kind kind, const char *namespace, const char *name) {
    return arena_printf(arena, "%s/%s/%s", manifest_kind_name(kind), verify_is_namespaced(kind) ? namespace : "", name);
}

static struct span place_of(struct reading *r, const struct value *value) {
    if (!value || r->file == SPAN_NOWHERE) return span_none();
    const struct yaml_place *place = yaml_place_of(r->document, value, &r->last_place);
    return place ? (struct span){r->file, place->begin, place->end} : span_none();
}

static void refuse(const struct reading *r, struct span span, const char *problem, bool is_end) {
    struct diags *diags = r->verification->diags;
    const bool is_placed = span.file != SPAN_NOWHERE;
    diag_report(diags, DIAG_NOT_RENDERED, span, "%s%s%s", is_placed ? "" : r->input->name, is_placed ? "" : ": ",
                problem);
    diag_help(diags,
              "hand over YAML or JSON as kubectl takes it, without anchors, aliases and tags, and nothing else%s",
              is_end ? "; what is behind this was not read, and whether objects are missing is not said" : "");
    r->findings->is_cut = r->findings->is_cut || is_end;
}

// A status is no part of what an object means; its version and kind may stand in its list alone.
static const struct value *own_value(struct arena *arena, const struct value *object, const char *version,
                                     enum manifest_kind kind) {
    struct value *map = value_map(arena);
    value_set_string(arena, map, "apiVersion", version);
    value_set_string(arena, map, "kind", manifest_kind_name(kind));
    for (size_t i = 0; i < object->count; i++)
        if (!text_has_word("apiVersion kind status", object->as.entries[i].key))
            value_set(arena, map, object->as.entries[i].key, object->as.entries[i].value);
    return map;
}

// Of two that are the same in all but what servers and tools add, one is left out. kubectl applies one after the other.
static void add_again(const struct reading *r, struct found *present, const struct found *found) {
    struct diags *diags = r->verification->diags;
    const bool is_same =
        value_equal(value_get(present->value, "spec") ? value_get(present->value, "spec") : present->value,
                    value_get(found->value, "spec") ? value_get(found->value, "spec") : found->value);
    if (!is_same) {
        diag_report(diags, DIAG_REPEATED_OBJECT, found->span, "there are two of %s '%s', and they differ",
                    manifest_kind_name(found->kind), found->name);
        diag_relate(diags, present->span, "the other one");
        diag_help(diags, "leave one of them out: which of them acts depends on the order in which they are applied");
    }
    *present = *found; // the last one is what stays
}

static void add(struct reading *r, const struct value *object, const char *version, enum manifest_kind kind) {
    struct arena *arena = r->verification->arena;
    const struct value *metadata = value_get(object, "metadata");
    const struct found found = {
        .kind = kind,
        .namespace = value_get_string(metadata, "namespace"),
        .name = value_get_string(metadata, "name"),
        .policy = value_get_string(value_get(metadata, "labels"), "klock.dev/policy"),
        .value = own_value(arena, object, version, kind),
        .span = place_of(r, value_get(metadata, "name")),
    };
    const char *identity = verify_identity(arena, kind, found.namespace, found.name);
    struct found *present = map_get(&r->findings->by_identity, identity);
    if (present) {
        add_again(r, present, &found);
        return;
    }
    struct found *added = ARENA_NEW(arena, struct found);
    *added = found;
    map_set(&r->findings->by_identity, identity, added);
    ARENA_PUSH(arena, r->findings->items, r->findings->count, added);
}

static void read_object(void *context, const struct value *object, const char *version, const char *kind) {
    struct reading *r = context;
    enum manifest_kind known;
    if (!*kind || !*version) {
        refuse(r, place_of(r, object), "this is no object: it needs apiVersion and kind", false);
        return;
    }
    r->findings->object_count++;
    if (manifest_find_kind(version, kind, &known)) add(r, object, version, known);
}

static void read_input(struct reading *r) {
    const struct verification *v = r->verification;
    const struct source_input *input = r->input;
    const char *bytes = input->bytes;
    size_t len = input->len;
    r->file = SPAN_NOWHERE;
    if (!v->of_cluster) {
        r->file = source_add(v->sources, v->diags, input->name, bytes, len);
        if (!v->sources->items[r->file].usable) { // which is reported
            r->findings->is_cut = true;
            return;
        }
        bytes = v->sources->items[r->file].text;
    } else if (utf8_valid_prefix(bytes, len) < len) {
        refuse(r, span_none(), "this is not UTF-8", true);
        return;
    }
    struct yaml_stream stream;
    yaml_read_stream(v->arena, bytes, len, NULL, &stream);
    for (size_t i = 0; i < stream.count; i++) {
        r->document = &stream.documents[i];
        r->last_place = 0;
        objects_each(v->arena, stream.documents[i].value, read_object, r);
    }
    if (stream.error)
        refuse(r, r->file == SPAN_NOWHERE ? span_none() : (struct span){r->file, stream.error_at, stream.error_at + 1},
               stream.error, true);
}

void verify_read(const struct verification *verification, struct findings *ret_findings) {
    *ret_findings = (struct findings){0};
    map_init(&ret_findings->by_identity, verification->arena);
    struct reading r = {.verification = verification, .findings = ret_findings};
    for (size_t i = 0; i < verification->input_count; i++) {
        r.input = &verification->inputs[i];
        read_input(&r);
    }
}
