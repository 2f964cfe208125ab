// Webhooks as sentences.
#include <string.h>

#include "base/arena.h"
#include "base/text.h"
#include "describe/describe_internal.h"

static void add_server(struct text *text, const struct webhook *webhook) {
    text_printf(text, "The %s webhook at ", webhook->is_mutating ? "mutating" : "validating");
    if (webhook->url)
        text_add_string(text, webhook->url);
    else
        text_printf(text, "service %s/%s", webhook->service_namespace, webhook->service);
}

static void add_operations(struct text *text, unsigned operations) {
    const char *named[KUBE_OPERATION_COUNT];
    size_t count = 0;
    for (size_t i = 0; i < KUBE_OPERATION_COUNT; i++)
        if (operations & kube_operations[i].operation) named[count++] = kube_operations[i].word;
    text_add_string(text, " is called on ");
    describe_list(text, named, count, "and", 0);
    text_add_string(text, " of ");
}

static void add_kept_out(struct text *text, const struct webhook *webhook) {
    if (!webhook->kept_out_count) return;
    text_add_string(text, " (never in ");
    describe_list(text, webhook->kept_out, webhook->kept_out_count, "and", 0);
    text_add_char(text, ')');
}

static void add_leave(struct text *text, const struct webhook *webhook) {
    if (webhook->consent)
        text_printf(text,
                    webhook->consents_strictly ? ", if annotation %s of the object names it"
                                               : ", unless annotation %s of the object names only others",
                    webhook->consent);
    if (webhook->account)
        text_printf(text, ", as long as serviceaccount %s/%s may do the same", webhook->account_namespace,
                    webhook->account);
    text_add_char(text, '.');
}

static void add_failure(struct text *text, const struct webhook *webhook) {
    text_printf(text, " A request that it does not answer within %us %s.", webhook->timeout,
                webhook->fail_open ? "goes on without it" : "is refused");
}

void describe_webhook(struct text *text, const struct webhook *webhook) {
    struct formula *selects = NULL;
    if (webhook->selects) selects = formula_and(text->arena, selects, webhook->selects);
    if (webhook->labels) selects = formula_and(text->arena, selects, webhook->labels);
    add_server(text, webhook);
    add_operations(text, webhook->operations);
    describe_objects(text, &webhook->scope, selects);
    add_kept_out(text, webhook);
    describe_condition(text, webhook->condition);
    add_leave(text, webhook);
    add_failure(text, webhook);
}
