// Kubernetes' quantities in CEL: read, compared and reckoned with as resource.Quantity does it. That keeps what is
// short as a 64-bit integer with a power of ten, and all else as a decimal of any length, and asInteger() can tell them
// apart.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/text.h"
#include "cel/cel_internal.h"

enum {
    NANO = -9,
    FAST_DIGITS = 18, // that fit into 64 bits whatever they are
    MAX_SCALE = 2000, // beyond it klockc gives up; the API server may be busy for minutes
};

// The digits, without zeros in front and as a number, are divided by ten to the power of `scale`.
struct decimal {
    bool negative;
    const unsigned char *digits;
    size_t count;
    int64_t scale;
};

struct cel_quantity {
    bool is_fast;
    int64_t value; // times ten to the power of `exponent`
    int32_t exponent;
    struct decimal decimal;
};

static val too_large(void) {
    return val_error("klockc does not evaluate a quantity of this size or precision");
}

// ---- decimals ----

static void strip(struct decimal *d) {
    while (d->count && d->digits[0] == 0) d->digits++, d->count--;
    if (!d->count) d->negative = false;
}

static struct decimal decimal_of(struct arena *arena, int64_t value, int64_t scale) {
    unsigned char *digits = arena_alloc(arena, 20);
    struct decimal d = {value < 0, digits, 20, scale};
    uint64_t rest = value < 0 ? -(uint64_t)value : (uint64_t)value;
    for (size_t i = 20; i-- > 0; rest /= 10) digits[i] = (unsigned char)(rest % 10);
    strip(&d);
    return d;
}

static struct decimal to_decimal(struct arena *arena, const struct cel_quantity *q) {
    return q->is_fast ? decimal_of(arena, q->value, -(int64_t)q->exponent) : q->decimal;
}

static int digit_at(const struct decimal *d, size_t i) {
    return i < d->count ? d->digits[i] : 0;
}

static int compare_sizes(const struct decimal *a, const struct decimal *b) {
    const int64_t a_places = (int64_t)a->count - a->scale, b_places = (int64_t)b->count - b->scale;
    if (!a->count || !b->count) return (a->count > 0) - (b->count > 0);
    if (a_places != b_places) return a_places < b_places ? -1 : 1;
    for (size_t i = 0; i < a->count || i < b->count; i++)
        if (digit_at(a, i) != digit_at(b, i)) return digit_at(a, i) < digit_at(b, i) ? -1 : 1;
    return 0;
}

static int compare_decimals(const struct decimal *a, const struct decimal *b) {
    if (a->negative != b->negative) return a->negative ? -1 : 1;
    return a->negative ? compare_sizes(b, a) : compare_sizes(a, b);
}

// With more decimals, or with fewer, rounded away from zero.
static struct decimal rescaled(struct arena *arena, struct decimal d, int64_t scale) {
    if (scale >= d.scale) {
        const size_t added = (size_t)(scale - d.scale);
        unsigned char *digits = arena_alloc(arena, d.count + added);
        if (d.count) memcpy(digits, d.digits, d.count);
        return (struct decimal){d.negative, digits, d.count ? d.count + added : 0, scale};
    }
    const size_t removed = (size_t)(d.scale - scale), kept = d.count > removed ? d.count - removed : 0;
    unsigned char *digits = arena_alloc(arena, kept + 1);
    if (kept) memcpy(digits + 1, d.digits, kept);
    bool rounds = false;
    for (size_t i = kept; i < d.count; i++) rounds = rounds || d.digits[i] != 0;
    for (size_t i = kept; rounds; i--) {
        rounds = digits[i] == 9;
        digits[i] = rounds ? 0 : (unsigned char)(digits[i] + 1);
    }
    struct decimal result = {d.negative, digits, kept + 1, scale};
    strip(&result);
    return result;
}

// Both have the same scale. The sizes are added, or the smaller one is taken away from the larger one.
static struct decimal combine(struct arena *arena, const struct decimal *large, const struct decimal *small, int sign) {
    const size_t count = large->count + 1;
    unsigned char *digits = arena_alloc(arena, count);
    int carry = 0;
    for (size_t i = 0; i < count; i++) {
        const int a = i < large->count ? large->digits[large->count - 1 - i] : 0;
        const int b = i < small->count ? small->digits[small->count - 1 - i] : 0;
        const int sum = a + sign * b + carry;
        carry = sum < 0 ? -1 : sum / 10;
        digits[count - 1 - i] = (unsigned char)(sum - carry * 10);
    }
    struct decimal result = {large->negative, digits, count, large->scale};
    strip(&result);
    return result;
}

