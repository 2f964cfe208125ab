// The public interface over the driver: owns the arena, and turns running out of memory into a status.
#include "klock/klock.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "data/json.h"
#include "data/value.h"
#include "data/yamlio.h"
#include "decide/cases.h"
#include "driver.h"
#include "kubernetes/kube.h"
#include "report/diag_print.h"

struct klock_compiler {
    struct arena arena;
    jmp_buf exhausted;
    bool out_of_memory;
    bool compiled;
    struct compilation compilation;
    struct judged_case *cases;
    size_t case_count;
    const char **yaml; // of each object
    size_t *yaml_len;
};

#define STRING_OF(x) #x
#define VERSION_OF(major, minor, patch) STRING_OF(major) "." STRING_OF(minor) "." STRING_OF(patch)

bool klock_is_day(const char *text) {
    return kube_is_day(text);
}

const char *klock_version(void) {
    return VERSION_OF(KLOCK_VERSION_MAJOR, KLOCK_VERSION_MINOR, KLOCK_VERSION_PATCH);
}

// Runs the statement; when memory runs out in it, remembers that and goes on behind it.
#define GUARDED(compiler, statement)                                                                                   \
    do {                                                                                                               \
        if ((compiler)->out_of_memory) break;                                                                          \
        if (setjmp((compiler)->exhausted))                                                                             \
            (compiler)->out_of_memory = true;                                                                          \
        else {                                                                                                         \
            statement;                                                                                                 \
        }                                                                                                              \
    } while (0)

static void init(struct klock_compiler *compiler, const struct klock_options *options) {
    arena_init(&compiler->arena, &compiler->exhausted);
    GUARDED(compiler, driver_init(&compiler->compilation, &compiler->arena, options));
}

