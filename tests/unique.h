// What is in a manifest twice although it may be there once. It reads YAML, of which JSON is a part, event by event,
// and shares no code with the compiler, which looks for the same before it writes.
#ifndef KLOCK_TEST_UNIQUE_H
#define KLOCK_TEST_UNIQUE_H

#include <stdbool.h>
#include <stddef.h>

// Whether objects (kind, namespace, name), keys of every mapping, and the names of the variables, match conditions and
// audit annotations of a policy are there once each. If not, or if the text cannot be read, says in `why` what is
// wrong.
bool unique_check(const char *text, size_t len, char *why, size_t room);

#endif
