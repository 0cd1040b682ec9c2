/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "tensor/dtype.h"

#define COUNT(a) (sizeof(a) / sizeof(*(a)))

/* Written out again, so that a slip in the table shows. */
static const struct {
	enum st_dtype t;
	const char *name, *safetensors, *numpy;
	unsigned bits, width;
} rows[] = {
	{ ST_OPAQUE, "opaque", "", "|u1", 8, 1 },
	{ ST_BOOL, "bool", "BOOL", "|b1", 8, 1 },
	{ ST_F4, "f4_e2m1", "F4", "", 4, 1 },
	{ ST_F6_E2M3, "f6_e2m3", "F6_E2M3", "", 6, 1 },
	{ ST_F6_E3M2, "f6_e3m2", "F6_E3M2", "", 6, 1 },
	{ ST_U8, "u8", "U8", "|u1", 8, 1 },
	{ ST_I8, "i8", "I8", "|i1", 8, 1 },
	{ ST_F8_E5M2, "f8_e5m2", "F8_E5M2", "", 8, 1 },
	{ ST_F8_E4M3, "f8_e4m3fn", "F8_E4M3", "", 8, 1 },
	{ ST_F8_E8M0, "f8_e8m0", "F8_E8M0", "", 8, 1 },
	{ ST_F8_E4M3FNUZ, "f8_e4m3fnuz", "F8_E4M3FNUZ", "", 8, 1 },
	{ ST_F8_E5M2FNUZ, "f8_e5m2fnuz", "F8_E5M2FNUZ", "", 8, 1 },
	{ ST_I16, "i16", "I16", "<i2", 16, 2 },
	{ ST_U16, "u16", "U16", "<u2", 16, 2 },
	{ ST_F16, "f16", "F16", "<f2", 16, 2 },
	{ ST_BF16, "bf16", "BF16", "", 16, 2 },
	{ ST_I32, "i32", "I32", "<i4", 32, 4 },
	{ ST_U32, "u32", "U32", "<u4", 32, 4 },
	{ ST_F32, "f32", "F32", "<f4", 32, 4 },
	{ ST_C32, "c32", "", "<u4", 32, 2 },
	{ ST_C64, "c64", "C64", "<c8", 64, 4 },
	{ ST_F64, "f64", "F64", "<f8", 64, 8 },
	{ ST_I64, "i64", "I64", "<i8", 64, 8 },
	{ ST_U64, "u64", "U64", "<u8", 64, 8 },
	{ ST_C128, "c128", "", "<c16", 128, 8 },
};

static void test_rows(void **state)
{
	(void)state;
	assert_int_equal(COUNT(rows), ST_NDTYPES);
	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct st_dtype_info *info = st_dtype_info(rows[i].t);

		assert_string_equal(info->name, rows[i].name);
		assert_string_equal(info->safetensors, rows[i].safetensors);
		assert_string_equal(info->numpy, rows[i].numpy);
		assert_int_equal(info->bits, rows[i].bits);
		assert_int_equal(st_dtype_width(rows[i].t), rows[i].width);
	}
}

static void test_lookup(void **state)
{
	enum st_dtype t;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		assert_true(st_dtype_by_name(&t, rows[i].name, strlen(rows[i].name)));
		assert_int_equal(t, rows[i].t);
		if (!*rows[i].safetensors)
			continue;
		assert_true(st_dtype_by_safetensors(&t, rows[i].safetensors,
						    strlen(rows[i].safetensors)));
		assert_int_equal(t, rows[i].t);
	}
}

static void test_unknown(void **state)
{
	static const struct {
		const char *name;
		size_t len;
	} bad[] = {
		{ "", 0 }, { "F3", 2 }, { "F32x", 4 }, { "F32", 2 }, { "F32", 4 }, { "I4", 2 }
	};
	enum st_dtype t = ST_C128;

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		assert_false(st_dtype_by_safetensors(&t, bad[i].name, bad[i].len));
		assert_false(st_dtype_by_name(&t, bad[i].name, bad[i].len));
	}
	assert_false(st_dtype_by_name(&t, "F32", 3));
	assert_false(st_dtype_by_safetensors(&t, "f32", 3));
	assert_int_equal(t, ST_C128);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_lookup),
		cmocka_unit_test(test_unknown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
