// Timestamps and durations of CEL: read and written as Go's time package does it, reckoned with as cel-go does it.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/text.h"
#include "cel/cel_internal.h"
#include "data/calendar.h"
#include "data/timezone.h"

enum { SECOND = 1000000000, DAY = 86400 };
static const int64_t min_seconds = -62135596800, max_seconds = 253402300799; // the years 1 to 9999

static val out_of_range(void) {
    return val_error("timestamp overflow");
}

static val time_of(int64_t seconds, int64_t nanos, int32_t offset) {
    if (seconds < min_seconds || seconds > max_seconds) return out_of_range();
    return (val){.kind = CEL_KIND_TIMESTAMP, .as.time = {seconds, (int32_t)nanos, offset}};
}

val val_time_of_seconds(int64_t seconds) {
    return time_of(seconds, 0, 0);
}

// ---- reading timestamps: RFC 3339 as Go reads it ----

struct reader {
    const char *at, *end;
    bool failed;
};

static bool is_digit(const struct reader *r, size_t ahead) {
    return (size_t)(r->end - r->at) > ahead && r->at[ahead] >= '0' && r->at[ahead] <= '9';
}

static int read_digits(struct reader *r, size_t count, int min, int max) {
    int number = 0;
    for (size_t i = 0; i < count; i++) {
        if (!is_digit(r, 0)) r->failed = true;
        if (r->failed) return min;
        number = number * 10 + *r->at++ - '0';
    }
    if (number < min || number > max) r->failed = true;
    return number;
}

static void read_char(struct reader *r, char c) {
    if (r->at == r->end || *r->at++ != c) r->failed = true;
}

// Digits beyond the ninth are read and do not count.
static int read_nanos(struct reader *r) {
    if (r->end - r->at < 2 || (*r->at != '.' && *r->at != ',') || !is_digit(r, 1)) return 0;
    int nanos = 0, scale = SECOND;
    for (r->at++; is_digit(r, 0); r->at++) {
        scale /= 10;
        nanos += (*r->at - '0') * scale;
    }
    return nanos;
}

static int read_offset(struct reader *r) {
    if (r->at < r->end && *r->at == 'Z') {
        r->at++;
        return 0;
    }
    const bool is_west = r->at < r->end && *r->at == '-';
    read_char(r, is_west ? '-' : '+');
    const int hours = read_digits(r, 2, 0, 24);
    read_char(r, ':');
    const int minutes = read_digits(r, 2, 0, 60);
    return (hours * 60 + minutes) * (is_west ? -60 : 60);
}

val val_parse_time(struct cel_string text) {
    struct reader r = {text.bytes, text.bytes + text.len, false};
    struct date date = {.year = read_digits(&r, 4, 0, 9999)};
    read_char(&r, '-');
    date.month = read_digits(&r, 2, 1, 12);
    read_char(&r, '-');
    date.day = read_digits(&r, 2, 1, r.failed ? 31 : calendar_days_in(date.year, date.month));
    read_char(&r, 'T');
    // Go takes an hour of one digit.
    const int hours = read_digits(&r, is_digit(&r, 1) ? 2 : 1, 0, 23);
    read_char(&r, ':');
    const int minutes = read_digits(&r, 2, 0, 59);
    read_char(&r, ':');
    const int seconds = read_digits(&r, 2, 0, 59);
    const int nanos = read_nanos(&r);
    const int offset = read_offset(&r);
    if (r.failed || r.at != r.end) return val_error("the text is not a timestamp");
    return time_of(calendar_days(date) * DAY + hours * 3600 + minutes * 60 + seconds - offset, nanos, offset);
}

// ---- writing timestamps ----

// What a clock in the zone shows.
struct clock {
    struct date date;
    int64_t days; // since 1970
    int seconds;  // of the day
};

static struct clock clock_of(int64_t seconds, int64_t offset) {
    const int64_t local = seconds + offset;
    const int64_t days = local / DAY - (local % DAY < 0);
    return (struct clock){calendar_date(days), days, (int)(local - days * DAY)};
}

val val_print_time(struct evaluation *e, struct cel_time time) {
    const struct clock clock = clock_of(time.seconds, time.offset);
    struct text text;
    text_init(&text, e->arena);
    text_printf(&text, "%04lld-%02d-%02dT%02d:%02d:%02d", (long long)clock.date.year, clock.date.month, clock.date.day,
                clock.seconds / 3600, clock.seconds / 60 % 60, clock.seconds % 60);
    if (time.nanos) {
        text_printf(&text, ".%09d", time.nanos);
        while (text.data[text.len - 1] == '0') text.data[--text.len] = '\0';
    }
    const int minutes = abs(time.offset / 60);
    if (time.offset)
        text_printf(&text, "%c%02d:%02d", time.offset < 0 ? '-' : '+', minutes / 60, minutes % 60);
    else
        text_add_char(&text, 'Z');
    return val_of_text(&text);
}

// ---- durations: 1h30m, 1.5s, -2ms ----

