// Constructors of the tree; see ast_build.h.
#include "front/ast_build.h"

#include <ctype.h>
#include <string.h>

#include "base/arena.h"
#include "base/limits.h"
#include "report/diag.h"

static const char *written(const struct parser *p, struct span span) {
    return arena_copy(p->arena, (const char *)p->lexer.begin + span.begin, span.end - span.begin);
}

// ---- items ----

struct span build_head(struct parser *p, enum item_head head, struct span keyword) {
    p->head = head;
    return keyword;
}

void build_file_item(struct parser *p, struct ast_item *item) {
    p->head = HEAD_NONE;
    if (!item) return;
    if (p->file->last) {
        p->file->last->next = item;
    } else {
        p->file->first = item;
    }
    p->file->last = item;
}

struct ast_item *build_nothing(struct parser *p) {
    (void)p;
    return NULL;
}

struct words build_words(struct parser *p, struct words list, struct word word) {
    ARENA_PUSH(p->arena, list.items, list.count, word);
    return list;
}

struct word build_no_word(void) {
    return (struct word){.span = span_none()};
}

struct ast_item *build_named(struct parser *p, enum ast_item_kind kind, struct span span, struct span keyword,
                             struct word name) {
    struct ast_item *item = ARENA_NEW(p->arena, struct ast_item);
    item->kind = kind;
    item->span = span;
    item->keyword = keyword;
    item->name = name;
    return item;
}

// `x.y/v1` is one word; the version is what stands behind the slash.
static void split_version(struct parser *p, struct word *name, struct word *ret_version) {
    const char *slash = name->quoted ? NULL : strchr(name->text, '/');
    if (!slash) return;
    const size_t len = (size_t)(slash - name->text);
    const struct word version = {
        .text = slash + 1,
        .span = {name->span.file, name->span.begin + (uint32_t)len + 1, name->span.end},
    };
    if (ret_version->text) {
        diag_report(p->diags, DIAG_SYNTAX, ret_version->span, "a second version, '%s' stands before it", version.text);
        return;
    }
    *ret_version = version;
    name->text = arena_copy(p->arena, name->text, len);
    name->span.end = version.span.begin - 1;
}

struct ast_item *build_resource(struct parser *p, struct span span, struct span keyword, struct word name,
                                struct word version, bool namespaced, struct word kind, struct words subresources) {
    split_version(p, &name, &version);
    struct ast_item *item = build_named(p, AST_ITEM_RESOURCE, span, keyword, name);
    item->as.resource.version = version;
    item->as.resource.namespaced = namespaced;
    item->as.resource.kind = kind;
    item->as.resource.subresources = subresources;
    return item;
}

static bool is_object_clause(enum ast_clause_kind kind) {
    return kind <= AST_CLAUSE_ALL_OBJECTS;
}

static bool is_code(const char *text) {
    if (toupper((unsigned char)text[0]) != 'K' || strlen(text) != 5) return false;
    return strspn(text + 1, "0123456789") == 4;
}

static bool all_codes(struct words words, bool names_too) {
    for (size_t i = 0; i < words.count; i++)
        if (!is_code(words.items[i].text) && !(names_too && diag_find(words.items[i].text))) return false;
    return true;
}

// `allow K0203, K0206 "reason"` accepts each of them.
static void add_acceptances(struct parser *p, struct ast_clauses *list, const struct ast_clause *allow) {
    for (size_t i = 0; i < allow->words.count; i++) {
        struct ast_clause *accept = ARENA_NEW(p->arena, struct ast_clause);
        *accept = *allow;
        accept->kind = AST_CLAUSE_ACCEPT;
        accept->mode = build_no_word();
        accept->words = build_words(p, (struct words){0}, allow->words.items[i]);
        accept->words = build_words(p, accept->words, allow->mode);
        ARENA_PUSH(p->arena, list->items, list->count, accept);
    }
}

