/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/commands.h"
#include "cli/versions.h"

struct values {
	bool redo;
};

static const struct cli_option options[] = {
	{ 0, "redo", OPT_FLAG, offsetof(struct values, redo), NULL,
	  "step forward: do the command again that was undone last" },
	{ 0 },
};

const struct cli_doc doc_undo = {
	.args = "",
	.options = options,
	.text = "Takes the last command back that made a version, moved a branch or changed what\n"
		"is staged: add, rm, mv, commit, checkout, reset and others. Branches, HEAD and\n"
		"what is staged are exactly as before it. Given again, it steps back further;\n"
		"--redo steps forward, until a new command is made.\n"
		"\n"
		"Files are written only if the command wrote files, and only where they have no\n"
		"changes of their own; those that stay as they are get named. What was in no\n"
		"version and not staged cannot come back.\n"
		"\n"
		"Nothing is erased: an undone version keeps its number and stays in 'strata\n"
		"reflog'. What was only staged is kept for two weeks ('strata gc').\n"
		"\n"
		"Exit status 1: there was nothing to undo, or to redo.",
	.examples = "strata undo\n"
		    "take the last command back\n"
		    "strata undo --redo\n"
		    "no, do it after all\n",
};

static void put_value(const char *value)
{
	human id;

	if (!value) {
		fputs("nothing", stdout);
	} else if (strncmp(value, "ref:heads/", 10) == 0) {
		name_put(stdout, value + 10);
	} else {
		id = human_id(value);
		fputs(id.s, stdout);
	}
}

static int show_ref(void *arg, const char *name, const char *old, const char *value)
{
	const char *slash = strchr(name, '/');

	(void)arg;
	name_put(stdout, slash ? slash + 1 : name);
	fputs(": ", stdout);
	put_value(old);
	fputs(" -> ", stdout);
	put_value(value);
	fputc('\n', stdout);
	return 0;
}

static int show_kept(void *arg, const char *path)
{
	(void)arg;
	fputs("not brought back, it has changes: ", stdout);
	name_put(stdout, path);
	fputc('\n', stdout);
	return 0;
}

int cmd_undo(struct cli *c, int argc, char **argv, strata_error *err)
{
	const strata_undo_handler h = { .ref = show_ref, .kept = show_kept };
	struct values v = { 0 };
	strata_undo_result res;
	struct cli_args a;
	int rc = cli_begin(c, &a, &v, argc, argv, err);

	if (rc == STRATA_OK)
		rc = cli_count(c, &a, 0, 0, err);
	if (rc == STRATA_OK)
		rc = strata_undo(c->repo, v.redo, c->g.quiet ? NULL : &h, c, &res, err);
	if (rc != STRATA_OK || c->g.quiet)
		return rc;
	printf("%s: ", v.redo ? "done again" : "undone");
	safe_line(res.why);
	if (res.files.written || res.files.removed)
		printf("%s file%s written, %s removed\n", human_number(res.files.written).s,
		       plural(res.files.written), human_number(res.files.removed).s);
	return rc;
}
