// The pipeline; driver_compile is its table of contents, and this is the only file that includes every stage.
#include "driver.h"

#include <string.h>

#include "base/limits.h"
#include "check/check.h"
#include "data/yamlio.h"
#include "front/tenants.h"

static bool is_static(const struct compilation *compilation) {
    return compilation->options.target == KLOCK_TARGET_STATIC;
}

static bool is_fine(const struct compilation *compilation) {
    return compilation->diags.errors == 0;
}

void driver_init(struct compilation *compilation, struct arena *arena, const struct klock_options *options) {
    static const struct klock_options defaults = {0};
    *compilation = (struct compilation){.arena = arena, .options = options ? *options : defaults};
    struct klock_options *own = &compilation->options;
    if (!own->kubernetes_minor) own->kubernetes_minor = check_oldest_minor(is_static(compilation));
    if (own->date) own->date = arena_copy(arena, own->date, strlen(own->date));
    if (own->gitops) own->gitops = arena_copy(arena, own->gitops, strlen(own->gitops));
    if (own->root) own->root = arena_copy(arena, own->root, strlen(own->root));
    diags_init(&compilation->diags, arena);
    compilation->sources = (struct sources){.arena = arena};
    compilation->loader = (struct loader){.arena = arena,
                                          .diags = &compilation->diags,
                                          .sources = &compilation->sources,
                                          .reader = &load_from_disk,
                                          .root = own->root};
}

// ---- the stages ----

static void check_options(struct compilation *compilation) {
    const struct klock_options *options = &compilation->options;
    check_target(&compilation->diags, is_static(compilation), options->kubernetes_minor, options->date);
}

static void load(struct compilation *compilation) {
    if (compilation->loaded) return;
    compilation->loaded = true;
    load_units(&compilation->loader, &compilation->units, &compilation->unit_count);
}

static enum kube_controllers controllers_of(enum klock_controllers option) {
    return option == KLOCK_CONTROLLERS_SEPARATE ? CONTROLLERS_SEPARATE
           : option == KLOCK_CONTROLLERS_SHARED ? CONTROLLERS_SHARED
                                                : CONTROLLERS_BOTH;
}

static void expand(struct compilation *compilation) {
    tenants_expand(compilation->arena, &compilation->diags, compilation->units, compilation->unit_count);
}

static void resolve(struct compilation *compilation) {
    catalog_init(&compilation->catalog, compilation->arena);
    struct lowering *lowering = &compilation->lowering;
    *lowering = (struct lowering){
        .arena = compilation->arena,
        .diags = &compilation->diags,
        .sources = &compilation->sources,
        .catalog = &compilation->catalog,
        .policies = &compilation->policies,
        .date = compilation->options.date,
        .minor = compilation->options.kubernetes_minor,
        .controllers = controllers_of(compilation->options.controllers),
        .is_static = is_static(compilation),
        .read_yaml = yaml_read,
        .read_definitions = yaml_read_stream,
        .authority_files = compilation->loader.authority_files,
        .authority_file_count = compilation->loader.authority_file_count,
        .definitions = compilation->loader.definitions,
        .definition_count = compilation->loader.definition_count,
    };
    scope_init(&lowering->scope, compilation->arena, &compilation->diags, compilation->units, compilation->unit_count);
}

static void lower_units(struct compilation *compilation) {
    lower(&compilation->lowering, compilation->units, compilation->unit_count);
}

static void check_policies(struct compilation *compilation) {
    if (compilation->lowering.derived_actors > LIMIT_DERIVED_ACTORS) return; // reported, and too much to look at
    check(compilation->arena, &compilation->diags, &compilation->policies, compilation->units, compilation->unit_count,
          is_static(compilation), compilation->options.kubernetes_minor);
}

static void check_names(struct compilation *compilation) {
    check_named(&compilation->diags, compilation->units, compilation->unit_count);
}

static void plan(struct compilation *compilation) {
    plan_make(compilation->arena, &compilation->policies, compilation->options.kubernetes_minor, &compilation->plan);
}

static const char *origin(void *loader, struct span span) {
    return load_origin(loader, span);
}

