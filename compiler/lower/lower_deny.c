// The words behind `deny` → what a lock denies, on objects and through subresources.
#include <string.h>

#include "base/arena.h"
#include "base/suggest.h"
#include "base/text.h"
#include "kubernetes/catalog.h"
#include "lower/lower.h"
#include "report/diag.h"
#include "report/source.h"

// What a word behind `deny` takes in: operations on the object, and acts through subresources. Updating scales and
// deleting evicts where there is such a thing.
static const struct {
    const char *name;
    unsigned operations, acts;
    bool by_itself; // the acts were asked for, so that the resource must have them
} operations[] = {
    {"create", OP_CREATE, ACT_BIND | ACT_TOKEN, false},
    {"update", OP_UPDATE, ACT_SCALE, false},
    {"delete", OP_DELETE, ACT_EVICT, false},
    {"write", OPS_WRITE, ACT_SCALE | ACT_EVICT | ACT_BIND | ACT_TOKEN, false},
    {"all", OPS_WRITE, ACT_SCALE | ACT_EVICT | ACT_BIND | ACT_TOKEN | ACTS_CONNECT, false},
    {"connect", 0, ACTS_CONNECT, true},
    {"evict", 0, ACT_EVICT, true},
    {"scale", 0, ACT_SCALE, true},
    {"exec", 0, ACT_EXEC, true},
    {"attach", 0, ACT_ATTACH, true},
    {"portforward", 0, ACT_PORTFORWARD, true},
    {"proxy", 0, ACT_PROXY, true},
};
enum { OPERATION_COUNT = sizeof operations / sizeof *operations };

// The acts that requests for the target can be; a wildcard of the core group takes in pods.
static unsigned acts_of(const struct target *target) {
    unsigned acts = 0;
    if (target->resource && !*target->resource->subresources) return acts;
    for (size_t i = 0; i < kube_act_count; i++) {
        const bool core = !target->group || !*target->group;
        const bool has = target->resource ? text_has_word(target->resource->subresources, kube_acts[i].subresource)
                                          : kube_acts[i].act == ACT_SCALE || core;
        if (has) acts |= kube_acts[i].act;
    }
    return acts;
}

unsigned lower_acts_in(const struct object_scope *scope) {
    unsigned acts = 0;
    for (size_t i = 0; i < scope->target_count; i++) acts |= acts_of(&scope->targets[i]);
    // Of what a wildcard takes in outside of namespaces, only nodes have such subresources.
    return scope->where == IN_CLUSTER && scope_has_wildcard(scope) ? acts & ACT_PROXY : acts;
}

// Index into the table; OPERATION_COUNT when the word is none of it.
static size_t operation_index(struct word word) {
    size_t i = 0;
    while (i < OPERATION_COUNT && strcmp(word.text, operations[i].name) != 0) i++;
    return i;
}

static void unknown_operation(struct lowering *lowering, struct word word) {
    diag_report(lowering->diags, DIAG_UNKNOWN_OPERATION, word.span, "unknown operation '%s'", word.text);
    if (text_has_word("get list watch read", word.text)) {
        diag_help(lowering->diags, "admission never sees reads: withhold get, list and watch with RBAC");
        return;
    }
    const char *names[OPERATION_COUNT];
    for (size_t i = 0; i < OPERATION_COUNT; i++) names[i] = operations[i].name;
    const char *near = suggest_nearest(word.text, names, OPERATION_COUNT);
    if (strcmp(word.text, "drain") == 0) near = "evict";
    if (strcmp(word.text, "*") == 0) near = "all";
    if (strcmp(word.text, "patch") == 0) near = "update";
    if (near) diag_fix(lowering->diags, word.span, near);
    diag_help(lowering->diags, near ? "did you mean '%s'?" : "use create, update, delete or write%s", near ? near : "");
}

static void wrong_operation(struct lowering *lowering, struct word word, const struct target *target,
                            const char *help) {
    const char *name =
        target->subresource ? arena_printf(lowering->arena, "%s/%s", target->name, target->subresource) : target->name;
    diag_report(lowering->diags, DIAG_WRONG_OPERATION, word.span, "'%s' does not support operation '%s'", name,
                word.text);
    diag_relate(lowering->diags, target->span, "this resource");
    diag_help(lowering->diags, "%s", help);
}

// The words behind `deny` that the resource takes, separated by commas.
static const char *operations_of(struct arena *arena, const struct target *target) {
    struct text text;
    text_init(&text, arena);
    for (size_t i = 0; i < OPERATION_COUNT; i++) {
        const char *verb = operations[i].operations == OP_CREATE   ? "create"
                           : operations[i].operations == OP_UPDATE ? "update"
                           : operations[i].operations == OP_DELETE ? "delete"
                                                                   : NULL;
        const bool has = verb ? text_has_word(target->resource->verbs, verb)
                              : !operations[i].operations && (acts_of(target) & operations[i].acts);
        if (has) text_printf(&text, "%s%s", text.len ? ", " : "", operations[i].name);
    }
    return text.len ? text_string(&text) : "none that a lock could see";
}

