/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/commands.h"
#include "cli/text.h"

struct values {
	const char *source;
	bool staged, worktree;
};

static const struct cli_option options[] = {
	{ 's', "source", OPT_TEXT, offsetof(struct values, source), "REV",
	  "as they were in REV, instead of as they are staged" },
	{ 'S', "staged", OPT_FLAG, offsetof(struct values, staged), NULL,
	  "what is staged, from HEAD if no source is given" },
	{ 'W', "worktree", OPT_FLAG, offsetof(struct values, worktree), NULL,
	  "the files themselves; so if neither is said" },
	{ 0 },
};

const struct cli_doc doc_restore = {
	.args = "PATH...",
	.options = options,
	.text = "Brings files back: as they were last added, or as they were in a version. What\n"
		"the files hold now is lost; that is what this command is for. A path may be a\n"
		"directory or a glob.\n"
		"\n"
		"With --staged it is what is staged that changes: 'strata restore --staged PATH'\n"
		"undoes 'strata add PATH' and leaves the file alone.",
	.examples = "strata restore model.safetensors\n"
		    "undo changes that were not added\n"
		    "strata restore --source v2 .\n"
		    "bring the files of this directory back as they were in v2\n"
		    "strata restore --staged .\n"
		    "unstage everything\n",
};

int cmd_restore(struct cli *c, int argc, char **argv, strata_error *err)
{
	struct values v = { 0 };
	strata_checkout_result result;
	struct cli_args a;
	unsigned flags;
	int rc = cli_begin(c, &a, &v, argc, argv, err);

	if (rc == STRATA_OK)
		rc = cli_count(c, &a, 1, SIZE_MAX, err);
	if (rc != STRATA_OK)
		return rc;
	flags = (v.staged ? STRATA_RESTORE_STAGED : 0u) |
		(v.worktree || !v.staged ? STRATA_RESTORE_WORKTREE : 0u);
	rc = strata_restore(c->repo, v.source, a.v, a.n, flags, &result, err);
	if (rc == STRATA_OK && !c->g.quiet && (flags & STRATA_RESTORE_WORKTREE))
		printf("restored %s file%s, %s\n", human_number(result.written).s,
		       plural(result.written), human_bytes(result.bytes).s);
	return rc;
}
