// A lock's clauses → what it refuses.
#include <stdlib.h>
#include <string.h>

#include "arena.h"
#include "catalog.h"
#include "diag.h"
#include "limits.h"
#include "lower.h"
#include "source.h"
#include "suggest.h"
#include "text.h"
#include "value.h"

// ---- operations ----

static const struct {
    const char *name;
    unsigned operations;
} operations[] = {
    {"create", OP_CREATE}, {"update", OP_UPDATE}, {"delete", OP_DELETE}, {"write", OPS_WRITE}, {"all", OPS_WRITE}};

static bool connects(const struct ir_target *target) {
    if (!target->resource) return true;
    const char *subresources = target->resource->subresources;
    return catalog_list_has(subresources, "exec") || catalog_list_has(subresources, "attach") ||
           catalog_list_has(subresources, "portforward") || catalog_list_has(subresources, "proxy");
}

static unsigned lower_operation(struct lowering *lowering, struct word word, const struct ir_scope *scope) {
    if (strcmp(word.text, "all") == 0)
        for (size_t i = 0; i < scope->target_count; i++)
            if (connects(&scope->targets[i])) {
                lower_not_supported(lowering, word.span, "'connect', which 'all' takes in for these resources,");
                return OPS_WRITE;
            }
    for (size_t i = 0; i < sizeof operations / sizeof *operations; i++)
        if (strcmp(word.text, operations[i].name) == 0) return operations[i].operations;
    if (catalog_list_has("connect scale evict exec attach portforward proxy", word.text)) {
        lower_not_supported(lowering, word.span, arena_printf(lowering->arena, "'deny %s'", word.text));
        return 0;
    }
    struct diagnostic *diagnostic =
        diag_report(lowering->diags, DIAG_UNKNOWN_OPERATION, word.span, "unknown operation '%s'", word.text);
    if (catalog_list_has("get list watch read", word.text)) {
        diag_help(lowering->diags, diagnostic, "admission never sees reads: withhold get, list and watch by RBAC");
        return 0;
    }
    const char *names[sizeof operations / sizeof *operations];
    for (size_t i = 0; i < sizeof operations / sizeof *operations; i++) names[i] = operations[i].name;
    const char *near = suggest_nearest(word.text, names, sizeof names / sizeof *names);
    diag_help(lowering->diags, diagnostic, near ? "did you mean '%s'?" : "say create, update, delete or write%s",
              near ? near : "");
    return 0;
}

// RBAC verbs are what discovery knows of a resource: without them, no such request ever arrives.
static void check_verbs(struct lowering *lowering, struct word word, unsigned asked, const struct ir_scope *scope) {
    if (strcmp(word.text, "write") == 0 || strcmp(word.text, "all") == 0) return;
    for (size_t i = 0; i < scope->target_count; i++) {
        const struct resource *resource = scope->targets[i].resource;
        if (!resource) continue;
        const bool has = (asked == OP_CREATE && catalog_list_has(resource->verbs, "create")) ||
                         (asked == OP_UPDATE && catalog_list_has(resource->verbs, "update")) ||
                         (asked == OP_DELETE && catalog_list_has(resource->verbs, "delete"));
        if (has) continue;
        struct diagnostic *diagnostic = diag_report(lowering->diags, DIAG_WRONG_OPERATION, word.span,
                                                    "'%s' has no operation '%s'", resource->plural, word.text);
        diag_relate(diagnostic, scope->targets[i].span, "this resource");
        diag_help(lowering->diags, diagnostic, "its verbs are: %s", resource->verbs);
    }
}

// ---- words of clauses ----

static void bad_word(struct lowering *lowering, struct word word, const char *help) {
    struct diagnostic *diagnostic =
        diag_report(lowering->diags, DIAG_BAD_VALUE, word.span, "unexpected '%s'", word.text);
    diag_help(lowering->diags, diagnostic, "%s", help);
}

static void lower_mode(struct lowering *lowering, const struct ast_clause *clause, struct ir_lock *lock) {
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
        struct diagnostic *diagnostic =
            diag_report(lowering->diags, DIAG_CONFLICTING_CLAUSES, clause->span, "mode deny and warn at once");
        diag_help(lowering->diags, diagnostic,
                  "who is refused needs no warning: keep one, and add audit if it is to be recorded");
    }
}

