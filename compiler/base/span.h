// A half-open range of bytes in one source file. Line and column are worked out only while printing.
#ifndef KLOCK_SPAN_H
#define KLOCK_SPAN_H

#include <stdbool.h>
#include <stdint.h>

struct span {
    uint32_t file;  // index into the compilation's sources; SPAN_NOWHERE when nothing was written
    uint32_t begin; // byte offset of the first byte
    uint32_t end;   // byte offset behind the last byte
};

#define SPAN_NOWHERE UINT32_MAX

static inline struct span span_none(void) {
    return (struct span){.file = SPAN_NOWHERE, .begin = 0, .end = 0};
}

// From the start of the first span to the end of the last; both are in one file.
static inline struct span span_join(struct span first, struct span last) {
    return (struct span){.file = first.file, .begin = first.begin, .end = last.end};
}

static inline bool span_same(struct span a, struct span b) {
    return a.file == b.file && a.begin == b.begin && a.end == b.end;
}

#endif
