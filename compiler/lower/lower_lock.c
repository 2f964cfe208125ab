// A lock's clauses → what it refuses.
#include <string.h>

#include "base/arena.h"
#include "base/limits.h"
#include "base/suggest.h"
#include "base/text.h"
#include "cel/cel.h"
#include "data/value.h"
#include "front/clauses.h"
#include "kubernetes/catalog.h"
#include "kubernetes/kube.h"
#include "lower/lower.h"
#include "report/diag.h"
#include "report/source.h"

// ---- words of clauses ----

static void bad_word(struct lowering *lowering, struct word word, const char *help) {
    diag_report(lowering->diags, DIAG_BAD_VALUE, word.span, "unexpected '%s'", word.text);
    diag_help(lowering->diags, "%s", help);
}

static void lower_mode(struct lowering *lowering, const struct ast_clause *clause, struct lock *lock) {
    lock->mode = MODE_DENY;
    if (!clause) return;
    lock->mode = 0;
    for (size_t i = 0; i < clause->words.count; i++) {
        const struct word word = clause->words.items[i];
        if (strcmp(word.text, "deny") == 0)
            lock->mode |= MODE_DENY;
        else if (strcmp(word.text, "warn") == 0)
            lock->mode |= MODE_WARN;
        else if (strcmp(word.text, "audit") == 0)
            lock->mode |= MODE_AUDIT;
        else
            bad_word(lowering, word, "modes are deny, warn and audit");
    }
    if ((lock->mode & MODE_DENY) && (lock->mode & MODE_WARN)) {
        diag_report(lowering->diags, DIAG_CONFLICTING_CLAUSES, clause->span, "mode deny together with warn");
        diag_help(lowering->diags, "a refused request needs no warning: keep one, and add audit to record it");
    }
}

static unsigned find_guard(struct lowering *lowering, struct word word) {
    const unsigned guard = guard_find(word.text);
    if (guard) return guard;
    struct text list;
    text_init(&list, lowering->arena);
    for (size_t i = 0; i < GUARD_COUNT; i++) text_printf(&list, "%s, ", guard_info(i)->word);
    bad_word(lowering, word, arena_printf(lowering->arena, "guards are %sor none", text_string(&list)));
    return 0;
}

// What `guard` asks for, takes away, or leaves at what a lock like this has by itself.
static void lower_guard_words(struct lowering *lowering, const struct ast_clause *clause, unsigned by_default,
                              struct lock *lock) {
    unsigned asked = 0, removed = 0;
    bool none = false;
    for (size_t i = 0; clause && i < clause->words.count; i++) {
        if (strcmp(clause->words.items[i].text, "none") == 0)
            none = true;
        else
            asked |= find_guard(lowering, clause->words.items[i]);
    }
    for (size_t i = 0; clause && i < clause->removed.count; i++) {
        const unsigned guard = find_guard(lowering, clause->removed.items[i]);
        if (guard & asked) {
            diag_report(lowering->diags, DIAG_CONFLICTING_CLAUSES, clause->removed.items[i].span,
                        "'guard %s' together with 'guard no %s'", clause->removed.items[i].text,
                        clause->removed.items[i].text);
            diag_help(lowering->diags, "keep one of them");
        }
        removed |= guard;
    }
    if (none && (clause->words.count > 1 || clause->removed.count)) {
        diag_report(lowering->diags, DIAG_CONFLICTING_CLAUSES, clause->span,
                    "'guard none' together with another guard");
        diag_help(lowering->diags, "keep one of them");
    }
    lock->guards = none ? 0 : (by_default & ~removed) | asked;
    lock->full = lock->insiders ? lock->guards : asked;
    lock->guard_labels = lock->guards & GUARD_LABELS;
    lock->guard_label_in = lock->guards & GUARD_LABEL_IN;
    lock->guard_owners = lock->guards & GUARD_OWNERS;
}

// Whoever passes stands behind `exclusive`; what is exempt is the work of the control plane.
static void report_exempt_subject(struct lowering *lowering, struct unit *unit, const struct ast_subject *subject) {
    static const char *const levels[] = {"lifecycle", "controllers", "none"};
    const bool actor = subject->kind == AST_SUBJECT_ACTOR;
    const char *near = actor && !scope_has(&lowering->scope, unit, AST_ITEM_ACTOR, subject->name.text)
                           ? suggest_nearest(subject->name.text, levels, sizeof levels / sizeof *levels)
                           : NULL;
    if (near) {
        diag_report(lowering->diags, DIAG_UNKNOWN_NAME, subject->span, "unknown exemption '%s'", subject->name.text);
        diag_help(lowering->diags, "did you mean '%s'?", near);
        diag_fix(lowering->diags, subject->span, near);
        return;
    }
    const struct span span = subject->span;
    const char *written = lowering->sources->items[span.file].text;
    diag_report(lowering->diags, DIAG_BAD_VALUE, span, "'exempt' takes lifecycle, controllers or none");
    diag_help(lowering->diags, "list those who may after 'exclusive': exclusive %.*s", (int)(span.end - span.begin),
              written + span.begin);
}

static void lower_exemption(struct lowering *lowering, struct unit *unit, const struct ast_clause *clause,
                            struct lock *lock) {
    lock->exemption = EXEMPT_CONTROLLERS;
    if (!clause) return;
    for (size_t i = 0; i < clause->subjects.count; i++)
        report_exempt_subject(lowering, unit, clause->subjects.items[i]);
    if (!clause->words.count) return;
    const char *level = clause->words.items[0].text;
    lock->exemption = strcmp(level, "none") == 0        ? EXEMPT_NONE
                      : strcmp(level, "lifecycle") == 0 ? EXEMPT_LIFECYCLE
                                                        : EXEMPT_CONTROLLERS;
    if (clause->words.count == 1) return;
    diag_report(lowering->diags, DIAG_CONFLICTING_CLAUSES, clause->span, "'exempt' with more than one level");
    diag_help(lowering->diags, "keep one: each includes those before it: none, lifecycle, controllers");
}

