// Tree → source; see ast_print.h.
#include "front/ast_print.h"

#include <string.h>

#include "base/arena.h"
#include "base/text.h"
#include "front/ast_build.h"
#include "front/clauses.h"
#include "front/keywords.h"
#include "klock_parser.h"

enum {
    INDENT = 2,
    LINE_WIDTH = 120,
    KEYWORD_WIDTH = 9,      // resources, exclusive: what stands behind shorter keywords begins in one column,
    KEYWORD_MAX_WIDTH = 12, // and behind break-glass, annotations and side effects, where the block has them
    STEP_KEYWORD_WIDTH = 7, // connect
};

// Of the any/all around an expression, innermost first.
struct variable {
    const char *name;
    const struct variable *outer;
};

struct printer {
    struct arena *arena;
    struct text *text;
    const struct variable *variables;
};

// The parts of a line that may be broken between them.
struct pieces {
    const char **items;
    size_t count;
};

static void add(struct printer *p, const char *string) {
    text_add_string(p->text, string);
}

static void add_blanks(struct printer *p, size_t count) {
    while (count-- > 0) text_add_char(p->text, ' ');
}

// ---- words and strings ----

// The one token that the text is for the lexer; TOK_KLOCK_YYerror if it is none or several.
static int token_of(const char *text) {
    const unsigned char *begin = (const unsigned char *)text;
    struct lexer lexer = {.begin = begin, .cursor = begin, .limit = begin + strlen(text), .quiet = true};
    const struct token token = lexer_next(&lexer);
    const bool whole = token.span.begin == 0 && token.span.end == strlen(text);
    return whole ? token.kind : TOK_KLOCK_YYerror;
}

static bool is_plain(const char *text, enum keyword_position position) {
    const int token = token_of(text);
    const struct keyword *keyword = keyword_of(token);
    return token == TOK_WORD || (keyword && keyword_may_be(keyword, position));
}

static bool is_wildcard(const char *text) {
    const int token = token_of(text);
    return token == TOK_STAR || token == TOK_WILDCARD;
}

// Whether the text reads well, and as itself, between """ and """.
static bool fits_raw(const char *text) {
    const size_t len = strlen(text);
    if (strstr(text, "\"\"\"") || (len && text[len - 1] == '"')) return false;
    for (size_t at = 0; at < len;) {
        const uint32_t c = utf8_next(text, len, &at);
        if (c != '\n' && c != '\t' && utf8_is_invisible(c)) return false;
    }
    return true;
}

static void add_escaped(struct printer *p, const char *string) {
    const size_t len = strlen(string);
    add(p, "\"");
    for (size_t at = 0; at < len;) {
        const size_t begin = at;
        const uint32_t c = utf8_next(string, len, &at);
        if (c == '\n') {
            add(p, "\\n");
        } else if (c == '\t') {
            add(p, "\\t");
        } else if (utf8_is_invisible(c)) {
            text_printf(p->text, "\\u{%x}", (unsigned)c);
        } else {
            if (c == '"' || c == '\\') add(p, "\\");
            text_add(p->text, string + begin, at - begin);
        }
    }
    add(p, "\"");
}

static void add_raw_or_escaped(struct printer *p, const char *string, bool raw) {
    if (raw && fits_raw(string)) {
        text_printf(p->text, "\"\"\"%s\"\"\"", string);
    } else {
        add_escaped(p, string);
    }
}

static void add_string(struct printer *p, const char *string) {
    add_raw_or_escaped(p, string, strchr(string, '\n') != NULL);
}

static void add_word(struct printer *p, struct word word, enum keyword_position position) {
    if (!word.quoted && is_plain(word.text, position)) {
        add(p, word.text);
    } else {
        add_string(p, word.text);
    }
}

static void add_name(struct printer *p, struct word word) {
    add_word(p, word, KEYWORD_AS_NAME);
}

// CEL and YAML have quotes of their own.
static void add_code(struct printer *p, struct word word) {
    if (!word.quoted && is_plain(word.text, KEYWORD_AS_NAME)) {
        add(p, word.text);
    } else {
        add_raw_or_escaped(p, word.text, strpbrk(word.text, "\"\\\n") != NULL);
    }
}

static void add_pattern(struct printer *p, struct word word) {
    if (!word.quoted && is_wildcard(word.text)) {
        add(p, word.text);
    } else {
        add_name(p, word);
    }
}

static void add_names(struct printer *p, struct words words) {
    for (size_t i = 0; i < words.count; i++) {
        if (i) add(p, ", ");
        add_name(p, words.items[i]);
    }
}

