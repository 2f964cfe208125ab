// Webhooks → what an API server is to send them.
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/arena.h"
#include "base/suggest.h"
#include "base/text.h"
#include "cel/cel.h"
#include "data/calendar.h"
#include "data/pem.h"
#include "data/value.h"
#include "front/load.h"
#include "kubernetes/account.h"
#include "kubernetes/catalog.h"
#include "kubernetes/kube.h"
#include "lower/lower.h"
#include "lower/lower_derive.h"
#include "report/diag.h"

enum { MAX_CONDITIONS = 64, MAX_PORT = 65535, HTTPS = 443, MAX_TIMEOUT = 30, DEFAULT_TIMEOUT = 10 };

// A webhook on its way.
struct hook_draft {
    struct lowering *lowering;
    struct unit *unit;
    const struct ast_item *item;
    struct webhook *webhook;
};

static const struct ast_clause *clause_of(const struct hook_draft *draft, enum ast_clause_kind kind) {
    return lower_find_clause(draft->item, kind);
}

static void report(const struct hook_draft *draft, enum diag_code code, struct span span, const char *message,
                   const char *help) {
    diag_report(draft->lowering->diags, code, span, "%s", message);
    diag_help(draft->lowering->diags, "%s", help);
}

// ---- its name ----

static void read_name(const struct hook_draft *draft) {
    const struct word name = draft->item->name;
    size_t parts = 1;
    for (const char *c = name.text; *c; c++) parts += *c == '.';
    if (kube_is_dns_subdomain(name.text) && parts >= 3) return;
    diag_report(draft->lowering->diags, DIAG_BAD_NAME, name.span, "'%.80s' is not a name for a webhook", name.text);
    diag_help(draft->lowering->diags,
              "its name is a domain name of at least three parts, such as check.hooks.example.com");
}

// ---- where it is ----

// A number of digits alone; 0 for what is none.
static unsigned read_number(const char *text) {
    const size_t len = strlen(text);
    if (!len || len > 6 || strspn(text, "0123456789") != len) return 0;
    return (unsigned)strtoul(text, NULL, 10);
}

static bool is_port(unsigned port) {
    return port >= 1 && port <= MAX_PORT;
}

// As k8s.io/apiserver/pkg/util/webhook/validation.go has it: each part between slashes is a subdomain.
static bool is_path(struct arena *arena, const char *path) {
    if (*path != '/') return false;
    while (path[1]) {
        const size_t len = strcspn(path + 1, "/");
        if (!kube_is_dns_subdomain(arena_copy(arena, path + 1, len))) return false;
        path += 1 + len;
        if (!*path) return true;
    }
    return true;
}

static void read_service(const struct hook_draft *draft, const struct ast_clause *clause) {
    struct arena *arena = draft->lowering->arena;
    struct webhook *webhook = draft->webhook;
    const struct word name = clause->words.items[0], path = clause->words.items[1], port = clause->words.items[2];
    const char *slash = strchr(name.text, '/');
    webhook->service_namespace = arena_copy(arena, name.text, slash ? (size_t)(slash - name.text) : 0);
    webhook->service = slash ? slash + 1 : name.text;
    webhook->port = HTTPS;
    if (!kube_is_dns_label(webhook->service_namespace) || !kube_is_dns_1035_label(webhook->service)) {
        diag_report(draft->lowering->diags, DIAG_WEBHOOK_SERVER, name.span, "'%.80s' does not name a Service",
                    name.text);
        diag_help(draft->lowering->diags, "write: service NAMESPACE/NAME");
    }
    if (path.text) webhook->path = path.text;
    if (path.text && !is_path(arena, path.text)) {
        diag_report(draft->lowering->diags, DIAG_WEBHOOK_SERVER, path.span, "'%.80s' is not a path of a webhook",
                    path.text);
        diag_help(draft->lowering->diags,
                  "a path begins with '/', and what is between slashes is made of lower-case letters, digits, '-' "
                  "and '.'");
    }
    if (port.text) webhook->port = read_number(port.text);
    if (!is_port(webhook->port)) {
        diag_report(draft->lowering->diags, DIAG_WEBHOOK_SERVER, port.span, "'%.80s' is not a port", port.text);
        diag_help(draft->lowering->diags, "a port is a number from 1 to 65535; without one it is 443");
    }
}

// Why an API server would not take the URL, or should not; NULL when it may.
static const char *problem_of_url(struct arena *arena, const char *url) {
    static const char scheme[] = "https://";
    for (const char *c = url; *c; c++)
        if ((unsigned char)*c <= ' ' || *c == 0x7f) return "holds a blank or a control character";
    if (strncmp(url, scheme, sizeof scheme - 1) != 0) return "is not an https URL";
    const char *authority = url + sizeof scheme - 1, *rest = authority + strcspn(authority, "/?#");
    if (memchr(authority, '@', (size_t)(rest - authority))) return "holds user information";
    if (strchr(rest, '?')) return "holds a query";
    if (strchr(rest, '#')) return "holds a fragment";
    const char *bracket = *authority == '[' ? memchr(authority, ']', (size_t)(rest - authority)) : authority;
    const char *colon = bracket ? memchr(bracket, ':', (size_t)(rest - bracket)) : NULL;
    if (!bracket || (colon ? colon : rest) == authority) return "names no host";
    if (colon && !is_port(read_number(arena_copy(arena, colon + 1, (size_t)(rest - colon - 1)))))
        return "has a port that is no number from 1 to 65535";
    return NULL;
}