static void lower_guards(struct lowering *lowering, const struct ast_clause *clause, struct ir_lock *lock) {
    lock->guard_labels = (lock->denies & ~(unsigned)OP_CREATE) != 0;
    bool none = false, others = false;
    for (size_t i = 0; clause && i < clause->words.count; i++) {
        const struct word word = clause->words.items[i];
        if (strcmp(word.text, "labels") == 0)
            lock->guard_labels = others = true;
        else if (strcmp(word.text, "label-in") == 0)
            lock->guard_label_in = others = true;
        else if (strcmp(word.text, "none") == 0)
            none = true;
        else if (catalog_list_has("namespace crd owners rbac", word.text))
            lower_not_supported(lowering, word.span, arena_printf(lowering->arena, "'guard %s'", word.text));
        else
            bad_word(lowering, word, "guards are labels, label-in, namespace, crd, owners, rbac, or none");
    }
    if (none && others) {
        struct diagnostic *diagnostic =
            diag_report(lowering->diags, DIAG_CONFLICTING_CLAUSES, clause->span, "'guard none' beside another guard");
        diag_help(lowering->diags, diagnostic, "keep one of them");
    }
    if (none) lock->guard_labels = false;
}

static void lower_exemptions(struct lowering *lowering, struct unit *unit, const struct ast_clause *clause,
                             struct ir_lock *lock) {
    lock->exemption = EXEMPT_LIFECYCLE;
    if (!clause) return;
    bool none = false;
    for (size_t i = 0; i < clause->words.count; i++) {
        const struct word word = clause->words.items[i];
        if (strcmp(word.text, "controllers") == 0)
            lock->exemption = EXEMPT_CONTROLLERS;
        else if (strcmp(word.text, "none") == 0)
            none = true;
    }
    if (none && clause->words.count > 1) {
        struct diagnostic *diagnostic = diag_report(lowering->diags, DIAG_CONFLICTING_CLAUSES, clause->span,
                                                    "'exempt none' beside another exemption");
        diag_help(lowering->diags, diagnostic, "keep one of them");
    }
    if (none) lock->exemption = EXEMPT_NONE;
    lower_subjects(lowering, unit, &clause->subjects, &lock->passes);
}

// metadata holds what the server keeps for itself as well; only these four are anybody's to change.
static const char *const metadata_fields[] = {"annotations", "finalizers", "labels", "ownerReferences"};

// Whether something can be there: labels and annotations hold texts under keys, finalizers are a list of texts.
static bool is_metadata_path(const struct ir_path *path) {
    if (path->count < 3) return true;
    const char *field = path->segments[1].key, *key = path->segments[2].key;
    if (strcmp(field, "labels") == 0 || strcmp(field, "annotations") == 0) return key && path->count == 3;
    return !key && (path->count == 3 || strcmp(field, "ownerReferences") == 0);
}

static void add_path(struct lowering *lowering, const struct ast_path *written, struct ir_lock *lock) {
    struct arena *arena = lowering->arena;
    struct ir_path path = lower_path(lowering, NULL, written);
    for (size_t i = 0; i < written->count && lock->all_but_paths; i++)
        if (!written->items[i].key) {
            lower_not_supported(lowering, written->items[i].span, "'[*]' in 'except changing'");
            return;
        }
    if (path.segments[0].key && strcmp(path.segments[0].key, "metadata") == 0) {
        if (path.count == 1) {
            for (size_t i = 0; i < sizeof metadata_fields / sizeof *metadata_fields; i++) {
                struct ir_segment *segments = ARENA_ARRAY(arena, struct ir_segment, 2);
                segments[0].key = "metadata";
                segments[1].key = metadata_fields[i];
                const struct ir_path field = {.variable = -1, .segments = segments, .count = 2};
                ARENA_PUSH(arena, lock->paths, lock->path_count, field);
            }
            return;
        }
        bool known = false;
        for (size_t i = 0; i < sizeof metadata_fields / sizeof *metadata_fields && path.segments[1].key; i++)
            known |= strcmp(path.segments[1].key, metadata_fields[i]) == 0;
        if (!known) {
            struct diagnostic *diagnostic = diag_report(lowering->diags, DIAG_BAD_VALUE, written->span,
                                                        "this part of metadata is the server's own");
            diag_help(lowering->diags, diagnostic,
                      "of metadata, name labels, annotations, finalizers or ownerReferences");
            return;
        }
        if (!is_metadata_path(&path)) {
            struct diagnostic *diagnostic = diag_report(lowering->diags, DIAG_BAD_VALUE, written->span,
                                                        "nothing is ever there in '%s'", path.segments[1].key);
            diag_help(
                lowering->diags, diagnostic,
                "labels[\"a.b/c\"] and annotations[\"…\"] hold texts, finalizers[*] and ownerReferences[*] are lists");
            return;
        }
    }
    ARENA_PUSH(arena, lock->paths, lock->path_count, path);
}

