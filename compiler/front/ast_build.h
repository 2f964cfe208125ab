// Constructors of the tree: every action of the grammar is one call of these.
#ifndef KLOCK_AST_BUILD_H
#define KLOCK_AST_BUILD_H

#include "front/ast.h"
#include "front/lexer.h"

// The right side of a comparison: a word, or an atom that is read.
struct build_value {
    struct word word;
    struct ast_expr *reading; // NULL for a word
};

struct build_comparison {
    enum ast_comparison kind;
    struct words values;
    struct ast_expr **readings;
    size_t reading_count;
};

struct build_steps {
    struct ast_step **items;
    size_t count;
};

struct build_sealing {
    bool sealed;
    struct span at;
    struct ast_subjects by;
    struct ast_clauses accepts;
};

// The keyword an item begins with; gives its span.
struct span build_head(struct parser *p, enum item_head head, struct span keyword);
// Appends the item to the file; NULL is left out.
void build_file_item(struct parser *p, struct ast_item *item);
// No item: the head was in error.
struct ast_item *build_nothing(struct parser *p);

struct words build_words(struct parser *p, struct words list, struct word word);
struct word build_no_word(void);

struct ast_item *build_named(struct parser *p, enum ast_item_kind kind, struct span span, struct span keyword,
                             struct word name);
struct ast_item *build_resource(struct parser *p, struct span span, struct span keyword, struct word name,
                                struct word version, bool namespaced, struct word kind, struct words subresources);
struct ast_item *build_actor(struct parser *p, struct span span, struct span keyword, struct word name,
                             struct word create, struct ast_subjects subjects, struct build_sealing sealing);
struct ast_item *build_block(struct parser *p, enum ast_item_kind kind, struct span span, struct span keyword,
                             struct word name, struct ast_subjects to, struct words objects,
                             struct ast_clauses clauses);
struct ast_item *build_test(struct parser *p, struct span span, struct span keyword, struct word name,
                            struct build_steps steps);
struct build_sealing build_sealed(bool sealed, struct span at, struct ast_subjects by, struct ast_clauses accepts);
struct ast_item *build_deployer(struct parser *p, struct span span, struct span keyword, struct ast_subjects subjects);

struct ast_subjects build_subjects(struct parser *p, struct ast_subjects list, struct ast_subject *subject);
struct ast_subject *build_subject(struct parser *p, enum ast_subject_kind kind, struct span span, struct word name);
struct ast_subject *build_preset(struct parser *p, struct span span, struct word name, struct word namespace);
struct ast_subject *build_subject_and(struct parser *p, struct span span, struct ast_subject *left,
                                      struct ast_subject *right);
struct ast_subject *build_subject_extra(struct parser *p, struct span span, struct ast_subject *left, struct word key,
                                        struct word value);

struct ast_clauses build_clauses(struct parser *p, struct ast_clauses list, struct ast_clause *clause);
struct ast_clause *build_clause(struct parser *p, enum ast_clause_kind kind, struct span span, struct span keyword,
                                struct words words);
struct ast_clause *build_clause_word(struct parser *p, enum ast_clause_kind kind, struct span span, struct span keyword,
                                     struct word word);
struct ast_clause *build_clause_expr(struct parser *p, enum ast_clause_kind kind, struct span span, struct span keyword,
                                     struct ast_expr *expr);
struct ast_clause *build_clause_subjects(struct parser *p, enum ast_clause_kind kind, struct span span,
                                         struct span keyword, struct ast_subjects subjects);
struct ast_clause *build_clause_paths(struct parser *p, enum ast_clause_kind kind, struct span span,
                                      struct span keyword, struct ast_paths paths);
struct ast_clause *build_cover(struct parser *p, struct span span, struct span keyword, struct words words,
                               struct word mode);
struct ast_clause *build_active(struct parser *p, struct span span, struct span keyword, struct word from,
                                struct word until);
struct ast_clause *build_allow(struct parser *p, struct span span, struct span keyword, struct words words,
                               struct word reason);

