/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/text.h"

#include <ctype.h>
#include <time.h>

human human_bytes(uint64_t n)
{
	static const char *const units[] = { "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
	double v = (double)n / 1024;
	human h;
	size_t u = 0;

	if (n < 1024) {
		snprintf(h.s, sizeof(h.s), "%" PRIu64 " B", n);
		return h;
	}
	for (; v >= 999.5 && u < 5; u++)
		v /= 1024;
	snprintf(h.s, sizeof(h.s), v < 9.95 ? "%.1f %s" : "%.0f %s", v, units[u]);
	return h;
}

human human_number(uint64_t n)
{
	char digits[24];
	size_t len = (size_t)snprintf(digits, sizeof(digits), "%" PRIu64, n), i, at = 0;
	human h;

	for (i = 0; i < len; i++) {
		if (i && (len - i) % 3 == 0)
			h.s[at++] = ',';
		h.s[at++] = digits[i];
	}
	h.s[at] = 0;
	return h;
}

human human_ratio(uint64_t logical, uint64_t stored)
{
	double r = stored ? (double)logical / (double)stored : 0;
	human h;

	snprintf(h.s, sizeof(h.s), r < 9.95 ? "%.1fx" : "%.0fx", r);
	return h;
}

/* Two or four digits at s; -1 when they are none. */
static int digits(const char *s, size_t n)
{
	int v = 0;

	for (; n; n--, s++) {
		if (!isdigit((unsigned char)*s))
			return -1;
		v = v * 10 + (*s - '0');
	}
	return v;
}

human human_time(const char *t)
{
	struct tm tm = { 0 }, local;
	time_t when;
	human h;

	snprintf(h.s, sizeof(h.s), "%.40s", t);
	if (strlen(t) < 20)
		return h;
	tm.tm_year = digits(t, 4) - 1900;
	tm.tm_mon = digits(t + 5, 2) - 1;
	tm.tm_mday = digits(t + 8, 2);
	tm.tm_hour = digits(t + 11, 2);
	tm.tm_min = digits(t + 14, 2);
	tm.tm_sec = digits(t + 17, 2);
	when = timegm(&tm);
	if (localtime_r(&when, &local))
		strftime(h.s, sizeof(h.s), "%Y-%m-%d %H:%M:%S %z", &local);
	return h;
}

human human_seconds(double s)
{
	uint64_t n = s < 0 ? 0 : s > 1e9 ? (uint64_t)1e9 : (uint64_t)(s + 0.5);
	human h;

	if (n >= 3600)
		snprintf(h.s, sizeof(h.s), "%" PRIu64 ":%02" PRIu64 ":%02" PRIu64, n / 3600,
			 n / 60 % 60, n % 60);
	else
		snprintf(h.s, sizeof(h.s), "%" PRIu64 ":%02" PRIu64, n / 60, n % 60);
	return h;
}

human human_id(const char *hex)
{
	human h;

	snprintf(h.s, sizeof(h.s), "%.*s", CLI_ID, hex);
	return h;
}

const char *plural(uint64_t n)
{
	return n == 1 ? "" : "s";
}

void human_tensors(char *out, size_t room, const strata_tensor_counts *n)
{
	uint64_t total = n->added + n->changed + n->unchanged;
	size_t at = 0;

	out[0] = 0;
	if (n->changed || (!n->added && !n->removed))
		at = (size_t)snprintf(out, room, "%" PRIu64 " of %" PRIu64 " tensor%s changed",
				      n->changed, total, plural(total));
	if (n->added && at < room)
		at += (size_t)snprintf(out + at, room - at, "%s%" PRIu64 "%s added", at ? ", " : "",
				       n->added,
				       at	     ? "" :
				       n->added == 1 ? " tensor" :
						       " tensors");
	if (n->removed && at < room)
		snprintf(out + at, room - at, "%s%" PRIu64 "%s removed", at ? ", " : "", n->removed,
			 at		 ? "" :
			 n->removed == 1 ? " tensor" :
					   " tensors");
}

/* Decimal digits at *s, which then points behind them. */
static bool take_number(const char **s, uint64_t *out)
{
	uint64_t v = 0;

	if (!isdigit((unsigned char)**s))
		return false;
	for (; isdigit((unsigned char)**s); (*s)++)
		if (__builtin_mul_overflow(v, 10u, &v) ||
		    __builtin_add_overflow(v, (uint64_t)(**s - '0'), &v))
			return false;
	*out = v;
	return true;
}

bool parse_number(const char *s, uint64_t *out)
{
	return take_number(&s, out) && *s == 0;
}

bool parse_size(const char *s, uint64_t *out)
{
	static const char units[] = "kmgt";
	const char *u;
	uint64_t v;

	if (!take_number(&s, &v))
		return false;
	if (*s) {
		u = strchr(units, tolower((unsigned char)*s));
		if (!u || __builtin_mul_overflow(v, (uint64_t)1 << (10 * (u - units + 1)), &v))
			return false;
		s++;
		if (*s == 'i')
			s++;
		if (*s == 'B')
			s++;
	}
	*out = v;
	return *s == 0;
}

bool parse_age(const char *s, int64_t *seconds)
{
	static const struct {
		char unit;
		uint64_t seconds;
	} units[] = { { 's', 1 }, { 'm', 60 }, { 'h', 3600 }, { 'd', 86400 }, { 'w', 604800 } };
	uint64_t v;
	size_t i;

	*seconds = 0;
	if (strcmp(s, "now") == 0)
		return true;
	if (!take_number(&s, &v) || *s == 0 || s[1] != 0)
		return false;
	for (i = 0; i < sizeof(units) / sizeof(*units); i++) {
		if (units[i].unit != *s)
			continue;
		if (__builtin_mul_overflow(v, units[i].seconds, &v) || v > INT64_MAX)
			return false;
		*seconds = (int64_t)v;
		return true;
	}
	return false;
}