static void lower_changing(struct lowering *lowering, const struct ast_item *item, struct ir_lock *lock) {
    const struct ast_clause *only = lower_find_clause(item, AST_CLAUSE_CHANGING);
    const struct ast_clause *except = lower_find_clause(item, AST_CLAUSE_EXCEPT_CHANGING);
    const struct ast_clause *clause = only ? only : except;
    if (!clause) return;
    if (only && except) {
        struct diagnostic *diagnostic = diag_report(lowering->diags, DIAG_CONFLICTING_CLAUSES, except->keyword,
                                                    "'except changing' beside 'changing'");
        diag_relate(diagnostic, only->keyword, "the other is here");
        diag_help(lowering->diags, diagnostic, "keep one of them, or write two locks");
        return;
    }
    if (!(lock->denies & OP_UPDATE) && !lock->requires) {
        struct diagnostic *diagnostic = diag_report(lowering->diags, DIAG_UNUSED_CLAUSE, clause->keyword,
                                                    "a lock that does not deny update looks at no change");
        diag_help(lowering->diags, diagnostic, "add update to 'deny', or leave this clause out");
        return;
    }
    lock->all_but_paths = except != NULL;
    for (size_t i = 0; i < clause->paths.count; i++) add_path(lowering, &clause->paths.items[i], lock);
}

