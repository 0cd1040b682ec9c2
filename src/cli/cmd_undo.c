/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/commands.h"
#include "cli/versions.h"
#include "cli/went.h"

struct values {
	bool redo, json;
};

static const struct cli_option options[] = {
	{ 0, "redo", OPT_FLAG, offsetof(struct values, redo), NULL,
	  "step forward: do the command again that was undone last" },
	{ 0, "json", OPT_FLAG, offsetof(struct values, json), NULL,
	  "one JSON object a ref moved, file kept or lost, then one that sums up" },
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
		"version and not staged cannot come back: where the command overwrote such\n"
		"files ('reset --hard', 'switch -f', 'rm -f'), undo names them. A change that\n"
		"makes a file equal to the version a command goes to counts as that version's.\n"
		"\n"
		"Nothing is erased: an undone version keeps its number and stays in 'strata\n"
		"reflog'. What was only staged is kept for two weeks ('strata gc'); undo says\n"
		"what is no longer stored, leaves it as it is now, and goes on.\n"
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

static int show_lost(void *arg, const char *path, bool gone)
{
	(void)arg;
	fputs(gone ? "not brought back, it is no longer stored: " :
		     "not brought back, it was in no version and not staged: ",
	      stdout);
	name_put(stdout, path);
	fputc('\n', stdout);
	return 0;
}

static int emit_ref(void *arg, const char *name, const char *old, const char *value)
{
	struct cli *c = arg;

	strata_json_object(c->json);
	jk_text(c->json, "kind", "ref");
	jk_text(c->json, "name", name);
	jk_text(c->json, "old", old);
	jk_text(c->json, "new", value);
	strata_json_end_object(c->json);
	return cli_emit(c);
}

static int emit_kept(void *arg, const char *path)
{
	struct cli *c = arg;

	strata_json_object(c->json);
	jk_text(c->json, "kind", "kept");
	jk_name(c->json, "path", path);
	strata_json_end_object(c->json);
	return cli_emit(c);
}

static int emit_lost(void *arg, const char *path, bool gone)
{
	struct cli *c = arg;

	strata_json_object(c->json);
	jk_text(c->json, "kind", "lost");
	jk_name(c->json, "path", path);
	jk_text(c->json, "cause", gone ? "gc" : "overwritten");
	strata_json_end_object(c->json);
	return cli_emit(c);
}

static void emit(struct cli *c, const strata_undo_result *r)
{
	strata_json *j = c->json;

	strata_json_object(j);
	jk_text(j, "kind", "summary");
	jk_u64(j, "operation", r->operation);
	jk_text(j, "verb", r->verb);
	jk_text(j, "why", r->why);
	jk_u64(j, "kept", r->kept);
	jk_u64(j, "lost", r->lost);
	jk_bool(j, "staged_gone", r->staged_gone);
	went_json(j, &r->files);
	strata_json_end_object(j);
	cli_emit(c);
}

static void show(const strata_undo_result *r, bool redo)
{
	if (r->staged_gone)
		puts("not brought back: what was staged then, it is no longer stored");
	printf("%s: ", redo ? "done again" : "undone");
	safe_line(r->why);
	if (r->files.written || r->files.removed)
		printf("%s file%s written, %s removed\n", human_number(r->files.written).s,
		       plural(r->files.written), human_number(r->files.removed).s);
	if (r->lost)
		printf("%s file%s could not be brought back as %s %s '%s'\n",
		       human_number(r->lost).s, plural(r->lost),
		       r->lost == 1 ? "it was" : "they were", redo ? "after" : "before", r->verb);
}

int cmd_undo(struct cli *c, int argc, char **argv, strata_error *err)
{
	static const strata_undo_handler text = { show_ref, show_kept, show_lost },
					 json = { emit_ref, emit_kept, emit_lost };
	struct values v = { 0 };
	strata_undo_result res;
	struct cli_args a;
	int rc = cli_begin(c, &a, &v, argc, argv, err);

	if (rc == STRATA_OK)
		rc = cli_count(c, &a, 0, 0, err);
	if (rc == STRATA_OK)
		rc = strata_undo(c->repo, v.redo,
				 v.json	    ? &json :
				 c->g.quiet ? NULL :
					      &text,
				 c, &res, err);
	if (rc == STRATA_OK && v.json)
		emit(c, &res);
	if (v.json)
		return rc;
	if (rc != STRATA_OK || c->g.quiet)
		return rc;
	show(&res, v.redo);
	return rc;
}
