// RE2 syntax into a tree. This follows Go's regexp/syntax step by step, because what that accepts by accident is
// accepted by the API server as well.
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/text.h"
#include "data/regex_internal.h"

enum {
    MAX_CODE_POINT = 0x10ffff,
    MAX_REPEAT = 1000, // Go's
    MAX_HEIGHT = 250,  // Go has 1000; ours is below it in every case, and keeps the recursion small
    MAX_CLASS_RANGES = 1 << 20,
    FIRST_UNFOLDED = 0xb5, // the first letter beyond ASCII that has another case
    LAST_FOLDED = 0x1e943, // the last letter that has another case
    LONG_S = 0x17f,        // folds with s
    KELVIN = 0x212a,       // folds with k
};

enum { FLAG_FOLD = 1, FLAG_DOT_NEWLINE = 2, FLAG_MULTI_LINE = 4, FLAG_UNGREEDY = 8 };

_Noreturn void regex_fail(struct parser *p, size_t offset, const char *error) {
    p->error = error;
    p->error_offset = offset;
    longjmp(p->failed, 1);
}

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static bool is_octal(char c) {
    return c >= '0' && c <= '7';
}

static bool is_alnum(uint32_t c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool regex_is_word(uint32_t c) {
    return is_alnum(c) || c == '_';
}

static int hex_digit(uint32_t c) {
    if (c >= '0' && c <= '9') return (int)(c - '0');
    if (c >= 'a' && c <= 'f') return (int)(c - 'a') + 10;
    if (c >= 'A' && c <= 'F') return (int)(c - 'A') + 10;
    return -1;
}

// The pattern is NUL-terminated, so one byte past the end may be looked at.
static char peek(const struct parser *p, size_t ahead) {
    return p->at + ahead < p->len ? p->text[p->at + ahead] : '\0';
}

static uint32_t next_rune(struct parser *p) {
    return utf8_next(p->text, p->len, &p->at);
}

// ---- classes ----

static void add_range(struct arena *arena, struct class *class, uint32_t lo, uint32_t hi) {
    const struct range added = {lo, hi};
    ARENA_PUSH(arena, class->items, class->count, added);
}

static int compare_ranges(const void *a, const void *b) {
    const struct range *left = a, *right = b;
    if (left->lo != right->lo) return left->lo < right->lo ? -1 : 1;
    return (left->hi < right->hi) - (left->hi > right->hi);
}

static void clean_class(struct class *class) {
    if (class->count < 2) return;
    qsort(class->items, class->count, sizeof *class->items, compare_ranges);
    size_t kept = 1;
    for (size_t i = 1; i < class->count; i++) {
        struct range *last = &class->items[kept - 1];
        if (class->items[i].lo > last->hi + 1)
            class->items[kept++] = class->items[i];
        else if (class->items[i].hi > last->hi)
            last->hi = class->items[i].hi;
    }
    class->count = kept;
}

// Of a clean class.
static struct class negated(struct arena *arena, const struct class *class) {
    struct class result = {0};
    uint32_t next = 0;
    for (size_t i = 0; i < class->count; i++) {
        if (class->items[i].lo > next) add_range(arena, &result, next, class->items[i].lo - 1);
        next = class->items[i].hi + 1;
    }
    if (next <= MAX_CODE_POINT) add_range(arena, &result, next, MAX_CODE_POINT);
    return result;
}

static void add_class(struct arena *arena, struct class *class, const struct class *other) {
    for (size_t i = 0; i < other->count; i++) add_range(arena, class, other->items[i].lo, other->items[i].hi);
}

static void add_letters_of_fold(struct arena *arena, struct class *class, uint32_t letter) {
    add_range(arena, class, letter, letter);
    add_range(arena, class, letter - 'a' + 'A', letter - 'a' + 'A');
    if (letter == 'k') add_range(arena, class, KELVIN, KELVIN);
    if (letter == 's') add_range(arena, class, LONG_S, LONG_S);
}

// The range with everything that differs from its members in case only. `begin` is where the range was written.
static void add_folded_range(struct parser *p, struct class *class, uint32_t lo, uint32_t hi, size_t begin) {
    add_range(p->arena, class, lo, hi);
    if ((lo <= 'A' && hi >= LAST_FOLDED) || lo > LAST_FOLDED) return;
    for (uint32_t letter = 'a'; letter <= 'z'; letter++) {
        const uint32_t upper = letter - 'a' + 'A';
        if ((lo <= letter && letter <= hi) || (lo <= upper && upper <= hi))
            add_letters_of_fold(p->arena, class, letter);
    }
    if (hi < FIRST_UNFOLDED) return;
    if (lo != hi || (lo != KELVIN && lo != LONG_S))
        regex_fail(p, begin, "letters beyond ASCII under (?i) are valid RE2 but not supported");
    add_letters_of_fold(p->arena, class, lo == KELVIN ? 'k' : 's');
}

static void add_written_range(struct parser *p, struct class *class, uint32_t lo, uint32_t hi, size_t begin) {
    if (class->count >= MAX_CLASS_RANGES) regex_fail(p, begin, "the pattern is too large");
    if (p->flags & FLAG_FOLD)
        add_folded_range(p, class, lo, hi, begin);
    else
        add_range(p->arena, class, lo, hi);
}

struct named_class {
    const char *name;
    struct range ranges[4];
    size_t count;
};

static const struct named_class perl_classes[] = {
    {"d", {{'0', '9'}}, 1},
    {"s", {{'\t', '\n'}, {'\f', '\r'}, {' ', ' '}}, 3},
    {"w", {{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}}, 4},
};

static const struct named_class posix_classes[] = {
    {"alnum", {{'0', '9'}, {'A', 'Z'}, {'a', 'z'}}, 3},
    {"alpha", {{'A', 'Z'}, {'a', 'z'}}, 2},
    {"ascii", {{0, 0x7f}}, 1},
    {"blank", {{'\t', '\t'}, {' ', ' '}}, 2},
    {"cntrl", {{0, 0x1f}, {0x7f, 0x7f}}, 2},
    {"digit", {{'0', '9'}}, 1},
    {"graph", {{'!', '~'}}, 1},
    {"lower", {{'a', 'z'}}, 1},
    {"print", {{' ', '~'}}, 1},
    {"punct", {{'!', '/'}, {':', '@'}, {'[', '`'}, {'{', '~'}}, 4},
    {"space", {{'\t', '\r'}, {' ', ' '}}, 2},
    {"upper", {{'A', 'Z'}}, 1},
    {"word", {{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}}, 4},
    {"xdigit", {{'0', '9'}, {'A', 'F'}, {'a', 'f'}}, 3},
};

static void add_named(struct parser *p, struct class *class, const struct named_class *named, bool negative) {
    struct class members = {0};
    for (size_t i = 0; i < named->count; i++)
        add_written_range(p, &members, named->ranges[i].lo, named->ranges[i].hi, p->at);
    clean_class(&members);
    if (negative) members = negated(p->arena, &members);
    add_class(p->arena, class, &members);
}

// \d \D \s \S \w \W at the parser's place; false when there is none.
static bool read_perl_class(struct parser *p, struct class *class) {
    if (peek(p, 0) != '\\') return false;
    const char letter = peek(p, 1);
    for (size_t i = 0; i < sizeof perl_classes / sizeof *perl_classes; i++) {
        const char lower = perl_classes[i].name[0];
        const bool negative = letter == lower - 'a' + 'A';
        if (letter != lower && !negative) continue;
        add_named(p, class, &perl_classes[i], negative);
        p->at += 2;
        return true;
    }
    return false;
}

// [:alpha:] or [:^alpha:] at the parser's place; false when it is no such thing.
static bool read_posix_class(struct parser *p, struct class *class) {
    if (peek(p, 0) != '[' || peek(p, 1) != ':') return false;
    const char *begin = p->text + p->at + 2;
    const char *end = strstr(begin, ":]");
    if (!end) return false;
    const bool negative = *begin == '^';
    if (negative) begin++;
    const size_t len = end >= begin ? (size_t)(end - begin) : 0;
    for (size_t i = 0; i < sizeof posix_classes / sizeof *posix_classes; i++) {
        if (strlen(posix_classes[i].name) != len || strncmp(posix_classes[i].name, begin, len) != 0) continue;
        add_named(p, class, &posix_classes[i], negative);
        p->at = (size_t)(end - p->text) + 2;
        return true;
    }
    regex_fail(p, p->at, "there is no such character class");
}

static void refuse_unicode_class(struct parser *p) {
    if (peek(p, 0) == '\\' && (peek(p, 1) == 'p' || peek(p, 1) == 'P'))
        regex_fail(p, p->at, "classes of Unicode properties (\\p) are not supported: list the characters in brackets");
}

// ---- escapes ----

static uint32_t read_octal(struct parser *p, uint32_t value) {
    for (int i = 1; i < 3 && is_octal(peek(p, 0)); i++) value = value * 8 + (uint32_t)(p->text[p->at++] - '0');
    return value;
}

static uint32_t read_hex(struct parser *p, size_t begin) {
    const char *const error = "invalid escape sequence";
    uint32_t value = 0;
    if (peek(p, 0) != '{') {
        for (int i = 0; i < 2; i++, p->at++) {
            const int digit = p->at < p->len ? hex_digit((unsigned char)p->text[p->at]) : -1;
            if (digit < 0) regex_fail(p, begin, error);
            value = value * 16 + (uint32_t)digit;
        }
        return value;
    }
    p->at++;
    const size_t first = p->at;
    for (; peek(p, 0) != '}'; p->at++) {
        const int digit = p->at < p->len ? hex_digit((unsigned char)p->text[p->at]) : -1;
        if (digit < 0) regex_fail(p, begin, error);
        value = value * 16 + (uint32_t)digit;
        if (value > MAX_CODE_POINT) regex_fail(p, begin, error);
    }
    if (p->at == first) regex_fail(p, begin, error);
    p->at++;
    return value;
}

static uint32_t read_escape(struct parser *p) {
    const size_t begin = p->at++;
    if (p->at >= p->len) regex_fail(p, begin, "a backslash at the end of the pattern");
    const uint32_t c = next_rune(p);
    switch (c) {
    case '1':
    case '2':
    case '3':
    case '4':
    case '5':
    case '6':
    case '7':
        if (!is_octal(peek(p, 0))) regex_fail(p, begin, "RE2 has no backreferences");
        return read_octal(p, c - '0');
    case '0': return read_octal(p, 0);
    case 'x': return read_hex(p, begin);
    case 'a': return '\a';
    case 'f': return '\f';
    case 'n': return '\n';
    case 'r': return '\r';
    case 't': return '\t';
    case 'v': return '\v';
    default:
        if (c >= 0x80 || is_alnum(c)) regex_fail(p, begin, "invalid escape sequence");
        return c;
    }
}

// ---- stack ----

static struct node *new_node(struct parser *p, enum node_kind kind) {
    struct node *node = ARENA_NEW(p->arena, struct node);
    node->kind = kind;
    node->height = 1;
    return node;
}

static void push(struct parser *p, struct node *node) {
    if (node->height > MAX_HEIGHT) regex_fail(p, p->at, "the pattern is nested too deeply");
    ARENA_PUSH(p->arena, p->stack, p->depth, node);
}

static void push_class(struct parser *p, struct class class) {
    struct node *node = new_node(p, NODE_CLASS);
    node->class = class;
    push(p, node);
}

static void push_literal(struct parser *p, uint32_t c, size_t begin) {
    struct class class = {0};
    add_written_range(p, &class, c, c, begin);
    clean_class(&class);
    push_class(p, class);
}

static void push_assertion(struct parser *p, enum assertion assertion) {
    struct node *node = new_node(p, NODE_ASSERT);
    node->assertion = assertion;
    push(p, node);
}

static struct node *new_parent(struct parser *p, enum node_kind kind, struct node **items, size_t count) {
    struct node *node = new_node(p, kind);
    node->items = items;
    node->count = count;
    for (size_t i = 0; i < count; i++)
        if (items[i]->height >= node->height) node->height = items[i]->height + 1;
    return node;
}

// Index behind the topmost parenthesis, or behind the topmost parenthesis or bar.
static size_t sequence_begin(const struct parser *p, bool stop_at_bar) {
    size_t begin = p->depth;
    for (; begin > 0; begin--) {
        const enum node_kind kind = p->stack[begin - 1]->kind;
        if (kind == NODE_LEFT_PAREN || (stop_at_bar && kind == NODE_BAR)) break;
    }
    return begin;
}

static void reduce_concatenation(struct parser *p) {
    const size_t begin = sequence_begin(p, true), count = p->depth - begin;
    if (count == 1) return;
    struct node *node = new_node(p, NODE_EMPTY);
    if (count) {
        // A concatenation in a group without capture is part of the one around it, so that it does not nest.
        struct node **items = NULL;
        size_t kept = 0;
        for (size_t i = begin; i < p->depth; i++) {
            struct node *item = p->stack[i];
            if (item->kind == NODE_CONCAT)
                for (size_t j = 0; j < item->count; j++) ARENA_PUSH(p->arena, items, kept, item->items[j]);
            else
                ARENA_PUSH(p->arena, items, kept, item);
        }
        node = new_parent(p, NODE_CONCAT, items, kept);
    }
    p->depth = begin;
    push(p, node);
}

static void reduce_alternation(struct parser *p) {
    reduce_concatenation(p);
    const size_t begin = sequence_begin(p, false);
    if (p->depth - begin == 1) return;
    struct node **items = NULL;
    size_t count = 0;
    for (size_t i = begin; i < p->depth; i++)
        if (p->stack[i]->kind != NODE_BAR) ARENA_PUSH(p->arena, items, count, p->stack[i]);
    p->depth = begin;
    push(p, new_parent(p, NODE_ALTERNATE, items, count));
}

// ---- syntax ----

// Recursion is bounded by the height of the tree.
static bool repeat_is_valid(const struct node *node, int budget) {
    if (node->kind == NODE_REPEAT && node->counted) {
        const int times = node->max < 0 ? node->min : node->max;
        if (node->max == 0) return true;
        if (times > budget) return false;
        if (times > 0) budget /= times;
    }
    for (size_t i = 0; i < node->count; i++)
        if (!repeat_is_valid(node->items[i], budget)) return false;
    return true;
}

// The operator was read already; `begin` is where it was written.
static void repeat(struct parser *p, int min, int max, bool counted, size_t begin, bool behind_repeat) {
    const bool is_marked = peek(p, 0) == '?';
    if (is_marked) p->at++;
    if (behind_repeat) regex_fail(p, begin, "a repetition cannot follow a repetition");
    if (!p->depth || p->stack[p->depth - 1]->kind >= NODE_LEFT_PAREN) regex_fail(p, begin, "nothing to repeat");
    struct node **items = ARENA_NEW(p->arena, struct node *);
    items[0] = p->stack[--p->depth];
    struct node *node = new_parent(p, NODE_REPEAT, items, 1);
    node->min = min;
    node->max = max;
    node->counted = counted;
    node->is_lazy = is_marked != ((p->flags & FLAG_UNGREEDY) != 0);
    if (counted && (min >= 2 || max >= 2) && !repeat_is_valid(node, MAX_REPEAT))
        regex_fail(p, begin, "repetitions of repetitions go beyond 1000");
    push(p, node);
}

// -1 when there is no number (none, or with a leading zero); numbers beyond the limit come out above it.
static int read_number(struct parser *p) {
    if (!is_digit(peek(p, 0)) || (peek(p, 0) == '0' && is_digit(peek(p, 1)))) return -1;
    int number = 0;
    for (; is_digit(peek(p, 0)); p->at++)
        if (number <= MAX_REPEAT) number = number * 10 + (p->text[p->at] - '0');
    return number;
}

// {n}, {n,} or {n,m}; false, with the parser's place unchanged, when the brace is a literal.
static bool read_counts(struct parser *p, int *ret_min, int *ret_max) {
    const size_t begin = p->at++;
    const int min = read_number(p);
    int max = min;
    if (min >= 0 && peek(p, 0) == ',') {
        p->at++;
        const bool open = peek(p, 0) == '}';
        max = open ? -1 : read_number(p);
        if (!open && max < 0) {
            p->at = begin;
            return false;
        }
    }
    if (min < 0 || peek(p, 0) != '}') {
        p->at = begin;
        return false;
    }
    p->at++;
    if (min > MAX_REPEAT || max > MAX_REPEAT) regex_fail(p, begin, "a repetition goes beyond 1000");
    if (max >= 0 && min > max) regex_fail(p, begin, "a repetition whose first number is greater than its second");
    *ret_min = min;
    *ret_max = max;
    return true;
}

static uint32_t read_class_char(struct parser *p, size_t class_begin) {
    if (p->at >= p->len) regex_fail(p, class_begin, "missing ]");
    return p->text[p->at] == '\\' ? read_escape(p) : next_rune(p);
}

static void read_class_range(struct parser *p, struct class *class, size_t class_begin) {
    const size_t begin = p->at;
    const uint32_t lo = read_class_char(p, class_begin);
    uint32_t hi = lo;
    if (p->len - p->at >= 2 && peek(p, 0) == '-' && peek(p, 1) != ']') {
        p->at++;
        hi = read_class_char(p, class_begin);
        if (hi < lo) regex_fail(p, begin, "a range whose first character comes after its last");
    }
    add_written_range(p, class, lo, hi, begin);
}

static void read_class(struct parser *p) {
    const size_t begin = p->at++;
    const bool negative = peek(p, 0) == '^';
    if (negative) p->at++;
    struct class class = {0};
    for (bool first = true; first || peek(p, 0) != ']'; first = false) {
        refuse_unicode_class(p);
        if (!read_posix_class(p, &class) && !read_perl_class(p, &class)) read_class_range(p, &class, begin);
    }
    p->at++;
    clean_class(&class);
    push_class(p, negative ? negated(p->arena, &class) : class);
}

static void push_paren(struct parser *p, bool captures) {
    struct node *node = new_node(p, NODE_LEFT_PAREN);
    node->captures = captures;
    node->flags = p->flags;
    push(p, node);
}

static void read_named_group(struct parser *p, size_t begin, size_t name_len_before) {
    const char *const error = "invalid name of a group";
    p->at = begin + name_len_before;
    const size_t first = p->at;
    while (p->at < p->len && regex_is_word((unsigned char)p->text[p->at])) p->at++;
    if (p->at == first || peek(p, 0) != '>') regex_fail(p, begin, error);
    p->at++;
    push_paren(p, true);
}

// (?i) (?i-s) (?i: and the like.
static void read_flags(struct parser *p, size_t begin) {
    const char *const error = "invalid or unsupported group syntax";
    unsigned flags = p->flags;
    bool negative = false, seen = false;
    for (p->at = begin + 2; p->at < p->len;) {
        const char c = p->text[p->at++];
        unsigned flag = 0;
        switch (c) {
        case 'i': flag = FLAG_FOLD; break;
        case 'm': flag = FLAG_MULTI_LINE; break;
        case 's': flag = FLAG_DOT_NEWLINE; break;
        case 'U': flag = FLAG_UNGREEDY; break;
        case '-':
            if (negative) regex_fail(p, begin, error);
            negative = true;
            seen = false;
            continue;
        case ':':
        case ')':
            if (negative && !seen) regex_fail(p, begin, error);
            // The parenthesis keeps the flags that hold again behind the group.
            if (c == ':') push_paren(p, false);
            p->flags = flags;
            return;
        default: regex_fail(p, begin, error);
        }
        seen = true;
        flags = negative ? flags & ~flag : flags | flag;
    }
    regex_fail(p, begin, error);
}

static void read_left_paren(struct parser *p) {
    const size_t begin = p->at;
    if (peek(p, 1) != '?') {
        p->at++;
        push_paren(p, true);
    } else if (peek(p, 2) == 'P' && peek(p, 3) == '<') {
        read_named_group(p, begin, 4);
    } else if (peek(p, 2) == '<') {
        read_named_group(p, begin, 3);
    } else {
        read_flags(p, begin);
    }
}

static void read_right_paren(struct parser *p) {
    reduce_alternation(p);
    struct node *inner = p->stack[p->depth - 1];
    if (p->depth < 2) regex_fail(p, p->at, "a ) without a matching (");
    const struct node *paren = p->stack[p->depth - 2];
    p->depth -= 2;
    p->flags = paren->flags;
    p->at++;
    if (paren->captures) {
        struct node **items = ARENA_NEW(p->arena, struct node *);
        items[0] = inner;
        inner = new_parent(p, NODE_CAPTURE, items, 1);
    }
    push(p, inner);
}

static void read_quoted(struct parser *p) {
    p->at += 2;
    const char *end = strstr(p->text + p->at, "\\E");
    const size_t stop = end ? (size_t)(end - p->text) : p->len;
    while (p->at < stop) {
        const size_t begin = p->at;
        push_literal(p, next_rune(p), begin);
    }
    if (end) p->at += 2;
}

static void read_backslash(struct parser *p) {
    const size_t begin = p->at;
    switch (peek(p, 1)) {
    case 'A': push_assertion(p, ASSERT_TEXT_BEGIN); break;
    case 'z': push_assertion(p, ASSERT_TEXT_END); break;
    case 'b': push_assertion(p, ASSERT_WORD); break;
    case 'B': push_assertion(p, ASSERT_NO_WORD); break;
    case 'Q': read_quoted(p); return;
    default: {
        refuse_unicode_class(p);
        struct class class = {0};
        if (read_perl_class(p, &class)) {
            clean_class(&class);
            push_class(p, class);
        } else {
            const uint32_t c = read_escape(p);
            push_literal(p, c, begin);
        }
        return;
    }
    }
    p->at += 2;
}

static void push_dot(struct parser *p) {
    struct class class = {0};
    if (p->flags & FLAG_DOT_NEWLINE) {
        add_range(p->arena, &class, 0, MAX_CODE_POINT);
    } else {
        add_range(p->arena, &class, 0, '\n' - 1);
        add_range(p->arena, &class, '\n' + 1, MAX_CODE_POINT);
    }
    push_class(p, class);
}

// Reads one item; true when it was a repetition.
static bool read_item(struct parser *p, bool behind_repeat) {
    const size_t begin = p->at;
    const bool lines = p->flags & FLAG_MULTI_LINE;
    int min = 0, max = -1;
    switch (p->text[p->at]) {
    case '(': read_left_paren(p); return false;
    case ')': read_right_paren(p); return false;
    case '[': read_class(p); return false;
    case '\\': read_backslash(p); return false;
    case '|':
        reduce_concatenation(p);
        push(p, new_node(p, NODE_BAR));
        p->at++;
        return false;
    case '^':
        push_assertion(p, lines ? ASSERT_LINE_BEGIN : ASSERT_TEXT_BEGIN);
        p->at++;
        return false;
    case '$':
        push_assertion(p, lines ? ASSERT_LINE_END : ASSERT_TEXT_END);
        p->at++;
        return false;
    case '.':
        push_dot(p);
        p->at++;
        return false;
    case '*':
    case '+':
    case '?':
        min = p->text[p->at] == '+';
        max = p->text[p->at] == '?' ? 1 : -1;
        p->at++;
        repeat(p, min, max, false, begin, behind_repeat);
        return true;
    case '{':
        if (read_counts(p, &min, &max)) {
            repeat(p, min, max, true, begin, behind_repeat);
            return true;
        }
        break;
    default: break;
    }
    push_literal(p, next_rune(p), begin);
    return false;
}

struct node *regex_parse(struct parser *p) {
    for (bool behind_repeat = false; p->at < p->len;) behind_repeat = read_item(p, behind_repeat);
    reduce_alternation(p);
    if (p->depth == 1) return p->stack[0];
    regex_fail(p, p->len, "missing )");
}
