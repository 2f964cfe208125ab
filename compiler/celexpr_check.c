// The checker of CEL expressions: names, overloads and types as cel-go's checker has them, with type variables for the
// items of empty lists and maps. What it refuses, the API server refuses when the policy is created.
#include <string.h>

#include "arena.h"
#include "celexpr_tree.h"
#include "regex.h"

typedef const struct cel_type *type;

struct scope {
    const struct cel_node *binder;
    type item;
    const struct scope *outer;
};

struct binding {
    type *bound;
    type before;
};

struct checker {
    struct cel_parser *parser;
    struct arena *arena;
    const struct scope *scope;
    // Bindings made since the last choice, to be undone when an overload does not fit.
    struct binding *trail;
    size_t trail_count;
    struct cel_node **aggregates;
    size_t aggregate_count;
};

static const struct cel_type dyn_type = {.kind = CEL_TYPE_DYN};
static const struct cel_type null_type = {.kind = CEL_TYPE_NULL};
static const struct cel_type bool_type = {.kind = CEL_TYPE_BOOL};
static const struct cel_type int_type = {.kind = CEL_TYPE_INT};
static const struct cel_type uint_type = {.kind = CEL_TYPE_UINT};
static const struct cel_type double_type = {.kind = CEL_TYPE_DOUBLE};
static const struct cel_type string_type = {.kind = CEL_TYPE_STRING};
static const struct cel_type bytes_type = {.kind = CEL_TYPE_BYTES};
static const struct cel_type timestamp_type = {.kind = CEL_TYPE_TIMESTAMP};
static const struct cel_type duration_type = {.kind = CEL_TYPE_DURATION};
static const struct cel_type strings_type = {.kind = CEL_TYPE_LIST, .first = &string_type};
static const struct cel_type string_map_type = {.kind = CEL_TYPE_MAP, .first = &string_type, .second = &string_type};
static const struct cel_type extra_type = {.kind = CEL_TYPE_MAP, .first = &string_type, .second = &strings_type};

// ---- what the API server declares ----

static const struct cel_field kind_fields[] = {
    {"group", &string_type}, {"version", &string_type}, {"kind", &string_type}, {NULL, NULL}};
static const struct cel_type kind_type = {.kind = CEL_TYPE_STRUCT, .name = "GroupVersionKind", .fields = kind_fields};

static const struct cel_field resource_fields[] = {
    {"group", &string_type}, {"version", &string_type}, {"resource", &string_type}, {NULL, NULL}};
static const struct cel_type resource_type = {
    .kind = CEL_TYPE_STRUCT, .name = "GroupVersionResource", .fields = resource_fields};

static const struct cel_field user_info_fields[] = {
    {"username", &string_type}, {"uid", &string_type}, {"groups", &strings_type}, {"extra", &extra_type}, {NULL, NULL}};
static const struct cel_type user_info_type = {.kind = CEL_TYPE_STRUCT, .name = "UserInfo", .fields = user_info_fields};

static const struct cel_field request_fields[] = {{"kind", &kind_type},
                                                  {"resource", &resource_type},
                                                  {"subResource", &string_type},
                                                  {"requestKind", &kind_type},
                                                  {"requestResource", &resource_type},
                                                  {"requestSubResource", &string_type},
                                                  {"name", &string_type},
                                                  {"namespace", &string_type},
                                                  {"operation", &string_type},
                                                  {"userInfo", &user_info_type},
                                                  {"dryRun", &bool_type},
                                                  {"options", &dyn_type},
                                                  {NULL, NULL}};
static const struct cel_type request_type = {
    .kind = CEL_TYPE_STRUCT, .name = "AdmissionRequest", .fields = request_fields};

static const struct cel_field metadata_fields[] = {{"name", &string_type},
                                                   {"generateName", &string_type},
                                                   {"namespace", &string_type},
                                                   {"labels", &string_map_type},
                                                   {"annotations", &string_map_type},
                                                   {"UID", &string_type},
                                                   {"creationTimestamp", &timestamp_type},
                                                   {"deletionGracePeriodSeconds", &int_type},
                                                   {"deletionTimestamp", &timestamp_type},
                                                   {"generation", &int_type},
                                                   {"resourceVersion", &string_type},
                                                   {"finalizers", &strings_type},
                                                   {NULL, NULL}};
static const struct cel_type metadata_type = {
    .kind = CEL_TYPE_STRUCT, .name = "NamespaceMetadata", .fields = metadata_fields};

