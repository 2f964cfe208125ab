// Which objects around a lock are held by some lock. All that is asked is put into one map of texts beforehand, so that
// thousands of locks find each other at once. One lock closes a way for another only if everybody whom it lets through
// passes the other as well. Where it cannot be told, the answer is no: a warning can be accepted.
#include <stdint.h>
#include <string.h>

#include "base/arena.h"
#include "base/map.h"
#include "base/text.h"
#include "cel/cel.h"
#include "check/check_internal.h"
#include "data/value.h"
#include "kubernetes/catalog.h"

// ---- what surrounds locks ----

static const struct resource *find_resource(const char *group, const char *plural, size_t len) {
    size_t count;
    const struct resource *resources = catalog_built_in(&count);
    for (size_t i = 0; i < count; i++)
        if (strlen(resources[i].plural) == len && strncmp(resources[i].plural, plural, len) == 0 &&
            strcmp(resources[i].group, group) == 0)
            return &resources[i];
    return NULL;
}

static const struct resource *find_plural(const char *group, const char *plural) {
    return find_resource(group, plural, strlen(plural));
}

static void add_owned(struct arena *arena, struct surrounding *surrounding, const char *list) {
    while (*list) {
        const size_t len = strcspn(list, " "), plural = strcspn(list, ". ");
        const char *group = plural < len ? arena_copy(arena, list + plural + 1, len - plural - 1) : "";
        const struct resource *owned = find_resource(group, list, plural);
        ARENA_PUSH(arena, surrounding->owned, surrounding->owned_count, owned);
        list += len + (list[len] == ' ');
    }
}

static void find_surroundings(struct checking *checking) {
    struct arena *arena = checking->arena;
    struct surroundings *around = &checking->around;
    around->namespaces = find_plural("", "namespaces");
    around->definitions = find_plural("apiextensions.k8s.io", "customresourcedefinitions");
    around->autoscalers = find_plural("autoscaling", "horizontalpodautoscalers");
    around->volumes = find_plural("", "persistentvolumes");
    around->claims = find_plural("", "persistentvolumeclaims");
    around->signing_requests = find_plural("certificates.k8s.io", "certificatesigningrequests");
    around->workloads = ARENA_ARRAY(arena, struct surrounding, kube_workload_count);
    for (size_t i = 0; i < kube_workload_count; i++) {
        around->workloads[i].itself = find_plural(kube_workloads[i].group, kube_workloads[i].plural);
        add_owned(arena, &around->workloads[i], kube_workloads[i].owns);
    }
    around->commands = ARENA_ARRAY(arena, struct surrounding, check_command_count);
    for (size_t i = 0; i < check_command_count; i++) {
        around->commands[i].itself = find_plural(check_commands[i].group, check_commands[i].plural);
        add_owned(arena, &around->commands[i], check_commands[i].given_by);
    }
    around->exempted = ARENA_ARRAY(arena, const struct resource *, kube_exemption_count);
    for (size_t i = 0; i < kube_exemption_count; i++)
        if (kube_exemptions[i].resource)
            around->exempted[i] = find_plural(kube_exemptions[i].resource_group, kube_exemptions[i].resource);
}

static bool is_of(const struct target *target, const struct resource *resource) {
    return target->resource ? target->resource == resource
                            : !target->name && (!target->group || strcmp(target->group, resource->group) == 0);
}

static bool is_never_locked(const struct resource *resource) {
    for (size_t i = 0; i < kube_never_locked_count; i++)
        if (strcmp(kube_never_locked[i].group, resource->group) == 0 &&
            strcmp(kube_never_locked[i].name, resource->plural) == 0)
            return true;
    return false;
}

bool check_takes_in(const struct object_scope *scope, const struct resource *resource) {
    for (size_t i = 0; i < scope->except_count; i++)
        if (is_of(&scope->excepts[i], resource)) return false;
    for (size_t i = 0; i < scope->target_count; i++) {
        const struct target *target = &scope->targets[i];
        if (!is_of(target, resource)) continue;
        // A wildcard takes in what is of its own scope alone.
        if (target->resource || ((scope->where != IN_CLUSTER) == resource->namespaced && !is_never_locked(resource)))
            return true;
    }
    return false;
}

