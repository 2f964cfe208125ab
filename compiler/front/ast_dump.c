// Text form of the tree; see ast_dump.h.
#include "front/ast_dump.h"

#include "base/text.h"
#include "front/ast.h"
#include "front/clauses.h"
#include "front/keywords.h"

static void indent(struct text *text, unsigned level) {
    while (level-- > 0) text_add_string(text, "  ");
}

static void add_quoted(struct text *text, const char *string) {
    text_add_char(text, '"');
    for (const char *c = string; *c; c++) {
        switch (*c) {
        case '"': text_add_string(text, "\\\""); break;
        case '\\': text_add_string(text, "\\\\"); break;
        case '\n': text_add_string(text, "\\n"); break;
        case '\t': text_add_string(text, "\\t"); break;
        default:
            if ((unsigned char)*c < 0x20 || *c == 0x7f) {
                text_printf(text, "\\u{%x}", (unsigned)*c);
            } else {
                text_add_char(text, *c);
            }
        }
    }
    text_add_char(text, '"');
}

static void add_word(struct text *text, struct word word) {
    if (!word.text) {
        text_add_char(text, '-');
    } else if (word.quoted) {
        add_quoted(text, word.text);
    } else {
        text_add_string(text, word.text);
    }
}

static void add_words(struct text *text, struct words words) {
    for (size_t i = 0; i < words.count; i++) {
        text_add_string(text, i ? ", " : " ");
        add_word(text, words.items[i]);
    }
}

static void add_path(struct text *text, struct ast_path path) {
    for (size_t i = 0; i < path.count; i++) {
        text_add_char(text, ' ');
        if (path.items[i].key) {
            add_quoted(text, path.items[i].key);
        } else {
            text_add_string(text, "each");
        }
    }
}

// ---- expressions ----

static const char *expr_name(enum ast_expr_kind kind) {
    switch (kind) {
    case AST_EXPR_ERROR: return "error";
    case AST_EXPR_AND: return "and";
    case AST_EXPR_OR: return "or";
    case AST_EXPR_NOT: return "not";
    case AST_EXPR_LABEL: return "label";
    case AST_EXPR_ANNOTATION: return "annotation";
    case AST_EXPR_NAME: return "name";
    case AST_EXPR_NAMESPACE: return "namespace";
    case AST_EXPR_NAMESPACE_LABEL: return "namespace label";
    case AST_EXPR_FIELD: return "field";
    case AST_EXPR_USER: return "user";
    case AST_EXPR_GROUP: return "group";
    case AST_EXPR_ACTOR: return "actor";
    case AST_EXPR_OPERATION: return "operation";
    case AST_EXPR_ANY_LABEL: return "any label";
    case AST_EXPR_ANY_ANNOTATION: return "any annotation";
    case AST_EXPR_ANY: return "any";
    case AST_EXPR_ALL: return "all";
    case AST_EXPR_CEL: return "cel";
    case AST_EXPR_WEBHOOK: return "webhook";
    }
    return "";
}

static const char *comparison_name(enum ast_comparison comparison) {
    switch (comparison) {
    case AST_EXISTS: return "";
    case AST_EQ: return " =";
    case AST_NE: return " !=";
    case AST_IN: return " in";
    case AST_NOT_IN: return " not in";
    case AST_LT: return " <";
    case AST_LE: return " <=";
    case AST_GT: return " >";
    case AST_GE: return " >=";
    case AST_LIKE: return " like";
    case AST_MATCHES: return " matches";
    case AST_CONTAINS: return " contains";
    }
    return "";
}

static void dump_expr(struct text *text, const struct ast_expr *expr, unsigned level) {
    indent(text, level);
    if (expr->state != AST_STATE_DEFAULT) text_add_string(text, expr->state == AST_STATE_OLD ? "old " : "new ");
    text_add_string(text, expr_name(expr->kind));
    add_path(text, expr->path);
    if (expr->key.text) {
        text_add_string(text, expr->path.count ? " as " : " ");
        add_word(text, expr->key);
    }
    text_add_string(text, comparison_name(expr->comparison));
    add_words(text, expr->values);
    text_add_char(text, '\n');
    for (size_t i = 0; i < expr->reading_count; i++) dump_expr(text, expr->readings[i], level + 1);
    for (size_t i = 0; i < expr->operand_count; i++) dump_expr(text, expr->operands[i], level + 1);
}

// ---- subjects ----

