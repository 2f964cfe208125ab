// What is known of keywords: keywords.def as a table. Tokens are those of the grammar (klock_parser.h).
#ifndef KLOCK_KEYWORDS_H
#define KLOCK_KEYWORDS_H

#include <stdbool.h>
#include <stddef.h>

#include "front/ast.h"

enum {
    KEYWORD_NOTHING = 0,
    KEYWORD_ITEM = 1 << 0,
    KEYWORD_CLAUSE = 1 << 1,
    KEYWORD_STEP = 1 << 2,
    KEYWORD_SUBJECT = 1 << 3,
    KEYWORD_PREDICATE = 1 << 4,
    KEYWORD_COMPARISON = 1 << 5,
    KEYWORD_NEGATION = 1 << 6,
    KEYWORD_READ = 1 << 7,   // reads a value by itself on the right side of a comparison
    KEYWORD_READER = 1 << 8, // reads the value that is named behind it
};

// Where a name is expected.
enum keyword_position {
    KEYWORD_AS_NAME,
    KEYWORD_AS_KEY,       // of a selector
    KEYWORD_AS_GROUP,     // in a condition
    KEYWORD_AS_REFERENCE, // to an actor
    KEYWORD_AS_VARIABLE,  // of any/all
    KEYWORD_AS_CONSTANT,  // on the right side of a comparison
};

struct keyword {
    const char *word;
    int token;
    unsigned begins; // KEYWORD_ITEM, …
};

// NULL if the token is no keyword.
const struct keyword *keyword_of(int token);
// NULL if the text is no keyword.
const struct keyword *keyword_find(const char *text);
// Whether the token is a keyword that begins any of these.
bool keyword_begins(int token, unsigned what);
// Whether the keyword is a plain name there.
bool keyword_may_be(const struct keyword *keyword, enum keyword_position position);
// The words that begin any of these, in the order of the table. Gives their number, which is at most KEYWORD_COUNT.
size_t keyword_words(unsigned what, const char **ret_words);

enum {
    KEYWORD_COUNT = 0
#define KEYWORD(token, word, begins) +1
#include "front/keywords.def"
#undef KEYWORD
};

// The word that begins such an item: "lock", "actor", …
const char *keyword_of_item(enum ast_item_kind kind);

#endif
