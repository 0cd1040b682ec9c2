/* SPDX-License-Identifier: Apache-2.0 */
#include "diff/models_priv.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/mem.h"

static uint64_t seed;

static double uniform(void) /* -1 to 1 */
{
	seed = seed * 6364136223846793005U + 1442695040888963407U;
	return (double)(int64_t)(seed ^ seed >> 29) * 0x1p-63;
}

static double normal(void)
{
	double s = 0;

	for (int i = 0; i < 12; i++)
		s += uniform();
	return s / 2;
}

static size_t width(enum st_dtype t)
{
	return st_dtype_info(t)->bits / 8;
}

/* Half of even: what a 16-bit float with so many bits of fraction has of v; normal ones only. */
static uint16_t to16(double v, int fraction, int bias)
{
	int exponent;
	double m = frexp(fabs(v), &exponent), units;
	uint64_t code;

	if (v == 0)
		return 0;
	if (exponent < 2 - bias) {
		units = nearbyint(ldexp(fabs(v), bias - 1 + fraction));
		code = (uint64_t)units;
	} else {
		units = nearbyint(ldexp(m, fraction + 1)); /* 2^f .. 2^(f+1) */
		code = ((uint64_t)(exponent - 2 + bias) << fraction) + (uint64_t)units;
	}
	return (uint16_t)(code | (v < 0 ? 0x8000 : 0));
}

static void store(enum st_dtype t, uint8_t *p, size_t i, double v)
{
	float f = (float)v;
	uint32_t bits32;
	uint64_t bits;

	switch (t) {
	case ST_F64:
		memcpy(&bits, &v, 8);
		st_put64(p + 8 * i, bits);
		break;
	case ST_F32:
		memcpy(&bits32, &f, 4);
		st_put32(p + 4 * i, bits32);
		break;
	case ST_F16:
		st_put16(p + 2 * i, to16(v, 10, 15));
		break;
	case ST_BF16:
		st_put16(p + 2 * i, to16(v, 7, 127));
		break;
	default:
		assert_int_equal(t, ST_I8);
		p[i] = (uint8_t)(int8_t)v;
	}
}

static double value(enum st_dtype t, const uint8_t *p, size_t i)
{
	double v;

	st_pair_load(&v, t, p + i * width(t), 1);
	return v;
}

struct weights {
	enum st_dtype ta, tb;
	size_t m, n;
	uint8_t *a, *b;
};

static void make(struct weights *w, enum st_dtype ta, enum st_dtype tb, size_t m, size_t n)
{
	*w = (struct weights){ ta, tb, m, n, calloc(m * n, width(ta)), calloc(m * n, width(tb)) };
	assert_non_null(w->a);
	assert_non_null(w->b);
	seed = m * 1000003 + n;
	for (size_t i = 0; i < m * n; i++) {
		store(ta, w->a, i, ta == ST_I8 ? 50 * uniform() : 0.02 * normal());
		store(tb, w->b, i, value(ta, w->a, i));
	}
}

static void drop(struct weights *w)
{
	free(w->a);
	free(w->b);
}

/* b = round(a + U V / sqrt(r)), the first of whose directions is 30 times the last. */
static void add_low_rank(struct weights *w, size_t r, double size)
{
	double *u = calloc(w->m * r, sizeof(*u)), *v = calloc(w->n * r, sizeof(*v)), d;

	assert_non_null(u);
	assert_non_null(v);
	for (size_t i = 0; i < w->m * r; i++)
		u[i] = normal() * size / (1 + (double)(i % r) * 30 / (double)r);
	for (size_t i = 0; i < w->n * r; i++)
		v[i] = normal();
	for (size_t i = 0; i < w->m; i++) {
		for (size_t j = 0; j < w->n; j++) {
			d = 0;
			for (size_t k = 0; k < r; k++)
				d += u[i * r + k] * v[j * r + k];
			store(w->tb, w->b, i * w->n + j, value(w->ta, w->a, i * w->n + j) + d);
		}
	}
	free(u);
	free(v);
}

