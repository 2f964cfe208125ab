// Formulas and what they read; see formula.h.
#include "policy/formula.h"

#include <string.h>

#include "base/arena.h"
#include "base/text.h"
#include "cel/cel.h"
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

// ---- copies ----

struct formula *formula_map(struct arena *arena, const struct formula *expr, formula_change *change,
                            const void *context) {
    struct formula *copy = ARENA_NEW(arena, struct formula);
    *copy = *expr;
    copy->operands = NULL;
    copy->operand_count = 0;
    for (size_t i = 0; i < expr->operand_count; i++) {
        struct formula *operand = formula_map(arena, expr->operands[i], change, context);
        if (!operand) return NULL;
        ARENA_PUSH(arena, copy->operands, copy->operand_count, operand);
    }
    return change(arena, copy, context);
}

static struct formula *leave(struct arena *arena, struct formula *part, const void *context) {
    (void)arena, (void)context;
    return part;
}

struct formula *formula_copy(struct arena *arena, const struct formula *expr) {
    return expr ? formula_map(arena, expr, leave, NULL) : NULL;
}

static struct formula *ask_namespace(struct arena *arena, struct formula *part, const void *context) {
    (void)arena, (void)context;
    if (part->kind == FORMULA_NAMESPACE_LABEL) part->kind = FORMULA_LABEL;
    return part;
}

struct formula *formula_of_namespace(struct arena *arena, const struct formula *expr) {
    return formula_map(arena, expr, ask_namespace, NULL);
}

// ---- text ----

// With its length, so that no text can look like two, or like a part of the structure.
static void print_text(struct text *text, const char *part) {
    const size_t len = strlen(part);
    text_add_number(text, len);
    text_add_char(text, ':');
    text_add(text, part, len);
}

void path_print(struct text *text, const struct field_path *path) {
    if (path->variable < 0) text_add_char(text, '-');
    text_add_number(text, (uint64_t)(path->variable < 0 ? -path->variable : path->variable));
    for (size_t i = 0; i < path->count; i++) {
        text_add_char(text, '/');
        if (path->segments[i].key)
            print_text(text, path->segments[i].key);
        else
            text_add_char(text, '*');
    }
}

bool formula_has_texts(const struct formula *expr) {
    bool strings = true;
    for (size_t i = 0; i < expr->value_count; i++) strings &= expr->values[i]->kind == VALUE_STRING;
    return strings;
}

static void print_constant(struct text *text, const struct value *value) {
    switch (value->kind) {
    case VALUE_STRING: print_text(text, value->as.string); break;
    case VALUE_BOOL: text_add_string(text, value->as.boolean ? " true" : " false"); break;
    case VALUE_INT: text_printf(text, " %lld", (long long)value->as.integer); break;
    case VALUE_DOUBLE: text_printf(text, " %.17g!", value->as.number); break;
    case VALUE_NULL:
    case VALUE_LIST:
    case VALUE_MAP: break; // no constant is one
    }
}

void formula_print(struct text *text, const struct formula *expr, enum formula_detail detail) {
    // One number for all that is one of a few: this is printed of every lock, many times.
    enum { KINDS = 64, STATES = 4, COMPARISONS = 16 };
    _Static_assert((int)FORMULA_JOIN < (int)KINDS && (int)STATE_NEW < (int)STATES && (int)CMP_EQ < (int)COMPARISONS,
                   "two would print as one");
    const unsigned reads = expr->operations * 2U + expr->reads_stored;
    text_add_char(text, '(');
    text_add_number(text,
                    ((uint64_t)(reads * COMPARISONS + expr->compare) * STATES + expr->state) * KINDS + expr->kind);
    if (expr->quantity) text_add_string(text, " quantity");
    if (expr->is_text) text_add_string(text, " text");
    if (expr->not_system) text_add_string(text, " named");
    if (expr->not_of_node) text_add_string(text, " others");
    text_add_char(text, ' ');
    if (expr->key) print_text(text, expr->key);
    if (expr->kind == FORMULA_FIELD || expr->kind == FORMULA_ANY || expr->kind == FORMULA_ALL)
        path_print(text, &expr->path);
    if (expr->value_count) text_add_char(text, formula_has_texts(expr) ? 's' : 'n');
    for (size_t i = 0; detail == FORMULA_WHOLE && i < expr->value_count; i++) print_constant(text, expr->values[i]);
    if (expr->kind == FORMULA_CEL && expr->cel) print_text(text, cel_text(expr->cel));
    for (size_t i = 0; i < expr->operand_count; i++) formula_print(text, expr->operands[i], detail);
    text_add_char(text, ')');
}