// metadata holds what the server keeps for itself as well; only these four are anybody's to change.
static const char *const metadata_fields[] = {"annotations", "finalizers", "labels", "ownerReferences"};

// Whether something can be there: labels and annotations hold texts under keys, finalizers are a list of texts.
static bool is_metadata_path(const struct field_path *path) {
    if (path->count < 3) return true;
    const char *field = path->segments[1].key, *key = path->segments[2].key;
    if (strcmp(field, "labels") == 0 || strcmp(field, "annotations") == 0) return key && path->count == 3;
    return !key && (path->count == 3 || strcmp(field, "ownerReferences") == 0);
}

static void add_path(struct lowering *lowering, const struct ast_path *written, struct lock *lock) {
    struct arena *arena = lowering->arena;
    struct field_path path = lower_path(lowering, NULL, written);
    for (size_t i = 0; i < written->count && lock->all_but_paths; i++)
        if (!written->items[i].key) {
            lower_not_supported(lowering, written->items[i].span, "'[*]' in 'except changing'");
            return;
        }
    if (path.segments[0].key && strcmp(path.segments[0].key, "metadata") == 0) {
        if (path.count == 1) {
            for (size_t i = 0; i < sizeof metadata_fields / sizeof *metadata_fields; i++) {
                struct segment *segments = ARENA_ARRAY(arena, struct segment, 2);
                segments[0].key = "metadata";
                segments[1].key = metadata_fields[i];
                const struct field_path field = {.variable = -1, .segments = segments, .count = 2};
                ARENA_PUSH(arena, lock->paths, lock->path_count, field);
            }
            return;
        }
        bool known = false;
        for (size_t i = 0; i < sizeof metadata_fields / sizeof *metadata_fields && path.segments[1].key; i++)
            known |= strcmp(path.segments[1].key, metadata_fields[i]) == 0;
        if (!known) {
            diag_report(lowering->diags, DIAG_BAD_VALUE, written->span, "this part of metadata is set by the server");
            diag_help(lowering->diags,
                      "in metadata, only labels, annotations, finalizers and ownerReferences can be named");
            return;
        }
        if (!is_metadata_path(&path)) {
            diag_report(lowering->diags, DIAG_BAD_VALUE, written->span, "'%s' never exists", path.segments[1].key);
            diag_help(lowering->diags, "labels[\"a.b/c\"] and annotations[\"…\"] are maps of text; finalizers[*] and "
                                       "ownerReferences[*] are lists");
            return;
        }
    }
    ARENA_PUSH(arena, lock->paths, lock->path_count, path);
}

static void lower_changing(struct lowering *lowering, const struct ast_item *item, struct lock *lock) {
    const struct ast_clause *only = lower_find_clause(item, AST_CLAUSE_CHANGING);
    const struct ast_clause *except = lower_find_clause(item, AST_CLAUSE_EXCEPT_CHANGING);
    const struct ast_clause *clause = only ? only : except;
    if (!clause) return;
    if (only && except) {
        diag_report(lowering->diags, DIAG_CONFLICTING_CLAUSES, except->keyword,
                    "'except changing' together with 'changing'");
        diag_relate(lowering->diags, only->keyword, "the other is here");
        diag_help(lowering->diags, "keep one of them, or write two locks");
        return;
    }
    // A create brings fields, and always more than those that are excepted.
    const unsigned narrowed = only ? OP_CREATE | OP_UPDATE : OP_UPDATE;
    if (!(lock->denies & narrowed) && !lock->requires) {
        diag_report(lowering->diags, DIAG_UNUSED_CLAUSE, clause->keyword,
                    "'changing' in a lock that does not deny update");
        diag_help(lowering->diags, "add update to 'deny', or remove this clause");
        return;
    }
    lock->all_but_paths = except != NULL;
    for (size_t i = 0; i < clause->paths.count; i++) add_path(lowering, &clause->paths.items[i], lock);
}

// --at knows days, so a time of day could only be ignored.
static void bad_date(struct lowering *lowering, struct word word) {
    const char *time = strpbrk(word.text, "Tt");
    const char *day = time ? arena_copy(lowering->arena, word.text, (size_t)(time - word.text)) : "";
    if (kube_is_day(day)) {
        diag_report(lowering->diags, DIAG_BAD_VALUE, word.span, "'%s' has a time of day", word.text);
        diag_help(lowering->diags, "write the date alone: %s; both days are included", day);
    } else {
        bad_word(lowering, word, "a date is a calendar day such as 2026-01-31");
    }
}

// Whether the lock is in force on the day of the compilation.
static bool is_active(struct lowering *lowering, const struct ast_item *item) {
    const struct ast_clause *clause = lower_find_clause(item, AST_CLAUSE_ACTIVE);
    if (!clause) return true;
    for (size_t i = 0; i < clause->words.count; i++)
        if (clause->words.items[i].text && !kube_is_day(clause->words.items[i].text)) {
            bad_date(lowering, clause->words.items[i]);
            return true;
        }
    if (!lowering->date) {
        diag_report(lowering->diags, DIAG_NEEDS_DATE, clause->span, "a lock with dates needs the compilation date");
        diag_help(lowering->diags, "pass --at YYYY-MM-DD, so that the output does not depend on the clock");
        return true;
    }
    const char *from = clause->words.items[0].text, *until = clause->words.items[1].text;
    if (from && until && strcmp(from, until) > 0) {
        diag_report(lowering->diags, DIAG_CONFLICTING_CLAUSES, clause->span, "'active from' is later than 'until'");
        diag_help(lowering->diags, "the earlier day comes first: active from %s until %s", until, from);
        return true;
    }
    const bool active = !(from && strcmp(lowering->date, from) < 0) && !(until && strcmp(lowering->date, until) > 0);
    if (!active) {
        lowering->inactive++;
        diag_report(lowering->diags, DIAG_INACTIVE, clause->span, "lock '%s' is left out on %s", item->name.text,
                    lowering->date);
        diag_help(lowering->diags, "it is only in force between its dates");
    }
    return active;
}

