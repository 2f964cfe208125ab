// Expressions of section 4 of the language → formulas.
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/arena.h"
#include "base/map.h"
#include "base/suggest.h"
#include "base/text.h"
#include "cel/cel.h"
#include "data/quantity.h"
#include "data/regex.h"
#include "data/value.h"
#include "kubernetes/catalog.h"
#include "kubernetes/kube.h"
#include "lower/lower.h"
#include "report/diag.h"

static const char label_value_rule[] =
    "at most 63 letters, digits, '-', '_' and '.', beginning and ending with a letter or digit";
const char lower_label_key_rule[] =
    "a key is [PREFIX/]NAME: a DNS name, a slash, and at most 63 letters, digits, '-', '_' and '.'";

// Whether all of the text is a decimal number as JSON has it; *ret_integral tells integers from the rest.
static bool is_number(const char *text, bool *ret_integral) {
    const char *at = text + (*text == '-');
    const size_t whole = strspn(at, "0123456789");
    if (!whole || (whole > 1 && *at == '0')) return false;
    at += whole;
    *ret_integral = !*at;
    if (!*at) return true;
    if (*at++ != '.') return false;
    const size_t fraction = strspn(at, "0123456789");
    return fraction && !at[fraction];
}

const struct value *lower_value(struct lowering *lowering, struct word word) {
    struct arena *arena = lowering->arena;
    bool integral = false;
    if (!word.quoted) {
        if (strcmp(word.text, "true") == 0) return value_bool(arena, true);
        if (strcmp(word.text, "false") == 0) return value_bool(arena, false);
        if (is_number(word.text, &integral)) {
            errno = 0;
            const long long integer = integral ? strtoll(word.text, NULL, 10) : 0;
            if (integral && errno == 0) return value_int(arena, integer);
            return value_double(arena, strtod(word.text, NULL));
        }
    }
    return value_string(arena, word.text);
}

// Labels and annotations have keys of their own kind; one that can be no key would never be there.
static bool is_metadata_key(const struct ast_path *path, size_t at) {
    const char *map = at == 2 && path->items[0].key ? path->items[1].key : NULL;
    return map && strcmp(path->items[0].key, "metadata") == 0 &&
           (strcmp(map, "labels") == 0 || strcmp(map, "annotations") == 0);
}

static void check_path_key(struct lowering *lowering, const struct ast_path *path, size_t at, bool patterns) {
    const struct ast_segment *segment = &path->items[at];
    const bool wild = strpbrk(segment->key, "*?") != NULL, of_metadata = is_metadata_key(path, at);
    if (of_metadata && (kube_is_label_key(segment->key) || (patterns && wild))) return;
    if (of_metadata && !wild) {
        diag_report(lowering->diags, DIAG_BAD_NAME, segment->span, "'%.80s' is not a valid label or annotation key",
                    segment->key);
        diag_help(lowering->diags, "%s", lower_label_key_rule);
    } else if (of_metadata) {
        diag_report(lowering->diags, DIAG_KEY_PATTERN, segment->span, "a field has one key, but '%.80s' is a pattern",
                    segment->key);
        diag_help(lowering->diags, "ask for keys by a pattern with: any %.*s like \"%.80s\"",
                  (int)strlen(path->items[1].key) - 1, path->items[1].key, segment->key);
    } else if (patterns && wild) {
        diag_report(lowering->diags, DIAG_KEY_PATTERN, segment->span,
                    "'%.80s' would be a literal key here: only labels and annotations take patterns", segment->key);
        diag_help(lowering->diags, "name the map that holds the keys instead: that includes all of them");
    }
}

static void set_key_pattern(struct lowering *lowering, struct segment *segment) {
    const char *error = NULL;
    size_t offset = 0;
    segment->pattern = regex_from_glob(lowering->arena, segment->key);
    segment->regex = regex_compile(lowering->arena, segment->pattern, &error, &offset);
}

struct field_path lower_path(struct lowering *lowering, const struct expr_context *context,
                             const struct ast_path *path) {
    struct field_path result = {.variable = -1};
    size_t first = 0;
    int depth = -1;
    for (const struct expr_context *at = context; at; at = at->outer) depth += at->variable != NULL;
    int variable = depth;
    for (const struct expr_context *at = context; at && path->items[0].key; at = at->outer) {
        if (!at->variable) continue;
        if (strcmp(at->variable, path->items[0].key) == 0) {
            result.variable = variable;
            first = 1;
            break;
        }
        variable--;
    }
    struct segment *segments = ARENA_ARRAY(lowering->arena, struct segment, path->count);
    for (size_t i = first; i < path->count; i++) {
        segments[i - first].key = path->items[i].key;
        if (!path->items[i].key || result.variable >= 0) continue;
        check_path_key(lowering, path, i, !context);
        if (!context && is_metadata_key(path, i) && strpbrk(path->items[i].key, "*?"))
            set_key_pattern(lowering, &segments[i - first]);
    }
    result.segments = segments;
    result.count = path->count - first;
    return result;
}