// The clauses that the block takes; says which it does not take.
static struct ast_clauses fitting_clauses(struct parser *p, enum ast_item_kind kind, struct ast_clauses clauses) {
    static const char *const blocks[] = {[AST_ITEM_ACTOR] = "an actor",
                                         [AST_ITEM_OBJECT] = "an object",
                                         [AST_ITEM_LOCK] = "a lock",
                                         [AST_ITEM_GRANT] = "a grant"};
    struct ast_clauses fitting = {0};
    for (size_t i = 0; i < clauses.count; i++) {
        struct ast_clause *clause = clauses.items[i];
        if (clause->kind == AST_CLAUSE_ALLOW) {
            const bool acceptance = all_codes(clause->words, kind != AST_ITEM_GRANT);
            if (acceptance) {
                add_acceptances(p, &fitting, clause);
            } else if (kind != AST_ITEM_GRANT) {
                diag_report(p->diags, DIAG_SYNTAX, clause->words.items[0].span,
                            "unexpected '%s', expected the code of a warning, such as K0203",
                            clause->words.items[0].text);
                diag_help(p->diags, "`allow` in %s accepts a warning; verbs are allowed by a grant", blocks[kind]);
            } else if (clause->mode.text) {
                diag_report(p->diags, DIAG_SYNTAX, clause->mode.span,
                            "unexpected string: only an accepted warning takes a reason");
            } else {
                ARENA_PUSH(p->arena, fitting.items, fitting.count, clause);
            }
            continue;
        }
        if (!is_object_clause(clause->kind) && kind != AST_ITEM_LOCK) {
            diag_report(p->diags, DIAG_SYNTAX, clause->keyword, "'%s' is a clause of locks, and this is %s",
                        written(p, clause->keyword), blocks[kind]);
            continue;
        }
        ARENA_PUSH(p->arena, fitting.items, fitting.count, clause);
    }
    return fitting;
}

struct ast_item *build_actor(struct parser *p, struct span span, struct span keyword, struct word name,
                             struct word create, struct ast_subjects subjects, struct build_sealing sealing) {
    struct ast_item *item = build_named(p, AST_ITEM_ACTOR, span, keyword, name);
    item->as.actor.create = create.text != NULL;
    item->as.actor.create_at = create.span;
    item->as.actor.subjects = subjects;
    item->as.actor.sealed = sealing.sealed;
    item->as.actor.sealed_at = sealing.at;
    item->as.actor.sealed_by = sealing.by;
    item->as.actor.accepts = fitting_clauses(p, AST_ITEM_ACTOR, sealing.accepts);
    return item;
}

struct build_sealing build_sealed(bool sealed, struct span at, struct ast_subjects by, struct ast_clauses accepts) {
    return (struct build_sealing){.sealed = sealed, .at = sealed ? at : span_none(), .by = by, .accepts = accepts};
}

struct ast_item *build_deployer(struct parser *p, struct span span, struct span keyword, struct ast_subjects subjects) {
    struct ast_item *item = build_named(p, AST_ITEM_DEPLOYER, span, keyword, build_no_word());
    item->as.block.to = subjects;
    return item;
}

struct ast_item *build_block(struct parser *p, enum ast_item_kind kind, struct span span, struct span keyword,
                             struct word name, struct ast_subjects to, struct words objects,
                             struct ast_clauses clauses) {
    struct ast_item *item = build_named(p, kind, span, keyword, name);
    item->as.block.objects = objects;
    item->as.block.to = to;
    item->as.block.clauses = fitting_clauses(p, kind, clauses);
    return item;
}

struct ast_item *build_test(struct parser *p, struct span span, struct span keyword, struct word name,
                            struct build_steps steps) {
    struct ast_item *item = build_named(p, AST_ITEM_TEST, span, keyword, name);
    item->as.test.steps = steps.items;
    item->as.test.count = steps.count;
    return item;
}

// ---- subjects ----

struct ast_subjects build_subjects(struct parser *p, struct ast_subjects list, struct ast_subject *subject) {
    ARENA_PUSH(p->arena, list.items, list.count, subject);
    return list;
}

struct ast_subject *build_subject(struct parser *p, enum ast_subject_kind kind, struct span span, struct word name) {
    struct ast_subject *subject = ARENA_NEW(p->arena, struct ast_subject);
    subject->kind = kind;
    subject->span = span;
    subject->name = name;
    subject->extra_key = subject->extra_value = build_no_word();
    subject->depth = 1;
    return subject;
}

struct ast_subject *build_preset(struct parser *p, struct span span, struct word name, struct word namespace) {
    struct ast_subject *subject = build_subject(p, AST_SUBJECT_PRESET, span, name);
    subject->extra_value = namespace;
    return subject;
}

