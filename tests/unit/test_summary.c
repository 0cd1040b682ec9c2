/* SPDX-License-Identifier: Apache-2.0 */
#include "diff/summary_priv.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"

static uint64_t seed;

static uint64_t any(void)
{
	uint64_t x = seed += 0x9e3779b97f4a7c15;

	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
	x = (x ^ x >> 27) * 0x94d049bb133111eb;
	return x ^ x >> 31;
}

static bool skipped(enum st_dtype t)
{
	return !st_pair_numeric(t);
}

/* ---- the slow and plain way ---- */

static int by_value(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static double *finite_sorted(struct st_summary *want, const double *v, size_t n)
{
	double *f = calloc(n + 1, sizeof(*f));

	*want = (struct st_summary){ .numel = n };
	assert_non_null(f);
	for (size_t i = 0; i < n; i++) {
		want->nan += isnan(v[i]) != 0;
		want->pos_inf += isinf(v[i]) && v[i] > 0;
		want->neg_inf += isinf(v[i]) && v[i] < 0;
		want->zeros += v[i] == 0;
		if (isfinite(v[i]))
			f[want->finite++] = v[i];
	}
	qsort(f, (size_t)want->finite, sizeof(*f), by_value);
	return f;
}

static double quantile(const double *f, size_t m, double q)
{
	double h = (double)(m - 1) * q, share = h - floor(h);
	size_t i = (size_t)h, k = i + 1 < m ? i + 1 : i;
	double way = f[k] - f[i];

	if (!isfinite(way))
		return f[i] * (1 - share) + f[k] * share;
	return share < 0.5 ? f[i] + way * share : f[k] - way * (1 - share);
}

static void near(const char *what, const char *field, long double want, double got, double scale)
{
	if (!isfinite((double)want) && !isfinite(got))
		return;
	if (fabsl(want - (long double)got) <= 1e-12L * (long double)scale + 0x1p-1074L)
		return;
	fail_msg("%s: %s is %.17g, not %.17g", what, field, got, (double)want);
}

static void same_value(const char *what, const char *field, double want, double got)
{
	if (want != got && !(isnan(want) && isnan(got)))
		fail_msg("%s: %s is %.17g, not %.17g", what, field, got, want);
	if (got == 0 && signbit(got))
		fail_msg("%s: %s is -0", what, field);
}

static void check_sums(const char *what, const double *f, size_t m, const struct st_summary *got)
{
	long double sum = 0, square = 0, size = 0;

	for (size_t i = 0; i < m; i++) {
		sum += (long double)f[i];
		size += fabsl((long double)f[i]);
	}
	for (size_t i = 0; i < m; i++)
		square += ((long double)f[i] - sum / m) * ((long double)f[i] - sum / m);
	if (m && fabs(f[0]) < 1e150 && fabs(f[m - 1]) < 1e150) { /* whose squares are doubles */
		near(what, "mean", sum / m, got->mean, (double)(size / m));
		if (square == 0 || square > 1e-280L)
			near(what, "std", sqrtl(square / m), got->std, (double)sqrtl(square / m));
	}
}

static void check_bins(const char *what, const double *f, size_t m, const struct st_summary *got)
{
	uint64_t count[ST_SUMMARY_BINS] = { 0 }, below = 0, above = 0;

	assert_int_equal(got->nbins == 0, m == 0);
	for (size_t i = 0; i < m; i++) {
		size_t k = got->nbins;

		if (f[i] > got->edge[got->nbins]) {
			above++;
			continue;
		}
		while (k > 0 && (k == got->nbins || f[i] < got->edge[k]))
			k--;
		if (f[i] < got->edge[0])
			below++;
		else
			count[k]++;
	}
	for (size_t k = 0; k < got->nbins; k++)
		if (count[k] != got->count[k])
			fail_msg("%s: bin %zu of %zu from %g to %g has %" PRIu64 ", not %" PRIu64,
				 what, k, got->nbins, got->edge[k], got->edge[k + 1], got->count[k],
				 count[k]);
	assert_int_equal(got->below, below);
	assert_int_equal(got->above, above);
}

static void check(const char *what, const double *v, size_t n, const struct st_summary *got)
{
	struct st_summary want;
	double *f = finite_sorted(&want, v, n);
	size_t m = (size_t)want.finite;
	uint64_t distinct = m != 0;

	if (got->finite != m)
		fail_msg("%s: finite %" PRIu64 ", not %zu", what, got->finite, m);
	assert_int_equal(got->numel, n);
	assert_int_equal(got->nan, want.nan);
	assert_int_equal(got->pos_inf, want.pos_inf);
	assert_int_equal(got->neg_inf, want.neg_inf);
	assert_int_equal(got->zeros, want.zeros);
	for (size_t i = 1; i < m; i++)
		distinct += f[i] != f[i - 1];
	if (got->has_distinct)
		assert_int_equal(got->distinct, distinct);
	same_value(what, "min", m ? f[0] : NAN, got->min);
	same_value(what, "max", m ? f[m - 1] : NAN, got->max);
	for (size_t i = 0; i < ST_SUMMARY_QUANTILES; i++)
		same_value(what, "a quantile", m ? quantile(f, m, st_summary_quantiles()[i]) : NAN,
			   got->quantile[i]);
	if (m == 0)
		assert_true(isnan(got->mean) && isnan(got->std));
	check_sums(what, f, m, got);
	check_bins(what, f, m, got);
	free(f);
}

/* ---- running it ---- */

static void summarise(struct st_summary *out, enum st_dtype t, const void *p, size_t units,
		      unsigned jobs)
{
	struct st_ctx ctx = { .jobs = jobs, .memory = 1 << 30 };
	struct st_err e = { 0 };
	struct st_source src;
	size_t bits = st_dtype_info(st_pair_component(t))->bits;

	st_source_init_mem(&src, p, (units * bits + 7) / 8, "test");
	if (st_summarise(out, &src, t, units, &ctx, &e) != ST_OK)
		fail_msg("%s", e.msg);
}

static void same_digits(const struct st_summary *a, const struct st_summary *b)
{
	assert_memory_equal(&a->mean, &b->mean, sizeof(a->mean));
	assert_memory_equal(&a->std, &b->std, sizeof(a->std));
	assert_memory_equal(&a->min, &b->min, sizeof(a->min));
	assert_memory_equal(&a->max, &b->max, sizeof(a->max));
	assert_memory_equal(a->quantile, b->quantile, sizeof(a->quantile));
	assert_memory_equal(a->edge, b->edge, sizeof(a->edge));
	assert_memory_equal(a->count, b->count, sizeof(a->count));
	assert_int_equal(a->finite, b->finite);
	assert_int_equal(a->nan, b->nan);
	assert_int_equal(a->zeros, b->zeros);
	assert_int_equal(a->below, b->below);
	assert_int_equal(a->above, b->above);
	assert_int_equal(a->nbins, b->nbins);
}

static void run(const char *how, enum st_dtype t, const uint8_t *p, size_t units)
{
	double *v = calloc(units + 1, sizeof(*v));
	struct st_summary one, more;
	char what[120];

	assert_non_null(v);
	snprintf(what, sizeof(what), "%s of %s, %zu", how, st_dtype_info(t)->name, units);
	st_pair_load(v, t, p, units);
	summarise(&one, t, p, units, 1);
	check(what, v, units, &one);
	for (unsigned jobs = 2; jobs < 6; jobs++) {
		summarise(&more, t, p, units, jobs);
		same_digits(&one, &more);
	}
	free(v);
}

/* Bytes of a type; floats of the wide types as weights are when `ordinary`. */
static uint8_t *make(enum st_dtype t, size_t units, bool ordinary)
{
	enum st_dtype c = st_pair_component(t);
	size_t width = st_dtype_info(c)->bits / 8;
	uint8_t *p = calloc(units + 1, width ? width : 1);

	assert_non_null(p);
	for (size_t i = 0; i < (width ? units * width : (units + 1) / 2); i++)
		p[i] = (uint8_t)(any() >> 32);
	for (size_t i = 0; ordinary && i < units; i++) {
		double d = (double)(int64_t)any() * 0x1p-65 + (double)(int64_t)any() * 0x1p-66;
		float f = (float)d;
		uint64_t bits64;
		uint32_t bits32;

		memcpy(&bits32, &f, sizeof(f));
		memcpy(&bits64, &d, sizeof(d));
		if (c == ST_F64)
			st_put64(p + 8 * i, bits64);
		else if (c == ST_F32)
			st_put32(p + 4 * i, bits32);
		else if (c == ST_BF16)
			st_put16(p + 2 * i, (uint16_t)(bits32 >> 16));
	}
	return p;
}

static void every_type(void **state)
{
	static const size_t sizes[] = { 0, 1, 2, 3, 7, 8, 9, 1001, 4095, 4096, 4097, 20011 };

	(void)state;
	for (unsigned t = 0; t < ST_NDTYPES; t++) {
		if (skipped((enum st_dtype)t))
			continue;
		for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
			uint8_t *p = make((enum st_dtype)t, sizes[i], false);
			uint8_t *q = make((enum st_dtype)t, sizes[i], true);

			run("any bits", (enum st_dtype)t, p, sizes[i]);
			run("weights", (enum st_dtype)t, q, sizes[i]);
			free(p);
			free(q);
		}
	}
}