static uint64_t unit_of(struct cel_string unit) {
    static const struct {
        const char *name;
        uint64_t nanos;
    } units[] = {{"ns", 1},       {"us", 1000},  {"\xc2\xb5s", 1000},          {"\xce\xbcs", 1000},
                 {"ms", 1000000}, {"s", SECOND}, {"m", 60 * (uint64_t)SECOND}, {"h", 3600 * (uint64_t)SECOND}};
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (val_text_is(unit, units[i].name)) return units[i].nanos;
    return 0;
}

static const uint64_t beyond = (uint64_t)1 << 63;

// One number with its unit, in nanoseconds; more than `beyond` when it is none or too large.
static uint64_t read_part(struct reader *r) {
    uint64_t whole = 0, fraction = 0;
    double scale = 1;
    const char *begin = r->at;
    for (; is_digit(r, 0); r->at++) {
        if (whole > beyond / 10) return UINT64_MAX;
        whole = whole * 10 + (uint64_t)(*r->at - '0');
        if (whole > beyond) return UINT64_MAX;
    }
    bool has_digits = r->at != begin, is_full = false;
    if (r->at < r->end && *r->at == '.') {
        for (r->at++; is_digit(r, 0); r->at++) {
            has_digits = true;
            const uint64_t next = fraction * 10 + (uint64_t)(*r->at - '0');
            is_full = is_full || fraction > (beyond - 1) / 10 || next > beyond;
            if (is_full) continue;
            fraction = next;
            scale *= 10;
        }
    }
    begin = r->at;
    while (r->at < r->end && *r->at != '.' && !is_digit(r, 0)) r->at++;
    const uint64_t unit = unit_of((struct cel_string){begin, (size_t)(r->at - begin)});
    if (!has_digits || !unit || whole > beyond / unit) return UINT64_MAX;
    // The fraction is added as Go adds it: in floating point, cut off.
    return whole * unit + (uint64_t)((double)fraction * ((double)unit / scale));
}

val val_parse_duration(struct cel_string text) {
    const val refused = val_error("the text is not a duration");
    struct reader r = {text.bytes, text.bytes + text.len, false};
    const bool is_negative = r.at < r.end && *r.at == '-';
    if (r.at < r.end && (*r.at == '-' || *r.at == '+')) r.at++;
    if (r.end - r.at == 1 && *r.at == '0') return val_of_duration(0);
    if (r.at == r.end) return refused;
    uint64_t total = 0;
    while (r.at < r.end) {
        const uint64_t part = read_part(&r);
        if (part > beyond) return refused;
        total += part;
        if (total > beyond) return refused;
    }
    if (is_negative) return val_of_duration(total == beyond ? INT64_MIN : -(int64_t)total);
    return total == beyond ? refused : val_of_duration((int64_t)total);
}

static double in_units(int64_t nanos, int64_t unit) {
    return (double)(nanos / unit) + (double)(nanos % unit) / (double)unit;
}

val val_print_duration(struct evaluation *e, int64_t nanos) {
    const double seconds = in_units(nanos, SECOND);
    char text[48];
    int decimals = 0;
    // The fewest decimals that read back as the same number.
    for (; decimals < 18; decimals++) {
        snprintf(text, sizeof text, "%.*f", decimals, seconds);
        const double back = strtod(text, NULL);
        if (!(back < seconds) && !(back > seconds)) break;
    }
    struct text out;
    text_init(&out, e->arena);
    text_printf(&out, "%ss", text);
    return val_of_text(&out);
}

// ---- arithmetic ----

static val add_duration(struct cel_time time, int64_t nanos) {
    const int64_t seconds = time.seconds + nanos / SECOND; // cannot overflow: both are far below
    const int64_t rest = time.nanos + nanos % SECOND;
    const int64_t carry = rest < 0 ? -1 : rest / SECOND;
    return time_of(seconds + carry, rest - carry * SECOND, time.offset);
}

static val duration_between(struct cel_time a, struct cel_time b) {
    int64_t nanos = 0;
    if (__builtin_mul_overflow(a.seconds - b.seconds, (int64_t)SECOND, &nanos) ||
        __builtin_add_overflow(nanos, (int64_t)(a.nanos - b.nanos), &nanos))
        return val_error("integer overflow");
    return val_of_duration(nanos);
}

static val add(val a, val b) {
    int64_t nanos = 0;
    if (a.kind == CEL_KIND_TIMESTAMP)
        return b.kind == CEL_KIND_DURATION ? add_duration(a.as.time, b.as.integer) : val_no_overload();
    if (b.kind == CEL_KIND_TIMESTAMP) return add_duration(b.as.time, a.as.integer);
    if (b.kind != CEL_KIND_DURATION) return val_no_overload();
    if (__builtin_add_overflow(a.as.integer, b.as.integer, &nanos)) return val_error("integer overflow");
    return val_of_duration(nanos);
}

