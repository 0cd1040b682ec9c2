/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "repo_fixture.h"

#include "base/file.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static struct trepo t;

static enum st_work_state state_of(const char *name, bool *by_stat)
{
	enum st_work_state state;
	struct st_err e = { 0 };
	bool refreshed = false;
	struct st_index x;
	struct st_stage_row *row;

	assert_int_equal(st_staged_load(t.r, &x, &e), ST_OK);
	row = st_index_find(&x, name, strlen(name), NULL);
	assert_non_null(row);
	*by_stat = (row->flags & ST_INDEX_STAT) != 0;
	assert_int_equal(st_work_check(t.r, row, &state, &refreshed, &e), ST_OK);
	st_index_release(&x);
	return state;
}

static void age(const char *name)
{
	struct timespec times[2] = { { .tv_sec = 1000000, .tv_nsec = 5 },
				     { .tv_sec = 1000000, .tv_nsec = 5 } };
	struct timespec nap = { .tv_nsec = 30000000 };

	assert_int_equal(utimensat(AT_FDCWD, name, times, 0), 0);
	assert_int_equal(nanosleep(&nap, NULL), 0); /* its ctime cannot be set */
}

static void states(void **state)
{
	bool by_stat;

	(void)state;
	tr_text(&t, "a", "one");
	assert_int_equal(symlink("a", "l"), 0);
	tr_add(&t, NULL);
	assert_int_equal(state_of("a", &by_stat), ST_WORK_CLEAN);
	assert_int_equal(state_of("l", &by_stat), ST_WORK_CLEAN);
	tr_text(&t, "a", "two"); /* as long as before, perhaps in the same tick */
	assert_int_equal(state_of("a", &by_stat), ST_WORK_CHANGED);
	tr_text(&t, "a", "one");
	assert_int_equal(chmod("a", 0755), 0);
	assert_int_equal(state_of("a", &by_stat), ST_WORK_CHANGED);
	assert_int_equal(unlink("a"), 0);
	assert_int_equal(state_of("a", &by_stat), ST_WORK_MISSING);
	assert_int_equal(symlink("x", "a"), 0);
	assert_int_equal(state_of("a", &by_stat), ST_WORK_TYPE);
	assert_int_equal(unlink("a"), 0);
	assert_int_equal(mkdir("a", 0777), 0);
	assert_int_equal(state_of("a", &by_stat), ST_WORK_MISSING);
	assert_int_equal(unlink("l"), 0);
	tr_text(&t, "l", "a");
	assert_int_equal(state_of("l", &by_stat), ST_WORK_TYPE);
}

/*
 * Stat data of a file that was written just before count for nothing, however much later the index
 * is written again for another file.
 */
static void racy(void **state)
{
	struct timespec nap = { .tv_nsec = 30000000 };
	bool by_stat;

	(void)state;
	tr_text(&t, "old", "o");
	age("old");
	tr_text(&t, "a", "one");
	tr_add(&t, NULL);
	assert_int_equal(nanosleep(&nap, NULL), 0);
	tr_text(&t, "b", "b");
	tr_add(&t, "b");
	assert_int_equal(state_of("a", &by_stat), ST_WORK_CLEAN);
	assert_false(by_stat);
	assert_int_equal(state_of("old", &by_stat), ST_WORK_CLEAN);
	assert_true(by_stat);
}

/* Is a row of a file that was written so long ago trusted when its index is read again? */
static bool trusted(uint64_t size, int64_t ago_ns)
{
	struct st_stage_row row = { .size = size, .flags = ST_INDEX_STAT };
	struct st_index x = { .rows = &row, .nrows = 1 };

	row.mtime_ns = (st_now_ns() - ago_ns) | 1; /* with a fraction of a second */
	row.ctime_ns = row.mtime_ns;
	st_staged_stamp(&x);
	assert_true(x.written_ns <= st_now_ns());
	st_row_distrust(&row, x.written_ns);
	return (row.flags & ST_INDEX_STAT) != 0;
}

/* An index waits for large files, and only for those, and not for times that are to come. */
static void waits(void **state)
{
	(void)state;
	assert_true(trusted((uint64_t)1 << 30, 0));
	assert_true(trusted((uint64_t)16 << 20, 10000000));
	assert_true(trusted(1, 60000000));
	assert_false(trusted(1, -60000000));
	assert_false(trusted((uint64_t)1 << 30, -60000000));
}

static void links_above(void **state)
{
	bool by_stat, yes;
	struct st_err e = { 0 };

	(void)state;
	assert_int_equal(mkdir("d", 0777), 0);
	tr_text(&t, "d/f", "one");
	tr_add(&t, NULL);
	assert_int_equal(state_of("d/f", &by_stat), ST_WORK_CLEAN);
	assert_int_equal(rename("d", "e"), 0);
	assert_int_equal(symlink("e", "d"), 0);
	assert_int_equal(state_of("d/f", &by_stat), ST_WORK_MISSING);
	assert_int_equal(st_behind_link(t.r, "d/f", &yes, &e), ST_OK);
	assert_true(yes);
	assert_int_equal(st_behind_link(t.r, "e/f", &yes, &e), ST_OK);
	assert_false(yes);
	assert_int_equal(st_behind_link(t.r, "d", &yes, &e), ST_OK);
	assert_false(yes);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TR_TEST(states, &t),
		TR_TEST(racy, &t),
		cmocka_unit_test(waits),
		TR_TEST(links_above, &t),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
