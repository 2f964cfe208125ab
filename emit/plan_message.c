// What the messages of a table's rows have in common: most differ in nothing but what the row is found by, its lock and
// its actor, so that they can be put together when one is shown. Messages are the longest texts of a lock.
#include <string.h>

#include "base/arena.h"
#include "base/text.h"
#include "data/value.h"
#include "emit/plan_internal.h"
#include "kubernetes/account.h"

static const struct plan_column *column_of(const struct plan_table *table, const struct formula *atom) {
    for (size_t i = 0; i < table->atom_count; i++)
        if (table->atoms[i] == atom) return &table->columns[i];
    return NULL;
}

static const char *single(const struct plan_column *column, size_t row) {
    return column && column->counts[row] == 1 && column->type == PLAN_STRINGS ? column->values[row][0]->as.string
                                                                              : NULL;
}

// What the word says of the row; NULL where it says nothing.
static const char *said(struct arena *arena, const struct plan_table *table, const struct plan_word *word, size_t row) {
    const char *namespace, *name, *user = single(&table->users, row);
    switch (word->kind) {
    case WORD_TEXT: return word->text;
    case WORD_LOCK: return table->locks[row]->name;
    case WORD_KEY: return single(column_of(table, table->key_atoms[word->key]), row);
    case WORD_ACTOR:
        if (!user || !account_is_user(user)) return user ? arena_printf(arena, "user %s", user) : NULL;
        if (!account_parse(arena, user, &namespace, &name) || strchr(name, ':')) return NULL;
        return arena_printf(arena, "serviceaccount %s/%s", namespace, name);
    }
    return NULL;
}

static bool fits(struct arena *arena, const struct plan_table *table, const struct plan_message *message, size_t row) {
    const char *at = table->locks[row]->message;
    for (size_t i = 0; i < message->count; i++) {
        const char *text = said(arena, table, &message->words[i], row);
        if (!text || strncmp(at, text, strlen(text)) != 0) return false;
        at += strlen(text);
    }
    return !*at;
}

struct mould {
    struct arena *arena;
    const struct plan_table *table;
    struct plan_message message;
    const char *rest; // of the first row's message
};

static void add_word(struct mould *mould, enum plan_word_kind kind, const char *text, size_t key) {
    const struct plan_word word = {kind, text, key};
    ARENA_PUSH(mould->arena, mould->message.words, mould->message.count, word);
}

// Goes on behind the text that stands between `before` and `after`, if it is there.
static void add_found(struct mould *mould, const struct plan_word *word, const char *before, const char *after) {
    const char *text = said(mould->arena, mould->table, word, 0);
    if (!text) return;
    const char *at = strstr(mould->rest, arena_printf(mould->arena, "%s%s%s", before, text, after));
    if (!at) return;
    const size_t len = (size_t)(at - mould->rest) + strlen(before);
    add_word(mould, WORD_TEXT, arena_copy(mould->arena, mould->rest, len), 0);
    add_word(mould, word->kind, NULL, word->key);
    mould->rest += len + strlen(text);
}

// The labels that the lock asks for come first, by key as they are written, then the lock, then who may.
static void add_keys(struct mould *mould) {
    for (size_t round = 0; round < mould->table->key_count; round++)
        for (size_t i = 0; i < mould->table->key_count; i++) {
            const struct formula *atom = mould->table->key_atoms[i];
            const struct plan_word word = {WORD_KEY, NULL, i};
            bool known = false;
            for (size_t k = 0; k < mould->message.count; k++)
                known |= mould->message.words[k].kind == WORD_KEY && mould->message.words[k].key == i;
            if (known || atom->kind != FORMULA_LABEL) continue;
            add_found(mould, &word, arena_printf(mould->arena, "map[%s:", atom->key), "");
            add_found(mould, &word, arena_printf(mould->arena, " %s:", atom->key), "");
        }
}

void plan_compose_messages(struct arena *arena, struct plan_table *table) {
    struct mould mould = {.arena = arena, .table = table, .rest = table->locks[0]->message};
    if (!table->key_value_count || table->messages.uniform || table->model->guard_label_in) return;
    add_keys(&mould);
    add_found(&mould, &(struct plan_word){.kind = WORD_LOCK}, "(lock ", " of policy ");
    if (!table->users.uniform) add_found(&mould, &(struct plan_word){.kind = WORD_ACTOR}, "only ", " may");
    add_word(&mould, WORD_TEXT, mould.rest, 0);
    size_t fitting = 0;
    table->composed = ARENA_ARRAY(arena, bool, table->row_count);
    for (size_t row = 0; row < table->row_count; row++) {
        table->composed[row] = fits(arena, table, &mould.message, row);
        fitting += table->composed[row];
    }
    if (2 * fitting < table->row_count) return;
    table->message = mould.message;
    table->composes_all = fitting == table->row_count;
}
