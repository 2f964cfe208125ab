// Calls in CEL expressions: which overloads fit and what type they have, and what the API server works out, and may
// refuse, when it compiles.
#include <string.h>

#include "base/arena.h"
#include "cel/cel_checker.h"
#include "data/regex.h"

struct overload {
    enum cel_function function;
    char style;
    const char *signature;
};

static const struct overload overloads[] = {
#define FUNCTION(function, name, since, implementation, cost)
#define OVERLOAD(function, style, signature) {CEL_FN_##function, style, signature},
#include "cel/cel_functions.def"
#undef FUNCTION
#undef OVERLOAD
};

struct function {
    const char *name;
    unsigned since; // the minor of the first server that takes it
};

static const struct function functions[] = {
#define FUNCTION(function, name, since, implementation, cost) {name, since},
#define OVERLOAD(function, style, signature)
#include "cel/cel_functions.def"
#undef FUNCTION
#undef OVERLOAD
};

enum { OVERLOADS = sizeof overloads / sizeof *overloads };

struct signature {
    const char *at;
    type a, b; // fresh for every try
};

static type read_type(struct checker *c, struct signature *s) {
    switch (*s->at++) {
    case 'b': return &cel_bool;
    case 'i': return &cel_int;
    case 'u': return &cel_uint;
    case 'd': return &cel_double;
    case 's': return &cel_text_type;
    case 'y': return &cel_bytes;
    case 't': return &cel_timestamp;
    case 'r': return &cel_duration;
    case 'q': return &cel_quantity;
    case 'w': return &cel_url;
    case 'p': return &cel_ip;
    case 'c': return &cel_cidr;
    case 'v': return &cel_semver;
    case 'f': return &cel_named_format;
    case 'a': return &cel_authorizer_type;
    case 'h': return &cel_path_check;
    case 'g': return &cel_group_check;
    case 'k': return &cel_resource_check;
    case 'n': return &cel_authorization_decision;
    case 'A': return s->a ? s->a : (s->a = cel_new_variable(c));
    case 'B': return s->b ? s->b : (s->b = cel_new_variable(c));
    case 'L': return cel_list_of(c, read_type(c, s));
    case 'T': return cel_new_type(c, CEL_TYPE_TYPE, read_type(c, s), NULL);
    case 'O': return cel_new_type(c, CEL_TYPE_OPTIONAL, read_type(c, s), NULL);
    case 'M': {
        const type key = read_type(c, s);
        return cel_new_type(c, CEL_TYPE_MAP, key, read_type(c, s));
    }
    default: return &cel_dyn;
    }
}

// The result type when the arguments fit, else NULL; the target is the first argument of a member.
static type try_overload(struct checker *c, const char *text, const struct cel_node *node) {
    const size_t mark = c->trail_count;
    struct signature signature = {text, NULL, NULL};
    size_t given = 0;
    const size_t total = node->count + (node->target ? 1 : 0);
    while (*signature.at != '>') {
        const type expected = read_type(c, &signature);
        const struct cel_node *arg = NULL;
        if (given < total) arg = !node->target ? node->args[given] : given ? node->args[given - 1] : node->target;
        given++;
        if (!arg || !cel_assign(c, arg->type, expected)) {
            cel_undo_to(c, mark);
            return NULL;
        }
    }
    if (given != total) {
        cel_undo_to(c, mark);
        return NULL;
    }
    signature.at++;
    return cel_substituted(c, read_type(c, &signature));
}

static bool find_function(const char *name, enum cel_function *ret_function) {
    for (size_t i = 0; i < CEL_FN_COUNT; i++) {
        if (strcmp(functions[i].name, name) != 0) continue;
        *ret_function = (enum cel_function)i;
        return true;
    }
    return false;
}

bool cel_is_function(const char *name) {
    enum cel_function function;
    return find_function(name, &function);
}

static void find_meaning(struct checker *c, struct cel_node *node) {
    if (!find_function(node->name, &node->function))
        cel_fail(c->parser, node->span.begin, "there is no function '%s'", node->name);
    const struct function *function = &functions[node->function];
    if (function->since > c->parser->minor)
        cel_fail_newer(c->parser, node->span.begin, function->since, "the function '%s'", node->name);
}

static _Noreturn void refuse_arguments(struct checker *c, const struct cel_node *node) {
    const char *first = node->target ? cel_type_name(node->target->type) : NULL;
    const char *second = node->count ? cel_type_name(node->args[0]->type) : NULL;
    if (!first && node->count > 1) {
        first = second;
        second = cel_type_name(node->args[1]->type);
    }
    const bool is_operator = strchr(node->name, '_') != NULL;
    cel_fail(c->parser, node->span.begin, "%s '%s' does not take %s%s%s", is_operator ? "the operator" : "the function",
             node->name,
             first    ? first
             : second ? second
                      : "no arguments",
             first && second ? " and " : "", first && second ? second : "");
}