// YYYY-MM-DD, or with a time behind a T: bytes compare as times do.
static bool is_date(const char *text) {
    static const char pattern[] = "dddd-dd-ddTdd:dd:ddZ";
    const size_t len = strlen(text);
    if (len != 10 && len != sizeof pattern - 1) return false;
    for (size_t i = 0; i < len; i++)
        if (pattern[i] == 'd' ? text[i] < '0' || text[i] > '9' : text[i] != pattern[i]) return false;
    static const int days[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    const int month = (text[5] - '0') * 10 + text[6] - '0', day = (text[8] - '0') * 10 + text[9] - '0';
    return month >= 1 && month <= 12 && day >= 1 && day <= days[month - 1];
}

static int compare_dates(const char *a, const char *b) {
    const size_t len = strlen(a) < strlen(b) ? strlen(a) : strlen(b);
    return strncmp(a, b, len);
}

// Whether the lock is in force on the day of the compilation.
static bool is_active(struct lowering *lowering, const struct ast_item *item) {
    const struct ast_clause *clause = lower_find_clause(item, AST_CLAUSE_ACTIVE);
    if (!clause) return true;
    for (size_t i = 0; i < clause->words.count; i++)
        if (clause->words.items[i].text && !is_date(clause->words.items[i].text)) {
            bad_word(lowering, clause->words.items[i], "a date is 2026-01-31 or 2026-01-31T18:00:00Z");
            return true;
        }
    if (!lowering->date) {
        struct diagnostic *diagnostic = diag_report(lowering->diags, DIAG_NEEDS_DATE, clause->span,
                                                    "a lock with dates needs the date of the compilation");
        diag_help(lowering->diags, diagnostic, "pass --at YYYY-MM-DD: the output must not depend on the clock");
        return true;
    }
    const char *from = clause->words.items[0].text, *until = clause->words.items[1].text;
    if (from && until && compare_dates(from, until) > 0) {
        diag_report(lowering->diags, DIAG_CONFLICTING_CLAUSES, clause->span, "active from a day behind its last");
        return true;
    }
    const bool active =
        !(from && compare_dates(lowering->date, from) < 0) && !(until && compare_dates(lowering->date, until) > 0);
    if (!active) {
        struct diagnostic *diagnostic = diag_report(lowering->diags, DIAG_INACTIVE, clause->span,
                                                    "lock '%s' is left out on %s", item->name.text, lowering->date);
        diag_help(lowering->diags, diagnostic, "it is in force only between its dates");
    }
    return active;
}

// ---- message ----

// The text of a one-line clause, or NULL.
static const char *one_line(struct lowering *lowering, const struct ast_item *item, enum ast_clause_kind kind) {
    const struct ast_clause *clause = lower_find_clause(item, kind);
    if (!clause) return NULL;
    const struct word word = clause->words.items[0];
    for (const char *c = word.text; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f) {
            struct diagnostic *diagnostic = diag_report(lowering->diags, DIAG_BAD_VALUE, word.span,
                                                        "a line break or control character in a one-line text");
            diag_help(lowering->diags, diagnostic, "the API server shows one line: join the lines");
            return NULL;
        }
    if (!*word.text) diag_report(lowering->diags, DIAG_BAD_VALUE, word.span, "an empty text");
    return word.text;
}

// Source text on one line, as it was written.
static void add_source(struct text *text, const struct sources *sources, struct span span) {
    const char *source = sources->items[span.file].text;
    bool blank = false;
    for (uint32_t i = span.begin; i < span.end; i++) {
        const char c = source[i];
        if (c == '\n' || c == '\t' || c == '\r' || c == ' ') {
            blank = text->len > 0;
        } else {
            if (blank) text_add_char(text, ' ');
            blank = false;
            text_add_char(text, c);
        }
    }
}

struct requirement {
    const char *key, *value;
    size_t order; // as written
};

static int by_key_as_written(const void *left, const void *right) {
    const struct requirement *one = left, *other = right;
    const int keys = strcmp(one->key, other->key);
    return keys ? keys : (one->order > other->order) - (one->order < other->order);
}

// Requirements on labels as Klock printed them: K:V, V|W for lists, ^V for what must not be.
static void collect_requirements(struct arena *arena, const struct ir_expr *expr, bool negated,
                                 struct requirement **list, size_t *count) {
    if (expr->kind == IR_LABEL) {
        struct text value;
        text_init(&value, arena);
        if (negated) text_add_char(&value, '^');
        if (expr->test == TEST_EXISTS) text_add_char(&value, '*');
        if (negated && expr->value_count > 1) text_add_char(&value, '(');
        for (size_t i = 0; i < expr->value_count; i++) {
            if (i) text_add_char(&value, '|');
            if (expr->values[i]->kind == VALUE_STRING)
                text_add_string(&value, expr->values[i]->as.string);
            else
                text_printf(&value, "%lld", (long long)expr->values[i]->as.integer);
        }
        if (negated && expr->value_count > 1) text_add_char(&value, ')');
        const struct requirement added = {expr->key, text_string(&value), *count};
        ARENA_PUSH(arena, *list, *count, added);
    }
    for (size_t i = 0; i < expr->operand_count; i++)
        collect_requirements(arena, expr->operands[i], negated != (expr->kind == IR_NOT), list, count);
}

static void add_subjects(struct text *text, const struct ir_subjects *subjects) {
    enum { SHOWN = 8 };
    for (size_t i = 0; i < subjects->label_count && i < SHOWN; i++)
        text_printf(text, "%s%s", i ? ", " : "", subjects->labels[i]);
    if (subjects->label_count > SHOWN) text_printf(text, " and %zu more", subjects->label_count - SHOWN);
}

// Names the lock, who may act, whose it is and what would unlock it, for whoever meets it at three in the morning.
static void compose_message(struct lowering *lowering, const struct ast_item *item, struct ir_lock *lock) {
    const char *message = one_line(lowering, item, AST_CLAUSE_MESSAGE);
    const char *owner = one_line(lowering, item, AST_CLAUSE_OWNER),
               *ticket = one_line(lowering, item, AST_CLAUSE_TICKET);
    const struct ast_clause *unless = lower_find_clause(item, AST_CLAUSE_UNLESS);
    const struct ast_clause *require = lower_find_clause(item, AST_CLAUSE_REQUIRE);
    struct text text;
    text_init(&text, lowering->arena);
    text_add_string(&text, "denied, there is a lock: ");

    struct requirement *requirements = NULL;
    size_t count = 0;
    collect_requirements(lowering->arena, lock->selects, false, &requirements, &count);
    if (count) {
        qsort(requirements, count, sizeof *requirements, by_key_as_written);
        text_add_string(&text, "map[");
        for (size_t i = 0; i < count; i++)
            text_printf(&text, "%s%s:%s", i ? " " : "", requirements[i].key, requirements[i].value);
        text_add_string(&text, "]: ");
    }
    if (message) text_printf(&text, "%s ", message);
    text_printf(&text, "(lock %s of policy %s; ", lock->name, lock->policy);
    if (lock->exclusive.label_count) {
        text_add_string(&text, "only ");
        add_subjects(&text, &lock->exclusive);
        text_add_string(&text, " may");
    } else {
        text_add_string(&text, "nobody may");
    }
    if (unless || require) {
        struct text source;
        text_init(&source, lowering->arena);
        add_source(&source, lowering->sources, unless ? unless->expr->span : require->expr->span);
        text_printf(&text, "; %s %s", unless ? "unless" : "required:", text_string(&source));
    }
    if (lock->glass.label_count) {
        text_add_string(&text, "; break-glass: ");
        add_subjects(&text, &lock->glass);
    }
    if (owner) text_printf(&text, "; owner: %s", owner);
    if (ticket) text_printf(&text, "; ticket: %s", ticket);
    text_add_char(&text, ')');
    // Names and conditions may hold line breaks, and the API server refuses a message that does.
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.data[i] < ' ' || text.data[i] == 0x7f) text.data[i] = ' ';
    lock->message = text_string(&text);
    if (text.len > LIMIT_MESSAGE_BYTES) {
        const struct ast_clause *longest = lower_find_clause(item, AST_CLAUSE_MESSAGE);
        struct diagnostic *diagnostic =
            diag_report(lowering->diags, DIAG_BAD_VALUE, longest ? longest->span : item->name.span,
                        "a refusal of %zu bytes is more than the API server shows (%d)", text.len, LIMIT_MESSAGE_BYTES);
        diag_help(lowering->diags, diagnostic, "shorten message, owner, ticket or the expression behind unless");
    }
}

