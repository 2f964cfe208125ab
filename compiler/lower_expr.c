// Expressions of section 4 of the language → formulas.
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "arena.h"
#include "celexpr.h"
#include "diag.h"
#include "kube.h"
#include "lower.h"
#include "regex.h"
#include "suggest.h"
#include "value.h"

struct ir_expr *ir_new(struct arena *arena, enum ir_kind kind) {
    struct ir_expr *expr = ARENA_NEW(arena, struct ir_expr);
    expr->kind = kind;
    expr->path.variable = -1;
    return expr;
}

static void add_operand(struct arena *arena, struct ir_expr *chain, struct ir_expr *operand) {
    if (operand->kind == chain->kind) {
        for (size_t i = 0; i < operand->operand_count; i++)
            ARENA_PUSH(arena, chain->operands, chain->operand_count, operand->operands[i]);
    } else {
        ARENA_PUSH(arena, chain->operands, chain->operand_count, operand);
    }
}

// `neutral` is dropped from the chain, `absorbing` swallows it.
static struct ir_expr *join(struct arena *arena, enum ir_kind kind, struct ir_expr *a, struct ir_expr *b) {
    const enum ir_kind neutral = kind == IR_AND ? IR_TRUE : IR_FALSE, absorbing = kind == IR_AND ? IR_FALSE : IR_TRUE;
    if (!a || a->kind == neutral) return b;
    if (b->kind == neutral || a->kind == absorbing) return a;
    if (b->kind == absorbing) return b;
    struct ir_expr *chain = ir_new(arena, kind);
    add_operand(arena, chain, a);
    add_operand(arena, chain, b);
    return chain;
}

struct ir_expr *ir_and(struct arena *arena, struct ir_expr *a, struct ir_expr *b) {
    return join(arena, IR_AND, a, b);
}

struct ir_expr *ir_or(struct arena *arena, struct ir_expr *a, struct ir_expr *b) {
    return join(arena, IR_OR, a, b);
}

struct ir_expr *ir_not(struct arena *arena, struct ir_expr *operand) {
    if (operand->kind == IR_NOT) return operand->operands[0];
    if (operand->kind == IR_TRUE) return ir_new(arena, IR_FALSE);
    if (operand->kind == IR_FALSE) return ir_new(arena, IR_TRUE);
    struct ir_expr *expr = ir_new(arena, IR_NOT);
    ARENA_PUSH(arena, expr->operands, expr->operand_count, operand);
    return expr;
}

struct ir_expr *ir_is(struct arena *arena, enum ir_kind kind, const char *key, const char *text) {
    struct ir_expr *expr = ir_new(arena, kind);
    expr->test = TEST_IN;
    expr->key = key;
    const struct value *value = value_string(arena, text);
    ARENA_PUSH(arena, expr->values, expr->value_count, value);
    return expr;
}

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

struct ir_path lower_path(struct lowering *lowering, const struct expr_context *context, const struct ast_path *path) {
    struct ir_path result = {.variable = -1};
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
    struct ir_segment *segments = ARENA_ARRAY(lowering->arena, struct ir_segment, path->count);
    for (size_t i = first; i < path->count; i++) segments[i - first].key = path->items[i].key;
    result.segments = segments;
    result.count = path->count - first;
    return result;
}

static bool is_below_status(const struct ir_path *path) {
    return path->variable < 0 && path->count && path->segments[0].key && strcmp(path->segments[0].key, "status") == 0;
}

static void bad_value(struct lowering *lowering, struct word word, enum diag_code code, const char *what,
                      const char *rule) {
    struct diagnostic *diagnostic = diag_report(lowering->diags, code, word.span, "'%s' is no %s", word.text, what);
    diag_help(lowering->diags, diagnostic, "%s", rule);
}

static const char *const label_value_rule =
    "at most 63 letters, digits, '-', '_' and '.', beginning and ending with a letter or digit";

