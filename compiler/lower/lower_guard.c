// `guard`, `cascade` and what static manifests add: each is a lock of its own, made from the lock that asked for it.
#include <string.h>

#include "base/arena.h"
#include "base/map.h"
#include "base/names.h"
#include "base/text.h"
#include "data/value.h"
#include "kubernetes/catalog.h"
#include "lower/lower_derive.h"
#include "report/diag.h"

const struct word *derive_find_guard(const struct ast_item *item, const char *name) {
    const struct ast_clause *clause = lower_find_clause(item, AST_CLAUSE_GUARD);
    for (size_t i = 0; clause && i < clause->words.count; i++)
        if (strcmp(clause->words.items[i].text, name) == 0) return &clause->words.items[i];
    return NULL;
}

void derive_nothing_to_guard(struct lowering *lowering, const struct word *word, const char *what, const char *help) {
    if (!word) return; // which nobody asked for
    diag_report(lowering->diags, DIAG_UNUSED_CLAUSE, word->span, "'guard %s' on a lock that %s", word->text, what);
    diag_help(lowering->diags, "%s", help);
}

// ---- guard namespace: deleting it deletes everything in it ----

// The labels of namespaces that `when` reads.
static void add_namespace_labels(struct arena *arena, const struct formula *expr, struct texts *keys) {
    if (expr->kind == FORMULA_NAMESPACE_LABEL && !expr->reads_stored) texts_add(arena, keys, expr->key);
    for (size_t i = 0; i < expr->operand_count; i++) add_namespace_labels(arena, expr->operands[i], keys);
}

static bool is_of_namespace(const struct formula *expr) {
    if (expr->kind == FORMULA_NAMESPACE_LABEL) return !expr->reads_stored;
    if (expr->kind != FORMULA_AND && expr->kind != FORMULA_OR && expr->kind != FORMULA_NOT) return false;
    for (size_t i = 0; i < expr->operand_count; i++)
        if (!is_of_namespace(expr->operands[i])) return false;
    return true;
}

// What has to hold of the namespace's labels for the condition to hold, whatever else it asks; NULL if that is nothing.
static struct formula *part_of_namespace(struct arena *arena, const struct formula *condition) {
    if (is_of_namespace(condition)) return formula_of_namespace(arena, condition);
    struct formula *part = NULL;
    for (size_t i = 0; i < condition->operand_count && condition->kind == FORMULA_AND; i++) {
        struct formula *one = part_of_namespace(arena, condition->operands[i]);
        if (one) part = part ? formula_and(arena, part, one) : one;
    }
    return part;
}

// Labels that `when` reads stay, where without them the lock would no longer hold.
static void guard_namespace_labels(struct lowering *lowering, const struct guarded *guarded, struct formula *selects) {
    struct arena *arena = lowering->arena;
    const struct lock *from = guarded->locks[0];
    struct texts keys = {0};
    add_namespace_labels(arena, from->condition, &keys);
    if (!keys.count) return;
    struct lock *lock = derive_lock(lowering, from, ORIGIN_GUARD_NAMESPACE_LABELS, NULL);
    struct formula *needed = part_of_namespace(arena, from->condition);
    derive_target(lowering, lock, "", "namespaces");
    lock->selects = needed ? formula_and(arena, selects, needed) : selects;
    lock->guard_labels = needed != NULL;
    if (!needed) {
        lock->denies = OP_UPDATE;
        for (size_t i = 0; i < keys.count; i++)
            derive_changing(arena, lock, arena_printf(arena, "metadata labels %s", keys.items[i]));
    }
    derive_add(lowering, guarded->item, lock);
}

static void guard_namespaces(struct lowering *lowering, const struct guarded *guarded) {
    const struct word *word = derive_find_guard(guarded->item, "namespace");
    struct texts names = {0};
    struct formula *selector = NULL;
    for (size_t i = 0; i < guarded->part_count; i++) {
        const struct object_scope *scope = &guarded->parts[i]->scope;
        for (size_t j = 0; scope->where == IN_NAMESPACES && j < scope->namespace_count; j++)
            texts_add(lowering->arena, &names, scope->namespaces[j]);
        if (scope->where == IN_LABELED_NAMESPACES) {
            struct formula *labels = formula_of_namespace(lowering->arena, scope->namespace_selector);
            selector = selector ? formula_or(lowering->arena, selector, labels) : labels;
        }
        if (scope->where == IN_ANY_NAMESPACE && word) {
            diag_report(lowering->diags, DIAG_CONFLICTING_CLAUSES, word->span,
                        "'guard namespace' with 'namespace *', which names no namespace");
            diag_help(lowering->diags, "lock the namespaces themselves: resources namespaces, deny delete");
            return;
        }
    }
    if (!names.count && !selector) {
        derive_nothing_to_guard(lowering, word, "is not in a namespace",
                                "cluster-scoped objects outlive every namespace");
        return;
    }
    struct formula *selects = names.count ? derive_in(lowering->arena, FORMULA_NAME, NULL, &names) : NULL;
    if (selector) selects = selects ? formula_or(lowering->arena, selects, selector) : selector;
    struct lock *lock = derive_lock(lowering, guarded->locks[0], ORIGIN_GUARD_NAMESPACE, NULL);
    lock->condition = derive_condition(lowering, guarded->locks[0]->condition, true);
    derive_target(lowering, lock, "", "namespaces");
    lock->selects = selects;
    lock->denies = OP_DELETE;
    lock->guard_labels = selector || lower_names_actors(lowering->arena, lock);
    lock->guard_owners = true; // else the garbage collector deletes it for whoever gives it an owner
    derive_add(lowering, guarded->item, lock);
    guard_namespace_labels(lowering, guarded, selects);
}

