// Compiles each file, reads the emitted objects back and asks an API server's admission about every case of its tests:
// the answer must be what the test expects, and what decide says. Prints what is different, and how much was judged.
//
//   judge [--brief] [--cost] [--bare] FILE...
//
// --brief ends with the first case that is different. --bare takes the selectors of policies away first:
// they only spare evaluations, so that the answers are the same. --cost prints, for each file, the request whose
// expressions come nearest to one of the API server's limits of cost. No request may come near one, unless the file
// says that it is about that: "# expect-cost: 40", in percent of the limit. Options stand in the file's comments: "#
// expect-options:
// --kubernetes 1.33". Files of errors are passed over. Of NAME.yaml, which is a manifest and written by hand, the cases
// are in NAME.json.
#include <inttypes.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "cel/cel.h"
#include "data/value.h"
#include "decide/cases.h"
#include "driver.h"
#include "tests/differential/agreement.h"
#include "tests/differential/by_hand.h"

enum { PERCENT = 100, EXPECTED_SHARE = 9 }; // below a tenth

// The dearest request of a file.
struct dearest {
    const char *what, *limit;
    uint64_t cost, share; // of the limit, in percent
};

struct totals {
    bool brief, shows_cost, bare;
    size_t files, cases, denied, problems;
};

static char *read_file(struct arena *arena, const char *path, size_t *ret_len) {
    FILE *file = fopen(path, "rb");
    if (!file) return NULL;
    char *bytes = NULL;
    size_t len = 0;
    for (int c; (c = getc(file)) != EOF;) ARENA_PUSH(arena, bytes, len, (char)c);
    fclose(file);
    *ret_len = len;
    ARENA_PUSH(arena, bytes, len, '\0');
    return bytes;
}

static struct klock_options options_of(const char *text) {
    struct klock_options options = {0};
    const char *line = strstr(text, "# expect-options: ");
    if (!line) return options;
    const size_t len = strcspn(line, "\n");
    const char *minor = strstr(line, "--kubernetes 1."), *is_static = strstr(line, "--target static");
    if (minor && minor < line + len) options.kubernetes_minor = (unsigned)strtoul(minor + 15, NULL, 10);
    const char *separate = strstr(line, "--controllers separate"), *shared = strstr(line, "--controllers shared");
    if (separate && separate < line + len) options.controllers = KLOCK_CONTROLLERS_SEPARATE;
    if (shared && shared < line + len) options.controllers = KLOCK_CONTROLLERS_SHARED;
    if (is_static && is_static < line + len) options.target = KLOCK_TARGET_STATIC;
    return options;
}

static void complain(struct totals *totals, const char *path, const char *what, const char *problem) {
    printf("%s: %s: %s\n", path, what, problem);
    totals->problems++;
}

static void note_cost(struct dearest *dearest, const char *what, const struct admission_cost *cost) {
    const struct {
        const char *name;
        uint64_t cost, limit;
    } limits[] = {{"an expression", cost->expression, CEL_COST_LIMIT},
                  {"conditions", cost->conditions, CEL_COST_BUDGET_OF_CONDITIONS},
                  {"validations and messages", cost->validations, CEL_COST_BUDGET},
                  {"annotations", cost->annotations, CEL_COST_BUDGET}};
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        const uint64_t share = limits[i].cost * PERCENT / limits[i].limit;
        if (dearest->what && share <= dearest->share) continue;
        *dearest = (struct dearest){what, limits[i].name, limits[i].cost, share};
    }
}

static void judge_case(struct arena *arena, struct totals *totals, const char *path, const struct admission *admission,
                       const struct judged_case *judged, struct dearest *dearest) {
    struct admission_answer answer;
    const char *problem = agreement_problem(arena, admission, &judged->test_case->request, &judged->decision, &answer);
    const char *what = arena_printf(arena, "\"%s\" step %zu", judged->test->title, judged->test_case->step);
    if (problem) complain(totals, path, what, problem);
    if (judged->test_case->about == CASE_OF_VERDICT && answer.verdict != judged->test_case->expected)
        complain(totals, path, what, "the test expects another answer");
    note_cost(dearest, what, &answer.cost);
    totals->cases++;
    totals->denied += answer.verdict == VERDICT_DENIED;
}

