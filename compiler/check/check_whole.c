// What is asked of a compilation as a whole: its target, the names of its policies, and that something comes of it.
#include "base/arena.h"
#include "check/check.h"
#include "front/scope.h"
#include "kubernetes/kube.h"
#include "report/diag.h"

enum { OLDEST_MINOR = 30, OLDEST_STATIC_MINOR = 36 };

unsigned check_oldest_minor(bool is_static) {
    return is_static ? OLDEST_STATIC_MINOR : OLDEST_MINOR;
}

void check_target(struct diags *diags, bool is_static, unsigned minor, const char *date) {
    if (minor < check_oldest_minor(is_static)) {
        diag_report(diags, DIAG_BAD_TARGET, span_none(), "Kubernetes 1.%u %s", minor,
                    is_static ? "does not read static admission manifests" : "has no ValidatingAdmissionPolicy v1");
        diag_help(diags, "the oldest version for this target is --kubernetes 1.%u", check_oldest_minor(is_static));
    }
    // Locks outside of their days are left out: a date that means nothing would leave out any.
    if (date && !kube_is_day(date)) {
        diag_report(diags, DIAG_BAD_TARGET, span_none(), "'%s' is not a date", date);
        diag_help(diags, "write it as YYYY-MM-DD");
    }
}

// What becomes an object of the cluster. An actor does if an account or locks come with it.
static bool makes_objects(const struct ast_item *item) {
    return item->kind == AST_ITEM_LOCK || item->kind == AST_ITEM_GRANT || item->kind == AST_ITEM_DEPLOYER ||
           (item->kind == AST_ITEM_ACTOR && (item->as.actor.create || item->as.actor.sealed));
}

// Objects are called after their policy, and two policies of one name take each other's objects away. A file's name is
// chosen for its directory; the policy's has to be chosen for the cluster.
static void check_unit_named(struct diags *diags, const struct unit *unit) {
    if (unit->policy_span.file != SPAN_NOWHERE) return;
    const struct ast_item *item = unit->file->first;
    while (item && !makes_objects(item)) item = item->next;
    if (!item) return;
    const char *name = kube_is_dns_subdomain(unit->policy) ? unit->policy : "my-policy";
    diag_report(diags, DIAG_UNNAMED_POLICY, item->keyword, "this file does not name its policy");
    diag_help(diags, "start it with a name that no other policy in the cluster has, such as: policy %s", name);
    const struct span start = {unit->file->source, 0, 0};
    diag_fix(diags, start, arena_printf(diags->arena, "policy %s\n\n", name));
}

void check_named(struct diags *diags, struct unit *const *units, size_t unit_count) {
    for (size_t i = 0; i < unit_count; i++) check_unit_named(diags, units[i]);
}

void check_empty(struct diags *diags, bool is_static) {
    const struct span start = {0, 0, 0};
    diag_report(diags, DIAG_NO_POLICY, start, "these files produce no objects");
    diag_help(diags, is_static
                         ? "static manifests need at least one lock; grants and accounts are applied through the API"
                         : "a policy needs at least one lock or grant; files that only declare are included by others");
}