static void read_url(const struct hook_draft *draft, const struct ast_clause *clause) {
    const struct word url = clause->words.items[0];
    const char *problem = problem_of_url(draft->lowering->arena, url.text);
    draft->webhook->url = url.text;
    if (!problem) return;
    // What is wrong may be a password.
    diag_report(draft->lowering->diags, DIAG_WEBHOOK_SERVER, url.span, "the URL of the webhook %s", problem);
    diag_help(draft->lowering->diags, "write: url \"https://HOST:PORT/PATH\", without user, query and fragment");
}

static void read_server(const struct hook_draft *draft) {
    const struct ast_clause *service = clause_of(draft, AST_CLAUSE_SERVICE), *url = clause_of(draft, AST_CLAUSE_URL);
    if (service) read_service(draft, service);
    if (url) read_url(draft, url);
    if (service && url) {
        diag_report(draft->lowering->diags, DIAG_CONFLICTING_CLAUSES, url->keyword, "two clauses say where it is");
        diag_relate(draft->lowering->diags, service->keyword, "the other is here");
        diag_help(draft->lowering->diags, "keep one of them");
    } else if (!service && !url) {
        diag_report(draft->lowering->diags, DIAG_MISSING_CLAUSE, draft->item->name.span,
                    "webhook '%s' is called nowhere", draft->item->name.text);
        diag_help(draft->lowering->diags, "add: service NAMESPACE/NAME path \"/PATH\", or: url \"https://HOST/PATH\"");
    }
}

// ---- whom an API server trusts to be it ----

static const char *today(const struct lowering *lowering) {
    if (lowering->date) return lowering->date;
#ifdef __wasm__
    return NULL; // a host may have no clock
#else
    enum { SECONDS = 24 * 60 * 60 };
    const time_t now = time(NULL);
    const struct date date = calendar_date((int64_t)now / SECONDS);
    return now <= 0 ? NULL : arena_printf(lowering->arena, "%04d-%02d-%02d", (int)date.year, date.month, date.day);
#endif
}

// What stands in a Secret under ca.crt, and nothing else of it; the bytes themselves where they are no Secret.
static const char *certificates_in(const struct hook_draft *draft, struct word from, const char *bytes, size_t *len) {
    const char *error = NULL;
    struct arena *arena = draft->lowering->arena;
    if (utf8_valid_prefix(bytes, *len) == *len && !strstr(bytes, "-----BEGIN") && strstr(bytes, "Secret")) {
        const struct value *secret = draft->lowering->read_yaml(arena, bytes, *len, &error);
        if (!secret || strcmp(value_get_string(secret, "kind"), "Secret") != 0) return bytes;
        const struct value *data = value_get(secret, "data");
        const char *encoded = value_get_string(data, "ca.crt");
        const char *decoded = *encoded ? base64_decode(arena, encoded, strlen(encoded), len) : NULL;
        if (decoded) return decoded;
        diag_report(draft->lowering->diags, DIAG_WEBHOOK_CA, from.span, "the Secret in '%s' has no ca.crt", from.text);
        diag_help(draft->lowering->diags, "put the certificate of the authority there, or into a file of its own");
        return NULL;
    }
    return bytes;
}

static void report_pem(const struct hook_draft *draft, struct word from, enum pem_problem problem,
                       const struct pem *pem) {
    struct diags *diags = draft->lowering->diags;
    switch (problem) {
    case PEM_FINE: return;
    case PEM_EMPTY:
        diag_report(diags, DIAG_WEBHOOK_CA, from.span, "'%s' holds no certificate in PEM", from.text);
        break;
    case PEM_PRIVATE_KEY:
        diag_report(diags, DIAG_WEBHOOK_CA, from.span, "'%s' holds a private key", from.text);
        diag_help(diags, "name a file with the certificate of the authority alone: caBundle is for everybody to read, "
                         "and a key that was in a repository is to be replaced");
        return;
    case PEM_OTHER:
        diag_report(diags, DIAG_WEBHOOK_CA, from.span, "'%s' holds a %s, not a certificate", from.text, pem->label);
        break;
    case PEM_BROKEN:
        diag_report(diags, DIAG_WEBHOOK_CA, from.span, "a certificate in '%s' cannot be read", from.text);
        break;
    }
    diag_help(diags, "it is a file with -----BEGIN CERTIFICATE----- of the authority that signed the webhook's own");
}

static void read_bundle(const struct hook_draft *draft, struct word from) {
    const struct lowering *lowering = draft->lowering;
    for (size_t i = 0; i < lowering->authority_file_count; i++) {
        const struct authority_file *file = &lowering->authority_files[i];
        if (!span_same(file->from.span, from.span)) continue;
        size_t len = file->len;
        const char *bytes = certificates_in(draft, from, file->bytes, &len);
        if (!bytes) return;
        struct pem pem;
        const enum pem_problem problem = pem_read(lowering->arena, bytes, len, &pem);
        const char *day = today(lowering);
        report_pem(draft, from, problem, &pem);
        if (problem != PEM_FINE) return;
        if (day && strcmp(pem.until, day) < 0) {
            diag_report(lowering->diags, DIAG_WEBHOOK_CA, from.span, "a certificate in '%s' was valid until %s",
                        from.text, pem.until);
            diag_help(lowering->diags, "an API server would not call the webhook: name the new one");
        }
        draft->webhook->authority = AUTHORITY_BUNDLE;
        draft->webhook->ca = base64_encode(lowering->arena, pem.text, strlen(pem.text));
        return;
    }
}

