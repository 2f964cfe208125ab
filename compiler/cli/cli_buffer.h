// Growable texts. When memory runs out the program says so and ends: it has written nothing until then.
#ifndef KLOCK_CLI_BUFFER_H
#define KLOCK_CLI_BUFFER_H

#include <stddef.h>

struct buffer {
    char *data; // NUL-terminated once anything was added
    size_t len, capacity;
};

void buffer_add(struct buffer *buffer, const char *bytes, size_t len);
void buffer_puts(struct buffer *buffer, const char *string);
void buffer_printf(struct buffer *buffer, const char *format, ...) __attribute__((format(printf, 2, 3)));
// As a JSON string, quotes included.
void buffer_json(struct buffer *buffer, const char *string);
// As XML character data, which may also stand in an attribute.
void buffer_xml(struct buffer *buffer, const char *string);
void buffer_free(struct buffer *buffer);

// A list of strings that it owns.
struct strings {
    char **items;
    size_t count, capacity;
};

void strings_add(struct strings *strings, const char *string);
void strings_sort(struct strings *strings, size_t from);
void strings_free(struct strings *strings);

// Never NULL.
void *cli_realloc(void *old, size_t count, size_t size);
char *cli_format(const char *format, ...) __attribute__((format(printf, 1, 2)));

// "klockc: " and the message on standard error.
void cli_complain(const char *format, ...) __attribute__((format(printf, 1, 2)));
_Noreturn void cli_out_of_memory(void);

#endif