static bool is_below_status(const struct field_path *path) {
    return path->variable < 0 && path->count && path->segments[0].key && strcmp(path->segments[0].key, "status") == 0;
}

static void bad_value(struct lowering *lowering, struct word word, enum diag_code code, const char *what,
                      const char *rule) {
    diag_report(lowering->diags, code, word.span, "'%s' is not a valid %s", word.text, what);
    diag_help(lowering->diags, "%s", rule);
}

static void check_key(struct lowering *lowering, struct word key, const char *what) {
    if (!kube_is_label_key(key.text)) bad_value(lowering, key, DIAG_BAD_NAME, what, lower_label_key_rule);
}

// What the equality tests of an atom may be compared with.
static void check_operand(struct lowering *lowering, enum ast_expr_kind kind, struct word word) {
    switch (kind) {
    case AST_EXPR_LABEL:
    case AST_EXPR_NAMESPACE_LABEL:
        if (!kube_is_label_value(word.text)) bad_value(lowering, word, DIAG_BAD_NAME, "label value", label_value_rule);
        break;
    case AST_EXPR_NAMESPACE:
        if (!kube_is_dns_label(word.text))
            bad_value(lowering, word, DIAG_BAD_NAME, "namespace name", "at most 63 lower-case letters, digits and '-'");
        break;
    case AST_EXPR_NAME: (void)lower_check_name(lowering, word, false); break;
    case AST_EXPR_USER: (void)lower_check_identity(lowering, word, "user"); break;
    default: break;
    }
}

static bool is_text_atom(enum formula_kind kind) {
    return kind != FORMULA_FIELD;
}

// The work of a glob grows with its stars, in the API server as here.
static bool check_glob(struct lowering *lowering, struct word word) {
    enum { MAX_STARS = 100 };
    size_t stars = 0;
    for (const char *c = word.text; *c; c++) stars += *c == '*';
    if (stars <= MAX_STARS) return true;
    diag_report(lowering->diags, DIAG_BAD_PATTERN, word.span, "invalid pattern: a glob with %zu '*'", stars);
    diag_help(lowering->diags, "at most %d are allowed; shorten it, or use 'matches'", MAX_STARS);
    return false;
}

// The characters that what is read is made of; NULL for any.
static const char *alphabet_of(enum formula_kind kind) {
#define LOWER "abcdefghijklmnopqrstuvwxyz0123456789-"
#define LABEL LOWER "ABCDEFGHIJKLMNOPQRSTUVWXYZ._"
    switch (kind) {
    case FORMULA_LABEL:
    case FORMULA_NAMESPACE_LABEL: return LABEL;
    case FORMULA_LABEL_KEY:
    case FORMULA_ANNOTATION_KEY: return LABEL "/";
    case FORMULA_NAMESPACE: return LOWER;
    default: return NULL;
    }
#undef LOWER
#undef LABEL
}

static void check_pattern(struct lowering *lowering, const struct formula *atom, struct word word, bool glob) {
    if (!regex_can_match(atom->regex, alphabet_of(atom->kind), lowering->arena)) {
        diag_report(lowering->diags, DIAG_NEVER_HOLDS, word.span, "this pattern can never match");
        diag_help(lowering->diags,
                  "'^' and '$' stand for the ends of the text, names are in lower case, and labels contain no blanks; "
                  "or write: accept %s",
                  diag_info(DIAG_NEVER_HOLDS)->name);
    } else if (glob && !strpbrk(word.text, "*?")) {
        diag_report(lowering->diags, DIAG_WHOLE_TEXT, word.span, "without '*' or '?', 'like' compares the whole text");
        diag_help(lowering->diags, "use '=' if that is meant, or add a wildcard: like \"%s*\"; or write: accept %s",
                  word.text, diag_info(DIAG_WHOLE_TEXT)->name);
    }
}

// A text that looks like a glob, and is compared whole.
static void check_whole(struct lowering *lowering, struct word word) {
    const size_t len = strlen(word.text);
    if (len < 2 || strpbrk(word.text, " \t\n") || (word.text[0] != '*' && word.text[len - 1] != '*')) return;
    diag_report(lowering->diags, DIAG_WHOLE_TEXT, word.span, "'%.80s' is compared literally, including the '*'",
                word.text);
    diag_help(lowering->diags, "use 'like' for a pattern: like \"%.80s\"; or write: accept %s", word.text,
              diag_info(DIAG_WHOLE_TEXT)->name);
}

