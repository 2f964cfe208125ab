// The KlockPolicy: every field is known and used, or an error.
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/suggest.h"
#include "base/text.h"
#include "cli/cli_function.h"
#include "cli/cli_options.h"
#include "data/value.h"

// ---- results ----

static void set_string(struct arena *arena, struct value *map, const char *key, const char *string) {
    if (string != NULL && string[0] != '\0') value_set_string(arena, map, key, string);
}

static struct value *reference(struct function *function, const struct item *item) {
    struct arena *arena = function->arena;
    struct value *map = value_map(arena);
    value_set_string(arena, map, "apiVersion", item != NULL ? item->api_version : KLOCK_POLICY_VERSION);
    value_set_string(arena, map, "kind", item != NULL ? item->kind : KLOCK_POLICY_KIND);
    set_string(arena, map, "namespace", item != NULL ? item->namespace : NULL);
    value_set_string(arena, map, "name", item != NULL ? item->name : function->config.name);
    return map;
}

// What every reader and terminal takes, whatever bytes names of files have.
static const char *clean(struct arena *arena, const char *string) {
    struct text text;
    const size_t len = strlen(string);
    text_init(&text, arena);
    for (size_t at = 0; at < len;) {
        const size_t end = at + utf8_valid_prefix(string + at, len - at);
        for (; at < end; at++)
            text_add_char(&text, (unsigned char)string[at] < ' ' || string[at] == 0x7f ? ' ' : string[at]);
        if (at++ < len) text_add_string(&text, "\xef\xbf\xbd");
    }
    return text_string(&text);
}

// Not more of a text than a message has room for.
static const char *shown(struct arena *arena, const char *text) {
    enum { SHOWN = 200 };
    return text_shortened(arena, text, SHOWN);
}

// A map with one key.
static struct value *single(struct arena *arena, const char *key, const char *string) {
    struct value *map = value_map(arena);
    value_set_string(arena, map, key, string);
    return map;
}

void function_add_result(struct function *function, const struct result *result) {
    struct arena *arena = function->arena;
    struct value *map = value_map(arena), *tags = value_map(arena);
    function->errors += !result->is_warning;
    value_set_string(arena, map, "message", clean(arena, result->message));
    value_set_string(arena, map, "severity", result->is_warning ? "warning" : "error");
    if (function->config.name != NULL || result->item != NULL)
        value_set(arena, map, "resourceRef", reference(function, result->item));
    if (result->field != NULL) value_set(arena, map, "field", single(arena, "path", clean(arena, result->field)));
    if (result->file != NULL && result->file[0] != '\0')
        value_set(arena, map, "file", single(arena, "path", clean(arena, result->file)));
    set_string(arena, tags, "code", result->code);
    if (result->line > 0) value_set_string(arena, tags, "line", arena_printf(arena, "%u", result->line));
    if (result->column > 0) value_set_string(arena, tags, "column", arena_printf(arena, "%u", result->column));
    if (tags->count > 0) value_set(arena, map, "tags", tags);
    value_append(arena, function->results, map);
}

bool function_refuse(struct function *function, const char *field, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    const int len = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    if (len < 0) cli_out_of_memory();
    char *message = arena_alloc(function->arena, (size_t)len + 1);
    va_start(arguments, format);
    vsnprintf(message, (size_t)len + 1, format, arguments);
    va_end(arguments);
    const char *name = function->config.name;
    const struct result result = {
        .message = message,
        .field = field,
        .file = field != NULL ? function->config.path : NULL,
    };
    function_add_result(function, &result);
    const char *whose = name != NULL ? arena_printf(function->arena, KLOCK_POLICY_KIND " %s: ", name) : "";
    const char *which = field != NULL ? arena_printf(function->arena, "%s: ", field) : "";
    function_say(function, arena_printf(function->arena, "%s%s%s", whose, which, message));
    return false;
}

