/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/commands.h"

const struct cli_doc doc_help = {
	.args = "[COMMAND]",
	.options = NULL,
	.text = "Lists the commands, or explains one. 'strata COMMAND -h' does the same, and so\n"
		"does 'man strata-COMMAND' where the manual is installed.",
	.examples = "strata help commit\n"
		    "what commit does and takes\n",
};

int cmd_help(struct cli *c, int argc, char **argv, strata_error *err)
{
	const struct cli_command *cmd;
	struct cli_args a;
	int rc = cli_begin(c, &a, NULL, argc, argv, err);

	if (rc == STRATA_OK)
		rc = cli_count(c, &a, 0, 1, err);
	if (rc != STRATA_OK)
		return rc;
	if (a.n == 0) {
		cli_help_all(c, stdout);
		return STRATA_OK;
	}
	cmd = cli_find(a.v[0]);
	if (!cmd)
		return cli_unknown_command(a.v[0], err);
	cli_help_command(c, cmd, stdout);
	return STRATA_OK;
}
