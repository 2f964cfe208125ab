// The tree as klock source again, in one layout: what the parser reads of it is the same tree. Comments are no part of
// the tree, and get lost.
#ifndef KLOCK_AST_PRINT_H
#define KLOCK_AST_PRINT_H

struct ast_file;
struct text;
struct word;

// For trees without errors: of the parser or of front/ast_make.h. Words are quoted that are strings, and those that
// would be read as something else.
void ast_print(struct text *text, const struct ast_file *file);
// One word as the source has it, where a name may stand.
void ast_print_word(struct text *text, struct word word);

#endif
