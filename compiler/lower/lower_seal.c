// `actor … sealed` and the RBAC part of `guard rbac`: nobody else may become the actor. Each way to become it is a lock
// of its own.
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/map.h"
#include "base/names.h"
#include "base/text.h"
#include "data/value.h"
#include "kubernetes/account.h"
#include "lower/lower_derive.h"

// Who could be impersonated.
struct identities {
    struct account_names {
        const char *namespace;
        struct texts names; // none: every account of the namespace
        bool every;
    } * accounts; // by namespace
    size_t account_count;
    struct texts users, groups, uids;
    bool any_user, any_group, any_account; // whose names are computed
};

static struct account_names *accounts_in(struct arena *arena, struct identities *who, const char *namespace) {
    for (size_t i = 0; i < who->account_count; i++)
        if (strcmp(who->accounts[i].namespace, namespace) == 0) return &who->accounts[i];
    const struct account_names added = {.namespace = namespace};
    ARENA_PUSH(arena, who->accounts, who->account_count, added);
    return &who->accounts[who->account_count - 1];
}

static void add_user(struct arena *arena, struct identities *who, const char *user) {
    const char *namespace, *name;
    if (account_parse(arena, user, &namespace, &name))
        texts_add(arena, &accounts_in(arena, who, namespace)->names, name);
    else
        texts_add(arena, &who->users, user);
}

static void add_group(struct arena *arena, struct identities *who, const char *group) {
    texts_add(arena, &who->groups, group); // which can be impersonated without any account
    size_t len;
    const char *namespace = account_is_group(group) ? account_namespace(group, &len) : NULL;
    if (namespace) accounts_in(arena, who, namespace)->every = true;
}

// Whoever the name may come to mean. Of accounts, the namespace may be known.
static void add_computed(struct arena *arena, struct identities *who, const struct formula *expr) {
    const struct formula *first = expr->operands[0]->operands[0];
    const char *begins = first->kind == FORMULA_TEXT ? first->values[0]->as.string : "";
    if (expr->kind == FORMULA_GROUP) {
        who->any_group = true;
        who->any_account |= strncmp(begins, "system:", strlen("system:")) == 0;
        return;
    }
    size_t len;
    const char *namespace = account_is_user(begins) ? account_namespace(begins, &len) : NULL;
    if (namespace && namespace[len] == ':') {
        accounts_in(arena, who, arena_copy(arena, namespace, len))->every = true;
        return;
    }
    who->any_user |= !account_is_user(begins);
    who->any_account = true;
}

// `sa default/x and uid U` is that account as well.
static void add_formula(struct arena *arena, struct identities *who, const struct formula *expr) {
    if (expr->kind == FORMULA_EXTRA) return; // narrows who is meant
    if (expr->compare == CMP_EQ && expr->operand_count && expr->operands[0]->kind == FORMULA_JOIN) {
        add_computed(arena, who, expr);
        return;
    }
    if (expr->kind == FORMULA_USER && expr->compare == CMP_IN) add_user(arena, who, expr->values[0]->as.string);
    if (expr->kind == FORMULA_GROUP) add_group(arena, who, expr->values[0]->as.string);
    if (expr->kind == FORMULA_UID) texts_add(arena, &who->uids, expr->values[0]->as.string);
    if (expr->kind != FORMULA_AND && expr->kind != FORMULA_OR) return;
    for (size_t i = 0; i < expr->operand_count; i++) add_formula(arena, who, expr->operands[i]);
}

static void gather(struct arena *arena, const struct subjects *subjects, struct identities *who) {
    for (size_t i = 0; i < subjects->user_count; i++) add_user(arena, who, subjects->users[i]);
    for (size_t i = 0; i < subjects->group_count; i++) add_group(arena, who, subjects->groups[i]);
    for (size_t i = 0; i < subjects->other_count; i++) add_formula(arena, who, subjects->others[i]);
}

// ---- rules that impersonate ----

static struct texts words(struct arena *arena, const char *list) {
    struct texts texts = {0};
    while (*list) {
        const size_t len = strcspn(list, " ");
        texts_add(arena, &texts, arena_copy(arena, list, len));
        list += len + (list[len] == ' ');
    }
    return texts;
}

