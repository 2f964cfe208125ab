// What the grammar reports, handed to parse.c to be worded.
#ifndef KLOCK_PARSE_ERRORS_H
#define KLOCK_PARSE_ERRORS_H

#include <stddef.h>

#include "base/span.h"

struct parser;

enum { PARSE_MAX_EXPECTED = 200 };

struct parse_expected {
    int kinds[PARSE_MAX_EXPECTED]; // of tokens
    const char *spellings[PARSE_MAX_EXPECTED];
    size_t count;
};

// At the parser's last token.
void parse_error_unexpected(struct parser *p, const struct parse_expected *expected);
void parse_error_too_deep(struct parser *p, struct span span);

#endif
