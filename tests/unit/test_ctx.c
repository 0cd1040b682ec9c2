/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/ctx.h"

struct seen {
	unsigned warnings, steps;
	char text[1000];
	struct st_progress last;
	bool stop;
};

static bool is_stopped(void *arg)
{
	return ((struct seen *)arg)->stop;
}

static void on_warn(void *arg, const char *msg)
{
	struct seen *s = arg;

	s->warnings++;
	strncpy(s->text, msg, sizeof(s->text) - 1);
}

static void on_progress(void *arg, const struct st_progress *p)
{
	struct seen *s = arg;

	s->steps++;
	s->last = *p;
}

static void test_callbacks(void **state)
{
	struct seen s = { 0 };
	struct st_ctx c = { .arg = &s, .warn = on_warn, .progress = on_progress };
	char longer[2000];

	(void)state;
	st_warn(&c, "%s: %d bytes too many", "f", 3);
	assert_int_equal(s.warnings, 1);
	assert_string_equal(s.text, "f: 3 bytes too many");
	memset(longer, 'x', sizeof(longer));
	longer[sizeof(longer) - 1] = 0;
	st_warn(&c, "%s", longer);
	assert_int_equal(s.warnings, 2);
	assert_true(strlen(s.text) > 500 && strlen(s.text) < sizeof(longer) - 1);

	st_progress(&c, "add", 5, 10, true, false);
	assert_int_equal(s.steps, 1);
	assert_string_equal(s.last.what, "add");
	assert_int_equal(s.last.done, 5);
	assert_int_equal(s.last.total, 10);
	assert_true(s.last.bytes && !s.last.last);
	st_progress(&c, "add", 10, 10, false, true);
	assert_true(!s.last.bytes && s.last.last);
}

static void test_no_callbacks(void **state)
{
	struct st_ctx c = { 0 };
	struct st_err e = { 0 };

	(void)state;
	st_warn(&c, "dropped");
	st_progress(&c, "add", 0, 0, true, true);
	assert_int_equal(st_check_cancel(&c, &e), ST_OK);
}

static void test_cancel(void **state)
{
	struct seen s = { 0 };
	struct st_ctx c = { .arg = &s, .cancelled = is_stopped };
	struct st_err e = { 0 };

	(void)state;
	assert_int_equal(st_check_cancel(&c, &e), ST_OK);
	s.stop = true;
	assert_int_equal(st_check_cancel(&c, &e), ST_EBUSY);
	assert_string_equal(e.msg, "interrupted");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_callbacks),
		cmocka_unit_test(test_no_callbacks),
		cmocka_unit_test(test_cancel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
