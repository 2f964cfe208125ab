// Constructors of the tree; see ast_make.h.
#include "front/ast_make.h"

#include <string.h>

#include "base/arena.h"

// ---- words ----

struct word make_word(const char *text) {
    return (struct word){.text = text, .span = span_none()};
}

struct word make_string(const char *text) {
    return (struct word){.text = text, .span = span_none(), .quoted = true};
}

struct word make_no_word(void) {
    return (struct word){.span = span_none()};
}

struct words make_words(struct arena *arena, struct words list, struct word word) {
    ARENA_PUSH(arena, list.items, list.count, word);
    return list;
}

// ---- items ----

struct words make_words_joined(struct arena *arena, struct words list, struct words more) {
    for (size_t i = 0; i < more.count; i++) list = make_words(arena, list, more.items[i]);
    return list;
}

struct words make_pair(struct arena *arena, struct word first, struct word second) {
    return make_words(arena, make_words(arena, (struct words){0}, first), second);
}

struct ast_file *make_file(struct arena *arena, uint32_t source) {
    struct ast_file *file = ARENA_NEW(arena, struct ast_file);
    file->source = source;
    return file;
}

void make_file_item(struct ast_file *file, struct ast_item *item) {
    if (file->last) {
        file->last->next = item;
    } else {
        file->first = item;
    }
    file->last = item;
}

struct ast_item *make_item(struct arena *arena, enum ast_item_kind kind, struct span span, struct span keyword,
                           struct word name) {
    struct ast_item *item = ARENA_NEW(arena, struct ast_item);
    item->kind = kind;
    item->span = span;
    item->keyword = keyword;
    item->name = name;
    return item;
}

struct ast_item *make_policy(struct arena *arena, struct span span, struct span keyword, struct word name,
                             struct word against) {
    struct ast_item *item = make_item(arena, AST_ITEM_POLICY, span, keyword, name);
    item->as.policy.against = against;
    return item;
}

struct ast_item *make_resource(struct arena *arena, struct span span, struct span keyword, struct word name,
                               struct word version, bool namespaced, struct word kind, struct words subresources) {
    struct ast_item *item = make_item(arena, AST_ITEM_RESOURCE, span, keyword, name);
    item->as.resource.version = version;
    item->as.resource.namespaced = namespaced;
    item->as.resource.kind = kind;
    item->as.resource.subresources = subresources;
    return item;
}

struct ast_item *make_resources_from(struct arena *arena, struct span span, struct span keyword, struct words paths) {
    struct ast_item *item = make_item(arena, AST_ITEM_RESOURCES_FROM, span, keyword, make_no_word());
    item->as.paths = paths;
    return item;
}

struct ast_item *make_actor(struct arena *arena, struct span span, struct span keyword, struct word name,
                            struct word create, struct ast_subjects subjects, struct word automount,
                            struct ast_sealing sealing) {
    struct ast_item *item = make_item(arena, AST_ITEM_ACTOR, span, keyword, name);
    item->as.actor.create = create.text != NULL;
    item->as.actor.create_at = create.span;
    item->as.actor.subjects = subjects;
    item->as.actor.automount = automount;
    item->as.actor.sealed = sealing.sealed;
    item->as.actor.sealed_at = sealing.at;
    item->as.actor.sealed_by = sealing.by;
    return item;
}

struct ast_sealing make_sealed(bool sealed, struct span at, struct ast_subjects by) {
    return (struct ast_sealing){.sealed = sealed, .at = sealed ? at : span_none(), .by = by};
}

struct ast_item *make_deployer(struct arena *arena, struct span span, struct span keyword,
                               struct ast_subjects subjects) {
    struct ast_item *item = make_item(arena, AST_ITEM_DEPLOYER, span, keyword, make_no_word());
    item->as.block.to = subjects;
    return item;
}

