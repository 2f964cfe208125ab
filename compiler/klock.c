// The public interface over the driver: owns the arena, turns running out of memory into a status, and gives out
// structures in the size that the caller knows.
#include "klock/klock.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/text.h"
#include "chainsaw/chainsaw.h"
#include "data/json.h"
#include "data/value.h"
#include "data/yamlio.h"
#include "decide/cases.h"
#include "describe/describe.h"
#include "driver.h"
#include "front/ast_print.h"
#include "kubernetes/kube.h"
#include "kubernetes/presets.h"
#include "report/diag_print.h"

struct klock_compiler {
    struct arena arena;
    jmp_buf exhausted;
    bool out_of_memory;
    bool running; // in a call: one that the reader makes in turn fails
    bool missed;  // the reader added something
    bool compiled;
    struct compilation compilation;
    struct load_reader reader; // in place of the disk, if the options have one
    struct judged_case *cases; // NULL until somebody asks
    size_t case_count;
    size_t exported, left_out; // of these, by the last export
    struct document {
        const char *yaml; // NULL until somebody asks
        size_t len;
    } * documents;         // one for each object
    const char **policies; // their names; NULL until somebody asks
    size_t policy_count;
};

#define STRING_OF(x) #x
#define VERSION_OF(major, minor, patch) STRING_OF(major) "." STRING_OF(minor) "." STRING_OF(patch)

const char *klock_version(void) {
    return VERSION_OF(KLOCK_VERSION_MAJOR, KLOCK_VERSION_MINOR, KLOCK_VERSION_PATCH);
}

bool klock_is_day(const char *text) {
    return kube_is_day(text);
}

// Runs the statement; when memory runs out in it, remembers that and goes on behind it.
#define GUARDED(compiler, statement)                                                                                   \
    do {                                                                                                               \
        if ((compiler)->out_of_memory || (compiler)->running) break;                                                   \
        (compiler)->running = true;                                                                                    \
        if (setjmp((compiler)->exhausted))                                                                             \
            (compiler)->out_of_memory = true;                                                                          \
        else {                                                                                                         \
            statement;                                                                                                 \
        }                                                                                                              \
        (compiler)->running = false;                                                                                   \
    } while (0)

// ---- structures of the caller's size ----

// The sizes of the first version, which every caller knows: up to the last field that it had.
#define SIZE_UP_TO(type, field) (offsetof(type, field) + sizeof((type){0}.field))
enum {
    OPTIONS_SIZE = SIZE_UP_TO(struct klock_options, context),
    DIAGNOSTIC_SIZE = SIZE_UP_TO(struct klock_diagnostic, fix_count),
    RELATED_SIZE = SIZE_UP_TO(struct klock_related, place),
    FIX_SIZE = SIZE_UP_TO(struct klock_fix, text),
    OBJECT_SIZE = SIZE_UP_TO(struct klock_object, len),
    TEST_SIZE = SIZE_UP_TO(struct klock_test, actual),
};

// Copies a structure of ours into one of the caller's, which begins with its size: what only one of them has is left
// out, or zero. False, and nothing is touched, when the caller's is smaller than any version.
static bool fill(void *ret, const void *ours, size_t our_size, size_t first_size) {
    size_t size;
    memcpy(&size, ret, sizeof size);
    if (size < first_size) return false;
    const size_t common = size < our_size ? size : our_size;
    memset((char *)ret + common, 0, size - common);
    memcpy((char *)ret + sizeof size, (const char *)ours + sizeof size, common - sizeof size);
    return true;
}

// Takes the caller's options; false when they ask for what this library does not know.
static bool read_options(const struct klock_options *given, struct klock_options *ret_options) {
    *ret_options = (struct klock_options){.size = sizeof *ret_options};
    if (!given) return true;
    if (given->size < OPTIONS_SIZE) return false;
    for (size_t i = sizeof *given; i < given->size; i++)
        if (((const char *)given)[i]) return false;
    memcpy(ret_options, given, given->size < sizeof *given ? given->size : sizeof *given);
    const bool has_target = given->target == KLOCK_TARGET_API || given->target == KLOCK_TARGET_STATIC;
    if (ret_options->gitops && strcmp(ret_options->gitops, "argocd") != 0) return false;
    return has_target && (unsigned)ret_options->controllers <= KLOCK_CONTROLLERS_SHARED;
}

