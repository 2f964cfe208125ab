// What decides about a request, for whoever reads a test that fails.
#include <string.h>

#include "base/text.h"
#include "describe/describe.h"
#include "describe/describe_internal.h"

// The operation as locks deny it.
static const char *operation_of(const struct request *request) {
    const struct kube_act *act = kube_act_of(request->subresource);
    if (act) return request->subresource;
    for (size_t i = 0; i < KUBE_OPERATION_COUNT; i++)
        if (kube_operations[i].operation == request->operation) return kube_operations[i].word;
    return "";
}

static void add_about(struct text *text, const char *about, const struct formula *formula) {
    if (!formula || formula->kind == FORMULA_TRUE) return;
    text_add_string(text, about);
    describe_formula(text, formula);
}

static void add_denied(struct text *text, const struct lock *lock, const struct request *request) {
    text_printf(text, "denies %s", operation_of(request));
    if (lock->path_count) text_add_string(text, lock->all_but_paths ? " of all but some fields" : " of some fields");
    add_about(text, ", selects the object by: ", lock->selects);
    add_about(text, ", and holds by its condition: ", lock->condition);
}

static void add_unchanged(struct text *text, const struct lock *lock, const struct request *request) {
    if (request->operation == OP_UPDATE || lock->path_count)
        text_add_string(text, "is about changes of which this request makes none: ");
    else
        text_add_string(text, "is about something else than this request: ");
    for (size_t i = 0; i < lock->path_count; i++) {
        if (i) text_add_string(text, ", ");
        describe_path(text, &lock->paths[i]);
    }
    if (!lock->path_count) text_add_string(text, "anything but what the server sets");
}

static void add_kind(struct text *text, const struct lock *lock, const struct request *request,
                     const struct reason *reason) {
    switch (reason->kind) {
    case REASON_NOT_REACHED:
        text_printf(text, "does not reach '%s', which carries only the name", request->subresource);
        break;
    case REASON_OTHER_RESOURCE: text_printf(text, "is not about %s", request->resource); break;
    case REASON_OTHER_NAMESPACE: text_printf(text, "does not hold in namespace '%s'", request->namespace); break;
    case REASON_NO_SOURCE:
        text_add_string(text, "is the ConfigMaps of the namespace that have its label, and none is there");
        break;
    case REASON_NOT_SELECTED: add_about(text, "does not select the object: ", lock->selects); break;
    case REASON_OTHER_OPERATION: text_printf(text, "does not deny %s", operation_of(request)); break;
    case REASON_UNCHANGED: add_unchanged(text, lock, request); break;
    case REASON_SATISFIED: add_about(text, "requires what the object has: ", lock->requires); break;
    case REASON_CONDITION: add_about(text, "holds only when: ", lock->condition); break;
    case REASON_EXEMPT: text_printf(text, "exempts '%s' in this", request->user); break;
    case REASON_PASSES: text_printf(text, "lets '%s' pass", request->user); break;
    case REASON_GLASS: text_printf(text, "lets '%s' pass by break-glass", request->user); break;
    case REASON_FAILED: text_add_string(text, "has an expression that cannot be evaluated here"); break;
    case REASON_REQUIRED: add_about(text, "requires: ", reason->part ? reason->part : lock->requires); break;
    case REASON_ENTERS: add_about(text, "keeps others from bringing objects under it: ", lock->selects); break;
    case REASON_OWNERS: text_add_string(text, "keeps the owners of the object"); break;
    case REASON_ACTORS: text_add_string(text, "keeps what gives its actors their names"); break;
    case REASON_RELEASE: add_about(text, "would no longer hold the object: ", lock->condition); break;
    case REASON_LEAVES: add_about(text, "would no longer select the object: ", lock->selects); break;
    case REASON_DENIED: add_denied(text, lock, request); break;
    }
}

void describe_reason(struct text *text, const struct lock *lock, const struct request *request,
                     const struct reason *reason) {
    const char *guard = reason_guard(reason->kind);
    text_printf(text, "lock '%s'", lock->id);
    if (guard) text_printf(text, " (%s)", guard);
    text_add_char(text, ' ');
    add_kind(text, lock, request, reason);
}