static struct decimal add_decimals(struct arena *arena, struct decimal a, struct decimal b) {
    const int64_t scale = a.scale > b.scale ? a.scale : b.scale;
    a = rescaled(arena, a, scale);
    b = rescaled(arena, b, scale);
    const bool a_is_larger = compare_sizes(&a, &b) >= 0;
    return combine(arena, a_is_larger ? &a : &b, a_is_larger ? &b : &a, a.negative == b.negative ? 1 : -1);
}

static struct decimal times_two(struct arena *arena, const struct decimal *d) {
    return combine(arena, d, d, 1);
}

// ---- reading ----

struct written {
    bool negative;
    struct cel_string whole, fraction; // digits, the whole ones without zeros in front
    int base;
    int32_t exponent;
};

static struct cel_string take(const char **at, const char *end, const char *set, size_t most) {
    const char *begin = *at;
    while (*at < end && (size_t)(*at - begin) < most && **at && strchr(set, **at)) ++*at;
    return (struct cel_string){begin, (size_t)(*at - begin)};
}

static bool read_exponent(struct cel_string suffix, struct written *w) {
    char digits[24] = {0};
    if (suffix.len < 2 || suffix.len > 22 || (*suffix.bytes != 'e' && *suffix.bytes != 'E')) return false;
    memcpy(digits, suffix.bytes + 1, suffix.len - 1);
    const char *number = digits + (*digits == '-' || *digits == '+');
    if (!*number || strspn(number, "0123456789") != strlen(number)) return false;
    char *end = NULL;
    const long long exponent = strtoll(digits, &end, 10);
    if (exponent > 1000000000000 || exponent < -1000000000000) return false; // far beyond what is evaluated
    w->base = 10;
    w->exponent = (int32_t)(uint32_t)(uint64_t)exponent; // cut off there as well
    return true;
}

static bool read_suffix(struct cel_string suffix, struct written *w) {
    static const struct {
        const char *name;
        int base;
        int32_t exponent;
    } known[] = {{"", 10, 0},   {"n", 10, -9}, {"u", 10, -6}, {"m", 10, -3}, {"k", 10, 3},  {"M", 10, 6},
                 {"G", 10, 9},  {"T", 10, 12}, {"P", 10, 15}, {"E", 10, 18}, {"Ki", 2, 10}, {"Mi", 2, 20},
                 {"Gi", 2, 30}, {"Ti", 2, 40}, {"Pi", 2, 50}, {"Ei", 2, 60}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (!val_text_is(suffix, known[i].name)) continue;
        w->base = known[i].base;
        w->exponent = known[i].exponent;
        return true;
    }
    return read_exponent(suffix, w);
}

// Almost everything may be missing: "" is none, but "+", "." and "Ki" are 0.
static bool read_written(struct cel_string text, struct written *w) {
    static const char digits[] = "0123456789";
    const char *at = text.bytes, *end = at + text.len;
    *w = (struct written){.base = 10};
    if (!text.len || memchr(at, '\0', text.len)) return false;
    w->negative = *at == '-';
    if (*at == '-' || *at == '+') at++;
    take(&at, end, "0", SIZE_MAX);
    w->whole = take(&at, end, digits, SIZE_MAX);
    if (at < end && *at == '.') {
        at++;
        w->fraction = take(&at, end, digits, SIZE_MAX);
    }
    const char *suffix = at;
    take(&at, end, "eEinumkKMGTP", SIZE_MAX);
    take(&at, end, "+-", 1);
    take(&at, end, digits, SIZE_MAX);
    return at == end && read_suffix((struct cel_string){suffix, (size_t)(end - suffix)}, w);
}

static bool multiply(int64_t a, int64_t b, int64_t *ret_product) {
    return a != INT64_MIN && b != INT64_MIN && !__builtin_mul_overflow(a, b, ret_product);
}

// What fits into an integer and a power of ten; false when it does not.
static bool read_fast(const struct written *w, struct cel_quantity *q) {
    const int64_t whole = w->whole.len ? (int64_t)w->whole.len : 1, fraction = (int64_t)w->fraction.len;
    const bool is_binary = w->base == 2;
    if (is_binary && fraction) return false;
    const int64_t room =
        is_binary ? 15 - whole - (int32_t)((float)w->exponent * 3 / 10) - 1 : FAST_DIGITS - whole - fraction;
    const int64_t exponent = (is_binary ? 0 : w->exponent) - fraction;
    if (room < 0 || exponent < NANO || exponent > INT32_MAX) return false;
    int64_t value = 0;
    for (size_t i = 0; i < w->whole.len; i++) value = value * 10 + (w->whole.bytes[i] - '0');
    for (size_t i = 0; i < w->fraction.len; i++) value = value * 10 + (w->fraction.bytes[i] - '0');
    if (is_binary && !multiply(value, (int64_t)1 << w->exponent, &value)) return false;
    *q = (struct cel_quantity){.is_fast = true, .value = w->negative ? -value : value, .exponent = (int32_t)exponent};
    return true;
}

