// Bump allocator; see arena.h.
#include "base/arena.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/format.h"

enum { BLOCK_SIZE = 64 * 1024, LARGE = BLOCK_SIZE / 4 };
// Where an arena has grown to this, its blocks are so large that the system hands them out zeroed.
enum { WIDE_SINCE = 512 * 1024, WIDE_BLOCK_SIZE = 256 * 1024 };

struct arena_block {
    struct arena_block *next;
    size_t used, size;
    max_align_t data[];
};

void arena_init(struct arena *arena, jmp_buf *exhausted) {
    *arena = (struct arena){.exhausted = exhausted};
}

static void free_blocks(struct arena_block *block) {
    for (struct arena_block *next; block; block = next) {
        next = block->next;
        free(block);
    }
}

void arena_release(struct arena *arena) {
    if (arena->scratch) arena_release(arena->scratch);
    free_blocks(arena->blocks);
    free_blocks(arena->spare);
    arena_init(arena, arena->exhausted);
}

struct arena *arena_scratch(struct arena *arena) {
    if (!arena->scratch) {
        struct arena *scratch = ARENA_NEW(arena, struct arena);
        arena->scratch = scratch;
    }
    arena->scratch->exhausted = arena->exhausted;
    return arena->scratch;
}

// Blocks of their own are of no size that anybody else asks for.
void arena_clear(struct arena *arena) {
    for (struct arena_block *block = arena->blocks, *next; block; block = next) {
        next = block->next;
        if (block->size == BLOCK_SIZE || block->size == WIDE_BLOCK_SIZE) {
            block->next = arena->spare;
            arena->spare = block;
        } else {
            free(block);
        }
    }
    arena->blocks = NULL;
    arena->size = 0;
}

_Noreturn void arena_exhausted(struct arena *arena) {
    longjmp(*arena->exhausted, 1);
}

static struct arena_block *new_block(struct arena *arena, size_t size) {
    struct arena_block *block = size > SIZE_MAX - sizeof *block ? NULL : calloc(1, sizeof *block + size);
    if (!block) return NULL;
    block->size = size;
    arena->size += size;
    return block;
}

// One that was used before, if there is any; what was written to it is zeroed anew.
static struct arena_block *next_block(struct arena *arena) {
    struct arena_block *block = arena->spare;
    if (!block) return new_block(arena, arena->size < WIDE_SINCE ? BLOCK_SIZE : WIDE_BLOCK_SIZE);
    arena->spare = block->next;
    arena->size += block->size;
    memset(block->data, 0, block->used);
    block->used = 0;
    return block;
}

// What there is no object of, long double and vectors, would take twice as much.
union widest {
    void *pointer;
    int64_t integer;
    double number;
};

static size_t aligned(size_t size) {
    const size_t align = _Alignof(union widest);
    return size ? (size + align - 1) / align * align : align;
}

void *arena_try_alloc(struct arena *arena, size_t size) {
    if (size > SIZE_MAX - sizeof(max_align_t)) return NULL;
    size = aligned(size);

    struct arena_block *block = arena->blocks;
    if (size > LARGE) {
        // A block of its own, behind the current one, which keeps the rest of its room.
        struct arena_block *own = new_block(arena, size);
        if (!own) return NULL;
        own->used = size;
        if (block) {
            own->next = block->next;
            block->next = own;
        } else {
            arena->blocks = own;
        }
        return own->data;
    }
    if (!block || block->size - block->used < size) {
        block = next_block(arena);
        if (!block) return NULL;
        block->next = arena->blocks;
        arena->blocks = block;
    }
    void *memory = (char *)block->data + block->used;
    block->used += size;
    return memory;
}

void *arena_alloc(struct arena *arena, size_t size) {
    void *memory = arena_try_alloc(arena, size);
    if (!memory) arena_exhausted(arena);
    return memory;
}

bool arena_extend(struct arena *arena, void *memory, size_t size, size_t wanted) {
    struct arena_block *block = arena->blocks;
    if (!block || wanted > LARGE) return false;
    char *const end = (char *)block->data + block->used;
    if ((char *)memory + aligned(size) != end || wanted < size) return false;
    const size_t more = aligned(wanted) - aligned(size);
    if (block->size - block->used < more) return false;
    block->used += more;
    return true;
}

char *arena_copy(struct arena *arena, const char *bytes, size_t len) {
    char *copy = arena_alloc(arena, len + 1);
    if (len) memcpy(copy, bytes, len);
    return copy;
}

char *arena_printf(struct arena *arena, const char *format, ...) {
    char few[512];
    va_list args;
    va_start(args, format);
    const int len = format_print(few, sizeof few, format, args);
    va_end(args);
    if (len < 0) arena_exhausted(arena);
    if ((size_t)len < sizeof few) return arena_copy(arena, few, (size_t)len);
    char *text = arena_alloc(arena, (size_t)len + 1);
    va_start(args, format);
    format_print(text, (size_t)len + 1, format, args);
    va_end(args);
    return text;
}

void *arena_grow(struct arena *arena, void *items, size_t count, size_t item_size) {
    if (count && (count & (count - 1))) return items;
    const size_t capacity = count ? count * 2 : 1;
    if (capacity > SIZE_MAX / item_size) arena_exhausted(arena);
    void *grown = arena_alloc(arena, capacity * item_size);
    if (count) memcpy(grown, items, count * item_size);
    return grown;
}
