// Ways around a lock through somebody else who may write the object, or is made to: each is closed by one more lock.
#include <string.h>

#include "base/arena.h"
#include "data/value.h"
#include "kubernetes/catalog.h"
#include "lower/lower_derive.h"
#include "report/diag.h"

// ---- owners: what is given one that is gone goes after it ----

static struct formula *delete_instead(struct arena *arena, struct formula *part, const void *context) {
    (void)context;
    if (part->kind == FORMULA_CEL || part->state == STATE_NEW) return NULL;
    if (part->kind != FORMULA_OPERATION) return part;
    return formula_new(arena, part->operations & OP_DELETE ? FORMULA_TRUE : FORMULA_FALSE);
}

// The condition as it is for whoever would delete the object; NULL where that cannot be asked of an update.
static struct formula *as_deletion(struct arena *arena, const struct formula *expr) {
    return formula_map(arena, expr, delete_instead, NULL);
}

static bool asks_operation(const struct formula *part) {
    return part->kind == FORMULA_OPERATION;
}

// Of the same objects, when they may not be deleted.
static void hold_updates(struct lowering *lowering, const struct lock *from, struct lock *lock) {
    struct formula *condition = as_deletion(lowering->arena, from->condition);
    if (condition) lock->condition = condition;
    lock->selects = from->selects;
    lock->denies = OP_UPDATE;
    lock->exemption = EXEMPT_CONTROLLERS;
}

// The garbage collector deletes what has an owner that is gone, and passes unless owners are guarded. Controllers take
// in what is theirs, and an owner may come to be called by another version of its API.
static void guard_adoption(struct lowering *lowering, const struct guarded *guarded, const struct lock *from,
                           const char *number) {
    if (from->guard_owners || lock_stops_collector(lowering->arena, from)) return;
    struct lock *lock = derive_lock(lowering, from, ORIGIN_ADOPTION, number);
    hold_updates(lowering, from, lock);
    lock->scope = from->scope;
    derive_changing(lowering->arena, lock, "metadata ownerReferences * uid");
    derive_changing(lowering->arena, lock, "metadata ownerReferences * kind");
    derive_changing(lowering->arena, lock, "metadata ownerReferences * name");
    derive_add(lowering, guarded->item, lock);
}

// ---- deadlines: pods and jobs that end by themselves ----

static void guard_deadline(struct lowering *lowering, const struct guarded *guarded, const struct lock *from,
                           const char *group, const char *plural, const char *deadline, enum origin origin,
                           const char *number) {
    if (!derive_takes_in(&from->scope, group, plural)) return;
    struct lock *lock = derive_lock_in(lowering, from, &from->scope, group, plural, origin, number);
    hold_updates(lowering, from, lock);
    derive_changing(lowering->arena, lock, deadline);
    derive_add(lowering, guarded->item, lock);
}

// ---- counters: a job that has as many pods behind it as it wanted ends ----

static void guard_counters(struct lowering *lowering, const struct guarded *guarded, const struct lock *from,
                           bool clock, const char *number) {
    static const char *const counters[] = {"status succeeded", "status failed", "status completedIndexes",
                                           "status failedIndexes", "status uncountedTerminatedPods"};
    struct arena *arena = lowering->arena;
    if (!derive_takes_in(&from->scope, "batch", "jobs")) return;
    struct lock *lock =
        derive_lock_in(lowering, from, &from->scope, "batch", "jobs", clock ? ORIGIN_CLOCK : ORIGIN_COUNTERS, number);
    lock->scope.subresource = "status";
    lock->selects = from->selects;
    lock->denies = OP_UPDATE;
    lock->exemption = EXEMPT_CONTROLLERS;
    for (size_t i = 0; i < sizeof counters / sizeof *counters && !clock; i++) derive_changing(arena, lock, counters[i]);
    if (clock) { // which whoever suspends a job takes off
        derive_changing(arena, lock, "status startTime");
        struct formula *suspended = derive_exists(arena, -1, "spec suspend");
        const struct value *yes = value_bool(arena, true);
        suspended->compare = CMP_IN;
        ARENA_PUSH(arena, suspended->values, suspended->value_count, yes);
        lock->condition = formula_and(arena, lock->condition, formula_not(arena, suspended));
    }
    derive_add(lowering, guarded->item, lock);
}

// ---- surplus: who has too many deletes some, and takes for its own what has its labels or names it as owner ----

// Labels that controllers select by, and that nobody else puts on.
static const char *const selecting_labels[] = {"pod-template-hash", "controller-uid",
                                               "batch.kubernetes.io/controller-uid"};

