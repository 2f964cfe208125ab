// What a policy is for, in the words of describe: a line for each of its locks.
#include <string.h>

#include "base/arena.h"
#include "base/map.h"
#include "base/text.h"
#include "describe/describe.h"
#include "emit/vap_internal.h"
#include "policy/policy.h"

enum { MOST = 20 }; // lines; a table of more locks is its own summary

static void add_line(struct text *text, const struct lock *lock) {
    text_add_string(text, lock->seals_actor ? "actor " : "lock ");
    text_add_string(text, lock->name);
    if (lock->origin != ORIGIN_WRITTEN) {
        text_add_string(text, " also refuses ");
        text_add_string(text, origin_way(lock->origin));
    } else {
        text_add_string(text, ": ");
        describe_lock(text, lock);
    }
}

// What a user wrote is no variable for Flux to replace in the manifest.
static const char *without_variables(struct arena *arena, const struct text *text) {
    struct text result;
    text_init(&result, arena);
    for (const char *c = text_string(text); *c; c++) {
        text_add_char(&result, *c);
        if (*c == '$' && (c[1] == '{' || c[1] == '$')) text_add_char(&result, ' ');
    }
    return text_string(&result);
}

const char *vap_summary(struct arena *arena, const struct plan_policy *policy) {
    struct set lines, names;
    struct text summary;
    size_t line_count = 0, name_count = 0;
    set_init(&lines, arena);
    set_init(&names, arena);
    text_init(&summary, arena);
    for (size_t i = 0; i < policy->table_count; i++)
        for (size_t j = 0; j < policy->tables[i].row_count; j++) {
            const struct lock *lock = policy->tables[i].locks[j];
            name_count += set_add(&names, lock->name);
            if (line_count > MOST) continue;
            struct text line;
            text_init(&line, arena);
            add_line(&line, lock);
            if (!set_add(&lines, text_string(&line))) continue;
            if (line_count++) text_add_char(&summary, '\n');
            text_add(&summary, text_string(&line), line.len);
        }
    return line_count > MOST ? arena_printf(arena, "%zu locks", name_count) : without_variables(arena, &summary);
}
