// Symbol tables; see scope.h.
#include "front/scope.h"

#include <string.h>

#include "base/arena.h"
#include "base/map.h"
#include "base/suggest.h"
#include "front/keywords.h"
#include "report/diag.h"

static bool is_declared_by_name(enum ast_item_kind kind) {
    return kind == AST_ITEM_ACTOR || kind == AST_ITEM_OBJECT || kind == AST_ITEM_LOCK || kind == AST_ITEM_GRANT ||
           kind == AST_ITEM_WEBHOOK || kind == AST_ITEM_TENANT;
}

// Names stand in messages of one line.
static void check_name(struct scope *scope, const struct ast_item *item) {
    bool plain = *item->name.text != '\0';
    for (const char *c = item->name.text; *c; c++) plain = plain && (unsigned char)*c >= ' ' && *c != 0x7f;
    if (plain) return;
    diag_report(scope->diags, DIAG_BAD_NAME, item->name.span, "this is not a valid name for %s %s",
                item->kind == AST_ITEM_ACTOR || item->kind == AST_ITEM_OBJECT ? "an" : "a",
                keyword_of_item(item->kind));
    diag_help(scope->diags, "a name is one line of text without control characters");
}

static void declare(struct scope *scope, struct unit *unit, struct ast_item *item) {
    if (!is_declared_by_name(item->kind) || !item->name.text) return;
    check_name(scope, item);
    struct map *names = &scope->kinds[item->kind];
    struct declaration *first = map_get(names, item->name.text);
    for (struct declaration *known = first; known; known = known->next) {
        if (strcmp(known->unit->policy, unit->policy) != 0) continue;
        if (item->made && known->item->made) return; // their tenants are called alike, which is said
        const bool of_tenant = item->made || known->item->made;
        diag_report(scope->diags, DIAG_DUPLICATE, item->name.span, "%s '%s' is declared twice",
                    keyword_of_item(item->kind), item->name.text);
        diag_relate(scope->diags, known->item->name.span, "first declared here");
        diag_help(scope->diags,
                  of_tenant ? "the one of the tenant stands for what it is: rename the other" : "rename one of them");
        return;
    }
    struct declaration *declaration = ARENA_NEW(scope->arena, struct declaration);
    *declaration = (struct declaration){.item = item, .unit = unit, .next = first};
    map_set(names, item->name.text, declaration);
}

void scope_init(struct scope *scope, struct arena *arena, struct diags *diags, struct unit **units, size_t count) {
    *scope = (struct scope){.arena = arena, .diags = diags};
    for (size_t i = 0; i < sizeof scope->kinds / sizeof *scope->kinds; i++) map_init(&scope->kinds[i], arena);
    for (size_t i = 0; i < count; i++)
        for (struct ast_item *item = units[i]->file->first; item; item = item->next) declare(scope, units[i], item);
}

// Whether `from` reaches `to` through its includes; each search numbers the units it has seen.
static bool reaches(struct unit *from, const struct unit *to, size_t visit) {
    if (from == to) return true;
    if (from->visit == visit) return false;
    from->visit = visit;
    for (size_t i = 0; i < from->include_count; i++)
        if (reaches(from->includes[i], to, visit)) return true;
    return false;
}

static bool is_visible(struct scope *scope, struct unit *unit, const struct declaration *declaration) {
    return strcmp(declaration->unit->policy, unit->policy) == 0 || reaches(unit, declaration->unit, ++scope->visits);
}

// Nearest names are only looked for once a name is unknown, so walking the whole table is no loss.
static const char *nearest(struct scope *scope, struct unit *unit, enum ast_item_kind kind, const char *name) {
    const struct map *names = &scope->kinds[kind];
    const char **candidates = ARENA_ARRAY(scope->arena, const char *, names->count);
    size_t count = 0;
    for (size_t i = 0; i < names->capacity; i++)
        for (const struct declaration *known = names->slots[i].name ? names->slots[i].value : NULL; known;
             known = known->next)
            if (is_visible(scope, unit, known)) {
                candidates[count++] = names->slots[i].name;
                break;
            }
    return suggest_nearest(name, candidates, count);
}

// What is no actor was probably meant as a subject: `user/alice`, `default/jonny-op`, or just `alice`.
static void help_actor(struct scope *scope, const char *name) {
    static const char *const forms[] = {"serviceaccount", "sa", "serviceaccounts", "user", "group", "uid"};
    const char *slash = strchr(name, '/');
    if (!slash) {
        diag_help(scope->diags, "say which kind of subject it is, such as: user %s; or declare it: actor %s = SUBJECT",
                  name, name);
        return;
    }
    const char *first = arena_copy(scope->arena, name, (size_t)(slash - name));
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        if (strcmp(first, forms[i]) != 0) continue;
        const bool account = i < 2 && !strchr(slash + 1, '/');
        diag_help(scope->diags, "write: %s %s%s", first, account ? "NAMESPACE/" : "", slash + 1);
        return;
    }
    diag_help(scope->diags, "say which kind of subject it is, such as: sa %s", name);
}

bool scope_has(struct scope *scope, struct unit *unit, enum ast_item_kind kind, const char *name) {
    for (struct declaration *known = map_get(&scope->kinds[kind], name); known; known = known->next)
        if (is_visible(scope, unit, known)) return true;
    return false;
}

struct declaration *scope_find(struct scope *scope, struct unit *unit, enum ast_item_kind kind, struct word name) {
    struct declaration *found = NULL;
    for (struct declaration *known = map_get(&scope->kinds[kind], name.text); known; known = known->next) {
        if (!is_visible(scope, unit, known)) continue;
        if (strcmp(known->unit->policy, unit->policy) == 0) return known;
        if (found) {
            diag_report(scope->diags, DIAG_DUPLICATE, name.span,
                        "%s '%s' is declared by two policies that are included here", keyword_of_item(kind), name.text);
            diag_relate(scope->diags, known->item->name.span, "one is declared here");
            return found;
        }
        found = known;
    }
    if (found) return found;
    const char *near = nearest(scope, unit, kind, name.text);
    diag_report(scope->diags, DIAG_UNKNOWN_NAME, name.span, "unknown %s '%s'", keyword_of_item(kind), name.text);
    if (near) {
        diag_help(scope->diags, "did you mean '%s'?", near);
        diag_fix(scope->diags, name.span, near);
    } else if (kind == AST_ITEM_ACTOR) {
        help_actor(scope, name.text);
    } else {
        diag_help(scope->diags, "declare it: %s %s …", keyword_of_item(kind), name.text);
    }
    return NULL;
}

struct declaration *scope_declaration(const struct scope *scope, const struct unit *unit, const struct ast_item *item) {
    for (struct declaration *known = map_get(&scope->kinds[item->kind], item->name.text); known; known = known->next)
        if (known->item == item && known->unit == unit) return known;
    return NULL;
}