struct ast_item *make_block(struct arena *arena, enum ast_item_kind kind, struct span span, struct span keyword,
                            struct word name, struct ast_subjects to, struct words objects,
                            struct ast_clauses clauses) {
    struct ast_item *item = make_item(arena, kind, span, keyword, name);
    item->as.block.objects = objects;
    item->as.block.to = to;
    item->as.block.clauses = clauses;
    return item;
}

struct ast_item *make_webhook(struct arena *arena, struct span span, struct span keyword, struct word name,
                              struct word kind, struct ast_clauses clauses) {
    struct ast_item *item = make_item(arena, AST_ITEM_WEBHOOK, span, keyword, name);
    item->as.block.kind = kind;
    item->as.block.clauses = clauses;
    return item;
}

struct ast_item *make_test(struct arena *arena, struct span span, struct span keyword, struct word name,
                           struct ast_steps steps) {
    struct ast_item *item = make_item(arena, AST_ITEM_TEST, span, keyword, name);
    item->as.test.steps = steps.items;
    item->as.test.count = steps.count;
    return item;
}

// ---- subjects ----

struct ast_subjects make_subjects(struct arena *arena, struct ast_subjects list, struct ast_subject *subject) {
    ARENA_PUSH(arena, list.items, list.count, subject);
    return list;
}

struct ast_subject *make_subject(struct arena *arena, enum ast_subject_kind kind, struct span span, struct word name) {
    struct ast_subject *subject = ARENA_NEW(arena, struct ast_subject);
    subject->kind = kind;
    subject->span = span;
    subject->name = name;
    subject->extra_key = subject->extra_value = make_no_word();
    subject->depth = 1;
    return subject;
}

struct ast_subject *make_preset(struct arena *arena, struct span span, struct word name, struct word namespace) {
    struct ast_subject *subject = make_subject(arena, AST_SUBJECT_PRESET, span, name);
    subject->extra_value = namespace;
    return subject;
}

// A subject around the left one.
static struct ast_subject *wrap_subject(struct arena *arena, enum ast_subject_kind kind, struct span span,
                                        struct ast_subject *left) {
    struct ast_subject *subject = make_subject(arena, kind, span, make_no_word());
    subject->left = left;
    subject->depth = left->depth + 1;
    return subject;
}

struct ast_subject *make_subject_and(struct arena *arena, struct span span, struct ast_subject *left,
                                     struct ast_subject *right) {
    struct ast_subject *subject = wrap_subject(arena, AST_SUBJECT_AND, span, left);
    subject->right = right;
    return subject;
}

struct ast_subject *make_subject_extra(struct arena *arena, struct span span, struct ast_subject *left, struct word key,
                                       struct word value) {
    struct ast_subject *subject = wrap_subject(arena, AST_SUBJECT_EXTRA, span, left);
    subject->extra_key = key;
    subject->extra_value = value;
    return subject;
}

// ---- clauses ----

struct ast_clauses make_clauses(struct arena *arena, struct ast_clauses list, struct ast_clause *clause) {
    ARENA_PUSH(arena, list.items, list.count, clause);
    return list;
}

struct ast_clause *make_clause(struct arena *arena, enum ast_clause_kind kind, struct span span, struct span keyword,
                               struct words words) {
    struct ast_clause *clause = ARENA_NEW(arena, struct ast_clause);
    clause->kind = kind;
    clause->span = span;
    clause->keyword = keyword;
    clause->words = words;
    clause->mode = clause->reason = make_no_word();
    return clause;
}

struct ast_clause *make_clause_word(struct arena *arena, enum ast_clause_kind kind, struct span span,
                                    struct span keyword, struct word word) {
    return make_clause(arena, kind, span, keyword, make_words(arena, (struct words){0}, word));
}

struct ast_clause *make_clause_words(struct arena *arena, enum ast_clause_kind kind, struct span span,
                                     struct span keyword, struct word first, struct word second, struct word third) {
    struct words words = {0};
    words = make_words(arena, make_words(arena, make_words(arena, words, first), second), third);
    return make_clause(arena, kind, span, keyword, words);
}

