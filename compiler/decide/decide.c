// The formula of what a lock refuses, evaluated; see decide.h.
#include "decide/decide.h"

#include <string.h>

#include "base/arena.h"
#include "data/value.h"
#include "decide/decide_internal.h"

static enum truth is_one_of(const struct view *view, const struct subjects *subjects) {
    const struct request *request = view->request;
    if (*request->user && decide_has_name(subjects->users, subjects->user_count, request->user)) return YES;
    for (size_t i = 0; i < subjects->group_count; i++)
        if (decide_in_group(request, subjects->groups[i])) return YES;
    enum truth result = NO;
    for (size_t i = 0; i < subjects->other_count; i++)
        result = truth_or(result, decide_evaluate(view, subjects->others[i]));
    return result;
}

// Whoever passes, or is let through by the ConfigMap that is the lock.
static enum truth passes(const struct view *view, const struct lock *lock) {
    return truth_or(is_one_of(view, &lock->passes),
                    truth_of(decide_source_names(view->arena, view->source, view->request)));
}

// What of the lock holds for the requester, as far as exemptions go.
struct holding {
    bool denies, requires; // controllers are let past what is denied, not past what is required of what they make
    bool of_controller;    // of what they write, only what they change of it counts
};

static struct holding holding_for(const struct view *view, const struct lock *lock) {
    const bool exempt = decide_is_exempt(view, lock, lock->exemption);
    const bool lifecycle =
        lock->exemption == EXEMPT_CONTROLLERS ? decide_is_exempt(view, lock, EXEMPT_LIFECYCLE) : exempt;
    return (struct holding){
        .denies = !exempt,
        .requires = lock->ratchets ? !lifecycle : !exempt,
        .of_controller = exempt && !lifecycle,
    };
}

// Whether an update breaks a part of what the lock requires. What is broken already may stay so, and what is being
// deleted needs to be nothing any more.
static enum truth breaks_part(const struct view *view, const struct holding *holding, const struct formula *part) {
    const struct request *request = view->request;
    const bool may_stay = formula_ratchets(part) || holding->of_controller;
    if (may_stay && !decide_reads_differ(view, part, -1, 0, request->old_object, request->object)) return NO;
    return truth_not(decide_holds(view, part, request->object));
}

// Whether the request breaks what the lock requires.
static enum truth breaks(const struct view *view, const struct lock *lock, const struct holding *holding) {
    const struct request *request = view->request;
    if (!request->object) return NO;
    if (!lock->ratchets || request->operation != OP_UPDATE)
        return truth_not(decide_holds(view, lock->requires, request->object));
    if (decide_is_known_terminating(request, lock)) return NO;
    enum truth result = NO;
    for (size_t i = 0; i < formula_part_count(lock->requires); i++)
        result = truth_or(result, breaks_part(view, holding, formula_part(lock->requires, i)));
    return result;
}

// Whether the request is for what the lock is about: the objects, or one subresource that carries them whole.
static bool is_body(const struct lock *lock, const char *subresource) {
    if (lock->scope.subresource) return strcmp(lock->scope.subresource, subresource) == 0;
    return !*subresource || kube_subresource_class(subresource) == SUBRESOURCE_BODY;
}

// Whether the lock would no longer hold the object.
static enum truth leaves(const struct view *view, const struct lock *lock) {
    const struct value *object = view->request->object;
    enum truth held = decide_holds(view, lock->selects, object);
    if (lock->names_actors) held = truth_and(held, decide_holds(view, lock->names_actors, object));
    return truth_not(lock_guards_condition(lock) ? truth_and(held, decide_holds(view, lock->condition, object)) : held);
}

// Whether the request writes what the lock is about: of a delete all of it.
static bool is_about(const struct view *view, const struct lock *lock) {
    const struct request *request = view->request;
    const bool update = request->operation == OP_UPDATE, act = kube_act_of(request->subresource) != NULL;
    const bool metadata = !act && !is_body(lock, request->subresource);
    if (metadata && !(update && lock_sees_metadata(lock))) return false;
    if (update) return decide_changes(view, lock, metadata);
    return request->operation != OP_CREATE || act || decide_brings(view, lock);
}

