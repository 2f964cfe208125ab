// Diagnostics as text for people and as the formats that other tools read.
#ifndef KLOCK_DIAG_PRINT_H
#define KLOCK_DIAG_PRINT_H

#include <stdbool.h>

struct diags;
struct sources;
struct text;

enum diag_format {
    DIAG_FORMAT_HUMAN,
    DIAG_FORMAT_JSON,
    DIAG_FORMAT_SARIF,
    DIAG_FORMAT_GITHUB,
    DIAG_FORMAT_GITLAB,
    DIAG_FORMAT_JUNIT
};

// By the name the command line has for it; false when there is none.
bool diag_format_find(const char *name, enum diag_format *ret_format);

// Appends all diagnostics, which must be sorted. Colour is for DIAG_FORMAT_HUMAN only.
void diag_print(struct text *text, const struct diags *diags, const struct sources *sources, enum diag_format format,
                bool colour);

// Appends what a code or name means, or the list of all codes for NULL; false when there is no such code.
bool diag_explain(struct text *text, const char *code_or_name);

#endif
