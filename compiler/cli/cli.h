// What the parts of the program klockc share: the command line once it is read, and the verbs.
#ifndef KLOCK_CLI_H
#define KLOCK_CLI_H

#include <stdbool.h>
#include <stddef.h>

#include <klock/klock.h>

// Exit statuses.
enum {
    CLI_FINE = 0,
    CLI_FAILED = 1,   // the policy has errors, a test failed, or --check or verify found a difference
    CLI_USAGE = 2,    // usage or input/output
    CLI_INTERNAL = 3, // a bug, or memory ran out
};

struct cli_verb;

// The command line.
struct cli {
    const struct cli_verb *verb;
    char *const *words; // all of them, the verb first
    size_t word_count;
    const char **arguments; // those that are no options
    size_t argument_count;

    const char *output; // -o; NULL if not given
    const char *output_file, *output_dir, *depfile, *print, *print_test;
    const char *kubernetes, *target, *controllers, *at, *root, *gitops;
    const char *run, *color;
    const char *against, *kubectl, *context, *rbac, *webhooks;
    bool cluster;
    bool check, warnings_as_errors, require_tests, print_cases, verbose, help;

    unsigned kubernetes_minor; // from `kubernetes`; 0 if not given
};

int cli_compile(const struct cli *cli);
int cli_check(const struct cli *cli);
int cli_test(const struct cli *cli);
int cli_describe(const struct cli *cli);
int cli_verify(const struct cli *cli);
int cli_anchors(const struct cli *cli);
int cli_fn(const struct cli *cli);
int cli_post_render(const struct cli *cli);
int cli_explain(const struct cli *cli);
int cli_completion(const struct cli *cli);
int cli_version(const struct cli *cli);
int cli_help(const struct cli *cli);

// Whether a text for standard output (or standard error) is coloured.
bool cli_wants_color(const struct cli *cli, int descriptor);

#endif