static bool is_unquoted(struct word word, const char *text) {
    return !word.quoted && strcmp(word.text, text) == 0;
}

// ---- paths ----

// Whether the key may stand between dots.
static bool is_plain_key(const char *key) {
    return key && *key != '-' && !strpbrk(key, ".:/") && is_plain(key, KEYWORD_AS_NAME);
}

static void add_path(struct printer *p, const struct ast_path *path) {
    for (size_t i = 0; i < path->count; i++) {
        const char *key = path->items[i].key;
        if (!key) {
            add(p, "[*]");
        } else if (is_plain_key(key)) {
            if (i) add(p, ".");
            add(p, key);
        } else if (i == 0) {
            add_escaped(p, key);
        } else {
            add(p, "[");
            add_escaped(p, key);
            add(p, "]");
        }
    }
}

// ---- expressions ----

// From what binds loosest.
enum binding { BINDS_OR, BINDS_AND, BINDS_NOT };

static void add_expr(struct printer *p, const struct ast_expr *expr, enum binding around, bool in_selector);

static const char *comparison_text(enum ast_comparison comparison, bool in_selector) {
    switch (comparison) {
    case AST_EXISTS: return "";
    case AST_EQ: return in_selector ? "=" : " = ";
    case AST_NE: return " != ";
    case AST_IN: return " in ";
    case AST_NOT_IN: return in_selector ? " notin " : " not in ";
    case AST_LT: return " < ";
    case AST_LE: return " <= ";
    case AST_GT: return " > ";
    case AST_GE: return " >= ";
    case AST_LIKE: return " like ";
    case AST_MATCHES: return " matches ";
    case AST_CONTAINS: return " contains ";
    }
    return "";
}

// Whether the field begins with the element of an any/all, as a condition may.
static bool is_of_variable(const struct printer *p, const struct ast_expr *field) {
    const char *key = field->path.items[0].key;
    const struct variable *variable = p->variables;
    while (variable && strcmp(variable->name, key) != 0) variable = variable->outer;
    return variable && field->state == AST_STATE_DEFAULT && is_plain_key(key) && is_plain(key, KEYWORD_AS_VARIABLE);
}

static const char *state_text(enum ast_state state) {
    switch (state) {
    case AST_STATE_DEFAULT: return "";
    case AST_STATE_OLD: return "old ";
    case AST_STATE_NEW: return "new ";
    }
    return "";
}

// What stands before the comparison; also what is read behind one.
static void add_atom(struct printer *p, const struct ast_expr *expr, bool is_read) {
    switch (expr->kind) {
    case AST_EXPR_LABEL: add(p, "label "); break;
    case AST_EXPR_ANNOTATION: add(p, "annotation "); break;
    case AST_EXPR_NAME: add(p, "name"); break;
    case AST_EXPR_NAMESPACE: add(p, "namespace"); break;
    case AST_EXPR_NAMESPACE_LABEL: add(p, "namespace label "); break;
    case AST_EXPR_USER: add(p, "user"); break;
    case AST_EXPR_GROUP: add(p, expr->key.text ? "group " : "group"); break;
    case AST_EXPR_ACTOR: add(p, "actor "); break;
    case AST_EXPR_OPERATION: add(p, "operation"); break;
    case AST_EXPR_ANY_LABEL: add(p, "any label"); break;
    case AST_EXPR_ANY_ANNOTATION: add(p, "any annotation"); break;
    case AST_EXPR_CEL: add(p, "cel "); break;
    case AST_EXPR_WEBHOOK: break;
    case AST_EXPR_FIELD:
        if (is_read || !is_of_variable(p, expr)) text_printf(p->text, "%sfield ", state_text(expr->state));
        add_path(p, &expr->path);
        break;
    case AST_EXPR_ERROR:
    case AST_EXPR_AND:
    case AST_EXPR_OR:
    case AST_EXPR_NOT:
    case AST_EXPR_ANY:
    case AST_EXPR_ALL: break;
    }
}

static void add_key(struct printer *p, const struct ast_expr *expr) {
    if (expr->kind == AST_EXPR_CEL) {
        add_code(p, expr->key);
    } else if (expr->kind == AST_EXPR_GROUP && expr->key.text) {
        add_word(p, expr->key, KEYWORD_AS_GROUP);
    } else if (expr->key.text) {
        add_name(p, expr->key);
    }
}

