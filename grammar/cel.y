// The grammar of CEL expressions; see CEL.g4 of cel-go for the original.
%require "3.8"
%define api.pure full
%define api.prefix {cel_yy}
%define api.token.prefix {CEL_TOK_}
%define api.token.raw
%define api.value.type union
%define api.location.type {struct span}
%locations
%define parse.error custom
%param {struct cel_parser *p}
%expect 0

%code requires {
#include "cel/cel_tree.h"
}

%code {
#include "base/arena.h"
#include "cel_lexer.h"

// The way out of a mistake is a jump, so that the parser must own nothing outside the arena.
#define YYSTACK_ALLOC(size) arena_alloc(p->arena, (size))
#define YYSTACK_ALLOC_MAXIMUM SIZE_MAX
#define YYMALLOC(size) arena_alloc(p->arena, (size))
#define YYFREE(pointer) ((void)(pointer))

#define YYLLOC_DEFAULT(current, right, count)                                                                          \
    ((current) = (count) ? span_join(YYRHSLOC(right, 1), YYRHSLOC(right, count))                                       \
                         : (struct span){0, YYRHSLOC(right, 0).end, YYRHSLOC(right, 0).end})

static void cel_yyerror(const struct span *span, struct cel_parser *p, const char *message);
}

%initial-action { @$ = (struct span){0, 0, 0}; }

%token EOF 0 "the end of the expression"
%token QUESTION "?" COLON ":" OR "||" AND "&&" EQ "==" NE "!=" LT "<" LE "<=" GT ">" GE ">=" IN "in"
%token PLUS "+" MINUS "-" STAR "*" SLASH "/" PERCENT "%" NOT "!" DOT "." COMMA ","
%token LPAREN "(" RPAREN ")" LBRACKET "[" RBRACKET "]" LBRACE "{" RBRACE "}"
%token <const char *> NAME "a name"
%token <struct cel_node *> LITERAL "a literal"

%nterm <struct cel_node *> expr item or and relation sum product unary member primary
%nterm <struct cel_nodes> exprs arguments items item_list entries entry_list entry
%nterm <const char *> relation_operator
%nterm <size_t> nots minuses

%%

start: expr { cel_set_root(p, $expr); };

expr
  : or
  | or[condition] "?" or[yes] ":" expr[no] { $$ = cel_node_conditional(p, @$, $condition, $yes, $no); }
  ;

or
  : and
  | or[left] "||" and[right] { $$ = cel_node_chain(p, @$, CEL_NODE_OR, $left, $right); }
  ;

and
  : relation
  | and[left] "&&" relation[right] { $$ = cel_node_chain(p, @$, CEL_NODE_AND, $left, $right); }
  ;

relation
  : sum
  | relation[left] relation_operator[name] sum[right] { $$ = cel_node_operator(p, @$, $name, $left, $right); }
  ;

relation_operator
  : "==" { $$ = "_==_"; }
  | "!=" { $$ = "_!=_"; }
  | "<"  { $$ = "_<_"; }
  | "<=" { $$ = "_<=_"; }
  | ">"  { $$ = "_>_"; }
  | ">=" { $$ = "_>=_"; }
  | "in" { $$ = "_in_"; }
  ;

sum
  : product
  | sum[left] "+" product[right] { $$ = cel_node_operator(p, @$, "_+_", $left, $right); }
  | sum[left] "-" product[right] { $$ = cel_node_operator(p, @$, "_-_", $left, $right); }
  ;

product
  : unary
  | product[left] "*" unary[right] { $$ = cel_node_operator(p, @$, "_*_", $left, $right); }
  | product[left] "/" unary[right] { $$ = cel_node_operator(p, @$, "_/_", $left, $right); }
  | product[left] "%" unary[right] { $$ = cel_node_operator(p, @$, "_%_", $left, $right); }
  ;

unary
  : member
  | nots member { $$ = cel_node_not(p, @$, $nots, $member); }
  | minuses member { $$ = cel_node_negate(p, @$, $minuses, $member); }
  | nots "-" LITERAL { $$ = cel_node_not(p, @$, $nots, cel_node_negate(p, @LITERAL, 1, $LITERAL)); }
  ;