static const struct cel_field spec_fields[] = {{"finalizers", &strings_type}, {NULL, NULL}};
static const struct cel_type spec_type = {.kind = CEL_TYPE_STRUCT, .name = "NamespaceSpec", .fields = spec_fields};

static const struct cel_field condition_fields[] = {
    {"status", &string_type},  {"type", &string_type},   {"lastTransitionTime", &timestamp_type},
    {"message", &string_type}, {"reason", &string_type}, {NULL, NULL}};
static const struct cel_type condition_type = {
    .kind = CEL_TYPE_STRUCT, .name = "NamespaceCondition", .fields = condition_fields};
static const struct cel_type conditions_type = {.kind = CEL_TYPE_LIST, .first = &condition_type};

static const struct cel_field status_fields[] = {
    {"conditions", &conditions_type}, {"phase", &string_type}, {NULL, NULL}};
static const struct cel_type status_type = {
    .kind = CEL_TYPE_STRUCT, .name = "NamespaceStatus", .fields = status_fields};

static const struct cel_field namespace_fields[] = {
    {"metadata", &metadata_type}, {"spec", &spec_type}, {"status", &status_type}, {NULL, NULL}};
static const struct cel_type namespace_type = {
    .kind = CEL_TYPE_STRUCT, .name = "Namespace", .fields = namespace_fields};

struct variable {
    const char *name;
    enum cel_variable variable;
    type type;
};

static const struct variable variables[] = {
    {"object", CEL_OBJECT, &dyn_type},
    {"oldObject", CEL_OLD_OBJECT, &dyn_type},
    {"request", CEL_REQUEST, &request_type},
    {"namespaceObject", CEL_NAMESPACE_OBJECT, &namespace_type},
};

struct excuse {
    const char *name, *text;
};

static const struct excuse absent_variables[] = {
    {"params", "'params' is not supported in cel: the policy that is made takes its parameters itself"},
    {"authorizer", "'authorizer' is not supported in cel: say `may VERB` in an actor"},
    {"variables", "'variables' is not supported in cel: the policy has no variables of its own"},
    {"google", "the types of google.protobuf are not supported in cel"},
    {"bytes", "bytes are not supported in cel"},
    {"dyn", "the type 'dyn' as a value is not supported in cel"},
};

// Functions that Kubernetes has, some of them in later releases only.
static const char *const absent_functions[] = {
    "bytes",
    "duration",
    "timestamp",
    "getDate",
    "getDayOfMonth",
    "getDayOfWeek",
    "getDayOfYear",
    "getFullYear",
    "getHours",
    "getMilliseconds",
    "getMinutes",
    "getMonth",
    "getSeconds",
    "url",
    "isURL",
    "getScheme",
    "getHost",
    "getHostname",
    "getPort",
    "getEscapedPath",
    "getQuery",
    "find",
    "findAll",
    "format",
    "quantity",
    "isQuantity",
    "isInteger",
    "asInteger",
    "asApproximateFloat",
    "sign",
    "add",
    "sub",
    "isLessThan",
    "isGreaterThan",
    "compareTo",
    "ip",
    "isIP",
    "cidr",
    "isCIDR",
    "containsIP",
    "containsCIDR",
    "family",
    "masked",
    "prefixLength",
    "isCanonical",
    "isUnspecified",
    "isLoopback",
    "isLinkLocalMulticast",
    "isLinkLocalUnicast",
    "isGlobalUnicast",
    "semver",
    "isSemver",
    "major",
    "minor",
    "patch",
    "slice",
    "flatten",
    "sort",
    "sortBy",
    "distinct",
    "reverse",
    "includes",
    "existsOne",
    "transformList",
    "transformMap",
    "transformMapEntry",
    "orValue",
    "or",
    "value",
    "hasValue",
    "optMap",
    "optFlatMap",
    "quote",
    "equivalent",
    "intersects",
    "of",
    "none",
    "ofNonZeroValue",
    "unwrap",
    "unwrapOpt",
    "range",
    "validate",
    "named",
    "first",
    "last",
};

static _Noreturn void refuse_function(struct checker *c, const struct cel_node *node) {
    for (size_t i = 0; i < sizeof absent_functions / sizeof *absent_functions; i++)
        if (strcmp(absent_functions[i], node->name) == 0)
            cel_fail(c->parser, node->span.begin, "the function '%s' is not supported in cel", node->name);
    cel_fail(c->parser, node->span.begin, "there is no function '%s'", node->name);
}