// ---- guard crd: deleting the definition deletes every object, without any DELETE that admission sees ----

// The API server writes the state of definitions and the API services that they make.
static struct lock *derive_definition_lock(struct lowering *lowering, const struct guarded *guarded, enum origin origin,
                                           const char *detail) {
    struct lock *lock = derive_lock(lowering, guarded->locks[0], origin, detail);
    lock->condition = derive_condition(lowering, guarded->locks[0]->condition, false);
    if (lock->exemption == EXEMPT_NONE) lock->exemption = EXEMPT_LIFECYCLE;
    return lock;
}

static void guard_definitions(struct lowering *lowering, const struct guarded *guarded) {
    const struct word *word = derive_find_guard(guarded->item, "crd");
    struct texts names = {0}, groups = {0}, wild = {0}, scopes = {0};
    struct arena *arena = lowering->arena;
    const bool full = guarded->locks[0]->full & GUARD_CRD;
    for (size_t i = 0; i < guarded->part_count; i++)
        for (size_t j = 0; j < guarded->parts[i]->scope.target_count; j++) {
            const struct target *target = &guarded->parts[i]->scope.targets[j];
            if (lower_is_custom(target)) {
                texts_add(arena, &names, catalog_name(arena, target->resource));
                texts_add(arena, &groups, target->group);
            } else if (!target->resource && target->group && *target->group) {
                texts_add(arena, &wild, target->group);
                texts_add(arena, &groups, target->group);
            } else if (!target->resource && !target->group && word) {
                texts_add(arena, &scopes, guarded->parts[i]->scope.where == IN_CLUSTER ? "Cluster" : "Namespaced");
            }
        }
    if (!groups.count && !scopes.count) {
        derive_nothing_to_guard(lowering, word, "does not cover a custom resource",
                                "built-in resources have no definition");
        return;
    }
    struct formula *selects = names.count ? derive_in(arena, FORMULA_NAME, NULL, &names) : NULL;
    if (wild.count) {
        struct formula *of_group = derive_field_in(arena, -1, "spec group", &wild);
        selects = selects ? formula_or(arena, selects, of_group) : of_group;
    }
    if (scopes.count) {
        struct formula *of_scope = derive_field_in(arena, -1, "spec scope", &scopes);
        selects = selects ? formula_or(arena, selects, of_scope) : of_scope;
    }
    static const char group[] = "apiextensions.k8s.io", definitions[] = "customresourcedefinitions";
    struct lock *lock = derive_definition_lock(lowering, guarded, ORIGIN_GUARD_CRD, NULL);
    derive_target(lowering, lock, group, definitions);
    lock->selects = selects;
    lock->denies = full ? OPS_STORED : OP_DELETE;
    lock->guard_owners = true;
    if (full) derive_changing(arena, lock, "spec");
    derive_add(lowering, guarded->item, lock);
    if (!full) return;

    lock = derive_definition_lock(lowering, guarded, ORIGIN_GUARD_CRD, "status");
    derive_target(lowering, lock, group, definitions);
    lock->scope.subresource = "status";
    lock->selects = selects;
    lock->denies = OP_UPDATE;
    derive_changing(arena, lock, "status");
    derive_add(lowering, guarded->item, lock);

    // An API service of the group takes its requests elsewhere.
    lock = derive_definition_lock(lowering, guarded, ORIGIN_GUARD_API_SERVICES, NULL);
    derive_target(lowering, lock, "apiregistration.k8s.io", "apiservices");
    struct formula *of_groups = groups.count ? derive_field_in(arena, -1, "spec group", &groups) : NULL;
    // Of all that are there, those that the API server answers itself.
    struct formula *local = scopes.count ? formula_not(arena, derive_exists(arena, -1, "spec service")) : NULL;
    lock->selects = of_groups && local ? formula_or(arena, of_groups, local) : of_groups ? of_groups : local;
    lock->denies = OPS_WRITE;
    derive_changing(arena, lock, "spec");
    derive_add(lowering, guarded->item, lock);
}

// ---- guard labels: what a binding carries goes to the pod, without any update of it ----

