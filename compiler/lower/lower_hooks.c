// Questions about webhooks in conditions: what they come to in the fields of a configuration.
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/text.h"
#include "cel/cel.h"
#include "front/ast_make.h"
#include "kubernetes/catalog.h"
#include "kubernetes/kube.h"
#include "lower/lower.h"
#include "report/diag.h"

#define ELEMENT "an element" // no variable of a policy is called so

enum { DEFAULT_TIMEOUT = 10 };

// An expression on its way, at the place of the one that it stands for.
struct maker {
    struct arena *arena;
    struct span span;
    const char *webhook; // the variable
};

static struct ast_path path_of(const struct maker *maker, const char *variable, const char *keys) {
    struct ast_path path = make_path_key(maker->arena, make_path(maker->span), maker->span, make_string(variable));
    while (*keys) {
        const size_t len = strcspn(keys, " ");
        path = make_path_key(maker->arena, path, maker->span, make_string(arena_copy(maker->arena, keys, len)));
        keys += len + (keys[len] == ' ');
    }
    path.span = maker->span;
    return path;
}

static struct ast_expr *field(const struct maker *maker, const char *variable, const char *keys,
                              struct ast_compared compared) {
    return make_field(maker->arena, AST_STATE_DEFAULT, maker->span, path_of(maker, variable, keys), compared);
}

static struct ast_expr *compare(const struct maker *maker, const char *variable, const char *keys,
                                enum ast_comparison comparison, const char *text) {
    struct word word = make_string(text);
    word.span = maker->span;
    return field(maker, variable, keys, make_compare(maker->arena, comparison, make_value(word)));
}

static struct ast_expr *both(const struct maker *maker, struct ast_expr *left, struct ast_expr *right) {
    return make_chain(maker->arena, AST_EXPR_AND, maker->span, left, right);
}

static struct ast_expr *either(const struct maker *maker, struct ast_expr *left, struct ast_expr *right) {
    return make_chain(maker->arena, AST_EXPR_OR, maker->span, left, right);
}

// Some element of the list satisfies the body.
static struct ast_expr *any(const struct maker *maker, const char *keys, struct ast_expr *body) {
    struct ast_expr *quantifier =
        make_quantifier(maker->arena, AST_EXPR_ANY, path_of(maker, maker->webhook, keys), make_string(ELEMENT));
    return make_quantified(maker->arena, maker->span, quantifier, body);
}

// A selector that labels other than the name decide about may let the namespace in.
static struct ast_expr *excludes(const struct maker *maker, const char *namespace) {
    struct ast_expr *in =
        both(maker, compare(maker, ELEMENT, "operator", AST_EQ, "In"),
             make_not(maker->arena, maker->span, compare(maker, ELEMENT, "values", AST_CONTAINS, namespace)));
    struct ast_expr *not_in = both(maker, compare(maker, ELEMENT, "operator", AST_EQ, "NotIn"),
                                   compare(maker, ELEMENT, "values", AST_CONTAINS, namespace));
    struct ast_expr *named =
        both(maker, compare(maker, ELEMENT, "key", AST_EQ, KUBE_NAME_LABEL), either(maker, in, not_in));
    static const char labels[] = "namespaceSelector matchLabels " KUBE_NAME_LABEL;
    struct ast_expr *another = both(maker, field(maker, maker->webhook, labels, make_compare_none()),
                                    compare(maker, maker->webhook, labels, AST_NE, namespace));
    return either(maker, any(maker, "namespaceSelector matchExpressions", named), another);
}

static struct ast_expr *has(const struct maker *maker, const char *list, const char *const *texts, size_t count) {
    struct ast_expr *result = compare(maker, ELEMENT, list, AST_CONTAINS, texts[0]);
    for (size_t i = 1; i < count; i++)
        result = either(maker, result, compare(maker, ELEMENT, list, AST_CONTAINS, texts[i]));
    return result;
}

