/* SPDX-License-Identifier: Apache-2.0 */
#include "base/timefmt.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define NS_PER_S INT64_C(1000000000)
#define S_PER_DAY INT64_C(86400)
#define DAYS_PER_ERA INT64_C(146097)  /* 400 years, after which the calendar repeats */
#define DAYS_TO_EPOCH INT64_C(719468) /* from 0000-03-01 to 1970-01-01 */

static int64_t floor_div(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

/* Years start in March, so that the leap day is the last of its year. */
static void civil_from_days(int64_t days, int64_t *year, int64_t *month, int64_t *day)
{
	int64_t z = days + DAYS_TO_EPOCH;
	int64_t era = floor_div(z, DAYS_PER_ERA), in_era = z - era * DAYS_PER_ERA;
	int64_t y = (in_era - in_era / 1460 + in_era / 36524 - in_era / 146096) / 365;
	int64_t in_year = in_era - (365 * y + y / 4 - y / 100);
	int64_t m = (5 * in_year + 2) / 153;

	*day = in_year - (153 * m + 2) / 5 + 1;
	*month = m < 10 ? m + 3 : m - 9;
	*year = y + era * 400 + (*month <= 2);
}

static int64_t days_from_civil(int64_t year, int64_t month, int64_t day)
{
	int64_t y = year - (month <= 2), era = floor_div(y, 400), in_era = y - era * 400;
	int64_t m = month > 2 ? month - 3 : month + 9;
	int64_t in_year = (153 * m + 2) / 5 + day - 1;

	return era * DAYS_PER_ERA + in_era * 365 + in_era / 4 - in_era / 100 + in_year -
	       DAYS_TO_EPOCH;
}

void st_time_format(int64_t time_ns, char out[40])
{
	int64_t s = floor_div(time_ns, NS_PER_S);
	int64_t ns = time_ns % NS_PER_S + (time_ns % NS_PER_S < 0 ? NS_PER_S : 0);
	int64_t days = floor_div(s, S_PER_DAY), in_day = s - days * S_PER_DAY;
	int64_t year, month, day;
	int n;

	civil_from_days(days, &year, &month, &day);
	n = snprintf(out, 40,
		     "%04" PRId64 "-%02" PRId64 "-%02" PRId64 "T%02" PRId64 ":%02" PRId64
		     ":%02" PRId64,
		     year, month, day, in_day / 3600, in_day / 60 % 60, in_day % 60);
	if (ns % 1000)
		n += snprintf(out + n, 40 - (size_t)n, ".%09" PRId64, ns);
	else if (ns % 1000000)
		n += snprintf(out + n, 40 - (size_t)n, ".%06" PRId64, ns / 1000);
	else if (ns)
		n += snprintf(out + n, 40 - (size_t)n, ".%03" PRId64, ns / 1000000);
	snprintf(out + n, 40 - (size_t)n, "Z");
}

/* -1 unless s[0..n) are digits. */
static int64_t digits(const char *s, size_t n)
{
	int64_t v = 0;

	for (size_t i = 0; i < n; i++) {
		if (s[i] < '0' || s[i] > '9')
			return -1;
		v = v * 10 + (s[i] - '0');
	}
	return v;
}

/* "" or ".ddd" to nanoseconds; -1 when it is neither. */
static int64_t fraction(const char *s, size_t n)
{
	int64_t v;

	if (n == 0)
		return 0;
	if (n < 2 || n > 10 || s[0] != '.')
		return -1;
	v = digits(s + 1, n - 1);
	for (size_t i = n; v > 0 && i < 10; i++)
		v *= 10;
	return v;
}

static int64_t days_in_month(int64_t year, int64_t month)
{
	return month == 12 ? 31 :
			     days_from_civil(year, month + 1, 1) - days_from_civil(year, month, 1);
}

bool st_time_parse(const char *s, size_t len, int64_t *time_ns)
{
	int64_t year, month, day, h, m, sec, ns, total;

	if (len < 20 || len > 30 || s[4] != '-' || s[7] != '-' || s[10] != 'T' || s[13] != ':' ||
	    s[16] != ':' || s[len - 1] != 'Z')
		return false;
	year = digits(s, 4);
	month = digits(s + 5, 2);
	day = digits(s + 8, 2);
	h = digits(s + 11, 2);
	m = digits(s + 14, 2);
	sec = digits(s + 17, 2);
	ns = fraction(s + 19, len - 20);
	if (year < 0 || month < 1 || month > 12 || day < 1 || day > days_in_month(year, month) ||
	    h < 0 || h > 23 || m < 0 || m > 59 || sec < 0 || sec > 59 || ns < 0)
		return false;
	sec += days_from_civil(year, month, day) * S_PER_DAY + h * 3600 + m * 60;
	/* The earliest second lies below the range, its last nanoseconds inside. */
	if (sec < 0 && ns > 0) {
		sec++;
		ns -= NS_PER_S;
	}
	if (__builtin_mul_overflow(sec, NS_PER_S, &total) ||
	    __builtin_add_overflow(total, ns, &total))
		return false;
	*time_ns = total;
	return true;
}
