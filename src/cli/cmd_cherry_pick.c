/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/commands.h"
#include "cli/renewed.h"

static const struct cli_option options[] = {
	RENEW_MESSAGE("that of REV"), RENEW_TENSOR, RENEW_METHOD, RENEW_BUMP, RENEW_JSON, { 0 },
};

const struct cli_doc doc_cherry_pick = {
	.args = "REV",
	.options = options,
	.text = "Makes a new version with what REV changed against its parent, and with its\n"
		"message, author and parameters; the working tree follows. Where a model file\n"
		"changed here as well, only the tensors that REV changed are taken. With --tensor\n"
		"only those that it names or globs are.\n"
		"\n"
		"What differs here from REV's parent, files and tensors, is refused by name (exit\n"
		"status 7); with --method task-arithmetic the difference that REV made is added to\n"
		"such a tensor. Refused are also merges, staged changes, changes of files that\n"
		"must be written, and tensors that REV added, removed or gave another type or\n"
		"shape.\n"
		"\n"
		"Exit status 1: everything is here already.",
	.examples = "strata cherry-pick v7\n"
		    "the changes of v7, on top of this branch\n"
		    "strata cherry-pick v7 --tensor 'layers.3.*'\n"
		    "what v7 changed in these tensors\n",
};

int cmd_cherry_pick(struct cli *c, int argc, char **argv, strata_error *err)
{
	return renew_command(c, STRATA_CHERRY_PICK, argc, argv, err);
}
