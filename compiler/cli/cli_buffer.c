#include "cli/cli_buffer.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"

_Noreturn void cli_out_of_memory(void) {
    static const char message[] = "klockc: out of memory\n";
    ssize_t ignored = write(STDERR_FILENO, message, sizeof message - 1);
    (void)ignored;
    _exit(CLI_INTERNAL);
}

void *cli_realloc(void *old, size_t count, size_t size) {
    if (size != 0 && count > SIZE_MAX / size) cli_out_of_memory();
    void *memory = realloc(old, count * size > 0 ? count * size : 1);
    if (memory == NULL) cli_out_of_memory();
    return memory;
}

void buffer_add(struct buffer *buffer, const char *bytes, size_t len) {
    if (len >= SIZE_MAX / 2 - buffer->len) cli_out_of_memory();
    if (buffer->len + len + 1 > buffer->capacity) {
        buffer->capacity = 2 * (buffer->len + len + 1);
        buffer->data = cli_realloc(buffer->data, buffer->capacity, 1);
    }
    if (len > 0) memcpy(buffer->data + buffer->len, bytes, len);
    buffer->len += len;
    buffer->data[buffer->len] = '\0';
}

void buffer_puts(struct buffer *buffer, const char *string) {
    buffer_add(buffer, string, strlen(string));
}

__attribute__((format(printf, 2, 0))) static void add_formatted(struct buffer *buffer, const char *format,
                                                                va_list arguments) {
    va_list again;
    va_copy(again, arguments);
    int len = vsnprintf(NULL, 0, format, arguments);
    if (len < 0) cli_out_of_memory();
    char *text = cli_realloc(NULL, (size_t)len + 1, 1);
    vsnprintf(text, (size_t)len + 1, format, again);
    va_end(again);
    buffer_add(buffer, text, (size_t)len);
    free(text);
}

void buffer_printf(struct buffer *buffer, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    add_formatted(buffer, format, arguments);
    va_end(arguments);
}

char *cli_format(const char *format, ...) {
    struct buffer buffer = {0};
    va_list arguments;
    va_start(arguments, format);
    add_formatted(&buffer, format, arguments);
    va_end(arguments);
    return buffer.data;
}

void buffer_json(struct buffer *buffer, const char *string) {
    buffer_puts(buffer, "\"");
    for (; *string != '\0'; string++) {
        unsigned char c = (unsigned char)*string;
        if (c == '"' || c == '\\')
            buffer_printf(buffer, "\\%c", c);
        else if (c == '\n')
            buffer_puts(buffer, "\\n");
        else if (c < 0x20 || c == 0x7f)
            buffer_printf(buffer, "\\u%04x", c);
        else
            buffer_add(buffer, string, 1);
    }
    buffer_puts(buffer, "\"");
}

void buffer_xml(struct buffer *buffer, const char *string) {
    for (; *string != '\0'; string++) {
        unsigned char c = (unsigned char)*string;
        switch (c) {
        case '<': buffer_puts(buffer, "&lt;"); break;
        case '>': buffer_puts(buffer, "&gt;"); break;
        case '&': buffer_puts(buffer, "&amp;"); break;
        case '"': buffer_puts(buffer, "&quot;"); break;
        case '\n': buffer_puts(buffer, "&#10;"); break;
        case '\t': buffer_puts(buffer, "&#9;"); break;
        default:
            // XML 1.0 has no way to write the other control characters.
            if (c < 0x20)
                buffer_puts(buffer, "?");
            else
                buffer_add(buffer, string, 1);
        }
    }
}

void buffer_free(struct buffer *buffer) {
    free(buffer->data);
    *buffer = (struct buffer){0};
}

void strings_add(struct strings *strings, const char *string) {
    if (strings->count == strings->capacity) {
        strings->capacity = strings->capacity > 0 ? 2 * strings->capacity : 16;
        strings->items = cli_realloc(strings->items, strings->capacity, sizeof *strings->items);
    }
    strings->items[strings->count++] = cli_format("%s", string);
}

static int by_bytes(const void *left, const void *right) {
    return strcmp(*(char *const *)left, *(char *const *)right);
}

void strings_sort(struct strings *strings, size_t from) {
    if (strings->count > from) qsort(strings->items + from, strings->count - from, sizeof *strings->items, by_bytes);
}

void strings_free(struct strings *strings) {
    for (size_t i = 0; i < strings->count; i++) free(strings->items[i]);
    free(strings->items);
    *strings = (struct strings){0};
}

void cli_complain(const char *format, ...) {
    struct buffer buffer = {0};
    buffer_puts(&buffer, "klockc: ");
    va_list arguments;
    va_start(arguments, format);
    add_formatted(&buffer, format, arguments);
    va_end(arguments);
    buffer_puts(&buffer, "\n");
    // There is nobody left to tell when this fails.
    ssize_t ignored = write(STDERR_FILENO, buffer.data, buffer.len);
    (void)ignored;
    buffer_free(&buffer);
}