static void emit(struct compilation *compilation) {
    compilation->manifest = (struct manifest){
        .arena = compilation->arena,
        .diags = &compilation->diags,
        .locate = origin,
        .context = &compilation->loader,
        .sync_waves = compilation->options.gitops != NULL,
    };
    objects_emit(&compilation->manifest, &compilation->policies, &compilation->plan, is_static(compilation));
}

// Locks whose days are over leave nothing on purpose, and a lock that reaches no request has a warning of its own.
static void check_emitted(struct compilation *compilation) {
    if (compilation->sources.count == 0 || compilation->rbac.count || compilation->hooks.count) return;
    const bool intended = compilation->lowering.inactive || compilation->policies.lock_count;
    if (!compilation->manifest.count && !intended) check_empty(&compilation->diags, is_static(compilation));
}

// The admission policies and bindings that the policies have become.
static void name_objects(const struct compilation *compilation, struct rbac_audit *audit) {
    const struct manifest *manifest = &compilation->manifest;
    audit->objects = ARENA_ARRAY(compilation->arena, const char *, manifest->count);
    for (size_t i = 0; i < manifest->count; i++) {
        const enum manifest_kind kind = manifest->objects[i].kind;
        if (kind == MANIFEST_POLICY || kind == MANIFEST_BINDING)
            audit->objects[audit->object_count++] = manifest->objects[i].name;
    }
}

static void audit_rbac(struct compilation *compilation) {
    struct rbac_audit audit = {
        .arena = compilation->arena,
        .diags = &compilation->diags,
        .sources = &compilation->sources,
        .inputs = compilation->rbac.items,
        .input_count = compilation->rbac.count,
        .policies = &compilation->policies,
        .units = compilation->units,
        .unit_count = compilation->unit_count,
    };
    name_objects(compilation, &audit);
    rbac_audit(&audit);
}

static void audit_webhooks(struct compilation *compilation) {
    hooks_audit(&(struct hooks_audit){
        .arena = compilation->arena,
        .diags = &compilation->diags,
        .sources = &compilation->sources,
        .inputs = compilation->hooks.items,
        .input_count = compilation->hooks.count,
        .policies = &compilation->policies,
    });
}

static void close_report(struct compilation *compilation) {
    if (compilation->options.warnings_as_errors) diags_promote_warnings(&compilation->diags);
    diags_sort(&compilation->diags);
    if (!is_fine(compilation)) compilation->manifest.count = 0;
}

// ---- the table of contents ----

void driver_compile(struct compilation *compilation) {
    check_options(compilation);  // what cannot be asked for
    load(compilation);           // bytes → trees
    expand(compilation);         // tenants → what they stand for
    resolve(compilation);        // trees → names
    lower_units(compilation);    // names → policies
    check_policies(compilation); // policies → warnings
    if (is_fine(compilation)) check_names(compilation);
    if (is_fine(compilation)) plan(compilation); // policies → plan
    if (is_fine(compilation)) emit(compilation); // plan → objects
    if (is_fine(compilation)) check_emitted(compilation);
    if (is_fine(compilation) && compilation->rbac.count) audit_rbac(compilation);      // RBAC of others → warnings
    if (is_fine(compilation) && compilation->hooks.count) audit_webhooks(compilation); // webhooks of others → warnings
    close_report(compilation);
}

void driver_parse(struct compilation *compilation) {
    load(compilation);
    diags_sort(&compilation->diags);
}

void driver_anchors(struct compilation *compilation, struct manifest *ret_anchors) {
    *ret_anchors = (struct manifest){.arena = compilation->arena, .diags = &compilation->diags};
    if (is_fine(compilation)) anchors_emit(ret_anchors, compilation->sources.count ? &compilation->plan : NULL);
}

void driver_verify(struct compilation *compilation, bool of_cluster) {
    struct manifest anchors;
    driver_anchors(compilation, &anchors);
    diags_init(&compilation->diags, compilation->arena);
    const struct verification verification = {
        .arena = compilation->arena,
        .diags = &compilation->diags,
        .sources = &compilation->sources,
        .minor = compilation->options.kubernetes_minor,
        .of_cluster = of_cluster,
        .inputs = compilation->renderings.items,
        .input_count = compilation->renderings.count,
    };
    verify(&verification, &compilation->manifest, of_cluster ? &anchors : NULL);
    close_report(compilation);
}
