// Locks and tables as validations; see cel.h.
#include "emit/cel.h"

#include <string.h>

#include "base/arena.h"
#include "base/map.h"
#include "base/names.h"
#include "base/text.h"
#include "data/value.h"
#include "emit/cel_parts.h"
#include "kubernetes/catalog.h"

// ---- locks ----

static struct piece is_exempt(struct printer *printer, enum exemption level) {
    const bool owned = printer->table->model->guard_owners;
    switch (level) {
    case EXEMPT_NONE: return cel_always_exempt(printer);
    case EXEMPT_LIFECYCLE:
        return piece_print(printer->arena, LEVEL_UNARY, "%s", owned ? USE(lifecycleOfOwned) : USE(lifecycle));
    case EXEMPT_CONTROLLERS:
        if (!owned) return piece_print(printer->arena, LEVEL_UNARY, "%s", USE(controllers));
        return piece_print(printer->arena, LEVEL_OR, "%s || %s && !%s", USE(lifecycleOfOwned), USE(controllersOfOwned),
                           USE(adopted));
    }
    return piece_never;
}

// Nor may an exempt request take an object out of the lock: somebody else may have added to it.
static struct piece is_let_through(struct printer *printer, enum exemption level) {
    struct arena *arena = printer->arena;
    const struct piece exempt = is_exempt(printer, level);
    const struct lock *model = printer->table->model;
    if (!model->guard_labels || printer->policy->shape != SHAPE_OBJECTS || level == EXEMPT_NONE) return exempt;
    const struct piece held = cel_still_held_by_exempt(printer);
    if (piece_is(held, piece_always)) return exempt;
    struct piece stays = piece_or(arena, piece_print(arena, LEVEL_RELATION, "request.operation != 'UPDATE'"), held);
    if (model->guard_label_in) stays = piece_or(arena, stays, piece_not(arena, cel_selection(printer, false)));
    // Whatever comes of it, the control plane lives.
    return piece_or(arena, cel_always_exempt(printer), piece_and(arena, exempt, stays));
}

static bool is_empty(const struct plan_column *column) {
    return column->uniform && !column->counts[0];
}

static struct piece is_one_of(struct printer *printer, const struct plan_column *users,
                              const struct plan_column *groups, const struct subjects *subjects) {
    struct arena *arena = printer->arena;
    struct piece result = piece_never;
    if (!is_empty(users)) result = cel_is_in(printer, USE(user), users);
    if (!is_empty(groups)) {
        const char *wanted = cel_constant(printer, groups);
        result = piece_or(arena, result,
                          groups->uniform && groups->counts[0] == 1
                              ? piece_print(arena, LEVEL_RELATION, "%s in %s",
                                            cel_quoted(arena, groups->values[0][0]->as.string), USE(groups))
                              : piece_print(arena, LEVEL_UNARY, "%s.exists(g, g in %s)", wanted, USE(groups)));
    }
    for (size_t i = 0; i < subjects->other_count; i++)
        result = piece_or(arena, result, cel_formula(printer, subjects->others[i]));
    return result;
}

static struct piece in_targets(struct printer *printer, const struct target *targets, size_t count) {
    struct arena *arena = printer->arena;
    struct piece result = piece_never;
    for (size_t i = 0; i < count; i++) {
        if (!targets[i].group) return piece_always;
        if (targets[i].resource)
            result = piece_or(arena, result,
                              piece_print(arena, LEVEL_RELATION, "%s == '%s'", USE(resource),
                                          catalog_name(arena, targets[i].resource)));
        else
            result = piece_or(arena, result,
                              piece_print(arena, LEVEL_RELATION, "request.resource.group == '%s'", targets[i].group));
    }
    return result;
}

