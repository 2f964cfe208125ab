// Tenants → Namespace, ResourceQuota, and the AppProject of Argo CD.
#include "base/arena.h"
#include "base/names.h"
#include "data/value.h"
#include "emit/manifest.h"
#include "policy/policy.h"

// What was made for a tenant goes with its namespace, so that no tool removes one because it is no more in the policy.
static void keep(struct arena *arena, struct value *namespace) {
    manifest_annotate(arena, namespace, "argocd.argoproj.io/sync-options", "Prune=false,Delete=false");
    manifest_annotate(arena, namespace, "helm.sh/resource-policy", "keep");
    manifest_annotate(arena, namespace, "kustomize.toolkit.fluxcd.io/prune", "disabled");
}

static void add_namespace(struct manifest *manifest, const struct tenant *tenant, const char *name) {
    struct arena *arena = manifest->arena;
    struct value *namespace = manifest_add(manifest, MANIFEST_NAMESPACE, tenant->policy, "", name, tenant->span);
    keep(arena, namespace);
    struct value *metadata = value_get(namespace, "metadata");
    tenant_describe_namespace(arena, tenant, value_get(metadata, "labels"), value_get(metadata, "annotations"));
}

static void add_quota(struct manifest *manifest, const struct tenant *tenant, const char *namespace) {
    struct arena *arena = manifest->arena;
    struct value *hard = value_map(arena), *spec = value_map(arena);
    for (size_t i = 0; i < tenant->limit_count; i++)
        value_set_string(arena, hard, tenant->limits[i].what, tenant->limits[i].amount);
    value_set(arena, spec, "hard", hard);
    struct value *quota = manifest_add(manifest, MANIFEST_QUOTA, tenant->policy, namespace, tenant->name, tenant->span);
    value_set(arena, quota, "spec", spec);
}

// Argo CD deploys to the tenant's namespaces from wherever its Applications say, as the tenant's account, and takes
// Applications from there.
static void add_project(struct manifest *manifest, const struct tenant *tenant) {
    static const char here[] = "https://kubernetes.default.svc";
    struct arena *arena = manifest->arena;
    struct value *accounts = value_list(arena), *destinations = value_list(arena), *sources = value_list(arena),
                 *repositories = value_list(arena), *spec = value_map(arena);
    for (size_t i = 0; i < tenant->namespace_count; i++) {
        struct value *account = value_map(arena), *destination = value_map(arena);
        value_set_string(arena, account, "defaultServiceAccount", tenant->account);
        value_set_string(arena, account, "namespace", tenant->namespaces[i]);
        value_set_string(arena, account, "server", here);
        value_append(arena, accounts, account);
        value_set_string(arena, destination, "namespace", tenant->namespaces[i]);
        value_set_string(arena, destination, "server", here);
        value_append(arena, destinations, destination);
        value_append(arena, sources, value_string(arena, tenant->namespaces[i]));
    }
    value_append(arena, repositories, value_string(arena, "*"));
    value_set(arena, spec, "destinationServiceAccounts", accounts);
    value_set(arena, spec, "destinations", destinations);
    value_set(arena, spec, "sourceNamespaces", sources);
    value_set(arena, spec, "sourceRepos", repositories);
    struct value *project =
        manifest_add(manifest, MANIFEST_PROJECT, tenant->policy, tenant->projects, tenant->name, tenant->span);
    value_set(arena, project, "spec", spec);
}

void tenants_emit(struct manifest *manifest, const struct policies *policies) {
    for (size_t i = 0; i < policies->tenant_count; i++) {
        const struct tenant *tenant = policies->tenants[i];
        for (size_t j = 0; j < tenant->namespace_count; j++) {
            add_namespace(manifest, tenant, tenant->namespaces[j]);
            if (tenant->limit_count) add_quota(manifest, tenant, tenant->namespaces[j]);
        }
        if (tenant->projects) add_project(manifest, tenant);
    }
}
