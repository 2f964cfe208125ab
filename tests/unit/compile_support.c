#include "compile_support.h"

#include <stdio.h>

#include "cel/cel.h"
#include "data/yamlio.h"
#include "kubernetes/catalog.h"

int set_up(void **state) {
    struct compile_fixture *fixture = calloc(1, sizeof *fixture);
    if (!fixture) return -1;
    arena_init(&fixture->arena, &fixture->exhausted);
    *state = fixture;
    return 0;
}

int tear_down(void **state) {
    struct compile_fixture *fixture = *state;
    arena_release(&fixture->arena);
    free(fixture);
    return 0;
}

struct arena *arena_of(void **state) {
    return &((struct compile_fixture *)*state)->arena;
}

// ---- compiling ----

static struct compilation *compile_with(void **state, const struct file *files, size_t count,
                                        const struct klock_options *options) {
    struct arena *arena = arena_of(state);
    struct compilation *compilation = ARENA_NEW(arena, struct compilation);
    driver_init(compilation, arena, options);
    for (size_t i = 0; i < count; i++)
        load_add_buffer(&compilation->loader, files[i].name, files[i].text, strlen(files[i].text));
    driver_compile(compilation);
    return compilation;
}

// A text that names no policy belongs to one that is named like the file.
static const char *named(struct arena *arena, const struct file *file) {
    if (strncmp(file->text, "policy ", 7) == 0 || strstr(file->text, "\npolicy ")) return file->text;
    const char *slash = strrchr(file->name, '/'), *base = slash ? slash + 1 : file->name;
    return arena_printf(arena, "policy %.*s\n%s", (int)strcspn(base, "."), base, file->text);
}

struct compilation *compile_as_written(void **state, const struct file *files, size_t count) {
    return compile_with(state, files, count, NULL);
}

struct compilation *compile_files(void **state, const struct file *files, size_t count) {
    struct file *own = ARENA_ARRAY(arena_of(state), struct file, count);
    for (size_t i = 0; i < count; i++) own[i] = (struct file){files[i].name, named(arena_of(state), &files[i])};
    return compile_with(state, own, count, NULL);
}

struct compilation *compile(void **state, const char *text) {
    const struct file written = {"test.klock", text}, file = {written.name, named(arena_of(state), &written)};
    return compile_with(state, &file, 1, NULL);
}

struct compilation *compile_at(void **state, const char *text, const char *date) {
    const struct file written = {"test.klock", text}, file = {written.name, named(arena_of(state), &written)};
    const struct klock_options options = {.date = date};
    return compile_with(state, &file, 1, &options);
}

struct compilation *compile_static(void **state, const char *text) {
    const struct file written = {"test.klock", text}, file = {written.name, named(arena_of(state), &written)};
    const struct klock_options options = {.target = KLOCK_TARGET_STATIC};
    return compile_with(state, &file, 1, &options);
}

struct compilation *compile_lock(void **state, const char *clauses, const char *rest) {
    return compile(state,
                   arena_printf(arena_of(state), "lock l {\n  resources configmaps\n  namespace default\n%s\n}\n%s\n",
                                clauses, rest));
}

// ---- diagnostics ----

const char *text_of(const struct compilation *compilation, struct span span) {
    if (span.file == SPAN_NOWHERE) return "";
    const struct source *source = &compilation->sources.items[span.file];
    return arena_copy(compilation->arena, source->text + span.begin, span.end - span.begin);
}

size_t count_of(const struct compilation *compilation, const char *code) {
    size_t count = 0;
    for (size_t i = 0; i < compilation->diags.count; i++)
        count += strcmp(diag_info(compilation->diags.items[i].code)->code, code) == 0;
    return count;
}

static void show(const struct compilation *compilation) {
    for (size_t i = 0; i < compilation->diags.count; i++) {
        const struct diagnostic *diagnostic = &compilation->diags.items[i];
        print_message("  %s at '%s': %s\n", diag_info(diagnostic->code)->code, text_of(compilation, diagnostic->span),
                      diagnostic->message);
    }
}

