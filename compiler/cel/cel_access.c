// Fields and indices in CEL expressions, as cel-go reaches into values: behind the first question mark of a chain, or
// behind an optional at its root, what is not there is no error, and what is there comes as an optional.
#include <string.h>

#include "base/arena.h"
#include "base/text.h"
#include "cel/cel_internal.h"

// Where a chain of fields and indices has come to.
struct access {
    val value;
    bool is_optional, is_absent;
};

static val no_such_key(struct evaluation *e, val key) {
    if (key.kind != CEL_KIND_STRING) return val_error("no such key");
    struct text text;
    text_init(&text, e->arena);
    text_add_string(&text, "no such key: ");
    text_add(&text, key.as.string.bytes, key.as.string.len);
    return val_error(text_string(&text));
}

// False when it is not there; errors are found.
static bool find(struct evaluation *e, val container, val key, val *ret_found) {
    if (container.kind == CEL_KIND_MAP) return val_map_find(e, container, key, ret_found);
    if (container.kind != CEL_KIND_LIST) return false;
    int64_t index = 0;
    if (!val_to_index(key, &index)) {
        *ret_found = val_error("unsupported index type");
        return true;
    }
    if (index < 0 || (uint64_t)index >= val_list_count(container)) return false;
    *ret_found = val_list_item(container, (size_t)index);
    return true;
}

static bool is_access(const struct cel_node *node) {
    if (node->definition) return false;
    return node->kind == CEL_NODE_SELECT ||
           (node->kind == CEL_NODE_CALL && (node->function == CEL_FN_INDEX || node->function == CEL_FN_OPTIONAL_INDEX));
}

static bool is_optional_step(const struct cel_node *node) {
    return node->kind == CEL_NODE_SELECT ? node->optional_field : node->function == CEL_FN_OPTIONAL_INDEX;
}

static bool is_key(enum cel_kind kind) {
    return kind == CEL_KIND_STRING || kind == CEL_KIND_INT || kind == CEL_KIND_UINT || kind == CEL_KIND_DOUBLE ||
           kind == CEL_KIND_BOOL;
}

// What may be absent costs something only where it is there.
static void charge_step(struct evaluation *e, const struct access *access) {
    if (!access->is_optional || (!access->is_absent && access->value.kind != CEL_KIND_ERROR)) cel_charge(e, 1);
}

static void reach(struct evaluation *e, const struct cel_node *node, struct access *access) {
    const bool is_field = node->kind == CEL_NODE_SELECT;
    const val key = is_field ? val_of_string(node->name, strlen(node->name)) : cel_evaluate_part(e, node->args[1]);
    val found;
    if (key.kind == CEL_KIND_ERROR) {
        access->value = key;
    } else if (!is_key(key.kind)) {
        access->value = val_error("invalid qualifier type");
    } else if (find(e, access->value, key, &found)) {
        access->value = found;
    } else if (access->is_optional) {
        access->is_absent = true;
    } else {
        access->value = access->value.kind == CEL_KIND_LIST ? val_error("index out of bounds") : no_such_key(e, key);
    }
}

static void step(struct evaluation *e, const struct cel_node *node, struct access *access) {
    if (access->value.kind == CEL_KIND_ERROR || access->is_absent) return;
    access->is_optional = access->is_optional || is_optional_step(node);
    reach(e, node, access);
    charge_step(e, access);
}

static struct access at_root(val value) {
    if (value.kind != CEL_KIND_OPTIONAL) return (struct access){value, false, false};
    if (!value.as.inner) return (struct access){value, true, true};
    return (struct access){*value.as.inner, true, false};
}

static const struct cel_node *before_step(const struct cel_node *node) {
    return node->kind == CEL_NODE_SELECT ? node->target : node->args[0];
}

// Recursion is bounded by the depth of the tree.
static struct access walk(struct evaluation *e, const struct cel_node *node) {
    if (!cel_spend(e, 1)) return at_root(cel_too_long());
    if (!is_access(node)) return at_root(cel_evaluate_part(e, node));
    struct access access = walk(e, before_step(node));
    step(e, node, &access);
    return access;
}

val cel_access(struct evaluation *e, const struct cel_node *node) {
    const struct access access = walk(e, node);
    if (access.value.kind == CEL_KIND_ERROR) return access.value;
    if (access.is_absent) return val_none();
    return access.is_optional ? val_some(e, access.value) : access.value;
}

val cel_has_field(struct evaluation *e, const struct cel_node *node) {
    if (node->definition) {
        const val value = cel_definition_value(e, node);
        return value.kind == CEL_KIND_ERROR ? value : val_of_bool(true);
    }
    struct access access = walk(e, node->target);
    if (access.value.kind == CEL_KIND_ERROR) return access.value;
    if (access.is_absent) return val_of_bool(false);
    const bool there = find(e, access.value, val_of_string(node->name, strlen(node->name)), &access.value);
    access.is_absent = !there;
    charge_step(e, &access);
    return there && access.value.kind == CEL_KIND_ERROR ? access.value : val_of_bool(there);
}

// cel-go has each field of a chain, and the chain, as steps; conditionals are none, and has() takes back that of its
// chain. Where its chain begins with a conditional it takes back what was never added.
void cel_charge_attribute(struct evaluation *e, const struct cel_node *node) {
    const bool is_test = node->kind == CEL_NODE_HAS;
    const bool is_chain = is_access(node) || node->definition || (node->kind == CEL_NODE_IDENT && !node->is_constant);
    if (!is_test && !is_chain) return;
    const struct cel_node *root = is_test && !node->definition ? node->target : node;
    while (is_access(root)) root = before_step(root);
    const bool is_conditional = root->kind == CEL_NODE_CALL && root->function == CEL_FN_CONDITIONAL;
    if (is_test && is_conditional && e->cost)
        e->cost--;
    else if (!is_test && !is_conditional)
        cel_charge(e, 1);
}
