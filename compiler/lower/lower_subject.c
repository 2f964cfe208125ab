// Subjects and actors → who a requester must be.
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/map.h"
#include "base/names.h"
#include "base/suggest.h"
#include "base/text.h"
#include "data/value.h"
#include "kubernetes/account.h"
#include "kubernetes/kube.h"
#include "kubernetes/presets.h"
#include "lower/lower.h"
#include "report/diag.h"

// What an actor means, kept with its declaration.
struct actor_meaning {
    struct subjects subjects;
    struct formula *formula;
};

// Nobody writes actors of actors that deep, or that wide; written by machine, both would double with every link.
enum { MAX_NESTED_ACTORS = 100, MAX_ACTOR_ATOMS = 100000, MAX_LABEL = 500 };

static const char *const subject_words[] = {"serviceaccount", "sa", "serviceaccounts", "user", "group", "uid", "may"};

// NAMESPACE/NAME as it was probably meant: system:serviceaccount:NS:NAME and NS:NAME name the account as well.
static const char *meant_account(struct arena *arena, const char *text) {
    const char *rest = account_is_user(text) ? text + sizeof ACCOUNT_USER_PREFIX - 1 : text;
    const char *colon = strchr(rest, ':');
    if (!colon || colon == rest || !colon[1]) return NULL;
    return arena_printf(arena, "%.*s/%s", (int)(colon - rest), rest, colon + 1);
}

bool lower_service_account(struct lowering *lowering, struct word word, const char **ret_namespace,
                           const char **ret_name) {
    const char *slash = strchr(word.text, '/');
    if (!slash) {
        diag_report(lowering->diags, DIAG_BAD_NAME, word.span, "service account '%s' without a namespace", word.text);
        const char *meant = meant_account(lowering->arena, word.text);
        diag_help(lowering->diags, meant ? "write NAMESPACE/NAME: %s" : "write NAMESPACE/NAME, for example default/%s",
                  meant ? meant : word.text);
        return false;
    }
    const char *namespace = arena_copy(lowering->arena, word.text, (size_t)(slash - word.text));
    if (!kube_is_dns_label(namespace) || !kube_is_dns_subdomain(slash + 1)) {
        diag_report(lowering->diags, DIAG_BAD_NAME, word.span, "'%s' is not a valid service account", word.text);
        diag_help(lowering->diags, "write NAMESPACE/NAME, both DNS names in lower case");
        return false;
    }
    *ret_namespace = namespace;
    *ret_name = slash + 1;
    return true;
}

// A '*' in the middle may be part of a name; at an end it is meant for whatever stands there.
bool lower_check_identity(struct lowering *lowering, struct word word, const char *what) {
    const size_t len = strlen(word.text);
    const bool pattern = len && (word.text[0] == '*' || word.text[len - 1] == '*');
    const char *problem = !len ? "is empty" : pattern ? "is a pattern" : NULL;
    if (!problem) return true;
    diag_report(lowering->diags, DIAG_BAD_NAME, word.span, "this %s name %s", what, problem);
    if (!*word.text)
        diag_help(lowering->diags, "name the %s that is meant", what);
    else if (strcmp(what, "uid") != 0)
        diag_help(lowering->diags, "names are compared whole; a condition takes a pattern: unless %s like \"%s\"", what,
                  word.text);
    else
        diag_help(lowering->diags, "names are compared literally: name each %s", what);
    return false;
}

static const struct actor_meaning *find_actor(struct lowering *lowering, struct unit *unit, struct word name);
static const struct actor_meaning *preset_meaning(struct lowering *lowering, const char *preset, const char *namespace);

// The label is what messages call the subject.
// What a subject means: a formula about the requester, and what messages call it. No formula where it is damaged.
struct meaning {
    struct formula *formula;
    const char *label;
};

static struct meaning lower_subject(struct lowering *lowering, struct unit *unit, const struct ast_subject *subject);

