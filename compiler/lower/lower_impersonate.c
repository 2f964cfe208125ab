// `may impersonate` of grants: whom RBAC lets the holder become.
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "data/value.h"
#include "kubernetes/account.h"
#include "lower/lower.h"
#include "report/diag.h"

#define NODE_PREFIX "system:node:"
// 1.35 has constrained impersonation behind a feature gate that is off; from 1.36 on it is on.
enum { CONSTRAINED_SINCE = 36 };

static int compare_impersonated(const void *a, const void *b) {
    const struct impersonated *x = a, *y = b;
    if (x->kind != y->kind) return x->kind < y->kind ? -1 : 1;
    int order = strcmp(x->namespace, y->namespace);
    if (!order) order = strcmp(x->key, y->key);
    return order ? order : strcmp(x->name, y->name);
}

static void add(struct lowering *lowering, struct grant *grant, enum impersonated_kind kind, const char *namespace,
                const char *key, const char *name) {
    const struct impersonated added = {kind, namespace, key, name};
    for (size_t i = 0; i < grant->impersonated_count; i++)
        if (compare_impersonated(&grant->impersonated[i], &added) == 0) return;
    ARENA_PUSH(lowering->arena, grant->impersonated, grant->impersonated_count, added);
}

static void add_user(struct lowering *lowering, struct grant *grant, const char *user) {
    const char *namespace, *name;
    if (account_parse(lowering->arena, user, &namespace, &name))
        add(lowering, grant, IMPERSONATED_ACCOUNT, namespace, "", name);
    else if (strncmp(user, NODE_PREFIX, sizeof NODE_PREFIX - 1) == 0)
        add(lowering, grant, IMPERSONATED_NODE, "", "", user + sizeof NODE_PREFIX - 1);
    else
        add(lowering, grant, IMPERSONATED_USER, "", "", user);
}

static void add_group(struct lowering *lowering, struct grant *grant, const struct ast_subject *written,
                      const char *group) {
    if (strcmp(group, "system:masters") == 0) {
        diag_report(lowering->diags, DIAG_NOT_GRANTABLE, written->span,
                    "whoever impersonates system:masters may do everything, past all of RBAC");
        diag_help(lowering->diags, "name users and groups that hold what the holder is to do");
        return;
    }
    add(lowering, grant, IMPERSONATED_GROUP, "", "", group);
}

// A user with groups and extras: RBAC looks at each of them by itself. False for what nobody can be made to be.
static bool add_formula(struct lowering *lowering, struct grant *grant, const struct ast_subject *written,
                        const struct formula *formula) {
    const bool exact = formula->compare == CMP_IN && formula->value_count == 1;
    switch (formula->kind) {
    case FORMULA_AND:
        for (size_t i = 0; i < formula->operand_count; i++)
            if (!add_formula(lowering, grant, written, formula->operands[i])) return false;
        return true;
    case FORMULA_USER:
        if (exact) add_user(lowering, grant, formula->values[0]->as.string);
        return exact;
    case FORMULA_GROUP:
        if (exact) add_group(lowering, grant, written, formula->values[0]->as.string);
        return exact;
    case FORMULA_UID:
        if (exact) add(lowering, grant, IMPERSONATED_UID, "", "", formula->values[0]->as.string);
        return exact;
    case FORMULA_EXTRA:
        if (exact) add(lowering, grant, IMPERSONATED_EXTRA, "", formula->key, formula->values[0]->as.string);
        return exact;
    default: return false;
    }
}

// The API server takes a service account or a node by its name alone.
static void check_constrained(struct lowering *lowering, const struct ast_clause *clause, const struct grant *grant) {
    const struct impersonated *alone = NULL, *beside = NULL;
    if (lowering->minor < CONSTRAINED_SINCE) {
        diag_report(lowering->diags, DIAG_NOT_GRANTABLE, clause->keyword,
                    "Kubernetes 1.%u cannot keep those who impersonate to some requests", lowering->minor);
        diag_help(lowering->diags,
                  "leave out what is allowed: who impersonates does whatever the impersonated may; or, if every API "
                  "server is 1.%d or newer: --kubernetes 1.%d",
                  CONSTRAINED_SINCE, CONSTRAINED_SINCE);
        return;
    }
    for (size_t i = 0; i < grant->impersonated_count; i++) {
        const struct impersonated *one = &grant->impersonated[i];
        if (one->kind == IMPERSONATED_ACCOUNT || one->kind == IMPERSONATED_NODE) alone = one;
        if (one->kind != IMPERSONATED_ACCOUNT && one->kind != IMPERSONATED_NODE && one->kind != IMPERSONATED_USER)
            beside = one;
    }
    if (!alone || !beside) return;
    diag_report(lowering->diags, DIAG_NOT_GRANTABLE, clause->keyword,
                "'%s' is impersonated without groups, uids and extras where the requests are given", alone->name);
    diag_help(lowering->diags, "write a grant for service accounts and nodes, and one for the others");
}

void lower_impersonation(struct lowering *lowering, struct unit *unit, const struct ast_clause *clause,
                         struct grant *grant, bool constrained) {
    for (size_t i = 0; i < clause->subjects.count; i++) {
        const struct ast_subject *written = clause->subjects.items[i];
        struct ast_subject *one[] = {clause->subjects.items[i]};
        const struct ast_subjects list = {one, 1};
        struct subjects subjects = {0};
        bool fine = true;
        lower_subjects(lowering, unit, &list, &subjects);
        if (lower_refuse_computed(lowering, &subjects, written->span, "RBAC cannot compute names")) continue;
        for (size_t j = 0; j < subjects.user_count; j++) add_user(lowering, grant, subjects.users[j]);
        for (size_t j = 0; j < subjects.group_count; j++) add_group(lowering, grant, written, subjects.groups[j]);
        for (size_t j = 0; fine && j < subjects.other_count; j++)
            fine = add_formula(lowering, grant, written, subjects.others[j]);
        if (fine) continue;
        diag_report(lowering->diags, DIAG_NOT_GRANTABLE, written->span, "nobody can be impersonated by this");
        diag_help(lowering->diags, "name users, groups, service accounts and uids, with extras where they are needed");
    }
    if (grant->impersonated_count)
        qsort(grant->impersonated, grant->impersonated_count, sizeof *grant->impersonated, compare_impersonated);
    if (constrained) check_constrained(lowering, clause, grant);
}
