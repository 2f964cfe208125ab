// Formulas and what they read; see formula.h.
#include "policy/formula.h"

#include <string.h>

#include "base/arena.h"
#include "cel/celexpr.h"
#include "data/value.h"

struct formula *formula_new(struct arena *arena, enum formula_kind kind) {
    struct formula *expr = ARENA_NEW(arena, struct formula);
    expr->kind = kind;
    expr->path.variable = -1;
    return expr;
}

void formula_add_operand(struct arena *arena, struct formula *chain, struct formula *operand) {
    if (operand->kind == chain->kind) {
        for (size_t i = 0; i < operand->operand_count; i++)
            ARENA_PUSH(arena, chain->operands, chain->operand_count, operand->operands[i]);
    } else {
        ARENA_PUSH(arena, chain->operands, chain->operand_count, operand);
    }
}

// `neutral` is dropped from the chain, `absorbing` swallows it.
static struct formula *join(struct arena *arena, enum formula_kind kind, struct formula *a, struct formula *b) {
    const enum formula_kind neutral = kind == FORMULA_AND ? FORMULA_TRUE : FORMULA_FALSE,
                            absorbing = kind == FORMULA_AND ? FORMULA_FALSE : FORMULA_TRUE;
    if (!a || a->kind == neutral) return b;
    if (b->kind == neutral || a->kind == absorbing) return a;
    if (b->kind == absorbing) return b;
    struct formula *chain = formula_new(arena, kind);
    formula_add_operand(arena, chain, a);
    formula_add_operand(arena, chain, b);
    return chain;
}

struct formula *formula_and(struct arena *arena, struct formula *a, struct formula *b) {
    return join(arena, FORMULA_AND, a, b);
}

struct formula *formula_or(struct arena *arena, struct formula *a, struct formula *b) {
    return join(arena, FORMULA_OR, a, b);
}

struct formula *formula_not(struct arena *arena, struct formula *operand) {
    if (operand->kind == FORMULA_NOT) return operand->operands[0];
    if (operand->kind == FORMULA_TRUE) return formula_new(arena, FORMULA_FALSE);
    if (operand->kind == FORMULA_FALSE) return formula_new(arena, FORMULA_TRUE);
    struct formula *expr = formula_new(arena, FORMULA_NOT);
    ARENA_PUSH(arena, expr->operands, expr->operand_count, operand);
    return expr;
}

struct formula *formula_is(struct arena *arena, enum formula_kind kind, const char *key, const char *text) {
    struct formula *expr = formula_new(arena, kind);
    expr->compare = CMP_IN;
    expr->key = key;
    const struct value *value = value_string(arena, text);
    ARENA_PUSH(arena, expr->values, expr->value_count, value);
    return expr;
}

// Whether an atom of this kind reads what an object holds beside its name.
static bool reads_content(enum formula_kind kind) {
    switch (kind) {
    case FORMULA_LABEL:
    case FORMULA_ANNOTATION:
    case FORMULA_LABEL_KEY:
    case FORMULA_ANNOTATION_KEY:
    case FORMULA_FIELD:
    case FORMULA_ANY:
    case FORMULA_ALL: return true;
    case FORMULA_AND:
    case FORMULA_OR:
    case FORMULA_NOT:
    case FORMULA_TRUE:
    case FORMULA_FALSE:
    case FORMULA_NAME:
    case FORMULA_NAMESPACE:
    case FORMULA_NAMESPACE_LABEL:
    case FORMULA_USER:
    case FORMULA_UID:
    case FORMULA_GROUP:
    case FORMULA_MAY:
    case FORMULA_EXTRA:
    case FORMULA_RESOURCE:
    case FORMULA_OPERATION:
    case FORMULA_CEL: return false;
    }
    return false;
}

bool formula_any(const struct formula *expr, bool (*is)(const struct formula *part)) {
    if (!expr) return false;
    bool found = is(expr);
    for (size_t i = 0; i < expr->operand_count && !found; i++) found = formula_any(expr->operands[i], is);
    return found;
}

static unsigned reads_itself(const struct formula *atom) {
    switch (atom->kind) {
    case FORMULA_LABEL:
    case FORMULA_LABEL_KEY: return READS_LABELS;
    case FORMULA_ANNOTATION:
    case FORMULA_ANNOTATION_KEY: return READS_ANNOTATIONS;
    case FORMULA_FIELD:
    case FORMULA_ANY:
    case FORMULA_ALL: return READS_FIELDS;
    case FORMULA_NAME: return READS_NAME;
    case FORMULA_NAMESPACE:
    case FORMULA_NAMESPACE_LABEL: return READS_NAMESPACE;
    case FORMULA_USER:
    case FORMULA_UID:
    case FORMULA_GROUP:
    case FORMULA_MAY:
    case FORMULA_EXTRA: return READS_REQUESTER;
    case FORMULA_OPERATION: return READS_OPERATION;
    case FORMULA_CEL: return READS_CEL;
    case FORMULA_TRUE:
    case FORMULA_FALSE:
    case FORMULA_AND:
    case FORMULA_OR:
    case FORMULA_NOT:
    case FORMULA_RESOURCE: break;
    }
    return 0;
}

