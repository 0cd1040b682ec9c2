/* SPDX-License-Identifier: Apache-2.0 */

/*
 * della: drop by magnitude, elect, fuse (Deep, Bhardwaj, Poria, "DELLA-Merging: Reducing
 * Interference in Model Merging through Magnitude-Based Sampling", 2024, arXiv 2406.11617). In each
 * row of x_i - base the element of rank r of n, 0 the smallest, stays with probability p = density
 * - epsilon + 2 epsilon r / (n - 1) and is then divided by p; then sign election and disjoint mean
 * as in ties. elect=0 is the plain sum. A row is all elements of one index of the first dimension;
 * a vector is one row; of a row longer than 65536 elements so many are ranked at a time.
 */

#include "merge/taskvec.h"

#include <math.h>

static const struct st_method_param params[] = {
	ST_TASKVEC_DENSITY(0.5),
	{ "elect", 1, 0, 1, ST_WHOLE, "0: without election of signs" },
	{ "epsilon", 0.1, 0, 0.5, ST_PER_MODEL,
	  "how far the share goes with the rank, to either side" },
	ST_TASKVEC_NORMALIZE(1),
	ST_TASKVEC_SCALE,
	ST_TASKVEC_WEIGHT,
};

static int plan(struct st_job *j, struct st_err *e)
{
	int rc = st_taskvec_plan(j, st_job_param(j, "elect", 0) != 0, e);

	return rc == ST_OK ? st_taskvec_ranked(j, e) : rc;
}

const struct st_method st_method_della = {
	.info = { .name = "della",
		  .about =
			  "random elements of the differences, large ones rather, where signs agree",
		  .needs_base = true,
		  .random = true,
		  .min_models = 1,
		  .max_models = ST_SPEC_VALUES },
	ST_METHOD_PARAMS(params),
	.flags = ST_METHOD_RANKS,
	.plan = plan,
	.block = ST_TASKVEC_LEVELS,
};
