// Holds any bytes against a policy: whatever they are, they are refused, or found to be something else, or the same.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "klock/klock.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

// As tests/golden/verify/policy.klock, from whose objects the fuzzer begins.
static const char policy[] = "policy good\nactor bot = new sa default/bot\n"
                             "lock keep {\n  resources configmaps\n  namespace default\n  name settings\n  deny "
                             "update, delete\n  exclusive bot\n"
                             "  guard no owners, no namespace\n}\n"
                             "lock doors {\n  resources pods\n  namespace default\n  labels team=shop\n  deny exec\n"
                             "  guard no owners, no labels, no namespace\n}\n"
                             "grant read to bot {\n  resources configmaps\n  namespace default\n  allow get, list\n}\n"
                             "deployer group ops\n";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char *const formats[] = {"human", "json", "sarif", "github", "gitlab", "junit"};
    if (!size) return 0;
    struct klock_compiler *compiler = klock_new(NULL);
    if (!compiler) abort();
    klock_add_buffer(compiler, "policy.klock", policy, strlen(policy));
    if (klock_compile(compiler) != KLOCK_OK) abort();
    // The first byte chooses whether they are of a cluster, which has anchors as well.
    klock_add_rendered(compiler, "rendered.yaml", (const char *)data + 1, size - 1);
    const enum klock_status status = klock_verify(compiler, data[0] == 'c' ? KLOCK_CLUSTER : KLOCK_RENDERED);
    if (status != KLOCK_OK && status != KLOCK_ERRORS) abort();
    if (status == KLOCK_ERRORS && !klock_diagnostic_count(compiler)) abort();
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
        if (!klock_diagnostics_text(compiler, formats[i], false)) abort();
    klock_free(compiler);
    return 0;
}