void assert_reports(const struct compilation *compilation, const char *code, const char *at) {
    const size_t count = count_of(compilation, code);
    if (count != 1) show(compilation);
    if (count != 1) fail_msg("%s is reported %zu times, and should be once at '%s'", code, count, at);
    for (size_t i = 0; i < compilation->diags.count; i++) {
        const struct diagnostic *diagnostic = &compilation->diags.items[i];
        if (strcmp(diag_info(diagnostic->code)->code, code) != 0) continue;
        const char *text = text_of(compilation, diagnostic->span);
        if (strcmp(text, at) != 0) fail_msg("%s points at '%s', and should at '%s'", code, text, at);
        if (!*diagnostic->message) fail_msg("%s says nothing", code);
    }
}

// Beside an error, the blocks that are sound may have warnings.
void assert_reports_only(const struct compilation *compilation, const char *code, const char *at) {
    assert_reports(compilation, code, at);
    const struct diags *diags = &compilation->diags;
    const size_t count = diag_find(code)->severity == SEVERITY_ERROR ? diags->errors : diags->count;
    if (count != 1) show(compilation);
    assert_int_equal(count, 1);
}

void assert_silent(const struct compilation *compilation, const char *code) {
    if (count_of(compilation, code)) show(compilation);
    if (count_of(compilation, code)) fail_msg("%s is reported", code);
}

void assert_no_errors(const struct compilation *compilation) {
    if (compilation->diags.errors) show(compilation);
    assert_int_equal(compilation->diags.errors, 0);
}

void assert_clean(const struct compilation *compilation) {
    if (compilation->diags.count) show(compilation);
    assert_int_equal(compilation->diags.count, 0);
}

// ---- the resolved policy ----

const struct lock *lock_named(const struct compilation *compilation, const char *name) {
    for (size_t i = 0; i < compilation->policies.lock_count; i++)
        if (strcmp(compilation->policies.locks[i]->name, name) == 0) return compilation->policies.locks[i];
    show(compilation);
    fail_msg("there is no lock '%s'", name);
    return NULL;
}

const struct grant *grant_named(const struct compilation *compilation, const char *name) {
    for (size_t i = 0; i < compilation->policies.grant_count; i++)
        if (strcmp(compilation->policies.grants[i]->name, name) == 0) return compilation->policies.grants[i];
    show(compilation);
    fail_msg("there is no grant '%s'", name);
    return NULL;
}

static const char *kind_word(enum formula_kind kind) {
    switch (kind) {
    case FORMULA_TRUE: return "true";
    case FORMULA_FALSE: return "false";
    case FORMULA_AND: return "and";
    case FORMULA_OR: return "or";
    case FORMULA_NOT: return "not";
    case FORMULA_LABEL: return "label";
    case FORMULA_ANNOTATION: return "annotation";
    case FORMULA_NAME: return "name";
    case FORMULA_NAMESPACE: return "namespace";
    case FORMULA_NAMESPACE_LABEL: return "namespace-label";
    case FORMULA_LABEL_KEY: return "label-key";
    case FORMULA_ANNOTATION_KEY: return "annotation-key";
    case FORMULA_SOURCE_SELECTS: return "source-selects";
    case FORMULA_IS_SOURCE: return "is-source";
    case FORMULA_FIELD: return "field";
    case FORMULA_USER: return "user";
    case FORMULA_UID: return "uid";
    case FORMULA_GROUP: return "group";
    case FORMULA_MAY: return "may";
    case FORMULA_TENANT: return "tenant";
    case FORMULA_EXTRA: return "extra";
    case FORMULA_RESOURCE: return "resource";
    case FORMULA_OPERATION: return "operation";
    case FORMULA_ANY: return "any";
    case FORMULA_ALL: return "all";
    case FORMULA_CEL: return "cel";
    case FORMULA_TEXT: return "text";
    case FORMULA_JOIN: return "join";
    }
    return "?";
}

static void add_value(struct text *text, const struct value *value) {
    switch (value->kind) {
    case VALUE_NULL: text_add_string(text, " null"); break;
    case VALUE_BOOL: text_add_string(text, value->as.boolean ? " true!" : " false!"); break;
    case VALUE_INT: text_printf(text, " %lld!", (long long)value->as.integer); break;
    case VALUE_DOUBLE: text_printf(text, " %g!!", value->as.number); break;
    case VALUE_STRING: text_printf(text, " %s", value->as.string); break;
    case VALUE_LIST:
    case VALUE_MAP: text_add_string(text, " ?"); break;
    }
}

