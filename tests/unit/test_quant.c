/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tensor/quant.h"

static void table(void **state)
{
	unsigned found = 0;

	(void)state;
	for (unsigned q = 0; q < 300; q++) {
		const struct st_quant_info *i = st_quant_info(q);

		if (!i)
			continue;
		found++;
		assert_int_equal(i->quant, q);
		assert_true(i->elements % 32 == 0 && i->bytes > i->elements / 8);
		for (unsigned k = 0; k < q; k++)
			if (st_quant_info(k))
				assert_string_not_equal(i->name, st_quant_info(k)->name);
	}
	assert_int_equal(found, 23);
	assert_null(st_quant_info(ST_QUANT_NONE));
	assert_int_equal(st_quant_info(ST_Q6_K)->bytes, 210);
	assert_string_equal(st_quant_info(2)->name, "q4_0");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
