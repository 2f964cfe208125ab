// The tree of a CEL expression, shared by its lexer, grammar, checker and evaluator.
#ifndef KLOCK_CEL_TREE_H
#define KLOCK_CEL_TREE_H

#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/span.h"
#include "cel/cel.h"

struct arena;
struct regex;
struct value;

// ---- values ----

enum cel_kind {
    CEL_KIND_ERROR,
    CEL_KIND_NULL,
    CEL_KIND_BOOL,
    CEL_KIND_INT,
    CEL_KIND_UINT,
    CEL_KIND_DOUBLE,
    CEL_KIND_STRING,
    CEL_KIND_BYTES,
    CEL_KIND_LIST,
    CEL_KIND_MAP,
    CEL_KIND_TYPE,
    CEL_KIND_TIMESTAMP,
    CEL_KIND_DURATION,
    CEL_KIND_OPTIONAL,
    CEL_KIND_QUANTITY,
    CEL_KIND_URL,
    CEL_KIND_IP,
    CEL_KIND_CIDR,
    CEL_KIND_SEMVER,
    CEL_KIND_FORMAT,
    CEL_KIND_AUTHORIZATION,
};

struct cel_string {
    const char *bytes; // valid UTF-8, may hold NUL, not NUL-terminated
    size_t len;
};

struct cel_time {
    int64_t seconds; // since 1970, UTC
    int32_t nanos;   // 0 to 999999999
    int32_t offset;  // seconds east of UTC in which it is written
};

struct cel_address {
    unsigned char bytes[16]; // the first four, or all of them
    bool is_v6;
    unsigned char bits; // of the prefix; not for a single address
};

struct cel_value {
    enum cel_kind kind;
    union {
        const char *error;
        bool boolean;
        int64_t integer; // a duration in nanoseconds as well
        uint64_t natural;
        double number;
        struct cel_string string; // bytes as well, which need not be UTF-8
        // Lists: items. Maps: keys and values in turn, count is twice the number of entries.
        struct {
            struct cel_value *items;
            size_t count;
        } list;
        enum cel_kind type;
        struct cel_time time;
        const struct cel_value *inner; // of an optional; NULL for none
        const struct cel_quantity *quantity;
        const struct cel_url *url;
        struct cel_address address;
        const struct cel_semver *semver;
        size_t format; // cel_named.c
        const struct cel_authorization *authorization;
    } as;
    const struct value *data; // a list or map of the request; then `as` is not used
};

// How far a question to the authorizer is put; cel_authorizer.c.
enum cel_authorization_stage {
    CEL_AUTHORIZER,
    CEL_PATH_CHECK,
    CEL_GROUP_CHECK,
    CEL_RESOURCE_CHECK,
    CEL_DECISION,
};

// ---- types ----

enum cel_type_kind {
    CEL_TYPE_DYN,
    CEL_TYPE_NULL,
    CEL_TYPE_BOOL,
    CEL_TYPE_INT,
    CEL_TYPE_UINT,
    CEL_TYPE_DOUBLE,
    CEL_TYPE_STRING,
    CEL_TYPE_BYTES,
    CEL_TYPE_TIMESTAMP,
    CEL_TYPE_DURATION,
    CEL_TYPE_LIST,
    CEL_TYPE_MAP,
    CEL_TYPE_TYPE,
    CEL_TYPE_STRUCT,
    CEL_TYPE_OPTIONAL,
    CEL_TYPE_VAR, // not known yet: the items of []
};

struct cel_field {
    const char *name;
    const struct cel_type *type;
};

struct cel_type {
    enum cel_type_kind kind;
    const struct cel_type *first, *second; // list, type, optional: of what; map: key and value
    const struct cel_type **bound;         // var: holds what it stands for, or NULL
    const char *name;                      // struct
    const struct cel_field *fields;        // struct; ends with a NULL name; tells one type from the other
};

// ---- functions: one row per overload; see cel_functions.def ----

