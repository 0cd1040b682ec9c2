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
	tr_text(&t, "a", "one");
	tr_text(&t, "b", "same");
	assert_int_equal(chmod("b", 0755), 0);
	assert_int_equal(symlink("b", "l"), 0);
	tr_version(&t);
	tr_text(&t, "a", "two");
	tr_text(&t, "c", "new");
	assert_int_equal(unlink("l"), 0);
	tr_version(&t);
	assert_int_equal(go("v1", false, NULL), ST_OK);
	tr_holds(&t, "a", "one");
	assert_true(tr_there("l") && !tr_there("c"));
	assert_int_equal(differences(), 0);
	assert_int_equal(go("main", false, NULL), ST_OK);
	tr_holds(&t, "a", "two");
	assert_true(!tr_there("l") && tr_there("c") && access("b", X_OK) == 0);
	assert_int_equal(differences(), 0);
}

static void directory_and_file(void **state)
{
	(void)state;
	tr_text(&t, "a", "file");
	tr_version(&t);
	assert_int_equal(unlink("a"), 0);
	assert_int_equal(mkdir("a", 0777), 0);
	assert_int_equal(mkdir("a/c", 0777), 0);
	tr_text(&t, "a/b", "in");
	tr_text(&t, "a/c/d", "deep");
	tr_version(&t);
	assert_int_equal(go("v1", false, NULL), ST_OK);
	tr_holds(&t, "a", "file");
	assert_int_equal(go("v2", false, NULL), ST_OK);
	tr_holds(&t, "a/c/d", "deep");
	tr_text(&t, "a/new", "untracked");
	assert_int_equal(go("v1", false, NULL), ST_EREFUSED);
	assert_int_equal(go("v1", true, NULL), ST_EREFUSED); /* not even then is it lost */
	assert_int_equal(go_path("v1", "a"), ST_EREFUSED);
	tr_holds(&t, "a/new", "untracked");
	tr_holds(&t, "a/b", "in");
	assert_int_equal(unlink("a/new"), 0);
	assert_int_equal(mkdir("a/empty", 0777), 0);
	assert_int_equal(go("v1", false, NULL), ST_OK);
	tr_holds(&t, "a", "file");
}

static void nothing_is_lost(void **state)
{
	(void)state;
	tr_text(&t, "a", "one");
	tr_version(&t);
	tr_text(&t, "a", "two");
	tr_text(&t, "new", "n");
	tr_version(&t);
	tr_text(&t, "a", "mine");
	assert_int_equal(go("v1", false, NULL), ST_EREFUSED);
	tr_holds(&t, "a", "mine");
	assert_true(tr_there("new"));
	assert_int_equal(go("v1", true, NULL), ST_OK);
	tr_holds(&t, "a", "one");
	tr_text(&t, "new", "untracked");
	assert_int_equal(go("v2", false, NULL), ST_EREFUSED);
	tr_holds(&t, "new", "untracked");
	tr_text(&t, "new", "n"); /* already what it would become */
	assert_int_equal(go("v2", false, NULL), ST_OK);
}

/* A directory that became a link: what lies behind it is not touched. */
static void behind_a_link(void **state)
{
	(void)state;
	tr_text(&t, "k", "k");
	tr_version(&t);
	assert_int_equal(mkdir("d", 0777), 0);
	tr_text(&t, "d/f", "one");
	tr_version(&t);
	assert_int_equal(mkdir("other", 0777), 0);
	assert_int_equal(rename("d/f", "other/f"), 0);
	assert_int_equal(rmdir("d"), 0);
	assert_int_equal(symlink("other", "d"), 0);
	assert_int_equal(go("v1", false, NULL), ST_OK);
	tr_holds(&t, "other/f", "one");
	assert_int_equal(go("v2", false, NULL), ST_EREFUSED);
	assert_int_equal(go("v2", true, NULL), ST_EREFUSED);
	tr_holds(&t, "other/f", "one");
	assert_true(tr_there("d"));
}

static void elsewhere(void **state)
{
	(void)state;
	assert_int_equal(mkdir("d", 0777), 0);
	tr_text(&t, "d/f", "one");
	tr_version(&t);
	assert_int_equal(go("v1", false, "x/y"), ST_OK);
	tr_holds(&t, "x/y/d/f", "one");
	assert_int_equal(go("v1", false, "x/y"), ST_OK);
	tr_text(&t, "x/y/d/f", "two");
	assert_int_equal(go("v1", false, "x/y"), ST_EREFUSED);
	tr_holds(&t, "x/y/d/f", "two");
	assert_int_equal(mkdir("z", 0777), 0);
	tr_text(&t, "z/d", "a file");
	assert_int_equal(go("v1", false, "z"), ST_EREFUSED);
}

static void head_stays_on_its_branch(void **state)
{
	struct st_err e = { 0 };
	struct st_head head;

	(void)state;
	tr_text(&t, "a", "one");
	tr_version(&t);
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
	tr_text(&t, "a", "file");
	tr_version(&t);
	assert_int_equal(unlink("a"), 0);
	assert_int_equal(mkdir("a", 0777), 0);
	tr_text(&t, "a/b", "in");
	tr_version(&t);
	assert_int_equal(unlink("a/b"), 0);
	assert_int_equal(go_path("v1", "a"), ST_OK);
	tr_holds(&t, "a", "file");
	tr_commit(&t, NULL);
	assert_int_equal(differences(), 0);
}

static void leftovers(void **state)
{
	(void)state;
	tr_text(&t, "a", "one");
	tr_version(&t);
	tr_text(&t, ST_WORK_TEMP "0123", "half a file");
	assert_int_equal(differences(), 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TR_TEST(back_and_forth, &t),	 TR_TEST(directory_and_file, &t),
		TR_TEST(nothing_is_lost, &t),	 TR_TEST(behind_a_link, &t),
		TR_TEST(elsewhere, &t),		 TR_TEST(head_stays_on_its_branch, &t),
		TR_TEST(index_stays_a_tree, &t), TR_TEST(leftovers, &t),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