// ---- files of the caller ----

struct klock_file {
    struct text bytes;
    bool given, exhausted;
    char reason[256]; // why there are none
};

// Memory that runs out below a callback may not leave through it.
void klock_file_give(struct klock_file *file, const char *bytes, size_t len) {
    file->given = true;
    // What is beyond the limit is refused, however much it is.
    const size_t room = LIMIT_SOURCE_BYTES + 1 - file->bytes.len;
    if (!text_try_add(&file->bytes, bytes, len < room ? len : room)) file->exhausted = true;
}

void klock_file_refuse(struct klock_file *file, const char *reason) {
    file->given = false;
    size_t len = strlen(reason);
    if (len >= sizeof file->reason) len = sizeof file->reason - 1;
    len = utf8_valid_prefix(reason, len);
    memcpy(file->reason, reason, len);
    file->reason[len] = '\0';
}

static const char *read_from_caller(void *context, struct arena *arena, const char *path, bool included,
                                    size_t *ret_len, const char **ret_reason) {
    const struct klock_options *options = context;
    struct klock_file file = {.reason = "there is no such file"};
    (void)included;
    text_init(&file.bytes, arena);
    options->read(options->context, path, &file);
    if (file.exhausted) arena_exhausted(arena);
    if (!file.given) {
        *ret_reason = arena_copy(arena, file.reason, strlen(file.reason));
        return NULL;
    }
    *ret_len = file.bytes.len;
    return text_string(&file.bytes);
}

// A directory is asked for by a path with a slash at its end, and given as lines.
static bool list_from_caller(void *context, struct arena *arena, const char *path, struct names *names,
                             const char **ret_reason) {
    size_t len = 0;
    const char *lines =
        read_from_caller(context, arena, arena_printf(arena, "%s/", *path ? path : "."), true, &len, ret_reason);
    for (const char *at = lines; at && *at;) {
        const size_t line = strcspn(at, "\n");
        ARENA_PUSH(arena, names->items, names->count, arena_copy(arena, at, line));
        at += line + (at[line] == '\n');
    }
    return lines != NULL;
}

// ---- compiling ----

static void init_compilation(struct klock_compiler *compiler, const struct klock_options *options) {
    struct compilation *compilation = &compiler->compilation;
    driver_init(compilation, &compiler->arena, options);
    if (!options->read) return;
    compiler->reader =
        (struct load_reader){.read = read_from_caller, .list = list_from_caller, .context = &compilation->options};
    compilation->loader.reader = &compiler->reader;
}

static void init(struct klock_compiler *compiler, const struct klock_options *options) {
    arena_init(&compiler->arena, &compiler->exhausted);
    GUARDED(compiler, init_compilation(compiler, options));
}

struct klock_compiler *klock_new(const struct klock_options *options) {
    struct klock_options own;
    if (!read_options(options, &own)) return NULL;
    struct klock_compiler *compiler = calloc(1, sizeof *compiler);
    if (!compiler) return NULL;
    init(compiler, &own);
    if (!compiler->out_of_memory) return compiler;
    klock_free(compiler);
    return NULL;
}

void klock_free(struct klock_compiler *compiler) {
    if (!compiler) return;
    arena_release(&compiler->arena);
    free(compiler);
}

// What comes too late is an error rather than missing from the answers.
enum added { ADDED_FILE, ADDED_BUFFER, ADDED_DEFINITIONS };
static void add(struct klock_compiler *compiler, const char *name, const char *bytes, size_t len, enum added what) {
    struct compilation *compilation = &compiler->compilation;
    if (compiler->compiled || compilation->loaded)
        diag_report(&compilation->diags, DIAG_INPUT, span_none(), "'%s' was added after everything was compiled", name);
    else if (what == ADDED_FILE)
        load_add_file(&compilation->loader, name);
    else if (what == ADDED_BUFFER)
        load_add_buffer(&compilation->loader, name, bytes, len);
    else
        load_add_definitions(&compilation->loader, name, bytes, len);
}