// The API server itself puts these into bindings: they are the node's.
static bool is_of_node(const struct formula *expr) {
    bool is = false;
    for (size_t i = 0; i < kube_node_label_count && expr->kind == FORMULA_LABEL && !is; i++)
        is = strcmp(kube_node_labels[i], expr->key) == 0;
    return is;
}

// Of the metadata of a binding, labels and annotations go to the pod; its name and namespace are the pod's own.
static bool is_carried_path(const struct field_path *path) {
    if (!path_is_metadata(path) || path->count < 2 || !path->segments[1].key) return false;
    return strcmp(path->segments[1].key, "labels") == 0 || strcmp(path->segments[1].key, "annotations") == 0;
}

// One of the labels and annotations that the formula reads is in the new metadata.
static void add_carried(struct arena *arena, const struct formula *expr, struct map *known, struct formula *carried) {
    for (size_t i = 0; i < expr->operand_count; i++) add_carried(arena, expr->operands[i], known, carried);
    if (expr->kind == FORMULA_SOURCE_SELECTS) { // whatever the ConfigMap asks for
        struct formula *keys = formula_new(arena, FORMULA_LABEL_KEY);
        keys->compare = CMP_EXISTS;
        keys->state = STATE_NEW;
        keys->not_of_node = true;
        ARENA_PUSH(arena, carried->operands, carried->operand_count, keys);
    }
    if (expr->kind == FORMULA_FIELD && is_carried_path(&expr->path)) {
        struct formula *field = formula_new(arena, FORMULA_FIELD);
        field->state = STATE_NEW;
        field->compare = CMP_EXISTS;
        field->path = expr->path;
        ARENA_PUSH(arena, carried->operands, carried->operand_count, field);
    }
    if (expr->kind == FORMULA_LABEL_KEY || expr->kind == FORMULA_ANNOTATION_KEY) {
        struct formula *keys = ARENA_NEW(arena, struct formula);
        *keys = *expr;
        keys->state = STATE_NEW;
        keys->not_of_node = expr->kind == FORMULA_LABEL_KEY;
        ARENA_PUSH(arena, carried->operands, carried->operand_count, keys);
    }
    if ((expr->kind != FORMULA_LABEL && expr->kind != FORMULA_ANNOTATION) || is_of_node(expr)) return;
    const char *name = arena_printf(arena, "%d %s", (int)expr->kind, expr->key);
    if (map_get(known, name)) return;
    map_set(known, name, carried);
    struct formula *atom = formula_new(arena, expr->kind);
    atom->state = STATE_NEW;
    atom->compare = CMP_EXISTS;
    atom->key = expr->key;
    ARENA_PUSH(arena, carried->operands, carried->operand_count, atom);
}

static bool is_target(const struct target *target, const char *group, const char *plural) {
    return (!target->group || strcmp(target->group, group) == 0) &&
           (!target->resource || strcmp(target->name, plural) == 0);
}

bool derive_takes_in(const struct object_scope *scope, const char *group, const char *plural) {
    for (size_t i = 0; i < scope->except_count; i++)
        if (is_target(&scope->excepts[i], group, plural)) return false;
    for (size_t i = 0; i < scope->target_count && scope->where != IN_CLUSTER; i++)
        if (is_target(&scope->targets[i], group, plural)) return true;
    return false;
}

struct lock *derive_lock_in(struct lowering *lowering, const struct lock *from, const struct object_scope *scope,
                            const char *group, const char *plural, enum origin origin, const char *detail) {
    struct lock *lock = derive_lock(lowering, from, origin, detail);
    lock->scope.where = scope->where;
    lock->scope.namespaces = scope->namespaces;
    lock->scope.namespace_count = scope->namespace_count;
    lock->scope.namespace_selector = scope->namespace_selector;
    derive_target(lowering, lock, group, plural);
    return lock;
}

// Nobody can tell whose labels they would become, but pods are bound once, and schedulers put none on.
static void guard_bindings(struct lowering *lowering, const struct guarded *guarded, const struct lock *from,
                           const struct object_scope *scope, const struct formula *selects, const char *number) {
    struct arena *arena = lowering->arena;
    struct formula *carried = formula_new(arena, FORMULA_OR);
    struct map known;
    map_init(&known, arena);
    if (from->guard_labels) add_carried(arena, selects, &known, carried);
    if (from->names_actors) add_carried(arena, from->names_actors, &known, carried);
    // Nor may they bring about what lets the requester pass, or what the lock requires not to be.
    if (!guarded->none) add_carried(arena, from->condition, &known, carried);
    if (from->requires) add_carried(arena, from->requires, &known, carried);
    if (!carried->operand_count || !derive_takes_in(scope, "", "pods")) return;
    struct lock *lock = derive_lock_in(lowering, from, scope, "", "pods", ORIGIN_BINDINGS, number);
    lock->acts = ACT_BIND;
    lock->covers[SHAPE_BINDINGS] = COVER_BY_NAME;
    lock->condition = formula_and(arena, lock->condition, carried);
    derive_add(lowering, guarded->item, lock);
}

