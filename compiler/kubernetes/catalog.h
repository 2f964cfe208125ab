// What resources there are: those of the API server (resources.def), those a policy declares, and those of projects
// that many clusters run (known.def).
#ifndef KLOCK_CATALOG_H
#define KLOCK_CATALOG_H

#include <stdbool.h>
#include <stddef.h>

#include "base/map.h"
#include "base/span.h"

struct arena;
struct text;

// The API server gives these to every custom resource.
#define CATALOG_CUSTOM_VERBS "create delete deletecollection get list patch update watch"

// All texts are never NULL; lists are separated by blanks.
struct resource {
    const char *plural, *singular, *kind, *group;
    const char *version;  // the preferred one
    const char *versions; // all that are served; none where a declaration says none
    bool namespaced;
    const char *short_names, *verbs, *subresources;
    struct span declared;  // SPAN_NOWHERE for those that are known
    bool kind_unsaid;      // declared without a kind; `kind` is the plural then
    bool built_in;         // the API server's own
    bool defined;          // by a CustomResourceDefinition: all that is said of it is said
    const char *replicas;  // where /scale writes their number, "spec.replicas"; "" where nobody says
    const char *converter; // the webhook that converts between versions, as a message names it; NULL where none does
    const char *project;   // whose kind it is known to be, a preset if there is one for it; NULL for others
    const char *source;    // the release that it is known from
};

// What the API server takes for the name of an object.
enum name_rule {
    NAMES_ARE_SEGMENTS, // anything that fits into a path, or not known: of declared resources, which need not be custom
                        // ones
    NAMES_ARE_SUBDOMAINS,
    NAMES_ARE_LABELS,
};

struct resources {
    const struct resource **items;
    size_t count;
};

struct catalog {
    struct arena *arena;
    struct map words;   // plural, plural.group, singular, kind in lower case, short names → struct resources *
    const char **known; // for suggestions
    size_t known_count;
    struct map *found; // the same of what projects have, for words that were asked for
};

void catalog_init(struct catalog *catalog, struct arena *arena);
// The declared resource that is there already under this plural.group, or NULL after adding this one.
const struct resource *catalog_declare(struct catalog *catalog, const struct resource *resource);
// By plural, singular, kind, short name (in any case), plural.group or kind.group. NULL when unknown. Where several
// have the word, a built-in one wins, of these the one of the core group, then that of the group that comes first, as
// the API server's discovery orders them. Among others nobody can tell: there may be more than the first that is given.
// What projects have is asked for last, and is what is declared in its place.
const struct resource *catalog_find(const struct catalog *catalog, const char *word);
// Others that have the word as much as what catalog_find gives; NULL where that is the only one.
const struct resources *catalog_others(const struct catalog *catalog, const char *word);
// By exact group and plural, of those that are built in or declared.
const struct resource *catalog_get(const struct catalog *catalog, const char *group, const char *plural);
// The API server's own resources.
const struct resource *catalog_built_in(size_t *ret_count);
bool catalog_knows_group(const struct catalog *catalog, const char *group);
// The minor since which servers have a built-in resource in the version that is preferred; 0: every server that there
// is.
unsigned catalog_served_since(const struct resource *resource);
// Whether some server has the resource in that version.
bool catalog_has_version(const struct resource *resource, const char *version);
enum name_rule catalog_name_rule(const struct resource *resource);
// The word that was probably meant; NULL when none is near.
const char *catalog_nearest(const struct catalog *catalog, const char *word);
// What is known of the resources that have the word; all that projects have for NULL. False where there is none.
bool catalog_explain(const struct catalog *catalog, struct text *text, const char *word);
// plural.group, or plural for the core group.
const char *catalog_name(struct arena *arena, const struct resource *resource);

#endif
