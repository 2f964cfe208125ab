// Names of subjects that the object and the request give: group "team-{namespace label team}".
#include <string.h>

#include "base/arena.h"
#include "base/map.h"
#include "base/text.h"
#include "data/value.h"
#include "kubernetes/account.h"
#include "kubernetes/kube.h"
#include "lower/lower.h"
#include "report/diag.h"

static const char system_prefix[] = "system:";

// ---- names ----

static void add_text(struct arena *arena, struct formula *join, const char *text) {
    if (!*text) return;
    struct formula *part = formula_new(arena, FORMULA_TEXT);
    const struct value *value = value_string(arena, text);
    ARENA_PUSH(arena, part->values, part->value_count, value);
    ARENA_PUSH(arena, join->operands, join->operand_count, part);
}

// What may stand between braces, by the words before the key.
static const struct reading {
    const char *words;
    bool has_key;
    enum formula_kind kind;
} readings[] = {
    {"namespace label", true, FORMULA_NAMESPACE_LABEL},
    {"label", true, FORMULA_LABEL},
    {"annotation", true, FORMULA_ANNOTATION},
    {"namespace", false, FORMULA_NAMESPACE},
    {"name", false, FORMULA_NAME},
};

static struct formula *bad_reading(struct lowering *lowering, struct word word, const char *text) {
    diag_report(lowering->diags, DIAG_BAD_NAME, word.span, "'{%.80s}' does not say what is read there", text);
    diag_help(lowering->diags,
              "in a name stand {label KEY}, {annotation KEY}, {namespace}, {name} and {namespace label "
              "KEY}; '{{' is a brace");
    return NULL;
}

// `text` is what stands between the braces.
static struct formula *lower_placeholder(struct lowering *lowering, struct word word, const char *text) {
    for (size_t i = 0; i < sizeof readings / sizeof *readings; i++) {
        const size_t len = strlen(readings[i].words);
        if (strncmp(text, readings[i].words, len) != 0) continue;
        const char *key = text + len + strspn(text + len, " ");
        if (readings[i].has_key ? text[len] != ' ' || !*key || strchr(key, ' ') : *key != 0) continue;
        if (readings[i].has_key && !kube_is_label_key(key)) {
            diag_report(lowering->diags, DIAG_BAD_NAME, word.span, "'%.80s' is not a valid label or annotation key",
                        key);
            diag_help(lowering->diags, "%s", lower_label_key_rule);
            return NULL;
        }
        struct formula *reading = formula_new(lowering->arena, readings[i].kind);
        reading->key = readings[i].has_key ? key : NULL;
        return reading;
    }
    return bad_reading(lowering, word, text);
}

static struct formula *unclosed(struct lowering *lowering, struct word word) {
    diag_report(lowering->diags, DIAG_BAD_NAME, word.span, "a '{' that no '}' closes");
    diag_help(lowering->diags, "close it with '}', or write '{{' for a brace");
    return NULL;
}

struct formula *lower_join(struct lowering *lowering, struct word word) {
    struct arena *arena = lowering->arena;
    struct formula *join = formula_new(arena, FORMULA_JOIN);
    struct text plain;
    text_init(&plain, arena);
    const char *at = word.text;
    while (*at) {
        if (!word.quoted || *at != '{') {
            text_add_char(&plain, *at++);
        } else if (at[1] == '{') {
            text_add_char(&plain, '{');
            at += 2;
        } else {
            const char *end = strchr(at, '}');
            struct formula *reading =
                end ? lower_placeholder(lowering, word, arena_copy(arena, at + 1, (size_t)(end - at - 1)))
                    : unclosed(lowering, word);
            if (!reading) return NULL;
            add_text(arena, join, text_string(&plain));
            text_init(&plain, arena);
            ARENA_PUSH(arena, join->operands, join->operand_count, reading);
            at = end + 1;
        }
    }
    add_text(arena, join, text_string(&plain));
    return join;
}

const char *lower_join_text(const struct formula *join) {
    if (!join->operand_count) return "";
    return join->operand_count == 1 && join->operands[0]->kind == FORMULA_TEXT ? join->operands[0]->values[0]->as.string
                                                                               : NULL;
}