static void judge_cost(struct totals *totals, const char *path, const char *text, const struct dearest *dearest) {
    static const char mark[] = "# expect-cost: ";
    const char *line = strstr(text, mark);
    const uint64_t expected = line ? strtoul(line + sizeof mark - 1, NULL, 10) : EXPECTED_SHARE;
    if (!dearest->what) return;
    if (totals->shows_cost)
        printf("%s: %s: %s cost %" PRIu64 ", %" PRIu64 " %% of the limit\n", path, dearest->what, dearest->limit,
               dearest->cost, dearest->share);
    if (dearest->share > expected)
        complain(totals, path, dearest->what, "comes near a limit of cost; --cost tells more");
}

static bool is_over(const struct totals *totals) {
    return totals->brief && totals->problems;
}

static void judge_by_hand(struct arena *arena, struct totals *totals, const char *path, const char *manifest) {
    const char *beside = arena_printf(arena, "%.*s.json", (int)(strlen(path) - strlen(".yaml")), path);
    size_t len = 0, count = 0;
    const char *cases = read_file(arena, beside, &len);
    const char *problems = cases ? by_hand_problems(arena, manifest, cases, &count) : "cannot be read";
    if (problems) complain(totals, path, beside, problems);
    totals->files++;
    totals->cases += count;
}

static void take_selectors_away(struct arena *arena, struct manifest *manifest) {
    for (size_t i = 0; i < manifest->count; i++) {
        struct value *spec = value_get(manifest->objects[i].value, "spec");
        struct value *constraints = spec ? value_get(spec, "matchConstraints") : NULL;
        // Of webhooks they are all that is asked there.
        if (!constraints) continue;
        value_set(arena, constraints, "namespaceSelector", value_map(arena));
        value_set(arena, constraints, "objectSelector", value_map(arena));
    }
}

static void judge(struct arena *arena, struct totals *totals, const char *path) {
    size_t len = 0;
    const char *text = read_file(arena, path, &len), *suffix = strrchr(path, '.');
    if (!text) {
        complain(totals, path, "the file", "cannot be read");
        return;
    }
    if (suffix && strcmp(suffix, ".yaml") == 0) {
        judge_by_hand(arena, totals, path, text);
        return;
    }
    if (strstr(text, "# expect-error: ")) return;
    const struct klock_options options = options_of(text);
    struct compilation compilation;
    driver_init(&compilation, arena, &options);
    load_add_file(&compilation.loader, path);
    driver_compile(&compilation);
    if (compilation.diags.errors) {
        complain(totals, path, "the policy", "has errors");
        return;
    }
    if (totals->bare) take_selectors_away(arena, &compilation.manifest);
    const char *error = NULL;
    const struct admission *admission = agreement_read(arena, &compilation, &error);
    if (!admission) {
        complain(totals, path, "the API server refuses", error);
        return;
    }
    struct judged_case *cases = NULL;
    size_t count = 0;
    cases_judge(arena, &compilation.policies, &cases, &count);
    struct dearest dearest = {0};
    for (size_t i = 0; i < count && !is_over(totals); i++)
        judge_case(arena, totals, path, admission, &cases[i], &dearest);
    judge_cost(totals, path, text, &dearest);
    totals->files++;
}

int main(int argc, char **argv) {
    struct totals totals = {0};
    int first = 1;
    for (; first < argc && strncmp(argv[first], "--", 2) == 0; first++) {
        totals.brief = totals.brief || strcmp(argv[first], "--brief") == 0;
        totals.shows_cost = totals.shows_cost || strcmp(argv[first], "--cost") == 0;
        totals.bare = totals.bare || strcmp(argv[first], "--bare") == 0;
    }
    for (int i = first; i < argc && !is_over(&totals); i++) {
        struct arena arena;
        jmp_buf exhausted;
        arena_init(&arena, &exhausted);
        if (setjmp(exhausted)) return EXIT_FAILURE;
        judge(&arena, &totals, argv[i]);
        arena_release(&arena);
    }
    printf("%zu files, %zu cases, %zu of them denied, %zu disagreements\n", totals.files, totals.cases, totals.denied,
           totals.problems);
    return totals.problems || !totals.cases ? EXIT_FAILURE : EXIT_SUCCESS;
}
