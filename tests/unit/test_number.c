/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "repo_fixture.h"

#include "repo/moves.h"
#include "repo/number.h"

#include <stdio.h>
#include <string.h>

static struct trepo t;

static void policy(const char *name)
{
	char path[256];

	tr_path(&t, ".strata/config", path, sizeof(path));
	assert_int_equal(st_config_set_file(path, "version.policy", name, &(struct st_err){ 0 }),
			 ST_OK);
	tr_reopen(&t);
}

static void commit(void)
{
	static uint64_t seed;

	tr_random(&t, "f", ++seed, 10);
	tr_version(&t);
}

static void give(const char *label, const char *rev)
{
	const struct st_oid id = tr_id(&t, rev);

	assert_int_equal(st_catalog_version_add(t.r->cat, label, &id, &(struct st_err){ 0 }),
			 ST_OK);
}

/* parent NULL: none */
static int next(const char *parent, strata_bump bump, char label[32])
{
	struct st_number n = { .bump = bump, .time_ns = INT64_C(1795257000999999999) };
	struct st_err e = { 0 };

	if (parent)
		n.parent = tr_id(&t, parent);
	return st_number_next(t.r, &n, label, &e);
}

static void next_is(const char *parent, strata_bump bump, const char *want)
{
	char label[32];

	assert_int_equal(next(parent, bump, label), ST_OK);
	assert_string_equal(label, want);
}

static void names(void **state)
{
	static const struct {
		const char *text;
		int code;
		strata_policy policy;
	} rows[] = {
		{ "sequence", ST_OK, STRATA_SEQUENCE },
		{ "semver", ST_OK, STRATA_SEMVER },
		{ "timestamp", ST_OK, STRATA_TIMESTAMP },
		{ "", ST_EUSAGE, 0 },
		{ "Semver", ST_EUSAGE, 0 },
		{ "semver ", ST_EUSAGE, 0 },
	};
	strata_policy p;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct st_err e = { 0 };

		assert_int_equal(st_policy_parse(rows[i].text, "it", &p, &e), rows[i].code);
		if (rows[i].code == ST_OK) {
			assert_int_equal(p, rows[i].policy);
			assert_string_equal(st_policy_name(p), rows[i].text);
		} else {
			assert_non_null(strstr(e.msg, "sequence, semver or timestamp"));
		}
	}
}