// ---- objects ----

static struct ir_expr *resource_formula(struct arena *arena, const struct ir_scope *scope) {
    struct ir_expr *atom = ir_new(arena, IR_RESOURCE);
    atom->test = TEST_IN;
    for (size_t i = 0; i < scope->target_count; i++) {
        const struct value *value = value_string(arena, catalog_name(arena, scope->targets[i].resource));
        ARENA_PUSH(arena, atom->values, atom->value_count, value);
    }
    return atom;
}

static struct ir_expr *namespace_formula(struct arena *arena, const struct ir_scope *scope) {
    if (scope->where == IN_CLUSTER) return ir_new(arena, IR_TRUE);
    if (scope->where == IN_LABELED_NAMESPACES) return scope->namespace_selector;
    struct ir_expr *formula = ir_new(arena, IR_FALSE);
    for (size_t i = 0; i < scope->namespace_count; i++)
        formula = ir_or(arena, formula, ir_is(arena, IR_NAMESPACE, NULL, scope->namespaces[i]));
    if (scope->where == IN_NAMESPACES) return formula;
    // `*` is everything but the system namespaces, and those of them that are named.
    struct ir_expr *system = ir_new(arena, IR_NAMESPACE);
    system->test = TEST_IN;
    for (size_t i = 0; i < ir_system_namespace_count; i++) {
        const struct value *value = value_string(arena, ir_system_namespaces[i]);
        ARENA_PUSH(arena, system->values, system->value_count, value);
    }
    return ir_or(arena, ir_not(arena, system), formula);
}

// Several objects in one lock: an object is selected when it is one of them, and moving from one to another is no way
// out. Their scopes become part of the selection.
static void join_objects(struct lowering *lowering, const struct object_meaning **parts, size_t count, struct span span,
                         struct ir_lock *lock) {
    struct arena *arena = lowering->arena;
    lock->scope = (struct ir_scope){.where = parts[0]->scope.where == IN_CLUSTER ? IN_CLUSTER : IN_ANY_NAMESPACE};
    if (lock->scope.where == IN_ANY_NAMESPACE) {
        for (size_t i = 0; i < ir_system_namespace_count; i++)
            ARENA_PUSH(arena, lock->scope.namespaces, lock->scope.namespace_count, ir_system_namespaces[i]);
    }
    struct ir_expr *selects = ir_new(arena, IR_FALSE);
    for (size_t i = 0; i < count; i++) {
        const struct ir_scope *scope = &parts[i]->scope;
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
        struct ir_expr *part = ir_and(arena, resource_formula(arena, scope), namespace_formula(arena, scope));
        selects = ir_or(arena, selects, ir_and(arena, part, parts[i]->selects));
    }
    lock->selects = selects;
}

// ---- subresources ----

