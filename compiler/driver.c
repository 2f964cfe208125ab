// The pipeline; the only file that includes every stage.
#include "driver.h"

#include <string.h>

#include "base/limits.h"
#include "check/check.h"
#include "data/value.h"
#include "data/yamlio.h"
#include "emit/plan.h"
#include "kubernetes/catalog.h"
#include "kubernetes/kube.h"
#include "lower/lower.h"

enum { OLDEST_MINOR = 30, OLDEST_STATIC_MINOR = 36 };

void driver_init(struct compilation *compilation, struct arena *arena, const struct klock_options *options) {
    static const struct klock_options defaults = {0};
    *compilation = (struct compilation){.arena = arena, .options = options ? *options : defaults};
    struct klock_options *own = &compilation->options;
    if (!own->kubernetes_minor)
        own->kubernetes_minor = own->target == KLOCK_TARGET_STATIC ? OLDEST_STATIC_MINOR : OLDEST_MINOR;
    if (own->date) own->date = arena_copy(arena, own->date, strlen(own->date));
    if (own->root) own->root = arena_copy(arena, own->root, strlen(own->root));
    diags_init(&compilation->diags, arena);
    compilation->sources = (struct sources){.arena = arena};
    compilation->loader = (struct loader){
        .arena = arena, .diags = &compilation->diags, .sources = &compilation->sources, .root = own->root};
}

static void check_target(struct compilation *compilation) {
    const struct klock_options *options = &compilation->options;
    const bool is_static = options->target == KLOCK_TARGET_STATIC;
    const unsigned oldest = is_static ? OLDEST_STATIC_MINOR : OLDEST_MINOR;
    if (options->kubernetes_minor >= oldest) return;
    diag_report(&compilation->diags, DIAG_BAD_TARGET, span_none(), "Kubernetes 1.%u %s", options->kubernetes_minor,
                is_static ? "reads no static admission manifests" : "has no ValidatingAdmissionPolicy v1");
    diag_help(&compilation->diags, "the oldest for this target is --kubernetes 1.%u", oldest);
}

static const struct ast_item *item_at(const struct compilation *compilation, struct span span) {
    for (size_t i = 0; i < compilation->unit_count; i++) {
        const struct ast_file *file = compilation->units[i]->file;
        for (const struct ast_item *item = file->source == span.file ? file->first : NULL; item; item = item->next)
            if (item->span.begin <= span.begin && span.begin < item->span.end) return item;
    }
    return NULL;
}

// "payments.klock#lockred": the file's name alone, because the directory is the business of one machine, and no line,
// because a comment that is written above changes nothing of what is below.
static const char *locate(void *context, struct span span) {
    const struct compilation *compilation = context;
    const struct ast_item *item = item_at(compilation, span);
    const char *file = compilation->sources.items[span.file].name, *slash = strrchr(file, '/');
    const char *name = item && item->kind != AST_ITEM_DEPLOYER ? item->name.text : "deployer";
    return arena_printf(compilation->arena, "%s#%s", slash ? slash + 1 : file, name);
}

// What becomes an object of the cluster. An actor does if an account or locks come with it.
static bool makes_objects(const struct ast_item *item) {
    return item->kind == AST_ITEM_LOCK || item->kind == AST_ITEM_GRANT || item->kind == AST_ITEM_DEPLOYER ||
           (item->kind == AST_ITEM_ACTOR && (item->as.actor.create || item->as.actor.sealed));
}

