/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/commands.h"
#include "cli/went.h"

struct values {
	bool force, create, replace, json;
	const char *to;
};

static const struct cli_option options[] = {
	{ 'b', NULL, OPT_FLAG, offsetof(struct values, create), NULL,
	  "make branch REV and go there, as 'strata switch -c REV [START]'" },
	{ 'B', NULL, OPT_FLAG, offsetof(struct values, replace), NULL,
	  "the same as 'strata switch -C'" },
	{ 0, "to", OPT_TEXT, offsetof(struct values, to), "DIR",
	  "write the files into DIR; HEAD and what is staged stay" },
	{ 'f', "force", OPT_FLAG, offsetof(struct values, force), NULL,
	  "discard local changes that are in the way" },
	{ 0, "json", OPT_FLAG, offsetof(struct values, json), NULL,
	  "print one JSON object instead of text" },
	{ 0 },
};

const struct cli_doc doc_checkout = {
	.args = "REV [--] [PATH...]",
	.options = options,
	.text = "Makes the working tree that of a version. A branch is switched to, '-' is the one\n"
		"before; any other revision detaches HEAD. Local changes stay where both versions have the same\n"
		"file; elsewhere they are never overwritten (exit status 7) unless -f is given.\n"
		"Untracked files stay.\n"
		"\n"
		"With PATH only those files, in the working tree and in what is staged, whatever\n"
		"they hold now, as restore does; HEAD stays. With --to DIR the files go there: DIR is\n"
		"made, files in it that are equal already are kept, different ones are refused.\n"
		"\n"
		"Free space is checked first, each file is written beside its target and renamed,\n"
		"and HEAD moves last: after an interruption the same command goes on.",
	.examples = "strata checkout v2\n"
		    "go to version 2\n"
		    "strata checkout main\n"
		    "and back\n"
		    "strata checkout v2 --to /tmp/old\n"
		    "put version 2 somewhere else\n"
		    "strata checkout v2 -- config.json\n"
		    "one file as it was in version 2\n",
};

static int begin_branch(struct cli *c, const struct values *v, const struct cli_args *a,
			strata_error *err)
{
	strata_switch_options o = { .create = true, .replace = v->replace, .discard = v->force };
	strata_checkout_result result;
	int rc = cli_count(c, a, 1, 2, err);

	if (rc == STRATA_OK && v->to)
		rc = cli_fail(err, STRATA_EUSAGE, "--to makes no branch");
	if (rc != STRATA_OK)
		return rc;
	o.start = a->n > 1 ? a->v[1] : NULL;
	rc = strata_switch(c->repo, a->v[0], &o, &result, err);
	if (rc == STRATA_OK && v->json)
		return went_emit(c, &result, NULL, err);
	return rc == STRATA_OK && !c->g.quiet ? went_head(c, &result, err) : rc;
}

static int summary(struct cli *c, const strata_checkout_options *o, const strata_checkout_result *r,
		   strata_error *err)
{
	if (!o->to && !o->npaths)
		return went_head(c, r, err);
	if (o->to) {
		name_put(stdout, o->to);
		fputs(": ", stdout);
	}
	went_counts(r);
	return STRATA_OK;
}

/* Git's reflex: checkout of a path. */
static bool is_only_file(struct cli *c, const char *word)
{
	strata_error none = { 0 };
	char commit[STRATA_HEX];

	return cli_is_file(word) &&
	       strata_resolve(c->repo, word, commit, &none) == STRATA_ENOTFOUND;
}

int cmd_checkout(struct cli *c, int argc, char **argv, strata_error *err)
{
	struct values v = { 0 };
	strata_checkout_options o = { 0 };
	strata_checkout_result result;
	struct cli_args a;
	int rc = cli_begin(c, &a, &v, argc, argv, err);

	if (rc == STRATA_OK)
		rc = cli_count(c, &a, 1, SIZE_MAX, err);
	if (rc == STRATA_OK && a.dashes && a.before == 0)
		rc = cli_fail(
			err, STRATA_EUSAGE,
			"no revision before '--': 'strata restore PATH' brings a file back as "
			"it was added");
	if (rc != STRATA_OK)
		return rc;
	if (v.create || v.replace)
		return begin_branch(c, &v, &a, err);
	o.paths = a.v + 1;
	o.npaths = a.n - 1;
	o.to = v.to;
	o.force = v.force;
	rc = strata_checkout(c->repo, a.v[0], &o, &result, err);
	if (rc == STRATA_ENOTFOUND && is_only_file(c, a.v[0])) {
		*err = (strata_error){ 0 };
		return cli_fail(err, STRATA_ENOTFOUND,
				"'%s' is a file and no revision: 'strata restore %s' brings it "
				"back as it was added",
				a.v[0], a.v[0]);
	}
	if (rc == STRATA_OK && v.json)
		return went_emit(c, &result, v.to, err);
	return rc == STRATA_OK && !c->g.quiet ? summary(c, &o, &result, err) : rc;
}
