#include "cli/cli_items.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/text.h"
#include "data/json.h"
#include "data/objects.h"
#include "data/value.h"
#include "data/yamlio.h"

#define TRACKED "kustomize.config.k8s.io/id"
#define POLICY "klock.dev/policy"
#define PATH "internal.config.kubernetes.io/path"
#define OLD_PATH "config.kubernetes.io/path"
#define ORIGIN "config.kubernetes.io/origin"                // of kustomize, with 'buildMetadata: [originAnnotations]'
#define TEMPLATE "postrenderer.helm.sh/postrender-filename" // of Helm 4

// ---- reading ----

static const struct yaml_keys in_labels[] = {{POLICY, NULL}, {NULL, NULL}};
static const struct yaml_keys in_annotations[] = {{TRACKED, NULL}, {PATH, NULL},     {OLD_PATH, NULL},
                                                  {ORIGIN, NULL},  {TEMPLATE, NULL}, {NULL, NULL}};
static const struct yaml_keys in_metadata[] = {
    {"name", NULL}, {"namespace", NULL}, {"labels", in_labels}, {"annotations", in_annotations}, {NULL, NULL}};
static const struct yaml_keys in_item[] = {
    {"apiVersion", NULL}, {"kind", NULL}, {"metadata", in_metadata}, {"items", in_item}, {NULL, NULL}};
static const struct yaml_keys nothing[] = {{NULL, NULL}};
static const struct yaml_keys in_list[] = {{"apiVersion", NULL},     {"kind", NULL},       {"items", in_item},
                                           {"functionConfig", NULL}, {"results", nothing}, {NULL, NULL}};

static bool refuse(const struct items *items, uint32_t at, const char *why, const char **ret_error) {
    size_t line = 1;
    for (size_t i = 0; i < at; i++) line += items->bytes[i] == '\n';
    *ret_error = arena_printf(items->arena, "line %zu: %s", line, why);
    return false;
}

static bool read_documents(struct items *items, struct arena *arena, const char *bytes, size_t len,
                           const struct yaml_keys *keys, struct yaml_stream *ret_stream, const char **ret_error) {
    *items = (struct items){.arena = arena, .bytes = bytes, .len = len};
    const size_t valid = utf8_valid_prefix(bytes, len);
    if (valid < len) return refuse(items, (uint32_t)valid, "this is not UTF-8", ret_error);
    if (len >= 3 && memcmp(bytes, "\xef\xbb\xbf", 3) == 0)
        return refuse(items, 0, "there is a byte order mark", ret_error);
    yaml_read_stream(arena, bytes, len, keys, ret_stream);
    if (ret_stream->error != NULL) return refuse(items, ret_stream->error_at, ret_stream->error, ret_error);
    return true;
}

// Where lines are added, the last one has to end: a line end that is added to it might become a part of its text.
static bool check_end(const struct items *items, bool flow, const char **ret_error) {
    if (flow || items->len == 0 || items->bytes[items->len - 1] == '\n') return true;
    return refuse(items, (uint32_t)items->len, "the last line does not end", ret_error);
}

static struct items_part part_of(const struct yaml_document *document, const struct value *value, size_t *near) {
    const struct yaml_place *place = value != NULL ? yaml_place_of(document, value, near) : NULL;
    if (place == NULL) return (struct items_part){0};
    const bool scalar = value->kind != VALUE_LIST && value->kind != VALUE_MAP;
    return (struct items_part){place->from, place->to, true, place->flow, scalar};
}

static const char *path_in(struct arena *arena, const struct value *annotations) {
    static const char *const keys[] = {PATH, OLD_PATH, TEMPLATE}, key[] = "path: ";
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (*value_get_string(annotations, keys[i])) return value_get_string(annotations, keys[i]);
    const char *origin = value_get_string(annotations, ORIGIN); // "path: base/a.yaml\nrepo: …\n"
    if (strncmp(origin, key, sizeof key - 1) != 0) return "";
    origin += sizeof key - 1;
    return arena_copy(arena, origin, strcspn(origin, "\n"));
}

// Helm writes above what a template renders to, whose that is.
static const char *path_above(const struct items *items, uint32_t from, uint32_t to) {
    static const char source[] = "# Source: ";
    const char *path = "";
    for (uint32_t at = from; at < to; at += (uint32_t)strcspn(items->bytes + at, "\n") + 1) {
        const char *line = items->bytes + at;
        if (strncmp(line, source, sizeof source - 1) != 0) continue;
        line += sizeof source - 1;
        path = arena_copy(items->arena, line, strcspn(line, "\r\n"));
    }
    return path;
}

