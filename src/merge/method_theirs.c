/* SPDX-License-Identifier: Apache-2.0 */
/* theirs: another model's tensor; byte for byte, or cast to the type that ours has. */
#include "merge/method.h"

static const struct st_method_param params[] = {
	{ "model", 1, 1, ST_SPEC_VALUES - 1, ST_WHOLE,
	  "which, where there are several: 1 the first" },
};

static int choose(const struct st_job *j)
{
	const size_t model = (size_t)st_job_param(j, "model", 0);

	return (int)(model < j->nmodels ? model : j->nmodels - 1);
}

const struct st_method st_method_theirs = {
	.info = { .name = "theirs",
		  .about = "another model's tensor",
		  .min_models = 2,
		  .max_models = ST_SPEC_VALUES },
	ST_METHOD_PARAMS(params),
	.choose = choose,
};
