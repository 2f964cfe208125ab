// The tables that the resolved policy refers to; see ir.h.
#include "policy/ir.h"

#include <string.h>

#include "base/arena.h"
#include "cel/celexpr.h"
#include "kubernetes/catalog.h"

const struct ir_resource_name ir_never_locked[] = {
    {"", "events"},
    {"admissionregistration.k8s.io", "mutatingadmissionpolicies"},
    {"admissionregistration.k8s.io", "mutatingadmissionpolicybindings"},
    {"admissionregistration.k8s.io", "validatingadmissionpolicies"},
    {"admissionregistration.k8s.io", "validatingadmissionpolicybindings"},
    {"authentication.k8s.io", "selfsubjectreviews"},
    {"authentication.k8s.io", "tokenreviews"},
    {"authorization.k8s.io", "localsubjectaccessreviews"},
    {"authorization.k8s.io", "selfsubjectaccessreviews"},
    {"authorization.k8s.io", "selfsubjectrulesreviews"},
    {"authorization.k8s.io", "subjectaccessreviews"},
    {"coordination.k8s.io", "leases"},
    {"events.k8s.io", "events"},
};
const size_t ir_never_locked_count = sizeof ir_never_locked / sizeof *ir_never_locked;

const char *const ir_system_namespaces[] = {"kube-node-lease", "kube-public", "kube-system"};
const size_t ir_system_namespace_count = sizeof ir_system_namespaces / sizeof *ir_system_namespaces;

const char *const ir_node_labels[] = {"topology.kubernetes.io/region", "topology.kubernetes.io/zone"};
const size_t ir_node_label_count = sizeof ir_node_labels / sizeof *ir_node_labels;

const struct ir_workload ir_workloads[] = {
#define WORKLOAD(group, api_version, plural, kind, template_labels, owns)                                              \
    {group, api_version, plural, kind, template_labels, owns},
#include "kubernetes/workloads.def"
#undef WORKLOAD
};
const size_t ir_workload_count = sizeof ir_workloads / sizeof *ir_workloads;

const struct ir_order ir_orders[] = {
#define ORDER(exemption, group, plural, told_by, writes) {EXEMPT_##exemption, group, plural, told_by, writes},
#include "kubernetes/orders.def"
#undef ORDER
};
const size_t ir_order_count = sizeof ir_orders / sizeof *ir_orders;

