// Functions of CEL on strings, those of cel-go's extensions among them.
#include <string.h>

#include "base/arena.h"
#include "base/text.h"
#include "cel/cel_internal.h"
#include "data/regex.h"

// ---- strings ----

static size_t characters(struct cel_string string) {
    return utf8_length(string.bytes, string.len);
}

// The byte where the character begins that many characters from the start; the string's end when there are fewer.
static size_t byte_of(struct cel_string string, size_t character) {
    size_t at = 0;
    while (character-- && at < string.len) utf8_next(string.bytes, string.len, &at);
    return at;
}

static struct cel_string part(struct cel_string string, size_t begin, size_t end) {
    return (struct cel_string){string.bytes + begin, end - begin};
}

static bool starts_with(struct cel_string string, struct cel_string prefix) {
    return prefix.len <= string.len && val_same_text(part(string, 0, prefix.len), prefix);
}

// The byte where `what` is found at or behind the byte `from`, or SIZE_MAX.
static size_t find_bytes(struct cel_string string, struct cel_string what, size_t from) {
    for (size_t at = from; what.len <= string.len && at <= string.len - what.len; at++)
        if (val_same_text(part(string, at, at + what.len), what)) return at;
    return SIZE_MAX;
}

static val out_of_range(void) {
    return val_error("index out of range");
}

// cel-go answered differently before some releases: for an empty text outside of the other one, and at its end.
enum { EMPTY_IS_CLAMPED_SINCE = 37, SHORT_IS_NO_ERROR_SINCE = 34, END_IS_NO_ERROR_SINCE = 33 };

static bool index_differs(const struct evaluation *e, struct cel_string string, struct cel_string what, int64_t from) {
    const size_t count = characters(string);
    const bool is_outside = from < 0 || (uint64_t)from > count;
    if (!what.len) return is_outside && e->minor < EMPTY_IS_CLAMPED_SINCE;
    return from >= 0 && (uint64_t)from >= count && e->minor < END_IS_NO_ERROR_SINCE;
}

static val string_index_of(const struct evaluation *e, struct cel_string string, struct cel_string what, int64_t from) {
    if (index_differs(e, string, what, from)) return cel_differs();
    if (from < 0) return out_of_range();
    const size_t count = characters(string);
    const size_t begin = (uint64_t)from > count ? count : (size_t)from;
    if (!what.len) return val_of_int((int64_t)begin);
    const size_t found = find_bytes(string, what, byte_of(string, begin));
    return val_of_int(found == SIZE_MAX ? -1 : (int64_t)characters(part(string, 0, found)));
}

static val string_last_index_of(const struct evaluation *e, struct cel_string string, struct cel_string what,
                                int64_t from) {
    if (index_differs(e, string, what, from)) return cel_differs();
    if (from < 0) return out_of_range();
    const size_t count = characters(string);
    if (!what.len) return val_of_int((uint64_t)from > count ? (int64_t)count : from);
    if ((uint64_t)from >= count) return val_of_int(-1);
    const size_t last = byte_of(string, (size_t)from);
    for (size_t at = last + 1; at-- > 0;)
        if (string.len - at >= what.len && val_same_text(part(string, at, at + what.len), what))
            return val_of_int((int64_t)characters(part(string, 0, at)));
    return val_of_int(-1);
}

static val substring(struct cel_string string, int64_t begin, int64_t end) {
    const int64_t count = (int64_t)characters(string);
    if (begin > end || begin < 0 || begin > count || end > count) return out_of_range();
    const struct cel_string found = part(string, byte_of(string, (size_t)begin), byte_of(string, (size_t)end));
    return val_of_string(found.bytes, found.len);
}

static val char_at(struct cel_string string, int64_t index) {
    const int64_t count = (int64_t)characters(string);
    if (index < 0 || index > count) return out_of_range();
    return index == count ? val_of_string("", 0) : substring(string, index, index + 1);
}

static val change_case(struct evaluation *e, struct cel_string string, char first, char last) {
    char *changed = arena_copy(e->arena, string.bytes, string.len);
    for (size_t i = 0; i < string.len; i++)
        if (changed[i] >= first && changed[i] <= last) changed[i] = (char)(changed[i] ^ 0x20);
    return val_of_string(changed, string.len);
}

