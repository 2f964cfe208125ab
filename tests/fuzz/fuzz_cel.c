// A CEL expression of arbitrary bytes: reading and evaluating it must end, and its text on one line must be read again
// and come to the same. The first byte chooses the oldest server.
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "cel/cel.h"
#include "data/json.h"
#include "data/value.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char object[] =
    "{\"metadata\":{\"name\":\"web\",\"labels\":{\"app\":\"web\",\"a/"
    "b\":\"c\"}},\"spec\":{\"replicas\":3,\"ratio\":1.5,"
    "\"text\":\"\xc3\xa9 "
    "1Gi\",\"none\":null,\"list\":[\"a\",\"b\",\"a\"],\"mixed\":[1,\"a\",null,2.5],\"big\":9223372036854775807,"
    "\"nested\":{\"x\":{\"y\":[{\"z\":1},[[1],[2,3]]]}},\"time\":\"2024-02-29T12:30:00.5+02:00\",\"url\":\"https://"
    "a.b:8/c?d=e\"}}";

static enum cel_result evaluate(struct arena *arena, const char *text, unsigned minor, const char **ret_line) {
    struct cel_problem problem;
    const struct cel_expr *expr = cel_parse(arena, text, minor, &problem);
    *ret_line = expr ? cel_text(expr) : NULL;
    const char *error = "";
    struct value *data = json_read(arena, object, sizeof object - 1, &error);
    const struct cel_env env = {.object = data, .old_object = data, .request = data};
    return expr ? cel_evaluate(expr, &env, arena, &error) : CEL_ERROR;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (!size || memchr(data, '\0', size)) return 0;
    jmp_buf exhausted;
    struct arena arena;
    arena_init(&arena, &exhausted);
    if (setjmp(exhausted)) abort();
    const unsigned minor = 30 + data[0] % 9;
    const char *line = NULL, *again = NULL;
    const enum cel_result result = evaluate(&arena, arena_copy(&arena, (const char *)data + 1, size - 1), minor, &line);
    if (line && (evaluate(&arena, line, minor, &again) != result || !again || strcmp(line, again) != 0)) abort();
    arena_release(&arena);
    return 0;
}
