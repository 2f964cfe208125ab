// The grammar: tokens, precedence, productions. Every action is one call of compiler/front/ast_build.h.
// Keywords are names wherever a name is expected. Where both could stand, parse.c looks ahead and decides.
%require "3.8"
%define api.pure full
%define api.prefix {klock_yy}
%define api.token.prefix {TOK_}
%define api.token.raw
%define api.value.type union
%define api.location.type {struct span}
%define api.header.include {"klock_parser.h"}
%define parse.error custom
%define parse.lac full
%locations
%param {struct parser *p}
%expect 0

%code requires {
#include "front/ast_build.h"
}

%code provides {
int klock_yylex(union KLOCK_YYSTYPE *value, struct span *location, struct parser *p);
}

%code {
#include "front/parse_errors.h"

// What is left out at the beginning has no place.
#define FIRST_LOCATION(rhs, count)                                                                                     \
    YYRHSLOC(rhs, (count) > 1 && YYRHSLOC(rhs, 1).begin == YYRHSLOC(rhs, 1).end ? 2 : 1)
#define YYLLOC_DEFAULT(current, rhs, count)                                                                            \
    ((current) = (count) ? span_join(FIRST_LOCATION(rhs, count), YYRHSLOC(rhs, count))                                 \
                         : (struct span){YYRHSLOC(rhs, 0).file, YYRHSLOC(rhs, 0).end, YYRHSLOC(rhs, 0).end})

// The stack has its final size from the start, so the parser owns no memory that a jump out of it could leak. It is
// enough for LIMIT_EXPR_DEPTH parentheses.
#define YYINITDEPTH 1500
#define YYMAXDEPTH YYINITDEPTH
#define YYSTACK_ALLOC(size) NULL

static void klock_yyerror(const struct span *location, struct parser *p, const char *message);
}

%initial-action { @$ = (struct span){p->lexer.file, 0, 0}; }

// Tokens of one spelling first: messages quote their alias. RESUME is put in by parse.c where the grammar can go on
// after an error; it and IN_STEP and NEW_ACTOR are not spelt.
%token <struct word> POLICY "policy" INCLUDE "include" RESOURCE "resource" ACTOR "actor" OBJECT "object" LOCK "lock"
%token <struct word> GRANT "grant" WEBHOOK "webhook" DEPLOYER "deployer" TEST "test"
%token <struct word> NAMESPACED "namespaced" CLUSTER "cluster" KIND "kind" SUBRESOURCES "subresources" NEW "new" SEALED "sealed" BY "by"
%token <struct word> SERVICEACCOUNT "serviceaccount" SA "sa" SERVICEACCOUNTS "serviceaccounts" USER "user"
%token <struct word> GROUP "group" UID "uid" AND "and" WITH "with" EXTRA "extra" MAY "may" IN "in" ON "on" TO "to"
%token <struct word> RESOURCES "resources" EXCEPT "except" NAMESPACE "namespace" LABELED "labeled" NAME "name"
%token <struct word> LABELS "labels" ANNOTATIONS "annotations" WHERE "where" ALL "all" OBJECTS "objects" DENY "deny"
%token <struct word> EXCLUSIVE "exclusive" WHEN "when" UNLESS "unless" CHANGING "changing" REQUIRE "require"
%token <struct word> EXEMPT "exempt" BREAK_GLASS "break-glass" GUARD "guard" COVER "cover" CASCADE "cascade"
%token <struct word> NEVER "never" MODE "mode"
%token <struct word> ERROR "error" MESSAGE "message" OWNER "owner" TICKET "ticket" ACTIVE "active" FROM "from"
%token <struct word> UNTIL "until" ALLOW "allow" OR "or" NOT "not" LABEL "label" ANNOTATION "annotation"
%token <struct word> FIELD "field" OLD "old" OPERATION "operation" ANY "any" AS "as" CEL "cel" LIKE "like"
%token <struct word> MATCHES "matches" CONTAINS "contains" NOTIN "notin" CREATE "create" UPDATE "update"
%token <struct word> DELETE "delete" CONNECT "connect" EVICT "evict" SCALE "scale"
%token <struct word> DELETE_COLLECTION "delete-collection" TERMINATING "terminating" GRANTS "grants" EXPECT "expect"
%token <struct word> ALLOWED "allowed" DENIED "denied" WARNED "warned" VALIDATING "validating" MUTATING "mutating"
%token <struct word> IN_STEP "in namespace" NEW_ACTOR "new subject"
%token OPEN_BRACE "{" CLOSE_BRACE "}" OPEN "(" CLOSE ")" OPEN_BRACKET "[" CLOSE_BRACKET "]"
%token COMMA "," DOT "." SLASH "/" EQUALS "=" EQUALS_EQUALS "==" NOT_EQUALS "!=" LESS "<" LESS_EQUAL "<="
%token GREATER ">" GREATER_EQUAL ">=" BANG "!" ARROW "->"
%token <struct word> STAR "*"
%token <struct word> WILDCARD "wildcard" WORD "word" STRING "string"
%token RESUME "clause"
%token END 0 "end of file"