static struct piece in_resources(struct printer *printer) {
    struct arena *arena = printer->arena;
    const struct plan_table *table = printer->table;
    const struct object_scope *scope = &table->model->scope;
    bool wildcard = false;
    for (size_t i = 0; i < scope->target_count; i++) wildcard |= !scope->targets[i].resource;
    if (table->key_resource) return piece_always;
    if (!wildcard) return cel_is_in(printer, USE(resource), &table->resources);
    struct piece result = in_targets(printer, scope->targets, scope->target_count);
    // Explicit targets beside the wildcard are meant even where wildcards leave them out.
    struct text list;
    text_init(&list, arena);
    const char **names = ARENA_ARRAY(arena, const char *, kube_never_locked_count);
    size_t count = 0;
    for (size_t i = 0; i < kube_never_locked_count; i++) {
        bool named = false;
        for (size_t j = 0; j < scope->target_count; j++)
            named |= scope->targets[j].resource && strcmp(scope->targets[j].name, kube_never_locked[i].name) == 0 &&
                     strcmp(scope->targets[j].group, kube_never_locked[i].group) == 0;
        if (!named)
            names[count++] = *kube_never_locked[i].group
                                 ? arena_printf(arena, "%s.%s", kube_never_locked[i].name, kube_never_locked[i].group)
                                 : kube_never_locked[i].name;
    }
    cel_add_string_list(&list, names, count);
    result =
        piece_and(arena, result,
                  piece_not(arena, piece_print(arena, LEVEL_RELATION, "%s in %s", USE(resource), text_string(&list))));
    if (scope->except_count)
        result = piece_and(arena, result, piece_not(arena, in_targets(printer, scope->excepts, scope->except_count)));
    return piece_and(
        arena, result,
        piece_print(arena, LEVEL_RELATION, "%s %s ''", USE(namespaceName), scope->where == IN_CLUSTER ? "==" : "!="));
}