// ---- guard labels: a selection by the replicas, which /scale writes without any update of the object ----

static bool reads_replicas(const struct formula *part) {
    return part->kind == FORMULA_FIELD && path_is_replicas(&part->path);
}

static struct formula *read_new(struct arena *arena, struct formula *part, const void *context) {
    (void)arena, (void)context;
    if (!part->reads_stored) part->state = STATE_NEW;
    return part;
}

static void guard_replicas(struct lowering *lowering, const struct guarded *guarded, const struct lock *from,
                           const struct object_scope *scope, struct formula *selects, const char *number) {
    struct arena *arena = lowering->arena;
    if (!from->guard_labels || (from->acts & ACT_SCALE) || !(lower_acts_in(scope) & ACT_SCALE) ||
        !(formula_any(selects, reads_replicas) || formula_any(from->condition, reads_replicas)))
        return;
    struct lock *lock = derive_lock(lowering, from, ORIGIN_SCALE, number);
    lock->scope = *scope;
    lock->scope.subresource = NULL;
    lock->selects = selects;
    lock->acts = ACT_SCALE;
    struct formula *holds = formula_and(arena, selects, from->condition);
    lock->condition =
        formula_and(arena, from->condition, formula_not(arena, formula_map(arena, holds, read_new, NULL)));
    derive_add(lowering, guarded->item, lock);
}

// ---- states: a pod or job that is said to have ended is ended ----

static void guard_status(struct lowering *lowering, const struct guarded *guarded, struct lock *lock,
                         struct formula *selects) {
    lock->scope.subresource = "status";
    lock->selects = selects;
    lock->denies = OP_UPDATE;
    derive_add(lowering, guarded->item, lock);
}

static void guard_states(struct lowering *lowering, const struct guarded *guarded, const struct lock *from,
                         const struct object_scope *scope, struct formula *selects, const char *number) {
    static const char *phases[] = {"Failed", "Succeeded"},
                      *conditions[] = {"Complete", "Failed", "FailureTarget", "SuccessCriteriaMet"};
    const struct texts ends_pod = {phases, sizeof phases / sizeof *phases},
                       ends_job = {conditions, sizeof conditions / sizeof *conditions};
    struct arena *arena = lowering->arena;
    if (!(from->denies & OP_DELETE) || guarded->none) return;
    if (derive_takes_in(scope, "", "pods")) {
        struct lock *lock = derive_lock_in(lowering, from, scope, "", "pods", ORIGIN_POD_STATUS, number);
        struct formula *phase = derive_field_in(arena, -1, "status phase", &ends_pod);
        phase->state = STATE_NEW;
        lock->condition = formula_and(arena, lock->condition, phase);
        derive_changing(arena, lock, "status phase");
        if (lock->exemption == EXEMPT_NONE) lock->exemption = EXEMPT_LIFECYCLE; // kubelets
        guard_status(lowering, guarded, lock, selects);
    }
    if (derive_takes_in(scope, "batch", "jobs")) {
        struct lock *lock = derive_lock_in(lowering, from, scope, "batch", "jobs", ORIGIN_JOB_STATUS,
                                           arena_printf(arena, "%s%sof jobs", number, *number ? " " : ""));
        struct formula *condition =
            derive_any(arena, "status conditions", derive_field_in(arena, 0, "type", &ends_job));
        condition->state = STATE_NEW;
        lock->condition = formula_and(arena, lock->condition, condition);
        derive_changing(arena, lock, "status conditions");
        lock->exemption = EXEMPT_CONTROLLERS;
        guard_status(lowering, guarded, lock, selects);
    }
}

// ---- guard owners, cascade: workloads and what they own ----

// A label becomes the field below the path of the labels.
static struct formula *ask_template(struct arena *arena, struct formula *part, const void *labels) {
    if (part->kind != FORMULA_LABEL) return part;
    const struct field_path above = derive_path(arena, -1, labels);
    struct segment *segments = NULL;
    size_t count = 0;
    for (size_t i = 0; i < above.count; i++) ARENA_PUSH(arena, segments, count, above.segments[i]);
    const struct segment key = {.key = part->key};
    ARENA_PUSH(arena, segments, count, key);
    part->kind = FORMULA_FIELD;
    part->key = NULL;
    part->path = (struct field_path){.variable = -1, .segments = segments, .count = count};
    // Other comparisons ask of a field what they ask of a label.
    part->is_text =
        part->operand_count || part->quantity || (part->value_count && part->values[0]->kind != VALUE_STRING);
    for (size_t i = 0; i < part->operand_count; i++)
        part->operands[i]->is_text = part->operands[i]->kind == FORMULA_FIELD;
    return part;
}

// The selection, asked of the labels at the path.
static struct formula *of_template(struct arena *arena, const struct formula *expr, const char *labels) {
    return formula_map(arena, expr, ask_template, labels);
}

