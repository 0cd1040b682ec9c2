/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The reference knows nothing but the numbers that a type has, as they are loaded: the nearest two
 * of any double are found by looking, and of equally near ones the even code is right.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <float.h>
#include <math.h>

#include "base/mem.h"
#include "diff/pair.h"
#include "merge/round.h"

static const enum st_dtype small[] = { ST_BF16,	   ST_F16,	   ST_F8_E5M2,
				       ST_F8_E4M3, ST_F8_E4M3FNUZ, ST_F8_E5M2FNUZ };
#define NSMALL (sizeof(small) / sizeof(*small))

static double value_of(enum st_dtype t, unsigned code)
{
	uint8_t p[2] = { (uint8_t)code, (uint8_t)(code >> 8) };
	double v;

	st_pair_load(&v, t, p, 1);
	return v;
}

static unsigned stored(enum st_dtype t, double v, bool portable)
{
	double eight[8] = { v, v, v, v, v, v, v, v };
	uint8_t p[16] = { 0 };

	if (portable)
		st_round_store_portable(p, t, eight, 8);
	else
		st_round_store(p, t, eight, 8);
	return st_dtype_info(t)->bits == 8 ? p[7] : st_get16(p + 14);
}

static void expect(enum st_dtype t, double v, unsigned want)
{
	for (int portable = 0; portable < 2; portable++)
		if (stored(t, v, portable) != want)
			fail_msg("%s: %a is %#x, not %#x (portable: %d)", st_dtype_info(t)->name, v,
				 stored(t, v, portable), want, portable);
}

static unsigned sign_of(enum st_dtype t)
{
	return st_dtype_info(t)->bits == 8 ? 0x80 : 0x8000;
}

/* A number, what lies between it and the next, and their neighbours among doubles. */
static void between(enum st_dtype t, unsigned code, unsigned sign)
{
	const double a = value_of(t, code), b = value_of(t, code + 1), half = a + (b - a) / 2;
	const double s = sign ? -1 : 1;
	const unsigned even = code % 2 ? code + 1 : code;
	const bool zero = code == 0 && value_of(t, sign_of(t)) != 0; /* no -0 */

	expect(t, s * a, zero ? 0 : sign | code);
	expect(t, s * nextafter(a, b), zero ? 0 : sign | code);
	expect(t, s * nextafter(half, a), zero ? 0 : sign | code);
	expect(t, s * half, even == 0 && zero ? 0 : sign | even);
	expect(t, s * nextafter(half, b), sign | (code + 1));
	expect(t, s * nextafter(b, a), sign | (code + 1));
	if (code) /* a float's own neighbourhood, where rounding twice goes wrong */
		expect(t, s * (double)nextafterf((float)half, INFINITY), sign | (code + 1));
}

static void every_number(void **state)
{
	(void)state;
	for (size_t i = 0; i < NSMALL; i++)
		for (unsigned code = 0;
		     isfinite(value_of(small[i], code + 1)) && code + 1 < sign_of(small[i]);
		     code++) {
			between(small[i], code, 0);
			between(small[i], code, sign_of(small[i]));
		}
}

