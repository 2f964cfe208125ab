// What is asked of API servers: operations, and the subresources that stand for something done to an object.
#ifndef KLOCK_OPERATIONS_H
#define KLOCK_OPERATIONS_H

#include <stddef.h>

enum operation { OP_CREATE = 1, OP_UPDATE = 2, OP_DELETE = 4, OP_CONNECT = 8 };
enum { OPS_WRITE = OP_CREATE | OP_UPDATE | OP_DELETE, OPS_STORED = OP_UPDATE | OP_DELETE };

// As rules and requests name it, and as policies do, in the order in which both list them.
struct kube_operation {
    enum operation operation;
    const char *name, *word; // "CREATE", "create"
};
enum { KUBE_OPERATION_COUNT = 4 };
extern const struct kube_operation kube_operations[KUBE_OPERATION_COUNT];
const char *kube_operation_name(enum operation operation);

// A family of requests in which the objects mean the same. Beside the objects themselves, with the subresources that
// carry the whole object, these are subresources whose requests carry nothing of the object but its name.
enum shape {
    SHAPE_OBJECTS,
    SHAPE_EVICTIONS, // CREATE of pods/eviction: a delete of the pod
    SHAPE_SCALE,     // UPDATE of x/scale: an update of spec.replicas
    SHAPE_CONNECT,   // CONNECT to exec, attach, portforward, proxy
    SHAPE_BINDINGS,  // CREATE of pods/binding
    SHAPE_TOKENS,    // CREATE of serviceaccounts/token
    SHAPE_COUNT,
};

// What is done to an object through such a subresource.
enum act {
    ACT_EVICT = 1,
    ACT_SCALE = 2,
    ACT_EXEC = 4,
    ACT_ATTACH = 8,
    ACT_PORTFORWARD = 16,
    ACT_PROXY = 32,
    ACT_BIND = 64,
    ACT_TOKEN = 128,
};
enum { ACTS_CONNECT = ACT_EXEC | ACT_ATTACH | ACT_PORTFORWARD | ACT_PROXY };

struct kube_act {
    enum act act;
    enum shape shape;
    const char *subresource;
    enum operation operation; // of the request
    enum operation means;     // what it is for the object
};
extern const struct kube_act kube_acts[];
extern const size_t kube_act_count;
// NULL when the subresource is none of them.
const struct kube_act *kube_act_of(const char *subresource);

// Subresources whose object is the full parent: on META only metadata can be taken out of a selection, on BODY the
// request is an update of the object like any other.
enum subresource_class { SUBRESOURCE_OTHER, SUBRESOURCE_META, SUBRESOURCE_BODY };
enum subresource_class kube_subresource_class(const char *subresource);

#endif