// Binary quantities are cut off at the largest integer.
static struct decimal capped(struct arena *arena, struct decimal d) {
    struct decimal most = decimal_of(arena, INT64_MAX, 0);
    most.negative = d.negative;
    return compare_sizes(&d, &most) > 0 ? most : d;
}

// What is smaller than a nano is rounded away from zero; false when it is beyond what is evaluated.
static bool read_slow(struct evaluation *e, const struct written *w, struct cel_quantity *q) {
    const size_t count = w->whole.len + w->fraction.len;
    const int64_t scale = (int64_t)w->fraction.len - (w->base == 10 ? w->exponent : 0);
    if (scale > MAX_SCALE + (int64_t)count || scale < -MAX_SCALE || !cel_spend(e, count * 64 + MAX_SCALE)) return false;
    unsigned char *digits = arena_alloc(e->arena, count + 1);
    for (size_t i = 0; i < count; i++)
        digits[i] = (unsigned char)((i < w->whole.len ? w->whole.bytes[i] : w->fraction.bytes[i - w->whole.len]) - '0');
    struct decimal d = {w->negative, digits, count, scale};
    strip(&d);
    for (int32_t i = 0; w->base == 2 && i < w->exponent; i++) d = times_two(e->arena, &d);
    if (d.count) d = rescaled(e->arena, d, -NANO);
    if (w->base == 2) d = capped(e->arena, d);
    *q = (struct cel_quantity){.decimal = d};
    return true;
}

static val of_quantity(struct evaluation *e, struct cel_quantity q) {
    struct cel_quantity *made = ARENA_NEW(e->arena, struct cel_quantity);
    *made = q;
    return (val){.kind = CEL_KIND_QUANTITY, .as.quantity = made};
}

static val read(struct evaluation *e, struct cel_string text, bool *ret_is_one) {
    struct written w;
    struct cel_quantity q;
    if (!cel_spend(e, text.len)) return cel_too_long();
    *ret_is_one = read_written(text, &w);
    if (!*ret_is_one) return val_error("the text is not a quantity");
    return read_fast(&w, &q) || read_slow(e, &w, &q) ? of_quantity(e, q) : too_large();
}

// ---- arithmetic ----

static bool scaled_up(int64_t value, int64_t powers, int64_t *ret_scaled) {
    *ret_scaled = value;
    for (int64_t i = 0; i < powers; i++)
        if (!value || !multiply(*ret_scaled, 10, ret_scaled)) return !value;
    return true;
}

static bool add_fast(struct cel_quantity *a, const struct cel_quantity *b) {
    int64_t left = a->value, right = b->value;
    if (!right) return true;
    if (!left) {
        *a = *b;
        return true;
    }
    const int32_t exponent = a->exponent < b->exponent ? a->exponent : b->exponent;
    if (!scaled_up(left, (int64_t)a->exponent - exponent, &left) ||
        !scaled_up(right, (int64_t)b->exponent - exponent, &right) || __builtin_add_overflow(left, right, &left))
        return false;
    a->value = left;
    a->exponent = exponent;
    return true;
}

static bool is_within_reach(const struct cel_quantity *q) {
    return !q->is_fast || (q->exponent <= MAX_SCALE && q->exponent >= -MAX_SCALE);
}

static val add(struct evaluation *e, struct cel_quantity a, struct cel_quantity b, bool subtracts) {
    if (subtracts) {
        b.value = b.value == INT64_MIN ? b.value : -b.value;
        b.decimal.negative = !b.decimal.negative && b.decimal.count;
    }
    if (a.is_fast && b.is_fast && add_fast(&a, &b)) return of_quantity(e, a);
    if (!is_within_reach(&a) || !is_within_reach(&b)) return too_large();
    const struct decimal left = to_decimal(e->arena, &a), right = to_decimal(e->arena, &b);
    if (!cel_spend(e, left.count + right.count + 4 * MAX_SCALE)) return cel_too_long();
    return of_quantity(e, (struct cel_quantity){.decimal = add_decimals(e->arena, left, right)});
}