// ---- types ----

static struct cel_type *new_type(struct checker *c, enum cel_type_kind kind, type first, type second) {
    struct cel_type *made = ARENA_NEW(c->arena, struct cel_type);
    made->kind = kind;
    made->first = first;
    made->second = second;
    return made;
}

static type list_of(struct checker *c, type item) {
    return new_type(c, CEL_TYPE_LIST, item, NULL);
}

static type new_variable(struct checker *c) {
    struct cel_type *made = new_type(c, CEL_TYPE_VAR, NULL, NULL);
    made->bound = ARENA_NEW(c->arena, type);
    return made;
}

// Follows bound variables at the top.
static type resolved(type t) {
    while (t->kind == CEL_TYPE_VAR && *t->bound) t = *t->bound;
    return t;
}

// With the variables replaced by what they are bound to, or by dyn.
static type settled(type t) {
    t = resolved(t);
    return t->kind == CEL_TYPE_VAR ? &dyn_type : t;
}

// The type with everything in it that is bound replaced, so that a later widening of the variable does not reach it.
static type substituted(struct checker *c, type t) {
    t = resolved(t);
    const type first = t->first ? substituted(c, t->first) : NULL;
    const type second = t->second ? substituted(c, t->second) : NULL;
    return first == t->first && second == t->second ? t : new_type(c, t->kind, first, second);
}

static bool is_open(type t) {
    return resolved(t)->kind == CEL_TYPE_VAR;
}

// Types are as deep as the expression, which bounds these recursions.
static bool same_type(type a, type b) {
    a = settled(a);
    b = settled(b);
    if (a == b) return true;
    if (a->kind != b->kind) return false;
    switch (a->kind) {
    case CEL_TYPE_MAP: return same_type(a->first, b->first) && same_type(a->second, b->second);
    case CEL_TYPE_LIST:
    case CEL_TYPE_OPTIONAL:
    case CEL_TYPE_TYPE: return same_type(a->first, b->first);
    case CEL_TYPE_STRUCT: return a->fields == b->fields;
    case CEL_TYPE_DYN:
    case CEL_TYPE_NULL:
    case CEL_TYPE_BOOL:
    case CEL_TYPE_INT:
    case CEL_TYPE_UINT:
    case CEL_TYPE_DOUBLE:
    case CEL_TYPE_STRING:
    case CEL_TYPE_BYTES:
    case CEL_TYPE_TIMESTAMP:
    case CEL_TYPE_DURATION: return true;
    case CEL_TYPE_VAR: break;
    }
    return false;
}

static bool occurs(type variable, type within) {
    within = resolved(within);
    if (within == variable) return true;
    return within->kind != CEL_TYPE_VAR &&
           ((within->first && occurs(variable, within->first)) || (within->second && occurs(variable, within->second)));
}

static bool less_specific(type a, type b) {
    a = resolved(a);
    b = resolved(b);
    if (a->kind == CEL_TYPE_DYN || a->kind == CEL_TYPE_VAR) return true;
    if (b->kind == CEL_TYPE_DYN || b->kind == CEL_TYPE_VAR || a->kind != b->kind) return false;
    if (a->kind == CEL_TYPE_LIST || a->kind == CEL_TYPE_OPTIONAL) return less_specific(a->first, b->first);
    if (a->kind == CEL_TYPE_MAP) return less_specific(a->first, b->first) && less_specific(a->second, b->second);
    return a->kind != CEL_TYPE_STRUCT || a->fields == b->fields;
}

static void bind(struct checker *c, type variable, type to) {
    const struct binding undo = {variable->bound, *variable->bound};
    ARENA_PUSH(c->arena, c->trail, c->trail_count, undo);
    *variable->bound = to;
}

static void undo_to(struct checker *c, size_t mark) {
    while (c->trail_count > mark) {
        c->trail_count--;
        *c->trail[c->trail_count].bound = c->trail[c->trail_count].before;
    }
}

static bool is_nullable(type t) {
    return t->kind == CEL_TYPE_NULL || t->kind == CEL_TYPE_STRUCT || t->kind == CEL_TYPE_TIMESTAMP ||
           t->kind == CEL_TYPE_DURATION || t->kind == CEL_TYPE_OPTIONAL;
}

