// CEL expressions: literals and nodes for the parser, and the entry points; see cel.h.
#include "cel/cel.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/limits.h"
#include "base/text.h"
#include "cel/cel_tree.h"

int cel_yyparse(struct cel_parser *p);

__attribute__((format(printf, 2, 0))) static const char *message_of(struct cel_parser *p, const char *format,
                                                                    va_list args) {
    char message[256];
    vsnprintf(message, sizeof message, format, args);
    // The cut may have gone through a character.
    return arena_copy(p->arena, message, utf8_valid_prefix(message, strlen(message)));
}

_Noreturn void cel_fail(struct cel_parser *p, size_t offset, const char *format, ...) {
    va_list args;
    va_start(args, format);
    *p->problem = (struct cel_problem){.offset = offset, .refusal = CEL_INVALID, .text = message_of(p, format, args)};
    va_end(args);
    longjmp(p->failed, 1);
}

_Noreturn void cel_fail_newer(struct cel_parser *p, size_t offset, unsigned since, const char *format, ...) {
    va_list args;
    va_start(args, format);
    *p->problem = (struct cel_problem){
        .offset = offset, .refusal = CEL_NEWER, .since = since, .text = message_of(p, format, args)};
    va_end(args);
    longjmp(p->failed, 1);
}

_Noreturn void cel_fail_unsupported(struct cel_parser *p, size_t offset, const char *format, ...) {
    va_list args;
    va_start(args, format);
    *p->problem =
        (struct cel_problem){.offset = offset, .refusal = CEL_UNSUPPORTED, .text = message_of(p, format, args)};
    va_end(args);
    longjmp(p->failed, 1);
}

static struct cel_node *new_node(struct cel_parser *p, enum cel_node_kind kind, struct span span) {
    struct cel_node *node = ARENA_NEW(p->arena, struct cel_node);
    node->kind = kind;
    node->span = span;
    node->depth = 1;
    return node;
}

static void deepen(struct cel_parser *p, struct cel_node *node, const struct cel_node *child) {
    if (child && child->depth >= node->depth) node->depth = child->depth + 1;
    if (node->depth > LIMIT_EXPR_DEPTH)
        cel_fail_unsupported(p, node->span.begin, "the expression is nested too deeply: klockc evaluates %d levels",
                             LIMIT_EXPR_DEPTH);
}

// ---- literals ----

static struct cel_node *new_literal(struct cel_parser *p, struct span span, struct cel_value value) {
    struct cel_node *node = new_node(p, CEL_NODE_LITERAL, span);
    node->literal = value;
    return node;
}

struct cel_node *cel_literal_bool(struct cel_parser *p, struct span span, bool boolean) {
    return new_literal(p, span, (struct cel_value){.kind = CEL_KIND_BOOL, .as.boolean = boolean});
}

struct cel_node *cel_literal_null(struct cel_parser *p, struct span span) {
    return new_literal(p, span, (struct cel_value){.kind = CEL_KIND_NULL});
}

// Decimal, or hexadecimal behind 0x; a suffix is not looked at.
static uint64_t read_natural(struct cel_parser *p, struct span span) {
    const char *digits = p->text + span.begin;
    const bool hex = digits[0] == '0' && digits[1] == 'x';
    errno = 0;
    const unsigned long long natural = strtoull(hex ? digits + 2 : digits, NULL, hex ? 16 : 10);
    if (errno == ERANGE) cel_fail(p, span.begin, "the number is too large");
    return natural;
}

struct cel_node *cel_literal_int(struct cel_parser *p, struct span span) {
    const uint64_t natural = read_natural(p, span);
    if (natural > (uint64_t)INT64_MAX + 1) cel_fail(p, span.begin, "the number is too large");
    struct cel_node *node = new_literal(p, span, (struct cel_value){.kind = CEL_KIND_INT});
    node->beyond_int = natural > INT64_MAX;
    node->literal.as.integer = node->beyond_int ? INT64_MIN : (int64_t)natural;
    return node;
}

