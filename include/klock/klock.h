/* klock: compiles policies of locks, actors and grants into Kubernetes admission control and RBAC.
 *
 *     struct klock_options options = {.size = sizeof options, .kubernetes_minor = 33};
 *     struct klock_compiler *compiler = klock_new(&options);
 *     klock_add_file(compiler, "payments.klock");
 *     if (klock_compile(compiler) == KLOCK_OK) puts(klock_output_text(compiler, "yaml"));
 *     else fputs(klock_diagnostics_text(compiler, "human", false), stderr);
 *     klock_free(compiler);
 *
 * The library prints nothing, never exits and keeps no global state. A compiler is used by one thread at a time;
 * several compilers are independent.
 *
 * Texts. Every text that is given out is UTF-8 and NUL-terminated, belongs to the compiler, and lives until klock_free.
 * Texts that are taken are copied; except for options, and where the function says otherwise, they must not be NULL.
 *
 * Sizes. Structures begin with their own size, which the caller sets: later versions add fields at the end, and what
 * the caller does not know is left alone. Of a structure that is filled, fields that this library does not know are
 * set to zero.
 *
 * Failure. Counts are 0 and functions return NULL or false where there is nothing to give. When memory runs out,
 * klock_compile says KLOCK_MEMORY, also when it is called again to ask; nothing but klock_free is of use then. */
#ifndef KLOCK_KLOCK_H
#define KLOCK_KLOCK_H

#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

#define KLOCK_API __attribute__((visibility("default")))

/* Of this header. */
#define KLOCK_VERSION_MAJOR 0
#define KLOCK_VERSION_MINOR 1
#define KLOCK_VERSION_PATCH 0

/* Of the library that runs, such as "0.1.0"; lives for ever. */
KLOCK_API const char *klock_version(void);

/* Whether the text is a day of the calendar, YYYY-MM-DD, as options and policies take one. */
KLOCK_API bool klock_is_day(const char *text);

/* ---- compiling ---- */

struct klock_compiler;

/* A file that is asked for; of use only while `read` runs. */
struct klock_file;

/* Gives the file's bytes, which are copied; called again, it appends. */
KLOCK_API void klock_file_give(struct klock_file *file, const char *bytes, size_t len);
/* Says why the file cannot be had, in one line: "permission denied". */
KLOCK_API void klock_file_refuse(struct klock_file *file, const char *reason);

enum klock_target {
    KLOCK_TARGET_API,    /* objects for the API server: kubectl apply */
    KLOCK_TARGET_STATIC, /* files for staticManifestsDir of the API server, from 1.36 */
};

enum klock_controllers {
    KLOCK_CONTROLLERS_BOTH,     /* one of the two others, nobody knows which */
    KLOCK_CONTROLLERS_SEPARATE, /* kube-controller-manager --use-service-account-credentials: an account for each */
    KLOCK_CONTROLLERS_SHARED,   /* each is system:kube-controller-manager */
};

struct klock_options {
    size_t size;               /* sizeof(struct klock_options) */
    unsigned kubernetes_minor; /* the oldest server the output must run on, 30 for 1.30; 0 for the target's oldest */
    enum klock_target target;
    const char *date; /* YYYY-MM-DD for locks with `active`; NULL if none */
    const char *root; /* directory that includes may not leave; NULL for the directory of each file that is added */
    bool warnings_as_errors;

    /* Where the bytes of files come from, those of includes too; NULL for the file system. It is called with the path
     * of klock_add_file as it was given, or with an include's path, without "." and ".." and joined to that of the
     * including file. It calls klock_file_give or klock_file_refuse before it returns; without either there is no such
     * file. Where `resources from` has a pattern, it is called with the path of the directory and a slash behind it
     * ("crds/", "./"), and gives the names of the files there, each followed by a newline. It may not leave by longjmp
     * or an exception. What it asks of the compiler that runs fails, and what it adds to it is a diagnostic. */
    void (*read)(void *context, const char *path, struct klock_file *file);
    void *context; /* for `read` */

    enum klock_controllers controllers; /* who the controllers of the cluster are, which locks let do their work */
    /* The tool that applies the output: "argocd" for sync waves, so that policies act before what they lock is changed,
     * and are removed after it; NULL if none needs to be told. */
    const char *gitops;
};

