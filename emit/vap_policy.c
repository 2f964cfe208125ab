// Locks and tables as validations; see vap_policy.h.
#include "emit/vap_policy.h"

#include <string.h>

#include "base/arena.h"
#include "base/map.h"
#include "base/names.h"
#include "base/text.h"
#include "data/value.h"
#include "emit/vap_internal.h"
#include "kubernetes/account.h"
#include "kubernetes/catalog.h"

// ---- locks ----

static struct cel_node *is_exempt(struct builder *builder, enum exemption level) {
    struct arena *arena = builder->arena;
    const bool owned = builder->table->model->guard_owners;
    switch (level) {
    case EXEMPT_NONE: return vap_always_exempt(builder);
    case EXEMPT_LIFECYCLE: return owned ? USE(lifecycleOfOwned) : USE(lifecycle);
    case EXEMPT_CONTROLLERS:
        if (!owned) return USE(controllers);
        return cel_or(arena, USE(lifecycleOfOwned),
                      cel_and(arena, USE(controllersOfOwned), cel_not(arena, USE(adopted))));
    }
    return builder->never;
}

// Nor may an exempt request take an object out of the lock: somebody else may have added to it.
static struct cel_node *is_let_through(struct builder *builder, enum exemption level) {
    struct arena *arena = builder->arena;
    struct cel_node *exempt = is_exempt(builder, level);
    const struct lock *model = builder->table->model;
    if (!model->guard_labels || builder->policy->shape != SHAPE_OBJECTS || level == EXEMPT_NONE) return exempt;
    struct cel_node *held = vap_still_held_by_exempt(builder);
    if (cel_is_bool(held, true)) return exempt;
    struct cel_node *stays = cel_or(arena, cel_ne(arena, vap_operation(builder), cel_string(arena, "UPDATE")), held);
    if (model->guard_label_in) stays = cel_or(arena, stays, cel_not(arena, vap_selection(builder, false)));
    // Whatever comes of it, the control plane lives.
    return cel_or(arena, vap_always_exempt(builder), cel_and(arena, exempt, stays));
}

static bool is_empty(const struct plan_column *column) {
    return column->uniform && !column->counts[0];
}

static struct cel_node *is_one_of(struct builder *builder, const struct plan_column *users,
                                  const struct plan_column *groups, const struct subjects *subjects) {
    struct arena *arena = builder->arena;
    struct cel_node *result = builder->never;
    if (!is_empty(users)) result = vap_is_in(builder, USE(user), users);
    if (!is_empty(groups)) {
        struct cel_node *wanted = vap_constant(builder, groups);
        result =
            cel_or(arena, result,
                   groups->uniform && groups->counts[0] == 1
                       ? cel_in(arena, cel_scalar(arena, groups->values[0][0]), USE(groups))
                       : cel_macro(arena, wanted, "exists", "g", cel_in(arena, cel_name(arena, "g"), USE(groups))));
    }
    for (size_t i = 0; i < subjects->other_count; i++)
        result = cel_or(arena, result, vap_formula(builder, subjects->others[i]));
    return result;
}

static struct cel_node *in_targets(struct builder *builder, const struct target *targets, size_t count) {
    struct arena *arena = builder->arena;
    struct cel_node *result = builder->never;
    for (size_t i = 0; i < count; i++) {
        if (!targets[i].group) return builder->always;
        if (targets[i].resource)
            result =
                cel_or(arena, result, cel_is_string(arena, USE(resource), catalog_name(arena, targets[i].resource)));
        else
            result = cel_or(arena, result,
                            cel_is_string(arena, cel_quote(arena, "request.resource.group"), targets[i].group));
    }
    return result;
}

static struct cel_node *in_resources(struct builder *builder) {
    struct arena *arena = builder->arena;
    const struct plan_table *table = builder->table;
    const struct object_scope *scope = &table->model->scope;
    bool wildcard = false;
    for (size_t i = 0; i < scope->target_count; i++) wildcard |= !scope->targets[i].resource;
    if (table->key_resource) return builder->always;
    if (!wildcard) return vap_is_in(builder, USE(resource), &table->resources);
    struct cel_node *result = in_targets(builder, scope->targets, scope->target_count);
    // Explicit targets beside the wildcard are meant even where wildcards leave them out.
    const char **names = ARENA_ARRAY(arena, const char *, kube_never_locked_count);
    size_t count = 0;
    for (size_t i = 0; i < kube_never_locked_count; i++) {
        // The rules are about the resources alone: those of policies have a status, which no policy is asked about.
        bool named = vap_is_excluded(builder->policy, kube_never_locked[i].group, kube_never_locked[i].name);
        for (size_t j = 0; j < scope->target_count; j++)
            named |= scope->targets[j].resource && strcmp(scope->targets[j].name, kube_never_locked[i].name) == 0 &&
                     strcmp(scope->targets[j].group, kube_never_locked[i].group) == 0;
        if (!named)
            names[count++] = *kube_never_locked[i].group
                                 ? arena_printf(arena, "%s.%s", kube_never_locked[i].name, kube_never_locked[i].group)
                                 : kube_never_locked[i].name;
    }
    if (count)
        result = cel_and(arena, result, cel_not(arena, cel_in(arena, USE(resource), cel_strings(arena, names, count))));
    if (scope->except_count)
        result = cel_and(arena, result, cel_not(arena, in_targets(builder, scope->excepts, scope->except_count)));
    return cel_and(
        arena, result,
        cel_binary(arena, USE(namespaceName), scope->where == IN_CLUSTER ? "==" : "!=", cel_string(arena, "")));
}