// ---- objects ----

static struct formula *resource_formula(struct arena *arena, const struct object_scope *scope) {
    struct formula *atom = formula_new(arena, FORMULA_RESOURCE);
    atom->compare = CMP_IN;
    for (size_t i = 0; i < scope->target_count; i++) {
        const struct value *value = value_string(arena, catalog_name(arena, scope->targets[i].resource));
        ARENA_PUSH(arena, atom->values, atom->value_count, value);
    }
    return atom;
}

static struct formula *namespace_formula(struct arena *arena, const struct object_scope *scope) {
    if (scope->where == IN_CLUSTER) return formula_new(arena, FORMULA_TRUE);
    if (scope->where == IN_LABELED_NAMESPACES) return scope->namespace_selector;
    struct formula *formula = formula_new(arena, FORMULA_FALSE);
    for (size_t i = 0; i < scope->namespace_count; i++)
        formula = formula_or(arena, formula, formula_is(arena, FORMULA_NAMESPACE, NULL, scope->namespaces[i]));
    if (scope->where == IN_NAMESPACES) return formula;
    // `*` is everything but the system namespaces, and those of them that are named.
    struct formula *system = formula_new(arena, FORMULA_NAMESPACE);
    system->compare = CMP_IN;
    for (size_t i = 0; i < kube_system_namespace_count; i++) {
        const struct value *value = value_string(arena, kube_system_namespaces[i]);
        ARENA_PUSH(arena, system->values, system->value_count, value);
    }
    return formula_or(arena, formula_not(arena, system), formula);
}

// Several objects in one lock: an object is selected when it is one of them, and moving from one to another is no way
// out. Their scopes become part of the selection.
static void join_objects(struct lowering *lowering, const struct object_meaning **parts, size_t count, struct span span,
                         struct lock *lock) {
    struct arena *arena = lowering->arena;
    lock->scope = (struct object_scope){.where = parts[0]->scope.where == IN_CLUSTER ? IN_CLUSTER : IN_ANY_NAMESPACE};
    if (lock->scope.where == IN_ANY_NAMESPACE) {
        for (size_t i = 0; i < kube_system_namespace_count; i++)
            ARENA_PUSH(arena, lock->scope.namespaces, lock->scope.namespace_count, kube_system_namespaces[i]);
    }
    struct formula *selects = formula_new(arena, FORMULA_FALSE);
    for (size_t i = 0; i < count; i++) {
        const struct object_scope *scope = &parts[i]->scope;
        for (size_t j = 0; j < scope->target_count; j++) {
            if (!scope->targets[j].resource) {
                lower_not_supported(lowering, span, "a wildcard among several objects of one lock");
                return;
            }
            bool known = false;
            for (size_t k = 0; k < lock->scope.target_count && !known; k++)
                known = lock->scope.targets[k].resource == scope->targets[j].resource;
            if (!known) ARENA_PUSH(arena, lock->scope.targets, lock->scope.target_count, scope->targets[j]);
        }
        struct formula *part = formula_and(arena, resource_formula(arena, scope), namespace_formula(arena, scope));
        selects = formula_or(arena, selects, formula_and(arena, part, parts[i]->selects));
        const struct lock_object apart = {*scope, parts[i]->selects};
        ARENA_PUSH(arena, lock->parts, lock->part_count, apart);
    }
    lock->selects = selects;
}

// ---- subresources ----

// The clause that speaks of this subresource, or NULL.
static const struct ast_clause *find_cover(const struct ast_item *item, const char *what) {
    for (size_t i = 0; i < item->as.block.clauses.count; i++) {
        const struct ast_clause *clause = item->as.block.clauses.items[i];
        if (clause->kind != AST_CLAUSE_COVER) continue;
        if (!clause->words.count) return clause;
        for (size_t j = 0; j < clause->words.count; j++)
            if (strcmp(clause->words.items[j].text, what) == 0) return clause;
    }
    return NULL;
}

static bool knows_actors_by_name(const struct subjects *subjects) {
    bool knows = true;
    for (size_t i = 0; i < subjects->other_count; i++) knows = knows && formula_needs_name_only(subjects->others[i]);
    return knows;
}

static enum cover choose_cover(struct lowering *lowering, const struct ast_item *item, const struct lock *lock,
                               const char *what) {
    const struct ast_clause *clause = item && item->kind == AST_ITEM_LOCK ? find_cover(item, what) : NULL;
    const char *asked = clause ? clause->mode.text : NULL;
    const bool by_name = knows_actors_by_name(&lock->passes) && knows_actors_by_name(&lock->break_glass) &&
                         formula_needs_name_only(lock->selects) && formula_needs_name_only(lock->condition) &&
                         (!lock->requires || formula_needs_name_only(lock->requires));
    if (asked && strcmp(asked, "never") == 0) return COVER_NONE;
    if (asked && strcmp(asked, "params") == 0 && lock->source)
        lower_not_supported(lowering, clause->span, "'cover … by params' in a lock from ConfigMaps");
    if (asked && strcmp(asked, "name") == 0 && !by_name) {
        diag_report(lowering->diags, DIAG_CONFLICTING_CLAUSES, clause->span, "lock '%s' selects by more than the name",
                    lock->name);
        diag_help(lowering->diags, "such requests carry only the name: use 'by params', or select by name");
        return COVER_NONE;
    }
    // Written CEL speaks of the object of an ordinary request.
    if (formula_has_cel(lock->selects) || formula_has_cel(lock->condition) || formula_has_cel(lock->requires))
        return COVER_NONE;
    if (by_name && !(asked && strcmp(asked, "params") == 0)) return COVER_BY_NAME;
    // The parameters are the ConfigMaps.
    return lowering->is_static || lock->source ? COVER_NONE : COVER_BY_PARAMS;
}