static struct st_rank rank_of(const struct weights *w, unsigned max, unsigned jobs)
{
	struct st_source a, b;
	struct st_ctx ctx = { .jobs = jobs };
	struct st_rank_of of = {
		.a = &a, .b = &b, .ta = w->ta, .tb = w->tb, .rows = w->m, .cols = w->n, .max = max
	};
	struct st_err e = { 0 };
	struct st_rank out;
	double d;

	st_source_init_mem(&a, w->a, w->m * w->n * width(w->ta), "a");
	st_source_init_mem(&b, w->b, w->m * w->n * width(w->tb), "b");
	for (size_t i = 0; i < w->m * w->n; i++) {
		d = fabs(value(w->tb, w->b, i) - value(w->ta, w->a, i));
		of.max_abs = isfinite(d) ? fmax(of.max_abs, d) : of.max_abs;
	}
	assert_int_equal(st_rank_change(&out, &of, &ctx, &e), ST_OK);
	return out;
}

static void expect(const char *what, struct st_rank got, uint64_t rank, bool more)
{
	if (!got.known || got.rank != rank || got.more != more)
		fail_msg("%s: rank %" PRIu64 "%s%s, not %" PRIu64 "%s", what, got.rank,
			 got.more ? "+" : "", got.known ? "" : " (not known)", rank,
			 more ? "+" : "");
}

struct low {
	const char *what;
	enum st_dtype ta, tb;
	size_t m, n, rank;
	double size; /* of the change's elements, where the weights' is 0.02 */
	unsigned max;
	uint64_t want;
	bool more;
};

static const struct low lows[] = {
	{ "f64, rank 8", ST_F64, ST_F64, 300, 200, 8, 1e-3, 64, 8, false },
	{ "f64, rank 8, tiny", ST_F64, ST_F64, 300, 200, 8, 1e-12, 64, 8, false },
	{ "f32, rank 8", ST_F32, ST_F32, 300, 200, 8, 1e-3, 64, 8, false },
	{ "f32, rank 8, large", ST_F32, ST_F32, 200, 300, 8, 1e3, 64, 8, false },
	{ "f32, rank 1", ST_F32, ST_F32, 500, 700, 1, 1e-3, 64, 1, false },
	{ "f32, rank 64 of 64", ST_F32, ST_F32, 300, 400, 64, 1e-2, 64, 64, false },
	{ "f32, rank 65 of 64", ST_F32, ST_F32, 300, 400, 65, 1e-2, 64, 64, true },
	{ "f32, rank 3 of 2", ST_F32, ST_F32, 300, 400, 3, 1e-2, 2, 2, true },
	{ "f32, rank 2 of 2", ST_F32, ST_F32, 300, 400, 2, 1e-2, 2, 2, false },
	{ "f32, few rows", ST_F32, ST_F32, 5, 3000, 3, 1e-3, 64, 3, false },
	{ "f32, few columns", ST_F32, ST_F32, 3000, 5, 3, 1e-3, 64, 3, false },
	{ "f16, merged rank 8", ST_F16, ST_F16, 400, 300, 8, 1e-2, 64, 8, false },
	{ "bf16, merged rank 8", ST_BF16, ST_BF16, 400, 300, 8, 1e-2, 64, 8, false },
	{ "bf16, merged rank 8, wide", ST_BF16, ST_BF16, 200, 3000, 8, 1e-2, 64, 8, false },
	{ "bf16, hardly above rounding", ST_BF16, ST_BF16, 400, 300, 2, 4e-4, 64, 2, false },
	{ "f16, hardly above rounding", ST_F16, ST_F16, 400, 300, 2, 5e-5, 64, 2, false },
	{ "f32 to bf16, rank 4", ST_F32, ST_BF16, 400, 300, 4, 1e-2, 64, 4, false },
	{ "nearly a panel's width", ST_F32, ST_F32, 2, 1 << 20, 2, 1e-3, 64, 2, false },
};

