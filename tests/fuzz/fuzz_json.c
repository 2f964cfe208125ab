// Reads any bytes as JSON; what was read must be written and read again as the same value.
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/text.h"
#include "data/json.h"
#include "data/value.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    jmp_buf exhausted;
    struct arena arena;
    arena_init(&arena, &exhausted);
    if (setjmp(exhausted)) abort();
    const char *error = NULL;
    const struct value *value = json_read(&arena, (const char *)data, size, &error);
    if (!value && !error) abort();
    for (int pretty = 0; value && pretty < 2; pretty++) {
        struct text out;
        text_init(&out, &arena);
        json_print(&out, value, pretty);
        const struct value *again = json_read(&arena, text_string(&out), out.len, &error);
        if (!again || !value_equal(value, again)) abort();
    }
    arena_release(&arena);
    return 0;
}
