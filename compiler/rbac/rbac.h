// RBAC that others wrote, or that a cluster has, as YAML: who holds what with which a lock is passed or taken away.
#ifndef KLOCK_RBAC_H
#define KLOCK_RBAC_H

#include <stdbool.h>
#include <stddef.h>

#include "report/diag.h"

struct arena;
struct policies;
struct source_input;
struct sources;
struct unit;

struct rbac_audit {
    struct arena *arena;
    struct diags *diags;
    struct sources *sources;           // inputs are added to them
    const struct source_input *inputs; // streams of YAML or JSON
    size_t input_count;
    const struct policies *policies;
    // The names of the admission policies and bindings that these become; none: those of any are meant.
    const char **objects;
    size_t object_count;
    struct unit *const *units; // which say what is accepted
    size_t unit_count;
};

// Reports what is found, but for what every API server has by itself and what is accepted, and acceptances of nothing.
void rbac_audit(const struct rbac_audit *audit);

// ---- who may do what, for whoever holds it against an API server ----

struct rbac;

// What an authorizer is asked. All texts are "" where there is nothing to say.
struct rbac_request {
    const char *user;
    const char *const *groups;
    size_t group_count;
    const char *verb;
    const char *group, *resource, *subresource, *name, *namespace;
    const char *path; // NULL where a resource is meant
};

// Reads the inputs of the audit, and reports what cannot be read.
struct rbac *rbac_read(const struct rbac_audit *audit);
// What the RBAC authorizer says: system:masters is somebody else's to let pass.
bool rbac_allows(const struct rbac *rbac, const struct rbac_request *request);

#endif
