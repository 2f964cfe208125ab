#include "cli/cli_options.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/suggest.h"
#include "cli/cli_buffer.h"

#define POLICY_ARGUMENTS "PATH..."

const struct cli_verb cli_verbs[] = {
    {'c', "compile", cli_compile, POLICY_ARGUMENTS, NULL, "compile policies to Kubernetes objects",
     "Compiles policies and prints their Kubernetes objects in the order in which to apply them. If there is any "
     "error,\n"
     "nothing is written. A PATH is a .klock file, a directory that is searched for them, or - for standard input.",
     "# Print the objects of a policy, and apply them\n"
     "klockc compile payments.klock | kubectl apply -f -\n\n"
     "# Keep one file for each object in a directory\n"
     "klockc compile policies/ --output-dir deploy/\n\n"
     "# In a pipeline: fail if that directory differs from the policies\n"
     "klockc compile policies/ --output-dir deploy/ --check\n"},
    {'k', "check", cli_check, "[PATH...]", NULL, "show errors and warnings, write nothing",
     "Shows every error and every warning in policies, and writes no objects. With --rbac also who may take locks "
     "away,\n"
     "pass them or become their actors by the RBAC of a cluster or a chart, for which no policy is needed.\n"
     "With --webhooks also which webhooks of others stop the cluster or themselves, and which a lock would refuse.",
     "# Check a directory of policies\n"
     "klockc check policies/\n\n"
     "# And the RBAC of a cluster with them\n"
     "kubectl get clusterroles,clusterrolebindings,roles,rolebindings -A -o yaml | klockc check policies/ --rbac -\n\n"
     "# And the webhooks of a chart\n"
     "helm template chart/ | klockc check policies/ --webhooks -\n\n"
     "# For code scanning, with warnings as errors\n"
     "klockc check policies/ -o sarif --warnings-as-errors > klockc.sarif\n"},
    {'t', "test", cli_test, POLICY_ARGUMENTS, NULL, "run the tests in policies, without a cluster",
     "Runs the test blocks of policies against the meaning of the policies. No cluster is needed.",
     "# Run all tests\n"
     "klockc test policies/\n\n"
     "# Only those about the administrator, with those that pass\n"
     "klockc test policies/ -v --run 'payments/.*administrator'\n"},
    {'d', "describe", cli_describe, POLICY_ARGUMENTS, NULL, "describe what policies do, for reviewers",
     "Describes in sentences what policies do: who may do what to which objects, which ways around a lock are closed, "
     "what\n"
     "is refused besides the locked objects, which controllers pass, and what stays open.",
     "# Read what a policy does before it is merged\n"
     "klockc describe payments.klock\n\n"
     "# Keep the description next to the policy\n"
     "klockc describe policies/ -o markdown > LOCKS.md\n"},
    {'y', "verify", cli_verify, POLICY_ARGUMENTS, NULL, "hold rendered objects, or a cluster, against policies",
     "Looks whether everything that 'klockc compile' prints is in what other tools made of it, or in a cluster, and "
     "still\n"
     "means the same there: nothing missing, softened, narrowed, cut off from what it refers to, or left over. What "
     "tools\n"
     "and API servers add does not count. Give either --against or --cluster.",
     "# What will be applied, before it is\n"
     "kustomize build overlays/production | klockc verify policies/ --against -\n\n"
     "# The same for files, with annotations in a pull request\n"
     "klockc verify policies/ --against rendered/ -o github\n\n"
     "# What is in force, and the anchors\n"
     "klockc verify policies/ --cluster --context production\n"},
    {'a', "anchors", cli_anchors, "[PATH...]", NULL, "print policies that keep API servers from forgetting parameters",
     "Prints permanent policies that do nothing: one for each built-in kind that locks on scale, evictions, exec and "
     "the\n"
     "like may look up or, with PATHs, one for each kind that their policies look up. With them in the cluster, "
     "policies\n"
     "can be deleted and applied again (kubernetes#130887). Apply them once and keep them: see docs/operations.md.",
     "# Once per cluster, before the first policy\n"
     "klockc anchors | kubectl apply -f -\n\n"
     "# Only what policies look up, including custom resources\n"
     "klockc anchors policies/ | kubectl apply -f -\n"},
    {'f', "fn", cli_fn, "[CONFIG]", NULL, "be a function of kustomize or kpt",
     "Reads a ResourceList on standard input and prints it with the objects of the policy that its functionConfig, a\n"
     "KlockPolicy of klock.dev/v1alpha1, names or contains; what else is in it keeps its bytes. With a CONFIG, the "
     "file\n"
     "of a KlockPolicy, reads and prints a stream of YAML documents, as plugins of kustomize do. Errors are results, "
     "on\n"
     "standard error, and the exit status. A program that is called klockc-fn or KlockPolicy is this verb.",
     "# As kustomize calls it: see docs/kustomize.md\n"
     "kustomize build --enable-alpha-plugins --enable-exec deploy/\n\n"
     "# By hand: the objects of a policy behind those of a file\n"
     "klockc fn klockpolicy.yaml <objects.yaml\n"},
    {'p', "post-render", cli_post_render, POLICY_ARGUMENTS, NULL, "be a post-renderer of Helm",
     "Reads on standard input the stream that Helm renders, and prints it with the objects of the policies behind it; "
     "what\n"
     "Helm rendered keeps its bytes. Objects of these policies that are in the stream already are replaced, and "
     "definitions\n"
     "of custom resources there are known to the policies. If there is any error, nothing is printed, and Helm stops.",
     "# Helm 4, with the plugin: see docs/helm.md\n"
     "helm upgrade web ./chart --post-renderer klockc --post-renderer-args locks.klock\n\n"
     "# Helm 3\n"
     "helm upgrade web ./chart --post-renderer klockc --post-renderer-args post-render --post-renderer-args "
     "locks.klock\n\n"
     "# By hand\n"
     "helm template web ./chart | klockc post-render locks.klock\n"},
    {'e', "explain", cli_explain, "[CODE | preset [NAME] | resource [NAME]]...", NULL,
     "explain an error, a warning, an actor preset or a resource",
     "Explains a diagnostic and what to do about it, by its code or its name. Without an argument, lists all of them.\n"
     "'preset NAME' shows whom a word such as flux stands for and what they write, 'resource NAME' what is known of a\n"
     "resource, and from which release of which project.",
     "# What is K0203?\n"
     "klockc explain K0203\n\n"
     "# Who is 'flux' in a policy?\n"
     "klockc explain preset flux\n\n"
     "# Which 'certificates' need no declaration?\n"
     "klockc explain resource certificates\n"},
    {'s', "completion", cli_completion, "bash|zsh|fish", "bash|zsh|fish", "print a completion script for a shell",
     "Prints a script that completes verbs, options and files in a shell.",
     "# Completion in this bash\n"
     "source <(klockc completion bash)\n"},
    {'v', "version", cli_version, NULL, NULL, "show the version",
     "Shows the version; with -o json, also the verbs, formats, targets and Kubernetes versions that this klockc "
     "knows.",
     NULL},
    {'h', "help", cli_help, "[VERB]", NULL, "show this help, or that of a verb",
     "Shows what klockc does, or what a verb does.", NULL},
};
const size_t cli_verb_count = sizeof cli_verbs / sizeof *cli_verbs;

