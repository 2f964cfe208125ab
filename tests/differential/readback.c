// See readback.h.
#include "tests/differential/readback.h"

#include <string.h>

#include "base/arena.h"
#include "base/text.h"
#include "cel/cel.h"
#include "cel/cel_tree.h"
#include "data/json.h"
#include "data/value.h"
#include "data/yamlio.h"
#include "emit/manifest.h"

struct found {
    struct arena *arena;
    struct value *objects, *values, *constants, *fields, *messages;
    struct text shape;
    struct text *at; // where the shape of the expression goes
    const char *error;
};

static void add(struct found *found, struct value *list, const char *text) {
    value_append(found->arena, list, value_string(found->arena, text));
}

static void note_node(struct found *found, const struct cel_node *node, bool is_message) {
    if (!node) return;
    text_printf(found->at, "%d", (int)node->kind);
    switch (node->kind) {
    case CEL_NODE_LITERAL:
        if (node->literal.kind != CEL_KIND_STRING) break;
        const struct cel_string *string = &node->literal.as.string;
        const char *text = arena_copy(found->arena, string->bytes, string->len);
        add(found, found->constants, text);
        if (is_message) add(found, found->messages, text);
        break;
    case CEL_NODE_SELECT:
    case CEL_NODE_HAS: add(found, found->fields, node->name); break;
    case CEL_NODE_CALL: text_printf(found->at, "%s", node->name); break;
    default: break;
    }
    note_node(found, node->target, is_message);
    for (size_t i = 0; i < node->count; i++) note_node(found, node->args[i], is_message);
}

static bool is_expression(const char *key) {
    return text_has_word("expression messageExpression valueExpression", key);
}

static void note_expression(struct found *found, const char *key, const char *expression) {
    struct cel_problem problem;
    const struct cel_node *root = cel_read(found->arena, expression, &problem);
    if (!root) {
        found->error = arena_printf(found->arena, "%s: %s", expression, problem.text);
        return;
    }
    // A message is an expression only where its text needs that.
    struct text elsewhere;
    text_init(&elsewhere, found->arena);
    found->at = strcmp(key, "expression") == 0 ? &found->shape : &elsewhere;
    note_node(found, root, strcmp(key, "messageExpression") == 0);
    text_printf(found->at, "\n");
}

static void note_value(struct found *found, const char *key, const struct value *value) {
    switch (value->kind) {
    case VALUE_MAP:
        for (size_t i = 0; i < value->count; i++) {
            add(found, found->values, value->as.entries[i].key);
            note_value(found, value->as.entries[i].key, value->as.entries[i].value);
        }
        break;
    case VALUE_LIST:
        for (size_t i = 0; i < value->count; i++) note_value(found, key, value->as.items[i]);
        break;
    case VALUE_STRING:
        if (is_expression(key)) {
            note_expression(found, key, value->as.string);
            break;
        }
        add(found, strcmp(key, "message") == 0 ? found->messages : found->values, value->as.string);
        break;
    default: break;
    }
}

static void note_object(struct found *found, const struct value *object) {
    struct value *identity = value_map(found->arena), *metadata = value_get(object, "metadata");
    value_set_string(found->arena, identity, "kind", value_get_string(object, "kind"));
    value_set(found->arena, identity, "metadata", metadata ? metadata : value_null(found->arena));
    value_append(found->arena, found->objects, identity);
}

static const struct value *list_of(struct arena *arena, const struct manifest *manifest, const char **ret_error) {
    struct text text;
    text_init(&text, arena);
    manifest_print(&text, manifest, "json");
    const struct value *list = json_read(arena, text_string(&text), text.len, ret_error);
    return list ? value_get(list, "items") : NULL;
}

struct value *readback(struct arena *arena, const struct manifest *manifest, const char **ret_error) {
    struct found found = {.arena = arena,
                          .objects = value_list(arena),
                          .values = value_list(arena),
                          .constants = value_list(arena),
                          .fields = value_list(arena),
                          .messages = value_list(arena)};
    text_init(&found.shape, arena);
    const struct value *list = list_of(arena, manifest, ret_error);
    if (!list) return NULL;
    for (size_t i = 0; i < manifest->count; i++) {
        struct text text;
        text_init(&text, arena);
        yaml_print(&text, manifest->objects[i].value);
        const struct value *object = yaml_read(arena, text_string(&text), text.len, ret_error);
        if (!object) return NULL;
        if (list->count != manifest->count || !value_equal(object, list->as.items[i]))
            found.error = "YAML and JSON differ";
        note_object(&found, object);
        note_value(&found, "", object);
    }
    *ret_error = found.error;
    if (found.error) return NULL;
    struct value *answer = value_map(arena);
    value_set(arena, answer, "objects", found.objects);
    value_set(arena, answer, "values", found.values);
    value_set(arena, answer, "constants", found.constants);
    value_set(arena, answer, "fields", found.fields);
    value_set(arena, answer, "messages", found.messages);
    value_set_string(arena, answer, "shape", text_string(&found.shape));
    return answer;
}