static bool has_subresource(const struct ir_scope *scope, const char *name) {
    for (size_t i = 0; i < scope->target_count; i++) {
        const struct ir_target *target = &scope->targets[i];
        if (target->resource && catalog_list_has(target->resource->subresources, name)) return true;
        // A wildcard takes in pods.
        if (!target->resource && (!target->group || !*target->group) && strcmp(name, "eviction") == 0) return true;
    }
    return false;
}

static bool has_wildcard(const struct ir_scope *scope) {
    for (size_t i = 0; i < scope->target_count; i++)
        if (!scope->targets[i].resource) return true;
    return false;
}

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

static enum cover choose_cover(struct lowering *lowering, const struct ast_item *item, const struct ir_lock *lock,
                               const char *what) {
    const struct ast_clause *clause = find_cover(item, what);
    const char *asked = clause ? clause->mode.text : NULL;
    const bool by_name = ir_needs_name_only(lock->selects) && ir_needs_name_only(lock->condition) &&
                         (!lock->requires || ir_needs_name_only(lock->requires));
    if (asked && strcmp(asked, "never") == 0) return COVER_NONE;
    if (asked && strcmp(asked, "name") == 0 && !by_name) {
        struct diagnostic *diagnostic = diag_report(lowering->diags, DIAG_CONFLICTING_CLAUSES, clause->span,
                                                    "lock '%s' selects by more than the name", lock->name);
        diag_help(lowering->diags, diagnostic,
                  "such requests carry the name alone: say 'by params', or select by name");
        return COVER_NONE;
    }
    // Written CEL speaks of the object of an ordinary request.
    if (ir_has_cel(lock->selects) || ir_has_cel(lock->condition) || ir_has_cel(lock->requires)) return COVER_NONE;
    if (by_name && !(asked && strcmp(asked, "params") == 0)) return COVER_BY_NAME;
    return lowering->is_static ? COVER_NONE : COVER_BY_PARAMS;
}

static void check_cover(struct lowering *lowering, const struct ast_item *item) {
    for (size_t i = 0; i < item->as.block.clauses.count; i++) {
        const struct ast_clause *clause = item->as.block.clauses.items[i];
        if (clause->kind != AST_CLAUSE_COVER) continue;
        for (size_t j = 0; j < clause->words.count; j++) {
            const struct word word = clause->words.items[j];
            if (strcmp(word.text, "connect") == 0)
                lower_not_supported(lowering, word.span, "'cover connect'");
            else if (!catalog_list_has("evictions scale", word.text))
                bad_word(lowering, word, "what can be covered is evictions and scale");
        }
        if (clause->mode.text && !catalog_list_has("name params never", clause->mode.text))
            bad_word(lowering, clause->mode, "subresources are covered by name, by params, or never");
    }
}

static void lower_cover(struct lowering *lowering, const struct ast_item *item, struct ir_lock *lock) {
    if (lock->scope.where == IN_CLUSTER) return;
    if ((lock->denies & OP_DELETE) && has_subresource(&lock->scope, "eviction"))
        lock->evictions = choose_cover(lowering, item, lock, "evictions");
    if (!(lock->denies & OP_UPDATE) && !lock->requires) return;
    const bool named = has_subresource(&lock->scope, "scale");
    if (!named && !has_wildcard(&lock->scope)) return;
    lock->scale = choose_cover(lowering, item, lock, "scale");
    // Which kinds a wildcard has that scale, nobody can list, so they cannot be looked up.
    if (!named && lock->scale == COVER_BY_PARAMS) lock->scale = COVER_NONE;
}

// A guard of the selection that was asked for in so many words.
static const struct word *asked_guard(const struct ast_item *item) {
    const struct ast_clause *clause = lower_find_clause(item, AST_CLAUSE_GUARD);
    for (size_t i = 0; clause && i < clause->words.count; i++)
        if (catalog_list_has("labels label-in", clause->words.items[i].text)) return &clause->words.items[i];
    return NULL;
}

