/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/commands.h"
#include "cli/renewed.h"

static const struct cli_option options[] = {
	RENEW_MESSAGE("'Roll back to v3: ...'"),
	{ 0, "path", OPT_LIST, offsetof(struct renew_values, paths), "PATH",
	  "only this file, directory or glob; may be given again" },
	RENEW_TENSOR,
	RENEW_BUMP,
	RENEW_JSON,
	{ 0 },
};

const struct cli_doc doc_rollback = {
	.args = "REV",
	.options = options,
	.text = "Makes a new version whose files are those of REV; with --path only these, and\n"
		"everything else stays. With --tensor only the tensors that it names or globs go\n"
		"back: each model file is rebuilt with their old bytes and is otherwise as it is\n"
		"now. The working tree follows. History keeps every version in between, and\n"
		"rolling forward is the same command.\n"
		"\n"
		"Staged changes, and changes of files that must be written, are refused (exit\n"
		"status 7). So are tensors that REV or HEAD has not, that have another type or\n"
		"shape, that are compressed, and that share memory with one that would change,\n"
		"too. Exit status 1: all is so already.",
	.examples = "strata rollback v3\n"
		    "a new version that is as v3\n"
		    "strata rollback v3 --path model.safetensors\n"
		    "one file as it was in v3\n"
		    "strata rollback v3 --tensor 'classifier.*'\n"
		    "some tensors as they were in v3, all others as they are\n",
};

int cmd_rollback(struct cli *c, int argc, char **argv, strata_error *err)
{
	return renew_command(c, STRATA_ROLLBACK, argc, argv, err);
}