bool check_names_resource(const struct object_scope *scope, const char *group, const char *resource) {
    for (size_t i = 0; i < scope->target_count; i++)
        if (scope->targets[i].name && strcmp(scope->targets[i].name, resource) == 0 &&
            strcmp(scope->targets[i].group, group) == 0)
            return true;
    return false;
}

size_t check_part_count(const struct lock *lock) {
    return lock->part_count ? lock->part_count : 1;
}

struct lock_object check_part(const struct lock *lock, size_t index) {
    return lock->part_count ? lock->parts[index] : (struct lock_object){lock->scope, lock->selects};
}

static const char *derived_key(struct arena *arena, const struct lock *lock, enum origin origin) {
    return arena_printf(arena, "%d %s %s", (int)origin, lock->policy, lock->name);
}

const char *check_formula(struct arena *arena, const struct formula *expr) {
    if (expr->kind == FORMULA_TRUE) return "";
    struct text text;
    text_init(&text, arena);
    formula_print(&text, expr, FORMULA_WHOLE);
    return text_string(&text);
}

// Each check asks for the same few formulas again.
enum { REMEMBERED = 8 };

struct check_formula_texts {
    struct {
        const struct formula *formula;
        const char *text;
    } items[REMEMBERED];
};

static const char *text_of(const struct checking *checking, const struct formula *formula) {
    const size_t place = (size_t)((uintptr_t)formula / sizeof(struct formula)) % REMEMBERED;
    struct check_formula_texts *texts = checking->texts;
    if (texts->items[place].formula == formula) return texts->items[place].text;
    texts->items[place].formula = formula;
    return texts->items[place].text = check_formula(checking->arena, formula);
}

// ---- the map ----

enum { ACT_OF_SCALING = 256, ACT_OF_STATUS = 512 }; // beside the operations
#define SOME "?"                                    // some place, and some of the objects

// Locks that hold the same thing: found by who passes them, where they are many.
struct holders {
    struct holder {
        const struct lock *lock;
        const char *passer;   // the rarest one
        enum exemption level; // up to which it lets controllers do it
    } * items;
    size_t count;
    struct map by_passer; // struct holders *, once they are more than LOOKED_AT
};

enum { LOOKED_AT = 32 }; // of those who have a passer in common

// Valid until the next one is asked for.
static const char *entry(const struct checking *checking, const struct resource *resource, unsigned operation,
                         const char *place, const char *selection, const char *condition) {
    const char *const words[] = {resource->plural, resource->group, place, selection, condition};
    struct text *room = checking->entry;
    room->len = 0;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        text_add_string(room, words[i]);
        text_add_char(room, '\n');
    }
    for (; operation; operation >>= 1) text_add_char(room, '.');
    return text_string(room);
}

// Who asks: the lock that something else may close a way for, and up to which level what closes it may let controllers
// pass. Without a lock it is a webhook, which nobody passes: whatever closes the way for somebody closes it.
struct asking {
    const struct lock *lock;
    enum exemption level;
};

static bool some_holds(const struct holders *holders, const struct asking *asking) {
    for (size_t i = 0; holders && i < holders->count && i < LOOKED_AT; i++)
        if (holders->items[i].level <= asking->level && check_lets_fewer_pass(holders->items[i].lock, asking->lock))
            return true;
    return false;
}

enum { ENTRY_OPERATIONS = 5, LEVELS = EXEMPT_CONTROLLERS + 1 };

struct check_noted {
    unsigned operations; // of which anything is in the map
    // What check_level_of says of the operations, by the lock's level and whether it guards owners: one more, or 0 for
    // not asked yet.
    unsigned char levels[ENTRY_OPERATIONS][LEVELS][2];
};

