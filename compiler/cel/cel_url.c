// URLs in CEL: read and written as Go's net/url does it.
#include <arpa/inet.h>
#include <string.h>

#include "base/arena.h"
#include "base/text.h"
#include "cel/cel_internal.h"

// What is percent-encoded differs between the parts of a URL.
enum mode { MODE_PATH, MODE_USER, MODE_HOST, MODE_ZONE, MODE_QUERY, MODE_FRAGMENT };

struct cel_url {
    struct cel_string scheme, opaque, user, password, host, path, raw_path, query, fragment, raw_fragment;
    bool has_user, has_password, has_query, omits_host;
};

enum reading { READ, REFUSED, DIFFERS };

struct reader {
    struct evaluation *e;
    struct cel_url *url;
};

// ---- pieces of text ----

static struct cel_string slice(struct cel_string text, size_t begin, size_t end) {
    if (begin == end) return (struct cel_string){"", 0};
    return (struct cel_string){text.bytes + begin, end - begin};
}

static size_t find(struct cel_string text, char c) {
    const char *found = text.len ? memchr(text.bytes, c, text.len) : NULL;
    return found ? (size_t)(found - text.bytes) : SIZE_MAX;
}

static size_t find_last(struct cel_string text, char c) {
    for (size_t i = text.len; i-- > 0;)
        if (text.bytes[i] == c) return i;
    return SIZE_MAX;
}

// Splits at the first such character; false when there is none.
static bool cut(struct cel_string text, char c, struct cel_string *ret_before, struct cel_string *ret_behind) {
    const size_t at = find(text, c);
    *ret_before = at == SIZE_MAX ? text : slice(text, 0, at);
    *ret_behind = at == SIZE_MAX ? slice(text, text.len, text.len) : slice(text, at + 1, text.len);
    return at != SIZE_MAX;
}

static bool begins(struct cel_string text, const char *prefix) {
    return text.len >= strlen(prefix) && memcmp(text.bytes, prefix, strlen(prefix)) == 0;
}