static struct meaning mean_account(struct lowering *lowering, const struct ast_subject *subject) {
    struct arena *arena = lowering->arena;
    const char *namespace, *name;
    const struct formula *join = lower_join(lowering, subject->name);
    if (!join) return (struct meaning){0};
    if (!lower_join_text(join))
        return (struct meaning){lower_computed_account(lowering, subject->name, join),
                                arena_printf(arena, "serviceaccount %s", subject->name.text)};
    const struct word plain = {.text = lower_join_text(join), .span = subject->name.span, .quoted = true};
    if (!lower_service_account(lowering, plain, &namespace, &name)) return (struct meaning){0};
    return (struct meaning){formula_is(arena, FORMULA_USER, NULL, account_user(arena, namespace, name)),
                            arena_printf(arena, "serviceaccount %s/%s", namespace, name)};
}

static struct meaning mean_accounts(struct lowering *lowering, const struct ast_subject *subject) {
    struct arena *arena = lowering->arena;
    const char *namespace = subject->name.text;
    if (!lower_check_namespace(lowering, subject->name)) return (struct meaning){0};
    return (struct meaning){formula_is(arena, FORMULA_GROUP, NULL, account_group(arena, namespace)),
                            arena_printf(arena, "serviceaccounts %s", namespace)};
}

static struct meaning mean_identity(struct lowering *lowering, const struct ast_subject *subject,
                                    enum formula_kind kind, const char *word) {
    struct formula *join = lower_join(lowering, subject->name);
    if (!join || !lower_check_identity(lowering, subject->name, word)) return (struct meaning){0};
    const char *plain = lower_join_text(join);
    return (struct meaning){plain ? formula_is(lowering->arena, kind, NULL, plain)
                                  : lower_computed(lowering, kind, join),
                            arena_printf(lowering->arena, "%s %s", word, plain ? plain : subject->name.text)};
}

// What a uid is, no object says.
static struct meaning mean_uid(struct lowering *lowering, const struct ast_subject *subject) {
    struct meaning meaning = mean_identity(lowering, subject, FORMULA_UID, "uid");
    if (!meaning.formula || !formula_is_computed(meaning.formula)) return meaning;
    diag_report(lowering->diags, DIAG_COMPUTED_SUBJECT, subject->name.span, "a uid cannot be computed");
    diag_help(lowering->diags, "names of users, groups and service accounts can; '{{' is a brace");
    return (struct meaning){0};
}

static struct meaning mean_actor(struct lowering *lowering, struct unit *unit, const struct ast_subject *subject) {
    const struct actor_meaning *actor = find_actor(lowering, unit, subject->name);
    if (!actor) return (struct meaning){0};
    struct text label;
    text_init(&label, lowering->arena);
    for (size_t i = 0; i < actor->subjects.label_count && label.len < MAX_LABEL; i++)
        text_printf(&label, "%s%s", i ? ", " : "", actor->subjects.labels[i]);
    const bool fits = label.len < MAX_LABEL;
    return (struct meaning){actor->formula,
                            fits ? text_string(&label) : arena_printf(lowering->arena, "actor %s", subject->name.text)};
}

static void unknown_preset(struct lowering *lowering, struct word name) {
    const char **names = ARENA_ARRAY(lowering->arena, const char *, kube_preset_account_count);
    const size_t count = kube_preset_names(names);
    const char *near = suggest_nearest(name.text, names, count);
    diag_report(lowering->diags, DIAG_UNKNOWN_NAME, name.span, "unknown preset '%s'", name.text);
    if (near) {
        diag_help(lowering->diags, "did you mean '%s'?", near);
        diag_fix(lowering->diags, name.span, near);
    } else {
        diag_help(lowering->diags,
                  "'klockc explain preset' lists them; an actor of your own stands alone, without 'in'");
    }
}

