// The tree of one source file as it was written: names are unresolved, sugar is in place.
#ifndef KLOCK_AST_H
#define KLOCK_AST_H

#include <stdbool.h>
#include <stddef.h>

#include "base/span.h"

// A word or string; the text has its escapes resolved and lives in the arena.
struct word {
    const char *text; // NULL where an optional word was left out
    struct span span;
    bool quoted; // a string: never a number, a boolean or a wildcard
};

struct words {
    struct word *items;
    size_t count;
};

// ---- expressions (language.md section 4) ----

enum ast_expr_kind {
    AST_EXPR_ERROR, // poison: something here was reported already
    AST_EXPR_AND,   // operands; chains are flat lists
    AST_EXPR_OR,
    AST_EXPR_NOT,        // operands[0]
    AST_EXPR_LABEL,      // label KEY [CMP]; also every requirement of `labels SELECTOR`
    AST_EXPR_ANNOTATION, // annotation KEY [CMP]; also every requirement of `annotations SELECTOR`
    AST_EXPR_NAME,       // name CMP
    AST_EXPR_NAMESPACE,  // namespace CMP
    AST_EXPR_NAMESPACE_LABEL,
    AST_EXPR_FIELD, // [old | new] field PATH [CMP]
    AST_EXPR_USER,
    AST_EXPR_GROUP,     // key is the group; or CMP, of any group
    AST_EXPR_ACTOR,     // key is the actor's name
    AST_EXPR_OPERATION, // values are operations
    AST_EXPR_ANY_LABEL, // any label CMP: of the keys
    AST_EXPR_ANY_ANNOTATION,
    AST_EXPR_ANY, // any PATH as X ( operands[0] )
    AST_EXPR_ALL,
    AST_EXPR_CEL,     // key is the expression text
    AST_EXPR_WEBHOOK, // asks of the webhook that `key` names; values: namespace, resource, service, deny or allow
};

enum ast_comparison {
    AST_EXISTS, // no comparison written
    AST_EQ,
    AST_NE,
    AST_IN,
    AST_NOT_IN,
    AST_LT,
    AST_LE,
    AST_GT,
    AST_GE,
    AST_LIKE,
    AST_MATCHES,
    AST_CONTAINS,
};

enum ast_state { AST_STATE_DEFAULT, AST_STATE_OLD, AST_STATE_NEW };

// What is asked of an element of `webhooks`.
enum ast_webhook_question {
    AST_EXCLUDES_NAMESPACE,
    AST_MATCHES_RESOURCE,
    AST_MATCHES_EVERYTHING,
    AST_TIMEOUT, // CMP
    AST_FAILURE,
    AST_CALLS_SERVICE,
    AST_NARROWS,
};

// spec.containers[*].image is {"spec"} {"containers"} each {"image"}.
struct ast_segment {
    const char *key; // NULL for [*]
    struct span span;
};

struct ast_path {
    struct ast_segment *items;
    size_t count;
    struct span span;
};

struct ast_paths {
    struct ast_path *items;
    size_t count;
};

struct ast_expr {
    enum ast_expr_kind kind;
    struct span span;
    enum ast_state state;
    enum ast_comparison comparison;
    enum ast_webhook_question question;
    struct word key;            // label or annotation key, group, actor, variable of any/all, CEL text
    struct ast_path path;       // FIELD, ANY, ALL
    struct words values;        // right side of the comparison: what stands there by itself; operations
    struct ast_expr **readings; // and what is read there: atoms without a comparison
    size_t reading_count;
    struct ast_expr **operands;
    size_t operand_count;
    unsigned depth; // 1 for a leaf; the parser refuses more than LIMIT_EXPR_DEPTH
};

// ---- subjects ----

enum ast_subject_kind {
    AST_SUBJECT_ERROR,
    AST_SUBJECT_SERVICE_ACCOUNT,  // name is NS/NAME as written
    AST_SUBJECT_SERVICE_ACCOUNTS, // name is NS
    AST_SUBJECT_USER,
    AST_SUBJECT_GROUP,
    AST_SUBJECT_UID,
    AST_SUBJECT_ACTOR,  // name of another actor
    AST_SUBJECT_MAY,    // may VERB
    AST_SUBJECT_TENANT, // the members of the tenant whose namespace it is; nobody can write that
    AST_SUBJECT_PRESET, // flux, argocd, …: any word that names one; name is the preset, extra_value the namespace if
                        // given
    AST_SUBJECT_AND,    // left and right
    AST_SUBJECT_EXTRA,  // left with extra KEY = VALUE
};

struct ast_subject {
    enum ast_subject_kind kind;
    struct span span;
    struct word name;
    struct word extra_key, extra_value;
    struct ast_subject *left, *right;
    unsigned depth; // 1 for a leaf; the parser refuses more than LIMIT_EXPR_DEPTH
};

struct ast_subjects {
    struct ast_subject **items;
    size_t count;
};

// ---- clauses ----

