// The proleptic Gregorian calendar.
#ifndef KLOCK_CALENDAR_H
#define KLOCK_CALENDAR_H

#include <stdbool.h>
#include <stdint.h>

struct date {
    int64_t year;
    int month, day; // from 1
};

bool calendar_is_leap(int64_t year);
int calendar_days_in(int64_t year, int month);
// Days since 1970-01-01, which was a Thursday.
int64_t calendar_days(struct date date);
struct date calendar_date(int64_t days);

#endif
