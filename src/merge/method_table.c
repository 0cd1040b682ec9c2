/* SPDX-License-Identifier: Apache-2.0 */
#include "merge/method.h"

extern const struct st_method st_method_ours, st_method_theirs, st_method_base, st_method_linear,
	st_method_fedavg, st_method_slerp, st_method_task_arithmetic, st_method_ties,
	st_method_dare_linear, st_method_dare_ties, st_method_della, st_method_breadcrumbs,
	st_method_model_stock, st_method_fisher, st_method_lora;

const struct st_method *const st_methods[] = {
	&st_method_ours,
	&st_method_theirs,
	&st_method_base,
	&st_method_linear,
	&st_method_fedavg,
	&st_method_slerp,
	&st_method_task_arithmetic,
	&st_method_ties,
	&st_method_dare_linear,
	&st_method_dare_ties,
	&st_method_della,
	&st_method_breadcrumbs,
	&st_method_model_stock,
	&st_method_fisher,
	&st_method_lora,
};
const size_t st_nmethods = sizeof(st_methods) / sizeof(*st_methods);
