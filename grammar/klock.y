// The grammar: tokens, precedence, productions. Every action is one call of compiler/front/ast_make.h or ast_build.h.
// Keywords are names wherever a name is expected, but where compiler/front/keywords.def says that they could begin
// something else; a test holds the two against each other. Where both could stand, parse.c looks ahead and decides.
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
// after an error; it and IN_STEP, NEW_ACTOR, RESOURCES_FROM, ON_OPERATIONS, ON_DRY_RUN and WEBHOOK_ELEMENT are not spelt.
%token <struct word> POLICY "policy" INCLUDE "include" RESOURCE "resource" ACTOR "actor" OBJECT "object" LOCK "lock"
%token <struct word> GRANT "grant" WEBHOOK "webhook" DEPLOYER "deployer" TEST "test" ACCEPT "accept" OF "of"
%token <struct word> AGAINST "against" NO "no" NAMESPACED "namespaced" CLUSTER "cluster" KIND "kind" SUBRESOURCES "subresources" NEW "new" SEALED "sealed" BY "by"
%token <struct word> SERVICEACCOUNT "serviceaccount" SA "sa" SERVICEACCOUNTS "serviceaccounts" USER "user"
%token <struct word> GROUP "group" UID "uid" AND "and" WITH "with" EXTRA "extra" MAY "may" IN "in" ON "on" TO "to"
%token <struct word> RESOURCES "resources" EXCEPT "except" NAMESPACE "namespace" LABELED "labeled" NAME "name"
%token <struct word> LABELS "labels" ANNOTATIONS "annotations" WHERE "where" ALL "all" OBJECTS "objects" DENY "deny"
%token <struct word> EXCLUSIVE "exclusive" WHEN "when" UNLESS "unless" CHANGING "changing" REQUIRE "require"
%token <struct word> EXEMPT "exempt" BREAK_GLASS "break-glass" GUARD "guard" COVER "cover" CASCADE "cascade"
%token <struct word> NEVER "never" MODE "mode"
%token <struct word> ERROR "error" MESSAGE "message" OWNER "owner" TICKET "ticket" ACTIVE "active" FROM "from"
%token <struct word> IMPERSONATE "impersonate" URLS "urls" ROLE "role" AGGREGATE "aggregate" AUTOMOUNT "automount"
%token <struct word> UNTIL "until" ALLOW "allow" OR "or" NOT "not" LABEL "label" ANNOTATION "annotation"
%token <struct word> FIELD "field" OLD "old" OPERATION "operation" ANY "any" AS "as" CEL "cel" LIKE "like"
%token <struct word> MATCHES "matches" CONTAINS "contains" NOTIN "notin" CREATE "create" UPDATE "update"
%token <struct word> DELETE "delete" CONNECT "connect" EVICT "evict" SCALE "scale"
%token <struct word> DELETE_COLLECTION "delete-collection" TERMINATING "terminating" GRANTS "grants" EXPECT "expect"
%token <struct word> GIVEN "given" LOCKS "locks" ALLOWED "allowed" DENIED "denied" WARNED "warned" VALIDATING "validating" MUTATING "mutating"
%token <struct word> SERVICE "service" PATH "path" PORT "port" URL "url" CA "ca" FILE "file" SECRET "secret"
%token <struct word> TENANT "tenant" NAMESPACES "namespaces" MEMBERS "members" POD "pod" SECURITY "security" QUOTA "quota"
%token <struct word> ACCOUNT "account" CONSENT "consent" STRICT "strict" FAILURE "failure" TIMEOUT "timeout"
%token <struct word> SIDE "side" EFFECTS "effects" DRY "dry" RUN "run" REINVOKE "reinvoke" IF "if" NEEDED "needed"
%token <struct word> EXCLUDES "excludes" EVERYTHING "everything" CALLS "calls" NARROWS "narrows"
%token <struct word> CALLED "called" ON_OPERATIONS "on operations" ON_DRY_RUN "on dry" WEBHOOK_ELEMENT "a webhook"
%token <struct word> IN_STEP "in namespace" NEW_ACTOR "new subject" RESOURCES_FROM "resources from"
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

