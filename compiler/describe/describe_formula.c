// Formulas as expressions of the language.
#include <string.h>

#include "base/text.h"
#include "cel/cel.h"
#include "data/json.h"
#include "data/regex.h"
#include "data/value.h"
#include "describe/describe_internal.h"
#include "kubernetes/operations.h"

enum binding { BINDS_OR, BINDS_AND, BINDS_NOT };

// `depth` is the number of `any` and `all` around, by which their variables are counted.
static void add_formula(struct text *text, const struct formula *formula, enum binding around, int depth);

// ---- words ----

static bool is_word(const char *text) {
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./:-";
    const size_t len = strlen(text);
    if (!len || strspn(text, letters) != len) return false;
    return !strchr("./:-", text[0]) && !strchr("./:-", text[len - 1]);
}

static void add_quoted(struct text *text, const char *string) {
    const struct value value = {.kind = VALUE_STRING, .as.string = string};
    json_print(text, &value, false);
}

static void add_word(struct text *text, const char *word) {
    if (is_word(word))
        text_add_string(text, word);
    else
        add_quoted(text, word);
}

// Texts that fields are compared with are quoted where they would be numbers or booleans otherwise.
static bool is_plain_text(const struct formula *atom, const char *string) {
    if (atom->kind != FORMULA_FIELD || atom->quantity) return is_word(string);
    return is_word(string) && (strchr("0123456789", string[0]) == NULL) && !text_has_word("true false null", string);
}

static void add_constant(struct text *text, const struct formula *atom, const struct value *value) {
    if (value->kind != VALUE_STRING)
        json_print(text, value, false);
    else if (is_plain_text(atom, value->as.string))
        text_add_string(text, value->as.string);
    else
        add_quoted(text, value->as.string);
}

enum { SHOWN_CONSTANTS = 8 };

static void add_constants(struct text *text, const struct formula *atom) {
    for (size_t i = 0; i < atom->value_count && i < SHOWN_CONSTANTS; i++) {
        if (i) text_add_string(text, ", ");
        add_constant(text, atom, atom->values[i]);
    }
    if (atom->value_count > SHOWN_CONSTANTS) text_printf(text, " and %zu more", atom->value_count - SHOWN_CONSTANTS);
}

// ---- what is read ----

static void add_variable(struct text *text, int variable) {
    text_add_char(text, (char)('x' + variable % 3));
    if (variable >= 3) text_printf(text, "%d", variable / 3);
}

void describe_path(struct text *text, const struct field_path *path) {
    bool first = path->variable < 0;
    if (!first) add_variable(text, path->variable);
    for (size_t i = 0; i < path->count; i++) {
        const struct segment *segment = &path->segments[i];
        if (!segment->key) {
            text_add_string(text, "[*]");
        } else if (is_word(segment->key) && !strpbrk(segment->key, "./:-")) {
            if (!first) text_add_char(text, '.');
            text_add_string(text, segment->key);
        } else {
            text_add_char(text, '[');
            add_quoted(text, segment->key);
            text_add_char(text, ']');
        }
        first = false;
    }
}

static void add_keyed(struct text *text, const char *what, const char *key) {
    text_add_string(text, what);
    add_word(text, key);
}

static void add_reading(struct text *text, const struct formula *atom);

// A name that is put together, as it is written.
static void add_joined(struct text *text, const struct formula *join) {
    struct text name;
    text_init(&name, text->arena);
    for (size_t i = 0; i < join->operand_count; i++) {
        const struct formula *part = join->operands[i];
        const bool plain = part->kind == FORMULA_TEXT;
        if (!plain) text_add_char(&name, '{');
        for (const char *c = plain ? part->values[0]->as.string : ""; *c; c++) {
            if (*c == '{') text_add_char(&name, '{');
            text_add_char(&name, *c);
        }
        if (plain) continue;
        add_reading(&name, part);
        text_add_char(&name, '}');
    }
    add_quoted(text, text_string(&name));
}