struct cel_node *cel_literal_uint(struct cel_parser *p, struct span span) {
    return new_literal(p, span, (struct cel_value){.kind = CEL_KIND_UINT, .as.natural = read_natural(p, span)});
}

struct cel_node *cel_literal_double(struct cel_parser *p, struct span span) {
    const double number = strtod(p->text + span.begin, NULL);
    if (isinf(number)) cel_fail(p, span.begin, "the number is too large");
    return new_literal(p, span, (struct cel_value){.kind = CEL_KIND_DOUBLE, .as.number = number});
}

static uint32_t read_digits(const char **at, size_t count, int base) {
    char digits[9] = {0};
    memcpy(digits, *at, count);
    *at += count;
    return (uint32_t)strtoul(digits, NULL, base);
}

// One escape, behind its backslash; the lexer has checked its form.
static uint32_t read_escape(struct cel_parser *p, const char **at) {
    const char c = *(*at)++;
    switch (c) {
    case 'a': return '\a';
    case 'b': return '\b';
    case 'f': return '\f';
    case 'n': return '\n';
    case 'r': return '\r';
    case 't': return '\t';
    case 'v': return '\v';
    case 'x':
    case 'X': return read_digits(at, 2, 16);
    case 'u':
    case 'U': {
        const size_t offset = (size_t)(*at - p->text) - 2;
        const uint32_t code_point = read_digits(at, c == 'u' ? 4 : 8, 16);
        if (code_point > 0x10ffff || (code_point >= 0xd800 && code_point <= 0xdfff))
            cel_fail(p, offset, "the escape is not a valid character");
        return code_point;
    }
    case '0':
    case '1':
    case '2':
    case '3': --*at; return read_digits(at, 3, 8);
    default: return (unsigned char)c;
    }
}

// In bytes, \x and octal escapes are bytes, and there are no escapes of characters.
static void add_escape(struct cel_parser *p, struct text *text, const char **at, bool is_bytes) {
    const char kind = **at;
    const size_t offset = (size_t)(*at - p->text) - 1;
    if (is_bytes && (kind == 'u' || kind == 'U')) cel_fail(p, offset, "\\u and \\U are not allowed in bytes");
    const uint32_t code_point = read_escape(p, at);
    if (is_bytes) {
        text_add_char(text, (char)code_point);
        return;
    }
    char bytes[4];
    text_add(text, bytes, utf8_encode(code_point, bytes));
}

struct cel_node *cel_literal_string(struct cel_parser *p, struct span span) {
    const char *at = p->text + span.begin, *end = p->text + span.end;
    bool raw = false, is_bytes = false;
    for (; *at != '\'' && *at != '"'; at++) {
        raw = raw || *at == 'r' || *at == 'R';
        is_bytes = is_bytes || *at == 'b' || *at == 'B';
    }
    const size_t quotes = end - at >= 6 && at[1] == at[0] && at[2] == at[0] ? 3 : 1;
    at += quotes;
    end -= quotes;
    struct text text;
    text_init(&text, p->arena);
    while (at < end) {
        char c = *at++;
        if (c == '\\' && !raw) {
            add_escape(p, &text, &at, is_bytes);
            continue;
        }
        if (c == '\r') {
            // CEL reads every kind of line break as a line feed.
            if (at < end && *at == '\n') at++;
            c = '\n';
        }
        text_add_char(&text, c);
    }
    const struct cel_string string = {text_string(&text), text.len};
    const enum cel_kind kind = is_bytes ? CEL_KIND_BYTES : CEL_KIND_STRING;
    return new_literal(p, span, (struct cel_value){.kind = kind, .as.string = string});
}

// ---- builders ----

static void check_range(struct cel_parser *p, const struct cel_node *node) {
    if (node->beyond_int) cel_fail(p, node->span.begin, "the number is too large");
}

void cel_set_root(struct cel_parser *p, struct cel_node *root) {
    p->root = root;
}

static const char *const reserved[] = {"as",       "break",  "const",  "continue", "else", "for",
                                       "function", "if",     "import", "let",      "loop", "namespace",
                                       "package",  "return", "var",    "void",     "while"};

