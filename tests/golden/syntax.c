// Prints what a source file reads as: its tree, or its diagnostics and then exit status 1.
//
// With --again, it prints the file as ast_print does, and fails with exit status 3 unless that reads as the same tree
// and is printed as itself.
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/text.h"
#include "front/ast_dump.h"
#include "front/ast_print.h"
#include "front/parse.h"
#include "report/diag.h"
#include "report/diag_print.h"
#include "report/source.h"

struct reading {
    struct arena arena;
    struct diags diags;
    struct sources sources;
};

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

static const struct ast_file *parse(struct reading *reading, const char *name, const struct text *bytes) {
    const uint32_t source = source_add(&reading->sources, &reading->diags, name, text_string(bytes), bytes->len);
    return parse_file(&reading->arena, &reading->diags, &reading->sources, source);
}

static void print(struct reading *reading, struct text *text, const struct ast_file *file) {
    text_init(text, &reading->arena);
    ast_print(text, file);
}

static const char *dump(struct reading *reading, const struct ast_file *file) {
    struct text text;
    text_init(&text, &reading->arena);
    ast_dump(&text, file);
    return text_string(&text);
}

// Whether the file comes out of its printed form again.
static bool comes_again(struct reading *reading, const struct ast_file *file, struct text *ret_printed) {
    struct text second;
    print(reading, ret_printed, file);
    const struct ast_file *again = parse(reading, "printed.klock", ret_printed);
    print(reading, &second, again);
    return !reading->diags.count && strcmp(dump(reading, file), dump(reading, again)) == 0 &&
           strcmp(text_string(ret_printed), text_string(&second)) == 0;
}

int main(int argc, char **argv) {
    const bool again = argc == 3 && strcmp(argv[1], "--again") == 0;
    if (argc != 2 && !again) return 2;
    jmp_buf exhausted;
    struct reading reading = {0};
    arena_init(&reading.arena, &exhausted);
    if (setjmp(exhausted)) return 2;
    diags_init(&reading.diags, &reading.arena);
    reading.sources.arena = &reading.arena;
    struct text bytes, out;
    text_init(&bytes, &reading.arena);
    text_init(&out, &reading.arena);

    read_file(&bytes, argv[argc - 1]);
    const struct ast_file *file = parse(&reading, argv[argc - 1], &bytes);
    int status = reading.diags.errors ? 1 : 0;
    if (again && !reading.diags.count) {
        if (!comes_again(&reading, file, &out)) status = 3;
    } else if (!reading.diags.count) {
        ast_dump(&out, file);
    }
    diags_sort(&reading.diags);
    if (reading.diags.count) diag_print(&out, &reading.diags, &reading.sources, DIAG_FORMAT_HUMAN, false);
    fwrite(text_string(&out), 1, out.len, stdout);
    arena_release(&reading.arena);
    return status;
}