// What is noted of the resource; NULL of one that a policy declares.
static struct check_noted *noted_of(const struct checking *checking, const struct resource *resource) {
    size_t count;
    const uintptr_t begin = (uintptr_t)catalog_built_in(&count);
    const size_t index = ((uintptr_t)resource - begin) / sizeof *resource;
    return index < count ? &checking->noted[index] : NULL;
}

static bool has(const struct checking *checking, const struct asking *asking, const struct resource *resource,
                unsigned operation, const char *place, const char *selection, const char *condition) {
    const struct check_noted *noted = noted_of(checking, resource);
    if (noted && !(noted->operations & operation)) return false;
    const struct holders *holders =
        map_get(&checking->held, entry(checking, resource, operation, place, selection, condition));
    if (!holders || !asking->lock) return holders;
    if (holders->count <= LOOKED_AT) return some_holds(holders, asking);
    const struct texts passers = check_passers(checking, asking->lock);
    bool held = some_holds(map_get(&holders->by_passer, ""), asking);
    for (size_t i = 0; i < passers.count && !held; i++)
        held = some_holds(map_get(&holders->by_passer, passers.items[i]), asking);
    return held;
}

static struct texts places_of(struct arena *arena, const struct object_scope *scope) {
    struct texts places = {0};
    if (scope->where == IN_CLUSTER) texts_push(arena, &places, "-");
    if (scope->where == IN_ANY_NAMESPACE) texts_push(arena, &places, "*");
    if (scope->where == IN_LABELED_NAMESPACES)
        texts_push(arena, &places, arena_printf(arena, "labeled %s", check_formula(arena, scope->namespace_selector)));
    for (size_t i = 0; i < scope->namespace_count; i++) texts_push(arena, &places, scope->namespaces[i]);
    return places;
}

// What a lock with this selection holds: whatever satisfies the whole of it, or one side of an `or`; and what can be
// asked for by name: objects, and the definitions of a group.
static void add_selections(struct arena *arena, const struct formula *expr, struct texts *selections) {
    if (formula_has_cel(expr)) return;
    texts_push(arena, selections, check_formula(arena, expr));
    for (size_t i = 0; i < expr->operand_count && expr->kind == FORMULA_OR; i++)
        add_selections(arena, expr->operands[i], selections);
    const bool is_of_spec = expr->kind == FORMULA_FIELD && expr->path.variable < 0 && expr->path.count == 2 &&
                            expr->path.segments[0].key && strcmp(expr->path.segments[0].key, "spec") == 0 &&
                            expr->path.segments[1].key &&
                            text_has_word("group scope signerName", expr->path.segments[1].key);
    for (size_t i = 0; i < expr->value_count && expr->compare == CMP_IN && (is_of_spec || expr->kind == FORMULA_NAME);
         i++)
        if (expr->values[i]->kind == VALUE_STRING)
            texts_push(arena, selections,
                       arena_printf(arena, "%s %s", is_of_spec ? expr->path.segments[1].key : "name",
                                    expr->values[i]->as.string));
}

static bool is_path_of_spec(const struct field_path *path) {
    return path->count == 1 && path->segments[0].key && strcmp(path->segments[0].key, "spec") == 0;
}

static unsigned held_operations(const struct lock *lock) {
    bool spec = !lock->path_count;
    for (size_t i = 0; i < lock->path_count && !lock->all_but_paths; i++) spec |= is_path_of_spec(&lock->paths[i]);
    return spec ? lock->denies : lock->denies & ~(unsigned)OP_UPDATE;
}

static struct holders *holders_in(struct arena *arena, struct map *map, const char *key) {
    struct holders *holders = map_get(map, key);
    if (holders) return holders;
    holders = ARENA_NEW(arena, struct holders);
    map_init(&holders->by_passer, arena);
    map_set(map, arena_copy(arena, key, strlen(key)), holders);
    return holders;
}

static void add_by_passer(struct arena *arena, struct holders *holders, const struct holder *holder) {
    struct holders *known = holders_in(arena, &holders->by_passer, holder->passer);
    ARENA_PUSH(arena, known->items, known->count, *holder);
}

