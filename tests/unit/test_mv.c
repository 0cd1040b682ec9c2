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
	tr_text(&t, "a", "one");
	tr_text(&t, "b", "two");
	tr_version(&t);
	assert_int_equal(mv("a", "d", false), ST_OK);
	tr_holds(&t, "d/a", "one");
	assert_int_equal(mv("d/a", "b", false), ST_EREFUSED);
	assert_int_equal(mv("d/a", "b", true), ST_OK);
	tr_holds(&t, "b", "one");
	assert_int_equal(mv("b", "x/y/z", false), ST_OK);
	tr_holds(&t, "x/y/z", "one");
	assert_int_equal(mv("nothing", "q", false), ST_ENOTFOUND);
	tr_commit(&t, NULL);
}

static void no_place(void **state)
{
	static const char *const places[] = { "l/a", ".strata/a", ".git/a", "b/a", "d/.strata/a" };

	(void)state;
	assert_int_equal(mkdir("out", 0777), 0);
	assert_int_equal(symlink("out", "l"), 0);
	tr_text(&t, "a", "one");
	tr_text(&t, "b", "two");
	tr_version(&t);
	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
		assert_int_equal(mv("a", places[i], false), ST_EREFUSED);
		tr_holds(&t, "a", "one");
	}
	assert_false(tr_there("out/a"));
	tr_sound(&t);
}

static void removes(void **state)
{
	(void)state;
	assert_int_equal(mkdir("d", 0777), 0);
	tr_text(&t, "d/f", "one");
	tr_text(&t, "k", "k");
	tr_version(&t);
	assert_int_equal(rm("d", 0), ST_EUSAGE);
	tr_text(&t, "d/f", "two");
	assert_int_equal(rm("d/f", 0), ST_EREFUSED);
	tr_holds(&t, "d/f", "two");
	assert_int_equal(rm("d/f", STRATA_RM_CACHED), ST_OK);
	tr_holds(&t, "d/f", "two");
	tr_add(&t, NULL);
	assert_int_equal(rm("d", STRATA_RM_RECURSIVE), ST_EREFUSED);
	assert_int_equal(rm("d", STRATA_RM_RECURSIVE | STRATA_RM_FORCE), ST_OK);
	assert_false(tr_there("d"));
	assert_int_equal(rm("d", STRATA_RM_RECURSIVE), ST_ENOTFOUND);
}

static void not_behind_a_link(void **state)
{
	(void)state;
	assert_int_equal(mkdir("d", 0777), 0);
	tr_text(&t, "d/f", "one");
	tr_version(&t);
	assert_int_equal(rename("d", "e"), 0);
	assert_int_equal(symlink("e", "d"), 0);
	assert_int_equal(rm("d/f", STRATA_RM_FORCE), ST_OK);
	tr_holds(&t, "e/f", "one");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TR_TEST(moves, &t),
		TR_TEST(no_place, &t),
		TR_TEST(removes, &t),
		TR_TEST(not_behind_a_link, &t),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
