// Tenants as klock text; see tenants.h.
//
// All tenants of a policy share their locks, which read from the Namespace whose it is: however many tenants there are,
// a request is asked the same, and a new tenant changes no policy but the one that keeps tenants out of other
// namespaces, which has to name them.
#include "front/tenants.h"

#include <string.h>

#include "base/arena.h"
#include "base/map.h"
#include "base/names.h"
#include "base/text.h"
#include "front/ast_make.h"
#include "front/ast_print.h"
#include "front/parse.h"
#include "front/scope.h"
#include "kubernetes/kube.h"
#include "report/diag.h"

// Whom one lock keeps out by name; a longer list is divided, since expressions have a limit.
enum { MOST_NAME_BYTES = 30000, MOST_NAMES = 2000 };

// ---- Flux and Argo CD ----

// Objects of the tenant's own are applied by the account that has its name, or not at all: without one, they would be
// with the rights of the controller. That is asked of what is written, whatever was there before: an object that has
// been there longer than the tenant is not to be filled with something else.
#define ACCOUNT "new field spec.serviceAccountName = namespace label " NAMES_TENANT " and not new field spec.kubeConfig"
#define NOT_ELSEWHERE(path) "(not new field " path ".namespace or new field " path ".namespace = namespace)"
// What controllers read, push to, tell of and set going for it, as with Flux's option --no-cross-namespace-refs.
#define STAYING "what a tenant has of Flux refers to objects in its own namespace"
// A lock on what its objects are to be.
#define ASKING(name, resource, what, message)                                                                          \
    "lock tenants-" name " {\n"                                                                                        \
    "  resources  " resource "\n"                                                                                      \
    "  namespace  labeled $\n"                                                                                         \
    "  all objects\n"                                                                                                  \
    "  deny       create, update\n"                                                                                    \
    "  changing   spec\n"                                                                                              \
    "  unless     " what "\n"                                                                                          \
    "  guard      none\n"                                                                                              \
    "  message    \"" message "\"\n"                                                                                   \
    "}\n"

const struct tenant_tool tenant_tools[] = {
    {
        .name = "flux",
        .namespace = "flux-system",
        .kinds = "kustomizations.kustomize.toolkit.fluxcd.io, helmreleases.helm.toolkit.fluxcd.io, "
                 "buckets.source.toolkit.fluxcd.io, externalartifacts.source.toolkit.fluxcd.io, "
                 "gitrepositories.source.toolkit.fluxcd.io, helmcharts.source.toolkit.fluxcd.io, "
                 "helmrepositories.source.toolkit.fluxcd.io, ocirepositories.source.toolkit.fluxcd.io, "
                 "alerts.notification.toolkit.fluxcd.io, providers.notification.toolkit.fluxcd.io, "
                 "receivers.notification.toolkit.fluxcd.io, imagepolicies.image.toolkit.fluxcd.io, "
                 "imagerepositories.image.toolkit.fluxcd.io, imageupdateautomations.image.toolkit.fluxcd.io",
        .accounts = "kustomize-controller helm-controller source-controller notification-controller "
                    "image-reflector-controller image-automation-controller",
        .locks = ASKING("kustomizations", "kustomizations.kustomize.toolkit.fluxcd.io/v1",
                        ACCOUNT " and " NOT_ELSEWHERE("spec.sourceRef"),
                        "a Kustomization of a tenant names the tenant's account, which has its name, and a source in "
                        "its own namespace")
            ASKING("helmreleases", "helmreleases.helm.toolkit.fluxcd.io/v2",
                   ACCOUNT " and " NOT_ELSEWHERE("spec.chart.spec.sourceRef") " and " NOT_ELSEWHERE("spec.chartRef"),
                   "a HelmRelease of a tenant names the tenant's account, which has its name, and a chart in its own "
                   "namespace")
                ASKING("references",
                       "imageupdateautomations.image.toolkit.fluxcd.io/v1, imagepolicies.image.toolkit.fluxcd.io/v1",
                       NOT_ELSEWHERE("spec.sourceRef") " and " NOT_ELSEWHERE("spec.imageRepositoryRef"),
                       STAYING) "lock tenants-listeners {\n"
                                "  resources  alerts.notification.toolkit.fluxcd.io/v1beta3, "
                                "receivers.notification.toolkit.fluxcd.io/v1\n"
                                "  namespace  labeled $\n"
                                "  all objects\n"
                                "  require    all spec.eventSources as s ( not s.namespace or s.namespace = namespace "
                                ") and\n"
                                "             all spec.resources as r ( not r.namespace or r.namespace = namespace )\n"
                                "  message    \"" STAYING "\"\n"
                                "}\n",
    },
    {
        .name = "argocd",
        .namespace = "argocd",
        .project = "AppProject",
        .kinds = "applications.argoproj.io, applicationsets.argoproj.io",
        .accounts = "argocd-application-controller argocd-server argocd-applicationset-controller",
        .locks = ASKING("applications", "applications.argoproj.io/v1alpha1",
                        "new field spec.project = namespace label " NAMES_TENANT,
                        "an Application of a tenant is of the tenant's project, which has its name")
            ASKING("applicationsets", "applicationsets.argoproj.io/v1alpha1",
                   "new field spec.template.spec.project = namespace label " NAMES_TENANT,
                   "an ApplicationSet of a tenant makes Applications of the tenant's project, which has its name"),
    },
};
const size_t tenant_tool_count = sizeof tenant_tools / sizeof *tenant_tools;

