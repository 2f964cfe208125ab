// Locks and grants as sentences.
#include <stdint.h>
#include <string.h>

#include "base/arena.h"
#include "base/text.h"
#include "data/value.h"
#include "describe/describe_internal.h"
#include "kubernetes/catalog.h"

enum { SHOWN_NAMESPACES = 5, SHOWN_RESOURCES = 8, SHOWN_SUBJECTS = 8 };

void describe_list(struct text *text, const char *const *items, size_t count, const char *conjunction, size_t shown) {
    const size_t said = shown && count > shown ? shown : count;
    for (size_t i = 0; i < said; i++) {
        if (i) text_printf(text, i + 1 == count ? " %s " : ", ", conjunction);
        text_add_string(text, items[i]);
    }
    if (said < count) text_printf(text, " and %zu more", count - said);
}

// ---- what it is about ----

static const char *target_text(struct arena *arena, const struct target *target, bool in_cluster) {
    const char *all = in_cluster ? "every cluster-scoped resource" : "every resource";
    const char *name = all;
    if (target->resource)
        name = target->resource->built_in ? target->name : catalog_name(arena, target->resource);
    else if (target->name)
        name = target->name;
    else if (target->group)
        name = arena_printf(arena, "%s of %s", all, *target->group ? target->group : "the core group");
    return target->subresource ? arena_printf(arena, "%s/%s", name, target->subresource) : name;
}

static void add_targets(struct text *text, const struct target *targets, size_t count, bool in_cluster) {
    struct phrases names = {0};
    for (size_t i = 0; i < count; i++) {
        if (targets[i].implied) continue;
        const char *name = target_text(text->arena, &targets[i], in_cluster);
        ARENA_PUSH(text->arena, names.items, names.count, name);
    }
    describe_list(text, names.items, names.count, "and", SHOWN_RESOURCES);
}

static void add_namespaces(struct text *text, const struct object_scope *scope) {
    switch (scope->where) {
    case IN_CLUSTER: return;
    case IN_NAMESPACES:
        text_add_string(text, scope->namespace_count == 1 ? " in namespace " : " in namespaces ");
        describe_list(text, scope->namespaces, scope->namespace_count, "and", SHOWN_NAMESPACES);
        return;
    case IN_ANY_NAMESPACE:
        text_add_string(text, " in all namespaces");
        if (scope->namespace_count >= kube_system_namespace_count) return;
        text_add_string(text, " except the system namespaces");
        if (!scope->namespace_count) return;
        text_add_string(text, ", and in ");
        describe_list(text, scope->namespaces, scope->namespace_count, "and", SHOWN_NAMESPACES);
        return;
    case IN_LABELED_NAMESPACES:
        text_add_string(text, " in namespaces ");
        struct text selector;
        text_init(&selector, text->arena);
        const bool labels_alone = describe_selector(&selector, scope->namespace_selector);
        text_add_string(text, labels_alone ? "labeled " : "where ");
        if (labels_alone)
            text_add_string(text, text_string(&selector));
        else
            describe_formula(text, scope->namespace_selector);
    }
}

static bool is_names(const struct formula *formula) {
    return formula->kind == FORMULA_NAME && formula->compare == CMP_IN && formula->state == STATE_SELF &&
           formula->value_count;
}

// Names read as names, labels as a selector, and everything else as an expression.
static void add_selection(struct text *text, const struct formula *selects) {
    if (!selects || selects->kind == FORMULA_TRUE) return;
    const bool chain = selects->kind == FORMULA_AND;
    struct formula labels = {.kind = FORMULA_AND}, others = {.kind = FORMULA_AND};
    for (size_t i = 0; i < (chain ? selects->operand_count : 1); i++) {
        struct formula *part = chain ? selects->operands[i] : (struct formula *)(uintptr_t)selects;
        struct text ignored;
        text_init(&ignored, text->arena);
        if (is_names(part)) {
            const char **names = ARENA_ARRAY(text->arena, const char *, part->value_count);
            for (size_t j = 0; j < part->value_count; j++) names[j] = part->values[j]->as.string;
            text_add_string(text, " named ");
            describe_list(text, names, part->value_count, "or", SHOWN_RESOURCES);
        } else {
            struct formula *group = describe_selector(&ignored, part) ? &labels : &others;
            ARENA_PUSH(text->arena, group->operands, group->operand_count, part);
        }
    }
    if (labels.operand_count) {
        text_add_string(text, labels.operand_count > 1 ? " with labels " : " with label ");
        describe_selector(text, &labels);
    }
    if (others.operand_count) {
        text_add_string(text, labels.operand_count ? " and where " : " where ");
        describe_formula(text, &others);
    }
}

