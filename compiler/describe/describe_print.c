// Descriptions as texts: for terminals, for repositories, for other programs.
#include <string.h>

#include "base/arena.h"
#include "base/text.h"
#include "data/json.h"
#include "data/value.h"
#include "describe/describe_internal.h"

// What is said of a lock behind its sentences.
struct section {
    const char *title, *key; // for people and for programs
    const struct phrases *phrases;
    bool in_line; // short ones share a line
};

enum { SECTION_COUNT = 4 };

static void sections_of(const struct lock_description *lock, struct section ret_sections[SECTION_COUNT]) {
    const struct section sections[SECTION_COUNT] = {
        {"also refuses", "outside", &lock->outside, false},
        {"closes", "closed", &lock->closed, false},
        {"lets through", "passing", &lock->passing, true},
        {"stays open", "open", &lock->open, false},
    };
    memcpy(ret_sections, sections, sizeof sections);
}

static const char *word_of(const struct lock_description *lock) {
    static const char *const words[] = {[DESCRIBED_LOCK] = "lock",
                                        [DESCRIBED_ACTOR] = "actor",
                                        [DESCRIBED_WEBHOOK] = "webhook",
                                        [DESCRIBED_TENANT] = "tenant"};
    return words[lock->what];
}

static const char *kind_of(const struct lock_description *lock) {
    return lock->what == DESCRIBED_ACTOR ? "sealed actor" : word_of(lock);
}

// ---- for people ----

enum { WIDTH = 100 };

// The words behind the indentation, in lines of WIDTH; what follows the first line stands two further in.
static void add_wrapped(struct text *text, size_t indentation, const char *mark, const char *words) {
    text_printf(text, "%*s%s", (int)indentation, "", mark);
    const size_t hanging = indentation + strlen(mark);
    size_t column = hanging;
    while (*words) {
        const size_t len = strcspn(words, " ");
        if (column > hanging && column + 1 + len > WIDTH) {
            text_printf(text, "\n%*s", (int)hanging, "");
            column = hanging;
        } else if (column > hanging) {
            text_add_char(text, ' ');
            column++;
        }
        text_add(text, words, len);
        column += len;
        words += len;
        words += strspn(words, " ");
    }
    text_add_char(text, '\n');
}

static const char *on_one_line(struct arena *arena, const struct phrases *phrases) {
    enum { SHOWN = 10 };
    struct text text;
    text_init(&text, arena);
    describe_list(&text, phrases->items, phrases->count, "and", SHOWN);
    return text_string(&text);
}

static void print_section(struct text *text, const struct section *section) {
    const char *title = arena_printf(text->arena, "%s: ", section->title);
    if (!section->phrases->count) return;
    if (section->in_line || section->phrases->count == 1) {
        add_wrapped(text, 4, title, on_one_line(text->arena, section->phrases));
        return;
    }
    text_printf(text, "    %s:\n", section->title);
    for (size_t i = 0; i < section->phrases->count; i++) add_wrapped(text, 6, "- ", section->phrases->items[i]);
}

static void print_lock(struct text *text, const struct lock_description *lock) {
    struct section sections[SECTION_COUNT];
    text_printf(text, "\n  %s %s", kind_of(lock), lock->name);
    if (lock->file) text_printf(text, " (%s:%u)", lock->file, lock->line);
    text_add_char(text, '\n');
    for (size_t i = 0; i < lock->sentences.count; i++) add_wrapped(text, 4, "", lock->sentences.items[i]);
    sections_of(lock, sections);
    for (size_t i = 0; i < SECTION_COUNT; i++) print_section(text, &sections[i]);
}

void describe_print_human(struct text *text, const struct description *description) {
    for (size_t i = 0; i < description->policy_count; i++) {
        const struct policy_description *policy = &description->policies[i];
        text_printf(text, "%spolicy %s\n", i ? "\n" : "", policy->name);
        for (size_t j = 0; j < policy->lock_count; j++) print_lock(text, &policy->locks[j]);
        if (policy->grants.count) text_add_string(text, "\n  grants\n");
        for (size_t j = 0; j < policy->grants.count; j++) add_wrapped(text, 4, "", policy->grants.items[j]);
    }
}

