// Requirements that keep controllers from making what they have to: K0207 for `require`. They are let past what a lock
// denies, not past what it requires, so that what they make has to satisfy it by its template.
#include <string.h>

#include "base/arena.h"
#include "base/text.h"
#include "check/check_internal.h"
#include "data/value.h"
#include "kubernetes/catalog.h"
#include "policy/known.h"
#include "report/diag.h"

// ---- what is known of a request by a controller ----

struct author {
    struct arena *arena;
    struct identity identity; // "system:serviceaccount:kube-system:job-controller"
    const char *name;         // "job-controller"
    const char *plural;       // of what is written
    enum operation operation;
};

// What the author makes, as made.def has it; NULL where nothing is known of it.
static const struct kube_made *made_by(const struct author *author) {
    for (size_t i = 0; i < kube_made_count; i++)
        if (strcmp(kube_made[i].controller, author->name) == 0 && strcmp(kube_made[i].plural, author->plural) == 0)
            return &kube_made[i];
    return NULL;
}

// Of what is known to lack the label or annotation, no comparison holds.
static enum known ask_key(const struct author *author, const struct formula *expr) {
    const struct kube_made *made = made_by(author);
    const char *keys = !made ? NULL : expr->kind == FORMULA_LABEL ? made->labels : made->annotations;
    if (keys && text_has_word(keys, expr->key)) return expr->compare == CMP_EXISTS ? KNOWN_TRUE : KNOWN_MAYBE;
    return made && made->annotations && author->operation == OP_CREATE ? KNOWN_FALSE : KNOWN_MAYBE;
}

// Whether something is compared with what it was in a way that whoever leaves it alone satisfies.
static bool is_kept(const struct author *author, const struct formula *expr) {
    if (expr->operand_count != 1 || expr->kind == FORMULA_NOT || expr->operands[0]->kind != expr->kind ||
        (expr->compare != CMP_EQ && expr->compare != CMP_GE && expr->compare != CMP_LE))
        return false;
    struct formula now = *expr, was = *expr->operands[0];
    if ((now.state == STATE_OLD) == (was.state == STATE_OLD)) return false;
    now.compare = was.compare = CMP_EXISTS;
    now.operand_count = was.operand_count = 0;
    now.state = was.state = STATE_SELF;
    return strcmp(check_formula(author->arena, &now), check_formula(author->arena, &was)) == 0;
}

// Of what the author makes there is no old object.
static enum known ask(const void *context, const struct formula *atom) {
    const struct author *author = context;
    const bool nothing = atom->state == STATE_OLD && author->operation == OP_CREATE;
    if (author->operation == OP_UPDATE && is_kept(author, atom)) return KNOWN_TRUE;
    if (formula_compares_readings(atom)) return KNOWN_MAYBE;
    switch (atom->kind) {
    case FORMULA_OPERATION: return known_bool((atom->operations & author->operation) != 0);
    case FORMULA_LABEL:
    case FORMULA_ANNOTATION: return ask_key(author, atom);
    case FORMULA_FIELD:
    case FORMULA_ANY: return nothing ? KNOWN_FALSE : KNOWN_MAYBE;
    case FORMULA_ALL: return nothing ? KNOWN_TRUE : KNOWN_MAYBE;
    default: return known_of_identity(&author->identity, atom);
    }
}

// Whether the formula holds of whatever the author writes.
static bool always_holds(const struct author *author, const struct formula *expr) {
    return known_of(expr, ask, author) == KNOWN_TRUE;
}

// ---- templates: what is required of them, what is made of them has ----

static struct field_path below(struct arena *arena, const char *template, const struct field_path *path) {
    struct segment *segments = NULL;
    size_t count = 0;
    while (*template) {
        const size_t len = strcspn(template, " ");
        const struct segment segment = {.key = arena_copy(arena, template, len)};
        ARENA_PUSH(arena, segments, count, segment);
        template += len + (template[len] == ' ');
    }
    for (size_t i = 0; i < path->count; i++) ARENA_PUSH(arena, segments, count, path->segments[i]);
    return (struct field_path){.variable = -1, .segments = segments, .count = count};
}

