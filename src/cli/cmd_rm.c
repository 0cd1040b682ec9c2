/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/commands.h"
#include "cli/text.h"

struct values {
	bool cached, recursive, force, dry_run;
};

static const struct cli_option options[] = {
	{ 0, "cached", OPT_FLAG, offsetof(struct values, cached), NULL,
	  "keep the file, only stop tracking it" },
	{ 'r', "recursive", OPT_FLAG, offsetof(struct values, recursive), NULL,
	  "directories with all that is in them" },
	{ 'f', "force", OPT_FLAG, offsetof(struct values, force), NULL,
	  "although the file has changes that are in no version" },
	{ 'n', "dry-run", OPT_FLAG, offsetof(struct values, dry_run), NULL,
	  "only say what would be removed" },
	{ 0 },
};

const struct cli_doc doc_rm = {
	.args = "PATH...",
	.options = options,
	.text = "Removes files from the working tree and from what is staged; the next commit\n"
		"makes a version without them. Older versions keep them.\n"
		"\n"
		"A file with changes that are in no version is not removed (exit status 7).",
	.examples = "strata rm old.safetensors\n"
		    "remove a file\n"
		    "strata rm -r --cached runs\n"
		    "stop tracking a directory, keep its files\n",
};

static int show(void *arg, char what, const char *path)
{
	struct cli *c = arg;

	(void)what;
	fputs("remove  ", stdout);
	name_put(stdout, path);
	fputc('\n', stdout);
	return cli_stop(c);
}

int cmd_rm(struct cli *c, int argc, char **argv, strata_error *err)
{
	struct values v = { 0 };
	struct cli_args a;
	unsigned flags;
	bool list;
	int rc = cli_begin(c, &a, &v, argc, argv, err);

	if (rc == STRATA_OK)
		rc = cli_count(c, &a, 1, SIZE_MAX, err);
	if (rc != STRATA_OK)
		return rc;
	flags = (v.cached ? STRATA_RM_CACHED : 0u) | (v.recursive ? STRATA_RM_RECURSIVE : 0u) |
		(v.force ? STRATA_RM_FORCE : 0u) | (v.dry_run ? STRATA_RM_DRY_RUN : 0u);
	list = v.dry_run || !c->g.quiet;
	return strata_rm(c->repo, a.v, a.n, flags, list ? show : NULL, c, err);
}