const struct cli_option cli_options[] = {
#define FLAG(field, name, letter, verbs, help)                                                                         \
    {name, letter, NULL, "", COMPLETE_NOTHING, verbs, help, offsetof(struct cli, field)},
#define VALUE(field, name, letter, value, choices, completes, verbs, help)                                             \
    {name, letter, value, choices, completes, verbs, help, offsetof(struct cli, field)},
#include "cli/cli_options.def"
#undef FLAG
#undef VALUE
};
const size_t cli_option_count = sizeof cli_options / sizeof *cli_options;

const struct cli_verb *cli_find_verb(const char *name) {
    for (size_t i = 0; i < cli_verb_count; i++)
        if (strcmp(cli_verbs[i].name, name) == 0) return &cli_verbs[i];
    return NULL;
}

bool cli_takes(const struct cli_verb *verb, const struct cli_option *option) {
    return strchr(option->verbs, verb->letter) != NULL;
}

const char *cli_nearest_verb(const char *name) {
    const char **names = cli_realloc(NULL, cli_verb_count, sizeof *names);
    for (size_t i = 0; i < cli_verb_count; i++) names[i] = cli_verbs[i].name;
    const char *nearest = suggest_nearest(name, names, cli_verb_count);
    free(names);
    return nearest;
}

static const char *nearest_option(const struct cli_verb *verb, const char *name) {
    const char **names = cli_realloc(NULL, cli_option_count, sizeof *names);
    size_t count = 0;
    for (size_t i = 0; i < cli_option_count; i++)
        if (cli_takes(verb, &cli_options[i])) names[count++] = cli_options[i].name;
    const char *nearest = suggest_nearest(name, names, count);
    free(names);
    return nearest;
}

