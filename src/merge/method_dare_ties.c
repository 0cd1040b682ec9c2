/* SPDX-License-Identifier: Apache-2.0 */

/*
 * dare-ties: drop and rescale as in dare-linear (arXiv 2311.03099) in the place of trimming, then
 * sign election and disjoint mean as in ties (arXiv 2306.01708). normalize=0 is the sum in the
 * place of the mean.
 */

#include "merge/taskvec.h"

#include <math.h>

static const struct st_method_param params[] = {
	ST_TASKVEC_DENSITY(0.5),
	ST_TASKVEC_NORMALIZE(1),
	ST_TASKVEC_SCALE,
	ST_TASKVEC_WEIGHT,
};

static int plan(struct st_job *j, struct st_err *e)
{
	int rc = st_taskvec_plan(j, true, e);

	return rc == ST_OK ? st_taskvec_random(j, e) : rc;
}

const struct st_method st_method_dare_ties = {
	.info = { .name = "dare-ties",
		  .about = "random elements of the differences, rescaled, where signs agree",
		  .needs_base = true,
		  .random = true,
		  .min_models = 1,
		  .max_models = ST_SPEC_VALUES },
	ST_METHOD_PARAMS(params),
	.plan = plan,
	.block = ST_TASKVEC_LEVELS,
};
