// The built-in resources and the declared ones, found by any word that kubectl would take; see catalog.h.
#include "kubernetes/catalog.h"

#include <ctype.h>
#include <string.h>

#include "base/arena.h"
#include "base/map.h"
#include "base/suggest.h"
#include "base/text.h"

#define NAMESPACED true
#define CLUSTER false
#define NAMED(plural_, singular_, kind_, group_, version_, versions_, scope, shorts)                                   \
    .plural = plural_, .singular = singular_, .kind = kind_, .group = group_, .version = version_,                     \
    .versions = versions_, .namespaced = scope, .short_names = shorts, .declared = {SPAN_NOWHERE, 0, 0}
#define RESOURCE(plural, singular, kind, group, version, versions, scope, shorts, verbs_, subresources_)               \
    {NAMED(plural, singular, kind, group, version, versions, scope, shorts), .verbs = verbs_,                          \
     .subresources = subresources_, .built_in = true, .replicas = "spec.replicas"},
#define SUBRESOURCE(parent, group, name, kind, kind_group, kind_version, verbs)
static const struct resource built_in[] = {
#include "kubernetes/resources.def"
};
#undef RESOURCE
#undef SUBRESOURCE

#define KNOWN(project_, plural, singular, kind, group, version, versions, scope, shorts, subresources_, replicas_,     \
              source_)                                                                                                 \
    {NAMED(plural, singular, kind, group, version, versions, scope, shorts),                                           \
     .verbs = CATALOG_CUSTOM_VERBS,                                                                                    \
     .subresources = subresources_,                                                                                    \
     .defined = true,                                                                                                  \
     .replicas = replicas_,                                                                                            \
     .project = project_,                                                                                              \
     .source = source_},
static const struct resource of_projects[] = {
#include "kubernetes/known.def"
};
#undef KNOWN
#undef NAMED
#undef NAMESPACED
#undef CLUSTER

enum { OF_PROJECTS = sizeof of_projects / sizeof *of_projects };

const char *catalog_name(struct arena *arena, const struct resource *resource) {
    return *resource->group ? arena_printf(arena, "%s.%s", resource->plural, resource->group) : resource->plural;
}

// The table is sorted by group, so the core group's word is there before another group's.
// What is declared does not take a word away from what is built in.
static void add_word(struct catalog *catalog, const char *word, const struct resource *resource) {
    if (!*word) return;
    struct resources *entry = map_get(&catalog->words, word);
    if (!entry) {
        entry = ARENA_NEW(catalog->arena, struct resources);
        map_set(&catalog->words, word, entry);
        ARENA_PUSH(catalog->arena, catalog->known, catalog->known_count, word);
    } else if (entry->items[0]->built_in) {
        return;
    }
    for (size_t i = 0; i < entry->count; i++)
        if (entry->items[i] == resource) return;
    ARENA_PUSH(catalog->arena, entry->items, entry->count, resource);
}

static void add_qualified(struct catalog *catalog, const char *word, const struct resource *resource) {
    add_word(catalog, word, resource);
    if (*resource->group) add_word(catalog, arena_printf(catalog->arena, "%s.%s", word, resource->group), resource);
}

static void add(struct catalog *catalog, const struct resource *resource) {
    add_qualified(catalog, resource->plural, resource);
    add_qualified(catalog, resource->singular, resource);
    add_qualified(catalog, text_lower(catalog->arena, resource->kind), resource);
    for (const char *at = resource->short_names; *at;) {
        const size_t len = strcspn(at, " ");
        add_word(catalog, arena_copy(catalog->arena, at, len), resource);
        at += len + (at[len] == ' ');
    }
}

void catalog_init(struct catalog *catalog, struct arena *arena) {
    *catalog = (struct catalog){.arena = arena};
    map_init(&catalog->words, arena);
    catalog->found = ARENA_NEW(arena, struct map);
    map_init(catalog->found, arena);
    for (size_t i = 0; i < sizeof built_in / sizeof *built_in; i++) add(catalog, &built_in[i]);
}

