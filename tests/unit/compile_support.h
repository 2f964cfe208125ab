// What the unit tests share: policies from memory, and questions about what became of them.
#ifndef KLOCK_TEST_COMPILE_SUPPORT_H
#define KLOCK_TEST_COMPILE_SUPPORT_H

// The order is cmocka's.
// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
// clang-format on

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/text.h"
#include "data/value.h"
#include "decide/cases.h"
#include "driver.h"
#include "emit/plan.h"

struct compile_fixture {
    struct arena arena;
    jmp_buf exhausted;
};

int set_up(void **state);
int tear_down(void **state);
#define SENTENCE(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

struct arena *arena_of(void **state);

struct file {
    const char *name, *text;
};

// Compiles the text as "test.klock"; everything lives until the test is over. A text that names no policy belongs to
// the one that is named like its file.
struct compilation *compile(void **state, const char *text);
struct compilation *compile_at(void **state, const char *text, const char *date);
struct compilation *compile_static(void **state, const char *text);
struct compilation *compile_as_written(void **state, const struct file *files, size_t count);
struct compilation *compile_files(void **state, const struct file *files, size_t count);
#define COMPILE_FILES(state, ...)                                                                                      \
    compile_files((state), (const struct file[]){__VA_ARGS__},                                                         \
                  sizeof((const struct file[]){__VA_ARGS__}) / sizeof(struct file))

// A lock on configmaps in the namespace `default` with these clauses, and what else the file holds.
struct compilation *compile_lock(void **state, const char *clauses, const char *rest);

// What a diagnostic points at, as it is written.
const char *text_of(const struct compilation *compilation, struct span span);
size_t count_of(const struct compilation *compilation, const char *code);
// Exactly one diagnostic has the code, and it points at this text.
void assert_reports(const struct compilation *compilation, const char *code, const char *at);
// The same, and nothing else is reported.
void assert_reports_only(const struct compilation *compilation, const char *code, const char *at);
void assert_silent(const struct compilation *compilation, const char *code);
void assert_no_errors(const struct compilation *compilation);
void assert_clean(const struct compilation *compilation);

const struct lock *lock_named(const struct compilation *compilation, const char *name);
const struct grant *grant_named(const struct compilation *compilation, const char *name);
// The only lock with the id: "l (guard namespace)".
const struct lock *lock_with_id(const struct compilation *compilation, const char *id);
// The ids of the locks that nobody wrote, in order, each on a line.
const char *derived_ids(void **state, const struct compilation *compilation);
// What the lock is about, on lines that are left out where they say nothing:
//     pods replicasets.apps in a b
//     denies delete, acts eviction
//     selects (label k in v)
//     requires (not (field spec))
//     changing spec status/x
//     guards labels owners
const char *facts_of(void **state, const struct lock *lock);
// Exact names, users before groups: "user u, group g", and formulas behind them.
const char *subjects_text(void **state, const struct subjects *subjects);
// The formula as text: (and (label aura in red) (not (name in a b))).
const char *formula_text(void **state, const struct formula *expr);

// All cases of the tests in the text pass; there is at least one.
void assert_judged(void **state, const char *policy, const char *steps);

struct plan *plan_of(void **state, const struct compilation *compilation);
const struct plan_policy *policy_named(const struct plan *plan, const char *name);
// The objects as one text.
const char *output_text(void **state, const struct compilation *compilation);
const struct value *object_named(const struct compilation *compilation, const char *kind, const char *namespace,
                                 const char *name);

#endif
