#define _XOPEN_SOURCE 700 // realpath

#include "cli/cli_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void files_guard_standard_descriptors(void) {
    for (int descriptor = STDIN_FILENO; descriptor <= STDERR_FILENO; descriptor++) {
        if (fcntl(descriptor, F_GETFD) != -1 || errno != EBADF) continue;
        // The lowest free number is this one. Standard input that was closed is at its end, and writing to a descriptor
        // that is only readable fails, as writing to a closed one does.
        if (open("/dev/null", O_RDONLY) == -1) return;
    }
}

static void complain_of(const char *what, int error) {
    cli_complain("%s: %s", what, strerror(error));
}

static bool has_suffix(const char *name, const char *suffix) {
    size_t len = strlen(name), suffix_len = strlen(suffix);
    return len > suffix_len && strcmp(name + len - suffix_len, suffix) == 0;
}

static char *join(const char *directory, const char *name) {
    return cli_format(has_suffix(directory, "/") ? "%s%s" : "%s/%s", directory, name);
}

bool files_is_directory(const char *path) {
    struct stat status;
    return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

bool files_are_same(const char *a, const char *b) {
    struct stat of_a, of_b;
    return stat(a, &of_a) == 0 && stat(b, &of_b) == 0 && of_a.st_dev == of_b.st_dev && of_a.st_ino == of_b.st_ino;
}

bool files_lead_below(const char *directory, const char *path) {
    char *real_directory = realpath(directory, NULL), *real = realpath(path, NULL);
    size_t len = real_directory != NULL ? strlen(real_directory) : 0;
    bool below = real_directory != NULL && real != NULL && strncmp(real, real_directory, len) == 0 &&
                 (real[len] == '/' || (len > 0 && real_directory[len - 1] == '/'));
    free(real_directory);
    free(real);
    return below;
}

// The directory that is searched, and where its links may lead beside it.
struct search {
    const char *top, *root;
    enum files_kind kind;
    struct strings *files;
};

// A link out of the directory would bring in what nobody reviewed there.
static bool check_link(const struct search *search, const char *path) {
    if (files_lead_below(search->top, path) || (search->root != NULL && files_lead_below(search->root, path)))
        return true;
    cli_complain("%s: this link leaves %s; copy the file, or use --root with a directory that holds both", path,
                 search->top);
    return false;
}

static bool is_of_kind(const char *path, enum files_kind kind) {
    switch (kind) {
    case FILES_POLICIES: return has_suffix(path, ".klock");
    case FILES_OBJECTS: return has_suffix(path, ".yaml") || has_suffix(path, ".yml") || has_suffix(path, ".json");
    case FILES_NONE: break;
    }
    return false;
}

static bool walk(const struct search *search, const char *directory);

static bool walk_entry(const struct search *search, const char *path) {
    struct stat status;
    if (lstat(path, &status) != 0) return true; // gone since
    if (S_ISDIR(status.st_mode)) return walk(search, path);
    if (!is_of_kind(path, search->kind)) return true;
    const bool exists = stat(path, &status) == 0;
    // Nobody meant a pipe or a device that lies there; a link to nothing is added, and said to be unreadable.
    if (exists && !S_ISREG(status.st_mode)) return true;
    if (exists && !check_link(search, path)) return false;
    strings_add(search->files, path);
    return true;
}

static bool walk(const struct search *search, const char *directory) {
    DIR *stream = opendir(directory);
    if (stream == NULL) {
        complain_of(directory, errno);
        return false;
    }
    if (search->kind == FILES_NONE) strings_add(search->files, directory);
    bool fine = true;
    while (fine) {
        errno = 0;
        const struct dirent *entry = readdir(stream);
        if (entry == NULL) {
            if (errno != 0) {
                complain_of(directory, errno);
                fine = false;
            }
            break;
        }
        if (entry->d_name[0] == '.') continue;
        char *path = join(directory, entry->d_name);
        fine = walk_entry(search, path);
        free(path);
    }
    closedir(stream);
    return fine;
}

bool files_find(const char *path, enum files_kind kind, const char *root, struct strings *ret_files) {
    if (!files_is_directory(path)) {
        strings_add(ret_files, path);
        return true;
    }
    size_t from = ret_files->count;
    const struct search search = {path, root, kind, ret_files};
    if (!walk(&search, path)) return false;
    if (ret_files->count == from) {
        cli_complain("%s: this directory contains no %s file", path,
                     kind == FILES_POLICIES ? ".klock" : ".yaml or .json");
        return false;
    }
    strings_sort(ret_files, from);
    return true;
}

bool files_read(int descriptor, const char *name, struct buffer *ret_bytes) {
    return files_read_some(descriptor, name, SIZE_MAX, ret_bytes);
}

bool files_read_some(int descriptor, const char *name, size_t most, struct buffer *ret_bytes) {
    char chunk[65536];
    for (;;) {
        const size_t left = most - ret_bytes->len, wanted = left < sizeof chunk ? left : sizeof chunk;
        ssize_t len = wanted > 0 ? read(descriptor, chunk, wanted) : 0;
        if (len == 0) {
            buffer_add(ret_bytes, "", 0);
            return true;
        }
        if (len > 0) {
            buffer_add(ret_bytes, chunk, (size_t)len);
        } else if (errno != EINTR) {
            complain_of(name, errno);
            return false;
        }
    }
}

bool files_load(const char *path, struct buffer *ret_bytes, bool *ret_exists) {
    int descriptor = open(path, O_RDONLY);
    if (descriptor == -1 && errno == ENOENT) {
        *ret_exists = false;
        return true;
    }
    if (descriptor == -1) {
        complain_of(path, errno);
        return false;
    }
    *ret_exists = true;
    bool fine = files_read(descriptor, path, ret_bytes);
    close(descriptor);
    return fine;
}

// Gives 0 or errno.
static int write_all(int descriptor, const char *bytes, size_t len) {
    while (len > 0) {
        ssize_t written = write(descriptor, bytes, len);
        if (written >= 0) {
            bytes += written;
            len -= (size_t)written;
        } else if (errno != EINTR) {
            return errno;
        }
    }
    return 0;
}

bool files_print(int descriptor, const char *name, const char *bytes, size_t len) {
    int error = write_all(descriptor, bytes, len);
    if (error != 0) complain_of(name, error);
    return error == 0;
}

// One change on its way: where it really goes (behind links), and the file that waits beside that place.
struct staged {
    char *target, *temporary;
    bool in_place; // a device or a pipe is written to, not replaced
};

// The permissions that the new file gets: those of the file it replaces, or what creating one gives.
static mode_t mode_for(const char *target) {
    struct stat status;
    if (lstat(target, &status) == 0 && S_ISREG(status.st_mode)) return status.st_mode & 0777;
    mode_t mask = umask(0);
    umask(mask);
    return 0666 & ~mask;
}

static bool stage(const struct file_change *change, struct staged *staged) {
    struct stat status;
    bool exists = (change->replace_links ? lstat(change->path, &status) : stat(change->path, &status)) == 0;
    if (exists && S_ISDIR(status.st_mode)) {
        complain_of(change->path, EISDIR);
        return false;
    }
    if (exists && !S_ISREG(status.st_mode) && !change->replace_links) {
        staged->in_place = true;
        return true;
    }
    char *real = exists && !change->replace_links ? realpath(change->path, NULL) : NULL;
    staged->target = real != NULL ? real : cli_format("%s", change->path);
    if (change->bytes == NULL) return true;

    staged->temporary = cli_format("%s.XXXXXX", staged->target);
    int descriptor = mkstemp(staged->temporary);
    if (descriptor == -1) {
        complain_of(change->path, errno);
        free(staged->temporary);
        staged->temporary = NULL;
        return false;
    }
    int error = write_all(descriptor, change->bytes, change->len);
    if (error == 0 && fchmod(descriptor, mode_for(staged->target)) == -1) error = errno;
    if (error == 0 && fsync(descriptor) == -1) error = errno;
    if (close(descriptor) == -1 && error == 0) error = errno;
    if (error != 0) complain_of(change->path, error);
    return error == 0;
}

static bool write_in_place(const struct file_change *change) {
    int descriptor = open(change->path, O_WRONLY);
    if (descriptor == -1) {
        complain_of(change->path, errno);
        return false;
    }
    int error = write_all(descriptor, change->bytes, change->len);
    if (close(descriptor) == -1 && error == 0) error = errno;
    if (error != 0) complain_of(change->path, error);
    return error == 0;
}

static bool commit(const struct file_change *change, struct staged *staged) {
    if (staged->in_place) return change->bytes == NULL || write_in_place(change);
    int done = staged->temporary != NULL ? rename(staged->temporary, staged->target) : unlink(staged->target);
    if (done == -1) {
        complain_of(change->path, errno);
        return false;
    }
    free(staged->temporary);
    staged->temporary = NULL;
    return true;
}

// Makes the renames last. Not every file system can, and the files are whole either way.
static void sync_directory_of(const char *path) {
    const char *slash = strrchr(path, '/');
    char *directory = slash == NULL ? cli_format(".") : cli_format("%.*s", (int)(slash - path + 1), path);
    int descriptor = open(directory, O_RDONLY | O_DIRECTORY);
    if (descriptor != -1) {
        fsync(descriptor);
        close(descriptor);
    }
    free(directory);
}

bool files_change(const struct file_change *changes, size_t count) {
    struct staged *staged = cli_realloc(NULL, count, sizeof *staged);
    for (size_t i = 0; i < count; i++) staged[i] = (struct staged){0};
    bool fine = true;
    for (size_t i = 0; i < count && fine; i++) fine = stage(&changes[i], &staged[i]);
    for (size_t i = 0; i < count && fine; i++) fine = commit(&changes[i], &staged[i]);
    if (fine && count > 0 && staged[0].target != NULL) sync_directory_of(staged[0].target);
    for (size_t i = 0; i < count; i++) {
        if (staged[i].temporary != NULL) unlink(staged[i].temporary);
        free(staged[i].temporary);
        free(staged[i].target);
    }
    free(staged);
    return fine;
}
