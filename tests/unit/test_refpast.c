/* SPDX-License-Identifier: Apache-2.0 */
/* REV@{N} and REV@{DATE}, and full names of refs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "repo_fixture.h"

#include "base/file.h"
#include "base/timefmt.h"

#include <stdio.h>
#include <string.h>

static struct trepo t;

static void resolves(const char *rev, int code, const char *want)
{
	struct st_err e = { 0 };
	struct st_oid id;
	char version[32];
	int rc = st_resolve(t.r, rev, strlen(rev), &id, &e);

	if (rc != code)
		fail_msg("%s: %d %s", rev, rc, e.msg);
	if (rc != ST_OK) {
		if (want && !strstr(e.msg, want))
			fail_msg("%s: %s", rev, e.msg);
		return;
	}
	assert_int_equal(st_catalog_version_of(t.r->cat, &id, version, &e), ST_OK);
	if (strcmp(version, want) != 0)
		fail_msg("%s: %s", rev, version);
}

/* Moves that are no commits count, and a branch that is gone has its past still. */
static void moves(void **state)
{
	const char *const side[] = { "side" };
	struct st_err e = { 0 };

	(void)state;
	tr_versions(&t, 1, 3);
	assert_int_equal(st_verb_branch_create(t.r, "side", "v1", false, &e), ST_OK);
	assert_int_equal(st_verb_branch_create(t.r, "side", "v3", true, &e), ST_OK);
	assert_int_equal(st_verb_branch_create(t.r, "side", "v2", true, &e), ST_OK);
	resolves("side@{0}", ST_OK, "v2");
	resolves("side@{1}", ST_OK, "v3");
	resolves("side@{2}", ST_OK, "v1");
	resolves("side@{3}", ST_ENOTFOUND, "pointed nowhere then");
	resolves("heads/side@{1}", ST_OK, "v3");
	resolves("side@{1}~2", ST_OK, "v1");
	resolves("main@{1}", ST_OK, "v2");
	assert_int_equal(st_verb_branch_delete(t.r, side, 1, true, NULL, NULL, &e), ST_OK);
	resolves("side", ST_ENOTFOUND, "unknown revision 'side'");
	resolves("side@{1}", ST_OK, "v2");
}

static void times(void **state)
{
	char between[40], rev[80];

	(void)state;
	tr_versions(&t, 1, 2);
	st_time_format(st_now_ns(), between);
	tr_versions(&t, 3, 1);
	snprintf(rev, sizeof(rev), "main@{%s}", between);
	resolves(rev, ST_OK, "v2");
	resolves("main@{2999-01-01}", ST_EUSAGE, "between the braces");
	resolves("main@{2199-01-01}", ST_OK, "v3");
	resolves("main@{1999-01-01}", ST_ENOTFOUND, "pointed nowhere then");
}

static void full_names(void **state)
{
	static const struct {
		const char *rev;
		int code;
		const char *want;
	} rows[] = {
		{ "both", ST_EUSAGE, "several meanings: branch both, tag both; say heads/NAME" },
		{ "tags/both", ST_OK, "v2" },
		{ "refs/heads/both", ST_OK, "v1" },
		{ "refs/tags/both~1", ST_OK, "v1" },
		{ "heads/heads/both", ST_OK, "v3" },
		{ "heads/none", ST_ENOTFOUND, "unknown revision" },
		{ "heads/", ST_ENOTFOUND, "unknown revision" },
		{ "refs/", ST_ENOTFOUND, "unknown revision" },
		{ "refs/heads/", ST_ENOTFOUND, "unknown revision" },
		{ "bohts", ST_ENOTFOUND, "did you mean 'both'" },
		{ "v9", ST_ENOTFOUND, "did you mean 'v3'" },
		{ "tags/trap", ST_EUSAGE,
		  "several meanings: refs/tags/trap, refs/heads/tags/trap; say one" },
		{ "refs/tags/trap", ST_OK, "v1" },
		{ "refs/heads/tags/trap", ST_OK, "v2" },
	};
	struct st_err e = { 0 };

	(void)state;
	tr_versions(&t, 1, 3);
	assert_int_equal(st_verb_branch_create(t.r, "both", "v1", false, &e), ST_OK);
	assert_int_equal(st_verb_tag_create(t.r, "both", "v2", NULL, false, &e), ST_OK);
	assert_int_equal(st_verb_branch_create(t.r, "heads/both", "v3", false, &e), ST_OK);
	assert_int_equal(st_verb_tag_create(t.r, "trap", "v1", NULL, false, &e), ST_OK);
	assert_int_equal(st_verb_branch_create(t.r, "tags/trap", "v2", false, &e), ST_OK);
	resolves("heads/both", ST_EUSAGE, "refs/heads/both, refs/heads/heads/both; say one");
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		resolves(rows[i].rev, rows[i].code, rows[i].want);
}

/* Two commits whose ids begin alike; they are listed. */
static void prefixes(void **state)
{
	struct st_commit_row row = { .author = "A <a@b>", .message = "m", .version = "" };
	struct st_err e = { 0 };

	(void)state;
	row.generation = 1;
	memset(row.id.b, 0xab, 4);
	assert_int_equal(st_catalog_begin(t.r->cat, &e), ST_OK);
	assert_int_equal(st_catalog_commit_add(t.r->cat, &row, &e), ST_OK);
	row.id.b[5] = 1;
	assert_int_equal(st_catalog_commit_add(t.r->cat, &row, &e), ST_OK);
	assert_int_equal(st_catalog_commit(t.r->cat, &e), ST_OK);
	resolves("abababab", ST_EUSAGE, "commit abababab0000, commit abababab0001; give more");
	resolves("abababab0001", ST_OK, "");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TR_TEST(moves, &t),
		TR_TEST(times, &t),
		TR_TEST(full_names, &t),
		TR_TEST(prefixes, &t),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
