/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/commands.h"
#include "cli/renewed.h"

static const struct cli_option options[] = {
	RENEW_MESSAGE("'Revert v5: ...'"),
	RENEW_TENSOR,
	RENEW_METHOD,
	RENEW_BUMP,
	RENEW_JSON,
	{ 0 },
};

const struct cli_doc doc_revert = {
	.args = "REV",
	.options = options,
	.text = "Makes a new version that takes back what REV changed against its parent, and\n"
		"brings the working tree there. Where a model file changed again since, only the\n"
		"tensors that REV changed go back. With --tensor only those that it names or\n"
		"globs do.\n"
		"\n"
		"What changed again since REV, files and tensors, is refused by name (exit status\n"
		"7); with --method task-arithmetic the difference that REV made is subtracted from\n"
		"such a tensor. Refused are also merges, staged changes, changes of files that\n"
		"must be written, and tensors that REV added, removed or gave another type or\n"
		"shape.\n"
		"\n"
		"Exit status 1: there was nothing to take back.",
	.examples = "strata revert v5\n"
		    "a version without the changes of v5\n"
		    "strata revert v5 --tensor 'model.safetensors::head.*'\n"
		    "without what v5 changed in these tensors\n",
};

int cmd_revert(struct cli *c, int argc, char **argv, strata_error *err)
{
	return renew_command(c, STRATA_REVERT, argc, argv, err);
}