static const char *subject_name(enum ast_subject_kind kind) {
    switch (kind) {
    case AST_SUBJECT_ERROR: return "error";
    case AST_SUBJECT_SERVICE_ACCOUNT: return "serviceaccount";
    case AST_SUBJECT_SERVICE_ACCOUNTS: return "serviceaccounts";
    case AST_SUBJECT_USER: return "user";
    case AST_SUBJECT_GROUP: return "group";
    case AST_SUBJECT_UID: return "uid";
    case AST_SUBJECT_ACTOR: return "actor";
    case AST_SUBJECT_MAY: return "may";
    case AST_SUBJECT_TENANT: return "tenant";
    case AST_SUBJECT_PRESET: return "preset";
    case AST_SUBJECT_AND: return "and";
    case AST_SUBJECT_EXTRA: return "extra";
    }
    return "";
}

static void dump_subject(struct text *text, const struct ast_subject *subject, unsigned level) {
    indent(text, level);
    text_add_string(text, subject_name(subject->kind));
    if (subject->name.text) {
        text_add_char(text, ' ');
        add_word(text, subject->name);
    }
    if (subject->extra_key.text) {
        text_add_char(text, ' ');
        add_word(text, subject->extra_key);
        text_add_string(text, " =");
    }
    if (subject->extra_value.text) {
        text_add_string(text, subject->kind == AST_SUBJECT_PRESET ? " in " : " ");
        add_word(text, subject->extra_value);
    }
    text_add_char(text, '\n');
    if (subject->left) dump_subject(text, subject->left, level + 1);
    if (subject->right) dump_subject(text, subject->right, level + 1);
}

static void dump_subjects(struct text *text, struct ast_subjects subjects, unsigned level) {
    for (size_t i = 0; i < subjects.count; i++) dump_subject(text, subjects.items[i], level);
}

// ---- clauses ----

static void dump_clause(struct text *text, const struct ast_clause *clause, unsigned level) {
    indent(text, level);
    text_add_string(text, clause_info(clause->kind)->keyword);
    add_words(text, clause->words);
    if (clause->of.count) {
        text_add_string(text, " of");
        add_words(text, clause->of);
    }
    if (clause->kind == AST_CLAUSE_ACCEPT) {
        text_add_string(text, ", ");
        add_word(text, clause->reason);
    }
    if (clause->removed.count) {
        text_add_string(text, " without");
        add_words(text, clause->removed);
    }
    if (clause->mode.text) {
        text_add_string(text, " by ");
        add_word(text, clause->mode);
    }
    text_add_char(text, '\n');
    if (clause->expr) dump_expr(text, clause->expr, level + 1);
    dump_subjects(text, clause->subjects, level + 1);
    for (size_t i = 0; i < clause->paths.count; i++) {
        indent(text, level + 1);
        text_add_string(text, "path");
        add_path(text, clause->paths.items[i]);
        text_add_char(text, '\n');
    }
}

// ---- steps ----

static void dump_pairs(struct text *text, const char *name, struct ast_pairs pairs, unsigned level) {
    for (size_t i = 0; i < pairs.count; i++) {
        indent(text, level);
        text_printf(text, "%s ", name);
        add_word(text, pairs.items[i].key);
        text_add_string(text, " = ");
        add_word(text, pairs.items[i].value);
        text_add_char(text, '\n');
    }
}

static void dump_state(struct text *text, const char *name, const struct ast_object_state *state, unsigned level) {
    indent(text, level);
    text_printf(text, "%s%s%s\n", name, state->given ? "" : " nothing", state->terminating ? " terminating" : "");
    dump_pairs(text, "label", state->labels, level + 1);
    dump_pairs(text, "annotation", state->annotations, level + 1);
    for (size_t i = 0; i < state->field_count; i++) {
        indent(text, level + 1);
        text_add_string(text, "field");
        add_path(text, state->fields[i].path);
        text_add_string(text, " = ");
        add_word(text, state->fields[i].value);
        text_add_char(text, '\n');
    }
    if (!state->object.text) return;
    indent(text, level + 1);
    text_add_string(text, "object ");
    add_word(text, state->object);
    text_add_char(text, '\n');
}

static const char *expectation_name(enum ast_expectation expectation) {
    switch (expectation) {
    case AST_EXPECT_ALLOWED: return "allowed";
    case AST_EXPECT_DENIED: return "denied";
    case AST_EXPECT_WARNED: return "warned";
    case AST_EXPECT_CALLED: return "called";
    case AST_EXPECT_NOT_CALLED: return "not called";
    }
    return "";
}