static void add_comparison(struct printer *p, const struct ast_expr *expr, bool in_selector) {
    const bool list = expr->comparison == AST_IN || expr->comparison == AST_NOT_IN;
    add(p, comparison_text(expr->comparison, in_selector));
    if (list) add(p, "(");
    for (size_t i = 0; i < expr->values.count; i++) {
        if (i) add(p, ", ");
        add_word(p, expr->values.items[i], expr->kind == AST_EXPR_OPERATION ? KEYWORD_AS_NAME : KEYWORD_AS_CONSTANT);
    }
    for (size_t i = 0; i < expr->reading_count; i++) {
        if (i || expr->values.count) add(p, ", ");
        add_atom(p, expr->readings[i], true);
        add_key(p, expr->readings[i]);
    }
    if (list) add(p, ")");
}

// `not` is a key where something behind it says so; see the rules of parse.c.
static void add_requirement(struct printer *p, const struct ast_expr *expr) {
    const bool negates = is_unquoted(expr->key, "not");
    if (negates && expr->comparison == AST_EXISTS) {
        add(p, "(not)");
        return;
    }
    const bool compares = expr->comparison != AST_IN && expr->comparison != AST_NOT_IN && expr->comparison < AST_LIKE;
    if (negates && compares) {
        add(p, "not");
    } else {
        add_word(p, expr->key, KEYWORD_AS_KEY);
    }
    add_comparison(p, expr, true);
}

static void add_quantified(struct printer *p, const struct ast_expr *expr) {
    const struct variable variable = {expr->key.text, p->variables};
    add(p, expr->kind == AST_EXPR_ANY ? "any " : "all ");
    add_path(p, &expr->path);
    add(p, " as ");
    add_name(p, expr->key);
    add(p, " ( ");
    p->variables = &variable;
    add_expr(p, expr->operands[0], BINDS_OR, false);
    p->variables = variable.outer;
    add(p, " )");
}

// kubectl's `!key`; `not` before everything else.
static void add_not(struct printer *p, const struct ast_expr *operand, bool in_selector) {
    const bool absent =
        in_selector && operand->kind != AST_EXPR_NOT && !operand->operand_count && operand->comparison == AST_EXISTS;
    add(p, absent ? "!" : "not ");
    add_expr(p, operand, BINDS_NOT, in_selector);
}

static void add_chain(struct printer *p, const struct ast_expr *expr, enum binding around, bool in_selector) {
    const enum binding own = expr->kind == AST_EXPR_OR ? BINDS_OR : BINDS_AND;
    if (own < around) add(p, "(");
    for (size_t i = 0; i < expr->operand_count; i++) {
        if (i) add(p, own == BINDS_OR ? " or " : " and ");
        add_expr(p, expr->operands[i], own + 1, in_selector);
    }
    if (own < around) add(p, ")");
}

static void add_webhook_question(struct printer *p, const struct ast_expr *expr) {
    static const char *const words[] = {
        [AST_EXCLUDES_NAMESPACE] = " excludes namespace ",
        [AST_MATCHES_RESOURCE] = " matches resource ",
        [AST_MATCHES_EVERYTHING] = " matches everything",
        [AST_TIMEOUT] = " timeout",
        [AST_FAILURE] = " on failure ",
        [AST_CALLS_SERVICE] = " calls service ",
        [AST_NARROWS] = " narrows",
    };
    add_name(p, expr->key);
    add(p, words[expr->question]);
    if (expr->question == AST_TIMEOUT)
        add_comparison(p, expr, false);
    else
        add_names(p, expr->values);
}

static void add_expr(struct printer *p, const struct ast_expr *expr, enum binding around, bool in_selector) {
    switch (expr->kind) {
    case AST_EXPR_AND:
    case AST_EXPR_OR: add_chain(p, expr, around, in_selector); return;
    case AST_EXPR_NOT: add_not(p, expr->operands[0], in_selector); return;
    case AST_EXPR_WEBHOOK: add_webhook_question(p, expr); return;
    case AST_EXPR_ANY:
    case AST_EXPR_ALL: add_quantified(p, expr); return;
    default: break;
    }
    if (in_selector) {
        add_requirement(p, expr);
    } else {
        add_atom(p, expr, false);
        add_key(p, expr);
        add_comparison(p, expr, false);
    }
}

// ---- subjects ----

