/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "diff/pair_kernel.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define MOST (2 * ST_PAIR_CHUNK + 5 * ST_PAIR_LEAF + 77)
#define HIST ST_PAIR_HISTOGRAM

static uint8_t *raw_a, *raw_b; /* MOST elements of eight bytes, at odd addresses */
static double *val_a, *val_b;
static uint32_t seed;

static uint32_t rnd(void)
{
	seed = seed * 1664525 + 1013904223;
	return seed >> 8;
}

static int setup(void **state)
{
	(void)state;
	raw_a = malloc(8 * MOST + 1);
	raw_b = malloc(8 * MOST + 3);
	val_a = malloc(MOST * sizeof(*val_a));
	val_b = malloc(MOST * sizeof(*val_b));
	return raw_a && raw_b && val_a && val_b ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	free(raw_a);
	free(raw_b);
	free(val_a);
	free(val_b);
	return 0;
}

static enum st_dtype number_at(unsigned i)
{
	enum st_dtype t = (enum st_dtype)i;

	return st_pair_numeric(t) && st_pair_component(t) == t ? t : ST_OPAQUE;
}

static size_t bytes_of(enum st_dtype t, size_t n)
{
	return (n * st_dtype_info(st_pair_component(t))->bits + 7) / 8;
}

/* --- what the sums should be, from the words of pair.h --------------------------------------- */

static double lanes(const double v[8])
{
	return ((v[0] + v[1]) + (v[2] + v[3])) + ((v[4] + v[5]) + (v[6] + v[7]));
}

static bool counts(size_t i)
{
	return isfinite(val_a[i]) && isfinite(val_b[i]);
}

/* Sums of leaves [from, to) of n elements: recursive, as the header has it. */
static void want_tree(double out[5], size_t from, size_t to, size_t n)
{
	double lane[5][8] = { { 0 } }, left[5], right[5];
	size_t half = 1;

	for (; to - from > 1 && half * 2 < to - from; half *= 2)
		;
	if (to - from > 1) {
		want_tree(left, from, from + half, n);
		want_tree(right, from + half, to, n);
		for (size_t k = 0; k < 5; k++)
			out[k] = left[k] + right[k];
		return;
	}
	for (size_t i = from * ST_PAIR_LEAF; i < n && i < to * ST_PAIR_LEAF; i++) {
		double a = val_a[i], b = val_b[i], d = b - a, t[5];

		if (!counts(i))
			continue;
		t[0] = fabs(d);
		t[1] = d * d;
		t[2] = a * b;
		t[3] = a * a;
		t[4] = b * b;
		for (size_t k = 0; k < 5; k++)
			lane[k][i % 8] += t[k];
	}
	for (size_t k = 0; k < 5; k++)
		out[k] = lanes(lane[k]);
}

static unsigned raw_element(enum st_dtype t, const uint8_t *p, size_t i, uint64_t *out)
{
	unsigned bits = st_dtype_info(t)->bits;
	uint8_t wide[8] = { 0 };

	if (bits == 4) {
		*out = p[i / 2] >> 4 * (i % 2) & 15;
	} else {
		memcpy(wide, p + i * bits / 8, bits / 8);
		*out = st_get64(wide);
	}
	return bits;
}

/* Of two arrays of the same type. */
static void want_sums(struct st_pair_sums *out, enum st_dtype t, const uint8_t *a, const uint8_t *b,
		      size_t n)
{
	double sums[5] = { 0 };

	memset(out, 0, sizeof(*out));
	st_pair_load(val_a, t, a, n);
	st_pair_load(val_b, t, b, n);
	if (n)
		want_tree(sums, 0, (n + ST_PAIR_LEAF - 1) / ST_PAIR_LEAF, n);
	out->l1 = sums[0];
	out->l2sq = sums[1];
	out->dot = sums[2];
	out->a2 = sums[3];
	out->b2 = sums[4];
	for (size_t i = 0; i < n; i++) {
		double d = fabs(val_b[i] - val_a[i]);
		uint64_t x, y;
		int k;

		raw_element(t, a, i, &x);
		raw_element(t, b, i, &y);
		out->changed += x != y;
		out->nonfinite += !counts(i);
		if (!counts(i))
			continue;
		out->numel++;
		out->max_abs = fmax(out->max_abs, d);
		if (d == 0)
			continue;
		k = isinf(d) ? 63 : ilogb(d) + 56;
		out->hist[k < 0 ? 0 : k > 63 ? 63 : k]++;
	}
}

