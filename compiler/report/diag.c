// Diagnostics: the table of codes and the list of what was reported; see diag.h.
#include "report/diag.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/arena.h"
#include "base/text.h"

enum { MESSAGE_BYTES = 1000 };

static const struct diag_info infos[DIAG_COUNT] = {
#define DIAG(code, name, kebab, severity, summary, explanation, example)                                               \
    [DIAG_##name] = {code, kebab, SEVERITY_##severity, summary, explanation, example},
#include "report/diag_codes.def"
#undef DIAG
};

const struct diag_info *diag_info(enum diag_code code) {
    return &infos[code];
}

const struct diag_info *diag_find(const char *code_or_name) {
    for (size_t i = 0; i < DIAG_COUNT; i++)
        if (strcasecmp(infos[i].code, code_or_name) == 0 || strcmp(infos[i].name, code_or_name) == 0) return &infos[i];
    return NULL;
}

bool diag_is_about_rbac(const struct diag_info *info) {
    return info >= &infos[DIAG_RBAC_EVERYTHING] && info <= &infos[DIAG_RBAC_DANGLING];
}

void diags_init(struct diags *diags, struct arena *arena) {
    *diags = (struct diags){.arena = arena};
}

// Bytes that are not UTF-8 become U+FFFD, control characters blanks.
static const char *clean_line(struct arena *arena, const char *bytes, size_t len) {
    struct text text;
    text_init(&text, arena);
    for (size_t at = 0; at < len;) {
        const size_t begin = text.len, valid = utf8_valid_prefix(bytes + at, len - at);
        text_add(&text, bytes + at, valid);
        for (size_t i = begin; i < text.len; i++)
            if ((unsigned char)text.data[i] < 0x20 || text.data[i] == 0x7f) text.data[i] = ' ';
        at += valid;
        if (at < len) {
            text_add_string(&text, "\xef\xbf\xbd");
            at++;
        }
    }
    return text_string(&text);
}

// One line of bounded length, whatever the quoted text of users holds.
__attribute__((format(printf, 2, 0))) static const char *format_line(struct arena *arena, const char *format,
                                                                     va_list args) {
    char buffer[MESSAGE_BYTES];
    const int wanted = vsnprintf(buffer, sizeof buffer, format, args);
    if (wanted < 0) return "";
    size_t len = (size_t)wanted;
    const bool clipped = len >= sizeof buffer;
    if (clipped) {
        static const char ellipsis[] = "\xe2\x80\xa6";
        len = sizeof buffer - sizeof ellipsis;
        while (len && ((unsigned char)buffer[len] & 0xc0U) == 0x80) len--;
        memcpy(buffer + len, ellipsis, sizeof ellipsis);
        len += sizeof ellipsis - 1;
    }
    return clean_line(arena, buffer, len);
}

// Whether the problem may be gone once a clause that cannot be read is mended.
static bool is_about_the_whole(enum diag_code code) {
    switch (code) {
    case DIAG_MISSING_CLAUSE:
    case DIAG_NO_NAMESPACE:
    case DIAG_NOT_NARROWED:
    case DIAG_UNUSED_CLAUSE: return true;
    default: return infos[code].severity == SEVERITY_WARNING;
    }
}

void diag_report(struct diags *diags, enum diag_code code, struct span span, const char *format, ...) {
    const enum severity severity = infos[code].severity;
    const bool uncertain = diags->in_damaged_block && is_about_the_whole(code);
    if (severity == SEVERITY_ERROR && !uncertain) diags->errors++;
    struct diagnostic diagnostic = {
        .code = code,
        .severity = severity,
        .span = span,
        .related = span_none(),
        .fix = span_none(),
        .message = "",
    };
    const bool full = severity == SEVERITY_ERROR ? diags->count - diags->warnings >= DIAG_MAX_REPORTED
                                                 : diags->warnings >= DIAG_MAX_WARNINGS;
    diags->last_is_kept = !full && !uncertain;
    if (!diags->last_is_kept) return;
    va_list args;
    va_start(args, format);
    diagnostic.message = format_line(diags->arena, format, args);
    va_end(args);
    ARENA_PUSH(diags->arena, diags->items, diags->count, diagnostic);
    diags->warnings += severity == SEVERITY_WARNING;
}

static struct diagnostic *last(struct diags *diags) {
    return diags->last_is_kept ? &diags->items[diags->count - 1] : NULL;
}

void diag_relate(struct diags *diags, struct span span, const char *label) {
    struct diagnostic *diagnostic = last(diags);
    if (!diagnostic) return;
    diagnostic->related = span;
    diagnostic->related_label = label;
}

void diag_help(struct diags *diags, const char *format, ...) {
    struct diagnostic *diagnostic = last(diags);
    if (!diagnostic) return;
    va_list args;
    va_start(args, format);
    diagnostic->help = format_line(diags->arena, format, args);
    va_end(args);
}

void diag_fix(struct diags *diags, struct span span, const char *text) {
    struct diagnostic *diagnostic = last(diags);
    if (!diagnostic) return;
    diagnostic->fix = span;
    diagnostic->fix_text = text;
}

static int compare_numbers(uint32_t a, uint32_t b) {
    return (a > b) - (a < b);
}

static int compare_diagnostics(const void *left, const void *right) {
    const struct diagnostic *a = left, *b = right;
    int order = compare_numbers(a->span.file, b->span.file);
    if (!order) order = compare_numbers(a->span.begin, b->span.begin);
    if (!order) order = (a->code > b->code) - (a->code < b->code);
    if (!order) order = compare_numbers(a->span.end, b->span.end);
    if (!order) order = strcmp(a->message, b->message);
    return order;
}

void diags_order(struct diags *diags) {
    if (diags->count) qsort(diags->items, diags->count, sizeof *diags->items, compare_diagnostics);
}

void diags_sort(struct diags *diags) {
    if (diags->count < 2) return;
    diags_order(diags);
    size_t kept = 1;
    for (size_t i = 1; i < diags->count; i++) {
        if (compare_diagnostics(&diags->items[kept - 1], &diags->items[i]) != 0) {
            diags->items[kept++] = diags->items[i];
        } else if (diags->items[i].severity == SEVERITY_ERROR) {
            diags->errors--; // a promoted warning has been counted as well
        }
    }
    const size_t distinct = kept;
    diags->warnings = kept = 0;
    for (size_t i = 0; i < distinct; i++) {
        const bool warning = infos[diags->items[i].code].severity == SEVERITY_WARNING;
        if (warning && diags->warnings == DIAG_MAX_REPORTED) continue;
        diags->warnings += warning;
        diags->items[kept++] = diags->items[i];
    }
    diags->count = kept;
}

void diags_promote_warnings(struct diags *diags) {
    for (size_t i = 0; i < diags->count; i++) {
        if (diags->items[i].severity != SEVERITY_WARNING) continue;
        diags->items[i].severity = SEVERITY_ERROR;
        diags->errors++;
    }
}