// What cert-manager injects from, NS/NAME.
static void read_injected(const struct hook_draft *draft, struct word from, enum webhook_authority authority) {
    const char *slash = strchr(from.text, '/');
    const char *namespace = arena_copy(draft->lowering->arena, from.text, slash ? (size_t)(slash - from.text) : 0);
    draft->webhook->authority = authority;
    draft->webhook->ca = from.text;
    if (slash && kube_is_dns_label(namespace) && kube_is_dns_subdomain(slash + 1)) return;
    diag_report(draft->lowering->diags, DIAG_WEBHOOK_CA, from.span, "'%.80s' does not name a %s", from.text,
                authority == AUTHORITY_FROM_SECRET ? "Secret" : "Certificate");
    diag_help(draft->lowering->diags, "write its namespace and name: NAMESPACE/NAME");
}

static void read_authority(const struct hook_draft *draft) {
    const struct ast_clause *ca = clause_of(draft, AST_CLAUSE_CA);
    if (!ca) {
        if (!clause_of(draft, AST_CLAUSE_SERVICE)) return;
        diag_report(draft->lowering->diags, DIAG_MISSING_CLAUSE, draft->item->name.span,
                    "webhook '%s' names no authority for its certificate", draft->item->name.text);
        diag_help(draft->lowering->diags, "add: ca from cert-manager NAMESPACE/CERTIFICATE, ca secret NAMESPACE/NAME, "
                                          "or: ca file \"PATH\"; only a URL may go without");
        return;
    }
    const struct word from = ca->words.items[0], which = ca->words.items[1];
    if (strcmp(from.text, "file") == 0) {
        read_bundle(draft, which);
    } else if (strcmp(from.text, "secret") == 0) {
        read_injected(draft, which, AUTHORITY_FROM_SECRET);
    } else if (strcmp(from.text, "cert-manager") == 0) {
        read_injected(draft, which, AUTHORITY_FROM_CERTIFICATE);
    } else {
        diag_report(draft->lowering->diags, DIAG_BAD_VALUE, from.span, "nothing is known of '%s'", from.text);
        diag_help(draft->lowering->diags, "write: ca from cert-manager NAMESPACE/CERTIFICATE");
    }
}

// ---- what it is asked about ----

static void read_operations(const struct hook_draft *draft) {
    const char *words[KUBE_OPERATION_COUNT + 1];
    for (size_t i = 0; i < KUBE_OPERATION_COUNT; i++) words[i] = kube_operations[i].word;
    words[KUBE_OPERATION_COUNT] = "all";
    const struct ast_clause *on = clause_of(draft, AST_CLAUSE_ON);
    if (!on) {
        report(draft, DIAG_MISSING_CLAUSE, draft->item->name.span,
               arena_printf(draft->lowering->arena, "webhook '%s' is called on no operation", draft->item->name.text),
               "add a clause such as: on create, update");
        return;
    }
    for (size_t i = 0; i < on->words.count; i++) {
        const struct word word = on->words.items[i];
        const bool all = strcmp(word.text, "all") == 0;
        unsigned found = 0;
        for (size_t j = 0; j < KUBE_OPERATION_COUNT; j++)
            if (all || strcmp(word.text, kube_operations[j].word) == 0) found |= kube_operations[j].operation;
        draft->webhook->operations |= found;
        if (found) continue;
        diag_report(draft->lowering->diags, DIAG_UNKNOWN_OPERATION, word.span, "unknown operation '%s'", word.text);
        const char *near = suggest_nearest(word.text, words, sizeof words / sizeof *words);
        diag_help(draft->lowering->diags,
                  near ? "did you mean '%s'?"
                       : "a webhook is called on create, update, delete and connect, or on all%s",
                  near ? near : "");
    }
}

// An API server keeps from webhooks what they are configured by.
static bool is_never_sent(const struct target *target) {
    return target->name && strcmp(target->group, "admissionregistration.k8s.io") == 0;
}

static void check_targets(const struct hook_draft *draft) {
    struct webhook *webhook = draft->webhook;
    for (size_t i = 0; webhook->operations && i < webhook->scope.target_count; i++) {
        const struct target *target = &webhook->scope.targets[i];
        if (is_never_sent(target)) {
            diag_report(draft->lowering->diags, DIAG_BAD_TARGET, target->span,
                        "the API server calls no webhook for '%s'", target->name);
            diag_help(draft->lowering->diags,
                      "a webhook cannot keep others from changing it; a lock on %s can, and "
                      "RBAC for admission policies",
                      strstr(target->name, "webhook") ? target->name : "validatingwebhookconfigurations");
        } else if (!webhook_operations(webhook, target)) {
            const struct ast_clause *on = clause_of(draft, AST_CLAUSE_ON);
            diag_report(draft->lowering->diags, DIAG_WRONG_OPERATION, target->span,
                        "no request for this is one of the operations");
            diag_relate(draft->lowering->diags, on->keyword, "the operations");
            diag_help(draft->lowering->diags, "%s",
                      target->subresource ? "exec, attach, portforward and proxy are on connect; eviction, binding and "
                                            "token on create; all other subresources on update"
                                          : "objects are created, updated and deleted; connect is for subresources "
                                            "such as pods/exec");
        }
    }
}

static const struct formula *unsayable(const struct formula *formula) {
    if (formula->kind == FORMULA_NAMESPACE_LABEL || formula->kind == FORMULA_MAY || formula->kind == FORMULA_TENANT ||
        (formula->kind == FORMULA_CEL && cel_reads(formula->cel, "namespaceObject")))
        return formula;
    const struct formula *found = NULL;
    for (size_t i = 0; i < formula->operand_count && !found; i++) found = unsayable(formula->operands[i]);
    return found;
}