/* --- the same from the code ------------------------------------------------------------------ */

static void sum_all(struct st_pair_sums *out, enum st_pair_level l, enum st_dtype ta,
		    const uint8_t *a, enum st_dtype tb, const uint8_t *b, size_t n, unsigned flags)
{
	struct st_pair_tree *tree = malloc(sizeof(*tree));
	struct st_pair_sums chunk;

	assert_non_null(tree);
	memset(tree, 0xa5, sizeof(*tree));
	st_pair_tree_init(tree);
	for (size_t i = 0, m; i < n; i += m) {
		m = n - i < ST_PAIR_CHUNK ? n - i : ST_PAIR_CHUNK;
		memset(&chunk, 0xa5, sizeof(chunk));
		st_pair_chunk_at(l, &chunk, ta, a + bytes_of(ta, i), tb, b + bytes_of(tb, i), m,
				 flags);
		st_pair_tree_add(tree, &chunk);
	}
	st_pair_tree_sum(tree, out);
	free(tree);
}

static bool same_bits(double x, double y)
{
	return memcmp(&x, &y, sizeof(x)) == 0 || (isnan(x) && isnan(y));
}

#define SAME_REAL(field)                                                                    \
	do {                                                                                \
		if (!same_bits(got->field, want->field))                                    \
			fail_msg("%s, %zu elements: " #field " %.17g, want %.17g", what, n, \
				 got->field, want->field);                                  \
	} while (0)
#define SAME_COUNT(field)                                                                          \
	do {                                                                                       \
		if (got->field != want->field)                                                     \
			fail_msg("%s, %zu elements: " #field " %llu, want %llu", what, n,          \
				 (unsigned long long)got->field, (unsigned long long)want->field); \
	} while (0)

static void same_sums(const char *what, size_t n, const struct st_pair_sums *got,
		      const struct st_pair_sums *want)
{
	SAME_COUNT(numel);
	SAME_COUNT(changed);
	SAME_COUNT(nonfinite);
	SAME_COUNT(uncast);
	SAME_REAL(l1);
	SAME_REAL(l2sq);
	SAME_REAL(max_abs);
	SAME_REAL(dot);
	SAME_REAL(a2);
	SAME_REAL(b2);
	for (size_t k = 0; k < ST_PAIR_BUCKETS; k++)
		SAME_COUNT(hist[k]);
}

/* --- inputs ---------------------------------------------------------------------------------- */

enum mix {
	ANY_BITS,
	NEAR,
	SPARSE,
	EQUAL,
	NMIXES
};

static const char *const mixes[NMIXES] = { "any bits", "near", "sparse", "equal" };

static void fill(uint8_t *a, uint8_t *b, enum st_dtype t, size_t n, enum mix mix)
{
	size_t width = st_dtype_width(t), size = bytes_of(t, n);

	for (size_t i = 0; i < size; i++) {
		a[i] = (uint8_t)rnd();
		/* exponents of ordinary numbers, so that nothing is Inf or NaN */
		if (mix != ANY_BITS && i % width == width - 1)
			a[i] &= 0xbb;
	}
	memcpy(b, a, size);
	for (size_t i = 0; i < size; i++) {
		if (mix == ANY_BITS && rnd() % 8)
			b[i] = (uint8_t)rnd();
		else if (mix == NEAR && i % width == 0)
			b[i] ^= rnd() & 3;
		else if (mix == SPARSE && i % width == 0 && rnd() % 9001 == 0)
			b[i] ^= 1;
	}
}

static const size_t sizes[] = {
	0,
	1,
	2,
	3,
	7,
	8,
	9,
	15,
	31,
	33,
	64,
	ST_PAIR_BLOCK - 1,
	ST_PAIR_BLOCK,
	ST_PAIR_BLOCK + 9,
	ST_PAIR_LEAF - 1,
	ST_PAIR_LEAF,
	ST_PAIR_LEAF + 1,
	3 * ST_PAIR_LEAF,
	11 * ST_PAIR_LEAF + 13,
	ST_PAIR_CHUNK - 5,
	ST_PAIR_CHUNK,
	MOST,
};

