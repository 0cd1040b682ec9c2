/* SPDX-License-Identifier: Apache-2.0 */
/* show of single tensors. */
#ifndef ST_CLI_SHOW_FIGURES_H
#define ST_CLI_SHOW_FIGURES_H

#include "cli/text.h"

/* The numbers of each tensor that spec means, as text or one JSON object each. */
int show_tensors(struct cli *c, const char *spec, bool json, strata_error *err);

#endif