static void describe(struct arena *arena, struct item *item) {
    const struct value *metadata = value_get(item->value, "metadata");
    const struct value *annotations = value_get(metadata, "annotations");
    item->api_version = value_get_string(item->value, "apiVersion");
    item->kind = value_get_string(item->value, "kind");
    item->namespace = value_get_string(metadata, "namespace");
    item->name = value_get_string(metadata, "name");
    item->policy = value_get_string(value_get(metadata, "labels"), POLICY);
    item->path = path_in(arena, annotations);
    item->is_tracked = value_get(annotations, TRACKED) != NULL;
}

// An object of a List, which may say for all of them what they are.
struct listing {
    struct arena *arena;
    struct item *list;
};

static void add_listed(void *context, const struct value *object, const char *version, const char *kind) {
    const struct listing *listing = context;
    struct item *list = listing->list;
    struct item one = {.value = object};
    if (object == list->value) return;
    describe(listing->arena, &one);
    one.api_version = version;
    one.kind = kind;
    if (one.path[0] == '\0') one.path = list->path;
    one.line = list->line;
    ARENA_PUSH(listing->arena, list->listed, list->listed_count, one);
}

static void describe_all(struct items *items) {
    size_t line = 1;
    uint32_t at = 0;
    for (size_t i = 0; i < items->count; i++) {
        struct item *item = &items->items[i];
        const uint32_t begin = item->begin;
        for (; at < begin; at++) line += items->bytes[at] == '\n';
        item->line = (unsigned)line;
        describe(items->arena, item);
        if (items->is_stream && item->path[0] == '\0') item->path = path_above(items, item->from, begin);
        if (item->value != NULL)
            objects_each(items->arena, item->value, add_listed, &(struct listing){items->arena, item});
    }
}

bool items_is_definition(const struct item *item) {
    return strncmp(item->api_version, "apiextensions.k8s.io/", strlen("apiextensions.k8s.io/")) == 0 &&
           strcmp(item->kind, "CustomResourceDefinition") == 0;
}

// Behind blanks, line ends and comments.
static uint32_t behind_blanks(const struct items *items, uint32_t at) {
    while (at < items->len && strchr(" \t\r\n#", items->bytes[at]) != NULL) {
        if (items->bytes[at] == '#')
            at += (uint32_t)strcspn(items->bytes + at, "\n");
        else
            at++;
    }
    return at;
}

static uint32_t line_begin(const struct items *items, uint32_t at) {
    while (at > 0 && items->bytes[at - 1] != '\n') at--;
    return at;
}

static uint32_t column_of(const struct items *items, uint32_t at) {
    return at - line_begin(items, at);
}

// The begin of the line on which the next thing stands, if nothing else stands there before it.
static uint32_t back_to_line(const struct items *items, uint32_t at) {
    const uint32_t begin = line_begin(items, at);
    for (uint32_t i = begin; i < at; i++)
        if (items->bytes[i] != ' ') return at;
    return begin;
}

// Comments at the end of something that begins in a column are about what follows, unless they stand behind that
// column: there they may be text. Gives where the comments begin.
static uint32_t before_comments(const struct items *items, uint32_t from, uint32_t to, uint32_t column) {
    uint32_t kept = to;
    for (uint32_t at = to; at > from;) {
        const uint32_t begin = line_begin(items, at - 1);
        const uint32_t blanks = (uint32_t)strspn(items->bytes + begin, " ");
        const char first = items->bytes[begin + blanks];
        const bool comment = first == '#' && blanks <= column;
        if (begin < from || (!comment && first != '\n' && first != '\r')) break;
        if (comment) kept = begin;
        at = begin;
    }
    return kept;
}

// Where the dashes of a block's items stand, which are no values, and where each item ends.
static void cut_block(struct items *items) {
    uint32_t at = items->list.from;
    const uint32_t column = column_of(items, at);
    for (size_t i = 0; i < items->count; i++) {
        struct item *item = &items->items[i];
        const uint32_t content_end = item->to;
        item->from = at;
        const uint32_t next =
            i + 1 < items->count ? behind_blanks(items, content_end) : back_to_line(items, items->list.to);
        item->to = before_comments(items, at, i + 1 < items->count ? back_to_line(items, next) : next, column);
        at = next;
    }
}

