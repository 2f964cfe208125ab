// What differs between what is wanted and what was found, reported; see verify.h.
#include "verify/verify.h"

#include <string.h>

#include "base/arena.h"
#include "base/names.h"
#include "base/text.h"
#include "data/value.h"
#include "report/diag.h"
#include "verify/verify_internal.h"

struct verifying {
    const struct verification *verification;
    const struct manifest *wanted;
    struct findings findings;
    struct pairs pairs;
};

static const char *kind_of(const struct manifest_object *wanted) {
    return manifest_kind_name(wanted->kind);
}

// Where the object was found, and beside it where the policy asks for it.
static void report_pair(struct verifying *v, enum diag_code code, const struct pair *pair, const char *text) {
    struct diags *diags = v->verification->diags;
    const bool is_placed = pair->found->span.file != SPAN_NOWHERE;
    diag_report(diags, code, is_placed ? pair->found->span : pair->wanted->span, "%s '%s': %s", kind_of(pair->wanted),
                pair->found->name, text);
    if (is_placed) diag_relate(diags, pair->wanted->span, "this asks for it");
}

static void help_restore(struct verifying *v) {
    diag_help(v->verification->diags, "%s",
              v->verification->of_cluster
                  ? "apply what 'klockc compile' prints, and look who writes this object"
                  : "change the policy instead, and take out the patch or transformer that changes its objects");
}

// ---- what is not there ----

static void report_missing(struct verifying *v, const struct pair *pair) {
    struct diags *diags = v->verification->diags;
    const struct manifest_object *wanted = pair->wanted;
    const bool in_namespace = *wanted->namespace != '\0';
    diag_report(diags, pair->is_anchor ? DIAG_MISSING_ANCHOR : DIAG_MISSING_OBJECT, wanted->span,
                "%s '%s' is not there%s%s%s", kind_of(wanted), wanted->name, in_namespace ? " in namespace '" : "",
                wanted->namespace, in_namespace ? "'" : "");
    if (pair->is_anchor)
        diag_help(diags, "klockc anchors … | kubectl apply -f -");
    else if (v->verification->of_cluster)
        diag_help(diags, "apply what 'klockc compile' prints; without its labels an object is not found");
    else
        diag_help(diags, "render all that 'klockc compile' prints, under the names that it has there");
}

static size_t count_found(const struct verifying *v) {
    size_t count = 0;
    for (size_t i = 0; i < v->pairs.count; i++) count += v->pairs.items[i].found && !v->pairs.items[i].is_anchor;
    return count;
}

static void add_names(const struct verifying *v, struct text *text) {
    enum { NAMED = 3 };
    for (size_t i = 0; i < v->wanted->count && i < NAMED; i++)
        text_printf(text, "%s%s '%s'", i ? ", " : "", kind_of(&v->wanted->objects[i]), v->wanted->objects[i].name);
    if (v->wanted->count > NAMED) text_printf(text, " and %zu more", v->wanted->count - NAMED);
}

// Nothing at all is a pipeline that broke, and said so nowhere: kustomize leaves out generators that it may not run.
static void report_nothing(struct verifying *v) {
    struct diags *diags = v->verification->diags;
    const size_t count = v->findings.object_count;
    struct text names;
    if (diags->errors) return; // that it could not be read is reported
    text_init(&names, v->verification->arena);
    add_names(v, &names);
    if (count)
        diag_report(diags, DIAG_NO_OBJECTS, span_none(), "the %zu object%s here %s none of %s", count,
                    count > 1 ? "s" : "", count > 1 ? "are" : "is", text_string(&names));
    else
        diag_report(diags, DIAG_NO_OBJECTS, span_none(), "there is no object here: %s are missing",
                    text_string(&names));
    if (v->verification->of_cluster)
        diag_help(
            diags,
            "klockc compile … | kubectl apply -f -; if they were there, look what deletes them: helm upgrade does "
            "without --post-renderer, and Argo CD without a plugin that the Application does not name");
    else
        diag_help(diags,
                  "look why nothing of 'klockc compile' came out: 'kubectl kustomize' leaves out generators that are "
                  "functions without a word, and a failed command in a pipe prints nothing");
}

// ---- what is there and says something else ----

static enum diag_code code_of(enum admission_effect effect) {
    return effect == ADMISSION_SOFTER     ? DIAG_SOFTENED
           : effect == ADMISSION_NARROWER ? DIAG_NARROWED
                                          : DIAG_CHANGED_OBJECT;
}