void klock_add_file(struct klock_compiler *compiler, const char *path) {
    if (compiler->running) compiler->missed = true;
    GUARDED(compiler, add(compiler, path, NULL, 0, ADDED_FILE));
}

void klock_add_buffer(struct klock_compiler *compiler, const char *name, const char *bytes, size_t len) {
    if (compiler->running) compiler->missed = true;
    GUARDED(compiler, add(compiler, name, bytes, len, ADDED_BUFFER));
}

void klock_add_definitions(struct klock_compiler *compiler, const char *name, const char *bytes, size_t len) {
    if (compiler->running) compiler->missed = true;
    GUARDED(compiler, add(compiler, name, bytes, len, ADDED_DEFINITIONS));
}

static bool is_at_fault(const struct diags *diags) {
    for (size_t i = 0; i < diags->count; i++)
        if (diags->items[i].code == DIAG_INTERNAL) return true;
    return false;
}

static void compile(struct klock_compiler *compiler) {
    if (compiler->compiled) return;
    compiler->compiled = true;
    driver_compile(&compiler->compilation);
    if (compiler->missed)
        diag_report(&compiler->compilation.diags, DIAG_INPUT, span_none(), "what `read` added was not compiled");
}

static enum klock_status status_of(const struct klock_compiler *compiler) {
    if (compiler->out_of_memory) return KLOCK_MEMORY;
    if (compiler->compilation.loader.failed) return KLOCK_INPUT;
    if (is_at_fault(&compiler->compilation.diags)) return KLOCK_INTERNAL;
    return compiler->compilation.diags.errors ? KLOCK_ERRORS : KLOCK_OK;
}

enum klock_status klock_parse(struct klock_compiler *compiler) {
    if (compiler->running) return KLOCK_BUSY;
    GUARDED(compiler, driver_parse(&compiler->compilation));
    return status_of(compiler);
}

enum klock_status klock_compile(struct klock_compiler *compiler) {
    if (compiler->running) return KLOCK_BUSY;
    GUARDED(compiler, compile(compiler));
    return status_of(compiler);
}

// Whether klock_compile said KLOCK_OK, and would say it again.
static bool is_compiled(const struct klock_compiler *compiler) {
    return compiler->compiled && !compiler->running && !compiler->out_of_memory &&
           !compiler->compilation.loader.failed && !compiler->compilation.diags.errors;
}

// ---- diagnostics ----

static const struct diagnostic *find_diagnostic(const struct klock_compiler *compiler, size_t index) {
    const struct diags *diags = &compiler->compilation.diags;
    return index < diags->count ? &diags->items[index] : NULL;
}

static struct klock_place place_of(const struct klock_compiler *compiler, struct span span) {
    const struct sources *sources = &compiler->compilation.sources;
    if (span.file >= sources->count) return (struct klock_place){0};
    const struct source_location begin = source_locate(sources, span.file, span.begin),
                                 end = source_locate(sources, span.file, span.end);
    return (struct klock_place){
        .file = begin.file,
        .begin = span.begin,
        .end = span.end,
        .line = begin.line,
        .column = begin.column,
        .end_line = end.line,
        .end_column = end.column,
    };
}

size_t klock_diagnostic_count(const struct klock_compiler *compiler) {
    return compiler->compilation.diags.count;
}

bool klock_diagnostic_at(const struct klock_compiler *compiler, size_t index, struct klock_diagnostic *ret_diagnostic) {
    const struct diagnostic *diagnostic = find_diagnostic(compiler, index);
    if (!diagnostic) return false;
    const struct diag_info *info = diag_info(diagnostic->code);
    const struct klock_diagnostic result = {
        .code = info->code,
        .name = info->name,
        .is_error = diagnostic->severity == SEVERITY_ERROR,
        .message = diagnostic->message,
        .help = diagnostic->help,
        .place = place_of(compiler, diagnostic->span),
        .related_count = diagnostic->related.file != SPAN_NOWHERE,
        .fix_count = diagnostic->fix.file != SPAN_NOWHERE,
    };
    return fill(ret_diagnostic, &result, sizeof result, DIAGNOSTIC_SIZE);
}

