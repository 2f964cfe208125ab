// Objects of Kubernetes in documents: Lists, as kubectl prints them, are taken apart.
#ifndef KLOCK_OBJECTS_H
#define KLOCK_OBJECTS_H

struct arena;
struct value;

// Of version and kind, those that the object says, or that its list says for it: API servers list objects of one kind
// without them. "" where neither does.
typedef void objects_visit(void *context, const struct value *object, const char *version, const char *kind);

// Visits the object that the value is, or each of the List that it is, in order. Nothing is visited of a null.
void objects_each(struct arena *arena, const struct value *document, objects_visit *visit, void *context);

#endif
