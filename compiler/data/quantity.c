// Exact decimals as k8s.io/apimachinery's resource.Quantity has them; see quantity.h.
#include "data/quantity.h"

#include <string.h>

enum { FINEST = 9, BINARY_STEP = 1024 }; // digits behind the point that are kept: nano

// A number while it is read: its digits, of which the last `fraction` stand behind the point.
struct number {
    unsigned char digits[QUANTITY_DIGITS];
    size_t count;
    int fraction;
};

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

// NULL when there is no digit.
static const char *read_number(const char *text, struct number *number) {
    bool point = false;
    for (;; text++) {
        if (*text == '.' && !point) {
            point = true;
        } else if (is_digit(*text)) {
            number->digits[number->count++] = (unsigned char)(*text - '0');
            number->fraction += point;
        } else {
            return number->count ? text : NULL;
        }
    }
}

static void multiply(struct number *number, unsigned factor) {
    unsigned carry = 0;
    for (size_t i = number->count; i-- > 0;) {
        carry += number->digits[i] * factor;
        number->digits[i] = (unsigned char)(carry % 10);
        carry /= 10;
    }
    while (carry) {
        memmove(number->digits + 1, number->digits, number->count++);
        number->digits[0] = (unsigned char)(carry % 10);
        carry /= 10;
    }
}

static void strip_leading(struct number *number) {
    size_t zeros = 0;
    while (zeros < number->count && number->digits[zeros] == 0) zeros++;
    number->count -= zeros;
    memmove(number->digits, number->digits + zeros, number->count);
}

// What is finer than can be kept counts as one of the finest.
static void round_up(struct number *number) {
    bool lost = false;
    for (; number->fraction > FINEST; number->fraction--) {
        if (number->count && number->digits[--number->count]) lost = true;
    }
    if (!lost) return;
    size_t at = number->count;
    while (at > 0 && number->digits[at - 1] == 9) number->digits[--at] = 0;
    if (at > 0) {
        number->digits[at - 1]++;
        return;
    }
    memmove(number->digits + 1, number->digits, number->count++);
    number->digits[0] = 1;
}

// Reads the suffix; false when it is none, or has something behind it.
static bool read_suffix(const char *suffix, int *ret_exponent, unsigned *ret_steps) {
    static const char binary[] = "KMGTPE", decimal[] = "numkMGTPE";
    static const int exponents[] = {-9, -6, -3, 3, 6, 9, 12, 15, 18};
    const char *found;
    *ret_exponent = 0;
    *ret_steps = 0;
    if (!*suffix) return true;
    if (suffix[1] == 'i' && !suffix[2] && (found = strchr(binary, *suffix))) {
        *ret_steps = (unsigned)(found - binary) + 1;
        return true;
    }
    if (!suffix[1] && (found = strchr(decimal, *suffix))) {
        *ret_exponent = exponents[found - decimal];
        return true;
    }
    if (*suffix != 'e' && *suffix != 'E') return false;
    const bool negative = *++suffix == '-';
    suffix += *suffix == '-' || *suffix == '+';
    size_t digits = 0;
    for (; is_digit(suffix[digits]); digits++) *ret_exponent = *ret_exponent * 10 + suffix[digits] - '0';
    if (negative) *ret_exponent = -*ret_exponent;
    return digits >= 1 && digits <= 2 && !suffix[digits];
}

// The largest that a binary suffix gives.
static void cap(struct quantity *quantity) {
    static const unsigned char most[] = {9, 2, 2, 3, 3, 7, 2, 0, 3, 6, 8, 5, 4, 7, 7, 5, 8, 0, 7};
    struct quantity limit = {.negative = quantity->negative, .exponent = sizeof most, .count = sizeof most};
    memcpy(limit.digits, most, sizeof most);
    const int order = quantity_compare(quantity, &limit);
    if (quantity->negative ? order < 0 : order > 0) *quantity = limit;
}

bool quantity_parse(const char *text, struct quantity *ret_quantity) {
    struct number number = {.count = 0};
    int exponent;
    unsigned steps;
    *ret_quantity = (struct quantity){.negative = *text == '-'};
    if (strlen(text) >= QUANTITY_BYTES) return false;
    text += *text == '-' || *text == '+';
    const char *suffix = read_number(text, &number);
    if (!suffix || !read_suffix(suffix, &exponent, &steps)) return false;
    for (unsigned i = 0; i < steps; i++) multiply(&number, BINARY_STEP);
    number.fraction -= exponent;
    strip_leading(&number);
    if (number.count) round_up(&number);
    strip_leading(&number);
    ret_quantity->exponent = (int)number.count - number.fraction;
    while (number.count && number.digits[number.count - 1] == 0) number.count--;
    memcpy(ret_quantity->digits, number.digits, number.count);
    ret_quantity->count = number.count;
    if (!number.count) *ret_quantity = (struct quantity){.count = 0};
    if (steps) cap(ret_quantity);
    return true;
}

static int compare_sizes(const struct quantity *a, const struct quantity *b) {
    if (!a->count || !b->count) return (a->count > 0) - (b->count > 0);
    if (a->exponent != b->exponent) return a->exponent < b->exponent ? -1 : 1;
    const size_t shared = a->count < b->count ? a->count : b->count;
    const int order = memcmp(a->digits, b->digits, shared);
    if (order) return order < 0 ? -1 : 1;
    return (a->count > b->count) - (a->count < b->count);
}

int quantity_compare(const struct quantity *a, const struct quantity *b) {
    if (a->negative != b->negative) return a->negative ? -1 : 1;
    return a->negative ? compare_sizes(b, a) : compare_sizes(a, b);
}