bool klock_related_at(const struct klock_compiler *compiler, size_t diagnostic, size_t index,
                      struct klock_related *ret_related) {
    const struct diagnostic *about = find_diagnostic(compiler, diagnostic);
    if (!about || about->related.file == SPAN_NOWHERE || index > 0) return false;
    const struct klock_related result = {.label = about->related_label, .place = place_of(compiler, about->related)};
    return fill(ret_related, &result, sizeof result, RELATED_SIZE);
}

bool klock_fix_at(const struct klock_compiler *compiler, size_t diagnostic, size_t index, struct klock_fix *ret_fix) {
    const struct diagnostic *about = find_diagnostic(compiler, diagnostic);
    if (!about || about->fix.file == SPAN_NOWHERE || index > 0) return false;
    const struct klock_fix result = {.place = place_of(compiler, about->fix), .text = about->fix_text};
    return fill(ret_fix, &result, sizeof result, FIX_SIZE);
}

// Prints what was compiled into a text; false when there is nothing to print.
typedef bool print_function(struct klock_compiler *compiler, struct text *text, const char *argument);

static const char *print(struct klock_compiler *compiler, print_function *function, const char *argument) {
    const char *volatile result = NULL;
    struct text text;
    text_init(&text, &compiler->arena);
    GUARDED(compiler, if (function(compiler, &text, argument)) result = text_string(&text));
    return result;
}

static bool print_diagnostics(struct klock_compiler *compiler, struct text *text, const char *format, bool color) {
    enum diag_format found;
    if (!diag_format_find(format, &found)) return false;
    diag_print(text, &compiler->compilation.diags, &compiler->compilation.sources, found, color);
    return true;
}

static bool print_plain_diagnostics(struct klock_compiler *compiler, struct text *text, const char *format) {
    return print_diagnostics(compiler, text, format, false);
}

static bool print_colored_diagnostics(struct klock_compiler *compiler, struct text *text, const char *format) {
    return print_diagnostics(compiler, text, format, true);
}

const char *klock_diagnostics_text(struct klock_compiler *compiler, const char *format, bool color) {
    return print(compiler, color ? print_colored_diagnostics : print_plain_diagnostics, format);
}

static bool print_explanation(struct klock_compiler *compiler, struct text *text, const char *code) {
    static const char preset[] = "preset", resource[] = "resource";
    if (code && strncmp(code, resource, sizeof resource - 1) == 0) {
        const char *word = code + sizeof resource - 1;
        struct catalog catalog;
        catalog_init(&catalog, &compiler->arena);
        return catalog_explain(&catalog, text, *word == ' ' ? word + 1 : NULL);
    }
    if (!code || strncmp(code, preset, sizeof preset - 1) != 0) return diag_explain(text, code);
    const char *name = code + sizeof preset - 1;
    return kube_explain_preset(text, *name == ' ' ? name + 1 : NULL);
}

const char *klock_explain(struct klock_compiler *compiler, const char *code) {
    return print(compiler, print_explanation, code);
}

// ---- output ----

size_t klock_object_count(const struct klock_compiler *compiler) {
    return is_compiled(compiler) ? compiler->compilation.manifest.count : 0;
}

// The YAML of one object, made when it is first asked for.
static const struct document *document_of(struct klock_compiler *compiler, size_t index) {
    const struct manifest *manifest = &compiler->compilation.manifest;
    if (!compiler->documents) compiler->documents = ARENA_ARRAY(&compiler->arena, struct document, manifest->count);
    struct document *document = &compiler->documents[index];
    if (!document->yaml) {
        struct text text;
        text_init(&text, &compiler->arena);
        yaml_print(&text, manifest->objects[index].value);
        *document = (struct document){text_string(&text), text.len};
    }
    return document;
}