static void set_pattern(struct lowering *lowering, struct formula *atom, struct word word, bool glob) {
    if (glob && !check_glob(lowering, word)) return;
    const char *pattern = glob ? regex_from_glob(lowering->arena, word.text) : word.text;
    const char *error = NULL;
    size_t offset = 0;
    atom->compare = CMP_MATCHES;
    atom->regex = regex_compile(lowering->arena, pattern, &error, &offset);
    if (!atom->regex) {
        diag_report(lowering->diags, DIAG_BAD_PATTERN, word.span, "invalid pattern: %s (at byte %zu)", error, offset);
        diag_help(lowering->diags, "patterns use RE2 syntax; 'like' takes a glob with * and ?");
    }
    const struct value *value = value_string(lowering->arena, pattern);
    ARENA_PUSH(lowering->arena, atom->values, atom->value_count, value);
    if (atom->regex) check_pattern(lowering, atom, word, glob);
}

// ---- constants ----

// A number or quantity as it is written, and whatever else begins so and goes on with letters.
static bool looks_like_number(const char *text) {
    text += *text == '-';
    const size_t digits = strspn(text, "0123456789");
    text += digits;
    if (*text == '.' && text[1] >= '0' && text[1] <= '9') text += 1 + strspn(text + 1, "0123456789");
    const char *suffix = text;
    text += strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ");
    if (text == suffix + 1 && (*suffix == 'e' || *suffix == 'E')) text += strspn(text, "0123456789");
    return digits && !*text;
}

// A number that is no quantity by its suffix is a number, or nothing (010).
static bool is_quantity(struct word word) {
    struct quantity quantity;
    const bool suffixed = strpbrk(word.text, "numkKMGTPEe") != NULL;
    return !word.quoted && suffixed && quantity_parse(word.text, &quantity);
}

// Text that a reader takes for another kind of value; reports it.
static void check_untyped(struct lowering *lowering, struct word word) {
    static const char *const booleans[] = {"yes", "no", "on", "off"};
    bool integral;
    if (word.quoted || is_number(word.text, &integral) || is_quantity(word)) return;
    if (looks_like_number(word.text)) {
        diag_report(lowering->diags, DIAG_LOOKS_TYPED, word.span, "'%s' is neither a number nor a quantity", word.text);
        diag_help(lowering->diags,
                  "write numbers as 5 and 1.5, quantities as 500m, 2k and 10Gi, and text in quotes: \"%s\"", word.text);
        return;
    }
    if (strcasecmp(word.text, "null") == 0) {
        diag_report(lowering->diags, DIAG_LOOKS_TYPED, word.span, "a field whose value is '%s' counts as absent",
                    word.text);
        diag_help(lowering->diags, "write: not field PATH; or quote the text: \"%s\"", word.text);
        return;
    }
    bool boolean = (strcasecmp(word.text, "true") == 0 && strcmp(word.text, "true") != 0) ||
                   (strcasecmp(word.text, "false") == 0 && strcmp(word.text, "false") != 0);
    for (size_t i = 0; i < sizeof booleans / sizeof *booleans && !boolean; i++)
        boolean = strcasecmp(word.text, booleans[i]) == 0;
    if (!boolean) return;
    diag_report(lowering->diags, DIAG_LOOKS_TYPED, word.span, "'%s' is text here, not a boolean", word.text);
    diag_help(lowering->diags, "write true or false, or quote the text: \"%s\"", word.text);
}

static bool begins_with(const struct field_path *path, const char *first, const char *second) {
    return path->variable < 0 && path->count > (second ? 2 : 1) && path->segments[0].key &&
           strcmp(path->segments[0].key, first) == 0 &&
           (!second || (path->segments[1].key && strcmp(path->segments[1].key, second) == 0));
}

// Labels and annotations are text, however they are named.
static bool is_text_field(const struct formula *atom) {
    return begins_with(&atom->path, "metadata", "labels") || begins_with(&atom->path, "metadata", "annotations");
}

// What a ConfigMap holds is text: "5", "true".
static bool is_data(const struct formula *atom) {
    return begins_with(&atom->path, "data", NULL);
}

static void check_data(struct lowering *lowering, const struct formula *atom, struct word word) {
    if (!is_data(atom)) return;
    diag_report(lowering->diags, DIAG_NEVER_HOLDS, word.span,
                "data of a ConfigMap or Secret is text, which never equals the value %s", word.text);
    diag_help(lowering->diags, "quote it: \"%s\"; or, if other objects hold such values in 'data': accept %s",
              word.text, diag_info(DIAG_NEVER_HOLDS)->name);
}