static void add_holder(struct arena *arena, struct holders *holders, const struct holder *holder) {
    ARENA_PUSH(arena, holders->items, holders->count, *holder);
    if (holders->count <= LOOKED_AT) return;
    const size_t first = holders->count == LOOKED_AT + 1 ? 0 : holders->count - 1;
    for (size_t i = first; i < holders->count; i++) add_by_passer(arena, holders, &holders->items[i]);
}

// What a level adds for others is nothing here.
enum exemption check_level_of(const struct lock *lock, const struct resource *resource, unsigned operation) {
    enum exemption level = EXEMPT_NONE;
    for (size_t i = 0; i < kube_exemption_count; i++) {
        const struct kube_exemption *exemption = &kube_exemptions[i];
        const bool other = operation >= ACT_OF_SCALING, collects = strcmp(exemption->user, KUBE_GARBAGE_COLLECTOR) == 0;
        const bool reaches =
            operation == ACT_OF_SCALING ? text_has_word(exemption->subresources, "scale")
            : operation == ACT_OF_STATUS
                ? text_has_word(exemption->subresources, "status")
                : *exemption->subresources == '*' || *exemption->subresources == ' ' || !*exemption->subresources;
        if (exemption->level > lock->exemption || exemption->level <= level || !reaches ||
            !(exemption->operations & (other ? OP_UPDATE : operation)) || exemption->limit == ONLY_TERMINATING ||
            (exemption->resource && (strcmp(exemption->resource, resource->plural) != 0 ||
                                     strcmp(exemption->resource_group, resource->group) != 0)) ||
            (collects && (lock->guard_owners || operation != OP_DELETE)))
            continue;
        level = exemption->level;
    }
    return level;
}

// A lock that is put into the map.
struct indexed {
    const struct lock *lock;
    const char *condition, *passer; // the rarest one
};

static void add_entries(struct checking *checking, const struct indexed *indexed, const struct resource *resource,
                        unsigned operations, const struct texts *places, const struct texts *selections) {
    static const unsigned single[ENTRY_OPERATIONS] = {OP_CREATE, OP_UPDATE, OP_DELETE, ACT_OF_SCALING, ACT_OF_STATUS};
    struct check_noted *noted = noted_of(checking, resource);
    if (noted) noted->operations |= operations;
    for (size_t i = 0; i < ENTRY_OPERATIONS; i++) {
        if (!(operations & single[i])) continue;
        const struct lock *lock = indexed->lock;
        unsigned char *known = noted ? &noted->levels[i][lock->exemption][lock->guard_owners] : NULL;
        const enum exemption level = known && *known ? *known - 1U : check_level_of(lock, resource, single[i]);
        if (known) *known = (unsigned char)(level + 1);
        const struct holder holder = {lock, indexed->passer, level};
        for (size_t j = 0; j < places->count; j++)
            for (size_t k = 0; k < selections->count; k++) {
                struct holders *holders = holders_in(
                    checking->arena, &checking->held,
                    entry(checking, resource, single[i], places->items[j], selections->items[k], indexed->condition));
                add_holder(checking->arena, holders, &holder);
            }
    }
}

// Whether an object could be taken out of the selection first.
static bool can_be_left(const struct lock *lock, const struct formula *selects) {
    const bool changes = (lock->denies & OP_UPDATE) && !lock->path_count;
    return !lock->origin && !lock->guard_labels && !changes && !formula_is_immutable(selects);
}

// Of a right that is asked for, each lock has its own.
static const char *condition_of(const struct checking *checking, const struct lock *lock) {
    const char *condition = text_of(checking, lock->condition);
    return formula_count_checks(lock->condition) ? arena_printf(checking->arena, "%s of %s", condition, lock->name)
                                                 : condition;
}

static bool is_whole_status(const struct lock *lock) {
    bool whole = !lock->path_count;
    for (size_t i = 0; i < lock->path_count && !lock->all_but_paths; i++)
        whole |= lock->paths[i].count == 1 && lock->paths[i].segments[0].key &&
                 strcmp(lock->paths[i].segments[0].key, "status") == 0;
    return whole;
}

