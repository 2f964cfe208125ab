// Findings, as diagnostics: who, by which binding and which role, and the way out.
#include <string.h>

#include "base/arena.h"
#include "base/text.h"
#include "front/scope.h"
#include "rbac/rbac_internal.h"
#include "report/diag.h"

enum { LISTED = 3 };

const char *rbac_list(struct arena *arena, const char *const *items, size_t count) {
    struct text text;
    text_init(&text, arena);
    const size_t shown = count > LISTED + 1 ? LISTED : count;
    for (size_t i = 0; i < shown; i++) {
        if (i) text_add_string(&text, i + 1 == count ? " and " : ", ");
        text_add_string(&text, text_shortened(arena, items[i], 80));
    }
    if (shown < count) text_printf(&text, " and %zu more", count - shown);
    return text_string(&text);
}

static const char *subjects_of(struct arena *arena, const struct finding *finding) {
    const char **labels = ARENA_ARRAY(arena, const char *, finding->subject_count);
    for (size_t i = 0; i < finding->subject_count; i++) labels[i] = finding->subjects[i]->label;
    return rbac_list(arena, labels, finding->subject_count);
}

static const char *name_of(struct arena *arena, const char *namespace, const char *name) {
    return *namespace ? arena_printf(arena, "%s/%s", namespace, name) : name;
}

static const char *message_of(struct arena *arena, const struct finding *finding) {
    const struct binding *binding = finding->binding;
    const bool built_in = finding->rule && !finding->rule->at.document;
    return arena_printf(arena, "%s %s: %s '%s' gives %s '%s'%s", subjects_of(arena, finding), finding->what,
                        *binding->namespace ? "RoleBinding" : "ClusterRoleBinding",
                        name_of(arena, binding->namespace, binding->name),
                        binding->of_cluster_role ? "ClusterRole" : "Role", binding->role_name,
                        built_in && binding->role && !binding->role->at.document ? ", which is built in" : "");
}

// Whether somebody accepts it: then it is kept with the other accepted ones.
static bool is_accepted(struct reporting *reporting, const struct finding *finding, const char *message) {
    const struct binding *binding = finding->binding;
    const struct rbac_acceptance *by = NULL;
    for (size_t i = 0; i < reporting->acceptance_count; i++) {
        struct rbac_acceptance *acceptance = &reporting->acceptances[i];
        if (acceptance->info != diag_info(finding->code)) continue;
        if (acceptance->name &&
            (strcmp(acceptance->name, binding->name) != 0 || strcmp(acceptance->namespace, binding->namespace) != 0))
            continue;
        acceptance->is_used = true;
        if (!by) by = acceptance;
    }
    if (!by) return false;
    struct diags *diags = reporting->audit->diags;
    const struct acceptance accepted = {finding->code, message, rbac_span(reporting->rbac, &binding->at), by->reason};
    ARENA_PUSH(diags->arena, diags->accepted, diags->accepted_count, accepted);
    return true;
}

void rbac_report(struct reporting *reporting, const struct finding *finding) {
    struct rbac *rbac = reporting->rbac;
    struct arena *arena = rbac->arena;
    struct diags *diags = reporting->audit->diags;
    const struct binding *binding = finding->binding;
    const char *message = message_of(arena, finding);
    if (is_accepted(reporting, finding, message)) return;
    diag_report(diags, finding->code, rbac_span(rbac, &binding->at), "%s", message);
    const struct rule *rule = finding->rule;
    const struct span span = rule ? rbac_span(rbac, &rule->at) : span_none();
    if (span.file != SPAN_NOWHERE && rule->role == binding->role)
        diag_relate(diags, span, "by this rule");
    else if (span.file != SPAN_NOWHERE)
        diag_relate(diags, span,
                    arena_printf(arena, "by this rule of ClusterRole '%s', which '%s' aggregates", rule->role->name,
                                 binding->role_name));
    diag_help(diags, "%s; or write in a policy: accept %s of %s %s \"reason\"", finding->remedy,
              diag_info(finding->code)->name, *binding->namespace ? "rolebinding" : "clusterrolebinding",
              name_of(arena, binding->namespace, binding->name));
}

// ---- what is accepted ----

static void add_acceptances(struct reporting *reporting, const struct ast_clause *clause) {
    struct arena *arena = reporting->rbac->arena;
    for (size_t i = 0; i < clause->words.count; i++) {
        const struct diag_info *info = diag_find(clause->words.items[i].text);
        struct rbac_acceptance acceptance = {
            .info = info, .namespace = "", .reason = clause->reason.text, .span = clause->words.items[i].span};
        if (!info || !diag_is_about_rbac(info)) continue;
        if (clause->of.count) {
            const char *name = clause->of.items[1].text, *slash = strchr(name, '/');
            if (slash) acceptance.namespace = arena_copy(arena, name, (size_t)(slash - name));
            acceptance.name = slash ? slash + 1 : name;
        }
        ARENA_PUSH(arena, reporting->acceptances, reporting->acceptance_count, acceptance);
    }
}

static void read_acceptances(struct reporting *reporting) {
    const struct rbac_audit *audit = reporting->audit;
    for (size_t i = 0; i < audit->unit_count; i++)
        for (const struct ast_item *item = audit->units[i]->file->first; item; item = item->next)
            if (item->kind == AST_ITEM_ACCEPT) add_acceptances(reporting, item->as.accept);
}

static void report_unused(const struct reporting *reporting) {
    struct diags *diags = reporting->audit->diags;
    for (size_t i = 0; i < reporting->acceptance_count; i++) {
        const struct rbac_acceptance *acceptance = &reporting->acceptances[i];
        if (acceptance->is_used) continue;
        diag_report(diags, DIAG_UNUSED_ACCEPTANCE, acceptance->span, "nothing in the RBAC raises warning %s%s%s",
                    acceptance->info->name, acceptance->name ? " of " : "",
                    acceptance->name ? name_of(diags->arena, acceptance->namespace, acceptance->name) : "");
        diag_help(diags, "remove it");
    }
}

void rbac_audit(const struct rbac_audit *audit) {
    const size_t errors = audit->diags->errors;
    struct reporting reporting = {.audit = audit, .rbac = rbac_read(audit)};
    if (audit->diags->errors > errors) return; // half of it would give half of the truth
    read_acceptances(&reporting);
    rbac_check_general(&reporting);
    rbac_check_policies(&reporting);
    report_unused(&reporting);
}
