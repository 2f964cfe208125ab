// Answers for the differential test, over the library's public interface. Every line of standard input is
// {"policy": TEXT, "requests": [REQUEST, …]}, with requests as klock_test_cases prints them; every line of standard
// output is
// {"status": "ok|errors|input|memory", "diagnostics": TEXT, "manifest": YAML, "json": JSON, "decisions": […]}.
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/text.h"
#include "data/json.h"
#include "data/value.h"
#include "klock/klock.h"

static const char *const status_names[] = {[KLOCK_OK] = "ok",
                                           [KLOCK_ERRORS] = "errors",
                                           [KLOCK_INPUT] = "input",
                                           [KLOCK_INTERNAL] = "internal",
                                           [KLOCK_MEMORY] = "memory"};

static void set_text(struct arena *arena, struct value *map, const char *key, const char *text) {
    value_set_string(arena, map, key, text ? arena_copy(arena, text, strlen(text)) : "");
}

static void judge(struct arena *arena, struct klock_compiler *compiler, const struct value *question,
                  struct value *answer) {
    struct text requests;
    text_init(&requests, arena);
    const struct value *list = value_get(question, "requests");
    if (!list) return;
    json_print(&requests, list, false);
    const char *error = NULL;
    const char *decisions = klock_decide(compiler, text_string(&requests), requests.len, &error);
    struct value *read = decisions ? json_read(arena, decisions, strlen(decisions), &error) : NULL;
    if (read)
        value_set(arena, answer, "decisions", read);
    else
        set_text(arena, answer, "error", error ? error : "memory ran out");
}

static struct value *answer_to(struct arena *arena, const char *line, size_t len) {
    struct value *answer = value_map(arena);
    const char *error = NULL;
    const struct value *question = json_read(arena, line, len, &error);
    if (!question) {
        set_text(arena, answer, "error", error);
        return answer;
    }
    const char *policy = value_get_string(question, "policy");
    struct klock_compiler *compiler = klock_new(NULL);
    enum klock_status status = KLOCK_MEMORY;
    if (compiler) {
        klock_add_buffer(compiler, "policy.klock", policy, strlen(policy));
        status = klock_compile(compiler);
    }
    set_text(arena, answer, "status", status_names[status]);
    if (status != KLOCK_MEMORY)
        set_text(arena, answer, "diagnostics", klock_diagnostics_text(compiler, "human", false));
    if (status == KLOCK_OK) {
        set_text(arena, answer, "manifest", klock_output_text(compiler, "yaml"));
        set_text(arena, answer, "json", klock_output_text(compiler, "json"));
        judge(arena, compiler, question, answer);
    }
    klock_free(compiler);
    return answer;
}

int main(void) {
    char *line = NULL;
    size_t capacity = 0;
    for (ssize_t len; (len = getline(&line, &capacity, stdin)) > 0;) {
        struct arena arena;
        jmp_buf exhausted;
        arena_init(&arena, &exhausted);
        if (setjmp(exhausted)) {
            puts("{\"status\": \"memory\"}");
        } else {
            struct text text;
            text_init(&text, &arena);
            json_print(&text, answer_to(&arena, line, (size_t)len), false);
            puts(text_string(&text));
        }
        // The other side may wait for this answer before it asks again.
        fflush(stdout);
        arena_release(&arena);
    }
    free(line);
    return EXIT_SUCCESS;
}
