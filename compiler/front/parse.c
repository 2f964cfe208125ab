// Sets up lexer and grammar, hands tokens from one to the other, and words what the grammar reports.
//
// What one token of look-ahead cannot decide is decided here (`in namespace` in tests, `new`, `labeled`, `not`), and so
// is where the grammar goes on after an error: it then gets RESUME, a `{` or a `}` and sees none of what was skipped.
#include "front/parse.h"

#include <string.h>

#include "base/arena.h"
#include "base/limits.h"
#include "base/suggest.h"
#include "base/text.h"
#include "front/ast_build.h"
#include "front/keywords.h"
#include "front/lexer.h"
#include "front/parse_errors.h"
#include "klock_parser.h"
#include "report/diag.h"
#include "report/source.h"

enum { MAX_LISTED = 6, SHOWN_BYTES = 60 };

static struct ast_file *parse(struct arena *arena, struct diags *diags, uint32_t source, const char *text, size_t len,
                              const struct span *everywhere) {
    const unsigned char *const begin = (const unsigned char *)text;
    struct parser parser = {
        .arena = arena,
        .diags = diags,
        .file = make_file(arena, source),
        .everywhere = everywhere,
        .lexer =
            {
                .arena = arena,
                .diags = diags,
                .file = source,
                .begin = begin,
                .cursor = begin,
                .limit = begin + len,
            },
    };
    klock_yyparse(&parser);
    return parser.file;
}

struct ast_file *parse_file(struct arena *arena, struct diags *diags, const struct sources *sources, uint32_t source) {
    const struct source *text = &sources->items[source];
    return text->usable ? parse(arena, diags, source, text->text, text->len, NULL) : make_file(arena, source);
}

struct ast_file *parse_made(struct arena *arena, struct diags *diags, uint32_t source, const char *text,
                            struct span span) {
    return parse(arena, diags, source, text, strlen(text), &span);
}

// ---- kinds of tokens ----

static bool is_step_keyword(int kind) {
    return keyword_begins(kind, KEYWORD_STEP) || kind == TOK_IN_STEP;
}

static bool begins_item(int kind) {
    return keyword_begins(kind, KEYWORD_ITEM) || kind == TOK_RESOURCES_FROM;
}

static bool is_name(int kind) {
    return kind == TOK_WORD || kind == TOK_STRING || keyword_of(kind);
}

static bool is_operator(int kind) {
    switch (kind) {
    case TOK_EQUALS:
    case TOK_EQUALS_EQUALS:
    case TOK_NOT_EQUALS:
    case TOK_LESS:
    case TOK_LESS_EQUAL:
    case TOK_GREATER:
    case TOK_GREATER_EQUAL: return true;
    }
    return false;
}

static bool is_comparison(int kind) {
    return is_operator(kind) || keyword_begins(kind, KEYWORD_COMPARISON);
}

// Tokens that cannot end a clause.
static bool is_open_ended(int kind) {
    switch (kind) {
    case TOK_COMMA:
    case TOK_OPEN:
    case TOK_OPEN_BRACKET:
    case TOK_DOT:
    case TOK_BANG:
    case TOK_ARROW:
    case TOK_AND:
    case TOK_OR:
    case TOK_NOT: return true;
    }
    return is_operator(kind);
}

// ---- from lexer to grammar ----

static struct token peek(const struct parser *p, int ahead) {
    struct lexer lexer = p->lexer;
    lexer.quiet = true;
    struct token token = lexer_next(&lexer);
    while (ahead-- > 0) token = lexer_next(&lexer);
    return token;
}

static struct token made_up(const struct parser *p, int kind, uint32_t at) {
    return (struct token){.kind = kind, .span = {p->lexer.file, at, at}, .reported_already = true};
}

static struct token read_token(struct parser *p, bool quiet) {
    p->lexer.quiet = quiet;
    const struct token token = lexer_next(&p->lexer);
    p->lexer.quiet = false;
    return token;
}