static struct klock_object describe_object(struct klock_compiler *compiler, size_t index) {
    const struct manifest_object *object = &compiler->compilation.manifest.objects[index];
    const struct document *document = document_of(compiler, index);
    return (struct klock_object){
        .kind = manifest_kind_name(object->kind),
        .namespace_ = object->namespace,
        .name = object->name,
        .file = manifest_file_name(&compiler->arena, object),
        .yaml = document->yaml,
        .len = document->len,
    };
}

bool klock_object_at(struct klock_compiler *compiler, size_t index, struct klock_object *ret_object) {
    volatile bool filled = false;
    if (index >= klock_object_count(compiler)) return false;
    GUARDED(compiler, const struct klock_object result = describe_object(compiler, index);
            filled = fill(ret_object, &result, sizeof result, OBJECT_SIZE));
    return filled;
}

static bool print_objects(struct klock_compiler *compiler, struct text *text, const char *format) {
    return manifest_print(text, &compiler->compilation.manifest, format);
}

const char *klock_output_text(struct klock_compiler *compiler, const char *format) {
    return is_compiled(compiler) ? print(compiler, print_objects, format) : NULL;
}

// The anchors are verified as all objects are, so that making them may report.
static bool print_anchors(struct klock_compiler *compiler, struct text *text, const char *format) {
    struct manifest anchors;
    driver_anchors(&compiler->compilation, &anchors);
    return !compiler->compilation.diags.errors && manifest_print(text, &anchors, format);
}

const char *klock_anchors(struct klock_compiler *compiler, const char *format) {
    return is_compiled(compiler) ? print(compiler, print_anchors, format) : NULL;
}

size_t klock_source_count(const struct klock_compiler *compiler) {
    return compiler->compilation.sources.count;
}

const char *klock_source_at(const struct klock_compiler *compiler, size_t index) {
    const struct sources *sources = &compiler->compilation.sources;
    return index < sources->count ? sources->items[index].name : NULL;
}

size_t klock_directory_count(const struct klock_compiler *compiler) {
    return compiler->compilation.loader.searched.count;
}

const char *klock_directory_at(const struct klock_compiler *compiler, size_t index) {
    const struct names *searched = &compiler->compilation.loader.searched;
    if (index >= searched->count) return NULL;
    return *searched->items[index] ? searched->items[index] : ".";
}

static void name_policies(struct klock_compiler *compiler) {
    const struct compilation *compilation = &compiler->compilation;
    const char **names = ARENA_ARRAY(&compiler->arena, const char *, compilation->unit_count);
    struct set known;
    set_init(&known, &compiler->arena);
    for (size_t i = 0; i < compilation->unit_count; i++) {
        const struct unit *unit = compilation->units[i];
        if (unit->policy_span.file == SPAN_NOWHERE || !set_add(&known, unit->policy)) continue;
        names[compiler->policy_count++] = unit->policy;
    }
    if (compiler->policy_count) qsort(names, compiler->policy_count, sizeof *names, compare_strings);
    compiler->policies = names;
}

size_t klock_policy_count(struct klock_compiler *compiler) {
    if (is_compiled(compiler) && !compiler->policies) GUARDED(compiler, name_policies(compiler));
    return is_compiled(compiler) ? compiler->policy_count : 0;
}

const char *klock_policy_at(struct klock_compiler *compiler, size_t index) {
    return index < klock_policy_count(compiler) ? compiler->policies[index] : NULL;
}

static const char *print_source(struct klock_compiler *compiler, size_t index) {
    const struct compilation *compilation = &compiler->compilation;
    struct text text;
    text_init(&text, &compiler->arena);
    for (size_t i = 0; i < compilation->unit_count; i++) {
        if (compilation->units[i]->file->source != index) continue;
        ast_print(&text, compilation->units[i]->file);
        return text_string(&text);
    }
    return NULL;
}