// Plurals are those of built-in resources, which declared ones may share.
static bool locks_resource(const struct lock *lock, const char *plural) {
    for (size_t i = 0; i < lock->scope.target_count; i++) {
        const struct target *target = &lock->scope.targets[i];
        if (target->resource && !lower_is_custom(target) && strcmp(target->name, plural) == 0) return true;
    }
    return false;
}

// Who writes a workload whose template has the labels deletes, replaces or adopts the locked objects through its
// controller.
static void guard_workloads(struct lowering *lowering, const struct guarded *guarded, const struct lock *locked,
                            const char *labels, const char *detail) {
    struct lock *lock = derive_lock(lowering, locked, ORIGIN_GUARD_OWNERS, detail);
    for (size_t i = 0; i < kube_workload_count; i++) {
        bool owns = false;
        for (size_t j = 0; j < locked->scope.target_count; j++) {
            const struct target *target = &locked->scope.targets[j];
            owns |= target->resource && !lower_is_custom(target) &&
                    text_has_word(kube_workloads[i].owns, catalog_name(lowering->arena, target->resource));
        }
        if (owns && strcmp(kube_workloads[i].template_labels, labels) == 0)
            derive_target(lowering, lock, kube_workloads[i].group, kube_workloads[i].plural);
    }
    if (!lock->scope.target_count) return;
    const struct object_scope targets = lock->scope;
    lock->scope = locked->scope;
    lock->scope.targets = targets.targets;
    lock->scope.target_count = targets.target_count;
    lock->scope.subresource = NULL;
    lock->selects = of_template(lowering->arena, locked->selects, labels);
    if (formula_is_by_labels(locked->condition))
        lock->condition = of_template(lowering->arena, locked->condition, labels);
    lock->denies = OPS_WRITE;
    lock->acts = ACT_SCALE;
    lock->guard_label_in = lock->guard_owners = true;
    lock->exemption = EXEMPT_CONTROLLERS;
    derive_changing(lowering->arena, lock, "spec");
    derive_add(lowering, guarded->item, lock);
}

static void guard_owners(struct lowering *lowering, const struct guarded *guarded) {
    for (size_t i = 0; i < guarded->lock_count; i++) {
        const struct lock *lock = guarded->locks[i];
        if (lock->scope.subresource || !lock->denies || !formula_is_by_labels(lock->selects)) continue;
        // Those with the same path are one lock: cron jobs have paths of their own.
        guard_workloads(lowering, guarded, lock, "spec template metadata labels", NULL);
        guard_workloads(lowering, guarded, lock, "spec jobTemplate spec template metadata labels", "cronjobs");
        guard_workloads(lowering, guarded, lock, "spec jobTemplate metadata labels", "of jobs");
    }
}

// The resources of the list that the lock does not hold itself.
static void add_owned(struct lowering *lowering, const struct lock *from, struct lock *lock, const char *list) {
    while (*list) {
        const size_t len = strcspn(list, " "), plural_len = strcspn(list, ". ");
        const char *plural = arena_copy(lowering->arena, list, plural_len);
        const char *group =
            plural_len < len ? arena_copy(lowering->arena, list + plural_len + 1, len - plural_len - 1) : "";
        if (!locks_resource(from, plural) && !locks_resource(lock, plural))
            derive_target(lowering, lock, group, plural);
        list += len + (list[len] == ' ');
    }
}

static void cascade(struct lowering *lowering, const struct guarded *guarded, const struct ast_clause *clause) {
    const struct ast_clause *deny = lower_find_clause(guarded->item, AST_CLAUSE_DENY);
    bool any = false, denies_all = false;
    for (size_t i = 0; deny && i < deny->words.count; i++) denies_all |= strcmp(deny->words.items[i].text, "all") == 0;
    for (size_t i = 0; i < guarded->lock_count; i++) {
        const struct lock *from = guarded->locks[i];
        if (from->scope.target_count && from->scope.targets[0].subresource) continue; // which owns nothing
        struct lock *lock = derive_lock(lowering, from, ORIGIN_CASCADE, NULL);
        for (size_t j = 0; j < kube_workload_count; j++)
            if (locks_resource(from, kube_workloads[j].plural)) add_owned(lowering, from, lock, kube_workloads[j].owns);
        if (!lock->scope.target_count) continue;
        any = true;
        if (!from->denies || from->path_count || from->requires) {
            diag_report(lowering->diags, DIAG_CONFLICTING_CLAUSES, clause->keyword,
                        "'cascade' on a lock whose clauses do not apply to what its objects own");
            diag_help(lowering->diags, "owned objects are locked for update, delete or create: put 'changing', "
                                       "'require' and 'scale' in a separate lock");
            return;
        }
        if (from->source) return; // which is reported
        if (!formula_is_by_labels(from->selects)) {
            const bool all = from->selects->kind == FORMULA_TRUE;
            diag_report(lowering->diags, DIAG_CONFLICTING_CLAUSES, clause->keyword,
                        "'cascade' on a lock that selects by %s: only labels are passed on to owned objects",
                        all ? "nothing" : "something other than labels");
            diag_help(lowering->diags, "%s",
                      all ? "add what they own to the resources: replicasets, jobs, pods"
                          : "select by labels that are also in the pod template");
            return;
        }
        const struct object_scope targets = lock->scope;
        lock->scope = from->scope;
        lock->scope.targets = targets.targets;
        lock->scope.target_count = targets.target_count;
        lock->selects = from->selects;
        lock->denies = from->denies;
        lock->acts = (from->denies & OP_DELETE ? ACT_EVICT : 0u) |
                     (from->denies & OP_UPDATE && locks_resource(lock, "replicasets") ? ACT_SCALE : 0u) |
                     (denies_all && locks_resource(lock, "pods") ? (unsigned)ACTS_CONNECT : 0u);
        lock->guard_labels = from->guard_labels;
        lock->guard_owners = from->guard_owners;
        lock->guards = from->guards;
        lock->full = from->full;
        lock->exemption = EXEMPT_CONTROLLERS;
        derive_add(lowering, guarded->item, lock);
        guard_bindings(lowering, guarded, lock, &lock->scope, lock->selects, "");
        guard_states(lowering, guarded, lock, &lock->scope, lock->selects, "");
        derive_around(lowering, guarded, lock, "");
    }
    if (any) return;
    diag_report(lowering->diags, DIAG_UNUSED_CLAUSE, clause->keyword,
                "'cascade' on a lock whose objects own nothing else");
    diag_help(lowering->diags, "it belongs to locks on deployments, statefulsets, jobs and the like");
}

