// What a refused requester reads.
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/limits.h"
#include "base/text.h"
#include "data/value.h"
#include "lower/lower.h"
#include "policy/lock_source.h"
#include "report/diag.h"
#include "report/source.h"

// The text of a one-line clause, or NULL.
static const char *one_line(struct lowering *lowering, const struct ast_item *item, enum ast_clause_kind kind) {
    const struct ast_clause *clause = lower_find_clause(item, kind);
    if (!clause) return NULL;
    const struct word word = clause->words.items[0];
    for (const char *c = word.text; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f) {
            diag_report(lowering->diags, DIAG_BAD_VALUE, word.span,
                        "a line break or control character in a one-line text");
            diag_help(lowering->diags, "the API server shows one line: join the lines");
            return NULL;
        }
    if (!*word.text) diag_report(lowering->diags, DIAG_BAD_VALUE, word.span, "the text is empty");
    return word.text;
}

// Source text on one line, as it was written.
static void add_source(struct text *text, const struct sources *sources, struct span span) {
    const char *source = sources->items[span.file].text;
    bool blank = false;
    for (uint32_t i = span.begin; i < span.end; i++) {
        const char c = source[i];
        if (c == '\n' || c == '\t' || c == '\r' || c == ' ') {
            blank = text->len > 0;
        } else {
            if (blank) text_add_char(text, ' ');
            blank = false;
            text_add_char(text, c);
        }
    }
}

struct requirement {
    const char *key, *value;
    size_t order; // as written
};

static int by_key_as_written(const void *left, const void *right) {
    const struct requirement *one = left, *other = right;
    const int keys = strcmp(one->key, other->key);
    return keys ? keys : (one->order > other->order) - (one->order < other->order);
}

static const char *reading_text(struct arena *arena, const struct formula *atom) {
    struct text text;
    switch (atom->kind) {
    case FORMULA_USER: return "(user)";
    case FORMULA_NAME: return "(name)";
    case FORMULA_NAMESPACE: return "(namespace)";
    case FORMULA_LABEL: return arena_printf(arena, "(label %s)", atom->key);
    case FORMULA_ANNOTATION: return arena_printf(arena, "(annotation %s)", atom->key);
    case FORMULA_NAMESPACE_LABEL: return arena_printf(arena, "(namespace label %s)", atom->key);
    default: break;
    }
    text_init(&text, arena);
    text_add_string(&text, "(field ");
    for (size_t i = 0; i < atom->path.count; i++)
        text_printf(&text, "%s%s", i ? "." : "", atom->path.segments[i].key ? atom->path.segments[i].key : "*");
    text_add_char(&text, ')');
    return text_string(&text);
}

static const char *order_sign(enum comparison compare) {
    switch (compare) {
    case CMP_LT: return "<";
    case CMP_LE: return "<=";
    case CMP_GT: return ">";
    case CMP_GE: return ">=";
    default: return "";
    }
}

// Requirements on labels as Klock printed them: K:V, V|W for lists, ^V for what must not be.
static void collect_requirements(struct arena *arena, const struct formula *expr, bool negated,
                                 struct requirement **list, size_t *count) {
    if (expr->kind == FORMULA_LABEL) {
        struct text value;
        text_init(&value, arena);
        if (negated) text_add_char(&value, '^');
        if (expr->compare == CMP_EXISTS) text_add_char(&value, '*');
        text_add_string(&value, order_sign(expr->compare));
        if (expr->operand_count) text_add_string(&value, reading_text(arena, expr->operands[0]));
        if (negated && expr->value_count > 1) text_add_char(&value, '(');
        for (size_t i = 0; i < expr->value_count; i++) {
            if (i) text_add_char(&value, '|');
            if (expr->values[i]->kind == VALUE_STRING)
                text_add_string(&value, expr->values[i]->as.string);
            else
                text_printf(&value, "%lld", (long long)expr->values[i]->as.integer);
        }
        if (negated && expr->value_count > 1) text_add_char(&value, ')');
        const struct requirement added = {expr->key, text_string(&value), *count};
        ARENA_PUSH(arena, *list, *count, added);
        return;
    }
    // Of alternatives none is required.
    const bool all = expr->kind == FORMULA_AND && !negated;
    const bool none = expr->kind == FORMULA_OR && negated;
    if (!all && !none && expr->kind != FORMULA_NOT) return;
    for (size_t i = 0; i < expr->operand_count; i++)
        collect_requirements(arena, expr->operands[i], negated != (expr->kind == FORMULA_NOT), list, count);
}

