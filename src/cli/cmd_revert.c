/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/commands.h"
#include "cli/renewed.h"

struct values {
	const char *message;
};

static const struct cli_option options[] = {
	{ 'm', "message", OPT_TEXT, offsetof(struct values, message), "TEXT",
	  "the message, instead of 'Revert v5: ...'" },
	{ 0 },
};

const struct cli_doc doc_revert = {
	.args = "REV",
	.options = options,
	.text = "Makes a new version that takes back what REV changed against its parent, file by\n"
		"file, and brings the working tree there. A file that changed again since REV is\n"
		"refused by name (exit status 7): that takes a merge. So are staged changes, and\n"
		"changes of files that must be written.\n"
		"\n"
		"Exit status 1: there was nothing to take back.",
	.examples = "strata revert v5\n"
		    "a version without the changes of v5\n",
};

int cmd_revert(struct cli *c, int argc, char **argv, strata_error *err)
{
	struct values v = { 0 };
	strata_renew_options o = { 0 };
	struct cli_args a;
	int rc = cli_begin(c, &a, &v, argc, argv, err);

	if (rc == STRATA_OK)
		rc = cli_count(c, &a, 1, 1, err);
	o.message = v.message;
	return rc == STRATA_OK ? renew_and_show(c, STRATA_REVERT, a.v[0], &o, err) : rc;
}