void function_say(struct function *function, const char *message) {
    cli_complain("%s", clean(function->arena, message));
}

// ---- fields ----

// "spec.files" and the like.
static const char *path_of(struct function *function, const char *above, const char *key) {
    return above[0] != '\0' ? arena_printf(function->arena, "%s.%s", above, key) : key;
}

static bool check_keys(struct function *function, const struct value *map, const char *above, const char *const *known,
                       size_t count) {
    bool fine = true;
    for (size_t i = 0; i < map->count; i++) {
        const char *key = map->as.entries[i].key;
        bool found = false;
        for (size_t j = 0; j < count; j++) found = found || strcmp(known[j], key) == 0;
        if (found) continue;
        const char *nearest = suggest_nearest(key, known, count);
        fine = nearest != NULL ? function_refuse(function, path_of(function, above, key),
                                                 "there is no such field; did you mean '%s'?", nearest)
                               : function_refuse(function, path_of(function, above, key), "there is no such field");
    }
    return fine;
}

// The text under the key; NULL, and *ret_fine stays as it is, where there is none.
static const char *text_under(struct function *function, const struct value *spec, const char *key, bool *ret_fine) {
    const struct value *value = value_get(spec, key);
    if (value == NULL) return NULL;
    const char *field = path_of(function, "spec", key);
    if (value->kind == VALUE_STRING && value->as.string[0] != '\0') return value->as.string;
    *ret_fine = value->kind == VALUE_STRING ? function_refuse(function, field, "it is empty")
                                            : function_refuse(function, field, "it is not a text; write it in quotes");
    return NULL;
}

// Which of the words the text under the key is; 0 where there is none.
static unsigned word_under(struct function *function, const struct value *spec, const char *key,
                           const char *const *words, size_t count, bool *ret_fine) {
    const char *text = text_under(function, spec, key, ret_fine);
    if (text == NULL) return 0;
    for (unsigned i = 0; i < count; i++)
        if (strcmp(words[i], text) == 0) return i;
    const char *list = words[0];
    for (size_t i = 1; i < count; i++)
        list = arena_printf(function->arena, "%s%s%s", list, i + 1 < count ? ", " : " or ", words[i]);
    *ret_fine = function_refuse(function, path_of(function, "spec", key), "it is %s, not '%s'", list,
                                shown(function->arena, text));
    return 0;
}

#define COUNT(array) (sizeof(array) / sizeof *(array))

// A path that is below the working directory by its words; behind links, reading looks again.
static bool stays_below(const char *path) {
    if (path[0] == '/' || path[0] == '\0') return false;
    for (const char *at = path; *at != '\0';) {
        const size_t len = strcspn(at, "/");
        if (len == 2 && strncmp(at, "..", 2) == 0) return false;
        at += len + (at[len] == '/');
    }
    return true;
}

static bool read_files(struct function *function, const struct value *files) {
    struct function_config *config = &function->config;
    if (files->kind != VALUE_LIST) return function_refuse(function, "spec.files", "it is not a list of paths");
    if (files->count == 0) return function_refuse(function, "spec.files", "it is empty");
    config->files = ARENA_ARRAY(function->arena, const char *, files->count);
    bool fine = true;
    for (size_t i = 0; i < files->count; i++) {
        const struct value *file = files->as.items[i];
        const char *field = arena_printf(function->arena, "spec.files[%zu]", i);
        if (file->kind != VALUE_STRING)
            fine = function_refuse(function, field, "it is not a path");
        else if (!stays_below(file->as.string))
            fine = function_refuse(function, field,
                                   "'%s' is not below the directory of the kustomization; name a path below it, "
                                   "without '..'",
                                   shown(function->arena, file->as.string));
        else
            config->files[config->file_count++] = file->as.string;
    }
    return fine;
}