static struct ast_expr *matches(const struct maker *maker, const struct resource *resource, const char *subresource) {
    struct arena *arena = maker->arena;
    const char *const groups[] = {resource->group, "*"};
    const char *all = arena_printf(arena, "%s/*", resource->plural);
    const char *const main_texts[] = {resource->plural, "*", all, "*/*"};
    const char *const sub_texts[] = {arena_printf(arena, "%s/%s", resource->plural, subresource ? subresource : ""),
                                     all, arena_printf(arena, "*/%s", subresource ? subresource : ""), "*/*"};
    return any(maker, "rules",
               both(maker, has(maker, "apiGroups", groups, 2),
                    has(maker, "resources", subresource ? sub_texts : main_texts, 4)));
}

static struct ast_expr *matches_everything(const struct maker *maker) {
    static const char *const groups[] = {"*"}, *const resources[] = {"*", "*/*"};
    return any(maker, "rules", both(maker, has(maker, "apiGroups", groups, 1), has(maker, "resources", resources, 2)));
}

// What a comparison with the default comes to.
static bool holds_by_default(enum ast_comparison comparison, long seconds) {
    switch (comparison) {
    case AST_EQ: return DEFAULT_TIMEOUT == seconds;
    case AST_NE: return DEFAULT_TIMEOUT != seconds;
    case AST_LT: return DEFAULT_TIMEOUT < seconds;
    case AST_LE: return DEFAULT_TIMEOUT <= seconds;
    case AST_GT: return DEFAULT_TIMEOUT > seconds;
    case AST_GE: return DEFAULT_TIMEOUT >= seconds;
    default: return false;
    }
}

static struct ast_expr *refuse(struct lowering *lowering, struct span span, const char *message, const char *help) {
    diag_report(lowering->diags, DIAG_BAD_VALUE, span, "%s", message);
    diag_help(lowering->diags, "%s", help);
    return NULL;
}

static struct ast_expr *timeout(struct lowering *lowering, const struct maker *maker, const struct ast_expr *expr) {
    const bool compares = expr->comparison == AST_EQ || (expr->comparison >= AST_NE && expr->comparison <= AST_GE &&
                                                         expr->comparison != AST_IN && expr->comparison != AST_NOT_IN);
    const char *text = expr->values.count == 1 ? expr->values.items[0].text : "";
    const size_t digits = strspn(text, "0123456789");
    if (!compares || !digits || digits > 4 || strcmp(text + digits, "s") != 0)
        return refuse(lowering, expr->span, "a timeout is compared with seconds", "write: w timeout <= 10s");
    struct word number = make_word(arena_copy(maker->arena, text, digits));
    number.span = maker->span;
    static const char key[] = "timeoutSeconds";
    struct ast_expr *compared =
        field(maker, maker->webhook, key, make_compare(maker->arena, expr->comparison, make_value(number)));
    struct ast_expr *exists = field(maker, maker->webhook, key, make_compare_none());
    if (holds_by_default(expr->comparison, strtol(text, NULL, 10)))
        return either(maker, compared, make_not(maker->arena, maker->span, exists));
    return both(maker, exists, compared);
}

static struct ast_expr *calls(struct lowering *lowering, const struct maker *maker, const struct ast_expr *expr) {
    const char *text = expr->values.items[0].text, *slash = strchr(text, '/');
    const char *namespace = slash ? arena_copy(maker->arena, text, (size_t)(slash - text)) : text;
    if (!kube_is_dns_label(namespace) || (slash && !kube_is_dns_1035_label(slash + 1)))
        return refuse(lowering, expr->values.items[0].span, "this does not name a Service or a namespace",
                      "write: w calls service NAMESPACE, or: w calls service NAMESPACE/NAME");
    struct ast_expr *result = compare(maker, maker->webhook, "clientConfig service namespace", AST_EQ, namespace);
    if (!slash) return result;
    return both(maker, result, compare(maker, maker->webhook, "clientConfig service name", AST_EQ, slash + 1));
}

static struct ast_expr *failure(struct lowering *lowering, const struct maker *maker, const struct ast_expr *expr) {
    const char *word = expr->values.items[0].text;
    const bool allows = strcmp(word, "allow") == 0;
    if (!allows && strcmp(word, "deny") != 0)
        return refuse(lowering, expr->values.items[0].span, "a webhook that fails denies or allows",
                      "write: w on failure allow, or: w on failure deny");
    return compare(maker, maker->webhook, "failurePolicy", allows ? AST_EQ : AST_NE, "Ignore");
}

