/* SPDX-License-Identifier: Apache-2.0 */
/* What checkout, switch and merge say when they are done. */
#ifndef ST_CLI_WENT_H
#define ST_CLI_WENT_H

#include "cli/text.h"

/* "1 file written, 128 B; 3 kept" and a newline */
void went_counts(const strata_checkout_result *r);
/* Where HEAD is, then the counts. */
int went_head(struct cli *c, const strata_checkout_result *r, strata_error *err);

#endif
