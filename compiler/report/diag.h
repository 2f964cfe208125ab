// Every problem becomes a diagnostic in one list. Stages report; nobody prints before the end.
#ifndef KLOCK_DIAG_H
#define KLOCK_DIAG_H

#include <stdbool.h>
#include <stddef.h>

#include "base/span.h"

struct arena;
struct text;

enum severity { SEVERITY_ERROR, SEVERITY_WARNING };

// One entry per line of diag_codes.def: DIAG_<NAME>.
enum diag_code {
#define DIAG(code, name, kebab, severity, summary, explanation, example) DIAG_##name,
#include "report/diag_codes.def"
#undef DIAG
    DIAG_COUNT
};

struct diag_info {
    const char *code; // "K0101"
    const char *name; // "unknown-name"
    enum severity severity;
    const char *summary;     // one line
    const char *explanation; // why it is so and what to do, several lines
    const char *example;     // klock source that shows it
};
const struct diag_info *diag_info(enum diag_code code);
// By "K0101" (any case) or by name; NULL when there is none.
const struct diag_info *diag_find(const char *code_or_name);

// Whether it is found in RBAC, and not in a policy.
bool diag_is_about_rbac(const struct diag_info *info);

struct diagnostic {
    enum diag_code code;
    enum severity severity; // as in diag_codes.def unless --warnings-as-errors
    struct span span;
    const char *message; // lower case, no full stop, one line
    struct span related; // SPAN_NOWHERE if none
    const char *related_label;
    const char *help; // the way out; NULL if none
    struct span fix;  // where fix_text would go; SPAN_NOWHERE if none
    const char *fix_text;
};

// A warning that somebody accepts, and is not among the diagnostics any more.
struct acceptance {
    enum diag_code code;
    const char *message;
    struct span span;
    const char *reason; // NULL if none was given
};

struct diags {
    struct arena *arena;
    struct diagnostic *items;
    size_t count;
    size_t warnings; // how many of the items are such by diag_codes.def
    struct acceptance *accepted;
    size_t accepted_count;
    size_t errors;         // of severity error, those beyond the cap counted too
    bool last_is_kept;     // no report yet, one beyond the cap, or of what a damaged block only seems to lack: false
    bool in_damaged_block; // its clauses are looked at one by one: what is missing may be what could not be read
};

// More errors are counted and not kept. Warnings are kept until check has taken away those that are accepted;
// diags_sort drops what is too much then. Neither takes the other's place.
enum { DIAG_MAX_REPORTED = 1000, DIAG_MAX_WARNINGS = 100000 };

void diags_init(struct diags *diags, struct arena *arena);

// Adds a diagnostic with a formatted message, which is copied into the arena and made one line.
void diag_report(struct diags *diags, enum diag_code code, struct span span, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
// These three say more about what was reported last. Texts of diag_help are copied, those of the others are not.
void diag_help(struct diags *diags, const char *format, ...) __attribute__((format(printf, 2, 3))); // the way out
void diag_relate(struct diags *diags, struct span span, const char *label); // the other place of a conflict
void diag_fix(struct diags *diags, struct span span, const char *text);     // what would mend it in place of the span

// Makes every warning an error, for --warnings-as-errors.
void diags_promote_warnings(struct diags *diags);

// Sorts by file, offset and code.
void diags_order(struct diags *diags);
// The same, and drops what is said twice of one span, and warnings beyond DIAG_MAX_REPORTED.
void diags_sort(struct diags *diags);

#endif