static struct formula *ask_template(struct arena *arena, struct formula *part, const void *template) {
    if (formula_compares_readings(part)) return NULL;
    switch (part->kind) {
    case FORMULA_LABEL:
    case FORMULA_ANNOTATION: {
        const struct segment segments[] = {
            {.key = "metadata"}, {.key = part->kind == FORMULA_LABEL ? "labels" : "annotations"}, {.key = part->key}};
        const struct field_path path = {.variable = -1, .segments = segments, .count = 3};
        if (part->quantity || (part->value_count && part->values[0]->kind != VALUE_STRING)) return NULL;
        part->kind = FORMULA_FIELD;
        part->key = NULL;
        part->path = below(arena, template, &path);
        return part;
    }
    case FORMULA_FIELD:
    case FORMULA_ANY:
    case FORMULA_ALL:
        if (part->path.variable < 0) part->path = below(arena, template, &part->path);
        return part;
    case FORMULA_AND:
    case FORMULA_OR:
    case FORMULA_NOT:
    case FORMULA_TRUE: return part;
    default: return NULL;
    }
}

// The formula about what is made, asked of the template; NULL where the template does not tell.
static struct formula *of_template(struct arena *arena, const struct formula *expr, const char *template) {
    return formula_map(arena, expr, ask_template, template);
}

static bool has_namespace(const struct object_scope *scope, const char *namespace) {
    bool has = false;
    for (size_t i = 0; i < scope->namespace_count; i++) has |= strcmp(scope->namespaces[i], namespace) == 0;
    return has;
}

// Whether one scope is wherever the other is.
static bool is_wherever(struct arena *arena, const struct object_scope *scope, const struct object_scope *other) {
    if (scope->where == IN_LABELED_NAMESPACES)
        return other->where == IN_LABELED_NAMESPACES && strcmp(check_formula(arena, scope->namespace_selector),
                                                               check_formula(arena, other->namespace_selector)) == 0;
    for (size_t i = 0; i < other->namespace_count; i++)
        if (!has_namespace(scope, other->namespaces[i]) && scope->where == IN_NAMESPACES) return false;
    bool system = false;
    for (size_t i = 0; i < kube_system_namespace_count; i++)
        system |= has_namespace(other, kube_system_namespaces[i]) && !has_namespace(scope, kube_system_namespaces[i]);
    if (scope->where == IN_ANY_NAMESPACE) return !system && other->where != IN_LABELED_NAMESPACES;
    return scope->where == other->where;
}

static bool is_same(struct arena *arena, const struct formula *a, const struct formula *b) {
    return strcmp(check_formula(arena, a), check_formula(arena, b)) == 0;
}

static bool nobody_passes(const struct lock *lock) {
    const struct subjects *all[] = {&lock->passes, &lock->break_glass};
    size_t count = 0;
    for (size_t i = 0; i < 2; i++) count += all[i]->user_count + all[i]->group_count + all[i]->other_count;
    return count == 0;
}

// Whether the other lock requires the part of every template of the workload that what the lock selects is made of.
static bool requires_of_template(const struct checking *checking, const struct lock *lock, const struct lock *other,
                                 const struct formula *part, const char *template) {
    struct arena *arena = checking->arena;
    if (!other->ratchets || !(other->mode & MODE_DENY) || other->path_count || other->scope.subresource ||
        other->condition->kind != FORMULA_TRUE || !nobody_passes(other) ||
        !is_wherever(arena, &other->scope, &lock->scope))
        return false;
    const struct formula *selects = of_template(arena, lock->selects, template);
    if (other->selects->kind != FORMULA_TRUE && !(selects && is_same(arena, other->selects, selects))) return false;
    for (size_t i = 0; i < formula_part_count(other->requires); i++)
        if (is_same(arena, formula_part(other->requires, i), part)) return true;
    return false;
}