static void add_resources(struct text *text, const struct object_scope *scope) {
    const bool in_cluster = scope->where == IN_CLUSTER;
    add_targets(text, scope->targets, scope->target_count, in_cluster);
    if (scope->except_count) {
        text_add_string(text, " except ");
        add_targets(text, scope->excepts, scope->except_count, in_cluster);
    }
}

void describe_objects(struct text *text, const struct object_scope *scope, const struct formula *selects) {
    add_resources(text, scope);
    add_selection(text, selects);
    add_namespaces(text, scope);
}

static void add_objects_of(struct text *text, const struct lock *lock) {
    if (!lock->part_count) {
        describe_objects(text, &lock->scope, lock->selects);
        return;
    }
    for (size_t i = 0; i < lock->part_count; i++) {
        if (i) text_add_string(text, i + 1 == lock->part_count ? ", and " : ", ");
        describe_objects(text, &lock->parts[i].scope, lock->parts[i].selects);
    }
}

// Where all are in one kind of place; the widest otherwise.
static void join_scopes(struct arena *arena, struct object_scope *all, const struct object_scope *scope) {
    if (scope->where == IN_CLUSTER) return;
    if (all->where == IN_CLUSTER || scope->where == IN_ANY_NAMESPACE) all->where = scope->where;
    all->namespace_selector = scope->namespace_selector;
    for (size_t i = 0; i < scope->namespace_count; i++) {
        bool known = false;
        for (size_t j = 0; j < all->namespace_count && !known; j++)
            known = strcmp(all->namespaces[j], scope->namespaces[i]) == 0;
        if (!known) ARENA_PUSH(arena, all->namespaces, all->namespace_count, scope->namespaces[i]);
    }
}

// What all of them select by, if that is short enough to be read.
static void add_common_selection(struct text *text, const struct lock *const *locks, size_t count) {
    enum { READABLE = 120 };
    struct text first, other;
    text_init(&first, text->arena);
    add_selection(&first, locks[0]->selects);
    for (size_t i = 1; i < count; i++) {
        text_init(&other, text->arena);
        add_selection(&other, locks[i]->selects);
        if (strcmp(text_string(&first), text_string(&other)) != 0) return;
    }
    if (first.len <= READABLE) text_add_string(text, text_string(&first));
}

void describe_reach(struct text *text, const struct lock *const *locks, size_t count) {
    struct object_scope all = {.where = IN_CLUSTER};
    struct phrases names = {0};
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < locks[i]->scope.target_count; j++) {
            const char *name =
                target_text(text->arena, &locks[i]->scope.targets[j], locks[i]->scope.where == IN_CLUSTER);
            bool known = false;
            for (size_t k = 0; k < names.count && !known; k++) known = strcmp(names.items[k], name) == 0;
            if (!known) ARENA_PUSH(text->arena, names.items, names.count, name);
        }
        join_scopes(text->arena, &all, &locks[i]->scope);
    }
    describe_list(text, names.items, names.count, "and", 0);
    add_common_selection(text, locks, count);
    add_namespaces(text, &all);
}

// ---- what is done to it ----

// "change spec.replicas or spec.paused of", after the verb.
static const char *change_text(struct arena *arena, const struct lock *lock, const char *verb) {
    struct text text;
    text_init(&text, arena);
    text_add_string(&text, verb);
    const char **paths = ARENA_ARRAY(arena, const char *, lock->path_count);
    for (size_t i = 0; i < lock->path_count; i++) {
        struct text path;
        text_init(&path, arena);
        describe_path(&path, &lock->paths[i]);
        paths[i] = text_string(&path);
    }
    describe_list(&text, paths, lock->path_count, lock->all_but_paths ? "and" : "or", 0);
    text_add_string(&text, " of");
    return text_string(&text);
}