static void refuse_reserved(struct cel_parser *p, struct span span, const char *name) {
    for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++)
        if (strcmp(reserved[i], name) == 0) cel_fail(p, span.begin, "'%s' is a reserved word of CEL", name);
}

struct cel_node *cel_node_ident(struct cel_parser *p, struct span span, const char *name) {
    refuse_reserved(p, span, name);
    struct cel_node *node = new_node(p, CEL_NODE_IDENT, span);
    node->name = name;
    return node;
}

struct cel_node *cel_node_select(struct cel_parser *p, struct span span, struct cel_node *target, const char *name,
                                 bool is_optional) {
    struct cel_node *node = new_node(p, CEL_NODE_SELECT, span);
    node->target = target;
    node->name = name;
    node->optional_field = is_optional;
    deepen(p, node, target);
    return node;
}

struct cel_node *cel_node_call(struct cel_parser *p, struct span span, struct cel_node *target, const char *name,
                               struct cel_nodes args) {
    if (!target) refuse_reserved(p, span, name);
    struct cel_node *node = new_node(p, CEL_NODE_CALL, span);
    node->target = target;
    node->name = name;
    node->args = args.items;
    node->count = args.count;
    deepen(p, node, target);
    for (size_t i = 0; i < args.count; i++) deepen(p, node, args.items[i]);
    return node;
}

struct cel_node *cel_node_operator(struct cel_parser *p, struct span span, const char *name, struct cel_node *left,
                                   struct cel_node *right) {
    return cel_node_call(p, span, NULL, name, cel_nodes_with(p, cel_nodes_of(p, left), right));
}

struct cel_node *cel_node_conditional(struct cel_parser *p, struct span span, struct cel_node *condition,
                                      struct cel_node *yes, struct cel_node *no) {
    const struct cel_nodes both = cel_nodes_with(p, cel_nodes_of(p, condition), yes);
    return cel_node_call(p, span, NULL, "_?_:_", cel_nodes_with(p, both, no));
}

struct cel_node *cel_node_chain(struct cel_parser *p, struct span span, enum cel_node_kind kind, struct cel_node *left,
                                struct cel_node *right) {
    struct cel_node *node = left;
    if (left->kind != kind || left->in_parentheses) {
        node = new_node(p, kind, span);
        ARENA_PUSH(p->arena, node->args, node->count, left);
        deepen(p, node, left);
    }
    node->span = span;
    ARENA_PUSH(p->arena, node->args, node->count, right);
    deepen(p, node, right);
    return node;
}

struct cel_node *cel_node_not(struct cel_parser *p, struct span span, size_t times, struct cel_node *operand) {
    return times % 2 ? cel_node_call(p, span, NULL, "!_", cel_nodes_of(p, operand)) : operand;
}

struct cel_node *cel_node_negate(struct cel_parser *p, struct span span, size_t times, struct cel_node *operand) {
    if (times % 2 == 0) return operand;
    const bool bare = times == 1 && operand->kind == CEL_NODE_LITERAL && !operand->in_parentheses;
    if (!bare || (operand->literal.kind != CEL_KIND_INT && operand->literal.kind != CEL_KIND_DOUBLE))
        return cel_node_call(p, span, NULL, "-_", cel_nodes_of(p, operand));
    // The sign belongs to the literal. The token keeps the unsigned node, so this one is new.
    struct cel_node *node = new_literal(p, span, operand->literal);
    if (operand->literal.kind == CEL_KIND_DOUBLE)
        node->literal.as.number = -operand->literal.as.number;
    else if (!operand->beyond_int)
        node->literal.as.integer = -operand->literal.as.integer;
    return node;
}

struct cel_node *cel_node_parentheses(struct cel_parser *p, struct cel_node *inner) {
    check_range(p, inner);
    inner->in_parentheses = true;
    // Parentheses count against the parser's depth in the API server.
    inner->depth++;
    deepen(p, inner, NULL);
    return inner;
}

