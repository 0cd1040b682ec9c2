/* SPDX-License-Identifier: Apache-2.0 */

/* The laws of merging, and what no method may depend on: threads, SIMD, memory. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

#include "blend_fixture.h"
#include "merge/round.h"

#define N ((size_t)30001) /* some slabs, and a rest */

static const enum st_dtype floats[] = { ST_BF16, ST_F16, ST_F32, ST_F64, ST_F8_E4M3, ST_F8_E5M2 };
#define NFLOATS (sizeof(floats) / sizeof(*floats))

/* Are they the same, bit by bit? */
static void same(const char *what, const double *a, const double *b, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (memcmp(&a[i], &b[i], sizeof(*a)) != 0)
			fail_msg("%s: element %zu is %a, not %a", what, i, a[i], b[i]);
}

struct three {
	double *base, *a, *b;
};

static void three_new(struct three *x, enum st_dtype t)
{
	x->base = blend_numbers(t, N, 0.1, 1);
	x->a = blend_near(t, x->base, N, 0.01, 2);
	x->b = blend_near(t, x->base, N, 0.01, 3);
}

static void three_free(struct three *x)
{
	free(x->base);
	free(x->a);
	free(x->b);
}

/* merge(A, A) = A: where all models are the same, what comes out is that. */
static void of_one_mind(void **state)
{
	static const char *const specs[] = {
		"ours",
		"theirs",
		"linear",
		"linear:weight=0.3/0.7",
		"linear:weight=1/7/5",
		"fedavg:weight=3/11",
		"slerp",
		"slerp:t=0.3",
		"slerp:t=0.7,parallel=1",
		"ties:density=1",
		"ties:density=1,weight=2",
		"dare-ties:density=1",
		"della:density=1",
		"task-arithmetic:normalize=1",
		"fisher",
		"model-stock",
		"task-arithmetic:scale=0.5",
	};

	(void)state;
	for (size_t t = 0; t < NFLOATS; t++) {
		struct three x;

		three_new(&x, floats[t]);
		for (size_t i = 0; i < sizeof(specs) / sizeof(*specs); i++) {
			struct blending b = { .spec = specs[i],
					      .dtype = floats[t],
					      .n = N,
					      .base = x.base,
					      .model = { x.a, x.a } };
			double *out;

			if (strcmp(specs[i], "linear:weight=1/7/5") == 0)
				b.model[2] = x.a;
			if (strcmp(specs[i], "fisher") == 0) {
				b.extra[0] = x.a;
				b.extra[1] = x.a;
				b.spec = "fisher:floor=1e-3";
				for (size_t k = 0; k < N; k++)
					x.base[k] = fabs(x.base[k]);
				b.extra[0] = b.extra[1] = x.base;
			}
			out = blend(&b);
			same(specs[i], out, x.a, N);
			free(out);
		}
		three_free(&x);
	}
}

/* The mean of exact sums, rounded once. Sums of doubles are exact here: numbers are of one size. */
static void average(void **state)
{
	(void)state;
	for (size_t t = 0; t < NFLOATS; t++) {
		struct three x;
		double *want = calloc(N, sizeof(*want)), *out;
		uint8_t *p = calloc(N, sizeof(*want));

		three_new(&x, floats[t]);
		for (size_t i = 0; i < N; i++)
			want[i] = (x.a[i] + x.b[i]) / 2;
		st_round_store_portable(p, floats[t], want, N);
		out = blend(&(struct blending){
			.spec = "linear", .dtype = floats[t], .n = N, .model = { x.a, x.b } });
		st_round_store_portable(p + 0, floats[t], want, N);
		{
			uint8_t *q = calloc(N, sizeof(*want));

			st_round_store_portable(q, floats[t], out, N);
			assert_memory_equal(p, q, N * st_dtype_info(floats[t])->bits / 8);
			free(q);
		}
		free(out);
		free(p);
		free(want);
		three_free(&x);
	}
}

