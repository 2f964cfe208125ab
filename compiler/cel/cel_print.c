// Prints trees of CEL; see cel_print.h.
#include "cel/cel_print.h"

#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/text.h"
#include "cel/cel_tree.h"

// How tightly the outermost operator binds.
enum level {
    LEVEL_CONDITIONAL,
    LEVEL_OR,
    LEVEL_AND,
    LEVEL_RELATION,
    LEVEL_SUM,
    LEVEL_PRODUCT,
    LEVEL_UNARY,
    LEVEL_MEMBER,
};

struct printer {
    struct text *text;
    size_t depth, deepest; // of brackets
    size_t width;          // of lines; 0: everything is one line
    size_t indent;         // of the next line
    bool is_first;         // nothing is on this line
    struct text *measured;
};

static void print(struct printer *printer, const struct cel_node *node, enum level level);
static void print_bare(struct printer *printer, const struct cel_node *node);

static void open(struct printer *printer, const char *bracket) {
    text_add_string(printer->text, bracket);
    if (++printer->depth > printer->deepest) printer->deepest = printer->depth;
}

static void close(struct printer *printer, const char *bracket) {
    text_add_string(printer->text, bracket);
    printer->depth--;
}

// ---- lines ----

enum { INDENT = 2 };

// Whether the node can be on several lines.
static bool is_breakable(const struct cel_node *node) {
    if (node->spelling || !node->count) return false;
    if (node->kind == CEL_NODE_AND || node->kind == CEL_NODE_OR || node->kind == CEL_NODE_MACRO) return true;
    if (node->kind == CEL_NODE_MAP) return true;
    if (cel_is_call(node, "_?_:_") || cel_is_call(node, "_+_")) return true;
    if (cel_is_call(node, "!_")) return is_breakable(node->args[0]) || node->args[0]->count;
    return node->kind == CEL_NODE_CALL && node->target && is_breakable(node->args[node->count - 1]);
}

// Whether the node is longer than a line; what nests is measured once for each level that is.
static bool is_long(struct printer *printer, const struct cel_node *node) {
    if (!printer->width || !is_breakable(node)) return false;
    struct printer flat = {.text = printer->measured};
    flat.text->len = 0;
    print_bare(&flat, node);
    return printer->indent + flat.text->len > printer->width;
}

static void new_line(struct printer *printer) {
    text_add_char(printer->text, '\n');
    for (size_t i = 0; i < printer->indent; i++) text_add_char(printer->text, ' ');
}

static void indent(struct printer *printer) {
    printer->indent += INDENT;
}

static void outdent(struct printer *printer) {
    printer->indent -= INDENT;
}

// Between brackets, on lines of its own.
static void print_within(struct printer *printer, const struct cel_node *node) {
    indent(printer);
    new_line(printer);
    printer->is_first = true;
    print(printer, node, LEVEL_CONDITIONAL);
    printer->is_first = false;
    outdent(printer);
    new_line(printer);
}

// ---- literals ----

// How many bytes from the first on stand for themselves.
static size_t plain_prefix(const char *bytes, size_t len) {
    size_t at = 0;
    for (; at < len; at++) {
        const char c = bytes[at];
        const bool substitution = c == '$' && at + 1 < len && (bytes[at + 1] == '{' || bytes[at + 1] == '$');
        if (c < ' ' || c >= 0x7f || c == '\\' || c == '\'' || substitution) break;
    }
    return at;
}

void cel_print_string(struct text *text, const char *bytes, size_t len) {
    text_add_char(text, '\'');
    for (size_t at = 0; at < len;) {
        const size_t plain = plain_prefix(bytes + at, len - at);
        text_add(text, bytes + at, plain);
        at += plain;
        if (at == len) break;
        const uint32_t code = utf8_next(bytes, len, &at);
        if (code == '\\' || code == '\'')
            text_printf(text, "\\%c", (char)code);
        else
            text_printf(text, code <= 0xffff ? "\\u%04x" : "\\U%08x", (unsigned)code);
    }
    text_add_char(text, '\'');
}