%left "or"
%left "and" ","
%precedence "not" "!"

%type <struct span> policy_head include_head resource_head actor_head object_head lock_head grant_head webhook_head
%type <struct span> deployer_head test_head
%type <struct ast_item *> item
%type <struct word> name key reference variable constant pattern word_keyword subject_keyword predicate_keyword
%type <struct word> predicate_word
%type <struct word> subject_predicate_keyword version kind create reason operation by_lock
%type <struct words> names patterns on_objects subresources
%type <bool> scope
%type <struct build_sealing> sealing
%type <struct ast_subject *> subject subject_form
%type <struct ast_subjects> subjects
%type <struct ast_clause *> clause
%type <struct ast_clauses> clauses acceptances
%type <struct ast_path> path variable_path
%type <struct ast_paths> paths
%type <struct build_comparison> comparison optional_comparison values
%type <struct build_value> value
%type <struct ast_expr *> expr predicate selector quantifier
%type <enum ast_state> state_keyword
%type <struct ast_step *> step namespace_state
%type <struct build_steps> steps
%type <struct ast_object_state *> state after
%type <struct ast_pairs> pairs

%%

file: items { (void)yynerrs; };

items:
    %empty
  | items item    { build_file_item(p, $item); }
  | items resume
  ;

// ---- recovery: parse.c skips to where one of these can go on ----

resume: error RESUME { yyerrok; };
open_anyway: error "{" { yyerrok; };
close: "}" | error "}" { yyerrok; };

// ---- items ----

policy_head: "policy"     { $$ = build_head(p, HEAD_PLAIN, @1); };
include_head: "include"   { $$ = build_head(p, HEAD_PLAIN, @1); };
resource_head: "resource" { $$ = build_head(p, HEAD_PLAIN, @1); };
actor_head: "actor"       { $$ = build_head(p, HEAD_PLAIN, @1); };
object_head: "object"     { $$ = build_head(p, HEAD_CLAUSES, @1); };
lock_head: "lock"         { $$ = build_head(p, HEAD_CLAUSES, @1); };
grant_head: "grant"       { $$ = build_head(p, HEAD_CLAUSES, @1); };
webhook_head: "webhook"   { $$ = build_head(p, HEAD_WEBHOOK, @1); };
deployer_head: "deployer" { $$ = build_head(p, HEAD_PLAIN, @1); };
test_head: "test"         { $$ = build_head(p, HEAD_STEPS, @1); };

