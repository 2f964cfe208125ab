// Tenants → the actors, grants and locks that they stand for.
#ifndef KLOCK_TENANTS_H
#define KLOCK_TENANTS_H

#include <stddef.h>

struct arena;
struct diags;
struct unit;

// What applies a tenant's objects as an account of the tenant's own, and what it needs to be let do for that.
struct tenant_tool {
    const char *name;      // behind `deployer`
    const char *namespace; // where it runs unless the policy says otherwise
    const char *project;   // the kind of object that says what the tenant may deploy; NULL for none
    // Of its own kinds: those that it writes itself in the tenants' namespaces, by which accounts, and what has to hold
    // of them, as klock text.
    const char *kinds, *accounts;
    const char *locks;
};
extern const struct tenant_tool tenant_tools[];
extern const size_t tenant_tool_count;
// NULL for none.
const struct tenant_tool *tenant_tool_find(const char *name);

// Appends to the units what their tenants stand for, as if it was written where the tenants are. Reports tenants of
// policies that say of nobody that they make the namespaces.
void tenants_expand(struct arena *arena, struct diags *diags, struct unit **units, size_t count);

#endif
