// Types of CEL expressions: equal, more and less specific, assignable, as cel-go's checker has them, with type
// variables for the items of empty lists and maps and for the parameters of functions.
#include "base/arena.h"
#include "cel/cel_checker.h"

const struct cel_type cel_dyn = {.kind = CEL_TYPE_DYN};
const struct cel_type cel_null = {.kind = CEL_TYPE_NULL};
const struct cel_type cel_bool = {.kind = CEL_TYPE_BOOL};
const struct cel_type cel_int = {.kind = CEL_TYPE_INT};
const struct cel_type cel_uint = {.kind = CEL_TYPE_UINT};
const struct cel_type cel_double = {.kind = CEL_TYPE_DOUBLE};
const struct cel_type cel_text_type = {.kind = CEL_TYPE_STRING};
const struct cel_type cel_bytes = {.kind = CEL_TYPE_BYTES};
const struct cel_type cel_timestamp = {.kind = CEL_TYPE_TIMESTAMP};
const struct cel_type cel_duration = {.kind = CEL_TYPE_DURATION};

// Types without fields that CEL can see; an array of its own tells one from the other.
#define WITHOUT_FIELDS(variable, type_name)                                                                            \
    static const struct cel_field variable##_fields[] = {{NULL, NULL}};                                                \
    const struct cel_type variable = {.kind = CEL_TYPE_STRUCT, .name = (type_name), .fields = variable##_fields}
WITHOUT_FIELDS(cel_quantity, "Quantity");
WITHOUT_FIELDS(cel_url, "URL");
WITHOUT_FIELDS(cel_ip, "IP");
WITHOUT_FIELDS(cel_cidr, "CIDR");
WITHOUT_FIELDS(cel_semver, "Semver");
WITHOUT_FIELDS(cel_named_format, "NamedFormat");
WITHOUT_FIELDS(cel_authorizer_type, "Authorizer");
WITHOUT_FIELDS(cel_path_check, "PathCheck");
WITHOUT_FIELDS(cel_group_check, "GroupCheck");
WITHOUT_FIELDS(cel_resource_check, "ResourceCheck");
WITHOUT_FIELDS(cel_authorization_decision, "Decision");
#undef WITHOUT_FIELDS

struct cel_type *cel_new_type(struct checker *c, enum cel_type_kind kind, type first, type second) {
    struct cel_type *made = ARENA_NEW(c->arena, struct cel_type);
    made->kind = kind;
    made->first = first;
    made->second = second;
    return made;
}

type cel_list_of(struct checker *c, type item) {
    return cel_new_type(c, CEL_TYPE_LIST, item, NULL);
}

type cel_optional_of(struct checker *c, type inner) {
    return cel_new_type(c, CEL_TYPE_OPTIONAL, inner, NULL);
}

type cel_new_variable(struct checker *c) {
    struct cel_type *made = cel_new_type(c, CEL_TYPE_VAR, NULL, NULL);
    made->bound = ARENA_NEW(c->arena, type);
    return made;
}

type cel_resolved(type t) {
    while (t->kind == CEL_TYPE_VAR && *t->bound) t = *t->bound;
    return t;
}

type cel_settled(type t) {
    t = cel_resolved(t);
    return t->kind == CEL_TYPE_VAR ? &cel_dyn : t;
}

type cel_substituted(struct checker *c, type t) {
    t = cel_resolved(t);
    const type first = t->first ? cel_substituted(c, t->first) : NULL;
    const type second = t->second ? cel_substituted(c, t->second) : NULL;
    return first == t->first && second == t->second ? t : cel_new_type(c, t->kind, first, second);
}

// Structs, types and optionals are lost.
type cel_declared_type(struct checker *c, type t) {
    t = cel_settled(t);
    switch (t->kind) {
    case CEL_TYPE_LIST: return cel_list_of(c, cel_declared_type(c, t->first));
    case CEL_TYPE_MAP:
        return cel_new_type(c, CEL_TYPE_MAP, cel_declared_type(c, t->first), cel_declared_type(c, t->second));
    case CEL_TYPE_DYN:
    case CEL_TYPE_TYPE:
    case CEL_TYPE_STRUCT:
    case CEL_TYPE_OPTIONAL:
    case CEL_TYPE_VAR: return &cel_dyn;
    case CEL_TYPE_NULL:
    case CEL_TYPE_BOOL:
    case CEL_TYPE_INT:
    case CEL_TYPE_UINT:
    case CEL_TYPE_DOUBLE:
    case CEL_TYPE_STRING:
    case CEL_TYPE_BYTES:
    case CEL_TYPE_TIMESTAMP:
    case CEL_TYPE_DURATION: break;
    }
    return t;
}

type cel_unwrapped(type t, bool *ret_is_optional) {
    t = cel_resolved(t);
    *ret_is_optional = t->kind == CEL_TYPE_OPTIONAL;
    return *ret_is_optional ? cel_resolved(t->first) : t;
}

// Types are as deep as the expression, which bounds these recursions.
bool cel_is_open(type t) {
    t = cel_resolved(t);
    return t->kind == CEL_TYPE_VAR || (t->first && cel_is_open(t->first)) || (t->second && cel_is_open(t->second));
}

bool cel_has_variable(type t) {
    return t->kind == CEL_TYPE_VAR || (t->first && cel_has_variable(t->first)) ||
           (t->second && cel_has_variable(t->second));
}

bool cel_same_type(type a, type b) {
    a = cel_settled(a);
    b = cel_settled(b);
    if (a == b) return true;
    if (a->kind != b->kind) return false;
    switch (a->kind) {
    case CEL_TYPE_MAP: return cel_same_type(a->first, b->first) && cel_same_type(a->second, b->second);
    case CEL_TYPE_LIST:
    case CEL_TYPE_OPTIONAL:
    case CEL_TYPE_TYPE: return cel_same_type(a->first, b->first);
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
    within = cel_resolved(within);
    if (within == variable) return true;
    return within->kind != CEL_TYPE_VAR &&
           ((within->first && occurs(variable, within->first)) || (within->second && occurs(variable, within->second)));
}

bool cel_less_specific(type a, type b) {
    a = cel_resolved(a);
    b = cel_resolved(b);
    if (a->kind == CEL_TYPE_DYN || a->kind == CEL_TYPE_VAR) return true;
    if (b->kind == CEL_TYPE_DYN || b->kind == CEL_TYPE_VAR || a->kind != b->kind) return false;
    if (a->kind == CEL_TYPE_LIST || a->kind == CEL_TYPE_OPTIONAL) return cel_less_specific(a->first, b->first);
    if (a->kind == CEL_TYPE_MAP)
        return cel_less_specific(a->first, b->first) && cel_less_specific(a->second, b->second);
    return a->kind != CEL_TYPE_STRUCT || a->fields == b->fields;
}

static void bind(struct checker *c, type variable, type to) {
    const struct binding undo = {variable->bound, *variable->bound};
    ARENA_PUSH(c->arena, c->trail, c->trail_count, undo);
    *variable->bound = to;
}

void cel_undo_to(struct checker *c, size_t mark) {
    while (c->trail_count > mark) {
        c->trail_count--;
        *c->trail[c->trail_count].bound = c->trail[c->trail_count].before;
    }
}

static bool is_nullable(type t) {
    return t->kind == CEL_TYPE_NULL || t->kind == CEL_TYPE_STRUCT || t->kind == CEL_TYPE_TIMESTAMP ||
           t->kind == CEL_TYPE_DURATION || t->kind == CEL_TYPE_OPTIONAL;
}

// Whether the variable may stand for the type: its present type is widened if need be.
static bool substitute(struct checker *c, type t, type variable) {
    if (t == variable) return true;
    if (*variable->bound) {
        const type now = *variable->bound;
        if (t == now) return true;
        if (!cel_assign(c, t, now)) return false;
        const type wider = cel_less_specific(t, now) ? t : now;
        if (wider != now && !occurs(variable, wider)) bind(c, variable, wider);
        return true;
    }
    if (occurs(variable, t)) return cel_resolved(t) == variable;
    bind(c, variable, t);
    return true;
}

bool cel_assign(struct checker *c, type a, type b) {
    if (b->kind == CEL_TYPE_VAR) {
        if (substitute(c, a, b)) return true;
        if (*b->bound) return false;
    }
    if (a->kind == CEL_TYPE_VAR) return substitute(c, b, a);
    if (a->kind == CEL_TYPE_DYN || b->kind == CEL_TYPE_DYN) return true;
    if (a->kind == CEL_TYPE_NULL) return is_nullable(b);
    if (b->kind == CEL_TYPE_NULL) return is_nullable(a);
    if (a->kind != b->kind) return false;
    if (a->kind == CEL_TYPE_LIST || a->kind == CEL_TYPE_OPTIONAL) return cel_assign(c, a->first, b->first);
    if (a->kind == CEL_TYPE_MAP) return cel_assign(c, a->first, b->first) && cel_assign(c, a->second, b->second);
    return a->kind != CEL_TYPE_STRUCT || a->fields == b->fields;
}

bool cel_is_assignable(struct checker *c, type a, type b) {
    const size_t mark = c->trail_count;
    if (cel_assign(c, a, b)) return true;
    cel_undo_to(c, mark);
    return false;
}

const char *cel_type_name(type t) {
    switch (cel_settled(t)->kind) {
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
    case CEL_TYPE_STRUCT: return cel_settled(t)->name;
    }
    return "";
}
