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
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define OURS ".strata-tmp-0123456789abcdef"

static struct trepo t;

static bool there(const char *name)
{
	char path[4096];

	tr_path(&t, name, path, sizeof(path));
	return tr_there(path);
}

static void dir(const char *name)
{
	char path[4096];

	tr_path(&t, name, path, sizeof(path));
	assert_int_equal(mkdir(path, 0777), 0);
}

/* What a command that is killed now leaves. */
static void writing(const char *const *paths, size_t n)
{
	struct st_stage_row rows[4] = { 0 }, *p[4];

	for (size_t i = 0; i < n; i++) {
		rows[i].path = (char *)paths[i];
		p[i] = &rows[i];
	}
	st_left_note(t.r, p, n);
	assert_true(there(".strata/writing"));
}

static void test_sweep(void **state)
{
	static const char *const paths[] = { "a", "b", "sub/x", "sub/y" };
	static const char *const stay[] = {
		".strata-tmp-0123456789abcde",	 ".strata-tmp-0123456789abcdef0",
		".strata-tmp-0123456789ABCDEF",	 "sub/.strata-tmp-",
		"sub/strata-tmp-0123456789abcd", "other/" OURS,
	};

	(void)state;
	dir("sub");
	dir("other");
	for (size_t i = 0; i < sizeof(stay) / sizeof(*stay); i++)
		tr_text(&t, stay[i], "mine");
	tr_text(&t, OURS, "half");
	tr_text(&t, "sub/" OURS, "half");
	st_left_sweep(t.r); /* nothing was being written: nobody looks */
	assert_true(there(OURS));
	writing(paths, 4);
	st_left_sweep(t.r);
	assert_false(there(OURS));
	assert_false(there("sub/" OURS));
	assert_false(there(".strata/writing"));
	for (size_t i = 0; i < sizeof(stay) / sizeof(*stay); i++)
		assert_true(there(stay[i]));
}

static void test_in_use(void **state)
{
	static const char *const paths[] = { "a" };
	char path[4096];
	int fd;

	(void)state;
	tr_text(&t, OURS, "half");
	tr_path(&t, OURS, path, sizeof(path));
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(flock(fd, LOCK_EX), 0);
	writing(paths, 1);
	st_left_sweep(t.r);
	assert_true(there(OURS));
	close(fd);
	writing(paths, 1);
	st_left_sweep(t.r);
	assert_false(there(OURS));
}

/* Never outside the tree, nor a directory. */
static void test_elsewhere(void **state)
{
	static const char *const paths[] = { "away/x", "gone/x", "keep/x" };
	static const char hostile[] = "../outside\0/\0..\0sub/..\0sub/../../outside";
	char path[4096], to[4096];
	struct st_err e = { 0 };

	(void)state;
	dir("real");
	dir("keep");
	dir("keep/" OURS);
	tr_text(&t, "real/" OURS, "x");
	tr_path(&t, "away", path, sizeof(path));
	assert_int_equal(symlink("real", path), 0);
	writing(paths, 3);
	st_left_sweep(t.r);
	assert_true(there("real/" OURS));
	assert_true(there("keep/" OURS));
	assert_false(there(".strata/writing"));
	dir("sub");
	tr_text(&t, OURS, "x");
	tr_path(&t, "sub", path, sizeof(path));
	tr_path(&t, ".strata/writing", to, sizeof(to));
	assert_int_equal(st_file_replace(to, hostile, sizeof(hostile), false, &e), ST_OK);
	st_left_sweep(t.r);
	assert_true(there(OURS));
	assert_false(there(".strata/writing"));
}

/* The next command that changes something, and gc, see to it. */
static void test_who(void **state)
{
	static const char *const paths[] = { "a" };
	strata_gc_options o = { 0 };
	strata_gc_result res;
	struct st_err e = { 0 };

	(void)state;
	tr_text(&t, "a", "1");
	tr_version(&t);
	tr_text(&t, OURS, "half");
	writing(paths, 1);
	tr_text(&t, "a", "2");
	tr_add(&t, "a");
	assert_false(there(OURS));
	tr_text(&t, OURS, "half");
	writing(paths, 1);
	o.dry_run = true;
	assert_int_equal(st_verb_gc(t.r, &o, &res, &e), ST_OK);
	assert_true(there(OURS));
	o.dry_run = false;
	assert_int_equal(st_verb_gc(t.r, &o, &res, &e), ST_OK);
	assert_false(there(OURS));
}

static void test_ended(void **state)
{
	strata_checkout_options o = { .force = true };
	strata_checkout_result res;
	struct st_err e = { 0 };

	(void)state;
	tr_text(&t, "a", "1");
	tr_version(&t);
	tr_text(&t, "a", "2");
	assert_int_equal(st_verb_checkout(t.r, "HEAD", &o, &res, &e), ST_OK);
	assert_int_equal(res.written, 1);
	assert_false(there(".strata/writing"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TR_TEST(test_sweep, &t), TR_TEST(test_in_use, &t), TR_TEST(test_elsewhere, &t),
		TR_TEST(test_who, &t),	 TR_TEST(test_ended, &t),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
