// Reads pattern and text, each ended by a NUL, until the input ends; answers each pair with one line: 1, where it
// begins and where it ends for a match, 0 for none, E for a pattern that is refused, U for one that is valid but not
// supported.
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "data/regex.h"

static bool read_string(char **buffer, size_t *capacity) {
    return getdelim(buffer, capacity, '\0', stdin) > 0;
}

static void judge(struct arena *arena, const char *pattern, const char *text) {
    const char *error = NULL;
    size_t offset = 0;
    const struct regex *regex = regex_compile(arena, pattern, &error, &offset);
    if (regex) {
        struct regex_found found;
        const bool matches = regex_match(regex, text, strlen(text), arena);
        const bool finds = regex_find(regex_finder(regex, arena), text, strlen(text), 0, &found);
        if (matches != finds) abort();
        if (finds)
            printf("1 %zu %zu\n", found.begin, found.end);
        else
            puts("0");
        return;
    }
    if (offset > strlen(pattern)) abort();
    const bool ours = strstr(error, "not supported") || strstr(error, "too large") || strstr(error, "too deeply");
    puts(ours ? "U" : "E");
}

int main(void) {
    char *pattern = NULL, *text = NULL;
    size_t pattern_capacity = 0, text_capacity = 0;
    while (read_string(&pattern, &pattern_capacity) && read_string(&text, &text_capacity)) {
        struct arena arena;
        jmp_buf exhausted;
        if (setjmp(exhausted)) return 1;
        arena_init(&arena, &exhausted);
        judge(&arena, pattern, text);
        arena_release(&arena);
    }
    free(pattern);
    free(text);
    return 0;
}