static void choose(void **state)
{
	static const struct {
		strata_bump asked;
		bool first;
		struct st_counts n;
		uint64_t files;
		strata_bump bump;
		const char *why;
	} rows[] = {
		{ 0, true, { .added = 3 }, 1, STRATA_BUMP_MAJOR, "first version" },
		{ 0, true, { 0 }, 0, STRATA_BUMP_MAJOR, "first version" },
		{ 0, false, { .unchanged = 3 }, 0, STRATA_BUMP_PATCH, "nothing changed" },
		{ 0, false, { .unchanged = 3 }, 1, STRATA_BUMP_PATCH, "no tensor changed" },
		{ 0, false, { .changed = 1 }, 1, STRATA_BUMP_MINOR, "values changed" },
		{ 0,
		  false,
		  { .changed = 2, .reshaped = 1 },
		  1,
		  STRATA_BUMP_MAJOR,
		  "shape or type changed" },
		{ 0, false, { .added = 1, .changed = 9 }, 1, STRATA_BUMP_MAJOR, "tensors added" },
		{ 0, false, { .removed = 1 }, 1, STRATA_BUMP_MAJOR, "tensors removed" },
		{ 0,
		  false,
		  { .added = 1, .removed = 1, .changed = 1, .reshaped = 1 },
		  1,
		  STRATA_BUMP_MAJOR,
		  "tensors added and removed" },
		{ STRATA_BUMP_PATCH, false, { .added = 1 }, 1, STRATA_BUMP_PATCH, "asked for" },
		{ STRATA_BUMP_MINOR, true, { .added = 1 }, 1, STRATA_BUMP_MINOR, "asked for" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct st_bumped b =
			st_bump_choose(rows[i].asked, rows[i].first, &rows[i].n, rows[i].files);

		assert_int_equal(b.bump, rows[i].bump);
		assert_string_equal(b.why, rows[i].why);
	}
}

static void semver(void **state)
{
	static const struct {
		const char *parent; /* "v1" and so on of a sequence, or NULL */
		strata_bump bump;
		const char *want;
	} rows[] = {
		{ NULL, STRATA_BUMP_DERIVED, "v1.0.0" },
		{ NULL, STRATA_BUMP_MINOR, "v0.1.0" },
		{ NULL, STRATA_BUMP_PATCH, "v0.0.1" },
		{ "v1", STRATA_BUMP_DERIVED, "v1.0.1" },
		{ "v1", STRATA_BUMP_PATCH, "v1.0.1" },
		{ "v1", STRATA_BUMP_MINOR, "v1.1.0" },
		{ "v1", STRATA_BUMP_MAJOR, "v3.0.0" }, /* v2.0.0 is taken */
		{ "v2", STRATA_BUMP_PATCH, "v2.0.2" },
		{ "v2", STRATA_BUMP_MINOR, "v2.2.0" }, /* the gap before v2.3.0 */
		{ "v2.3.0", STRATA_BUMP_MINOR, "v2.4.0" },
		{ "v2.3.0", STRATA_BUMP_PATCH, "v2.3.2" },
		{ "v2.3.0", STRATA_BUMP_MAJOR, "v3.0.0" },
	};

	(void)state;
	commit();
	commit();
	tr_random(&t, "f", 1000, 10);
	policy("timestamp");
	tr_version(&t); /* its parent's number counts for it */
	policy("semver");
	give("v2.0.0", "v1");
	give("v2.0.1", "v1");
	give("v2.1.0", "v1");
	give("v2.3.1", "v1");
	commit();
	next_is("HEAD", STRATA_BUMP_PATCH, "v2.0.3"); /* v2.0.2 is its own */
	next_is("HEAD~1", STRATA_BUMP_MINOR, "v2.2.0");
	tr_sql(&t, "UPDATE versions SET label = 'v2.3.0' WHERE label = 'v2.0.2'");
	tr_sql(&t, "UPDATE commits SET version = 'v2.3.0' WHERE version = 'v2.0.2'");
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		next_is(rows[i].parent, rows[i].bump, rows[i].want);
}

static void last_numbers(void **state)
{
	char label[32];

	(void)state;
	policy("semver");
	commit();
	tr_sql(&t, "UPDATE versions SET label = 'v999999999.999999998.999999999'");
	tr_sql(&t, "UPDATE commits SET version = 'v999999999.999999998.999999999'");
	next_is("HEAD", STRATA_BUMP_MINOR, "v999999999.999999999.0");
	assert_int_equal(next("HEAD", STRATA_BUMP_MAJOR, label), ST_ELIMIT);
	assert_int_equal(next("HEAD", STRATA_BUMP_PATCH, label), ST_ELIMIT);
	policy("sequence");
	assert_int_equal(next("HEAD", 0, label), ST_ELIMIT);
	policy("semver");
	tr_sql(&t, "UPDATE versions SET label = 'v9999999999.0.0'");
	tr_sql(&t, "UPDATE commits SET version = 'v9999999999.0.0'");
	next_is("HEAD", STRATA_BUMP_PATCH, "v0.0.1"); /* none of ours */
}

/* Labels that only look like numbers are passed over. */
static void odd_labels(void **state)
{
	static const char *const labels[] = { "v",	 "v01",	  "v1.2",    "v1.2.3.4",
					      "v1.2.x",	 "1.2.3", "v1..2",   "v-1.0.0",
					      "v1.2.3 ", "",	  "v1.02.3", "v20261121T103000Z" };
	char sql[200];

	(void)state;
	policy("semver");
	commit();
	for (size_t i = 0; i < sizeof(labels) / sizeof(*labels); i++) {
		snprintf(sql, sizeof(sql), "UPDATE commits SET version = '%s'", labels[i]);
		tr_sql(&t, sql);
		snprintf(sql, sizeof(sql), "UPDATE versions SET label = '%s'", labels[i]);
		tr_sql(&t, sql);
		next_is("HEAD", STRATA_BUMP_PATCH, "v0.0.1");
		policy("sequence");
		next_is("HEAD", 0, "v1");
		policy("semver");
	}
}

static void endless_history(void **state)
{
	char label[32];

	(void)state;
	policy("semver");
	commit();
	tr_sql(&t, "UPDATE commits SET version = '', "
		   "parents = (SELECT id FROM objects WHERE objects.oid = commits.oid)");
	assert_int_equal(next("HEAD", STRATA_BUMP_PATCH, label), ST_ECORRUPT);
}

static void sequence(void **state)
{
	(void)state;
	next_is(NULL, 0, "v1");
	commit();
	commit();
	next_is("v1", 0, "v3");
	give("v3.9.0", "v1");
	give("v8.0.0", "v1");
	give("v20261121T103000Z", "v1");
	next_is("v1", 0, "v9");
	commit();
	next_is("v1", 0, "v10");
	give("v9.1.0", "v1");
	next_is("v1", 0, "v10");
}

static void timestamp(void **state)
{
	(void)state;
	commit();
	policy("timestamp");
	next_is("v1", 0, "v20261121T103000Z");
	give("v20261121T103000Z", "v1");
	next_is("v1", STRATA_BUMP_MAJOR, "v20261121T103000Z-2");
	give("v20261121T103000Z-2", "v1");
	next_is(NULL, 0, "v20261121T103000Z-3");
}

/* In old repositories a branch or tag may be called as a number is. */
static void ambiguous(void **state)
{
	static const char *const kinds[] = { "tags/v1.1.0", "heads/v1.1.0" };
	struct st_op_ref change = { 0 };
	struct st_err e = { 0 };
	struct st_oid id;
	char hex[ST_OID_HEX + 1];

	(void)state;
	policy("semver");
	commit();
	give("v1.1.0", "v1.0.0");
	commit();
	st_oid_hex(&(struct st_oid[]){ tr_id(&t, "HEAD") }[0], hex);
	for (size_t i = 0; i < 2; i++) {
		change = (struct st_op_ref){ .name = kinds[i], .value = hex };
		assert_int_equal(st_refs_publish(t.r, "tag", "test", &change, 1, &e), ST_OK);
		assert_int_equal(st_resolve(t.r, "v1.1.0", 6, &id, &e), ST_EUSAGE);
		assert_non_null(strstr(e.msg, "version number"));
		assert_non_null(strstr(e.msg, i ? "branch v1.1.0, tag v1.1.0" : "tag v1.1.0"));
		e = (struct st_err){ 0 };
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(names),   cmocka_unit_test(choose), TR_TEST(semver, &t),
		TR_TEST(last_numbers, &t), TR_TEST(odd_labels, &t),  TR_TEST(endless_history, &t),
		TR_TEST(sequence, &t),	   TR_TEST(timestamp, &t),   TR_TEST(ambiguous, &t),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