// The acts that the word behind `cover` speaks of; none when it is no such word.
static unsigned covered_acts(const char *word) {
    if (strcmp(word, "evictions") == 0) return ACT_EVICT;
    if (strcmp(word, "scale") == 0) return ACT_SCALE;
    return strcmp(word, "connect") == 0 ? ACTS_CONNECT : 0;
}

static void check_cover(struct lowering *lowering, const struct ast_item *item, unsigned acts) {
    for (size_t i = 0; i < item->as.block.clauses.count; i++) {
        const struct ast_clause *clause = item->as.block.clauses.items[i];
        if (clause->kind != AST_CLAUSE_COVER) continue;
        for (size_t j = 0; j < clause->words.count; j++) {
            const struct word word = clause->words.items[j];
            if (!covered_acts(word.text)) {
                bad_word(lowering, word, "only evictions, scale and connect can be covered");
            } else if (!(covered_acts(word.text) & acts)) {
                diag_report(lowering->diags, DIAG_UNUSED_CLAUSE, word.span,
                            "'cover %s' does not apply to anything this lock denies", word.text);
                diag_help(lowering->diags,
                          "evictions belong to delete, scale to update, connect to connect, exec and the like");
            }
        }
        if (clause->mode.text && !text_has_word("name params never", clause->mode.text))
            bad_word(lowering, clause->mode, "subresources are covered by name, by params, or never");
    }
}

void lower_cover(struct lowering *lowering, const struct ast_item *item, struct lock *lock) {
    static const char *const families[SHAPE_COUNT] = {[SHAPE_EVICTIONS] = "evictions",
                                                      [SHAPE_SCALE] = "scale",
                                                      [SHAPE_CONNECT] = "connect",
                                                      [SHAPE_BINDINGS] = "bindings",
                                                      [SHAPE_TOKENS] = "tokens"};
    // The lock may ignore spec.replicas.
    const bool replicas = lock_sees_replicas(lock);
    if (!replicas) lock->acts &= ~(unsigned)ACT_SCALE;
    const unsigned required =
        lock_requires_replicas(lock) && !lock->scope.subresource ? lower_acts_in(&lock->scope) & ACT_SCALE : 0;
    bool named = false;
    for (size_t i = 0; i < lock->scope.target_count; i++) named |= lock->scope.targets[i].resource != NULL;
    for (size_t i = 0; i < kube_act_count; i++) {
        const enum shape shape = kube_acts[i].shape;
        if (!((lock->acts | required) & kube_acts[i].act) || lock->covers[shape]) continue;
        lock->covers[shape] = choose_cover(lowering, item, lock, families[shape]);
        // What a wildcard has beside pods, nobody can list, so it cannot be looked up.
        if (!named && shape != SHAPE_EVICTIONS && lock->covers[shape] == COVER_BY_PARAMS)
            lock->covers[shape] = COVER_NONE;
    }
}

// A guard of the selection that was asked for in so many words.
static const struct word *asked_guard(const struct ast_item *item) {
    const struct ast_clause *clause = lower_find_clause(item, AST_CLAUSE_GUARD);
    for (size_t i = 0; clause && i < clause->words.count; i++)
        if (text_has_word("labels label-in", clause->words.items[i].text)) return &clause->words.items[i];
    return NULL;
}

// The objects of a lock that one formula can describe: those in namespaces, those that are cluster-scoped, or one
// subresource of either. An update never moves an object between them.
struct share {
    const struct object_meaning **parts;
    size_t count;
    bool cluster;
    bool of_namespaces; // the Namespace objects of a block that is about what is in them as well
    const char *subresource;
    unsigned denies, acts;
};

static bool is_same(const char *a, const char *b) {
    return a && b ? strcmp(a, b) == 0 : a == b;
}

// The part of the object that is about this subresource.
static const struct object_meaning *of_subresource(struct arena *arena, const struct object_meaning *part,
                                                   const char *subresource) {
    bool whole = !subresource;
    for (size_t i = 0; i < part->scope.target_count && whole; i++) whole = !part->scope.targets[i].subresource;
    if (whole) return part;
    struct object_meaning *own = lower_without_targets(arena, part);
    // Those that stand for acts are about the object; what is denied says which.
    own->scope.subresource = subresource && !kube_act_of(subresource) ? subresource : NULL;
    for (size_t i = 0; i < part->scope.target_count; i++)
        if (is_same(part->scope.targets[i].subresource, subresource))
            ARENA_PUSH(arena, own->scope.targets, own->scope.target_count, part->scope.targets[i]);
    return own;
}

static void add_to_shares(struct arena *arena, struct share **shares, size_t *count,
                          const struct object_meaning *part) {
    for (size_t i = 0; i < part->scope.target_count; i++) {
        const char *subresource = part->scope.targets[i].subresource;
        bool first = true;
        for (size_t j = 0; j < i && first; j++) first = !is_same(part->scope.targets[j].subresource, subresource);
        if (!first) continue;
        struct share *share = NULL;
        const bool cluster = part->scope.where == IN_CLUSTER;
        for (size_t j = 0; j < *count && !share; j++)
            if ((*shares)[j].cluster == cluster && (*shares)[j].of_namespaces == part->of_namespaces &&
                is_same((*shares)[j].subresource, subresource))
                share = &(*shares)[j];
        if (!share) {
            const struct share added = {
                .cluster = cluster, .of_namespaces = part->of_namespaces, .subresource = subresource};
            ARENA_PUSH(arena, *shares, *count, added);
            share = &(*shares)[*count - 1];
        }
        ARENA_PUSH(arena, share->parts, share->count, of_subresource(arena, part, subresource));
    }
}