// NAME in NAMESPACE.
static struct meaning mean_preset(struct lowering *lowering, const struct ast_subject *subject) {
    const struct word namespace = subject->extra_value;
    if (!kube_is_preset(subject->name.text)) {
        unknown_preset(lowering, subject->name);
    } else if (lower_check_namespace(lowering, namespace)) {
        const struct actor_meaning *preset = preset_meaning(lowering, subject->name.text, namespace.text);
        return (struct meaning){preset->formula,
                                arena_printf(lowering->arena, "%s in %s", subject->name.text, namespace.text)};
    }
    return (struct meaning){0};
}

static struct meaning mean_permission(struct lowering *lowering, const struct ast_subject *subject) {
    const char *verb = subject->name.text;
    if (!kube_is_dns_label(verb)) {
        diag_report(lowering->diags, DIAG_BAD_NAME, subject->name.span, "'%s' is not a valid verb", verb);
        diag_help(lowering->diags, "use an RBAC verb in lower case, such as: may unlock");
        return (struct meaning){0};
    }
    struct formula *check = formula_new(lowering->arena, FORMULA_MAY);
    check->key = verb;
    return (struct meaning){check, arena_printf(lowering->arena, "anyone who may %s this lock", verb)};
}

static struct meaning mean_tenant(struct lowering *lowering) {
    struct formula *of_tenant = formula_new(lowering->arena, FORMULA_TENANT);
    of_tenant->key = NAMES_TENANT_MEMBERS;
    return (struct meaning){of_tenant, "the tenant that the namespace belongs to"};
}

static struct meaning mean_both(struct lowering *lowering, struct unit *unit, const struct ast_subject *subject) {
    const struct meaning left = lower_subject(lowering, unit, subject->left),
                         right = lower_subject(lowering, unit, subject->right);
    if (left.formula == right.formula) return left;
    return (struct meaning){formula_and(lowering->arena, left.formula, right.formula),
                            arena_printf(lowering->arena, "%s and %s", left.label, right.label)};
}

static struct meaning mean_extra(struct lowering *lowering, struct unit *unit, const struct ast_subject *subject) {
    struct arena *arena = lowering->arena;
    const char *key = subject->extra_key.text;
    const struct meaning left = lower_subject(lowering, unit, subject->left);
    struct formula *join = lower_join(lowering, subject->extra_value);
    if (!*key) diag_report(lowering->diags, DIAG_BAD_NAME, subject->extra_key.span, "an empty 'extra' key");
    if (!join) return (struct meaning){0};
    const char *plain = lower_join_text(join);
    struct formula *extra =
        plain ? formula_is(arena, FORMULA_EXTRA, key, plain) : lower_computed(lowering, FORMULA_EXTRA, join);
    extra->key = key;
    return (struct meaning){
        formula_and(arena, left.formula, extra),
        arena_printf(arena, "%s with extra %s=%s", left.label, key, plain ? plain : subject->extra_value.text)};
}

static struct meaning mean_any(struct lowering *lowering, struct unit *unit, const struct ast_subject *subject) {
    switch (subject->kind) {
    case AST_SUBJECT_ERROR: break;
    case AST_SUBJECT_SERVICE_ACCOUNT: return mean_account(lowering, subject);
    case AST_SUBJECT_SERVICE_ACCOUNTS: return mean_accounts(lowering, subject);
    case AST_SUBJECT_USER: return mean_identity(lowering, subject, FORMULA_USER, "user");
    case AST_SUBJECT_GROUP: return mean_identity(lowering, subject, FORMULA_GROUP, "group");
    case AST_SUBJECT_UID: return mean_uid(lowering, subject);
    case AST_SUBJECT_ACTOR: return mean_actor(lowering, unit, subject);
    case AST_SUBJECT_MAY: return mean_permission(lowering, subject);
    case AST_SUBJECT_TENANT: return mean_tenant(lowering);
    case AST_SUBJECT_AND: return mean_both(lowering, unit, subject);
    case AST_SUBJECT_EXTRA: return mean_extra(lowering, unit, subject);
    case AST_SUBJECT_PRESET: return mean_preset(lowering, subject);
    }
    return (struct meaning){0};
}

