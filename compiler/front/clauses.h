// What is known of clauses: clauses.def as a table.
#ifndef KLOCK_CLAUSES_H
#define KLOCK_CLAUSES_H

#include <stdbool.h>

#include "front/ast.h"

enum clause_place {
    CLAUSE_NO, // not a clause of the block
    CLAUSE_YES,
    CLAUSE_PLACE,        // says where the objects are, and gives way to `on OBJECT`
    CLAUSE_UNSELECTABLE, // is read and refused: RBAC cannot select by it
};

// Which members of struct ast_clause are set.
enum clause_holds {
    CLAUSE_HOLDS_NOTHING,
    CLAUSE_HOLDS_WORD,       // words, one
    CLAUSE_HOLDS_WORDS,      // words
    CLAUSE_HOLDS_PATTERNS,   // words; "*", "*.group" and the like are unquoted words
    CLAUSE_HOLDS_SELECTOR,   // expr of LABEL or ANNOTATION requirements
    CLAUSE_HOLDS_EXPR,       // expr
    CLAUSE_HOLDS_SUBJECTS,   // subjects
    CLAUSE_HOLDS_EXEMPTIONS, // words: lifecycle, controllers, none; and subjects
    CLAUSE_HOLDS_PATHS,      // paths
    CLAUSE_HOLDS_COVERED,    // words: what is covered; mode: "name", "params" or "never"
    CLAUSE_HOLDS_DAYS,       // words[0] from, words[1] until; either text may be NULL
    CLAUSE_HOLDS_GUARDS,     // words, removed
    CLAUSE_HOLDS_LABELED,    // words: a resource; expr of LABEL requirements
    CLAUSE_HOLDS_ACCEPTED,   // words: warnings; reason
    // Of what follows, the text of an optional word may be NULL.
    CLAUSE_HOLDS_SERVICE,      // words: NS/NAME, and path and port, both optional
    CLAUSE_HOLDS_AUTHORITY,    // words: "cert-manager", "file" or "secret", and which
    CLAUSE_HOLDS_CONSENT,      // words: "strict" and the annotation's key, both optional; subjects: who gives it
    CLAUSE_HOLDS_SIDE_EFFECTS, // words: one; mode: "dry" if it is `on dry run`
    CLAUSE_HOLDS_REINVOCATION, // words: one: "never" or "if"
    CLAUSE_HOLDS_SECURITY,     // words: a mode, which is optional, and its level; and so on
    CLAUSE_HOLDS_QUOTA,        // words: what is limited, and to how much; and so on
};

struct clause_info {
    const char *keyword; // one or two words
    enum clause_place in_actor, in_object, in_lock, in_grant, in_webhook, in_tenant;
    bool repeats; // may stand in a block more than once
    enum clause_holds holds;
};

const struct clause_info *clause_info(enum ast_clause_kind kind);
// Whether and how the block of such an item takes the clause.
enum clause_place clause_in(enum ast_clause_kind kind, enum ast_item_kind block);

#endif