// What is denied through subresources, unless the operation that it stands for is denied as well.
static void push_acts(struct arena *arena, const struct lock *lock, struct phrases *verbs) {
    static const struct {
        unsigned act, said_by;
        const char *text;
    } acts[] = {
        {ACT_EVICT, OP_DELETE, "evict"},
        {ACT_SCALE, OP_UPDATE, "scale"},
        {ACT_EXEC, OP_CONNECT, "exec into"},
        {ACT_ATTACH, OP_CONNECT, "attach to"},
        {ACT_PORTFORWARD, OP_CONNECT, "forward ports to"},
        {ACT_PROXY, OP_CONNECT, "proxy to"},
        {ACT_BIND, 0, "bind"},
        {ACT_TOKEN, 0, "create tokens for"},
    };
    const bool connects = (lock->acts & ACTS_CONNECT) == ACTS_CONNECT || (lock->denies & OP_CONNECT);
    if (connects) ARENA_PUSH(arena, verbs->items, verbs->count, "connect to");
    for (size_t i = 0; i < sizeof acts / sizeof *acts; i++) {
        const bool said = (lock->denies & acts[i].said_by) || (connects && (acts[i].act & ACTS_CONNECT));
        if ((lock->acts & acts[i].act) && !said) ARENA_PUSH(arena, verbs->items, verbs->count, acts[i].text);
    }
}

// What the lock is narrowed to stands last, since it goes on with "of": a create that has one of the fields sets it,
// and an update that adds it changes it.
static struct phrases verbs_of(struct arena *arena, const struct lock *lock) {
    struct phrases verbs = {0};
    const bool narrowed = lock->path_count > 0, sets = narrowed && !lock->all_but_paths && (lock->denies & OP_CREATE);
    const bool changes = narrowed && (lock->denies & OP_UPDATE);
    if ((lock->denies & OP_CREATE) && !sets) ARENA_PUSH(arena, verbs.items, verbs.count, "create");
    if ((lock->denies & OP_UPDATE) && !changes) ARENA_PUSH(arena, verbs.items, verbs.count, "update");
    if (lock->denies & OP_DELETE) ARENA_PUSH(arena, verbs.items, verbs.count, "delete");
    push_acts(arena, lock, &verbs);
    if (sets) {
        const char *set = changes ? "set" : change_text(arena, lock, "set ");
        ARENA_PUSH(arena, verbs.items, verbs.count, set);
    }
    if (changes) {
        const char *change = change_text(arena, lock, lock->all_but_paths ? "change anything but " : "change ");
        ARENA_PUSH(arena, verbs.items, verbs.count, change);
    }
    return verbs;
}

// "delete pods in namespace shop with label tier=web": what the lock refuses, as an infinitive.
static void add_action(struct text *text, const struct lock *lock) {
    const struct phrases verbs = verbs_of(text->arena, lock);
    describe_list(text, verbs.items, verbs.count, "or", 0);
    text_add_char(text, ' ');
    add_objects_of(text, lock);
}

// ---- who, and when ----

// Exclusive actors are among those who pass.
static struct phrases passers_of(struct arena *arena, const struct lock *lock) {
    struct phrases all = {0};
    const struct subjects *lists[] = {&lock->exclusive, &lock->passes};
    for (size_t i = 0; i < 2; i++)
        for (size_t j = 0; j < lists[i]->label_count; j++) {
            const char *label = lists[i]->labels[j];
            bool known = false;
            for (size_t k = 0; k < all.count && !known; k++) known = strcmp(all.items[k], label) == 0;
            if (!known) ARENA_PUSH(arena, all.items, all.count, label);
        }
    if (lock->source) ARENA_PUSH(arena, all.items, all.count, "those whom the ConfigMap names");
    return all;
}

static void add_who_may(struct text *text, const struct lock *lock, const struct phrases *passers) {
    const struct subjects *glass = &lock->break_glass;
    text_add_string(text, passers->count || glass->label_count ? "Only " : "Nobody");
    describe_list(text, passers->items, passers->count, "and", SHOWN_SUBJECTS);
    if (glass->label_count) {
        text_add_string(text, passers->count ? ", and in an emergency " : "");
        describe_list(text, glass->labels, glass->label_count, "and", SHOWN_SUBJECTS);
        text_add_string(text, passers->count ? "," : ", and only in an emergency,");
    }
    text_add_string(text, " may ");
}

