/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>
#include <time.h>

#include "base/timefmt.h"

#define COUNT(a) (sizeof(a) / sizeof(*(a)))

static const struct {
	int64_t ns;
	const char *text;
} both[] = {
	{ 0, "1970-01-01T00:00:00Z" },
	{ 1, "1970-01-01T00:00:00.000000001Z" },
	{ 1000, "1970-01-01T00:00:00.000001Z" },
	{ 1000000, "1970-01-01T00:00:00.001Z" },
	{ 999999999, "1970-01-01T00:00:00.999999999Z" },
	{ -1, "1969-12-31T23:59:59.999999999Z" },
	{ INT64_C(951782400000000000), "2000-02-29T00:00:00Z" },
	{ INT64_C(1763700870120000000), "2025-11-21T04:54:30.120Z" },
	{ INT64_C(4107542399000000000), "2100-02-28T23:59:59Z" },
	{ INT64_C(4107542400000000000), "2100-03-01T00:00:00Z" },
	{ INT64_MAX, "2262-04-11T23:47:16.854775807Z" },
	{ INT64_MIN, "1677-09-21T00:12:43.145224192Z" },
};

static void test_both_ways(void **state)
{
	int64_t ns;
	char out[40];

	(void)state;
	for (size_t i = 0; i < COUNT(both); i++) {
		st_time_format(both[i].ns, out);
		assert_string_equal(out, both[i].text);
		assert_true(st_time_parse(both[i].text, strlen(both[i].text), &ns));
		assert_int_equal(ns, both[i].ns);
	}
}

/* The C library's calendar, over five centuries, by steps that hit every day of the year. */
static void test_against_libc(void **state)
{
	char out[40], want[40];
	int64_t s, ns;
	struct tm tm;
	time_t t;

	(void)state;
	for (s = INT64_C(-9000000000); s < INT64_C(9000000000); s += 86399 * 7 + 1) {
		t = (time_t)s;
		assert_non_null(gmtime_r(&t, &tm));
		strftime(want, sizeof(want), "%Y-%m-%dT%H:%M:%SZ", &tm);
		st_time_format(s * 1000000000, out);
		assert_string_equal(out, want);
		assert_true(st_time_parse(out, strlen(out), &ns));
		assert_int_equal(ns, s * 1000000000);
	}
}

static void test_short_fractions(void **state)
{
	int64_t ns;

	(void)state;
	assert_true(st_time_parse("1970-01-01T00:00:01.5Z", 22, &ns));
	assert_int_equal(ns, 1500000000);
	assert_true(st_time_parse("1969-12-31T23:59:59.25Z", 23, &ns));
	assert_int_equal(ns, -750000000);
}

static void test_refused(void **state)
{
	static const char *const bad[] = {
		"",
		"1970-01-01",
		"1970-01-01T00:00:00",
		"1970-01-01T00:00:00z",
		"1970-01-01 00:00:00Z",
		"1970-01-01T00:00:00+00:00",
		"1970-01-01T00:00:00.Z",
		"1970-01-01T00:00:00,5Z",
		"1970-01-01T00:00:00.1234567890Z",
		"1970-00-01T00:00:00Z",
		"1970-13-01T00:00:00Z",
		"1970-02-29T00:00:00Z",
		"1900-02-29T00:00:00Z",
		"1970-04-31T00:00:00Z",
		"1970-01-00T00:00:00Z",
		"1970-01-32T00:00:00Z",
		"1970-01-01T24:00:00Z",
		"1970-01-01T00:60:00Z",
		"1970-01-01T00:00:60Z",
		"1970-01-01T-1:00:00Z",
		"197 -01-01T00:00:00Z",
		"0000-01-01T00:00:00Z",
		"9999-12-31T23:59:59Z",
		"2262-04-11T23:47:16.854775808Z",
		"1677-09-21T00:12:43.145224191Z",
	};
	int64_t ns = 42;

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		if (st_time_parse(bad[i], strlen(bad[i]), &ns))
			fail_msg("accepted %s", bad[i]);
		assert_int_equal(ns, 42);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_both_ways),
		cmocka_unit_test(test_against_libc),
		cmocka_unit_test(test_short_fractions),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
