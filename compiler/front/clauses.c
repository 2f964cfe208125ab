// The table of clauses; see clauses.h.
#include "front/clauses.h"

const struct clause_info *clause_info(enum ast_clause_kind kind) {
    enum { ONCE, MANY };
    static const struct clause_info clauses[] = {
#define CLAUSE(kind, keyword, actor, object, lock, grant, webhook, tenant, often, holds)                               \
    [AST_CLAUSE_##kind] = {keyword,          CLAUSE_##actor,  CLAUSE_##object, CLAUSE_##lock,       CLAUSE_##grant,    \
                           CLAUSE_##webhook, CLAUSE_##tenant, (often) == MANY, CLAUSE_HOLDS_##holds},
#include "front/clauses.def"
#undef CLAUSE
    };
    return &clauses[kind];
}

enum clause_place clause_in(enum ast_clause_kind kind, enum ast_item_kind block) {
    const struct clause_info *info = clause_info(kind);
    switch (block) {
    case AST_ITEM_ACTOR: return info->in_actor;
    case AST_ITEM_OBJECT: return info->in_object;
    case AST_ITEM_LOCK: return info->in_lock;
    case AST_ITEM_GRANT: return info->in_grant;
    case AST_ITEM_WEBHOOK: return info->in_webhook;
    case AST_ITEM_TENANT: return info->in_tenant;
    case AST_ITEM_POLICY:
    case AST_ITEM_INCLUDE:
    case AST_ITEM_RESOURCE:
    case AST_ITEM_RESOURCES_FROM:
    case AST_ITEM_DEPLOYER:
    case AST_ITEM_ACCEPT:
    case AST_ITEM_TEST: break;
    }
    return CLAUSE_NO;
}