// A rule of a role that allows one of the verbs on one of the resources. Thousands of locks ask for the same few.
static struct formula *rule_about(struct lowering *lowering, const char *verbs, const char *groups,
                                  const char *resources) {
    struct arena *arena = lowering->arena;
    const char *key = arena_printf(arena, "%s/%s/%s", verbs, groups, resources);
    struct formula *rule = map_get(&lowering->rules, key);
    if (rule) return rule;
    const struct texts some_verbs = words(arena, verbs), some_resources = words(arena, resources);
    struct texts some_groups = words(arena, groups);
    if (!strstr(groups, ".")) texts_add(arena, &some_groups, ""); // the core group
    rule = formula_and(arena, derive_field_in(arena, 0, "verbs *", &some_verbs),
                       derive_field_in(arena, 0, "resources *", &some_resources));
    rule = formula_and(arena, rule, derive_field_in(arena, 0, "apiGroups *", &some_groups));
    map_set(&lowering->rules, key, rule);
    return rule;
}

// The rule is about one of the names, or about all there are; no names stand for any.
static struct formula *about_names(struct arena *arena, const struct texts *names) {
    if (!names->count) return formula_new(arena, FORMULA_TRUE);
    return formula_or(arena, formula_not(arena, derive_exists(arena, 0, "resourceNames *")),
                      derive_field_in(arena, 0, "resourceNames *", names));
}

static struct formula *rule_allows(struct lowering *lowering, const char *verbs, const char *groups,
                                   const char *resources, struct formula *named) {
    return formula_and(lowering->arena, rule_about(lowering, verbs, groups, resources), named);
}

static struct formula *either(struct arena *arena, struct formula *a, struct formula *b) {
    return a ? formula_or(arena, a, b) : b;
}

static bool has_node(const struct identities *who) {
    static const char prefix[] = "system:node:";
    bool any = who->any_user;
    for (size_t i = 0; i < who->users.count; i++) any |= strncmp(who->users.items[i], prefix, sizeof prefix - 1) == 0;
    for (size_t i = 0; i < who->groups.count; i++) any |= strcmp(who->groups.items[i], "system:nodes") == 0;
    return any;
}

// Impersonation of service accounts of these names, in all its forms, and their tokens.
static struct formula *rule_becomes_account(struct lowering *lowering, const struct account_names *accounts) {
    static const struct texts anybody = {0};
    static const char extended[] = "* authentication.k8s.io";
    struct arena *arena = lowering->arena;
    struct formula *named = about_names(arena, accounts->every ? &anybody : &accounts->names);
    struct formula *rule = rule_allows(lowering, "* impersonate", "*", "* serviceaccounts", named);
    rule = formula_or(arena, rule, rule_allows(lowering, "* create", "*", "* serviceaccounts/token */token", named));
    return formula_or(arena, rule,
                      rule_allows(lowering, "* impersonate:serviceaccount", extended, "* serviceaccounts", named));
}

// A rule of a ClusterRole says nothing of namespaces, so that the names of all of them are one list.
static struct account_names accounts_anywhere(struct arena *arena, const struct identities *who) {
    struct account_names all = {.every = who->any_account};
    struct map known;
    map_init(&known, arena);
    for (size_t i = 0; i < who->account_count; i++) {
        const struct account_names *accounts = &who->accounts[i];
        all.every |= accounts->every;
        for (size_t j = 0; j < accounts->names.count; j++) {
            if (map_get(&known, accounts->names.items[j])) continue;
            map_set(&known, accounts->names.items[j], &known);
            ARENA_PUSH(arena, all.names.items, all.names.count, accounts->names.items[j]);
        }
    }
    return all;
}

// What a rule of a ClusterRole would let somebody become.
static struct formula *rule_impersonates(struct lowering *lowering, const struct identities *who) {
    struct arena *arena = lowering->arena;
    const struct account_names accounts = accounts_anywhere(arena, who);
    struct formula *rule = who->account_count || who->any_account ? rule_becomes_account(lowering, &accounts) : NULL;
    if (has_node(who))
        rule = either(arena, rule,
                      rule_about(lowering, "* impersonate:arbitrary-node impersonate:associated-node",
                                 "* authentication.k8s.io", "* nodes"));
    // These are of the cluster, so no role of a namespace impersonates them.
    const struct {
        const struct texts *names;
        bool any;
        const char *resources, *groups;
    } others[] = {{&who->users, who->any_user, "* users", "*"},
                  {&who->groups, who->any_group, "* groups", "*"},
                  {&who->uids, false, "* uids", "* authentication.k8s.io"}};
    static const struct texts anybody = {0};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        if (!others[i].names->count && !others[i].any) continue;
        struct formula *named = about_names(arena, others[i].any ? &anybody : others[i].names);
        rule =
            either(arena, rule, rule_allows(lowering, "* impersonate", others[i].groups, others[i].resources, named));
        rule = either(
            arena, rule,
            rule_allows(lowering, "* impersonate:user-info", "* authentication.k8s.io", others[i].resources, named));
    }
    return rule;
}

// ---- roles and bindings ----

