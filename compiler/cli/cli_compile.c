// klockc compile: objects to standard output, a file or a directory; or what would change there.
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/cli_buffer.h"
#include "cli/cli_diff.h"
#include "cli/cli_files.h"
#include "cli/cli_policy.h"

// What klockc knows its own files by again, on a line of its own or first of the labels of an object.
#define OURS "app.kubernetes.io/managed-by: klockc"
#define LABELS "labels: {"

// A file as it is to be.
struct wanted {
    char *path;
    struct buffer bytes;
    bool remove;
    bool in_directory; // of --output-dir: links that lie there are not followed
};

struct wanted_files {
    struct wanted *items;
    size_t count, capacity;
};

static struct wanted *want(struct wanted_files *files, const char *path) {
    if (files->count == files->capacity) {
        files->capacity = files->capacity > 0 ? 2 * files->capacity : 16;
        files->items = cli_realloc(files->items, files->capacity, sizeof *files->items);
    }
    struct wanted *wanted = &files->items[files->count++];
    *wanted = (struct wanted){.path = cli_format("%s", path)};
    buffer_add(&wanted->bytes, "", 0);
    return wanted;
}

static void release(struct wanted_files *files) {
    for (size_t i = 0; i < files->count; i++) {
        free(files->items[i].path);
        buffer_free(&files->items[i].bytes);
    }
    free(files->items);
}

static char *inside(const char *directory, const char *name) {
    size_t len = strlen(directory);
    return cli_format(len > 0 && directory[len - 1] == '/' ? "%s%s" : "%s/%s", directory, name);
}

static bool is_wanted(const struct wanted_files *files, const char *path) {
    for (size_t i = 0; i < files->count; i++)
        if (strcmp(files->items[i].path, path) == 0) return true;
    return false;
}

static bool begins_with(const char *line, size_t len, const char *prefix) {
    return len >= strlen(prefix) && strncmp(line, prefix, strlen(prefix)) == 0;
}

static bool names_us(const char *line, size_t len) {
    if (begins_with(line, len, LABELS OURS)) return line[strlen(LABELS OURS)] == ',';
    return len == strlen(OURS) && begins_with(line, len, OURS);
}

// Whether the text is one object that klockc printed, or a kustomization that it wrote.
static bool is_ours(const struct buffer *bytes) {
    bool labelled = false, first = true;
    for (const char *line = bytes->data; *line != '\0';) {
        size_t len = strcspn(line, "\n");
        if (!first && len == 3 && strncmp(line, "---", 3) == 0) return false;
        const size_t blanks = strspn(line, " #");
        if (blanks < len && names_us(line + blanks, len - blanks)) labelled = true;
        first = false;
        line += len + (line[len] == '\n');
    }
    return labelled;
}

// What a file of the directory holds. A link or a pipe that somebody laid there is not followed: it holds nothing of
// ours.
static bool load_entry(const char *path, struct buffer *ret_bytes, bool *ret_exists, bool *ret_regular) {
    struct stat status;
    *ret_exists = lstat(path, &status) == 0;
    *ret_regular = *ret_exists && S_ISREG(status.st_mode);
    return !*ret_regular || files_load(path, ret_bytes, ret_exists);
}

// The files of objects that are no longer generated.
static bool want_removals(struct wanted_files *files, const char *directory) {
    DIR *stream = opendir(directory);
    if (stream == NULL) {
        if (errno == ENOENT) return true;
        cli_complain("%s: %s", directory, strerror(errno));
        return false;
    }
    struct strings names = {0};
    for (const struct dirent *entry; (entry = readdir(stream)) != NULL;) {
        size_t len = strlen(entry->d_name);
        if (entry->d_name[0] != '.' && len > 5 && strcmp(entry->d_name + len - 5, ".yaml") == 0)
            strings_add(&names, entry->d_name);
    }
    closedir(stream);
    strings_sort(&names, 0);
    bool fine = true;
    for (size_t i = 0; i < names.count && fine; i++) {
        char *path = inside(directory, names.items[i]);
        if (!is_wanted(files, path)) {
            struct buffer bytes = {0};
            bool exists = false, regular = false;
            fine = load_entry(path, &bytes, &exists, &regular);
            if (fine && regular && exists && is_ours(&bytes)) want(files, path)->remove = true;
            buffer_free(&bytes);
        }
        free(path);
    }
    strings_free(&names);
    return fine;
}