static enum truth is_denied(const struct view *view, const struct lock *lock, enum truth stored) {
    const struct request *request = view->request;
    const struct kube_act *act = kube_act_of(request->subresource);
    if (act) return (lock->acts & act->act) && (act->act != ACT_SCALE || is_about(view, lock)) ? stored : NO;
    const bool update = request->operation == OP_UPDATE;
    enum truth result = NO;
    if ((lock->denies & request->operation) && is_about(view, lock)) result = stored;
    if (update && lock->guard_labels) result = truth_or(result, truth_and(stored, leaves(view, lock)));
    if (update && lock->guard_owners && decide_changes_owners(request)) result = truth_or(result, stored);
    if (update && lock->guard_label_in)
        result = truth_or(result, truth_and(truth_not(stored), decide_holds(view, lock->selects, request->object)));
    return result;
}

static enum truth is_required(const struct view *view, const struct lock *lock, const struct holding *holding,
                              enum truth stored) {
    const struct kube_act *act = kube_act_of(view->request->subresource);
    if ((act && act->act != ACT_SCALE) || !is_about(view, lock)) return NO;
    return truth_and(stored, breaks(view, lock, holding));
}

// Whether the formula reads what controllers do not write themselves. Quoted CEL is not about whose it is.
static bool reads_of_others(const struct request *request, const struct formula *expr) {
    bool reads = false;
    switch (expr->kind) {
    case FORMULA_LABEL:
    case FORMULA_ANNOTATION:
    case FORMULA_FIELD:
    case FORMULA_ANY:
    case FORMULA_ALL:
        reads = !expr->reads_stored && expr->state == STATE_SELF && expr->path.variable < 0 &&
                !decide_is_controllers(request, expr);
        break;
    default: break;
    }
    for (size_t i = 0; i < expr->operand_count && !reads; i++) reads = reads_of_others(request, expr->operands[i]);
    return reads;
}

// Whether the lock selects neither what is stored nor, where it guards against that, what is brought: whatever else is
// asked then comes to nothing. Of most locks that is all that has to be asked.
static bool is_untouched(const struct view *view, const struct lock *lock, enum truth stored) {
    if (stored != NO) return false;
    return view->request->operation != OP_UPDATE || !lock->guard_label_in ||
           decide_holds(view, lock->selects, view->request->object) == NO;
}

static enum truth is_triggered(const struct view *view, const struct lock *lock) {
    const struct request *request = view->request;
    const enum truth stored = decide_holds(view, lock->selects, view->stored);
    if (is_untouched(view, lock, stored)) return NO;
    const bool act = kube_act_of(request->subresource) != NULL;
    if (*request->subresource && !act && kube_subresource_class(request->subresource) == SUBRESOURCE_OTHER) return NO;
    // Whatever comes of it, the control plane lives.
    if (decide_is_exempt(view, lock, EXEMPT_ALWAYS)) return NO;
    const struct holding holding = holding_for(view, lock);
    const enum truth required = holding.requires && lock->requires ? is_required(view, lock, &holding, stored) : NO;
    if (holding.denies) return truth_or(is_denied(view, lock, stored), required);
    // Somebody else may have added to the request of whoever is exempt.
    if (!lock->guard_labels || request->operation != OP_UPDATE || act) return required;
    if (!reads_of_others(request, lock->selects) &&
        !(lock->names_actors && reads_of_others(request, lock->names_actors)) &&
        !(lock_guards_condition(lock) && reads_of_others(request, lock->condition)))
        return required;
    struct view exempt = *view;
    exempt.exempt = true;
    return truth_or(required, truth_and(is_denied(view, lock, stored), truth_and(stored, leaves(&exempt, lock))));
}

// Everything but who asks.
static enum truth refuses(const struct view *view, const struct lock *lock) {
    if (!decide_in_resources(&lock->scope, view->request)) return NO;
    const enum truth where = decide_in_namespaces(view, &lock->scope);
    if (where == NO) return NO;
    return truth_and(truth_and(where, is_triggered(view, lock)), decide_evaluate(view, lock->condition));
}

// A request for a subresource that carries nothing of the object stands for one about the object itself: an eviction
// for the pod's deletion, a write to scale for an update of spec.replicas. The stored object is the parent; `object`
// tells the new number of replicas.
static const struct request *about_parent(struct arena *arena, const struct request *request, struct request *room) {
    const struct kube_act *act = kube_act_of(request->subresource);
    if (!act) return request;
    *room = *request;
    room->operation = act->means;
    // A binding is no state of the pod, but what it carries goes there.
    room->object = act->act == ACT_BIND ? request->object : NULL;
    if (act->act != ACT_SCALE) return room;
    const struct value *replicas = value_dig(request->object, "spec", "replicas", NULL);
    struct value *object = request->old_object ? value_copy(arena, request->old_object) : value_map(arena);
    struct value *spec = value_get(object, "spec");
    if (!spec || spec->kind != VALUE_MAP) value_set(arena, object, "spec", spec = value_map(arena));
    value_set(arena, spec, "replicas", replicas ? value_copy(arena, replicas) : value_int(arena, 0));
    room->object = object;
    return room;
}

