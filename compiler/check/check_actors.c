// Who passes a lock beside those that it names: whoever can become one of them.
#include <string.h>

#include "base/arena.h"
#include "base/map.h"
#include "base/names.h"
#include "base/text.h"
#include "check/check_internal.h"
#include "data/value.h"
#include "kubernetes/account.h"
#include "report/diag.h"

// An account, or all of a namespace, is said once, at the first of its locks that does not accept it; check sees to
// that.
static void check_seal(const struct checking *checking, const struct lock *lock, const char *name) {
    size_t len;
    const char *namespace = account_namespace(name, &len);
    if (!namespace || set_has(&checking->sealed, name)) return;
    const char *all = account_group(checking->arena, arena_copy(checking->arena, namespace, len));
    if (set_has(&checking->sealed, all)) return;
    const bool group = account_is_group(name);
    diag_report(checking->diags, DIAG_ACTOR_NOT_SEALED, lock->span,
                group ? "anyone who can get a token for, or run a pod as, an account in '%s' passes this lock"
                      : "anyone who can get a token for, or run a pod as, '%s' passes this lock",
                name);
    diag_help(checking->diags, "declare it as an actor that is 'sealed', or write: accept %s",
              diag_info(DIAG_ACTOR_NOT_SEALED)->name);
}

// What a name that is computed begins with; "" where that is read, or where nothing is computed.
static const char *computed_beginning(const struct formula *expr) {
    const bool computed = expr->operand_count && expr->operands[0]->kind == FORMULA_JOIN;
    const struct formula *first = computed ? expr->operands[0]->operands[0] : NULL;
    return first && first->kind == FORMULA_TEXT ? first->values[0]->as.string : "";
}

static void check_computed_seal(const struct checking *checking, const struct lock *lock, const struct formula *expr) {
    if (expr->kind != FORMULA_USER || !account_is_user(computed_beginning(expr))) return;
    diag_report(
        checking->diags, DIAG_ACTOR_NOT_SEALED, lock->span,
        "anyone who can get a token for, or run a pod as, the service account that an object of lock '%s' names "
        "passes it there",
        lock->name);
    diag_help(checking->diags, "withhold both with RBAC where these accounts are, and accept this: allow %s",
              diag_info(DIAG_ACTOR_NOT_SEALED)->code);
}

// Those that the formula asks for.
static void check_seals_in(const struct checking *checking, const struct lock *lock, const struct formula *expr) {
    const bool names = (expr->kind == FORMULA_USER && expr->compare == CMP_IN) || expr->kind == FORMULA_GROUP;
    for (size_t i = 0; names && i < expr->value_count; i++) check_seal(checking, lock, expr->values[i]->as.string);
    check_computed_seal(checking, lock, expr);
    for (size_t i = 0; i < expr->operand_count && expr->kind != FORMULA_NOT; i++)
        check_seals_in(checking, lock, expr->operands[i]);
}

static void check_seals_of(const struct checking *checking, const struct lock *lock, const struct subjects *subjects) {
    for (size_t i = 0; i < subjects->user_count; i++) check_seal(checking, lock, subjects->users[i]);
    for (size_t i = 0; i < subjects->group_count; i++) check_seal(checking, lock, subjects->groups[i]);
    for (size_t i = 0; i < subjects->other_count; i++) check_seals_in(checking, lock, subjects->others[i]);
}

// Of derived locks only those on RBAC: those after `sealed by` and deployers pass them as well.
void check_seals(struct checking *checking, const struct lock *lock) {
    if (!(lock->mode & MODE_DENY) ||
        (lock->origin && !check_names_resource(&lock->scope, "rbac.authorization.k8s.io", "clusterrolebindings")))
        return;
    check_seals_of(checking, lock, &lock->passes);
    check_seals_of(checking, lock, &lock->break_glass);
}