static void add_subject(struct printer *p, const struct ast_subject *subject) {
    switch (subject->kind) {
    case AST_SUBJECT_SERVICE_ACCOUNT: add(p, "serviceaccount "); break;
    case AST_SUBJECT_SERVICE_ACCOUNTS: add(p, "serviceaccounts "); break;
    case AST_SUBJECT_USER: add(p, "user "); break;
    case AST_SUBJECT_GROUP: add(p, "group "); break;
    case AST_SUBJECT_UID: add(p, "uid "); break;
    case AST_SUBJECT_MAY: add(p, "may "); break;
    case AST_SUBJECT_ACTOR: add_word(p, subject->name, KEYWORD_AS_REFERENCE); return;
    case AST_SUBJECT_PRESET:
        add_word(p, subject->name, KEYWORD_AS_REFERENCE);
        add(p, " in ");
        add_name(p, subject->extra_value);
        return;
    case AST_SUBJECT_AND:
        add_subject(p, subject->left);
        add(p, " and ");
        add_subject(p, subject->right);
        return;
    case AST_SUBJECT_EXTRA:
        add_subject(p, subject->left);
        add(p, " with extra ");
        add_name(p, subject->extra_key);
        add(p, " = ");
        add_name(p, subject->extra_value);
        return;
    case AST_SUBJECT_TENANT:
    case AST_SUBJECT_ERROR: return;
    }
    add_name(p, subject->name);
}

static void add_subjects(struct printer *p, struct ast_subjects subjects) {
    for (size_t i = 0; i < subjects.count; i++) {
        if (i) add(p, ", ");
        add_subject(p, subjects.items[i]);
    }
}

// ---- clauses ----

// Begins a piece of its own; end_piece puts what was added since behind the others.
static struct text *begin_piece(struct printer *p) {
    struct text *around = p->text;
    p->text = ARENA_NEW(p->arena, struct text);
    text_init(p->text, p->arena);
    return around;
}

static void end_piece(struct printer *p, struct pieces *pieces, struct text *around) {
    ARENA_PUSH(p->arena, pieces->items, pieces->count, text_string(p->text));
    p->text = around;
}

static void add_words_pieces(struct printer *p, struct pieces *pieces, struct words words, bool patterns, bool more) {
    for (size_t i = 0; i < words.count; i++) {
        struct text *around = begin_piece(p);
        if (patterns) {
            add_pattern(p, words.items[i]);
        } else {
            add_name(p, words.items[i]);
        }
        if (more || i + 1 < words.count) add(p, ",");
        end_piece(p, pieces, around);
    }
}

static void add_subjects_pieces(struct printer *p, struct pieces *pieces, struct ast_subjects subjects) {
    for (size_t i = 0; i < subjects.count; i++) {
        struct text *around = begin_piece(p);
        add_subject(p, subjects.items[i]);
        if (i + 1 < subjects.count) add(p, ",");
        end_piece(p, pieces, around);
    }
}

static void add_paths_pieces(struct printer *p, struct pieces *pieces, struct ast_paths paths) {
    for (size_t i = 0; i < paths.count; i++) {
        struct text *around = begin_piece(p);
        add_path(p, &paths.items[i]);
        if (i + 1 < paths.count) add(p, ",");
        end_piece(p, pieces, around);
    }
}

// The operands of the outermost chain, a selector's with commas.
static void add_expr_pieces(struct printer *p, struct pieces *pieces, const struct ast_expr *expr, bool in_selector) {
    const bool chain = expr->kind == AST_EXPR_AND || expr->kind == AST_EXPR_OR;
    const bool commas = in_selector && expr->kind == AST_EXPR_AND;
    for (size_t i = 0; i < (chain ? expr->operand_count : 1); i++) {
        struct text *around = begin_piece(p);
        if (i && !commas) add(p, expr->kind == AST_EXPR_OR ? "or " : "and ");
        if (chain) {
            add_expr(p, expr->operands[i], expr->kind == AST_EXPR_OR ? BINDS_AND : BINDS_NOT, in_selector);
        } else {
            add_expr(p, expr, BINDS_OR, in_selector);
        }
        if (commas && i + 1 < expr->operand_count) add(p, ",");
        end_piece(p, pieces, around);
    }
}

static void add_name_piece(struct printer *p, struct pieces *pieces, const char *before, struct word word) {
    struct text *around = begin_piece(p);
    add(p, before);
    add_name(p, word);
    end_piece(p, pieces, around);
}

static void add_cover_pieces(struct printer *p, struct pieces *pieces, const struct ast_clause *clause) {
    const bool never = clause->mode.text && is_unquoted(clause->mode, "never");
    add_words_pieces(p, pieces, clause->words, false, false);
    if (clause->mode.text) add_name_piece(p, pieces, never || !clause->words.count ? "" : "by ", clause->mode);
}

