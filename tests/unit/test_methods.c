/* SPDX-License-Identifier: Apache-2.0 */

/* Each method by numbers that one can follow by hand, and the random ones by their moments. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>

#include "blend_fixture.h"
#include "merge/taskvec.h"

#define MOST 8

static const double base[MOST] = { 10, 10, 10, 10, 10, 10, 10, 10 };
static const double a[MOST] = { 11, 12, 6, 10, 18, 10, 9, 10 };	     /* 1 2 -4 0 8 0 -1 0 */
static const double b[MOST] = { 13, 9, 8, 10, 2, 14, 10, 10 };	     /* 3 -1 -2 0 -8 4 0 0 */
static const double c[MOST] = { 10, 9, 11, 12, 10.5, 10, 10, 10.5 }; /* 0 -1 1 2 .5 0 0 .5 */
static const double info_a[MOST] = { 1, 1, 0, 0, 3, 1, 1, 1 };
static const double info_b[MOST] = { 1, 3, 1, 0, 1, 0, 0, 1 };

static void by_hand(void **state)
{
	static const struct {
		const char *spec;
		size_t models;
		double want[MOST];
	} rows[] = {
		{ "ours", 2, { 11, 12, 6, 10, 18, 10, 9, 10 } },
		{ "theirs", 2, { 13, 9, 8, 10, 2, 14, 10, 10 } },
		{ "theirs:model=2", 3, { 10, 9, 11, 12, 10.5, 10, 10, 10.5 } },
		{ "base", 2, { 10, 10, 10, 10, 10, 10, 10, 10 } },
		{ "linear", 2, { 12, 10.5, 7, 10, 10, 12, 9.5, 10 } },
		{ "linear:weight=1/3", 2, { 12.5, 9.75, 7.5, 10, 6, 13, 9.75, 10 } },
		{ "linear:weight=0.5/0.25,normalize=0",
		  2,
		  { 8.75, 8.25, 5, 7.5, 9.5, 8.5, 7, 7.5 } },
		{ "fedavg:weight=100/300", 2, { 12.5, 9.75, 7.5, 10, 6, 13, 9.75, 10 } },
		{ "task-arithmetic", 2, { 14, 11, 4, 10, 10, 14, 9, 10 } },
		{ "task-arithmetic:scale=0.5", 2, { 12, 10.5, 7, 10, 10, 12, 9.5, 10 } },
		{ "task-arithmetic:weight=1/-1", 2, { 8, 13, 8, 10, 26, 6, 9, 10 } },
		{ "task-arithmetic:weight=1/3,normalize=1",
		  2,
		  { 12.5, 9.75, 7.5, 10, 6, 13, 9.75, 10 } },
		/* Signs + + - 0 (0) + - 0; means of those that have them. */
		{ "ties:density=1", 2, { 12, 12, 7, 10, 10, 14, 9, 10 } },
		{ "ties:density=1", 3, { 12, 10, 7, 12, 14.25, 14, 9, 10.5 } },
		{ "ties:density=1,normalize=0", 2, { 14, 12, 4, 10, 10, 14, 9, 10 } },
		{ "ties:density=1,scale=2", 2, { 14, 14, 4, 10, 10, 18, 8, 10 } },
		{ "ties:density=1,weight=3/1", 2, { 11.5, 12, 6.5, 10, 18, 14, 9, 10 } },
		/* Of a: 8 -4; of b: -8 and the first of 4 (no 3). */
		{ "ties:density=0.25", 2, { 10, 10, 6, 10, 10, 14, 10, 10 } },
		/* Of a: 8 -4 2 and the first of 1 and -1; of b -8 4 3 -2. */
		{ "ties:density=0.5", 2, { 12, 12, 7, 10, 10, 14, 10, 10 } },
		/* Without 8 and -8: of a -4 2, of b 4 3. */
		{ "breadcrumbs:density=0.25,gamma=0.125", 2, { 13, 12, 6, 10, 10, 14, 10, 10 } },
		{ "breadcrumbs:density=0.25,gamma=0.125,scale=0.5",
		  2,
		  { 11.5, 11, 8, 10, 10, 12, 10, 10 } },
		{ "fisher", 2, { 12, 9.75, 8, 10, 14, 10, 9, 10 } },
		{ "fisher:floor=1", 2, { 12, 9.75, 7, 10, 14, 12, 9.5, 10 } },
		{ "fisher:weight=1/3", 2, { 12.5, 9.3, 8, 10, 10, 10, 9, 10 } },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct blending x = { .spec = rows[i].spec,
				      .dtype = ST_F64,
				      .n = MOST,
				      .base = base,
				      .model = { a, b } };
		double *out;

		x.model[2] = rows[i].models > 2 ? c : NULL;
		if (strncmp(rows[i].spec, "fisher", 6) == 0) {
			x.extra[0] = info_a;
			x.extra[1] = info_b;
		}
		out = blend(&x);
		for (size_t k = 0; k < MOST; k++)
			if (fabs(out[k] - rows[i].want[k]) > 1e-14)
				fail_msg("%s: element %zu is %.17g, not %g", rows[i].spec, k,
					 out[k], rows[i].want[k]);
		free(out);
	}
}

