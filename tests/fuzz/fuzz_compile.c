// The whole compiler on arbitrary bytes: it must end, with a status that fits what it gives out.
#include <klock/klock.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../unique.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(bool holds) {
    if (!holds) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    // Options come from the first byte, so that both targets and several minors are seen.
    const uint8_t choice = size > 0 ? data[0] : 0;
    const struct klock_options options = {
        .size = sizeof options,
        .target = choice & 1 ? KLOCK_TARGET_STATIC : KLOCK_TARGET_API,
        .kubernetes_minor = choice & 2 ? 37 : 0,
        .date = "2026-01-01",
        .warnings_as_errors = (choice & 4) != 0,
    };
    struct klock_compiler *compiler = klock_new(&options);
    if (!compiler) return 0;
    // A directory that is not there: includes find nothing.
    klock_add_buffer(compiler, "fuzz-nowhere/fuzz.klock", (const char *)data, size);
    const enum klock_status status = klock_compile(compiler);
    size_t errors = 0;
    for (size_t i = 0; i < klock_diagnostic_count(compiler); i++) {
        struct klock_diagnostic diagnostic = {.size = sizeof diagnostic};
        expect(klock_diagnostic_at(compiler, i, &diagnostic));
        errors += diagnostic.is_error;
    }
    if (status != KLOCK_MEMORY) {
        expect((status == KLOCK_OK) == (errors == 0));
        expect(status != KLOCK_INTERNAL);
        expect(klock_diagnostics_text(compiler, "human", true) != NULL);
        expect(klock_diagnostics_text(compiler, "sarif", false) != NULL);
    }
    if (status == KLOCK_OK) {
        static const char *const formats[] = {"yaml", "json"};
        for (size_t i = 0; i < 2; i++) {
            const char *text = klock_output_text(compiler, formats[i]);
            char why[256] = "";
            expect(text != NULL && unique_check(text, strlen(text), why, sizeof why));
        }
        expect(klock_test_cases(compiler) != NULL);
        size_t asked, left_out;
        (void)klock_test_export(compiler, "chainsaw", &asked, &left_out);
    } else {
        expect(klock_object_count(compiler) == 0);
    }
    klock_free(compiler);
    return 0;
}
