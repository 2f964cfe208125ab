// The library for hosts of WebAssembly: there is no file system, and structures are spelt out as arguments. A host
// passes texts in memory that it takes from malloc.
#include <klock/klock.h>

#include "front/load.h"

// klock.read(path, file): the host calls klock_file_give or klock_file_refuse, as for klock_options.read.
__attribute__((import_module("klock"), import_name("read"))) void klock_host_read(const char *path,
                                                                                  struct klock_file *file);

static void read_from_host(void *context, const char *path, struct klock_file *file) {
    (void)context;
    klock_host_read(path, file);
}

KLOCK_API struct klock_compiler *klock_wasm_new(unsigned kubernetes_minor, enum klock_target target, const char *date,
                                                const char *root, bool warnings_as_errors,
                                                enum klock_controllers controllers);

// klock_new with the fields of klock_options as arguments; 0 for what is not said.
struct klock_compiler *klock_wasm_new(unsigned kubernetes_minor, enum klock_target target, const char *date,
                                      const char *root, bool warnings_as_errors, enum klock_controllers controllers) {
    const struct klock_options options = {
        .size = sizeof options,
        .kubernetes_minor = kubernetes_minor,
        .target = target,
        .date = date,
        .root = root,
        .warnings_as_errors = warnings_as_errors,
        .read = read_from_host,
        .controllers = controllers,
    };
    return klock_new(&options);
}

// In the place of compiler/front/load_disk.c, for compilers that klock_new made.
static const char *refuse(void *context, struct arena *arena, const char *path, bool included, size_t *ret_len,
                          const char **ret_reason) {
    (void)context, (void)arena, (void)path, (void)included, (void)ret_len;
    *ret_reason = "there is no file system";
    return NULL;
}

const struct load_reader load_from_disk = {.read = refuse};
