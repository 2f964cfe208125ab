// What follows from what a webhook says; see policy.h.
#include <string.h>

#include "base/arena.h"
#include "policy/policy.h"

const char *webhook_verbs(enum operation operation) {
    switch (operation) {
    case OP_CREATE: return "create";
    case OP_UPDATE: return "update patch";
    case OP_DELETE: return "delete deletecollection";
    case OP_CONNECT: return "create get"; // what exec and the like are asked for with is POST or GET
    }
    return "";
}

// A subresource has one operation, which is that of the objects for those that carry them.
unsigned webhook_operations(const struct webhook *webhook, const struct target *target) {
    if (!target->subresource) return webhook->operations & OPS_WRITE;
    const struct kube_act *act = kube_act_of(target->subresource);
    return webhook->operations & (act ? (unsigned)act->operation : OP_UPDATE);
}

bool webhook_carries(const struct target *target) {
    return !target->subresource || kube_subresource_class(target->subresource) != SUBRESOURCE_OTHER;
}

static bool is_beside_replicas(const struct formula *part) {
    const bool reads = part->kind == FORMULA_FIELD || part->kind == FORMULA_ANY || part->kind == FORMULA_ALL;
    if (reads) return part->path.variable < 0 && !path_is_replicas(&part->path);
    return part->kind == FORMULA_LABEL || part->kind == FORMULA_ANNOTATION || part->kind == FORMULA_LABEL_KEY ||
           part->kind == FORMULA_ANNOTATION_KEY || part->kind == FORMULA_CEL;
}

bool webhook_asks(const struct formula *formula, const char *subresource) {
    const struct kube_act *act = kube_act_of(subresource);
    if (!act) return true;
    return act->act == ACT_SCALE ? !formula_any(formula, is_beside_replicas) : formula_needs_name_only(formula);
}

// One requirement of a selector; none for what takes more than the API server's selectors say.
static bool is_requirement(const struct formula *atom) {
    if (atom->kind == FORMULA_NOT) atom = atom->operands[0];
    if (atom->kind != FORMULA_LABEL && atom->kind != FORMULA_NAMESPACE_LABEL) return false;
    return !atom->operand_count &&
           (atom->compare == CMP_EXISTS || (atom->compare == CMP_IN && formula_has_texts(atom)));
}

bool formula_is_selector(const struct formula *formula) {
    for (size_t i = 0; i < formula_part_count(formula); i++)
        if (!is_requirement(formula_part(formula, i))) return false;
    return true;
}

bool webhook_selects_by_labels(const struct webhook *webhook) {
    if (!webhook->labels || !formula_is_selector(webhook->labels)) return false;
    for (size_t i = 0; i < webhook->scope.target_count; i++)
        if (!webhook_carries(&webhook->scope.targets[i])) return false;
    return true;
}

size_t webhook_conditions(struct arena *arena, const struct webhook *webhook,
                          struct webhook_condition **ret_conditions) {
    size_t count = 0;
    *ret_conditions = NULL;
    if (webhook->labels && !webhook_selects_by_labels(webhook)) {
        const struct webhook_condition labels = {"labels", webhook->labels, true};
        ARENA_PUSH(arena, *ret_conditions, count, labels);
    }
    if (webhook->selects) {
        const struct webhook_condition objects = {"objects", webhook->selects, true};
        ARENA_PUSH(arena, *ret_conditions, count, objects);
    }
    for (size_t i = 0; webhook->condition && i < formula_part_count(webhook->condition); i++) {
        const struct webhook_condition when = {arena_printf(arena, "when-%zu", i + 1),
                                               formula_part(webhook->condition, i), false};
        ARENA_PUSH(arena, *ret_conditions, count, when);
    }
    return count;
}