// `when` and `unless` are one conjunction, in which `unless` is negated.
void describe_condition(struct text *text, const struct formula *condition) {
    if (!condition || condition->kind == FORMULA_TRUE) return;
    const bool chain = condition->kind == FORMULA_AND;
    for (size_t i = 0; i < (chain ? condition->operand_count : 1); i++) {
        const struct formula *part = chain ? condition->operands[i] : condition;
        const bool negated = part->kind == FORMULA_NOT;
        text_add_string(text, negated ? ", unless " : ", when ");
        describe_formula(text, negated ? part->operands[0] : part);
    }
}

static void add_mode(struct text *text, const struct lock *lock) {
    if (lock->mode & MODE_DENY) return;
    text_add_string(text, lock->mode == MODE_WARN    ? " (only a warning)"
                          : lock->mode == MODE_AUDIT ? " (only recorded in the audit log)"
                                                     : " (only a warning, recorded in the audit log)");
}

// A requirement is about what the object becomes.
static void add_requirement(struct text *text, const struct lock *lock, const struct phrases *passers) {
    const size_t begin = text->len;
    add_objects_of(text, lock);
    if (text->len > begin && text->data[begin] >= 'a' && text->data[begin] <= 'z') text->data[begin] -= 'a' - 'A';
    text_add_string(text, " must satisfy, when they are created or an update changes what this reads: ");
    describe_formula(text, lock->requires);
    if (passers->count) {
        text_add_string(text, " (not required of ");
        describe_list(text, passers->items, passers->count, "and", SHOWN_SUBJECTS);
        text_add_char(text, ')');
    }
}

static void end_sentence(struct text *text, const struct lock *lock) {
    describe_condition(text, lock->condition);
    add_mode(text, lock);
    text_add_char(text, '.');
}

// What users wrote may hold line breaks.
static void join_lines(struct text *text, size_t begin) {
    for (size_t i = begin; i < text->len; i++)
        if ((unsigned char)text->data[i] < ' ' || text->data[i] == 0x7f) text->data[i] = ' ';
}

void describe_lock(struct text *text, const struct lock *lock) {
    const struct phrases passers = passers_of(text->arena, lock);
    const size_t begin = text->len;
    const bool denies = lock->denies || lock->acts;
    if (denies) {
        add_who_may(text, lock, &passers);
        add_action(text, lock);
        end_sentence(text, lock);
    }
    if (lock->requires) {
        if (denies) text_add_char(text, ' ');
        add_requirement(text, lock, &passers);
        end_sentence(text, lock);
    }
    join_lines(text, begin);
}

bool describe_same(struct text *text, const struct lock *lock, const struct lock *before) {
    struct lock moved = *lock;
    struct text said, moved_said;
    text_init(&said, text->arena);
    text_init(&moved_said, text->arena);
    if (lock->part_count || before->part_count) return false;
    moved.scope = before->scope;
    describe_lock(&said, before);
    describe_lock(&moved_said, &moved);
    if (strcmp(text_string(&said), text_string(&moved_said)) != 0) return false;
    const size_t begin = text->len;
    text_add_string(text, "The same holds for ");
    add_resources(text, &lock->scope);
    add_namespaces(text, &lock->scope);
    text_add_char(text, '.');
    join_lines(text, begin);
    return true;
}

// Whoever is listed behind `by` passes the locks that seal the actor.
void describe_sealed(struct text *text, const struct lock *lock) {
    const struct phrases passers = passers_of(text->arena, lock);
    text_add_string(text, "Nobody");
    text_add_string(text, passers.count ? " but " : " else");
    describe_list(text, passers.items, passers.count, "and", SHOWN_SUBJECTS);
    text_printf(text, " may act as actor %s.", lock->name);
}

// ---- grants ----

static const char *rbac_subject_text(struct arena *arena, const struct rbac_subject *subject) {
    switch (subject->kind) {
    case RBAC_SERVICE_ACCOUNT: return arena_printf(arena, "serviceaccount %s/%s", subject->namespace, subject->name);
    case RBAC_USER: return arena_printf(arena, "user %s", subject->name);
    case RBAC_GROUP: return arena_printf(arena, "group %s", subject->name);
    }
    return "";
}