%type <struct span> policy_head include_head resource_head actor_head object_head lock_head grant_head webhook_head tenant_head
%type <struct span> deployer_head test_head accept_head resources_head
%type <struct ast_item *> item
%type <struct word> plain name key group_name reference variable constant pattern word_keyword comparison_keyword subject_keyword predicate_keyword
%type <struct word> predicate_word against
%type <struct word> subject_predicate_keyword version kind create automount reason operation webhook_kind
%type <struct word> hook service_path service_port consent_strict consent_key dry_run
%type <struct words> level levels limits names hooks by_hooks patterns on_objects subresources by_part part of
%type <bool> scope
%type <struct ast_guards> guards
%type <struct ast_sealing> sealing
%type <struct ast_subject *> subject subject_form
%type <struct ast_subjects> subjects grantees consent_by
%type <struct ast_clause *> clause
%type <struct ast_clauses> clauses
%type <struct ast_path> path variable_path
%type <struct ast_paths> paths
%type <struct ast_compared> comparison optional_comparison values
%type <struct ast_value> value
%type <struct ast_expr *> expr predicate selector quantifier
%type <enum ast_state> state_keyword
%type <enum ast_expectation> refusal
%type <struct ast_step *> step namespace_state
%type <struct ast_steps> steps
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
webhook_head: "webhook"   { $$ = build_head(p, HEAD_CLAUSES, @1); };
tenant_head: "tenant"     { $$ = build_head(p, HEAD_CLAUSES, @1); };
deployer_head: "deployer" { $$ = build_head(p, HEAD_PLAIN, @1); };
test_head: "test"         { $$ = build_head(p, HEAD_STEPS, @1); };
accept_head: "accept"     { $$ = build_head(p, HEAD_PLAIN, @1); };
resources_head: "resources from" "from" { $$ = build_head(p, HEAD_PATHS, span_join(@1, @2)); };

item:
    policy_head name against
        { $$ = make_policy(p->arena, @$, $policy_head, $name, $against); }
  | include_head name
        { $$ = make_item(p->arena, AST_ITEM_INCLUDE, @$, $include_head, $name); }
  | resource_head name version scope kind subresources
        { $$ = build_resource(p, @$, $resource_head, $name, $version, $scope, $kind, $subresources); }
  | resources_head names
        { $$ = make_resources_from(p->arena, @$, $resources_head, $names); }
  | actor_head name "=" create subjects automount sealing
        { $$ = make_actor(p->arena, @$, $actor_head, $name, $create, $subjects, $automount, $sealing); }
  | accept_head names of reason
        { $$ = make_accept_item(p->arena, @$, $accept_head, $names, $of, $reason); }
  | deployer_head subjects
        { $$ = make_deployer(p->arena, @$, $deployer_head, $subjects); }
  | object_head name "{" clauses close
        { $$ = build_block(p, AST_ITEM_OBJECT, @$, $object_head, $name, (struct ast_subjects){0}, (struct words){0}, $clauses); }
  | lock_head name on_objects "{" clauses close
        { $$ = build_block(p, AST_ITEM_LOCK, @$, $lock_head, $name, (struct ast_subjects){0}, $on_objects, $clauses); }
  | grant_head name grantees on_objects "{" clauses close
        { $$ = build_block(p, AST_ITEM_GRANT, @$, $grant_head, $name, $grantees, $on_objects, $clauses); }
  | webhook_head name webhook_kind "{" clauses close
        { $$ = build_webhook(p, @$, $webhook_head, $name, $webhook_kind, $clauses); }
  | tenant_head name "{" clauses close
        { $$ = build_block(p, AST_ITEM_TENANT, @$, $tenant_head, $name, (struct ast_subjects){0}, (struct words){0}, $clauses); }
  | test_head name "{" steps close
        { $$ = make_test(p->arena, @$, $test_head, $name, $steps); }
  | object_head  open_anyway clauses close  { $$ = build_nothing(p); }
  | lock_head    open_anyway clauses close  { $$ = build_nothing(p); }
  | grant_head   open_anyway clauses close  { $$ = build_nothing(p); }
  | test_head    open_anyway steps close    { $$ = build_nothing(p); }
  | webhook_head open_anyway clauses close  { $$ = build_nothing(p); }
  | tenant_head  open_anyway clauses close  { $$ = build_nothing(p); }
  | object_head  resume                     { $$ = build_nothing(p); }
  | lock_head    resume                     { $$ = build_nothing(p); }
  | grant_head   resume                     { $$ = build_nothing(p); }
  | test_head    resume                     { $$ = build_nothing(p); }
  | webhook_head resume                     { $$ = build_nothing(p); }
  | tenant_head  resume                     { $$ = build_nothing(p); }
  ;

against:
    %empty          { $$ = make_no_word(); }
  | "against" name  { $$ = $name; }
  ;
version:
    %empty      { $$ = make_no_word(); }
  | "/" name    { $$ = $name; }
  ;
scope: "namespaced" { $$ = true; } | "cluster" { $$ = false; };
kind:
    %empty      { $$ = make_no_word(); }
  | "kind" name { $$ = $name; }
  ;
subresources:
    %empty                  { $$ = (struct words){0}; }
  | "subresources" names    { $$ = $names; }
  ;