nots: "!" { $$ = 1; } | nots[before] "!" { $$ = $before + 1; };
minuses: "-" { $$ = 1; } | minuses[before] "-" { $$ = $before + 1; };

member
  : primary
  | member[target] "." NAME { $$ = cel_node_select(p, @$, $target, $NAME, false); }
  | member[target] "." "?" NAME { $$ = cel_node_select(p, @$, $target, $NAME, true); }
  | member[target] "." NAME "(" arguments ")" { $$ = cel_node_call(p, @$, $target, $NAME, $arguments); }
  | member[target] "[" expr[index] "]" { $$ = cel_node_operator(p, @$, "_[_]", $target, $index); }
  | member[target] "[" "?" expr[index] "]" { $$ = cel_node_operator(p, @$, "_[?_]", $target, $index); }
  ;

primary
  : NAME { $$ = cel_node_ident(p, @$, $NAME); }
  | "." { cel_fail_unsupported(p, @1.begin, "klockc does not evaluate a dot before a name"); } NAME { $$ = NULL; }
  | NAME "(" arguments ")" { $$ = cel_node_call(p, @$, NULL, $NAME, $arguments); }
  | "(" expr ")" { $$ = cel_node_parentheses(p, $expr); }
  | "[" items "]" { $$ = cel_node_list(p, @$, $items); }
  | "{" entries "}" { $$ = cel_node_map(p, @$, $entries); }
  | LITERAL
  ;

exprs
  : expr { $$ = cel_nodes_of(p, $expr); }
  | exprs[before] "," expr { $$ = cel_nodes_with(p, $before, $expr); }
  ;

arguments: %empty { $$ = (struct cel_nodes){0}; } | exprs;

items
  : %empty { $$ = (struct cel_nodes){0}; }
  | "," { $$ = (struct cel_nodes){0}; }
  | item_list
  | item_list "," { $$ = $item_list; }
  ;

item_list
  : item { $$ = cel_nodes_of(p, $item); }
  | item_list[before] "," item { $$ = cel_nodes_with(p, $before, $item); }
  ;

item: expr | "?" expr { $$ = cel_optional_item(p, $expr); };

entries
  : %empty { $$ = (struct cel_nodes){0}; }
  | "," { $$ = (struct cel_nodes){0}; }
  | entry_list
  | entry_list "," { $$ = $entry_list; }
  ;

entry_list
  : entry
  | entry_list[before] "," entry { $$ = cel_nodes_with_entry(p, $before, $entry.items[0], $entry.items[1]); }
  ;

entry
  : expr[key] ":" expr[value] { $$ = cel_nodes_with_entry(p, (struct cel_nodes){0}, $key, $value); }
  | "?" expr[key] ":" expr[value] {
      $$ = cel_nodes_with_entry(p, (struct cel_nodes){0}, $key, cel_optional_item(p, $value));
    }
  ;

%%

static int yyreport_syntax_error(const yypcontext_t *context, struct cel_parser *p) {
    const yysymbol_kind_t found = yypcontext_token(context);
    const size_t offset = yypcontext_location(context)->begin;
    const bool is_class = found == YYSYMBOL_NAME || found == YYSYMBOL_LITERAL || found == YYSYMBOL_YYEOF;
    const char *quote = is_class ? "" : "'";
    yysymbol_kind_t expected[2] = {YYSYMBOL_YYEMPTY, YYSYMBOL_YYEMPTY};
    if (yypcontext_expected_tokens(context, expected, 2) == 1)
        cel_fail(p, offset, "%s%s%s is not expected here; expected %s", quote, yysymbol_name(found), quote,
                 yysymbol_name(expected[0]));
    cel_fail(p, offset, "%s%s%s is not expected here", quote, yysymbol_name(found), quote);
}

// Called only when the stack is full.
static void cel_yyerror(const struct span *span, struct cel_parser *p, const char *message) {
    (void)message;
    cel_fail_unsupported(p, span->begin, "the expression is nested too deeply");
}