static struct cel_node *in_namespaces(struct builder *builder) {
    struct arena *arena = builder->arena;
    const struct plan_table *table = builder->table;
    const struct object_scope *scope = &table->model->scope;
    switch (scope->where) {
    case IN_CLUSTER: return builder->always;
    case IN_NAMESPACES:
        return table->key_namespace ? builder->always : vap_is_in(builder, USE(namespaceName), &table->namespaces);
    case IN_LABELED_NAMESPACES: {
        builder->skip_keys = table->key_value_count > 0;
        struct cel_node *result = vap_formula(builder, scope->namespace_selector);
        builder->skip_keys = false;
        return result;
    }
    case IN_ANY_NAMESPACE: {
        const char *left_out[3];
        size_t count = 0;
        for (size_t i = 0; i < kube_system_namespace_count; i++) {
            bool named = false;
            for (size_t j = 0; j < scope->namespace_count; j++)
                named |= strcmp(scope->namespaces[j], kube_system_namespaces[i]) == 0;
            if (!named) left_out[count++] = kube_system_namespaces[i];
        }
        if (!count) return builder->always;
        return cel_not(arena, cel_in(arena, USE(namespaceName), cel_strings(arena, left_out, count)));
    }
    }
    return builder->always;
}

// ---- what is refused ----

// Which half of the lock is asked for: what it denies and guards, and what it requires.
struct asked {
    bool denied, required;
};

// Whether the two halves let different requests through: controllers are let past what is denied, not past what is
// required of what they make; and of what is exempt, guards of the selection hold some.
static bool is_apart(const struct lock *lock) {
    const bool denies = lock->denies || lock->acts || lock->guard_labels || lock->guard_label_in || lock->guard_owners;
    return lock->ratchets && denies && lock->exemption != EXEMPT_NONE;
}

// Whom the requirement lets through.
static enum exemption required_exemption(const struct lock *lock) {
    return lock->ratchets && lock->exemption == EXEMPT_CONTROLLERS ? EXEMPT_LIFECYCLE : lock->exemption;
}

static struct cel_node *not_let_through(struct builder *builder) {
    const struct lock *model = builder->table->model;
    const bool only_requires = model->ratchets && !is_apart(model);
    return cel_not(builder->arena,
                   is_let_through(builder, only_requires ? required_exemption(model) : model->exemption));
}

// An update that changes something the lock is about; false for every other operation.
static struct cel_node *relevant_update(struct builder *builder) {
    struct cel_node *changed = vap_changes(builder);
    if (!builder->table->model->path_count) return changed;
    return cel_and(builder->arena, vap_operations(builder, OP_UPDATE), changed);
}

// A create that brings something the lock is about.
static struct cel_node *relevant_create(struct builder *builder) {
    return cel_and(builder->arena, vap_operations(builder, OP_CREATE), vap_brings(builder));
}

static struct cel_node *denied_operation(struct builder *builder) {
    struct arena *arena = builder->arena;
    const struct plan_table *table = builder->table;
    const unsigned denies = table->model->denies;
    switch (builder->policy->shape) {
    case SHAPE_OBJECTS: break;
    case SHAPE_SCALE: return table->model->acts & ACT_SCALE ? relevant_update(builder) : builder->never;
    case SHAPE_CONNECT: return vap_is_in(builder, USE(subresource), &table->operations);
    case SHAPE_EVICTIONS:
    case SHAPE_BINDINGS:
    case SHAPE_TOKENS:
    case SHAPE_COUNT: return builder->always;
    }
    struct cel_node *brings = vap_brings(builder);
    if (table->operations.uniform) {
        const bool narrowed = !cel_is_bool(brings, true);
        const unsigned whole = narrowed ? OP_DELETE : OP_CREATE | OP_DELETE;
        struct cel_node *result = vap_operations(builder, denies & whole);
        if (narrowed && (denies & OP_CREATE)) result = cel_or(arena, result, relevant_create(builder));
        return denies & OP_UPDATE ? cel_or(arena, result, relevant_update(builder)) : result;
    }
    struct cel_node *about = cel_ne(arena, vap_operation(builder), cel_string(arena, "UPDATE"));
    if (!cel_is_bool(brings, true)) about = cel_or(arena, vap_operations(builder, OP_DELETE), relevant_create(builder));
    return cel_and(arena, vap_is_in(builder, vap_operation(builder), &table->operations),
                   cel_or(arena, about, relevant_update(builder)));
}