static void dump_step(struct text *text, const struct ast_step *step, unsigned level) {
    indent(text, level);
    switch (step->kind) {
    case AST_STEP_AS:
        text_add_string(text, "as\n");
        dump_subjects(text, step->subjects, level + 1);
        break;
    case AST_STEP_OPERATION:
        add_word(text, step->operation);
        text_add_char(text, ' ');
        add_word(text, step->resource);
        text_add_char(text, ' ');
        add_word(text, step->name);
        text_add_char(text, '\n');
        dump_state(text, step->has_arrow ? "before" : "state", &step->before, level + 1);
        if (step->has_arrow) dump_state(text, "after", &step->after, level + 1);
        break;
    case AST_STEP_IN_NAMESPACE:
        text_printf(text, "in namespace%s\n", step->namespace_terminating ? " terminating" : "");
        dump_pairs(text, "label", step->namespace_labels, level + 1);
        break;
    case AST_STEP_GIVEN:
        text_add_string(text, step->is_gone ? "given no " : "given ");
        add_word(text, step->resource);
        text_add_char(text, ' ');
        add_word(text, step->name);
        text_add_char(text, '\n');
        if (!step->is_gone) dump_state(text, "state", &step->before, level + 1);
        break;
    case AST_STEP_GRANTS:
        text_add_string(text, "grants");
        add_words(text, step->words);
        text_add_char(text, '\n');
        break;
    case AST_STEP_EXPECT:
        text_printf(text, "expect %s", expectation_name(step->expectation));
        if (step->lock.text) {
            text_add_string(text, " by ");
            add_word(text, step->lock);
        }
        for (size_t i = 0; i < step->words.count; i++) {
            text_add_string(text, i ? " " : step->lock.text ? " part " : " by ");
            add_word(text, step->words.items[i]);
        }
        text_add_char(text, '\n');
        break;
    }
}

// ---- items ----

static void add_resource(struct text *text, const struct ast_item *item) {
    if (item->as.resource.version.text) {
        text_add_string(text, " version ");
        add_word(text, item->as.resource.version);
    }
    text_add_string(text, item->as.resource.namespaced ? " namespaced" : " cluster");
    if (item->as.resource.kind.text) {
        text_add_string(text, " kind ");
        add_word(text, item->as.resource.kind);
    }
    if (item->as.resource.subresources.count) {
        text_add_string(text, " subresources");
        add_words(text, item->as.resource.subresources);
    }
    text_add_char(text, '\n');
}

static void dump_actor(struct text *text, const struct ast_item *item) {
    text_printf(text, "%s\n", item->as.actor.create ? " new" : "");
    dump_subjects(text, item->as.actor.subjects, 1);
    if (item->as.actor.automount.text) text_add_string(text, "  automount\n");
    if (!item->as.actor.sealed) return;
    text_add_string(text, "  sealed\n");
    dump_subjects(text, item->as.actor.sealed_by, 2);
}

static void dump_block(struct text *text, const struct ast_item *item) {
    if (item->kind == AST_ITEM_WEBHOOK) text_printf(text, " %s", item->as.block.kind.text);
    if (item->as.block.objects.count) {
        text_add_string(text, " on");
        add_words(text, item->as.block.objects);
    }
    text_add_char(text, '\n');
    if (item->as.block.to.count) text_add_string(text, "  to\n");
    dump_subjects(text, item->as.block.to, 2);
    for (size_t i = 0; i < item->as.block.clauses.count; i++) dump_clause(text, item->as.block.clauses.items[i], 1);
}

void ast_dump(struct text *text, const struct ast_file *file) {
    for (const struct ast_item *item = file->first; item; item = item->next) {
        text_printf(text, "%s ", keyword_of_item(item->kind));
        if (item->name.text) add_word(text, item->name);
        switch (item->kind) {
        case AST_ITEM_POLICY:
            if (item->as.policy.against.text) text_add_string(text, " against ");
            if (item->as.policy.against.text) add_word(text, item->as.policy.against);
            text_add_char(text, '\n');
            break;
        case AST_ITEM_ACCEPT:
            text_add_char(text, '\n');
            dump_clause(text, item->as.accept, 1);
            break;
        case AST_ITEM_INCLUDE: text_add_char(text, '\n'); break;
        case AST_ITEM_RESOURCE: add_resource(text, item); break;
        case AST_ITEM_RESOURCES_FROM:
            add_words(text, item->as.paths);
            text_add_char(text, '\n');
            break;
        case AST_ITEM_ACTOR: dump_actor(text, item); break;
        case AST_ITEM_OBJECT:
        case AST_ITEM_LOCK:
        case AST_ITEM_GRANT:
        case AST_ITEM_WEBHOOK:
        case AST_ITEM_TENANT:
        case AST_ITEM_DEPLOYER: dump_block(text, item); break;
        case AST_ITEM_TEST:
            text_add_char(text, '\n');
            for (size_t i = 0; i < item->as.test.count; i++) dump_step(text, item->as.test.steps[i], 1);
            break;
        }
    }
}