static struct formula *is_of_controller(struct arena *arena) {
    struct formula *owned = formula_new(arena, FORMULA_OR);
    for (size_t i = 0; i < sizeof selecting_labels / sizeof *selecting_labels; i++) {
        struct formula *label = formula_new(arena, FORMULA_LABEL);
        label->compare = CMP_EXISTS;
        label->key = selecting_labels[i];
        ARENA_PUSH(arena, owned->operands, owned->operand_count, label);
    }
    struct texts kinds = {0};
    for (size_t i = 0; i < kube_workload_count; i++) texts_add(arena, &kinds, kube_workloads[i].kind);
    struct formula *owner = derive_any(arena, "metadata ownerReferences", derive_field_in(arena, 0, "kind", &kinds));
    ARENA_PUSH(arena, owned->operands, owned->operand_count, owner);
    return owned;
}

static void guard_surplus(struct lowering *lowering, const struct guarded *guarded, const struct lock *from,
                          const char *number) {
    static const struct {
        const char *group, *plural;
    } owned[] = {{"", "pods"}, {"apps", "replicasets"}, {"batch", "jobs"}};
    if (!(from->full & GUARD_OWNERS) || from->exemption != EXEMPT_CONTROLLERS) return;
    struct lock *lock = derive_lock(lowering, from, ORIGIN_SURPLUS, number);
    lock->scope = from->scope;
    lock->scope.targets = NULL;
    lock->scope.target_count = 0;
    for (size_t i = 0; i < sizeof owned / sizeof *owned; i++)
        if (derive_takes_in(&from->scope, owned[i].group, owned[i].plural))
            derive_target(lowering, lock, owned[i].group, owned[i].plural);
    if (!lock->scope.target_count) return;
    lock->selects = is_of_controller(lowering->arena);
    lock->denies = OP_CREATE;
    lock->guard_label_in = true;
    derive_add(lowering, guarded->item, lock);
}

// ---- all that is about deletion ----

void derive_around(struct lowering *lowering, const struct guarded *guarded, const struct lock *from,
                   const char *number) {
    if (from->scope.subresource || !(from->denies & OP_DELETE) || guarded->none) return;
    guard_counters(lowering, guarded, from, false, number);
    guard_counters(lowering, guarded, from, true, number);
    guard_surplus(lowering, guarded, from, number);
    if ((from->denies & OP_UPDATE) && !from->path_count && !formula_any(from->condition, asks_operation))
        return; // it says the rest
    guard_adoption(lowering, guarded, from, number);
    guard_deadline(lowering, guarded, from, "", "pods", "spec activeDeadlineSeconds", ORIGIN_DEADLINE, number);
    // The controller behind it deletes nothing else unless it is exempt.
    if (from->exemption == EXEMPT_CONTROLLERS)
        guard_deadline(lowering, guarded, from, "batch", "jobs", "spec ttlSecondsAfterFinished", ORIGIN_TIME_TO_LIVE,
                       number);
}

// ---- guard volumes: what is on them goes with them, whatever becomes of the claim ----

// Those that are bound to claims of the lock, as far as a volume tells: by namespace, and by name.
static struct formula *is_claimed(struct arena *arena, const struct lock *from) {
    struct texts namespaces = {0}, left_out = {0}, names = {0};
    for (size_t i = 0; i < from->scope.namespace_count; i++) texts_add(arena, &namespaces, from->scope.namespaces[i]);
    struct formula *claimed = derive_field_in(arena, -1, "spec claimRef namespace", &namespaces);
    for (size_t i = 0; i < kube_system_namespace_count && from->scope.where == IN_ANY_NAMESPACE; i++) {
        bool named = false;
        for (size_t j = 0; j < namespaces.count; j++)
            named |= strcmp(namespaces.items[j], kube_system_namespaces[i]) == 0;
        if (!named) texts_add(arena, &left_out, kube_system_namespaces[i]);
    }
    if (from->scope.where == IN_ANY_NAMESPACE) claimed = derive_exists(arena, -1, "spec claimRef");
    if (left_out.count)
        claimed = formula_and(arena, claimed,
                              formula_not(arena, derive_field_in(arena, -1, "spec claimRef namespace", &left_out)));
    if (from->selects->kind != FORMULA_NAME || from->selects->compare != CMP_IN) return claimed;
    for (size_t i = 0; i < from->selects->value_count; i++)
        texts_add(arena, &names, from->selects->values[i]->as.string);
    return formula_and(arena, claimed, derive_field_in(arena, -1, "spec claimRef name", &names));
}

