// What the parts of the evaluator share.
#ifndef KLOCK_CEL_INTERNAL_H
#define KLOCK_CEL_INTERNAL_H

#include "cel/cel_tree.h"

struct cel_env;
struct text;

typedef struct cel_value val;

// What the variables of a macro stand for.
struct frame {
    const struct cel_node *binder;
    val first, second;
    uint64_t *unread_cost; // of the first variable, counted when it is first read; NULL if there is none
    const struct frame *outer;
};

struct evaluation {
    const struct cel_env *env;
    struct arena *arena; // of what is made
    const struct frame *frame;
    size_t steps;
    uint64_t cost;                           // of the expression so far, without its definitions
    uint64_t whole_cost;                     // of the last whole expression
    uint64_t definitions_cost, dearest_cost; // of the definitions that were read, and of the dearest whole expression
    unsigned minor;                          // the oldest server
    unsigned newest;                         // the newest that costs are counted for
    const char *zone_name;                   // the time zone that was asked for last
    const struct zone *zone;
};

// ---- cel_eval.c ----

// False when the evaluation has run for too long or costs too much; then its result is cel_too_long.
bool cel_spend(struct evaluation *e, size_t steps);
val cel_too_long(void);
// Adds to what API servers count.
void cel_charge(struct evaluation *e, uint64_t cost);
// Where the servers that the expression is for do not agree.
val cel_differs(void);
val cel_evaluate_node(struct evaluation *e, const struct cel_node *node);
// The same, where names and chains of fields cost nothing for themselves: a branch of a conditional, an index, the root
// of a chain.
val cel_evaluate_part(struct evaluation *e, const struct cel_node *node);
// An expression of its own, whose cost has a limit of its own and is whole_cost afterwards.
val cel_evaluate_whole(struct evaluation *e, const struct cel_node *root);

// ---- cel_cost.c ----

// What the call costs that came to the result; arguments may be errors.
uint64_t cel_call_cost(const struct evaluation *e, const struct cel_node *node, const val *args, size_t count,
                       val result);

// ---- cel_access.c: fields and indices, and chains of them ----

val cel_access(struct evaluation *e, const struct cel_node *node);
// Charges for a name or a chain of fields besides what each field costs.
void cel_charge_attribute(struct evaluation *e, const struct cel_node *node);
val cel_has_field(struct evaluation *e, const struct cel_node *node);

// ---- cel_authorizer.c ----

// Copied at every step, as values do not change.
struct cel_authorization {
    enum cel_authorization_stage stage;
    struct cel_access_review review;
    bool allowed; // of a decision
};

val cel_authorizer_value(struct evaluation *e);

// ---- cel_compose.c ----

// What a definition of the policy evaluates to.
val cel_definition_value(struct evaluation *e, const struct cel_node *node);

// ---- cel_fold.c: macros ----

val cel_fold(struct evaluation *e, const struct cel_node *node);

// ---- cel_value.c: a failure is a value of the kind error ----

val val_error(const char *text);
val val_no_overload(void);
val val_of_bool(bool boolean);
val val_of_int(int64_t integer);
val val_of_uint(uint64_t natural);
val val_of_double(double number);
// The bytes are not copied.
val val_of_string(const char *bytes, size_t len);
val val_of_text(const struct text *text);
val val_of_bytes(const char *bytes, size_t len);
val val_of_duration(int64_t nanos);
// An optional of the value, or without one.
val val_some(struct evaluation *e, val inner);
val val_none(void);
// NULL is null. Lists and maps stay where they are.
val val_of_data(const struct value *data);
bool val_is_number(val v);

void val_push(struct evaluation *e, val *list, val item);
// A key that comes again replaces the value, unless it is a number of another kind.
void val_set(struct evaluation *e, val *map, val key, val value);
void val_remove(struct evaluation *e, val *map, val key);
size_t val_list_count(val list);
val val_list_item(val list, size_t i);
size_t val_map_count(val map);
val val_map_key(val map, size_t i);
val val_map_value(val map, size_t i);
bool val_map_find(struct evaluation *e, val map, val key, val *ret_value);

// Of strings and bytes; -1, 0 or 1.
int val_compare_text(struct cel_string a, struct cel_string b);
bool val_same_text(struct cel_string a, struct cel_string b);
bool val_text_is(struct cel_string a, const char *b);
bool val_equal(struct evaluation *e, val a, val b);
// Kubernetes' own types compare with nothing else: an error, which is no difference within lists and maps.
bool val_have_no_equality(val a, val b);
// -1, 0 or 1; false when the two have no order.
bool val_compare(val a, val b, int *ret_order);
// A number as an index; false when it is none or not whole.
bool val_to_index(val v, int64_t *ret_index);

// The operators < <= > >=, + - * / %, and the minus sign.
val val_ordered(enum cel_function function, val a, val b);
val val_arithmetic(struct evaluation *e, enum cel_function function, val a, val b);
val val_negate(val v);

// ---- cel_named.c ----

// How long the API server takes the format's pattern to be.
size_t cel_format_pattern_size(size_t format);

// ---- cel_convert.c ----

val val_convert(struct evaluation *e, enum cel_function function, val v);
// The type's name, as string(type(v)) has it.
const char *val_kind_name(enum cel_kind kind);

// ---- cel_time.c ----

val val_time_arithmetic(enum cel_function function, val a, val b);
val val_parse_time(struct cel_string text);
val val_parse_duration(struct cel_string text);
val val_time_of_seconds(int64_t seconds);
val val_print_time(struct evaluation *e, struct cel_time time);
val val_print_duration(struct evaluation *e, int64_t nanos);

// ---- cel_quantity.c, cel_semver.c, cel_url.c, cel_address.c ----

int val_compare_quantities(struct evaluation *e, const struct cel_quantity *a, const struct cel_quantity *b);
int val_compare_semvers(const struct cel_semver *a, const struct cel_semver *b);
bool val_equal_urls(struct evaluation *e, const struct cel_url *a, const struct cel_url *b);
// *ret_differs where releases differ.
bool val_is_request_uri(struct evaluation *e, struct cel_string text, bool *ret_differs);
bool val_equal_addresses(struct cel_address a, struct cel_address b);
val val_print_address(struct evaluation *e, val v);

// ---- functions, as cel_functions.def has them; no argument is an error ----

typedef val cel_implementation(struct evaluation *e, const struct cel_node *node, const val *args, size_t count);

cel_implementation cel_call_lazily, cel_call_not, cel_call_negate, cel_call_equal, cel_call_order, cel_call_arithmetic,
    cel_call_in, cel_call_size, cel_call_type, cel_call_convert, cel_call_string, cel_call_index_of, cel_call_list,
    cel_call_time, cel_call_optional, cel_call_optional_list, cel_call_format, cel_call_find, cel_call_sets,
    cel_call_new_list, cel_call_sort, cel_call_includes, cel_call_quantity, cel_call_compare, cel_call_semver,
    cel_call_url, cel_call_address, cel_call_named_format, cel_call_authorizer, cel_call_decision;

// The list in the order of the keys, which are as many.
val cel_sort(struct evaluation *e, val list, val keys);

#endif
