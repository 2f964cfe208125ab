// What a Namespace says of its tenant.
#include <string.h>

#include "base/arena.h"
#include "base/names.h"
#include "data/value.h"
#include "policy/policy.h"

const char *const security_modes[SECURITY_MODES] = {
    [SECURITY_ENFORCE] = "enforce", [SECURITY_WARN] = "warn", [SECURITY_AUDIT] = "audit"};

bool tenant_names(const char *members, bool is_group, const char *name) {
    static const char group[] = "group ", user[] = "user ";
    const char *kind = is_group ? group : user;
    const size_t before = strlen(kind), after = strlen(name);
    for (const char *at = members; *at;) {
        const size_t len = strcspn(at, "\n");
        if (len == before + after && memcmp(at, kind, before) == 0 && memcmp(at + before, name, after) == 0)
            return true;
        at += len + (at[len] == '\n');
    }
    return false;
}

void tenant_describe_namespace(struct arena *arena, const struct tenant *tenant, struct value *labels,
                               struct value *annotations) {
    value_set_string(arena, labels, "app.kubernetes.io/managed-by", "klockc");
    value_set_string(arena, labels, "klock.dev/policy", names_of_label(arena, tenant->policy));
    value_set_string(arena, labels, NAMES_TENANT, tenant->name);
    for (size_t i = 0; i < SECURITY_MODES; i++)
        if (tenant->security[i])
            value_set_string(arena, labels, arena_printf(arena, "pod-security.kubernetes.io/%s", security_modes[i]),
                             tenant->security[i]);
    value_set_string(arena, annotations, NAMES_TENANT_MEMBERS, tenant->members);
}