create:
    %empty          { $$ = make_no_word(); }
  | "new subject"
  ;
automount:
    %empty          { $$ = make_no_word(); }
  | "automount"
  ;
sealing:
    old_acceptances
        { $$ = make_sealed(false, @$, (struct ast_subjects){0}); }
  | "sealed" old_acceptances
        { $$ = make_sealed(true, @1, (struct ast_subjects){0}); }
  | "sealed" "by" subjects old_acceptances
        { $$ = make_sealed(true, @1, $subjects); }
  ;
old_acceptances:
    %empty
  | old_acceptances "allow" names reason    { build_old_acceptance(p, @2, $names); }
  ;

grantees:
    %empty          { $$ = (struct ast_subjects){0}; }
  | "to" subjects   { $$ = $subjects; }
  ;

on_objects:
    %empty      { $$ = (struct words){0}; }
  | "on" names  { $$ = $names; }
  ;

webhook_kind: "validating" | "mutating";

// ---- subjects ----

subjects:
    subject                     { $$ = make_subjects(p->arena, (struct ast_subjects){0}, $subject); }
  | subjects[list] "," subject  { $$ = make_subjects(p->arena, $list, $subject); }
  ;

subject:
    subject_form
  | subject[left] "and" subject_form
        { $$ = build_subject_and(p, @$, $left, $subject_form); }
  | subject[left] "with" "extra" name[extra] "=" name[value]
        { $$ = build_subject_extra(p, @$, $left, $extra, $value); }
  ;

subject_form:
    "serviceaccount" name   { $$ = make_subject(p->arena, AST_SUBJECT_SERVICE_ACCOUNT, @$, $name); }
  | "sa" name               { $$ = make_subject(p->arena, AST_SUBJECT_SERVICE_ACCOUNT, @$, $name); }
  | "serviceaccounts" name  { $$ = make_subject(p->arena, AST_SUBJECT_SERVICE_ACCOUNTS, @$, $name); }
  | "user" name             { $$ = make_subject(p->arena, AST_SUBJECT_USER, @$, $name); }
  | "group" name            { $$ = make_subject(p->arena, AST_SUBJECT_GROUP, @$, $name); }
  | "uid" name              { $$ = make_subject(p->arena, AST_SUBJECT_UID, @$, $name); }
  | "may" name              { $$ = make_subject(p->arena, AST_SUBJECT_MAY, @$, $name); }
  | reference               { $$ = make_subject(p->arena, AST_SUBJECT_ACTOR, @$, $reference); }
  | reference "in" name     { $$ = make_preset(p->arena, @$, $reference, $name); }
  ;

// ---- clauses; which of them a block takes is seen when it is closed ----

clauses:
    %empty                  { $$ = (struct ast_clauses){0}; }
  | clauses[list] clause    { $$ = make_clauses(p->arena, $list, $clause); }
  | clauses[list] resume    { $$ = $list; }
  ;

