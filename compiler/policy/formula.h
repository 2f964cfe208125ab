// Formulas: what a lock asks of objects and requesters, as a tree of connectives and atoms without any sugar. `decide`
// evaluates them, and the emitter says them in CEL. All live in an arena, and none is changed once it is part of a
// lock.
#ifndef KLOCK_FORMULA_H
#define KLOCK_FORMULA_H

#include <stdbool.h>
#include <stddef.h>

#include "base/span.h"

struct arena;
struct cel_expr;
struct regex;
struct text;
struct value;

// Which state of the object an atom reads. SELF is the state that decides membership: the stored object for UPDATE and
// DELETE, the new one for CREATE; `require` and the label guard read the same formula with SELF being the new object.
enum state { STATE_SELF, STATE_OLD, STATE_NEW };

enum formula_kind {
    FORMULA_TRUE,
    FORMULA_FALSE,
    FORMULA_AND, // operands
    FORMULA_OR,
    FORMULA_NOT,
    FORMULA_LABEL,           // the label `key`
    FORMULA_ANNOTATION,      // the annotation `key`
    FORMULA_NAME,            // the object's own name
    FORMULA_NAMESPACE,       // the request's namespace; "" for cluster-scoped objects
    FORMULA_NAMESPACE_LABEL, // the label `key` of the request's namespace
    FORMULA_FIELD,           // the value at `path` below the object or a variable
    FORMULA_USER,
    FORMULA_UID,
    FORMULA_GROUP,     // one of the requester's groups is values[0], is what operands[0] reads, or matches
    FORMULA_MAY,       // the requester passes an authorizer check of the verb `key` on the lock
    FORMULA_TENANT,    // the requester is one of the tenant's that the namespace is of: what the annotation `key` of it
                       // says in lines such as "group NAME" and "user NAME"
    FORMULA_EXTRA,     // values[0] is one of the requester's extra values for `key`
    FORMULA_RESOURCE,  // the resource is one of `values`: "pods", "deployments.apps"
    FORMULA_OPERATION, // the operation is one of `operations`
    FORMULA_ANY,       // some element of the list at `path` satisfies operands[0]
    FORMULA_ALL,       // every element does; true when there is no list
    FORMULA_CEL,
    FORMULA_LABEL_KEY, // some label: its key
    FORMULA_ANNOTATION_KEY,
    FORMULA_SOURCE_SELECTS, // the labels are those that the ConfigMap asks for which is the lock; it has the label
                            // `key`
    FORMULA_IS_SOURCE,      // the object is a ConfigMap that a lock can be read from; operands: what that reads
    // On the other side of a comparison alone:
    FORMULA_TEXT, // the text values[0]
    FORMULA_JOIN, // what the operands read, one behind the other; absent where one of them is absent or empty
};

// What is asked of the text or value an atom reads. All are false when it is absent.
enum comparison {
    CMP_EXISTS,
    CMP_IN, // equals one of `values`
    CMP_LT, // compared with values[0]: numbers with numbers, text with text by bytes, anything else is false; labels,
            // annotations and names are compared with a number when they are integers, as selectors do
    CMP_LE,
    CMP_GT,
    CMP_GE,
    CMP_MATCHES,  // text matched by the RE2 pattern values[0]
    CMP_CONTAINS, // text with values[0] in it, or a list with an element equal to it
    CMP_EQ,       // equals the one that it is compared with: the quantity values[0], or what operands[0] reads
};

struct segment {
    const char *key;           // NULL: each element of a list
    const struct regex *regex; // of labels and annotations: the keys that it matches; `key` is what was written
    const char *pattern;       // the same as text
};

struct field_path {
    int variable; // index of the any/all variable it starts at, counted from the outermost; -1: the object
    const struct segment *segments;
    size_t count;
};

// An atom compares with `values`, or with what the atom operands[0] reads; between two readings CMP_EQ, the orders and
// CMP_CONTAINS may stand. Texts are equal as they are; a text and a field are equal when the field is this text, or a
// whole number or boolean that is written so; two fields as CEL has it. Orders of two readings are those of quantities.
struct formula {
    enum formula_kind kind;
    struct span span; // of what it was written as; all zero for what nobody wrote
    enum state state;
    enum comparison compare;
    const char *key;
    struct field_path path;
    const struct value **values; // scalars
    size_t value_count;
    unsigned operations;
    const struct regex *regex;  // CMP_MATCHES
    const struct cel_expr *cel; // FORMULA_CEL; key is what it is called in descriptions, if it has a name
    struct formula **operands; // of a connective, the body of FORMULA_ANY and FORMULA_ALL, or the other side of an atom
    size_t operand_count;
    bool quantity;     // values[0] is a quantity, and what is read is compared with it as one
    bool is_text;      // FORMULA_FIELD: nothing but text is there, which is tested as that of a label
    bool not_system;   // FORMULA_JOIN: absent where it begins with system:
    bool not_of_node;  // FORMULA_LABEL_KEY: but for kube_node_labels, which the API server puts into bindings
    bool reads_stored; // the label guard reads it in the stored state: a field below `status`, which controllers move,
                       // and what `unless` reads, which is there to be changed
};

