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

static int add(const char *path, unsigned flags, strata_add_result *res)
{
	struct st_err e = { 0 };

	*res = (strata_add_result){ 0 };
	return st_verb_add(t.r, &path, path ? 1 : 0, flags, NULL, NULL, res, &e);
}

struct seen {
	char text[400];
};

static int take(void *arg, const strata_status_entry *en)
{
	struct seen *s = arg;
	size_t n = strlen(s->text);

	snprintf(s->text + n, sizeof(s->text) - n, "%c%c %s|", en->staged, en->worktree, en->path);
	return 0;
}

static void status_is(const char *want)
{
	struct st_err e = { 0 };
	struct seen s = { .text = "" };

	assert_int_equal(st_verb_status(t.r, NULL, 0, 0, take, &s, &e), ST_OK);
	assert_string_equal(s.text, want);
}

static void all_and_update(void **state)
{
	strata_add_result res;

	(void)state;
	tr_text(&t, "a", "one");
	tr_text(&t, "b", "one");
	assert_int_equal(add(NULL, STRATA_ADD_ALL, &res), ST_OK);
	assert_int_equal(res.files, 2);
	tr_commit(&t, NULL);
	tr_text(&t, "a", "two");
	assert_int_equal(unlink("b"), 0);
	tr_text(&t, "c", "new");
	status_is(" M a| D b|?? c|");
	assert_int_equal(add(NULL, STRATA_ADD_UPDATE, &res), ST_OK);
	assert_int_equal(res.files, 1);
	assert_int_equal(res.removed, 1);
	status_is("M  a|D  b|?? c|");
	assert_int_equal(add("c", STRATA_ADD_DRY_RUN, &res), ST_OK);
	assert_int_equal(res.files, 1);
	status_is("M  a|D  b|?? c|");
	assert_int_equal(add("nowhere", 0, &res), ST_ENOTFOUND);
	assert_int_equal(add(NULL, 0, &res), ST_EUSAGE);
}

static void directory_and_file(void **state)
{
	strata_add_result res;

	(void)state;
	tr_text(&t, "a", "file");
	assert_int_equal(add(".", 0, &res), ST_OK);
	tr_commit(&t, NULL);
	assert_int_equal(unlink("a"), 0);
	assert_int_equal(mkdir("a", 0777), 0);
	tr_text(&t, "a/b", "in");
	status_is(" D a|?? a/|");
	assert_int_equal(add("a", 0, &res), ST_OK);
	status_is("D  a|A  a/b|");
	tr_commit(&t, NULL);
	assert_int_equal(unlink("a/b"), 0);
	assert_int_equal(rmdir("a"), 0);
	tr_text(&t, "a", "file");
	assert_int_equal(add("a", 0, &res), ST_OK);
	status_is("A  a|D  a/b|");
	tr_commit(&t, NULL);
	status_is("");
}

static void links_and_others(void **state)
{
	strata_add_result res;

	(void)state;
	assert_int_equal(mkfifo("fifo", 0666), 0);
	assert_int_equal(symlink("/", "out"), 0);
	assert_int_equal(symlink("in", "inside"), 0);
	assert_int_equal(symlink("nowhere", "dangling"), 0);
	tr_text(&t, "in", "x");
	assert_int_equal(add(".", 0, &res), ST_OK);
	assert_int_equal(res.files, 4);
	assert_int_equal(t.warnings, 2); /* the pipe, the link out of the tree */
	status_is("A  dangling|A  in|A  inside|A  out|");
}

/* A directory replaced by a link: its files are gone, the link is new. */
static void behind_a_link(void **state)
{
	strata_add_result res;

	(void)state;
	assert_int_equal(mkdir("d", 0777), 0);
	tr_text(&t, "d/f", "x");
	assert_int_equal(add(".", 0, &res), ST_OK);
	tr_commit(&t, NULL);
	assert_int_equal(rename("d", "e"), 0);
	assert_int_equal(symlink("e", "d"), 0);
	assert_int_equal(add(NULL, STRATA_ADD_UPDATE, &res), ST_OK);
	status_is("?? d|D  d/f|?? e/|");
	assert_int_equal(add(".", 0, &res), ST_OK);
	status_is("A  d|D  d/f|A  e/f|");
	tr_commit(&t, NULL);
}

static void ignored(void **state)
{
	strata_add_result res;

	(void)state;
	tr_text(&t, ".strataignore", "*.o\nbuild/\n");
	assert_int_equal(mkdir("build", 0777), 0);
	tr_text(&t, "build/x", "x");
	tr_text(&t, "a.o", "x");
	status_is("?? .strataignore|");
	assert_int_equal(add(".", 0, &res), ST_OK);
	assert_int_equal(res.files, 1);
	assert_int_equal(add("a.o", 0, &res), ST_EREFUSED);
	assert_int_equal(add("a.o", STRATA_ADD_FORCE, &res), ST_OK);
	status_is("A  .strataignore|A  a.o|");
}

static void odd_names(void **state)
{
	static const char *const names[] = {
		"new\nline", "\xff\xfe", " lead", "-dash", "*", "[a]"
	};
	strata_add_result res;

	(void)state;
	for (size_t i = 0; i < 6; i++)
		tr_text(&t, names[i], names[i]);
	assert_int_equal(add(".", 0, &res), ST_OK);
	assert_int_equal(res.files, 6);
	tr_commit(&t, NULL);
	status_is("");
	tr_reopen(&t);
	status_is("");
	tr_sound(&t);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TR_TEST(all_and_update, &t),   TR_TEST(directory_and_file, &t),
		TR_TEST(links_and_others, &t), TR_TEST(behind_a_link, &t),
		TR_TEST(ignored, &t),	       TR_TEST(odd_names, &t),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
