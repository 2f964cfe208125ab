// See operations.h.
#include "kubernetes/operations.h"

#include <string.h>

#include "base/text.h"

const struct kube_operation kube_operations[KUBE_OPERATION_COUNT] = {
    {OP_CREATE, "CREATE", "create"},
    {OP_UPDATE, "UPDATE", "update"},
    {OP_DELETE, "DELETE", "delete"},
    {OP_CONNECT, "CONNECT", "connect"},
};

const char *kube_operation_name(enum operation operation) {
    for (size_t i = 0; i < KUBE_OPERATION_COUNT; i++)
        if (kube_operations[i].operation == operation) return kube_operations[i].name;
    return "";
}

const struct kube_act kube_acts[] = {
    {ACT_EVICT, SHAPE_EVICTIONS, "eviction", OP_CREATE, OP_DELETE},
    {ACT_SCALE, SHAPE_SCALE, "scale", OP_UPDATE, OP_UPDATE},
    {ACT_EXEC, SHAPE_CONNECT, "exec", OP_CONNECT, OP_CONNECT},
    {ACT_ATTACH, SHAPE_CONNECT, "attach", OP_CONNECT, OP_CONNECT},
    {ACT_PORTFORWARD, SHAPE_CONNECT, "portforward", OP_CONNECT, OP_CONNECT},
    {ACT_PROXY, SHAPE_CONNECT, "proxy", OP_CONNECT, OP_CONNECT},
    {ACT_BIND, SHAPE_BINDINGS, "binding", OP_CREATE, OP_CREATE},
    {ACT_TOKEN, SHAPE_TOKENS, "token", OP_CREATE, OP_CREATE},
};
const size_t kube_act_count = sizeof kube_acts / sizeof *kube_acts;

const struct kube_act *kube_act_of(const char *subresource) {
    if (!*subresource) return NULL; // most requests are about the objects themselves
    for (size_t i = 0; i < kube_act_count; i++)
        if (strcmp(kube_acts[i].subresource, subresource) == 0) return &kube_acts[i];
    return NULL;
}

enum subresource_class kube_subresource_class(const char *subresource) {
    if (text_has_word("approval finalize status", subresource)) return SUBRESOURCE_META;
    if (text_has_word("ephemeralcontainers resize", subresource)) return SUBRESOURCE_BODY;
    return SUBRESOURCE_OTHER;
}