static bool assign(struct checker *c, type a, type b);

// Whether the variable may stand for the type: its present type is widened if need be.
static bool substitute(struct checker *c, type t, type variable) {
    if (t == variable) return true;
    if (*variable->bound) {
        const type now = *variable->bound;
        if (t == now) return true;
        if (!assign(c, t, now)) return false;
        const type wider = less_specific(t, now) ? t : now;
        if (wider != now && !occurs(variable, wider)) bind(c, variable, wider);
        return true;
    }
    if (occurs(variable, t)) return resolved(t) == variable;
    bind(c, variable, t);
    return true;
}

static bool assign(struct checker *c, type a, type b) {
    if (b->kind == CEL_TYPE_VAR) {
        if (substitute(c, a, b)) return true;
        if (*b->bound) return false;
    }
    if (a->kind == CEL_TYPE_VAR) return substitute(c, b, a);
    if (a->kind == CEL_TYPE_DYN || b->kind == CEL_TYPE_DYN) return true;
    if (a->kind == CEL_TYPE_NULL) return is_nullable(b);
    if (b->kind == CEL_TYPE_NULL) return is_nullable(a);
    if (a->kind != b->kind) return false;
    if (a->kind == CEL_TYPE_LIST || a->kind == CEL_TYPE_OPTIONAL) return assign(c, a->first, b->first);
    if (a->kind == CEL_TYPE_MAP) return assign(c, a->first, b->first) && assign(c, a->second, b->second);
    return a->kind != CEL_TYPE_STRUCT || a->fields == b->fields;
}

static bool is_assignable(struct checker *c, type a, type b) {
    const size_t mark = c->trail_count;
    if (assign(c, a, b)) return true;
    undo_to(c, mark);
    return false;
}

static const char *type_name(type t) {
    switch (settled(t)->kind) {
    case CEL_TYPE_DYN:
    case CEL_TYPE_VAR: return "dyn";
    case CEL_TYPE_NULL: return "null";
    case CEL_TYPE_BOOL: return "bool";
    case CEL_TYPE_INT: return "int";
    case CEL_TYPE_UINT: return "uint";
    case CEL_TYPE_DOUBLE: return "double";
    case CEL_TYPE_STRING: return "string";
    case CEL_TYPE_BYTES: return "bytes";
    case CEL_TYPE_TIMESTAMP: return "timestamp";
    case CEL_TYPE_DURATION: return "duration";
    case CEL_TYPE_LIST: return "list";
    case CEL_TYPE_MAP: return "map";
    case CEL_TYPE_TYPE: return "type";
    case CEL_TYPE_OPTIONAL: return "optional";
    case CEL_TYPE_STRUCT: return settled(t)->name;
    }
    return "";
}

// ---- overloads ----

struct overload {
    enum cel_function function;
    char style;
    const char *signature;
};

static const struct overload overloads[] = {
#define FUNCTION(function, name)
#define OVERLOAD(function, style, signature) {CEL_FN_##function, style, signature},
#include "celexpr_functions.def"
#undef FUNCTION
#undef OVERLOAD
};

static const char *const function_names[] = {
#define FUNCTION(function, name) name,
#define OVERLOAD(function, style, signature)
#include "celexpr_functions.def"
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
    case 'b': return &bool_type;
    case 'i': return &int_type;
    case 'u': return &uint_type;
    case 'd': return &double_type;
    case 's': return &string_type;
    case 'y': return &bytes_type;
    case 't': return &timestamp_type;
    case 'r': return &duration_type;
    case 'A': return s->a ? s->a : (s->a = new_variable(c));
    case 'B': return s->b ? s->b : (s->b = new_variable(c));
    case 'L': return list_of(c, read_type(c, s));
    case 'T': return new_type(c, CEL_TYPE_TYPE, read_type(c, s), NULL);
    case 'O': return new_type(c, CEL_TYPE_OPTIONAL, read_type(c, s), NULL);
    case 'M': {
        const type key = read_type(c, s);
        return new_type(c, CEL_TYPE_MAP, key, read_type(c, s));
    }
    default: return &dyn_type;
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
        if (!arg || !assign(c, arg->type, expected)) {
            undo_to(c, mark);
            return NULL;
        }
    }
    if (given != total) {
        undo_to(c, mark);
        return NULL;
    }
    signature.at++;
    return substituted(c, read_type(c, &signature));
}

