/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/commands.h"
#include "cli/went.h"

struct values {
	bool create, replace, detach, discard, json;
};

static const struct cli_option options[] = {
	{ 'c', "create", OPT_FLAG, offsetof(struct values, create), NULL,
	  "make the branch first, at START (HEAD if not said)" },
	{ 'C', "force-create", OPT_FLAG, offsetof(struct values, replace), NULL,
	  "the same; a branch of that name is moved to START" },
	{ 'd', "detach", OPT_FLAG, offsetof(struct values, detach), NULL,
	  "go to any revision, on no branch" },
	{ 'f', "discard-changes", OPT_FLAG, offsetof(struct values, discard), NULL,
	  "discard local changes, staged ones too" },
	{ 0, "json", OPT_FLAG, offsetof(struct values, json), NULL,
	  "print one JSON object instead of text" },
	{ 0 },
};

const struct cli_doc doc_switch = {
	.args = "BRANCH [START]",
	.options = options,
	.text = "Goes to a branch: the working tree and what is staged become those of its\n"
		"newest version, and the next commit continues it. With -c the branch is made\n"
		"first, at START. With --detach any revision will do (HEAD if not said), and\n"
		"commits made there are on no branch until 'strata switch -c NAME' gives them one.\n"
		"'-' is where you were before: 'strata switch -' goes back, and again forth.\n"
		"\n"
		"Local changes, staged or not, stay where both versions have the same file. Where\n"
		"the versions differ in a file that was changed, nothing is done (exit status 7)\n"
		"and the files are named; -f discards the changes. Untracked files stay.\n"
		"\n"
		"Only files that differ are written. HEAD moves last: after an interruption the\n"
		"same command goes on.",
	.examples = "strata switch -c wider\n"
		    "make a branch and go there\n"
		    "strata switch main\n"
		    "and back\n"
		    "strata switch -\n"
		    "to the branch before this one\n"
		    "strata switch --detach v2\n"
		    "look at version 2\n"
		    "strata switch -c retry v2\n"
		    "go on from version 2\n",
};

int cmd_switch(struct cli *c, int argc, char **argv, strata_error *err)
{
	struct values v = { 0 };
	strata_switch_options o = { 0 };
	strata_checkout_result result;
	struct cli_args a;
	int rc = cli_begin(c, &a, &v, argc, argv, err);

	if (rc == STRATA_OK)
		rc = cli_count(c, &a, v.detach ? 0 : 1, v.create || v.replace ? 2 : 1, err);
	if (rc != STRATA_OK)
		return rc;
	o.create = v.create || v.replace;
	o.replace = v.replace;
	o.detach = v.detach;
	o.discard = v.discard;
	o.start = a.n > 1 ? a.v[1] : NULL;
	rc = strata_switch(c->repo, a.n ? a.v[0] : "HEAD", &o, &result, err);
	if (rc == STRATA_OK && v.json)
		return went_emit(c, &result, NULL, err);
	return rc == STRATA_OK && !c->g.quiet ? went_head(c, &result, err) : rc;
}
