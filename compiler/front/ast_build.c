// The tree as the grammar builds it; see ast_build.h.
#include "front/ast_build.h"

#include <ctype.h>
#include <string.h>

#include "base/arena.h"
#include "base/limits.h"
#include "base/text.h"
#include "front/clauses.h"
#include "front/keywords.h"
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
    if (item) make_file_item(p->file, item);
}

struct ast_item *build_nothing(struct parser *p) {
    (void)p;
    return NULL;
}

// What stands behind the slash is the version.
static void split_version(struct parser *p, struct word *name, struct word *ret_version) {
    const char *slash = name->quoted ? NULL : strchr(name->text, '/');
    if (!slash) return;
    const size_t len = (size_t)(slash - name->text);
    const struct word version = {
        .text = slash + 1,
        .span = {name->span.file, name->span.begin + (uint32_t)len + 1, name->span.end},
    };
    if (ret_version->text) {
        diag_report(p->diags, DIAG_SYNTAX, ret_version->span, "a second version: '%s' comes before it", version.text);
        return;
    }
    *ret_version = version;
    name->text = arena_copy(p->arena, name->text, len);
    name->span.end = version.span.begin - 1;
}

struct ast_item *build_resource(struct parser *p, struct span span, struct span keyword, struct word name,
                                struct word version, bool namespaced, struct word kind, struct words subresources) {
    split_version(p, &name, &version);
    return make_resource(p->arena, span, keyword, name, version, namespaced, kind, subresources);
}

// ---- the clauses of a block ----

static bool is_code(const char *text) {
    if (toupper((unsigned char)text[0]) != 'K' || strlen(text) != 5) return false;
    return strspn(text + 1, "0123456789") == 4;
}

static bool all_codes(struct words words, bool names_too) {
    for (size_t i = 0; i < words.count; i++)
        if (!is_code(words.items[i].text) && !(names_too && diag_find(words.items[i].text))) return false;
    return true;
}

static const char *block_name(enum ast_item_kind kind) {
    switch (kind) {
    case AST_ITEM_ACTOR: return "an actor";
    case AST_ITEM_OBJECT: return "an object";
    case AST_ITEM_LOCK: return "a lock";
    case AST_ITEM_WEBHOOK: return "a webhook";
    case AST_ITEM_TENANT: return "a tenant";
    default: return "a grant";
    }
}

// Warnings were accepted by `allow` once.
void build_old_acceptance(struct parser *p, struct span keyword, struct words words) {
    struct text names;
    text_init(&names, p->arena);
    for (size_t i = 0; i < words.count; i++) {
        const struct diag_info *info = diag_find(words.items[i].text);
        text_printf(&names, "%s%s", i ? ", " : "", info ? info->name : words.items[i].text);
    }
    diag_report(p->diags, DIAG_SYNTAX, keyword, "'allow' grants verbs; warnings are accepted by 'accept'");
    diag_help(p->diags, "write: accept %s \"reason\"", text_string(&names));
}

// Whether the grant, or what may have been meant for one, takes the verbs.
static bool takes_allowed(struct parser *p, enum ast_item_kind kind, const struct ast_clause *allow) {
    if (all_codes(allow->words, kind != AST_ITEM_GRANT)) {
        build_old_acceptance(p, allow->keyword, allow->words);
    } else if (clause_in(AST_CLAUSE_ALLOW, kind) == CLAUSE_NO) {
        diag_report(p->diags, DIAG_SYNTAX, allow->keyword, "'allow' grants verbs, and this is %s", block_name(kind));
        diag_help(p->diags, "verbs are allowed by a grant, and warnings accepted by 'accept'");
    } else if (allow->reason.text) {
        diag_report(p->diags, DIAG_SYNTAX, allow->reason.span,
                    "unexpected string: only an accepted warning takes a reason");
    } else {
        return true;
    }
    return false;
}