static bool read_spec(struct function *function, const struct value *spec) {
    static const char *const known[] = {"as",     "files",       "source", "kubernetes",
                                        "target", "controllers", "at",     "warningsAsErrors"};
    static const char *const roles[] = {"generator", "transformer", "validator"};
    static const char *const targets[] = {"api", "static"};
    static const char *const controllers[] = {"both", "separate", "shared"};
    struct function_config *config = &function->config;
    bool fine = check_keys(function, spec, "spec", known, COUNT(known));
    const struct value *files = value_get(spec, "files"), *warnings = value_get(spec, "warningsAsErrors");
    config->source = text_under(function, spec, "source", &fine);
    if (files != NULL && !read_files(function, files)) fine = false;
    if (files != NULL && config->source != NULL)
        fine = function_refuse(function, "spec.source", "there are files as well; give one of the two");
    if (files == NULL && value_get(spec, "source") == NULL)
        fine = function_refuse(function, "spec", "it names no policy; give files, or the policy itself as source");
    const char *minor = text_under(function, spec, "kubernetes", &fine);
    if (minor != NULL && (config->kubernetes_minor = cli_read_minor(minor)) == 0)
        fine = function_refuse(function, "spec.kubernetes", "'%s' is not a version such as 1.30",
                               shown(function->arena, minor));
    config->date = text_under(function, spec, "at", &fine);
    if (config->date != NULL && !klock_is_day(config->date))
        fine = function_refuse(function, "spec.at", "'%s' is not a date (YYYY-MM-DD); write it in quotes",
                               shown(function->arena, config->date));
    config->role = (enum function_role)word_under(function, spec, "as", roles, COUNT(roles), &fine);
    config->target = (enum klock_target)word_under(function, spec, "target", targets, COUNT(targets), &fine);
    config->controllers =
        (enum klock_controllers)word_under(function, spec, "controllers", controllers, COUNT(controllers), &fine);
    if (warnings != NULL && warnings->kind != VALUE_BOOL)
        fine = function_refuse(function, "spec.warningsAsErrors", "it is neither true nor false");
    else
        config->warnings_as_errors = warnings != NULL && warnings->as.boolean;
    return fine;
}

bool function_read_config(struct function *function, const struct value *object, const char *place) {
    static const char *const known[] = {"apiVersion", "kind", "metadata", "spec"};
    struct function_config *config = &function->config;
    if (object == NULL)
        return function_refuse(function, NULL,
                               "there is no functionConfig; it is a " KLOCK_POLICY_KIND " of " KLOCK_POLICY_VERSION);
    if (object->kind != VALUE_MAP)
        return function_refuse(function, NULL, "%s is not a " KLOCK_POLICY_KIND " of " KLOCK_POLICY_VERSION, place);
    const struct value *metadata = value_get(object, "metadata"), *spec = value_get(object, "spec");
    const struct value *annotations = value_get(metadata, "annotations");
    const char *version = value_get_string(object, "apiVersion"), *kind = value_get_string(object, "kind");
    if (strcmp(version, KLOCK_POLICY_VERSION) != 0 || strcmp(kind, KLOCK_POLICY_KIND) != 0)
        return function_refuse(function, NULL,
                               "%s is a '%s' of '%s', not a " KLOCK_POLICY_KIND " of " KLOCK_POLICY_VERSION, place,
                               shown(function->arena, kind), shown(function->arena, version));
    config->path = value_get_string(annotations, "internal.config.kubernetes.io/path");
    if (config->path[0] == '\0') config->path = value_get_string(annotations, "config.kubernetes.io/path");
    const char *name = value_get_string(metadata, "name");
    if (name[0] == '\0') return function_refuse(function, "metadata.name", "the " KLOCK_POLICY_KIND " has no name");
    config->name = name;
    bool fine = check_keys(function, object, "", known, COUNT(known));
    if (spec == NULL || spec->kind != VALUE_MAP)
        return function_refuse(function, "spec", "it names no policy; give files, or the policy itself as source");
    return read_spec(function, spec) && fine;
}