// Whether the token begins an item, which is never legal inside a block: somebody forgot the closing brace.
static bool begins_item_in_block(const struct parser *p, struct token token) {
    static const struct {
        int item, behind_name;
    } heads[] = {
        {TOK_OBJECT, TOK_OPEN_BRACE}, {TOK_LOCK, TOK_OPEN_BRACE}, {TOK_LOCK, TOK_ON},
        {TOK_GRANT, TOK_TO},          {TOK_ACTOR, TOK_EQUALS},    {TOK_WEBHOOK, TOK_VALIDATING},
        {TOK_WEBHOOK, TOK_MUTATING},  {TOK_TEST, TOK_OPEN_BRACE}, {TOK_TENANT, TOK_OPEN_BRACE},
    };
    if (!token.first_on_line) return false;
    const struct token name = peek(p, 0);
    if (token.kind == TOK_RESOURCES) return name.kind == TOK_FROM && peek(p, 1).kind == TOK_STRING;
    if (!keyword_begins(token.kind, KEYWORD_ITEM)) return false;
    if (!is_name(name.kind) || name.first_on_line || (token.kind == TOK_TEST && name.kind != TOK_STRING)) return false;
    const int next = peek(p, 1).kind;
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++)
        if (heads[i].item == token.kind && heads[i].behind_name == next) return true;
    return false;
}

// Closes the block that the text leaves open; `next` is read again behind it.
static struct token close_block(struct parser *p, struct lexer start, struct token next) {
    if (!(next.kind == TOK_END && p->lexer.truncated)) {
        if (next.kind == TOK_END)
            diag_report(p->diags, DIAG_SYNTAX, next.span, "unexpected end of file, expected '}'");
        else
            diag_report(p->diags, DIAG_SYNTAX, next.span, "unexpected '%s', expected '}' before it", next.word.text);
        diag_relate(p->diags, p->block_begin, "this block is not closed");
    }
    start.truncated = p->lexer.truncated;
    p->lexer = start;
    p->in_block = false;
    p->recovering = false;
    return made_up(p, TOK_CLOSE_BRACE, next.span.begin);
}

// Behind a `{` that does not belong here.
static void skip_braces(struct parser *p) {
    for (unsigned depth = 0;;) {
        const struct lexer start = p->lexer;
        const struct token token = lexer_next(&p->lexer);
        const bool outside = token.kind == TOK_CLOSE_BRACE && depth == 0;
        if (outside) return;
        if (token.kind == TOK_END || begins_item_in_block(p, token)) {
            p->lexer = start;
            return;
        }
        if (token.kind == TOK_OPEN_BRACE) depth++;
        if (token.kind == TOK_CLOSE_BRACE) depth--;
    }
}

// The grammar goes on with what the lexer reads from `start`.
static struct token resume_at(struct parser *p, struct lexer start) {
    p->lexer = start;
    p->recovering = false;
    p->parentheses = p->negations = 0;
    p->variables.count = 0;
    if (!p->in_block) p->head = HEAD_NONE;
    return made_up(p, TOK_RESUME, (uint32_t)(start.cursor - start.begin));
}

static bool describes_namespace(const struct parser *p) {
    const int state = peek(p, 1).kind;
    return p->in_block && p->head == HEAD_STEPS && (state == TOK_LABELS || state == TOK_TERMINATING);
}

static bool ends_list_or_block(int next) {
    return next == TOK_COMMA || next == TOK_CLOSE_BRACE;
}

static bool begins_account(int next) {
    return keyword_begins(next, KEYWORD_SUBJECT) || next == TOK_WORD || next == TOK_STRING;
}

static bool is_behind_actor(const struct parser *p) {
    return !p->in_block && p->last.kind == TOK_EQUALS && p->previous[1] == TOK_ACTOR;
}

static bool is_behind_locks_from(const struct parser *p) {
    return p->previous[0] == TOK_FROM && p->previous[1] == TOK_LOCKS;
}

static bool takes_no_selector(const struct parser *p) {
    return p->last.kind != TOK_NAMESPACE && !is_behind_locks_from(p);
}

static bool is_not_in_guards(const struct parser *p) {
    if (p->head == HEAD_STEPS && p->last.kind == TOK_GIVEN) return false;
    return !p->in_guards || p->last.kind == TOK_NO;
}

static bool goes_on_behind_key(int next) {
    return is_operator(next) || next == TOK_COMMA || next == TOK_CLOSE || next == TOK_CLOSE_BRACE;
}