bool items_read_list(struct items *items, struct arena *arena, const char *bytes, size_t len, const char **ret_error) {
    struct yaml_stream stream;
    size_t near = 0;
    if (!read_documents(items, arena, bytes, len, in_list, &stream, ret_error)) return false;
    if (stream.count == 0) {
        *ret_error = "there is nothing on standard input";
        return false;
    }
    if (stream.count > 1) return refuse(items, stream.documents[1].from, "there is more than one document", ret_error);
    const struct yaml_document *document = &stream.documents[0];
    const struct value *root = document->value;
    const char *kind = value_get_string(root, "kind"), *version = value_get_string(root, "apiVersion");
    if (strcmp(kind, "ResourceList") != 0 ||
        (strcmp(version, "config.kubernetes.io/v1") != 0 && strcmp(version, "config.kubernetes.io/v1alpha1") != 0))
        return refuse(items, document->from, "this is no ResourceList of config.kubernetes.io/v1", ret_error);
    items->root = part_of(document, root, &near);
    if (!check_end(items, items->root.flow, ret_error)) return false;
    const struct value *list = value_get(root, "items");
    items->list = part_of(document, list, &near);
    if (list != NULL && list->kind != VALUE_LIST && list->kind != VALUE_NULL)
        return refuse(items, items->list.from, "'items' is not a list", ret_error);
    items->count = list != NULL && list->kind == VALUE_LIST ? list->count : 0;
    items->items = ARENA_ARRAY(arena, struct item, items->count);
    for (size_t i = 0; i < items->count; i++) {
        struct item *item = &items->items[i];
        const struct items_part part = part_of(document, list->as.items[i], &near);
        *item = (struct item){.value = list->as.items[i], .from = part.from, .to = part.to, .flow = part.flow};
        item->begin = part.from;
        if (item->value->kind != VALUE_MAP) return refuse(items, part.from, "this item is not an object", ret_error);
    }
    describe_all(items);
    if (!items->list.flow) cut_block(items);
    items->results = part_of(document, value_get(root, "results"), &near);
    items->config = value_get(root, "functionConfig");
    return true;
}

bool items_read_stream(struct items *items, struct arena *arena, const char *bytes, size_t len,
                       const char **ret_error) {
    struct yaml_stream stream;
    if (!read_documents(items, arena, bytes, len, in_item, &stream, ret_error)) return false;
    items->is_stream = true;
    items->count = stream.count;
    items->items = ARENA_ARRAY(arena, struct item, stream.count);
    bool flow = false;
    for (size_t i = 0; i < stream.count; i++) {
        const struct yaml_document *document = &stream.documents[i];
        struct item *item = &items->items[i];
        size_t near = 0;
        const struct items_part part = part_of(document, document->value, &near);
        const bool is_object = document->value->kind == VALUE_MAP;
        if (!is_object && document->value->kind != VALUE_NULL)
            return refuse(items, part.from, "this document is not an object", ret_error);
        flow = part.flow;
        *item = (struct item){.value = is_object ? document->value : NULL,
                              .from = i > 0 ? document->from : 0,
                              .to = i + 1 < stream.count ? stream.documents[i + 1].from : (uint32_t)len,
                              .begin = part.from,
                              .flow = part.flow};
    }
    describe_all(items);
    return check_end(items, flow, ret_error);
}

void items_add_document(struct text *text, const struct items *items, const struct item *item) {
    const char *bytes = items->bytes + item->from;
    const size_t len = item->to - item->from;
    if (items->is_stream) {
        if (len < 3 || memcmp(bytes, "---", 3) != 0) text_add_string(text, "---\n");
        text_add(text, bytes, len);
    } else if (items->list.flow) {
        text_add_string(text, "---\n");
        text_add(text, bytes, len);
    } else {
        // A blank in the place of the dash, so that the lines stay in their columns.
        text_add_string(text, "---\n");
        for (uint32_t i = column_of(items, item->from); i > 0; i--) text_add_char(text, ' ');
        text_add_char(text, ' ');
        text_add(text, bytes + 1, len - 1);
    }
    if (text->len > 0 && text->data[text->len - 1] != '\n') text_add_char(text, '\n');
}

struct value *items_value(const struct items *items, const struct item *item, const char **ret_error) {
    struct text text;
    text_init(&text, items->arena);
    items_add_document(&text, items, item);
    return yaml_read(items->arena, text_string(&text), text.len, ret_error);
}

