// What is known of a formula before a request is there: by whom it will be made, and little else.
#ifndef KLOCK_KNOWN_H
#define KLOCK_KNOWN_H

#include "policy/formula.h"

enum known { KNOWN_FALSE, KNOWN_MAYBE, KNOWN_TRUE };

// KNOWN_TRUE or KNOWN_FALSE.
enum known known_bool(bool holds);

// Of a connective by its operands, of everything else what `ask` says.
typedef enum known known_asker(const void *context, const struct formula *atom);
enum known known_of(const struct formula *expr, known_asker *ask, const void *context);

struct identity {
    struct arena *arena; // for regular expressions
    const char *user;
    const char *const *groups; // ends with NULL
};
// Of what is asked of the requester's name and groups; KNOWN_MAYBE of everything else. It is a known_asker, too.
enum known known_of_identity(const void *identity, const struct formula *atom);

#endif