static bool has_word(const struct ast_clause *clause, const char *list) {
    bool has = false;
    for (size_t i = 0; clause && i < clause->words.count; i++) has |= text_has_word(list, clause->words.items[i].text);
    return has;
}

// Of built-in resources the status is what the control plane says of them; of custom resources it is as good as the
// rest. So denying update means it as well, where nothing says which fields are meant.
static const struct object_meaning *with_status(struct arena *arena, const struct ast_item *item,
                                                const struct object_meaning *part) {
    const struct ast_clause *deny = lower_find_clause(item, AST_CLAUSE_DENY);
    const bool denies_update = deny ? has_word(deny, "update write all") : !lower_find_clause(item, AST_CLAUSE_REQUIRE);
    if (!denies_update || lower_find_clause(item, AST_CLAUSE_CHANGING) ||
        lower_find_clause(item, AST_CLAUSE_EXCEPT_CHANGING))
        return part;
    bool custom = false;
    for (size_t i = 0; i < part->scope.target_count && !custom; i++) custom = lower_is_custom(&part->scope.targets[i]);
    if (!custom) return part;
    struct object_meaning *whole = lower_without_targets(arena, part);
    for (size_t i = 0; i < part->scope.target_count; i++)
        ARENA_PUSH(arena, whole->scope.targets, whole->scope.target_count, part->scope.targets[i]);
    for (size_t i = 0; i < part->scope.target_count; i++) {
        struct target target = part->scope.targets[i];
        if (!lower_is_custom(&target) || target.subresource || !text_has_word(target.resource->subresources, "status"))
            continue;
        bool named = false;
        for (size_t j = 0; j < part->scope.target_count && !named; j++)
            named = part->scope.targets[j].resource == target.resource && part->scope.targets[j].subresource &&
                    strcmp(part->scope.targets[j].subresource, "status") == 0;
        target.subresource = "status";
        target.implied = true;
        if (!named) ARENA_PUSH(arena, whole->scope.targets, whole->scope.target_count, target);
    }
    return whole;
}

// Events stand in two groups, with the same objects. The API server takes a policy about one group for requests in the
// other as well, but not where the policy, for another of its locks, is about both.
static const struct resource *in_other_group(const struct catalog *catalog, const struct resource *resource) {
    if (!resource || strcmp(resource->plural, "events") != 0) return NULL;
    for (size_t i = 0; i < 2; i++)
        if (strcmp(resource->group, kube_groups_of_events[i]) == 0)
            return catalog_get(catalog, kube_groups_of_events[1 - i], "events");
    return NULL;
}

static const struct object_meaning *with_both_groups(struct lowering *lowering, const struct object_meaning *part) {
    bool one_group = true;
    for (size_t i = 0; i < part->scope.target_count && one_group; i++)
        one_group = !in_other_group(lowering->catalog, part->scope.targets[i].resource);
    if (one_group) return part;
    struct object_meaning *whole = lower_without_targets(lowering->arena, part);
    for (size_t i = 0; i < part->scope.target_count; i++) {
        struct target target = part->scope.targets[i];
        ARENA_PUSH(lowering->arena, whole->scope.targets, whole->scope.target_count, target);
        target.resource = in_other_group(lowering->catalog, target.resource);
        bool named = !target.resource;
        for (size_t j = 0; j < part->scope.target_count && !named; j++)
            named = part->scope.targets[j].resource == target.resource;
        if (named) continue;
        target.group = target.resource->group;
        ARENA_PUSH(lowering->arena, whole->scope.targets, whole->scope.target_count, target);
    }
    return whole;
}

static size_t count_parts(const struct formula *formula) {
    size_t count = formula ? 1 : 0;
    for (size_t i = 0; formula && i < formula->operand_count; i++) count += count_parts(formula->operands[i]);
    return count;
}

// What no expression could hold is told before anything is made of it. Whether it fits.
static bool check_size(struct lowering *lowering, const struct ast_item *item, const struct lock *lock) {
    const size_t count = count_parts(lock->condition) + count_parts(lock->requires);
    size_t selects = count_parts(lock->selects);
    if (count + selects <= LIMIT_FORMULA_PARTS) return true;
    diag_report(lowering->diags, DIAG_EXPRESSION_TOO_LARGE, item->name.span,
                "lock '%s' has conditions of %zu parts, more than %d", lock->name, count + selects,
                LIMIT_FORMULA_PARTS);
    diag_help(lowering->diags, "use 'in (…)' for alternatives, or split the lock");
    return false;
}