item:
    policy_head name
        { $$ = build_named(p, AST_ITEM_POLICY, @$, $policy_head, $name); }
  | include_head name
        { $$ = build_named(p, AST_ITEM_INCLUDE, @$, $include_head, $name); }
  | resource_head name version scope kind subresources
        { $$ = build_resource(p, @$, $resource_head, $name, $version, $scope, $kind, $subresources); }
  | actor_head name "=" create subjects sealing
        { $$ = build_actor(p, @$, $actor_head, $name, $create, $subjects, $sealing); }
  | deployer_head subjects
        { $$ = build_deployer(p, @$, $deployer_head, $subjects); }
  | object_head name "{" clauses close
        { $$ = build_block(p, AST_ITEM_OBJECT, @$, $object_head, $name, (struct ast_subjects){0}, (struct words){0}, $clauses); }
  | lock_head name on_objects "{" clauses close
        { $$ = build_block(p, AST_ITEM_LOCK, @$, $lock_head, $name, (struct ast_subjects){0}, $on_objects, $clauses); }
  | grant_head name "to" subjects on_objects "{" clauses close
        { $$ = build_block(p, AST_ITEM_GRANT, @$, $grant_head, $name, $subjects, $on_objects, $clauses); }
  | webhook_head name webhook_kind "{" close
        { $$ = build_named(p, AST_ITEM_WEBHOOK, @$, $webhook_head, $name); }
  | test_head name "{" steps close
        { $$ = build_test(p, @$, $test_head, $name, $steps); }
  | object_head  open_anyway clauses close  { $$ = build_nothing(p); }
  | lock_head    open_anyway clauses close  { $$ = build_nothing(p); }
  | grant_head   open_anyway clauses close  { $$ = build_nothing(p); }
  | test_head    open_anyway steps close    { $$ = build_nothing(p); }
  | webhook_head open_anyway close          { $$ = build_nothing(p); }
  | object_head  resume                     { $$ = build_nothing(p); }
  | lock_head    resume                     { $$ = build_nothing(p); }
  | grant_head   resume                     { $$ = build_nothing(p); }
  | test_head    resume                     { $$ = build_nothing(p); }
  | webhook_head resume                     { $$ = build_nothing(p); }
  ;

version:
    %empty      { $$ = build_no_word(); }
  | "/" name    { $$ = $name; }
  ;
scope: "namespaced" { $$ = true; } | "cluster" { $$ = false; };
kind:
    %empty      { $$ = build_no_word(); }
  | "kind" name { $$ = $name; }
  ;
subresources:
    %empty                  { $$ = (struct words){0}; }
  | "subresources" names    { $$ = $names; }
  ;

create:
    %empty          { $$ = build_no_word(); }
  | "new subject"
  ;
sealing:
    acceptances
        { $$ = build_sealed(false, @$, (struct ast_subjects){0}, $acceptances); }
  | "sealed" acceptances
        { $$ = build_sealed(true, @1, (struct ast_subjects){0}, $acceptances); }
  | "sealed" "by" subjects acceptances
        { $$ = build_sealed(true, @1, $subjects, $acceptances); }
  ;

acceptances:
    %empty  { $$ = (struct ast_clauses){0}; }
  | acceptances[list] "allow" names reason
        { $$ = build_clauses(p, $list, build_allow(p, @$, @2, $names, $reason)); }
  ;

on_objects:
    %empty      { $$ = (struct words){0}; }
  | "on" names  { $$ = $names; }
  ;

webhook_kind: "validating" | "mutating";

// ---- subjects ----

subjects:
    subject                     { $$ = build_subjects(p, (struct ast_subjects){0}, $subject); }
  | subjects[list] "," subject  { $$ = build_subjects(p, $list, $subject); }
  ;

subject:
    subject_form
  | subject[left] "and" subject_form
        { $$ = build_subject_and(p, @$, $left, $subject_form); }
  | subject[left] "with" "extra" name[extra] "=" name[value]
        { $$ = build_subject_extra(p, @$, $left, $extra, $value); }
  ;

subject_form:
    "serviceaccount" name   { $$ = build_subject(p, AST_SUBJECT_SERVICE_ACCOUNT, @$, $name); }
  | "sa" name               { $$ = build_subject(p, AST_SUBJECT_SERVICE_ACCOUNT, @$, $name); }
  | "serviceaccounts" name  { $$ = build_subject(p, AST_SUBJECT_SERVICE_ACCOUNTS, @$, $name); }
  | "user" name             { $$ = build_subject(p, AST_SUBJECT_USER, @$, $name); }
  | "group" name            { $$ = build_subject(p, AST_SUBJECT_GROUP, @$, $name); }
  | "uid" name              { $$ = build_subject(p, AST_SUBJECT_UID, @$, $name); }
  | "may" name              { $$ = build_subject(p, AST_SUBJECT_MAY, @$, $name); }
  | reference               { $$ = build_subject(p, AST_SUBJECT_ACTOR, @$, $reference); }
  | reference "in" name     { $$ = build_preset(p, @$, $reference, $name); }
  ;

// ---- clauses; which of them a block takes is seen when it is closed ----

clauses:
    %empty                  { $$ = (struct ast_clauses){0}; }
  | clauses[list] clause    { $$ = build_clauses(p, $list, $clause); }
  | clauses[list] resume    { $$ = $list; }
  ;

