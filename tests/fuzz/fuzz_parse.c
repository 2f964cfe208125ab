// Reads any bytes as klock source; what is read and reported must be printable.
// clang -fsanitize=fuzzer,address,undefined; see `make fuzz`.
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/text.h"
#include "front/ast_dump.h"
#include "front/parse.h"
#include "report/diag.h"
#include "report/diag_print.h"
#include "report/source.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    jmp_buf exhausted;
    struct arena arena;
    arena_init(&arena, &exhausted);
    if (setjmp(exhausted)) abort();
    struct diags diags;
    diags_init(&diags, &arena);
    struct sources sources = {.arena = &arena};
    const uint32_t source = source_add(&sources, &diags, "fuzz.klock", (const char *)data, size);
    const struct ast_file *file = parse_file(&arena, &diags, &sources, source);
    diags_sort(&diags);
    for (size_t i = 0; i < diags.count; i++) {
        const struct span span = diags.items[i].span;
        if (span.file != source || span.begin > span.end || span.end > sources.items[source].len) abort();
    }
    struct text out;
    text_init(&out, &arena);
    ast_dump(&out, file);
    diag_print(&out, &diags, &sources, DIAG_FORMAT_HUMAN, true);
    diag_print(&out, &diags, &sources, DIAG_FORMAT_JSON, false);
    if (utf8_valid_prefix(text_string(&out), out.len) != out.len) abort();
    arena_release(&arena);
    return 0;
}