static bool find_function(const struct cel_node *node, enum cel_function *ret_function) {
    for (size_t i = 0; i < CEL_FN_COUNT; i++) {
        if (strcmp(function_names[i], node->name) != 0) continue;
        *ret_function = (enum cel_function)i;
        return true;
    }
    return false;
}

static _Noreturn void refuse_arguments(struct checker *c, const struct cel_node *node) {
    const char *first = node->target ? type_name(node->target->type) : NULL;
    const char *second = node->count ? type_name(node->args[0]->type) : NULL;
    if (!first && node->count > 1) {
        first = second;
        second = type_name(node->args[1]->type);
    }
    const bool is_operator = strchr(node->name, '_') != NULL;
    cel_fail(c->parser, node->span.begin, "%s '%s' does not take %s%s%s", is_operator ? "the operator" : "the function",
             node->name,
             first    ? first
             : second ? second
                      : "no arguments",
             first && second ? " and " : "", first && second ? second : "");
}

static void check_literal_pattern(struct checker *c, struct cel_node *node) {
    const struct cel_node *pattern = node->args[node->count - 1];
    if (pattern->kind != CEL_NODE_LITERAL || pattern->literal.kind != CEL_KIND_STRING) return;
    const struct cel_string text = pattern->literal.as.string;
    const char *error = NULL;
    size_t offset = 0;
    if (memchr(text.bytes, '\0', text.len))
        cel_fail(c->parser, pattern->span.begin, "a pattern with a NUL is not supported in cel");
    node->regex = regex_compile(c->arena, text.bytes, &error, &offset);
    if (!node->regex) cel_fail(c->parser, pattern->span.begin, "the pattern is refused: %s", error);
}

static bool is_conversion(const struct cel_node *node) {
    return node->function == CEL_FN_DYN || node->function == CEL_FN_TYPE || node->function == CEL_FN_BOOL ||
           node->function == CEL_FN_INT || node->function == CEL_FN_UINT || node->function == CEL_FN_DOUBLE ||
           node->function == CEL_FN_STRING;
}

// What the API server works out when it compiles. Recursion is bounded by the depth of the tree.
static bool is_constant(const struct cel_node *node) {
    if (node->kind == CEL_NODE_LITERAL || (node->kind == CEL_NODE_IDENT && node->is_type)) return true;
    if (node->kind == CEL_NODE_CALL && !is_conversion(node)) return false;
    if (node->kind != CEL_NODE_CALL && node->kind != CEL_NODE_LIST && node->kind != CEL_NODE_MAP) return false;
    for (size_t i = 0; i < node->count; i++)
        if (!is_constant(node->args[i])) return false;
    return true;
}

// Constants are converted when the API server compiles, and those that cannot be are refused.
static void fold_conversion(struct checker *c, struct cel_node *node) {
    if (!is_conversion(node) || !is_constant(node->args[0]) || node->function == CEL_FN_TYPE) return;
    if (node->args[0]->kind == CEL_NODE_LITERAL) {
        node->literal = cel_convert(node->function, node->args[0]->literal, c->arena);
        if (node->literal.kind == CEL_KIND_ERROR)
            cel_fail(c->parser, node->span.begin, "the literal has no %s: %s", node->name, node->literal.as.error);
        node->kind = CEL_NODE_LITERAL;
    } else if (node->function != CEL_FN_DYN) {
        cel_fail(c->parser, node->span.begin, "the literal has no %s", node->name);
    }
}

// The API server refuses constant indices that can be none.
static void check_constant_index(struct checker *c, const struct cel_node *node) {
    const struct cel_node *index = node->args[1];
    if (resolved(node->args[0]->type)->kind == CEL_TYPE_NULL)
        cel_fail(c->parser, node->span.begin, "an index into null is not supported in cel");
    if (!is_constant(index) || (index->kind == CEL_NODE_LITERAL && index->literal.kind != CEL_KIND_NULL)) return;
    cel_fail(c->parser, index->span.begin, "%s is no index", type_name(index->type));
}

static type check_overloads(struct checker *c, struct cel_node *node) {
    if (!find_function(node, &node->function)) refuse_function(c, node);
    type result = NULL;
    for (size_t i = 0; i < OVERLOADS; i++) {
        if (overloads[i].function != node->function || overloads[i].style != (node->target ? 'm' : 'g')) continue;
        const type found = try_overload(c, overloads[i].signature, node);
        if (!found) continue;
        if (!result)
            result = found;
        else if (is_open(result) || is_open(found) || !same_type(result, found))
            result = &dyn_type;
    }
    if (!result) refuse_arguments(c, node);
    if (node->function == CEL_FN_MATCHES) check_literal_pattern(c, node);
    if (node->function == CEL_FN_INDEX) check_constant_index(c, node);
    fold_conversion(c, node);
    return result;
}