// ---- autoscalers: where their controller may scale, whoever points one at a locked workload scales it ----

static void guard_autoscalers(struct lowering *lowering, const struct guarded *guarded) {
    struct arena *arena = lowering->arena;
    for (size_t i = 0; i < guarded->lock_count; i++) {
        const struct lock *from = guarded->locks[i];
        // Of a lock by label nobody can tell which workload an autoscaler means; that is a warning.
        if (from->covers[SHAPE_SCALE] != COVER_BY_NAME || from->exemption != EXEMPT_CONTROLLERS ||
            from->selects->kind != FORMULA_NAME || from->selects->compare != CMP_IN)
            continue;
        struct texts names = {0}, kinds = {0};
        for (size_t j = 0; j < from->selects->value_count; j++)
            texts_add(arena, &names, from->selects->values[j]->as.string);
        for (size_t j = 0; j < from->scope.target_count; j++)
            if (from->scope.targets[j].resource) texts_add(arena, &kinds, from->scope.targets[j].resource->kind);
        if (!kinds.count) continue;
        struct lock *lock = derive_lock(lowering, from, ORIGIN_AUTOSCALERS, NULL);
        derive_target(lowering, lock, "autoscaling", "horizontalpodautoscalers");
        const struct object_scope targets = lock->scope;
        lock->scope = from->scope;
        lock->scope.targets = targets.targets;
        lock->scope.target_count = targets.target_count;
        lock->selects = formula_and(arena, derive_field_in(arena, -1, "spec scaleTargetRef name", &names),
                                    derive_field_in(arena, -1, "spec scaleTargetRef kind", &kinds));
        lock->denies = OP_CREATE | OP_UPDATE;
        lock->guard_label_in = true;
        derive_changing(arena, lock, "spec");
        derive_add(lowering, guarded->item, lock);
    }
}

// ---- wildcards: what a list of the built-in kinds would reach ----

// The acts on objects of the wildcard that cannot be looked up, because it has no kind.
static unsigned unreached(const struct lock *lock) {
    unsigned acts = 0;
    for (size_t i = 0; i < kube_act_count; i++)
        if (lock->covers[kube_acts[i].shape] == COVER_NONE) acts |= lock->acts & kube_acts[i].act;
    return acts & (ACT_SCALE | ACTS_CONNECT);
}

static bool has_act(const struct resource *resource, unsigned acts) {
    for (size_t i = 0; i < kube_act_count; i++)
        if ((acts & kube_acts[i].act) && text_has_word(resource->subresources, kube_acts[i].subresource)) return true;
    return false;
}

static bool is_in_wildcard(const struct object_scope *scope, const struct resource *resource) {
    bool in = false;
    for (size_t i = 0; i < scope->except_count; i++)
        if (is_target(&scope->excepts[i], resource->group, resource->plural)) return false;
    for (size_t i = 0; i < scope->target_count; i++)
        in |= !scope->targets[i].resource && is_target(&scope->targets[i], resource->group, resource->plural);
    return in && resource->namespaced == (scope->where != IN_CLUSTER);
}

