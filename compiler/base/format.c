// Texts and numbers are joined here, anything else is left to vsnprintf; see format.h.
#include "base/format.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

struct output {
    char *out;
    size_t size, len; // len goes on beyond size
};

static inline void add(struct output *output, const char *bytes, size_t len) {
    const size_t room = output->len < output->size ? output->size - output->len : 0;
    if (room) memcpy(output->out + output->len, bytes, len < room ? len : room);
    output->len += len;
}

static void add_number(struct output *output, size_t number, bool negative) {
    char digits[24];
    size_t at = sizeof digits;
    do digits[--at] = (char)('0' + number % 10);
    while (number /= 10);
    if (negative) digits[--at] = '-';
    add(output, digits + at, sizeof digits - at);
}

int format_print(char *out, size_t size, const char *format, va_list args) {
    struct output output = {.out = out, .size = size};
    va_list again;
    va_copy(again, args);
    for (const char *at = format; *at; at++) {
        const char *begin = at;
        while (*at && *at != '%') at++;
        add(&output, begin, (size_t)(at - begin));
        if (!*at) break;
        switch (*++at) {
        case 's': {
            const char *string = va_arg(args, const char *);
            add(&output, string, strlen(string));
            continue;
        }
        case 'd': {
            const int number = va_arg(args, int);
            add_number(&output, number < 0 ? 0 - (size_t)number : (size_t)number, number < 0);
            continue;
        }
        case 'u': add_number(&output, va_arg(args, unsigned), false); continue;
        case 'c': add(&output, &(char){(char)va_arg(args, int)}, 1); continue;
        case 'z':
            if (*++at != 'u') break;
            add_number(&output, va_arg(args, size_t), false);
            continue;
        default: break;
        }
        const int len = vsnprintf(out, size, format, again);
        va_end(again);
        return len;
    }
    va_end(again);
    if (size) out[output.len < size ? output.len : size - 1] = '\0';
    return output.len <= INT_MAX ? (int)output.len : -1;
}
