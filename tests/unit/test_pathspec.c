/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "repo_fixture.h"

#include <string.h>

static struct trepo t;

static int setup(void **state)
{
	(void)state;
	tr_open(&t);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	tr_close(&t);
	return 0;
}

static struct st_pathspec *make(const char *rel)
{
	struct st_pathspec *ps;
	struct st_err e = { 0 };
	char path[256];
	const char *paths[] = { path };

	tr_path(&t, rel, path, sizeof(path));
	assert_int_equal(st_pathspec_new(&ps, t.r, paths, 1, &e), ST_OK);
	return ps;
}

static void matches(void **state)
{
	static const struct {
		const char *spec, *path;
		bool match, exact, through;
	} rows[] = {
		{ "a", "a", true, true, false },	{ "a", "a/b", true, false, true },
		{ "a", "ab", false, false, false },	{ "a/b", "a", false, false, false },
		{ "*.o", "d/x.o", true, false, false }, { "d*", "dir/x", true, false, false },
		{ "x[12]", "x2", true, false, false },	{ "", "any/thing", true, false, true },
		{ "./a/../b", "b", true, true, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct st_pathspec *ps = make(rows[i].spec);

		assert_int_equal(st_pathspec_match(ps, rows[i].path), rows[i].match);
		assert_int_equal(st_pathspec_exact(ps, rows[i].path), rows[i].exact);
		assert_int_equal(st_pathspec_through_dir(ps, rows[i].path), rows[i].through);
		st_pathspec_free(ps);
	}
}

static void directories(void **state)
{
	static const struct {
		const char *spec, *dir;
		bool enter, into;
	} rows[] = {
		{ "a/b/c", "a", true, true },	   { "a/b/c", "a/b", true, true },
		{ "a/b/c", "a/b/c", true, false }, { "a/b/c", "a/x", false, false },
		{ "a/b/c", "ab", false, false },   { "d*", "data", true, false },
		{ "d/s*", "d", true, true },	   { "d/s*", "e", false, false },
		{ "*.o", "x/y", true, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct st_pathspec *ps = make(rows[i].spec);

		assert_int_equal(st_pathspec_dir(ps, rows[i].dir), rows[i].enter);
		assert_int_equal(st_pathspec_into(ps, rows[i].dir), rows[i].into);
		st_pathspec_free(ps);
	}
}

static void unmatched(void **state)
{
	struct st_pathspec *ps = make("nowhere");
	struct st_err e = { 0 };

	(void)state;
	assert_false(st_pathspec_match(ps, "a"));
	assert_int_equal(st_pathspec_unmatched(ps, &e), ST_ENOTFOUND);
	assert_non_null(strstr(e.msg, "nowhere"));
	st_pathspec_free(ps);
}

static void refused(void **state)
{
	static const char *const bad[] = { "", "/", "/etc/passwd" };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct st_pathspec *ps;
		struct st_err e = { 0 };

		assert_int_equal(st_pathspec_new(&ps, t.r, &bad[i], 1, &e), ST_EUSAGE);
		assert_null(ps);
	}
}

static void globs(void **state)
{
	static const struct {
		const char *glob, *name;
		bool match;
	} rows[] = {
		{ "*", "", true },
		{ "", "", true },
		{ "", "a", false },
		{ "a*b*c", "aXbYc", true },
		{ "a*b*c", "aXcYb", false },
		{ "*a", "ba", true },
		{ "?", "", false },
		{ "?", "a", true },
		{ "[!a]", "b", true },
		{ "[!a]", "a", false },
		{ "[a", "[a", true },
		{ "[]]", "]", true },
		{ "[a-c]", "d", false },
		{ "a**b", "a/x/b", true },
		{ "*a*a*a*a*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		if (st_glob_match(rows[i].glob, strlen(rows[i].glob), rows[i].name,
				  strlen(rows[i].name)) != rows[i].match)
			fail_msg("row %zu: %s on %s", i, rows[i].glob, rows[i].name);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(matches),   cmocka_unit_test(directories),
		cmocka_unit_test(unmatched), cmocka_unit_test(refused),
		cmocka_unit_test(globs),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, setup, teardown);
}
