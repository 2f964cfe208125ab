// IP addresses and networks in CEL, as Kubernetes takes them: no zones, no IPv4 in IPv6.
#include <arpa/inet.h>
#include <string.h>

#include "base/arena.h"
#include "base/text.h"
#include "cel/cel_internal.h"

// ---- reading ----

static bool is_mapped(const struct cel_address *address) {
    static const unsigned char prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    return address->is_v6 && memcmp(address->bytes, prefix, sizeof prefix) == 0;
}

static bool read_address(struct cel_string text, struct cel_address *ret_address) {
    char copy[INET6_ADDRSTRLEN + 1];
    *ret_address = (struct cel_address){0};
    if (!text.len || text.len >= sizeof copy || memchr(text.bytes, '\0', text.len)) return false;
    memcpy(copy, text.bytes, text.len);
    copy[text.len] = '\0';
    ret_address->is_v6 = strchr(copy, ':') != NULL;
    return inet_pton(ret_address->is_v6 ? AF_INET6 : AF_INET, copy, ret_address->bytes) == 1 && !is_mapped(ret_address);
}

static bool read_network(struct cel_string text, struct cel_address *ret_network) {
    size_t slash = text.len;
    while (slash && text.bytes[slash - 1] != '/') slash--;
    if (!slash || !read_address((struct cel_string){text.bytes, slash - 1}, ret_network)) return false;
    const char *digits = text.bytes + slash;
    const size_t count = text.len - slash;
    int bits = 0;
    if (!count || count > 3 || (count > 1 && *digits == '0')) return false;
    for (size_t i = 0; i < count; i++) {
        if (digits[i] < '0' || digits[i] > '9') return false;
        bits = bits * 10 + digits[i] - '0';
    }
    ret_network->bits = (unsigned char)bits;
    return bits <= (ret_network->is_v6 ? 128 : 32);
}

// ---- writing ----

static unsigned group_at(const struct cel_address *address, size_t i) {
    return (unsigned)address->bytes[i * 2] << 8 | address->bytes[i * 2 + 1];
}

// The first of the longest runs of at least two groups of zeros; *ret_count is 0 when there is none.
static size_t longest_zeros(const struct cel_address *address, size_t *ret_count) {
    size_t begin = 0;
    *ret_count = 0;
    for (size_t i = 0; i < 8; i++) {
        size_t end = i;
        while (end < 8 && group_at(address, end) == 0) end++;
        if (end - i < 2 || end - i <= *ret_count) continue;
        begin = i;
        *ret_count = end - i;
    }
    return begin;
}

static void print_v6(struct text *text, const struct cel_address *address) {
    size_t count = 0;
    const size_t zeros = longest_zeros(address, &count);
    for (size_t i = 0; i < 8; i++) {
        if (count && i == zeros) {
            text_add_string(text, "::");
            i += count - 1;
            continue;
        }
        if (i && !(count && i == zeros + count)) text_add_char(text, ':');
        text_printf(text, "%x", group_at(address, i));
    }
}

val val_print_address(struct evaluation *e, val v) {
    const struct cel_address *address = &v.as.address;
    struct text text;
    text_init(&text, e->arena);
    if (address->is_v6)
        print_v6(&text, address);
    else
        text_printf(&text, "%u.%u.%u.%u", address->bytes[0], address->bytes[1], address->bytes[2], address->bytes[3]);
    if (v.kind == CEL_KIND_CIDR) text_printf(&text, "/%u", address->bits);
    return val_of_text(&text);
}

// ---- what they are ----

bool val_equal_addresses(struct cel_address a, struct cel_address b) {
    return a.is_v6 == b.is_v6 && a.bits == b.bits && memcmp(a.bytes, b.bytes, sizeof a.bytes) == 0;
}

static struct cel_address masked(struct cel_address address, unsigned bits) {
    for (unsigned i = 0; i < 16; i++) {
        const unsigned kept = bits > i * 8 ? bits - i * 8 : 0;
        if (kept < 8) address.bytes[i] &= (unsigned char)(0xff00 >> kept);
    }
    return address;
}

static bool contains(struct cel_address network, struct cel_address other) {
    struct cel_address a = masked(network, network.bits), b = masked(other, network.bits);
    a.bits = b.bits = 0;
    return val_equal_addresses(a, b);
}

static bool is_unspecified(const struct cel_address *a) {
    for (size_t i = 0; i < 16; i++)
        if (a->bytes[i]) return false;
    return true;
}

