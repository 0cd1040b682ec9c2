/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/commands.h"
#include "cli/renewed.h"

static const struct cli_option options[] = {
	RENEW_MESSAGE("'Revert v5: ...'"),
	RENEW_TENSOR,
	RENEW_METHOD,
	RENEW_NONFINITE,
	RENEW_BUMP,
	RENEW_CONTINUE,
	RENEW_ABORT,
	RENEW_JSON,
	{ 0 },
};

const struct cli_doc doc_revert = {
	.args = "REV",
	.options = options,
	.text = "Makes a new version that takes back what REV changed against its parent, and\n"
		"brings the working tree there. Files, tensors of models, keys and lines go back as\n"
		"'strata merge' would take them: what changed elsewhere stays. With --tensor only\n"
		"the tensors that it names or globs go back.\n"
		"\n"
		"What changed again since REV is a conflict (exit status 1), with 'theirs' as it\n"
		"was before REV: 'strata status' lists them, 'strata resolve' decides, --continue\n"
		"makes the version, --abort takes it all back. With --method task-arithmetic the\n"
		"difference that REV made is subtracted from such a tensor; other methods of\n"
		"'strata merge' join it likewise. The settings merge.rules and merge.method do not\n"
		"count.\n"
		"\n"
		"Refused are merges, staged changes, changes of files that must be written (exit\n"
		"status 7), and with --tensor tensors that REV added, removed or gave another type\n"
		"or shape. Exit status 1 also: there was nothing to take back.",
	.examples = "strata revert v5\n"
		    "a version without the changes of v5\n"
		    "strata revert v5 --tensor 'model.safetensors::head.*'\n"
		    "without what v5 changed in these tensors\n",
};

int cmd_revert(struct cli *c, int argc, char **argv, strata_error *err)
{
	return renew_command(c, STRATA_REVERT, argc, argv, err);
}