static const struct regex *compile_literal(struct checker *c, const struct cel_node *pattern) {
    if (pattern->kind != CEL_NODE_LITERAL || pattern->literal.kind != CEL_KIND_STRING) return NULL;
    const struct cel_string text = pattern->literal.as.string;
    const char *error = NULL;
    size_t offset = 0;
    if (memchr(text.bytes, '\0', text.len))
        cel_fail_unsupported(c->parser, pattern->span.begin, "klockc does not evaluate a pattern with a NUL");
    const struct regex *regex = regex_compile(c->arena, text.bytes, &error, &offset);
    if (!regex && strstr(error, "not supported"))
        cel_fail_unsupported(c->parser, pattern->span.begin, "klockc does not evaluate the pattern: %s", error);
    if (!regex) cel_fail(c->parser, pattern->span.begin, "the API server refuses the pattern: %s", error);
    return regex;
}

// Patterns that are literals are compiled, and refused, when the policy is created. The API server's check of `matches`
// looks at the first argument, which is the text where it is not called on the text.
static void check_literal_pattern(struct checker *c, struct cel_node *node) {
    if (node->function != CEL_FN_MATCHES && node->function != CEL_FN_FIND && node->function != CEL_FN_FIND_ALL) return;
    node->regex = compile_literal(c, node->args[node->target ? 0 : 1]);
    if (!node->target) (void)compile_literal(c, node->args[0]);
}

static bool is_conversion(const struct cel_node *node) {
    switch ((int)node->function) {
    case CEL_FN_DYN:
    case CEL_FN_TYPE:
    case CEL_FN_BOOL:
    case CEL_FN_BYTES:
    case CEL_FN_INT:
    case CEL_FN_UINT:
    case CEL_FN_DOUBLE:
    case CEL_FN_STRING:
    case CEL_FN_TIMESTAMP:
    case CEL_FN_DURATION: return true;
    default: return false;
    }
}

bool cel_is_constant(const struct cel_node *node) {
    if (node->kind == CEL_NODE_LITERAL || (node->kind == CEL_NODE_IDENT && node->is_type)) return true;
    if (node->kind == CEL_NODE_CALL && (node->target || !is_conversion(node))) return false;
    if (node->kind != CEL_NODE_CALL && node->kind != CEL_NODE_LIST && node->kind != CEL_NODE_MAP) return false;
    for (size_t i = 0; i < node->count; i++)
        if (!node->args[i]->is_constant) return false;
    return true;
}

// Constants are converted when the API server compiles, and those that cannot be are refused.
static void fold_conversion(struct checker *c, struct cel_node *node) {
    if (!is_conversion(node) || !node->args[0]->is_constant || node->function == CEL_FN_TYPE) return;
    if (node->args[0]->kind == CEL_NODE_LITERAL) {
        node->literal = cel_convert(node->function, node->args[0]->literal, c->arena);
        if (node->literal.kind == CEL_KIND_ERROR)
            cel_fail(c->parser, node->span.begin, "the literal cannot be converted by %s(): %s", node->name,
                     node->literal.as.error);
        node->kind = CEL_NODE_LITERAL;
    } else if (node->function != CEL_FN_DYN) {
        cel_fail(c->parser, node->span.begin, "the literal cannot be converted by %s()", node->name);
    }
}

static bool is_key(enum cel_kind kind) {
    return kind == CEL_KIND_STRING || kind == CEL_KIND_INT || kind == CEL_KIND_UINT || kind == CEL_KIND_DOUBLE ||
           kind == CEL_KIND_BOOL;
}

// The API server refuses constant indices that can be none.
static void check_constant_index(struct checker *c, const struct cel_node *node) {
    const struct cel_node *index = node->args[1];
    if (cel_resolved(node->args[0]->type)->kind == CEL_TYPE_NULL)
        cel_fail_unsupported(c->parser, node->span.begin, "klockc does not evaluate an index into null");
    if (!index->is_constant || (index->kind == CEL_NODE_LITERAL && is_key(index->literal.kind))) return;
    cel_fail(c->parser, index->span.begin, "%s cannot be an index", cel_type_name(index->type));
}

type cel_check_branches(struct checker *c, struct cel_node *yes, struct cel_node *no) {
    struct cel_node condition = {.type = &cel_bool};
    struct cel_node *args[] = {&condition, yes, no};
    const struct cel_node choice = {.args = args, .count = 3};
    return try_overload(c, "bAA>A", &choice);
}

// Versions have functions of quantities, and came later.
static bool is_known(const struct checker *c, const char *signature) {
    enum { VERSIONS_SINCE = 34 };
    return c->parser->minor >= VERSIONS_SINCE || !strchr(signature, 'v');
}

type cel_check_overloads(struct checker *c, struct cel_node *node) {
    find_meaning(c, node);
    type result = NULL;
    for (size_t i = 0; i < OVERLOADS; i++) {
        if (overloads[i].function != node->function || overloads[i].style != (node->target ? 'm' : 'g')) continue;
        if (!is_known(c, overloads[i].signature)) continue;
        const type found = try_overload(c, overloads[i].signature, node);
        if (!found) continue;
        node->overload = result ? NULL : overloads[i].signature;
        if (!result)
            result = found;
        else if (cel_is_open(result) || cel_is_open(found) || !cel_same_type(result, found))
            result = &cel_dyn;
    }
    if (!result) refuse_arguments(c, node);
    check_literal_pattern(c, node);
    if (node->function == CEL_FN_INDEX || node->function == CEL_FN_OPTIONAL_INDEX) check_constant_index(c, node);
    fold_conversion(c, node);
    return result;
}