clause:
    "resources" patterns
        { $$ = make_clause(p->arena, AST_CLAUSE_RESOURCES, @$, @1, $patterns); }
  | "except" "resources" patterns
        { $$ = make_clause(p->arena, AST_CLAUSE_EXCEPT_RESOURCES, @$, span_join(@1, @2), $patterns); }
  | "namespace" patterns
        { $$ = make_clause(p->arena, AST_CLAUSE_NAMESPACE, @$, @1, $patterns); }
  | "namespace" "labeled" selector
        { $$ = make_clause_expr(p->arena, AST_CLAUSE_NAMESPACE_LABELED, @$, span_join(@1, @2), $selector); }
  | "cluster"
        { $$ = make_clause(p->arena, AST_CLAUSE_CLUSTER, @$, @1, (struct words){0}); }
  | "name" names
        { $$ = make_clause(p->arena, AST_CLAUSE_NAME, @$, @1, $names); }
  | "labels" selector
        { $$ = make_clause_expr(p->arena, AST_CLAUSE_LABELS, @$, @1, $selector); }
  | "annotations" selector
        { $$ = make_clause_expr(p->arena, AST_CLAUSE_ANNOTATIONS, @$, @1, $selector); }
  | "where" expr
        { $$ = make_clause_expr(p->arena, AST_CLAUSE_WHERE, @$, @1, $expr); }
  | "all" "objects"
        { $$ = make_clause(p->arena, AST_CLAUSE_ALL_OBJECTS, @$, @$, (struct words){0}); }
  | "deny" names
        { $$ = make_clause(p->arena, AST_CLAUSE_DENY, @$, @1, $names); }
  | "exclusive" subjects
        { $$ = make_clause_subjects(p->arena, AST_CLAUSE_EXCLUSIVE, @$, @1, $subjects); }
  | "when" expr
        { $$ = make_clause_expr(p->arena, AST_CLAUSE_WHEN, @$, @1, $expr); }
  | "unless" expr
        { $$ = make_clause_expr(p->arena, AST_CLAUSE_UNLESS, @$, @1, $expr); }
  | "changing" paths
        { $$ = make_clause_paths(p->arena, AST_CLAUSE_CHANGING, @$, @1, $paths); }
  | "except" "changing" paths
        { $$ = make_clause_paths(p->arena, AST_CLAUSE_EXCEPT_CHANGING, @$, span_join(@1, @2), $paths); }
  | "require" expr
        { $$ = make_clause_expr(p->arena, AST_CLAUSE_REQUIRE, @$, @1, $expr); }
  | "exempt" subjects
        { $$ = make_clause_subjects(p->arena, AST_CLAUSE_EXEMPT, @$, @1, $subjects); }
  | "break-glass" subjects
        { $$ = make_clause_subjects(p->arena, AST_CLAUSE_BREAK_GLASS, @$, @1, $subjects); }
  | "guard" guards
        { $$ = make_guard(p->arena, @$, @1, $guards); }
  | "accept" names reason
        { $$ = make_accept(p->arena, @$, @1, $names, (struct words){0}, $reason); }
  | "cover" names
        { $$ = make_cover(p->arena, @$, @1, $names, make_no_word()); }
  | "cover" names "by" name
        { $$ = make_cover(p->arena, @$, @1, $names, $name); }
  | "cover" names "never"
        { $$ = make_cover(p->arena, @$, @1, $names, $3); }
  | "cascade"
        { $$ = make_clause(p->arena, AST_CLAUSE_CASCADE, @$, @1, (struct words){0}); }
  | "mode" names
        { $$ = make_clause(p->arena, AST_CLAUSE_MODE, @$, @1, $names); }
  | "on" "error" name
        { $$ = make_clause_word(p->arena, AST_CLAUSE_ON_ERROR, @$, span_join(@1, @2), $name); }
  | "message" name
        { $$ = make_clause_word(p->arena, AST_CLAUSE_MESSAGE, @$, @1, $name); }
  | "owner" name
        { $$ = make_clause_word(p->arena, AST_CLAUSE_OWNER, @$, @1, $name); }
  | "ticket" name
        { $$ = make_clause_word(p->arena, AST_CLAUSE_TICKET, @$, @1, $name); }
  | "active" "from" name
        { $$ = make_active(p->arena, @$, @1, $name, make_no_word()); }
  | "active" "from" name[from] "until" name[until]
        { $$ = make_active(p->arena, @$, @1, $from, $until); }
  | "active" "until" name
        { $$ = make_active(p->arena, @$, @1, make_no_word(), $name); }
  | "locks" "from" name "labeled" selector
        { $$ = make_locks_from(p->arena, @$, span_join(@1, @2), $name, $selector); }
  | "allow" patterns reason
        { $$ = make_allow(p->arena, @$, @1, $patterns, $reason); }
  | "urls" names
        { $$ = make_clause(p->arena, AST_CLAUSE_URLS, @$, @1, $names); }
  | "may" "impersonate" subjects
        { $$ = make_clause_subjects(p->arena, AST_CLAUSE_IMPERSONATE, @$, span_join(@1, @2), $subjects); }
  | "role" name
        { $$ = make_clause_word(p->arena, AST_CLAUSE_ROLE, @$, @1, $name); }
  | "aggregate" "to" names
        { $$ = make_clause(p->arena, AST_CLAUSE_AGGREGATE, @$, span_join(@1, @2), $names); }
  | "service" name service_path service_port
        { $$ = make_clause_words(p->arena, AST_CLAUSE_SERVICE, @$, @1, $name, $service_path, $service_port); }
  | "url" name
        { $$ = make_clause_word(p->arena, AST_CLAUSE_URL, @$, @1, $name); }
  | "ca" "from" name[provider] name[certificate]
        { $$ = make_clause_words(p->arena, AST_CLAUSE_CA, @$, @1, $provider, $certificate, make_no_word()); }
  | "ca" "file" name
        { $$ = make_clause_words(p->arena, AST_CLAUSE_CA, @$, @1, $2, $name, make_no_word()); }
  | "ca" "secret" name
        { $$ = make_clause_words(p->arena, AST_CLAUSE_CA, @$, @1, $2, $name, make_no_word()); }
  | "on operations" names
        { $$ = make_clause(p->arena, AST_CLAUSE_ON, @$, @1, $names); }
  | "account" subjects
        { $$ = make_clause_subjects(p->arena, AST_CLAUSE_ACCOUNT, @$, @1, $subjects); }
  | "consent" consent_strict consent_key consent_by
        { $$ = make_consent(p->arena, @$, @1, $consent_strict, $consent_key, $consent_by); }
  | "on" "failure" name
        { $$ = make_clause_word(p->arena, AST_CLAUSE_ON_FAILURE, @$, span_join(@1, @2), $name); }
  | "timeout" name
        { $$ = make_clause_word(p->arena, AST_CLAUSE_TIMEOUT, @$, @1, $name); }
  | "side" "effects" name dry_run
        { $$ = make_side_effects(p->arena, @$, span_join(@1, @2), $name, $dry_run); }
  | "reinvoke" "never"
        { $$ = make_clause_word(p->arena, AST_CLAUSE_REINVOKE, @$, @1, $2); }
  | "namespaces" names
        { $$ = make_clause(p->arena, AST_CLAUSE_NAMESPACES, @$, @1, $names); }
  | "members" subjects
        { $$ = make_clause_subjects(p->arena, AST_CLAUSE_MEMBERS, @$, @1, $subjects); }
  | "deployer" subjects
        { $$ = make_clause_subjects(p->arena, AST_CLAUSE_TENANT_DEPLOYER, @$, @1, $subjects); }
  | "pod" "security" levels
        { $$ = make_clause(p->arena, AST_CLAUSE_POD_SECURITY, @$, span_join(@1, @2), $levels); }
  | "quota" limits
        { $$ = make_clause(p->arena, AST_CLAUSE_QUOTA, @$, @1, $limits); }
  | "reinvoke" "if" "needed"
        { $$ = make_clause_word(p->arena, AST_CLAUSE_REINVOKE, @$, @1, $2); }
  ;

