// What vsnprintf does, faster for the formats of ours: nearly all join texts and numbers.
#ifndef KLOCK_FORMAT_H
#define KLOCK_FORMAT_H

#include <stdarg.h>
#include <stddef.h>

// As vsnprintf: at most size bytes with the NUL; the length without it that all would have, or a negative number.
int format_print(char *out, size_t size, const char *format, va_list args) __attribute__((format(printf, 3, 0)));

#endif
