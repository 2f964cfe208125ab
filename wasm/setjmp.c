// What clang 14 to 17 calls in the place of setjmp and longjmp when it makes exceptions of them
// (-mllvm -wasm-enable-sjlj; llvm/lib/Target/WebAssembly/WebAssemblyLowerEmscriptenEHSjLj.cpp). A function that calls
// setjmp has a table of the places where it did; a longjmp is an exception, which it catches and looks up there.
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>

// A call of setjmp: which of all it is, and where its function goes on. Tables end with an id of 0.
struct place {
    uintptr_t id;
    uint32_t label;
};

// What the exception carries.
struct thrown {
    void *environment;
    int value;
};

// The names are the compiler's.
struct place *saveSetjmp(uintptr_t *environment, uint32_t label, struct place *table, uint32_t size);
uint32_t testSetjmp(uintptr_t id, const struct place *table, uint32_t size);
void setTempRet0(uint32_t value);
uint32_t getTempRet0(void);
_Noreturn void __wasm_longjmp(void *environment, int value);

static uintptr_t last_id;
static uint32_t second_result;

void setTempRet0(uint32_t value) {
    second_result = value;
}

uint32_t getTempRet0(void) {
    return second_result;
}

// Gives the environment an id and the table a place for it; returns the table, and its size by setTempRet0.
struct place *saveSetjmp(uintptr_t *environment, uint32_t label, struct place *table, uint32_t size) {
    *environment = ++last_id;
    for (uint32_t i = 0; i < size; i++) {
        if (table[i].id != 0) continue;
        table[i] = (struct place){*environment, label};
        table[i + 1].id = 0;
        setTempRet0(size);
        return table;
    }
    table = realloc(table, (2 * size + 1) * sizeof *table);
    if (!table) abort();
    table[size].id = 0;
    table = saveSetjmp(environment, label, table, 2 * size);
    setTempRet0(2 * size);
    return table;
}

// Where the function goes on for the environment with this id; 0 when its setjmp was called elsewhere.
uint32_t testSetjmp(uintptr_t id, const struct place *table, uint32_t size) {
    for (uint32_t i = 0; i < size && table[i].id != 0; i++)
        if (table[i].id == id) return table[i].label;
    return 0;
}

_Noreturn void __wasm_longjmp(void *environment, int value) {
    enum { LONGJMP_TAG = 1 };
    // One exception is under way at a time, and it is read before the next.
    static struct thrown thrown;
    thrown = (struct thrown){environment, value ? value : 1};
    __builtin_wasm_throw(LONGJMP_TAG, &thrown);
    __builtin_unreachable();
}