service_path:
    %empty          { $$ = make_no_word(); }
  | "path" name     { $$ = $name; }
  ;
service_port:
    %empty          { $$ = make_no_word(); }
  | "port" name     { $$ = $name; }
  ;
consent_strict:
    %empty          { $$ = make_no_word(); }
  | "strict"
  ;
consent_key:
    %empty              { $$ = make_no_word(); }
  | "annotation" name   { $$ = $name; }
  ;
consent_by:
    %empty          { $$ = (struct ast_subjects){0}; }
  | "by" subjects   { $$ = $subjects; }
  ;
dry_run:
    %empty                  { $$ = make_no_word(); }
  | "on dry" "dry" "run"    { $$ = $2; }
  ;

level:
    plain                       { $$ = make_pair(p->arena, make_no_word(), $plain); }
  | plain[mode] plain[least]    { $$ = make_pair(p->arena, $mode, $least); }
  ;
levels:
    level
  | levels[list] "," level      { $$ = make_words_joined(p->arena, $list, $level); }
  ;
limits:
    plain[what] plain[amount]
        { $$ = make_pair(p->arena, $what, $amount); }
  | limits[list] "," plain[what] plain[amount]
        { $$ = make_words_joined(p->arena, $list, make_pair(p->arena, $what, $amount)); }
  ;
plain: "word" | "string";

guards:
    name                        { $$ = make_guards(p->arena, (struct ast_guards){0}, $name); }
  | "no" name                   { $$ = make_guards_without(p->arena, (struct ast_guards){0}, $name); }
  | guards[list] "," name       { $$ = make_guards(p->arena, $list, $name); }
  | guards[list] "," "no" name  { $$ = make_guards_without(p->arena, $list, $name); }
  ;

reason:
    %empty      { $$ = make_no_word(); }
  | "string"
  ;

// The binding that is meant, of findings about RBAC.
of:
    %empty            { $$ = (struct words){0}; }
  | "of" name[kind] name[binding]
        { $$ = make_words(p->arena, make_words(p->arena, (struct words){0}, $kind), $binding); }
  ;

// ---- expressions ----

expr:
    predicate
  | expr[left] "or" expr[right]     { $$ = build_chain(p, AST_EXPR_OR, @$, $left, $right); }
  | expr[left] "and" expr[right]    { $$ = build_chain(p, AST_EXPR_AND, @$, $left, $right); }
  | "not" expr[operand]             { $$ = build_not(p, @$, $operand); }
  | "!" expr[operand]               { $$ = build_not(p, @$, $operand); }
  | "(" expr[inner] ")"             { $$ = make_parentheses(@$, $inner); }
  ;