// NULL after reporting.
static struct lock *add_lock(struct lowering *lowering, const struct ast_item *item, const struct share *share,
                             struct formula *narrowing, const struct lock *common) {
    struct lock *lock = ARENA_NEW(lowering->arena, struct lock);
    *lock = *common;
    lock->denies = share->denies;
    lock->acts = share->acts;
    for (size_t i = 0; i < share->count; i++) lock->implied |= share->parts[i]->scope.targets[0].implied;
    // A subresource may be called what a guard is called.
    lock->id = lower_id(lowering->arena, lock->name,
                        share->subresource     ? arena_printf(lowering->arena, "subresource %s", share->subresource)
                        : share->of_namespaces ? "namespaces"
                                               : NULL);
    if (share->count == 1) {
        lock->scope = share->parts[0]->scope;
        lock->selects = share->parts[0]->selects;
    } else {
        join_objects(lowering, share->parts, share->count,
                     item->as.block.objects.count ? item->as.block.objects.items[0].span : item->name.span, lock);
    }
    if (narrowing) lock->selects = formula_and(lowering->arena, lock->selects, narrowing);
    for (size_t i = 0; i < lock->part_count && narrowing; i++)
        lock->parts[i].selects = formula_and(lowering->arena, lock->parts[i].selects, narrowing);

    if (!check_size(lowering, item, lock)) return NULL;
    const bool movable = !formula_is_immutable(lock->selects);
    const struct word *guard = asked_guard(item);
    if (guard && !movable && !lower_names_actors(lowering->arena, lock)) {
        diag_report(lowering->diags, DIAG_UNUSED_CLAUSE, guard->span,
                    "'guard %s' on a lock whose selection no update can change", guard->text);
        diag_help(lowering->diags, "it belongs to locks with labels, annotations or fields");
    }
    if (lock->guard_labels) lock->names_actors = lower_names_actors(lowering->arena, lock);
    lock->guard_labels = lock->guard_labels && (movable || lock_guards_condition(lock) || lock->names_actors);
    lower_cover(lowering, item, lock);
    lower_message(lowering, item, lock);
    ARENA_PUSH(lowering->arena, lowering->policies->locks, lowering->policies->lock_count, lock);
    return lock;
}

static void check_narrowed(struct lowering *lowering, const struct ast_item *item, const struct object_meaning *own,
                           const struct object_meaning **parts, size_t count) {
    static const enum ast_clause_kind narrowing[] = {AST_CLAUSE_WHEN, AST_CLAUSE_UNLESS, AST_CLAUSE_REQUIRE,
                                                     AST_CLAUSE_CHANGING, AST_CLAUSE_EXCEPT_CHANGING};
    for (size_t i = 0; i < count && own->all_clause; i++) {
        if (parts[i] == own || !parts[i]->narrowed || parts[i]->all_clause == own->all_clause) continue;
        diag_report(lowering->diags, DIAG_CONFLICTING_CLAUSES, own->all_clause->keyword,
                    "'all objects' on an object that selects some");
        diag_relate(lowering->diags, item->as.block.objects.items[0].span, "the object");
        diag_help(lowering->diags, "remove it");
        return;
    }
    if (own->narrowed || own->all_objects) return;
    for (size_t i = 0; i < sizeof narrowing / sizeof *narrowing; i++)
        if (lower_find_clause(item, narrowing[i])) return;
    for (size_t i = 0; i < count; i++) {
        if (parts[i]->narrowed || parts[i]->all_objects) continue;
        diag_report(lowering->diags, DIAG_NOT_NARROWED, item->name.span,
                    "lock '%s' covers every object of its resources", item->name.text);
        diag_help(lowering->diags, "narrow it with name, labels, annotations or where, or write: all objects");
        return;
    }
}

static void refuse_unsupported(struct lowering *lowering, const struct ast_item *item) {
    for (size_t i = 0; i < item->as.block.clauses.count; i++) {
        const struct ast_clause *clause = item->as.block.clauses.items[i];
        if (clause->kind == AST_CLAUSE_ALLOW) {
            diag_report(lowering->diags, DIAG_UNUSED_CLAUSE, clause->keyword, "'allow' with verbs belongs to grants");
            diag_help(lowering->diags, "a lock never grants: write a grant");
        }
        // With `on`, the lock's own clauses narrow the objects; where they are is said by the objects.
        if (item->as.block.objects.count && clause_in(clause->kind, AST_ITEM_LOCK) == CLAUSE_PLACE) {
            diag_report(lowering->diags, DIAG_CONFLICTING_CLAUSES, clause->keyword,
                        "the object after 'on' already says where it is");
            diag_relate(lowering->diags, item->as.block.objects.items[0].span, "the object");
            diag_help(lowering->diags, "remove this clause, or the object");
        }
    }
}

// `require` reads the new object, and some subresources have none.
static void check_require(struct lowering *lowering, const struct ast_clause *require, const struct share *share) {
    if (!share->subresource || !kube_act_of(share->subresource)) return;
    diag_report(lowering->diags, DIAG_UNUSED_CLAUSE, require->keyword,
                "requests for '%s' carry no object that could satisfy a requirement", share->subresource);
    diag_help(lowering->diags, "write the requirement in a lock on the objects themselves");
}

// Requirements are about the new object, whole: nothing is moved out of a selection. What written CEL reads of it
// becomes operands, as which it is looked at like any other path.
static void prepare_requirement(struct arena *arena, struct formula *expr) {
    expr->reads_stored = false;
    for (size_t i = 0; i < expr->operand_count; i++) prepare_requirement(arena, expr->operands[i]);
    size_t count = 0;
    const struct cel_path *paths = expr->cel ? cel_object_paths(expr->cel, arena, &count) : NULL;
    for (size_t i = 0; i < count; i++) {
        struct formula *read = formula_new(arena, FORMULA_FIELD);
        struct segment *segments = ARENA_ARRAY(arena, struct segment, paths[i].count);
        for (size_t j = 0; j < paths[i].count; j++) segments[j].key = paths[i].keys[j];
        read->compare = CMP_EXISTS;
        read->path = (struct field_path){.variable = -1, .segments = segments, .count = paths[i].count};
        ARENA_PUSH(arena, expr->operands, expr->operand_count, read);
    }
}

static size_t count_checks(const struct subjects *subjects) {
    size_t count = 0;
    for (size_t i = 0; i < subjects->other_count; i++) count += formula_count_checks(subjects->others[i]);
    return count;
}