static const char *impersonated_text(struct arena *arena, const struct impersonated *one) {
    switch (one->kind) {
    case IMPERSONATED_USER: return arena_printf(arena, "user %s", one->name);
    case IMPERSONATED_GROUP: return arena_printf(arena, "group %s", one->name);
    case IMPERSONATED_ACCOUNT: return arena_printf(arena, "serviceaccount %s/%s", one->namespace, one->name);
    case IMPERSONATED_NODE: return arena_printf(arena, "node %s", one->name);
    case IMPERSONATED_UID: return arena_printf(arena, "uid %s", one->name);
    case IMPERSONATED_EXTRA: return arena_printf(arena, "extra %s=%s", one->key, one->name);
    }
    return "";
}

static void add_impersonated(struct text *text, const struct grant *grant) {
    struct phrases phrases = {0};
    for (size_t i = 0; i < grant->impersonated_count; i++) {
        const char *phrase = impersonated_text(text->arena, &grant->impersonated[i]);
        ARENA_PUSH(text->arena, phrases.items, phrases.count, phrase);
    }
    text_add_string(text, "impersonate ");
    describe_list(text, phrases.items, phrases.count, "and", SHOWN_SUBJECTS);
}

// RBAC leaves no namespace out: a grant in all of them is one in those of the system as well.
static void add_granted_namespaces(struct text *text, const struct object_scope *scope) {
    if (scope->where == IN_ANY_NAMESPACE)
        text_add_string(text, " in all namespaces");
    else
        add_namespaces(text, scope);
}

// "get and list pods in namespace shop"
static void add_rights(struct text *text, const struct grant *grant) {
    describe_list(text, grant->verbs, grant->verb_count, "and", 0);
    text_add_char(text, ' ');
    if (grant->url_count) describe_list(text, grant->urls, grant->url_count, "and", SHOWN_RESOURCES);
    if (grant->scope.target_count) add_resources(text, &grant->scope);
    if (grant->name_count) {
        text_add_string(text, " named ");
        describe_list(text, grant->names, grant->name_count, "or", SHOWN_RESOURCES);
    }
    if (grant->scope.target_count && !grant->aggregated_count) add_granted_namespaces(text, &grant->scope);
}

static void add_bound(struct text *text, const struct grant *grant) {
    text_printf(text, "whatever ClusterRole %s allows", grant->bound);
    if (grant->scope.where == IN_ANY_NAMESPACE)
        text_add_string(text, " in the whole cluster");
    else
        add_namespaces(text, &grant->scope);
}

static void add_grantees(struct text *text, const struct grant *grant) {
    struct phrases subjects = {0};
    for (size_t i = 0; i < grant->subject_count; i++) {
        const char *subject = rbac_subject_text(text->arena, &grant->subjects[i]);
        ARENA_PUSH(text->arena, subjects.items, subjects.count, subject);
    }
    if (grant->aggregated_count) {
        struct text holders;
        text_init(&holders, text->arena);
        text_add_string(&holders, "whoever holds ClusterRole ");
        describe_list(&holders, grant->aggregated, grant->aggregated_count, "or", 0);
        text_add_string(&holders, ", where they hold it,");
        const char *phrase = text_string(&holders);
        ARENA_PUSH(text->arena, subjects.items, subjects.count, phrase);
    }
    describe_list(text, subjects.items, subjects.count, "and", SHOWN_SUBJECTS);
}

void describe_grant(struct text *text, const struct grant *grant) {
    const size_t begin = text->len;
    text_printf(text, "%s: ", grant->name);
    add_grantees(text, grant);
    text_add_string(text, " may ");
    if (grant->bound) text_add_string(text, "do ");
    if (grant->impersonated_count) add_impersonated(text, grant);
    if (grant->impersonated_count && grant->verb_count) text_add_string(text, ", and as them ");
    if (grant->impersonated_count && !grant->verb_count) text_add_string(text, ", and do what they may");
    if (grant->bound)
        add_bound(text, grant);
    else if (grant->verb_count)
        add_rights(text, grant);
    text_add_char(text, '.');
    join_lines(text, begin);
}