// ---- constructors ----

struct formula *formula_new(struct arena *arena, enum formula_kind kind);
// The conjunction or disjunction, flattened; a is NULL for none.
struct formula *formula_and(struct arena *arena, struct formula *a, struct formula *b);
struct formula *formula_or(struct arena *arena, struct formula *a, struct formula *b);
// Adds what the chain, a conjunction or disjunction, joins; the operands of a chain of its own kind by themselves.
void formula_add_operand(struct arena *arena, struct formula *chain, struct formula *operand);
struct formula *formula_not(struct arena *arena, struct formula *operand);
// An atom that holds when what `kind` reads is this text.
struct formula *formula_is(struct arena *arena, enum formula_kind kind, const char *key, const char *text);

// ---- copies ----

// The formula and all its parts again; NULL for NULL.
struct formula *formula_copy(struct arena *arena, const struct formula *expr);
// The formula with its parts changed, from the innermost out: `change` is given a copy of each part, whose operands are
// changed already, and gives what stands in its place. NULL from it makes the whole NULL.
typedef struct formula *formula_change(struct arena *arena, struct formula *part, const void *context);
struct formula *formula_map(struct arena *arena, const struct formula *expr, formula_change *change,
                            const void *context);
// The formula about the labels of a namespace, asked of the Namespace itself.
struct formula *formula_of_namespace(struct arena *arena, const struct formula *expr);

// ---- text ----

// Writes the formula so that two have the same text exactly when they are built alike: to compare them, and to find
// them in a map. The skeleton leaves the constants out, and tells only whether all of them are texts.
enum formula_detail { FORMULA_SKELETON, FORMULA_WHOLE };
void formula_print(struct text *text, const struct formula *expr, enum formula_detail detail);
// The same for a path.
void path_print(struct text *text, const struct field_path *path);

// ---- questions ----

// Whether some part of the formula satisfies the predicate, the other sides of comparisons included: all that a formula
// reads is found so. False for NULL.
bool formula_any(const struct formula *expr, bool (*is)(const struct formula *part));
// What some part of the formula reads, as formula_reads bits.
enum {
    READS_LABELS = 1,
    READS_ANNOTATIONS = 2,
    READS_FIELDS = 4, // below metadata as well
    READS_NAME = 8,   // of the object
    READS_NAMESPACE = 16,
    READS_REQUESTER = 32,
    READS_OPERATION = 64,
    READS_CEL = 128, // whatever it names
    READS_OLD = 256, // something as it was, by that word
    READS_NEW = 512,
};
unsigned formula_reads(const struct formula *expr);
// Whether all constants of the atom are texts.
bool formula_has_texts(const struct formula *expr);
// Whether some name in it is put together from what is read.
bool formula_is_computed(const struct formula *expr);
// Whether it is an atom whose other side is read as well.
bool formula_compares_readings(const struct formula *expr);
// Whether the formula asks nothing but labels, and the requester; labels are what templates hand on.
bool formula_is_by_labels(const struct formula *expr);

// Whether a selector of the API server says all of it, with its requirements on labels.
bool formula_is_selector(const struct formula *formula);

// Whether written CEL is part of the formula; false for NULL.
bool formula_has_cel(const struct formula *expr);

// Whether the formula reads nothing of the object but its name, so that the request's name is enough.
bool formula_needs_name_only(const struct formula *expr);

// Whether the formula reads no state of the object that an UPDATE could change, so that it can never cease to hold.
bool formula_is_immutable(const struct formula *expr);

// The parts of a requirement, each of which must hold.
size_t formula_part_count(const struct formula *requirement);
const struct formula *formula_part(const struct formula *requirement, size_t index);

// Whether the part is about what objects are. Where the lock ratchets, an update that breaks it is refused only if it
// changes something that the part reads of the object. Other parts are about the request: they compare with the old
// object, or ask only who does what, and are held against every update.
bool formula_ratchets(const struct formula *part);
// Whether the part reads a field that a write to scale changes.
bool formula_reads_replicas(const struct formula *part);
// The number of authorizer checks in the formula.
size_t formula_count_checks(const struct formula *expr);
bool path_is_replicas(const struct field_path *path); // spec.replicas itself
bool path_is_metadata(const struct field_path *path); // metadata itself or something below it

#endif
