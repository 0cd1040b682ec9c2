/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "repo/repo.h"

#include <string.h>

struct row {
	const char *rules, *path;
	bool dir, ignored;
};

/* Each was held against git check-ignore. */
static const struct row rows[] = {
	{ "a", "a", false, true },
	{ "a", "x/a", false, true },
	{ "a", "ab", false, false },
	{ "/a", "a", false, true },
	{ "/a", "x/a", false, false },
	{ "x/a", "x/a", false, true },
	{ "x/a", "y/x/a", false, false },
	{ "a/", "a", false, false },
	{ "a/", "a", true, true },
	{ "*.o", "d/f.o", false, true },
	{ "*", "d/f", false, true },
	{ "d/*", "d/e/f", false, false },
	{ "d/*", "d/e", false, true },
	{ "d/**", "d/e/f", false, true },
	{ "d/**", "d", true, false },
	{ "**/a", "a", false, true },
	{ "**/a", "x/y/a", false, true },
	{ "x/**/a", "x/a", false, true },
	{ "x/**/a", "x/1/2/a", false, true },
	{ "x/**/a", "xa", false, false },
	{ "x/a**b", "x/a1/b", false, false },
	{ "x/a**b", "x/a1b", false, true },
	{ "a?c", "abc", false, true },
	{ "x/a?c", "x/a/c", false, false },
	{ "[ab]", "b", false, true },
	{ "[!ab]", "b", false, false },
	{ "[^ab]", "c", false, true },
	{ "[a-c]x", "bx", false, true },
	{ "[]a]", "]", false, true },
	{ "[a-]", "-", false, true },
	{ "[[:digit:]]", "7", false, true },
	{ "[[:digit:]]", "x", false, false },
	{ "[[:upper:]x]", "x", false, true },
	{ "[[:nothing:]]", "n", false, false },
	{ "[a", "[a", false, false },
	{ "[\\]]", "]", false, true },
	{ "x[!a]y", "x/y", false, false },
	{ "\\#a", "#a", false, true },
	{ "#a", "#a", false, false },
	{ "\\!a", "!a", false, true },
	{ "a\\*", "a*", false, true },
	{ "a\\*", "ab", false, false },
	{ "a\\", "a\\", false, false },
	{ "a ", "a", false, true },
	{ "a\\ ", "a ", false, true },
	{ "a\r", "a", false, true },
	{ "*\n!a", "a", false, false },
	{ "*\n!a", "b", false, true },
	{ "!a\n*", "a", false, true },
	{ "/", "a", true, false },
	{ "!", "a", false, false },
	{ "", "a", false, false },
	{ "\n\na\n", "a", false, true },
};

static void table(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct st_err e = { 0 };
		struct st_ignore *g;

		assert_int_equal(st_ignore_new(&g, &e), ST_OK);
		assert_int_equal(st_ignore_add(g, "", rows[i].rules, strlen(rows[i].rules), &e),
				 ST_OK);
		if (st_ignore_match(g, rows[i].path, rows[i].dir) != rows[i].ignored)
			fail_msg("row %zu: '%s' on '%s'", i, rows[i].rules, rows[i].path);
		st_ignore_free(g);
	}
}

static void nested(void **state)
{
	struct st_err e = { 0 };
	struct st_ignore *g;

	(void)state;
	assert_int_equal(st_ignore_new(&g, &e), ST_OK);
	assert_int_equal(st_ignore_add(g, "", "*.o", 3, &e), ST_OK);
	assert_int_equal(st_ignore_add(g, "d", "!a.o\n/b", 7, &e), ST_OK);
	assert_false(st_ignore_match(g, "d/a.o", false));
	assert_true(st_ignore_match(g, "a.o", false));
	assert_true(st_ignore_match(g, "d/b", false));
	assert_false(st_ignore_match(g, "d/e/b", false));
	assert_false(st_ignore_match(g, "dd/b", false));
	st_ignore_pop(g, "d");
	assert_true(st_ignore_match(g, "d/a.o", false));
	st_ignore_free(g);
}

/* Patterns that would keep a naive matcher busy for ever, or nest it too deeply. */
static void hostile(void **state)
{
	struct st_err e = { 0 };
	size_t n = 300000;
	struct st_ignore *g;
	char *deep = malloc(n + 4), path[201];

	(void)state;
	assert_non_null(deep);
	for (size_t i = 0; i < n; i++)
		deep[i] = "**/"[i % 3];
	memcpy(deep + n, "no", 3);
	memset(path, 'a', 200);
	path[200] = 0;
	assert_int_equal(st_ignore_new(&g, &e), ST_OK);
	assert_int_equal(st_ignore_add(g, "", deep, n + 2, &e), ST_OK);
	assert_int_equal(st_ignore_add(g, "", "*a*a*a*a*a*a*a*a*a*a*a*b", 24, &e), ST_OK);
	assert_false(st_ignore_match(g, path, false));
	assert_true(st_ignore_match(g, "x/no", false));
	st_ignore_free(g);
	free(deep);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(table),
		cmocka_unit_test(nested),
		cmocka_unit_test(hostile),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