#define NSIZES (sizeof(sizes) / sizeof(*sizes))

/* --- tests ----------------------------------------------------------------------------------- */

static void check_order(enum st_dtype t, size_t n, enum mix mix)
{
	uint8_t *a = raw_a + 1, *b = raw_b + 3;
	struct st_pair_sums want, got;
	char what[80];

	fill(a, b, t, n, mix);
	want_sums(&want, t, a, b, n);
	for (int l = 0; l < ST_PAIR_NLEVELS; l++) {
		enum st_pair_level level = (enum st_pair_level)l;

		if (!st_pair_level_supported(level))
			continue;
		snprintf(what, sizeof(what), "%s %s level %d", st_dtype_info(t)->name, mixes[mix],
			 l);
		sum_all(&got, level, t, a, t, b, n, HIST);
		same_sums(what, n, &got, &want);
		/* and without the histogram, which is another way through the code */
		sum_all(&got, level, t, a, t, b, n, 0);
		for (size_t k = 0; k < ST_PAIR_BUCKETS; k++)
			assert_int_equal(got.hist[k], 0);
		memcpy(got.hist, want.hist, sizeof(got.hist));
		same_sums(what, n, &got, &want);
	}
}

static void test_every_level_keeps_the_order(void **state)
{
	(void)state;
	seed = 1;
	for (unsigned i = 0; i < ST_NDTYPES; i++) {
		enum st_dtype t = number_at(i);

		for (size_t k = 0; t != ST_OPAQUE && k < NSIZES; k++)
			for (unsigned mix = 0; mix < NMIXES; mix++)
				if (sizes[k] < ST_PAIR_CHUNK - 5 || (i + k) % NMIXES == mix)
					check_order(t, sizes[k], (enum mix)mix);
	}
}

static long double relative(double got, long double want)
{
	return want == 0 ? (long double)(got != 0) : fabsl((long double)got - want) / fabsl(want);
}

static void test_close_to_naive_long_double(void **state)
{
	static const enum st_dtype types[] = {
		ST_BF16, ST_F16, ST_F32, ST_F64, ST_I64, ST_F8_E4M3
	};
	size_t n = MOST;

	(void)state;
	seed = 2;
	for (size_t k = 0; k < sizeof(types) / sizeof(*types); k++) {
		long double l1 = 0, l2sq = 0, dot = 0, a2 = 0, b2 = 0;
		struct st_pair_sums got;

		fill(raw_a, raw_b, types[k], n, NEAR);
		st_pair_load(val_a, types[k], raw_a, n);
		st_pair_load(val_b, types[k], raw_b, n);
		for (size_t i = 0; i < n; i++) {
			long double a = val_a[i], b = val_b[i];

			if (!counts(i))
				continue;
			l1 += fabsl(b - a);
			l2sq += (b - a) * (b - a);
			dot += a * b;
			a2 += a * a;
			b2 += b * b;
		}
		sum_all(&got, ST_PAIR_PORTABLE, types[k], raw_a, types[k], raw_b, n, 0);
		assert_true(relative(got.l1, l1) < 1e-12L);
		assert_true(relative(got.l2sq, l2sq) < 1e-12L);
		assert_true(relative(got.dot, dot) < 1e-12L);
		assert_true(relative(got.a2, a2) < 1e-12L);
		assert_true(relative(got.b2, b2) < 1e-12L);
	}
}