static const char rbac_group[] = "rbac.authorization.k8s.io";

// The API server puts its own roles in order at every start.
static struct lock *rbac_lock(struct lowering *lowering, const struct lock *from, enum origin origin,
                              const char *detail) {
    struct lock *lock = derive_lock(lowering, from, origin, detail);
    if (lock->exemption == EXEMPT_NONE) lock->exemption = EXEMPT_LIFECYCLE;
    return lock;
}

static void require_not(struct lowering *lowering, const struct ast_item *item, struct lock *lock,
                        struct formula *formula) {
    lock->requires = formula_not(lowering->arena, formula);
    derive_exempt_deployer(lowering, lock);
    derive_add(lowering, item, lock);
}

struct grants {
    const struct grant **items;
    size_t count;
};

// What the grants to each of them are found by. Names of policies, namespaces and accounts have no slash.
static struct texts holder_keys(struct arena *arena, const char *policy, const struct identities *who) {
    struct texts keys = {0};
    for (size_t i = 0; i < who->account_count; i++) {
        const struct account_names *accounts = &who->accounts[i];
        for (size_t j = 0; j < accounts->names.count; j++)
            ARENA_PUSH(arena, keys.items, keys.count,
                       arena_printf(arena, "%s/account/%s/%s", policy, accounts->namespace, accounts->names.items[j]));
    }
    for (size_t i = 0; i < who->users.count; i++)
        ARENA_PUSH(arena, keys.items, keys.count, arena_printf(arena, "%s/user/%s", policy, who->users.items[i]));
    for (size_t i = 0; i < who->groups.count; i++)
        ARENA_PUSH(arena, keys.items, keys.count, arena_printf(arena, "%s/group/%s", policy, who->groups.items[i]));
    return keys;
}

void lower_index_grants(struct lowering *lowering) {
    struct arena *arena = lowering->arena;
    for (size_t i = 0; i < lowering->policies->grant_count; i++) {
        const struct grant *grant = lowering->policies->grants[i];
        struct identities who = {0};
        for (size_t j = 0; j < grant->subject_count; j++) {
            const struct rbac_subject *subject = &grant->subjects[j];
            switch (subject->kind) {
            case RBAC_SERVICE_ACCOUNT:
                texts_add(arena, &accounts_in(arena, &who, subject->namespace)->names, subject->name);
                break;
            case RBAC_USER: add_user(arena, &who, subject->name); break;
            case RBAC_GROUP: add_group(arena, &who, subject->name); break;
            }
        }
        const struct texts keys = holder_keys(arena, grant->policy, &who);
        for (size_t j = 0; j < keys.count; j++) {
            struct grants *grants = map_get(&lowering->granted, keys.items[j]);
            if (!grants) map_set(&lowering->granted, keys.items[j], grants = ARENA_NEW(arena, struct grants));
            ARENA_PUSH(arena, grants->items, grants->count, grant);
        }
    }
}

static int compare_grants(const void *a, const void *b) {
    const struct grant *x = *(const struct grant *const *)a, *y = *(const struct grant *const *)b;
    return strcmp(x->name, y->name);
}

// Those to any of them, each once; sorted, so that the order of items and files does not reach the output.
static struct grants grants_to(const struct lowering *lowering, const char *policy, const struct identities *who) {
    struct arena *arena = lowering->arena;
    struct grants found = {0};
    const struct texts keys = holder_keys(arena, policy, who);
    for (size_t i = 0; i < keys.count; i++) {
        const struct grants *grants = map_get(&lowering->granted, keys.items[i]);
        for (size_t j = 0; grants && j < grants->count; j++)
            ARENA_PUSH(arena, found.items, found.count, grants->items[j]);
    }
    if (found.count) qsort(found.items, found.count, sizeof *found.items, compare_grants);
    size_t kept = 0;
    for (size_t i = 0; i < found.count; i++)
        if (!kept || found.items[kept - 1] != found.items[i]) found.items[kept++] = found.items[i];
    found.count = kept;
    return found;
}