static struct lock *derive_volume_lock(struct lowering *lowering, const struct lock *from, const char *detail) {
    struct arena *arena = lowering->arena;
    struct lock *lock = derive_lock(lowering, from, ORIGIN_GUARD_VOLUMES, detail);
    derive_target(lowering, lock, "", "persistentvolumes");
    struct formula *bound = derive_field_is(arena, -1, "status phase", "Bound");
    bound->state = STATE_OLD;
    lock->selects = is_claimed(arena, from);
    lock->condition = formula_and(arena, lock->condition, bound);
    lock->exemption = EXEMPT_CONTROLLERS;
    return lock;
}

void derive_volumes(struct lowering *lowering, const struct guarded *guarded) {
    const struct word *word = derive_find_guard(guarded->item, "volumes");
    struct arena *arena = lowering->arena;
    bool any = false;
    for (size_t i = 0; i < guarded->lock_count; i++) {
        const struct lock *from = guarded->locks[i];
        if (from->scope.subresource || !derive_takes_in(&from->scope, "", "persistentvolumeclaims")) continue;
        any = true;
        if (from->scope.where == IN_LABELED_NAMESPACES) {
            diag_report(lowering->diags, DIAG_CONFLICTING_CLAUSES, word->span,
                        "'guard volumes' with 'namespace labeled': a volume does not show its namespace's labels");
            diag_help(lowering->diags, "lock the volumes themselves: resources persistentvolumes");
            return;
        }
        struct lock *lock = derive_volume_lock(lowering, from, NULL);
        lock->denies = OPS_STORED;
        lock->guard_owners = true;
        derive_changing(arena, lock, "spec claimRef");
        derive_add(lowering, guarded->item, lock);
        lock = derive_volume_lock(lowering, from, "status");
        lock->scope.subresource = "status";
        lock->denies = OP_UPDATE;
        derive_changing(arena, lock, "status phase");
        derive_add(lowering, guarded->item, lock);
    }
    if (!any)
        derive_nothing_to_guard(lowering, word, "does not cover persistentvolumeclaims", "only claims have volumes");
}

// ---- orders: annotations that make a controller write the object ----

// Whether changing either of the two changes both.
static bool meets(const struct field_path *path, const struct field_path *other) {
    for (size_t i = 0; i < path->count && i < other->count; i++) {
        const char *a = path->segments[i].key, *b = other->segments[i].key;
        if (a && b && strcmp(a, b) != 0) return false;
    }
    return true;
}

// Whether one of the paths of the lock is the other, or above it.
static bool keeps(const struct lock *lock, const struct field_path *other) {
    for (size_t i = 0; i < lock->path_count; i++)
        if (lock->paths[i].count <= other->count && meets(&lock->paths[i], other)) return true;
    return false;
}

static bool is_part_of(const struct lock *lock, const struct field_path *other) {
    for (size_t i = 0; i < lock->path_count; i++)
        if (meets(&lock->paths[i], other)) return true;
    return false;
}

// An order, and what is asked about it for each lock.
struct known_order {
    const struct kube_order *order;
    const struct resource *resource;
    struct field_path *written, told;
    size_t written_count;
};

static bool is_part_of_written(const struct lock *lock, const struct known_order *known) {
    bool any = false;
    for (size_t i = 0; i < known->written_count && !any; i++) any = is_part_of(lock, &known->written[i]);
    return any;
}

static bool keeps_written(const struct lock *lock, const struct known_order *known) {
    bool all = true;
    for (size_t i = 0; i < known->written_count && all; i++) all = keeps(lock, &known->written[i]);
    return all;
}

static bool takes_in(const struct object_scope *scope, const struct known_order *known) {
    const struct resource *resource = known->resource;
    bool takes = false;
    for (size_t i = 0; i < scope->target_count; i++) {
        const struct target *target = &scope->targets[i];
        takes |= target->resource ? target->resource == resource && !target->subresource
                                  : (!target->group || strcmp(target->group, known->order->group) == 0) &&
                                        (scope->where != IN_CLUSTER) == resource->namespaced;
    }
    for (size_t i = 0; i < scope->except_count; i++) takes &= scope->excepts[i].resource != resource;
    return takes;
}

