// See pem.h. RFC 7468 for the text, X.690 for what is in it: of a certificate this walks to its validity and no
// further, since API servers look at all else themselves. A library would be many times as large as all of klockc, for
// one date.
#include "data/pem.h"

#include <stdint.h>
#include <string.h>

#include "base/arena.h"
#include "base/text.h"

// ---- base64 ----

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

enum { LINE = 64 };

// With a line end behind each LINE characters if `lines`.
static void encode(struct text *text, const unsigned char *bytes, size_t len, bool lines) {
    size_t written = 0;
    for (size_t i = 0; i < len; i += 3) {
        const uint32_t rest = (uint32_t)(len - i < 3 ? len - i : 3);
        const uint32_t group = (uint32_t)bytes[i] << 16 | (rest > 1 ? (uint32_t)bytes[i + 1] << 8 : 0) |
                               (rest > 2 ? (uint32_t)bytes[i + 2] : 0);
        const char four[] = {digits[group >> 18], digits[group >> 12 & 63], rest > 1 ? digits[group >> 6 & 63] : '=',
                             rest > 2 ? digits[group & 63] : '='};
        text_add(text, four, sizeof four);
        written += sizeof four;
        if (lines && (written % LINE == 0 || i + 3 >= len)) text_add_char(text, '\n');
    }
}

const char *base64_encode(struct arena *arena, const char *bytes, size_t len) {
    struct text text;
    text_init(&text, arena);
    encode(&text, (const unsigned char *)bytes, len, false);
    return text_string(&text);
}

const char *base64_decode(struct arena *arena, const char *text, size_t len, size_t *ret_len) {
    char *bytes = ARENA_ARRAY(arena, char, len / 4 * 3 + 4);
    uint32_t group = 0;
    size_t held = 0, padding = 0;
    *ret_len = 0;
    for (size_t i = 0; i < len; i++) {
        if (text[i] == ' ' || text[i] == '\t' || text[i] == '\r' || text[i] == '\n') continue;
        const char *digit = text[i] && text[i] != '=' ? memchr(digits, text[i], sizeof digits - 1) : NULL;
        if (text[i] == '=' ? held < 2 : !digit || padding) return NULL;
        padding += text[i] == '=';
        group = group << 6 | (digit ? (uint32_t)(digit - digits) : 0);
        if (++held < 4) continue;
        for (size_t k = 0; k + padding < 3; k++) bytes[(*ret_len)++] = (char)(group >> (16 - 8 * k));
        held = group = 0;
        if (padding > 2) return NULL;
    }
    return held ? NULL : bytes;
}

// ---- X.690 ----

struct der {
    const unsigned char *at, *end;
};

// What has this tag, and is next; NULL where something else is, or nothing.
static const unsigned char *enter(struct der *der, unsigned char tag, struct der *ret_inner) {
    const unsigned char *at = der->at;
    if (der->end - at < 2 || *at++ != tag) return NULL;
    size_t len = *at++;
    if (len & 0x80) {
        size_t count = len & 0x7f;
        if (!count || count > sizeof(uint32_t) || (size_t)(der->end - at) < count) return NULL;
        for (len = 0; count; count--) len = len << 8 | *at++;
    }
    if ((size_t)(der->end - at) < len) return NULL;
    *ret_inner = (struct der){at, at + len};
    der->at = at + len;
    return at;
}

static bool skip(struct der *der, unsigned char tag) {
    struct der inner;
    return enter(der, tag, &inner) != NULL;
}

enum { INTEGER = 0x02, UTC_TIME = 0x17, GENERALIZED_TIME = 0x18, SEQUENCE = 0x30, VERSION = 0xa0 };

// The day of a time; NULL when it is none.
static const char *read_day(struct arena *arena, struct der *der) {
    struct der time;
    const bool is_short = der->at < der->end && *der->at == UTC_TIME;
    if (!enter(der, is_short ? UTC_TIME : GENERALIZED_TIME, &time)) return NULL;
    const size_t year = is_short ? 2 : 4;
    if ((size_t)(time.end - time.at) < year + 5) return NULL;
    for (size_t i = 0; i < year + 4; i++)
        if (time.at[i] < '0' || time.at[i] > '9') return NULL;
    const char *century = !is_short ? "" : *time.at >= '5' ? "19" : "20"; // RFC 5280, 4.1.2.5.1
    const char *text = (const char *)time.at;
    return arena_printf(arena, "%s%.*s-%.2s-%.2s", century, (int)year, text, text + year, text + year + 2);
}

// The day on which the certificate is over; NULL when it is no certificate.
static const char *read_end(struct arena *arena, const char *bytes, size_t len) {
    const unsigned char *begin = (const unsigned char *)bytes;
    struct der all = {begin, begin + len}, certificate, signed_part, validity;
    if (!enter(&all, SEQUENCE, &certificate) || all.at != all.end) return NULL;
    if (!enter(&certificate, SEQUENCE, &signed_part)) return NULL;
    (void)skip(&signed_part, VERSION); // of the first version it is left out
    if (!skip(&signed_part, INTEGER) || !skip(&signed_part, SEQUENCE) || !skip(&signed_part, SEQUENCE)) return NULL;
    if (!enter(&signed_part, SEQUENCE, &validity) || !read_day(arena, &validity)) return NULL;
    return read_day(arena, &validity);
}

// ---- PEM ----

static const char begins[] = "-----BEGIN ", ends[] = "-----END ", dashes[] = "-----";

static const char *find(const char *bytes, const char *end, const char *wanted) {
    const size_t len = strlen(wanted);
    for (; (size_t)(end - bytes) >= len; bytes++)
        if (memcmp(bytes, wanted, len) == 0) return bytes;
    return NULL;
}

static bool has_word(const char *label, const char *word) {
    return strstr(label, word) != NULL;
}

enum pem_problem pem_read(struct arena *arena, const char *bytes, size_t len, struct pem *ret_pem) {
    const char *at = bytes, *end = bytes + len;
    struct text text;
    text_init(&text, arena);
    *ret_pem = (struct pem){0};
    while ((at = find(at, end, begins))) {
        const char *name = at + sizeof begins - 1, *close = find(name, end, dashes);
        if (!close || close - name > LINE) return PEM_BROKEN;
        const char *label = arena_copy(arena, name, (size_t)(close - name));
        if (has_word(label, "PRIVATE KEY")) return PEM_PRIVATE_KEY;
        ret_pem->label = label;
        if (strcmp(label, "CERTIFICATE") != 0) return PEM_OTHER;
        const char *body = close + sizeof dashes - 1, *stop = find(body, end, ends);
        size_t decoded = 0;
        const char *der = stop ? base64_decode(arena, body, (size_t)(stop - body), &decoded) : NULL;
        const char *until = der ? read_end(arena, der, decoded) : NULL;
        if (!until) return PEM_BROKEN;
        text_add_string(&text, "-----BEGIN CERTIFICATE-----\n");
        encode(&text, (const unsigned char *)der, decoded, true);
        text_add_string(&text, "-----END CERTIFICATE-----\n");
        if (!ret_pem->until || strcmp(until, ret_pem->until) < 0) ret_pem->until = until;
        ret_pem->count++;
        at = stop;
    }
    ret_pem->text = text_string(&text);
    return ret_pem->count ? PEM_FINE : PEM_EMPTY;
}