static void check_meaning(struct verifying *v, const struct pair *pair) {
    struct arena *arena = v->verification->arena;
    struct admission_differences differences;
    const char *error = NULL, *version = value_get_string(pair->found->value, "apiVersion");
    if (strcmp(version, value_get_string(pair->wanted->value, "apiVersion")) != 0) {
        report_pair(v, DIAG_CHANGED_OBJECT, pair,
                    arena_printf(arena, "apiVersion is %s, not %s", version,
                                 value_get_string(pair->wanted->value, "apiVersion")));
        help_restore(v);
        return;
    }
    if (!verify_compare(v->verification, pair->wanted->value, pair->found, &differences, &error)) {
        const char *reason = strstr(error, ": "); // behind the object
        report_pair(v, DIAG_CHANGED_OBJECT, pair,
                    arena_printf(arena, "an API server would refuse it%s", reason ? reason : ""));
        help_restore(v);
        return;
    }
    for (size_t i = 0; i < differences.count; i++) {
        const struct admission_difference *difference = &differences.items[i];
        report_pair(v, code_of(difference->effect), pair,
                    arena_printf(arena, "%s %s", difference->field, difference->text));
        help_restore(v);
    }
}

// ---- metadata ----

// Helm puts its own name there, on everything that it applies.
static bool is_tolerated(const char *key, const char *value) {
    return strcmp(key, "app.kubernetes.io/managed-by") == 0 && strcmp(value, "Helm") == 0;
}

// A policy from standard input has another file name.
static bool counts_by_value(const char *key) {
    return strcmp(key, "klock.dev/source") != 0;
}

static void check_marks(struct verifying *v, const struct pair *pair, const char *field, const char *what) {
    struct arena *arena = v->verification->arena;
    const struct value *wanted = value_dig(pair->wanted->value, "metadata", field, NULL);
    const struct value *found = value_dig(pair->found->value, "metadata", field, NULL);
    for (size_t i = 0; wanted && i < wanted->count; i++) {
        const char *key = wanted->as.entries[i].key, *value = wanted->as.entries[i].value->as.string;
        const char *present = value_get_string(found, key);
        if (strcmp(present, value) == 0 || is_tolerated(key, present)) continue;
        if (*present && !counts_by_value(key)) continue;
        report_pair(v, DIAG_LABEL_LOST, pair,
                    !*present ? arena_printf(arena, "the %s %s is gone", what, key)
                    : strcmp(what, "label") == 0
                        ? arena_printf(arena, "the %s %s is '%s', not '%s'", what, key, present, value)
                        : arena_printf(arena, "the %s %s says something else", what, key));
        diag_help(v->verification->diags,
                  "guards, pruning and uninstalling know the objects of a policy by what klockc "
                  "puts on them: tools may add labels and annotations, and take none away");
    }
}

static void check_metadata(struct verifying *v, const struct pair *pair) {
    struct arena *arena = v->verification->arena;
    const char *deleted = value_get_string(value_get(pair->found->value, "metadata"), "deletionTimestamp");
    check_marks(v, pair, "labels", "label");
    check_marks(v, pair, "annotations", "annotation");
    if (*deleted) {
        report_pair(v, DIAG_MISSING_OBJECT, pair, arena_printf(arena, "it is being deleted, since %s", deleted));
        diag_help(v->verification->diags, "apply what 'klockc compile' prints, once it is gone");
    }
    if (pair->is_moved) {
        report_pair(v, DIAG_MOVED_OBJECT, pair,
                    *pair->found->namespace
                        ? arena_printf(arena, "it is in namespace '%s', not in '%s'", pair->found->namespace,
                                       pair->wanted->namespace)
                        : arena_printf(arena, "it names no namespace, and belongs into '%s'", pair->wanted->namespace));
        diag_help(v->verification->diags,
                  "keep what klockc compiles out of kustomizations that set 'namespace': a policy "
                  "names the namespaces of its grants and accounts itself");
    }
    if (!verify_is_namespaced(pair->wanted->kind) && *pair->found->namespace) {
        report_pair(v, DIAG_STRAY_NAMESPACE, pair,
                    arena_printf(arena, "it has the namespace '%s', and its kind has none", pair->found->namespace));
        diag_help(v->verification->diags, "API servers take no notice of it; keep what klockc compiles out of "
                                          "kustomizations that set 'namespace'");
    }
}

// ---- names that objects have of each other ----

static const struct pair *find_wanted(const struct verifying *v, enum manifest_kind kind, const char *namespace,
                                      const char *name) {
    return map_get(&v->pairs.by_identity, verify_identity(v->verification->arena, kind, namespace, name));
}

static bool is_there(const struct verifying *v, enum manifest_kind kind, const char *namespace, const char *name) {
    return map_get(&v->findings.by_identity, verify_identity(v->verification->arena, kind, namespace, name)) != NULL;
}