static void several_chunks(void **state)
{
	static const enum st_dtype types[] = { ST_F4,  ST_I8,  ST_BF16, ST_F16, ST_F32,
					       ST_I32, ST_F64, ST_U64,	ST_C64 };

	(void)state;
	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++) {
		size_t n = 2 * ST_PAIR_CHUNK + (i % 2 ? 12346 : 0);
		uint8_t *p = make(types[i], n, i % 3 != 0);

		run("chunks", types[i], p, n);
		free(p);
	}
}

/* ---- special numbers ---- */

struct special {
	const char *what;
	double v[8];
	size_t n;
};

static const struct special specials[] = {
	{ "nothing but NaN", { NAN, NAN, NAN }, 3 },
	{ "nothing but Inf", { INFINITY, INFINITY, -INFINITY }, 3 },
	{ "one finite among others", { NAN, INFINITY, 2.5, -INFINITY, NAN }, 5 },
	{ "all equal", { 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1 }, 7 },
	{ "zeros of both signs", { 0.0, -0.0, -0.0, 0.0, -0.0 }, 5 },
	{ "-0 alone", { -0.0 }, 1 },
	{ "around zero", { -1e-3, -0.0, 0.0, 1e-3 }, 4 },
	{ "the widest range", { -1.7e308, 1.7e308, 0, 1 }, 4 },
	{ "subnormal", { 0x1p-1074, 0x1p-1073, -0x1p-1074, 0x1p-1060 }, 4 },
	{ "two numbers", { -3, 5 }, 2 },
	{ "one ulp apart", { 1, 0x1.0000000000001p0, 1, 1 }, 4 },
	{ "far from zero", { 1e9 + 1, 1e9 + 2, 1e9 + 3, 1e9 + 4 }, 4 },
};

