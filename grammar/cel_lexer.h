// What the lexer and the parser of CEL know of each other.
#ifndef KLOCK_CEL_LEXER_H
#define KLOCK_CEL_LEXER_H

#include "cel_parser.h"

int cel_yylex(union CEL_YYSTYPE *value, struct span *span, struct cel_parser *p);

#endif