static bool is_loopback(const struct cel_address *a) {
    if (!a->is_v6) return a->bytes[0] == 127;
    struct cel_address rest = *a;
    rest.bytes[15] = 0;
    return a->bytes[15] == 1 && is_unspecified(&rest);
}

static bool is_multicast(const struct cel_address *a) {
    return a->is_v6 ? a->bytes[0] == 0xff : (a->bytes[0] & 0xf0) == 0xe0;
}

static bool is_local_multicast(const struct cel_address *a) {
    if (a->is_v6) return a->bytes[0] == 0xff && (a->bytes[1] & 0x0f) == 0x02;
    return a->bytes[0] == 224 && a->bytes[1] == 0 && a->bytes[2] == 0;
}

static bool is_local_unicast(const struct cel_address *a) {
    if (a->is_v6) return a->bytes[0] == 0xfe && (a->bytes[1] & 0xc0) == 0x80;
    return a->bytes[0] == 169 && a->bytes[1] == 254;
}

static bool is_global_unicast(const struct cel_address *a) {
    static const unsigned char broadcast[4] = {255, 255, 255, 255};
    if (!a->is_v6 && memcmp(a->bytes, broadcast, sizeof broadcast) == 0) return false;
    return !is_unspecified(a) && !is_loopback(a) && !is_multicast(a) && !is_local_unicast(a);
}

// ---- calls ----

static val call_on_text(struct evaluation *e, enum cel_function function, struct cel_string text) {
    struct cel_address address;
    const bool is_network = function == CEL_FN_CIDR || function == CEL_FN_IS_CIDR;
    const bool is_one = is_network ? read_network(text, &address) : read_address(text, &address);
    if (function == CEL_FN_IS_IP || function == CEL_FN_IS_CIDR) return val_of_bool(is_one);
    if (!is_one) return val_error(is_network ? "the text is not a network address" : "the text is not an IP address");
    const val v = {.kind = is_network ? CEL_KIND_CIDR : CEL_KIND_IP, .as.address = address};
    if (function != CEL_FN_IP_IS_CANONICAL) return v;
    return val_of_bool(val_same_text(val_print_address(e, v).as.string, text));
}

static val call_on_address(enum cel_function function, const struct cel_address *a) {
    switch ((int)function) {
    case CEL_FN_FAMILY: return val_of_int(a->is_v6 ? 6 : 4);
    case CEL_FN_IS_UNSPECIFIED: return val_of_bool(is_unspecified(a));
    case CEL_FN_IS_LOOPBACK: return val_of_bool(is_loopback(a));
    case CEL_FN_IS_LINK_LOCAL_MULTICAST: return val_of_bool(is_local_multicast(a));
    case CEL_FN_IS_LINK_LOCAL_UNICAST: return val_of_bool(is_local_unicast(a));
    case CEL_FN_IS_GLOBAL_UNICAST: return val_of_bool(is_global_unicast(a));
    default: return val_no_overload();
    }
}

static val call_on_network(struct evaluation *e, enum cel_function function, const val *args, size_t count) {
    const struct cel_address network = args[0].as.address;
    val other = count > 1 ? args[1] : args[0];
    if (other.kind == CEL_KIND_STRING)
        other = call_on_text(e, function == CEL_FN_CONTAINS_IP ? CEL_FN_IP : CEL_FN_CIDR, other.as.string);
    if (other.kind == CEL_KIND_ERROR) return other;
    struct cel_address address = network;
    switch ((int)function) {
    case CEL_FN_IP: address.bits = 0; return (val){.kind = CEL_KIND_IP, .as.address = address};
    case CEL_FN_PREFIX_LENGTH: return val_of_int(network.bits);
    case CEL_FN_MASKED: return (val){.kind = CEL_KIND_CIDR, .as.address = masked(network, network.bits)};
    case CEL_FN_CONTAINS_IP:
        return other.kind == CEL_KIND_IP ? val_of_bool(contains(network, other.as.address)) : val_no_overload();
    case CEL_FN_CONTAINS_CIDR:
        if (other.kind != CEL_KIND_CIDR) return val_no_overload();
        return val_of_bool(network.bits <= other.as.address.bits && contains(network, other.as.address));
    default: return val_no_overload();
    }
}

val cel_call_address(struct evaluation *e, const struct cel_node *node, const val *args, size_t count) {
    if (args[0].kind == CEL_KIND_STRING) return call_on_text(e, node->function, args[0].as.string);
    if (args[0].kind == CEL_KIND_IP) return call_on_address(node->function, &args[0].as.address);
    return args[0].kind == CEL_KIND_CIDR ? call_on_network(e, node->function, args, count) : val_no_overload();
}