static void print_bytes(struct text *text, struct cel_string bytes) {
    text_add_string(text, "b'");
    for (size_t i = 0; i < bytes.len; i++) text_printf(text, "\\x%02x", (unsigned)(unsigned char)bytes.bytes[i]);
    text_add_char(text, '\'');
}

static void print_double(struct text *text, double number) {
    char digits[40];
    snprintf(digits, sizeof digits, "%.17g", number);
    text_printf(text, "%s%s", digits, strpbrk(digits, ".e") ? "" : ".0");
}

static void print_literal(struct printer *printer, const struct cel_value *literal) {
    struct text *text = printer->text;
    switch (literal->kind) {
    case CEL_KIND_BOOL: text_add_string(text, literal->as.boolean ? "true" : "false"); break;
    case CEL_KIND_INT: text_printf(text, "%lld", (long long)literal->as.integer); break;
    case CEL_KIND_UINT: text_printf(text, "%lluu", (unsigned long long)literal->as.natural); break;
    case CEL_KIND_DOUBLE: print_double(text, literal->as.number); break;
    case CEL_KIND_STRING: cel_print_string(text, literal->as.string.bytes, literal->as.string.len); break;
    case CEL_KIND_BYTES: print_bytes(text, literal->as.string); break;
    default: text_add_string(text, "null"); break; // there are no other literals
    }
}

// ---- operators ----

static enum level level_of_literal(const struct cel_value *literal) {
    const bool negative = (literal->kind == CEL_KIND_INT && literal->as.integer < 0) ||
                          (literal->kind == CEL_KIND_DOUBLE && literal->as.number < 0);
    return negative ? LEVEL_UNARY : LEVEL_MEMBER;
}

// The names of operators hold a mark for each operand; those of functions do not begin with one.
static enum level level_of_call(const struct cel_node *node) {
    const char *name = node->name;
    if (node->target || (name[0] != '_' && name[1] != '_')) return LEVEL_MEMBER;
    if (name[0] == '!' || name[0] == '-') return LEVEL_UNARY;
    if (name[0] != '_') return LEVEL_MEMBER;
    switch (name[1]) {
    case '?': return LEVEL_CONDITIONAL;
    case '[': return LEVEL_MEMBER;
    case '+':
    case '-': return LEVEL_SUM;
    case '*':
    case '/':
    case '%': return LEVEL_PRODUCT;
    case '=':
    case '!':
    case '<':
    case '>': return LEVEL_RELATION;
    default: return strcmp(name, "_in_") == 0 ? LEVEL_RELATION : LEVEL_MEMBER;
    }
}

static enum level level_of(const struct cel_node *node) {
    switch (node->kind) {
    case CEL_NODE_OR: return LEVEL_OR;
    case CEL_NODE_AND: return LEVEL_AND;
    case CEL_NODE_CALL: return level_of_call(node);
    case CEL_NODE_LITERAL: return level_of_literal(&node->literal);
    default: return LEVEL_MEMBER;
    }
}

bool cel_binds_tightly(const struct cel_node *node) {
    return node->in_parentheses || level_of(node) >= LEVEL_UNARY;
}

static void print_conditional(struct printer *printer, const struct cel_node *node) {
    const bool on_lines = is_long(printer, node);
    if (on_lines) indent(printer);
    for (size_t i = 0; i < node->count; i++) {
        if (i && on_lines) new_line(printer);
        if (i && !on_lines) text_add_char(printer->text, ' ');
        if (i) text_add_string(printer->text, i == 1 ? "? " : ": ");
        print(printer, node->args[i], i == 2 ? LEVEL_CONDITIONAL : LEVEL_OR);
    }
    if (on_lines) outdent(printer);
}

// What begins a line stands above what follows, elsewhere that is further in.
static void print_chain(struct printer *printer, const struct cel_node *node, enum level level) {
    const bool on_lines = is_long(printer, node), is_inner = on_lines && !printer->is_first;
    printer->is_first = false;
    if (is_inner) indent(printer);
    for (size_t i = 0; i < node->count; i++) {
        if (i && on_lines) new_line(printer);
        if (i && !on_lines) text_add_char(printer->text, ' ');
        if (i) text_add_string(printer->text, level == LEVEL_AND ? "&& " : "|| ");
        print(printer, node->args[i], level);
    }
    if (is_inner) outdent(printer);
}

