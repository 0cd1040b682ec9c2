/* SPDX-License-Identifier: Apache-2.0 */
/* --continue and --abort of merge, cherry-pick and revert: of whichever is under way. */
#ifndef ST_CLI_MERGE_END_H
#define ST_CLI_MERGE_END_H

#include "cli/text.h"

/* message, accept (a command): NULL, what was said at the beginning counts. */
int merge_end(struct cli *c, const char *message, const char *accept, bool json, strata_error *err);
int merge_take_back(struct cli *c, bool json, strata_error *err);
/* STRATA_ENO: it has begun, with conflicts. */
int merge_begun(struct cli *c, uint64_t conflicts, strata_error *err);

#endif