static void add_reading(struct text *text, const struct formula *atom) {
    if (atom->state != STATE_SELF) text_add_string(text, atom->state == STATE_OLD ? "old " : "new ");
    switch (atom->kind) {
    case FORMULA_LABEL: add_keyed(text, "label ", atom->key); break;
    case FORMULA_ANNOTATION: add_keyed(text, "annotation ", atom->key); break;
    case FORMULA_NAMESPACE_LABEL: add_keyed(text, "namespace label ", atom->key); break;
    case FORMULA_EXTRA: add_keyed(text, "extra ", atom->key); break;
    case FORMULA_LABEL_KEY: text_add_string(text, "any label"); break;
    case FORMULA_ANNOTATION_KEY: text_add_string(text, "any annotation"); break;
    case FORMULA_NAME: text_add_string(text, "name"); break;
    case FORMULA_NAMESPACE: text_add_string(text, "namespace"); break;
    case FORMULA_USER: text_add_string(text, "user"); break;
    case FORMULA_UID: text_add_string(text, "uid"); break;
    case FORMULA_RESOURCE: text_add_string(text, "resource"); break;
    case FORMULA_GROUP: text_add_string(text, "group"); break;
    case FORMULA_JOIN: add_joined(text, atom); break;
    default: text_add_string(text, "field "); describe_path(text, &atom->path);
    }
}

// ---- comparisons ----

static const char *sign_of(enum comparison compare, bool negated) {
    switch (compare) {
    case CMP_EXISTS: break;
    case CMP_IN:
    case CMP_EQ: return negated ? " != " : " = ";
    case CMP_LT: return " < ";
    case CMP_LE: return " <= ";
    case CMP_GT: return " > ";
    case CMP_GE: return " >= ";
    case CMP_MATCHES: return " matches ";
    case CMP_CONTAINS: return " contains ";
    }
    return "";
}

static void add_pattern(struct text *text, const char *pattern) {
    const char *glob = regex_to_glob(text->arena, pattern);
    text_add_string(text, glob ? " like " : " matches ");
    add_quoted(text, glob ? glob : pattern);
}

static void add_right_side(struct text *text, const struct formula *atom, bool negated) {
    const bool list = atom->compare == CMP_IN && atom->value_count != 1;
    if (atom->compare == CMP_MATCHES && atom->value_count) {
        add_pattern(text, atom->values[0]->as.string);
        return;
    }
    text_add_string(text, list ? negated ? " not in (" : " in (" : sign_of(atom->compare, negated));
    add_constants(text, atom);
    if (list) text_add_char(text, ')');
    if (atom->operand_count) add_reading(text, atom->operands[0]);
}

static bool is_comparison(const struct formula *formula) {
    switch (formula->kind) {
    case FORMULA_TRUE:
    case FORMULA_FALSE:
    case FORMULA_AND:
    case FORMULA_OR:
    case FORMULA_NOT:
    case FORMULA_GROUP:
    case FORMULA_MAY:
    case FORMULA_TENANT:
    case FORMULA_OPERATION:
    case FORMULA_ANY:
    case FORMULA_ALL:
    case FORMULA_SOURCE_SELECTS:
    case FORMULA_IS_SOURCE:
    case FORMULA_CEL: return false;
    default: return true;
    }
}

static void add_comparison(struct text *text, const struct formula *atom, bool negated) {
    const bool negates_itself = negated && (atom->compare == CMP_IN || atom->compare == CMP_EQ);
    if (negated && !negates_itself) text_add_string(text, "not ");
    add_reading(text, atom);
    add_right_side(text, atom, negates_itself);
}

// ---- the rest ----

static void add_operations(struct text *text, unsigned operations) {
    bool first = true;
    text_add_string(text, "operation in (");
    for (size_t i = 0; i < KUBE_OPERATION_COUNT; i++) {
        if (!(operations & kube_operations[i].operation)) continue;
        text_printf(text, "%s%s", first ? "" : ", ", kube_operations[i].word);
        first = false;
    }
    text_add_char(text, ')');
}

static void add_quantified(struct text *text, const struct formula *formula, int depth) {
    text_add_string(text, formula->kind == FORMULA_ANY ? "any " : "all ");
    describe_path(text, &formula->path);
    text_add_string(text, " as ");
    add_variable(text, depth);
    text_add_string(text, " ( ");
    add_formula(text, formula->operands[0], BINDS_OR, depth + 1);
    text_add_string(text, " )");
}