static struct ast_expr *matches_named(struct lowering *lowering, const struct maker *maker,
                                      const struct ast_expr *expr) {
    const char *version = NULL, *subresource = NULL;
    const struct resource *resource = lower_resource_part(lowering, expr->values.items[0], &version, &subresource);
    return resource ? matches(maker, resource, subresource) : NULL;
}

static struct ast_expr *meaning_of(struct lowering *lowering, const struct maker *maker, const struct ast_expr *expr) {
    switch (expr->question) {
    case AST_EXCLUDES_NAMESPACE:
        return lower_check_namespace(lowering, expr->values.items[0]) ? excludes(maker, expr->values.items[0].text)
                                                                      : NULL;
    case AST_MATCHES_RESOURCE: return matches_named(lowering, maker, expr);
    case AST_MATCHES_EVERYTHING: return matches_everything(maker);
    case AST_TIMEOUT: return timeout(lowering, maker, expr);
    case AST_FAILURE: return failure(lowering, maker, expr);
    case AST_CALLS_SERVICE: return calls(lowering, maker, expr);
    case AST_NARROWS: break;
    }
    return refuse(lowering, expr->span, "'narrows' is about all webhooks of a configuration",
                  "write: require all webhooks as w ( w narrows ); join other parts with 'and'");
}

struct formula *lower_webhook_question(struct lowering *lowering, const struct expr_context *context,
                                       const struct ast_expr *expr) {
    const struct maker maker = {lowering->arena, expr->span, expr->key.text};
    bool known = false;
    for (const struct expr_context *at = context; at && !known; at = at->outer)
        known = at->variable && strcmp(at->variable, expr->key.text) == 0 && at->of_webhooks;
    struct ast_expr *meaning =
        known ? meaning_of(lowering, &maker, expr)
              : refuse(lowering, expr->key.span, "this is asked of webhooks alone", "write: any webhooks as w ( … )");
    return meaning ? lower_expr(lowering, context, meaning) : formula_new(lowering->arena, FORMULA_TRUE);
}

struct formula *lower_narrows(struct lowering *lowering, struct span span) {
    static const char text[] =
        "oldObject == null || object.?webhooks.orValue([]).all(w, oldObject.?webhooks.orValue([]).exists(o,"
        " o.name == w.name"
        " && (o.?matchPolicy.orValue('Equivalent') == 'Equivalent' || w.?matchPolicy.orValue('Equivalent') == 'Exact')"
        " && w.?rules.orValue([]).all(r, o.?rules.orValue([]).exists(p,"
        " r.apiGroups.all(x, x in p.apiGroups || '*' in p.apiGroups)"
        " && r.apiVersions.all(x, x in p.apiVersions || '*' in p.apiVersions)"
        " && r.operations.all(x, x in p.operations || '*' in p.operations)"
        " && r.resources.all(x, x in p.resources || '*/*' in p.resources || '*' in p.resources && !x.contains('/'))"
        " && (p.?scope.orValue('*') == '*' || p.?scope.orValue('*') == r.?scope.orValue('*'))))"
        " && o.?namespaceSelector.?matchLabels.orValue({}).all(k, w.?namespaceSelector.?matchLabels[?k].orValue('') =="
        " o.namespaceSelector.matchLabels[k])"
        " && o.?namespaceSelector.?matchExpressions.orValue([]).all(e, e in"
        " w.?namespaceSelector.?matchExpressions.orValue([]))"
        " && o.?objectSelector.?matchLabels.orValue({}).all(k, w.?objectSelector.?matchLabels[?k].orValue('') =="
        " o.objectSelector.matchLabels[k])"
        " && o.?objectSelector.?matchExpressions.orValue([]).all(e, e in"
        " w.?objectSelector.?matchExpressions.orValue([]))"
        " && o.?matchConditions.orValue([]).all(c, c in w.?matchConditions.orValue([]))))";
    struct formula *atom = formula_new(lowering->arena, FORMULA_CEL);
    struct cel_problem problem;
    atom->span = span;
    atom->key = "no webhook is called for more than before";
    atom->cel = cel_parse(lowering->arena, text, lowering->minor, &problem);
    if (!atom->cel) abort(); // a test compiles it
    return atom;
}
