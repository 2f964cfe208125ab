// Looks at any bytes as RBAC beside a policy: whatever they are, they are refused, or something is found in them, or
// nothing.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "klock/klock.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

// Much as tests/golden/rbac/locks.klock, beside which the fuzzer begins with what is there.
static const char policy[] = "policy payments\ndeployer user release\n"
                             "actor jonny = sa payments/jonny-op sealed by user release\n"
                             "lock ledger {\n  resources configmaps\n  namespace payments\n  labels ledger\n"
                             "  exclusive jonny, may unlock\n}\n"
                             "lock settings {\n  resources configmaps\n  namespace shop\n  name settings\n"
                             "  exclusive sa shop/pipeline, group on-call\n}\n"
                             "accept rbac-passes-lock of rolebinding payments/on-call\naccept rbac-everything\n";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char *const formats[] = {"human", "json", "sarif", "github", "junit"};
    struct klock_compiler *compiler = klock_new(NULL);
    if (!compiler) abort();
    klock_add_buffer(compiler, "policy.klock", policy, strlen(policy));
    klock_add_rbac(compiler, "rbac.yaml", (const char *)data, size);
    const enum klock_status status = klock_compile(compiler);
    if (status != KLOCK_OK && status != KLOCK_ERRORS) abort();
    if (status == KLOCK_OK && !klock_object_count(compiler)) abort();
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
        if (!klock_diagnostics_text(compiler, formats[i], false)) abort();
    klock_free(compiler);
    return 0;
}