static void add_accept_pieces(struct printer *p, struct pieces *pieces, const struct ast_clause *clause) {
    add_words_pieces(p, pieces, clause->words, false, false);
    for (size_t i = 0; i < clause->of.count; i++) add_name_piece(p, pieces, i ? "" : "of ", clause->of.items[i]);
    if (clause->reason.text) {
        struct text *around = begin_piece(p);
        add_string(p, clause->reason.text);
        end_piece(p, pieces, around);
    }
}

static void add_guard_pieces(struct printer *p, struct pieces *pieces, const struct ast_clause *clause) {
    add_words_pieces(p, pieces, clause->words, false, clause->removed.count > 0);
    for (size_t i = 0; i < clause->removed.count; i++) {
        struct text *around = begin_piece(p);
        add(p, "no ");
        add_name(p, clause->removed.items[i]);
        if (i + 1 < clause->removed.count) add(p, ",");
        end_piece(p, pieces, around);
    }
}

static void add_plain_piece(struct printer *p, struct pieces *pieces, const char *text) {
    ARENA_PUSH(p->arena, pieces->items, pieces->count, text);
}

static void add_authority_piece(struct printer *p, struct pieces *pieces, const struct ast_clause *clause) {
    const char *from = clause->words.items[0].text;
    const bool plain = strcmp(from, "file") == 0 || strcmp(from, "secret") == 0;
    struct text *around = begin_piece(p);
    add(p, plain ? from : "from ");
    if (!plain) add_name(p, clause->words.items[0]);
    add(p, " ");
    add_name(p, clause->words.items[1]);
    end_piece(p, pieces, around);
}

static void add_pair_pieces(struct printer *p, struct pieces *pieces, struct words words) {
    for (size_t i = 0; i + 1 < words.count; i += 2) {
        struct text *around = begin_piece(p);
        if (words.items[i].text) add_name(p, words.items[i]);
        if (words.items[i].text) add(p, " ");
        add_name(p, words.items[i + 1]);
        if (i + 2 < words.count) add(p, ",");
        end_piece(p, pieces, around);
    }
}

static struct pieces clause_pieces(struct printer *p, const struct ast_clause *clause) {
    struct pieces pieces = {0};
    switch (clause_info(clause->kind)->holds) {
    case CLAUSE_HOLDS_NOTHING: break;
    case CLAUSE_HOLDS_WORD:
    case CLAUSE_HOLDS_WORDS: add_words_pieces(p, &pieces, clause->words, false, false); break;
    case CLAUSE_HOLDS_PATTERNS: add_words_pieces(p, &pieces, clause->words, true, false); break;
    case CLAUSE_HOLDS_SELECTOR: add_expr_pieces(p, &pieces, clause->expr, true); break;
    case CLAUSE_HOLDS_EXPR: add_expr_pieces(p, &pieces, clause->expr, false); break;
    case CLAUSE_HOLDS_EXEMPTIONS:
        add_words_pieces(p, &pieces, clause->words, false, clause->subjects.count > 0);
        add_subjects_pieces(p, &pieces, clause->subjects);
        break;
    case CLAUSE_HOLDS_SUBJECTS: add_subjects_pieces(p, &pieces, clause->subjects); break;
    case CLAUSE_HOLDS_PATHS: add_paths_pieces(p, &pieces, clause->paths); break;
    case CLAUSE_HOLDS_COVERED: add_cover_pieces(p, &pieces, clause); break;
    case CLAUSE_HOLDS_DAYS:
        if (clause->words.items[0].text) add_name_piece(p, &pieces, "from ", clause->words.items[0]);
        if (clause->words.items[1].text) add_name_piece(p, &pieces, "until ", clause->words.items[1]);
        break;
    case CLAUSE_HOLDS_GUARDS: add_guard_pieces(p, &pieces, clause); break;
    case CLAUSE_HOLDS_LABELED:
        add_name_piece(p, &pieces, "", clause->words.items[0]);
        add_expr_pieces(p, &pieces, clause->expr, true);
        pieces.items[0] = arena_printf(p->text->arena, "%s labeled", pieces.items[0]);
        break;
    case CLAUSE_HOLDS_ACCEPTED: add_accept_pieces(p, &pieces, clause); break;
    case CLAUSE_HOLDS_SERVICE:
        add_name_piece(p, &pieces, "", clause->words.items[0]);
        if (clause->words.items[1].text) add_name_piece(p, &pieces, "path ", clause->words.items[1]);
        if (clause->words.items[2].text) add_name_piece(p, &pieces, "port ", clause->words.items[2]);
        break;
    case CLAUSE_HOLDS_AUTHORITY: add_authority_piece(p, &pieces, clause); break;
    case CLAUSE_HOLDS_CONSENT:
        if (clause->words.items[0].text) add_plain_piece(p, &pieces, "strict");
        if (clause->words.items[1].text) add_name_piece(p, &pieces, "annotation ", clause->words.items[1]);
        if (clause->subjects.count) add_plain_piece(p, &pieces, "by");
        add_subjects_pieces(p, &pieces, clause->subjects);
        break;
    case CLAUSE_HOLDS_SIDE_EFFECTS:
        add_words_pieces(p, &pieces, clause->words, false, false);
        if (clause->mode.text) add_plain_piece(p, &pieces, "on dry run");
        break;
    case CLAUSE_HOLDS_REINVOCATION:
        add_plain_piece(p, &pieces, is_unquoted(clause->words.items[0], "never") ? "never" : "if needed");
        break;
    case CLAUSE_HOLDS_SECURITY:
    case CLAUSE_HOLDS_QUOTA: add_pair_pieces(p, &pieces, clause->words); break;
    }
    return pieces;
}

