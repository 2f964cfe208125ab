// State shared by the lexer (grammar/klock.re), the grammar (grammar/klock.y) and parse.c.
#ifndef KLOCK_LEXER_H
#define KLOCK_LEXER_H

#include <stdbool.h>
#include <stddef.h>

#include "front/ast.h"

struct arena;
struct diags;

struct token {
    int kind; // of the grammar's tokens
    struct span span;
    struct word word;      // of words, strings and keywords
    bool first_on_line;    // nothing but blanks and comments before it
    bool reported_already; // the lexer or parse.c said what is wrong here
};

struct lexer {
    struct arena *arena;
    struct diags *diags;
    uint32_t file;
    const unsigned char *begin, *cursor, *marker, *limit;
    bool quiet;     // looking ahead or skipping: report nothing
    bool truncated; // a raw string reached the end of the text
};

// The next token; TOK_END at the end of the text, and TOK_KLOCK_YYerror for what is no token.
struct token lexer_next(struct lexer *lexer);

// What an item has begun; decides how its block is read.
enum item_head {
    HEAD_NONE,
    HEAD_PLAIN, // an item without a block
    HEAD_PATHS, // another, which names files
    HEAD_CLAUSES,
    HEAD_STEPS,
};

enum { PREVIOUS_TOKENS = 2 };

struct parser {
    struct arena *arena;
    struct diags *diags;
    struct ast_file *file;
    struct lexer lexer;
    const struct span *everywhere; // of text that nobody wrote: where all of it is; else NULL

    enum item_head head;
    bool in_block;
    struct span block_begin;
    unsigned parentheses;   // open
    unsigned negations;     // in a row
    bool in_guards;         // in what stands behind `guard`
    struct words variables; // of the any/all that enclose the current expression

    struct token last;             // delivered to the grammar
    struct lexer start_of_last;    // where it was read
    struct token before;           // the one before it
    int previous[PREVIOUS_TOKENS]; // kinds delivered before it, newest first
    bool closes_block;             // the last `}` did
    bool recovering;               // skip to where the grammar can go on
    bool retry_last;               // which is the last token itself
    bool skip_block;               // behind a brace that does not belong here
};

#endif