// Conditions of webhooks see the request and its objects, and nothing of the namespace.
static bool check_sayable(const struct hook_draft *draft, const struct formula *formula) {
    const struct formula *part = formula ? unsayable(formula) : NULL;
    if (!part) return true;
    const bool placed = part->span.end > part->span.begin;
    diag_report(draft->lowering->diags, DIAG_WEBHOOK_CONDITION, placed ? part->span : draft->item->name.span, "%s",
                part->kind == FORMULA_MAY ? "a condition of a webhook cannot ask what the requester may"
                                          : "a condition of a webhook sees nothing of the namespace but its name");
    diag_help(draft->lowering->diags, "%s",
              part->kind == FORMULA_MAY ? "name the users and groups that are meant"
                                        : "select the namespaces: namespace labeled KEY=VALUE");
    return false;
}

static void keep_out(const struct hook_draft *draft, const char *namespace) {
    struct webhook *webhook = draft->webhook;
    const bool named = webhook->scope.where == IN_ANY_NAMESPACE &&
                       text_is_among(webhook->scope.namespaces, webhook->scope.namespace_count, namespace);
    if (named || text_is_among(webhook->kept_out, webhook->kept_out_count, namespace)) return;
    ARENA_PUSH(draft->lowering->arena, webhook->kept_out, webhook->kept_out_count, namespace);
}

// The system's namespaces, and the one that the webhook itself runs in: where it answers for what it needs to run, a
// webhook that is down cannot come back.
static void read_kept_out(const struct hook_draft *draft) {
    struct webhook *webhook = draft->webhook;
    const struct ast_clause *clause = clause_of(draft, AST_CLAUSE_NAMESPACE);
    if (webhook->scope.where != IN_ANY_NAMESPACE && webhook->scope.where != IN_LABELED_NAMESPACES) return;
    for (size_t i = 0; i < kube_system_namespace_count; i++) keep_out(draft, kube_system_namespaces[i]);
    if (webhook->service) keep_out(draft, webhook->service_namespace);
    if (webhook->kept_out_count)
        qsort(webhook->kept_out, webhook->kept_out_count, sizeof *webhook->kept_out, compare_strings);
    for (size_t i = 0; clause && webhook->scope.where == IN_ANY_NAMESPACE && i < clause->words.count; i++) {
        const struct word word = clause->words.items[i];
        const bool own = webhook->service && strcmp(webhook->service_namespace, word.text) == 0;
        if (own || strcmp(word.text, "*") == 0 ||
            text_is_among(kube_system_namespaces, kube_system_namespace_count, word.text))
            continue;
        diag_report(draft->lowering->diags, DIAG_UNUSED_CLAUSE, word.span, "'*' already covers namespace '%s'",
                    word.text);
        diag_help(draft->lowering->diags, "next to '*', only kube-system, kube-public, kube-node-lease and the "
                                          "namespace of the webhook's own Service have to be named");
    }
}

static void check_selector(const struct hook_draft *draft) {
    const struct ast_clause *labeled = clause_of(draft, AST_CLAUSE_NAMESPACE_LABELED);
    if (!labeled || formula_is_selector(draft->webhook->scope.namespace_selector)) return;
    report(draft, DIAG_WEBHOOK_CONDITION, labeled->span, "the API server has no selector of namespaces for this",
           "of namespaces, webhooks may ask for KEY=VALUE, KEY in (…), KEY notin (…), KEY and !KEY, joined by commas");
}

static void check_condition_count(const struct hook_draft *draft) {
    struct webhook_condition *conditions;
    const struct webhook *webhook = draft->webhook;
    const size_t count = webhook_conditions(draft->lowering->arena, webhook, &conditions) + (webhook->account != NULL) +
                         (webhook->consent != NULL) + scope_has_wildcard(&webhook->scope);
    if (count <= MAX_CONDITIONS) return;
    const struct ast_clause *when = clause_of(draft, AST_CLAUSE_WHEN);
    if (!when) when = clause_of(draft, AST_CLAUSE_UNLESS);
    diag_report(draft->lowering->diags, DIAG_WEBHOOK_CONDITION, when ? when->keyword : draft->item->name.span,
                "the webhook would have %zu match conditions; the API server takes %d", count, MAX_CONDITIONS);
    diag_help(draft->lowering->diags,
              "each part of 'when' and 'unless' is one: put several into one with lists, patterns or cel");
}

static void read_condition(const struct hook_draft *draft) {
    struct lowering *lowering = draft->lowering;
    const struct expr_context context = {.unit = draft->unit};
    const struct ast_clause *when = clause_of(draft, AST_CLAUSE_WHEN), *unless = clause_of(draft, AST_CLAUSE_UNLESS);
    struct formula *condition = NULL;
    if (when) condition = lower_expr(lowering, &context, when->expr);
    if (unless)
        condition = formula_and(lowering->arena, condition,
                                formula_not(lowering->arena, lower_expr(lowering, &context, unless->expr)));
    draft->webhook->condition = condition;
}

static void read_objects(const struct hook_draft *draft) {
    struct webhook *webhook = draft->webhook;
    struct object_meaning *own = ARENA_NEW(draft->lowering->arena, struct object_meaning);
    lower_object_clauses(draft->lowering, draft->unit, draft->item, own);
    if (!own->has_scope && !own->failed) {
        report(draft, DIAG_MISSING_CLAUSE, draft->item->name.span,
               arena_printf(draft->lowering->arena, "webhook '%s' names no resources", draft->item->name.text),
               "add a clause such as: resources deployments");
    }
    if (!own->has_scope || own->failed) return;
    webhook->scope = own->whole;
    webhook->in_cluster = clause_of(draft, AST_CLAUSE_CLUSTER) || own->whole.where == IN_CLUSTER;
    webhook->labels = own->by_labels;
    webhook->selects = own->by_others;
    read_kept_out(draft);
    check_selector(draft);
    check_targets(draft);
    read_condition(draft);
    const bool sayable = check_sayable(draft, webhook->labels) && check_sayable(draft, webhook->selects);
    if ((!webhook->condition || check_sayable(draft, webhook->condition)) && sayable) check_condition_count(draft);
}