static void index_status(struct checking *checking, const struct indexed *indexed, const struct lock_object *part) {
    const struct lock *lock = indexed->lock;
    const struct texts places = places_of(checking->arena, &part->scope);
    struct texts selections = {0};
    if (!(lock->denies & OP_UPDATE) || !is_whole_status(lock) || can_be_left(lock, part->selects)) return;
    add_selections(checking->arena, part->selects, &selections);
    for (size_t i = 0; i < part->scope.target_count; i++)
        if (part->scope.targets[i].resource)
            add_entries(checking, indexed, part->scope.targets[i].resource, ACT_OF_STATUS, &places, &selections);
}

static void index_part(struct checking *checking, const struct indexed *indexed, const struct lock_object *part) {
    struct arena *arena = checking->arena;
    const struct lock *lock = indexed->lock;
    const struct surroundings *around = &checking->around;
    const unsigned operations = held_operations(lock);
    const struct texts places = places_of(arena, &part->scope);
    struct texts selections = {0};
    if (can_be_left(lock, part->selects)) return;
    add_selections(arena, part->selects, &selections);
    for (size_t i = 0; i < around->count; i++)
        if (operations && check_takes_in(&part->scope, around->resources[i]))
            add_entries(checking, indexed, around->resources[i], operations, &places, &selections);
    static const char *some = SOME;
    const struct texts somewhere = {&some, 1};
    if ((operations & OP_DELETE) && check_takes_in(&part->scope, around->claims))
        add_entries(checking, indexed, around->claims, OP_DELETE, &somewhere, &somewhere);
    if ((operations & OPS_STORED) && check_takes_in(&part->scope, around->volumes))
        add_entries(checking, indexed, around->volumes, operations & OPS_STORED, &somewhere, &somewhere);
    for (size_t i = 0; i < part->scope.target_count; i++) {
        const struct resource *resource = part->scope.targets[i].resource;
        if (resource && (lock->acts & ACT_SCALE) && lock->covers[SHAPE_SCALE])
            add_entries(checking, indexed, resource, ACT_OF_SCALING, &places, &selections);
    }
}

void check_index_holds(struct checking *checking) {
    struct arena *arena = checking->arena;
    struct surroundings *around = &checking->around;
    find_surroundings(checking);
    ARENA_PUSH(arena, around->resources, around->count, around->namespaces);
    ARENA_PUSH(arena, around->resources, around->count, around->definitions);
    ARENA_PUSH(arena, around->resources, around->count, around->autoscalers);
    ARENA_PUSH(arena, around->resources, around->count, around->signing_requests);
    // Each kind of pods' owners is a workload itself; pods are what all of them own.
    ARENA_PUSH(arena, around->resources, around->count, find_plural("", "pods"));
    for (size_t i = 0; i < kube_workload_count; i++)
        ARENA_PUSH(arena, around->resources, around->count, around->workloads[i].itself);
    for (size_t i = 0; i < check_command_count; i++)
        for (size_t j = 0; j < around->commands[i].owned_count; j++)
            ARENA_PUSH(arena, around->resources, around->count, around->commands[i].owned[j]);
    map_init(&checking->held, arena);
    check_count_passers(checking);
    checking->entry = ARENA_NEW(arena, struct text);
    text_init(checking->entry, arena);
    size_t built_in;
    (void)catalog_built_in(&built_in);
    checking->noted = ARENA_ARRAY(arena, struct check_noted, built_in);
    checking->texts = ARENA_NEW(arena, struct check_formula_texts);
    set_init(&checking->derived, arena);
    for (size_t i = 0; i < checking->policies->lock_count; i++) {
        const struct lock *lock = checking->policies->locks[i];
        if (lock->origin) set_add(&checking->derived, derived_key(arena, lock, lock->origin));
        const char *own = lock->scope.subresource;
        if (!(lock->mode & MODE_DENY) || (own && strcmp(own, "status") != 0) || formula_has_cel(lock->condition))
            continue;
        const struct indexed indexed = {lock, condition_of(checking, lock), check_rarest_passer(checking, lock)};
        for (size_t j = 0; j < check_part_count(lock); j++) {
            const struct lock_object part = check_part(lock, j);
            if (own)
                index_status(checking, &indexed, &part);
            else
                index_part(checking, &indexed, &part);
        }
    }
    check_index_labels(checking);
}

