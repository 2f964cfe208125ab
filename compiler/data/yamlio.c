// libyaml's events from and to values; see yamlio.h.
#include "data/yamlio.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "base/arena.h"
#include "base/text.h"
#include "data/value.h"

// ---- reading ----

// What is skipped costs no stack, but libyaml takes the longer for each token the deeper it stands.
enum { MAX_DEPTH = 100, MAX_SKIPPED_DEPTH = 10000 };

// Lives in the arena, because it is used after a longjmp.
struct reader {
    struct arena *arena;
    yaml_parser_t parser;
    yaml_event_t event;
    bool has_event;
    const char *error;
    // Of a stream:
    const char *bytes;
    size_t len, at, characters; // libyaml counts characters: as many are before the byte `at`
    struct yaml_document *document;
    uint32_t error_at;
};

static void drop_event(struct reader *reader) {
    if (reader->has_event) yaml_event_delete(&reader->event);
    reader->has_event = false;
}

static bool continues_character(char byte) {
    return ((unsigned char)byte & 0xc0U) == 0x80;
}

// The byte at which a character begins; places are asked for nearly in order.
static uint32_t byte_of(struct reader *reader, size_t character) {
    while (reader->characters < character && reader->at < reader->len) {
        do reader->at++;
        while (reader->at < reader->len && continues_character(reader->bytes[reader->at]));
        reader->characters++;
    }
    while (reader->characters > character) {
        do reader->at--;
        while (continues_character(reader->bytes[reader->at]));
        reader->characters--;
    }
    return (uint32_t)reader->at;
}

static bool fail(struct reader *reader, const char *error) {
    if (reader->error) return false;
    reader->error = error;
    if (!reader->bytes) return false;
    const yaml_parser_t *parser = &reader->parser;
    if (parser->error == YAML_READER_ERROR)
        reader->error_at = (uint32_t)parser->problem_offset;
    else
        reader->error_at = byte_of(reader, parser->error ? parser->problem_mark.index : reader->event.start_mark.index);
    return false;
}

static bool next(struct reader *reader) {
    drop_event(reader);
    if (!yaml_parser_parse(&reader->parser, &reader->event)) {
        const char *problem = reader->parser.problem ? reader->parser.problem : "bad YAML";
        if (reader->bytes) return fail(reader, arena_copy(reader->arena, problem, strlen(problem)));
        return fail(reader, arena_printf(reader->arena, "line %zu: %s", reader->parser.problem_mark.line + 1, problem));
    }
    reader->has_event = true;
    return true;
}

static bool is_decimal(const char *text, bool *ret_integral) {
    text += *text == '-' || *text == '+';
    const size_t whole = strspn(text, "0123456789");
    if (!whole) return false;
    text += whole;
    *ret_integral = !*text;
    if (*text == '.') {
        text++;
        text += strspn(text, "0123456789");
    }
    if (*text == 'e' || *text == 'E') {
        text++;
        text += *text == '-' || *text == '+';
        const size_t digits = strspn(text, "0123456789");
        if (!digits) return false;
        text += digits;
    }
    return !*text;
}

static struct value *read_scalar(struct reader *reader) {
    struct arena *arena = reader->arena;
    const char *bytes = (const char *)reader->event.data.scalar.value;
    const char *text = arena_copy(arena, bytes, reader->event.data.scalar.length);
    if (strlen(text) != reader->event.data.scalar.length) {
        fail(reader, "a NUL character in a string");
        return NULL;
    }
    if (reader->event.data.scalar.style != YAML_PLAIN_SCALAR_STYLE) return value_string(arena, text);
    bool integral = false;
    if (!*text || strcmp(text, "~") == 0 || strcmp(text, "null") == 0) return value_null(arena);
    if (strcmp(text, "true") == 0 || strcmp(text, "false") == 0) return value_bool(arena, *text == 't');
    if (is_decimal(text, &integral)) {
        errno = 0;
        const long long integer = integral ? strtoll(text, NULL, 10) : 0;
        return integral && errno == 0 ? value_int(arena, integer) : value_double(arena, strtod(text, NULL));
    }
    return value_string(arena, text);
}

