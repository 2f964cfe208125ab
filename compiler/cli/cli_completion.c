// Completion scripts, printed from the tables of verbs and options.
#include <string.h>
#include <unistd.h>

#include "cli/cli_buffer.h"
#include "cli/cli_files.h"
#include "cli/cli_options.h"

// Puts every choice of "a|b|c" behind a separator.
static void choices(struct buffer *out, const char *list, const char *separator) {
    while (*list != '\0') {
        size_t len = strcspn(list, "|");
        buffer_printf(out, "%s%.*s", separator, (int)len, list);
        list += len + (list[len] == '|');
    }
}

static bool takes_policies(const struct cli_verb *verb) {
    return verb->arguments != NULL && strcmp(verb->arguments, "PATH...") == 0;
}

// Text between single quotes of a shell.
static void quoted(struct buffer *out, const char *text) {
    for (; *text != '\0'; text++)
        if (*text == '\'')
            buffer_puts(out, "'\\''");
        else
            buffer_add(out, text, 1);
}

// ---- bash ----

static void bash_verb(struct buffer *out, const struct cli_verb *verb) {
    buffer_printf(out, "    %s)\n        case \"$previous\" in\n", verb->name);
    for (size_t i = 0; i < cli_option_count; i++) {
        const struct cli_option *option = &cli_options[i];
        if (!cli_takes(verb, option) || option->value == NULL) continue;
        buffer_printf(out, "        --%s", option->name);
        if (option->letter[0] != '\0') buffer_printf(out, "|-%s", option->letter);
        if (option->choices[0] != '\0') {
            buffer_puts(out, ") COMPREPLY=($(compgen -W '");
            choices(out, option->choices, " ");
            buffer_puts(out, "' -- \"$word\")); return ;;\n");
        } else if (option->completes == COMPLETE_NOTHING) {
            buffer_puts(out, ") return ;;\n");
        } else {
            buffer_printf(out, ") compopt -o filenames; COMPREPLY=($(compgen -%s -- \"$word\")); return ;;\n",
                          option->completes == COMPLETE_FILE ? "f" : "d");
        }
    }
    buffer_puts(out, "        esac\n        case \"$word\" in\n        -*) COMPREPLY=($(compgen -W '");
    for (size_t i = 0; i < cli_option_count; i++) {
        if (!cli_takes(verb, &cli_options[i])) continue;
        if (cli_options[i].letter[0] != '\0') buffer_printf(out, " -%s", cli_options[i].letter);
        buffer_printf(out, " --%s", cli_options[i].name);
    }
    buffer_puts(out, "' -- \"$word\")) ;;\n");
    if (takes_policies(verb)) {
        buffer_puts(out,
                    "        *) compopt -o filenames\n"
                    "           COMPREPLY=($(compgen -f -X '!*.klock' -- \"$word\") $(compgen -d -- \"$word\")) ;;\n");
    } else if (verb->arguments_choices != NULL) {
        buffer_puts(out, "        *) COMPREPLY=($(compgen -W '");
        choices(out, verb->arguments_choices, " ");
        buffer_puts(out, "' -- \"$word\")) ;;\n");
    } else if (verb->letter == 'f') {
        buffer_puts(out, "        *) compopt -o filenames; COMPREPLY=($(compgen -f -- \"$word\")) ;;\n");
    } else if (verb->letter == 'e') {
        buffer_puts(out, "        *) COMPREPLY=($(compgen -W \"$(klockc explain 2>/dev/null | awk '{ print $1 }')\" -- "
                         "\"$word\")) ;;\n");
    } else if (verb->letter == 'h') {
        buffer_puts(out, "        *) COMPREPLY=($(compgen -W \"$verbs\" -- \"$word\")) ;;\n");
    }
    buffer_puts(out, "        esac ;;\n");
}

