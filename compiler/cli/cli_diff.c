// The shortest edit script after E. Myers; texts that differ too much are shown as one replacement.
#include "cli/cli_diff.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { DIFF_CONTEXT = 3, DIFF_MAX_EDITS = 2000 };

struct lines {
    const char **starts; // count + 1 of them: the last is the end
    size_t count;
    bool unfinished; // no line end at the end
};

static struct lines split(const char *bytes, size_t len) {
    struct lines lines = {0};
    size_t capacity = 1;
    for (size_t i = 0; i < len; i++)
        if (bytes[i] == '\n') capacity++;
    lines.starts = cli_realloc(NULL, capacity + 1, sizeof *lines.starts);
    const char *at = bytes, *end = bytes + len;
    while (at < end) {
        lines.starts[lines.count++] = at;
        const char *next = memchr(at, '\n', (size_t)(end - at));
        lines.unfinished = next == NULL;
        at = next == NULL ? end : next + 1;
    }
    lines.starts[lines.count] = end;
    return lines;
}

static bool same_line(const struct lines *old, size_t i, const struct lines *new, size_t j) {
    size_t old_len = (size_t)(old->starts[i + 1] - old->starts[i]);
    size_t new_len = (size_t)(new->starts[j + 1] - new->starts[j]);
    return old_len == new_len && memcmp(old->starts[i], new->starts[j], old_len) == 0;
}

// Marks the lines of the middle [from, old_end) × [from, new_end) that are removed or added.
static void mark(const struct lines *old, const struct lines *new, size_t from, size_t old_end, size_t new_end,
                 bool *removed, bool *added) {
    long n = (long)(old_end - from), m = (long)(new_end - from);
    long most = n + m < DIFF_MAX_EDITS ? n + m : DIFF_MAX_EDITS;
    size_t width = 2 * (size_t)most + 3;
    long *furthest = cli_realloc(NULL, width, sizeof *furthest);
    long **trace = cli_realloc(NULL, (size_t)most + 1, sizeof *trace);
    long offset = most + 1, edits = 0;
    bool found = false;
    for (size_t i = 0; i < width; i++) furthest[i] = 0;
    for (edits = 0; edits <= most && !found; edits++) {
        // The part of `furthest` that this round starts from.
        trace[edits] = cli_realloc(NULL, 2 * (size_t)edits + 3, sizeof **trace);
        memcpy(trace[edits], furthest + offset - edits - 1, (2 * (size_t)edits + 3) * sizeof **trace);
        for (long k = -edits; k <= edits && !found; k += 2) {
            bool down = k == -edits || (k != edits && furthest[offset + k - 1] < furthest[offset + k + 1]);
            long x = down ? furthest[offset + k + 1] : furthest[offset + k - 1] + 1;
            long y = x - k;
            while (x < n && y < m && same_line(old, from + (size_t)x, new, from + (size_t)y)) {
                x++;
                y++;
            }
            furthest[offset + k] = x;
            found = x >= n && y >= m;
        }
    }
    if (!found) {
        for (size_t i = from; i < old_end; i++) removed[i] = true;
        for (size_t j = from; j < new_end; j++) added[j] = true;
    } else {
        long x = n, y = m;
        for (long edit = edits - 1; edit > 0; edit--) {
            const long *before = trace[edit] + edit + 1; // indexed by diagonal
            long k = x - y;
            bool down = k == -edit || (k != edit && before[k - 1] < before[k + 1]);
            long from_k = down ? k + 1 : k - 1;
            long from_x = before[from_k], from_y = from_x - from_k;
            if (down)
                added[from + (size_t)from_y] = true;
            else
                removed[from + (size_t)from_x] = true;
            x = from_x;
            y = from_y;
        }
    }
    for (long i = 0; i < edits; i++) free(trace[i]);
    free(trace);
    free(furthest);
}

static void add_line(struct buffer *out, char sign, const struct lines *lines, size_t i) {
    buffer_add(out, &sign, 1);
    buffer_add(out, lines->starts[i], (size_t)(lines->starts[i + 1] - lines->starts[i]));
    if (i + 1 == lines->count && lines->unfinished) buffer_puts(out, "\n\\ No newline at end of file\n");
}

static void add_range(struct buffer *out, size_t from, size_t count) {
    // An empty range is named by the line before it.
    buffer_printf(out, count == 1 ? "%zu" : "%zu,%zu", count == 0 ? from : from + 1, count);
}

static void add_hunks(struct buffer *out, const struct lines *old, const struct lines *new, const bool *removed,
                      const bool *added) {
    size_t i = 0, j = 0;
    while (i < old->count || j < new->count) {
        if (!(i < old->count && removed[i]) && !(j < new->count &&added[j])) {
            i++;
            j++;
            continue;
        }
        size_t before = i < DIFF_CONTEXT ? i : DIFF_CONTEXT;
        size_t old_from = i - before, new_from = j - before, kept = 0;
        // The hunk goes on until there is twice the context without a change.
        size_t old_end = i, new_end = j;
        while ((i < old->count || j < new->count) && kept <= 2 * (size_t)DIFF_CONTEXT) {
            if (i < old->count && removed[i]) {
                i++;
            } else if (j < new->count && added[j]) {
                j++;
            } else {
                i++;
                j++;
                kept++;
                continue;
            }
            kept = 0;
            old_end = i;
            new_end = j;
        }
        size_t after = old->count - old_end < DIFF_CONTEXT ? old->count - old_end : DIFF_CONTEXT;
        buffer_puts(out, "@@ -");
        add_range(out, old_from, old_end + after - old_from);
        buffer_puts(out, " +");
        add_range(out, new_from, new_end + after - new_from);
        buffer_puts(out, " @@\n");
        for (i = old_from, j = new_from; i < old_end + after || j < new_end + after;) {
            if (i < old->count && removed[i]) {
                add_line(out, '-', old, i++);
            } else if (j < new->count && added[j]) {
                add_line(out, '+', new, j++);
            } else {
                add_line(out, ' ', old, i++);
                j++;
            }
        }
    }
}

void diff_add(struct buffer *out, struct diff_side old, struct diff_side new) {
    if (old.len == new.len && (old.len == 0 || memcmp(old.bytes, new.bytes, old.len) == 0)) return;
    buffer_printf(out, "--- %s\n+++ %s\n", old.name, new.name);
    struct lines left = split(old.bytes, old.len), right = split(new.bytes, new.len);
    bool *removed = calloc(left.count + 1, sizeof *removed), *added = calloc(right.count + 1, sizeof *added);
    if (removed == NULL || added == NULL) cli_out_of_memory();
    size_t from = 0, old_end = left.count, new_end = right.count;
    while (from < old_end && from < new_end && same_line(&left, from, &right, from)) from++;
    while (old_end > from && new_end > from && same_line(&left, old_end - 1, &right, new_end - 1)) {
        old_end--;
        new_end--;
    }
    mark(&left, &right, from, old_end, new_end, removed, added);
    add_hunks(out, &left, &right, removed, added);
    free(removed);
    free(added);
    free(left.starts);
    free(right.starts);
}