const struct tenant_tool *tenant_tool_find(const char *name) {
    for (size_t i = 0; i < tenant_tool_count; i++)
        if (strcmp(tenant_tools[i].name, name) == 0) return &tenant_tools[i];
    return NULL;
}

// ---- text that becomes items ----

static const struct ast_clause *clause_of(const struct ast_item *item, enum ast_clause_kind kind) {
    for (size_t i = 0; i < item->as.block.clauses.count; i++)
        if (item->as.block.clauses.items[i]->kind == kind) return item->as.block.clauses.items[i];
    return NULL;
}

static struct words words_of(const struct ast_item *item, enum ast_clause_kind kind) {
    const struct ast_clause *clause = clause_of(item, kind);
    return clause ? clause->words : (struct words){0};
}

// Those that can be namespaces; of the others, lower_tenant.c tells.
static struct words namespaces_of(struct arena *arena, const struct ast_item *tenant) {
    const struct words all = words_of(tenant, AST_CLAUSE_NAMESPACES);
    struct words namespaces = {0};
    for (size_t i = 0; i < all.count; i++)
        if (kube_is_dns_label(all.items[i].text)) namespaces = make_words(arena, namespaces, all.items[i]);
    return namespaces;
}

static struct ast_subjects subjects_of(const struct ast_item *item, enum ast_clause_kind kind) {
    const struct ast_clause *clause = clause_of(item, kind);
    return clause ? clause->subjects : (struct ast_subjects){0};
}

// The text of a name as one word, whatever is in it.
static const char *word(struct arena *arena, const char *name) {
    struct text text;
    text_init(&text, arena);
    ast_print_word(&text, make_word(name));
    return text_string(&text);
}

static void add_list(struct text *text, const char *before, struct words words) {
    for (size_t i = 0; i < words.count; i++)
        text_printf(text, "%s%s%s", i ? ", " : "", before, word(text->arena, words.items[i].text));
}

// In the place of the actor `platform`, who the policy says that it is; `tenant` is no actor at all.
static void name_actors(struct arena *arena, struct ast_item *item, const struct ast_item *deployer) {
    for (size_t i = 0; item->kind == AST_ITEM_LOCK && i < item->as.block.clauses.count; i++) {
        struct ast_clause *clause = item->as.block.clauses.items[i];
        if (clause->kind != AST_CLAUSE_EXCLUSIVE) continue;
        struct ast_subjects subjects = {0};
        for (size_t j = 0; j < clause->subjects.count; j++) {
            struct ast_subject *subject = clause->subjects.items[j];
            const bool is_actor = subject->kind == AST_SUBJECT_ACTOR,
                       is_platform = is_actor && strcmp(subject->name.text, "platform") == 0;
            if (is_actor && strcmp(subject->name.text, "tenant") == 0) subject->kind = AST_SUBJECT_TENANT;
            for (size_t k = 0; is_platform && k < deployer->as.block.to.count; k++)
                subjects = make_subjects(arena, subjects, deployer->as.block.to.items[k]);
            if (!is_platform) subjects = make_subjects(arena, subjects, subject);
        }
        clause->subjects = subjects;
    }
}

