// Reads environments and expressions and prints one line per expression: a digit per environment (1, 0, X for an error,
// D where releases differ), what each evaluation cost, with commas, and the expression on one line, or E (N if it needs
// a newer server, U if it is not evaluated here) with offset and message. The input is a sequence of words that end
// with NUL: the server's minor, the number of environments, four values for each, then the expressions.
#include <inttypes.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "cel/cel.h"
#include "data/value.h"

enum { MAX_ENVIRONMENTS = 16 };

static char *word;
static size_t word_capacity;

static const char *next_word(void) {
    return getdelim(&word, &word_capacity, '\0', stdin) > 0 ? word : NULL;
}

static const char *need_word(void) {
    const char *found = next_word();
    if (!found) exit(2);
    return found;
}

static struct value *read_value(struct arena *arena) {
    const char *text = need_word();
    const char *rest = arena_copy(arena, text + 1, strlen(text + 1));
    struct value *value = NULL;
    const size_t count = (size_t)strtoul(rest, NULL, 10);
    switch (*text) {
    case 't': return value_bool(arena, true);
    case 'f': return value_bool(arena, false);
    case 'i': return value_int(arena, strtoll(rest, NULL, 10));
    case 'd': return value_double(arena, strtod(rest, NULL));
    case 's': return value_string(arena, rest);
    case 'l':
        value = value_list(arena);
        for (size_t i = 0; i < count; i++) value_append(arena, value, read_value(arena));
        return value;
    case 'm':
        value = value_map(arena);
        for (size_t i = 0; i < count; i++) {
            const char *key = need_word();
            key = arena_copy(arena, key, strlen(key));
            value_set(arena, value, key, read_value(arena));
        }
        return value;
    default: return value_null(arena);
    }
}

static void judge(struct arena *arena, const char *text, unsigned minor, const struct cel_env *envs, size_t count) {
    struct cel_problem problem;
    const struct cel_expr *expr = cel_parse(arena, text, minor, &problem);
    if (!expr) {
        if (problem.offset > strlen(text)) abort();
        static const char letters[] = {[CEL_INVALID] = 'E', [CEL_NEWER] = 'N', [CEL_UNSUPPORTED] = 'U'};
        printf("%c%zu: %s\n", letters[problem.refusal], problem.offset, problem.text);
        return;
    }
    const char *error = NULL;
    struct cel_cost costs[MAX_ENVIRONMENTS] = {{0}};
    for (size_t i = 0; i < count; i++) {
        struct cel_env env = envs[i];
        env.cost = &costs[i];
        env.newest = minor;
        const enum cel_result result = cel_evaluate(expr, &env, arena, &error);
        const bool differs = result == CEL_ERROR && strstr(error, "different releases");
        putchar(differs ? 'D' : result == CEL_ERROR ? 'X' : result == CEL_TRUE ? '1' : '0');
    }
    for (size_t i = 0; i < count; i++) printf("%c%" PRIu64, i ? ',' : ' ', costs[i].expression);
    printf(" %s\n", cel_text(expr));
}

int main(void) {
    struct arena data, scratch;
    jmp_buf exhausted;
    if (setjmp(exhausted)) return 1;
    arena_init(&data, &exhausted);
    const unsigned minor = (unsigned)strtoul(need_word(), NULL, 10);
    const size_t count = (size_t)strtoul(need_word(), NULL, 10);
    struct cel_env envs[MAX_ENVIRONMENTS];
    if (count > MAX_ENVIRONMENTS) return 2;
    for (size_t i = 0; i < count; i++) {
        envs[i].object = read_value(&data);
        envs[i].old_object = read_value(&data);
        envs[i].request = read_value(&data);
        envs[i].namespace_object = read_value(&data);
    }
    while (next_word()) {
        arena_init(&scratch, &exhausted);
        judge(&scratch, word, minor, envs, count);
        arena_release(&scratch);
    }
    arena_release(&data);
    free(word);
    return 0;
}
