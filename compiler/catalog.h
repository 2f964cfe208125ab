// What resources there are: those of the API server (resources.def) and those a policy declares.
#ifndef KLOCK_CATALOG_H
#define KLOCK_CATALOG_H

#include <stdbool.h>
#include <stddef.h>

#include "names.h"
#include "span.h"

struct arena;

// All texts are never NULL; lists are separated by blanks.
struct resource {
    const char *plural, *singular, *kind, *group;
    const char *version;  // the preferred one
    const char *versions; // all that are served
    bool namespaced;
    const char *short_names, *verbs, *subresources;
    struct span declared; // SPAN_NOWHERE for built-in ones
};

struct catalog {
    struct arena *arena;
    struct names words; // plural, plural.group, singular, kind in lower case, short names → struct resource *
    const char **known; // for suggestions
    size_t known_count;
};

void catalog_init(struct catalog *catalog, struct arena *arena);
// The declared resource that is there already under this plural.group, or NULL after adding this one.
const struct resource *catalog_declare(struct catalog *catalog, const struct resource *resource);
// By plural, singular, kind, short name (in any case), plural.group or kind.group. NULL when unknown. Where several
// groups have the word, the core group wins, then the group that comes first, as the API server's discovery orders
// them.
const struct resource *catalog_find(const struct catalog *catalog, const char *word);
// By exact group and plural.
const struct resource *catalog_get(const struct catalog *catalog, const char *group, const char *plural);
bool catalog_knows_group(const struct catalog *catalog, const char *group);
// The minor since which servers have a built-in resource in the version that is preferred; 0: every server that there
// is.
unsigned catalog_served_since(const struct resource *resource);
// Whether some server has the resource in that version.
bool catalog_has_version(const struct resource *resource, const char *version);
// Whether the blank-separated list has the word.
bool catalog_list_has(const char *list, const char *word);
// plural.group, or plural for the core group.
const char *catalog_name(struct arena *arena, const struct resource *resource);

#endif