// The keyword as it stands in its column: `labeled` belongs to what is behind it.
static const char *keyword_of_clause(const struct ast_clause *clause) {
    return clause->kind == AST_CLAUSE_NAMESPACE_LABELED ? "namespace" : clause_info(clause->kind)->keyword;
}

static size_t keyword_width(struct ast_clauses clauses) {
    size_t width = KEYWORD_WIDTH;
    for (size_t i = 0; i < clauses.count; i++) {
        const size_t len = strlen(keyword_of_clause(clauses.items[i]));
        const bool alone = clause_info(clauses.items[i]->kind)->holds == CLAUSE_HOLDS_NOTHING;
        if (!alone && len > width && len <= KEYWORD_MAX_WIDTH) width = len;
    }
    return width;
}

// Conditions have a line for each operand if they need several; lists fill their lines.
static void add_pieces(struct printer *p, struct pieces pieces, size_t column, bool fill) {
    size_t all = column, at = column;
    for (size_t i = 0; i < pieces.count; i++) all += 1 + utf8_length(pieces.items[i], strlen(pieces.items[i]));
    for (size_t i = 0; i < pieces.count; i++) {
        const size_t len = utf8_length(pieces.items[i], strlen(pieces.items[i]));
        const bool wraps = all > LINE_WIDTH && (!fill || at + 1 + len > LINE_WIDTH);
        if (i && wraps) {
            add(p, "\n");
            add_blanks(p, column);
            at = column;
        } else if (i) {
            add(p, " ");
        }
        add(p, pieces.items[i]);
        at += 1 + len;
    }
}

static void print_clause(struct printer *p, const struct ast_clause *clause, size_t width, bool last) {
    const enum clause_holds holds = clause_info(clause->kind)->holds;
    const char *keyword = keyword_of_clause(clause);
    struct pieces pieces = clause_pieces(p, clause);
    const size_t len = strlen(keyword);
    add_blanks(p, INDENT);
    add(p, keyword);
    if (pieces.count) {
        add_blanks(p, (len > width ? 0 : width - len) + 2);
        // Behind `namespace`, a namespace of that name would be taken for the keyword.
        const bool taken = clause->kind == AST_CLAUSE_NAMESPACE && !last && strcmp(pieces.items[0], "labeled") == 0;
        if (taken) pieces.items[0] = "\"labeled\"";
        if (clause->kind == AST_CLAUSE_NAMESPACE_LABELED) add(p, "labeled ");
        add_pieces(p, pieces, INDENT + (len > width ? len : width) + 2, holds != CLAUSE_HOLDS_EXPR);
    }
    add(p, "\n");
}

static void print_clauses(struct printer *p, struct ast_clauses clauses) {
    const size_t width = keyword_width(clauses);
    for (size_t i = 0; i < clauses.count; i++) print_clause(p, clauses.items[i], width, i + 1 == clauses.count);
}

// ---- tests ----

static void add_pairs(struct printer *p, struct ast_pairs pairs) {
    for (size_t i = 0; i < pairs.count; i++) {
        if (i) add(p, ", ");
        add_name(p, pairs.items[i].key);
        add(p, "=");
        add_name(p, pairs.items[i].value);
    }
}

