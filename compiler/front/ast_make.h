// Constructors of the tree that need no source text: for the parser, and for whatever else makes a policy. All of them
// allocate in the arena and never fail; a part is used in one place only. A span is span_none() where nothing was
// written.
//
// What the grammar cannot say cannot be made sense of: lists of clauses, subjects, words and values have at least one
// item, and nothing nests more than LIMIT_EXPR_DEPTH levels deep.
#ifndef KLOCK_AST_MAKE_H
#define KLOCK_AST_MAKE_H

#include "front/ast.h"

struct arena;

// The right side of a comparison: a word, or an atom that is read.
struct ast_value {
    struct word word;
    struct ast_expr *reading; // NULL for a word
};

struct ast_compared {
    enum ast_comparison kind;
    struct words values;
    struct ast_expr **readings;
    size_t reading_count;
};

struct ast_steps {
    struct ast_step **items;
    size_t count;
};

struct ast_sealing {
    bool sealed;
    struct span at;
    struct ast_subjects by;
};

// A word of that text, which has to live as long as the tree; unquoted, it may be a number, a boolean or a wildcard.
struct word make_word(const char *text);
// The same, and never anything but text.
struct word make_string(const char *text);
// An optional word that is left out.
struct word make_no_word(void);
// The list with the word behind it, as with the other lists here; the empty list is {0}.
struct words make_words(struct arena *arena, struct words list, struct word word);

// One behind the other.
struct words make_words_joined(struct arena *arena, struct words list, struct words more);
// Two words, of which the first may be no word.
struct words make_pair(struct arena *arena, struct word first, struct word second);

struct ast_file *make_file(struct arena *arena, uint32_t source);
// Appends the item.
void make_file_item(struct ast_file *file, struct ast_item *item);
// An item without further parts: an include.
struct ast_item *make_item(struct arena *arena, enum ast_item_kind kind, struct span span, struct span keyword,
                           struct word name);
// `against` may be no word.
struct ast_item *make_policy(struct arena *arena, struct span span, struct span keyword, struct word name,
                             struct word against);
struct ast_item *make_accept_item(struct arena *arena, struct span span, struct span keyword, struct words words,
                                  struct words of, struct word reason);
struct ast_item *make_resource(struct arena *arena, struct span span, struct span keyword, struct word name,
                               struct word version, bool namespaced, struct word kind, struct words subresources);
struct ast_item *make_resources_from(struct arena *arena, struct span span, struct span keyword, struct words paths);
// `create` is the word `new`, or no word.
struct ast_item *make_actor(struct arena *arena, struct span span, struct span keyword, struct word name,
                            struct word create, struct ast_subjects subjects, struct word automount,
                            struct ast_sealing sealing);
struct ast_sealing make_sealed(bool sealed, struct span at, struct ast_subjects by);
struct ast_item *make_deployer(struct arena *arena, struct span span, struct span keyword,
                               struct ast_subjects subjects);
// Object, lock, grant or tenant.
struct ast_item *make_block(struct arena *arena, enum ast_item_kind kind, struct span span, struct span keyword,
                            struct word name, struct ast_subjects to, struct words objects, struct ast_clauses clauses);
struct ast_item *make_webhook(struct arena *arena, struct span span, struct span keyword, struct word name,
                              struct word kind, struct ast_clauses clauses);
struct ast_item *make_test(struct arena *arena, struct span span, struct span keyword, struct word name,
                           struct ast_steps steps);

struct ast_subjects make_subjects(struct arena *arena, struct ast_subjects list, struct ast_subject *subject);
struct ast_subject *make_subject(struct arena *arena, enum ast_subject_kind kind, struct span span, struct word name);
struct ast_subject *make_preset(struct arena *arena, struct span span, struct word name, struct word namespace);
// The right one is neither AND nor EXTRA.
struct ast_subject *make_subject_and(struct arena *arena, struct span span, struct ast_subject *left,
                                     struct ast_subject *right);
struct ast_subject *make_subject_extra(struct arena *arena, struct span span, struct ast_subject *left, struct word key,
                                       struct word value);

struct ast_clauses make_clauses(struct arena *arena, struct ast_clauses list, struct ast_clause *clause);
// With words, or nothing: {0}.
struct ast_clause *make_clause(struct arena *arena, enum ast_clause_kind kind, struct span span, struct span keyword,
                               struct words words);
struct ast_clause *make_clause_word(struct arena *arena, enum ast_clause_kind kind, struct span span,
                                    struct span keyword, struct word word);
// With three words, the last two of which may be no word.
struct ast_clause *make_clause_words(struct arena *arena, enum ast_clause_kind kind, struct span span,
                                     struct span keyword, struct word first, struct word second, struct word third);
// `strict` and the key may be no word.
struct ast_clause *make_consent(struct arena *arena, struct span span, struct span keyword, struct word strict,
                                struct word key, struct ast_subjects by);
// `dry` is the word of that name, or no word.
struct ast_clause *make_side_effects(struct arena *arena, struct span span, struct span keyword, struct word word,
                                     struct word dry);
// The requirements of `annotations` are made as LABEL, like those of all selectors.
struct ast_clause *make_locks_from(struct arena *arena, struct span span, struct span keyword, struct word resource,
                                   struct ast_expr *selector);
struct ast_clause *make_clause_expr(struct arena *arena, enum ast_clause_kind kind, struct span span,
                                    struct span keyword, struct ast_expr *expr);
// Takes the levels of `exempt` out of the subjects: actors with an unquoted name that is one.
struct ast_clause *make_clause_subjects(struct arena *arena, enum ast_clause_kind kind, struct span span,
                                        struct span keyword, struct ast_subjects subjects);
