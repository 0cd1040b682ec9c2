/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/commands.h"
#include "cli/log_graph.h"
#include "cli/steps.h"
#include "cli/versions.h"

struct values {
	bool oneline, all, json, stat, distance, graph, values;
	const char *limit, *since, *until, *author;
	struct cli_list tensors;
};

static const struct cli_option options[] = {
	{ 0, "oneline", OPT_FLAG, offsetof(struct values, oneline), NULL, "one line a version" },
	{ 0, "all", OPT_FLAG, offsetof(struct values, all), NULL,
	  "what any branch or tag comes from, not HEAD alone" },
	{ 'n', "limit", OPT_TEXT, offsetof(struct values, limit), "N",
	  "at most N versions; also -5" },
	{ 0, "tensor", OPT_LIST, offsetof(struct values, tensors), "GLOB",
	  "only versions that changed such a tensor: a name, a glob, or PATH::GLOB" },
	{ 0, "values", OPT_FLAG, offsetof(struct values, values), NULL,
	  "with --tensor: by how much: D (mean absolute difference), L2, cosine" },
	{ 0, "since", OPT_TEXT, offsetof(struct values, since), "DATE",
	  "only versions made at DATE or after it" },
	{ 0, "until", OPT_TEXT, offsetof(struct values, until), "DATE",
	  "only versions made at DATE or before it" },
	{ 0, "author", OPT_TEXT, offsetof(struct values, author), "TEXT",
	  "only versions whose author has TEXT in name or address" },
	{ 0, "stat", OPT_FLAG, offsetof(struct values, stat), NULL,
	  "how many files each version changed" },
	{ 0, "distance", OPT_FLAG, offsetof(struct values, distance), NULL,
	  "how far each version is from its first parent, as 'strata distance'" },
	{ 0, "graph", OPT_FLAG, offsetof(struct values, graph), NULL,
	  "draw branches and merges beside the versions" },
	{ 0, "json", OPT_FLAG, offsetof(struct values, json), NULL, "one JSON object a version" },
	{ 0 },
};

const struct cli_doc doc_log = {
	.args = "[RANGE...] [-- PATH...]",
	.options = options,
	.text = "Shows versions, newest first: those that REV (HEAD if not said) comes from.\n"
		"A..B shows what B has and A has not; A...B what only one of them has. With PATH\n"
		"only versions that changed it.\n"
		"\n"
		"--graph draws where versions come from: '*' is a version, the lines below it lead\n"
		"to its parents. Versions that PATH leaves out are bridged: lines lead to the\n"
		"nearest ones shown. What a version declares to be made from (commit --lineage)\n"
		"stands beside it in words.\n"
		"\n"
		"A revision is a branch, a version number (v12), at least six digits of an id,\n"
		"HEAD or @, each with ~N or ^N for its ancestors. main@{2} is where main was two\n"
		"moves ago, main@{yesterday} and main@{2026-11-20} where it was then (at the end of\n"
		"that day); without a name it is the branch that is checked out.\n"
		"\n"
		"--tensor may be given several times. A name that some tensor has comes before a\n"
		"glob. It lists what each version did to those tensors: A added, M changed, D\n"
		"removed; a merge that took one as a parent has it did not change it. It answers\n"
		"from the catalogue; --values decodes the tensors that are shown, and compares with\n"
		"the first parent that has them.\n"
		"\n"
		"DATE is a day as 2026-11-20 (its beginning; of --until its end), a time as\n"
		"2026-11-20T08:00:00Z, yesterday or now.",
	.examples = "strata log --oneline -5\n"
		    "the last five versions\n"
		    "strata log v3..HEAD\n"
		    "versions since v3\n"
		    "strata log -- model.safetensors\n"
		    "versions that changed a file\n"
		    "strata log --graph --oneline --all\n"
		    "branches and merges at a glance\n"
		    "strata log --tensor 'encoder.*.weight' --values\n"
		    "the steps of some tensors\n"
		    "strata log --since 2026-11-01 --author ada\n"
		    "what Ada made since then\n",
};

struct log {
	struct cli *c;
	const struct values *v;
	bool any;
	strata_repo *other; /* for distances: c->repo is in the middle of the list */
	double weights[STRATA_DISTANCE_TERMS];
	struct log_graph *graph;
	strata_error *err;
};

/* False: not asked for, or no parent. A failure is in l->err. */
static bool distance_of(struct log *l, const strata_version *v, double *out)
{
	strata_distance d;

	if (!l->other || !v->nparents)
		return false;
	if (strata_distance_between(l->other, v->parents[0], v->commit, l->weights, NULL, &d,
				    l->err) != STRATA_OK)
		return false;
	*out = d.distance;
	return true;
}

/* What it did to tensors; non-zero stops. */
static int show_steps(struct log *l, const strata_version *v)
{
	if (steps_print(l->c, v->steps, v->nsteps, l->v->values, l->err) != STRATA_OK)
		return 1;
	return cli_stop(l->c);
}

