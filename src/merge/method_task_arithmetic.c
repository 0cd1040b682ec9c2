/* SPDX-License-Identifier: Apache-2.0 */

/*
 * task-arithmetic: base + scale * sum(w_i (x_i - base)); normalize=1 divides by sum(w_i) (Ilharco,
 * Ribeiro, Wortsman, Gururangan, Schmidt, Hajishirzi, Farhadi, "Editing Models with Task
 * Arithmetic", 2023, arXiv 2212.04089).
 */

#include "merge/taskvec.h"

#include <math.h>

static const struct st_method_param params[] = {
	ST_TASKVEC_NORMALIZE(0),
	ST_TASKVEC_SCALE,
	ST_TASKVEC_WEIGHT,
};

static int plan(struct st_job *j, struct st_err *e)
{
	return st_taskvec_plan(j, false, e);
}

const struct st_method st_method_task_arithmetic = {
	.info = { .name = "task-arithmetic",
		  .about = "the base and the sum of all differences from it",
		  .needs_base = true,
		  .min_models = 1,
		  .max_models = ST_SPEC_VALUES },
	ST_METHOD_PARAMS(params),
	.flags = ST_METHOD_INTEGERS | ST_METHOD_COMPLEX,
	.plan = plan,
	.block = ST_TASKVEC_LEVELS,
};