int val_compare_quantities(struct evaluation *e, const struct cel_quantity *a, const struct cel_quantity *b) {
    const struct decimal left = to_decimal(e->arena, a), right = to_decimal(e->arena, b);
    e->steps += left.count + right.count;
    return compare_decimals(&left, &right);
}

static bool as_integer(const struct cel_quantity *q, int64_t *ret_integer) {
    return q->is_fast && q->exponent >= 0 && scaled_up(q->value, q->exponent, ret_integer);
}

// Powers of ten as Go's math.Pow10 has them.
static double power_of_ten(int64_t exponent) {
    static const double by_32[] = {1e0, 1e32, 1e64, 1e96, 1e128, 1e160, 1e192, 1e224, 1e256, 1e288};
    static const double by_minus_32[] = {1e-0,   1e-32,  1e-64,  1e-96,  1e-128, 1e-160,
                                         1e-192, 1e-224, 1e-256, 1e-288, 1e-320};
    static const double up_to_31[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10,
                                      1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21,
                                      1e22, 1e23, 1e24, 1e25, 1e26, 1e27, 1e28, 1e29, 1e30, 1e31};
    if (exponent > 308) return INFINITY;
    if (exponent < -323) return 0;
    return exponent >= 0 ? by_32[exponent / 32] * up_to_31[exponent % 32]
                         : by_minus_32[-exponent / 32] / up_to_31[-exponent % 32];
}

static val as_float(struct evaluation *e, const struct cel_quantity *q) {
    double base = (double)q->value;
    int64_t exponent = q->exponent;
    if (!q->is_fast) {
        struct text text;
        text_init(&text, e->arena);
        text_add_string(&text, q->decimal.negative ? "-0" : "0");
        for (size_t i = 0; i < q->decimal.count; i++) text_add_char(&text, (char)('0' + q->decimal.digits[i]));
        base = strtod(text_string(&text), NULL);
        exponent = -q->decimal.scale;
    }
    return val_of_double(exponent ? base * power_of_ten(exponent) : base);
}

// ---- calls ----

static val of_text(struct evaluation *e, const struct cel_node *node, val text) {
    if (text.kind != CEL_KIND_STRING) return val_no_overload();
    bool is_one = false;
    const val quantity = read(e, text.as.string, &is_one);
    return node->function == CEL_FN_IS_QUANTITY ? val_of_bool(is_one) : quantity;
}

val cel_call_quantity(struct evaluation *e, const struct cel_node *node, const val *args, size_t count) {
    if (node->function == CEL_FN_QUANTITY || node->function == CEL_FN_IS_QUANTITY) return of_text(e, node, args[0]);
    if (args[0].kind != CEL_KIND_QUANTITY) return val_no_overload();
    const struct cel_quantity *q = args[0].as.quantity;
    const struct cel_quantity zero = {.is_fast = true};
    int64_t integer = 0;
    if (count == 1) {
        const bool is_integer = as_integer(q, &integer);
        switch ((int)node->function) {
        case CEL_FN_SIGN: return val_of_int(val_compare_quantities(e, q, &zero));
        case CEL_FN_AS_FLOAT: return as_float(e, q);
        case CEL_FN_IS_INTEGER: return val_of_bool(is_integer);
        default: return is_integer ? val_of_int(integer) : val_error("cannot convert value to integer");
        }
    }
    const bool subtracts = node->function == CEL_FN_QUANTITY_SUB;
    if (args[1].kind == CEL_KIND_QUANTITY) return add(e, *q, *args[1].as.quantity, subtracts);
    if (args[1].kind != CEL_KIND_INT) return val_no_overload();
    return add(e, *q, (struct cel_quantity){.is_fast = true, .value = args[1].as.integer}, subtracts);
}

val cel_call_compare(struct evaluation *e, const struct cel_node *node, const val *args, size_t count) {
    (void)count;
    if (args[0].kind != args[1].kind) return val_no_overload();
    int order = 0;
    if (args[0].kind == CEL_KIND_QUANTITY)
        order = val_compare_quantities(e, args[0].as.quantity, args[1].as.quantity);
    else if (args[0].kind == CEL_KIND_SEMVER)
        order = val_compare_semvers(args[0].as.semver, args[1].as.semver);
    else
        return val_no_overload();
    if (node->function == CEL_FN_COMPARE_TO) return val_of_int(order);
    return val_of_bool(node->function == CEL_FN_IS_LESS_THAN ? order < 0 : order > 0);
}