struct ast_clause *make_consent(struct arena *arena, struct span span, struct span keyword, struct word strict,
                                struct word key, struct ast_subjects by) {
    struct ast_clause *clause =
        make_clause_words(arena, AST_CLAUSE_CONSENT, span, keyword, strict, key, make_no_word());
    clause->subjects = by;
    return clause;
}

struct ast_clause *make_side_effects(struct arena *arena, struct span span, struct span keyword, struct word word,
                                     struct word dry) {
    struct ast_clause *clause = make_clause_word(arena, AST_CLAUSE_SIDE_EFFECTS, span, keyword, word);
    clause->mode = dry;
    return clause;
}

// Selectors are built as labels before it is known that they are about annotations.
static void turn_into_annotations(struct ast_expr *expr) {
    if (expr->kind == AST_EXPR_LABEL) expr->kind = AST_EXPR_ANNOTATION;
    for (size_t i = 0; i < expr->operand_count; i++) turn_into_annotations(expr->operands[i]);
}

struct ast_clause *make_clause_expr(struct arena *arena, enum ast_clause_kind kind, struct span span,
                                    struct span keyword, struct ast_expr *expr) {
    struct ast_clause *clause = make_clause(arena, kind, span, keyword, (struct words){0});
    if (kind == AST_CLAUSE_ANNOTATIONS) turn_into_annotations(expr);
    clause->expr = expr;
    return clause;
}

struct ast_clause *make_locks_from(struct arena *arena, struct span span, struct span keyword, struct word resource,
                                   struct ast_expr *selector) {
    const struct words words = make_words(arena, (struct words){0}, resource);
    struct ast_clause *clause = make_clause(arena, AST_CLAUSE_LOCKS_FROM, span, keyword, words);
    clause->expr = selector;
    return clause;
}

static bool is_exemption_level(const struct ast_subject *subject) {
    static const char *const levels[] = {"lifecycle", "controllers", "none"};
    if (subject->kind != AST_SUBJECT_ACTOR || subject->name.quoted) return false;
    for (size_t i = 0; i < sizeof levels / sizeof *levels; i++)
        if (strcmp(subject->name.text, levels[i]) == 0) return true;
    return false;
}

struct ast_clause *make_clause_subjects(struct arena *arena, enum ast_clause_kind kind, struct span span,
                                        struct span keyword, struct ast_subjects subjects) {
    struct ast_clause *clause = make_clause(arena, kind, span, keyword, (struct words){0});
    for (size_t i = 0; i < subjects.count; i++) {
        struct ast_subject *subject = subjects.items[i];
        if (kind == AST_CLAUSE_EXEMPT && is_exemption_level(subject)) {
            clause->words = make_words(arena, clause->words, subject->name);
        } else {
            clause->subjects = make_subjects(arena, clause->subjects, subject);
        }
    }
    return clause;
}

struct ast_clause *make_clause_paths(struct arena *arena, enum ast_clause_kind kind, struct span span,
                                     struct span keyword, struct ast_paths paths) {
    struct ast_clause *clause = make_clause(arena, kind, span, keyword, (struct words){0});
    clause->paths = paths;
    return clause;
}

struct ast_clause *make_cover(struct arena *arena, struct span span, struct span keyword, struct words words,
                              struct word mode) {
    const bool never_alone = !mode.text && words.count == 1 && strcmp(words.items[0].text, "never") == 0;
    struct ast_clause *clause =
        make_clause(arena, AST_CLAUSE_COVER, span, keyword, never_alone ? (struct words){0} : words);
    clause->mode = never_alone ? words.items[0] : mode;
    return clause;
}

struct ast_clause *make_active(struct arena *arena, struct span span, struct span keyword, struct word from,
                               struct word until) {
    return make_clause(arena, AST_CLAUSE_ACTIVE, span, keyword,
                       make_words(arena, make_words(arena, (struct words){0}, from), until));
}

