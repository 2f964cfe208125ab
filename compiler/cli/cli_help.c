// Help texts, printed from the tables of verbs and options.
#include <string.h>
#include <unistd.h>

#include "cli/cli_buffer.h"
#include "cli/cli_files.h"
#include "cli/cli_options.h"

enum { HELP_WIDTH = 100, HELP_INDENT = 6 };

// The text in lines of HELP_WIDTH.
static void wrapped(struct buffer *out, const char *text) {
    size_t column = 0;
    while (*text != '\0') {
        size_t len = strcspn(text, " ");
        if (column > 0 && column + 1 + len > HELP_WIDTH) {
            buffer_puts(out, "\n");
            column = 0;
        }
        if (column == 0)
            buffer_printf(out, "%*s", HELP_INDENT, "");
        else
            buffer_puts(out, " ");
        column = column == 0 ? HELP_INDENT + len : column + 1 + len;
        buffer_add(out, text, len);
        text += len;
        text += strspn(text, " ");
    }
    buffer_puts(out, "\n");
}

static void option(struct buffer *out, const struct cli_option *option) {
    if (option->letter[0] != '\0')
        buffer_printf(out, "  -%s, --%s", option->letter, option->name);
    else if (strcmp(option->name, "help") == 0)
        buffer_printf(out, "  -h, --%s", option->name);
    else
        buffer_printf(out, "  --%s", option->name);
    if (option->value != NULL) buffer_printf(out, " %s", option->choices[0] != '\0' ? option->choices : option->value);
    buffer_puts(out, "\n");
    wrapped(out, option->help);
}

static void verb_help(struct buffer *out, const struct cli_verb *verb) {
    buffer_printf(out, "%s\n", verb->description);
    if (verb->examples != NULL) {
        buffer_puts(out, "\nExamples:\n");
        for (const char *line = verb->examples; *line != '\0';) {
            size_t len = strcspn(line, "\n");
            buffer_printf(out, "%s%.*s\n", len > 0 ? "  " : "", (int)len, line);
            line += len + (line[len] == '\n');
        }
    }
    buffer_puts(out, "\nOptions:\n");
    for (size_t i = 0; i < cli_option_count; i++)
        if (cli_takes(verb, &cli_options[i])) option(out, &cli_options[i]);
    buffer_printf(out, "\nUsage:\n  klockc %s%s%s%s\n", verb->name, verb->letter == 'h' ? "" : " [options]",
                  verb->arguments != NULL ? " " : "", verb->arguments != NULL ? verb->arguments : "");
}

static void overview(struct buffer *out) {
    buffer_puts(out, "klockc compiles policies of locks, actors and grants (.klock files) into Kubernetes admission "
                     "policies and RBAC.\n"
                     "\nVerbs:\n");
    for (size_t i = 0; i < cli_verb_count; i++)
        buffer_printf(out, "  %-11s %s\n", cli_verbs[i].name, cli_verbs[i].summary);
    buffer_puts(out, "\nUsage:\n  klockc VERB [options] PATH...\n"
                     "\nExit status:\n"
                     "  0  success\n"
                     "  1  the policy has errors, a test failed, or --check or verify found a difference\n"
                     "  2  the command line is wrong, or something could not be read or written\n"
                     "  3  klockc itself failed, or memory ran out\n"
                     "\n'klockc help VERB' shows the options of a verb.\n");
}

int cli_help(const struct cli *cli) {
    // Also the way of `klockc VERB --help`.
    const char *name = cli->verb->letter != 'h' || cli->help ? cli->verb->name
                       : cli->argument_count > 0             ? cli->arguments[0]
                                                             : NULL;
    struct buffer out = {0};
    if (name == NULL) {
        overview(&out);
    } else {
        const struct cli_verb *verb = cli_find_verb(name);
        if (verb == NULL) {
            const char *nearest = cli_nearest_verb(name);
            if (nearest != NULL)
                cli_complain("unknown verb '%s'; did you mean '%s'?", name, nearest);
            else
                cli_complain("unknown verb '%s'; see 'klockc help'", name);
            return CLI_USAGE;
        }
        verb_help(&out, verb);
    }
    bool fine = files_print(STDOUT_FILENO, "standard output", out.data, out.len);
    buffer_free(&out);
    return fine ? CLI_FINE : CLI_USAGE;
}