// The clauses that the block takes; says which it does not take.
static struct ast_clauses fitting_clauses(struct parser *p, enum ast_item_kind kind, struct ast_clauses clauses) {
    struct ast_clauses fitting = {0};
    for (size_t i = 0; i < clauses.count; i++) {
        struct ast_clause *clause = clauses.items[i];
        if (clause->kind == AST_CLAUSE_ALLOW) {
            if (takes_allowed(p, kind, clause)) fitting = make_clauses(p->arena, fitting, clause);
        } else if (clause_in(clause->kind, kind) == CLAUSE_NO) {
            const bool of_webhooks = clause_in(clause->kind, AST_ITEM_WEBHOOK) != CLAUSE_NO &&
                                     clause_in(clause->kind, AST_ITEM_LOCK) == CLAUSE_NO;
            const bool of_tenants = clause_in(clause->kind, AST_ITEM_TENANT) != CLAUSE_NO &&
                                    clause_in(clause->kind, AST_ITEM_LOCK) == CLAUSE_NO &&
                                    clause_in(clause->kind, AST_ITEM_GRANT) == CLAUSE_NO;
            const bool of_grants = clause_in(clause->kind, AST_ITEM_GRANT) == CLAUSE_YES;
            diag_report(p->diags, DIAG_SYNTAX, clause->keyword, "'%s' is a clause of %s, and this is %s",
                        written(p, clause->keyword),
                        of_webhooks  ? "webhooks"
                        : of_tenants ? "tenants"
                        : of_grants  ? "grants"
                                     : "locks",
                        block_name(kind));
            if (clause->kind == AST_CLAUSE_ACCEPT)
                diag_help(p->diags, "write it outside of the block, for the whole policy");
            if (clause->kind == AST_CLAUSE_NAMESPACE && kind == AST_ITEM_TENANT)
                diag_help(p->diags, "write: namespaces %s …", clause->words.items[0].text);
            if (clause->kind == AST_CLAUSE_NAMESPACES)
                diag_help(p->diags, "write: namespace %s …", clause->words.items[0].text);
        } else {
            fitting = make_clauses(p->arena, fitting, clause);
        }
    }
    return fitting;
}

struct ast_item *build_block(struct parser *p, enum ast_item_kind kind, struct span span, struct span keyword,
                             struct word name, struct ast_subjects to, struct words objects,
                             struct ast_clauses clauses) {
    return make_block(p->arena, kind, span, keyword, name, to, objects, fitting_clauses(p, kind, clauses));
}

struct ast_item *build_webhook(struct parser *p, struct span span, struct span keyword, struct word name,
                               struct word kind, struct ast_clauses clauses) {
    return make_webhook(p->arena, span, keyword, name, kind, fitting_clauses(p, AST_ITEM_WEBHOOK, clauses));
}

// ---- subjects ----

// Past the limit the subject becomes an error itself, and takes nothing more.
static bool takes_more(struct parser *p, struct span span, struct ast_subject *subject) {
    if (subject->kind == AST_SUBJECT_ERROR) return false;
    if (subject->depth < LIMIT_EXPR_DEPTH) return true;
    diag_report(p->diags, DIAG_TOO_DEEP, span, "this subject has more than %d parts", LIMIT_EXPR_DEPTH);
    subject->kind = AST_SUBJECT_ERROR;
    return false;
}

struct ast_subject *build_subject_and(struct parser *p, struct span span, struct ast_subject *left,
                                      struct ast_subject *right) {
    return takes_more(p, span, left) ? make_subject_and(p->arena, span, left, right) : left;
}

struct ast_subject *build_subject_extra(struct parser *p, struct span span, struct ast_subject *left, struct word key,
                                        struct word value) {
    return takes_more(p, span, left) ? make_subject_extra(p->arena, span, left, key, value) : left;
}

// ---- paths ----

