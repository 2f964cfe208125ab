// Time zones: the files of the database (RFC 8536) and the rule for what comes after their last change.
#include "data/timezone.h"

#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "data/calendar.h"

enum { MAX_FILE = 1 << 16, DAY = 86400, HEADER = 44 };

// ---- files ----

struct file {
    const unsigned char *bytes;
    size_t len, at;
};

static bool read_file(struct arena *arena, const char *path, struct file *ret_file) {
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) return false;
    unsigned char *bytes = arena_alloc(arena, MAX_FILE);
    size_t len = 0;
    ssize_t got = 0;
    while (len < MAX_FILE && (got = read(fd, bytes + len, MAX_FILE - len)) > 0) len += (size_t)got;
    close(fd);
    *ret_file = (struct file){bytes, len, 0};
    return got == 0 && len > HEADER && memcmp(bytes, "TZif", 4) == 0;
}

static bool find_file(struct arena *arena, const char *name, struct file *ret_file) {
    static const char *const folders[] = {"/usr/share/zoneinfo/", "/usr/share/lib/zoneinfo/", "/usr/lib/locale/TZ/",
                                          "/etc/zoneinfo/"};
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++)
        if (read_file(arena, arena_printf(arena, "%s%s", folders[i], name), ret_file)) return true;
    return false;
}

static int64_t big_endian(const unsigned char *bytes, size_t width) {
    uint64_t number = bytes[0] & 0x80 ? UINT64_MAX : 0;
    for (size_t i = 0; i < width; i++) number = number << 8 | bytes[i];
    return (int64_t)number;
}

// ---- the tables of a file ----

struct zone {
    const unsigned char *times, *kinds_of_times, *kinds;
    size_t time_count, kind_count, width; // of a time in bytes
    const char *rule;                     // "" for none
};

// A file has its tables with times of four bytes, and again with eight; false when it is cut off.
static bool read_table(struct file *file, size_t width, struct zone *ret_zone) {
    if (file->len - file->at < HEADER) return false;
    const unsigned char *header = file->bytes + file->at;
    uint64_t counts[6];
    for (size_t i = 0; i < 6; i++) counts[i] = (uint32_t)big_endian(header + 20 + i * 4, 4);
    const uint64_t is_utc = counts[0], is_standard = counts[1], leaps = counts[2], times = counts[3], kinds = counts[4],
                   letters = counts[5];
    const uint64_t len = times * width + times + kinds * 6 + letters + leaps * (width + 4) + is_standard + is_utc;
    if (len > file->len - file->at - HEADER) return false;
    *ret_zone = (struct zone){.times = header + HEADER, .width = width, .rule = ""};
    ret_zone->time_count = (size_t)times;
    ret_zone->kind_count = (size_t)kinds;
    ret_zone->kinds_of_times = ret_zone->times + times * width;
    ret_zone->kinds = ret_zone->kinds_of_times + times;
    file->at += HEADER + (size_t)len;
    return kinds > 0;
}

static const char *read_rule(struct arena *arena, const struct file *file) {
    if (file->at >= file->len || file->bytes[file->at] != '\n') return "";
    const unsigned char *begin = file->bytes + file->at + 1;
    const unsigned char *end = memchr(begin, '\n', file->len - file->at - 1);
    return end ? arena_copy(arena, (const char *)begin, (size_t)(end - begin)) : "";
}

static bool read_tables(struct arena *arena, struct file *file, struct zone *ret_zone) {
    const bool is_wide = file->bytes[4] >= '2';
    if (!read_table(file, 4, ret_zone)) return false;
    if (!is_wide) return true;
    if (!read_table(file, 8, ret_zone)) return false;
    ret_zone->rule = read_rule(arena, file);
    return true;
}

static bool is_summer(const struct zone *zone, size_t kind) {
    return zone->kinds[kind * 6 + 4] != 0;
}

static size_t kind_of(const struct zone *zone, size_t time) {
    return zone->kinds_of_times[time];
}

// What holds before the first change: a kind that no change leads to, or standard time.
static size_t first_kind(const struct zone *zone) {
    bool is_used = false;
    for (size_t i = 0; i < zone->time_count; i++) is_used = is_used || kind_of(zone, i) == 0;
    if (!is_used) return 0;
    if (zone->time_count && kind_of(zone, 0) < zone->kind_count && is_summer(zone, kind_of(zone, 0)))
        for (size_t i = kind_of(zone, 0); i-- > 0;)
            if (!is_summer(zone, i)) return i;
    for (size_t i = 0; i < zone->kind_count; i++)
        if (!is_summer(zone, i)) return i;
    return 0;
}

// The last change at or before the second, as a count: 0 when it is before all of them.
static size_t changes_until(const struct zone *zone, int64_t seconds) {
    size_t lo = 0, hi = zone->time_count;
    while (lo < hi) {
        const size_t middle = lo + (hi - lo) / 2;
        if (big_endian(zone->times + middle * zone->width, zone->width) <= seconds)
            lo = middle + 1;
        else
            hi = middle;
    }
    return lo;
}

// ---- the rule: EST5EDT,M3.2.0,M11.1.0 ----

