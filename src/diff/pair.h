/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two runs of numbers, element by element: the sums that every figure of a difference comes from
 * (doc/guide/diff.md has the formulas).
 *
 * The digits never depend on threads, SIMD level or the size of pieces. Elements are summed in
 * leaves of ST_PAIR_LEAF, counted from the tensor's first element: inside a leaf element i goes to
 * accumulator i % 8, in double and without fused operations; the accumulators are added pairwise;
 * leaves are joined as a binary tree over their numbers, the left side the largest power of two
 * that is smaller than the whole.
 */
#ifndef ST_DIFF_PAIR_H
#define ST_DIFF_PAIR_H

#include "tensor/dtype.h"

#define ST_PAIR_LEAF ((size_t)4096) /* elements */
#define ST_PAIR_CHUNK \
	((size_t)1 << 15) /* elements that a call takes at most: both sides of
					 * 16 bits fit a core's cache */
#define ST_PAIR_BUCKETS 64

enum st_pair_flags {
	ST_PAIR_HISTOGRAM = 1, /* fill hist */
};

struct st_pair_sums {
	/* Over elements finite on both sides; a complex number is two elements. */
	uint64_t numel;
	double l1, l2sq, max_abs; /* of b - a; max_abs is a maximum, not a sum */
	double dot, a2, b2;	  /* a.b, a.a, b.b */
	/* Over all elements. */
	uint64_t changed;   /* bits differ; between two types: values differ (NaN equals NaN) */
	uint64_t nonfinite; /* not finite on at least one side */
	uint64_t uncast;    /* two types: the narrower is not the wider rounded to nearest, ties
			     * to even */
	/* ST_PAIR_HISTOGRAM: of |b - a| > 0 by its power of two: bucket k holds [2^(k-56),
	 * 2^(k-55)), the first and last also what lies beyond. */
	uint64_t hist[ST_PAIR_BUCKETS];
};

/* Can elements of this type be read as numbers? Not opaque and 6-bit ones. */
bool st_pair_numeric(enum st_dtype t);
/* Elements as sums count them: two for a complex number, two in a byte of f4. */
uint64_t st_pair_elements(enum st_dtype t, uint64_t numel);

/* Is t a narrower type than u, so that numbers of u are rounded to t and not the other way? Fewer
 * bits, or as many and fewer digits. Of two types that are numbers and not the same. */
bool st_pair_narrower(enum st_dtype t, enum st_dtype u);

/*
 * Sums of n elements (as st_pair_elements counts; at most ST_PAIR_CHUNK) that begin at a multiple
 * of ST_PAIR_LEAF of the tensor. a and b hold them row-major, little-endian, without alignment. For
 * types that are no numbers only changed is filled, in bytes; both types are then the same. Pure,
 * any thread.
 */
void st_pair_chunk(struct st_pair_sums *out, enum st_dtype ta, const void *a, enum st_dtype tb,
		   const void *b, size_t n, unsigned flags);

/*
 * Joins chunks in order into the whole. All chunks but the last have ST_PAIR_CHUNK elements. The
 * stack holds complete subtrees, so its size is fixed.
 */
struct st_pair_tree {
	struct st_pair_sums level[48];
	uint64_t chunks;
};
void st_pair_tree_init(struct st_pair_tree *t);
void st_pair_tree_add(struct st_pair_tree *t, const struct st_pair_sums *chunk);
void st_pair_tree_sum(const struct st_pair_tree *t, struct st_pair_sums *out);
/* Totals over tensors: in the order of calls, plain sums. */
void st_pair_total(struct st_pair_sums *sum, const struct st_pair_sums *more);

/* The number of a float type nearest to v, ties to even; what lies beyond its largest one becomes
 * as pair_cast.c says. */
double st_pair_rounded(enum st_dtype t, double v);

/* Values as doubles, exactly (integers beyond 2^53 rounded to nearest): what the sums are of. */
void st_pair_load(double *out, enum st_dtype t, const void *p, size_t n);

#endif