// ---- by whose leave ----

static void read_account(const struct hook_draft *draft) {
    const struct ast_clause *clause = clause_of(draft, AST_CLAUSE_ACCOUNT);
    struct subjects subjects = {0};
    struct webhook *webhook = draft->webhook;
    if (!clause) return;
    const size_t errors = draft->lowering->diags->errors;
    lower_subjects(draft->lowering, draft->unit, &clause->subjects, &subjects);
    if (draft->lowering->diags->errors > errors) return; // of what is no subject, that is all there is to say
    if (subjects.user_count == 1 && !subjects.group_count && !subjects.other_count &&
        account_parse(draft->lowering->arena, subjects.users[0], &webhook->account_namespace, &webhook->account))
        return;
    report(draft, DIAG_BAD_VALUE, clause->subjects.items[0]->span, "the account of a webhook is one service account",
           "write: account sa NAMESPACE/NAME");
}

static void read_consent(const struct hook_draft *draft) {
    const struct ast_clause *clause = clause_of(draft, AST_CLAUSE_CONSENT);
    struct webhook *webhook = draft->webhook;
    if (!clause) return;
    const struct word key = clause->words.items[1];
    webhook->consents_strictly = clause->words.items[0].text != NULL;
    webhook->consent = key.text ? key.text : webhook->is_mutating ? "klock.dev/can-mutate" : "klock.dev/can-validate";
    if (!kube_is_label_key(webhook->consent)) {
        diag_report(draft->lowering->diags, DIAG_BAD_NAME, key.span, "'%.80s' is not a valid annotation key", key.text);
        diag_help(draft->lowering->diags, "%s", lower_label_key_rule);
    }
    lower_subjects(draft->lowering, draft->unit, &clause->subjects, &webhook->consenting);
    if (!clause->subjects.count && !clause_of(draft, AST_CLAUSE_ACCOUNT))
        report(draft, DIAG_MISSING_CLAUSE, clause->keyword, "nobody may give consent",
               "name who may change the annotation: consent strict by group platform; the webhook's account may");
}

// ---- how ----

static void read_failure(const struct hook_draft *draft) {
    static const struct {
        const char *word, *help;
    } others[] = {
        {"abort", "the request fails: on failure deny"},
        {"panic", "the request fails: on failure deny"},
        {"fail", "the request fails: on failure deny"},
        {"skip", "the request goes on without it: on failure allow"},
        {"ignore", "the request goes on without it: on failure allow"},
        {"warn", "an API server can refuse a request for a webhook that fails, or go on without it, and has no "
                 "warning for that: on failure deny, or: on failure allow"},
    };
    const struct ast_clause *clause = clause_of(draft, AST_CLAUSE_ON_FAILURE);
    if (!clause) return;
    const struct word word = clause->words.items[0];
    draft->webhook->fail_open = strcmp(word.text, "allow") == 0;
    if (draft->webhook->fail_open || strcmp(word.text, "deny") == 0) return;
    const char *help = "an API server calls nothing when a webhook fails: write deny or allow";
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (strcmp(others[i].word, word.text) == 0) help = others[i].help;
    diag_report(draft->lowering->diags, DIAG_BAD_VALUE, word.span, "unexpected '%.80s'", word.text);
    diag_help(draft->lowering->diags, "%s", help);
}

static void read_timeout(const struct hook_draft *draft) {
    const struct ast_clause *clause = clause_of(draft, AST_CLAUSE_TIMEOUT);
    draft->webhook->timeout = DEFAULT_TIMEOUT;
    if (!clause) return;
    const struct word word = clause->words.items[0];
    const size_t len = strlen(word.text);
    const bool seconds = len > 1 && word.text[len - 1] == 's';
    draft->webhook->timeout = seconds ? read_number(arena_copy(draft->lowering->arena, word.text, len - 1)) : 0;
    if (draft->webhook->timeout >= 1 && draft->webhook->timeout <= MAX_TIMEOUT) return;
    diag_report(draft->lowering->diags, DIAG_BAD_VALUE, word.span, "'%.80s' is not a timeout", word.text);
    diag_help(draft->lowering->diags, "an API server waits for 1s to 30s, and for 10s where nothing is said");
}

static void read_manner(const struct hook_draft *draft) {
    const struct ast_clause *effects = clause_of(draft, AST_CLAUSE_SIDE_EFFECTS),
                            *reinvoke = clause_of(draft, AST_CLAUSE_REINVOKE);
    struct webhook *webhook = draft->webhook;
    read_failure(draft);
    read_timeout(draft);
    if (effects) webhook->side_effects = effects->mode.text != NULL;
    if (effects && strcmp(effects->words.items[0].text, "none") != 0)
        report(draft, DIAG_BAD_VALUE, effects->words.items[0].span,
               arena_printf(draft->lowering->arena, "unexpected '%.80s'", effects->words.items[0].text),
               "an API server takes webhooks without side effects, or that have none on a dry run: side effects none, "
               "or: side effects none on dry run");
    if (!reinvoke) return;
    webhook->reinvokes = strcmp(reinvoke->words.items[0].text, "if") == 0;
    if (!webhook->is_mutating)
        report(draft, DIAG_CONFLICTING_CLAUSES, reinvoke->keyword, "'reinvoke' on a validating webhook",
               "what a validating webhook has seen is not changed any more: remove it");
}

