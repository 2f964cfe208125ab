// Prints diagnostics; see diag_print.h. Here, and only here, byte offsets become lines and columns.
#include "report/diag_print.h"

#include <inttypes.h>
#include <string.h>

#include <klock/klock.h>

#include "base/arena.h"
#include "base/map.h"
#include "base/text.h"
#include "data/json.h"
#include "data/value.h"
#include "report/diag.h"
#include "report/source.h"

#define PROJECT_NAME "klockc"

enum { SHOWN_BEFORE = 60, SHOWN_LINE = 160 }; // code points of a source line

static const char *severity_name(const struct diagnostic *diagnostic) {
    switch (diagnostic->severity) {
    case SEVERITY_ERROR: return "error";
    case SEVERITY_WARNING: return "warning";
    }
    return "";
}

static bool is_somewhere(const struct sources *sources, struct span span) {
    return span.file < sources->count;
}

static size_t beyond_cap(const struct diags *diags) {
    size_t errors = 0;
    for (size_t i = 0; i < diags->count; i++) errors += diags->items[i].severity == SEVERITY_ERROR;
    return diags->errors > errors ? diags->errors - errors : 0;
}

// Appends what a terminal and every reader can take: UTF-8 without control characters. Blanks stand for tabs where the
// caller does not ask for them.
static void add_clean(struct text *text, const char *bytes, size_t len, bool keep_tabs) {
    for (size_t at = 0; at < len;) {
        const size_t valid = utf8_valid_prefix(bytes + at, len - at);
        for (size_t i = at; i < at + valid; i++) {
            const bool control = (unsigned char)bytes[i] < 0x20 || bytes[i] == 0x7f;
            text_add_char(text, control && !(keep_tabs && bytes[i] == '\t') ? ' ' : bytes[i]);
        }
        at += valid;
        if (at < len) {
            text_add_string(text, "\xef\xbf\xbd");
            at++;
        }
    }
}

static const char *clean(struct arena *arena, const char *string) {
    struct text text;
    text_init(&text, arena);
    add_clean(&text, string, strlen(string), false);
    return text_string(&text);
}

// ---- for people ----

struct palette {
    const char *place, *error, *warning, *note, *help, *marker, *end;
};

static const struct palette *palette_of(bool colour) {
    static const struct palette plain = {"", "", "", "", "", "", ""};
    static const struct palette coloured = {"\x1b[1m",  "\x1b[1;31m", "\x1b[1;35m", "\x1b[1;36m",
                                            "\x1b[36m", "\x1b[1;32m", "\x1b[0m"};
    return colour ? &coloured : &plain;
}

// Where in the line the code point stands that is `count` code points behind `at`; negative counts go back.
static size_t move(const char *line, size_t len, size_t at, int count) {
    for (; count > 0 && at < len; count--) {
        do at++;
        while (at < len && ((unsigned char)line[at] & 0xc0U) == 0x80);
    }
    for (; count < 0 && at > 0; count++) {
        do at--;
        while (at > 0 && ((unsigned char)line[at] & 0xc0U) == 0x80);
    }
    return at;
}

// The source line with the span marked below it; a long line is cut around the mark.
static void add_source_line(struct text *text, const struct sources *sources, struct span span,
                            const struct palette *palette) {
    const struct source_location at = source_locate(sources, span.file, span.begin);
    const size_t source_begin = (size_t)(at.line_text - sources->items[span.file].text);
    size_t begin = span.begin - source_begin, end = span.end - source_begin;
    if (begin > at.line_len) begin = at.line_len;
    if (end > at.line_len) end = at.line_len;

    const size_t from = move(at.line_text, at.line_len, begin, -SHOWN_BEFORE);
    const size_t to = move(at.line_text, at.line_len, from, SHOWN_LINE);
    if (end > to) end = to;
    const char *const cut = "\xe2\x80\xa6";

    text_printf(text, "%5u | %s", at.line, from ? cut : "");
    add_clean(text, at.line_text + from, to - from, true);
    text_printf(text, "%s\n      | %s", to < at.line_len ? cut : "", from ? " " : "");
    for (size_t i = from; i < begin; i = move(at.line_text, at.line_len, i, 1))
        text_add_char(text, at.line_text[i] == '\t' ? '\t' : ' ');
    text_printf(text, "%s^", palette->marker);
    for (size_t i = move(at.line_text, at.line_len, begin, 1); i < end; i = move(at.line_text, at.line_len, i, 1))
        text_add_char(text, '~');
    text_printf(text, "%s\n", palette->end);
}