static bool is_from(int next) {
    return next == TOK_FROM;
}

static bool is_between_items(const struct parser *p) {
    return !p->in_block;
}

static bool is_operation(int next) {
    return next == TOK_CREATE || next == TOK_UPDATE || next == TOK_DELETE || next == TOK_CONNECT || next == TOK_ALL ||
           next == TOK_WORD;
}

static bool is_dry(int next) {
    return next == TOK_DRY;
}

// Not where a name is expected.
static bool is_between_clauses(const struct parser *p) {
    const int last = p->last.kind;
    const unsigned names = KEYWORD_CLAUSE | KEYWORD_SUBJECT | KEYWORD_PREDICATE | KEYWORD_COMPARISON;
    return p->in_block && p->head == HEAD_CLAUSES && !is_open_ended(last) &&
           (last == TOK_CLUSTER || !keyword_begins(last, names));
}

static bool is_behind_side_effects(const struct parser *p) {
    return p->in_block && p->previous[0] == TOK_EFFECTS;
}

static bool is_namespace(int next) {
    return next == TOK_NAMESPACE;
}

// Keywords that are words where they do not act as keywords, and the other way round: what the token becomes where what
// is behind it and around it is like this; NULL is anything.
static const struct rule {
    int token;
    bool (*next)(int kind);
    bool (*around)(const struct parser *p);
    int becomes;
} rules[] = {
    {TOK_IN, is_namespace, describes_namespace, TOK_IN_STEP},
    {TOK_RESOURCES, is_from, is_between_items, TOK_RESOURCES_FROM},
    {TOK_LABELED, NULL, takes_no_selector, TOK_WORD},
    {TOK_LABELED, ends_list_or_block, NULL, TOK_WORD},
    {TOK_NEW, begins_account, is_behind_actor, TOK_NEW_ACTOR},
    {TOK_NOT, goes_on_behind_key, NULL, TOK_WORD},
    {TOK_NO, NULL, is_not_in_guards, TOK_WORD},
    {TOK_ON, is_operation, is_between_clauses, TOK_ON_OPERATIONS},
    {TOK_ON, is_dry, is_behind_side_effects, TOK_ON_DRY_RUN},
};

// Whether the word names an element of `any` or `all` of which something is asked as of a webhook.
static bool is_webhook_element(const struct parser *p, struct token token) {
    bool is_variable = false;
    if (!is_name(token.kind) || p->last.kind == TOK_DOT) return false;
    for (size_t i = 0; i < p->variables.count && token.word.text; i++)
        is_variable |= strcmp(p->variables.items[i].text, token.word.text) == 0;
    if (!is_variable) return false;
    const int next = peek(p, 0).kind;
    if (next == TOK_ON) return peek(p, 1).kind == TOK_FAILURE;
    if (next == TOK_MATCHES) return peek(p, 1).kind == TOK_RESOURCE || peek(p, 1).kind == TOK_EVERYTHING;
    return next == TOK_EXCLUDES || next == TOK_TIMEOUT || next == TOK_CALLS || next == TOK_NARROWS;
}

static struct token disambiguate(const struct parser *p, struct token token) {
    if (p->variables.count && is_webhook_element(p, token)) token.kind = TOK_WEBHOOK_ELEMENT;
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        const struct rule *rule = &rules[i];
        if (rule->token != token.kind) continue;
        if (rule->next && !rule->next(peek(p, 0).kind)) continue;
        if (rule->around && !rule->around(p)) continue;
        token.kind = rule->becomes;
    }
    return token;
}

static bool has_block(enum item_head head) {
    return head != HEAD_NONE && head != HEAD_PLAIN && head != HEAD_PATHS;
}

static bool can_begin_in_block(const struct parser *p, int kind) {
    return p->head == HEAD_STEPS ? is_step_keyword(kind) : keyword_begins(kind, KEYWORD_CLAUSE);
}

static bool can_resume_in_block(const struct parser *p, struct token token, int before) {
    if (is_open_ended(before) || !token.first_on_line) return false;
    return can_begin_in_block(p, token.kind) || token.kind == TOK_WORD;
}