// Of a binding, the policy or role that it names in that field.
static void check_reference(struct verifying *v, const struct pair *pair, enum manifest_kind kind, const char *field,
                            const char *wanted, const char *found, const char *consequence) {
    struct arena *arena = v->verification->arena;
    const struct pair *target = find_wanted(v, kind, pair->wanted->namespace, wanted);
    const char *right = target && target->found ? target->found->name : wanted;
    if (strcmp(found, right) == 0) return;
    if (is_there(v, kind, pair->found->namespace, found)) {
        report_pair(v, DIAG_CHANGED_OBJECT, pair, arena_printf(arena, "%s is '%s', not '%s'", field, found, right));
        help_restore(v);
        return;
    }
    if (v->findings.is_cut) return; // it may be in what was not read
    report_pair(v, DIAG_DANGLING, pair,
                strcmp(found, wanted) == 0
                    ? arena_printf(arena, "%s is '%s', which is '%s' here: %s", field, found, right, consequence)
                    : arena_printf(arena, "%s is '%s', and there is no %s of that name: %s", field, found,
                                   manifest_kind_name(kind), consequence));
    diag_help(v->verification->diags,
              "set no namePrefix and nameSuffix for what klockc compiles, but give the policy its "
              "final name: kustomize before 5.4.3 (kubectl before 1.32) renames policies and not "
              "what binds them");
}

static void check_binding(struct verifying *v, const struct pair *pair) {
    const struct value *wanted = pair->wanted->value, *found = pair->found->value;
    switch (pair->wanted->kind) {
    case MANIFEST_BINDING:
        check_reference(v, pair, MANIFEST_POLICY, "spec.policyName",
                        value_get_string(value_get(wanted, "spec"), "policyName"),
                        value_get_string(value_get(found, "spec"), "policyName"), "it enforces nothing");
        break;
    case MANIFEST_ROLE_BINDING:
    case MANIFEST_CLUSTER_ROLE_BINDING:
        check_reference(v, pair, pair->wanted->kind == MANIFEST_ROLE_BINDING ? MANIFEST_ROLE : MANIFEST_CLUSTER_ROLE,
                        "roleRef.name", value_get_string(value_get(wanted, "roleRef"), "name"),
                        value_get_string(value_get(found, "roleRef"), "name"), "it grants nothing");
        break;
    default: break;
    }
}

// ---- other names ----

static bool is_named_in(const struct value *names, const char *name) {
    for (size_t i = 0; names && names->kind == VALUE_LIST && i < names->count; i++)
        if (strcmp(names->as.items[i]->as.string, name) == 0) return true;
    return false;
}

// The first renamed object that a wanted role names: of it, no tool knows.
static const struct pair *find_named(const struct verifying *v, const struct manifest_object *role) {
    const struct value *rules = value_get(role->value, "rules");
    for (size_t i = 0; rules && i < rules->count; i++) {
        const struct value *names = value_get(rules->as.items[i], "resourceNames");
        for (size_t j = 0; names && j < v->pairs.count; j++)
            if (v->pairs.items[j].is_renamed && is_named_in(names, v->pairs.items[j].wanted->name))
                return &v->pairs.items[j];
    }
    return NULL;
}

// Names in roles do not follow: whoever is to apply the policy may not.
static void check_named(struct verifying *v, const struct pair *pair) {
    const bool is_role = pair->wanted->kind == MANIFEST_ROLE || pair->wanted->kind == MANIFEST_CLUSTER_ROLE;
    const struct pair *named = is_role ? find_named(v, pair->wanted) : NULL;
    if (!named) return;
    report_pair(v, DIAG_DANGLING, pair,
                arena_printf(v->verification->arena, "it names '%s', which is '%s' here: it gives no right to that",
                             named->wanted->name, named->found->name));
    diag_help(v->verification->diags, "give the policy its final name: no tool changes names in resourceNames");
}

// One warning for all: their names say how they were changed.
static void check_renamed(struct verifying *v) {
    const struct pair *first = NULL;
    size_t count = 0;
    for (size_t i = 0; i < v->pairs.count; i++) {
        if (!v->pairs.items[i].is_renamed) continue;
        if (!first) first = &v->pairs.items[i];
        count++;
    }
    if (!first) return;
    struct arena *arena = v->verification->arena;
    const char *others = count == 1 ? "; it means what it should"
                         : count == 2
                             ? ", as is 1 other; they mean what they should"
                             : arena_printf(arena, ", as are %zu others; they mean what they should", count - 1);
    report_pair(v, DIAG_RENAMED_OBJECT, first,
                arena_printf(arena, "this is '%s' under another name%s", first->wanted->name, others));
    diag_help(v->verification->diags, "give the policy its final name, and set no namePrefix and nameSuffix: messages, "
                                      "resourceNames and pruning know the names that klockc gave");
}