// Whether the field is one of those in which Kubernetes keeps quantities, which are text as a rule: cpu: "2".
static bool holds_quantity(const struct field_path *path) {
    static const char maps[] = "requests limits capacity allocatable hard used podFixed allocatedResources";
    if (!path->count) return false;
    const char *last = path->segments[path->count - 1].key;
    if (last && text_has_word("sizeLimit divisor storageCapacity maximumVolumeSize", last)) return true;
    for (size_t i = 0; i + 1 < path->count; i++)
        if (path->segments[i].key && text_has_word(maps, path->segments[i].key)) return true;
    return false;
}

// Whether a text in quotes is a number or a quantity itself.
static bool is_worth_something(const char *text) {
    struct quantity quantity;
    return quantity_parse(text, &quantity);
}

static void check_text_order(struct lowering *lowering, const struct formula *atom, struct word word) {
    if (atom->kind != FORMULA_FIELD || !(is_worth_something(word.text) || holds_quantity(&atom->path))) return;
    diag_report(lowering->diags, DIAG_TEXT_ORDER, word.span,
                "texts are ordered letter by letter: \"1000Gi\" stands before \"9Gi\"");
    diag_help(lowering->diags, "write quantities without quotes, such as 10Gi or 500m, or write: accept %s",
              diag_info(DIAG_TEXT_ORDER)->name);
}

// Completes the atom with the only constant of its comparison.
static void set_constant(struct lowering *lowering, struct formula *atom, enum comparison compare,
                         const struct value *value, bool quantity) {
    atom->compare = compare;
    atom->quantity = quantity;
    atom->value_count = 0;
    ARENA_PUSH(lowering->arena, atom->values, atom->value_count, value);
}

static void set_order(struct lowering *lowering, struct formula *atom, enum comparison compare, struct word word) {
    struct arena *arena = lowering->arena;
    const bool measured = atom->kind == FORMULA_FIELD || atom->kind == FORMULA_LABEL ||
                          atom->kind == FORMULA_ANNOTATION || atom->kind == FORMULA_NAMESPACE_LABEL;
    const struct value *value = lower_value(lowering, word);
    const bool number = value_is_number(value), fraction = value->kind == VALUE_DOUBLE && is_text_atom(atom->kind);
    if (word.quoted) {
        check_text_order(lowering, atom, word);
        set_constant(lowering, atom, compare, value, false);
    } else if (measured &&
               (is_quantity(word) || fraction || (number && (holds_quantity(&atom->path) || is_data(atom))))) {
        set_constant(lowering, atom, compare, value_string(arena, word.text), true);
    } else if (number && !fraction) {
        set_constant(lowering, atom, compare, value, false);
    } else {
        diag_report(lowering->diags, DIAG_BAD_VALUE, word.span, "'%s' cannot be compared by order", word.text);
        diag_help(lowering->diags, "use a number, a quantity such as 10Gi, or a string in quotes");
        set_constant(lowering, atom, compare, value_int(arena, 0), false);
    }
}

static struct formula *copy_atom(struct arena *arena, const struct formula *atom) {
    struct formula *copy = ARENA_NEW(arena, struct formula);
    *copy = *atom;
    return copy;
}

// ---- what the request or the object brings ----

// The atom without its comparison.
static struct formula *new_atom(struct lowering *lowering, const struct expr_context *context,
                                const struct ast_expr *expr) {
    enum formula_kind kind = FORMULA_FIELD;
    switch (expr->kind) {
    case AST_EXPR_LABEL:
        check_key(lowering, expr->key, "label key");
        kind = context->namespace_labels ? FORMULA_NAMESPACE_LABEL : FORMULA_LABEL;
        break;
    case AST_EXPR_ANNOTATION:
        check_key(lowering, expr->key, "annotation key");
        kind = FORMULA_ANNOTATION;
        break;
    case AST_EXPR_NAMESPACE_LABEL:
        check_key(lowering, expr->key, "label key");
        kind = FORMULA_NAMESPACE_LABEL;
        break;
    case AST_EXPR_NAME: kind = FORMULA_NAME; break;
    case AST_EXPR_NAMESPACE: kind = FORMULA_NAMESPACE; break;
    case AST_EXPR_USER: kind = FORMULA_USER; break;
    case AST_EXPR_GROUP: kind = FORMULA_GROUP; break;
    default: break;
    }
    struct formula *atom = formula_new(lowering->arena, kind);
    atom->key = expr->key.text;
    atom->state = (enum state)expr->state;
    if (kind != FORMULA_FIELD) return atom;
    atom->path = lower_path(lowering, context, &expr->path);
    atom->reads_stored = is_below_status(&atom->path);
    return atom;
}

static void no_comparison(struct lowering *lowering, struct span span, const char *what, const char *help) {
    diag_report(lowering->diags, DIAG_NO_COMPARISON, span, "%s", what);
    diag_help(lowering->diags, "%s", help);
}

