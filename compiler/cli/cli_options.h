// The command line: verbs, options, and reading them.
#ifndef KLOCK_CLI_OPTIONS_H
#define KLOCK_CLI_OPTIONS_H

#include "cli/cli.h"

struct cli_verb {
    char letter; // in cli_options.def
    const char *name;
    int (*run)(const struct cli *cli);
    const char *arguments;         // as in a usage line; NULL if it takes none
    const char *arguments_choices; // "bash|zsh|fish"; NULL if anything goes
    const char *summary;           // one line
    const char *description;       // a paragraph or more
    const char *examples;          // "# why" and "klockc …" lines; NULL if none
};
extern const struct cli_verb cli_verbs[];
extern const size_t cli_verb_count;
// NULL when there is none.
const struct cli_verb *cli_find_verb(const char *name);
// The nearest verb, NULL when none is near.
const char *cli_nearest_verb(const char *name);

enum cli_completes { COMPLETE_NOTHING, COMPLETE_FILE, COMPLETE_DIRECTORY };

struct cli_option {
    const char *name;
    const char *letter;  // "" if there is no short form
    const char *value;   // NULL for a flag
    const char *choices; // "yaml|json"; "" if anything goes
    enum cli_completes completes;
    const char *verbs;
    const char *help;
    size_t field; // offset in struct cli of a bool or a const char *
};
extern const struct cli_option cli_options[];
extern const size_t cli_option_count;
bool cli_takes(const struct cli_verb *verb, const struct cli_option *option);

// Reads the command line behind the program's name. Gives false, and has said why, when it cannot be used.
bool cli_read(struct cli *cli, int count, char **words);

// The minor of "1.30", also of "v1.30" and "1.30.4" as kubectl shows them; 0 when it is none.
unsigned cli_read_minor(const char *text);

#endif