// Whether what the part reads differs, where the object stays what it is otherwise.
static struct cel_node *reads_differ(struct builder *builder, const struct formula *part) {
    if (builder->policy->shape == SHAPE_OBJECTS) return vap_reads_differ(builder, part);
    return formula_reads_replicas(part) ? builder->always : builder->never; // it is the number of replicas that differs
}

// Whether a part of the requirement that the new object breaks is held against an update.
static struct cel_node *part_holds(struct builder *builder, const struct formula *part) {
    struct arena *arena = builder->arena;
    if (formula_ratchets(part)) return reads_differ(builder, part);
    if (builder->table->model->exemption != EXEMPT_CONTROLLERS) return builder->always;
    return cel_or(arena, cel_not(arena, is_exempt(builder, EXEMPT_CONTROLLERS)), reads_differ(builder, part));
}

static struct cel_node *breaks_formula(struct builder *builder, const struct formula *formula) {
    vap_read_new(builder);
    struct cel_node *breaks = cel_not(builder->arena, vap_formula(builder, formula));
    vap_read_stored(builder);
    return breaks;
}

// What is required and broken by the new object; of an update that may only write the metadata if `metadata`.
static struct cel_node *breaks(struct builder *builder, struct cel_node *update, bool metadata) {
    struct arena *arena = builder->arena;
    const struct lock *model = builder->table->model;
    const bool has_creates = !metadata && builder->policy->shape == SHAPE_OBJECTS;
    struct cel_node *create = has_creates ? relevant_create(builder) : builder->never;
    if (!model->ratchets)
        return cel_and(arena, cel_or(arena, create, update), breaks_formula(builder, model->requires));
    update = cel_and(arena, update, cel_not(arena, USE(terminating)));
    struct cel_node *creates = has_creates ? vap_operations(builder, OP_CREATE) : builder->never;
    struct cel_node *broken = builder->never;
    for (size_t i = 0; i < formula_part_count(model->requires); i++) {
        const struct formula *part = formula_part(model->requires, i);
        struct cel_node *held = cel_or(arena, creates, part_holds(builder, part));
        broken = cel_or(arena, broken, cel_and(arena, breaks_formula(builder, part), held));
    }
    return cel_and(arena, cel_or(arena, create, update), broken);
}

// The same for updates through subresources such as `status`, of which only the metadata is the object's.
static struct cel_node *metadata_trigger(struct builder *builder, struct asked asked) {
    struct arena *arena = builder->arena;
    const struct plan_table *table = builder->table;
    const struct lock *model = table->model;
    bool sees = false;
    for (size_t row = 0; row < table->row_count && !sees; row++) sees = lock_sees_metadata(table->locks[row]);
    if (!sees) return builder->never;
    struct cel_node *denied = builder->never;
    if (table->operations.uniform)
        denied = asked.denied && model->denies & OP_UPDATE ? builder->always : builder->never;
    else if (asked.denied && model->denies)
        denied = cel_in(arena, cel_string(arena, "UPDATE"), vap_constant(builder, &table->operations));
    if (asked.required) denied = cel_or(arena, denied, breaks(builder, builder->always, true));
    return cel_and(arena, vap_metadata_changes(builder), denied);
}

// The operations that are denied and the requirement, for requests that carry the object itself.
static struct cel_node *body_trigger(struct builder *builder, struct asked asked) {
    struct arena *arena = builder->arena;
    const struct lock *model = builder->table->model;
    const enum shape shape = builder->policy->shape;
    struct cel_node *result = builder->never;
    if (asked.denied && (model->denies || shape != SHAPE_OBJECTS)) result = denied_operation(builder);
    if (asked.required && (shape == SHAPE_OBJECTS || shape == SHAPE_SCALE))
        result = cel_or(arena, result, breaks(builder, relevant_update(builder), false));
    if (!builder->policy->has_subresources || shape != SHAPE_OBJECTS) return result;
    const char *subresource = model->scope.subresource;
    struct cel_node *body = subresource ? cel_is_string(arena, USE(subresource), subresource) : USE(body);
    struct cel_node *metadata = metadata_trigger(builder, asked);
    return cel_or(arena, cel_and(arena, body, result), cel_and(arena, cel_not(arena, body), metadata));
}