static void bash(struct buffer *out) {
    buffer_puts(out, "# bash completion for klockc\n_klockc() {\n"
                     "    local word=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]}\n"
                     "    # --option=value comes as three words\n"
                     "    if [ \"$word\" = '=' ]; then word=; elif [ \"$previous\" = '=' ]; then "
                     "previous=${COMP_WORDS[COMP_CWORD-2]}; fi\n"
                     "    local verbs='");
    for (size_t i = 0; i < cli_verb_count; i++) buffer_printf(out, "%s%s", i > 0 ? " " : "", cli_verbs[i].name);
    buffer_puts(out,
                "'\n    COMPREPLY=()\n"
                "    if [ \"$COMP_CWORD\" -eq 1 ]; then COMPREPLY=($(compgen -W \"$verbs\" -- \"$word\")); return; fi\n"
                "    case \"${COMP_WORDS[1]}\" in\n");
    for (size_t i = 0; i < cli_verb_count; i++) bash_verb(out, &cli_verbs[i]);
    buffer_puts(out, "    esac\n}\ncomplete -F _klockc klockc\n");
}

// ---- zsh ----

// Text inside of '[…]' of an _arguments specification.
static void zsh_description(struct buffer *out, const char *text) {
    for (; *text != '\0'; text++) {
        if (*text == '[' || *text == ']' || *text == ':' || *text == '\\') buffer_puts(out, "\\");
        if (*text == '\'')
            buffer_puts(out, "'\\''");
        else
            buffer_add(out, text, 1);
    }
}

static void zsh_option(struct buffer *out, const struct cli_option *option) {
    const bool takes = option->value != NULL;
    if (option->letter[0] != '\0')
        buffer_printf(out, "        '(-%s --%s)'{-%s%s,--%s%s}'[", option->letter, option->name, option->letter,
                      takes ? "+" : "", option->name, takes ? "=" : "");
    else
        buffer_printf(out, "        '--%s%s[", option->name, takes ? "=" : "");
    zsh_description(out, option->help);
    buffer_puts(out, "]");
    if (option->value != NULL) {
        buffer_printf(out, ":%s:", option->value);
        if (option->choices[0] != '\0') {
            buffer_puts(out, "(");
            choices(out, option->choices, " ");
            buffer_puts(out, ")");
        } else if (option->completes == COMPLETE_FILE) {
            buffer_puts(out, "_files");
        } else if (option->completes == COMPLETE_DIRECTORY) {
            buffer_puts(out, "_files -/");
        }
    }
    buffer_puts(out, "' \\\n");
}

static void zsh(struct buffer *out) {
    buffer_puts(out, "#compdef klockc\n# zsh completion for klockc\n_klockc() {\n    local -a verbs=(\n");
    for (size_t i = 0; i < cli_verb_count; i++) {
        buffer_printf(out, "        '%s:", cli_verbs[i].name);
        quoted(out, cli_verbs[i].summary);
        buffer_puts(out, "'\n");
    }
    buffer_puts(out, "    )\n"
                     "    if (( CURRENT == 2 )); then _describe verb verbs; return; fi\n"
                     "    local verb=$words[2]\n    shift words; (( CURRENT-- ))\n    case $verb in\n");
    for (size_t i = 0; i < cli_verb_count; i++) {
        const struct cli_verb *verb = &cli_verbs[i];
        buffer_printf(out, "    %s) _arguments \\\n", verb->name);
        for (size_t j = 0; j < cli_option_count; j++)
            if (cli_takes(verb, &cli_options[j])) zsh_option(out, &cli_options[j]);
        if (takes_policies(verb)) {
            buffer_puts(out, "        '*:policy:_files -g \"*.klock(-.)\"' ;;\n");
        } else if (verb->arguments_choices != NULL) {
            buffer_puts(out, "        '1:shell:(");
            choices(out, verb->arguments_choices, " ");
            buffer_puts(out, ")' ;;\n");
        } else if (verb->letter == 'f') {
            buffer_puts(out, "        '1:KlockPolicy:_files -g \"*.y(a|)ml(-.)\"' ;;\n");
        } else if (verb->letter == 'e') {
            buffer_puts(out, "        '1:code:($(klockc explain 2>/dev/null | awk \"{ print \\$1 }\"))' ;;\n");
        } else if (verb->letter == 'h') {
            buffer_puts(out, "        '1:verb:(");
            for (size_t j = 0; j < cli_verb_count; j++) buffer_printf(out, " %s", cli_verbs[j].name);
            buffer_puts(out, ")' ;;\n");
        } else {
            buffer_puts(out, "        ;;\n");
        }
    }
    buffer_puts(out, "    esac\n}\n"
                     "if [ \"$funcstack[1]\" = _klockc ]; then _klockc \"$@\"; else compdef _klockc klockc; fi\n");
}