// The lock over those of its objects that are cluster-scoped, or over those that are not: nothing moves between them.
static void add_lock(struct lowering *lowering, const struct ast_item *item, const struct object_meaning **parts,
                     size_t count, struct ir_expr *narrowing, const struct ir_lock *common) {
    if (!count) return;
    struct ir_lock *lock = ARENA_NEW(lowering->arena, struct ir_lock);
    *lock = *common;
    if (count == 1) {
        lock->scope = parts[0]->scope;
        lock->selects = parts[0]->selects;
    } else {
        join_objects(lowering, parts, count, item->as.block.objects.items[0].span, lock);
    }
    if (narrowing) lock->selects = ir_and(lowering->arena, lock->selects, narrowing);

    const bool movable = !ir_is_immutable(lock->selects);
    const struct word *guard = asked_guard(item);
    if (guard && !movable) {
        struct diagnostic *diagnostic =
            diag_report(lowering->diags, DIAG_UNUSED_CLAUSE, guard->span,
                        "'guard %s' on a lock that selects by nothing an update changes", guard->text);
        diag_help(lowering->diags, diagnostic, "it belongs to locks with labels, annotations or fields");
    }
    lock->guard_labels = lock->guard_labels && movable;
    lower_cover(lowering, item, lock);
    compose_message(lowering, item, lock);
    ARENA_PUSH(lowering->arena, lowering->ir->locks, lowering->ir->lock_count, lock);
}

static void check_narrowed(struct lowering *lowering, const struct ast_item *item, const struct object_meaning *own,
                           const struct object_meaning **parts, size_t count) {
    static const enum ast_clause_kind narrowing[] = {AST_CLAUSE_WHEN, AST_CLAUSE_UNLESS, AST_CLAUSE_REQUIRE,
                                                     AST_CLAUSE_CHANGING, AST_CLAUSE_EXCEPT_CHANGING};
    for (size_t i = 0; i < count && own->all_clause; i++) {
        if (parts[i] == own || !parts[i]->narrowed) continue;
        struct diagnostic *diagnostic = diag_report(lowering->diags, DIAG_CONFLICTING_CLAUSES, own->all_clause->keyword,
                                                    "'all objects' of an object that selects some");
        diag_relate(diagnostic, item->as.block.objects.items[0].span, "the object");
        diag_help(lowering->diags, diagnostic, "leave it out");
        return;
    }
    if (own->narrowed || own->all_objects) return;
    for (size_t i = 0; i < sizeof narrowing / sizeof *narrowing; i++)
        if (lower_find_clause(item, narrowing[i])) return;
    for (size_t i = 0; i < count; i++) {
        if (parts[i]->narrowed || parts[i]->all_objects) continue;
        struct diagnostic *diagnostic =
            diag_report(lowering->diags, DIAG_NOT_NARROWED, item->name.span,
                        "lock '%s' takes in every object of its resources", item->name.text);
        diag_help(lowering->diags, diagnostic,
                  "narrow it with name, labels, annotations or where, or say: all objects");
        return;
    }
}

static void refuse_unsupported(struct lowering *lowering, const struct ast_item *item) {
    for (size_t i = 0; i < item->as.block.clauses.count; i++) {
        const struct ast_clause *clause = item->as.block.clauses.items[i];
        if (clause->kind == AST_CLAUSE_ALLOW) {
            struct diagnostic *diagnostic = diag_report(lowering->diags, DIAG_UNUSED_CLAUSE, clause->keyword,
                                                        "'allow' with verbs belongs to grants");
            diag_help(lowering->diags, diagnostic, "a lock never grants; in a lock, 'allow K0205' accepts a warning");
        }
        // With `on`, the lock's own clauses narrow the objects; where they are is said by the objects.
        if (item->as.block.objects.count &&
            (clause->kind == AST_CLAUSE_RESOURCES || clause->kind == AST_CLAUSE_EXCEPT_RESOURCES ||
             clause->kind == AST_CLAUSE_NAMESPACE || clause->kind == AST_CLAUSE_NAMESPACE_LABELED ||
             clause->kind == AST_CLAUSE_CLUSTER)) {
            struct diagnostic *diagnostic = diag_report(lowering->diags, DIAG_CONFLICTING_CLAUSES, clause->keyword,
                                                        "the object behind 'on' says where it is already");
            diag_relate(diagnostic, item->as.block.objects.items[0].span, "the object");
            diag_help(lowering->diags, diagnostic, "leave this clause out, or the object");
        }
    }
}