// ---- nodes ----

static void check_node(struct checker *c, struct cel_node *node);

static void require_bool(struct checker *c, const struct cel_node *node, const char *where) {
    if (!is_assignable(c, node->type, &bool_type))
        cel_fail(c->parser, node->span.begin, "%s needs a bool, this is %s", where, type_name(node->type));
}

struct named_type {
    const char *name;
    type type;
    enum cel_kind kind;
};

static const struct cel_type any_list = {.kind = CEL_TYPE_LIST, .first = &dyn_type};
static const struct cel_type any_map = {.kind = CEL_TYPE_MAP, .first = &dyn_type, .second = &dyn_type};
static const struct cel_type any_type = {.kind = CEL_TYPE_TYPE, .first = &dyn_type};

static const struct named_type named_types[] = {
    {"null_type", &null_type, CEL_KIND_NULL},  {"bool", &bool_type, CEL_KIND_BOOL},
    {"int", &int_type, CEL_KIND_INT},          {"uint", &uint_type, CEL_KIND_UINT},
    {"double", &double_type, CEL_KIND_DOUBLE}, {"string", &string_type, CEL_KIND_STRING},
    {"list", &any_list, CEL_KIND_LIST},        {"map", &any_map, CEL_KIND_MAP},
    {"type", &any_type, CEL_KIND_TYPE},
};

static type check_ident(struct checker *c, struct cel_node *node) {
    for (const struct scope *scope = c->scope; scope; scope = scope->outer) {
        if (strcmp(scope->binder->variable, node->name) != 0) continue;
        node->binder = scope->binder;
        return scope->item;
    }
    for (size_t i = 0; i < sizeof variables / sizeof *variables; i++) {
        if (strcmp(variables[i].name, node->name) != 0) continue;
        node->global = variables[i].variable;
        c->parser->expr->reads[node->global] = true;
        return variables[i].type;
    }
    for (size_t i = 0; i < sizeof named_types / sizeof *named_types; i++) {
        if (strcmp(named_types[i].name, node->name) != 0) continue;
        node->is_type = true;
        node->literal = (struct cel_value){.kind = CEL_KIND_TYPE, .as.type = named_types[i].kind};
        return new_type(c, CEL_TYPE_TYPE, named_types[i].type, NULL);
    }
    for (size_t i = 0; i < sizeof absent_variables / sizeof *absent_variables; i++)
        if (strcmp(absent_variables[i].name, node->name) == 0)
            cel_fail(c->parser, node->span.begin, "%s", absent_variables[i].text);
    cel_fail(c->parser, node->span.begin,
             "there is no variable '%s': CEL sees object, oldObject, request and namespaceObject", node->name);
}

static type check_select(struct checker *c, const struct cel_node *node) {
    check_node(c, node->target);
    const type target = resolved(node->target->type);
    switch (target->kind) {
    case CEL_TYPE_MAP: return substituted(c, target->second);
    case CEL_TYPE_STRUCT:
        for (const struct cel_field *field = target->fields; field->name; field++)
            if (strcmp(field->name, node->name) == 0) return field->type;
        cel_fail(c->parser, node->span.begin, "%s has no field '%s'", target->name, node->name);
    case CEL_TYPE_VAR: is_assignable(c, &dyn_type, target); return &dyn_type;
    case CEL_TYPE_DYN: return &dyn_type;
    case CEL_TYPE_NULL:
    case CEL_TYPE_BOOL:
    case CEL_TYPE_INT:
    case CEL_TYPE_UINT:
    case CEL_TYPE_DOUBLE:
    case CEL_TYPE_STRING:
    case CEL_TYPE_BYTES:
    case CEL_TYPE_TIMESTAMP:
    case CEL_TYPE_DURATION:
    case CEL_TYPE_LIST:
    case CEL_TYPE_OPTIONAL:
    case CEL_TYPE_TYPE: break;
    }
    cel_fail(c->parser, node->span.begin, "%s has no fields, so no '%s'", type_name(target), node->name);
}