// A kustomization of somebody else is left as it is.
static bool want_kustomization(struct wanted_files *files, const char *directory, const struct strings *names) {
    static const char *const known[] = {"kustomization.yaml", "kustomization.yml", "Kustomization"};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        char *path = inside(directory, known[i]);
        struct buffer bytes = {0};
        bool exists = false, regular = false, fine = load_entry(path, &bytes, &exists, &regular);
        bool foreign = fine && exists && (!regular || !is_ours(&bytes));
        buffer_free(&bytes);
        free(path);
        if (!fine || foreign) return fine;
    }
    char *path = inside(directory, known[0]);
    struct buffer *bytes = &want(files, path)->bytes;
    free(path);
    buffer_puts(bytes, "# " OURS "\napiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources:");
    if (names->count == 0) buffer_puts(bytes, " []");
    buffer_puts(bytes, "\n");
    for (size_t i = 0; i < names->count; i++) buffer_printf(bytes, "- %s\n", names->items[i]);
    return true;
}

// What the objects do, for those who review them. Somebody else's file of that name is left as it is.
static bool want_description(struct wanted_files *files, const char *directory, struct klock_compiler *compiler) {
    char *path = inside(directory, "LOCKS.md");
    struct buffer present = {0};
    bool exists = false, regular = false, fine = load_entry(path, &present, &exists, &regular);
    bool foreign = fine && exists && (!regular || !is_ours(&present));
    buffer_free(&present);
    if (fine && !foreign) {
        const char *description = klock_description(compiler, "markdown");
        if (description == NULL) cli_out_of_memory();
        buffer_printf(&want(files, path)->bytes, "<!--\n" OURS "\n-->\n\n%s", description);
    }
    free(path);
    return fine;
}

static bool want_directory(struct wanted_files *files, const struct cli *cli, struct klock_compiler *compiler) {
    struct strings names = {0};
    for (size_t i = 0; i < klock_object_count(compiler); i++) {
        struct klock_object object = {.size = sizeof object};
        if (!klock_object_at(compiler, i, &object)) cli_out_of_memory();
        if (object.file[0] == '\0') cli_out_of_memory();
        char *path = inside(cli->output_dir, object.file);
        buffer_add(&want(files, path)->bytes, object.yaml, object.len);
        free(path);
        strings_add(&names, object.file);
    }
    strings_sort(&names, 0);
    // The API server reads its directory, where nothing but objects belongs.
    bool is_static = cli->target != NULL && strcmp(cli->target, "static") == 0;
    bool fine = is_static || (want_kustomization(files, cli->output_dir, &names) &&
                              want_description(files, cli->output_dir, compiler));
    strings_free(&names);
    fine = fine && want_removals(files, cli->output_dir);
    for (size_t i = 0; i < files->count; i++) files->items[i].in_directory = true;
    return fine;
}

// ---- depfile ----

// A name as make reads it.
static void make_name(struct buffer *out, const char *name) {
    for (; *name != '\0'; name++) {
        if (*name == ' ' || *name == '#' || *name == '\\' || *name == ':') buffer_puts(out, "\\");
        if (*name == '$') buffer_puts(out, "$");
        buffer_add(out, name, 1);
    }
}

// The directory of a file, for the caller to free.
static char *directory_of(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash == NULL ? cli_format(".") : cli_format("%.*s", slash == path ? 1 : (int)(slash - path), path);
}

// Writing a file changes its directory: what depends on that would never be done.
static bool is_written_into(const char *directory, const struct wanted_files *files) {
    bool written = false;
    for (size_t i = 0; i < files->count && !written; i++) {
        char *of_file = directory_of(files->items[i].path);
        written = files_are_same(directory, of_file);
        free(of_file);
    }
    return written;
}

// The directories that were searched, for policies or by patterns: they change with the files that are added to them.
static bool add_directories(struct strings *sources, const struct cli *cli, const struct wanted_files *files,
                            const struct klock_compiler *compiler) {
    struct strings directories = {0};
    bool fine = true;
    for (size_t i = 0; i < cli->argument_count && fine; i++)
        if (files_is_directory(cli->arguments[i])) fine = files_find(cli->arguments[i], FILES_NONE, NULL, &directories);
    for (size_t i = 0; i < klock_directory_count(compiler); i++)
        strings_add(&directories, klock_directory_at(compiler, i));
    strings_sort(&directories, 0);
    for (size_t i = 0; i < directories.count && fine; i++) {
        if (i > 0 && strcmp(directories.items[i - 1], directories.items[i]) == 0) continue;
        if (!is_written_into(directories.items[i], files)) strings_add(sources, directories.items[i]);
    }
    strings_free(&directories);
    return fine;
}

