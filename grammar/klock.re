// The lexer: bytes to tokens, nothing else. The text is valid UTF-8 without NUL (source.c), so bytes are enough here.
#include <string.h>

#include "base/arena.h"
#include "front/ast_build.h"
#include "report/diag.h"
#include "klock_parser.h"
#include "front/lexer.h"
#include "base/text.h"

static struct span span_of(const struct lexer *lexer, const unsigned char *from, const unsigned char *to) {
    return (struct span){lexer->file, (uint32_t)(from - lexer->begin), (uint32_t)(to - lexer->begin)};
}

// A report that is only made when the text is read for good.
static void report(struct lexer *lexer, struct span span, const char *help, const char *message) {
    if (lexer->quiet) return;
    diag_report(lexer->diags, DIAG_BAD_TOKEN, span, "%s", message);
    if (help) diag_help(lexer->diags, "%s", help);
}

// The bytes in quotes between two parts of a message.
static const char *around(struct lexer *lexer, const char *before, const unsigned char *from, const unsigned char *to,
                          const char *behind) {
    enum { SHOWN = 60 };
    const size_t len = utf8_valid_prefix((const char *)from, to - from > SHOWN ? SHOWN : (size_t)(to - from));
    return arena_printf(lexer->arena, "%s'%.*s'%s", before, (int)len, (const char *)from, behind);
}

// Whether a terminal shows nothing for it, or a blank.
static bool is_invisible(uint32_t c) {
    return c < 0x20 || (c >= 0x7f && c <= 0xa0) || c == 0xad || (c >= 0x2000 && c <= 0x200f) ||
           (c >= 0x2028 && c <= 0x202f) || (c >= 0x205f && c <= 0x206f) || c == 0x3000 || c == 0xfeff;
}

static uint32_t code_point_at(const struct lexer *lexer, const unsigned char *at) {
    size_t begin = 0;
    return utf8_next((const char *)at, (size_t)(lexer->limit - at), &begin);
}

static const char *bad_character(struct lexer *lexer, const unsigned char *start) {
    const uint32_t c = code_point_at(lexer, start);
    if (is_invisible(c)) return arena_printf(lexer->arena, "unexpected character U+%04X, which is not seen", (unsigned)c);
    return around(lexer, "unexpected ", start, lexer->cursor, "");
}

static const char *help_with(const struct lexer *lexer, const unsigned char *start) {
    const uint32_t c = code_point_at(lexer, start);
    if (is_invisible(c)) return "take it out, or write a blank for it";
    if (c >= 0x2018 && c <= 0x201f) return "strings are written with plain quotes: \"…\"";
    if (*start == '&') return "conditions are joined by 'and', the parts of a list by ','";
    if (*start == '|') return "conditions are joined by 'or', the parts of a list by ','";
    if (*start == ';') return "nothing stands at the end of a clause: leave it out";
    if (lexer->cursor < lexer->limit && *lexer->cursor == '*')
        return "a pattern is a string behind 'like': where name like \"web-*\"";
    return "everything but letters, digits and _ . - : / is written as a string";
}

static struct token plain(const struct lexer *lexer, const unsigned char *start, int kind, bool first_on_line) {
    return (struct token){
        .kind = kind,
        .span = span_of(lexer, start, lexer->cursor),
        .first_on_line = first_on_line,
    };
}

// A word or keyword, which is its own text.
static struct token finish(const struct lexer *lexer, const unsigned char *start, int kind, bool first_on_line) {
    struct token token = plain(lexer, start, kind, first_on_line);
    token.word.span = token.span;
    token.word.text =
        lexer->quiet ? "" : arena_copy(lexer->arena, (const char *)start, (size_t)(lexer->cursor - start));
    return token;
}

