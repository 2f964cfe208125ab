// What CEL expressions of admission policies see in the API server: variables with the types it declares for them, and
// the names of types.
#include <string.h>

#include "cel/cel_checker.h"

static const struct cel_type strings_type = {.kind = CEL_TYPE_LIST, .first = &cel_text_type};
static const struct cel_type string_map_type = {
    .kind = CEL_TYPE_MAP, .first = &cel_text_type, .second = &cel_text_type};
static const struct cel_type extra_type = {.kind = CEL_TYPE_MAP, .first = &cel_text_type, .second = &strings_type};

// ---- what the API server declares ----

static const struct cel_field kind_fields[] = {
    {"group", &cel_text_type}, {"version", &cel_text_type}, {"kind", &cel_text_type}, {NULL, NULL}};
static const struct cel_type kind_type = {.kind = CEL_TYPE_STRUCT, .name = "GroupVersionKind", .fields = kind_fields};

static const struct cel_field resource_fields[] = {
    {"group", &cel_text_type}, {"version", &cel_text_type}, {"resource", &cel_text_type}, {NULL, NULL}};
static const struct cel_type resource_type = {
    .kind = CEL_TYPE_STRUCT, .name = "GroupVersionResource", .fields = resource_fields};

static const struct cel_field user_info_fields[] = {{"username", &cel_text_type},
                                                    {"uid", &cel_text_type},
                                                    {"groups", &strings_type},
                                                    {"extra", &extra_type},
                                                    {NULL, NULL}};
static const struct cel_type user_info_type = {.kind = CEL_TYPE_STRUCT, .name = "UserInfo", .fields = user_info_fields};

static const struct cel_field request_fields[] = {{"kind", &kind_type},
                                                  {"resource", &resource_type},
                                                  {"subResource", &cel_text_type},
                                                  {"requestKind", &kind_type},
                                                  {"requestResource", &resource_type},
                                                  {"requestSubResource", &cel_text_type},
                                                  {"name", &cel_text_type},
                                                  {"namespace", &cel_text_type},
                                                  {"operation", &cel_text_type},
                                                  {"userInfo", &user_info_type},
                                                  {"dryRun", &cel_bool},
                                                  {"options", &cel_dyn},
                                                  {NULL, NULL}};
static const struct cel_type request_type = {
    .kind = CEL_TYPE_STRUCT, .name = "AdmissionRequest", .fields = request_fields};

static const struct cel_field metadata_fields[] = {{"name", &cel_text_type},
                                                   {"generateName", &cel_text_type},
                                                   {"namespace", &cel_text_type},
                                                   {"labels", &string_map_type},
                                                   {"annotations", &string_map_type},
                                                   {"UID", &cel_text_type},
                                                   {"creationTimestamp", &cel_timestamp},
                                                   {"deletionGracePeriodSeconds", &cel_int},
                                                   {"deletionTimestamp", &cel_timestamp},
                                                   {"generation", &cel_int},
                                                   {"resourceVersion", &cel_text_type},
                                                   {"finalizers", &strings_type},
                                                   {NULL, NULL}};
static const struct cel_type metadata_type = {
    .kind = CEL_TYPE_STRUCT, .name = "NamespaceMetadata", .fields = metadata_fields};

static const struct cel_field spec_fields[] = {{"finalizers", &strings_type}, {NULL, NULL}};
static const struct cel_type spec_type = {.kind = CEL_TYPE_STRUCT, .name = "NamespaceSpec", .fields = spec_fields};

static const struct cel_field condition_fields[] = {
    {"status", &cel_text_type},  {"type", &cel_text_type},   {"lastTransitionTime", &cel_timestamp},
    {"message", &cel_text_type}, {"reason", &cel_text_type}, {NULL, NULL}};
static const struct cel_type condition_type = {
    .kind = CEL_TYPE_STRUCT, .name = "NamespaceCondition", .fields = condition_fields};
static const struct cel_type conditions_type = {.kind = CEL_TYPE_LIST, .first = &condition_type};

static const struct cel_field status_fields[] = {
    {"conditions", &conditions_type}, {"phase", &cel_text_type}, {NULL, NULL}};
static const struct cel_type status_type = {
    .kind = CEL_TYPE_STRUCT, .name = "NamespaceStatus", .fields = status_fields};

