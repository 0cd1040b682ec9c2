/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "diff/pair.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static uint64_t bits_of(double v)
{
	uint64_t bits;

	memcpy(&bits, &v, sizeof(bits));
	return bits;
}

static void same(enum st_dtype t, uint64_t code, double got, double want)
{
	if (isnan(want) ? isnan(got) : bits_of(got) == bits_of(want))
		return;
	fail_msg("%s 0x%llx: got %a, want %a", st_dtype_info(t)->name, (unsigned long long)code,
		 got, want);
}

struct row {
	enum st_dtype t;
	uint64_t code;
	double value;
};

/* From the tables of the types' definitions. */
static const struct row rows[] = {
	{ ST_BOOL, 0, 0 },
	{ ST_BOOL, 1, 1 },
	{ ST_BOOL, 0xff, 1 },
	{ ST_U8, 0xff, 255 },
	{ ST_I8, 0x80, -128 },
	{ ST_I8, 0x7f, 127 },
	{ ST_I16, 0x8000, -32768 },
	{ ST_I16, 0xffff, -1 },
	{ ST_U16, 0xffff, 65535 },
	{ ST_I32, 0x80000000, -2147483648.0 },
	{ ST_U32, 0xffffffff, 4294967295.0 },
	{ ST_I64, UINT64_MAX, -1 },
	{ ST_I64, 0x8000000000000000, -0x1p63 },
	{ ST_I64, 0x0020000000000001, 0x1p53 }, /* ties to even */
	{ ST_I64, 0x0020000000000003, 0x1p53 + 4 },
	{ ST_U64, 0x8000000000000401, 0x1.0000000000001p63 },
	{ ST_U64, 0x8000000000000400, 0x1p63 },
	{ ST_U64, UINT64_MAX, 0x1p64 },

	{ ST_F8_E5M2, 0x00, 0 },
	{ ST_F8_E5M2, 0x80, -0.0 },
	{ ST_F8_E5M2, 0x01, 0x1p-16 },
	{ ST_F8_E5M2, 0x03, 0x1.8p-15 },
	{ ST_F8_E5M2, 0x04, 0x1p-14 },
	{ ST_F8_E5M2, 0x3c, 1 },
	{ ST_F8_E5M2, 0x7b, 57344 },
	{ ST_F8_E5M2, 0x7c, INFINITY },
	{ ST_F8_E5M2, 0xfc, -INFINITY },
	{ ST_F8_E5M2, 0x7d, NAN },
	{ ST_F8_E5M2, 0xff, NAN },
	{ ST_F8_E4M3, 0x80, -0.0 },
	{ ST_F8_E4M3, 0x01, 0x1p-9 },
	{ ST_F8_E4M3, 0x07, 7 * 0x1p-9 },
	{ ST_F8_E4M3, 0x08, 0x1p-6 },
	{ ST_F8_E4M3, 0x38, 1 },
	{ ST_F8_E4M3, 0x78, 256 },
	{ ST_F8_E4M3, 0x7e, 448 },
	{ ST_F8_E4M3, 0xfe, -448 },
	{ ST_F8_E4M3, 0x7f, NAN },
	{ ST_F8_E4M3, 0xff, NAN },
	{ ST_F8_E4M3FNUZ, 0x00, 0 },
	{ ST_F8_E4M3FNUZ, 0x80, NAN },
	{ ST_F8_E4M3FNUZ, 0x01, 0x1p-10 },
	{ ST_F8_E4M3FNUZ, 0x08, 0x1p-7 },
	{ ST_F8_E4M3FNUZ, 0x40, 1 },
	{ ST_F8_E4M3FNUZ, 0x7f, 240 },
	{ ST_F8_E4M3FNUZ, 0xff, -240 },
	{ ST_F8_E5M2FNUZ, 0x80, NAN },
	{ ST_F8_E5M2FNUZ, 0x01, 0x1p-17 },
	{ ST_F8_E5M2FNUZ, 0x04, 0x1p-15 },
	{ ST_F8_E5M2FNUZ, 0x40, 1 },
	{ ST_F8_E5M2FNUZ, 0x7f, 57344 },
	{ ST_F8_E8M0, 0x00, 0x1p-127 },
	{ ST_F8_E8M0, 0x7f, 1 },
	{ ST_F8_E8M0, 0xfe, 0x1p127 },
	{ ST_F8_E8M0, 0xff, NAN },

	{ ST_F16, 0x0000, 0 },
	{ ST_F16, 0x8000, -0.0 },
	{ ST_F16, 0x0001, 0x1p-24 },
	{ ST_F16, 0x83ff, -1023 * 0x1p-24 },
	{ ST_F16, 0x0400, 0x1p-14 },
	{ ST_F16, 0x3c00, 1 },
	{ ST_F16, 0x3555, 0x1.554p-2 },
	{ ST_F16, 0x7bff, 65504 },
	{ ST_F16, 0x7c00, INFINITY },
	{ ST_F16, 0xfc00, -INFINITY },
	{ ST_F16, 0x7c01, NAN },
	{ ST_F16, 0xfe00, NAN },
	{ ST_BF16, 0x8000, -0.0 },
	{ ST_BF16, 0x0001, 0x1p-133 },
	{ ST_BF16, 0x0080, 0x1p-126 },
	{ ST_BF16, 0x3f80, 1 },
	{ ST_BF16, 0xc049, -3.140625 },
	{ ST_BF16, 0x7f7f, 0x1.fep127 },
	{ ST_BF16, 0x7f80, INFINITY },
	{ ST_BF16, 0xff81, NAN },
	{ ST_F32, 0x80000000, -0.0 },
	{ ST_F32, 0x00000001, 0x1p-149 },
	{ ST_F32, 0x7f7fffff, 0x1.fffffep127 },
	{ ST_F32, 0xff800000, -INFINITY },
	{ ST_F32, 0x7f800001, NAN },
	{ ST_F64, 0x8000000000000000, -0.0 },
	{ ST_F64, 0x0000000000000001, 0x1p-1074 },
	{ ST_F64, 0x7ff0000000000000, INFINITY },
	{ ST_F64, 0x7ff0000000000001, NAN },
};