static void add_place(struct text *text, const struct sources *sources, struct span span,
                      const struct palette *palette) {
    if (is_somewhere(sources, span)) {
        const struct source_location at = source_locate(sources, span.file, span.begin);
        text_printf(text, "%s%s:%u:%u:%s ", palette->place, clean(text->arena, at.file), at.line, at.column,
                    palette->end);
    } else {
        text_printf(text, "%s" PROJECT_NAME ":%s ", palette->place, palette->end);
    }
}

// Warnings that say the same of several locks, and findings that say it of several objects. From the third on they are
// folded into the first of them.
struct alike {
    size_t *items; // indices, in order
    size_t count;
};
enum { FOLDED_FROM = 3, NAMED = 3 };

// The name that a message is about, with its quotes: the first that it quotes; "" where there is none.
static const char *subject_of(struct arena *arena, const char *message) {
    const char *begin = strchr(message, '\''), *end = begin ? strchr(begin + 1, '\'') : NULL;
    return end ? arena_copy(arena, begin, (size_t)(end - begin + 1)) : "";
}

// The message without the names that it quotes. An apostrophe within a word quotes nothing.
static void add_wording(struct text *text, const char *message) {
    bool quoted = false;
    for (const char *c = message; *c; c++) {
        if (!quoted) text_add_char(text, *c);
        if (*c == '\'') quoted = !quoted && (c == message || c[-1] == ' ');
    }
}

// Of what 'klockc verify' finds.
static bool is_finding(const struct diagnostic *diagnostic) {
    return diagnostic->code >= DIAG_MISSING_OBJECT && diagnostic->code <= DIAG_MISSING_ANCHOR;
}

static const char *wording_of(struct arena *arena, const struct diagnostic *diagnostic) {
    struct text text;
    text_init(&text, arena);
    text_printf(&text, "%d %u %d ", (int)diagnostic->code, diagnostic->span.file, (int)diagnostic->severity);
    // A transformer does the same to objects of all kinds, which stand before their names.
    add_wording(&text, diagnostic->message + (is_finding(diagnostic) ? strcspn(diagnostic->message, "'") : 0));
    // Help about RBAC says the binding's name.
    const bool about_rbac = diag_is_about_rbac(diag_info(diagnostic->code));
    text_printf(&text, "\n%s", diagnostic->help && !about_rbac ? diagnostic->help : "");
    return text_string(&text);
}

static bool can_be_folded(const struct sources *sources, const struct diagnostic *diagnostic) {
    if (is_finding(diagnostic)) return is_somewhere(sources, diagnostic->span);
    return diag_info(diagnostic->code)->severity == SEVERITY_WARNING && is_somewhere(sources, diagnostic->span) &&
           (!is_somewhere(sources, diagnostic->related) || diag_is_about_rbac(diag_info(diagnostic->code)));
}

// For each diagnostic those that are alike; NULL for what is said once.
static struct alike **find_alike(struct arena *arena, const struct diags *diags, const struct sources *sources) {
    struct alike **result = ARENA_ARRAY(arena, struct alike *, diags->count);
    struct map known;
    map_init(&known, arena);
    for (size_t i = 0; i < diags->count; i++) {
        if (!can_be_folded(sources, &diags->items[i])) continue;
        const char *wording = wording_of(arena, &diags->items[i]);
        result[i] = map_get(&known, wording);
        if (!result[i]) map_set(&known, wording, result[i] = ARENA_NEW(arena, struct alike));
        ARENA_PUSH(arena, result[i]->items, result[i]->count, i);
    }
    return result;
}

// "note: the same of 19 others: 'team-b' (line 14), 'team-c' (line 23), 'team-d' (line 32) … 'team-t' (line 176)"
static void add_others(struct text *text, const struct alike *alike, const struct diags *diags,
                       const struct sources *sources, const struct palette *palette) {
    text_printf(text, "%snote:%s the same of %zu others:", palette->note, palette->end, alike->count - 1);
    for (size_t i = 1; i < alike->count; i++) {
        if (i > NAMED && i + 1 < alike->count) continue;
        const struct diagnostic *other = &diags->items[alike->items[i]];
        const char *subject = subject_of(text->arena, other->message);
        const bool left_out = i + 1 == alike->count && i > NAMED + 1;
        text_printf(text, "%s%s%s(line %u)",
                    left_out ? " … "
                    : i > 1  ? ", "
                             : " ",
                    subject, *subject ? " " : "", source_locate(sources, other->span.file, other->span.begin).line);
    }
    text_add_char(text, '\n');
}