// What the guards of the lock itself refuse, of an object that it selects.
static struct cel_node *guards(struct builder *builder) {
    struct arena *arena = builder->arena;
    const struct lock *model = builder->table->model;
    struct cel_node *refused = builder->never;
    if (model->guard_labels) {
        struct cel_node *leaves = cel_not(arena, vap_still_held(builder));
        refused = cel_or(arena, refused, cel_and(arena, vap_is_operation(builder, "UPDATE"), leaves));
    }
    if (model->guard_owners)
        refused =
            cel_or(arena, refused,
                   cel_and(arena, vap_is_operation(builder, "UPDATE"), cel_ne(arena, USE(owners), USE(newOwners))));
    return refused;
}

static struct cel_node *trigger(struct builder *builder) {
    struct arena *arena = builder->arena;
    const struct lock *model = builder->table->model;
    struct cel_node *stored = vap_selection(builder, false);
    const bool apart = is_apart(model);
    struct cel_node *refused = body_trigger(builder, (struct asked){true, model->requires && !apart});
    if (builder->policy->shape == SHAPE_OBJECTS) refused = cel_or(arena, refused, guards(builder));
    if (apart) {
        struct cel_node *required = body_trigger(builder, (struct asked){false, true});
        struct cel_node *exempt = is_exempt(builder, required_exemption(model));
        refused = cel_or(arena, cel_and(arena, refused, not_let_through(builder)),
                         cel_and(arena, required, cel_not(arena, exempt)));
    }
    return cel_and(arena, stored, refused);
}

// Somebody else's object would come into the selection.
static struct cel_node *enters(struct builder *builder) {
    struct arena *arena = builder->arena;
    const struct plan_table *table = builder->table;
    struct cel_node *stored = vap_selection(builder, false);
    if (table->key_count)
        stored = cel_and(
            arena, cel_in(arena, cel_name(arena, ROW), cel_var(arena, vap_lookup_variable(arena, table, "Locks"))),
            stored);
    struct cel_node *update = vap_is_operation(builder, "UPDATE");
    return cel_and(arena, update, cel_and(arena, cel_not(arena, stored), vap_selection(builder, true)));
}

// Where the request is, as far as the lock is concerned.
static struct cel_node *circumstances(struct builder *builder) {
    struct arena *arena = builder->arena;
    // Cheapest test first: most parameters are other objects.
    struct cel_node *result = builder->policy->by_params ? USE(asked) : builder->always;
    if (builder->policy->source) result = vap_is_of_source(builder);
    return cel_and(arena, result, cel_and(arena, in_resources(builder), in_namespaces(builder)));
}

static bool has_glass(const struct lock *model) {
    return model->break_glass.user_count || model->break_glass.group_count || model->break_glass.other_count;
}

struct refusal_parts {
    struct cel_node *circumstances, *condition, *trigger, *enters, *passes, *break_glass;
};

static struct refusal_parts parts_of(struct builder *builder) {
    const struct plan_table *table = builder->table;
    struct refusal_parts parts = {
        .circumstances = circumstances(builder),
        .condition = vap_formula(builder, table->model->condition),
        .trigger = trigger(builder),
        .enters = builder->never,
    };
    if (table->model->guard_label_in && builder->policy->shape == SHAPE_OBJECTS) parts.enters = enters(builder);
    if (is_apart(table->model)) parts.enters = cel_and(builder->arena, parts.enters, not_let_through(builder));
    parts.passes = is_one_of(builder, &table->users, &table->groups, &table->model->passes);
    parts.passes = cel_or(builder->arena, parts.passes, vap_source_names(builder));
    parts.break_glass = has_glass(table->model)
                            ? is_one_of(builder, &table->glass_users, &table->glass_groups, &table->model->break_glass)
                            : builder->never;
    return parts;
}

static void add_validation(struct builder *builder, struct cel_node *expression, const char *message,
                           struct cel_node *message_expression) {
    const struct vap_validation validation = {expression, message, message_expression};
    ARENA_PUSH(builder->arena, builder->made->validations, builder->made->validation_count, validation);
}

static void add_broken(struct builder *builder, const char *variable) {
    struct vap_policy *made = builder->made;
    struct cel_node *list = cel_var(builder->arena, variable);
    made->break_glass = made->break_glass ? cel_binary(builder->arena, made->break_glass, "+", list) : list;
}

// Who is not let through, as far as the halves of the lock have not said it by themselves.
static struct cel_node *not_exempt(struct builder *builder) {
    return is_apart(builder->table->model) ? builder->always : not_let_through(builder);
}