static type check_list(struct checker *c, struct cel_node *node) {
    type item = NULL;
    for (size_t i = 0; i < node->count; i++) {
        check_node(c, node->args[i]);
        if (!item)
            item = node->args[i]->type;
        else if (!is_assignable(c, item, node->args[i]->type))
            cel_fail(c->parser, node->args[i]->span.begin, "the items of a list must be of one type: %s and %s",
                     type_name(item), type_name(node->args[i]->type));
        else if (!less_specific(item, node->args[i]->type))
            item = node->args[i]->type;
    }
    ARENA_PUSH(c->arena, c->aggregates, c->aggregate_count, node);
    return list_of(c, item ? item : new_variable(c));
}

static type check_map(struct checker *c, struct cel_node *node) {
    type joined[2] = {NULL, NULL};
    for (size_t i = 0; i < node->count; i++) {
        type *join = &joined[i % 2];
        check_node(c, node->args[i]);
        if (!*join)
            *join = node->args[i]->type;
        else if (!is_assignable(c, *join, node->args[i]->type))
            cel_fail(c->parser, node->args[i]->span.begin, "the %s of a map must be of one type: %s and %s",
                     i % 2 ? "values" : "keys", type_name(*join), type_name(node->args[i]->type));
        else if (!less_specific(*join, node->args[i]->type))
            *join = node->args[i]->type;
    }
    ARENA_PUSH(c->arena, c->aggregates, c->aggregate_count, node);
    if (!node->count) return new_type(c, CEL_TYPE_MAP, new_variable(c), new_variable(c));
    return new_type(c, CEL_TYPE_MAP, joined[0], joined[1]);
}

// The API server refuses literals of mixed types even where dyn would join them.
static void check_homogeneous(struct checker *c, const struct cel_node *node) {
    const size_t step = node->kind == CEL_NODE_MAP ? 2 : 1;
    for (size_t i = step; i < node->count; i++)
        if (!same_type(node->args[i % step]->type, node->args[i]->type))
            cel_fail(c->parser, node->args[i]->span.begin,
                     "the %s must be of one type: %s and %s (say string(…) or dyn(…))",
                     step == 1 ? "items of a list"
                     : i % 2   ? "values of a map"
                               : "keys of a map",
                     type_name(node->args[i % step]->type), type_name(node->args[i]->type));
}

struct macro {
    const char *name;
    enum cel_macro macro;
    size_t args;
};

static const struct macro macros[] = {
    {"all", CEL_MACRO_ALL, 2}, {"exists", CEL_MACRO_EXISTS, 2}, {"exists_one", CEL_MACRO_EXISTS_ONE, 2},
    {"map", CEL_MACRO_MAP, 2}, {"map", CEL_MACRO_MAP, 3},       {"filter", CEL_MACRO_FILTER, 2},
};

static const struct macro *find_macro(struct checker *c, const struct cel_node *node) {
    if (!node->target) return NULL;
    bool named = false;
    for (size_t i = 0; i < sizeof macros / sizeof *macros; i++) {
        if (strcmp(macros[i].name, node->name) != 0) continue;
        named = true;
        if (macros[i].args == node->count) return &macros[i];
    }
    if (named && node->count == 3)
        cel_fail(c->parser, node->span.begin, "'%s' with two variables is not supported in cel", node->name);
    return NULL;
}

static type item_type(struct checker *c, const struct cel_node *range) {
    const type t = resolved(range->type);
    if (t->kind == CEL_TYPE_LIST || t->kind == CEL_TYPE_MAP) return t->first;
    if (t->kind != CEL_TYPE_DYN && t->kind != CEL_TYPE_VAR)
        cel_fail(c->parser, range->span.begin, "%s is neither a list nor a map", type_name(t));
    is_assignable(c, &dyn_type, t);
    return &dyn_type;
}

