#include "data/objects.h"

#include <stdbool.h>
#include <string.h>

#include "base/arena.h"
#include "base/limits.h"
#include "data/value.h"

struct visiting {
    struct arena *arena;
    objects_visit *visit;
    void *context;
};

static bool ends_with_list(const char *kind) {
    const size_t len = strlen(kind);
    return len >= strlen("List") && strcmp(kind + len - strlen("List"), "List") == 0;
}

static void each(const struct visiting *visiting, const struct value *object, const char *version, const char *kind,
                 size_t depth) {
    const struct value *items = value_get(object, "items");
    if (object->kind == VALUE_NULL) return;
    if (*value_get_string(object, "kind")) {
        kind = value_get_string(object, "kind");
        version = value_get_string(object, "apiVersion");
    }
    const bool is_list = *version && ends_with_list(kind) && items && items->kind == VALUE_LIST;
    if (!is_list || depth >= LIMIT_VALUE_DEPTH) {
        visiting->visit(visiting->context, object, version, kind);
        return;
    }
    const bool of_one = strcmp(kind, "List") != 0;
    const char *one = of_one ? arena_copy(visiting->arena, kind, strlen(kind) - strlen("List")) : "";
    for (size_t i = 0; i < items->count; i++) each(visiting, items->as.items[i], of_one ? version : "", one, depth + 1);
}

void objects_each(struct arena *arena, const struct value *document, objects_visit *visit, void *context) {
    const struct visiting visiting = {arena, visit, context};
    each(&visiting, document, "", "", 0);
}
