/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "repo/forms.h"

static void fit(void **state)
{
	static const struct {
		enum st_dtype dtype;
		unsigned ndim;
		uint64_t shape[2];
	} rows[] = {
		{ ST_F32, 0, { 0 } },	 { ST_I32, 0, { 0 } },	  { ST_F32, 1, { 6 } },
		{ ST_F32, 2, { 2, 3 } }, { ST_F32, 2, { 3, 2 } }, { ST_F32, 2, { 6, 1 } },
		{ ST_F64, 2, { 2, 3 } },
	};
	const size_t n = sizeof(rows) / sizeof(*rows);
	struct st_forms f = { 0 };
	struct st_err e = { 0 };
	struct st_oid id = { { 1 } };
	uint64_t at;

	(void)state;
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(st_forms_add(&f, &id, rows[i].dtype, rows[i].shape, rows[i].ndim,
					      &at, &e),
				 ST_OK);
		assert_int_equal(at, i);
	}
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < n; k++)
			assert_int_equal(st_forms_fit(&f, i, rows[k].dtype, rows[k].shape,
						      rows[k].ndim),
					 i == k);
	assert_true(st_forms_fit(&f, 0, ST_F32, NULL, 0));
	assert_true(st_oid_eq(&f.v[n - 1].id, &id));
	st_forms_release(&f);
	assert_null(f.v);
}

int main(void)
{
	static const struct CMUnitTest tests[] = { cmocka_unit_test(fit) };

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
