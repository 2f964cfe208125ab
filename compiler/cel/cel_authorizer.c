// Questions to the authorizer, which are put together call by call: a group, a resource, its name, the verb.
#include "base/arena.h"
#include "cel/cel_internal.h"

static val authorization(struct evaluation *e, const struct cel_authorization *step) {
    struct cel_authorization *made = ARENA_NEW(e->arena, struct cel_authorization);
    *made = *step;
    return (val){.kind = CEL_KIND_AUTHORIZATION, .as.authorization = made};
}

// Message expressions and audit annotations have none, though variables that they read may ask for it.
val cel_authorizer_value(struct evaluation *e) {
    if (!e->env->authorizer) return val_error("no such attribute(s): authorizer");
    return authorization(e, &(struct cel_authorization){.stage = CEL_AUTHORIZER});
}

static enum cel_authorization_stage stage_before(enum cel_function function) {
    switch ((int)function) {
    case CEL_FN_CHECK_RESOURCE: return CEL_GROUP_CHECK;
    case CEL_FN_CHECK_SUBRESOURCE:
    case CEL_FN_CHECK_NAMESPACE:
    case CEL_FN_CHECK_NAME:
    case CEL_FN_CHECK: return CEL_RESOURCE_CHECK;
    default: return CEL_AUTHORIZER;
    }
}

val cel_call_authorizer(struct evaluation *e, const struct cel_node *node, const val *args, size_t count) {
    if (args[0].kind != CEL_KIND_AUTHORIZATION || args[1].kind != CEL_KIND_STRING) return val_no_overload();
    struct cel_authorization step = *args[0].as.authorization;
    const bool checks_path = step.stage == CEL_PATH_CHECK && node->function == CEL_FN_CHECK;
    if (step.stage != stage_before(node->function) && !checks_path) return val_no_overload();
    const char *text = arena_copy(e->arena, args[1].as.string.bytes, args[1].as.string.len);
    switch ((int)node->function) {
    case CEL_FN_AUTHORIZER_PATH:
        step.stage = CEL_PATH_CHECK;
        step.review.path = text;
        break;
    case CEL_FN_AUTHORIZER_GROUP:
        step.stage = CEL_GROUP_CHECK;
        step.review.group = text;
        break;
    case CEL_FN_AUTHORIZER_ACCOUNT:
        if (count < 3 || args[2].kind != CEL_KIND_STRING) return val_no_overload();
        step.review.account_namespace = text;
        step.review.account = arena_copy(e->arena, args[2].as.string.bytes, args[2].as.string.len);
        break;
    case CEL_FN_CHECK_RESOURCE:
        step.stage = CEL_RESOURCE_CHECK;
        step.review.resource = text;
        break;
    case CEL_FN_CHECK_SUBRESOURCE: step.review.subresource = text; break;
    case CEL_FN_CHECK_NAMESPACE: step.review.namespace = text; break;
    case CEL_FN_CHECK_NAME: step.review.name = text; break;
    default:
        step.stage = CEL_DECISION;
        step.review.verb = text;
        step.allowed = e->env->authorizer->allows(e->env->authorizer->context, &step.review);
    }
    return authorization(e, &step);
}

// The authorizer never fails, and gives no reason.
val cel_call_decision(struct evaluation *e, const struct cel_node *node, const val *args, size_t count) {
    (void)e, (void)count;
    if (args[0].kind != CEL_KIND_AUTHORIZATION || args[0].as.authorization->stage != CEL_DECISION)
        return val_no_overload();
    switch ((int)node->function) {
    case CEL_FN_DECISION_ALLOWED: return val_of_bool(args[0].as.authorization->allowed);
    case CEL_FN_DECISION_ERRORED: return val_of_bool(false);
    default: return val_of_string("", 0);
    }
}