void lower_webhook(struct lowering *lowering, struct unit *unit, const struct ast_item *item) {
    struct webhook *webhook = ARENA_NEW(lowering->arena, struct webhook);
    const struct hook_draft draft = {lowering, unit, item, webhook};
    *webhook = (struct webhook){.policy = unit->policy,
                                .name = item->name.text,
                                .is_mutating = strcmp(item->as.block.kind.text, "mutating") == 0,
                                .span = item->name.span,
                                .block = item->span};
    lower_check_repeated(lowering, item);
    // Where an API server reads policies from, it reads nothing else.
    if (lowering->is_static) lower_not_supported(lowering, item->name.span, "a webhook in static manifests");
    read_name(&draft);
    read_server(&draft);
    read_authority(&draft);
    read_operations(&draft);
    read_objects(&draft);
    read_account(&draft);
    read_consent(&draft);
    read_manner(&draft);
    ARENA_PUSH(lowering->arena, lowering->policies->webhooks, lowering->policies->webhook_count, webhook);
}

// ---- held against grants ----

static bool is_to_account(const struct grant *grant, const struct webhook *webhook, struct arena *arena) {
    for (size_t i = 0; i < grant->subject_count; i++) {
        const struct rbac_subject *subject = &grant->subjects[i];
        if (subject->kind == RBAC_SERVICE_ACCOUNT && strcmp(subject->namespace, webhook->account_namespace) == 0 &&
            strcmp(subject->name, webhook->account) == 0)
            return true;
        if (subject->kind == RBAC_GROUP &&
            (strcmp(subject->name, ACCOUNT_GROUP_OF_ALL) == 0 ||
             strcmp(subject->name, account_group(arena, webhook->account_namespace)) == 0))
            return true;
    }
    return false;
}

static bool has_target(const struct grant *grant, const struct target *wanted) {
    for (size_t i = 0; i < grant->scope.target_count; i++) {
        const struct target *target = &grant->scope.targets[i];
        if (target->group && (!wanted->group || strcmp(target->group, wanted->group) != 0)) continue;
        if (!target->name) return true; // a `*` of RBAC is of subresources, too
        if (!wanted->name || strcmp(target->name, wanted->name) != 0) continue;
        if (!target->subresource == !wanted->subresource &&
            (!target->subresource || strcmp(target->subresource, wanted->subresource) == 0))
            return true;
    }
    return false;
}

// Whether a grant covers the operation on the target in the namespace; NULL is all of them.
static bool is_granted_in(struct lowering *lowering, const struct webhook *webhook, const struct target *target,
                          enum operation operation, const char *namespace) {
    const struct policies *policies = lowering->policies;
    for (size_t i = 0; i < policies->grant_count; i++) {
        const struct grant *grant = policies->grants[i];
        if (strcmp(grant->policy, webhook->policy) != 0 || grant->name_count) continue;
        if (!is_to_account(grant, webhook, lowering->arena) || !grant_allows(grant, webhook_verbs(operation))) continue;
        if (!has_target(grant, target)) continue;
        if (grant->scope.where != IN_NAMESPACES) return true;
        if (namespace && text_is_among(grant->scope.namespaces, grant->scope.namespace_count, namespace)) return true;
    }
    return false;
}

static void report_ungranted(struct lowering *lowering, const struct webhook *webhook, const struct target *target,
                             enum operation operation, const char *namespace) {
    const char *resource = target->name ? target->name : "*";
    if (target->subresource) resource = arena_printf(lowering->arena, "%s/%s", resource, target->subresource);
    const char *verbs = webhook_verbs(operation), *blank = strchr(verbs, ' ');
    const char *verb = blank ? arena_copy(lowering->arena, verbs, (size_t)(blank - verbs)) : verbs;
    const struct grant *near = NULL;
    for (size_t i = 0; i < lowering->policies->grant_count && !near; i++) {
        const struct grant *grant = lowering->policies->grants[i];
        if (strcmp(grant->policy, webhook->policy) == 0 && is_to_account(grant, webhook, lowering->arena)) near = grant;
    }
    diag_report(lowering->diags, DIAG_WEBHOOK_UNGRANTED, target->span,
                "webhook '%s' would be called for what its account may not do: %s %s%s%s", webhook->name, verb,
                resource,
                namespace                                           ? " in namespace "
                : target->resource && !target->resource->namespaced ? ""
                                                                    : " in every namespace",
                namespace ? namespace : "");
    if (near) diag_relate(lowering->diags, near->span, "what the account is granted");
    diag_help(lowering->diags, "grant it to sa %s/%s in this policy, or take it out of the webhook",
              webhook->account_namespace, webhook->account);
}

// Every rule of a webhook with an account is something that the account may do itself.
static void check_granted(struct lowering *lowering, const struct webhook *webhook) {
    static const enum operation operations[] = {OP_CREATE, OP_UPDATE, OP_DELETE, OP_CONNECT};
    const struct object_scope *scope = &webhook->scope;
    for (size_t i = 0; i < scope->target_count; i++)
        for (size_t j = 0; j < sizeof operations / sizeof *operations; j++) {
            const struct target *target = &scope->targets[i];
            if (!(webhook_operations(webhook, target) & operations[j])) continue;
            const bool in_namespaces =
                scope->where == IN_NAMESPACES && target->resource && target->resource->namespaced;
            for (size_t k = 0; k < (in_namespaces ? scope->namespace_count : 1); k++) {
                const char *namespace = in_namespaces ? scope->namespaces[k] : NULL;
                if (is_granted_in(lowering, webhook, target, operations[j], namespace)) continue;
                report_ungranted(lowering, webhook, target, operations[j], namespace);
                break;
            }
        }
}