static void forbid_bindings(struct lowering *lowering, const struct ast_item *item, const struct lock *from,
                            const struct identities *who, const char *clause) {
    struct arena *arena = lowering->arena;
    const struct texts defaults =
        words(arena, "cluster-admin admin edit system:aggregate-to-edit system:kube-controller-manager "
                     "system:node system:controller:clusterrole-aggregation-controller");
    struct texts own = {0}, namespaces = {0}, account_namespaces = {0};
    bool anywhere = who->any_account;
    for (size_t i = 0; i < who->account_count; i++) {
        texts_add(arena, &account_namespaces, who->accounts[i].namespace);
        texts_add(arena, &namespaces, who->accounts[i].namespace);
    }
    const struct grants grants = grants_to(lowering, from->policy, who);
    for (size_t i = 0; i < grants.count; i++) {
        const struct grant *grant = grants.items[i];
        // Everybody binds the roles that every cluster has; what leads to an actor of these is below.
        if (grant->bound && text_has_word("admin cluster-admin edit view", grant->bound)) continue;
        ARENA_PUSH(arena, own.items, own.count, grant->bound ? grant->bound : grant->role);
        for (size_t j = 0; j < grant->impersonated_count; j++) {
            const char *namespace = grant->impersonated[j].namespace;
            if (*namespace)
                texts_add(arena, &namespaces, namespace);
            else
                anywhere = true;
        }
        // A ClusterRole can be given out in every namespace.
        anywhere |= grant->scope.where != IN_NAMESPACES;
        for (size_t j = 0; grant->scope.where == IN_NAMESPACES && j < grant->scope.namespace_count; j++)
            texts_add(arena, &namespaces, grant->scope.namespaces[j]);
    }
    struct formula *grants_own = own.count ? derive_field_in(arena, -1, "roleRef name", &own) : NULL;
    struct formula *grants_default = derive_field_in(arena, -1, "roleRef name", &defaults);

    struct lock *lock =
        rbac_lock(lowering, from, ORIGIN_SEAL_BINDINGS, arena_printf(arena, "%s clusterrolebindings", clause));
    derive_target(lowering, lock, rbac_group, "clusterrolebindings");
    derive_changing(arena, lock, "roleRef");
    derive_changing(arena, lock, "subjects");
    require_not(lowering, item, lock, grants_own ? formula_or(arena, grants_default, grants_own) : grants_default);
    if (!namespaces.count && !anywhere) return;

    struct formula *formula = who->any_account ? either(arena, grants_own, grants_default) : grants_own;
    if (account_namespaces.count && !who->any_account)
        formula =
            either(arena, formula,
                   formula_and(arena, derive_in(arena, FORMULA_NAMESPACE, NULL, &account_namespaces), grants_default));
    if (!formula) return;
    lock = rbac_lock(lowering, from, ORIGIN_SEAL_BINDINGS, arena_printf(arena, "%s rolebindings", clause));
    derive_target(lowering, lock, rbac_group, "rolebindings");
    derive_namespaces(lowering, lock, namespaces.items, anywhere ? 0 : namespaces.count);
    derive_changing(arena, lock, "roleRef");
    derive_changing(arena, lock, "subjects");
    require_not(lowering, item, lock, formula);
}

// The default roles that impersonate are filled by aggregation, and nobody else can give these out. Into no other role
// the controller puts such rules, whoever asks for them by labels.
static void exempt_aggregator(struct lowering *lowering, struct lock *lock) {
    struct arena *arena = lowering->arena;
    struct texts controller = {0};
    if (kube_has_accounts(lowering->controllers))
        ARENA_PUSH(arena, controller.items, controller.count, KUBE_CONTROLLERS "clusterrole-aggregation-controller");
    if (kube_has_manager(lowering->controllers))
        ARENA_PUSH(arena, controller.items, controller.count, KUBE_CONTROLLER_MANAGER);
    const struct texts roles = words(arena, "admin edit");
    struct subjects aggregation = {0};
    struct formula *formula = formula_and(arena, derive_in(arena, FORMULA_USER, NULL, &controller),
                                          derive_in(arena, FORMULA_NAME, NULL, &roles));
    ARENA_PUSH(arena, aggregation.others, aggregation.other_count, formula);
    lower_add_subjects(arena, &lock->passes, &aggregation);
    lock->exemption = EXEMPT_LIFECYCLE;
}

static int compare_accounts(const void *a, const void *b) {
    return strcmp(((const struct account_names *)a)->namespace, ((const struct account_names *)b)->namespace);
}

// The names, or that every account counts, as one text.
static const char *names_key(struct arena *arena, const struct account_names *accounts) {
    if (accounts->every) return "*";
    struct texts sorted = {0};
    for (size_t i = 0; i < accounts->names.count; i++)
        ARENA_PUSH(arena, sorted.items, sorted.count, accounts->names.items[i]);
    if (sorted.count) qsort(sorted.items, sorted.count, sizeof *sorted.items, compare_strings);
    struct text key;
    text_init(&key, arena);
    for (size_t i = 0; i < sorted.count; i++) text_printf(&key, "%s ", sorted.items[i]);
    return text_string(&key);
}