static bool is_space(uint32_t c) {
    return (c >= '\t' && c <= '\r') || c == ' ' || c == 0x85 || c == 0xa0 || c == 0x1680 ||
           (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x202f || c == 0x205f || c == 0x3000;
}

static val trim(struct cel_string string) {
    size_t begin = SIZE_MAX, end = 0;
    for (size_t at = 0; at < string.len;) {
        const size_t here = at;
        if (is_space(utf8_next(string.bytes, string.len, &at))) continue;
        if (begin == SIZE_MAX) begin = here;
        end = at;
    }
    return begin == SIZE_MAX ? val_of_string("", 0) : val_of_string(string.bytes + begin, end - begin);
}

static val replace(struct evaluation *e, struct cel_string string, struct cel_string old, struct cel_string new,
                   int64_t times) {
    struct text text;
    text_init(&text, e->arena);
    size_t at = 0;
    for (; times != 0; times--) {
        // Nothing is found before every character and at the end.
        const size_t found = find_bytes(string, old, at);
        if (found == SIZE_MAX) break;
        text_add(&text, string.bytes + at, found - at);
        if (!cel_spend(e, new.len + 1)) return cel_too_long();
        text_add(&text, new.bytes, new.len);
        at = found + old.len;
        if (old.len) continue;
        if (at >= string.len) return val_of_text(&text);
        const size_t before = at;
        utf8_next(string.bytes, string.len, &at);
        text_add(&text, string.bytes + before, at - before);
    }
    text_add(&text, string.bytes + at, string.len - at);
    return val_of_text(&text);
}

static val split(struct evaluation *e, struct cel_string string, struct cel_string separator, int64_t limit) {
    val list = {.kind = CEL_KIND_LIST};
    if (limit == 0) return list;
    size_t at = 0;
    while (limit < 0 || (int64_t)list.as.list.count < limit - 1) {
        size_t end = 0, next = 0;
        if (separator.len) {
            end = find_bytes(string, separator, at);
            if (end == SIZE_MAX) break;
            next = end + separator.len;
        } else {
            if (at >= string.len) return list;
            next = at;
            utf8_next(string.bytes, string.len, &next);
            if (next == string.len) break;
            end = next;
        }
        val_push(e, &list, val_of_string(string.bytes + at, end - at));
        at = next;
    }
    if (separator.len || at < string.len) val_push(e, &list, val_of_string(string.bytes + at, string.len - at));
    return list;
}

// A character of a text may cost a step in each instruction of the pattern.
static bool spend_matching(struct evaluation *e, const struct regex *regex, size_t len) {
    enum { INSTRUCTIONS_PER_STEP = 16 };
    return cel_spend(e, (len + 1) * (regex_size(regex) / INSTRUCTIONS_PER_STEP + 1));
}

// The pattern of the call, compiled; NULL with an error.
static const struct regex *regex_of(struct evaluation *e, const struct cel_node *node, struct cel_string pattern,
                                    val *ret_error) {
    const struct regex *regex = node->regex;
    const char *why = "a pattern with a NUL";
    size_t offset = 0;
    if (!regex && (!pattern.len || !memchr(pattern.bytes, '\0', pattern.len)))
        regex = regex_compile(e->arena, arena_copy(e->arena, pattern.bytes, pattern.len), &why, &offset);
    *ret_error = val_error(why);
    if (!regex) return NULL;
    *ret_error = cel_too_long();
    return cel_spend(e, pattern.len + regex_size(regex)) ? regex : NULL;
}

static val matches(struct evaluation *e, const struct cel_node *node, struct cel_string string,
                   struct cel_string pattern) {
    val error;
    const struct regex *regex = regex_of(e, node, pattern, &error);
    if (!regex) return error;
    if (!spend_matching(e, regex, string.len)) return cel_too_long();
    return val_of_bool(regex_match(regex, string.bytes, string.len, e->arena));
}

static val find_all(struct evaluation *e, const struct regex *regex, struct cel_string string, int64_t limit) {
    val list = {.kind = CEL_KIND_LIST};
    struct regex_finder *finder = regex_finder(regex, e->arena);
    struct regex_found found = {0, 0};
    for (size_t from = 0, last_end = SIZE_MAX; from <= string.len && limit != 0;) {
        if (!spend_matching(e, regex, string.len - from)) return cel_too_long();
        if (!regex_find(finder, string.bytes, string.len, from, &found)) break;
        // Nothing right behind what was found is not found again.
        const bool again = found.begin == found.end && found.begin == last_end;
        if (!again) {
            val_push(e, &list, val_of_string(string.bytes + found.begin, found.end - found.begin));
            limit--;
        }
        last_end = found.end;
        from = found.end;
        if (found.begin != found.end) continue;
        if (from == string.len) break;
        utf8_next(string.bytes, string.len, &from);
    }
    return list;
}

val cel_call_find(struct evaluation *e, const struct cel_node *node, const val *args, size_t count) {
    if (args[0].kind != CEL_KIND_STRING || args[1].kind != CEL_KIND_STRING) return val_no_overload();
    if (count == 3 && args[2].kind != CEL_KIND_INT) return val_no_overload();
    val error;
    const struct regex *regex = regex_of(e, node, args[1].as.string, &error);
    if (!regex) return error;
    const bool all = node->function == CEL_FN_FIND_ALL;
    const val list = find_all(e, regex, args[0].as.string, !all ? 1 : count == 3 ? args[2].as.integer : -1);
    if (all || list.kind == CEL_KIND_ERROR) return list;
    return val_list_count(list) ? val_list_item(list, 0) : val_of_string("", 0);
}

// ---- calls ----

static bool all_strings(const val *args, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (args[i].kind != CEL_KIND_STRING) return false;
    return true;
}

// Functions of strings: the kinds of the arguments beyond the count of strings are one integer.
val cel_call_string(struct evaluation *e, const struct cel_node *node, const val *args, size_t count) {
    if (args[0].kind != CEL_KIND_STRING) return val_no_overload();
    const struct cel_string s = args[0].as.string;
    const bool has_int = count > 1 && args[count - 1].kind == CEL_KIND_INT;
    const int64_t last = has_int ? args[count - 1].as.integer : -1;
    const size_t strings = has_int ? count - 1 : count;
    switch ((int)node->function) {
    case CEL_FN_SUBSTRING:
        if (count < 2 || args[1].kind != CEL_KIND_INT || !has_int) return val_no_overload();
        return substring(s, args[1].as.integer, count == 3 ? last : (int64_t)characters(s));
    case CEL_FN_CHAR_AT: return has_int ? char_at(s, last) : val_no_overload();
    default: break;
    }
    if (!all_strings(args, strings)) return val_no_overload();
    const struct cel_string t = strings > 1 ? args[1].as.string : (struct cel_string){"", 0};
    if (!cel_spend(e, s.len)) return cel_too_long();
    switch ((int)node->function) {
    case CEL_FN_LOWER_ASCII: return change_case(e, s, 'A', 'Z');
    case CEL_FN_UPPER_ASCII: return change_case(e, s, 'a', 'z');
    case CEL_FN_TRIM: return trim(s);
    default: break;
    }
    if (strings < 2) return val_no_overload();
    switch ((int)node->function) {
    case CEL_FN_REPLACE: return strings < 3 ? val_no_overload() : replace(e, s, t, args[2].as.string, last);
    case CEL_FN_SPLIT: return split(e, s, t, last);
    case CEL_FN_INDEX_OF: return string_index_of(e, s, t, has_int ? last : 0);
    case CEL_FN_LAST_INDEX_OF: {
        const int64_t end = (int64_t)characters(s);
        if (!has_int && !t.len) return val_of_int(end);
        if (!has_int && !end && e->minor < SHORT_IS_NO_ERROR_SINCE) return cel_differs();
        return !has_int && s.len < t.len ? val_of_int(-1) : string_last_index_of(e, s, t, has_int ? last : end - 1);
    }
    default: break;
    }
    if (has_int) return val_no_overload();
    switch ((int)node->function) {
    case CEL_FN_CONTAINS: return val_of_bool(find_bytes(s, t, 0) != SIZE_MAX);
    case CEL_FN_STARTS_WITH: return val_of_bool(starts_with(s, t));
    case CEL_FN_ENDS_WITH: return val_of_bool(t.len <= s.len && val_same_text(part(s, s.len - t.len, s.len), t));
    case CEL_FN_MATCHES: return matches(e, node, s, t);
    default: return val_no_overload();
    }
}