static void add_state(struct printer *p, const struct ast_object_state *state) {
    if (state->labels.count) add(p, " labels ");
    add_pairs(p, state->labels);
    if (state->annotations.count) add(p, " annotations ");
    add_pairs(p, state->annotations);
    for (size_t i = 0; i < state->field_count; i++) {
        add(p, " field ");
        add_path(p, &state->fields[i].path);
        add(p, " = ");
        add_name(p, state->fields[i].value);
    }
    if (state->terminating) add(p, " terminating");
    if (!state->object.text) return;
    add(p, " object ");
    add_code(p, state->object);
}

// The first word of a step, and what is behind it in its column.
static void add_step_keyword(struct printer *p, const char *keyword) {
    const size_t len = strlen(keyword);
    add(p, keyword);
    add_blanks(p, (len < STEP_KEYWORD_WIDTH ? STEP_KEYWORD_WIDTH - len : 0) + 1);
}

static void add_operation(struct printer *p, const struct ast_step *step) {
    add_step_keyword(p, step->operation.text);
    add_name(p, step->resource);
    add(p, " ");
    // Two names that together would be keywords.
    const bool taken = (is_unquoted(step->resource, "namespace") && is_unquoted(step->name, "labeled")) ||
                       (is_unquoted(step->resource, "in") && is_unquoted(step->name, "namespace") &&
                        (step->before.labels.count || step->before.terminating));
    if (taken) {
        add_string(p, step->name.text);
    } else {
        add_name(p, step->name);
    }
    add_state(p, &step->before);
    if (!step->has_arrow) return;
    add(p, " ->");
    add_state(p, &step->after);
}

static void add_expectation(struct printer *p, const struct ast_step *step) {
    add_step_keyword(p, "expect");
    switch (step->expectation) {
    case AST_EXPECT_ALLOWED: add(p, "allowed"); break;
    case AST_EXPECT_DENIED: add(p, "denied"); break;
    case AST_EXPECT_WARNED: add(p, "warned"); break;
    case AST_EXPECT_CALLED: add(p, "called by "); break;
    case AST_EXPECT_NOT_CALLED: add(p, step->words.count ? "not called by " : "not called"); break;
    }
    if (step->expectation == AST_EXPECT_CALLED || step->expectation == AST_EXPECT_NOT_CALLED) {
        add_names(p, step->words);
        return;
    }
    if (!step->lock.text) return;
    add(p, " by ");
    add_name(p, step->lock);
    for (size_t i = 0; i < step->words.count; i++) {
        add(p, i ? " " : " (");
        add_name(p, step->words.items[i]);
    }
    if (step->words.count) add(p, ")");
}

static void print_step(struct printer *p, const struct ast_step *step) {
    add_blanks(p, INDENT);
    switch (step->kind) {
    case AST_STEP_AS:
        add_step_keyword(p, "as");
        add_subjects(p, step->subjects);
        break;
    case AST_STEP_OPERATION: add_operation(p, step); break;
    case AST_STEP_GIVEN:
        add_step_keyword(p, step->is_gone ? "given no" : "given");
        add_name(p, step->resource);
        add(p, " ");
        add_name(p, step->name);
        add_state(p, &step->before);
        break;
    case AST_STEP_IN_NAMESPACE:
        add(p, "in namespace");
        if (step->namespace_labels.count) add(p, " labels ");
        add_pairs(p, step->namespace_labels);
        if (step->namespace_terminating) add(p, " terminating");
        break;
    case AST_STEP_GRANTS:
        add_step_keyword(p, "grants");
        add_names(p, step->words);
        break;
    case AST_STEP_EXPECT: add_expectation(p, step); break;
    }
    add(p, "\n");
}

// ---- items ----

// `x.y/v1` is one word unless something of it is quoted.
static void add_resource(struct printer *p, const struct ast_item *item) {
    const struct word version = item->as.resource.version;
    if (strchr(item->name.text, '/')) {
        add_string(p, item->name.text);
    } else {
        add_name(p, item->name);
    }
    if (version.text) {
        add(p, version.quoted ? " / " : "/");
        add_name(p, version);
    }
    add(p, item->as.resource.namespaced ? " namespaced" : " cluster");
    if (item->as.resource.kind.text) {
        add(p, " kind ");
        add_name(p, item->as.resource.kind);
    }
    if (item->as.resource.subresources.count) add(p, " subresources ");
    add_names(p, item->as.resource.subresources);
}