const struct resource *catalog_declare(struct catalog *catalog, const struct resource *resource) {
    const struct resource *known = catalog_get(catalog, resource->group, resource->plural);
    if (known) return known;
    add(catalog, resource);
    return NULL;
}

static bool is_named(const struct resource *resource, const char *name) {
    const size_t len = strlen(resource->plural);
    if (!*resource->group) return strcmp(resource->plural, name) == 0;
    return strncmp(resource->plural, name, len) == 0 && name[len] == '.' &&
           strcmp(resource->group, name + len + 1) == 0;
}

// The one of them that is called plural.group, whatever else has the word as its kind; else the first.
static const struct resource *choose(const struct resources *entry, const char *word) {
    for (size_t i = 0; entry && i < entry->count; i++)
        if (is_named(entry->items[i], word)) return entry->items[i];
    return entry && entry->count ? entry->items[0] : NULL;
}

// Whether the word, in lower case, is the name, in any case, alone or with the group.
static bool is_name_of(const struct resource *resource, const char *name, const char *word) {
    for (; *name; name++, word++)
        if (tolower((unsigned char)*name) != *word) return false;
    return !*word || (*word == '.' && strcmp(word + 1, resource->group) == 0);
}

static bool has_word(const struct resource *resource, const char *word) {
    return is_name_of(resource, resource->plural, word) || is_name_of(resource, resource->kind, word) ||
           is_name_of(resource, resource->singular, word) || text_has_word(resource->short_names, word);
}

// What projects have by the word; of a resource that is declared, what is declared.
static const struct resources *find_known(const struct catalog *catalog, const char *word) {
    struct resources *entry = map_get(catalog->found, word);
    if (entry) return entry;
    entry = ARENA_NEW(catalog->arena, struct resources);
    for (size_t i = 0; i < OF_PROJECTS; i++) {
        if (!has_word(&of_projects[i], word)) continue;
        const struct resource *declared = catalog_get(catalog, of_projects[i].group, of_projects[i].plural);
        const struct resource *resource = declared ? declared : &of_projects[i];
        ARENA_PUSH(catalog->arena, entry->items, entry->count, resource);
    }
    map_set(catalog->found, word, entry);
    return entry;
}

static const struct resources *find_all(const struct catalog *catalog, const char *word) {
    const struct resources *entry = map_get(&catalog->words, word);
    return entry ? entry : find_known(catalog, word);
}

const struct resource *catalog_find(const struct catalog *catalog, const char *word) {
    const char *name = text_lower(catalog->arena, word);
    return choose(find_all(catalog, name), name);
}

const struct resources *catalog_others(const struct catalog *catalog, const char *word) {
    const char *name = text_lower(catalog->arena, word);
    const struct resources *entry = find_all(catalog, name);
    return entry->count > 1 && !is_named(choose(entry, name), name) ? entry : NULL;
}

const char *catalog_nearest(const struct catalog *catalog, const char *word) {
    const char **words = ARENA_ARRAY(catalog->arena, const char *, catalog->known_count + 3 * OF_PROJECTS);
    size_t count = 0;
    for (size_t i = 0; i < catalog->known_count; i++) words[count++] = catalog->known[i];
    for (size_t i = 0; i < OF_PROJECTS; i++) {
        words[count++] = of_projects[i].plural;
        words[count++] = of_projects[i].singular;
        words[count++] = catalog_name(catalog->arena, &of_projects[i]);
    }
    return suggest_nearest(word, words, count);
}

static void explain(struct text *text, const struct resource *resource) {
    text_printf(text, "%s%s%s\n  kind      %s, %s\n  versions  %s\n", resource->plural, *resource->group ? "." : "",
                resource->group, resource->kind, resource->namespaced ? "in namespaces" : "of the cluster",
                resource->versions);
    if (*resource->short_names) text_printf(text, "  short     %s\n", resource->short_names);
    if (*resource->subresources) text_printf(text, "  has       %s\n", resource->subresources);
    if (resource->built_in)
        text_printf(text, "  source    every API server\n");
    else
        text_printf(text, "  source    %s: %s\n", resource->project, resource->source);
}