static void special_numbers(void **state)
{
	uint8_t raw[64];

	(void)state;
	for (size_t i = 0; i < sizeof(specials) / sizeof(*specials); i++) {
		const struct special *s = &specials[i];

		for (size_t k = 0; k < s->n; k++) {
			uint64_t bits;

			memcpy(&bits, &s->v[k], sizeof(bits));
			st_put64(raw + 8 * k, bits);
		}
		run(s->what, ST_F64, raw, s->n);
		for (size_t k = 0; k < s->n; k++) {
			float f = (float)s->v[k];
			uint32_t bits;

			memcpy(&bits, &f, sizeof(bits));
			st_put32(raw + 4 * k, bits);
		}
		run(s->what, ST_F32, raw, s->n);
	}
}

static void all_equal(void **state)
{
	size_t n = ST_PAIR_CHUNK + 77;
	uint8_t *p = calloc(n, 4);
	struct st_summary s;

	(void)state;
	assert_non_null(p);
	for (size_t i = 0; i < n; i++)
		st_put32(p + 4 * i, 0x3dcccccd); /* 0.1f */
	summarise(&s, ST_F32, p, n, 3);
	assert_true(s.mean == (double)0.1f && s.std == 0 && s.min == s.max);
	assert_int_equal(s.nbins, 1);
	assert_int_equal(s.count[0], n);
	free(p);
}

/* A few far outliers do not make one bin of all the rest. */
static void outliers(void **state)
{
	size_t n = 50000;
	uint8_t *p = make(ST_F32, n, true);
	struct st_summary s;

	(void)state;
	st_put32(p, 0x7f000000); /* 2^127 */
	st_put32(p + 4, 0xff000000);
	summarise(&s, ST_F32, p, n, 2);
	assert_int_equal(s.below + s.above > 2, true);
	assert_true(s.edge[0] == s.quantile[0] && s.edge[s.nbins] == s.quantile[8]);
	assert_true(s.max == 0x1p127 && s.min == -0x1p127);
	run("outliers", ST_F32, p, n);
	free(p);
}

static void whole_numbers(void **state)
{
	static const uint8_t few[] = { 3, 3, 5, 4, 3, 9 };
	uint8_t many[256];
	struct st_summary s;

	(void)state;
	summarise(&s, ST_U8, few, sizeof(few), 1);
	assert_true(s.whole && s.nbins == 7 && s.edge[0] == 2.5 && s.edge[7] == 9.5);
	assert_int_equal(s.count[0], 3);
	assert_int_equal(s.count[6], 1);
	for (size_t i = 0; i < sizeof(many); i++)
		many[i] = (uint8_t)i;
	summarise(&s, ST_I8, many, sizeof(many), 1);
	assert_true(s.whole && s.nbins == 20 && s.edge[0] == -128.5 && s.edge[1] == -115.5);
	for (size_t k = 0; k + 1 < s.nbins; k++)
		assert_int_equal(s.count[k], 13);
	assert_int_equal(s.distinct, 256);
}

