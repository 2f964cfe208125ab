// What the parser of patterns hands to those who run them.
#ifndef KLOCK_REGEX_PARTS_H
#define KLOCK_REGEX_PARTS_H

#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;

struct range {
    uint32_t lo, hi;
};

// Sorted, disjoint ranges once cleaned.
struct class {
    struct range *items;
    size_t count;
};

enum assertion { ASSERT_TEXT_BEGIN, ASSERT_TEXT_END, ASSERT_LINE_BEGIN, ASSERT_LINE_END, ASSERT_WORD, ASSERT_NO_WORD };

enum node_kind {
    NODE_EMPTY,
    NODE_CLASS,
    NODE_ASSERT,
    NODE_CONCAT,
    NODE_ALTERNATE,
    NODE_REPEAT,
    NODE_CAPTURE,
    NODE_LEFT_PAREN, // these two are on the parser's stack only
    NODE_BAR,
};

struct node {
    enum node_kind kind;
    unsigned height;
    struct class class;
    enum assertion assertion;
    struct node **items;
    size_t count;
    int min, max;  // NODE_REPEAT; max is -1 for no limit
    bool counted;  // NODE_REPEAT written with braces
    bool is_lazy;  // NODE_REPEAT that would rather stop than go on
    bool captures; // NODE_LEFT_PAREN
    unsigned flags;
};

struct parser {
    struct arena *arena;
    const char *text;
    size_t len, at;
    unsigned flags;
    struct node **stack;
    size_t depth;
    jmp_buf failed;
    const char *error;
    size_t error_offset;
};

// The tree of p->text, in p->arena. Whoever calls has set p->failed.
struct node *regex_parse(struct parser *p);
// Leaves through p->failed; the text must outlive the parser.
_Noreturn void regex_fail(struct parser *p, size_t offset, const char *error);
// Whether it is of a word, as \b sees words.
bool regex_is_word(uint32_t c);

#endif