static const struct cel_field namespace_fields[] = {
    {"metadata", &metadata_type}, {"spec", &spec_type}, {"status", &status_type}, {NULL, NULL}};
static const struct cel_type namespace_type = {
    .kind = CEL_TYPE_STRUCT, .name = "Namespace", .fields = namespace_fields};

static const struct cel_variable_row variables[] = {
    {"object", CEL_OBJECT, &cel_dyn},        {"oldObject", CEL_OLD_OBJECT, &cel_dyn},
    {"request", CEL_REQUEST, &request_type}, {"namespaceObject", CEL_NAMESPACE_OBJECT, &namespace_type},
    {"params", CEL_PARAMS, &cel_dyn},        {"authorizer", CEL_AUTHORIZER_VARIABLE, &cel_authorizer_type},
};

static bool is_declared(const struct checker *c, enum cel_variable variable) {
    if (variable == CEL_PARAMS) return c->parser->declarations->params;
    return variable != CEL_AUTHORIZER_VARIABLE || c->parser->declarations->authorizer;
}

const struct cel_variable_row *cel_find_variable(const struct checker *c, const char *name) {
    for (size_t i = 0; i < sizeof variables / sizeof *variables; i++)
        if (strcmp(variables[i].name, name) == 0) return is_declared(c, variables[i].variable) ? &variables[i] : NULL;
    return NULL;
}

// ---- names of types ----

static const struct cel_type any_list = {.kind = CEL_TYPE_LIST, .first = &cel_dyn};
static const struct cel_type any_map = {.kind = CEL_TYPE_MAP, .first = &cel_dyn, .second = &cel_dyn};
static const struct cel_type any_type = {.kind = CEL_TYPE_TYPE, .first = &cel_dyn};

static const struct cel_named_type named_types[] = {
    {"null_type", 30, &cel_null, CEL_KIND_NULL},
    {"bool", 30, &cel_bool, CEL_KIND_BOOL},
    {"int", 30, &cel_int, CEL_KIND_INT},
    {"uint", 30, &cel_uint, CEL_KIND_UINT},
    {"double", 30, &cel_double, CEL_KIND_DOUBLE},
    {"string", 30, &cel_text_type, CEL_KIND_STRING},
    {"bytes", 30, &cel_bytes, CEL_KIND_BYTES},
    {"list", 30, &any_list, CEL_KIND_LIST},
    {"map", 30, &any_map, CEL_KIND_MAP},
    {"type", 30, &any_type, CEL_KIND_TYPE},
    {"google.protobuf.Timestamp", 30, &cel_timestamp, CEL_KIND_TIMESTAMP},
    {"google.protobuf.Duration", 30, &cel_duration, CEL_KIND_DURATION},
    {"net.IP", 31, &cel_ip, CEL_KIND_IP},
    {"net.CIDR", 31, &cel_cidr, CEL_KIND_CIDR},
};

const struct cel_named_type *cel_find_named_type(const char *name) {
    for (size_t i = 0; i < sizeof named_types / sizeof *named_types; i++)
        if (strcmp(named_types[i].name, name) == 0) return &named_types[i];
    return NULL;
}

// ---- what is there, and not for what a policy of klock quotes ----

struct excuse {
    const char *name, *text;
};

static const struct excuse excuses[] = {
    {"params", "'params' is not available here: the policy that klockc writes has parameters of its own"},
    {"authorizer", "klockc does not evaluate 'authorizer': use `may VERB` in an actor"},
    {"variables", "'variables' is not available here: write the expression out"},
    {"google", "klockc does not evaluate messages and enumerations of google.protobuf"},
    {"dyn", "klockc does not evaluate the type 'dyn' as a value"},
    {"optional_type", "klockc does not evaluate the type 'optional_type' as a value: releases name it differently"},
};

_Noreturn void cel_refuse_name(struct checker *c, const struct cel_node *node, const char *name) {
    for (size_t i = 0; i < sizeof excuses / sizeof *excuses; i++)
        if (strcmp(excuses[i].name, name) == 0)
            cel_fail_unsupported(c->parser, node->span.begin, "%s", excuses[i].text);
    cel_fail(c->parser, node->span.begin,
             "there is no variable '%s': CEL sees object, oldObject, request and namespaceObject", name);
}