void lower_lock(struct lowering *lowering, struct unit *unit, const struct ast_item *item) {
    struct arena *arena = lowering->arena;
    const struct expr_context context = {.unit = unit};
    lower_check_repeated(lowering, item);
    refuse_unsupported(lowering, item);
    check_cover(lowering, item);
    const bool active = is_active(lowering, item);

    struct object_meaning *own = ARENA_NEW(arena, struct object_meaning);
    lower_object_clauses(lowering, unit, item, own);
    const struct object_meaning **cluster = NULL, **namespaced = NULL, **parts = NULL;
    size_t cluster_count = 0, namespaced_count = 0, part_count = 0;
    for (size_t i = 0; i < item->as.block.objects.count; i++) {
        const struct object_meaning *part = lower_object(lowering, unit, item->as.block.objects.items[i]);
        if (part && !part->failed) ARENA_PUSH(arena, parts, part_count, part);
    }
    if (!item->as.block.objects.count) {
        if (!own->has_scope && !own->failed) {
            struct diagnostic *diagnostic = diag_report(lowering->diags, DIAG_MISSING_CLAUSE, item->name.span,
                                                        "lock '%s' says no resources", item->name.text);
            diag_help(lowering->diags, diagnostic,
                      "add a clause such as: resources pods, configmaps; or: lock %s on OBJECT", item->name.text);
        }
        if (own->has_scope && !own->failed) ARENA_PUSH(arena, parts, part_count, (const struct object_meaning *)own);
    }

    struct ir_lock common = {.policy = unit->policy, .name = item->name.text, .span = item->name.span};
    const struct ast_clause *deny = lower_find_clause(item, AST_CLAUSE_DENY),
                            *require = lower_find_clause(item, AST_CLAUSE_REQUIRE);
    const struct ast_clause *when = lower_find_clause(item, AST_CLAUSE_WHEN),
                            *unless = lower_find_clause(item, AST_CLAUSE_UNLESS);
    const struct ast_clause *exclusive = lower_find_clause(item, AST_CLAUSE_EXCLUSIVE);
    const struct ast_clause *glass = lower_find_clause(item, AST_CLAUSE_BREAK_GLASS);
    const struct ast_clause *on_error = lower_find_clause(item, AST_CLAUSE_ON_ERROR);

    if (!deny && !require) {
        struct diagnostic *diagnostic = diag_report(lowering->diags, DIAG_MISSING_CLAUSE, item->name.span,
                                                    "lock '%s' denies nothing", item->name.text);
        diag_help(lowering->diags, diagnostic, "add a clause such as: deny update, delete; or: require EXPR");
    }
    static const struct ir_scope nowhere = {0};
    for (size_t i = 0; deny && i < deny->words.count; i++) {
        unsigned asked = 0;
        for (size_t j = 0; j < part_count || (j == 0 && !part_count); j++) {
            const struct ir_scope *scope = part_count ? &parts[j]->scope : &nowhere;
            asked = lower_operation(lowering, deny->words.items[i], scope);
            check_verbs(lowering, deny->words.items[i], asked, scope);
        }
        common.denies |= asked;
    }
    if (require) common.requires = lower_expr(lowering, &context, require->expr);
    common.condition = ir_new(arena, IR_TRUE);
    if (when) common.condition = ir_and(arena, common.condition, lower_expr(lowering, &context, when->expr));
    if (unless)
        common.condition = ir_and(arena, common.condition, ir_not(arena, lower_expr(lowering, &context, unless->expr)));
    lower_changing(lowering, item, &common);
    lower_exemptions(lowering, unit, lower_find_clause(item, AST_CLAUSE_EXEMPT), &common);
    if (exclusive) {
        lower_subjects(lowering, unit, &exclusive->subjects, &common.exclusive);
        lower_subjects(lowering, unit, &exclusive->subjects, &common.passes);
    }
    if (glass) lower_subjects(lowering, unit, &glass->subjects, &common.glass);
    lower_guards(lowering, lower_find_clause(item, AST_CLAUSE_GUARD), &common);
    lower_mode(lowering, lower_find_clause(item, AST_CLAUSE_MODE), &common);
    if (on_error) {
        const struct word word = on_error->words.items[0];
        common.fail_open = strcmp(word.text, "allow") == 0;
        if (!common.fail_open && strcmp(word.text, "deny") != 0) bad_word(lowering, word, "say deny or allow");
    }

    check_narrowed(lowering, item, own, parts, part_count);
    for (size_t i = 0; i < part_count; i++) {
        if (parts[i]->scope.where == IN_CLUSTER)
            ARENA_PUSH(arena, cluster, cluster_count, parts[i]);
        else
            ARENA_PUSH(arena, namespaced, namespaced_count, parts[i]);
    }
    if (!active) return;
    struct ir_expr *narrowing = item->as.block.objects.count && own->narrowed ? own->selects : NULL;
    add_lock(lowering, item, namespaced, namespaced_count, narrowing, &common);
    add_lock(lowering, item, cluster, cluster_count, narrowing, &common);
}