static void add_chain(struct text *text, const struct formula *chain, enum binding around, int depth) {
    const enum binding own = chain->kind == FORMULA_AND ? BINDS_AND : BINDS_OR;
    const bool enclosed = own < around && chain->operand_count > 1;
    if (enclosed) text_add_char(text, '(');
    for (size_t i = 0; i < chain->operand_count; i++) {
        if (i) text_add_string(text, own == BINDS_AND ? " and " : " or ");
        add_formula(text, chain->operands[i], chain->operand_count > 1 ? (enum binding)(own + 1) : around, depth);
    }
    if (enclosed) text_add_char(text, ')');
}

static void add_formula(struct text *text, const struct formula *formula, enum binding around, int depth) {
    switch (formula->kind) {
    case FORMULA_TRUE: text_add_string(text, "always"); break;
    case FORMULA_FALSE: text_add_string(text, "never"); break;
    case FORMULA_AND:
    case FORMULA_OR: add_chain(text, formula, around, depth); break;
    case FORMULA_NOT:
        if (is_comparison(formula->operands[0])) {
            add_comparison(text, formula->operands[0], true);
        } else {
            text_add_string(text, "not ");
            add_formula(text, formula->operands[0], BINDS_NOT, depth);
        }
        break;
    case FORMULA_GROUP:
        if (formula->compare != CMP_IN) {
            add_comparison(text, formula, false);
            break;
        }
        text_add_string(text, "group ");
        if (formula->value_count) add_constant(text, formula, formula->values[0]);
        break;
    case FORMULA_MAY: add_keyed(text, "may ", formula->key); break;
    case FORMULA_TENANT: text_add_string(text, "tenant"); break;
    case FORMULA_OPERATION: add_operations(text, formula->operations); break;
    case FORMULA_ANY:
    case FORMULA_ALL: add_quantified(text, formula, depth); break;
    case FORMULA_SOURCE_SELECTS:
        text_printf(text, "a ConfigMap labeled %s", formula->key);
        if (formula->value_count) text_add_string(text, formula->value_count > 1 ? " in (" : "=");
        add_constants(text, formula);
        if (formula->value_count > 1) text_add_char(text, ')');
        text_add_string(text, " says so");
        break;
    case FORMULA_IS_SOURCE: text_add_string(text, "a lock can be read from it"); break;
    case FORMULA_CEL:
        if (formula->key) {
            text_add_string(text, formula->key);
            break;
        }
        text_add_string(text, "cel ");
        add_quoted(text, cel_text(formula->cel));
        break;
    default: add_comparison(text, formula, false);
    }
}

void describe_formula(struct text *text, const struct formula *formula) {
    add_formula(text, formula, BINDS_OR, 0);
}

// ---- selectors ----

static const struct formula *without_negation(const struct formula *formula) {
    return formula->kind == FORMULA_NOT ? formula->operands[0] : formula;
}

static bool is_requirement(const struct formula *formula) {
    const struct formula *atom = without_negation(formula);
    const bool compares = atom->compare == CMP_EXISTS || atom->compare == CMP_IN;
    return (atom->kind == FORMULA_LABEL || atom->kind == FORMULA_NAMESPACE_LABEL) && compares && !atom->operand_count &&
           atom->state == STATE_SELF;
}

static void add_requirement(struct text *text, const struct formula *formula) {
    const struct formula *atom = without_negation(formula);
    const bool negated = atom != formula, one = atom->value_count == 1;
    if (negated && atom->compare == CMP_EXISTS) text_add_char(text, '!');
    text_add_string(text, atom->key);
    if (atom->compare == CMP_EXISTS) return;
    text_add_string(text, one ? negated ? "!=" : "=" : negated ? " notin (" : " in (");
    add_constants(text, atom);
    if (!one) text_add_char(text, ')');
}

bool describe_selector(struct text *text, const struct formula *formula) {
    const bool chain = formula->kind == FORMULA_AND;
    const size_t count = chain ? formula->operand_count : 1;
    for (size_t i = 0; i < count; i++)
        if (!is_requirement(chain ? formula->operands[i] : formula)) return false;
    for (size_t i = 0; i < count; i++) {
        if (i) text_add_char(text, ',');
        add_requirement(text, chain ? formula->operands[i] : formula);
    }
    return true;
}