static void add_formula(struct text *text, const struct formula *expr) {
    static const char *const states[] = {"", "old-", "new-"};
    static const char *const tests[] = {"", "in", "<", "<=", ">", ">=", "matches", "contains", "="};
    text_printf(text, "(%s%s", states[expr->state], kind_word(expr->kind));
    if (expr->key && expr->kind != FORMULA_CEL) text_printf(text, " %s", expr->key);
    if (expr->kind == FORMULA_FIELD || expr->kind == FORMULA_ANY || expr->kind == FORMULA_ALL) {
        text_add_char(text, ' ');
        if (expr->path.variable >= 0) text_printf(text, "$%d", expr->path.variable);
        for (size_t i = 0; i < expr->path.count; i++)
            text_printf(text, "/%s", expr->path.segments[i].key ? expr->path.segments[i].key : "[*]");
    }
    if (expr->kind == FORMULA_OPERATION) text_printf(text, " %u", expr->operations);
    if (expr->compare != CMP_EXISTS) text_printf(text, " %s", tests[expr->compare]);
    for (size_t i = 0; i < expr->value_count; i++) add_value(text, expr->values[i]);
    if (expr->kind == FORMULA_CEL) text_printf(text, " %s", expr->cel ? cel_text(expr->cel) : "-");
    for (size_t i = 0; i < expr->operand_count; i++) {
        text_add_char(text, ' ');
        add_formula(text, expr->operands[i]);
    }
    if (expr->quantity) text_add_string(text, " quantity");
    if (expr->reads_stored) text_add_string(text, " frozen");
    text_add_char(text, ')');
}

const char *formula_text(void **state, const struct formula *expr) {
    struct text text;
    text_init(&text, arena_of(state));
    if (!expr) return "-";
    add_formula(&text, expr);
    return text_string(&text);
}

const struct lock *lock_with_id(const struct compilation *compilation, const char *id) {
    const struct lock *found = NULL;
    for (size_t i = 0; i < compilation->policies.lock_count; i++) {
        const struct lock *lock = compilation->policies.locks[i];
        if (strcmp(lock->id, id) != 0) continue;
        if (found) fail_msg("there are two locks with the id '%s'", id);
        found = lock;
    }
    if (found) return found;
    show(compilation);
    for (size_t i = 0; i < compilation->policies.lock_count; i++)
        print_message("  %s\n", compilation->policies.locks[i]->id);
    fail_msg("there is no lock with the id '%s'", id);
    return NULL;
}

const char *derived_ids(void **state, const struct compilation *compilation) {
    struct text text;
    text_init(&text, arena_of(state));
    assert_no_errors(compilation);
    for (size_t i = 0; i < compilation->policies.lock_count; i++)
        if (compilation->policies.locks[i]->origin) text_printf(&text, "%s\n", compilation->policies.locks[i]->id);
    return text_string(&text);
}

static void add_paths(struct text *text, const struct lock *lock) {
    for (size_t i = 0; i < lock->path_count; i++)
        for (size_t j = 0; j < lock->paths[i].count; j++) {
            const char *key = lock->paths[i].segments[j].key;
            text_printf(text, "%s%s", j ? "/" : " ", key ? key : "[*]");
        }
}