static struct formula *lower_reading(struct lowering *lowering, const struct expr_context *context,
                                     const struct ast_expr *reading) {
    struct formula *atom = new_atom(lowering, context, reading);
    const bool of_object = atom->kind == FORMULA_ANNOTATION || atom->kind == FORMULA_FIELD;
    if (context->namespace_labels && of_object)
        no_comparison(lowering, reading->span, "a namespace is selected by its labels",
                      "compare with: user, name, or label KEY of the namespace");
    if (context->namespace_labels && atom->kind == FORMULA_NAME) atom->kind = FORMULA_NAMESPACE;
    for (size_t i = 0; i < atom->path.count; i++)
        if (!atom->path.segments[i].key)
            no_comparison(lowering, reading->span, "'[*]' reads many values, and a comparison needs one",
                          "name one: any PATH as x ( x.FIELD = … ), and name the element's field on the left");
    return atom;
}

static bool is_same_text(const char *a, const char *b) {
    return a && b ? strcmp(a, b) == 0 : a == b;
}

static bool is_same_path(const struct field_path *a, const struct field_path *b) {
    bool same = a->variable == b->variable && a->count == b->count;
    for (size_t i = 0; same && i < a->count; i++) same = is_same_text(a->segments[i].key, b->segments[i].key);
    return same;
}

static bool has_order(const struct formula *atom) {
    return atom->kind == FORMULA_LABEL || atom->kind == FORMULA_ANNOTATION || atom->kind == FORMULA_NAMESPACE_LABEL ||
           atom->kind == FORMULA_FIELD;
}

// Whether the comparison of the two means something; reports it otherwise.
static bool check_reading(struct lowering *lowering, const struct formula *atom, const struct formula *reading,
                          const struct ast_expr *expr, struct span span) {
    switch (expr->comparison) {
    case AST_LIKE:
    case AST_MATCHES:
        no_comparison(lowering, span, "a pattern must be a constant", "quote it if the word itself is meant");
        return false;
    case AST_CONTAINS:
        if (atom->kind == FORMULA_FIELD) break;
        no_comparison(lowering, expr->span, "in text, 'contains' finds any part of a name: 'al' is in 'alice'",
                      "compare the whole text with '=', or search a list: field PATH contains …");
        return false;
    case AST_LT:
    case AST_LE:
    case AST_GT:
    case AST_GE:
        if (has_order(atom) && has_order(reading)) break;
        no_comparison(lowering, expr->span, "names have no order",
                      "only labels, annotations and fields that are quantities can be ordered");
        return false;
    case AST_EXISTS:
    case AST_EQ:
    case AST_NE:
    case AST_IN:
    case AST_NOT_IN: break;
    }
    if (atom->kind == reading->kind && atom->state == reading->state && is_same_text(atom->key, reading->key) &&
        is_same_path(&atom->path, &reading->path)) {
        no_comparison(lowering, expr->span, "both sides are the same",
                      "compare with something else; if the word itself is meant, quote it");
        return false;
    }
    return true;
}

// Where there is nothing old, a requirement is satisfied.
static struct formula *unless_new(struct arena *arena, const struct expr_context *context, bool negated,
                                  const struct formula *side, struct formula *formula) {
    if (!context->requires || side->kind != FORMULA_FIELD || side->state != STATE_OLD || side->path.variable >= 0)
        return formula;
    struct formula *exists = formula_new(arena, FORMULA_FIELD);
    exists->compare = CMP_EXISTS;
    exists->state = STATE_OLD;
    exists->path = side->path;
    return context->negated != negated ? formula_and(arena, exists, formula)
                                       : formula_or(arena, formula_not(arena, exists), formula);
}

static struct formula *compare_reading(struct lowering *lowering, const struct expr_context *context,
                                       const struct formula *atom, const struct ast_expr *expr, size_t index) {
    static const enum comparison tests[] = {
        [AST_EQ] = CMP_EQ, [AST_NE] = CMP_EQ, [AST_IN] = CMP_EQ, [AST_NOT_IN] = CMP_EQ,         [AST_LT] = CMP_LT,
        [AST_LE] = CMP_LE, [AST_GT] = CMP_GT, [AST_GE] = CMP_GE, [AST_CONTAINS] = CMP_CONTAINS,
    };
    struct arena *arena = lowering->arena;
    const bool negated = expr->comparison == AST_NE || expr->comparison == AST_NOT_IN;
    struct formula *reading = lower_reading(lowering, context, expr->readings[index]);
    if (!check_reading(lowering, atom, reading, expr, expr->readings[index]->span))
        return formula_new(arena, FORMULA_FALSE);
    struct formula *one = copy_atom(arena, atom);
    one->compare = tests[expr->comparison];
    ARENA_PUSH(arena, one->operands, one->operand_count, reading);
    struct formula *result = unless_new(arena, context, negated, atom, one);
    return unless_new(arena, context, negated, reading, result);
}

// ---- comparisons ----