static bool can_resume_between_items(const struct parser *p, struct token token, int before) {
    if (is_open_ended(before) || !(token.first_on_line || before == TOK_CLOSE_BRACE)) return false;
    if (begins_item(token.kind)) return true;
    return token.kind == TOK_WORD && !has_block(p->head); // the head of a block goes on up to its brace
}

// Skips to where the grammar can go on, and gives what makes it do so.
static struct token recover(struct parser *p) {
    if (p->retry_last) {
        p->retry_last = false;
        return resume_at(p, p->start_of_last);
    }
    int before = p->last.kind;
    if (p->skip_block) {
        p->skip_block = false;
        skip_braces(p);
        before = TOK_CLOSE_BRACE;
    }
    bool same_line = true; // one report is enough for a line
    for (;;) {
        const struct lexer start = p->lexer;
        struct token token = disambiguate(p, read_token(p, same_line));
        if (token.first_on_line && same_line) {
            same_line = false;
            p->lexer = start;
            continue;
        }
        if (p->in_block) {
            if (token.kind == TOK_CLOSE_BRACE) {
                p->in_block = p->recovering = false;
                return token;
            }
            if (token.kind == TOK_END || begins_item_in_block(p, token)) return close_block(p, start, token);
            if (can_resume_in_block(p, token, before)) return resume_at(p, start);
        } else {
            if (token.kind == TOK_END) return token;
            if (token.kind == TOK_OPEN_BRACE && has_block(p->head)) return token;
            if (can_resume_between_items(p, token, before)) return resume_at(p, start);
        }
        if (token.kind == TOK_OPEN_BRACE) {
            skip_braces(p);
            token.kind = TOK_CLOSE_BRACE;
        }
        before = token.kind;
    }
}

// Whether the next word may be `no`: behind the keyword, and behind commas of its list.
static bool goes_on_in_guards(const struct parser *p, int kind) {
    if (!p->in_block) return false;
    const bool expects =
        p->in_guards && (p->last.kind == TOK_GUARD || p->last.kind == TOK_COMMA || p->last.kind == TOK_NO);
    if (kind == TOK_GUARD && !expects) return !is_open_ended(p->last.kind);
    return p->in_guards && (kind == TOK_COMMA || (expects && is_name(kind)));
}

// Nothing may nest so deep that the grammar's stack or a recursive pass could run out.
static bool nests_too_deep(struct parser *p, int kind) {
    const bool negation = kind == TOK_NOT || kind == TOK_BANG;
    p->negations = negation ? p->negations + 1 : 0;
    if (kind == TOK_OPEN) p->parentheses++;
    if (kind == TOK_CLOSE && p->parentheses) p->parentheses--;
    if (p->parentheses <= LIMIT_EXPR_DEPTH && p->negations <= LIMIT_EXPR_DEPTH) return false;
    p->parentheses = p->negations = 0;
    return true;
}

static struct token next_token(struct parser *p) {
    struct lexer start = p->lexer;
    struct token token;
    if (p->recovering) {
        token = recover(p);
    } else {
        token = disambiguate(p, read_token(p, false));
        if (p->in_block && (token.kind == TOK_END || begins_item_in_block(p, token))) {
            token = close_block(p, start, token);
        } else if (nests_too_deep(p, token.kind)) {
            parse_error_too_deep(p, token.span);
            token.kind = TOK_KLOCK_YYerror;
        }
    }
    p->in_guards = goes_on_in_guards(p, token.kind);
    switch (token.kind) {
    case TOK_KLOCK_YYerror: p->recovering = true; break;
    case TOK_OPEN_BRACE:
        if (p->in_block || !has_block(p->head)) break;
        p->recovering = false;
        p->in_block = true;
        p->block_begin = token.span;
        p->parentheses = p->negations = 0;
        break;
    case TOK_CLOSE_BRACE:
        p->closes_block = p->in_block || token.reported_already;
        p->in_block = false;
        break;
    }
    p->start_of_last = start;
    return token;
}

int klock_yylex(union KLOCK_YYSTYPE *value, struct span *location, struct parser *p) {
    const struct token token = next_token(p);
    memmove(&p->previous[1], &p->previous[0], (PREVIOUS_TOKENS - 1) * sizeof *p->previous);
    p->previous[0] = p->last.kind;
    p->before = p->last;
    p->last = token;
    value->TOK_WORD = token.word;
    *location = p->everywhere ? *p->everywhere : token.span;
    if (p->everywhere) value->TOK_WORD.span = *p->everywhere;
    return token.kind;
}