// Roles of these namespaces, of all without any, that would let somebody become one of the accounts.
static void forbid_roles_in(struct lowering *lowering, const struct ast_item *item, const struct lock *from,
                            const struct account_names *accounts, const struct texts *namespaces, const char *detail) {
    struct lock *lock = rbac_lock(lowering, from, ORIGIN_SEAL_ROLES, detail);
    derive_target(lowering, lock, rbac_group, "roles");
    derive_namespaces(lowering, lock, namespaces->items, namespaces->count);
    derive_changing(lowering->arena, lock, "rules");
    require_not(lowering, item, lock, derive_any(lowering->arena, "rules", rule_becomes_account(lowering, accounts)));
}

// Namespaces in which accounts of the same names are kept share a lock.
static void forbid_roles(struct lowering *lowering, const struct ast_item *item, const struct lock *from,
                         const struct identities *who, const char *clause) {
    struct arena *arena = lowering->arena;
    struct alike {
        const struct account_names *first;
        struct texts namespaces;
    } **groups = NULL;
    size_t count = 0;
    struct map known;
    map_init(&known, arena);
    if (who->any_account) {
        const struct account_names all = {.every = true};
        const struct texts everywhere = {0};
        forbid_roles_in(lowering, item, from, &all, &everywhere, arena_printf(arena, "%s roles", clause));
        return;
    }
    if (who->account_count) qsort(who->accounts, who->account_count, sizeof *who->accounts, compare_accounts);
    for (size_t i = 0; i < who->account_count; i++) {
        const char *key = names_key(arena, &who->accounts[i]);
        struct alike *alike = map_get(&known, key);
        if (!alike) {
            alike = ARENA_NEW(arena, struct alike);
            alike->first = &who->accounts[i];
            map_set(&known, key, alike);
            ARENA_PUSH(arena, groups, count, alike);
        }
        ARENA_PUSH(arena, alike->namespaces.items, alike->namespaces.count, who->accounts[i].namespace);
    }
    for (size_t i = 0; i < count; i++) {
        const struct alike *alike = groups[i];
        forbid_roles_in(lowering, item, from, alike->first, &alike->namespaces,
                        arena_printf(arena, "%s roles in %s", clause, alike->first->namespace));
    }
}

static void forbid_rbac(struct lowering *lowering, const struct ast_item *item, const struct lock *from,
                        const struct identities *who, const char *clause) {
    struct arena *arena = lowering->arena;
    struct formula *rule = rule_impersonates(lowering, who);
    if (!rule) return;
    struct lock *lock = rbac_lock(lowering, from, ORIGIN_SEAL_ROLES, arena_printf(arena, "%s clusterroles", clause));
    derive_target(lowering, lock, rbac_group, "clusterroles");
    derive_changing(arena, lock, "rules");
    exempt_aggregator(lowering, lock);
    require_not(lowering, item, lock, derive_any(arena, "rules", rule));
    forbid_roles(lowering, item, from, who, clause);
    forbid_bindings(lowering, item, from, who, clause);
}

// Controllers that locks let through, if they say so.
static void add_controllers(struct arena *arena, struct identities *who) {
    for (size_t i = 0; i < kube_exemption_count; i++)
        if (kube_exempts_account(&kube_exemptions[i]) && kube_exemptions[i].level != EXEMPT_ALWAYS)
            add_user(arena, who, kube_exemptions[i].user);
}

void derive_rbac(struct lowering *lowering, const struct ast_item *item, const struct lock *from, bool controllers) {
    struct identities who = {0};
    gather(lowering->arena, &from->passes, &who);
    gather(lowering->arena, &from->break_glass, &who);
    if (controllers) add_controllers(lowering->arena, &who);
    forbid_rbac(lowering, item, from, &who, "guard rbac");
}

// ---- accounts: their tokens, and pods that run as them ----

struct seal {
    struct lowering *lowering;
    const struct ast_item *item;
    const struct lock *from;
    const struct account_names *accounts;
    const char *reason; // the clause
};

static struct lock *seal_part(const struct seal *seal, enum origin origin, const char *part) {
    struct arena *arena = seal->lowering->arena;
    struct lock *lock = derive_lock(seal->lowering, seal->from, origin,
                                    arena_printf(arena, "%s %s in %s", seal->reason, part, seal->accounts->namespace));
    derive_namespaces(seal->lowering, lock, &seal->accounts->namespace, 1);
    return lock;
}

// The text at the path is one of the accounts.
static struct formula *is_account(const struct seal *seal, const char *keys) {
    struct arena *arena = seal->lowering->arena;
    if (seal->accounts->every) return derive_exists(arena, -1, keys);
    return derive_field_in(arena, -1, keys, &seal->accounts->names);
}