/* ---- parts ---- */

static void keys(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ST_NDTYPES; i++) {
		enum st_dtype t = (enum st_dtype)i;
		unsigned bits = st_dtype_info(t)->bits;
		double last = -INFINITY, v;
		struct st_order o;
		uint8_t p[8];

		if (skipped(t) || st_pair_component(t) != t || bits > 16)
			continue;
		st_order_init(&o, t);
		for (uint64_t key = 0; key < (uint64_t)1 << bits; key++) {
			uint64_t code = st_order_code(&o, key);

			assert_int_equal(st_order_key(&o, code), key);
			st_put64(p, code);
			st_pair_load(&v, t, p, 1);
			if (isnan(v))
				continue;
			if (v < last)
				fail_msg("%s: %#x comes too late", st_dtype_info(t)->name,
					 (unsigned)code);
			last = v;
		}
	}
}

static void wide_keys(void **state)
{
	static const double rising[] = { -INFINITY, -1e300, -1, -0x1p-1074, 0,
					 0x1p-1074, 0.5,    1,	1e300,	    INFINITY };
	uint64_t last = 0, key, bits;
	struct st_order o;

	(void)state;
	st_order_init(&o, ST_F64);
	for (size_t i = 0; i < sizeof(rising) / sizeof(*rising); i++) {
		memcpy(&bits, &rising[i], sizeof(bits));
		key = st_order_key(&o, bits);
		assert_true(i == 0 || key > last);
		assert_int_equal(st_order_code(&o, key), bits);
		last = key;
	}
	st_order_init(&o, ST_I64);
	assert_true(st_order_key(&o, (uint64_t)INT64_MIN) == 0);
	assert_true(st_order_key(&o, (uint64_t)-1) < st_order_key(&o, 0));
	assert_int_equal(st_order_code(&o, st_order_key(&o, 77)), 77);
	st_order_init(&o, ST_I32);
	assert_true(st_order_key(&o, 0x80000000) == 0);
	assert_true(st_order_key(&o, 0x7fffffff) == 0xffffffff);
	st_order_init(&o, ST_U64);
	assert_true(st_order_key(&o, UINT64_MAX) == UINT64_MAX);
}

static void exact_sums(void **state)
{
	struct st_exact_sum s = { 0 };

	(void)state;
	st_exact_add(&s, 1);
	st_exact_add(&s, 1e100);
	st_exact_add(&s, 1);
	st_exact_add(&s, -1e100);
	assert_true(st_exact_value(&s) == 2);
}

/* ---- failures ---- */

static int broken_pread(const struct st_source *s, void *buf, size_t n, uint64_t off,
			struct st_err *e)
{
	memset(buf, 0, n);
	return off >= *(const uint64_t *)s->mem ? st_fail(e, ST_EIO, "broken") : ST_OK;
}

static void read_failure(void **state)
{
	static const struct st_source_ops ops = { .pread = broken_pread };
	uint64_t at = 2 * ST_PAIR_CHUNK * 4;
	struct st_source src = {
		.ops = &ops, .size = 4 * ST_PAIR_CHUNK * 4, .name = "test", .fd = -1, .mem = &at
	};
	struct st_ctx ctx = { .jobs = 3 };
	struct st_err e = { 0 };
	struct st_summary s;

	(void)state;
	assert_int_equal(st_summarise(&s, &src, ST_F32, 4 * ST_PAIR_CHUNK, &ctx, &e), ST_EIO);
	assert_string_equal(e.msg, "broken");
}

static bool cancel(void *arg)
{
	(void)arg;
	return true;
}

static void interrupted(void **state)
{
	struct st_ctx ctx = { .jobs = 1, .cancelled = cancel };
	struct st_err e = { 0 };
	struct st_source src;
	struct st_summary s;

	(void)state;
	st_source_init_mem(&src, "abcd", 4, "test");
	assert_int_equal(st_summarise(&s, &src, ST_F32, 1, &ctx, &e), ST_EBUSY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_type),
		cmocka_unit_test(several_chunks),
		cmocka_unit_test(special_numbers),
		cmocka_unit_test(all_equal),
		cmocka_unit_test(outliers),
		cmocka_unit_test(whole_numbers),
		cmocka_unit_test(keys),
		cmocka_unit_test(wide_keys),
		cmocka_unit_test(exact_sums),
		cmocka_unit_test(read_failure),
		cmocka_unit_test(interrupted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
