/* SPDX-License-Identifier: Apache-2.0 */

/*
 * breadcrumbs: of each difference x_i - base the largest floor(gamma n) elements and the smallest
 * go, so that floor(density n) stay; then base + scale * sum(w_i d_i) (Davari, Belilovsky, "Model
 * Breadcrumbs: Scaling Multi-Task Model Merging with Sparse Masks", 2024, arXiv 2312.06795, whose
 * beta and gamma are quantiles of a layer's magnitudes). Equal magnitudes rank in the order of
 * elements. elect=1 elects signs as ties does.
 */

#include "merge/taskvec.h"

#include <math.h>

static const struct st_method_param params[] = {
	ST_TASKVEC_DENSITY(0.9),
	{ "elect", 0, 0, 1, ST_WHOLE, "1: with election of signs" },
	{ "gamma", 0.01, 0, 1, ST_PER_MODEL, "share of elements, the largest, that go" },
	ST_TASKVEC_NORMALIZE(0),
	ST_TASKVEC_SCALE,
	ST_TASKVEC_WEIGHT,
};

static int plan(struct st_job *j, struct st_err *e)
{
	int rc = st_taskvec_plan(j, st_job_param(j, "elect", 0) != 0, e);

	return rc == ST_OK ? st_taskvec_magnitude(j, true, e) : rc;
}

const struct st_method st_method_breadcrumbs = {
	.info = { .name = "breadcrumbs",
		  .about = "the differences without their largest and smallest elements",
		  .needs_base = true,
		  .min_models = 1,
		  .max_models = ST_SPEC_VALUES },
	ST_METHOD_PARAMS(params),
	.flags = ST_METHOD_TWICE,
	.plan = plan,
	.block = ST_TASKVEC_LEVELS,
};
