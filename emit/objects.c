// All objects of a compilation, in the order in which the emitters need each other; see manifest.h.
#include "emit/manifest.h"
#include "emit/plan.h"

void objects_emit(struct manifest *manifest, const struct policies *policies, const struct plan *plan, bool is_static) {
    if (!is_static) tenants_emit(manifest, policies);
    if (!is_static) rbac_emit(manifest, policies);
    vap_emit(manifest, plan, is_static ? PLAN_STATIC_SUFFIX : "");
    if (!is_static) webhooks_emit(manifest, policies);
    if (!is_static) rbac_emit_deployers(manifest, policies, plan);
    manifest_sort(manifest);
    manifest_verify(manifest);
}
