/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "repo_fixture.h"

#include "repo/moves.h"

#include <stdio.h>
#include <string.h>

static struct trepo t;

static int take(void *arg, const strata_tag *x)
{
	char *text = arg;
	size_t at = strlen(text);

	snprintf(text + at, 400 - at, "%s%s:%s:%s%s", at ? " " : "", x->name, x->version,
		 x->annotated ? x->tagger : "-", x->message);
	return 0;
}

static void holds(const char *want)
{
	char text[400] = "";
	struct st_err e = { 0 };

	assert_int_equal(st_verb_tag_list(t.r, take, text, &e), ST_OK);
	assert_string_equal(text, want);
}

static int create(const char *name, const char *rev, const char *message, bool force)
{
	return st_verb_tag_create(t.r, name, rev, message, force, &(struct st_err){ 0 });
}

static void creates(void **state)
{
	char huge[5000];
	struct {
		const char *name, *rev, *message;
		bool force;
		int code;
	} rows[] = {
		{ "x", "v1", NULL, false, ST_OK },
		{ "x", "v1", NULL, false, ST_EREFUSED },
		{ "x", "v2", NULL, true, ST_OK },
		{ "x/y", NULL, NULL, false, ST_EREFUSED },
		{ "y", "v9", NULL, false, ST_ENOTFOUND },
		{ "v9", NULL, NULL, false, ST_EUSAGE },
		{ "y", NULL, "", false, ST_EUSAGE },
		{ "y", NULL, " \n", false, ST_EUSAGE },
		{ "y", NULL, "\344", false, ST_EUSAGE },
		{ "y", NULL, huge, false, ST_ELIMIT },
		{ "y", NULL, "says\n\nmuch", false, ST_OK },
	};

	(void)state;
	memset(huge, 'x', sizeof(huge) - 1);
	huge[sizeof(huge) - 1] = 0;
	assert_int_equal(create("early", NULL, NULL, false), ST_ENOTFOUND);
	tr_versions(&t, 1, 2);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		if (create(rows[i].name, rows[i].rev, rows[i].message, rows[i].force) !=
		    rows[i].code)
			fail_msg("row %zu", i);
	holds("x:v2:- y:v2:Test <test@example.org>says\n\nmuch");
	assert_int_equal(create("y", "v1", NULL, true), ST_OK); /* what it said goes */
	holds("x:v2:- y:v1:-");
}

static void deletes(void **state)
{
	const char *const both[] = { "x", "y" }, *const twice[] = { "x", "x" },
			  *const none[] = { "x", "none" };
	struct st_err e = { 0 };
	char *note, was[400] = "";

	(void)state;
	tr_versions(&t, 1, 1);
	assert_int_equal(create("x", NULL, "text", false), ST_OK);
	assert_int_equal(create("y", NULL, NULL, false), ST_OK);
	assert_int_equal(st_verb_tag_delete(t.r, NULL, 0, NULL, NULL, &(struct st_err){ 0 }),
			 ST_EUSAGE);
	assert_int_equal(st_verb_tag_delete(t.r, twice, 2, NULL, NULL, &(struct st_err){ 0 }),
			 ST_EUSAGE);
	assert_int_equal(st_verb_tag_delete(t.r, none, 2, NULL, NULL, &(struct st_err){ 0 }),
			 ST_ENOTFOUND);
	holds("x:v1:Test <test@example.org>text y:v1:-");
	assert_int_equal(st_verb_tag_delete(t.r, both, 2, take, was, &e), ST_OK);
	assert_string_equal(was, "x:v1:Test <test@example.org>text y:v1:-");
	holds("");
	assert_int_equal(st_ref_value(t.r, "annotations/x", &note, &e), ST_OK);
	assert_null(note);
	tr_sound(&t);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TR_TEST(creates, &t),
		TR_TEST(deletes, &t),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