// An expression has room for two authorizer checks, and an audit annotation for none.
static void check_checks(struct lowering *lowering, const struct ast_item *item, const struct lock *lock) {
    enum { ROOM = 2 };
    const size_t count =
        count_checks(&lock->passes) + formula_count_checks(lock->condition) + formula_count_checks(lock->requires);
    if (lock_asks_authorizer(lock) && lock->break_glass.label_count) {
        const struct ast_clause *clause = lower_find_clause(item, AST_CLAUSE_BREAK_GLASS);
        diag_report(lowering->diags, DIAG_CONFLICTING_CLAUSES, clause->keyword,
                    "'break-glass' in a lock that asks the authorizer");
        diag_help(lowering->diags,
                  "the API server cannot do so while writing the audit log: remove 'may' or 'break-glass'");
    } else if (count > ROOM) {
        diag_report(lowering->diags, DIAG_EXPRESSION_TOO_LARGE, item->name.span,
                    "lock '%s' asks the authorizer %zu times", lock->name, count);
        diag_help(lowering->diags, "the API server allows %d such checks per expression", ROOM);
    }
}

// What `unless` reads is there to be changed by whoever may change the object.
static struct formula *freeze(struct formula *expr) {
    const bool reads = expr->kind == FORMULA_LABEL || expr->kind == FORMULA_ANNOTATION ||
                       expr->kind == FORMULA_LABEL_KEY || expr->kind == FORMULA_ANNOTATION_KEY ||
                       expr->kind == FORMULA_FIELD || expr->kind == FORMULA_ANY || expr->kind == FORMULA_ALL ||
                       expr->kind == FORMULA_NAMESPACE_LABEL;
    expr->reads_stored |= reads && expr->path.variable < 0;
    for (size_t i = 0; i < expr->operand_count; i++) freeze(expr->operands[i]);
    return expr;
}

// ---- the clauses of a lock, in four groups: which objects, what is denied of them, under which condition, for whom
// ----

// A lock on its way: what its clauses say so far.
struct draft {
    struct lowering *lowering;
    struct unit *unit;
    const struct ast_item *item;
    struct object_meaning *own;            // of the object clauses in the lock itself
    const struct object_meaning **objects; // those behind `on`, or the lock's own
    size_t object_count;
    struct share *shares;
    size_t share_count;
    struct lock common; // what all of its locks have
};

static const struct ast_clause *clause_of(const struct draft *draft, enum ast_clause_kind kind) {
    return lower_find_clause(draft->item, kind);
}

static void read_objects(struct draft *draft) {
    struct arena *arena = draft->lowering->arena;
    const struct ast_item *item = draft->item;
    struct object_meaning *own = draft->own = ARENA_NEW(arena, struct object_meaning);
    lower_object_clauses(draft->lowering, draft->unit, item, own);
    for (size_t i = 0; i < item->as.block.objects.count; i++) {
        const struct object_meaning *object =
            lower_object(draft->lowering, draft->unit, item->as.block.objects.items[i]);
        for (; object && !object->failed; object = object->next)
            ARENA_PUSH(arena, draft->objects, draft->object_count, object);
    }
    if (item->as.block.objects.count || own->failed) return;
    if (own->has_scope) {
        for (const struct object_meaning *part = own; part; part = part->next)
            ARENA_PUSH(arena, draft->objects, draft->object_count, part);
        return;
    }
    diag_report(draft->lowering->diags, DIAG_MISSING_CLAUSE, item->name.span, "lock '%s' names no resources",
                item->name.text);
    diag_help(draft->lowering->diags, "add a clause such as: resources pods, configmaps; or: lock %s on OBJECT",
              item->name.text);
}

static void read_denied(struct draft *draft) {
    struct lowering *lowering = draft->lowering;
    const struct ast_clause *deny = clause_of(draft, AST_CLAUSE_DENY);
    for (size_t i = 0; i < draft->object_count; i++)
        add_to_shares(lowering->arena, &draft->shares, &draft->share_count,
                      with_status(lowering->arena, draft->item, with_both_groups(lowering, draft->objects[i])));
    if (deny) lower_check_operations(lowering, deny);
    if (!deny && clause_of(draft, AST_CLAUSE_REQUIRE)) return;
    for (size_t i = 0; i < draft->share_count; i++) {
        struct share *share = &draft->shares[i];
        struct lock denied = {0};
        for (size_t j = 0; j < share->count; j++) lower_deny(lowering, deny, &share->parts[j]->scope, &denied);
        share->denies = denied.denies;
        share->acts = denied.acts;
        // To make an object is to put it under the lock.
        if (!share->subresource && has_word(clause_of(draft, AST_CLAUSE_GUARD), "label-in")) share->denies |= OP_CREATE;
        draft->common.denies |= denied.denies;
        draft->common.acts |= denied.acts;
    }
}

static void read_condition(struct draft *draft) {
    struct arena *arena = draft->lowering->arena;
    const struct expr_context context = {.unit = draft->unit}, requirement = {.unit = draft->unit, .requires = true};
    const struct ast_clause *require = clause_of(draft, AST_CLAUSE_REQUIRE), *when = clause_of(draft, AST_CLAUSE_WHEN),
                            *unless = clause_of(draft, AST_CLAUSE_UNLESS);
    struct lock *lock = &draft->common;
    for (size_t i = 0; require && i < draft->share_count; i++)
        check_require(draft->lowering, require, &draft->shares[i]);
    if (require) {
        lock->requires = lower_expr(draft->lowering, &requirement, require->expr);
        lock->ratchets = true;
        prepare_requirement(arena, lock->requires);
    }
    lock->condition = formula_new(arena, FORMULA_TRUE);
    if (when) lock->condition = formula_and(arena, lock->condition, lower_expr(draft->lowering, &context, when->expr));
    if (unless) {
        struct formula *unlocks = freeze(lower_expr(draft->lowering, &context, unless->expr));
        lock->condition = formula_and(arena, lock->condition, formula_not(arena, unlocks));
    }
    // Of a resource that is not known nothing is denied, whatever the lock says.
    const struct ast_clause *deny = clause_of(draft, AST_CLAUSE_DENY);
    if (draft->share_count || (deny && !has_word(deny, "create update write all")))
        lower_changing(draft->lowering, draft->item, lock);
}