const struct ir_exemption ir_exemptions[] = {
#define EXEMPT(level, user, group, namespace, resource_group, resource, subresources, operations, limit, source)       \
    {EXEMPT_##level, user, group, namespace, resource_group, resource, subresources, operations, limit},
#include "kubernetes/exemptions.def"
#undef EXEMPT
};
const size_t ir_exemption_count = sizeof ir_exemptions / sizeof *ir_exemptions;

bool ir_is_account(const struct ir_exemption *exemption) {
    return strncmp(exemption->user, "system:serviceaccount:", 22) == 0;
}

bool ir_is_shared(const struct ir_exemption *exemption) {
    return ir_is_account(exemption) && exemption->limit != ONLY_AS_ITSELF;
}

bool ir_may_be_in(const struct ir_scope *scope, const char *namespace) {
    bool named = false, system = false;
    for (size_t i = 0; i < scope->namespace_count && !named; i++) named = strcmp(scope->namespaces[i], namespace) == 0;
    for (size_t i = 0; i < ir_system_namespace_count; i++) system |= strcmp(ir_system_namespaces[i], namespace) == 0;
    switch (scope->where) {
    case IN_CLUSTER: return false;
    case IN_NAMESPACES: return named;
    case IN_ANY_NAMESPACE: return named || !system;
    case IN_LABELED_NAMESPACES: break;
    }
    return true;
}

const struct ir_act ir_acts[] = {
    {ACT_EVICT, SHAPE_EVICTIONS, "eviction", OP_CREATE, OP_DELETE},
    {ACT_SCALE, SHAPE_SCALE, "scale", OP_UPDATE, OP_UPDATE},
    {ACT_EXEC, SHAPE_CONNECT, "exec", OP_CONNECT, OP_CONNECT},
    {ACT_ATTACH, SHAPE_CONNECT, "attach", OP_CONNECT, OP_CONNECT},
    {ACT_PORTFORWARD, SHAPE_CONNECT, "portforward", OP_CONNECT, OP_CONNECT},
    {ACT_PROXY, SHAPE_CONNECT, "proxy", OP_CONNECT, OP_CONNECT},
    {ACT_BIND, SHAPE_BINDINGS, "binding", OP_CREATE, OP_CREATE},
    {ACT_TOKEN, SHAPE_TOKENS, "token", OP_CREATE, OP_CREATE},
};
const size_t ir_act_count = sizeof ir_acts / sizeof *ir_acts;

const struct ir_act *ir_act_of(const char *subresource) {
    for (size_t i = 0; i < ir_act_count; i++)
        if (strcmp(ir_acts[i].subresource, subresource) == 0) return &ir_acts[i];
    return NULL;
}

enum subresource_class ir_subresource_class(const char *subresource) {
    if (catalog_list_has("approval finalize status", subresource)) return SUBRESOURCE_META;
    if (catalog_list_has("ephemeralcontainers resize", subresource)) return SUBRESOURCE_BODY;
    return SUBRESOURCE_OTHER;
}

// By their domains, and those without one. From the code of the controllers, kubelets and the API server.
static const char controllers_domains[] =
    "alpha.kubernetes.io apf.kubernetes.io apps.kubernetes.io batch.kubernetes.io beta.kubernetes.io "
    "control-plane.alpha.kubernetes.io csi.volume.kubernetes.io deployment.kubernetes.io endpoints.kubernetes.io "
    "endpointslice.kubernetes.io failure-domain.beta.kubernetes.io kube-aggregator.kubernetes.io kubernetes.io "
    "node.alpha.kubernetes.io node.kubernetes.io pv.kubernetes.io rbac.authorization.k8s.io "
    "rbac.authorization.kubernetes.io resource.kubernetes.io service.kubernetes.io statefulset.kubernetes.io "
    "topology.kubernetes.io volume.beta.kubernetes.io volume.kubernetes.io volumes.kubernetes.io";
static const char controllers_keys[] = "controller-revision-hash controller-uid job-name pod-template-generation "
                                       "pod-template-hash";

bool ir_is_controllers_key(const char *key) {
    const char *slash = strchr(key, '/');
    if (!slash) return catalog_list_has(controllers_keys, key);
    const size_t len = (size_t)(slash - key);
    for (const char *at = controllers_domains; *at;) {
        const size_t word = strcspn(at, " ");
        if (word == len && strncmp(at, key, len) == 0) return true;
        at += word + (at[word] == ' ');
    }
    return false;
}

// Those of endpoints are those of their service.
bool ir_has_taken_labels(const char *group, const char *resource) {
    return (!*group && strcmp(resource, "endpoints") == 0) ||
           (strcmp(group, "discovery.k8s.io") == 0 && strcmp(resource, "endpointslices") == 0);
}

// And those of replica sets are those of their deployment.
bool ir_has_taken_annotations(const char *group, const char *resource) {
    return ir_has_taken_labels(group, resource) || (strcmp(group, "apps") == 0 && strcmp(resource, "replicasets") == 0);
}

// Whether an atom of this kind reads what an object holds beside its name.
static bool reads_content(enum ir_kind kind) {
    switch (kind) {
    case IR_LABEL:
    case IR_ANNOTATION:
    case IR_LABEL_KEY:
    case IR_ANNOTATION_KEY:
    case IR_FIELD:
    case IR_ANY:
    case IR_ALL: return true;
    case IR_AND:
    case IR_OR:
    case IR_NOT:
    case IR_TRUE:
    case IR_FALSE:
    case IR_NAME:
    case IR_NAMESPACE:
    case IR_NAMESPACE_LABEL:
    case IR_USER:
    case IR_UID:
    case IR_GROUP:
    case IR_MAY:
    case IR_EXTRA:
    case IR_RESOURCE:
    case IR_OPERATION:
    case IR_CEL: return false;
    }
    return false;
}

bool ir_any(const struct ir_expr *expr, bool (*is)(const struct ir_expr *part)) {
    if (!expr) return false;
    bool found = is(expr);
    for (size_t i = 0; i < expr->operand_count && !found; i++) found = ir_any(expr->operands[i], is);
    return found;
}

static unsigned reads_itself(const struct ir_expr *atom) {
    switch (atom->kind) {
    case IR_LABEL:
    case IR_LABEL_KEY: return IR_READS_LABELS;
    case IR_ANNOTATION:
    case IR_ANNOTATION_KEY: return IR_READS_ANNOTATIONS;
    case IR_FIELD:
    case IR_ANY:
    case IR_ALL: return IR_READS_FIELDS;
    case IR_NAME: return IR_READS_NAME;
    case IR_NAMESPACE:
    case IR_NAMESPACE_LABEL: return IR_READS_NAMESPACE;
    case IR_USER:
    case IR_UID:
    case IR_GROUP:
    case IR_MAY:
    case IR_EXTRA: return IR_READS_REQUESTER;
    case IR_OPERATION: return IR_READS_OPERATION;
    case IR_CEL: return IR_READS_CEL;
    case IR_TRUE:
    case IR_FALSE:
    case IR_AND:
    case IR_OR:
    case IR_NOT:
    case IR_RESOURCE: break;
    }
    return 0;
}

bool ir_compares_readings(const struct ir_expr *expr) {
    switch (expr->kind) {
    case IR_AND:
    case IR_OR:
    case IR_NOT:
    case IR_ANY:
    case IR_ALL:
    case IR_CEL: return false;
    default: return expr->operand_count > 0;
    }
}

unsigned ir_reads(const struct ir_expr *expr) {
    if (!expr) return 0;
    unsigned reads = reads_itself(expr);
    if (expr->state == STATE_OLD) reads |= IR_READS_OLD;
    if (expr->state == STATE_NEW) reads |= IR_READS_NEW;
    for (size_t i = 0; i < expr->operand_count; i++) reads |= ir_reads(expr->operands[i]);
    return reads;
}

static bool is_beside_labels(const struct ir_expr *part) {
    return part->kind == IR_LABEL_KEY || (reads_itself(part) & ~(unsigned)(IR_READS_LABELS | IR_READS_REQUESTER)) ||
           part->kind == IR_TRUE || part->kind == IR_FALSE || part->kind == IR_RESOURCE;
}

bool ir_is_by_labels(const struct ir_expr *expr) {
    return (ir_reads(expr) & IR_READS_LABELS) && !ir_any(expr, is_beside_labels);
}

// CEL names the states it reads by itself, and what hangs on a variable moves with the list that it is bound to.
bool ir_is_immutable(const struct ir_expr *expr) {
    if (reads_content(expr->kind) && !expr->frozen && expr->path.variable < 0) return false;
    for (size_t i = 0; i < expr->operand_count; i++)
        if (!ir_is_immutable(expr->operands[i])) return false;
    return true;
}

bool ir_needs_name_only(const struct ir_expr *expr) {
    if (reads_content(expr->kind) || expr->kind == IR_CEL) return false;
    for (size_t i = 0; i < expr->operand_count; i++)
        if (!ir_needs_name_only(expr->operands[i])) return false;
    return true;
}

bool ir_has_wildcard(const struct ir_scope *scope) {
    for (size_t i = 0; i < scope->target_count; i++)
        if (!scope->targets[i].resource) return true;
    return false;
}

static bool is_cel(const struct ir_expr *part) {
    return part->kind == IR_CEL;
}

bool ir_has_cel(const struct ir_expr *expr) {
    return ir_any(expr, is_cel);
}

bool ir_guards_condition(const struct ir_lock *lock) {
    return !ir_is_immutable(lock->condition) && !ir_has_cel(lock->condition);
}

bool ir_is_metadata_path(const struct ir_path *path) {
    return path->variable < 0 && path->count && path->segments[0].key && strcmp(path->segments[0].key, "metadata") == 0;
}

bool ir_is_replicas_path(const struct ir_path *path) {
    return path->variable < 0 && path->count == 2 && path->segments[0].key && path->segments[1].key &&
           strcmp(path->segments[0].key, "spec") == 0 && strcmp(path->segments[1].key, "replicas") == 0;
}

bool ir_sees_replicas(const struct ir_lock *lock) {
    bool named = false;
    for (size_t i = 0; i < lock->path_count && !named; i++) {
        const struct ir_path *path = &lock->paths[i];
        const bool spec = path->segments[0].key && strcmp(path->segments[0].key, "spec") == 0;
        named = (spec && path->count == 1) || ir_is_replicas_path(path);
    }
    return !lock->path_count || named != lock->all_but_paths;
}

bool ir_sees_metadata(const struct ir_lock *lock) {
    if (lock->scope.subresource || !((lock->denies & OP_UPDATE) || lock->requires)) return false;
    bool sees = !lock->path_count || lock->all_but_paths;
    for (size_t i = 0; i < lock->path_count && !sees; i++) sees = ir_is_metadata_path(&lock->paths[i]);
    return sees;
}

size_t ir_part_count(const struct ir_expr *requirement) {
    return requirement->kind == IR_AND ? requirement->operand_count : 1;
}

const struct ir_expr *ir_part(const struct ir_expr *requirement, size_t index) {
    return requirement->kind == IR_AND ? requirement->operands[index] : requirement;
}

static bool reads_old(const struct ir_expr *expr) {
    bool reads = expr->state == STATE_OLD || (expr->cel && cel_reads(expr->cel, "oldObject"));
    for (size_t i = 0; i < expr->operand_count && !reads; i++) reads = reads_old(expr->operands[i]);
    return reads;
}

// Whether the formula reads anything of the object, or of where it is.
static bool is_about_object(const struct ir_expr *expr) {
    bool about = reads_content(expr->kind) || expr->kind == IR_NAME || expr->kind == IR_NAMESPACE ||
                 expr->kind == IR_NAMESPACE_LABEL ||
                 (expr->cel && (cel_reads(expr->cel, "object") || cel_reads(expr->cel, "namespaceObject")));
    for (size_t i = 0; i < expr->operand_count && !about; i++) about = is_about_object(expr->operands[i]);
    return about;
}

bool ir_ratchets(const struct ir_expr *part) {
    return is_about_object(part) && !reads_old(part);
}

bool ir_reads_replicas(const struct ir_expr *part) {
    const struct ir_path *path = &part->path;
    const bool spec =
        path->variable < 0 && path->count && path->segments[0].key && strcmp(path->segments[0].key, "spec") == 0;
    bool reads = part->kind == IR_FIELD && ((spec && path->count == 1) || ir_is_replicas_path(path));
    for (size_t i = 0; i < part->operand_count && !reads; i++) reads = ir_reads_replicas(part->operands[i]);
    return reads;
}

bool ir_requires_replicas(const struct ir_lock *lock) {
    if (!lock->requires || !ir_sees_replicas(lock)) return false;
    bool reads = !lock->ratchets;
    for (size_t i = 0; i < ir_part_count(lock->requires) && !reads; i++) {
        const struct ir_expr *part = ir_part(lock->requires, i);
        reads = !ir_ratchets(part) || ir_reads_replicas(part);
    }
    return reads;
}

size_t ir_count_checks(const struct ir_expr *expr) {
    size_t count = expr && expr->kind == IR_MAY;
    for (size_t i = 0; expr && i < expr->operand_count; i++) count += ir_count_checks(expr->operands[i]);
    return count;
}

bool ir_asks_authorizer(const struct ir_lock *lock) {
    size_t count = ir_count_checks(lock->selects) + ir_count_checks(lock->condition) + ir_count_checks(lock->requires);
    for (size_t i = 0; i < lock->passes.other_count; i++) count += ir_count_checks(lock->passes.others[i]);
    for (size_t i = 0; i < lock->glass.other_count; i++) count += ir_count_checks(lock->glass.others[i]);
    return count > 0;
}

bool ir_records_glass(const struct ir_lock *lock) {
    if (!lock->glass.user_count && !lock->glass.group_count && !lock->glass.other_count) return false;
    if (lock->mode & MODE_DENY) return true;
    return !ir_has_cel(lock->selects) && !ir_has_cel(lock->condition) && !ir_has_cel(lock->requires);
}

static bool path_reads_fields(const struct ir_path *path) {
    return path->variable < 0 && !ir_is_metadata_path(path);
}

static bool formula_reads_fields(const struct ir_expr *expr) {
    if (expr->kind == IR_CEL) return true;
    if ((expr->kind == IR_FIELD || expr->kind == IR_ANY || expr->kind == IR_ALL) && path_reads_fields(&expr->path))
        return true;
    for (size_t i = 0; i < expr->operand_count; i++)
        if (formula_reads_fields(expr->operands[i])) return true;
    return false;
}

bool ir_reads_fields(const struct ir_lock *lock) {
    for (size_t i = 0; i < lock->path_count; i++)
        if (path_reads_fields(&lock->paths[i])) return true;
    return formula_reads_fields(lock->selects) || formula_reads_fields(lock->condition) ||
           (lock->requires && formula_reads_fields(lock->requires));
}

struct ir_expr *ir_of_namespace(struct arena *arena, const struct ir_expr *expr) {
    struct ir_expr *copy = ARENA_NEW(arena, struct ir_expr);
    *copy = *expr;
    if (copy->kind == IR_NAMESPACE_LABEL) copy->kind = IR_LABEL;
    copy->operands = NULL;
    copy->operand_count = 0;
    for (size_t i = 0; i < expr->operand_count; i++)
        ARENA_PUSH(arena, copy->operands, copy->operand_count, ir_of_namespace(arena, expr->operands[i]));
    return copy;
}
