/* SPDX-License-Identifier: Apache-2.0 */

/*
 * dare-linear: of each difference x_i - base every element is dropped with probability 1 - density
 * and otherwise divided by density ("drop and rescale"), then base + scale * sum(w_i d_i) (Yu, Yu,
 * Yu, Huang, Li, "Language Models are Super Mario: Absorbing Abilities from Homologous Models as a
 * Free Lunch", 2024, arXiv 2311.03099). normalize=1 divides by sum(w_i).
 */

#include "merge/taskvec.h"

#include <math.h>

static const struct st_method_param params[] = {
	ST_TASKVEC_DENSITY(0.5),
	ST_TASKVEC_NORMALIZE(0),
	ST_TASKVEC_SCALE,
	ST_TASKVEC_WEIGHT,
};

static int plan(struct st_job *j, struct st_err *e)
{
	int rc = st_taskvec_plan(j, false, e);

	return rc == ST_OK ? st_taskvec_random(j, e) : rc;
}

const struct st_method st_method_dare_linear = {
	.info = { .name = "dare-linear",
		  .about = "random elements of the differences, rescaled, and their sum",
		  .needs_base = true,
		  .random = true,
		  .min_models = 1,
		  .max_models = ST_SPEC_VALUES },
	ST_METHOD_PARAMS(params),
	.plan = plan,
	.block = ST_TASKVEC_LEVELS,
};