/* Every pair of types, in both orders, at every level. */
static void test_symmetric(void **state)
{
	size_t n = 2 * ST_PAIR_LEAF + 333;

	(void)state;
	seed = 3;
	for (unsigned i = 0; i < ST_NDTYPES * ST_NDTYPES; i++) {
		enum st_dtype ta = number_at(i / ST_NDTYPES), tb = number_at(i % ST_NDTYPES);
		struct st_pair_sums there, back, again;
		char what[80];

		if (ta == ST_OPAQUE || tb == ST_OPAQUE)
			continue;
		fill(raw_a, raw_b, ta, n, ANY_BITS);
		if (ta != tb)
			fill(raw_b, (uint8_t *)val_a, tb, n, ANY_BITS);
		sum_all(&there, ST_PAIR_PORTABLE, ta, raw_a, tb, raw_b, n, HIST);
		for (int l = 0; l < ST_PAIR_NLEVELS; l++) {
			enum st_pair_level level = (enum st_pair_level)l;
			double swap;

			if (!st_pair_level_supported(level))
				continue;
			snprintf(what, sizeof(what), "%s : %s level %d", st_dtype_info(ta)->name,
				 st_dtype_info(tb)->name, l);
			sum_all(&again, level, ta, raw_a, tb, raw_b, n, HIST);
			same_sums(what, n, &again, &there);
			sum_all(&back, level, tb, raw_b, ta, raw_a, n, HIST);
			swap = back.a2;
			back.a2 = back.b2;
			back.b2 = swap;
			same_sums(what, n, &back, &there);
		}
	}
}

static void test_nothing_differs_from_itself(void **state)
{
	size_t n = 3 * ST_PAIR_LEAF + 17;

	(void)state;
	seed = 4;
	for (unsigned i = 0; i < ST_NDTYPES; i++) {
		enum st_dtype t = number_at(i);
		struct st_pair_sums s;

		if (t == ST_OPAQUE)
			continue;
		fill(raw_a, raw_b, t, n, ANY_BITS);
		st_pair_chunk(&s, t, raw_a, t, raw_a, n, HIST);
		assert_true(s.l1 == 0 && s.l2sq == 0 && s.max_abs == 0);
		assert_true(same_bits(s.a2, s.b2) && same_bits(s.a2, s.dot));
		assert_int_equal(s.changed, 0);
		assert_int_equal(s.uncast, 0);
		assert_int_equal(s.numel + s.nonfinite, n);
		for (size_t k = 0; k < ST_PAIR_BUCKETS; k++)
			assert_int_equal(s.hist[k], 0);
	}
}

static void test_complex_is_two(void **state)
{
	static const enum st_dtype types[][2] = { { ST_C32, ST_F16 },
						  { ST_C64, ST_F32 },
						  { ST_C128, ST_F64 } };
	struct st_pair_sums got, want;
	size_t n = 2 * ST_PAIR_LEAF + 2;

	(void)state;
	seed = 5;
	for (size_t i = 0; i < 3; i++) {
		fill(raw_a, raw_b, types[i][0], n, ANY_BITS);
		st_pair_chunk(&got, types[i][0], raw_a, types[i][0], raw_b, n, HIST);
		st_pair_chunk(&want, types[i][1], raw_a, types[i][1], raw_b, n, HIST);
		same_sums(st_dtype_info(types[i][0])->name, n, &got, &want);
		st_pair_chunk(&got, types[i][0], raw_a, types[i][1], raw_b, n, HIST);
		same_sums("against its halves", n, &got, &want);
	}
}

static void test_what_is_no_number(void **state)
{
	static const enum st_dtype types[] = { ST_OPAQUE, ST_F6_E2M3, ST_F6_E3M2 };
	struct st_pair_sums s, want = { .changed = 3 };

	(void)state;
	seed = 6;
	for (size_t i = 0; i < 3; i++) {
		fill(raw_a, raw_b, ST_U8, 1000, EQUAL);
		raw_b[0] ^= 1;
		raw_b[500] ^= 0x80;
		raw_b[999] ^= 0xff;
		st_pair_chunk(&s, types[i], raw_a, types[i], raw_b, 1000, HIST);
		same_sums(st_dtype_info(types[i])->name, 1000, &s, &want);
	}
}

static void test_bits_count_as_changed(void **state)
{
	/* -0 and 0; two NaN; Inf on one side; a number that moved */
	static const uint32_t a[] = { 0x80000000, 0x7fc00000, 0x7f800000, 0x3f800000, 0x40000000 };
	static const uint32_t b[] = { 0x00000000, 0x7fc00001, 0x3f800000, 0x40400000, 0x40000000 };
	struct st_pair_sums s;

	(void)state;
	for (size_t i = 0; i < 5; i++) {
		st_put32(raw_a + 4 * i, a[i]);
		st_put32(raw_b + 4 * i, b[i]);
	}
	for (int l = 0; l < ST_PAIR_NLEVELS; l++) {
		if (!st_pair_level_supported((enum st_pair_level)l))
			continue;
		st_pair_chunk_at((enum st_pair_level)l, &s, ST_F32, raw_a, ST_F32, raw_b, 5, HIST);
		assert_int_equal(s.changed, 4);
		assert_int_equal(s.nonfinite, 2);
		assert_int_equal(s.numel, 3);
		assert_true(s.l1 == 2 && s.l2sq == 4 && s.max_abs == 2);
		assert_true(s.dot == 7 && s.a2 == 5 && s.b2 == 13);
		assert_int_equal(s.hist[57], 1);
	}
}

