/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "repo_fixture.h"

#include "base/blake3.h"

#include <stdio.h>
#include <string.h>

static struct trepo t;

static int lost(void *arg, const char *path)
{
	snprintf(arg, 64, "%s", path);
	return 0;
}

static int reset(const char *rev, strata_reset_mode mode, char discarded[64],
		 strata_reset_result *res)
{
	struct st_err e = { 0 };

	discarded[0] = 0;
	return st_verb_reset(t.r, rev, mode, lost, discarded, res, &e);
}

static void staged(const char *path, const char *text)
{
	const struct st_stage_row *row;
	struct st_err e = { 0 };
	struct st_index x;
	struct st_oid id;

	st_blake3(text, strlen(text), id.b);
	assert_int_equal(st_staged_load(t.r, &x, &e), ST_OK);
	row = st_index_find(&x, path, strlen(path), NULL);
	assert_non_null(row);
	assert_true(st_oid_eq(&row->id, &id));
	st_index_release(&x);
}

/* f is "1" in v1, "2" in v2; "staged" is staged and "work" in the working tree. */
static void begin(void)
{
	tr_text(&t, "f", "1");
	tr_version(&t);
	tr_text(&t, "f", "2");
	tr_version(&t);
	tr_text(&t, "f", "staged");
	tr_add(&t, NULL);
	tr_text(&t, "f", "work");
}

static void modes(void **state)
{
	static const struct {
		const char *rev;
		strata_reset_mode mode;
		const char *version, *staged, *work, *lost;
	} rows[] = {
		{ "v1", STRATA_RESET_SOFT, "v1", "staged", "work", "" },
		{ "v1", STRATA_RESET_MIXED, "v1", "1", "work", "" },
		{ "v1", STRATA_RESET_HARD, "v1", "1", "1", "f" },
		{ NULL, STRATA_RESET_SOFT, "v2", "staged", "work", "" },
		{ NULL, STRATA_RESET_MIXED, "v2", "2", "work", "" },
		{ NULL, STRATA_RESET_HARD, "v2", "2", "2", "f" },
		{ "@", STRATA_RESET_HARD, "v2", "2", "2", "f" },
	};
	strata_reset_result res;
	char discarded[64];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		if (i)
			assert_int_equal(tr_enter(&t), 0);
		begin();
		assert_int_equal(reset(rows[i].rev, rows[i].mode, discarded, &res), ST_OK);
		assert_string_equal(res.version, rows[i].version);
		assert_string_equal(res.old_version, "v2");
		assert_string_equal(res.branch, "main");
		assert_string_equal(discarded, rows[i].lost);
		assert_int_equal(res.discarded, *rows[i].lost != 0);
		staged("f", rows[i].staged);
		tr_holds(&t, "f", rows[i].work);
		if (i + 1 < sizeof(rows) / sizeof(*rows))
			assert_int_equal(tr_leave(&t), 0);
	}
}

static void refuses(void **state)
{
	strata_reset_result res;
	char discarded[64];
	uint64_t before;

	(void)state;
	begin();
	before = t.r->pos.seq;
	assert_int_equal(reset("v9", STRATA_RESET_HARD, discarded, &res), ST_ENOTFOUND);
	assert_int_equal(reset("f", STRATA_RESET_HARD, discarded, &res), ST_ENOTFOUND);
	assert_int_equal(t.r->pos.seq, before);
	staged("f", "staged");
	tr_holds(&t, "f", "work");
}

static void unborn(void **state)
{
	strata_reset_result res;
	char discarded[64];

	(void)state;
	tr_text(&t, "f", "1");
	tr_add(&t, NULL);
	assert_int_equal(reset("v1", STRATA_RESET_MIXED, discarded, &res), ST_ENOTFOUND);
	staged("f", "1");
	assert_int_equal(reset(NULL, STRATA_RESET_MIXED, discarded, &res), ST_OK);
	assert_string_equal(res.commit, "");
	assert_string_equal(res.old_commit, "");
	tr_holds(&t, "f", "1");
	tr_add(&t, NULL);
	assert_int_equal(reset(NULL, STRATA_RESET_HARD, discarded, &res), ST_OK);
	assert_false(tr_there("f"));
}

static void detached(void **state)
{
	strata_switch_options o = { .detach = true, .discard = true };
	strata_checkout_result there;
	strata_reset_result res;
	struct st_err e = { 0 };
	struct st_head head;
	char discarded[64];

	(void)state;
	begin();
	assert_int_equal(st_verb_switch(t.r, "v2", &o, &there, &e), ST_OK);
	assert_int_equal(reset("v1", STRATA_RESET_HARD, discarded, &res), ST_OK);
	assert_string_equal(res.branch, "");
	assert_string_equal(res.version, "v1");
	assert_int_equal(st_repo_head(t.r, &head, &e), ST_OK);
	assert_true(head.detached);
	tr_holds(&t, "f", "1");
	tr_sound(&t);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TR_TEST(modes, &t),
		TR_TEST(refuses, &t),
		TR_TEST(unborn, &t),
		TR_TEST(detached, &t),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