// What was made for one policy.
struct making {
    struct arena *arena;
    struct diags *diags;
    struct unit *unit;               // that the items go into
    const struct ast_item *deployer; // of the policy
    const struct map *grants;        // of the policy, by name, that somebody wrote
};

// Appends the items; gives the first.
static struct ast_item *add_items(const struct making *making, const char *text, struct span span) {
    struct ast_file *made = parse_made(making->arena, making->diags, making->unit->file->source, text, span);
    struct ast_item *const first = made->first;
    for (struct ast_item *item = first, *next; item; item = next) {
        next = item->next;
        item->next = NULL;
        item->made = true;
        name_actors(making->arena, item, making->deployer);
        make_file_item(making->unit->file, item);
    }
    return first;
}

// ---- one tenant ----

// Those that a tenant's role may name.
static void index_grants(struct arena *arena, struct unit **units, size_t count, const char *policy,
                         struct map *ret_grants) {
    map_init(ret_grants, arena);
    for (size_t i = 0; i < count; i++)
        for (struct ast_item *item = units[i]->file->first; item && strcmp(units[i]->policy, policy) == 0;
             item = item->next)
            if (item->kind == AST_ITEM_GRANT && item->name.text) map_set(ret_grants, item->name.text, item);
}

// All but where the grant allows it: of a grant that is to somebody as well, that is no business of the tenant's, and
// in another, lower_grant.c tells.
static void take_rules(struct arena *arena, struct ast_item *grant, struct ast_item *template) {
    struct ast_clauses clauses = grant->as.block.clauses;
    for (size_t i = 0; i < template->as.block.clauses.count; i++) {
        struct ast_clause *clause = template->as.block.clauses.items[i];
        if (clause->kind != AST_CLAUSE_ACCEPT && clause->kind != AST_CLAUSE_NAMESPACE &&
            clause->kind != AST_CLAUSE_CLUSTER)
            clauses = make_clauses(arena, clauses, clause);
    }
    grant->as.block.clauses = clauses;
    grant->as.block.template = template;
    template->as.block.is_template = true;
}

// In place of what the text says for it, where the tenant is and what its role is.
static void place_grant(struct arena *arena, struct ast_item *grant, const struct ast_item *tenant,
                        struct ast_item *template) {
    const struct words role = words_of(tenant, AST_CLAUSE_ROLE);
    struct ast_clauses clauses = {0};
    if (role.count) grant->as.block.role = role.items[0].span;
    for (size_t i = 0; i < grant->as.block.clauses.count; i++) {
        struct ast_clause *clause = grant->as.block.clauses.items[i];
        if (clause->kind == AST_CLAUSE_NAMESPACE) clause->words = namespaces_of(arena, tenant);
        if (clause->kind == AST_CLAUSE_ROLE) clause->words = role;
        if (clause->kind != AST_CLAUSE_ROLE || !template) clauses = make_clauses(arena, clauses, clause);
    }
    grant->as.block.clauses = clauses;
    if (template) take_rules(arena, grant, template);
}

// Whether all are what tenants consist of; lower_tenant.c tells of the others.
static bool are_named(struct ast_subjects subjects) {
    for (size_t i = 0; i < subjects.count; i++) {
        const enum ast_subject_kind kind = subjects.items[i]->kind;
        if (kind == AST_SUBJECT_UID || kind == AST_SUBJECT_MAY || kind == AST_SUBJECT_AND || kind == AST_SUBJECT_EXTRA)
            return false;
    }
    return subjects.count > 0;
}

static bool is_whole(struct arena *arena, const struct ast_item *tenant) {
    return tenant->name.text && namespaces_of(arena, tenant).count &&
           are_named(subjects_of(tenant, AST_CLAUSE_MEMBERS));
}