// Gives the place's index.
static size_t note_place(struct reader *reader, const struct value *value, const yaml_event_t *event) {
    struct yaml_document *document = reader->document;
    if (!document || !value) return 0;
    const uint32_t begin = byte_of(reader, event->start_mark.index), end = byte_of(reader, event->end_mark.index);
    const struct yaml_place place = {.value = value, .begin = begin, .end = end, .from = begin, .to = end};
    ARENA_PUSH(reader->arena, document->places, document->place_count, place);
    return document->place_count - 1;
}

// The first key of a map is what messages show.
static void move_place(struct reader *reader, size_t index) {
    if (!reader->document) return;
    struct yaml_place *place = &reader->document->places[index];
    place->begin = byte_of(reader, reader->event.start_mark.index);
    place->end = byte_of(reader, reader->event.end_mark.index);
}

// At the event that ends a list or map.
static void end_place(struct reader *reader, size_t index, bool flow) {
    if (!reader->document) return;
    struct yaml_place *place = &reader->document->places[index];
    place->flow = flow;
    place->to = byte_of(reader, flow ? reader->event.end_mark.index : reader->event.start_mark.index);
}

// Whatever it is.
static bool skip_value(struct reader *reader) {
    for (size_t depth = 0;;) {
        switch (reader->event.type) {
        case YAML_SEQUENCE_START_EVENT:
        case YAML_MAPPING_START_EVENT: depth++; break;
        case YAML_SEQUENCE_END_EVENT:
        case YAML_MAPPING_END_EVENT: depth--; break;
        default: break;
        }
        if (!depth) return true;
        if (depth > MAX_SKIPPED_DEPTH) return fail(reader, "nested too deeply");
        if (!next(reader)) return false;
    }
}

static const struct yaml_keys *find_key(const struct yaml_keys *keys, const char *key) {
    while (keys->key && strcmp(keys->key, key) != 0) keys++;
    return keys;
}

// The value that begins with the current event, and of its maps the keys that are asked for, or all; NULL after an
// error.
static struct value *read_value(struct reader *reader, const struct yaml_keys *keys, size_t depth) {
    struct arena *arena = reader->arena;
    if (depth > MAX_DEPTH) {
        fail(reader, "nested too deeply");
        return NULL;
    }
    switch (reader->event.type) {
    case YAML_SCALAR_EVENT:
        if (reader->event.data.scalar.anchor || reader->event.data.scalar.tag) break;
        {
            struct value *scalar = read_scalar(reader);
            note_place(reader, scalar, &reader->event);
            return scalar;
        }
    case YAML_SEQUENCE_START_EVENT: {
        if (reader->event.data.sequence_start.anchor || reader->event.data.sequence_start.tag) break;
        struct value *list = value_list(arena);
        const bool flow = reader->event.data.sequence_start.style == YAML_FLOW_SEQUENCE_STYLE;
        const size_t place = note_place(reader, list, &reader->event);
        while (next(reader) && reader->event.type != YAML_SEQUENCE_END_EVENT) {
            struct value *item = read_value(reader, keys, depth + 1);
            if (!item) return NULL;
            value_append(arena, list, item);
        }
        if (reader->error) return NULL;
        end_place(reader, place, flow);
        return list;
    }
    case YAML_MAPPING_START_EVENT: {
        if (reader->event.data.mapping_start.anchor || reader->event.data.mapping_start.tag) break;
        struct value *map = value_map(arena);
        const bool flow = reader->event.data.mapping_start.style == YAML_FLOW_MAPPING_STYLE;
        const size_t place = note_place(reader, map, &reader->event);
        bool moved = false;
        while (next(reader) && reader->event.type != YAML_MAPPING_END_EVENT) {
            const struct value *key = reader->event.type == YAML_SCALAR_EVENT ? read_scalar(reader) : NULL;
            const char *text = key && key->kind == VALUE_STRING ? key->as.string : NULL;
            if (key && !text)
                text =
                    arena_copy(arena, (const char *)reader->event.data.scalar.value, reader->event.data.scalar.length);
            if (!text) {
                fail(reader, "a key that is not a string");
                return NULL;
            }
            if (!moved) move_place(reader, place);
            moved = true;
            const struct yaml_keys *known = keys ? find_key(keys, text) : NULL;
            if (known && !known->key) {
                if (strcmp(text, "<<") == 0) break; // it would bring in what is asked for
                if (!next(reader) || !skip_value(reader)) return NULL;
                continue;
            }
            if (value_get(map, text)) {
                fail(reader, arena_printf(arena, "key '%s' appears twice", text));
                return NULL;
            }
            struct value *item = next(reader) ? read_value(reader, known ? known->below : NULL, depth + 1) : NULL;
            if (!item) return NULL;
            value_set(arena, map, text, item);
        }
        if (reader->error) return NULL;
        if (reader->event.type != YAML_MAPPING_END_EVENT) break;
        if (!moved) move_place(reader, place);
        end_place(reader, place, flow);
        return map;
    }
    default: break;
    }
    fail(reader, "anchors, aliases and tags are not supported here");
    return NULL;
}

