// The tree of a CEL expression, shared by its lexer, grammar, checker and evaluator.
#ifndef KLOCK_CELEXPR_TREE_H
#define KLOCK_CELEXPR_TREE_H

#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "span.h"

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
    CEL_KIND_LIST,
    CEL_KIND_MAP,
    CEL_KIND_TYPE,
};

struct cel_string {
    const char *bytes; // valid UTF-8, may hold NUL, not NUL-terminated
    size_t len;
};

struct cel_value {
    enum cel_kind kind;
    union {
        const char *error;
        bool boolean;
        int64_t integer;
        uint64_t natural;
        double number;
        struct cel_string string;
        // Lists: items. Maps: keys and values in turn, count is twice the number of entries.
        struct {
            struct cel_value *items;
            size_t count;
        } list;
        enum cel_kind type;
    } as;
    const struct value *data; // a list or map of the request; then `as` is not used
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
    const struct cel_field *fields;        // struct; ends with a NULL name
};

// ---- functions: one row per overload; see celexpr_functions.def ----

enum cel_function {
#define FUNCTION(function, name) CEL_FN_##function,
#define OVERLOAD(function, style, signature)
#include "celexpr_functions.def"
#undef FUNCTION
#undef OVERLOAD
    CEL_FN_COUNT
};

// ---- nodes ----

enum cel_node_kind {
    CEL_NODE_LITERAL,
    CEL_NODE_IDENT,  // name
    CEL_NODE_SELECT, // target.name
    CEL_NODE_HAS,    // has(target.name)
    CEL_NODE_CALL,   // name(args) or target.name(args); operators are named as _+_
    CEL_NODE_AND,    // args: chains are flat, as they may be long
    CEL_NODE_OR,
    CEL_NODE_LIST,  // args
    CEL_NODE_MAP,   // args: keys and values in turn
    CEL_NODE_MACRO, // target.name(variable, args)
};

enum cel_macro { CEL_MACRO_ALL, CEL_MACRO_EXISTS, CEL_MACRO_EXISTS_ONE, CEL_MACRO_MAP, CEL_MACRO_FILTER };

enum cel_variable { CEL_OBJECT, CEL_OLD_OBJECT, CEL_REQUEST, CEL_NAMESPACE_OBJECT, CEL_VARIABLES };

struct cel_node {
    enum cel_node_kind kind;
    struct span span;
    unsigned depth;
    bool in_parentheses;
    bool beyond_int; // the literal 9223372036854775808, which needs its minus sign
    struct cel_value literal;
    const char *name;
    struct cel_node *target;
    struct cel_node **args;
    size_t count;

    // The checker's findings.
    const struct cel_type *type;
    enum cel_function function;
    const struct regex *regex; // of a literal pattern
    enum cel_macro macro;
    const char *variable;          // of a macro
    const struct cel_node *binder; // IDENT: the macro that binds it, or NULL
    enum cel_variable global;      // IDENT without a binder and without literal type
    bool is_type;                  // IDENT: the name of a type, held in literal
};

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
    jmp_buf failed;
    const char *error;
    size_t error_offset;
};

_Noreturn void cel_fail(struct cel_parser *p, size_t offset, const char *format, ...)
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
struct cel_node *cel_ident(struct cel_parser *p, struct span span, const char *name);
struct cel_node *cel_select(struct cel_parser *p, struct span span, struct cel_node *target, const char *name);
// Macros are calls until they are checked.
struct cel_node *cel_call(struct cel_parser *p, struct span span, struct cel_node *target, const char *name,
                          struct cel_nodes args);
struct cel_node *cel_operator(struct cel_parser *p, struct span span, const char *name, struct cel_node *left,
                              struct cel_node *right);
struct cel_node *cel_conditional(struct cel_parser *p, struct span span, struct cel_node *condition,
                                 struct cel_node *yes, struct cel_node *no);
struct cel_node *cel_chain(struct cel_parser *p, struct span span, enum cel_node_kind kind, struct cel_node *left,
                           struct cel_node *right);
// Signs are written times over: an even number of them is none.
struct cel_node *cel_not(struct cel_parser *p, struct span span, size_t times, struct cel_node *operand);
struct cel_node *cel_negate(struct cel_parser *p, struct span span, size_t times, struct cel_node *operand);
struct cel_node *cel_parentheses(struct cel_parser *p, struct cel_node *inner);
struct cel_node *cel_list(struct cel_parser *p, struct span span, struct cel_nodes items);
struct cel_node *cel_map(struct cel_parser *p, struct span span, struct cel_nodes entries);
struct cel_nodes cel_nodes_of(struct cel_parser *p, struct cel_node *node);
struct cel_nodes cel_nodes_with(struct cel_parser *p, struct cel_nodes nodes, struct cel_node *node);
struct cel_nodes cel_nodes_with_entry(struct cel_parser *p, struct cel_nodes nodes, struct cel_node *key,
                                      struct cel_node *value);

// ---- checker ----

// Gives every node its type and meaning, or leaves through cel_fail.
void cel_check(struct cel_parser *p, struct cel_node *root);

// ---- evaluator ----

// dyn(), bool(), int(), uint(), double() or string() of a value.
struct cel_value cel_convert(enum cel_function function, struct cel_value value, struct arena *arena);

#endif