// ---- errors ----

// The token as the message names it, in quotes and short.
static const char *shown(struct parser *p, struct token token) {
    if (token.kind == TOK_END) return "end of file";
    if (token.kind == TOK_STRING) return "string";
    const char *text = (const char *)p->lexer.begin + token.span.begin;
    size_t len = token.span.end - token.span.begin;
    if (len <= SHOWN_BYTES) return arena_printf(p->arena, "'%.*s'", (int)len, text);
    len = utf8_valid_prefix(text, SHOWN_BYTES);
    return arena_printf(p->arena, "'%.*s\xe2\x80\xa6'", (int)len, text);
}

static bool expects(const struct parse_expected *expected, int kind) {
    for (size_t i = 0; i < expected->count; i++)
        if (expected->kinds[i] == kind) return true;
    return false;
}

struct list {
    const char *items[MAX_LISTED + 1];
    size_t count; // may be one beyond MAX_LISTED: too many to be listed
};

static void list_add(struct list *list, const char *item) {
    if (list->count <= MAX_LISTED) list->items[list->count++] = item;
}

// What could stand there, in the words of the language reference rather than token by token.
static void list_expected(struct parser *p, const struct parse_expected *expected, struct list *list) {
    const bool word = expects(expected, TOK_WORD), quoted = expects(expected, TOK_STRING);
    if (word) {
        const bool nests = expects(expected, TOK_OPEN);
        list_add(list, !nests ? "a name" : quoted ? "a label key" : "a condition");
        if (expects(expected, TOK_STAR)) list_add(list, "'*'");
        return;
    }
    const bool comparison = expects(expected, TOK_EQUALS_EQUALS);
    const bool clause = expects(expected, TOK_RESOURCES) && expects(expected, TOK_DENY);
    const bool step = expects(expected, TOK_EXPECT) && expects(expected, TOK_GRANTS);
    const bool item = expects(expected, TOK_LOCK) && expects(expected, TOK_GRANT);
    if (comparison) list_add(list, "a comparison");
    for (size_t i = 0; i < expected->count; i++) {
        const int kind = expected->kinds[i];
        if (comparison && is_comparison(kind)) continue;
        if ((clause && (keyword_begins(kind, KEYWORD_CLAUSE) || kind == TOK_ON_OPERATIONS)) ||
            (step && is_step_keyword(kind)) || (item && begins_item(kind)))
            continue;
        if (kind == TOK_CLOSE_BRACE || kind == TOK_END || kind == TOK_RESUME) continue;
        if (kind == TOK_STRING) {
            list_add(list, "a string");
        } else {
            list_add(list, arena_printf(p->arena, "'%s'", expected->spellings[i]));
        }
    }
    if (clause) list_add(list, "a clause");
    if (step) list_add(list, "a step");
    if (item) list_add(list, "a declaration");
    if (expects(expected, TOK_CLOSE_BRACE)) list_add(list, "'}'");
    if (expects(expected, TOK_END) && !item) list_add(list, "end of file");
}

static const char *join_list(struct parser *p, const struct list *list) {
    struct text text;
    text_init(&text, p->arena);
    for (size_t i = 0; i < list->count; i++) {
        if (i) text_add_string(&text, i + 1 == list->count ? " or " : ", ");
        text_add_string(&text, list->items[i]);
    }
    return text_string(&text);
}

// The keyword that was probably meant, where only keywords can stand.
static const char *meant(const struct parser *p, const struct parse_expected *expected) {
    if (!is_name(p->last.kind) || p->last.kind == TOK_STRING || expects(expected, TOK_WORD)) return NULL;
    const char *candidates[PARSE_MAX_EXPECTED];
    size_t count = 0;
    for (size_t i = 0; i < expected->count; i++)
        if (is_name(expected->kinds[i]) && expected->kinds[i] != TOK_STRING)
            candidates[count++] = expected->spellings[i];
    return suggest_nearest(p->last.word.text, candidates, count);
}

