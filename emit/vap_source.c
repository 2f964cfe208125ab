// What ConfigMaps say that are locks, in CEL. Total: one that says something else is read as a lock on everything, and
// lengths are asked for before anything goes through a text, so that no ConfigMap can make an expression fail.
#include <string.h>

#include "base/arena.h"
#include "base/text.h"
#include "emit/vap_internal.h"
#include "policy/lock_source.h"

#define BLANKS "[ \\t\\n]*"
#define KEY "([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?"
#define VALUE "([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?"
#define REQUIREMENT KEY "(" BLANKS "=" BLANKS VALUE ")?"
#define SUBJECT                                                                                                        \
    "((user|group) [!-+\\x2d-~][ -+\\x2d-~]*|(serviceaccount|sa) [a-z0-9]([-a-z0-9]*[a-z0-9])?/"                       \
    "[a-z0-9]([-a-z0-9.]*[a-z0-9])?)"
#define LINE "^[^\\x00-\\x1f\\x7f]+$"

// The pattern of a list of such elements, at most so many, as a literal of CEL.
static const char *list_of(struct arena *arena, const char *element, int count) {
    return arena_printf(arena, "r'^" BLANKS "%s(" BLANKS "," BLANKS "%s){0,%d}" BLANKS "$'", element, element,
                        count - 1);
}

// That a lock can be read from the object that the expression is.
static struct cel_node *is_source(struct arena *arena, const char *object) {
    struct text text;
    text_init(&text, arena);
    text_printf(&text, "has(%s.data) && !has(%s.binaryData) && %s.data.size() <= %d", object, object, object,
                SOURCE_KEYS);
    text_printf(&text, " && %s.data.all(k, k in ['" SOURCE_EXCLUSIVE "', '" SOURCE_LABELS "', '" SOURCE_MESSAGE "'])",
                object);
    text_printf(&text,
                " && '" SOURCE_LABELS "' in %s.data && %s.data." SOURCE_LABELS ".size() <= %d && %s.data." SOURCE_LABELS
                ".matches(%s)",
                object, object, SOURCE_LABELS_LENGTH, object, list_of(arena, REQUIREMENT, SOURCE_MAX_LABELS));
    text_printf(&text,
                " && (!('" SOURCE_EXCLUSIVE "' in %s.data) || %s.data." SOURCE_EXCLUSIVE
                ".size() <= %d && %s.data." SOURCE_EXCLUSIVE ".matches(%s)"
                " && !%s.data." SOURCE_EXCLUSIVE ".split(',').exists(e, e.trim().startsWith('group system:')))",
                object, object, SOURCE_EXCLUSIVE_LENGTH, object, list_of(arena, SUBJECT, SOURCE_MAX_SUBJECTS), object);
    text_printf(&text,
                " && (!('" SOURCE_MESSAGE "' in %s.data) || %s.data." SOURCE_MESSAGE
                ".size() <= %d && %s.data." SOURCE_MESSAGE ".matches(r'" LINE "'))",
                object, object, SOURCE_MESSAGE_LENGTH, object);
    return cel_quote(arena, text_string(&text));
}

// The same of the parameter, and of what is stored; each is asked once.
static struct cel_node *is_readable(struct builder *builder) {
    return vap_add_once(builder, "readable", is_source(builder->arena, "params"));
}

struct cel_node *vap_is_source(struct builder *builder, const struct formula *expr) {
    const bool of_new = expr->state == STATE_NEW || (expr->state == STATE_SELF && vap_reads_new(builder));
    (void)(of_new ? USE(new) : USE(stored));
    return is_source(builder->arena, of_new ? "variables.new" : "variables.stored");
}

struct cel_node *vap_source_selects(struct builder *builder, const struct formula *expr) {
    struct arena *arena = builder->arena;
    const bool of_new = !builder->exempt && (expr->state == STATE_NEW || vap_reads_new(builder));
    const char *labels = of_new ? "variables.newLabels" : "variables.labels";
    (void)(of_new ? USE(newLabels) : USE(labels));
    const char *text = arena_printf(arena,
                                    "params.data." SOURCE_LABELS ".split(',').map(t, t.split('=')).all(t, t[0].trim() "
                                    "in %s && (t.size() == 1 || %s[t[0].trim()] == t[1].trim()))",
                                    labels, labels);
    return cel_or(arena, cel_not(arena, is_readable(builder)), cel_quote(arena, text));
}