static void seal_tokens(const struct seal *seal) {
    struct arena *arena = seal->lowering->arena;
    struct lock *lock = seal_part(seal, ORIGIN_SEAL_TOKENS, "tokens");
    derive_target(seal->lowering, lock, "", "serviceaccounts");
    if (!seal->accounts->every) lock->selects = derive_in(arena, FORMULA_NAME, NULL, &seal->accounts->names);
    lock->acts = ACT_TOKEN;
    derive_add(seal->lowering, seal->item, lock);

    lock = seal_part(seal, ORIGIN_SEAL_TOKENS, "secrets");
    derive_target(seal->lowering, lock, "", "secrets");
    static const char annotation[] = "kubernetes.io/service-account.name";
    struct formula *named = formula_new(arena, FORMULA_ANNOTATION);
    named->key = annotation;
    if (!seal->accounts->every) named = derive_in(arena, FORMULA_ANNOTATION, annotation, &seal->accounts->names);
    lock->requires = formula_not(
        arena, formula_and(arena, derive_field_is(arena, -1, "type", "kubernetes.io/service-account-token"), named));
    derive_changing(arena, lock, "type");
    derive_changing(arena, lock, "metadata annotations kubernetes.io/service-account.name");
    derive_add(seal->lowering, seal->item, lock);
}

// Running as the actor, its code, and what runs inside of it.
static void seal_pods(const struct seal *seal) {
    struct arena *arena = seal->lowering->arena;
    struct lock *lock = seal_part(seal, ORIGIN_SEAL_PODS, "pods");
    derive_target(seal->lowering, lock, "", "pods");
    lock->selects = is_account(seal, "spec serviceAccountName");
    lock->denies = OP_CREATE | OP_UPDATE;
    lock->acts = ACTS_CONNECT;
    derive_changing(arena, lock, "spec containers * image");
    derive_changing(arena, lock, "spec initContainers * image");
    derive_changing(arena, lock, "spec ephemeralContainers");
    derive_add(seal->lowering, seal->item, lock);
}

// Pods of a template that names none run as `default`.
static struct formula *template_is_account(const struct seal *seal, const char *keys) {
    struct arena *arena = seal->lowering->arena;
    if (seal->accounts->every) return formula_new(arena, FORMULA_TRUE);
    struct texts names = {0};
    bool has_default = false;
    for (size_t i = 0; i < seal->accounts->names.count; i++) {
        texts_add(arena, &names, seal->accounts->names.items[i]);
        has_default |= strcmp(seal->accounts->names.items[i], "default") == 0;
    }
    if (has_default) texts_add(arena, &names, "");
    struct formula *named = derive_field_in(arena, -1, keys, &names);
    return has_default ? formula_or(arena, formula_not(arena, derive_exists(arena, -1, keys)), named) : named;
}

static void seal_template(const struct seal *seal, const char *part, const char *resources, const char *template) {
    struct arena *arena = seal->lowering->arena;
    struct lock *lock = seal_part(seal, ORIGIN_SEAL_TEMPLATES, part);
    const struct texts list = words(arena, resources);
    for (size_t i = 0; i < list.count; i++) {
        const char *slash = strchr(list.items[i], '/');
        derive_target(seal->lowering, lock, arena_copy(arena, list.items[i], (size_t)(slash - list.items[i])),
                      slash + 1);
    }
    lock->requires =
        formula_not(arena, template_is_account(seal, arena_printf(arena, "%s spec serviceAccountName", template)));
    derive_changing(arena, lock, template);
    derive_add(seal->lowering, seal->item, lock);
}

// What a revision holds is kept as it was written, and read by controllers to whom the case of letters is all one. So
// nobody can tell whose pods would be made of it.
static void seal_revisions(const struct seal *seal) {
    struct lock *lock = seal_part(seal, ORIGIN_SEAL_REVISIONS, "revisions");
    derive_target(seal->lowering, lock, "apps", "controllerrevisions");
    lock->denies = OP_CREATE | OP_UPDATE;
    derive_changing(seal->lowering->arena, lock, "data");
    derive_add(seal->lowering, seal->item, lock);
}

static void seal_accounts(struct lowering *lowering, const struct ast_item *item, const struct lock *from,
                          const struct identities *who, const char *reason) {
    for (size_t i = 0; i < who->account_count; i++) {
        const struct seal seal = {lowering, item, from, &who->accounts[i], reason};
        seal_tokens(&seal);
        seal_pods(&seal);
        seal_template(&seal, "workloads",
                      "apps/daemonsets apps/deployments apps/replicasets apps/statefulsets batch/jobs "
                      "/replicationcontrollers",
                      "spec template");
        seal_template(&seal, "cronjobs", "batch/cronjobs", "spec jobTemplate spec template");
        seal_template(&seal, "podtemplates", "/podtemplates", "template");
        seal_revisions(&seal);
    }
}

