// Memory runs out at every single allocation: all of it must end in the one jump, and nothing may leak (seen by ASan).
#include "support.h"

#include <stdlib.h>
#include <string.h>

#include <cJSON.h>

#include "base/text.h"
#include "data/json.h"
#include "data/value.h"
#include "front/ast_dump.h"
#include "front/parse.h"
#include "report/diag_print.h"

static bool limited;
static size_t allowed;

static bool take(void) {
    if (!limited) return true;
    if (!allowed) return false;
    allowed--;
    return true;
}

// The linker puts these in the place of calloc; cJSON gets its own hook.
void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size) {
    return take() ? __real_calloc(count, size) : NULL;
}

static void *limited_malloc(size_t size) {
    return take() ? malloc(size) : NULL;
}

typedef void work_function(struct arena *arena);

static void parse_and_print(struct arena *arena) {
    struct diags diags;
    diags_init(&diags, arena);
    struct sources sources = {.arena = arena};
    struct text source, out;
    text_init(&source, arena);
    text_init(&out, arena);
    for (int i = 0; i < 2000; i++)
        text_printf(&source, "lock a%d {\n deny x\n labels (a, b) or c\n denny\n message \"\\q\"\n}\n", i);
    source_add(&sources, &diags, "a.klock", text_string(&source), source.len);
    const struct ast_file *file = parse_file(arena, &diags, &sources, 0);
    diags_sort(&diags);
    ast_dump(&out, file);
    diag_print(&out, &diags, &sources, DIAG_FORMAT_HUMAN, false);
}

static void read_and_print_json(struct arena *arena) {
    static const char json[] =
        "{\"a\": [1, 2.5, \"text\", {\"b\": null}], \"c\": {\"d\": [true, false]}, \"e\": \"\\u00e9\"}";
    struct text list;
    text_init(&list, arena);
    text_add_string(&list, "[");
    for (int i = 0; i < 400; i++) text_printf(&list, "%s%s", i ? "," : "", json);
    text_add_string(&list, "]");
    const char *error = NULL;
    const struct value *value = json_read(arena, text_string(&list), list.len, &error);
    if (!value) return; // cJSON does not say why it failed
    struct text out;
    text_init(&out, arena);
    json_print(&out, value, true);
}

// Whether the work could be done with this many allocations.
static bool works_with(work_function *work, size_t allocations) {
    jmp_buf exhausted;
    struct arena arena;
    arena_init(&arena, &exhausted);
    allowed = allocations;
    limited = true;
    const bool done = setjmp(exhausted) == 0;
    if (done) work(&arena);
    limited = false;
    arena_release(&arena);
    return done;
}

static void parsing_survives(void **state) {
    (void)state;
    size_t allocations = 0;
    while (!works_with(parse_and_print, allocations)) allocations++;
    assert_true(allocations > 20);
}

static void json_survives(void **state) {
    (void)state;
    cJSON_Hooks hooks = {limited_malloc, free};
    cJSON_InitHooks(&hooks);
    bool failed = false;
    for (size_t allocations = 0; allocations < 40000; allocations += allocations < 50 ? 1 : 97)
        failed = !works_with(read_and_print_json, allocations) || failed;
    assert_true(failed);
    assert_true(works_with(read_and_print_json, SIZE_MAX));
    cJSON_InitHooks(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parsing_survives),
        cmocka_unit_test(json_survives),
    };
    return cmocka_run_group_tests_name("oom", tests, NULL, NULL);
}