static void low_rank(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(lows) / sizeof(lows[0]); i++) {
		const struct low *l = &lows[i];
		struct weights w;

		make(&w, l->ta, l->tb, l->m, l->n);
		add_low_rank(&w, l->rank, l->size);
		expect(l->what, rank_of(&w, l->max, 2), l->want, l->more);
		drop(&w);
	}
}

static void noise_is_of_full_rank(void **state)
{
	static const enum st_dtype types[] = { ST_F64, ST_F32, ST_F16, ST_BF16, ST_I8 };
	struct weights w;

	(void)state;
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		make(&w, types[i], types[i], 200, 300);
		for (size_t j = 0; j < w.m * w.n; j++)
			store(w.tb, w.b, j, types[i] == ST_I8 ? 50 * uniform() : normal());
		expect("noise", rank_of(&w, 64, 2), 64, true);
		drop(&w);
	}
}

/* Both sides the same numbers before they were rounded. */
static void rounding_has_no_rank(void **state)
{
	static const enum st_dtype types[] = { ST_F16, ST_BF16 };
	struct weights w;

	(void)state;
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		for (size_t m = 2; m < 600; m *= 3) {
			make(&w, ST_F32, types[i], m, 400);
			expect("a cast", rank_of(&w, 64, 2), 0, false);
			drop(&w);
		}
	}
}

static void zero_row_and_element(void **state)
{
	static const enum st_dtype types[] = { ST_F64, ST_F32, ST_F16, ST_BF16, ST_I8 };
	struct weights w;

	(void)state;
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		size_t last;

		make(&w, types[i], types[i], 200, 300);
		last = w.m * w.n * width(w.tb);
		expect("nothing", rank_of(&w, 64, 1), 0, false);
		w.b[last - width(w.tb)] ^= 1; /* one step */
		expect("an element", rank_of(&w, 64, 1), 1, false);
		for (size_t j = 0; j < 300; j++)
			w.b[(17 * 300 + j) * width(w.tb)] ^= 1;
		w.b[last - width(w.tb)] ^= 1;
		expect("a row", rank_of(&w, 64, 1), 1, false);
		memcpy(w.b, w.a, last);
		for (size_t j = 0; j < 200; j++)
			store(w.tb, w.b, j * 300 + 5, types[i] == ST_I8 ? 100 : 1);
		expect("a column", rank_of(&w, 64, 1), 1, false);
		drop(&w);
	}
}

/* One step here and there is what rounding does. */
static void single_steps(void **state)
{
	struct weights w;

	(void)state;
	make(&w, ST_BF16, ST_BF16, 300, 300);
	for (size_t i = 0; i < 300 * 300; i += 7)
		w.b[2 * i] ^= 1;
	expect("single steps", rank_of(&w, 64, 2), 0, false);
	drop(&w);
}

/* Rows that are set anew, among many that stay: what a sparse edit looks like. */
static void some_rows(void **state)
{
	struct weights w;

	(void)state;
	make(&w, ST_BF16, ST_BF16, 1000, 300);
	for (size_t i = 0; i < 7; i++)
		for (size_t j = 0; j < 300; j++)
			store(ST_BF16, w.b, (i * 131 + 40) * 300 + j, 0.02 * normal());
	expect("seven rows", rank_of(&w, 64, 2), 7, false);
	drop(&w);
}

/* From one power of two to the next the step doubles, so that the change is half a step. */
static void across_a_power(void **state)
{
	static const size_t shapes[][3] = { { 1, 1 }, { 1, 2 }, { 2, 1 } };
	struct weights w;

	(void)state;
	for (size_t k = 0; k < 3; k++) {
		make(&w, ST_BF16, ST_BF16, 50, 50);
		for (size_t i = 0; i < shapes[k][0] * shapes[k][1]; i++) {
			size_t at = i / shapes[k][1] * 50 + i % shapes[k][1];

			st_put16(w.a + 2 * at, 0x3f7f);
			st_put16(w.b + 2 * at, 0x3f80);
		}
		expect("a small step", rank_of(&w, 64, 1), 1, false);
		drop(&w);
	}
}

