// The lexer: bytes to tokens, nothing else; klock_keywords.re is made of compiler/front/keywords.def. The text is valid UTF-8 without NUL (source.c), so bytes are enough here.
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

static uint32_t code_point_at(const struct lexer *lexer, const unsigned char *at) {
    size_t begin = 0;
    return utf8_next((const char *)at, (size_t)(lexer->limit - at), &begin);
}

static const char *bad_character(struct lexer *lexer, const unsigned char *start) {
    const uint32_t c = code_point_at(lexer, start);
    if (utf8_is_invisible(c)) return arena_printf(lexer->arena, "unexpected character U+%04X, which is invisible", (unsigned)c);
    return around(lexer, "unexpected ", start, lexer->cursor, "");
}

static const char *help_with(const struct lexer *lexer, const unsigned char *start) {
    const uint32_t c = code_point_at(lexer, start);
    if (utf8_is_invisible(c)) return "remove it, or replace it with a space";
    if (c >= 0x2018 && c <= 0x201f) return "write strings with plain quotes: \"…\"";
    if (*start == '&') return "join conditions with 'and', parts of a list with ','";
    if (*start == '|') return "join conditions with 'or', parts of a list with ','";
    if (*start == ';') return "clauses need no ';': remove it";
    if (lexer->cursor < lexer->limit && *lexer->cursor == '*')
        return "a pattern is a string after 'like': where name like \"web-*\"";
    return "quote anything but letters, digits and _ . - : /";
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
               "'\\u{…}' needs hexadecimal digits between the braces");
        return at;
    }
    at++;
    if (code_point == 0 || code_point > 0x10ffff || (code_point >= 0xd800 && code_point <= 0xdfff)) {
        report(lexer, span_of(lexer, escape, at), NULL, around(lexer, "", escape, at, " is not a character"));
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
           around(lexer, "", start, at, " is not an escape"));
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
        "://" [^ \t\r\n]*   {
            report(lexer, span_of(lexer, start, start + 3), "a URL stands in quotes", "unexpected '://'");
            continue;
        }
        "//" [^\n]*         {
            report(lexer, span_of(lexer, start, start + 2), "a comment begins with '#'", "unexpected '//'");
            continue;
        }

        !include "klock_keywords.re";
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
