/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "repo/sketcher.h"

#include <math.h>
#include <string.h>

static void places(void **state)
{
	static const uint64_t sizes[] = { 0,	     1,	      2,       23,
					  24,	     25,      100,     2047,
					  2048,	     2049,    4095,    4096,
					  4097,	     1 << 20, 3 << 20, ((uint64_t)1 << 40) + 12345,
					  UINT64_MAX };

	(void)state;
	for (size_t k = 0; k < sizeof(sizes) / sizeof(*sizes); k++) {
		uint64_t at[ST_SKETCH_PLACES], first, window, n = sizes[k];
		unsigned got = st_sketch_places(n, at, &first, &window);

		assert_int_equal(got, n < ST_SKETCH_PLACES ? n : ST_SKETCH_PLACES);
		assert_true(window <= ST_SKETCH_WINDOW && first <= n && window <= n - first);
		for (unsigned i = 0; i < got; i++) {
			assert_true(at[i] >= first && at[i] - first < window);
			assert_true(i == 0 || at[i] > at[i - 1]);
		}
		/* Never cut by the end of a frame, whatever the type. */
		for (unsigned width = 1; window && n < (uint64_t)1 << 50 && width <= 8; width *= 2)
			assert_int_equal(first * width / ST_FRAME_LEN,
					 ((first + window) * width - 1) / ST_FRAME_LEN);
	}
}

static void make(struct st_sketch *s, double from, double step)
{
	double v[ST_SKETCH_PLACES];

	for (unsigned i = 0; i < ST_SKETCH_PLACES; i++)
		v[i] = from + step * i;
	*s = (struct st_sketch){ .numel = 1000 };
	st_sketch_values(s, ST_F64, v, ST_SKETCH_PLACES);
}

static void apart(void **state)
{
	struct st_sketch a, b;

	(void)state;
	make(&a, 1, 0.5);
	make(&b, 1, 0.5);
	assert_true(st_sketch_apart(&a, &b) == 0);
	assert_true(st_sketch_same(&a, &b));
	make(&b, -1, -0.5);
	assert_true(st_sketch_apart(&a, &b) == 1);
	make(&b, 1.01, 0.505); /* 1 % larger */
	assert_true(fabs(st_sketch_apart(&a, &b) - 0.01 / 2.01) < 1e-6);
	assert_true(st_sketch_apart(&a, &b) == st_sketch_apart(&b, &a));
	assert_false(st_sketch_same(&a, &b));
	make(&b, 0, 0);
	assert_true(st_sketch_apart(&a, &b) == 1); /* from nothing to something */
	make(&a, 0, 0);
	assert_true(st_sketch_apart(&a, &b) == 0);
}

static void not_finite(void **state)
{
	struct st_sketch a, b;

	(void)state;
	make(&a, 1, 0.5);
	make(&b, 1, 0.5);
	b.v[3] = NAN;
	assert_true(fabs(st_sketch_apart(&a, &b) - 1.0 / ST_SKETCH_PLACES) < 1e-12);
	a.v[3] = -NAN;
	assert_true(st_sketch_apart(&a, &b) == 0);
	assert_true(st_sketch_same(&a, &b)); /* any NaN is one */
	a.v[3] = INFINITY;
	b.v[3] = -INFINITY;
	assert_true(st_sketch_apart(&a, &b) > 0);
	for (unsigned i = 0; i < ST_SKETCH_PLACES; i++)
		b.v[i] = NAN;
	assert_true(st_sketch_apart(&a, &b) == 1);
	assert_false(st_sketch_telling(&b));
}

static void telling(void **state)
{
	struct st_sketch s;

	(void)state;
	make(&s, 1, 0);
	assert_false(st_sketch_telling(&s));
	s.v[7] = 2;
	s.v[9] = 3;
	assert_false(st_sketch_telling(&s));
	s.v[ST_SKETCH_PLACES - 1] = 4;
	assert_true(st_sketch_telling(&s));
}

static void stored_form(void **state)
{
	uint8_t p[ST_SKETCH_BYTES];
	struct st_sketch a, b;

	(void)state;
	make(&a, -3, 0.25);
	a.v[0] = NAN;
	a.v[1] = INFINITY;
	st_sketch_put(p, &a);
	assert_true(st_sketch_get(&b, 1000, p, sizeof(p)));
	assert_true(st_sketch_same(&a, &b));
	assert_true(st_sketch_get(&b, 1000, NULL, 0));
	assert_int_equal(b.n, 0);
	assert_false(st_sketch_get(&b, 1000, p, sizeof(p) - 4));
	assert_false(st_sketch_get(&b, 10, p, sizeof(p)));
	assert_true(st_sketch_get(&b, 10, p, 40));
	assert_int_equal(b.n, 10);
}

/* A cast compares with what it was cast from. */
static void types(void **state)
{
	static const float v[4] = { 1.5F, -0.25F, 1024, 0 };
	uint16_t bf16[4];
	double f64[4];
	uint32_t bits;
	struct st_sketch a = { .numel = 4 }, b = { .numel = 4 }, c = { .numel = 4 };

	(void)state;
	for (int i = 0; i < 4; i++) {
		memcpy(&bits, &v[i], 4);
		bf16[i] = (uint16_t)(bits >> 16);
		f64[i] = (double)v[i];
	}
	st_sketch_values(&a, ST_F32, v, 4);
	st_sketch_values(&b, ST_BF16, bf16, 4);
	st_sketch_values(&c, ST_F64, f64, 4);
	assert_true(st_sketch_same(&a, &b) && st_sketch_same(&a, &c));
	assert_true(st_sketch_type(ST_F8_E4M3) && st_sketch_type(ST_F16));
	assert_false(st_sketch_type(ST_I32) || st_sketch_type(ST_BOOL) || st_sketch_type(ST_F4) ||
		     st_sketch_type(ST_OPAQUE) || st_sketch_type(ST_C64));
}

static void offsets(void **state)
{
	static const uint64_t shape[] = { 3, 4 };
	static const int64_t turned[] = { 1, 3 }, back[] = { -4, 1 }, wild[] = { INT64_MAX, 1 };
	struct st_tensor t = { .dtype = ST_F32, .ndim = 2, .shape = shape, .nbytes = 48 };
	uint64_t off[ST_SKETCH_PLACES];
	unsigned n;

	(void)state;
	t.offset = 100;
	assert_true(st_sketch_offsets(&t, off, &n));
	assert_int_equal(n, 12);
	for (unsigned i = 0; i < n; i++)
		assert_int_equal(off[i], 100 + 4 * i);
	t.strides = turned;
	assert_true(st_sketch_offsets(&t, off, &n));
	for (unsigned i = 0; i < n; i++)
		assert_int_equal(off[i], 100 + 4 * (i / 4 + i % 4 * 3));
	t.strides = back;
	assert_true(st_sketch_offsets(&t, off, &n));
	for (unsigned i = 0; i < n; i++)
		assert_int_equal(off[i], 100 + 4 * ((2 - i / 4) * 4 + i % 4));
	t.strides = wild;
	assert_false(st_sketch_offsets(&t, off, &n));
	t.strides = NULL;
	t.nbytes = 44;
	assert_false(st_sketch_offsets(&t, off, &n));
	t.nbytes = 48;
	t.where = ST_HELD;
	assert_false(st_sketch_offsets(&t, off, &n));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(places),      cmocka_unit_test(apart),
		cmocka_unit_test(not_finite),  cmocka_unit_test(telling),
		cmocka_unit_test(stored_form), cmocka_unit_test(types),
		cmocka_unit_test(offsets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