static bool is_required_of(const struct checking *checking, const struct lock *lock, const struct formula *part,
                           const struct resource *workload, const char *template) {
    const struct formula *moved = of_template(checking->arena, part, template);
    for (size_t i = 0; moved && workload && i < checking->policies->lock_count; i++)
        if (check_takes_in(&checking->policies->locks[i]->scope, workload) &&
            requires_of_template(checking, lock, checking->policies->locks[i], moved, template))
            return true;
    return false;
}

static bool has_template_with(const struct checking *checking, const struct lock *lock, const struct author *author,
                              const struct formula *part) {
    const struct kube_made *made = made_by(author);
    for (size_t i = 0; made && made->workload && i < kube_workload_count; i++)
        if (strcmp(kube_workloads[i].plural, made->workload) == 0)
            return is_required_of(checking, lock, part, checking->around.workloads[i].itself,
                                  part->kind == FORMULA_LABEL ? made->labels_from : made->rest_from);
    return false;
}

// ---- the warning ----

// The first part of the requirement that what the author makes may lack; NULL where it has all of them.
static const struct formula *broken_part(const struct checking *checking, const struct lock *lock,
                                         const struct author *author) {
    for (size_t i = 0; i < formula_part_count(lock->requires); i++) {
        const struct formula *part = formula_part(lock->requires, i);
        if (!always_holds(author, part) && !has_template_with(checking, lock, author, part)) return part;
    }
    return NULL;
}

// Whether the lock selects by names, and what the author makes gets one of its own.
static bool makes_other_names(const struct lock *lock, const struct author *author) {
    const struct kube_made *made = made_by(author);
    bool by_name = false;
    for (size_t i = 0; i < formula_part_count(lock->selects); i++) {
        const struct formula *atom = formula_part(lock->selects, i);
        by_name |= atom->kind == FORMULA_NAME && atom->compare == CMP_IN;
    }
    return by_name && made && made->random_name;
}

struct starved {
    const char *names[3], *plural;
    size_t count;
    struct template {
        const char *path; // blank-separated
        struct text workloads;
    }
    *templates; // that some is made by
    size_t template_count;
    const struct formula *part; // of what is required
    struct text told;
};

static void add_template(struct arena *arena, struct starved *starved, const char *path, const char *workload) {
    size_t at = 0;
    while (at < starved->template_count && strcmp(starved->templates[at].path, path) != 0) at++;
    if (at == starved->template_count) {
        const struct template added = {.path = path};
        ARENA_PUSH(arena, starved->templates, starved->template_count, added);
        text_init(&starved->templates[at].workloads, arena);
    }
    struct text *workloads = &starved->templates[at].workloads;
    text_printf(workloads, "%s%s", workloads->len ? ", " : "", workload);
}

static void add_starved(struct starved *starved, const struct author *author, const struct formula *part) {
    enum { SHOWN = 3 };
    if (strstr(text_string(&starved->told), author->name)) return;
    text_printf(&starved->told, " %s", author->name);
    if (!starved->count) {
        starved->plural = author->plural;
        starved->part = part;
    }
    if (starved->count < SHOWN) starved->names[starved->count] = author->name;
    starved->count++;
    const struct kube_made *made = made_by(author);
    const char *path = !made || !made->workload      ? ""
                       : part->kind == FORMULA_LABEL ? made->labels_from
                                                     : made->rest_from;
    if (*path) add_template(author->arena, starved, path, made->workload);
}

static struct author author_of(const struct checking *checking, const struct kube_exemption *exemption,
                               const struct resource *resource, enum operation operation) {
    const char *user = exemption->group ? KUBE_NODE_PREFIX "NODE" : exemption->user;
    return (struct author){
        .arena = checking->arena,
        .identity = {checking->arena, user, kube_groups_of(user)},
        .name = check_controller_of(exemption),
        .plural = resource->plural,
        .operation = operation,
    };
}