clause:
    "resources" patterns
        { $$ = build_clause(p, AST_CLAUSE_RESOURCES, @$, @1, $patterns); }
  | "except" "resources" patterns
        { $$ = build_clause(p, AST_CLAUSE_EXCEPT_RESOURCES, @$, span_join(@1, @2), $patterns); }
  | "namespace" patterns
        { $$ = build_clause(p, AST_CLAUSE_NAMESPACE, @$, @1, $patterns); }
  | "namespace" "labeled" selector
        { $$ = build_clause_expr(p, AST_CLAUSE_NAMESPACE_LABELED, @$, span_join(@1, @2), $selector); }
  | "cluster"
        { $$ = build_clause(p, AST_CLAUSE_CLUSTER, @$, @1, (struct words){0}); }
  | "name" names
        { $$ = build_clause(p, AST_CLAUSE_NAME, @$, @1, $names); }
  | "labels" selector
        { $$ = build_clause_expr(p, AST_CLAUSE_LABELS, @$, @1, $selector); }
  | "annotations" selector
        { $$ = build_clause_expr(p, AST_CLAUSE_ANNOTATIONS, @$, @1, $selector); }
  | "where" expr
        { $$ = build_clause_expr(p, AST_CLAUSE_WHERE, @$, @1, $expr); }
  | "all" "objects"
        { $$ = build_clause(p, AST_CLAUSE_ALL_OBJECTS, @$, @$, (struct words){0}); }
  | "deny" names
        { $$ = build_clause(p, AST_CLAUSE_DENY, @$, @1, $names); }
  | "exclusive" subjects
        { $$ = build_clause_subjects(p, AST_CLAUSE_EXCLUSIVE, @$, @1, $subjects); }
  | "when" expr
        { $$ = build_clause_expr(p, AST_CLAUSE_WHEN, @$, @1, $expr); }
  | "unless" expr
        { $$ = build_clause_expr(p, AST_CLAUSE_UNLESS, @$, @1, $expr); }
  | "changing" paths
        { $$ = build_clause_paths(p, AST_CLAUSE_CHANGING, @$, @1, $paths); }
  | "except" "changing" paths
        { $$ = build_clause_paths(p, AST_CLAUSE_EXCEPT_CHANGING, @$, span_join(@1, @2), $paths); }
  | "require" expr
        { $$ = build_clause_expr(p, AST_CLAUSE_REQUIRE, @$, @1, $expr); }
  | "exempt" subjects
        { $$ = build_clause_subjects(p, AST_CLAUSE_EXEMPT, @$, @1, $subjects); }
  | "break-glass" subjects
        { $$ = build_clause_subjects(p, AST_CLAUSE_BREAK_GLASS, @$, @1, $subjects); }
  | "guard" names
        { $$ = build_clause(p, AST_CLAUSE_GUARD, @$, @1, $names); }
  | "cover" names
        { $$ = build_cover(p, @$, @1, $names, build_no_word()); }
  | "cover" names "by" name
        { $$ = build_cover(p, @$, @1, $names, $name); }
  | "cover" names "never"
        { $$ = build_cover(p, @$, @1, $names, $3); }
  | "cascade"
        { $$ = build_clause(p, AST_CLAUSE_CASCADE, @$, @1, (struct words){0}); }
  | "mode" names
        { $$ = build_clause(p, AST_CLAUSE_MODE, @$, @1, $names); }
  | "on" "error" name
        { $$ = build_clause_word(p, AST_CLAUSE_ON_ERROR, @$, span_join(@1, @2), $name); }
  | "message" name
        { $$ = build_clause_word(p, AST_CLAUSE_MESSAGE, @$, @1, $name); }
  | "owner" name
        { $$ = build_clause_word(p, AST_CLAUSE_OWNER, @$, @1, $name); }
  | "ticket" name
        { $$ = build_clause_word(p, AST_CLAUSE_TICKET, @$, @1, $name); }
  | "active" "from" name
        { $$ = build_active(p, @$, @1, $name, build_no_word()); }
  | "active" "from" name[from] "until" name[until]
        { $$ = build_active(p, @$, @1, $from, $until); }
  | "active" "until" name
        { $$ = build_active(p, @$, @1, build_no_word(), $name); }
  | "allow" patterns reason
        { $$ = build_allow(p, @$, @1, $patterns, $reason); }
  ;

