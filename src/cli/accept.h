/* SPDX-License-Identifier: Apache-2.0 */
/* A command of the user's that decides about a version. */
#ifndef ST_CLI_ACCEPT_H
#define ST_CLI_ACCEPT_H

#include "cli/cli.h"

struct accept {
	struct cli *c;
	const char *command;
};
/* STRATA_EUSAGE: no command, as of a variable that is not set. NULL is none and allowed. */
int accept_check(const char *command, strata_error *err);
/* Runs the command with sh in the folder; 0 when its exit status is. For strata_merge_options. */
int accept_run(void *arg, const char *dir);

#endif
