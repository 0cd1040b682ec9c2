/* SPDX-License-Identifier: Apache-2.0 */
/* What revert, cherry-pick and rollback share. */
#ifndef ST_CLI_RENEWED_H
#define ST_CLI_RENEWED_H

#include "cli/text.h"

int renew_and_show(struct cli *c, strata_renewal what, const char *rev,
		   const strata_renew_options *o, strata_error *err);

#endif
