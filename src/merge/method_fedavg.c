/* SPDX-License-Identifier: Apache-2.0 */

/*
 * fedavg: sum(n_i x_i) / sum(n_i), where model i saw n_i samples (McMahan, Moore, Ramage, Hampson,
 * Aguera y Arcas, "Communication-Efficient Learning of Deep Networks from Decentralized Data",
 * 2017, arXiv 1602.05629, algorithm 1).
 */

#include "merge/mean.h"

#include <math.h>

static const struct st_method_param params[] = {
	{ "weight", 1, 0, INFINITY, ST_PER_MODEL, "samples that each model saw" },
};

static int plan(struct st_job *j, struct st_err *e)
{
	return st_mean_plan(j, true, e);
}

const struct st_method st_method_fedavg = {
	.info = { .name = "fedavg",
		  .about = "mean by numbers of samples",
		  .min_models = 1,
		  .max_models = ST_SPEC_VALUES },
	ST_METHOD_PARAMS(params),
	.flags = ST_METHOD_INTEGERS | ST_METHOD_COMPLEX | ST_METHOD_MEAN,
	.plan = plan,
	.block = ST_MEAN_LEVELS,
	.codes = st_mean_codes,
};