// A damaged subject is nobody: it has been reported, and nothing more is said of it.
static struct meaning lower_subject(struct lowering *lowering, struct unit *unit, const struct ast_subject *subject) {
    const struct meaning meaning = mean_any(lowering, unit, subject);
    if (meaning.formula) return meaning;
    return (struct meaning){formula_new(lowering->arena, FORMULA_FALSE), ""};
}

// Whether the formula has more nodes than that; counts no further.
static bool is_larger(const struct formula *expr, size_t *left) {
    if (!*left) return true;
    --*left;
    for (size_t i = 0; i < expr->operand_count; i++)
        if (is_larger(expr->operands[i], left)) return true;
    return false;
}

static bool is_exact(const struct formula *formula, enum formula_kind kind) {
    return formula->kind == kind && formula->compare == CMP_IN && formula->value_count;
}

// Sorts an alternative into exact users, exact groups and the rest.
static void add_alternative(struct arena *arena, struct subjects *subjects, struct formula *formula) {
    if (formula->kind == FORMULA_OR) {
        for (size_t i = 0; i < formula->operand_count; i++) add_alternative(arena, subjects, formula->operands[i]);
    } else if (is_exact(formula, FORMULA_USER)) {
        ARENA_PUSH(arena, subjects->users, subjects->user_count, formula->values[0]->as.string);
    } else if (is_exact(formula, FORMULA_GROUP)) {
        ARENA_PUSH(arena, subjects->groups, subjects->group_count, formula->values[0]->as.string);
    } else if (formula->kind != FORMULA_FALSE) {
        for (size_t i = 0; i < subjects->other_count; i++)
            if (subjects->others[i] == formula) return;
        ARENA_PUSH(arena, subjects->others, subjects->other_count, formula);
    }
}

static void sort_names(const char **names, size_t *count) {
    if (!*count) return;
    qsort(names, *count, sizeof *names, compare_strings);
    size_t kept = 1;
    for (size_t i = 1; i < *count; i++)
        if (strcmp(names[kept - 1], names[i]) != 0) names[kept++] = names[i];
    *count = kept;
}

// Each label once, the first where it stands.
static void drop_repeated(struct arena *arena, struct subjects *subjects) {
    struct map known;
    map_init(&known, arena);
    size_t kept = 0;
    for (size_t i = 0; i < subjects->label_count; i++) {
        const char *label = subjects->labels[i];
        if (map_get(&known, label)) continue;
        map_set(&known, label, subjects);
        subjects->labels[kept++] = label;
    }
    subjects->label_count = kept;
}

static void settle_subjects(struct arena *arena, struct subjects *subjects) {
    sort_names(subjects->users, &subjects->user_count);
    sort_names(subjects->groups, &subjects->group_count);
    drop_repeated(arena, subjects);
}

void lower_subjects(struct lowering *lowering, struct unit *unit, const struct ast_subjects *list,
                    struct subjects *ret_subjects) {
    struct arena *arena = lowering->arena;
    struct subjects *subjects = ret_subjects;
    for (size_t i = 0; i < list->count; i++) {
        const struct ast_subject *subject = list->items[i];
        const struct meaning meaning = lower_subject(lowering, unit, subject);
        const char *label = meaning.label;
        add_alternative(arena, subjects, meaning.formula);
        const struct actor_meaning *actor =
            subject->kind == AST_SUBJECT_ACTOR && *label ? find_actor(lowering, unit, subject->name) : NULL;
        for (size_t j = 0; actor && j < actor->subjects.label_count; j++)
            ARENA_PUSH(arena, subjects->labels, subjects->label_count, actor->subjects.labels[j]);
        for (size_t j = 0; actor && j < actor->subjects.computed_count; j++)
            ARENA_PUSH(arena, subjects->computed, subjects->computed_count, actor->subjects.computed[j]);
        if (!actor && *label && formula_is_computed(meaning.formula))
            ARENA_PUSH(arena, subjects->computed, subjects->computed_count, label);
        if (!actor && *label) ARENA_PUSH(arena, subjects->labels, subjects->label_count, label);
    }
    settle_subjects(arena, subjects);
}