const char *klock_source_text(struct klock_compiler *compiler, size_t index) {
    const struct compilation *compilation = &compiler->compilation;
    const char *volatile result = NULL;
    if (!compilation->loaded || compilation->loader.failed || compilation->diags.errors) return NULL;
    GUARDED(compiler, result = print_source(compiler, index));
    return result;
}

bool klock_makes(const char *api_version, const char *kind) {
    enum manifest_kind found;
    return manifest_find_kind(api_version, kind, &found);
}

// ---- what others have, beside the policies ----

static void add_input(struct klock_compiler *compiler, const char *name, const char *bytes, size_t len,
                      struct inputs *inputs) {
    struct arena *arena = &compiler->arena;
    const struct source_input input = {arena_copy(arena, name, strlen(name)), arena_copy(arena, bytes, len), len};
    ARENA_PUSH(arena, inputs->items, inputs->count, input);
}

// Of what klock_compile looks at.
static void add_before(struct klock_compiler *compiler, const char *name, const char *bytes, size_t len,
                       struct inputs *inputs) {
    if (compiler->compiled)
        diag_report(&compiler->compilation.diags, DIAG_INPUT, span_none(),
                    "'%s' was added after everything was compiled", name);
    else
        add_input(compiler, name, bytes, len, inputs);
}

void klock_add_rbac(struct klock_compiler *compiler, const char *name, const char *bytes, size_t len) {
    if (compiler->running) compiler->missed = true;
    GUARDED(compiler, add_before(compiler, name, bytes, len, &compiler->compilation.rbac));
}

void klock_add_webhooks(struct klock_compiler *compiler, const char *name, const char *bytes, size_t len) {
    if (compiler->running) compiler->missed = true;
    GUARDED(compiler, add_before(compiler, name, bytes, len, &compiler->compilation.hooks));
}

// ---- verifying ----

void klock_add_rendered(struct klock_compiler *compiler, const char *name, const char *bytes, size_t len) {
    GUARDED(compiler, add_input(compiler, name, bytes, len, &compiler->compilation.renderings));
}

enum klock_status klock_verify(struct klock_compiler *compiler, enum klock_place_of_objects where) {
    if (compiler->running || !compiler->compiled) return KLOCK_BUSY;
    if (is_compiled(compiler)) GUARDED(compiler, driver_verify(&compiler->compilation, where == KLOCK_CLUSTER));
    return status_of(compiler);
}

// ---- meaning ----

static bool print_description(struct klock_compiler *compiler, struct text *text, const char *format) {
    const struct compilation *compilation = &compiler->compilation;
    return describe(text, &compilation->policies, &compilation->diags, &compilation->sources, format);
}

const char *klock_description(struct klock_compiler *compiler, const char *format) {
    return is_compiled(compiler) ? print(compiler, print_description, format) : NULL;
}

size_t klock_test_count(const struct klock_compiler *compiler) {
    if (compiler->cases && is_compiled(compiler)) return compiler->case_count;
    return is_compiled(compiler) ? cases_count(&compiler->compilation.policies) : 0;
}

// The tests, judged when they are first asked about.
static struct judged_case *judged_cases(struct klock_compiler *compiler) {
    if (!compiler->cases)
        cases_judge(&compiler->arena, &compiler->compilation.policies, &compiler->cases, &compiler->case_count);
    return compiler->cases;
}

// What decides, a line for each lock; "" where the test passes.
static const char *explain_test(struct klock_compiler *compiler, struct judged_case *judged) {
    struct text text;
    if (judged->passed) return "";
    if (!judged->reason_count) cases_explain(&compiler->arena, &compiler->compilation.policies, judged);
    text_init(&text, &compiler->arena);
    for (size_t i = 0; i < judged->reason_count; i++) {
        if (i) text_add_char(&text, '\n');
        describe_reason(&text, judged->reasons[i].lock, &judged->test_case->request, &judged->reasons[i].reason);
    }
    return text_string(&text);
}

