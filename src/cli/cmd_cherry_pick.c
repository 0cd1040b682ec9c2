/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/commands.h"
#include "cli/renewed.h"

static const struct cli_option options[] = {
	RENEW_MESSAGE("that of REV"),
	RENEW_TENSOR,
	RENEW_METHOD,
	RENEW_NONFINITE,
	RENEW_BUMP,
	RENEW_CONTINUE,
	RENEW_ABORT,
	RENEW_JSON,
	{ 0 },
};

const struct cli_doc doc_cherry_pick = {
	.args = "REV",
	.options = options,
	.text = "Makes a new version with what REV changed against its parent, and with its\n"
		"message, author and parameters; the working tree follows. Files, tensors of\n"
		"models, keys and lines come over as 'strata merge' takes them: what changed here\n"
		"stays. With --tensor only the tensors that it names or globs are taken.\n"
		"\n"
		"What REV changed and what changed here since REV's parent, too, is a conflict\n"
		"(exit status 1), with 'theirs' as REV has it: 'strata status' lists them, 'strata\n"
		"resolve' decides, --continue makes the version, --abort takes it all back. With\n"
		"--method task-arithmetic the difference that REV made is added to such a tensor;\n"
		"other methods of 'strata merge' join it likewise. The settings merge.rules and\n"
		"merge.method do not count.\n"
		"\n"
		"Refused are merges, staged changes, changes of files that must be written (exit\n"
		"status 7), and with --tensor tensors that REV added, removed or gave another type\n"
		"or shape. Exit status 1 also: everything is here already.",
	.examples = "strata cherry-pick v7\n"
		    "the changes of v7, on top of this branch\n"
		    "strata cherry-pick v7 --tensor 'layers.3.*'\n"
		    "what v7 changed in these tensors\n"
		    "strata cherry-pick v7 --method task-arithmetic\n"
		    "its difference is added to tensors that changed here too\n",
};

int cmd_cherry_pick(struct cli *c, int argc, char **argv, strata_error *err)
{
	return renew_command(c, STRATA_CHERRY_PICK, argc, argv, err);
}