static void add_actor(struct printer *p, const struct ast_item *item) {
    add(p, item->as.actor.create ? " = new " : " = ");
    add_subjects(p, item->as.actor.subjects);
    if (item->as.actor.automount.text) add(p, " automount");
    if (item->as.actor.sealed) add(p, " sealed");
    if (item->as.actor.sealed_by.count) add(p, " by ");
    add_subjects(p, item->as.actor.sealed_by);
}

static void add_policy(struct printer *p, const struct ast_item *item) {
    if (!item->as.policy.against.text) return;
    add(p, " against ");
    add_name(p, item->as.policy.against);
}

static void add_acceptance(struct printer *p, const struct ast_item *item) {
    const struct pieces pieces = clause_pieces(p, item->as.accept);
    for (size_t i = 0; i < pieces.count; i++) text_printf(p->text, "%s%s", i ? " " : "", pieces.items[i]);
}

static void add_block(struct printer *p, const struct ast_item *item) {
    if (item->kind == AST_ITEM_WEBHOOK) text_printf(p->text, " %s", item->as.block.kind.text);
    if (item->as.block.to.count) add(p, " to ");
    add_subjects(p, item->as.block.to);
    if (item->as.block.objects.count) add(p, " on ");
    add_names(p, item->as.block.objects);
    add(p, " {\n");
    print_clauses(p, item->as.block.clauses);
    add(p, "}");
}

static void add_test(struct printer *p, const struct ast_item *item) {
    add(p, " {\n");
    for (size_t i = 0; i < item->as.test.count; i++) print_step(p, item->as.test.steps[i]);
    add(p, "}");
}

static void print_item(struct printer *p, const struct ast_item *item) {
    static const char *const keywords[] = {
        [AST_ITEM_POLICY] = "policy ",
        [AST_ITEM_INCLUDE] = "include ",
        [AST_ITEM_RESOURCE] = "resource ",
        [AST_ITEM_ACTOR] = "actor ",
        [AST_ITEM_OBJECT] = "object ",
        [AST_ITEM_LOCK] = "lock ",
        [AST_ITEM_GRANT] = "grant ",
        [AST_ITEM_DEPLOYER] = "deployer ",
        [AST_ITEM_WEBHOOK] = "webhook ",
        [AST_ITEM_TENANT] = "tenant ",
        [AST_ITEM_ACCEPT] = "accept ",
        [AST_ITEM_TEST] = "test ",
        [AST_ITEM_RESOURCES_FROM] = "resources from ",
    };
    add(p, keywords[item->kind]);
    if (item->name.text && item->kind != AST_ITEM_RESOURCE) add_name(p, item->name);
    switch (item->kind) {
    case AST_ITEM_POLICY: add_policy(p, item); break;
    case AST_ITEM_INCLUDE: break;
    case AST_ITEM_ACCEPT: add_acceptance(p, item); break;
    case AST_ITEM_RESOURCE: add_resource(p, item); break;
    case AST_ITEM_RESOURCES_FROM: add_names(p, item->as.paths); break;
    case AST_ITEM_ACTOR: add_actor(p, item); break;
    case AST_ITEM_OBJECT:
    case AST_ITEM_LOCK:
    case AST_ITEM_GRANT:
    case AST_ITEM_WEBHOOK:
    case AST_ITEM_TENANT: add_block(p, item); break;
    case AST_ITEM_DEPLOYER: add_subjects(p, item->as.block.to); break;
    case AST_ITEM_TEST: add_test(p, item); break;
    }
    add(p, "\n");
}

// Lines of one kind stand together.
static bool stand_together(const struct ast_item *item, const struct ast_item *next) {
    return item->kind == next->kind &&
           (item->kind == AST_ITEM_INCLUDE || item->kind == AST_ITEM_RESOURCE ||
            item->kind == AST_ITEM_RESOURCES_FROM || item->kind == AST_ITEM_ACTOR || item->kind == AST_ITEM_ACCEPT);
}

void ast_print(struct text *text, const struct ast_file *file) {
    struct printer printer = {.arena = text->arena, .text = text};
    for (const struct ast_item *item = file->first; item; item = item->next) {
        print_item(&printer, item);
        if (item->next && !stand_together(item, item->next)) text_add_char(text, '\n');
    }
}

void ast_print_word(struct text *text, struct word word) {
    struct printer printer = {.arena = text->arena, .text = text};
    add_word(&printer, word, KEYWORD_AS_REFERENCE);
}
