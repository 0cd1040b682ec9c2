/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <strata/version.h>

#include "codec/codec.h"
#include "format/format.h"

static bool listed(const char *kind, const char *name)
{
	const char *const *f;
	char text[64];

	snprintf(text, sizeof(text), "%s:%s", kind, name);
	for (f = strata_features(); *f; f++)
		if (strcmp(*f, text) == 0)
			return true;
	fprintf(stderr, "%s is not among the features\n", text);
	return false;
}

static size_t count(const char *kind)
{
	const char *const *f;
	size_t n = 0;

	for (f = strata_features(); *f; f++)
		n += strncmp(*f, kind, strlen(kind)) == 0;
	return n;
}

/* The list is written by hand, the tables are not: neither may have what the other lacks. */
static void features_are_the_tables(void **state)
{
	size_t formats = 0, i;

	(void)state;
	for (; st_formats[formats]; formats++)
		assert_true(listed("format", st_formats[formats]->name));
	assert_int_equal(count("format:"), formats);
	for (i = 0; i < ST_NCODINGS; i++)
		assert_true(listed("coding", st_codecs[i]->name));
	assert_int_equal(count("coding:"), ST_NCODINGS);
	assert_int_equal(count("blake3:"), 1);
	assert_true(listed("versions", "sequence"));
}

static void versions(void **state)
{
	const char *const *v = strata_library_versions();

	(void)state;
	assert_string_equal(strata_version_string(), STRATA_VERSION);
	for (; v[0]; v += 2) {
		assert_non_null(v[1]);
		assert_true(v[1][0] >= '0' && v[1][0] <= '9');
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(features_are_the_tables),
		cmocka_unit_test(versions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