enum cel_function {
#define FUNCTION(function, name, since, implementation, cost) CEL_FN_##function,
#define OVERLOAD(function, style, signature)
#include "cel/cel_functions.def"
#undef FUNCTION
#undef OVERLOAD
    CEL_FN_COUNT
};

// ---- nodes ----

enum cel_node_kind {
    CEL_NODE_LITERAL,
    CEL_NODE_IDENT,  // name
    CEL_NODE_SELECT, // target.name, target.?name
    CEL_NODE_HAS,    // has(target.name)
    CEL_NODE_CALL,   // name(args) or target.name(args); operators are named as _+_
    CEL_NODE_AND,    // args: chains are flat, as they may be long
    CEL_NODE_OR,
    CEL_NODE_LIST,  // args
    CEL_NODE_MAP,   // args: keys and values in turn
    CEL_NODE_MACRO, // target.name(variable, args) or target.name(variable, second_variable, args)
};

enum cel_macro {
    CEL_MACRO_ALL,
    CEL_MACRO_EXISTS,
    CEL_MACRO_EXISTS_ONE,
    CEL_MACRO_MAP, // transformList, with two variables
    CEL_MACRO_FILTER,
    CEL_MACRO_TRANSFORM_MAP,
    CEL_MACRO_TRANSFORM_ENTRY,
    CEL_MACRO_SORT_BY,
    CEL_MACRO_OPT_MAP,
    CEL_MACRO_OPT_FLAT_MAP,
};

enum cel_variable {
    CEL_OBJECT,
    CEL_OLD_OBJECT,
    CEL_REQUEST,
    CEL_NAMESPACE_OBJECT,
    CEL_PARAMS,
    CEL_AUTHORIZER_VARIABLE,
    CEL_VARIABLES
};

struct cel_node {
    enum cel_node_kind kind;
    struct span span;
    unsigned depth;
    bool in_parentheses; // as written, or as asked for: what is printed has them as well
    bool beyond_int;     // the literal 9223372036854775808, which needs its minus sign
    bool optional_field; // SELECT with a question mark
    bool optional_item;  // behind a question mark in a list or, as a value, in a map
    struct cel_value literal;
    const char *name;
    struct cel_node *target;
    struct cel_node **args;
    size_t count;
    const char *spelling; // printed in place of the tree; NULL: as cel_print does it

    // The checker's findings.
    const struct cel_type *type;
    enum cel_function function;
    const char *overload;      // the signature of the only one that fits; NULL if several may
    bool is_constant;          // the API server works it out when it compiles
    const struct regex *regex; // of a literal pattern
    enum cel_macro macro;
    const char *variable;          // of a macro
    const char *second_variable;   // the same, or NULL
    const struct cel_node *binder; // IDENT: the macro that binds it, or NULL
    bool is_second;                // IDENT: that it is the second variable
    enum cel_variable global;      // IDENT without a binder and without literal type
    bool is_type;                  // IDENT: the name of a type, held in literal
    size_t definition;             // SELECT, HAS: number, from 1, of the definition that is read; 0: none

    bool is_simple; // nothing is left for cel_simplify

    // The specialiser's findings.
    struct cel_node *const *subjects; // that it was asked about last; NULL: never
    size_t subject;                   // which of them it is, from 1; 0: none
    bool reads_subject;
};

// Whether it is that operator ("_&&_" is none, see CEL_NODE_AND), or a function of that name without a target.
static inline bool cel_is_call(const struct cel_node *node, const char *name) {
    return node->kind == CEL_NODE_CALL && !node->target && strcmp(node->name, name) == 0;
}

struct cel_nodes {
    struct cel_node **items;
    size_t count;
};

struct cel_token {
    size_t begin, end;
    const struct cel_node *literal; // NULL for all but literals
};

struct cel_expr {
    struct cel_node *root;
    const char *text;
    unsigned minor; // the oldest server
    const struct cel_type *type;
    bool reads[CEL_VARIABLES];
};

