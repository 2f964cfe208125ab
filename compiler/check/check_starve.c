// Whom a lock would keep from the work of the control plane.
#include <string.h>

#include "base/text.h"
#include "check/check_internal.h"
#include "data/value.h"
#include "kubernetes/catalog.h"
#include "report/diag.h"

// Whether one of the two leads to the other: changing either changes both.
static bool paths_meet(const struct field_path *path, const char *keys) {
    for (size_t i = 0; i < path->count && *keys; i++) {
        const size_t len = strcspn(keys, " ");
        const char *key = path->segments[i].key;
        if (key && (strlen(key) != len || strncmp(key, keys, len) != 0)) return false;
        keys += len + (keys[len] == ' ');
    }
    return true;
}

// Whether an update by the controller changes what the lock is about.
static bool is_written(const struct lock *lock, const char *controller, const char *plural) {
    if (!lock->path_count) return true;
    for (size_t i = 0; i < kube_written_count; i++) {
        if (strcmp(kube_written[i].controller, controller) != 0 || strcmp(kube_written[i].plural, plural) != 0)
            continue;
        bool meet = false;
        for (size_t j = 0; j < lock->path_count && !meet; j++) meet = paths_meet(&lock->paths[j], kube_written[i].path);
        if (meet != lock->all_but_paths) return true;
    }
    return false;
}

// A user that is a prefix is that of some node.
const char *check_controller_of(const struct kube_exemption *exemption) {
    const char *name = strrchr(exemption->user, ':') + 1;
    return *name ? name : "kubelet";
}

static const struct kube_particular *particular_of(const char *controller, const char *plural) {
    for (size_t i = 0; i < kube_particular_count; i++)
        if (strcmp(kube_particulars[i].controller, controller) == 0 && strcmp(kube_particulars[i].plural, plural) == 0)
            return &kube_particulars[i];
    return NULL;
}

static bool has_value(const struct formula *expr, const char *string) {
    for (size_t i = 0; i < expr->value_count; i++)
        if (expr->values[i]->kind == VALUE_STRING && strcmp(expr->values[i]->as.string, string) == 0) return true;
    return false;
}

// Whether the lock hardly means what the controller writes.
static bool misses(const struct lock *lock, const char *controller, const char *plural) {
    const struct formula *selects = lock->selects;
    const struct kube_particular *particular = particular_of(controller, plural);
    if (!particular || selects->kind == FORMULA_TRUE) return false;
    const bool by_name = selects->kind == FORMULA_NAME && selects->compare == CMP_IN;
    return !particular->name || !by_name || !has_value(selects, particular->name);
}

bool check_is_obsolete(const char *controller, const char *plural) {
    const struct kube_particular *particular = particular_of(controller, plural);
    return particular && particular->obsolete;
}

bool check_means(const struct lock *lock, const struct kube_exemption *exemption, const struct resource *resource) {
    if (exemption->namespace && !scope_may_be_in(&lock->scope, exemption->namespace)) return false;
    return !misses(lock, check_controller_of(exemption), resource->plural);
}

// Whether the lock refuses some of what the controller has to do.
static bool refuses_work(const struct checking *checking, const struct lock *lock, size_t index) {
    const struct kube_exemption *exemption = &kube_exemptions[index];
    const struct resource *resource = checking->around.exempted[index];
    const char *own = lock->scope.subresource;
    const bool about = own ? text_has_word(exemption->subresources, own)
                           : !*exemption->subresources || *exemption->subresources == ' ';
    if (exemption->level <= lock->exemption || !about || !resource || !check_takes_in(&lock->scope, resource))
        return false;
    if (!check_means(lock, exemption, resource)) return false;
    unsigned operations = lock->denies;
    if (check_asks_author(checking, lock, exemption, resource)) operations |= OP_UPDATE;
    operations &= exemption->operations;
    if (!is_written(lock, check_controller_of(exemption), resource->plural)) operations &= ~(unsigned)OP_UPDATE;
    return operations != 0;
}

// Controllers whose own work on the locked resources the lock would refuse.
void check_starvation(struct checking *checking, const struct lock *lock) {
    if (lock->exemption == EXEMPT_CONTROLLERS || !(lock->mode & MODE_DENY)) return;
    struct text names;
    text_init(&names, checking->arena);
    size_t count = 0;
    for (size_t i = 0; i < kube_exemption_count; i++) {
        if (!refuses_work(checking, lock, i)) continue;
        const char *name = check_controller_of(&kube_exemptions[i]);
        if (strstr(text_string(&names), name)) continue;
        if (count++ < 3) text_printf(&names, "%s%s", names.len ? ", " : "", name);
    }
    if (!count) return;
    if (count > 3) text_printf(&names, " and %zu more", count - 3);
    diag_report(checking->diags, DIAG_STARVES_CONTROLLER, lock->span,
                "lock '%s' stops controllers that work on its objects: %s", lock->name, text_string(&names));
    diag_help(checking->diags, "add 'exempt controllers', or write: accept %s",
              diag_info(DIAG_STARVES_CONTROLLER)->name);
}