// A subject around the left one; past the limit the left one itself, now an error.
static struct ast_subject *wrap_subject(struct parser *p, enum ast_subject_kind kind, struct span span,
                                        struct ast_subject *left) {
    if (left->kind == AST_SUBJECT_ERROR) return left;
    if (left->depth >= LIMIT_EXPR_DEPTH) {
        diag_report(p->diags, DIAG_TOO_DEEP, span, "this subject has more than %d parts", LIMIT_EXPR_DEPTH);
        left->kind = AST_SUBJECT_ERROR;
        return left;
    }
    struct ast_subject *subject = build_subject(p, kind, span, build_no_word());
    subject->left = left;
    subject->depth = left->depth + 1;
    return subject;
}

struct ast_subject *build_subject_and(struct parser *p, struct span span, struct ast_subject *left,
                                      struct ast_subject *right) {
    struct ast_subject *subject = wrap_subject(p, AST_SUBJECT_AND, span, left);
    subject->right = right;
    return subject;
}

struct ast_subject *build_subject_extra(struct parser *p, struct span span, struct ast_subject *left, struct word key,
                                        struct word value) {
    struct ast_subject *subject = wrap_subject(p, AST_SUBJECT_EXTRA, span, left);
    subject->extra_key = key;
    subject->extra_value = value;
    return subject;
}

// ---- clauses ----

struct ast_clauses build_clauses(struct parser *p, struct ast_clauses list, struct ast_clause *clause) {
    ARENA_PUSH(p->arena, list.items, list.count, clause);
    return list;
}

struct ast_clause *build_clause(struct parser *p, enum ast_clause_kind kind, struct span span, struct span keyword,
                                struct words words) {
    struct ast_clause *clause = ARENA_NEW(p->arena, struct ast_clause);
    clause->kind = kind;
    clause->span = span;
    clause->keyword = keyword;
    clause->words = words;
    clause->mode = build_no_word();
    return clause;
}

struct ast_clause *build_clause_word(struct parser *p, enum ast_clause_kind kind, struct span span, struct span keyword,
                                     struct word word) {
    return build_clause(p, kind, span, keyword, build_words(p, (struct words){0}, word));
}

// Selectors are built as labels before it is known that they are about annotations.
static void turn_into_annotations(struct ast_expr *expr) {
    if (expr->kind == AST_EXPR_LABEL) expr->kind = AST_EXPR_ANNOTATION;
    for (size_t i = 0; i < expr->operand_count; i++) turn_into_annotations(expr->operands[i]);
}

struct ast_clause *build_clause_expr(struct parser *p, enum ast_clause_kind kind, struct span span, struct span keyword,
                                     struct ast_expr *expr) {
    struct ast_clause *clause = build_clause(p, kind, span, keyword, (struct words){0});
    if (kind == AST_CLAUSE_ANNOTATIONS) turn_into_annotations(expr);
    clause->expr = expr;
    return clause;
}

static bool is_exemption_level(const struct ast_subject *subject) {
    static const char *const levels[] = {"lifecycle", "controllers", "none"};
    if (subject->kind != AST_SUBJECT_ACTOR || subject->name.quoted) return false;
    for (size_t i = 0; i < sizeof levels / sizeof *levels; i++)
        if (strcmp(subject->name.text, levels[i]) == 0) return true;
    return false;
}

struct ast_clause *build_clause_subjects(struct parser *p, enum ast_clause_kind kind, struct span span,
                                         struct span keyword, struct ast_subjects subjects) {
    struct ast_clause *clause = build_clause(p, kind, span, keyword, (struct words){0});
    for (size_t i = 0; i < subjects.count; i++) {
        struct ast_subject *subject = subjects.items[i];
        if (kind == AST_CLAUSE_EXEMPT && is_exemption_level(subject)) {
            clause->words = build_words(p, clause->words, subject->name);
        } else {
            clause->subjects = build_subjects(p, clause->subjects, subject);
        }
    }
    return clause;
}

struct ast_clause *build_clause_paths(struct parser *p, enum ast_clause_kind kind, struct span span,
                                      struct span keyword, struct ast_paths paths) {
    struct ast_clause *clause = build_clause(p, kind, span, keyword, (struct words){0});
    clause->paths = paths;
    return clause;
}

struct ast_clause *build_cover(struct parser *p, struct span span, struct span keyword, struct words words,
                               struct word mode) {
    const bool never_alone = !mode.text && words.count == 1 && strcmp(words.items[0].text, "never") == 0;
    struct ast_clause *clause =
        build_clause(p, AST_CLAUSE_COVER, span, keyword, never_alone ? (struct words){0} : words);
    clause->mode = never_alone ? words.items[0] : mode;
    return clause;
}