predicate:
    "label" name optional_comparison
        { $$ = make_predicate(p->arena, AST_EXPR_LABEL, @$, $name, $optional_comparison); }
  | "annotation" name optional_comparison
        { $$ = make_predicate(p->arena, AST_EXPR_ANNOTATION, @$, $name, $optional_comparison); }
  | "name" comparison
        { $$ = make_predicate(p->arena, AST_EXPR_NAME, @$, make_no_word(), $comparison); }
  | "namespace" comparison
        { $$ = make_predicate(p->arena, AST_EXPR_NAMESPACE, @$, make_no_word(), $comparison); }
  | "namespace" "label" name optional_comparison
        { $$ = make_predicate(p->arena, AST_EXPR_NAMESPACE_LABEL, @$, $name, $optional_comparison); }
  | state_keyword "field" path optional_comparison
        { $$ = make_field(p->arena, $state_keyword, @$, $path, $optional_comparison); }
  | variable_path optional_comparison
        { $$ = build_variable_field(p, @$, $variable_path, $optional_comparison); }
  | "user" comparison
        { $$ = make_predicate(p->arena, AST_EXPR_USER, @$, make_no_word(), $comparison); }
  | "group" group_name
        { $$ = make_predicate(p->arena, AST_EXPR_GROUP, @$, $group_name, make_compare_none()); }
  | "group" comparison
        { $$ = make_predicate(p->arena, AST_EXPR_GROUP, @$, make_no_word(), $comparison); }
  | "actor" name
        { $$ = make_predicate(p->arena, AST_EXPR_ACTOR, @$, $name, make_compare_none()); }
  | "operation" "in" "(" names ")"
        { $$ = make_operations(p->arena, @$, $names); }
  | "any" "label" comparison
        { $$ = make_predicate(p->arena, AST_EXPR_ANY_LABEL, @$, make_no_word(), $comparison); }
  | "any" "annotation" comparison
        { $$ = make_predicate(p->arena, AST_EXPR_ANY_ANNOTATION, @$, make_no_word(), $comparison); }
  | quantifier "(" expr ")"
        { $$ = build_quantified(p, @$, $quantifier, $expr); }
  | "a webhook" "excludes" "namespace" name
        { $$ = build_webhook_question(p, AST_EXCLUDES_NAMESPACE, @$, $1, $name); }
  | "a webhook" "matches" "resource" name
        { $$ = build_webhook_question(p, AST_MATCHES_RESOURCE, @$, $1, $name); }
  | "a webhook" "matches" "everything"
        { $$ = build_webhook_question(p, AST_MATCHES_EVERYTHING, @$, $1, make_no_word()); }
  | "a webhook" "timeout" comparison
        { $$ = make_webhook_question(p->arena, AST_TIMEOUT, @$, $1, $comparison); }
  | "a webhook" "on" "failure" name
        { $$ = build_webhook_question(p, AST_FAILURE, @$, $1, $name); }
  | "a webhook" "calls" "service" name
        { $$ = build_webhook_question(p, AST_CALLS_SERVICE, @$, $1, $name); }
  | "a webhook" "narrows"
        { $$ = build_webhook_question(p, AST_NARROWS, @$, $1, make_no_word()); }
  | "cel" name
        { $$ = make_predicate(p->arena, AST_EXPR_CEL, @$, $name, make_compare_none()); }
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
        { $$ = make_predicate(p->arena, AST_EXPR_LABEL, @$, $key, $optional_comparison); }
  | selector[left] "or" selector[right]     { $$ = build_chain(p, AST_EXPR_OR, @$, $left, $right); }
  | selector[left] "and" selector[right]    { $$ = build_chain(p, AST_EXPR_AND, @$, $left, $right); }
  | selector[left] "," selector[right]      { $$ = build_chain(p, AST_EXPR_AND, @$, $left, $right); }
  | "not" selector[operand]                 { $$ = build_not(p, @$, $operand); }
  | "!" selector[operand]                   { $$ = build_not(p, @$, $operand); }
  | "(" selector[inner] ")"                 { $$ = make_parentheses(@$, $inner); }
  ;

optional_comparison:
    %empty  { $$ = make_compare_none(); }
  | comparison
  ;

comparison:
    "=" value                   { $$ = make_compare(p->arena, AST_EQ, $value); }
  | "==" value                  { $$ = make_compare(p->arena, AST_EQ, $value); }
  | "!=" value                  { $$ = make_compare(p->arena, AST_NE, $value); }
  | "in" "(" values ")"         { $$ = make_compare_list(AST_IN, $values); }
  | "not" "in" "(" values ")"   { $$ = make_compare_list(AST_NOT_IN, $values); }
  | "notin" "(" values ")"      { $$ = make_compare_list(AST_NOT_IN, $values); }
  | "<" value                   { $$ = make_compare(p->arena, AST_LT, $value); }
  | "<=" value                  { $$ = make_compare(p->arena, AST_LE, $value); }
  | ">" value                   { $$ = make_compare(p->arena, AST_GT, $value); }
  | ">=" value                  { $$ = make_compare(p->arena, AST_GE, $value); }
  | "like" value                { $$ = make_compare(p->arena, AST_LIKE, $value); }
  | "matches" value             { $$ = make_compare(p->arena, AST_MATCHES, $value); }
  | "contains" value            { $$ = make_compare(p->arena, AST_CONTAINS, $value); }
  ;