// ---- printing ----

// What is put in the place of some bytes.
struct edit {
    uint32_t from, to;
    size_t order; // of those at one place
    const char *text;
};

struct edits {
    struct arena *arena;
    struct edit *items;
    size_t count;
};

static void replace(struct edits *edits, uint32_t from, uint32_t to, const char *text) {
    const struct edit edit = {from, to, edits->count, text};
    ARENA_PUSH(edits->arena, edits->items, edits->count, edit);
}

static int by_place(const void *left, const void *right) {
    const struct edit *a = left, *b = right;
    if (a->from != b->from) return a->from < b->from ? -1 : 1;
    return a->order < b->order ? -1 : a->order > b->order;
}

static const char *as_json(struct arena *arena, const struct value *value) {
    struct text text;
    text_init(&text, arena);
    json_print(&text, value, false);
    return text_string(&text);
}

// The lines of the value, behind so many blanks and, if it is an item, behind a dash.
static void add_block(struct text *text, const struct value *value, uint32_t column, bool is_item) {
    struct text lines;
    text_init(&lines, text->arena);
    yaml_print(&lines, value);
    bool first = true;
    for (const char *line = text_string(&lines) + strlen("---\n"); *line != '\0'; first = false) {
        const size_t len = strcspn(line, "\n");
        for (uint32_t i = 0; len > 0 && i < column; i++) text_add_char(text, ' ');
        if (is_item && len > 0) text_add_string(text, first ? "- " : "  ");
        text_add(text, line, len);
        text_add_char(text, '\n');
        line += len + (line[len] == '\n');
    }
}

static const char *as_item(struct arena *arena, const struct value *value, uint32_t column) {
    struct text text;
    text_init(&text, arena);
    add_block(&text, value, column, true);
    return text_string(&text);
}

// All items between brackets.
static const char *as_flow(const struct items *items, const struct value *added) {
    struct text text;
    size_t count = 0;
    text_init(&text, items->arena);
    text_add_char(&text, '[');
    for (size_t i = 0; i < items->count; i++) {
        const struct item *item = &items->items[i];
        if (item->removed) continue;
        if (count++ > 0) text_add_string(&text, ", ");
        if (item->replacement != NULL)
            json_print(&text, item->replacement, false);
        else
            text_add(&text, items->bytes + item->from, item->to - item->from);
    }
    for (size_t i = 0; i < added->count; i++) {
        if (count++ > 0) text_add_string(&text, ", ");
        json_print(&text, added->as.items[i], false);
    }
    text_add_char(&text, ']');
    return text_string(&text);
}

// In the place of an empty list, which stands behind its key.
static const char *as_lines(const struct items *items, const struct value *added) {
    struct text text;
    text_init(&text, items->arena);
    for (size_t i = 0; i < added->count; i++) {
        if (i == 0) text_add_char(&text, '\n');
        add_block(&text, added->as.items[i], column_of(items, items->root.from), true);
    }
    // The line that the list was on ends here.
    return arena_copy(items->arena, text_string(&text), text.len - 1);
}

static bool is_changed(const struct items *items, const struct value *added) {
    for (size_t i = 0; i < items->count; i++)
        if (items->items[i].removed || items->items[i].replacement != NULL) return true;
    return added->count > 0;
}

static void edit_block(struct edits *edits, const struct items *items, const struct value *added) {
    const uint32_t column = column_of(items, items->list.from);
    size_t left = added->count;
    for (size_t i = 0; i < items->count; i++) {
        const struct item *item = &items->items[i];
        left += !item->removed;
        if (item->removed)
            replace(edits, item->from - column, item->to, "");
        else if (item->replacement != NULL)
            replace(edits, item->from - column, item->to, as_item(edits->arena, item->replacement, column));
    }
    const uint32_t end = items->items[items->count - 1].to;
    // A key without anything behind it would be null.
    if (left == 0) replace(edits, end, end, arena_printf(edits->arena, "%*s[]\n", (int)column + 1, ""));
    for (size_t i = 0; i < added->count; i++)
        replace(edits, end, end, as_item(edits->arena, added->as.items[i], column));
}

