// The tree as text: stable, one line a node, for golden tests and for looking at.
#ifndef KLOCK_AST_DUMP_H
#define KLOCK_AST_DUMP_H

struct ast_file;
struct text;

void ast_dump(struct text *text, const struct ast_file *file);

#endif