values:
    value                   { $$ = make_values(p->arena, (struct ast_compared){0}, $value); }
  | values[list] "," value  { $$ = make_values(p->arena, $list, $value); }
  ;

// What stands there by itself, or what the request or the object brings.
value:
    constant                    { $$ = make_value($constant); }
  | "user"                      { $$ = make_reading(p->arena, AST_EXPR_USER, @$, make_no_word()); }
  | "name"                      { $$ = make_reading(p->arena, AST_EXPR_NAME, @$, make_no_word()); }
  | "namespace"                 { $$ = make_reading(p->arena, AST_EXPR_NAMESPACE, @$, make_no_word()); }
  | "namespace" "label" name    { $$ = make_reading(p->arena, AST_EXPR_NAMESPACE_LABEL, @$, $name); }
  | "label" name                { $$ = make_reading(p->arena, AST_EXPR_LABEL, @$, $name); }
  | "annotation" name           { $$ = make_reading(p->arena, AST_EXPR_ANNOTATION, @$, $name); }
  | state_keyword "field" path  { $$ = make_field_reading(p->arena, $state_keyword, @$, $path); }
  ;

paths:
    path                    { $$ = make_paths(p->arena, (struct ast_paths){0}, $path); }
  | paths[list] "," path    { $$ = make_paths(p->arena, $list, $path); }
  ;

path:
    name                        { $$ = build_path(p, $name); }
  | path[head] "[" "*" "]"      { $$ = make_path_each(p->arena, $head, @$, @3); }
  | path[head] "[" "string" "]" { $$ = make_path_key(p->arena, $head, @$, $3); }
  | path[head] "." name         { $$ = build_path_dot(p, $head, $name); }
  ;

variable_path:
    variable                                { $$ = build_path(p, $variable); }
  | variable_path[head] "[" "*" "]"         { $$ = make_path_each(p->arena, $head, @$, @3); }
  | variable_path[head] "[" "string" "]"    { $$ = make_path_key(p->arena, $head, @$, $3); }
  | variable_path[head] "." name            { $$ = build_path_dot(p, $head, $name); }
  ;

// ---- tests ----

steps:
    %empty              { $$ = (struct ast_steps){0}; }
  | steps[list] step    { $$ = make_steps(p->arena, $list, $step); }
  | steps[list] resume  { $$ = $list; }
  ;

step:
    "as" subjects
        { $$ = make_step_as(p->arena, @$, $subjects); }
  | operation name[resource] name[object] state after
        { $$ = make_step_operation(p->arena, @$, $operation, $resource, $object, $state, $after); }
  | "in namespace" "namespace" namespace_state
        { $$ = make_step_namespace_done($namespace_state, @$); }
  | "given" name[resource] name[object] state
        { $$ = make_step_given(p->arena, @$, $resource, $object, $state); }
  | "given" "no" name[resource] name[object]
        { $$ = make_step_given(p->arena, @$, $resource, $object, NULL); }
  | "grants" names
        { $$ = make_step_grants(p->arena, @$, $names); }
  | "expect" "allowed"
        { $$ = make_step_expect(p->arena, @$, AST_EXPECT_ALLOWED, make_no_word(), (struct words){0}); }
  | "expect" refusal
        { $$ = make_step_expect(p->arena, @$, $refusal, make_no_word(), (struct words){0}); }
  | "expect" refusal "by" name by_part
        { $$ = make_step_expect(p->arena, @$, $refusal, $name, $by_part); }
  | "expect" "called" by_hooks
        { $$ = make_step_expect(p->arena, @$, AST_EXPECT_CALLED, make_no_word(), $by_hooks); }
  | "expect" "not" "called"
        { $$ = make_step_expect(p->arena, @$, AST_EXPECT_NOT_CALLED, make_no_word(), (struct words){0}); }
  | "expect" "not" "called" by_hooks
        { $$ = make_step_expect(p->arena, @$, AST_EXPECT_NOT_CALLED, make_no_word(), $by_hooks); }
  ;

by_hooks:
    hooks
  | "by" hooks  { $$ = $hooks; }
  ;

// Their names have three parts, so that no keyword is one.
hooks:
    hook                    { $$ = make_words(p->arena, (struct words){0}, $hook); }
  | hooks[list] "," hook    { $$ = make_words(p->arena, $list, $hook); }
  ;