// ---- who gives consent ----

static bool share_consent(const struct webhook *one, const struct webhook *other) {
    return other->consent && strcmp(one->policy, other->policy) == 0 && strcmp(one->consent, other->consent) == 0;
}

static void add_account(struct arena *arena, const struct webhook *webhook, struct subjects *accounts) {
    const char *user = account_user(arena, webhook->account_namespace, webhook->account);
    const char *label = arena_printf(arena, "serviceaccount %s/%s", webhook->account_namespace, webhook->account);
    ARENA_PUSH(arena, accounts->users, accounts->user_count, user);
    ARENA_PUSH(arena, accounts->labels, accounts->label_count, label);
}

// All webhooks that read the annotation have a say in it: it is one list.
static struct subjects consenting_with(const struct lowering *lowering, const struct webhook *webhook) {
    struct arena *arena = lowering->arena;
    struct subjects all = {0}, accounts = {0}, by = {0};
    for (size_t i = 0; i < lowering->policies->webhook_count; i++) {
        const struct webhook *other = lowering->policies->webhooks[i];
        if (!share_consent(webhook, other)) continue;
        if (other->account) add_account(arena, other, all.user_count ? &accounts : &all);
        lower_add_subjects(arena, &by, &other->consenting);
    }
    lower_add_subjects(arena, &all, &accounts); // many at once, which sorts them
    lower_add_subjects(arena, &all, &by);
    return all;
}

// Of the targets in the half of the scope, those that carry annotations.
static bool add_targets(struct lowering *lowering, const struct webhook *webhook, bool namespaced, struct lock *lock) {
    for (size_t i = 0; i < webhook->scope.target_count; i++) {
        struct target target = webhook->scope.targets[i];
        const bool is_in = target.resource ? target.resource->namespaced == namespaced
                           : namespaced    ? webhook->scope.where != IN_CLUSTER
                                           : webhook->in_cluster;
        if (!is_in || !webhook_carries(&target)) continue;
        bool known = false;
        target.subresource = NULL;
        for (size_t j = 0; j < lock->scope.target_count && !known; j++)
            known = lock->scope.targets[j].resource == target.resource && target.resource;
        if (!known) ARENA_PUSH(lowering->arena, lock->scope.targets, lock->scope.target_count, target);
    }
    lock->scope.excepts = webhook->scope.excepts;
    lock->scope.except_count = webhook->scope.except_count;
    return lock->scope.target_count > 0;
}

// A field from which a controller takes the annotation of what it makes.
struct consent_source {
    const char *group, *plural, *path;
    bool unreadable;
};
struct consent_sources {
    struct consent_source *items;
    size_t count;
};

static void add_source(struct arena *arena, struct consent_source source, struct consent_sources *sources) {
    for (size_t i = 0; i < sources->count; i++)
        if (strcmp(sources->items[i].group, source.group) == 0 &&
            strcmp(sources->items[i].plural, source.plural) == 0 && strcmp(sources->items[i].path, source.path) == 0)
            return;
    ARENA_PUSH(arena, sources->items, sources->count, source);
}

static const char *group_of(const char *plural) {
    for (size_t i = 0; i < kube_workload_count; i++)
        if (strcmp(kube_workloads[i].plural, plural) == 0) return kube_workloads[i].group;
    return "";
}

// All that is made from something else, of both tables; false behind the last.
static bool copied_at(size_t index, struct kube_copied *ret) {
    if (index >= kube_made_count + kube_copied_count) return false;
    if (index >= kube_made_count) {
        *ret = kube_copied[index - kube_made_count];
        return true;
    }
    const struct kube_made *made = &kube_made[index];
    *ret = (struct kube_copied){.group = group_of(made->plural), .plural = made->plural};
    if (!made->workload) return true;
    ret->from = made->workload;
    ret->from_group = group_of(made->workload);
    ret->path = made->rest_from;
    return true;
}

// What is made of a template may be a template itself: a cron job makes jobs, and these make pods.
static struct consent_sources sources_of(struct arena *arena, const struct object_scope *scope, const char *path) {
    struct consent_sources sources = {0};
    struct kube_copied copied;
    for (size_t i = 0; copied_at(i, &copied); i++)
        if (copied.from && derive_takes_in(scope, copied.group, copied.plural))
            add_source(arena, (struct consent_source){copied.group, copied.plural, path, false}, &sources);
    for (size_t i = 0; i < sources.count; i++) {
        const struct consent_source made = sources.items[i];
        for (size_t j = 0; copied_at(j, &copied) && !made.unreadable; j++) {
            if (!copied.from || strcmp(copied.group, made.group) != 0 || strcmp(copied.plural, made.plural) != 0)
                continue;
            const char *below = copied.unreadable || !*copied.path ? "" : " ";
            const struct consent_source source = {
                .group = copied.from_group,
                .plural = copied.from,
                .path = arena_printf(arena, "%s%s%s", copied.path, below, copied.unreadable ? "" : made.path),
                .unreadable = copied.unreadable,
            };
            add_source(arena, source, &sources);
        }
    }
    return sources;
}

// The lock of a source before this one that is at the same place; NULL if there is none.
static struct lock *lock_on(const struct consent_sources *sources, size_t index, struct lock *const *locks) {
    for (size_t i = 0; i < index; i++)
        if (locks[i] && strcmp(sources->items[i].path, sources->items[index].path) == 0) return locks[i];
    return NULL;
}