// ---- questions ----

bool check_has_derived(const struct checking *checking, const struct lock *lock, enum origin origin) {
    return set_has(&checking->derived, derived_key(checking->arena, lock, origin));
}

static struct asking asking_for(const struct lock *lock) {
    return (struct asking){lock, lock ? lock->exemption : EXEMPT_NONE};
}

bool check_holds_object(const struct checking *checking, const struct lock *lock, const struct resource *resource,
                        const char *what) {
    const struct asking asking = asking_for(lock);
    return has(checking, &asking, resource, OP_DELETE, "-", "", "") ||
           (what && has(checking, &asking, resource, OP_DELETE, "-", what, ""));
}

bool check_holds_namespace(const struct checking *checking, const struct lock *lock, const char *name) {
    return kube_is_immortal_namespace(name) || check_holds_object(checking, lock, checking->around.namespaces,
                                                                  arena_printf(checking->arena, "name %s", name));
}

bool check_holds_labeled(const struct checking *checking, const struct lock *lock, const struct formula *selector) {
    struct arena *arena = checking->arena;
    return check_holds_object(checking, lock, checking->around.namespaces,
                              check_formula(arena, formula_of_namespace(arena, selector)));
}

static bool holds_at(const struct checking *checking, const struct asking *asking, const struct resource *resource,
                     unsigned operation, const char *place, const char *selection, const char *condition) {
    const char *const selections[] = {"", selection}, *const conditions[] = {"", condition};
    for (size_t i = 0; i < 2; i++)
        for (size_t j = 0; j < 2; j++)
            if (selections[i] && conditions[j] &&
                has(checking, asking, resource, operation, place, selections[i], conditions[j]))
                return true;
    return false;
}

static bool is_system(const char *namespace) {
    for (size_t i = 0; i < kube_system_namespace_count; i++)
        if (strcmp(kube_system_namespaces[i], namespace) == 0) return true;
    return false;
}

// In each of the places where the part is. `*` leaves out the system namespaces, which labels may take in.
static bool holds(const struct checking *checking, const struct asking *asking, const struct lock_object *part,
                  const struct resource *resource, unsigned operation, const char *selection, const char *condition) {
    const struct texts places = places_of(checking->arena, &part->scope);
    const enum where where = part->scope.where;
    for (size_t i = 0; i < places.count; i++) {
        const char *place = places.items[i];
        if (holds_at(checking, asking, resource, operation, place, selection, condition)) continue;
        const bool wide = where == IN_LABELED_NAMESPACES || (where == IN_NAMESPACES && !is_system(place));
        if (!wide || !holds_at(checking, asking, resource, operation, "*", selection, condition)) return false;
        for (size_t j = 0; j < kube_system_namespace_count && where == IN_LABELED_NAMESPACES; j++)
            if (!holds_at(checking, asking, resource, operation, kube_system_namespaces[j], selection, condition))
                return false;
    }
    return true;
}

static const char *known_condition(const struct checking *checking, const struct lock *lock) {
    return formula_has_cel(lock->condition) ? NULL : condition_of(checking, lock);
}

bool check_holds_alike(const struct checking *checking, const struct lock *lock, const struct lock_object *part,
                       const struct resource *resource, bool alike) {
    // Controllers go on with what they own, as under `guard owners` and `cascade`.
    const struct asking asking = {lock, EXEMPT_CONTROLLERS};
    const char *selection = alike ? text_of(checking, part->selects) : NULL;
    return holds(checking, &asking, part, resource, OP_DELETE, selection, known_condition(checking, lock));
}