reason:
    %empty      { $$ = build_no_word(); }
  | "string"
  ;

// ---- expressions ----

expr:
    predicate
  | expr[left] "or" expr[right]     { $$ = build_chain(p, AST_EXPR_OR, @$, $left, $right); }
  | expr[left] "and" expr[right]    { $$ = build_chain(p, AST_EXPR_AND, @$, $left, $right); }
  | "not" expr[operand]             { $$ = build_not(p, @$, $operand); }
  | "!" expr[operand]               { $$ = build_not(p, @$, $operand); }
  | "(" expr[inner] ")"             { $$ = build_parentheses(@$, $inner); }
  ;

predicate:
    "label" name optional_comparison
        { $$ = build_predicate(p, AST_EXPR_LABEL, @$, $name, $optional_comparison); }
  | "annotation" name optional_comparison
        { $$ = build_predicate(p, AST_EXPR_ANNOTATION, @$, $name, $optional_comparison); }
  | "name" comparison
        { $$ = build_predicate(p, AST_EXPR_NAME, @$, build_no_word(), $comparison); }
  | "namespace" comparison
        { $$ = build_predicate(p, AST_EXPR_NAMESPACE, @$, build_no_word(), $comparison); }
  | "namespace" "label" name optional_comparison
        { $$ = build_predicate(p, AST_EXPR_NAMESPACE_LABEL, @$, $name, $optional_comparison); }
  | state_keyword "field" path optional_comparison
        { $$ = build_field(p, $state_keyword, @$, $path, $optional_comparison); }
  | variable_path optional_comparison
        { $$ = build_variable_field(p, @$, $variable_path, $optional_comparison); }
  | "user" comparison
        { $$ = build_predicate(p, AST_EXPR_USER, @$, build_no_word(), $comparison); }
  | "group" name
        { $$ = build_predicate(p, AST_EXPR_GROUP, @$, $name, build_compare_none()); }
  | "actor" name
        { $$ = build_predicate(p, AST_EXPR_ACTOR, @$, $name, build_compare_none()); }
  | "operation" "in" "(" names ")"
        { $$ = build_operations(p, @$, $names); }
  | "any" "label" comparison
        { $$ = build_predicate(p, AST_EXPR_ANY_LABEL, @$, build_no_word(), $comparison); }
  | "any" "annotation" comparison
        { $$ = build_predicate(p, AST_EXPR_ANY_ANNOTATION, @$, build_no_word(), $comparison); }
  | quantifier "(" expr ")"
        { $$ = build_quantified(p, @$, $quantifier, $expr); }
  | "cel" name
        { $$ = build_predicate(p, AST_EXPR_CEL, @$, $name, build_compare_none()); }
  ;

state_keyword:
    %empty  { $$ = AST_STATE_DEFAULT; }
  | "old"   { $$ = AST_STATE_OLD; }
  | "new"   { $$ = AST_STATE_NEW; }
  ;

quantifier:
    "any" path "as" name    { $$ = build_quantifier(p, AST_EXPR_ANY, $path, $name); }
  | "all" path "as" name    { $$ = build_quantifier(p, AST_EXPR_ALL, $path, $name); }
  ;

// kubectl's selectors, and what expressions have beside them.
selector:
    key optional_comparison
        { $$ = build_predicate(p, AST_EXPR_LABEL, @$, $key, $optional_comparison); }
  | selector[left] "or" selector[right]     { $$ = build_chain(p, AST_EXPR_OR, @$, $left, $right); }
  | selector[left] "and" selector[right]    { $$ = build_chain(p, AST_EXPR_AND, @$, $left, $right); }
  | selector[left] "," selector[right]      { $$ = build_chain(p, AST_EXPR_AND, @$, $left, $right); }
  | "not" selector[operand]                 { $$ = build_not(p, @$, $operand); }
  | "!" selector[operand]                   { $$ = build_not(p, @$, $operand); }
  | "(" selector[inner] ")"                 { $$ = build_parentheses(@$, $inner); }
  ;

optional_comparison:
    %empty  { $$ = build_compare_none(); }
  | comparison
  ;

