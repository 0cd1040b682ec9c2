/* SPDX-License-Identifier: Apache-2.0 */
/* What checkout, switch and merge say when they are done. */
#ifndef ST_CLI_WENT_H
#define ST_CLI_WENT_H

#include "cli/text.h"

/* "1 file written, 128 B; 3 kept" and a newline */
void went_counts(const strata_checkout_result *r);
/* Where HEAD is, then the counts; on a detached one, how to keep what is done there. */
int went_head(struct cli *c, const strata_checkout_result *r, strata_error *err);
/* "files": {...} */
void went_json(strata_json *j, const strata_checkout_result *r);
/* One line: where HEAD is, and the counts. to: the directory that was written instead, or NULL. */
int went_emit(struct cli *c, const strata_checkout_result *r, const char *to, strata_error *err);
/* "  ('strata switch -c NAME' ...)" */
void went_hint(const struct cli *c);

#endif
