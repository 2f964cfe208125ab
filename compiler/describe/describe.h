// What policies do, in sentences for those who review them. Reads the resolved policies and the warnings that were
// accepted, and nothing that is emitted.
#ifndef KLOCK_DESCRIBE_H
#define KLOCK_DESCRIBE_H

#include <stdbool.h>

struct diags;
struct lock;
struct policies;
struct reason;
struct request;
struct sources;
struct text;

// Appends the description of all policies: "human" (lines of at most 100 columns where words allow it), "markdown" (a
// document with a heading for each policy) or "json" (one object, with a newline behind it). False for another format.
bool describe(struct text *text, const struct policies *policies, const struct diags *diags,
              const struct sources *sources, const char *format);

// Appends the sentence of one lock, without line breaks: "Only user alice may delete secrets in namespace shop."
void describe_lock(struct text *text, const struct lock *lock);

// Appends what decides about the request under the lock, without line breaks: "lock 'red' denies delete, …".
void describe_reason(struct text *text, const struct lock *lock, const struct request *request,
                     const struct reason *reason);

#endif
