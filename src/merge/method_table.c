/* SPDX-License-Identifier: Apache-2.0 */
#include "merge/method.h"

extern const struct st_method st_method_ours, st_method_theirs, st_method_base, st_method_linear,
	st_method_fedavg;

const struct st_method *const st_methods[] = {
	&st_method_ours, &st_method_theirs, &st_method_base, &st_method_linear, &st_method_fedavg,
};
const size_t st_nmethods = sizeof(st_methods) / sizeof(*st_methods);