enum { FEW_VALUES = 16 }; // are compared one by one

// `texts` are those of the atom's values, if these are many.
static bool has_value(const struct formula *atom, const struct set *texts, const struct value *value) {
    if (value->kind == VALUE_STRING && atom->value_count > FEW_VALUES) return set_has(texts, value->as.string);
    for (size_t i = 0; i < atom->value_count; i++)
        if (value_equal(atom->values[i], value)) return true;
    return false;
}

static void add_value(struct arena *arena, struct formula *atom, struct set *texts, const struct value *value) {
    if (has_value(atom, texts, value)) return;
    ARENA_PUSH(arena, atom->values, atom->value_count, value);
    const size_t first = atom->value_count == FEW_VALUES + 1 ? 0 : atom->value_count - 1;
    for (size_t i = first; i < atom->value_count && atom->value_count > FEW_VALUES; i++)
        if (atom->values[i]->kind == VALUE_STRING) set_add(texts, atom->values[i]->as.string);
}

// Equal to one of what is written: constants, each quantity, each reading.
static struct formula *equal_to_one(struct lowering *lowering, const struct expr_context *context, struct formula *atom,
                                    const struct ast_expr *expr) {
    struct arena *arena = lowering->arena;
    const bool text = is_text_atom(atom->kind) || is_text_field(atom);
    struct formula *others = formula_new(arena, FORMULA_FALSE);
    for (size_t i = 0; i < expr->reading_count; i++)
        others = formula_or(arena, others, compare_reading(lowering, context, atom, expr, i));
    struct formula *listed = copy_atom(arena, atom);
    struct set texts;
    set_init(&texts, arena);
    listed->compare = CMP_IN;
    for (size_t i = 0; i < expr->values.count; i++) {
        const struct word word = expr->values.items[i];
        check_operand(lowering, expr->kind, word);
        if (atom->kind == FORMULA_FIELD || atom->kind == FORMULA_ANNOTATION) check_whole(lowering, word);
        if (!text) check_untyped(lowering, word);
        const struct value *value = text ? value_string(arena, word.text) : lower_value(lowering, word);
        if (!text && value->kind != VALUE_STRING) check_data(lowering, atom, word);
        if (!text && (is_quantity(word) || (value_is_number(value) && holds_quantity(&atom->path)))) {
            struct formula *one = copy_atom(arena, atom);
            set_constant(lowering, one, CMP_EQ, value_string(arena, word.text), true);
            others = formula_or(arena, others, one);
            continue;
        }
        add_value(arena, listed, &texts, value);
    }
    return listed->value_count ? formula_or(arena, listed, others) : others;
}

// The atom completed with the comparison that was written, or its negation.
static struct formula *compare(struct lowering *lowering, const struct expr_context *context, struct formula *atom,
                               const struct ast_expr *expr) {
    struct arena *arena = lowering->arena;
    const bool text = is_text_atom(atom->kind) || is_text_field(atom), read = expr->reading_count > 0;
    const struct word word = expr->values.count ? expr->values.items[0] : (struct word){0};
    switch (expr->comparison) {
    case AST_EXISTS: atom->compare = CMP_EXISTS; return atom;
    case AST_EQ:
    case AST_IN: return equal_to_one(lowering, context, atom, expr);
    case AST_NE:
    case AST_NOT_IN: return formula_not(arena, equal_to_one(lowering, context, atom, expr));
    case AST_LT:
    case AST_LE:
    case AST_GT:
    case AST_GE:
        if (read) return compare_reading(lowering, context, atom, expr, 0);
        set_order(lowering, atom, (enum comparison)(CMP_LT + (int)(expr->comparison - AST_LT)), word);
        return atom;
    case AST_LIKE:
    case AST_MATCHES:
        if (read) return compare_reading(lowering, context, atom, expr, 0);
        set_pattern(lowering, atom, word, expr->comparison == AST_LIKE);
        return atom;
    case AST_CONTAINS:
        if (read) return compare_reading(lowering, context, atom, expr, 0);
        if (!text) check_untyped(lowering, word);
        if (!text && is_quantity(word))
            no_comparison(lowering, word.span, "the quantities of a list are compared one by one",
                          "write: any PATH as x ( x = 10Gi )");
        set_constant(lowering, atom, CMP_CONTAINS, text ? value_string(arena, word.text) : lower_value(lowering, word),
                     false);
        return atom;
    }
    return atom;
}

