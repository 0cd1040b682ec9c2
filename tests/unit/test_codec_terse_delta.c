/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "terse_cases.h"

static void all_sizes(void **state)
{
	terse_all_sizes(*state, ST_CODING_TERSE_DELTA);
}

static void not_these(void **state)
{
	struct st_frame_in in = terse_tree(*state, 1000);

	in.base_n--;
	assert_int_equal(case_coded(*state, ST_CODING_TERSE_DELTA, &in), 0);
	terse_not_these(*state, ST_CODING_TERSE_DELTA);
}

static void chosen(void **state)
{
	terse_chosen(*state, ST_CODING_TERSE_DELTA, terse_tree(*state, 3000));
}

static void flips(void **state)
{
	terse_flips(*state, ST_CODING_TERSE_DELTA);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_sizes),
		cmocka_unit_test(not_these),
		cmocka_unit_test(chosen),
		cmocka_unit_test(flips),
	};

	return cmocka_run_group_tests(tests, case_setup, case_teardown);
}