static void test_known_values(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		uint8_t raw[9];
		double got;

		st_put64(raw + 1, rows[i].code); /* not aligned */
		st_pair_load(&got, rows[i].t, raw + 1, 1);
		same(rows[i].t, rows[i].code, got, rows[i].value);
	}
}

/* Sign, exponent and fraction as IEEE 754 reads them; above `top` the type's own. */
static void check_small(enum st_dtype t, int fraction_bits, int bias, unsigned top)
{
	unsigned bits = st_dtype_info(t)->bits, sign = 1U << (bits - 1);

	for (unsigned code = 0; code < 1U << bits; code++) {
		unsigned rest = code & (sign - 1), exponent = rest >> fraction_bits;
		double fraction = rest & ((1U << fraction_bits) - 1), want, got;
		uint8_t raw[2];

		if (rest > top || (bias % 4 == 0 && code == sign)) /* the fnuz types' NaN */
			continue;
		fraction /= 1U << fraction_bits;
		want = exponent ? (1 + fraction) * exp2((int)exponent - bias) :
				  fraction * exp2(1 - bias);
		st_put16(raw, (uint16_t)code);
		st_pair_load(&got, t, raw, 1);
		same(t, code, got, code & sign ? -want : want);
	}
}

static void test_every_small_float(void **state)
{
	(void)state;
	check_small(ST_F8_E5M2, 2, 15, 0x7b);
	check_small(ST_F8_E4M3, 3, 7, 0x7e);
	check_small(ST_F8_E4M3FNUZ, 3, 8, 0x7f);
	check_small(ST_F8_E5M2FNUZ, 2, 16, 0x7f);
	check_small(ST_F16, 10, 15, 0x7bff);
	check_small(ST_BF16, 7, 127, 0x7f7f);
	check_small(ST_F4, 1, 1, 7);
}

static void test_f4(void **state)
{
	static const double values[16] = {
		0, 0.5, 1, 1.5, 2, 3, 4, 6, -0.0, -0.5, -1, -1.5, -2, -3, -4, -6,
	};
	static const uint8_t raw[8] = { 0x10, 0x32, 0x54, 0x76, 0x98, 0xba, 0xdc, 0xfe };
	double got[17];

	(void)state;
	got[15] = got[16] = 77;
	st_pair_load(got, ST_F4, raw, 15);
	for (unsigned i = 0; i < 15; i++)
		same(ST_F4, i, got[i], values[i]);
	assert_true(got[15] == 77); /* the upper half of the last byte is not an element */
	st_pair_load(got, ST_F4, raw, 16);
	same(ST_F4, 15, got[15], values[15]);
	assert_true(got[16] == 77);
}

static void test_complex(void **state)
{
	static const uint8_t half[4] = { 0x00, 0x3c, 0x00, 0xc0 };
	uint8_t raw[16];
	double got[2];

	(void)state;
	st_pair_load(got, ST_C32, half, 2);
	assert_true(got[0] == 1 && got[1] == -2);
	st_put32(raw, 0x3f800000);
	st_put32(raw + 4, 0xc0000000);
	st_pair_load(got, ST_C64, raw, 2);
	assert_true(got[0] == 1 && got[1] == -2);
	st_put64(raw, 0x3ff0000000000000);
	st_put64(raw + 8, 0xc000000000000000);
	st_pair_load(got, ST_C128, raw, 2);
	assert_true(got[0] == 1 && got[1] == -2);
}

static void test_elements(void **state)
{
	(void)state;
	for (unsigned t = 0; t < ST_NDTYPES; t++) {
		enum st_dtype type = (enum st_dtype)t;
		bool number = t != ST_OPAQUE && t != ST_F6_E2M3 && t != ST_F6_E3M2;

		assert_int_equal(st_pair_numeric(type), number);
		assert_int_equal(st_pair_elements(type, 0), 0);
	}
	assert_int_equal(st_pair_elements(ST_F32, 10), 10);
	assert_int_equal(st_pair_elements(ST_F4, 10), 10);
	assert_int_equal(st_pair_elements(ST_C32, 10), 20);
	assert_int_equal(st_pair_elements(ST_C64, 10), 20);
	assert_int_equal(st_pair_elements(ST_C128, 10), 20);
	assert_int_equal(st_pair_elements(ST_OPAQUE, 10), 10);
	assert_int_equal(st_pair_elements(ST_F6_E2M3, 4), 3);
	assert_int_equal(st_pair_elements(ST_F6_E3M2, 12), 9);
	assert_int_equal(st_pair_elements(ST_F6_E3M2, 1), 1);
	assert_int_equal(st_pair_elements(ST_F6_E3M2, UINT64_MAX / 8), UINT64_MAX / 8 / 4 * 3 + 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known_values), cmocka_unit_test(test_every_small_float),
		cmocka_unit_test(test_f4),	     cmocka_unit_test(test_complex),
		cmocka_unit_test(test_elements),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