// A variable of one lock, called after it: heldOrders, heldOrders_xGuard_xNamespace, and which half of a lock on
// objects of both scopes it is.
static const char *lock_variable(struct builder *builder, const char *prefix, const struct lock *lock) {
    struct arena *arena = builder->arena;
    struct text text;
    text_init(&text, arena);
    text_printf(&text, "%s%s", prefix, names_identifier(arena, arena_printf(arena, "-%s", lock->name)));
    for (const char *part = lock->id + strlen(lock->name) + strspn(lock->id + strlen(lock->name), " (");
         *part && *part != ')';) {
        const size_t len = strcspn(part, " )");
        text_printf(&text, "_x%s", names_identifier(arena, arena_printf(arena, "-%.*s", (int)len, part)));
        part += len + (part[len] == ' ');
    }
    if (lock->scope.where == IN_CLUSTER) text_add_string(&text, "_yCluster");
    return text_string(&text);
}

// Who asks is known at once, what an update changes takes a look at the whole object, what a guard looks at may be as
// large as the requester likes, and the authorizer is asked last: of its checks the API server grants few.
static struct cel_node *refusal(struct builder *builder, const struct refusal_parts *parts, struct cel_node *trigger,
                                struct cel_node *not_glass, struct cel_node *not_exempt) {
    struct arena *arena = builder->arena;
    struct cel_node *not_passes = cel_not(arena, parts->passes);
    struct cel_node *plain[] = {parts->circumstances, parts->condition, not_passes, trigger, not_glass, not_exempt};
    struct cel_node *asking[] = {parts->circumstances, trigger, not_glass, not_exempt, not_passes, parts->condition};
    return cel_all(arena, lock_asks_authorizer(builder->table->model) ? asking : plain, sizeof plain / sizeof *plain);
}

// A lock of a structure of its own: its constants stand in place.
static void make_single(struct builder *builder) {
    struct arena *arena = builder->arena;
    const struct lock *lock = builder->table->locks[0];
    const struct refusal_parts parts = parts_of(builder);
    struct cel_node *trigger = cel_or(arena, parts.trigger, parts.enters);
    const bool records = lock_records_glass(lock);
    struct cel_node *not_glass = records ? builder->always : cel_not(arena, parts.break_glass);
    struct cel_node *refused = refusal(builder, &parts, trigger, not_glass, not_exempt(builder)), *expression;
    if (records) {
        const char *held_name = lock_variable(builder, "held", lock),
                   *broken_name = lock_variable(builder, "broken", lock);
        struct cel_node *held = cel_var(arena, held_name), *id = cel_strings(arena, &lock->id, 1);
        vap_add_variable(builder, held_name, refused);
        vap_add_variable(builder, broken_name,
                         cel_if(arena, cel_and(arena, held, parts.break_glass), id, cel_list(arena, NULL, 0)));
        add_broken(builder, broken_name);
        expression = cel_or(arena, cel_not(arena, held), parts.break_glass);
    } else {
        expression = cel_not(arena, refused);
    }
    struct cel_node *dynamic = strstr(lock->message, "${") ? cel_string(arena, lock->message) : NULL;
    if (lock->source) dynamic = vap_source_message(arena, lock->message);
    add_validation(builder, expression,
                   dynamic ? arena_printf(arena, "denied, there is a lock: %s", lock->name) : lock->message, dynamic);
}

// What the atom reads, and that it is there.
static struct cel_node *key_part(struct builder *builder, const struct formula *atom, bool new,
                                 struct cel_node **presence) {
    struct arena *arena = builder->arena;
    if (atom->kind == FORMULA_NAME) return USE(name);
    if (atom->kind == FORMULA_FIELD) {
        struct cel_node *root = new ? USE(new) : USE(stored), *subject = vap_path(arena, root, &atom->path);
        struct cel_node *present = vap_path_present(builder, &atom->path, root);
        *presence = cel_and(arena, *presence, cel_and(arena, present, cel_is_type(arena, subject, "string")));
        return subject;
    }
    struct cel_node *map = atom->kind == FORMULA_NAMESPACE_LABEL ? USE(namespaceLabels)
                           : atom->kind == FORMULA_LABEL         ? new ? USE(newLabels) : USE(labels)
                                   : new ? USE(newAnnotations)
                                                                 : USE(annotations);
    struct cel_node *key = cel_string(arena, atom->key);
    *presence = cel_and(arena, *presence, cel_in(arena, key, map));
    return cel_at(arena, map, key);
}