static struct klock_test describe_test(struct klock_compiler *compiler, size_t index) {
    struct judged_case *judged = &judged_cases(compiler)[index];
    const struct source_location location =
        source_locate(&compiler->compilation.sources, judged->test_case->span.file, judged->test_case->span.begin);
    return (struct klock_test){
        .policy = judged->test->policy,
        .title = judged->test->title,
        .file = location.file,
        .line = location.line,
        .step = judged->test_case->step,
        .passed = judged->passed,
        .expected = cases_expected(&compiler->arena, judged->test_case),
        .actual = cases_actual(&compiler->arena, judged),
        .reason = explain_test(compiler, judged),
    };
}

bool klock_test_at(struct klock_compiler *compiler, size_t index, struct klock_test *ret_test) {
    volatile bool filled = false;
    if (index >= klock_test_count(compiler)) return false;
    GUARDED(compiler, const struct klock_test result = describe_test(compiler, index);
            filled = fill(ret_test, &result, sizeof result, TEST_SIZE));
    return filled;
}

static bool print_cases(struct klock_compiler *compiler, struct text *text, const char *argument) {
    (void)argument;
    const struct judged_case *cases = judged_cases(compiler);
    json_print(text, cases_to_json(&compiler->arena, &compiler->compilation.sources, cases, compiler->case_count),
               true);
    text_add_char(text, '\n');
    return true;
}

const char *klock_test_cases(struct klock_compiler *compiler) {
    return is_compiled(compiler) ? print(compiler, print_cases, NULL) : NULL;
}

static bool print_export(struct klock_compiler *compiler, struct text *text, const char *form) {
    const struct judged_case *cases = judged_cases(compiler);
    if (strcmp(form, "chainsaw") != 0) return false;
    for (size_t i = 0; i < compiler->case_count; i++)
        if (!cases[i].passed) return false;
    struct manifest anchors;
    driver_anchors(&compiler->compilation, &anchors);
    const struct chainsaw chainsaw = {
        .arena = &compiler->arena,
        .sources = &compiler->compilation.sources,
        .policies = &compiler->compilation.policies,
        .manifest = &compiler->compilation.manifest,
        .anchors = &anchors,
        .cases = cases,
        .case_count = compiler->case_count,
    };
    chainsaw_print(&chainsaw, text, &compiler->exported, &compiler->left_out);
    return true;
}

const char *klock_test_export(struct klock_compiler *compiler, const char *form, size_t *ret_asked,
                              size_t *ret_left_out) {
    const char *text = is_compiled(compiler) ? print(compiler, print_export, form) : NULL;
    *ret_asked = text ? compiler->exported : 0;
    *ret_left_out = text ? compiler->left_out : 0;
    return text;
}

// Whoever asks about locks that are not there must not hear that all is allowed. NULL when there is something to ask.
static const char *refuse_to_decide(const struct klock_compiler *compiler) {
    if (compiler->running) return "a compilation is in progress";
    if (!compiler->compiled) return "nothing was compiled; call klock_compile first";
    if (!is_compiled(compiler)) return "the policy has errors"; // or memory ran out
    return compiler->compilation.sources.count == 0 ? "there is no policy: nothing was added" : NULL;
}

static const char *decide_json(struct klock_compiler *compiler, const char *json, size_t len, const char **ret_error) {
    struct arena *arena = &compiler->arena;
    const struct value *requests = json_read(arena, json, len, ret_error);
    const struct value *decisions =
        requests ? cases_decide(arena, &compiler->compilation.policies, requests, ret_error) : NULL;
    if (!decisions) return NULL;
    struct text text;
    text_init(&text, arena);
    json_print(&text, decisions, false);
    return text_string(&text);
}

static const char *decide_guarded(struct klock_compiler *compiler, const char *json, size_t len,
                                  const char **ret_error) {
    const char *volatile result = NULL;
    GUARDED(compiler, result = decide_json(compiler, json, len, ret_error));
    return result;
}

const char *klock_decide(struct klock_compiler *compiler, const char *json, size_t len, const char **ret_error) {
    const char *error = refuse_to_decide(compiler);
    const char *decisions = error ? NULL : decide_guarded(compiler, json, len, &error);
    if (ret_error) *ret_error = compiler->out_of_memory ? NULL : error;
    return decisions;
}