comparison:
    "=" value                   { $$ = build_compare(p, AST_EQ, $value); }
  | "==" value                  { $$ = build_compare(p, AST_EQ, $value); }
  | "!=" value                  { $$ = build_compare(p, AST_NE, $value); }
  | "in" "(" values ")"         { $$ = build_compare_list(AST_IN, $values); }
  | "not" "in" "(" values ")"   { $$ = build_compare_list(AST_NOT_IN, $values); }
  | "notin" "(" values ")"      { $$ = build_compare_list(AST_NOT_IN, $values); }
  | "<" value                   { $$ = build_compare(p, AST_LT, $value); }
  | "<=" value                  { $$ = build_compare(p, AST_LE, $value); }
  | ">" value                   { $$ = build_compare(p, AST_GT, $value); }
  | ">=" value                  { $$ = build_compare(p, AST_GE, $value); }
  | "like" value                { $$ = build_compare(p, AST_LIKE, $value); }
  | "matches" value             { $$ = build_compare(p, AST_MATCHES, $value); }
  | "contains" value            { $$ = build_compare(p, AST_CONTAINS, $value); }
  ;

values:
    value                   { $$ = build_values(p, (struct build_comparison){0}, $value); }
  | values[list] "," value  { $$ = build_values(p, $list, $value); }
  ;

// What stands there by itself, or what the request or the object brings.
value:
    constant                    { $$ = build_word($constant); }
  | "user"                      { $$ = build_reading(p, AST_EXPR_USER, @$, build_no_word()); }
  | "name"                      { $$ = build_reading(p, AST_EXPR_NAME, @$, build_no_word()); }
  | "namespace"                 { $$ = build_reading(p, AST_EXPR_NAMESPACE, @$, build_no_word()); }
  | "namespace" "label" name    { $$ = build_reading(p, AST_EXPR_NAMESPACE_LABEL, @$, $name); }
  | "label" name                { $$ = build_reading(p, AST_EXPR_LABEL, @$, $name); }
  | "annotation" name           { $$ = build_reading(p, AST_EXPR_ANNOTATION, @$, $name); }
  | state_keyword "field" path  { $$ = build_field_reading(p, $state_keyword, @$, $path); }
  ;

paths:
    path                    { $$ = build_paths(p, (struct ast_paths){0}, $path); }
  | paths[list] "," path    { $$ = build_paths(p, $list, $path); }
  ;

path:
    name                        { $$ = build_path(p, $name); }
  | path[head] "[" "*" "]"      { $$ = build_path_each(p, $head, @$, @3); }
  | path[head] "[" "string" "]" { $$ = build_path_key(p, $head, @$, $3); }
  | path[head] "." name         { $$ = build_path_dot(p, $head, $name); }
  ;

variable_path:
    variable                                { $$ = build_path(p, $variable); }
  | variable_path[head] "[" "*" "]"         { $$ = build_path_each(p, $head, @$, @3); }
  | variable_path[head] "[" "string" "]"    { $$ = build_path_key(p, $head, @$, $3); }
  | variable_path[head] "." name            { $$ = build_path_dot(p, $head, $name); }
  ;

// ---- tests ----

steps:
    %empty              { $$ = (struct build_steps){0}; }
  | steps[list] step    { $$ = build_steps(p, $list, $step); }
  | steps[list] resume  { $$ = $list; }
  ;

step:
    "as" subjects
        { $$ = build_step_as(p, @$, $subjects); }
  | operation name[resource] name[object] state after
        { $$ = build_step_operation(p, @$, $operation, $resource, $object, $state, $after); }
  | "in namespace" "namespace" namespace_state
        { $$ = build_step_namespace_done($namespace_state, @$); }
  | "grants" names
        { $$ = build_step_grants(p, @$, $names); }
  | "expect" "allowed"
        { $$ = build_step_expect(p, @$, AST_EXPECT_ALLOWED, build_no_word()); }
  | "expect" "denied" by_lock
        { $$ = build_step_expect(p, @$, AST_EXPECT_DENIED, $by_lock); }
  | "expect" "warned" by_lock
        { $$ = build_step_expect(p, @$, AST_EXPECT_WARNED, $by_lock); }
  ;

operation: "create" | "update" | "delete" | "connect" | "evict" | "scale" | "delete-collection";

by_lock:
    %empty      { $$ = build_no_word(); }
  | "by" name   { $$ = $name; }
  ;

