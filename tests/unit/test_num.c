/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "codec/num.h"

static void types_and_widths(void **state)
{
	static const struct {
		enum st_dtype type;
		enum st_num num;
	} rows[] = {
		{ ST_BF16, ST_NUM_BF16 },	 { ST_F16, ST_NUM_F16 },
		{ ST_F32, ST_NUM_F32 },		 { ST_F64, ST_NUM_F64 },
		{ ST_C64, ST_NUM_F32 },		 { ST_C128, ST_NUM_F64 },
		{ ST_C32, ST_NUM_F16 },		 { ST_F8_E4M3, ST_NUM_E4M3 },
		{ ST_F8_E4M3FNUZ, ST_NUM_E4M3 }, { ST_F8_E5M2, ST_NUM_E5M2 },
		{ ST_F8_E5M2FNUZ, ST_NUM_E5M2 }, { ST_F8_E8M0, ST_NUM_INT },
		{ ST_I64, ST_NUM_INT },		 { ST_BOOL, ST_NUM_INT },
		{ ST_F4, ST_NUM_INT },		 { ST_OPAQUE, ST_NUM_INT },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		assert_int_equal(st_num_of_dtype(rows[i].type), rows[i].num);
	/* A type's width is its number's, or it counts as integers. */
	for (unsigned t = 0; t < ST_NDTYPES; t++)
		assert_true(st_num_fits(st_num_of_dtype(t), st_dtype_width(t)));
}

static void fitting(void **state)
{
	(void)state;
	for (unsigned w = 1; w <= 8; w *= 2) {
		assert_true(st_num_fits(ST_NUM_INT, w));
		assert_int_equal(st_num_fits(ST_NUM_BF16, w), w == 2);
		assert_int_equal(st_num_fits(ST_NUM_F64, w), w == 8);
		assert_false(st_num_fits(ST_NNUMBERS, w));
		assert_false(st_num_fits(255, w));
	}
	for (unsigned i = 1; i < ST_NNUMBERS; i++)
		assert_int_equal(1 + st_numbers[i].exponent + st_numbers[i].mantissa,
				 8 * st_numbers[i].width);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(types_and_widths),
		cmocka_unit_test(fitting),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