// ---- fish ----

static void fish_when(struct buffer *out, const struct cli_verb *verb) {
    buffer_printf(out, "complete -c klockc -n '__fish_seen_subcommand_from %s'", verb->name);
}

static void fish(struct buffer *out) {
    buffer_puts(out, "# fish completion for klockc\ncomplete -c klockc -f\n");
    for (size_t i = 0; i < cli_verb_count; i++) {
        buffer_printf(out, "complete -c klockc -n __fish_use_subcommand -a %s -d '", cli_verbs[i].name);
        quoted(out, cli_verbs[i].summary);
        buffer_puts(out, "'\n");
    }
    for (size_t i = 0; i < cli_verb_count; i++) {
        const struct cli_verb *verb = &cli_verbs[i];
        for (size_t j = 0; j < cli_option_count; j++) {
            const struct cli_option *option = &cli_options[j];
            if (!cli_takes(verb, option)) continue;
            fish_when(out, verb);
            buffer_printf(out, " -l %s", option->name);
            if (option->letter[0] != '\0') buffer_printf(out, " -s %s", option->letter);
            if (option->choices[0] != '\0') {
                buffer_puts(out, " -x -a '");
                choices(out, option->choices, " ");
                buffer_puts(out, "'");
            } else if (option->completes == COMPLETE_FILE) {
                buffer_puts(out, " -r -F");
            } else if (option->completes == COMPLETE_DIRECTORY) {
                buffer_puts(out, " -x -a '(__fish_complete_directories)'");
            } else if (option->value != NULL) {
                buffer_puts(out, " -x");
            }
            buffer_puts(out, " -d '");
            for (const char *c = option->help; *c != '\0'; c++) {
                if (*c == '\'' || *c == '\\') buffer_puts(out, "\\");
                buffer_add(out, c, 1);
            }
            buffer_puts(out, "'\n");
        }
        if (takes_policies(verb)) {
            fish_when(out, verb);
            buffer_puts(out, " -a '(__fish_complete_suffix .klock)'\n");
        } else if (verb->arguments_choices != NULL) {
            fish_when(out, verb);
            buffer_puts(out, " -a '");
            choices(out, verb->arguments_choices, " ");
            buffer_puts(out, "'\n");
        } else if (verb->letter == 'f') {
            fish_when(out, verb);
            buffer_puts(out, " -F\n");
        } else if (verb->letter == 'e') {
            fish_when(out, verb);
            buffer_puts(out, " -a '(klockc explain 2>/dev/null | awk \"{ print \\\\$1 }\")'\n");
        } else if (verb->letter == 'h') {
            fish_when(out, verb);
            buffer_puts(out, " -a '");
            for (size_t j = 0; j < cli_verb_count; j++) buffer_printf(out, " %s", cli_verbs[j].name);
            buffer_puts(out, "'\n");
        }
    }
}

int cli_completion(const struct cli *cli) {
    struct buffer out = {0};
    if (strcmp(cli->arguments[0], "bash") == 0)
        bash(&out);
    else if (strcmp(cli->arguments[0], "zsh") == 0)
        zsh(&out);
    else
        fish(&out);
    bool fine = files_print(STDOUT_FILENO, "standard output", out.data, out.len);
    buffer_free(&out);
    return fine ? CLI_FINE : CLI_USAGE;
}
