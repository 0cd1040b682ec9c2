/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "repo_fixture.h"

#include "base/file.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct trepo t;

static int setup(void **state)
{
	(void)state;
	tr_open(&t);
	return chdir(t.dir);
}

static int teardown(void **state)
{
	(void)state;
	if (chdir("/") != 0)
		return -1;
	tr_close(&t);
	return 0;
}

static void put(const char *name, const char *text)
{
	tr_write(&t, name, text, strlen(text));
}

static void version(void)
{
	tr_add(&t, NULL);
	tr_commit(&t, NULL);
}

static void holds(const char *name, const char *text)
{
	struct st_buf b;

	tr_read(&t, name, &b);
	assert_int_equal(b.len, strlen(text));
	assert_memory_equal(b.p, text, b.len);
	st_buf_release(&b);
}

static bool there(const char *name)
{
	struct stat st;

	return lstat(name, &st) == 0;
}

static int mv(const char *a, const char *b, bool force)
{
	const char *paths[] = { a, b };
	struct st_err e = { 0 };

	return st_verb_mv(t.r, paths, 2, force, &e);
}

static int rm(const char *path, unsigned flags)
{
	struct st_err e = { 0 };

	return st_verb_rm(t.r, &path, 1, flags, NULL, NULL, &e);
}

static void moves(void **state)
{
	(void)state;
	assert_int_equal(mkdir("d", 0777), 0);
	put("a", "one");
	put("b", "two");
	version();
	assert_int_equal(mv("a", "d", false), ST_OK);
	holds("d/a", "one");
	assert_int_equal(mv("d/a", "b", false), ST_EREFUSED);
	assert_int_equal(mv("d/a", "b", true), ST_OK);
	holds("b", "one");
	assert_int_equal(mv("b", "x/y/z", false), ST_OK);
	holds("x/y/z", "one");
	assert_int_equal(mv("nothing", "q", false), ST_ENOTFOUND);
	tr_commit(&t, NULL);
}

static void no_place(void **state)
{
	static const char *const places[] = { "l/a", ".strata/a", ".git/a", "b/a", "d/.strata/a" };

	(void)state;
	assert_int_equal(mkdir("out", 0777), 0);
	assert_int_equal(symlink("out", "l"), 0);
	put("a", "one");
	put("b", "two");
	version();
	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
		assert_int_equal(mv("a", places[i], false), ST_EREFUSED);
		holds("a", "one");
	}
	assert_false(there("out/a"));
	tr_sound(&t);
}

static void removes(void **state)
{
	(void)state;
	assert_int_equal(mkdir("d", 0777), 0);
	put("d/f", "one");
	put("k", "k");
	version();
	assert_int_equal(rm("d", 0), ST_EUSAGE);
	put("d/f", "two");
	assert_int_equal(rm("d/f", 0), ST_EREFUSED);
	holds("d/f", "two");
	assert_int_equal(rm("d/f", STRATA_RM_CACHED), ST_OK);
	holds("d/f", "two");
	tr_add(&t, NULL);
	assert_int_equal(rm("d", STRATA_RM_RECURSIVE), ST_EREFUSED);
	assert_int_equal(rm("d", STRATA_RM_RECURSIVE | STRATA_RM_FORCE), ST_OK);
	assert_false(there("d"));
	assert_int_equal(rm("d", STRATA_RM_RECURSIVE), ST_ENOTFOUND);
}

static void not_behind_a_link(void **state)
{
	(void)state;
	assert_int_equal(mkdir("d", 0777), 0);
	put("d/f", "one");
	version();
	assert_int_equal(rename("d", "e"), 0);
	assert_int_equal(symlink("e", "d"), 0);
	assert_int_equal(rm("d/f", STRATA_RM_FORCE), ST_OK);
	holds("e/f", "one");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(moves, setup, teardown),
		cmocka_unit_test_setup_teardown(no_place, setup, teardown),
		cmocka_unit_test_setup_teardown(removes, setup, teardown),
		cmocka_unit_test_setup_teardown(not_behind_a_link, setup, teardown),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