hook: "word" | "string";

operation: "create" | "update" | "delete" | "connect" | "evict" | "scale" | "delete-collection";

refusal: "denied" { $$ = AST_EXPECT_DENIED; } | "warned" { $$ = AST_EXPECT_WARNED; };

by_part:
    %empty          { $$ = (struct words){0}; }
  | "(" part ")"    { $$ = $part; }
  ;

part:
    name                { $$ = make_words(p->arena, (struct words){0}, $name); }
  | part[list] name     { $$ = make_words(p->arena, $list, $name); }
  ;

namespace_state:
    "labels" pairs
        { $$ = make_namespace_labels(p->arena, make_step_namespace(p->arena), $pairs); }
  | "terminating"
        { $$ = make_namespace_terminating(make_step_namespace(p->arena)); }
  | namespace_state[head] "labels" pairs
        { $$ = make_namespace_labels(p->arena, $head, $pairs); }
  | namespace_state[head] "terminating"
        { $$ = make_namespace_terminating($head); }
  ;

after:
    %empty      { $$ = NULL; }
  | "->" state  { $$ = $state; }
  ;

state:
    %empty                              { $$ = make_state(p->arena); }
  | state[head] "labels" pairs          { $$ = make_state_labels(p->arena, $head, span_join(@2, @3), $pairs); }
  | state[head] "annotations" pairs     { $$ = make_state_annotations(p->arena, $head, span_join(@2, @3), $pairs); }
  | state[head] "field" path "=" name   { $$ = make_state_field(p->arena, $head, span_join(@2, @5), $path, $name); }
  | state[head] "terminating"           { $$ = make_state_terminating($head, @2); }
  | state[head] "object" name           { $$ = build_state_object(p, $head, span_join(@2, @3), $name); }
  ;

pairs:
    name[pair] "=" name[value]                      { $$ = make_pairs(p->arena, (struct ast_pairs){0}, $pair, $value); }
  | pairs[list] "," name[pair] "=" name[value]      { $$ = make_pairs(p->arena, $list, $pair, $value); }
  ;

// ---- names ----

names:
    name                    { $$ = make_words(p->arena, (struct words){0}, $name); }
  | names[list] "," name    { $$ = make_words(p->arena, $list, $name); }
  ;

patterns:
    pattern                     { $$ = make_words(p->arena, (struct words){0}, $pattern); }
  | patterns[list] "," pattern  { $$ = make_words(p->arena, $list, $pattern); }
  ;

pattern: name | "*" | "wildcard";

// Every keyword but `labeled` and `no`, which parse.c makes words where they are some.
name: key | "not";
// Not what negates a selector,
key: group_name | comparison_keyword;
// not what a comparison begins with,
group_name: "word" | "string" | word_keyword | subject_keyword | predicate_keyword | subject_predicate_keyword;
// not what a subject begins with,
reference: "word" | "string" | word_keyword | comparison_keyword | predicate_keyword | "not";
// not what a predicate begins with,
variable: "word" | word_keyword | comparison_keyword | subject_keyword;
// not what is read on the right side of a comparison.
constant: "word" | "string" | word_keyword | comparison_keyword | subject_keyword | "group" | predicate_word | "not";

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
comparison_keyword:
    "in" | "like" | "matches" | "contains" | "notin"
  ;
word_keyword:
    "policy" | "include" | "accept" | "tenant" | "against" | "resource" | "object" | "lock" | "grant" | "webhook" | "deployer" | "test" | "of"
  | "namespaced" | "cluster" | "kind" | "subresources" | "sealed" | "by" | "and" | "with" | "extra"
  | "on" | "to" | "resources" | "except" | "labels" | "annotations" | "where" | "objects"
  | "deny" | "exclusive" | "when" | "unless" | "changing" | "require" | "exempt" | "break-glass"
  | "guard" | "cover" | "cascade" | "never" | "mode" | "error" | "message" | "owner" | "ticket" | "active"
  | "from" | "until" | "allow" | "impersonate" | "urls" | "role" | "aggregate" | "automount" | "or" | "as" | "given" | "locks"
  | "create"
  | "update" | "delete" | "connect" | "evict" | "scale" | "delete-collection" | "terminating"
  | "grants" | "expect" | "allowed" | "denied" | "warned" | "called" | "validating" | "mutating"
  | "service" | "path" | "port" | "url" | "ca" | "file" | "secret" | "account" | "consent" | "strict" | "failure"
  | "timeout" | "side" | "effects" | "dry" | "run" | "reinvoke" | "if" | "needed"
  | "excludes" | "everything" | "calls" | "narrows" | "namespaces" | "members" | "pod" | "security" | "quota"
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
