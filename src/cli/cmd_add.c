/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/commands.h"
#include "cli/text.h"

struct values {
	bool all, update, dry_run, force, fast, dereference;
};

static const struct cli_option options[] = {
	{ 'A', "all", OPT_FLAG, offsetof(struct values, all), NULL,
	  "without PATH the whole working tree" },
	{ 'u', "update", OPT_FLAG, offsetof(struct values, update), NULL,
	  "only files that are tracked already, removals too" },
	{ 'n', "dry-run", OPT_FLAG, offsetof(struct values, dry_run), NULL,
	  "only say what would be staged" },
	{ 'f', "force", OPT_FLAG, offsetof(struct values, force), NULL,
	  "also files that .strataignore names" },
	{ 0, "fast", OPT_FLAG, offsetof(struct values, fast), NULL,
	  "hash and copy only, do not compress" },
	{ 0, "dereference", OPT_FLAG, offsetof(struct values, dereference), NULL,
	  "of a symbolic link that leaves the tree, store its target" },
	{ 0 },
};

const struct cli_doc doc_add = {
	.args = "[PATH...]",
	.options = options,
	.text = "Stores the files and stages them: the next commit makes a version of what is\n"
		"staged; of tracked files that are gone, their removal. Each tensor of a model\n"
		"file is stored once, under its hash; of one that changed, only the parts of\n"
		"1 MiB that changed. Nothing is staged before it has been read back and verified.\n"
		"\n"
		"A file that has not changed since it was last added costs one look at its time\n"
		"and size. A file that changes while it is read is read once more; if it changes\n"
		"again, nothing is staged and the exit status is 4. After an interruption, the\n"
		"same command goes on where it stopped.\n"
		"\n"
		"A model file whose structure is damaged is stored as an ordinary file, with a\n"
		"warning. Sockets, FIFOs and devices are skipped with a warning; so is a text in\n"
		"conflict that has the lines of both sides as the merge wrote it, which is refused\n"
		"by its name.",
	.examples = "strata add model.safetensors config.json\n"
		    "stage two files\n"
		    "strata add -A\n"
		    "stage everything as it is now, removals included\n"
		    "strata add --dereference ~/.cache/hub/snapshot\n"
		    "store what the links of a cache point to\n",
};

static int show(void *arg, char what, const char *path)
{
	struct cli *c = arg;

	cli_progress_clear(c);
	fputs(what == 'D' ? "remove  " : what == 'M' ? "change  " : "add     ", stdout);
	name_put(stdout, path);
	fputc('\n', stdout);
	return cli_stop(c);
}

static void summary(const struct values *v, const strata_add_result *r)
{
	if (r->files == 0 && r->removed == 0)
		return;
	printf("%s %s file%s", v->dry_run ? "would stage" : "staged", human_number(r->files).s,
	       plural(r->files));
	if (!v->dry_run && r->files)
		printf(", %s, stored %s", human_bytes(r->bytes).s, human_bytes(r->stored).s);
	if (r->removed)
		printf("; %s removed", human_number(r->removed).s);
	fputc('\n', stdout);
}

static unsigned flags_of(const struct values *v)
{
	return (v->all ? STRATA_ADD_ALL : 0u) | (v->update ? STRATA_ADD_UPDATE : 0u) |
	       (v->dry_run ? STRATA_ADD_DRY_RUN : 0u) | (v->force ? STRATA_ADD_FORCE : 0u) |
	       (v->fast ? STRATA_ADD_FAST : 0u) | (v->dereference ? STRATA_ADD_DEREFERENCE : 0u);
}

int cmd_add(struct cli *c, int argc, char **argv, strata_error *err)
{
	struct values v = { 0 };
	strata_add_result result;
	struct cli_args a;
	bool list;
	int rc = cli_begin(c, &a, &v, argc, argv, err);

	if (rc != STRATA_OK)
		return rc;
	if (v.all && v.update)
		return cli_fail(err, STRATA_EUSAGE, "-A and -u exclude each other");
	if (a.n == 0 && !v.all && !v.update)
		return cli_fail(err, STRATA_EUSAGE,
				"nothing named: give paths ('.' is this directory), or -A for "
				"everything");
	list = v.dry_run || c->g.verbose;
	rc = strata_add(c->repo, a.v, a.n, flags_of(&v), list ? show : NULL, c, &result, err);
	if (rc == STRATA_OK && !c->g.quiet)
		summary(&v, &result);
	return rc;
}