// A lock on the order alone, beside the one that it leads around.
static struct lock *derive_order(struct lowering *lowering, const struct lock *lock, const struct kube_order *order,
                                 enum origin origin) {
    struct arena *arena = lowering->arena;
    struct lock *beside = derive_lock(lowering, lock, origin, NULL);
    // One annotation may order writes of several resources.
    beside->id = arena_printf(arena, "%s (%s %s of %s)", lock->id, origin_text(origin), order->told_by, order->plural);
    beside->scope = lock->scope;
    beside->scope.targets = NULL;
    beside->scope.target_count = 0;
    derive_target(lowering, beside, order->group, order->plural);
    beside->selects = lock->selects;
    beside->condition = lock->condition;
    derive_changing(arena, beside, order->told_by);
    return beside;
}

// Whoever is refused is told of the lock that would be led around.
static void add_order(struct lowering *lowering, const struct lock *lock, struct lock *beside) {
    beside->message = lock->message;
    ARENA_PUSH(lowering->arena, lowering->policies->locks, lowering->policies->lock_count, beside);
}

static bool reads(const struct formula *expr, const struct field_path *path) {
    bool any = expr->path.count && expr->path.variable < 0 && meets(&expr->path, path);
    if (expr->kind == FORMULA_ANNOTATION || expr->kind == FORMULA_ANNOTATION_KEY) {
        static const struct segment annotations[] = {{.key = "metadata"}, {.key = "annotations"}};
        const struct field_path all = {.variable = -1, .segments = annotations, .count = 2};
        any = meets(&all, path);
    }
    for (size_t i = 0; i < expr->operand_count && !any; i++) any = reads(expr->operands[i], path);
    return any;
}

static bool reads_written(const struct formula *expr, const struct known_order *known) {
    bool any = false;
    for (size_t i = 0; i < known->written_count && !any; i++) any = reads(expr, &known->written[i]);
    return any;
}

// What is required of the object is not asked of the controller; what the API server resets is its own.
static void guard_required(struct lowering *lowering, const struct lock *lock, const struct known_order *known) {
    const struct kube_order *order = known->order;
    if (!lock->requires || order->exemption != EXEMPT_CONTROLLERS ||
        (!reads_written(lock->requires, known) && !is_part_of_written(lock, known)))
        return;
    struct lock *beside = derive_order(lowering, lock, order, ORIGIN_REQUIRED_ORDER);
    beside->requires = formula_not(lowering->arena, derive_exists(lowering->arena, -1, order->told_by));
    add_order(lowering, lock, beside);
}

// `except changing` that leaves the order aside gets a lock beside it.
static void guard_order(struct lowering *lowering, struct lock *lock, const struct known_order *known) {
    struct arena *arena = lowering->arena;
    const struct kube_order *order = known->order;
    if (lock->scope.subresource || lock->exemption < order->exemption || !takes_in(&lock->scope, known)) return;
    guard_required(lowering, lock, known);
    if (!lock->path_count || !(lock->denies & OP_UPDATE)) return;
    if (!lock->all_but_paths) {
        if (!is_part_of_written(lock, known) || keeps(lock, &known->told)) return;
        // Other locks of the same clause share the list.
        struct field_path *own = NULL;
        size_t count = 0;
        for (size_t i = 0; i < lock->path_count; i++) ARENA_PUSH(arena, own, count, lock->paths[i]);
        lock->paths = own;
        derive_changing(arena, lock, order->told_by);
        return;
    }
    if (keeps_written(lock, known) || !keeps(lock, &known->told)) return;
    struct lock *beside = derive_order(lowering, lock, order, ORIGIN_ORDER);
    beside->denies = OP_UPDATE;
    add_order(lowering, lock, beside);
}

void derive_orders(struct lowering *lowering) {
    const size_t count = lowering->policies->lock_count;
    struct known_order *known = ARENA_ARRAY(lowering->arena, struct known_order, kube_order_count);
    for (size_t i = 0; i < kube_order_count; i++) {
        const struct kube_order *order = &kube_orders[i];
        known[i] = (struct known_order){.order = order,
                                        .resource = catalog_get(lowering->catalog, order->group, order->plural),
                                        .told = derive_path(lowering->arena, -1, order->told_by)};
        for (const char *writes = order->writes; *writes;) {
            const size_t len = strcspn(writes, ",");
            const struct field_path path = derive_path(lowering->arena, -1, arena_copy(lowering->arena, writes, len));
            ARENA_PUSH(lowering->arena, known[i].written, known[i].written_count, path);
            writes += len + strspn(writes + len, ", ");
        }
    }
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < kube_order_count; j++) guard_order(lowering, lowering->policies->locks[i], &known[j]);
}