/* Cosine of (3, 4) and (4, 3) is 24/25, so that t = 2 * 24/25 / (1 + 24/25) = 48/49. */
static void stock(void **state)
{
	const double zero[2] = { 0, 0 }, x[2] = { 3, 4 }, y[2] = { 4, 3 }, back[2] = { -3, -4 };
	struct blending m = {
		.spec = "model-stock", .dtype = ST_F64, .n = 2, .base = zero, .model = { x, y }
	};
	double *out = blend(&m);

	(void)state;
	assert_true(fabs(out[0] - 3.5 * 48 / 49) < 1e-15);
	assert_true(fabs(out[1] - 3.5 * 48 / 49) < 1e-15);
	free(out);
	m.model[2] = x; /* cosines 24/25, 1, 24/25: c = 73/75, t = 3 c / (1 + 2 c) = 219/221 */
	out = blend(&m);
	assert_true(fabs(out[0] - 10.0 / 3 * 219 / 221) < 1e-14);
	free(out);
	m.model[1] = back; /* nothing in common: as the base */
	m.model[2] = NULL;
	out = blend(&m);
	assert_true(out[0] == 0 && out[1] == 0);
	free(out);
	m.model[1] = zero;
	out = blend(&m);
	assert_true(out[0] == 0 && out[1] == 0);
	free(out);
}

/* Opposite differences, whose cosine rounding leaves just above -1, and obtuse ones. */
static void stock_apart(void **state)
{
	const double from[2] = { 0.1257302210933933, 1 }, x[2] = { 0.13894070742252349, 2 },
		     y[2] = { 0.06168795604906509, 0.5 };
	struct blending m = {
		.spec = "model-stock", .dtype = ST_F64, .n = 1, .base = from, .model = { x, y }
	};
	double *out = blend(&m);

	(void)state;
	assert_true(out[0] == from[0]);
	free(out);
	m.n = 2;
	m.base = (const double[]){ 0, 0 };
	m.model[0] = (const double[]){ 1, 0 };
	m.model[1] = (const double[]){ -1, 1 };
	out = blend(&m);
	assert_true(out[0] == 0 && out[1] == 0);
	free(out);
}

static void lora(void **state)
{
	const double w[6] = { 1, 2, 3, 4, 5, 6 };			   /* 2 x 3 */
	const double fa[6] = { 1, 0, 2, 0, 1, 1 }, fb[4] = { 1, 2, 3, 4 }; /* 2 x 3, 2 x 2 */
	const double one_a[3] = { 1, 1, 1 }, one_b[2] = { 10, 20 };
	/* B A = (1 2 4; 3 4 10) */
	const double want[6] = { 1.5, 3, 5, 5.5, 7, 11 };
	const double both[6] = { 1 + 1 + 20, 2 + 2 + 20, 3 + 4 + 20,
				 4 + 3 + 40, 5 + 4 + 40, 6 + 10 + 40 };
	struct blending x = { .spec = "lora:scale=0.5",
			      .dtype = ST_F64,
			      .n = 6,
			      .ndim = 2,
			      .shape = { 2, 3 },
			      .model = { w },
			      .extra = { fa, fb },
			      .extra_n = { 6, 4, 3, 2 } };
	double *out = blend(&x);

	(void)state;
	for (size_t i = 0; i < 6; i++)
		assert_true(out[i] == want[i]);
	free(out);
	x.spec = "lora:scale=1/2";
	x.extra[2] = one_a;
	x.extra[3] = one_b;
	out = blend(&x);
	for (size_t i = 0; i < 6; i++)
		assert_true(out[i] == both[i]);
	free(out);
	x.spec = "lora:scale=1/2/3";
	blend_refused(&x, ST_EUSAGE,
		      "tensor 'layers.3.w': scale of method 'lora' has 3 values for 2 models");
	x.spec = "lora";
	x.extra_n[1] = 3;
	blend_refused(&x, ST_EUSAGE,
		      "tensor 'layers.3.w': extra and extra of 6 and 3 elements are no factors of "
		      "2 x 3");
	x.ndim = 1;
	x.shape[0] = 6;
	blend_refused(&x, ST_EUSAGE, "tensor 'layers.3.w': method 'lora' applies to matrices only");
}

