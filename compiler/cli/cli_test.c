// klockc test: runs the tests of policies and reports them. A test is a title with its expectations.
#include <regex.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli_buffer.h"
#include "cli/cli_files.h"
#include "cli/cli_policy.h"

// A test: `count` expectations that follow each other.
struct run {
    struct klock_test *expectations;
    size_t count, failed;
};

struct runs {
    struct klock_test *expectations;
    struct run *items;
    size_t count, failed;
};

static bool same_test(const struct klock_test *left, const struct klock_test *right) {
    return strcmp(left->policy, right->policy) == 0 && strcmp(left->title, right->title) == 0 &&
           strcmp(left->file, right->file) == 0;
}

static bool selects(const regex_t *pattern, const struct klock_test *test) {
    if (pattern == NULL) return true;
    char *subject = cli_format("%s/%s", test->policy, test->title);
    bool found = regexec(pattern, subject, 0, NULL, 0) == 0;
    free(subject);
    return found;
}

static struct runs collect(struct klock_compiler *compiler, const regex_t *pattern) {
    size_t total = klock_test_count(compiler), kept = 0;
    struct runs runs = {
        .expectations = cli_realloc(NULL, total, sizeof *runs.expectations),
        .items = cli_realloc(NULL, total, sizeof *runs.items),
    };
    for (size_t i = 0; i < total; i++) {
        struct klock_test test = {.size = sizeof test};
        if (!klock_test_at(compiler, i, &test)) cli_out_of_memory();
        if (!selects(pattern, &test)) continue;
        runs.expectations[kept] = test;
        // A step that is not behind the one before begins a test of the same title.
        if (kept == 0 || !same_test(&runs.expectations[kept - 1], &test) ||
            test.step <= runs.expectations[kept - 1].step)
            runs.items[runs.count++] = (struct run){.expectations = &runs.expectations[kept]};
        struct run *run = &runs.items[runs.count - 1];
        run->count++;
        if (!test.passed && run->failed++ == 0) runs.failed++;
        kept++;
    }
    return runs;
}

// ---- forms ----

// Lines, each behind the indentation.
static void indented(struct buffer *out, const char *text, const char *indentation) {
    while (*text != '\0') {
        const size_t len = strcspn(text, "\n");
        buffer_printf(out, "%s%.*s\n", indentation, (int)len, text);
        text += len + (text[len] == '\n');
    }
}

static void human(const struct cli *cli, struct buffer *out, const struct runs *runs) {
    const bool color = cli_wants_color(cli, STDOUT_FILENO);
    const char *red = color ? "\033[1;31m" : "", *plain = color ? "\033[0m" : "";
    for (size_t i = 0; i < runs->count; i++) {
        const struct run *run = &runs->items[i];
        if (cli->verbose && run->failed == 0)
            buffer_printf(out, "%s:%u: passed: %s: %s (%zu expectations)\n", run->expectations->file,
                          run->expectations->line, run->expectations->policy, run->expectations->title, run->count);
        for (size_t j = 0; j < run->count; j++) {
            const struct klock_test *test = &run->expectations[j];
            if (test->passed) continue;
            buffer_printf(out, "%s:%u: %sfailed:%s %s: %s (step %zu)\n  expected %s\n  but it is %s\n", test->file,
                          test->line, red, plain, test->policy, test->title, test->step, test->expected, test->actual);
            indented(out, test->reason, "  ");
        }
    }
    buffer_printf(out, "%zu passed, %zu failed\n", runs->count - runs->failed, runs->failed);
}

static void json(const struct cli *cli, struct buffer *out, const struct runs *runs) {
    (void)cli;
    buffer_printf(out, "{\"passed\": %zu, \"failed\": %zu, \"tests\": [", runs->count - runs->failed, runs->failed);
    for (size_t i = 0; i < runs->count; i++) {
        const struct run *run = &runs->items[i];
        buffer_puts(out, i > 0 ? ",\n  {\"policy\": " : "\n  {\"policy\": ");
        buffer_json(out, run->expectations->policy);
        buffer_puts(out, ", \"title\": ");
        buffer_json(out, run->expectations->title);
        buffer_puts(out, ", \"file\": ");
        buffer_json(out, run->expectations->file);
        buffer_printf(out, ", \"passed\": %s, \"expectations\": [", run->failed == 0 ? "true" : "false");
        for (size_t j = 0; j < run->count; j++) {
            const struct klock_test *test = &run->expectations[j];
            buffer_printf(out, "%s\n    {\"line\": %u, \"step\": %zu, \"passed\": %s, \"expected\": ", j > 0 ? "," : "",
                          test->line, test->step, test->passed ? "true" : "false");
            buffer_json(out, test->expected);
            buffer_puts(out, ", \"actual\": ");
            buffer_json(out, test->actual);
            buffer_puts(out, ", \"reason\": ");
            buffer_json(out, test->reason);
            buffer_puts(out, "}");
        }
        buffer_puts(out, "]}");
    }
    buffer_puts(out, runs->count > 0 ? "\n]}\n" : "]}\n");
}