void derive_controllers(struct lowering *lowering, const struct ast_item *item, const struct lock *from) {
    const struct lock nobody = {.policy = from->policy,
                                .name = from->name,
                                .span = from->span,
                                .condition = formula_new(lowering->arena, FORMULA_TRUE),
                                .exemption = EXEMPT_CONTROLLERS,
                                .mode = from->mode,
                                .insiders = from->insiders};
    struct identities who = {0};
    add_controllers(lowering->arena, &who);
    for (size_t i = 0; i < kube_exemption_count; i++)
        ARENA_PUSH(lowering->arena, lowering->policies->sealed, lowering->policies->sealed_count,
                   kube_exemptions[i].user);
    seal_accounts(lowering, item, &nobody, &who, "guard controllers");
}

// ---- guard accounts: the service accounts that locks let through, each once for those who pass with it ----

static int compare_guarded(const void *left, const void *right) {
    const struct lock *a = (*(const struct guarded *const *)left)->locks[0],
                      *b = (*(const struct guarded *const *)right)->locks[0];
    const int policies = strcmp(a->policy, b->policy);
    return policies ? policies : strcmp(a->name, b->name);
}

// Whom the guard of the lock lets through, and how it refuses the others. Who passes one lock need not pass another, so
// an account is guarded again where others pass with it.
static const char *manner_of(struct arena *arena, const struct lock *lock) {
    struct text text;
    text_init(&text, arena);
    text_printf(&text, "%s %u", lock->policy, lock->mode);
    for (size_t i = 0; i < lock->passes.user_count; i++) text_printf(&text, "\nuser %s", lock->passes.users[i]);
    for (size_t i = 0; i < lock->passes.group_count; i++) text_printf(&text, "\ngroup %s", lock->passes.groups[i]);
    for (size_t i = 0; i < lock->passes.other_count; i++) {
        text_add_char(&text, '\n');
        formula_print(&text, lock->passes.others[i], FORMULA_WHOLE);
    }
    return text_string(&text);
}

static struct subjects accounts_of(struct lowering *lowering, const struct lock *lock, const struct set *sealed,
                                   struct set *known) {
    struct policies *policies = lowering->policies;
    const char *manner = manner_of(lowering->arena, lock);
    struct subjects accounts = {0};
    for (size_t i = 0; i < lock->passes.user_count; i++) {
        const char *user = lock->passes.users[i];
        if (!account_is_user(user) || set_has(sealed, user)) continue;
        if (!set_add(known, arena_printf(lowering->arena, "%s\nof %s", user, manner))) continue;
        ARENA_PUSH(lowering->arena, accounts.users, accounts.user_count, user);
        if (lock->mode & MODE_DENY) ARENA_PUSH(lowering->arena, policies->sealed, policies->sealed_count, user);
    }
    return accounts;
}

// Whoever passes the lock may act as the account: for them it is no way around.
static void guard_accounts(struct lowering *lowering, const struct guarded *guarded, const struct subjects *accounts) {
    const struct lock *lock = guarded->locks[0];
    struct lock from = {.policy = lock->policy,
                        .name = lock->name,
                        .span = lock->span,
                        .condition = formula_new(lowering->arena, FORMULA_TRUE),
                        .exemption = EXEMPT_CONTROLLERS,
                        .mode = lock->mode,
                        .insiders = lock->insiders};
    lower_add_subjects(lowering->arena, &from.exclusive, &lock->exclusive);
    lower_add_subjects(lowering->arena, &from.passes, &lock->passes);
    derive_exempt_deployer(lowering, &from);
    struct identities who = {0};
    gather(lowering->arena, accounts, &who);
    seal_accounts(lowering, guarded->item, &from, &who, "guard accounts");
}

void derive_accounts(struct lowering *lowering) {
    const size_t count = lowering->guarded_count;
    const struct guarded **sorted = ARENA_ARRAY(lowering->arena, const struct guarded *, count);
    struct set sealed, known; // accounts of sealed actors, which are kept already, and those that are guarded so far
    set_init(&sealed, lowering->arena);
    set_init(&known, lowering->arena);
    for (size_t i = 0; i < count; i++) sorted[i] = lowering->guarded[i];
    if (count) qsort(sorted, count, sizeof *sorted, compare_guarded);
    for (size_t i = 0; i < lowering->policies->sealed_count; i++) set_add(&sealed, lowering->policies->sealed[i]);
    for (size_t i = 0; i < count; i++) {
        if (!(sorted[i]->locks[0]->guards & GUARD_ACCOUNTS)) continue;
        const struct subjects accounts = accounts_of(lowering, sorted[i]->locks[0], &sealed, &known);
        if (accounts.user_count) guard_accounts(lowering, sorted[i], &accounts);
    }
}

