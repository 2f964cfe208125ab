// Bytes of a CEL expression to tokens; see CEL.g4 of cel-go for the language.
#include "cel/cel_tree.h"

#include <string.h>

#include "base/arena.h"
#include "cel_lexer.h"

/*!re2c
    re2c:api:style = free-form;
    re2c:define:YYCTYPE = "unsigned char";
    re2c:define:YYCURSOR = "p->cursor";
    re2c:define:YYLIMIT = "p->limit";
    re2c:define:YYMARKER = "p->marker";
    re2c:yyfill:enable = 0;
    re2c:eof = 0;

    blank = [ \t\r\n\f];
    digit = [0-9];
    hex = [0-9a-fA-F];
    exponent = [eE] [+-]? digit+;
    name = [a-zA-Z_] [a-zA-Z0-9_]*;

    escape = "\\" ([abfnrtv"'\\?`] | [0-3] [0-7] [0-7] | [xX] hex{2} | "u" hex{4} | "U" hex{8});
    in_single = escape | [^\\'\n\r\x00];
    in_double = escape | [^\\"\n\r\x00];
    in_triple_single = escape | [^\\'\x00] | "'" (escape | [^\\'\x00]) | "''" (escape | [^\\'\x00]);
    in_triple_double = escape | [^\\"\x00] | "\"" (escape | [^\\"\x00]) | "\"\"" (escape | [^\\"\x00]);
    raw_triple_single = [^'\x00] | "'" [^'\x00] | "''" [^'\x00];
    raw_triple_double = [^"\x00] | "\"" [^"\x00] | "\"\"" [^"\x00];
    plain_string = "'" in_single* "'" | "\"" in_double* "\"" |
                   "'''" in_triple_single* "'''" | "\"\"\"" in_triple_double* "\"\"\"";
    raw_string = [rR] ("'" [^'\n\r\x00]* "'" | "\"" [^"\n\r\x00]* "\"" |
                       "'''" raw_triple_single* "'''" | "\"\"\"" raw_triple_double* "\"\"\"");
    string = plain_string | raw_string;
*/

static struct span span_from(const struct cel_parser *p, const unsigned char *begin) {
    const unsigned char *text = (const unsigned char *)p->text;
    return (struct span){0, (uint32_t)(begin - text), (uint32_t)(p->cursor - text)};
}

static int literal(struct cel_node **ret_literal, struct cel_node *node) {
    *ret_literal = node;
    return CEL_TOK_LITERAL;
}

static int next_token(struct cel_parser *p, union CEL_YYSTYPE *value, struct span *span) {
    const unsigned char *begin;
#define HERE (*span = span_from(p, begin))
#define TOKEN(kind) return HERE, CEL_TOK_##kind
again:
    begin = p->cursor;
    /*!re2c
    blank+ | "//" [^\n\x00]* { goto again; }

    "?"     { TOKEN(QUESTION); }
    ":"     { TOKEN(COLON); }
    "||"    { TOKEN(OR); }
    "&&"    { TOKEN(AND); }
    "=="    { TOKEN(EQ); }
    "!="    { TOKEN(NE); }
    "<"     { TOKEN(LT); }
    "<="    { TOKEN(LE); }
    ">"     { TOKEN(GT); }
    ">="    { TOKEN(GE); }
    "in"    { TOKEN(IN); }
    "+"     { TOKEN(PLUS); }
    "-"     { TOKEN(MINUS); }
    "*"     { TOKEN(STAR); }
    "/"     { TOKEN(SLASH); }
    "%"     { TOKEN(PERCENT); }
    "!"     { TOKEN(NOT); }
    "."     { TOKEN(DOT); }
    ","     { TOKEN(COMMA); }
    "("     { TOKEN(LPAREN); }
    ")"     { TOKEN(RPAREN); }
    "["     { TOKEN(LBRACKET); }
    "]"     { TOKEN(RBRACKET); }
    "{"     { TOKEN(LBRACE); }
    "}"     { TOKEN(RBRACE); }
    "true"  { return literal(&value->CEL_TOK_LITERAL, cel_literal_bool(p, HERE, true)); }
    "false" { return literal(&value->CEL_TOK_LITERAL, cel_literal_bool(p, HERE, false)); }
    "null"  { return literal(&value->CEL_TOK_LITERAL, cel_literal_null(p, HERE)); }

    name {
        value->CEL_TOK_NAME = arena_copy(p->arena, (const char *)begin, (size_t)(p->cursor - begin));
        TOKEN(NAME);
    }
    digit+ | "0x" hex+ { return literal(&value->CEL_TOK_LITERAL, cel_literal_int(p, HERE)); }
    digit+ [uU] | "0x" hex+ [uU] { return literal(&value->CEL_TOK_LITERAL, cel_literal_uint(p, HERE)); }
    digit+ "." digit+ exponent? | digit+ exponent | "." digit+ exponent? {
        return literal(&value->CEL_TOK_LITERAL, cel_literal_double(p, HERE));
    }
    [bB]? string { return literal(&value->CEL_TOK_LITERAL, cel_literal_string(p, HERE)); }

    "`" [^`\n\x00]* "`" { cel_fail_unsupported(p, HERE.begin, "names in backticks need a newer server: write a['b']"); }
    [bB]? [rR]? ["'] { cel_fail(p, HERE.begin, "a string that is not closed, or has an unknown escape"); }
    $ { TOKEN(EOF); }
    * { cel_fail(p, HERE.begin, "unexpected character"); }
    */
#undef TOKEN
#undef HERE
}

int cel_yylex(union CEL_YYSTYPE *value, struct span *span, struct cel_parser *p) {
    const int kind = next_token(p, value, span);
    const struct cel_token token = {span->begin, span->end, kind == CEL_TOK_LITERAL ? value->CEL_TOK_LITERAL : NULL};
    if (kind != CEL_TOK_EOF) ARENA_PUSH(p->arena, p->tokens, p->token_count, token);
    return kind;
}