static void junit(const struct cli *cli, struct buffer *out, const struct runs *runs) {
    (void)cli;
    buffer_printf(out,
                  "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n"
                  "  <testsuite name=\"klockc test\" tests=\"%zu\" failures=\"%zu\" errors=\"0\">\n",
                  runs->count, runs->failed);
    for (size_t i = 0; i < runs->count; i++) {
        const struct run *run = &runs->items[i];
        buffer_puts(out, "    <testcase classname=\"");
        buffer_xml(out, run->expectations->policy);
        buffer_puts(out, "\" name=\"");
        buffer_xml(out, run->expectations->title);
        buffer_puts(out, "\" file=\"");
        buffer_xml(out, run->expectations->file);
        if (run->failed == 0) {
            buffer_puts(out, "\"/>\n");
            continue;
        }
        buffer_puts(out, "\">\n");
        struct buffer failures = {0};
        for (size_t j = 0; j < run->count; j++) {
            const struct klock_test *test = &run->expectations[j];
            if (!test->passed)
                buffer_printf(&failures, "%s%s:%u: expected %s, but it is %s%s%s", failures.len > 0 ? "\n" : "",
                              test->file, test->line, test->expected, test->actual, test->reason[0] != '\0' ? "\n" : "",
                              test->reason);
        }
        buffer_puts(out, "      <failure message=\"");
        buffer_xml(out, failures.data);
        buffer_puts(out, "\"/>\n    </testcase>\n");
        buffer_free(&failures);
    }
    buffer_puts(out, "  </testsuite>\n</testsuites>\n");
}

// A title on a line of TAP, where # would begin a directive.
static void tap_title(struct buffer *out, const char *title) {
    for (; *title != '\0'; title++) {
        if (*title == '#' || *title == '\\') buffer_puts(out, "\\");
        buffer_add(out, *title == '\n' ? " " : title, 1);
    }
}

static void tap(const struct cli *cli, struct buffer *out, const struct runs *runs) {
    (void)cli;
    buffer_printf(out, "TAP version 13\n1..%zu\n", runs->count);
    for (size_t i = 0; i < runs->count; i++) {
        const struct run *run = &runs->items[i];
        buffer_printf(out, "%s %zu - %s: ", run->failed == 0 ? "ok" : "not ok", i + 1, run->expectations->policy);
        tap_title(out, run->expectations->title);
        buffer_puts(out, "\n");
        for (size_t j = 0; j < run->count; j++) {
            const struct klock_test *test = &run->expectations[j];
            if (test->passed) continue;
            buffer_printf(out, "# %s:%u: expected %s, but it is %s\n", test->file, test->line, test->expected,
                          test->actual);
            indented(out, test->reason, "#   ");
        }
    }
}

// As text of a workflow command, or of one of its properties.
static void add_command_text(struct buffer *out, const char *text, bool property) {
    for (; *text != '\0'; text++) {
        if (*text == '%' || *text == '\r' || *text == '\n' || (property && (*text == ':' || *text == ',')))
            buffer_printf(out, "%%%02X", (unsigned)(unsigned char)*text);
        else
            buffer_add(out, text, 1);
    }
}

// Failures as annotations of a workflow of GitHub, and the count for its log.
static void github(const struct cli *cli, struct buffer *out, const struct runs *runs) {
    (void)cli;
    for (size_t i = 0; i < runs->count; i++) {
        const struct run *run = &runs->items[i];
        for (size_t j = 0; j < run->count; j++) {
            const struct klock_test *test = &run->expectations[j];
            if (test->passed) continue;
            buffer_puts(out, "::error file=");
            add_command_text(out, test->file, true);
            buffer_printf(out, ",line=%u,title=", test->line);
            add_command_text(out, test->policy, true);
            buffer_puts(out, "%3A ");
            add_command_text(out, test->title, true);
            buffer_printf(out, "::step %zu: expected ", test->step);
            add_command_text(out, test->expected, false);
            buffer_puts(out, ", but it is ");
            add_command_text(out, test->actual, false);
            if (test->reason[0] != '\0') buffer_puts(out, "%0A");
            add_command_text(out, test->reason, false);
            buffer_puts(out, "\n");
        }
    }
    buffer_printf(out, "%zu passed, %zu failed\n", runs->count - runs->failed, runs->failed);
}

