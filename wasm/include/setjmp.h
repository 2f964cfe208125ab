// The libc of WASI has no setjmp.h; clang turns the calls into exceptions of WebAssembly, and wasm/setjmp.c has what it
// asks for.
#ifndef KLOCK_WASM_SETJMP_H
#define KLOCK_WASM_SETJMP_H

// Large enough for what wasm/setjmp.c keeps in it.
typedef struct {
    unsigned long words[4];
} jmp_buf[1];

int setjmp(jmp_buf environment) __attribute__((returns_twice));
_Noreturn void longjmp(jmp_buf environment, int value);

#endif
