/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "repo_fixture.h"

#include <stdio.h>
#include <string.h>

static struct trepo t;

struct names {
	char text[400];
	size_t n, stop;
};

static int take(void *arg, const strata_branch *b)
{
	struct names *x = arg;
	size_t at = strlen(x->text);

	snprintf(x->text + at, sizeof(x->text) - at, "%s%s%s:%s", at ? " " : "",
		 b->current ? "*" : "", b->name, b->unborn ? "unborn" : b->version);
	return ++x->n == x->stop;
}

static void holds(const char *want)
{
	struct names x = { .n = 0 };
	struct st_err e = { 0 };

	assert_int_equal(st_verb_branch_list(t.r, take, &x, &e), ST_OK);
	assert_string_equal(x.text, want);
}

static int create(const char *name, const char *start, bool force)
{
	return st_verb_branch_create(t.r, name, start, force, &(struct st_err){ 0 });
}

static int rename_it(const char *from, const char *to, bool force)
{
	return st_verb_branch_rename(t.r, from, to, force, &(struct st_err){ 0 });
}

static void lists(void **state)
{
	struct names x = { .stop = 1 };
	struct st_err e = { 0 };

	(void)state;
	holds("*main:unborn");
	tr_versions(&t, 1, 2);
	assert_int_equal(create("b", NULL, false), ST_OK);
	assert_int_equal(create("a/b", "v1", false), ST_OK);
	holds("a/b:v1 b:v2 *main:v2");
	assert_int_equal(st_verb_branch_list(t.r, take, &x, &e), ST_OK);
	assert_int_equal(x.n, 1); /* the caller may stop */
	assert_int_equal(e.code, ST_OK);
}

static void creates(void **state)
{
	static const struct {
		const char *name, *start;
		bool force;
		int code;
	} rows[] = {
		{ "x", "v1", false, ST_OK },	      { "x", "v1", false, ST_EREFUSED },
		{ "x", "v2", true, ST_OK },	      { "main", "v1", true, ST_EREFUSED },
		{ "main", "v1", false, ST_EREFUSED }, { "x/y", NULL, false, ST_EREFUSED },
		{ "y", "v9", false, ST_ENOTFOUND },   { "v9", NULL, false, ST_EUSAGE },
		{ "", NULL, false, ST_EUSAGE },	      { "@{-1}", NULL, false, ST_EUSAGE },
	};

	(void)state;
	assert_int_equal(create("early", NULL, false), ST_ENOTFOUND);
	tr_versions(&t, 1, 2);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		if (create(rows[i].name, rows[i].start, rows[i].force) != rows[i].code)
			fail_msg("%s", rows[i].name);
	holds("*main:v2 x:v2");
}

static int delete (const char *const *names, size_t n, bool force, struct names *was)
{
	return st_verb_branch_delete(t.r, names, n, force, was ? take : NULL, was,
				     &(struct st_err){ 0 });
}

static void deletes(void **state)
{
	const char *const main_too[] = { "x", "main" }, *const twice[] = { "x", "x" },
			  *const both[] = { "x", "y" }, *const none[] = { "x", "none" };
	strata_reset_result res;
	struct st_err e = { 0 };
	struct names was = { .n = 0 };

	(void)state;
	tr_versions(&t, 1, 2);
	assert_int_equal(create("x", NULL, false), ST_OK);
	assert_int_equal(create("y", NULL, false), ST_OK);
	assert_int_equal(st_verb_reset(t.r, "v1", STRATA_RESET_SOFT, NULL, NULL, &res, &e), ST_OK);
	assert_int_equal(delete (NULL, 0, false, NULL), ST_EUSAGE);
	assert_int_equal(delete (main_too, 2, true, NULL), ST_EREFUSED);
	assert_int_equal(delete (twice, 2, true, NULL), ST_EUSAGE);
	assert_int_equal(delete (none, 2, true, NULL), ST_ENOTFOUND);
	assert_int_equal(delete (both, 2, false, NULL), ST_EREFUSED); /* nothing else has v2 */
	holds("*main:v1 x:v2 y:v2");
	assert_int_equal(delete (both, 1, false, &was), ST_OK);
	assert_string_equal(was.text, "x:v2");
	holds("*main:v1 y:v2");
	assert_int_equal(delete (both + 1, 1, true, NULL), ST_OK);
	holds("*main:v1");
	tr_sound(&t);
}

static void renames(void **state)
{
	(void)state;
	assert_int_equal(rename_it(NULL, "trunk", false), ST_OK);
	holds("*trunk:unborn");
	tr_versions(&t, 1, 1);
	assert_int_equal(create("x", NULL, false), ST_OK);
	assert_int_equal(rename_it("x", "trunk", true), ST_EREFUSED);
	assert_int_equal(rename_it("trunk", "x", false), ST_EREFUSED);
	assert_int_equal(rename_it("none", "y", false), ST_ENOTFOUND);
	assert_int_equal(rename_it("x", "v1", false), ST_EUSAGE);
	assert_int_equal(rename_it("x", "x", false), ST_OK);
	assert_int_equal(rename_it("trunk", "x", true), ST_OK);
	holds("*x:v1");
	assert_int_equal(rename_it("x", "x/y", false), ST_EREFUSED);
	tr_reopen(&t);
	holds("*x:v1");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TR_TEST(lists, &t),
		TR_TEST(creates, &t),
		TR_TEST(deletes, &t),
		TR_TEST(renames, &t),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