// Of one of the groups: it is one of those that are written, or matches.
static struct formula *compare_groups(struct lowering *lowering, const struct expr_context *context,
                                      const struct ast_expr *expr) {
    struct arena *arena = lowering->arena;
    struct formula *atom = new_atom(lowering, context, expr), *result = formula_new(arena, FORMULA_FALSE);
    switch (expr->comparison) {
    case AST_LIKE:
    case AST_MATCHES: return compare(lowering, context, atom, expr);
    case AST_EQ:
    case AST_NE:
    case AST_IN:
    case AST_NOT_IN: break;
    default:
        no_comparison(lowering, expr->span, "groups are compared with '=', 'in', 'like' and 'matches'",
                      "write: group NAME; or: group like \"team-*\"");
        return result;
    }
    for (size_t i = 0; i < expr->values.count; i++) {
        (void)lower_check_identity(lowering, expr->values.items[i], "group");
        result = formula_or(arena, result, formula_is(arena, FORMULA_GROUP, NULL, expr->values.items[i].text));
    }
    for (size_t i = 0; i < expr->reading_count; i++)
        result = formula_or(arena, result, compare_reading(lowering, context, atom, expr, i));
    return expr->comparison == AST_NE || expr->comparison == AST_NOT_IN ? formula_not(arena, result) : result;
}

// `any label like GLOB`: only patterns say something of all keys.
static struct formula *compare_keys(struct lowering *lowering, struct formula *atom, const struct ast_expr *expr) {
    if ((expr->comparison != AST_LIKE && expr->comparison != AST_MATCHES) || expr->reading_count) {
        no_comparison(lowering, expr->span, "keys are matched by a pattern",
                      atom->kind == FORMULA_LABEL_KEY
                          ? "write: any label like \"example.com/*\"; or, for one key: label KEY = …"
                          : "write: any annotation like \"example.com/*\"");
        return formula_new(lowering->arena, FORMULA_FALSE);
    }
    set_pattern(lowering, atom, expr->values.items[0], expr->comparison == AST_LIKE);
    return atom;
}

static struct formula *lower_operations(struct lowering *lowering, const struct ast_expr *expr) {
    static const char *const known[] = {"create", "update", "delete", "write", "connect"};
    static const unsigned masks[] = {OP_CREATE, OP_UPDATE, OP_DELETE, OPS_WRITE, OP_CONNECT};
    enum { KNOWN = sizeof known / sizeof *known };
    struct formula *atom = formula_new(lowering->arena, FORMULA_OPERATION);
    for (size_t i = 0; i < expr->values.count; i++) {
        const struct word word = expr->values.items[i];
        size_t k = 0;
        while (k < KNOWN && strcmp(known[k], word.text) != 0) k++;
        if (k < KNOWN) {
            atom->operations |= masks[k];
        } else {
            diag_report(lowering->diags, DIAG_UNKNOWN_OPERATION, word.span, "unknown operation '%s'", word.text);
            const char *near = suggest_nearest(word.text, known, KNOWN);
            diag_help(lowering->diags,
                      near ? "did you mean '%s'?" : "operations are create, update, delete and connect%s",
                      near ? near : "");
        }
    }
    return atom;
}

static void refuse_cel(struct lowering *lowering, struct span span, const struct cel_problem *problem) {
    struct diags *diags = lowering->diags;
    static const enum diag_code codes[] = {
        [CEL_INVALID] = DIAG_BAD_CEL, [CEL_NEWER] = DIAG_NEWER_CEL, [CEL_UNSUPPORTED] = DIAG_UNSUPPORTED_CEL};
    const enum diag_code code = codes[problem->refusal];
    if (problem->refusal != CEL_NEWER) {
        diag_report(diags, code, span, "%s (at byte %zu of the expression)", problem->text, problem->offset);
        return;
    }
    diag_report(diags, code, span, "%s needs Kubernetes 1.%u; compiled for 1.%u (at byte %zu of the expression)",
                problem->text, problem->since, lowering->minor, problem->offset);
    diag_help(diags, "if no server is older, compile with --kubernetes 1.%u", problem->since);
}

static struct formula *lower_cel(struct lowering *lowering, const struct ast_expr *expr) {
    struct formula *atom = formula_new(lowering->arena, FORMULA_CEL);
    struct cel_problem problem;
    atom->cel = cel_parse(lowering->arena, expr->key.text, lowering->minor, &problem);
    if (!atom->cel) refuse_cel(lowering, expr->key.span, &problem);
    return atom;
}

static bool is_narrows(const struct ast_expr *expr, struct word variable) {
    return expr->kind == AST_EXPR_WEBHOOK && expr->question == AST_NARROWS &&
           strcmp(expr->key.text, variable.text) == 0;
}

static bool is_webhooks(const struct ast_path *path) {
    return path->count == 1 && path->items[0].key && strcmp(path->items[0].key, "webhooks") == 0;
}

