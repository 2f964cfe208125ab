// What the unit tests share: a compilation in an arena, and assertions about its diagnostics.
#ifndef KLOCK_TEST_SUPPORT_H
#define KLOCK_TEST_SUPPORT_H

// cmocka wants these before it, in this order.
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include "base/arena.h"
#include "front/ast.h"
#include "report/diag.h"
#include "report/source.h"

struct fixture {
    struct arena arena;
    struct diags diags;
    struct sources sources;
};

// cmocka's per-test setup and teardown; the state is a struct fixture.
int support_setup(void **state);
int support_teardown(void **state);

// Adds the text as the next source and parses it.
struct ast_file *support_parse(struct fixture *fixture, const char *text);

// The only diagnostic has this code and stands at the first place where `at` is written in source 0 (NULL: anywhere).
void support_assert_only(const struct fixture *fixture, enum diag_code code, const char *at);
// The diagnostics are exactly these codes in the order of the text.
void support_assert_codes(struct fixture *fixture, size_t count, const enum diag_code *codes);
// What source 0 has at the span.
const char *support_written(struct fixture *fixture, struct span span);

#endif