// Where a path was read that was to be a predicate (`lable tier`): what it was to begin with.
static const char *meant_predicate(const struct parser *p, const struct parse_expected *expected) {
    const char *words[KEYWORD_COUNT];
    // A selector goes on with a comma, and begins with any key.
    if (p->before.kind != TOK_WORD || !expects(expected, TOK_EQUALS_EQUALS) || !expects(expected, TOK_DOT) ||
        expects(expected, TOK_COMMA))
        return NULL;
    return suggest_nearest(p->before.word.text, words, keyword_words(KEYWORD_PREDICATE, words));
}

// `user alice`, `name web`: what is a subject or a clause elsewhere is compared in a condition.
static const char *comparison_help(struct parser *p, const struct parse_expected *expected) {
    if (!is_name(p->last.kind) || !expects(expected, TOK_EQUALS_EQUALS)) return NULL;
    if (!keyword_begins(p->before.kind, KEYWORD_READ)) return NULL;
    return arena_printf(p->arena, "a condition compares two values: %s = %s", p->before.word.text,
                        p->last.kind == TOK_STRING ? arena_printf(p->arena, "\"%s\"", p->last.word.text)
                                                   : p->last.word.text);
}

// `label state = new`: words that read a value stand for nothing alone.
static const char *reading_help(struct parser *p, const struct parse_expected *expected) {
    (void)expected;
    const int comparison = p->previous[1];
    const bool compares = is_comparison(comparison) || comparison == TOK_OPEN || comparison == TOK_COMMA;
    if (!keyword_begins(p->before.kind, KEYWORD_READER) || !compares) return NULL;
    return arena_printf(p->arena, "on the right side '%s' reads a value; quote it if the word itself is meant: \"%s\"",
                        p->before.word.text, p->before.word.text);
}

static const char *every_operation_help(struct parser *p, const struct parse_expected *expected) {
    (void)expected;
    return p->last.kind == TOK_STAR && p->previous[0] == TOK_DENY ? "for every operation, write: deny all" : NULL;
}

// Verbs of kubectl and of RBAC that are no operations.
static const char *operation_help(struct parser *p, const struct parse_expected *expected) {
    if (!p->in_block || p->head != HEAD_STEPS || p->last.kind != TOK_WORD || !expects(expected, TOK_EXPECT))
        return NULL;
    if (strcmp(p->last.word.text, "patch") == 0) return "a patch is an update: update pods default/p";
    if (strcmp(p->last.word.text, "exec") == 0) return "write: connect pods/exec default/p";
    return NULL;
}

// What a state of a test cannot hold in a field, and an object without its word.
static const char *state_help(struct parser *p, const struct parse_expected *expected) {
    (void)expected;
    const int kind = p->last.kind;
    if (!p->in_block || p->head != HEAD_STEPS) return NULL;
    if (kind == TOK_STRING && is_name(p->before.kind) && !p->last.first_on_line)
        return "an object stands behind a word: object \"\"\"YAML\"\"\"";
    const bool opens = kind == TOK_OPEN_BRACKET || kind == TOK_OPEN || kind == TOK_OPEN_BRACE;
    if ((opens && p->before.kind == TOK_EQUALS) || p->before.kind == TOK_OPEN_BRACKET)
        return "lists and maps are written with the object: object \"\"\"{spec: {…}}\"\"\"";
    return NULL;
}

// `resources from crds/*.yaml`: a path with a pattern is no word.
static const char *path_help(struct parser *p, const struct parse_expected *expected) {
    (void)expected;
    const bool here = p->head == HEAD_PATHS && !p->last.first_on_line && p->last.kind != TOK_STRING;
    return here ? "a path with a pattern stands in quotes: resources from \"crds/*.yaml\"" : NULL;
}

// `policy x against accidents, insiders`.
static const char *against_help(struct parser *p, const struct parse_expected *expected) {
    (void)expected;
    return !p->in_block && p->previous[1] == TOK_AGAINST
               ? "a policy is against accidents or against insiders, who make the same mistakes and more"
               : NULL;
}

// `pod security strict`.
static const char *level_help(struct parser *p, const struct parse_expected *expected) {
    (void)expected;
    return p->previous[0] == TOK_SECURITY && is_name(p->last.kind) ? "pods are privileged, baseline or restricted"
                                                                   : NULL;
}

