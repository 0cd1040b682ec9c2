/* SPDX-License-Identifier: Apache-2.0 */

/*
 * linear: sum(w_i x_i) / sum(w_i), or without the division for normalize=0. Equal weights are the
 * mean: "model soups" (Wortsman et al., "Model soups: averaging weights of multiple fine-tuned
 * models improves accuracy without increasing inference time", 2022, arXiv 2203.05482).
 */

#include "merge/mean.h"

#include <math.h>

static const struct st_method_param params[] = {
	{ "normalize", 1, 0, 1, ST_WHOLE, "1: divide by the sum of the weights" },
	{ "weight", 1, -INFINITY, INFINITY, ST_PER_MODEL, "of each model" },
};

static int plan(struct st_job *j, struct st_err *e)
{
	return st_mean_plan(j, st_job_param(j, "normalize", 0) != 0, e);
}

const struct st_method st_method_linear = {
	.info = { .name = "linear",
		  .about = "weighted mean",
		  .min_models = 1,
		  .max_models = ST_SPEC_VALUES },
	ST_METHOD_PARAMS(params),
	.flags = ST_METHOD_INTEGERS | ST_METHOD_COMPLEX | ST_METHOD_MEAN,
	.plan = plan,
	.block = ST_MEAN_LEVELS,
	.codes = st_mean_codes,
};
