/* SPDX-License-Identifier: Apache-2.0 */
/* One progress out of those of many files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "repo/diff_meter.h"

#include <stdio.h>
#include <string.h>

struct seen {
	char text[512];
	unsigned warnings;
};

static void on_progress(void *arg, const struct st_progress *p)
{
	struct seen *s = arg;
	size_t at = strlen(s->text);

	assert_true(p->bytes);
	snprintf(s->text + at, sizeof(s->text) - at, "%s %u/%u%s;", p->what, (unsigned)p->done,
		 (unsigned)p->total, p->last ? " last" : "");
}

static void on_warn(void *arg, const char *msg)
{
	struct seen *s = arg;

	assert_string_equal(msg, "careful");
	s->warnings++;
}

static bool stopped(void *arg)
{
	return ((struct seen *)arg)->warnings > 0;
}

static void adds_up(void **state)
{
	struct seen s = { .text = "" };
	const struct st_ctx outer = { .jobs = 3,
				      .memory = 5,
				      .arg = &s,
				      .progress = on_progress,
				      .warn = on_warn,
				      .cancelled = stopped };
	struct st_meter m;
	struct st_err e = { 0 };

	(void)state;
	st_meter_init(&m, &outer, 100);
	assert_int_equal(m.ctx.jobs, 3);
	st_meter_next(&m, 60); /* of which 20 take reading, in two parts */
	st_progress(&m.ctx, "diff", 4, 12, true, false);
	st_progress(&m.ctx, "diff", 12, 12, true, true);
	st_progress(&m.ctx, "hash", 8, 8, true, true);
	st_meter_next(&m, 10); /* nothing */
	st_meter_next(&m, 50); /* more than was said */
	st_progress(&m.ctx, "diff", 30, 50, true, false);
	st_progress(&m.ctx, "diff", 50, 50, true, true);
	st_meter_end(&m);
	assert_string_equal(s.text, "compare 4/52;compare 12/52;compare 20/60;compare 50/70;"
				    "compare 70/70;compare 70/70 last;");
	assert_int_equal(st_check_cancel(&m.ctx, &e), ST_OK);
	st_warn(&m.ctx, "careful");
	assert_int_equal(s.warnings, 1);
	assert_int_equal(st_check_cancel(&m.ctx, &e), ST_EBUSY);
}

static void nobody_asks(void **state)
{
	const struct st_ctx outer = { .jobs = 1 };
	struct st_meter m;
	struct st_err e = { 0 };

	(void)state;
	st_meter_init(&m, &outer, 1);
	st_meter_next(&m, 1);
	st_progress(&m.ctx, "diff", 1, 1, true, true);
	st_warn(&m.ctx, "careful");
	assert_int_equal(st_check_cancel(&m.ctx, &e), ST_OK);
	st_meter_end(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(adds_up),
		cmocka_unit_test(nobody_asks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
