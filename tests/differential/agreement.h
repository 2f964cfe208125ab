// Whether what a policy says of a request, by decide, is what an API server answers to it, given the emitted objects.
#ifndef KLOCK_AGREEMENT_H
#define KLOCK_AGREEMENT_H

#include "admission/admission.h"
#include "decide/decide.h"

struct compilation;
struct value;

// The objects of a compilation, printed as YAML and read back; NULL and the reason when an API server would refuse
// them.
struct admission *agreement_read(struct arena *arena, const struct compilation *compilation, const char **ret_error);

// The objects of a manifest that is given as YAML, as a server of that minor (30 for 1.30) would take them.
struct admission *agreement_read_text(struct arena *arena, const char *manifest, unsigned minor,
                                      const char **ret_error);

// Asks under every name by which the request can be asked, and of an object beside the one that it is about. Gives the
// answer to the request as it is; and what is different, or NULL. The decision is NULL where nobody decided: then only
// those answers are compared.
const char *agreement_problem(struct arena *arena, const struct admission *admission, const struct request *request,
                              const struct decision *decision, struct admission_answer *ret_answer);

// The answer as JSON.
struct value *agreement_answer_json(struct arena *arena, const struct admission_answer *answer);

#endif