const char *facts_of(void **state, const struct lock *lock) {
    struct text text;
    text_init(&text, arena_of(state));
    for (size_t i = 0; i < lock->scope.target_count; i++) {
        const struct target *target = &lock->scope.targets[i];
        text_printf(&text, "%s%s", i ? " " : "",
                    target->resource ? catalog_name(arena_of(state), target->resource) : "*");
    }
    if (lock->scope.subresource) text_printf(&text, " /%s", lock->scope.subresource);
    if (lock->scope.where == IN_ANY_NAMESPACE) text_add_string(&text, " in * and");
    if (lock->scope.where == IN_NAMESPACES) text_add_string(&text, " in");
    if (lock->scope.where == IN_LABELED_NAMESPACES)
        text_printf(&text, " in %s", formula_text(state, lock->scope.namespace_selector));
    for (size_t i = 0; i < lock->scope.namespace_count; i++) text_printf(&text, " %s", lock->scope.namespaces[i]);
    text_add_char(&text, '\n');
    if (lock->denies || lock->acts) {
        text_printf(&text, "denies%s%s%s", lock->denies & OP_CREATE ? " create" : "",
                    lock->denies & OP_UPDATE ? " update" : "", lock->denies & OP_DELETE ? " delete" : "");
        if (lock->acts) text_add_string(&text, ", acts");
        for (size_t i = 0; i < kube_act_count; i++)
            if (lock->acts & kube_acts[i].act) text_printf(&text, " %s", kube_acts[i].subresource);
        text_add_char(&text, '\n');
    }
    if (lock->selects->kind != FORMULA_TRUE) text_printf(&text, "selects %s\n", formula_text(state, lock->selects));
    if (lock->requires) text_printf(&text, "requires %s\n", formula_text(state, lock->requires));
    if (lock->path_count) {
        text_add_string(&text, "changing");
        add_paths(&text, lock);
        text_add_char(&text, '\n');
    }
    if (lock->guard_labels || lock->guard_label_in || lock->guard_owners)
        text_printf(&text, "guards%s%s%s\n", lock->guard_labels ? " labels" : "",
                    lock->guard_label_in ? " label-in" : "", lock->guard_owners ? " owners" : "");
    return text_string(&text);
}

const char *subjects_text(void **state, const struct subjects *subjects) {
    struct text text;
    text_init(&text, arena_of(state));
    for (size_t i = 0; i < subjects->user_count; i++)
        text_printf(&text, "%suser %s", text.len ? ", " : "", subjects->users[i]);
    for (size_t i = 0; i < subjects->group_count; i++)
        text_printf(&text, "%sgroup %s", text.len ? ", " : "", subjects->groups[i]);
    for (size_t i = 0; i < subjects->other_count; i++)
        text_printf(&text, "%s%s", text.len ? ", " : "", formula_text(state, subjects->others[i]));
    return text_string(&text);
}

void assert_judged(void **state, const char *policy, const char *steps) {
    struct arena *arena = arena_of(state);
    const struct compilation *compilation =
        compile(state, arena_printf(arena, "%s\ntest \"t\" {\n%s\n}\n", policy, steps));
    struct judged_case *cases = NULL;
    size_t count = 0;
    assert_no_errors(compilation);
    cases_judge(arena, &compilation->policies, &cases, &count);
    assert_true(count > 0);
    for (size_t i = 0; i < count; i++)
        if (!cases[i].passed)
            fail_msg("step %zu: %s, expected %s", cases[i].test_case->step, cases_actual(arena, &cases[i]),
                     cases_expected(arena, cases[i].test_case));
}

// ---- output ----

struct plan *plan_of(void **state, const struct compilation *compilation) {
    struct plan *plan = ARENA_NEW(arena_of(state), struct plan);
    assert_no_errors(compilation);
    plan_make(arena_of(state), &compilation->policies, compilation->options.kubernetes_minor, plan);
    return plan;
}

const struct plan_policy *policy_named(const struct plan *plan, const char *name) {
    for (size_t i = 0; i < plan->count; i++)
        if (strcmp(plan->policies[i].name, name) == 0) return &plan->policies[i];
    fail_msg("there is no policy '%s'", name);
    return NULL;
}

const char *output_text(void **state, const struct compilation *compilation) {
    struct text text;
    text_init(&text, arena_of(state));
    assert_no_errors(compilation);
    for (size_t i = 0; i < compilation->manifest.count; i++) yaml_print(&text, compilation->manifest.objects[i].value);
    return text_string(&text);
}

const struct value *object_named(const struct compilation *compilation, const char *kind, const char *namespace,
                                 const char *name) {
    for (size_t i = 0; i < compilation->manifest.count; i++) {
        const struct manifest_object *object = &compilation->manifest.objects[i];
        if (strcmp(manifest_kind_name(object->kind), kind) == 0 && strcmp(object->namespace, namespace) == 0 &&
            strcmp(object->name, name) == 0)
            return object->value;
    }
    show(compilation);
    fail_msg("there is no %s %s/%s", kind, namespace, name);
    return NULL;
}
