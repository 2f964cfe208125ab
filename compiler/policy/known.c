// See known.h.
#include "policy/known.h"

#include <string.h>

#include "data/regex.h"
#include "data/value.h"

enum known known_bool(bool holds) {
    return holds ? KNOWN_TRUE : KNOWN_FALSE;
}

// Of a chain, the one operand that decides it outweighs all others.
static enum known known_of_chain(const struct formula *expr, enum known decisive, known_asker *ask,
                                 const void *context) {
    enum known result = decisive == KNOWN_FALSE ? KNOWN_TRUE : KNOWN_FALSE;
    for (size_t i = 0; i < expr->operand_count; i++) {
        const enum known one = known_of(expr->operands[i], ask, context);
        if (one == decisive) return decisive;
        if (one == KNOWN_MAYBE) result = KNOWN_MAYBE;
    }
    return result;
}

enum known known_of(const struct formula *expr, known_asker *ask, const void *context) {
    switch (expr->kind) {
    case FORMULA_TRUE: return KNOWN_TRUE;
    case FORMULA_FALSE: return KNOWN_FALSE;
    case FORMULA_AND: return known_of_chain(expr, KNOWN_FALSE, ask, context);
    case FORMULA_OR: return known_of_chain(expr, KNOWN_TRUE, ask, context);
    case FORMULA_NOT: {
        const enum known one = known_of(expr->operands[0], ask, context);
        return one == KNOWN_MAYBE ? KNOWN_MAYBE : known_bool(one == KNOWN_FALSE);
    }
    default: return ask(context, expr);
    }
}

static enum known known_of_text(const struct identity *identity, const struct formula *atom, const char *text) {
    if (atom->compare == CMP_EXISTS) return KNOWN_TRUE;
    if (atom->compare == CMP_MATCHES && atom->regex)
        return known_bool(regex_match(atom->regex, text, strlen(text), identity->arena));
    bool found = false;
    for (size_t i = 0; i < atom->value_count; i++) {
        const struct value *value = atom->values[i];
        found |= value->kind == VALUE_STRING && strcmp(value->as.string, text) == 0; // `user < 5` compares a number
    }
    return atom->compare == CMP_IN ? known_bool(found) : KNOWN_MAYBE;
}

// One of the groups is it, or perhaps matches.
static enum known known_of_groups(const struct identity *identity, const struct formula *atom) {
    enum known result = KNOWN_FALSE;
    for (size_t i = 0; identity->groups[i] && result == KNOWN_FALSE; i++)
        result = known_of_text(identity, atom, identity->groups[i]);
    return result;
}

enum known known_of_identity(const void *identity, const struct formula *atom) {
    if (formula_compares_readings(atom)) return KNOWN_MAYBE;
    if (atom->kind == FORMULA_USER) return known_of_text(identity, atom, ((const struct identity *)identity)->user);
    return atom->kind == FORMULA_GROUP ? known_of_groups(identity, atom) : KNOWN_MAYBE;
}
