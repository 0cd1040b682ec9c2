/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/commands.h"

struct values {
	bool force;
};

static const struct cli_option options[] = {
	{ 'f', "force", OPT_FLAG, offsetof(struct values, force), NULL,
	  "although the target exists" },
	{ 0 },
};

const struct cli_doc doc_mv = {
	.args = "SOURCE... TARGET",
	.options = options,
	.text = "Renames a tracked file or directory, or moves several into a directory, and\n"
		"stages that. Content is not read or stored again.",
	.examples = "strata mv model.safetensors base.safetensors\n"
		    "rename a file\n"
		    "strata mv a.safetensors b.safetensors old/\n"
		    "move two files into a directory\n",
};

int cmd_mv(struct cli *c, int argc, char **argv, strata_error *err)
{
	struct values v = { 0 };
	struct cli_args a;
	int rc = cli_begin(c, &a, &v, argc, argv, err);

	if (rc == STRATA_OK)
		rc = cli_count(c, &a, 2, SIZE_MAX, err);
	return rc == STRATA_OK ? strata_mv(c->repo, a.v, a.n, v.force, err) : rc;
}
