/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/commands.h"
#include "cli/renewed.h"

struct values {
	const char *message;
	struct cli_list paths;
};

static const struct cli_option options[] = {
	{ 'm', "message", OPT_TEXT, offsetof(struct values, message), "TEXT",
	  "the message, instead of 'Roll back to v3: ...'" },
	{ 0, "path", OPT_LIST, offsetof(struct values, paths), "PATH",
	  "only this file, directory or glob; may be given again" },
	{ 0 },
};

const struct cli_doc doc_rollback = {
	.args = "REV",
	.options = options,
	.text = "Makes a new version whose files are those of REV; with --path only these, and\n"
		"everything else stays. The working tree follows. History keeps every version in\n"
		"between, and rolling forward is the same command.\n"
		"\n"
		"Staged changes, and changes of files that must be written, are refused (exit\n"
		"status 7). Exit status 1: the files are so already.",
	.examples = "strata rollback v3\n"
		    "a new version that is as v3\n"
		    "strata rollback v3 --path model.safetensors\n"
		    "one file as it was in v3\n",
};

int cmd_rollback(struct cli *c, int argc, char **argv, strata_error *err)
{
	struct values v = { 0 };
	strata_renew_options o = { 0 };
	struct cli_args a;
	int rc = cli_begin(c, &a, &v, argc, argv, err);

	if (rc == STRATA_OK)
		rc = cli_count(c, &a, 1, 1, err);
	o.message = v.message;
	o.paths = v.paths.v;
	o.npaths = v.paths.n;
	return rc == STRATA_OK ? renew_and_show(c, STRATA_ROLLBACK, a.v[0], &o, err) : rc;
}