static void report(const struct checking *checking, const struct lock *lock, const struct starved *starved) {
    struct text names;
    text_init(&names, checking->arena);
    for (size_t i = 0; i < starved->count && i < sizeof starved->names / sizeof *starved->names; i++)
        text_printf(&names, "%s%s", i ? ", " : "", starved->names[i]);
    const char *missed = kube_missed(starved->plural);
    if (starved->count > 3) text_printf(&names, " and %zu more", starved->count - 3);
    diag_report(checking->diags, DIAG_STARVES_CONTROLLER, check_place_of(checking, lock, starved->part, ABOUT_REQUIRED),
                "lock '%s' refuses new %s that lack what it requires, including those made by controllers (%s): %s",
                lock->name, starved->plural, text_string(&names), missed ? missed : "they would be missing");
    const char *code = diag_info(DIAG_STARVES_CONTROLLER)->name;
    if (!starved->template_count) {
        diag_help(checking->diags, "make sure that they are created with it, or write: accept %s", code);
        return;
    }
    struct text templates;
    text_init(&templates, checking->arena);
    for (size_t i = 0; i < starved->template_count; i++) {
        char *path = arena_copy(checking->arena, starved->templates[i].path, strlen(starved->templates[i].path));
        for (char *c = path; *c; c++)
            if (*c == ' ') *c = '.';
        text_printf(&templates, "%s%s of %s", i ? ", and of " : "", path,
                    text_string(&starved->templates[i].workloads));
    }
    diag_help(checking->diags, "lock the workloads as well, and require the same of %s; or, if they have it: accept %s",
              text_string(&templates), code);
}

// Whether the author makes some of what the lock is about, and does not pass it.
static bool is_asked(const struct lock *lock, const struct author *author) {
    return !subjects_have(&lock->passes, &author->identity) && !check_is_obsolete(author->name, author->plural) &&
           !makes_other_names(lock, author);
}

void check_requirement(struct checking *checking, const struct lock *lock) {
    struct starved starved = {0};
    text_init(&starved.told, checking->arena);
    const bool said = (lock->denies & OP_CREATE) && lock->exemption != EXEMPT_CONTROLLERS;
    if (!lock->ratchets || !(lock->mode & MODE_DENY) || lock->scope.subresource || said) return;
    const enum exemption level = lock->exemption == EXEMPT_CONTROLLERS ? EXEMPT_LIFECYCLE : lock->exemption;
    for (size_t i = 0; i < kube_exemption_count; i++) {
        const struct kube_exemption *exemption = &kube_exemptions[i];
        const struct resource *resource = checking->around.exempted[i];
        const bool makes =
            (exemption->operations & OP_CREATE) && (!*exemption->subresources || *exemption->subresources == ' ');
        if (exemption->level <= level || !makes || !resource || !check_takes_in(&lock->scope, resource) ||
            !check_means(lock, exemption, resource))
            continue;
        const struct author author = author_of(checking, exemption, resource, OP_CREATE);
        const struct formula *part = is_asked(lock, &author) ? broken_part(checking, lock, &author) : NULL;
        if (part) add_starved(&starved, &author, part);
    }
    if (starved.count) report(checking, lock, &starved);
}

bool check_asks_author(const struct checking *checking, const struct lock *lock, const struct kube_exemption *exemption,
                       const struct resource *resource) {
    const struct author author = author_of(checking, exemption, resource, OP_UPDATE);
    if (!lock->ratchets || subjects_have(&lock->passes, &author.identity)) return false;
    for (size_t i = 0; i < formula_part_count(lock->requires); i++) {
        const struct formula *part = formula_part(lock->requires, i);
        if (!formula_ratchets(part) && !always_holds(&author, part)) return true;
    }
    return false;
}
