// Kubernetes' named formats in CEL: what format.dns1123Label().validate(text) and its kind say.
#include <string.h>

#include "base/arena.h"
#include "base/text.h"
#include "cel/cel_internal.h"
#include "data/calendar.h"
#include "data/regex.h"

typedef void check(struct evaluation *e, struct cel_string text, val *problems);

static void report(struct evaluation *e, val *problems, const char *text) {
    val_push(e, problems, val_of_string(text, strlen(text)));
}

// Whatever the API server says there, it says something.
static void report_unknown(struct evaluation *e, val *problems) {
    val_push(e, problems, val_error("klockc does not know how the API server words this problem"));
}

static bool matches(struct evaluation *e, const char *pattern, struct cel_string text) {
    const char *error = NULL;
    size_t offset = 0;
    const struct regex *regex = regex_compile(e->arena, pattern, &error, &offset);
    const bool may = cel_spend(e, (text.len + 1) * 8);
    return may && regex && regex_match(regex, text.bytes, text.len, e->arena);
}

// ---- names ----

#define LABEL "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
#define SUBDOMAIN LABEL "(\\." LABEL ")*"

static void check_length(struct evaluation *e, struct cel_string text, size_t most, const char *problem,
                         val *problems) {
    if (text.len > most) report(e, problems, problem);
}

static void check_dns1123_label(struct evaluation *e, struct cel_string text, val *problems) {
    check_length(e, text, 63, "must be no more than 63 characters", problems);
    if (matches(e, "^" LABEL "$", text)) return;
    if (matches(e, "^" SUBDOMAIN "$", text))
        report(e, problems, "must not contain dots");
    else
        report(
            e, problems,
            "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and "
            "end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '" LABEL
            "')");
}

static void check_dns1123_subdomain(struct evaluation *e, struct cel_string text, val *problems) {
    check_length(e, text, 253, "must be no more than 253 characters", problems);
    if (matches(e, "^" SUBDOMAIN "$", text)) return;
    report(
        e, problems,
        "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start "
        "and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '" SUBDOMAIN "')");
}

static void check_dns1035_label(struct evaluation *e, struct cel_string text, val *problems) {
    check_length(e, text, 63, "must be no more than 63 characters", problems);
    if (matches(e, "^[a-z]([-a-z0-9]*[a-z0-9])?$", text)) return;
    report(
        e, problems,
        "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic "
        "character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation "
        "is '[a-z]([-a-z0-9]*[a-z0-9])?')");
}

// A dash at the end of a prefix, and what stands in front of it, count as a letter.
static struct cel_string as_prefix(struct evaluation *e, struct cel_string text) {
    if (text.len < 2 || text.bytes[text.len - 1] != '-') return text;
    char *masked = arena_copy(e->arena, text.bytes, text.len);
    masked[text.len - 2] = 'a';
    return (struct cel_string){masked, text.len - 1};
}

static void check_dns1123_label_prefix(struct evaluation *e, struct cel_string text, val *problems) {
    check_dns1123_label(e, as_prefix(e, text), problems);
}

static void check_dns1123_subdomain_prefix(struct evaluation *e, struct cel_string text, val *problems) {
    check_dns1123_subdomain(e, as_prefix(e, text), problems);
}

static void check_dns1035_label_prefix(struct evaluation *e, struct cel_string text, val *problems) {
    check_dns1035_label(e, as_prefix(e, text), problems);
}

// ---- labels ----

#define LABEL_KEY "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"

static void check_label_name(struct evaluation *e, struct cel_string name, val *problems) {
    if (!name.len) report(e, problems, "name part must be non-empty");
    if (name.len > 63) report(e, problems, "name part must be no more than 63 characters");
    if (matches(e, "^" LABEL_KEY "$", name)) return;
    report(
        e, problems,
        "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an "
        "alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '" LABEL_KEY
        "')");
}

static void check_qualified_name(struct evaluation *e, struct cel_string text, val *problems) {
    const char *slash = text.len ? memchr(text.bytes, '/', text.len) : NULL;
    if (!slash) {
        check_label_name(e, text, problems);
        return;
    }
    const struct cel_string prefix = {text.bytes, (size_t)(slash - text.bytes)};
    const struct cel_string name = {slash + 1, text.len - prefix.len - 1};
    if (name.len && memchr(name.bytes, '/', name.len)) {
        report_unknown(e, problems); // releases word it differently
        return;
    }
    val of_prefix = {.kind = CEL_KIND_LIST};
    if (!prefix.len)
        report(e, problems, "prefix part must be non-empty");
    else
        check_dns1123_subdomain(e, prefix, &of_prefix);
    for (size_t i = 0; i < val_list_count(of_prefix); i++) {
        struct text problem;
        text_init(&problem, e->arena);
        text_printf(&problem, "prefix part %s", val_list_item(of_prefix, i).as.string.bytes);
        report(e, problems, text_string(&problem));
    }
    check_label_name(e, name, problems);
}