static struct cel_node *new_aggregate(struct cel_parser *p, struct span span, enum cel_node_kind kind,
                                      struct cel_nodes items) {
    struct cel_node *node = new_node(p, kind, span);
    node->args = items.items;
    node->count = items.count;
    for (size_t i = 0; i < items.count; i++) deepen(p, node, items.items[i]);
    return node;
}

struct cel_node *cel_node_list(struct cel_parser *p, struct span span, struct cel_nodes items) {
    return new_aggregate(p, span, CEL_NODE_LIST, items);
}

struct cel_node *cel_node_map(struct cel_parser *p, struct span span, struct cel_nodes entries) {
    return new_aggregate(p, span, CEL_NODE_MAP, entries);
}

struct cel_node *cel_optional_item(struct cel_parser *p, struct cel_node *item) {
    (void)p;
    item->optional_item = true;
    return item;
}

struct cel_nodes cel_nodes_of(struct cel_parser *p, struct cel_node *node) {
    return cel_nodes_with(p, (struct cel_nodes){0}, node);
}

struct cel_nodes cel_nodes_with(struct cel_parser *p, struct cel_nodes nodes, struct cel_node *node) {
    ARENA_PUSH(p->arena, nodes.items, nodes.count, node);
    return nodes;
}

struct cel_nodes cel_nodes_with_entry(struct cel_parser *p, struct cel_nodes nodes, struct cel_node *key,
                                      struct cel_node *value) {
    return cel_nodes_with(p, cel_nodes_with(p, nodes, key), value);
}

// ---- text ----

static void add_escaped(struct text *out, const struct cel_value *literal) {
    const bool is_bytes = literal->kind == CEL_KIND_BYTES;
    const struct cel_string string = literal->as.string;
    text_add_string(out, is_bytes ? "b'" : "'");
    for (size_t at = 0; at < string.len;) {
        const size_t begin = at;
        const uint32_t c = is_bytes ? (unsigned char)string.bytes[at++] : utf8_next(string.bytes, string.len, &at);
        if (c == '\'' || c == '\\') text_add_char(out, '\\');
        if (c == '\n')
            text_add_string(out, "\\n");
        else if (c < 0x20 || c == 0x7f || (is_bytes && c > 0x7f))
            text_printf(out, "\\x%02x", (unsigned)c);
        else
            text_add(out, string.bytes + begin, at - begin);
    }
    text_add_char(out, '\'');
}

static const char *one_line(const struct cel_parser *p) {
    struct text out;
    text_init(&out, p->arena);
    for (size_t i = 0; i < p->token_count; i++) {
        const struct cel_token *token = &p->tokens[i];
        const size_t len = token->end - token->begin;
        if (i && p->tokens[i - 1].end < token->begin) text_add_char(&out, ' ');
        const bool breaks = memchr(p->text + token->begin, '\n', len) || memchr(p->text + token->begin, '\r', len);
        if (breaks)
            add_escaped(&out, &token->literal->literal);
        else
            text_add(&out, p->text + token->begin, len);
    }
    return text_string(&out);
}

// ---- entry points ----

static void start(struct cel_parser *p, struct arena *arena, const char *text, struct cel_problem *ret_problem) {
    p->arena = arena;
    p->problem = ret_problem;
    p->text = text;
    p->len = strlen(text);
    p->cursor = (const unsigned char *)text;
    p->limit = p->cursor + p->len;
}

static void read_text(struct cel_parser *p) {
    const size_t valid = utf8_valid_prefix(p->text, p->len);
    if (valid != p->len) cel_fail(p, valid, "invalid UTF-8");
    if (utf8_length(p->text, p->len) > LIMIT_CEL_CODE_POINTS) cel_fail(p, 0, "the expression is too long");
    cel_yyparse(p);
}

struct cel_node *cel_read(struct arena *arena, const char *text, struct cel_problem *ret_problem) {
    struct cel_parser *p = ARENA_NEW(arena, struct cel_parser);
    start(p, arena, text, ret_problem);
    if (setjmp(p->failed)) return NULL;
    read_text(p);
    return p->root;
}