void check_rights(struct checking *checking, const struct lock *lock) {
    if (!lock_asks_authorizer(lock)) return;
    diag_report(checking->diags, DIAG_ADMINISTRATORS_PASS, lock->span,
                "cluster-admin and system:masters may do everything, so they pass lock '%s'", lock->name);
    diag_help(checking->diags, "name the actors instead of asking for a permission, or write: accept %s",
              diag_info(DIAG_ADMINISTRATORS_PASS)->name);
}

static bool names_account(const struct formula *expr) {
    const char *name = expr->value_count && expr->values[0]->kind == VALUE_STRING ? expr->values[0]->as.string : "";
    bool names = account_is_user(name) || account_is_group(name);
    for (size_t i = 0; i < expr->operand_count && !names; i++) names = names_account(expr->operands[i]);
    return names;
}

// The status of custom resources is locked with the rest, and somebody has to write it.
void check_operator(struct checking *checking, const struct lock *lock) {
    const struct subjects *passes = &lock->passes;
    bool passed = false;
    for (size_t i = 0; i < passes->user_count; i++) passed |= account_is_user(passes->users[i]);
    for (size_t i = 0; i < passes->group_count; i++) passed |= account_is_group(passes->groups[i]);
    for (size_t i = 0; i < passes->other_count; i++) passed |= names_account(passes->others[i]);
    if (!lock->implied || passed) return;
    diag_report(checking->diags, DIAG_STATUS_WITHOUT_OPERATOR, lock->span,
                "lock '%s' also covers the status of %s, and their operator cannot update it", lock->name,
                lock->scope.targets[0].name);
    diag_help(checking->diags,
              "name the operator: exclusive serviceaccount NAMESPACE/NAME; or lock some fields only: changing spec; or "
              "write: accept %s",
              diag_info(DIAG_STATUS_WITHOUT_OPERATOR)->name);
}

static bool is_before(struct span a, struct span b) {
    return a.file < b.file || (a.file == b.file && a.begin < b.begin);
}
// ---- once a policy: who else passes by a name ----

// Whether some controller may do to the objects what the lock denies.
static bool lets_controllers(const struct checking *checking, const struct lock *lock) {
    for (size_t i = 0; i < kube_exemption_count; i++) {
        const struct kube_exemption *exemption = &kube_exemptions[i];
        const bool collects = strcmp(exemption->user, KUBE_GARBAGE_COLLECTOR) == 0, own = !lock->scope.subresource;
        const bool reaches =
            *exemption->subresources == '*' || (own ? !*exemption->subresources || *exemption->subresources == ' '
                                                    : text_has_word(exemption->subresources, lock->scope.subresource));
        const unsigned operations = collects ? lock->guard_owners ? 0u : (unsigned)OP_DELETE : exemption->operations;
        if (exemption->level <= lock->exemption && (operations & lock->denies) && reaches &&
            exemption->limit != ONLY_TERMINATING && account_is_user(exemption->user) &&
            (!exemption->namespace || scope_may_be_in(&lock->scope, exemption->namespace)) &&
            (!exemption->resource ||
             (checking->around.exempted[i] && check_takes_in(&lock->scope, checking->around.exempted[i]))))
            return true;
    }
    return false;
}

static bool names_users(const struct formula *expr) {
    const bool plain = expr->value_count && expr->values[0]->kind == VALUE_STRING;
    const char *name = plain ? expr->values[0]->as.string : computed_beginning(expr);
    bool names = (expr->kind == FORMULA_USER && !account_is_user(name)) ||
                 (expr->kind == FORMULA_GROUP && !account_is_group(name));
    for (size_t i = 0; i < expr->operand_count && expr->kind != FORMULA_NOT && !names; i++)
        names = names_users(expr->operands[i]);
    return names;
}

// A user or group among them that is no service account: the name of one, or what stands for it; NULL where there is
// none.
static const char *some_user(const struct subjects *subjects) {
    for (size_t i = 0; i < subjects->user_count; i++)
        if (!account_is_user(subjects->users[i])) return subjects->users[i];
    for (size_t i = 0; i < subjects->group_count; i++)
        if (!account_is_group(subjects->groups[i])) return subjects->groups[i];
    for (size_t i = 0; i < subjects->other_count; i++)
        if (names_users(subjects->others[i])) return "an actor";
    return NULL;
}