static val subtract(val a, val b) {
    if (a.kind == CEL_KIND_TIMESTAMP && b.kind == CEL_KIND_TIMESTAMP) return duration_between(a.as.time, b.as.time);
    if (b.kind != CEL_KIND_DURATION) return val_no_overload();
    int64_t nanos = 0;
    if (a.kind == CEL_KIND_DURATION) {
        if (__builtin_sub_overflow(a.as.integer, b.as.integer, &nanos)) return val_error("integer overflow");
        return val_of_duration(nanos);
    }
    if (b.as.integer == INT64_MIN) return val_error("integer overflow");
    return add_duration(a.as.time, -b.as.integer);
}

val val_time_arithmetic(enum cel_function function, val a, val b) {
    if (function == CEL_FN_ADD) return add(a, b);
    return function == CEL_FN_SUBTRACT ? subtract(a, b) : val_no_overload();
}

// ---- parts ----

// As Go's Atoi reads it.
static bool read_int(const char *text, size_t len, int64_t *ret_number) {
    const size_t sign = len && (*text == '-' || *text == '+');
    int64_t number = 0;
    for (size_t i = sign; i < len; i++)
        if (text[i] < '0' || text[i] > '9' || __builtin_mul_overflow(number, (int64_t)10, &number) ||
            __builtin_add_overflow(number, (int64_t)(text[i] - '0'), &number))
            return false;
    *ret_number = *text == '-' ? -number : number;
    return len > sign;
}

// "+02:00", "-8:30"; an error that Go does not have for offsets of more than a year.
static val offset_of_text(struct cel_string zone, size_t colon) {
    int64_t hours = 0, minutes = 0;
    if (!read_int(zone.bytes, colon, &hours) || !read_int(zone.bytes + colon + 1, zone.len - colon - 1, &minutes))
        return val_error("the text is not an offset from UTC");
    if (hours < -9000 || hours > 9000 || minutes < -9000 || minutes > 9000)
        return val_error("the offset from UTC is too large");
    return val_of_int((hours * 60 + (zone.bytes[0] == '-' ? -minutes : minutes)) * 60);
}

static val zone_offset(struct evaluation *e, struct cel_string name, int64_t seconds) {
    const char *colon = name.len ? memchr(name.bytes, ':', name.len) : NULL;
    if (colon) return offset_of_text(name, (size_t)(colon - name.bytes));
    if (name.len && memchr(name.bytes, '\0', name.len)) return val_error("unknown time zone");
    if (!e->zone_name || !val_text_is(name, e->zone_name)) {
        enum { STEPS_TO_READ = 20000 };
        if (!cel_spend(e, STEPS_TO_READ)) return cel_too_long();
        const char *error = NULL;
        e->zone_name = arena_copy(e->arena, name.bytes, name.len);
        e->zone = timezone_load(e->arena, e->zone_name, &error);
        if (!e->zone) {
            e->zone_name = NULL;
            return val_error(error);
        }
    }
    return val_of_int(timezone_offset(e->zone, seconds));
}

static int64_t part_of_time(enum cel_function function, struct cel_time time, int64_t offset) {
    const struct clock clock = clock_of(time.seconds, offset);
    switch ((int)function) {
    case CEL_FN_FULL_YEAR: return clock.date.year;
    case CEL_FN_MONTH: return clock.date.month - 1;
    case CEL_FN_DAY_OF_YEAR: return clock.days - calendar_days((struct date){clock.date.year, 1, 1});
    case CEL_FN_DAY_OF_MONTH: return clock.date.day - 1;
    case CEL_FN_DATE: return clock.date.day;
    case CEL_FN_DAY_OF_WEEK: return ((clock.days + 4) % 7 + 7) % 7;
    case CEL_FN_HOURS: return clock.seconds / 3600;
    case CEL_FN_MINUTES: return clock.seconds / 60 % 60;
    case CEL_FN_SECONDS: return clock.seconds % 60;
    default: return time.nanos / 1000000;
    }
}

static val part_of_duration(enum cel_function function, int64_t nanos) {
    switch ((int)function) {
    case CEL_FN_HOURS: return val_of_int((int64_t)in_units(nanos, 3600 * (int64_t)SECOND));
    case CEL_FN_MINUTES: return val_of_int((int64_t)in_units(nanos, 60 * (int64_t)SECOND));
    case CEL_FN_SECONDS: return val_of_int((int64_t)in_units(nanos, SECOND));
    case CEL_FN_MILLISECONDS: return val_of_int(nanos / 1000000);
    default: return val_no_overload();
    }
}

val cel_call_time(struct evaluation *e, const struct cel_node *node, const val *args, size_t count) {
    if (args[0].kind == CEL_KIND_DURATION && count == 1) return part_of_duration(node->function, args[0].as.integer);
    if (args[0].kind != CEL_KIND_TIMESTAMP) return val_no_overload();
    int64_t offset = 0;
    if (count == 2) {
        if (args[1].kind != CEL_KIND_STRING) return val_no_overload();
        const val found = zone_offset(e, args[1].as.string, args[0].as.time.seconds);
        if (found.kind == CEL_KIND_ERROR) return found;
        offset = found.as.integer;
    }
    return val_of_int(part_of_time(node->function, args[0].as.time, offset));
}