struct ast_clause *make_allow(struct arena *arena, struct span span, struct span keyword, struct words words,
                              struct word reason) {
    struct ast_clause *clause = make_clause(arena, AST_CLAUSE_ALLOW, span, keyword, words);
    clause->reason = reason;
    return clause;
}

struct ast_clause *make_accept(struct arena *arena, struct span span, struct span keyword, struct words words,
                               struct words of, struct word reason) {
    struct ast_clause *clause = make_clause(arena, AST_CLAUSE_ACCEPT, span, keyword, words);
    clause->of = of;
    clause->reason = reason;
    return clause;
}

struct ast_item *make_accept_item(struct arena *arena, struct span span, struct span keyword, struct words words,
                                  struct words of, struct word reason) {
    struct ast_item *item = make_item(arena, AST_ITEM_ACCEPT, span, keyword, make_no_word());
    item->as.accept = make_accept(arena, span, keyword, words, of, reason);
    return item;
}

struct ast_guards make_guards(struct arena *arena, struct ast_guards list, struct word word) {
    list.words = make_words(arena, list.words, word);
    return list;
}

struct ast_guards make_guards_without(struct arena *arena, struct ast_guards list, struct word word) {
    list.removed = make_words(arena, list.removed, word);
    return list;
}

struct ast_clause *make_guard(struct arena *arena, struct span span, struct span keyword, struct ast_guards guards) {
    struct ast_clause *clause = make_clause(arena, AST_CLAUSE_GUARD, span, keyword, guards.words);
    clause->removed = guards.removed;
    return clause;
}

// ---- paths ----

static void add_segment(struct arena *arena, struct ast_path *path, const char *key, struct span span) {
    const struct ast_segment segment = {key, span};
    ARENA_PUSH(arena, path->items, path->count, segment);
}

struct ast_path make_path(struct span span) {
    return (struct ast_path){.span = span};
}

struct ast_path make_path_key(struct arena *arena, struct ast_path path, struct span span, struct word key) {
    add_segment(arena, &path, key.text, key.span);
    path.span = span;
    return path;
}

struct ast_path make_path_each(struct arena *arena, struct ast_path path, struct span span, struct span each) {
    add_segment(arena, &path, NULL, each);
    path.span = span;
    return path;
}

struct ast_paths make_paths(struct arena *arena, struct ast_paths list, struct ast_path path) {
    ARENA_PUSH(arena, list.items, list.count, path);
    return list;
}

// ---- expressions ----

struct ast_compared make_compare_none(void) {
    return (struct ast_compared){.kind = AST_EXISTS};
}

struct ast_value make_value(struct word word) {
    return (struct ast_value){.word = word};
}

struct ast_compared make_values(struct arena *arena, struct ast_compared list, struct ast_value value) {
    if (value.reading)
        ARENA_PUSH(arena, list.readings, list.reading_count, value.reading);
    else
        list.values = make_words(arena, list.values, value.word);
    return list;
}

struct ast_compared make_compare(struct arena *arena, enum ast_comparison kind, struct ast_value value) {
    return make_compare_list(kind, make_values(arena, (struct ast_compared){0}, value));
}

struct ast_compared make_compare_list(enum ast_comparison kind, struct ast_compared values) {
    values.kind = kind;
    return values;
}

struct ast_expr *make_expr(struct arena *arena, enum ast_expr_kind kind, struct span span) {
    struct ast_expr *expr = ARENA_NEW(arena, struct ast_expr);
    expr->kind = kind;
    expr->span = span;
    expr->key = make_no_word();
    expr->path.span = span_none();
    expr->depth = 1;
    return expr;
}

static void add_operand(struct arena *arena, struct ast_expr *expr, struct ast_expr *operand) {
    ARENA_PUSH(arena, expr->operands, expr->operand_count, operand);
    if (operand->depth >= expr->depth) expr->depth = operand->depth + 1;
}

