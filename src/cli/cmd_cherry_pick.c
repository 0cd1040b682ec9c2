/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/commands.h"
#include "cli/renewed.h"

struct values {
	const char *message;
};

static const struct cli_option options[] = {
	{ 'm', "message", OPT_TEXT, offsetof(struct values, message), "TEXT",
	  "the message, instead of that of REV" },
	{ 0 },
};

const struct cli_doc doc_cherry_pick = {
	.args = "REV",
	.options = options,
	.text = "Makes a new version with what REV changed against its parent, file by file, and\n"
		"with its message, author and parameters; the working tree follows. A file that\n"
		"differs here from that parent is refused by name (exit status 7): that takes a\n"
		"merge. So are staged changes, and changes of files that must be written.\n"
		"\n"
		"Exit status 1: everything is here already.",
	.examples = "strata cherry-pick v7\n"
		    "the changes of v7, on top of this branch\n",
};

int cmd_cherry_pick(struct cli *c, int argc, char **argv, strata_error *err)
{
	struct values v = { 0 };
	strata_renew_options o = { 0 };
	struct cli_args a;
	int rc = cli_begin(c, &a, &v, argc, argv, err);

	if (rc == STRATA_OK)
		rc = cli_count(c, &a, 1, 1, err);
	o.message = v.message;
	return rc == STRATA_OK ? renew_and_show(c, STRATA_CHERRY_PICK, a.v[0], &o, err) : rc;
}