static bool is_alphanumeric(unsigned char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static bool is_one_of(unsigned char c, const char *set) {
    return c && strchr(set, c);
}

// ---- percent-encoding ----

static bool must_escape(unsigned char c, enum mode mode) {
    if (is_alphanumeric(c) || is_one_of(c, "-_.~")) return false;
    if ((mode == MODE_HOST || mode == MODE_ZONE) && is_one_of(c, "!$&'()*+,;=:[]<>\"")) return false;
    if (mode == MODE_FRAGMENT && is_one_of(c, "!()*")) return false;
    if (!is_one_of(c, "$&+,/:;=?@")) return true;
    switch (mode) {
    case MODE_PATH: return c == '?';
    case MODE_USER: return is_one_of(c, "@/?:");
    case MODE_FRAGMENT: return false;
    case MODE_HOST:
    case MODE_ZONE:
    case MODE_QUERY: break;
    }
    return true;
}

static int hex_of(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    const char lower = (char)(c | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

// The byte behind a percent sign, or -1 when it may not stand there.
static int read_escaped(struct cel_string text, size_t at, enum mode mode) {
    if (text.len - at < 3) return -1;
    const int high = hex_of(text.bytes[at + 1]), low = hex_of(text.bytes[at + 2]);
    if (high < 0 || low < 0) return -1;
    const int byte = high * 16 + low;
    const bool is_percent = byte == '%';
    if (mode == MODE_HOST && high < 8 && !is_percent) return -1;
    if (mode == MODE_ZONE && !is_percent && byte != ' ' && must_escape((unsigned char)byte, MODE_HOST)) return -1;
    return byte;
}

static bool unescape(struct evaluation *e, struct cel_string text, enum mode mode, struct cel_string *ret_text) {
    struct text out;
    text_init(&out, e->arena);
    for (size_t i = 0; i < text.len; i++) {
        const char c = text.bytes[i];
        const bool in_host = mode == MODE_HOST || mode == MODE_ZONE;
        if (c == '%') {
            const int byte = read_escaped(text, i, mode);
            if (byte < 0) return false;
            text_add_char(&out, (char)byte);
            i += 2;
        } else if (in_host && (unsigned char)c < 0x80 && must_escape((unsigned char)c, mode)) {
            return false;
        } else {
            text_add_char(&out, c == '+' && mode == MODE_QUERY ? ' ' : c);
        }
    }
    *ret_text = (struct cel_string){text_string(&out), out.len};
    return true;
}

static struct cel_string escape(struct evaluation *e, struct cel_string text, enum mode mode) {
    struct text out;
    text_init(&out, e->arena);
    for (size_t i = 0; i < text.len; i++) {
        const unsigned char c = (unsigned char)text.bytes[i];
        if (must_escape(c, mode))
            text_printf(&out, "%%%02X", c);
        else
            text_add_char(&out, (char)c);
    }
    return (struct cel_string){text_string(&out), out.len};
}

static bool is_valid_encoding(struct cel_string text, enum mode mode) {
    for (size_t i = 0; i < text.len; i++) {
        const unsigned char c = (unsigned char)text.bytes[i];
        if (!is_one_of(c, "!$&'()*+,;=:@[]%") && must_escape(c, mode)) return false;
    }
    return true;
}

// As it was written, if that is right, otherwise as it would be written.
static struct cel_string encoded(struct evaluation *e, struct cel_string raw, struct cel_string decoded,
                                 enum mode mode) {
    struct cel_string back;
    if (raw.len && is_valid_encoding(raw, mode) && unescape(e, raw, mode, &back) && val_same_text(back, decoded))
        return raw;
    return val_text_is(decoded, "*") ? decoded : escape(e, decoded, mode);
}

// ---- reading ----

// Where the text behind the scheme begins, or SIZE_MAX when it begins with a colon.
static size_t read_scheme(struct reader *r, struct cel_string text) {
    for (size_t i = 0; i < text.len; i++) {
        const unsigned char c = (unsigned char)text.bytes[i];
        const bool is_letter = is_alphanumeric(c) && !(c >= '0' && c <= '9');
        if (c == ':') {
            if (i == 0) return SIZE_MAX;
            char *scheme = arena_copy(r->e->arena, text.bytes, i);
            for (size_t k = 0; k < i; k++)
                if (scheme[k] >= 'A' && scheme[k] <= 'Z') scheme[k] = (char)(scheme[k] | 0x20);
            r->url->scheme = (struct cel_string){scheme, i};
            return i + 1;
        }
        if (!is_letter && !(i > 0 && (is_alphanumeric(c) || is_one_of(c, "+-.")))) return 0;
    }
    return 0;
}

static bool is_port(struct cel_string text) {
    for (size_t i = 1; i < text.len; i++)
        if (text.bytes[i] < '0' || text.bytes[i] > '9') return false;
    return !text.len || *text.bytes == ':';
}

static bool is_v6(struct cel_string text) {
    char copy[64];
    unsigned char bytes[16];
    struct cel_string address, zone;
    const bool has_zone = cut(text, '%', &address, &zone);
    if (address.len >= sizeof copy || (has_zone && !zone.len) || find(address, '\0') != SIZE_MAX) return false;
    if (address.len) memcpy(copy, address.bytes, address.len);
    copy[address.len] = '\0';
    return inet_pton(AF_INET6, copy, bytes) == 1;
}

static size_t find_zone(struct cel_string text) {
    for (size_t i = 0; i + 3 <= text.len; i++)
        if (memcmp(text.bytes + i, "%25", 3) == 0) return i;
    return text.len;
}

// Older releases take anything in brackets.
static enum reading read_bracketed(struct reader *r, struct cel_string host) {
    const size_t close = find_last(host, ']');
    if (close == SIZE_MAX) return REFUSED;
    const struct cel_string port = slice(host, close + 1, host.len), name = slice(host, 1, close);
    const size_t zone_at = find_zone(name);
    struct cel_string address, zone;
    if (!is_port(port) || !unescape(r->e, slice(name, 0, zone_at), MODE_HOST, &address) ||
        !unescape(r->e, slice(name, zone_at, name.len), MODE_ZONE, &zone))
        return REFUSED;
    struct text whole;
    text_init(&whole, r->e->arena);
    text_add_char(&whole, '[');
    text_add(&whole, address.bytes, address.len);
    text_add(&whole, zone.bytes, zone.len);
    if (!is_v6((struct cel_string){text_string(&whole) + 1, whole.len - 1})) return DIFFERS;
    text_add_char(&whole, ']');
    text_add(&whole, port.bytes, port.len);
    r->url->host = (struct cel_string){text_string(&whole), whole.len};
    return READ;
}

static enum reading read_host(struct reader *r, struct cel_string host) {
    const size_t bracket = find_last(host, '[');
    if (bracket == 0) return read_bracketed(r, host);
    if (bracket != SIZE_MAX) return REFUSED;
    const size_t first = find(host, ':'), last = find_last(host, ':');
    if (first != SIZE_MAX) {
        // Newer releases want a port behind the first colon of HTTP.
        const bool is_strict = val_text_is(r->url->scheme, "http") || val_text_is(r->url->scheme, "https");
        if (!is_port(slice(host, last, host.len))) return REFUSED;
        if (first != last && is_strict) return DIFFERS;
    }
    return unescape(r->e, host, MODE_HOST, &r->url->host) ? READ : REFUSED;
}

static bool read_user(struct reader *r, struct cel_string text) {
    struct cel_string user, password;
    for (size_t i = 0; i < text.len; i++)
        if (!is_alphanumeric((unsigned char)text.bytes[i]) &&
            !is_one_of((unsigned char)text.bytes[i], "-._:~!$&'()*+,;=%@"))
            return false;
    r->url->has_user = true;
    r->url->has_password = cut(text, ':', &user, &password);
    return unescape(r->e, user, MODE_USER, &r->url->user) && unescape(r->e, password, MODE_USER, &r->url->password);
}

static enum reading read_authority(struct reader *r, struct cel_string authority) {
    const size_t at = find_last(authority, '@');
    if (at == SIZE_MAX) return read_host(r, authority);
    const enum reading host = read_host(r, slice(authority, at + 1, authority.len));
    if (host != READ) return host;
    return read_user(r, slice(authority, 0, at)) ? READ : REFUSED;
}

static struct cel_string read_query(struct reader *r, struct cel_string rest) {
    struct cel_string before, behind;
    r->url->has_query = cut(rest, '?', &before, &behind);
    r->url->query = behind;
    return before;
}

static enum reading read_parts(struct reader *r, struct cel_string text, bool via_request) {
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.bytes[i] < ' ' || text.bytes[i] == 0x7f) return REFUSED;
    if (!text.len) return via_request ? REFUSED : READ;
    if (val_text_is(text, "*")) {
        r->url->path = text;
        return READ;
    }
    const size_t behind_scheme = read_scheme(r, text);
    if (behind_scheme == SIZE_MAX) return REFUSED;
    struct cel_string rest = read_query(r, slice(text, behind_scheme, text.len)), segment, more;
    const bool has_scheme = r->url->scheme.len > 0;
    if (!begins(rest, "/")) {
        if (has_scheme) r->url->opaque = rest;
        if (has_scheme) return READ;
        cut(rest, '/', &segment, &more);
        if (via_request || find(segment, ':') != SIZE_MAX) return REFUSED;
    }
    if (begins(rest, "//") && (has_scheme || (!via_request && !begins(rest, "///")))) {
        const struct cel_string authority = slice(rest, 2, rest.len);
        const size_t slash = find(authority, '/'), end = slash == SIZE_MAX ? authority.len : slash;
        const enum reading reading = read_authority(r, slice(authority, 0, end));
        if (reading != READ) return reading;
        rest = slice(authority, end, authority.len);
    } else {
        r->url->omits_host = has_scheme;
    }
    r->url->raw_path = rest;
    return unescape(r->e, rest, MODE_PATH, &r->url->path) ? READ : REFUSED;
}

// Whether it is a URI of a request; one with a fragment is read again, in two parts.
static enum reading read_url(struct evaluation *e, struct cel_string text, struct cel_url *url) {
    *url = (struct cel_url){0};
    struct reader r = {e, url};
    const enum reading reading = read_parts(&r, text, true);
    if (reading != READ) return reading;
    struct cel_string before, fragment;
    *url = (struct cel_url){0};
    cut(text, '#', &before, &fragment);
    url->raw_fragment = fragment;
    if (!unescape(e, fragment, MODE_FRAGMENT, &url->fragment)) return REFUSED;
    return read_parts(&r, before, false);
}

bool val_is_request_uri(struct evaluation *e, struct cel_string text, bool *ret_differs) {
    struct cel_url url = {0};
    struct reader r = {e, &url};
    const enum reading reading = read_parts(&r, text, true);
    *ret_differs = reading == DIFFERS;
    return reading == READ;
}

// ---- writing ----

static void add(struct text *text, struct cel_string part) {
    if (part.len) text_add(text, part.bytes, part.len);
}

static void print_authority(struct evaluation *e, struct text *text, const struct cel_url *url) {
    if (!url->scheme.len && !url->host.len && !url->has_user) return;
    if (url->omits_host && !url->host.len && !url->has_user) return;
    if (url->host.len || url->path.len || url->has_user) text_add_string(text, "//");
    if (url->has_user) {
        add(text, escape(e, url->user, MODE_USER));
        if (url->has_password) text_add_char(text, ':');
        if (url->has_password) add(text, escape(e, url->password, MODE_USER));
        text_add_char(text, '@');
    }
    add(text, escape(e, url->host, MODE_HOST));
}

static struct cel_string print_url(struct evaluation *e, const struct cel_url *url) {
    struct text text;
    text_init(&text, e->arena);
    add(&text, url->scheme);
    if (url->scheme.len) text_add_char(&text, ':');
    if (url->opaque.len) {
        add(&text, url->opaque);
    } else {
        print_authority(e, &text, url);
        const struct cel_string path = encoded(e, url->raw_path, url->path, MODE_PATH);
        if (path.len && *path.bytes != '/' && url->host.len) text_add_char(&text, '/');
        add(&text, path);
    }
    if (url->has_query) text_add_char(&text, '?');
    add(&text, url->query);
    if (url->fragment.len) text_add_char(&text, '#');
    add(&text, encoded(e, url->raw_fragment, url->fragment, MODE_FRAGMENT));
    return (struct cel_string){text_string(&text), text.len};
}

bool val_equal_urls(struct evaluation *e, const struct cel_url *a, const struct cel_url *b) {
    return val_same_text(print_url(e, a), print_url(e, b));
}

// ---- calls ----

// What is encoded may be bytes of any kind, which strings are not here.
static val string_of(struct cel_string text) {
    if (utf8_valid_prefix(text.bytes, text.len) != text.len)
        return val_error("klockc does not evaluate a part of a URL that is not UTF-8");
    return val_of_string(text.len ? text.bytes : "", text.len);
}

static struct cel_string port_of(struct cel_string host, struct cel_string *ret_name) {
    const size_t colon = find_last(host, ':');
    const bool has_port = colon != SIZE_MAX && is_port(slice(host, colon, host.len));
    struct cel_string name = has_port ? slice(host, 0, colon) : host;
    if (name.len >= 2 && *name.bytes == '[' && name.bytes[name.len - 1] == ']') name = slice(name, 1, name.len - 1);
    *ret_name = name;
    return has_port ? slice(host, colon + 1, host.len) : slice(host, host.len, host.len);
}

static val add_parameter(struct evaluation *e, val *map, struct cel_string key, struct cel_string value) {
    val k = string_of(key), v = string_of(value), list;
    if (k.kind == CEL_KIND_ERROR) return k;
    if (v.kind == CEL_KIND_ERROR) return v;
    if (!val_map_find(e, *map, k, &list)) list = (val){.kind = CEL_KIND_LIST};
    val_push(e, &list, v);
    val_set(e, map, k, list);
    return v;
}

// Pairs that are not right are passed over.
static val parameters(struct evaluation *e, struct cel_string query) {
    val map = {.kind = CEL_KIND_MAP};
    while (query.len) {
        struct cel_string pair, raw_key, raw_value, key, value;
        cut(query, '&', &pair, &query);
        if (!pair.len || find(pair, ';') != SIZE_MAX) continue;
        cut(pair, '=', &raw_key, &raw_value);
        if (!unescape(e, raw_key, MODE_QUERY, &key) || !unescape(e, raw_value, MODE_QUERY, &value)) continue;
        const val added = add_parameter(e, &map, key, value);
        if (added.kind == CEL_KIND_ERROR) return added;
    }
    return map;
}

static val call_on_text(struct evaluation *e, enum cel_function function, struct cel_string text) {
    struct cel_url *url = ARENA_NEW(e->arena, struct cel_url);
    bool differs = false;
    if (!cel_spend(e, text.len * 4)) return cel_too_long();
    const bool is_one = val_is_request_uri(e, text, &differs);
    if (differs) return cel_differs();
    if (function == CEL_FN_IS_URL) return val_of_bool(is_one);
    if (!is_one || read_url(e, text, url) != READ) return val_error("the text is not a URL");
    return (val){.kind = CEL_KIND_URL, .as.url = url};
}

val cel_call_url(struct evaluation *e, const struct cel_node *node, const val *args, size_t count) {
    (void)count;
    if (args[0].kind == CEL_KIND_STRING) return call_on_text(e, node->function, args[0].as.string);
    if (args[0].kind != CEL_KIND_URL) return val_no_overload();
    const struct cel_url *url = args[0].as.url;
    struct cel_string name;
    const struct cel_string port = port_of(url->host, &name);
    if (!cel_spend(e, url->path.len + url->query.len + url->host.len)) return cel_too_long();
    switch ((int)node->function) {
    case CEL_FN_GET_SCHEME: return string_of(url->scheme);
    case CEL_FN_GET_HOST: return string_of(url->host);
    case CEL_FN_GET_HOSTNAME: return string_of(name);
    case CEL_FN_GET_PORT: return string_of(port);
    case CEL_FN_GET_ESCAPED_PATH: return string_of(encoded(e, url->raw_path, url->path, MODE_PATH));
    case CEL_FN_GET_QUERY: return parameters(e, url->query);
    default: return val_no_overload();
    }
}
