/* SPDX-License-Identifier: Apache-2.0 */
/* The conflicts of a merge under way, as merge, resolve and status show them. */
#ifndef ST_CLI_CONFLICTS_H
#define ST_CLI_CONFLICTS_H

#include "cli/text.h"

/* Those that are not decided, a line each; nothing where no merge is under way. merging: is one?
 * May be NULL. */
int conflicts_show(struct cli *c, bool *merging, strata_error *err);
/* All of them, a JSON object each: "kind":"conflict". */
int conflicts_json(struct cli *c, strata_error *err);

#endif