static void expand(const struct making *making, const struct ast_item *tenant) {
    struct arena *arena = making->arena;
    const char *name = word(arena, tenant->name.text);
    const struct words namespaces = namespaces_of(arena, tenant), role = words_of(tenant, AST_CLAUSE_ROLE);
    const bool deployed = subjects_of(tenant, AST_CLAUSE_TENANT_DEPLOYER).count > 0;
    struct text text;
    text_init(&text, arena);
    text_printf(&text, "actor %s = user x\n", name);
    struct ast_item *actor = add_items(making, text_string(&text), tenant->name.span);
    actor->as.actor.subjects = subjects_of(tenant, AST_CLAUSE_MEMBERS);
    const char *account = word(arena, arena_printf(arena, "%s-account", tenant->name.text));
    text_init(&text, arena);
    if (deployed) {
        text_printf(&text, "actor %s = new ", account);
        for (size_t i = 0; i < namespaces.count; i++)
            text_printf(&text, "%sserviceaccount %s", i ? ", " : "",
                        word(arena, arena_printf(arena, "%s/%s", namespaces.items[i].text, tenant->name.text)));
        text_add_string(&text, "\n");
        (void)add_items(making, text_string(&text), tenant->name.span);
        text_init(&text, arena);
    }
    if (!role.count) return;
    text_printf(&text, "grant %s to %s%s%s {\n  role x\n  namespace x\n}\n", name, name, deployed ? ", " : "",
                deployed ? account : "");
    struct ast_item *grant = add_items(making, text_string(&text), tenant->name.span);
    place_grant(arena, grant, tenant, map_get(making->grants, role.items[0].text)); // none: it is a ClusterRole
}

// ---- the locks of all of them ----

// Who runs where, of one tool.
static void add_accounts(struct text *text, const struct tenant_tool *tool, const char *namespace) {
    for (const char *at = tool->accounts; *at;) {
        const size_t len = strcspn(at, " ");
        text_printf(text, ", serviceaccount %s/%.*s", namespace, (int)len, at);
        at += len + (at[len] == ' ');
    }
}

// The tools that tenants of the policy are deployed by.
struct tools {
    const struct ast_subject *named[sizeof tenant_tools / sizeof *tenant_tools]; // first; NULL for none
};

static const char *namespace_of(const struct tenant_tool *tool, const struct ast_subject *named) {
    return named->kind == AST_SUBJECT_PRESET ? named->extra_value.text : tool->namespace;
}

// The locks of all tenants let one installation of a tool through.
static void add_tools(struct diags *diags, struct tools *tools, const struct ast_item *tenant) {
    const struct ast_subjects deployers = subjects_of(tenant, AST_CLAUSE_TENANT_DEPLOYER);
    for (size_t i = 0; i < deployers.count; i++) {
        const struct ast_subject *one = deployers.items[i];
        const struct tenant_tool *tool =
            one->kind == AST_SUBJECT_ACTOR || one->kind == AST_SUBJECT_PRESET ? tenant_tool_find(one->name.text) : NULL;
        if (!tool) continue;
        const struct ast_subject **first = &tools->named[tool - tenant_tools];
        if (!*first) *first = one;
        if (strcmp(namespace_of(tool, *first), namespace_of(tool, one)) == 0) continue;
        diag_report(diags, DIAG_CONFLICTING_CLAUSES, one->span, "%s runs in '%s' here, and in '%s' for another tenant",
                    tool->name, namespace_of(tool, one), namespace_of(tool, *first));
        diag_relate(diags, (*first)->span, "there");
        diag_help(diags,
                  "the tenants of a policy are deployed by one %s: put those of the other into a policy of their "
                  "own",
                  tool->name);
    }
}

// Appends klock text in which `$` stands for the label of the policy's own tenants, and of what is made for them.
static void add_template(struct text *text, const char *template, const char *policy) {
    for (const char *at = template; *at;) {
        const size_t len = strcspn(at, "$");
        text_add(text, at, len);
        at += len;
        if (*at != '$') continue;
        text_printf(text, NAMES_TENANT ", klock.dev/policy = %s", policy);
        at++;
    }
}

#define MESSAGE_OF_TENANT                                                                                              \
    "  message    \"this namespace belongs to a tenant: its label '" NAMES_TENANT "' says to whom\"\n"

