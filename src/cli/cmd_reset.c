/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/commands.h"
#include "cli/went.h"

#include <sys/stat.h>

struct values {
	bool soft, mixed, hard, json;
};

static const struct cli_option options[] = {
	{ 0, "soft", OPT_FLAG, offsetof(struct values, soft), NULL,
	  "move the branch, keep what is staged" },
	{ 0, "mixed", OPT_FLAG, offsetof(struct values, mixed), NULL,
	  "move the branch and unstage; so if nothing is said" },
	{ 0, "hard", OPT_FLAG, offsetof(struct values, hard), NULL,
	  "the files too: changes that were not added are lost" },
	{ 0, "json", OPT_FLAG, offsetof(struct values, json), NULL,
	  "one JSON object a file whose changes are lost, then one that sums up" },
	{ 0 },
};

const struct cli_doc doc_reset = {
	.args = "[REV] [--] [PATH...]",
	.options = options,
	.text = "Moves the branch to REV (HEAD if not said) and makes what is staged that of\n"
		"REV; the files stay as they are. With --soft only the branch moves, with --hard\n"
		"tracked files become those of REV as well. With PATH the branch stays, and only\n"
		"these paths are unstaged, as 'strata restore --staged' does it.\n"
		"\n"
		"--hard overwrites changes of tracked files and names each file where it did.\n"
		"What was committed or staged is not lost: 'strata reflog' shows it.\n"
		"Untracked files stay, except where a file of REV must come.",
	.examples = "strata reset\n"
		    "unstage everything\n"
		    "strata reset --soft HEAD~1\n"
		    "take the last version back, keep its changes staged\n"
		    "strata reset --hard v3\n"
		    "the branch and the files as they were in v3\n"
		    "strata reset model.safetensors\n"
		    "unstage one file\n",
};

/* Git's reflex: a first word that is no revision but a path is a path, also without "--". */
static int sort_out(struct cli *c, const struct cli_args *a, size_t *nrevs, strata_error *err)
{
	char commit[STRATA_HEX];
	struct stat st;
	bool file;

	*nrevs = a->before ? 1 : 0;
	if (a->dashes && a->before > 1)
		return cli_fail(err, STRATA_EUSAGE, "one revision, not %zu, before '--'",
				a->before);
	if (a->dashes || !a->n)
		return STRATA_OK;
	file = lstat(a->v[0], &st) == 0;
	if (strcmp(a->v[0], "HEAD") == 0 || strcmp(a->v[0], "@") == 0)
		return STRATA_OK;
	if (strata_resolve(c->repo, a->v[0], commit, err) == STRATA_OK)
		return file ? cli_fail(err, STRATA_EUSAGE,
				       "'%s' is a revision and a file: put '--' before paths",
				       a->v[0]) :
			      STRATA_OK;
	if (!file && a->n == 1)
		return err->code;
	*err = (strata_error){ 0 };
	*nrevs = 0;
	return STRATA_OK;
}

static int show_discarded(void *arg, const char *path)
{
	(void)arg;
	fputs("discarded  ", stdout);
	name_put(stdout, path);
	fputc('\n', stdout);
	return 0;
}

static int emit_discarded(void *arg, const char *path)
{
	struct cli *c = arg;

	strata_json_object(c->json);
	jk_text(c->json, "kind", "discarded");
	jk_name(c->json, "path", path);
	strata_json_end_object(c->json);
	return cli_emit(c);
}

static void emit(struct cli *c, const strata_reset_result *r)
{
	strata_json *j = c->json;

	strata_json_object(j);
	jk_text(j, "kind", "summary");
	jk_text(j, "branch", *r->branch ? r->branch : NULL);
	jk_text(j, "commit", *r->commit ? r->commit : NULL);
	jk_text(j, "version", *r->version ? r->version : NULL);
	jk_text(j, "old_commit", *r->old_commit ? r->old_commit : NULL);
	jk_text(j, "old_version", *r->old_version ? r->old_version : NULL);
	jk_u64(j, "discarded", r->discarded);
	went_json(j, &r->files);
	strata_json_end_object(j);
	cli_emit(c);
}

static void show(const strata_reset_result *r, bool hard)
{
	human id = human_id(r->commit), old = human_id(r->old_commit);

	if (*r->branch)
		name_put(stdout, r->branch);
	else
		fputs("HEAD", stdout);
	if (*r->commit)
		printf(" is at %s%s%s", r->version, *r->version ? " " : "", id.s);
	else
		fputs(" has no version yet", stdout);
	if (*r->old_commit && strcmp(r->commit, r->old_commit) != 0)
		printf(", was at %s%s%s", r->old_version, *r->old_version ? " " : "", old.s);
	fputc('\n', stdout);
	if (hard)
		printf("%s file%s written, %s removed, changes of %s discarded\n",
		       human_number(r->files.written).s, plural(r->files.written),
		       human_number(r->files.removed).s, human_number(r->discarded).s);
}

static int reset(struct cli *c, const struct values *v, const char *rev, strata_error *err)
{
	strata_reset_mode mode = v->hard ? STRATA_RESET_HARD :
				 v->soft ? STRATA_RESET_SOFT :
					   STRATA_RESET_MIXED;
	strata_reset_result result;
	int rc = strata_reset(c->repo, rev, mode,
			      v->json	 ? emit_discarded :
			      c->g.quiet ? NULL :
					   show_discarded,
			      c, &result, err);

	if (rc == STRATA_OK && v->json)
		emit(c, &result);
	else if (rc == STRATA_OK && !c->g.quiet)
		show(&result, v->hard);
	return rc;
}

int cmd_reset(struct cli *c, int argc, char **argv, strata_error *err)
{
	struct values v = { 0 };
	struct cli_args a;
	const char *rev;
	size_t nrevs = 0;
	int rc = cli_begin(c, &a, &v, argc, argv, err);

	if (rc == STRATA_OK && v.soft + v.mixed + v.hard > 1)
		rc = cli_fail(err, STRATA_EUSAGE, "only one of --soft, --mixed and --hard");
	if (rc == STRATA_OK)
		rc = sort_out(c, &a, &nrevs, err);
	if (rc != STRATA_OK)
		return rc;
	rev = nrevs ? a.v[0] : NULL;
	if (a.n == nrevs)
		return reset(c, &v, rev, err);
	if (v.soft || v.hard)
		return cli_fail(err, STRATA_EUSAGE,
				"--%s takes no paths: 'strata restore PATH' brings files back",
				v.soft ? "soft" : "hard");
	if (v.json)
		return cli_fail(err, STRATA_EUSAGE,
				"--json tells where the branch goes: with "
				"paths it stays");
	return strata_restore(c->repo, rev, a.v + nrevs, a.n - nrevs, STRATA_RESTORE_STAGED, NULL,
			      err);
}