bool catalog_explain(const struct catalog *catalog, struct text *text, const char *word) {
    const char *name = word ? text_lower(catalog->arena, word) : NULL;
    const struct resources *entry = name ? find_all(catalog, name) : NULL;
    const bool exact = entry && entry->count && is_named(choose(entry, name), name);
    for (size_t i = 0; entry && i < entry->count; i++) {
        if (exact && entry->items[i] != choose(entry, name)) continue;
        if (text->len) text_add_char(text, '\n');
        explain(text, entry->items[i]);
    }
    for (size_t i = 0; !name && i < OF_PROJECTS; i++)
        text_printf(text, "%-20s  %s.%s\n",
                    i && strcmp(of_projects[i - 1].project, of_projects[i].project) == 0 ? "" : of_projects[i].project,
                    of_projects[i].plural, of_projects[i].group);
    return text->len;
}

const struct resource *catalog_get(const struct catalog *catalog, const char *group, const char *plural) {
    const char *name = *group ? arena_printf(catalog->arena, "%s.%s", plural, group) : plural;
    const struct resource *resource = choose(map_get(&catalog->words, name), name);
    return resource && strcmp(resource->group, group) == 0 && strcmp(resource->plural, plural) == 0 ? resource : NULL;
}

const struct resource *catalog_built_in(size_t *ret_count) {
    *ret_count = sizeof built_in / sizeof *built_in;
    return built_in;
}

bool catalog_knows_group(const struct catalog *catalog, const char *group) {
    for (size_t i = 0; i < catalog->known_count; i++) {
        const struct resources *known = map_get(&catalog->words, catalog->known[i]);
        for (size_t j = 0; known && j < known->count; j++)
            if (strcmp(known->items[j]->group, group) == 0) return true;
    }
    for (size_t i = 0; i < OF_PROJECTS; i++)
        if (strcmp(of_projects[i].group, group) == 0) return true;
    return false;
}

enum name_rule catalog_name_rule(const struct resource *resource) {
    // Addresses, signers, groups and the names of RBAC hold colons and more; reviews have no name.
    static const char *const other_groups[] = {"rbac.authorization.k8s.io", "authorization.k8s.io",
                                               "authentication.k8s.io", "apiregistration.k8s.io"};
    if (!resource->built_in) return NAMES_ARE_SEGMENTS;
    for (size_t i = 0; i < sizeof other_groups / sizeof *other_groups; i++)
        if (strcmp(resource->group, other_groups[i]) == 0) return NAMES_ARE_SEGMENTS;
    if (text_has_word("clustertrustbundles ipaddresses componentstatuses", resource->plural)) return NAMES_ARE_SEGMENTS;
    if (!*resource->group && text_has_word("namespaces services", resource->plural)) return NAMES_ARE_LABELS;
    return NAMES_ARE_SUBDOMAINS;
}

static const struct since {
    const char *group, *plural;
    unsigned minor;
    const char *older;
} served_since[] = {
#define SERVED_SINCE(group, plural, minor, older) {group, plural, minor, older},
#include "kubernetes/served_since.def"
#undef SERVED_SINCE
};

static const struct since *since_of(const struct resource *resource) {
    if (!resource->built_in) return NULL;
    for (size_t i = 0; i < sizeof served_since / sizeof *served_since; i++)
        if (strcmp(served_since[i].plural, resource->plural) == 0 &&
            strcmp(served_since[i].group, resource->group) == 0)
            return &served_since[i];
    return NULL;
}

unsigned catalog_served_since(const struct resource *resource) {
    const struct since *since = since_of(resource);
    return since ? since->minor : 0;
}

bool catalog_has_version(const struct resource *resource, const char *version) {
    const struct since *since = since_of(resource);
    return text_has_word(resource->versions, version) || (since && text_has_word(since->older, version));
}
