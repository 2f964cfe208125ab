// Source texts; see source.h.
#include "report/source.h"

#include <stdint.h>
#include <string.h>

#include "base/arena.h"
#include "base/limits.h"
#include "base/text.h"
#include "report/diag.h"

enum { MARK_DISTANCE = 256 };

// Where line and column stand at every MARK_DISTANCE bytes, so that locating never reads a whole large text.
struct source_mark {
    uint32_t line;       // from 0
    uint32_t line_begin; // offset
    uint32_t column;     // code points between line_begin and the mark
};

static bool starts_code_point(char byte) {
    return ((unsigned char)byte & 0xc0U) != 0x80;
}

static void place_marks(struct arena *arena, struct source *source) {
    struct source_mark *marks = ARENA_ARRAY(arena, struct source_mark, source->len / MARK_DISTANCE + 1);
    struct source_mark at = {0};
    for (uint32_t i = 0; i < source->len; i++) {
        if (i % MARK_DISTANCE == 0) marks[i / MARK_DISTANCE] = at;
        if (source->text[i] == '\n') {
            at = (struct source_mark){.line = at.line + 1, .line_begin = i + 1};
        } else {
            at.column += starts_code_point(source->text[i]);
        }
    }
    if (source->len % MARK_DISTANCE == 0) marks[source->len / MARK_DISTANCE] = at;
    source->marks = marks;
}

// Reports the first thing that keeps the text from being read.
static bool check_text(struct diags *diags, uint32_t file, const char *bytes, size_t len) {
    static const char utf8_mark[] = "\xef\xbb\xbf";
    if (len >= 3 && memcmp(bytes, utf8_mark, 3) == 0) {
        const struct span span = {file, 0, 3};
        diag_report(diags, DIAG_BAD_TEXT, span, "the file begins with a byte order mark");
        diag_help(diags, "save it as UTF-8 without byte order mark");
        diag_fix(diags, span, "");
        return false;
    }
    const bool utf16 = len >= 2 && (memcmp(bytes, "\xff\xfe", 2) == 0 || memcmp(bytes, "\xfe\xff", 2) == 0);
    if (utf16) {
        const struct span span = {file, 0, 2};
        diag_report(diags, DIAG_BAD_TEXT, span, "the file is UTF-16, not UTF-8");
        diag_help(diags, "save it as UTF-8");
        return false;
    }
    const char *nul = len ? memchr(bytes, '\0', len) : NULL;
    if (nul) {
        const uint32_t at = (uint32_t)(nul - bytes);
        diag_report(diags, DIAG_BAD_TEXT, (struct span){file, at, at + 1},
                    "the file holds a NUL byte: it is binary, or not UTF-8");
        diag_help(diags, "save it as UTF-8 text, or leave it out");
        return false;
    }
    const size_t valid = utf8_valid_prefix(bytes, len);
    if (valid < len) {
        const uint32_t at = (uint32_t)valid;
        diag_report(diags, DIAG_BAD_TEXT, (struct span){file, at, at + 1}, "byte 0x%02x is not UTF-8",
                    (unsigned)(unsigned char)bytes[valid]);
        diag_help(diags, "save the file as UTF-8");
        return false;
    }
    return true;
}

uint32_t source_add(struct sources *sources, struct diags *diags, const char *name, const char *bytes, size_t len) {
    const uint32_t file = (uint32_t)sources->count;
    struct source source = {.name = arena_copy(sources->arena, name, strlen(name)), .text = ""};
    if (len > LIMIT_SOURCE_BYTES) {
        diag_report(diags, DIAG_BAD_TEXT, (struct span){file, 0, 0},
                    "the file has %zu bytes; klockc reads at most %d MiB", len, LIMIT_SOURCE_BYTES / (1024 * 1024));
        diag_help(diags, "split it into several files of one policy");
    } else {
        source.text = arena_copy(sources->arena, bytes, len);
        source.len = len;
        source.usable = check_text(diags, file, bytes, len);
    }
    place_marks(sources->arena, &source);
    ARENA_PUSH(sources->arena, sources->items, sources->count, source);
    return file;
}

struct source_location source_locate(const struct sources *sources, uint32_t file, uint32_t offset) {
    if (file >= sources->count) return (struct source_location){.file = "", .line = 1, .column = 1, .line_text = ""};
    const struct source *source = &sources->items[file];
    if (offset > source->len) offset = (uint32_t)source->len;

    struct source_mark at = source->marks[offset / MARK_DISTANCE];
    for (uint32_t i = offset / MARK_DISTANCE * MARK_DISTANCE; i < offset; i++) {
        if (source->text[i] == '\n') {
            at = (struct source_mark){.line = at.line + 1, .line_begin = i + 1};
        } else {
            at.column += starts_code_point(source->text[i]);
        }
    }
    const char *line = source->text + at.line_begin;
    const size_t rest = source->len - at.line_begin;
    const char *line_end = rest ? memchr(line, '\n', rest) : NULL;
    size_t line_len = line_end ? (size_t)(line_end - line) : rest;
    if (line_len && line[line_len - 1] == '\r') line_len--;
    return (struct source_location){
        .file = source->name,
        .line = at.line + 1,
        .column = at.column + 1,
        .line_text = line,
        .line_len = line_len,
    };
}