// Whether the name could begin with system: without the policy saying so. Labels and namespaces have no colon.
static bool may_become_system(const struct formula *join) {
    const bool begins = join->operands[0]->kind == FORMULA_TEXT;
    const char *first = begins ? join->operands[0]->values[0]->as.string : "";
    if (strncmp(first, system_prefix, strlen(first)) != 0 || strlen(first) >= sizeof system_prefix - 1) return false;
    bool colon = false;
    for (size_t i = 0; i < join->operand_count; i++) {
        const struct formula *part = join->operands[i];
        if (part->kind == FORMULA_TEXT) colon |= strchr(part->values[0]->as.string, ':') != NULL;
        colon |= part->kind == FORMULA_ANNOTATION || part->kind == FORMULA_NAME;
    }
    return colon;
}

struct formula *lower_computed(struct lowering *lowering, enum formula_kind kind, struct formula *join) {
    struct formula *atom = formula_new(lowering->arena, kind);
    atom->compare = CMP_EQ;
    // Whoever makes the object may say that it is alice's, but not that it is everybody's.
    join->not_system = kind == FORMULA_GROUP && may_become_system(join);
    ARENA_PUSH(lowering->arena, atom->operands, atom->operand_count, join);
    return atom;
}

// The name with a letter in place of each part that is read.
static const char *sample(struct arena *arena, const struct formula *join) {
    struct text text;
    text_init(&text, arena);
    for (size_t i = 0; i < join->operand_count; i++)
        text_add_string(&text, join->operands[i]->kind == FORMULA_TEXT ? join->operands[i]->values[0]->as.string : "x");
    return text_string(&text);
}

static bool is_account(struct arena *arena, const char *text) {
    const char *slash = strchr(text, '/');
    return slash && kube_is_dns_label(arena_copy(arena, text, (size_t)(slash - text))) &&
           kube_is_dns_subdomain(slash + 1);
}

// The text with the first slash made what stands there in the name of the user.
static const char *as_user_part(struct arena *arena, const char *text, bool first) {
    const char *slash = strchr(text, '/');
    return arena_printf(arena, "%s%.*s%s%s", first ? ACCOUNT_USER_PREFIX : "",
                        (int)(slash ? (size_t)(slash - text) : strlen(text)), text, slash ? ":" : "",
                        slash ? slash + 1 : "");
}

struct formula *lower_computed_account(struct lowering *lowering, struct word word, const struct formula *join) {
    struct arena *arena = lowering->arena;
    if (!is_account(arena, sample(arena, join))) {
        diag_report(lowering->diags, DIAG_BAD_NAME, word.span, "'%s' is not a valid service account", word.text);
        diag_help(lowering->diags, "write NAMESPACE/NAME, such as \"{namespace}/operator\"");
        return NULL;
    }
    struct formula *user = formula_new(arena, FORMULA_JOIN);
    if (join->operands[0]->kind != FORMULA_TEXT) add_text(arena, user, ACCOUNT_USER_PREFIX);
    for (size_t i = 0; i < join->operand_count; i++) {
        if (join->operands[i]->kind == FORMULA_TEXT)
            add_text(arena, user, as_user_part(arena, join->operands[i]->values[0]->as.string, !i));
        else
            ARENA_PUSH(arena, user->operands, user->operand_count, join->operands[i]);
    }
    return lower_computed(lowering, FORMULA_USER, user);
}

bool lower_refuse_computed(struct lowering *lowering, const struct subjects *subjects, struct span span,
                           const char *message) {
    for (size_t i = 0; i < subjects->other_count; i++) {
        if (!formula_is_computed(subjects->others[i])) continue;
        diag_report(lowering->diags, DIAG_COMPUTED_SUBJECT, span, "%s", message);
        diag_help(lowering->diags, "write the name as it is; in quotes, '{{' is a brace");
        return true;
    }
    return false;
}

// ---- what gives them their names ----

static bool reads_object(const struct formula *part) {
    return part->kind == FORMULA_LABEL || part->kind == FORMULA_ANNOTATION || part->kind == FORMULA_NAME;
}

