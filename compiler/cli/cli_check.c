// klockc check, describe, anchors, explain and version: what the library says, printed.
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli_buffer.h"
#include "cli/cli_files.h"
#include "cli/cli_options.h"
#include "cli/cli_policy.h"

static bool is_standard_input(const char *path) {
    return path != NULL && strcmp(path, "-") == 0;
}

int cli_check(const struct cli *cli) {
    if (cli->argument_count == 0 && cli->rbac == NULL && cli->webhooks == NULL) {
        cli_complain("check needs an argument: PATH..., --rbac FILE or --webhooks FILE");
        cli_complain("see 'klockc help check'");
        return CLI_USAGE;
    }
    const bool rbac = is_standard_input(cli->rbac), webhooks = is_standard_input(cli->webhooks);
    if ((rbac || webhooks) && policy_is_standard_input(cli)) {
        cli_complain("standard input is either a policy or %s", rbac ? "RBAC" : "webhooks");
        return CLI_USAGE;
    }
    if (rbac && webhooks) {
        cli_complain("standard input is either RBAC or webhooks");
        return CLI_USAGE;
    }
    int status = CLI_USAGE;
    struct klock_compiler *compiler = policy_compile(cli, &status);
    if (compiler == NULL) return status;
    // Diagnostics are the result of this verb, wherever they go.
    bool shown = cli->output == NULL
                     ? policy_show_diagnostics(cli, compiler)
                     : policy_print(klock_diagnostics_text(compiler, cli->output, cli_wants_color(cli, STDOUT_FILENO)));
    if (!shown) status = CLI_USAGE;
    klock_free(compiler);
    return status;
}

int cli_describe(const struct cli *cli) {
    int status = CLI_USAGE;
    struct klock_compiler *compiler = policy_compile(cli, &status);
    if (compiler == NULL) return status;
    if (!policy_show_diagnostics(cli, compiler)) status = CLI_USAGE;
    if (status == CLI_FINE && !policy_print(klock_description(compiler, cli->output != NULL ? cli->output : "human")))
        status = CLI_USAGE;
    klock_free(compiler);
    return status;
}

int cli_anchors(const struct cli *cli) {
    int status = CLI_USAGE;
    struct klock_compiler *compiler = policy_compile(cli, &status);
    if (compiler == NULL) return status;
    if (!policy_show_diagnostics(cli, compiler)) status = CLI_USAGE;
    if (status == CLI_FINE && !policy_print(klock_anchors(compiler, cli->output != NULL ? cli->output : "yaml")))
        status = CLI_USAGE;
    klock_free(compiler);
    return status;
}

int cli_explain(const struct cli *cli) {
    struct klock_compiler *compiler = klock_new(NULL);
    if (compiler == NULL) cli_out_of_memory();
    const char *const first = cli->argument_count > 0 ? cli->arguments[0] : NULL;
    const bool preset = first != NULL && strcmp(first, "preset") == 0;
    const bool resource = first != NULL && strcmp(first, "resource") == 0;
    if (cli->argument_count > (preset || resource ? 2 : 1)) {
        cli_complain("explain takes one code, or: preset NAME, or: resource NAME");
        klock_free(compiler);
        return CLI_USAGE;
    }
    char *named = cli->argument_count == 2 ? cli_format("%s %s", first, cli->arguments[1]) : NULL;
    const char *code = named != NULL ? named : first;
    const char *text = klock_explain(compiler, code);
    int status = CLI_USAGE;
    if (text == NULL && code != NULL)
        cli_complain(preset     ? "there is no '%s'; 'klockc explain preset' lists presets"
                     : resource ? "there is no '%s'; 'klockc explain resource' lists those of projects, 'kubectl "
                                  "api-resources' those of a cluster"
                                : "there is no diagnostic '%s'; 'klockc explain' lists them",
                     code);
    else if (policy_print(text))
        status = CLI_FINE;
    free(named);
    klock_free(compiler);
    return status;
}

// The choices of an option as a JSON list.
static void choices(struct buffer *out, const char *list) {
    buffer_puts(out, "[");
    for (const char *at = list; *at != '\0';) {
        size_t len = strcspn(at, "|");
        buffer_printf(out, "%s\"%.*s\"", at == list ? "" : ", ", (int)len, at);
        at += len + (at[len] == '|');
    }
    buffer_puts(out, "]");
}

int cli_version(const struct cli *cli) {
    struct buffer out = {0};
    if (cli->output == NULL || strcmp(cli->output, "text") == 0) {
        buffer_printf(&out, "klockc %s\n", klock_version());
    } else {
        buffer_printf(&out, "{\n  \"version\": \"%s\",\n  \"kubernetes\": {\"api\": \"1.30\", \"static\": \"1.36\"},\n",
                      klock_version());
        buffer_puts(&out, "  \"verbs\": {");
        for (size_t i = 0; i < cli_verb_count; i++) {
            const struct cli_verb *verb = &cli_verbs[i];
            buffer_printf(&out, "%s\n    \"%s\": {", i > 0 ? "," : "", verb->name);
            for (size_t j = 0, shown = 0; j < cli_option_count; j++) {
                const struct cli_option *option = &cli_options[j];
                if (!cli_takes(verb, option)) continue;
                buffer_printf(&out, "%s\"%s\": ", shown++ > 0 ? ", " : "", option->name);
                if (option->value == NULL)
                    buffer_puts(&out, "true");
                else
                    choices(&out, option->choices);
            }
            buffer_puts(&out, "}");
        }
        buffer_puts(&out, "\n  }\n}\n");
    }
    bool fine = files_print(STDOUT_FILENO, "standard output", out.data, out.len);
    buffer_free(&out);
    return fine ? CLI_FINE : CLI_USAGE;
}
