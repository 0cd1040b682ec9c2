/* SPDX-License-Identifier: Apache-2.0 */
/* slow */

/*
 * Ranks and cuts against a plain sort. A cut is seen through ties of one model over a base of
 * zeros, which gives the elements that are kept.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>

#include "blend_fixture.h"
#include "merge/magnitude.h"

struct place {
	double v;
	size_t i;
};

static int descending(const void *a, const void *b)
{
	const struct place *x = a, *y = b;

	if (x->v != y->v)
		return x->v < y->v ? 1 : -1;
	return x->i < y->i ? -1 : 1;
}

/* Zero but for ranks [from, to). */
static double *kept(const double *v, size_t n, size_t from, size_t to)
{
	struct place *p = calloc(n + 1, sizeof(*p));
	double *out = calloc(n + 1, sizeof(*out));

	assert_true(p && out);
	for (size_t i = 0; i < n; i++)
		p[i] = (struct place){ fabs(v[i]), i };
	qsort(p, n, sizeof(*p), descending);
	for (size_t r = from; r < to && r < n; r++)
		out[p[r].i] = v[p[r].i];
	free(p);
	return out;
}

static void expect(const char *what, const char *spec, enum st_dtype t, const double *v, size_t n,
		   size_t from, size_t to)
{
	double *base = calloc(n + 1, sizeof(*base)), *want = kept(v, n, from, to), *got;

	for (unsigned jobs = 1; jobs < 4; jobs += 2) {
		got = blend(&(struct blending){
			.spec = spec,
			.dtype = t,
			.n = n,
			.base = base,
			.model = { v },
			.jobs = jobs,
			.level = jobs > 1 && st_blend_level_supported(ST_BLEND_AVX2) ?
					 ST_BLEND_AVX2 :
					 ST_BLEND_PORTABLE });
		for (size_t i = 0; i < n; i++)
			if (got[i] != want[i])
				fail_msg("%s, %s: element %zu of %zu is %a, not %a", what, spec, i,
					 n, got[i], want[i]);
		free(got);
	}
	free(base);
	free(want);
}

static void cut(const char *what, enum st_dtype t, const double *v, size_t n)
{
	static const double shares[] = { 0, 0.001, 0.2, 0.5, 0.75, 0.999, 1 };
	char spec[64];

	for (size_t i = 0; i < sizeof(shares) / sizeof(*shares); i++) {
		const size_t k = (size_t)floor(shares[i] * (double)n);

		snprintf(spec, sizeof(spec), "ties:density=%g", shares[i]);
		expect(what, spec, t, v, n, 0, k == 0 && shares[i] > 0 ? 1 : k);
	}
}

static void small(void **state)
{
	static const size_t sizes[] = { 1, 2, 511, 512, 513, 20000 };
	double *v;

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		v = blend_numbers(ST_F32, sizes[i], 1, i + 1);
		cut("f32", ST_F32, v, sizes[i]);
		free(v);
		v = blend_numbers(ST_F8_E4M3, sizes[i], 1, i + 1);
		cut("coarse", ST_F8_E4M3, v, sizes[i]);
		free(v);
		v = blend_numbers(ST_F64, sizes[i], 1e-300, i + 1);
		cut("f64", ST_F64, v, sizes[i]);
		for (size_t k = 0; k < sizes[i]; k++)
			v[k] = 0;
		cut("zeros", ST_F64, v, sizes[i]);
		for (size_t k = 0; k < sizes[i]; k++)
			v[k] = k % 2 ? 3 : -3;
		cut("equal", ST_F64, v, sizes[i]);
		free(v);
	}
}