// A binding can be made as an object of its own, which then names the pod and is all that is known.
static const struct request *as_binding_of_pod(struct arena *arena, const struct request *request,
                                               struct request *room) {
    if (*request->group || strcmp(request->resource, "bindings") != 0 || request->operation != OP_CREATE) return NULL;
    struct value *pod = value_map(arena), *metadata = value_map(arena);
    value_set_string(arena, metadata, "name", request->name);
    value_set(arena, pod, "metadata", metadata);
    *room = *request;
    room->resource = "pods";
    room->subresource = "binding";
    room->old_object = pod;
    return room;
}

static struct view view_of(struct arena *arena, const struct request *request) {
    const bool creates = request->operation == OP_CREATE && !kube_act_of(request->subresource);
    const struct value *stored = creates ? request->object : request->old_object;
    return (struct view){.arena = arena,
                         .request = request,
                         .self = stored,
                         .stored = stored,
                         .identity = ARENA_NEW(arena, struct identity)};
}

// What the lock says as it is, or as the ConfigMap says that is the lock.
static void decide_lock(const struct view *view, const struct lock *lock, struct decision *ret_decision) {
    struct arena *arena = view->arena;
    const enum truth held = refuses(view, lock);
    if (held == NO) return;
    const enum truth open = truth_and(held, truth_not(passes(view, lock)));
    const enum truth glass = is_one_of(view, &lock->break_glass);
    const bool records = lock_records_glass(lock);
    // Whether break-glass was needed must be known, because its use is recorded.
    const enum truth refused = open == FAILED && glass != NO && records ? FAILED : truth_and(open, truth_not(glass));
    if (open == YES && refused == NO && records)
        ARENA_PUSH(arena, ret_decision->glass_uses, ret_decision->glass_use_count, lock);
    if (refused == FAILED) ARENA_PUSH(arena, ret_decision->failed, ret_decision->failed_count, lock);
    if (refused == NO || (refused == FAILED && lock->fail_open)) return;
    const struct refusal refusal = {lock, decide_message(arena, lock, view->source), refused == FAILED};
    ARENA_PUSH(arena, ret_decision->refusals, ret_decision->refusal_count, refusal);
    if (lock->mode & MODE_DENY)
        ret_decision->verdict = VERDICT_DENIED;
    else if ((lock->mode & MODE_WARN) && ret_decision->verdict == VERDICT_ALLOWED)
        ret_decision->verdict = VERDICT_WARNED;
}

static void decide_one(struct arena *arena, const struct policies *policies, const struct request *original,
                       struct decision *ret_decision) {
    struct request room;
    const struct request *request = about_parent(arena, original, &room);
    const struct view view = view_of(arena, request);
    const bool act = kube_act_of(request->subresource) != NULL;
    for (size_t i = 0; i < policies->lock_count; i++) {
        const struct lock *lock = policies->locks[i];
        if (act && !decide_cover_of(lock, request)) continue;
        struct view one = view;
        if (lock->keeps_source) one.source = view.stored;
        if (!lock->source) decide_lock(&one, lock, ret_decision);
        size_t at = 0;
        while (lock->source && (one.source = decide_next_source(lock, request, &at)))
            decide_lock(&one, lock, ret_decision);
    }
}

void decide(struct arena *arena, const struct policies *policies, const struct request *request,
            struct decision *ret_decision) {
    struct request room;
    const struct request *binding = as_binding_of_pod(arena, request, &room);
    *ret_decision = (struct decision){.verdict = VERDICT_ALLOWED};
    const struct view view = view_of(arena, request);
    // Mutating webhooks come before policies, validating ones behind them.
    if (policies->webhook_count) decide_webhooks(&view, policies, true, ret_decision);
    decide_one(arena, policies, request, ret_decision);
    if (binding) decide_one(arena, policies, binding, ret_decision);
    if (policies->webhook_count && ret_decision->verdict != VERDICT_DENIED)
        decide_webhooks(&view, policies, false, ret_decision);
}

bool decide_is_actor(struct arena *arena, const struct lock *lock, const struct request *request) {
    const struct view view = view_of(arena, request);
    return is_one_of(&view, &lock->passes) == YES || is_one_of(&view, &lock->break_glass) == YES;
}

// ---- what decides ----

static struct reason because(enum reason_kind kind) {
    return (struct reason){.kind = kind};
}

