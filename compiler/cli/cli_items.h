// The objects that a function of kustomize is given, as text: the items of a ResourceList, or a stream of documents.
// What is not changed keeps its bytes, comments and annotations among them.
#ifndef KLOCK_CLI_ITEMS_H
#define KLOCK_CLI_ITEMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;
struct text;
struct value;

struct item {
    const char *api_version, *kind, *namespace, *name; // "" where it does not say
    const char *policy;                                // its label klock.dev/policy; "" if none
    const char *path;                                  // the file it came from, if that is said; "" otherwise
    unsigned line;                                     // of its first key in what was read
    bool is_tracked;                                   // kustomize knows it by an annotation
    const struct value *value;                         // NULL for a document without an object
    uint32_t from, to; // its bytes, those of its dash or "---" among them, but not those of the next
    uint32_t begin;    // of its first key
    bool flow;         // { }
    bool removed;
    struct item *listed; // what a List consists of, at any depth; of these, only who they are is known
    size_t listed_count;
    const struct value *replacement; // NULL if it stays
};

struct items {
    struct arena *arena;
    const char *bytes;
    size_t len;
    bool is_stream;
    struct item *items;
    size_t count;
    const struct value *config; // functionConfig; NULL if there is none
    // Of a ResourceList:
    struct items_part {
        uint32_t from, to;
        bool there, flow, scalar;
    } root, list, results;
};

// The bytes stay the caller's, and have a NUL behind them. False and the reason, with its line, when they are no such
// thing.
bool items_read_list(struct items *items, struct arena *arena, const char *bytes, size_t len, const char **ret_error);
bool items_read_stream(struct items *items, struct arena *arena, const char *bytes, size_t len, const char **ret_error);

bool items_is_definition(const struct item *item);
// All that the item says; NULL and the reason where that is no plain data.
struct value *items_value(const struct items *items, const struct item *item, const char **ret_error);
// Adds the item's text as a document of its own.
void items_add_document(struct text *text, const struct items *items, const struct item *item);

// The text with what was removed, replaced and added. `results` is a list, of which a stream has none.
void items_print(struct text *text, const struct items *items, const struct value *added, const struct value *results);

// Whether the text that was printed says what was meant: other tools read other line ends than they write.
bool items_check(const struct items *items, const struct value *added, const char *bytes, size_t len);

#endif
