// Names that are put together.
#ifndef KLOCK_NAMES_H
#define KLOCK_NAMES_H

#include <stddef.h>

struct arena;

// What a Namespace says of its tenant: whose it is; and, a line each, who that is: "group NAME", "user NAME".
#define NAMES_TENANT "klock.dev/tenant"
#define NAMES_TENANT_MEMBERS "klock.dev/tenant-members"

// A name is put together from words of ours and texts of the user's, and different parts have to give different names,
// also where they are compiled apart. So each text is written in a way that leaves marks to us, and can be read back.

// Between the words of ours and a text, in names of objects: two hyphens, which no text has once it is written.
#define NAMES_MARK "--"
// A text as part of an object's name: policies, resources and label keys stay as they are, but for what could be taken
// for a mark or is not allowed there, which is written as three hyphens and two digits.
const char *names_part(struct arena *arena, const char *text);
// A text as part of an identifier, in camel case: `tier-new` is tierNew, and everything else that is neither a
// lower-case letter nor a digit is written as an underscore and two hexadecimal digits. So an underscore before another
// letter is left to us. There are never two in a row, which API servers would escape.
const char *names_identifier(struct arena *arena, const char *text);
// The name, or one of at most that many bytes that is cut and ends in the mark and a hash of the whole.
const char *names_fitting(struct arena *arena, const char *name, size_t limit, const char *mark);
// The name of an object.
const char *names_of_object(struct arena *arena, const char *name);
// The name of a role that is emitted for a policy: of a grant, or of what `may VERB` asks on a lock. Names of policies
// have neither of the marks, verbs have no colon.
const char *names_of_grant(struct arena *arena, const char *policy, const char *grant);
// The name of what binds a role that is there. Bindings cannot change their role, so another role is another binding.
const char *names_of_binding(struct arena *arena, const char *policy, const char *role, const char *grant);
const char *names_of_verb(struct arena *arena, const char *policy, const char *verb, const char *lock);
// The value of the label klock.dev/policy.
const char *names_of_label(struct arena *arena, const char *policy);

#endif
