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

static void values(void **state)
{
	struct st_err e = { 0 };
	char *value;

	(void)state;
	assert_int_equal(st_ref_value(t.r, "HEAD", &value, &e), ST_OK);
	assert_string_equal(value, "ref:heads/main");
	free(value);
	assert_int_equal(st_ref_value(t.r, "heads/main", &value, &e), ST_OK);
	assert_null(value);
}

static void reaches(void **state)
{
	struct st_err e = { 0 };
	struct st_oid ids[3];
	bool yes;

	(void)state;
	tr_versions(&t, 100, 3);
	for (unsigned i = 0; i < 3; i++) {
		char rev[4];

		snprintf(rev, sizeof(rev), "v%u", i + 1);
		ids[i] = tr_id(&t, rev);
	}
	for (unsigned a = 0; a < 3; a++)
		for (unsigned b = 0; b < 3; b++) {
			assert_int_equal(st_reaches(t.r, &ids[a], 1, &ids[b], &yes, &e), ST_OK);
			assert_int_equal(yes, a >= b);
		}
	assert_int_equal(st_reaches(t.r, NULL, 0, &ids[0], &yes, &e), ST_OK);
	assert_false(yes);
}

static void beside(void **state)
{
	static const struct {
		const char *name;
		int code;
	} rows[] = {
		{ "a", ST_EREFUSED },	   { "a/b", ST_OK }, { "a/b/c", ST_EREFUSED },
		{ "a/bc", ST_OK },	   { "ab", ST_OK },  { "main", ST_OK },
		{ "main/x", ST_EREFUSED },
	};

	(void)state;
	tr_versions(&t, 100, 1);
	assert_int_equal(st_verb_branch_create(t.r, "a/b", NULL, false, &(struct st_err){ 0 }),
			 ST_OK);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		if (st_ref_beside(t.r, "heads/", rows[i].name, &(struct st_err){ 0 }) !=
		    rows[i].code)
			fail_msg("%s", rows[i].name);
}

/* A ref that moved between the look and the operation is somebody else's: nothing happens. */
static void moved_meanwhile(void **state)
{
	struct st_op_ref change = { .name = "heads/x", .old = "not this", .value = NULL };
	struct st_err e = { 0 };
	char *value;

	(void)state;
	tr_versions(&t, 100, 1);
	assert_int_equal(st_verb_branch_create(t.r, "x", NULL, false, &e), ST_OK);
	assert_int_equal(st_refs_publish(t.r, "branch", "test", &change, 1, &e), ST_EBUSY);
	e = (struct st_err){ 0 };
	assert_int_equal(st_ref_value(t.r, "heads/x", &value, &e), ST_OK);
	assert_non_null(value);
	free(value);
}

static void survives_rebuild(void **state)
{
	struct st_oid before, after;
	struct st_err e = { 0 };

	(void)state;
	tr_versions(&t, 100, 2);
	assert_int_equal(st_verb_branch_create(t.r, "x", "v1", false, &e), ST_OK);
	assert_int_equal(st_verb_branch_rename(t.r, NULL, "trunk", false, &e), ST_OK);
	assert_int_equal(st_catalog_digest(t.r->cat, &before, &e), ST_OK);
	assert_int_equal(st_repo_rebuild(t.r, &e), ST_OK);
	assert_int_equal(st_catalog_digest(t.r->cat, &after, &e), ST_OK);
	assert_true(st_oid_eq(&before, &after));
	tr_sound(&t);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TR_TEST(values, &t),	      TR_TEST(reaches, &t),	     TR_TEST(beside, &t),
		TR_TEST(moved_meanwhile, &t), TR_TEST(survives_rebuild, &t),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