static bool is_choice(const char *choices, const char *value) {
    size_t len = strlen(value);
    for (const char *choice = choices;; choice++) {
        size_t choice_len = strcspn(choice, "|");
        if (choice_len == len && strncmp(choice, value, len) == 0) return true;
        choice += choice_len;
        if (*choice == '\0') return false;
    }
}

// The choice that was probably meant, which the caller frees; NULL when none is near.
static char *nearest_choice(const char *choices, const char *value) {
    struct strings list = {0};
    for (const char *choice = choices; *choice != '\0'; choice += strspn(choice, "|")) {
        size_t len = strcspn(choice, "|");
        char *one = cli_format("%.*s", (int)len, choice);
        strings_add(&list, one);
        free(one);
        choice += len;
    }
    const char *nearest = suggest_nearest(value, (const char *const *)list.items, list.count);
    char *copy = nearest != NULL ? cli_format("%s", nearest) : NULL;
    strings_free(&list);
    return copy;
}

static void see_help(const struct cli *cli) {
    if (cli->verb == NULL)
        cli_complain("see 'klockc help'");
    else
        cli_complain("see 'klockc help %s'", cli->verb->name);
}

static bool unknown_option(const struct cli *cli, const char *word, const char *name, size_t name_len) {
    char *copy = cli_format("%.*s", (int)name_len, name);
    const char *best = nearest_option(cli->verb, copy);
    free(copy);
    int word_len = (int)strcspn(word, "=");
    if (best != NULL)
        cli_complain("%s has no option %.*s; did you mean --%s?", cli->verb->name, word_len, word, best);
    else
        cli_complain("%s has no option %.*s", cli->verb->name, word_len, word);
    see_help(cli);
    return false;
}

static bool bad_value(const struct cli *cli, const char *shown, const char *value, const char *wanted) {
    cli_complain("%s %s: %s", shown, value, wanted);
    see_help(cli);
    return false;
}

static bool set_value(struct cli *cli, const struct cli_option *option, const char *value) {
    const char **place = (const char **)(void *)((char *)cli + option->field);
    char *shown = cli_format(option->letter[0] != '\0' ? "-%s" : "--%s",
                             option->letter[0] != '\0' ? option->letter : option->name);
    bool fine = true;
    if (*place != NULL && strcmp(*place, value) != 0) {
        fine = bad_value(cli, shown, value, "it was given before with a different value");
    } else if (value[0] == '\0') {
        fine = bad_value(cli, shown, "\"\"", "the value is empty");
    } else if (option->choices[0] != '\0' && !is_choice(option->choices, value)) {
        char *nearest = nearest_choice(option->choices, value);
        char *wanted = nearest != NULL ? cli_format("it takes %s; did you mean %s?", option->choices, nearest)
                                       : cli_format("it takes %s", option->choices);
        fine = bad_value(cli, shown, value, wanted);
        free(wanted);
        free(nearest);
    }
    free(shown);
    *place = value;
    return fine;
}

static const struct cli_option *find_long(const struct cli *cli, const char *name, size_t len) {
    for (size_t i = 0; i < cli_option_count; i++) {
        const struct cli_option *option = &cli_options[i];
        if (strlen(option->name) == len && strncmp(option->name, name, len) == 0 && cli_takes(cli->verb, option))
            return option;
    }
    return NULL;
}

static const struct cli_option *find_short(const struct cli *cli, char letter) {
    for (size_t i = 0; i < cli_option_count; i++)
        if (cli_options[i].letter[0] == letter && cli_takes(cli->verb, &cli_options[i])) return &cli_options[i];
    return NULL;
}