static void print_human(struct text *text, const struct diags *diags, const struct sources *sources, bool colour) {
    const struct palette *palette = palette_of(colour);
    struct alike **alike = find_alike(text->arena, diags, sources);
    for (size_t i = 0; i < diags->count; i++) {
        const struct diagnostic *diagnostic = &diags->items[i];
        const struct diag_info *info = diag_info(diagnostic->code);
        const bool folded = alike[i] && alike[i]->count >= FOLDED_FROM;
        if (folded && alike[i]->items[0] != i) continue;
        add_place(text, sources, diagnostic->span, palette);
        text_printf(text, "%s%s:%s %s [%s %s]\n",
                    diagnostic->severity == SEVERITY_ERROR ? palette->error : palette->warning,
                    severity_name(diagnostic), palette->end, diagnostic->message, info->code, info->name);
        if (is_somewhere(sources, diagnostic->span)) add_source_line(text, sources, diagnostic->span, palette);
        if (is_somewhere(sources, diagnostic->related)) {
            add_place(text, sources, diagnostic->related, palette);
            text_printf(text, "%snote:%s %s\n", palette->note, palette->end, diagnostic->related_label);
            add_source_line(text, sources, diagnostic->related, palette);
        }
        if (diagnostic->help) text_printf(text, "%shelp:%s %s\n", palette->help, palette->end, diagnostic->help);
        if (folded) add_others(text, alike[i], diags, sources, palette);
    }
    const size_t more = beyond_cap(diags);
    if (more) text_printf(text, PROJECT_NAME ": %zu more errors are not shown\n", more);
}

// ---- JSON ----

static void set_int(struct arena *arena, struct value *map, const char *key, size_t number) {
    value_set(arena, map, key, value_int(arena, (int64_t)number));
}

// Adds file, line, column, endLine, endColumn, offset and endOffset; nothing when the span is nowhere.
static void set_place(struct arena *arena, struct value *map, const struct sources *sources, struct span span) {
    if (!is_somewhere(sources, span)) return;
    const struct source_location begin = source_locate(sources, span.file, span.begin);
    const struct source_location end = source_locate(sources, span.file, span.end);
    value_set_string(arena, map, "file", clean(arena, begin.file));
    set_int(arena, map, "line", begin.line);
    set_int(arena, map, "column", begin.column);
    set_int(arena, map, "endLine", end.line);
    set_int(arena, map, "endColumn", end.column);
    set_int(arena, map, "offset", span.begin);
    set_int(arena, map, "endOffset", span.end);
}

static void print_json(struct text *text, const struct diags *diags, const struct sources *sources) {
    struct arena *arena = text->arena;
    struct value *list = value_list(arena);
    for (size_t i = 0; i < diags->count; i++) {
        const struct diagnostic *diagnostic = &diags->items[i];
        const struct diag_info *info = diag_info(diagnostic->code);
        struct value *map = value_map(arena);
        value_set_string(arena, map, "code", info->code);
        value_set_string(arena, map, "name", info->name);
        value_set_string(arena, map, "severity", severity_name(diagnostic));
        value_set_string(arena, map, "message", diagnostic->message);
        set_place(arena, map, sources, diagnostic->span);
        if (is_somewhere(sources, diagnostic->related)) {
            struct value *related = value_map(arena);
            value_set_string(arena, related, "message", diagnostic->related_label);
            set_place(arena, related, sources, diagnostic->related);
            value_set(arena, map, "related", related);
        }
        if (diagnostic->help) value_set_string(arena, map, "help", diagnostic->help);
        if (diagnostic->fix_text) {
            struct value *fix = value_map(arena);
            value_set_string(arena, fix, "text", diagnostic->fix_text);
            set_place(arena, fix, sources, diagnostic->fix);
            value_set(arena, map, "fix", fix);
        }
        value_append(arena, list, map);
    }
    json_print(text, list, true);
    text_add_char(text, '\n');
}