static type check_macro(struct checker *c, struct cel_node *node, const struct macro *macro) {
    const struct cel_node *name = node->args[0];
    if (name->kind != CEL_NODE_IDENT)
        cel_fail(c->parser, name->span.begin, "the first argument of '%s' must be a name", node->name);
    if (strcmp(name->name, "__result__") == 0)
        cel_fail(c->parser, name->span.begin, "'__result__' is used by CEL itself");
    node->kind = CEL_NODE_MACRO;
    node->macro = macro->macro;
    node->variable = name->name;
    node->args++;
    node->count--;

    check_node(c, node->target);
    const type item = item_type(c, node->target);
    const struct scope scope = {node, item, c->scope};
    c->scope = &scope;
    for (size_t i = 0; i < node->count; i++) check_node(c, node->args[i]);
    c->scope = scope.outer;

    if (node->macro != CEL_MACRO_MAP || node->count == 2) require_bool(c, node->args[0], node->name);
    if (node->macro == CEL_MACRO_MAP) return list_of(c, substituted(c, node->args[node->count - 1]->type));
    if (node->macro == CEL_MACRO_FILTER) return list_of(c, substituted(c, item));
    return &bool_type;
}

static type check_call(struct checker *c, struct cel_node *node) {
    if (!node->target && node->count == 1 && strcmp(node->name, "has") == 0) {
        const struct cel_node *field = node->args[0];
        if (field->kind != CEL_NODE_SELECT)
            cel_fail(c->parser, field->span.begin, "has() needs a field, as in has(a.b)");
        node->kind = CEL_NODE_HAS;
        node->target = field->target;
        node->name = field->name;
        node->count = 0;
        check_select(c, node);
        return &bool_type;
    }
    const struct macro *macro = find_macro(c, node);
    if (macro) return check_macro(c, node, macro);
    for (size_t i = 0; i < node->count; i++) check_node(c, node->args[i]);
    if (node->target) {
        // Some functions have a dot in their name, so that their target is no variable.
        const char *prefix = node->target->kind == CEL_NODE_IDENT ? node->target->name : "";
        if (strcmp(prefix, "optional") == 0 || strcmp(prefix, "sets") == 0 || strcmp(prefix, "strings") == 0 ||
            strcmp(prefix, "ip") == 0 || strcmp(prefix, "format") == 0 || strcmp(prefix, "lists") == 0)
            cel_fail(c->parser, node->span.begin, "the function '%s.%s' is not supported in cel", prefix, node->name);
        check_node(c, node->target);
    }
    return check_overloads(c, node);
}

static type literal_type(const struct cel_value *literal) {
    switch (literal->kind) {
    case CEL_KIND_NULL: return &null_type;
    case CEL_KIND_BOOL: return &bool_type;
    case CEL_KIND_INT: return &int_type;
    case CEL_KIND_UINT: return &uint_type;
    case CEL_KIND_DOUBLE: return &double_type;
    case CEL_KIND_STRING: return &string_type;
    case CEL_KIND_ERROR:
    case CEL_KIND_LIST:
    case CEL_KIND_MAP:
    case CEL_KIND_TYPE: break;
    }
    return &dyn_type;
}

// Recursion is bounded by the depth of the tree, which the builders limit.
static type type_of(struct checker *c, struct cel_node *node) {
    switch (node->kind) {
    case CEL_NODE_LITERAL:
        if (node->beyond_int) cel_fail(c->parser, node->span.begin, "the number is too large");
        return literal_type(&node->literal);
    case CEL_NODE_IDENT: return check_ident(c, node);
    case CEL_NODE_SELECT: return check_select(c, node);
    case CEL_NODE_CALL: return check_call(c, node);
    case CEL_NODE_AND:
    case CEL_NODE_OR:
        for (size_t i = 0; i < node->count; i++) {
            check_node(c, node->args[i]);
            require_bool(c, node->args[i], node->kind == CEL_NODE_AND ? "&&" : "||");
        }
        return &bool_type;
    case CEL_NODE_LIST: return check_list(c, node);
    case CEL_NODE_MAP: return check_map(c, node);
    case CEL_NODE_HAS:
    case CEL_NODE_MACRO: break; // made by check_call
    }
    return node->type;
}

static void check_node(struct checker *c, struct cel_node *node) {
    node->type = type_of(c, node);
}

void cel_check(struct cel_parser *p, struct cel_node *root) {
    struct checker c = {.parser = p, .arena = p->arena};
    check_node(&c, root);
    for (size_t i = 0; i < c.aggregate_count; i++) check_homogeneous(&c, c.aggregates[i]);
    const type result = settled(root->type);
    if (result->kind == CEL_TYPE_DYN)
        cel_fail(p, root->span.begin,
                 "the expression must be a bool, this may be anything: compare it, as in … == true");
    if (result->kind != CEL_TYPE_BOOL)
        cel_fail(p, root->span.begin, "the expression must be a bool, this is %s", type_name(result));
}