static struct piece in_namespaces(struct printer *printer) {
    struct arena *arena = printer->arena;
    const struct plan_table *table = printer->table;
    const struct object_scope *scope = &table->model->scope;
    switch (scope->where) {
    case IN_CLUSTER: return piece_always;
    case IN_NAMESPACES:
        return table->key_namespace ? piece_always : cel_is_in(printer, USE(namespaceName), &table->namespaces);
    case IN_LABELED_NAMESPACES: {
        printer->skip_keys = table->key_value_count > 0;
        const struct piece result = cel_formula(printer, scope->namespace_selector);
        printer->skip_keys = false;
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
        if (!count) return piece_always;
        struct text list;
        text_init(&list, arena);
        cel_add_string_list(&list, left_out, count);
        return piece_not(arena, piece_print(arena, LEVEL_RELATION, "%s in %s", USE(namespaceName), text_string(&list)));
    }
    }
    return piece_always;
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

static struct piece not_let_through(struct printer *printer) {
    const struct lock *model = printer->table->model;
    const bool only_requires = model->ratchets && !is_apart(model);
    return piece_not(printer->arena,
                     is_let_through(printer, only_requires ? required_exemption(model) : model->exemption));
}

// An update that changes something the lock is about; false for every other operation.
static struct piece relevant_update(struct printer *printer) {
    const struct piece changed = cel_changes(printer);
    if (!printer->table->model->path_count) return changed;
    return piece_and(printer->arena, cel_operations(printer, OP_UPDATE), changed);
}

// A create that brings something the lock is about.
static struct piece relevant_create(struct printer *printer) {
    return piece_and(printer->arena, cel_operations(printer, OP_CREATE), cel_brings(printer));
}

static struct piece denied_operation(struct printer *printer) {
    struct arena *arena = printer->arena;
    const struct plan_table *table = printer->table;
    const unsigned denies = table->model->denies;
    switch (printer->policy->shape) {
    case SHAPE_OBJECTS: break;
    case SHAPE_SCALE: return table->model->acts & ACT_SCALE ? relevant_update(printer) : piece_never;
    case SHAPE_CONNECT: return cel_is_in(printer, USE(subresource), &table->operations);
    case SHAPE_EVICTIONS:
    case SHAPE_BINDINGS:
    case SHAPE_TOKENS:
    case SHAPE_COUNT: return piece_always;
    }
    const struct piece brings = cel_brings(printer);
    if (table->operations.uniform) {
        const bool narrowed = !piece_is(brings, piece_always);
        const unsigned whole = narrowed ? OP_DELETE : OP_CREATE | OP_DELETE;
        struct piece result = cel_operations(printer, denies & whole);
        if (narrowed && (denies & OP_CREATE)) result = piece_or(arena, result, relevant_create(printer));
        return denies & OP_UPDATE ? piece_or(arena, result, relevant_update(printer)) : result;
    }
    struct piece about = piece_print(arena, LEVEL_RELATION, "request.operation != 'UPDATE'");
    if (!piece_is(brings, piece_always))
        about = piece_or(arena, cel_operations(printer, OP_DELETE), relevant_create(printer));
    return piece_and(arena, cel_is_in(printer, "request.operation", &table->operations),
                     piece_or(arena, about, relevant_update(printer)));
}

// Whether what the part reads differs, where the object stays what it is otherwise.
static struct piece reads_differ(struct printer *printer, const struct formula *part) {
    if (printer->policy->shape == SHAPE_OBJECTS) return cel_reads_differ(printer, part);
    return formula_reads_replicas(part) ? piece_always : piece_never; // it is the number of replicas that differs
}

// Whether a part of the requirement that the new object breaks is held against an update.
static struct piece part_holds(struct printer *printer, const struct formula *part) {
    struct arena *arena = printer->arena;
    if (formula_ratchets(part)) return reads_differ(printer, part);
    if (printer->table->model->exemption != EXEMPT_CONTROLLERS) return piece_always;
    return piece_or(arena, piece_not(arena, is_exempt(printer, EXEMPT_CONTROLLERS)), reads_differ(printer, part));
}

static struct piece breaks_formula(struct printer *printer, const struct formula *formula) {
    cel_read_new(printer);
    const struct piece breaks = piece_not(printer->arena, cel_formula(printer, formula));
    cel_read_stored(printer);
    return breaks;
}

// What is required and broken by the new object; of an update that may only write the metadata if `metadata`.
static struct piece breaks(struct printer *printer, struct piece update, bool metadata) {
    struct arena *arena = printer->arena;
    const struct lock *model = printer->table->model;
    const bool has_creates = !metadata && printer->policy->shape == SHAPE_OBJECTS;
    const struct piece create = has_creates ? relevant_create(printer) : piece_never;
    if (!model->ratchets)
        return piece_and(arena, piece_or(arena, create, update), breaks_formula(printer, model->requires));
    update = piece_and(arena, update, piece_not(arena, piece_print(arena, LEVEL_UNARY, "%s", USE(terminating))));
    const struct piece creates = has_creates ? cel_operations(printer, OP_CREATE) : piece_never;
    struct piece broken = piece_never;
    for (size_t i = 0; i < formula_part_count(model->requires); i++) {
        const struct formula *part = formula_part(model->requires, i);
        const struct piece held = piece_or(arena, creates, part_holds(printer, part));
        broken = piece_or(arena, broken, piece_and(arena, breaks_formula(printer, part), held));
    }
    return piece_and(arena, piece_or(arena, create, update), broken);
}

// The same for updates through subresources such as `status`, of which only the metadata is the object's.
static struct piece metadata_trigger(struct printer *printer, struct asked asked) {
    struct arena *arena = printer->arena;
    const struct plan_table *table = printer->table;
    const struct lock *model = table->model;
    bool sees = false;
    for (size_t row = 0; row < table->row_count && !sees; row++) sees = lock_sees_metadata(table->locks[row]);
    if (!sees) return piece_never;
    struct piece denied = piece_never;
    if (table->operations.uniform)
        denied = asked.denied && model->denies & OP_UPDATE ? piece_always : piece_never;
    else if (asked.denied && model->denies)
        denied = piece_print(arena, LEVEL_RELATION, "'UPDATE' in %s", cel_constant(printer, &table->operations));
    if (asked.required) denied = piece_or(arena, denied, breaks(printer, piece_always, true));
    return piece_and(arena, cel_metadata_changes(printer), denied);
}

// The operations that are denied and the requirement, for requests that carry the object itself.
static struct piece body_trigger(struct printer *printer, struct asked asked) {
    struct arena *arena = printer->arena;
    const struct lock *model = printer->table->model;
    const enum shape shape = printer->policy->shape;
    struct piece result = piece_never;
    if (asked.denied && (model->denies || shape != SHAPE_OBJECTS)) result = denied_operation(printer);
    if (asked.required && (shape == SHAPE_OBJECTS || shape == SHAPE_SCALE))
        result = piece_or(arena, result, breaks(printer, relevant_update(printer), false));
    if (!printer->policy->has_subresources || shape != SHAPE_OBJECTS) return result;
    const char *subresource = model->scope.subresource;
    const struct piece body = subresource
                                  ? piece_print(arena, LEVEL_RELATION, "%s == '%s'", USE(subresource), subresource)
                                  : piece_print(arena, LEVEL_UNARY, "%s", USE(body));
    const struct piece metadata = metadata_trigger(printer, asked);
    return piece_or(arena, piece_and(arena, body, result), piece_and(arena, piece_not(arena, body), metadata));
}

// What the guards of the lock itself refuse, of an object that it selects.
static struct piece guards(struct printer *printer) {
    struct arena *arena = printer->arena;
    const struct lock *model = printer->table->model;
    struct piece refused = piece_never;
    if (model->guard_labels) {
        const struct piece leaves = piece_not(arena, cel_still_held(printer));
        refused =
            piece_or(arena, refused,
                     piece_and(arena, piece_print(arena, LEVEL_RELATION, "request.operation == 'UPDATE'"), leaves));
    }
    if (model->guard_owners)
        refused = piece_or(
            arena, refused,
            piece_print(arena, LEVEL_AND, "request.operation == 'UPDATE' && %s != %s", USE(owners), USE(newOwners)));
    return refused;
}

static struct piece trigger(struct printer *printer) {
    struct arena *arena = printer->arena;
    const struct lock *model = printer->table->model;
    const struct piece stored = cel_selection(printer, false);
    const bool apart = is_apart(model);
    struct piece refused = body_trigger(printer, (struct asked){true, model->requires && !apart});
    if (printer->policy->shape == SHAPE_OBJECTS) refused = piece_or(arena, refused, guards(printer));
    if (apart) {
        const struct piece required = body_trigger(printer, (struct asked){false, true});
        const struct piece exempt = is_exempt(printer, required_exemption(model));
        refused = piece_or(arena, piece_and(arena, refused, not_let_through(printer)),
                           piece_and(arena, required, piece_not(arena, exempt)));
    }
    return piece_and(arena, stored, refused);
}

// Somebody else's object would come into the selection.
static struct piece enters(struct printer *printer) {
    struct arena *arena = printer->arena;
    const struct plan_table *table = printer->table;
    struct piece stored = cel_selection(printer, false);
    if (table->key_count)
        stored = piece_and(
            arena,
            piece_print(arena, LEVEL_RELATION, ROW " in variables.%s", cel_table_variable(arena, table, "Locks")),
            stored);
    const struct piece update = piece_print(arena, LEVEL_RELATION, "request.operation == 'UPDATE'");
    return piece_and(arena, update, piece_and(arena, piece_not(arena, stored), cel_selection(printer, true)));
}

// Where the request is, as far as the lock is concerned.
static struct piece circumstances(struct printer *printer) {
    struct arena *arena = printer->arena;
    // Of the objects that could be meant, nearly all are not: this one comes first.
    struct piece result = printer->policy->by_params ? piece_print(arena, LEVEL_UNARY, "%s", USE(asked)) : piece_always;
    return piece_and(arena, result, piece_and(arena, in_resources(printer), in_namespaces(printer)));
}

static bool has_glass(const struct lock *model) {
    return model->glass.user_count || model->glass.group_count || model->glass.other_count;
}

// One operand a line.
static const char *lines(struct arena *arena, const struct piece *operands, size_t count) {
    struct text text;
    text_init(&text, arena);
    for (size_t i = 0; i < count; i++) {
        if (piece_is(operands[i], piece_always)) continue;
        if (text.len) text_add_string(&text, "\n  && ");
        text_add_string(&text, piece_at_least(arena, operands[i], LEVEL_AND).text);
    }
    return text.len ? text_string(&text) : "true";
}

struct refusal_pieces {
    struct piece circumstances, condition, trigger, enters, passes, glass;
};

static struct refusal_pieces pieces_of(struct printer *printer) {
    const struct plan_table *table = printer->table;
    struct refusal_pieces pieces = {
        .circumstances = circumstances(printer),
        .condition = cel_formula(printer, table->model->condition),
        .trigger = trigger(printer),
        .enters = piece_never,
    };
    if (table->model->guard_label_in && printer->policy->shape == SHAPE_OBJECTS) pieces.enters = enters(printer);
    if (is_apart(table->model)) pieces.enters = piece_and(printer->arena, pieces.enters, not_let_through(printer));
    pieces.passes = is_one_of(printer, &table->users, &table->groups, &table->model->passes);
    pieces.glass = has_glass(table->model)
                       ? is_one_of(printer, &table->glass_users, &table->glass_groups, &table->model->glass)
                       : piece_never;
    return pieces;
}

static void add_validation(struct printer *printer, const char *expression, const char *message,
                           const char *message_expression) {
    const struct cel_validation validation = {expression, message, message_expression};
    ARENA_PUSH(printer->arena, printer->cel->validations, printer->cel->validation_count, validation);
}

static void add_broken(struct printer *printer, const char *list) {
    struct cel_policy *cel = printer->cel;
    cel->break_glass = cel->break_glass ? arena_printf(printer->arena, "%s + %s", cel->break_glass, list) : list;
}

// Who is not let through, as far as the halves of the lock have not said it by themselves.
static struct piece not_exempt(struct printer *printer) {
    return is_apart(printer->table->model) ? piece_always : not_let_through(printer);
}

// A variable of one lock, called after it: heldOrders, heldOrders_xGuard_xNamespace, and which half of a lock on
// objects of both scopes it is.
static const char *lock_variable(struct printer *printer, const char *prefix, const struct lock *lock) {
    struct arena *arena = printer->arena;
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
static const char *refusal(struct printer *printer, const struct refusal_pieces *pieces, struct piece trigger,
                           struct piece not_glass, struct piece not_exempt) {
    struct arena *arena = printer->arena;
    const struct piece not_passes = piece_not(arena, pieces->passes);
    const struct piece plain[] = {pieces->circumstances, pieces->condition, not_passes, trigger, not_glass, not_exempt},
                       asking[] = {pieces->circumstances, trigger, not_glass, not_exempt, not_passes,
                                   pieces->condition};
    return lines(arena, lock_asks_authorizer(printer->table->model) ? asking : plain, sizeof plain / sizeof *plain);
}

// A lock of a structure of its own: its constants stand in place.
static void print_single(struct printer *printer) {
    struct arena *arena = printer->arena;
    const struct lock *lock = printer->table->locks[0];
    const struct refusal_pieces pieces = pieces_of(printer);
    const struct piece trigger = piece_or(arena, pieces.trigger, pieces.enters);
    const bool records = lock_records_glass(lock);
    const struct piece not_glass = records ? piece_always : piece_not(arena, pieces.glass);
    const char *text = refusal(printer, &pieces, trigger, not_glass, not_exempt(printer));
    const char *expression = arena_printf(arena, "!(\n  %s\n)", text);
    if (records) {
        const char *held_name = lock_variable(printer, "held", lock),
                   *broken_name = lock_variable(printer, "broken", lock);
        cel_add_variable(printer, held_name, text);
        cel_add_variable(printer, broken_name,
                         arena_printf(arena, "variables.%s && %s ? [%s] : []", held_name,
                                      piece_at_least(arena, pieces.glass, LEVEL_AND).text,
                                      cel_quoted(arena, lock->id)));
        add_broken(printer, arena_printf(arena, "variables.%s", broken_name));
        expression = arena_printf(arena, "!variables.%s || %s", held_name, pieces.glass.text);
    }
    const char *dynamic = strstr(lock->message, "${") ? cel_quoted(arena, lock->message) : NULL;
    add_validation(printer, expression,
                   dynamic ? arena_printf(arena, "denied, there is a lock: %s", lock->name) : lock->message, dynamic);
}

static const char *key_part(struct printer *printer, const struct formula *atom, bool new, struct piece *presence) {
    struct arena *arena = printer->arena;
    if (atom->kind == FORMULA_NAME) return USE(name);
    if (atom->kind == FORMULA_FIELD) {
        const char *root = new ? USE(new) : USE(stored),
                   *subject = cel_path_text(arena, root, &atom->path, atom->path.count);
        const struct piece text = piece_print(arena, LEVEL_RELATION, "type(%s) == string", subject);
        *presence = piece_and(arena, *presence, piece_and(arena, cel_path_present(printer, &atom->path, root), text));
        return subject;
    }
    const char *map = atom->kind == FORMULA_NAMESPACE_LABEL ? USE(namespaceLabels)
                      : atom->kind == FORMULA_LABEL         ? new ? USE(newLabels) : USE(labels)
                              : new ? USE(newAnnotations)
                                                            : USE(annotations);
    const char *key = cel_quoted(arena, atom->key);
    *presence = piece_and(arena, *presence, piece_print(arena, LEVEL_RELATION, "%s in %s", key, map));
    return arena_printf(arena, "%s[%s]", map, key);
}

// The key of the request: what locks are found by. "" finds none, and is no key of any lock.
static const char *request_key(struct printer *printer, bool new) {
    struct arena *arena = printer->arena;
    const struct plan_table *table = printer->table;
    // Most objects that are looked up are not the one that is meant: they need no key.
    struct piece presence =
        printer->policy->by_params ? piece_print(arena, LEVEL_UNARY, "%s", USE(asked)) : piece_always;
    struct text text;
    text_init(&text, arena);
    if (table->key_namespace) text_printf(&text, "'/' + %s", USE(namespaceName));
    if (table->key_resource) text_printf(&text, "%s'/' + %s", text.len ? " + " : "", USE(resource));
    for (size_t i = 0; i < table->key_count; i++)
        text_printf(&text, "%s'/' + %s", text.len ? " + " : "", key_part(printer, table->key_atoms[i], new, &presence));
    return piece_is(presence, piece_always)
               ? text_string(&text)
               : arena_printf(arena, "%s ? %s : ''", piece_at_least(arena, presence, LEVEL_OR).text,
                              text_string(&text));
}

static const char *named(struct printer *printer, const char *suffix) {
    return cel_table_variable(printer->arena, printer->table, suffix);
}

// The locks that the request's key finds, as a list of names.
static void add_found(struct printer *printer, size_t parts, bool new) {
    struct arena *arena = printer->arena;
    const char *key = named(printer, new ? "NewKey" : "Key");
    cel_add_variable(printer, key, request_key(printer, new));
    const char *found =
        cel_lookup(printer, named(printer, "Index"), parts, arena_printf(arena, "variables.%s", key), "[]");
    cel_add_variable(printer, named(printer, new ? "NewLocks" : "Locks"), found);
}

static void print_index(struct printer *printer) {
    struct arena *arena = printer->arena;
    const struct plan_table *table = printer->table;
    if (!table->key_value_count) {
        struct text list;
        text_init(&list, arena);
        cel_add_string_list(&list, table->rows, table->row_count);
        cel_add_variable(printer, named(printer, "Locks"), text_string(&list));
        return;
    }
    struct cel_map map;
    cel_map_begin(&map, printer, named(printer, "Index"));
    for (size_t i = 0; i < table->key_value_count; i++) {
        struct text rows;
        text_init(&rows, arena);
        const char **names = ARENA_ARRAY(arena, const char *, table->key_row_counts[i]);
        for (size_t j = 0; j < table->key_row_counts[i]; j++) names[j] = table->rows[table->key_rows[i][j]];
        cel_add_string_list(&rows, names, table->key_row_counts[i]);
        cel_map_add(&map, table->keys[i], text_string(&rows));
    }
    cel_map_end(&map);
    add_found(printer, map.parts, false);
    const bool guards = table->model->guard_labels || table->model->guard_label_in;
    if (table->key_count && guards && printer->policy->shape == SHAPE_OBJECTS) add_found(printer, map.parts, true);
}

// Locks that share a structure: one validation, whose constants are looked up by the names of the locks it found.
static void print_table(struct printer *printer) {
    struct arena *arena = printer->arena;
    const struct plan_table *table = printer->table;
    const struct lock *model = table->model;
    const bool records = lock_records_glass(model);
    print_index(printer);
    const struct refusal_pieces pieces = pieces_of(printer);
    const char *locks = named(printer, "Locks"), *entering = table->key_count ? named(printer, "NewLocks") : locks;
    const char *held_name = named(printer, records ? "Held" : "Refusing"), *refused = named(printer, "Refusing");
    const struct piece exempt = not_exempt(printer);
    const struct piece not_glass = records ? piece_always : piece_not(arena, pieces.glass);
    struct text text;
    text_init(&text, arena);
    text_printf(&text, "variables.%s.filter(" ROW ",\n  %s)", locks,
                refusal(printer, &pieces, pieces.trigger, not_glass, exempt));
    if (model->guard_label_in && printer->policy->shape == SHAPE_OBJECTS) {
        text_printf(&text, "\n+ variables.%s.filter(" ROW ",\n  %s)", entering,
                    refusal(printer, &pieces, pieces.enters, not_glass, exempt));
    }
    cel_add_variable(printer, held_name, text_string(&text));
    if (records) {
        const char *broken = named(printer, "Broken");
        const char *filter = arena_printf(arena, "variables.%s.filter(" ROW ", ", held_name);
        cel_add_variable(printer, refused, arena_printf(arena, "%s%s)", filter, piece_not(arena, pieces.glass).text));
        cel_add_variable(printer, broken, arena_printf(arena, "%s%s)", filter, pieces.glass.text));
        add_broken(printer, arena_printf(arena, "variables.%s", broken));
    }

    // The message of the first lock that refuses. It is evaluated for every request, so it must be cheap and cannot
    // fail.
    const char *first = cel_constant_of(printer, &table->messages, arena_printf(arena, "variables.%s[0]", refused));
    add_validation(printer, arena_printf(arena, "variables.%s.size() == 0", refused),
                   arena_printf(arena, "denied, there is a lock (policy %s)", printer->policy->policy),
                   arena_printf(arena, "variables.%s.size() > 0 ? %s : ''", refused, first));
}

// ---- the policy ----

void cel_print_policy(struct arena *arena, const struct plan_policy *policy, struct cel_policy *ret_cel) {
    struct cel_policy own = {0};
    struct printer printer = {.arena = arena, .policy = policy, .cel = &own};
    set_init(&printer.names, arena);
    map_init(&printer.once, arena);
    map_init(&printer.counts, arena);
    cel_read_stored(&printer);
    for (size_t i = 0; i < policy->table_count; i++) {
        printer.table = &policy->tables[i];
        if (printer.table->row_count == 1)
            print_single(&printer);
        else
            print_table(&printer);
    }
    if (own.break_glass) {
        own.break_glass = arena_printf(arena, "%s", own.break_glass);
        cel_add_variable(&printer, "broken", own.break_glass);
        (void)cel_use(&printer, BASE_user);
        own.break_glass =
            "variables.broken.size() > 0 ? 'lock ' + variables.broken.join(', ') + ' broken by ' + variables.user : ''";
    }
    struct cel_variable *variables = NULL;
    size_t count = 0;
    cel_add_base_variables(&printer, &variables, &count);
    for (size_t i = 0; i < own.variable_count; i++) ARENA_PUSH(arena, variables, count, own.variables[i]);
    *ret_cel = own;
    ret_cel->variables = variables;
    ret_cel->variable_count = count;
}