// The word holds one or more keys between dots.
struct ast_path build_path(struct parser *p, struct word word);
struct ast_path build_path_key(struct parser *p, struct ast_path path, struct span span, struct word key);
struct ast_path build_path_dot(struct parser *p, struct ast_path path, struct word word);
struct ast_path build_path_each(struct parser *p, struct ast_path path, struct span span, struct span each);
struct ast_paths build_paths(struct parser *p, struct ast_paths list, struct ast_path path);

struct build_comparison build_compare_none(void);
struct build_value build_word(struct word word);
// What the request or the object brings: an atom over a key, which may be build_no_word().
struct build_value build_reading(struct parser *p, enum ast_expr_kind kind, struct span span, struct word key);
struct build_value build_field_reading(struct parser *p, enum ast_state state, struct span span, struct ast_path path);
// Adds a value to those of the list.
struct build_comparison build_values(struct parser *p, struct build_comparison list, struct build_value value);
struct build_comparison build_compare(struct parser *p, enum ast_comparison kind, struct build_value value);
struct build_comparison build_compare_list(enum ast_comparison kind, struct build_comparison values);
// AND and OR; joins chains into one flat list.
struct ast_expr *build_chain(struct parser *p, enum ast_expr_kind kind, struct span span, struct ast_expr *left,
                             struct ast_expr *right);
struct ast_expr *build_not(struct parser *p, struct span span, struct ast_expr *operand);
struct ast_expr *build_parentheses(struct span span, struct ast_expr *expr);
// A predicate over a key (which may be build_no_word()) or a path.
struct ast_expr *build_predicate(struct parser *p, enum ast_expr_kind kind, struct span span, struct word key,
                                 struct build_comparison comparison);
struct ast_expr *build_field(struct parser *p, enum ast_state state, struct span span, struct ast_path path,
                             struct build_comparison comparison);
// `operation in ( … )`.
struct ast_expr *build_operations(struct parser *p, struct span span, struct words names);
// A path without `field`: must begin with a variable of any/all.
struct ast_expr *build_variable_field(struct parser *p, struct span span, struct ast_path path,
                                      struct build_comparison comparison);
// The head declares the variable, the body ends its scope.
struct ast_expr *build_quantifier(struct parser *p, enum ast_expr_kind kind, struct ast_path path,
                                  struct word variable);
struct ast_expr *build_quantified(struct parser *p, struct span span, struct ast_expr *quantifier,
                                  struct ast_expr *body);

struct build_steps build_steps(struct parser *p, struct build_steps list, struct ast_step *step);
struct ast_step *build_step_as(struct parser *p, struct span span, struct ast_subjects subjects);
struct ast_step *build_step_operation(struct parser *p, struct span span, struct word operation, struct word resource,
                                      struct word name, struct ast_object_state *before,
                                      struct ast_object_state *after);
struct ast_step *build_step_grants(struct parser *p, struct span span, struct words verbs);
struct ast_step *build_step_expect(struct parser *p, struct span span, enum ast_expectation expectation,
                                   struct word lock);
struct ast_step *build_step_namespace(struct parser *p);
struct ast_step *build_namespace_labels(struct parser *p, struct ast_step *step, struct ast_pairs labels);
struct ast_step *build_namespace_terminating(struct ast_step *step);
struct ast_step *build_step_namespace_done(struct ast_step *step, struct span span);

struct ast_pairs build_pairs(struct parser *p, struct ast_pairs list, struct word key, struct word value);
struct ast_object_state *build_state(struct parser *p);
struct ast_object_state *build_state_labels(struct parser *p, struct ast_object_state *state, struct span span,
                                            struct ast_pairs labels);
struct ast_object_state *build_state_annotations(struct parser *p, struct ast_object_state *state, struct span span,
                                                 struct ast_pairs annotations);
struct ast_object_state *build_state_field(struct parser *p, struct ast_object_state *state, struct span span,
                                           struct ast_path path, struct word value);
struct ast_object_state *build_state_terminating(struct ast_object_state *state, struct span span);
struct ast_object_state *build_state_object(struct parser *p, struct ast_object_state *state, struct span span,
                                            struct word object);

#endif