static struct value *read_document(struct reader *reader) {
    struct value *value = NULL;
    while (next(reader)) {
        switch (reader->event.type) {
        case YAML_STREAM_START_EVENT:
        case YAML_DOCUMENT_END_EVENT: break;
        case YAML_STREAM_END_EVENT:
            if (!value) fail(reader, "there is no document");
            return value;
        case YAML_DOCUMENT_START_EVENT:
            if (value) {
                fail(reader, "there is more than one document");
                return NULL;
            }
            break;
        default:
            value = read_value(reader, NULL, 0);
            if (!value) return NULL;
        }
    }
    return NULL;
}

static void read_documents(struct reader *reader, const struct yaml_keys *keys, struct yaml_stream *stream) {
    uint32_t from = 0;
    while (next(reader)) {
        switch (reader->event.type) {
        case YAML_STREAM_START_EVENT:
        case YAML_DOCUMENT_END_EVENT: break;
        case YAML_DOCUMENT_START_EVENT: from = byte_of(reader, reader->event.start_mark.index); break;
        case YAML_STREAM_END_EVENT: return;
        default: {
            struct yaml_document document = {.from = from};
            reader->document = &document;
            document.value = read_value(reader, keys, 0);
            reader->document = NULL;
            if (!document.value) return;
            ARENA_PUSH(reader->arena, stream->documents, stream->count, document);
        }
        }
    }
}

// Reads one document, or all of them into a stream. libyaml's memory is given back even when ours runs out halfway.
static struct value *read_bytes(struct reader *reader, const char *bytes, size_t len, const struct yaml_keys *keys,
                                struct yaml_stream *stream) {
    struct arena *arena = reader->arena;
    if (!yaml_parser_initialize(&reader->parser)) arena_exhausted(arena);
    yaml_parser_set_input_string(&reader->parser, (const unsigned char *)bytes, len);
    jmp_buf *outer = arena->exhausted, here;
    struct value *volatile value = NULL;
    volatile bool exhausted = true;
    arena->exhausted = &here;
    if (!setjmp(here)) {
        if (stream)
            read_documents(reader, keys, stream);
        else
            value = read_document(reader);
        exhausted = reader->parser.error == YAML_MEMORY_ERROR;
    }
    arena->exhausted = outer;
    drop_event(reader);
    yaml_parser_delete(&reader->parser);
    if (exhausted) arena_exhausted(arena);
    return value;
}

struct value *yaml_read(struct arena *arena, const char *bytes, size_t len, const char **ret_error) {
    struct reader *reader = ARENA_NEW(arena, struct reader);
    reader->arena = arena;
    struct value *value = read_bytes(reader, bytes, len, NULL, NULL);
    *ret_error = reader->error;
    return value;
}

void yaml_read_stream(struct arena *arena, const char *bytes, size_t len, const struct yaml_keys *keys,
                      struct yaml_stream *ret_stream) {
    struct reader *reader = ARENA_NEW(arena, struct reader);
    *ret_stream = (struct yaml_stream){0};
    *reader = (struct reader){.arena = arena, .bytes = bytes, .len = len};
    read_bytes(reader, bytes, len, keys, ret_stream);
    ret_stream->error = reader->error;
    ret_stream->error_at = reader->error_at;
}