// `urls /metrics`, and `impersonate user bob` where a clause begins.
static const char *grant_help(struct parser *p, const struct parse_expected *expected) {
    if (p->last.kind == TOK_SLASH && p->previous[0] == TOK_URLS) return "paths stand in quotes: urls \"/metrics\"";
    return p->last.kind == TOK_IMPERSONATE && expects(expected, TOK_RESOURCES) ? "write: may impersonate …" : NULL;
}

// A list that ends without need, or goes on without a comma.
static const char *list_help(struct parser *p, const struct parse_expected *expected) {
    const int kind = p->last.kind;
    if (!expects(expected, TOK_COMMA) || p->last.first_on_line || !is_name(kind)) return NULL;
    // The last parts of `pods, services,` and what stands on the next line.
    if (keyword_begins(p->previous[0], KEYWORD_CLAUSE) && p->previous[1] == TOK_COMMA && p->before.first_on_line)
        return "the ',' at the end of the line above continues its list: remove it";
    if (expects(expected, TOK_STRING) && kind == TOK_WORD) return "write the reason in quotes";
    const struct token next = peek(p, 0);
    const bool ends =
        next.first_on_line || next.kind == TOK_COMMA || next.kind == TOK_CLOSE_BRACE || next.kind == TOK_EQUALS;
    return ends ? "separate the parts of a list with ','" : NULL;
}

// What may help where no keyword was meant; NULL if nothing is known to. The first that says something is the nearest.
static const char *syntax_help(struct parser *p, const struct parse_expected *expected) {
    static const char *(*const helps[])(struct parser * p, const struct parse_expected *expected) = {
        comparison_help, reading_help, every_operation_help, operation_help, state_help,
        path_help,       against_help, level_help,           grant_help,     list_help,
    };
    const char *help = NULL;
    for (size_t i = 0; i < sizeof helps / sizeof *helps && !help; i++) help = helps[i](p, expected);
    return help;
}

static void report_unexpected(struct parser *p, const struct parse_expected *expected) {
    if (p->diags->count >= DIAG_MAX_REPORTED) {
        diag_report(p->diags, DIAG_SYNTAX, p->last.span, "unexpected token");
        return;
    }
    const char *predicate = meant_predicate(p, expected);
    if (predicate) {
        diag_report(p->diags, DIAG_SYNTAX, p->before.span, "'%s' does not begin a condition", p->before.word.text);
        diag_help(p->diags, "did you mean '%s'?", predicate);
        diag_fix(p->diags, p->before.span, predicate);
        return;
    }
    struct list list = {0};
    list_expected(p, expected, &list);
    const char *found = shown(p, p->last);
    if (list.count == 0 || list.count > MAX_LISTED) {
        diag_report(p->diags, DIAG_SYNTAX, p->last.span, "unexpected %s", found);
    } else {
        diag_report(p->diags, DIAG_SYNTAX, p->last.span, "unexpected %s, expected %s", found, join_list(p, &list));
    }
    const char *keyword = meant(p, expected), *help = keyword ? NULL : syntax_help(p, expected);
    if (keyword) {
        diag_help(p->diags, "did you mean '%s'?", keyword);
        diag_fix(p->diags, p->last.span, keyword);
    } else if (help) {
        diag_help(p->diags, "%s", help);
    }
}

void parse_error_unexpected(struct parser *p, const struct parse_expected *expected) {
    if (!p->last.reported_already) report_unexpected(p, expected);
    switch (p->last.kind) {
    case TOK_CLOSE_BRACE: p->recovering = !p->closes_block; break; // the grammar takes it to close the block
    case TOK_OPEN_BRACE:
        // The grammar takes it to open the block of an item whose head is in error.
        p->recovering = !(p->in_block && span_same(p->block_begin, p->last.span));
        p->skip_block = p->recovering;
        break;
    default:
        p->recovering = true;
        p->retry_last =
            p->in_block ? can_begin_in_block(p, p->last.kind) : begins_item(p->last.kind) && p->last.first_on_line;
    }
}

void parse_error_too_deep(struct parser *p, struct span span) {
    diag_report(p->diags, DIAG_TOO_DEEP, span, "nested more than %d levels deep", LIMIT_EXPR_DEPTH);
}
