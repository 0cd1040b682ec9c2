/* SPDX-License-Identifier: Apache-2.0 */

/*
 * ties: trim, elect sign, disjoint merge (Yadav, Tam, Choshen, Raffel, Bansal, "TIES-Merging:
 * Resolving Interference When Merging Models", 2023, arXiv 2306.01708, algorithm 1). Of each
 * difference d_i = x_i - base the floor(density n) elements of largest magnitude stay, one at least
 * unless density is 0; those of equal magnitude at the cut in the order of elements, so that just
 * so many do. The sign of s = sum(w_i d_i) is elected; the result is base + scale * the w-weighted
 * mean of the d_i that have it, or base where s is zero.
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

	return rc == ST_OK ? st_taskvec_magnitude(j, false, e) : rc;
}

const struct st_method st_method_ties = {
	.info = { .name = "ties",
		  .about = "the largest differences where their signs agree",
		  .needs_base = true,
		  .min_models = 1,
		  .max_models = ST_SPEC_VALUES },
	ST_METHOD_PARAMS(params),
	.flags = ST_METHOD_TWICE,
	.plan = plan,
	.block = ST_TASKVEC_LEVELS,
	.codes = st_taskvec_codes,
};