struct ast_clause *build_active(struct parser *p, struct span span, struct span keyword, struct word from,
                                struct word until) {
    return build_clause(p, AST_CLAUSE_ACTIVE, span, keyword,
                        build_words(p, build_words(p, (struct words){0}, from), until));
}

struct ast_clause *build_allow(struct parser *p, struct span span, struct span keyword, struct words words,
                               struct word reason) {
    struct ast_clause *clause = build_clause(p, AST_CLAUSE_ALLOW, span, keyword, words);
    clause->mode = reason; // until the block is closed and its kind known
    return clause;
}

// ---- paths ----

static void add_segment(struct parser *p, struct ast_path *path, const char *key, struct span span) {
    const struct ast_segment segment = {key, span};
    ARENA_PUSH(p->arena, path->items, path->count, segment);
}

static void add_dotted(struct parser *p, struct ast_path *path, struct word word) {
    for (const char *key = word.text;;) {
        const size_t len = strcspn(key, "./:[]\"' \t\n");
        struct span span = word.span;
        if (!word.quoted) {
            span.begin += (uint32_t)(key - word.text);
            span.end = span.begin + (uint32_t)len;
        }
        add_segment(p, path, arena_copy(p->arena, key, len), span);
        if (len && key[len] == '\0') return;
        if (!len || key[len] != '.') break;
        key += len + 1;
    }
    diag_report(p->diags, DIAG_SYNTAX, word.span, "'%s' is no path, expected keys with '.' between", word.text);
    diag_help(p->diags, "keys with other characters stand in brackets: metadata.labels[\"a/b\"]");
}

struct ast_path build_path(struct parser *p, struct word word) {
    struct ast_path path = {.span = word.span};
    add_dotted(p, &path, word);
    return path;
}

struct ast_path build_path_dot(struct parser *p, struct ast_path path, struct word word) {
    add_dotted(p, &path, word);
    path.span.end = word.span.end;
    return path;
}

struct ast_path build_path_key(struct parser *p, struct ast_path path, struct span span, struct word key) {
    add_segment(p, &path, key.text, key.span);
    path.span = span;
    return path;
}

struct ast_path build_path_each(struct parser *p, struct ast_path path, struct span span, struct span each) {
    add_segment(p, &path, NULL, each);
    path.span = span;
    return path;
}

struct ast_paths build_paths(struct parser *p, struct ast_paths list, struct ast_path path) {
    ARENA_PUSH(p->arena, list.items, list.count, path);
    return list;
}

// ---- expressions ----

struct build_comparison build_compare_none(void) {
    return (struct build_comparison){.kind = AST_EXISTS};
}

struct build_value build_word(struct word word) {
    return (struct build_value){.word = word};
}

struct build_comparison build_values(struct parser *p, struct build_comparison list, struct build_value value) {
    if (value.reading)
        ARENA_PUSH(p->arena, list.readings, list.reading_count, value.reading);
    else
        list.values = build_words(p, list.values, value.word);
    return list;
}

struct build_comparison build_compare(struct parser *p, enum ast_comparison kind, struct build_value value) {
    return build_compare_list(kind, build_values(p, (struct build_comparison){0}, value));
}

struct build_comparison build_compare_list(enum ast_comparison kind, struct build_comparison values) {
    values.kind = kind;
    return values;
}

static struct ast_expr *new_expr(struct parser *p, enum ast_expr_kind kind, struct span span) {
    struct ast_expr *expr = ARENA_NEW(p->arena, struct ast_expr);
    expr->kind = kind;
    expr->span = span;
    expr->key = build_no_word();
    expr->path.span = span_none();
    expr->depth = 1;
    return expr;
}

static void add_operand(struct parser *p, struct ast_expr *expr, struct ast_expr *operand) {
    ARENA_PUSH(p->arena, expr->operands, expr->operand_count, operand);
    if (operand->depth >= expr->depth) expr->depth = operand->depth + 1;
}

// The expression itself, or what takes its place when it is too deep for the passes that follow.
static struct ast_expr *within_depth(struct parser *p, struct ast_expr *expr) {
    if (expr->depth <= LIMIT_EXPR_DEPTH) return expr;
    diag_report(p->diags, DIAG_TOO_DEEP, expr->span, "this expression nests more than %d levels", LIMIT_EXPR_DEPTH);
    return new_expr(p, AST_EXPR_ERROR, expr->span);
}

