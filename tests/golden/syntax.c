// Prints what a source file reads as: its tree, or its diagnostics and then exit status 1.
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/text.h"
#include "front/ast_dump.h"
#include "front/parse.h"
#include "report/diag.h"
#include "report/diag_print.h"
#include "report/source.h"

static void read_file(struct text *text, const char *path) {
    FILE *file = fopen(path, "rb");
    if (!file) {
        perror(path);
        exit(2);
    }
    char buffer[4096];
    for (size_t len; (len = fread(buffer, 1, sizeof buffer, file)) > 0;) text_add(text, buffer, len);
    fclose(file);
}

int main(int argc, char **argv) {
    if (argc != 2) return 2;
    jmp_buf exhausted;
    struct arena arena;
    arena_init(&arena, &exhausted);
    if (setjmp(exhausted)) return 2;
    struct diags diags;
    diags_init(&diags, &arena);
    struct sources sources = {.arena = &arena};
    struct text bytes, out;
    text_init(&bytes, &arena);
    text_init(&out, &arena);

    read_file(&bytes, argv[1]);
    const uint32_t source = source_add(&sources, &diags, argv[1], text_string(&bytes), bytes.len);
    const struct ast_file *file = parse_file(&arena, &diags, &sources, source);
    diags_sort(&diags);
    if (diags.count) {
        diag_print(&out, &diags, &sources, DIAG_FORMAT_HUMAN, false);
    } else {
        ast_dump(&out, file);
    }
    fwrite(text_string(&out), 1, out.len, stdout);
    const int status = diags.errors ? 1 : 0;
    arena_release(&arena);
    return status;
}
