// Names that are put together; see names.h.
#include "base/names.h"

#include <inttypes.h>
#include <string.h>

#include "base/arena.h"
#include "base/limits.h"
#include "base/text.h"

static bool is_lower(char c) {
    return c >= 'a' && c <= 'z';
}

static bool is_plain(char c) {
    return is_lower(c) || (c >= '0' && c <= '9');
}

const char *names_part(struct arena *arena, const char *text) {
    struct text part;
    text_init(&part, arena);
    for (const char *c = text; *c; c++) {
        // A separator that stands alone between two letters or digits, which stay as well.
        const bool separates = (*c == '-' || *c == '.') && c > text && is_plain(c[-1]) && is_plain(c[1]);
        if (is_plain(*c) || separates)
            text_add_char(&part, *c);
        else
            text_printf(&part, "---%02x", (unsigned)(unsigned char)*c);
    }
    return text_string(&part);
}

const char *names_identifier(struct arena *arena, const char *text) {
    struct text identifier;
    text_init(&identifier, arena);
    for (const char *c = text; *c; c++) {
        if (is_plain(*c))
            text_add_char(&identifier, *c);
        else if (*c == '-' && is_lower(c[1]))
            text_add_char(&identifier, (char)(*++c - 'a' + 'A'));
        else
            text_printf(&identifier, "_%02x", (unsigned)(unsigned char)*c);
    }
    return text_string(&identifier);
}

const char *names_fitting(struct arena *arena, const char *name, size_t limit, const char *mark) {
    enum { DIGITS = 16 };
    if (strlen(name) <= limit) return name;
    size_t kept = limit - DIGITS - strlen(mark);
    while (kept && strchr(".-", name[kept - 1])) kept--; // no part of a name may begin or end with a hyphen
    return arena_printf(arena, "%.*s%s%016" PRIx64, (int)kept, name, mark, text_hash(name));
}

const char *names_of_object(struct arena *arena, const char *name) {
    return names_fitting(arena, name, LIMIT_NAME, "---x"); // which names_part never writes
}

const char *names_of_grant(struct arena *arena, const char *policy, const char *grant) {
    return names_fitting(arena, arena_printf(arena, "%s:%s", policy, grant), LIMIT_NAME, "_");
}

const char *names_of_binding(struct arena *arena, const char *policy, const char *role, const char *grant) {
    return names_fitting(arena, arena_printf(arena, "%s_%s:%s", policy, names_part(arena, role), grant), LIMIT_NAME,
                         "_");
}

const char *names_of_verb(struct arena *arena, const char *policy, const char *verb, const char *lock) {
    return names_fitting(arena, arena_printf(arena, "%s_%s:%s", policy, verb, lock), LIMIT_NAME, "_");
}

const char *names_of_label(struct arena *arena, const char *policy) {
    return names_fitting(arena, policy, LIMIT_LABEL_NAME, "_"); // which no policy has in its name
}