// The last of the files is the dependency file itself, which is no target.
static bool depfile(struct buffer *out, const struct cli *cli, const struct wanted_files *files,
                    const struct klock_compiler *compiler) {
    for (size_t i = 0; i + 1 < files->count; i++) {
        if (files->items[i].remove) continue;
        if (i > 0) buffer_puts(out, " ");
        make_name(out, files->items[i].path);
    }
    buffer_puts(out, ":");
    struct strings sources = {0};
    for (size_t i = 0; i < klock_source_count(compiler); i++)
        if (strcmp(klock_source_at(compiler, i), CLI_STDIN_NAME) != 0)
            strings_add(&sources, klock_source_at(compiler, i));
    strings_sort(&sources, 0);
    const bool fine = add_directories(&sources, cli, files, compiler);
    for (size_t i = 0; i < sources.count; i++) {
        buffer_puts(out, " \\\n  ");
        make_name(out, sources.items[i]);
    }
    buffer_puts(out, "\n");
    // A source that is deleted makes make compile again rather than stop.
    for (size_t i = 0; i < sources.count; i++) {
        buffer_puts(out, "\n");
        make_name(out, sources.items[i]);
        buffer_puts(out, ":\n");
    }
    strings_free(&sources);
    return fine;
}

// ---- what is on disk ----

// What is there now. Devices and pipes are written to without being asked what they hold; what lies in the place of a
// file of the directory gives way to it.
static bool load_present(const struct wanted *wanted, struct buffer *ret_bytes, bool *ret_exists,
                         bool *ret_comparable) {
    struct stat status;
    bool regular = false;
    *ret_comparable = true;
    if (wanted->in_directory) {
        bool fine = load_entry(wanted->path, ret_bytes, ret_exists, &regular);
        *ret_exists = *ret_exists && regular;
        return fine;
    }
    *ret_comparable = stat(wanted->path, &status) != 0 || S_ISREG(status.st_mode);
    return !*ret_comparable || files_load(wanted->path, ret_bytes, ret_exists);
}

// Drops the files that are already as they should be.
static bool keep_changes(struct wanted_files *files, struct buffer *diff) {
    size_t kept = 0;
    bool fine = true;
    for (size_t i = 0; i < files->count; i++) {
        struct wanted wanted = files->items[i];
        struct buffer present = {0};
        bool exists = false, comparable = true, same = false;
        if (fine) fine = load_present(&wanted, &present, &exists, &comparable);
        if (fine && comparable) {
            same = exists && !wanted.remove && present.len == wanted.bytes.len &&
                   (present.len == 0 || memcmp(present.data, wanted.bytes.data, present.len) == 0);
            if (!same && diff != NULL)
                diff_add(
                    diff, (struct diff_side){exists ? wanted.path : "/dev/null", present.data, present.len},
                    (struct diff_side){wanted.remove ? "/dev/null" : wanted.path, wanted.bytes.data, wanted.bytes.len});
        }
        buffer_free(&present);
        if (same) {
            free(wanted.path);
            buffer_free(&wanted.bytes);
        } else {
            files->items[kept++] = wanted;
        }
    }
    files->count = kept;
    return fine;
}

// A word as a shell reads it.
static void add_word(struct buffer *out, const char *word) {
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_=./,:@%+";
    buffer_puts(out, " ");
    if (*word != '\0' && word[strspn(word, plain)] == '\0') {
        buffer_puts(out, word);
        return;
    }
    buffer_puts(out, "'");
    for (; *word != '\0'; word++) buffer_add(out, *word == '\'' ? "'\\''" : word, *word == '\'' ? 4 : 1);
    buffer_puts(out, "'");
}

// The command that writes what --check found missing: the same words without it.
static void say_command(const struct cli *cli, size_t changes) {
    struct buffer command = {0};
    buffer_puts(&command, "klockc");
    for (size_t i = 0; i < cli->word_count; i++)
        if (strcmp(cli->words[i], "--check") != 0) add_word(&command, cli->words[i]);
    cli_complain("%zu %s not what the policies compile to; run: %s", changes, changes == 1 ? "file is" : "files are",
                 command.data);
    buffer_free(&command);
}

static int compare(const struct cli *cli, struct wanted_files *files) {
    struct buffer diff = {0};
    bool fine = keep_changes(files, &diff);
    if (fine && diff.len > 0) fine = files_print(STDOUT_FILENO, "standard output", diff.data, diff.len);
    buffer_free(&diff);
    if (!fine) return CLI_USAGE;
    if (files->count > 0) say_command(cli, files->count);
    return files->count > 0 ? CLI_FAILED : CLI_FINE;
}

static bool make_directory(const char *path) {
    if (mkdir(path, 0777) == 0 || (errno == EEXIST && files_is_directory(path))) return true;
    cli_complain("%s: %s", path, strerror(errno));
    return false;
}

static int write_changes(const struct cli *cli, struct wanted_files *files) {
    // For make and ninja a file is up to date when it is newer than what it is made of: all are written.
    if (cli->depfile == NULL && !keep_changes(files, NULL)) return CLI_USAGE;
    if (files->count == 0) return CLI_FINE;
    struct file_change *changes = cli_realloc(NULL, files->count, sizeof *changes);
    for (size_t i = 0; i < files->count; i++) {
        const struct wanted *wanted = &files->items[i];
        changes[i] = (struct file_change){wanted->path, wanted->remove ? NULL : wanted->bytes.data, wanted->bytes.len,
                                          wanted->in_directory};
    }
    bool fine = files_change(changes, files->count);
    free(changes);
    return fine ? CLI_FINE : CLI_USAGE;
}