static const char first_locks[] =
    "  namespace  labeled $\n"
    "  all objects\n"
    "  deny       all\n"
    "  exclusive  tenant, platform\n"
    "  guard      no namespace\n"
    "  accept     definition-not-guarded, namespace-not-guarded, condition-not-guarded, actor-without-grant \"the "
    "platform's\"\n" MESSAGE_OF_TENANT "}\n"
    "lock tenants-namespaces {\n"
    "  resources  namespaces\n"
    "  labels     $\n"
    "  deny       create, update, delete\n"
    "  changing   metadata.labels, metadata.annotations[\"" NAMES_TENANT_MEMBERS "\"],\n"
    "             metadata.annotations[\"argocd.argoproj.io/sync-options\"],\n"
    "             metadata.annotations[\"helm.sh/resource-policy\"],\n"
    "             metadata.annotations[\"kustomize.toolkit.fluxcd.io/prune\"]\n"
    "  exclusive  platform\n"
    "  guard      label-in\n"
    "  accept     actor-without-grant \"the platform's\"\n"
    "  message    \"the platform says whose a namespace is, who that is, and how its pods are secured\"\n"
    "}\n"
    "lock tenants-objects {\n"
    "  resources  resourcequotas, rolebindings, serviceaccounts\n"
    "  namespace  labeled $\n"
    "  labels     klock.dev/policy\n"
    "  exclusive  platform\n"
    "  guard      no namespace\n"
    "  accept     actor-without-grant, namespace-not-guarded, condition-not-guarded \"the platform's\"\n"
    "  message    \"the platform made this for the tenant\"\n"
    "}\n"
    "lock tenants-default-accounts {\n"
    "  resources  rolebindings\n"
    "  namespace  labeled $\n"
    "  all objects\n"
    "  require    not any subjects as s ( s.kind = ServiceAccount and s.name = default or\n"
    "             s.kind = User and s.name like \"system:serviceaccount:*:default\" or\n"
    "             s.kind = Group and s.name like \"system:*\" )\n"
    "  exclusive  platform\n"
    "  accept     actor-without-grant \"the platform's\"\n"
    "  message    \"accounts that pods have unless they name another one hold no rights, nor do all accounts "
    "together\"\n"
    "}\n";

static void add_locks(struct text *text, const struct tools *tools, const char *of_policy) {
    text_add_string(text, "lock tenants {\n  resources  *\n");
    bool first = true;
    for (size_t i = 0; i < tenant_tool_count; i++) {
        if (!tools->named[i]) continue;
        text_printf(text, "%s%s", first ? "  except resources  " : ", ", tenant_tools[i].kinds);
        first = false;
    }
    text_add_char(text, '\n');
    add_template(text, first_locks, of_policy);
}

static void add_tool(struct text *text, const struct tenant_tool *tool, const char *namespace, const char *of_policy) {
    text_printf(text, "lock tenants-%s {\n  resources  %s\n  exclusive  tenant, platform", tool->name, tool->kinds);
    add_accounts(text, tool, namespace);
    add_template(text,
                 "\n"
                 "  namespace  labeled $\n"
                 "  all objects\n"
                 "  deny       all\n"
                 "  guard      no namespace\n"
                 "  accept     actor-without-grant, definition-not-guarded, namespace-not-guarded, "
                 "condition-not-guarded \"the tool's\"\n" MESSAGE_OF_TENANT "}\n",
                 of_policy);
    add_template(text, tool->locks, of_policy);
    if (!tool->project) return;
    text_printf(text,
                "lock tenants-projects {\n"
                "  resources         appprojects.argoproj.io/v1alpha1\n"
                "  namespace         %s\n"
                "  labels            klock.dev/policy = %s\n"
                "  except changing   status\n"
                "  exclusive         platform\n"
                "  accept            actor-without-grant, definition-not-guarded \"the platform's\"\n"
                "  message           \"the platform says what a tenant may deploy\"\n"
                "}\n",
                word(text->arena, namespace), of_policy);
}

