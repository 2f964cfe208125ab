// Bump allocator: everything allocated during a compilation lives in one arena and is freed at once.
#ifndef KLOCK_ARENA_H
#define KLOCK_ARENA_H

#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>

struct arena_block;

struct arena {
    struct arena_block *blocks; // newest first
    struct arena_block *spare;  // those that arena_clear has emptied
    struct arena *scratch;      // NULL until it is asked for
    size_t size;                // of all blocks in use
    jmp_buf *exhausted;         // where arena_alloc goes when memory runs out; never NULL while allocating
};

void arena_init(struct arena *arena, jmp_buf *exhausted);
void arena_release(struct arena *arena);

// A second arena, for what is needed only while something is worked out. There is one: whoever takes it calls nobody
// who takes it as well, and clears it in the end. It is released with the first.
struct arena *arena_scratch(struct arena *arena) __attribute__((returns_nonnull));
// Forgets everything that was allocated; the memory serves what is allocated next.
void arena_clear(struct arena *arena);

// Zeroed memory, aligned for pointers, integers and doubles; size 0 gives a valid unique pointer. Does not return when
// memory runs out: it jumps to arena->exhausted, so whoever calls must own nothing outside the arena.
void *arena_alloc(struct arena *arena, size_t size) __attribute__((returns_nonnull));
// The same, but NULL instead of the jump: for code that runs inside a library of others.
void *arena_try_alloc(struct arena *arena, size_t size);
// Makes what was allocated last larger where it is, and true; the room it gets is zeroed. False, and nothing is
// changed, where something was allocated behind it, or the block has no room.
bool arena_extend(struct arena *arena, void *memory, size_t size, size_t wanted);
// Leaves through arena->exhausted, for failures reported by libraries of others.
_Noreturn void arena_exhausted(struct arena *arena);

// A copy of len bytes with a NUL behind them.
char *arena_copy(struct arena *arena, const char *bytes, size_t len) __attribute__((returns_nonnull));
char *arena_printf(struct arena *arena, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define ARENA_NEW(arena, type) ((type *)arena_alloc((arena), sizeof(type)))
#define ARENA_ARRAY(arena, type, count) ((type *)arena_alloc((arena), sizeof(type) * (count)))

// Appends to an array in the arena that is held as pointer `items` and length `count`; capacities are the powers of
// two, so the place to grow is known from the count alone.
#define ARENA_PUSH(arena, items, count, item)                                                                          \
    do {                                                                                                               \
        (items) = arena_grow((arena), (items), (count), sizeof *(items));                                              \
        (items)[(count)++] = (item);                                                                                   \
    } while (0)
void *arena_grow(struct arena *arena, void *items, size_t count, size_t item_size) __attribute__((returns_nonnull));

#endif