/* What a sample is taken of: numbers like others, coarse ones, and such that it misleads. */
static void sampled(void **state)
{
	const size_t n = ((size_t)1 << 21) + 777;
	const size_t step = n / ST_BLEND_BLOCK / 128 * ST_BLEND_BLOCK;
	double *v = blend_numbers(ST_F32, n, 1, 3);

	(void)state;
	expect("f32", "ties:density=0.2", ST_F32, v, n, 0, n / 5);
	expect("f32", "ties:density=0.999999", ST_F32, v, n, 0,
	       (size_t)floor(0.999999 * (double)n));
	expect("f32", "ties:density=1e-6", ST_F32, v, n, 0, 2);
	expect("f32", "breadcrumbs:density=0.4,gamma=0.1", ST_F32, v, n,
	       (size_t)floor(0.1 * (double)n),
	       (size_t)floor(0.1 * (double)n) + (size_t)floor(0.4 * (double)n));
	for (size_t i = 0; i < n; i++)
		v[i] = i % step < 1024 ? 0 : v[i]; /* the sample sees zeros only */
	expect("hidden", "ties:density=0.2", ST_F32, v, n, 0, n / 5);
	for (size_t i = 0; i < n; i++)
		v[i] = i % step < 1024 ? 100 : v[i]; /* or large ones only */
	expect("large", "ties:density=0.2", ST_F32, v, n, 0, n / 5);
	free(v);
	v = blend_numbers(ST_F8_E5M2, n, 1, 3);
	expect("coarse", "ties:density=0.2", ST_F8_E5M2, v, n, 0, n / 5);
	expect("coarse", "breadcrumbs:density=0.5,gamma=0.3", ST_F8_E5M2, v, n,
	       (size_t)floor(0.3 * (double)n),
	       (size_t)floor(0.3 * (double)n) + (size_t)floor(0.5 * (double)n));
	free(v);
}

/* Density and gamma that do not go together: fewer of the largest go. */
static void breadcrumbs(void **state)
{
	const double v[10] = { 1, -2, 3, -4, 5, -6, 7, -8, 9, -10 };

	(void)state;
	expect("", "breadcrumbs:density=0.5,gamma=0.2", ST_F64, v, 10, 2, 7);
	expect("", "breadcrumbs:density=0.9,gamma=0.2", ST_F64, v, 10, 1, 10);
	expect("", "breadcrumbs:density=1,gamma=0.2", ST_F64, v, 10, 0, 10);
	expect("", "breadcrumbs:density=0,gamma=1", ST_F64, v, 10, 10, 10);
	expect("", "breadcrumbs:density=0.1,gamma=0.9", ST_F64, v, 10, 9, 10);
}

/* Let through, what is not finite is the largest; there always is a k-th. */
static void not_finite(void **state)
{
	double v[6] = { 1, (double)NAN, 3, -(double)INFINITY, 2, (double)NAN }, base[6] = { 0 };
	struct blending b = { .spec = "ties:density=0.7",
			      .dtype = ST_F64,
			      .n = 6,
			      .base = base,
			      .model = { v },
			      .allow_nonfinite = true };
	double *out = blend(&b);

	(void)state;
	assert_true(out[0] == 0 && out[4] == 0 && out[2] == 3);
	free(out);
	for (size_t i = 0; i < 6; i++)
		v[i] = (double)NAN;
	free(blend(&b));
}

static void ranks(void **state)
{
	static const size_t sizes[] = { 0, 1, 2, 1000, ST_BLEND_SEGMENT };
	uint16_t *rank = calloc(ST_BLEND_SEGMENT, sizeof(*rank));
	uint16_t *order = calloc(2 * (size_t)ST_BLEND_SEGMENT, sizeof(*order));
	double *v;

	(void)state;
	for (size_t t = 0; t < 2; t++)
		for (size_t s = 0; s < sizeof(sizes) / sizeof(*sizes); s++) {
			const size_t n = sizes[s];
			uint16_t *at = calloc(n + 1, sizeof(*at));

			v = blend_numbers(t ? ST_F8_E4M3 : ST_F64, n, 1, 9);
			for (size_t i = 0; i < n; i++)
				v[i] = fabs(v[i]);
			st_magnitude_rank(rank, v, n, order);
			for (size_t i = 0; i < n; i++)
				at[rank[i]] = (uint16_t)i;
			for (size_t r = 1; r < n; r++)
				assert_true(v[at[r - 1]] < v[at[r]] ||
					    (v[at[r - 1]] == v[at[r]] && at[r - 1] < at[r]));
			free(v);
			free(at);
		}
	free(rank);
	free(order);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(small),       cmocka_unit_test(sampled),
		cmocka_unit_test(breadcrumbs), cmocka_unit_test(ranks),
		cmocka_unit_test(not_finite),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