static int hex_digit(unsigned char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

// `at` stands behind \u; gives where to go on.
static const unsigned char *unicode_escape(struct lexer *lexer, struct text *text, const unsigned char *at,
                                           const unsigned char *end) {
    const unsigned char *const escape = at - 2;
    uint32_t code_point = 0;
    int digits = 0;
    if (at < end && *at == '{')
        for (at++; at < end && hex_digit(*at) >= 0; at++, digits++)
            if (code_point <= 0x10ffff) code_point = code_point << 4 | (uint32_t)hex_digit(*at);
    if (!digits || at == end || *at != '}') {
        report(lexer, span_of(lexer, escape, at), NULL,
               "'\\u{…}' is written with hexadecimal digits between braces");
        return at;
    }
    at++;
    if (code_point == 0 || code_point > 0x10ffff || (code_point >= 0xd800 && code_point <= 0xdfff)) {
        report(lexer, span_of(lexer, escape, at), NULL, around(lexer, "", escape, at, " is no character"));
        return at;
    }
    char bytes[4];
    text_add(text, bytes, utf8_encode(code_point, bytes));
    return at;
}

static const unsigned char *escape(struct lexer *lexer, struct text *text, const unsigned char *at,
                                   const unsigned char *end) {
    const unsigned char *const start = at++;
    if (at < end) {
        switch (*at) {
        case '"':
        case '\\': text_add_char(text, (char)*at); return at + 1;
        case 'n': text_add_char(text, '\n'); return at + 1;
        case 't': text_add_char(text, '\t'); return at + 1;
        case 'u': return unicode_escape(lexer, text, at + 1, end);
        }
        do at++;
        while (at < end && (*at & 0xc0) == 0x80);
    }
    report(lexer, span_of(lexer, start, at), "escapes are \\\" \\\\ \\n \\t \\u{…}; \"\"\"…\"\"\" takes them literally",
           around(lexer, "", start, at, " is no escape"));
    return at;
}

// The bytes between the quotes are from and to.
static struct token string(struct lexer *lexer, const unsigned char *start, const unsigned char *from,
                           const unsigned char *to, bool raw, bool first_on_line) {
    struct token token = plain(lexer, start, TOK_STRING, first_on_line);
    token.word = (struct word){.text = "", .span = token.span, .quoted = true};
    if (lexer->quiet) return token;
    struct text text;
    text_init(&text, lexer->arena);
    while (from < to) {
        if (*from == '\\' && !raw) {
            from = escape(lexer, &text, from, to);
        } else if (*from == '\r' && raw && from + 1 < to && from[1] == '\n') {
            from++; // a policy means the same however its lines end
        } else {
            const unsigned char *run = from++;
            while (from < to && *from != '\\' && *from != '\r') from++;
            text_add(&text, (const char *)run, (size_t)(from - run));
        }
    }
    token.word.text = text_string(&text);
    return token;
}

static struct token raw_string(struct lexer *lexer, const unsigned char *start, bool first_on_line) {
    const unsigned char *const from = lexer->cursor;
    const unsigned char *to = from;
    while (lexer->limit - to >= 3 && memcmp(to, "\"\"\"", 3) != 0) {
        const unsigned char *const quote = memchr(to + 1, '"', (size_t)(lexer->limit - to - 1));
        to = quote ? quote : lexer->limit;
    }
    if (lexer->limit - to < 3) {
        report(lexer, span_of(lexer, start, from), "close it with \"\"\"", "this string is never closed");
        if (!lexer->quiet) lexer->truncated = true;
        lexer->cursor = lexer->limit;
        return string(lexer, start, from, lexer->limit, true, first_on_line);
    }
    lexer->cursor = to + 3;
    return string(lexer, start, from, to, true, first_on_line);
}

struct token lexer_next(struct lexer *lexer) {
    const unsigned char *start;
    bool first_on_line = lexer->cursor == lexer->begin;
    for (;;) {
        start = lexer->cursor;
        // clang-format off
        /*!re2c
        re2c:api:style = free-form;
        re2c:define:YYCTYPE = "unsigned char";
        re2c:define:YYCURSOR = "lexer->cursor";
        re2c:define:YYMARKER = "lexer->marker";
        re2c:define:YYLIMIT = "lexer->limit";
        re2c:yyfill:enable = 0;
        re2c:eof = 0;

        edge = [A-Za-z0-9_];
        part = edge ([A-Za-z0-9_.:-]* edge)?;
        word = part ("/" part)*;
        suffix = [KMGTPE] "i" | [numkMGTPE] | [eE] [0-9]+;
        body = [^"\\\n] | "\\" [^\n];

        *                   { break; }
        $                   { return plain(lexer, start, TOK_END, true); }
        "\n"                { first_on_line = true; continue; }
        [ \t\r]+            { continue; }
        "#" [^\n]*          { continue; }
        "//" [^\n]*         {
            report(lexer, span_of(lexer, start, start + 2), "a comment begins with '#'", "unexpected '//'");
            continue;
        }

        "policy"            { return finish(lexer, start, TOK_POLICY, first_on_line); }
        "include"           { return finish(lexer, start, TOK_INCLUDE, first_on_line); }
        "resource"          { return finish(lexer, start, TOK_RESOURCE, first_on_line); }
        "actor"             { return finish(lexer, start, TOK_ACTOR, first_on_line); }
        "object"            { return finish(lexer, start, TOK_OBJECT, first_on_line); }
        "lock"              { return finish(lexer, start, TOK_LOCK, first_on_line); }
        "grant"             { return finish(lexer, start, TOK_GRANT, first_on_line); }
        "webhook"           { return finish(lexer, start, TOK_WEBHOOK, first_on_line); }
        "deployer"          { return finish(lexer, start, TOK_DEPLOYER, first_on_line); }
        "test"              { return finish(lexer, start, TOK_TEST, first_on_line); }
        "namespaced"        { return finish(lexer, start, TOK_NAMESPACED, first_on_line); }
        "cluster"           { return finish(lexer, start, TOK_CLUSTER, first_on_line); }
        "kind"              { return finish(lexer, start, TOK_KIND, first_on_line); }
        "subresources"      { return finish(lexer, start, TOK_SUBRESOURCES, first_on_line); }
        "new"               { return finish(lexer, start, TOK_NEW, first_on_line); }
        "sealed"            { return finish(lexer, start, TOK_SEALED, first_on_line); }
        "by"                { return finish(lexer, start, TOK_BY, first_on_line); }
        "serviceaccount"    { return finish(lexer, start, TOK_SERVICEACCOUNT, first_on_line); }
        "sa"                { return finish(lexer, start, TOK_SA, first_on_line); }
        "serviceaccounts"   { return finish(lexer, start, TOK_SERVICEACCOUNTS, first_on_line); }
        "user"              { return finish(lexer, start, TOK_USER, first_on_line); }
        "group"             { return finish(lexer, start, TOK_GROUP, first_on_line); }
        "uid"               { return finish(lexer, start, TOK_UID, first_on_line); }
        "and"               { return finish(lexer, start, TOK_AND, first_on_line); }
        "with"              { return finish(lexer, start, TOK_WITH, first_on_line); }
        "extra"             { return finish(lexer, start, TOK_EXTRA, first_on_line); }
        "may"               { return finish(lexer, start, TOK_MAY, first_on_line); }
        "in"                { return finish(lexer, start, TOK_IN, first_on_line); }
        "on"                { return finish(lexer, start, TOK_ON, first_on_line); }
        "to"                { return finish(lexer, start, TOK_TO, first_on_line); }
        "resources"         { return finish(lexer, start, TOK_RESOURCES, first_on_line); }
        "except"            { return finish(lexer, start, TOK_EXCEPT, first_on_line); }
        "namespace"         { return finish(lexer, start, TOK_NAMESPACE, first_on_line); }
        "labeled"           { return finish(lexer, start, TOK_LABELED, first_on_line); }
        "name"              { return finish(lexer, start, TOK_NAME, first_on_line); }
        "labels"            { return finish(lexer, start, TOK_LABELS, first_on_line); }
        "annotations"       { return finish(lexer, start, TOK_ANNOTATIONS, first_on_line); }
        "where"             { return finish(lexer, start, TOK_WHERE, first_on_line); }
        "all"               { return finish(lexer, start, TOK_ALL, first_on_line); }
        "objects"           { return finish(lexer, start, TOK_OBJECTS, first_on_line); }
        "deny"              { return finish(lexer, start, TOK_DENY, first_on_line); }
        "exclusive"         { return finish(lexer, start, TOK_EXCLUSIVE, first_on_line); }
        "when"              { return finish(lexer, start, TOK_WHEN, first_on_line); }
        "unless"            { return finish(lexer, start, TOK_UNLESS, first_on_line); }
        "changing"          { return finish(lexer, start, TOK_CHANGING, first_on_line); }
        "require"           { return finish(lexer, start, TOK_REQUIRE, first_on_line); }
        "exempt"            { return finish(lexer, start, TOK_EXEMPT, first_on_line); }
        "break-glass"       { return finish(lexer, start, TOK_BREAK_GLASS, first_on_line); }
        "guard"             { return finish(lexer, start, TOK_GUARD, first_on_line); }
        "cover"             { return finish(lexer, start, TOK_COVER, first_on_line); }
        "cascade"           { return finish(lexer, start, TOK_CASCADE, first_on_line); }
        "never"             { return finish(lexer, start, TOK_NEVER, first_on_line); }
        "mode"              { return finish(lexer, start, TOK_MODE, first_on_line); }
        "error"             { return finish(lexer, start, TOK_ERROR, first_on_line); }
        "message"           { return finish(lexer, start, TOK_MESSAGE, first_on_line); }
        "owner"             { return finish(lexer, start, TOK_OWNER, first_on_line); }
        "ticket"            { return finish(lexer, start, TOK_TICKET, first_on_line); }
        "active"            { return finish(lexer, start, TOK_ACTIVE, first_on_line); }
        "from"              { return finish(lexer, start, TOK_FROM, first_on_line); }
        "until"             { return finish(lexer, start, TOK_UNTIL, first_on_line); }
        "allow"             { return finish(lexer, start, TOK_ALLOW, first_on_line); }
        "or"                { return finish(lexer, start, TOK_OR, first_on_line); }
        "not"               { return finish(lexer, start, TOK_NOT, first_on_line); }
        "label"             { return finish(lexer, start, TOK_LABEL, first_on_line); }
        "annotation"        { return finish(lexer, start, TOK_ANNOTATION, first_on_line); }
        "field"             { return finish(lexer, start, TOK_FIELD, first_on_line); }
        "old"               { return finish(lexer, start, TOK_OLD, first_on_line); }
        "operation"         { return finish(lexer, start, TOK_OPERATION, first_on_line); }
        "any"               { return finish(lexer, start, TOK_ANY, first_on_line); }
        "as"                { return finish(lexer, start, TOK_AS, first_on_line); }
        "cel"               { return finish(lexer, start, TOK_CEL, first_on_line); }
        "like"              { return finish(lexer, start, TOK_LIKE, first_on_line); }
        "matches"           { return finish(lexer, start, TOK_MATCHES, first_on_line); }
        "contains"          { return finish(lexer, start, TOK_CONTAINS, first_on_line); }
        "notin"             { return finish(lexer, start, TOK_NOTIN, first_on_line); }
        "create"            { return finish(lexer, start, TOK_CREATE, first_on_line); }
        "update"            { return finish(lexer, start, TOK_UPDATE, first_on_line); }
        "delete"            { return finish(lexer, start, TOK_DELETE, first_on_line); }
        "connect"           { return finish(lexer, start, TOK_CONNECT, first_on_line); }
        "evict"             { return finish(lexer, start, TOK_EVICT, first_on_line); }
        "scale"             { return finish(lexer, start, TOK_SCALE, first_on_line); }
        "delete-collection" { return finish(lexer, start, TOK_DELETE_COLLECTION, first_on_line); }
        "terminating"       { return finish(lexer, start, TOK_TERMINATING, first_on_line); }
        "grants"            { return finish(lexer, start, TOK_GRANTS, first_on_line); }
        "expect"            { return finish(lexer, start, TOK_EXPECT, first_on_line); }
        "allowed"           { return finish(lexer, start, TOK_ALLOWED, first_on_line); }
        "denied"            { return finish(lexer, start, TOK_DENIED, first_on_line); }
        "warned"            { return finish(lexer, start, TOK_WARNED, first_on_line); }
        "validating"        { return finish(lexer, start, TOK_VALIDATING, first_on_line); }
        "mutating"          { return finish(lexer, start, TOK_MUTATING, first_on_line); }
        word                { return finish(lexer, start, TOK_WORD, first_on_line); }
        "-" [0-9]+ ("." [0-9]+)? suffix? { return finish(lexer, start, TOK_WORD, first_on_line); }
        word "/*"           { return finish(lexer, start, TOK_WILDCARD, first_on_line); }
        "*"                 { return finish(lexer, start, TOK_STAR, first_on_line); }
        "*" [./] word       { return finish(lexer, start, TOK_WILDCARD, first_on_line); }
        "*" "." word "/*"   { return finish(lexer, start, TOK_WILDCARD, first_on_line); }
        "*" "/*"            { return finish(lexer, start, TOK_WILDCARD, first_on_line); }

        "{"                 { return plain(lexer, start, TOK_OPEN_BRACE, first_on_line); }
        "}"                 { return plain(lexer, start, TOK_CLOSE_BRACE, first_on_line); }
        "("                 { return plain(lexer, start, TOK_OPEN, first_on_line); }
        ")"                 { return plain(lexer, start, TOK_CLOSE, first_on_line); }
        "["                 { return plain(lexer, start, TOK_OPEN_BRACKET, first_on_line); }
        "]"                 { return plain(lexer, start, TOK_CLOSE_BRACKET, first_on_line); }
        ","                 { return plain(lexer, start, TOK_COMMA, first_on_line); }
        "."                 { return plain(lexer, start, TOK_DOT, first_on_line); }
        "/"                 { return plain(lexer, start, TOK_SLASH, first_on_line); }
        "="                 { return plain(lexer, start, TOK_EQUALS, first_on_line); }
        "=="                { return plain(lexer, start, TOK_EQUALS_EQUALS, first_on_line); }
        "!="                { return plain(lexer, start, TOK_NOT_EQUALS, first_on_line); }
        "<"                 { return plain(lexer, start, TOK_LESS, first_on_line); }
        "<="                { return plain(lexer, start, TOK_LESS_EQUAL, first_on_line); }
        ">"                 { return plain(lexer, start, TOK_GREATER, first_on_line); }
        ">="                { return plain(lexer, start, TOK_GREATER_EQUAL, first_on_line); }
        "!"                 { return plain(lexer, start, TOK_BANG, first_on_line); }
        "->"                { return plain(lexer, start, TOK_ARROW, first_on_line); }

        "\"" body* "\""     { return string(lexer, start, start + 1, lexer->cursor - 1, false, first_on_line); }
        "\"" body* "\\"?    {
            report(lexer, span_of(lexer, start, lexer->cursor), "close it with '\"'; \"\"\"…\"\"\" may span lines",
                   "this string is not closed on its line");
            return string(lexer, start, start + 1, lexer->cursor, false, first_on_line);
        }
        "\"\"\""            { return raw_string(lexer, start, first_on_line); }

        [\x80-\xff]+        { break; }
        "&&" | "||"         { break; }
        [:-] [.:-]*         { break; }
        "." [.:-]+          { break; }
        */
        // clang-format on
    }
    struct token token = plain(lexer, start, TOK_KLOCK_YYerror, first_on_line);
    token.reported_already = true;
    if (!lexer->quiet)
        report(lexer, token.span, help_with(lexer, start), bad_character(lexer, start));
    return token;
}