// Parts of a key are told apart by a character that no name has.
static struct cel_node *with_part(struct arena *arena, struct cel_node *key, struct cel_node *part) {
    struct cel_node *mark = cel_string(arena, "/");
    return cel_binary(arena, key ? cel_binary(arena, key, "+", mark) : mark, "+", part);
}

// The key of the request: what locks are found by. "" finds none, and is no key of any lock.
static struct cel_node *request_key(struct builder *builder, bool new) {
    struct arena *arena = builder->arena;
    const struct plan_table *table = builder->table;
    // Most objects that are looked up are not the one that is meant: they need no key.
    struct cel_node *presence = builder->policy->by_params ? USE(asked) : builder->always, *key = NULL;
    if (new) presence = cel_and(arena, presence, vap_is_operation(builder, "UPDATE"));
    if (table->key_namespace) key = with_part(arena, key, USE(namespaceName));
    if (table->key_resource) key = with_part(arena, key, USE(resource));
    for (size_t i = 0; i < table->key_count; i++)
        key = with_part(arena, key, key_part(builder, table->key_atoms[i], new, &presence));
    return cel_is_bool(presence, true) ? key : cel_if(arena, presence, key, cel_string(arena, ""));
}

static const char *named(struct builder *builder, const char *suffix) {
    return vap_table_variable(builder->arena, builder->table, suffix);
}

// What finds the rows.
static const char *lookup_named(struct builder *builder, const char *suffix) {
    return vap_lookup_variable(builder->arena, builder->table, suffix);
}

static bool is_there(const struct builder *builder, const char *variable) {
    return set_has(&builder->names, variable);
}

// The locks that the request's key finds, as a list of names.
static void add_found(struct builder *builder, bool new) {
    struct arena *arena = builder->arena;
    const char *key = lookup_named(builder, new ? "NewKey" : "Key");
    if (is_there(builder, key)) return;
    vap_add_variable(builder, key, request_key(builder, new));
    struct cel_node *found =
        vap_lookup(builder, lookup_named(builder, "Index"), cel_var(arena, key), cel_list(arena, NULL, 0));
    vap_add_variable(builder, lookup_named(builder, new ? "NewLocks" : "Locks"), found);
}

static void make_index_map(struct builder *builder) {
    struct arena *arena = builder->arena;
    const struct plan_table *table = builder->table;
    struct vap_map map;
    struct text value;
    text_init(&value, arena);
    vap_map_begin(&map, builder, named(builder, "Index"));
    for (size_t i = 0; i < table->key_value_count; i++) {
        const char **names = ARENA_ARRAY(arena, const char *, table->key_row_counts[i]);
        for (size_t j = 0; j < table->key_row_counts[i]; j++) names[j] = table->rows[table->key_rows[i][j]];
        value.len = 0;
        cel_print_strings(&value, names, table->key_row_counts[i]);
        vap_map_add(&map, table->keys[i], &value);
    }
    vap_map_end(&map);
}

static void make_index(struct builder *builder) {
    struct arena *arena = builder->arena;
    const struct plan_table *table = builder->table;
    if (!table->key_value_count) {
        vap_add_variable(builder, named(builder, "Locks"), cel_strings(arena, table->rows, table->row_count));
        return;
    }
    if (!table->shared) make_index_map(builder);
    add_found(builder, false);
    const bool guards = table->model->guard_labels || table->model->guard_label_in;
    if (table->key_count && guards && builder->policy->shape == SHAPE_OBJECTS) add_found(builder, true);
}

// Those of the list of names that the condition holds for.
static struct cel_node *found_and(struct arena *arena, const char *list, struct cel_node *condition) {
    return cel_macro(arena, cel_var(arena, list), "filter", ROW, condition);
}

static struct cel_node *joined(struct arena *arena, struct cel_node *left, struct cel_node *right) {
    return left ? cel_binary(arena, left, "+", right) : right;
}

// What the row is called, of which the lock's name is the first word.
static struct cel_node *lock_name(struct builder *builder, struct cel_node *row) {
    struct arena *arena = builder->arena;
    const struct plan_table *table = builder->table;
    bool plain = true;
    for (size_t i = 0; i < table->row_count; i++) plain = plain && strcmp(table->rows[i], table->locks[i]->name) == 0;
    if (plain) return row;
    return cel_at(arena, cel_method(arena, row, "split", cel_string(arena, " (")), cel_integer(arena, 0));
}

