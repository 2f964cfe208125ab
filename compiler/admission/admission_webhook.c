// Which webhooks are called for a request: k8s.io/apiserver/pkg/admission/plugin/webhook, up to the call itself.
#include <string.h>

#include "admission/admission_internal.h"
#include "base/arena.h"

// ---- what an account may do, by the roles of the manifest ----

static bool has(const struct value *list, const char *word) {
    for (size_t i = 0; list && list->kind == VALUE_LIST && i < list->count; i++)
        if (list->as.items[i]->kind == VALUE_STRING && strcmp(list->as.items[i]->as.string, word) == 0) return true;
    return false;
}

static bool has_or_any(const struct value *list, const char *word) {
    return has(list, "*") || has(list, word);
}

static bool allows(struct arena *arena, const struct value *rule, const struct cel_access_review *asked) {
    const struct value *names = value_get(rule, "resourceNames"), *resources = value_get(rule, "resources");
    const char *subresource = asked->subresource ? asked->subresource : "", *name = asked->name ? asked->name : "";
    const char *resource = *subresource ? arena_printf(arena, "%s/%s", asked->resource, subresource) : asked->resource;
    if (!has_or_any(value_get(rule, "verbs"), asked->verb)) return false;
    if (!has_or_any(value_get(rule, "apiGroups"), asked->group ? asked->group : "")) return false;
    if (!has_or_any(resources, resource) && !(*subresource && has(resources, arena_printf(arena, "*/%s", subresource))))
        return false;
    return !names || !names->count || has(names, name);
}

static bool is_subject(struct arena *arena, const struct value *subject, const struct cel_access_review *asked) {
    const char *kind = value_get_string(subject, "kind"), *name = value_get_string(subject, "name");
    if (strcmp(kind, "ServiceAccount") == 0)
        return strcmp(value_get_string(subject, "namespace"), asked->account_namespace) == 0 &&
               strcmp(name, asked->account) == 0;
    if (strcmp(kind, "Group") != 0) return false;
    return strcmp(name, "system:serviceaccounts") == 0 ||
           strcmp(name, arena_printf(arena, "system:serviceaccounts:%s", asked->account_namespace)) == 0;
}

static const struct value *find_role(const struct admission *admission, const char *kind, const char *namespace,
                                     const char *name) {
    for (size_t i = 0; i < admission->other_count; i++) {
        const struct value *object = admission->others[i], *metadata = value_get(object, "metadata");
        if (strcmp(value_get_string(object, "kind"), kind) != 0) continue;
        if (strcmp(value_get_string(metadata, "name"), name) != 0) continue;
        if (strcmp(kind, "Role") != 0 || strcmp(value_get_string(metadata, "namespace"), namespace) == 0) return object;
    }
    return NULL;
}

static bool binds(struct arena *arena, const struct admission *admission, const struct value *binding,
                  const struct cel_access_review *asked) {
    const struct value *subjects = value_get(binding, "subjects"), *reference = value_get(binding, "roleRef");
    const char *namespace = value_get_string(value_get(binding, "metadata"), "namespace");
    const struct value *role =
        find_role(admission, value_get_string(reference, "kind"), namespace, value_get_string(reference, "name"));
    const struct value *rules = value_get(role, "rules");
    bool is_bound = false;
    for (size_t i = 0; subjects && i < subjects->count; i++)
        is_bound |= is_subject(arena, subjects->as.items[i], asked);
    for (size_t i = 0; is_bound && rules && i < rules->count; i++)
        if (allows(arena, rules->as.items[i], asked)) return true;
    return false;
}

bool admission_account_may(struct arena *arena, const struct admission *admission,
                           const struct cel_access_review *asked) {
    const char *namespace = asked->namespace ? asked->namespace : "";
    for (size_t i = 0; asked->resource && i < admission->other_count; i++) {
        const struct value *object = admission->others[i];
        const char *kind = value_get_string(object, "kind");
        const bool here = strcmp(kind, "RoleBinding") == 0 &&
                          strcmp(value_get_string(value_get(object, "metadata"), "namespace"), namespace) == 0;
        if ((here || strcmp(kind, "ClusterRoleBinding") == 0) && binds(arena, admission, object, asked)) return true;
    }
    return false;
}

// ---- calls ----

// Webhooks do not see what admission is configured by.
static bool is_kept_from(const struct request *request) {
    return strcmp(request->group, "admissionregistration.k8s.io") == 0;
}

bool admission_calls(const struct admission *admission, const struct admission_webhook *webhook,
                     const struct admission_attributes *attributes, struct admission_form *ret_form) {
    return !is_kept_from(attributes->request) && admission_matches(admission, &webhook->match, attributes, ret_form);
}