struct ast_expr *build_chain(struct parser *p, enum ast_expr_kind kind, struct span span, struct ast_expr *left,
                             struct ast_expr *right) {
    struct ast_expr *chain = left;
    if (left->kind != kind) {
        chain = new_expr(p, kind, span);
        add_operand(p, chain, left);
    }
    chain->span = span;
    if (right->kind == kind) {
        for (size_t i = 0; i < right->operand_count; i++) add_operand(p, chain, right->operands[i]);
    } else {
        add_operand(p, chain, right);
    }
    return within_depth(p, chain);
}

struct ast_expr *build_not(struct parser *p, struct span span, struct ast_expr *operand) {
    struct ast_expr *expr = new_expr(p, AST_EXPR_NOT, span);
    add_operand(p, expr, operand);
    return within_depth(p, expr);
}

struct ast_expr *build_parentheses(struct span span, struct ast_expr *expr) {
    expr->span = span;
    return expr;
}

struct ast_expr *build_predicate(struct parser *p, enum ast_expr_kind kind, struct span span, struct word key,
                                 struct build_comparison comparison) {
    struct ast_expr *expr = new_expr(p, kind, span);
    expr->key = key;
    expr->comparison = comparison.kind;
    expr->values = comparison.values;
    expr->readings = comparison.readings;
    expr->reading_count = comparison.reading_count;
    return expr;
}

struct ast_expr *build_operations(struct parser *p, struct span span, struct words names) {
    const struct build_comparison operations = {.kind = AST_IN, .values = names};
    return build_predicate(p, AST_EXPR_OPERATION, span, build_no_word(), operations);
}

struct build_value build_reading(struct parser *p, enum ast_expr_kind kind, struct span span, struct word key) {
    struct build_value value = {.word = build_no_word()};
    value.reading = build_predicate(p, kind, span, key, build_compare_none());
    return value;
}

struct ast_expr *build_field(struct parser *p, enum ast_state state, struct span span, struct ast_path path,
                             struct build_comparison comparison) {
    struct ast_expr *expr = build_predicate(p, AST_EXPR_FIELD, span, build_no_word(), comparison);
    expr->state = state;
    expr->path = path;
    return expr;
}

struct build_value build_field_reading(struct parser *p, enum ast_state state, struct span span, struct ast_path path) {
    struct build_value value = {.word = build_no_word()};
    value.reading = build_field(p, state, span, path, build_compare_none());
    return value;
}

static bool is_variable(const struct parser *p, const char *name) {
    for (size_t i = 0; i < p->variables.count; i++)
        if (strcmp(p->variables.items[i].text, name) == 0) return true;
    return false;
}

struct ast_expr *build_variable_field(struct parser *p, struct span span, struct ast_path path,
                                      struct build_comparison comparison) {
    if (!is_variable(p, path.items[0].key)) {
        const char *text = written(p, path.span);
        diag_report(p->diags, DIAG_SYNTAX, path.span, "unexpected '%s', expected a condition", text);
        diag_help(p->diags, "conditions begin with a word such as `field` or `label`: field %s", text);
        return new_expr(p, AST_EXPR_ERROR, span);
    }
    return build_field(p, AST_STATE_DEFAULT, span, path, comparison);
}

struct ast_expr *build_quantifier(struct parser *p, enum ast_expr_kind kind, struct ast_path path,
                                  struct word variable) {
    static const char *const taken[] = {"label", "annotation", "name",      "namespace", "old", "new", "field", "user",
                                        "group", "actor",      "operation", "any",       "all", "cel", "not"};
    for (size_t i = 0; i < sizeof taken / sizeof *taken; i++)
        if (strcmp(variable.text, taken[i]) == 0)
            diag_report(p->diags, DIAG_SYNTAX, variable.span, "'%s' begins a condition and cannot name an element",
                        variable.text);
    struct ast_expr *expr = new_expr(p, kind, path.span);
    expr->path = path;
    expr->key = variable;
    p->variables = build_words(p, p->variables, variable);
    return expr;
}

struct ast_expr *build_quantified(struct parser *p, struct span span, struct ast_expr *quantifier,
                                  struct ast_expr *body) {
    if (p->variables.count) p->variables.count--;
    quantifier->span = span;
    add_operand(p, quantifier, body);
    return within_depth(p, quantifier);
}