bool formula_compares_readings(const struct formula *expr) {
    switch (expr->kind) {
    case FORMULA_AND:
    case FORMULA_OR:
    case FORMULA_NOT:
    case FORMULA_ANY:
    case FORMULA_ALL:
    case FORMULA_CEL: return false;
    default: return expr->operand_count > 0;
    }
}

unsigned formula_reads(const struct formula *expr) {
    if (!expr) return 0;
    unsigned reads = reads_itself(expr);
    if (expr->state == STATE_OLD) reads |= READS_OLD;
    if (expr->state == STATE_NEW) reads |= READS_NEW;
    for (size_t i = 0; i < expr->operand_count; i++) reads |= formula_reads(expr->operands[i]);
    return reads;
}

static bool is_beside_labels(const struct formula *part) {
    return part->kind == FORMULA_LABEL_KEY || (reads_itself(part) & ~(unsigned)(READS_LABELS | READS_REQUESTER)) ||
           part->kind == FORMULA_TRUE || part->kind == FORMULA_FALSE || part->kind == FORMULA_RESOURCE;
}

bool formula_is_by_labels(const struct formula *expr) {
    return (formula_reads(expr) & READS_LABELS) && !formula_any(expr, is_beside_labels);
}

// CEL names the states it reads by itself, and what hangs on a variable moves with the list that it is bound to.
bool formula_is_immutable(const struct formula *expr) {
    if (reads_content(expr->kind) && !expr->frozen && expr->path.variable < 0) return false;
    for (size_t i = 0; i < expr->operand_count; i++)
        if (!formula_is_immutable(expr->operands[i])) return false;
    return true;
}

bool formula_needs_name_only(const struct formula *expr) {
    if (reads_content(expr->kind) || expr->kind == FORMULA_CEL) return false;
    for (size_t i = 0; i < expr->operand_count; i++)
        if (!formula_needs_name_only(expr->operands[i])) return false;
    return true;
}

static bool is_cel(const struct formula *part) {
    return part->kind == FORMULA_CEL;
}

bool formula_has_cel(const struct formula *expr) {
    return formula_any(expr, is_cel);
}

bool path_is_metadata(const struct field_path *path) {
    return path->variable < 0 && path->count && path->segments[0].key && strcmp(path->segments[0].key, "metadata") == 0;
}

bool path_is_replicas(const struct field_path *path) {
    return path->variable < 0 && path->count == 2 && path->segments[0].key && path->segments[1].key &&
           strcmp(path->segments[0].key, "spec") == 0 && strcmp(path->segments[1].key, "replicas") == 0;
}

size_t formula_part_count(const struct formula *requirement) {
    return requirement->kind == FORMULA_AND ? requirement->operand_count : 1;
}

const struct formula *formula_part(const struct formula *requirement, size_t index) {
    return requirement->kind == FORMULA_AND ? requirement->operands[index] : requirement;
}

static bool reads_old(const struct formula *expr) {
    bool reads = expr->state == STATE_OLD || (expr->cel && cel_reads(expr->cel, "oldObject"));
    for (size_t i = 0; i < expr->operand_count && !reads; i++) reads = reads_old(expr->operands[i]);
    return reads;
}

// Whether the formula reads anything of the object, or of where it is.
static bool is_about_object(const struct formula *expr) {
    bool about = reads_content(expr->kind) || expr->kind == FORMULA_NAME || expr->kind == FORMULA_NAMESPACE ||
                 expr->kind == FORMULA_NAMESPACE_LABEL ||
                 (expr->cel && (cel_reads(expr->cel, "object") || cel_reads(expr->cel, "namespaceObject")));
    for (size_t i = 0; i < expr->operand_count && !about; i++) about = is_about_object(expr->operands[i]);
    return about;
}

bool formula_ratchets(const struct formula *part) {
    return is_about_object(part) && !reads_old(part);
}

bool formula_reads_replicas(const struct formula *part) {
    const struct field_path *path = &part->path;
    const bool spec =
        path->variable < 0 && path->count && path->segments[0].key && strcmp(path->segments[0].key, "spec") == 0;
    bool reads = part->kind == FORMULA_FIELD && ((spec && path->count == 1) || path_is_replicas(path));
    for (size_t i = 0; i < part->operand_count && !reads; i++) reads = formula_reads_replicas(part->operands[i]);
    return reads;
}

size_t formula_count_checks(const struct formula *expr) {
    size_t count = expr && expr->kind == FORMULA_MAY;
    for (size_t i = 0; expr && i < expr->operand_count; i++) count += formula_count_checks(expr->operands[i]);
    return count;
}

struct formula *formula_of_namespace(struct arena *arena, const struct formula *expr) {
    struct formula *copy = ARENA_NEW(arena, struct formula);
    *copy = *expr;
    if (copy->kind == FORMULA_NAMESPACE_LABEL) copy->kind = FORMULA_LABEL;
    copy->operands = NULL;
    copy->operand_count = 0;
    for (size_t i = 0; i < expr->operand_count; i++)
        ARENA_PUSH(arena, copy->operands, copy->operand_count, formula_of_namespace(arena, expr->operands[i]));
    return copy;
}