// Members, and what runs in their namespaces, stay out of everybody else's. Those of tenants keep them out themselves.
static void add_elsewhere(const struct making *making, struct text *names, size_t number, struct span span) {
    const char *of_policy = word(making->arena, names_of_label(making->arena, making->unit->policy));
    struct text text;
    text_init(&text, making->arena);
    const char *suffix = number > 1 ? arena_printf(making->arena, "-%zu", number) : "";
    text_printf(&text,
                "actor tenants%s = %s\n"
                "lock tenants-elsewhere%s {\n"
                "  resources  *\n"
                "  namespace  *, kube-system, kube-public, kube-node-lease\n"
                "  all objects\n"
                "  deny       all\n"
                "  when       actor tenants%s and not ( namespace label " NAMES_TENANT
                " and namespace label klock.dev/policy = %s )\n"
                "  exclusive  platform\n"
                "  guard      none\n"
                "  message    \"members of a tenant, and what runs in its namespaces, write nowhere else\"\n"
                "  accept     system-namespace, namespace-not-guarded, definition-not-guarded, controller-not-locked, "
                "condition-not-guarded, actor-without-grant \"this keeps tenants out, and keeps nothing\"\n"
                "}\n",
                suffix, text_string(names), suffix, suffix, of_policy);
    (void)add_items(making, text_string(&text), span);
}

// ---- all of a policy ----

static const struct ast_item *find_item(struct unit **units, size_t count, const char *policy,
                                        enum ast_item_kind kind) {
    for (size_t i = 0; i < count; i++)
        for (const struct ast_item *item = units[i]->file->first; item && strcmp(units[i]->policy, policy) == 0;
             item = item->next)
            if (item->kind == kind) return item;
    return NULL;
}

static void expand_policy(const struct making *making, struct unit **units, size_t count) {
    struct tools tools = {0};
    struct text names, text;
    size_t number = 0, bytes = 0, named = 0;
    struct span span = span_none();
    text_init(&names, making->arena);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(units[i]->policy, making->unit->policy) != 0) continue;
        // What is appended behind the last one is no tenant.
        for (const struct ast_item *tenant = units[i]->file->first; tenant; tenant = tenant->next) {
            if (tenant->kind != AST_ITEM_TENANT || !tenant->name.text) continue;
            if (span.file == SPAN_NOWHERE) span = tenant->name.span;
            add_tools(making->diags, &tools, tenant);
            if (!is_whole(making->arena, tenant)) continue;
            struct making there = *making;
            there.unit = units[i];
            expand(&there, tenant);
            if (names.len) text_add_string(&names, ", ");
            text_printf(&names, "%s, ", word(making->arena, tenant->name.text));
            add_list(&names, "serviceaccounts ", namespaces_of(making->arena, tenant));
            const struct ast_subjects members = subjects_of(tenant, AST_CLAUSE_MEMBERS);
            for (size_t j = 0; j < members.count; j++) bytes += strlen(members.items[j]->name.text);
            named += members.count + namespaces_of(making->arena, tenant).count;
            if (names.len + bytes < MOST_NAME_BYTES && named < MOST_NAMES) continue;
            add_elsewhere(making, &names, ++number, span);
            text_init(&names, making->arena);
            bytes = named = 0;
        }
    }
    if (names.len) add_elsewhere(making, &names, ++number, span);
    const char *of_policy = word(making->arena, names_of_label(making->arena, making->unit->policy));
    text_init(&text, making->arena);
    add_locks(&text, &tools, of_policy);
    for (size_t i = 0; i < tenant_tool_count; i++)
        if (tools.named[i])
            add_tool(&text, &tenant_tools[i], namespace_of(&tenant_tools[i], tools.named[i]), of_policy);
    (void)add_items(making, text_string(&text), span);
}

void tenants_expand(struct arena *arena, struct diags *diags, struct unit **units, size_t count) {
    for (size_t i = 0; i < count; i++) {
        const char *policy = units[i]->policy;
        const struct ast_item *tenant = find_item(&units[i], 1, policy, AST_ITEM_TENANT);
        if (!tenant || find_item(units, i, policy, AST_ITEM_TENANT)) continue;
        const struct ast_item *deployer = find_item(units, count, policy, AST_ITEM_DEPLOYER);
        if (!deployer) {
            diag_report(diags, DIAG_MISSING_CLAUSE, tenant->name.span,
                        "policy '%s' does not say who makes the namespaces of its tenants", policy);
            diag_help(diags, "name whoever applies it: deployer SUBJECT, …; nobody else may change what tenants are");
            continue;
        }
        struct map grants;
        index_grants(arena, units, count, policy, &grants);
        expand_policy(&(struct making){arena, diags, units[i], deployer, &grants}, units, count);
    }
}