static void beyond(void **state)
{
	static const struct {
		enum st_dtype t;
		double largest, tie; /* what is as near to the next, which is none */
		unsigned code, at_tie, above;
	} rows[] = {
		{ ST_BF16, 0x1.fep127, 0x1.ffp127, 0x7f7f, 0x7f80, 0x7f80 },
		{ ST_F16, 65504, 65520, 0x7bff, 0x7c00, 0x7c00 },
		{ ST_F8_E5M2, 57344, 61440, 0x7b, 0x7c, 0x7c },
		{ ST_F8_E4M3, 448, 464, 0x7e, 0x7e, 0x7f },
		{ ST_F8_E4M3FNUZ, 240, 248, 0x7f, 0x80, 0x80 },
		{ ST_F8_E5M2FNUZ, 57344, 61440, 0x7f, 0x80, 0x80 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		const enum st_dtype t = rows[i].t;
		const double bad[] = { rows[i].largest, nextafter(rows[i].tie, INFINITY) };

		expect(t, rows[i].largest, rows[i].code);
		expect(t, nextafter(rows[i].tie, 0), rows[i].code);
		expect(t, rows[i].tie, rows[i].at_tie);
		expect(t, nextafter(rows[i].tie, INFINITY), rows[i].above);
		expect(t, DBL_MAX, rows[i].above);
		expect(t, (double)INFINITY, rows[i].above);
		assert_true(isnan(value_of(t, stored(t, (double)NAN, false))));
		assert_int_equal(stored(t, (double)NAN, false), stored(t, -(double)NAN, true));
		assert_int_equal(st_round_overflow(t, bad, 2), 1);
	}
}

static void wide(void **state)
{
	const double in[8] = { 0x1.fffffep127, 0x1.ffffffp127, 0x1p-149,     -0x1p-150,
			       0x1.8p-149,     -0.0,	       0x1.000001p0, 0x1.0000010000001p0 };
	const float want[8] = { 0x1.fffffep127F, INFINITY, 0x1p-149F, -0.0F,
				0x1p-148F,	 -0.0F,	   0x1p0F,    0x1.000002p0F };
	double back[8], bad[2] = { 1, (double)NAN };
	uint8_t out[64];

	(void)state;
	st_round_store(out, ST_F32, in, 8);
	assert_memory_equal(out, want, sizeof(want));
	st_round_store_portable(out, ST_C64, in, 8);
	assert_memory_equal(out, want, sizeof(want));
	st_round_store(out, ST_F64, in, 8);
	memcpy(back, out, sizeof(back));
	assert_memory_equal(back, in, sizeof(in));
	assert_int_equal(st_round_overflow(ST_F32, in, 8), 1);
	assert_int_equal(st_round_overflow(ST_F64, in, 8), 8);
	assert_int_equal(st_round_overflow(ST_F64, bad, 2), 1);
}

static void integers(void **state)
{
	static const struct {
		enum st_dtype t;
		double v;
		uint64_t want;
		bool over;
	} rows[] = {
		{ ST_I8, 2.5, 2, false },
		{ ST_I8, 3.5, 4, false },
		{ ST_I8, -2.5, 0xfe, false },
		{ ST_I8, 127.5, 127, true },
		{ ST_I8, 127.25, 127, false },
		{ ST_I8, -128.5, 0x80, false },
		{ ST_I8, -129, 0x80, true },
		{ ST_U8, -0.5, 0, false },
		{ ST_U8, -1, 0, true },
		{ ST_U8, 256, 255, true },
		{ ST_I16, -32768, 0x8000, false },
		{ ST_U16, 65535, 65535, false },
		{ ST_I32, -1, 0xffffffff, false },
		{ ST_U32, 4294967295.0, 0xffffffff, false },
		{ ST_I64, -0x1p63, (uint64_t)1 << 63, false },
		{ ST_I64, 0x1p63, INT64_MAX, true },
		{ ST_U64, 0x1p63, (uint64_t)1 << 63, false },
		{ ST_U64, 0x1p64, UINT64_MAX, true },
		{ ST_I32, (double)NAN, 0, true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		uint8_t out[8] = { 0 };

		st_round_store(out, rows[i].t, &rows[i].v, 1);
		if (st_get64(out) != rows[i].want)
			fail_msg("row %zu: %#" PRIx64, i, st_get64(out));
		assert_int_equal(st_round_overflow(rows[i].t, &rows[i].v, 1), !rows[i].over);
	}
}

static void types(void **state)
{
	(void)state;
	for (size_t i = 0; i < NSMALL; i++)
		assert_true(st_round_can(small[i]) && st_round_is_float(small[i]));
	assert_true(st_round_can(ST_I64) && !st_round_is_float(ST_I64));
	assert_true(st_round_can(ST_C64) && st_round_is_float(ST_C64));
	assert_false(st_round_can(ST_BOOL) || st_round_can(ST_OPAQUE) || st_round_can(ST_F4) ||
		     st_round_can(ST_F8_E8M0) || st_round_can(ST_F6_E2M3));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_number), cmocka_unit_test(beyond), cmocka_unit_test(wide),
		cmocka_unit_test(integers),	cmocka_unit_test(types),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
