/* SPDX-License-Identifier: Apache-2.0 */
/* Which elements of a task vector (model - base) are the largest, whatever the tensor's size. */
#ifndef ST_MERGE_MAGNITUDE_H
#define ST_MERGE_MAGNITUDE_H

#include "merge/method.h"

/* Ranks of n <= ST_BLEND_SEGMENT numbers that are not negative: 0 the smallest, of equal ones the
 * first. order has room for 2 n. */
void st_magnitude_rank(uint16_t *rank, const double *v, size_t n, uint16_t *order);

/*
 * The k elements of a model that lie farthest from its base: all whose distance is larger than
 * `limit`, and of those that have it the first in order, which are those before block `edge` and
 * the first `rest` of that one.
 */
struct st_cut {
	uint64_t k; /* of the caller: how many */
	double limit;
	uint64_t edge; /* number of a block */
	uint64_t rest;
};

/*
 * Fills cuts[m] for each model. Reads all inputs some times; uses at most
 * ctx->memory / 4 beside what a pass does.
 */
ST_MUST int st_cut_find(struct st_job *j, struct st_cut *cuts, struct st_err *e);

/* What is larger than this is among them in the block at `at`; but in block `edge` equal ones are
 * counted. */
double st_cut_above(const struct st_cut *c, uint64_t at);

#endif