static const char *user_of(const struct lock *lock) {
    const char *user = some_user(&lock->passes);
    return user ? user : some_user(&lock->break_glass);
}

// For each policy, the first of its locks of which something holds.
static void note_first(struct map *firsts, struct lock *lock) {
    const struct lock *first = map_get(firsts, lock->policy);
    if (!first || is_before(lock->span, first->span)) map_set(firsts, lock->policy, lock);
}

static void report_controllers(const struct checking *checking, const struct lock *lock) {
    diag_report(checking->diags, DIAG_CONTROLLERS_NOT_GUARDED, check_place(checking, lock, ABOUT_EXEMPTION),
                "anyone who can act as a controller passes the locks of policy '%s' that exempt it", lock->policy);
    diag_help(checking->diags, "add 'guard controllers' to one of them, or write: accept %s",
              diag_info(DIAG_CONTROLLERS_NOT_GUARDED)->name);
}

static void report_certificates(const struct checking *checking, const struct lock *lock) {
    const char *code = diag_info(DIAG_CERTIFICATES_NOT_GUARDED)->name;
    diag_report(checking->diags, DIAG_CERTIFICATES_NOT_GUARDED, check_place(checking, lock, ABOUT_ACTORS),
                "anyone who can have a client certificate signed passes lock '%s' as '%s'", lock->name, user_of(lock));
    diag_help(checking->diags,
              "add 'guard certificates'; or withhold csr/approval, signers and bootstrap tokens with RBAC, and write: "
              "accept %s",
              code);
}

// A lock on approval, where what asks for a kubelet's certificate needs none.
void check_approval(struct checking *checking, const struct lock *lock) {
    if (!lock->scope.subresource || strcmp(lock->scope.subresource, "approval") != 0 || !(lock->mode & MODE_DENY) ||
        !(lock->denies & OP_UPDATE) || check_has_derived(checking, lock, ORIGIN_GUARD_CERTIFICATES) ||
        check_holds_signing(checking, lock))
        return;
    diag_report(
        checking->diags, DIAG_APPROVES_ITSELF, lock->span,
        "lock '%s' stops others from approving certificates, but kubelet certificates are approved automatically",
        lock->name);
    diag_help(checking->diags,
              "also deny creating requests for the signers " KUBE_CLIENT_SIGNER " and " KUBE_KUBELET_SIGNER
              ", as 'guard certificates' does; or write: accept %s",
              diag_info(DIAG_APPROVES_ITSELF)->name);
}

void check_identities(const struct checking *checking) {
    const struct policies *policies = checking->policies;
    struct map controllers, users, keeps, told;
    map_init(&controllers, checking->arena);
    map_init(&users, checking->arena);
    map_init(&keeps, checking->arena); // policies of which it is said, or where certificates are guarded
    map_init(&told, checking->arena);
    for (size_t i = 0; i < policies->lock_count; i++) {
        struct lock *lock = policies->locks[i];
        if (!(lock->mode & MODE_DENY) || !lock->insiders) continue;
        // K0220 says it of sealed actors.
        if (lock->origin == ORIGIN_GUARD_CERTIFICATES || lock->seals_actor) map_set(&keeps, lock->policy, lock);
        if (lock->origin) continue;
        if (lets_controllers(checking, lock)) note_first(&controllers, lock);
        if (user_of(lock)) note_first(&users, lock);
    }
    for (size_t i = 0; i < policies->lock_count; i++) {
        const char *policy = policies->locks[i]->policy;
        const struct lock *let = map_get(&controllers, policy), *named = map_get(&users, policy);
        if (map_get(&told, policy)) continue;
        map_set(&told, policy, policies->locks[i]);
        if (let && !set_has(&checking->sealed, KUBE_GARBAGE_COLLECTOR)) report_controllers(checking, let);
        if (named && !map_get(&keeps, policy)) report_certificates(checking, named);
    }
}
