// Certificates as files hold them: PEM, base64, and of X.509 the one field that a policy asks for.
#ifndef KLOCK_PEM_H
#define KLOCK_PEM_H

#include <stdbool.h>
#include <stddef.h>

struct arena;

enum pem_problem {
    PEM_FINE,
    PEM_EMPTY,       // there is no certificate
    PEM_PRIVATE_KEY, // there is a key that nobody else may see
    PEM_OTHER,       // there is something else: `label` says what
    PEM_BROKEN,      // a block that does not end, is no base64, or holds no certificate
};

struct pem {
    const char *label; // of PEM_OTHER
    const char *text;  // the certificates alone, with lines of 64 characters
    size_t count;
    const char *until; // the day on which the first of them is over: "2026-11-29"
};

// Reads certificates. Nothing of a private key is kept.
enum pem_problem pem_read(struct arena *arena, const char *bytes, size_t len, struct pem *ret_pem);

const char *base64_encode(struct arena *arena, const char *bytes, size_t len);
// Blanks and line ends are passed over. NULL when it is no base64.
const char *base64_decode(struct arena *arena, const char *text, size_t len, size_t *ret_len);

#endif