// "-" is standard output, as it is standard input among the paths.
static bool is_standard_output(const struct cli *cli) {
    return cli->output_file != NULL && strcmp(cli->output_file, "-") == 0;
}

static bool usable(const struct cli *cli) {
    const char *problem = NULL;
    bool somewhere = (cli->output_file != NULL && !is_standard_output(cli)) || cli->output_dir != NULL;
    if (cli->output_file != NULL && cli->output_dir != NULL)
        problem = "--output-file and --output-dir exclude each other";
    if (cli->output_dir != NULL && cli->output != NULL && strcmp(cli->output, "yaml") != 0)
        problem = "--output-dir writes YAML only; -o json needs standard output or --output-file";
    if (cli->check && !somewhere)
        problem = "--check compares with files on disk: it needs --output-file or --output-dir";
    if (cli->depfile != NULL && !somewhere) problem = "--depfile needs --output-file or --output-dir";
    if (cli->depfile != NULL && cli->check) problem = "--check writes nothing, so it cannot be combined with --depfile";
    if (cli->print != NULL && (cli->argument_count != 1 || files_is_directory(cli->arguments[0])))
        problem = "--print source takes exactly one file";
    if (cli->print != NULL && (cli->output != NULL || cli->output_dir != NULL))
        problem = "--print source writes to standard output or --output-file only";
    if (problem != NULL) cli_complain("%s", problem);
    return problem == NULL;
}

// A link in the directory gives way, and what it leads to stays.
static bool is_replaced_link(const struct wanted *wanted) {
    struct stat status;
    return wanted->in_directory && lstat(wanted->path, &status) == 0 && S_ISLNK(status.st_mode);
}

// Nothing that was read is written over, whatever name or link leads to it, and nothing is written twice.
static bool spares_files(const struct wanted_files *files, const struct klock_compiler *compiler) {
    for (size_t i = 0; i < files->count; i++) {
        const char *path = files->items[i].path;
        for (size_t j = 0; j < klock_source_count(compiler) && !is_replaced_link(&files->items[i]); j++) {
            if (!files_are_same(path, klock_source_at(compiler, j))) continue;
            cli_complain("%s: this would overwrite the policy %s", path, klock_source_at(compiler, j));
            return false;
        }
    }
    return true;
}

// The last of them is the dependency file.
static bool is_depfile_apart(const struct wanted_files *files) {
    const char *path = files->items[files->count - 1].path;
    for (size_t i = 0; i + 1 < files->count; i++) {
        if (strcmp(files->items[i].path, path) != 0 && !files_are_same(files->items[i].path, path)) continue;
        cli_complain("%s: --depfile names a file that holds objects", path);
        return false;
    }
    return true;
}

static int to_disk(const struct cli *cli, struct klock_compiler *compiler, const char *text) {
    struct wanted_files files = {0};
    struct buffer rule = {0};
    int status = CLI_USAGE;
    if (cli->output_file != NULL)
        buffer_puts(&want(&files, cli->output_file)->bytes, text);
    else if (!want_directory(&files, cli, compiler))
        goto out;
    if (cli->check) {
        status = compare(cli, &files);
        goto out;
    }
    if (cli->depfile != NULL) {
        want(&files, cli->depfile);
        if (!depfile(&rule, cli, &files, compiler)) goto out;
        buffer_add(&files.items[files.count - 1].bytes, rule.data, rule.len);
        if (!is_depfile_apart(&files)) goto out;
    }
    if (!spares_files(&files, compiler)) goto out;
    if (cli->output_dir == NULL || make_directory(cli->output_dir)) status = write_changes(cli, &files);
out:
    buffer_free(&rule);
    release(&files);
    return status;
}

int cli_compile(const struct cli *cli) {
    if (!usable(cli)) return CLI_USAGE;
    int status = CLI_USAGE;
    struct klock_compiler *compiler = policy_compile(cli, &status);
    if (compiler == NULL) return status;
    (void)policy_show_diagnostics(cli, compiler);
    if (status == CLI_FINE) {
        const char *text = cli->print != NULL ? klock_source_text(compiler, 0)
                                              : klock_output_text(compiler, cli->output != NULL ? cli->output : "yaml");
        if (text == NULL) cli_out_of_memory();
        if ((cli->output_file != NULL && !is_standard_output(cli)) || cli->output_dir != NULL)
            status = to_disk(cli, compiler, text);
        else
            status = policy_print(text) ? CLI_FINE : CLI_USAGE;
    }
    klock_free(compiler);
    return status;
}
