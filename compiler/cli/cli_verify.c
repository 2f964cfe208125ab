// klockc verify: what others made of the objects, or what is in a cluster, held against the policies.
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli_buffer.h"
#include "cli/cli_files.h"
#include "cli/cli_kubectl.h"
#include "cli/cli_policy.h"

static bool usable(const struct cli *cli) {
    const char *problem = NULL;
    if (cli->against == NULL && !cli->cluster)
        problem = "verify needs --against FILE (- is standard input) or --cluster";
    else if (cli->against != NULL && cli->cluster)
        problem = "--against and --cluster exclude each other";
    else if (!cli->cluster && (cli->kubectl != NULL || cli->context != NULL))
        problem = "--kubectl and --context are for --cluster";
    else if (cli->cluster && cli->target != NULL && strcmp(cli->target, "static") == 0)
        problem = "static manifests are files of API servers, which no cluster shows: use --against DIR";
    else if (cli->against != NULL && strcmp(cli->against, "-") == 0 && policy_is_standard_input(cli))
        problem = "standard input is either a policy or what is verified";
    if (problem != NULL) cli_complain("%s", problem);
    return problem == NULL;
}

// ---- what is verified ----

// All policies of the cluster, as others than those with our label may bind ours; of the many roles and accounts, ours.
static bool add_cluster(const struct cli *cli, struct klock_compiler *compiler) {
    static const char *const policies[] = {
        "get",
        "validatingadmissionpolicies.v1.admissionregistration.k8s.io,"
        "validatingadmissionpolicybindings.v1.admissionregistration.k8s.io",
        "--output=yaml",
        NULL,
    };
    static const char *const roles[] = {
        "get",
        "clusterroles.v1.rbac.authorization.k8s.io,clusterrolebindings.v1.rbac.authorization.k8s.io,"
        "roles.v1.rbac.authorization.k8s.io,rolebindings.v1.rbac.authorization.k8s.io,serviceaccounts",
        "--all-namespaces",
        "--selector=klock.dev/policy",
        "--output=yaml",
        NULL,
    };
    const char *const *const questions[] = {policies, roles};
    bool fine = true;
    for (size_t i = 0; i < sizeof questions / sizeof *questions && fine; i++) {
        struct buffer bytes = {0};
        fine = kubectl_run(cli, questions[i], &bytes);
        if (fine) klock_add_rendered(compiler, "kubectl get", bytes.data, bytes.len);
        buffer_free(&bytes);
    }
    return fine;
}

// ---- the verb ----

// Findings are the result of this verb, wherever they go.
static bool show(const struct cli *cli, struct klock_compiler *compiler) {
    if (cli->output == NULL) return policy_show_diagnostics(cli, compiler);
    return policy_print(klock_diagnostics_text(compiler, cli->output, cli_wants_color(cli, STDOUT_FILENO)));
}

int cli_verify(const struct cli *cli) {
    if (!usable(cli)) return CLI_USAGE;
    int status = CLI_USAGE;
    struct klock_compiler *compiler = policy_compile(cli, &status);
    if (compiler == NULL) return status;
    if (status == CLI_FINE) {
        if (!(cli->cluster ? add_cluster(cli, compiler)
                           : policy_add_objects(cli, compiler, cli->against, klock_add_rendered))) {
            klock_free(compiler);
            return CLI_USAGE;
        }
        status = policy_status(klock_verify(compiler, cli->cluster ? KLOCK_CLUSTER : KLOCK_RENDERED));
    }
    if (!show(cli, compiler)) status = CLI_USAGE;
    klock_free(compiler);
    return status;
}