// ---- tests ----

struct build_steps build_steps(struct parser *p, struct build_steps list, struct ast_step *step) {
    ARENA_PUSH(p->arena, list.items, list.count, step);
    return list;
}

static struct ast_step *new_step(struct parser *p, enum ast_step_kind kind, struct span span) {
    struct ast_step *step = ARENA_NEW(p->arena, struct ast_step);
    step->kind = kind;
    step->span = span;
    step->operation = step->resource = step->name = step->lock = build_no_word();
    step->before.object = step->after.object = build_no_word();
    step->before.span = step->after.span = span_none();
    return step;
}

struct ast_step *build_step_as(struct parser *p, struct span span, struct ast_subjects subjects) {
    struct ast_step *step = new_step(p, AST_STEP_AS, span);
    step->subjects = subjects;
    return step;
}

struct ast_step *build_step_operation(struct parser *p, struct span span, struct word operation, struct word resource,
                                      struct word name, struct ast_object_state *before,
                                      struct ast_object_state *after) {
    struct ast_step *step = new_step(p, AST_STEP_OPERATION, span);
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

struct ast_step *build_step_grants(struct parser *p, struct span span, struct words verbs) {
    struct ast_step *step = new_step(p, AST_STEP_GRANTS, span);
    step->words = verbs;
    return step;
}

struct ast_step *build_step_expect(struct parser *p, struct span span, enum ast_expectation expectation,
                                   struct word lock) {
    struct ast_step *step = new_step(p, AST_STEP_EXPECT, span);
    step->expectation = expectation;
    step->lock = lock;
    return step;
}

struct ast_step *build_step_namespace(struct parser *p) {
    return new_step(p, AST_STEP_IN_NAMESPACE, span_none());
}

static struct ast_pairs join_pairs(struct parser *p, struct ast_pairs list, struct ast_pairs more) {
    for (size_t i = 0; i < more.count; i++) list = build_pairs(p, list, more.items[i].key, more.items[i].value);
    return list;
}

struct ast_step *build_namespace_labels(struct parser *p, struct ast_step *step, struct ast_pairs labels) {
    step->namespace_labels = join_pairs(p, step->namespace_labels, labels);
    return step;
}

struct ast_step *build_namespace_terminating(struct ast_step *step) {
    step->namespace_terminating = true;
    return step;
}

struct ast_step *build_step_namespace_done(struct ast_step *step, struct span span) {
    step->span = span;
    return step;
}

struct ast_pairs build_pairs(struct parser *p, struct ast_pairs list, struct word key, struct word value) {
    const struct ast_pair pair = {key, value};
    ARENA_PUSH(p->arena, list.items, list.count, pair);
    return list;
}

struct ast_object_state *build_state(struct parser *p) {
    struct ast_object_state *state = ARENA_NEW(p->arena, struct ast_object_state);
    state->span = span_none();
    state->object = build_no_word();
    return state;
}

static void extend_state(struct ast_object_state *state, struct span span) {
    state->span = state->given ? span_join(state->span, span) : span;
    state->given = true;
}

struct ast_object_state *build_state_labels(struct parser *p, struct ast_object_state *state, struct span span,
                                            struct ast_pairs labels) {
    extend_state(state, span);
    state->labels = join_pairs(p, state->labels, labels);
    return state;
}

struct ast_object_state *build_state_annotations(struct parser *p, struct ast_object_state *state, struct span span,
                                                 struct ast_pairs annotations) {
    extend_state(state, span);
    state->annotations = join_pairs(p, state->annotations, annotations);
    return state;
}

struct ast_object_state *build_state_field(struct parser *p, struct ast_object_state *state, struct span span,
                                           struct ast_path path, struct word value) {
    extend_state(state, span);
    const struct ast_field_value field = {path, value};
    ARENA_PUSH(p->arena, state->fields, state->field_count, field);
    return state;
}

struct ast_object_state *build_state_terminating(struct ast_object_state *state, struct span span) {
    extend_state(state, span);
    state->terminating = true;
    return state;
}

struct ast_object_state *build_state_object(struct parser *p, struct ast_object_state *state, struct span span,
                                            struct word object) {
    extend_state(state, span);
    if (state->object.text) {
        diag_report(p->diags, DIAG_REPEATED_CLAUSE, span, "an object has one `object` text");
        diag_relate(p->diags, state->object.span, "the first is here");
    }
    state->object = object;
    return state;
}
