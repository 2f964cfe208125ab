// Nearest name by edit distance; see suggest.h.
#include "base/suggest.h"

#include <ctype.h>
#include <string.h>

enum { LONGEST = 64 };

static size_t smaller(size_t a, size_t b) {
    return a < b ? a : b;
}

// Insertions, deletions, replacements and swaps of neighbours that lead from a to b, case ignored.
static size_t edit_distance(const char *a, size_t a_len, const char *b, size_t b_len) {
    size_t rows[3][LONGEST + 1];
    size_t *before = rows[0], *above = rows[1], *row = rows[2];
    for (size_t j = 0; j <= b_len; j++) above[j] = j;
    for (size_t i = 1; i <= a_len; i++) {
        row[0] = i;
        for (size_t j = 1; j <= b_len; j++) {
            const int from = tolower((unsigned char)a[i - 1]), to = tolower((unsigned char)b[j - 1]);
            row[j] = smaller(smaller(above[j], row[j - 1]) + 1, above[j - 1] + (from != to));
            const int swapped = i > 1 && j > 1 && from != to && tolower((unsigned char)a[i - 2]) == to &&
                                tolower((unsigned char)b[j - 2]) == from;
            if (swapped) row[j] = smaller(row[j], before[j - 2] + 1);
        }
        size_t *const spare = before;
        before = above;
        above = row;
        row = spare;
    }
    return above[b_len];
}

const char *suggest_nearest(const char *word, const char *const *candidates, size_t count) {
    const size_t len = strlen(word);
    if (len == 0 || len > LONGEST) return NULL;
    const char *nearest = NULL;
    size_t bound = (len < 6 ? 1 : len < 9 ? 2 : 3) + 1;
    for (size_t i = 0; i < count; i++) {
        const size_t candidate_len = strlen(candidates[i]);
        const size_t apart = candidate_len > len ? candidate_len - len : len - candidate_len;
        if (candidate_len > LONGEST || apart >= bound) continue;
        const size_t distance = edit_distance(word, len, candidates[i], candidate_len);
        if (distance >= bound || distance * 2 > smaller(len, candidate_len)) continue;
        bound = distance;
        nearest = candidates[i];
    }
    return nearest;
}
