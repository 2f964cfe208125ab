// Linked into klockc in place of the system calls by which it writes: the call whose number is in KLOCK_FAIL_AT fails.
// The number of calls there were is the test's to find: a run without a failure ends the series.
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

ssize_t __real_write(int descriptor, const void *bytes, size_t len);
int __real_fsync(int descriptor);
int __real_close(int descriptor);
int __real_rename(const char *from, const char *to);
int __real_mkdir(const char *path, mode_t mode);
int __real_mkstemp(char *path);
int __real_fchmod(int descriptor, mode_t mode);

ssize_t __wrap_write(int descriptor, const void *bytes, size_t len);
int __wrap_fsync(int descriptor);
int __wrap_close(int descriptor);
int __wrap_rename(const char *from, const char *to);
int __wrap_mkdir(const char *path, mode_t mode);
int __wrap_mkstemp(char *path);
int __wrap_fchmod(int descriptor, mode_t mode);

static bool fails(void) {
    static long calls;
    const char *at = getenv("KLOCK_FAIL_AT");
    if (!at || ++calls != strtol(at, NULL, 10)) return false;
    errno = ENOSPC;
    return true;
}

// Messages must come through, so standard error is left alone.
ssize_t __wrap_write(int descriptor, const void *bytes, size_t len) {
    if (descriptor != STDERR_FILENO && fails()) {
        // A full disk takes some bytes before it takes none.
        if (len > 1) (void)!__real_write(descriptor, bytes, len / 2);
        errno = ENOSPC;
        return -1;
    }
    return __real_write(descriptor, bytes, len);
}

int __wrap_fsync(int descriptor) {
    return fails() ? -1 : __real_fsync(descriptor);
}

int __wrap_close(int descriptor) {
    const bool failed = fails();
    const int result = __real_close(descriptor);
    if (failed) errno = ENOSPC;
    return failed ? -1 : result;
}

int __wrap_rename(const char *from, const char *to) {
    return fails() ? -1 : __real_rename(from, to);
}

int __wrap_mkdir(const char *path, mode_t mode) {
    return fails() ? -1 : __real_mkdir(path, mode);
}

int __wrap_mkstemp(char *path) {
    return fails() ? -1 : __real_mkstemp(path);
}

int __wrap_fchmod(int descriptor, mode_t mode) {
    return fails() ? -1 : __real_fchmod(descriptor, mode);
}
