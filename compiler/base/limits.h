// Every hard limit, with its reason.
#ifndef KLOCK_LIMITS_H
#define KLOCK_LIMITS_H

enum {
    // Ours: nothing that a person or a generator writes comes near, and no pass can run out of stack or of memory.
    LIMIT_SOURCE_BYTES = 64 * 1024 * 1024,
    LIMIT_EXPR_DEPTH = 100,
    LIMIT_INCLUDE_DEPTH = 64,
    LIMIT_VALUE_DEPTH = 500, // of JSON and YAML that is read
    // Of all locks that guards and sealed actors add to a policy, each with its actors counted: their product grows
    // with
    // the square of the source, and so would memory.
    LIMIT_DERIVED_ACTORS = 2 * 1024 * 1024,
    // Atoms and connectives of a lock's selection and conditions: with a third of them an expression is longer than the
    // API server takes.
    LIMIT_FORMULA_PARTS = 4000,

    // The API server's: CEL's parser (expression size, recursion), apimachinery's validation (names, labels).
    LIMIT_CEL_CODE_POINTS = 100000,
    LIMIT_NAME = 253,
    LIMIT_DNS_LABEL = 63,
    LIMIT_LABEL_NAME = 63,
    LIMIT_LABEL_PREFIX = 253,
    LIMIT_ANNOTATIONS = 250 * 1024, // all of an object's: 256 KiB, of which some are those of tools
    LIMIT_MESSAGE_BYTES = 5120,     // an evaluated message beyond 5 KiB is replaced by the static one

    // etcd takes 1.5 MiB a request; managedFields and the last-applied annotation need room beside the object.
    LIMIT_OBJECT_BYTES = 1024 * 1024,
};

#endif