// A key that the ResourceList does not have yet.
static void add_key(struct edits *edits, const struct items *items, const char *key, const struct value *value) {
    if (items->root.flow) {
        const uint32_t at = items->root.from + 1;
        replace(edits, at, at, arena_printf(edits->arena, "\"%s\": %s, ", key, as_json(edits->arena, value)));
        return;
    }
    struct text text;
    struct value *map = value_map(edits->arena), *copy = value_copy(edits->arena, value);
    text_init(&text, edits->arena);
    value_set(edits->arena, map, key, copy);
    add_block(&text, map, column_of(items, items->root.from), false);
    const uint32_t at = back_to_line(items, items->root.to);
    replace(edits, at, at, text_string(&text));
}

static void edit_list(struct edits *edits, const struct items *items, const struct value *added) {
    if (!is_changed(items, added)) return;
    if (!items->list.there)
        add_key(edits, items, "items", added);
    else if (items->count == 0 && !items->root.flow)
        replace(edits, items->list.from, items->list.to, as_lines(items, added));
    else if (items->list.flow || items->list.scalar)
        replace(edits, items->list.from, items->list.to,
                arena_printf(edits->arena, "%s%s", items->list.flow ? "" : " ", as_flow(items, added)));
    else
        edit_block(edits, items, added);
}

// What an earlier function said gives way.
static void edit_results(struct edits *edits, const struct items *items, const struct value *results) {
    const struct items_part *part = &items->results;
    if (!part->there && results->count > 0) add_key(edits, items, "results", results);
    if (!part->there) return;
    const uint32_t to = part->flow || part->scalar ? part->to : back_to_line(items, part->to);
    const bool ends_line = to > part->from && items->bytes[to - 1] == '\n';
    replace(edits, part->from, to,
            arena_printf(edits->arena, " %s%s", as_json(edits->arena, results), ends_line ? "\n" : ""));
}

static void print_stream(struct text *text, const struct items *items, const struct value *added) {
    for (size_t i = 0; i < items->count; i++) {
        const struct item *item = &items->items[i];
        if (item->removed) continue;
        if (item->replacement != NULL)
            yaml_print(text, item->replacement);
        else
            text_add(text, items->bytes + item->from, item->to - item->from);
    }
    if (text->len > 0 && text->data[text->len - 1] != '\n') text_add_char(text, '\n');
    for (size_t i = 0; i < added->count; i++) yaml_print(text, added->as.items[i]);
}

void items_print(struct text *text, const struct items *items, const struct value *added, const struct value *results) {
    if (items->is_stream) {
        print_stream(text, items, added);
        return;
    }
    struct edits edits = {.arena = items->arena};
    edit_list(&edits, items, added);
    edit_results(&edits, items, results);
    if (edits.count > 0) qsort(edits.items, edits.count, sizeof *edits.items, by_place);
    uint32_t at = 0;
    for (size_t i = 0; i < edits.count; i++) {
        text_add(text, items->bytes + at, edits.items[i].from - at);
        text_add_string(text, edits.items[i].text);
        at = edits.items[i].to;
    }
    text_add(text, items->bytes + at, items->len - at);
}

static bool is_item(const struct item *item, const char *version, const char *kind, const char *namespace,
                    const char *name) {
    return strcmp(item->api_version, version) == 0 && strcmp(item->kind, kind) == 0 &&
           strcmp(item->namespace, namespace) == 0 && strcmp(item->name, name) == 0;
}

static bool is_object(const struct item *item, const struct value *object) {
    const struct value *metadata = value_get(object, "metadata");
    return is_item(item, value_get_string(object, "apiVersion"), value_get_string(object, "kind"),
                   value_get_string(metadata, "namespace"), value_get_string(metadata, "name"));
}

bool items_check(const struct items *items, const struct value *added, const char *bytes, size_t len) {
    struct items again;
    const char *error = NULL;
    if (!(items->is_stream ? items_read_stream : items_read_list)(&again, items->arena, bytes, len, &error))
        return false;
    size_t at = 0;
    for (size_t i = 0; i < items->count; i++) {
        const struct item *item = &items->items[i];
        if (item->removed) continue;
        if (at == again.count) return false;
        const struct item *now = &again.items[at++];
        const bool same = item->replacement != NULL
                              ? is_object(now, item->replacement)
                              : is_item(now, item->api_version, item->kind, item->namespace, item->name);
        if (!same) return false;
    }
    for (size_t i = 0; i < added->count; i++)
        if (at == again.count || !is_object(&again.items[at++], added->as.items[i])) return false;
    return at == again.count;
}