static const char *formula_text(struct arena *arena, const struct formula *formula) {
    struct text text;
    text_init(&text, arena);
    formula_print(&text, formula, FORMULA_WHOLE);
    return text_string(&text);
}

// What each object of the lock is selected by; NULL where that differs.
static const struct formula *common_selection(struct arena *arena, const struct lock *lock) {
    if (!lock->part_count) return lock->selects;
    const struct formula *first = lock->parts[0].selects;
    for (size_t i = 1; i < lock->part_count; i++)
        if (strcmp(formula_text(arena, first), formula_text(arena, lock->parts[i].selects)) != 0) return NULL;
    return first;
}

// "map[aura:red tier:db]", as Klock had it; nothing where no label is required.
static void add_map(struct arena *arena, struct text *text, const struct lock *lock) {
    struct requirement *requirements = NULL;
    size_t count = 0;
    const struct formula *selection = common_selection(arena, lock);
    if (selection) collect_requirements(arena, selection, false, &requirements, &count);
    if (!count) return;
    qsort(requirements, count, sizeof *requirements, by_key_as_written);
    text_add_string(text, ": map[");
    for (size_t i = 0; i < count; i++)
        text_printf(text, "%s%s:%s", i ? " " : "", requirements[i].key, requirements[i].value);
    text_add_char(text, ']');
}

struct labels {
    const char **items;
    size_t count;
};

// Whoever passes: exclusive actors first, then those who are exempt. The lists of most locks are one and the same.
static struct labels passers_of(struct arena *arena, const struct lock *lock) {
    const struct subjects *exclusive = &lock->exclusive, *passes = &lock->passes;
    if (passes->labels == exclusive->labels || !passes->label_count)
        return (struct labels){exclusive->labels, exclusive->label_count};
    struct subjects all = *exclusive;
    lower_add_subjects(arena, &all, passes);
    return (struct labels){all.labels, all.label_count};
}

static void add_labels(struct text *text, const char *const *labels, size_t count) {
    enum { SHOWN = 8 };
    for (size_t i = 0; i < count && i < SHOWN; i++) {
        if (i) text_add_string(text, ", ");
        text_add_string(text, labels[i]);
    }
    if (count > SHOWN) text_printf(text, " and %zu more", count - SHOWN);
}

static void add_glass(struct text *text, const struct lock *lock) {
    if (!lock->break_glass.label_count) return;
    text_add_string(text, "; break-glass: ");
    add_labels(text, lock->break_glass.labels, lock->break_glass.label_count);
}

// Names and conditions may hold line breaks, and the API server refuses a message that does. From `begin` on.
static void join_lines(struct text *text, size_t begin) {
    for (size_t i = begin; i < text->len; i++)
        if ((unsigned char)text->data[i] < ' ' || text->data[i] == 0x7f) text->data[i] = ' ';
}

// What the ConfigMap fills in that is the lock.
static void add_mark(struct text *text, const struct lock *lock, const char *mark, size_t *begin) {
    if (!lock->source) return;
    join_lines(text, *begin);
    text_add_string(text, mark);
    *begin = text->len;
}

static void add_who_may(struct arena *arena, struct text *text, const struct lock *lock, size_t *begin) {
    const struct labels passers = passers_of(arena, lock);
    if (passers.count) {
        text_add_string(text, "only ");
        add_labels(text, passers.items, passers.count);
        add_mark(text, lock, SOURCE_MARK_ALLOWED, begin);
        text_add_string(text, " may");
        add_glass(text, lock);
    } else if (lock->break_glass.label_count) {
        text_add_string(text, "only ");
        add_labels(text, lock->break_glass.labels, lock->break_glass.label_count);
        text_add_string(text, " may, by break-glass");
    } else {
        text_add_string(text, "nobody may");
    }
}