/* A compiler, which the caller gives back to klock_free. The options are copied; NULL stands for all zero. NULL when
 * memory runs out, and when the options cannot be followed: the size is less than that of any version, the target is
 * none, or fields that this library does not know are not zero. */
KLOCK_API struct klock_compiler *klock_new(const struct klock_options *options);
/* Frees the compiler and every text it gave out; NULL is fine. */
KLOCK_API void klock_free(struct klock_compiler *compiler);

/* Adds a policy file, and reads it. What it includes is read while compiling. A file that cannot be read is a
 * diagnostic, and klock_compile says KLOCK_INPUT. */
KLOCK_API void klock_add_file(struct klock_compiler *compiler, const char *path);
/* Adds `len` bytes of policy under the name that messages show; its includes are looked for beside that name. The bytes
 * need no NUL, and may be NULL if there are none. */
KLOCK_API void klock_add_buffer(struct klock_compiler *compiler, const char *name, const char *bytes, size_t len);

/* Adds RBAC, as YAML or JSON that others wrote or that a cluster has, under the name that messages show. klock_compile
 * reads it, and reports who may take locks away, hold the verbs that they ask for, or become their actors: warnings,
 * but for what cannot be read. Without any policy, what is found whatever the policy. The bytes need no NUL, and may be
 * NULL if there are none. */
KLOCK_API void klock_add_rbac(struct klock_compiler *compiler, const char *name, const char *bytes, size_t len);

/* Adds webhook configurations in the same way. klock_compile reads them, and reports which keep themselves, each other
 * or the cluster from working while they are down, and which the locks would refuse: warnings, but for what cannot be
 * read. */
KLOCK_API void klock_add_webhooks(struct klock_compiler *compiler, const char *name, const char *bytes, size_t len);

/* Adds CustomResourceDefinitions, `len` bytes of YAML or JSON, under the name that messages show: what they define is
 * known to every policy, as by `resources from`. Other objects among them are skipped; that there is no definition is a
 * diagnostic. */
KLOCK_API void klock_add_definitions(struct klock_compiler *compiler, const char *name, const char *bytes, size_t len);

enum klock_status {
    KLOCK_OK,       /* there is output; there may be warnings */
    KLOCK_ERRORS,   /* the policy or the options have errors: there is no output */
    KLOCK_INPUT,    /* something could not be read: there is no output */
    KLOCK_INTERNAL, /* klock itself is at fault, as a diagnostic says: there is no output */
    KLOCK_MEMORY,   /* memory ran out: nothing but klock_free is of use */
    KLOCK_BUSY,     /* asked by `read`, while the same compiler runs: nothing was done */
};

/* Compiles what was added, once: a second call gives the same status, and what is added behind the first is a
 * diagnostic, after which there is neither output nor a decision. */
KLOCK_API enum klock_status klock_compile(struct klock_compiler *compiler);

/* Reads and parses what was added, and what that includes, for klock_source_text; klock_compile goes on from there. The
 * status is about the syntax alone. What is added behind it is a diagnostic as behind klock_compile. */
KLOCK_API enum klock_status klock_parse(struct klock_compiler *compiler);

/* ---- diagnostics: there are some as soon as something was added, and all of them, sorted, after klock_compile ---- */

/* From the first character to behind the last. Nothing will be added to it, so that it carries no size. */
struct klock_place {
    const char *file;              /* as it was added or included; NULL when it is about no place: all else is 0 then */
    size_t begin, end;             /* bytes from the start of the file, from 0 */
    unsigned line, column;         /* of the first character, from 1; columns count code points */
    unsigned end_line, end_column; /* of the place behind the last character */
};

struct klock_diagnostic {
    size_t size;             /* sizeof(struct klock_diagnostic) */
    const char *code, *name; /* "K0101", "unknown-name": they keep their meaning in all versions */
    bool is_error;           /* a warning otherwise */
    const char *message;     /* one line, for people; its words change */
    const char *help;        /* the way out; NULL if none */
    struct klock_place place;
    size_t related_count, fix_count; /* for klock_related_at and klock_fix_at */
};

/* Another place that the diagnostic is about. */
struct klock_related {
    size_t size;       /* sizeof(struct klock_related) */
    const char *label; /* "named here" */
    struct klock_place place;
};