/* Products without weights under them, where only this computation's rounding is to be left out. */
static void from_nothing(void **state)
{
	static const enum st_dtype types[] = { ST_F64, ST_F32, ST_BF16 };
	struct weights w;

	(void)state;
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		make(&w, types[i], types[i], 400, 300);
		memset(w.a, 0, w.m * w.n * width(w.ta));
		add_low_rank(&w, 8, 1);
		expect("all of it", rank_of(&w, 64, 2), 8, false);
		drop(&w);
	}
}

static void not_finite(void **state)
{
	struct weights w;

	(void)state;
	make(&w, ST_F32, ST_F32, 100, 120);
	add_low_rank(&w, 3, 1e-3);
	store(ST_F32, w.b, 77, (double)NAN);
	store(ST_F32, w.a, 12000 - 1, (double)INFINITY);
	assert_true(rank_of(&w, 64, 2).rank >= 3); /* what is left out is one more or two */
	assert_true(rank_of(&w, 64, 2).rank <= 5);
	drop(&w);
}

static void extremes_of_f64(void **state)
{
	static const double sizes[] = { 1e300, 1e-300, 5e-324 };
	struct weights w;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		make(&w, ST_F64, ST_F64, 30, 20);
		memset(w.a, 0, w.m * w.n * 8);
		memset(w.b, 0, w.m * w.n * 8);
		store(ST_F64, w.b, 0, sizes[i]);
		expect("one huge or tiny element", rank_of(&w, 64, 1), 1, false);
		drop(&w);
	}
}

static void too_narrow_or_wide(void **state)
{
	static const uint64_t shapes[][3] = {
		{ 1, 1000, false },
		{ 1000, 1, false },
		{ 0, 5, false },
		{ 5, 0, false },
		{ 1, 1, false },
		{ 4, (uint64_t)1 << 40, false },
		{ (uint64_t)1 << 40, (uint64_t)1 << 22, false },
	};
	struct st_ctx ctx = { .jobs = 1 };

	(void)state;
	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
		struct st_rank_of of = { .ta = ST_F32,
					 .tb = ST_F32,
					 .rows = shapes[i][0],
					 .cols = shapes[i][1],
					 .max = 64 };
		struct st_err e = { 0 };
		struct st_rank out;

		assert_int_equal(st_rank_change(&out, &of, &ctx, &e), ST_OK); /* reads nothing */
		assert_false(out.known);
		assert_int_equal(out.rank, 0);
	}
}

static void any_number_of_threads(void **state)
{
	struct weights w;
	struct st_rank one;

	(void)state;
	make(&w, ST_BF16, ST_BF16, 700, 1100);
	add_low_rank(&w, 12, 2e-4); /* where the last ones are near to the noise */
	one = rank_of(&w, 64, 1);
	for (unsigned jobs = 2; jobs <= 8; jobs++)
		expect("threads", rank_of(&w, 64, jobs), one.rank, one.more);
	drop(&w);
}

static void short_source(void **state)
{
	static const uint8_t bytes[4000];
	struct st_source a, b;
	struct st_ctx ctx = { .jobs = 2 };
	struct st_rank_of of = { &a, &b, ST_F32, ST_F32, 20, 50, 1, 8 };
	struct st_err e = { 0 };
	struct st_rank out;

	(void)state;
	st_source_init_mem(&a, bytes, 4000, "a");
	st_source_init_mem(&b, bytes, 3999, "b");
	assert_int_equal(st_rank_change(&out, &of, &ctx, &e), ST_EFORMAT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(low_rank),
		cmocka_unit_test(noise_is_of_full_rank),
		cmocka_unit_test(rounding_has_no_rank),
		cmocka_unit_test(zero_row_and_element),
		cmocka_unit_test(single_steps),
		cmocka_unit_test(some_rows),
		cmocka_unit_test(across_a_power),
		cmocka_unit_test(from_nothing),
		cmocka_unit_test(not_finite),
		cmocka_unit_test(extremes_of_f64),
		cmocka_unit_test(too_narrow_or_wide),
		cmocka_unit_test(any_number_of_threads),
		cmocka_unit_test(short_source),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
