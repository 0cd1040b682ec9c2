/* SPDX-License-Identifier: Apache-2.0 */
/* show of how a merge was made. */
#ifndef ST_CLI_SHOW_MERGE_H
#define ST_CLI_SHOW_MERGE_H

#include "cli/text.h"

/* The version's description, as text or JSON; nothing where it has none. rev NULL: HEAD. */
int show_merge(struct cli *c, const char *rev, bool json, strata_error *err);

#endif