static bool skip_name(const char **at) {
    const char *begin = *at;
    if (*begin == '<') {
        const char *end = strchr(begin, '>');
        if (end) *at = end + 1;
        return end != NULL;
    }
    while ((**at >= 'a' && **at <= 'z') || (**at >= 'A' && **at <= 'Z')) ++*at;
    return *at - begin >= 3;
}

static bool read_number(const char **at, int max, int *ret_number) {
    const char *begin = *at;
    int number = 0;
    while (**at >= '0' && **at <= '9' && number <= max) number = number * 10 + *(*at)++ - '0';
    *ret_number = number;
    return *at != begin && number <= max;
}

// [+-]hh[:mm[:ss]] in seconds.
static bool read_time(const char **at, int *ret_seconds) {
    const bool is_negative = **at == '-';
    if (**at == '-' || **at == '+') ++*at;
    int hours = 0, minutes = 0, seconds = 0;
    if (!read_number(at, 24 * 7, &hours)) return false;
    if (**at == ':') {
        ++*at;
        if (!read_number(at, 59, &minutes)) return false;
        if (**at == ':') {
            ++*at;
            if (!read_number(at, 59, &seconds)) return false;
        }
    }
    const int total = hours * 3600 + minutes * 60 + seconds;
    *ret_seconds = is_negative ? -total : total;
    return true;
}

// The seconds since the year began at which the change named at *at happens.
static bool read_change(const char **at, int64_t year, int64_t *ret_seconds) {
    int day = 0, time = 2 * 3600;
    const bool is_julian = **at == 'J';
    if (**at == 'M') {
        ++*at;
        int month = 0, week = 0, weekday = 0;
        if (!read_number(at, 12, &month) || month < 1 || *(*at)++ != '.' || !read_number(at, 5, &week) || week < 1 ||
            *(*at)++ != '.' || !read_number(at, 6, &weekday))
            return false;
        const int64_t first = calendar_days((struct date){year, month, 1});
        const int weekday_of_first = (int)(((first + 4) % 7 + 7) % 7);
        int of_month = (weekday - weekday_of_first + 7) % 7 + (week - 1) * 7;
        if (of_month >= calendar_days_in(year, month)) of_month -= 7;
        day = (int)(first - calendar_days((struct date){year, 1, 1})) + of_month;
    } else {
        if (is_julian) ++*at;
        if (!read_number(at, 365, &day)) return false;
        if (is_julian) day -= !(calendar_is_leap(year) && day >= 60);
    }
    if (**at == '/') {
        ++*at;
        if (!read_time(at, &time)) return false;
    }
    *ret_seconds = (int64_t)day * DAY + time;
    return true;
}

static bool apply_rule(const char *rule, int64_t seconds, int32_t *ret_offset) {
    int west = 0, summer_west = 0;
    if (!skip_name(&rule) || !read_time(&rule, &west)) return false;
    const int32_t standard = -west;
    *ret_offset = standard;
    if (!*rule) return true;
    if (!skip_name(&rule)) return false;
    summer_west = west - 3600;
    if (*rule != ',' && *rule && !read_time(&rule, &summer_west)) return false;
    const int32_t summer = -summer_west;
    if (!*rule) rule = ",M3.2.0,M11.1.0";
    // The year is that of UTC, as in Go.
    const int64_t days = seconds / DAY - (seconds % DAY < 0);
    const int64_t year = calendar_date(days).year;
    const int64_t in_year = seconds - calendar_days((struct date){year, 1, 1}) * DAY;
    int64_t begin = 0, end = 0;
    if (*rule++ != ',' || !read_change(&rule, year, &begin) || *rule++ != ',' || !read_change(&rule, year, &end))
        return false;
    begin -= standard;
    end -= summer;
    const bool is_southern = end < begin;
    const bool between = is_southern ? in_year >= end && in_year < begin : in_year >= begin && in_year < end;
    *ret_offset = between != is_southern ? summer : standard;
    return true;
}

// ---- entry points ----

const struct zone *timezone_load(struct arena *arena, const char *name, const char **ret_error) {
    struct zone *zone = ARENA_NEW(arena, struct zone);
    if (!*name || strcmp(name, "UTC") == 0) return zone;
    *ret_error = "the time zone of the API server is not known here";
    if (strcmp(name, "Local") == 0) return NULL;
    *ret_error = "unknown time zone";
    if (*name == '/' || *name == '\\' || strstr(name, "..")) return NULL;
    struct file file;
    return find_file(arena, name, &file) && read_tables(arena, &file, zone) ? zone : NULL;
}

int32_t timezone_offset(const struct zone *zone, int64_t seconds) {
    int32_t offset = 0;
    if (!zone->kind_count) return 0;
    const size_t changes = changes_until(zone, seconds);
    if (changes == zone->time_count && *zone->rule && apply_rule(zone->rule, seconds, &offset)) return offset;
    const size_t kind = changes ? kind_of(zone, changes - 1) : first_kind(zone);
    return kind < zone->kind_count ? (int32_t)big_endian(zone->kinds + kind * 6, 4) : 0;
}
