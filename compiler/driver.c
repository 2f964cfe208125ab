// The pipeline; the only file that includes every stage.
#include "driver.h"

#include <string.h>

#include "catalog.h"
#include "check.h"
#include "lower.h"
#include "plan.h"
#include "value.h"
#include "yamlio.h"

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
    struct diagnostic *diagnostic =
        diag_report(&compilation->diags, DIAG_BAD_TARGET, span_none(), "Kubernetes 1.%u %s", options->kubernetes_minor,
                    is_static ? "reads no static admission manifests" : "has no ValidatingAdmissionPolicy v1");
    diag_help(&compilation->diags, diagnostic, "the oldest for this target is --kubernetes 1.%u", oldest);
}

// "payments.klock:12": the name alone, because the directory is the business of one machine.
static const char *locate(void *context, struct span span) {
    const struct compilation *compilation = context;
    const struct source_location location = source_locate(&compilation->sources, span.file, span.begin);
    const char *slash = strrchr(location.file, '/');
    return arena_printf(compilation->arena, "%s:%u", slash ? slash + 1 : location.file, location.line);
}

static void emit(struct compilation *compilation) {
    struct plan plan;
    const bool is_static = compilation->options.target == KLOCK_TARGET_STATIC;
    compilation->manifest = (struct manifest){
        .arena = compilation->arena, .diags = &compilation->diags, .locate = locate, .context = compilation};
    plan_make(compilation->arena, &compilation->ir, &plan);
    if (!is_static) rbac_emit(&compilation->manifest, &compilation->ir);
    vap_emit(&compilation->manifest, &plan, is_static ? ".static.k8s.io" : "");
    if (!is_static) rbac_emit_deployers(&compilation->manifest, &compilation->ir, &plan);
    manifest_sort(&compilation->manifest);
}

// Applied with pruning, or written to a directory, nothing at all takes away what was there. Locks whose days are over
// do just that, and a lock that reaches no request is a warning of its own.
static void check_output(struct compilation *compilation, const struct lowering *lowering) {
    if (compilation->manifest.count || lowering->inactive || compilation->ir.lock_count) return;
    if (!compilation->sources.count) return;
    const struct span start = {0, 0, 0};
    struct diagnostic *diagnostic = diag_report(&compilation->diags, DIAG_NO_POLICY, start, "no object comes of this");
    diag_help(&compilation->diags, diagnostic,
              compilation->options.target == KLOCK_TARGET_STATIC
                  ? "static manifests have at least one lock; grants and accounts are applied through the API"
                  : "a policy has at least one lock or grant; what only declares is included by another file");
}

void driver_compile(struct compilation *compilation) {
    struct arena *arena = compilation->arena;
    struct diags *diags = &compilation->diags;
    struct unit **units = NULL;
    size_t unit_count = 0;
    struct catalog catalog;

    check_target(compilation);
    load_units(&compilation->loader, &units, &unit_count);
    catalog_init(&catalog, arena);
    struct lowering lowering = {
        .arena = arena,
        .diags = diags,
        .sources = &compilation->sources,
        .catalog = &catalog,
        .ir = &compilation->ir,
        .date = compilation->options.date,
        .minor = compilation->options.kubernetes_minor,
        .is_static = compilation->options.target == KLOCK_TARGET_STATIC,
        .read_yaml = yaml_read,
    };
    scope_init(&lowering.scope, arena, diags, units, unit_count);
    lower(&lowering, units, unit_count);
    check(arena, diags, &compilation->ir, units, unit_count, compilation->options.target == KLOCK_TARGET_STATIC,
          compilation->options.kubernetes_minor);
    if (!diags->errors) emit(compilation);
    if (!diags->errors) check_output(compilation, &lowering);

    if (compilation->options.warnings_as_errors) diags_promote_warnings(diags);
    diags_sort(diags);
    if (diags->errors) compilation->manifest.count = 0;
}