bool check_holds_changes(const struct checking *checking, const struct lock *lock, const struct lock_object *part,
                         const struct resource *resource, bool alike) {
    const struct asking asking = {lock, EXEMPT_CONTROLLERS};
    const char *selection = alike ? text_of(checking, part->selects) : NULL;
    return holds(checking, &asking, part, resource, OP_UPDATE, selection, known_condition(checking, lock));
}

// Whether the formula asks nothing but who and where.
static bool is_of_requester(const struct formula *expr) {
    bool only = formula_needs_name_only(expr) && expr->kind != FORMULA_NAME && expr->kind != FORMULA_RESOURCE &&
                expr->kind != FORMULA_OPERATION;
    for (size_t i = 0; i < expr->operand_count && only; i++) only = is_of_requester(expr->operands[i]);
    return only;
}

bool check_holds_writes(const struct checking *checking, const struct lock *lock, const struct lock_object *part,
                        const struct resource *resource) {
    const char *condition = is_of_requester(lock->condition) ? known_condition(checking, lock) : NULL;
    const struct asking asking = {lock, lock->exemption};
    return holds(checking, &asking, part, resource, OP_CREATE, NULL, condition) &&
           holds(checking, &asking, part, resource, OP_UPDATE, NULL, condition);
}

bool check_holds_scale(const struct checking *checking, const struct lock *lock, const struct lock_object *part,
                       const struct resource *resource) {
    const char *selection = formula_has_cel(part->selects) ? NULL : text_of(checking, part->selects);
    const struct asking asking = {lock, lock->exemption};
    return holds(checking, &asking, part, resource, ACT_OF_SCALING, selection, known_condition(checking, lock));
}

bool check_holds_some_claims(const struct checking *checking, const struct lock *lock) {
    const struct asking asking = {lock, lock->exemption};
    return holds_at(checking, &asking, checking->around.claims, OP_DELETE, SOME, SOME, known_condition(checking, lock));
}

bool check_holds_some_volumes(const struct checking *checking, const struct lock *lock) {
    const struct asking asking = {lock, EXEMPT_CONTROLLERS}; // the binder goes on
    const char *condition = known_condition(checking, lock);
    return holds_at(checking, &asking, checking->around.volumes, OP_DELETE, SOME, SOME, condition) &&
           holds_at(checking, &asking, checking->around.volumes, OP_UPDATE, SOME, SOME, condition);
}

bool check_holds_all(const struct checking *checking, const struct lock *lock, const struct lock_object *part,
                     const struct resource *resource) {
    static const unsigned writes[] = {OP_CREATE, OP_UPDATE, OP_DELETE};
    const struct asking asking = {lock, lock->exemption};
    const char *condition = is_of_requester(lock->condition) ? known_condition(checking, lock) : NULL;
    bool held = true;
    for (size_t i = 0; i < sizeof writes / sizeof *writes && held; i++)
        held = resource->namespaced ? holds(checking, &asking, part, resource, writes[i], NULL, condition)
                                    : holds_at(checking, &asking, resource, writes[i], "-", NULL, condition);
    return held;
}

bool check_holds_signing(const struct checking *checking, const struct lock *lock) {
    const struct asking asking = {lock, EXEMPT_CONTROLLERS};
    const struct resource *requests = checking->around.signing_requests;
    return has(checking, &asking, requests, OP_CREATE, "-", "", "") ||
           (has(checking, &asking, requests, OP_CREATE, "-", "signerName " KUBE_CLIENT_SIGNER, "") &&
            has(checking, &asking, requests, OP_CREATE, "-", "signerName " KUBE_KUBELET_SIGNER, ""));
}

bool check_holds_status(const struct checking *checking, const struct lock *lock, const struct lock_object *part,
                        const struct resource *resource) {
    // Who writes it beside controllers is what is asked.
    const struct asking asking = {lock, EXEMPT_CONTROLLERS};
    const char *selection = formula_has_cel(part->selects) ? NULL : text_of(checking, part->selects);
    return holds(checking, &asking, part, resource, ACT_OF_STATUS, selection, known_condition(checking, lock));
}