// `all webhooks as w ( w narrows and … )`: one part is about all of them together, the others about each.
static struct formula *lower_narrowing(struct lowering *lowering, const struct expr_context *context,
                                       const struct ast_expr *expr) {
    const struct ast_expr *body = expr->operands[0];
    struct ast_expr rest = *body, others = *expr;
    struct ast_expr *operands[] = {&rest};
    bool narrows = is_narrows(body, expr->key);
    if (expr->kind != AST_EXPR_ALL || !is_webhooks(&expr->path)) return NULL;
    if (narrows) return lower_narrows(lowering, body->span);
    rest.operands = NULL;
    rest.operand_count = 0;
    for (size_t i = 0; body->kind == AST_EXPR_AND && i < body->operand_count; i++) {
        if (is_narrows(body->operands[i], expr->key))
            narrows = true;
        else
            ARENA_PUSH(lowering->arena, rest.operands, rest.operand_count, body->operands[i]);
    }
    if (!narrows) return NULL;
    others.operands = operands;
    struct formula *all = rest.operand_count ? lower_expr(lowering, context, &others) : NULL;
    return formula_and(lowering->arena, all, lower_narrows(lowering, body->span));
}

static struct formula *lower_quantifier(struct lowering *lowering, const struct expr_context *context,
                                        const struct ast_expr *expr) {
    struct formula *narrowing = lower_narrowing(lowering, context, expr);
    if (narrowing) return narrowing;
    struct formula *atom = formula_new(lowering->arena, expr->kind == AST_EXPR_ANY ? FORMULA_ANY : FORMULA_ALL);
    for (size_t i = 0; i < expr->path.count; i++)
        if (!expr->path.items[i].key) {
            diag_report(lowering->diags, DIAG_BAD_VALUE, expr->path.items[i].span, "'[*]' in the list of any / all");
            diag_help(lowering->diags, "name one list, and nest another any or all for lists inside it");
        }
    atom->state = (enum state)expr->state;
    atom->path = lower_path(lowering, context, &expr->path);
    atom->reads_stored = is_below_status(&atom->path);
    const struct expr_context inner = {.unit = context->unit,
                                       .outer = context,
                                       .variable = expr->key.text,
                                       .requires = context->requires,
                                       .negated = context->negated,
                                       .of_webhooks = is_webhooks(&expr->path)};
    struct formula *body = lower_expr(lowering, &inner, expr->operands[0]);
    ARENA_PUSH(lowering->arena, atom->operands, atom->operand_count, body);
    return atom;
}

static struct formula *lower_kind(struct lowering *lowering, const struct expr_context *context,
                                  const struct ast_expr *expr) {
    struct arena *arena = lowering->arena;
    struct expr_context inner = *context;
    struct formula *result;
    switch (expr->kind) {
    case AST_EXPR_ERROR: return formula_new(arena, FORMULA_TRUE);
    case AST_EXPR_AND:
    case AST_EXPR_OR:
        result = formula_new(arena, expr->kind == AST_EXPR_AND ? FORMULA_AND : FORMULA_OR);
        for (size_t i = 0; i < expr->operand_count; i++)
            formula_add_operand(arena, result, lower_expr(lowering, context, expr->operands[i]));
        return result;
    case AST_EXPR_NOT:
        inner.negated = !context->negated;
        return formula_not(arena, lower_expr(lowering, &inner, expr->operands[0]));
    case AST_EXPR_GROUP:
        if (!expr->key.text) return compare_groups(lowering, context, expr);
        (void)lower_check_identity(lowering, expr->key, "group");
        return formula_is(arena, FORMULA_GROUP, NULL, expr->key.text);
    case AST_EXPR_ACTOR: return lower_actor_formula(lowering, context->unit, expr->key);
    case AST_EXPR_OPERATION: return lower_operations(lowering, expr);
    case AST_EXPR_ANY:
    case AST_EXPR_ALL: return lower_quantifier(lowering, context, expr);
    case AST_EXPR_CEL: return lower_cel(lowering, expr);
    case AST_EXPR_WEBHOOK: return lower_webhook_question(lowering, context, expr);
    case AST_EXPR_ANY_LABEL: return compare_keys(lowering, formula_new(arena, FORMULA_LABEL_KEY), expr);
    case AST_EXPR_ANY_ANNOTATION: return compare_keys(lowering, formula_new(arena, FORMULA_ANNOTATION_KEY), expr);
    case AST_EXPR_LABEL:
    case AST_EXPR_ANNOTATION:
    case AST_EXPR_NAMESPACE_LABEL:
    case AST_EXPR_NAME:
    case AST_EXPR_NAMESPACE:
    case AST_EXPR_USER:
    case AST_EXPR_FIELD: break;
    }
    return compare(lowering, context, new_atom(lowering, context, expr), expr);
}

struct formula *lower_expr(struct lowering *lowering, const struct expr_context *context, const struct ast_expr *expr) {
    struct formula *formula = lower_kind(lowering, context, expr);
    if (!formula->span.end) formula->span = expr->span;
    return formula;
}