// The key holds what it held, or is as absent as it was.
static struct formula *stays(struct arena *arena, const struct formula *reading) {
    struct formula *absent[2];
    for (size_t i = 0; i < 2; i++) {
        struct formula *exists = formula_new(arena, reading->kind);
        exists->compare = CMP_EXISTS;
        exists->key = reading->key;
        exists->reads_stored = i == 1;
        absent[i] = formula_not(arena, exists);
    }
    struct formula *same = formula_new(arena, reading->kind), *stored = formula_new(arena, reading->kind);
    same->compare = CMP_EQ;
    same->key = stored->key = reading->key;
    stored->reads_stored = true;
    ARENA_PUSH(arena, same->operands, same->operand_count, stored);
    return formula_or(arena, formula_and(arena, absent[0], absent[1]), same);
}

static void add_names(struct arena *arena, const struct formula *expr, struct map *known, struct formula **all) {
    for (size_t i = 0; i < expr->operand_count; i++) {
        const struct formula *part = expr->operands[i];
        add_names(arena, part, known, all);
        if (expr->kind != FORMULA_JOIN || (part->kind != FORMULA_LABEL && part->kind != FORMULA_ANNOTATION)) continue;
        const char *key = arena_printf(arena, "%d %s", (int)part->kind, part->key);
        if (map_get(known, key)) continue;
        map_set(known, key, known);
        *all = formula_and(arena, *all, stays(arena, part));
    }
}

struct formula *lower_names_actors(struct arena *arena, const struct lock *lock) {
    const struct subjects *const some[] = {&lock->passes, &lock->break_glass};
    struct formula *all = NULL;
    struct map known;
    map_init(&known, arena);
    for (size_t i = 0; i < sizeof some / sizeof *some; i++)
        for (size_t j = 0; j < some[i]->other_count; j++) add_names(arena, some[i]->others[j], &known, &all);
    return all;
}

// ---- the same actors, of other objects ----

static struct formula *keep(struct arena *arena, struct formula *part, const void *context) {
    (void)arena, (void)context;
    return part;
}

static struct formula *ask_namespace(struct arena *arena, struct formula *part, const void *context) {
    (void)arena, (void)context;
    if (reads_object(part) || part->kind == FORMULA_TENANT) return NULL;
    if (part->kind == FORMULA_NAMESPACE) part->kind = FORMULA_NAME;
    if (part->kind == FORMULA_NAMESPACE_LABEL) part->kind = FORMULA_LABEL;
    return part;
}

static struct formula *ask_beside(struct arena *arena, struct formula *part, const void *context) {
    (void)arena, (void)context;
    return reads_object(part) ? NULL : part;
}

static struct formula *ask_owned(struct arena *arena, struct formula *part, const void *context) {
    (void)arena, (void)context;
    return part->kind == FORMULA_ANNOTATION || part->kind == FORMULA_NAME ? NULL : part;
}

static struct formula *ask_nothing(struct arena *arena, struct formula *part, const void *context) {
    (void)arena, (void)context;
    return part->kind == FORMULA_JOIN || part->kind == FORMULA_TENANT ? NULL : part;
}

static void drop_label(struct arena *arena, struct subjects *subjects, const struct subjects *from) {
    subjects->labels = NULL;
    subjects->label_count = 0;
    for (size_t i = 0; i < from->label_count; i++) {
        bool computed = false;
        for (size_t j = 0; j < from->computed_count && !computed; j++)
            computed = strcmp(from->computed[j], from->labels[i]) == 0;
        if (!computed) ARENA_PUSH(arena, subjects->labels, subjects->label_count, from->labels[i]);
    }
}

struct subjects lower_subjects_of(struct arena *arena, const struct subjects *from, enum object_relation relation) {
    static formula_change *const changes[] = {
        [SAME_OBJECT] = keep,         [OWNED_OBJECT] = ask_owned,
        [OBJECT_BESIDE] = ask_beside, [ITS_NAMESPACE] = ask_namespace,
        [OTHER_OBJECT] = ask_nothing,
    };
    if (!from->computed_count || relation == SAME_OBJECT) return *from;
    struct subjects some = *from;
    bool dropped = false;
    some.others = NULL;
    some.other_count = 0;
    for (size_t i = 0; i < from->other_count; i++) {
        if (!formula_is_computed(from->others[i])) {
            ARENA_PUSH(arena, some.others, some.other_count, from->others[i]);
            continue;
        }
        struct formula *other = formula_map(arena, from->others[i], changes[relation], NULL);
        if (other) ARENA_PUSH(arena, some.others, some.other_count, other);
        dropped |= !other;
    }
    if (dropped) drop_label(arena, &some, from);
    return some;
}