// Of a request that the lock has nothing against, whoever asks.
static struct reason why_untouched(const struct view *view, const struct lock *lock) {
    const struct request *request = view->request;
    const struct kube_act *act = kube_act_of(request->subresource);
    const struct holding holding = holding_for(view, lock);
    const bool denies = act ? lock->acts & act->act : lock->denies & request->operation;
    if (!holding.denies && !holding.requires) return because(REASON_EXEMPT);
    if (decide_holds(view, lock->selects, view->stored) == NO) return because(REASON_NOT_SELECTED);
    if (!denies && !lock->requires) return because(REASON_OTHER_OPERATION);
    if (!is_about(view, lock)) return because(REASON_UNCHANGED);
    if (denies && !holding.denies) return because(REASON_EXEMPT);
    return because(lock->requires ? REASON_SATISFIED : REASON_OTHER_OPERATION);
}

// Which half of the label guard it is.
static struct reason why_leaves(const struct view *view, const struct lock *lock) {
    const struct value *object = view->request->object;
    if (decide_holds(view, lock->selects, object) == NO) return because(REASON_LEAVES);
    const bool actors = lock->names_actors && decide_holds(view, lock->names_actors, object) == NO;
    return because(actors ? REASON_ACTORS : REASON_RELEASE);
}

static struct reason why_required(const struct view *view, const struct lock *lock) {
    const struct holding holding = holding_for(view, lock);
    struct reason reason = because(REASON_REQUIRED);
    const bool ratchets = lock->ratchets && view->request->operation == OP_UPDATE;
    for (size_t i = 0; i < formula_part_count(lock->requires) && !reason.part; i++) {
        const struct formula *part = formula_part(lock->requires, i);
        const enum truth broken =
            ratchets ? breaks_part(view, &holding, part) : truth_not(decide_holds(view, part, view->request->object));
        if (broken == YES) reason.part = part;
    }
    return reason;
}

// Of a request that the lock refuses, whoever asks.
static struct reason why_refused(const struct view *view, const struct lock *lock) {
    const struct request *request = view->request;
    const struct holding holding = holding_for(view, lock);
    const bool stored = decide_holds(view, lock->selects, view->stored) == YES;
    struct lock bare = *lock;
    bare.guard_labels = bare.guard_owners = bare.guard_label_in = false;
    if (holding.denies && is_denied(view, &bare, truth_of(stored)) == YES) return because(REASON_DENIED);
    if (lock->requires && holding.requires && is_required(view, lock, &holding, truth_of(stored)) == YES)
        return why_required(view, lock);
    // What is left are updates that guards refuse.
    if (holding.denies && lock->guard_labels && stored && leaves(view, lock) == YES) return why_leaves(view, lock);
    if (holding.denies && lock->guard_owners && stored && decide_changes_owners(request)) return because(REASON_OWNERS);
    return because(holding.denies ? REASON_ENTERS : REASON_RELEASE);
}

// Why the lock refuses, or the ConfigMap that is the lock.
static struct reason why(const struct view *view, const struct lock *lock) {
    const enum truth triggered = is_triggered(view, lock), condition = decide_evaluate(view, lock->condition);
    if (triggered == NO) return why_untouched(view, lock);
    if (condition == NO) return because(REASON_CONDITION);
    if (passes(view, lock) == YES) return because(REASON_PASSES);
    if (is_one_of(view, &lock->break_glass) == YES) return because(REASON_GLASS);
    if (triggered == FAILED || condition == FAILED) return because(REASON_FAILED);
    return why_refused(view, lock);
}

struct reason decide_reason(struct arena *arena, const struct request *original, const struct lock *lock) {
    struct request room, binding_room;
    const struct request *binding = as_binding_of_pod(arena, original, &binding_room);
    const struct request *request = about_parent(arena, binding && lock->acts & ACT_BIND ? binding : original, &room);
    struct view view = view_of(arena, request);
    if (!decide_cover_of(lock, request)) return because(REASON_NOT_REACHED);
    if (!decide_in_resources(&lock->scope, request)) return because(REASON_OTHER_RESOURCE);
    if (decide_in_namespaces(&view, &lock->scope) == NO) return because(REASON_OTHER_NAMESPACE);
    if (lock->keeps_source) view.source = view.stored;
    if (!lock->source) return why(&view, lock);
    struct reason reason = because(REASON_NO_SOURCE);
    size_t at = 0;
    while (reason.kind < REASON_FAILED && (view.source = decide_next_source(lock, request, &at)))
        reason = why(&view, lock);
    return reason;
}