struct ast_expr *make_chain(struct arena *arena, enum ast_expr_kind kind, struct span span, struct ast_expr *left,
                            struct ast_expr *right) {
    struct ast_expr *chain = left;
    if (left->kind != kind) {
        chain = make_expr(arena, kind, span);
        add_operand(arena, chain, left);
    }
    chain->span = span;
    if (right->kind == kind) {
        for (size_t i = 0; i < right->operand_count; i++) add_operand(arena, chain, right->operands[i]);
    } else {
        add_operand(arena, chain, right);
    }
    return chain;
}

struct ast_expr *make_not(struct arena *arena, struct span span, struct ast_expr *operand) {
    struct ast_expr *expr = make_expr(arena, AST_EXPR_NOT, span);
    add_operand(arena, expr, operand);
    return expr;
}

struct ast_expr *make_parentheses(struct span span, struct ast_expr *expr) {
    expr->span = span;
    return expr;
}

struct ast_expr *make_predicate(struct arena *arena, enum ast_expr_kind kind, struct span span, struct word key,
                                struct ast_compared comparison) {
    struct ast_expr *expr = make_expr(arena, kind, span);
    expr->key = key;
    expr->comparison = comparison.kind;
    expr->values = comparison.values;
    expr->readings = comparison.readings;
    expr->reading_count = comparison.reading_count;
    return expr;
}

struct ast_expr *make_webhook_question(struct arena *arena, enum ast_webhook_question question, struct span span,
                                       struct word variable, struct ast_compared compared) {
    struct ast_expr *expr = make_predicate(arena, AST_EXPR_WEBHOOK, span, variable, compared);
    expr->question = question;
    return expr;
}

struct ast_expr *make_operations(struct arena *arena, struct span span, struct words names) {
    const struct ast_compared operations = {.kind = AST_IN, .values = names};
    return make_predicate(arena, AST_EXPR_OPERATION, span, make_no_word(), operations);
}

struct ast_value make_reading(struct arena *arena, enum ast_expr_kind kind, struct span span, struct word key) {
    struct ast_value value = {.word = make_no_word()};
    value.reading = make_predicate(arena, kind, span, key, make_compare_none());
    return value;
}

struct ast_expr *make_field(struct arena *arena, enum ast_state state, struct span span, struct ast_path path,
                            struct ast_compared comparison) {
    struct ast_expr *expr = make_predicate(arena, AST_EXPR_FIELD, span, make_no_word(), comparison);
    expr->state = state;
    expr->path = path;
    return expr;
}

struct ast_value make_field_reading(struct arena *arena, enum ast_state state, struct span span, struct ast_path path) {
    struct ast_value value = {.word = make_no_word()};
    value.reading = make_field(arena, state, span, path, make_compare_none());
    return value;
}

struct ast_expr *make_quantifier(struct arena *arena, enum ast_expr_kind kind, struct ast_path path,
                                 struct word variable) {
    struct ast_expr *expr = make_expr(arena, kind, path.span);
    expr->path = path;
    expr->key = variable;
    return expr;
}

struct ast_expr *make_quantified(struct arena *arena, struct span span, struct ast_expr *quantifier,
                                 struct ast_expr *body) {
    quantifier->span = span;
    add_operand(arena, quantifier, body);
    return quantifier;
}

// ---- tests ----

struct ast_steps make_steps(struct arena *arena, struct ast_steps list, struct ast_step *step) {
    ARENA_PUSH(arena, list.items, list.count, step);
    return list;
}

static struct ast_step *new_step(struct arena *arena, enum ast_step_kind kind, struct span span) {
    struct ast_step *step = ARENA_NEW(arena, struct ast_step);
    step->kind = kind;
    step->span = span;
    step->operation = step->resource = step->name = step->lock = make_no_word();
    step->before.object = step->after.object = make_no_word();
    step->before.span = step->after.span = span_none();
    return step;
}

struct ast_step *make_step_as(struct arena *arena, struct span span, struct ast_subjects subjects) {
    struct ast_step *step = new_step(arena, AST_STEP_AS, span);
    step->subjects = subjects;
    return step;
}