// A comparison needs parentheses on both sides, other operators on their right alone: a - (b - c).
static void print_binary(struct printer *printer, const struct cel_node *node, enum level level) {
    const bool on_lines = is_long(printer, node);
    print(printer, node->args[0], level == LEVEL_RELATION ? LEVEL_SUM : level);
    if (on_lines)
        new_line(printer);
    else
        text_add_char(printer->text, ' ');
    text_add(printer->text, node->name + 1, strlen(node->name) - 2);
    text_add_char(printer->text, ' ');
    print(printer, node->args[1], level + 1);
}

static void print_unary(struct printer *printer, const struct cel_node *node) {
    text_add(printer->text, node->name, 1);
    print(printer, node->args[0], LEVEL_MEMBER);
}

// ---- members ----

static void print_index(struct printer *printer, const struct cel_node *node) {
    print(printer, node->args[0], LEVEL_MEMBER);
    open(printer, node->name[2] == '?' ? "[?" : "[");
    print(printer, node->args[1], LEVEL_CONDITIONAL);
    close(printer, "]");
}

static void print_items(struct printer *printer, const struct cel_node *node) {
    for (size_t i = 0; i < node->count; i++) {
        if (i) text_add_string(printer->text, ", ");
        if (node->args[i]->optional_item) text_add_char(printer->text, '?');
        print(printer, node->args[i], LEVEL_CONDITIONAL);
    }
}

static void print_entries(struct printer *printer, const struct cel_node *node) {
    const bool on_lines = is_long(printer, node);
    open(printer, "{");
    if (on_lines) indent(printer);
    for (size_t i = 0; i + 1 < node->count; i += 2) {
        if (i) text_add_char(printer->text, ',');
        if (on_lines)
            new_line(printer);
        else if (i)
            text_add_char(printer->text, ' ');
        if (node->args[i + 1]->optional_item) text_add_char(printer->text, '?');
        print(printer, node->args[i], LEVEL_CONDITIONAL);
        text_add_string(printer->text, ": ");
        print(printer, node->args[i + 1], LEVEL_CONDITIONAL);
    }
    if (on_lines) {
        text_add_char(printer->text, ','); // so that one more entry changes no other line
        outdent(printer);
        new_line(printer);
    }
    close(printer, "}");
}

static void print_select(struct printer *printer, const struct cel_node *node) {
    print(printer, node->target, LEVEL_MEMBER);
    text_add_string(printer->text, node->optional_field ? ".?" : ".");
    text_add_string(printer->text, node->name);
}

// The body of a macro, behind its variables.
static void print_last_on_line(struct printer *printer, const struct cel_node *node) {
    for (size_t i = 0; i + 1 < node->count; i++) {
        print(printer, node->args[i], LEVEL_CONDITIONAL);
        text_add_char(printer->text, ',');
        if (i + 2 < node->count) text_add_char(printer->text, ' ');
    }
    print_within(printer, node->args[node->count - 1]);
}

// A function, or a macro that the checker has taken the variables out of.
static void print_function(struct printer *printer, const struct cel_node *node) {
    const bool on_lines = is_long(printer, node) && is_breakable(node->args[node->count - 1]);
    if (node->target) {
        print(printer, node->target, LEVEL_MEMBER);
        text_add_char(printer->text, '.');
    }
    text_add_string(printer->text, node->name);
    open(printer, "(");
    if (node->variable) text_printf(printer->text, "%s, ", node->variable);
    if (node->second_variable) text_printf(printer->text, "%s, ", node->second_variable);
    if (on_lines)
        print_last_on_line(printer, node);
    else
        print_items(printer, node);
    close(printer, ")");
}

static void print_call(struct printer *printer, const struct cel_node *node) {
    const enum level level = level_of_call(node);
    if (level == LEVEL_CONDITIONAL)
        print_conditional(printer, node);
    else if (level == LEVEL_UNARY)
        print_unary(printer, node);
    else if (level < LEVEL_UNARY)
        print_binary(printer, node, level);
    else if (!node->target && node->name[0] == '_' && node->name[1] == '[')
        print_index(printer, node);
    else
        print_function(printer, node);
}

