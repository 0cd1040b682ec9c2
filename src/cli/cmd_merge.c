/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/commands.h"
#include "cli/went.h"

struct values {
	bool forward_only, json;
};

static const struct cli_option options[] = {
	{ 0, "ff-only", OPT_FLAG, offsetof(struct values, forward_only), NULL,
	  "only go forward, never make a version; so far strata does nothing else" },
	{ 0, "json", OPT_FLAG, offsetof(struct values, json), NULL,
	  "print one JSON object instead of text" },
	{ 0 },
};

const struct cli_doc doc_merge = {
	.args = "REV",
	.options = options,
	.text = "Brings what REV has into the branch that is checked out, where that only takes\n"
		"going forward: when REV's history continues the branch's, the branch moves to\n"
		"REV, and what is staged and the working tree become REV's. Where the branch has\n"
		"everything already, nothing is done. A branch without a version begins at REV, a\n"
		"detached HEAD moves itself.\n"
		"\n"
		"Where both have versions that the other has not, nothing is done (exit status 7):\n"
		"this version of strata does not merge two lines of history.\n"
		"\n"
		"Local changes stay where both versions have the same file; where they would be\n"
		"overwritten, nothing is done (exit status 7). 'strata undo' takes a merge back.",
	.examples = "strata merge wider\n"
		    "take over what was done on branch wider\n"
		    "strata merge -\n"
		    "the same from the branch before this one\n",
};

static void show_json(struct cli *c, const strata_merge_result *r)
{
	strata_json *j = c->json;

	strata_json_object(j);
	jk_text(j, "result", r->moved ? "fast-forward" : "up-to-date");
	jk_text(j, "branch", *r->branch ? r->branch : NULL);
	jk_text(j, "commit", r->commit);
	jk_text(j, "version", *r->version ? r->version : NULL);
	jk_text(j, "old_commit", *r->old_commit ? r->old_commit : NULL);
	jk_text(j, "old_version", *r->old_version ? r->old_version : NULL);
	went_json(j, &r->files);
	strata_json_end_object(j);
	cli_emit(c);
}

static int show(struct cli *c, const strata_merge_result *r, strata_error *err)
{
	human old = human_id(r->old_commit);

	if (!r->moved) {
		puts("already up to date");
		return STRATA_OK;
	}
	if (*r->old_commit)
		printf("fast-forward from %s%s%s\n", r->old_version, *r->old_version ? " " : "",
		       old.s);
	return went_head(c, &r->files, err);
}

int cmd_merge(struct cli *c, int argc, char **argv, strata_error *err)
{
	struct values v = { 0 };
	strata_merge_options o = { 0 };
	strata_merge_result result;
	struct cli_args a;
	int rc = cli_begin(c, &a, &v, argc, argv, err);

	if (rc == STRATA_OK)
		rc = cli_count(c, &a, 1, SIZE_MAX, err);
	if (rc != STRATA_OK)
		return rc;
	o.forward_only = v.forward_only;
	rc = strata_merge(c->repo, a.v, a.n, &o, &result, err);
	if (rc == STRATA_OK && v.json)
		show_json(c, &result);
	else if (rc == STRATA_OK && !c->g.quiet)
		rc = show(c, &result, err);
	return rc;
}