const struct yaml_place *yaml_place_of(const struct yaml_document *document, const struct value *value, size_t *near) {
    for (size_t i = 0; i < document->place_count; i++) {
        const size_t at = (*near + i) % document->place_count;
        if (document->places[at].value != value) continue;
        *near = at;
        return &document->places[at];
    }
    return NULL;
}

// ---- writing ----

static int write_bytes(void *data, unsigned char *bytes, size_t len) {
    return text_try_add(data, (const char *)bytes, len);
}

enum { LONGEST_RESERVED = 5 };

static bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

// Readers of YAML 1.1 and 1.2 agree that these are text, whatever version they are of.
static bool is_plain(const char *text) {
    static const char *const reserved[] = {"y", "n", "yes", "no", "on", "off", "true", "false", "null"};
    if (!is_letter(*text)) return false;
    for (const char *c = text; *c; c++)
        if (!is_letter(*c) && (*c < '-' || *c > '9') && *c != '_') return false; // - . / and digits follow each other
    if (strlen(text) > LONGEST_RESERVED) return true;
    for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++) {
        size_t at = 0;
        while (reserved[i][at] && (text[at] | 0x20) == reserved[i][at]) at++;
        if (!reserved[i][at] && !text[at]) return false;
    }
    return true;
}

static bool emit(yaml_emitter_t *emitter, yaml_event_t *event, int initialized) {
    return initialized && yaml_emitter_emit(emitter, event);
}

static bool emit_scalar(yaml_emitter_t *emitter, const char *text, yaml_scalar_style_t style) {
    yaml_event_t event;
    const size_t len = strlen(text);
    return emit(emitter, &event,
                yaml_scalar_event_initialize(&event, NULL, NULL, (const unsigned char *)text, (int)len, 1, 1, style));
}

static yaml_scalar_style_t style_of(const char *text) {
    if (is_plain(text)) return YAML_PLAIN_SCALAR_STYLE;
    return strchr(text, '\n') ? YAML_LITERAL_SCALAR_STYLE : YAML_DOUBLE_QUOTED_SCALAR_STYLE;
}

// About how wide the value is on one line; more than a line where it has to be on several.
enum { LINE = 140, WORD = 63, QUOTED = 40, ROOM = 2 };

static size_t width_of(const struct value *value) {
    size_t width = ROOM;
    if (value->kind == VALUE_STRING) {
        const size_t len = strlen(value->as.string);
        const bool plain = is_plain(value->as.string);
        return len <= (plain ? WORD : QUOTED) ? len + ROOM + (plain ? 0 : ROOM) : LINE + 1;
    }
    if (value->kind != VALUE_LIST && value->kind != VALUE_MAP) return WORD / 2;
    for (size_t i = 0; i < value->count && width <= LINE; i++)
        width += value->kind == VALUE_LIST
                     ? width_of(value->as.items[i])
                     : strlen(value->as.entries[i].key) + ROOM + width_of(value->as.entries[i].value);
    return width;
}

// What is short stands on one line: lists of words, and maps below those that every object has.
static bool is_on_line(const struct value *value, size_t depth) {
    return depth > 1 && width_of(value) <= LINE;
}

// Whether the text is so long that no flow holds it, and such that libyaml puts it on lines as they are.
static bool is_lines(const char *text, size_t len) {
    if (len <= LINE || *text == ' ' || *text == '\n' || text[len - 1] == ' ' || text[len - 1] == '\n') return false;
    for (size_t i = 0; i < len; i++)
        if ((text[i] < ' ' && text[i] != '\n') || text[i] > '~') return false;
    return strchr(text, '\n') != NULL;
}

