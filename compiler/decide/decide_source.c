// ConfigMaps that are locks, read by hand: what is emitted reads them by patterns. See lock_source.h.
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/text.h"
#include "base/texts.h"
#include "data/value.h"
#include "decide/decide_internal.h"
#include "policy/lock_source.h"

static bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\n';
}

static const char *trimmed(struct arena *arena, const char *text, size_t len) {
    while (len && is_blank(*text)) text++, len--;
    while (len && is_blank(text[len - 1])) len--;
    return arena_copy(arena, text, len);
}

// What stands between the marks, without the blanks around it.
static struct texts split(struct arena *arena, const char *text, char mark) {
    struct texts parts = {0};
    for (;;) {
        const char *end = strchr(text, mark);
        const char *part = trimmed(arena, text, end ? (size_t)(end - text) : strlen(text));
        ARENA_PUSH(arena, parts.items, parts.count, part);
        if (!end) return parts;
        text = end + 1;
    }
}

static bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static bool is_small(char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

// Letters at both ends, and these characters between them.
static bool is_name(const char *text, size_t len, bool (*letter)(char c), const char *between) {
    if (!len || !letter(text[0]) || !letter(text[len - 1])) return false;
    for (size_t i = 0; i < len; i++)
        if (!letter(text[i]) && !strchr(between, text[i])) return false;
    return true;
}

static bool is_key(const char *text) {
    const char *slash = strchr(text, '/');
    if (slash && !is_name(text, (size_t)(slash - text), is_small, "-.")) return false;
    const char *name = slash ? slash + 1 : text;
    return is_name(name, strlen(name), is_letter, "-_.");
}

static bool is_requirement(struct arena *arena, const char *text) {
    const struct texts sides = split(arena, text, '=');
    if (sides.count > 2 || !is_key(sides.items[0])) return false;
    const char *value = sides.count == 2 ? sides.items[1] : "";
    return !*value || is_name(value, strlen(value), is_letter, "-_.");
}

// What is behind the word and one blank; NULL where another word is there.
static const char *behind(const char *text, const char *word) {
    const size_t len = strlen(word);
    return strncmp(text, word, len) == 0 && text[len] == ' ' ? text + len + 1 : NULL;
}

// NAMESPACE/NAME; NULL where no account is meant.
static const char *account_of(const char *text) {
    const char *account = behind(text, "serviceaccount");
    return account ? account : behind(text, "sa");
}

static bool is_printable(const char *text) {
    for (const char *c = text; *c; c++)
        if (*c < ' ' || *c > '~') return false;
    return *text && *text != ' ';
}

static bool is_subject(const char *text) {
    const char *account = account_of(text), *group = behind(text, "group"), *user = behind(text, "user");
    const char *slash = account ? strchr(account, '/') : NULL;
    if (account)
        return slash && is_name(account, (size_t)(slash - account), is_small, "-") &&
               is_name(slash + 1, strlen(slash + 1), is_small, "-.");
    if (group) return is_printable(group) && strncmp(group, "system:", strlen("system:")) != 0;
    return user && is_printable(user);
}

static const char *text_at(const struct value *source, const char *key) {
    const struct value *value = value_dig(source, "data", key, NULL);
    return value && value->kind == VALUE_STRING ? value->as.string : NULL;
}

static bool is_within(const char *text, size_t length) {
    return utf8_length(text, strlen(text)) <= length;
}

static bool are_labels(struct arena *arena, const char *text) {
    if (!text || !is_within(text, SOURCE_LABELS_LENGTH)) return false;
    const struct texts parts = split(arena, text, ',');
    for (size_t i = 0; i < parts.count; i++)
        if (!is_requirement(arena, parts.items[i])) return false;
    return parts.count <= SOURCE_MAX_LABELS;
}

static bool are_subjects(struct arena *arena, const char *text) {
    if (!is_within(text, SOURCE_EXCLUSIVE_LENGTH)) return false;
    const struct texts parts = split(arena, text, ',');
    for (size_t i = 0; i < parts.count; i++)
        if (!is_subject(parts.items[i])) return false;
    return parts.count <= SOURCE_MAX_SUBJECTS;
}

static bool is_line(const char *text) {
    for (const char *c = text; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f) return false;
    return *text && is_within(text, SOURCE_MESSAGE_LENGTH);
}

bool decide_is_source(struct arena *arena, const struct value *object) {
    const struct value *data = value_get(object, "data");
    if (!data || data->kind != VALUE_MAP || value_get(object, "binaryData")) return false;
    for (size_t i = 0; i < data->count; i++) {
        const char *key = data->as.entries[i].key, *text = text_at(object, key);
        if (!text) return false;
        if (strcmp(key, SOURCE_EXCLUSIVE) == 0 ? !are_subjects(arena, text)
            : strcmp(key, SOURCE_MESSAGE) == 0 ? !is_line(text)
                                               : strcmp(key, SOURCE_LABELS) != 0)
            return false;
    }
    return are_labels(arena, text_at(object, SOURCE_LABELS));
}

bool decide_source_selects(struct arena *arena, const struct value *source, const struct value *object) {
    if (!decide_is_source(arena, source)) return true;
    const struct texts parts = split(arena, text_at(source, SOURCE_LABELS), ',');
    for (size_t i = 0; i < parts.count; i++) {
        const struct texts sides = split(arena, parts.items[i], '=');
        const struct value *label = value_dig(object, "metadata", "labels", sides.items[0], NULL);
        if (!label || label->kind != VALUE_STRING) return false;
        if (sides.count == 2 && strcmp(label->as.string, sides.items[1]) != 0) return false;
    }
    return true;
}

static bool is_requester(struct arena *arena, const struct request *request, const char *subject) {
    const char *account = account_of(subject), *group = behind(subject, "group"), *user = behind(subject, "user");
    if (group) return decide_in_group(request, group);
    if (user) return strcmp(request->user, user) == 0;
    const char *slash = strchr(account, '/');
    return strcmp(request->user, arena_printf(arena, "system:serviceaccount:%.*s:%s", (int)(slash - account), account,
                                              slash + 1)) == 0;
}

bool decide_source_names(struct arena *arena, const struct value *source, const struct request *request) {
    const char *subjects = source && decide_is_source(arena, source) ? text_at(source, SOURCE_EXCLUSIVE) : NULL;
    if (!subjects) return false;
    const struct texts parts = split(arena, subjects, ',');
    for (size_t i = 0; i < parts.count; i++)
        if (is_requester(arena, request, parts.items[i])) return true;
    return false;
}

static bool is_same_object(const struct value *a, const struct value *b) {
    const struct value *x = value_get(a, "metadata"), *y = value_get(b, "metadata");
    return strcmp(value_get_string(x, "name"), value_get_string(y, "name")) == 0 &&
           strcmp(value_get_string(x, "namespace"), value_get_string(y, "namespace")) == 0;
}

// The ConfigMap that the request is about, as it is stored; NULL where it is about something else.
static const struct value *stored_of(const struct request *request) {
    const bool is_config_map = !*request->group && strcmp(request->resource, "configmaps") == 0;
    return is_config_map ? request->old_object : NULL;
}

static bool is_of_source(const struct lock *lock, const struct request *request, const struct value *given) {
    const bool is_namespace = !*request->group && strcmp(request->resource, "namespaces") == 0;
    const char *namespace = is_namespace ? request->name : request->namespace;
    const struct value *metadata = value_get(given, "metadata");
    if (strcmp(value_get_string(metadata, "namespace"), namespace) != 0) return false;
    const struct value *label = value_dig(metadata, "labels", lock->source->key, NULL);
    if (!label || label->kind != VALUE_STRING) return false;
    for (size_t i = 0; i < lock->source->value_count; i++)
        if (strcmp(lock->source->values[i], label->as.string) == 0) return true;
    return !lock->source->value_count;
}

const struct value *decide_next_source(const struct lock *lock, const struct request *request, size_t *at) {
    const struct value *stored = stored_of(request);
    while (*at <= request->given_count) {
        const size_t i = (*at)++;
        const struct value *one = i < request->given_count ? request->given[i] : stored;
        if (!one || (one != stored && stored && is_same_object(one, stored))) continue;
        if (is_of_source(lock, request, one)) return one;
    }
    return NULL;
}

// ---- messages ----

struct shown {
    const char *key, *text;
    size_t order;
};

static int compare_shown(const void *a, const void *b) {
    const struct shown *x = a, *y = b;
    const int keys = strcmp(x->key, y->key);
    return keys ? keys : (x->order > y->order) - (x->order < y->order);
}

static void add_map(struct arena *arena, struct text *text, const struct value *source) {
    if (!decide_is_source(arena, source)) {
        text_add_string(text, SOURCE_UNREADABLE);
        return;
    }
    const struct texts parts = split(arena, text_at(source, SOURCE_LABELS), ',');
    struct shown *all = ARENA_ARRAY(arena, struct shown, parts.count);
    for (size_t i = 0; i < parts.count; i++) {
        const struct texts sides = split(arena, parts.items[i], '=');
        const char *value = sides.count == 2 ? sides.items[1] : "*";
        all[i] = (struct shown){sides.items[0], arena_printf(arena, "%s:%s", sides.items[0], value), i};
    }
    qsort(all, parts.count, sizeof *all, compare_shown);
    text_add_string(text, ": map[");
    for (size_t i = 0; i < parts.count; i++) text_printf(text, "%s%s", i ? " " : "", all[i].text);
    text_add_char(text, ']');
    const char *message = text_at(source, SOURCE_MESSAGE);
    if (message) text_printf(text, ": %s", message);
}

static void add_allowed(struct arena *arena, struct text *text, const struct value *source) {
    const char *subjects = decide_is_source(arena, source) ? text_at(source, SOURCE_EXCLUSIVE) : NULL;
    const struct texts parts = subjects ? split(arena, subjects, ',') : (struct texts){0};
    for (size_t i = 0; i < parts.count; i++) text_printf(text, ", %s", parts.items[i]);
}

const char *decide_message(struct arena *arena, const struct lock *lock, const struct value *source) {
    struct text text;
    if (!lock->source) return lock->message;
    text_init(&text, arena);
    for (const char *c = lock->message; *c; c++) {
        if (*c == SOURCE_MARK_MAP[0])
            add_map(arena, &text, source);
        else if (*c == SOURCE_MARK_NAME[0])
            text_add_string(&text, value_get_string(value_get(source, "metadata"), "name"));
        else if (*c == SOURCE_MARK_ALLOWED[0])
            add_allowed(arena, &text, source);
        else
            text_add_char(&text, *c);
    }
    return text_string(&text);
}