static struct ast_path add_dotted(struct parser *p, struct ast_path path, struct word word) {
    for (const char *text = word.text;;) {
        const size_t len = strcspn(text, "./:[]\"' \t\n");
        struct word key = {.text = arena_copy(p->arena, text, len), .span = word.span};
        if (!word.quoted) {
            key.span.begin += (uint32_t)(text - word.text);
            key.span.end = key.span.begin + (uint32_t)len;
        }
        path = make_path_key(p->arena, path, path.span, key);
        if (len && text[len] == '\0') return path;
        if (!len || text[len] != '.') break;
        text += len + 1;
    }
    diag_report(p->diags, DIAG_SYNTAX, word.span, "'%s' is not a path: expected keys separated by '.'", word.text);
    diag_help(p->diags, "write keys with other characters in brackets: metadata.labels[\"a/b\"]");
    return path;
}

struct ast_path build_path(struct parser *p, struct word word) {
    return add_dotted(p, make_path(word.span), word);
}

struct ast_path build_path_dot(struct parser *p, struct ast_path path, struct word word) {
    path.span.end = word.span.end;
    return add_dotted(p, path, word);
}

// ---- expressions ----

// The expression itself, or what takes its place when it is too deep for the passes that follow.
static struct ast_expr *within_depth(struct parser *p, struct ast_expr *expr) {
    if (expr->depth <= LIMIT_EXPR_DEPTH) return expr;
    diag_report(p->diags, DIAG_TOO_DEEP, expr->span, "this expression nests more than %d levels", LIMIT_EXPR_DEPTH);
    return make_expr(p->arena, AST_EXPR_ERROR, expr->span);
}

struct ast_expr *build_chain(struct parser *p, enum ast_expr_kind kind, struct span span, struct ast_expr *left,
                             struct ast_expr *right) {
    return within_depth(p, make_chain(p->arena, kind, span, left, right));
}

struct ast_expr *build_not(struct parser *p, struct span span, struct ast_expr *operand) {
    return within_depth(p, make_not(p->arena, span, operand));
}

static bool is_variable(const struct parser *p, const char *name) {
    for (size_t i = 0; i < p->variables.count; i++)
        if (strcmp(p->variables.items[i].text, name) == 0) return true;
    return false;
}

struct ast_expr *build_variable_field(struct parser *p, struct span span, struct ast_path path,
                                      struct ast_compared comparison) {
    if (!is_variable(p, path.items[0].key)) {
        const char *text = written(p, path.span);
        diag_report(p->diags, DIAG_SYNTAX, path.span, "unexpected '%s', expected a condition", text);
        diag_help(p->diags, "conditions begin with a word such as `field` or `label`: field %s", text);
        return make_expr(p->arena, AST_EXPR_ERROR, span);
    }
    return make_field(p->arena, AST_STATE_DEFAULT, span, path, comparison);
}

struct ast_expr *build_webhook_question(struct parser *p, enum ast_webhook_question question, struct span span,
                                        struct word variable, struct word word) {
    struct ast_compared compared = make_compare_none();
    if (word.text) compared = make_compare(p->arena, AST_EQ, make_value(word));
    return make_webhook_question(p->arena, question, span, variable, compared);
}

struct ast_expr *build_quantifier(struct parser *p, enum ast_expr_kind kind, struct ast_path path,
                                  struct word variable) {
    const struct keyword *keyword = keyword_find(variable.text);
    if (keyword && !keyword_may_be(keyword, KEYWORD_AS_VARIABLE))
        diag_report(p->diags, DIAG_SYNTAX, variable.span, "'%s' begins a condition and cannot name an element",
                    variable.text);
    p->variables = make_words(p->arena, p->variables, variable);
    return make_quantifier(p->arena, kind, path, variable);
}

struct ast_expr *build_quantified(struct parser *p, struct span span, struct ast_expr *quantifier,
                                  struct ast_expr *body) {
    if (p->variables.count) p->variables.count--;
    return within_depth(p, make_quantified(p->arena, span, quantifier, body));
}

// ---- tests ----

struct ast_object_state *build_state_object(struct parser *p, struct ast_object_state *state, struct span span,
                                            struct word object) {
    if (state->object.text) {
        diag_report(p->diags, DIAG_REPEATED_CLAUSE, span, "an object can have only one `object` text");
        diag_relate(p->diags, state->object.span, "the first is here");
    }
    return make_state_object(state, span, object);
}
