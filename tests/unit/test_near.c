/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/near.h"

#include <strata/strata.h>

#include <string.h>

static void edits(void **state)
{
	static const struct {
		const char *a, *b;
		size_t limit, want;
	} rows[] = {
		{ "", "", 1, 0 },
		{ "", "ab", 3, 2 },
		{ "ab", "", 3, 2 },
		{ "mian", "main", 9, 1 },
		{ "main", "main", 1, 0 },
		{ "main", "main", 0, SIZE_MAX },
		{ "kitten", "sitting", 9, 3 },
		{ "kitten", "sitting", 3, SIZE_MAX },
		{ "abcdef", "badcfe", 9, 3 },
		{ "a", "abcd", 3, SIZE_MAX },
		{ "ca", "abc", 9, 3 }, /* what was swapped is not edited again */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		if (st_edits(rows[i].a, rows[i].b, rows[i].limit) != rows[i].want)
			fail_msg("%s and %s", rows[i].a, rows[i].b);
}

static void lengths(void **state)
{
	char a[ST_NEAR_MAX + 2], b[ST_NEAR_MAX + 2];

	(void)state;
	memset(a, 'x', sizeof(a));
	memset(b, 'x', sizeof(b));
	a[ST_NEAR_MAX] = b[ST_NEAR_MAX] = 0;
	b[3] = 'y';
	assert_int_equal(st_edits(a, b, 4), 1);
	a[ST_NEAR_MAX] = b[ST_NEAR_MAX] = 'x';
	a[ST_NEAR_MAX + 1] = b[ST_NEAR_MAX + 1] = 0;
	assert_true(st_edits(a, b, 4) == SIZE_MAX);
}

static void nearest(void **state)
{
	static const char *const names[] = { "main", "maim", "side", "release/2026", "ab" };
	static const struct {
		const char *word, *want;
	} rows[] = {
		{ "mian", "main" },
		{ "maiin", "main" },
		{ "maim", "maim" },
		{ "sid", "side" },
		{ "release", "release/2026" },
		{ "zzzz", NULL },
		{ "", NULL },
		{ "x", NULL },
		{ "b", "ab" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		const char *found = strata_nearest(rows[i].word, names, 5);

		if (rows[i].want ? !found || strcmp(found, rows[i].want) != 0 : found != NULL)
			fail_msg("'%s': %s", rows[i].word, found ? found : "nothing");
	}
	assert_null(strata_nearest("a", NULL, 0));
	assert_null(strata_nearest(NULL, names, 5));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(edits),
		cmocka_unit_test(lengths),
		cmocka_unit_test(nearest),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