// ---- for repositories ----

// What would be markup is shown as it is.
static void add_escaped(struct text *text, const char *words) {
    for (; *words; words++) {
        if (strchr("\\`*_[]<>|#", *words)) text_add_char(text, '\\');
        text_add_char(text, *words);
    }
}

static void print_markdown_section(struct text *text, const struct section *section) {
    if (!section->phrases->count) return;
    text_printf(text, "\n%c%s:", section->title[0] - 'a' + 'A', section->title + 1);
    if (section->in_line) {
        text_add_char(text, ' ');
        add_escaped(text, on_one_line(text->arena, section->phrases));
        text_add_char(text, '\n');
        return;
    }
    text_add_string(text, "\n\n");
    for (size_t i = 0; i < section->phrases->count; i++) {
        text_add_string(text, "- ");
        add_escaped(text, section->phrases->items[i]);
        text_add_char(text, '\n');
    }
}

static void print_markdown_lock(struct text *text, const struct lock_description *lock) {
    struct section sections[SECTION_COUNT];
    text_printf(text, "\n## %c%s ", kind_of(lock)[0] - 'a' + 'A', kind_of(lock) + 1);
    add_escaped(text, lock->name);
    text_add_char(text, '\n');
    for (size_t i = 0; i < lock->sentences.count; i++) {
        text_add_char(text, '\n');
        add_escaped(text, lock->sentences.items[i]);
        text_add_char(text, '\n');
    }
    sections_of(lock, sections);
    for (size_t i = 0; i < SECTION_COUNT; i++) print_markdown_section(text, &sections[i]);
}

// Without lines of the source, so that a comment there changes nothing here.
void describe_print_markdown(struct text *text, const struct description *description) {
    for (size_t i = 0; i < description->policy_count; i++) {
        const struct policy_description *policy = &description->policies[i];
        text_add_string(text, i ? "\n# Policy " : "# Policy ");
        add_escaped(text, policy->name);
        text_add_char(text, '\n');
        for (size_t j = 0; j < policy->lock_count; j++) print_markdown_lock(text, &policy->locks[j]);
        if (policy->grants.count) text_add_string(text, "\n## Grants\n\n");
        for (size_t j = 0; j < policy->grants.count; j++) {
            text_add_string(text, "- ");
            add_escaped(text, policy->grants.items[j]);
            text_add_char(text, '\n');
        }
    }
}

// ---- for programs ----

static struct value *list_of(struct arena *arena, const struct phrases *phrases) {
    struct value *list = value_list(arena);
    for (size_t i = 0; i < phrases->count; i++) value_append(arena, list, value_string(arena, phrases->items[i]));
    return list;
}

static struct value *value_of_lock(struct arena *arena, const struct lock_description *lock) {
    struct section sections[SECTION_COUNT];
    struct value *value = value_map(arena);
    value_set_string(arena, value, "kind", word_of(lock));
    value_set_string(arena, value, "name", lock->name);
    value_set(arena, value, "file", lock->file ? value_string(arena, lock->file) : value_null(arena));
    value_set(arena, value, "line", value_int(arena, lock->line));
    value_set(arena, value, "sentences", list_of(arena, &lock->sentences));
    sections_of(lock, sections);
    for (size_t i = 0; i < SECTION_COUNT; i++)
        value_set(arena, value, sections[i].key, list_of(arena, sections[i].phrases));
    return value;
}

void describe_print_json(struct text *text, const struct description *description) {
    struct arena *arena = text->arena;
    struct value *whole = value_map(arena), *policies = value_list(arena);
    for (size_t i = 0; i < description->policy_count; i++) {
        const struct policy_description *policy = &description->policies[i];
        struct value *value = value_map(arena), *locks = value_list(arena);
        value_set_string(arena, value, "name", policy->name);
        for (size_t j = 0; j < policy->lock_count; j++)
            value_append(arena, locks, value_of_lock(arena, &policy->locks[j]));
        value_set(arena, value, "locks", locks);
        value_set(arena, value, "grants", list_of(arena, &policy->grants));
        value_append(arena, policies, value);
    }
    value_set(arena, whole, "policies", policies);
    json_print(text, whole, true);
    text_add_char(text, '\n');
}