static void check_key(struct lowering *lowering, struct word key, const char *what) {
    if (!kube_is_label_key(key.text))
        bad_value(lowering, key, DIAG_BAD_NAME, what,
                  "a key is [PREFIX/]NAME: a DNS name, a slash, and at most 63 letters, digits, '-', '_' and '.'");
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

static bool is_text_atom(enum ir_kind kind) {
    return kind != IR_FIELD;
}

// The work of a glob grows with its stars, in the API server as here.
static bool check_glob(struct lowering *lowering, struct word word) {
    enum { MAX_STARS = 100 };
    size_t stars = 0;
    for (const char *c = word.text; *c; c++) stars += *c == '*';
    if (stars <= MAX_STARS) return true;
    struct diagnostic *diagnostic =
        diag_report(lowering->diags, DIAG_BAD_PATTERN, word.span, "bad pattern: a glob with %zu '*'", stars);
    diag_help(lowering->diags, diagnostic, "at most %d are taken; compare less, or with 'matches'", MAX_STARS);
    return false;
}

static void set_pattern(struct lowering *lowering, struct ir_expr *atom, struct word word, bool glob) {
    if (glob && !check_glob(lowering, word)) return;
    const char *pattern = glob ? regex_from_glob(lowering->arena, word.text) : word.text;
    const char *error = NULL;
    size_t offset = 0;
    atom->test = TEST_MATCHES;
    atom->regex = regex_compile(lowering->arena, pattern, &error, &offset);
    if (!atom->regex) {
        struct diagnostic *diagnostic = diag_report(lowering->diags, DIAG_BAD_PATTERN, word.span,
                                                    "bad pattern: %s (at byte %zu of it)", error, offset);
        diag_help(lowering->diags, diagnostic, "patterns are RE2 syntax; `like` takes a glob with * and ?");
    }
    const struct value *value = value_string(lowering->arena, pattern);
    ARENA_PUSH(lowering->arena, atom->values, atom->value_count, value);
}

// Completes the atom with the comparison that was written; gives the atom or its negation.
static struct ir_expr *compare(struct lowering *lowering, struct ir_expr *atom, const struct ast_expr *expr) {
    struct arena *arena = lowering->arena;
    const bool text = is_text_atom(atom->kind);
    switch (expr->comparison) {
    case AST_EXISTS: atom->test = TEST_EXISTS; return atom;
    case AST_EQ:
    case AST_NE:
    case AST_IN:
    case AST_NOT_IN:
        atom->test = TEST_IN;
        for (size_t i = 0; i < expr->values.count; i++) {
            const struct word word = expr->values.items[i];
            check_operand(lowering, expr->kind, word);
            const struct value *value = text ? value_string(arena, word.text) : lower_value(lowering, word);
            bool known = false;
            for (size_t j = 0; j < atom->value_count && !known; j++) known = value_equal(atom->values[j], value);
            if (!known) ARENA_PUSH(arena, atom->values, atom->value_count, value);
        }
        return expr->comparison == AST_NE || expr->comparison == AST_NOT_IN ? ir_not(arena, atom) : atom;
    case AST_LT:
    case AST_LE:
    case AST_GT:
    case AST_GE: {
        atom->test = (enum ir_test)(TEST_LT + (int)(expr->comparison - AST_LT));
        const struct value *value = lower_value(lowering, expr->values.items[0]);
        const bool usable =
            value->kind == VALUE_STRING || value->kind == VALUE_INT || (value->kind == VALUE_DOUBLE && !text);
        if (!usable) {
            bad_value(lowering, expr->values.items[0], DIAG_BAD_VALUE, "value to be compared by order",
                      text ? "use a whole number, or a string in quotes" : "use a number, or a string in quotes");
            value = value_int(arena, 0);
        }
        ARENA_PUSH(arena, atom->values, atom->value_count, value);
        return atom;
    }
    case AST_LIKE: set_pattern(lowering, atom, expr->values.items[0], true); return atom;
    case AST_MATCHES: set_pattern(lowering, atom, expr->values.items[0], false); return atom;
    case AST_CONTAINS: {
        atom->test = TEST_CONTAINS;
        const struct value *value =
            text ? value_string(arena, expr->values.items[0].text) : lower_value(lowering, expr->values.items[0]);
        ARENA_PUSH(arena, atom->values, atom->value_count, value);
        return atom;
    }
    }
    return atom;
}

static struct ir_expr *lower_operations(struct lowering *lowering, const struct ast_expr *expr) {
    static const char *const known[] = {"create", "update", "delete", "write", "connect"};
    static const unsigned masks[] = {OP_CREATE, OP_UPDATE, OP_DELETE, OPS_WRITE, OP_CONNECT};
    enum { KNOWN = sizeof known / sizeof *known };
    struct ir_expr *atom = ir_new(lowering->arena, IR_OPERATION);
    for (size_t i = 0; i < expr->values.count; i++) {
        const struct word word = expr->values.items[i];
        size_t k = 0;
        while (k < KNOWN && strcmp(known[k], word.text) != 0) k++;
        if (k < KNOWN) {
            atom->operations |= masks[k];
        } else {
            struct diagnostic *diagnostic =
                diag_report(lowering->diags, DIAG_UNKNOWN_OPERATION, word.span, "unknown operation '%s'", word.text);
            const char *near = suggest_nearest(word.text, known, KNOWN);
            diag_help(lowering->diags, diagnostic,
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
    struct diagnostic *diagnostic =
        diag_report(diags, code, span, "%s needs Kubernetes 1.%u; compiled for 1.%u (at byte %zu of the expression)",
                    problem->text, problem->since, lowering->minor, problem->offset);
    diag_help(diags, diagnostic, "if no server is older, say so: --kubernetes 1.%u", problem->since);
}

static struct ir_expr *lower_cel(struct lowering *lowering, const struct ast_expr *expr) {
    struct ir_expr *atom = ir_new(lowering->arena, IR_CEL);
    struct cel_problem problem;
    atom->cel = cel_parse(lowering->arena, expr->key.text, lowering->minor, &problem);
    if (!atom->cel) refuse_cel(lowering, expr->key.span, &problem);
    return atom;
}

static struct ir_expr *lower_quantifier(struct lowering *lowering, const struct expr_context *context,
                                        const struct ast_expr *expr) {
    struct ir_expr *atom = ir_new(lowering->arena, expr->kind == AST_EXPR_ANY ? IR_ANY : IR_ALL);
    for (size_t i = 0; i < expr->path.count; i++)
        if (!expr->path.items[i].key) {
            struct diagnostic *diagnostic = diag_report(lowering->diags, DIAG_BAD_VALUE, expr->path.items[i].span,
                                                        "'[*]' in the list of any / all");
            diag_help(lowering->diags, diagnostic, "name one list, and nest another any or all for lists in it");
        }
    atom->state = (enum state)expr->state;
    atom->path = lower_path(lowering, context, &expr->path);
    atom->frozen = is_below_status(&atom->path);
    const struct expr_context inner = {.unit = context->unit, .outer = context, .variable = expr->key.text};
    struct ir_expr *body = lower_expr(lowering, &inner, expr->operands[0]);
    ARENA_PUSH(lowering->arena, atom->operands, atom->operand_count, body);
    return atom;
}

struct ir_expr *lower_expr(struct lowering *lowering, const struct expr_context *context, const struct ast_expr *expr) {
    struct arena *arena = lowering->arena;
    struct ir_expr *result = NULL;
    switch (expr->kind) {
    case AST_EXPR_ERROR: return ir_new(arena, IR_TRUE);
    case AST_EXPR_AND:
    case AST_EXPR_OR:
        result = ir_new(arena, expr->kind == AST_EXPR_AND ? IR_AND : IR_OR);
        for (size_t i = 0; i < expr->operand_count; i++)
            add_operand(arena, result, lower_expr(lowering, context, expr->operands[i]));
        return result;
    case AST_EXPR_NOT: return ir_not(arena, lower_expr(lowering, context, expr->operands[0]));
    case AST_EXPR_LABEL:
        check_key(lowering, expr->key, "label key");
        result = ir_new(arena, context->namespace_labels ? IR_NAMESPACE_LABEL : IR_LABEL);
        break;
    case AST_EXPR_ANNOTATION:
        check_key(lowering, expr->key, "annotation key");
        result = ir_new(arena, IR_ANNOTATION);
        break;
    case AST_EXPR_NAMESPACE_LABEL:
        check_key(lowering, expr->key, "label key");
        result = ir_new(arena, IR_NAMESPACE_LABEL);
        break;
    case AST_EXPR_NAME: result = ir_new(arena, IR_NAME); break;
    case AST_EXPR_NAMESPACE: result = ir_new(arena, IR_NAMESPACE); break;
    case AST_EXPR_USER: result = ir_new(arena, IR_USER); break;
    case AST_EXPR_FIELD:
        result = ir_new(arena, IR_FIELD);
        result->path = lower_path(lowering, context, &expr->path);
        result->frozen = is_below_status(&result->path);
        break;
    case AST_EXPR_GROUP:
        (void)lower_check_identity(lowering, expr->key, "group");
        return ir_is(arena, IR_GROUP, NULL, expr->key.text);
    case AST_EXPR_ACTOR: return lower_actor_formula(lowering, context->unit, expr->key);
    case AST_EXPR_OPERATION: return lower_operations(lowering, expr);
    case AST_EXPR_ANY:
    case AST_EXPR_ALL: return lower_quantifier(lowering, context, expr);
    case AST_EXPR_CEL: return lower_cel(lowering, expr);
    }
    if (!result) return ir_new(arena, IR_FALSE); // every kind is above
    result->key = expr->key.text;
    result->state = (enum state)expr->state;
    return compare(lowering, result, expr);
}