// RBAC verbs are what discovery knows of a resource: without them, no such request ever arrives.
static void check_verbs(struct lowering *lowering, struct word word, size_t operation,
                        const struct object_scope *scope) {
    const unsigned asked = operations[operation].operations, acts = operations[operation].acts;
    if (strcmp(word.text, "write") == 0 || strcmp(word.text, "all") == 0) return;
    for (size_t i = 0; i < scope->target_count; i++) {
        const struct target *target = &scope->targets[i];
        if (!target->resource) continue;
        const char *verbs = target->resource->verbs;
        const bool has = (asked == OP_CREATE && text_has_word(verbs, "create")) ||
                         (asked == OP_UPDATE && text_has_word(verbs, "update")) ||
                         (asked == OP_DELETE && text_has_word(verbs, "delete")) || (!asked && (acts_of(target) & acts));
        if (has) continue;
        const bool scale = acts == ACT_SCALE && !target->resource->built_in;
        wrong_operation(
            lowering, word, target,
            scale ? arena_printf(lowering->arena,
                                 "if it has this subresource, declare it: resource %s … subresources scale",
                                 catalog_name(lowering->arena, target->resource))
                  : arena_printf(lowering->arena, "its operations are: %s", operations_of(lowering->arena, target)));
    }
}

// A subresource as the resource of a lock has the one operation that requests for it are.
static const char *operation_of_subresource(const char *subresource) {
    const struct kube_act *act = kube_act_of(subresource);
    if (!act || act->act == ACT_SCALE) return "update";
    return act->shape == SHAPE_CONNECT ? "connect" : "create";
}

static bool denies_subresource(const char *subresource, struct word word, size_t operation) {
    const char *has = operation_of_subresource(subresource);
    const struct kube_act *act = kube_act_of(subresource);
    return strcmp(word.text, has) == 0 || strcmp(word.text, "all") == 0 ||
           (strcmp(word.text, "write") == 0 && strcmp(has, "connect") != 0) ||
           (act && operations[operation].by_itself && (operations[operation].acts & act->act));
}

static void deny_on_subresource(struct lowering *lowering, const struct ast_clause *deny, const struct target *target,
                                struct lock *lock) {
    const struct kube_act *act = kube_act_of(target->subresource);
    bool denied = false;
    for (size_t i = 0; i < deny->words.count; i++) {
        const size_t operation = operation_index(deny->words.items[i]);
        denied |=
            operation < OPERATION_COUNT && denies_subresource(target->subresource, deny->words.items[i], operation);
    }
    if (!denied)
        wrong_operation(
            lowering, deny->words.items[0], target,
            arena_printf(lowering->arena, "requests for it are: %s", operation_of_subresource(target->subresource)));
    else if (act)
        lock->acts |= act->act;
    else
        lock->denies |= OP_UPDATE;
}

void lower_check_operations(struct lowering *lowering, const struct ast_clause *deny) {
    for (size_t i = 0; i < deny->words.count; i++)
        if (operation_index(deny->words.items[i]) == OPERATION_COUNT) unknown_operation(lowering, deny->words.items[i]);
}

// Changing and deleting; of a subresource, what requests for it are.
static void deny_by_default(const struct object_scope *scope, struct lock *lock) {
    for (size_t i = 0; i < scope->target_count; i++) {
        const char *subresource = scope->targets[i].subresource;
        const struct kube_act *act = subresource ? kube_act_of(subresource) : NULL;
        lock->denies |= act ? 0 : subresource ? OP_UPDATE : OPS_STORED;
        lock->acts |= act           ? (unsigned)act->act
                      : subresource ? 0u
                                    : acts_of(&scope->targets[i]) & (ACT_SCALE | ACT_EVICT);
    }
}

// What is denied on the resources of one part of the lock, which are all of them objects or all one subresource.
void lower_deny(struct lowering *lowering, const struct ast_clause *deny, const struct object_scope *scope,
                struct lock *lock) {
    if (!deny) {
        deny_by_default(scope, lock);
        return;
    }
    for (size_t i = 0; i < scope->target_count; i++)
        if (scope->targets[i].subresource) deny_on_subresource(lowering, deny, &scope->targets[i], lock);
    if (scope->target_count && scope->targets[0].subresource) return;
    const unsigned acts = lower_acts_in(scope);
    for (size_t i = 0; i < deny->words.count; i++) {
        const size_t operation = operation_index(deny->words.items[i]);
        if (operation == OPERATION_COUNT) continue;
        check_verbs(lowering, deny->words.items[i], operation, scope);
        lock->denies |= operations[operation].operations;
        lock->acts |= operations[operation].acts & acts & ~(unsigned)(ACT_BIND | ACT_TOKEN);
    }
}