// Objects are called after their policy, and two policies of one name take each other's objects away. A file's name is
// chosen for its directory; the policy's has to be chosen for the cluster.
static void check_named(struct compilation *compilation) {
    for (size_t i = 0; i < compilation->unit_count; i++) {
        const struct unit *unit = compilation->units[i];
        if (unit->policy_span.file != SPAN_NOWHERE) continue;
        const struct ast_item *item = unit->file->first;
        while (item && !makes_objects(item)) item = item->next;
        if (!item) continue;
        const char *name = kube_is_dns_subdomain(unit->policy) ? unit->policy : "my-policy";
        diag_report(&compilation->diags, DIAG_UNNAMED_POLICY, item->keyword,
                    "the file does not say which policy this belongs to");
        diag_help(&compilation->diags,
                  "begin it with a name that no other policy of the cluster has, such as: policy %s", name);
        const struct span start = {unit->file->source, 0, 0};
        diag_fix(&compilation->diags, start, arena_printf(compilation->arena, "policy %s\n\n", name));
    }
}

static void emit(struct compilation *compilation) {
    struct plan plan;
    const bool is_static = compilation->options.target == KLOCK_TARGET_STATIC;
    compilation->manifest = (struct manifest){
        .arena = compilation->arena, .diags = &compilation->diags, .locate = locate, .context = compilation};
    plan_make(compilation->arena, &compilation->policies, &plan);
    if (!is_static) rbac_emit(&compilation->manifest, &compilation->policies);
    vap_emit(&compilation->manifest, &plan, is_static ? PLAN_STATIC_SUFFIX : "");
    if (!is_static) rbac_emit_deployers(&compilation->manifest, &compilation->policies, &plan);
    manifest_sort(&compilation->manifest);
    manifest_verify(&compilation->manifest);
}

// Applied with pruning, or written to a directory, nothing at all takes away what was there. Locks whose days are over
// do just that, and a lock that reaches no request is a warning of its own.
static void check_output(struct compilation *compilation, const struct lowering *lowering) {
    if (compilation->manifest.count || lowering->inactive || compilation->policies.lock_count) return;
    if (!compilation->sources.count) return;
    const struct span start = {0, 0, 0};
    diag_report(&compilation->diags, DIAG_NO_POLICY, start, "no object comes of this");
    diag_help(&compilation->diags,
              compilation->options.target == KLOCK_TARGET_STATIC
                  ? "static manifests have at least one lock; grants and accounts are applied through the API"
                  : "a policy has at least one lock or grant; what only declares is included by another file");
}

void driver_compile(struct compilation *compilation) {
    struct arena *arena = compilation->arena;
    struct diags *diags = &compilation->diags;
    struct catalog catalog;

    check_target(compilation);
    load_units(&compilation->loader, &compilation->units, &compilation->unit_count);
    struct unit **units = compilation->units;
    const size_t unit_count = compilation->unit_count;
    catalog_init(&catalog, arena);
    struct lowering lowering = {
        .arena = arena,
        .diags = diags,
        .sources = &compilation->sources,
        .catalog = &catalog,
        .policies = &compilation->policies,
        .date = compilation->options.date,
        .minor = compilation->options.kubernetes_minor,
        .is_static = compilation->options.target == KLOCK_TARGET_STATIC,
        .read_yaml = yaml_read,
    };
    scope_init(&lowering.scope, arena, diags, units, unit_count);
    lower(&lowering, units, unit_count);
    if (lowering.derived_actors <= LIMIT_DERIVED_ACTORS)
        check(arena, diags, &compilation->policies, units, unit_count,
              compilation->options.target == KLOCK_TARGET_STATIC, compilation->options.kubernetes_minor);
    if (!diags->errors) check_named(compilation);
    if (!diags->errors) emit(compilation);
    if (!diags->errors) check_output(compilation, &lowering);

    if (compilation->options.warnings_as_errors) diags_promote_warnings(diags);
    diags_sort(diags);
    if (diags->errors) compilation->manifest.count = 0;
}

void driver_anchors(struct compilation *compilation, struct manifest *ret_anchors) {
    struct plan plan = {0};
    *ret_anchors = (struct manifest){.arena = compilation->arena, .diags = &compilation->diags};
    if (compilation->diags.errors) return;
    if (compilation->sources.count) plan_make(compilation->arena, &compilation->policies, &plan);
    anchors_emit(ret_anchors, compilation->sources.count ? &plan : NULL);
}
