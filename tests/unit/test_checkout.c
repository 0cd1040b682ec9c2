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

static int go(const char *rev, bool force, const char *to)
{
	strata_checkout_options o = { .force = force, .to = to };
	strata_checkout_result res;
	struct st_err e = { 0 };

	return st_verb_checkout(t.r, rev, &o, &res, &e);
}

static int go_path(const char *rev, const char *path)
{
	strata_checkout_options o = { .paths = &path, .npaths = 1 };
	strata_checkout_result res;
	struct st_err e = { 0 };

	return st_verb_checkout(t.r, rev, &o, &res, &e);
}

static int count(void *arg, const strata_status_entry *en)
{
	(void)en;
	++*(unsigned *)arg;
	return 0;
}

static unsigned differences(void)
{
	struct st_err e = { 0 };
	unsigned n = 0;

	assert_int_equal(st_verb_status(t.r, NULL, 0, 0, count, &n, &e), ST_OK);
	return n;
}

static void back_and_forth(void **state)
{
	(void)state;
	put("a", "one");
	put("b", "same");
	assert_int_equal(chmod("b", 0755), 0);
	assert_int_equal(symlink("b", "l"), 0);
	version();
	put("a", "two");
	put("c", "new");
	assert_int_equal(unlink("l"), 0);
	version();
	assert_int_equal(go("v1", false, NULL), ST_OK);
	holds("a", "one");
	assert_true(there("l") && !there("c"));
	assert_int_equal(differences(), 0);
	assert_int_equal(go("main", false, NULL), ST_OK);
	holds("a", "two");
	assert_true(!there("l") && there("c") && access("b", X_OK) == 0);
	assert_int_equal(differences(), 0);
}

static void directory_and_file(void **state)
{
	(void)state;
	put("a", "file");
	version();
	assert_int_equal(unlink("a"), 0);
	assert_int_equal(mkdir("a", 0777), 0);
	assert_int_equal(mkdir("a/c", 0777), 0);
	put("a/b", "in");
	put("a/c/d", "deep");
	version();
	assert_int_equal(go("v1", false, NULL), ST_OK);
	holds("a", "file");
	assert_int_equal(go("v2", false, NULL), ST_OK);
	holds("a/c/d", "deep");
	put("a/new", "untracked");
	assert_int_equal(go("v1", false, NULL), ST_EREFUSED);
	assert_int_equal(go("v1", true, NULL), ST_EREFUSED); /* not even then is it lost */
	assert_int_equal(go_path("v1", "a"), ST_EREFUSED);
	holds("a/new", "untracked");
	holds("a/b", "in");
	assert_int_equal(unlink("a/new"), 0);
	assert_int_equal(mkdir("a/empty", 0777), 0);
	assert_int_equal(go("v1", false, NULL), ST_OK);
	holds("a", "file");
}

static void nothing_is_lost(void **state)
{
	(void)state;
	put("a", "one");
	version();
	put("a", "two");
	put("new", "n");
	version();
	put("a", "mine");
	assert_int_equal(go("v1", false, NULL), ST_EREFUSED);
	holds("a", "mine");
	assert_true(there("new"));
	assert_int_equal(go("v1", true, NULL), ST_OK);
	holds("a", "one");
	put("new", "untracked");
	assert_int_equal(go("v2", false, NULL), ST_EREFUSED);
	holds("new", "untracked");
	put("new", "n"); /* already what it would become */
	assert_int_equal(go("v2", false, NULL), ST_OK);
}

/* A directory that became a link: what lies behind it is not touched. */
static void behind_a_link(void **state)
{
	(void)state;
	put("k", "k");
	version();
	assert_int_equal(mkdir("d", 0777), 0);
	put("d/f", "one");
	version();
	assert_int_equal(mkdir("other", 0777), 0);
	assert_int_equal(rename("d/f", "other/f"), 0);
	assert_int_equal(rmdir("d"), 0);
	assert_int_equal(symlink("other", "d"), 0);
	assert_int_equal(go("v1", false, NULL), ST_OK);
	holds("other/f", "one");
	assert_int_equal(go("v2", false, NULL), ST_EREFUSED);
	assert_int_equal(go("v2", true, NULL), ST_EREFUSED);
	holds("other/f", "one");
	assert_true(there("d"));
}

static void elsewhere(void **state)
{
	(void)state;
	assert_int_equal(mkdir("d", 0777), 0);
	put("d/f", "one");
	version();
	assert_int_equal(go("v1", false, "x/y"), ST_OK);
	holds("x/y/d/f", "one");
	assert_int_equal(go("v1", false, "x/y"), ST_OK);
	put("x/y/d/f", "two");
	assert_int_equal(go("v1", false, "x/y"), ST_EREFUSED);
	holds("x/y/d/f", "two");
	assert_int_equal(mkdir("z", 0777), 0);
	put("z/d", "a file");
	assert_int_equal(go("v1", false, "z"), ST_EREFUSED);
}

static void head_stays_on_its_branch(void **state)
{
	struct st_err e = { 0 };
	struct st_head head;

	(void)state;
	put("a", "one");
	version();
	assert_int_equal(go("HEAD", false, NULL), ST_OK);
	assert_int_equal(st_repo_head(t.r, &head, &e), ST_OK);
	assert_false(head.detached);
	assert_int_equal(go("v1", false, NULL), ST_OK);
	assert_int_equal(st_repo_head(t.r, &head, &e), ST_OK);
	assert_true(head.detached);
	assert_int_equal(go("main", false, NULL), ST_OK);
	assert_int_equal(st_repo_head(t.r, &head, &e), ST_OK);
	assert_false(head.detached);
}

/* The index never holds a file and something below it. */
static void index_stays_a_tree(void **state)
{
	(void)state;
	put("a", "file");
	version();
	assert_int_equal(unlink("a"), 0);
	assert_int_equal(mkdir("a", 0777), 0);
	put("a/b", "in");
	version();
	assert_int_equal(unlink("a/b"), 0);
	assert_int_equal(go_path("v1", "a"), ST_OK);
	holds("a", "file");
	tr_commit(&t, NULL);
	assert_int_equal(differences(), 0);
}

static void leftovers(void **state)
{
	(void)state;
	put("a", "one");
	version();
	put(ST_WORK_TEMP "0123", "half a file");
	assert_int_equal(differences(), 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(back_and_forth, setup, teardown),
		cmocka_unit_test_setup_teardown(directory_and_file, setup, teardown),
		cmocka_unit_test_setup_teardown(nothing_is_lost, setup, teardown),
		cmocka_unit_test_setup_teardown(behind_a_link, setup, teardown),
		cmocka_unit_test_setup_teardown(elsewhere, setup, teardown),
		cmocka_unit_test_setup_teardown(head_stays_on_its_branch, setup, teardown),
		cmocka_unit_test_setup_teardown(index_stays_a_tree, setup, teardown),
		cmocka_unit_test_setup_teardown(leftovers, setup, teardown),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