// That the data of the object, from which a lock can be read, names the requester.
static struct cel_node *names_requester(struct builder *builder, const char *object) {
    struct arena *arena = builder->arena;
    (void)USE(user);
    (void)USE(groups);
    return cel_quote(arena,
                     arena_printf(arena,
                                  "'" SOURCE_EXCLUSIVE "' in %s.data && %s.data." SOURCE_EXCLUSIVE
                                  ".split(',').map(e, e.trim()).exists(e, e == 'user ' + variables.user"
                                  " || e.startsWith('group ') && e.substring(6) in variables.groups"
                                  " || e.startsWith('serviceaccount ') && variables.user == 'system:serviceaccount:' +"
                                  " e.substring(15).replace('/', ':')"
                                  " || e.startsWith('sa ') && variables.user == 'system:serviceaccount:' +"
                                  " e.substring(3).replace('/', ':'))",
                                  object, object));
}

struct cel_node *vap_source_names(struct builder *builder) {
    struct arena *arena = builder->arena;
    const struct lock *model = builder->table->model;
    if (model->source) return cel_and(arena, is_readable(builder), names_requester(builder, "params"));
    if (!model->keeps_source) return builder->never;
    (void)USE(stored);
    return cel_and(arena, is_source(arena, "variables.stored"), names_requester(builder, "variables.stored"));
}

struct cel_node *vap_is_of_source(struct builder *builder) {
    struct arena *arena = builder->arena;
    const struct lock_source *source = builder->policy->source;
    struct cel_node *labels = cel_quote(arena, "params.metadata.labels"), *key = cel_string(arena, source->key);
    struct cel_node *is = cel_and(arena, cel_quote(arena, "has(params.metadata.labels)"), cel_in(arena, key, labels));
    if (!source->value_count) return is;
    return cel_and(arena, is,
                   cel_in(arena, cel_at(arena, labels, key), cel_strings(arena, source->values, source->value_count)));
}

// ---- messages ----

// The labels in the order of their keys, those of one key as they are written.
static const char map_text[] =
    "(readable ? ': map[' + [params.data." SOURCE_LABELS ".split(',').map(t, t.split('=')).map(t, [t[0].trim(), "
    "t[0].trim() + ':' + (t.size() == 1 ? '*' : t[1].trim())])].map(all, [0, 1, 2, 3, 4, 5, 6, 7].map(i, all.filter(t, "
    "all.filter(u, u[0] < t[0]).size() == i).map(t, t[1]).join(' ')).filter(t, t != '').join(' '))[0] + ']' + "
    "('" SOURCE_MESSAGE "' in params.data ? ': ' + params.data." SOURCE_MESSAGE " : '') : '" SOURCE_UNREADABLE "')";
static const char allowed_text[] =
    "(readable && '" SOURCE_EXCLUSIVE "' in params.data ? ', ' + params.data." SOURCE_EXCLUSIVE
    ".split(',').map(e, e.trim()).join(', ') : '')";
_Static_assert(SOURCE_MAX_LABELS == 8, "as many as map_text puts in order");

static struct cel_node *filled_in(struct arena *arena, char mark) {
    if (mark == SOURCE_MARK_NAME[0]) return cel_quote(arena, "params.metadata.name");
    return cel_quote(arena, mark == SOURCE_MARK_MAP[0] ? map_text : allowed_text);
}

struct cel_node *vap_source_message(struct arena *arena, const char *message) {
    struct cel_node *text = NULL, **readable = ARENA_ARRAY(arena, struct cel_node *, 1);
    readable[0] = is_source(arena, "params");
    while (*message) {
        const size_t len = strcspn(message, SOURCE_MARKS);
        struct cel_node *part = len ? cel_string(arena, arena_copy(arena, message, len)) : filled_in(arena, *message);
        text = text ? cel_binary(arena, text, "+", part) : part;
        message += len ? len : 1;
    }
    // A list of one binds what is asked twice.
    return cel_at(arena, cel_macro(arena, cel_list(arena, readable, 1), "map", "readable", text),
                  cel_integer(arena, 0));
}
