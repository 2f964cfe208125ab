// One source text in, its tree out; reports lexical and syntax errors and goes on behind them.
#ifndef KLOCK_PARSE_H
#define KLOCK_PARSE_H

#include "front/ast.h"

struct arena;
struct diags;
struct sources;

// Never NULL: what could be read is in the tree even after errors.
struct ast_file *parse_file(struct arena *arena, struct diags *diags, const struct sources *sources, uint32_t source);
// The same of a text of ours, without errors: all of it is where something of the source is that it stands for.
struct ast_file *parse_made(struct arena *arena, struct diags *diags, uint32_t source, const char *text,
                            struct span span);

#endif
