// Permanent policies that do nothing but keep a kind of parameters known to the API server; see docs/operations.md.
//
// An API server reads the objects that are parameters of some policy into an informer, which it ends when the last
// binding is gone whose policy has that kind. One of a built-in kind does not start again
// (kubernetes/kubernetes#130887): from then on, until the server starts anew, objects that are made are not seen, and
// locks that look them up let them go.
#include <string.h>

#include "base/arena.h"
#include "base/map.h"
#include "base/names.h"
#include "base/text.h"
#include "data/value.h"
#include "emit/manifest.h"
#include "emit/plan.h"
#include "kubernetes/catalog.h"
#include "policy/policy.h"

// A group that nobody has, so that no request reaches the policy.
#define NO_GROUP "anchors.klock.dev"

// Labels and annotations by which nothing that prunes takes an anchor away: it has no label of a policy, and is told to
// be kept where a tool can be told.
static void add_metadata(struct manifest *manifest, struct value *object, const char *name) {
    struct arena *arena = manifest->arena;
    struct value *metadata = value_map(arena), *labels = value_map(arena), *annotations = value_map(arena);
    value_set_string(arena, metadata, "name", name);
    value_set_string(arena, labels, "app.kubernetes.io/name", "klock-anchors");
    value_set(arena, metadata, "labels", labels);
    value_set_string(arena, annotations, "argocd.argoproj.io/sync-options", "Prune=false,Delete=false");
    value_set_string(arena, annotations, "helm.sh/resource-policy", "keep");
    value_set_string(arena, annotations, "kustomize.toolkit.fluxcd.io/prune", "disabled");
    value_set(arena, metadata, "annotations", annotations);
    value_set(arena, object, "metadata", metadata);
}

static struct value *list_of(struct arena *arena, const char *text) {
    struct value *list = value_list(arena);
    value_append(arena, list, value_string(arena, text));
    return list;
}

static struct value *add(struct manifest *manifest, enum manifest_kind kind, const char *name) {
    struct arena *arena = manifest->arena;
    struct value *object = value_map(arena), *spec = value_map(arena);
    value_set_string(arena, object, "apiVersion", "admissionregistration.k8s.io/v1");
    value_set_string(arena, object, "kind", manifest_kind_name(kind));
    add_metadata(manifest, object, name);
    value_set(arena, object, "spec", spec);
    const struct manifest_object added = {
        .kind = kind, .policy = "", .namespace = "", .name = name, .value = object, .span = span_none()};
    ARENA_PUSH(arena, manifest->objects, manifest->count, added);
    return spec;
}

static void add_anchor(struct manifest *manifest, struct set *known, const char *version, const char *kind,
                       const char *resource) {
    struct arena *arena = manifest->arena;
    const char *slash = strrchr(version, '/');
    const char *name = names_of_object(arena, arena_printf(arena, "klock-anchor" NAMES_MARK "%s.%s",
                                                           slash ? slash + 1 : version, names_part(arena, resource)));
    if (!set_add(known, name)) return;

    struct value *spec = add(manifest, MANIFEST_POLICY, name);
    struct value *constraints = value_map(arena), *rule = value_map(arena), *rules = value_list(arena);
    value_set_string(arena, spec, "failurePolicy", "Ignore");
    value_set_string(arena, constraints, "matchPolicy", "Exact");
    value_set(arena, constraints, "namespaceSelector", value_map(arena));
    value_set(arena, constraints, "objectSelector", value_map(arena));
    value_set(arena, rule, "apiGroups", list_of(arena, NO_GROUP));
    value_set(arena, rule, "apiVersions", list_of(arena, "*"));
    value_set(arena, rule, "operations", list_of(arena, "CREATE"));
    value_set(arena, rule, "resources", list_of(arena, "nothing"));
    value_set_string(arena, rule, "scope", "*");
    value_append(arena, rules, rule);
    value_set(arena, constraints, "resourceRules", rules);
    value_set(arena, spec, "matchConstraints", constraints);
    struct value *parameters = value_map(arena), *validation = value_map(arena), *validations = value_list(arena);
    value_set_string(arena, parameters, "apiVersion", version);
    value_set_string(arena, parameters, "kind", kind);
    value_set(arena, spec, "paramKind", parameters);
    value_set_string(arena, validation, "expression", "true");
    value_append(arena, validations, validation);
    value_set(arena, spec, "validations", validations);

    spec = add(manifest, MANIFEST_BINDING, name);
    struct value *reference = value_map(arena);
    value_set_string(arena, reference, "parameterNotFoundAction", "Allow");
    value_set(arena, reference, "selector", value_map(arena));
    value_set(arena, spec, "paramRef", reference);
    value_set_string(arena, spec, "policyName", name);
    value_set(arena, spec, "validationActions", list_of(arena, "Audit"));
}

void anchors_emit(struct manifest *manifest, const struct plan *plan) {
    struct arena *arena = manifest->arena;
    struct set known;
    set_init(&known, arena);
    for (size_t i = 0; plan && i < plan->count; i++) {
        const struct plan_policy *policy = &plan->policies[i];
        if (!plan_has_params(policy)) continue;
        const struct resource parameters = {.plural = plan_param_plural(arena, policy),
                                            .group = plan_param_group(policy)};
        add_anchor(manifest, &known, policy->param_version, policy->param_kind, catalog_name(arena, &parameters));
    }
    size_t count = 0;
    const struct resource *resources = catalog_built_in(&count);
    for (size_t i = 0; !plan && i < count; i++)
        for (size_t j = 0; j < kube_act_count; j++) {
            if (!text_has_word(resources[i].subresources, kube_acts[j].subresource)) continue;
            const char *version = *resources[i].group
                                      ? arena_printf(arena, "%s/%s", resources[i].group, resources[i].version)
                                      : resources[i].version;
            add_anchor(manifest, &known, version, resources[i].kind, catalog_name(arena, &resources[i]));
        }
    manifest_sort(manifest);
    manifest_verify(manifest);
}
