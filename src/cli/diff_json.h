/* SPDX-License-Identifier: Apache-2.0 */
/* A difference as JSON, one line each (doc/json.md). */
#ifndef ST_CLI_DIFF_JSON_H
#define ST_CLI_DIFF_JSON_H

#include "cli/cli.h"

#include <strata/diff.h>

/* With a struct cli as arg. */
extern const strata_diff_handler diff_json;
void diff_json_summary(struct cli *c, const strata_diff_total *t);

#endif
