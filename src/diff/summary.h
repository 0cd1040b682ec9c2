/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One tensor's numbers in figures. doc/guide/summary.md has the definitions.
 *
 * Everything but the three counts of what is not finite is over the m finite numbers; a complex
 * number is two. Values are doubles: integers beyond 2^53 are rounded to the nearest. A zero that
 * is reported has no sign.
 *
 * Quantiles are exact: the order statistics are found by counting 16 bits of the numbers at a time,
 * in an order-preserving mapping of their codes, and neighbours are interpolated linearly, at h = q
 * (m - 1) (type 7 of Hyndman and Fan, "Sample Quantiles in Statistical Packages", The American
 * Statistician 50, 1996; NumPy's default).
 *
 * Mean and standard deviation (of the population: divided by m): of types of at most 16 bits from
 * the count of each code, with compensated sums (Neumaier, ZAMM 54, 1974). Of wider ones by leaves
 * as in diff/pair.h: in each the corrected two-pass algorithm, joined pairwise (Chan, Golub and
 * LeVeque, "Algorithms for Computing the Sample Variance", The American Statistician 37, 1983).
 * Leaves and their tree depend on the elements' numbers alone, so no digit depends on the number of
 * threads. What a double cannot hold comes as infinity or NaN; squares
 * of less than 1e-308 vanish.
 */
#ifndef ST_DIFF_SUMMARY_H
#define ST_DIFF_SUMMARY_H

#include "base/ctx.h"
#include "diff/pair.h"
#include "tensor/source.h"

#define ST_SUMMARY_QUANTILES 9
#define ST_SUMMARY_BINS 20

struct st_summary {
	uint64_t numel, finite; /* numbers; those that are finite: m */
	uint64_t nan, pos_inf, neg_inf;
	uint64_t zeros;
	bool has_distinct;	    /* types of at most 16 bits */
	uint64_t distinct;	    /* finite values */
	double mean, std, min, max; /* NaN when m is 0 */
	double quantile[ST_SUMMARY_QUANTILES];
	/*
	 * Bin k has the values from edge[k] on that are below edge[k + 1]; the last one's upper
	 * edge is in it. The edges go from the smallest to the largest value or, when that is more
	 * than twice as wide, from the first to the last quantile; below and above is what lies
	 * beyond. One bin when all are equal, none when m is 0. Bins of whole numbers are a whole
	 * number wide, and their edges lie halfway between neighbours.
	 */
	size_t nbins;
	bool whole; /* the first number of bin k is edge[k] + 1/2 */
	double edge[ST_SUMMARY_BINS + 1];
	uint64_t count[ST_SUMMARY_BINS], below, above;
};

/* Which ones, ascending: 0.001 to 0.999. Static. */
const double *st_summary_quantiles(void);

/*
 * Of `units` numbers, as st_pair_elements counts them, that are the whole of src, row-major and
 * little-endian. t: a type that st_pair_numeric says is numbers. Reads src once for types of at
 * most 16 bits, three times for 32 and five times for 64. Memory: 2 MiB a thread and its counters,
 * 0.5 to 10 MiB; a part of the threads is left out where ctx->memory is short of that.
 */
ST_MUST int st_summarise(struct st_summary *out, const struct st_source *src, enum st_dtype t,
			 uint64_t units, const struct st_ctx *ctx, struct st_err *e);

#endif
