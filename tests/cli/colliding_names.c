// Parts of names that all come out the same, as if the way they are made were wrong: KLOCK_COLLIDE says which. The
// program that is linked with this must notice.
#include <stdlib.h>
#include <string.h>

struct arena;

const char *__real_names_part(struct arena *arena, const char *text);
const char *__wrap_names_part(struct arena *arena, const char *text);
const char *__real_names_identifier(struct arena *arena, const char *text);
const char *__wrap_names_identifier(struct arena *arena, const char *text);
const char *__real_names_of_grant(struct arena *arena, const char *policy, const char *grant);
const char *__wrap_names_of_grant(struct arena *arena, const char *policy, const char *grant);
const char *__real_lower_id(struct arena *arena, const char *name, const char *part);
const char *__wrap_lower_id(struct arena *arena, const char *name, const char *part);

static int collides(const char *what) {
    const char *wanted = getenv("KLOCK_COLLIDE");
    return wanted != NULL && strcmp(wanted, what) == 0;
}

const char *__wrap_names_part(struct arena *arena, const char *text) {
    return collides("part") ? "same" : __real_names_part(arena, text);
}

const char *__wrap_names_identifier(struct arena *arena, const char *text) {
    return collides("identifier") ? "same" : __real_names_identifier(arena, text);
}

const char *__wrap_names_of_grant(struct arena *arena, const char *policy, const char *grant) {
    return collides("grant") ? "same" : __real_names_of_grant(arena, policy, grant);
}

const char *__wrap_lower_id(struct arena *arena, const char *name, const char *part) {
    return collides("id") ? "same" : __real_lower_id(arena, name, part);
}
