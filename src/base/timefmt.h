/* SPDX-License-Identifier: Apache-2.0 */
/* Times as RFC 3339 in UTC, with nanoseconds and without a C library's calendar or time zone. */
#ifndef ST_BASE_TIMEFMT_H
#define ST_BASE_TIMEFMT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* "2026-11-21T04:54:30Z", with as many fraction digits as needed (0, 3, 6 or 9). */
void st_time_format(int64_t time_ns, char out[40]);
/* What st_time_format writes, and 1 to 9 fraction digits; only "Z", no leap second, and nothing
 * that 64 bits of nanoseconds cannot hold (1677 to 2262). False leaves *time_ns alone. */
bool st_time_parse(const char *s, size_t len, int64_t *time_ns);

#endif