static int show_oneline(struct log *l, const strata_version *v)
{
	version_line(l->c, v);
	fputc(' ', stdout);
	safe_line(v->message);
	return l->v->values ? show_steps(l, v) : cli_stop(l->c);
}

static int show(void *arg, const strata_version *v)
{
	struct log *l = arg;
	double apart = 0;
	bool known = distance_of(l, v, &apart);

	if (l->err->code != STRATA_OK)
		return 1;
	if (l->v->json) {
		strata_json_object(l->c->json);
		version_json(l->c->json, v);
		if (l->v->distance) {
			strata_json_key(l->c->json, "distance");
			known ? strata_json_real(l->c->json, apart) : strata_json_null(l->c->json);
		}
		if (l->v->tensors.n)
			steps_json(l->c->json, v->steps, v->nsteps);
		strata_json_end_object(l->c->json);
		return cli_emit(l->c);
	}
	if (l->v->oneline) {
		if (known)
			printf("%.4f ", apart);
		else if (l->v->distance)
			fputs("     - ", stdout);
		return show_oneline(l, v);
	}
	if (l->any)
		fputc('\n', stdout);
	l->any = true;
	version_head(l->c, v);
	if (known)
		printf("Distance: %.6f from its parent\n", apart);
	if (v->has_files)
		version_files(&v->files);
	version_message(v->message);
	if (v->nsteps)
		fputc('\n', stdout);
	return show_steps(l, v);
}

static int show_beside(void *arg, const strata_version *v)
{
	struct log *l = arg;

	return log_graph_show(l->graph, v, show, l, l->err);
}

static int show_none(void *arg, const strata_version *v)
{
	(void)arg;
	(void)v;
	return 1;
}

/* Git's reflex: a word that names no revision but a file is a path, also without "--". */
static int sort_out(struct cli *c, const struct cli_args *a, strata_log_options *o,
		    strata_error *err)
{
	char commit[STRATA_HEX];
	size_t i;

	o->revs = a->v;
	o->nrevs = a->before;
	for (i = 0; i < a->before && !a->dashes; i++) {
		if (strstr(a->v[i], "..") || !cli_is_file(a->v[i]))
			continue;
		if (strata_resolve(c->repo, a->v[i], commit, err) == STRATA_OK)
			return cli_fail(err, STRATA_EUSAGE,
					"'%s' is a revision and a file: put '--' before paths",
					a->v[i]);
		*err = (strata_error){ 0 };
		o->nrevs = i;
		break;
	}
	o->paths = a->v + o->nrevs;
	o->npaths = a->n - o->nrevs;
	return STRATA_OK;
}

static int prepare_distances(struct log *l, strata_error *err)
{
	int rc = strata_distance_weights(l->c->repo, NULL, l->weights, err);

	return rc == STRATA_OK ? strata_open(&l->other, NULL, strata_repo_dir(l->c->repo),
					     &l->c->options, err) :
				 rc;
}

int cmd_log(struct cli *c, int argc, char **argv, strata_error *err)
{
	struct values v = { 0 };
	strata_log_options o = { 0 };
	struct log l = { .c = c, .v = &v, .err = err };
	struct cli_args a;
	int rc = cli_begin(c, &a, &v, argc, argv, err);

	if (rc == STRATA_OK && v.limit && !parse_number(v.limit, &o.limit))
		rc = cli_fail(err, STRATA_EUSAGE, "-n is a number, not '%s'", v.limit);
	if (rc == STRATA_OK && v.graph && v.json)
		rc = cli_fail(err, STRATA_EUSAGE, "--graph draws; --json has the parents");
	if (rc == STRATA_OK && v.values && !v.tensors.n)
		rc = cli_fail(err, STRATA_EUSAGE, "--values wants --tensor GLOB");
	if (rc == STRATA_OK)
		rc = sort_out(c, &a, &o, err);
	if (rc != STRATA_OK)
		return rc;
	if (v.distance)
		rc = prepare_distances(&l, err);
	if (rc != STRATA_OK)
		return rc;
	o.all = v.all;
	o.files = v.stat || v.json;
	o.tensors = v.tensors.v;
	o.ntensors = v.tensors.n;
	o.values = v.values;
	o.since = v.since;
	o.until = v.until;
	o.author = v.author;
	if (v.graph)
		rc = log_graph_new(&l.graph, c, &o, err);
	cli_pager_start(c);
	/* To the library, a limit of 0 is none. */
	if (rc == STRATA_OK)
		rc = strata_log(c->repo, &o,
				v.limit && !o.limit ? show_none :
				v.graph		    ? show_beside :
						      show,
				&l, err);
	log_graph_free(l.graph);
	strata_close(l.other);
	return err->code != STRATA_OK ? err->code : rc;
}