static bool is_empty(const struct subjects *subjects) {
    return !subjects->user_count && !subjects->group_count && !subjects->other_count && !subjects->label_count;
}

static void append(struct arena *arena, struct subjects *all, const struct subjects *added) {
    for (size_t i = 0; i < added->user_count; i++) ARENA_PUSH(arena, all->users, all->user_count, added->users[i]);
    for (size_t i = 0; i < added->group_count; i++) ARENA_PUSH(arena, all->groups, all->group_count, added->groups[i]);
    for (size_t i = 0; i < added->other_count; i++) add_alternative(arena, all, added->others[i]);
    for (size_t i = 0; i < added->label_count; i++) ARENA_PUSH(arena, all->labels, all->label_count, added->labels[i]);
    for (size_t i = 0; i < added->computed_count; i++)
        ARENA_PUSH(arena, all->computed, all->computed_count, added->computed[i]);
}

// The lists are shared by the many locks that are made of one, so they are never added to in place.
void lower_add_subjects(struct arena *arena, struct subjects *subjects, const struct subjects *added) {
    if (is_empty(added)) return;
    if (is_empty(subjects)) {
        *subjects = *added;
        return;
    }
    struct subjects all = {0};
    append(arena, &all, subjects);
    append(arena, &all, added);
    settle_subjects(arena, &all);
    *subjects = all;
}

static struct formula *formula_of(struct arena *arena, const struct subjects *subjects) {
    struct formula *formula = formula_new(arena, FORMULA_OR);
    for (size_t i = 0; i < subjects->user_count; i++)
        ARENA_PUSH(arena, formula->operands, formula->operand_count,
                   formula_is(arena, FORMULA_USER, NULL, subjects->users[i]));
    for (size_t i = 0; i < subjects->group_count; i++)
        ARENA_PUSH(arena, formula->operands, formula->operand_count,
                   formula_is(arena, FORMULA_GROUP, NULL, subjects->groups[i]));
    for (size_t i = 0; i < subjects->other_count; i++)
        ARENA_PUSH(arena, formula->operands, formula->operand_count, subjects->others[i]);
    return formula->operand_count == 0   ? formula_new(arena, FORMULA_FALSE)
           : formula->operand_count == 1 ? formula->operands[0]
                                         : formula;
}

// Who the preset is; in the usual namespace where none is named.
static const struct actor_meaning *preset_meaning(struct lowering *lowering, const char *preset,
                                                  const char *namespace) {
    struct arena *arena = lowering->arena;
    struct actor_meaning *meaning = ARENA_NEW(arena, struct actor_meaning);
    struct subjects *subjects = &meaning->subjects;
    for (size_t i = 0; i < kube_preset_account_count; i++) {
        const struct kube_preset_account *one = &kube_preset_accounts[i];
        if (strcmp(one->preset, preset) != 0) continue;
        const char *where = namespace ? namespace : one->namespace;
        ARENA_PUSH(arena, subjects->users, subjects->user_count, account_user(arena, where, one->account));
        ARENA_PUSH(arena, subjects->labels, subjects->label_count,
                   arena_printf(arena, "serviceaccount %s/%s", where, one->account));
    }
    settle_subjects(arena, subjects);
    meaning->formula = formula_of(arena, subjects);
    return meaning;
}