static const struct {
    const char *name;
    void (*print)(const struct cli *cli, struct buffer *out, const struct runs *runs);
} forms[] = {{"human", human}, {"json", json}, {"github", github}, {"junit", junit}, {"tap", tap}};

// Which form -o asks for: the first without it; options know no others.
static size_t form_of(const struct cli *cli) {
    for (size_t i = 1; i < sizeof forms / sizeof *forms; i++)
        if (cli->output != NULL && strcmp(cli->output, forms[i].name) == 0) return i;
    return 0;
}

// ---- the verb ----

static int report(const struct cli *cli, const struct runs *runs) {
    struct buffer out = {0};
    forms[form_of(cli)].print(cli, &out, runs);
    bool fine = files_print(STDOUT_FILENO, "standard output", out.data, out.len);
    buffer_free(&out);
    if (!fine) return CLI_USAGE;
    if (runs->count == 0 && cli->run != NULL) {
        // A pipeline that mistypes the name would be green for ever.
        cli_complain("--run %s: no test matches; tests are named POLICY/TITLE", cli->run);
        return CLI_FAILED;
    }
    if (runs->count == 0 && cli->require_tests) {
        cli_complain("--require-tests: there is no test");
        return CLI_FAILED;
    }
    return runs->failed > 0 ? CLI_FAILED : CLI_FINE;
}

static bool read_pattern(const char *text, regex_t *ret_pattern) {
    int error = regcomp(ret_pattern, text, REG_EXTENDED | REG_NOSUB);
    if (error == 0) return true;
    char reason[256];
    regerror(error, ret_pattern, reason, sizeof reason);
    cli_complain("--run %s: %s", text, reason);
    return false;
}

// What cannot be asked for together; NULL if nothing.
static const char *conflict(const struct cli *cli) {
    const bool narrowed = cli->run != NULL || cli->output != NULL || cli->require_tests;
    if (cli->print_cases && (narrowed || cli->print_test != NULL))
        return "--print-cases prints every case as JSON; it cannot be combined with --run, -o, --require-tests or "
               "--print";
    if (cli->print_test == NULL) return NULL;
    if (narrowed)
        return "--print prints every test for another program; it cannot be combined with --run, -o or "
               "--require-tests";
    if (cli->target != NULL && strcmp(cli->target, "static") == 0)
        return "--print chainsaw makes the policies by the API, which takes none of --target static";
    return NULL;
}

// The tests for another program. What it cannot ask is told, and that it can ask nothing is a failure.
static int print_for(const struct cli *cli, struct klock_compiler *compiler) {
    struct runs runs = collect(compiler, NULL);
    const size_t count = runs.count, failed = runs.failed;
    free(runs.expectations);
    free(runs.items);
    if (failed > 0) {
        cli_complain("--print %s: %zu of %zu tests fail; 'klockc test' says why", cli->print_test, failed, count);
        return CLI_FAILED;
    }
    size_t asked, left_out;
    const char *text = klock_test_export(compiler, cli->print_test, &asked, &left_out);
    if (text != NULL && asked == 0) {
        cli_complain(count == 0 ? "--print %s: there is no test"
                                : "--print %s: none of the tests can be asked of a cluster",
                     cli->print_test);
        return CLI_FAILED;
    }
    if (!policy_print(text)) return CLI_USAGE;
    if (left_out > 0)
        cli_complain("--print %s: %zu of %zu expectations are left out; comments in the output name them and say why",
                     cli->print_test, left_out, asked + left_out);
    return CLI_FINE;
}

int cli_test(const struct cli *cli) {
    regex_t pattern;
    const char *problem = conflict(cli);
    if (problem != NULL) {
        cli_complain("%s", problem);
        return CLI_USAGE;
    }
    if (cli->run != NULL && !read_pattern(cli->run, &pattern)) return CLI_USAGE;
    int status = CLI_USAGE;
    struct klock_compiler *compiler = policy_compile(cli, &status);
    if (compiler != NULL) {
        (void)policy_show_diagnostics(cli, compiler);
        if (status == CLI_FINE && cli->print_cases) {
            status = policy_print(klock_test_cases(compiler)) ? CLI_FINE : CLI_USAGE;
        } else if (status == CLI_FINE && cli->print_test != NULL) {
            status = print_for(cli, compiler);
        } else if (status == CLI_FINE) {
            struct runs runs = collect(compiler, cli->run != NULL ? &pattern : NULL);
            status = report(cli, &runs);
            free(runs.expectations);
            free(runs.items);
        }
        klock_free(compiler);
    }
    if (cli->run != NULL) regfree(&pattern);
    return status;
}