static void reach_wildcard(struct lowering *lowering, const struct guarded *guarded, const struct lock *from,
                           const char *number) {
    const unsigned acts = unreached(from);
    size_t count = 0;
    const struct resource *resources = catalog_built_in(&count);
    if (!acts || from->scope.subresource || !scope_has_wildcard(&from->scope) || lowering->is_static) return;
    struct lock *lock = derive_lock(lowering, from, ORIGIN_REACHED, number);
    const struct object_scope nothing = lock->scope;
    lock->scope = from->scope;
    lock->scope.targets = nothing.targets;
    lock->scope.target_count = nothing.target_count;
    lock->scope.excepts = NULL;
    lock->scope.except_count = 0;
    for (size_t i = 0; i < count; i++)
        if (has_act(&resources[i], acts) && is_in_wildcard(&from->scope, &resources[i]))
            derive_target(lowering, lock, resources[i].group, resources[i].plural);
    if (!lock->scope.target_count) return;
    lock->selects = from->selects;
    lock->condition = from->condition;
    lock->acts = acts & lower_acts_in(&lock->scope);
    derive_add(lowering, guarded->item, lock);
}

// ---- guard rbac: what klock writes of RBAC, and ways to become the actors ----

static void index_outputs(struct lowering *lowering) {
    const struct policies *policies = lowering->policies;
    for (size_t i = 0; i < policies->grant_count; i++)
        map_set(&lowering->outputs, policies->grants[i]->policy, lowering);
    for (size_t i = 0; i < policies->account_count; i++)
        map_set(&lowering->outputs, policies->accounts[i]->policy, lowering);
}

// Everything that is written for the policy carries these labels.
static struct formula *written_for(struct arena *arena, const char *policy) {
    return formula_and(arena, formula_is(arena, FORMULA_LABEL, "app.kubernetes.io/managed-by", "klockc"),
                       formula_is(arena, FORMULA_LABEL, "klock.dev/policy", names_of_label(arena, policy)));
}

static void guard_output(struct lowering *lowering, const struct guarded *guarded, bool cluster) {
    static const char group[] = "rbac.authorization.k8s.io";
    const struct lock *from = guarded->locks[0];
    struct lock *lock = derive_lock(lowering, from, ORIGIN_GUARD_OUTPUT, cluster ? "of the cluster" : "in namespaces");
    if (cluster) {
        derive_target(lowering, lock, group, "clusterroles");
        derive_target(lowering, lock, group, "clusterrolebindings");
    } else {
        derive_target(lowering, lock, group, "roles");
        derive_target(lowering, lock, group, "rolebindings");
        derive_target(lowering, lock, "", "serviceaccounts");
        derive_namespaces(lowering, lock, NULL, 0);
    }
    lock->selects = written_for(lowering->arena, from->policy);
    lock->denies = OPS_STORED;
    lock->guard_labels = lock->keeps_output = true;
    if (lock->exemption == EXEMPT_NONE) lock->exemption = EXEMPT_LIFECYCLE;
    derive_exempt_deployer(lowering, lock);
    derive_add(lowering, guarded->item, lock);
}

static void guard_rbac(struct lowering *lowering, const struct guarded *guarded) {
    const struct word *word = derive_find_guard(guarded->item, "rbac");
    const struct lock *from = guarded->locks[0];
    const bool output = map_get(&lowering->outputs, from->policy) != NULL;
    const bool passed = from->passes.label_count || from->exclusive.label_count || from->break_glass.label_count;
    if (!output && !passed) {
        derive_nothing_to_guard(lowering, word, "nobody may pass",
                                "without exclusive actors and grants no RBAC leads past it");
        return;
    }
    if (output) {
        guard_output(lowering, guarded, false);
        guard_output(lowering, guarded, true);
    }
    if (passed) derive_rbac(lowering, guarded->item, from, (from->guards & GUARD_CONTROLLERS) != 0);
}

// ---- guard controllers: who becomes one passes every lock that lets it through ----

// They are the same for all locks of a policy, so the lock whose name comes first speaks for those of its mode.
static void guard_controllers(struct lowering *lowering) {
    struct arena *arena = lowering->arena;
    struct map known;
    map_init(&known, arena);
    const struct guarded **firsts = NULL;
    size_t count = 0;
    for (size_t i = 0; i < lowering->guarded_count; i++) {
        const struct guarded *guarded = lowering->guarded[i], **first;
        const struct lock *lock = guarded->locks[0];
        if (!(lock->guards & GUARD_CONTROLLERS)) continue;
        const char *key = arena_printf(arena, "%s %u", lock->policy, lock->mode);
        if (!(first = map_get(&known, key))) {
            ARENA_PUSH(arena, firsts, count, guarded);
            first = ARENA_NEW(arena, const struct guarded *);
            map_set(&known, key, first);
        } else if (strcmp((*first)->locks[0]->name, lock->name) <= 0) {
            continue;
        }
        *first = guarded;
    }
    for (size_t i = 0; i < count; i++) {
        const struct lock *lock = firsts[i]->locks[0];
        const struct guarded *const *first = map_get(&known, arena_printf(arena, "%s %u", lock->policy, lock->mode));
        derive_controllers(lowering, (*first)->item, (*first)->locks[0]);
    }
}