// Whoever satisfies the requirement may, and so may who passes the lock. What is required is NULL where the message
// says it.
static void add_required(struct arena *arena, struct text *text, const struct lock *lock, const char *requirement) {
    const struct labels passers = passers_of(arena, lock);
    text_add_string(text, "required");
    if (passers.count) text_add_string(text, " of all but ");
    add_labels(text, passers.items, passers.count);
    if (requirement) text_printf(text, ": %s", requirement);
    add_glass(text, lock);
}

static const char *written(const struct lowering *lowering, const struct ast_clause *clause) {
    struct text source;
    text_init(&source, lowering->arena);
    add_source(&source, lowering->sources, clause->expr->span);
    return text_string(&source);
}

// Names the lock, who may act, whose it is and what would unlock it, for whoever meets it at three in the morning.
void lower_message(struct lowering *lowering, const struct ast_item *item, struct lock *lock) {
    const char *why = origin_refusal(lock->origin);
    const bool of_lock = item && item->kind == AST_ITEM_LOCK;
    const char *message = of_lock && !why ? one_line(lowering, item, AST_CLAUSE_MESSAGE) : why;
    const char *owner = of_lock ? one_line(lowering, item, AST_CLAUSE_OWNER) : NULL,
               *ticket = of_lock ? one_line(lowering, item, AST_CLAUSE_TICKET) : NULL;
    const struct ast_clause *unless = of_lock && !why ? lower_find_clause(item, AST_CLAUSE_UNLESS) : NULL;
    const struct ast_clause *require = of_lock && !why ? lower_find_clause(item, AST_CLAUSE_REQUIRE) : NULL;
    struct text text;
    size_t begin = 0; // of what may still hold line breaks
    text_init(&text, lowering->arena);
    text_add_string(&text, "denied, there is a lock");
    add_map(lowering->arena, &text, lock);
    if (message) text_printf(&text, ": %s", message);
    add_mark(&text, lock, SOURCE_MARK_MAP, &begin);
    text_printf(&text, " (%s %s of policy %s%s", item && item->kind == AST_ITEM_ACTOR ? "actor" : "lock", lock->name,
                lock->policy, lock->source ? "; ConfigMap " : "");
    add_mark(&text, lock, SOURCE_MARK_NAME, &begin);
    const bool is_said = of_lock && item->made && (require || unless); // by the message, for all but who passes
    if (!is_said || passers_of(lowering->arena, lock).count) {
        text_add_string(&text, "; ");
        if (require && !lock->denies && !lock->acts) {
            add_required(lowering->arena, &text, lock, is_said ? NULL : written(lowering, require));
        } else {
            add_who_may(lowering->arena, &text, lock, &begin);
            if (require && !is_said) text_printf(&text, "; required: %s", written(lowering, require));
        }
    }
    if (unless && !is_said) text_printf(&text, "; unless %s", written(lowering, unless));
    if (owner) text_printf(&text, "; owner: %s", owner);
    if (ticket) text_printf(&text, "; ticket: %s", ticket);
    text_add_char(&text, ')');
    join_lines(&text, begin);
    lock->message = text_string(&text);
    if (text.len > LIMIT_MESSAGE_BYTES) {
        const struct ast_clause *longest = of_lock ? lower_find_clause(item, AST_CLAUSE_MESSAGE) : NULL;
        diag_report(lowering->diags, DIAG_BAD_VALUE, longest ? longest->span : lock->span,
                    "a refusal of %zu bytes exceeds the %d bytes that the API server shows", text.len,
                    LIMIT_MESSAGE_BYTES);
        diag_help(lowering->diags, "shorten the message, owner, ticket, or the expression after unless or require");
    }
}
