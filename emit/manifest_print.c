// Objects as text, and the names of their files; see manifest.h.
#include <string.h>

#include "base/text.h"
#include "data/json.h"
#include "data/value.h"
#include "data/yamlio.h"
#include "emit/manifest.h"

// Room that is not written to costs nothing, a text that has to move does.
static void print_yaml(struct text *text, const struct manifest *manifest) {
    size_t bytes = 0;
    for (size_t i = 0; i < manifest->count; i++) bytes += manifest->objects[i].bytes;
    text_reserve(text, 2 * bytes);
    for (size_t i = 0; i < manifest->count; i++) yaml_print(text, manifest->objects[i].value);
}

static void print_json(struct text *text, const struct manifest *manifest) {
    struct arena *arena = text->arena;
    struct value *list = value_map(arena), *items = value_list(arena);
    value_set_string(arena, list, "apiVersion", "v1");
    value_set_string(arena, list, "kind", "List");
    for (size_t i = 0; i < manifest->count; i++) value_append(arena, items, manifest->objects[i].value);
    value_set(arena, list, "items", items);
    json_print(text, list, true);
    text_add_char(text, '\n');
}

static const struct {
    const char *name;
    void (*print)(struct text *text, const struct manifest *manifest);
} formats[] = {{"yaml", print_yaml}, {"json", print_json}};

bool manifest_print(struct text *text, const struct manifest *manifest, const char *format) {
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        if (strcmp(format, formats[i].name) != 0) continue;
        formats[i].print(text, manifest);
        return true;
    }
    return false;
}

static void add_in_lower_case(struct text *text, const char *word) {
    for (const char *c = word; *c; c++) text_add_char(text, *c >= 'A' && *c <= 'Z' ? (char)(*c - 'A' + 'a') : *c);
}

// Names of RBAC may hold characters that a file's name should not; what stands for these is in no name of another
// object. The colon stands in the name of every role.
static void add_file_part(struct text *text, const char *name) {
    for (const char *c = name; *c; c++) {
        const bool plain =
            (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9') || *c == '-' || *c == '.';
        if (plain)
            text_add_char(text, *c);
        else if (*c == ':')
            text_add_string(text, "__");
        else
            text_printf(text, "_%02x", (unsigned)(unsigned char)*c);
    }
}

const char *manifest_file_name(struct arena *arena, const struct manifest_object *object) {
    struct text text;
    text_init(&text, arena);
    add_in_lower_case(&text, manifest_kind_name(object->kind));
    if (*object->namespace) text_printf(&text, "-%s", object->namespace);
    // '.' separates, since namespaces have none.
    text_add_char(&text, *object->namespace ? '.' : '-');
    add_file_part(&text, object->name);
    text_add_string(&text, ".yaml");
    return text_string(&text);
}
