/* SPDX-License-Identifier: Apache-2.0 */

/*
 * diff_speed [MIB]: what it takes to sum up the differences of two runs of MIB each (64 if not
 * said), on one thread: nanoseconds of the
 * processor for a pair of elements and GB/s of both sides, for each type
 * and SIMD level, the least of three. "equal": the same bytes on both sides.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "diff/pair_kernel.h"

struct run {
	const char *name;
	enum st_dtype a, b;
	unsigned flags;
	bool equal;
};

static const struct run runs[] = {
	{ "bf16", ST_BF16, ST_BF16, 0, false },
	{ "bf16 equal", ST_BF16, ST_BF16, 0, true },
	{ "bf16 histogram", ST_BF16, ST_BF16, ST_PAIR_HISTOGRAM, false },
	{ "f16", ST_F16, ST_F16, 0, false },
	{ "f16 equal", ST_F16, ST_F16, 0, true },
	{ "f32", ST_F32, ST_F32, 0, false },
	{ "f32 equal", ST_F32, ST_F32, 0, true },
	{ "f64", ST_F64, ST_F64, 0, false },
	{ "f64 equal", ST_F64, ST_F64, 0, true },
	{ "f32 : bf16", ST_F32, ST_BF16, 0, false },
	{ "f32 : f16", ST_F32, ST_F16, 0, false },
	{ "bf16 : f8_e4m3fn", ST_BF16, ST_F8_E4M3, 0, false },
	{ "f8_e4m3fn", ST_F8_E4M3, ST_F8_E4M3, 0, false },
	{ "f4_e2m1", ST_F4, ST_F4, 0, false },
	{ "i8", ST_I8, ST_I8, 0, false },
	{ "i32", ST_I32, ST_I32, 0, false },
	{ "i64", ST_I64, ST_I64, 0, false },
};

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Random bits but for exponents, so that all are finite and none is subnormal for long. */
static void fill(uint8_t *p, size_t n, enum st_dtype t, uint32_t x)
{
	size_t width = st_dtype_info(t)->bits / 8;

	for (size_t i = 0; i < n; i++) {
		x = x * 1664525 + 1013904223;
		p[i] = (uint8_t)(x >> 24);
		if (width > 1 && i % width == width - 1)
			p[i] = (p[i] & 0x83) | 0x38;
		else if (t == ST_F8_E4M3)
			p[i] &= 0xbf;
	}
}

static double once(enum st_pair_level l, const struct run *r, const uint8_t *a, const uint8_t *b,
		   size_t n, struct st_pair_tree *tree)
{
	size_t bits_a = st_dtype_info(r->a)->bits, bits_b = st_dtype_info(r->b)->bits;
	struct st_pair_sums sums;
	double t = now();

	st_pair_tree_init(tree);
	for (size_t i = 0, m; i < n; i += m) {
		m = n - i < ST_PAIR_CHUNK ? n - i : ST_PAIR_CHUNK;
		st_pair_chunk_at(l, &sums, r->a, a + i * bits_a / 8, r->b, b + i * bits_b / 8, m,
				 r->flags);
		st_pair_tree_add(tree, &sums);
	}
	return now() - t;
}

static void measure(const struct run *r, uint8_t *a, uint8_t *b, size_t size)
{
	static const char *const names[] = { "portable", "avx2" };
	size_t bits_a = st_dtype_info(r->a)->bits, bits_b = st_dtype_info(r->b)->bits;
	size_t n = size * 8 / (bits_a > bits_b ? bits_a : bits_b);
	struct st_pair_tree *tree = malloc(sizeof(*tree));
	struct st_pair_sums sum;

	if (!tree)
		exit(1);
	fill(a, n * bits_a / 8, r->a, 1);
	fill(b, n * bits_b / 8, r->b, r->equal ? 1 : 2);
	for (int l = 0; l < ST_PAIR_NLEVELS; l++) {
		double best = 1e9, t;

		if (!st_pair_level_supported((enum st_pair_level)l))
			continue;
		for (int i = 0; i < 3; i++) {
			t = once((enum st_pair_level)l, r, a, b, n, tree);
			best = t < best ? t : best;
		}
		st_pair_tree_sum(tree, &sum);
		printf("%-18s %-9s %7.3f ns %7.2f GB/s  D %.17g, %zu not finite\n", r->name,
		       names[l], best / (double)n * 1e9,
		       (double)(n * (bits_a + bits_b) / 8) / best / 1e9, sum.l1 / (double)sum.numel,
		       (size_t)sum.nonfinite);
	}
	free(tree);
}

int main(int argc, char **argv)
{
	size_t mib = argc > 1 ? strtoul(argv[1], NULL, 10) : 64;
	uint8_t *a, *b;

	if (argc > 2 || mib == 0 || mib > 4096) {
		fprintf(stderr, "usage: diff_speed [MIB]\n");
		return 2;
	}
	a = malloc(mib << 20);
	b = malloc(mib << 20);
	if (!a || !b)
		return 1;
	for (size_t i = 0; i < sizeof(runs) / sizeof(*runs); i++)
		measure(&runs[i], a, b, mib << 20);
	free(a);
	free(b);
	return 0;
}