// A clause of an object, lock, grant or webhook block, or of an actor; clauses.h says which of the members below are
// set.
enum ast_clause_kind {
#define CLAUSE(kind, keyword, actor, object, lock, grant, webhook, tenant, often, holds) AST_CLAUSE_##kind,
#include "front/clauses.def"
#undef CLAUSE
};

struct ast_clause {
    enum ast_clause_kind kind;
    struct span span;    // the whole clause
    struct span keyword; // its first word or words
    struct words words;
    struct words removed; // of AST_CLAUSE_GUARD: those behind `no`
    struct word mode;     // of AST_CLAUSE_COVER: "name", "params" or "never"; of AST_CLAUSE_SIDE_EFFECTS: "dry"
    struct words of;      // of AST_CLAUSE_ACCEPT: kind and name of a binding; none if it is about no RBAC
    struct word reason;   // of AST_CLAUSE_ACCEPT; text NULL if none
    struct ast_expr *expr;
    struct ast_subjects subjects;
    struct ast_paths paths;
};

struct ast_clauses {
    struct ast_clause **items;
    size_t count;
};

// What stands behind `guard`.
struct ast_guards {
    struct words words, removed;
};

// ---- test steps ----

enum ast_step_kind {
    AST_STEP_AS,           // subjects: together they describe one requester
    AST_STEP_OPERATION,    // operation, resource, name, before -> after
    AST_STEP_IN_NAMESPACE, // namespace_labels (K=V pairs) and terminating
    AST_STEP_GRANTS,       // words: verbs that `may` finds
    AST_STEP_GIVEN,        // resource, name, before; is_gone: it is not there any more
    AST_STEP_EXPECT,       // expectation, lock, words: which part of it, or which webhooks
};

enum ast_expectation {
    AST_EXPECT_ALLOWED,
    AST_EXPECT_DENIED,
    AST_EXPECT_WARNED,
    AST_EXPECT_CALLED,     // words: the webhooks
    AST_EXPECT_NOT_CALLED, // words: the webhooks; none of them where none is named
};

struct ast_pair {
    struct word key, value;
};

struct ast_pairs {
    struct ast_pair *items;
    size_t count;
};

struct ast_field_value {
    struct ast_path path;
    struct word value;
};

struct ast_object_state {
    bool given; // something was written
    struct span span;
    struct ast_pairs labels, annotations;
    struct ast_field_value *fields;
    size_t field_count;
    bool terminating;
    struct word object; // YAML text; text NULL if none
};

struct ast_step {
    enum ast_step_kind kind;
    struct span span;
    struct ast_subjects subjects;
    struct word operation; // create, update, delete, connect, evict, scale, delete-collection
    struct word resource, name;
    struct ast_object_state before; // the only state when there is no arrow
    struct ast_object_state after;
    bool has_arrow, is_gone;
    struct ast_pairs namespace_labels;
    bool namespace_terminating;
    struct words words;
    enum ast_expectation expectation;
    struct word lock; // text NULL if none
};

// ---- items ----

enum ast_item_kind {
    AST_ITEM_POLICY,
    AST_ITEM_INCLUDE, // name is the path
    AST_ITEM_RESOURCE,
    AST_ITEM_RESOURCES_FROM, // paths
    AST_ITEM_ACTOR,
    AST_ITEM_OBJECT,
    AST_ITEM_LOCK,
    AST_ITEM_GRANT,
    AST_ITEM_DEPLOYER, // to
    AST_ITEM_WEBHOOK,
    AST_ITEM_TENANT,
    AST_ITEM_ACCEPT,
    AST_ITEM_TEST,
};

struct ast_item {
    enum ast_item_kind kind;
    struct span span;    // the whole item
    struct span keyword; // its first word
    struct word name;
    bool made; // of a tenant, whose place it has: nobody wrote it
    struct ast_item *next;
    union {
        struct {
            struct word against; // text NULL if none
        } policy;
        struct ast_clause *accept;
        struct {
            struct word version; // of `resource x.y /v1`; text NULL if none
            bool namespaced;
            struct word kind;
            struct words subresources;
        } resource;
        struct words paths; // of definitions, with `*` and `?`
        struct {
            bool create;           // `new`
            struct span create_at; // the word `new`
            struct ast_subjects subjects;
            struct word automount; // text NULL if it is not there
            bool sealed;
            struct span sealed_at;
            struct ast_subjects sealed_by;
        } actor;
        struct {
            struct words objects;   // `on OBJECT, …` of locks and grants
            struct ast_subjects to; // of grants and of `deployer`
            struct ast_clauses clauses;
            struct word kind; // of webhooks: validating or mutating
            bool is_template; // of grants: it is some tenant's role, and may be to nobody else
            // Of a grant that is made for a tenant whose role it is to have what another allows: that one, and where it
            // is named.
            const struct ast_item *template;
            struct span role;
        } block; // object, lock, grant, webhook, tenant, deployer
        struct {
            struct ast_step **steps;
            size_t count;
        } test;
    } as;
};

struct ast_file {
    uint32_t source; // index into the compilation's sources
    struct ast_item *first, *last;
};

#endif