// ---- what is left over ----

static bool is_of(const struct verifying *v, const struct found *found) {
    for (size_t i = 0; i < v->wanted->count; i++)
        if (strcmp(found->policy, names_of_label(v->verification->arena, v->wanted->objects[i].policy)) == 0)
            return true;
    return false;
}

// Whether the wanted binding refuses all that this one does.
static bool is_within(const struct verifying *v, const struct pair *pair, const struct found *binding) {
    struct admission_differences differences;
    const char *error = NULL;
    if (!pair->found || pair->wanted->kind != MANIFEST_BINDING) return false;
    if (strcmp(value_get_string(value_get(pair->found->value, "spec"), "policyName"),
               value_get_string(value_get(binding->value, "spec"), "policyName")) != 0)
        return false;
    if (!verify_compare(v->verification, pair->wanted->value, binding, &differences, &error)) return false;
    for (size_t i = 0; i < differences.count; i++)
        if (differences.items[i].effect == ADMISSION_OTHER) return false;
    return true;
}

// One more binding of a policy refuses nothing that is not refused anyway.
static bool adds_nothing(const struct verifying *v, const struct found *found) {
    for (size_t i = 0; found->kind == MANIFEST_BINDING && i < v->pairs.count; i++)
        if (is_within(v, &v->pairs.items[i], found)) return true;
    return false;
}

static const char *effect_of(enum manifest_kind kind) {
    switch (kind) {
    case MANIFEST_POLICY:
    case MANIFEST_BINDING: return "it goes on refusing";
    case MANIFEST_MUTATING_WEBHOOKS:
    case MANIFEST_VALIDATING_WEBHOOKS: return "the webhooks in it go on being called";
    case MANIFEST_SERVICE_ACCOUNT: return "somebody may still act as it";
    case MANIFEST_NAMESPACE: return "it goes on belonging to its tenant";
    case MANIFEST_QUOTA: return "it goes on limiting";
    default: return "it goes on allowing";
    }
}

static void report_stale(struct verifying *v, const struct found *found) {
    struct diags *diags = v->verification->diags;
    const bool in_namespace = verify_is_namespaced(found->kind) && *found->namespace;
    diag_report(diags, DIAG_STALE_OBJECT, found->span,
                "%s '%s' has the label of policy '%s', which does not make it: %s", manifest_kind_name(found->kind),
                found->name, found->policy, effect_of(found->kind));
    if (v->verification->of_cluster && found->kind == MANIFEST_NAMESPACE)
        // With a namespace goes what people have in it.
        diag_help(diags,
                  "to keep it, and let it belong to nobody: kubectl label namespace %s klock.dev/policy- " NAMES_TENANT
                  "-; without what is in it: kubectl delete namespace %s",
                  found->name, found->name);
    else if (v->verification->of_cluster)
        diag_help(diags, "kubectl delete %s %s%s%s", manifest_kind_name(found->kind), found->name,
                  in_namespace ? " -n " : "", in_namespace ? found->namespace : "");
    else
        diag_help(diags, "take it out of what is rendered; 'klockc compile --output-dir' deletes such files itself");
}

static size_t check_stale(struct verifying *v) {
    size_t count = 0;
    for (size_t i = 0; i < v->findings.count; i++) {
        const struct found *found = v->findings.items[i];
        if (found->is_taken || !is_of(v, found) || adds_nothing(v, found)) continue;
        report_stale(v, found);
        count++;
    }
    return count;
}

// ---- all of it ----

static void check_pair(struct verifying *v, const struct pair *pair) {
    check_meaning(v, pair);
    check_metadata(v, pair);
    check_binding(v, pair);
    check_named(v, pair);
}

void verify(const struct verification *verification, const struct manifest *wanted, const struct manifest *anchors) {
    struct verifying *v = ARENA_NEW(verification->arena, struct verifying);
    *v = (struct verifying){.verification = verification, .wanted = wanted};
    verify_read(verification, &v->findings);
    verify_pair(verification, wanted, anchors, &v->findings, &v->pairs);
    const size_t stale = check_stale(v);
    const bool is_empty = !count_found(v) && !stale;
    if (is_empty) report_nothing(v);
    for (size_t i = 0; i < v->pairs.count; i++) {
        const struct pair *pair = &v->pairs.items[i];
        if (pair->found)
            check_pair(v, pair);
        else if (!v->findings.is_cut && (pair->is_anchor || !is_empty))
            report_missing(v, pair);
    }
    check_renamed(v);
}
