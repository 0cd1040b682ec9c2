/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sums over whole tensors whose digits depend on nothing but the elements: inside a block element i
 * goes to accumulator i % 8, in double; the accumulators are added pairwise; blocks are joined as a
 * binary tree over their numbers.
 */
#ifndef ST_MERGE_REDUCE_H
#define ST_MERGE_REDUCE_H

#include "merge/method.h"

/* sum(a b) of a block. */
double st_reduce_dot(enum st_blend_level l, const double *a, const double *b);

/* Of two vectors by their products; 0 where one of them is zero. Of equal ones just 1. */
double st_reduce_cosine(double ab, double aa, double bb);

/*
 * n sums, each of what `block` leaves at its place of `sums` for each block. memory: room for 50 n
 * numbers.
 */
struct st_reduce {
	void (*block)(const struct st_job *j, const struct st_block *k, double *sums);
	size_t n;
	double *sum; /* results, in the job's arena */
};
ST_MUST int st_reduce_run(struct st_job *j, struct st_reduce *r, struct st_err *e);

#endif
