// Time zones of the IANA database, read where Go's time package reads them on a Unix system.
#ifndef KLOCK_TIMEZONE_H
#define KLOCK_TIMEZONE_H

#include <stdint.h>

struct arena;
struct zone;

// NULL with *ret_error when there is no such zone, or none can be read here.
const struct zone *timezone_load(struct arena *arena, const char *name, const char **ret_error);

// Seconds east of UTC, at the second since 1970.
int32_t timezone_offset(const struct zone *zone, int64_t seconds);

#endif