// ---- nodes ----

// How deep the text nests is that of its tree, which is printed for that alone.
static void print_spelling(struct printer *printer, const struct cel_node *node) {
    struct text unused;
    struct cel_node tree = *node;
    struct printer measure = {.text = &unused};
    text_init(&unused, printer->text->arena);
    tree.spelling = NULL;
    tree.in_parentheses = false;
    print(&measure, &tree, LEVEL_CONDITIONAL);
    if (printer->depth + measure.deepest > printer->deepest) printer->deepest = printer->depth + measure.deepest;
    text_add_string(printer->text, node->spelling);
}

static void print_bare(struct printer *printer, const struct cel_node *node) {
    if (node->kind != CEL_NODE_AND && node->kind != CEL_NODE_OR) printer->is_first = false;
    if (node->spelling) {
        print_spelling(printer, node);
        return;
    }
    switch (node->kind) {
    case CEL_NODE_LITERAL: print_literal(printer, &node->literal); break;
    case CEL_NODE_IDENT: text_add_string(printer->text, node->name); break;
    case CEL_NODE_SELECT: print_select(printer, node); break;
    case CEL_NODE_HAS:
        open(printer, "has(");
        print_select(printer, node);
        close(printer, ")");
        break;
    case CEL_NODE_CALL: print_call(printer, node); break;
    case CEL_NODE_AND: print_chain(printer, node, LEVEL_AND); break;
    case CEL_NODE_OR: print_chain(printer, node, LEVEL_OR); break;
    case CEL_NODE_LIST:
        open(printer, "[");
        if (node->count == 1 && is_long(printer, node->args[0]))
            print_within(printer, node->args[0]);
        else
            print_items(printer, node);
        close(printer, "]");
        break;
    case CEL_NODE_MAP: print_entries(printer, node); break;
    case CEL_NODE_MACRO: print_function(printer, node); break;
    }
}

// In parentheses if it binds less tightly than its place asks for.
static void print(struct printer *printer, const struct cel_node *node, enum level level) {
    const bool in_parentheses = node->in_parentheses || level_of(node) < level;
    if (!in_parentheses) {
        print_bare(printer, node);
        return;
    }
    open(printer, "(");
    if (is_long(printer, node)) {
        indent(printer);
        new_line(printer);
        printer->is_first = true;
        print_bare(printer, node);
        printer->is_first = false;
        outdent(printer);
        new_line(printer);
    } else {
        print_bare(printer, node);
    }
    close(printer, ")");
}

static size_t print_as_wide(struct text *text, const struct cel_node *node, size_t width) {
    struct text measured;
    text_init(&measured, text->arena);
    struct printer printer = {.text = text, .width = width, .measured = &measured};
    print(&printer, node, LEVEL_CONDITIONAL);
    return printer.deepest;
}

size_t cel_print(struct text *text, const struct cel_node *node) {
    return print_as_wide(text, node, 0);
}

size_t cel_print_on_lines(struct text *text, const struct cel_node *node) {
    enum { WIDTH = 150 };
    return print_as_wide(text, node, WIDTH);
}

// ---- what is printed while it is made ----

void cel_print_strings(struct text *text, const char *const *strings, size_t count) {
    text_add_char(text, '[');
    for (size_t i = 0; i < count; i++) {
        if (i) text_add_string(text, ", ");
        cel_print_string(text, strings[i], strlen(strings[i]));
    }
    text_add_char(text, ']');
}

void cel_print_entry(struct text *map, const char *key, const struct text *value) {
    text_add_string(map, map->len ? ",\n  " : "{\n  ");
    cel_print_string(map, key, strlen(key));
    text_add_string(map, ": ");
    text_add(map, text_string(value), value->len);
}

struct cel_node *cel_printed_map(struct text *map) {
    struct cel_node *node = ARENA_NEW(map->arena, struct cel_node);
    text_add_string(map, map->len ? ",\n}" : "{}");
    node->kind = CEL_NODE_MAP;
    node->spelling = text_string(map);
    return node;
}