/* A change that mends it. */
struct klock_fix {
    size_t size;              /* sizeof(struct klock_fix) */
    struct klock_place place; /* what is taken out; nothing where begin and end are the same */
    const char *text;         /* what is put there; "" for nothing */
};

KLOCK_API size_t klock_diagnostic_count(const struct klock_compiler *compiler);
/* Each of these fills the structure, whose size is set; false when there is no such index, or when the size is less
 * than that of any version. Indexes are from 0. */
KLOCK_API bool klock_diagnostic_at(const struct klock_compiler *compiler, size_t index,
                                   struct klock_diagnostic *ret_diagnostic);
KLOCK_API bool klock_related_at(const struct klock_compiler *compiler, size_t diagnostic, size_t index,
                                struct klock_related *ret_related);
KLOCK_API bool klock_fix_at(const struct klock_compiler *compiler, size_t diagnostic, size_t index,
                            struct klock_fix *ret_fix);

/* All diagnostics as one text: "human", "json", "sarif" (where accepted warnings are suppressed results), "github"
 * (workflow commands), "gitlab" (a report of code quality) or "junit"; NULL for another format or when memory runs out.
 * Colours are for "human" alone: escape sequences of terminals. */
KLOCK_API const char *klock_diagnostics_text(struct klock_compiler *compiler, const char *format, bool color);

/* Whether objects of the kind are made of policies, in whatever version of its API group:
 * "ValidatingAdmissionPolicy" of "admissionregistration.k8s.io/v1". */
KLOCK_API bool klock_makes(const char *api_version, const char *kind);

/* What a code or name means; several lines; NULL when there is no such code or when memory runs out. With NULL the list
 * of all codes. "preset NAME" says whom an actor preset stands for, "preset" lists them;
 * "resource NAME" says what is known of a resource and from where, "resource" lists those of other projects. */
KLOCK_API const char *klock_explain(struct klock_compiler *compiler, const char *code);

/* ---- output: none before klock_compile says KLOCK_OK ---- */

struct klock_object {
    size_t size;                          /* sizeof(struct klock_object) */
    const char *kind, *namespace_, *name; /* namespace_ is "" for cluster-scoped objects */
    const char *file;                     /* name for a file of its own, unique in the output */
    const char *yaml;                     /* one document, with its "---" */
    size_t len;                           /* bytes of it */
};

/* In the order in which they should be applied. */
KLOCK_API size_t klock_object_count(const struct klock_compiler *compiler);
/* As klock_diagnostic_at; false also when memory runs out. */
KLOCK_API bool klock_object_at(struct klock_compiler *compiler, size_t index, struct klock_object *ret_object);
/* All objects as one text: "yaml" (a stream) or "json" (a List). NULL before KLOCK_OK, for another format, and when
 * memory runs out; an empty stream or List when nothing was added. */
KLOCK_API const char *klock_output_text(struct klock_compiler *compiler, const char *format);
/* Objects that keep the API server from forgetting the parameters of policies while these are replaced, in the same
 * forms: for the kinds that what was compiled looks up, or, if nothing was added, for every built-in kind that can be
 * looked up. NULL as for klock_output_text. */
KLOCK_API const char *klock_anchors(struct klock_compiler *compiler, const char *format);

/* The files that were added and read, includes among them after klock_compile; also when there are errors. NULL when
 * there is no such index. */
KLOCK_API size_t klock_source_count(const struct klock_compiler *compiler);
KLOCK_API const char *klock_source_at(const struct klock_compiler *compiler, size_t index);
/* The directories in which patterns of 'resources from' looked for files, each once: a file that is added to one of
 * them, or removed, may change the output. NULL when there is no such index. */
KLOCK_API size_t klock_directory_count(const struct klock_compiler *compiler);
KLOCK_API const char *klock_directory_at(const struct klock_compiler *compiler, size_t index);

/* The names of the policies, sorted and each once, also of one of which nothing is emitted today. None before KLOCK_OK;
 * NULL when there is no such index, and when memory runs out. */
KLOCK_API size_t klock_policy_count(struct klock_compiler *compiler);
KLOCK_API const char *klock_policy_at(struct klock_compiler *compiler, size_t index);

/* The policy of that file as source again, in klock's own layout and without its comments; it means the same. NULL
 * before klock_parse or klock_compile, when any file has errors or could not be read, when there is no such index, and
 * when memory runs out. */