// Whoever may not write the annotation does not have a controller write it. Resources with the annotation at the same
// place are one lock.
static void guard_sources(struct lowering *lowering, const struct lock *consent, const char *path) {
    struct arena *arena = lowering->arena;
    const struct consent_sources sources = sources_of(arena, &consent->scope, path);
    if (!sources.count) return;
    struct lock **locks = ARENA_ARRAY(arena, struct lock *, sources.count);
    size_t count = 0;
    for (size_t i = 0; i < sources.count; i++) {
        const struct consent_source *source = &sources.items[i];
        struct lock *lock = lock_on(&sources, i, locks);
        locks[i] = NULL;
        if (strcmp(source->path, path) == 0 && derive_takes_in(&consent->scope, source->group, source->plural))
            continue; // the annotation of the object itself, which is locked
        if (lock) {
            derive_target(lowering, lock, source->group, source->plural);
            continue;
        }
        lock = derive_lock_in(lowering, consent, &consent->scope, source->group, source->plural,
                              ORIGIN_CONSENT_TEMPLATES, count++ ? arena_printf(arena, "%zu", count) : NULL);
        lock->denies = OP_CREATE | OP_UPDATE;
        derive_changing(arena, lock, source->path);
        locks[i] = lock;
    }
    for (size_t i = 0; i < sources.count; i++)
        if (locks[i]) derive_add(lowering, NULL, locks[i]);
}

// Annotations of a binding go to the pod.
static void guard_bindings(struct lowering *lowering, const struct lock *consent, const char *key) {
    struct arena *arena = lowering->arena;
    if (!derive_takes_in(&consent->scope, "", "pods")) return;
    struct lock *lock = derive_lock_in(lowering, consent, &consent->scope, "", "pods", ORIGIN_BINDINGS, NULL);
    struct formula *carried = formula_new(arena, FORMULA_ANNOTATION);
    carried->state = STATE_NEW;
    carried->compare = CMP_EXISTS;
    carried->key = key;
    lock->acts = ACT_BIND;
    lock->covers[SHAPE_BINDINGS] = COVER_BY_NAME;
    lock->condition = formula_and(arena, lock->condition, carried);
    derive_add(lowering, NULL, lock);
}

static void guard_consent(struct lowering *lowering, const struct webhook *webhook, const struct subjects *consenting,
                          bool namespaced) {
    struct arena *arena = lowering->arena;
    const struct lock from = {
        .policy = webhook->policy,
        .name = webhook->name,
        .span = webhook->span,
        .block = webhook->block,
        .exemption = EXEMPT_CONTROLLERS,
        .mode = MODE_DENY,
        .condition = formula_new(arena, FORMULA_TRUE),
        .insiders = policies_are_against_insiders(lowering->policies, webhook->policy),
    };
    struct lock *lock = derive_lock(lowering, &from, ORIGIN_CONSENT, NULL);
    if (!add_targets(lowering, webhook, namespaced, lock)) return;
    if (namespaced) {
        lock->scope.where = webhook->scope.where;
        lock->scope.namespaces = webhook->scope.namespaces;
        lock->scope.namespace_count = webhook->scope.namespace_count;
        lock->scope.namespace_selector = webhook->scope.namespace_selector;
    }
    lock->denies = OP_CREATE | OP_UPDATE;
    lock->path_count = 1;
    struct segment *segments = ARENA_ARRAY(arena, struct segment, 3);
    segments[0].key = "metadata";
    segments[1].key = "annotations";
    segments[2].key = webhook->consent;
    lock->paths = ARENA_NEW(arena, struct field_path);
    *lock->paths = (struct field_path){.variable = -1, .segments = segments, .count = 3};
    lock->exclusive = lock->passes = *consenting;
    derive_add(lowering, NULL, lock);
    guard_sources(lowering, lock, arena_printf(arena, "metadata annotations %s", webhook->consent));
    guard_bindings(lowering, lock, webhook->consent);
}

// cert-manager writes one authority into all webhooks of a configuration.
static void check_authorities(struct lowering *lowering, const struct webhook *webhook) {
    for (size_t i = 0; i < lowering->policies->webhook_count; i++) {
        const struct webhook *other = lowering->policies->webhooks[i];
        if (other == webhook) return;
        if (strcmp(other->policy, webhook->policy) != 0 || other->is_mutating != webhook->is_mutating) continue;
        const bool injected =
            webhook->authority >= AUTHORITY_FROM_CERTIFICATE || other->authority >= AUTHORITY_FROM_CERTIFICATE;
        if (!injected || !webhook->ca || !other->ca) continue;
        if (webhook->authority == other->authority && strcmp(webhook->ca, other->ca) == 0) return;
        diag_report(lowering->diags, DIAG_CONFLICTING_CLAUSES, webhook->span,
                    "the webhooks of a policy cannot have authorities of their own where cert-manager writes one");
        diag_relate(lowering->diags, other->span, "another is here");
        diag_help(lowering->diags, "cert-manager writes the same into all webhooks of an object: name one Certificate "
                                   "for all, or put this webhook into a policy of its own");
        return;
    }
}

void lower_webhooks(struct lowering *lowering) {
    const struct webhook *last = NULL;
    struct subjects consenting = {0}; // with the last one
    for (size_t i = 0; i < lowering->policies->webhook_count; i++) {
        const struct webhook *webhook = lowering->policies->webhooks[i];
        if (!webhook->scope.target_count) continue;
        if (webhook->account) check_granted(lowering, webhook);
        check_authorities(lowering, webhook);
        if (!webhook->consent) continue;
        if (!last || !share_consent(webhook, last)) consenting = consenting_with(lowering, webhook);
        last = webhook;
        guard_consent(lowering, webhook, &consenting, true);
        guard_consent(lowering, webhook, &consenting, false);
    }
}
