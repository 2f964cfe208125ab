// Kubernetes' own rules for names; see kube.h.
#include "kubernetes/kube.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"

static bool is_lower_or_digit(char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool is_alphanumeric(char c) {
    return is_lower_or_digit(c) || (c >= 'A' && c <= 'Z');
}

static bool is_dns_part(const char *text, size_t len) {
    if (!len || !is_lower_or_digit(text[0]) || !is_lower_or_digit(text[len - 1])) return false;
    for (size_t i = 0; i < len; i++)
        if (!is_lower_or_digit(text[i]) && text[i] != '-') return false;
    return true;
}

bool kube_is_dns_label(const char *text) {
    const size_t len = strlen(text);
    return len <= LIMIT_DNS_LABEL && is_dns_part(text, len);
}

static bool is_subdomain(const char *text, size_t len) {
    if (len > LIMIT_NAME) return false;
    for (size_t begin = 0;;) {
        size_t end = begin;
        while (end < len && text[end] != '.') end++;
        if (!is_dns_part(text + begin, end - begin)) return false;
        if (end == len) return true;
        begin = end + 1;
    }
}

bool kube_is_dns_subdomain(const char *text) {
    return is_subdomain(text, strlen(text));
}

bool kube_is_path_segment(const char *text) {
    return *text && strlen(text) <= LIMIT_NAME && strcmp(text, ".") != 0 && strcmp(text, "..") != 0 &&
           !strpbrk(text, "/%");
}

// The name part of a label key, or a label value that is not empty.
static bool is_label_word(const char *text, size_t len) {
    if (!len || len > LIMIT_LABEL_NAME || !is_alphanumeric(text[0]) || !is_alphanumeric(text[len - 1])) return false;
    for (size_t i = 0; i < len; i++)
        if (!is_alphanumeric(text[i]) && !strchr("-_.", text[i])) return false;
    return true;
}

bool kube_is_label_key(const char *text) {
    const char *slash = strchr(text, '/');
    if (!slash) return is_label_word(text, strlen(text));
    return is_subdomain(text, (size_t)(slash - text)) && is_label_word(slash + 1, strlen(slash + 1));
}

bool kube_is_label_value(const char *text) {
    return !*text || is_label_word(text, strlen(text));
}

bool kube_is_version(const char *text) {
    if (*text++ != 'v') return false;
    size_t digits = strspn(text, "0123456789");
    if (!digits) return false;
    text += digits;
    if (!*text) return true;
    if (strncmp(text, "alpha", 5) == 0)
        text += 5;
    else if (strncmp(text, "beta", 4) == 0)
        text += 4;
    else
        return false;
    digits = strspn(text, "0123456789");
    return digits && !text[digits];
}

bool kube_is_dns_1035_label(const char *text) {
    return kube_is_dns_label(text) && !(*text >= '0' && *text <= '9');
}

struct version {
    unsigned long major, minor;
    int stability; // alpha, beta, neither
};

static struct version parse_version(const char *text) {
    struct version version = {.stability = 2};
    char *end = NULL;
    version.major = strtoul(text + 1, &end, 10);
    if (!*end) return version;
    version.stability = *end == 'b';
    version.minor = strtoul(end + (*end == 'b' ? strlen("beta") : strlen("alpha")), NULL, 10);
    return version;
}

// CompareKubeAwareVersionStrings of apimachinery, pkg/version/helpers.go, turned around.
int kube_compare_versions(const char *a, const char *b) {
    const bool a_is_one = kube_is_version(a), b_is_one = kube_is_version(b);
    if (!a_is_one || !b_is_one) return a_is_one == b_is_one ? strcmp(a, b) : b_is_one - a_is_one;
    const struct version x = parse_version(a), y = parse_version(b);
    if (x.stability != y.stability) return y.stability - x.stability;
    if (x.major != y.major) return x.major < y.major ? 1 : -1;
    return (x.minor < y.minor) - (x.minor > y.minor);
}

bool kube_is_day(const char *text) {
    static const char form[] = "dddd-dd-dd";
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int numbers[3] = {0, 0, 0}; // year, month, day
    if (strlen(text) != sizeof form - 1) return false;
    for (size_t i = 0, part = 0; form[i]; i++) {
        const bool digit = text[i] >= '0' && text[i] <= '9';
        if (form[i] == 'd' ? !digit : text[i] != form[i]) return false;
        if (digit)
            numbers[part] = numbers[part] * 10 + text[i] - '0';
        else
            part++;
    }
    const int year = numbers[0], month = numbers[1], day = numbers[2];
    if (month < 1 || month > 12) return false;
    const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return day >= 1 && day <= days[month - 1] + (month == 2 && leap);
}