static const struct actor_meaning *actor_of(struct lowering *lowering, struct declaration *declaration,
                                            struct span use) {
    if (declaration->meaning) return declaration->meaning;
    if (declaration->in_progress) {
        diag_report(lowering->diags, DIAG_ACTOR_CYCLE, use, "actor '%s' includes itself", declaration->item->name.text);
        diag_relate(lowering->diags, declaration->item->name.span, "declared here");
        return NULL;
    }
    struct actor_meaning *meaning = ARENA_NEW(lowering->arena, struct actor_meaning);
    if (lowering->nested_actors == MAX_NESTED_ACTORS) {
        diag_report(lowering->diags, DIAG_TOO_DEEP, use, "actors nested more than %d deep", MAX_NESTED_ACTORS);
        meaning->formula = formula_new(lowering->arena, FORMULA_FALSE);
        declaration->meaning = meaning;
        return meaning;
    }
    declaration->in_progress = true;
    lowering->nested_actors++;
    lower_subjects(lowering, declaration->unit, &declaration->item->as.actor.subjects, &meaning->subjects);
    lowering->nested_actors--;
    meaning->formula = formula_of(lowering->arena, &meaning->subjects);
    declaration->in_progress = false;
    size_t left = MAX_ACTOR_ATOMS;
    if (is_larger(meaning->formula, &left)) {
        diag_report(lowering->diags, DIAG_TOO_DEEP, declaration->item->name.span, "actor '%s' has more than %d parts",
                    declaration->item->name.text, MAX_ACTOR_ATOMS);
        meaning->subjects = (struct subjects){0};
        meaning->formula = formula_new(lowering->arena, FORMULA_FALSE);
    }
    declaration->meaning = meaning;
    return meaning;
}

static const struct actor_meaning *find_actor(struct lowering *lowering, struct unit *unit, struct word name) {
    if (kube_is_preset(name.text)) return preset_meaning(lowering, name.text, NULL);
    struct declaration *declaration = scope_find(&lowering->scope, unit, AST_ITEM_ACTOR, name);
    return declaration ? actor_of(lowering, declaration, name.span) : NULL;
}

struct formula *lower_actor_formula(struct lowering *lowering, struct unit *unit, struct word name) {
    const struct actor_meaning *actor = find_actor(lowering, unit, name);
    return actor ? actor->formula : formula_new(lowering->arena, FORMULA_FALSE);
}

// Emits the accounts of `new`; only service accounts can be made.
static void add_accounts(struct lowering *lowering, const struct unit *unit, const struct ast_item *item) {
    for (size_t i = 0; i < item->as.actor.subjects.count; i++) {
        const struct ast_subject *subject = item->as.actor.subjects.items[i];
        struct account *account = ARENA_NEW(lowering->arena, struct account);
        account->policy = unit->policy;
        account->span = item->span;
        account->automount = item->as.actor.automount.text != NULL;
        if (subject->kind != AST_SUBJECT_SERVICE_ACCOUNT) {
            diag_report(lowering->diags, DIAG_NOT_GRANTABLE, subject->span,
                        "'new' creates service accounts, and this is not one");
            diag_relate(lowering->diags, item->as.actor.create_at, "asked for here");
        } else if (lower_service_account(lowering, subject->name, &account->namespace, &account->name)) {
            ARENA_PUSH(lowering->arena, lowering->policies->accounts, lowering->policies->account_count, account);
        }
    }
}

void lower_actor(struct lowering *lowering, struct unit *unit, const struct ast_item *item) {
    const struct word name = item->name;
    if (kube_is_preset(name.text) ||
        text_is_among(subject_words, sizeof subject_words / sizeof *subject_words, name.text)) {
        diag_report(lowering->diags, DIAG_RESERVED_NAME, name.span, "an actor cannot be named '%s'", name.text);
        diag_help(lowering->diags, "that is a %s; choose another name, such as my-%s",
                  kube_is_preset(name.text) ? "preset" : "kind of subject", name.text);
        return;
    }
    struct declaration *declaration = scope_declaration(&lowering->scope, unit, item);
    if (declaration) actor_of(lowering, declaration, name.span);
    if (item->as.actor.create) {
        add_accounts(lowering, unit, item);
    } else if (item->as.actor.automount.text) {
        diag_report(lowering->diags, DIAG_UNUSED_CLAUSE, item->as.actor.automount.span,
                    "'automount' is about accounts that the policy makes");
        diag_help(lowering->diags,
                  "write 'new' before the service account, or set automountServiceAccountToken where it "
                  "is made");
    }
}
