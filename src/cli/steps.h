/* SPDX-License-Identifier: Apache-2.0 */
/* What versions did to tensors, in text and JSON, as log and blame print it. */
#ifndef ST_CLI_STEPS_H
#define ST_CLI_STEPS_H

#include "cli/text.h"

/* The members of an object: path and name. */
void step_json_name(strata_json *j, const strata_tensor_step *s);
/* The same: figures, null where there are none. */
void step_json_figures(strata_json *j, const strata_tensor_step *s);
/* A list of objects. */
void steps_json(strata_json *j, const strata_tensor_step *s, size_t n);
/* Under their paths, a line each; with values their figures. */
int steps_print(struct cli *c, const strata_tensor_step *s, size_t n, bool values,
		strata_error *err);

#endif
