// A list of texts; see texts.h.
#include "base/texts.h"

#include <string.h>

#include "base/arena.h"
#include "base/text.h"

void texts_push(struct arena *arena, struct texts *texts, const char *text) {
    ARENA_PUSH(arena, texts->items, texts->count, text);
}

void texts_add(struct arena *arena, struct texts *texts, const char *text) {
    if (!texts_has(texts, text)) texts_push(arena, texts, text);
}

bool texts_has(const struct texts *texts, const char *text) {
    return text_is_among(texts->items, texts->count, text);
}
