// See support.h.
#include "support.h"

#include <stdlib.h>
#include <string.h>

#include "front/parse.h"

int support_setup(void **state) {
    struct fixture *fixture = calloc(1, sizeof *fixture);
    if (!fixture) return -1;
    arena_init(&fixture->arena, NULL); // a test without memory may crash
    diags_init(&fixture->diags, &fixture->arena);
    fixture->sources.arena = &fixture->arena;
    *state = fixture;
    return 0;
}

int support_teardown(void **state) {
    struct fixture *fixture = *state;
    arena_release(&fixture->arena);
    free(fixture);
    return 0;
}

struct ast_file *support_parse(struct fixture *fixture, const char *text) {
    const uint32_t source = source_add(&fixture->sources, &fixture->diags, "test.klock", text, strlen(text));
    struct ast_file *file = parse_file(&fixture->arena, &fixture->diags, &fixture->sources, source);
    diags_sort(&fixture->diags);
    return file;
}

void support_assert_only(const struct fixture *fixture, enum diag_code code, const char *at) {
    if (fixture->diags.count != 1)
        for (size_t i = 0; i < fixture->diags.count; i++) print_message("%s\n", fixture->diags.items[i].message);
    assert_int_equal(fixture->diags.count, 1);
    const struct diagnostic *diagnostic = &fixture->diags.items[0];
    assert_string_equal(diag_info(diagnostic->code)->name, diag_info(code)->name);
    if (!at) return;
    const char *text = fixture->sources.items[0].text;
    const char *expected = strstr(text, at);
    assert_non_null(expected);
    assert_int_equal(diagnostic->span.file, 0);
    assert_int_equal(diagnostic->span.begin, expected - text);
    assert_int_equal(diagnostic->span.end - diagnostic->span.begin, strlen(at));
}

void support_assert_codes(struct fixture *fixture, size_t count, const enum diag_code *codes) {
    for (size_t i = 0; i < fixture->diags.count && i < count; i++)
        assert_string_equal(diag_info(fixture->diags.items[i].code)->name, diag_info(codes[i])->name);
    assert_int_equal(fixture->diags.count, count);
}

const char *support_written(struct fixture *fixture, struct span span) {
    return arena_copy(&fixture->arena, fixture->sources.items[0].text + span.begin, span.end - span.begin);
}
