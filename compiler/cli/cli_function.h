// What the files of `klockc fn` and `klockc post-render` share: what a KlockPolicy asks for, the results that are said
// about it, and objects of policies among what is given.
#ifndef KLOCK_CLI_FUNCTION_H
#define KLOCK_CLI_FUNCTION_H

#include "cli/cli_buffer.h"
#include "cli/cli_items.h"
#include <klock/klock.h>

struct text;
struct value;

#define KLOCK_POLICY_VERSION "klock.dev/v1alpha1"
#define KLOCK_POLICY_KIND "KlockPolicy"

enum function_role { AS_GENERATOR, AS_TRANSFORMER, AS_VALIDATOR };

// The spec of a KlockPolicy.
struct function_config {
    const char *name;
    const char *path; // the file it is in, if that is said; NULL otherwise
    enum function_role role;
    const char **files; // paths of files and directories
    size_t file_count;
    const char *source; // NULL where there are files
    unsigned kubernetes_minor;
    enum klock_target target;
    enum klock_controllers controllers;
    const char *date;
    bool warnings_as_errors;
};

struct function {
    struct arena *arena;
    struct function_config config;
    struct items items;
    struct value *results;
    size_t errors; // among the results
    // The definitions among the items as a file of their own; empty if there are none.
    struct buffer definitions;
    struct defined {
        const struct item *item;
        unsigned line; // its first one in that file
    } * defined;
    size_t defined_count;
};

// One result. What is NULL or 0 is left out.
struct result {
    bool is_warning;
    const char *message;
    const char *field;       // of the KlockPolicy
    const char *file;        // that it is about
    const char *code;        // of a diagnostic
    unsigned line, column;   // in the file
    const struct item *item; // that it is about, in the place of the KlockPolicy
};
void function_add_result(struct function *function, const struct result *result);
// A line on standard error.
void function_say(struct function *function, const char *message);
// An error about a field of the KlockPolicy, which is said on standard error as well. Gives false.
bool function_refuse(struct function *function, const char *field, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

// cli_function_config.c
// Reads the KlockPolicy, which messages call `place` where it is something else; false when it has errors, which are
// results then.
bool function_read_config(struct function *function, const struct value *object, const char *place);

// cli_function_policy.c
// Compiles what the KlockPolicy names, with the definitions among the items; the diagnostics become results. NULL when
// there is nothing to compile.
struct klock_compiler *function_compile(struct function *function, enum klock_status *ret_status);
void function_test(struct function *function, struct klock_compiler *compiler);

// cli_function_objects.c
// Whether the item is an object of the policies that were compiled, and whether it is that object.
bool function_owns(struct function *function, const struct item *item, struct klock_compiler *compiler);
bool function_is_same(const struct item *item, const struct value *object);
// Of an object of policies: whether expressions may name it, where nobody can rewrite that.
bool function_is_named(const struct item *item);
// An error about one of the items.
void function_refuse_item(struct function *function, const struct item *item, const char *why);
// The objects that were compiled.
struct value *function_objects(struct function *function, struct klock_compiler *compiler);
// Whether none of the objects is there already as somebody else's, which would be there twice; what is, is an error.
bool function_check_others(struct function *function, struct klock_compiler *compiler, const struct value *objects);
// Replaces those of the objects that are among the items, removes what is left over there, and gives those that are
// new.
struct value *function_replace(struct function *function, struct klock_compiler *compiler, struct value *objects);
// Reads standard input; false after saying that it cannot be read, and a reason where there is too much of it.
bool function_read_input(struct buffer *bytes, const char **ret_error);
// The text of the items and what is added; what cannot be read back is taken back.
void function_print_items(struct function *function, const struct value *added, struct text *ret_text);

#endif
