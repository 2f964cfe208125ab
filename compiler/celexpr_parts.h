// What the parts of the evaluator share.
#ifndef KLOCK_CELEXPR_PARTS_H
#define KLOCK_CELEXPR_PARTS_H

#include "celexpr_tree.h"

struct cel_env;
struct text;

typedef struct cel_value val;

struct evaluation {
    const struct cel_env *env;
    struct arena *arena; // of what is made
    const struct frame *frame;
    size_t steps;
};

// ---- celexpr_eval.c ----

// False when the evaluation has run for too long; then its result is cel_too_long.
bool cel_spend(struct evaluation *e, size_t steps);
val cel_too_long(void);

// ---- celexpr_value.c: a failure is a value of the kind error ----

val val_error(const char *text);
val val_no_overload(void);
val val_of_bool(bool boolean);
val val_of_int(int64_t integer);
val val_of_uint(uint64_t natural);
val val_of_double(double number);
// The bytes are not copied.
val val_of_string(const char *bytes, size_t len);
val val_of_text(const struct text *text);
// NULL is null. Lists and maps stay where they are.
val val_of_data(const struct value *data);
bool val_is_number(val v);

void val_push(struct evaluation *e, val *list, val item);
size_t val_list_count(val list);
val val_list_item(val list, size_t i);
size_t val_map_count(val map);
val val_map_key(val map, size_t i);
val val_map_value(val map, size_t i);
bool val_map_find(struct evaluation *e, val map, val key, val *ret_value);

bool val_same_text(struct cel_string a, struct cel_string b);
bool val_equal(struct evaluation *e, val a, val b);
// -1, 0 or 1; false when the two have no order.
bool val_compare(val a, val b, int *ret_order);
// A number as an index; false when it is none or not whole.
bool val_to_index(val v, int64_t *ret_index);

// The operators < <= > >=, + - * / %, and the minus sign.
val val_ordered(enum cel_function function, val a, val b);
val val_arithmetic(struct evaluation *e, enum cel_function function, val a, val b);
val val_negate(val v);
val val_convert(struct evaluation *e, enum cel_function function, val v);

// ---- celexpr_functions.c ----

// Calls of functions whose first argument is a string, or a list.
val cel_call_string(struct evaluation *e, const struct cel_node *node, const val *args, size_t count);
val cel_call_list(struct evaluation *e, const struct cel_node *node, const val *args, size_t count);

#endif