/* Squares of finite numbers may be Inf: they are finite numbers all the same. */
static void test_large_numbers(void **state)
{
	static const double a[] = { 1e300, 1, -1.5e308, 4 }, b[] = { 1e300, 2, 1.5e308, NAN };
	struct st_pair_sums s;

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		uint64_t bits;

		memcpy(&bits, &a[i], 8);
		st_put64(raw_a + 8 * i, bits);
		memcpy(&bits, &b[i], 8);
		st_put64(raw_b + 8 * i, bits);
	}
	for (int l = 0; l < ST_PAIR_NLEVELS; l++) {
		if (!st_pair_level_supported((enum st_pair_level)l))
			continue;
		st_pair_chunk_at((enum st_pair_level)l, &s, ST_F64, raw_a, ST_F64, raw_b, 2, 0);
		assert_true(s.numel == 2 && s.nonfinite == 0 && s.l1 == 1 && s.l2sq == 1);
		assert_true(isinf(s.a2) && isinf(s.b2) && isinf(s.dot));
		st_pair_chunk_at((enum st_pair_level)l, &s, ST_F64, raw_a, ST_F64, raw_b, 4, HIST);
		assert_true(s.numel == 3 && s.nonfinite == 1 && isinf(s.l1) && isinf(s.max_abs));
		assert_int_equal(s.hist[63], 1);
		assert_int_equal(s.hist[56], 1);
		/* the same on both sides */
		st_pair_chunk_at((enum st_pair_level)l, &s, ST_F64, raw_b, ST_F64, raw_b, 4, 0);
		assert_true(s.numel == 3 && s.nonfinite == 1 && s.l1 == 0 && s.changed == 0);
	}
}

static void test_totals(void **state)
{
	struct st_pair_tree *tree = malloc(sizeof(*tree));
	struct st_pair_sums x = { .numel = 1, .l1 = 2, .l2sq = 3, .max_abs = 9, .dot = 5, .a2 = 6 };
	struct st_pair_sums y = { .numel = 10, .l1 = 20, .max_abs = 8, .b2 = 7, .changed = 1 };
	struct st_pair_sums want = { .numel = 11,
				     .l1 = 22,
				     .l2sq = 3,
				     .max_abs = 9,
				     .dot = 5,
				     .a2 = 6,
				     .b2 = 7,
				     .changed = 1,
				     .nonfinite = 2,
				     .uncast = 3 };
	struct st_pair_sums none = { 0 }, got;

	(void)state;
	assert_non_null(tree);
	y.nonfinite = 2;
	y.uncast = 3;
	x.hist[3] = 4;
	y.hist[3] = 5;
	want.hist[3] = 9;
	st_pair_tree_init(tree);
	st_pair_tree_sum(tree, &got);
	same_sums("no chunks", 0, &got, &none);
	st_pair_tree_add(tree, &x);
	st_pair_tree_sum(tree, &got);
	same_sums("one", 1, &got, &x);
	st_pair_tree_add(tree, &y);
	st_pair_tree_sum(tree, &got);
	same_sums("two", 2, &got, &want);
	got = x;
	st_pair_total(&got, &y);
	same_sums("total", 2, &got, &want);
	free(tree);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_level_keeps_the_order),
		cmocka_unit_test(test_close_to_naive_long_double),
		cmocka_unit_test(test_symmetric),
		cmocka_unit_test(test_nothing_differs_from_itself),
		cmocka_unit_test(test_complex_is_two),
		cmocka_unit_test(test_what_is_no_number),
		cmocka_unit_test(test_bits_count_as_changed),
		cmocka_unit_test(test_large_numbers),
		cmocka_unit_test(test_totals),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, setup, teardown);
}