// ---- certificates, which say who their holder is where admission cannot read it ----

static struct lock *certificate_lock(struct lowering *lowering, const struct lock *from, const char *detail) {
    static const char *clients[] = {"kubernetes.io/kube-apiserver-client",
                                    "kubernetes.io/kube-apiserver-client-kubelet"};
    const struct texts signers = {clients, sizeof clients / sizeof *clients};
    struct lock *lock = derive_lock(lowering, from, ORIGIN_GUARD_CERTIFICATES, detail);
    derive_target(lowering, lock, "certificates.k8s.io", "certificatesigningrequests");
    derive_exempt_deployer(lowering, lock);
    lock->selects = derive_field_in(lowering->arena, -1, "spec signerName", &signers);
    lock->exemption = EXEMPT_CONTROLLERS; // one approves what kubelets ask for, and signs
    return lock;
}

void derive_certificates(struct lowering *lowering, const struct ast_item *item, const struct lock *from) {
    static const char *nodes[] = {"system:bootstrappers", "system:nodes"};
    struct arena *arena = lowering->arena;
    const struct subjects kubelets = {.groups = nodes, .group_count = sizeof nodes / sizeof *nodes};
    // What asks for a kubelet's certificate is approved without anybody's doing.
    struct lock *lock = certificate_lock(lowering, from, NULL);
    lock->denies = OP_CREATE;
    lower_add_subjects(arena, &lock->passes, &kubelets);
    derive_add(lowering, item, lock);

    static const char *const subresources[] = {"approval", "status"};
    for (size_t i = 0; i < sizeof subresources / sizeof *subresources; i++) {
        lock = certificate_lock(lowering, from, subresources[i]);
        lock->scope.subresource = subresources[i];
        lock->denies = OP_UPDATE;
        derive_changing(arena, lock, "status");
        derive_add(lowering, item, lock);
    }

    // Whoever holds a bootstrap token may ask as a node that is to be.
    static const char *const system = "kube-system";
    lock = derive_lock(lowering, from, ORIGIN_GUARD_BOOTSTRAP_TOKENS, NULL);
    derive_target(lowering, lock, "", "secrets");
    derive_namespaces(lowering, lock, &system, 1);
    derive_exempt_deployer(lowering, lock);
    lock->selects = derive_field_is(arena, -1, "type", "bootstrap.kubernetes.io/token");
    lock->denies = OP_CREATE | OP_UPDATE;
    if (lock->exemption == EXEMPT_NONE) lock->exemption = EXEMPT_LIFECYCLE;
    derive_add(lowering, item, lock);
}

void lower_seal(struct lowering *lowering, struct unit *unit, const struct ast_item *item) {
    struct lock from = {.policy = unit->policy,
                        .name = item->name.text,
                        .span = item->name.span,
                        .block = item->span,
                        .condition = formula_new(lowering->arena, FORMULA_TRUE),
                        .exemption = EXEMPT_CONTROLLERS,
                        .mode = MODE_DENY,
                        .insiders = policies_are_against_insiders(lowering->policies, unit->policy),
                        .seals_actor = true};
    struct subjects self = {0}, by = {0};
    lower_subjects(lowering, unit, &item->as.actor.subjects, &self);
    lower_subjects(lowering, unit, &item->as.actor.sealed_by, &by);
    if (lower_refuse_computed(lowering, &self, item->as.actor.sealed_at, "nobody can be sealed by a computed name") ||
        lower_refuse_computed(lowering, &by, item->as.actor.sealed_at,
                              "whoever may become a sealed actor cannot have a computed name"))
        return;
    lower_add_subjects(lowering->arena, &from.exclusive, &self);
    lower_add_subjects(lowering->arena, &from.exclusive, &by);
    from.passes = from.exclusive;
    derive_roles(lowering, &from);
    for (size_t i = 0; i < self.user_count; i++)
        ARENA_PUSH(lowering->arena, lowering->policies->sealed, lowering->policies->sealed_count, self.users[i]);
    for (size_t i = 0; i < self.group_count; i++)
        ARENA_PUSH(lowering->arena, lowering->policies->sealed, lowering->policies->sealed_count, self.groups[i]);
    struct identities who = {0};
    gather(lowering->arena, &self, &who);
    seal_accounts(lowering, item, &from, &who, "sealed");
    forbid_rbac(lowering, item, &from, &who, "sealed");
}
