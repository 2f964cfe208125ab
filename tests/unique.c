// A tree of what libyaml reads, and sets of what was seen in it; see unique.h.
#include "unique.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

struct checking {
    yaml_document_t document;
    char **objects; // "kind namespace/name" of all documents
    size_t object_count;
    char *why;
    size_t room;
    bool fine;
};

static const char *scalar(const yaml_node_t *node) {
    return node && node->type == YAML_SCALAR_NODE ? (const char *)node->data.scalar.value : "";
}

static yaml_node_t *child(struct checking *checking, const yaml_node_t *map, const char *key) {
    if (!map || map->type != YAML_MAPPING_NODE) return NULL;
    for (yaml_node_pair_t *pair = map->data.mapping.pairs.start; pair < map->data.mapping.pairs.top; pair++)
        if (strcmp(scalar(yaml_document_get_node(&checking->document, pair->key)), key) == 0)
            return yaml_document_get_node(&checking->document, pair->value);
    return NULL;
}

static int compare(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

// Sorts the names and looks for neighbours that are the same.
static void check_names(struct checking *checking, const char **names, size_t count, const char *what) {
    if (count) qsort(names, count, sizeof *names, compare);
    for (size_t i = 1; i < count && checking->fine; i++) {
        if (strcmp(names[i - 1], names[i]) != 0) continue;
        snprintf(checking->why, checking->room, "%s '%s' is there twice", what, names[i]);
        checking->fine = false;
    }
}

static void *allocate(size_t count, size_t size) {
    void *memory = calloc(count + 1, size);
    if (!memory) abort();
    return memory;
}

static void check_keys(struct checking *checking) {
    for (yaml_node_t *node = checking->document.nodes.start; node < checking->document.nodes.top; node++) {
        if (node->type != YAML_MAPPING_NODE) continue;
        const size_t count = (size_t)(node->data.mapping.pairs.top - node->data.mapping.pairs.start);
        const char **names = allocate(count, sizeof *names);
        for (size_t i = 0; i < count; i++)
            names[i] = scalar(yaml_document_get_node(&checking->document, node->data.mapping.pairs.start[i].key));
        check_names(checking, names, count, "the key");
        free(names);
    }
}

static void check_list(struct checking *checking, const yaml_node_t *spec, const char *field, const char *key) {
    const yaml_node_t *list = child(checking, spec, field);
    if (!list || list->type != YAML_SEQUENCE_NODE) return;
    const size_t count = (size_t)(list->data.sequence.items.top - list->data.sequence.items.start);
    const char **names = allocate(count, sizeof *names);
    for (size_t i = 0; i < count; i++)
        names[i] = scalar(
            child(checking, yaml_document_get_node(&checking->document, list->data.sequence.items.start[i]), key));
    check_names(checking, names, count, field);
    free(names);
}

static void check_object(struct checking *checking, const yaml_node_t *object) {
    const yaml_node_t *items = child(checking, object, "items"), *metadata = child(checking, object, "metadata");
    if (items && items->type == YAML_SEQUENCE_NODE && !metadata) {
        for (yaml_node_item_t *item = items->data.sequence.items.start; item < items->data.sequence.items.top; item++)
            check_object(checking, yaml_document_get_node(&checking->document, *item));
        return;
    }
    const char *parts[] = {scalar(child(checking, object, "kind")), scalar(child(checking, metadata, "namespace")),
                           scalar(child(checking, metadata, "name"))};
    const size_t len = strlen(parts[0]) + strlen(parts[1]) + strlen(parts[2]) + 3;
    char *name = allocate(len, 1);
    snprintf(name, len, "%s %s/%s", parts[0], parts[1], parts[2]);
    checking->objects = realloc(checking->objects, (checking->object_count + 1) * sizeof *checking->objects);
    if (!checking->objects) abort();
    checking->objects[checking->object_count++] = name;
    const yaml_node_t *spec = child(checking, object, "spec");
    check_list(checking, spec, "variables", "name");
    check_list(checking, spec, "matchConditions", "name");
    check_list(checking, spec, "auditAnnotations", "key");
}

bool unique_check(const char *text, size_t len, char *why, size_t room) {
    struct checking checking = {.why = why, .room = room, .fine = true};
    yaml_parser_t parser;
    if (!yaml_parser_initialize(&parser)) abort();
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, len);
    for (bool more = true; more && checking.fine;) {
        if (!yaml_parser_load(&parser, &checking.document)) {
            snprintf(why, room, "line %zu: %s", parser.problem_mark.line + 1,
                     parser.problem ? parser.problem : "no YAML");
            checking.fine = false;
            break;
        }
        const yaml_node_t *root = yaml_document_get_root_node(&checking.document);
        more = root != NULL;
        if (more) check_keys(&checking);
        if (more) check_object(&checking, root);
        yaml_document_delete(&checking.document);
    }
    yaml_parser_delete(&parser);
    const char **names = allocate(checking.object_count, sizeof *names);
    for (size_t i = 0; i < checking.object_count; i++) names[i] = checking.objects[i];
    check_names(&checking, names, checking.object_count, "the object");
    free(names);
    for (size_t i = 0; i < checking.object_count; i++) free(checking.objects[i]);
    free(checking.objects);
    return checking.fine;
}