KLOCK_API const char *klock_source_text(struct klock_compiler *compiler, size_t index);

/* ---- verifying: what became of the objects elsewhere, held against the policies ---- */

enum klock_place_of_objects {
    KLOCK_RENDERED, /* what kustomize, Helm, Flux and the like made of the output */
    KLOCK_CLUSTER,  /* what a cluster has, as kubectl prints it: the anchors belong there as well */
};

/* Adds a stream of YAML or JSON under the name that messages show, for klock_verify. The bytes need no NUL, and may be
 * NULL if there are none. */
KLOCK_API void klock_add_rendered(struct klock_compiler *compiler, const char *name, const char *bytes, size_t len);
/* After klock_compile said KLOCK_OK: whether everything that klock_output_text gives is among what was added, and means
 * what it means there. What is not, and what policies have left over, becomes diagnostics, which take the place of
 * those before; the status is KLOCK_ERRORS then, and there is no output any more. To be called once; before KLOCK_OK
 * nothing is done, and the status is that of klock_compile, or KLOCK_BUSY when that was not called. */
KLOCK_API enum klock_status klock_verify(struct klock_compiler *compiler, enum klock_place_of_objects where);

/* ---- what the policy means: nothing before klock_compile says KLOCK_OK ---- */

/* What the policies do, in sentences for those who review them: who may do what to which objects, which ways around a
 * lock are closed, what is refused outside of its objects, who of the control plane passes, and what stays open.
 * "human" (lines of at most 100 columns), "markdown" (a document) or "json" (one object:
 * {"policies": [{"name", "locks": [{"kind", "name", "file", "line", "sentences", "outside", "closed", "passing",
 * "open"}], "grants"}]}). NULL before KLOCK_OK, for another format, and when memory runs out. */
KLOCK_API const char *klock_description(struct klock_compiler *compiler, const char *format);

struct klock_test {
    size_t size; /* sizeof(struct klock_test) */
    const char *policy, *title;
    const char *file;
    unsigned line; /* of the expectation, from 1 */
    size_t step;   /* number of the request within its test, from 1 */
    bool passed;
    const char *expected, *actual; /* "denied by lockred (guard namespace)" */
    const char *reason;            /* what decides where the two differ, a line for each lock; "" where they agree */
};

/* One for each expectation of the policy's tests; judged without a cluster, when it is first asked about. */
KLOCK_API size_t klock_test_count(const struct klock_compiler *compiler);
/* As klock_diagnostic_at; false also when memory runs out. */
KLOCK_API bool klock_test_at(struct klock_compiler *compiler, size_t index, struct klock_test *ret_test);
/* The same as JSON, requests and decisions included, for other judges: {"cases": [...]}. NULL before KLOCK_OK and when
 * memory runs out. */
KLOCK_API const char *klock_test_cases(struct klock_compiler *compiler);

/* The same as a test of another program, which asks a cluster: "chainsaw", a document of chainsaw.kyverno.io/v1alpha1
 * for a file chainsaw-test.yaml, which brings the policies with it. *ret_asked is how many expectations it asks about,
 * and *ret_left_out how many it cannot; a comment on each of those says why. "" when there is nothing that it can ask.
 * NULL before KLOCK_OK, for another form, when a test fails, and when memory runs out. */
KLOCK_API const char *klock_test_export(struct klock_compiler *compiler, const char *form, size_t *ret_asked,
                                        size_t *ret_left_out);

/* Judges requests by the policies: `len` bytes of JSON, one request or a list of them, each with every key that the
 * requests of klock_test_cases have, so that nothing is guessed; null where there is no object. Gives the list of
 * decisions as JSON, in the same order: {"verdict": "allowed", "warned" or "denied", "locks": [...], ...}.
 *
 * It never gives a decision that no policy stands behind. NULL, and the reason in *ret_error, before klock_compile,
 * when that did not say KLOCK_OK, when nothing was added, and when a request cannot be read; NULL and a NULL reason
 * when memory runs out. ret_error may be NULL. */
KLOCK_API const char *klock_decide(struct klock_compiler *compiler, const char *json, size_t len,
                                   const char **ret_error);

#ifdef __cplusplus
}
#endif

#endif
