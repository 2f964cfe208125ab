// Semantic versions in CEL, as Kubernetes takes them.
#include <string.h>

#include "base/arena.h"
#include "base/text.h"
#include "cel/cel_internal.h"

// What stands between dots behind a minus sign; numbers come before words.
struct identifier {
    bool is_number;
    uint64_t number;
    struct cel_string word;
};

struct cel_semver {
    uint64_t numbers[3];
    struct identifier *pre;
    size_t pre_count;
};

static const char digits[] = "0123456789";
static const char letters[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-";

static bool has_only(struct cel_string text, const char *set) {
    for (size_t i = 0; i < text.len; i++)
        if (!text.bytes[i] || !strchr(set, text.bytes[i])) return false;
    return true;
}

static bool read_number(struct cel_string text, uint64_t *ret_number) {
    *ret_number = 0;
    if (!text.len || !has_only(text, digits) || (text.len > 1 && *text.bytes == '0')) return false;
    for (size_t i = 0; i < text.len; i++)
        if (__builtin_mul_overflow(*ret_number, (uint64_t)10, ret_number) ||
            __builtin_add_overflow(*ret_number, (uint64_t)(text.bytes[i] - '0'), ret_number))
            return false;
    return true;
}

// What stands in front of the separator; the rest follows it, and is NULL when there is no separator.
static struct cel_string cut(struct cel_string *rest, char separator) {
    const struct cel_string text = *rest;
    const char *found = text.len ? memchr(text.bytes, separator, text.len) : NULL;
    if (!found) {
        *rest = (struct cel_string){0};
        return text;
    }
    const size_t len = (size_t)(found - text.bytes);
    *rest = (struct cel_string){found + 1, text.len - len - 1};
    return (struct cel_string){text.bytes, len};
}

static bool read_pre(struct evaluation *e, struct cel_string rest, struct cel_semver *v) {
    while (rest.bytes) {
        struct identifier identifier = {.word = cut(&rest, '.')};
        if (!identifier.word.len || !has_only(identifier.word, letters)) return false;
        identifier.is_number = has_only(identifier.word, digits);
        if (identifier.is_number && !read_number(identifier.word, &identifier.number)) return false;
        ARENA_PUSH(e->arena, v->pre, v->pre_count, identifier);
    }
    return true;
}

static bool read_build(struct cel_string rest) {
    while (rest.bytes) {
        const struct cel_string part = cut(&rest, '.');
        if (!part.len || !has_only(part, letters)) return false;
    }
    return true;
}

static bool read_version(struct evaluation *e, struct cel_string text, struct cel_semver *v) {
    *v = (struct cel_semver){0};
    const struct cel_string major = cut(&text, '.'), minor = cut(&text, '.');
    if (!text.bytes) return false;
    struct cel_string pre = cut(&text, '+');
    const struct cel_string build = text, patch = cut(&pre, '-');
    return read_number(major, &v->numbers[0]) && read_number(minor, &v->numbers[1]) &&
           read_number(patch, &v->numbers[2]) && read_pre(e, pre, v) && read_build(build);
}

// ---- normalizing: v1.02 is 1.2.0 ----

static void add_without_zeros(struct text *text, struct cel_string part) {
    const size_t before = part.len;
    if (before > 1)
        while (part.len && *part.bytes == '0') part.bytes++, part.len--;
    if (before > 1 && (!part.len || *part.bytes < '0' || *part.bytes > '9')) text_add_char(text, '0');
    text_add(text, part.bytes, part.len);
}

static bool normalize(struct evaluation *e, struct cel_string *version) {
    struct cel_string rest = *version, last = {0};
    struct text text;
    text_init(&text, e->arena);
    if (rest.len && *rest.bytes == 'v') rest.bytes++, rest.len--;
    size_t parts = 0;
    for (; parts < 3 && (rest.bytes || !parts); parts++) {
        last = rest;
        if (parts < 2)
            last = cut(&rest, '.');
        else
            rest = (struct cel_string){0};
        if (parts) text_add_char(&text, '.');
        add_without_zeros(&text, last);
    }
    const bool has_more = last.len && (memchr(last.bytes, '+', last.len) || memchr(last.bytes, '-', last.len));
    if (parts < 3 && has_more) return false;
    for (; parts < 3; parts++) text_add_string(&text, ".0");
    *version = (struct cel_string){text_string(&text), text.len};
    return true;
}

// ---- order ----

static int compare_numbers(uint64_t a, uint64_t b) {
    return (a > b) - (a < b);
}

static int compare_identifiers(const struct identifier *a, const struct identifier *b) {
    if (a->is_number != b->is_number) return a->is_number ? -1 : 1;
    return a->is_number ? compare_numbers(a->number, b->number) : val_compare_text(a->word, b->word);
}

int val_compare_semvers(const struct cel_semver *a, const struct cel_semver *b) {
    for (size_t i = 0; i < 3; i++)
        if (a->numbers[i] != b->numbers[i]) return compare_numbers(a->numbers[i], b->numbers[i]);
    // What is released comes behind everything that was before it.
    if (!a->pre_count || !b->pre_count) return (a->pre_count == 0) - (b->pre_count == 0);
    for (size_t i = 0; i < a->pre_count && i < b->pre_count; i++) {
        const int order = compare_identifiers(&a->pre[i], &b->pre[i]);
        if (order) return order;
    }
    return compare_numbers(a->pre_count, b->pre_count);
}

// ---- calls ----

static val call_on_text(struct evaluation *e, const struct cel_node *node, struct cel_string text, bool normalizes) {
    struct cel_semver *made = ARENA_NEW(e->arena, struct cel_semver);
    if (!cel_spend(e, text.len)) return cel_too_long();
    const bool is_one = (!normalizes || normalize(e, &text)) && read_version(e, text, made);
    if (node->function == CEL_FN_IS_SEMVER) return val_of_bool(is_one);
    return is_one ? (val){.kind = CEL_KIND_SEMVER, .as.semver = made} : val_error("the text is not a semantic version");
}

val cel_call_semver(struct evaluation *e, const struct cel_node *node, const val *args, size_t count) {
    if (node->function == CEL_FN_SEMVER || node->function == CEL_FN_IS_SEMVER) {
        if (args[0].kind != CEL_KIND_STRING || (count == 2 && args[1].kind != CEL_KIND_BOOL)) return val_no_overload();
        return call_on_text(e, node, args[0].as.string, count == 2 && args[1].as.boolean);
    }
    if (args[0].kind != CEL_KIND_SEMVER) return val_no_overload();
    const size_t place = node->function == CEL_FN_MAJOR ? 0 : node->function == CEL_FN_MINOR ? 1 : 2;
    return val_of_int((int64_t)args[0].as.semver->numbers[place]);
}