// ---- static manifests: they alone see requests for policies ----

static void guard_policies(struct lowering *lowering, const char *policy, struct span span) {
    static const char group[] = "admissionregistration.k8s.io";
    struct lock none = {.policy = policy,
                        .name = "admission-configuration",
                        .span = span,
                        .condition = formula_new(lowering->arena, FORMULA_TRUE),
                        .exemption = EXEMPT_LIFECYCLE,
                        .mode = MODE_DENY};
    struct lock *lock = derive_lock(lowering, &none, ORIGIN_STATIC, NULL);
    derive_target(lowering, lock, group, "mutatingadmissionpolicies");
    derive_target(lowering, lock, group, "mutatingadmissionpolicybindings");
    derive_target(lowering, lock, group, "validatingadmissionpolicies");
    derive_target(lowering, lock, group, "validatingadmissionpolicybindings");
    lock->selects = written_for(lowering->arena, policy);
    lock->denies = OPS_STORED;
    lock->guard_labels = lock->keeps_output = true;
    derive_exempt_deployer(lowering, lock);
    derive_add(lowering, NULL, lock);
}

// ---- all of them ----

// Tells the locks of one block apart.
static const char *number_of(struct arena *arena, size_t index) {
    return index ? arena_printf(arena, "%zu", index + 1) : "";
}

static void lower_guarded(struct lowering *lowering, const struct guarded *guarded) {
    const struct ast_clause *clause = lower_find_clause(guarded->item, AST_CLAUSE_CASCADE);
    const unsigned guards = guarded->locks[0]->guards, full = guarded->locks[0]->full;
    if (guards & GUARD_NAMESPACE) guard_namespaces(lowering, guarded);
    if (guards & GUARD_CRD) guard_definitions(lowering, guarded);
    if (full & GUARD_OWNERS) guard_owners(lowering, guarded);
    if (guards & GUARD_RBAC) guard_rbac(lowering, guarded);
    if (guards & GUARD_CERTIFICATES) derive_certificates(lowering, guarded->item, guarded->locks[0]);
    if (clause) cascade(lowering, guarded, clause);
    guard_autoscalers(lowering, guarded);
    for (size_t i = 0; i < guarded->lock_count; i++) {
        derive_around(lowering, guarded, guarded->locks[i], number_of(lowering->arena, i));
        reach_wildcard(lowering, guarded, guarded->locks[i], number_of(lowering->arena, i));
    }
    derive_sources(lowering, guarded, number_of);
    if (guards & GUARD_VOLUMES) derive_volumes(lowering, guarded);
    for (size_t i = 0; i < guarded->part_count; i++) {
        const struct object_meaning *part = guarded->parts[i];
        const char *number = number_of(lowering->arena, i);
        guard_bindings(lowering, guarded, guarded->locks[0], &part->scope, part->selects, number);
        guard_replicas(lowering, guarded, guarded->locks[0], &part->scope, part->selects, number);
        guard_states(lowering, guarded, guarded->locks[0], &part->scope, part->selects, number);
    }
}

void lower_guards(struct lowering *lowering, struct unit **units, size_t unit_count) {
    for (size_t i = 0; i < lowering->guarded_count; i++)
        if (lock_asks_authorizer(lowering->guarded[i]->locks[0]))
            derive_roles(lowering, lowering->guarded[i]->locks[0]);
    index_outputs(lowering);
    lower_index_grants(lowering);
    for (size_t i = 0; i < lowering->guarded_count; i++) lower_guarded(lowering, lowering->guarded[i]);
    guard_controllers(lowering);
    for (size_t i = 0; i < unit_count; i++)
        for (const struct ast_item *item = units[i]->file->first; item; item = item->next)
            if (item->kind == AST_ITEM_ACTOR && item->as.actor.sealed && !lower_is_damaged(lowering, item))
                lower_seal(lowering, units[i], item);
    derive_accounts(lowering);
    derive_orders(lowering);
    if (!lowering->is_static) return;
    // The place of one of its locks stands for the policy: of the one whose name comes first.
    struct map policies;
    map_init(&policies, lowering->arena);
    const size_t count = lowering->policies->lock_count;
    const struct lock **firsts = NULL;
    size_t first_count = 0;
    for (size_t i = 0; i < count; i++) {
        const struct lock *lock = lowering->policies->locks[i];
        const struct lock **known = map_get(&policies, lock->policy);
        if (!known) {
            known = ARENA_NEW(lowering->arena, const struct lock *);
            *known = lock;
            map_set(&policies, lock->policy, known);
            ARENA_PUSH(lowering->arena, firsts, first_count, lock);
        } else if (strcmp(lock->name, (*known)->name) < 0) {
            *known = lock;
        }
    }
    for (size_t i = 0; i < first_count; i++) {
        const struct lock *const *first = map_get(&policies, firsts[i]->policy);
        guard_policies(lowering, (*first)->policy, (*first)->span);
    }
}