static struct cel_node *actor_label(struct builder *builder, struct cel_node *user) {
    struct arena *arena = builder->arena;
    struct cel_node *prefix = cel_string(arena, ACCOUNT_USER_PREFIX);
    struct cel_node *account = cel_method(arena, user, "substring", cel_integer(arena, sizeof ACCOUNT_USER_PREFIX - 1));
    account = cel_method_of_two(arena, account, "replace", cel_string(arena, ":"), cel_string(arena, "/"));
    return cel_parenthesized(arena, cel_if(arena, cel_method(arena, user, "startsWith", prefix),
                                           cel_binary(arena, cel_string(arena, "serviceaccount "), "+", account),
                                           cel_binary(arena, cel_string(arena, "user "), "+", user)));
}

static struct cel_node *word(struct builder *builder, const struct plan_word *plan, struct cel_node *row) {
    struct arena *arena = builder->arena;
    const struct plan_table *table = builder->table;
    struct cel_node *presence = builder->always;
    switch (plan->kind) {
    case WORD_TEXT: return cel_string(arena, plan->text);
    case WORD_LOCK: return lock_name(builder, row);
    case WORD_KEY: return key_part(builder, table->key_atoms[plan->key], false, &presence);
    case WORD_ACTOR: break;
    }
    const char *actor = named(builder, "Actor");
    vap_add_variable(builder, actor,
                     cel_at(arena, vap_constant_of(builder, &table->users, row), cel_integer(arena, 0)));
    return actor_label(builder, cel_var(arena, actor));
}

static struct cel_node *composed_message(struct builder *builder, struct cel_node *row) {
    const struct plan_message *message = &builder->table->message;
    struct cel_node *result = NULL;
    for (size_t i = 0; i < message->count; i++)
        result = joined(builder->arena, result, word(builder, &message->words[i], row));
    return result;
}

// Those that are not composed, by row.
static struct cel_node *own_message(struct builder *builder, struct cel_node *row, struct cel_node *composed) {
    const struct plan_table *table = builder->table;
    const char *name = named(builder, "Messages");
    struct vap_map map;
    struct text value;
    text_init(&value, builder->arena);
    vap_map_begin(&map, builder, name);
    for (size_t i = 0; i < table->row_count; i++) {
        if (table->composed[i]) continue;
        value.len = 0;
        cel_print_string(&value, table->locks[i]->message, strlen(table->locks[i]->message));
        vap_map_add(&map, table->rows[i], &value);
    }
    vap_map_end(&map);
    return vap_lookup(builder, name, row, composed);
}

// The message is that of the first lock that refuses. It is evaluated for every request, so it must be cheap and cannot
// fail.
static void add_table_validation(struct builder *builder, struct cel_node *refusing) {
    struct arena *arena = builder->arena;
    const struct plan_table *table = builder->table;
    struct cel_node *row = cel_at(arena, refusing, cel_integer(arena, 0)), *first;
    if (table->message.count) {
        first = composed_message(builder, row);
        if (!table->composes_all) first = own_message(builder, row, first);
    } else {
        first = vap_constant_of(builder, &table->messages, row);
    }
    struct cel_node *size = cel_method(arena, refusing, "size", NULL), *none = cel_integer(arena, 0);
    add_validation(builder, cel_eq(arena, size, none),
                   arena_printf(arena, "denied, there is a lock (policy %s)", builder->policy->policy),
                   cel_if(arena, cel_binary(arena, size, ">", none), first, cel_string(arena, "")));
}

// Locks that share a structure: one validation, whose constants are looked up by the names of the locks it found.
static void make_table(struct builder *builder) {
    struct arena *arena = builder->arena;
    const struct plan_table *table = builder->table;
    const struct lock *model = table->model;
    const bool records = lock_records_glass(model);
    make_index(builder);
    const struct refusal_parts parts = parts_of(builder);
    const char *locks = lookup_named(builder, "Locks"),
               *entering = table->key_count ? lookup_named(builder, "NewLocks") : locks;
    const char *held_name = named(builder, records ? "Held" : "Refusing"), *refused = named(builder, "Refusing");
    struct cel_node *exempt = not_exempt(builder);
    struct cel_node *not_glass = records ? builder->always : cel_not(arena, parts.break_glass);
    struct cel_node *held = found_and(arena, locks, refusal(builder, &parts, parts.trigger, not_glass, exempt));
    if (model->guard_label_in && builder->policy->shape == SHAPE_OBJECTS) {
        struct cel_node *enters = refusal(builder, &parts, parts.enters, not_glass, exempt);
        held = cel_binary(arena, held, "+", found_and(arena, entering, enters));
    }
    vap_add_variable(builder, held_name, held);
    if (records) {
        const char *broken = named(builder, "Broken");
        vap_add_variable(builder, refused, found_and(arena, held_name, cel_not(arena, parts.break_glass)));
        vap_add_variable(builder, broken, found_and(arena, held_name, parts.break_glass));
        add_broken(builder, broken);
    }
    add_table_validation(builder, cel_var(arena, refused));
}

