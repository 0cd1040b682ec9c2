/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "repo/moves.h"
#include "repo_fixture.h"

#include <stdio.h>
#include <string.h>

static struct trepo t;
static char ids[3][ST_OID_HEX + 1];

static int resolve(const char *rev, struct st_oid *id, struct st_err *e)
{
	*e = (struct st_err){ 0 };
	return st_resolve(t.r, rev, strlen(rev), id, e);
}

static int setup(void **state)
{
	struct st_oid id;
	struct st_err e;

	(void)state;
	tr_open(&t);
	for (int i = 0; i < 3; i++) {
		tr_random(&t, "f", (uint64_t)i, 10);
		tr_version(&t);
		assert_int_equal(resolve("HEAD", &id, &e), ST_OK);
		st_oid_hex(&id, ids[i]);
	}
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	tr_close(&t);
	return 0;
}

static void known(void **state)
{
	static const struct {
		const char *rev;
		int version;
	} rows[] = {
		{ "HEAD", 2 },	   { "@", 2 },		{ "main", 2 },	     { "v1", 0 },
		{ "v3", 2 },	   { "v3~", 1 },	{ "v3~2", 0 },	     { "@^", 1 },
		{ "v3^1~1", 0 },   { "v3~~", 0 },	{ "v3~0", 2 },	     { "@^0", 2 },
		{ "main@{0}", 2 }, { "main@{2}", 0 },	{ "@{1}", 1 },	     { "HEAD@{1}", 1 },
		{ "@@{2}", 0 },	   { "main@{1}~1", 0 }, { "main@{now}", 2 }, { "@{2199-12-31}", 2 },
	};
	struct st_oid id;
	struct st_err e;
	char hex[ST_OID_HEX + 1];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		if (resolve(rows[i].rev, &id, &e) != ST_OK)
			fail_msg("%s: %s", rows[i].rev, e.msg);
		st_oid_hex(&id, hex);
		assert_string_equal(hex, ids[rows[i].version]);
	}
	for (int i = 0; i < 3; i++) {
		snprintf(hex, sizeof(hex), "%.12s", ids[i]);
		assert_int_equal(resolve(hex, &id, &e), ST_OK);
		st_oid_hex(&id, hex);
		assert_string_equal(hex, ids[i]);
	}
}

static void unknown(void **state)
{
	static const struct {
		const char *rev;
		int code;
	} rows[] = {
		{ "nowhere", ST_ENOTFOUND },
		{ "v4", ST_ENOTFOUND },
		{ "v0", ST_ENOTFOUND },
		{ "v3~3", ST_ENOTFOUND },
		{ "v3^2", ST_ENOTFOUND },
		{ "v3~x", ST_EUSAGE },
		{ "v3~99999999999999999999", ST_EUSAGE },
		{ "v3^-1", ST_EUSAGE },
		{ "00000", ST_ENOTFOUND },
		{ "0123456789ab", ST_ENOTFOUND },
		{ "", ST_EUSAGE },
		{ "~", ST_EUSAGE },
		{ "~1", ST_EUSAGE },
		{ "^", ST_EUSAGE },
		{ "main@{3}", ST_ENOTFOUND },
		{ "main@{9}", ST_ENOTFOUND },
		{ "none@{1}", ST_ENOTFOUND },
		{ "main@{yesterday}", ST_ENOTFOUND },
		{ "main@{1970-01-02}", ST_ENOTFOUND },
		{ "main@{x}", ST_EUSAGE },
		{ "main@{}", ST_EUSAGE },
		{ "main@{1", ST_EUSAGE },
		{ "main@{2026-13-01}", ST_EUSAGE },
	};
	struct st_oid id;
	struct st_err e;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		if (resolve(rows[i].rev, &id, &e) != rows[i].code)
			fail_msg("%s: %d %s", rows[i].rev, e.code, e.msg);
	/* shorter than the least prefix */
	assert_int_equal(st_resolve(t.r, ids[0], 5, &id, &(struct st_err){ 0 }), ST_ENOTFOUND);
}