/* Rows longer than a block, of which several are in one, too. */
static void lora_large(void **state)
{
	static const size_t widths[] = { 7, 1000 };
	const size_t rows = 50, rank = 3;

	(void)state;
	for (size_t s = 0; s < 2; s++) {
		const size_t in = widths[s], n = rows * in;
		double *w = blend_numbers(ST_F64, n, 1, 1);
		double *fa = blend_numbers(ST_F32, rank * in, 1, 2);
		double *fb = blend_numbers(ST_F32, rows * rank, 1, 3), *out;

		out = blend(&(struct blending){ .spec = "lora:scale=2",
						.dtype = ST_F64,
						.n = n,
						.ndim = 2,
						.shape = { rows, in },
						.model = { w },
						.extra = { fa, fb },
						.extra_n = { rank * in, rows * rank },
						.jobs = 2 });
		for (size_t i = 0; i < n; i++) {
			double sum = 0;

			for (size_t r = 0; r < rank; r++)
				sum += fb[i / in * rank + r] * fa[r * in + i % in];
			assert_true(fabs(out[i] - (w[i] + 2 * sum)) < 1e-13);
		}
		free(w);
		free(fa);
		free(fb);
		free(out);
	}
}

static void negative_fisher(void **state)
{
	const double less[MOST] = { 1, 1, -1e-9, 1, 1, 1, 1, 1 };
	struct blending x = { .spec = "fisher",
			      .dtype = ST_F64,
			      .n = MOST,
			      .model = { a, b },
			      .extra = { info_a, less } };

	(void)state;
	blend_refused(&x, ST_EREFUSED,
		      "tensor 'layers.3.w': element 2 of the Fisher information of theirs is "
		      "negative");
}

/* ---- random ones ---- */

#define N ((size_t)200000)

struct moments {
	double mean, variance, zeros;
};

static struct moments moments_of(const double *v, size_t n)
{
	struct moments m = { 0 };

	for (size_t i = 0; i < n; i++) {
		m.mean += v[i] / (double)n;
		m.zeros += (v[i] == 0) / (double)n;
	}
	for (size_t i = 0; i < n; i++)
		m.variance += (v[i] - m.mean) * (v[i] - m.mean) / (double)n;
	return m;
}

/* Of ones over a base of zeros: 1 / density with probability density. */
static void dropped(void **state)
{
	static const char *const specs[] = { "dare-linear", "dare-ties", "della" };
	static const double densities[] = { 0.1, 0.5, 0.9 };
	double *zero = calloc(N, sizeof(*zero)), *one = calloc(N, sizeof(*one));

	(void)state;
	for (size_t i = 0; i < N; i++)
		one[i] = 1;
	for (size_t s = 0; s < 3; s++)
		for (size_t d = 0; d < 3; d++) {
			const double p = densities[d], variance = (1 - p) / p;
			const double error = 5 * sqrt(variance / (double)N);
			struct moments m;
			char spec[64];
			double *out;

			snprintf(spec, sizeof(spec), "%s:density=%g%s", specs[s], p,
				 s == 2 ? ",epsilon=0" : "");
			out = blend(&(struct blending){ .spec = spec,
							.dtype = ST_F64,
							.n = N,
							.ndim = 2,
							.shape = { 200, 1000 },
							.base = zero,
							.model = { one },
							.seed = s });
			m = moments_of(out, N);
			if (fabs(m.mean - 1) > error || fabs(m.variance / variance - 1) > 0.03 ||
			    fabs(m.zeros - (1 - p)) > error * p)
				fail_msg("%s: mean %g, variance %g, zeros %g", spec, m.mean,
					 m.variance, m.zeros);
			free(out);
		}
	free(zero);
	free(one);
}

