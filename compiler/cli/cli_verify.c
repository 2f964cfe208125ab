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

static bool ask(const struct cli *cli, struct klock_compiler *compiler, const char *const *question) {
    struct buffer bytes = {0};
    const bool fine = kubectl_run(cli, question, &bytes);
    if (fine) klock_add_rendered(compiler, "kubectl get", bytes.data, bytes.len);
    buffer_free(&bytes);
    return fine;
}

static bool makes(struct klock_compiler *compiler, const char *kind) {
    struct klock_object object = {.size = sizeof object};
    for (size_t i = 0; klock_object_at(compiler, i, &object); i++)
        if (strcmp(object.kind, kind) == 0) return true;
    return false;
}

// What only some policies make. Nobody needs rights, or definitions, for what a policy does not make.
static const struct sometimes {
    const char *kind, *resource;
    const char *group; // of a custom resource, which may be served or not
} sometimes[] = {
    {"Namespace", "namespaces", NULL},
    {"ResourceQuota", "resourcequotas", NULL},
    {"MutatingWebhookConfiguration", "mutatingwebhookconfigurations.v1.admissionregistration.k8s.io", NULL},
    {"ValidatingWebhookConfiguration", "validatingwebhookconfigurations.v1.admissionregistration.k8s.io", NULL},
    {"AppProject", "appprojects.v1alpha1.argoproj.io", "argoproj.io"},
};

// kubectl fails for a resource that is not served, and so would a cluster in which an AppProject is missing as Argo CD
// is.
static bool find_served(const struct cli *cli, const struct sometimes *one, bool *ret_served) {
    char *group = cli_format("--api-group=%s", one->group);
    const char *const question[] = {"api-resources", group, "--output=name", NULL};
    struct buffer bytes = {0};
    const bool fine = kubectl_run(cli, question, &bytes);
    const size_t len = strcspn(one->resource, ".");
    *ret_served = false;
    for (size_t i = 0; fine && i + len < bytes.len && !*ret_served; i++)
        *ret_served = (i == 0 || bytes.data[i - 1] == '\n') && bytes.data[i + len] == '.' &&
                      memcmp(bytes.data + i, one->resource, len) == 0;
    buffer_free(&bytes);
    free(group);
    return fine;
}

static bool add_sometimes(const struct cli *cli, struct klock_compiler *compiler) {
    const size_t count = sizeof sometimes / sizeof *sometimes;
    bool fine = true;
    for (size_t i = 0; i < count && fine; i++) {
        bool served = makes(compiler, sometimes[i].kind);
        if (served && sometimes[i].group) fine = find_served(cli, &sometimes[i], &served);
        const char *const question[] = {
            "get", sometimes[i].resource, "--all-namespaces", "--selector=klock.dev/policy", "--output=yaml", NULL};
        if (fine && served) fine = ask(cli, compiler, question);
    }
    return fine;
}

// All policies of the cluster, as others than those with our label may bind ours; of everything else, ours.
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
    return ask(cli, compiler, policies) && ask(cli, compiler, roles) && add_sometimes(cli, compiler);
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