// ---- questions ----

// Whether an atom of this kind reads what an object holds beside its name.
static bool reads_content(enum formula_kind kind) {
    switch (kind) {
    case FORMULA_LABEL:
    case FORMULA_ANNOTATION:
    case FORMULA_LABEL_KEY:
    case FORMULA_ANNOTATION_KEY:
    case FORMULA_FIELD:
    case FORMULA_ANY:
    case FORMULA_ALL:
    case FORMULA_SOURCE_SELECTS:
    case FORMULA_IS_SOURCE: return true;
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
    case FORMULA_TENANT:
    case FORMULA_EXTRA:
    case FORMULA_RESOURCE:
    case FORMULA_OPERATION:
    case FORMULA_TEXT:
    case FORMULA_JOIN:
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
    case FORMULA_SOURCE_SELECTS:
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
    case FORMULA_TENANT: return READS_REQUESTER | READS_NAMESPACE;
    case FORMULA_OPERATION: return READS_OPERATION;
    case FORMULA_CEL: return READS_CEL;
    case FORMULA_TRUE:
    case FORMULA_FALSE:
    case FORMULA_AND:
    case FORMULA_OR:
    case FORMULA_NOT:
    case FORMULA_TEXT:
    case FORMULA_JOIN:
    case FORMULA_IS_SOURCE:
    case FORMULA_RESOURCE: break;
    }
    return 0;
}

static bool is_computed(const struct formula *part) {
    return part->kind == FORMULA_JOIN || part->kind == FORMULA_TENANT;
}

bool formula_is_computed(const struct formula *expr) {
    return formula_any(expr, is_computed);
}

bool formula_compares_readings(const struct formula *expr) {
    switch (expr->kind) {
    case FORMULA_AND:
    case FORMULA_OR:
    case FORMULA_NOT:
    case FORMULA_ANY:
    case FORMULA_ALL:
    case FORMULA_JOIN:
    case FORMULA_IS_SOURCE:
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
    return part->kind == FORMULA_LABEL_KEY || part->kind == FORMULA_SOURCE_SELECTS ||
           (reads_itself(part) & ~(unsigned)(READS_LABELS | READS_REQUESTER)) || part->kind == FORMULA_TRUE ||
           part->kind == FORMULA_FALSE || part->kind == FORMULA_RESOURCE;
}

bool formula_is_by_labels(const struct formula *expr) {
    return (formula_reads(expr) & READS_LABELS) && !formula_any(expr, is_beside_labels);
}

// CEL names the states it reads by itself, and what hangs on a variable moves with the list that it is bound to.
bool formula_is_immutable(const struct formula *expr) {
    if (reads_content(expr->kind) && !expr->reads_stored && expr->path.variable < 0) return false;
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

static bool reads_old(const struct formula *part) {
    return part->state == STATE_OLD || (part->cel && cel_reads(part->cel, "oldObject"));
}

// Whether the formula reads anything of the object, or of where it is.
static bool is_about_object(const struct formula *part) {
    return reads_content(part->kind) || part->kind == FORMULA_NAME || part->kind == FORMULA_NAMESPACE ||
           part->kind == FORMULA_NAMESPACE_LABEL ||
           (part->cel && (cel_reads(part->cel, "object") || cel_reads(part->cel, "namespaceObject")));
}

bool formula_ratchets(const struct formula *part) {
    return formula_any(part, is_about_object) && !formula_any(part, reads_old);
}

static bool is_about_replicas(const struct formula *part) {
    const struct field_path *path = &part->path;
    const bool spec =
        path->variable < 0 && path->count == 1 && path->segments[0].key && strcmp(path->segments[0].key, "spec") == 0;
    return part->kind == FORMULA_FIELD && (spec || path_is_replicas(path));
}

bool formula_reads_replicas(const struct formula *part) {
    return formula_any(part, is_about_replicas);
}

size_t formula_count_checks(const struct formula *expr) {
    size_t count = expr && expr->kind == FORMULA_MAY;
    for (size_t i = 0; expr && i < expr->operand_count; i++) count += formula_count_checks(expr->operands[i]);
    return count;
}