// ---- the policy ----

static struct cel_node *lies_between(struct builder *builder, const char *key, const char *first, const char *last) {
    struct arena *arena = builder->arena;
    struct cel_node *is_behind = cel_binary(arena, cel_string(arena, first), "<=", cel_var(arena, key)),
                    *is_before = cel_binary(arena, cel_var(arena, key), "<=", cel_string(arena, last));
    return cel_and(arena, is_behind, is_before);
}

// Whether the key of the request is one that the table may have, or the key of the new object is; NULL where the table
// has none.
static struct cel_node *may_be_found(struct builder *builder) {
    const struct plan_table *table = builder->table;
    if (!table->key_value_count) return NULL;
    const char *keys[] = {lookup_named(builder, "Key"), lookup_named(builder, "NewKey")};
    struct cel_node *result = builder->never;
    for (size_t i = 0; i < 2; i++)
        if (is_there(builder, keys[i]))
            result = cel_or(builder->arena, result,
                            lies_between(builder, keys[i], table->keys[0], table->keys[table->key_value_count - 1]));
    return result;
}

// For parts of what is too large for one policy, most requests are about locks of the other parts.
static void note_where_locks_lie(struct builder *builder) {
    const struct plan_policy *policy = builder->policy;
    struct cel_node *within = builder->never;
    for (size_t i = 0; i < policy->table_count && within; i++) {
        builder->table = &policy->tables[i];
        struct cel_node *found = may_be_found(builder);
        within = found ? cel_or(builder->arena, within, found) : NULL;
    }
    builder->made->within = within;
}

static bool is_typed(const struct plan_table *table) {
    for (size_t row = 0; row < table->row_count; row++) {
        const struct object_scope *scope = &table->locks[row]->scope;
        for (size_t i = 0; i < scope->target_count; i++)
            if (!scope->targets[i].resource || !scope->targets[i].resource->built_in) return false;
    }
    return true;
}

static void begin(struct builder *builder, struct arena *arena, const struct plan_policy *policy,
                  struct vap_policy *made) {
    *builder = (struct builder){.arena = arena,
                                .policy = policy,
                                .made = made,
                                .always = cel_boolean(arena, true),
                                .never = cel_boolean(arena, false)};
    set_init(&builder->names, arena);
    map_init(&builder->once, arena);
    map_init(&builder->maps, arena);
    vap_read_stored(builder);
}

// The variables of the policy behind those that they use.
static void gather_variables(struct builder *builder, const struct vap_policy *own, struct vap_policy *made) {
    struct vap_variable *variables = NULL;
    size_t count = 0;
    vap_add_base_variables(builder, &variables, &count);
    for (size_t i = 0; i < own->variable_count; i++) ARENA_PUSH(builder->arena, variables, count, own->variables[i]);
    *made = *own;
    made->variables = variables;
    made->variable_count = count;
}

struct cel_node *vap_make_condition(struct arena *arena, const struct plan_policy *policy, bool either) {
    struct vap_policy own = {0}, made;
    struct builder builder;
    begin(&builder, arena, policy, &own);
    builder.table = &policy->tables[0];
    builder.is_typed = is_typed(builder.table);
    const struct formula *selects = builder.table->model->selects;
    own.match = vap_formula(&builder, selects);
    if (either && !formula_is_immutable(selects)) {
        vap_read_new(&builder);
        struct cel_node *new = vap_formula(&builder, selects);
        vap_read_stored(&builder);
        own.match = cel_or(arena, own.match, cel_and(arena, vap_is_operation(&builder, "UPDATE"), new));
    }
    gather_variables(&builder, &own, &made);
    vap_reduce_condition(arena, policy, &made);
    return made.match;
}

void vap_make_policy(struct arena *arena, const struct plan_policy *policy, struct vap_policy *ret_made) {
    struct vap_policy own = {0};
    struct builder builder;
    begin(&builder, arena, policy, &own);
    for (size_t i = 0; i < policy->table_count; i++) {
        builder.table = &policy->tables[i];
        builder.is_typed = is_typed(builder.table);
        if (builder.table->row_count == 1)
            make_single(&builder);
        else
            make_table(&builder);
    }
    if (own.break_glass) {
        vap_add_variable(&builder, "broken", own.break_glass);
        (void)vap_use(&builder, BASE_user);
        own.break_glass = cel_quote(arena, "variables.broken.size() > 0 ? 'lock ' + variables.broken.join(', ') + ' "
                                           "broken by ' + variables.user : ''");
    }
    if (policy->is_part) note_where_locks_lie(&builder);
    gather_variables(&builder, &own, ret_made);
    if (!own.repeated) vap_reduce(arena, policy, ret_made);
}