// Most of what is printed is CEL, and libyaml looks at each character of it many times. It is given two short lines in
// the place of the text, which tell how its lines begin.
static bool emit_lines(yaml_emitter_t *emitter, const char *text, size_t len) {
    struct text *out = emitter->write_handler_data;
    if (!emit_scalar(emitter, "x\nx", YAML_LITERAL_SCALAR_STYLE) || !yaml_emitter_flush(emitter)) return false;
    const char *last = out->data + out->len - 1, *begin = last;
    while (begin[-1] == ' ') begin--;
    char blanks[100];
    const size_t indent = (size_t)(last - begin);
    if (indent > sizeof blanks) return false;
    memset(blanks, ' ', indent);
    out->len -= 2 * indent + strlen("x\nx");
    bool fine = true;
    for (const char *line = text, *end = text + len; fine && line < end;) {
        const char *next = memchr(line, '\n', (size_t)(end - line));
        next = next ? next + 1 : end;
        if (*line != '\n') fine = text_try_add(out, blanks, indent);
        fine = fine && text_try_add(out, line, (size_t)(next - line));
        line = next;
    }
    return fine;
}

static bool emit_value(yaml_emitter_t *emitter, const struct value *value, size_t depth) {
    yaml_event_t event;
    bool fine = true;
    const bool on_line = is_on_line(value, depth);
    switch (value->kind) {
    case VALUE_NULL: return emit_scalar(emitter, "null", YAML_PLAIN_SCALAR_STYLE);
    case VALUE_BOOL: return emit_scalar(emitter, value->as.boolean ? "true" : "false", YAML_PLAIN_SCALAR_STYLE);
    case VALUE_INT:
    case VALUE_DOUBLE: {
        char digits[40];
        if (value->kind == VALUE_INT)
            snprintf(digits, sizeof digits, "%lld", (long long)value->as.integer);
        else
            snprintf(digits, sizeof digits, "%.17g", value->as.number);
        return emit_scalar(emitter, digits, YAML_PLAIN_SCALAR_STYLE);
    }
    case VALUE_STRING: {
        const char *text = value->as.string;
        const size_t len = strlen(text);
        // What waits until more is known of its collection would be printed before the text is there.
        const bool waits = emitter->events.head != emitter->events.tail;
        if (!waits && is_lines(text, len)) return emit_lines(emitter, text, len);
        return emit_scalar(emitter, text, style_of(text));
    }
    case VALUE_LIST:
        fine = emit(emitter, &event,
                    yaml_sequence_start_event_initialize(
                        &event, NULL, NULL, 1, on_line ? YAML_FLOW_SEQUENCE_STYLE : YAML_BLOCK_SEQUENCE_STYLE));
        for (size_t i = 0; fine && i < value->count; i++) fine = emit_value(emitter, value->as.items[i], depth + 1);
        return fine && emit(emitter, &event, yaml_sequence_end_event_initialize(&event));
    case VALUE_MAP:
        fine = emit(emitter, &event,
                    yaml_mapping_start_event_initialize(&event, NULL, NULL, 1,
                                                        on_line ? YAML_FLOW_MAPPING_STYLE : YAML_BLOCK_MAPPING_STYLE));
        for (size_t i = 0; fine && i < value->count; i++)
            fine = emit_scalar(emitter, value->as.entries[i].key, style_of(value->as.entries[i].key)) &&
                   emit_value(emitter, value->as.entries[i].value, depth + 1);
        return fine && emit(emitter, &event, yaml_mapping_end_event_initialize(&event));
    }
    return false;
}

void yaml_print(struct text *text, const struct value *document) {
    yaml_emitter_t emitter;
    yaml_event_t event;
    if (!yaml_emitter_initialize(&emitter)) arena_exhausted(text->arena);
    yaml_emitter_set_output(&emitter, write_bytes, text);
    yaml_emitter_set_unicode(&emitter, 1);
    yaml_emitter_set_width(&emitter, -1);
    yaml_emitter_set_indent(&emitter, 2);
    // Everything that is emitted is well-formed, so that only memory can fail.
    const bool fine = emit(&emitter, &event, yaml_stream_start_event_initialize(&event, YAML_UTF8_ENCODING)) &&
                      emit(&emitter, &event, yaml_document_start_event_initialize(&event, NULL, NULL, NULL, 0)) &&
                      emit_value(&emitter, document, 0) &&
                      emit(&emitter, &event, yaml_document_end_event_initialize(&event, 1)) &&
                      emit(&emitter, &event, yaml_stream_end_event_initialize(&event)) && yaml_emitter_flush(&emitter);
    yaml_emitter_delete(&emitter);
    if (!fine) arena_exhausted(text->arena);
}