namespace_state:
    "labels" pairs
        { $$ = build_namespace_labels(p, build_step_namespace(p), $pairs); }
  | "terminating"
        { $$ = build_namespace_terminating(build_step_namespace(p)); }
  | namespace_state[head] "labels" pairs
        { $$ = build_namespace_labels(p, $head, $pairs); }
  | namespace_state[head] "terminating"
        { $$ = build_namespace_terminating($head); }
  ;

after:
    %empty      { $$ = NULL; }
  | "->" state  { $$ = $state; }
  ;

state:
    %empty                              { $$ = build_state(p); }
  | state[head] "labels" pairs          { $$ = build_state_labels(p, $head, span_join(@2, @3), $pairs); }
  | state[head] "annotations" pairs     { $$ = build_state_annotations(p, $head, span_join(@2, @3), $pairs); }
  | state[head] "field" path "=" name   { $$ = build_state_field(p, $head, span_join(@2, @5), $path, $name); }
  | state[head] "terminating"           { $$ = build_state_terminating($head, @2); }
  | state[head] "object" name           { $$ = build_state_object(p, $head, span_join(@2, @3), $name); }
  ;

pairs:
    name[pair] "=" name[value]                      { $$ = build_pairs(p, (struct ast_pairs){0}, $pair, $value); }
  | pairs[list] "," name[pair] "=" name[value]      { $$ = build_pairs(p, $list, $pair, $value); }
  ;

// ---- names ----

names:
    name                    { $$ = build_words(p, (struct words){0}, $name); }
  | names[list] "," name    { $$ = build_words(p, $list, $name); }
  ;

patterns:
    pattern                     { $$ = build_words(p, (struct words){0}, $pattern); }
  | patterns[list] "," pattern  { $$ = build_words(p, $list, $pattern); }
  ;

pattern: name | "*" | "wildcard";

// Every keyword but `labeled`, which parse.c makes a word where it is one.
name: key | "not";
// Not what negates a selector,
key: "word" | "string" | word_keyword | subject_keyword | predicate_keyword | subject_predicate_keyword;
// not what a subject begins with,
reference: "word" | "string" | word_keyword | predicate_keyword | "not";
// not what a predicate begins with,
variable: "word" | word_keyword | subject_keyword;
// not what is read on the right side of a comparison.
constant: "word" | "string" | word_keyword | subject_keyword | "group" | predicate_word | "not";

subject_predicate_keyword:
    "user" | "group"
  ;
subject_keyword:
    "uid" | "serviceaccount" | "sa" | "serviceaccounts" | "may"
  ;
predicate_keyword:
    "label" | "annotation" | "name" | "namespace" | "old" | "new" | "field" | predicate_word
  ;
predicate_word:
    "actor" | "operation" | "any" | "all" | "cel"
  ;
word_keyword:
    "policy" | "include" | "resource" | "object" | "lock" | "grant" | "webhook" | "deployer" | "test"
  | "namespaced" | "cluster" | "kind" | "subresources" | "sealed" | "by" | "and" | "with" | "extra"
  | "in" | "on" | "to" | "resources" | "except" | "labels" | "annotations" | "where" | "objects"
  | "deny" | "exclusive" | "when" | "unless" | "changing" | "require" | "exempt" | "break-glass"
  | "guard" | "cover" | "cascade" | "never" | "mode" | "error" | "message" | "owner" | "ticket" | "active"
  | "from" | "until" | "allow" | "or" | "as" | "like" | "matches" | "contains" | "notin" | "create"
  | "update" | "delete" | "connect" | "evict" | "scale" | "delete-collection" | "terminating"
  | "grants" | "expect" | "allowed" | "denied" | "warned" | "validating" | "mutating"
  ;

%%

static void klock_yyerror(const struct span *location, struct parser *p, const char *message) {
    (void)message; // the only one is that the stack is full
    parse_error_too_deep(p, *location);
}

static int yyreport_syntax_error(const yypcontext_t *context, struct parser *p) {
    struct parse_expected expected = {0};
    yysymbol_kind_t kinds[YYNTOKENS];
    const int count = yypcontext_expected_tokens(context, kinds, YYNTOKENS);
    for (int i = 0; i < count; i++) {
        expected.kinds[i] = (int)kinds[i];
        expected.spellings[i] = yysymbol_name(kinds[i]);
    }
    expected.count = count > 0 ? (size_t)count : 0;
    parse_error_unexpected(p, &expected);
    return 0;
}
