/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "repo_fixture.h"

#include "repo/repo.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct trepo t;

/* A user's path as one of the tree; NULL: refused. */
static void is(const char *given, const char *want)
{
	struct st_err e = { 0 };
	char *got = st_repo_relative(t.r, given, &e);

	if (want && !got)
		fail_msg("%s: %s", given, e.msg);
	if (want)
		assert_string_equal(got, want);
	else
		assert_int_equal(e.code, ST_EUSAGE);
	free(got);
}

static void from_the_root(void **state)
{
	(void)state;
	is(".", "");
	is("./", "");
	is("a", "a");
	is("./a//b/", "a/b");
	is("a/../b", "b");
	is("a/./b/../../c", "c");
	is(t.dir, "");
	is("..", NULL);
	is("a/../../x", NULL);
	is("/", NULL);
	is("/etc/passwd", NULL);
}

static void from_below(void **state)
{
	char path[256];

	(void)state;
	assert_int_equal(mkdir("d", 0777), 0);
	assert_int_equal(mkdir("d/e", 0777), 0);
	assert_int_equal(chdir("d/e"), 0);
	is(".", "d/e");
	is("x", "d/e/x");
	is("../x", "d/x");
	is("../..", "");
	is("../../..", NULL);
	snprintf(path, sizeof(path), "%sx", t.dir); /* begins like the root, and is not */
	is(path, NULL);
}

/* The way to the tree may lead through a link; the last part is never followed. */
static void through_a_link(void **state)
{
	char path[256], link[200];

	(void)state;
	snprintf(link, sizeof(link), "%s-link", t.dir);
	assert_int_equal(symlink(t.dir, link), 0);
	snprintf(path, sizeof(path), "%s/a", link);
	is(path, "a");
	assert_int_equal(symlink("/etc", "out"), 0);
	is("out", "out");
	assert_int_equal(unlink(link), 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TR_TEST(from_the_root, &t),
		TR_TEST(from_below, &t),
		TR_TEST(through_a_link, &t),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
