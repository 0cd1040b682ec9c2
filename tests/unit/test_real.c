/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <float.h>
#include <locale.h>
#include <string.h>

#include "base/real.h"

static void texts(void **state)
{
	static const struct {
		double v;
		const char *text;
	} rows[] = {
		{ 0, "0" },
		{ -0.0, "-0" },
		{ 0.1, "0.1" },
		{ 100, "100" },
		{ -2, "-2" },
		{ 1e15, "1e+15" },
		{ 1e-5, "1e-05" },
		{ 1.0 / 3, "0.3333333333333333" },
		{ 0.1 + 0.2, "0.30000000000000004" },
		{ DBL_MAX, "1.7976931348623157e+308" },
		{ DBL_TRUE_MIN, "5e-324" },
		{ -DBL_MIN, "-2.2250738585072014e-308" },
	};
	static const char *const names[] = { "C", "de_DE.UTF-8" };
	char text[ST_REAL_TEXT];
	struct st_err err = { 0 };
	double v;

	(void)state;
	for (size_t l = 0; l < 2; l++) {
		setlocale(LC_ALL, names[l]); /* where there is one, its point is a comma */
		for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
			assert_int_equal(st_real_text(text, rows[i].v, &err), ST_OK);
			assert_string_equal(text, rows[i].text);
			assert_int_equal(st_real_parse(text, strlen(text), &v, &err), ST_OK);
			assert_memory_equal(&v, &rows[i].v, sizeof(v));
		}
	}
	setlocale(LC_ALL, "C");
}

static void refused(void **state)
{
	static const char *const rows[] = { "",	   " ",	  "nan",   "inf", "\"nan\"", "1 ",
					    "0x1", "1,5", "1e999", "+1",  ".5",	     "1.",
					    "--1", "[1]", "true",  "1 2", "01" };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct st_err err = { 0 };
		double v = 7;

		if (st_real_parse(rows[i], strlen(rows[i]), &v, &err) != ST_EUSAGE)
			fail_msg("'%s' is a number", rows[i]);
		assert_true(v == 7);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts),
		cmocka_unit_test(refused),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
