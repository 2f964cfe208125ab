// The table of keywords; see keywords.h.
#include "front/keywords.h"

#include <string.h>

#include "front/ast_build.h"
#include "klock_parser.h"

enum {
    NOTHING = KEYWORD_NOTHING,
    ITEM = KEYWORD_ITEM,
    CLAUSE = KEYWORD_CLAUSE,
    STEP = KEYWORD_STEP,
    SUBJECT = KEYWORD_SUBJECT,
    PREDICATE = KEYWORD_PREDICATE,
    COMPARISON = KEYWORD_COMPARISON,
    NEGATION = KEYWORD_NEGATION,
    READ = KEYWORD_READ,
    READER = KEYWORD_READER,
};

// By token; what is no keyword has no word.
static const struct keyword keywords[] = {
#define KEYWORD(token, word, begins) [TOK_##token] = {word, TOK_##token, begins},
#include "front/keywords.def"
#undef KEYWORD
};

static const int in_order[] = {
#define KEYWORD(token, word, begins) TOK_##token,
#include "front/keywords.def"
#undef KEYWORD
};

const struct keyword *keyword_of(int token) {
    const bool known = token >= 0 && (size_t)token < sizeof keywords / sizeof *keywords && keywords[token].word;
    return known ? &keywords[token] : NULL;
}

const struct keyword *keyword_find(const char *text) {
    for (size_t i = 0; i < KEYWORD_COUNT; i++)
        if (strcmp(keywords[in_order[i]].word, text) == 0) return &keywords[in_order[i]];
    return NULL;
}

bool keyword_begins(int token, unsigned what) {
    const struct keyword *keyword = keyword_of(token);
    return keyword && (keyword->begins & what);
}

bool keyword_may_be(const struct keyword *keyword, enum keyword_position position) {
    static const unsigned meant_otherwise[] = {
        [KEYWORD_AS_NAME] = NOTHING,
        [KEYWORD_AS_KEY] = NEGATION,
        [KEYWORD_AS_GROUP] = COMPARISON,
        [KEYWORD_AS_REFERENCE] = SUBJECT,
        [KEYWORD_AS_VARIABLE] = PREDICATE | NEGATION,
        [KEYWORD_AS_CONSTANT] = READ | READER,
    };
    return !(keyword->begins & meant_otherwise[position]);
}

size_t keyword_words(unsigned what, const char **ret_words) {
    size_t count = 0;
    for (size_t i = 0; i < KEYWORD_COUNT; i++)
        if (keyword_begins(in_order[i], what)) ret_words[count++] = keywords[in_order[i]].word;
    return count;
}

const char *keyword_of_item(enum ast_item_kind kind) {
    switch (kind) {
    case AST_ITEM_POLICY: return "policy";
    case AST_ITEM_INCLUDE: return "include";
    case AST_ITEM_RESOURCE: return "resource";
    case AST_ITEM_RESOURCES_FROM: return "resources from";
    case AST_ITEM_ACTOR: return "actor";
    case AST_ITEM_OBJECT: return "object";
    case AST_ITEM_LOCK: return "lock";
    case AST_ITEM_GRANT: return "grant";
    case AST_ITEM_DEPLOYER: return "deployer";
    case AST_ITEM_WEBHOOK: return "webhook";
    case AST_ITEM_TENANT: return "tenant";
    case AST_ITEM_ACCEPT: return "accept";
    case AST_ITEM_TEST: return "test";
    }
    return "";
}
