/* SPDX-License-Identifier: Apache-2.0 */
/* base: what the models come from; byte for byte, or cast to the type that ours has. */
#include "merge/method.h"

static int choose(const struct st_job *j)
{
	(void)j;
	return ST_CHOICE_BASE;
}

const struct st_method st_method_base = {
	.info = { .name = "base",
		  .about = "what the models come from",
		  .needs_base = true,
		  .min_models = 1,
		  .max_models = ST_SPEC_VALUES },
	.choose = choose,
};