// ---- fingerprints ----

// What tells a finding from others while the lines above it change: code, file and message, and which of the same it
// is.
struct fingerprints {
    struct map counts; // by code, file and message: size_t *
};

static const char *fingerprint(struct fingerprints *fingerprints, const struct sources *sources, const char *code,
                               struct span span, const char *message) {
    struct arena *arena = fingerprints->counts.arena;
    const char *file = is_somewhere(sources, span) ? sources->items[span.file].name : "";
    const char *key = arena_printf(arena, "%s\n%s\n%s", code, file, message);
    size_t *count = map_get(&fingerprints->counts, key);
    if (!count) map_set(&fingerprints->counts, key, count = ARENA_NEW(arena, size_t));
    return arena_printf(arena, "%016" PRIx64 ":%zu", text_hash(key), ++*count);
}

// ---- SARIF 2.1.0 ----

static struct value *sarif_message(struct arena *arena, const char *string) {
    struct value *message = value_map(arena);
    value_set_string(arena, message, "text", string);
    return message;
}

static struct value *sarif_artifact(struct arena *arena, const char *file) {
    struct text uri;
    text_init(&uri, arena);
    if (file[0] == '/') text_add_string(&uri, "file://");
    for (const char *c = file; *c; c++) {
        const bool plain =
            (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9') || strchr("-._~/", *c);
        if (plain) {
            text_add_char(&uri, *c);
        } else {
            text_printf(&uri, "%%%02X", (unsigned)(unsigned char)*c);
        }
    }
    struct value *artifact = value_map(arena);
    value_set_string(arena, artifact, "uri", text_string(&uri));
    return artifact;
}

static struct value *sarif_region(struct arena *arena, const struct sources *sources, struct span span) {
    const struct source_location begin = source_locate(sources, span.file, span.begin);
    const struct source_location end = source_locate(sources, span.file, span.end);
    struct value *region = value_map(arena);
    set_int(arena, region, "startLine", begin.line);
    set_int(arena, region, "startColumn", begin.column);
    set_int(arena, region, "endLine", end.line);
    set_int(arena, region, "endColumn", end.column);
    set_int(arena, region, "byteOffset", span.begin);
    set_int(arena, region, "byteLength", span.end - span.begin);
    return region;
}

static struct value *sarif_location(struct arena *arena, const struct sources *sources, struct span span) {
    struct value *physical = value_map(arena);
    value_set(arena, physical, "artifactLocation", sarif_artifact(arena, sources->items[span.file].name));
    value_set(arena, physical, "region", sarif_region(arena, sources, span));
    struct value *location = value_map(arena);
    value_set(arena, location, "physicalLocation", physical);
    return location;
}

static struct value *list_of(struct arena *arena, struct value *only) {
    struct value *list = value_list(arena);
    value_append(arena, list, only);
    return list;
}

static struct value *sarif_fix(struct arena *arena, const struct sources *sources,
                               const struct diagnostic *diagnostic) {
    struct value *replacement = value_map(arena);
    value_set(arena, replacement, "deletedRegion", sarif_region(arena, sources, diagnostic->fix));
    value_set(arena, replacement, "insertedContent", sarif_message(arena, diagnostic->fix_text));
    struct value *change = value_map(arena);
    value_set(arena, change, "artifactLocation", sarif_artifact(arena, sources->items[diagnostic->fix.file].name));
    value_set(arena, change, "replacements", list_of(arena, replacement));
    struct value *fix = value_map(arena);
    if (diagnostic->help) value_set(arena, fix, "description", sarif_message(arena, diagnostic->help));
    value_set(arena, fix, "artifactChanges", list_of(arena, change));
    return fix;
}

static struct value *sarif_rules(struct arena *arena) {
    struct value *rules = value_list(arena);
    for (int code = 0; code < DIAG_COUNT; code++) {
        const struct diag_info *info = diag_info((enum diag_code)code);
        struct value *rule = value_map(arena);
        value_set_string(arena, rule, "id", info->code);
        value_set_string(arena, rule, "name", info->name);
        value_set(arena, rule, "shortDescription", sarif_message(arena, info->summary));
        struct text help;
        text_init(&help, arena);
        text_printf(&help, "%s%s", *info->explanation ? info->explanation : info->summary,
                    *info->example ? "\n\nExample:\n" : "\n");
        if (*info->example) text_printf(&help, "%s\n", info->example);
        text_printf(&help, "\nMore: klockc explain %s", info->code);
        value_set(arena, rule, "help", sarif_message(arena, text_string(&help)));
        struct value *configuration = value_map(arena);
        value_set_string(arena, configuration, "level", info->severity == SEVERITY_ERROR ? "error" : "warning");
        value_set(arena, rule, "defaultConfiguration", configuration);
        value_append(arena, rules, rule);
    }
    return rules;
}

static struct value *sarif_result(struct fingerprints *fingerprints, const struct sources *sources,
                                  const struct diagnostic *diagnostic) {
    struct arena *arena = fingerprints->counts.arena;
    struct value *result = value_map(arena);
    const char *code = diag_info(diagnostic->code)->code;
    value_set_string(arena, result, "ruleId", code);
    set_int(arena, result, "ruleIndex", (size_t)diagnostic->code);
    value_set_string(arena, result, "level", severity_name(diagnostic));
    const char *message = diagnostic->message;
    if (diagnostic->help) message = arena_printf(arena, "%s\nhelp: %s", message, diagnostic->help);
    value_set(arena, result, "message", sarif_message(arena, message));
    if (is_somewhere(sources, diagnostic->span))
        value_set(arena, result, "locations", list_of(arena, sarif_location(arena, sources, diagnostic->span)));
    struct value *prints = value_map(arena);
    value_set_string(arena, prints, "klockc/v1",
                     fingerprint(fingerprints, sources, code, diagnostic->span, diagnostic->message));
    value_set(arena, result, "partialFingerprints", prints);
    if (is_somewhere(sources, diagnostic->related)) {
        struct value *related = sarif_location(arena, sources, diagnostic->related);
        value_set(arena, related, "message", sarif_message(arena, diagnostic->related_label));
        value_set(arena, result, "relatedLocations", list_of(arena, related));
    }
    if (diagnostic->fix_text && is_somewhere(sources, diagnostic->fix))
        value_set(arena, result, "fixes", list_of(arena, sarif_fix(arena, sources, diagnostic)));
    return result;
}

// A warning that somebody accepted is no alert, and who reviews alerts sees that it is there and why.
static struct value *sarif_accepted(struct fingerprints *fingerprints, const struct sources *sources,
                                    const struct acceptance *acceptance) {
    struct arena *arena = fingerprints->counts.arena;
    const struct diagnostic diagnostic = {.code = acceptance->code,
                                          .severity = SEVERITY_WARNING,
                                          .span = acceptance->span,
                                          .message = acceptance->message,
                                          .related = span_none(),
                                          .fix = span_none()};
    struct value *result = sarif_result(fingerprints, sources, &diagnostic), *suppression = value_map(arena);
    // GitHub shows what is suppressed beside the rest, whatever the reason: as notes there, which block nothing.
    value_set_string(arena, result, "level", "note");
    value_set_string(arena, suppression, "kind", "inSource");
    value_set_string(arena, suppression, "status", "accepted");
    if (acceptance->reason) value_set_string(arena, suppression, "justification", acceptance->reason);
    value_set(arena, result, "suppressions", list_of(arena, suppression));
    return result;
}

static void print_sarif(struct text *text, const struct diags *diags, const struct sources *sources) {
    struct arena *arena = text->arena;
    struct value *driver = value_map(arena);
    value_set_string(arena, driver, "name", PROJECT_NAME);
    value_set_string(arena, driver, "semanticVersion", klock_version());
    value_set(arena, driver, "rules", sarif_rules(arena));
    struct value *tool = value_map(arena);
    value_set(arena, tool, "driver", driver);
    struct value *results = value_list(arena);
    struct fingerprints fingerprints;
    map_init(&fingerprints.counts, arena);
    for (size_t i = 0; i < diags->count; i++) {
        struct value *result = sarif_result(&fingerprints, sources, &diags->items[i]);
        // Where something is suppressed, all results have to say whether they are.
        value_set(arena, result, "suppressions", value_list(arena));
        value_append(arena, results, result);
    }
    for (size_t i = 0; i < diags->accepted_count; i++)
        value_append(arena, results, sarif_accepted(&fingerprints, sources, &diags->accepted[i]));
    struct value *run = value_map(arena);
    value_set(arena, run, "tool", tool);
    value_set_string(arena, run, "columnKind", "unicodeCodePoints");
    value_set(arena, run, "results", results);
    struct value *log = value_map(arena);
    value_set_string(arena, log, "$schema", "https://json.schemastore.org/sarif-2.1.0.json");
    value_set_string(arena, log, "version", "2.1.0");
    value_set(arena, log, "runs", list_of(arena, run));
    json_print(text, log, true);
    text_add_char(text, '\n');
}

// ---- GitHub's workflow commands ----

static void add_github(struct text *text, const char *string, bool property) {
    for (const char *c = string; *c; c++) {
        if (*c == '%' || *c == '\r' || *c == '\n' || (property && (*c == ':' || *c == ','))) {
            text_printf(text, "%%%02X", (unsigned)(unsigned char)*c);
        } else {
            text_add_char(text, *c);
        }
    }
}

static void print_github(struct text *text, const struct diags *diags, const struct sources *sources) {
    for (size_t i = 0; i < diags->count; i++) {
        const struct diagnostic *diagnostic = &diags->items[i];
        const struct diag_info *info = diag_info(diagnostic->code);
        text_printf(text, "::%s ", severity_name(diagnostic));
        if (is_somewhere(sources, diagnostic->span)) {
            const struct source_location begin = source_locate(sources, diagnostic->span.file, diagnostic->span.begin);
            const struct source_location end = source_locate(sources, diagnostic->span.file, diagnostic->span.end);
            text_add_string(text, "file=");
            add_github(text, clean(text->arena, begin.file), true);
            text_printf(text, ",line=%u,endLine=%u,col=%u,endColumn=%u,", begin.line, end.line, begin.column,
                        end.column);
        }
        text_printf(text, "title=%s %s::", info->code, info->name);
        add_github(text, diagnostic->message, false);
        if (diagnostic->help) {
            text_add_string(text, "%0Ahelp: ");
            add_github(text, diagnostic->help, false);
        }
        text_add_char(text, '\n');
    }
}

// ---- GitLab's report of code quality ----

static void print_gitlab(struct text *text, const struct diags *diags, const struct sources *sources) {
    struct arena *arena = text->arena;
    struct value *list = value_list(arena);
    struct fingerprints fingerprints;
    map_init(&fingerprints.counts, arena);
    for (size_t i = 0; i < diags->count; i++) {
        const struct diagnostic *diagnostic = &diags->items[i];
        const struct diag_info *info = diag_info(diagnostic->code);
        const bool somewhere = is_somewhere(sources, diagnostic->span);
        struct value *finding = value_map(arena), *location = value_map(arena), *lines = value_map(arena);
        value_set_string(arena, finding, "description",
                         diagnostic->help ? arena_printf(arena, "%s; help: %s", diagnostic->message, diagnostic->help)
                                          : diagnostic->message);
        value_set_string(arena, finding, "check_name", arena_printf(arena, "%s %s", info->code, info->name));
        value_set_string(arena, finding, "fingerprint",
                         fingerprint(&fingerprints, sources, info->code, diagnostic->span, diagnostic->message));
        value_set_string(arena, finding, "severity", diagnostic->severity == SEVERITY_ERROR ? "major" : "minor");
        // Each finding has a file and a line, or GitLab leaves it out.
        const struct source_location at = somewhere
                                              ? source_locate(sources, diagnostic->span.file, diagnostic->span.begin)
                                              : (struct source_location){.file = PROJECT_NAME, .line = 1};
        value_set_string(arena, location, "path", clean(arena, at.file));
        set_int(arena, lines, "begin", at.line);
        value_set(arena, location, "lines", lines);
        value_set(arena, finding, "location", location);
        value_append(arena, list, finding);
    }
    json_print(text, list, true);
    text_add_char(text, '\n');
}

// ---- JUnit ----

static void add_xml(struct text *text, const char *string) {
    for (const char *c = string; *c; c++) {
        switch (*c) {
        case '&': text_add_string(text, "&amp;"); break;
        case '<': text_add_string(text, "&lt;"); break;
        case '>': text_add_string(text, "&gt;"); break;
        case '"': text_add_string(text, "&quot;"); break;
        default: text_add_char(text, *c);
        }
    }
}

// One case for each file, which fails with the errors in it; warnings are its output.
static void junit_case(struct text *text, const struct diags *diags, const struct sources *sources, uint32_t file) {
    const char *name = file < sources->count ? clean(text->arena, sources->items[file].name) : PROJECT_NAME;
    text_add_string(text, "    <testcase classname=\"" PROJECT_NAME "\" name=\"");
    add_xml(text, name);
    text_add_string(text, "\">\n");
    for (int errors = 1; errors >= 0; errors--) {
        bool open = false;
        for (size_t i = 0; i < diags->count; i++) {
            const struct diagnostic *diagnostic = &diags->items[i];
            const bool here =
                is_somewhere(sources, diagnostic->span) ? diagnostic->span.file == file : file == sources->count;
            if (!here || (diagnostic->severity == SEVERITY_ERROR) != (errors == 1)) continue;
            if (!open) {
                text_add_string(text, errors ? "      <failure type=\"error\" message=\"" : "      <system-out>");
                if (errors) {
                    add_xml(text, diagnostic->message);
                    text_add_string(text, "\">");
                }
                open = true;
            }
            const struct diag_info *info = diag_info(diagnostic->code);
            add_xml(text, name);
            if (is_somewhere(sources, diagnostic->span)) {
                const struct source_location at = source_locate(sources, file, diagnostic->span.begin);
                text_printf(text, ":%u:%u", at.line, at.column);
            }
            text_printf(text, ": %s: ", severity_name(diagnostic));
            add_xml(text, diagnostic->message);
            text_printf(text, " [%s %s]\n", info->code, info->name);
        }
        if (open) text_add_string(text, errors ? "</failure>\n" : "</system-out>\n");
    }
    text_add_string(text, "    </testcase>\n");
}

static void print_junit(struct text *text, const struct diags *diags, const struct sources *sources) {
    size_t failures = 0, nowhere = 0;
    for (uint32_t file = 0; file <= sources->count; file++) {
        bool failed = false, used = false;
        for (size_t i = 0; i < diags->count; i++) {
            const struct diagnostic *diagnostic = &diags->items[i];
            const uint32_t of =
                is_somewhere(sources, diagnostic->span) ? diagnostic->span.file : (uint32_t)sources->count;
            if (of != file) continue;
            used = true;
            failed = failed || diagnostic->severity == SEVERITY_ERROR;
        }
        failures += failed;
        nowhere += used && file == sources->count;
    }
    const size_t cases = sources->count + nowhere;
    text_add_string(text, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    text_printf(text, "<testsuites name=\"" PROJECT_NAME "\" tests=\"%zu\" failures=\"%zu\" errors=\"0\">\n", cases,
                failures);
    text_printf(text, "  <testsuite name=\"" PROJECT_NAME "\" tests=\"%zu\" failures=\"%zu\" errors=\"0\">\n", cases,
                failures);
    for (uint32_t file = 0; file < cases; file++) junit_case(text, diags, sources, file);
    text_add_string(text, "  </testsuite>\n</testsuites>\n");
}

bool diag_format_find(const char *name, enum diag_format *ret_format) {
    static const char *const names[] = {
        [DIAG_FORMAT_HUMAN] = "human",   [DIAG_FORMAT_JSON] = "json",     [DIAG_FORMAT_SARIF] = "sarif",
        [DIAG_FORMAT_GITHUB] = "github", [DIAG_FORMAT_GITLAB] = "gitlab", [DIAG_FORMAT_JUNIT] = "junit",
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(name, names[i]) != 0) continue;
        *ret_format = (enum diag_format)i;
        return true;
    }
    return false;
}

void diag_print(struct text *text, const struct diags *diags, const struct sources *sources, enum diag_format format,
                bool colour) {
    switch (format) {
    case DIAG_FORMAT_HUMAN: print_human(text, diags, sources, colour); break;
    case DIAG_FORMAT_JSON: print_json(text, diags, sources); break;
    case DIAG_FORMAT_SARIF: print_sarif(text, diags, sources); break;
    case DIAG_FORMAT_GITHUB: print_github(text, diags, sources); break;
    case DIAG_FORMAT_GITLAB: print_gitlab(text, diags, sources); break;
    case DIAG_FORMAT_JUNIT: print_junit(text, diags, sources); break;
    }
}