struct cel_parser {
    struct arena *arena;
    const char *text;
    size_t len;
    const unsigned char *cursor, *limit, *marker;
    struct cel_token *tokens;
    size_t token_count;
    struct cel_node *root;
    struct cel_expr *expr;
    unsigned minor; // the oldest server, 30 for 1.30
    const struct cel_declarations *declarations;
    enum cel_output output;
    jmp_buf failed;
    struct cel_problem *problem;
};

// The ways out of an expression that cannot be used: the API server refuses it, so does the oldest one, it cannot be
// evaluated here. What newer servers take is said by its name alone.
_Noreturn void cel_fail(struct cel_parser *p, size_t offset, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
_Noreturn void cel_fail_newer(struct cel_parser *p, size_t offset, unsigned since, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
_Noreturn void cel_fail_unsupported(struct cel_parser *p, size_t offset, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

// ---- literals, for the lexer: the bytes of the token ----

struct cel_node *cel_literal_bool(struct cel_parser *p, struct span span, bool boolean);
struct cel_node *cel_literal_null(struct cel_parser *p, struct span span);
struct cel_node *cel_literal_int(struct cel_parser *p, struct span span);
struct cel_node *cel_literal_uint(struct cel_parser *p, struct span span);
struct cel_node *cel_literal_double(struct cel_parser *p, struct span span);
struct cel_node *cel_literal_string(struct cel_parser *p, struct span span);

// ---- builders, for the grammar ----

void cel_set_root(struct cel_parser *p, struct cel_node *root);
struct cel_node *cel_node_ident(struct cel_parser *p, struct span span, const char *name);
struct cel_node *cel_node_select(struct cel_parser *p, struct span span, struct cel_node *target, const char *name,
                                 bool is_optional);
struct cel_node *cel_optional_item(struct cel_parser *p, struct cel_node *item);
// Macros are calls until they are checked.
struct cel_node *cel_node_call(struct cel_parser *p, struct span span, struct cel_node *target, const char *name,
                               struct cel_nodes args);
struct cel_node *cel_node_operator(struct cel_parser *p, struct span span, const char *name, struct cel_node *left,
                                   struct cel_node *right);
struct cel_node *cel_node_conditional(struct cel_parser *p, struct span span, struct cel_node *condition,
                                      struct cel_node *yes, struct cel_node *no);
struct cel_node *cel_node_chain(struct cel_parser *p, struct span span, enum cel_node_kind kind, struct cel_node *left,
                                struct cel_node *right);
// Signs are written times over: an even number of them is none.
struct cel_node *cel_node_not(struct cel_parser *p, struct span span, size_t times, struct cel_node *operand);
struct cel_node *cel_node_negate(struct cel_parser *p, struct span span, size_t times, struct cel_node *operand);
struct cel_node *cel_node_parentheses(struct cel_parser *p, struct cel_node *inner);
struct cel_node *cel_node_list(struct cel_parser *p, struct span span, struct cel_nodes items);
struct cel_node *cel_node_map(struct cel_parser *p, struct span span, struct cel_nodes entries);
struct cel_nodes cel_nodes_of(struct cel_parser *p, struct cel_node *node);
struct cel_nodes cel_nodes_with(struct cel_parser *p, struct cel_nodes nodes, struct cel_node *node);
struct cel_nodes cel_nodes_with_entry(struct cel_parser *p, struct cel_nodes nodes, struct cel_node *key,
                                      struct cel_node *value);

// ---- checker ----

// Gives every node its type and meaning, or leaves through cel_fail.
void cel_check(struct cel_parser *p, struct cel_node *root);
// A literal pattern of format() and the types of its arguments, which are checked already.
void cel_check_format(struct cel_parser *p, const struct cel_node *call);

// ---- evaluator ----

// Of the functions that are named by types.
struct cel_value cel_convert(enum cel_function function, struct cel_value value, struct arena *arena);

#endif