struct klock_compiler *klock_new(const struct klock_options *options) {
    struct klock_compiler *compiler = calloc(1, sizeof *compiler);
    if (!compiler) return NULL;
    init(compiler, options);
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
static bool add_early(struct klock_compiler *compiler, const char *name) {
    if (!compiler->compiled) return true;
    GUARDED(compiler, diag_report(&compiler->compilation.diags, DIAG_INPUT, span_none(),
                                  "'%s' was added when everything was compiled already", name));
    return false;
}

void klock_add_file(struct klock_compiler *compiler, const char *path) {
    if (add_early(compiler, path)) GUARDED(compiler, load_add_file(&compiler->compilation.loader, path));
}

void klock_add_buffer(struct klock_compiler *compiler, const char *name, const char *bytes, size_t len) {
    if (add_early(compiler, name)) GUARDED(compiler, load_add_buffer(&compiler->compilation.loader, name, bytes, len));
}

static void print_objects(struct klock_compiler *compiler) {
    const struct manifest *manifest = &compiler->compilation.manifest;
    compiler->yaml = ARENA_ARRAY(&compiler->arena, const char *, manifest->count);
    compiler->yaml_len = ARENA_ARRAY(&compiler->arena, size_t, manifest->count);
    for (size_t i = 0; i < manifest->count; i++) {
        struct text text;
        text_init(&text, &compiler->arena);
        yaml_print(&text, manifest->objects[i].value);
        compiler->yaml[i] = text_string(&text);
        compiler->yaml_len[i] = text.len;
    }
}

static void compile(struct klock_compiler *compiler) {
    struct compilation *compilation = &compiler->compilation;
    driver_compile(compilation);
    if (compilation->diags.errors) return;
    print_objects(compiler);
    cases_judge(&compiler->arena, &compilation->policies, &compiler->cases, &compiler->case_count);
}

static bool is_at_fault(const struct diags *diags) {
    for (size_t i = 0; i < diags->count; i++)
        if (diags->items[i].code == DIAG_INTERNAL) return true;
    return false;
}

enum klock_status klock_compile(struct klock_compiler *compiler) {
    if (!compiler->compiled) {
        compiler->compiled = true;
        GUARDED(compiler, compile(compiler));
    }
    if (compiler->out_of_memory) return KLOCK_MEMORY;
    if (compiler->compilation.loader.failed) return KLOCK_INPUT;
    if (is_at_fault(&compiler->compilation.diags)) return KLOCK_INTERNAL;
    return compiler->compilation.diags.errors ? KLOCK_ERRORS : KLOCK_OK;
}

// ---- diagnostics ----

size_t klock_diagnostic_count(const struct klock_compiler *compiler) {
    return compiler->compilation.diags.count;
}

struct klock_diagnostic klock_diagnostic_at(const struct klock_compiler *compiler, size_t index) {
    const struct diagnostic *diagnostic = &compiler->compilation.diags.items[index];
    const struct diag_info *info = diag_info(diagnostic->code);
    struct klock_diagnostic result = {
        .code = info->code,
        .name = info->name,
        .is_error = diagnostic->severity == SEVERITY_ERROR,
        .message = diagnostic->message,
        .help = diagnostic->help,
    };
    if (diagnostic->span.file == SPAN_NOWHERE) return result;
    const struct source_location location =
        source_locate(&compiler->compilation.sources, diagnostic->span.file, diagnostic->span.begin);
    result.file = location.file;
    result.line = location.line;
    result.column = location.column;
    return result;
}

const char *klock_diagnostics_text(struct klock_compiler *compiler, const char *format, bool color) {
    enum diag_format found;
    struct text text;
    const char *volatile result = NULL;
    text_init(&text, &compiler->arena);
    if (!diag_format_find(format, &found)) return NULL;
    GUARDED(compiler, diag_print(&text, &compiler->compilation.diags, &compiler->compilation.sources, found, color);
            result = text_string(&text));
    return result;
}

static void explain(struct text *text, const struct diag_info *info) {
    text_printf(text, "%s %s (%s)\n  %s\n", info->code, info->name,
                info->severity == SEVERITY_ERROR ? "error" : "warning", info->summary);
    if (*info->explanation) text_printf(text, "\n%s\n", info->explanation);
    if (*info->example) text_printf(text, "\nExample:\n  %s\n", info->example);
    if (info->severity == SEVERITY_WARNING)
        text_printf(text, "\nTo accept it, write inside the block:\n  allow %s \"the reason\"\n", info->code);
}

static const char *explain_code(struct klock_compiler *compiler, const char *code) {
    struct text text;
    text_init(&text, &compiler->arena);
    if (code) {
        const struct diag_info *info = diag_find(code);
        if (!info) return NULL;
        explain(&text, info);
    } else {
        for (int i = 0; i < DIAG_COUNT; i++) {
            const struct diag_info *info = diag_info((enum diag_code)i);
            text_printf(&text, "%s  %-7s  %-22s  %s\n", info->code,
                        info->severity == SEVERITY_ERROR ? "error" : "warning", info->name, info->summary);
        }
    }
    return text_string(&text);
}

const char *klock_explain(struct klock_compiler *compiler, const char *code) {
    const char *volatile result = NULL;
    GUARDED(compiler, result = explain_code(compiler, code));
    return result;
}

// ---- output ----

size_t klock_object_count(const struct klock_compiler *compiler) {
    return compiler->yaml && !compiler->compilation.diags.errors ? compiler->compilation.manifest.count : 0;
}

static const char *file_name(struct arena *arena, const struct manifest_object *object) {
    struct text text;
    text_init(&text, arena);
    for (const char *c = manifest_kind_name(object->kind); *c; c++)
        text_add_char(&text, *c >= 'A' && *c <= 'Z' ? (char)(*c - 'A' + 'a') : *c);
    if (*object->namespace) text_printf(&text, "-%s", object->namespace);
    // A namespace has no dot, so that namespace and name cannot be divided in another way; RBAC names may hold
    // characters that a file's name should not; no name of another object can look like the result. The colon stands in
    // the name of every role.
    text_add_char(&text, *object->namespace ? '.' : '-');
    for (const char *c = object->name; *c; c++) {
        const bool plain =
            (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9') || *c == '-' || *c == '.';
        if (plain)
            text_add_char(&text, *c);
        else if (*c == ':')
            text_add_string(&text, "__");
        else
            text_printf(&text, "_%02x", (unsigned)(unsigned char)*c);
    }
    text_add_string(&text, ".yaml");
    return text_string(&text);
}

struct klock_object klock_object_at(const struct klock_compiler *compiler, size_t index) {
    const struct manifest_object *object = &compiler->compilation.manifest.objects[index];
    struct klock_compiler *owner = (struct klock_compiler *)(size_t)compiler;
    const char *volatile file = NULL;
    GUARDED(owner, file = file_name(&owner->arena, object));
    return (struct klock_object){
        .kind = manifest_kind_name(object->kind),
        .namespace_ = object->namespace,
        .name = object->name,
        .file = file ? file : "",
        .yaml = compiler->yaml[index],
        .len = compiler->yaml_len[index],
    };
}

// All objects of a manifest as one text; NULL for another format.
static const char *manifest_text(struct arena *arena, const struct manifest *manifest, const char *format) {
    struct text text;
    text_init(&text, arena);
    if (strcmp(format, "yaml") == 0) {
        for (size_t i = 0; i < manifest->count; i++) yaml_print(&text, manifest->objects[i].value);
    } else if (strcmp(format, "json") == 0) {
        struct value *list = value_map(arena), *items = value_list(arena);
        value_set_string(arena, list, "apiVersion", "v1");
        value_set_string(arena, list, "kind", "List");
        for (size_t i = 0; i < manifest->count; i++) value_append(arena, items, manifest->objects[i].value);
        value_set(arena, list, "items", items);
        json_print(&text, list, true);
        text_add_char(&text, '\n');
    } else {
        return NULL;
    }
    return text_string(&text);
}

const char *klock_output_text(struct klock_compiler *compiler, const char *format) {
    const char *volatile result = NULL;
    GUARDED(compiler, result = manifest_text(&compiler->arena, &compiler->compilation.manifest, format));
    return result;
}

const char *klock_anchors(struct klock_compiler *compiler, const char *format) {
    const char *volatile result = NULL;
    struct manifest anchors;
    GUARDED(compiler, driver_anchors(&compiler->compilation, &anchors);
            result = manifest_text(&compiler->arena, &anchors, format));
    return compiler->compilation.diags.errors ? NULL : result;
}

size_t klock_source_count(const struct klock_compiler *compiler) {
    return compiler->compilation.sources.count;
}

const char *klock_source_at(const struct klock_compiler *compiler, size_t index) {
    return compiler->compilation.sources.items[index].name;
}

// ---- meaning ----

size_t klock_test_count(const struct klock_compiler *compiler) {
    return compiler->case_count;
}

struct klock_test klock_test_at(const struct klock_compiler *compiler, size_t index) {
    struct klock_compiler *owner = (struct klock_compiler *)(size_t)compiler;
    const struct judged_case *judged = &compiler->cases[index];
    const struct source_location location =
        source_locate(&compiler->compilation.sources, judged->one->span.file, judged->one->span.begin);
    const char *volatile expected = NULL, *volatile actual = NULL;
    GUARDED(owner, expected = cases_expected(&owner->arena, judged->one);
            actual = cases_actual(&owner->arena, &judged->decision));
    return (struct klock_test){
        .policy = judged->test->policy,
        .title = judged->test->title,
        .file = location.file,
        .line = location.line,
        .step = judged->one->step,
        .passed = judged->passed,
        .expected = expected ? expected : "",
        .actual = actual ? actual : "",
    };
}

static const char *test_cases(struct klock_compiler *compiler) {
    struct text text;
    text_init(&text, &compiler->arena);
    json_print(&text,
               cases_to_json(&compiler->arena, &compiler->compilation.sources, compiler->cases, compiler->case_count),
               true);
    text_add_char(&text, '\n');
    return text_string(&text);
}

const char *klock_test_cases(struct klock_compiler *compiler) {
    const char *volatile result = NULL;
    GUARDED(compiler, result = test_cases(compiler));
    return result;
}

static const char *decide_json(struct klock_compiler *compiler, const char *json, size_t len, const char **ret_error) {
    struct arena *arena = &compiler->arena;
    // Whoever asks about locks that are not there yet must not hear that all is allowed.
    if (!compiler->compiled || compiler->compilation.diags.errors || compiler->compilation.loader.failed) {
        *ret_error = compiler->compiled ? "the policy has errors" : "nothing was compiled; call klock_compile first";
        return NULL;
    }
    struct value *input = json_read(arena, json, len, ret_error);
    if (!input) return NULL;
    struct value *requests = input;
    if (input->kind != VALUE_LIST) value_append(arena, requests = value_list(arena), input);
    struct value *decisions = value_list(arena);
    for (size_t i = 0; i < requests->count; i++) {
        struct request request;
        struct decision decision;
        if (!cases_read_request(arena, requests->as.items[i], &request, ret_error)) return NULL;
        decide(arena, &compiler->compilation.policies, &request, &decision);
        value_append(arena, decisions, cases_decision_json(arena, &decision));
    }
    struct text text;
    text_init(&text, arena);
    json_print(&text, decisions, false);
    return text_string(&text);
}

const char *klock_decide(struct klock_compiler *compiler, const char *json, size_t len, const char **ret_error) {
    const char *volatile result = NULL;
    *ret_error = NULL;
    GUARDED(compiler, result = decide_json(compiler, json, len, ret_error));
    return result;
}