static void check_label_value(struct evaluation *e, struct cel_string text, val *problems) {
    check_length(e, text, 63, "must be no more than 63 characters", problems);
    if (matches(e, "^(" LABEL_KEY ")?$", text)) return;
    report(
        e, problems,
        "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start "
        "and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for "
        "validation is '(" LABEL_KEY ")?')");
}

// ---- formats of OpenAPI ----

static void check_uri(struct evaluation *e, struct cel_string text, val *problems) {
    bool differs = false;
    if (!val_is_request_uri(e, text, &differs)) report_unknown(e, problems);
}

static void check_uuid(struct evaluation *e, struct cel_string text, val *problems) {
    static const char pattern[] = "(?i)^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$";
    if (!matches(e, pattern, text)) report(e, problems, "does not match the UUID format");
}

static void check_byte(struct evaluation *e, struct cel_string text, val *problems) {
    static const char pattern[] = "^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{4})$";
    if (!matches(e, pattern, text)) report(e, problems, "invalid base64");
}

static int two_digits(const char *at) {
    return (at[0] - '0') * 10 + at[1] - '0';
}

static bool is_date(struct evaluation *e, struct cel_string text) {
    if (!matches(e, "^[0-9]{4}-[0-9]{2}-[0-9]{2}$", text)) return false;
    const int64_t year = two_digits(text.bytes) * 100 + two_digits(text.bytes + 2);
    const int month = two_digits(text.bytes + 5), day = two_digits(text.bytes + 8);
    return month >= 1 && month <= 12 && day >= 1 && day <= calendar_days_in(year, month);
}

static void check_date(struct evaluation *e, struct cel_string text, val *problems) {
    if (!is_date(e, text)) report(e, problems, "invalid date");
}

static bool is_datetime(struct evaluation *e, struct cel_string text) {
    // It is split at the Ts, and what is behind the second one is not looked at.
    static const char pattern[] = "(?i)^[0-9]{4}-[0-9]{2}-[0-9]{2}t[0-9]{2}:[0-9]{2}:[0-9]{2}([^t\\n][0-9]+)?"
                                  "(z|[+-][0-9]{2}:[0-9]{2})(t(?s:.*))?$";
    if (!matches(e, pattern, text) || !is_date(e, (struct cel_string){text.bytes, 10})) return false;
    return two_digits(text.bytes + 11) <= 23 && two_digits(text.bytes + 14) <= 59 && two_digits(text.bytes + 17) <= 59;
}

static void check_datetime(struct evaluation *e, struct cel_string text, val *problems) {
    if (!is_datetime(e, text)) report(e, problems, "invalid datetime");
}

// ---- calls ----

// Sizes are MaxRegexSize of k8s.io/apiserver/pkg/cel/library/format.go.
static const struct {
    const char *name;
    check *check;
    size_t pattern_size;
} formats[] = {
    {"dns1123Label", check_dns1123_label, 30},
    {"dns1123LabelPrefix", check_dns1123_label_prefix, 30},
    {"dns1123Subdomain", check_dns1123_subdomain, 60},
    {"dns1123SubdomainPrefix", check_dns1123_subdomain_prefix, 60},
    {"dns1035Label", check_dns1035_label, 30},
    {"dns1035LabelPrefix", check_dns1035_label_prefix, 30},
    {"qualifiedName", check_qualified_name, 60},
    {"labelValue", check_label_value, 40},
    {"uri", check_uri, 1103},
    {"uuid", check_uuid, 70},
    {"byte", check_byte, 84},
    {"date", check_date, 71},
    {"datetime", check_datetime, 71},
};

size_t cel_format_pattern_size(size_t format) {
    return formats[format].pattern_size;
}

static val of_format(size_t format) {
    return (val){.kind = CEL_KIND_FORMAT, .as.format = format};
}

static val named(struct evaluation *e, val name) {
    if (name.kind != CEL_KIND_STRING) return val_no_overload();
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
        if (val_text_is(name.as.string, formats[i].name)) return val_some(e, of_format(i));
    return val_none();
}

static val validate(struct evaluation *e, val format, val text) {
    if (format.kind != CEL_KIND_FORMAT || text.kind != CEL_KIND_STRING) return val_no_overload();
    val problems = {.kind = CEL_KIND_LIST};
    if (!cel_spend(e, text.as.string.len)) return cel_too_long();
    formats[format.as.format].check(e, text.as.string, &problems);
    // Something is wrong, but what is said of it is not known: there is a value, and looking at it is an error.
    for (size_t i = 0; i < val_list_count(problems); i++)
        if (val_list_item(problems, i).kind == CEL_KIND_ERROR) return val_some(e, val_list_item(problems, i));
    return val_list_count(problems) ? val_some(e, problems) : val_none();
}

val cel_call_named_format(struct evaluation *e, const struct cel_node *node, const val *args, size_t count) {
    (void)count;
    if (node->function == CEL_FN_FORMAT_NAMED) return named(e, args[0]);
    if (node->function == CEL_FN_VALIDATE) return validate(e, args[0], args[1]);
    return of_format((size_t)node->function - CEL_FN_FORMAT_DNS1123_LABEL);
}
