// Variables of a ValidatingAdmissionPolicy: each is evaluated when it is first read, and once for a request.
#include "base/arena.h"
#include "cel/cel_internal.h"

struct cel_composition {
    const struct cel_declarations *declarations;
    struct composed {
        bool is_known;
        val value;
    } * values;
};

struct cel_composition *cel_compose(struct arena *arena, const struct cel_declarations *declarations) {
    struct cel_composition *composition = ARENA_NEW(arena, struct cel_composition);
    composition->declarations = declarations;
    composition->values = ARENA_ARRAY(arena, struct composed, declarations->definition_count);
    return composition;
}

// A definition reads those before it alone, so that this ends.
val cel_definition_value(struct evaluation *e, const struct cel_node *node) {
    struct cel_composition *composition = e->env->composition;
    cel_charge(e, 1);
    const size_t index = node->definition - 1;
    if (!composition || index >= composition->declarations->definition_count) return val_error("no such variable");
    struct composed *composed = &composition->values[index];
    if (composed->is_known) return composed->value;
    const struct cel_definition *definition = &composition->declarations->definitions[index];
    const struct frame *frame = e->frame;
    e->frame = NULL;
    val value = cel_evaluate_whole(e, definition->expr->root);
    e->frame = frame;
    e->definitions_cost += e->whole_cost;
    if (value.kind == CEL_KIND_ERROR)
        value = val_error(arena_printf(e->arena, "composited variable \"%s\" fails to evaluate: %s", definition->name,
                                       value.as.error));
    *composed = (struct composed){.is_known = true, .value = value};
    return value;
}
