/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "terse_cases.h"

static void all_sizes(void **state)
{
	terse_all_sizes(*state, ST_CODING_TERSE);
}

static void not_these(void **state)
{
	terse_not_these(*state, ST_CODING_TERSE);
}

static void chosen(void **state)
{
	struct st_frame_in in = terse_tree(*state, 300);

	in.base = NULL;
	in.base_n = 0;
	terse_chosen(*state, ST_CODING_TERSE, in);
}

static void flips(void **state)
{
	terse_flips(*state, ST_CODING_TERSE);
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