/* A branch that was there before the id whose beginning it is. */
static void named_as_an_id(void **state)
{
	char name[16], full[32];
	struct st_op_ref change = { .name = full, .value = ids[1] };
	struct st_err e = { 0 };
	struct st_oid id;
	char hex[ST_OID_HEX + 1];

	(void)state;
	snprintf(name, sizeof(name), "%.8s", ids[0]);
	snprintf(full, sizeof(full), "heads/%s", name);
	assert_int_equal(st_verb_branch_create(t.r, name, NULL, false, &e), ST_EUSAGE);
	assert_non_null(strstr(e.msg, "the id of version v1"));
	st_err_clear(&e);
	assert_int_equal(st_verb_tag_create(t.r, name, NULL, NULL, false, &e), ST_EUSAGE);
	st_err_clear(&e);
	assert_int_equal(st_refs_publish(t.r, "branch", "b", &change, 1, &e), ST_OK);
	assert_int_equal(resolve(name, &id, &e), ST_EUSAGE);
	assert_non_null(strstr(e.msg, "several meanings: branch "));
	assert_non_null(strstr(e.msg, ", commit "));
	assert_int_equal(resolve(full, &id, &e), ST_OK);
	st_oid_hex(&id, hex);
	assert_string_equal(hex, ids[1]);
	/* it may go, and be moved: to that version it means one thing */
	assert_int_equal(st_verb_branch_create(t.r, name, ids[0], true, &e), ST_OK);
	assert_int_equal(resolve(name, &id, &e), ST_OK);
	assert_int_equal(st_verb_branch_delete(t.r, (const char *[]){ name }, 1, true, NULL, NULL,
					       &e),
			 ST_OK);
}

static void unborn(void **state)
{
	struct trepo u;
	struct st_err e = { 0 };
	struct st_oid id;

	(void)state;
	tr_open(&u);
	assert_int_equal(st_resolve(u.r, "HEAD", 4, &id, &e), ST_ENOTFOUND);
	assert_non_null(strstr(e.msg, "no version yet"));
	tr_close(&u);
	setenv("HOME", t.dir, 1);
}

static bool same(const char *p, size_t n, const char *want)
{
	return want ? p && strlen(want) == n && memcmp(p, want, n) == 0 : !p;
}

static void split(void **state)
{
	static const struct {
		const char *text, *rev, *path, *name;
	} rows[] = {
		{ "v1", "v1", NULL, NULL },	  { "v1:a/b", "v1", "a/b", NULL },
		{ "v1:a::n", "v1", "a", "n" },	  { "v1:a::n::m", "v1", "a", "n::m" },
		{ "v1::*.w", "v1", NULL, "*.w" }, { ":a", "", "a", NULL },
		{ "v1:./a", "v1", "a", NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct st_err e = { 0 };
		struct st_revspec s;

		assert_int_equal(st_spec_split(t.r, rows[i].text, false, &s, &e), ST_OK);
		assert_false(s.plain);
		assert_true(same(s.rev, s.rev_len, rows[i].rev));
		assert_true(same(s.path, s.path_len, rows[i].path));
		assert_true(same(s.name, s.name_len, rows[i].name));
	}
}

static void split_plain(void **state)
{
	struct st_err e = { 0 };
	struct st_revspec s;
	char path[256], text[300];

	(void)state;
	tr_path(&t, "f", path, sizeof(path));
	snprintf(text, sizeof(text), "%s::n", path);
	assert_int_equal(st_spec_split(t.r, text, true, &s, &e), ST_OK);
	assert_true(s.plain && same(s.path, s.path_len, path) && same(s.name, s.name_len, "n"));
	assert_int_equal(st_spec_split(t.r, "main", true, &s, &e), ST_OK);
	assert_false(s.plain);
	assert_int_equal(st_spec_split(t.r, "v1:f::", false, &s, &e), ST_EUSAGE);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(known),	  cmocka_unit_test(unknown),
		cmocka_unit_test(named_as_an_id), cmocka_unit_test(unborn),
		cmocka_unit_test(split),	  cmocka_unit_test(split_plain),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, setup, teardown);
}