struct ast_step *make_step_operation(struct arena *arena, struct span span, struct word operation, struct word resource,
                                     struct word name, struct ast_object_state *before,
                                     struct ast_object_state *after) {
    struct ast_step *step = new_step(arena, AST_STEP_OPERATION, span);
    step->operation = operation;
    step->resource = resource;
    step->name = name;
    step->before = *before;
    if (after) {
        step->after = *after;
        step->has_arrow = true;
    }
    return step;
}

struct ast_step *make_step_grants(struct arena *arena, struct span span, struct words verbs) {
    struct ast_step *step = new_step(arena, AST_STEP_GRANTS, span);
    step->words = verbs;
    return step;
}

struct ast_step *make_step_given(struct arena *arena, struct span span, struct word resource, struct word name,
                                 const struct ast_object_state *state) {
    struct ast_step *step = new_step(arena, AST_STEP_GIVEN, span);
    step->resource = resource;
    step->name = name;
    step->is_gone = !state;
    if (state) step->before = *state;
    return step;
}

struct ast_step *make_step_expect(struct arena *arena, struct span span, enum ast_expectation expectation,
                                  struct word lock, struct words part) {
    struct ast_step *step = new_step(arena, AST_STEP_EXPECT, span);
    step->words = part;
    step->expectation = expectation;
    step->lock = lock;
    return step;
}

struct ast_step *make_step_namespace(struct arena *arena) {
    return new_step(arena, AST_STEP_IN_NAMESPACE, span_none());
}

struct ast_pairs make_pairs(struct arena *arena, struct ast_pairs list, struct word key, struct word value) {
    const struct ast_pair pair = {key, value};
    ARENA_PUSH(arena, list.items, list.count, pair);
    return list;
}

static struct ast_pairs join_pairs(struct arena *arena, struct ast_pairs list, struct ast_pairs more) {
    for (size_t i = 0; i < more.count; i++) list = make_pairs(arena, list, more.items[i].key, more.items[i].value);
    return list;
}

struct ast_step *make_namespace_labels(struct arena *arena, struct ast_step *step, struct ast_pairs labels) {
    step->namespace_labels = join_pairs(arena, step->namespace_labels, labels);
    return step;
}

struct ast_step *make_namespace_terminating(struct ast_step *step) {
    step->namespace_terminating = true;
    return step;
}

struct ast_step *make_step_namespace_done(struct ast_step *step, struct span span) {
    step->span = span;
    return step;
}

struct ast_object_state *make_state(struct arena *arena) {
    struct ast_object_state *state = ARENA_NEW(arena, struct ast_object_state);
    state->span = span_none();
    state->object = make_no_word();
    return state;
}

static void extend_state(struct ast_object_state *state, struct span span) {
    state->span = state->given ? span_join(state->span, span) : span;
    state->given = true;
}

struct ast_object_state *make_state_labels(struct arena *arena, struct ast_object_state *state, struct span span,
                                           struct ast_pairs labels) {
    extend_state(state, span);
    state->labels = join_pairs(arena, state->labels, labels);
    return state;
}

struct ast_object_state *make_state_annotations(struct arena *arena, struct ast_object_state *state, struct span span,
                                                struct ast_pairs annotations) {
    extend_state(state, span);
    state->annotations = join_pairs(arena, state->annotations, annotations);
    return state;
}

struct ast_object_state *make_state_field(struct arena *arena, struct ast_object_state *state, struct span span,
                                          struct ast_path path, struct word value) {
    extend_state(state, span);
    const struct ast_field_value field = {path, value};
    ARENA_PUSH(arena, state->fields, state->field_count, field);
    return state;
}

struct ast_object_state *make_state_terminating(struct ast_object_state *state, struct span span) {
    extend_state(state, span);
    state->terminating = true;
    return state;
}

struct ast_object_state *make_state_object(struct ast_object_state *state, struct span span, struct word object) {
    extend_state(state, span);
    state->object = object;
    return state;
}
