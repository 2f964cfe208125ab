// Tenants as sentences. What they share with each other is said of their locks.
#include <string.h>

#include "base/arena.h"
#include "base/text.h"
#include "describe/describe_internal.h"

static void add_security(struct text *text, const struct tenant *tenant) {
    static const char *const acts[] = {[SECURITY_ENFORCE] = "have to be",
                                       [SECURITY_WARN] = "give a warning unless they are",
                                       [SECURITY_AUDIT] = "are recorded unless they are"};
    const char *said[SECURITY_MODES];
    size_t count = 0;
    for (size_t i = 0; i < SECURITY_MODES; i++)
        if (tenant->security[i]) said[count++] = arena_printf(text->arena, "%s %s", acts[i], tenant->security[i]);
    if (!count) return;
    text_add_string(text, " Pods there ");
    describe_list(text, said, count, "and", 0);
    text_add_char(text, '.');
}

static void add_limits(struct text *text, const struct tenant *tenant) {
    const char **limits = ARENA_ARRAY(text->arena, const char *, tenant->limit_count);
    for (size_t i = 0; i < tenant->limit_count; i++)
        limits[i] = arena_printf(text->arena, "%s %s", tenant->limits[i].what, tenant->limits[i].amount);
    if (!tenant->limit_count) return;
    text_add_string(text, tenant->namespace_count > 1 ? " Each of them is limited to " : " It is limited to ");
    describe_list(text, limits, tenant->limit_count, "and", 0);
    text_add_char(text, '.');
}

// The lines of the annotation.
static void add_members(struct text *text, const struct tenant *tenant) {
    const char **members = NULL;
    size_t count = 0;
    for (const char *at = tenant->members; *at;) {
        const size_t len = strcspn(at, "\n");
        const char *member = arena_copy(text->arena, at, len);
        ARENA_PUSH(text->arena, members, count, member);
        at += len + (at[len] == '\n');
    }
    text_add_string(text, " In its name ");
    describe_list(text, members, count, "and", 0);
    text_add_string(text, " write there.");
}

void describe_tenant(struct text *text, const struct tenant *tenant) {
    text_add_string(text, tenant->namespace_count > 1 ? "Has the namespaces " : "Has the namespace ");
    describe_list(text, tenant->namespaces, tenant->namespace_count, "and", 0);
    text_add_char(text, '.');
    add_members(text, tenant);
    if (tenant->account)
        text_printf(text, " What deploys it does so as serviceaccount %s of the namespace.", tenant->account);
    add_security(text, tenant);
    add_limits(text, tenant);
}