// What the lock could be asked about through subresources that carry nothing of the object.
static void check_reached(const struct draft *draft) {
    unsigned reached = draft->common.acts;
    for (size_t i = 0; lock_requires_replicas(&draft->common) && i < draft->share_count; i++)
        for (size_t j = 0; j < draft->shares[i].count; j++)
            reached |= lower_acts_in(&draft->shares[i].parts[j]->scope) & ACT_SCALE;
    if (draft->share_count) check_cover(draft->lowering, draft->item, reached);
}

static void read_actors(struct draft *draft) {
    struct lowering *lowering = draft->lowering;
    struct lock *lock = &draft->common;
    const struct ast_clause *exclusive = clause_of(draft, AST_CLAUSE_EXCLUSIVE),
                            *glass = clause_of(draft, AST_CLAUSE_BREAK_GLASS);
    lower_exemption(lowering, draft->unit, clause_of(draft, AST_CLAUSE_EXEMPT), lock);
    if (exclusive) {
        lower_subjects(lowering, draft->unit, &exclusive->subjects, &lock->exclusive);
        lower_add_subjects(lowering->arena, &lock->passes, &lock->exclusive);
    }
    if (glass) lower_subjects(lowering, draft->unit, &glass->subjects, &lock->break_glass);
}

// What there is around the objects that could be guarded: namespaces that are told, definitions of custom resources.
static unsigned guardable(const struct draft *draft) {
    unsigned guards = GUARD_OWNERS;
    bool told = true, any = false;
    for (size_t i = 0; i < draft->object_count; i++) {
        const struct object_scope *scope = &draft->objects[i]->scope;
        if (scope->where == IN_CLUSTER) continue;
        told &= scope->where != IN_ANY_NAMESPACE;
        any = true;
    }
    for (size_t i = 0; i < draft->object_count; i++)
        for (size_t j = 0; j < draft->objects[i]->scope.target_count; j++)
            if (lower_is_custom(&draft->objects[i]->scope.targets[j])) guards |= GUARD_CRD;
    return guards | (told && any ? GUARD_NAMESPACE : 0u);
}

static unsigned guards_by_default(const struct draft *draft) {
    const struct lock *lock = &draft->common;
    unsigned guards = 0;
    for (size_t i = 0; i < GUARD_COUNT; i++) {
        const unsigned guard = 1u << i;
        switch (guard_info(i)->when) {
        case GUARDED_ALWAYS: guards |= (lock->denies & ~(unsigned)OP_CREATE) || lock->acts ? guard : 0; break;
        case GUARDED_KEEPING: guards |= lock->denies & OP_DELETE ? guard & guardable(draft) : 0; break;
        case GUARDED_SOURCES: guards |= lock->source ? guard : 0; break;
        case GUARDED_INSIDERS: guards |= lock->insiders ? guard : 0; break;
        case GUARDED_ASKED: break;
        }
    }
    return guards;
}

static void read_manner(struct draft *draft) {
    const struct ast_clause *on_error = clause_of(draft, AST_CLAUSE_ON_ERROR);
    lower_guard_words(draft->lowering, clause_of(draft, AST_CLAUSE_GUARD), guards_by_default(draft), &draft->common);
    lower_mode(draft->lowering, clause_of(draft, AST_CLAUSE_MODE), &draft->common);
    if (!on_error) return;
    const struct word word = on_error->words.items[0];
    draft->common.fail_open = strcmp(word.text, "allow") == 0;
    if (!draft->common.fail_open && strcmp(word.text, "deny") != 0)
        bad_word(draft->lowering, word, "use deny or allow");
}

// One lock for each share, and what guards need to know of them together.
static void add_locks(const struct draft *draft) {
    struct arena *arena = draft->lowering->arena;
    struct formula *narrowing =
        draft->item->as.block.objects.count && draft->own->narrowed ? draft->own->selects : NULL;
    struct guarded *guarded = ARENA_NEW(arena, struct guarded);
    *guarded = (struct guarded){
        .unit = draft->unit, .item = draft->item, .parts = draft->objects, .part_count = draft->object_count};
    const struct ast_clause *guards = clause_of(draft, AST_CLAUSE_GUARD);
    guarded->none = guards && !draft->common.guards && !guards->removed.count;
    for (size_t i = 0; i < draft->share_count; i++) {
        struct lock *lock = add_lock(draft->lowering, draft->item, &draft->shares[i], narrowing, &draft->common);
        if (!lock) return;
        ARENA_PUSH(arena, guarded->locks, guarded->lock_count, lock);
    }
    if (draft->share_count) ARENA_PUSH(arena, draft->lowering->guarded, draft->lowering->guarded_count, guarded);
}

void lower_lock(struct lowering *lowering, struct unit *unit, const struct ast_item *item) {
    struct draft draft = {
        .lowering = lowering,
        .unit = unit,
        .item = item,
        .common = {.policy = unit->policy,
                   .name = item->name.text,
                   .span = item->name.span,
                   .block = item->span,
                   .insiders = policies_are_against_insiders(lowering->policies, unit->policy)},
    };
    lower_check_repeated(lowering, item);
    refuse_unsupported(lowering, item);
    const bool active = is_active(lowering, item);
    read_objects(&draft);
    draft.common.source = lower_source(lowering, unit, item, draft.objects, draft.object_count);
    read_denied(&draft);
    read_condition(&draft);
    check_reached(&draft);
    read_actors(&draft);
    read_manner(&draft);
    check_narrowed(lowering, item, draft.own, draft.objects, draft.object_count);
    if (draft.object_count == 1 && !draft.own->has_scope) lower_check_names(lowering, item, &draft.objects[0]->scope);
    check_checks(lowering, item, &draft.common);
    if (active) add_locks(&draft);
}