struct ast_clause *make_clause_paths(struct arena *arena, enum ast_clause_kind kind, struct span span,
                                     struct span keyword, struct ast_paths paths);
struct ast_clause *make_cover(struct arena *arena, struct span span, struct span keyword, struct words words,
                              struct word mode);
struct ast_clause *make_active(struct arena *arena, struct span span, struct span keyword, struct word from,
                               struct word until);
// Verbs of a grant; the reason is for the parser, which says how a warning is accepted instead.
struct ast_clause *make_allow(struct arena *arena, struct span span, struct span keyword, struct words words,
                              struct word reason);
// Names or codes of warnings; kind and name of a binding, or none; the reason may be no word.
struct ast_clause *make_accept(struct arena *arena, struct span span, struct span keyword, struct words words,
                               struct words of, struct word reason);
struct ast_guards make_guards(struct arena *arena, struct ast_guards list, struct word word);
// The word is one behind `no`.
struct ast_guards make_guards_without(struct arena *arena, struct ast_guards list, struct word word);
struct ast_clause *make_guard(struct arena *arena, struct span span, struct span keyword, struct ast_guards guards);

// An empty path. It begins with a key, and this one has none of . / : [ ] quotes and blanks.
struct ast_path make_path(struct span span);
struct ast_path make_path_key(struct arena *arena, struct ast_path path, struct span span, struct word key);
// [*], which is at `each`.
struct ast_path make_path_each(struct arena *arena, struct ast_path path, struct span span, struct span each);
struct ast_paths make_paths(struct arena *arena, struct ast_paths list, struct ast_path path);

struct ast_compared make_compare_none(void);
struct ast_value make_value(struct word word);
// What the request or the object brings: an atom over a key, which may be make_no_word().
struct ast_value make_reading(struct arena *arena, enum ast_expr_kind kind, struct span span, struct word key);
struct ast_value make_field_reading(struct arena *arena, enum ast_state state, struct span span, struct ast_path path);
// Adds a value to those of the list.
struct ast_compared make_values(struct arena *arena, struct ast_compared list, struct ast_value value);
struct ast_compared make_compare(struct arena *arena, enum ast_comparison kind, struct ast_value value);
struct ast_compared make_compare_list(enum ast_comparison kind, struct ast_compared values);
// A leaf, to be filled in.
struct ast_expr *make_expr(struct arena *arena, enum ast_expr_kind kind, struct span span);
// AND and OR; joins chains into one flat list.
struct ast_expr *make_chain(struct arena *arena, enum ast_expr_kind kind, struct span span, struct ast_expr *left,
                            struct ast_expr *right);
struct ast_expr *make_not(struct arena *arena, struct span span, struct ast_expr *operand);
struct ast_expr *make_parentheses(struct span span, struct ast_expr *expr);
// A predicate over a key (which may be make_no_word()) or a path.
struct ast_expr *make_predicate(struct arena *arena, enum ast_expr_kind kind, struct span span, struct word key,
                                struct ast_compared comparison);
struct ast_expr *make_field(struct arena *arena, enum ast_state state, struct span span, struct ast_path path,
                            struct ast_compared comparison);
// A question about the webhook that the variable names, with what it compares with.
struct ast_expr *make_webhook_question(struct arena *arena, enum ast_webhook_question question, struct span span,
                                       struct word variable, struct ast_compared compared);
// `operation in ( … )`.
struct ast_expr *make_operations(struct arena *arena, struct span span, struct words names);
// ANY or ALL over the elements that the path has; make_quantified gives it what is asked of each.
struct ast_expr *make_quantifier(struct arena *arena, enum ast_expr_kind kind, struct ast_path path,
                                 struct word variable);
struct ast_expr *make_quantified(struct arena *arena, struct span span, struct ast_expr *quantifier,
                                 struct ast_expr *body);

struct ast_steps make_steps(struct arena *arena, struct ast_steps list, struct ast_step *step);
struct ast_step *make_step_as(struct arena *arena, struct span span, struct ast_subjects subjects);
// `after` is NULL when there is no arrow.
struct ast_step *make_step_operation(struct arena *arena, struct span span, struct word operation, struct word resource,
                                     struct word name, struct ast_object_state *before, struct ast_object_state *after);
struct ast_step *make_step_grants(struct arena *arena, struct span span, struct words verbs);
// Without a state it is not there any more.
struct ast_step *make_step_given(struct arena *arena, struct span span, struct word resource, struct word name,
                                 const struct ast_object_state *state);
struct ast_step *make_step_expect(struct arena *arena, struct span span, enum ast_expectation expectation,
                                  struct word lock, struct words part);
// `in namespace`, still without what is said of it.
struct ast_step *make_step_namespace(struct arena *arena);
struct ast_step *make_namespace_labels(struct arena *arena, struct ast_step *step, struct ast_pairs labels);
struct ast_step *make_namespace_terminating(struct ast_step *step);
struct ast_step *make_step_namespace_done(struct ast_step *step, struct span span);

struct ast_pairs make_pairs(struct arena *arena, struct ast_pairs list, struct word key, struct word value);
// Nothing is said of the object yet.
struct ast_object_state *make_state(struct arena *arena);
struct ast_object_state *make_state_labels(struct arena *arena, struct ast_object_state *state, struct span span,
                                           struct ast_pairs labels);
struct ast_object_state *make_state_annotations(struct arena *arena, struct ast_object_state *state, struct span span,
                                                struct ast_pairs annotations);
struct ast_object_state *make_state_field(struct arena *arena, struct ast_object_state *state, struct span span,
                                          struct ast_path path, struct word value);
struct ast_object_state *make_state_terminating(struct ast_object_state *state, struct span span);
struct ast_object_state *make_state_object(struct ast_object_state *state, struct span span, struct word object);

#endif
