// What the grammar builds with more than an arena: constructors that report problems, or keep the parser's state. Every
// action of the grammar is one call of these or of front/ast_make.h.
#ifndef KLOCK_AST_BUILD_H
#define KLOCK_AST_BUILD_H

#include "front/ast_make.h"
#include "front/lexer.h"

// The keyword an item begins with; gives its span.
struct span build_head(struct parser *p, enum item_head head, struct span keyword);
// Appends the item to the file; NULL is left out.
void build_file_item(struct parser *p, struct ast_item *item);
// No item: the head was in error.
struct ast_item *build_nothing(struct parser *p);

// `x.y/v1` is one word, and the name has the version in it.
struct ast_item *build_resource(struct parser *p, struct span span, struct span keyword, struct word name,
                                struct word version, bool namespaced, struct word kind, struct words subresources);
// Reports `allow` where a warning was to be accepted.
void build_old_acceptance(struct parser *p, struct span keyword, struct words words);
// Reports the clauses that the block does not take, and leaves them out.
struct ast_item *build_block(struct parser *p, enum ast_item_kind kind, struct span span, struct span keyword,
                             struct word name, struct ast_subjects to, struct words objects,
                             struct ast_clauses clauses);
struct ast_item *build_webhook(struct parser *p, struct span span, struct span keyword, struct word name,
                               struct word kind, struct ast_clauses clauses);

// These refuse what nests too deep.
struct ast_subject *build_subject_and(struct parser *p, struct span span, struct ast_subject *left,
                                      struct ast_subject *right);
struct ast_subject *build_subject_extra(struct parser *p, struct span span, struct ast_subject *left, struct word key,
                                        struct word value);
struct ast_expr *build_chain(struct parser *p, enum ast_expr_kind kind, struct span span, struct ast_expr *left,
                             struct ast_expr *right);
struct ast_expr *build_not(struct parser *p, struct span span, struct ast_expr *operand);

// The word holds one or more keys between dots.
struct ast_path build_path(struct parser *p, struct word word);
struct ast_path build_path_dot(struct parser *p, struct ast_path path, struct word word);

// A path without `field`: must begin with a variable of any/all.
struct ast_expr *build_variable_field(struct parser *p, struct span span, struct ast_path path,
                                      struct ast_compared comparison);
// The word may be no word.
struct ast_expr *build_webhook_question(struct parser *p, enum ast_webhook_question question, struct span span,
                                        struct word variable, struct word word);
// The head declares the variable, the body ends its scope.
struct ast_expr *build_quantifier(struct parser *p, enum ast_expr_kind kind, struct ast_path path,
                                  struct word variable);
struct ast_expr *build_quantified(struct parser *p, struct span span, struct ast_expr *quantifier,
                                  struct ast_expr *body);

// Refuses a second text.
struct ast_object_state *build_state_object(struct parser *p, struct ast_object_state *state, struct span span,
                                            struct word object);

#endif
