/* klock: compiles policies of locks, actors and grants into Kubernetes admission control and RBAC.
 *
 * The library prints nothing, never exits and keeps no global state. A compiler is used by one thread at a time;
 * several compilers are independent. Every text it gives out is UTF-8, NUL-terminated, and lives until klock_free. */
#ifndef KLOCK_KLOCK_H
#define KLOCK_KLOCK_H

#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

#define KLOCK_API __attribute__((visibility("default")))

#define KLOCK_VERSION_MAJOR 0
#define KLOCK_VERSION_MINOR 1
#define KLOCK_VERSION_PATCH 0

/* "0.1.0" */
KLOCK_API const char *klock_version(void);
// Whether the text is a day of the calendar, YYYY-MM-DD, as options and policies take one.
KLOCK_API bool klock_is_day(const char *text);

struct klock_compiler;

enum klock_target {
    KLOCK_TARGET_API,    /* objects for the API server: kubectl apply */
    KLOCK_TARGET_STATIC, /* files for staticManifestsDir of the API server, from 1.36 */
};

struct klock_options {
    unsigned kubernetes_minor; /* the oldest server the output must run on, 30 for 1.30; 0 for the target's oldest */
    enum klock_target target;
    const char *date; /* YYYY-MM-DD for locks with `active`; NULL if none */
    const char *root; /* directory that includes may not leave; NULL for the directory of each file that is added */
    bool warnings_as_errors;
};

/* The options are copied; NULL gives the defaults. NULL when memory runs out. */
KLOCK_API struct klock_compiler *klock_new(const struct klock_options *options);
KLOCK_API void klock_free(struct klock_compiler *compiler);

/* Adds a policy file. What it includes is read while compiling. A file that cannot be read is a diagnostic, and
 * klock_compile says KLOCK_INPUT. */
KLOCK_API void klock_add_file(struct klock_compiler *compiler, const char *path);
/* Adds a text under the name that messages show; its includes are looked for beside that name. The bytes are copied. */
KLOCK_API void klock_add_buffer(struct klock_compiler *compiler, const char *name, const char *bytes, size_t len);

enum klock_status {
    KLOCK_OK,       /* there is output; there may be warnings */
    KLOCK_ERRORS,   /* the policy has errors: there is no output */
    KLOCK_INPUT,    /* something could not be read */
    KLOCK_INTERNAL, /* klock itself is at fault, as a diagnostic says: there is no output */
    KLOCK_MEMORY,   /* memory ran out: nothing but klock_free is of use */
};

/* Compiles what was added, once: a second call gives the same status, and what is added behind the first is a
 * diagnostic, after which there is neither output nor a decision. */
KLOCK_API enum klock_status klock_compile(struct klock_compiler *compiler);

/* ---- diagnostics ---- */

struct klock_diagnostic {
    const char *code, *name; /* "K0101", "unknown-name" */
    bool is_error;
    const char *message;
    const char *file;      /* NULL when it belongs to no place */
    unsigned line, column; /* from 1; columns count characters */
    const char *help;      /* NULL if none */
};

KLOCK_API size_t klock_diagnostic_count(const struct klock_compiler *compiler);
KLOCK_API struct klock_diagnostic klock_diagnostic_at(const struct klock_compiler *compiler, size_t index);

/* All diagnostics as one text: "human", "json", "sarif", "github" or "junit"; NULL for another format or when memory
 * runs out. */
KLOCK_API const char *klock_diagnostics_text(struct klock_compiler *compiler, const char *format, bool color);

/* What a code or name means; several lines; NULL when there is no such code. With NULL the list of all codes. */
KLOCK_API const char *klock_explain(struct klock_compiler *compiler, const char *code);

/* ---- output ---- */

struct klock_object {
    const char *kind, *namespace_, *name; /* namespace_ is "" for cluster-scoped objects */
    const char *file;                     /* name for a file of its own, unique in the output */
    const char *yaml;
    size_t len;
};

/* In the order in which they should be applied. */
KLOCK_API size_t klock_object_count(const struct klock_compiler *compiler);
KLOCK_API struct klock_object klock_object_at(const struct klock_compiler *compiler, size_t index);
/* All objects as one text: "yaml" (a stream) or "json" (a List); NULL as for klock_diagnostics_text. */
KLOCK_API const char *klock_output_text(struct klock_compiler *compiler, const char *format);
/* Objects that keep the API server from forgetting the parameters of policies while these are replaced, in the same
 * forms: for the kinds that what was compiled looks up, or, if nothing was added, for every built-in kind that can be
 * looked up. To be called after klock_compile; NULL when that found errors, or as for klock_diagnostics_text. */
KLOCK_API const char *klock_anchors(struct klock_compiler *compiler, const char *format);
/* The files that were read, includes among them. */
KLOCK_API size_t klock_source_count(const struct klock_compiler *compiler);
KLOCK_API const char *klock_source_at(const struct klock_compiler *compiler, size_t index);

/* ---- what the policy means ---- */

enum klock_verdict { KLOCK_ALLOWED, KLOCK_WARNED, KLOCK_DENIED };

struct klock_test {
    const char *policy, *title;
    const char *file;
    unsigned line; /* of the expectation */
    size_t step;   /* number of the request within its test, from 1 */
    bool passed;
    const char *expected, *actual; /* "denied by lockred" */
};

/* One for each expectation of the policy's tests; judged without a cluster. */
KLOCK_API size_t klock_test_count(const struct klock_compiler *compiler);
KLOCK_API struct klock_test klock_test_at(const struct klock_compiler *compiler, size_t index);
/* The same as JSON, requests and decisions included, for other judges; NULL when memory runs out. */
KLOCK_API const char *klock_test_cases(struct klock_compiler *compiler);

/* Judges requests given as JSON: one request as klock_test_cases prints it, or a list of them. Gives a list of
 * decisions as JSON; NULL before klock_compile, when the policy has errors, or when the request cannot be read
 * (*ret_error says why), or when memory runs out (*ret_error is NULL). */
KLOCK_API const char *klock_decide(struct klock_compiler *compiler, const char *json, size_t len,
                                   const char **ret_error);

#ifdef __cplusplus
}
#endif

#endif