/* In rows of 1, 2 .. 1000: of rank r the share p that stays, divided by p. */
static void della_ranks(void **state)
{
	const size_t rows = 2000, in = 100;
	double *zero = calloc(N, sizeof(*zero)), *v = calloc(N, sizeof(*v)), *out;
	double share[100] = { 0 };

	(void)state;
	for (size_t i = 0; i < N; i++)
		v[i] = (double)(i % in * 37 % in + 1) * (i % 2 ? 1 : -1);
	out = blend(&(struct blending){ .spec = "della:density=0.4,epsilon=0.3",
					.dtype = ST_F64,
					.n = N,
					.ndim = 2,
					.shape = { rows, in },
					.base = zero,
					.model = { v } });
	for (size_t i = 0; i < N; i++) {
		const size_t rank = i % in * 37 % in;
		const double p = 0.4 - 0.3 + 2 * 0.3 * (double)rank / 99;

		if (out[i] != 0) {
			assert_true(fabs(out[i] - v[i] / p) < 1e-9);
			share[rank] += 1 / (double)rows;
		}
	}
	for (size_t r = 0; r < in; r++) {
		const double p = 0.1 + 0.6 * (double)r / 99;

		if (fabs(share[r] - p) > 5 * sqrt(p * (1 - p) / (double)rows))
			fail_msg("rank %zu: %g stay, not %g", r, share[r], p);
	}
	free(zero);
	free(v);
	free(out);
}

/* A vector is one row, of which 65536 elements are ranked at a time. */
static void della_long(void **state)
{
	const size_t n = 70000;
	double *zero = calloc(n, sizeof(*zero)), *v = calloc(n, sizeof(*v)), *out;

	(void)state;
	for (size_t i = 0; i < n; i++)
		v[i] = (double)(i + 1);
	out = blend(&(struct blending){ .spec = "della:density=0.5,epsilon=0.4",
					.dtype = ST_F64,
					.n = n,
					.base = zero,
					.model = { v },
					.jobs = 2 });
	for (size_t i = 0; i < n; i++) {
		const size_t r = i % ST_BLEND_SEGMENT;
		const double last =
			(double)((i < ST_BLEND_SEGMENT ? ST_BLEND_SEGMENT : n - ST_BLEND_SEGMENT) -
				 1);
		const double p = 0.1 + 0.8 * (double)r / last;

		assert_true(out[i] == 0 || fabs(out[i] - v[i] / p) < 1e-6);
	}
	free(zero);
	free(v);
	free(out);
}

/* Other seeds, models and elements draw other numbers, which have nothing to do with each other. */
static void independent(void **state)
{
	struct st_blend x = { .name = "w", .name_len = 1, .seed = 1 }, y = x;
	struct st_job j = { .b = &x }, k = { .b = &y };
	const uint64_t key = st_taskvec_key(&j, 0);
	double both = 0, neighbours = 0, mean = 0;
	const double error = 5 / sqrt(12.0 * 12 * (double)N);

	(void)state;
	assert_true(key == st_taskvec_key(&j, 0));
	assert_true(key != st_taskvec_key(&j, 1));
	y.seed = 2;
	assert_true(key != st_taskvec_key(&k, 0));
	y.seed = 1;
	y.name = "v";
	assert_true(key != st_taskvec_key(&k, 0));
	for (size_t i = 0; i < N; i++) {
		const double u = st_taskvec_draw(key, i) - 0.5;

		assert_true(u >= -0.5 && u < 0.5);
		mean += u / (double)N;
		both += u * (st_taskvec_draw(st_taskvec_key(&j, 1), i) - 0.5) / (double)N;
		neighbours += u * (st_taskvec_draw(key, i + 1) - 0.5) / (double)N;
	}
	assert_true(fabs(mean) < 5 / sqrt(12 * (double)N));
	assert_true(fabs(both) < error && fabs(neighbours) < error);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(by_hand),     cmocka_unit_test(stock),
		cmocka_unit_test(stock_apart), cmocka_unit_test(lora),
		cmocka_unit_test(lora_large),  cmocka_unit_test(negative_fisher),
		cmocka_unit_test(dropped),     cmocka_unit_test(della_ranks),
		cmocka_unit_test(della_long),  cmocka_unit_test(independent),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