// Reads the option at words[*at] and leaves *at on its last word.
static bool read_option(struct cli *cli, int count, char **words, int *at) {
    const char *word = words[*at];
    const struct cli_option *option;
    const char *value = NULL; // the part of the word that is the value
    if (strcmp(word, "-h") == 0) {
        cli->help = true;
        return true;
    }
    if (word[1] == '-') {
        size_t len = strcspn(word + 2, "=");
        option = find_long(cli, word + 2, len);
        if (option == NULL) return unknown_option(cli, word, word + 2, len);
        if (word[2 + len] == '=') value = word + 3 + len;
    } else {
        option = find_short(cli, word[1]);
        if (option == NULL) return unknown_option(cli, word, word + 1, strcspn(word + 1, "="));
        if (word[2] != '\0') value = word[2] == '=' ? word + 3 : word + 2;
    }
    if (option->value == NULL) {
        if (value != NULL) {
            cli_complain("--%s takes no value", option->name);
            see_help(cli);
            return false;
        }
        *(bool *)((char *)cli + option->field) = true;
        return true;
    }
    if (value == NULL) {
        if (*at + 1 == count) {
            cli_complain("%s needs a value: %s", word, option->choices[0] != '\0' ? option->choices : option->value);
            see_help(cli);
            return false;
        }
        value = words[++*at];
    }
    return set_value(cli, option, value);
}

unsigned cli_read_minor(const char *text) {
    if (*text == 'v') text++;
    char *end = NULL;
    if (strncmp(text, "1.", 2) != 0 || !isdigit((unsigned char)text[2])) return 0;
    unsigned long minor = strtoul(text + 2, &end, 10);
    if (*end == '.' && isdigit((unsigned char)end[1])) (void)strtoul(end + 1, &end, 10);
    return *end == '\0' && minor < 1000 ? (unsigned)minor : 0;
}

static bool read_arguments(struct cli *cli) {
    const struct cli_verb *verb = cli->verb;
    const char *arguments = verb->arguments != NULL ? verb->arguments : "";
    if (cli->argument_count == 0 && arguments[0] != '\0' && arguments[0] != '[') {
        cli_complain("%s needs an argument: %s", verb->name, arguments);
        see_help(cli);
        return false;
    }
    size_t most = arguments[0] == '\0' ? 0 : strstr(arguments, "...") != NULL ? (size_t)-1 : 1;
    if (cli->argument_count > most) {
        cli_complain("%s does not take another argument: %s", verb->name, cli->arguments[most]);
        see_help(cli);
        return false;
    }
    if (verb->arguments_choices != NULL && !is_choice(verb->arguments_choices, cli->arguments[0]))
        return bad_value(cli, verb->name, cli->arguments[0], "it takes bash, zsh or fish");
    return true;
}

bool cli_read(struct cli *cli, int count, char **words) {
    if (count == 0) {
        cli_complain("no verb given: klockc VERB [options] PATH...");
        see_help(cli);
        return false;
    }
    cli->words = words;
    cli->word_count = (size_t)count;
    const char *name = words[0];
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) name = "help";
    if (strcmp(name, "--version") == 0) name = "version";
    cli->verb = cli_find_verb(name);
    if (cli->verb == NULL) {
        const char *nearest = cli_nearest_verb(name);
        const char *what = name[0] == '-' ? "option before the verb" : "verb";
        if (nearest != NULL)
            cli_complain("unknown %s '%s'; did you mean '%s'?", what, name, nearest);
        else
            cli_complain("unknown %s '%s'", what, name);
        see_help(cli);
        return false;
    }
    cli->arguments = cli_realloc(NULL, (size_t)count, sizeof *cli->arguments);
    bool options_end = false;
    for (int at = 1; at < count; at++) {
        const char *word = words[at];
        if (!options_end && strcmp(word, "--") == 0)
            options_end = true;
        else if (options_end || word[0] != '-' || word[1] == '\0')
            cli->arguments[cli->argument_count++] = word;
        else if (!read_option(cli, count, words, &at))
            return false;
    }
    if (cli->help) return true;
    if (cli->kubernetes != NULL && (cli->kubernetes_minor = cli_read_minor(cli->kubernetes)) == 0)
        return bad_value(cli, "--kubernetes", cli->kubernetes, "not a version such as 1.30");
    if (cli->at != NULL && !klock_is_day(cli->at)) return bad_value(cli, "--at", cli->at, "not a date (YYYY-MM-DD)");
    return read_arguments(cli);
}