struct cel_expr *cel_parse(struct arena *arena, const char *text, unsigned minor, struct cel_problem *ret_problem) {
    static const struct cel_declarations none = {0};
    return cel_parse_declared(arena, text, minor, &none, CEL_OUTPUT_BOOL, ret_problem);
}

struct cel_expr *cel_parse_declared(struct arena *arena, const char *text, unsigned minor,
                                    const struct cel_declarations *declarations, enum cel_output output,
                                    struct cel_problem *ret_problem) {
    struct cel_parser *p = ARENA_NEW(arena, struct cel_parser);
    start(p, arena, text, ret_problem);
    p->minor = minor;
    p->declarations = declarations;
    p->output = output;
    p->expr = ARENA_NEW(arena, struct cel_expr);
    p->expr->minor = minor;
    if (setjmp(p->failed)) return NULL;
    read_text(p);
    cel_check(p, p->root);
    p->expr->root = p->root;
    p->expr->text = one_line(p);
    return p->expr;
}

bool cel_reads(const struct cel_expr *expr, const char *variable) {
    static const char *const names[CEL_VARIABLES] = {"object",          "oldObject", "request",
                                                     "namespaceObject", "params",    "authorizer"};
    for (size_t i = 0; i < CEL_VARIABLES; i++)
        if (strcmp(names[i], variable) == 0) return expr->reads[i];
    return false;
}

struct path_list {
    struct arena *arena;
    struct cel_path *items;
    size_t count;
};

// The key that the node adds to what stands before it; NULL when it adds none.
static const char *key_of(struct arena *arena, const struct cel_node *node) {
    if (node->kind == CEL_NODE_SELECT || node->kind == CEL_NODE_HAS) return node->name;
    if (node->kind != CEL_NODE_CALL || node->count != 2 ||
        (node->function != CEL_FN_INDEX && node->function != CEL_FN_OPTIONAL_INDEX))
        return NULL;
    const struct cel_node *index = node->args[1];
    if (index->kind != CEL_NODE_LITERAL || index->literal.kind != CEL_KIND_STRING) return NULL;
    const struct cel_string key = index->literal.as.string;
    return memchr(key.bytes, 0, key.len) ? NULL : arena_copy(arena, key.bytes, key.len);
}

static const struct cel_node *before_key(const struct cel_node *node) {
    return node->kind == CEL_NODE_CALL ? node->args[0] : node->target;
}

static bool is_object(const struct cel_node *node) {
    return node->kind == CEL_NODE_IDENT && !node->binder && !node->is_type && node->global == CEL_OBJECT;
}

// Keys that lead from the object to the node, if they do.
static bool path_to(struct arena *arena, const struct cel_node *node, struct cel_path *path) {
    if (is_object(node)) return true;
    const char *key = key_of(arena, node);
    if (!key || !path_to(arena, before_key(node), path)) return false;
    ARENA_PUSH(arena, path->keys, path->count, key);
    return true;
}

static bool is_null(const struct cel_node *node) {
    return node->kind == CEL_NODE_LITERAL && node->literal.kind == CEL_KIND_NULL;
}

static void add_paths(struct path_list *list, const struct cel_node *node) {
    struct cel_path path = {0};
    if (!node) return;
    if (path_to(list->arena, node, &path)) {
        ARENA_PUSH(list->arena, list->items, list->count, path);
        return;
    }
    add_paths(list, node->target);
    // Whether there is an object at all is no question of what it holds.
    const bool compares =
        node->kind == CEL_NODE_CALL && node->count == 2 &&
        ((is_object(node->args[0]) && is_null(node->args[1])) || (is_object(node->args[1]) && is_null(node->args[0])));
    for (size_t i = 0; i < node->count && !compares; i++) add_paths(list, node->args[i]);
}

struct cel_path *cel_object_paths(const struct cel_expr *expr, struct arena *arena, size_t *ret_count) {
    struct path_list list = {.arena = arena};
    add_paths(&list, expr->root);
    *ret_count = list.count;
    return list.items;
}

const char *cel_text(const struct cel_expr *expr) {
    return expr->text;
}