/* A tie between two numbers of the type that another, far smaller one decides. */
static void mean_decides_ties(void **state)
{
	static const struct {
		double x[4];
		size_t n;
		double want; /* in bf16, of which 1 and 1 + 2^-7 are neighbours */
	} rows[] = {
		{ { 4, 0x1p-6, 0x1p-60, 0 }, 4, 1 + 0x1p-7 },
		{ { 0, 0x1p-60, 0x1p-6, 4 }, 4, 1 + 0x1p-7 },
		{ { 4, 0x1p-6, -0x1p-60, 0 }, 4, 1 },
		{ { 4, 0x1p-6, 0, 0 }, 4, 1 }, /* to even */
		{ { 4, 0x3p-6, 0, 0 }, 4, 1 + 0x1p-6 },
		{ { 4, 0x3p-6, 0x1p-60, 0 }, 4, 1 + 0x1p-6 },
		{ { 4, 0x3p-6, -0x1p-60, 0 }, 4, 1 + 0x1p-7 },
		{ { -4, -0x1p-6, -0x1p-60, 0 }, 4, -1 - 0x1p-7 },
		{ { -4, -0x1p-6, 0x1p-60, 0 }, 4, -1 },
		{ { 3, 0x3p-8, 0x1p-60 }, 3, 1 + 0x1p-7 },
		{ { 3, 0x3p-8, -0x1p-60 }, 3, 1 },
		{ { 4, -0x1p-54, 0x1p-100, 0 }, 4, 1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		for (unsigned level = 0; level < ST_BLEND_NLEVELS; level++) {
			struct blending x = { .spec = "linear", .dtype = ST_BF16, .n = 1 };
			double *out;

			x.level = level;
			for (size_t m = 0; m < rows[i].n; m++)
				x.model[m] = &rows[i].x[m];
			if (!st_blend_level_supported(x.level))
				continue;
			out = blend(&x);
			if (out[0] != rows[i].want)
				fail_msg("row %zu: %a, not %a", i, out[0], rows[i].want);
			free(out);
		}
}

/* Of two only where one has more digits than the result. */
static void mean_of_wider(void **state)
{
	const double a[1] = { 1 + 0x1p-8 }, tiny[1] = { 0x1p-60 }, twice[1] = { 2 + 0x1p-7 };
	struct blending x = { .spec = "linear:normalize=0",
			      .dtype = ST_BF16,
			      .type = { ST_F32, ST_BF16 },
			      .n = 1,
			      .model = { a, tiny } };
	double *out = blend(&x);

	(void)state;
	assert_true(out[0] == 1 + 0x1p-7);
	free(out);
	x.spec = "linear";
	x.model[0] = twice;
	out = blend(&x);
	assert_true(out[0] == 1 + 0x1p-7);
	free(out);
}

/* What each sum cuts off is added at last: of doubles too, whose last digit is then right. */
static void mean_of_cancelling(void **state)
{
	const double a[1] = { 1e30 }, b[1] = { 1 }, c[1] = { -1e30 };
	const double d[1] = { 1 }, e[1] = { 0x1p-53 }, f[1] = { 0x1p-60 };
	struct blending x = {
		.spec = "linear:normalize=0", .dtype = ST_F64, .n = 1, .model = { a, b, c }
	};
	double *out = blend(&x);

	(void)state;
	assert_true(out[0] == 1);
	free(out);
	x.model[0] = d;
	x.model[1] = e;
	x.model[2] = f;
	out = blend(&x);
	assert_true(out[0] == 1 + 0x1p-52);
	free(out);
	x.model[1] = f; /* nothing is set that nearest does not set */
	out = blend(&x);
	assert_true(out[0] == 1);
	free(out);
}

static void symmetric(void **state)
{
	(void)state;
	for (size_t t = 0; t < NFLOATS; t++) {
		struct three x;
		double *ab, *ba;

		three_new(&x, floats[t]);
		ab = blend(&(struct blending){ .spec = "linear:weight=0.3/0.7",
					       .dtype = floats[t],
					       .n = N,
					       .model = { x.a, x.b } });
		ba = blend(&(struct blending){ .spec = "linear:weight=0.7/0.3",
					       .dtype = floats[t],
					       .n = N,
					       .model = { x.b, x.a } });
		same("linear", ab, ba, N);
		free(ab);
		free(ba);
		three_free(&x);
	}
}

/* merge(base -> A, base) = A, the other way round too, wherever differences are added up. */
static void one_sided(void **state)
{
	static const char *const specs[] = {
		"task-arithmetic",	 "ties:density=1",  "dare-ties:density=1",
		"dare-linear:density=1", "della:density=1", "breadcrumbs:density=1,gamma=0"
	};

	(void)state;
	for (size_t t = 0; t < NFLOATS; t++) {
		struct three x;

		three_new(&x, floats[t]);
		for (size_t i = 0; i < 40;
		     i++) /* what x - base rounds, base + that does not undo */
			x.a[i] = i % 2 ? 0x1p-14 * (double)i : 448 / ((double)i + 1);
		{
			double *exact = blend(&(struct blending){
				.spec = "ours", .dtype = floats[t], .n = N, .model = { x.a } });

			free(x.a);
			x.a = exact;
		}
		for (size_t i = 0; i < sizeof(specs) / sizeof(*specs); i++) {
			struct blending b = { .spec = specs[i],
					      .dtype = floats[t],
					      .n = N,
					      .base = x.base,
					      .model = { x.a, x.base } };
			double *out = blend(&b);

			same(specs[i], out, x.a, N);
			free(out);
			b.model[0] = x.base;
			b.model[1] = x.a;
			out = blend(&b);
			same(specs[i], out, x.a, N);
			free(out);
			b.model[0] = x.a;
			b.model[1] = NULL;
			out = blend(&b);
			same(specs[i], out, x.a, N);
			free(out);
		}
		three_free(&x);
	}
}

static void slerp_ends(void **state)
{
	(void)state;
	for (size_t t = 0; t < NFLOATS; t++) {
		struct three x;
		double *out;

		three_new(&x, floats[t]);
		out = blend(&(struct blending){
			.spec = "slerp:t=0", .dtype = floats[t], .n = N, .model = { x.a, x.b } });
		same("t=0", out, x.a, N);
		free(out);
		out = blend(&(struct blending){ .spec = "slerp:t=0..1",
						.layer = 1,
						.dtype = floats[t],
						.n = N,
						.model = { x.a, x.b } });
		same("t=1", out, x.b, N);
		free(out);
		three_free(&x);
	}
}

/* A quarter of a circle, and its half way; twice a vector is parallel, so the way is straight. */
static void slerp_arc(void **state)
{
	const double a[2] = { 1, 0 }, b[2] = { 0, 1 }, twice[2] = { 2, 0 }, zero[2] = { 0, 0 };
	const double against[2] = { -1, 0 };
	struct blending x = { .spec = "slerp", .dtype = ST_F64, .n = 2, .model = { a, b } };
	double *out = blend(&x);

	(void)state;
	assert_true(fabs(out[0] - sqrt(0.5)) < 1e-15 && fabs(out[1] - sqrt(0.5)) < 1e-15);
	free(out);
	x.spec = "slerp:t=0.25";
	out = blend(&x);
	assert_true(fabs(out[0] - cos(acos(-1) / 8)) < 1e-15);
	assert_true(fabs(out[1] - sin(acos(-1) / 8)) < 1e-15);
	free(out);
	x.model[1] = twice;
	out = blend(&x);
	assert_true(out[0] == 1.25 && out[1] == 0);
	free(out);
	x.model[1] = zero;
	out = blend(&x);
	assert_true(out[0] == 0.75 && out[1] == 0);
	free(out);
	x.model[1] = against;
	out = blend(&x);
	assert_true(out[0] == 0.5 && out[1] == 0);
	free(out);
}

/* Where |cos| is more than 0.9995 the way is straight, where it is less an arc. */
static void slerp_threshold(void **state)
{
	static const struct {
		const char *spec;
		double cosine;
		bool straight;
	} rows[] = {
		{ "slerp:t=0.25", 0.9998, true },
		{ "slerp:t=0.25", -0.9998, true },
		{ "slerp:t=0.25", 0.99951, true },
		{ "slerp:t=0.25", 0.99949, false },
		{ "slerp:t=0.25", 0.999, false },
		{ "slerp:t=0.25", -0.999, false },
		{ "slerp:t=0.25,parallel=1", 0.9998, false },
		{ "slerp:t=0.25,parallel=0.9", 0.95, true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		const double angle = acos(rows[i].cosine);
		const double a[2] = { 1, 0 }, b[2] = { rows[i].cosine, sin(angle) };
		const double far = rows[i].straight ? 0.25 : sin(angle / 4) / sin(angle);
		double *out = blend(&(struct blending){
			.spec = rows[i].spec, .dtype = ST_F64, .n = 2, .model = { a, b } });

		if (fabs(out[1] - far * b[1]) > 1e-12)
			fail_msg("row %zu: %.17g, not %.17g", i, out[1], far * b[1]);
		free(out);
	}
}

static void equal_methods(void **state)
{
	static const struct {
		const char *a, *b;
		size_t models;
	} rows[] = {
		{ "ties:density=1", "task-arithmetic", 1 },
		{ "ties:density=1,scale=0.3", "task-arithmetic:scale=0.3", 1 },
		{ "fedavg:weight=17", "linear", 2 },
		{ "fedavg:weight=17", "linear", 3 },
		{ "dare-linear:density=1", "task-arithmetic", 2 },
		{ "dare-ties:density=1", "ties:density=1", 2 },
		{ "della:density=1,elect=0,normalize=0", "task-arithmetic", 2 },
		{ "breadcrumbs:density=1,gamma=0.3", "task-arithmetic", 2 },
		{ "breadcrumbs:density=0.4,gamma=0,elect=1,normalize=1", "ties:density=0.4", 2 },
		{ "breadcrumbs:density=0", "base", 2 },
		{ "ties:density=0", "base", 2 },
		{ "task-arithmetic:scale=0", "base", 2 },
		{ "theirs", "linear:weight=0/1", 2 },
	};
	struct three x;

	(void)state;
	three_new(&x, ST_F32);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct blending b = {
			.spec = rows[i].a, .dtype = ST_F32, .n = N, .base = x.base, .model = { x.a }
		};
		double *a, *c;

		b.model[1] = rows[i].models > 1 ? x.b : NULL;
		b.model[2] = rows[i].models > 2 ? x.base : NULL;
		a = blend(&b);
		b.spec = rows[i].b;
		c = blend(&b);
		same(rows[i].a, a, c, N);
		free(a);
		free(c);
	}
	three_free(&x);
}

/* The same bytes whatever computes them. */
static void deterministic(void **state)
{
	static const char *const specs[] = {
		"linear",
		"linear:weight=1/2/3",
		"fedavg:weight=1/2/3",
		"task-arithmetic:scale=0.3",
		"ties:density=0.3",
		"ties",
		"dare-linear:density=0.3",
		"dare-ties:density=0.3",
		"della:density=0.4,epsilon=0.2",
		"breadcrumbs:density=0.5,gamma=0.1",
		"model-stock",
		"fisher:floor=1e-3",
		"slerp:t=0.3,parallel=1",
	};
	static const struct {
		unsigned jobs;
		uint64_t memory;
		enum st_blend_level level;
	} ways[] = {
		{ 1, 0, ST_BLEND_AVX2 },	{ 2, 0, ST_BLEND_PORTABLE },
		{ 2, 0, ST_BLEND_AVX2 },	{ 7, 0, ST_BLEND_AVX2 },
		{ 7, 24 << 20, ST_BLEND_AVX2 }, { 1, 7 << 20, ST_BLEND_PORTABLE },
	};
	const size_t n = 300 * 331;
	double *base, *a, *b, *c;

	(void)state;
	for (size_t t = 0; t < 3; t++) {
		base = blend_numbers(floats[t], n, 1, 1);
		a = blend_near(floats[t], base, n, 0.05, 2);
		b = blend_near(floats[t], base, n, 0.05, 3);
		c = blend_near(floats[t], base, n, 0.05, 4);
		for (size_t i = 0; i < sizeof(specs) / sizeof(*specs); i++) {
			struct blending x = { .spec = specs[i],
					      .dtype = floats[t],
					      .n = n,
					      .ndim = 2,
					      .shape = { 331, 300 },
					      .base = base,
					      .model = { a, b, c },
					      .seed = 5 };
			struct st_err err = { 0 };
			uint8_t *want, *got;
			size_t want_len, len;

			if (strncmp(specs[i], "slerp", 5) == 0)
				x.model[2] = NULL;
			if (strncmp(specs[i], "fisher", 6) == 0)
				for (size_t k = 0; k < n && t == 0; k++)
					base[k] = fabs(base[k]);
			if (strncmp(specs[i], "fisher", 6) == 0)
				for (size_t m = 0; m < 3; m++)
					x.extra[m] = base;
			for (size_t k = 0; k < n; k++)
				base[k] = x.extra[0] ? fabs(base[k]) : base[k];
			want = blend_bytes(&x, &want_len, &err);
			if (!want)
				fail_msg("%s: %s", specs[i], err.msg);
			for (size_t w = 0; w < sizeof(ways) / sizeof(*ways); w++) {
				if (!st_blend_level_supported(ways[w].level))
					continue;
				x.jobs = ways[w].jobs;
				x.memory = ways[w].memory;
				x.level = ways[w].level;
				got = blend_bytes(&x, &len, &err);
				if (!got)
					fail_msg("%s: %s", specs[i], err.msg);
				if (len != want_len || memcmp(got, want, len) != 0)
					fail_msg("%s of %s differs: way %zu", specs[i],
						 st_dtype_info(floats[t])->name, w);
				free(got);
			}
			free(want);
		}
		free(base);
		free(a);
		free(b);
		free(c);
	}
}

static void integers(void **state)
{
	const double a[4] = { 1, 2, -3, 127 }, b[4] = { 2, 4, -4, 127 };
	struct blending x = { .spec = "linear", .dtype = ST_I8, .n = 4, .model = { a, b } };
	double *out = blend(&x);

	(void)state;
	assert_true(out[0] == 2 && out[1] == 3 && out[2] == -4 && out[3] == 127);
	free(out);
	x.spec = "linear:normalize=0";
	blend_refused(&x, ST_EREFUSED,
		      "tensor 'layers.3.w': element 3 becomes 254, which i8 cannot hold");
	x.spec = "slerp";
	blend_refused(
		&x, ST_EUSAGE,
		"tensor 'layers.3.w': method 'slerp' does not apply to i8; linear, ours, theirs and "
		"base do");
}

static void wide_integers(void **state)
{
	const double a[1] = { 0x1p53 }, b[1] = { 0x1p54 };
	struct blending x = { .spec = "linear", .dtype = ST_I64, .n = 1, .model = { a, a } };
	double *out = blend(&x);

	(void)state;
	assert_true(out[0] == 0x1p53);
	free(out);
	x.model[1] = b;
	blend_refused(&x, ST_EREFUSED,
		      "tensor 'layers.3.w': element 0 of theirs is beyond 2^53, where integers are "
		      "not computed with; ours and theirs copy them");
	x.spec = "theirs";
	out = blend(&x);
	assert_true(out[0] == 0x1p54);
	free(out);
}

static void types(void **state)
{
	const double a[4] = { 1, 2, 3, 4 }, b[4] = { 3, 4, 5, 7 };
	struct blending x = { .spec = "linear", .dtype = ST_C64, .n = 4, .model = { a, b } };
	double *out = blend(&x);

	(void)state;
	assert_true(out[0] == 2 && out[3] == 5.5);
	free(out);
	x.spec = "ties";
	x.base = a;
	blend_refused(
		&x, ST_EUSAGE,
		"tensor 'layers.3.w': method 'ties' does not apply to c64; linear, ours, theirs and "
		"base do");
	x = (struct blending){ .spec = "linear",
			       .dtype = ST_BF16,
			       .n = 4,
			       .model = { a, b },
			       .type = { ST_F32, ST_F64 } };
	out = blend(&x); /* ours is bf16, or the result would not be; theirs f64 */
	assert_true(out[0] == 2 && out[3] == 5.5);
	free(out);
	x.spec = "theirs";
	out = blend(&x);
	same("theirs", out, b, 4);
	free(out);
}

static void bad_inputs(void **state)
{
	const double a[3] = { 1, 2, 3 }, nan[3] = { 1, (double)NAN, 3 };
	const double inf[3] = { 1, 2, -(double)INFINITY }, big[3] = { 65504, 0, 0 };
	struct blending x = { .spec = "linear", .dtype = ST_F16, .n = 3, .model = { a, nan } };
	double *out;

	(void)state;
	blend_refused(&x, ST_EREFUSED,
		      "tensor 'layers.3.w': element 1 of theirs is nan: " ST_NONFINITE_HINT);
	x.model[1] = inf;
	blend_refused(&x, ST_EREFUSED,
		      "tensor 'layers.3.w': element 2 of theirs is -inf: " ST_NONFINITE_HINT);
	x.allow_nonfinite = true;
	out = blend(&x);
	assert_true(out[0] == 1 && out[2] == -(double)INFINITY);
	free(out);
	x.allow_nonfinite = false;
	x.spec = "theirs"; /* a copy is one of what is not finite, too */
	out = blend(&x);
	assert_true(out[2] == -(double)INFINITY);
	free(out);
	x.spec = "linear:normalize=0";
	x.model[0] = x.model[1] = big;
	blend_refused(&x, ST_EREFUSED,
		      "tensor 'layers.3.w': element 0 becomes 131008, which f16 cannot hold");
	x.spec = "linear:weight=1/-1";
	blend_refused(&x, ST_EUSAGE,
		      "tensor 'layers.3.w': the weights add up to 0, so there is no mean");
	x.spec = "linear:weight=1/2/3";
	blend_refused(&x, ST_EUSAGE,
		      "tensor 'layers.3.w': weight of method 'linear' has 3 values for 2 models");
	x.spec = "ties";
	blend_refused(&x, ST_EUSAGE, "tensor 'layers.3.w': method 'ties' needs a base");
	x.spec = "fisher";
	blend_refused(
		&x, ST_EUSAGE,
		"tensor 'layers.3.w': method 'fisher' needs the diagonal Fisher of each model, "
		"which only 'strata merge', 'strata resolve' and 'strata merge-file --fisher FILE' "
		"read");
	x.spec = "lora";
	blend_refused(
		&x, ST_EUSAGE,
		"tensor 'layers.3.w': method 'lora' adds adapters, which only "
		"'strata merge', 'strata resolve' and 'strata merge-file --adapter DIR' read");
	x.spec = "slerp";
	x.model[1] = NULL;
	blend_refused(&x, ST_EUSAGE, "tensor 'layers.3.w': method 'slerp' takes 2 models, not 1");
	x.spec = "della:density=0.9,epsilon=0.2";
	x.base = a;
	blend_refused(&x, ST_EUSAGE,
		      "tensor 'layers.3.w': density 0.9 and epsilon 0.2 of method 'della' give "
		      "probabilities from 0.7 to 1.1; they lie above 0 and are at most 1");
	x.spec = "linear";
	x.memory = 1000;
	blend_refused(&x, ST_ELIMIT,
		      "tensor 'layers.3.w': 1 inputs on 1 threads need more than 1000 bytes of "
		      "memory; raise --memory or lower --jobs");
}

/* What agrees has no mean where its weights add up to 0; all of them 0, nothing is elected. */
static void ties_without_mean(void **state)
{
	static const char *const none[] = { "ties:density=1,weight=1/-1",
					    "dare-ties:density=1,weight=1/-1",
					    "della:density=1,weight=-2/2",
					    "breadcrumbs:density=1,gamma=0,elect=1,normalize=1,"
					    "weight=1/-1" };
	const double base[2] = { 10, 10 }, up[2] = { 12, 10 }, down[2] = { 8, 11 };
	const double third[2] = { 10, 10 };
	struct blending x = { .dtype = ST_F32, .n = 2, .base = base, .model = { up, down } };
	double *out;

	(void)state;
	for (size_t i = 0; i < sizeof(none) / sizeof(*none); i++) {
		x.spec = none[i];
		blend_refused(&x, ST_EUSAGE,
			      "tensor 'layers.3.w': the weights add up to 0, so there is no mean");
	}
	x.spec = "ties:density=1,weight=1/-1,normalize=0";
	out = blend(&x);
	assert_true(out[0] == 14 && out[1] == 9);
	free(out);
	x.spec = "ties:density=1,weight=0/0";
	out = blend(&x);
	assert_true(out[0] == 10 && out[1] == 10);
	free(out);
	/* all three weights have a sum, those of the two that agree do not */
	x.spec = "ties:density=1,weight=1/-1/3";
	x.model[2] = third;
	blend_refused(&x, ST_EREFUSED,
		      "tensor 'layers.3.w': element 0 becomes inf, which f32 cannot hold");
	x.model[0] = base;
	out = blend(&x);
	assert_true(out[0] == 8 && out[1] == 11);
	free(out);
}

static void empty(void **state)
{
	static const char *const specs[] = { "ours",	    "linear",	 "slerp", "ties",
					     "model-stock", "dare-ties", "della", "breadcrumbs" };
	const double none[1] = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(specs) / sizeof(*specs); i++)
		free(blend(&(struct blending){ .spec = specs[i],
					       .dtype = ST_F32,
					       .n = 0,
					       .base = none,
					       .model = { none, none } }));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(of_one_mind),
		cmocka_unit_test(average),
		cmocka_unit_test(mean_decides_ties),
		cmocka_unit_test(mean_of_wider),
		cmocka_unit_test(mean_of_cancelling),
		cmocka_unit_test(symmetric),
		cmocka_unit_test(one_sided),
		cmocka_unit_test(slerp_ends),
		cmocka_unit_test(slerp_arc),
		cmocka_unit_test(slerp_threshold),
		cmocka_unit_test(equal_methods),
		cmocka_unit_test(deterministic),
		cmocka_unit_test(integers),
		cmocka_unit_test(wide_integers),
		cmocka_unit_test(types),
		cmocka_unit_test(bad_inputs),
		cmocka_unit_test(ties_without_mean),
		cmocka_unit_test(empty),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
